"""Small studies that ask for each kind of analysis, and the tables that their analyses are given."""

import numpy as np
import pandas as pd

from needling.analysis.kinds import settings_of_kinds
from needling.cohort.sessions import session_frame
from needling.study.file import part

TWO = ("usual_care", "dry_needling")
PAIN = {"outcomes": ["pain"]}
AT_4 = {**PAIN, "visits": ["week_4"]}
RETURN = {"event": {"table": "milestones", "where": {"kind": "return"}}, "better": "earlier", "horizon": 12}
# kind (and which form of it) -> its settings, and the analysis that it is of, as `base`
KINDS = {
    "ancova": {**PAIN, "visits": ["week_4", "week_12"]},
    "repeated_measures": PAIN,
    "growth_curve": PAIN,
    "model": {**PAIN, "formula": "value ~ baseline + arm * visit", "random": "1"},
    "missing_data": {"of": "base", **PAIN, "variance": "frequentist"},
    "naive": {"of": "base", **PAIN},
    "responders": {**PAIN, "visits": ["week_4"], "draws": 20, "resamples": 200},
    "harms": {
        "serious": {"severity": "severe"},
        "soreness": {"columns": {24: "soreness_24h", 72: "soreness_72h"}, "unit": "points"},
    },
    "treatment_delivered": {"needled": ["dry_needling"], "fewest_sessions": 2},
    "process": {"measures": ["function"], "pain": "pain", "needled": ["dry_needling"], "role": "exploratory"},
    "moderators": {**AT_4, "moderators": {"age": {"spline": 2}, "diagnosis": {}, "baseline": {}}},
    "policy": {**AT_4, "moderators": ["age", "diagnosis"], "folds": 3},
    "subgroups": {**AT_4, "by": "diagnosis", "role": "exploratory"},
    "multimodal": {**AT_4, "co_interventions": {"exercise": "Exercise", "talk": "Talk"}, "role": "exploratory"},
    "dose observed": {
        **PAIN, "dose": "observed", "visits": ["week_12"], "sessions": [2, 3], "exposures": ["needles", "technique"],
    },
    "dose allocated": {**PAIN, "dose": "allocated", "visits": ["week_4"]},
    "time_to_event day": {**RETURN, "adjust": ["age"]},
    "time_to_event response": {**PAIN, "response": {"percent": 30}, "better": "earlier", "adjust": ["age"]},
    "blinding": {"guesses": {"needle": "dry_needling", "none": "usual_care"}, "unknown": ["do_not_know"]},
    "clustering": {**PAIN, "visits": ["week_4"]},
    "overlap_weights": {**AT_4, "adjust": ["age", "diagnosis"]},
}  # fmt: skip
# which mean nothing of a single arm; of groups that chance did not make; of those that it did; of more than two arms
OF_ARMS = ("ancova", "missing_data", "naive", "moderators", "policy", "subgroups", "dose allocated", "blinding")
OF_ARMS += ("overlap_weights",)
OF_LOT, OF_CHOICE = ("policy", "dose allocated", "blinding"), ("overlap_weights",)
OF_TWO = ("policy", "overlap_weights")
BARE = ("treatment_delivered", "model", "dose observed", "blinding", "clustering")  # compare no arms unless asked to
EVENTS = {
    "sessions": {
        "session": "s", "date": "d", "soreness_24h": "a", "soreness_72h": "b", "pain_before": "p", "pain_after": "q",
    },
    "needling": {"session": "s", "technique": "t", "muscle": "m", "needles": "n", "ltr": "l"},
    "co_interventions": {"session": "s", "date": "d", "kind": {"from": "k", "codes": {1: "Exercise", 2: "Talk"}}},
    "milestones": {"date": "d", "kind": {"from": "k", "codes": {1: "return", 2: "relapse"}}},
    "status": {"date": "d", "still_followed": {"from": "f", "codes": {0: "no", 1: "yes"}}},
    "guesses": {"guess": {"from": "g", "codes": {1: "needle", 2: "none", 3: "do_not_know"}}},
    "adverse_events": {
        "session": "s",
        "kind": {"from": "k", "codes": {1: "soreness", 2: "bruising"}},
        "severity": {"from": "v", "codes": {1: "mild", 2: "severe"}},
    },
}  # fmt: skip


