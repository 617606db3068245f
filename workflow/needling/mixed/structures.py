"""Residual covariance structures over the visits of a subject.

Every structure is written twice: in *natural* parameters (variances, covariances, correlations), in which
information matrices and Kenward-Roger are computed, and in *free* parameters (any real number), in which the
likelihood is maximised. Analytic first and second derivatives are with respect to the natural ones.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from .correlations import CORRELATIONS, lags_between
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
        Column that names the visit of a row (for exponential: its numeric time, or the columns of a place, "x, y").
        Every structure but iid needs it.
    by : str, optional
        Column, constant within a subject, whose levels each get their own parameters.

    Notes
    -----
    The short form is text: ``"unstructured(visit)"``, ``"ar1(visit | arm)"``, ``"exponential(day)"``,
    ``"exponential(x, y)"``, ``"iid(| arm)"``.
    """

    structure: str = "iid"
    visit: str | None = None
    by: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be fitted, in words."""
        if self.structure not in STRUCTURES:
            known = ", ".join(STRUCTURES)
            raise MixedModelError(f"'{self.structure}' is not a residual structure; known are: {known}.")
        if self.structure == "iid" and self.visit:
            raise MixedModelError(
                f"Independent residuals know no visits: write 'iid', or 'iid(| {self.visit})' by group."
            )
        if self.structure != "exponential" and len(self.visits) > 1:
            raise MixedModelError(
                f"The residual structure '{self.structure}' takes one visit column, not '{self.visit}'."
            )
        if self.structure != "iid" and not self.visit:
            raise MixedModelError(
                f"The residual structure '{self.structure}' needs the visit column: '{self.structure}(visit)'."
            )

    @property
    def visits(self) -> tuple[str, ...]:
        """Name the columns that place a row: the visit or time; none for iid."""
        return tuple(part.strip() for part in self.visit.split(",")) if self.visit else ()

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


class Structure(ABC):
    """One residual structure for `visits` visits: maps between parameters, matrix and its derivatives."""

    linear = False
    ordered = True
    markov = False  # given the row before, a row does not depend on earlier ones

    def __init__(self, name: str, visits: int, times: Array | None = None):
        """Fix the number of visits and where they lie: in units of the design for exponential, as whole numbers elsewhere."""
        self.name = name
        self.visits = visits
        self.times = times

    n_parameters: int
    #: per natural parameter: "variance", "covariance", "correlation" or "range"
    quantities: list[str]

    @abstractmethod
    def labels(self, visits: list[str]) -> list[str]:
        """Name each natural parameter."""

    @abstractmethod
    def natural(self, free: Array) -> Array:
        """Map free parameters to natural ones (works for complex input, which gives exact derivatives)."""

    @abstractmethod
    def start(self, covariance: Array) -> Array:
        """Choose free parameters near an empirical covariance of the visits."""

    @abstractmethod
    def matrix(self, natural: Array) -> Array:
        """Give the covariance of all visits, visits x visits."""

    @abstractmethod
    def first(self, natural: Array) -> Array:
        """Give the first derivatives, parameters x visits x visits."""

    @abstractmethod
    def second(self, natural: Array) -> Array | None:
        """Give the second derivatives, parameters x parameters x visits x visits; None if all are zero."""

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

    def jacobian(self, free: Array) -> Array:
        """Give the variance, which is its own derivative by its logarithm."""
        return np.exp(free)[:, None]

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
    """Any covariance matrix V = LL', L_ij = b_ij d_j with b_jj = 1; free parameters are log d_j and, below, b_ij.

    The b_ij are coefficients of the regression on earlier visits. Near a correlation of one they hardly depend on the d_j,
    so that Newton's steps stay long.
    """

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

    def factor(self, free: Array) -> Array:
        """Fill the Cholesky factor."""
        factor = np.zeros((self.visits, self.visits), dtype=free.dtype)
        factor[self.rows, self.columns] = free
        diagonal = np.arange(self.visits)
        deviations = np.exp(factor[diagonal, diagonal])
        factor[diagonal, diagonal] = 1
        return factor * deviations

    def free(self, factor: Array) -> Array:
        """Give the free parameters of a Cholesky factor."""
        deviations = np.diag(factor)
        return np.where(
            self.rows == self.columns, np.log(deviations[self.rows]), (factor / deviations)[self.rows, self.columns]
        )

    def natural(self, free: Array) -> Array:
        """Multiply the Cholesky factor out."""
        factor = self.factor(free)
        return (factor @ factor.T)[self.rows, self.columns]

    def jacobian(self, free: Array) -> Array:
        """Differentiate LL' by the elements of L, and those by the free parameters."""
        factor = self.factor(free)
        a, b = self.rows[:, None], self.columns[:, None]
        c, d = self.rows[None, :], self.columns[None, :]
        by_factor = (a == c) * factor[b, d] + (b == c) * factor[a, d]
        by_free = np.where((c == d) & (b == d), factor[a, b], (a == c) * (b == d) * factor[d, d])
        return by_factor @ by_free

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
        return self.free(np.linalg.cholesky(shrunk * np.outer(scale, scale)))

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


