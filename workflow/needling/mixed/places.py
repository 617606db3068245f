"""Where rows lie within their subject: at a visit, at a time, or at a place of two dimensions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .errors import MixedModelError
from .structures import Residual, Structure, make_structure
from .used import Used

Array = np.ndarray


@dataclass
class Places:
    """Where the rows lie within their subject, for the residual structure."""

    position: Array  # (rows,) number of the visit
    time: Array  # (rows, dimensions)
    origin: Array  # (dimensions,)
    unit: float
    visits: list[str]
    structure: Structure
    notes: list[str]


def places_of(used: Used, residual: Residual, subject: str, stated: Sequence[Any] | None) -> Places:
    """Place each row; `stated` are all visits in order, also those that no row has, which still lie between the others."""
    rows, zero = used.n_rows, np.zeros(1)
    if residual.structure == "iid":
        structure = make_structure("iid", 1)
        return Places(np.zeros(rows, dtype=np.intp), np.zeros((rows, 1)), zero, 1.0, ["all"], structure, [])
    if residual.structure == "exponential":
        return _in_continuous_time(used.columns, residual, subject)
    column = used.columns[str(residual.visit)]
    if pd.api.types.is_numeric_dtype(column):
        values, position = np.unique(column.to_numpy(), return_inverse=True)
    else:
        values, position = column.cat.categories.to_numpy(), column.cat.codes.to_numpy().astype(np.intp)
    order = list(stated) if stated is not None else list(values)
    lags = np.array([order.index(value) for value in values])
    structure = make_structure(residual.structure, len(values), lags)
    visits = [str(value) for value in values]
    notes = _unequal(residual, visits, lags)
    return Places(position, position[:, None].astype(float), zero, 1.0, visits, structure, notes)


def _in_continuous_time(columns: Mapping[str, pd.Series], residual: Residual, subject: str) -> Places:
    for name in residual.visits:
        if not pd.api.types.is_numeric_dtype(columns[name]):
            raise MixedModelError(f"The exponential structure needs a numeric time; '{name}' is not numeric.")
    times = np.column_stack([columns[name].to_numpy(dtype=float) for name in residual.visits])
    values, position = np.unique(times, axis=0, return_inverse=True)
    position = position.ravel()
    unit = _typical_gap(pd.factorize(columns[subject])[0], values, position)
    scaled = (values - values[0]) / unit
    labels = [", ".join(f"{number:g}" for number in value) for value in values]
    structure = make_structure("exponential", len(values), scaled)
    return Places(position, scaled[position], values[0], unit, labels, structure, [])


def _unequal(residual: Residual, visits: list[str], lags: Array) -> list[str]:
    """Say so where a structure counts visits and the visits' own numbers show that they are not equally far apart."""
    if not residual.structure.startswith(("ar1", "toeplitz")):
        return []
    numbers = [re.findall(r"\d+(?:\.\d+)?", visit) for visit in visits]
    if any(len(one) != 1 for one in numbers):
        return []
    gaps = np.diff([float(one[0]) for one in numbers]) / np.diff(lags)
    if len(gaps) < 2 or np.allclose(gaps, gaps[0]):
        return []
    return [
        f"{residual} takes the visits {', '.join(visits)} for equally spaced; 'exponential' with a column of numbers takes "
        f"true time."
    ]


def _typical_gap(subjects: Array, values: Array, position: Array) -> float:
    """Give the median gap between neighbouring visits of a subject; 1 where every subject has one visit."""
    order = np.lexsort((position, subjects))
    gaps = np.sqrt((np.diff(values[position[order]], axis=0) ** 2).sum(axis=1))[np.diff(subjects[order]) == 0]
    return float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else 1.0


def stated_visits(columns: Mapping[str, pd.Series], residual: Residual, levels: Mapping[str, Any]) -> list[Any] | None:
    """Give all visits in the order that the user stated, by `levels` or a pandas category; None if there is no such order."""
    if not residual.visit or residual.structure == "exponential":
        return None
    if residual.visit in levels:
        return list(levels[residual.visit])
    column = columns[residual.visit]
    return list(column.cat.categories) if isinstance(column.dtype, pd.CategoricalDtype) else None
