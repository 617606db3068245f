"""Released tables of made-up studies: people are drawn, analysed and released by the project's own code."""

from functools import cache

import numpy as np
import pandas as pd

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.cohort.describe import baseline_characteristics, distributions, missingness
from needling.cohort.events import intercurrent_counts
from needling.cohort.flow import participant_flow
from needling.cohort.frame import add_baseline
from needling.instruments.definition import definition
from needling.labels.words import Labels
from needling.plan import adjust
from needling.release.line import release
from needling.schema.contract import check, empty
from needling.schema.frames import EVENTS, FRAME
from needling.schema.intake import ACCOUNT, AUDIT, CODEBOOK, RELIABILITY, TOTALS
from needling.schema.side import SIDE
from needling.study.file import study_model

TRIAL = {"rule": "trial", "by": "statistician", "date": "2026-01-05", "why": "aggregates as CONSORT asks"}
ARM = {
    "from": "arm",
    "codes": {0: "usual_care", 1: "dry_needling"},
    "reference": "usual_care",
}


def plan(**changes):
    weeks = {"baseline": 0, "week_2": 2, "week_4": 4, "week_8": 8, "week_12": 12}
    label = {name: name.replace("_", " ").capitalize() for name in weeks}
    document = {
        "study": "example",
        "title": "Dry needling beside usual care",
        "design": "randomised",
        "made_up": True,
        "seed": 1,
        "export": {"format": "csv", "records": "data/raw/example/records.csv"},
        "patients": {
            "id": "id",
            "arm": ARM,
            "cohort": {"from": "c"},
            "covariates": {"age": {"from": "age", "label": "Age", "unit": "years"}, "sex": "sex"},
        },
        "visits": {
            "schedule": {name: {"label": label[name], "week": week} for name, week in weeks.items()},
            "primary": "week_4",
        },
        "instruments": {
            "nprs": {"total": "nprs"},
            "ndi": {"total": "ndi"},
            "fiqr": {"total": "fiqr"},
            "lefs": {"total": "lefs"},
            "visa_a": {"total": "visa_a"},
        },
        "outcomes": {"pain": "Pain intensity", "function": "Function"},
        "cohorts": {
            "myofascial": {"label": "Myofascial pain", "outcomes": {"pain": "nprs", "function": "ndi"}},
            "fibromyalgia": {"label": "Fibromyalgia", "outcomes": {"pain": "nprs", "function": "fiqr"}},
            "sports": {"label": "Sports injury", "outcomes": {"pain": "nprs", "function": ["lefs", "visa_a"]}},
        },
        "primary": "primary",
        "families": {"primary": {"method": "holm"}},
        "estimands": {
            "offer": {
                "population": "adults with one of three painful conditions",
                "treatment": "dry needling beside usual care, against usual care",
                "variable": "pain intensity and function at week 4",
                "intercurrent_events": {"treatment stopped early": "treatment policy"},
                "summary": "difference in means",
            }
        },
        "analyses": {
            "primary": {
                "kind": "repeated_measures",
                "label": "Primary analysis",
                "estimand": "offer",
                "outcomes": ["pain", "function"],
                "adjust": ["age", "sex"],
                "family": "primary",
            },
            "week_12": {
                "kind": "ancova",
                "label": "Week 12 alone",
                "outcomes": ["pain", "function"],
                "visits": ["week_12"],
            },
        },
    }
    return study_model(settings_of_kinds()).model_validate(document | changes)


