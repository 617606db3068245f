"""For whom it works: recovery and coverage of what was planted, silence where nothing was, and what a design forbids."""

import json

import numpy as np
import pandas as pd
import pytest
from made_results import ARM, plan

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.moderation import Regression, predicted_under_reference
from needling.analysis.moderators import quartiles
from needling.analysis.run import analyse
from needling.analysis.shrinkage import shrunken
from needling.cohort.frame import add_baseline
from needling.plan import adjust
from needling.study.file import part

ARMS = {"0": "usual_care", "1": "dry_needling"}
THREE_ARMS = {"0": "usual_care", "1": "sham", "2": "dry_needling"}
WHOM = {"kind": "moderators", "outcomes": ["pain"], "visits": ["week_4"], "adjust": ["age"]}
THREE = {"expectation": {}, "csi": {}, "sex": {}}


def study(arms=ARMS, design="randomised", families=None, derived=None, **settings):
    arm = {"from": "arm", "codes": arms, "reference": "usual_care"}
    covariates = {name: name for name in ("age", "expectation", "csi", "sex")}
    covariates |= {
        "sex": {"from": "sex", "codes": {0: "female", 1: "male"}},
        "place": {"from": "place", "kind": "code"},
    }
    asked = {"moderators": {"expectation": {}, "csi": {}}, **WHOM, **settings}
    main = {"kind": "ancova", "outcomes": ["pain"], "visits": ["week_4"]}
    sections = {
        "design": design,
        "primary": "main",
        "patients": {"id": "id", "covariates": covariates, **({"arm": arm} if arms else {})},
        "visits": {"schedule": {"baseline": {"week": 0}, "week_4": {"week": 4}}, "primary": "week_4"},
        "instruments": {"nprs": {"total": "nprs"}, "csi_score": {"total": "csi"}},
        "cohorts": {"all": {"outcomes": {"pain": "nprs"}}},
        "analyses": {"main": main, "whom": asked},
        "covariates": derived or {},
        "estimands": {},
        "families": families or {},
    }
    return part(sections, settings_of_kinds())


def trial(seed, n=120, slope=0.0, *, bent=0.0, confounded=False, arms=2):
    """Pain of some arms; the effect -1 changes by `slope` per point of expectation, and by `bent` times |expectation - 5|."""
    rng = np.random.default_rng(seed)
    expectation, csi = rng.integers(0, 11, n).astype(float), rng.normal(40, 12, n).round()
    sex, age, baseline = rng.integers(0, 2, n), rng.normal(45, 10, n).round(), rng.normal(6, 1.5, n)
    arm = np.arange(n) % arms
    if confounded:
        arm = (rng.random(n) < 1 / (1 + np.exp(-(baseline - 6) - (csi - 40) / 12))).astype(int)
    effect = arm * (-1.0 + slope * (expectation - 5) + bent * np.abs(expectation - 5))
    pain = 2 + 0.5 * baseline + 0.03 * (csi - 40) + effect + rng.normal(0, 1.3, n)
    named = list((ARMS if arms == 2 else THREE_ARMS).values())
    people = pd.DataFrame(
        {"patient": [f"P{i:04d}" for i in range(n)], "arm": [named[a] for a in arm], "expectation": expectation,
         "csi": csi, "sex": np.where(sex == 1, "male", "female"), "age": age}
    )  # fmt: skip
    people = people.assign(cohort="all", outcome="pain", instrument="nprs", unit="0-10 points", better="lower", site="")
    both = {"baseline": baseline, "week_4": pain}
    frame = pd.concat([people.assign(visit=visit, value=value) for visit, value in both.items()], ignore_index=True)
    return add_baseline(frame.assign(side="", place="x"), "baseline")


def run(frame, **settings):
    people = frame.drop_duplicates("patient")[["patient", "cohort", "arm", "age", "sex", "csi", "expectation"]]
    return analyse("whom", {"visits": frame, "patients": people}, study(**settings))


def rows_of(frame, quantity="moderation", name="expectation", variant="", **settings):
    rows = run(frame, **settings).results
    return rows[(rows["quantity"] == quantity) & (rows["term"] == json.dumps([name])) & (rows["variant"] == variant)]


