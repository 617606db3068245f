"""Weighted differences: published values, exact balance, recovery under confounding, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from causaldata import nhefs_complete

from needling.analysis.weighting import balance, e_value, weighted_difference

NCDS = (
    "white + maemp + C(scht) + C(qmab) + C(qmab2) + C(qvab) + C(qvab2) + paed_u + maed_u + agepa + agema + sib_u "
    "+ paed_u:agepa + maed_u:agema"
)
SQUARED = ("age", "smokeintensity", "smokeyrs", "wt71")
NHEFS = " + ".join(
    ["sex + race + C(education) + C(exercise) + C(active)", *(f"{name} + I({name}**2)" for name in SQUARED)]
)


@pytest.fixture(scope="module")
def ncds(reference):
    return pd.read_csv(reference / "ncds/ncds.csv")


@pytest.mark.parametrize(
    ("weights", "others", "treated"),
    [("inverse", 1.9002, 2.0927), ("overlap", 1.8617, 2.0408), ("treated", 1.9394, 2.1515)],
)
def test_means_of_the_psweight_vignette(ncds, weights, others, treated):
    found = weighted_difference(ncds, "wage", "Dany", NCDS, weights)
    assert found.loc[found["quantity"] == "mean", "estimate"].tolist() == pytest.approx([others, treated], abs=5.1e-5)


@pytest.mark.parametrize(
    ("weights", "outcome_formula", "estimate", "se"),
    [
        ("inverse", None, 0.192543, 0.021122),
        ("overlap", None, 0.179129, 0.015609),
        ("treated", None, 0.212116, 0.027052),
        ("inverse", NCDS, 0.186079, 0.019842),
        ("overlap", NCDS, 0.180004, 0.015646),
    ],
)
def test_psweight_vignette(ncds, weights, outcome_formula, estimate, se):
    found = weighted_difference(ncds, "wage", "Dany", NCDS, weights, outcome_formula=outcome_formula)
    row = found[found["quantity"] == "difference"].iloc[0]
    np.testing.assert_allclose(row[["estimate", "se"]].astype(float), [estimate, se], atol=1.1e-6)


def test_overlap_weights_balance_every_covariate_of_the_model(ncds):
    weights = weighted_difference(ncds, "wage", "Dany", NCDS).attrs["weights"]
    told = balance(ncds, ["white", "maemp", "agepa", "sib_u", "scht"], "Dany", weights)
    assert told["after"].abs().max() < 1e-9
    assert told["before"].abs().max() > 0.2


@pytest.fixture(scope="module")
def smokers():
    data = nhefs_complete.load_pandas().data.dropna(subset=["wt82_71"])
    return data.astype(dict.fromkeys(("qsmk", "sex", "race", "age", "smokeintensity", "smokeyrs", "wt71"), float))


def test_smoking_and_weight_in_what_if(smokers):
    row = weighted_difference(smokers, "wt82_71", "qsmk", NHEFS, "inverse").iloc[2]
    # The book: 3.4 (2.4 to 4.5) with weights taken as known; the stacked variance is a little smaller.
    assert row["estimate"] == pytest.approx(3.440536, abs=2e-6)
    assert 0.45 < row["se"] < 0.525493
    assert smokers.groupby("qsmk")["wt82_71"].mean().diff().iloc[1] == pytest.approx(2.540581, abs=1e-6)  # crude
    overlap = weighted_difference(smokers, "wt82_71", "qsmk", NHEFS, "overlap").iloc[2]
    assert overlap["estimate"] == pytest.approx(3.461149, abs=1e-6)


def test_weights_of_what_if(smokers):
    """Chapter 12: inverse weights with mean 2.00, from 1.05 to 16.70; stabilised ones with mean 1.00, from 0.33 to 4.30."""
    e, z = weighted_difference(smokers, "wt82_71", "qsmk", NHEFS, "inverse").attrs["propensity"], smokers["qsmk"]
    weights = np.where(z == 1, 1 / e, 1 / (1 - e))
    np.testing.assert_allclose(
        [weights.mean(), weights.min(), weights.max()], [1.996284, 1.053742, 16.700094], atol=1e-6
    )
    stable = np.where(z == 1, z.mean(), 1 - z.mean()) * weights
    np.testing.assert_allclose([stable.mean(), stable.min(), stable.max()], [0.998844, 0.3312, 4.2977], atol=5e-5)


def test_the_sign_follows_the_reference(ncds):
    plain = weighted_difference(ncds, "wage", "Dany", "white + maemp").iloc[2]
    turned = weighted_difference(ncds, "wage", "Dany", "white + maemp", reference=1).iloc[2]
    assert (plain["arm"], plain["reference"]) == (1, 0)
    assert (turned["arm"], turned["reference"]) == (0, 1)
    assert turned["estimate"] == pytest.approx(-plain["estimate"])


def confounded(rng, n=400, effect=-1.0):
    x = rng.normal(size=n)
    z = rng.uniform(size=n) < 1 / (1 + np.exp(-0.8 * x))
    return pd.DataFrame({"x": x, "z": z.astype(int), "y": 5 + 1.5 * x + effect * z + rng.normal(size=n)})


@pytest.mark.parametrize("weights", ["inverse", "overlap", "treated"])
@pytest.mark.parametrize("augmented", [None, "x"])
def test_coverage_under_confounding(weights, augmented):
    rng = np.random.default_rng(7)
    inside, naive = [], []
    for _ in range(200):
        data = confounded(rng)
        row = weighted_difference(data, "y", "z", "x", weights, outcome_formula=augmented).iloc[2]
        inside.append(row["low"] <= -1 <= row["high"])
        naive.append(data.groupby("z")["y"].mean().diff().iloc[1])
    assert abs(np.mean(inside) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 200)
    assert np.mean(naive) > -0.3  # what would have been printed without weights


def test_balance_is_in_units_of_the_unweighted_spread():
    data = pd.DataFrame({"x": [0.0, 1, 2, 5], "z": [0, 0, 1, 1], "k": ["a", "b", "b", "b"]})
    weights = pd.Series([1.0, 3, 1, 1])
    told = balance(data, ["x", "k"], "z", weights)
    spread = np.sqrt((0.5 + 4.5) / 2)
    assert told["level"].tolist() == ["", "b"]
    np.testing.assert_allclose(told["before"], [(3.5 - 0.5) / spread, 0.5 / 0.5])
    np.testing.assert_allclose(told["after"], [(3.5 - 0.75) / spread, 0.25 / 0.5])


def test_e_values():
    assert e_value(3.9, 1.8) == pytest.approx((7.263034, 3.0), abs=1e-6)
    assert e_value(1 / 3.9, 1 / 1.8) == pytest.approx((7.263034, 3.0), abs=1e-6)
    assert e_value(1.4, 0.9)[1] == 1.0


def test_no_overlap_is_refused():
    data = pd.DataFrame({"x": [0.0, 1, 2, 3, 4, 5], "z": [0, 0, 0, 1, 1, 1], "y": range(6)})
    with pytest.raises(ValueError, match="could only be in one"):
        weighted_difference(data, "y", "z", "x")
    with pytest.raises(ValueError, match="1 groups"):
        weighted_difference(data.assign(z=1), "y", "z", "x")
