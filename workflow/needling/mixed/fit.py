"""Fit a linear mixed model, or a ladder of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from .design import build_design
from .errors import MixedModelError
from .fitted import MixedFit
from .model import Model
from .solving import solve
from .structures import Residual, parse_residual


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
    offset: str | None = None,
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
    offset : str, optional
        Column of a known part of the outcome, taken from it before the fit and added to fitted values and predictions;
        means, slopes and contrasts hold it at 0.

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

    Examples
    --------
    >>> fit = fit_mixed("pain ~ baseline + visit * arm", data, subject="patient", residual="unstructured(visit)")
    >>> fit.status
    'converged'
    """
    model, recipe = _prepared(
        formula, data, subject=subject, random=random, cluster=cluster, residual=residual, weights=weights, method=method,
        levels=levels, offset=offset,
    )  # fmt: skip
    return MixedFit.of(solve(model), recipe)


def _prepared(
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
    offset: str | None = None,
) -> tuple[Model, dict[str, Any]]:
    """Check everything that can be checked before a fit."""
    if method not in ("reml", "ml"):
        raise MixedModelError(f"The method must be 'reml' or 'ml', not '{method}'.")
    if not isinstance(data, pd.DataFrame):
        raise MixedModelError(f"The data must be a pandas DataFrame, not {type(data).__name__}.")
    structure = parse_residual(residual)
    design = build_design(
        formula, data, subject=subject, random=random, cluster=cluster, residual=structure, weights=weights,
        levels=levels, offset=offset,
    )  # fmt: skip
    recipe = {
        "formula": formula, "subject": subject, "random": random, "cluster": dict(cluster or {}),
        "residual": str(structure), "weights": weights, "method": method, "offset": offset,
        "levels": {key: list(value) for key, value in (levels or {}).items()},
    }  # fmt: skip
    return Model(design, method), recipe


def update(fit: MixedFit, data: pd.DataFrame, **changes: Any) -> MixedFit:
    """Fit again to data with some arguments of `fit_mixed` changed and the others as they were.

    The data are named, because rows that the first fit dropped may be complete for the second.

    Examples
    --------
    >>> update(fit, data, random="1").n_parameters < fit.n_parameters
    True
    """
    unknown = [name for name in changes if name not in fit.recipe]
    if unknown:
        raise MixedModelError(
            f"'{unknown[0]}' is not an argument of the fit; its arguments are: {', '.join(fit.recipe)}."
        )
    return fit_mixed(**{"data": data, **fit.recipe, **changes})


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

    Examples
    --------
    >>> found = fit_ladder("pain ~ visit * arm", data, subject="patient", residuals=["unstructured(visit)", "ar1(visit)"])
    >>> found.ladder
    """
    if isinstance(residuals, (str, Residual)) or not residuals:
        raise MixedModelError("The ladder needs a list with at least one residual structure.")
    prepared = [
        _prepared(formula, data, residual=residual, **arguments) for residual in residuals
    ]  # all, before any fit
    rungs = []
    chosen: MixedFit | None = None
    fit: MixedFit | None = None
    for model, recipe in prepared:
        fit = MixedFit.of(solve(model), recipe)
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
