"""What the covariance parameters say: components, matrices, intraclass correlations, explained variance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.linalg import block_diag

from .errors import MixedModelError
from .judge import parameter_names, residual_variances
from .model import mapped
from .solution import Solution

Array = np.ndarray


def outer_map(fit: Solution) -> Array:
    """Give the matrix from inner to outer covariance parameters: linear, because G becomes T G T'."""
    coordinates, components = fit.model.coordinates, fit.model.components
    squared = coordinates.scale**2
    parts = []
    at = 0
    for block in components.random:
        inside = slice(at, at + block.size)
        parts.append(squared * _congruence(coordinates.z_map[inside, inside]))
        at += block.size
    quantities = components.structure.quantities
    units = {"correlation": 1.0, "range": fit.model.design.time_unit}
    own = np.array([units.get(what, squared) for what in quantities])
    parts += [np.diag(own)] * components.n_groups
    parts += [squared * _congruence(to) for to in coordinates.u_maps]
    return block_diag(*parts)


def _congruence(T: Array) -> Array:
    """Give the matrix that takes the lower triangle of G, row by row, to that of T G T'."""
    rows, columns = np.tril_indices(len(T))
    a, b, c, d = rows[:, None], columns[:, None], rows[None, :], columns[None, :]
    both = T[a, c] * T[b, d] + T[a, d] * T[b, c]
    return np.where(c == d, both / 2, both)


def table(fit: Solution) -> pd.DataFrame:
    """Tabulate the covariance parameters; see `MixedFit.variance_components`."""
    names = parameter_names(fit.model)
    result = pd.DataFrame(names, columns=["component", "quantity", "term"])[["component", "term", "quantity"]]
    result["estimate"] = np.nan
    result["se"] = np.nan
    if fit.usable:
        outer = outer_map(fit)
        result["estimate"] = outer @ fit.point.theta
        if not fit.boundary:
            W, _ = fit.parameter_covariance("observed")
            outer = outer @ fit.point.local
            result["se"] = np.sqrt(np.diag(outer @ W @ outer.T))
    result.attrs["status"] = fit.status
    return result


def residual_covariance(fit: Solution, group: str, correlation: bool) -> pd.DataFrame:
    """Give the fitted residual covariance of one group, visits x visits."""
    design = fit.model.design
    if design.residual.structure == "iid":
        raise MixedModelError("Independent residuals have one variance and no visits; see variance_components().")
    group = group or design.groups[0]
    if group not in design.groups:
        raise MixedModelError(f"'{group}' is not a group of this fit; its groups are: {', '.join(design.groups)}.")
    where = fit.model.components.slices[1][design.groups.index(group)]
    matrix = design.structure.matrix(fit.point.theta[where]) * fit.model.coordinates.scale**2
    return _labelled(matrix, design.visits, correlation)


def random_covariance(fit: Solution, correlation: bool) -> pd.DataFrame:
    """Give the fitted covariance of a subject's random effects."""
    coordinates = fit.model.coordinates
    G = fit.model.components.random_covariance(fit.point.theta)
    G = coordinates.z_map @ G @ coordinates.z_map.T * coordinates.scale**2
    return _labelled(G, fit.model.design.random_terms, correlation)


def _labelled(covariance: Array, names: list[str], correlation: bool) -> pd.DataFrame:
    deviation = np.sqrt(np.diag(covariance)) if correlation else np.ones(len(covariance))
    return pd.DataFrame(covariance / np.outer(deviation, deviation), index=names, columns=names)


def mean_variances(fit: Solution, theta: Array | None = None) -> dict[str, float]:
    """Give each component's variance averaged over the used rows, in the outcome's squared units.

    With random slopes the variance z'Gz differs from row to row; its mean is what Johnson (2014) uses for R^2. `theta` are the
    natural parameters, by default those of the fit.
    """
    design, components, coordinates = fit.model.design, fit.model.components, fit.model.coordinates
    theta, squared = fit.point.theta if theta is None else theta, fit.model.coordinates.scale**2
    result = {}
    if design.random_terms:
        Z = mapped(design.Z, coordinates.z_map)
        G = components.random_covariance(theta)
        result[design.subject_name] = float(np.einsum("rq,qs,rs->r", Z, G, Z).mean()) * squared
    covariances = components.cluster_covariances(theta)
    for cluster, to, Gamma in zip(design.clusters, coordinates.u_maps, covariances, strict=True):
        columns = mapped(cluster.columns, to)
        result[cluster.name] = float(np.einsum("rs,st,rt->r", columns, Gamma, columns).mean()) * squared
    total = 0.0
    for number in range(components.n_groups):
        chosen = design.group == number
        own = residual_variances(fit.model, theta, number)
        per_row = own[design.position[chosen]] if len(own) > 1 else np.full(int(chosen.sum()), own[0])
        total += float((per_row / design.weights[chosen]).sum())
    result["residual"] = total / design.n_rows * squared
    return result


def icc(fit: Solution) -> pd.DataFrame:
    """Give the share of each component in the variance around the fixed effects."""
    if not fit.usable:
        return pd.DataFrame({"component": ["all"], "variance": [np.nan], "icc": [np.nan]})
    variances = mean_variances(fit)
    total = sum(variances.values())
    return pd.DataFrame(
        {
            "component": list(variances),
            "variance": list(variances.values()),
            "icc": [value / total for value in variances.values()],
        }
    )


def explained(fit: Solution) -> dict[str, float]:
    """Give marginal and conditional R^2 (Nakagawa and Schielzeth 2013; Johnson 2014)."""
    if not fit.usable:
        return {"marginal": np.nan, "conditional": np.nan}
    variances = mean_variances(fit)
    fixed = float(np.var(fit.rows.marginal))
    residual = variances.pop("residual")
    above = sum(variances.values())
    total = fixed + above + residual
    return {"marginal": fixed / total, "conditional": (fixed + above) / total}
