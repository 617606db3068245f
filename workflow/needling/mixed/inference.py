"""Standard errors, degrees of freedom, tests and intervals of linear functions of the fixed effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from .errors import MixedModelError
from .model import independent_columns

if TYPE_CHECKING:
    from .fitted import MixedFit

Array = np.ndarray

DF_METHODS = ("kenward_roger", "kenward_roger_linear", "satterthwaite", "residual", "between_within", "asymptotic")
VARIANCES = ("model", "CR0", "CR1", "CR2")


@dataclass(frozen=True)
class Rule:
    """How uncertainty is reckoned: degrees of freedom, information, variance estimator and confidence level."""

    df: str
    level: float = 0.95
    information: str = "observed"
    variance: str = "model"
    groups: str | None = None


def make_rule(fit: MixedFit, df: str | None, level: float, information: str, variance: str, groups: str | None) -> Rule:
    """Check the request; df None means Kenward-Roger under REML, Satterthwaite under ML."""
    if variance not in VARIANCES:
        raise MixedModelError(f"'{variance}' is not a variance estimator; known are: {', '.join(VARIANCES)}.")
    if information not in ("observed", "expected"):
        raise MixedModelError(f"'{information}' is not an information; known are: observed, expected.")
    if not 0 < level < 1:
        raise MixedModelError(f"The confidence level must lie between 0 and 1, not {level}.")
    if variance != "model":
        allowed = ("asymptotic", "residual", "satterthwaite" if variance == "CR2" else "groups")
        if df is not None and df not in allowed:
            raise MixedModelError(
                f"Degrees of freedom '{df}' do not go with the sandwich {variance}; use one of: {', '.join(allowed)}."
            )
        return Rule(df or allowed[-1], level, information, variance, groups)
    if groups is not None:
        raise MixedModelError("`groups` belongs to a sandwich variance; choose variance 'CR0', 'CR1' or 'CR2'.")
    chosen = df or ("kenward_roger" if fit.method == "reml" else "satterthwaite")
    if chosen not in DF_METHODS:
        raise MixedModelError(f"'{chosen}' is not a rule for degrees of freedom; known are: {', '.join(DF_METHODS)}.")
    if chosen.startswith("kenward_roger") and fit.method != "reml":
        raise MixedModelError("Kenward-Roger is defined for REML; fit with method='reml' or choose df='satterthwaite'.")
    return Rule(chosen, level, information)


@dataclass
class Estimates:
    """Rows of linear functions: one entry per row, NaN where not estimable."""

    estimate: Array
    se: Array
    df: Array
    covariance: Array  # (rows, rows)
    status: list[str]

    def table(self, level: float) -> dict[str, Array | list[str]]:
        """Add the test of zero and the interval."""
        with np.errstate(invalid="ignore", divide="ignore"):
            statistic = self.estimate / self.se
            p = 2 * stats.t.sf(np.abs(statistic), self.df)
            half = stats.t.isf((1 - level) / 2, self.df) * self.se
        return {
            "estimate": self.estimate,
            "se": self.se,
            "df": self.df,
            "statistic": statistic,
            "p": p,
            "low": self.estimate - half,
            "high": self.estimate + half,
            "status": self.status,
        }


def estimable(fit: MixedFit, L: Array) -> Array:
    """Say which rows of L the data determine, given the columns that were left out."""
    coordinates = fit.model.coordinates
    if not coordinates.left_out:
        return np.ones(len(L), dtype=bool)
    implied = L[:, coordinates.kept] @ coordinates.alias
    size = np.abs(L).max(axis=1, keepdims=True) + np.abs(implied)
    return (np.abs(L[:, coordinates.left_out] - implied) <= 1e-7 * np.maximum(size, 1e-300)).all(axis=1)


def inner_rows(fit: MixedFit, L: Array) -> Array:
    """Turn rows over the formula's coefficients into rows over the inner basis."""
    coordinates = fit.model.coordinates
    return np.linalg.solve(coordinates.R.T, L[:, coordinates.kept].T).T


