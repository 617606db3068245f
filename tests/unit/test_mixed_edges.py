"""The engine at its edges: continuous time, time far from zero, correlations near one."""

import numpy as np
import pandas as pd
import pytest

from needling.mixed import fit_mixed

RANGE, VARIANCE = 5.0, 4.0


def diary(seed, subjects=150, rows=6, reach=RANGE):
    """Rows at irregular days with covariance VARIANCE * exp(-distance / reach)."""
    rng = np.random.default_rng(seed)
    day = np.sort(rng.uniform(0, 20, (subjects, rows)), axis=1)
    covariance = VARIANCE * np.exp(-np.abs(day[:, :, None] - day[:, None, :]) / reach)
    noise = (np.linalg.cholesky(covariance) @ rng.normal(size=(subjects, rows, 1)))[..., 0]
    arm = np.arange(subjects) % 2
    y = 6 - 0.1 * day - 0.5 * arm[:, None] + noise
    return pd.DataFrame(
        {"id": np.repeat(np.arange(subjects), rows), "day": day.ravel(), "arm": np.repeat(arm, rows), "y": y.ravel()}
    )


def test_the_range_is_recovered():
    fit = fit_mixed("y ~ arm + day", diary(1), subject="id", residual="exponential(day)")
    assert fit.status == "converged"
    table = fit.variance_components().set_index("quantity")
    assert abs(table.loc["range", "estimate"] - RANGE) < 3 * table.loc["range", "se"]
    assert abs(table.loc["variance", "estimate"] - VARIANCE) < 3 * table.loc["variance", "se"]
    assert table.loc["range", "se"] < 0.2 * RANGE


@pytest.mark.parametrize(("unit", "origin"), [(24.0, 0.0), (86400.0, 1.7e9), (1 / 365.25, 2020.0)])
def test_the_unit_and_the_origin_of_time_change_the_range_alone(unit, origin):
    data = diary(2, subjects=30)
    other = data.assign(day=data["day"] * unit + origin)
    first = fit_mixed("y ~ arm", data, subject="id", residual="exponential(day)")
    second = fit_mixed("y ~ arm", other, subject="id", residual="exponential(day)")
    assert second.status == first.status == "converged"
    assert second.log_likelihood == pytest.approx(first.log_likelihood, abs=1e-6)
    pd.testing.assert_frame_equal(second.terms(), first.terms(), rtol=1e-5)
    ranges = [fit.variance_components().set_index("quantity").loc["range"] for fit in (first, second)]
    assert ranges[1]["estimate"] == pytest.approx(ranges[0]["estimate"] * unit, rel=1e-5)
    assert ranges[1]["se"] == pytest.approx(ranges[0]["se"] * unit, rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_exponential_never_ends_below_independence(seed):
    data = diary(seed, subjects=12, rows=4, reach=1e-3)
    plain = fit_mixed("y ~ arm", data, subject="id")
    fit = fit_mixed("y ~ arm", data, subject="id", residual="exponential(day)")
    assert fit.log_likelihood >= plain.log_likelihood - 1e-6
    if fit.log_likelihood < plain.log_likelihood + 1e-6:
        assert fit.status == "singular"
        assert "no correlation between visits is left" in fit.message
    by_arm = fit_mixed("y ~ arm", data, subject="id", residual="exponential(day | arm)")
    two_variances = fit_mixed("y ~ arm", data, subject="id", residual="iid(| arm)")
    assert by_arm.log_likelihood >= max(fit.log_likelihood, two_variances.log_likelihood) - 1e-6


def test_a_gap_between_patients_says_nothing_about_correlation():
    """Two patients a minute apart do not make a correlation over weeks look strong, nor years apart look weak."""
    data = diary(3, subjects=40)
    data["day"] += data["id"] * 1000 + 1e-6 * data["id"]
    fit = fit_mixed("y ~ arm", data, subject="id", residual="exponential(day)")
    assert fit.status == "converged"
    assert fit.variance_components()["estimate"].iloc[1] == pytest.approx(RANGE, rel=0.5)


def test_exponential_needs_a_subject_with_two_rows():
    data = diary(4).groupby("id").head(1)
    fit = fit_mixed("y ~ arm", data, subject="id", residual="exponential(day)")
    assert fit.status == "failed"
    assert "No subject has two rows" in fit.message
