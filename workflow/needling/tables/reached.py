"""Times to an event: how many had it, by when, and how the arms compare."""

import json
from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, format_fixed, format_p
from needling.labels.sentences import in_sentence, sentence
from needling.labels.words import Labels
from needling.tables.printed import Pieces, Printed, Row, Told, headed
from needling.tables.select import asked_for, in_order, said
from needling.tables.withheld import HIDDEN, withheld_note

PLACE = ["analysis", "cohort", "outcome"]
COMPARED = {"restricted_mean_difference": "Difference in mean weeks", "hazard_ratio": "Hazard ratio"}


def times(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the results of the analyses that ask for this table, in the study file's order."""
    results = released["results"]
    mine = results[results["analysis"].isin(asked_for(released, "table", "reached"))]
    order = {"analysis": list(labels.plan.analyses), "cohort": list(labels.plan.cohorts), "outcome": labels.outcomes}
    return in_order(mine, order)


def heading(place: dict[Any, Any], labels: Labels) -> str:
    """Name the analysis, the cohort where there are several, and the outcome of a response."""
    parts = [labels.analysis(place["analysis"])]
    parts += [labels.cohort(place["cohort"])] if len(labels.plan.cohorts) > 1 else []
    parts += [labels.outcome(place["outcome"])] if place["outcome"] else []
    return ", ".join([parts[0], *(in_sentence(one) for one in parts[1:])])


def number(row: dict[Any, Any], digits: int, factor: float = 1.0, mark: str = "") -> str:
    """An estimate with its interval as it is printed; what there is none of as a dash."""
    if row["hidden"]:
        return HIDDEN
    if pd.isna(row["estimate"]):
        return MISSING
    text = f"{format_fixed(factor * row['estimate'], digits)}{mark}"
    if pd.isna(row["low"]):
        return Told(text, row["row_id"], "estimate")
    ends = " to ".join(format_fixed(factor * row[end], digits) for end in ("low", "high"))
    return Told(f"{text} ({ends})", row["row_id"], "estimate low high")


def table(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print for each arm how many had the event, the share by the horizon and the mean time; then the comparisons.

    Returns
    -------
    Exact: the released rows. Printed: a row per arm, and one for each comparison.
    """
    exact = times(released, labels)
    if exact.empty:
        return None
    pairs: list[tuple[str, Row]] = []
    notes: dict[str, None] = dict.fromkeys(
        [
            *_of_analyses(exact, released, labels, "event"),
            *_horizons(exact, labels),
            *_of_analyses(exact, released, labels, "uses"),
        ]
    )
    has_means, is_compared = exact["quantity"].eq("restricted_mean").any(), exact["quantity"].isin(COMPARED).any()
    for _, rows in exact.groupby(PLACE, sort=False):
        records = rows.to_dict("records")
        head = heading(records[0], labels)
        means = {row["arm"]: number(row, 1) for row in records if row["quantity"] == "restricted_mean"}
        for row in [one for one in records if one["quantity"] == "share"]:
            line = [labels.arm(row["arm"]), _people(row), number(row, 0, 100, "%")]
            line += [means.get(row["arm"], MISSING)] if has_means or is_compared else []
            pairs.append((head, [*line, *([MISSING] if is_compared else [])]))
        for row in [one for one in records if one["quantity"] in COMPARED]:
            what = COMPARED[row["quantity"]]
            name = f"{what}, {in_sentence(labels.compared(row))}" if len(labels.plan.arms) > 2 else what
            text = number(row, 2 if row["quantity"] == "hazard_ratio" else 1)
            pairs.append(
                (head, [name, _people(row), MISSING, text, Told(format_p(row["p"], name=False), row["row_id"], "p")])
            )
        notes |= dict.fromkeys(_notes(records, labels))
    level = f"{100 * float(exact['level'].iloc[0]):g}% CI"
    fourth = [*(["mean weeks without"] if has_means else []), *(["comparison"] if is_compared else [])]
    columns = [
        f"{labels.group} or comparison" if is_compared else labels.group,
        "Events",
        f"Had it by then ({level})",
        *([f"{sentence(', or '.join(fourth))} ({level})"] if fourth else []),
        *(["P"] if is_compared else []),
    ]
    widths = [0.3, 0.13, 0.2, 0.27, 0.1][: len(columns)]
    return Printed(
        "Times to an event.",
        exact,
        columns,
        headed(pairs),
        [*notes, *withheld_note(exact)],
        [width / sum(widths) for width in widths],
    )


def _people(row: dict[Any, Any]) -> str:
    if pd.isna(row["n_events"]):
        return HIDDEN
    return Told(f"{row['n_events']} of {row['n_patients']}", row["row_id"], "n_events n_patients")


def _horizons(exact: pd.DataFrame, labels: Labels) -> list[str]:
    """Until when shares and means are counted: once where it is the same for all."""
    until: dict[str, list[str]] = {}
    means = set(exact.loc[exact["quantity"].eq("restricted_mean"), "analysis"])
    for _, rows in exact[exact["at"].ne("")].groupby(PLACE, sort=False):
        first = rows.iloc[0].to_dict()
        told = f"by week {json.loads(first['at'])['week']:g}"
        told += "; means are restricted to it" if first["analysis"] in means else ""
        until.setdefault(told, []).append(heading(first, labels))
    if len(until) == 1:
        return [f"Shares are {next(iter(until))}."]
    return [f"{head}: {told}." for told, heads in until.items() for head in heads]


def _of_analyses(exact: pd.DataFrame, released: dict[str, pd.DataFrame], labels: Labels, item: str) -> list[str]:
    """What the event is, or whose time is counted: once where analyses say the same, else for each."""
    names = dict.fromkeys(exact["analysis"])
    found = {name: labels.fill(text) for name in names for text in said(released, name, item)}
    front = "Counted: " if item == "uses" else ""
    told = {
        name: f"{labels.analysis(name)}: {text}" if len(set(found.values())) > 1 else f"{front}{text}"
        for name, text in found.items()
    }
    return [f"{text.rstrip('.')}." for text in dict.fromkeys(told.values())]


def _notes(records: list[dict[Any, Any]], labels: Labels) -> list[str]:
    """Whether hazards are proportional, and what is not estimated and why."""
    head = heading(records[0], labels)
    found = []
    for row in records:
        if row["quantity"] == "proportionality" and pd.notna(row["p"]):
            found.append(
                f"{head}, {in_sentence(labels.compared(row))}: check of proportional hazards {format_p(row['p'])}."
            )
        if row["note"]:
            found.append(f"{head}: {row['note']}.")
    return found


def sentences(released: dict[str, pd.DataFrame], labels: Labels) -> list[Pieces]:
    """Say for each event how the arms compare: effect where they were drawn by lot, association where not."""
    shown = times(released, labels)
    found: list[Pieces] = [[text] for text in _of_analyses(shown, released, labels, "event")]
    for _, rows in shown.groupby(PLACE, sort=False):
        for row in rows[rows["quantity"].isin(COMPARED) & rows["estimate"].notna()].to_dict("records"):
            what = in_sentence(COMPARED[row["quantity"]])
            text = number(row, 2 if row["quantity"] == "hazard_ratio" else 1)
            front = f"{heading(row, labels)}: {what} of {in_sentence(labels.compared(row))} "
            found.append([front, text, f"; {_side(row, labels)}."])
    return found


def _side(row: dict[Any, Any], labels: Labels) -> str:
    """On which side of no difference the interval lies."""
    null = 1.0 if row["quantity"] == "hazard_ratio" else 0.0
    if row["low"] <= null <= row["high"]:
        return "the interval includes no difference"
    is_ratio = row["quantity"] == "hazard_ratio"
    sooner = row["arm"] if (row["low"] > null) == is_ratio else row["reference"]
    is_good = row["better"] == ("higher" if is_ratio else "lower")  # a larger hazard, or a shorter time, is sooner
    linked = " (an association)" if labels.plan.design == "cohort" else ""
    return f"sooner with {in_sentence(labels.arm(sooner))}, which is {'better' if is_good else 'worse'}{linked}"


TABLES = {"reached": table}
