"""Assumptions about missing values: known truth recovered, awkward data told, and what a study may not ask for."""

import numpy as np
import pandas as pd
import pytest
from made_trials import COMMON, EFFECT, STUDY, effects, plan
from made_trials import frame as varying
from made_trials import three_arms as three

from needling.analysis.imputation import METHODS, Profiles, crossings, jackknife
from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.extension import frames
from needling.schema.contract import check
from needling.schema.side import SIDE
from needling.study.file import part

ALL = list(METHODS)
KIND = {"kind": "missing_data", "of": "main", "variance": "frequentist", "residual": ["unstructured"]}


def steady(data):
    """Age and sex of a patient are those of the first row."""
    first = data.groupby("patient")[["age", "sex"]].first()
    return data.assign(age=data["patient"].map(first["age"]), sex=data["patient"].map(first["sex"]))


def frame(*arguments, **settings):
    return steady(varying(*arguments, **settings))


def three_arms(*arguments, **settings):
    return steady(three(*arguments, **settings))


def run(data, arms=None, status=None, **settings):
    """Analyse a frame under every assumption; all its tables."""
    study = plan(arms, None, again={**COMMON, **KIND, "methods": ALL, **settings})
    given = {"visits": data, "patients": data.drop_duplicates("patient")[["patient", "cohort", "arm"]]}
    return analyse("again", given | ({} if status is None else {"status": status}), study)


def of(found, method, visit="week_4", counted=True):
    rows = effects(found)
    rows = rows[(rows["variant"] == method) & (rows["role"].eq("exploratory") != counted)]
    return rows.loc[visit]


def lost_by_level(data, seed=5, share=0.5):
    """After week 2 patients with more pain then stay away more often, in the needled arm only: missing at random."""
    rng = np.random.default_rng(seed)
    early = data[data["visit"] == "week_2"].set_index("patient")["value"]
    needled = data[data["arm"] == "dry_needling"]["patient"].unique()
    middle = early.reindex(needled).median()
    worse = [one for one in needled if early.get(one, -9) > middle and rng.random() < share * 1.6]
    gone = data["patient"].isin(worse) & data["visit"].isin(["week_4", "week_8"])
    return data[~gone]


# ---------------------------------------------------------------- truth


def test_missing_at_random_finds_the_truth_that_completers_miss():
    data = lost_by_level(frame(400, seed=11, missing=0))
    found = run(data, adjust=[], methods=["mar"])
    row = of(found, "mar")
    assert abs(row["estimate"] - EFFECT["week_4"]) < 3 * row["se"]
    here = data[data["visit"] == "week_4"].groupby("arm")["value"].mean()
    assert here["dry_needling"] - here["usual_care"] < EFFECT["week_4"] - 2 * row["se"]


def test_jump_to_reference_finds_the_truth_of_patients_who_lose_the_effect():
    """Who stays away, at random, has from then on no effect: the average over all is the effect times the share that stays."""
    whole = frame(400, seed=12, missing=0)
    rng = np.random.default_rng(3)
    gone = rng.choice(whole["patient"].unique(), 160, replace=False)
    away = whole["patient"].isin(gone) & whole["visit"].isin(["week_4", "week_8"])
    found = run(whole[~away], adjust=[])
    needled = whole[whole["arm"] == "dry_needling"]["patient"].unique()
    stay = 1 - np.isin(needled, gone).mean()
    expected = {"mar": EFFECT["week_4"], "jump_to_reference": EFFECT["week_4"] * stay}
    for method, truth in expected.items():
        row = of(found, method)
        assert abs(row["estimate"] - truth) < 3 * row["se"]
    assert of(found, "jump_to_reference")["estimate"] - of(found, "mar")["estimate"] > 0.25


@pytest.mark.slow
def test_frequentist_intervals_cover_and_anchored_ones_are_no_shorter():
    """Jump to reference holds: over repeated trials the frequentist interval covers at its level, the other more."""
    truth, inside, wider = [], [], []
    for seed in range(200):
        whole = frame(90, seed=1000 + seed, missing=0)
        rng = np.random.default_rng(seed)
        gone = whole["patient"].isin(rng.choice(whole["patient"].unique(), 27, replace=False))
        data = whole[~(gone & whole["visit"].isin(["week_4", "week_8"]))]
        found = run(data, adjust=[], methods=["mar", "jump_to_reference"])
        row, other = of(found, "jump_to_reference"), of(found, "jump_to_reference", counted=False)
        truth.append(EFFECT["week_4"] * 0.7)
        inside.append(row["low"] < truth[-1] < row["high"])
        wider.append(other["se"] > row["se"])
    assert abs(np.mean(inside) - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 200)
    assert np.mean(wider) > 0.95


