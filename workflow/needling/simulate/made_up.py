"""A made-up study as clean, typed tables whose truth is known."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from needling.simulate.course import (
    Severity,
    draw_instrument,
    draw_questionnaire,
    draw_severity,
    draw_stable,
    draw_visits,
    failing_modulation,
    further_pain,
    remote_tenderness,
    sensitisation_again,
)
from needling.simulate.people import (
    allocate_by_lot,
    allocate_by_severity,
    draw_excluded,
    draw_people,
    draw_staff,
)
from needling.simulate.scenario import ASKED_AGAIN, AT_BASELINE, COHORTS, MECHANISMS, OVER_TIME, VISITS, Scenario, truth
from needling.simulate.treatment import MILESTONES, draw_guesses, draw_milestone, draw_treatment

# A part that comes later goes to the end, so that the others draw as before.
STREAMS = (
    "stable",
    "people",
    "excluded",
    "severity",
    "arm",
    "answers",
    "visits",
    "treatment",
    "pgic",
    "guesses",
    "later",
    "relapse",
)


@dataclass(frozen=True)
class SimulatedStudy:
    """Clean tables of a made-up study; patients, clinics and therapists are numbers from 0, days count from day 0.

    patients : one row each, in order of enrolment; patient, cohort, clinic, therapist, arm, function (its instrument),
        day_0 (date), what is known at enrolment, left_before (first visit number not reached; 5: stayed).
    excluded : people screened and not enrolled, with the reason.
    staff : therapist, clinic, second_clinic (-1: none).
    visits : patient, visit, visit_number, day, therapist, attended.
    answers : instrument -> patient, visit_number, item_1 ... item_k, total, observed. Answers exist for everybody at
        every visit; `observed` says which of them a study would have.
    pgic : patient, visit_number, pgic (1-7), observed.
    sessions, needling, co_interventions, adverse_events, milestones, status : what happened between visits.
    guesses : patient, day, time, guess: which needle patients of a trial with a sham arm believe to have had.
    truth : true values on the scored scales.
    """

    scenario: Scenario
    patients: pd.DataFrame
    excluded: pd.DataFrame
    staff: pd.DataFrame
    visits: pd.DataFrame
    answers: dict[str, pd.DataFrame]
    pgic: pd.DataFrame
    sessions: pd.DataFrame
    needling: pd.DataFrame
    co_interventions: pd.DataFrame
    adverse_events: pd.DataFrame
    milestones: pd.DataFrame
    status: pd.DataFrame
    guesses: pd.DataFrame
    truth: dict[str, object]


def simulate_study(scenario: Scenario, rng: np.random.Generator) -> SimulatedStudy:
    """Draw a made-up study with known truth.

    Parameters
    ----------
    scenario : kind and size.
    rng : the only source of chance; the same generator state gives the same study.

    Returns
    -------
    The clean tables. On each instrument's scored scale the expected difference between the arms, over everybody and
    before drop-out, is the true effect in `truth`.
    """
    by = dict(zip(STREAMS, rng.spawn(len(STREAMS)), strict=True))
    staff = draw_staff(scenario)
    stable = draw_stable(scenario.patients, by["stable"])
    people = draw_people(scenario, stable[:, :2], by["people"])
    people.insert(0, "patient", np.arange(len(people)))
    people["function"] = _function_instrument(people["cohort"].to_numpy(), by["people"])
    people["subdiagnosis"] = _subdiagnosis(people)
    severity = draw_severity(scenario, staff, people["clinic"].to_numpy(), stable, by["severity"])
    people["therapist"] = severity.therapist[:, 0]

    follow_up = np.arange(1, len(VISITS))
    drawn: dict[str, list[pd.DataFrame]] = {}
    who = {name: _who_has(name, people) for name in OVER_TIME}

    def draw(name: str, visits: np.ndarray, arm: np.ndarray | None) -> pd.DataFrame:
        return draw_instrument(scenario, name, who[name], severity.of(name), visits, arm, by["answers"])

    for name in OVER_TIME:
        drawn[name] = [draw(name, np.array([0]), None)]
    if scenario.randomised:
        arm = allocate_by_lot(people, len(scenario.arms), by["arm"])
    else:
        arm = allocate_by_severity(drawn["nprs"][0]["total"].to_numpy(), people["expectation"].to_numpy(), by["arm"])
    people["arm"] = np.array(scenario.arms)[arm]
    for name in OVER_TIME:
        drawn[name].append(draw(name, follow_up, arm[who[name]["patient"]]))
    answers = {
        name: pd.concat(frames, ignore_index=True).sort_values(["patient", "visit_number"], ignore_index=True)
        for name, frames in drawn.items()
    }
    at_baseline = {name: draw_questionnaire(name, people, stable, by["answers"]) for name in AT_BASELINE}
    answers |= {name: table for name, (table, _) in at_baseline.items()}

    # who leaves is drawn from the pain at an average expectation
    visits, leaves = draw_visits(scenario, people, severity, _by_visit(answers["nprs"]), arm, by["visits"])
    answers |= _later(scenario, people, severity, at_baseline["csi"], arm, by["later"])
    pain = _by_visit(answers["nprs"])
    people["left_before"] = leaves
    attended = visits["attended"].to_numpy().reshape(len(people), len(VISITS))
    answers = {name: _observed(table, attended) for name, table in answers.items()}
    treatment = draw_treatment(scenario, people, staff, pain, leaves, by["treatment"])
    reached = [
        draw_milestone(scenario, people, visits, treatment.status, kind, by[stream])
        for kind, stream in zip(MILESTONES, ("later", "relapse"), strict=True)
    ]
    return SimulatedStudy(
        scenario=scenario,
        patients=people,
        excluded=draw_excluded(scenario, by["excluded"]),
        staff=staff.table(),
        visits=visits,
        answers=answers,
        pgic=_draw_pgic(pain, attended, by["pgic"]),
        sessions=treatment.sessions,
        needling=treatment.needling,
        co_interventions=treatment.co_interventions,
        adverse_events=treatment.adverse_events,
        milestones=pd.concat(reached, ignore_index=True),
        status=treatment.status,
        guesses=draw_guesses(people, treatment.sessions, visits, by["guesses"]),
        truth=truth(scenario),
    )


def _by_visit(table: pd.DataFrame) -> np.ndarray:
    return table["total"].to_numpy().reshape(-1, len(VISITS))


def _later(
    scenario: Scenario,
    people: pd.DataFrame,
    severity: Severity,
    csi: tuple[pd.DataFrame, np.ndarray],
    arm: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, pd.DataFrame]:
    """Draw pain as expectation moderates it, the mechanisms, and what is asked again."""
    by = dict(zip((*MECHANISMS, *ASKED_AGAIN), rng.spawn(3), strict=True))
    every = np.arange(len(VISITS))
    constructs = {
        "ppt_remote": remote_tenderness(severity.of("ppt"), by["ppt_remote"]),
        "cpm": failing_modulation(severity.stable[:, 0], by["cpm"]),
        "csi": sensitisation_again(csi[1], by["csi"]),
    }
    drawn = {
        name: draw_instrument(scenario, name, people, constructs[name], every, arm, by[name]) for name in MECHANISMS
    }
    for name, at in ASKED_AGAIN.items():
        again = draw_instrument(scenario, name, people, constructs[name], np.array(at), arm, by[name])
        drawn[name] = pd.concat([csi[0], again], ignore_index=True).sort_values(
            ["patient", "visit_number"], ignore_index=True
        )
    further = further_pain(scenario, people, arm)
    return drawn | {"nprs": draw_instrument(scenario, "nprs", people, severity.of("nprs"), every, arm, rng, further)}


def _function_instrument(cohort: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give each patient the function instrument of the cohort; in sports one of three, in equal shares."""
    chosen = np.full(len(cohort), "", dtype=object)
    for name, plan in COHORTS.items():
        here = np.flatnonzero(cohort == name)
        chosen[here] = np.array(plan.function)[rng.permutation(np.arange(len(here)) % len(plan.function))]
    return chosen.astype(str)


