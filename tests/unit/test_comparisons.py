"""How arms are compared: who is favoured, any number of arms, margins, and standardised differences."""

import numpy as np
import pandas as pd
import pytest
from made_trials import KINDS, THREE, effects, frame, run, three_arms
from scipy import stats

from needling.analysis.results import favoured

# ---------------------------------------------------------------- signs and directions


def test_improvement_turns_sign_limits_and_statistic_but_not_who_is_favoured() -> None:
    as_measured = effects(run(frame(200), kind="ancova", visits=["week_4"])).iloc[0]
    turned = effects(run(frame(200), kind="ancova", visits=["week_4"], report_as="improvement")).iloc[0]
    assert (as_measured["better"], turned["better"]) == ("lower", "higher")
    assert turned["estimate"] == -as_measured["estimate"]
    assert (turned["low"], turned["high"]) == (-as_measured["high"], -as_measured["low"])
    assert turned["statistic"] == -as_measured["statistic"]
    assert turned["p"] == as_measured["p"]
    assert turned["favours"] == as_measured["favours"] == "dry_needling"


@pytest.mark.parametrize("better", ["lower", "higher"])
@pytest.mark.parametrize("report_as", ["difference", "improvement"])
@pytest.mark.parametrize("effect", [2.0, -2.0])
@pytest.mark.parametrize("settings", [{"kind": "ancova", "visits": ["week_4"]}, {"kind": "repeated_measures"}])
def test_who_is_favoured_does_not_depend_on_how_it_is_reported(better, report_as, effect, settings) -> None:
    """Needling's values are lower where the effect is positive here (EFFECT is below 0): better, if lower is."""
    row = effects(run(frame(120, effect=effect).assign(better=better), report_as=report_as, **settings)).loc["week_4"]
    needles_lower = effect > 0
    assert row["favours"] == ("dry_needling" if needles_lower == (better == "lower") else "usual_care")
    turned = report_as == "improvement" and better == "lower"
    assert (row["estimate"] < 0) == (needles_lower != turned)
    assert row["better"] == ("higher" if turned else better)
    assert (row["estimate"] > 0) == ((row["favours"] == "dry_needling") == (row["better"] == "higher"))


def test_nobody_is_favoured_without_a_difference_or_a_direction() -> None:
    row = {"quantity": "difference", "arm": "a", "reference": "b", "estimate": 1.0, "better": "higher"}
    cases = [
        ({}, "a"),
        ({"estimate": -1.0}, "b"),
        ({"estimate": 0.0}, ""),
        ({"estimate": np.nan}, ""),
        ({"reference": ""}, ""),
    ]
    cases += [
        ({"better": "neither"}, ""),
        ({"quantity": "risk_ratio"}, ""),
        ({"quantity": "risk_ratio", "estimate": 0.5}, "b"),
    ]
    assert favoured(pd.DataFrame([{**row, **case} for case, _ in cases])) == [arm for _, arm in cases]


# ---------------------------------------------------------------- any number of arms


@pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)
def test_three_arms_each_against_the_reference(settings) -> None:
    results = run(three_arms(), arms=THREE, **settings).results
    quantity = "change" if settings.get("baseline") == "response" else "difference"
    at_4 = results[(results["quantity"] == quantity) & results["reference"].ne("") & (results["visit"] == "week_4")]
    found = at_4.set_index(["arm", "reference"])
    assert list(found.index) == [("sham", "usual_care"), ("dry_needling", "usual_care")]
    for (arm, _), row in found.iterrows():
        truth = {"sham": -0.4, "dry_needling": -1.0}[arm]
        assert abs(row["estimate"] - truth) < 3.5 * row["se"]


def test_pairs_and_weights_agree_with_the_comparisons_against_the_reference() -> None:
    data = three_arms()
    for settings in (KINDS["ancova"], KINDS["mmrm"], KINDS["constrained"]):
        base = effects(run(data, arms=THREE, **settings)).loc[["week_4"]].set_index("arm")["estimate"]
        pairs = (
            effects(run(data, arms=THREE, contrasts="pairwise", **settings))
            .loc[["week_4"]]
            .set_index(["arm", "reference"])
        )
        assert pairs.loc[("dry_needling", "sham"), "estimate"] == pytest.approx(
            base["dry_needling"] - base["sham"], abs=1e-8
        )
        weights = {"dry_needling": 1.0, "usual_care": -0.5, "sham": -0.5}
        made = run(data, arms=THREE, contrasts=weights, **settings).results
        one = made[made["quantity"].eq("difference") & made["arm"].eq("") & made["visit"].eq("week_4")].iloc[0]
        assert one["estimate"] == pytest.approx(base["dry_needling"] - 0.5 * base["sham"], abs=1e-8)
        other = (
            effects(run(data, arms=THREE, reference="sham", **settings)).loc[["week_4"]].set_index("arm")["estimate"]
        )
        assert other["usual_care"] == pytest.approx(-base["sham"], abs=1e-8)


