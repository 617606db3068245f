"""Analyses on frames with known truth, and on the awkward frames that real studies make."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.results import favoured, row_id
from needling.analysis.run import analyse
from needling.cohort.frame import add_baseline
from needling.plan import adjust
from needling.schema.contract import check
from needling.schema.results import KEYS, RESULTS
from needling.study.families import Family
from needling.study.file import part

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
    "design": "randomised",
    "covariates": {},
    "estimands": {},
    "primary": "main",
}
COMMON = {"outcomes": ["pain"], "adjust": ["age", "sex"]}
THREE = {1: "usual_care", 2: "sham", 3: "dry_needling"}


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


def plan(arms=None, dose=None, **analyses):
    """A study of two arms (or those given) with these analyses, each as the study file has it."""
    codes = arms or {1: "usual_care", 2: "dry_needling"}
    arm = {"from": "arm", "codes": {str(k): v for k, v in codes.items()}, "reference": codes[1], "dose": dose or {}}
    patients = {**STUDY["patients"], "arm": arm}
    return part({**STUDY, "patients": patients, "analyses": analyses}, settings_of_kinds())


def run(data, name="main", arms=None, dose=None, **settings):
    """Analyse a frame by one analysis; all its tables."""
    study = plan(arms, dose, **{name: {**COMMON, **settings}})
    patients = data.drop_duplicates("patient")[["patient", "cohort", "arm"]]
    return analyse(name, {"visits": data, "patients": patients}, study)


def effects(found):
    """The comparisons of two arms at each visit."""
    results = check(found.results, RESULTS, "results")
    return results[results["quantity"].eq("difference") & results["reference"].ne("")].set_index("visit")


def three_arms(patients=240, seed=3, missing=0.1):
    """A frame of three arms: sham is 0.4, needling 1.0 better than usual care at every visit after baseline."""
    data = frame(patients, seed, effect=0, missing=missing)
    place = data["patient"].str[1:].astype(int) % 3
    data["arm"] = place.map({0: "usual_care", 1: "sham", 2: "dry_needling"})
    data["value"] -= place.map({0: 0.0, 1: 0.4, 2: 1.0}) * (data["visit"] != "baseline")
    return add_baseline(data, "baseline")


@pytest.mark.parametrize("baseline", ["covariate", "constrained"])
def test_repeated_measures_find_the_truth(baseline: str) -> None:
    found = effects(run(frame(2000), kind="repeated_measures", baseline=baseline))
    for visit, truth in EFFECT.items():
        assert abs(found.loc[visit, "estimate"] - truth) < 4 * found.loc[visit, "se"]
        assert found.loc[visit, "se"] < 0.08
    assert set(found["favours"]) == {"dry_needling"}
    assert set(found["status"]) == {"converged"}


def test_means_differ_by_the_effect() -> None:
    for baseline in ("covariate", "constrained"):
        made = run(frame(150), kind="repeated_measures", baseline=baseline)
        results, found = made.results, effects(made)["estimate"]
        means = results[results["quantity"] == "mean"].set_index(["visit", "arm"])["estimate"]
        for visit in EFFECT:
            difference = means[visit, "dry_needling"] - means[visit, "usual_care"]
            assert difference == pytest.approx(found[visit], abs=1e-8)


def test_compound_symmetry_as_a_fallback_takes_its_variance_from_the_data() -> None:
    """Weeks 2 and 8 never occur together, so an unstructured covariance is not identified and the ladder goes on."""
    data = frame(120, missing=0)
    even = data["patient"].str[1:].astype(int) // 2 % 2 == 0
    data = data[~((data["visit"] == "week_2") & even) & ~((data["visit"] == "week_8") & ~even)]
    found = effects(run(data, kind="repeated_measures", residual=["unstructured", "compound_symmetry"]))
    assert set(found["variance"]) == {"CR2"}
    assert set(found["structure"]) == {"compound_symmetry"}
    assert [json.loads(tried) for tried in found["structures_tried"]] == [["unstructured"]] * 3
    believed = effects(run(frame(120), kind="repeated_measures", residual=["compound_symmetry"]))
    assert set(believed["variance"]) == {"model"}
    assert set(believed["structures_tried"]) == {""}


def test_ancova_agrees_with_a_formula_in_statsmodels() -> None:
    import statsmodels.formula.api as smf

    data = frame(200)
    found = effects(run(data, kind="ancova", visits=["week_4"]))
    at_4 = data[data["visit"] == "week_4"]
    fit = smf.ols("value ~ C(arm, Treatment('usual_care')) + baseline + age + C(sex)", at_4).fit()
    name = next(term for term in fit.params.index if "dry_needling" in term)
    assert found.loc["week_4", "estimate"] == pytest.approx(fit.params[name], rel=1e-9)
    assert found.loc["week_4", ["low", "high"]].to_list() == pytest.approx(fit.conf_int().loc[name].to_list(), rel=1e-9)
    assert found.loc["week_4", "n_patients"] == int(fit.nobs)
    assert found.loc["week_4", "df"] == fit.df_resid == fit.nobs - 5


def test_ancova_gives_each_arm_the_mean_that_all_would_have_in_it() -> None:
    import statsmodels.formula.api as smf

    data = frame(200)
    results = run(data, kind="ancova", visits=["week_4"]).results
    means = results[results["quantity"] == "mean"].set_index("arm")
    at_4 = data[data["visit"] == "week_4"]
    fit = smf.ols("value ~ arm + baseline + age + C(sex)", at_4).fit()
    for arm in ("usual_care", "dry_needling"):
        expected = fit.predict(at_4.assign(arm=arm)).mean()
        assert means.loc[arm, "estimate"] == pytest.approx(expected, rel=1e-9)


def test_marginal_means_average_over_the_measurements_as_the_results_say() -> None:
    data = frame(60, missing=0.3)
    results = run(data, kind="repeated_measures").results
    means = results[results["quantity"] == "mean"]
    assert set(means["weights"]) == {"analysed_measurements"}
    estimate = results[results["quantity"] == "coefficient"].set_index("term")["estimate"]
    terms = {'[["baseline"]]': "baseline", '[["age"]]': "age", '[["sex", "male"]]': "male"}
    used = data[data["visit"] != "baseline"].assign(male=data["sex"] == "male")
    other = sum(estimate[term] * used[name].mean() for term, name in terms.items())
    first = means[(means["visit"] == used["visit"].iloc[0]) & (means["arm"] == "usual_care")].iloc[0]
    assert first["estimate"] == pytest.approx(estimate['[["Intercept"]]'] + other, abs=1e-8)


def test_growth_curve_finds_slope_and_effect() -> None:
    data = frame(3000, missing=0)
    weeks = data["week"].to_numpy()
    data["value"] += np.where(data["arm"] == "dry_needling", -0.1 * weeks, 0.0) - data["arm"].eq("dry_needling") * data[
        "visit"
    ].map(EFFECT).fillna(0)
    data = add_baseline(data, "baseline")
    made = run(data, kind="growth_curve")
    slopes = made.results[made.results["quantity"] == "slope"].set_index(["arm", "reference"])
    slope, effect = slopes.loc["dry_needling", "usual_care"], effects(made).reset_index().iloc[0]
    assert slope["unit"] == "points per week"
    own = slopes.loc["dry_needling", ""]["estimate"] - slopes.loc["usual_care", ""]["estimate"]
    assert slope["estimate"] == pytest.approx(own, abs=1e-8)
    assert abs(slope["estimate"] + 0.1) < 4 * slope["se"]
    assert abs(effect["estimate"] + 0.4) < 4 * effect["se"]
    assert effect["visit"] == "week_4"


def test_improvement_turns_sign_limits_and_statistic_but_not_who_is_favoured() -> None:
    as_measured = effects(run(frame(200), kind="ancova", visits=["week_4"])).iloc[0]
    turned = effects(run(frame(200), kind="ancova", visits=["week_4"], report_as="improvement")).iloc[0]
    assert (as_measured["better"], turned["better"]) == ("lower", "higher")
    assert turned["estimate"] == -as_measured["estimate"]
    assert (turned["low"], turned["high"]) == (-as_measured["high"], -as_measured["low"])
    assert turned["statistic"] == -as_measured["statistic"]
    assert turned["p"] == as_measured["p"]
    assert turned["favours"] == as_measured["favours"] == "dry_needling"


def test_an_arm_without_patients_is_a_row_that_says_so() -> None:
    data = frame(60)
    data = data[data["arm"] == "usual_care"]
    for settings in ({"kind": "repeated_measures"}, {"kind": "growth_curve"}, {"kind": "ancova", "visits": ["week_4"]}):
        found = effects(run(data, **settings))
        assert set(found["status"]) == {"not_estimated"}
        assert found["note"].str.contains("arm").all()
        assert found["estimate"].isna().all()


def test_observed_at_keeps_only_patients_measured_there() -> None:
    data = frame(300, missing=0.3)
    completers = set(data.loc[data["visit"] == "week_8", "patient"])
    found = effects(run(data, kind="ancova", visits=["week_4"], observed_at="week_8"))
    at_4 = data[(data["visit"] == "week_4") & data["patient"].isin(completers)]
    assert found.loc["week_4", "n_patients"] == len(at_4)


def test_coverage_of_repeated_measures_over_small_studies() -> None:
    """50 studies of 60 patients: 95 % intervals hold the truth about as often as they say (binomial limits 99.9 %)."""
    covered = []
    for seed in range(50):
        found = effects(run(frame(60, seed=seed), kind="repeated_measures"))
        covered += [found.loc[v, "low"] <= truth <= found.loc[v, "high"] for v, truth in EFFECT.items()]
    assert len(covered) == 150
    assert 0.87 <= np.mean(covered) <= 0.99


def test_holm_over_a_family() -> None:
    """Holm's steps by hand: 3 p values .01, .02, .04 become .03, .04, .04; a contrast without p still counts."""
    results = pd.DataFrame(
        {"analysis": "a", "quantity": "difference", "reference": "r", "visit": "week_4", "p": [0.01, 0.04, 0.02]}
    )
    blank = {"text": "", "count": pd.NA, "number": np.nan}
    results = results.assign(**{c: blank[f.kind] for c, f in RESULTS.items() if c not in results})
    study = SimpleNamespace(
        analyses={"a": SimpleNamespace(family="f")},
        families={"f": Family(method="holm")},
        visits=SimpleNamespace(primary="week_4"),
    )
    assert adjust(results, study)["p_adjusted"].round(10).to_list() == [0.03, 0.04, 0.04]
    with_failed = pd.concat([results, results.iloc[[0]].assign(p=np.nan)])
    adjusted = adjust(with_failed, study)["p_adjusted"]
    assert adjusted.iloc[:3].round(10).to_list() == [0.04, 0.08, 0.06]
    assert np.isnan(adjusted.iloc[3])
    elsewhere = adjust(pd.concat([results, results.assign(visit="week_8"), results.assign(quantity="slope")]), study)
    assert elsewhere["family"].tolist() == ["f"] * 3 + [""] * 6
    assert elsewhere["p_adjusted"].iloc[:3].round(10).to_list() == [0.03, 0.04, 0.04]


