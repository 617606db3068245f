"""What a made-up study is like: its size, its scenario, its cohorts and the truth that an analysis should find.

The numbers are calibrated loosely to published ones (rounded means, spreads and effects of neck and shoulder pain,
fibromyalgia and sports-injury trials) and are made up wherever nothing is published; every table says so.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from scipy.special import ndtr

Kind = Literal["default", "null", "mnar", "confounded", "sham"]
VISITS = ("baseline", "week_2", "week_4", "week_8", "week_12")
WEEKS = np.array([0.0, 2.0, 4.0, 8.0, 12.0])
ARMS = ("usual_care", "sham", "dry_needling")
# What an arm does beside usual care, as a share of what dry needling does: a sham is a treatment too.
SHARE_OF_EFFECT = {"usual_care": 0.0, "sham": 0.4, "dry_needling": 1.0}
# Chance of each guess by arm, when asked after the first session and at the end; usual care knows what it gets.
GUESSES = ("active", "sham", "do_not_know")
GUESS_TIMES = ("after_first_session", "at_the_end")
GUESS_CHANCES = {
    "sham": {"after_first_session": (0.40, 0.20, 0.40), "at_the_end": (0.35, 0.40, 0.25)},
    "dry_needling": {"after_first_session": (0.45, 0.15, 0.40), "at_the_end": (0.60, 0.15, 0.25)},
}
SPORTS_FUNCTION = ("visa_a", "lefs", "quickdash")


@dataclass(frozen=True)
class Scenario:
    """A made-up study to be drawn.

    Parameters
    ----------
    kind : default (randomised, drop-out at random given the past), null (no effect of the arm on anything), mnar
        (drop-out depends on the outcome that it hides), confounded (a cohort: the worse the pain, the likelier needling), sham
        (randomised to usual care, sham or needling, in one cohort; patients guess which of the two needles they had).
    patients, clinics, therapists : sizes; each clinic has at least one therapist, every sixth therapist works in two.
    sessions : fewest and most treatment sessions planned per patient, in the first six weeks.
    screened_out : people screened and not enrolled, as a share of `patients`.

    Raises
    ------
    ValueError : a size is too small, or there are fewer therapists than clinics.
    """

    kind: Kind = "default"
    patients: int = 480
    clinics: int = 9
    therapists: int = 24
    sessions: tuple[int, int] = (3, 8)
    screened_out: float = 0.15

    def __post_init__(self) -> None:
        """Refuse sizes that no study can have."""
        if self.kind not in get_args(Kind):
            raise ValueError(f"there is no scenario '{self.kind}'; there are {', '.join(get_args(Kind))}")
        if min(self.patients, self.clinics) < 1 or self.therapists < self.clinics:
            raise ValueError("a study needs patients, clinics and at least one therapist per clinic")
        if not 1 <= self.sessions[0] <= self.sessions[1] <= 20:
            raise ValueError("sessions must be two numbers between 1 and 20, the smaller one first")

    @classmethod
    def sized(cls, kind: Kind = "default", patients: int | None = None) -> "Scenario":
        """A scenario with as many clinics and therapists as so many patients have (9 and 24 for 480; sham: 6 and 12 for 180)."""
        usual, per_clinic, per_therapist = (180, 30, 15) if kind == "sham" else (480, 53, 20)
        patients = usual if patients is None else patients
        clinics = int(np.clip(round(patients / per_clinic), 2, 300))
        return cls(kind, patients, clinics, max(clinics, round(patients / per_therapist)))

    @property
    def randomised(self) -> bool:
        """Whether the arm was drawn by lot."""
        return self.kind != "confounded"

    @property
    def follows_patients(self) -> bool:
        """Whether mechanisms are measured, and sessions and exercise go with the patient: not in the trial with a sham."""
        return self.kind != "sham"

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms, usual care first."""
        return ARMS if self.kind == "sham" else tuple(arm for arm in ARMS if arm != "sham")

    @property
    def cohorts(self) -> tuple[str, ...]:
        """The cohorts of the study."""
        return ("myofascial",) if self.kind == "sham" else tuple(COHORTS)


