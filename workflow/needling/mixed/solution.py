"""What came out of a fit: the model at its maximum, how far it can be believed, and what all results are computed from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .errors import MixedModelError
from .information import Information, information
from .likelihood import Point
from .model import Model
from .rows import FitRows

Array = np.ndarray


@dataclass
class Solution:
    """A model at its maximum.

    Attributes
    ----------
    status : str
        "converged"; "singular": a component lies on its boundary (where it is the residual structure, estimates
        have no standard errors); "rank_deficient": columns were left out; "failed": every table is NaN.
    message : str
        One sentence about anything but a plain convergence; empty otherwise.
    boundary : list of str
        The components on the boundary; "residual" if it is the residual structure.
    """

    model: Model
    _point: Point | None
    status: str
    message: str = ""
    boundary: list[str] = field(default_factory=list)
    iterations: int = 0

    def __post_init__(self) -> None:
        """Remember the parameters themselves, from which everything else can be computed again."""
        self._free = None if self._point is None else self._point.free.copy()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can be computed again."""
        state = self.__dict__.copy()
        state["_point"] = None
        for name in ("information", "rows"):
            state.pop(name, None)
        state["model"] = self.model.without_caches()
        return state

    @property
    def method(self) -> str:
        """Give "reml" or "ml"."""
        return self.model.method

    @property
    def usable(self) -> bool:
        """Say whether estimates exist."""
        return self.status != "failed" and self._free is not None

    @property
    def point(self) -> Point:
        """Give the likelihood at the maximum."""
        if self._point is None:
            if self._free is None:
                raise MixedModelError(f"The fit failed: {self.message}")
            self._point = self.model.likelihood.at(self._free)
        assert self._point is not None
        return self._point

    @property
    def warm_start(self) -> Array:
        """Give free parameters to start similar fits from: this fit's, with zero variances lifted a little."""
        assert self._free is not None
        free = self._free.copy()
        components = self.model.components
        blocks = [*components.random, *(block for _, block in components.clusters)]
        for block, where in zip(blocks, components.slices[0] + components.slices[2], strict=True):
            factor = block.factor(free[where])
            diagonal = np.diag(factor)
            lifted = np.where(np.abs(diagonal) < 0.05, 0.05, diagonal)
            factor[np.arange(block.size), np.arange(block.size)] = lifted
            free[where] = factor[block.indices]
        return free

    @cached_property
    def information(self) -> Information:
        """Give the information about the covariance parameters (inner coordinates)."""
        return information(self.point)

    @cached_property
    def rows(self) -> FitRows:
        """Give row-level quantities (inner coordinates)."""
        return FitRows(self.model, self.point)

    def parameter_covariance(self, kind: str) -> tuple[Array, str]:
        """Give the variance of the covariance parameters (local coordinates) and the information it really came from.

        On a boundary, or where the observed information is not positive definite, the expected one is used; NaN where
        that is not positive definite either.
        """
        if kind == "observed" and not self.boundary:
            W = self.information.covariance("observed")
            if W is not None:
                return W, "observed"
        W = self.information.covariance("expected")
        if W is None:
            W = np.full_like(self.information.expected, np.nan)
        return W, "expected"

    @property
    def n_observations(self) -> int:
        """Count the rows used."""
        return self.model.design.n_rows

    @property
    def n_subjects(self) -> int:
        """Count the subjects used."""
        return self.model.design.n_subjects

    @property
    def n_clusters(self) -> dict[str, int]:
        """Count the levels of each cluster factor."""
        return {one.name: len(one.levels) for one in self.model.design.clusters}

    @property
    def rows_dropped(self) -> dict[str, int]:
        """Count the rows left out by reason, e.g. {"pain missing": 12}."""
        return dict(self.model.design.dropped)

    @property
    def notes(self) -> list[str]:
        """Say what was assumed that a reader might not expect; the fit itself is not in doubt."""
        return list(self.model.design.notes)

    @property
    def covariance_structure(self) -> str:
        """Name the residual structure."""
        return str(self.model.design.residual)

    @property
    def coefficient_names(self) -> list[str]:
        """List the columns of the formula."""
        return list(self.model.design.names)

    @property
    def log_likelihood(self) -> float:
        """Give the (restricted) log-likelihood; NaN if failed."""
        return -0.5 * self.point.value if self.usable else np.nan

    @property
    def n_parameters(self) -> int:
        """Count covariance parameters and coefficients."""
        return self.model.components.n_parameters + len(self.model.coordinates.kept)

    @property
    def aic(self) -> float:
        """Give Akaike's criterion; under REML only the covariance parameters count, as in PROC MIXED."""
        return -2 * self.log_likelihood + 2 * self._counted

    @property
    def bic(self) -> float:
        """Give Schwarz's criterion with the number of subjects, as in PROC MIXED."""
        return -2 * self.log_likelihood + np.log(self.n_subjects) * self._counted

    @property
    def _counted(self) -> int:
        return self.model.components.n_parameters if self.method == "reml" else self.n_parameters
