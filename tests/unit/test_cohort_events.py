"""Sessions, derived covariates and intercurrent events, by hand-countable tables."""

import numpy as np
import pandas as pd
import pytest
import yaml

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.cohort.covariates import with_covariates
from needling.cohort.events import apply_strategies, intercurrent_counts, intercurrent_events
from needling.cohort.frame import add_baseline, assemble
from needling.cohort.sessions import session_frame
from needling.plan import adjust, load_study
from needling.release.line import release_intercurrent
from needling.release.rule import limits
from needling.schema.contract import check
from needling.schema.frames import EVENTS, EXPOSURES, FRAME, INTERCURRENT, SESSIONS_FRAME
from needling.study.derived import Strategy
from needling.study.families import Family
from needling.study.file import part
from needling.study.keys import StudyError

UNTIL = {"table": "needling", "until": "week_4"}
SECTIONS = {
    "patients": {
        "id": "id",
        "arm": {"from": "arm", "codes": {"1": "usual_care", "2": "dry_needling"}, "reference": "usual_care"},
        "covariates": {"age": "age"},
    },
    "visits": {
        "schedule": {"baseline": {"days": [-14, 0]}, "week_4": {"days": [21, 35]}, "week_8": {"days": [49, 63]}},
        "primary": "week_4",
    },
    "instruments": {"nprs": {"total": "pain"}, "csi": {"total": "csi"}},
    "cohorts": {"neck": {"outcomes": {"pain": "nprs"}}},
    "events": {
        "sessions": {
            "columns": {"session": "s", "date": "d", "pain_before": "b", "pain_after": "a", "soreness_24h": "r"}
        },
        "needling": {"columns": {"session": "s", "muscle": "m", "needles": "n", "ltr": "l", "technique": "t"}},
        "status": {"columns": {"date": "d", "reason": "r"}},
    },
    "covariates": {
        "csi": {"instrument": "csi", "visit": "baseline"},
        "visits_of_care": {"table": "sessions", "take": "count", "until": "week_4"},
        "needled": {**UNTIL, "take": "sum", "column": "needles"},
        "per_muscle": {**UNTIL, "take": "mean", "column": "needles"},
        "twitching": {**UNTIL, "take": "share_of_sessions", "where": {"ltr": "yes"}},
    },
    "intercurrent_events": {
        "stopped": {"table": "status", "where": {"reason": ["lost", "harmed"]}},
        "cured": {"table": "status", "where": {"reason": "recovered"}},
    },
    "disclosure": {"rule": "cells"},
    "made_up": False,
}
STUDY = part(SECTIONS)
PATIENTS = pd.DataFrame(
    {
        "row": [0, 1, 2],
        "patient": ["P9", "P5", "P7"],
        "clinic": "C1",
        "cohort": "neck",
        "arm": ["dry_needling", "dry_needling", "usual_care"],
        "age": [40.0, 25.0, 31.0],
    }
)
SESSIONS = pd.DataFrame(
    [
        (0, "P5", 1, 3, 6, 4, 2),
        (1, "P9", 2, 9, 5, 5, None),
        (2, "P9", 1, 2, 7, 4, 3),
        (3, "P9", 3, 28, 4, 3, None),
        (4, "P7", 1, 5, 6, None, None),
        (5, "P9", 4, None, 3, 3, None),
    ],
    columns=["row", "patient", "session", "day", "pain_before", "pain_after", "soreness_24h"],
).assign(therapist="T1", clinic="C1")
NEEDLING = pd.DataFrame(
    [
        (0, "P9", 1, "trapezius", 2, "no", "deep"),
        (1, "P9", 1, "levator", 3, "yes", "superficial"),
        (2, "P9", 2, "trapezius", 4, "no", "deep"),
        (3, "P5", 1, "trapezius", None, None, "deep"),
    ],
    columns=["row", "patient", "session", "muscle", "needles", "ltr", "technique"],
)
STATUS = pd.DataFrame(
    [(0, "P9", 30, "lost"), (1, "P5", 28, "recovered"), (2, "P7", None, "harmed")],
    columns=["row", "patient", "day", "reason"],
)
TABLES = {"sessions": SESSIONS, "needling": NEEDLING, "status": STATUS}
VISITS = pd.DataFrame(
    [
        (0, "P9", "baseline", 0),
        (1, "P9", "week_4", 28),
        (2, "P5", "baseline", -2),
        (3, "P5", "week_4", 28),
        (4, "P5", "week_8", 57),
        (5, "P7", "baseline", 0),
        (6, "P7", "week_4", 27),
        (7, "P7", "week_8", None),
    ],
    columns=["row", "patient", "visit", "day"],
).assign(therapist="T1", clinic="C1")
PAIN = [7.0, 5.0, 6.0, 3.0, 2.0, 6.0, 5.0, 4.0]
SCORES = pd.DataFrame(
    [*((row, "nprs", value) for row, value in enumerate(PAIN)), (0, "csi", 30.0), (3, "csi", 99.0)],
    columns=["visit_row", "instrument", "value"],
).assign(unit="points", answered=1.0, source="total")
FRAME_OF_ALL = assemble(PATIENTS, VISITS, SCORES, STUDY)
HAPPENED = intercurrent_events(TABLES, PATIENTS, STUDY)


