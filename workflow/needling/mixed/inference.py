"""Standard errors, degrees of freedom, tests and intervals of linear functions of the fixed effects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypedDict

import numpy as np
from scipy import special

from .errors import MixedModelError
from .independent import independent_columns
from .sandwich import sandwich
from .solution import Solution

Array = np.ndarray

DF_METHODS = ("kenward_roger", "kenward_roger_linear", "satterthwaite", "residual", "between_within", "asymptotic")
VARIANCES = ("model", "CR0", "CR1", "CR2")
ALTERNATIVES = ("two-sided", "less", "greater", "equivalence")


class Asked(TypedDict, total=False):
    """How a user asks for uncertainty; see `MixedFit.terms`."""

    df: str | None
    level: float
    information: str
    variance: str
    groups: str | None


@dataclass(frozen=True)
class Inference:
    """How uncertainty is reckoned: degrees of freedom, confidence level, information, variance estimator and its groups."""

    df: str
    level: float = 0.95
    information: str = "observed"
    variance: str = "model"
    groups: str | None = None

    @classmethod
    def of(cls, method: str, asked: Asked) -> Inference:
        """Check the request; without df it is Kenward-Roger under REML, Satterthwaite under ML."""
        unknown = [name for name in asked if name not in Asked.__annotations__]
        if unknown:
            known = ", ".join(Asked.__annotations__)
            raise MixedModelError(f"'{unknown[0]}' cannot be asked for here; what can be besides: {known}.")
        default = "kenward_roger" if method == "reml" else "satterthwaite"
        chosen = cls(
            asked.get("df") or default,
            asked.get("level", 0.95),
            asked.get("information", "observed"),
            asked.get("variance", "model"),
            asked.get("groups"),
        )
        if chosen.variance not in VARIANCES:
            raise MixedModelError(
                f"'{chosen.variance}' is not a variance estimator; known are: {', '.join(VARIANCES)}."
            )
        if chosen.information not in ("observed", "expected"):
            raise MixedModelError(f"'{chosen.information}' is not an information; known are: observed, expected.")
        if not isinstance(chosen.level, (int, float)) or not 0 < chosen.level < 1:
            raise MixedModelError(f"The confidence level must be a number between 0 and 1, not {chosen.level!r}.")
        if chosen.variance != "model":
            allowed = ("asymptotic", "residual", "satterthwaite" if chosen.variance == "CR2" else "groups")
            df = asked.get("df") or allowed[-1]
            if df not in allowed:
                raise MixedModelError(
                    f"Degrees of freedom '{df}' do not go with the sandwich {chosen.variance}; "
                    f"use one of: {', '.join(allowed)}."
                )
            return replace(chosen, df=df)
        if chosen.groups is not None:
            raise MixedModelError("`groups` belongs to a sandwich variance; choose variance 'CR0', 'CR1' or 'CR2'.")
        if chosen.df not in DF_METHODS:
            raise MixedModelError(
                f"'{chosen.df}' is not a rule for degrees of freedom; known are: {', '.join(DF_METHODS)}."
            )
        if chosen.df.startswith("kenward_roger") and method != "reml":
            raise MixedModelError(
                "Kenward-Roger is defined for REML; fit with method='reml' or choose df='satterthwaite'."
            )
        return chosen


@dataclass(frozen=True)
class Hypothesis:
    """What the estimates are tested against: a value from both sides or from one, or a margin around it from within."""

    null: float = 0.0
    alternative: str = "two-sided"
    margin: float | None = None

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.alternative not in ALTERNATIVES:
            raise MixedModelError(f"'{self.alternative}' is not an alternative; known are: {', '.join(ALTERNATIVES)}.")
        if (self.alternative == "equivalence") != (self.margin is not None):
            raise MixedModelError("A margin goes with alternative='equivalence', and that with a margin.")
        for what, value in (("null value", self.null), ("margin", 1.0 if self.margin is None else self.margin)):
            if not isinstance(value, (int, float)) or not np.isfinite(value):
                raise MixedModelError(f"The {what} must be a finite number, not {value!r}.")
        if self.margin is not None and self.margin <= 0:
            raise MixedModelError(f"The margin must be above zero, not {self.margin}.")


@dataclass
class Estimates:
    """Rows of linear functions: one entry per row, NaN where not estimable."""

    estimate: Array
    se: Array
    df: Array
    inner: Array  # (rows, p) over the inner coefficients, times the outcome's scale; NaN where not estimable
    variance: Array  # (p, p) of the inner coefficients
    status: list[str]

    @property
    def covariance(self) -> Array:
        """Give the covariance of the estimates, rows x rows, which only a few rows have room for."""
        return self.inner @ self.variance @ self.inner.T

    def table(self, level: float, against: Hypothesis | None = None) -> dict[str, Array | list[str]]:
        """Add the test and the interval: one-sided for a one-sided alternative, of level 1 - 2 alpha for equivalence."""
        against = against or Hypothesis()
        alpha = 1 - level
        shifted = self.estimate - against.null
        with np.errstate(invalid="ignore", divide="ignore"):
            if against.alternative == "equivalence":
                assert against.margin is not None
                statistic = (
                    np.where(shifted > 0, -1, 1) * (against.margin - np.abs(shifted)) / self.se
                )  # the nearer side
                p = _beyond((against.margin - np.abs(shifted)) / self.se, self.df)
            else:
                statistic = shifted / self.se
                p = {
                    "two-sided": lambda: 2 * _beyond(np.abs(statistic), self.df),
                    "greater": lambda: _beyond(statistic, self.df),
                    "less": lambda: _beyond(-statistic, self.df),
                }[against.alternative]()
            half = quantile(alpha / 2 if against.alternative == "two-sided" else alpha, self.df) * self.se
        endless = np.where(np.isfinite(half), np.inf, np.nan)
        return {
            "estimate": self.estimate,
            "se": self.se,
            "df": self.df,
            "statistic": statistic,
            "p": p,
            "low": -endless if against.alternative == "less" else self.estimate - half,
            "high": endless if against.alternative == "greater" else self.estimate + half,
            "status": self.status,
        }


def _beyond(statistic: Array, df: Array) -> Array:
    """Give the probability that Student's t exceeds a value (scipy.stats.t.sf without its checks of arguments)."""
    return np.where(np.isinf(df), special.ndtr(-statistic), special.stdtr(df, -statistic))


