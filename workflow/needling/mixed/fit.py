"""Fit a linear mixed model, or a ladder of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .design import build_design
from .errors import MixedModelError
from .fitted import MixedFit
from .judge import impossible, judge
from .model import Model
from .optimise import maximise, search
from .structures import Residual, parse_residual

Array = np.ndarray

SMALL_STUDY = 30  # subjects up to which more starts are cheap insurance against a local maximum


def fit_mixed(
    formula: str,
    data: pd.DataFrame,
    *,
    subject: str,
    random: str | None = None,
    cluster: Mapping[str, str] | None = None,
    residual: str | Residual | None = None,
    weights: str | None = None,
    method: str = "reml",
    levels: Mapping[str, Sequence[Any]] | None = None,
) -> MixedFit:
    """Fit a linear mixed model for repeated outcomes of subjects, with clusters above them.

    Parameters
    ----------
    formula : str
        ``"outcome ~ terms"`` in the language of formulaic, e.g. ``"pain ~ baseline + visit * arm"``.
    data : pandas.DataFrame
        One row per subject and visit.
    subject : str
        Column that says whose row it is.
    random : str, optional
        Columns that vary over subjects, e.g. ``"1 + week"`` or ``"bs(week, df=3)"``; correlated unless the text ends
        in ``||`` (each term its own variance).
    cluster : mapping of str to str, optional
        Factors above the subjects and the columns that vary over their levels, e.g.
        ``{"therapist": "1", "clinic": "1 + week"}``. Nested or crossed; a subject may meet several levels.
        ``"clinic:therapist"`` names the combinations of two columns.
    residual : str or Residual, optional
        Covariance of a subject's residuals: None or ``"iid"``; ``"unstructured(visit)"``, ``"ar1(visit)"``, by group
        ``"unstructured(visit | arm)"``; see `Residual` for all.
    weights : str, optional
        Column of known precision weights: the residual variance of a row is divided by its weight.
    method : {"reml", "ml"}
        Restricted or full maximum likelihood.
    levels : mapping of str to sequence, optional
        Order of the categories of a column; the first is the reference. Otherwise a pandas category keeps its
        order and text is sorted as a person would (week_2 before week_12).

    Returns
    -------
    MixedFit
        Look at `status` and `message` first.

    Notes
    -----
    ``y = X beta + Z b + U g + e``, b ~ N(0, G) per subject, g ~ N(0, Gamma) per cluster level, e ~ N(0, R) per subject.
    Rows with a missing value in any column of the model are dropped and counted in `rows_dropped`.
    Checked against PROC MIXED, lme4, nlme, pbkrtest and mmrm in tests/reference.

    Raises
    ------
    MixedModelError
        Missing column, duplicated visit, unknown structure, more coefficients than rows.
    """
    if method not in ("reml", "ml"):
        raise MixedModelError(f"The method must be 'reml' or 'ml', not '{method}'.")
    if not isinstance(data, pd.DataFrame):
        raise MixedModelError(f"The data must be a pandas DataFrame, not {type(data).__name__}.")
    structure = parse_residual(residual)
    design = build_design(
        formula, data, subject=subject, random=random, cluster=cluster, residual=structure, weights=weights,
        levels=levels,
    )  # fmt: skip
    model = Model(design, method)
    recipe = {
        "formula": formula, "subject": subject, "random": random, "cluster": dict(cluster or {}),
        "residual": str(structure), "weights": weights, "method": method,
        "levels": {key: list(value) for key, value in (levels or {}).items()},
    }  # fmt: skip
    return solve(model, recipe)


def solve(model: Model, recipe: dict[str, Any], start: Array | None = None) -> MixedFit:
    """Maximise the likelihood of a model and judge what came out; `start` makes it a warm start."""
    problem = impossible(model)
    if problem:
        return MixedFit(model, recipe, None, "failed", problem)
    starts = [start] if start is not None else [model.start(), *model.range_starts()]
    if start is None and model.design.n_subjects <= SMALL_STUDY:
        starts += model.other_starts()
    found = search(model.likelihood, starts)
    if found is None:
        return MixedFit(
            model, recipe, None, "failed", "The likelihood cannot be evaluated at the starting values; check the scale."
        )
    for limit in model.nested_limits(found.point.free):
        nested = maximise(model.likelihood, limit)
        if nested is not None and nested.point.value < found.point.value - 1e-7:
            found = nested
    status, message, components = judge(model, found.point, found.converged)
    fit = MixedFit(model, recipe, found.point, status, message, components)
    fit.iterations = found.iterations
    return fit


def fit_ladder(
    formula: str,
    data: pd.DataFrame,
    *,
    residuals: Sequence[str | Residual],
    **arguments: Any,
) -> MixedFit:
    """Fit pre-specified residual structures in order and keep the first that the data support.

    A rung holds if the search converged and the residual covariance is not singular; a zero variance of a random effect
    or of a cluster does not change the rung, it stays in the fit's status.

    Parameters
    ----------
    formula, data, arguments
        As in `fit_mixed`.
    residuals : sequence of str or Residual
        The rungs, e.g. ``["unstructured(visit)", "toeplitz_het(visit)", "ar1_het(visit)"]``.

    Returns
    -------
    MixedFit
        The fit of the first rung that holds, or the last failure. Its `ladder` has one row per rung tried: structure,
        status, message, log_likelihood, aic, bic, chosen.
    """
    if not residuals:
        raise MixedModelError("The ladder has no rung; name at least one residual structure.")
    rungs = []
    chosen: MixedFit | None = None
    fit: MixedFit | None = None
    for residual in residuals:
        fit = fit_mixed(formula, data, residual=residual, **arguments)
        holds = fit.usable and "residual" not in fit.boundary
        rungs.append((fit.covariance_structure, fit.status, fit.message, fit.log_likelihood, fit.aic, fit.bic, holds))
        if holds:
            chosen = fit
            break
    assert fit is not None
    result = chosen or fit
    columns = ["structure", "status", "message", "log_likelihood", "aic", "bic", "chosen"]
    result.ladder = pd.DataFrame(rungs, columns=columns)
    return result
