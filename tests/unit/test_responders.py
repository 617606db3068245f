"""Responders: recovery under missing at random, curves whose bands hold, and the awkward frames that real studies make."""

from math import comb

import numpy as np
import pandas as pd
import pytest
from made_results import plan

from needling.analysis.g_computation import g_computation
from needling.analysis.imputed import drawn
from needling.analysis.kinds import settings_of_kinds
from needling.analysis.proportions import risk_difference, score_share
from needling.analysis.reliable_change import reliable_change
from needling.analysis.responders import Response, _models, _pooled, responded
from needling.analysis.response_curve import simultaneous_band
from needling.analysis.run import analyse
from needling.cohort.frame import add_baseline
from needling.extension import frames
from needling.labels.numbers import MISSING
from needling.labels.words import Labels
from needling.plan import load_study
from needling.schema.contract import check
from needling.schema.results import RESULTS
from needling.schema.side import SIDE
from needling.study.file import part
from needling.study.keys import StudyError
from needling.tables.responses import TABLES
from needling.tables.withheld import HIDDEN

SCHEDULE = {"baseline": {"week": 0}, "week_4": {"week": 4}, "week_12": {"week": 12}}
ARMS = {"0": "usual_care", "1": "dry_needling"}


def study(arms=ARMS, design="randomised", **settings):
    arm = {"from": "arm", "codes": arms, "reference": "usual_care"}
    sections = {
        "design": design,
        "seed": 7,
        "primary": "main",
        "patients": {"id": "id", "covariates": {"age": "age"}, **({"arm": arm} if arms else {})},
        "visits": {"schedule": SCHEDULE, "primary": "week_4"},
        "instruments": {"nprs": {"total": "nprs"}},
        "cohorts": {"all": {"outcomes": {"pain": "nprs"}}},
        "analyses": {"main": {"kind": "responders", "outcomes": ["pain"], "visits": ["week_4"], **settings}},
        "covariates": {},
        "estimands": {},
    }
    return part(sections, settings_of_kinds())


def run(frame, patients=None, reliability=None, **settings):
    plan = study(**settings)
    if patients is None:
        patients = frame.drop_duplicates("patient")[["patient", "cohort", "arm", "age"]]
    given = {"visits": frame, "patients": patients}
    return analyse("main", given if reliability is None else given | {"reliability": reliability}, plan)


def row(found, quantity, variant, arm="dry_needling"):
    results = check(found.results, RESULTS, "results")
    mine = results[(results["quantity"] == quantity) & (results["variant"] == variant) & (results["arm"] == arm)]
    return mine.iloc[0]


def trial(seed, n=160, lost=True):
    """Pain of two arms; who is in pain at week 4 stays away at week 12, whichever the arm."""
    rng = np.random.default_rng(seed)
    covariance = 2.0 * np.array([[1.0, 0.5, 0.4], [0.5, 1.0, 0.7], [0.4, 0.7, 1.0]])
    arm = np.arange(n) % 2
    y = np.array([6.0, 5.0, 5.0]) + rng.multivariate_normal(np.zeros(3), covariance, n) - np.outer(arm, [0, 1.0, 1.2])
    parts = []
    for number, visit in enumerate(["baseline", "week_4", "week_12"]):
        parts.append(
            pd.DataFrame({"patient": [f"P{i:04d}" for i in range(n)], "arm": [ARMS[str(a)] for a in arm], "value": y[:, number],
                          "visit": visit, "week": [0.0, 4.0, 12.0][number]})
        )  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    stays = rng.random(n) > 1 / (1 + np.exp(-1.5 * (y[:, 1] - 5.0))) * 0.8
    if lost:
        table = table[(table["visit"] != "week_12") | np.tile(stays, 3)]
    table = table.assign(cohort="all", outcome="pain", instrument="nprs", unit="0-10 points", better="lower", age=50.0)
    return add_baseline(table, "baseline")


# ---------------------------------------------------------------- who responded


@pytest.mark.parametrize(
    ("response", "better", "expected"),
    [
        ({"percent": 30}, "lower", [1, 0, 0, 0]),
        ({"points": 3}, "lower", [1, 0, 0, 0]),
        ({"threshold": "MCID"}, "lower", [1, 1, 0, 0]),
        ({"at_most": 7.1}, "lower", [1, 1, 0, 1]),
        ({"at_least": 7.1}, "lower", [0, 1, 0, 0]),
        ({"percent": 30}, "higher", [0, 0, 0, 0]),
        ({"points": 1}, "higher", [0, 0, 0, 0]),
    ],
)
def test_who_responded(response, better, expected):
    value, baseline = np.array([7.0, 7.1, np.nan, 0.0]), np.array([10.0, 10.0, 10.0, 0.0])
    assert responded(value, baseline, Response(**response), better, 2.0).tolist() == expected


