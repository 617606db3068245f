"""Formulas of columns and their interactions, such as "1 + week * arm": read without the machinery that functions need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from formulaic.transforms.contrasts import TreatmentContrasts

Array = np.ndarray


@dataclass(frozen=True)
class Coding:
    """How a category is coded, named as in formulaic: by treatment, against its first level."""

    levels: list[Any]
    contrasts: TreatmentContrasts


@dataclass(frozen=True)
class PlainSpec:
    """An intercept, columns of numbers, categories against their first level, and products; asked like formulaic's ModelSpec."""

    formula: Any
    column_names: tuple[str, ...]
    terms: dict[str, list[int]]  # each term's columns
    parts: tuple[tuple[tuple[str, int], ...], ...]  # what each column multiplies: names, of categories with a level
    levels: dict[str, list[Any]]

    @property
    def factor_contrasts(self) -> dict[Any, Coding]:
        """Give the coding of each category by its factor."""
        factors = {str(factor.expr): factor for term in self.formula for factor in term.factors}
        return {factors[name]: Coding(levels, TreatmentContrasts()) for name, levels in self.levels.items()}

    def get_model_matrix(self, frame: pd.DataFrame, **_: Any) -> Array:
        """Give the columns of some rows; ValueError where a category holds a level that the fit has not."""
        return self.matrix(frame, len(frame))

    def matrix(self, frame: Mapping[str, pd.Series] | pd.DataFrame, rows: int) -> Array:
        """Give the same of columns by name, which need not be a frame."""
        columns = {name: self._read(frame[name], name) for name in {name for one in self.parts for name, _ in one}}
        result = np.ones((rows, len(self.parts)), order="F")
        for number, part in enumerate(self.parts):
            for name, level in part:
                result[:, number] *= columns[name] == level if name in self.levels else columns[name]
        return result

    def _read(self, column: pd.Series, name: str) -> Array:
        if name not in self.levels:
            return column.to_numpy(dtype=float)
        category = column.array
        if isinstance(category, pd.Categorical) and list(category.categories) == self.levels[name]:
            codes: Array = category.codes
        else:
            codes = pd.Index(self.levels[name]).get_indexer(pd.Index(column.to_numpy(dtype=object)))
        if (codes < 0).any():
            raise ValueError(f"'{name}' holds a level that the fit does not know")
        return codes


def plain(formula: Any, frame: Mapping[str, pd.Series] | pd.DataFrame) -> PlainSpec | None:
    """Read a formula of columns and products of columns; None where it has anything else.

    Also None where a category would need a column for every level: without an intercept, or in an interaction beside which what
    remains without the category is no term of its own.
    """
    terms = [tuple(str(factor.expr) for factor in term.factors) for term in formula]
    kinds = {str(factor.expr): factor.eval_method.value for term in formula for factor in term.factors}
    levels: dict[str, list[Any]] = {}
    for name, kind in kinds.items():
        if name == "1":
            continue
        column = frame.get(name)
        if kind != "lookup" or not isinstance(column, pd.Series):
            return None
        if isinstance(column.dtype, pd.CategoricalDtype):
            levels[name] = list(column.dtype.categories)
            if len(levels[name]) < 2:
                return None
        elif column.dtype.kind not in "iuf":
            return None
    present = {frozenset(term) - {"1"} for term in terms}
    if any(frozenset(term) - {"1", name} not in present for term in terms for name in term if name in levels):
        return None
    names: list[str] = []
    parts: list[tuple[tuple[str, int], ...]] = []
    own: dict[str, list[int]] = {}
    for term, written in zip(terms, formula, strict=True):
        factors = [name for name in term if name != "1"]
        choices = [
            [(name, level) for level in range(1, len(levels[name]))] if name in levels else [(name, 0)]
            for name in factors
        ]
        # the first factor's level changes fastest, as in formulaic
        columns = [tuple(reversed(one)) for one in product(*reversed(choices))]
        own[str(written)] = list(range(len(parts), len(parts) + len(columns)))
        parts += columns
        names += [":".join(_written(name, level, levels) for name, level in one) or "Intercept" for one in columns]
    return PlainSpec(formula, tuple(names), own, tuple(parts), levels)


def _written(name: str, level: int, levels: dict[str, list[Any]]) -> str:
    return f"{name}[T.{levels[name][level]}]" if name in levels else name
