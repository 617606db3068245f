"""Profile likelihood intervals: values that a parameter may have before the likelihood, maximised over all others, is too low."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd
from scipy import optimize, stats

from .components import mean_variances, outer_map
from .design import Design
from .errors import MixedModelError
from .judge import parameter_names
from .likelihood import Likelihood
from .model import Model
from .optimise import curved, derivatives
from .solution import Solution
from .solving import solve

Array = np.ndarray

NOTHING = 1e-7  # a standard deviation relative to its estimate that stands for zero
FARTHEST = 40  # steps of one standard error after which a limit counts as infinite


@dataclass
class Constraint:
    """A function of the natural parameters, its gradient, and the range of its values."""

    value: Callable[[Array], float]
    slope: Callable[[Array], Array]
    lowest: float
    highest: float


def _standard_deviation(row: Array) -> Constraint:
    """The root of a linear function, which a variance in the user's coordinates is."""

    def value(theta: Array) -> float:
        return float(np.sqrt(max(row @ theta, 0)))

    return Constraint(value, lambda theta: row / (2 * max(value(theta), 1e-150)), 0.0, np.inf)


def _linear(row: Array, lowest: float, highest: float) -> Constraint:
    return Constraint(lambda theta: float(row @ theta), lambda theta: row, lowest, highest)


def _correlation(covariance: Array, first: Array, second: Array) -> Constraint:
    def value(theta: Array) -> float:
        return float(covariance @ theta / np.sqrt((first @ theta) * (second @ theta)))

    def slope(theta: Array) -> Array:
        spread = np.sqrt((first @ theta) * (second @ theta))
        return covariance / spread - value(theta) / 2 * (first / (first @ theta) + second / (second @ theta))

    return Constraint(value, slope, -1.0, 1.0)


def _constraints(fit: Solution) -> list[tuple[str, str, str, Constraint]]:
    """List component, term, quantity and constraint of each covariance parameter as standard deviation or correlation."""
    names, outer = parameter_names(fit.model), outer_map(fit)
    variance = {
        (component, term): row for (component, what, term), row in zip(names, outer, strict=True) if what == "variance"
    }
    result = []
    for (component, what, term), row in zip(names, outer, strict=True):
        pair = [(component, part) for part in term.split(", ")]
        if what == "variance":
            result.append((component, term, "standard deviation", _standard_deviation(row)))
        elif what == "covariance" and all(one in variance for one in pair):
            result.append((component, term, "correlation", _correlation(row, variance[pair[0]], variance[pair[1]])))
        elif what == "covariance":
            shared = variance[(component, "all visits")]
            result.append((component, term, "correlation", _correlation(row, shared, shared)))
        else:
            ends = (0.0, np.inf) if what == "range" else (-1.0, 1.0)
            result.append((component, term, what, _linear(row, *ends)))
    return result


def _root_of_share(part: Array, whole: Array) -> Constraint:
    """The root of a share of variance, whose slope does not vanish where the variance is zero."""

    def value(theta: Array) -> float:
        return float(np.sqrt(max(part @ theta, 0) / (whole @ theta)))

    def slope(theta: Array) -> Array:
        total = whole @ theta
        return (part - value(theta) ** 2 * whole) / (total * 2 * max(value(theta), 1e-150))

    return Constraint(value, slope, 0.0, 1.0)


def _held(likelihood: Likelihood, constraint: Constraint, value: float, start: Array) -> tuple[float, Array]:
    """Maximise the likelihood with one function of the parameters held at a value."""
    components = likelihood.components
    white = _whitening(likelihood, start)

    def objective(along: Array) -> tuple[float, Array]:
        free = start + white @ along
        point = likelihood.at(free)
        if point is None:
            return 1e10, np.zeros_like(free)
        return point.value, white.T @ components.local_jacobian(free).T @ point.gradient

    def miss(along: Array) -> float:
        return constraint.value(components.natural(start + white @ along)) - value

    def slope(along: Array) -> Array:
        free = start + white @ along
        return constraint.slope(components.natural(free)) @ components.jacobian(free) @ white

    found = optimize.minimize(
        objective,
        np.zeros_like(start),
        jac=True,
        method="SLSQP",
        constraints={"type": "eq", "fun": miss, "jac": slope},
        options={"ftol": 1e-9, "maxiter": 200},
    )
    met = abs(miss(found.x)) < 1e-6 * max(abs(value), 1e-3)
    return (float(found.fun), start + white @ found.x) if met else (np.nan, start)


def _whitening(likelihood: Likelihood, start: Array) -> Array:
    """Give directions along which -2 log L has a curvature of one, with which the search begins."""
    point = likelihood.at(start)
    if point is None:
        return np.eye(len(start))
    values, vectors, scale = curved(derivatives(point)[1])
    return vectors / np.sqrt(np.maximum(np.abs(values), 1e-3)) / scale[:, None]


def _limit(height: Callable[[float], float], estimate: float, step: float, end: float) -> float:
    """Walk from the estimate white an end until the profile is too high, then find where it crosses; the end if it never is."""
    inside = estimate
    for _ in range(FARTHEST):
        outside = inside + step
        if (outside - end) * step >= 0:
            outside = end if np.isfinite(end) else outside
        above = height(outside)
        if np.isnan(above):
            return np.nan
        if above > 0:
            try:
                return float(optimize.brentq(height, inside, outside, xtol=1e-9 * abs(step), rtol=1e-9))
            except ValueError:  # the profile could not be found at a value in between
                return np.nan
        if outside == end:
            return end
        inside = outside
    return np.sign(step) * np.inf


