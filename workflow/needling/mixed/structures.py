"""Residual covariance structures over the visits of a subject.

Every structure is written twice: in *natural* parameters (variances, covariances, correlations), in which
information matrices and Kenward-Roger are computed, and in *free* parameters (any real number), in which the
likelihood is maximised. Analytic first and second derivatives are with respect to the natural ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .errors import MixedModelError

Array = np.ndarray


@dataclass(frozen=True)
class Residual:
    """Say how the residuals of one subject hang together.

    Parameters
    ----------
    structure : str
        One of `STRUCTURES`: iid, unstructured, compound_symmetry, compound_symmetry_het, ar1, ar1_het, toeplitz,
        toeplitz_het, antedependence, antedependence_het, exponential.
    visit : str, optional
        Column that names the visit of a row (for exponential: its numeric time). Every structure but iid needs it.
    by : str, optional
        Column, constant within a subject, whose levels each get their own parameters.

    Notes
    -----
    The short form is text: ``"unstructured(visit)"``, ``"ar1(visit | arm)"``, ``"exponential(day)"``, ``"iid(| arm)"``.
    """

    structure: str = "iid"
    visit: str | None = None
    by: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be fitted, in words."""
        if self.structure not in STRUCTURES:
            known = ", ".join(STRUCTURES)
            raise MixedModelError(f"'{self.structure}' is not a residual structure; known are: {known}.")
        if self.structure != "iid" and not self.visit:
            raise MixedModelError(
                f"The residual structure '{self.structure}' needs the visit column: '{self.structure}(visit)'."
            )

    def __str__(self) -> str:
        """Give the short form."""
        if not self.visit and not self.by:
            return self.structure
        by = f" | {self.by}" if self.by else ""
        return f"{self.structure}({self.visit or ''}{by})"


def parse_residual(residual: str | Residual | None) -> Residual:
    """Read the short form ``structure(visit | by)``; None means independent residuals."""
    if residual is None:
        return Residual()
    if isinstance(residual, Residual):
        return residual
    found = re.fullmatch(r"\s*(\w+)\s*(?:\(\s*([^|()]*?)\s*(?:\|\s*([^|()]+?)\s*)?\)\s*)?", residual)
    if found is None:
        raise MixedModelError(
            f"The residual structure '{residual}' cannot be read; write 'unstructured(visit)' or 'ar1(visit | arm)'."
        )
    structure, visit, by = found.groups()
    return Residual(structure, visit or None, by or None)


def _lags(visits: int) -> Array:
    index = np.arange(visits)
    return np.abs(index[:, None] - index[None, :])


class Structure:
    """One residual structure for `visits` visits: maps between parameters, matrix and its derivatives."""

    linear = False
    ordered = True

    def __init__(self, name: str, visits: int, times: Array | None = None):
        """Fix the number of visits (and, for continuous time, the time of each position)."""
        self.name = name
        self.visits = visits
        self.times = times

    n_parameters: int
    #: per natural parameter: "variance", "covariance" or "correlation"
    quantities: list[str]

    def labels(self, visits: list[str]) -> list[str]:
        """Name each natural parameter."""
        raise NotImplementedError

    def natural(self, free: Array) -> Array:
        """Map free parameters to natural ones (works for complex input, which gives exact derivatives)."""
        raise NotImplementedError

    def start(self, covariance: Array) -> Array:
        """Choose free parameters near an empirical covariance of the visits."""
        raise NotImplementedError

    def matrix(self, natural: Array) -> Array:
        """Give the covariance of all visits, visits x visits."""
        raise NotImplementedError

    def first(self, natural: Array) -> Array:
        """Give the first derivatives, parameters x visits x visits."""
        raise NotImplementedError

    def second(self, natural: Array) -> Array | None:
        """Give the second derivatives, parameters x parameters x visits x visits; None if all are zero."""
        raise NotImplementedError

    def jacobian(self, free: Array) -> Array:
        """Differentiate the natural by the free parameters, exact by complex steps."""
        steps = free + 1e-30j * np.eye(len(free))
        return np.column_stack([self.natural(step).imag / 1e-30 for step in steps])


