"""Long series of one subject in time proportional to their length.

Where the residual process is Markov (a first-order autoregression, ante-dependence, the exponential in one dimension), the
density of a series is that of its neighbouring pairs over that of the rows that two pairs share. log|B|, B^-1 and all
that is linear in B^-1 and its derivatives are therefore sums over pairs, with the shared rows counted -1; rows of equal
distance share one 2 x 2 covariance matrix. What is quadratic, B^-1 B_i B^-1 B_j B^-1, comes from the innovations:
with B = LL', L^-1 has one diagonal below its own, and L^-1 B_i B^-1 = -L' d(B^-1)/di.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from .blocks import Bucket, Patterns, RowData, compress_bucket, local_clusters, subject_buckets, unique_rows
from .connected import Connected
from .structures import Structure

Array = np.ndarray

LONG = 24  # rows of a subject from which pairs are cheaper than a whole matrix


@dataclass
class Series:
    """All rows of long series behind each other, and where in the buckets of pairs and of shared rows each one stands."""

    A: Array  # (N, c)
    U: Array  # (N, l) columns of the subject's own clusters
    slots: Array  # (n l l,) values of each subject's pairs of effects
    subject: Array  # (N,) 0..n-1
    second: Array  # rows that close a pair
    pair_pattern: Array
    shared: Array  # rows that two pairs share
    shared_pattern: Array
    columns: Array  # (n, l)
    pairs: int  # number of their bucket
    singles: int

    def adjusted(self, residual: Array, effects: Array) -> Array:
        """Give the adjusted [X r] row by row; see `Point.adjusted`."""
        W = self.A @ residual
        if self.U.shape[1]:
            padded = np.vstack([effects, np.zeros((1, effects.shape[1]))])
            W = W + np.einsum("nl,nlc->nc", self.U, padded[self.columns][self.subject])
        return W

    def whitened(self, inverses: list[Array], derivatives: list[Array], W: Array) -> Array:
        """Give L^-1 B_i B^-1 W for each parameter of the residuals, (t, N, c), from L^-1 and B_i of all buckets."""
        inner = [_inner(inverses[bucket], derivatives[bucket]) for bucket in (self.pairs, self.singles)]
        upper, lower = self.second - 1, self.second
        t, rows = len(inner[0]), len(self.A)
        diagonal = np.zeros((t, rows))
        diagonal[:, upper] += inner[0][:, self.pair_pattern, 0, 0]
        diagonal[:, lower] += inner[0][:, self.pair_pattern, 1, 1]
        diagonal[:, self.shared] -= inner[1][:, self.shared_pattern, 0, 0]
        beside = inner[0][:, self.pair_pattern, 0, 1]
        factor = self._innovations(inverses[self.pairs])
        result = np.empty((t, rows, W.shape[1]))
        for number in range(t):
            moved = diagonal[number, :, None] * W
            moved[upper] += beside[number, :, None] * W[lower]
            moved[lower] += beside[number, :, None] * W[upper]
            result[number] = lapack.dtbtrs(factor, moved, uplo="L", trans="T")[0]
        return result

    def _innovations(self, pairs: Array) -> Array:
        """Give L^-1 of all rows as LAPACK's band: the diagonal, and what stands below it."""
        band = np.zeros((2, len(self.A)))
        band[0, self.second] = pairs[self.pair_pattern, 1, 1]
        band[1, self.second - 1] = pairs[self.pair_pattern, 1, 0]
        first = np.flatnonzero(np.diff(self.subject, prepend=-1))
        opens = np.searchsorted(self.second, first + 1)
        band[0, first] = pairs[self.pair_pattern[opens], 0, 0]
        return band

    def times_local(self, D: Array, values: Array) -> Array:
        """Multiply (t, N, l) with each subject's own block of a matrix over the cluster effects."""
        width = D.shape[2]
        local = values[self.slots].reshape(-1, width, width)
        return np.einsum("tnl,nlk->tnk", D, local[self.subject])