def quantile(alpha: float, df: Array) -> Array:
    """Give the value that Student's t exceeds with probability alpha."""
    return np.where(np.isinf(df), -special.ndtri(alpha), -special.stdtrit(df, alpha))


def _f_beyond(statistic: float, rank: int, denominator: float) -> float:
    """Give the probability that F exceeds a value; without end of the denominator it is a chi-square divided by its df."""
    if np.isinf(denominator):
        return float(special.chdtrc(rank, statistic * rank))
    return float(special.fdtrc(rank, denominator, statistic))


def estimable(fit: Solution, L: Array) -> Array:
    """Say which rows of L the data determine, given the columns that were left out."""
    coordinates = fit.model.coordinates
    if not coordinates.left_out:
        return np.ones(len(L), dtype=bool)
    implied = L[:, coordinates.kept] @ coordinates.alias
    size = np.abs(L).max(axis=1, keepdims=True) + np.abs(implied)
    return (np.abs(L[:, coordinates.left_out] - implied) <= 1e-7 * np.maximum(size, 1e-300)).all(axis=1)


def inner_rows(fit: Solution, L: Array) -> Array:
    """Turn rows over the formula's coefficients into rows over the inner basis."""
    coordinates = fit.model.coordinates
    return np.linalg.solve(coordinates.R.T, L[:, coordinates.kept].T).T


def values(fit: Solution, L: Array) -> Array:
    """Evaluate rows at the estimate."""
    coordinates = fit.model.coordinates
    inner = inner_rows(fit, L) @ fit.point.beta
    return L[:, coordinates.kept] @ coordinates.beta + coordinates.scale * inner