# ---------------------------------------------------------------- signs, directions, roles


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


def test_only_the_primary_visit_of_the_primary_analysis_is_primary() -> None:
    found = effects(run(frame(100), kind="repeated_measures"))
    assert found["role"].to_dict() == {"week_2": "secondary", "week_4": "primary", "week_8": "secondary"}
    study = plan(
        main={**COMMON, "kind": "repeated_measures"},
        other={**COMMON, "kind": "repeated_measures", "role": "sensitivity"},
    )
    data = frame(100)
    given = {"visits": data, "patients": data.drop_duplicates("patient")[["patient", "cohort", "arm"]]}
    assert set(analyse("other", given, study).results["role"]) == {"sensitivity", "secondary"}


def test_row_numbers_are_the_same_in_every_run_and_of_one_row_each() -> None:
    results = run(frame(100), kind="repeated_measures").results
    assert results["row_id"].is_unique
    assert results["row_id"].equals(run(frame(100, seed=9), kind="repeated_measures").results["row_id"])
    assert row_id(dict.fromkeys(KEYS, "")) == "8445719a5901"


def test_names_may_hold_any_character() -> None:
    odd = {"female": 'fe"male: a - b|c\\d[T.x]', "male": "{male} <b>*=cmd"}
    arms = {1: "usual: care - 'a'|b", 2: "dry [T.needling] {x} =1+1"}
    data = frame(150)
    plain = {kind: run(data, **s).results for kind, s in KINDS.items()}
    named = data.assign(sex=data["sex"].map(odd), arm=data["arm"].map({"usual_care": arms[1], "dry_needling": arms[2]}))
    for kind, settings in KINDS.items():
        results = run(named, arms=arms, **settings).results
        np.testing.assert_allclose(results["estimate"], plain[kind]["estimate"], atol=1e-8, equal_nan=True)
        assert set(results["arm"]) - {""} == set(arms.values())
        terms = [json.loads(term) for term in results.loc[results["quantity"] == "coefficient", "term"]]
        assert ["arm", arms[2]] in [part for term in terms for part in term]
        assert {part[1] for term in terms for part in term if part[0] == "sex"} < set(odd.values())


