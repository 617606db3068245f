"""Information about the covariance parameters, and what Kenward and Roger build from it.

All matrices are along the local coordinates of `Components.local_map`, in which theta, the natural parameters, is linear;
nothing below but `covariance` depends on which linear coordinates are taken. With P_i = X'V^-1 V_i V^-1 X,
Q_ij = X'V^-1 V_i V^-1 V_j V^-1 X, R_ij = X'V^-1 V_ij V^-1 X and Phi = (X'V^-1 X)^-1, the Hessian of -2 log L is
-tr(P V_i P V_j) + 2 y'P V_i P V_j P y + tr(P V_ij) - y'P V_ij P y; its expectation is tr(P V_i P V_j).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .blocks import Bucket
from .likelihood import Point
from .reordered import ReorderedPoint
from .series import Series
from .stacks import flat, flats, products

Array = np.ndarray


@dataclass
class Information:
    """The pieces, in inner coordinates; c = p + 1 columns [X r]."""

    P: Array  # (t, c, c)
    Q: Array  # (t, t, c, c)
    R: Array  # (t, t, p, p)
    observed: Array  # (t, t) Hessian of -2 log L
    expected: Array  # (t, t)
    Phi: Array  # (p, p)

    def covariance(self, kind: str) -> Array | None:
        """Give the variance of the covariance parameters, 2 H^-1; None where H is not positive definite."""
        if kind not in self._covariances:
            self._covariances[kind] = _twice_inverse(self.observed if kind == "observed" else self.expected)
        return self._covariances[kind]

    @cached_property
    def _covariances(self) -> dict[str, Array | None]:
        """Remember what was asked for."""
        return {}

    def adjusted(self, W: Array, linear: bool) -> Array:
        """Give Kenward and Roger's variance of beta."""
        p = len(self.Phi)
        P = self.P[:, :p, :p]
        inner = np.tensordot(W, self.Q[:, :, :p, :p]) - (np.tensordot(W, P, axes=1) @ self.Phi @ P).sum(axis=0)
        if not linear:
            inner = inner - np.tensordot(W, self.R) / 4
        inner = (inner + inner.T) / 2
        return self.Phi + 2 * self.Phi @ inner @ self.Phi


def _twice_inverse(hessian: Array) -> Array | None:
    """Give 2 H^-1; None where H is not positive definite."""
    scale = np.sqrt(np.abs(np.diag(hessian)))
    if not (scale > 0).all():
        return None
    values, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
    if values[0] <= 1e-10:
        return None
    return 2 * ((vectors / values) @ vectors.T) / np.outer(scale, scale)


def _flat_cross(C: Array) -> Array:
    """Sum C_i'C_j over blocks and rows: (t, N, m, c) -> (t, t, c, c)."""
    t, c = len(C), C.shape[3]
    rows = flats(C).reshape(t * c, -1)
    return (rows @ rows.T).reshape(t, c, t, c).transpose(0, 2, 1, 3)


