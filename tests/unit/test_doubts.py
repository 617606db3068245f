"""What cannot be meant stops a run and stands first in a dry run; dirt does neither."""

import made_results
import pandas as pd
import pytest
from small_export import PLAN, OwnCodes, plan, tables

from needling.analysis.run import without_baseline
from needling.clean.cleaning import clean
from needling.clean.doubts import clean_or_stop, impossible, large_losses
from needling.study.keys import StudyError


def said(found, **changes):
    study = plan(**changes)
    return impossible(found, clean(found, study, OwnCodes()), study)


def patients(**changes):
    return {"patients": PLAN["patients"] | changes}


def test_a_clean_export_raises_no_doubt():
    found = tables()
    assert said(found) == []
    assert large_losses(found, clean(found, plan(), OwnCodes()).audit) == []


def test_an_arm_or_cohort_without_anybody():
    arm = PLAN["patients"]["arm"] | {"codes": {1: "usual_care", 2: "dry_needling", 3: "sham"}}
    assert said(tables(), **patients(arm=arm)) == [
        "patients.arm: nobody is in the arm 'sham'; mend patients.arm.codes."
    ]
    cohorts = PLAN["cohorts"] | {"hip": PLAN["cohorts"]["neck"]}
    assert said(tables(), cohorts=cohorts) == [
        "patients.cohort: nobody is in the cohort 'hip'; mend patients.cohort.codes."
    ]


def test_a_covariate_that_is_empty_in_every_patient():
    found = tables()
    found["patients"]["age"] = None
    assert said(found) == ["patients.covariates.age: it is empty in every patient; mend its column or its codes."]


def test_nobody_at_the_primary_visit():
    planned = {"from": "event", "codes": {"v0": "baseline", "v9": "week_4"}}
    found = said(tables(), visits=PLAN["visits"] | {"planned": planned})
    assert found == [
        "visits.primary: nobody was seen at the visit 'week_4'; mend visits.planned.codes or visits.schedule."
    ]


def test_more_people_measured_than_enrolled():
    found = tables()
    found["patients"] = found["patients"].head(18)
    assert "patients.rows: 24 people have visits, but 18 are enrolled" in said(found)[0]


def test_codes_that_repeat_between_clinics():
    found = tables()
    twice = found["patients"].head(6).assign(clinic="elsewhere", row=range(24, 30), line=range(900, 906))
    assert said(found | {"patients": found["patients"]}) == []
    found["patients"] = pd.concat([found["patients"], twice], ignore_index=True)
    assert "patients.id: 6 of 24 codes of patients stand in more than one clinic" in said(found)[0]


def test_a_run_stops_on_what_cannot_be_meant_and_tells_of_a_large_loss(capsys):
    found = tables()
    found["patients"]["age"] = None
    with pytest.raises(StudyError, match=r"covariates\.age: it is empty"):
        clean_or_stop(found, plan(), OwnCodes())
    found = tables()
    found["patients"].loc[:7, "arm"] = "9"
    clean_or_stop(found, plan(), OwnCodes())
    assert capsys.readouterr().err.splitlines()[0] == (
        "needling: look at this first: 8 of 24 rows of patients are taken out: unknown arm (8)."
    )


def test_an_outcome_without_a_baseline_that_its_analysis_adjusts_for():
    study = made_results.plan()
    name, outcome = next(
        (name, one.outcomes[0]) for name, one in study.analyses.items() if one.kind == "repeated_measures"
    )
    rows = pd.DataFrame({"outcome": [outcome, outcome, "another"], "baseline": [None, 4.0, None]})
    assert without_baseline(name, rows, study) == []
    found = without_baseline(name, rows.assign(baseline=None), study)
    assert len(found) == 1
    assert f"analyses.{name}: nobody has a value of '{outcome}' at the visit 'baseline'" in found[0]


def test_a_large_loss_of_events_is_said_as_one_of_visits_is():
    found = tables()
    out = found["sessions"]["row"].iloc[: len(found["sessions"]) // 4 + 1]
    gone = {"rule": "duplicates", "action": "quarantined", "table": "sessions", "row": out, "column": "(whole row)"}
    audit = pd.DataFrame({**gone, "reason": "a second entry with other values"})
    said = f"{len(out)} of {len(found['sessions'])} rows of sessions are taken out: a second entry with other values ({len(out)})."
    assert large_losses(found, audit) == [said]
    assert large_losses(found, audit.head(1)) == []
