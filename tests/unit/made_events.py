"""Sessions, needling and adverse events of made-up patients, small enough to be counted by hand, and their analysis."""

import numpy as np
import pandas as pd
from made_results import ARM, plan

from needling.analysis.run import analyse
from needling.cohort.sessions import session_frame
from needling.schema.contract import empty
from needling.schema.frames import FRAME

COLUMNS = {
    "sessions": {"session": "s", "date": "d", "soreness_24h": "h1", "soreness_72h": "h2"},
    "needling": {
        "session": "s",
        "technique": "t",
        "muscle": "m",
        "ltr": {"from": "l", "codes": {0: "no", 1: "yes"}},
        "needles": "n",
    },
    "co_interventions": {"session": "s", "kind": "k", "minutes": "m"},
    "adverse_events": {
        "session": "s",
        "kind": {"from": "k", "codes": {1: "soreness", 2: "bruising", 3: "pneumothorax"}},
        "severity": {"from": "v", "codes": {1: "mild", 2: "moderate", 3: "severe"}},
    },
}
CLASSES = {"magnitude": {"minor": {"severity": ["mild", "moderate"]}, "major": {"severity": "severe"}}}
HARMS = {"kind": "harms", "classes": CLASSES, "serious": {"severity": "severe"}}
DELIVERED = {"kind": "treatment_delivered", "needled": ["dry_needling"], "fewest_sessions": 3}


def study(arms=("usual_care", "dry_needling"), design="randomised", events=COLUMNS, **analyses):
    """A study of one cohort with the event tables, and analyses beside its primary one."""
    arm = {**ARM, "codes": dict(enumerate(arms))} if arms else None
    patients = {"id": "id", "covariates": {"sex": "sex"}} | ({"arm": arm} if arm else {})
    primary = {"kind": "repeated_measures", "outcomes": ["pain"]} | ({} if arms else {"baseline": "response"})
    return plan(
        design=design,
        patients=patients,
        cohorts={"neck": {"label": "Neck pain", "outcomes": {"pain": "nprs"}}},
        events={name: {"columns": columns} for name, columns in events.items()},
        estimands={},
        families={},
        analyses={"primary": primary, **analyses},
    )


def tables(people, sessions, events=(), needling=(), others=()):
    """Clean tables from short rows.

    people: patient -> arm; sessions: patient -> number of sessions, weekly; events: (patient, session, kind, severity);
    needling: (patient, session, technique, muscle, ltr, needles); others: (patient, session, kind, minutes).
    """
    patients = pd.DataFrame({"patient": list(people), "arm": list(people.values())}).assign(
        clinic="C1", cohort="neck", sex="female"
    )
    visits = [(p, n, 7.0 * n) for p, last in sessions.items() for n in range(1, last + 1)]
    own = pd.DataFrame(visits, columns=["patient", "session", "day"]).assign(therapist="T1", clinic="C1")
    made = {
        "patients": patients.assign(row=range(len(patients))),
        "sessions": own.assign(row=range(len(own)), soreness_24h=np.nan, soreness_72h=np.nan),
        "adverse_events": pd.DataFrame(list(events), columns=["patient", "session", "kind", "severity"]),
        "needling": pd.DataFrame(
            list(needling), columns=["patient", "session", "technique", "muscle", "ltr", "needles"]
        ),
        "co_interventions": pd.DataFrame(list(others), columns=["patient", "session", "kind", "minutes"]),
    }
    texts, numbers = (
        ("patient", "kind", "severity", "technique", "muscle", "ltr", "arm"),
        ("session", "needles", "minutes"),
    )
    kinds = dict.fromkeys(texts, "str") | dict.fromkeys(numbers, "float64")
    return {name: table.astype({c: kinds[c] for c in table if c in kinds}) for name, table in made.items()}


def given(clean, plan):
    """What the workflow gives an analysis: frames, and the clean tables beside them."""
    clean = {name: table for name, table in clean.items() if name == "patients" or getattr(plan.events, name)}
    frames = {
        "visits": empty(FRAME),
        "patients": clean["patients"],
        "sessions": session_frame(clean["patients"], clean, plan),
    }
    return {**clean, **frames}


def analysed(clean, name="harms", **options):
    """Tables of one analysis of made-up events."""
    settings = {"harms": HARMS, "treatment": DELIVERED}[name] | options.pop("settings", {})
    one = study(**options, **{name: settings})
    return analyse(name, given(clean, one), one).tables


def row(results, term, arm, quantity="share", reference="", variant=None):
    """The one row of a term, arm and quantity."""
    mine = results[(results["term"] == term) & (results["arm"] == arm) & (results["quantity"] == quantity)]
    mine = mine[(mine["reference"] == reference) & ((mine["variant"] == variant) if variant else True)]
    assert len(mine) == 1, f"{len(mine)} rows of {term}, {arm}, {quantity}"
    return mine.iloc[0]
