"""Tables about the data: what cleaning did, and how well the instruments' items agree."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from needling.clean.rules import RULES
from needling.clean.workbook import cleaning_summary
from needling.instruments.definition import definitions
from needling.privacy.disclosure import HIDDEN, footnote, hides, sums_within, suppress
from needling.tables.format import format_fixed
from needling.tables.printed import Printed
from needling.tables.words import listed

if TYPE_CHECKING:
    from needling.study.plan import Study

ACTIONS = {
    "mapped": "mapped",
    "corrected": "corrected",
    "missing": "made missing",
    "flagged": "flagged",
    "query": "queried",
    "quarantined": "lines quarantined",
    "dropped": "lines dropped",
}


def cleaning(inputs: dict[str, pd.DataFrame], plan: "Study") -> Printed | None:
    """Count what each cleaning rule did; numbers of a few cells are hidden, since they are of as few people.

    Returns
    -------
    Exact: rule, action, n (cells, or lines taken out; empty where hidden), n_shown. Printed: one row per rule.
    """
    audit = inputs["audit"]
    if audit.empty:
        return None
    minimum = plan.disclosure.min_cell
    summary = cleaning_summary(audit)
    hidden = summary["n"] < minimum
    exact = summary[["rule", "action"]].assign(
        n=summary["n"].astype("Int64").mask(hidden),
        n_shown=[HIDDEN if hide else f"{n:,}" for n, hide in zip(summary["n"], hidden, strict=True)],
    )
    rows = [[_sentence(str(rule)), _happened(mine)] for rule, mine in exact.groupby("rule", sort=False)]
    notes = ["Numbers of cells, or of lines of the export where it says so; each one is in the audit workbook."]
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
    minimum = plan.disclosure.min_cell
    sums = [one for one in sums_within(table, "n", ["instrument"]) if (one.known or 0) >= minimum]
    table = suppress(table[table["stated"] >= minimum].reset_index(drop=True), "n", minimum, sums)
    rows = []
    for _, mine in table.groupby("instrument", sort=False):
        agreed = mine.loc[mine["finding"] == "agreed", "n_shown"].map(_thousands).tolist()
        others = mine[mine["finding"] != "agreed"].to_dict("records")
        said = [_finding(one) for one in others]
        first = mine.iloc[0]
        rows.append([str(first["label"]), f"{first['stated']:,}", *(agreed or ["0"]), "; ".join(said) or "none"])
    notes = ["Numbers of questionnaires. Agreement checks the arithmetic of the export, not what was answered."]
    return Printed(
        "Totals of the export beside the scores computed anew from their items.",
        table,
        ["Instrument", "Stated", "Agree", "The others"],
        rows,
        notes + ([footnote(minimum)] if hides(table["n_shown"]) else []),
        [0.34, 0.1, 0.1, 0.46],
        (0, 3),
    )


def _finding(one: dict[Any, Any]) -> str:
    reason = f" ({one['reason']})" if one["reason"] else ""
    return f"{_thousands(one['n_shown'])} {FINDINGS[one['finding']]}{reason}"


def _thousands(shown: str) -> str:
    return f"{int(shown):,}" if shown.isdigit() else shown


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