def test_percent_of_a_baseline_of_zero_needs_an_improvement():
    value, baseline = np.array([0.0, 1.0]), np.zeros(2)
    assert responded(value, baseline, Response(percent=30), "lower", np.nan).tolist() == [0, 0]
    assert responded(value, baseline, Response(percent=30), "higher", np.nan).tolist() == [0, 1]


@pytest.mark.parametrize("baseline", ["covariate", "unadjusted"])
def test_what_separates_responders_is_named(baseline):
    """Who is old responds and nobody else does, in whichever arm: the slope of age tends to infinity, the shares do not."""
    frame = trial(5, n=60)
    at_week_4 = frame[frame["visit"] == "week_4"].set_index("patient")["value"]
    old = frame["patient"].map(at_week_4 <= 4.5)
    settings = {"responses": {"low": {"at_most": 4.5}}, "missing": "non_response", "adjust": ["age"]}
    found = run(frame.assign(age=np.where(old, 70.0, 30.0)), baseline=baseline, **settings)
    one = row(found, "share", "low")
    assert "separation: no finite coefficient of" in one["note"]
    assert "age" in one["note"]
    assert one["estimate"] == pytest.approx((at_week_4 <= 4.5).mean(), abs=1e-3)


def test_non_response_counts_by_hand():
    """Recomputed from the rows: everybody enrolled is in the denominator, also who was never measured."""
    frame = trial(1)
    patients = frame.drop_duplicates("patient")[["patient", "cohort", "arm", "age"]]
    nobody = pd.DataFrame({"patient": ["X1"], "cohort": ["all"], "arm": ["usual_care"], "age": [50.0]})
    found = run(frame, pd.concat([patients, nobody]), missing="non_response", visits=["week_12"], baseline="unadjusted")
    at_12 = frame[frame["visit"] == "week_12"]
    for arm, size in (("usual_care", 81), ("dry_needling", 80)):
        mine = at_12[at_12["arm"] == arm]
        responders = int((mine["value"] <= 0.7 * mine["baseline"]).sum())
        one = row(found, "share", "at_least_30_percent", arm)
        assert (one["n_patients"], one["n_events"]) == (size, responders)
        assert one["estimate"] == pytest.approx(responders / size, abs=1e-9)
    people = found.tables["people"].query("stage == 'analysed'").set_index("arm")["n"]
    assert people.to_dict() == {"usual_care": 81, "dry_needling": 80}


def test_without_anything_missing_it_is_the_estimator_itself():
    frame = trial(2, lost=False)
    one = row(run(frame), "risk_difference", "at_least_30_percent")
    at_4 = frame[frame["visit"] == "week_4"].assign(y=lambda d: (d["value"] <= 0.7 * d["baseline"]) * 1)
    plain = g_computation(at_4, "y", "arm", "arm + baseline", reference="usual_care")
    plain = plain[plain["quantity"] == "risk_difference"].iloc[0]
    np.testing.assert_allclose(
        one[["estimate", "se", "low", "high"]].astype(float),
        plain[["estimate", "se", "low", "high"]].astype(float),
        rtol=1e-9,
    )
    assert (one["favours"], one["better"], one["variance"]) == ("dry_needling", "higher", "ye")


def test_margin_of_ge_is_of_these_patients():
    frame = trial(2, lost=False)
    ye, ge = (row(run(frame, variance=one), "risk_difference", "at_least_30_percent") for one in ("ye", "ge"))
    assert ye["estimate"] == ge["estimate"]
    assert ye["se"] != ge["se"]
    assert ge["variance"] == "ge"


# ---------------------------------------------------------------- imputed under missing at random


