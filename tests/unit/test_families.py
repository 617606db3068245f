"""Families of tests in the study file: graphs, sequences, fallback, and which intervals go with them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from needling.analysis.graph import fallback, fixed_sequence
from needling.plan import adjust, load_study
from needling.schema.results import RESULTS
from needling.study.analyses import Analysis
from needling.study.families import Family
from needling.study.keys import StudyError

LETTERS = "abcd"
NAMED = {one: {"outcome": one} for one in LETTERS}


def results(p, **columns):
    """Four comparisons at the primary visit, of outcomes a to d."""
    rows = pd.DataFrame({"analysis": "x", "quantity": "difference", "reference": "r", "arm": "t", "visit": "week_4", "p": p,
                         "outcome": list(LETTERS[: len(p)]), "cohort": "all", **columns})  # fmt: skip
    blank = {"text": "", "count": pd.NA, "number": np.nan}
    return rows.assign(**{c: blank[f.kind] for c, f in RESULTS.items() if c not in rows})


def study(names="x", **family):
    """Analyses, each with a family of its own that is adjusted like this; the first one's is f."""
    families = {name: f"f{number or ''}" for number, name in enumerate(names)}
    analyses = {name: Analysis(kind="ancova", outcomes=list(LETTERS), family=own) for name, own in families.items()}
    return SimpleNamespace(
        analyses=analyses,
        families={own: Family(**family) for own in families.values()},
        visits=SimpleNamespace(primary="week_4"),
    )


def repeated(p):
    """Four comparisons of each of many analyses: (their names, the results); p has a row for each."""
    names = [f"x{number}" for number in range(len(p))]
    return names, results(p.ravel(), analysis=np.repeat(names, 4), outcome=list(LETTERS) * len(p))


def test_graph_of_the_publication():
    """Bretz 2009: two primary hypotheses, each with a secondary one behind it; adjusted .02 .01 .03 .02."""
    arrows = {"a": {"c": 1}, "b": {"d": 1}, "c": {"b": 1}, "d": {"a": 1}}
    plan = study(method="graph", hypotheses=NAMED, weights={"a": 0.5, "b": 0.5}, transitions=arrows, level=0.025)
    adjusted = adjust(results([0.01, 0.005, 0.03, 0.01]), plan)
    assert adjusted["p_adjusted"].round(10).tolist() == [0.02, 0.01, 0.03, 0.02]
    assert adjusted["family"].tolist() == ["f"] * 4
    assert adjusted[["low_adjusted", "high_adjusted"]].isna().all(axis=None)  # of results without an estimate


def test_order_is_that_of_the_hypotheses_and_not_of_the_rows():
    backwards = {one: NAMED[one] for one in reversed(LETTERS)}
    adjusted = adjust(results([0.001, 0.2, 0.02, 0.01]), study(method="fixed_sequence", hypotheses=backwards))
    assert adjusted["p_adjusted"].tolist() == [0.2, 0.2, 0.02, 0.01]


def test_sequence_and_fallback_are_the_graphs_of_these_names():
    weights = [0.4, 0.3, 0.2, 0.1]
    family = Family(method="fallback", hypotheses=NAMED, weights=dict(zip(LETTERS, weights, strict=True)))
    for made, (starts, arrows) in (
        (family, fallback(weights)),
        (Family(method="fixed_sequence", hypotheses=NAMED), fixed_sequence(4)),
    ):
        np.testing.assert_allclose([made.starts[a] for a in LETTERS], starts)
        np.testing.assert_allclose([[made.arrows[a].get(b, 0.0) for b in LETTERS] for a in LETTERS], arrows)


def test_a_graph_that_is_holm_adjusts_like_holm():
    equal = {a: {b: 1 / 3 for b in LETTERS if b != a} for a in LETTERS}
    graph = {"method": "graph", "hypotheses": NAMED, "weights": dict.fromkeys(LETTERS, 0.25), "transitions": equal}
    rng = np.random.default_rng(3)
    names, rows = repeated(rng.random((40, 4)) ** 3)
    made = adjust(rows, study(names, **graph))["p_adjusted"]
    assert made.notna().all()
    np.testing.assert_allclose(made, adjust(rows, study(names, method="holm"))["p_adjusted"], rtol=1e-9)


def test_what_was_planned_and_not_estimated_is_not_rejected_and_stops_a_sequence():
    adjusted = adjust(results([0.001, np.nan, 0.001, 0.001]), study(method="fixed_sequence", hypotheses=NAMED))[
        "p_adjusted"
    ]
    assert adjusted.iloc[0] == 0.001
    assert adjusted.iloc[1:].fillna(1.0).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("quantity", ["difference", "rate_ratio"])
def test_bonferroni_has_intervals_that_agree_with_it(quantity):
    """Just at the level: an estimate of t(20, 1 - .05 / 8) = 2.744 standard errors touches no difference."""
    from scipy import stats

    at = stats.t.isf(0.05 / 8, 20)
    middle = np.array([at, 2.0, at + 0.1, at - 0.1])
    p = 2 * stats.t.sf(middle, 20)
    estimate = np.exp(middle) if quantity == "rate_ratio" else middle
    rows = results(p, quantity=quantity, estimate=estimate, se=1.0, df=20.0)
    made = adjust(rows, study(method="bonferroni"))
    null = 1.0 if quantity == "rate_ratio" else 0.0
    assert made["low_adjusted"].iloc[0] == pytest.approx(null, abs=1e-9)
    assert ((made["low_adjusted"] > null) == (made["p_adjusted"] < 0.05)).iloc[1:].all()
    assert (made["high_adjusted"] > estimate).all()
    assert adjust(rows, study(method="hochberg"))["low_adjusted"].isna().all()