# ---------------------------------------------------------------- sessions


def test_sessions_stand_in_the_order_of_the_export_and_of_their_days():
    made = check(session_frame(PATIENTS, TABLES, STUDY), SESSIONS_FRAME, "sessions")
    assert list(zip(made["patient"], made["session"], made["number"], strict=True)) == [
        *[("P9", 1, 1), ("P9", 2, 2), ("P9", 3, 3), ("P9", 4, 4)],
        *[("P5", 1, 1), ("P7", 1, 1)],
    ]
    first = made.iloc[0]
    assert (first["pain_change"], first["week"], first["soreness_24h"], first["age"]) == (-3, 2 / 7, 3, 40)
    assert (first["arm"], first["cohort"], first["therapist"]) == ("dry_needling", "neck", "T1")


def test_exposures_are_those_of_the_session_and_those_before_it():
    made = session_frame(PATIENTS, TABLES, STUDY).set_index(["patient", "number"])
    assert made.loc["P9", ["muscles", "needles", "twitch"]].to_numpy().tolist() == [
        [2, 5, 1],
        [1, 4, 0],
        [0, 0, 0],
        [0, 0, 0],
    ]
    assert list(made.loc["P9", "needles_before"]) == [0, 5, 9, 9]
    assert list(made.loc["P9", "muscles_before"]) == [0, 2, 3, 3]
    assert list(made.loc["P9", "technique"].dropna()) == ["deep+superficial", "deep"]
    assert made.loc[("P7", 1), "muscles"] == 0, "a session without rows of needling had none"
    assert pd.isna(made.loc[("P5", 1), "needles"])
    assert made["insertions"].isna().all(), "the study has no such column"


def test_a_number_left_open_leaves_later_sums_open():
    opened = NEEDLING.assign(needles=NEEDLING["needles"].mask(NEEDLING["row"] == 1))
    made = session_frame(PATIENTS, TABLES | {"needling": opened}, STUDY).query("patient == 'P9'")
    assert made["needles"].isna().tolist() == [True, False, False, False]
    assert made["needles_before"].isna().tolist() == [False, True, True, True]


def test_without_needling_or_sessions_the_frame_keeps_its_contract():
    bare = session_frame(PATIENTS, {"sessions": SESSIONS}, STUDY)
    assert bare[list(EXPOSURES)].isna().all(axis=None)
    assert len(check(session_frame(PATIENTS, {}, STUDY), SESSIONS_FRAME, "sessions")) == 0


def test_a_twitch_is_answered_by_yes_or_no():
    odd = NEEDLING.assign(ltr=["no", "present", "no", None])
    with pytest.raises(StudyError, match="other answers than yes and no"):
        session_frame(PATIENTS, TABLES | {"needling": odd}, STUDY)


# ---------------------------------------------------------------- derived covariates


def test_covariates_come_from_an_instrument_and_from_events_before_a_visit():
    """P9 was seen on day 28, so that the session of that day is after the visit; P9's fourth session has no date."""
    dated = TABLES | {"sessions": SESSIONS.dropna(subset="day")}
    made = with_covariates(PATIENTS, VISITS, SCORES, dated, STUDY).set_index("patient")
    assert made.loc["P9", ["csi", "visits_of_care", "needled", "per_muscle", "twitching"]].tolist() == [
        30,
        2,
        9,
        3,
        0.5,
    ]
    assert made.loc["P7", ["visits_of_care", "needled", "twitching"]].tolist() == [1, 0, 0]
    assert made.loc["P5", "visits_of_care"] == 1
    open_ones = made.loc["P5", ["csi", "needled", "per_muscle"]].isna()
    assert open_ones.all(), "P5's CSI is of week 4, and the only row of needling has no number"
    assert pd.isna(made.loc["P7", "per_muscle"])


