"""A kind of analysis asked from a notebook: the settings of the study file, run at once."""

from dataclasses import dataclass
from inspect import cleandoc
from typing import TYPE_CHECKING, Any

import yaml

from needling.analysis.kinds import kinds
from needling.analysis.run import analyse
from needling.desk.entry import with_entry
from needling.desk.held import FRAMES, NOTEBOOK, Held
from needling.desk.printed import Table

OF_THE_PLAN = ("kind", "label", "role", "family", "estimand")  # keys of an entry that say nothing of what is computed

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


def help_on(study: Held, kind: str) -> str:
    """Say what a kind of analysis is, which keys it takes, and how the plan asks for it, where it does."""
    settings = kinds()[kind].Settings
    keys = {key: one for key, one in settings.model_fields.items() if key not in OF_THE_PLAN}
    told = [cleandoc(settings.__doc__ or ""), "", "Parameters (keys of the study file)", "----------"]
    told += [f"{key} : {one.description or 'see there'}" for key, one in keys.items()]
    file = study.root / "config" / f"{study.plan.study}.yaml"
    entries = yaml.safe_load(file.read_text(encoding="utf-8"))["analyses"].values()
    for entry in [one for one in entries if one["kind"] == kind][:1]:
        asked = ", ".join(f"{key}={value!r}" for key, value in entry.items() if key not in OF_THE_PLAN)
        told += ["", "Example", "-------", f">>> study.{kind}({asked})"]
    return "\n".join(told)