def trial_plan():
    """One cohort, two outcomes, two visits, improvement reported as positive, one interaction."""
    schedule = {
        "baseline": {"label": "Baseline", "week": 0},
        "month_3": {"label": "3 months", "week": 13},
        "month_12": {"label": "12 months", "week": 52},
    }
    score = {
        "label": "Headache severity score",
        "unit": "points",
        "range": [0, 140],
        "better": "lower",
        "total": "score",
    }
    days = {
        "label": "Days with headache",
        "unit": "days in 4 weeks",
        "range": [0, 28],
        "better": "lower",
        "total": "days",
    }
    common = {"kind": "ancova", "outcomes": ["score", "days"], "visits": ["month_3", "month_12"]}
    return plan(
        title="Acupuncture for headache",
        made_up=False,
        disclosure=TRIAL,
        patients={"id": "id", "arm": ARM, "covariates": {"age": {"from": "age", "label": "Age", "unit": "years"}}},
        visits={"schedule": schedule, "primary": "month_12"},
        instruments={"score": score, "days": days},
        outcomes={"score": "Headache severity score", "days": "Days with headache"},
        cohorts={"headache": {"label": "Chronic headache", "outcomes": {"score": "score", "days": "days"}}},
        estimands={},
        families={},
        analyses={
            "primary": {**common, "label": "Published analysis", "report_as": "improvement"},
            "by_baseline": {
                **common,
                "label": "Does the effect depend on baseline severity?",
                "outcomes": ["score"],
                "visits": ["month_12"],
                "interaction": "baseline",
                "report_as": "improvement",
            },
            "under_loss": {
                "kind": "missing_data",
                "label": "Under other assumptions",
                "of": "primary",
                "outcomes": ["score"],
                "variance": "information_anchored",
            },
        },
    )


def single_arm_plan():
    """One cohort without arms and covariates, one outcome."""
    return plan(
        title="Course of fibromyalgia over the sessions",
        design="single_arm",
        made_up=False,
        disclosure=TRIAL,
        patients={"id": "id"},
        instruments={"fiqr": {"total": "fiqr"}},
        outcomes={"impact": "Impact of fibromyalgia"},
        cohorts={"fibromyalgia": {"label": "Fibromyalgia", "outcomes": {"impact": "fiqr"}}},
        estimands={},
        families={},
        analyses={
            "primary": {
                "kind": "repeated_measures",
                "label": "Course over the sessions",
                "outcomes": ["impact"],
                "baseline": "response",
            }
        },
    )


def three_arms_plan(**changes):
    """One cohort, three arms, pairwise; the outcome is better higher."""
    codes = {0: "usual_care", 1: "sham", 2: "dry_needling"}
    base = plan()
    analysis = {
        "kind": "repeated_measures",
        "label": "Primary analysis",
        "outcomes": ["function"],
        "contrasts": "pairwise",
    }
    changes = {
        "patients": {"id": "id", "arm": {**ARM, "codes": codes}, "covariates": {"sex": "sex"}},
        "cohorts": {"sports": {"label": "Sports injury", "outcomes": {"function": "lefs"}}},
        "analyses": {
            "primary": analysis,
            "under_loss": {"kind": "missing_data", "label": "Under loss", "of": "primary", "variance": "frequentist"},
        },
        "estimands": {},
        "families": {},
    } | changes
    return plan(**{"title": f"{base.title}, three arms", **changes})


def one_cohort(**changes):
    """A randomised trial of one cohort and one outcome; not made up, so that numbers of few people are hidden."""
    first = {"kind": "repeated_measures", "label": "Primary analysis", "outcomes": ["pain"], "adjust": ["age"]}
    return plan(
        **{
            "made_up": False,
            "disclosure": {"rule": "cells"},
            "instruments": {"nprs": {"total": "nprs"}},
            "outcomes": {"pain": "Pain intensity"},
            "cohorts": {"neck": {"label": "Neck pain", "outcomes": {"pain": "nprs"}}},
            "estimands": {},
            "families": {},
            "analyses": {"primary": first},
            **changes,
        }
    )


def one_visit_plan():
    """One visit after baseline."""
    schedule = {"baseline": {"label": "Baseline", "week": 0}, "week_4": {"label": "Week 4", "week": 4}}
    return one_cohort(disclosure=TRIAL, visits={"schedule": schedule, "primary": "week_4"})


