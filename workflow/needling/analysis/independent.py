"""Which columns of a design say something that those before them do not."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def independent_columns(X: "np.ndarray") -> list[int]:
    """Columns to keep, in order: each one that the columns before it do not determine."""
    import numpy as np

    scaled = X / np.maximum(np.linalg.norm(X, axis=0), np.finfo(float).tiny)
    kept: list[int] = []
    basis = np.zeros((len(X), 0))
    for i in range(X.shape[1]):
        rest = scaled[:, i] - basis @ (basis.T @ scaled[:, i])
        rest -= basis @ (basis.T @ rest)
        if np.linalg.norm(rest) > 1e-9:
            kept.append(i)
            basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
    return kept
