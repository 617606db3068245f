"""The stages of the pipeline called one after another, as a notebook would, without Snakemake."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from needling.analysis.multiplicity import adjust
from needling.analysis.run import analyse
from needling.clean.cleaning import Cleaned, clean
from needling.cohort.flow import participant_flow
from needling.cohort.frame import assemble
from needling.instruments.definition import definition
from needling.instruments.scoring import score
from needling.privacy.gate import stop_on_identifiers
from needling.privacy.rekey import Keys
from needling.read.canonical import to_canonical
from needling.read.export import read_export
from needling.study.plan import Study


@dataclass
class Ran:
    """What the stages left: tables as read, as cleaned, and the analysis frame."""

    study: Study
    read: dict[str, pd.DataFrame]
    cleaned: Cleaned
    scores: pd.DataFrame
    frame: pd.DataFrame

    @property
    def flow(self) -> pd.DataFrame:
        people = (self.read["patients"], self.cleaned.tables["patients"], self.cleaned.quarantine)
        return participant_flow(*people, self.frame, self.study, self.cleaned.tables.get("sessions"))

    def results(self, *analyses: str) -> pd.DataFrame:
        """Results of some analyses (all if none is named), p values adjusted."""
        names = analyses or tuple(self.study.analyses)
        found = pd.concat([analyse(name, self.frame, self.study).results for name in names])
        return adjust(found, self.study)


def run_stages(study: Study, keys: Path, raw: Path | None = None, root: Path = Path()) -> Ran:
    """Read, gate, clean, score and assemble a study."""
    export = read_export(study.export, root, raw)
    stop_on_identifiers(export, study)
    tables = to_canonical(export, study)
    cleaned = clean(tables, study, Keys.open(keys / f"{study.study}.csv", seed=study.seed))
    definitions = {name: definition(name, settings) for name, settings in study.instruments.items()}
    scores = score(cleaned.tables["outcomes"], definitions)
    frame = assemble(cleaned.tables["patients"], cleaned.tables["visits"], scores, study)
    return Ran(study, tables, cleaned, scores, frame)
