"""A fit on the desk: its picture, what the run says, and the way to the next model."""

import re
from typing import TYPE_CHECKING, Any

from needling.analysis.fits import Fitted, fit_rows
from needling.analysis.kinds import kinds
from needling.analysis.results import Question
from needling.desk.asked import Asked, words_in
from needling.desk.held import Held
from needling.mixed.errors import MixedModelError
from needling.study.keys import StudyError, nearest

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

CHANGES = ("random", "cluster", "residual", "weights", "method", "offset")
NEAR = 1e-6  # of a standard error, or of the number itself: results are written with eight digits
NAMED = ["quantity", "visit", "arm", "term"]
COMPARED = ("estimate", "se", "df", "p", "low", "high")


class Fit(Asked):
    """A fit and what it is a fit of; its tables name levels as the study file does, and compare arms with the plan's reference.

    Look at `status` and `message` first. What is not here is asked of `engine` (`needling.mixed.fitted.MixedFit`), which knows
    levels by codes.
    """

    @classmethod
    def of(cls, study: Held, question: Question, data: "dict[str, pd.DataFrame]") -> "Fit":
        """Fit a question of the plan with the function that its run uses."""
        kind = kinds()[question.settings.kind]
        if not hasattr(kind, "fitted"):
            raise StudyError(
                f"{question.analysis} is of the kind {question.settings.kind}, which is not one mixed model; "
                f"study.{question.settings.kind}(...) runs it, and study.results has what it found."
            )
        return cls(study, kind.fitted(data, question), question, question.analysis)

    def plot(
        self, what: str, variable: str | None = None, *, x: str | None = None, ax: Any = None, **asked: Any
    ) -> "Axes":
        """Draw means, contrast, residuals, influence or random_effects of the fit, and give the axes back.

        Parameters
        ----------
        what : means (along x, a line for each arm), contrast (of `variable` along x, with its interval), residuals (scaled,
            against fitted values), influence (of each patient on each coefficient) or random_effects.
        variable : what is compared by contrast (default arm), or the component of random_effects.
        x : column along the axis. Default: visit. A number is drawn from its 5th to its 95th percentile.
        ax : matplotlib's axes to draw on. Default: new ones. The notebook's backend stays as it is.
        asked : `at` for means and contrast: where other columns are held. A visit is held at the plan's primary one.

        Example
        -------
        >>> mod.plot("contrast", x="csi").figure.savefig("moderation.pdf")
        """
        from needling.desk.pictures import draw

        return draw(self, what, variable, x, ax, asked)

    # ---------------------------------------------------------------- against the run

    def differences(self, results: "pd.DataFrame") -> "pd.DataFrame":
        """Hold this fit against the results of the run, row by row.

        Parameters
        ----------
        results : the study's results (``study.results``).

        Returns
        -------
        The numbers that differ by more than a millionth of their standard error, or that only one side has: row_id, quantity,
        visit, arm, term, column, fit, run. Adjusted P values belong to the whole study, so they are not compared.

        Example
        -------
        >>> fit.differences(study.results).empty
        True
        """
        import pandas as pd

        if not self.analysis:
            raise StudyError(
                "this is a model of your own, which no run has made; study.promote(...) makes it part of the plan."
            )
        mine = (
            kinds()[self.question.settings.kind].answers(self.fitted_model, self.question).results.set_index("row_id")
        )
        theirs = pd.DataFrame(results).set_index("row_id")
        for key in ("analysis", "cohort", "outcome", "site"):
            wanted = mine[key].iloc[0] if key == "outcome" else getattr(self.question, key)
            theirs = theirs[theirs[key] == wanted]
        theirs = theirs[theirs["variant"].ne("per_protocol")]
        every = mine.index.union(theirs.index, sort=False)
        mine, theirs = (one[[*NAMED, *COMPARED]].reindex(every) for one in (mine, theirs))
        absent = mine["quantity"].isna()
        known = mine.where(~absent, theirs)
        parts = []
        for column in COMPARED:
            a, b = mine[column].astype(float), theirs[column].astype(float)
            differs = ~_near(a, b, known["se"].astype(float)) | (absent != theirs["quantity"].isna())
            parts.append(known[NAMED].assign(column=column, fit=a, run=b)[differs])
        found = pd.concat(parts)
        return found.loc[every[every.isin(found.index)]].rename_axis("row_id").reset_index()

    def matches(self, results: "pd.DataFrame") -> bool:
        """Tell whether the results of the run say what this fit says; `differences` names what does not agree.

        Parameters
        ----------
        results : the study's results.

        Example
        -------
        >>> fit.matches(study.results)
        True
        """
        return self.differences(results).empty

    # ---------------------------------------------------------------- the next model

    def update(self, formula: str | None = None, *, data: "pd.DataFrame | None" = None, **changes: Any) -> "Fit":
        """Fit another model that differs from this one in what is named.

        Parameters
        ----------
        formula : fixed effects; a dot stands for those of this fit ("~ . + arm*csi", "~ . - age"). Default: the same.
        data : its rows, such as those of ``study.data(...)`` with further columns. Default: the rows of this fit.
        changes : random, cluster, residual (None: independent; a list is a ladder), weights, method ("reml", "ml"), offset, as in
            `fit_mixed`.

        Returns
        -------
        Fit of one's own, of no analysis of the plan. Rows that lack a column of the model are left out and counted.

        Raises
        ------
        MixedModelError : one sentence.

        Example
        -------
        >>> fit.update(random="1 + week", residual=None)
        """
        import pandas as pd

        unknown = [name for name in changes if name not in CHANGES]
        if unknown:
            raise MixedModelError(
                f"'{unknown[0]}' cannot be changed{nearest(unknown[0], CHANGES)}; formula and data can too."
            )
        recipe = {**{name: self.engine.recipe[name] for name in CHANGES}, **changes}
        formula = _dotted(formula, self.formula) if formula is not None else self.formula
        ladder = recipe.pop("residual")
        ladder = [one or "iid" for one in (ladder if isinstance(ladder, list) else [ladder])]
        rows = self.data if data is None else pd.DataFrame(data)
        named = words_in(formula, *ladder, *recipe.values())
        used = [str(name) for name in rows.columns if name in named]
        complete = rows.dropna(subset=used)
        if complete.empty:
            raise MixedModelError("no row has all columns of the model.")
        frame, fit = fit_rows(_texts(complete, used), self.question, formula, used, ladder, **recipe)
        settings = self.question.settings
        df = getattr(settings, "df", "kenward_roger") if recipe["method"] == "reml" else "satterthwaite"
        found = Fitted(frame, fit, {"df": df, "level": settings.level})
        return Fit(self.study, found, self.question, "", len(rows) - len(complete))


def _near(a: "pd.Series", b: "pd.Series", se: "pd.Series") -> "pd.Series":
    largest = a.abs().clip(lower=b.abs()).clip(lower=se.abs().fillna(0.0))
    return (a.isna() & b.isna()) | ((a - b).abs() <= NEAR * largest)


def _dotted(formula: str, before: str) -> str:
    """Put the terms of the formula before in the place of a dot, and its response where none is named."""
    response, _, terms = before.partition("~")
    left, tilde, right = formula.rpartition("~")
    if not tilde:
        raise MixedModelError(f"'{formula}' has no ~; write '~ . + term', or 'response ~ terms'.")
    alone = re.fullmatch(r"\s*\.(\s*[-+].*)?", right)
    own = terms.strip() if alone else f"({terms.strip()})"
    right = re.sub(r"(?<![\w.])\.(?![\w.])", lambda _: own, right)
    return f"{left.strip() or response.strip()} ~ {right.strip()}"


def _texts(rows: "pd.DataFrame", used: list[str]) -> "pd.DataFrame":
    """Categories as text, which is what is put into codes."""
    return rows.assign(**{name: rows[name].astype("str") for name in used if hasattr(rows[name], "cat")})