def test_draws_reproduce_the_mixed_model():
    """For the mean of a normal outcome Rubin's rules give the mixed model's own estimate and standard error."""
    frame = trial(3, n=240)
    plan = study(visits=["week_12"])
    patients = frame.drop_duplicates("patient")[["patient", "cohort", "arm", "age"]]
    question = _question(frame, plan)
    made = drawn(frame, patients, question, 400, np.random.default_rng(1))
    group = patients.sort_values("patient")["arm"].to_numpy() == "dry_needling"
    y = made.values[:, :, 2]
    effect = y[:, group].mean(axis=1) - y[:, ~group].mean(axis=1)
    within = (y[:, group].var(axis=1, ddof=1) / group.sum() + y[:, ~group].var(axis=1, ddof=1) / (~group).sum()).mean()
    direct = part_results(frame)
    assert effect.mean() == pytest.approx(direct["estimate"], abs=4 * effect.std() / 20)
    assert np.sqrt(within + (1 + 1 / 400) * effect.var(ddof=1)) == pytest.approx(direct["se"], rel=0.06)
    seen = ~np.isnan(
        frame.pivot(index="patient", columns="visit", values="value")[["baseline", "week_4", "week_12"]].to_numpy()
    )
    assert np.ptp(made.values, axis=0)[seen].max() == 0
    assert (np.ptp(made.values, axis=0)[~seen] > 0).all()


def _question(frame, plan):
    from needling.analysis.run import _question as asked

    return asked("main", plan.analyses["main"], ("all", "pain", ""), frame, frame, plan)


def part_results(frame):
    sections = study().model_dump(mode="json", by_alias=True)
    sections["analyses"] = {"main": {"kind": "repeated_measures", "outcomes": ["pain"], "baseline": "response"}}
    patients = frame.drop_duplicates("patient")[["patient", "cohort", "arm", "age"]]
    found = analyse("main", {"visits": frame, "patients": patients}, part(sections, settings_of_kinds())).results
    means = found[(found["quantity"] == "mean") & (found["visit"] == "week_12")].set_index("arm")
    both = means.loc[["dry_needling", "usual_care"]]
    return {"estimate": both["estimate"].iloc[0] - both["estimate"].iloc[1], "se": np.sqrt((both["se"] ** 2).sum())}


def test_recovery_under_missing_at_random():
    """Those in pain stay away: who is counted as they come are too many responders, the draws put it right."""
    free = {"free": {"at_most": 4.0}}
    asked = {"visits": ["week_12"], "responses": free, "draws": 20, "resamples": 200, "baseline": "unadjusted"}
    shares, observed, inside = [], [], []
    whole = trial(99, n=40_000, lost=False).query("visit == 'week_12'")
    truth = (whole["value"] <= 4.0).groupby(whole["arm"]).mean()
    for seed in range(24):
        frame = trial(200 + seed)
        found = run(frame, **asked)
        shares.append(row(found, "share", "free", "usual_care")["estimate"])
        one = row(found, "risk_difference", "free")
        inside.append(one["low"] <= truth["dry_needling"] - truth["usual_care"] <= one["high"])
        seen = frame.query("visit == 'week_12' and arm == 'usual_care'")["value"]
        observed.append((seen <= 4.0).mean())
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    assert abs(np.mean(shares) - truth["usual_care"]) < 4 * error
    assert np.mean(observed) - truth["usual_care"] > 6 * error
    assert sum(inside) >= 19  # of 24 at 95 %: fewer happens once in a thousand times


def test_what_was_drawn_adds_the_spread_between_the_completed_data_sets():
    """Rubin's rules by hand: the mean variance within, and (1 + 1/m) times the variance between."""
    frame = trial(3, n=120)
    plan = study(visits=["week_12"], draws=20, baseline="unadjusted", responses={"free": {"at_most": 4.0}})
    people = frame.drop_duplicates("patient")[["patient", "cohort", "arm", "age"]]
    made = drawn(frame, people, _question(frame, plan), 20, np.random.default_rng(1))
    group = people.sort_values("patient")["arm"].to_numpy()
    found, within = [], []
    for one in made.values[:, :, 2]:
        table = g_computation(
            pd.DataFrame({"arm": group, "y": (one <= 4.0) * 1}), "y", "arm", "arm", reference="usual_care"
        )
        difference = table[table["quantity"] == "risk_difference"].iloc[0]
        found.append(difference["estimate"])
        within.append(difference["se"] ** 2)
    models = _models(
        (made.values[:, :, 2] <= 4.0) * 1.0, made.values[:, :, 0], people.sort_values("patient"), _question(frame, plan)
    )
    shares, covariance, _ = _pooled(models, _question(frame, plan))
    slope = np.array([-1.0, 1.0])
    assert slope @ shares == pytest.approx(np.mean(found))
    assert slope @ covariance @ slope == pytest.approx(np.mean(within) + (1 + 1 / 20) * np.var(found, ddof=1))
    assert np.var(found, ddof=1) > 0.05 * np.mean(within)


