"""Times to an event: recovery of known ratios and means, who is followed until when, too little data, refusals, words."""

import numpy as np
import pandas as pd
import pytest
from made_results import ARM, plan

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.analysis.survival import kaplan_meier, known_until, proportional_hazards
from needling.cohort.frame import add_baseline
from needling.figures import reached as figure
from needling.figures.style import PHONE, REPORT, style
from needling.labels.words import Labels
from needling.release.line import release
from needling.schema.contract import check, empty
from needling.schema.frames import BASELINE, DISTRIBUTION, FLOW, FRAME, MISSINGNESS
from needling.schema.intake import ACCOUNT, AUDIT, CODEBOOK, RELIABILITY, TOTALS
from needling.simulate.made_up import simulate_study
from needling.simulate.scenario import Scenario
from needling.study.file import part, section
from needling.tables.reached import TABLES, sentences

OBSERVED = {"flow": FLOW, "distribution": DISTRIBUTION, "missingness": MISSINGNESS, "baseline": BASELINE}
OBSERVED |= {"audit": AUDIT, "totals": TOTALS, "reliability": RELIABILITY, "codebook": CODEBOOK}
OBSERVED |= {"unread": ACCOUNT["unread"]}
EVENTS = {
    "milestones": {"columns": {"date": "d", "kind": {"from": "k", "codes": {1: "return", 2: "relapse"}}}},
    "status": {"columns": {"date": "d", "still_followed": {"from": "f", "codes": {0: "no", 1: "yes"}}}},
}
RETURN = {"kind": "time_to_event", "better": "earlier", "horizon": 12}
RETURN |= {"event": {"table": "milestones", "where": {"kind": "return"}}}
HALF = {"kind": "time_to_event", "better": "earlier", "response": {"percent": 50}, "outcomes": ["pain"]}


def study(settings=RETURN, design="randomised", **changes):
    arm = {"arm": ARM} if design != "single_arm" else {}
    primary = {"kind": "repeated_measures", "outcomes": ["pain"]} | ({} if arm else {"baseline": "response"})
    base = {
        "design": design,
        "patients": {"id": "id", "clinic": "c", "covariates": {"age": "age"}} | arm,
        "cohorts": {"neck": {"label": "Neck pain", "outcomes": {"pain": "nprs"}}},
        "events": EVENTS,
        "estimands": {},
        "families": {},
        "analyses": {"primary": primary, "times": settings},
    }
    return plan(**base | changes)


def trial(seed=1, n=200, ratio=1.6, clinics=8, lost=0.2):
    """People, visits at weeks 0 to 12, and days of return: exponential with mean 60 days in usual care."""
    rng = np.random.default_rng(seed)
    people = pd.DataFrame({"patient": [f"P{i:04d}" for i in range(n)], "cohort": "neck"})
    people = people.assign(
        arm=np.where(np.arange(n) % 2 == 1, "dry_needling", "usual_care"),
        clinic=[f"C{i % clinics:02d}" for i in range(n)],
        age=rng.normal(40, 9, n).round(),
    )
    day = np.ceil(rng.exponential(60, n) / np.where(people["arm"] == "dry_needling", ratio, 1.0))
    stays = np.where(rng.random(n) < lost, rng.integers(1, 5, n), 5)
    weeks = {"baseline": 0, "week_2": 2, "week_4": 4, "week_8": 8, "week_12": 12}
    parts = []
    for number, (visit, week) in enumerate(weeks.items()):
        value = np.where(day <= 7 * week, 2.0, 8.0)
        rows = people.assign(visit=visit, visit_number=number, week=float(week), day=7.0 * week, value=value)
        parts.append(rows[stays > number])
    frame = pd.concat(parts, ignore_index=True).assign(site="", side="", therapist="T1", outcome="pain")
    frame = frame.assign(hour=168 * frame["week"], instrument="nprs", unit="0-10 points", better="lower")
    last = people["patient"].map(frame.groupby("patient")["day"].max())
    back = pd.DataFrame({"patient": people["patient"], "day": day, "kind": "return"})[day <= last]
    status = pd.DataFrame(
        {"patient": pd.Series(dtype="str"), "day": pd.Series(dtype=float), "still_followed": pd.Series(dtype="str")}
    )
    frame = check(add_baseline(frame, "baseline"), FRAME, "frame")
    return {"patients": people, "visits": frame, "milestones": back.reset_index(drop=True), "status": status}