def _inner(Linv: Array, derivatives: Array) -> Array:
    """Give B^-1 B_i B^-1 of each pattern."""
    inverse = np.swapaxes(Linv, 1, 2) @ Linv
    return inverse @ derivatives @ inverse


@dataclass
class Cut:
    """The blocks of a model with long series."""

    buckets: list[Bucket]
    series: Series
    connected: Connected


def cut(data: RowData, structure: Structure) -> Cut:
    """Cut long subjects into pairs and shared rows, the others into whole blocks."""
    subjects = subject_buckets(data, structure.name == "exponential")
    short = [one for one in subjects if one.rows.shape[1] <= LONG]
    rows = np.sort(np.concatenate([one.rows.ravel() for one in subjects if one.rows.shape[1] > LONG]))
    local = [local_clusters(data, one.rows) for one in short]
    U, columns, subject = _long_columns(data, rows)
    slopes = [one.shape[1] for one in data.cluster_columns]
    connected = Connected([*(own for _, own in local), columns], list(zip(data.cluster_levels, slopes, strict=True)))
    buckets = [
        compress_bucket(one.patterns, one.pattern, data.W[one.rows], *own, connected)
        for one, own in zip(short, local, strict=True)
    ]
    same = np.diff(subject) == 0
    second, shared = np.flatnonzero(same) + 1, np.flatnonzero(same[:-1] & same[1:]) + 1
    pair, pair_pattern = _bucket(data, np.column_stack([rows[second - 1], rows[second]]), structure, connected, 1.0)
    single, shared_pattern = _bucket(data, rows[shared, None], structure, connected, -1.0)
    slots = connected.slots(columns) if columns.shape[1] else np.zeros(0, dtype=np.intp)
    at = len(buckets)
    series = Series(
        data.W[rows], U, slots, subject, second, pair_pattern, shared, shared_pattern, columns, at, at + 1
    )  # fmt: skip
    return Cut([*buckets, pair, single], series, connected)


def _long_columns(data: RowData, rows: Array) -> tuple[Array, Array, Array]:
    """Give each series' own cluster columns: U (N, l), their effects (n, l), and the number of each row's series (N,)."""
    starts = np.flatnonzero(np.diff(data.subjects[rows], prepend=-1))
    pieces = [local_clusters(data, part[None]) for part in np.split(rows, starts[1:])]
    width = max(columns.shape[1] for _, columns in pieces)
    U = [np.pad(one[0], ((0, 0), (0, width - one.shape[2]))) for one, _ in pieces]
    columns = [np.pad(one, ((0, 0), (0, width - one.shape[1])), constant_values=data.n_effects) for _, one in pieces]
    subject = np.repeat(np.arange(len(pieces)), [len(one) for one in U])
    return np.concatenate(U), np.concatenate(columns), subject


def _bucket(
    data: RowData, rows: Array, structure: Structure, connected: Connected, weight: float
) -> tuple[Bucket, Array]:
    """Cut blocks of one or two rows; also the pattern of each."""
    first, pattern = unique_rows(_keys(data, rows, structure))
    chosen = rows[first]
    time = data.time[chosen] - data.time[chosen[:, :1]]
    nothing = np.zeros((*chosen.shape, 0))
    patterns = Patterns(nothing, data.position[chosen], time, data.group[chosen[:, 0]])
    bucket = compress_bucket(patterns, pattern, data.W[rows], *local_clusters(data, rows), connected)
    bucket.weight, bucket.in_series = weight, True
    return bucket, pattern


def _keys(data: RowData, rows: Array, structure: Structure) -> Array:
    """Give what the covariance of rows depends on: their distance, or which visits they are."""
    group = data.group[rows[:, 0]]
    if structure.name == "exponential":
        return np.column_stack([group, data.time[rows[:, -1], 0] - data.time[rows[:, 0], 0]])
    position = data.position[rows]
    if structure.name == "ar1" and structure.times is not None:
        return np.column_stack([group, structure.times[position[:, -1]] - structure.times[position[:, 0]]]).astype(
            float
        )
    return np.column_stack([group, position]).astype(float)
