"""P-values and intervals adjusted for several comparisons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import optimize, stats

from .errors import MixedModelError
from .inference import Estimates

Array = np.ndarray

SEED = 20240229  # of the scrambled Sobol points: the same table from the same fit
POINTS = 2**13


class MaximumT:
    """The distribution of max |T_i| of a multivariate t, whatever the rank of its correlation matrix.

    P(some |T_i| > c) = sum_i P(|T_i| > c) E[1 / N | |T_i| > c], N the number of exceedances (Naiman and Wynn). Given
    T_i = tau the others are again multivariate t, so that each term is a smooth average over quasi-random points and
    small probabilities keep their relative precision (about 1e-3).
    """

    def __init__(self, correlation: Array, df: float):
        """Factor the conditional correlations and fix the points."""
        self.df = df
        count = len(correlation)
        self.correlation = correlation
        conditional = correlation[None] - correlation[:, :, None] * correlation[:, None, :]
        values, vectors = np.linalg.eigh(conditional)
        self.factors = vectors * np.sqrt(np.maximum(values, 0))[:, None, :]
        points = stats.qmc.Sobol(count + 2, rng=np.random.default_rng(SEED)).random(POINTS)
        points = np.clip(points, 1e-12, 1 - 1e-12)
        self.uniform = points[:, 0]
        normal = stats.norm.ppf(points[:, 2:])
        chi = np.sqrt(stats.chi2.ppf(points[:, 1], df + 1) / (df + 1)) if np.isfinite(df) else np.ones(POINTS)
        self.t = normal / chi[:, None]

    def beyond(self, limit: float) -> float:
        """Give P(max |T_i| > limit)."""
        tail = stats.t.sf(limit, self.df)
        tau = stats.t.isf(self.uniform * tail, self.df)
        spread = np.sqrt((self.df + tau**2) / (self.df + 1)) if np.isfinite(self.df) else np.ones(POINTS)
        total = 0.0
        for one, factor in zip(self.correlation, self.factors, strict=True):
            others = tau[:, None] * one + spread[:, None] * (self.t @ factor.T)
            exceeding = (np.abs(others) > limit * (1 - 1e-9)).sum(axis=1)
            total += 2 * tail * float(np.mean(1 / np.maximum(exceeding, 1)))
        return min(total, 1.0)


def _replaced(column: pd.Series, rows: Array, values: Array) -> Array:
    result = column.to_numpy(dtype=float, copy=True)
    result[rows] = values
    return result


def _simultaneous(table: pd.DataFrame, result: Estimates, rows: Array, level: float) -> None:
    usable = rows[np.isfinite(table["se"].to_numpy()[rows])]
    if not len(usable):
        return
    covariance = result.covariance[np.ix_(usable, usable)]
    deviation = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviation, deviation)
    statistics = np.abs(table["statistic"].to_numpy()[usable])
    adjusted, limit = np.empty(len(usable)), np.empty(len(usable))
    known: dict[float, tuple[MaximumT, float]] = {}
    for number, df in enumerate(result.df[usable]):
        if df not in known:
            distribution = MaximumT(correlation, df)
            known[df] = (distribution, _critical(distribution, len(usable), level))
        adjusted[number] = known[df][0].beyond(statistics[number])
        limit[number] = known[df][1]
    columns = ("p_adjusted", "low_simultaneous", "high_simultaneous")
    estimate = result.estimate[usable]
    unadjusted = table["p"].to_numpy()[usable]
    values = np.column_stack(
        [np.maximum(adjusted, unadjusted), estimate - limit * deviation, estimate + limit * deviation]
    )
    for number, column in enumerate(columns):
        table[column] = _replaced(table[column], usable, values[:, number])


def _critical(distribution: MaximumT, count: int, level: float) -> float:
    low, high = (stats.t.isf((1 - level) / (2 * number), distribution.df) for number in (1, count))
    if count == 1:
        return float(low)
    return optimize.brentq(lambda value: distribution.beyond(value) - (1 - level), 0.99 * low, 1.01 * high, xtol=1e-6)


def adjust_table(table: pd.DataFrame, result: Estimates, adjust: str, family: Sequence[str], level: float) -> None:
    """Add p_adjusted (and simultaneous limits) to a table in place, within each combination of `family`.

    "simultaneous" takes the joint multivariate t distribution of the statistics, each row with its own df:
    Dunnett's comparison for contrasts against a reference, Tukey's for all pairs. Other names are methods of
    statsmodels' `multipletests`.
    """
    simultaneous = ["low_simultaneous", "high_simultaneous"] if adjust == "simultaneous" else []
    for name in ["p_adjusted", *simultaneous]:
        table[name] = np.nan
    grouped = table.groupby(list(family), observed=True, sort=False).indices.values() if family else []
    sets = list(grouped) or [np.arange(len(table))]
    for rows in sets:
        if adjust == "simultaneous":
            _simultaneous(table, result, np.asarray(rows), level)
        else:
            _stepwise(table, np.asarray(rows), adjust)
    table.attrs["adjust"] = adjust


def _stepwise(table: pd.DataFrame, rows: Array, adjust: str) -> None:
    from statsmodels.stats.multitest import multipletests

    p = table["p"].to_numpy()[rows]
    known = np.isfinite(p)
    if not known.any():
        return
    try:
        adjusted = multipletests(p[known], method=adjust)[1]
    except ValueError as error:
        raise MixedModelError(
            f"'{adjust}' is not an adjustment; use 'simultaneous', 'holm', 'bonferroni', 'fdr_bh' ..."
        ) from error
    table["p_adjusted"] = _replaced(table["p_adjusted"], rows[known], adjusted)