def test_every_assumption_by_hand():
    own, reference = np.array([[5.0, 4, 3]] * 3), np.array([[6.0, 5.5, 5]] * 3)
    after = np.array([[False, False, True], [True, True, True], [False, False, False]])
    one = Profiles(own, reference, after, np.array([1, -1, 2]))
    expected = {
        "mar": ([5, 4, 3], [5, 4, 3]),
        "jump_to_reference": ([5, 4, 5], [6, 5.5, 5]),
        "copy_reference": ([6, 5.5, 5], [6, 5.5, 5]),
        "copy_increments": ([5, 4, 4 + 5 - 5.5], [6, 5.5, 5]),
        "last_mean_carried_forward": ([5, 4, 4], [5, 4, 3]),
    }
    for method, (late, never) in expected.items():
        np.testing.assert_allclose(METHODS[method](one), [late, never, [5, 4, 3]])


def test_without_missing_values_all_assumptions_are_analysis_of_covariance():
    data = frame(60, missing=0)
    found = effects(run(data))
    study = plan(None, None, main={**COMMON, "kind": "ancova", "visits": list(EFFECT)})
    plain = effects(analyse("main", {"visits": data, "patients": data.drop_duplicates("patient")}, study))
    for visit in EFFECT:
        np.testing.assert_allclose(found.loc[visit, "estimate"], plain.loc[visit, "estimate"], rtol=1e-9)
        assert set(found.loc[visit, "df"]) == {plain.loc[visit, "df"]}


def test_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(1).normal(size=12)
    without = np.array([[np.delete(values, i).mean()] for i in range(12)])
    assert jackknife(without)[0, 0] == pytest.approx(values.var(ddof=1) / 12)


# ---------------------------------------------------------------- the surface


def test_surface_agrees_with_the_rows_at_zero_and_tips_where_it_says():
    data = frame(120, effect=0.5, seed=4, missing=0.25)
    found = run(data, variance="information_anchored")
    surface = check(found.tables["tipping"], SIDE["tipping"], "tipping")
    assert surface["delta_arm"].min() == -surface["delta_arm"].max() < 0
    points = check(found.tables["tipping_points"], SIDE["tipping_points"], "points")
    for method in ALL:
        row, other = of(found, method), of(found, method, counted=False)
        zero = surface[
            (surface["method"] == method) & surface["delta_arm"].eq(0) & surface["delta_reference"].eq(0)
        ].iloc[0]
        for name in ("estimate", "low", "high", "p"):
            assert zero[name] == pytest.approx(row[name], abs=1e-9)
        assert (zero["se_information"], zero["se_frequentist"]) == (
            pytest.approx(row["se"]),
            pytest.approx(other["se"]),
        )
        mine = points[(points["method"] == method) & points["delta"].notna()]
        assert (mine["delta"].lt(0) == mine["side"].eq("below")).all()
        assert set(mine["at_zero"]) == {"significant" if row["p"] < 0.05 else "not_significant"}


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_at_a_tipping_point_the_interval_ends_at_no_difference(level):
    """Along one delta the estimate is a line and its variance a parabola, both known from the surface."""
    found = run(frame(120, effect=0.5, seed=4, missing=0.25), methods=["mar"], variance="frequentist", level=level)
    surface, points = found.tables["tipping"], found.tables["tipping_points"]
    points = points[points["delta"].notna()]
    assert len(points)
    for point in points.to_dict("records"):
        moved, still = "delta_arm", "delta_reference"
        if point["shifted"] == "usual_care":
            moved, still = still, moved
        along = surface[surface[still] == 0]
        estimate = np.polyval(np.polyfit(along[moved], along["estimate"], 1), point["delta"])
        se = np.polyval(np.polyfit(along[moved], along["se_frequentist"] ** 2, 2), point["delta"]) ** 0.5
        zero = along[along[moved] == 0].iloc[0]
        reach = (zero["high"] - zero["estimate"]) / zero["se_frequentist"]
        assert abs(estimate) == pytest.approx(reach * se, rel=1e-6)


