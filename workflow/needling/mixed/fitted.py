"""A fitted mixed model and the questions it answers."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import components as _components
from . import means as _means
from . import predict as _predict
from . import rows as _rows
from .errors import MixedModelError
from .inference import Rule, estimates, joint_test, make_rule
from .information import Information, information
from .likelihood import Point
from .model import Model
from .rows import FitRows

if TYPE_CHECKING:
    from .means import Rows

Array = np.ndarray


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


@dataclass
class MixedFit:
    """A fitted mixed model; look at `status` first.

    Attributes
    ----------
    status : str
        "converged"; "singular": a component lies on its boundary (where it is the residual structure, estimates
        have no standard errors); "rank_deficient": columns were left out; "failed": every table is NaN.
    message : str
        One sentence about anything but a plain convergence; empty otherwise.
    boundary : list of str
        The components on the boundary; "residual" if it is the residual structure.
    """

    model: Model
    recipe: dict[str, Any]
    _point: Point | None
    status: str
    message: str = ""
    boundary: list[str] = field(default_factory=list)
    iterations: int = 0
    ladder: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        """Remember the parameters themselves, from which everything else can be computed again."""
        self._free = None if self._point is None else self._point.free.copy()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can be computed again."""
        state = self.__dict__.copy()
        state["_point"] = None
        for name in ("information", "rows"):
            state.pop(name, None)
        state["model"] = self.model.without_caches()
        return state

    # -- what was fitted ------------------------------------------------------------------------------------------

    @property
    def method(self) -> str:
        """Give "reml" or "ml"."""
        return self.model.method

    @property
    def usable(self) -> bool:
        """Say whether estimates exist."""
        return self.status != "failed" and self._free is not None

    @property
    def point(self) -> Point:
        """Give the likelihood at the maximum."""
        if self._point is None:
            if self._free is None:
                raise MixedModelError(f"The fit failed: {self.message}")
            self._point = self.model.likelihood.at(self._free)
        assert self._point is not None
        return self._point

    @property
    def warm_start(self) -> Array:
        """Give free parameters to start similar fits from: this fit's, with zero variances lifted a little."""
        assert self._free is not None
        free = self._free.copy()
        components = self.model.components
        blocks = [*components.random, *(block for _, block in components.clusters)]
        for block, where in zip(blocks, components.slices[0] + components.slices[2], strict=True):
            factor = block.factor(free[where])
            diagonal = np.diag(factor)
            lifted = np.where(np.abs(diagonal) < 0.05, 0.05, diagonal)
            factor[np.arange(block.size), np.arange(block.size)] = lifted
            free[where] = factor[block.indices]
        return free

    @cached_property
    def information(self) -> Information:
        """Give the information about the covariance parameters (inner coordinates)."""
        return information(self.point)

    @cached_property
    def rows(self) -> FitRows:
        """Give row-level quantities (inner coordinates)."""
        return FitRows(self)

    def parameter_covariance(self, kind: str) -> tuple[Array, str]:
        """Give the variance of the covariance parameters (local coordinates) and the information it really came from.

        On a boundary, or where the observed information is not positive definite, the expected one is used; NaN where
        that is not positive definite either.
        """
        if kind == "observed" and not self.boundary:
            W = self.information.covariance("observed")
            if W is not None:
                return W, "observed"
        W = self.information.covariance("expected")
        if W is None:
            W = np.full_like(self.information.expected, np.nan)
        return W, "expected"

    @property
    def n_observations(self) -> int:
        """Count the rows used."""
        return self.model.design.n_rows

    @property
    def n_subjects(self) -> int:
        """Count the subjects used."""
        return self.model.design.n_subjects

    @property
    def n_clusters(self) -> dict[str, int]:
        """Count the levels of each cluster factor."""
        return {one.name: len(one.levels) for one in self.model.design.clusters}

    @property
    def rows_dropped(self) -> dict[str, int]:
        """Count the rows left out by reason, e.g. {"pain missing": 12}."""
        return dict(self.model.design.dropped)

    @property
    def covariance_structure(self) -> str:
        """Name the residual structure."""
        return str(self.model.design.residual)

    @property
    def coefficient_names(self) -> list[str]:
        """List the columns of the formula."""
        return list(self.model.design.names)

    @property
    def log_likelihood(self) -> float:
        """Give the (restricted) log-likelihood; NaN if failed."""
        return -0.5 * self.point.value if self.usable else np.nan

    @property
    def n_parameters(self) -> int:
        """Count covariance parameters and coefficients."""
        return self.model.components.n_parameters + len(self.model.coordinates.kept)

    @property
    def aic(self) -> float:
        """Give Akaike's criterion; under REML only the covariance parameters count, as in PROC MIXED."""
        return -2 * self.log_likelihood + 2 * self._counted

    @property
    def bic(self) -> float:
        """Give Schwarz's criterion with the number of subjects, as in PROC MIXED."""
        return -2 * self.log_likelihood + np.log(self.n_subjects) * self._counted

    @property
    def _counted(self) -> int:
        return self.model.components.n_parameters if self.method == "reml" else self.n_parameters

    def __repr__(self) -> str:
        """Say in a few lines what was fitted and how it went."""
        clusters = ", ".join(f"{count} {name}s" for name, count in self.n_clusters.items())
        lines = [
            f"MixedFit: {self.recipe['formula']}",
            f"  status       {self.status}" + (f": {self.message}" if self.message else ""),
            f"  data         {self.n_observations} rows, {self.n_subjects} subjects"
            + (f", {clusters}" if clusters else ""),
            f"  dropped      {', '.join(f'{n} ({why})' for why, n in self.rows_dropped.items()) or 'none'}",
            f"  covariance   random {self.recipe['random'] or 'none'}; residual {self.covariance_structure}",
            f"  fit          {self.method.upper()}, log-likelihood {self.log_likelihood:.3f}, "
            f"AIC {self.aic:.1f}, BIC {self.bic:.1f}",
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Show the summary and the coefficients in a notebook."""
        table = self.terms().to_html(index=False, float_format="{:.4g}".format, border=0)
        return f"<pre>{html.escape(repr(self))}</pre>{table}"

    # -- covariance -----------------------------------------------------------------------------------------------

    def variance_components(self) -> pd.DataFrame:
        """Tabulate the covariance parameters.

        Returns
        -------
        pandas.DataFrame
            component (the subject column, "residual" or a cluster), term, quantity (variance, covariance,
            correlation), estimate, se (from the inverse information; NaN on a boundary).
        """
        return _components.table(self)

    def residual_covariance(self, group: str = "", correlation: bool = False) -> pd.DataFrame:
        """Give the fitted residual covariance (or correlation) matrix, visits x visits, of one group (`by` level)."""
        return _components.residual_covariance(self, group, correlation)

    def random_covariance(self, correlation: bool = False) -> pd.DataFrame:
        """Give the fitted covariance (or correlation) matrix of a subject's random effects."""
        return _components.random_covariance(self, correlation)

    def icc(self) -> pd.DataFrame:
        """Give each component's variance, averaged over the rows, and its share: component, variance, icc."""
        return _components.icc(self)

    def r_squared(self) -> dict[str, float]:
        """Give marginal and conditional R^2 of Nakagawa and Schielzeth (2013), with slopes after Johnson (2014)."""
        return _components.explained(self)

    # -- fixed effects --------------------------------------------------------------------------------------------

    def coefficients(self) -> pd.Series:
        """Give the estimates by name; NaN for columns left out and for those that only together with them are determined."""
        return self.terms(df="asymptotic").set_index("term")["estimate"]

    def terms(
        self,
        df: str | None = None,
        level: float = 0.95,
        *,
        information: str = "observed",
        variance: str = "model",
        groups: str | None = None,
    ) -> pd.DataFrame:
        """Tabulate the coefficients.

        Parameters
        ----------
        df : str, optional
            "kenward_roger" (default under REML), "kenward_roger_linear" (without second derivatives), "satterthwaite"
            (default under ML), "residual", "between_within", "asymptotic".
        level : float
            Confidence level of the intervals.
        information : {"observed", "expected"}
            For Kenward-Roger and Satterthwaite: observed as PROC MIXED and mmrm, expected as pbkrtest. On a boundary
            the expected one is used; `attrs["information"]` names the one used.
        variance : {"model", "CR0", "CR1", "CR2"}
            Model-based, or sandwich by `groups` (the subject unless a cluster factor or column is named).
        groups : str, optional
            Column whose levels are the independent units of the sandwich.

        Returns
        -------
        pandas.DataFrame
            term, estimate, se, df, statistic, p, low, high, status; `attrs` name df_method, information, level.
        """
        rule = make_rule(self, df, level, information, variance, groups)
        L = np.eye(len(self.model.design.names))
        names = self.model.design.names
        table = pd.DataFrame({"term": names, **estimates(self, L, rule).table(level)})
        table.attrs["coefficients"] = {name: {name: 1.0} for name in names}
        return self._signed(table, rule)

    def _signed(self, table: pd.DataFrame, rule: Rule) -> pd.DataFrame:
        used = ""
        if (
            self.usable
            and rule.df in ("kenward_roger", "kenward_roger_linear", "satterthwaite")
            and rule.variance == "model"
        ):
            used = self.parameter_covariance(rule.information)[1]
        table.attrs.update(
            status=self.status, message=self.message, df_method=rule.df, information=used, variance=rule.variance,
            level=rule.level, method=self.method, covariance=self.covariance_structure,
        )  # fmt: skip
        return table

    def joint_test(
        self,
        term: str | Sequence[str] | Array,
        df: str | None = None,
        *,
        information: str = "observed",
        variance: str = "model",
        groups: str | None = None,
    ) -> pd.DataFrame:
        """Test a term (or several, or the rows of a matrix over the coefficients) at once by F.

        Returns
        -------
        pandas.DataFrame
            One row: term, statistic (F), df_numerator, df_denominator, p, status. Interactions such as "arm:visit" are
            found in any order of their parts.
        """
        rule = make_rule(self, df, 0.95, information, variance, groups)
        if isinstance(term, np.ndarray):
            L, label = np.atleast_2d(term), "custom"
        else:
            chosen = [term] if isinstance(term, str) else list(term)
            columns = [column for one in chosen for column in self.model.design.columns_of(one)]
            L, label = np.eye(len(self.model.design.names))[columns], " + ".join(chosen)
        test = joint_test(self, L, rule)
        status = self.status if not self.usable or np.isfinite(test.statistic) else "not_estimable"
        table = pd.DataFrame(
            {
                "term": [label],
                "statistic": [test.statistic],
                "df_numerator": [test.numerator],
                "df_denominator": [test.denominator],
                "p": [test.p],
                "status": [status],
            }
        )
        return self._signed(table, rule)

    # -- rows -----------------------------------------------------------------------------------------------------

    def fitted(self, kind: str = "marginal") -> pd.Series:
        """Give fitted values of the used rows: "marginal" X beta, or "conditional" with predicted effects."""
        return _rows.fitted_values(self, kind)

    def residuals(self, kind: str = "raw") -> pd.Series:
        """Give residuals of the used rows, by the index of the data.

        "raw": y - X beta; "conditional": also less the predicted effects of subject and clusters; "scaled": y - X beta
        less cluster effects, multiplied by the inverse Cholesky factor of the subject's covariance, so that under the
        model they are uncorrelated with variance one.
        """
        return _rows.residuals(self, kind)

    def random_effects(self) -> pd.DataFrame:
        """Give the predicted effects of subjects and clusters: component, level, term, estimate."""
        return _rows.random_effects(self)

    def predict(
        self,
        data: pd.DataFrame | None = None,
        *,
        random: bool = False,
        new: bool = False,
        df: str | None = None,
        level: float = 0.95,
    ) -> pd.DataFrame:
        """Predict the outcome of rows.

        Parameters
        ----------
        data : pandas.DataFrame, optional
            Rows with the columns of the model; the used rows if not given. Missing values are an error.
        random : bool
            Add the predicted effects of the row's subject and clusters (zero, with their full variance, for those never
            seen); the standard error is then that of prediction minus truth (Henderson), with covariance parameters
            taken as known.
        new : bool
            Widen the interval to that of a new observation: residual variance and, without `random`, the variance of
            subject and clusters.
        df, level
            As in `terms`.

        Returns
        -------
        pandas.DataFrame
            estimate, se, df, low, high, status, by the index of the rows.
        """
        return _predict.predict(self, data, random, new, make_rule(self, df, level, "observed", "model", None))

    # -- marginal means -------------------------------------------------------------------------------------------

    def _rows_table(
        self, rows: Rows, rule: Rule, *, adjust: str | None = None, family: Sequence[str] = (), sd: float | None = None
    ) -> pd.DataFrame:
        result = estimates(self, rows.L, rule)
        table = pd.concat([rows.labels, pd.DataFrame(result.table(rule.level))], axis=1)
        table = self._signed(table, rule)
        table.attrs["weights"] = rows.weights
        table.attrs["coefficients"] = rows.as_dictionary(self.model.design.names)
        if adjust:
            from .adjust import adjust_table

            adjust_table(table, result, adjust, family, rule.level)
        if sd is not None:
            _means.standardise(table, sd, self.model.design.n_subjects)
        return table

    def means(
        self,
        by: str | Sequence[str],
        *,
        at: Mapping[str, Any] | None = None,
        weights: str = "balanced",
        df: str | None = None,
        level: float = 0.95,
        information: str = "observed",
        variance: str = "model",
        groups: str | None = None,
    ) -> pd.DataFrame:
        """Estimate marginal means.

        Parameters
        ----------
        by : str or sequence of str
            Variables of the formula; one row per combination of their levels. Numeric ones need values in `at`.
        at : mapping, optional
            Values (one or several) at which a variable is held; otherwise numeric variables are at their mean over
            the used rows.
        weights : {"balanced", "observed"}
            How the other categories are averaged: every level alike, or as they occur in the used rows.
        df, level, information, variance, groups
            As in `terms`.

        Returns
        -------
        pandas.DataFrame
            The `by` columns, estimate, se, df, statistic, p, low, high, status; `attrs["coefficients"]` holds the
            weights on the coefficients, row by row.
        """
        rows = _means.mean_rows(self.model.design, _listed(by), dict(at or {}), weights)
        return self._rows_table(rows, make_rule(self, df, level, information, variance, groups))

    def slopes(
        self,
        covariate: str,
        by: str | Sequence[str] = (),
        *,
        at: Mapping[str, Any] | None = None,
        weights: str = "balanced",
        df: str | None = None,
        level: float = 0.95,
        information: str = "observed",
        variance: str = "model",
        groups: str | None = None,
    ) -> pd.DataFrame:
        """Estimate the slope of the outcome on a numeric covariate (a trend), at its mean or at `at`.

        Returns
        -------
        pandas.DataFrame
            The `by` columns, covariate, and the columns of `means`.
        """
        rows = _means.slope_rows(self.model.design, covariate, _listed(by), dict(at or {}), weights)
        return self._rows_table(rows, make_rule(self, df, level, information, variance, groups))

    def contrast(
        self,
        variable: str,
        *,
        by: str | Sequence[str] = (),
        kind: str = "reference",
        reference: Any = None,
        coefficients: Mapping[str, Mapping[Any, float]] | None = None,
        slope: str | None = None,
        at: Mapping[str, Any] | None = None,
        weights: str = "balanced",
        df: str | None = None,
        level: float = 0.95,
        information: str = "observed",
        variance: str = "model",
        groups: str | None = None,
        adjust: str | None = None,
        sd: float | None = None,
    ) -> pd.DataFrame:
        """Compare marginal means (or slopes) between the levels of a variable.

        Parameters
        ----------
        variable : str
            Categorical variable of the formula (or numeric with values in `at`).
        by : str or sequence of str
            Repeat the comparison at every combination of these, e.g. at every visit.
        kind : {"reference", "pairwise", "sequential", "difference"}
            Each level minus the reference; every later minus every earlier level; each minus the one before;
            "difference": differences of differences, the contrast against the reference at each level of `by` minus the
            same at the first level of (the single) `by`.
        reference : optional
            The reference level; the first if not given.
        coefficients : mapping of name to {level: weight}, optional
            Custom contrasts instead of `kind`.
        slope : str, optional
            Compare slopes on this covariate instead of means.
        at, weights, df, level, information, variance, groups
            As in `means` and `terms`.
        adjust : str, optional
            "simultaneous" (multivariate t: Dunnett for "reference", Tukey for "pairwise"), or a method of statsmodels'
            `multipletests` such as "holm"; within each combination of `by` (over all rows for "difference").
            Adds p_adjusted (and for "simultaneous" low_simultaneous, high_simultaneous).
        sd : float, optional
            Standard deviation by which to standardise: adds effect, effect_low, effect_high (with Hedges' factor).

        Returns
        -------
        pandas.DataFrame
            The `by` columns, contrast ("dry_needling - usual_care"), estimate, se, df, statistic, p, low, high, status.
        """
        listed = _listed(by)
        base = (
            _means.slope_rows(self.model.design, slope, [*listed, variable], dict(at or {}), weights)
            if slope
            else _means.mean_rows(self.model.design, [*listed, variable], dict(at or {}), weights)
        )
        rows = _means.contrast_rows(base, variable, listed, kind, reference, coefficients)
        family = [] if kind == "difference" else listed
        rule = make_rule(self, df, level, information, variance, groups)
        return self._rows_table(rows, rule, adjust=adjust, family=family, sd=sd)

    # -- checks ---------------------------------------------------------------------------------------------------

    def influence(self, of: pd.DataFrame, by: str | None = None, *, refit: bool = False) -> pd.DataFrame:
        """Leave one subject (or one level of a cluster) out at a time and see what a result becomes.

        Parameters
        ----------
        of : pandas.DataFrame
            A table of this fit's `terms`, `means`, `slopes` or `contrast`: the estimates to watch.
        by : str, optional
            The subject column (default) or a cluster of the model.
        refit : bool
            False: covariance parameters stay as they are, which is exact for the coefficients given them. True: every
            model is fitted again from a warm start.

        Returns
        -------
        pandas.DataFrame
            left_out, row (label of the row of `of`), estimate (without it), change (estimate minus the full one),
            change_in_se (change over the full standard error), status.
        """
        from .influence import leave_one_out

        return leave_one_out(self, of, by, refit)

    def without(self, subject: str | Sequence[str]) -> MixedFit:
        """Fit again without a subject, or several, from a warm start: a replicate of the jackknife.

        Parameters
        ----------
        subject : str or sequence of str
            Who is left out, by the subject column.

        Returns
        -------
        MixedFit
            What `fit_mixed` gives for the other subjects. Raises MixedModelError where there are none, or no such subject.
        """
        from .influence import without_subjects

        return without_subjects(self, _listed(subject))

    def bootstrap(
        self,
        generator: np.random.Generator,
        replicates: int | range,
        *,
        kind: str = "parametric",
        quantity: Callable[[MixedFit], Mapping[str, float]] | None = None,
    ) -> pd.DataFrame:
        """Fit again to simulated or resampled data.

        Parameters
        ----------
        generator : numpy.random.Generator
            Replicate k always uses the k-th child of its seed: chunks ``range(0, 500)`` and ``range(500, 1000)`` run as
            separate jobs, from generators with the same seed, and together give what one job gives.
        replicates : int or range
            How many, or which.
        kind : str
            "parametric": new outcomes from the fitted model; the subject column: subjects drawn with replacement; a
            cluster: its levels drawn with replacement with all their subjects.
        quantity : callable, optional
            What to keep of each fit, as a mapping of name to number; without it all coefficients and covariance
            parameters.

        Returns
        -------
        pandas.DataFrame
            replicate, component ("fixed", a covariance component or "quantity"), term, estimate, status. A failed refit
            has NaN estimates. See `bootstrap_intervals`.
        """
        from .resample import bootstrap

        return bootstrap(self, generator, replicates, kind, quantity)

    def cross_check(self) -> pd.DataFrame:
        """Fit again with statsmodels' MixedLM where it can express the model, and compare.

        Returns
        -------
        pandas.DataFrame
            quantity, needling, statsmodels, difference, note. One row with a note where statsmodels has no such model.
        """
        from .crosscheck import cross_check

        return cross_check(self)
