"""What was done to the data, for the report and for the data manager."""

from datetime import datetime
from pathlib import Path

import pandas as pd

from needling.clean.corrections import COLUMNS as CORRECTION_COLUMNS
from needling.clean.rules import rules
from needling.clean.trail import TAKEN_OUT
from needling.schema.contract import check
from needling.schema.intake import ACTIONS, CLEANING
from needling.study.plan import Study

# written into the file instead of the clock, so that the same data give the same bytes
CREATED = datetime(2000, 1, 1)
FACTS = ["patient", "visit", "file", "sheet", "line", "column", "rule", "action", "reason", "old", "new"]
NO_CLINIC = "no clinic"
MOST_ROWS = 100_000


def cleaning_summary(audit: pd.DataFrame) -> pd.DataFrame:
    """Count what each rule did.

    Parameters
    ----------
    audit : table of the contract AUDIT.

    Returns
    -------
    Table of the contract CLEANING: one row per rule and action that occurred, in the order of the rules: rule, version, sentence
    (for the report), action, table (where rows were taken out) and n: lines of the export for rows taken out (the values of a
    visit share its line), cells for everything else.
    """
    gone = audit["action"].isin(TAKEN_OUT)
    # a line that held a patient and his visits is a patient's
    lines = audit[gone].sort_values(
        "table", key=lambda table: table.map({"patients": 0, "visits": 1}).fillna(2), kind="stable"
    )
    lines = lines.drop_duplicates(["rule", "action", "file", "sheet", "line"])
    counts = pd.concat([audit[~gone].assign(table=""), lines])
    counts = counts.groupby(["rule", "action", "table"]).size().rename("n").reset_index()
    known = rules()
    counts["sentence"] = counts["rule"].map({name: rule.sentence for name, rule in known.items()})
    counts["version"] = counts["rule"].map({name: rule.version for name, rule in known.items()})
    place = counts["rule"].map({name: number for number, name in enumerate(known)})
    counts = counts.assign(_place=place).sort_values(["_place", "action", "table"], kind="stable")
    return check(counts[list(CLEANING)].reset_index(drop=True), CLEANING, "cleaning")


def taken_out(audit: pd.DataFrame) -> pd.DataFrame:
    """Count the lines of the export taken out, by table; patients are counted in the participant flow only.

    A line whose visit was taken out with its values counts as one of the visits.

    Returns
    -------
    One row per table, by name: table, n (lines).
    """
    gone = audit[audit["action"].isin(TAKEN_OUT) & (audit["table"] != "patients")]
    gone = gone.assign(value=gone["table"] == "outcomes").sort_values("value", kind="stable")
    place = ["file", "sheet", "line"]
    once = gone.drop_duplicates([*place, "table"]).drop_duplicates(place)
    return once.groupby("table").size().rename("n").reset_index()


def write_audit_workbook(path: str | Path, audit: pd.DataFrame, study: Study) -> None:
    """Write the audit as a workbook that a data manager can work through.

    Parameters
    ----------
    path : the workbook (.xlsx).
    audit : table of the contract AUDIT.
    study : sections title and made_up.

    Sheets: Summary (each rule with its sentence and counts), Rows taken out, one sheet per clinic with the queries to send
    back, impossible values among them, All changes (at most 100,000), and Corrections: an empty table with the columns that
    `cleaning.corrections` reads, to be saved as CSV. The bytes depend on the data alone. Not for publication: it is about
    single patients' cells.
    """
    import xlsxwriter

    worded = audit.assign(action=audit["action"].map(ACTIONS))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        book.set_properties({"title": f"Audit of {study.title}", "created": CREATED})
        look = {
            "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
            "text": book.add_format({"text_wrap": True, "valign": "top"}),
            "title": book.add_format({"bold": True, "font_size": 14}),
        }
        _summary_sheet(book, look, audit, study)
        _table_sheet(book, look, "Rows taken out", _taken_out(audit).replace({"action": ACTIONS}))
        queries = audit[(audit["action"] == "query") | ((audit["rule"] == "ranges") & (audit["action"] == "missing"))]
        clinics = queries["clinic"].fillna(NO_CLINIC)
        for clinic in sorted(clinics.unique()):
            _table_sheet(book, look, f"Queries {clinic}"[:31], _for_site(queries[clinics == clinic]))
        _table_sheet(book, look, "All changes", worded[["table", *FACTS]].head(MOST_ROWS))
        _table_sheet(book, look, "Corrections", pd.DataFrame(columns=CORRECTION_COLUMNS))


def _summary_sheet(book, look, audit: pd.DataFrame, study: Study) -> None:
    notes = [
        "Made-up data. " if study.made_up else "",
        "Values that could identify a person are hidden: look them up in the export by file, sheet and line. ",
        "Answers go beside the queries of a clinic, or into the sheet Corrections: new (blank confirms the cell, the word "
        "missing empties it), who, when and why; saved as CSV (UTF-8), such a sheet is what cleaning.corrections of the study "
        "file names. Patients and clinics have their new codes; the key is in data/keys. ",
        "This workbook is about single cells of single patients and is not for publication.",
    ]
    summary = cleaning_summary(audit).replace({"action": ACTIONS})
    summary = summary.rename(
        columns={"n": "cells (rows taken out: lines of the export)", "sentence": "what the rule does"}
    )
    sheet = _table_sheet(book, look, "Summary", summary, top=4)
    sheet.write_string(0, 0, f"Audit of {study.title}", look["title"])
    sheet.write_string(1, 0, "".join(notes))
    if len(audit) > MOST_ROWS:
        sheet.write_string(2, 0, f"The sheet All changes shows the first {MOST_ROWS:,} of {len(audit):,} rows.")


def _taken_out(audit: pd.DataFrame) -> pd.DataFrame:
    """Lines of the export that were taken out; the values of a visit share its line."""
    gone = audit[audit["action"].isin(TAKEN_OUT)]
    gone = gone[["patient", "visit", "file", "sheet", "line", "rule", "action", "reason", "clinic"]]
    return gone.drop_duplicates(["file", "sheet", "line", "rule", "action"]).head(MOST_ROWS)


def _for_site(queries: pd.DataFrame) -> pd.DataFrame:
    """The questions of one clinic with room for the answer, in the columns of a correction."""
    asked = queries[["patient", "file", "sheet", "line", "column", "old"]].copy()
    for column in ("new", "who", "when", "why"):
        asked[column] = ""
    asked["question"], asked["visit"] = queries["reason"], queries["visit"]
    return asked.sort_values(["file", "sheet", "line", "column"], kind="stable")


def _table_sheet(book, look, name: str, table: pd.DataFrame, top: int = 0):
    """Write a table with a fixed header and filters; widths by content."""
    sheet = book.add_worksheet(name)
    for place, column in enumerate(table.columns):
        values = table[column].astype(object).where(table[column].notna(), "").tolist()
        sheet.write_string(top, place, str(column), look["head"])
        longest = max((len(str(value)) for value in values[:2000]), default=0)
        sheet.set_column(place, place, min(max(len(str(column)) + 3, longest + 1), 60))
        for line, value in enumerate(values, start=top + 1):
            if isinstance(value, int | float):
                sheet.write_number(line, place, value, look["text"])
            elif isinstance(value, str) and value:
                sheet.write_string(line, place, value, look["text"])
    sheet.freeze_panes(top + 1, 0)
    if len(table):
        sheet.autofilter(top, 0, top + len(table), max(len(table.columns) - 1, 0))
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    return sheet
