"""Kenward-Roger keeps its promises: coverage and type I error in small trials with drop-out."""

import numpy as np
import pandas as pd
import pytest

from needling.mixed.fit import fit_mixed
from needling.mixed.model import Model
from needling.mixed.solving import solve

COVARIANCE = np.array([[4.0, 2.4, 2.0, 1.6], [2.4, 4.5, 2.8, 2.4], [2.0, 2.8, 5.0, 3.2], [1.6, 2.4, 3.2, 6.0]])


def simulated(rng, per_arm):
    """Two arms, four visits, no difference between the arms, monotone drop-out that depends on the last outcome."""
    subjects = 2 * per_arm
    y = 10 - np.arange(4) + rng.multivariate_normal(np.zeros(4), COVARIANCE, subjects)
    seen = np.ones((subjects, 4), dtype=bool)
    for visit in range(1, 4):
        leaves = rng.random(subjects) < 1 / (1 + np.exp(2.8 - 0.25 * (y[:, visit - 1] - 8)))
        seen[:, visit] = seen[:, visit - 1] & ~leaves
    subject, visit = np.nonzero(seen)
    arm = np.where(subject < per_arm, "needling", "usual")
    return pd.DataFrame({"id": subject, "visit": visit, "arm": arm, "y": y[seen]})


def rejections(per_arm, replicates, seed):
    rng = np.random.default_rng(seed)
    rejected, fitted = 0, 0
    for _ in range(replicates):
        data = simulated(rng, per_arm)
        fit = fit_mixed("y ~ C(visit) * arm", data, subject="id", residual="unstructured(visit)")
        if not fit.usable or "residual" in fit.boundary:
            continue
        row = fit.contrast("arm", by="visit", at={"visit": 3})
        fitted += 1
        rejected += int(row["p"][0] < 0.05)
    return rejected, fitted


def assert_within_monte_carlo_error(rejected, fitted):
    share, error = rejected / fitted, np.sqrt(0.05 * 0.95 / fitted)
    assert abs(share - 0.05) < 3.3 * error, f"{share:.4f} rejected of {fitted}"


@pytest.mark.parametrize("per_arm", [10, 20])
def test_type_one_error_and_coverage(per_arm):
    """An interval covers the true difference exactly when the test does not reject it."""
    rejected, fitted = rejections(per_arm, 120, seed=per_arm)
    assert fitted > 115
    assert_within_monte_carlo_error(rejected, fitted)


@pytest.mark.slow
@pytest.mark.parametrize("per_arm", [10, 20])
def test_type_one_error_and_coverage_closely(per_arm):
    rejected, fitted = rejections(per_arm, 4000, seed=100 + per_arm)
    assert_within_monte_carlo_error(rejected, fitted)


def test_estimates_recover_the_truth():
    """A large simulated trial gives back effects and covariance within four standard errors."""
    rng = np.random.default_rng(3)
    data = simulated(rng, 1500)
    fit = fit_mixed("y ~ C(visit) * arm", data, subject="id", residual="unstructured(visit)")
    table = fit.contrast("arm", by="visit", at={"visit": [0, 1, 2, 3]})
    assert (table["statistic"].abs() < 4).all()
    components = fit.variance_components()
    truth = COVARIANCE[np.tril_indices(4)]
    assert (np.abs(components["estimate"] - truth) < 4 * components["se"]).all()


def test_a_warm_start_ends_where_a_cold_one_ends():
    data = simulated(np.random.default_rng(4), 40)
    fit = fit_mixed("y ~ C(visit) * arm", data, subject="id", residual="toeplitz_het(visit)")
    warm = solve(Model(fit.model.design, "reml"), fit.warm_start + 0.2)
    assert warm.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-8)
