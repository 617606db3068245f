"""Write made-up studies to disk: the committed demo, and any other size and scenario."""

import json
from pathlib import Path

import numpy as np

from needling.simulate.made_up import SimulatedStudy, simulate_study
from needling.simulate.redcap import to_redcap
from needling.simulate.scenario import Scenario

DEMO_SEED = 20260101


def write_demo(folder: str | Path, truth_folder: str | Path, seed: int = DEMO_SEED) -> SimulatedStudy:
    """Write the demo study: its export, and apart from it the truth and the log of the injected dirt.

    Parameters
    ----------
    folder : receives records.csv and dictionary.csv.
    truth_folder : receives truth.json and dirt.csv, which no pipeline reads.
    seed : the same seed gives the same bytes.

    Returns
    -------
    The clean tables that the export was made from.
    """
    folder, truth_folder = Path(folder), Path(truth_folder)
    by = dict(zip(("study", "export", "dirt"), np.random.default_rng(seed).spawn(3), strict=True))
    study = simulate_study(Scenario(), by["study"])
    records, dictionary = to_redcap(study, by["export"])
    folder.mkdir(parents=True, exist_ok=True)
    truth_folder.mkdir(parents=True, exist_ok=True)
    records.to_csv(folder / "records.csv", index=False, lineterminator="\n")
    dictionary.to_csv(folder / "dictionary.csv", index=False, lineterminator="\n")
    text = json.dumps(study.truth, indent=1, sort_keys=True)
    (truth_folder / "truth.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    return study
