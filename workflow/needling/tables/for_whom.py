"""For whom it works: effects at values of moderators with how they change, and all moderators together, shrunken."""

import json
from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, format_fixed, format_p, shared_decimals
from needling.labels.sentences import in_sentence, listed, sentence, span
from needling.labels.words import COLUMNS, Labels
from needling.tables.printed import Printed, Row, Told, headed, told_interval
from needling.tables.select import asked_for, in_order
from needling.tables.withheld import HIDDEN, withheld_note

PLACE = ["analysis", "cohort", "outcome", "site", "visit"]
OF_ONE = ("effect_at", "moderation", "predictive", "prognostic")
TOGETHER = ("interaction", "heterogeneity", "shrinkage")
RISK = "predicted_outcome"
ASKED = ("table", "for_whom")


def shown(
    released: dict[str, pd.DataFrame], labels: Labels, asked: tuple[str, str], quantities: tuple[str, ...]
) -> pd.DataFrame:
    """Take some quantities of the analyses that ask for a table or figure (item and name), in the study file's order."""
    results, plan = released["results"], labels.plan
    mine = results[results["analysis"].isin(asked_for(released, *asked)) & results["quantity"].isin(quantities)]
    order = {"analysis": list(plan.analyses), "cohort": list(plan.cohorts), "outcome": labels.outcomes}
    return in_order(mine, order | {"visit": list(plan.visits.schedule)})


def place_words(row: dict[Any, Any], labels: Labels, rows: pd.DataFrame) -> str:
    """Name cohort, outcome and, where there are several, analysis and visit."""
    parts = [labels.cohort(row["cohort"])] if len(labels.plan.cohorts) > 1 else []
    parts.append(labels.outcome(row["outcome"], row["site"]))
    parts += [labels.visit(row["visit"])] if rows["visit"].nunique() > 1 else []
    front = f"{labels.analysis(row['analysis'])}: " if rows["analysis"].nunique() > 1 else ""
    return front + ", ".join([parts[0], *(in_sentence(one) for one in parts[1:])])


def place_and_pair(row: dict[Any, Any], labels: Labels, rows: pd.DataFrame) -> str:
    """Name the place and, where there are more than two arms, which are compared."""
    pair = f": {in_sentence(labels.compared(row))}" if len(labels.plan.arms) > 2 else ""
    return place_words(row, labels, rows) + pair


def moderator(term: str, labels: Labels) -> str:
    """Words for a moderator by its term: a covariate, one of its levels, the baseline value, or the predicted outcome."""
    first = json.loads(term)[0]
    name, level = first if isinstance(first, list) else (first, "")
    if name == RISK:
        return f"Outcome predicted with {in_sentence(labels.arm(labels.plan.arms[0]))}"
    words = COLUMNS.get(name) or labels.covariate(name)
    column = labels.plan.patients.covariates.get(name)
    unit = f", {span(column.unit)}" if column and column.unit else ""
    return f"{words}: {labels.level(name, level)}" if level else words + unit


def value_words(at: str, labels: Labels) -> str:
    """Words for the value at which an effect is read."""
    name, value = next(iter(json.loads(at).items()))
    return labels.level(name, value) if isinstance(value, str) else f"{value:g}".replace("-", "−")


def number(row: dict[Any, Any] | None, digits: dict[str, int]) -> str:
    """An estimate with its interval, or why there is none."""
    if row is None:
        return ""
    if row["hidden"]:
        return HIDDEN
    if pd.isna(row["estimate"]):
        return "not estimated" if row["status"] == "not_estimated" else MISSING
    return told_interval(row, digits[row["row_id"]])


def _p(row: dict[Any, Any] | None, column: str = "p") -> str:
    if row is None:
        return ""
    return HIDDEN if row["hidden"] else Told(format_p(row[column], name=False), row["row_id"], column)


