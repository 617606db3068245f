"""Tests along a graph: published examples, the closed test that the shortcut stands for, and the error rate."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from needling.analysis import graph

# Simple successive graph of the package graphicalMCP (vignette): two primary, two secondary hypotheses.
WEIGHTS = [0.5, 0.5, 0, 0]
ARROWS = [[0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0]]


def closed_test(p, w, G, alpha):
    """The closed test with weighted Bonferroni tests of every intersection, weights by removing hypotheses one by one."""
    m = len(p)
    rejected_sets = set()
    for size in range(1, m + 1):
        for members in itertools.combinations(range(m), size):
            weights, arrows, left = np.array(w, float), np.array(G, float), list(range(m))
            for i in [one for one in range(m) if one not in members]:
                left.remove(i)
                weights, arrows = graph._without(i, left, weights, arrows)
            if any(p[i] <= weights[i] * alpha * (1 + 1e-12) and weights[i] > 0 for i in members):
                rejected_sets.add(members)
    every = [c for size in range(1, m + 1) for c in itertools.combinations(range(m), size)]
    return np.array([all(c in rejected_sets for c in every if i in c) for i in range(m)])


def test_published_example():
    rejected, adjusted = graph.test([0.01, 0.005, 0.03, 0.01], WEIGHTS, ARROWS, 0.025)
    assert rejected.tolist() == [True, True, False, True]
    np.testing.assert_allclose(adjusted, [0.02, 0.01, 0.03, 0.02], rtol=1e-12)


def test_published_power():
    """The vignette's power of each hypothesis, tested alone at 2.5 % with a power of 90, 90, 80 and 80 %, independent tests."""
    n = 20_000
    mean = stats.norm.isf(0.025) + stats.norm.ppf([0.9, 0.9, 0.8, 0.8])
    p = stats.norm.sf(np.random.default_rng(4).normal(mean, size=(n, 4)))
    power = np.mean([graph.test(one, WEIGHTS, ARROWS, 0.025)[0] for one in p], axis=0)
    expected = np.array([0.877, 0.877, 0.672, 0.672])
    assert (np.abs(power - expected) < 3 * np.sqrt(expected * (1 - expected) / n) + 0.0005).all()  # printed to 0.1 %


def test_bonferroni_of_equal_values():
    _, adjusted = graph.test([0.01] * 4, WEIGHTS, ARROWS, 0.025)
    np.testing.assert_allclose(adjusted, [0.02] * 4, rtol=1e-12)


def test_a_tie_in_the_last_bit_is_a_rejection():
    weights = [0.1, 0.2, 0.7]
    p = [0.1 * 0.05 * (1 + 2e-16), 0.5, 0.5]
    rejected, _ = graph.test(p, weights, np.zeros((3, 3)), 0.05)
    assert rejected.tolist() == [True, False, False]
    assert not graph.test([0.1 * 0.05 * (1 + 1e-9), 0.5, 0.5], weights, np.zeros((3, 3)), 0.05)[0].any()


def test_published_tie():
    # Six hypotheses of the package graphicalMCP's tests: H2 and H4 have an adjusted P of exactly alpha.
    arrows = [
        [0, 0.5, 0.25, 0, 0.25, 0],
        [0.5, 0, 0, 0.25, 0, 0.25],
        [0, 0, 0, 0, 1, 0],
        [0.0001, 0, 0, 0, 0, 0.9999],
        [0, 0.0001, 0.9999, 0, 0, 0],
        [0, 0, 0, 1, 0, 0],
    ]
    rejected, adjusted = graph.test([0.001, 0.01875, 0.013, 0.0002, 0.03, 0.04], [0.5, 0.5, 0, 0, 0, 0], arrows, 0.025)
    assert rejected.tolist() == [True, True, False, True, False, False]
    np.testing.assert_allclose(adjusted[[1, 3]], 0.025, rtol=1e-12)


