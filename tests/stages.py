"""The stages of the pipeline called one after another, as a notebook would, without Snakemake."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from needling.analysis.run import analyse
from needling.clean.cleaning import Cleaned, clean
from needling.cohort.assembled import assembled
from needling.plan import adjust
from needling.privacy.gate import stop_on_identifiers
from needling.privacy.rekey import Keys
from needling.read.canonical import to_canonical
from needling.read.export import read_export
from needling.release.line import release
from needling.study.plan import Study

OBSERVED = ("flow", "intercurrent", "distribution", "missingness", "baseline", "reliability", "codebook")


@dataclass
class Ran:
    """What the stages left: tables as read, as cleaned, and the analysis frame."""

    study: Study
    read: dict[str, pd.DataFrame]
    cleaned: Cleaned
    made: dict[str, pd.DataFrame]

    @property
    def frame(self) -> pd.DataFrame:
        """The visit frame."""
        return self.made["visits"]

    @property
    def given(self) -> dict[str, pd.DataFrame]:
        """What analyses are given: the frames, and the clean tables beside them."""
        return {**self.cleaned.tables, **self.made}

    @property
    def scores(self) -> pd.DataFrame:
        """Scores by visit."""
        return self.made["scores"]

    @property
    def flow(self) -> pd.DataFrame:
        """The participant flow, from the export to the measurement."""
        return self.made["flow"]

    def results(self, *analyses: str) -> pd.DataFrame:
        """Results of some analyses (all if none is named), p values adjusted."""
        names = analyses or tuple(self.study.analyses)
        return adjust(pd.concat([analyse(name, self.given, self.study).results for name in names]), self.study)

    def released(self) -> dict[str, pd.DataFrame]:
        """What may be shown of the whole study."""
        found = [analyse(name, self.given, self.study).tables for name in self.study.analyses]
        names = dict.fromkeys(name for tables in found for name in tables)
        joined = {name: pd.concat([t[name] for t in found if name in t], ignore_index=True) for name in names}
        observed = {name: self.made[name] for name in OBSERVED}
        beside = {"audit": self.cleaned.audit, "totals": self.cleaned.totals, "unread": self.read["unread"]}
        joined["results"] = adjust(joined["results"], self.study)
        return release(observed | joined | beside, self.study)


def run_stages(study: Study, keys: Path, raw: Path | None = None, root: Path = Path()) -> Ran:
    """Read, gate, clean, score and assemble a study."""
    export = read_export(study.export, root, raw)
    stop_on_identifiers(export, study)
    tables = to_canonical(export, study)
    cleaned = clean(tables, study, Keys.open(keys / f"{study.study}.csv", seed=study.seed))
    beside = {"exported": tables["patients"], "sources": tables["sources"], "quarantine": cleaned.quarantine}
    return Ran(study, tables, cleaned, assembled(cleaned.tables | beside, study))
