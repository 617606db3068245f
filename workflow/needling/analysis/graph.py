"""Multiple tests along a graph: weights say who starts with how much of the error rate, arrows where it goes after a rejection."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

# Two products of weights that are equal in exact arithmetic differ in their last bits; a tie is decided for the hypothesis.
TIE = 1e-12


def stepwise(p: "Sequence[float]", method: str) -> "np.ndarray":
    """Adjust P values by Bonferroni, Holm or Hochberg.

    With p_(1) <= ... <= p_(m): Bonferroni m p_(i); Holm the largest (m - j + 1) p_(j) of j <= i, whatever the dependence of
    the tests; Hochberg the smallest of j >= i, for tests that are not negatively dependent. At most 1.

    Parameters
    ----------
    p : P of each hypothesis, from 0 to 1, none missing.
    method : "bonferroni", "holm" or "hochberg".

    Returns
    -------
    Adjusted P in the order given.

    Sources: Holm 1979, Scandinavian Journal of Statistics 6:65-70; Hochberg 1988, Biometrika 75:800-802. Checked against
    statsmodels' multipletests, whose import takes a second and whose every call collects garbage.

    Examples
    --------
    >>> [round(float(one), 3) for one in stepwise([0.02, 0.01, 0.03], "holm")]
    [0.04, 0.03, 0.04]
    >>> [round(float(one), 3) for one in stepwise([0.02, 0.01, 0.03], "hochberg")]
    [0.03, 0.03, 0.03]
    """
    import numpy as np

    P = np.asarray(p, dtype=float)
    if method == "bonferroni":
        return np.minimum(P * len(P), 1.0)
    order = np.argsort(P, kind="stable")
    times = P[order] * np.arange(len(P), 0, -1)
    steps = np.maximum.accumulate(times) if method == "holm" else np.minimum.accumulate(times[::-1])[::-1]
    adjusted = np.empty_like(P)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def test(
    p: "Sequence[float]",
    weights: "Sequence[float]",
    transitions: "Sequence[Sequence[float]]",
    alpha: float = 0.05,  # noqa: PT028 - a test of hypotheses
) -> "tuple[np.ndarray, np.ndarray]":
    """Test hypotheses by the sequentially rejective graphical procedure with Bonferroni weights.

    While some hypothesis i left has p_i <= weight_i x alpha, it is rejected; its weight goes along its arrows,
    w_j + w_i g_ij, and the arrows around it are joined, g_jk = (g_jk + g_ji g_ik) / (1 - g_ji g_ij). The adjusted P
    of a hypothesis
    is the smallest alpha at which it is rejected: at each step the smallest p_i / w_i, never below the one before.
    The family-wise error rate is at most alpha whatever the dependence of the tests. Holm (equal weights, arrows to all
    others), a fixed sequence (weight 1 on the first), fallback and gatekeeping are such graphs; Hochberg is not one.

    Parameters
    ----------
    p : P of each hypothesis, of length m; missing (a test that was planned and could not be made) is never rejected.
    weights : share of the error rate that each starts with, of length m: from 0, together at most 1.
    transitions : m x m shares of a rejected hypothesis' weight that go to each other one: rows from 0, together at
        most 1; diagonal 0.
    alpha : family-wise error rate, between 0 and 1.

    Returns
    -------
    rejected (booleans) and adjusted P (at most 1; missing where p is), both of length m. A tie, equal up to the last
    bits, is a rejection.

    Raises
    ------
    ValueError : the sizes differ, or weights, transitions or P lie outside their range; the sentence says which.

    Source: Bretz, Maurer, Brannath, Posch 2009, Statistics in Medicine 28:586-604. Checked against graphicalMCP's examples and,
    over random graphs, against the closed test that it stands for.

    Examples
    --------
    >>> rejected, adjusted = test([0.01, 0.005, 0.03, 0.01], [0.5, 0.5, 0, 0],
    ...     [[0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0]], alpha=0.025)
    >>> [bool(one) for one in rejected], [round(float(one), 3) for one in adjusted]
    ([True, True, False, True], [0.02, 0.01, 0.03, 0.02])
    """
    import numpy as np

    P, w, G = (np.array(values, dtype=float) for values in (p, weights, transitions))
    _check(P, w, G, alpha)
    adjusted = np.full(len(P), np.nan)
    left = list(range(len(P)))
    reached = 0.0
    while left:
        ratios = {i: P[i] / w[i] if w[i] > 0 else np.inf for i in left if not np.isnan(P[i])}
        if not ratios:
            break
        least = min(ratios.values())
        i = next(one for one in ratios if ratios[one] <= least * (1 + TIE))
        reached = max(reached, min(1.0, least))
        adjusted[i] = reached
        left.remove(i)
        w, G = _without(i, left, w, G)
    return adjusted <= alpha * (1 + TIE), adjusted


def intervals(
    estimate: "Sequence[float]",
    se: "Sequence[float]",
    df: "Sequence[float]",
    weights: "Sequence[float]",
    transitions: "Sequence[Sequence[float]]",
    alpha: float = 0.05,
) -> "tuple[np.ndarray, np.ndarray]":
    """Give simultaneous two-sided intervals that exclude 0 just where `test` rejects, where there are any.

    One graph at alpha / 2 for each direction. Towards the side s of the rejections: of a hypothesis that is left, estimate - s
    t(1 - w alpha / 2) se with w its weight once the rejected ones are taken out; of a rejected one 0, unless all are rejected: then
    the same with its starting weight, or 0 where that says less. Towards the other side, where nothing is rejected, the same with
    the starting weights. So a rejected hypothesis' interval ends at 0 and says no more than its decision, until all are rejected.

    Parameters
    ----------
    estimate, se, df : of each hypothesis, of length m, on a scale with the null at 0 and all benefits on one side; missing where
        it was not estimated.
    weights, transitions, alpha : as in `test`.

    Returns
    -------
    Lower and upper limits, of length m: infinite where a hypothesis has no weight; missing where it was not estimated, and all
    of them where rejections point to both sides, because then no such intervals exist.

    Sources: Strassburger, Bretz 2008, Statistics in Medicine 27:4914-4927; Guilbaud 2008, Biometrical Journal 50:678-692.
    Checked by their decisions over random graphs and by simulated simultaneous coverage.

    Example
    -------
    >>> low, high = intervals([2.0, 1.0], [0.5, 0.6], [60, 60], *holm(2))
    >>> low.round(3).tolist(), high.round(3).tolist()  # the first is rejected, so its interval ends at 0
    ([0.0, -0.2], [3.15, 2.379])
    """
    import numpy as np
    from scipy.special import stdtr, stdtrit

    e, s, d = (np.array(values, dtype=float) for values in (estimate, se, df))
    d = np.minimum(np.nan_to_num(d, nan=np.inf), 1e9)
    p = 2 * stdtr(d, -np.abs(e / s))
    rejected = test(p.tolist(), weights, transitions, alpha)[0]
    signs = set(np.sign(e[rejected]))
    if len(signs) > 1:
        return np.full(len(e), np.nan), np.full(len(e), np.nan)
    side = signs.pop() if signs else 1.0
    start, left, G = np.array(weights, dtype=float), list(range(len(e))), np.array(transitions, dtype=float)
    w = start
    for i in np.flatnonzero(rejected).tolist():
        left.remove(i)
        w, G = _without(i, left, w, G)

    def limit(share: "np.ndarray", direction: float) -> "np.ndarray":
        with np.errstate(divide="ignore"):
            far = np.where(share > 0, stdtrit(d, 1 - np.maximum(share, 1e-300) * alpha / 2), np.inf)
        return np.where(np.isnan(e), np.nan, e - direction * far * s)

    near = limit(w, side)
    of_rejected = side * np.maximum(0.0, side * limit(start, side)) if rejected.all() else np.zeros(len(e))
    near, far = np.where(rejected, of_rejected, near), limit(start, -side)
    return (near, far) if side > 0 else (far, near)


def holm(m: int) -> "tuple[np.ndarray, np.ndarray]":
    """Weights and transitions of Holm's procedure for m hypotheses: equal weights, equal shares to all others.

    Example
    -------
    >>> weights, transitions = holm(3)
    >>> weights.round(3).tolist(), transitions[0].tolist()
    ([0.333, 0.333, 0.333], [0.0, 0.5, 0.5])
    """
    import numpy as np

    return np.full(m, 1 / m), (np.ones((m, m)) - np.eye(m)) / max(1, m - 1)


def fixed_sequence(m: int) -> "tuple[np.ndarray, np.ndarray]":
    """Weights and transitions of a fixed sequence of m hypotheses: each is tested at full level once all before are.

    Example
    -------
    >>> weights, transitions = fixed_sequence(3)
    >>> weights.tolist(), transitions[0].tolist()
    ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    """
    import numpy as np

    return np.eye(m)[0], np.eye(m, k=1)


def fallback(weights: "Sequence[float]") -> "tuple[np.ndarray, np.ndarray]":
    """Weights and transitions of the fallback procedure: an ordered sequence in which every hypothesis starts with a share.

    Example
    -------
    >>> weights, transitions = fallback([0.8, 0.2])
    >>> weights.tolist(), transitions.tolist()
    ([0.8, 0.2], [[0.0, 1.0], [0.0, 0.0]])
    """
    import numpy as np

    return np.array(weights, dtype=float), np.eye(len(weights), k=1)


def _without(i: int, left: "list[int]", w: "np.ndarray", G: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Weights and transitions after hypothesis i is rejected."""
    import numpy as np

    weights, arrows = np.zeros_like(w), np.zeros_like(G)
    for j in left:
        weights[j] = w[j] + w[i] * G[i, j]
        kept = 1 - G[j, i] * G[i, j]
        if kept > TIE:
            arrows[j] = (G[j] + G[j, i] * G[i]) / kept
        arrows[j, [j, i]] = 0.0
    return weights, arrows


def _check(P: "np.ndarray", w: "np.ndarray", G: "np.ndarray", alpha: float) -> None:
    m = len(P)
    if w.shape != (m,) or G.shape != (m, m):
        raise ValueError(f"{m} hypotheses need {m} weights and {m} x {m} transitions")
    if ((P < 0) | (P > 1)).any():
        raise ValueError("P lies between 0 and 1")
    if not (w >= 0).all() or w.sum() > 1 + TIE:
        raise ValueError("weights are not negative and add up to at most 1")
    if not (G >= 0).all() or (G.sum(axis=1) > 1 + TIE).any() or G.diagonal().any():
        raise ValueError(
            "transitions are not negative, add up to at most 1 in each row, and none leads from a hypothesis to itself"
        )
    if not 0 < alpha < 1:
        raise ValueError("alpha lies between 0 and 1")


test.__test__ = False  # type: ignore[attr-defined]  # of hypotheses, not of code
