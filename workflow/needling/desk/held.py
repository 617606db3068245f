"""What is held of a study on the desk: its plan, its tables and frames, and the rows that its models are asked of."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from needling.desk.current import remark
from needling.study.keys import StudyError, nearest
from needling.study.plan import Study

if TYPE_CHECKING:
    import pandas as pd

    from needling.analysis.results import Question

NOTEBOOK = "notebook"  # what an analysis is called that is asked for on the desk and stands in no plan
FRAMES = {
    "visits": "frames/visits",
    "sessions": "frames/sessions",
    "events": "frames/events",
    "patients": "frames/patients",
    "scores": "frames/scores",
    "readings": "frames/readings",
    "measured": "clean/visits",
}


class Tables(Mapping[str, "pd.DataFrame"]):
    """The tables that the stages of a run left, by stage and name (clean/patients), each read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        """Take the study's folder of processed data."""
        self._folder = folder

    def __getitem__(self, name: str) -> "pd.DataFrame":
        """Read a table."""
        from needling.schema.stored import read_table

        path = self._folder / f"{name}.parquet"
        if not path.exists():
            raise StudyError(
                f"there is no table '{name}' of this study{nearest(name, list(self)) or '; ./run makes them'}"
            )
        return read_table(path)

    def __contains__(self, name: object) -> bool:
        """Tell whether there is a table."""
        return (self._folder / f"{name}.parquet").exists()

    def __iter__(self) -> Iterator[str]:
        """Name the tables that there are."""
        for path in sorted(self._folder.rglob("*.parquet")):
            yield path.relative_to(self._folder).with_suffix("").as_posix()

    def __len__(self) -> int:
        """Count them."""
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        """List the tables by stage."""
        stages: dict[str, list[str]] = {}
        for name in self:
            stage, _, own = name.rpartition("/")
            stages.setdefault(stage, []).append(own)
        return "\n".join(f"{stage}/  {', '.join(names)}" for stage, names in stages.items())


class Held:
    """A study file, the project's folder and what the last run left there."""

    def __init__(self, plan: Study, root: Path) -> None:
        """Take a study file and the project's folder."""
        self.plan, self.root = plan, root

    @property
    def processed(self) -> Path:
        """Folder of the tables between the stages."""
        return self.root / "data/processed" / self.plan.study

    @property
    def remark(self) -> str:
        """Say in one line whether the results are current."""
        return remark(self.plan, self.files, self.processed)

    @property
    def files(self) -> list[Path | None]:
        """Export, dictionary and corrections; None for what the study has not."""
        named = (self.plan.export.records, self.plan.export.dictionary, self.plan.cleaning.corrections)
        return [None if one is None else self.root / one for one in named]

    @cached_property
    def tables(self) -> Tables:
        """Every table of the last run.

        Example
        -------
        >>> study.tables["clean/patients"]
        """
        return Tables(self.processed)

    def ordered(self, name: str) -> "pd.DataFrame":
        """Give a frame whole, as plain rows; see `OpenStudy.frame`."""
        if name not in FRAMES:
            raise StudyError(f"there is no frame '{name}'{nearest(name, list(FRAMES))}")
        orders = {"arm": self.plan.arms, "visit": [*self.plan.visits.schedule, "unscheduled"]}
        return in_order(self._numbered[name], {key: order for key, order in orders.items() if order})

    @cached_property
    def _numbered(self) -> "dict[str, pd.DataFrame]":
        """The frames, codes of people and places numbered alike in all of them."""
        from needling.cohort.numbered import numbered

        there = {name: path for name, path in FRAMES.items() if path in self.tables}
        if "visits" not in there:
            raise StudyError(f"{self.plan.study} has no frames yet; ./run --study {self.plan.study} makes them.")
        return numbered({name: self.tables[path] for name, path in there.items()}, self.plan)

    def asked(
        self,
        analysis: str,
        cohort: str | None = None,
        outcome: str | None = None,
        site: str | None = None,
        plan: Study | None = None,
    ) -> "tuple[Question, dict[str, pd.DataFrame]]":
        """Give one model of an analysis: what it asks, and the rows of each frame that are about it.

        Parameters
        ----------
        analysis : key under analyses.
        cohort, outcome, site : which of its models; needed where it has several.
        plan : the plan that has the analysis. Default: the study's.
        """
        from needling.analysis.run import places, prepared, questions

        plan = plan or self.plan
        if analysis not in plan.analyses:
            raise StudyError(f"there is no analysis '{analysis}'{nearest(analysis, list(plan.analyses))}")
        wanted = places(analysis, plan)
        wanted = _chosen(analysis, "cohort", cohort, wanted, lambda one: one[0])
        wanted = _chosen(analysis, "outcome", outcome, wanted, lambda one: one[1])
        found = list(questions(analysis, prepared(analysis, self._numbered, plan), plan, wanted))
        return _chosen(analysis, "site", site, found, lambda one: one[0].site)[0]


def _chosen(analysis: str, key: str, value: str | None, found: list[Any], of: Callable[[Any], str]) -> Any:
    """Keep the models of one cohort, outcome or site; where several are left, that must be named."""
    known = list(dict.fromkeys(of(one) for one in found))
    if value is None and len(known) > 1:
        raise StudyError(f"{analysis} has several models; name the {key}: {', '.join(known)}.")
    kept = [one for one in found if value is None or of(one) == value]
    if not kept:
        raise StudyError(f"{analysis} has no model of the {key} '{value}'{nearest(str(value), known)}")
    return kept


def in_order(rows: "pd.DataFrame", orders: dict[str, list[str]]) -> "pd.DataFrame":
    """Hold texts as categories in the order of the plan, without levels that no row has.

    Parameters
    ----------
    rows : any.
    orders : column -> its levels, the reference first.
    """
    import pandas as pd

    made: dict[str, Any] = {}
    for name, order in orders.items():
        if name in rows:
            there = [level for level in order if (rows[name] == level).any()]
            made[name] = pd.Categorical(rows[name].astype("str"), there)
    return rows.assign(**made)