@dataclass(frozen=True)
class Scale:
    """How an instrument turns whole-number answers into its score: offset + sum(weight x answer).

    `communality` is the share of an answer's variance that the instrument's construct explains; the construct is
    oriented as severity, so where `better` is higher the answers fall as it rises. `only` has the answers of items, by their
    place from 0, that do not have every whole number between their ends.
    """

    lows: tuple[int, ...]
    highs: tuple[int, ...]
    weights: tuple[float, ...]
    better: Literal["lower", "higher"]
    unit: str
    offset: float = 0.0
    communality: float = 0.5
    only: tuple[tuple[int, tuple[int, ...]], ...] = ()

    def answers(self, item: int) -> tuple[int, ...]:
        """Answers that an item has, by its place from 0, rising."""
        return dict(self.only).get(item) or tuple(range(self.lows[item], self.highs[item] + 1))

    @property
    def items(self) -> int:
        """Number of items."""
        return len(self.lows)

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest possible score."""
        weights = np.array(self.weights)
        return self.offset + float(weights @ self.lows), self.offset + float(weights @ self.highs)

    def score(self, answers: np.ndarray) -> np.ndarray:
        """Score of complete answers (rows x items)."""
        return self.offset + answers @ np.array(self.weights)

    def score_answered(self, answers: np.ndarray) -> np.ndarray:
        """Score where answers may be missing: each missing one is worth the mean of those with its weight."""
        filled = answers.astype(float)
        weights = np.array(self.weights)
        for weight in np.unique(weights):
            part = filled[:, weights == weight]
            answered = ~np.isnan(part)
            mean = np.where(answered, part, 0).sum(axis=1) / np.maximum(answered.sum(axis=1), 1)
            filled[:, weights == weight] = np.where(answered, part, mean[:, None])
        return self.score(filled)


def _equal(items: int, low: int, high: int, weight: float, better: Literal["lower", "higher"], **more: object) -> Scale:
    return Scale((low,) * items, (high,) * items, (weight,) * items, better, **more)  # type: ignore[arg-type]


SCALES: dict[str, Scale] = {
    "nprs": _equal(1, 0, 10, 1, "lower", unit="0-10 points", communality=1.0),
    "ppt": _equal(1, 40, 800, 1, "higher", unit="kPa", communality=1.0),
    "ppt_remote": _equal(1, 40, 800, 1, "higher", unit="kPa", communality=1.0),
    # in steps of 5 kPa: -9 and -99, which exports write for missing, are no readings
    "cpm": _equal(1, -300, 300, 1, "higher", unit="kPa", communality=1.0, only=((0, tuple(range(-300, 301, 5))),)),
    "ndi": _equal(10, 0, 5, 2, "lower", unit="%"),
    "fiqr": Scale((0,) * 21, (10,) * 21, (1 / 3,) * 9 + (1.0,) * 2 + (0.5,) * 10, "lower", "0-100 points"),
    "visa_a": Scale(
        (0,) * 8,
        (10,) * 7 + (30,),
        (1.0,) * 8,
        "higher",
        "0-100 points",
        only=((6, (0, 4, 7, 10)), (7, (0, 2, 4, 5, 7, 10, 14, 20, 21, 30))),
    ),
    "lefs": _equal(20, 0, 4, 1, "higher", unit="0-80 points"),
    "quickdash": _equal(11, 1, 5, 25 / 11, "lower", unit="0-100 points", offset=-25.0),
    "csi": _equal(25, 0, 4, 1, "lower", unit="0-100 points", communality=0.35),
    "pcs_total": _equal(13, 0, 4, 1, "lower", unit="0-52 points", communality=0.5),
    "tsk11": _equal(11, 1, 4, 1, "lower", unit="11-44 points", communality=0.35),
}
AT_BASELINE = ("csi", "pcs_total", "tsk11")
OVER_TIME = ("nprs", "ndi", "fiqr", *SPORTS_FUNCTION, "ppt")
# Measured at every visit too, and asked again at some: each drawn from a stream of its own.
MECHANISMS = ("ppt_remote", "cpm")
ASKED_AGAIN = {"csi": (2, 4)}


@dataclass(frozen=True)
class Course:
    """Mean course of one instrument: baseline, change in usual care and true effect at weeks 4 and 12, in its units."""

    baseline: tuple[float, float]
    control_change: tuple[float, float] = (0.0, 0.0)
    effect: tuple[float, float] = (0.0, 0.0)

    def control_means(self) -> np.ndarray:
        """Mean of usual care at each visit."""
        return self.baseline[0] + _over_visits(self.control_change)

    def effects(self, kind: Kind, arm: str = "dry_needling") -> np.ndarray:
        """True difference of an arm minus usual care at each visit."""
        return np.zeros(len(VISITS)) if kind == "null" else SHARE_OF_EFFECT[arm] * _over_visits(self.effect)


def _over_visits(at_4_and_12: tuple[float, float]) -> np.ndarray:
    """Spread two known points over the visits: 60 % of week 4 is reached at week 2; week 8 lies half way."""
    week_4, week_12 = at_4_and_12
    return np.array([0.0, 0.6 * week_4, week_4, (week_4 + week_12) / 2, week_12])


@dataclass(frozen=True)
class CohortPlan:
    """What a cohort is like: people, courses of its instruments (mean, SD at baseline) and drop-out by week 12.

    Of several function instruments each belongs to the subdiagnosis in its place: who has the one is measured by the other.
    """

    label: str
    age: tuple[float, float]
    female: float
    duration_median_weeks: float
    drop_out: float
    function: tuple[str, ...]
    subdiagnoses: tuple[str, ...]
    muscles: tuple[str, ...]
    courses: dict[str, Course] = field(default_factory=dict)


COHORTS: dict[str, CohortPlan] = {
    "myofascial": CohortPlan(
        label="Myofascial pain",
        age=(44, 12),
        female=0.70,
        duration_median_weeks=61,
        drop_out=0.14,
        function=("ndi",),
        subdiagnoses=("neck", "shoulder"),
        muscles=("upper_trapezius", "levator_scapulae", "infraspinatus", "splenius"),
        courses={
            "nprs": Course((5.8, 1.7), (-1.4, -1.8), (-0.9, -0.5)),
            "ndi": Course((30, 12), (-6, -8), (-4, -2)),
            "ppt": Course((220, 80), (15, 20), (30, 10)),
            "ppt_remote": Course((230, 85), (10, 15)),
            "cpm": Course((30, 40), (8, 10)),
            "csi": Course((34, 13), (-2, -3)),
            "pcs_total": Course((18, 10)),
            "tsk11": Course((24, 6)),
        },
    ),
    "fibromyalgia": CohortPlan(
        label="Fibromyalgia",
        age=(52, 11),
        female=0.93,
        duration_median_weeks=364,
        drop_out=0.17,
        function=("fiqr",),
        subdiagnoses=("widespread",),
        muscles=("upper_trapezius", "gluteus_medius", "infraspinatus", "gastrocnemius"),
        courses={
            "nprs": Course((6.9, 1.6), (-0.5, -0.5), (-0.8, -0.4)),
            "fiqr": Course((61, 18), (-4, -4), (-6, -3)),
            "ppt": Course((150, 60), (5, 5), (20, 10)),
            "ppt_remote": Course((160, 60), (5, 5), (20, 10)),
            "cpm": Course((5, 35), (3, 4), (15, 8)),
            "csi": Course((58, 15), (-2, -3)),
            "pcs_total": Course((26, 11)),
            "tsk11": Course((27, 7)),
        },
    ),
    "sports": CohortPlan(
        label="Sports injury",
        age=(29, 9),
        female=0.40,
        duration_median_weeks=10,
        drop_out=0.12,
        function=SPORTS_FUNCTION,
        subdiagnoses=("tendon", "strain", "joint"),
        muscles=("gastrocnemius", "soleus", "hamstrings", "infraspinatus"),
        courses={
            "nprs": Course((5.0, 1.8), (-1.6, -2.4), (-0.6, -0.2)),
            "visa_a": Course((58, 16), (8, 14), (1, 0)),
            "lefs": Course((52, 12), (6, 10), (3, 1)),
            "quickdash": Course((36, 17), (-8, -13), (-3, -1)),
            "ppt": Course((300, 110), (20, 30), (25, 10)),
            "ppt_remote": Course((310, 110), (15, 20)),
            "cpm": Course((45, 50), (8, 10)),
            "csi": Course((24, 10), (-2, -3)),
            "pcs_total": Course((13, 9)),
            "tsk11": Course((22, 6)),
        },
    ),
}

# Shares of an outcome's variance (latent scale); the rest varies from visit to visit. Correlations over time follow.
CLINIC_SHARE = 0.03
THERAPIST_SHARE = 0.05
STABLE_SHARE = 0.40
DRIFTING_SHARE = 0.20
DRIFT_WEEKS = 6.0
SPREAD_OVER_VISITS = np.array([1.0, 1.05, 1.15, 1.2, 1.25])
LTR_WITHIN_SESSION = -0.8
MINOR_EVENT_PER_SESSION = {"dry_needling": 0.367, "sham": 0.15, "usual_care": 0.06}
MAJOR_EVENT_PER_SESSION = 20 / 20494
# Soreness a day after needling (mean and spread before it is rounded to 0-10), what is left of it after three days and how far
# that varies; a sham leaves half of either.
SORENESS, SORENESS_LEFT = (2.2, 1.5), (0.5, 0.5)

# Expected benefit (mean, SD before it is rounded and bounded), and by how much needling relieves more pain per point of it, as
# a share of which course over the visits an effect has. Central sensitisation moderates nothing anywhere.
EXPECTATION = (6.5, 2.0)
MODERATION = {"fibromyalgia": -0.2}
# How closely the tenderness of a remote site goes with that of the local one, and the part that lasts in what else is measured.
REMOTE_WITH_LOCAL = 0.7
LASTING = 0.5
LASTING_WITH_PAIN = 0.3
SENSITISATION_AGAIN = 0.85
# After this many sessions the recovered come less: in one cohort the less pain, the less likely (log odds at pain 0, and per
# point); in another those whose pain is as low as this never come again, and nobody else stops for it.
SESSIONS_FOR_ALL = 3
GOES_ON = {"myofascial": (-0.6, 0.35)}
STOPS_AT = {"sports": 3}
# Further exercise per session beside usual care, and in whom time to return to sport is shorter (Weibull: days, shape).
MORE_EXERCISE = {"usual_care": 0.25}
RETURN_TO_SPORT = {"sports": (75.0, 1.5)}
RETURN_HAZARD_RATIO = 1.4
# In whom pain that got better came back (Weibull: days, shape), later with needling.
RELAPSE = {"myofascial": (90.0, 1.5)}
RELAPSE_HAZARD_RATIO = 0.6
# Share of sessions whose deep needles carry a current, and its frequencies; it does nothing.
STIMULATED, STIMULATION_HZ = 0.2, (2, 80, 100)


def moderation(kind: Kind, cohort: str) -> np.ndarray:
    """Change of the true effect on pain per point of expectation, at each visit."""
    return np.zeros(len(VISITS)) if kind == "null" else MODERATION.get(cohort, 0.0) * _over_visits((1.0, 0.6))


def drop_out(scenario: Scenario, cohort: str) -> float:
    """Share that leaves by week 12; twice as many where drop-out is not at random, so that it shows."""
    return COHORTS[cohort].drop_out * (2 if scenario.kind == "mnar" else 1)


def truth(scenario: Scenario) -> dict[str, object]:
    """Return the true values of a scenario on each instrument's scored scale, ready for JSON.

    Returns
    -------
    scenario, weeks per visit, and per cohort: drop-out by week 12, and per outcome (pain, function, ppt) the instrument,
    unit, direction and per visit the mean in usual care and the effect (dry needling minus usual care). Sports function
    is given per instrument and pooled as percent of maximum possible score (0-100, higher is better) with equal shares.
    Of each arm the chance of a session to have a minor and a severe (serious) adverse event, and of needled ones the mean soreness.
    With a sham arm also its effect (sham minus usual care), and the chances of guesses with Bang's index of each arm and time;
    without one what changes the effect on pain per point, what the number of sessions follows and does (nothing), further exercise
    and the hazard ratios of return to sport and of relapse.
    """
    cohorts = {}
    for name in scenario.cohorts:
        plan = COHORTS[name]
        others = (*MECHANISMS, *ASKED_AGAIN) if scenario.follows_patients else ()
        outcomes = {one: _true_course(scenario, plan, code) for one, code in {"pain": "nprs", "ppt": "ppt"}.items()}
        outcomes |= {one: _true_course(scenario, plan, one) for one in others}
        if len(plan.function) == 1:
            outcomes["function"] = _true_course(scenario, plan, plan.function[0])
        else:
            parts = {one: _true_course(scenario, plan, one) for one in plan.function}
            outcomes["function"] = _pooled_course(scenario, plan) | {"parts": parts}
        cohorts[name] = {"drop_out_by_week_12": drop_out(scenario, name), "outcomes": outcomes}
    return {
        "about": "True values of made-up data. No person is described.",
        "scenario": scenario.kind,
        "design": "randomised" if scenario.randomised else "cohort",
        "contrast": "dry_needling - usual_care",
        "weeks": dict(zip(VISITS, WEEKS.tolist(), strict=True)),
        "variance_shares": {"clinic": CLINIC_SHARE, "therapist": THERAPIST_SHARE},
        "twitch_response_on_pain_within_session": 0.0 if scenario.kind == "null" else LTR_WITHIN_SESSION,
        "cohorts": cohorts,
        "adverse_events_per_session": {
            arm: {"minor": MINOR_EVENT_PER_SESSION[arm], "severe": MAJOR_EVENT_PER_SESSION * (arm == "dry_needling")}
            for arm in scenario.arms
        },
        "soreness": {arm: true_soreness(arm) for arm in scenario.arms if arm != "usual_care"},
        **(_what_follows_patients(scenario) if scenario.follows_patients else {}),
        **({"guesses": _true_guesses()} if "sham" in scenario.arms else {}),
    }


def _what_follows_patients(scenario: Scenario) -> dict[str, object]:
    return {
        "twitch_response_on_pain_before_the_next_session": 0.0,
        "effect_on_pain_per_point": {
            "expectation": {name: _per_visit(moderation(scenario.kind, name)) for name in COHORTS},
            "csi": {name: _per_visit(np.zeros(len(VISITS))) for name in COHORTS},
        },
        "sessions": {
            "effect_on_pain_per_session": 0.0,
            "log_odds_of_another": {name: {"at_pain_0": a, "per_point": b} for name, (a, b) in GOES_ON.items()},
            "none_after_pain_of_at_most": STOPS_AT,
        },
        "further_exercise_per_session": MORE_EXERCISE,
        "return_to_sport": {
            "cohorts": list(RETURN_TO_SPORT),
            "hazard_ratio": 1.0 if scenario.kind == "null" else RETURN_HAZARD_RATIO,
        },
        "relapse": {
            "cohorts": list(RELAPSE),
            "hazard_ratio": 1.0 if scenario.kind == "null" else RELAPSE_HAZARD_RATIO,
        },
    }


def true_soreness(arm: str) -> dict[str, float]:
    """Mean soreness (0-10) of an arm a day and three days after a session, of the whole numbers that are written down."""
    whole = np.arange(11)

    def chances(mean: np.ndarray, spread: float) -> np.ndarray:
        """Of each whole number from 0 to 10, what lies beyond at the ends."""
        below = ndtr((whole[:-1] + 0.5 - np.asarray(mean)[..., None]) / spread)
        return np.diff(below, axis=-1, prepend=0.0, append=1.0)

    day = chances(np.array(SORENESS[0]), SORENESS[1])
    later = day @ chances(SORENESS_LEFT[0] * whole, SORENESS_LEFT[1])
    told = np.rint(whole / 2) if arm == "sham" else whole
    return {"hours_24": round(float(day @ told), 6), "hours_72": round(float(later @ told), 6)}


def _true_guesses() -> dict[str, object]:
    right = {"dry_needling": "active", "sham": "sham"}
    told: dict[str, object] = {}
    for arm, by_time in GUESS_CHANCES.items():
        told[arm] = {}
        for time, chances in by_time.items():
            of = dict(zip(GUESSES, chances, strict=True))
            wrong = 1 - of[right[arm]] - of["do_not_know"]
            told[arm] |= {time: of | {"bang": round(of[right[arm]] - wrong, 6)}}  # type: ignore[operator]
    return told


def _true_course(scenario: Scenario, plan: CohortPlan, instrument: str) -> dict[str, object]:
    scale, course = SCALES[instrument], plan.courses[instrument]
    return {
        "instrument": instrument,
        "unit": scale.unit,
        "better": scale.better,
        "baseline_sd": course.baseline[1],
        "mean_usual_care": _per_visit(course.control_means()),
        "effect": _per_visit(course.effects(scenario.kind)),
        **({"effect_of_sham": _per_visit(course.effects(scenario.kind, "sham"))} if "sham" in scenario.arms else {}),
    }


def _pooled_course(scenario: Scenario, plan: CohortPlan) -> dict[str, object]:
    means, effects = [], []
    for instrument in plan.function:
        scale, course = SCALES[instrument], plan.courses[instrument]
        low, high = scale.bounds
        sign = 1 if scale.better == "higher" else -1
        start = low if scale.better == "higher" else high
        means.append(sign * (course.control_means() - start) / (high - low) * 100)
        effects.append(sign * course.effects(scenario.kind) / (high - low) * 100)
    return {
        "instrument": "pomp",
        "unit": "% of maximum possible score",
        "better": "higher",
        "mean_usual_care": _per_visit(np.mean(means, axis=0)),
        "effect": _per_visit(np.mean(effects, axis=0)),
    }


def _per_visit(values: np.ndarray) -> dict[str, float]:
    return {visit: round(float(value), 6) + 0.0 for visit, value in zip(VISITS, values, strict=True)}