def test_more_added_in_an_arm_moves_the_estimate_up_in_it_and_down_in_the_reference():
    surface = run(frame(120, seed=4, missing=0.25), methods=["mar"]).tables["tipping"]
    corner = surface.set_index(["delta_arm", "delta_reference"])["estimate"]
    far = surface["delta_arm"].max()
    assert corner[far, 0] > corner[0, 0] > corner[0, far]
    turned = run(frame(120, seed=4, missing=0.25), methods=["mar"], report_as="improvement").tables["tipping"]
    np.testing.assert_allclose(turned["estimate"], -surface["estimate"])
    np.testing.assert_allclose(turned["low"], -surface["high"])


def test_crossings_are_exact_and_may_be_none():
    numbers, covariance = np.array([1.0, 0.5]), np.array([[0.09, 0.01], [0.01, 0.02]])
    roots = crossings(numbers, covariance, 1.96)
    assert len(roots) == 2
    for d in roots:
        se = np.sqrt(np.array([1, d]) @ covariance @ np.array([1, d]))
        assert abs((1 + 0.5 * d) / se) == pytest.approx(1.96)
    assert crossings(np.array([1.0, 0.0]), np.array([[0.09, 0], [0, 0]]), 1.96) == []
    assert crossings(np.array([0.0, 0.1]), np.array([[1.0, 0], [0, 0.01]]), 1.96) == []


# ---------------------------------------------------------------- who is left out whole