def _interval(fit: Solution, constraint: Constraint, estimate: float, error: float, cut: float) -> tuple[float, float]:
    likelihood, best = fit.model.likelihood, fit.point.value
    ends = []
    for sign, end in ((-1, constraint.lowest), (1, constraint.highest)):
        last = [fit.warm_start]
        inner = NOTHING * max(abs(estimate), error)
        wall = end + inner if end == 0 else end * (1 - 1e-6) if np.isfinite(end) else end

        @cache  # the ends between which the crossing lies are asked for twice
        def height(value: float, last: list[Array] = last) -> float:
            found, last[0] = _held(likelihood, constraint, value, last[0])
            if np.isnan(found):  # the last end is sometimes a corner that the search does not leave
                found, last[0] = _held(likelihood, constraint, value, fit.warm_start)
            # roots, because they rise nearly as a line, whose crossing is found in few steps
            return float(np.sqrt(np.maximum(found - best, 0)) - np.sqrt(cut))

        limit = _limit(height, estimate, sign * error, wall)
        ends.append(end if limit == wall else limit)
    return ends[0], ends[1]


def _without(design: Design, column: int) -> Design:
    """Leave a column of the fixed part out."""
    names = [name for number, name in enumerate(design.names) if number != column]
    return replace(design, X=np.delete(design.X, column, axis=1), names=names)


def _fixed(fit: Solution, column: int, estimate: float, error: float, cut: float) -> tuple[float, float]:
    """Profile a coefficient under full likelihood: its column times a value is a known part of the outcome."""
    design = fit.model.design
    x = design.X[:, column]
    model = Model(_without(design, column), fit.method)

    def height(value: float) -> float:
        found = solve(model.with_outcome(fit.model.y - value * x), fit.warm_start)
        return found.point.value - fit.point.value - cut if found.usable else np.nan

    low, high = (_limit(height, estimate, sign * error, sign * np.inf) for sign in (-1, 1))
    return low, high


def _asked(components: Sequence[str] | None, known: Iterable[str]) -> set[str]:
    """Give the components to profile: all that there are, or those named, each of which there must be."""
    there = list(dict.fromkeys(known))
    for name in components or ():
        if name not in there:
            raise MixedModelError(f"There is no component '{name}' to profile; there are: {', '.join(there)}.")
    return set(there if components is None else components)


def profile_intervals(
    fit: Solution, level: float, estimates: Array, errors: Array, components: Sequence[str] | None = None
) -> pd.DataFrame:
    """Give profile intervals; see `MixedFit.profile`. `estimates` and `errors` are those of the coefficients."""
    if not fit.usable or "residual" in fit.boundary:
        raise MixedModelError(f"There is no maximum to profile: {fit.message}")
    cut = float(stats.chi2.ppf(level, 1))
    rows = []
    theta = fit.point.theta
    W = fit.parameter_covariance("observed")[0]
    spread = fit.point.local @ W @ fit.point.local.T
    constraints = _constraints(fit)
    known = [component for component, *_ in constraints] + (["fixed"] if fit.method == "ml" else [])
    asked = _asked(components, known)
    for component, term, quantity, constraint in constraints:
        if component not in asked:
            continue
        estimate = constraint.value(theta)
        typical = fit.model.coordinates.scale if quantity == "standard deviation" else 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = constraint.slope(theta) @ spread @ constraint.slope(theta)
        error = (
            float(np.sqrt(variance)) if 0 < variance < typical**2 else 0.1 * typical
        )  # the step of the search, no more
        rows.append((component, term, quantity, estimate, *_interval(fit, constraint, estimate, error, cut)))
    if "fixed" in asked:
        for column, name in enumerate(fit.model.design.names):
            limits = (np.nan, np.nan)
            if np.isfinite(errors[column]):
                limits = _fixed(fit, column, float(estimates[column]), float(errors[column]), cut)
            rows.append(("fixed", name, "coefficient", float(estimates[column]), *limits))
    return pd.DataFrame(rows, columns=["component", "term", "quantity", "estimate", "low", "high"])


def share_intervals(fit: Solution, level: float, components: Sequence[str] | None = None) -> pd.DataFrame:
    """Give profile intervals of the shares of variance; see `MixedFit.icc`."""
    if not fit.usable or "residual" in fit.boundary:
        raise MixedModelError(f"There is no maximum to profile: {fit.message}")
    if fit.covariance_structure != "iid":
        raise MixedModelError("Shares of variance have profile intervals where residuals are independent ('iid').")
    cut, theta = float(stats.chi2.ppf(level, 1)), fit.point.theta
    at = mean_variances(fit, theta)
    # the mean variances are linear in the natural parameters
    steps = [mean_variances(fit, theta + one) for one in np.eye(len(theta))]
    rows = {name: np.array([step[name] - value for step in steps]) for name, value in at.items()}
    whole = np.sum(list(rows.values()), axis=0)
    W = fit.parameter_covariance("observed")[0]
    spread = fit.point.local @ W @ fit.point.local.T
    found = []
    asked = _asked(components, (name for name in rows if name != "residual"))
    for name, row in rows.items():
        if name not in asked:
            found.append((name, at[name], at[name] / sum(at.values()), np.nan, np.nan))
            continue
        constraint = _root_of_share(row, whole)
        estimate = constraint.value(theta)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # the search tries what cannot be
            variance = constraint.slope(theta) @ spread @ constraint.slope(theta)
            error = float(np.sqrt(variance)) if 0 < variance < 1 else 0.1  # the step of the search, no more
            low, high = _interval(fit, constraint, estimate, error, cut)
        found.append((name, at[name], estimate**2, low**2, high**2))
    return pd.DataFrame(found, columns=["component", "variance", "icc", "low", "high"])
