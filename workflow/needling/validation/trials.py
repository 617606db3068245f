"""Made-up trials that are drawn again and again, each simple enough that its truth is a number on paper."""

import json
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.cohort.frame import add_baseline
from needling.cohort.sessions import session_frame
from needling.schema.contract import empty
from needling.schema.frames import FRAME
from needling.study.file import part
from needling.study.plan import Study

ARMS = ("usual_care", "dry_needling")
VISITS = {"baseline": 0.0, "week_4": 4.0, "week_12": 12.0}
OFTEN = {"baseline": 0.0, "week_2": 2.0, "week_4": 4.0, "week_8": 8.0, "week_12": 12.0}
MEANS = np.array([6.0, 5.0, 4.0])
COVARIANCE = 2.0 * np.array([[1.0, 0.5, 0.4], [0.5, 1.0, 0.8], [0.4, 0.8, 1.0]])
SESSIONS = 5
CODES = {"cohort": "all", "outcome": "pain", "instrument": "nprs", "unit": "points", "better": "lower"}
EVENTS = {
    "sessions": {"columns": {"session": "session", "date": "date"}},
    "adverse_events": {"columns": {"session": "session", "kind": "kind"}},
}


def scores(rng: np.random.Generator, n: int, effect: float) -> np.ndarray:
    """Draw pain of patients x visits; those with an odd number are needled, which changes week 12 by `effect`."""
    drawn = MEANS + rng.multivariate_normal(np.zeros(3), COVARIANCE, n)
    drawn[:, 2] += effect * (np.arange(n) % 2)
    return drawn


def leaving_with_pain(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lose week 12 of four in five of those in usual care whose pain at week 4 is above the mean: missing at random."""
    away = (np.arange(len(y)) % 2 == 0) & (y[:, 1] > MEANS[1]) & (rng.random(len(y)) < 0.8)
    return np.where(np.column_stack([np.zeros((len(y), 2), dtype=bool), away]), np.nan, y)


def jumping_to_reference(y: np.ndarray, rng: np.random.Generator, effect: float, share: float) -> np.ndarray:
    """Lose week 12 of a share of the needled; what nobody sees is that they have lost the effect."""
    away = (np.arange(len(y)) % 2 == 1) & (rng.random(len(y)) < share)
    lost = y - effect * np.outer(away, [0, 0, 1])
    return np.where(np.column_stack([np.zeros((len(y), 2), dtype=bool), away]), np.nan, lost)


def frame(y: np.ndarray, weeks: np.ndarray | None = None) -> pd.DataFrame:
    """The analysis frame of patients x visits (contract FRAME); missing values have no row, `weeks` are true times."""
    visits = VISITS if y.shape[1] == len(VISITS) else OFTEN
    n, number = len(y), np.arange(len(visits))
    week = np.tile(list(visits.values()), (n, 1)) if weeks is None else weeks
    table = pd.DataFrame(
        {
            "patient": np.repeat([f"P{i:04d}" for i in range(n)], len(number)),
            "arm": np.repeat(np.array(ARMS)[np.arange(n) % 2], len(number)),
            "visit": np.tile(list(visits), n),
            "visit_number": np.tile(number, n),
            "week": week.ravel(),
            "value": y.ravel(),
        }
    ).dropna(subset="value")
    table = table.assign(day=7 * table["week"], hour=168 * table["week"], site="", side="", clinic="C", therapist="T")
    return add_baseline(table.assign(**CODES), "baseline")


@cache
def _study(analyses: str, often: bool) -> Study:
    asked = json.loads(analyses)
    sections = {
        "design": "randomised",
        "seed": 0,
        "primary": "main",
        "patients": {"id": "id", "arm": {"from": "arm", "codes": dict(enumerate(ARMS)), "reference": ARMS[0]}},
        "visits": {
            "schedule": {name: {"week": week} for name, week in (OFTEN if often else VISITS).items()},
            "primary": "week_12",
        },
        "instruments": {"nprs": {"total": "nprs"}},
        "cohorts": {"all": {"outcomes": {"pain": "nprs"}}},
        "events": EVENTS,
        "analyses": asked,
        "covariates": {},
        "estimands": {},
    }
    return part(sections, settings_of_kinds())


def study(seed: int, often: bool = False, **analyses: dict[str, Any]) -> Study:
    """A study of these trials (with two visits after baseline, or often) with the analyses named, `main` the primary one."""
    return _study(json.dumps(analyses), often).model_copy(update={"seed": seed})


def results(name: str, table: pd.DataFrame, plan: Study) -> dict[str, pd.DataFrame]:
    """All tables of one analysis of a frame."""
    people = table.drop_duplicates("patient")[["patient", "cohort", "arm"]]
    return analyse(name, {"visits": table, "patients": people}, plan).tables


def sessions_with_events(
    rng: np.random.Generator, n: int, shapes: list[tuple[float, float]]
) -> dict[str, pd.DataFrame]:
    """Draw who had an adverse event in which of five sessions: each patient's own chance is a beta of the arm's shape."""
    of_arm = np.arange(n) % 2
    chance = rng.beta(*np.array(shapes).T[:, of_arm])
    hit = rng.random((n, SESSIONS)) < chance[:, None]
    who, when = np.nonzero(hit)
    codes = np.array([f"P{i:04d}" for i in range(n)])
    patients = pd.DataFrame({"patient": codes, "arm": np.array(ARMS)[of_arm], "cohort": "all", "clinic": "C"})
    number = np.tile(np.arange(1, SESSIONS + 1), n)
    own = pd.DataFrame({"patient": np.repeat(codes, SESSIONS), "session": number.astype(float), "day": 7.0 * number})
    happened = pd.DataFrame({"patient": codes[who], "session": when + 1.0, "kind": "soreness"})
    return {
        "patients": patients.assign(row=range(n)),
        "sessions": own.assign(therapist="T", clinic="C", row=range(len(own))),
        "adverse_events": happened.astype({"patient": "str", "kind": "str"}),
    }


def harms(clean: dict[str, pd.DataFrame], plan: Study) -> pd.DataFrame:
    """Results of the analysis `harms` of such sessions."""
    frames = {"visits": empty(FRAME), "patients": clean["patients"]}
    frames["sessions"] = session_frame(clean["patients"], clean, plan)
    return analyse("harms", {**clean, **frames}, plan).tables["results"]