def test_a_missing_baseline_costs_no_randomised_patient():
    frame = trial(2, lost=False)
    lacks = frame["patient"] == "P0004"
    frame = frame[~(lacks & (frame["visit"] == "baseline"))]
    frame = frame.assign(baseline=frame["baseline"].mask(frame["patient"] == "P0004"))
    one = row(run(frame, missing="non_response", responses={"free": {"at_most": 4.0}}), "risk_difference", "free")
    at_4 = frame[frame["visit"] == "week_4"].assign(y=lambda d: (d["value"] <= 4.0) * 1)
    filled = at_4.assign(baseline=at_4["baseline"].fillna(at_4["baseline"].mean()))
    plain = g_computation(filled, "y", "arm", "arm + baseline", reference="usual_care")
    plain = plain[plain["quantity"] == "risk_difference"].iloc[0]
    assert (one["n_patients"], one["estimate"]) == (160, pytest.approx(plain["estimate"], rel=1e-9))


def test_a_number_needed_is_as_safe_to_tell_as_the_smaller_arm_and_the_rarer_answer():
    frame = trial(2, lost=False)
    arm = frame["arm"].mask(frame["patient"].str[1:].astype(int) < 40, "usual_care")
    asked = {"missing": "non_response", "responses": {"free": {"at_most": 4.0}}}
    found = run(frame.assign(arm=arm), **asked)
    one = found.tables["number_needed"].iloc[0]
    shares = {name: row(found, "share", "free", name) for name in ARMS.values()}
    assert one["n"] == min(each["n_patients"] for each in shares.values()) == 60
    assert one["n_events"] == min(each["n_events"] for each in shares.values())
    assert one["n_none"] == min(each["n_patients"] - each["n_events"] for each in shares.values())


def test_chance_is_seeded():
    frame = trial(4)
    one, other = (run(frame, visits=["week_12"]) for _ in range(2))
    for name in ("results", "response_curve", "number_needed"):
        pd.testing.assert_frame_equal(one.tables[name], other.tables[name])


# ---------------------------------------------------------------- curves and reliable change


def test_band_of_the_curve_holds_everywhere_at_once():
    """Share of 120 samples of which the whole true curve lies within a band of 90 %."""
    from scipy.stats import norm

    rng = np.random.default_rng(8)
    steps = np.linspace(-2, 4, 25)
    truth = norm.sf(steps, 1.0, 1.5)
    whole, single = [], []
    for _ in range(120):
        _, low, high = simultaneous_band(rng.normal(1.0, 1.5, (1, 100)), steps, 250, 0.9, rng)
        given = ~np.isnan(low)
        inside = (low[given] <= truth[given]) & (truth[given] <= high[given])
        whole.append(inside.all())
        single.append(inside.mean())
    assert abs(np.mean(whole) - 0.9) < 4 * np.sqrt(0.9 * 0.1 / 120)
    assert np.mean(single) > 0.95  # wider than a band that holds at one amount only


def test_curve_counts_everybody_and_falls():
    frame = trial(5)
    curve = run(frame, missing="non_response", visits=["week_12"]).tables["response_curve"]
    mine = curve[curve["arm"] == "dry_needling"]
    at_12 = frame.query("visit == 'week_12' and arm == 'dry_needling'")
    step = mine.iloc[20]
    assert step["n_events"] == int((at_12["improvement"] >= step["improvement"] - 1e-9).sum())
    assert step["n"] == 80
    assert (mine["share"].diff().dropna() <= 0).all()


def test_reliable_change():
    """Jacobson and Truax's own formula; with a reliability of 0.8 and SD 7.5 it takes 9.3 points."""
    assert reliable_change(7.5, 0.8) == pytest.approx(1.959964 * 7.5 * np.sqrt(0.4), rel=1e-6)
    frame = trial(6)
    own = pd.DataFrame({"instrument": ["nprs"], "alpha": [0.9]})
    found = run(frame, reliability=own).tables["reliable_change"]
    beyond = reliable_change(frame.query("visit == 'baseline'")["value"].std(), 0.9)
    at_4 = frame.query("visit == 'week_4' and arm == 'dry_needling'")["improvement"]
    one = found[found["arm"] == "dry_needling"].iloc[0]
    assert one["n_improved"] == (at_4 > beyond).sum()
    assert one["n_worse"] == (at_4 < -beyond).sum()
    assert one[["n_improved", "n_worse", "n_unchanged"]].sum() == one["n"] == 80
    assert run(frame).tables["reliable_change"].empty


