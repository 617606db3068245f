"""Who changed by more than the error of measurement explains: counts per arm, by the study's own reliability."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from needling.analysis.results import Question


def reliable(
    reliability: "pd.DataFrame | None", visits: "pd.DataFrame", question: "Question", visit: str
) -> list[dict[str, Any]]:
    """Count by arm who changed by more than the error of measurement explains, by the study's own reliability.

    Jacobson and Truax 1991: reliable is a change beyond 1.96 SD sqrt(2 (1 - r)), with SD at baseline and r Cronbach's alpha there.
    """
    own = None if reliability is None else reliability[reliability["instrument"] == question.instrument]
    if own is None or own.empty or not own["alpha"].between(0, 1, inclusive="neither").all():
        return []
    alpha = float(own["alpha"].iloc[0])
    before = visits[visits["visit"] == question.baseline_visit]
    beyond = reliable_change(float(before["value"].std()), alpha)
    rows = visits[(visits["visit"] == visit) & visits["improvement"].notna()]
    if rows.empty or not np.isfinite(beyond):
        return []
    made = []
    for arm in list(question.arms) or [""]:
        gain = rows.loc[rows["arm"] == arm, "improvement"] if arm else rows["improvement"]
        place = {
            "cohort": question.cohort,
            "outcome": question.outcome,
            "visit": visit,
            "arm": arm,
            "unit": question.difference_unit,
        }
        counts = {"n_improved": int((gain > beyond).sum()), "n_worse": int((gain < -beyond).sum())}
        counts["n_unchanged"] = len(gain) - sum(counts.values())
        made.append({**place, "reliability": alpha, "beyond": beyond, "n": len(gain), **counts})
    return made


def reliable_change(sd: float, reliability: float) -> float:
    """Smallest change that is more than error of measurement (95 %): 1.96 SD sqrt(2 (1 - r)), in the unit of SD.

    Parameters
    ----------
    sd : standard deviation at baseline.
    reliability : of the measure, 0 to 1.

    Source: Jacobson, Truax 1991, Journal of Consulting and Clinical Psychology 59:12-19.

    Examples
    --------
    >>> round(reliable_change(8.23, 0.801), 3)
    10.176
    """
    from scipy.special import ndtri

    return float(ndtri(0.975) * sd * (2 * (1 - reliability)) ** 0.5)