class Independent(Structure):
    """R = sigma^2 I."""

    linear = True
    ordered = False
    n_parameters = 1
    quantities = ["variance"]  # noqa: RUF012 - constant for the class

    def labels(self, visits: list[str]) -> list[str]:
        """Name the single variance."""
        return ["all visits"]

    def natural(self, free: Array) -> Array:
        """Take the exponential: a variance is positive."""
        return np.exp(free)

    def start(self, covariance: Array) -> Array:
        """Start at the mean variance."""
        return np.log([np.mean(np.diag(covariance))])

    def matrix(self, natural: Array) -> Array:
        """Scale the identity."""
        return natural[0] * np.eye(self.visits)

    def first(self, natural: Array) -> Array:
        """Give the identity."""
        return np.eye(self.visits)[None]

    def second(self, natural: Array) -> Array | None:
        """Give nothing: the structure is linear."""
        return None


class Unstructured(Structure):
    """Any covariance matrix; free parameters are its log-Cholesky factor."""

    linear = True
    ordered = False

    def __init__(self, name: str, visits: int, times: Array | None = None):
        """Lay out the lower triangle row by row."""
        super().__init__(name, visits, times)
        self.rows, self.columns = np.tril_indices(visits)
        self.n_parameters = len(self.rows)
        self.quantities = [
            "variance" if row == column else "covariance" for row, column in zip(self.rows, self.columns, strict=True)
        ]

    def labels(self, visits: list[str]) -> list[str]:
        """Name a visit for a variance, two visits for a covariance."""
        return [
            visits[row] if row == column else f"{visits[column]}, {visits[row]}"
            for row, column in zip(self.rows, self.columns, strict=True)
        ]

    def natural(self, free: Array) -> Array:
        """Multiply the Cholesky factor out."""
        factor = np.zeros((self.visits, self.visits), dtype=free.dtype)
        factor[self.rows, self.columns] = free
        diagonal = np.arange(self.visits)
        factor[diagonal, diagonal] = np.exp(factor[diagonal, diagonal])
        return (factor @ factor.T)[self.rows, self.columns]

    def jacobian(self, free: Array) -> Array:
        """Differentiate LL' by the elements of log-Cholesky L."""
        factor = np.zeros((self.visits, self.visits))
        factor[self.rows, self.columns] = free
        diagonal = np.arange(self.visits)
        factor[diagonal, diagonal] = np.exp(factor[diagonal, diagonal])
        a, b = self.rows[:, None], self.columns[:, None]
        c, d = self.rows[None, :], self.columns[None, :]
        jacobian = (a == c) * factor[b, d] + (b == c) * factor[a, d]
        return jacobian * np.where(c == d, factor[c, d], 1.0)

    def start(self, covariance: Array) -> Array:
        """Start at the empirical covariance, shrunk until it is safely positive definite."""
        scale = np.sqrt(np.diag(covariance))
        correlation = covariance / np.outer(scale, scale)
        shrink = 0.95
        while True:
            shrunk = shrink * correlation + (1 - shrink) * np.eye(self.visits)
            if np.linalg.eigvalsh(shrunk)[0] > 0.02:
                break
            shrink *= 0.8
        factor = np.linalg.cholesky(shrunk * np.outer(scale, scale))
        diagonal = np.arange(self.visits)
        factor[diagonal, diagonal] = np.log(factor[diagonal, diagonal])
        return factor[self.rows, self.columns]

    def matrix(self, natural: Array) -> Array:
        """Fill both triangles."""
        matrix = np.zeros((self.visits, self.visits))
        matrix[self.rows, self.columns] = natural
        matrix[self.columns, self.rows] = natural
        return matrix

    def first(self, natural: Array) -> Array:
        """Give elementary matrices."""
        basis = np.zeros((self.n_parameters, self.visits, self.visits))
        index = np.arange(self.n_parameters)
        basis[index, self.rows, self.columns] = 1
        basis[index, self.columns, self.rows] = 1
        return basis

    def second(self, natural: Array) -> Array | None:
        """Give nothing: the structure is linear."""
        return None


