"""The analysis frame and the participant flow, by hand-countable tables."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import people
from needling.cohort.analysed import completed
from needling.cohort.describe import baseline_characteristics, distributions, missingness
from needling.cohort.flow import participant_flow
from needling.cohort.frame import add_baseline, assemble, in_plan_order
from needling.mixed.fit import fit_mixed
from needling.schema.contract import check
from needling.schema.frames import FLOW, FRAME
from needling.schema.stored import read_table, write_table
from needling.study.file import part

STUDY = part(
    {
        "patients": {
            "id": "id",
            "arm": {"from": "arm", "codes": {"1": "usual_care", "2": "dry_needling"}, "reference": "usual_care"},
            "covariates": {"age": "age"},
        },
        "covariates": {},
        "visits": {
            "schedule": {
                "baseline": {"label": "Baseline", "days": [-14, 0]},
                "week_4": {"label": "Week 4", "days": [21, 35]},
            },
            "primary": "week_4",
        },
        "instruments": {"nprs": {"total": "pain"}, "lefs": {"total": "lefs"}, "quickdash": {"total": "qd"}},
        "design": "cohort",
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
    """P1 stands on two lines, one line has no code, P5 was taken out twice: people are counted, not lines."""
    codes = [" P1", "P2", "P3", "P4", "P5", "P5", "P1", None, " "]
    exported = pd.DataFrame({"row": range(9), "patient": codes})
    reasons = ["no consent", "duplicate", "no age", "duplicate", "no code", "no code"]
    quarantine = pd.DataFrame({"table": "patients", "row": range(3, 9), "rule": "x", "reason": reasons})
    flow = participant_flow(exported, PATIENTS, quarantine, frame, STUDY)
    check(flow, FLOW, "flow")
    n = flow.groupby("stage")["n"].sum()
    assert n["exported"] == n["excluded"] + n["enrolled"] == 5
    assert n["allocated"] == n["enrolled"]
    excluded = flow[flow["stage"] == "excluded"].set_index("reason")["n"]
    assert excluded.to_dict() == {"no consent": 1, "duplicate": 1}
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


def test_in_a_randomised_trial_a_missing_covariate_costs_nobody(frame: pd.DataFrame) -> None:
    """P2 has no age: the mean of the cohort stands for it, and P1, who has no baseline, stays out with nobody to take it from."""
    study = STUDY.model_copy(update={"design": "randomised"})
    without_age = frame.assign(age=frame["age"].mask(frame["patient"] == "P2"))
    found = people("main", without_age, PATIENTS, study).query("stage == 'analysed'")
    assert found.set_index(["cohort", "arm", "outcome"])["n"]["sports", "dry_needling", "function"] == 1
    settings = study.analyses["main"]
    rows = without_age.query("cohort == 'sports' and outcome == 'function'").assign(sex=["f", "f", "m", None])
    wanted = SimpleNamespace(adjust=["age", "sex"], where={})
    filled = completed(rows, wanted, settings.needs(study), study)
    assert filled.loc[filled["patient"] == "P2", "age"].unique().tolist() == [31.0]
    assert filled["sex"].tolist()[-1] == "f"
    assert completed(rows, wanted, settings.needs(study), STUDY)["age"].isna().any()


def test_rows_stand_in_the_order_of_the_export_whatever_the_new_codes(frame: pd.DataFrame) -> None:
    other = {"P1": "P9", "P2": "P8", "P3": "P7"}
    renamed = assemble(
        PATIENTS.assign(patient=PATIENTS["patient"].map(other)),
        VISITS.assign(patient=VISITS["patient"].map(other)),
        SCORES,
        STUDY,
    )
    pd.testing.assert_frame_equal(
        renamed.assign(patient=renamed["patient"].map({v: k for k, v in other.items()})), frame
    )


def with_sections(**sections):
    """The study with some sections changed."""
    return STUDY.model_copy(update={name: getattr(part({name: data}), name) for name, data in sections.items()})


def test_true_times_are_kept_and_planned_ones_stand_in(frame: pd.DataFrame) -> None:
    mine = frame.query("patient == 'P2' and outcome == 'function'").set_index("visit")
    assert (mine.loc["week_4", ["day", "hour"]] == [27, 648]).all()
    assert mine.loc["week_4", "week"] == pytest.approx(27 / 7)
    timed = {"schedule": {"baseline": {"hours": 0}, "week_4": {"hours": 36}}, "primary": "week_4"}
    late = assemble(PATIENTS, VISITS.assign(day=VISITS["day"].mask(VISITS["patient"] == "P2")), SCORES, STUDY)
    mine = late.query("patient == 'P2' and visit == 'week_4'")
    assert mine["day"].isna().all()
    assert mine["hour"].isna().all()
    assert list(mine["week"]) == [4], "the planned week, the middle of the window"
    by_hour = assemble(PATIENTS, VISITS, SCORES, with_sections(visits=timed)).query("visit == 'week_4'")
    assert set(by_hour["hour"]) == {36}
    assert set(by_hour["week"]) == {36 / 168}


def test_sites_of_an_outcome_stay_apart_with_their_own_baseline() -> None:
    ppt = {"registry": "ppt", "total": "x"}
    study = with_sections(
        instruments={
            "near": ppt | {"site": "trapezius", "side": "left"},
            "far": ppt | {"site": "tibialis"},
        },
        cohorts={"neck": {"outcomes": {"pressure": ["near", "far"]}}, "sports": {"outcomes": {}}},
    )
    values = [(0, "near", 200.0), (1, "near", 260.0), (0, "far", 400.0), (1, "far", 390.0)]
    scores = pd.DataFrame(values, columns=["visit_row", "instrument", "value"])
    made = assemble(PATIENTS, VISITS, scores.assign(unit="kPa", answered=1.0, source="total"), study)
    week_4 = made[made["visit"] == "week_4"].set_index("site")
    assert week_4["change"].to_dict() == {"tibialis": -10.0, "trapezius": 60.0}
    assert week_4["side"].to_dict() == {"tibialis": "", "trapezius": "left"}
    assert list(distributions(made, study)["site"]) == ["tibialis", "tibialis", "trapezius", "trapezius"]
    absent = missingness(made, PATIENTS, study).query("arm == 'usual_care' and visit == 'week_4'")
    assert absent.set_index("site")["measured"].to_dict() == {"tibialis": 1, "trapezius": 1}
    described = baseline_characteristics(made, PATIENTS, study).query("variable == 'pressure' and arm == 'usual_care'")
    assert described.set_index("site")["mean"].to_dict() == {"trapezius": 200.0, "tibialis": 400.0}


def test_an_outcome_that_nobody_has_at_baseline_is_described_all_the_same(frame: pd.DataFrame) -> None:
    later = add_baseline(frame[(frame["visit"] != "baseline")], "baseline")
    described = baseline_characteristics(later, PATIENTS, STUDY)
    assert set(described["variable"]) == {"age"}
    assert set(distributions(later, STUDY)["visit"]) == {"week_4"}
    at_baseline = missingness(later, PATIENTS, STUDY).query("visit == 'baseline'")
    assert at_baseline["measured"].sum() == 0 < at_baseline["expected"].sum()


def test_an_instrument_at_baseline_that_is_a_covariate_is_described_once(frame: pd.DataFrame) -> None:
    twice = with_sections(covariates={"pain_before": {"instrument": "nprs", "visit": "baseline"}})
    people = PATIENTS.assign(pain_before=[6.0, 5.0, 4.0])
    described = baseline_characteristics(frame, people, twice)
    assert set(described["variable"]) == {"age", "pain_before", "function"}
    later = with_sections(covariates={"pain_after": {"instrument": "nprs", "visit": "week_4"}})
    assert "pain" in set(baseline_characteristics(frame, people, later)["variable"])


def test_files_keep_the_plans_order_so_that_a_notebooks_contrast_has_the_plans_sign(tmp_path: Path) -> None:
    """By the alphabet dry_needling would be the reference, and week_12 lie before week_4."""
    rng = np.random.default_rng(1)
    arms, visits = ["usual_care", "dry_needling"], ["baseline", "week_4"]
    rows = pd.DataFrame(
        [(f"P{i}", arms[i % 2], visit) for i in range(60) for visit in visits], columns=["patient", "arm", "visit"]
    )
    rows["value"] = 6 + rng.normal(size=120) - 2.0 * ((rows["arm"] == "dry_needling") & (rows["visit"] == "week_4"))
    write_table(in_plan_order(rows, STUDY), tmp_path / "frame.parquet")
    back = read_table(tmp_path / "frame.parquet")
    assert list(back["arm"].cat.categories) == STUDY.arms == arms
    assert list(back["visit"].cat.categories) == list(STUDY.visits.schedule)
    fit = fit_mixed("value ~ arm * visit", back, subject="patient", random="1")
    found = fit.contrast("arm", by="visit").set_index("visit").loc["week_4"]
    assert found["contrast"] == "dry_needling - usual_care"
    assert found["estimate"] < -1