def test_an_event_without_a_date_leaves_the_covariate_open():
    made = with_covariates(PATIENTS, VISITS, SCORES, TABLES, STUDY).set_index("patient")
    assert made["visits_of_care"].isna().to_dict() == {"P9": True, "P5": False, "P7": False}
    assert pd.isna(made.loc["P9", "twitching"])


def test_a_missed_visit_counts_by_its_planned_day():
    missed = VISITS[~((VISITS["patient"] == "P7") & (VISITS["visit"] == "week_4"))]
    for day, count in ((27, 1), (28, 0)):
        sessions = SESSIONS.assign(day=SESSIONS["day"].mask(SESSIONS["patient"] == "P7", day))
        made = with_covariates(PATIENTS, missed, SCORES, TABLES | {"sessions": sessions}, STUDY).set_index("patient")
        assert made.loc["P7", "visits_of_care"] == count


def test_covariates_go_into_both_frames():
    people = with_covariates(PATIENTS, VISITS, SCORES, TABLES, STUDY)
    assert set(assemble(people, VISITS, SCORES, STUDY).query("patient == 'P9'")["csi"]) == {30.0}
    assert set(session_frame(people, TABLES, STUDY).query("patient == 'P9'")["needled"]) == {9.0}


# ---------------------------------------------------------------- intercurrent events


def test_events_are_told_from_their_tables():
    check(HAPPENED, EVENTS, "events")
    told = [(row.patient, row.event, row.day) for row in HAPPENED.itertuples()]
    assert told[0] == ("P9", "stopped", 30)
    assert told[2] == ("P5", "cured", 28)
    assert told[1][:2] == ("P7", "stopped")
    assert pd.isna(told[1][2])


def test_a_value_that_the_column_never_holds_is_asked_about():
    spelt = part(SECTIONS | {"intercurrent_events": {"stopped": {"table": "status", "where": {"reason": "lots"}}}})
    with pytest.raises(StudyError, match=r"no row of status has reason lots; mend the spelling, or list the codes"):
        intercurrent_events(TABLES, PATIENTS, spelt)
    columns = {"date": "d", "reason": {"from": "r", "codes": {"1": "lots"}}}
    listed = part(
        SECTIONS
        | {"events": {"status": {"columns": columns}}}
        | {"intercurrent_events": {"stopped": {"table": "status", "where": {"reason": "lots"}}}}
    )
    assert len(intercurrent_events(TABLES, PATIENTS, listed)) == 0


def test_events_are_counted_by_arm_and_visit_beside_missing_values():
    counts = check(intercurrent_counts(FRAME_OF_ALL, PATIENTS, HAPPENED, STUDY), INTERCURRENT, "intercurrent")
    n = counts.set_index(["arm", "visit", "event"])[["n", "n_measured"]]
    needled = n.loc["dry_needling"]
    assert tuple(needled.loc[("week_4", "stopped")]) == (0, 0), "day 30 is after P9's week 4"
    assert tuple(needled.loc[("week_4", "cured")]) == (0, 0), "a visit on the day of the event comes first"
    assert tuple(needled.loc[("week_4", "")]) == (2, 2)
    assert tuple(needled.loc[("week_8", "stopped")]) == (1, 0), "P9 missed week 8 after stopping"
    assert tuple(needled.loc[("week_8", "cured")]) == (1, 1)
    assert tuple(needled.loc[("week_8", "")]) == (0, 0)
    assert tuple(n.loc[("usual_care", "week_4", "stopped")]) == (1, 1), "an event without a date is before every visit"


def test_under_the_rule_of_cells_an_arm_is_shown_whole_or_not_at_all():
    counts = pd.DataFrame(
        [
            ("neck", "a", "pain", "week_4", "stopped", 20, 20),
            ("neck", "a", "pain", "week_8", "stopped", 40, 20),
            ("neck", "b", "pain", "week_4", "stopped", 20, 20),
            ("neck", "b", "pain", "week_8", "stopped", 21, 21),
            ("neck", "c", "pain", "week_4", "stopped", 20, 19),
        ],
        columns=list(INTERCURRENT),
    )
    shown = release_intercurrent(counts, limits(STUDY))
    assert dict(zip(shown["arm"], shown["hidden"], strict=True)) == {"a": "", "b": "few_people", "c": "few_people"}
    assert shown.loc[shown["hidden"] != "", ["n", "n_measured"]].isna().all(axis=None)


def answered(**strategies):
    """The frame under some strategies: event -> code, or (composite, value); value by (patient, visit)."""
    named = {
        event: Strategy(strategy=one) if isinstance(one, str) else Strategy(strategy=one[0], value=one[1])
        for event, one in strategies.items()
    }
    return apply_strategies(FRAME_OF_ALL, HAPPENED, named, STUDY.visits)


