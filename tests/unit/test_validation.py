"""The validation in small: every case runs, a repetition is its number, and the page tells a wrong claim from a kept one."""

import numpy as np
import pandas as pd
import pytest

from needling.validation.cases import CASES, COLUMNS, repeated
from needling.validation.page import page, summary

# repetitions that show what a case claims in a moment; the page of hundreds is docs/validation.md
FEW = {"ancova": 12, "growth_curve": 6, "missing_data": 5, "responders": 8, "harms": 12, "graph": 20}


def rows(n=400, error=0.0, inside=0.95, rejected=np.nan, expected="kept", case="ancova", claim="one"):
    """Repetitions with a known bias (spread 1), share of intervals that hold and share of tests that reject."""
    made = pd.DataFrame({"case": case, "claim": claim, "expected": expected, "repetition": range(n)})
    made["error"] = error + np.tile([-1.0, 1.0], n // 2)
    made["inside"] = (np.arange(n) < inside * n).astype(float)
    made["rejected"] = np.nan if np.isnan(rejected) else (np.arange(n) < rejected * n).astype(float)
    return made[list(COLUMNS)]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (rows(), "kept"),
        (rows(error=0.2), "off"),
        (rows(error=-0.2), "off"),
        (rows(error=0.1), "kept"),  # two Monte Carlo errors
        (rows(inside=0.90), "off"),
        (rows(inside=1.0), "off"),
        (rows(inside=1.0, expected="at_least"), "kept"),
        (rows(rejected=0.05), "kept"),
        (rows(rejected=0.10), "off"),
        (rows(rejected=0.0), "off"),
        (rows(rejected=0.0, expected="at_least"), "kept"),
        (rows(rejected=0.10, expected="at_least"), "off"),
        (rows(error=0.5, inside=0.5, expected="wrong"), "wrong"),
        (rows(error=0.5, inside=0.95, expected="wrong"), "off"),
        (rows(expected="wrong"), "off"),
        (rows().assign(error=np.nan, inside=np.nan), "off"),
    ],
)
def test_a_claim_is_judged_by_three_monte_carlo_errors(made, expected):
    assert summary(made)["found"].tolist() == [expected]


def test_monte_carlo_errors_by_hand():
    one = summary(rows(n=400, error=0.1, inside=0.9, rejected=0.04)).iloc[0]
    assert one["bias"] == pytest.approx(0.1)
    assert one["bias_error"] == pytest.approx(np.sqrt(400 / 399) / 20)
    assert one["coverage_error"] == pytest.approx(np.sqrt(0.9 * 0.1 / 400))
    assert one["rejection_error"] == pytest.approx(np.sqrt(0.04 * 0.96 / 400))
    assert one["failed"] == 0


def test_the_page_shows_every_claim_with_its_figures():
    made = pd.concat(
        [rows(rejected=0.05), rows(case="naive", claim="two", error=0.5, inside=0.5, expected="wrong").head(398)]
    )
    text = page(made)
    assert "| one | 400 | +0.000 ± 0.050 | 95.0 ± 1.1 % | 5.0 ± 1.1 % | kept | kept |" in text
    assert "| two | 398 | +0.500 ± 0.050 | 50.3 ± 2.5 % |  | wrong | wrong |" in text
    assert text.index("## ancova") < text.index("## naive")


@pytest.mark.parametrize("case", ["ancova", "graph"])
def test_jobs_may_share_the_repetitions_in_any_way(case):
    pd.testing.assert_frame_equal(
        repeated(case, 2, 2), pd.concat([repeated(case, 2, 1), repeated(case, 3, 1)], ignore_index=True)
    )


def test_every_case_says_what_it_draws():
    assert all(one.__doc__ for one in CASES.values())


@pytest.mark.slow
@pytest.mark.parametrize("case", list(FEW))
def test_a_few_repetitions_keep_every_promise_that_few_can_show(case):
    found = summary(repeated(case, 0, FEW[case]))
    assert found["failed"].sum() == 0
    kept = found[found["expected"] != "wrong"]
    with_bias = kept[kept["bias"].notna()]
    assert (with_bias["bias"].abs() < 4 * with_bias["bias_error"]).all(), with_bias
    assert (kept["coverage"].dropna() >= 0.6).all(), kept
    assert (kept["rejection"].dropna() <= 0.35).all(), kept


@pytest.mark.slow
def test_habits_are_wrong_where_the_mixed_model_is_right():
    """Who is still in pain leaves usual care: a t test finds it better, the last value carried forward worse, than it is."""
    habits, mixed = (summary(repeated(case, 0, 16)).set_index("claim") for case in ("naive", "repeated_measures"))
    bias = (habits["bias"] / habits["bias_error"]).to_dict()
    assert bias["no effect, loss at random: t test of those measured"] > 3
    assert bias["no effect, loss at random: last value carried forward"] < -3
    assert (mixed["bias"].abs() < 3 * mixed["bias_error"]).all()