def test_stratified_randomisation_is_corrected_for_in_drawn_data_too():
    """Strata that tell the response: balanced within them, the arms differ less by chance than an uncorrected variance says."""
    estimates, plain, corrected = [], [], []
    settings = {"visits": ["week_12"], "responses": {"two": {"points": 2.0}}, "draws": 20, "resamples": 200}
    for seed in range(16):
        frame = trial(100 + seed, n=120, lost=False)
        number = frame["patient"].str[1:].astype(int)
        frame = frame[(frame["visit"] != "week_12") | (np.random.default_rng(seed).random(len(frame)) > 0.08)]
        strong = number.reindex(frame.index) % 4 < 2  # two of each arm in every four
        value = frame["value"] - 4.0 * (strong & (frame["visit"] == "week_12"))
        frame = add_baseline(frame.assign(value=value, age=np.where(strong, 30.0, 60.0)), "baseline")
        with_strata, without = (
            row(run(frame, baseline="unadjusted", **settings, **extra), "risk_difference", "two")
            for extra in ({"strata": "age"}, {})
        )
        assert with_strata["estimate"] == pytest.approx(without["estimate"], abs=1e-12)
        estimates.append(with_strata["estimate"])
        corrected.append(with_strata["se"])
        plain.append(without["se"])
    again = row(run(frame, baseline="unadjusted", strata="age", **settings), "risk_difference", "two")
    assert (again["estimate"], again["se"]) == (estimates[-1], corrected[-1])  # drawn with the study's seed
    assert np.mean(corrected) < 0.95 * np.mean(plain)
    spread = np.std(estimates, ddof=1)
    assert spread < np.mean(plain)
    assert np.mean(corrected) == pytest.approx(spread, rel=0.5)


def test_arms_in_which_nobody_or_everybody_responds_are_counted():
    """Of 0 in 20 Wilson's upper limit is z^2 / (n + z^2); a difference is arm minus reference."""
    from needling.analysis.responders import _unadjusted

    shares = {"care": np.array([0.0]), "needling": np.array([0.4])}
    found = _unadjusted(shares, {"care": (20, 0), "needling": (25, 10)}, [("needling", "care")], 0.95)
    care = found[found["arm"].eq("care")].iloc[0]
    assert (care["estimate"], care["low"]) == (0.0, 0.0)
    assert care["high"] == pytest.approx(1.959964**2 / (20 + 1.959964**2), rel=1e-6)
    one = found[found["quantity"] == "risk_difference"].iloc[0]
    assert one["estimate"] == pytest.approx(0.4)
    newcombe = risk_difference(10, 25, 0, 20)
    assert (one["low"], one["high"]) == pytest.approx((newcombe["low"], newcombe["high"]), rel=1e-9)
    assert one["p"] == pytest.approx(
        (comb(25, 10) + comb(20, 10)) / comb(45, 10)
    )  # all ten in one arm, or in the other
    assert found.loc[found["quantity"].str.endswith("_ratio"), "estimate"].isna().all()


def separated_trial():
    """Everybody needled responds at week 4 and half of usual care do, whatever the baseline; two were not measured."""
    frame = trial(10, n=40, lost=False)
    at_4, needled = frame["visit"] == "week_4", frame["arm"] == "dry_needling"
    half = frame["patient"].str[1:].astype(int) % 4 < 2
    value = frame["value"].mask(at_4, np.where(needled | half, 0.1, 9.0))
    frame = add_baseline(frame.assign(value=value), "baseline")
    return frame[~(at_4 & frame["patient"].isin(["P0001", "P0003"]))]


def test_an_arm_in_which_everybody_responded_has_its_odds_ratio_by_firth():
    from needling.analysis.firth import firth_odds_ratio

    frame = separated_trial().query("visit != 'week_12'")
    whole = frame[~frame["patient"].isin(["P0001", "P0003"])]
    found = run(whole, responses={"free": {"at_most": 4.0}}, missing="non_response")
    assert row(found, "odds_ratio", "free")["status"] == "not_estimated"
    one = row(found, "conditional_odds_ratio", "free")
    at_4 = whole.query("visit == 'week_4'")
    y, arm = (at_4["value"] <= 4.0).to_numpy(float), (at_4["arm"] == "dry_needling").to_numpy(float)
    assert y[arm == 1].all()
    itself = firth_odds_ratio([(y, arm, at_4[["baseline"]].to_numpy())], 0.95)
    np.testing.assert_allclose(one[list(itself)].astype(float), list(itself.values()), rtol=1e-4)
    assert (one["favours"], one["better"], one["method"]) == ("dry_needling", "higher", "firth_logistic")
    assert one[["n_patients", "n_events"]].tolist() == [38, int(y.sum())]
    assert one["variance"] == "profile_penalised_likelihood"
    assert row(found, "risk_difference", "free")["variance"] == "wilson"


