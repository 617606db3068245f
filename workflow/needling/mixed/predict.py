"""Predictions for rows, new or used, with and without what is known of their subject and clusters."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .design import Design, columns_of, variables, visit_of
from .effects import Prediction, Targets
from .errors import MixedModelError
from .inference import Inference, estimates, inner_rows, quantile
from .judge import residual_variances
from .means import fixed_matrix, formula_variables
from .solution import Solution

Array = np.ndarray


def _new_frame(design: Design, data: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    missing = [name for name in names if name not in data.columns]
    if missing:
        raise MixedModelError(f"The new rows lack the column '{missing[0]}' of the model.")
    frame = data[names].copy()
    for name in names:
        if frame[name].isna().any():
            raise MixedModelError(f"The new rows have {int(frame[name].isna().sum())} missing values in '{name}'.")
        if name in design.levels:
            unknown = [value for value in pd.unique(frame[name]) if value not in design.levels[name]]
            if unknown:
                raise MixedModelError(f"The new rows hold '{unknown[0]}' in '{name}', which the fit has not seen.")
            frame[name] = pd.Categorical(frame[name], categories=design.levels[name])
        elif pd.api.types.is_numeric_dtype(design.frame[name]) and not pd.api.types.is_numeric_dtype(frame[name]):
            raise MixedModelError(f"The new rows hold no numbers in '{name}', which is numeric in the model.")
    return frame


def _needed(design: Design, random: bool, new: bool) -> list[str]:
    """List the columns that a prediction reads, besides subject and clusters, whose levels may be new."""
    names = formula_variables(design)
    if random or new:
        names = [*names, *(variables(design.random_spec) if design.random_terms else [])]
        names += [name for one in design.clusters for name in variables(one.spec)]
        names += [name for name in (*design.residual.visits, design.residual.by, design.weights_name) if name]
    return [name for name in dict.fromkeys([*names, design.offset_name]) if name]


def targets_of(fit: Solution, frame: pd.DataFrame, data: pd.DataFrame, L: Array) -> Targets:
    """Say what rows are made of.

    Where random effects tie the rows of a subject together, the target is its own curve; where the residual covariance alone
    does (an MMRM), the residual belongs to the target, so that visits that were seen tell about one that was not.
    """
    design, coordinates, components = fit.model.design, fit.model.coordinates, fit.model.components
    count = len(frame)
    Z = (
        columns_of(design.random_spec, frame, "random part") @ coordinates.z_map
        if design.random_terms
        else np.zeros((count, 0))
    )
    subject = pd.Index(design.subject_labels).get_indexer(pd.Index(data[design.subject_name].astype(str)))
    strange, parts, wheres = np.zeros(count), [np.zeros((count, 0))], [np.zeros((count, 0), dtype=np.intp)]
    at = 0
    covariances = components.cluster_covariances(fit.point.theta)
    for cluster, to, Gamma in zip(design.clusters, coordinates.u_maps, covariances, strict=True):
        first, *others = cluster.name.split(":")
        labels = data[first].astype(str)
        for part in others:
            labels = labels + ":" + data[part].astype(str)
        level = pd.Index(cluster.levels).get_indexer(pd.Index(labels))
        columns = columns_of(cluster.spec, frame, f"cluster '{cluster.name}'") @ to
        where = at + level[:, None] * columns.shape[1] + np.arange(columns.shape[1])
        parts.append(columns)
        wheres.append(np.where(level[:, None] < 0, components.n_effects, where))
        strange += np.where(level < 0, np.einsum("rs,st,rt->r", columns, Gamma, columns), 0)
        at += len(cluster.levels) * columns.shape[1]
    position, time = visit_of(design, frame)
    own = None if design.residual.structure == "iid" or design.random_terms else position
    U, met = np.concatenate(parts, axis=1), np.concatenate(wheres, axis=1)
    return Targets(
        inner_rows(fit, L), subject, Z, U, met, strange, _group(design, frame), own, time, _root_weights(design, frame)
    )


def _group(design: Design, frame: pd.DataFrame) -> Array:
    if not design.residual.by:
        return np.zeros(len(frame), dtype=np.intp)
    return pd.Index(design.groups).get_indexer(pd.Index(frame[design.residual.by].astype(str)))


def _root_weights(design: Design, frame: pd.DataFrame) -> Array:
    if not design.weights_name:
        return np.ones(len(frame))
    weights = frame[design.weights_name].to_numpy(dtype=float)
    if (weights <= 0).any():
        raise MixedModelError(f"The weights '{design.weights_name}' of the new rows must be above zero.")
    return np.sqrt(weights)


def _residual_variance(fit: Solution, frame: pd.DataFrame) -> Array:
    """Give the residual variance of each new row, in inner units: its visit's, group's and weight's."""
    design = fit.model.design
    position, _ = visit_of(design, frame)
    own = [residual_variances(fit.model, fit.point.theta, number) for number in range(len(design.groups))]
    pairs = zip(_group(design, frame), position, strict=True)
    variances = np.array([own[group][at if len(own[group]) > 1 else 0] for group, at in pairs])
    return variances / _root_weights(design, frame) ** 2


