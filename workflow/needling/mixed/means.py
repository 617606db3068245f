"""Rows over the coefficients: marginal means, slopes and contrasts of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import gammaln

from .design import Design, columns_of, variables
from .errors import MixedModelError

Array = np.ndarray


@dataclass
class Rows:
    """Labelled rows of weights on the coefficients; of comparisons of two levels, the level and its reference."""

    labels: pd.DataFrame
    L: Array
    weights: str
    compared: list[tuple[Any, Any]] = field(default_factory=list)

    def as_dictionary(self, names: Sequence[str]) -> dict[str, dict[str, float]]:
        """Write the non-zero weights in plain form."""
        keys = [", ".join(str(value) for value in label) for label in self.labels.itertuples(index=False)]
        return {
            key: {name: float(value) for name, value in zip(names, row, strict=True) if abs(value) > 1e-14}
            for key, row in zip(keys, self.L, strict=True)
        }


def formula_variables(design: Design) -> list[str]:
    """List the columns of the data that the fixed part uses."""
    return variables(design.spec)


def fixed_matrix(design: Design, frame: pd.DataFrame) -> Array:
    """Compute the formula's columns for new rows."""
    return columns_of(design.spec, frame, "fixed part")


def _values(design: Design, name: str, at: Mapping[str, Any]) -> list[Any]:
    if name not in formula_variables(design):
        raise MixedModelError(
            f"'{name}' is not a variable of the formula; its variables are: {', '.join(formula_variables(design))}."
        )
    if name in at:
        given = at[name]
        if isinstance(given, (list, tuple, np.ndarray, pd.Series)) and not len(given):
            raise MixedModelError(f"`at` gives no value for '{name}'.")
        chosen = list(given) if isinstance(given, (list, tuple, np.ndarray, pd.Series)) else [given]
        unknown = [value for value in chosen if name in design.levels and value not in design.levels[name]]
        if unknown:
            raise MixedModelError(f"'{unknown[0]}' is not a level of '{name}'; its levels are: {design.levels[name]}.")
        if name not in design.levels and not all(isinstance(value, (int, float, np.number)) for value in chosen):
            raise MixedModelError(f"'{name}' is numeric: `at` needs numbers, not {chosen[0]!r}.")
        return chosen
    if name in design.levels:
        return design.levels[name]
    raise MixedModelError(f"'{name}' is numeric: say at which values, e.g. at={{'{name}': [0, 4]}}.")


def _typed(design: Design, frame: pd.DataFrame) -> pd.DataFrame:
    for name in frame.columns:
        if name in design.levels:
            frame[name] = frame[name].astype(pd.CategoricalDtype(design.levels[name]))
    return frame


def _grid(design: Design, by: Sequence[str], at: Mapping[str, Any]) -> pd.DataFrame:
    combos = list(product(*(_values(design, name, at) for name in by)))
    return pd.DataFrame(combos, columns=list(by)) if by else pd.DataFrame(index=[0])


def _balanced(design: Design, grid: pd.DataFrame, at: Mapping[str, Any]) -> tuple[pd.DataFrame, int]:
    """Cross the grid with all levels of the other categories; numeric variables at their mean."""
    others = [name for name in formula_variables(design) if name not in grid.columns]
    crossed = [name for name in others if name in design.levels or name in at]
    levels = [_values(design, name, at) for name in crossed]
    inner = pd.DataFrame(list(product(*levels)), columns=crossed) if crossed else pd.DataFrame(index=[0])
    for name in others:
        if name not in crossed:
            inner[name] = float(design.frame[name].mean())
    return grid.merge(inner, how="cross"), len(inner)


def _observed(design: Design, grid: pd.DataFrame, at: Mapping[str, Any]) -> tuple[pd.DataFrame, int]:
    """Repeat the used rows for each row of the grid, with the grid's values put in."""
    inner = design.frame[[name for name in formula_variables(design) if name not in grid.columns]].reset_index(
        drop=True
    )
    for name in at:
        if name in inner.columns:
            held = _values(design, name, at)
            if len(held) != 1:
                raise MixedModelError(f"With observed weights '{name}' can be held at one value, or be named in `by`.")
            inner[name] = held[0]
    inner = (
        inner.groupby(list(inner.columns), observed=True, sort=True).size().rename("_rows").reset_index()
        if len(inner.columns)
        else pd.DataFrame({"_rows": [len(inner)]})
    )
    return grid.merge(inner, how="cross"), len(inner)


def _average(
    design: Design, by: Sequence[str], at: Mapping[str, Any], weights: str, shift: tuple[str, float] | None = None
) -> tuple[pd.DataFrame, Array]:
    if weights not in ("balanced", "observed"):
        raise MixedModelError(f"The weights must be 'balanced' or 'observed', not '{weights}'.")
    unknown = [name for name in at if name not in formula_variables(design)]
    if unknown:
        raise MixedModelError(f"'{unknown[0]}' in `at` is not a variable of the formula.")
    grid = _grid(design, by, at)
    labels = grid.copy() if by else pd.DataFrame(index=[0])
    full, per_row = (_balanced if weights == "balanced" else _observed)(design, grid, at)
    share = full.pop("_rows").to_numpy(dtype=float) if "_rows" in full else np.ones(len(full))
    if shift:
        full[shift[0]] = full[shift[0]].astype(float) + shift[1]
    X = fixed_matrix(design, _typed(design, full))
    shares = share.reshape(len(grid), per_row)
    shares = shares / shares.sum(axis=1, keepdims=True)
    return labels, np.einsum("gi,gic->gc", shares, X.reshape(len(grid), per_row, -1))


def mean_rows(design: Design, by: Sequence[str], at: Mapping[str, Any], weights: str) -> Rows:
    """Give the rows of marginal means."""
    labels, L = _average(design, by, at, weights)
    return Rows(labels, L, weights)