def test_an_odds_ratio_by_firth_joins_completed_data_sets_and_leaves_the_difference_alone():
    found = run(separated_trial(), responses={"free": {"at_most": 4.0}}, draws=20, resamples=200)
    one = row(found, "conditional_odds_ratio", "free")
    assert one["status"] == "converged"
    assert 1 < one["low"] < one["estimate"] < one["high"] < np.inf
    assert one["imputation"] == "mar_draws_20"
    assert row(found, "risk_difference", "free")["estimate"] > 0.3
    assert "conditional_odds_ratio" not in set(run(trial(2, lost=False)).results["quantity"])  # nothing is separated


def test_an_arm_with_responders_among_the_drawn_alone_is_counted():
    """Nobody of those measured in usual care responded, and two needled did: no normal interval of next to nothing."""
    frame = separated_trial().query("visit != 'week_12'")
    at_4, patient = frame["visit"] == "week_4", frame["patient"]
    rest = np.random.default_rng(3).normal(6.5, 1.0, len(frame)).clip(4.1)
    value = frame["value"].mask(at_4, rest).mask(at_4 & patient.isin(["P0005", "P0007"]), 3.0)
    frame = add_baseline(frame.assign(value=value), "baseline")
    frame = frame[~(at_4 & patient.isin([f"P{i:04d}" for i in range(0, 16, 2)]))]
    found = run(frame, responses={"free": {"at_most": 4.0}}, draws=50)
    one = row(found, "risk_difference", "free")
    assert "of some completed data sets" in one["note"]
    assert (one["method"], one["p"] > 0.2, one["low"] < 0 < one["high"]) == ("unadjusted_wilson_newcombe", True, True)
    assert row(found, "conditional_odds_ratio", "free")["low"] < 1


def test_a_separated_covariate_is_named_and_compared_by_firth_in_every_pair():
    frame = trial(7, n=60, lost=False).query("visit != 'week_12'")
    place = frame["patient"].str[1:].astype(int)
    old = place % 5 == 0
    value = frame["value"].mask(old & (frame["visit"] == "week_4"), 0.1)
    arms = {"0": "usual_care", "1": "sham", "2": "dry_needling"}
    frame = add_baseline(
        frame.assign(arm=(place % 3).map(lambda i: arms[str(i)]), value=value, age=50.0 + 9 * old), "baseline"
    )
    found = run(frame, arms=arms, contrasts="pairwise", adjust=["age"], responses={"free": {"at_most": 4.0}})
    rows = found.results.set_index(["quantity", "arm", "reference"]).sort_index()
    assert rows.loc["risk_difference", "note"].str.contains("no finite coefficient of age;").all()
    logs = np.log(rows.loc["conditional_odds_ratio", "estimate"].astype(float))
    assert len(logs) == 3
    assert rows.loc["odds_ratio", "estimate"].notna().all()  # of everybody: another quantity, which stays finite
    one, two, between = (
        logs[pair] for pair in [("dry_needling", "usual_care"), ("sham", "usual_care"), ("dry_needling", "sham")]
    )
    assert one - two == pytest.approx(between, abs=1e-3)


