"""Two hundred small or near-singular data sets: no local maximum is called converged, nothing fails in silence."""

import warnings

import numpy as np
import pandas as pd
import pytest

from needling.mixed.errors import MixedModelError
from needling.mixed.fit import fit_mixed
from needling.mixed.optimise import maximise
from needling.mixed.structures import STRUCTURES

PER_CHUNK = 25


def awkward(seed):
    """Make few subjects, few visits, zero or huge or perfectly correlated variances, rounded outcomes, odd scales."""
    rng = np.random.default_rng(seed)
    subjects, visits = int(rng.integers(5, 25)), int(rng.integers(2, 6))
    subject, visit = np.repeat(np.arange(subjects), visits), np.tile(np.arange(visits), subjects)
    effects = rng.normal(size=(subjects, 2)) * [rng.choice([0, 0.05, 0.5, 3]), rng.choice([0, 0.02, 0.3])]
    if rng.random() < 0.3:
        effects[:, 1] = 0.2 * effects[:, 0]
    therapist = rng.integers(0, 4, len(subject))
    noise = rng.normal(size=len(subject)) * (1 + rng.choice([0, 0.5]) * visit)
    y = 5 + effects[subject, 0] + effects[subject, 1] * visit + noise
    y = y + rng.normal(0, rng.choice([0, 0.3, 1]), 4)[therapist]
    y = np.round(y) if rng.random() < 0.2 else y
    data = pd.DataFrame(
        {
            "id": subject,
            "visit": visit,
            "arm": np.where(subject % 2, "needling", "usual"),
            "therapist": therapist,
            "y": y * 10.0 ** rng.integers(-4, 5),
        }
    )
    data = data[rng.random(len(data)) > rng.choice([0, 0.2, 0.45])]
    residual = f"{rng.choice(STRUCTURES[1:])}(visit)"
    model = (
        {"random": "1 + visit"},
        {"residual": residual},
        {"random": str(rng.choice(["1", "1 + visit", "1 + visit ||"])), "cluster": {"therapist": "1"}},
        {"residual": residual, "cluster": {"therapist": str(rng.choice(["1", "1 + visit"]))}},
    )[seed % 4]
    formula = "y ~ arm * visit" if seed % 3 else "y ~ arm * C(visit)"
    return data, formula, model


def best_of_other_starts(fit, seed):
    rng = np.random.default_rng(seed + 10**6)
    values = []
    for _ in range(3):
        start = fit.model.start(rng.uniform(0.02, 0.95))
        found = maximise(fit.model.likelihood, start + rng.normal(0, 0.5, len(start)))
        values += [found.point.value] if found else []
    return min(values, default=np.inf)


@pytest.mark.parametrize("chunk", range(200 // PER_CHUNK))
def test_no_local_maximum_is_called_converged(chunk):
    seen = set()
    for seed in range(chunk * PER_CHUNK, (chunk + 1) * PER_CHUNK):
        data, formula, model = awkward(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                fit = fit_mixed(formula, data, subject="id", **model)
            except MixedModelError:
                continue  # too few rows for the coefficients: said in words
            table = fit.terms()
        seen.add(fit.status)
        if fit.status != "converged":
            assert fit.message
        if not fit.usable:
            assert table[["estimate", "se", "p"]].isna().all(axis=None)
            continue
        if "residual" in fit.boundary:
            assert table[["se", "p"]].isna().all(axis=None)
            continue
        gap = (-2 * fit.log_likelihood - best_of_other_starts(fit, seed)) / 2
        assert gap < 1e-3, f"seed {seed}: {fit.status}, {gap:.4f} below another start"
    assert {"converged", "singular"} <= seen
