"""From a fit back to the rows: V^-1 times data, predicted effects, fitted values, residuals."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from .blocks import Subjects, local_clusters
from .errors import MixedModelError
from .likelihood import Point
from .model import Model
from .stacks import inverse_factors

Array = np.ndarray

LARGEST = 8_000  # rows of a subject: at 8,000 a matrix and what is made of it take 2 GiB


class FitRows:
    """Row-level quantities of a fit in inner coordinates, in the sorted order of the design."""

    def __init__(self, model: Model, point: Point):
        """Take the adjusted data [X r] less the predicted cluster effects."""
        self.model = model
        self.point = point
        self.data = model.row_data
        residual, effects = self.point.adjusted
        self.XR = self.data.W @ residual  # [X r]
        self.adjusted = self.XR + self.cluster_values(effects) if len(effects) else self.XR

    def cluster_values(self, effects: Array) -> Array:
        """Give U @ effects row by row."""
        total = np.zeros((len(self.data.W), effects.shape[1]))
        at = 0
        for codes, columns, levels in zip(
            self.data.cluster_codes, self.data.cluster_columns, self.data.cluster_levels, strict=True
        ):
            slopes = columns.shape[1]
            own = effects[at : at + levels * slopes].reshape(levels, slopes, -1)
            total += np.einsum("rs,rsc->rc", columns, own[codes])
            at += levels * slopes
        return total

    def cluster_rows(self, chosen: Array) -> Array:
        """Give the rows of U that belong to some sorted rows: (rows, effects)."""
        U, columns = local_clusters(self.data, chosen[:, None])
        full = np.zeros((len(chosen), self.data.n_effects + 1))
        np.put_along_axis(full, columns, U[:, 0, :], axis=1)
        return full[:, :-1]

    def covariance(self, bucket: Subjects) -> Array:
        """Give B of each pattern of real subjects."""
        if bucket.rows.shape[1] > LARGEST:
            raise MixedModelError(
                f"{bucket.rows.shape[1]:,} rows of one {self.model.design.subject_name} are more than the {LARGEST:,} whose "
                f"whole covariance matrix fits into memory; estimates, tests and fitted means need none."
            )
        return self.model.components.block_covariance(self.point.theta, bucket.patterns)

    @cached_property
    def whitened(self) -> Array:
        """Give L_i^-1 of the adjusted [X r], row by row."""
        result = np.empty_like(self.adjusted)
        for bucket in self.model.subjects:
            Linv, _ = inverse_factors(self.covariance(bucket))
            result[bucket.rows] = Linv[bucket.pattern] @ self.adjusted[bucket.rows]
        return result

    @cached_property
    def weighted(self) -> Array:
        """Give V^-1 [X r], row by row."""
        result = np.empty_like(self.adjusted)
        for bucket in self.model.subjects:
            Linv, _ = inverse_factors(self.covariance(bucket))
            result[bucket.rows] = np.swapaxes(Linv, 1, 2)[bucket.pattern] @ self.whitened[bucket.rows]
        return result

    @cached_property
    def cluster_effects(self) -> Array:
        """Give the predicted cluster effects."""
        return -self.point.adjusted[1][:, -1]

    @cached_property
    def random_effects(self) -> Array:
        """Give the predicted random effects, subjects x columns."""
        G = self.model.components.random_covariance(self.point.theta)
        result = np.zeros((self.model.design.n_subjects, len(G)))
        for bucket in self.model.subjects:
            Z = bucket.patterns.Z[bucket.pattern]
            score = self.weighted[bucket.rows][..., -1:]
            result[bucket.subject] = (np.swapaxes(Z, 1, 2) @ score)[..., 0] @ G
        return result

    @cached_property
    def marginal(self) -> Array:
        """Give X beta in the outcome's units."""
        design, coordinates = self.model.design, self.model.coordinates
        inner = np.linalg.solve(coordinates.R, self.point.beta) * coordinates.scale
        return design.X[:, coordinates.kept] @ (coordinates.beta + inner)

    @cached_property
    def conditional(self) -> Array:
        """Give X beta + Z b + U g in the outcome's units."""
        subject = np.einsum("rq,rq->r", self.data.Z, self.random_effects[self.data.subjects])
        clusters = self.cluster_values(self.cluster_effects[:, None])[:, 0] if len(self.cluster_effects) else 0.0
        return self.marginal + (subject + clusters) * self.model.coordinates.scale / self.model.root_weights

    def series(self, values: Array, name: str) -> pd.Series:
        """Put sorted rows back into the order of the used data."""
        design = self.model.design
        unsorted = np.empty(len(values))
        unsorted[design.order] = values
        return pd.Series(unsorted, index=design.frame.index, name=name)


def dense_covariance(rows: FitRows, chosen: Array) -> Array:
    """Give V of some whole subjects' sorted rows as one square, clusters included (inner coordinates)."""
    place = np.full(len(rows.data.W), -1)
    place[chosen] = np.arange(len(chosen))
    V = np.zeros((len(chosen), len(chosen)))
    for bucket in rows.model.subjects:
        inside = place[bucket.rows[:, 0]] >= 0
        where = place[bucket.rows[inside]]
        V[where[:, :, None], where[:, None, :]] = rows.covariance(bucket)[bucket.pattern[inside]]
    if rows.model.components.clusters:
        U = rows.cluster_rows(chosen)
        Gamma = np.zeros((rows.data.n_effects, rows.data.n_effects))
        at = 0
        blocks = rows.model.components.cluster_covariances(rows.point.theta)
        for (levels, block), one in zip(rows.model.components.clusters, blocks, strict=True):
            stop = at + levels * block.size
            Gamma[at:stop, at:stop] = np.kron(np.eye(levels), one)
            at = stop
        V += U @ Gamma @ U.T
    return V