def _subdiagnosis(people: pd.DataFrame) -> pd.Series:
    """Let the subdiagnosis go with the function instrument where a cohort has several; elsewhere it stays as drawn."""
    pairs = [
        pair
        for plan in COHORTS.values()
        if len(plan.function) > 1
        for pair in zip(plan.function, plan.subdiagnoses, strict=True)
    ]
    return people["function"].map(dict(pairs)).fillna(people["subdiagnosis"])


def _who_has(instrument: str, people: pd.DataFrame) -> pd.DataFrame:
    if instrument in ("nprs", "ppt"):
        return people[["patient", "cohort"]]
    return people.loc[people["function"] == instrument, ["patient", "cohort"]]


def _observed(table: pd.DataFrame, attended: np.ndarray) -> pd.DataFrame:
    return table.assign(observed=attended[table["patient"], table["visit_number"]])


def _draw_pgic(pain: np.ndarray, attended: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the global impression of change at follow-up: 1 very much improved ... 7 very much worse."""
    change = pain[:, 1:] - pain[:, :1]
    pgic = np.clip(np.rint(3.8 + 0.6 * change + rng.normal(0, 0.8, change.shape)), 1, 7).astype(int)
    patient, visit = np.indices(change.shape)
    return pd.DataFrame(
        {
            "patient": patient.ravel(),
            "visit_number": visit.ravel() + 1,
            "pgic": pgic.ravel(),
            "observed": attended[:, 1:].ravel(),
        }
    )