def for_whom(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print for each moderator the effect at its values, how it changes with the test of that, and what goes with the outcome."""
    exact = shown(released, labels, ASKED, OF_ONE)
    if exact.empty:
        return None
    adjusted = bool(exact["p_adjusted"].notna().any())
    digits = shared_decimals(exact)
    pairs: list[tuple[str, Row]] = []
    for _, mine in exact.groupby(PLACE, sort=False):
        heading = place_words(mine.iloc[0].to_dict(), labels, exact)
        for term, rows in mine.groupby("term", sort=False):
            own = {q: rows[rows["quantity"] == q].to_dict("records") for q in OF_ONE}
            for test in own["moderation"]:
                pair = f", {in_sentence(labels.compared(test))}" if len(labels.plan.arms) > 2 else ""
                name = moderator(str(term), labels) + pair
                pairs += [(heading, line) for line in _lines(name, test, own, labels, adjusted, digits)]
    level = f"{100 * float(exact['level'].iloc[0]):g}% CI"
    noun, reference = sentence(labels.noun), in_sentence(labels.arm(labels.plan.arms[0]))
    head = ["Moderator", "At", f"{noun} ({level})", f"Change of the {labels.noun} ({level})", "P"]
    head += [*(["Adjusted P"] if adjusted else []), f"Change of the outcome with {reference} ({level})"]
    widths = [0.22, 0.07, 0.2, 0.2, 0.07, *([0.07] if adjusted else []), 0.17]
    caption = f"For whom: {labels.noun}s at values of what was known before day 0."
    return Printed(
        caption, exact, head, headed(pairs), [*_notes(exact, labels), *withheld_note(exact)], widths, folded=True
    )


def _lines(
    name: str, test: dict[Any, Any], own: dict[str, list[Any]], labels: Labels, adjusted: bool, digits: dict[str, int]
) -> list[Row]:
    """Rows of one moderator and arm: a row for each value; the first has its name, the change and the test."""
    effects: list[Any] = [one for one in own["effect_at"] if one["arm"] == test["arm"]] or [None]
    change = next((one for one in own["predictive"] if one["arm"] == test["arm"]), None)
    told = own["prognostic"][0] if own["prognostic"] else None
    lines = []
    for i, effect in enumerate(effects):
        at = value_words(effect["at"], labels) if effect else ""
        first: Row = [
            number(change, digits),
            _p(test),
            *([_p(test, "p_adjusted")] if adjusted else []),
            number(told, digits),
        ]
        cells = number(effect or test, digits)
        lines.append([name if not i else "", at, cells, *(first if not i else [""] * len(first))])
    return lines


def _notes(exact: pd.DataFrame, labels: Labels) -> list[str]:
    notes = [
        f"At: quartiles of the patients analysed, or as the study file says. Changes are from the first to the last value; "
        f"P: of the test that the {labels.noun} does not depend on the moderator. {sentence(labels.noun)}s at single values are "
        "not tested, since one that differs from 0 at one value and not at another does not show that they differ.",
        "A moderator need not be a cause, and an average of patients like these decides for no single one.",
    ]
    lost = exact[(exact["status"] == "not_estimated") & (exact["note"] != "")]
    for (term, note), rows in lost.groupby(["term", "note"], sort=False):
        where = listed([in_sentence(labels.cohort(one)) for one in dict.fromkeys(rows["cohort"])])
        notes.append(f"{moderator(str(term), labels)} in {where}: {note}.")
    return notes


def together(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print the change of the effect per standard deviation of each moderator, all in one model: as estimated, and shrunken."""
    exact = shown(released, labels, ASKED, TOGETHER)
    if exact.empty:
        return None
    digits = shared_decimals(exact)
    pairs: list[tuple[str, Row]] = []
    for _, mine in exact.groupby(PLACE, sort=False):
        heading = place_words(mine.iloc[0].to_dict(), labels, exact)
        whole = {row["quantity"]: row for row in mine.to_dict("records") if row["quantity"] != "interaction"}
        slopes = mine[mine["quantity"] == "interaction"]
        for (term, arm), rows in slopes.groupby(["term", "arm"], sort=False):
            of = {row["variant"]: row for row in rows.to_dict("records")}
            pair = f", {in_sentence(labels.arm(str(arm)))}" if len(labels.plan.arms) > 2 else ""
            both = (number(of.get(one), digits) for one in ("joint", "shrunken"))
            pairs.append((heading, [moderator(str(term), labels) + pair, *both, ""]))
        test, share = whole.get("heterogeneity"), whole.get("shrinkage")
        label = "All together" if len(slopes) else f"All together: {test['note'] if test else ''}"
        pairs.append((heading, [label, "", _share(share), _p(test)]))
    level = f"{100 * float(exact['level'].iloc[0]):g}%"
    head = ["Moderator", f"As estimated, per SD ({level} CI)", f"Shrunken, per SD ({level} interval)", "P"]
    notes = [
        f"Change of the {labels.noun} per standard deviation of the moderator, all in one model. Shrunken: as draws around 0 "
        "whose spread the data tell; all together: the mean share of the way to 0, and the test that no moderator matters.",
        *withheld_note(exact),
    ]
    caption = f"All moderators together: change of the {labels.noun} per standard deviation."
    return Printed(caption, exact, head, headed(pairs), notes, [0.36, 0.27, 0.27, 0.1])


def _share(row: dict[Any, Any] | None) -> str:
    if row is None:
        return ""
    if row["hidden"] or pd.isna(row["estimate"]):
        return HIDDEN if row["hidden"] else MISSING
    return Told(f"{format_fixed(100 * row['estimate'], 0)}% of the way to 0", row["row_id"], "estimate")


TABLES = {"for_whom": for_whom, "for_whom_together": together}