# ---------------------------------------------------------------- recovery, and silence


def regression(seed, n, slope, confounded=False):
    """The model with arm x expectation of a drawn trial, and its risk's."""
    week_4 = trial(seed, n, slope, confounded=confounded).query("visit == 'week_4'")
    mains = week_4[["baseline", "age", "csi", "expectation"]].to_numpy()
    y, arm, arms = week_4["value"].to_numpy(), week_4["arm"].to_numpy(), list(ARMS.values())
    weighed = np.column_stack([np.ones(n), mains]) if confounded else None
    risk = predicted_under_reference(y, arm, arms, mains)[:, None]
    both = (Regression(y, arm, arms, mains, columns, weighed) for columns in (mains[:, [3]], risk))
    return *both, Regression(y, arm, arms, mains, mains[:, 2:], weighed)


def test_what_was_planted_is_found_with_the_coverage_it_claims():
    """Effect -1 - 0.2 (expectation - 5): at two values, and per point."""
    inside, middle = [], []
    truth = np.array([-0.4, -1.6, -0.2])
    for seed in range(300):
        fit, *_ = regression(seed, 80, -0.2)
        asked = [fit.arm_at("dry_needling", np.array([at])) for at in (2.0, 8.0)]
        made = [fit.estimate(row, 0.95) for row in (*asked, asked[1] / 6 - asked[0] / 6)]
        middle.append([one["estimate"] for one in made])
        inside.append([one["low"] <= value <= one["high"] for one, value in zip(made, truth, strict=True)])
    error = np.std(middle, axis=0, ddof=1) / np.sqrt(300)
    assert (np.abs(np.mean(middle, axis=0) - truth) < 4 * error).all()
    assert (np.abs(np.mean(inside, axis=0) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 300)).all()


def test_nothing_is_found_where_nothing_was_planted():
    """Type I error at 5 % of a moderator, of the risk although it is of the same data, and of all together."""
    rejected = []
    for seed in range(500):
        one, risk, joint = regression(1000 + seed, 40, 0.0)
        slopes = [fit.joint(fit.products_of("dry_needling"))["p"] for fit in (one, risk, joint)]
        rejected.append([p < 0.05 for p in slopes])
    assert (np.abs(np.mean(rejected, axis=0) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 500)).all()


def test_weights_take_away_what_made_the_groups_differ():
    """Baseline and CSI decide who is needled: the slope -0.2 and the effect -1 at 5 come back, with coverage."""
    middle, inside, truth = [], [], np.array([-1.0, -0.2])
    for seed in range(200):
        fit, *_ = regression(3000 + seed, 160, -0.2, confounded=True)
        at_5 = fit.arm_at("dry_needling", np.array([5.0]))
        made = [fit.estimate(row, 0.95) for row in (at_5, fit.arm_at("dry_needling", np.array([6.0])) - at_5)]
        middle.append([one["estimate"] for one in made])
        inside.append([one["low"] <= value <= one["high"] for one, value in zip(made, truth, strict=True)])
    error = np.std(middle, axis=0, ddof=1) / np.sqrt(200)
    assert (np.abs(np.mean(middle, axis=0) - truth) < 4 * error).all()
    assert (np.abs(np.mean(inside, axis=0) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 200)).all()


def test_a_spline_finds_what_a_line_cannot():
    """The effect is -1 + 0.5 |expectation - 5|: no slope on the whole, and weakest at the ends."""
    frame = trial(5, n=2000, bent=0.5)
    line = rows_of(frame).iloc[0]
    bent = {"moderators": {"expectation": {"spline": 3, "at": [0, 5, 10]}, "csi": {}}}
    assert abs(line["estimate"]) < 0.05
    assert rows_of(frame, **bent)["p"].iloc[0] < 1e-6
    ends = rows_of(frame, "effect_at", **bent)["estimate"].to_numpy()
    assert ends[0] - ends[1] > 1.5
    assert ends[2] - ends[1] > 1.5


# ---------------------------------------------------------------- shrinkage


