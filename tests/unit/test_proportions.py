"""Shares with their intervals: published figures, R's numbers, the formulae written out, and how often they hold the truth."""

import numpy as np
import pytest
from scipy import stats

from needling.analysis.proportions import (
    FEWEST_PATIENTS,
    exact_share,
    rate_ratio,
    risk_difference,
    score_share,
    session_rate,
)

SESSIONS = [3, 4, 5, 6, 7, 8] * 5
EVENTS = [0, 1, 2, 0, 3, 4, 1, 0, 0, 2, 2, 1, 0, 0, 5, 1, 0, 3, 2, 1, 1, 0, 4, 2, 0, 1, 3, 2, 0, 6]
FEWER = [0, 0, 1, 0, 2, 1, 0, 1, 0, 1, 0, 0, 1, 0, 2, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 2]


def limits(found):
    return [found["low"], found["high"]]


def test_published_harms_of_dry_needling_come_out():
    """Brady 2014: 1,463 mild and no significant event in 7,629 treatments. Boyce 2020: 20 major ones in 20,494."""
    assert round(100 * exact_share(1463, 7629)["estimate"], 2) == 19.18
    assert round(100 * exact_share(0, 7629)["high"], 5) == 0.03926
    assert [round(100 * limit, 4) for limit in limits(exact_share(20, 20494))] == [0.0596, 0.1507]


def test_exact_limits_are_those_of_r():
    """R 4.2, binom.test: two-sided, and alternative = less or greater where nobody or everybody had it."""
    np.testing.assert_allclose(limits(exact_share(3, 40)), [0.015742179851, 0.203864748733], rtol=1e-9)
    np.testing.assert_allclose(limits(exact_share(0, 7629)), [0, 0.000392599839175], rtol=1e-9)
    np.testing.assert_allclose(limits(exact_share(12, 12)), [0.779077808054, 1], rtol=1e-9)
    assert exact_share(0, 30)["method"] == exact_share(30, 30)["method"] == "clopper_pearson_one_sided"
    assert exact_share(1, 30)["method"] == "clopper_pearson"


def test_an_upper_limit_of_none_follows_the_level():
    assert exact_share(0, 50, 0.9)["high"] == pytest.approx(1 - 0.1 ** (1 / 50))
    assert exact_share(0, 50, 0.99)["high"] == pytest.approx(1 - 0.01 ** (1 / 50))


def test_a_share_of_completed_data_sets_is_that_of_r():
    """R 4.2: roots of the score equation by uniroot; the same as MIWilson 1.0's formula, which names its t by one side."""
    found = score_share([0.2, 0.23, 0.25], 100)
    expected = [0.2266666666667, 0.1385643259283, 0.3481471497603, 18.8594959833795]
    np.testing.assert_allclose([found["estimate"], *limits(found), found["df"]], expected, rtol=1e-10)
    np.testing.assert_allclose(limits(score_share([0.2, 0.23, 0.25], 100, 0.99)), [0.1153041567341, 0.3972853917059])
    np.testing.assert_allclose(
        limits(score_share([0.1, 0.15, 0.05, 0.1, 0.2], 40)), [0.02838340891888, 0.38895573979277]
    )


def test_a_share_of_completed_data_sets_that_agree_is_wilsons():
    from statsmodels.stats.proportion import proportion_confint

    for events in (1, 7, 39):
        wilson = proportion_confint(events, 40, 0.05, "wilson")
        np.testing.assert_allclose(limits(score_share([events / 40], 40)), wilson, rtol=1e-10)
        np.testing.assert_allclose(limits(score_share([events / 40] * 5, 40)), wilson, rtol=1e-10)
    assert score_share([0.0], 40)["low"] == 0.0
    assert score_share([1.0, 1.0], 40)["high"] == 1.0