def worded_plan(arms, visit, outcome, cohort):
    """One cohort whose words are given: arms (reference first), the primary visit, the outcome and the cohort."""
    weeks = {"baseline": 0, "week_4": 4, "week_12": 12}
    schedule = {name: {"label": visit if week == 4 else f"Week {week}", "week": week} for name, week in weeks.items()}
    return one_cohort(
        disclosure=TRIAL,
        patients={
            "id": "id",
            "arm": {**ARM, "labels": dict(zip(("usual_care", "dry_needling"), arms, strict=True))},
            "covariates": {"age": {"from": "age", "label": "Age", "unit": "years"}},
        },
        visits={"schedule": schedule, "primary": "week_4"},
        outcomes={"pain": outcome},
        cohorts={"neck": {"label": cohort, "outcomes": {"pain": "nprs"}}},
    )


def long_plan():
    """Labels as long as people write them."""
    return worded_plan(
        (
            "Usual care by the general practitioner with advice, leaflets and analgesics as needed",
            "Ultrasound-guided dry needling of active and latent trigger points beside usual care",
        ),
        "Four weeks after randomisation",
        "Average pain intensity over the last seven days at rest and in movement",
        "Adults with chronic non-specific neck and shoulder pain referred from primary care",
    )


LONG_ARMS = {
    "usual_care": "Usual care with advice, a home exercise programme and analgesics as needed",
    "sham": "Superficial dry needling of the upper trapezius and levator, six sessions",
    "dry_needling": "Deep dry needling with local twitch responses and an exercise programme",
}


def long_arms_plan(**changes):
    """Labels of 70 letters and more, of three arms, two cohorts, two outcomes and three visits."""
    outcomes = {"pain": "nprs", "function": "ndi"}
    weeks = {"baseline": 0, "week_4": 4, "week_12": 12}
    visits = (
        "Before the first treatment session at the clinic",
        "Four weeks after randomisation by telephone interview",
        "Twelve weeks after randomisation at the outpatient clinic",
    )
    schedule = {name: {"label": label, "week": week} for (name, week), label in zip(weeks.items(), visits, strict=True)}
    return three_arms_plan(
        **{
            "patients": {
                "id": "id",
                "arm": {**ARM, "codes": dict(enumerate(LONG_ARMS)), "labels": LONG_ARMS},
                "cohort": {"from": "c"},
                "covariates": {
                    "age": {"from": "age", "label": "Age at the first visit to the outpatient clinic", "unit": "years"},
                    "sex": "sex",
                },
            },
            "visits": {"schedule": schedule, "primary": "week_4"},
            "instruments": {"nprs": {"total": "nprs"}, "ndi": {"total": "ndi"}},
            "outcomes": {
                "pain": "Average intensity of pain in the neck or shoulder over the previous seven days",
                "function": "Self-reported disability in daily activities because of neck complaints",
            },
            "cohorts": {
                "neck": {
                    "label": "Chronic myofascial neck pain with referred headache, longer than twelve weeks",
                    "outcomes": outcomes,
                },
                "shoulder": {
                    "label": "Shoulder complaints of occupational origin in manual workers under sixty-five",
                    "outcomes": outcomes,
                },
            },
            "analyses": {
                "primary": {
                    "kind": "repeated_measures",
                    "label": "Primary analysis of those who were allocated and measured at least once",
                    "outcomes": ["pain", "function"],
                    "contrasts": "pairwise",
                },
                "under_loss": {
                    "kind": "missing_data",
                    "label": "Under loss",
                    "of": "primary",
                    "variance": "frequentist",
                },
            },
        }
        | changes
    )


def cohort_plan():
    """Two groups that nobody was allocated to."""
    return one_cohort(design="cohort", disclosure=TRIAL)


def scripts_plan():
    """Labels with accents, in Greek, and in scripts that are read from the right."""
    return worded_plan(
        ("Soins usuels améliorés", "ניקור יבש"), "Τέταρτη εβδομάδα", "شدة الألم", "Población con dolor crónico"
    )


