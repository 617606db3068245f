"""Symmetric matrices over the cluster effects: sparse where subjects meet, whole within what hangs together.

Two effects meet where a subject has rows of both. U'B^-1 U is zero between all others, so that it is kept as the values on
its pattern. The inverse that eliminates the clusters has no such zeros, but is zero between effects that no chain of
subjects connects: it is kept as one square per connected component, components of one size in a stack.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse.csgraph import connected_components

Array = np.ndarray

SMALL = 48  # effects up to which numpy's loops over stacks are faster than single calls of LAPACK
SPARSE = 1 / 8  # share of values that are not zero up to which a sparse product is faster
AT_ONCE = 4_000_000  # numbers in one array
LARGEST = 7_000  # connected effects: at 7,000 the squares of one fit take 3.5 GiB


class Connected:
    """The pattern of a symmetric matrix over the cluster effects, and its connected components."""

    def __init__(self, columns: list[Array], clusters: list[tuple[int, int]]):
        """Take the effects that each block meets, (N, l) with the number of effects as padding, and (levels, slopes)."""
        self.clusters = clusters
        self.n_effects = sum(levels * slopes for levels, slopes in clusters)
        if not self.n_effects:
            self._nothing()
            return
        own = [sparse.kron(sparse.eye_array(levels), np.ones((slopes, slopes))) for levels, slopes in clusters]
        meets = sparse.csr_array(sparse.block_diag(own))
        for one in columns:
            blocks = np.repeat(np.arange(len(one)), one.shape[1])
            real = one.ravel() < self.n_effects
            shape = (len(one), self.n_effects)
            met = sparse.csr_array((np.ones(real.sum()), (blocks[real], one.ravel()[real])), shape=shape)
            meets = meets + met.T @ met
        meets.sort_indices()
        self.columns, self.pointers = meets.indices, meets.indptr
        self.rows = np.repeat(np.arange(self.n_effects), np.diff(meets.indptr))
        self._keys = self.rows.astype(np.int64) * (self.n_effects + 1) + self.columns
        self.n_values = len(self.columns)
        self._find_components(meets)
        self._find_levels()

    def _nothing(self) -> None:
        """Hold no effects: most models have no clusters, and nothing has to be looked for."""
        none = np.zeros(0, dtype=np.intp)
        self.columns, self.pointers, self.rows, self._keys = none, np.zeros(1, dtype=np.intp), none, none
        self.stack_of, self.flat_of, self.n_values, self.largest = none, none, 0, 0
        self.stacks: list[Array] = []
        self.values_of: list[Array] = []
        self.place_of: list[Array] = []
        self._find_levels()

    def _find_components(self, meets: sparse.csr_array) -> None:
        """List the effects of the components by size: one (components, size) array per size."""
        _, label = connected_components(meets, directed=False)
        size = np.bincount(label)[label]
        order = np.lexsort((np.arange(self.n_effects), label, size))
        sizes, starts = np.unique(size[order], return_index=True)
        parts = np.split(order, starts[1:])
        self.stacks = [part.reshape(-1, length) for part, length in zip(parts, sizes, strict=True)]
        self.largest = int(sizes[-1])
        self.values_of, self.place_of = [], []
        place = np.full(self.n_effects, -1)
        self.stack_of, self.flat_of = np.zeros(self.n_effects, dtype=np.intp), np.zeros(self.n_effects, dtype=np.intp)
        for number, stack in enumerate(self.stacks):
            length = stack.shape[1]
            self.stack_of[stack], self.flat_of[stack.ravel()] = number, np.arange(stack.size)
            place[:] = -1
            place[stack.ravel()] = np.arange(stack.size)
            own = np.flatnonzero(place[self.rows] >= 0)
            self.values_of.append(own)
            self.place_of.append(place[self.rows[own]] * length + place[self.columns[own]] % length)

    def _find_levels(self) -> None:
        """Locate each factor's effects in the stacks, (slopes, levels there), and its values, (slopes, values)."""
        self.level_rows: list[list[Array]] = [[] for _ in self.stacks]
        self.level_values: list[Array] = []
        self.diagonal: list[Array] = []
        at = 0
        for levels, slopes in self.clusters:
            effects = at + np.arange(levels * slopes).reshape(levels, slopes).T
            at += levels * slopes
            pair = effects.T[:, :, None] * np.int64(self.n_effects + 1) + effects.T[:, None, :]
            self.diagonal.append(np.searchsorted(self._keys, pair))
            mine = np.flatnonzero((self.rows >= effects[0, 0]) & (self.rows <= effects[-1, -1]))
            slope = (self.rows[mine] - effects[0, 0]) % slopes
            self.level_values.append(np.stack([mine[slope == number] for number in range(slopes)]))
            for rows, stack in zip(self.level_rows, self.stacks, strict=True):
                place = np.full(self.n_effects, -1)
                place[stack.ravel()] = np.arange(stack.size)
                found = place[effects]
                rows.append(found[:, found[0] >= 0])

    def slots(self, columns: Array) -> Array:
        """Number the value of each pair of a block's effects, (N, l) to flat (N l l); padding has the last number."""
        pair = columns[:, :, None] * np.int64(self.n_effects + 1) + columns[:, None, :]
        found = np.searchsorted(self._keys, pair)
        padded = columns == self.n_effects
        found[padded[:, :, None] | padded[:, None, :]] = self.n_values
        return found.ravel()

    def matrix(self, values: Array) -> sparse.csr_array:
        """Give values on the pattern as a sparse matrix."""
        return sparse.csr_array((values, self.columns, self.pointers), shape=(self.n_effects, self.n_effects))

    def whole(self, values: Array, number: int) -> Array:
        """Give values on the pattern as a stack of squares."""
        components, size = self.stacks[number].shape
        result = np.zeros(components * size * size)
        result[self.place_of[number]] = values[self.values_of[number]]
        return result.reshape(components, size, size)

    def pick(self, number: int, stack: Array, values: Array) -> None:
        """Write the values where effects meet of a stack of squares into those of the pattern."""
        values[self.values_of[number]] = stack.reshape(-1)[self.place_of[number]]

    def picked(self, stacks: list[Array]) -> Array:
        """Give the values where effects meet of all stacks."""
        values = np.empty(self.n_values)
        for number, stack in enumerate(stacks):
            self.pick(number, stack, values)
        return values

    def times(self, values: Array, number: int, stack: Array) -> Array:
        """Multiply values on the pattern with a stack of squares from the right."""
        members = self.stacks[number]
        components, size = members.shape
        if size <= SMALL or len(self.values_of[number]) > SPARSE * components * size**2:
            return self.whole(values, number) @ stack
        whole = self.matrix(values)
        if components == 1:
            own = members[0]
            return (whole[own][:, own] @ stack[0])[None]
        return np.stack([whole[own][:, own] @ one for own, one in zip(members, stack, strict=True)])

    def per_level(self, number: int, matrices: list[Array], stack: Array) -> Array:
        """Multiply a stack with the block-diagonal matrix that has a factor's small matrix at each of its levels."""
        result = np.zeros(stack.shape)  # in C order, so that `flat` is a view
        given, flat = stack.reshape(-1, stack.shape[2]), result.reshape(-1, stack.shape[2])
        for matrix, rows in zip(matrices, self.level_rows[number], strict=True):
            for i, j in zip(*np.nonzero(matrix), strict=True):
                flat[rows[i]] += matrix[i, j] * given[rows[j]]
        return result

    def eliminate(self, values: Array, factors: list[Array]) -> tuple[Squares, float]:
        """Give K = Lambda (I + Lambda'H Lambda)^-1 Lambda' and the log-determinant of the bracket.

        `values` are those of H, `factors` the lower triangles of which Lambda has one per level.
        """
        only_intercepts = all(slopes == 1 for _, slopes in self.clusters)
        scale = np.repeat([one[0, 0] for one in factors], [levels for levels, _ in self.clusters])
        result, logarithm = [], 0.0
        for number, members in enumerate(self.stacks):
            if only_intercepts:  # the same as below, without passing over whole squares
                inner = self.whole(values * scale[self.rows] * scale[self.columns], number)
            else:
                inner = self.per_level(number, [one.T for one in factors], self.whole(values, number))
                inner = self.per_level(number, [one.T for one in factors], np.swapaxes(inner, 1, 2))
            inner[:, np.arange(members.shape[1]), np.arange(members.shape[1])] += 1
            inverse, own = _inverted(inner)  # eigenvalues of the bracket are one or more: the inverse is harmless
            logarithm += own
            if only_intercepts:
                inverse *= scale[members][:, :, None]
                inverse *= scale[members][:, None, :]
            else:
                inverse = np.swapaxes(self.per_level(number, factors, inverse), 1, 2)
                inverse = self.per_level(number, factors, inverse)
            result.append(inverse)
        return Squares(self, result), logarithm

    def level_sums(self, values: Array) -> list[Array]:
        """Sum the diagonal blocks of the levels, per factor (slopes, slopes)."""
        return [values[where].sum(axis=0) for where in self.diagonal]

    def product_level_sums(self, left: Array, right: Array) -> list[Array]:
        """Sum the diagonal blocks of A B', both given by their values on the pattern."""
        return [left[where] @ right[where].T for where in self.level_values]

    def whole_level_sums(self, number: int, left: Array, right: Array) -> list[Array]:
        """Sum the diagonal blocks of A B' of one stack of squares."""
        A, B = left.reshape(-1, left.shape[2]), right.reshape(-1, right.shape[2])
        return [
            np.array([[np.einsum("ab,ab->", A[one], B[other]) for other in rows] for one in rows])
            for rows in self.level_rows[number]
        ]


