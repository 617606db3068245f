"""A kind of analysis asked from a notebook: the settings of the study file, run at once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from needling.analysis.kinds import kinds
from needling.analysis.run import analyse
from needling.desk.entry import with_entry
from needling.desk.held import FRAMES, NOTEBOOK, Held
from needling.desk.printed import Table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Answer:
    """What a kind of analysis says: `results`, and all `tables` by name."""

    tables: "dict[str, pd.DataFrame]"

    @property
    def results(self) -> Table:
        """The estimates (contract RESULTS)."""
        return Table(self.tables["results"])

    def __repr__(self) -> str:
        """Show the comparisons and means in short."""
        rows = self.results
        shown = ["quantity", "cohort", "outcome", "visit", "arm", "reference", "at", "term", "variant"]
        kept = [name for name in shown if rows[name].ne("").any()]
        return repr(rows[[*kept, "estimate", "low", "high", "p", "status"]])


def answer(study: Held, kind: str, settings: dict[str, Any]) -> Answer:
    """Run a kind of analysis that stands in no plan.

    Parameters
    ----------
    study : opened.
    kind : name of the kind.
    settings : the keys that an entry of the study file would have; role is exploratory where nothing is said.

    Returns
    -------
    Answer, of every cohort and outcome that the settings name.

    Raises
    ------
    StudyError : the settings are not those of the kind, in the sentence that the study file would get.
    """
    plan, _ = with_entry(study.root, study.plan.study, NOTEBOOK, {"kind": kind, "role": "exploratory", **settings})
    asked = getattr(kinds()[kind], "READS", ())
    given = {name: study.tables[path] for name, path in FRAMES.items() if path in study.tables and name != "measured"}
    for name in asked:
        place = next(
            (path for path in (f"clean/{name}", f"observed/{name}", f"frames/{name}") if path in study.tables), None
        )
        given |= {name: study.tables[place]} if place else {}
    return Answer(analyse(NOTEBOOK, given, plan).tables)
