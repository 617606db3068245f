"""Predicted effects of subjects and clusters, what they say about rows, and the error of prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .blocks import Subjects
from .correlations import distances
from .errors import MixedModelError
from .rows import FitRows
from .solution import Solution

Array = np.ndarray

AT_ONCE = 4_000_000  # numbers in one array


@dataclass
class Targets:
    """What is to be predicted, one number per row: x'beta + z'b + u'g + e, in inner coordinates."""

    X: Array  # (rows, p)
    subject: Array  # (rows,) code of the subject, -1 for one never seen
    Z: Array  # (rows, q)
    U: Array  # (rows, cluster effects)
    strange: Array  # (rows,) variance of the effects of cluster levels never seen
    group: Array  # (rows,)
    position: Array | None  # (rows,) visit, where the row's own residual is part of the target; None: it is not
    time: Array  # (rows, dimensions)
    root_weights: Array  # (rows,)


class Prediction:
    """Best linear unbiased prediction of targets, and Henderson's variance of prediction minus truth.

    With c the covariance of a target with all outcomes, the prediction is x'beta + c'V^-1 r, and its error has the variance
    var(z'b + u'g + e) - c'V^-1 c + (x - X'V^-1 c)'Phi (x - X'V^-1 c); covariance parameters count as known.
    """

    def __init__(self, rows: FitRows, targets: Targets):
        """Go through the subjects bucket by bucket."""
        self.rows, self.targets, self.point = rows, targets, rows.point
        components = rows.model.components
        G = components.random_covariance(self.point.theta)
        self.GZ = targets.Z @ G
        self.UG = targets.U @ _effect_covariance(rows)
        own = self._residual_variance() if targets.position is not None else np.zeros(len(targets.X))
        self.prior = (self.GZ * targets.Z).sum(axis=1) + (self.UG * targets.U).sum(axis=1) + targets.strange + own
        self.value = targets.U @ rows.cluster_effects  # without x'beta
        self.quadratic = np.zeros(len(targets.X))
        self.through, self.h = np.zeros_like(targets.X), np.zeros_like(self.UG)
        if rows.data.n_effects:
            self.through, self.h = self.UG @ self._cluster_columns(), self.UG @ self.point.H
        self.quadratic += (self.h * self.UG).sum(axis=1)
        for bucket in rows.model.subjects:
            place = np.full(rows.model.design.n_subjects + 1, -1)  # the last one for subjects never seen
            place[bucket.subject] = np.arange(len(bucket.subject))
            chosen = np.flatnonzero(place[targets.subject] >= 0)
            if len(chosen):
                self._add_bucket(chosen, place[targets.subject[chosen]], bucket)

    def _add_bucket(self, chosen: Array, who: Array, bucket: Subjects) -> None:
        """Gather the targets of each subject, and go on with as many subjects of equally many targets as memory allows."""
        order = np.argsort(who, kind="stable")
        members, first, counts = np.unique(who[order], return_index=True, return_counts=True)
        for count in np.unique(counts):
            alike = np.flatnonzero(counts == count)
            step = max(1, AT_ONCE // (bucket.rows.shape[1] * max(bucket.rows.shape[1], int(count))))
            for start in range(0, len(alike), step):
                some = alike[start : start + step]
                self._add(chosen[order[first[some, None] + np.arange(count)]], members[some], bucket)

    def _cluster_columns(self) -> Array:
        """Give U'B^-1 X."""
        return (self.point.UA @ self.point.adjusted[0])[:, : self.point.p]

    def _add(self, chosen: Array, who: Array, bucket: Subjects) -> None:
        """Add what the outcomes of subjects (s,) of a bucket say about their own targets (s, t)."""
        rows, p = self.rows, self.point.p
        seen = bucket.rows[who]
        c = self.GZ[chosen] @ np.swapaxes(rows.data.Z[seen], 1, 2)
        if self.targets.position is not None:
            c = c + self._residual_between(chosen, seen)
        self.value[chosen] += (c @ rows.weighted[seen][..., -1:])[..., 0]
        half = np.swapaxes(np.linalg.solve(rows.covariance(bucket)[bucket.pattern[who]], np.swapaxes(c, 1, 2)), 1, 2)
        self.quadratic[chosen] += (half * c).sum(axis=2)
        self.through[chosen] += half @ rows.XR[seen][..., :p]
        if rows.data.n_effects:
            across = half @ rows.cluster_rows(seen.ravel()).reshape(*seen.shape, -1)
            self.quadratic[chosen] += 2 * (across * self.UG[chosen]).sum(axis=2)
            self.h[chosen] += across

    @property
    def variance(self) -> Array:
        """Give the variance of prediction minus truth, in inner units."""
        Kh, through = self.h, self.through
        if self.rows.data.n_effects:
            Kh = self.h @ self.point.K
            through = through - Kh @ self._cluster_columns()
        gap = self.targets.X - through
        fixed = np.einsum("ra,ab,rb->r", gap, self.point.Phi, gap)
        return np.maximum(self.prior + fixed - self.quadratic + (self.h * Kh).sum(axis=1), 0)

    def _natural(self, group: int) -> Array:
        return self.point.theta[self.rows.model.components.slices[1][group]]

    def _residual_variance(self) -> Array:
        """Give the variance of each target's own residual."""
        structure = self.rows.model.components.structure
        result = np.zeros(len(self.targets.X))
        for group in np.unique(self.targets.group):
            mine = self.targets.group == group
            natural = self._natural(group)
            if structure.name == "exponential":
                result[mine] = natural[0]
            else:
                result[mine] = np.diag(structure.matrix(natural))[self.targets.position[mine]]  # type: ignore[index]
        return result / self.targets.root_weights**2

    def _residual_between(self, chosen: Array, seen: Array) -> Array:
        """Give the covariance of the residuals of targets (s, t) with those of their subject's own rows (s, m)."""
        design, structure, targets = self.rows.model.design, self.rows.model.components.structure, self.targets
        result = np.zeros((*chosen.shape, seen.shape[1]))
        for group in np.unique(targets.group[chosen]):
            natural = self._natural(group)
            if structure.name == "exponential":
                between = natural[0] * np.exp(-distances(targets.time[chosen], design.time[seen]) / natural[1])
            else:
                assert targets.position is not None
                square = structure.matrix(natural)
                between = square[targets.position[chosen][:, :, None], design.position[seen][:, None, :]]
            mine = (targets.group[chosen][:, :, None] == group) & (design.group[seen][:, None, :] == group)
            result += np.where(mine, between, 0)
        return result / targets.root_weights[chosen][:, :, None]


def _effect_covariance(rows: FitRows) -> Array:
    """Give the covariance of all cluster effects."""
    components = rows.model.components
    total = np.zeros((components.n_effects, components.n_effects))
    at = 0
    blocks = components.cluster_covariances(rows.point.theta)
    for (levels, block), one in zip(components.clusters, blocks, strict=True):
        stop = at + levels * block.size
        total[at:stop, at:stop] = np.kron(np.eye(levels), one)
        at = stop
    return total


def fitted_values(fit: Solution, kind: str) -> pd.Series:
    """Give fitted values, "marginal" or "conditional"."""
    if kind not in ("marginal", "conditional"):
        raise MixedModelError(f"'{kind}' is not a kind of fitted value; known are: marginal, conditional.")
    if not fit.usable:
        return pd.Series(np.nan, index=fit.model.design.frame.index, name="fitted")
    return fit.rows.series(getattr(fit.rows, kind) + fit.model.design.offset, "fitted")


def residuals(fit: Solution, kind: str) -> pd.Series:
    """Give residuals: raw y - X beta, conditional y - X beta - Zb - Ug, or scaled L_i^-1 (y - X beta - Ug)."""
    if kind not in ("raw", "conditional", "scaled"):
        raise MixedModelError(f"'{kind}' is not a kind of residual; known are: raw, conditional, scaled.")
    if not fit.usable:
        return pd.Series(np.nan, index=fit.model.design.frame.index, name="residual")
    rows = fit.rows
    if kind == "scaled":
        return rows.series(rows.whitened[:, -1], "residual")
    return rows.series(fit.model.y - (rows.marginal if kind == "raw" else rows.conditional), "residual")


def random_effects(fit: Solution) -> pd.DataFrame:
    """Give predicted effects and their standard errors: component, level, term, estimate, se."""
    design, coordinates = fit.model.design, fit.model.coordinates
    columns = ["component", "level", "term", "estimate", "se"]
    if not fit.usable:
        return pd.DataFrame(columns=columns)
    parts = []
    for number, term in enumerate(design.random_terms):
        levels = np.arange(design.n_subjects)
        Z = np.tile(coordinates.z_map[number], (len(levels), 1))
        parts.append(_effect_table(fit, design.subject_name, design.subject_labels, term, levels, Z, None))
    at = 0
    for cluster, to in zip(design.clusters, coordinates.u_maps, strict=True):
        slopes = len(cluster.terms)
        for number, term in enumerate(cluster.terms):
            count = len(cluster.levels)
            U = np.zeros((count, fit.model.components.n_effects))
            for slope in range(slopes):
                U[np.arange(count), at + np.arange(count) * slopes + slope] = to[number, slope]
            nobody = np.full(count, -1)
            nothing = np.zeros((count, len(design.random_terms)))
            parts.append(_effect_table(fit, cluster.name, cluster.levels, term, nobody, nothing, U))
        at += slopes * len(cluster.levels)
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _effect_table(
    fit: Solution, component: str, labels: Array | list[str], term: str, subject: Array, Z: Array, U: Array | None
) -> pd.DataFrame:
    count = len(subject)
    zero = np.zeros(count)
    targets = Targets(
        np.zeros((count, fit.point.p)), subject, Z,
        np.zeros((count, fit.model.components.n_effects)) if U is None else U,
        zero, zero.astype(np.intp), None, zero, np.ones(count),
    )  # fmt: skip
    prediction = Prediction(fit.rows, targets)
    scale = fit.model.coordinates.scale
    se = np.full(count, np.nan) if "residual" in fit.boundary else scale * np.sqrt(prediction.variance)
    return pd.DataFrame(
        {"component": component, "level": labels, "term": term, "estimate": scale * prediction.value, "se": se}
    )
