"""Therapists and clinics: how many, and which share of the variance lies between them."""

from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, format_fixed, shared_decimals
from needling.labels.sentences import in_sentence, sentence
from needling.labels.words import Labels
from needling.tables.printed import Printed, Row, Told, headed, told_interval
from needling.tables.select import asked_for, in_order
from needling.tables.withheld import HIDDEN, withheld_note

PLACE = ["analysis", "cohort", "outcome", "site", "visit"]
NAMES = {'["therapist"]': "Therapists", '["clinic"]': "Clinics"}


def shares(released: dict[str, pd.DataFrame], labels: Labels, item: str) -> pd.DataFrame:
    """Take the shares and standard deviations of the analyses that ask for a table or figure of clusters, in order."""
    results = released["results"]
    mine = results[results["analysis"].isin(asked_for(released, item, "clusters")) & results["term"].isin(NAMES)]
    order = {"analysis": list(labels.plan.analyses), "cohort": list(labels.plan.cohorts), "outcome": labels.outcomes}
    return in_order(mine, {**order, "visit": list(labels.plan.visits.schedule)})


def heading(place: dict[Any, Any], labels: Labels) -> str:
    """Name cohort, outcome and visit."""
    parts = [labels.cohort(place["cohort"])] if len(labels.plan.cohorts) > 1 else []
    parts += [labels.outcome(place["outcome"], place["site"]), labels.visit(place["visit"])]
    return sentence(", ".join([parts[0], *(in_sentence(one) for one in parts[1:])]))


def share_text(row: dict[Any, Any]) -> str:
    """A share of variance with its interval, two decimals; what there is none of as a dash."""
    if row["hidden"]:
        return HIDDEN
    if pd.isna(row["estimate"]):
        return MISSING
    if pd.isna(row["high"]):
        return Told(format_fixed(row["estimate"], 2), row["row_id"], "estimate")
    return told_interval(row, 2)


def table(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print for each outcome how many therapists and clinics there are, how far apart, and their share of the variance.

    Returns
    -------
    Exact: the released rows. Printed: a row for therapists and one for clinics.
    """
    exact = shares(released, labels, "table")
    if exact.empty:
        return None
    counts = released["clusters"].fillna({"site": ""})
    digits = shared_decimals(exact)
    pairs: list[tuple[str, Row]] = []
    for key, rows in exact.groupby([*PLACE, "term"], sort=False):
        place: dict[str, Any] = dict(zip([*PLACE, "term"], map(str, key), strict=True))
        component = NAMES[place["term"]]
        by = {row["quantity"]: row for row in rows.to_dict("records")}
        where = {name: place[name] for name in PLACE} | {"component": component.lower().removesuffix("s")}
        here = counts[(counts[list(where)] == pd.Series(where)).all(axis=1)].to_dict("records")
        spread = _spread(by["standard_deviation"], digits)
        cells = [component, *_counts(here[0] if here else {}), spread, share_text(by["icc"])]
        pairs.append((heading(place, labels), cells))
    level = f"{100 * float(exact['level'].iloc[0]):g}% CI"
    group = in_sentence(labels.group)
    head = [
        "Level",
        "Number",
        "Patients of each, mean",
        f"One {group} only",
        f"SD between them ({level})",
        f"ICC ({level})",
    ]
    notes = [
        "SD: standard deviation between therapists or clinics, on the scale of the outcome. ICC: intraclass correlation, their "
        f"share of the variance that {group}, baseline and covariates leave. Intervals are of the profile likelihood. One {group} "
        f"only: those all of whose patients are in one {group}.",
        *_warnings(exact, labels),
    ]
    return Printed(
        "How much therapists and clinics differ.", exact, head, headed(pairs), notes + withheld_note(exact),
        [0.16, 0.1, 0.14, 0.12, 0.27, 0.21],
    )  # fmt: skip


def _counts(here: dict[Any, Any]) -> list[str]:
    if not here:
        return [MISSING] * 3
    if here["hidden"] or pd.isna(here["clusters"]):
        return [HIDDEN] * 3
    mean = format_fixed(here["n"] / here["clusters"], 1) if here["clusters"] else MISSING
    return [str(here["clusters"]), mean, MISSING if pd.isna(here["one_arm"]) else str(here["one_arm"])]


def _spread(row: dict[Any, Any], digits: dict[str, int]) -> str:
    if row["hidden"]:
        return HIDDEN
    if pd.isna(row["estimate"]):
        return MISSING
    if pd.isna(row["high"]):
        return Told(format_fixed(row["estimate"], digits[row["row_id"]]), row["row_id"], "estimate")
    return told_interval(row, digits[row["row_id"]])


def _warnings(exact: pd.DataFrame, labels: Labels) -> list[str]:
    """Warnings and reasons, each once with the places that it holds for."""
    told: dict[str, list[str]] = {}
    for row in exact[exact["quantity"].eq("icc") & exact["note"].ne("")].to_dict("records"):
        for note in row["note"].split("; "):
            told.setdefault(note, []).append(in_sentence(heading(row, labels)))
    return [f"{sentence(note)} ({'; '.join(dict.fromkeys(places))})." for note, places in told.items()]


TABLES = {"clusters": table}
