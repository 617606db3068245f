"""Where a latent normal must lie so that its rounded, bounded item scores have a wanted mean and spread.

Rounding and bounds pull means together. Solving for the latent mean of every arm and visit keeps the true effect on the
*scored* scale what the plan says.
"""

from functools import lru_cache

import numpy as np
from scipy.optimize import brentq, least_squares
from scipy.special import ndtr

from needling.simulate.scenario import Scale

# Items differ in how easily they are endorsed: this much of their range, up and down.
ITEM_SPREAD = 0.08


def item_offsets(scale: Scale) -> np.ndarray:
    """Place of each item around the scale's latent mean, in shares of its range; they sum to about zero."""
    if scale.items == 1:
        return np.zeros(1)
    even = np.linspace(-ITEM_SPREAD, ITEM_SPREAD, scale.items)
    return even[np.argsort((np.arange(scale.items) * 7) % scale.items, kind="stable")]


@lru_cache(maxsize=4096)
def expected_score(scale: Scale, mean: float, sd: float) -> float:
    """Expected score where answers are latent normals (mean, sd in shares of the range), rounded and bounded."""
    return scale.offset + float(np.array(scale.weights) @ _answer_moments(scale, mean, sd, np.zeros(1))[0][0])


def score_sd(scale: Scale, mean: float, sd: float) -> float:
    """Standard deviation of that score, by integrating over the construct that the items share."""
    weights = np.array(scale.weights)
    if scale.items == 1:
        first, second = _answer_moments(scale, mean, sd, np.zeros(1))
        return float(weights[0] * np.sqrt(second[0, 0] - first[0, 0] ** 2))
    nodes, mass = np.polynomial.hermite_e.hermegauss(41)
    mass = mass / mass.sum()
    own = sd * np.sqrt(1 - scale.communality)
    first, second = _answer_moments(scale, mean, own, sd * np.sqrt(scale.communality) * nodes)
    total = first @ weights
    within = (second - first**2) @ weights**2
    return float(np.sqrt(mass @ (total - mass @ total) ** 2 + mass @ within))


def _answer_moments(scale: Scale, mean: float, sd: float, shifts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """E[X] and E[X^2] of each answer (shifts x items): X is the answer nearest to its latent value."""
    lows, width = np.array(scale.lows, float), np.array(scale.highs, float) - np.array(scale.lows, float)
    answers = [np.array(scale.answers(item), float) for item in range(scale.items)]
    cuts, up, squares = (np.zeros((scale.items, max(map(len, answers)) - 1)) for _ in range(3))
    cuts[:] = np.inf
    for item, each in enumerate(answers):
        there = slice(len(each) - 1)
        cuts[item, there] = (each[1:] + each[:-1]) / 2
        up[item, there], squares[item, there] = np.diff(each), np.diff(each**2)
    centre = lows + width * (mean + item_offsets(scale) + shifts[:, None])
    above = ndtr((centre[:, :, None] - cuts) / (width * sd)[:, None])
    return lows + (above * up).sum(axis=2), lows**2 + (above * squares).sum(axis=2)


@lru_cache(maxsize=256)
def latent_spread(scale: Scale, mean: float, sd: float) -> float:
    """Latent standard deviation (share of the range) that gives scores this mean and standard deviation."""
    low, high = scale.bounds
    width = high - low
    start = [(mean - low) / width, np.log(sd / width)]
    solved = least_squares(
        lambda at: [
            (expected_score(scale, float(at[0]), float(np.exp(at[1]))) - mean) / width,
            (score_sd(scale, float(at[0]), float(np.exp(at[1]))) - sd) / width,
        ],
        start,
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
    )
    if np.abs(solved.fun).max() > 1e-6:
        raise ValueError(f"no bounded scale of this kind has mean {mean} and standard deviation {sd}")
    return float(np.exp(solved.x[1]))


@lru_cache(maxsize=1024)
def latent_mean(scale: Scale, mean: float, spread: float) -> float:
    """Latent mean (share of the range) at which scores with this latent spread have this mean."""
    return float(brentq(lambda at: expected_score(scale, float(at), spread) - mean, -2.0, 3.0, xtol=1e-12))


def draw_answers(
    scale: Scale, means: np.ndarray, spreads: np.ndarray, severity: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw answers: the nearest one that the item has.

    Parameters
    ----------
    scale : the instrument.
    means, spreads : latent mean and standard deviation of each row, in shares of the range.
    severity : standard normal construct of each row, higher is worse.

    Returns
    -------
    Answers, rows x items.
    """
    lows, highs = np.array(scale.lows), np.array(scale.highs)
    sign = 1 if scale.better == "lower" else -1
    latent = sign * np.sqrt(scale.communality) * severity[:, None]
    if scale.communality < 1:
        latent = latent + np.sqrt(1 - scale.communality) * rng.standard_normal((len(severity), scale.items))
    place = means[:, None] + item_offsets(scale) + spreads[:, None] * latent
    drawn = np.clip(np.rint(lows + (highs - lows) * place), lows, highs)
    for item, answers in scale.only:
        at = lows[item] + (highs[item] - lows[item]) * place[:, item]
        drawn[:, item] = np.array(answers)[np.abs(at[:, None] - np.array(answers)).argmin(axis=1)]
    return drawn.astype(np.int16)