KINDS = {
    "ancova": {"kind": "ancova", "visits": ["week_4"]},
    "mmrm": {"kind": "repeated_measures"},
    "constrained": {"kind": "repeated_measures", "baseline": "constrained"},
    "response": {"kind": "repeated_measures", "baseline": "response"},
    "growth": {"kind": "growth_curve"},
}


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


# ---------------------------------------------------------------- baseline as a response, interactions, odd frames


def test_two_visits_as_responses_are_the_t_test_of_change_scores() -> None:
    data = frame(90, missing=0)
    data = data[data["visit"].isin(["baseline", "week_4"])]
    made = run(data, kind="repeated_measures", baseline="response", adjust=[]).results
    row = made[made["quantity"].eq("change") & made["reference"].ne("")].iloc[0]
    change = data[data["visit"] == "week_4"].set_index("arm")["change"]
    test = stats.ttest_ind(change["dry_needling"], change["usual_care"])
    interval = test.confidence_interval()
    expected = [test.statistic, test.pvalue, test.df, interval.low, interval.high]
    np.testing.assert_allclose(row[["statistic", "p", "df", "low", "high"]].astype(float), expected, rtol=1e-6)
    own = made[made["quantity"].eq("change") & made["reference"].eq("")].set_index("arm")["estimate"]
    np.testing.assert_allclose(
        own[["usual_care", "dry_needling"]], [change["usual_care"].mean(), change["dry_needling"].mean()]
    )