def values(fit: MixedFit, L: Array) -> Array:
    """Evaluate rows at the estimate."""
    coordinates = fit.model.coordinates
    inner = inner_rows(fit, L) @ fit.point.beta
    return L[:, coordinates.kept] @ coordinates.beta + coordinates.scale * inner


def estimates(fit: MixedFit, L: Array, rule: Rule) -> Estimates:
    """Estimate rows of L (rows x all coefficients of the formula) under a rule."""
    rows = len(L)
    nothing = np.full(rows, np.nan)
    if not fit.usable:
        return Estimates(nothing, nothing.copy(), nothing.copy(), np.full((rows, rows), np.nan), [fit.status] * rows)
    can = estimable(fit, L)
    if "residual" in fit.boundary:  # V is singular there: no standard error can be trusted
        estimate = np.where(can, values(fit, L), np.nan)
        status = [fit.status if one else "not_estimable" for one in can]
        return Estimates(estimate, nothing, nothing.copy(), np.full((rows, rows), np.nan), status)
    inner = inner_rows(fit, L)
    scale = fit.model.coordinates.scale
    estimate = values(fit, L)
    if rule.variance == "model":
        variance = model_variance(fit, rule)
        df = degrees_of_freedom(fit, L, inner, rule)
    else:
        from .sandwich import sandwich

        robust = sandwich(fit, rule)
        variance = robust.variance
        df = robust.degrees_of_freedom(inner)
    covariance = scale**2 * inner @ variance @ inner.T
    se = np.sqrt(np.maximum(np.diag(covariance), 0))
    for values_ in (estimate, se, df):
        values_[~can] = np.nan
    covariance[~can] = np.nan
    covariance[:, ~can] = np.nan
    status = [fit.status if one else "not_estimable" for one in can]
    return Estimates(estimate, se, df, covariance, status)


def model_variance(fit: MixedFit, rule: Rule) -> Array:
    """Give the variance of the inner coefficients: Phi, or Kenward and Roger's."""
    if not rule.df.startswith("kenward_roger"):
        return fit.point.Phi
    W, _ = fit.parameter_covariance(rule.information)
    return fit.information.adjusted(W, linear=rule.df == "kenward_roger_linear")


