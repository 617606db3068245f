"""The same model by statsmodels' MixedLM, where it has it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .components import random_covariance, residual_covariance
from .inference import Inference, estimates, values
from .judge import residual_variances
from .solution import Solution

Array = np.ndarray

PATIENTS = 1_000  # MixedLM takes seconds for so many, and minutes for a registry
SEED = 20260101
COLUMNS = ["quantity", "needling", "statsmodels", "difference", "note"]


def _reason(fit: Solution) -> str:  # noqa: PLR0911 - one sentence per reason
    """Say why statsmodels cannot express the model; empty if it can."""
    design = fit.model.design
    if not fit.usable:
        return f"the fit failed: {fit.message}"
    if np.ptp(design.weights) > 0:
        return "MixedLM has no weights"
    if design.residual.by:
        return "MixedLM has no residual variance by group"
    if design.clusters:
        return "MixedLM has clusters above subjects only as dense columns of one group"
    if len(design.random_blocks) > 1:
        return "MixedLM cannot hold covariances between random effects at zero and stay comparable"
    exchangeable = design.residual.structure == "compound_symmetry" and not design.random_terms
    if exchangeable:
        covariance = fit.point.theta[fit.model.components.slices[1][0]][1]
        return "" if covariance > 0 else "MixedLM has compound symmetry only as a positive random intercept"
    if design.residual.structure != "iid":
        return f"MixedLM has no residual structure '{design.residual.structure}'"
    return "" if design.random_terms else "there is no random effect"


def cross_check(fit: Solution) -> pd.DataFrame:
    """Compare with MixedLM; see `MixedFit.cross_check`."""
    reason = _reason(fit)
    if reason:
        return pd.DataFrame(
            [("model", np.nan, np.nan, np.nan, f"Not expressible in statsmodels: {reason}.")], columns=COLUMNS
        )
    said = []
    if fit.n_subjects > PATIENTS:
        said.append(f"Both on a random sample of {PATIENTS:,} of {fit.n_subjects:,} by {fit.model.design.subject_name}")
        fit = _of_a_sample(fit)
        reason = _reason(fit)
        if reason:
            note = f"{said[0]}, where there is no comparison: {reason}."
            return pd.DataFrame([("model", np.nan, np.nan, np.nan, note)], columns=COLUMNS)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        other = _theirs(fit)
    notes = sorted({str(one.message).splitlines()[0] for one in caught})
    if not other.converged or notes:
        said.append(f"statsmodels: converged={other.converged}; {' | '.join(notes)}")
    return _compared(fit, other, "; ".join(said))


def _of_a_sample(fit: Solution) -> Solution:
    """Fit the same model to some subjects, always the same ones of the same data."""
    from .model import Model
    from .solving import solve

    design = fit.model.design
    chosen = np.random.default_rng(SEED).choice(fit.n_subjects, PATIENTS, replace=False)
    rows = np.flatnonzero(np.isin(design.subjects, chosen))
    return solve(Model(design.take(rows, design.subjects[rows], []), fit.method), fit.warm_start)


@dataclass
class Theirs:
    """What MixedLM found, in the outcome's own units."""

    converged: bool
    llf: float
    fe_params: Array
    bse_fe: Array
    cov_re: Array
    scale: float


def _theirs(fit: Solution) -> Theirs:
    """Fit by MixedLM, in columns of unit size and from a distorted start: else it is slow, or stops short in silence."""
    from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams

    design, coordinates = fit.model.design, fit.model.coordinates
    X = design.X[:, coordinates.kept]
    Z = design.Z if design.random_terms else np.ones((design.n_rows, 1))
    size, s = np.sqrt((X**2).mean(axis=0)), coordinates.scale
    z = np.sqrt((Z**2).mean(axis=0))
    model = MixedLM(fit.model.y / s, X / size, groups=design.subjects, exog_re=Z / z)
    if design.random_terms:
        relative = random_covariance(fit, False).to_numpy() * np.outer(z, z) / s**2
        relative = relative / residual_variances(fit.model, fit.point.theta, 0)[0]
    else:
        matrix = residual_covariance(fit, "", False).to_numpy()
        relative = matrix[:1, 1:2] / (matrix[0, 0] - matrix[0, 1])
    start = MixedLMParams.from_components(
        fe_params=np.linalg.lstsq(X / size, fit.model.y / s, rcond=None)[0],
        cov_re=0.6 * relative + 0.1 * np.eye(len(relative)),
    )
    found = model.fit(reml=fit.method == "reml", start_params=start)
    n, p = X.shape
    shift = (n - p) * np.log(s) + np.log(size).sum() if fit.method == "reml" else n * np.log(s)
    return Theirs(
        bool(found.converged),
        float(found.llf - shift),
        np.asarray(found.fe_params) * s / size,
        np.asarray(found.bse_fe) * s / size,
        np.atleast_2d(found.cov_re) * s**2 / np.outer(z, z),
        float(found.scale) * s**2,
    )


def _compared(fit: Solution, other: Theirs, note: str) -> pd.DataFrame:
    kept = fit.model.coordinates.kept
    names = [fit.coefficient_names[column] for column in kept]
    L = np.eye(len(fit.coefficient_names))[kept]
    errors = estimates(fit, L, Inference("asymptotic")).se
    rows: list[tuple[str, float, float]] = [("log-likelihood", fit.log_likelihood, float(other.llf))]
    for number, (name, value) in enumerate(zip(names, values(fit, L), strict=True)):
        rows.append((f"estimate {name}", float(value), float(other.fe_params[number])))
    for number, name in enumerate(names):
        rows.append((f"se {name}", float(errors[number]), float(other.bse_fe[number])))
    squared = fit.model.coordinates.scale**2
    cov_re, scale = other.cov_re, other.scale
    if fit.model.design.random_terms:
        terms, G = fit.model.design.random_terms, random_covariance(fit, False).to_numpy()
        for i in range(len(terms)):
            for j in range(i + 1):
                label = terms[i] if i == j else f"{terms[j]}, {terms[i]}"
                rows.append((f"random {label}", float(G[i, j]), float(cov_re[i, j])))
        rows.append(("residual variance", float(residual_variances(fit.model, fit.point.theta, 0)[0] * squared), scale))
    else:
        matrix = residual_covariance(fit, "", False).to_numpy()
        rows.append(("covariance of two visits", float(matrix[0, 1]), float(cov_re[0, 0])))
        rows.append(("variance of a visit", float(matrix[0, 0]), float(cov_re[0, 0]) + scale))
    return pd.DataFrame([(name, a, b, a - b, note) for name, a, b in rows], columns=COLUMNS)
