"""Tables about the data: what cleaning did, and how well the instruments' items agree."""

from typing import Any

import pandas as pd

from needling.labels.numbers import format_count, format_fixed, rounded
from needling.labels.sentences import listed
from needling.labels.words import Labels
from needling.schema.intake import ACTIONS
from needling.tables.printed import Printed
from needling.tables.withheld import HIDDEN, withheld_note

FINDINGS = {
    "corrected": "replaced by the score of the items",
    "too_few_items": "kept as stated, because too few items were answered",
    "unreadable": "not a number",
    "set_aside": "in rows that were set aside",
}


def cleaning(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Count what each cleaning rule did: cells, or lines taken out.

    Returns
    -------
    Exact: rule, action, n (empty where hidden), hidden. Printed: one row per rule.
    """
    exact = released["cleaning"]
    if exact.empty:
        return None
    rows = [[str(mine["sentence"].iloc[0]), _happened(mine)] for _, mine in exact.groupby("rule", sort=False)]
    notes = ["Numbers of cells, or of lines of the export where it says so; each one is in the audit workbook."]
    caption = "What cleaning did to the data, rule by rule."
    head = ["Rule", "What happened"]
    return Printed(caption, exact, head, rows, notes + withheld_note(exact), [0.7, 0.3], (0, 1), folded=True)


def _happened(mine: pd.DataFrame) -> str:
    counts = mine.groupby("action")["n"].agg(lambda n: n.sum(min_count=len(n)))
    return "; ".join(_counted(counts[action], words) for action, words in ACTIONS.items() if action in counts.index)


def _counted(n: Any, words: str) -> str:
    return f"{_count(n)} {words.replace('lines', 'line') if pd.notna(n) and n == 1 else words}"


def _count(n: Any) -> str:
    return HIDDEN if pd.isna(n) else format_count(n)


def totals(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print how many totals of the export agree with the scores of their items, and what became of the others."""
    table = released["totals"]
    if table.empty:
        return None
    rows = []
    for instrument, mine in table.groupby("instrument", sort=False):
        agreed = [_count(n) for n in mine.loc[mine["finding"] == "agreed", "n"]]
        others = [_finding(one) for one in mine[mine["finding"] != "agreed"].to_dict("records")]
        stated = format_count(mine["stated"].iloc[0])
        rows.append([labels.instrument(str(instrument)), stated, *(agreed or ["0"]), "; ".join(others) or "none"])
    notes = ["Numbers of questionnaires. Agreement checks the arithmetic of the export, not what was answered."]
    return Printed(
        "Totals of the export beside the scores computed anew from their items.",
        table,
        ["Instrument", "Stated", "Agree", "The others"],
        rows,
        notes + withheld_note(table),
        [0.34, 0.1, 0.1, 0.46],
        (0, 3),
        folded=True,
    )


def _finding(one: dict[Any, Any]) -> str:
    reason = f" ({one['reason']})" if one["reason"] else ""
    return f"{_count(one['n'])} {FINDINGS.get(one['finding'], 'in all')}{reason}"


def reliability(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print Cronbach's alpha at baseline of each instrument that is scored from items."""
    table = released["reliability"]
    table = table[table["alpha"].notna()].reset_index(drop=True)
    if table.empty:
        return None
    rows = [
        [
            labels.instrument(row["instrument"]),
            rounded(row["items"], 0),
            rounded(row["n"], 0),
            f"{format_fixed(row['alpha'], 2)} ({format_fixed(row['low'], 2)} to {format_fixed(row['high'], 2)})",
        ]
        for row in table.to_dict("records")
    ]
    level = 100 * float(table["level"].iloc[0])
    notes = ["Complete: patients who answered every item at baseline."]
    readings = [labels.instrument(name) for name in table["instrument"] if labels.is_reading(name)]
    if readings:
        notes.append(
            f"{listed(readings)}: the items are repeated readings, and alpha is the intraclass correlation of their mean "
            "(two-way, consistency)."
        )
    return Printed(
        "Internal consistency of the instruments at baseline (Cronbach's alpha).",
        table,
        ["Instrument", "Items", "Complete", f"Alpha ({rounded(level, 0)}% CI)"],
        rows,
        notes,
        [0.46, 0.12, 0.14, 0.28],
        folded=True,
    )


TABLES = {"cleaning": cleaning, "totals": totals, "reliability": reliability}