@pytest.mark.parametrize(
    ("method", "theirs"), [("bonferroni", "bonferroni"), ("holm", "holm"), ("hochberg", "simes-hochberg")]
)
@settings(max_examples=20)  # each call of statsmodels collects garbage
@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_steps_are_those_of_statsmodels(method, theirs, p):
    np.testing.assert_array_equal(graph.stepwise(p, method), multipletests(p, method=theirs)[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_a_graph(p):
    _, adjusted = graph.test(p, *graph.holm(len(p)))
    np.testing.assert_allclose(adjusted, graph.stepwise(p, "holm"), rtol=1e-9)


def test_fixed_sequence_stops_at_the_first_that_is_not_rejected():
    rejected, adjusted = graph.test([0.01, 0.2, 0.001], *graph.fixed_sequence(3))
    assert rejected.tolist() == [True, False, False]
    np.testing.assert_allclose(adjusted, [0.01, 0.2, 0.2])


def test_fallback_passes_its_share_on():
    rejected, _ = graph.test([0.02, 0.04], *graph.fallback([0.5, 0.5]))
    assert rejected.tolist() == [True, True]
    assert graph.test([0.03, 0.024], *graph.fallback([0.5, 0.5]))[0].tolist() == [False, True]


def test_a_test_that_could_not_be_made_spends_its_share():
    rejected, adjusted = graph.test([np.nan, 0.03], *graph.holm(2))
    assert rejected.tolist() == [False, False]
    assert np.isnan(adjusted[0])
    assert adjusted[1] == pytest.approx(0.06)


@st.composite
def graphs(draw):
    m = draw(st.integers(2, 4))
    parts = np.array(draw(st.lists(st.integers(0, 5), min_size=m, max_size=m)), float)
    weights = parts / max(1, parts.sum())
    arrows = np.array([draw(st.lists(st.integers(0, 5), min_size=m, max_size=m)) for _ in range(m)], float)
    np.fill_diagonal(arrows, 0)
    arrows /= np.maximum(1, arrows.sum(axis=1, keepdims=True))
    p = draw(st.lists(st.sampled_from([0.0001, 0.004, 0.008, 0.012, 0.02, 0.03, 0.049, 0.3]), min_size=m, max_size=m))
    return p, weights, arrows


@given(graphs())
def test_the_shortcut_is_the_closed_test(case):
    p, weights, arrows = case
    for alpha in (0.025, 0.05):
        assert graph.test(p, weights, arrows, alpha)[0].tolist() == closed_test(p, weights, arrows, alpha).tolist()


def test_family_wise_error_under_the_null():
    rng = np.random.default_rng(20260101)
    draws = rng.uniform(size=(4000, 4))
    errors = np.mean([graph.test(p, WEIGHTS, ARROWS, 0.05)[0].any() for p in draws])
    assert abs(errors - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 4000)


@pytest.mark.parametrize(
    ("p", "weights", "arrows", "said"),
    [
        ([0.1], [0.5, 0.5], [[0]], "1 weights"),
        ([0.1, 0.2], [0.7, 0.5], np.zeros((2, 2)), "weights"),
        ([0.1, 0.2], [-0.1, 0.5], np.zeros((2, 2)), "weights"),
        ([0.1, 1.2], [0.5, 0.5], np.zeros((2, 2)), "P lies"),
        ([0.1, 0.2], [0.5, 0.5], [[0, 1.1], [0, 0]], "transitions"),
        ([0.1, 0.2], [0.5, 0.5], [[0.5, 0], [0, 0]], "itself"),
    ],
)
def test_what_is_no_graph_is_refused(p, weights, arrows, said):
    with pytest.raises(ValueError, match=said):
        graph.test(p, weights, arrows)


# ---------------------------------------------------------------- intervals that go with the tests

PLANS = {
    "Holm": graph.holm(4),
    "fixed sequence": graph.fixed_sequence(4),
    "fallback": graph.fallback([0.4, 0.3, 0.2, 0.1]),
    "gatekeeping": (np.array(WEIGHTS), np.array(ARROWS)),
}


@pytest.mark.parametrize("name", list(PLANS))
def test_intervals_exclude_no_difference_just_where_the_test_rejects(name):
    plan, rng, seen = [one.tolist() for one in PLANS[name]], np.random.default_rng(5), set()
    for _ in range(300):
        estimate = rng.normal(1.8, 1.4, 4) * rng.choice([-1, 1])
        rejected = graph.test((2 * stats.t.sf(np.abs(estimate), 30)).tolist(), *plan)[0]
        low, high = graph.intervals(estimate.tolist(), [1.0] * 4, [30.0] * 4, *plan)
        if len(set(np.sign(estimate[rejected]))) > 1:
            assert np.isnan(low).all()
            assert np.isnan(high).all()
            continue
        assert (((low >= 0) | (high <= 0)) == rejected).all()
        assert ((low <= estimate) & (estimate <= high)).all()
        seen.add(int(rejected.sum()))
    assert seen == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("name", list(PLANS))
def test_intervals_hold_all_truths_at_once(name):
    plan, rng, truth = [one.tolist() for one in PLANS[name]], np.random.default_rng(8), np.array([2.5, 0.0, 3.5, 1.0])
    inside, shown, n = 0, 0, 1500
    for estimate in truth + rng.multivariate_normal(np.zeros(4), 0.5 * np.eye(4) + 0.5, n):
        low, high = graph.intervals(estimate.tolist(), [1.0] * 4, [np.inf] * 4, *plan)
        shown += int(not np.isnan(low).any())
        inside += int(((low <= truth) & (truth <= high)).all())
    assert shown > 0.98 * n
    assert inside / n > 0.95 - 3 * np.sqrt(0.95 * 0.05 / n)


def test_what_was_not_estimated_has_no_interval_and_is_not_rejected():
    low, high = graph.intervals(
        [3.0, np.nan], [1.0, np.nan], [np.inf, np.nan], *[one.tolist() for one in graph.holm(2)]
    )
    assert low[0] == 0
    assert np.isnan([low[1], high[1]]).all()
