"""The analysis frame and the participant flow, by hand-countable tables."""

import pandas as pd
import pytest

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import people
from needling.cohort.flow import participant_flow
from needling.cohort.frame import add_baseline, assemble
from needling.schema import FLOW, FRAME, check
from needling.study.file import part

STUDY = part(
    {
        "patients": {
            "id": "id",
            "arm": {"from": "arm", "codes": {"1": "usual_care", "2": "dry_needling"}, "reference": "usual_care"},
            "covariates": {"age": "age"},
        },
        "visits": {
            "schedule": {
                "baseline": {"label": "Baseline", "days": [-14, 0]},
                "week_4": {"label": "Week 4", "days": [21, 35]},
            },
            "primary": "week_4",
        },
        "instruments": {"nprs": {"total": "pain"}, "lefs": {"total": "lefs"}, "quickdash": {"total": "qd"}},
        "primary": "main",
        "analyses": {
            "main": {
                "kind": "ancova",
                "label": "Main",
                "outcomes": ["pain", "function"],
                "visits": ["week_4"],
                "adjust": ["age"],
            }
        },
        "cohorts": {
            "neck": {"label": "Neck", "outcomes": {"pain": "nprs"}},
            "sports": {"label": "Sports", "outcomes": {"pain": "nprs", "function": ["lefs", "quickdash"]}},
        },
    },
    settings_of_kinds(),
)
PATIENTS = pd.DataFrame(
    {
        "row": [0, 1, 2],
        "patient": ["P1", "P2", "P3"],
        "clinic": "C1",
        "cohort": ["neck", "sports", "sports"],
        "arm": ["usual_care", "dry_needling", "usual_care"],
        "age": [40.0, 25.0, 31.0],
    }
)
VISITS = pd.DataFrame(
    {
        "row": [0, 1, 2, 3, 4, 5, 6],
        "patient": ["P1", "P1", "P2", "P2", "P3", "P3", "P1"],
        "visit": ["baseline", "week_4", "baseline", "week_4", "baseline", "week_4", "unscheduled"],
        "day": [0.0, 30, -3, 27, 0, 26, 50],
        "therapist": "T1",
        "clinic": "C1",
    }
)
SCORES = pd.DataFrame(
    [
        (0, "nprs", 7.0),
        (1, "nprs", 4.0),
        (6, "nprs", 1.0),
        (2, "nprs", 5.0),
        (2, "lefs", 40.0),
        (3, "lefs", 60.0),
        (4, "quickdash", 50.0),
        (5, "quickdash", 20.0),
        (5, "lefs", 70.0),
    ],
    columns=["visit_row", "instrument", "value"],
).assign(unit="points", answered=1.0, source="total")


@pytest.fixture(name="frame")
def _frame() -> pd.DataFrame:
    return assemble(PATIENTS, VISITS, SCORES, STUDY)


def test_one_row_per_patient_scheduled_visit_and_outcome(frame: pd.DataFrame) -> None:
    check(frame, FRAME, "frame")
    assert not frame.duplicated(["patient", "visit", "outcome"]).any()
    assert "unscheduled" not in set(frame["visit"])
    assert len(frame) == 7


def test_change_and_improvement_follow_the_instruments_direction(frame: pd.DataFrame) -> None:
    pain = frame.query("patient == 'P1' and visit == 'week_4'").iloc[0]
    assert (pain["baseline"], pain["change"], pain["improvement"]) == (7.0, -3.0, 3.0)


def test_several_instruments_are_pooled_as_percent_of_maximum_with_higher_better(frame: pd.DataFrame) -> None:
    function = frame[frame["outcome"] == "function"].set_index(["patient", "visit"])["value"]
    assert function["P2", "baseline"] == pytest.approx(100 * 40 / 80)
    assert function["P3", "baseline"] == pytest.approx(100 - 50)
    assert function["P3", "week_4"] == pytest.approx(100 - 20), "the instrument of the baseline stays"
    assert set(frame.loc[frame["outcome"] == "function", "better"]) == {"higher"}


def test_flow_adds_up(frame: pd.DataFrame) -> None:
    exported = pd.DataFrame({"row": range(5)})
    quarantine = pd.DataFrame({"table": "patients", "row": [3, 4], "rule": "x", "reason": ["no consent", "duplicate"]})
    flow = participant_flow(exported, PATIENTS, quarantine, frame, STUDY)
    check(flow, FLOW, "flow")
    n = flow.groupby("stage")["n"].sum()
    assert n["exported"] == n["excluded"] + n["enrolled"] == 5
    assert n["allocated"] == n["enrolled"]
    measured = flow.query("stage == 'measured' and outcome == 'function' and visit == 'week_4'")
    assert measured.set_index("arm")["n"].to_dict() == {"usual_care": 1, "dry_needling": 1}
    stages = {"exported", "excluded", "enrolled", "allocated", "followed", "measured"}
    assert set(flow["stage"]) == stages


def test_people_are_analysed_whom_the_model_uses(frame: pd.DataFrame) -> None:
    """P2 has no age, and the primary model needs it; P1's and P3's outcomes are complete."""
    without_age = frame.assign(age=frame["age"].mask(frame["patient"] == "P2"))
    found = people(STUDY.primary, without_age, PATIENTS, STUDY)
    counts = found.query("stage == 'analysed'").set_index(["cohort", "arm", "outcome"])["n"]
    assert counts["neck", "usual_care", "pain"] == 1
    assert counts["sports", "dry_needling", "function"] == 0
    assert counts["sports", "usual_care", "function"] == 1
    out = found.query("stage == 'left_out'").set_index(["cohort", "arm", "outcome"])[["reason", "n"]]
    assert tuple(out.loc[("sports", "dry_needling", "function")]) == ("incomplete", 1)


@pytest.mark.parametrize(
    ("lost", "reasons"),
    [
        ([], []),
        (["week_4"], ["not_at_visits"]),
        (["baseline"], ["no_baseline"]),
        (["baseline", "week_4"], ["never_measured"]),
    ],
)
def test_who_is_allocated_is_analysed_or_left_out_for_a_reason(
    frame: pd.DataFrame, lost: list[str], reasons: list[str]
) -> None:
    """P1's visits go missing; the primary model needs week 4 and the baseline."""
    kept = add_baseline(frame[~((frame["patient"] == "P1") & frame["visit"].isin(lost))], "baseline")
    found = people(STUDY.primary, kept, PATIENTS, STUDY)
    allocated = PATIENTS.groupby(["cohort", "arm"]).size()
    ends = found.groupby(["cohort", "arm", "outcome"])["n"].sum()
    assert (ends == allocated.reindex(ends.index.droplevel("outcome"), fill_value=0).to_numpy()).all()
    assert list(found.query("stage == 'left_out' and cohort == 'neck' and arm == 'usual_care'")["reason"]) == reasons
