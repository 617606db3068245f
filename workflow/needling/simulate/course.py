"""How made-up patients fare: severity over time, scored answers at every visit, and who stops coming."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from needling.simulate.calibration import draw_answers, expected_score, latent_mean, latent_spread
from needling.simulate.people import Staff, choose_therapist
from needling.simulate.scenario import (
    AT_BASELINE,
    CLINIC_SHARE,
    COHORTS,
    DRIFT_WEEKS,
    DRIFTING_SHARE,
    EXPECTATION,
    LASTING,
    LASTING_WITH_PAIN,
    REMOTE_WITH_LOCAL,
    SCALES,
    SENSITISATION_AGAIN,
    SPREAD_OVER_VISITS,
    STABLE_SHARE,
    THERAPIST_SHARE,
    VISITS,
    WEEKS,
    Scenario,
    drop_out,
    moderation,
)

# Pain, disability and tenderness of one person go together this closely.
TOGETHER = np.array([[1.0, 0.55, 0.35], [0.55, 1.0, 0.30], [0.35, 0.30, 1.0]])
CONSTRUCTS = {"nprs": 0, "ppt": 2}
LEAVING_BY_VISIT = np.array([0.0, 0.2, 0.3, 0.3, 0.2])
MISSED_ONCE = 0.02
VISIT_DAYS = ((-14, 1), (11, 18), (24, 33), (51, 62), (78, 91))


@dataclass(frozen=True)
class Severity:
    """Standard normal severity, patients x visits x (pain, disability, tenderness), and each visit's therapist."""

    stable: np.ndarray
    values: np.ndarray
    therapist: np.ndarray

    def of(self, instrument: str) -> np.ndarray:
        """Severity that an instrument measures, patients x visits."""
        return self.values[:, :, CONSTRUCTS.get(instrument, 1)]


def draw_stable(patients: int, rng: np.random.Generator) -> np.ndarray:
    """Draw each patient's lasting severity, patients x (pain, disability, tenderness)."""
    return rng.standard_normal((patients, 3)) @ np.linalg.cholesky(TOGETHER).T


def draw_severity(
    scenario: Scenario, staff: Staff, clinic: np.ndarray, stable: np.ndarray, rng: np.random.Generator
) -> Severity:
    """Draw severity as clinic + therapist (from week 2) + lasting + drifting + passing parts, with variance 1 in all."""
    root = np.linalg.cholesky(TOGETHER).T
    n, visits = len(clinic), len(VISITS)
    main, other = choose_therapist(staff, clinic, rng), choose_therapist(staff, clinic, rng)
    handed_over = rng.random(n) < 0.08
    late = WEEKS >= 8
    therapist = np.where(handed_over[:, None] & late[None, :], other[:, None], main[:, None])
    clinic_part = rng.standard_normal((scenario.clinics, 3)) @ root
    therapist_part = rng.standard_normal((scenario.therapists, 3)) @ root
    values = np.sqrt(STABLE_SHARE) * stable[:, None, :] + np.sqrt(CLINIC_SHARE) * clinic_part[clinic][:, None, :]
    values = np.repeat(values, visits, axis=1)
    values[:, 1:] += np.sqrt(THERAPIST_SHARE) * therapist_part[therapist[:, 1:]]
    drift = rng.standard_normal((n, 3)) @ root
    for visit in range(visits):
        if visit:
            kept = np.exp(-(WEEKS[visit] - WEEKS[visit - 1]) / DRIFT_WEEKS)
            drift = kept * drift + np.sqrt(1 - kept**2) * (rng.standard_normal((n, 3)) @ root)
        values[:, visit] += np.sqrt(DRIFTING_SHARE) * drift
        shares = STABLE_SHARE + CLINIC_SHARE + DRIFTING_SHARE + (THERAPIST_SHARE if visit else 0)
        values[:, visit] += np.sqrt(1 - shares) * (rng.standard_normal((n, 3)) @ root)
    return Severity(stable, values, therapist)


