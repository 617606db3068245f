"""A fitted mixed model and the questions it answers."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd

from . import components as _components
from . import effects as _effects
from . import predict as _predict
from .errors import MixedModelError
from .estimated import Estimated, listed, numbers
from .inference import Asked, Inference
from .solution import Solution
from .solving import solve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray


@dataclass
class MixedFit(Estimated):
    """A fitted mixed model; look at `status` and `message` first (see `Solution`).

    Attributes
    ----------
    recipe : dict
        The arguments of the fit but for the data.
    ladder : pandas.DataFrame or None
        What `fit_ladder` tried.
    """

    recipe: dict[str, Any] = field(default_factory=dict)
    ladder: pd.DataFrame | None = None

    @classmethod
    def of(cls, solution: Solution, recipe: dict[str, Any]) -> MixedFit:
        """Give a solution the questions that a user asks."""
        return cls(**{one.name: getattr(solution, one.name) for one in fields(Solution)}, recipe=recipe)

    # -- what was fitted ------------------------------------------------------------------------------------------

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
        lines += [f"  note         {note}" for note in self.notes]
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

        Examples
        --------
        >>> fit.variance_components()
        """
        return _components.table(self)

    def residual_covariance(self, group: str = "", correlation: bool = False) -> pd.DataFrame:
        """Give the fitted residual covariance (or correlation) matrix, visits x visits, of one group (`by` level).

        Examples
        --------
        >>> mmrm.residual_covariance(correlation=True)
        """
        return _components.residual_covariance(self, group, correlation)

    def random_covariance(self, correlation: bool = False) -> pd.DataFrame:
        """Give the fitted covariance (or correlation) matrix of a subject's random effects.

        Examples
        --------
        >>> fit.random_covariance(correlation=True)
        """
        return _components.random_covariance(self, correlation)

    def icc(self, level: float | None = None, components: Sequence[str] | None = None) -> pd.DataFrame:
        """Give each component's variance, averaged over the rows, and its share (intraclass correlation).

        Parameters
        ----------
        level : float, optional
            Confidence level of profile likelihood intervals of the shares (independent residuals only), which know that a
            share ends at zero. Default: no interval.
        components : sequence of str, optional
            Those that get an interval, as it takes a search each. Default: all.

        Returns
        -------
        pandas.DataFrame
            component, variance, icc; with a level low and high, which the residual's share has not. A limit is NaN where a search
            failed. Checked against the profiled deviance of lme4.

        Examples
        --------
        >>> fit.icc()
        """
        if level is None:
            return _components.icc(self)
        from .profile import share_intervals

        return share_intervals(self, level, components)

    def r_squared(self) -> dict[str, float]:
        """Give marginal and conditional R^2 of Nakagawa and Schielzeth (2013), with slopes after Johnson (2014).

        Examples
        --------
        >>> fit.r_squared()
        """
        return _components.explained(self)

    # -- rows -----------------------------------------------------------------------------------------------------

    def fitted(self, kind: str = "marginal") -> pd.Series:
        """Give fitted values of the used rows: "marginal" X beta, or "conditional" with predicted effects.

        Examples
        --------
        >>> fit.fitted("marginal").head()
        """
        return _effects.fitted_values(self, kind)

    def residuals(self, kind: str = "raw") -> pd.Series:
        """Give residuals of the used rows, by the index of the data.

        "raw": y - X beta; "conditional": also less the predicted effects of subject and clusters; "scaled": y - X beta
        less cluster effects, multiplied by the inverse Cholesky factor of the subject's covariance, so that under the
        model they are uncorrelated with variance one.

        Examples
        --------
        >>> fit.residuals("scaled").head()
        """
        return _effects.residuals(self, kind)

    def random_effects(self) -> pd.DataFrame:
        """Give the predicted effects of subjects and clusters: component, level, term, estimate, se (prediction minus truth).

        Examples
        --------
        >>> fit.random_effects()
        """
        return _effects.random_effects(self)

    def predict(
        self,
        data: pd.DataFrame | None = None,
        *,
        random: bool = False,
        new: bool = False,
        **asked: Unpack[Asked],
    ) -> pd.DataFrame:
        """Predict the outcome of rows.

        Parameters
        ----------
        data : pandas.DataFrame, optional
            Rows with the columns of the model; the used rows if not given. Missing values are an error.
        random : bool
            Add what is known of the row's subject and clusters: their predicted effects, and in an MMRM (a residual
            structure without random effects) the residual given those of the visits that were seen, so that a missed visit
            is predicted from the others and a seen one given back. For those never seen it adds zero with their full
            variance. The standard error is that of prediction minus truth (Henderson), with covariance parameters known.
        new : bool
            Widen the interval to that of a new observation: residual variance and, without `random`, the variance of
            subject and clusters. With `random` an MMRM has it already.
        asked
            As in `terms`.

        Returns
        -------
        pandas.DataFrame
            estimate, se, df, low, high, status, by the index of the rows.

        Examples
        --------
        >>> fit.predict(data.head(3), random=True)
        """
        return _predict.predict(self, data, random, new, Inference.of(self.method, asked))

    # -- checks ---------------------------------------------------------------------------------------------------

    def profile(self, level: float = 0.95, components: Sequence[str] | None = None) -> pd.DataFrame:
        """Give profile likelihood intervals, which know that a standard deviation ends at zero and a correlation at one.

        Parameters
        ----------
        level : float
            Confidence level; limits are where twice the log-likelihood falls by the chi-squared quantile of one df.
        components : sequence of str, optional
            Those to profile, "fixed" for the coefficients, as each parameter takes a search. Default: all.

        Returns
        -------
        pandas.DataFrame
            component, term, quantity, estimate, low, high: standard deviations, correlations and ranges by the likelihood
            of the fit (restricted under REML), and with method="ml" the coefficients (component "fixed"). A limit is the
            end of the parameter's range where the likelihood never falls so far; NaN where a search failed. Checked against
            lme4's `confint(method = "profile")`.

        Examples
        --------
        >>> fit.profile(components=["residual"])
        """
        from .profile import profile_intervals

        table = self.terms(df="asymptotic", level=level)
        return profile_intervals(self, level, table["estimate"].to_numpy(), table["se"].to_numpy(), components)

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
            change_in_se (change over the full standard error), status: the fit's, or not_estimable where the others do not
            determine the estimate (with refit False: where they do not determine every coefficient), which is then missing.

        Examples
        --------
        >>> fit.influence(fit.contrast("arm", by="visit", df="asymptotic"))
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

        Examples
        --------
        >>> fit.without(str(data["patient"].iloc[0])).n_subjects == fit.n_subjects - 1
        True
        """
        from .influence import without_subjects

        return MixedFit.of(without_subjects(self, listed(subject)), self.recipe)

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

        Examples
        --------
        >>> fit.bootstrap(np.random.default_rng(1), 2)
        """
        from .resample import bootstrap

        kept = (lambda solution: quantity(MixedFit.of(solution, self.recipe))) if quantity else None
        return bootstrap(self, generator, replicates, kind, kept)

    def simulate(self, generator: np.random.Generator, replicates: int = 1) -> pd.DataFrame:
        """Draw outcomes of the used rows from the fitted model, new subjects and clusters each time: rows x replicates.

        Examples
        --------
        >>> fit.simulate(np.random.default_rng(1), replicates=2)
        """
        from .resample import simulate

        return simulate(self, generator, replicates)

    def refit(self, outcome: pd.Series | Array) -> MixedFit:
        """Fit the same model to another outcome of the used rows, in their order, from a warm start.

        Examples
        --------
        >>> fit.refit(fit.simulate(np.random.default_rng(1)).iloc[:, 0]).status
        'converged'
        """
        design = self.model.design
        values = numbers(outcome, "The values of the other outcome")
        if values.shape != (design.n_rows,) or not np.isfinite(values).all():
            raise MixedModelError(f"The other outcome needs a finite number for each of the {design.n_rows} used rows.")
        model = self.model.with_outcome(values[design.order] - design.offset)
        return MixedFit.of(solve(model, self.warm_start if self.usable else None), self.recipe)

    def cross_check(self) -> pd.DataFrame:
        """Fit again with statsmodels' MixedLM where it can express the model, and compare.

        Returns
        -------
        pandas.DataFrame
            quantity, needling, statsmodels, difference, note. One row with a note where statsmodels has no such model.
            With more than 1,000 subjects both fit a random sample of 1,000, always the same, as the note says.

        Examples
        --------
        >>> fit.cross_check()
        """
        from .crosscheck import cross_check

        return cross_check(self)

    def plot(self, what: str, variable: Any = None, *, ax: Any = None, **asked: Any) -> Axes:
        """Draw a picture of the fit, on `ax` or on new axes.

        Parameters
        ----------
        what : {"means", "contrast", "residuals", "influence", "random_effects"}
            Marginal means with intervals (the first variable along the axis, a line for each level of the others);
            contrasts with intervals; scaled residuals against fitted values; how far estimates move without one subject or
            cluster; predicted effects, sorted.
        variable : optional
            What it is about: the variables of `means`, the variable of `contrast`, the table of `influence` (the
            coefficients if not given), the component of `random_effects` (the first if not given).
        ax : matplotlib.axes.Axes, optional
            Where to draw. Otherwise a new figure: pyplot's where pyplot is in use. The backend is never changed.
        asked
            As in `means`, `contrast` and `influence`; for `random_effects` `term` and `level`.

        Returns
        -------
        matplotlib.axes.Axes
            ``fit.plot("contrast", "arm", by="visit").figure.savefig("effect.png")``

        Examples
        --------
        >>> fit.plot("contrast", "arm", by="visit").figure.savefig("effect.png")
        """
        from .plots import draw

        return draw(self, what, variable, ax, asked)

    def summary(self) -> str:
        """Give what was fitted, its covariance parameters and its coefficients as text.

        Examples
        --------
        >>> print(fit.summary())
        """
        tables = (self.variance_components(), self.terms())
        return "\n\n".join(
            [repr(self), *(table.to_string(index=False, float_format="{:.5g}".format) for table in tables)]
        )