def of_clinics(patients, clinics, therapists=3):
    data = frame(patients, missing=0.2)
    number = data["patient"].str[1:].astype(int)
    return data.assign(
        clinic="C" + (number // 2 % clinics).astype(str),
        therapist="T" + ((number + data["visit"].map(len)) % therapists).astype(str),
    )


def test_clusters_leave_whole_where_there_are_ten():
    found = effects(run(of_clinics(120, 12), left_out_whole=["therapist", "clinic"], methods=["mar"]))
    assert set(found["n_clinics"]) == {12}
    assert set(found["df"]) == {11}
    assert set(found["df_method"]) == {"clusters"}
    assert set(found["note"]) == {""}
    alone = effects(run(of_clinics(120, 12), methods=["mar"]))
    assert (alone["se"] != found["se"]).all()
    assert alone["estimate"].tolist() == found["estimate"].tolist()


def test_fewer_clusters_are_told_in_the_row():
    found = effects(run(of_clinics(120, 6), left_out_whole=["therapist", "clinic"], methods=["mar"]))
    assert found["n_clinics"].isna().all()
    assert found["note"].str.contains("ignores therapists and clinics").all()
    assert set(found["df_method"]) == {"residual"}


def test_normal_and_t_differ_in_p_and_interval_only():
    by_t, normal = (of(run(frame(40), df=df, methods=["mar"]), "mar") for df in ("residual", "normal"))
    assert (by_t["estimate"], by_t["se"]) == (normal["estimate"], normal["se"])
    assert by_t["df"] == 40 - 5  # intercept, arm, baseline, age, sex
    assert np.isnan(normal["df"])
    assert normal["high"] == pytest.approx(normal["estimate"] + 1.959964 * normal["se"], abs=1e-6)
    assert normal["low"] == pytest.approx(normal["estimate"] - 1.959964 * normal["se"], abs=1e-6)
    assert by_t["low"] < normal["low"] < normal["high"] < by_t["high"]


def test_the_variance_that_counts_decides_role_and_the_other_stands_beside():
    for variance, other in (("frequentist", "information_anchored"), ("information_anchored", "frequentist")):
        found = effects(run(frame(80, missing=0.3), variance=variance))
        counted = found["role"] != "exploratory"
        assert set(found.loc[counted, "variance"]) == {variance}
        assert set(found.loc[~counted, "variance"]) == {other}
        assert counted.sum() == (~counted).sum() == len(ALL) * len(EFFECT)


# ---------------------------------------------------------------- awkward data


@pytest.mark.parametrize("name", [name for name in frames() if name != "an ordinary trial"])
def test_awkward_data_are_rows_that_say_why(name):
    data = frames()[name]
    visits = {"baseline": {"week": 0}, "week_4": {"week": 4}, "week_12": {"week": 12}}
    sections = {
        **STUDY,
        "visits": {"schedule": visits, "primary": "week_4"},
        "cohorts": {"all": {"outcomes": {"pain": "nprs"}}},
    }
    study = part({**sections, "analyses": {"again": {**KIND, "outcomes": ["pain"]}}}, settings_of_kinds())
    found = analyse("again", {"visits": data, "patients": data.drop_duplicates("patient")}, study)
    rows = effects(found)
    assert not found.results["row_id"].duplicated().any()
    assert set(rows.index) == {"week_4", "week_12"}
    if name == "one visit":
        assert set(rows.loc["week_12", "status"]) == {"not_estimated"}
        assert rows.loc["week_12", "note"].str.contains("fewer than two").all()
    elif name != "two patients in an arm":
        assert set(rows["status"]) == {"not_estimated"}
        assert rows["note"].ne("").all()
    told = rows["status"] == "not_estimated"
    assert rows.loc[told, ["estimate", "se", "p"]].isna().all(axis=None)
    assert rows.loc[~told, ["estimate", "se"]].notna().all(axis=None)


def test_one_visit_alone_is_what_its_measured_patients_say():
    data = frame(80, missing=0.3)
    data = data[data["visit"].isin(["baseline", "week_4"])]
    found = run(data, methods=["mar"])
    study = plan(None, None, main={**COMMON, "kind": "ancova", "visits": ["week_4"]})
    plain = effects(analyse("main", {"visits": data, "patients": data.drop_duplicates("patient")}, study))
    assert of(found, "mar")["estimate"] == pytest.approx(plain.loc["week_4", "estimate"], rel=1e-6)


def test_three_arms_each_jump_to_the_reference():
    data = three_arms(120, missing=0.3)
    made = run(data, arms={1: "usual_care", 2: "sham", 3: "dry_needling"}, methods=["mar", "jump_to_reference"])
    found = effects(made)
    rows = found[(found["variant"] == "jump_to_reference") & (found["role"] != "exploratory")]
    assert set(rows["arm"]) == {"sham", "dry_needling"}
    for arm in ("sham", "dry_needling"):
        mar = of(made, "mar")
        jump = rows[rows["arm"] == arm].loc["week_4", "estimate"]
        assert abs(jump) < abs(mar[mar["arm"] == arm]["estimate"].iloc[0])
    pairs = made.tables["tipping"][["arm", "reference"]].drop_duplicates()
    assert set(map(tuple, pairs.to_numpy())) == {("sham", "usual_care"), ("dry_needling", "usual_care")}


def test_delta_falls_on_all_that_is_missing_or_on_what_follows_the_last_value():
    data = frame(60, seed=8, missing=0.3)
    shifted = {
        one: run(data, methods=["mar"], delta_on=one).tables["tipping_points"] for one in ("all_missing", "after_event")
    }
    wide = data.pivot(index="patient", columns="visit", values="value")[list(EFFECT)]
    arm = data.drop_duplicates("patient").set_index("patient")["arm"]
    for one, missing in {
        "all_missing": wide["week_4"].isna(),
        "after_event": wide[["week_4", "week_8"]].isna().all(axis=1),
    }.items():
        n = shifted[one].drop_duplicates("shifted").set_index("shifted")["n"]
        assert n.to_dict() == missing.groupby(arm).sum().to_dict()


def test_patients_whom_nobody_measured_again_are_in_it():
    data = frame(60, missing=0.1)
    gone = data["patient"].isin(["P0001", "P0002"]) & (data["visit"] != "baseline")
    found = run(data[~gone], methods=["mar"])
    assert set(effects(found)["n_patients"]) == {60}
    assert found.tables["people"].query("stage == 'analysed'")["n"].sum() == 60


# ---------------------------------------------------------------- who was lost


def test_dropout_is_counted_by_arm_visit_and_reason():
    data = frame(8, missing=0)
    data = data[~(data["patient"].eq("P0000") & data["visit"].isin(["week_4", "week_8"]))]
    data = data[~(data["patient"].eq("P0001") & data["visit"].ne("baseline"))]
    data = data[~(data["patient"].eq("P0002") & data["visit"].eq("week_4"))]  # came back
    status = pd.DataFrame({"patient": ["P0000", "P0000", "P0005"], "reason": ["recovered", "moved", "recovered"]})
    found = run(data, status=status, adjust=[]).tables["dropout"]
    arm = data.drop_duplicates("patient").set_index("patient")["arm"]
    rows = found.set_index("visit")
    assert (rows.loc["week_4", "reason"], rows.loc["week_4", "n"], rows.loc["week_4", "arm"]) == (
        "moved",
        1,
        arm["P0000"],
    )
    assert (rows.loc["week_2", "reason"], rows.loc["week_2", "n"], rows.loc["week_2", "arm"]) == ("", 1, arm["P0001"])
    assert found["n"].sum() == 2


def test_baseline_of_the_lost_beside_the_kept_by_hand():
    data = frame(40, missing=0)
    people = data.drop_duplicates("patient")
    lost = people.loc[people["baseline"] > 6, "patient"]
    data = data[~(data["patient"].isin(lost) & (data["visit"] == "week_8"))]
    found = run(data).tables["lost"]
    row = found[(found["arm"] == "usual_care") & (found["variable"] == "baseline")].iloc[0]
    mine = people[people["arm"] == "usual_care"]
    a, b = (mine.loc[mine["patient"].isin(lost) == is_lost, "baseline"] for is_lost in (True, False))
    assert (row["n_lost"], row["n_kept"]) == (len(a), len(b))
    assert (row["lost"], row["kept"]) == (pytest.approx(a.mean()), pytest.approx(b.mean()))
    assert row["standardised_difference"] == pytest.approx((a.mean() - b.mean()) / np.sqrt((a.var() + b.var()) / 2))
    assert found[found["variable"] == "sex"]["level"].unique().tolist() == ["male"]
    assert found[found["variable"] == "age"]["level"].tolist() == ["", ""]  # a number, one row for each arm


# ---------------------------------------------------------------- what a study may ask for


def document(**again):
    """A whole study file, as the reader sees it."""
    from made_results import plan as made

    analyses = {
        "primary": {
            "kind": "repeated_measures", "outcomes": ["pain"], "adjust": ["age"], "clusters": ["clinic"],
            "residual": ["ar1_het"], "report_as": "improvement", "level": 0.9, "estimand": "offer",
        },
        "again": {"kind": "missing_data", "of": "primary", "variance": "frequentist", **again},
    }  # fmt: skip
    return made(analyses=analyses, families={"primary": {"method": "holm"}})


def test_what_the_other_analysis_says_holds_here():
    again = document().analyses["again"]
    assert (again.outcomes, again.adjust, again.residual) == (["pain"], ["age"], ["ar1_het"])
    assert (again.report_as, again.level, again.left_out_whole) == ("improvement", 0.9, ["clinic"])
    assert (again.role, again.estimand) == ("sensitivity", "offer")
    own = document(adjust=["sex"], residual=["unstructured"]).analyses["again"]
    assert (own.adjust, own.residual, own.outcomes) == (["sex"], ["unstructured"], ["pain"])


@pytest.mark.parametrize(
    ("again", "message"),
    [
        ({"of": "primry"}, "did you mean 'primary'"),
        ({"of": "again"}, "no such analysis 'again'"),
        ({"methods": ["jump_to_reference"]}, "mar among them"),
        ({"methods": ["mar", "mar"]}, "each method once"),
        ({"family": "primary"}, "no family"),
        ({"framework": "equivalence", "margin": 1.0}, "differences from 0 only"),
    ],
)
def test_what_it_cannot_mean_is_refused_in_words(again, message):
    with pytest.raises(ValueError, match=message):
        document(**again)


def test_references_that_chance_did_not_make_and_single_arms_are_refused():
    kinds = settings_of_kinds()["missing_data"]
    settings = kinds.model_validate({**KIND, "outcomes": ["pain"]})
    cohort = part(
        {**STUDY, "design": "cohort", "analyses": {"main": {"kind": "ancova", **COMMON, "visits": ["week_4"]}}},
        settings_of_kinds(),
    )
    with pytest.raises(ValueError, match="only randomisation allows"):
        settings.check_plan("again", cohort)
    settings.model_copy(update={"methods": ["mar"]}).check_plan("again", cohort)
    single = part({**STUDY, "design": "single_arm", "patients": {"id": "id"}}, settings_of_kinds())
    with pytest.raises(ValueError, match="this study has one"):
        settings.check_plan("again", single)
