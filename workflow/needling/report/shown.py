"""The numbers of a figure as people read them on the page: heads and cells in words; what only a program needs is in the file."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from needling.labels.numbers import MINUS
from needling.labels.sentences import sentence, spaced, span
from needling.labels.words import Labels
from needling.tables.participants import WHOLE

# How a number was made stands in the methods.
IN_THE_FILE = {
    "row_id", "hidden", "status", "kind", "method", "df_method", "variance", "information", "imputation", "structure",
    "structures_tried", "weights", "framework", "subset", "estimand", "mcse", "twin", "plot", "block", "left_out",
}  # fmt: skip
HEADS = {
    "n": "n", "n_patients": "n", "n_events": "With the event", "n_observations": "Measurements", "n_at_risk": "At risk",
    "n_clinics": "Clinics", "n_therapists": "Therapists", "reference": "Compared with", "low": "Lower limit",
    "high": "Upper limit", "low_adjusted": "Adjusted lower limit", "high_adjusted": "Adjusted upper limit", "p": "P",
    "p_adjusted": "Adjusted P", "se": "Standard error", "sd": "SD", "df": "Degrees of freedom", "q10": "10th percentile",
    "q25": "25th percentile", "q75": "75th percentile", "q90": "90th percentile", "floor": "Share at the lowest score",
    "ceiling": "Share at the highest score", "icc": "Intraclass correlation", "icc_low": "Its lower limit",
    "icc_high": "Its upper limit", "why": "Reason", "shown": "n", "term": "What", "at": "Read at", "name": "Characteristic",
    "variable": "Characteristic", "along": "What", "held": "Given", "x": "Value", "k": "Session",
    "delta_arm": "Arm shifted by", "delta_reference": "Reference shifted by", "site": "Place",
}  # fmt: skip


def numbers_of_figure(table: pd.DataFrame, labels: Labels, most: int) -> tuple[list[str], list[list[str]]]:
    """Write the numbers of a figure for people.

    Parameters
    ----------
    table : the figure's CSV, every cell as text, empty where there is nothing.
    labels : the study's words.
    most : lines that are written.

    Returns
    -------
    Heads of the columns; rows of cells. A column without a cell, or for programs only, is left out; of a number that is not shown
    the mark stands.
    """
    spare = {"n", "reason"} if {"shown", "why"} <= set(table) else set()  # they say the same as these
    kept = [str(one) for one in table if one not in IN_THE_FILE | spare and table[one].str.strip().ne("").any()]
    kept = [one for one in kept if one != "level" or not _is_number(table[one])]  # of intervals: the caption says it
    heads = [labels.group if one == "arm" else HEADS.get(one) or sentence(spaced(one)) for one in kept]
    words = _words(labels)
    lines = [
        [
            words[column](value) if value and column in words else _short(value)
            for column, value in zip(kept, record, strict=True)
        ]
        for record in table[kept].head(most).itertuples(index=False, name=None)
    ]
    return heads, lines


def _words(labels: Labels) -> dict[Any, Callable[[str], str]]:
    """Column -> what says its codes in words."""
    plan = labels.plan

    def known(codes: Any, say: Callable[[str], str]) -> Callable[[str], str]:
        return lambda code: say(code) if code in codes else sentence(spaced(code))

    arm = known(plan.arms, labels.arm)
    stages = {"allocated": WHOLE[plan.design]}
    return {
        "analysis": known(plan.analyses, labels.analysis), "cohort": known(plan.cohorts, labels.cohort),
        "outcome": known(plan.outcomes, labels.outcome), "visit": known(plan.visits.schedule, labels.visit),
        "instrument": known(plan.instruments, labels.instrument), "family": known(plan.families, labels.family),
        "arm": arm, "reference": arm, "favours": arm, "variable": labels.column, "along": labels.column,
        "term": labels.term, "at": labels.at, "held": labels.at, "unit": span, "variant": labels.variant,
        "stage": lambda code: stages.get(code) or sentence(spaced(code)),
        **dict.fromkeys(("quantity", "better", "role", "source", "component", "measure"), lambda code: sentence(spaced(code))),
    }  # fmt: skip


def _is_number(column: pd.Series) -> bool:
    return bool(pd.to_numeric(column[column != ""], errors="coerce").notna().all())


def _short(value: str) -> str:
    """A number as a reader needs it, four digits; a text with spaces for the marks of a code."""
    try:
        number = float(value)
    except ValueError:
        return spaced(value)
    return value if number == int(number) and abs(number) < 1e6 else f"{number:.4g}".replace("-", MINUS)
