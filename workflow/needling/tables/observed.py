"""What was measured: patients, mean and SD of each outcome at each visit, before any model."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from needling.privacy.disclosure import HIDDEN, ROUNDED, footnote, hides
from needling.privacy.release import release_distribution
from needling.tables.format import MISSING, format_fixed, rounded_digits
from needling.tables.printed import Printed, Row, headed
from needling.tables.words import in_sentence, listed, measure, places

if TYPE_CHECKING:
    from needling.study.plan import Study

FLAG = 0.15


def observed(inputs: dict[str, pd.DataFrame], plan: "Study") -> Printed | None:
    """Print patients measured, mean and SD by visit and arm; ends of a scale where 15% or more of a group lie are noted.

    Returns
    -------
    Exact: the publishable DISTRIBUTION table. Printed: one row per cohort, outcome and visit.
    """
    exact = release_distribution(inputs["distribution"], inputs["missingness"], plan.disclosure.min_cell)
    if exact.empty:
        return None
    arms = plan.arms or [""]
    cells = exact.set_index(["cohort", "outcome", "visit", "arm"])
    pairs: list[tuple[str, Row]] = []
    for cohort, outcome in places(plan):
        one = measure(plan, cohort, outcome)
        label = plan.outcome_label(outcome)
        scale = one.axis if one.label.startswith(label) else f"{label}: {one.axis}"
        heading = f"{plan.cohorts[cohort].label}, {scale}" if len(plan.cohorts) > 1 else scale
        for visit in plan.visits.schedule:
            keys = [(cohort, outcome, visit, arm) for arm in arms]
            if any(key in cells.index for key in keys):
                texts = [text for key in keys for text in _cell(cells, key)]
                pairs.append((heading, [plan.visit_label(visit), *texts]))
    names = [plan.arm_label(arm) if arm else "All patients" for arm in arms]
    notes = _ends(exact, plan)
    notes += [footnote(plan.disclosure.min_cell), ROUNDED] if hides(exact["n_shown"]) else []
    share = 0.72 / len(arms)
    return Printed(
        "Observed values at each visit (no model, no imputation).",
        exact,
        ["Visit", *(text for name in names for text in (f"{name}, n", "mean (SD)"))],
        headed(pairs),
        notes,
        [0.28, *[part for _ in arms for part in (share * 0.55, share * 0.45)]],
    )


def _cell(cells: pd.DataFrame, key: Any) -> tuple[str, str]:
    if key not in cells.index:
        return "0", MISSING
    row = cells.loc[key]
    if pd.isna(row["mean"]):
        return str(row["n_shown"]), HIDDEN
    digits = 1 if row["sd"] < 100 else 0
    if pd.isna(row["n"]):
        digits = rounded_digits(row[["mean", "sd"]], digits)
    return str(row["n_shown"]), f"{format_fixed(row['mean'], digits)} ({format_fixed(row['sd'], digits)})"


def _ends(exact: pd.DataFrame, plan: "Study") -> list[str]:
    flagged = []
    for end, words in (("floor", "lowest"), ("ceiling", "highest")):
        high = exact[exact[end] >= FLAG]
        where = dict.fromkeys(zip(high["cohort"], high["outcome"], strict=True))
        names = [f"{in_sentence(plan.outcome_label(o))} ({in_sentence(plan.cohorts[c].label)})" for c, o in where]
        if names:
            flagged.append(f"At least 15% of a group had the {words} possible score at some visit: {listed(names)}.")
    return flagged
