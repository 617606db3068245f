"""Rotating all subjects at once keeps what the likelihood is made of, also of subjects whose rows say nothing new."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from needling.mixed import rotation
from needling.mixed.blocks import RowData
from needling.mixed.fit import fit_mixed

LENGTHS = [4, 1, 3, 2, 5]


def rows(seed=1):
    """Five subjects: an ordinary one, one row, three rows at one time, rows at time 0 only, and one without an intercept."""
    rng = np.random.default_rng(seed)
    subjects = np.repeat(np.arange(5), LENGTHS)
    time = rng.normal(size=15)
    time[subjects == 2] = 0.1 + 0.2
    time[subjects == 3] = 0.0
    Z = np.column_stack([np.where(subjects == 4, 0.0, 1.0), time])
    nothing = np.zeros(15, dtype=np.intp)
    return RowData(subjects, rng.normal(size=(15, 3)), Z, nothing, nothing[:, None], nothing, [], [], [])


def test_cross_products_within_each_subject_stay():
    data = rows()
    found = rotation.rotated(data)
    assert found.reached.sum(axis=1).tolist() == [2, 1, 1, 1, 1]
    assert found.count.tolist() == [2, 0, 2, 1, 4]
    kept = rotation.apart(data)
    for subject in range(5):
        own = data.subjects == subject
        Z, W, R, A = data.Z[own], data.W[own], found.R[subject], found.A[subject]
        np.testing.assert_allclose(R.T @ R, Z.T @ Z, atol=1e-12)
        np.testing.assert_allclose(R.T @ A, Z.T @ W, atol=1e-12)
        rest = found.rest[:, own]
        np.testing.assert_allclose(A.T @ A + rest @ rest.T, W.T @ W, atol=1e-12)
        np.testing.assert_allclose(kept.AA[subject], rest @ rest.T, atol=1e-12)
        np.testing.assert_allclose(rest @ Z, 0, atol=1e-12)


def test_what_is_new_in_a_nearly_dependent_column_is_told_to_all_digits():
    data = rows()
    data.Z[data.subjects == 0, 1] = 1 + 1e-7 * np.array([0, 1, 2, 4])
    found = rotation.rotated(data)
    left = 1e-7 * np.array([0, 1, 2, 4])
    assert found.R[0, 1, 1] == pytest.approx(np.sqrt(((left - left.mean()) ** 2).sum()), rel=1e-8)
    assert np.abs(found.rest[:, :4] @ np.ones(4)).max() < 1e-12


def test_the_likelihood_counts_every_row_once():
    rng = np.random.default_rng(2)
    subject = np.repeat(np.arange(30), [1, 2, 3] * 10)
    week = rng.integers(0, 3, len(subject)).astype(float)  # many subjects have all rows in one week
    y = 3 + rng.normal(size=30)[subject] + rng.normal(0, 0.7, 30)[subject] * week + rng.normal(0, 0.5, len(subject))
    data = pd.DataFrame({"id": subject, "week": week, "y": y})
    fit = fit_mixed("y ~ week", data, subject="id", random="1 + week", method="ml")
    G, variance = fit.random_covariance().to_numpy(), fit.variance_components()["estimate"].iloc[-1]
    Z = np.column_stack([np.ones(len(y)), week])
    V = (subject[:, None] == subject) * (Z @ G @ Z.T) + variance * np.eye(len(y))
    mean = Z @ fit.coefficients().to_numpy()
    assert fit.log_likelihood == pytest.approx(stats.multivariate_normal(mean, V).logpdf(y), abs=1e-8)