def found_in(given, one=None):
    return analyse("times", given, one or study()).tables


def row(results, quantity, arm="dry_needling", reference=None):
    mine = results[(results["quantity"] == quantity) & (results["arm"] == arm)]
    mine = mine if reference is None else mine[mine["reference"] == reference]
    assert len(mine) == 1
    return mine.iloc[0]


# ---------------------------------------------------------------- truth


def test_known_ratios_and_means_are_recovered_and_held():
    mean = {
        arm: scale * (1 - np.exp(-84 / scale)) / 7 for arm, scale in (("usual_care", 60), ("dry_needling", 60 / 1.6))
    }
    held, ratios = np.zeros(2), []
    for seed in range(40):
        results = found_in(trial(seed))["results"]
        ratio = row(results, "hazard_ratio")
        difference = row(results, "restricted_mean_difference")
        truth = mean["dry_needling"] - mean["usual_care"]
        ratios.append(np.log(ratio["estimate"]))
        held += [ratio["low"] <= 1.6 <= ratio["high"], difference["low"] - 0.05 <= truth <= difference["high"] + 0.05]
    assert (held / 40 > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 40)).all(), held
    assert abs(np.mean(ratios) - np.log(1.6)) < 3 * np.std(ratios) / np.sqrt(40) + 0.02


@pytest.mark.parametrize(("kind", "ratio"), [("return_to_sport", 1.4), ("relapse", 0.6)])
def test_the_ratios_planted_in_the_demo_come_back_over_repeated_studies(kind, ratio):
    """Of 400 studies like the demo: mean log ratio of return .332 (error .010) for ln 1.4 = .336; 95.5 % of intervals hold it."""
    logs, held = [], []
    for seed in range(30):
        made = simulate_study(Scenario(), np.random.default_rng(700 + seed))
        reached = made.milestones.query("kind == @kind").set_index("patient")["day"]
        people = made.patients[made.patients["cohort"].isin(made.truth[kind]["cohorts"])].reset_index(drop=True)
        gone = made.status[~made.status["still_followed"]].set_index("patient")["day"]
        seen = made.visits[made.visits["attended"]].groupby("patient")["day"].max()
        end = np.fmin(people["patient"].map(seen), people["patient"].map(gone))
        day = people["patient"].map(reached)
        arm = pd.DataFrame({"arm": (people["arm"] == "dry_needling") * 1.0})
        time, event = day.fillna(end).to_numpy(float), day.notna().to_numpy(int)
        at = time > 0
        fit, _ = proportional_hazards(time[at], event[at], arm[at], np.arange(at.sum()))
        log, se = fit.loc["arm"]
        logs.append(log)
        held.append(abs(log - np.log(ratio)) < 1.96 * se)
        assert made.truth[kind]["hazard_ratio"] == ratio
    assert abs(np.mean(logs) - np.log(ratio)) < 4 * np.std(logs) / np.sqrt(30)
    assert np.mean(held) > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 30)


def test_who_left_before_the_first_event_changes_no_ratio_and_has_no_missing_error():
    rng = np.random.default_rng(6)
    time, arm = 10 + np.ceil(rng.exponential(40, 80)), np.arange(80) % 2
    event = (time < 60).astype(int)
    told = proportional_hazards(time, event, pd.DataFrame({"arm": arm * 1.0}), np.arange(80))
    early = (np.r_[time, 2.0, 3.0], np.r_[event, 0, 0], pd.DataFrame({"arm": np.r_[arm, 0, 1] * 1.0}), np.arange(82))
    for one, other in zip(told, proportional_hazards(*early), strict=True):
        np.testing.assert_allclose(other.to_numpy(), one.to_numpy(), rtol=1e-9)
        assert np.isfinite(other.to_numpy()).all()


