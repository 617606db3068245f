"""Tables about the data: what cleaning did, and how well the instruments' items agree."""

from typing import TYPE_CHECKING

import pandas as pd

from needling.clean.rules import RULES
from needling.privacy.disclosure import HIDDEN, footnote
from needling.tables.format import format_fixed
from needling.tables.printed import Printed

if TYPE_CHECKING:
    from needling.study import Study

ACTIONS = {
    "mapped": "Mapped",
    "corrected": "Corrected",
    "missing": "Made missing",
    "flagged": "Flagged",
    "query": "Queried",
    "quarantined": "Rows quarantined",
    "dropped": "Rows dropped",
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
    used = [action for action in ACTIONS if action in set(exact["action"])]
    cells = exact.set_index(["rule", "action"])["n_shown"]
    rows = [
        [_sentence(rule), *(cells.get((rule, action), "") for action in used)] for rule in dict.fromkeys(exact["rule"])
    ]
    notes = ["Numbers of cells, or of rows where it says so; each one has a line in the audit workbook."]
    notes += [footnote(minimum)] if hidden.any() else []
    width = 0.105
    return Printed(
        "What cleaning did to the data, rule by rule.",
        exact,
        ["Rule", *(ACTIONS[action] for action in used)],
        rows,
        notes,
        [1 - width * len(used), *[width] * len(used)],
    )


def _sentence(rule: str) -> str:
    return RULES[rule].sentence if rule in RULES else rule.replace("_", " ").capitalize() + "."


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
    return Printed(
        "Internal consistency of the instruments at baseline (Cronbach's alpha).",
        table,
        ["Instrument", "Items", "Complete", f"Alpha ({level:.0f}% CI)"],
        rows,
        ["Complete: patients who answered every item at baseline."],
        [0.46, 0.12, 0.14, 0.28],
    )
