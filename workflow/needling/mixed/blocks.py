"""The data of a model cut into small blocks whose covariance matrices are shared.

Subjects with the same pattern of visits and random-effect columns share a covariance matrix. The likelihood and all
its derivatives are sums of quadratic forms in such matrices, so that a pattern's subjects can be replaced by the few
pseudo-subjects (rows of a QR factor) that have the same cross-products. Where residuals are independent, a rotation
by each subject's own Q first splits off the rows that no random effect reaches: they enter as one cross-product.
Of the cluster effects, of which a subject meets few, only the pairs that meet are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import lapack

from .connected import Connected
from .stacks import FEW, laid, repeated

Array = np.ndarray

COMPRESS_FROM = (
    16  # subjects per pattern: below it a QR costs more than it saves, where blocks have few rows below four times it
)
RANK_TOLERANCE = 1e-14


@dataclass
class Patterns:
    """Distinct covariance patterns of one block size m: K patterns."""

    Z: Array  # (K, m, q)
    position: Array  # (K, m) visit of each row
    time: Array  # (K, m, dimensions)
    group: Array  # (K,)

    def __len__(self) -> int:
        """Count patterns."""
        return len(self.group)


@dataclass
class Bucket:
    """Blocks of one size m: N blocks in K patterns, sorted by pattern, c data columns, l local cluster columns."""

    patterns: Patterns
    count: Array  # (K,) how many real blocks a pattern stands for
    pattern: Array  # (N,)
    A: Array  # (N, m, c)
    U: Array  # (N, m, l)
    columns: Array  # (N, l): which cluster effect; the number of effects = padding
    connected: Connected
    weight: float = 1.0  # of each block in the sum: -1 for a row that two neighbouring pairs of a series share
    in_series: bool = False  # a part of longer series, of which quadratic forms of second order are not the sum

    def __post_init__(self) -> None:
        """Prepare sums over patterns and over cluster effects."""
        self.A, self.U, self.patterns.Z = laid(self.A), laid(self.U), laid(self.patterns.Z)
        self.n_blocks, self.size, _ = self.A.shape
        self.one_to_one = self.n_blocks == len(self.patterns) and bool((self.pattern == np.arange(self.n_blocks)).all())
        self.starts = np.searchsorted(self.pattern, np.arange(len(self.patterns)))
        self.empty = self.starts == np.append(self.starts[1:], self.n_blocks)
        self.n_effects = self.connected.n_effects
        if self.n_effects:
            flat = self.columns.ravel()
            self.gather = sparse.csr_array(
                (np.ones(len(flat)), (flat, np.arange(len(flat)))), shape=(self.n_effects + 1, len(flat))
            )
            self.slots = self.connected.slots(self.columns)

    def spread(self, per_pattern: Array) -> Array:
        """Repeat (K, ...) to (N, ...)."""
        return per_pattern if self.one_to_one else laid(per_pattern[self.pattern])

    def spread_all(self, per_pattern: Array) -> Array:
        """Repeat several stacks of matrices, (count, K, m, m) to (count, N, m, m)."""
        return per_pattern if self.one_to_one else repeated(per_pattern, self.pattern)

    def sum_patterns(self, per_block: Array) -> Array:
        """Sum (N, ...) to (K, ...)."""
        if self.one_to_one:
            return per_block
        total = np.add.reduceat(per_block, np.minimum(self.starts, self.n_blocks - 1), axis=0)
        total[self.empty] = 0
        return total

    def add_effects(self, local: Array) -> Array:
        """Sum (N, l, c) over blocks into (effects, c)."""
        return (self.gather @ local.reshape(-1, local.shape[2]))[:-1]

    def add_effect_pairs(self, local: Array) -> Array:
        """Sum (N, l, l) over blocks into the values on the pattern of the effects."""
        return np.bincount(self.slots, local.ravel(), self.connected.n_values + 1)[:-1]

    def local_rows(self, effects: Array) -> Array:
        """Take (effects, c) to (N, l, c); padding gives zeros."""
        padded = np.vstack([effects, np.zeros((1, effects.shape[1]))])
        return padded[self.columns]

    def local_pairs(self, values: Array) -> Array:
        """Take values on the pattern, and a zero behind them for padding, to (N, l, l)."""
        local = self.columns.shape[1]
        return values[self.slots].reshape(-1, local, local)


@dataclass
class Remainder:
    """The cross-products of all rows of a group that no random effect of a subject reaches: their variance is sigma^2 I."""

    group: int
    count: float  # rows
    AA: Array  # (c, c)
    UA: Array  # (effects, c)
    UU: Array  # values on the pattern of the effects


@dataclass
class Subjects:
    """The real subjects with m rows each, not compressed: n subjects in K patterns."""

    patterns: Patterns
    pattern: Array  # (n,)
    rows: Array  # (n, m) sorted row numbers
    subject: Array  # (n,) subject codes


@dataclass
class RowData:
    """What the blocks are cut from, row by row; weights are already multiplied in."""

    subjects: Array
    W: Array  # (rows, c) data columns
    Z: Array  # (rows, q)
    position: Array
    time: Array
    group: Array
    cluster_codes: list[Array]
    cluster_columns: list[Array]  # (rows, slopes)
    cluster_levels: list[int]

    @property
    def n_effects(self) -> int:
        """Count all cluster effects: levels times slopes over the factors."""
        return sum(
            levels * columns.shape[1] for levels, columns in zip(self.cluster_levels, self.cluster_columns, strict=True)
        )


def unique_rows(keys: Array) -> tuple[Array, Array]:
    """Find distinct rows: the index of a first occurrence of each, and each row's distinct number."""
    keys = np.ascontiguousarray(keys + 0.0)  # -0.0 becomes 0.0
    if keys.shape[1] == 0:
        return np.zeros(1, dtype=np.intp), np.zeros(len(keys), dtype=np.intp)
    mixed = np.zeros(len(keys))
    for column, factor in zip(keys.T, np.sqrt(np.arange(2, keys.shape[1] + 2)), strict=True):
        mixed = mixed * 0.6180339887498949 + column * factor  # the same operations for every row: equal rows stay equal
    _, first, inverse = np.unique(mixed, return_index=True, return_inverse=True)
    if len(first) == len(keys):
        return np.arange(len(keys)), np.arange(len(keys))
    if (keys == keys[first][inverse]).all():
        return first, inverse.ravel()
    void = keys.view(np.dtype((np.void, keys.dtype.itemsize * keys.shape[1]))).ravel()
    _, first, inverse = np.unique(void, return_index=True, return_inverse=True)
    return first, inverse.ravel()


