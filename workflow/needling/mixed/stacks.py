"""Stacks of many small matrices, (N, rows, columns).

A library of linear algebra needs longer to be called than to multiply two rows with two others. Stacks of up to `FEW` rows are
therefore laid out with N last in memory, so that a product is a few passes over whole columns of numbers; larger
matrices go to the library one by one.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

Array = np.ndarray

FEW = 4  # rows up to which passes over the stack are faster than a call per matrix
ROUNDING = 1e-15  # share of a variance below which what is left of it is rounding
LARGE = 64  # rows from which LAPACK's own inverse of a triangle is faster than a loop over its rows


def laid(stack: Array) -> Array:
    """Lay a stack out as its number of rows asks for."""
    return np.asfortranarray(stack) if stack.shape[1] <= FEW else np.ascontiguousarray(stack)


def empty(count: int, stack: int, rows: int, columns: int) -> Array:
    """Make room for several stacks, (count, N, rows, columns), each laid out as its number of rows asks for."""
    if rows <= FEW:
        return np.empty((count, columns, rows, stack)).transpose(0, 3, 2, 1)
    return np.empty((count, stack, rows, columns))


def flat(stack: Array) -> Array:
    """Put the rows of all matrices below each other, in an order that only their number decides: (N rows, columns)."""
    return stack.reshape(-1, stack.shape[2], order="F" if stack.shape[1] <= FEW else "C")


def flats(stacks: Array) -> Array:
    """Put the rows of all matrices of each of several stacks beside each other: (count, columns, N rows)."""
    count, _, rows, columns = stacks.shape
    if rows <= FEW:
        return stacks.transpose(0, 3, 2, 1).reshape(count, columns, -1)
    return stacks.reshape(count, -1, columns).swapaxes(1, 2)


def repeated(stacks: Array, numbers: Array) -> Array:
    """Take matrices by number from several stacks, (count, K, rows, columns) to (count, N, rows, columns)."""
    if stacks.shape[2] > FEW:
        return stacks[:, numbers]
    return stacks.transpose(0, 3, 2, 1).take(numbers, axis=3).transpose(0, 3, 2, 1)


def times(stack: Array, matrix: Array) -> Array:
    """Multiply each matrix of a stack with the same one from the right."""
    if stack.shape[1] > FEW:
        return (flat(stack) @ matrix).reshape(*stack.shape[:2], -1)
    return (matrix.T @ flat(stack).T).T.reshape(*stack.shape[:2], matrix.shape[1], order="F")


def product(left: Array, right: Array) -> Array:
    """Multiply two stacks, matrix by matrix; a stack of one stands for any number."""
    rows, columns = left.shape[1], right.shape[2]
    if rows > FEW or min(columns, left.shape[2]) > FEW:
        return left @ right
    return np.einsum("iak,bik->bak", left.T, right.T).T


def products(lefts: Array, right: Array) -> Array:
    """Multiply each of several stacks, (count, N, rows, inner), with one stack: (count, N, rows, columns)."""
    rows, inner = lefts.shape[2:]
    if rows > FEW or min(inner, right.shape[2]) > FEW:
        return lefts @ right
    return np.einsum("tiak,bik->tbak", lefts.transpose(0, 3, 2, 1), right.T).transpose(0, 3, 2, 1)


def cross(left: Array, right: Array) -> Array:
    """Sum left'right over a stack."""
    return flat(left).T @ flat(right)


def sums_of_products(stacks: Array, one: Array) -> Array:
    """Sum the products of elements, of each of several stacks (count, N, rows, columns) with one stack: (count,)."""
    if one.shape[1] <= FEW:
        stacks, one = stacks.transpose(0, 3, 2, 1), one.transpose(2, 1, 0)
    return stacks.reshape(len(stacks), -1) @ one.ravel()


def inverse_factors(B: Array) -> tuple[Array, Array]:
    """Give L^-1 and log|B| of each matrix of a stack, B = LL'."""
    size = B.shape[1]
    L = _factor(B) if size <= FEW else np.linalg.cholesky(B)
    logarithm = 2 * np.log(np.diagonal(L, axis1=1, axis2=2)).sum(axis=1)
    if size >= LARGE:
        return np.stack([lapack.dtrtri(one, lower=1)[0] for one in L]), logarithm
    inverse = np.zeros_like(L)
    for row in range(size):  # forward substitution, vectorised over the stack
        diagonal = 1 / L[:, row, row]
        inverse[:, row, row] = diagonal
        if size <= FEW:
            for column in range(row):
                inner = sum(L[:, row, k] * inverse[:, k, column] for k in range(column, row))
                inverse[:, row, column] = -diagonal * inner
        elif row:
            inverse[:, row, :row] = -diagonal[:, None] * (L[:, None, row, :row] @ inverse[:, :row, :row])[:, 0]
    return inverse, logarithm


def _factor(B: Array) -> Array:
    """Factor a stack of small matrices column by column; raise where one is not positive definite."""
    stack, size, _ = B.shape
    L = empty(1, stack, size, size)[0]
    L.fill(0)
    for column in range(size):
        for row in range(column, size):
            left = B[:, row, column]
            for k in range(column):
                left = left - L[:, row, k] * L[:, column, k]
            if row > column:
                L[:, row, column] = left / L[:, column, column]
            elif (left > ROUNDING * B[:, row, row]).all():
                L[:, row, row] = np.sqrt(left)
            else:
                raise np.linalg.LinAlgError("not positive definite")
    return L