STEPWISE = {
    "holm": {"method": "holm"},
    "fixed_sequence": {"method": "fixed_sequence", "hypotheses": NAMED},
    "fallback": {
        "method": "fallback",
        "hypotheses": NAMED,
        "weights": dict(zip(LETTERS, [0.4, 0.3, 0.2, 0.1], strict=True)),
    },
}


@pytest.mark.parametrize("better", ["lower", "higher"])
@pytest.mark.parametrize("quantity", ["difference", "rate_ratio"])
@pytest.mark.parametrize("name", list(STEPWISE))
def test_stepwise_intervals_agree_with_the_adjusted_p(name, quantity, better):
    """A rejected difference's interval does not hold it inside, whichever way is better and on a ratio's scale too."""
    from scipy import stats

    middle = np.array([3.5, 2.6, 1.0, -0.5]) * (-1 if better == "lower" else 1)
    p, estimate = 2 * stats.t.sf(np.abs(middle), 30), np.exp(middle) if quantity == "rate_ratio" else middle
    made = adjust(
        results(p, quantity=quantity, estimate=estimate, se=1.0, df=30.0, better=better), study(**STEPWISE[name])
    )
    rejected, null = made["p_adjusted"] <= 0.05, 1.0 if quantity == "rate_ratio" else 0.0
    low, high = made["low_adjusted"].fillna(-np.inf), made["high_adjusted"].fillna(np.inf)
    assert 0 < rejected.sum() < 4
    assert (((low >= null - 1e-12) | (high <= null + 1e-12)) == rejected).all()
    assert ((low <= estimate) & (estimate <= high)).all()
    crossed = adjust(
        results(p, estimate=middle * [1, -1, 1, 1], se=1.0, df=30.0, better=better), study(**STEPWISE[name])
    )
    if (crossed["p_adjusted"] <= 0.05).sum() > 1:
        assert crossed[["low_adjusted", "high_adjusted"]].isna().all(axis=None)


def test_stepwise_intervals_by_hand():
    """Holm, two rejected of four: they end at 0; the others share the level that is left; above all start at a quarter."""
    from scipy import stats

    estimate = np.array([4.0, 3.5, 1.0, -0.5])
    rows = results(2 * stats.norm.sf(np.abs(estimate)), estimate=estimate, se=1.0, better="higher")
    made = adjust(rows, study(method="holm"))
    left, start = stats.norm.isf(0.05 / 2 / 2), stats.norm.isf(0.05 / 4 / 2)
    np.testing.assert_allclose(made["low_adjusted"], [0, 0, 1 - left, -0.5 - left], atol=1e-8)
    np.testing.assert_allclose(made["high_adjusted"], estimate + start, atol=1e-8)
    everything = adjust(rows.assign(estimate=5.0, p=2 * stats.norm.sf(5.0)), study(method="holm"))
    np.testing.assert_allclose(everything["low_adjusted"], 5 - start, atol=1e-8)
    sequence = adjust(rows, study(**STEPWISE["fixed_sequence"]))
    np.testing.assert_allclose(sequence["low_adjusted"], [0, 0, 1 - stats.norm.isf(0.025), np.nan], atol=1e-8)
    assert sequence["high_adjusted"].notna().tolist() == [True, False, False, False]


def test_family_wise_error_of_a_graph_under_the_null():
    arrows = {"a": {"c": 1}, "b": {"d": 1}, "c": {"b": 1}, "d": {"a": 1}}
    names, rows = repeated(np.random.default_rng(11).random((400, 4)))
    plan = study(names, method="graph", hypotheses=NAMED, weights={"a": 0.5, "b": 0.5}, transitions=arrows)
    wrong = adjust(rows, plan).groupby("analysis")["p_adjusted"].min() <= 0.05
    assert len(wrong) == 400
    assert abs(np.mean(wrong) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 400)


def test_hypotheses_fit_one_comparison_each():
    p = [0.01, 0.02, 0.03, 0.04]
    with pytest.raises(StudyError, match="it fits 4 comparisons"):
        adjust(results(p), study(method="fixed_sequence", hypotheses={"h": {"cohort": "all"}}))
    with pytest.raises(StudyError, match="without one: x/all/d/t/"):
        adjust(results(p), study(method="fixed_sequence", hypotheses={one: NAMED[one] for one in "abc"}))


@pytest.mark.parametrize(
    ("family", "told"),
    [
        ("{method: graph}", "need them"),
        ("{method: holm, hypotheses: {a: {}}}", "hypotheses belong to"),
        ("{method: fallback, hypotheses: {a: {outcome: pain}}}", "weights belong to"),
        (
            "{method: fixed_sequence, hypotheses: {a: {outcome: pian}}}",
            "outcome of its analyses 'pian' is not defined; did you mean 'pain'",
        ),
        (
            "{method: fixed_sequence, hypotheses: {a: {cohort: sprots}}}",
            "cohort 'sprots' is not defined; did you mean 'sports'",
        ),
        ("{method: graph, hypotheses: {a: {}, b: {}}, weights: {a: 0.7, b: 0.4}}", "weights add up to at most 1"),
        ("{method: graph, hypotheses: {a: {}}, weights: {b: 1}}", "hypothesis 'b' is not defined"),
        ("{method: graph, hypotheses: {a: {}}, weights: {a: 1}, transitions: {a: {a: 1}}}", "lead to others"),
    ],
)
def test_families_that_mean_nothing_are_refused(family, told, project, tmp_path):
    text = (project / "config/demo.yaml").read_text().replace("{method: holm, level: 0.05}", family)
    (tmp_path / "demo.yaml").write_text(text)
    with pytest.raises(StudyError, match=told):
        load_study(tmp_path / "demo.yaml")