def subject_buckets(data: RowData, continuous: bool) -> list[Subjects]:
    """Group the subjects by their number of rows and, within, by covariance pattern."""
    starts = np.flatnonzero(np.diff(data.subjects, prepend=-1))
    lengths = np.diff(np.append(starts, len(data.subjects)))
    grouped, placed = bool(data.group.any()), bool(data.position.any())
    buckets = []
    for size in np.unique(lengths):
        chosen = np.flatnonzero(lengths == size)
        rows = starts[chosen, None] + np.arange(size)
        Z = data.Z[rows]
        keys = [Z.reshape(len(rows), -1)]
        keys += [data.group[rows[:, :1]]] * grouped + [data.position[rows]] * placed
        keys += [data.time[rows].reshape(len(rows), -1)] * continuous
        first, pattern = unique_rows(np.concatenate(keys, axis=1, dtype=float))
        patterns = Patterns(Z[first], data.position[rows[first]], data.time[rows[first]], data.group[rows[first, 0]])
        buckets.append(Subjects(patterns, pattern, rows, data.subjects[starts[chosen]]))
    return buckets


def local_clusters(data: RowData, rows: Array) -> tuple[Array, Array]:
    """Give each block's own cluster columns (N, m, l) and which effects they belong to (N, l)."""
    parts, columns = [np.zeros((*rows.shape, 0))], [np.zeros((len(rows), 0), dtype=np.intp)]
    offset, padding = 0, data.n_effects
    for codes, values, levels in zip(data.cluster_codes, data.cluster_columns, data.cluster_levels, strict=True):
        met = codes[rows]
        new = np.ones(met.shape, dtype=bool)
        for later in range(1, met.shape[1]):
            new[:, later] = (met[:, :later] != met[:, later : later + 1]).all(axis=1)
        slot = np.cumsum(new, axis=1) - 1
        width, slopes = int(slot.max()) + 1, values.shape[1]
        level = np.full((len(rows), width), -1)
        block, row = np.nonzero(new)
        level[block, slot[block, row]] = met[block, row]
        belongs = met[:, :, None] == level[:, None, :]
        parts.append((belongs[..., None] * values[rows][:, :, None, :]).reshape(*rows.shape, -1))
        effect = offset + level[:, :, None] * slopes + np.arange(slopes)
        columns.append(np.where(level[:, :, None] < 0, padding, effect).reshape(len(rows), -1))
        offset += levels * slopes
    return np.concatenate(parts, axis=2), np.concatenate(columns, axis=1)