def values(frame):
    """Values by patient and visit."""
    return frame.set_index(["patient", "visit"])["value"].to_dict()


ALL = values(FRAME_OF_ALL)


def test_treatment_policy_and_no_strategy_keep_every_value():
    assert values(answered()) == ALL
    assert values(answered(stopped="treatment_policy", cured="treatment_policy")) == ALL


@pytest.mark.parametrize("strategy", ["hypothetical", "while_on_treatment"])
def test_values_after_the_event_become_missing(strategy):
    kept = values(answered(cured=strategy, stopped="treatment_policy"))
    assert kept == {key: value for key, value in ALL.items() if key != ("P5", "week_8")}
    kept = values(answered(stopped=strategy))
    assert kept == {key: value for key, value in ALL.items() if key[0] != "P7" or key[1] == "baseline"}


def test_composite_gives_its_value_to_every_visit_after_the_event_measured_or_missed():
    made = check(answered(stopped=("composite", 10)), FRAME, "frame")
    changed = {("P9", "week_8"): 10, ("P7", "week_4"): 10, ("P7", "week_8"): 10}
    assert values(made) == ALL | changed
    added = made.query("patient == 'P9' and visit == 'week_8'").iloc[0]
    assert (added["baseline"], added["change"], added["improvement"], added["week"]) == (7, 3, -3, 8)
    assert (added["age"], added["arm"], added["visit_number"]) == (40, "dry_needling", 2)
    assert list(made["visit_number"]) == [0, 1, 2] * 3, "in the order of the frame"


@pytest.mark.parametrize(("day", "before"), [(55, True), (56, False)])
def test_a_missed_visit_comes_after_the_events_before_its_planned_day(day, before):
    """P9 missed week 8, that is day 56."""
    happened = HAPPENED.assign(day=HAPPENED["day"].mask(HAPPENED["patient"] == "P9", day))
    counts = intercurrent_counts(FRAME_OF_ALL, PATIENTS, happened, STUDY).set_index(["arm", "visit", "event"])["n"]
    assert counts.loc[("dry_needling", "week_8", "stopped")] == int(before)
    composite = {"stopped": Strategy(strategy="composite", value=10)}
    made = values(apply_strategies(FRAME_OF_ALL, happened, composite, STUDY.visits))
    assert made.get(("P9", "week_8")) == (10 if before else None)


def test_a_composite_value_may_differ_by_outcome_and_goes_before_other_strategies():
    assert values(answered(stopped=("composite", {"pain": 8.0})))[("P9", "week_8")] == 8
    twice = pd.concat([HAPPENED, pd.DataFrame({"patient": ["P5"], "event": "stopped", "day": 40.0})])
    both = {"cured": Strategy(strategy="hypothetical"), "stopped": Strategy(strategy="composite", value=9)}
    assert values(apply_strategies(FRAME_OF_ALL, twice, both, STUDY.visits))[("P5", "week_8")] == 9
    both = {"cured": Strategy(strategy="composite", value=0), "stopped": Strategy(strategy="composite", value=9)}
    first = values(apply_strategies(FRAME_OF_ALL, twice, both, STUDY.visits))[("P5", "week_8")]
    assert first == 0, "the earliest event gives the value"


def test_a_two_valued_composite_marks_who_failed():
    made = answered(stopped="composite").set_index(["patient", "visit"])
    assert made.index[made["failed"]].tolist() == [("P9", "week_8"), ("P7", "week_4"), ("P7", "week_8")]
    assert made.loc[made["failed"], "value"].isna().all()


def test_changing_the_strategy_changes_the_numbers():
    def difference(frame):
        at = frame[frame["visit"] == "week_8"].groupby("arm")["value"].mean()
        return at["dry_needling"] - at.get("usual_care", float("nan"))

    assert difference(answered(cured="treatment_policy")) == 2 - 4
    assert difference(answered(cured=("composite", 0))) == 0 - 4
    assert difference(answered(stopped=("composite", 10))) == (10 + 2) / 2 - 10
    assert pd.isna(difference(answered(stopped="hypothetical")))


# ---------------------------------------------------------------- what analyses make of them


