"""Families of correlation matrices C(rho) over visits or over continuous time, with their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Array = np.ndarray


def lags_between(visits: int, places: Array | None = None) -> Array:
    """Give |s - t| for every pair of visits; `places` where visits that nobody has lie between them."""
    index = np.arange(visits) if places is None else places
    return np.abs(index[:, None] - index[None, :])


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
    lags = lags_between(len(correlation))
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
    return rho[0] ** lags_between(visits, times)


def _ar1_first(rho: Array, visits: int, times: Array | None) -> Array:
    lags = lags_between(visits, times)
    return (lags * rho[0] ** np.maximum(lags - 1, 0))[None]


def _ar1_second(rho: Array, visits: int, times: Array | None) -> Array:
    lags = lags_between(visits, times)
    return (lags * (lags - 1) * rho[0] ** np.maximum(lags - 2, 0))[None, None]


def _tanh(free: Array, visits: int) -> Array:
    return np.tanh(free)


def _ar1_start(correlation: Array, times: Array | None) -> Array:
    return np.arctanh([np.clip(_mean_correlation(correlation, 1), -0.9, 0.9)])


# Toeplitz: C_st = rho_|s - t|, free parameters are partial autocorrelations (Durbin-Levinson)


def _toeplitz_matrix(rho: Array, visits: int, times: Array | None) -> Array:
    return np.concatenate([[1.0], rho])[lags_between(visits, times)]


def _toeplitz_first(rho: Array, visits: int, times: Array | None) -> Array:
    lags = lags_between(visits, times)
    return np.stack([(lags == lag).astype(float) for lag in range(1, len(rho) + 1)])


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
    free = np.zeros(int(lags_between(len(correlation), times).max()))
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


# exponential in time or space: C_st = exp(-|t_s - t_t| / range), as SP(EXP) of PROC MIXED; rho is [range]


def distances(first: Array, second: Array) -> Array:
    """Give Euclid's distances of times or places: (..., m, dimensions) and (..., n, dimensions) to (..., m, n)."""
    apart = first[..., :, None, :] - second[..., None, :, :]
    return np.abs(apart[..., 0]) if apart.shape[-1] == 1 else np.sqrt((apart**2).sum(axis=-1))


def _distances(times: Array | None) -> Array:
    assert times is not None
    return distances(times, times)


def _exponential_matrix(rho: Array, visits: int, times: Array | None) -> Array:
    return np.exp(-_distances(times) / rho[0])


def _exponential_first(rho: Array, visits: int, times: Array | None) -> Array:
    ratio = _distances(times) / rho[0]
    return (np.exp(-ratio) * ratio / rho[0])[None]


def _exponential_second(rho: Array, visits: int, times: Array | None) -> Array:
    ratio = _distances(times) / rho[0]
    return (np.exp(-ratio) * ratio * (ratio - 2) / rho[0] ** 2)[None, None]


def _exponential_natural(free: Array, visits: int) -> Array:
    return np.exp(free)


def _exponential_start(correlation: Array, times: Array | None) -> Array:
    """Start at a correlation of one half over the unit of time."""
    return np.log([1 / np.log(2)])


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
        lambda visits: [f"{a}, {b}" for a, b in pairwise(visits)],
    ),
    "exponential": Correlation(
        lambda visits: 1,
        _exponential_matrix,
        _exponential_first,
        _exponential_second,
        _exponential_natural,
        _exponential_start,
        lambda visits: ["distance at which the correlation is 1/e"],
    ),
}
