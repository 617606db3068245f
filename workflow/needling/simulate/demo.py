"""Write made-up studies to disk: the committed demo, and any other size and scenario."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from needling.simulate.dirt import inject
from needling.simulate.made_up import SimulatedStudy, simulate_study
from needling.simulate.redcap import (
    ARM_LABELS,
    EVENTS,
    KEYS,
    QUESTIONNAIRES,
    clinic_names,
    dictionary,
    redcap_blocks,
    stem,
)
from needling.simulate.scenario import SCALES, Kind, Scenario
from needling.simulate.soiled import Answers, Roles
from needling.study.keys import StudyError

DEMO_SEED = 20260101
SHAM_SEED = 20260102
BLOCK = 5000


def _answers(instrument: str) -> Answers:
    scale, name = SCALES[instrument], stem(instrument)
    items = tuple(f"{name}_{item + 1}" for item in range(scale.items))
    shared = set.intersection(*(set(scale.answers(item)) for item in range(scale.items)))
    return Answers(items, scale.lows, scale.highs, tuple(sorted(shared)), scale.weights, scale.offset, f"{name}_total")


# Which column of an export written by `to_redcap` plays which role for the dirt.
ROLES = Roles(
    record=KEYS[0],
    event=KEYS[1],
    instrument=KEYS[2],
    instance=KEYS[3],
    clinic=KEYS[4],
    baseline=EVENTS[1],
    day_0="date_randomised",
    exit_date="stop_date",
    visit_date="visit_date",
    session_date="session_date",
    session="session",
    needling_date="needling_date",
    needling_session="needling_session",
    loose_dates=("co_date",),
    pain="nprs",
    session_pain=("pain_before", "pain_after"),
    readings=("ppt_1", "ppt_2", "ppt_3"),
    reading_unit="ppt_unit",
    questionnaires={name: _answers(name) for name in QUESTIONNAIRES},
    raw_total="ndi",
    reversible="csi",
    numbers={
        "age": (("230", "4"), ()),
        "height_cm": (("17", "1780"), ()),
        "expectation": (("11", "15"), ()),
        "depth_mm": (("400", "-5"), ("75", "80")),
        "ltr_count": (("-1",), ("35",)),
        "retention_min": (("300",), ("45",)),
        "length_mm": (("500",), ("125",)),
    },
    decimals=("weight_kg", "gauge_mm"),
    side="muscle_side",
    affected_side="affected_side",
    arm="arm",
    arm_spellings={
        ARM_LABELS["usual_care"]: ("Usual care", "usual  care", "UC", "usualcare", "usual-care "),
        ARM_LABELS["dry_needling"]: ("Dry Needling", "DN ", "drydneedling", "dry-needling", "dryneedling"),
    },
    notes=("session_note", "ae_note"),
)

SHAM_SPELLINGS = {ARM_LABELS["sham"]: ("Sham needling", "SHAM ", "shamneedling", "sham-needling")}


def _roles(scenario: Scenario) -> Roles:
    return replace(ROLES, arm_spellings=ROLES.arm_spellings | SHAM_SPELLINGS) if "sham" in scenario.arms else ROLES


def write_demo(
    folder: str | Path,
    truth_folder: str | Path,
    seed: int = DEMO_SEED,
    kind: Kind = "default",
    patients: int | None = None,
) -> SimulatedStudy:
    """Write a made-up study: its export, and apart from it the truth and the log of the injected dirt.

    Parameters
    ----------
    folder : receives records.csv and dictionary.csv; what they were before is written over.
    truth_folder : receives truth.json and dirt.csv, which no pipeline reads.
    seed : the same seed gives the same bytes; with the defaults those of the committed demo (with SHAM_SEED and the scenario sham
        those of the committed demo_sham).
    kind : the scenario; see `Scenario`.
    patients : default 480, the demo's (sham: 180); clinics and therapists grow with it. More than 5,000 are written in blocks of
        5,000, each sorted by record, so that 100,000 fit into memory.

    Returns
    -------
    The clean tables that the export was made from.

    Raises
    ------
    StudyError : the scenario is unknown or the size impossible.
    """
    try:
        scenario = Scenario.sized(kind, patients)
    except ValueError as error:
        raise StudyError(f"{error}.") from None
    folder, truth_folder = Path(folder), Path(truth_folder)
    for path in (folder, truth_folder):
        path.mkdir(parents=True, exist_ok=True)
    by = dict(zip(("study", "export", "dirt"), np.random.default_rng(seed).spawn(3), strict=True))
    study = simulate_study(scenario, by["study"])
    dictionary(scenario).to_csv(folder / "dictionary.csv", index=False, lineterminator="\n")
    _write_records(study, folder / "records.csv", truth_folder / "dirt.csv", by["export"], by["dirt"])
    text = json.dumps(study.truth, indent=1, sort_keys=True)
    (truth_folder / "truth.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    return study


def _write_records(
    study: SimulatedStudy, records: Path, log: Path, export: np.random.Generator, dirt: np.random.Generator
) -> None:
    first, *streams = dirt.spawn(1 - (-len(study.patients) // BLOCK))
    # Drawn once, so that a clinic's mistake runs through all blocks.
    clinics = list(first.permutation(clinic_names(study.scenario)))
    lines = 0
    with records.open("w", encoding="utf-8", newline="") as to, log.open("w", encoding="utf-8", newline="") as log_to:
        for block, stream in zip(redcap_blocks(study, export, BLOCK), streams, strict=True):
            soiled, found = inject(block, _roles(study.scenario), stream, clinics=clinics)
            found["line"] += lines
            found["of_line"] += lines * (found["of_line"] > 0)
            soiled.to_csv(to, index=False, header=lines == 0, lineterminator="\n")
            found.to_csv(log_to, index=False, header=lines == 0, lineterminator="\n")
            lines += len(soiled)