class _Sums:
    """Sums over all blocks for the subject and residual parameters."""

    def __init__(self, point: Point):
        t, c, effects = point.n_block_parameters, point.p + 1, point.components.n_effects
        self.P = np.zeros((t, c, c))
        self.Q = np.zeros((t, t, c, c))
        self.trace = np.zeros((t, t))
        self.J = np.zeros((t, effects, c))
        self.F = np.zeros((t, point.connected.n_values))
        self.beyond_Q, self.beyond_trace = np.zeros_like(self.Q), np.zeros_like(self.trace)
        for index, bucket in enumerate(point.buckets):
            M = point.whitened_derivatives[index]
            rows = flats(np.sqrt(bucket.count)[:, None, None] * M).reshape(t, -1)
            self.trace += bucket.weight * (rows @ rows.T)
            LW, LU = point.LW[index], point.LU[index]
            C = products(bucket.spread_all(M), LW)
            self.P += bucket.weight * (flats(C) @ flat(LW))
            part = bucket.weight * _flat_cross(C)
            self.Q += part
            self.beyond_Q -= bucket.in_series * part
            if effects:
                self._add_clusters(bucket, M, C, LU, point.K.values)
        if point.likelihood.series:
            self._add_series(point, point.likelihood.series)
        for rest, (WW, UW) in zip(point.remainders, point.rest_products, strict=True):
            at, variance = point.components.slices[1][rest.group].start, point.residual_variance(rest)
            self.trace[at, at] += rest.count / variance**2
            if effects:
                self.trace[at, at] -= 2 * (rest.UU @ point.K.values[:-1]) / variance**3
            self.P[at] += WW / variance**2
            self.Q[at, at] += WW / variance**3
            self.J[at] += UW / variance**2
            self.F[at] += rest.UU / variance**2
        KJ = [point.K @ one for one in self.J] if effects else []
        for i, one in enumerate(self.J):
            for j, other in enumerate(KJ):
                self.Q[i, j] -= one.T @ other

    def _add_clusters(self, bucket: Bucket, M: Array, C: Array, LU: Array, K: Array) -> None:
        transposed = np.swapaxes(LU, 1, 2)
        D = products(bucket.spread_all(M), LU)
        local = bucket.local_pairs(K)
        flat_D = np.stack([flat(one).ravel() for one in D])
        flat_DK = np.stack([flat(one @ local).ravel() for one in D])
        part = bucket.weight * (flat_DK @ flat_D.T)
        self.trace -= 2 * part
        self.beyond_trace -= bucket.in_series * part
        self.J += bucket.weight * np.stack([bucket.add_effects(transposed @ one) for one in C])
        self.F += bucket.weight * np.stack([bucket.add_effect_pairs(transposed @ one) for one in D])

    def _add_series(self, point: Point, series: Series) -> None:
        """Add what quadratic forms of second order, B^-1 B_i B^-1 B_j B^-1, have beyond the sum over pairs."""
        C = series.whitened(point.Linv, point.residual_derivatives, series.adjusted(*point.adjusted))
        self.beyond_Q += _flat_cross(C[:, None])
        self.Q += self.beyond_Q
        if series.U.shape[1]:
            D = series.whitened(point.Linv, point.residual_derivatives, series.U)
            DK = series.times_local(D, point.K.values)
            self.beyond_trace += DK.reshape(len(D), -1) @ D.reshape(len(D), -1).T
            self.trace -= 2 * self.beyond_trace


def _cluster_traces(point: Point, F: Array) -> Array:
    """Give what the clusters add to tr(V^-1 V_i V^-1 V_j), component by component.

    With N = H - HKH = U'V^-1 U and V_i = U E_i U' for the parameters of clusters: tr(K F_i K F_j) among subjects' and
    residual parameters, tr(E_i N E_j N) among clusters', and tr(E_j (I - HK) F_i (I - KH)) between the two.
    """
    connected, bases, t = point.connected, point.cluster_bases, len(F)
    result = np.zeros((t + len(bases), t + len(bases)))
    once = np.zeros_like(F)  # HKF where effects meet
    sums = [connected.level_sums(one) for one in F]  # of (I - HK) F (I - KH), per parameter and factor
    for number, K in enumerate(point.K.stacks):
        HK = connected.times(point.H_values, number, K)
        FK = [connected.times(one, number, K) for one in F]
        for i, own in enumerate(FK):
            for j in range(i + 1):
                result[i, j] += np.einsum("nab,nba->", own, FK[j])
            through = connected.times(point.H_values, number, np.swapaxes(own, 1, 2))
            connected.pick(number, through, once[i])
            twice = connected.whole_level_sums(number, through, HK)
            sums[i] = [total + one for total, one in zip(sums[i], twice, strict=True)]
        del FK
        N = connected.whole(point.H_values, number) - connected.times(point.H_values, number, np.swapaxes(HK, 1, 2))
        EN = []
        for factor, basis in bases:
            only = [
                basis if at == factor else np.zeros((size, size)) for at, (_, size) in enumerate(connected.clusters)
            ]
            EN.append(connected.per_level(number, only, N))
            for j, other in enumerate(EN):
                result[t + len(EN) - 1, t + j] += np.einsum("nab,nba->", EN[-1], other)
    for i in range(t):
        sums[i] = [total - one - one.T for total, one in zip(sums[i], connected.level_sums(once[i]), strict=True)]
        for j, (factor, basis) in enumerate(bases):
            result[t + j, i] = np.vdot(basis, sums[i][factor])
    return np.tril(result) + np.tril(result, -1).T