def _reach(name: str, visits: int, times: Array | None) -> int:
    """Count the visits from the first to the last, those that nobody has included, where lags between them matter."""
    return visits if times is None or not name.startswith("toeplitz") else int(times[-1] - times[0]) + 1


def _lag_names(visits: list[str], reach: int) -> list[str]:
    return visits if reach == len(visits) else [str(number) for number in range(reach)]


class Correlated(Structure):
    """R_st = sqrt(v_s v_t) C_st(rho), with one common variance or one per visit."""

    def __init__(self, name: str, visits: int, times: Array | None = None):
        """Look the correlation family up by the name without its `_het`."""
        super().__init__(name, visits, times)
        self.family = CORRELATIONS[name.removesuffix("_het")]
        self.heterogeneous = name.endswith("_het")
        self.n_variances = visits if self.heterogeneous else 1
        self.reach = _reach(name, visits, times)
        self.n_correlations = self.family.count(self.reach)
        self.n_parameters = self.n_variances + self.n_correlations
        kind = "range" if name == "exponential" else "correlation"
        self.quantities = ["variance"] * self.n_variances + [kind] * self.n_correlations
        self.ordered = not name.startswith("compound_symmetry")
        plane = name == "exponential" and times is not None and times.shape[1] > 1
        self.markov = name.startswith(("ar1", "antedependence", "exponential")) and not plane
        self.incidence = np.eye(visits) if self.heterogeneous else np.ones((visits, 1))

    def labels(self, visits: list[str]) -> list[str]:
        """Name variances by visit, correlations by family."""
        return (visits if self.heterogeneous else ["all visits"]) + self.family.label(_lag_names(visits, self.reach))

    def natural(self, free: Array) -> Array:
        """Take exponentials of variances and the family's map of correlations."""
        split = self.n_variances
        return np.concatenate([np.exp(free[:split]), self.family.natural(free[split:], self.reach)])

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
        flat = np.full((1,) + (1,) * correlation.ndim, 1 / variances[0])
        factors = self._variance_factors(variances) if times is None else flat
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


class Banded(Structure):
    """Homogeneous compound symmetry and Toeplitz: one variance and covariances, in which R is linear.

    Natural parameters are covariances rather than correlations, as in PROC MIXED, so that Kenward-Roger has no second
    derivatives here; the free parameters are those of the correlation family.
    """

    linear = True

    def __init__(self, name: str, visits: int, times: Array | None = None):
        """Number the band of every pair of visits: 0 the diagonal."""
        super().__init__(name, visits, times)
        self.family = CORRELATIONS[name]
        self.ordered = name == "toeplitz"
        lags = lags_between(visits, times)
        self.band = lags if self.ordered else np.minimum(lags, 1)
        self.reach = _reach(name, visits, times)
        self.n_parameters = 1 + self.family.count(self.reach)
        self.quantities = ["variance"] + ["covariance"] * (self.n_parameters - 1)

    def labels(self, visits: list[str]) -> list[str]:
        """Name the variance, then the bands."""
        return ["all visits", *self.family.label(_lag_names(visits, self.reach))]

    def natural(self, free: Array) -> Array:
        """Multiply correlations by the variance."""
        variance = np.exp(free[:1])
        return np.concatenate([variance, variance * self.family.natural(free[1:], self.reach)])

    def start(self, covariance: Array) -> Array:
        """Start at the mean variance and correlations inside their bounds."""
        variances = np.diag(covariance)
        correlation = covariance / np.sqrt(np.outer(variances, variances))
        return np.concatenate([np.log([np.mean(variances)]), self.family.start(correlation, self.times)])

    def matrix(self, natural: Array) -> Array:
        """Put each band in its place."""
        return natural[self.band]

    def first(self, natural: Array) -> Array:
        """Give the indicator of each band."""
        return np.stack([(self.band == band).astype(float) for band in range(self.n_parameters)])

    def second(self, natural: Array) -> Array | None:
        """Give nothing: the structure is linear."""
        return None


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
    """Build the structure of this name for so many visits that lie at `times`."""
    if name == "iid":
        return Independent(name, visits, times)
    if name == "unstructured":
        return Unstructured(name, visits, times)
    if visits < 2:
        raise MixedModelError(
            f"The residual structure '{name}' needs at least two different visits, and the data hold one."
        )
    if name in ("compound_symmetry", "toeplitz"):
        return Banded(name, visits, times)
    return Correlated(name, visits, times)
