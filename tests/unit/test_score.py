"""Scores from items and totals, and Cronbach's alpha."""

import numpy as np
import pandas as pd
import pytest

from needling.instruments.definition import definitions
from needling.instruments.scoring import reliability, score
from needling.schema.contract import check
from needling.schema.frames import SCORES
from needling.study.sources import Instrument

PLAN = definitions(
    {
        "nprs": Instrument(total="nprs"),
        "ndi": Instrument(items="ndi_1 .. ndi_10", total="ndi"),
        "ppt": Instrument(items="ppt_1 .. ppt_3"),
    }
)


def cells(*rows: tuple[int, str, str, float | None]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["visit_row", "instrument", "item", "value"])
    return table.assign(row=range(len(table)), unit="points", missing_reason=None)


def ndi(visit_row: int, answers: list[float | None]) -> list[tuple]:
    return [(visit_row, "ndi", str(number), value) for number, value in enumerate(answers, 1)]


def test_items_win_and_a_total_stands_in():
    outcomes = cells(
        (4, "nprs", "total", 6),
        *ndi(4, [3] * 10),
        (4, "ndi", "total", 99),
        *ndi(2, [3] * 5 + [None] * 5),
        (2, "ndi", "total", 44),
        *ndi(1, [2] * 8 + [None] * 2),
        *ndi(0, [2] * 5 + [None] * 5),
        *[(4, "ppt", str(n), 200 + n) for n in (1, 2, 3)],
    )
    result = check(score(outcomes, PLAN), SCORES, "scores")
    rows = [tuple(row) for row in result.itertuples(index=False)]
    assert rows == [
        (4, "nprs", 6, "0-10 points", pytest.approx(np.nan, nan_ok=True), "total"),
        (1, "ndi", 40, "%", 8, "items"),
        (2, "ndi", 44, "%", 5, "total"),
        (4, "ndi", 60, "%", 10, "items"),
        (4, "ppt", 202, "kPa", 3, "items"),
    ]


def test_the_order_of_rows_does_not_matter():
    outcomes = cells(*[cell for visit in range(20) for cell in ndi(visit, [(visit + n) % 6 for n in range(10)])])
    shuffled = outcomes.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(score(outcomes, PLAN), score(shuffled, PLAN))


def test_nothing_measured_gives_no_scores():
    assert len(score(cells(), PLAN)) == 0
    assert len(score(cells((0, "nprs", "total", None)), PLAN)) == 0


def answers(rng: np.random.Generator, people: int) -> np.ndarray:
    """Ten items that share one factor: true alpha is 10 r / (1 + 9 r)."""
    factor = rng.normal(size=(people, 1))
    return np.sqrt(0.4) * factor + np.sqrt(0.6) * rng.normal(size=(people, 10))


def alpha_of(values: np.ndarray) -> pd.DataFrame:
    outcomes = cells(*[cell for place, row in enumerate(values) for cell in ndi(place, row.tolist())])
    return reliability(outcomes, PLAN, pd.Series(range(len(values)))).set_index("instrument")


def test_alpha_recovers_what_the_items_were_made_with():
    found = alpha_of(answers(np.random.default_rng(11), 2000)).loc["ndi"]
    truth = 10 * 0.4 / (1 + 9 * 0.4)
    assert found["n"] == 2000
    assert found["low"] < truth < found["high"]
    assert found["alpha"] == pytest.approx(truth, abs=0.015)


def test_alpha_is_the_published_formula_on_complete_questionnaires():
    values = answers(np.random.default_rng(12), 60)
    values[3, 4] = np.nan
    found = alpha_of(values).loc["ndi"]
    complete = np.delete(values, 3, axis=0)
    by_hand = 10 / 9 * (1 - complete.var(axis=0, ddof=1).sum() / complete.sum(axis=1).var(ddof=1))
    assert found["alpha"] == pytest.approx(by_hand, rel=1e-12)
    assert found["n"] == 59


def test_alpha_of_pingouins_worked_example():
    """Its documentation gives 0.8017 for the nine complete rows of `cronbach_wide_missing`, 11 items.

    They are taken twice, which leaves alpha as it is, because fewer than ten questionnaires get no alpha here.
    """
    import pingouin

    table = pingouin.read_dataset("cronbach_wide_missing")
    values = np.tile(table.to_numpy(dtype=float) + 1, (2, 1))
    quick = definitions({"quickdash": Instrument(items=f"q_1 .. q_{values.shape[1]}")})
    outcomes = cells(*[(r, "quickdash", str(i), v) for r, row in enumerate(values) for i, v in enumerate(row, 1)])
    found = reliability(outcomes, quick, pd.Series(range(len(values)))).iloc[0]
    assert round(found["alpha"], 4) == 0.8017
    assert found["n"] == 18


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_alpha_of_repeated_readings_is_the_intraclass_correlation_of_their_mean():
    import pingouin

    values = answers(np.random.default_rng(4), 50)
    long = pd.DataFrame(values).reset_index().melt(id_vars="index")
    found = pingouin.intraclass_corr(long, targets="index", raters="variable", ratings="value").set_index("Type")
    assert alpha_of(values).loc["ndi", "alpha"] == pytest.approx(found.loc["ICC(C,k)", "ICC"], rel=1e-9)


def test_alpha_is_not_given_for_few_or_constant_questionnaires():
    assert np.isnan(alpha_of(answers(np.random.default_rng(1), 9)).loc["ndi", "alpha"])
    assert np.isnan(alpha_of(np.full((30, 10), 2.0)).loc["ndi", "alpha"])


def test_only_the_named_visits_count():
    values = answers(np.random.default_rng(5), 40)
    outcomes = cells(*[cell for place, row in enumerate(values) for cell in ndi(place, row.tolist())])
    assert reliability(outcomes, PLAN, pd.Series(range(25))).set_index("instrument").loc["ndi", "n"] == 25