def _compressed(D: Array) -> Array:
    """Give a matrix with the same cross-products and as few rows as its rank."""
    packed, pivots, *_ = lapack.dgeqp3(D)
    triangle, pivots = np.triu(packed[: D.shape[1]]), pivots - 1
    diagonal = np.abs(np.diag(triangle))
    rank = int((diagonal > RANK_TOLERANCE * diagonal[0]).sum()) if diagonal.size else 0
    result = np.zeros((rank, D.shape[1]))
    result[:, pivots] = triangle[:rank]
    return result


def compress_bucket(
    patterns: Patterns, pattern: Array, A: Array, U: Array, columns: Array, connected: Connected
) -> Bucket:
    """Sort blocks by pattern and cluster columns; replace large groups by pseudo-blocks."""
    (blocks, size, width), n_effects = A.shape, connected.n_effects
    count = np.bincount(pattern, minlength=len(patterns)).astype(float)
    if not n_effects and len(patterns) == blocks and (pattern == np.arange(blocks)).all():
        return Bucket(patterns, count, pattern, A, U, columns, connected)
    if n_effects:
        _, key = unique_rows(np.column_stack([pattern, columns, U.reshape(blocks, -1)]).astype(float))
        order = np.lexsort((key, pattern))
    else:
        key, order = pattern, np.argsort(pattern, kind="stable")
    pattern, key, A, U, columns = pattern[order], key[order], A[order], U[order], columns[order]
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    lengths = np.diff(np.append(starts, blocks))
    large = lengths >= COMPRESS_FROM * (1 if size > FEW else 4)
    if not large.any():
        return Bucket(patterns, count, pattern, A, U, columns, connected)
    kept = np.repeat(~large, lengths)
    pieces = [(A[kept], U[kept], pattern[kept], columns[kept])]
    for start, length in zip(starts[large], lengths[large], strict=True):
        D = A[start : start + length].reshape(length, -1)
        if n_effects:
            D = np.column_stack([D, np.ones(length)])
        pseudo = _compressed(D)
        scale = pseudo[:, -1] if n_effects else np.zeros(len(pseudo))
        pieces.append(
            (
                pseudo[:, : size * width].reshape(-1, size, width),
                scale[:, None, None] * U[start],
                np.full(len(pseudo), pattern[start]),
                np.repeat(columns[start : start + 1], len(pseudo), axis=0),
            )
        )
    A, U, pattern, columns = (np.concatenate(part) for part in zip(*pieces, strict=True))
    order = np.argsort(pattern, kind="stable")
    return Bucket(patterns, count, pattern[order], A[order], U[order], columns[order], connected)


