"""Responders: published variances, recovery with coverage, separation, and the number needed to treat."""

import numpy as np
import pandas as pd
import pytest

from needling.analysis.g_computation import g_computation, number_needed


@pytest.fixture(scope="module")
def trial(reference):
    return pd.read_csv(reference / "beeca/sim_trial_01.csv")


def of(table, quantity):
    return table[table["quantity"] == quantity].iloc[0]


@pytest.mark.parametrize(
    ("variance", "se"),
    [("ge", 0.060716413), ("HC0", 0.060768530), ("ye", 0.060883604)],
    ids=["SAS margins", "beeca, robust", "RobinCar"],
)
def test_published_variances(trial, variance, se):
    found = g_computation(trial, "aval", "trtp", "trtp + bl_cov", variance)
    row = of(found, "risk_difference")
    assert row["estimate"] == pytest.approx(-0.068363988, abs=1e-9)
    assert row["se"] == pytest.approx(se, abs=1e-9)
    np.testing.assert_allclose(found["estimate"].iloc[:2], [0.487472, 0.419109], atol=1e-6)
    assert (found["n_patients"].iloc[0], found["n_events"].iloc[0], row["n_patients"]) == (133, 65, 267)


def test_sas_interval_and_p(trial):
    row = of(g_computation(trial, "aval", "trtp", "aval ~ trtp + bl_cov", "ge"), "risk_difference")
    np.testing.assert_allclose(row[["low", "high", "p"]].astype(float), [-0.187366, 0.050638, 0.260184], atol=1e-6)


def test_without_covariates_it_is_the_table():
    data = pd.DataFrame(
        {"arm": ["usual"] * 136 + ["acupuncture"] * 159, "y": [1] * 37 + [0] * 99 + [1] * 65 + [0] * 94}
    )
    found = g_computation(data, "y", "arm", "arm", "ge", reference="usual")
    row, ratio = of(found, "risk_difference"), of(found, "risk_ratio")
    # The published limits (65 of 159 against 37 of 136) were worked out with 1.96 for the normal quantile.
    difference = row["estimate"] + np.array([0, -1.96, 1.96]) * row["se"]
    np.testing.assert_allclose(difference, [0.136746, 0.029819, 0.243673], atol=1e-6)
    ratios = ratio["estimate"] * np.exp(np.array([0, -1.96, 1.96]) * ratio["se"])
    np.testing.assert_allclose(ratios, [1.502635, 1.077640, 2.095236], atol=1e-6)
    np.testing.assert_allclose(ratio[["low", "high"]].astype(float), ratios[1:], rtol=2e-5)
    assert (row["arm"], row["reference"]) == ("acupuncture", "usual")
    turned = of(g_computation(data, "y", "arm", "arm", "ge", reference="acupuncture"), "risk_difference")
    assert turned["estimate"] == pytest.approx(-row["estimate"])


def simulated(rng, n=240, blocks=False):
    x = rng.normal(size=n)
    stratum = (x > 0).astype(int)
    arm = rng.integers(0, 2, n)
    if blocks:
        for one in (0, 1):
            places = np.flatnonzero(stratum == one)
            arm[places] = rng.permutation(np.arange(len(places)) % 2)
    y = rng.uniform(size=n) < 1 / (1 + np.exp(-(-0.3 + 0.7 * arm + 1.2 * x)))
    return pd.DataFrame({"x": x, "stratum": stratum, "arm": arm, "y": y.astype(int)})


@pytest.fixture(scope="module")
def truth():
    x = np.random.default_rng(1).normal(size=400_000)
    p = [np.mean(1 / (1 + np.exp(-(-0.3 + 0.7 * a + 1.2 * x)))) for a in (0, 1)]
    return p[1] - p[0]


@pytest.mark.parametrize("formula", ["arm + x", "arm"], ids=["right model", "no covariate"])
def test_coverage_of_the_population_difference(truth, formula):
    rng = np.random.default_rng(5)
    rows = [of(g_computation(simulated(rng), "y", "arm", formula), "risk_difference") for _ in range(250)]
    inside = np.mean([row["low"] <= truth <= row["high"] for row in rows])
    assert abs(inside - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 250)


