"""The cases: per kind of analysis a made-up trial, what is claimed of its results, and whether one repetition keeps it."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import beta, ndtr

from needling.analysis.graph import fallback, fixed_sequence, holm, test
from needling.validation import trials

SEED = 20260101
COLUMNS = ("case", "claim", "expected", "repetition", "error", "inside", "rejected")
# What is expected of a claim. kept: no bias, intervals that cover and tests that reject at their level. at_least: intervals cover
# at least, tests reject at most, their level. wrong: it must be seen to be wrong.
EXPECTED = ("kept", "at_least", "wrong")

N = 80
EFFECT = -1.0
Row = dict[str, Any]


def _judged(claim: str, row: "pd.Series[Any] | None", truth: float, expected: str = "kept") -> Row:
    """One repetition of a claim about an estimate: its error, whether its interval holds the truth and a true null is rejected."""
    told: Row = {"claim": claim, "expected": expected, "error": np.nan, "inside": np.nan, "rejected": np.nan}
    if row is None or pd.isna(row["estimate"]):
        return told
    told["error"] = float(row["estimate"]) - truth
    if pd.notna(row["low"]):
        told["inside"] = float(row["low"] <= truth <= row["high"])
    if truth == 0 and pd.notna(row["p"]):
        told["rejected"] = float(row["p"] < 0.05)
    return told


def _one(table: pd.DataFrame, **where: str) -> "pd.Series[Any] | None":
    """The only row that fits, None where there is none."""
    for column, value in where.items():
        table = table[table[column] == value]
    if len(table) > 1:
        raise ValueError(f"{len(table)} rows fit {where}")
    return table.iloc[0] if len(table) else None


def _compared(quantity: str = "difference", visit: str = "week_12") -> dict[str, str]:
    return {"quantity": quantity, "arm": trials.ARMS[1], "reference": trials.ARMS[0], "visit": visit}


ANCOVA = {"kind": "ancova", "outcomes": ["pain"], "visits": ["week_12"]}
MIXED = {"kind": "repeated_measures", "outcomes": ["pain"]}


def ancova(rng: np.random.Generator, repetition: int) -> Iterable[Row]:
    """Everybody measured."""
    plan = trials.study(repetition, main=ANCOVA)
    for claim, effect in (("no effect", 0.0), ("an effect of one point", EFFECT)):
        found = trials.results("main", trials.frame(trials.scores(rng, N, effect)), plan)["results"]
        yield _judged(claim, _one(found, **_compared(), variant=""), effect)


def repeated_measures(rng: np.random.Generator, repetition: int) -> Iterable[Row]:
    """Four in five of those in pain at week 4 leave usual care."""
    plan = trials.study(repetition, main=MIXED)
    for claim, effect in (("no effect, loss at random", 0.0), ("an effect of one point, loss at random", EFFECT)):
        y = trials.leaving_with_pain(trials.scores(rng, N, effect), rng)
        yield _judged(claim, _one(trials.results("main", trials.frame(y), plan)["results"], **_compared()), effect)


def growth_curve(rng: np.random.Generator, repetition: int) -> Iterable[Row]:
    """Each patient has an own line over the true time of visits, some missed ([2,800 trials](analyses/growth_curve.md))."""
    plan = trials.study(repetition, often=True, main={"kind": "growth_curve", "outcomes": ["pain"]})
    for claim, slope in (("no effect, irregular visits", 0.0), ("an effect that grows with time", EFFECT / 12)):
        arm = np.arange(N) % 2
        planned = np.array(list(trials.OFTEN.values()))
        weeks = planned + np.column_stack([np.zeros(N), rng.uniform(-1, 1, (N, len(planned) - 1))])
        start, pace = rng.multivariate_normal([6.0, -0.1], [[1.5, -0.02], [-0.02, 0.01]], N).T
        y = start[:, None] + (pace + slope * arm)[:, None] * weeks + rng.normal(0, 0.9, weeks.shape)
        y[:, 1:] = np.where(rng.random((N, len(planned) - 1)) < 0.15, np.nan, y[:, 1:])
        found = trials.results("main", trials.frame(y, weeks), plan)["results"]
        yield _judged(claim, _one(found, **_compared()), 12 * slope)


def naive(rng: np.random.Generator, repetition: int) -> Iterable[Row]:
    """The trial of the mixed model, by the habits of the field."""
    plan = trials.study(repetition, main=MIXED, habits={"kind": "naive", "of": "main", "outcomes": ["pain"]})
    y = trials.leaving_with_pain(trials.scores(rng, N, 0.0), rng)
    found = trials.results("habits", trials.frame(y), plan)["results"]
    for variant, words in (("t_test", "t test of those measured"), ("last_value", "last value carried forward")):
        yield _judged(f"no effect, loss at random: {words}", _one(found, **_compared(), variant=variant), 0.0, "wrong")


def missing_data(rng: np.random.Generator, repetition: int) -> Iterable[Row]:
    """Two trials: loss at random, and needled patients who lose the effect together with the trial."""
    again = {
        "kind": "missing_data",
        "of": "main",
        "residual": ["unstructured"],
        "methods": ["mar", "jump_to_reference"],
    }
    plan = trials.study(repetition, main=MIXED, again={**again, "variance": "frequentist"})
    y = trials.leaving_with_pain(trials.scores(rng, N, 0.0), rng)
    found = trials.results("again", trials.frame(y), plan)["results"]
    at_random = {**_compared(), "variant": "mar", "variance": "frequentist"}
    yield _judged("no effect, loss at random: missing at random", _one(found, **at_random), 0.0)
    share = 0.3
    for effect in (0.0, 2 * EFFECT):
        y = trials.jumping_to_reference(trials.scores(rng, N, effect), rng, effect, share)
        found = trials.results("again", trials.frame(y), plan)["results"]
        said = "no effect" if effect == 0 else "an effect of two points that three in ten lose"
        for variance, expected in (("frequentist", "kept"), ("information_anchored", "at_least")):
            row = _one(found, **_compared(), variant="jump_to_reference", variance=variance)
            claim = f"{said}: jump to reference, {variance.replace('_', '-')}"
            yield _judged(claim, row, (1 - share) * effect, expected)


def _gained(least: float, effect: float) -> float:
    """Chance to have improved by at least so much at week 12."""
    mean = trials.MEANS[0] - trials.MEANS[2] - effect
    spread = np.sqrt(trials.COVARIANCE[0, 0] + trials.COVARIANCE[2, 2] - 2 * trials.COVARIANCE[0, 2])
    return float(ndtr((mean - least) / spread))


def responders(rng: np.random.Generator, repetition: int) -> Iterable[Row]:
    """Responders of two points or more, where those in pain leave usual care."""
    asked = {"kind": "responders", "outcomes": ["pain"], "visits": ["week_12"], "responses": {"two": {"points": 2.0}}}
    imputed = {**asked, "draws": 20, "resamples": 400}
    plan = trials.study(repetition, main=imputed, none={**asked, "missing": "non_response", "resamples": 200})
    y = trials.leaving_with_pain(trials.scores(rng, N, 0.0), rng)
    table = trials.frame(y)
    found = trials.results("main", table, plan)
    difference = _compared("risk_difference")
    yield _judged("no effect, loss at random: imputed", _one(found["results"], **difference), 0.0)
    curve = found["response_curve"]
    truth = curve["improvement"].map(lambda least: _gained(least, 0.0))
    banded = curve["low"].notna() & (curve["arm"] == trials.ARMS[1])
    holds = (curve["low"] <= truth) & (truth <= curve["high"])
    nothing = {"error": np.nan, "rejected": np.nan}
    yield {
        "claim": "band of the curve, all amounts at once",
        "expected": "kept",
        "inside": float(holds[banded].all()),
    } | nothing
    lost = trials.results("none", table, plan)["results"]
    yield _judged("no effect, loss at random: counted as no response", _one(lost, **difference), 0.0, "wrong")
    y = trials.scores(rng, N, EFFECT)
    whole = trials.results("none", trials.frame(y), plan)["results"]
    yield _judged(
        "an effect of one point, everybody measured", _one(whole, **difference), _gained(2, EFFECT) - _gained(2, 0)
    )


def harms(rng: np.random.Generator, repetition: int) -> Iterable[Row]:
    """Adverse events of patients who differ in how prone they are; and one kind too rare to be seen in most trials."""
    plan = trials.study(repetition, main=MIXED, harms={"kind": "harms", "by": ["kind"]})
    shapes = [(0.6, 5.4), (1.5, 3.5)]
    found = trials.harms(trials.sessions_with_events(rng, 2 * N, shapes), plan)
    mine = found[found["term"] == '[["adverse_event", "any"]]']
    any_event = [1 - beta(a, b + trials.SESSIONS) / beta(a, b) for a, b in shapes]
    rate = [a / (a + b) for a, b in shapes]
    pair = {"arm": trials.ARMS[1], "reference": trials.ARMS[0]}
    alone = {"arm": trials.ARMS[1], "reference": ""}
    difference = _one(mine, quantity="risk_difference", **pair)
    yield _judged("people with an event: difference (Newcombe)", difference, any_event[1] - any_event[0])
    yield _judged(
        "people with an event: share (exact)", _one(mine, quantity="share", **alone), any_event[1], "at_least"
    )
    yield _judged(
        "sessions with an event: rate, robust by patient", _one(mine, quantity="session_rate", **alone), rate[1]
    )
    ratio = _one(mine, quantity="rate_ratio", **pair)
    if ratio is not None and pd.notna(ratio["estimate"]):
        ratio = pd.Series({"p": ratio["p"], **{one: np.log(ratio[one]) for one in ("estimate", "low", "high")}})
    yield _judged("sessions with an event: log rate ratio", ratio, float(np.log(rate[1] / rate[0])))
    rare = trials.harms(trials.sessions_with_events(rng, 2 * N, [(0.2, 199.8), (0.2, 199.8)]), plan)
    share = _one(rare[rare["term"] == '[["adverse_event", "any"]]'], quantity="share", **alone)
    chance = 1 - beta(0.2, 199.8 + trials.SESSIONS) / beta(0.2, 199.8)
    yield _judged("people with a rare event: exact upper limit", share, chance, "at_least")


def graph(rng: np.random.Generator, repetition: int) -> Iterable[Row]:
    """Four correlated tests: does any true null fall? All four are true, or the first two are false."""
    spread = 0.5 * np.ones((4, 4)) + 0.5 * np.eye(4)
    gates = np.array([[0, 0.5, 0.5, 0], [0.5, 0, 0, 0.5], [0, 1, 0, 0], [1, 0, 0, 0]])
    plans = {
        "Holm": holm(4),
        "fixed sequence": fixed_sequence(4),
        "fallback": fallback([0.4, 0.3, 0.2, 0.1]),
        "gatekeeping": (np.array([0.5, 0.5, 0, 0]), gates),
    }
    for said, shift in (("all nulls true", 0.0), ("two of four nulls true", 3.5)) * 20:
        z = rng.multivariate_normal([shift, shift, 0, 0], spread)
        p = 2 * ndtr(-np.abs(z))
        true = np.array([shift == 0, shift == 0, True, True])
        for name, (weights, arrows) in plans.items():
            fell = float((test(p.tolist(), weights.tolist(), arrows.tolist())[0] & true).any())
            yield {
                "claim": f"{said}: {name}",
                "expected": "at_least",
                "error": np.nan,
                "inside": np.nan,
                "rejected": fell,
            }


CASES: dict[str, Callable[[np.random.Generator, int], Iterable[Row]]] = {
    one.__name__: one
    for one in (ancova, repeated_measures, growth_curve, naive, missing_data, responders, harms, graph)
}


def repeated(case: str, first: int, count: int) -> pd.DataFrame:
    """Repeat a case; a repetition's chance comes from its number alone, so that jobs may share the work in any way.

    Parameters
    ----------
    case : one of CASES.
    first, count : numbers of the repetitions.

    Returns
    -------
    A row per repetition and claim: case, claim, expected, repetition, error (estimate minus truth), inside (whether the interval
    holds the truth), rejected (whether a true null is rejected); the last three are missing where the claim is not about them,
    or where nothing could be estimated.
    """
    rows: list[Row] = []
    for repetition in range(first, first + count):
        rng = np.random.default_rng([SEED, *case.encode(), repetition])
        rows += [{"case": case, "repetition": repetition, **row} for row in CASES[case](rng, repetition)]
    return pd.DataFrame(rows, columns=list(COLUMNS))
