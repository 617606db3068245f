"""Outcome by number of sessions, weighted beside naive, and by what else was done."""

import json
from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, format_fixed, shared_decimals
from needling.labels.sentences import in_sentence, sentence, span
from needling.labels.words import DELIVERED, Labels
from needling.tables.printed import Printed, Row, Told, headed, told_interval
from needling.tables.select import asked_for, in_order
from needling.tables.withheld import HIDDEN, withheld_note

SECTION = "mechanism"


def _rows(released: dict[str, pd.DataFrame], labels: Labels, table: str, variants: list[str]) -> pd.DataFrame:
    results = released["results"]
    mine = results[results["analysis"].isin(asked_for(released, "table", table)) & results["variant"].isin(variants)]
    return in_order(mine, {"analysis": list(labels.plan.analyses), "cohort": list(labels.plan.cohorts)})


def _number(row: dict[Any, Any] | None, digits: dict[str, int]) -> str:
    if row is None or pd.isna(row["estimate"]):
        return HIDDEN if row and row["hidden"] else "not estimated" if row and row["variant"] == "weighted" else MISSING
    return told_interval(row, digits[row["row_id"]])


def _heading(row: dict[Any, Any], labels: Labels) -> str:
    parts = [labels.cohort(row["cohort"]), in_sentence(labels.outcome(row["outcome"], row["site"]))]
    return ", ".join([*parts, *([in_sentence(labels.arm(row["arm"]))] if row["arm"] else [])])


def sessions(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print the mean had everybody received so many sessions, and the difference per session; weighted and naive."""
    exact = _rows(released, labels, "dose_sessions", ["weighted", "unweighted"])
    if exact.empty:
        return None
    place = ["analysis", "cohort", "outcome", "site", "arm", "visit"]
    digits = shared_decimals(exact)
    pairs: list[tuple[str, Row]] = []
    for (*_, at, _), mine in exact.groupby([*place, "at", "term"], sort=False):
        rows = {row["variant"]: row for row in mine.to_dict("records")}
        first = rows["weighted"]
        k = json.loads(str(at))["sessions"] if at else None
        label = f"Mean at {k:g} sessions" if k is not None else f"Difference, {span(first['unit'])}"
        n = Told(str(first["n_patients"]), first["row_id"], "n_patients") if pd.notna(first["n_patients"]) else MISSING
        pairs.append(
            (_heading(first, labels), [label, _number(first, digits), _number(rows.get("unweighted"), digits), n])
        )
    level = " or ".join(f"{100 * one:g}%" for one in sorted(exact["level"].unique()))
    notes = [
        "Weighted: had everybody received so many sessions, if nothing but baseline and pain before each session decided who came "
        "again. Naive: as they came. No test is made."
    ]
    refused = exact[exact["status"].eq("not_estimated") & exact["note"].ne("")].drop_duplicates([*place, "note"])
    notes += [f"{sentence(_heading(row, labels))}: {row['note']}." for row in refused.to_dict("records")]
    return Printed(
        "Outcome by the number of sessions.",
        exact,
        ["Quantity", f"Weighted ({level} CI)", f"Naive ({level} CI)", "n"],
        headed(pairs),
        [*notes, *_spread(released, exact, labels), *withheld_note(exact)],
        [0.4, 0.26, 0.26, 0.08],
        section=SECTION,
    )


def _spread(released: dict[str, pd.DataFrame], exact: pd.DataFrame, labels: Labels) -> list[str]:
    """How the weights of the analyses shown spread."""
    told = []
    weights = released.get("weights", pd.DataFrame(columns=["analysis", "mean"]))
    for row in weights[weights["analysis"].isin(exact["analysis"])].dropna(subset="mean").to_dict("records"):
        arm = f", {in_sentence(labels.arm(row['arm']))}" if row["arm"] else ""
        mean, sd, low, high = (format_fixed(row[name], 2) for name in ("mean", "sd", "q05", "q95"))
        spread = "" if pd.isna(row["q05"]) else f", 5th to 95th percentile {low} to {high}"
        told.append(
            f"{labels.cohort(row['cohort'])}{arm}: mean {mean}, SD {sd}{spread}, effective n "
            f"{format_fixed(row['effective_n'], 0)} of {row['n']}"
        )
    return [f"Weights: {'; '.join(told)}."] if told else []


def exposures(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print how the outcome goes with what else was done, as association."""
    exact = _rows(released, labels, "dose_exposures", ["exposure"])
    if exact.empty:
        return None
    known = {code: words for _, code, words in DELIVERED}
    digits = shared_decimals(exact)
    pairs: list[tuple[str, Row]] = []
    for row in exact.to_dict("records"):
        read = json.loads(row["term"])[0]
        if isinstance(read, str):
            label = known.get(read, sentence(read.replace("_", " ")))
        else:
            factor, level = labels.level_of(row["term"])
            label = f"{factor}: {in_sentence(level)}, all muscles against none"
        n = Told(str(row["n_patients"]), row["row_id"], "n_patients") if pd.notna(row["n_patients"]) else MISSING
        pairs.append((_heading(row, labels), [label, span(row["unit"]), _number(row, digits), n]))
    level = " or ".join(f"{100 * one:g}%" for one in sorted(exact["level"].unique()))
    notes = [
        "Per unit of the patient's mean, given the value at baseline. Associations: who was needled how was chosen."
    ]
    few = exact.loc[exact["status"].eq("not_estimated") & exact["note"].ne(""), "note"].unique()
    return Printed(
        "Outcome by what else was done.",
        exact,
        ["Exposure", "Unit", f"Association ({level} CI)", "n"],
        headed(pairs),
        [*notes, *(f"{MISSING} {sentence(note)}." for note in few), *withheld_note(exact)],
        [0.42, 0.2, 0.3, 0.08],
        (0, 1),
        section=SECTION,
    )


TABLES = {"dose_sessions": sessions, "dose_exposures": exposures}
