"""Cluster-robust variance of the fixed effects: CR0, CR1 and the bias-reduced CR2 with its degrees of freedom.

With independent groups g, residuals r_g and V_g the fitted covariance,
V_CR = Phi (sum_g X_g'V_g^-1 A_g r_g r_g'A_g'V_g^-1 X_g) Phi; A_g = I for CR0, times G / (G - 1) for CR1, and
A_g = D'(D (V_g - X_g Phi X_g') D')^(+1/2) D with V_g = D'D for CR2 (Pustejovsky and Tipton 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import MixedModelError
from .rows import FitRows, dense_covariance
from .solution import Solution

Array = np.ndarray

LARGEST_GROUP = 4000  # rows: the square root of a matrix of this size takes a minute


@dataclass
class Sandwich:
    """A robust variance and what its degrees of freedom need."""

    variance: Array  # (p, p) inner coordinates
    Phi: Array
    n_groups: int
    df: str
    n_rows: int
    E: Array | None  # (G, p, p) T'VT with T = A V^-1 X
    F: Array | None  # (G, p, p) X'T

    def degrees_of_freedom(self, inner: Array) -> Array:
        """Give Satterthwaite's df of each row under CR2, or groups - 1, rows - p, infinity."""
        count = len(inner)
        if self.df == "asymptotic":
            return np.full(count, np.inf)
        if self.df == "residual":
            return np.full(count, float(self.n_rows - len(self.Phi)))
        if self.E is None or self.F is None:
            return np.full(count, float(self.n_groups - 1))
        return np.array([self._single(row) for row in inner @ self.Phi])

    def _single(self, row: Array) -> float:
        assert self.E is not None
        assert self.F is not None
        a = np.einsum("a,gab,b->g", row, self.E, row, optimize=True)
        b = self.F @ row
        bPb = np.einsum("ga,ab,gb->g", b, self.Phi, b, optimize=True)
        mixed = self.Phi @ (b.T @ b)
        trace = a.sum() - bPb.sum()
        square = (a**2).sum() - 2 * (a * bPb).sum() + np.trace(mixed @ mixed)
        return float(trace**2 / square) if square > 0 else np.nan

    def joint(self, inner: Array) -> tuple[float, float]:
        """Give the scaling of Wald's F and the denominator df: Hotelling's approximation under CR2."""
        rank = len(inner)
        if self.E is None or self.F is None or self.df != "satterthwaite":
            return 1.0, float(self.degrees_of_freedom(inner[:1])[0])
        rows = inner @ self.Phi
        expected = np.einsum("sa,gab,tb->st", rows, self.E, rows, optimize=True)
        b = np.einsum("gab,sb->sga", self.F, rows)
        expected = expected - np.einsum("sga,ab,tgb->st", b, self.Phi, b, optimize=True)
        values, vectors = np.linalg.eigh(expected)
        root = (vectors / np.sqrt(values)) @ vectors.T
        total = self._total_variance(root @ rows)
        eta = rank * (rank + 1) / total
        return (eta - rank + 1) / eta, eta - rank + 1

    def _total_variance(self, rows: Array) -> float:
        """Sum the variances of all elements of the standardised robust variance of several rows."""
        assert self.E is not None
        assert self.F is not None
        rank = len(rows)
        a = np.einsum("sa,gab,tb->stg", rows, self.E, rows, optimize=True)
        b = np.einsum("gab,sb->sga", self.F, rows)
        bPb = np.einsum("sga,ab,tgb->stg", b, self.Phi, b, optimize=True)
        M = np.einsum("sga,tgb->stab", b, b, optimize=True)
        PM = self.Phi @ M
        total = 0.0
        for s in range(rank):
            for t in range(rank):
                first = (a[s, s] * a[t, t] - a[s, s] * bPb[t, t] - a[t, t] * bPb[s, s]).sum()
                second = (a[s, t] ** 2 - 2 * a[s, t] * bPb[s, t]).sum()
                total += first + second + np.trace(PM[s, t] @ PM[t, s]) + np.trace(PM[t, s] @ PM[t, s])
        return float(total)


