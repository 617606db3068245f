"""Predictions for rows, new or used, with and without the predicted effects of subject and clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from .design import Design, variables
from .errors import MixedModelError
from .inference import Rule, estimates, inner_rows
from .judge import residual_variances
from .means import fixed_matrix, formula_variables

if TYPE_CHECKING:
    from .fitted import MixedFit

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
    return frame


def _columns(spec: Any, frame: pd.DataFrame) -> Array:
    return np.asarray(spec.get_model_matrix(frame, na_action="ignore"), dtype=float).reshape(len(frame), -1)


class _Effects:
    """Best linear unbiased predictors for new rows, and their error."""

    def __init__(self, fit: MixedFit, frame: pd.DataFrame, data: pd.DataFrame):
        self.fit, self.rows, self.point = fit, fit.rows, fit.point
        design, coordinates = fit.model.design, fit.model.coordinates
        self.G = fit.model.components.random_covariance(self.point.theta)
        names = design.random_terms
        self.Z = _columns(design.random_spec, frame) @ coordinates.z_map if names else np.zeros((len(frame), 0))
        self.subject = pd.Index(design.subject_labels).get_indexer(pd.Index(data[design.subject_name].astype(str)))
        self.U, self.effect_variance = self._clusters(design, frame, data)
        self.rows_of = dict(zip(*_row_ranges(design.subjects), strict=True))

    def _clusters(self, design: Design, frame: pd.DataFrame, data: pd.DataFrame) -> tuple[Array, Array]:
        components = self.fit.model.components
        U = np.zeros((len(frame), components.n_effects))
        extra = np.zeros(len(frame))
        covariances = components.cluster_covariances(self.point.theta)
        at = 0
        for cluster, to, Gamma in zip(design.clusters, self.fit.model.coordinates.u_maps, covariances, strict=True):
            parts = cluster.name.split(":")
            labels = data[parts[0]].astype(str)
            for part in parts[1:]:
                labels = labels + ":" + data[part].astype(str)
            level = pd.Index(cluster.levels).get_indexer(pd.Index(labels))
            columns = _columns(cluster.spec, frame) @ to
            slopes = columns.shape[1]
            for row in range(len(frame)):
                if level[row] >= 0:
                    U[row, at + level[row] * slopes : at + (level[row] + 1) * slopes] = columns[row]
                else:
                    extra[row] += columns[row] @ Gamma @ columns[row]
            at += len(cluster.levels) * slopes
        return U, extra

    @property
    def Gamma(self) -> Array:  # noqa: N802
        """Give the covariance of all cluster effects."""
        components = self.fit.model.components
        total = np.zeros((components.n_effects, components.n_effects))
        at = 0
        for (levels, block), one in zip(
            components.clusters, components.cluster_covariances(self.point.theta), strict=True
        ):
            stop = at + levels * block.size
            total[at:stop, at:stop] = np.kron(np.eye(levels), one)
            at = stop
        return total

    def value(self) -> Array:
        """Give Z b + U g, zero for subjects and levels never seen."""
        b = np.vstack([self.rows.random_effects, np.zeros((1, len(self.G)))])[self.subject]
        return np.einsum("rq,rq->r", self.Z, b) + self.U @ self.rows.cluster_effects

    def error(self, X: Array) -> Array:
        """Give the variance of prediction minus truth, X beta + Z b + U g, in inner units."""
        point, p = self.point, self.point.p
        UB = self.U @ self.Gamma
        prior = np.einsum("rq,qs,rs->r", self.Z, self.G, self.Z) + np.einsum("re,re->r", UB, self.U)
        result = prior + self.effect_variance
        residual_map = point.adjusted[0]
        UX = (point.UA @ residual_map)[:, :p]
        for row in range(len(X)):
            u = UB[row]
            h = point.H @ u
            quadratic, through = u @ h, UX.T @ u
            if self.subject[row] >= 0 and len(self.G):
                SZZ, SZX, SZU = self._subject(self.subject[row])
                z = self.G @ self.Z[row]
                quadratic += z @ SZZ @ z + 2 * z @ SZU @ u
                through = through + SZX.T @ z
                h = h + SZU.T @ z
            through = through - UX.T @ (point.K @ h)
            gap = X[row] - through
            result[row] += gap @ point.Phi @ gap - quadratic + h @ point.K @ h
        return result

    def _subject(self, code: int) -> tuple[Array, Array, Array]:
        """Give Z'B^-1 Z, Z'B^-1 X and Z'B^-1 U of one subject."""
        rows, point = self.rows, self.point
        chosen = self.rows_of[code]
        for bucket in rows.model.subjects:
            found = np.flatnonzero(bucket.subject == code)
            if len(found):
                B = rows.covariance(bucket)[bucket.pattern[found[0]]]
        half = np.linalg.solve(B, rows.data.Z[chosen])
        U = (
            rows.cluster_values(np.eye(rows.data.n_effects))[chosen]
            if rows.data.n_effects
            else np.zeros((len(chosen), 0))
        )
        return half.T @ rows.data.Z[chosen], half.T @ rows.XR[chosen][:, : point.p], half.T @ U