def test_a_response_known_at_visits_has_the_ratio_of_the_times_between():
    held, ratios = 0, []
    for seed in range(40):
        ratio = row(found_in(trial(seed), study(HALF))["results"], "hazard_ratio")
        ratios.append(np.log(ratio["estimate"]))
        held += ratio["low"] <= 1.6 <= ratio["high"]
    assert held / 40 > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 40)
    assert abs(np.mean(ratios) - np.log(1.6)) < 3 * np.std(ratios) / np.sqrt(40)


def test_a_response_over_visits_is_given_covariates_too():
    """Frozen from R 4: glm(event ~ 0 + visit + arm + age, binomial("cloglog")) and the sandwich by patient."""
    found = row(found_in(trial(11, n=120), study(HALF | {"adjust": ["age"]}))["results"], "hazard_ratio")
    assert (found["estimate"], found["se"]) == pytest.approx((1.732334738482, 0.225623406584), rel=1e-6)


def test_directions_sooner_is_better_for_a_return_and_worse_for_a_relapse():
    given = trial(3, n=400)
    better = found_in(given)["results"]
    assert row(better, "hazard_ratio")["favours"] == "dry_needling"
    assert row(better, "hazard_ratio")["estimate"] > 1
    assert row(better, "restricted_mean_difference")["estimate"] < 0
    assert row(better, "restricted_mean_difference")["favours"] == "dry_needling"
    worse = found_in(given, study(RETURN | {"better": "later"}))["results"]
    assert row(worse, "hazard_ratio")["favours"] == "usual_care"
    assert row(worse, "restricted_mean_difference")["favours"] == "usual_care"


def test_hazards_that_cross_are_warned_of():
    rng = np.random.default_rng(4)
    n, arm = 600, np.arange(600) % 2
    time = np.where(arm == 1, rng.weibull(3.0, n) * 50, rng.weibull(0.7, n) * 50) + 0.01
    _, checks = proportional_hazards(time, np.ones(n, int), pd.DataFrame({"arm": arm * 1.0}), np.arange(n))
    assert checks.loc["arm", "p"] < 1e-6
    given = trial(4, n=n, lost=0.0)
    day = np.ceil(time)
    given["milestones"] = pd.DataFrame({"patient": given["patients"]["patient"], "day": day, "kind": "return"})[
        day <= 84
    ]
    results = found_in(given)["results"]
    assert row(results, "proportionality")["p"] < 0.05
    assert "the ratio changes over time" in row(results, "hazard_ratio")["note"]
    assert row(found_in(trial(5))["results"], "hazard_ratio")["note"] == ""


@pytest.mark.parametrize(("clinics", "variance"), [(19, "robust_by_patient"), (20, "robust_by_clinic")])
def test_the_variance_is_by_clinic_from_twenty_clinics(clinics, variance):
    assert row(found_in(trial(6, clinics=clinics))["results"], "hazard_ratio")["variance"] == variance


# ---------------------------------------------------------------- until when somebody is followed


def small():
    """Four patients: back on day 14; never, seen to day 84; left on day 21; left on day 35 and still followed to day 84."""
    given = trial(7, n=4, lost=0.0)
    given["milestones"] = pd.DataFrame(
        {"patient": ["P0000", "P0003"], "day": [14.0, 0.0], "kind": ["return", "relapse"]}
    )
    left = {"patient": ["P0002", "P0003"], "day": [21.0, 35.0], "still_followed": ["no", "yes"]}
    given["status"] = pd.DataFrame(left)
    return given


def test_patients_are_at_risk_until_the_event_the_last_visit_or_the_day_they_left():
    curve = found_in(small())["event_curve"]
    care = curve[curve["arm"] == "usual_care"].set_index("time")
    assert care.loc[[2.0, 3.0, 4.0, 12.0], "n_at_risk"].tolist() == [2, 1, 0, 0]
    assert care.loc[[1.0, 2.0, 12.0], "n_events"].tolist() == [0, 1, 1]
    needled = curve[curve["arm"] == "dry_needling"].set_index("time")
    assert needled["n_at_risk"].unique().tolist() == [2]
    assert needled["estimate"].unique().tolist() == [0.0]


