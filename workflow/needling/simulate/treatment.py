"""What made-up patients were given: sessions, needling, other treatment, adverse events, and who stopped and why."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from needling.simulate.people import Staff, choose_therapist
from needling.simulate.scenario import (
    COHORTS,
    GOES_ON,
    GUESS_CHANCES,
    GUESS_TIMES,
    GUESSES,
    LTR_WITHIN_SESSION,
    MAJOR_EVENT_PER_SESSION,
    MINOR_EVENT_PER_SESSION,
    MORE_EXERCISE,
    RELAPSE,
    RELAPSE_HAZARD_RATIO,
    RETURN_HAZARD_RATIO,
    RETURN_TO_SPORT,
    SESSIONS_FOR_ALL,
    SORENESS,
    SORENESS_LEFT,
    STIMULATED,
    STIMULATION_HZ,
    STOPS_AT,
    VISITS,
    WEEKS,
    Scenario,
)

TREATMENT_DAYS = 40
REASONS_LEFT = ("lost", "moved", "lack_of_efficacy", "recovered")
REASONS_STOPPED = ("adverse_event", "lack_of_efficacy", "recovered", "needle_fear")
CO_INTERVENTIONS = ("exercise", "manual_therapy", "education", "modality", "home_programme")
MINOR_EVENTS = ("soreness", "bruising", "bleeding", "dizziness")
TECHNIQUES = ("deep", "superficial")
# Milestone -> first day, Weibull times by cohort, hazard ratio of needling.
REACHED = {
    "return_to_sport": (3, RETURN_TO_SPORT, RETURN_HAZARD_RATIO),
    "relapse": (14, RELAPSE, RELAPSE_HAZARD_RATIO),
}
MILESTONES = tuple(REACHED)
STIMULATIONS = ("none", "electrical")
SHAM = "blunt_needle"
NOT_ANSWERED = 0.04


@dataclass(frozen=True)
class Treatment:
    """Tables of what happened between visits; patients are numbers, days count from day 0."""

    sessions: pd.DataFrame
    needling: pd.DataFrame
    co_interventions: pd.DataFrame
    adverse_events: pd.DataFrame
    status: pd.DataFrame


def draw_treatment(
    scenario: Scenario,
    people: pd.DataFrame,
    staff: Staff,
    pain: np.ndarray,
    leaves: np.ndarray,
    rng: np.random.Generator,
) -> Treatment:
    """Draw everything between the visits.

    Parameters
    ----------
    people : patients with patient, clinic, cohort, arm, affected_side, therapist (the usual one).
    pain : patients x visits, complete pain scores, between which the pain at a session lies.
    leaves : number of the first visit that each patient has left before.
    """
    parts = ("status", "sessions", "needling", "pain", "co", "events", "stopping", "exercise", "stimulation")
    by = dict(zip(parts, rng.spawn(len(parts)), strict=True))
    status = _draw_status(people, leaves, by["status"])
    sessions = _draw_sessions(scenario, people, staff, status, by["sessions"])
    needling = _draw_needling(people, sessions, by["needling"])
    sessions = _with_pain(scenario, sessions, needling, people, pain, by["pain"])
    co_interventions = _draw_co_interventions(sessions, by["co"])
    adverse_events = _draw_adverse_events(people, sessions, by["events"])
    attended, exercise = sessions, co_interventions[:0]
    if scenario.follows_patients:
        attended = sessions[_attended(people, sessions, by["stopping"])]
        exercise = _more_exercise(people, sessions, by["exercise"])
        needling = _with_stimulation(needling, sessions, by["stimulation"])
    co_interventions = pd.concat([co_interventions, exercise], ignore_index=True).sort_values("patient", kind="stable")

    def of_those(table: pd.DataFrame) -> pd.DataFrame:
        return table.merge(attended[["patient", "session"]], on=["patient", "session"])

    return Treatment(
        attended.reset_index(drop=True),
        of_those(needling),
        of_those(co_interventions),
        of_those(adverse_events),
        status,
    )


def _draw_status(people: pd.DataFrame, leaves: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Draw who left the study and who only stopped treatment, on which day and why."""
    n = len(people)
    planned = WEEKS * 7
    left = leaves < len(VISITS)
    gone = np.minimum(leaves, len(VISITS) - 1)
    # Seven days of margin keep the exit after the last visit attended and before the window of the next one.
    start, end = planned[gone - 1] + 7, planned[gone] - 7
    start = np.where(gone == 1, 1, start)
    left_day = np.floor(start + rng.random(n) * np.maximum(end - start, 1))
    left_why = rng.choice(np.array(REASONS_LEFT), n, p=[0.5, 0.2, 0.15, 0.15])
    stopped = ~left & (rng.random(n) < 0.05)
    stopped_day = rng.integers(8, 36, n)
    stopped_why = rng.choice(np.array(REASONS_STOPPED), n, p=[0.25, 0.3, 0.3, 0.15])
    afraid_of_nothing = (stopped_why == "needle_fear") & (people["arm"].to_numpy() == "usual_care")
    stopped_why = np.where(afraid_of_nothing, "lack_of_efficacy", stopped_why)
    status = pd.DataFrame(
        {
            "patient": people["patient"].to_numpy(),
            "day": np.where(left, left_day, stopped_day).astype(int),
            "reason": np.where(left, left_why, stopped_why),
            "still_followed": stopped,
        }
    )
    return status[left | stopped].reset_index(drop=True)


