"""Whom the primary analysis is about: how many are in its model, and why the others are not."""

from typing import Any

import pandas as pd

from needling.labels.sentences import in_sentence, listed, sentence
from needling.labels.words import Labels
from needling.tables.printed import Printed, Row, headed
from needling.tables.select import said
from needling.tables.withheld import HIDDEN, withheld_note

STAGES = ["allocated", "analysed", "left_out"]
# What the whole of an arm is called: a group that nobody was allocated to has members, and a single group is the cohort.
WHOLE = {"randomised": "Allocated", "cohort": "In the group", "single_arm": "In the cohort"}


def participants(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print for every outcome and arm how many were allocated, analysed, and left out by reason; the numbers add up.

    Returns
    -------
    Exact: cohort, arm, outcome, stage (allocated, analysed, left_out), reason, n (empty where hidden), hidden. Printed: one
    row per outcome and arm.
    """
    flow, plan = released["flow"], labels.plan
    exact = flow.loc[flow["stage"].isin(STAGES), ["cohort", "arm", "outcome", "stage", "reason", "n", "hidden"]]
    reasons = reasons_left_out(released, labels)
    pairs: list[tuple[str, Row]] = []
    for (cohort, outcome), mine in exact[exact["outcome"] != ""].groupby(["cohort", "outcome"], sort=False):
        heading = labels.cohort(str(cohort)) if len(plan.cohorts) > 1 else ""
        for arm in plan.arms or [""]:
            group = exact[(exact["cohort"] == cohort) & (exact["arm"] == arm) & (exact["stage"] == "allocated")]
            analysed = mine[(mine["arm"] == arm) & (mine["stage"] == "analysed")]
            out = mine[(mine["arm"] == arm) & (mine["stage"] == "left_out")].to_dict("records")
            told = "; ".join(_left_out(row, reasons) for row in out)
            counts = [str(group["n"].iloc[0]), str(analysed["n"].iloc[0]), sentence(told) or "none"]
            pairs.append((heading, [labels.outcome(str(outcome)), *([labels.arm(arm)] if arm else []), *counts]))
    if not pairs:
        return None
    notes = ["Each patient is left out for the first of the reasons that holds."]
    arms = plan.arms
    return Printed(
        "Patients in the primary analysis.",
        exact,
        ["Outcome", *([labels.group] if arms else []), WHOLE[plan.design], "Analysed", "Left out"],
        headed(pairs),
        notes + withheld_note(exact),
        [0.2, 0.16, 0.12, 0.12, 0.4] if arms else [0.3, 0.15, 0.12, 0.43],
        (0, 1, 4) if arms else (0, 3),
    )


def _left_out(row: dict[Any, Any], reasons: dict[str, str]) -> str:
    if not row["reason"]:
        return f"for reasons that would tell of few people: {HIDDEN}"
    return f"{reasons[row['reason']]}: {HIDDEN if pd.isna(row['n']) else row['n']}"


def reasons_left_out(released: dict[str, pd.DataFrame], labels: Labels) -> dict[str, str]:
    """Put the reasons for being left out into words; which visits and values are needed the methods say."""
    plan = labels.plan
    visits = [in_sentence(labels.fill(text)) for text in said(released, plan.primary, "visit")]
    needed = [in_sentence(labels.fill(text)) for text in said(released, plan.primary, "needs")]
    observed = plan.analyses[plan.primary].observed_at
    # Baseline stays that word: its label may be a phrase, and "after before the first session" is no sentence.
    at = f"at {listed(visits, 'or')}" if visits else "after baseline"
    return {
        "never_measured": "not measured at a visit of the plan",
        "outside_population": "not of the population of this analysis",
        "not_observed": f"not measured at {in_sentence(labels.visit(observed)) if observed else 'a visit'}",
        "not_at_visits": f"not measured {at}",
        "no_baseline": "not measured at baseline",
        "incomplete": f"{listed(needed, 'or') or 'time of the visit'} missing",
    }


TABLES = {"participants": participants}