def test_a_trend_is_the_slope_over_dose() -> None:
    dose = {"usual_care": 0.0, "sham": 1.0, "dry_needling": 4.0}
    data = three_arms()
    made = run(data, arms=THREE, dose=dose, contrasts="trend", kind="ancova", visits=["week_4"], adjust=[]).results
    row, means = (
        made[made["quantity"] == "trend"].iloc[0],
        made[made["quantity"] == "mean"].set_index("arm")["estimate"],
    )
    x, y = np.array([dose[arm] for arm in means.index]), means.to_numpy()
    assert row["estimate"] == pytest.approx(np.polyfit(x, y, 1)[0], abs=1e-10)
    assert row["unit"] == "points per unit of dose"
    assert row["p"] < 0.001


# ---------------------------------------------------------------- margins


@pytest.mark.parametrize("report_as", ["difference", "improvement"])
@pytest.mark.parametrize("better", ["lower", "higher"])
def test_non_inferiority_tests_the_side_that_is_worse(better, report_as) -> None:
    data = frame(160, effect=0.5).assign(better=better)
    plain = effects(run(data, kind="ancova", visits=["week_4"], report_as=report_as)).iloc[0]
    row = effects(
        run(data, kind="ancova", visits=["week_4"], report_as=report_as, framework="non_inferiority", margin=0.8)
    ).iloc[0]
    worse = 1 if row["better"] == "lower" else -1
    t = (worse * plain["estimate"] - 0.8) / plain["se"]
    assert row["p"] == pytest.approx(stats.t.cdf(t, plain["df"]), rel=1e-9)
    assert row["statistic"] == pytest.approx(worse * t, rel=1e-9)
    assert (row["low"], row["high"]) == (plain["low"], plain["high"])
    assert (row["margin"], row["framework"]) == (0.8, "non_inferiority")


def test_equivalence_is_two_one_sided_tests_and_their_interval() -> None:
    data = frame(400, effect=0.1)
    plain = effects(run(data, kind="ancova", visits=["week_4"])).iloc[0]
    row = effects(run(data, kind="ancova", visits=["week_4"], framework="equivalence", margin=0.5)).iloc[0]
    each = [
        stats.t.sf((plain["estimate"] + 0.5) / plain["se"], plain["df"]),
        stats.t.cdf((plain["estimate"] - 0.5) / plain["se"], plain["df"]),
    ]
    assert row["p"] == pytest.approx(max(each), rel=1e-9)
    assert row["level"] == pytest.approx(0.90)
    reach = stats.t.ppf(0.95, plain["df"]) * plain["se"]
    assert (row["low"], row["high"]) == pytest.approx((plain["estimate"] - reach, plain["estimate"] + reach))
    assert (row["p"] < 0.05) == (row["low"] > -0.5 and row["high"] < 0.5)


# ---------------------------------------------------------------- standardised differences


def test_standardised_difference_is_hedges_g() -> None:
    """g = J d, d in units of the pooled baseline SD; the variance counts the SD's own error."""
    data = frame(80, missing=0)
    made = run(data, kind="ancova", visits=["week_4"], adjust=[]).results
    raw, row = (made[made["quantity"] == q].iloc[0] for q in ("difference", "standardised_difference"))
    start = data[data["visit"] == "baseline"].groupby("arm")["value"]
    df = int((start.size() - 1).sum())
    sd = np.sqrt((start.var() * (start.size() - 1)).sum() / df)
    factor = 1 - 3 / (4 * df - 1)  # Hedges' approximation of the exact factor
    assert row["estimate"] == pytest.approx(factor * raw["estimate"] / sd, rel=1e-4)
    d = raw["estimate"] / sd
    assert row["se"] == pytest.approx(factor * np.sqrt((raw["se"] / sd) ** 2 + d**2 / (2 * df)), rel=1e-4)
    assert row["favours"] == raw["favours"]
    assert (row["role"], row["df"], row["unit"]) == ("secondary", df, "standard deviations")
    assert np.isnan(row["p"])


def test_standardised_difference_covers_the_truth() -> None:
    inside = []
    for seed in range(120):
        made = run(frame(40, seed=seed, missing=0), kind="ancova", visits=["week_4"], adjust=[]).results
        row = made[made["quantity"] == "standardised_difference"].iloc[0]
        inside.append(row["low"] <= -1.0 / np.sqrt(1.2**2 + 1) <= row["high"])
    assert abs(np.mean(inside) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 120)