def test_shrunken_intervals_hold_effects_that_are_drawn_around_nothing():
    rng = np.random.default_rng(3)
    V = 0.2**2 * (0.7 * np.eye(5) + 0.3)
    held, mine, plain = [], [], []
    for _ in range(300):
        u = rng.normal(0, 0.15, 5)
        b = u + rng.multivariate_normal(np.zeros(5), V)
        made = shrunken(b, V)
        held.append(np.mean((made.low <= u) & (u <= made.high)))
        mine.append(np.square(made.mean - u).sum())
        plain.append(np.square(b - u).sum())
    assert abs(np.mean(held) - 0.95) < 4 * np.std(held, ddof=1) / np.sqrt(300)
    assert np.mean(mine) < 0.75 * np.mean(plain)


def test_clear_effects_stay_and_noise_is_pulled_in():
    clear = shrunken(np.array([3.0, -2.0, 4.0]), 0.01 * np.eye(3))
    assert clear.shrinkage < 0.01
    np.testing.assert_allclose(clear.mean, [3.0, -2.0, 4.0], rtol=0.01)
    noise = shrunken(np.array([0.1, -0.1, 0.05]), np.eye(3))
    assert noise.shrinkage > 0.5
    assert np.all(np.abs(noise.mean) < 0.06)
    assert np.all(noise.low < 0)
    assert np.all(noise.high > 0.1)
    with pytest.raises(ValueError, match="one estimate alone"):
        shrunken(np.array([1.0]), np.eye(1))


def test_shrinkage_does_not_depend_on_the_unit():
    b, V = np.array([0.4, -0.2, 0.1]), np.diag([0.04, 0.03, 0.05])
    one, other = shrunken(b, V), shrunken(10 * b, 100 * V)
    assert one.shrinkage == pytest.approx(other.shrinkage, rel=1e-6)
    np.testing.assert_allclose(10 * one.low, other.low, rtol=1e-6)


# ---------------------------------------------------------------- signs, units, values


def test_turned_around_every_sign_turns_and_no_test():
    frame = trial(7, slope=-0.2)
    plain, turned = (run(frame, moderators=THREE, report_as=one).results for one in ("difference", "improvement"))
    signed = plain["estimate"].notna() & plain["quantity"].ne("shrinkage")
    np.testing.assert_allclose(turned.loc[signed, "estimate"], -plain.loc[signed, "estimate"])
    np.testing.assert_allclose(turned.loc[signed, "low"], -plain.loc[signed, "high"])
    for column in ("p", "df"):
        pd.testing.assert_series_equal(turned[column], plain[column])
    joint = plain["quantity"].isin(["heterogeneity", "shrinkage"])
    pd.testing.assert_frame_equal(
        turned.loc[joint, ["estimate", "statistic"]], plain.loc[joint, ["estimate", "statistic"]]
    )
    effects = plain["quantity"] == "effect_at"
    assert set(plain.loc[effects, "favours"]) == set(turned.loc[effects, "favours"]) == {"dry_needling"}
    assert set(plain.loc[effects, "better"]) == {"lower"}
    assert set(turned.loc[effects, "better"]) == {"higher"}


def test_effects_at_values_have_no_test_of_their_own():
    rows = run(trial(8), moderators=THREE).results
    assert (
        rows.loc[rows["quantity"].isin(["effect_at", "predictive", "prognostic"]), ["p", "statistic"]]
        .isna()
        .all(axis=None)
    )
    assert rows.loc[rows["quantity"] == "moderation", "p"].notna().all()


def test_units_say_per_what():
    rows = run(trial(8), moderators=THREE).results
    units = {q: set(rows.loc[rows["quantity"] == q, "unit"]) for q in ("effect_at", "interaction", "predictive")}
    assert units == {"effect_at": {"points"}, "interaction": {"points per SD"}, "predictive": {"points"}}
    slopes = rows[rows["quantity"] == "moderation"].set_index("term")["unit"]
    assert slopes['["expectation"]'] == "points per unit"
    assert slopes['["sex"]'] == "points"