def test_odds_ratios_of_separated_models_are_a_table_and_a_remark_is_a_mark():
    one = plan(
        estimands={}, families={},
        analyses={
            "primary": {"kind": "repeated_measures", "outcomes": ["pain"]},
            "better": {"kind": "responders", "outcomes": ["pain"], "visits": ["week_4"], "responses": {"free": {"at_most": 4.0}}},
        },
    )  # fmt: skip
    place = {
        "analysis": "better",
        "cohort": next(iter(one.cohorts)),
        "outcome": "pain",
        "visit": "week_4",
        "variant": "free",
    }
    pair = {"arm": "dry_needling", "reference": "usual_care"}
    why = "nobody or everybody responded in an arm"
    given = [("share", "usual_care", "", 0.25, 0.1, 0.5), ("share", "dry_needling", "", 0.5, 0.3, 0.7)]
    given += [("risk_difference", *pair.values(), 0.25, 0.05, 0.45), ("risk_ratio", *pair.values(), 2.0, 1.1, 3.8)]
    given += [("conditional_odds_ratio", *pair.values(), 9.361, 0.539, 2198.2)]
    names = ["quantity", "arm", "reference", "estimate", "low", "high"]
    rows = pd.DataFrame(given, columns=names).assign(
        **place, n_patients=60, hidden="", level=0.95, p=0.14, p_adjusted=np.nan
    )
    rows = rows.assign(row_id=[f"r{i}" for i in range(len(rows))], note=[why, why, why, "", ""])
    methods = pd.DataFrame([("better", "table", "response_shares")], columns=["analysis", "item", "text"])
    released, labels = {"results": rows, "methods": methods}, Labels(one)
    shares, odds = (TABLES[name](released, labels) for name in ("response_shares", "response_odds"))
    assert shares.rows[-1][:2] == ["Free†", "25% of 60"]
    assert "† Nobody or everybody responded in an arm." in shares.notes
    unadjusted = "P values are of the differences and not adjusted for several questions."
    assert unadjusted not in shares.notes  # there is one
    twice = pd.concat([rows, rows.assign(variant="better", row_id=rows["row_id"] + "b")], ignore_index=True)
    assert unadjusted in TABLES["response_shares"](released | {"results": twice}, labels).notes
    assert "conditional_odds_ratio" not in set(shares.exact["quantity"])
    assert odds.rows[-1] == ["Free", "9.36 (0.54 to 2198)", ".14"]
    assert odds.rows[-1][1].column == "estimate low high"
    assert odds.folded
    closed = rows.assign(estimate=np.nan, hidden="few_events")
    assert TABLES["response_odds"](released | {"results": closed}, labels).rows[-1][1] == HIDDEN
    gone = rows.assign(estimate=np.nan, p=np.nan, note="nobody, or everybody, responded")
    missing = TABLES["response_odds"](released | {"results": gone}, labels)
    assert missing.rows[-1] == ["Free", "not estimated", MISSING]
    assert missing.notes[-1] == "Nobody, or everybody, responded."
    assert TABLES["response_odds"](released | {"results": rows.iloc[:4]}, labels) is None


# ---------------------------------------------------------------- awkward frames, other designs, refusals


@pytest.mark.parametrize("missing", ["imputed", "non_response"])
@pytest.mark.parametrize("name", list(frames()))
def test_awkward_frames_give_rows_with_a_status(name, missing):
    frame = frames()[name]
    found = run(frame, missing=missing, draws=20, resamples=200)
    results = check(found.results, RESULTS, "results")
    assert len(results) >= 2
    assert not results["row_id"].duplicated().any()
    gone = results["status"] == "not_estimated"
    assert results.loc[gone, "note"].ne("").all()
    assert results.loc[gone, "estimate"].isna().all()
    assert (results["low"].isna() | (results["low"] <= results["estimate"] + 1e-12)).all()
    for side in ("number_needed", "response_curve", "reliable_change"):
        check(found.tables[side], SIDE[side], side)


def test_nobody_responds():
    frame = frames()["a constant outcome"]
    found = run(frame, missing="non_response")
    one = row(found, "risk_difference", "at_least_30_percent")
    assert one["method"] == "unadjusted_wilson_newcombe"
    assert one["estimate"] == 0
    assert one["low"] < 0 < one["high"]
    assert one["p"] == 1.0
    assert row(found, "risk_ratio", "at_least_30_percent")["status"] == "not_estimated"
    odds = row(found, "conditional_odds_ratio", "at_least_30_percent")
    assert (odds["status"], odds["note"]) == ("not_estimated", "nobody, or everybody, responded")
    assert found.tables["number_needed"]["through_infinity"].eq(1).all()


def test_shares_have_a_unit_and_ratios_have_none():
    found = run(trial(2, lost=False)).results
    units = found.groupby("quantity")["unit"].agg(set).to_dict()
    assert {name: units[name] for name in ("share", "risk_difference", "risk_ratio", "odds_ratio")} == {
        "share": {"share"}, "risk_difference": {"share"}, "risk_ratio": {""}, "odds_ratio": {""},
    }  # fmt: skip


def test_three_arms_and_pairs():
    frame = trial(7, n=240)
    place = frame["patient"].str[1:].astype(int) % 3
    frame = frame.assign(arm=place.map({0: "usual_care", 1: "sham", 2: "dry_needling"}))
    found = run(
        frame, arms={"0": "usual_care", "1": "sham", "2": "dry_needling"}, contrasts="pairwise", draws=20, resamples=200
    )
    results = found.results.query("quantity == 'risk_difference' and variant == 'at_least_30_percent'")
    assert sorted(zip(results["arm"], results["reference"], strict=True)) == [
        ("dry_needling", "sham"),
        ("dry_needling", "usual_care"),
        ("sham", "usual_care"),
    ]


