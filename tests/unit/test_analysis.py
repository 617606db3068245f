"""Analyses on frames with known truth, and on the awkward frames that real studies make."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from needling.analysis.multiplicity import adjust
from needling.analysis.run import analyse
from needling.cohort.frame import add_baseline
from needling.schema import RESULTS, check
from needling.study.file import part
from needling.study.plan import Ancova, GrowthCurve, RepeatedMeasures

EFFECT = {"week_2": -0.5, "week_4": -1.0, "week_8": -0.8}
VISITS = ["baseline", *EFFECT]
STUDY = {
    "patients": {
        "id": "id",
        "arm": {"from": "arm", "codes": {"1": "usual_care", "2": "dry_needling"}, "reference": "usual_care"},
        "covariates": {"age": "age", "sex": "sex"},
    },
    "visits": {
        "schedule": {
            "baseline": {"label": "Baseline", "week": 0},
            **{visit: {"label": visit, "week": float(visit[5:])} for visit in EFFECT},
        },
        "primary": "week_4",
    },
    "cohorts": {"neck": {"label": "Neck pain", "outcomes": {"pain": "nprs"}}},
    "disclosure": {"min_cell": 11},
}
COMMON = {"label": "A", "outcomes": ["pain"], "adjust": ["age", "sex"]}


def frame(patients: int, seed: int = 1, effect: float = 1.0, missing: float = 0.1) -> pd.DataFrame:
    """Pain of two arms whose true difference at each visit is EFFECT times `effect`."""
    rng = np.random.default_rng(seed)
    arm = rng.permutation(np.arange(patients) % 2)
    person = rng.normal(0, 1.2, patients)
    rows = [
        pd.DataFrame(
            {
                "patient": [f"P{i:04d}" for i in range(patients)],
                "arm": np.where(arm == 1, "dry_needling", "usual_care"),
                "age": rng.normal(45, 10, patients).round(),
                "sex": rng.choice(["female", "male"], patients),
                "visit": visit,
                "week": float(visit[5:]) if number else 0.0,
                "value": 6
                + person
                + arm * effect * EFFECT.get(visit, 0)
                - 0.5 * (number > 0)
                + rng.normal(0, 1, patients),
            }
        )
        for number, visit in enumerate(VISITS)
    ]
    table = pd.concat(rows, ignore_index=True)
    keep = (table["visit"] == "baseline") | (rng.random(len(table)) > missing)
    table = table[keep].assign(cohort="neck", outcome="pain", unit="0-10 points", better="lower")
    table[["clinic", "therapist"]] = "C01", "T01"
    return add_baseline(table, "baseline")


def study(**analyses: object) -> object:
    plan = part({**STUDY, "analyses": {}})
    plan.__dict__["analyses"] = analyses
    return plan


def effects(found: object) -> pd.DataFrame:
    results = check(found.results, RESULTS, "results")
    return results[results["term"] == "effect"].set_index("visit")


@pytest.mark.parametrize("baseline", ["covariate", "constrained"])
def test_repeated_measures_find_the_truth(baseline: str) -> None:
    settings = RepeatedMeasures(kind="repeated_measures", baseline=baseline, **COMMON)
    found = effects(analyse("main", frame(2000), study(main=settings)))
    for visit, truth in EFFECT.items():
        assert abs(found.loc[visit, "estimate"] - truth) < 4 * found.loc[visit, "se"]
        assert found.loc[visit, "se"] < 0.08
    assert set(found["favours"]) == {"dry_needling"}
    assert set(found["status"]) == {"converged"}


def test_means_differ_by_the_effect() -> None:
    for baseline in ("covariate", "constrained"):
        settings = RepeatedMeasures(kind="repeated_measures", baseline=baseline, **COMMON)
        results = analyse("main", frame(150), study(main=settings)).results
        means = results[results["term"] == "mean"].set_index(["visit", "contrast"])["estimate"]
        found = results[results["term"] == "effect"].set_index("visit")["estimate"]
        for visit in EFFECT:
            difference = means[visit, "dry_needling"] - means[visit, "usual_care"]
            assert difference == pytest.approx(found[visit], abs=1e-8)


def test_compound_symmetry_as_a_fallback_takes_its_variance_from_the_data() -> None:
    """Weeks 2 and 8 never occur together, so an unstructured covariance is not identified and the ladder goes on."""
    data = frame(120, missing=0)
    even = data["patient"].str[1:].astype(int) // 2 % 2 == 0
    data = data[~((data["visit"] == "week_2") & even) & ~((data["visit"] == "week_8") & ~even)]
    settings = RepeatedMeasures(kind="repeated_measures", residual=["unstructured", "compound_symmetry"], **COMMON)
    found = effects(analyse("main", data, study(main=settings)))
    assert found["method"].str.contains("CR2").all()
    assert found["note"].str.contains("did not hold: unstructured covariance over visits").all()
    alone = RepeatedMeasures(kind="repeated_measures", residual=["compound_symmetry"], **COMMON)
    believed = effects(analyse("main", frame(120), study(main=alone)))
    assert not believed["method"].str.contains("CR2").any()


def test_ancova_agrees_with_a_formula_in_statsmodels() -> None:
    import statsmodels.formula.api as smf

    data = frame(200)
    found = effects(analyse("a", data, study(a=Ancova(kind="ancova", visits=["week_4"], **COMMON))))
    at_4 = data[data["visit"] == "week_4"]
    fit = smf.ols("value ~ C(arm, Treatment('usual_care')) + baseline + age + C(sex)", at_4).fit()
    name = next(term for term in fit.params.index if "dry_needling" in term)
    assert found.loc["week_4", "estimate"] == pytest.approx(fit.params[name], rel=1e-9)
    assert found.loc["week_4", ["low", "high"]].to_list() == pytest.approx(fit.conf_int().loc[name].to_list(), rel=1e-9)
    assert found.loc["week_4", "n_patients"] == int(fit.nobs)


@pytest.mark.parametrize("kind", ["ancova", "repeated_measures"])
def test_coefficients_of_few_people_are_not_given(kind: str) -> None:
    """Three people of a third sex; also where the few are the reference, so the intercept goes too."""
    data = frame(200)
    few = data["patient"].isin(sorted(set(data["patient"]))[:3])
    data["sex"] = data["sex"].mask(few, "a_third")
    settings = {
        "ancova": Ancova(kind="ancova", visits=["week_4"], **COMMON),
        "repeated_measures": RepeatedMeasures(kind="repeated_measures", **COMMON),
    }[kind]
    results = check(analyse("a", data, study(a=settings)).results, RESULTS, "results")
    coefficients = results[results["term"] == "coefficient"].set_index("contrast")
    hidden = coefficients.index.str.startswith(("sex", "Intercept"))
    assert hidden.sum() == 3
    assert coefficients.loc[hidden, ["estimate", "se", "df", "statistic", "p", "low", "high"]].isna().all(axis=None)
    assert set(coefficients.loc[hidden, "status"]) == {"suppressed"}
    assert coefficients.loc[~hidden, "se"].notna().all()
    assert np.isfinite(effects_of(results)).all()


def effects_of(results: pd.DataFrame) -> pd.Series:
    return results.loc[results["term"] == "effect", "estimate"]


def test_marginal_means_average_over_the_measurements_as_the_results_say() -> None:
    data = frame(60, missing=0.3)
    results = analyse("main", data, study(main=RepeatedMeasures(kind="repeated_measures", **COMMON))).results
    means = results[results["term"] == "mean"]
    assert set(means["weights"]) == {"the analysed measurements"}
    estimate = results[results["term"] == "coefficient"].set_index("contrast")["estimate"]
    terms = {"baseline": "baseline", "age": "age", "sex male": "male"}
    used = data[data["visit"] != "baseline"].assign(male=data["sex"] == "male")
    other = sum(estimate[term] * used[name].mean() for term, name in terms.items())
    first = means[(means["visit"] == used["visit"].iloc[0]) & (means["contrast"] == "usual_care")].iloc[0]
    assert first["estimate"] == pytest.approx(estimate["Intercept"] + other, abs=1e-8)


def test_growth_curve_finds_slope_and_effect() -> None:
    data = frame(3000, missing=0)
    weeks = data["week"].to_numpy()
    data["value"] += np.where(data["arm"] == "dry_needling", -0.1 * weeks, 0.0) - data["arm"].eq("dry_needling") * data[
        "visit"
    ].map(EFFECT).fillna(0)
    data = add_baseline(data, "baseline")
    results = analyse("g", data, study(g=GrowthCurve(kind="growth_curve", **COMMON))).results
    slope = results[results["term"] == "slope"].iloc[0]
    effect = results[results["term"] == "effect"].iloc[0]
    assert abs(slope["estimate"] + 0.1) < 4 * slope["se"]
    assert abs(effect["estimate"] + 0.4) < 4 * effect["se"]
    assert effect["visit"] == "week_4"


def test_improvement_turns_sign_limits_and_statistic_but_not_who_is_favoured() -> None:
    settings = {"kind": "ancova", "visits": ["week_4"], **COMMON}
    as_measured = effects(analyse("a", frame(200), study(a=Ancova(**settings)))).iloc[0]
    turned = effects(analyse("a", frame(200), study(a=Ancova(**settings, report_as="improvement")))).iloc[0]
    assert turned["estimate"] == -as_measured["estimate"]
    assert (turned["low"], turned["high"]) == (-as_measured["high"], -as_measured["low"])
    assert turned["statistic"] == -as_measured["statistic"]
    assert turned["p"] == as_measured["p"]
    assert turned["favours"] == as_measured["favours"] == "dry_needling"


def test_an_arm_without_patients_is_a_row_that_says_so() -> None:
    data = frame(60)
    data = data[data["arm"] == "usual_care"]
    for settings in (
        RepeatedMeasures(kind="repeated_measures", **COMMON),
        GrowthCurve(kind="growth_curve", **COMMON),
        Ancova(kind="ancova", visits=["week_4"], **COMMON),
    ):
        found = effects(analyse("a", data, study(a=settings)))
        assert set(found["status"]) == {"not_estimated"}
        assert found["note"].str.contains("arm").all()
        assert found["estimate"].isna().all()


def test_observed_at_keeps_only_patients_measured_there() -> None:
    data = frame(300, missing=0.3)
    completers = set(data.loc[data["visit"] == "week_8", "patient"])
    settings = Ancova(kind="ancova", visits=["week_4"], observed_at="week_8", **COMMON)
    found = effects(analyse("a", data, study(a=settings)))
    at_4 = data[(data["visit"] == "week_4") & data["patient"].isin(completers)]
    assert found.loc["week_4", "n_patients"] == len(at_4)


def test_coverage_of_repeated_measures_over_small_studies() -> None:
    """50 studies of 60 patients: 95 % intervals hold the truth about as often as they say (binomial limits 99.9 %)."""
    settings = RepeatedMeasures(kind="repeated_measures", **COMMON)
    covered = []
    for seed in range(50):
        found = effects(analyse("main", frame(60, seed=seed), study(main=settings)))
        covered += [found.loc[v, "low"] <= truth <= found.loc[v, "high"] for v, truth in EFFECT.items()]
    assert len(covered) == 150
    assert 0.87 <= np.mean(covered) <= 0.99


def test_holm_over_a_family() -> None:
    """Holm's steps by hand: 3 p values .01, .02, .04 become .03, .04, .04; a contrast without p still counts."""
    results = pd.DataFrame(
        {"analysis": "a", "term": "effect", "visit": "week_4", "p": [0.01, 0.04, 0.02], "cohort": "c", "outcome": "o"}
    )
    blank = {"text": "", "whole": 0, "number": np.nan}
    results = results.assign(**{c: blank[f.kind] for c, f in RESULTS.items() if c not in results})
    plan = SimpleNamespace(
        analyses={"a": SimpleNamespace(family="f")},
        families={"f": SimpleNamespace(method="holm", level=0.05)},
        visits=SimpleNamespace(primary="week_4"),
    )
    assert adjust(results, plan)["p_adjusted"].round(10).to_list() == [0.03, 0.04, 0.04]
    with_failed = pd.concat([results, results.iloc[[0]].assign(p=np.nan)])
    adjusted = adjust(with_failed, plan)["p_adjusted"]
    assert adjusted.iloc[:3].round(10).to_list() == [0.04, 0.08, 0.06]
    assert np.isnan(adjusted.iloc[3])