@pytest.mark.parametrize("baseline", ["constrained", "response"])
def test_change_of_each_arm_and_its_standardised_difference(baseline) -> None:
    """Two visits, complete data: arithmetic gives the constrained estimate (Liang, Zeger 2000), and Hedges' g of either."""
    data = frame(90, missing=0)
    data = data[data["visit"].isin(["baseline", "week_4"])]
    made = run(data, kind="repeated_measures", baseline=baseline, adjust=[]).results
    start, later = (data[data["visit"] == visit].set_index("patient") for visit in ("baseline", "week_4"))
    arms = ["usual_care", "dry_needling"]
    at_start, at_later = (one.groupby("arm")["value"].mean()[arms] for one in (start, later))
    expected = at_later - at_start
    if (
        baseline == "constrained"
    ):  # each arm's mean later is moved along the slope on baseline to the common mean at baseline
        inside = [one["value"] - one.groupby("arm")["value"].transform("mean") for one in (start, later)]
        slope = (inside[0] * inside[1].reindex(inside[0].index)).sum() / (inside[0] ** 2).sum()
        middle = start["value"].mean()
        expected = at_later - slope * (at_start - middle) - middle
    own = made[made["quantity"].eq("change") & made["reference"].eq("")].set_index("arm")
    np.testing.assert_allclose(own.loc[arms, "estimate"], expected, rtol=1e-6)
    assert set(own["visit"]) == {"week_4"}
    assert (own["low"] < own["estimate"]).all()
    g = made[made["quantity"] == "standardised_difference"].iloc[0]
    spread = start.groupby("arm")["value"]
    df = 88
    sd = np.sqrt((spread.var() * (spread.size() - 1)).sum() / df)
    between = expected["dry_needling"] - expected["usual_care"]
    assert g["estimate"] == pytest.approx((1 - 3 / (4 * df - 1)) * between / sd, rel=1e-4)
    assert (g["arm"], g["reference"], g["visit"], g["df"]) == ("dry_needling", "usual_care", "week_4", df)
    compared = made[made["reference"].ne("") & made["quantity"].isin(["difference", "change"])].iloc[0]
    assert g["favours"] == compared["favours"] == "dry_needling"


