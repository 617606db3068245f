"""Made-up trials whose truth is known, how an analysis of one is asked for, and its comparisons of arms."""

import numpy as np
import pandas as pd

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.cohort.frame import add_baseline
from needling.schema.contract import check
from needling.schema.results import RESULTS
from needling.study.file import part

EFFECT = {"week_2": -0.5, "week_4": -1.0, "week_8": -0.8}
VISITS = ["baseline", *EFFECT]
STUDY = {
    "patients": {
        "id": "id",
        "arm": {"from": "arm", "codes": {"1": "usual_care", "2": "dry_needling"}, "reference": "usual_care"},
        "covariates": {"age": "age", "sex": "sex"},
    },
    "visits": {
        "schedule": {
            "baseline": {"label": "Baseline", "week": 0},
            **{visit: {"label": visit, "week": float(visit[5:])} for visit in EFFECT},
        },
        "primary": "week_4",
    },
    "cohorts": {"neck": {"label": "Neck pain", "outcomes": {"pain": "nprs"}}},
    "design": "randomised",
    "covariates": {},
    "estimands": {},
    "primary": "main",
}
COMMON = {"outcomes": ["pain"], "adjust": ["age", "sex"]}
THREE = {1: "usual_care", 2: "sham", 3: "dry_needling"}
KINDS = {
    "ancova": {"kind": "ancova", "visits": ["week_4"]},
    "mmrm": {"kind": "repeated_measures"},
    "constrained": {"kind": "repeated_measures", "baseline": "constrained"},
    "response": {"kind": "repeated_measures", "baseline": "response"},
    "growth": {"kind": "growth_curve"},
}


def frame(patients: int, seed: int = 1, effect: float = 1.0, missing: float = 0.1) -> pd.DataFrame:
    """Pain of two arms whose true difference at each visit is EFFECT times `effect`."""
    rng = np.random.default_rng(seed)
    arm = rng.permutation(np.arange(patients) % 2)
    person = rng.normal(0, 1.2, patients)
    rows = [
        pd.DataFrame(
            {
                "patient": [f"P{i:04d}" for i in range(patients)],
                "arm": np.where(arm == 1, "dry_needling", "usual_care"),
                "age": rng.normal(45, 10, patients).round(),
                "sex": rng.choice(["female", "male"], patients),
                "visit": visit,
                "week": float(visit[5:]) if number else 0.0,
                "value": 6
                + person
                + arm * effect * EFFECT.get(visit, 0)
                - 0.5 * (number > 0)
                + rng.normal(0, 1, patients),
            }
        )
        for number, visit in enumerate(VISITS)
    ]
    table = pd.concat(rows, ignore_index=True)
    keep = (table["visit"] == "baseline") | (rng.random(len(table)) > missing)
    table = table[keep].assign(cohort="neck", outcome="pain", unit="0-10 points", better="lower")
    table[["clinic", "therapist"]] = "C01", "T01"
    return add_baseline(table, "baseline")


def plan(arms=None, dose=None, **analyses):
    """A study of two arms (or those given) with these analyses, each as the study file has it."""
    codes = arms or {1: "usual_care", 2: "dry_needling"}
    arm = {"from": "arm", "codes": {str(k): v for k, v in codes.items()}, "reference": codes[1], "dose": dose or {}}
    patients = {**STUDY["patients"], "arm": arm}
    return part({**STUDY, "patients": patients, "analyses": analyses}, settings_of_kinds())


def run(data, name="main", arms=None, dose=None, **settings):
    """Analyse a frame by one analysis; all its tables."""
    study = plan(arms, dose, **{name: {**COMMON, **settings}})
    patients = data.drop_duplicates("patient")[["patient", "cohort", "arm"]]
    return analyse(name, {"visits": data, "patients": patients}, study)


def effects(found):
    """The comparisons of two arms at each visit."""
    results = check(found.results, RESULTS, "results")
    return results[results["quantity"].eq("difference") & results["reference"].ne("")].set_index("visit")


def three_arms(patients=240, seed=3, missing=0.1):
    """A frame of three arms: sham is 0.4, needling 1.0 better than usual care at every visit after baseline."""
    data = frame(patients, seed, effect=0, missing=missing)
    place = data["patient"].str[1:].astype(int) % 3
    data["arm"] = place.map({0: "usual_care", 1: "sham", 2: "dry_needling"})
    data["value"] -= place.map({0: 0.0, 1: 0.4, 2: 1.0}) * (data["visit"] != "baseline")
    return add_baseline(data, "baseline")
