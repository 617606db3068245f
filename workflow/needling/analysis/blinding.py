"""Did blinding hold? What patients guess of their arm, summarised as James's and Bang's indices."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def indices(counts: "pd.DataFrame", level: float = 0.95) -> "pd.DataFrame":
    """Summarise guesses of the arm by James's index over both arms and Bang's index in each.

    James: 1 if everybody says "don't know", 0 if all guess right, one half if guesses are at random;
    d + u m^2 / (2 A), with d and m = 1 - d the shares who do and do not say "don't know", u that of wrong guesses, and A the chance
    disagreement of the others' arms and guesses (products of their margins). Bang, of one arm: the share guessing right
    less the share guessing wrong, with "don't know" in the denominator; 0 at random, 1 all right, -1 all wrong.
    Variances by the delta method of a multinomial sample (James) and (r + w - (r - w)^2) / n (Bang); normal intervals.

    Parameters
    ----------
    counts : people who guessed, one column per arm (two) and one row per guess: both arms' names, and any other row (such as
        dont_know) for who did not guess. People.
    level : of the confidence intervals.

    Returns
    -------
    One row each: index (james, bang), arm ('' for james), estimate, se, low, high (kept inside the index's range), n (people),
    n_unknown (of them did not guess). An index that cannot be formed (nobody asked; all who guessed in one cell) is missing.

    Raises
    ------
    ValueError : not two arms, a guess of an arm that has no row, or a count that is negative or no integer.

    Sources: James et al. 1996, Statistics in Medicine 15:1421-1434; Bang, Ni, Davis 2004, Controlled Clinical Trials 25:143-156.
    Checked against the CRISP trial in the latter's table 7.

    Examples
    --------
    >>> import pandas as pd
    >>> told = pd.DataFrame({"verum": [82, 25, 170], "sham": [27, 29, 83]}, index=["verum", "sham", "dont_know"])
    >>> indices(told)[["index", "arm", "estimate", "se"]].round(3).values.tolist()
    [['james', '', 0.748, 0.022], ['bang', 'verum', 0.206, 0.035], ['bang', 'sham', 0.014, 0.054]]
    """
    import pandas as pd

    arms = list(counts.columns)
    _check(counts, arms)
    rows = [_james(counts, arms, level), *(_bang(counts, arms, arm, level) for arm in arms)]
    return pd.DataFrame(rows, columns=["index", "arm", "estimate", "se", "low", "high", "n", "n_unknown"])


def _james(counts: "pd.DataFrame", arms: list[str], level: float) -> tuple[object, ...]:
    import numpy as np

    table = counts.to_numpy(float)
    n = table.sum()
    guessed = counts.loc[arms].to_numpy(float).T / max(n, 1)  # arm x guess
    unknown = counts.drop(index=arms).to_numpy(float).sum()
    m, d = guessed.sum(), unknown / max(n, 1)
    by_arm, by_guess = guessed.sum(axis=1), guessed.sum(axis=0)
    u, chance = guessed[0, 1] + guessed[1, 0], by_arm[0] * by_guess[1] + by_arm[1] * by_guess[0]
    place = (int(n), int(unknown))
    if n == 0 or (m > 0 and chance == 0):
        return ("james", "", np.nan, np.nan, np.nan, np.nan, *place)
    if m == 0:
        return ("james", "", 1.0, 0.0, 1.0, 1.0, *place)
    estimate = d + u * m**2 / (2 * chance)
    wrong = np.array([[0.0, 1.0], [1.0, 0.0]])
    slope_of_chance = by_guess[::-1][:, None] + by_arm[::-1][None, :]
    slopes = (wrong * m**2 + 2 * u * m) / (2 * chance) - u * m**2 / (2 * chance**2) * slope_of_chance
    mean = (slopes * guessed).sum() + d
    variance = ((slopes**2 * guessed).sum() + d - mean**2) / n
    return ("james", "", *_interval(estimate, variance, level, 0.0), *place)


def _bang(counts: "pd.DataFrame", arms: list[str], arm: str, level: float) -> tuple[object, ...]:
    import numpy as np

    own = counts[arm]
    n, other = float(own.sum()), next(name for name in arms if name != arm)
    place = (int(n), int(own.drop(arms).sum()))
    if n == 0:
        return ("bang", arm, np.nan, np.nan, np.nan, np.nan, *place)
    right, wrong = own[arm] / n, own[other] / n
    return ("bang", arm, *_interval(right - wrong, (right + wrong - (right - wrong) ** 2) / n, level, -1.0), *place)


def _interval(estimate: float, variance: float, level: float, lowest: float) -> tuple[float, float, float, float]:
    import numpy as np
    from scipy.special import ndtri

    se = float(np.sqrt(max(variance, 0.0)))
    reach = float(ndtri((1 + level) / 2)) * se
    return float(estimate), se, max(lowest, float(estimate - reach)), min(1.0, float(estimate + reach))


def _check(counts: "pd.DataFrame", arms: list[str]) -> None:
    if len(arms) != 2 or len(set(arms)) != 2:
        raise ValueError("these indices compare two arms; name the two whose patients were to be kept blind")
    missing = [arm for arm in arms if arm not in counts.index]
    if missing:
        raise ValueError(
            f"there is no row for those who guessed {' or '.join(map(str, missing))}; write 0 where nobody did"
        )
    values = counts.to_numpy(float)
    if (values < 0).any() or (values % 1 != 0).any():
        raise ValueError("counts of people are integers from 0")
