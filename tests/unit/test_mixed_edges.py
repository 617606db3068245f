"""The engine at its edges: continuous time, time far from zero, correlations near one."""

import numpy as np
import pandas as pd
import pytest

from needling.mixed.errors import MixedModelError
from needling.mixed.fit import fit_ladder, fit_mixed
from needling.mixed.profile import _limit

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


def growth(seed=5, subjects=40):
    rng = np.random.default_rng(seed)
    week, arm = np.tile(np.arange(5.0), subjects), np.repeat(np.arange(subjects) % 2, 5)
    effects = rng.multivariate_normal([0, 0], [[4, -0.3], [-0.3, 0.25]], subjects).repeat(5, axis=0)
    y = 50 + effects[:, 0] + (2 - arm + effects[:, 1]) * week + rng.normal(size=len(week))
    therapist = rng.integers(0, 5, len(week))
    y = y + (rng.normal(size=5) + 0.3 * rng.normal(size=5) * week[:, None])[np.arange(len(week)), therapist]
    return pd.DataFrame({"id": np.arange(subjects).repeat(5), "week": week, "arm": arm, "therapist": therapist, "y": y})


@pytest.mark.parametrize("cluster", [None, {"therapist": "1 + week"}])
@pytest.mark.parametrize("shift", [100.0, -2020.0, 44_000.0, 1e7])
def test_slopes_do_not_depend_on_where_time_is_zero(shift, cluster):
    data = growth()
    moved = data.assign(week=data["week"] + shift)
    first, second = (
        fit_mixed("y ~ arm * week", frame, subject="id", random="1 + week", cluster=cluster) for frame in (data, moved)
    )
    assert first.status == second.status == "converged"
    assert second.log_likelihood == pytest.approx(first.log_likelihood, abs=1e-6)
    # the user's coordinates: the slope's variance stays, the intercept's is that of b0 - shift * b1
    G = first.random_covariance().to_numpy()
    T = np.array([[1, -shift], [0, 1]])
    np.testing.assert_allclose(second.random_covariance(), T @ G @ T.T, rtol=1e-5)
    pair = [fit.variance_components().set_index(["component", "term"]) for fit in (first, second)]
    for column in ("estimate", "se"):
        assert pair[1].loc[("id", "week"), column] == pytest.approx(pair[0].loc[("id", "week"), column], rel=1e-4)
    trends = [fit.slopes("week", at={"arm": 1}).drop(columns=["covariate", "status"]) for fit in (first, second)]
    np.testing.assert_allclose(trends[1], trends[0], rtol=1e-4)
    np.testing.assert_allclose(second.fitted("conditional"), first.fitted("conditional"), rtol=1e-6)
    np.testing.assert_allclose(
        second.predict(random=True, new=True)["se"], first.predict(random=True, new=True)["se"], rtol=1e-5
    )
    effects = [
        fit.random_effects().query("component == 'id' and term == 'week'")["estimate"] for fit in (first, second)
    ]
    np.testing.assert_allclose(effects[1], effects[0], rtol=1e-4, atol=1e-8)


def test_a_perfect_correlation_far_from_zero_is_still_found():
    data = growth()
    rng = np.random.default_rng(7)
    data["y"] = 3 + 2 * rng.normal(size=40)[data["id"]] * (1 + 0.5 * data["week"]) + rng.normal(size=len(data))
    for shift in (0.0, 2020.0):
        fit = fit_mixed("y ~ week", data.assign(week=data["week"] + shift), subject="id", random="1 + week")
        assert fit.status == "singular"
        assert "perfectly correlated" in fit.message


@pytest.mark.parametrize("reliability", [0.9999, 0.99999])
def test_nearly_perfect_correlation_has_its_closed_form(reliability):
    """Complete data and saturated means: the REML covariance is the pooled one, each df the subjects less two."""
    rng = np.random.default_rng(7)
    subjects, visits = 40, 4
    true = np.repeat(rng.normal(size=(subjects, 1)), visits, axis=1)
    wide = np.sqrt(reliability) * true + np.sqrt(1 - reliability) * rng.normal(size=(subjects, visits))
    arm = np.arange(subjects) % 2
    data = pd.DataFrame(
        {"id": np.arange(subjects).repeat(visits), "visit": np.tile(np.arange(visits), subjects),
         "arm": arm.repeat(visits), "y": wide.ravel()}
    )  # fmt: skip
    fit = fit_mixed("y ~ C(arm) * C(visit)", data, subject="id", residual="unstructured(visit)")
    assert fit.status == "converged", fit.message
    centred = wide - np.array([wide[arm == one].mean(axis=0) for one in (0, 1)])[arm]
    pooled = centred.T @ centred / (subjects - 2)
    np.testing.assert_allclose(fit.residual_covariance(), pooled, rtol=1e-6)
    row = fit.terms().iloc[-1]  # arm:visit 3, the difference in change since visit 0
    spread = pooled[0, 0] + pooled[3, 3] - 2 * pooled[0, 3]
    assert row["se"] == pytest.approx(np.sqrt(spread * 4 / subjects), rel=1e-5)
    assert row["df"] == pytest.approx(subjects - 2, rel=1e-3)
    table = fit.variance_components()
    variance = table[table["quantity"] == "variance"]
    np.testing.assert_allclose(variance["se"], np.diag(pooled) * np.sqrt(2 / (subjects - 2)), rtol=1e-4)
    for structure in ("toeplitz", "compound_symmetry", "ar1", "antedependence"):
        assert fit_mixed("y ~ C(arm)", data, subject="id", residual=f"{structure}(visit)").status == "converged"


def test_the_ladder_does_not_keep_a_singular_rung():
    data = diary(0, subjects=12, rows=4, reach=1e-3)
    rungs = ["exponential(day)", "iid"]
    fits = [fit_mixed("y ~ arm", data, subject="id", residual=one) for one in rungs]
    assert [fit.status for fit in fits] == ["singular", "converged"]
    chosen = fit_ladder("y ~ arm", data, subject="id", residuals=rungs)
    assert chosen.covariance_structure == "iid"
    assert chosen.ladder["chosen"].tolist() == [False, True]


def test_bic_counts_subjects():
    fit = fit_mixed("y ~ arm", diary(8, subjects=30), subject="id")
    assert fit.bic == pytest.approx(-2 * fit.log_likelihood + np.log(30))  # one covariance parameter under REML


def test_independent_residuals_with_a_visit_are_refused():
    with pytest.raises(MixedModelError, match="know no visits"):
        fit_mixed("y ~ arm", diary(8, subjects=6), subject="id", residual="iid(day)")


@pytest.mark.parametrize("gap", [0.0, 0.02])
def test_a_profile_that_cannot_be_found_somewhere_has_no_limit_and_raises_nothing(gap):
    def height(value):
        return np.nan if 0 < abs(value - 0.55) < gap else value**2 - 0.3

    limit = _limit(height, 0.0, 1.0, np.inf)
    assert np.isnan(limit) if gap else limit == pytest.approx(0.3**0.5)
