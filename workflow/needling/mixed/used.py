"""The rows and columns of a user's data that a model uses, in whole rows only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd

from .errors import MixedModelError

Array = np.ndarray


@dataclass
class Used:
    """Columns by name, and which of their rows are used: a frame is made of them only where somebody asks for one."""

    columns: dict[str, pd.Series]
    n_rows: int
    chosen: Array | None = None  # positions in the columns; None: all in their order

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Give the used rows as a frame with the index of the data."""
        frame = pd.DataFrame(self.columns)
        return frame if self.chosen is None else frame.iloc[self.chosen]

    def take(self, rows: Array) -> Used:
        """Choose some of the used rows, perhaps more than once."""
        return Used(self.columns, len(rows), rows if self.chosen is None else self.chosen[rows])

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the frame, which can be made again."""
        return {name: value for name, value in self.__dict__.items() if name != "frame"}


def complete_rows(data: pd.DataFrame, names: Sequence[str]) -> tuple[Used, dict[str, int]]:
    """Drop rows with a missing or infinite value; count each row once, under the first reason."""
    columns = {name: data[name] for name in names}
    keep = np.ones(len(data), dtype=bool)
    dropped: dict[str, int] = {}
    for name, column in columns.items():
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iufb" and np.isfinite(column.to_numpy()).all():
            continue
        bad = np.asarray(column.array.isna())
        if pd.api.types.is_float_dtype(column):
            infinite = np.isinf(column.to_numpy(dtype=float, na_value=np.nan))
            if (infinite & keep).any():
                dropped[f"{name} infinite"] = int((infinite & keep).sum())
                keep &= ~infinite
        if (bad & keep).any():
            dropped[f"{name} missing"] = int((bad & keep).sum())
            keep &= ~bad
    if not keep.all():
        columns = {name: column[keep] for name, column in columns.items()}
    return Used(columns, int(keep.sum())), dropped


def natural_key(value: Any) -> list[Any]:
    """Sort text as a person would: week_2 before week_12."""
    parts = re.split(r"(\d+(?:\.\d+)?)", str(value))
    return [(0, float(part), "") if index % 2 else (1, 0.0, part) for index, part in enumerate(parts)]


def is_category(dtype: Any) -> bool:
    """Say whether a column holds anything but numbers."""
    return not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)


def as_category(column: pd.Series, levels: Sequence[Any] | None) -> pd.Series:
    """Make text, booleans and categories a category of the levels that occur, in a stated or natural order."""
    if levels is not None:
        unknown = [value for value in pd.unique(column) if value not in set(levels)]
        if unknown:
            raise MixedModelError(
                f"Column '{column.name}' holds '{unknown[0]}', which the stated levels leave out: {list(levels)}."
            )
        present = set(pd.unique(column))
        return column.astype(pd.CategoricalDtype([level for level in levels if level in present]))
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.remove_unused_categories()
    codes, values = pd.factorize(column)
    found = list(values)
    order = sorted(range(len(found)), key=lambda number: natural_key(found[number]))
    rank = np.empty(len(found), dtype=np.intp)
    rank[order] = np.arange(len(found))
    ordered = tuple(found[number] for number in order)
    dtype = _of_texts(ordered) if isinstance(column.dtype, pd.StringDtype) else pd.CategoricalDtype(list(ordered))
    coded = pd.Categorical.from_codes(rank[codes], dtype=dtype, validate=False)
    return pd.Series(coded, index=column.index, name=column.name, copy=False)


@lru_cache(maxsize=128)
def _of_texts(levels: tuple[str, ...]) -> pd.CategoricalDtype:
    """Make a category of texts once for many fits: pandas needs a twentieth of a small fit for it."""
    return pd.CategoricalDtype(list(levels))


def coded_subjects(column: pd.Series) -> tuple[Array, Array]:
    """Code the subjects in the order of their labels."""
    codes, values = pd.factorize(column)
    labels = np.array(list(map(str, values.tolist())), dtype=object)
    order = np.argsort(labels, kind="stable")
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    return rank[codes], labels[order]
