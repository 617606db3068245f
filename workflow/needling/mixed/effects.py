"""Predicted effects of subjects and clusters, what they say about rows, and the error of prediction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from .blocks import Subjects, local_clusters
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
    U: Array  # (rows, l) columns of the clusters that the row meets
    columns: Array  # (rows, l) which cluster effects; the number of effects = padding
    strange: Array  # (rows,) variance of the effects of cluster levels never seen
    group: Array  # (rows,)
    position: Array | None  # (rows,) visit, where the row's own residual is part of the target; None: it is not
    time: Array  # (rows, dimensions)
    root_weights: Array  # (rows,)


class Prediction:
    """Best linear unbiased prediction of targets, and Henderson's variance of prediction minus truth.

    With c the covariance of a target with the outcomes of its own subject given the clusters, the prediction is
    x'beta + c'V^-1 r + u'g. With a = u - U'B^-1 c, what the target still owes to cluster effects once the subject's outcomes are
    known, its error has the variance var(z'b + e) - c'B^-1 c + a'Ka + (x - X'B^-1 c - X'B^-1 U K a)'Phi (...), since K is
    the variance of the predicted cluster effects; covariance parameters count as known.
    """

    def __init__(self, rows: FitRows, targets: Targets):
        """Go through the subjects bucket by bucket."""
        self.rows, self.targets, self.point = rows, targets, rows.point
        components = rows.model.components
        G = components.random_covariance(self.point.theta)
        self.GZ = targets.Z @ G
        own = self._residual_variance() if targets.position is not None else np.zeros(len(targets.X))
        self.within = (self.GZ * targets.Z).sum(axis=1) + targets.strange + own
        effects = np.append(rows.cluster_effects, 0.0)
        self.value = (targets.U * effects[targets.columns]).sum(axis=1)  # without x'beta
        self.across = np.einsum("rl,rlc->rc", targets.U, self._fixed[targets.columns])  # X'B^-1 U K a
        self.clusters = self.point.K.squares(targets.U, targets.columns) if rows.data.n_effects else np.zeros(len(own))
        self.through = np.zeros_like(targets.X)
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

    @cached_property
    def _fixed(self) -> Array:
        """Give K U'B^-1 X, and zeros behind it for padding: (effects + 1, p)."""
        columns = (self.point.UA @ self.point.adjusted[0])[:, : self.point.p] if self.rows.data.n_effects else None
        nothing = np.zeros((1, self.point.p))
        return nothing if columns is None else np.vstack([self.point.K @ columns, nothing])

    def _add(self, chosen: Array, who: Array, bucket: Subjects) -> None:
        """Add what the outcomes of subjects (s,) of a bucket say about their own targets (s, t)."""
        rows, p = self.rows, self.point.p
        seen = bucket.rows[who]
        c = self.GZ[chosen] @ np.swapaxes(rows.data.Z[seen], 1, 2)
        if self.targets.position is not None:
            c = c + self._residual_between(chosen, seen)
        self.value[chosen] += (c @ rows.weighted[seen][..., -1:])[..., 0]
        half = np.swapaxes(np.linalg.solve(rows.covariance(bucket)[bucket.pattern[who]], np.swapaxes(c, 1, 2)), 1, 2)
        self.within[chosen] -= (half * c).sum(axis=2)
        self.through[chosen] += half @ rows.XR[seen][..., :p]
        if rows.data.n_effects:
            U, columns = local_clusters(rows.data, seen)
            known = half @ U  # (s, t, l)
            wide = np.repeat(columns[:, None], chosen.shape[1], axis=1)
            a = np.concatenate([self.targets.U[chosen], -known], axis=2).reshape(chosen.size, -1)
            at = np.concatenate([self.targets.columns[chosen], wide], axis=2).reshape(chosen.size, -1)
            self.clusters[chosen.ravel()] = self.point.K.squares(a, at)
            self.across[chosen] -= np.einsum("stl,slc->stc", known, self._fixed[columns])

    @property
    def variance(self) -> Array:
        """Give the variance of prediction minus truth, in inner units."""
        gap = self.targets.X - self.through - self.across
        fixed = np.einsum("ra,ab,rb->r", gap, self.point.Phi, gap)
        return np.maximum(self.within + self.clusters + fixed, 0)

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
        slopes, count = len(cluster.terms), len(cluster.levels)
        where = at + np.arange(count * slopes).reshape(count, slopes)
        for number, term in enumerate(cluster.terms):
            own = np.tile(to[number], (count, 1)), where
            nothing = np.zeros((count, len(design.random_terms)))
            parts.append(_effect_table(fit, cluster.name, cluster.levels, term, np.full(count, -1), nothing, own))
        at += slopes * count
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _effect_table(
    fit: Solution,
    component: str,
    labels: Array | list[str],
    term: str,
    subject: Array,
    Z: Array,
    own: tuple[Array, Array] | None,
) -> pd.DataFrame:
    count = len(subject)
    zero = np.zeros(count)
    U, columns = own or (np.zeros((count, 0)), np.zeros((count, 0), dtype=np.intp))
    targets = Targets(
        np.zeros((count, fit.point.p)), subject, Z, U, columns, zero, zero.astype(np.intp), None, zero, np.ones(count),
    )  # fmt: skip
    prediction = Prediction(fit.rows, targets)
    scale = fit.model.coordinates.scale
    se = np.full(count, np.nan) if "residual" in fit.boundary else scale * np.sqrt(prediction.variance)
    return pd.DataFrame(
        {"component": component, "level": labels, "term": term, "estimate": scale * prediction.value, "se": se}
    )
