"""Formulas that name columns and nothing else, such as "1 + week": read without the machinery that codes and functions need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray


@dataclass(frozen=True)
class PlainSpec:
    """An intercept and columns of numbers as they are; for other rows it is asked like formulaic's ModelSpec."""

    formula: Any
    column_names: tuple[str, ...]  # "Intercept", or a column of the data

    @property
    def terms(self) -> dict[str, list[int]]:
        """Give each term's columns."""
        return {str(term): [number] for number, term in enumerate(self.formula)}

    def get_model_matrix(self, frame: pd.DataFrame, **_: Any) -> Array:
        """Give the columns of some rows."""
        result = np.ones((len(frame), len(self.column_names)))
        for number, term in enumerate(self.formula):
            if str(term) != "1":
                result[:, number] = frame[self.column_names[number]].to_numpy(dtype=float)
        return result


def plain(formula: Any, frame: pd.DataFrame) -> PlainSpec | None:
    """Read a formula whose terms are the intercept and single columns of numbers; None where it has any other."""
    names = []
    for term in formula:
        factor, *others = term.factors
        name, kind = str(factor.expr), factor.eval_method.value
        if others or (name != "1" and kind != "lookup"):
            return None
        if name != "1":
            column = frame.get(name)
            if not isinstance(column, pd.Series) or not pd.api.types.is_numeric_dtype(column.dtype):
                return None
            if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_complex_dtype(column.dtype):
                return None
        names.append("Intercept" if name == "1" else name)
    return PlainSpec(formula, tuple(names))