def _draw_sessions(
    scenario: Scenario, people: pd.DataFrame, staff: Staff, status: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    n = len(people)
    fewest, most = scenario.sessions
    planned = fewest + rng.binomial(most - fewest, 0.5, n)
    patient = np.repeat(people["patient"].to_numpy(), planned)
    number = np.arange(len(patient)) - np.repeat(planned.cumsum() - planned, planned)
    # Two days at least lie between sessions: sooner ones would look like one session entered twice.
    apart = TREATMENT_DAYS / planned[patient]
    jitter = rng.random(len(patient)) * np.where(number == 0, 0.4, 1) * (1 - 2 / apart)
    day = 1 + np.floor((number + jitter) * apart).astype(int)
    last = np.full(n, 10_000)
    last[status["patient"]] = status["day"]
    usual = people["therapist"].to_numpy()[patient]
    stand_in = choose_therapist(staff, people["clinic"].to_numpy()[patient], rng)
    sessions = pd.DataFrame(
        {
            "patient": patient,
            "session": number + 1,
            "day": day,
            "therapist": np.where(rng.random(len(patient)) < 0.1, stand_in, usual),
        }
    )
    return sessions[day <= last[patient]].reset_index(drop=True)


def _draw_needling(people: pd.DataFrame, sessions: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Draw one row per muscle needled per session, STRICTA items 2a-2g; not in usual care."""
    needled = sessions[people["arm"].to_numpy()[sessions["patient"]] != "usual_care"]
    muscles = 1 + rng.binomial(2, 0.45, len(needled))
    rows = needled.loc[needled.index.repeat(muscles), ["patient", "session", "day"]].reset_index(drop=True)
    n = len(rows)
    place = np.arange(n) - np.repeat(muscles.cumsum() - muscles, muscles)
    cohort = people["cohort"].to_numpy()[rows["patient"]]
    first = rng.integers(0, 4, len(needled))
    chosen = (np.repeat(first, muscles) + place) % 4
    names = {name: np.array(plan.muscles) for name, plan in COHORTS.items()}
    muscle = np.full(n, "infraspinatus", dtype=object)
    for name, four in names.items():
        muscle[cohort == name] = four[chosen[cohort == name]]
    side = people["affected_side"].to_numpy()[rows["patient"]]
    deep = rng.random(n) < np.where(cohort == "fibromyalgia", 0.55, 0.85)
    length = np.where(deep, rng.choice([30, 40, 50], n), 25)
    sought = np.where(deep, rng.random(n) < 0.8, False)
    elicited = sought & (rng.random(n) < 0.65)
    drawn = rows.assign(
        technique=np.where(deep, *TECHNIQUES),
        muscle=muscle.astype(str),
        side=np.where(side == "both", np.where(rng.random(n) < 0.5, "left", "right"), side),
        trigger_point=np.where(rng.random(n) < 0.7, "active", "latent"),
        insertions=1 + rng.binomial(9, 0.25, n),
        needles=1 + rng.binomial(2, 0.2, n),
        depth_mm=np.where(deep, np.rint(length * rng.uniform(0.4, 0.8, n)), rng.integers(4, 10, n)).astype(int),
        gauge_mm=rng.choice([0.25, 0.30], n),
        length_mm=length,
        response_sought=np.where(sought, "twitch", "sensation"),
        ltr=elicited,
        ltr_count=np.where(elicited, 1 + rng.poisson(1.5, n), 0),
        manipulation=np.where(deep, "pistoning", "none"),
        retention_min=np.where(deep, rng.integers(0, 3, n), rng.integers(5, 16, n)),
        ultrasound_guided=rng.random(n) < 0.05,
        pain_during=np.clip(np.rint(rng.normal(3.5, 1.8, n) + elicited), 0, 10).astype(int),
        stopped_early=rng.random(n) < 0.01,
    )
    return _as_sham(drawn, people["arm"].to_numpy()[drawn["patient"]] == "sham")


def _with_stimulation(needling: pd.DataFrame, sessions: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Add a current through the deep needles of some sessions, with one frequency in each."""
    key = ["patient", "session"]
    hertz = np.where(rng.random(len(sessions)) < STIMULATED, rng.choice(STIMULATION_HZ, len(sessions)), np.nan)
    drawn = needling[key].merge(sessions[key].assign(hz=hertz), on=key, how="left")["hz"].to_numpy()
    drawn = np.where(needling["technique"] == "deep", drawn, np.nan)
    return needling.assign(stimulation=np.where(np.isnan(drawn), *STIMULATIONS), stimulation_hz=drawn)


def _as_sham(needling: pd.DataFrame, sham: np.ndarray) -> pd.DataFrame:
    """A blunt needle that touches the skin: nothing enters, nothing twitches, and it hurts less."""
    nothing = {"insertions": np.nan, "depth_mm": np.nan, "ltr": False, "ltr_count": 0, "retention_min": 0}
    said = {"technique": SHAM, "response_sought": "sensation", "manipulation": "none", "ultrasound_guided": False}
    less = np.rint(needling["pain_during"] / 3)
    made = {name: needling[name].mask(sham, value) for name, value in {**nothing, **said}.items()}
    return needling.assign(**made, pain_during=needling["pain_during"].where(~sham, less).astype(int))


def _with_pain(
    scenario: Scenario,
    sessions: pd.DataFrame,
    needling: pd.DataFrame,
    people: pd.DataFrame,
    pain: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Add pain before and after each session; a twitch response matters for the second only (not in the null scenario)."""
    patient, day = sessions["patient"].to_numpy(), sessions["day"].to_numpy()
    grid = WEEKS * 7
    left = np.clip(np.searchsorted(grid, day, side="right") - 1, 0, len(grid) - 2)
    share = (day - grid[left]) / (grid[left + 1] - grid[left])
    between = (1 - share) * pain[patient, left] + share * pain[patient, left + 1]
    before = between + rng.normal(0, 0.7, len(sessions))
    key = ["patient", "session"]
    twitched = needling.groupby(key, as_index=False)["ltr"].any()
    ltr = sessions[key].merge(twitched, on=key, how="left")["ltr"].fillna(False).to_numpy(bool)
    arm = people["arm"].to_numpy()[patient]
    after = before - 0.5 + (0 if scenario.kind == "null" else LTR_WITHIN_SESSION) * ltr
    after = after + rng.normal(0, 0.6, len(sessions))
    soreness = np.clip(np.rint(rng.normal(*SORENESS, len(sessions))), 0, 10)
    kept, spread = SORENESS_LEFT
    later = np.clip(np.rint(soreness * kept + rng.normal(0, spread, len(sessions))), 0, 10)
    return sessions.assign(
        pain_before=np.clip(np.rint(before), 0, 10).astype(int),
        pain_after=np.clip(np.rint(after), 0, 10).astype(int),
        soreness_24h=np.select([arm == "dry_needling", arm == "sham"], [soreness, np.rint(soreness / 2)], np.nan),
        soreness_72h=np.select([arm == "dry_needling", arm == "sham"], [later, np.rint(later / 2)], np.nan),
    )


def _attended(people: pd.DataFrame, sessions: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Draw which planned sessions a patient came to: after the first ones the recovered stop, as their cohort does."""
    pain, cohort = sessions["pain_before"].to_numpy(), people["cohort"].to_numpy()[sessions["patient"]]
    chance = np.ones(len(sessions))
    for name, (at_0, per_point) in GOES_ON.items():
        chance[cohort == name] = 1 / (1 + np.exp(-(at_0 + per_point * pain[cohort == name])))
    for name, most in STOPS_AT.items():
        chance[cohort == name] = pain[cohort == name] > most
    stops = (sessions["session"] >= SESSIONS_FOR_ALL) & (rng.random(len(sessions)) >= chance)
    stopped_before = stops.groupby(sessions["patient"]).cumsum() - stops.astype(int)
    return (stopped_before == 0).to_numpy()


def _more_exercise(people: pd.DataFrame, sessions: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Draw exercise beside what both arms have; it takes longer, so that no row looks like one of those entered twice."""
    arm = people["arm"].to_numpy()[sessions["patient"]]
    share = np.array([MORE_EXERCISE.get(name, 0.0) for name in arm])
    rows = sessions.loc[rng.random(len(sessions)) < share, ["patient", "session", "day"]].reset_index(drop=True)
    adherence = rng.choice(np.array(["full", "partial", "none"]), len(rows), p=[0.65, 0.27, 0.08])
    return rows.assign(kind="exercise", minutes=rng.integers(9, 13, len(rows)) * 5, adherence=adherence)


def draw_milestone(
    scenario: Scenario,
    people: pd.DataFrame,
    visits: pd.DataFrame,
    status: pd.DataFrame,
    kind: str,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Draw on which day patients reached a milestone: patient, day, kind; who did after the last visit has no row.

    Times are Weibull with proportional hazards between the arms, and do not depend on pain or on who leaves.
    """
    first, times, of_needling = REACHED[kind]
    ratio = np.where((people["arm"] == "dry_needling") & (scenario.kind != "null"), of_needling, 1.0)
    draws = rng.exponential(size=len(people))
    day = np.full(len(people), np.inf)
    for name, (scale, shape) in times.items() if scenario.follows_patients else ():
        here = (people["cohort"] == name).to_numpy()
        day[here] = first + np.floor(scale * (draws[here] / ratio[here]) ** (1 / shape))
    came = visits[visits["attended"]]
    last = came.groupby("patient")["day"].max().reindex(people["patient"]).to_numpy(float)
    left = status[~status["still_followed"]].set_index("patient")["day"]
    last = np.minimum(last, people["patient"].map(left).fillna(np.inf))
    back = people.loc[day <= last, ["patient"]].reset_index(drop=True)
    return back.assign(day=day[day <= last].astype(int), kind=kind)


def _draw_co_interventions(sessions: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows = sessions.loc[rng.random(len(sessions)) < 0.5, ["patient", "session", "day"]].reset_index(drop=True)
    return rows.assign(
        kind=rng.choice(np.array(CO_INTERVENTIONS), len(rows), p=[0.4, 0.25, 0.15, 0.08, 0.12]),
        minutes=rng.integers(2, 9, len(rows)) * 5,
        adherence=rng.choice(np.array(["full", "partial", "none"]), len(rows), p=[0.65, 0.27, 0.08]),
    )


def _draw_adverse_events(people: pd.DataFrame, sessions: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    arm = people["arm"].to_numpy()[sessions["patient"]]
    rate = np.vectorize(MINOR_EVENT_PER_SESSION.get, otypes=[float])(arm)
    major = (rng.random(len(sessions)) < MAJOR_EVENT_PER_SESSION) & (arm == "dry_needling")
    happened = major | (rng.random(len(sessions)) < rate)
    rows = sessions.loc[happened, ["patient", "session", "day"]].reset_index(drop=True)
    kinds = rng.choice(np.array(MINOR_EVENTS), len(rows), p=[0.6, 0.25, 0.1, 0.05])
    severity = rng.choice(np.array(["mild", "moderate"]), len(rows), p=[0.85, 0.15])
    return rows.assign(
        day=rows["day"] + rng.integers(0, 3, len(rows)),
        kind=np.where(major[happened], "prolonged_aggravation", kinds),
        severity=np.where(major[happened], "severe", severity),
        related=np.where(rng.random(len(rows)) < 0.85, "related", "unrelated"),
    )


def draw_guesses(
    people: pd.DataFrame, sessions: pd.DataFrame, visits: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw which needle patients of a trial with a sham arm believe to have had; usual care is not asked.

    Parameters
    ----------
    people, sessions, visits : patients with their arm, what they were given, and the visits with day and attended.

    Returns
    -------
    patient, day, time (after_first_session: asked on its day; at_the_end: at the last visit), guess. Who had no session, or did not
    come to the last visit, was not asked then; a few do not answer.
    """
    arm = people["arm"].to_numpy()
    last = visits[(visits["visit_number"] == len(VISITS) - 1) & visits["attended"]]
    first = sessions.sort_values("day", kind="stable").drop_duplicates("patient").sort_values("patient")
    asked = {GUESS_TIMES[0]: first, GUESS_TIMES[1]: last}
    told = []
    for time, when in asked.items():
        rows = when.loc[np.isin(arm[when["patient"]], list(GUESS_CHANCES)) & ("sham" in arm), ["patient", "day"]]
        chances = np.array([GUESS_CHANCES[one][time] for one in arm[rows["patient"]]]).reshape(-1, len(GUESSES))
        place = (rng.random(len(rows))[:, None] > chances.cumsum(axis=1)[:, :-1]).sum(axis=1)
        answered = rng.random(len(rows)) >= NOT_ANSWERED
        told.append(rows.assign(time=time, guess=np.array(GUESSES)[place])[answered])
    return pd.concat(told, ignore_index=True).sort_values(["patient", "day"], kind="stable", ignore_index=True)
