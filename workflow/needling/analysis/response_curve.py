"""The share of patients that improved by at least so much, for every amount, with a band that holds for all amounts at once."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from needling.analysis.imputed import Imputed
    from needling.analysis.results import Question


def before(completed: "Imputed", question: "Question") -> np.ndarray:
    """Values at baseline, draws x patients; missing where the outcome has none (an impression of change)."""
    if question.baseline_visit not in completed.visits:
        return np.full(completed.values.shape[:2], np.nan)
    return completed.values[:, :, completed.visits.index(question.baseline_visit)]


def curves(
    completed: "Imputed", people: "pd.DataFrame", question: "Question", visit: str, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Share of each arm that improved by at least so much, with a band that holds for all amounts at once."""
    gain = before(completed, question) - completed.values[:, :, completed.visits.index(visit)]
    gain = gain * (1 if question.better == "lower" else -1)
    known = gain[~np.isnan(gain)]
    if not len(known):
        return []
    steps = _steps(known)
    rows = []
    for arm in list(question.arms) or [""]:
        mine = gain[:, (people["arm"] == arm).to_numpy()] if arm else gain
        share, low, high = simultaneous_band(mine, steps, question.settings.resamples, question.settings.level, rng)
        place = {
            "cohort": question.cohort,
            "outcome": question.outcome,
            "visit": visit,
            "arm": arm,
            "unit": question.difference_unit,
        }
        n = mine.shape[1]
        rows += [
            {**place, "improvement": x, "share": s, "low": lo, "high": hi, "level": question.settings.level, "n": n,
             "n_events": round(float(s) * n)}
            for x, s, lo, hi in zip(steps, share, low, high, strict=True)
        ]  # fmt: skip
    return rows


def _steps(known: np.ndarray) -> np.ndarray:
    """Amounts of improvement: whole numbers where the outcome has few of them, else 41 equal steps over what was seen."""
    low, high = np.floor(known.min()), np.ceil(known.max())
    whole = (known == np.round(known)).mean() > 0.9 and high - low <= 60
    return np.arange(low, high + 1) if whole else np.linspace(low, high, 41)


def simultaneous_band(
    gain: np.ndarray, steps: np.ndarray, resamples: int, level: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share that improved by at least each amount, with a sup-t band by bootstrap.

    s(x) = share with gain >= x, averaged over data sets; patients are drawn with replacement, each sample from one data set in
    turn so that the band counts what was imputed; the band is s(x) +- q se(x) with q the quantile of the largest
    |s*(x) - s(x)| / se(x) over the amounts that at least five patients reach and five do not. Elsewhere there is no band.

    Parameters
    ----------
    gain : data sets x patients; missing counts as never reached.
    steps : amounts of improvement.
    resamples : bootstrap samples.
    level : confidence of the whole band.
    rng : the source of chance.

    Returns
    -------
    share, low, high for each amount.

    Source: Montiel Olea, Plagborg-Moller 2019, Journal of Applied Econometrics 34:1-17 (sup-t bands).

    Example
    -------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> share, low, high = simultaneous_band(rng.normal(2, 1, (1, 100)), np.array([1.0, 2.0, 3.0]), 200, 0.95, rng)
    >>> bool((low < share).all() and (share < high).all())
    True
    """
    with np.errstate(invalid="ignore"):
        reached = gain[:, :, None] >= steps - 1e-9  # data sets x patients x amounts
    m, n, _ = reached.shape
    share = reached.mean(axis=(0, 1))
    low, high = np.full(len(steps), np.nan), np.full(len(steps), np.nan)
    inner = (n * share >= 5 - 1e-9) & (n * (1 - share) >= 5 - 1e-9)
    if inner.any():
        counts = rng.multinomial(n, np.full(n, 1 / n), resamples)
        sampled = np.array([counts[i] @ reached[i % m][:, inner] / n for i in range(resamples)])
        se = sampled.std(axis=0, ddof=1)
        farthest = (np.abs(sampled - share[inner]) / np.maximum(se, 1e-12)).max(axis=1)
        q = float(np.quantile(farthest, level))
        low[inner], high[inner] = np.clip(share[inner] - q * se, 0, 1), np.clip(share[inner] + q * se, 0, 1)
    return share, low, high