def test_an_event_on_record_after_the_end_of_observation_does_not_count():
    """Else those lost would be followed for longer if it happened to them than if not."""
    given = small()
    late = {"patient": ["P0002"], "day": [30.0], "kind": ["return"]}
    given["milestones"] = pd.concat([given["milestones"], pd.DataFrame(late)], ignore_index=True)
    pd.testing.assert_frame_equal(found_in(given)["event_curve"], found_in(small())["event_curve"])
    at_the_end = given["milestones"].assign(day=given["milestones"]["day"].replace(30.0, 21.0))
    curve = found_in(given | {"milestones": at_the_end})["event_curve"]
    assert curve.set_index(["arm", "time"]).loc[("usual_care", 3.0), "n_events"] == 2


def test_events_are_told_beyond_observation_without_bias():
    """All returns to week 12 are on record, also of the needled who were lost after week 4: the ratio stays 1 and is held."""
    held, logs = 0, []
    for seed in range(40):
        given = trial(900 + seed, ratio=1.0, lost=0.0)
        rng = np.random.default_rng(seed)
        needled = given["patients"]["arm"] == "dry_needling"
        lost = given["patients"].loc[needled & (rng.random(200) < 0.8), "patient"]
        seen = ~given["visits"]["patient"].isin(lost) | (given["visits"]["week"] <= 4)
        found = row(
            found_in(given | {"visits": given["visits"][seen].reset_index(drop=True)})["results"], "hazard_ratio"
        )
        held += found["low"] <= 1 <= found["high"]
        logs.append(np.log(found["estimate"]))
    assert abs(np.mean(logs)) < 3 * np.std(logs) / np.sqrt(40)
    assert held / 40 > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 40)


def test_visits_without_a_date_are_on_their_planned_day():
    given = trial(3)
    bare = given | {"visits": given["visits"].assign(day=np.nan)}
    pd.testing.assert_frame_equal(found_in(bare)["results"], found_in(given)["results"])


def test_a_curve_that_does_not_end_at_nothing_is_known_as_long_as_somebody_was_observed():
    time, event = np.array([1.0, 2.0, 2.0]), np.array([1, 1, 0])
    assert [known_until(time, event, horizon) for horizon in (2.0, 2.5)] == [True, False]
    assert known_until(time, np.array([0, 1, 1]), 2.5)


def test_an_arm_in_which_all_had_the_event_before_the_horizon_is_known_up_to_it():
    given = trial(4, n=60, lost=0.0)
    day = given["patients"]["patient"].str[1:].astype(float) + 1
    given["milestones"] = given["patients"][["patient"]].assign(day=day, kind="return")
    results = found_in(given, study(RETURN | {"horizon": 13}))["results"]
    for arm in ("usual_care", "dry_needling"):
        weeks = day[given["patients"]["arm"] == arm] / 7
        mean, share = row(results, "restricted_mean", arm), row(results, "share", arm)
        assert (mean["estimate"], mean["se"]) == pytest.approx(
            (weeks.mean(), weeks.std(ddof=0) / np.sqrt(30)), rel=1e-8
        )
        assert (share["status"], share["estimate"]) == ("converged", 1)
    assert row(results, "restricted_mean_difference")["estimate"] == pytest.approx(1 / 7, rel=1e-8)


def test_limits_of_the_share_with_the_event_are_one_minus_those_of_the_curve():
    given = trial(5)
    share = row(found_in(given, study(RETURN | {"horizon": 8, "level": 0.9}))["results"], "share")
    people = given["patients"].merge(given["milestones"], on="patient", how="left").query("arm == 'dry_needling'")
    seen = people["patient"].map(given["visits"].groupby("patient")["day"].max())
    weeks, event = people["day"].fillna(seen) / 7, people["day"].notna()
    at = weeks > 0
    curve = kaplan_meier(weeks[at].to_numpy(), event[at].astype(int).to_numpy(), 0.9)
    last = curve[curve["time"] <= 8].iloc[-1]
    expected = [1 - last[name] for name in ("estimate", "high", "low")]
    assert share[["estimate", "low", "high"]].tolist() == pytest.approx(expected, rel=1e-7)
    assert share["n_events"] == int((event & (weeks <= 8)).sum()) < event.sum()
    results = found_in(given, study(RETURN | {"horizon": 8}))["results"]
    both = row(results, "share", "usual_care")["n_events"] + row(results, "share")["n_events"]
    assert row(results, "restricted_mean_difference")["n_events"] == both