def _groups(fit: Solution, name: str | None) -> tuple[Array, str]:
    """Give a code per sorted row, and refuse groups that the model itself does not hold independent."""
    design = fit.model.design
    if name is None or name == design.subject_name:
        codes, label = design.subjects, design.subject_name
    else:
        found = [one for one in design.clusters if one.name == name]
        if found:
            codes = found[0].codes
        else:
            raise MixedModelError(
                f"The sandwich can be taken by '{design.subject_name}' or by a cluster of the model "
                f"({', '.join(one.name for one in design.clusters) or 'there is none'}), not by '{name}'."
            )
        label = name
    for other, other_codes in [
        (design.subject_name, design.subjects),
        *((one.name, one.codes) for one in design.clusters),
    ]:
        pairs = np.unique(np.column_stack([other_codes, codes]), axis=0)
        if len(pairs) > len(np.unique(other_codes)):
            raise MixedModelError(
                f"The sandwich by '{label}' takes its levels for independent, but a level of '{other}' in the model "
                f"spans several of them (choose groups that contain every '{other}')."
            )
    return codes, label


def _batches(fit: Solution, codes: Array, by_subject: bool) -> list[tuple[Array, Array]]:
    """Give rows (n, m) and V (n, m, m) of groups of one size."""
    rows: FitRows = fit.rows
    if by_subject:
        return [(bucket.rows, rows.covariance(bucket)[bucket.pattern]) for bucket in fit.model.subjects]
    batches = []
    for code in np.unique(codes):
        chosen = np.flatnonzero(codes == code)
        if len(chosen) > LARGEST_GROUP:
            raise MixedModelError(f"A group of {len(chosen)} rows is too large for CR2 (choose variance='CR1').")
        batches.append((chosen[None], dense_covariance(rows, chosen)[None]))
    return batches


def sandwich(fit: Solution, variance: str, groups: str | None, df: str) -> Sandwich:
    """Compute the robust variance "CR0", "CR1" or "CR2" by groups (the subjects if None); `df` names its degrees of freedom."""
    codes, label = _groups(fit, groups)
    rows: FitRows = fit.rows
    p, Phi = fit.point.p, fit.point.Phi
    count = len(np.unique(codes))
    if variance in ("CR0", "CR1"):
        scores = np.zeros((int(codes.max()) + 1, p))
        np.add.at(scores, codes, rows.XR[:, :p] * rows.weighted[:, p:])
        scale = count / (count - 1) if variance == "CR1" else 1.0
        return Sandwich(scale * Phi @ scores.T @ scores @ Phi, Phi, count, df, fit.n_observations, None, None)
    E, F, scores_list = [], [], []
    for index, weighted in _batches(fit, codes, label == fit.model.design.subject_name):
        root = fit.model.root_weights[index]  # CR2 is defined on the outcomes themselves, not on weighted rows
        V = weighted / (root[:, :, None] * root[:, None, :])
        X, r = rows.XR[index][..., :p] / root[..., None], rows.XR[index][..., p] / root
        T = _bias_reduced(V, X, Phi)
        scores_list.append(np.einsum("gmp,gm->gp", T, r))
        transposed = np.swapaxes(T, 1, 2)
        E.append(transposed @ V @ T)
        F.append(np.swapaxes(X, 1, 2) @ T)
    scores = np.concatenate(scores_list)
    return Sandwich(
        Phi @ scores.T @ scores @ Phi, Phi, count, df, fit.n_observations, np.concatenate(E), np.concatenate(F)
    )


def _bias_reduced(V: Array, X: Array, Phi: Array) -> Array:
    """Give A V^-1 X of CR2 for a batch of groups."""
    L = np.linalg.cholesky(V)
    D = np.swapaxes(L, 1, 2)
    B = D @ (V - X @ Phi @ np.swapaxes(X, 1, 2)) @ L
    values, vectors = np.linalg.eigh(B)
    kept = values > 1e-10 * values.max(axis=1, keepdims=True)
    power = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    root = (vectors * power[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    return L @ root @ D @ np.linalg.solve(V, X)