def predict(fit: Solution, data: pd.DataFrame | None, random: bool, new: bool, asked: Inference) -> pd.DataFrame:
    """Predict rows; see `MixedFit.predict`."""
    design = fit.model.design
    source = design.frame if data is None else data
    if not isinstance(source, pd.DataFrame):
        raise MixedModelError(f"The new rows must be a pandas DataFrame, not {type(source).__name__}.")
    frame = _new_frame(design, source, _needed(design, random, new))
    if random:
        parts = [part for one in design.clusters for part in one.name.split(":")]
        absent = [name for name in (design.subject_name, *parts) if name not in source.columns]
        if absent:
            raise MixedModelError(f"The new rows lack the column '{absent[0]}' of the model.")
    L = fixed_matrix(design, frame)
    result = estimates(fit, L, asked)
    estimate, variance, df = result.estimate, result.se**2, result.df
    scale = fit.model.coordinates.scale
    if random and fit.usable:
        targets = targets_of(fit, frame, source, L)
        prediction = Prediction(fit.rows, targets)
        estimate = estimate + scale * prediction.value
        variance = np.where(np.isfinite(result.se), scale**2 * prediction.variance, np.nan)
        if new and targets.position is None:
            variance = variance + scale**2 * _residual_variance(fit, frame)
    elif new and fit.usable:
        variance = variance + scale**2 * (_residual_variance(fit, frame) + _random_variance(fit, frame))
    if design.offset_name:
        estimate = estimate + frame[design.offset_name].to_numpy(dtype=float)
    se = np.sqrt(np.maximum(variance, 0))
    half = quantile((1 - asked.level) / 2, df) * se
    table = pd.DataFrame(
        {"estimate": estimate, "se": se, "df": df, "low": estimate - half, "high": estimate + half,
         "status": result.status},
        index=source.index,
    )  # fmt: skip
    table.attrs.update(df_method=asked.df, level=asked.level, random=random, new=new)
    return table


def _random_variance(fit: Solution, frame: pd.DataFrame) -> Array:
    """Give the variance that subject and clusters add to a new row, in inner units."""
    design, coordinates, components = fit.model.design, fit.model.coordinates, fit.model.components
    total = np.zeros(len(frame))
    if design.random_terms:
        Z = columns_of(design.random_spec, frame, "random part") @ coordinates.z_map
        total += np.einsum("rq,qs,rs->r", Z, components.random_covariance(fit.point.theta), Z)
    covariances = components.cluster_covariances(fit.point.theta)
    for cluster, to, Gamma in zip(design.clusters, coordinates.u_maps, covariances, strict=True):
        columns = columns_of(cluster.spec, frame, f"cluster '{cluster.name}'") @ to
        total += np.einsum("rs,st,rt->r", columns, Gamma, columns)
    return total