def _row_ranges(subjects: Array) -> tuple[list[int], list[Array]]:
    starts = np.flatnonzero(np.diff(subjects, prepend=-1))
    stops = np.append(starts[1:], len(subjects))
    return [int(subjects[start]) for start in starts], [np.arange(a, b) for a, b in zip(starts, stops, strict=True)]


def _residual_variance(fit: MixedFit, data: pd.DataFrame) -> Array:
    """Give the residual variance of each new row: its visit's and group's where the structure has them."""
    design = fit.model.design
    theta = fit.point.theta
    residual = design.residual
    groups = np.zeros(len(data), dtype=int)
    if residual.by:
        groups = pd.Index(design.groups).get_indexer(pd.Index(data[residual.by].astype(str)))
    variances = []
    for row, group in enumerate(groups):
        own = residual_variances(fit.model, theta, int(group))
        if len(own) == 1:
            variances.append(own[0])
            continue
        value = data[residual.visit].iloc[row]
        if str(value) not in design.visits:
            raise MixedModelError(f"The fit knows no visit '{value}'; its visits are: {', '.join(design.visits)}.")
        variances.append(own[design.visits.index(str(value))])
    return np.array(variances)


def predict(fit: MixedFit, data: pd.DataFrame | None, random: bool, new: bool, rule: Rule) -> pd.DataFrame:
    """Predict rows; see `MixedFit.predict`."""
    design = fit.model.design
    source = design.frame if data is None else data
    random_names = variables(design.random_spec) if design.random_terms else []
    cluster_names = [name for one in design.clusters for name in [*one.name.split(":"), *variables(one.spec)]]
    names = [*formula_variables(design)]
    if random:
        names += [*random_names, design.subject_name, *cluster_names]
    if new:
        names += [name for name in (design.residual.visit, design.residual.by) if name]
    names = [name for name in dict.fromkeys(names) if name in design.frame.columns]
    frame = _new_frame(design, source, names)
    L = fixed_matrix(design, frame)
    result = estimates(fit, L, rule)
    estimate, variance, df = result.estimate, result.se**2, result.df
    scale = fit.model.coordinates.scale
    if random and fit.usable:
        effects = _Effects(fit, frame, source)
        estimate = estimate + scale * effects.value()
        variance = scale**2 * effects.error(inner_rows(fit, L))
    if new and fit.usable:
        variance = variance + scale**2 * _residual_variance(fit, source)
        if not random:
            variance = variance + _random_variance(fit, frame)
    se = np.sqrt(np.maximum(variance, 0))
    half = stats.t.isf((1 - rule.level) / 2, df) * se
    table = pd.DataFrame(
        {"estimate": estimate, "se": se, "df": df, "low": estimate - half, "high": estimate + half,
         "status": result.status},
        index=source.index,
    )  # fmt: skip
    table.attrs.update(df_method=rule.df, level=rule.level, random=random, new=new)
    return table


def _random_variance(fit: MixedFit, frame: pd.DataFrame) -> Array:
    """Give the variance that subject and clusters add to a new row, in the outcome's units."""
    design, coordinates, components = fit.model.design, fit.model.coordinates, fit.model.components
    total = np.zeros(len(frame))
    if design.random_terms:
        Z = _columns(design.random_spec, frame) @ coordinates.z_map
        total += np.einsum("rq,qs,rs->r", Z, components.random_covariance(fit.point.theta), Z)
    covariances = components.cluster_covariances(fit.point.theta)
    for cluster, to, Gamma in zip(design.clusters, coordinates.u_maps, covariances, strict=True):
        columns = _columns(cluster.spec, frame) @ to
        total += np.einsum("rs,st,rt->r", columns, Gamma, columns)
    return total * coordinates.scale**2
