"""Likelihood-ratio tests between nested fits."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from .errors import MixedModelError
from .solution import Solution

Array = np.ndarray


def _same_data(smaller: Solution, larger: Solution) -> None:
    first, second = smaller.model, larger.model
    if smaller.n_observations != larger.n_observations or smaller.n_subjects != larger.n_subjects:
        raise MixedModelError(
            f"The two fits use {smaller.n_observations} and {larger.n_observations} rows; a likelihood-ratio test needs "
            f"the same rows: drop incomplete rows first."
        )
    one = smaller.rows.series(first.y, "y") if smaller.usable else None
    other = larger.rows.series(second.y, "y") if larger.usable else None
    if one is not None and other is not None and not np.array_equal(one.to_numpy(), other.to_numpy()):
        raise MixedModelError("The two fits have different outcomes; a likelihood-ratio test needs the same ones.")


def _spans(X: Array, basis: Array) -> bool:
    """Say whether every column of X is a combination of the columns of `basis`."""
    scaled = X / np.maximum(np.sqrt((X**2).sum(axis=0)), 1e-300)
    Q = np.linalg.qr(basis)[0]
    return bool(np.abs(scaled - Q @ (Q.T @ scaled)).max() < 1e-7)


def _columns(fit: Solution) -> Array:
    design = fit.model.design
    X = np.empty((design.n_rows, len(fit.model.coordinates.kept)))
    X[design.order] = design.X[:, fit.model.coordinates.kept]
    return X


def likelihood_ratio_test(smaller: Solution, larger: Solution) -> pd.DataFrame:
    """Test a smaller model within a larger one by twice the difference of their log-likelihoods.

    Parameters
    ----------
    smaller, larger : Solution
        Fits of the same outcomes by the same method. Fixed effects must be nested. Under REML they must span the same
        space, because restricted likelihoods of different fixed effects are likelihoods of different data. That the
        covariance models are nested is for the caller to know; one with more parameters that fits worse is refused.

    Returns
    -------
    pandas.DataFrame
        One row: statistic, df, p (chi-squared), p_boundary, note. Where the larger model adds one random-effect or
        cluster column, its variance is tested on the boundary: p_boundary takes the equal mixture of chi-squared with
        df - 1 and df (Self and Liang 1987; Stram and Lee 1994), and p is conservative. Otherwise p_boundary is p.

    Examples
    --------
    >>> likelihood_ratio_test(update(fit, data, random="1"), fit)
    """
    if smaller.method != larger.method:
        raise MixedModelError("One fit is REML and the other ML; fit both by the same method.")
    _same_data(smaller, larger)
    if not smaller.usable or not larger.usable:
        bad = smaller if not smaller.usable else larger
        raise MixedModelError(f"One of the fits failed, so there is no test: {bad.message}")
    small, large = _columns(smaller), _columns(larger)
    if not _spans(small, large):
        raise MixedModelError("The fixed effects of the first fit are not nested in those of the second.")
    if smaller.method == "reml" and not _spans(large, small):
        raise MixedModelError(
            "The fits differ in their fixed effects, for which restricted likelihoods cannot be compared; "
            "fit both with method='ml'."
        )
    df = larger.n_parameters - smaller.n_parameters
    if df <= 0:
        raise MixedModelError("The second fit must have more parameters than the first; perhaps they are swapped.")
    statistic = 2 * (larger.log_likelihood - smaller.log_likelihood)
    if statistic < -1e-4:
        raise MixedModelError("The larger model fits worse than the smaller one, so they are not nested.")
    statistic = max(statistic, 0.0)
    p = float(special.chdtrc(df, statistic))
    mixed, note = p, ""
    if _effects(larger) == _effects(smaller) + 1 and small.shape == large.shape:
        lower = float(special.chdtrc(df - 1, statistic)) if df > 1 else float(statistic <= 0)
        mixed = 0.5 * p + 0.5 * lower
        note = "variance tested on its boundary: p is conservative, p_boundary a mixture of chi-squared distributions"
    return pd.DataFrame({"statistic": [statistic], "df": [df], "p": [p], "p_boundary": [mixed], "note": [note]})


def _effects(fit: Solution) -> int:
    components = fit.model.components
    return components.q + sum(block.size for _, block in components.clusters)
