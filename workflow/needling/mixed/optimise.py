"""Maximise a likelihood by Newton steps, damped where they would not help.

The Hessian is the average information and what the gradients on the way show it to lack (as in Dennis, Gay and Welsch's NL2SOL):
steps are nearly as few as with the whole Hessian, of which nothing has to be computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .likelihood import CholeskyBlock, Components, Likelihood, Point

Array = np.ndarray

DECREMENT = 1e-12  # in units of -2 log L: about 1e-6 standard errors of a covariance parameter
ACCEPTED = 1e-6  # where rounding stops the search above DECREMENT but below this, it has converged
NEAR = 1.0  # where -2 log L promises to fall by less, gradients on the way tell of the Hessian at the maximum
REJECTIONS = 14  # each makes the damping eight times stronger
LONGEST = 4.0  # free parameters are logarithms or relative factors: longer steps leave the model's validity


@dataclass
class Optimum:
    """Where the search ended, and whether it is a maximum."""

    point: Point
    converged: bool
    iterations: int
    decrement: float


def derivatives(point: Point) -> tuple[Array, Array]:
    """Give gradient and average information in free parameters, with the curvature of their map to the natural ones."""
    components = point.components
    jacobian = components.local_jacobian(point.free)
    gradient = point.gradient
    return jacobian.T @ gradient, jacobian.T @ point.average_information @ jacobian + components.curvature(gradient)


def curved(hessian: Array) -> tuple[Array, Array, Array]:
    """Give eigenvalues and eigenvectors of a Hessian at unit diagonal, and the scale that makes it so."""
    diagonal = np.abs(hessian.diagonal())
    scale = np.sqrt(np.maximum(diagonal, 1e-8 * max(diagonal.max(), 1e-300)))
    values, vectors = np.linalg.eigh(hessian / (scale[:, None] * scale))
    return values, vectors, scale


def learned(beyond: Array, step: Array, change: Array, hessian: Array) -> Array:
    """Correct what a Hessian lacks so that along a step it gives the change of the gradient; the same in any units."""
    along = change @ step
    if not along > 0:
        return beyond
    wrong = change - (hessian + beyond) @ step
    outer = np.outer(wrong, change / along)
    return beyond + outer + outer.T - (wrong @ step) * np.outer(change, change) / along**2


def maximise(likelihood: Likelihood, start: Array, iterations: int = 200, enough: float = DECREMENT) -> Optimum | None:
    """Search from `start` until the decrement is `enough`; None if the likelihood cannot be evaluated there."""
    point = likelihood.at(start)
    if point is None:
        return None
    damping, decrement, rejected = 0.0, np.inf, 0
    gradient, hessian = derivatives(point)
    beyond = np.zeros_like(hessian)
    for iteration in range(iterations):
        values, vectors, scale = curved(hessian + beyond)
        along = vectors.T @ (gradient / scale)
        curvature = np.maximum(np.abs(values), 1e-7)
        decrement = float((along**2 / curvature).sum())
        if decrement < enough:
            return Optimum(point, True, iteration, decrement)
        accepted = False
        for _ in range(REJECTIONS):
            step = -(vectors @ (along / (curvature + damping))) / scale
            longest = np.abs(step).max()
            if longest > LONGEST:
                step *= LONGEST / longest
            candidate = likelihood.at(point.free + step)
            slack = 1e-13 * (1 + abs(point.value)) if decrement < ACCEPTED else 0.0
            if candidate is not None and candidate.value <= point.value + slack:
                accepted = True
                break
            damping = max(8 * damping, 1e-3)
        if not accepted or candidate is None:
            return Optimum(point, decrement < ACCEPTED, iteration, decrement)
        gained = point.value - candidate.value
        rejected = rejected + 1 if gained <= 0 else 0
        point = candidate
        damping = 0.0 if damping < 1e-2 else damping / 8
        if rejected > 3:
            return Optimum(point, decrement < ACCEPTED, iteration, decrement)
        before, earlier = gradient, hessian
        gradient, hessian = derivatives(point)
        halfway = (earlier + hessian) / 2  # right to second order along the step
        beyond = learned(beyond, step, gradient - before, halfway) if decrement < NEAR else np.zeros_like(hessian)
    return Optimum(point, decrement < ACCEPTED, iterations, decrement)


def _escape(block: CholeskyBlock, free: Array, gradient: Array) -> Array | None:
    """Move a covariance off its boundary if the likelihood would rise there; None if it would not."""
    factor = block.factor(free)
    values, vectors = np.linalg.eigh(factor @ factor.T)
    null = vectors[:, values < 1e-7]
    if not null.shape[1]:
        return None
    slopes, directions = np.linalg.eigh(null.T @ block.square(gradient) @ null)
    if slopes[0] > -1e-3:
        return None
    direction = null @ directions[:, 0]
    moved = factor @ factor.T + 0.05 * np.outer(direction, direction) + 1e-6 * np.eye(block.size)
    return np.linalg.cholesky(moved)[block.indices]


def leave_false_boundary(components: Components, point: Point) -> Array | None:
    """Check the optimality of zero variances; give a better start if one of them should not be zero."""
    free = point.free.copy()
    random, _, clusters = components.slices
    blocks = [*components.random, *(block for _, block in components.clusters)]
    moved = False
    for block, where in zip(blocks, random + clusters, strict=True):
        better = _escape(block, free[where], point.gradient[where])
        if better is not None:
            free[where] = better
            moved = True
    return free if moved else None


def search(likelihood: Likelihood, starts: list[Array]) -> Optimum | None:
    """Maximise from the first start; look roughly from the others, and follow one to its end where it leads higher."""
    best = _from(likelihood, starts[0])
    for start in starts[1:]:
        rough = maximise(likelihood, start, 50, 1e-4)
        higher = rough is not None and (best is None or rough.point.value < best.point.value - 1e-4)
        unfinished = rough is not None and best is not None and not best.converged
        if rough is None or not (higher or unfinished):
            continue
        found = _from(likelihood, rough.point.free)
        if found is not None and (best is None or _better(found, best)):
            best = found
    return best


def _better(found: Optimum, best: Optimum) -> bool:
    if found.converged and not best.converged:
        return found.point.value < best.point.value + 1e-7
    return found.point.value < best.point.value - 1e-7


def _from(likelihood: Likelihood, start: Array) -> Optimum | None:
    """Maximise, and leave false boundaries."""
    found = maximise(likelihood, start)
    for _ in range(3):
        again = leave_false_boundary(likelihood.components, found.point) if found else None
        if found is None or again is None:
            break
        retried = maximise(likelihood, again)
        if retried is None or retried.point.value > found.point.value - 1e-9:
            break
        found = retried
    return found