def test_a_share_of_completed_data_sets_holds_the_truth_as_often_as_it_says():
    """A share of .3 in 60 people, 24 of them not measured and drawn from what the rest leave open (Beta, then binomial)."""
    rng, held, counted = np.random.default_rng(20), 0, 0
    for _ in range(2000):
        known = rng.binomial(36, 0.3)
        shares = (known + rng.binomial(24, rng.beta(known + 0.5, 36.5 - known, 20))) / 60
        low, high = limits(score_share(shares, 60))
        held += low <= 0.3 <= high
        low, high = limits(score_share([round(60 * shares.mean()) / 60], 60))
        counted += low <= 0.3 <= high
    assert abs(held / 2000 - 0.95) < 0.02
    assert counted / 2000 < 0.91  # what taking the drawn as measured would have held


def test_the_difference_is_newcombes_and_arm_minus_reference():
    """Newcombe 1998, table II, method 10: 56/70 against 48/80."""
    found = risk_difference(56, 70, 48, 80)
    assert [round(found[name], 4) for name in ("estimate", "low", "high")] == [0.2, 0.0524, 0.3339]
    turned = risk_difference(48, 80, 56, 70)
    np.testing.assert_allclose([turned["estimate"], *limits(turned)], [-0.2, -found["high"], -found["low"]])


def test_no_event_in_either_arm_still_has_a_width():
    wilson = 1.959963985**2 / (40 + 1.959963985**2)
    np.testing.assert_allclose(limits(risk_difference(0, 40, 0, 40)), [-wilson, wilson], rtol=1e-8)


def test_session_rate_is_that_of_r_and_of_the_formula():
    """R 4.2: glm(binomial) with the sandwich by patient written out, G / (G - 1), t with G - 1 df on the logit."""
    found = session_rate(EVENTS, SESSIONS)
    np.testing.assert_allclose(limits(found), [0.1962443080, 0.3938543721], rtol=1e-6)
    y, s = np.array(EVENTS), np.array(SESSIONS)
    rate = y.sum() / s.sum()
    se = np.sqrt(30 / 29 * ((y - rate * s) ** 2).sum()) / s.sum()
    np.testing.assert_allclose([found["estimate"], found["se"], found["df"]], [rate, se, 29], rtol=1e-8)


def test_rate_ratio_is_that_of_r_and_of_the_formula():
    """R 4.2: glm(poisson, offset) with the sandwich by patient; its convergence is loose, the formula is exact."""
    found = rate_ratio(EVENTS, SESSIONS, FEWER, SESSIONS)
    np.testing.assert_allclose([found["estimate"], *limits(found)], [2.9375, 1.663505474, 5.187182355], rtol=1e-4)
    y, y0, s = np.array(EVENTS), np.array(FEWER), np.array(SESSIONS)
    parts = [((one - one.sum() / s.sum() * s) ** 2).sum() / one.sum() ** 2 for one in (y, y0)]
    reach = stats.t.ppf(0.975, 59) * np.sqrt(60 / 58 * sum(parts))
    expected = np.exp(np.log(y.sum() / y0.sum()) + np.array([-reach, reach]))
    np.testing.assert_allclose(limits(found), expected, rtol=1e-7)
    turned = rate_ratio(FEWER, SESSIONS, EVENTS, SESSIONS)
    np.testing.assert_allclose(limits(turned), [1 / found["high"], 1 / found["low"]], rtol=1e-7)


def test_few_patients_give_exact_limits_and_no_ratio():
    few = [1] * (FEWEST_PATIENTS - 1) + [0] * 21
    assert session_rate(few, SESSIONS)["method"] == "clopper_pearson"
    assert limits(session_rate(few, SESSIONS)) == limits(exact_share(9, sum(SESSIONS)))
    assert session_rate([1, *few[:-1]], SESSIONS)["method"] == "robust_by_patient"
    nearly = [
        s - (i < FEWEST_PATIENTS - 1) for i, s in enumerate(SESSIONS)
    ]  # hardly anybody has a session without an event
    assert session_rate(nearly, SESSIONS)["method"] == "clopper_pearson"
    assert session_rate([nearly[0], *nearly[1:-1], nearly[-1] - 1], SESSIONS)["method"] == "robust_by_patient"
    assert rate_ratio(few, SESSIONS, FEWER, SESSIONS) is None
    assert rate_ratio(FEWER, SESSIONS, few, SESSIONS) is None


