"""Firth's penalised likelihood: closed form, the values of R, coverage where others have none, several completed data sets."""

import numpy as np
import pytest

from needling.analysis.firth import firth_odds_ratio

# everybody of one arm responded
Y = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0], float)
ARM = np.repeat([1.0, 0.0], [9, 10])
BASELINE = np.array([6, 7, 5, 8, 4, 6, 7, 5, 9, 6, 5, 7, 8, 4, 6, 5, 9, 7, 3], float)[:, None]


def counted(a, b, c, d):
    """Responders and others of the arm, then of its reference, one row each."""
    y, arm = np.repeat([1.0, 0, 1, 0], [a, b, c, d]), np.repeat([1.0, 1, 0, 0], [a, b, c, d])
    return y, arm, np.empty((len(y), 0))


@pytest.mark.parametrize("cells", [(7, 0, 5, 9), (0, 20, 3, 17), (4, 6, 5, 9)])
def test_a_two_by_two_table_gets_one_half_in_each_cell(cells):
    a, b, c, d = (one + 0.5 for one in cells)
    found = firth_odds_ratio([counted(*cells)], 0.95)
    assert found["estimate"] == pytest.approx(a * d / (b * c), rel=1e-4)
    assert 0 < found["low"] < found["estimate"] < found["high"] < np.inf
    assert np.sign(found["statistic"]) == np.sign(a * d - b * c)
    assert (found["p"] < 0.05) == (not found["low"] < 1 < found["high"])


def test_separated_by_the_arm_beside_a_covariate_as_r_has_it():
    """Estimate: brglm2 0.9 (AS_mean). Limits and P: penalised likelihood maximised by optim, uniroot on its profile."""
    found = firth_odds_ratio([(Y, ARM, BASELINE)], 0.95)
    assert np.log(found["estimate"]) == pytest.approx(4.22537295162, abs=2e-5)
    assert found["se"] == pytest.approx(1.863014038663, rel=1e-5)
    np.testing.assert_allclose(np.log([found["low"], found["high"]]), [1.442631, 9.667732], atol=2e-5)
    assert found["p"] == pytest.approx(0.0008368986, rel=1e-5)
    assert found["statistic"] == pytest.approx(3.3405, abs=1e-3)
    other = firth_odds_ratio([(1 - Y, ARM, BASELINE)], 0.95)
    assert other["estimate"] == pytest.approx(1 / found["estimate"], rel=1e-4)
    assert other["low"] == pytest.approx(1 / found["high"], rel=1e-4)
    assert (other["p"], other["statistic"]) == pytest.approx((found["p"], -found["statistic"]), rel=1e-6)


def test_the_scale_of_a_covariate_and_one_that_does_not_vary_change_nothing():
    plain = firth_odds_ratio([(Y, ARM, BASELINE)], 0.9)
    wide = np.column_stack([np.full(19, 3.0), 1e4 + 1000 * BASELINE])
    assert firth_odds_ratio([(Y, ARM, wide)], 0.9) == pytest.approx(plain, rel=1e-5)


def test_profiles_of_the_same_data_average_to_itself_and_of_others_lie_between():
    one, other = counted(7, 0, 5, 9), counted(6, 1, 6, 8)
    alone, beside = (firth_odds_ratio([each], 0.95) for each in (one, other))
    assert firth_odds_ratio([one, one, one], 0.95) == pytest.approx(alone, rel=1e-6)
    both = firth_odds_ratio([one, other], 0.95)
    for name in ("estimate", "low", "high", "p"):
        first, last = sorted([alone[name], beside[name]])
        assert first < both[name] < last
    # what is between data sets adds to the spread within them: (1 + 1/2) (b1 - b2)^2 / 2
    gap = np.log(alone["estimate"] / beside["estimate"])
    assert both["se"] ** 2 == pytest.approx((alone["se"] ** 2 + beside["se"] ** 2) / 2 + 0.75 * gap**2, rel=1e-9)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ((np.ones(6), np.repeat([1.0, 0.0], 3), np.empty((6, 0))), "nobody, or everybody, responded"),
        ((Y, ARM, 2 - ARM[:, None]), "determine one another"),
    ],
)
def test_what_has_no_odds_ratio_says_why(data, why):
    with pytest.raises(ValueError, match=why):
        firth_odds_ratio([data], 0.95)


def test_recovery_where_an_arm_is_often_separated():
    """36 patients, chances of .93 and .5 at a covariate of 0: in a quarter of the trials the arm responds whole."""
    rng = np.random.default_rng(5)
    truth, inside, separated, logs = np.log(0.93 / 0.07), [], [], []
    for _ in range(120):
        arm, x = np.arange(36) % 2, rng.normal(size=36)
        y = (rng.random(36) < 1 / (1 + np.exp(-(truth * arm + 0.5 * x)))) * 1.0
        found = firth_odds_ratio([(y, arm.astype(float), x[:, None])], 0.95)
        inside.append(np.log(found["low"]) <= truth <= np.log(found["high"]))
        separated.append(y[arm == 1].all())
        logs.append(np.log(found["estimate"]))
    assert np.mean(separated) > 0.15
    assert abs(np.mean(inside) - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 120)
    assert abs(np.mean(logs) - truth) < 4 * np.std(logs) / np.sqrt(120)
