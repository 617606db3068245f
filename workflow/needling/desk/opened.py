"""A study opened in a notebook: its plan, tables and results, the rows of its models, the models themselves."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from needling.desk.held import Held, in_order
from needling.plan import load_study
from needling.study.keys import StudyError, nearest

if TYPE_CHECKING:
    from needling.desk.answer import Answer
    from needling.desk.fit import Fit
    from needling.desk.printed import Table
    from needling.desk.rows import Rows


def open_study(study: str = "demo", root: str | Path | None = None) -> "OpenStudy":
    """Open a study for work of one's own, and say in one line whether its results are current.

    Parameters
    ----------
    study : name of the study: config/<study>.yaml.
    root : the project's folder. Default: the folder with the Snakefile at or above the current one, else that of the package.

    Returns
    -------
    OpenStudy. Nothing is read but the study file; tables are read when they are asked for.

    Raises
    ------
    StudyError : there is no such study, or its file has a mistake.

    Example
    -------
    >>> study = nd.open("demo")
    demo: its results are current.
    """
    folder = _project(Path.cwd()) if root is None else Path(root)
    opened = OpenStudy(load_study(folder / "config" / f"{study}.yaml"), folder)
    print(opened.remark)
    return opened


def _project(here: Path) -> Path:
    package = Path(__file__).parents[3]
    return next((one for one in [here, *here.parents] if (one / "workflow/Snakefile").exists()), package)


class OpenStudy(Held):
    """A study on the desk.

    Attributes
    ----------
    plan : the study file, typed.
    remark : one line that says whether the results are current.
    tables : every table of the last run, by stage and name.
    results : the unreleased results of all analyses, P values adjusted within families.
    released : the results as they may be shown.

    Every kind of analysis is a method: ``study.ancova(outcomes=["pain"], visits=["week_4"])`` takes the keys of the study file.
    """

    def __repr__(self) -> str:
        """Say what the study has."""
        plan = self.plan
        lines = [self.remark]
        lines += [f"  cohorts   {', '.join(plan.cohorts)}", f"  visits    {', '.join(plan.visits.schedule)}"]
        lines += [f"  arms      {', '.join(plan.arms)}"] if plan.arms else []
        lines += [f"  analyses  {', '.join(f'{name} ({one.kind})' for name, one in plan.analyses.items())}"]
        return "\n".join(lines)

    @property
    def results(self) -> "Table":
        """The results of all analyses before disclosure control, with P values adjusted within their families.

        Example
        -------
        >>> study.results.query("role == 'primary' and quantity == 'difference'")
        """
        import pandas as pd

        from needling.desk.printed import Table
        from needling.plan import adjust

        there = [name for name in self.plan.analyses if f"analyses/{name}/results" in self.tables]
        if not there:
            raise StudyError(f"{self.plan.study} has no results yet; ./run --study {self.plan.study} makes them.")
        rows = [self.tables[f"analyses/{name}/results"] for name in there]
        return Table(adjust(pd.concat(rows, ignore_index=True), self.plan))

    @property
    def released(self) -> "Table":
        """The results as they may be shown: what is hidden is empty, and the column `hidden` says why.

        Example
        -------
        >>> study.released["hidden"].value_counts()
        """
        from needling.desk.printed import Table

        return Table(self.tables["release/results"])

    def frame(self, name: str = "visits") -> "Rows":
        """Give a frame whole: every cohort and outcome, people and places under numbers in the order of the export.

        Parameters
        ----------
        name : visits (a row per patient, visit and outcome), sessions, events, patients, scores, readings (repeated ones of a
            measure at baseline), or measured (the clean visits).

        Example
        -------
        >>> study.frame("sessions").groupby("arm")["needles"].describe()
        """
        from needling.desk.rows import Rows

        rows = Rows(self.ordered(name))
        rows.study = self
        return rows

    # ---------------------------------------------------------------- the models of the plan

    def data(
        self, analysis: str, *, cohort: str | None = None, outcome: str | None = None, site: str | None = None
    ) -> "Rows":
        """Give exactly the rows that a model of the plan uses, categories in the plan's order.

        Parameters
        ----------
        analysis : key under analyses.
        cohort, outcome, site : which of its models; needed where it has several.

        Returns
        -------
        Rows of the visit frame (of the session frame, where the analysis is of sessions), complete in what the model needs, after
        the estimand's strategies, and with the mean in place of a missing covariate where the analysis puts it there. Arms have
        the analysis' reference first, visits the order of the schedule. Codes of people are numbers in the order of the export.

        Example
        -------
        >>> study.data("primary", cohort="myofascial", outcome="pain")
        """
        from needling.desk.rows import Rows

        question, tables = self.asked(analysis, cohort, outcome, site)
        settings = question.settings
        rows = tables[getattr(settings, "frame", "visits")]
        used = getattr(settings, "used", [])
        if used:
            rows = rows.dropna(subset=[settings.fixed.response, *(name for name in used if name in rows)])
        orders = {"arm": list(question.arms), "visit": list(question.weeks), **question.categories}
        made = Rows(in_order(rows, {key: order for key, order in orders.items() if order}))
        made.study = self
        return made

    def fit(
        self, analysis: str, *, cohort: str | None = None, outcome: str | None = None, site: str | None = None
    ) -> "Fit":
        """Fit a model of the plan as its run does.

        Parameters
        ----------
        analysis, cohort, outcome, site : as for `data`; the analysis is of a kind whose every model is one mixed model.

        Returns
        -------
        Fit; ``fit.matches(study.results)`` is True where the results are current.

        Example
        -------
        >>> study.fit("primary", cohort="myofascial", outcome="pain").contrast("arm", by="visit")
        """
        from needling.desk.fit import Fit

        return Fit.of(self, *self.asked(analysis, cohort, outcome, site))

    def promote(self, fit: "Fit", name: str, role: str = "exploratory", label: str = "") -> str:
        """Write a model of one's own into the study file, as an analysis that the next ./run makes.

        Parameters
        ----------
        fit : a fit of this study that `update` made; the contrasts of arms and the means that were asked of it go along.
        name : key of the new analysis.
        role : exploratory, and nothing else: the data have been seen.
        label : its heading in the report. Default: the name with spaces.

        Returns
        -------
        What was written, and where. Every line that was in the file stays as it was.

        Raises
        ------
        StudyError : the entry would not give this fit; the sentence says what it cannot say. Nothing is written then.

        Example
        -------
        >>> study.promote(mod, name="csi_moderator", role="exploratory")
        """
        from needling.desk.promotion import promoted

        plan, said = promoted(self, fit, name, role, label)
        self.plan = plan
        fit.question, _ = self.asked(name, fit.question.cohort, fit.question.outcome, fit.question.site)
        fit.analysis = name
        return said

    # ---------------------------------------------------------------- every kind as a method

    def __getattr__(self, name: str) -> Any:
        """Give a kind of analysis as a method."""
        from needling.analysis.kinds import kinds

        if name.startswith("_") or name not in kinds():
            raise AttributeError(f"a study has no '{name}'{nearest(name, dir(self))}")

        from needling.desk.answer import answer, help_on

        def asked(**settings: Any) -> "Answer":
            return answer(self, name, settings)

        asked.__name__, asked.__doc__ = name, help_on(self, name)
        return asked

    def __dir__(self) -> list[str]:
        """Name what a study has, kinds of analysis included."""
        from needling.analysis.kinds import kinds

        own = [
            one
            for one in object.__dir__(self)
            if not one.startswith("_") and one not in ("asked", "files", "ordered", "root")
        ]
        return sorted([*own, *kinds()])

    def figure(self, name: str, ax: Any = None) -> Any:
        """Draw a figure of the report from the study's released tables.

        Parameters
        ----------
        name : name of the figure, such as trajectories or forest.
        ax : axes of matplotlib that are to show it, drawn for their width. Default: none. Most figures have several axes of their
            own, so it stands on these as one drawing; to change what is in it, ask for it without axes.

        Returns
        -------
        matplotlib.figure.Figure; ``.axes`` are its axes. The axes that were given, if any. The notebook's backend stays as it is.

        Example
        -------
        >>> study.figure("forest").savefig("forest.pdf")
        """
        from needling.desk.pictures import in_notebook
        from needling.desk.placed import on_axes
        from needling.figures.draw import figures
        from needling.figures.style import REPORT, style
        from needling.labels.words import Labels

        rooms = figures()
        if name not in rooms:
            raise StudyError(f"there is no figure '{name}'{nearest(name, list(rooms))}")
        tables = {key.removeprefix("release/"): self.tables[key] for key in self.tables if key.startswith("release/")}
        labels = Labels(self.plan)
        source = rooms[name].data(tables, labels)
        if source.empty:
            raise StudyError(f"{self.plan.study} has no numbers for the figure '{name}'")
        in_notebook()
        with style(REPORT):
            if ax is None:
                return rooms[name].draw(source, labels, REPORT)
            return on_axes(ax, lambda profile: rooms[name].draw(source, labels, profile))