def test_baseline_as_a_response_keeps_the_error_rate() -> None:
    """Under the null one test in twenty rejects; regressing the baseline on itself would reject one in seven."""
    p = []
    for seed in range(120):
        made = run(frame(40, seed=seed, effect=0), kind="repeated_measures", baseline="response", adjust=[]).results
        p.append(
            made.loc[made["quantity"].eq("change") & made["reference"].ne("") & made["visit"].eq("week_4"), "p"].iloc[0]
        )
    assert np.mean(np.array(p) < 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 120)


def test_interaction_on_a_category_that_is_not_adjusted_for() -> None:
    data = frame(300)
    made = run(data, kind="ancova", visits=["week_4"], interaction="sex", adjust=["age"]).results
    row = made[made["quantity"] == "interaction"].iloc[0]
    import statsmodels.formula.api as smf

    at_4 = data[data["visit"] == "week_4"]
    full = smf.ols("value ~ C(arm) * C(sex) + baseline + age", at_4).fit()
    assert row["p"] == pytest.approx(full.pvalues["C(arm)[T.usual_care]:C(sex)[T.male]"], rel=1e-8)
    assert json.loads(row["term"]) == ["sex"]


def test_interaction_per_unit_of_the_baseline() -> None:
    data = frame(300)
    made = run(data, kind="ancova", visits=["week_4"], interaction="baseline", adjust=[]).results
    row = made[made["quantity"] == "interaction"].iloc[0]
    import statsmodels.formula.api as smf

    fit = smf.ols("value ~ C(arm, Treatment('usual_care')) * baseline", data[data["visit"] == "week_4"]).fit()
    name = next(term for term in fit.params.index if ":" in term)
    assert (row["estimate"], row["se"]) == pytest.approx((fit.params[name], fit.bse[name]), rel=1e-8)
    assert (row["arm"], row["reference"], row["favours"]) == ("dry_needling", "usual_care", "")


@pytest.mark.parametrize("what", ["constant", "nobody"])
def test_an_interaction_that_cannot_be_tested_is_a_row_that_says_so(what) -> None:
    data = frame(100)
    data = data.assign(age=50.0) if what == "constant" else data[data["visit"] != "week_4"]
    made = run(data, kind="ancova", visits=["week_4"], interaction="age", adjust=[]).results
    rows = made[made["quantity"] == "interaction"] if what == "constant" else made
    assert json.loads(rows.loc[rows["quantity"] == "interaction", "term"].item()) == ["age"]
    assert set(rows["status"]) == {"not_estimated"}
    assert rows["note"].str.len().gt(10).all()
    assert rows["estimate"].isna().all()


@pytest.mark.parametrize("of", ["sex", "age"])
@pytest.mark.parametrize("spoil", [lambda data: data, lambda data: data.assign(**{"sex": "female", "age": 50.0})])
def test_an_interaction_is_never_the_primary_result(of, spoil) -> None:
    """It qualifies the primary analysis, so that neither a family nor the summary takes it for the comparison of arms."""
    made = run(spoil(frame(120)), kind="ancova", visits=["week_4"], interaction=of, adjust=[]).results
    roles = made.groupby("quantity")["role"].agg(set)
    assert (roles["difference"], roles["interaction"]) == ({"primary"}, {"secondary"})
    assert made["row_id"].tolist() == [row_id(row) for row in made[list(KEYS)].to_dict("records")]


