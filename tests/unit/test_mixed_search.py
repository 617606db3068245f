"""The search for the maximum: few steps near it, and no lesson of far away taken along."""

import numpy as np
import pandas as pd
import pytest

from needling.mixed.fit import fit_mixed
from needling.mixed.optimise import learned


def diary(patients, seed=2):
    """Five visits with a covariance that no structure of few parameters has, a fifth of the visits missed."""
    rng = np.random.default_rng(seed)
    root = np.tril(rng.uniform(0.2, 0.6, (5, 5))) + np.eye(5)
    patient, visit = np.repeat(np.arange(patients), 5), np.tile(np.arange(5), patients)
    y = 6 - 0.5 * visit + (rng.normal(size=(patients, 5)) @ root.T).ravel()
    data = pd.DataFrame({"id": patient, "visit": visit, "arm": np.where(patient % 2, "needling", "usual"), "y": y})
    return data[rng.random(len(data)) > 0.2]


# on the average information alone these take 8, 8, 10 and 10 steps or more
@pytest.mark.parametrize(
    ("model", "steps"),
    [
        ({"residual": "ar1(visit)"}, 5),
        ({"residual": "exponential(visit)"}, 6),
        ({"residual": "antedependence_het(visit)"}, 8),
        ({"random": "1", "residual": "ar1(visit)"}, 8),
    ],
)
@pytest.mark.parametrize("patients", [100, 1000])
def test_a_search_takes_few_steps(model, steps, patients):
    fit = fit_mixed("y ~ visit * arm", diary(patients), subject="id", **model)
    assert fit.status == "converged"
    assert fit.iterations <= steps


def test_a_correction_gives_the_change_of_the_gradient_in_any_units():
    rng = np.random.default_rng(2)
    square = rng.normal(size=(4, 4))
    hessian, lacking = square @ square.T + np.eye(4), np.diag([0.5, -0.2, 0.1, 0.3])
    step = rng.normal(size=4)
    change = (hessian + lacking) @ step
    beyond = learned(np.zeros((4, 4)), step, change, hessian)
    np.testing.assert_allclose((hessian + beyond) @ step, change)
    np.testing.assert_allclose(beyond, beyond.T)
    units = np.array([1.0, 10.0, 0.01, 1e4])
    scaled = learned(np.zeros((4, 4)), step / units, change * units, hessian * np.outer(units, units))
    np.testing.assert_allclose(scaled, beyond * np.outer(units, units))
    assert (learned(lacking, step, -change, hessian) == lacking).all()  # where -2 log L is not convex along the step
