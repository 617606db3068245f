"""Which columns of a design say something that those before them do not."""

from __future__ import annotations

import numpy as np

Array = np.ndarray

RANK_TOLERANCE = 1e-9  # length of what is new in a column of length 1, below which it is rounding


def independent_columns(X: Array) -> tuple[list[int], list[int]]:
    """Split columns into a basis, earlier columns first, and those that earlier ones determine; whatever their units."""
    norms = np.sqrt((X**2).sum(axis=0))
    safe = np.where(norms > 0, norms, 1.0)
    R: Array = np.asarray(np.linalg.qr(X / safe, mode="r"))
    basis = np.zeros((len(R), 0))
    kept: list[int] = []
    left: list[int] = []
    for column in range(X.shape[1]):
        vector = R[:, column]
        rest = vector - basis @ (basis.T @ vector)
        rest = rest - basis @ (basis.T @ rest)
        length = np.linalg.norm(rest)
        if norms[column] == 0 or length < RANK_TOLERANCE:
            left.append(column)
        else:
            kept.append(column)
            basis = np.column_stack([basis, rest / length])
    return kept, left
