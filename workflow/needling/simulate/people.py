"""Who is in a made-up study: therapists and their clinics, patients, what is known of them, and their arms."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from needling.simulate.scenario import COHORTS, EXPECTATION, Scenario

FIRST_DAY, DAYS = np.datetime64("2023-01-09"), "timedelta64[D]"
ENROLMENT_DAYS = 540
WHY_NOT_ENROLLED = ("not_eligible", "declined", "contraindication", "other")
MEDICATION = ("none", "paracetamol", "nsaid", "antidepressant", "anticonvulsant", "opioid")


@dataclass(frozen=True)
class Staff:
    """Therapists (numbered from 0): the clinics each works in and the weight of each in the outcomes."""

    home: np.ndarray
    second: np.ndarray
    by_clinic: tuple[np.ndarray, ...]

    def table(self) -> pd.DataFrame:
        """Therapist, home clinic and second clinic (-1: none)."""
        return pd.DataFrame({"therapist": np.arange(len(self.home)), "clinic": self.home, "second_clinic": self.second})


def draw_staff(scenario: Scenario) -> Staff:
    """Spread therapists evenly over clinics; every sixth one also works in the next clinic."""
    therapist = np.arange(scenario.therapists)
    home = therapist % scenario.clinics
    elsewhere = (therapist % 6 == 5) & (scenario.clinics > 1)
    second = np.where(elsewhere, (home + 1) % scenario.clinics, -1)
    by_clinic = tuple(np.flatnonzero((home == clinic) | (second == clinic)) for clinic in range(scenario.clinics))
    return Staff(home, second, by_clinic)


def choose_therapist(staff: Staff, clinic: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw for each row one of the therapists of its clinic."""
    size = max(len(members) for members in staff.by_clinic)
    padded = np.zeros((len(staff.by_clinic), size), dtype=int)
    for number, members in enumerate(staff.by_clinic):
        padded[number, : len(members)] = members
    counts = np.array([len(members) for members in staff.by_clinic])
    pick = (rng.random(len(clinic)) * counts[clinic]).astype(int)
    return padded[clinic, pick]


