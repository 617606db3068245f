"""Odds ratios where a logistic model is separated: Firth's penalised likelihood, under which they stay finite."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Completed = tuple["np.ndarray", "np.ndarray", "np.ndarray"]
# The estimate is as exact as the library's step halving allows; a likelihood at its maximum is more exact by itself.
EXACT, AT_A_VALUE = 1e-5, 1e-4


@dataclass(frozen=True)
class _Fit:
    """A fit of one completed data set: its data, log odds ratio (the last coefficient), its spread and profile limits."""

    y: "np.ndarray"
    X: "np.ndarray"
    b: "np.ndarray"
    covariance: "np.ndarray"
    limits: "np.ndarray"

    def tail(self, value: float, side: int) -> float:
        """P of the signed root of the penalised likelihood ratio at a value: below it (side -1) or above it (1)."""
        import numpy as np

        off = value - self.b[-1]
        # The value's own profile is where the fit starts: from 0 it may be lost in shares of 0 and 1.
        start = self.b + off * self.covariance[:, -1] / self.covariance[-1, -1]
        fit = _logistic(self.y, self.X, AT_A_VALUE, self.X @ start)
        fit.lrt(features=[self.X.shape[1] - 1])
        half = float(fit.lrt_pvalues_[-1]) / 2
        return half if np.sign(off) == side else 1 - half


def firth_odds_ratio(completed: list[Completed], level: float) -> dict[str, float]:
    """Estimate the odds ratio of an arm, given everything else in a logistic model, by Firth's penalised likelihood.

    The log likelihood gets half the log determinant of the information added (Jeffreys' prior), so that coefficients are finite
    whatever is separated. Limits and P are of the profile of the penalised likelihood, which is lopsided where data are
    separated: F(b) = Phi(sign(b - estimate) sqrt(2 (l(estimate) - l(b)))). Of several completed data sets F is averaged and the
    limits are where the average is alpha/2 and 1 - alpha/2 (combination of likelihood profiles); the estimate is the mean of the
    logarithms, its standard error by Rubin's rules.

    Parameters
    ----------
    completed : of each completed data set the responses (n,), 0 and 1; who is in the arm compared (n,), 0 and 1; and the other
        columns of the model without a column of ones (n, k).
    level : of the confidence interval.

    Returns
    -------
    estimate, low and high of the odds ratio; se of its logarithm; statistic (normal) and p. Limits and P are missing where the
    library finds none.

    Raises
    ------
    ValueError : all responses of a data set are the same, columns determine one another, or the iterations do not end.

    Sources: Firth 1993, Biometrika 80:27-38; Heinze, Schemper 2002, Statistics in Medicine 21:2409-2419; Heinze, Ploner, Beyea
    2013, Statistics in Medicine 32:5062-5076. Fitted by firthmodels. Checked against R's brglm2 (estimate), the penalised
    likelihood maximised by R's optim (limits, P) and the closed form of a 2 x 2 table, where it adds one half to each cell.

    Examples
    --------
    >>> import numpy as np
    >>> y, arm = np.repeat([1.0, 0, 1, 0], [7, 0, 5, 9]), np.repeat([1.0, 1, 0, 0], [7, 0, 5, 9])
    >>> found = firth_odds_ratio([(y, arm, np.empty((21, 0)))], 0.95)
    >>> round(found["estimate"], 2)  # 7.5 * 9.5 / (0.5 * 5.5)
    25.91
    """
    import numpy as np
    from scipy.special import ndtri

    # Draws that came out alike are fitted once.
    alike = {b"".join(column.tobytes() for column in one): one for one in completed}
    fitted = {key: _fitted(*one, level) for key, one in alike.items()}
    fits = [fitted[b"".join(column.tobytes() for column in one)] for one in completed]
    logs = np.array([fit.b[-1] for fit in fits])
    between = np.var(logs, ddof=1) * (1 + 1 / len(fits)) if len(fits) > 1 else 0.0
    below, above = (_averaged(fits, 0.0, side) for side in (-1, 1))
    low, high = (_where(fits, side, (1 - level) / 2) for side in (-1, 1))
    numbers = {
        "estimate": np.exp(logs.mean()),
        "se": np.sqrt(np.mean([fit.covariance[-1, -1] for fit in fits]) + between),
        "statistic": -ndtri(min(below, above)) * np.sign(above - below),
        "p": 2 * min(below, above),
        "low": np.exp(low),
        "high": np.exp(high),
    }
    return {name: float(value) for name, value in numbers.items()}


def _averaged(fits: list[_Fit], value: float, side: int) -> float:
    """The profiles' P beyond a value, on a side, averaged over the data sets."""
    times = Counter(map(id, fits))
    single = {id(fit): fit for fit in fits}
    return sum(count * single[one].tail(value, side) for one, count in times.items()) / len(fits)


def _where(fits: list[_Fit], side: int, tail: float) -> float:
    """The value beyond which, on a side, the averaged profile has so much; between the limits of the single ones."""
    import numpy as np
    from scipy.optimize import brentq

    ends = [float(fit.limits[0 if side == -1 else 1]) for fit in fits]
    if np.isnan(ends).any() or np.ptp(ends) < 1e-9:
        return float(np.mean(ends))
    # A little beyond both, where the average is on either side of what is sought in spite of the library's tolerance.
    room = 1e-3 * np.ptp(ends)
    first, last = min(ends) - room, max(ends) + room
    if not (_averaged(fits, first, side) - tail) * (_averaged(fits, last, side) - tail) < 0:
        return float("nan")
    return float(brentq(lambda value: _averaged(fits, value, side) - tail, first, last, xtol=1e-4))


def _fitted(y: "np.ndarray", arm: "np.ndarray", others: "np.ndarray", level: float) -> _Fit:
    import numpy as np

    if len(np.unique(y)) < 2:
        raise ValueError("nobody, or everybody, responded")
    spread = others.std(axis=0)
    varying = (others[:, spread > 0] - others[:, spread > 0].mean(axis=0)) / spread[spread > 0]
    X = np.column_stack([np.ones(len(y)), varying, arm])
    if np.linalg.matrix_rank(X) < X.shape[1]:
        raise ValueError("arm and covariates determine one another")
    fit = _logistic(y, X, EXACT)
    if not fit.converged_:
        raise ValueError("the penalised likelihood has no maximum that the iterations found")
    b = np.asarray(fit.coef_, dtype=float)
    share = 1 / (1 + np.exp(-X @ b))
    covariance = np.linalg.inv((X.T * (share * (1 - share))) @ X)
    limits = fit.conf_int(alpha=1 - level, method="pl", features=[X.shape[1] - 1], max_iter=100)[-1]
    return _Fit(y, X, b, covariance, limits)


def _logistic(y: "np.ndarray", X: "np.ndarray", tolerance: float, offset: "np.ndarray | None" = None) -> Any:
    import warnings

    from firthmodels import FirthLogisticRegression

    # numpy whatever else is installed: the same digits everywhere
    model = FirthLogisticRegression(backend="numpy", fit_intercept=False, gtol=tolerance, xtol=tolerance, max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y, offset=offset)
