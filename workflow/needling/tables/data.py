"""Tables about the data: what cleaning did, and how well the instruments' items agree."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from needling.clean.rules import RULES
from needling.instruments import definitions
from needling.privacy.disclosure import HIDDEN, footnote
from needling.tables.format import format_fixed
from needling.tables.printed import Printed
from needling.tables.words import listed

if TYPE_CHECKING:
    from needling.study import Study

ACTIONS = {
    "mapped": "mapped",
    "corrected": "corrected",
    "missing": "made missing",
    "flagged": "flagged",
    "query": "queried",
    "quarantined": "rows quarantined",
    "dropped": "rows dropped",
}


def cleaning(inputs: dict[str, pd.DataFrame], plan: "Study") -> Printed | None:
    """Count what each cleaning rule did; where a row is a person, small numbers are hidden.

    Returns
    -------
    Exact: rule, action, n (cells or rows; empty where hidden), n_shown. Printed: one row per rule.
    """
    audit = inputs["audit"]
    if audit.empty:
        return None
    minimum = plan.disclosure.min_cell
    people = (audit["table"] == "patients") & audit["action"].isin(["quarantined", "dropped"])
    exact = (
        audit.assign(_people=people)
        .groupby(["rule", "action"], as_index=False)
        .agg(n=("rule", "size"), few=("_people", "sum"))
    )
    hidden = (exact["few"] > 0) & (exact["few"] < minimum)
    exact["n_shown"] = [HIDDEN if hide else f"{n:,}" for n, hide in zip(exact["n"], hidden, strict=True)]
    exact["n"] = exact["n"].astype("Int64").mask(hidden)
    exact = exact.drop(columns="few")
    order = {rule: number for number, rule in enumerate(RULES)}
    exact["_order"] = exact["rule"].map(order).fillna(len(order))
    exact = exact.sort_values(["_order", "rule", "action"], ignore_index=True).drop(columns="_order")
    rows = [[_sentence(str(rule)), _happened(mine)] for rule, mine in exact.groupby("rule", sort=False)]
    notes = ["Numbers of cells, or of rows where it says so; each one has a line in the audit workbook."]
    notes += [footnote(minimum)] if hidden.any() else []
    caption = "What cleaning did to the data, rule by rule."
    return Printed(caption, exact, ["Rule", "What happened"], rows, notes, [0.7, 0.3], (0, 1))


def _happened(mine: pd.DataFrame) -> str:
    counts = mine.set_index("action")["n_shown"]
    return "; ".join(f"{counts[action]} {words}" for action, words in ACTIONS.items() if action in counts.index)


def _sentence(rule: str) -> str:
    return RULES[rule].sentence if rule in RULES else rule.replace("_", " ").capitalize() + "."


FINDINGS = {
    "corrected": "replaced by the score of the items",
    "too_few_items": "kept as stated, because too few items were answered",
    "unreadable": "not a number",
    "set_aside": "in rows that were set aside",
}


def totals(inputs: dict[str, pd.DataFrame], plan: "Study") -> Printed | None:
    """Print how many totals of the export agree with the scores of their items, and what became of the others."""
    table = inputs["totals"]
    if table.empty:
        return None
    rows = []
    for _, mine in table.groupby("instrument", sort=False):
        agreed = int(mine.loc[mine["finding"] == "agreed", "n"].sum())
        others = mine[mine["finding"] != "agreed"].to_dict("records")
        said = [_finding(one) for one in others]
        first = mine.iloc[0]
        rows.append([str(first["label"]), f"{first['stated']:,}", f"{agreed:,}", "; ".join(said) or "none"])
    return Printed(
        "Totals of the export beside the scores computed anew from their items.",
        table,
        ["Instrument", "Stated", "Agree", "The others"],
        rows,
        ["Numbers of questionnaires."],
        [0.34, 0.1, 0.1, 0.46],
        (0, 3),
    )


def _finding(one: dict[Any, Any]) -> str:
    reason = f" ({one['reason']})" if one["reason"] else ""
    return f"{one['n']:,} {FINDINGS[one['finding']]}{reason}"


def reliability(inputs: dict[str, pd.DataFrame], plan: "Study") -> Printed | None:
    """Print Cronbach's alpha at baseline of each instrument that is scored from items."""
    table = inputs["reliability"]
    minimum = plan.disclosure.min_cell
    table = table[(table["n"] >= minimum) & table["alpha"].notna()].reset_index(drop=True)
    if table.empty:
        return None
    rows = [
        [
            row["label"],
            f"{row['items']:.0f}",
            f"{row['n']:.0f}",
            f"{format_fixed(row['alpha'], 2)} ({format_fixed(row['low'], 2)} to {format_fixed(row['high'], 2)})",
        ]
        for row in table.to_dict("records")
    ]
    level = 100 * float(table["level"].iloc[0])
    notes = ["Complete: patients who answered every item at baseline."]
    known = definitions(plan.instruments)
    readings = [row["label"] for row in table.to_dict("records") if known[row["instrument"]].measured]
    if readings:
        notes.append(
            f"{listed(readings)}: the items are repeated readings, and alpha is the intraclass correlation of their mean "
            "(two-way, consistency)."
        )
    return Printed(
        "Internal consistency of the instruments at baseline (Cronbach's alpha).",
        table,
        ["Instrument", "Items", "Complete", f"Alpha ({level:.0f}% CI)"],
        rows,
        notes,
        [0.46, 0.12, 0.14, 0.28],
    )
