"""What a publication printed beside what was computed here from its data, with one meaning of the sign."""

from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, format_fixed, format_p, shared_decimals
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.study.about import Published
from needling.tables.printed import Printed, Row, Told, told_interval
from needling.tables.select import comparisons
from needling.tables.withheld import HIDDEN, withheld_note


def matched(released: dict[str, pd.DataFrame], labels: Labels, one: Published) -> dict[str, Any] | None:
    """The one results row that a published number is about; none where there is none, or more than one."""
    plan, rows = labels.plan, comparisons(released["results"])
    keys = {"analysis": one.analysis or plan.primary, "outcome": one.outcome, "visit": one.visit or plan.visits.primary}
    keys |= {name: getattr(one, name) for name in ("cohort", "arm", "reference") if getattr(one, name)}
    found = rows[
        (rows[list(keys)] == pd.Series(keys)).all(axis=1) & rows["variant"].eq("") & ~rows["quantity"].eq("interaction")
    ]
    return {str(k): v for k, v in found.iloc[0].to_dict().items()} if len(found) == 1 else None


def published(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print each published number of the study file beside the result computed here.

    Returns
    -------
    Exact: row_id, what, published estimate, low, high and p with the sign used here, the computed ones, source. A number whose
    sign speaks for the other side in the publication is turned.
    """
    plan = labels.plan
    if not plan.published:
        return None
    exact, rows = [], []
    found = [matched(released, labels, one) for one in plan.published]
    known = [row for row in found if row is not None]
    digits = shared_decimals(pd.DataFrame(known)) if known else {}
    for one, row in zip(plan.published, found, strict=True):
        place = [labels.cohort(one.cohort)] if one.cohort and len(plan.cohorts) > 1 else []
        place += [labels.outcome(one.outcome), labels.visit(one.visit or plan.visits.primary)]
        what = one.what or ", ".join([place[0], *(in_sentence(part) for part in place[1:])])
        sign = -1 if row is not None and row["better"] in ("lower", "higher") and one.better != row["better"] else 1
        low, high = (one.low, one.high) if sign > 0 else (_turned(one.high), _turned(one.low))
        theirs = {"estimate": sign * one.estimate, "low": low, "high": high, "p": one.p}
        printed, kept = _theirs(theirs, one), {f"published_{name}": number for name, number in theirs.items()}
        ours: Row = [MISSING, MISSING]
        if row is not None:
            ours = _ours(row, digits[row["row_id"]])
            kept |= {name: row[name] for name in ("row_id", "estimate", "low", "high", "p", "hidden")}
        exact.append({"what": what, **kept, "source": one.source})
        rows.append([what, *printed, *ours])
    table = pd.DataFrame(exact)
    table["hidden"] = table["hidden"].fillna("") if "hidden" in table else ""
    notes = [f"Published: {'; '.join(dict.fromkeys(one.source.rstrip('.') for one in plan.published))}."]
    if any(row is not None and one.better != row["better"] for one, row in zip(plan.published, found, strict=True)):
        notes.append(
            "Where the publication's sign speaks for the other side it is turned, so that signs mean the same."
        )
    head = ["Result", "Published", "P", "Computed here", "P"]
    widths = [0.32, 0.25, 0.09, 0.25, 0.09]
    caption = "Published results beside those computed here from the same data."
    return Printed(caption, table, head, rows, notes + withheld_note(table), widths, section="primary")


def _turned(value: float | None) -> float | None:
    return None if value is None else -value


def _theirs(number: dict[str, float | None], one: Published) -> Row:
    """The published number with the digits that it was published with."""
    digits = max(
        len(f"{value:g}".partition(".")[2]) for value in (one.estimate, one.low, one.high) if value is not None
    )
    estimate, low, high = (number[name] for name in ("estimate", "low", "high"))
    text = format_fixed(float(estimate or 0), digits)
    if low is not None and high is not None:
        text += f" ({format_fixed(low, digits)} to {format_fixed(high, digits)})"
    return [text, MISSING if number["p"] is None else format_p(number["p"], name=False)]


def _ours(row: dict[str, Any], digits: int) -> Row:
    if pd.isna(row["estimate"]):
        return [HIDDEN if row["hidden"] else "not estimated", MISSING]
    return [told_interval(row, digits), Told(format_p(row["p"], name=False), row["row_id"], "p")]


TABLES = {"published": published}
