"""What was done, whom it harmed, what patients guessed and how therapists differ, in sentences: each one is of released numbers."""

import json
from typing import Any

import pandas as pd

from needling.labels.numbers import decimals, format_fixed, format_interval
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.schema.side import DELIVERED
from needling.tables.adverse_events import counted_as_serious
from needling.tables.clusters import NAMES, share_text, shares
from needling.tables.clusters import PLACE as OF_CLUSTERS
from needling.tables.clusters import heading as cluster_heading
from needling.tables.guesses import PLACE, guessed, heading, index_text
from needling.tables.printed import Pieces, Told, joined
from needling.tables.select import asked_for
from needling.tables.withheld import not_shown

KEPT = (("sessions", "enough"), ("crossed_over", "yes"))


def _of_term(rows: pd.DataFrame, factor: str, level: str, quantity: str) -> pd.DataFrame:
    """Rows of a quantity and term of which there is a number to show."""
    term = json.dumps([[factor, level]])
    return rows[(rows["term"] == term) & (rows["quantity"] == quantity) & rows["estimate"].notna()]


def _hidden(rows: pd.DataFrame, factor: str, level: str, quantity: str) -> pd.DataFrame:
    """Rows of a quantity and term of which there is no number to show."""
    term = json.dumps([[factor, level]])
    return rows[(rows["term"] == term) & (rows["quantity"] == quantity) & rows["estimate"].isna()]


def _people(row: dict[Any, Any], labels: Labels) -> Pieces:
    text = f"{row['n_events']} of {row['n_patients']} patients ({format_fixed(100 * row['estimate'], 0)}%)"
    return [Told(text, row["row_id"], "n_events n_patients estimate"), _with(row, labels)]


def _with(row: dict[Any, Any], labels: Labels) -> str:
    return f" with {in_sentence(labels.arm(row['arm']))}" if row["arm"] else ""


def _fronted(front: str, pieces: Pieces) -> Pieces:
    """Begin a sentence with what it is about; where that goes without saying, with a capital."""
    first, *rest = pieces
    return [f"{front}: ", *pieces] if front else [f"{first[:1].upper()}{first[1:]}", *rest]


def _of_cohort(cohort: str, labels: Labels) -> str:
    return labels.cohort(cohort) if len(labels.plan.cohorts) > 1 else ""


def delivered_sentences(released: dict[str, pd.DataFrame], labels: Labels) -> list[Pieces]:
    """Say per cohort how many sessions there were, who kept to the plan, and who crossed over.

    Returns
    -------
    Sentences as pieces of text; a `Told` where a piece prints a result.
    """
    asked, found = asked_for(released, "table", "delivered"), []
    results = released["results"][released["results"]["analysis"].isin(asked)]
    numbers = released.get("delivered", pd.DataFrame(columns=[*DELIVERED, "hidden"]))
    numbers = numbers[numbers["analysis"].isin(asked) & numbers["measure"].eq("sessions")]
    for cohort in labels.plan.cohorts:
        mine = results[results["cohort"] == cohort]
        sessions = numbers[numbers["cohort"] == cohort]
        means = [
            [format_fixed(row["mean"], 1), _with(row, labels)]
            for row in sessions.dropna(subset="mean").to_dict("records")
        ]
        closed = not_shown(sessions[sessions["mean"].isna()], labels)
        pieces: Pieces = ["mean number of sessions per patient ", *joined(means), closed] if means else []
        for factor, level in KEPT:
            named = labels.level_of(json.dumps([[factor, level]]))
            told = f"{in_sentence(named[0] if level == 'yes' else named[1])}: "
            rows = _of_term(mine, factor, level, "share").to_dict("records")
            if rows:
                closed = not_shown(_hidden(mine, factor, level, "share"), labels)
                pieces += [*(["; "] if pieces else []), told, *joined([_people(row, labels) for row in rows]), closed]
        if pieces:
            found.append([*_fronted(_of_cohort(cohort, labels), pieces), "."])
    return found