def _rotated(subjects: Subjects, data: Array) -> tuple[Array, Array, Array]:
    """Rotate each subject's data (n, m, c) by the Q of its own Z: R of each pattern, the rows reached, and what is left of all."""
    Q, R = np.linalg.qr(subjects.patterns.Z)
    Q = Q[subjects.pattern]
    reached = np.swapaxes(Q, 1, 2) @ data
    return R, reached, data - Q @ reached


def reached_patterns(R: Array, group: Array) -> Patterns:
    """Give the patterns of rotated rows, which lie at no visit and at no time."""
    nowhere = np.zeros(R.shape[:2])
    return Patterns(R, nowhere.astype(np.intp), nowhere[..., None], group)


def _split(
    data: RowData, buckets: list[Subjects], local: list[tuple[Array, Array]], connected: Connected, groups: int
) -> tuple[list[Bucket], list[Remainder]]:
    """Split each subject into the rows that its random effects reach and one common remainder."""
    q, width, effects = data.Z.shape[1], data.W.shape[1], data.n_effects
    remainders = [
        Remainder(number, 0.0, np.zeros((width, width)), np.zeros((effects, width)), np.zeros(connected.n_values))
        for number in range(groups)
    ]
    pieces: dict[int, list[tuple]] = {}
    for bucket, (U, columns) in zip(buckets, local, strict=True):
        rows, size = bucket.rows, bucket.rows.shape[1]
        reached = min(size, q)
        R, rotated, rest = _rotated(bucket, np.concatenate([data.W[rows], U], axis=2))
        if size > reached:
            for remainder in remainders:
                chosen: Array | slice = slice(None)
                if groups > 1:
                    chosen = bucket.patterns.group[bucket.pattern] == remainder.group
                _add_rest(remainder, rest[chosen], columns[chosen], connected)
                remainder.count += float(len(rest[chosen]) * (size - reached))
        if reached:
            patterns = reached_patterns(R, bucket.patterns.group)
            pieces.setdefault(reached, []).append(
                (patterns, bucket.pattern, rotated[..., :width], rotated[..., width:], columns)
            )
    result = [compress_bucket(*_joined(parts, effects), connected) for parts in pieces.values()]
    return result, [remainder for remainder in remainders if remainder.count]


def _add_rest(remainder: Remainder, rest: Array, columns: Array, connected: Connected) -> None:
    """Add the cross-products of blocks (N, m, c + l)."""
    width, effects = len(remainder.AA), connected.n_effects
    A, U = rest[..., :width], rest[..., width:]
    flat = A.reshape(-1, width)
    remainder.AA += flat.T @ flat
    if not effects:
        return
    transposed = np.swapaxes(U, 1, 2)
    each = columns.ravel()
    gather = sparse.csr_array((np.ones(len(each)), (each, np.arange(len(each)))), shape=(effects + 1, len(each)))
    remainder.UA += (gather @ (transposed @ A).reshape(-1, width))[:-1]
    remainder.UU += np.bincount(connected.slots(columns), (transposed @ U).ravel(), connected.n_values + 1)[:-1]


def _joined(parts: list[tuple], effects: int) -> tuple[Patterns, Array, Array, Array, Array]:
    """Put blocks of one size behind each other, padding the local cluster columns."""
    local = max(part[4].shape[1] for part in parts)
    patterns, numbers, A, U, columns, offset = [], [], [], [], [], 0
    for one, number, data, clusters, where in parts:
        patterns.append(one)
        numbers.append(number + offset)
        offset += len(one)
        A.append(data)
        extra = local - where.shape[1]
        U.append(np.pad(clusters, ((0, 0), (0, 0), (0, extra))) if extra else clusters)
        columns.append(np.pad(where, ((0, 0), (0, extra)), constant_values=effects) if extra else where)
    joined = Patterns(
        *(np.concatenate([getattr(one, name) for one in patterns]) for name in ("Z", "position", "time", "group"))
    )
    return joined, np.concatenate(numbers), np.concatenate(A), np.concatenate(U), np.concatenate(columns)


