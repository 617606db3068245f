"""What stands for a mechanism, and how many sessions there were, in sentences: each one is of released numbers."""

from typing import Any

import pandas as pd

from needling.labels.numbers import format_estimate, format_fixed, format_interval
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.printed import Pieces, Told, joined
from needling.tables.process import limits
from needling.tables.select import asked_for


def process_sentences(released: dict[str, pd.DataFrame], labels: Labels) -> list[Pieces]:
    """Say per cohort which measures went with pain within patients, what came with twitch responses, and what none can show.

    Returns
    -------
    Sentences as pieces of text; a `Told` where a piece prints a result.
    """
    results = released["results"]
    mine = results[
        results["analysis"].isin(asked_for(released, "table", "process_course")) & results["estimate"].notna()
    ]
    found: list[Pieces] = []
    for cohort in labels.plan.cohorts:
        rows = mine[mine["cohort"] == cohort]
        related = rows[rows["quantity"].eq("correlation") & rows["variant"].eq("within_patients")].to_dict("records")
        told = [_related(row, labels) for row in related]
        twitch = rows[rows["quantity"].eq("coefficient") & rows["term"].eq('["twitch_within"]')]
        pieces: Pieces = []
        if told:
            pieces += ["within patients, correlation with pain of ", *joined(told)]
        for row in twitch.to_dict("records"):
            when = {"same_session": "within the session", "next_session": "before the next one"}[row["variant"]]
            front = "; at sessions with a local twitch response pain differed from that of the patient's others by "
            pieces += [front if row["variant"] == "same_session" else ", and by ", _points(row), f" {when}"]
        if pieces:
            name = [f"{labels.cohort(cohort)}: "] if len(labels.plan.cohorts) > 1 else []
            found.append([*name, *pieces, "."])
    return [*found, *([text] for text in limits(released))]


def _related(row: dict[Any, Any], labels: Labels) -> Pieces:
    r, low, high = (format_fixed(row[name], 2) for name in ("estimate", "low", "high"))
    text = f"{r} ({low} to {high})"
    name = in_sentence(labels.outcome(row["outcome"], row["site"]))
    return [f"{name} ", Told(text, row["row_id"], "estimate low high")]


def _points(row: dict[Any, Any]) -> str:
    low, high = row["low"], row["high"]
    text = f"{format_estimate(row['estimate'], low, high)} points ({format_interval(low, high)})"
    return Told(text, row["row_id"], "estimate low high")