# ---------------------------------------------------------------- too little data


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda g: {k: v.head(0) for k, v in g.items()}, "nobody in an arm was observed"),
        (lambda g: {k: v[v["patient"] == "P0001"] for k, v in g.items()}, "nobody in an arm was observed"),
        (lambda g: g | {"milestones": g["milestones"].head(0)}, "nobody in an arm had the event"),
        (lambda g: {k: v[v["patient"] < "P0010"] for k, v in g.items()}, "fewer than 10 events"),
    ],
    ids=["nobody", "one patient", "no events", "few events"],
)
def test_what_too_few_leave_open_is_a_row_with_its_reason(change, note):
    made = row(found_in(change(trial(8)))["results"], "hazard_ratio")
    assert made["status"] == "not_estimated"
    assert np.isnan(made["estimate"])
    assert note in made["note"]


def test_a_horizon_beyond_all_observation_has_no_mean():
    made = found_in(trial(9), study(RETURN | {"horizon": 13}))["results"]
    assert row(made, "restricted_mean_difference")["status"] == "not_estimated"
    assert "up to the horizon" in row(made, "share")["note"]


def test_a_cohort_without_the_event_has_no_row():
    cohorts = {name: {"label": name, "outcomes": {"pain": "nprs"}} for name in ("neck", "back")}
    patients = {"id": "id", "clinic": "c", "arm": ARM, "cohort": {"from": "k"}, "covariates": {"age": "age"}}
    one = study(RETURN | {"cohorts": ["neck"]}, cohorts=cohorts, patients=patients)
    assert set(found_in(trial(10), one)["results"]["cohort"]) == {"neck"}


# ---------------------------------------------------------------- designs


def test_without_randomisation_means_are_not_compared_and_words_are_of_association():
    one = study(RETURN | {"adjust": ["age"]}, design="cohort")
    tables = found_in(trial(11, n=400), one)
    assert "restricted_mean_difference" not in set(tables["results"]["quantity"])
    assert "a ratio is an association" in " ".join(tables["methods"]["text"])
    released = release(tables | {name: empty(c) for name, c in OBSERVED.items()}, one)
    said = " ".join("".join(pieces) for pieces in sentences(released, Labels(one)))
    assert "sooner with dry needling, which is better (an association)" in said
    for word in ("effect", "because", "due to", "cause"):
        assert word not in said


def test_a_single_arm_has_a_curve_and_no_comparison():
    given = trial(12)
    given["patients"] = given["patients"].assign(arm=None)
    results = found_in(given, study(design="single_arm"))["results"]
    assert set(results["quantity"]) == {"share", "restricted_mean"}


