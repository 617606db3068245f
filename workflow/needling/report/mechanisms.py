"""What stands for a mechanism, and how many sessions there were, in sentences: each one is of released numbers."""

from typing import Any

import pandas as pd

from needling.labels.numbers import format_estimate, format_fixed, format_interval
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.printed import Pieces, Told, joined
from needling.tables.process import PLACE, READINGS
from needling.tables.select import asked_for, said


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
        name = [f"{labels.cohort(cohort)}: "] if len(labels.plan.cohorts) > 1 else []
        if pieces:
            found.append([*name, *pieces, "."])
        agreed = [_agreed(one, labels) for _, one in rows[rows["term"] == READINGS].groupby(PLACE, sort=False)]
        if agreed:
            found.append([*name, "readings of one visit at baseline agree with ", *joined(agreed), "."])
    return [*found, *_limits(released, "process_course")]


def _related(row: dict[Any, Any], labels: Labels) -> Pieces:
    r, low, high = (format_fixed(row[name], 2) for name in ("estimate", "low", "high"))
    text = f"{r} ({low} to {high})"
    name = in_sentence(labels.outcome(row["outcome"], row["site"]))
    return [f"{name} ", Told(text, row["row_id"], "estimate low high")]


def _agreed(rows: pd.DataFrame, labels: Labels) -> Pieces:
    """The intraclass correlation of the mean of readings, and the change of a person that is more than their error."""
    of = {(row["quantity"], row["variant"]): row for row in rows.to_dict("records")}
    share = of["icc", "mean"]
    r, low, high = (format_fixed(share[name], 3) for name in ("estimate", "low", "high"))
    pieces: Pieces = [f"{in_sentence(labels.outcome(share['outcome'], share['site']))} ICC(A,k) "]
    pieces += [Told(f"{r} ({low} to {high})" if pd.notna(share["low"]) else r, share["row_id"], "estimate low high")]
    change = of.get(("smallest_detectable_change", "mean"))
    if change:
        text = f"{format_fixed(change['estimate'], 1)} {change['unit']}"
        pieces += [" (smallest detectable change of a person ", Told(text, change["row_id"], "estimate"), ")"]
    return pieces


def _points(row: dict[Any, Any]) -> str:
    low, high = row["low"], row["high"]
    text = f"{format_estimate(row['estimate'], low, high)} points ({format_interval(low, high)})"
    return Told(text, row["row_id"], "estimate low high")


def _side(row: dict[Any, Any]) -> str:
    """Whether more sessions go with better or worse outcomes, as far as the interval tells."""
    if row["low"] <= 0 <= row["high"]:
        return ", which is not told apart from none"
    if row["better"] not in ("lower", "higher"):
        return ""
    return ", which is better" if (row["high"] < 0) == (row["better"] == "lower") else ", which is worse"


def _limits(released: dict[str, pd.DataFrame], table: str) -> list[Pieces]:
    """What the analyses that a table shows say that they cannot show."""
    told = [text for one in asked_for(released, "table", table) for text in said(released, one, "limits")]
    return [[text] for text in dict.fromkeys(told)]


def sessions_sentences(released: dict[str, pd.DataFrame], labels: Labels) -> list[Pieces]:
    """Say per cohort and arm how the outcome goes with each session more, weighted and as it came, or why it is refused.

    Returns
    -------
    Sentences as pieces of text; a `Told` where a piece prints a result.
    """
    results = released["results"]
    mine = results[results["analysis"].isin(asked_for(released, "table", "dose_sessions"))]
    mine = mine[mine["term"].eq('["sessions"]') & mine["hidden"].eq("")]
    found: list[Pieces] = []
    for _, rows in mine.groupby(["analysis", "cohort", "outcome", "site", "arm"], sort=False):
        of = {row["variant"]: row for row in rows.to_dict("records")}
        first, naive = of["weighted"], of.get("unweighted")
        place = [labels.cohort(first["cohort"]), in_sentence(labels.outcome(first["outcome"], first["site"]))]
        place += [in_sentence(labels.arm(first["arm"]))] if first["arm"] else []
        pieces: Pieces = [f"{', '.join(place)}: "]
        if pd.notna(first["estimate"]):
            pieces += ["weighted for who came again, each session more goes with ", _points(first), _side(first)]
        else:
            pieces += [f"what more sessions would have done is not estimated ({first['note']})"]
        if naive is not None and pd.notna(naive["estimate"]):
            pieces += ["; as they came, which says who came again and not what a session does, ", _points(naive)]
        found.append([*pieces, "."])
    return [*found, *_limits(released, "dose_sessions")]