def draw_instrument(
    scenario: Scenario,
    instrument: str,
    people: pd.DataFrame,
    construct: np.ndarray,
    visits: np.ndarray,
    arm: np.ndarray | None,
    rng: np.random.Generator,
    further: np.ndarray | None = None,
) -> pd.DataFrame:
    """Draw one instrument's answers for the patients given, at the visits given, whether they came or not.

    Parameters
    ----------
    people : patients (columns patient, cohort) that have this instrument.
    construct : standard normal severity of all patients at all visits, higher is worse.
    visits : visit numbers.
    arm : arm number of each of those patients; None before allocation, when only the baseline can be drawn.
    further : what each of those patients' score is higher by at each visit beyond the plan, in the instrument's unit.

    Returns
    -------
    One row per patient and visit: patient, visit_number, item_1 ... item_k, total (score of the complete answers).
    """
    scale = SCALES[instrument]
    who = people["patient"].to_numpy()
    cohort = people["cohort"].to_numpy()
    width = scale.bounds[1] - scale.bounds[0]
    frames = []
    for visit in visits:
        means, spreads = np.zeros(len(who)), np.ones(len(who))
        for name in np.unique(cohort):
            for arm_number in range(len(scenario.arms)):
                here = (cohort == name) & (arm_number == (0 if arm is None else arm))
                means[here], spreads[here] = latent_place(scenario, name, instrument, int(visit), arm_number)
        if further is not None:
            means = means + further[:, visit] / width
        answers = draw_answers(scale, means, spreads, construct[who, visit], rng)
        frame = pd.DataFrame(answers, columns=[f"item_{number + 1}" for number in range(scale.items)])
        frame.insert(0, "patient", who)
        frame.insert(1, "visit_number", int(visit))
        frame["total"] = scale.score(answers)
        frames.append(frame)
    if not frames:
        return pd.DataFrame()
    return pd.concat(frames, ignore_index=True).sort_values(["patient", "visit_number"], ignore_index=True)


def latent_place(scenario: Scenario, cohort: str, instrument: str, visit: int, arm: int) -> tuple[float, float]:
    """Latent mean and spread at which the mean score of this cohort, visit and arm is what the plan says."""
    course = COHORTS[cohort].courses[instrument]
    spread = latent_spread(SCALES[instrument], *map(float, course.baseline)) * SPREAD_OVER_VISITS[visit]
    mean = course.control_means()[visit] + course.effects(scenario.kind, scenario.arms[arm])[visit]
    return latent_mean(SCALES[instrument], float(mean), float(spread)), float(spread)


def further_pain(scenario: Scenario, people: pd.DataFrame, arm: np.ndarray) -> np.ndarray:
    """Pain of the needled beyond the plan, patients x visits: the more they expect, the less, and nothing on average."""
    mean, sd = (number / 10 for number in EXPECTATION)
    beyond = people["expectation"].to_numpy() - expected_score(SCALES["nprs"], mean, sd)
    slopes = np.array([moderation(scenario.kind, cohort) for cohort in people["cohort"]])
    return slopes * (beyond * (np.array(scenario.arms)[arm] == "dry_needling"))[:, None]