@pytest.mark.parametrize(
    ("settings", "options", "said"),
    [
        (RETURN | {"response": {"percent": 50}}, {}, "name either the event (with its table) or a response"),
        (RETURN | {"outcomes": ["pain"]}, {}, "an event of known day is of none"),
        (
            {k: v for k, v in RETURN.items() if k != "horizon"},
            {},
            "horizon, in weeks, belongs to an event of known day",
        ),
        (HALF | {"response": {"threshold": "MCID"}}, {}, "say percent, points, at_most or at_least"),
        (RETURN | {"cohorts": ["nek"]}, {}, "did you mean 'neck'?"),
        (RETURN, {"design": "cohort"}, "without randomisation a bare difference"),
        (RETURN | {"contrasts": {"usual_care": -1, "dry_needling": 1}}, {}, "leave trend, weights"),
        (
            RETURN | {"event": {"table": "milestones", "where": {"kind": "retur"}}},
            {},
            "did you mean 'return'?",
        ),
        (RETURN | {"event": {"table": "adverse_events"}}, {}, "the study has no table events.adverse_events"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(settings, options, said):
    with pytest.raises(ValueError, match=r"analyses\.times") as error:
        study(settings, **options)
    assert said in str(error.value)


def test_the_sections_that_the_workflow_gives_are_enough():
    one = study()
    common = ["design", "patients", "visits", "cohorts", "covariates", "estimands", "analyses", "primary", "events"]
    part_of = part(section(one, *common), settings_of_kinds())
    pd.testing.assert_frame_equal(found_in(trial(1), part_of)["results"], found_in(trial(1))["results"])


def test_table_figure_and_sentences_say_the_numbers_of_the_results():
    one = study()
    tables = found_in(trial(13))
    released, labels = release(tables | {name: empty(c) for name, c in OBSERVED.items()}, one), Labels(one)
    printed = TABLES["reached"](released, labels)
    ratio = row(released["results"], "hazard_ratio")
    text = f"{ratio['estimate']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"
    assert printed.rows[-1][0] == "Hazard ratio"
    assert printed.rows[-1][3] == text
    assert any("check of proportional hazards P" in note for note in printed.notes)
    assert any(text in "".join(pieces) for pieces in sentences(released, labels))
    assert [note for note in printed.notes if "restricted" in note] == [
        "Shares are by week 12; means are restricted to it."
    ]
    source = figure.data(released, labels)
    assert figure.ticks(source) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0]
    assert "at risk" in figure.words(source, labels)[0]


def test_the_table_has_no_column_that_a_design_leaves_empty_and_says_who_is_counted():
    """A group has nobody to be compared with; a response known at visits has no mean time."""
    single, given = study(HALF, design="single_arm"), trial(14)
    lost = given["visits"]["patient"].isin(["P0001", "P0002"]) & given["visits"]["visit"].ne("baseline")
    given["visits"] = given["visits"][~lost].assign(arm=None)
    given["patients"] = given["patients"].assign(arm=None)
    for one, head in ((single, ["Group", "Events", "Had it by then (95% CI)"]), (study(HALF), None)):
        tables = found_in(given if one is single else trial(14), one)
        released = release(tables | {name: empty(c) for name, c in OBSERVED.items()}, one)
        printed = TABLES["reached"](released, Labels(one))
        assert printed.head == (
            head or ["Arm or comparison", *["Events", "Had it by then (95% CI)"], "Comparison (95% CI)", "P"]
        )
        assert "Shares are by week 12." in printed.notes
        assert "Counted: patients measured at baseline and week 2, each until the first visit missed." in printed.notes
        assert all(len(row) in (1, len(printed.head)) for row in printed.rows)
    assert sum(printed.widths) == pytest.approx(1)
    dated = study(design="single_arm")
    released = release(found_in(given, dated) | {name: empty(c) for name, c in OBSERVED.items()}, dated)
    printed = TABLES["reached"](released, Labels(dated))
    assert printed.head[-1] == "Mean weeks without (95% CI)"
    assert "Counted: everybody observed after day 0." in printed.notes


@pytest.mark.parametrize("sizes", [REPORT, PHONE])
def test_the_last_step_is_seen_and_long_names_leave_room_for_the_curves(sizes):
    one = study()
    long = {arm: f"{arm} with advice, a home programme of exercises and analgesics as needed" for arm in one.arms}
    one.patients.arm.labels.update(long)
    tables = found_in(trial(13))
    released, labels = release(tables | {name: empty(c) for name, c in OBSERVED.items()}, one), Labels(one)
    source = figure.data(released, labels)
    with style(sizes):
        drawn = figure.draw(source, labels, sizes)
    ax = next(ax for ax in drawn.axes if ax.get_lines())
    last = source["time"].max()
    assert ax.get_xlim()[1] > last
    assert all(line.get_xdata()[-1] > last for line in ax.get_lines() if len(line.get_xdata()) > 2)
    assert ax.get_position().width * sizes.width > 0.4 * min(sizes.width, 120)


def test_steps_that_are_left_out_are_told():
    one = study()
    tables = found_in(trial(13))
    released, labels = release(tables | {name: empty(c) for name, c in OBSERVED.items()}, one), Labels(one)
    source = figure.data(released, labels)
    assert "left out" not in figure.words(source, labels)[0]
    lost = pd.DataFrame([{"section": "event_curve", "reason": "withheld", "n": 3}])
    released["withheld"] = pd.concat([released["withheld"], lost], ignore_index=True)
    assert "Steps of few people are left out" in figure.words(figure.data(released, labels), labels)[0]