def harms_sentences(released: dict[str, pd.DataFrame], labels: Labels) -> list[Pieces]:
    """Say per cohort who had an adverse event, at which share of sessions, and whether any was serious.

    Returns
    -------
    Sentences as pieces of text; a `Told` where a piece prints a result.
    """
    asked, found = asked_for(released, "table", "adverse_events"), []
    words = counted_as_serious(released)
    results = released["results"][released["results"]["analysis"].isin(asked)]
    for cohort in labels.plan.cohorts:
        mine = results[results["cohort"] == cohort]
        people = _of_term(mine, "adverse_event", "any", "share").to_dict("records")
        if not people:
            continue
        pieces: Pieces = ["any adverse event in ", *joined([_people(row, labels) for row in people])]
        pieces.append(not_shown(_hidden(mine, "adverse_event", "any", "share"), labels))
        differences = _of_term(mine, "adverse_event", "any", "risk_difference").to_dict("records")
        if len(differences) == 1:
            pieces += [" (difference ", _difference(differences[0]), ")"]
        elif differences:
            for number, row in enumerate(differences):
                pieces += [
                    "; " if number else " (differences: ",
                    f"{in_sentence(labels.compared(row))} ",
                    _difference(row),
                ]
            pieces.append(")")
        rates = _of_term(mine, "adverse_event", "any", "session_rate").to_dict("records")
        if rates:
            pieces += ["; at ", *joined([_rate(row, labels) for row in rates])]
        found.append(
            [
                *_fronted(_of_cohort(cohort, labels), pieces),
                ".",
                *_serious(mine, counted_as_serious(released) or "serious", labels),
            ]
        )
    if asked and words is None:
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


def _serious(mine: pd.DataFrame, words: str, labels: Labels) -> Pieces:
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
        what = "No serious event" if words == "serious" else f"No event {words}"
        return [f" {what} was recorded (upper limit ", *joined(limits), ")."]
    return [
        " Serious events: " if words == "serious" else f" Events {words}: ",
        *joined([_people(row, labels) for row in rows]),
        "; what happened is for the authors to tell.",
    ]


def guesses_sentences(released: dict[str, pd.DataFrame], labels: Labels) -> list[Pieces]:
    """Say per cohort and time of asking which way the guesses of each arm went, with the indices.

    Returns
    -------
    Sentences as pieces of text; a `Told` where a piece prints a result.
    """
    found = []
    rows = guessed(released, labels, "table")
    for key, mine in rows[rows["estimate"].notna()].groupby(PLACE, sort=False):
        parts = [
            [_guessing(row), _with(row, labels), " (Bang’s index ", index_text(row), ")"]
            for row in mine[mine["variant"] == "bang"].to_dict("records")
        ]
        both = [
            piece
            for row in mine[mine["variant"] == "james"].to_dict("records")
            for piece in (" James’s index ", index_text(row), ".")
        ]
        front = heading(dict(zip(PLACE, map(str, key), strict=True)), labels)
        guesses = [*joined(parts, "; "), "."] if parts else []
        found.append([*_fronted(front, [*guesses, *both])])
    return found


def _guessing(row: dict[Any, Any]) -> str:
    """Which way the guesses of an arm went, as far as the interval tells."""
    if row["low"] > 0:
        return "more right than wrong guesses"
    return "more wrong than right guesses" if row["high"] < 0 else "right and wrong guesses not told apart from chance"


def clusters_sentences(released: dict[str, pd.DataFrame], labels: Labels) -> list[Pieces]:
    """Say per outcome which share of the variance lies between therapists and clinics, and of what the reader is warned.

    Returns
    -------
    Sentences as pieces of text; a `Told` where a piece prints a result.
    """
    found = []
    rows = shares(released, labels, "table")
    for _, mine in rows[rows["quantity"].eq("icc") & rows["estimate"].notna()].groupby(OF_CLUSTERS, sort=False):
        records = mine.to_dict("records")
        parts = [[share_text(row), f" between {NAMES[row['term']].lower()}"] for row in records]
        warned = dict.fromkeys(note for row in records for note in row["note"].split("; ") if note)
        front = f"{cluster_heading(records[0], labels)}: share of the variance "
        found.append([front, *joined(parts), ".", *(f" {note[:1].upper()}{note[1:]}." for note in warned)])
    return found
