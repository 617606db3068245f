"""Information about the covariance parameters, and what Kenward and Roger build from it.

All matrices are along the local coordinates of `Components.local_map`, in which theta, the natural parameters, is linear;
nothing below but `covariance` depends on which linear coordinates are taken. With P_i = X'V^-1 V_i V^-1 X,
Q_ij = X'V^-1 V_i V^-1 V_j V^-1 X, R_ij = X'V^-1 V_ij V^-1 X and Phi = (X'V^-1 X)^-1, the Hessian of -2 log L is
-tr(P V_i P V_j) + 2 y'P V_i P V_j P y + tr(P V_ij) - y'P V_ij P y; its expectation is tr(P V_i P V_j).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .blocks import Bucket
from .likelihood import Point

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
        hessian = self.observed if kind == "observed" else self.expected
        scale = np.sqrt(np.abs(np.diag(hessian)))
        if not (scale > 0).all():
            return None
        values, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
        if values[0] <= 1e-10:
            return None
        return 2 * ((vectors / values) @ vectors.T) / np.outer(scale, scale)

    def adjusted(self, W: Array, linear: bool) -> Array:
        """Give Kenward and Roger's variance of beta."""
        p = len(self.Phi)
        P = self.P[:, :p, :p]
        inner = np.einsum("ij,ijab->ab", W, self.Q[:, :, :p, :p], optimize=True)
        inner = inner - np.einsum("ij,iab,bc,jcd->ad", W, P, self.Phi, P, optimize=True)
        if not linear:
            inner = inner - np.einsum("ij,ijab->ab", W, self.R, optimize=True) / 4
        inner = (inner + inner.T) / 2
        return self.Phi + 2 * self.Phi @ inner @ self.Phi


def _whitened(point: Point, index: int) -> Array:
    Linv = point.Linv[index]
    return Linv @ point.derivatives[index] @ np.swapaxes(Linv, 1, 2)


def _spread_product(bucket: Bucket, per_pattern: Array, right: Array) -> Array:
    return np.stack([bucket.spread(one) @ right for one in per_pattern])


def _flat_cross(C: Array) -> Array:
    """Sum C_i'C_j over blocks and rows: (t, N, m, c) -> (t, t, c, c)."""
    count, _, _, columns = C.shape
    flat = np.moveaxis(C, 0, 2).reshape(-1, count * columns)
    return (flat.T @ flat).reshape(count, columns, count, columns).transpose(0, 2, 1, 3)


class _Sums:
    """Sums over all blocks for the subject and residual parameters."""

    def __init__(self, point: Point):
        t = point.components.n_parameters - len(point.cluster_bases)
        c, effects = point.p + 1, len(point.K)
        self.P = np.zeros((t, c, c))
        self.Q = np.zeros((t, t, c, c))
        self.trace = np.zeros((t, t))
        self.J = np.zeros((t, effects, c))
        self.F = np.zeros((t, effects, effects))
        for index, bucket in enumerate(point.buckets):
            M = _whitened(point, index)
            weighted = M * bucket.count[:, None, None]
            self.trace += weighted.reshape(t, -1) @ M.reshape(t, -1).T
            LW, LU = point.LW[index], point.LU[index]
            C = _spread_product(bucket, M, LW)
            flat = LW.reshape(-1, c)
            self.P += np.stack([flat.T @ one.reshape(-1, c) for one in C])
            self.Q += _flat_cross(C)
            if effects:
                self._add_clusters(bucket, M, C, LU, point.K)
        if effects:
            self.Q -= np.einsum("iea,ef,jfb->ijab", self.J, point.K, self.J, optimize=True)
            KF = point.K @ self.F
            self.trace += np.einsum("iab,jba->ij", KF, KF, optimize=True)

    def _add_clusters(self, bucket: Bucket, M: Array, C: Array, LU: Array, K: Array) -> None:
        transposed = np.swapaxes(LU, 1, 2)
        D = _spread_product(bucket, M, LU)
        local = bucket.local_pairs(K)
        DK = np.stack([one @ local for one in D])
        self.trace -= 2 * DK.reshape(len(D), -1) @ D.reshape(len(D), -1).T
        self.J += np.stack([bucket.add_effects(transposed @ one) for one in C])
        self.F += np.stack([bucket.add_effect_pairs(transposed @ one) for one in D])


def _second_order(point: Point, where_total: int) -> tuple[Array, Array]:
    """Give R_ij and the second-order part of the Hessian."""
    p = point.p
    R = np.zeros((where_total, where_total, p, p))
    hessian = np.zeros((where_total, where_total))
    for index, bucket in enumerate(point.buckets):
        for where, second in point.components.second_derivatives(point.theta, bucket.patterns, point.local):
            Linv, X = point.Linv[index], point.LW[index][..., :p]
            for i in range(len(second)):
                for j in range(i, len(second)):
                    if not second[i, j].any():
                        continue
                    first, other = where.start + i, where.start + j
                    inner = Linv @ second[i, j] @ np.swapaxes(Linv, 1, 2)
                    value = X.reshape(-1, p).T @ (bucket.spread(inner) @ X).reshape(-1, p)
                    curvature = float(np.vdot(second[i, j], point.block_scores[index]))
                    R[first, other] += value
                    hessian[first, other] += curvature
                    if first != other:
                        R[other, first] += value
                        hessian[other, first] += curvature
    return R, hessian


def information(point: Point) -> Information:
    """Collect all pieces at a fit."""
    sums = _Sums(point)
    P, Q, trace = sums.P, sums.Q, sums.trace
    bases = point.cluster_bases
    if bases:
        w, kernel = point.UVW, point.UVU
        EW = [basis @ w for basis in bases]
        through = np.stack([J - point.H @ (point.K @ J) for J in sums.J]) if len(sums.J) else sums.J
        left = np.eye(len(point.K)) - point.H @ point.K
        outer = np.stack([left @ F @ left.T for F in sums.F]) if len(sums.F) else sums.F
        block, total = len(P), len(P) + len(bases)
        c = P.shape[1]
        P = np.concatenate([P, np.stack([w.T @ one for one in EW])])
        bigger = np.zeros((total, total, c, c))
        bigger[:block, :block] = Q
        traces = np.zeros((total, total))
        traces[:block, :block] = trace
        for j, basis in enumerate(bases):
            for i in range(block):
                bigger[i, block + j] = through[i].T @ EW[j]
                bigger[block + j, i] = bigger[i, block + j].T
                traces[i, block + j] = traces[block + j, i] = float(np.vdot(basis, outer[i]))
            for i, other in enumerate(bases):
                bigger[block + i, block + j] = EW[i].T @ kernel @ EW[j]
                traces[block + i, block + j] = float(np.vdot(other @ kernel, kernel @ basis))
        Q, trace = bigger, traces
    return _finish(point, P, Q, trace)


def _finish(point: Point, P: Array, Q: Array, trace: Array) -> Information:
    p, Phi = point.p, point.Phi
    R, second = _second_order(point, len(P))
    expected = trace
    if point.likelihood.reml:
        PhiP = Phi @ P[:, :p, :p]
        crossed = np.einsum("iab,jba->ij", PhiP, PhiP, optimize=True)
        expected = trace - 2 * np.einsum("ab,ijba->ij", Phi, Q[:, :, :p, :p], optimize=True) + crossed
    residual = P[:, :p, p]
    quadratic = Q[:, :, p, p] - residual @ Phi @ residual.T
    observed = 2 * quadratic - expected + second
    observed, expected = (observed + observed.T) / 2, (expected + expected.T) / 2
    return Information(P, Q, R, observed, expected, Phi)
