"""Points and transformations of the plane, as PDF and SVG write them."""

import math

Point = tuple[float, float]
Matrix = tuple[float, float, float, float, float, float]
SAME: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def times(first: Matrix, then: Matrix) -> Matrix:
    """One transformation after another."""
    a, b, c, d, e, f = first
    k, l, m, n, o, p = then  # noqa: E741 - letters in their order
    return a * k + b * m, a * l + b * n, c * k + d * m, c * l + d * n, e * k + f * m + o, e * l + f * n + p


def moved(point: Point, matrix: Matrix) -> Point:
    """Where a transformation brings a point."""
    a, b, c, d, e, f = matrix
    return a * point[0] + c * point[1] + e, b * point[0] + d * point[1] + f


def stretch(matrix: Matrix) -> float:
    """By how much a transformation enlarges lengths: the root of its determinant."""
    a, b, c, d = matrix[:4]
    return math.sqrt(abs(a * d - b * c))