def draw_people(scenario: Scenario, stable: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Draw patients with their clinic and what is known at enrolment, before any arm.

    Parameters
    ----------
    stable : patients x 2, each patient's lasting severity of pain and of disability (standard normal); expectation and
        duration go weakly with it.

    Returns
    -------
    One row per patient in order of enrolment: cohort, clinic, day_0 (date), days_screened_before, age, sex,
    subdiagnosis, affected_side, height_cm, weight_kg, duration_weeks, expectation, prior_needling, one column per
    medication.
    """
    n = scenario.patients
    names = np.array(scenario.cohorts)
    cohort = names[rng.permutation(np.arange(n) % len(names))]
    weight = np.linspace(1, 2, scenario.clinics)
    people = pd.DataFrame(
        {
            "cohort": cohort,
            "clinic": rng.choice(scenario.clinics, n, p=weight / weight.sum()),
            "day_0": FIRST_DAY + np.sort(rng.integers(0, ENROLMENT_DAYS, n)).astype(DAYS),
            "days_screened_before": rng.integers(15, 29, n),
        }
    )
    lasting = stable.sum(axis=1) / np.sqrt(2 * (1 + 0.55))
    return people.join(_characteristics(cohort, lasting, rng))


def draw_excluded(scenario: Scenario, rng: np.random.Generator) -> pd.DataFrame:
    """Draw people who were screened and not enrolled: cohort, clinic, date_screened, age, sex, reason_excluded."""
    n = round(scenario.patients * scenario.screened_out)
    cohort = rng.choice(np.array(scenario.cohorts), n)
    known = _characteristics(cohort, np.zeros(n), rng)
    return pd.DataFrame(
        {
            "cohort": cohort,
            "clinic": rng.integers(0, scenario.clinics, n),
            "date_screened": FIRST_DAY + (rng.integers(0, ENROLMENT_DAYS, n) - 20).astype(DAYS),
            "age": known["age"],
            "sex": known["sex"],
            "reason_excluded": rng.choice(np.array(WHY_NOT_ENROLLED), n, p=[0.45, 0.3, 0.1, 0.15]),
        }
    )


def _characteristics(cohort: np.ndarray, lasting: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    n = len(cohort)
    plans = {name: cohort == name for name in COHORTS}

    def each(value: str) -> np.ndarray:
        found = np.zeros(n)
        for name, here in plans.items():
            found[here] = getattr(COHORTS[name], value)
        return found

    age_mean, age_sd = np.zeros(n), np.zeros(n)
    subdiagnosis = np.full(n, "widespread", dtype=object)
    for name, here in plans.items():
        age_mean[here], age_sd[here] = COHORTS[name].age
        subdiagnosis[here] = rng.choice(np.array(COHORTS[name].subdiagnoses), here.sum())
    female = rng.random(n) < each("female")
    height = np.rint(rng.normal(np.where(female, 165, 178), np.where(female, 6.5, 7)))
    log_duration = np.log(each("duration_median_weeks")) + 0.6 * _with(lasting, 0.15, rng)
    shortest = np.where(cohort == "sports", 2, 12)
    mean, sd = EXPECTATION
    known = pd.DataFrame(
        {
            "age": np.clip(np.rint(rng.normal(age_mean, age_sd)), 18, 88).astype(int),
            "sex": np.where(female, "female", "male"),
            "subdiagnosis": subdiagnosis.astype(str),
            "affected_side": np.where(
                cohort == "fibromyalgia", "both", np.where(rng.random(n) < 0.55, "right", "left")
            ),
            "height_cm": height.astype(int),
            "weight_kg": np.round(np.clip(rng.normal(26, 4, n), 17, 45) * (height / 100) ** 2, 1),
            "duration_weeks": np.maximum(np.rint(np.exp(log_duration)), shortest).astype(int),
            "expectation": np.clip(np.rint(mean + sd * _with(lasting, -0.15, rng)), 0, 10).astype(int),
            "prior_needling": rng.random(n) < 0.3,
        }
    )
    taken = rng.random((n, len(MEDICATION))) < np.array([0, 0.3, 0.35, 0.12, 0.06, 0.05])
    taken[:, 0] = ~taken[:, 1:].any(axis=1)
    for number, name in enumerate(MEDICATION):
        known[f"medication_{name}"] = taken[:, number]
    return known


def _with(lasting: np.ndarray, correlation: float, rng: np.random.Generator) -> np.ndarray:
    return correlation * lasting + np.sqrt(1 - correlation**2) * rng.standard_normal(len(lasting))


def allocate_by_lot(people: pd.DataFrame, arms: int, rng: np.random.Generator) -> np.ndarray:
    """Allocate in equal shares, in random blocks of two per arm within cohort and clinic: the arm's number of each patient."""
    stratum = people.groupby(["cohort", "clinic"]).ngroup().to_numpy()
    place = people.groupby(["cohort", "clinic"]).cumcount().to_numpy()
    block = place // (2 * arms)
    order = np.lexsort((rng.random(len(people)), block, stratum))
    key = stratum[order].astype(np.int64) * (np.max(block) + 1) + block[order]
    first = np.r_[True, key[1:] != key[:-1]]
    rank = np.arange(len(order)) - np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    # Each block gives two of each arm; which rank means which arm is drawn too, as last blocks may be short.
    drawn = rng.random(len(order))[np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))]
    arm = np.empty(len(order), dtype=int)
    arm[order] = (rank + arms - 1 - np.floor(arms * drawn).astype(int)) % arms
    return arm


def allocate_by_severity(baseline_pain: np.ndarray, expectation: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Let the worse off, and those who expect more, be needled more often: log odds 0.5 per point of pain, 0.15 of hope."""
    log_odds = 0.5 * (baseline_pain - baseline_pain.mean()) + 0.15 * (expectation - EXPECTATION[0])
    return (rng.random(len(log_odds)) < 1 / (1 + np.exp(-log_odds))).astype(int)