@pytest.mark.parametrize(("name", "variant"), [("predicted_outcome", "risk"), ("expectation", "")])
def test_a_change_is_from_the_first_value_to_the_last(name, variant):
    rows = run(trial(8, slope=-0.2), moderators=THREE).results
    mine = rows[(rows["term"] == json.dumps([name])) & (rows["variant"] == variant)]
    effects = mine.loc[mine["quantity"] == "effect_at", "estimate"].to_numpy()
    change = mine[mine["quantity"] == "predictive"].iloc[0]
    assert change["estimate"] == pytest.approx(effects[-1] - effects[0])


def test_only_a_difference_has_a_better_side():
    rows = run(trial(8), moderators=THREE).results
    assert set(rows.loc[rows["quantity"] != "effect_at", "better"]) == {"neither"}
    assert set(rows.loc[rows["quantity"] != "effect_at", "favours"]) == {""}


def test_quartiles_are_readable_and_nobodys_own():
    assert quartiles(np.array([1234.0, 2345.0, 3456.0, 4567.0, 5678.0])) == [2300.0, 3500.0, 4600.0]
    assert quartiles(np.array([0.0, 0.0, 0.0, 1.0])) == [0.0, 0.25]


def test_a_value_where_nobody_is_has_no_effect():
    rows = rows_of(trial(8), "effect_at", moderators={"expectation": {"at": [5, 30]}, "csi": {}})
    assert list(rows["status"]) == ["converged", "not_estimated"]
    assert "no patient has a value as far out" in rows["note"].iloc[1]


# ---------------------------------------------------------------- who is in it


def test_a_missing_moderator_costs_no_randomised_patient():
    frame = trial(9)
    lacking = frame["patient"].isin(frame["patient"].unique()[:20])
    holes = frame.assign(expectation=frame["expectation"].mask(lacking))
    assert set(run(holes).results["n_patients"]) == {120}
    assert set(run(holes, design="cohort").results["n_patients"]) == {100}
    filled = frame.assign(expectation=frame["expectation"].mask(lacking, frame.loc[~lacking, "expectation"].mean()))
    pd.testing.assert_series_equal(rows_of(holes)["estimate"], rows_of(filled)["estimate"])


def test_one_test_for_each_moderator_is_in_the_family():
    known = study(families={"whom": {"method": "holm"}}, family="whom")
    people = trial(10, slope=-0.3)
    found = run(people, families={"whom": {"method": "holm"}}, family="whom").results
    mine = adjust(found, known)
    tests = mine[mine["p_adjusted"].notna()]
    assert set(tests["quantity"]) == {"moderation"}
    assert sorted(tests["term"]) == ['["csi"]', '["expectation"]', '["predicted_outcome"]']
    ordered = tests.sort_values("p")
    assert ordered["p_adjusted"].iloc[0] == pytest.approx(min(1.0, 3 * ordered["p"].iloc[0]))


def test_three_arms_are_each_compared_with_the_reference():
    rows = run(trial(11, n=150, arms=3), arms=THREE_ARMS).results
    tests = rows[(rows["quantity"] == "moderation") & (rows["term"] == '["expectation"]')]
    assert list(tests["arm"]) == ["sham", "dry_needling"]
    assert rows.loc[rows["quantity"] == "heterogeneity", "n_patients"].iloc[0] == 150
    assert (rows["variant"] == "shrunken").sum() == 4


# ---------------------------------------------------------------- what cannot be said


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda frame: frame[frame["visit"] == "baseline"], "nobody was measured at this visit"),
        (lambda frame: frame[frame["arm"] == "usual_care"], "an arm has fewer than two patients"),
        (lambda frame: frame.assign(value=3.0, baseline=3.0), "the outcome does not vary"),
        (lambda frame: frame[frame["patient"] < "P0014"], "14 patients are too few for a model of"),
        (lambda frame: frame.assign(value=frame["baseline"]), "determine the outcome"),
    ],
)
def test_too_little_is_rows_that_say_so(change, why):
    rows = run(change(trial(12))).results
    assert set(rows["status"]) == {"not_estimated"}
    assert rows["note"].str.contains(why).all()
    tests = rows[rows["quantity"] == "moderation"]
    assert sorted(tests["term"]) == ['["csi"]', '["expectation"]', '["predicted_outcome"]']
    assert (rows["quantity"] == "heterogeneity").sum() == 1
    assert rows[["estimate", "p", "low", "high"]].isna().all(axis=None)


