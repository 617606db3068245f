"""What a result becomes without one subject or one cluster.

Leaving rows D out of generalised least squares is adding an indicator column for each of them:
beta_(D) = beta - Phi X'V^-1 E (E'PE)^-1 E'Py with P = V^-1 - V^-1 X Phi X'V^-1, E the columns of D. The formula holds
whether or not other rows are correlated with D, so clusters above the subjects need no second look.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from .blocks import local_clusters
from .errors import MixedModelError
from .inference import estimable, inner_rows, values
from .solution import Solution
from .solving import solve
from .stacks import inverse_factors

Array = np.ndarray


def _watched(fit: Solution, of: pd.DataFrame) -> tuple[list[str], Array]:
    """Read the rows of weights that a result table carries."""
    rows = of.attrs.get("coefficients") if isinstance(of, pd.DataFrame) else None
    if not rows:
        raise MixedModelError("Influence needs a table of this fit's terms, means, slopes or contrast.")
    index = {name: number for number, name in enumerate(fit.model.design.names)}
    L = np.zeros((len(rows), len(index)))
    for number, weights in enumerate(rows.values()):
        for name, weight in weights.items():
            L[number, index[name]] = weight
    return list(rows), L


def _units(fit: Solution, by: str | None) -> tuple[Array, list[str]]:
    design = fit.model.design
    if by is None or by == design.subject_name:
        return design.subjects, [str(label) for label in design.subject_labels]
    for cluster in design.clusters:
        if cluster.name == by:
            return cluster.codes, cluster.levels
    known = ", ".join([design.subject_name, *(one.name for one in design.clusters)])
    raise MixedModelError(f"'{by}' is neither the subject nor a cluster of the model; known are: {known}.")


def _cluster_part(fit: Solution, inverse_of: list[Array]) -> sparse.csr_array:
    """Give B^-1 U, of which a row knows only the clusters that its subject meets: (rows, effects)."""
    data, parts = fit.rows.data, []
    for bucket, inverse in zip(fit.model.subjects, inverse_of, strict=True):
        U, columns = local_clusters(data, bucket.rows)
        values = inverse[bucket.pattern] @ U
        row, column = np.broadcast_arrays(bucket.rows[:, :, None], columns[:, None, :])
        real = column < data.n_effects
        parts.append((values[real], row[real], column[real]))
    values, row, column = (np.concatenate(one) for one in zip(*parts, strict=True))
    return sparse.csr_array((values, (row, column)), shape=(len(data.W), data.n_effects))


def _held(fit: Solution, chosen: list[Array], inner: Array) -> Array:
    """Give the change of each watched row (inner units) without each set of sorted rows, covariances held.

    Missing where these rows alone determine a coefficient, whether or not the watched row needs it.
    """
    rows, point, p = fit.rows, fit.point, fit.point.p
    weighted = rows.weighted
    inverse_of = [
        np.swapaxes(L, 1, 2) @ L for L in (inverse_factors(rows.covariance(bucket))[0] for bucket in fit.model.subjects)
    ]
    where = np.zeros((fit.n_subjects, 2), dtype=np.intp)
    for number, bucket in enumerate(fit.model.subjects):
        where[bucket.subject] = np.column_stack([np.full(len(bucket.subject), number), np.arange(len(bucket.subject))])
    effects = rows.data.n_effects
    BU = _cluster_part(fit, inverse_of) if effects else None
    result = np.full((len(chosen), len(inner)), np.nan)
    for number, mine in enumerate(chosen):
        square = np.zeros((len(mine), len(mine)))
        for subject in np.unique(fit.model.design.subjects[mine]):
            group, at = where[subject]
            bucket = fit.model.subjects[group]
            inside = np.isin(bucket.rows[at], mine)
            place = np.searchsorted(mine, bucket.rows[at][inside])
            block = inverse_of[group][bucket.pattern[at]]
            square[np.ix_(place, place)] = block[np.ix_(inside, inside)]
        if BU is not None:
            own = BU[mine]
            met = np.unique(own.indices)
            own = own[:, met].toarray()
            square -= own @ point.K.entries(met[:, None], met[None, :]) @ own.T
        X = weighted[mine, :p]
        EPE = square - X @ point.Phi @ X.T
        scale = np.sqrt(np.diag(square))
        spectrum, vectors = np.linalg.eigh(EPE / np.outer(scale, scale))
        if spectrum[0] < 1e-9:  # these rows alone determine a coefficient
            continue
        solved = ((vectors / spectrum) @ vectors.T @ (weighted[mine, p] / scale)) / scale
        result[number] = -inner @ (point.Phi @ (X.T @ solved))
    return result


def without_rows(fit: Solution, rows: Array) -> Solution:
    """Fit again without some sorted rows, from where the fit ended; from the beginning where that leads nowhere."""
    model = fit.model.without(rows)
    again = solve(model, fit.warm_start)
    return again if again.usable else solve(model)


def without_subjects(fit: Solution, subjects: list[str]) -> Solution:
    """Fit again without some subjects; see `MixedFit.without`."""
    design = fit.model.design
    if not fit.usable:
        raise MixedModelError(f"The fit failed, so nothing can be left out of it: {fit.message}")
    places = {str(label): code for code, label in enumerate(design.subject_labels)}
    unknown = [one for one in subjects if one not in places]
    if unknown:
        raise MixedModelError(f"The model has no {design.subject_name} of one of the names to be left out.")
    rows = np.flatnonzero(np.isin(design.subjects, [places[one] for one in subjects]))
    if len(rows) == design.n_rows:
        raise MixedModelError(f"Nobody is left without every {design.subject_name}.")
    return without_rows(fit, rows)


def leave_one_out(fit: Solution, of: pd.DataFrame, by: str | None, refit: bool) -> pd.DataFrame:
    """Leave units out one by one; see `MixedFit.influence`."""
    labels, L = _watched(fit, of)
    codes, names = _units(fit, by)
    if not fit.usable:
        raise MixedModelError(f"The fit failed, so nothing can be left out of it: {fit.message}")
    full = values(fit, L)
    order = np.argsort(codes, kind="stable")
    chosen = [np.sort(part) for part in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)]
    if refit:
        estimate, status = _refitted(fit, chosen, L)
    else:
        estimate = full + fit.model.coordinates.scale * _held(fit, chosen, inner_rows(fit, L))
        status = [[fit.status if np.isfinite(value) else "not_estimable" for value in row] for row in estimate]
    change = estimate - full
    return pd.DataFrame(
        {
            "left_out": np.repeat(names, len(L)),
            "row": labels * len(names),
            "estimate": estimate.ravel(),
            "change": change.ravel(),
            "change_in_se": (change / of["se"].to_numpy(dtype=float)).ravel(),
            "status": [one for row in status for one in row],
        }
    )


def _refitted(fit: Solution, chosen: list[Array], L: Array) -> tuple[Array, list[list[str]]]:
    estimate = np.full((len(chosen), len(L)), np.nan)
    status = []
    for number, mine in enumerate(chosen):
        again = without_rows(fit, mine)
        if again.usable:
            can = estimable(again, L)
            estimate[number] = np.where(can, values(again, L), np.nan)
            status.append([again.status if one else "not_estimable" for one in can])
        else:
            status.append([again.status] * len(L))
    return estimate, status