def slope_rows(design: Design, covariate: str, by: Sequence[str], at: Mapping[str, Any], weights: str) -> Rows:
    """Give the rows of slopes: central differences of the formula's columns, exact for polynomials up to squares."""
    if covariate not in formula_variables(design) or covariate in design.levels:
        raise MixedModelError(f"A slope needs a numeric variable of the formula; '{covariate}' is not one.")
    several = covariate in at and np.ndim(at[covariate]) > 0 and covariate not in by
    by = [*by, covariate] if several else by
    step = 1e-4 * float(design.frame[covariate].std()) or 1e-4
    labels, L = _differences(design, covariate, by, at, weights, step)
    labels["covariate"] = covariate
    return Rows(labels, L, weights)


def _differences(
    design: Design, covariate: str, by: Sequence[str], at: Mapping[str, Any], weights: str, step: float
) -> tuple[pd.DataFrame, Array]:
    """Differentiate to second order: from both sides, and at the end of a spline's range from the side that exists."""
    sides: list[dict[int, float]] = [{1: 0.5, -1: -0.5}, {0: 1.5, -1: -2.0, -2: 0.5}, {0: -1.5, 1: 2.0, 2: -0.5}]
    for number, side in enumerate(sides):
        try:
            parts = [_average(design, by, at, weights, (covariate, steps * step)) for steps in side]
        except MixedModelError:
            if number == len(sides) - 1:
                raise
            continue
        L = np.stack([part[1] for part in parts])
        return parts[0][0], np.tensordot(list(side.values()), L, axes=1) / step
    raise AssertionError("the last side returns or raises")


def _contrasts(
    levels: list[Any], kind: str, reference: Any, coefficients: Mapping[str, Mapping[Any, float]] | None
) -> tuple[list[str], list[tuple[Any, Any]], Array]:
    if coefficients is not None:
        for weights in coefficients.values():
            unknown = [level for level in weights if level not in levels]
            if unknown:
                raise MixedModelError(
                    f"'{unknown[0]}' is not a level of the compared variable; its levels are: {levels}."
                )
        given = [[float(weights.get(level, 0)) for level in levels] for weights in coefficients.values()]
        return list(coefficients), [], np.array(given)
    if reference is not None and reference not in levels:
        raise MixedModelError(f"The reference '{reference}' is not among the levels: {levels}.")
    if len(levels) < 2:
        raise MixedModelError(f"A contrast needs two levels; there is one: {levels}.")
    base = levels.index(reference) if reference is not None else 0
    if kind in ("reference", "difference"):
        pairs = [(index, base) for index in range(len(levels)) if index != base]
    elif kind == "pairwise":
        pairs = [(second, first) for first, second in combinations(range(len(levels)), 2)]
    elif kind == "sequential":
        pairs = [(index, index - 1) for index in range(1, len(levels))]
    else:
        raise MixedModelError(
            f"'{kind}' is not a kind of contrast; known are: reference, pairwise, sequential, difference."
        )
    matrix = np.zeros((len(pairs), len(levels)))
    for row, (plus, minus) in enumerate(pairs):
        matrix[row, plus], matrix[row, minus] = 1, -1
    compared = [(levels[plus], levels[minus]) for plus, minus in pairs]
    return [f"{level} - {other}" for level, other in compared], compared, matrix


def contrast_rows(
    base: Rows,
    compared: Sequence[str],
    by: Sequence[str],
    kind: str,
    reference: Any,
    coefficients: Mapping[str, Mapping[Any, float]] | None,
) -> Rows:
    """Combine rows of means into contrasts over the combinations of the compared variables, repeated over `by`."""
    if not compared:
        raise MixedModelError("A contrast needs a variable that is compared.")
    own = base.labels[compared[0]]
    if len(compared) > 1:
        own = base.labels[list(compared)].astype(str).agg(", ".join, axis=1)
    levels = list(dict.fromkeys(own))
    names, pairs, matrix = _contrasts(levels, kind, reference, coefficients)
    outer = base.labels[list(by)].iloc[:: len(levels)].reset_index(drop=True) if by else pd.DataFrame(index=[0])
    L = base.L.reshape(len(outer), len(levels), -1)
    rows = np.einsum("kl,olc->okc", matrix, L)
    labels = outer.merge(pd.DataFrame({"contrast": names}), how="cross")
    if kind == "difference":
        if len(by) != 1:
            raise MixedModelError("Differences of differences need exactly one `by` variable.")
        values = outer[by[0]].tolist()
        rows = rows[1:] - rows[:1]
        labels = labels[len(names) :].reset_index(drop=True)
        labels["contrast"] = [
            f"({contrast}) at {value} - ({contrast}) at {values[0]}"
            for contrast, value in zip(labels["contrast"], labels[by[0]], strict=True)
        ]
    return Rows(labels, rows.reshape(-1, base.L.shape[1]), base.weights, pairs * len(rows))


def standardise(table: pd.DataFrame, sd: float, n_subjects: int) -> None:
    """Add the effect in standard deviations, with Hedges' small-sample factor of the row's own df."""
    if isinstance(sd, bool) or not isinstance(sd, (int, float, np.number)) or not 0 < sd < np.inf:
        raise MixedModelError(
            f"The standard deviation must be a number above zero, such as the pooled one of the baseline, not {sd!r}."
        )
    df = np.where(np.isfinite(table["df"]), table["df"], n_subjects)
    with np.errstate(invalid="ignore"):
        factor = np.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) / np.sqrt(df / 2)
    for name, source in (("effect", "estimate"), ("effect_low", "low"), ("effect_high", "high")):
        table[name] = table[source] * factor / sd
    table.attrs["sd"] = float(sd)