def one_patient(data):
    return data[data["patient"] == "P0001"]


AWKWARD = {
    "nobody": lambda data: data.head(0),
    "one patient": one_patient,
    "one visit": lambda data: data[data["visit"] == "week_4"],
    "constant": lambda data: data.assign(value=3.0, baseline=3.0, change=0.0),
    "no baseline": lambda data: data[data["visit"] != "baseline"].assign(baseline=np.nan),
    "two patients an arm": lambda data: data[data["patient"].isin(["P0000", "P0001", "P0002", "P0003"])],
}


@pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("spoil", AWKWARD.values(), ids=AWKWARD)
def test_awkward_frames_give_rows_and_no_traceback(settings, spoil) -> None:
    made = run(spoil(frame(60)), **settings)
    results = check(made.results, RESULTS, "results")
    assert len(results)
    odd = results[~results["status"].isin(["converged", "singular", "rank_deficient"])]
    assert odd.loc[odd["status"] == "not_estimated", "note"].str.len().gt(5).all()
    assert results.loc[results["status"] == "not_estimated", "estimate"].isna().all()


def test_order_of_people_changes_no_number() -> None:
    data = frame(120)
    shuffled = data.sample(frac=1, random_state=1)
    names = {name: f"Q{i:04d}" for i, name in enumerate(shuffled["patient"].unique())}
    renamed = shuffled.assign(patient=shuffled["patient"].map(names)).sort_values(["patient", "visit"])
    for settings in KINDS.values():
        first, second = run(data, **settings), run(renamed, **settings)
        for name, table in first.tables.items():
            numbers = [c for c in table if pd.api.types.is_float_dtype(table[c].dtype)]
            np.testing.assert_allclose(table[numbers], second.tables[name][numbers], rtol=1e-6, atol=1e-7, err_msg=name)


def test_visits_at_unequal_distances_are_said_where_a_structure_counts_them():
    """Names of visits stand under safe codes in the engine, so that only their weeks tell."""
    data = frame(120)
    notes = run(data, kind="repeated_measures", residual=["ar1"]).results["note"]
    assert set(notes) == {
        "ar1 takes the visits for equally spaced: week_2 (week 2), week_4 (week 4), week_8 (week 8); exponential takes true time"
    }
    assert set(run(data, kind="repeated_measures", residual=["unstructured"]).results["note"]) == {""}
    timed = run(data, kind="repeated_measures", residual=["exponential"]).results
    assert set(timed["note"]) == {""}
    assert set(timed["structure"]) == {"exponential"}
    free = run(data, kind="model", formula="value ~ baseline + arm * visit", residual=["toeplitz"]).results
    assert free["note"].str.contains("toeplitz takes the visits for equally spaced").all()


def test_a_visit_that_nobody_has_still_lies_between_its_neighbours():
    """Without week 4, week 8 is two lags after week 2: the correlation between them is the square of the neighbours'."""
    data = frame(400, missing=0)
    data = data[data["visit"] != "week_4"]
    found = run(data, kind="repeated_measures", residual=["ar1"]).results
    rho = found.loc[found["quantity"] == "correlation", "estimate"].iloc[0]
    wide = data.pivot(index="patient", columns="visit", values="value")
    rest = wide[["week_2", "week_8"]].sub(
        np.polyval(np.polyfit(wide["baseline"], wide["week_2"], 1), wide["baseline"]), axis=0
    )
    assert rho**2 == pytest.approx(rest.corr().iloc[0, 1], abs=0.06)


@pytest.mark.parametrize("kind", ["repeated_measures", "growth_curve"])
def test_degrees_of_freedom_that_do_not_exist_are_a_status_and_no_fault(kind):
    """Between-within df need groups within groups; patients who meet several therapists are none."""
    data = frame(60)
    data["therapist"] = [f"T{number % 5}" for number in range(len(data))]
    found = run(data, kind=kind, df="between_within", clusters=["therapist"]).results
    assert set(found["status"]) == {"failed"} or found["estimate"].isna().all()
    assert found["note"].str.contains("a level of 'patient' meets several of 'therapist'").all()