def sections(kind, arms=TWO, design=""):
    """The sections of a study file that asks for a kind; by default a trial, where the kind means anything of one."""
    design = design or ("cohort" if kind in OF_CHOICE else "randomised")
    doses = {arm: float(number) for number, arm in enumerate(arms or ())} if kind == "dose allocated" else {}
    arm = {"from": "arm", "codes": dict(enumerate(arms)), "reference": arms[0], "dose": doses} if arms else None
    base = {"kind": "repeated_measures", **PAIN, **({} if arms else {"baseline": "response"})}
    own = dict(KINDS[kind])
    if not arms:
        own = {key: value for key, value in own.items() if key != "needled"}
        own |= {"baseline": "response"} if kind == "repeated_measures" else {}
        own |= {"formula": "value ~ baseline + visit"} if kind == "model" else {}
    elif design == "cohort" and kind == "missing_data":
        own["methods"] = ["mar"]
    return {
        "design": design,
        "seed": 7,
        "primary": "base",
        "patients": {
            "id": "id",
            "clinic": "c",
            "covariates": {"age": "age", "diagnosis": {"from": "dx", "codes": {1: "neck", 2: "shoulder"}}},
            **({"arm": arm} if arm else {}),
        },
        "visits": {
            "schedule": {"baseline": {"week": 0}, "week_4": {"week": 4}, "week_12": {"week": 12}},
            "primary": "week_4",
            "therapist": "t",
        },
        "instruments": {"nprs": {"total": "nprs"}, "ndi": {"total": "ndi"}},
        "cohorts": {"all": {"outcomes": {"pain": "nprs", "function": "ndi"}}},
        "events": {name: {"columns": columns} for name, columns in EVENTS.items()},
        "analyses": {"base": base, "asked": {"kind": kind.partition(" ")[0], **own}},
        "covariates": {},
        "estimands": {},
    }


def plan(kind, arms=TWO, design=""):
    """What an analysis job knows of such a study."""
    return part(sections(kind, arms, design), settings_of_kinds())


def tables(frame, study, events=True):
    """The frame with people, sessions, needling of the needled and, where there are any, adverse events."""
    number = frame["patient"].str[1:].astype(int)
    frame = frame.assign(
        clinic="C" + (number % 4).astype(str),
        therapist="T" + (number % 12).astype(str),
        diagnosis=np.where(number % 5 < 2, "neck", "shoulder"),
    )
    facts = ["patient", "cohort", "arm", "age", "clinic", "diagnosis"]
    people = frame.drop_duplicates("patient")[facts].reset_index(drop=True)
    people = people.assign(row=range(len(people)))
    noise = np.random.default_rng(5).normal(0, 5, len(frame))
    value = 6 * frame["value"] + (noise if frame["value"].nunique() > 1 else 0)
    other = frame.assign(outcome="function", instrument="ndi", unit="0-100 %", value=value)
    frame = pd.concat([frame, other.assign(baseline=6 * frame["baseline"])], ignore_index=True)
    n, each = len(people), 3
    sessions = pd.DataFrame(
        {"patient": np.repeat(people["patient"].to_numpy(), each), "session": np.tile([1.0, 2.0, 3.0], n)}
    )
    sessions = sessions.assign(day=7 * sessions["session"], therapist="T1", clinic="C1", row=range(len(sessions)))
    sessions = sessions.assign(soreness_24h=np.tile([1.0, 2.0, 4.0], n), soreness_72h=np.tile([0.0, 2.0, 1.0], n))
    pain = np.tile([6.0, 5.0, 4.0], n) + np.arange(len(sessions)) % 4 / 2
    sessions = sessions.assign(pain_before=pain, pain_after=pain - np.arange(len(sessions)) % 3)
    sessions = sessions[np.arange(len(sessions)) % 7 < 6].reset_index(drop=True)
    rows = sessions.merge(people[["patient", "arm"]], on="patient")
    needled = rows.loc[rows["arm"].isin(["dry_needling", "sham", ""]), ["patient", "session"]]
    needled = needled.assign(technique="deep", muscle="soleus", needles=2.0)
    needled = needled.assign(ltr=np.where(np.arange(len(needled)) % 2, "yes", "no"))
    ill = rows.iloc[:: 2 if events else max(len(rows), 1)][["patient", "session"]].iloc[0 if events else 1 :]
    ill = ill.assign(kind="soreness", severity="mild")
    who = people[["patient"]] if events else people[["patient"]].head(0)
    beside = rows.iloc[::2][["patient", "session", "day"]].assign(kind="Exercise")
    talk = rows.iloc[1::3][["patient", "session", "day"]].assign(kind="Talk")
    returned = who.assign(day=np.arange(len(who)) % 11 * 7.0 + 5, kind="return")
    guesses = who.assign(guess=np.array(["needle", "none", "do_not_know"])[np.arange(len(who)) % 3])
    gone = who.iloc[::9].assign(day=40.0, still_followed="no")
    text = {
        "patient": "str",
        "guess": "str",
        "still_followed": "str",
        "ltr": "str",
        "kind": "str",
        "severity": "str",
        "technique": "str",
        "muscle": "str",
    }
    clean = {"patients": people, "sessions": sessions, "needling": needled, "adverse_events": ill}
    clean |= {"co_interventions": pd.concat([beside, talk], ignore_index=True), "milestones": returned[::2]}
    clean |= {"guesses": guesses, "status": gone}
    clean = {name: table.astype({c: text[c] for c in table if c in text}) for name, table in clean.items()}
    return {**clean, "sessions": session_frame(clean["patients"], clean, study), "visits": frame}
