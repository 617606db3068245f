"""Row-level files for others: one row per patient, made only where everybody in it hides in a crowd."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from needling.study.keys import StudyError

if TYPE_CHECKING:
    from needling.study.disclosure import Shared
    from needling.study.plan import Study


def shared_file(
    name: str, patients: pd.DataFrame, frame: pd.DataFrame, study: "Study"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make a row-level file that the study file marks for sharing, with the report of its anonymity.

    Parameters
    ----------
    name : a key of `disclosure.share`.
    patients : clean patients (contract CLEAN['patients']).
    frame : analysis frame (contract FRAME).
    study : sections patients, visits, cohorts, disclosure.

    Returns
    -------
    - The file: one row per patient with cohort and arm (where the study has several), the covariates, numbers in spans, and a
      column outcome_visit for each outcome and visit. There is no code of a patient or clinic, and the rows are sorted
      by what they hold, so that their order tells nothing.
    - The report: measure, value, needed. k is the size of the smallest group of patients who share cohort, arm and all
      covariates; l, for each outcome and visit, the smallest number of different values in such a group.

    Raises
    ------
    StudyError : k or an l is below what the study file demands; measure and columns are named, never a value.
    """
    settings = study.disclosure.share[name]
    known = [*(["cohort"] if len(study.cohorts) > 1 else []), *(["arm"] if study.arms else [])]
    table = patients.set_index("patient")[[*known, *settings.covariates]].copy()
    for covariate, cuts in settings.spans.items():
        table[covariate] = in_spans(table[covariate], cuts)
    chosen = frame[frame["outcome"].isin(settings.outcomes) & frame["visit"].isin(settings.visits)]
    values = chosen.pivot(index="patient", columns=["outcome", "visit"], values="value")
    measured = [(outcome, visit) for outcome in settings.outcomes for visit in settings.visits]
    values = values.reindex(index=table.index, columns=pd.MultiIndex.from_tuples(measured))
    values.columns = pd.Index([f"{outcome}_{visit}" for outcome, visit in measured])
    file = pd.concat([table, values], axis=1).reset_index(drop=True)
    file = file.sort_values(list(file.columns), ignore_index=True)
    return file, anonymity(file, name, list(table.columns), list(values.columns), settings)


def in_spans(numbers: pd.Series, cuts: Sequence[float]) -> pd.Series:
    """Put numbers into spans, in words: under 40, 40 to under 60, 60 or over; a missing one stays missing."""
    names = [f"under {cuts[0]:g}"]
    names += [f"{low:g} to under {high:g}" for low, high in pairwise(cuts)]
    names += [f"{cuts[-1]:g} or over"]
    spans = pd.cut(numbers.astype(float), [-np.inf, *cuts, np.inf], right=False, labels=names)
    return spans.astype("str")


def anonymity(
    file: pd.DataFrame, name: str, quasi_identifiers: list[str], sensitive: list[str], settings: "Shared"
) -> pd.DataFrame:
    """Report the anonymity of a file with one row per person, and refuse it below the threshold.

    Parameters
    ----------
    file : one row per person.
    name : words for the message.
    quasi_identifiers, sensitive : as in `k_anonymity` and `l_diversity`.
    settings : the smallest k (`people`) and the smallest l of every sensitive column (`diversity`).

    Returns
    -------
    One row per measure: measure (words), value, needed.

    Raises
    ------
    StudyError : k or an l is below its threshold; measure and columns are named, never a value.
    """
    over = ", ".join(quasi_identifiers) or "nothing"
    found = [(f"k: patients who share {over}", k_anonymity(file, quasi_identifiers), settings.people)]
    found += [
        (
            f"l: different values of {column} among them",
            l_diversity(file, quasi_identifiers, column),
            settings.diversity,
        )
        for column in sensitive
    ]
    for measure, value, needed in found:
        if value < needed:
            raise StudyError(
                f"disclosure.share.{name}: not to be shared: the smallest {measure} is {value}, at least {needed} is "
                f"needed; widen its spans, or leave out a covariate or an outcome."
            )
    return pd.DataFrame(found, columns=["measure", "value", "needed"])


def k_anonymity(table: pd.DataFrame, quasi_identifiers: Sequence[str]) -> int:
    """Find the size of the smallest group of rows that share all quasi-identifiers.

    Parameters
    ----------
    table : one row per person.
    quasi_identifiers : columns that somebody could know about a person; a missing value is a level of its own. Without any,
        all rows are one group.

    Returns
    -------
    k; 0 for an empty table.

    Checked against: pycanon.
    """
    sizes = _groups(table, quasi_identifiers).size()
    return int(sizes.min()) if len(sizes) else 0


def l_diversity(table: pd.DataFrame, quasi_identifiers: Sequence[str], sensitive: str) -> int:
    """Find the smallest number of different sensitive values in a group that shares all quasi-identifiers.

    Parameters
    ----------
    table : one row per person.
    quasi_identifiers : as in `k_anonymity`.
    sensitive : the column that nobody may learn; a missing value is a value of its own.

    Returns
    -------
    l (distinct l-diversity); 0 for an empty table.

    Checked against: pycanon.
    """
    diversity = _groups(table, quasi_identifiers)[sensitive].nunique(dropna=False)
    return int(diversity.min()) if len(diversity) else 0


def _groups(table: pd.DataFrame, quasi_identifiers: Sequence[str]) -> "pd.api.typing.DataFrameGroupBy":
    everybody = np.zeros(len(table), dtype=int)
    return table.groupby(list(quasi_identifiers) or everybody, dropna=False, observed=True)