def trial(n=80):
    """A trial in which those of the active arm who stopped did far worse than the others."""
    rng = np.random.default_rng(4)
    people = pd.DataFrame({"patient": [f"P{i:02d}" for i in range(n)], "cohort": "neck", "row": range(n)})
    people["arm"] = np.where(np.arange(n) % 2 == 0, "usual_care", "dry_needling")
    people["age"] = 40.0
    stopped = people["patient"].isin([f"P{i:02d}" for i in range(1, 20, 2)])
    person = rng.normal(0, 1, n)
    visits = [
        people.assign(
            visit=visit,
            visit_number=number,
            week=7.0 * number,
            day=49.0 * number,
            value=5 + person + 3.0 * (number * stopped) + rng.normal(0, 0.5, n),
        )
        for number, visit in enumerate(("baseline", "week_4"))
    ]
    codes = {"outcome": "pain", "instrument": "nprs", "unit": "0-10 points", "better": "lower", "site": "", "side": ""}
    frame = add_baseline(pd.concat(visits, ignore_index=True).assign(**codes, clinic="C1", therapist="T1"), "baseline")
    events = pd.DataFrame({"patient": people.loc[stopped, "patient"], "event": "stopped", "day": 10.0})
    return {"visits": frame, "patients": people, "events": events}


def planned(strategy="treatment_policy", **settings):
    main = {"kind": "ancova", "outcomes": ["pain"], "visits": ["week_4"], "estimand": "offer", **settings}
    words = dict.fromkeys(("population", "treatment", "variable", "summary"), "in words")
    offer = {**words, "intercurrent_events": {"stopped": strategy, "cured": "treatment_policy"}}
    more = {"design": "randomised", "primary": "main", "analyses": {"main": main}, "estimands": {"offer": offer}}
    return part({**SECTIONS, **more}, settings_of_kinds())


def test_per_protocol_stands_beside_non_inferiority():
    margin = {"framework": "non_inferiority", "margin": 1.0}
    study = planned(**margin, per_protocol=["stopped"])
    made = analyse("main", trial(), study)
    rows = made.results[made.results["quantity"].eq("difference")]
    (whole,), (kept,) = (rows[rows["variant"] == one].to_dict("records") for one in ("", "per_protocol"))
    assert (whole["n_patients"], kept["n_patients"]) == (80, 70)
    assert (whole["role"], kept["role"]) == ("primary", "sensitivity")
    assert whole["row_id"] != kept["row_id"]
    given = trial()
    given["visits"] = given["visits"][~given["visits"]["patient"].isin(given["events"]["patient"])]
    alone = analyse("main", given, planned(**margin)).results
    assert kept["estimate"] == alone[alone["quantity"].eq("difference")]["estimate"].iloc[0]
    assert whole["p"] > 0.05 > kept["p"]
    assert len(rows) == 2
    assert "{event:stopped}" in " ".join(made.tables["methods"]["text"])
    family = study.model_copy(update={"families": {"one": Family(method="bonferroni")}})
    family.analyses["main"] = family.analyses["main"].model_copy(update={"family": "one"})
    adjusted = adjust(made.results, family)
    assert adjusted.loc[adjusted["family"] == "one", "variant"].tolist() == [""]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"framework": "non_inferiority", "margin": 1}, "name in per_protocol"),
        ({"framework": "non_inferiority", "margin": 1, "per_protocol": ["left"]}, "'left' is not defined"),
        ({"per_protocol": ["treatment_stopped"]}, "per_protocol belongs to non_inferiority"),
    ],
)
def test_non_inferiority_asks_who_kept_to_the_protocol(settings, told, demo_file):
    with pytest.raises(StudyError, match=told):
        demo_file(lambda text: text["analyses"]["week_12"].update(settings))


def test_a_session_model_keeps_what_came_after_an_event(demo_file):
    def hypothetical(text):
        text["estimands"]["offer_of_needling"]["intercurrent_events"]["recovered"] = "hypothetical"
        text["analyses"]["sessions"]["estimand"] = "offer_of_needling"

    with pytest.raises(StudyError, match="model of sessions keeps what was measured after 'recovered'"):
        demo_file(hypothetical)


@pytest.fixture
def demo_file(project, tmp_path):
    """Load the demo's study file with a change."""

    def load(change):
        text = yaml.safe_load((project / "config/demo.yaml").read_text(encoding="utf-8"))
        change(text)
        (tmp_path / "demo.yaml").write_text(yaml.safe_dump(text, sort_keys=False), encoding="utf-8")
        return load_study(tmp_path / "demo.yaml")

    return load


def test_the_hypothetical_strategy_names_how_values_are_imputed():
    said = analyse("main", trial(), planned("hypothetical")).tables["methods"].set_index("item")["text"]
    assert said["imputation"].startswith("Measurements after {event:stopped} count as missing")
    assert "no value is put in their place" in said["imputation"]
    assert "imputation" not in analyse("main", trial(), planned()).tables["methods"]["item"].tolist()