@dataclass
class Part:
    """Subjects with m rows each in the likelihood: of independent residuals those that random effects reach."""

    patterns: Patterns
    pattern: Array  # (n,)
    subject: Array  # (n,) subject codes
    A: Array  # (n, m, c)


@dataclass
class Apart:
    """What each subject of a model without clusters brings to the likelihood, before patterns are compressed."""

    parts: list[Part]  # one for each block of the likelihood
    group: Array  # (subjects,)
    count: Array  # (subjects,) rows that no random effect reaches
    AA: Array  # (subjects, c, c) their cross-products


def apart(data: RowData, buckets: list[Subjects]) -> Apart:
    """Keep the subjects of `unit_buckets` apart, so that fits to some of them need not cut the rows again."""
    subjects = int(data.subjects[-1]) + 1
    parts = [Part(one.patterns, one.pattern, one.subject, data.W[one.rows]) for one in buckets]
    return Apart(parts, np.zeros(subjects, dtype=np.intp), np.zeros(subjects), np.zeros((subjects, 0, 0)))


def block_of(part: Part, connected: Connected) -> Bucket:
    """Compress subjects that meet no clusters into a block."""
    return compress_bucket(part.patterns, part.pattern, part.A, *_no_clusters(part.A), connected)


def blocks_of(
    units: list[Bucket], of: Apart, subjects: Array, connected: Connected
) -> tuple[list[Bucket], list[Remainder]]:
    """Cut the blocks of some subjects, each as often as it is named; a block whose subjects are all named once is shared.

    Parameters
    ----------
    units : blocks of `unit_buckets`, one for each part.
    of : all subjects.
    subjects : codes of the subjects.
    connected : of no clusters.
    """
    times = np.bincount(subjects, minlength=len(of.count))
    buckets = []
    for unit, part in zip(units, of.parts, strict=True):
        drawn = np.repeat(np.arange(len(part.subject)), times[part.subject])
        if (times[part.subject] == 1).all():
            buckets.append(unit)
        elif len(drawn):
            present, pattern = np.unique(part.pattern[drawn], return_inverse=True)
            every = part.patterns
            patterns = Patterns(every.Z[present], every.position[present], every.time[present], every.group[present])
            buckets.append(block_of(Part(patterns, pattern, drawn, part.A[drawn]), connected))
    remainders = []
    for group in np.unique(of.group[(of.count * times) > 0]):
        mine = times * (of.group == group)
        AA = np.tensordot(mine, of.AA, axes=1)
        remainders.append(Remainder(int(group), float(mine @ of.count), AA, np.zeros((0, len(AA))), np.zeros(0)))
    return buckets, remainders


def _no_clusters(A: Array) -> tuple[Array, Array]:
    """Give the local cluster columns of blocks that have none, and to which effects they belong."""
    return np.zeros((*A.shape[:2], 0)), np.zeros((len(A), 0), dtype=np.intp)


def unit_buckets(
    data: RowData, buckets: list[Subjects], independent: bool, groups: int
) -> tuple[list[Bucket], list[Remainder], Connected]:
    """Cut the data into the compressed blocks of which the likelihood is a sum, and what independent residuals leave."""
    local = [local_clusters(data, bucket.rows) for bucket in buckets]
    slopes = [columns.shape[1] for columns in data.cluster_columns]
    connected = Connected([columns for _, columns in local], list(zip(data.cluster_levels, slopes, strict=True)))
    if independent:
        return *_split(data, buckets, local, connected, groups), connected
    result = [
        compress_bucket(bucket.patterns, bucket.pattern, data.W[bucket.rows], U, columns, connected)
        for bucket, (U, columns) in zip(buckets, local, strict=True)
    ]
    return result, [], connected