def estimates(fit: Solution, L: Array, rule: Inference) -> Estimates:
    """Estimate rows of L (rows x all coefficients of the formula) under a rule."""
    rows = len(L)
    nothing = np.full(rows, np.nan)
    if not fit.usable:
        return Estimates(
            nothing, nothing.copy(), nothing.copy(), np.full((rows, 1), np.nan), np.ones((1, 1)), [fit.status] * rows
        )
    can = estimable(fit, L)
    if "residual" in fit.boundary:  # V is singular there: no standard error can be trusted
        estimate = np.where(can, values(fit, L), np.nan)
        status = [fit.status if one else "not_estimable" for one in can]
        return Estimates(estimate, nothing, nothing.copy(), np.full((rows, 1), np.nan), np.ones((1, 1)), status)
    inner = inner_rows(fit, L)
    scale = fit.model.coordinates.scale
    estimate = values(fit, L)
    if rule.variance == "model":
        variance = model_variance(fit, rule)
        df = degrees_of_freedom(fit, L, inner, rule)
    else:
        robust = sandwich(fit, rule.variance, rule.groups, rule.df)
        variance = robust.variance
        df = robust.degrees_of_freedom(inner)
    se = scale * np.sqrt(np.maximum(((inner @ variance) * inner).sum(axis=1), 0))
    inner = scale * inner
    for values_ in (estimate, se, df, inner):
        values_[~can] = np.nan
    status = [fit.status if one else "not_estimable" for one in can]
    return Estimates(estimate, se, df, inner, variance, status)


def model_variance(fit: Solution, rule: Inference) -> Array:
    """Give the variance of the inner coefficients: Phi, or Kenward and Roger's."""
    if not rule.df.startswith("kenward_roger"):
        return fit.point.Phi
    W, _ = fit.parameter_covariance(rule.information)
    return fit.information.adjusted(W, linear=rule.df == "kenward_roger_linear")


def degrees_of_freedom(fit: Solution, L: Array, inner: Array, rule: Inference) -> Array:
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
    slopes = ((half @ fit.information.P[:, :p, :p]) * half).sum(axis=2).T
    variance = (half * inner).sum(axis=1)
    spread = ((slopes @ W) * slopes).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 2 * variance**2 / spread


def between_within(fit: Solution, L: Array) -> Array:
    """Count units less columns on each level of grouping, clusters above subjects included.

    A column belongs to the coarsest grouping within whose units it is constant, and to the rows if it varies within a
    subject. Its df are the units of that grouping less those of the next coarser one less the columns that belong to
    it. A row of L takes the finest level that it touches. Without clusters these are subjects less between-subject
    columns, and rows less subjects less within-subject columns.
    """
    design, kept = fit.model.design, fit.model.coordinates.kept
    groupings = [*_nested_groupings(fit), np.arange(design.n_rows)]
    X = design.X[:, kept]
    level = np.full(len(kept), len(groupings) - 1)
    for number in range(len(groupings) - 2, -1, -1):
        _, first, codes = np.unique(groupings[number], return_index=True, return_inverse=True)
        level[(X[first][codes] == X).all(axis=0)] = number
    units = np.array([len(np.unique(codes)) for codes in groupings])
    df = np.diff(units, prepend=0) - np.bincount(level, minlength=len(groupings))
    touched = np.where(np.abs(L[:, kept]) > 0, level, 0).max(axis=1)
    return np.maximum(df[touched], 1).astype(float)


def _nested_groupings(fit: Solution) -> list[Array]:
    """Give the codes of clusters and subjects, coarsest first; refuse what does not lie one within the other."""
    design = fit.model.design
    named = [(one.name, one.codes) for one in design.clusters]
    named = [*sorted(named, key=lambda one: len(np.unique(one[1]))), (design.subject_name, design.subjects)]
    for (coarse, above), (fine, below) in pairwise(named):
        if len(np.unique(np.column_stack([above, below]), axis=0)) > len(np.unique(below)):
            raise MixedModelError(
                f"Between-within degrees of freedom need groups within groups, and a level of '{fine}' meets several of "
                f"'{coarse}' (choose df='kenward_roger' or 'satterthwaite')."
            )
    return [codes for _, codes in named]


@dataclass
class JointTest:
    """An F test of several rows at once."""

    statistic: float
    numerator: float
    denominator: float
    p: float


def joint_test(fit: Solution, L: Array, rule: Inference) -> JointTest:
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
        robust = sandwich(fit, rule.variance, rule.groups, rule.df)
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
    return JointTest(statistic, float(rank), denominator, _f_beyond(statistic, rank, denominator))


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


def _fai_cornelius(fit: Solution, inner: Array, L: Array, rule: Inference) -> float:
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