def degrees_of_freedom(fit: MixedFit, L: Array, inner: Array, rule: Rule) -> Array:
    """Give one number per row."""
    rows = len(L)
    if rule.df == "asymptotic":
        return np.full(rows, np.inf)
    if rule.df == "residual":
        return np.full(rows, float(fit.n_observations - fit.point.p))
    if rule.df == "between_within":
        return between_within(fit, L)
    W, _ = fit.parameter_covariance(rule.information)
    p = fit.point.p
    half = inner @ fit.point.Phi
    slopes = np.einsum("la,iab,lb->li", half, fit.information.P[:, :p, :p], half, optimize=True)
    variance = np.einsum("la,la->l", half, inner)
    spread = np.einsum("li,ij,lj->l", slopes, W, slopes, optimize=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 2 * variance**2 / spread


def between_within(fit: MixedFit, L: Array) -> Array:
    """Give subjects minus between-subject columns, or rows minus subjects minus within-subject columns.

    A row uses the within-subject number as soon as it touches a column that varies within a subject.
    """
    design = fit.model.design
    kept = fit.model.coordinates.kept
    changes = np.diff(design.subjects) == 0
    X = design.X[:, kept]
    within = (np.abs(np.diff(X, axis=0))[changes] > 0).any(axis=0)
    between_df = design.n_subjects - int((~within).sum())
    within_df = fit.n_observations - design.n_subjects - int(within.sum())
    touches = (np.abs(L[:, kept][:, within]) > 0).any(axis=1)
    return np.where(touches, float(max(within_df, 1)), float(max(between_df, 1)))


@dataclass
class JointTest:
    """An F test of several rows at once."""

    statistic: float
    numerator: float
    denominator: float
    p: float


def joint_test(fit: MixedFit, L: Array, rule: Rule) -> JointTest:
    """Test L beta = 0; dependent rows are reduced to a basis first."""
    L = L[estimable(fit, L)]
    nothing = JointTest(np.nan, np.nan, np.nan, np.nan)
    if not fit.usable or "residual" in fit.boundary or not len(L):
        return nothing
    # a basis of the given rows themselves: Fai and Cornelius's df depend on the rows, as in lmerTest and mmrm
    chosen, _ = independent_columns(inner_rows(fit, L).T)
    if not chosen:
        return nothing
    rows = L[chosen]
    inner = inner_rows(fit, rows)
    value = values(fit, rows)
    scale = fit.model.coordinates.scale
    if rule.variance != "model":
        from .sandwich import sandwich

        robust = sandwich(fit, rule)
        scaling, denominator = robust.joint(inner)
        return _f_test(value, scale**2 * inner @ robust.variance @ inner.T, denominator, scaling)
    covariance = scale**2 * inner @ model_variance(fit, rule) @ inner.T
    if rule.df.startswith("kenward_roger"):
        W, _ = fit.parameter_covariance(rule.information)
        p = fit.point.p
        scaling, denominator = kenward_roger_f(fit.point.Phi, fit.information.P[:, :p, :p], W, inner)
        return _f_test(value, covariance, denominator, scaling)
    if rule.df == "satterthwaite":
        return _f_test(value, covariance, _fai_cornelius(fit, inner, rows, rule), 1.0)
    return _f_test(value, covariance, float(degrees_of_freedom(fit, rows, inner, rule).min()), 1.0)


def _f_test(value: Array, covariance: Array, denominator: float, scaling: float) -> JointTest:
    rank = len(value)
    statistic = float(scaling * value @ np.linalg.solve(covariance, value) / rank)
    p = stats.chi2.sf(statistic * rank, rank) if np.isinf(denominator) else stats.f.sf(statistic, rank, denominator)
    return JointTest(statistic, float(rank), denominator, float(p))


def kenward_roger_f(Phi: Array, P: Array, W: Array, L: Array) -> tuple[float, float]:
    """Give the scaling of F and the denominator df of Kenward and Roger (1997) for full-rank rows L."""
    rank = len(L)
    Theta = L.T @ np.linalg.solve(L @ Phi @ L.T, L)
    inner = np.stack([Theta @ Phi @ one @ Phi for one in P])
    traces = np.trace(inner, axis1=1, axis2=2)
    A1 = float(traces @ W @ traces)
    A2 = float(np.einsum("ij,iab,jba->", W, inner, inner, optimize=True))
    if A2 <= 0:
        return 1.0, np.inf
    B = (A1 + 6 * A2) / (2 * rank)
    g = ((rank + 1) * A1 - (rank + 4) * A2) / ((rank + 2) * A2)
    bottom = 3 * rank + 2 * (1 - g)
    c1, c2, c3 = g / bottom, (rank - g) / bottom, (rank + 2 - g) / bottom
    expectation = 1 / (1 - A2 / rank)
    variance = (2 / rank) * (1 + c1 * B) / ((1 - c2 * B) ** 2 * (1 - c3 * B))
    rho = variance / (2 * expectation**2)
    denominator = 4 + (rank + 2) / (rank * rho - 1)
    return denominator / (expectation * (denominator - 2)), denominator


def _fai_cornelius(fit: MixedFit, inner: Array, L: Array, rule: Rule) -> float:
    """Combine the df of the principal rows (Fai and Cornelius 1996)."""
    _, vectors = np.linalg.eigh(inner @ fit.point.Phi @ inner.T)
    df = degrees_of_freedom(fit, vectors.T @ L, vectors.T @ inner, rule)
    rank = len(L)
    if rank == 1:
        return float(df[0])
    if np.allclose(df, df[0], rtol=1e-8):
        return float(df.mean())
    if (df <= 2).any():
        return 2.0
    expectation = float((df / (df - 2)).sum())
    return 2 * expectation / (expectation - rank)