@dataclass(frozen=True)
class Correlation:
    """A family of correlation matrices C(rho): how many parameters, C, its derivatives, its free parameters."""

    count: Callable[[int], int]
    matrix: Callable[[Array, int, Array | None], Array]
    first: Callable[[Array, int, Array | None], Array]
    second: Callable[[Array, int, Array | None], Array | None]
    natural: Callable[[Array, int], Array]
    start: Callable[[Array, Array | None], Array]
    label: Callable[[list[str]], list[str]]


# compound symmetry: C = (1 - rho) I + rho J


def _cs_matrix(rho: Array, visits: int, times: Array | None) -> Array:
    return np.where(np.eye(visits) > 0, 1.0, rho[0])


def _cs_first(rho: Array, visits: int, times: Array | None) -> Array:
    return (1 - np.eye(visits))[None]


def _cs_natural(free: Array, visits: int) -> Array:
    lowest = -1 / max(visits - 1, 1)
    return lowest + (1 - lowest) / (1 + np.exp(-free))


def _mean_correlation(correlation: Array, lag: int | None = None) -> float:
    lags = _lags(len(correlation))
    chosen = lags == lag if lag else lags > 0
    return float(np.mean(correlation[chosen])) if chosen.any() else 0.0


def _cs_start(correlation: Array, times: Array | None) -> Array:
    visits = len(correlation)
    lowest = -1 / max(visits - 1, 1)
    rho = np.clip(_mean_correlation(correlation), 0.7 * lowest + 0.02, 0.95)
    share = (rho - lowest) / (1 - lowest)
    return np.array([np.log(share / (1 - share))])


# first-order autoregression: C_st = rho^|s - t|


def _ar1_matrix(rho: Array, visits: int, times: Array | None) -> Array:
    return rho[0] ** _lags(visits)


def _ar1_first(rho: Array, visits: int, times: Array | None) -> Array:
    lags = _lags(visits)
    return (lags * rho[0] ** np.maximum(lags - 1, 0))[None]


def _ar1_second(rho: Array, visits: int, times: Array | None) -> Array:
    lags = _lags(visits)
    return (lags * (lags - 1) * rho[0] ** np.maximum(lags - 2, 0))[None, None]


def _tanh(free: Array, visits: int) -> Array:
    return np.tanh(free)


def _ar1_start(correlation: Array, times: Array | None) -> Array:
    return np.arctanh([np.clip(_mean_correlation(correlation, 1), -0.9, 0.9)])


# Toeplitz: C_st = rho_|s - t|, free parameters are partial autocorrelations (Durbin-Levinson)


def _toeplitz_matrix(rho: Array, visits: int, times: Array | None) -> Array:
    return np.concatenate([[1.0], rho])[_lags(visits)]


def _toeplitz_first(rho: Array, visits: int, times: Array | None) -> Array:
    lags = _lags(visits)
    return np.stack([(lags == lag).astype(float) for lag in range(1, visits)])


def _toeplitz_natural(free: Array, visits: int) -> Array:
    partial = np.tanh(free)
    autocorrelation = np.ones(visits, dtype=partial.dtype)
    weights = partial[:0]
    variance = 1.0
    for lag in range(1, visits):
        autocorrelation[lag] = weights @ autocorrelation[lag - 1 : 0 : -1] + partial[lag - 1] * variance
        weights = np.concatenate([weights - partial[lag - 1] * weights[::-1], partial[lag - 1 : lag]])
        variance = variance * (1 - partial[lag - 1] ** 2)
    return autocorrelation[1:]


def _toeplitz_start(correlation: Array, times: Array | None) -> Array:
    free = np.zeros(len(correlation) - 1)
    free[:1] = _ar1_start(correlation, None)
    return free


# first-order ante-dependence: C_st = product of the correlations of the neighbours between s and t


def _antedependence_matrix(rho: Array, visits: int, times: Array | None) -> Array:
    matrix = np.eye(visits)
    for first in range(visits):
        for second in range(first + 1, visits):
            matrix[first, second] = matrix[second, first] = np.prod(rho[first:second])
    return matrix


def _product_without(rho: Array, first: int, second: int, *left_out: int) -> float:
    kept = [k for k in range(first, second) if k not in left_out]
    return float(np.prod(rho[kept])) if kept else 1.0


