"""What was done and whom it harmed, in sentences: each one is of released numbers."""

import json
from typing import Any

import pandas as pd

from needling.labels.numbers import decimals, format_fixed, format_interval
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.schema.side import DELIVERED
from needling.tables.printed import Pieces, Told, joined
from needling.tables.select import asked_for, said

KEPT = (("sessions", "enough", "as many as planned, or more: "), ("crossed_over", "yes", "crossed over: "))


def _of_term(rows: pd.DataFrame, factor: str, level: str, quantity: str) -> pd.DataFrame:
    """Rows of a quantity and term of which there is a number to show."""
    term = json.dumps([[factor, level]])
    return rows[(rows["term"] == term) & (rows["quantity"] == quantity) & rows["estimate"].notna()]


def _people(row: dict[Any, Any], labels: Labels) -> Pieces:
    text = f"{row['n_events']} of {row['n_patients']} patients ({format_fixed(100 * row['estimate'], 0)}%)"
    return [Told(text, row["row_id"], "n_events n_patients estimate"), _with(row, labels)]


def _with(row: dict[Any, Any], labels: Labels) -> str:
    return f" with {in_sentence(labels.arm(row['arm']))}" if row["arm"] else ""


def _front(cohort: str, labels: Labels) -> str:
    return f"{labels.cohort(cohort)}: " if len(labels.plan.cohorts) > 1 else ""


def delivered_sentences(released: dict[str, pd.DataFrame], labels: Labels) -> list[Pieces]:
    """Say per cohort how many sessions there were, who kept to the plan, and who crossed over.

    Returns
    -------
    Sentences as pieces of text; a `Told` where a piece prints a result.
    """
    asked, found = asked_for(released, "table", "delivered"), []
    results = released["results"][released["results"]["analysis"].isin(asked)]
    numbers = released.get("delivered", pd.DataFrame(columns=list(DELIVERED)))
    numbers = numbers[numbers["analysis"].isin(asked) & numbers["measure"].eq("sessions")]
    for cohort in labels.plan.cohorts:
        mine = results[results["cohort"] == cohort]
        means = [
            [format_fixed(row["mean"], 1), _with(row, labels)]
            for row in numbers[numbers["cohort"] == cohort].dropna(subset="mean").to_dict("records")
        ]
        pieces: Pieces = ["mean number of sessions per patient ", *joined(means)] if means else []
        for level, factor, told in (
            ("enough", "sessions", "as many as planned, or more: "),
            ("yes", "crossed_over", "crossed over: "),
        ):
            rows = _of_term(mine, factor, level, "share").to_dict("records")
            if rows:
                pieces += [*(["; "] if pieces else []), told, *joined([_people(row, labels) for row in rows])]
        if pieces:
            found.append([_front(cohort, labels), *pieces, "."])
    return found


def harms_sentences(released: dict[str, pd.DataFrame], labels: Labels) -> list[Pieces]:
    """Say per cohort who had an adverse event, at which share of sessions, and whether any was serious.

    Returns
    -------
    Sentences as pieces of text; a `Told` where a piece prints a result.
    """
    asked, found = asked_for(released, "table", "adverse_events"), []
    results = released["results"][released["results"]["analysis"].isin(asked)]
    for cohort in labels.plan.cohorts:
        mine = results[results["cohort"] == cohort]
        people = _of_term(mine, "adverse_event", "any", "share").to_dict("records")
        if not people:
            continue
        pieces: Pieces = ["any adverse event in ", *joined([_people(row, labels) for row in people])]
        for row in _of_term(mine, "adverse_event", "any", "risk_difference").to_dict("records"):
            pieces += [" (difference ", _difference(row), ")"]
        rates = _of_term(mine, "adverse_event", "any", "session_rate").to_dict("records")
        if rates:
            pieces += ["; at ", *joined([_rate(row, labels) for row in rates])]
        found.append([_front(cohort, labels), *pieces, ".", *_serious(mine, labels)])
    if asked and not any(said(released, one, "serious") == ["told"] for one in asked):
        found.append(["The study file does not say which events were serious: that is for the authors to report."])
    return found


def _difference(row: dict[Any, Any]) -> str:
    estimate, low, high = (100 * row[name] for name in ("estimate", "low", "high"))
    text = (
        f"{format_fixed(estimate, decimals(low, high))} percentage points, {format_interval(low, high, row['level'])}"
    )
    return Told(text, row["row_id"], "estimate low high")


def _rate(row: dict[Any, Any], labels: Labels) -> Pieces:
    return [
        Told(f"{format_fixed(100 * row['estimate'], 1)}% of sessions", row["row_id"], "estimate"),
        _with(row, labels),
    ]


def _serious(mine: pd.DataFrame, labels: Labels) -> Pieces:
    rows = _of_term(mine, "serious", "any", "share").to_dict("records")
    if not rows:
        return []
    if all(row["n_events"] == 0 for row in rows):
        limits = [
            [
                Told(f"{format_fixed(100 * row['high'], 1)}%", row["row_id"], "high"),
                f" of patients{_with(row, labels)}",
            ]
            for row in rows
        ]
        return [" No serious event was recorded (upper limit ", *joined(limits), ")."]
    return [
        " Serious events: ",
        *joined([_people(row, labels) for row in rows]),
        "; what happened is for the authors to tell.",
    ]
