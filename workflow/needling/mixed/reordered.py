"""Random effects beside long series: the effects of a subject stand among the clusters, a level per subject.

Pairs of neighbouring rows know nothing of effects that all rows of a subject share. As a factor above the rows with a level per
subject the effects are eliminated like those of clusters. Outside, parameters keep their order: random effects, then residuals.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .blocks import RowData
from .likelihood import Components, Likelihood, Point

Array = np.ndarray


def with_effects_as_clusters(data: RowData, components: Components) -> tuple[RowData, Components]:
    """Move the random effects of subjects to the clusters; for models that have no others."""
    codes, columns, levels, at = [], [], [], 0
    count = int(data.subjects[-1]) + 1
    for block in components.random:
        codes.append(data.subjects)
        columns.append(data.Z[:, at : at + block.size])
        levels.append(count)
        at += block.size
    moved = replace(
        data, Z=np.zeros((len(data.W), 0)), cluster_codes=codes, cluster_columns=columns, cluster_levels=levels
    )
    clusters = tuple((count, block) for block in components.random)
    return moved, Components((), components.structure, components.n_groups, clusters)


class Reordered(Likelihood):
    """A likelihood with the random effects among its clusters, asked in the usual order of the parameters."""

    def __init__(self, inside: Likelihood, components: Components):
        """Find the place of each parameter inside."""
        self.__dict__.update(inside.__dict__)
        self.components = components
        self.inside = inside
        random = sum(block.n_parameters for block in components.random)
        self.order = np.roll(np.arange(components.n_parameters), -random)  # inside -> here

    def at(self, free: Array) -> Point | None:
        """Evaluate; None where a covariance matrix is not positive definite in floating point."""
        point = self.inside.at(free[self.order])
        return None if point is None else ReorderedPoint(self, point, free)


class ReorderedPoint(Point):
    """What follows from one value of the parameters, in the usual order; subjects' effects count among no clusters."""

    def __init__(self, likelihood: Reordered, inside: Point, free: Array):
        """Keep the point inside; take from it what does not depend on the order."""
        self.likelihood, self.inside, self.free = likelihood, inside, free
        self.components = likelihood.components
        self.p, self.beta, self.rss, self.value, self.half = (
            inside.p, inside.beta, inside.rss, inside.value, inside.half,
        )  # fmt: skip
        self.theta = self.components.natural(free)
        self.back = np.argsort(likelihood.order)

    @property
    def gradient(self) -> Array:
        """Give d(-2 log L) along the local coordinates."""
        return self.inside.gradient[self.back]

    @property
    def average_information(self) -> Array:
        """Give the average information along the local coordinates."""
        return self.inside.average_information[np.ix_(self.back, self.back)]

    @property
    def adjusted(self) -> tuple[Array, Array]:
        """Give the map from [X y] to [X r]; there are no clusters to subtract."""
        residual, _ = self.inside.adjusted
        return residual, np.zeros((0, self.p + 1))