def _antedependence_first(rho: Array, visits: int, times: Array | None) -> Array:
    result = np.zeros((visits - 1, visits, visits))
    for first in range(visits):
        for second in range(first + 1, visits):
            for k in range(first, second):
                result[k, first, second] = result[k, second, first] = _product_without(rho, first, second, k)
    return result


def _antedependence_second(rho: Array, visits: int, times: Array | None) -> Array:
    result = np.zeros((visits - 1, visits - 1, visits, visits))
    for first in range(visits):
        for second in range(first + 1, visits):
            for k in range(first, second):
                for other in range(k + 1, second):
                    value = _product_without(rho, first, second, k, other)
                    result[k, other, first, second] = result[k, other, second, first] = value
                    result[other, k, first, second] = result[other, k, second, first] = value
    return result


def _antedependence_start(correlation: Array, times: Array | None) -> Array:
    return np.arctanh(np.clip(np.diag(correlation, 1), -0.9, 0.9))


# exponential in continuous time: C_st = rho^|t_s - t_t|, free parameter is the log of the range -1 / log(rho)


def _distances(times: Array | None) -> Array:
    assert times is not None
    return np.abs(times[..., :, None] - times[..., None, :])


def _exponential_matrix(rho: Array, visits: int, times: Array | None) -> Array:
    return rho[0] ** _distances(times)


def _exponential_first(rho: Array, visits: int, times: Array | None) -> Array:
    distance = _distances(times)
    return (distance * rho[0] ** (distance - 1))[None]


def _exponential_second(rho: Array, visits: int, times: Array | None) -> Array:
    distance = _distances(times)
    return (distance * (distance - 1) * rho[0] ** (distance - 2))[None, None]


def _exponential_natural(free: Array, visits: int) -> Array:
    return np.exp(-np.exp(-free))


def _exponential_start(correlation: Array, times: Array | None) -> Array:
    assert times is not None
    spacing = float(np.median(np.diff(np.unique(times))))
    rho = np.clip(_mean_correlation(correlation, 1), 0.1, 0.9)
    return np.log([-spacing / np.log(rho)])


def _zero(rho: Array, visits: int, times: Array | None) -> None:
    return None


CORRELATIONS = {
    "compound_symmetry": Correlation(
        lambda visits: 1, _cs_matrix, _cs_first, _zero, _cs_natural, _cs_start, lambda visits: ["any two visits"]
    ),
    "ar1": Correlation(
        lambda visits: 1,
        _ar1_matrix,
        _ar1_first,
        _ar1_second,
        _tanh,
        _ar1_start,
        lambda visits: ["neighbouring visits"],
    ),
    "toeplitz": Correlation(
        lambda visits: visits - 1,
        _toeplitz_matrix,
        _toeplitz_first,
        _zero,
        _toeplitz_natural,
        _toeplitz_start,
        lambda visits: [f"lag {lag}" for lag in range(1, len(visits))],
    ),
    "antedependence": Correlation(
        lambda visits: visits - 1,
        _antedependence_matrix,
        _antedependence_first,
        _antedependence_second,
        _tanh,
        _antedependence_start,
        lambda visits: [f"{a}, {b}" for a, b in zip(visits[:-1], visits[1:], strict=True)],
    ),
    "exponential": Correlation(
        lambda visits: 1,
        _exponential_matrix,
        _exponential_first,
        _exponential_second,
        _exponential_natural,
        _exponential_start,
        lambda visits: ["one unit of time apart"],
    ),
}


