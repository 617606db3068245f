"""Analyses on frames with known truth, and on the awkward frames that real studies make."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from made_trials import COMMON, EFFECT, KINDS, THREE, effects, frame, plan, run, three_arms
from scipy import stats

from needling.analysis.results import row_id
from needling.analysis.run import analyse
from needling.cohort.frame import add_baseline
from needling.plan import adjust
from needling.schema.contract import check
from needling.schema.results import KEYS, RESULTS
from needling.study.families import Family


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


def test_growth_curve_compares_slopes_over_dose() -> None:
    dose = {"usual_care": 0.0, "sham": 1.0, "dry_needling": 4.0}
    results = run(three_arms(), arms=THREE, dose=dose, contrasts="trend", kind="growth_curve").results
    slopes = results[results["quantity"] == "slope"].set_index("arm")
    own, (_, per_dose) = slopes.loc[list(dose)], next(slopes[slopes["term"] == '["dose"]'].iterrows())
    by_hand = np.polyfit(list(dose.values()), own["estimate"], 1)[0]
    assert per_dose["estimate"] == pytest.approx(by_hand, abs=1e-8)
    assert per_dose["unit"] == "points per week per unit of dose"
    assert set(own["unit"]) == {"points per week"}


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


# ---------------------------------------------------------------- roles and names


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
        "ar1 takes the visits for equally spaced, where exponential takes true time: week_2 (week 2), week_4 (week 4), "
        "week_8 (week 8)"
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