def test_patients_without_a_session_say_nothing():
    assert session_rate([*EVENTS, 0, 0], [*SESSIONS, 0, 0]) == session_rate(EVENTS, SESSIONS)


def test_what_cannot_be_is_refused():
    for wrong in ((-1, 5), (6, 5)):
        with pytest.raises(ValueError, match="events are from 0"):
            exact_share(*wrong)
    with pytest.raises(ValueError, match="as many as there were sessions"):
        session_rate([4], [3])
    assert np.isnan(exact_share(0, 0)["high"])
    assert np.isnan(risk_difference(0, 0, 1, 5)["low"])


def drawn(rng, n, rate, icc=0.2):
    """Sessions with an event of patients whose own rates differ (beta-binomial)."""
    sessions, total = rng.integers(3, 9, n), 1 / icc - 1
    return rng.binomial(sessions, rng.beta(rate * total, (1 - rate) * total, n)), sessions


def test_intervals_by_patient_hold_the_truth_and_those_of_independent_sessions_do_not():
    rng, trials = np.random.default_rng(20), 300
    hit = np.zeros((trials, 3))
    for trial in range(trials):
        arm, other = drawn(rng, 60, 0.3), drawn(rng, 60, 0.15)
        rate, ratio = session_rate(*arm), rate_ratio(*arm, *other)
        naive = exact_share(int(arm[0].sum()), int(arm[1].sum()))
        hit[trial] = [
            rate["low"] <= 0.3 <= rate["high"],
            ratio["low"] <= 2 <= ratio["high"],
            naive["low"] <= 0.3 <= naive["high"],
        ]
    robust, compared, independent = hit.mean(axis=0)
    error = 3 * np.sqrt(0.95 * 0.05 / trials)
    assert abs(robust - 0.95) < error
    assert abs(compared - 0.95) < error
    assert independent < 0.95 - error


@pytest.mark.parametrize("p", [0.01, 0.05, 0.15, 0.3, 0.5, 0.95])
def test_exact_limits_miss_as_seldom_as_they_say(p):
    """All outcomes of 20 people, weighted by how likely they are: no chance in it. Too high a share is missed in 2.5 % at most,
    or, where none is seen and the limit is one-sided, in 5 %; so the two together hold the truth in 92.5 % at least."""
    n = 20
    found = [exact_share(x, n) for x in range(n + 1)]
    chance = stats.binom.pmf(np.arange(n + 1), n, p)
    above, below = (
        np.array(sign) @ chance for sign in ([one["high"] < p for one in found], [one["low"] > p for one in found])
    )
    assert above <= 0.05
    assert below <= 0.05
    assert above + below <= 0.075
    assert chance[1:n][[one["high"] < p for one in found[1:n]]].sum() <= 0.025


def test_differences_hold_the_truth():
    """Two arms of 20, all outcomes weighted: on average 95 %, as a score interval promises."""
    n, events, held = 20, range(21), []
    found = {(x, y): risk_difference(x, n, y, n) for x in events for y in events}
    for p in (0.05, 0.1, 0.2, 0.4):
        for q in (0.05, 0.15, 0.3):
            joint = np.outer(stats.binom.pmf(events, n, p), stats.binom.pmf(events, n, q))
            held.append(sum(joint[x, y] * (one["low"] <= p - q <= one["high"]) for (x, y), one in found.items()))
    assert min(held) > 0.93
    assert abs(np.mean(held) - 0.955) < 0.015