def _second_order(point: Point, where_total: int, sums: _Sums) -> tuple[Array, Array]:
    """Give R_ij and the second-order part of the Hessian.

    In a series B^-1 is a sum over pairs, and so is its second derivative; R_ij, Q_ij + Q_ji less that, lies as far
    from its own sum over pairs as Q_ij + Q_ji from theirs.
    """
    p = point.p
    R = np.zeros((where_total, where_total, p, p))
    hessian = np.zeros((where_total, where_total))
    for index, bucket in enumerate(point.buckets):
        second_derivatives = point.components.second_derivatives(point.theta, bucket.patterns, point.local)
        scores = point.block_scores(index) if second_derivatives else np.zeros(0)
        for where, second in second_derivatives:
            Linv, X = point.Linv[index], point.LW[index][..., :p]
            for i in range(len(second)):
                for j in range(i, len(second)):
                    if not second[i, j].any():
                        continue
                    first, other = where.start + i, where.start + j
                    inner = Linv @ second[i, j] @ np.swapaxes(Linv, 1, 2)
                    value = bucket.weight * (X.reshape(-1, p).T @ (bucket.spread(inner) @ X).reshape(-1, p))
                    curvature = float(np.vdot(second[i, j], scores))
                    R[first, other] += value
                    hessian[first, other] += curvature
                    if first != other:
                        R[other, first] += value
                        hessian[other, first] += curvature
    if point.likelihood.series:
        beyond = sums.beyond_Q + np.swapaxes(sums.beyond_Q, 0, 1)
        own = slice(len(beyond))
        R[own, own] += beyond[..., :p, :p]
        scored = point.scored_columns @ point.scored_columns.T
        hessian[own, own] -= np.einsum("ab,ijab->ij", scored, beyond) + sums.beyond_trace + sums.beyond_trace.T
    return R, hessian


def information(point: Point) -> Information:
    """Collect all pieces at a fit."""
    if isinstance(point, ReorderedPoint):
        found, back = information(point.inside), point.back
        square = np.ix_(back, back)
        hessians = found.observed[square], found.expected[square]
        return Information(found.P[back], found.Q[square], found.R[square], *hessians, found.Phi)
    sums = _Sums(point)
    P, Q, trace = sums.P, sums.Q, sums.trace
    bases = point.cluster_bases
    if bases:
        w = point.UVW
        EW = point.along_clusters(w)
        NEW = [point.H @ (one - point.K @ (point.H @ one)) for one in EW]
        through = [J - point.H @ (point.K @ J) for J in sums.J]
        block, total, c = len(P), len(P) + len(bases), P.shape[1]
        P = np.concatenate([P, np.stack([w.T @ one for one in EW])])
        bigger = np.zeros((total, total, c, c))
        bigger[:block, :block] = Q
        for j, one in enumerate(EW):
            for i in range(block):
                bigger[i, block + j] = through[i].T @ one
                bigger[block + j, i] = bigger[i, block + j].T
            for i, other in enumerate(NEW):
                bigger[block + j, block + i] = one.T @ other
        Q = bigger
        traces = _cluster_traces(point, sums.F)
        traces[:block, :block] += trace
        trace = traces
    return _finish(point, P, Q, trace, sums)


def _finish(point: Point, P: Array, Q: Array, trace: Array, sums: _Sums) -> Information:
    p, Phi = point.p, point.Phi
    R, second = _second_order(point, len(P), sums)
    expected = trace
    if point.likelihood.reml:
        PhiP = Phi @ P[:, :p, :p]
        crossed = np.tensordot(PhiP, PhiP, axes=((1, 2), (2, 1)))
        expected = trace - 2 * np.tensordot(Q[:, :, :p, :p], Phi, axes=((2, 3), (1, 0))) + crossed
    residual = P[:, :p, p]
    quadratic = Q[:, :, p, p] - residual @ Phi @ residual.T
    observed = 2 * quadratic - expected + second
    observed, expected = (observed + observed.T) / 2, (expected + expected.T) / 2
    return Information(P, Q, R, observed, expected, Phi)