def test_a_moderator_that_does_not_vary_is_told_and_the_others_stay():
    rows = run(trial(13).assign(csi=40.0)).results
    mine = rows[rows["term"] == '["csi"]']
    assert list(mine["note"]) == ["it does not vary among the patients analysed"]
    assert rows.loc[rows["term"] == '["expectation"]', "estimate"].notna().all()
    few = run(
        trial(13).assign(csi=lambda f: f["expectation"] % 2), moderators={"csi": {"spline": 4}, "expectation": {}}
    ).results
    assert few.loc[few["term"] == '["csi"]', "note"].str.contains("too few different values").all()


def test_moderators_that_are_one_and_the_same_are_not_told_apart():
    rows = run(trial(14).assign(csi=lambda f: 2 * f["expectation"] + 1)).results
    assert (
        rows.loc[rows["quantity"] == "heterogeneity", "note"].iloc[0]
        == "the patients are too few to tell the moderators apart"
    )


def test_groups_without_overlap_are_refused():
    frame = trial(15, confounded=True)
    apart = frame.assign(csi=np.where(frame["arm"] == "dry_needling", 60.0, 20.0) + frame["csi"] / 10)
    rows = run(apart, design="cohort").results
    assert rows["note"].str.contains("could only be in one of the groups").all()


LATE = {"late": {"instrument": "ndi", "visit": "week_4"}}
OTHERS = {0: "usual_care", 1: "sham", 2: "dry_needling"}


@pytest.mark.parametrize(
    ("settings", "changes", "told"),
    [
        ({"moderators": {"aeg": {}}}, {}, "covariate 'aeg' is not defined; did you mean 'age'?"),
        ({"moderators": {"who": {}}}, {}, "a code of a person or place"),
        ({"moderators": {"sex": {"spline": 3}}}, {}, "a category has levels; leave spline and at out"),
        ({"moderators": {"age": {"at": [60, 20]}}}, {}, "two values or more, rising"),
        ({"moderators": {"age": {"cut": "median"}}}, {}, "cut"),
        ({"moderators": {"late": {}}}, {"covariates": LATE}, "'late' is from after day 0"),
        ({"moderators": {"predicted_outcome": {}}}, {}, "the predicted outcome is looked at by itself"),
        ({"visits": ["baseline"]}, {}, "visit 'baseline' is none after baseline"),
        ({"contrasts": "pairwise"}, {}, "compare each arm with the reference"),
        ({}, {"primary": "whom"}, "asked beside the primary analysis, not in its place"),
        ({}, {"design": "cohort", "arm": {**ARM, "codes": OTHERS}}, "two groups are weighted, and this study has more"),
        ({}, {"design": "single_arm", "arm": None}, "a single arm predicts the course, not the benefit of treatment"),
    ],
)
def test_what_a_design_forbids_is_refused_in_a_sentence(settings, changes, told):
    covariates = {"age": "age", "sex": {"from": "sex", "codes": {0: "female", 1: "male"}}}
    covariates["who"] = {"from": "who", "kind": "code"}
    arm = changes.pop("arm", ARM) if changes else ARM
    patients = {"id": "id", "cohort": {"from": "c"}, "covariates": covariates, **({"arm": arm} if arm else {})}
    course = {"kind": "repeated_measures", "outcomes": ["pain"], "baseline": "response"}
    asked = {**WHOM, "adjust": [], "moderators": {"age": {}}, **settings}
    with pytest.raises(ValueError, match=r"moderators|whom") as error:
        plan(patients=patients, analyses={"primary": course, "whom": asked}, families={}, estimands={}, **changes)
    assert told in str(error.value)


@pytest.mark.parametrize("design", ["randomised", "cohort"])
def test_words_fit_the_design(design):
    methods = run(trial(16), design=design).tables["methods"]
    model = methods.loc[methods["item"] == "model", "text"].iloc[0]
    assert "decides for no single patient" in model
    assert "need not be a cause" in model
    assert ("weighted by overlap" in model) == (design == "cohort")
    assert "effect" not in model.replace("effects", "") or design == "randomised"
