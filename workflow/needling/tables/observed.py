"""What was measured: patients, mean and SD of each outcome at each visit, before any model."""

from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, format_fixed
from needling.labels.sentences import in_sentence, listed
from needling.labels.words import Labels
from needling.tables.printed import Printed, Row, headed
from needling.tables.withheld import HIDDEN, withheld_note

FLAG = 0.15


def observed(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print patients measured, mean and SD by visit and arm; ends of a scale where 15% or more of a group lie are noted.

    Returns
    -------
    Exact: the released distribution. Printed: one row per cohort, outcome and visit.
    """
    exact, plan = released["distribution"], labels.plan
    if exact.empty:
        return None
    arms = plan.arms or [""]
    cells = {
        tuple(row[k] for k in ("cohort", "outcome", "site", "visit", "arm")): row for row in exact.to_dict("records")
    }
    pairs: list[tuple[str, Row]] = []
    for cohort, outcome, site in labels.places:
        one, label = labels.measure(cohort, outcome, site), labels.outcome(outcome, site)
        scale = one.axis if one.label.startswith(label) else f"{label}: {one.axis}"
        heading = f"{labels.cohort(cohort)}, {scale}" if len(plan.cohorts) > 1 else scale
        for visit in plan.visits.schedule:
            keys = [(cohort, outcome, site, visit, arm) for arm in arms]
            if any(key in cells for key in keys):
                texts = [text for key in keys for text in _cell(cells.get(key))]
                pairs.append((heading, [labels.visit(visit), *texts]))
    share = 0.72 / len(arms)
    return Printed(
        "Observed values at each visit (no model, no imputation).",
        exact,
        ["Visit", *(text for arm in arms for text in (f"{labels.arm(arm)}, n", "mean (SD)"))],
        headed(pairs),
        _ends(exact, labels) + withheld_note(exact[exact["mean"].isna()]),
        [0.28, *[part for _ in arms for part in (share * 0.55, share * 0.45)]],
        folded=True,
    )


def _cell(row: dict[Any, Any] | None) -> tuple[str, str]:
    if row is None:
        return "0", MISSING
    if pd.isna(row["mean"]):
        return f"{row['n']}", HIDDEN
    digits = 1 if row["sd"] < 100 else 0
    return f"{row['n']}", f"{format_fixed(row['mean'], digits)} ({format_fixed(row['sd'], digits)})"


def _ends(exact: pd.DataFrame, labels: Labels) -> list[str]:
    flagged = []
    for end, words in (("floor", "lowest"), ("ceiling", "highest")):
        high = exact[exact[end] >= FLAG]
        where = dict.fromkeys(high[["cohort", "outcome", "site"]].itertuples(index=False, name=None))
        names = [f"{in_sentence(labels.outcome(o, s))} ({in_sentence(labels.cohort(c))})" for c, o, s in where]
        if names:
            flagged.append(f"At least 15% of a group had the {words} possible score at some visit: {listed(names)}.")
    return flagged


TABLES = {"observed": observed}
