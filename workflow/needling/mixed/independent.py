"""Which columns of a design say something that those before them do not."""

from __future__ import annotations

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

Array = np.ndarray

RANK_TOLERANCE = 1e-9  # length of what is new in a column of length 1, below which it is rounding


def triangular_factor(X: Array) -> tuple[Array, Array]:
    """Give Q and R of a tall matrix (scipy's keeps the columns together in memory, which numpy's sets down row by row)."""
    Q, R = linalg.qr(X, mode="economic", check_finite=False)
    return Q, R


def triangle(X: Array) -> Array:
    """Give R of a tall matrix alone."""
    return np.triu(lapack.dgeqrf(X)[0][: X.shape[1]])


def independent_columns(X: Array) -> tuple[list[int], list[int]]:
    """Split columns into a basis, earlier columns first, and those that earlier ones determine; whatever their units."""
    norms = np.sqrt((X**2).sum(axis=0))
    return split_columns(triangle(X / np.where(norms > 0, norms, 1.0)), norms)


def split_columns(R: Array, norms: Array) -> tuple[list[int], list[int]]:
    """Split columns by the triangle R of their QR factor at unit length, and their lengths."""
    if len(R) == len(norms) and (norms > 0).all() and (np.abs(R.diagonal()) >= RANK_TOLERANCE).all():
        return list(range(len(norms))), []
    basis = np.zeros((len(R), 0))
    kept: list[int] = []
    left: list[int] = []
    for column, norm in enumerate(norms):
        vector = R[:, column]
        rest = vector - basis @ (basis.T @ vector)
        rest = rest - basis @ (basis.T @ rest)
        length = np.linalg.norm(rest)
        if norm == 0 or length < RANK_TOLERANCE:
            left.append(column)
        else:
            kept.append(column)
            basis = np.column_stack([basis, rest / length])
    return kept, left