class Correlated(Structure):
    """R_st = sqrt(v_s v_t) C_st(rho), with one common variance or one per visit."""

    def __init__(self, name: str, visits: int, times: Array | None = None):
        """Look the correlation family up by the name without its `_het`."""
        super().__init__(name, visits, times)
        self.family = CORRELATIONS[name.removesuffix("_het")]
        self.heterogeneous = name.endswith("_het")
        self.n_variances = visits if self.heterogeneous else 1
        self.n_correlations = self.family.count(visits)
        self.n_parameters = self.n_variances + self.n_correlations
        self.quantities = ["variance"] * self.n_variances + ["correlation"] * self.n_correlations
        self.ordered = not name.startswith("compound_symmetry")
        self.incidence = np.eye(visits) if self.heterogeneous else np.ones((visits, 1))

    def labels(self, visits: list[str]) -> list[str]:
        """Name variances by visit, correlations by family."""
        return (visits if self.heterogeneous else ["all visits"]) + self.family.label(visits)

    def natural(self, free: Array) -> Array:
        """Take exponentials of variances and the family's map of correlations."""
        split = self.n_variances
        return np.concatenate([np.exp(free[:split]), self.family.natural(free[split:], self.visits)])

    def start(self, covariance: Array) -> Array:
        """Start at empirical variances and correlations inside their bounds."""
        variances = np.diag(covariance)
        correlation = covariance / np.sqrt(np.outer(variances, variances))
        start = variances if self.heterogeneous else [np.mean(variances)]
        return np.concatenate([np.log(start), self.family.start(correlation, self.times)])

    def _parts(self, natural: Array, times: Array | None) -> tuple[Array, Array, Array]:
        variances, rho = natural[: self.n_variances], natural[self.n_variances :]
        deviations = np.sqrt(self.incidence @ variances)
        scale = np.outer(deviations, deviations) if times is None else variances[0]
        return variances, rho, scale

    def matrix(self, natural: Array, times: Array | None = None) -> Array:
        """Scale the correlation matrix; `times` (..., m) replaces the visits for continuous time."""
        _, rho, scale = self._parts(natural, times)
        return scale * self.family.matrix(rho, self.visits, self.times if times is None else times)

    def _variance_factors(self, variances: Array) -> Array:
        pairs = self.incidence[:, None, :] + self.incidence[None, :, :]
        return np.moveaxis(pairs, -1, 0) / (2 * variances[:, None, None])

    def first(self, natural: Array, times: Array | None = None) -> Array:
        """Differentiate by variances, then by correlations."""
        variances, rho, scale = self._parts(natural, times)
        at = self.times if times is None else times
        correlation = self.family.matrix(rho, self.visits, at)
        if times is not None:
            return np.concatenate([correlation[None], scale * self.family.first(rho, self.visits, at)])
        by_variance = self._variance_factors(variances) * (scale * correlation)
        return np.concatenate([by_variance, scale * self.family.first(rho, self.visits, at)])

    def second(self, natural: Array, times: Array | None = None) -> Array | None:
        """Differentiate twice: variance pairs, correlation pairs, and mixed."""
        variances, rho, scale = self._parts(natural, times)
        at = self.times if times is None else times
        split, count = self.n_variances, self.n_parameters
        correlation = self.family.matrix(rho, self.visits, at)
        slope = self.family.first(rho, self.visits, at)
        curvature = self.family.second(rho, self.visits, at)
        result = np.zeros((count, count, *correlation.shape))
        if times is None:
            factors = self._variance_factors(variances)
        else:
            factors = np.full((1,) + (1,) * correlation.ndim, 1 / variances[0])
        result[:split, split:] = factors[:, None] * (scale * slope)[None]
        result[split:, :split] = np.swapaxes(result[:split, split:], 0, 1)
        if curvature is not None:
            result[split:, split:] = scale * curvature
        if self.heterogeneous:
            pairs = factors[:, None] * factors[None]
            diagonal = np.arange(split)
            pairs[diagonal, diagonal] -= factors / variances[:, None, None]
            result[:split, :split] = pairs * (scale * correlation)
        return result


STRUCTURES = (
    "iid",
    "unstructured",
    "compound_symmetry",
    "compound_symmetry_het",
    "ar1",
    "ar1_het",
    "toeplitz",
    "toeplitz_het",
    "antedependence",
    "antedependence_het",
    "exponential",
)


def make_structure(name: str, visits: int, times: Array | None = None) -> Structure:
    """Build the structure of this name for so many visits (or, for exponential, these distinct times)."""
    if name == "iid":
        return Independent(name, visits, times)
    if name == "unstructured":
        return Unstructured(name, visits, times)
    if visits < 2:
        raise MixedModelError(
            f"The residual structure '{name}' needs at least two different visits; the data hold one."
        )
    return Correlated(name, visits, times)
