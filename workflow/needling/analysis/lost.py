"""Who was lost: how many of each arm from which visit on and for which reason, and how they were at baseline."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from needling.schema.side import DROPOUT, LOST

if TYPE_CHECKING:
    from needling.analysis.results import Question

FEW_VALUES = 3  # a number with at most so many values is described by shares, as a category is


def lost_from(people: pd.DataFrame, follow_up: pd.DataFrame, visits: "tuple[str, ...]") -> pd.Series:
    """Say from which visit on nothing more was measured.

    Parameters
    ----------
    people : one row per patient.
    follow_up : measured rows after baseline.
    visits : the visits after baseline in their order.

    Returns
    -------
    The visit, by patient (index); empty text for who was measured at the last one.

    Example
    -------
    >>> import pandas as pd
    >>> people = pd.DataFrame({"patient": ["a", "b", "c"]})
    >>> seen = pd.DataFrame({"patient": ["a", "a", "b"], "visit": ["week_2", "week_4", "week_2"]})
    >>> lost_from(people, seen, ("week_2", "week_4")).to_dict()
    {'a': '', 'b': 'week_4', 'c': 'week_2'}
    """
    order = {visit: number for number, visit in enumerate(visits)}
    last = follow_up.assign(place=follow_up["visit"].map(order)).groupby("patient")["place"].max()
    following = last.astype(float).reindex(people["patient"]).fillna(-1).astype(int) + 1
    return following.map(dict(enumerate([*visits, ""])))


def dropout(
    people: pd.DataFrame, follow_up: pd.DataFrame, status: pd.DataFrame | None, question: "Question"
) -> pd.DataFrame:
    """Count the lost by arm, visit and reason (contract DROPOUT without the analysis).

    Parameters
    ----------
    people, follow_up : as in `lost_from`.
    status : patient and reason, where the study records how it ended for whom. The last record of a patient counts.
    question : arms and visits.
    """
    gone = lost_from(people, follow_up, question.visits).to_numpy()
    reasons = pd.Series(dtype="str")
    if status is not None and "reason" in status:
        known = status.dropna(subset="reason")
        reasons = known.drop_duplicates("patient", keep="last").set_index("patient")["reason"]
    table = people.assign(visit=gone, reason=people["patient"].map(reasons).astype("str").fillna(""))
    rows = []
    for arm in question.arms:
        mine = table[table["arm"] == arm]
        lost = mine[mine["visit"] != ""]
        place = {"cohort": question.cohort, "outcome": question.outcome, "arm": arm, "n_patients": len(mine)}
        rows += [
            place | {"visit": visit, "reason": reason, "n": len(group)}
            for visit in question.visits
            for reason, group in lost[lost["visit"] == visit].groupby("reason", sort=True)
        ]
    return pd.DataFrame(rows, columns=[name for name in DROPOUT if name != "analysis"])


def lost_beside_kept(people: pd.DataFrame, follow_up: pd.DataFrame, question: "Question") -> pd.DataFrame:
    """Describe the value at baseline and the covariates of the lost beside those of the kept, by arm.

    A number has mean and standard deviation; a level of a category its share. Standardised difference: lost minus kept over
    sqrt((s1^2 + s0^2) / 2), of a share with s^2 = p (1 - p).

    Parameters
    ----------
    people, follow_up : as in `lost_from`.
    question : arms, visits and covariates.

    Returns
    -------
    Contract LOST without the analysis.
    """
    gone = lost_from(people, follow_up, question.visits).to_numpy() != ""
    rows = []
    for arm in question.arms:
        mine = (people["arm"] == arm).to_numpy()
        for name in ["baseline", *question.settings.adjust]:
            for level, values in _parts(people[name]).items():
                place = {"cohort": question.cohort, "outcome": question.outcome, "arm": arm}
                place |= {"variable": name, "level": level, "unit": question.unit if name == "baseline" else ""}
                rows.append(place | _beside(values[mine & gone], values[mine & ~gone], level != ""))
    return pd.DataFrame(rows, columns=[name for name in LOST if name != "analysis"])


def _parts(values: pd.Series) -> dict[str, np.ndarray]:
    """A number as it is, or each level as 0 and 1; of two levels the second alone."""
    is_number = pd.api.types.is_numeric_dtype(values.dtype)
    if is_number and values.nunique() > FEW_VALUES:
        return {"": values.to_numpy(float)}
    levels = sorted(values.dropna().unique())
    text = [f"{one:g}" if is_number else str(one) for one in levels]
    parts = {name: (values == one).to_numpy(float) for name, one in zip(text, levels, strict=True)}
    return dict(list(parts.items())[1:]) if len(parts) == 2 else parts


def _beside(lost: np.ndarray, kept: np.ndarray, is_share: bool) -> dict[str, float]:
    def spread(values: np.ndarray) -> float:
        if is_share:
            return float(np.sqrt(values.mean() * (1 - values.mean()))) if len(values) else np.nan
        return float(values.std(ddof=1)) if len(values) > 1 else np.nan

    means = [float(values.mean()) if len(values) else np.nan for values in (lost, kept)]
    sds = [spread(lost), spread(kept)]
    pooled = float(np.sqrt((sds[0] ** 2 + sds[1] ** 2) / 2))
    gap = (means[0] - means[1]) / pooled if pooled > 0 else np.nan
    return {
        **{"n_lost": len(lost), "n_kept": len(kept), "lost": means[0], "kept": means[1]},
        **{"lost_sd": np.nan if is_share else sds[0], "kept_sd": np.nan if is_share else sds[1]},
        "standardised_difference": gap,
    }