class Squares:
    """A symmetric matrix over the cluster effects that is whole within each connected component."""

    __array_ufunc__ = None  # so that an array on the left asks this class

    def __init__(self, pattern: Connected, stacks: list[Array]):
        """Keep one (components, size, size) array per size of component."""
        self.pattern = pattern
        self.stacks = stacks

    def __matmul__(self, other: Array) -> Array:
        """Multiply (effects,) or (effects, c)."""
        columns = other if other.ndim == 2 else other[:, None]
        result = np.zeros(columns.shape)
        for members, stack in zip(self.pattern.stacks, self.stacks, strict=True):
            result[members] = stack @ columns[members]
        return result.reshape(other.shape)

    def __rmatmul__(self, other: Array) -> Array:
        """Multiply (c, effects) from the left."""
        return (self @ other.T).T

    def entries(self, rows: Array, columns: Array) -> Array:
        """Give single values, of any shape; zero between components, and at the number of effects, which is padding."""
        rows, columns = np.broadcast_arrays(rows, columns)
        result = np.zeros(rows.shape)
        real = (rows < self.pattern.n_effects) & (columns < self.pattern.n_effects)
        first, second = np.where(real, rows, 0), np.where(real, columns, 0)
        for number, stack in enumerate(self.stacks):
            size = stack.shape[1]
            row, column = self.pattern.flat_of[first], self.pattern.flat_of[second]
            here = real & (self.pattern.stack_of[first] == number) & (self.pattern.stack_of[second] == number)
            here &= row // size == column // size
            result[here] = stack.reshape(-1, size)[row[here], column[here] % size]
        return result

    def squares(self, values: Array, columns: Array) -> Array:
        """Give a'Ka of rows a, (rows, l) values at (rows, l) effects, which may repeat."""
        result = np.zeros(len(values))
        step = max(1, AT_ONCE // max(1, columns.shape[1] ** 2))
        for start in range(0, len(values), step):
            part = slice(start, start + step)
            own = self.entries(columns[part, :, None], columns[part, None, :])
            result[part] = np.einsum("ra,rab,rb->r", values[part], own, values[part])
        return result

    @cached_property
    def values(self) -> Array:
        """Give the values where effects meet, and a zero behind them for padding."""
        return np.append(self.pattern.picked(self.stacks), 0.0)


def _inverted(stack: Array) -> tuple[Array, float]:
    """Invert positive definite squares; also the sum of their log-determinants."""
    if stack.shape[1] <= SMALL:
        factor = np.linalg.cholesky(stack)
        inverse = np.linalg.inv(factor)
        logarithm = 2 * float(np.log(np.diagonal(factor, axis1=1, axis2=2)).sum())
        return np.swapaxes(inverse, 1, 2) @ inverse, logarithm
    logarithm = 0.0
    for square in stack:
        # the transpose is in LAPACK's order, so that both calls work in place: its lower triangle is the upper one here
        factor, failed = lapack.dpotrf(square.T, lower=1, overwrite_a=1, clean=0)
        if failed:
            raise np.linalg.LinAlgError("not positive definite")
        logarithm += 2 * float(np.log(np.diagonal(factor)).sum())
        inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
        upper = inverse.T
        for start in range(0, len(upper), SMALL):
            rows = slice(start, start + SMALL)
            upper[rows, rows] = np.triu(upper[rows, rows]) + np.triu(upper[rows, rows], 1).T
            upper[start + SMALL :, rows] = upper[rows, start + SMALL :].T
        square[:] = upper
    return stack, logarithm