def test_stratified_randomisation_needs_its_correction(truth):
    rng = np.random.default_rng(6)
    trials = [simulated(rng, blocks=True) for _ in range(300)]
    plain = [of(g_computation(one, "y", "arm", "arm"), "risk_difference") for one in trials]
    corrected = [of(g_computation(one, "y", "arm", "arm", strata="stratum"), "risk_difference") for one in trials]
    spread = np.std([row["estimate"] for row in plain])
    assert np.mean([row["se"] for row in corrected]) == pytest.approx(spread, rel=0.12)
    assert np.mean([row["se"] for row in plain]) > 1.05 * np.mean([row["se"] for row in corrected])
    inside = np.mean([row["low"] <= truth <= row["high"] for row in corrected])
    assert abs(inside - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 300)


def test_separation_is_named_and_the_shares_stay():
    data = pd.DataFrame({"arm": [0, 0, 0, 0, 1, 1, 1, 1], "y": [0, 1, 0, 1, 1, 1, 1, 1]})
    found = g_computation(data, "y", "arm", "arm")
    assert found.attrs["separated"] == ["arm[T.1]"]
    np.testing.assert_allclose(found["estimate"].iloc[:2], [0.5, 1.0], atol=1e-6)
    assert np.isnan(of(g_computation(data, "y", "arm", "arm", "ge"), "risk_difference")["se"])


def test_three_arms_each_against_the_reference():
    rng = np.random.default_rng(2)
    data = simulated(rng).assign(
        arm=lambda d: np.where(np.arange(len(d)) % 3 == 0, "sham", np.where(d["arm"] == 1, "needle", "usual"))
    )
    found = g_computation(data, "y", "arm", "arm + x", reference="sham")
    pairs = found.loc[found["quantity"] == "risk_difference", ["arm", "reference"]].to_numpy().tolist()
    assert pairs == [["needle", "sham"], ["usual", "sham"]]
    assert found.attrs["covariance"].shape == (3, 3)


def test_without_covariates_yes_variance_is_that_of_three_shares():
    """Independent arms: the variance of each share is s^2 / n of its own arm, and no two go together."""
    arm = np.repeat(["a", "b", "c"], [30, 40, 50])
    y = np.concatenate([np.arange(30) % 3 == 0, np.arange(40) % 2 == 0, np.arange(50) % 5 > 0]) * 1
    found = g_computation(pd.DataFrame({"y": y, "arm": arm}), "y", "arm", "arm").attrs["covariance"]
    expected = [np.var(y[arm == one], ddof=1) / (arm == one).sum() for one in "abc"]
    np.testing.assert_allclose(found, np.diag(expected), atol=1e-12)


def test_yes_covariance_of_three_arms_is_that_of_repeated_trials():
    """Shares that a covariate explains go together, since all are averaged over the same patients."""
    rng, shares, covariances = np.random.default_rng(12), [], []
    for _ in range(300):
        x, arm = rng.normal(size=150), np.arange(150) % 3
        y = (rng.random(150) < 1 / (1 + np.exp(0.5 - 0.6 * arm - 1.5 * x))) * 1
        found = g_computation(pd.DataFrame({"y": y, "arm": arm, "x": x}), "y", "arm", "arm + x")
        shares.append(found.loc[found["quantity"] == "share", "estimate"].to_numpy())
        covariances.append(found.attrs["covariance"])
    spread, expected = np.cov(np.array(shares).T), np.mean(covariances, axis=0)
    error = np.sqrt((spread**2 + np.outer(np.diag(spread), np.diag(spread))) / 300)
    assert (np.abs(spread - expected) < 4 * error).all()
    assert (expected[~np.eye(3, dtype=bool)] > 0.0004).all()


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        ((0.136746, 0.029819, 0.243673), (7.3, 4.1, 33.5, False)),
        ((0.218944, 0.109805, 0.328083), (4.6, 3.0, 9.1, False)),
        ((0.10, -0.05, 0.25), (10, 4, -20, True)),
        ((-0.10, -0.25, -0.05), (-10, -4, -20, False)),
    ],
)
def test_number_needed_to_treat(difference, expected):
    found = number_needed(*difference)
    np.testing.assert_allclose([found["estimate"], found["low"], found["high"]], expected[:3], atol=0.06)
    assert found["through_infinity"] is expected[3]


def test_what_cannot_be_asked_is_refused():
    data = pd.DataFrame({"arm": [0, 0, 1, 1], "y": [0, 2, 1, 1]})
    with pytest.raises(ValueError, match="0 and 1"):
        g_computation(data, "y", "arm", "arm")
    with pytest.raises(ValueError, match="an arm has no patients"):
        g_computation(data.assign(arm=1, y=1), "y", "arm", "arm")
