"""Intercurrent events: who had which before each visit, and who was measured all the same."""

from typing import Any

import pandas as pd

from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.printed import Printed, Row, headed
from needling.tables.withheld import HIDDEN, withheld_note


def intercurrent(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print for every event and visit how many of each arm had it before, and how many of them were measured at the visit.

    Returns
    -------
    Exact: the released intercurrent table. Printed: one row per cohort, outcome, event and visit.
    """
    exact, plan = released["intercurrent"], labels.plan
    if exact.empty:
        return None
    arms = plan.arms or [""]
    cells = {
        tuple(row[k] for k in ("cohort", "outcome", "event", "visit", "arm")): row for row in exact.to_dict("records")
    }
    pairs: list[tuple[str, Row]] = []
    for cohort, outcome in dict.fromkeys((cohort, outcome) for cohort, outcome, _ in labels.places):
        name = labels.outcome(outcome)
        heading = f"{labels.cohort(cohort)}: {in_sentence(name)}" if len(plan.cohorts) > 1 else name
        for event in [*plan.intercurrent_events, ""]:
            for visit in plan.visits.follow_up:
                label = f"{labels.event(event)}, {in_sentence(labels.visit(visit))}"
                pairs.append(
                    (heading, [label, *(_cell(cells.get((cohort, outcome, event, visit, arm))) for arm in arms)])
                )
    notes = [
        "Patients with the event before the visit; in parentheses those of them who were measured at it all the same."
    ]
    if len(plan.intercurrent_events) > 1:
        notes.append("A patient with two events counts in both.")
    share = 0.5 / len(arms)
    return Printed(
        "Intercurrent events before each visit.",
        exact,
        ["Event, visit", *(labels.arm(arm) for arm in arms)],
        headed(pairs),
        notes + withheld_note(exact),
        [0.5, *[share] * len(arms)],
        section="observed",
        folded=True,
    )


def _cell(row: dict[Any, Any] | None) -> str:
    if row is None:
        return "0 (0)"
    return HIDDEN if pd.isna(row["n"]) else f"{row['n']} ({row['n_measured']})"


TABLES = {"intercurrent": intercurrent}