def people(study, per_arm, seed):
    """Patients and visit frame of a study: values on each instrument's scale, correlated within a person, some visits missed."""
    rng = np.random.default_rng(seed)
    arms, visits = study.arms or [None], list(study.visits.schedule)
    patients, frames = [], []
    for cohort, settings in study.cohorts.items():
        n = per_arm * len(arms)
        mine = pd.DataFrame({"patient": [f"{cohort}{i:04d}" for i in range(n)], "cohort": cohort})
        mine["arm"] = pd.Series(np.repeat(arms, per_arm), dtype="str")
        mine["age"], mine["sex"] = rng.normal(45, 11, n).round(), rng.choice(["female", "male"], n, p=[0.7, 0.3])
        patients.append(mine)
        place = mine["arm"].map({arm: i for i, arm in enumerate(arms)}).fillna(0).to_numpy(float)
        for outcome, instruments in settings.outcomes.items():
            pooled = not isinstance(instruments, str)
            one = None if pooled else definition(instruments, study.instruments[instruments])
            low, high, better = (0, 100, "higher") if one is None else (one.low, one.high, one.better)
            unit = "% of maximum possible score" if one is None else one.unit
            sign, reach = (1 if better == "higher" else -1), high - low
            person = rng.normal(0, 0.11 * reach, n)
            for number, visit in enumerate(visits):
                gain = sign * reach * (0.03 * number + 0.06 * place * (number > 0))
                value = low + 0.5 * reach + person + gain + rng.normal(0, 0.1 * reach, n)
                rows = mine.assign(visit=visit, visit_number=number, value=np.clip(value, low, high).round())
                rows = rows[(rng.random(n) > 0.04 * number) | (rng.random(n) > 0.9)]
                place_in = {"outcome": outcome, "instrument": instruments if not pooled else instruments[0]}
                frames.append(rows.assign(**place_in, unit=unit, better=better))
    frame = pd.concat(frames, ignore_index=True)
    frame["week"] = (
        frame["visit"].map({name: one.nominal_week for name, one in study.visits.schedule.items()}).astype(float)
    )
    frame = frame.assign(clinic="C1", therapist="T1", site="", side="", day=7 * frame["week"], hour=168 * frame["week"])
    columns = [*FRAME, *study.patients.covariates]
    return pd.concat(patients, ignore_index=True), check(add_baseline(frame, visits[0])[columns], FRAME, "frame")


def unreleased(study, per_arm=60, seed=3, spoil=None):
    """Every table that the release line takes; `spoil` changes (patients, frame) first."""
    patients, frame = people(study, per_arm, seed)
    if spoil:
        patients, frame = spoil(patients, frame)
    out = pd.DataFrame(
        {"table": "patients", "row": [0, 1, 2], "rule": "x", "reason": ["no consent", "no consent", "left"]}
    )
    exported = (
        pd.DataFrame({"patient": ["out1", "out2", "out3", *patients["patient"]]}).rename_axis("row").reset_index()
    )
    patients = patients.assign(row=range(3, len(exported)))
    found = [analyse(name, {"visits": frame, "patients": patients}, study).tables for name in study.analyses]
    joined = {
        name: pd.concat([one[name] for one in found if name in one], ignore_index=True)
        for name in dict.fromkeys(key for one in found for key in one)
    }
    return joined | {
        "results": adjust(joined["results"], study),
        "flow": participant_flow(exported, patients, out, frame, study),
        "distribution": distributions(frame, study),
        "missingness": missingness(frame, patients, study),
        "baseline": baseline_characteristics(frame, patients, study),
        "intercurrent": intercurrent_counts(frame, patients, empty(EVENTS), study),
        **{
            name: empty(c)
            for name, c in {"audit": AUDIT, "totals": TOTALS, "reliability": RELIABILITY, "codebook": CODEBOOK}.items()
        },
        "unread": empty(ACCOUNT["unread"]),
        **{name: empty(contract) for name, contract in SIDE.items() if name not in joined},
    }


@cache
def _shown(make, per_arm):
    study = make()
    return release(unreleased(study, per_arm), study)


def shown(make, per_arm=60):
    """Released tables of a study (a function of this module that makes its plan), and its words."""
    return {name: table.copy() for name, table in _shown(make, per_arm).items()}, Labels(make())
