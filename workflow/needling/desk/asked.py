"""What is asked of a mixed model on the desk: levels by their names, comparisons as the plan turns them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from needling.analysis.fits import Fitted
from needling.analysis.results import Question
from needling.desk.printed import Table
from needling.mixed.errors import MixedModelError
from needling.schema.results import NUMBERS
from needling.study.keys import nearest

if TYPE_CHECKING:
    import pandas as pd

    from needling.desk.held import Held
    from needling.mixed.fitted import MixedFit


@dataclass
class Asked:
    """A fit and what it is a fit of, with the answers of the engine in the words of the study file (see `Fit`)."""

    study: "Held"
    fitted_model: Fitted
    question: Question
    analysis: str = ""  # of the plan; a model of one's own is of none until it is promoted
    dropped: int = 0
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def engine(self) -> "MixedFit":
        """The engine's fit, in safe codes."""
        return self.fitted_model.fit

    @property
    def status(self) -> str:
        """converged, singular, rank_deficient or failed."""
        return self.engine.status

    @property
    def message(self) -> str:
        """One sentence about anything but a plain convergence."""
        return self._named_text(self.engine.message)

    @property
    def formula(self) -> str:
        """The fixed effects."""
        return str(self.engine.recipe["formula"])

    @cached_property
    def data(self) -> "pd.DataFrame":
        """The rows of the fit, categories by their names in the plan's order."""
        import pandas as pd

        frame = self.fitted_model.frame
        held = [str(name) for name in frame.data.columns if isinstance(frame.data[name].dtype, pd.CategoricalDtype)]
        named = {
            name: frame.data[name].cat.rename_categories([frame.name(code) for code in frame.data[name].cat.categories])
            for name in held
        }
        return frame.data.assign(**named)

    def __repr__(self) -> str:
        """Say in a few lines what was fitted and how it went."""
        place = ", ".join(filter(None, [self.question.outcome, self.question.cohort, self.question.site]))
        lines = repr(self.engine).splitlines()
        first = f"{self.analysis or 'A model of your own'}: {place}"
        more = [f"  left out     {self.dropped} rows that lack a column of the model"] if self.dropped else []
        return "\n".join([first, f"  formula      {self.formula}", *map(self._named_text, lines[1:]), *more])

    def _repr_html_(self) -> str:
        import html

        return f"<pre>{html.escape(repr(self))}</pre>{self.terms()._repr_html_()}"

    # ---------------------------------------------------------------- answers

    def terms(self, **inference: Any) -> Table:
        """Tabulate the coefficients: term, estimate, se, df, statistic, p, low, high, status.

        Parameters
        ----------
        inference : df, level, information, variance or groups, as in `MixedFit.terms`. Default: those of the analysis.

        Example
        -------
        >>> fit.terms(df="satterthwaite")
        """
        return self._named(self.engine.terms(**self._inference(inference)))

    def anova(self, **asked: Any) -> Table:
        """Test every term of the formula; see `MixedFit.anova`.

        Example
        -------
        >>> fit.anova()
        """
        return self._named(self.engine.anova(**asked))

    def means(self, by: str | Sequence[str], *, at: Mapping[str, Any] | None = None, **asked: Any) -> Table:
        """Estimate marginal means, averaged over the analysed rows as the plan's are.

        Parameters
        ----------
        by : columns that tell the means apart.
        at : column -> value or values at which it is held; they tell means apart too.
        asked : as in `MixedFit.means`.

        Example
        -------
        >>> fit.means(["visit", "arm"])
        """
        by, held = _listed(by), dict(at or {})
        if not asked:
            self._remember("means", {"by": by, "at": held})
        by = list(dict.fromkeys([*by, *held]))
        return self._named(self.engine.means(by, at=self._coded(held), **self._options(asked)))

    def contrast(
        self, variable: str = "arm", *, by: str | Sequence[str] = (), at: Mapping[str, Any] | None = None, **asked: Any
    ) -> Table:
        """Compare marginal means: each arm minus the plan's reference, averaged over the analysed rows as the plan's are.

        Parameters
        ----------
        variable : what is compared.
        by : columns at whose every combination the comparison is made.
        at : column -> value or values at which it is held; they tell comparisons apart too.
        asked : as in `MixedFit.contrast`, such as kind, reference, slope, adjust, df.

        Returns
        -------
        The columns of `by` and `at`, contrast ("dry_needling - usual_care"), and its two levels in the columns `variable` and
        reference (not with coefficients of one's own), estimate, se, df, statistic, p, low, high, status. The estimate is the
        first-named minus the reference, in the outcome's unit: of a scale that is better low, below 0 speaks for the first-named.

        Example
        -------
        >>> fit.contrast("arm", by="visit")
        """
        by, held = _listed(by), dict(at or {})
        if (
            variable == "arm"
            and set(asked) <= {"kind", "reference"}
            and asked.get("kind", "reference") in ("reference", "pairwise")
        ):
            own = {"by": by, "at": held, "reference": asked.get("reference"), "compare": asked.get("kind", "reference")}
            self._remember("contrasts", own)
        places = [name for name in dict.fromkeys([*by, *held]) if name not in (variable, asked.get("slope"))]
        options = self._options(asked)
        if options.get("reference") is not None:
            options["reference"] = self._code(variable, options["reference"])
        if options.get("coefficients"):
            options["coefficients"] = {
                name: {self._code(variable, level): weight for level, weight in one.items()}
                for name, one in options["coefficients"].items()
            }
        table = self.engine.contrast(variable, by=places, at=self._coded(held), **options)
        if pairs := table.attrs["compared"]:
            behind = list(table.columns).index("contrast") + 1
            table.insert(behind, variable, [level for level, _ in pairs])
            table.insert(behind + 1, "reference", [reference for _, reference in pairs])
        return self._named(table)

    def slopes(
        self, covariate: str, by: str | Sequence[str] = (), *, at: Mapping[str, Any] | None = None, **asked: Any
    ) -> Table:
        """Estimate the slope of the outcome on a number, at each combination of `by`; see `MixedFit.slopes`.

        Example
        -------
        >>> study.fit("growth", cohort="myofascial", outcome="pain").slopes("time", by="arm")
        """
        return self._named(
            self.engine.slopes(covariate, _listed(by), at=self._coded(dict(at or {})), **self._options(asked))
        )

    def variance_components(self) -> Table:
        """Tabulate the covariance parameters: component, term, quantity, estimate, se.

        Example
        -------
        >>> fit.variance_components()
        """
        return self._named(self.engine.variance_components())

    def icc(self, level: float | None = None) -> Table:
        """Give each component's variance and its share; with a level, intervals of the shares.

        Example
        -------
        >>> study.fit("sessions", cohort="myofascial").icc()
        """
        return self._named(self.engine.icc(level))

    def random_effects(self) -> Table:
        """Give the predicted effects of patients and clusters: component, level, term, estimate, se.

        Example
        -------
        >>> slope.random_effects().query("term == 'week'")
        """
        return self._named(self.engine.random_effects())

    def residuals(self, kind: str = "raw") -> "pd.Series":
        """Give residuals by the index of `data`; see `MixedFit.residuals`.

        Example
        -------
        >>> fit.residuals("scaled").abs().max()
        """
        return self.engine.residuals(kind)

    def cross_check(self) -> Table:
        """Fit again with statsmodels' MixedLM where it can express the model, and compare.

        Example
        -------
        >>> slope.cross_check()
        """
        return self._named(self.engine.cross_check())

    # ---------------------------------------------------------------- codes and names

    @property
    def variables(self) -> list[str]:
        """Columns that the formula names behind the response."""
        named = words_in(self.formula.partition("~")[2])
        return [str(name) for name in self.data.columns if name in named]

    def _inference(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {**self.fitted_model.inference, **asked}

    def _options(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"weights": "observed", **self._inference(asked)}

    def _remember(self, what: str, asked: dict[str, Any]) -> None:
        if (what, asked) not in self.asked:
            self.asked.append((what, asked))

    def _code(self, name: str, value: Any) -> Any:
        """The safe code of a level; a number stays one."""
        levels = self.engine.model.design.levels.get(name)
        if levels is None or isinstance(value, bool):
            return value
        named = {self.fitted_model.frame.name(str(code)): code for code in levels}
        if str(value) not in named:
            raise MixedModelError(f"'{value}' is not a level of '{name}'{nearest(str(value), list(named))}")
        return named[str(value)]

    def _coded(self, at: dict[str, Any]) -> dict[str, Any]:
        return {
            name: [self._code(name, one) for one in (values if isinstance(values, list | tuple) else [values])]
            for name, values in at.items()
        }

    def _named_text(self, text: str) -> str:
        return re.sub(r"\w+", lambda found: self.fitted_model.frame.original.get(found[0], found[0]), text)

    def _named(self, table: "pd.DataFrame") -> Table:
        """A table of the engine with the levels' own names."""
        import pandas as pd

        named = {
            str(name): [self._named_text(one) if isinstance(one, str) else one for one in table[name]]
            for name in table.columns
            if name not in NUMBERS and not pd.api.types.is_numeric_dtype(table[name].dtype)
        }
        made = Table(table.assign(**named))
        made.attrs.update({key: value for key, value in table.attrs.items() if key not in ("coefficients", "compared")})
        return made


def words_in(*parts: Any) -> set[str]:
    """Give the words of formulas, random effects, clusters and structures: columns, functions and names of structures."""
    return set(re.findall(r"[A-Za-z_]\w*", " ".join(str(part) for part in parts if part)))


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
