"""Single lines that carry a unit, a limit or degrees of freedom and that no other test would notice."""

import numpy as np
import pandas as pd
import pytest
from made_results import plan as made_plan
from made_results import shown
from small_export import cleaned, outcome, tables, value

from needling.analysis.results import Question
from needling.mixed.fit import fit_mixed
from needling.study.sources import PlannedVisit


@pytest.mark.parametrize(
    ("unit", "of_differences"),
    [("% of maximum possible score", "percentage points"), ("0-10 points", "points"), ("kPa", "kPa")],
)
def test_a_difference_of_percentages_is_in_percentage_points(unit, of_differences):
    fields = dict.fromkeys(Question.__dataclass_fields__, None) | {"unit": unit}
    assert Question(**fields).difference_unit == of_differences


def test_planned_times_are_in_weeks():
    assert PlannedVisit(hours=168).nominal_week == 1
    assert PlannedVisit(days=(22, 34)).nominal_week == 4
    assert PlannedVisit(days=(22, 34), week=5).nominal_week == 5


def data(n=12, seed=3):
    rng = np.random.default_rng(seed)
    people = pd.DataFrame({"patient": np.repeat([f"p{i:02d}" for i in range(n)], 3), "visit": list("abc") * n})
    people["arm"] = np.where(people["patient"].str[1:].astype(int) % 2, "x", "y")
    people["value"] = np.repeat(rng.normal(0, 1, n), 3) + rng.normal(0, 1, 3 * n)
    return people


def test_akaike_counts_two_for_each_covariance_parameter():
    fit = fit_mixed("value ~ arm * visit", data(), residual="compound_symmetry(visit)", subject="patient")
    assert fit.aic == pytest.approx(-2 * fit.log_likelihood + 2 * 2, abs=1e-9)


def test_joint_df_of_fai_and_cornelius_have_a_floor_of_two(monkeypatch):
    from needling.mixed import inference

    fit = fit_mixed("value ~ arm * visit", data(), residual="compound_symmetry(visit)", subject="patient")
    monkeypatch.setattr(inference, "degrees_of_freedom", lambda *_: np.array([1.5, 9.0]))
    L = np.eye(len(fit.coefficient_names))[1:3]
    rule = inference.Inference("satterthwaite")
    assert inference._fai_cornelius(fit, inference.inner_rows(fit, L), L, rule) == 2.0
    monkeypatch.setattr(inference, "degrees_of_freedom", lambda *_: np.array([6.0, 10.0]))
    expected = 6 / 4 + 10 / 8  # E = sum of d / (d - 2); df = 2 E / (E - rank)
    found = inference._fai_cornelius(fit, inference.inner_rows(fit, L), L, rule)
    assert found == pytest.approx(2 * expected / (expected - 2))


@pytest.mark.parametrize(
    ("item", "written", "kept"),
    [
        ("total", "10.04", True),  # rounded by whoever computed it
        ("total", "10.06", False),
        ("total", "-0.04", True),
        ("total", "-0.06", False),
        ("total", "10.5", False),
    ],
)
def test_a_total_may_lie_beyond_its_scale_by_a_rounding_and_no_more(item, written, kept):
    found = tables()
    found["outcomes"].loc[outcome(found, 0, "nprs", item), "value"] = written
    assert np.isnan(value(cleaned(found), found, 0, "nprs", item)) != kept


@pytest.mark.parametrize(("written", "kept"), [("5", True), ("5.01", False), ("-0.01", False), ("0", True)])
def test_an_item_may_not_lie_beyond_its_answers(written, kept):
    found = tables()
    found["outcomes"].loc[outcome(found, 0, "ndi", "3"), "value"] = written
    assert np.isnan(value(cleaned(found), found, 0, "ndi", "3")) != kept


def test_the_change_of_an_arm_is_its_mean_less_the_baseline():
    results = shown(made_plan)[0]["results"].query(
        "analysis == 'primary' and cohort == 'myofascial' and outcome == 'pain'"
    )
    changes = results[results["quantity"].eq("change")].set_index(["arm", "visit"])["estimate"]
    means = results[results["quantity"].eq("mean")].set_index(["arm", "visit"])["estimate"]
    baseline = shown(made_plan)[0]["distribution"].query(
        "cohort == 'myofascial' and outcome == 'pain' and visit == 'baseline'"
    )
    assert len(changes) == 8
    assert np.allclose(means - changes, (means - changes).iloc[0])
    assert (means - changes).iloc[0] == pytest.approx(baseline["mean"].mean(), abs=0.1)
    assert (changes < 0).all()  # made-up people get better, and lower is better