def test_an_impression_of_change_has_no_baseline_and_is_counted_all_the_same():
    """PGIC success; the answer to a change from baseline is a row that says why it has none."""
    frame = trial(8, lost=False).query("visit != 'baseline'").assign(baseline=np.nan, change=np.nan, improvement=np.nan)
    frame = frame.assign(value=frame["value"].clip(1, 7).round())
    asked = {"much_improved": {"at_most": 4}, "improved": {"percent": 30}}
    found = run(frame, responses=asked, visits=["week_12"], missing="non_response")
    at_12 = frame[frame["visit"] == "week_12"]
    counted = at_12.assign(y=(at_12["value"] <= 4) * 1).groupby("arm")["y"].agg(["sum", "mean"])
    for arm, (responders, share) in counted.iterrows():
        one = row(found, "share", "much_improved", arm)
        assert (one["n_events"], one["n_patients"]) == (responders, 80)
        assert one["estimate"] == pytest.approx(share, abs=1e-9)
    gone = found.results[found.results["variant"] == "improved"]
    assert gone["status"].tolist() == ["not_estimated"]
    assert gone["note"].tolist() == ["nothing was measured at this visit, or at a baseline that the response needs"]
    assert found.tables["response_curve"].empty
    drawn_too = run(
        trial(8).query("visit != 'baseline'"), responses={"low": {"at_most": 4}}, visits=["week_12"], draws=20
    )
    assert row(drawn_too, "risk_difference", "low")["status"] == "converged"


def test_single_arm_has_shares_and_no_comparison():
    frame = trial(8).assign(arm="")
    found = run(frame, arms=None, design="single_arm", visits=["week_12"], draws=20, resamples=200)
    assert set(found.results["quantity"]) == {"share"}
    one = found.results.iloc[0]
    assert one["low"] < one["estimate"] < one["high"]
    assert found.tables["number_needed"].empty
    measured = score_share([one["estimate"]], one["n_patients"])  # what was drawn is not taken as measured
    assert one["high"] - one["low"] > 1.02 * (measured["high"] - measured["low"])


def test_a_cohort_design_takes_the_variance_of_these_patients_and_fills_no_covariate():
    frame = trial(9)
    frame = frame.assign(
        age=np.where(frame["patient"] == "P0000", np.nan, 40.0 + frame["patient"].str[1:].astype(int) % 20)
    )
    found = run(frame, design="cohort", adjust=["age"], draws=20, resamples=200)
    assert set(found.results.query("quantity == 'risk_difference'")["variance"]) == {"ge"}
    assert found.results["n_patients"].max() == 159
    people = found.tables["people"]
    assert people.query("stage == 'left_out'")[["arm", "reason", "n"]].to_numpy().tolist() == [
        ["usual_care", "incomplete", 1]
    ]
    kept = run(frame, adjust=["age"], draws=20, resamples=200)
    assert kept.results["n_patients"].max() == 160


REFUSED = {
    "{visits: [baseline]": "visit 'baseline' is none after baseline",
    "{visits: [week_4], contrasts: trend": "not by trend or weights",
    "{visits: [week_4], strata: nothing": "strata 'nothing' is no covariate",
    "{visits: [week_4], strata: sex, variance: ge": "strata belong to randomised arms",
    "{visits: [week_4], framework: equivalence, margin: 1": "for superiority only",
    "{visits: [week_4], responses: {a: {percent: 30, points: 2}}": "exactly one of percent",
    "{visits: [week_4], outcomes: [function], responses: {a: {threshold: MCID}}": "no MCID is known for Fibromyalgia",
    "{visits: [week_4], responses: {a: {threshold: SCB}}, outcomes: [function]": "no SCB is known for Neck disability",
}


@pytest.mark.parametrize("settings", list(REFUSED))
def test_what_cannot_be_asked_is_refused_in_words(settings, project, tmp_path):
    text = (project / "config/demo.yaml").read_text()
    own = f"  asked: {settings}, kind: responders" + ("" if "outcomes" in settings else ", outcomes: [pain]") + "}\n"
    dose = text.replace(
        "reference: usual_care\n", "reference: usual_care\n    dose: {usual_care: 0, dry_needling: 1}\n"
    )
    path = tmp_path / "demo.yaml"
    path.write_text(dose.replace("families:\n", own + "\nfamilies:\n"))
    with pytest.raises(StudyError, match=REFUSED[settings]):
        load_study(path)