def remote_tenderness(local: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw the tenderness of a remote site, patients x visits, which shares a part with the local one."""
    own = _lasting_and_passing(rng.standard_normal(len(local)), local.shape, rng)
    return REMOTE_WITH_LOCAL * local + np.sqrt(1 - REMOTE_WITH_LOCAL**2) * own


def failing_modulation(stable_pain: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw how badly pain is modulated, patients x visits: between people it goes with pain, within a person it does not."""
    lasting = LASTING_WITH_PAIN * stable_pain
    lasting = lasting + np.sqrt(1 - LASTING_WITH_PAIN**2) * rng.standard_normal(len(stable_pain))
    return _lasting_and_passing(lasting, (len(stable_pain), len(VISITS)), rng)


def sensitisation_again(first: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw sensitisation at all visits from that at baseline, patients x visits; its changes go with nothing."""
    passing = rng.standard_normal((len(first), len(VISITS)))
    return SENSITISATION_AGAIN * first[:, None] + np.sqrt(1 - SENSITISATION_AGAIN**2) * passing


def _lasting_and_passing(lasting: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    return np.sqrt(LASTING) * lasting[:, None] + np.sqrt(1 - LASTING) * rng.standard_normal(shape)


def draw_questionnaire(
    instrument: str, people: pd.DataFrame, stable: np.ndarray, rng: np.random.Generator
) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw a questionnaire at baseline that goes moderately with lasting pain and disability: its answers, and the construct."""
    if instrument not in AT_BASELINE:
        raise ValueError(f"{instrument} is asked at every visit")
    load = {"csi": 0.40, "pcs_total": 0.30, "tsk11": 0.25}[instrument]
    shared = load * (stable[:, 0] + stable[:, 1])
    severity = shared + np.sqrt(1 - load**2 * 2 * (1 + TOGETHER[0, 1])) * rng.standard_normal(len(people))
    scale, cohort = SCALES[instrument], people["cohort"].to_numpy()
    means, spreads = np.zeros(len(people)), np.ones(len(people))
    for name in np.unique(cohort):
        mean, sd = map(float, COHORTS[name].courses[instrument].baseline)
        spreads[cohort == name] = latent_spread(scale, mean, sd)
        means[cohort == name] = latent_mean(scale, mean, latent_spread(scale, mean, sd))
    answers = draw_answers(scale, means, spreads, severity, rng)
    frame = pd.DataFrame(answers, columns=[f"item_{number + 1}" for number in range(scale.items)])
    frame.insert(0, "patient", people["patient"].to_numpy())
    frame.insert(1, "visit_number", 0)
    frame["total"] = scale.score(answers)
    return frame, severity


def draw_visits(
    scenario: Scenario,
    people: pd.DataFrame,
    severity: Severity,
    pain: np.ndarray,
    arm: np.ndarray,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw the day of each visit and whether the patient came.

    Drop-out before a visit depends on the pain reported at the last one (missing at random); in the scenario mnar it
    depends on the severity at that very visit instead: in usual care the recovered stop coming, with needling those whom
    it did not help.

    Parameters
    ----------
    pain : patients x visits, complete pain scores.

    Returns
    -------
    The visits (patient, visit, visit_number, day, therapist, attended) and the number of the first visit that each
    patient has left before (5: stayed to the end).
    """
    n, cohort = len(people), people["cohort"].to_numpy()
    leaves = np.full(n, len(VISITS))
    for visit in range(1, len(VISITS)):
        before = pain[:, visit - 1]
        standard = (before - before.mean()) / max(before.std(), 1e-9)
        push = 0.5 * standard
        if scenario.kind == "mnar":
            push = np.where(arm == 1, 1.2, -1.2) * severity.values[:, visit, 0]
        chance = np.zeros(n)
        for name in np.unique(cohort):
            here = (cohort == name) & (leaves == len(VISITS))
            hazard = _hazard(drop_out(scenario, name), visit)
            chance[here] = 1 / (1 + np.exp(-(_intercept(push[here], hazard) + push[here])))
        leaves = np.where((leaves == len(VISITS)) & (rng.random(n) < chance), visit, leaves)
    attended = np.arange(len(VISITS)) < leaves[:, None]
    once = rng.random((n, len(VISITS))) < MISSED_ONCE
    once[:, [0, -1]] = False
    days = np.stack([rng.integers(low, high, n) for low, high in VISIT_DAYS], axis=1)
    visits = pd.DataFrame(
        {
            "patient": np.repeat(people["patient"].to_numpy(), len(VISITS)),
            "visit": np.tile(np.array(VISITS), n),
            "visit_number": np.tile(np.arange(len(VISITS)), n),
            "day": days.ravel(),
            "therapist": severity.therapist.ravel(),
            "attended": (attended & ~once).ravel(),
        }
    )
    return visits, leaves


def _hazard(by_week_12: float, visit: int) -> float:
    """Chance to leave before a visit, of those still there, so that the planned share has left by the last one."""
    gone = by_week_12 * LEAVING_BY_VISIT.cumsum()
    return float((gone[visit] - gone[visit - 1]) / (1 - gone[visit - 1]))


def _intercept(push: np.ndarray, hazard: float) -> float:
    """Intercept of the logistic model that makes the mean chance the wanted one."""
    if len(push) == 0:
        return 0.0
    return float(brentq(lambda at: (1 / (1 + np.exp(-(at + push)))).mean() - hazard, -30, 30))
