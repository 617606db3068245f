"""Find the maximum of a model's likelihood and judge it."""

from __future__ import annotations

import numpy as np

from .judge import impossible, judge
from .model import Model
from .optimise import maximise, search
from .solution import Solution

Array = np.ndarray

SMALL_STUDY = 30  # subjects up to which more starts are cheap insurance against a local maximum


def solve(model: Model, start: Array | None = None) -> Solution:
    """Maximise the likelihood of a model and judge what came out; `start` makes it a warm start."""
    problem = impossible(model)
    if problem:
        return Solution(model, None, "failed", problem)
    starts = [start] if start is not None else [model.first_start(), *model.range_starts()]
    if start is None and model.design.n_subjects <= SMALL_STUDY:
        starts += model.other_starts()
    found = search(model.likelihood, starts)
    if found is None:
        return Solution(
            model, None, "failed", "The likelihood cannot be evaluated at the starting values (check the scale)."
        )
    for limit in model.nested_limits(found.point.free):
        nested = maximise(model.likelihood, limit)
        if nested is not None and nested.point.value < found.point.value - 1e-7:
            found = nested
    status, message, components = judge(model, found.point, found.converged)
    return Solution(model, found.point, status, message, components, found.iterations)
