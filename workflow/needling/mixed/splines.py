"""Splines for formulas beside formulaic's own: natural ones as R's, and cubic regression splines that leave the intercept alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from formulaic.materializers.types import FactorValues
from formulaic.transforms.cubic_spline import cubic_spline
from formulaic.utils.stateful_transforms import stateful_transform

Array = np.ndarray


@stateful_transform
def ns(data: Any, df: int | None = None, knots: Any = None, *, _state: dict[str, Any] | None = None) -> Any:
    """Give the natural cubic spline basis of R's `splines::ns`: df columns, linear beyond the range of the fitted rows.

    Inner knots are df - 1 quantiles of the fitted rows, or given. Columns may differ in sign from R's; what they span does
    not.

    Example
    -------
    >>> fit_mixed("pain ~ baseline + arm * ns(week, df=2)", data, subject="patient", random="1")
    """
    state = {} if _state is None else _state
    x = np.asarray(data, dtype=float)
    if "knots" not in state:
        if (df is None) == (knots is None):
            raise ValueError("ns() takes either df or knots.")
        if df is not None and (int(df) != df or df < 1):
            raise ValueError(f"the df of ns() must be a whole number of 1 or more, not {df}.")
        inner = np.quantile(x, np.linspace(0, 1, int(df) + 1)[1:-1]) if df is not None else np.sort(np.ravel(knots))
        edges = np.array([x.min(), x.max()])
        if edges[0] == edges[1] or (np.diff(inner, prepend=edges[0], append=edges[1]) <= 0).any():
            raise ValueError("ns() has knots that coincide: the variable has too few different values for this df.")
        state["knots"] = np.concatenate([np.repeat(edges[0], 4), inner, np.repeat(edges[1], 4)])
    from scipy.interpolate import BSpline

    t = state["knots"]
    basis = BSpline(t, np.eye(len(t) - 4), 3)
    edges = t[[0, -1]]
    inside = np.clip(x, *edges)
    values = basis(inside) + (x - inside)[:, None] * basis.derivative(1)(inside)
    bent = basis.derivative(2)(edges)[:, 1:]
    straight = np.linalg.qr(bent.T, mode="complete")[0][:, 2:]
    columns = values[:, 1:] @ straight
    return _numbered(columns)


@stateful_transform
def cr(data: Any, *, _state: dict[str, Any] | None = None, **arguments: Any) -> Any:
    """Give formulaic's cubic regression spline, centred unless other constraints are named, so that the intercept stays free.

    Example
    -------
    >>> fit_mixed("pain ~ arm + cr(baseline, df=3)", data, subject="patient", random="1 + week")
    """
    return cubic_spline(data, **{"constraints": "center", **arguments}, _state=_state)


def _numbered(columns: Array) -> Any:
    return FactorValues(
        {number + 1: column for number, column in enumerate(columns.T)},
        kind="numerical",
        spans_intercept=False,
        format="{name}[{field}]",
        encoded=False,
    )


CONTEXT = {"np": np, "ns": ns, "cr": cr}
