"""Rows of independent residuals without clusters: each subject's rotated so that random effects reach the first few only.

With Z_i = Q_i R_i a subject's rows y_i become Q_i'y_i, whose covariance is R_i G R_i' + sigma^2 I, and what is left of them,
of covariance sigma^2 I, which enters as one cross-product. All subjects are rotated at once, in passes over the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .blocks import Apart, Bucket, Part, Remainder, RowData, block_of, reached_patterns, unique_rows
from .connected import Connected

Array = np.ndarray

NEW = 1e-10  # share of a column's length in a subject: what is new in it is rounding below


@dataclass
class Rotated:
    """All rows after rotation; n subjects, q random-effect columns, c data columns."""

    R: Array  # (n, q, q), zeros in a row that a subject's columns do not reach
    A: Array  # (n, q, c)
    reached: Array  # (n, q) whether a column says something new of the subject
    rest: Array  # (c, rows)
    starts: Array  # (n,) first row
    lengths: Array  # (n,) rows
    group: Array  # (n,)

    @property
    def count(self) -> Array:
        """Count the rows of each subject that no random effect reaches."""
        return (self.lengths - self.reached.sum(axis=1)).astype(float)


def rotated(data: RowData) -> Rotated:
    """Rotate by Gram and Schmidt within each subject, against earlier columns twice, which is enough."""
    starts = np.flatnonzero(np.diff(data.subjects, prepend=-1))
    lengths = np.bincount(data.subjects)
    n, q, c = len(starts), data.Z.shape[1], data.W.shape[1]
    R, A = np.zeros((q, q, n)).T, np.zeros((c, q, n)).T
    reached = np.zeros((n, q), dtype=bool)
    rest = np.array(data.W.T, order="C")
    basis: list[Array] = []
    for number in range(q):
        column = data.Z[:, number].copy()
        size = np.bincount(data.subjects, column**2)
        for earlier, one in [*enumerate(basis), *enumerate(basis)]:
            inner = np.bincount(data.subjects, one * column)
            R[:, earlier, number] += inner
            column -= np.repeat(inner, lengths) * one
        left = np.bincount(data.subjects, column**2)
        new = left > NEW**2 * size
        length = np.sqrt(left, where=new, out=np.zeros(n))
        R[:, number, number], reached[:, number] = length, new
        column *= np.repeat(np.divide(1, length, where=new, out=np.zeros(n)), lengths)
        for place in range(c):  # one by one, so that what a pass needs stays near the processor
            A[:, number, place] = inner = np.bincount(data.subjects, column * rest[place])
            rest[place] -= np.repeat(inner, lengths) * column
        basis.append(column)
    return Rotated(R, A, reached, rest, starts, lengths, data.group[starts])


def _parts(rows: Rotated) -> list[Part]:
    """Group the subjects by how many rows are reached, and by pattern."""
    n, q, _ = rows.A.shape
    rank = rows.reached.sum(axis=1)
    parts = []
    for size in np.flatnonzero(np.bincount(rank[rank > 0])):
        own = np.flatnonzero(rank == size)
        if size == q and len(own) == n:
            R, A, group = rows.R, rows.A, rows.group
        else:
            kept = np.argsort(~rows.reached[own], axis=1, kind="stable")[:, :size, None]
            R, A = (np.take_along_axis(one[own], kept, axis=1) for one in (rows.R, rows.A))
            group = rows.group[own]
        first, pattern = unique_rows(np.column_stack([R.reshape(len(own), -1), group]))
        parts.append(Part(reached_patterns(R[first], group[first]), pattern, own, A))
    return parts


def cut(data: RowData, connected: Connected) -> tuple[list[Bucket], list[Remainder]]:
    """Cut the compressed blocks of which the likelihood is a sum, and what no random effect reaches of each group."""
    rows = rotated(data)
    count, remainders = rows.count, []
    for group in np.flatnonzero(np.bincount(rows.group[count > 0])):
        mine = rows.group == group
        rest = rows.rest if mine.all() else rows.rest[:, np.repeat(mine, rows.lengths)]
        AA = rest @ rest.T
        remainders.append(Remainder(int(group), float(count[mine].sum()), AA, np.zeros((0, len(AA))), np.zeros(0)))
    return [block_of(part, connected) for part in _parts(rows)], remainders


def apart(data: RowData) -> Apart:
    """Keep the subjects apart, so that fits to some of them need not rotate the rows again."""
    rows = rotated(data)
    AA = np.empty((len(rows.starts), len(rows.rest), len(rows.rest)))
    for number, row in enumerate(rows.rest):
        products = np.add.reduceat(row * rows.rest[number:], rows.starts, axis=1)
        AA[:, number, number:] = AA[:, number:, number] = products.T
    return Apart(_parts(rows), rows.group, rows.count, AA)
