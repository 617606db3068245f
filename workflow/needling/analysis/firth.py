"""Odds ratios where a logistic model is separated: Firth's penalised likelihood, whose coefficients stay finite."""

import numpy as np

Array = np.ndarray


def firth(y: Array, X: Array) -> tuple[Array, Array]:
    """Fit a logistic model by Firth's penalised likelihood (firthmodels): coefficients and their covariance.

    The log likelihood gets half the log determinant of the information added (Jeffreys' prior), which makes estimates finite whatever
    is separated. The covariance is the inverse information (X' W X)^-1 at the estimate.

    Parameters
    ----------
    y : responses, 0 and 1.
    X : design, patients x coefficients, with its column of ones.

    Returns
    -------
    Coefficients (k,) and covariance (k, k); missing where the iterations did not end.

    Sources: Firth 1993, Biometrika 80:27-38; Heinze, Schemper 2002, Statistics in Medicine 21:2409-2419. Checked against the closed form
    of a 2 x 2 table, where it adds one half to each cell.
    """
    from firthmodels import FirthLogisticRegression

    k = X.shape[1]
    fit = FirthLogisticRegression(backend="numpy", fit_intercept=False, gtol=1e-9, xtol=1e-9, max_iter=500)
    if len(np.unique(y)) < 2 or not fit.fit(X, y).converged_:
        return np.full(k, np.nan), np.full((k, k), np.nan)
    b = np.asarray(fit.coef_, dtype=float)
    share = 1 / (1 + np.exp(-X @ b))
    return b, np.linalg.inv((X.T * (share * (1 - share))) @ X)


def pooled(fits: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Join the fits of several completed data sets by Rubin's rules, on the scale of the coefficients."""
    b, V = np.array([one for one, _ in fits]), np.mean([one for _, one in fits], axis=0)
    spread = np.atleast_2d(np.cov(b.T, ddof=1)) * (1 + 1 / len(b)) if len(b) > 1 else 0.0
    return b.mean(axis=0), V + spread
