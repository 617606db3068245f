"""Corrections that came back from the sites: a CSV file, each row one cell of the export."""

from pathlib import Path

import pandas as pd

from needling.clean.trail import HIDDEN, Trail
from needling.schema import plain_text
from needling.study import StudyError

COLUMNS = ["file", "sheet", "line", "column", "old", "new", "who", "when", "why"]
IDENTIFYING = {"patient", "clinic", "therapist", "date", "day_0"}


def apply_corrections(tables: dict[str, pd.DataFrame], trail: Trail, path: str | Path) -> dict[str, pd.DataFrame]:
    """Apply a file of corrections to the read tables and note each of them.

    Parameters
    ----------
    tables : read tables with `sources`.
    path : CSV with the columns file, sheet, line, column (of the export), old, new, who, when, why; a blank `old`, or one
        that the audit workbook hides, fits any value.

    Returns
    -------
    The read tables with the corrected cells; a cell that feeds several tables is corrected in all.

    Raises
    ------
    StudyError : the file is missing or not as above, or a correction fits no cell.
    """
    try:
        corrections = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise StudyError(
            f"cleaning.corrections: there is no file {path}; remove the key or put the file there."
        ) from None
    except (ValueError, pd.errors.ParserError):
        raise StudyError(f"{path}: not a CSV file in UTF-8; save the corrections sheet as CSV (UTF-8).") from None
    missing = [column for column in COLUMNS if column not in corrections.columns]
    if missing:
        raise StudyError(f"{path}, line 1: column(s) {', '.join(missing)} missing; the header is {', '.join(COLUMNS)}.")
    tables = {name: table.copy() for name, table in tables.items()}
    for number, one in enumerate(corrections[COLUMNS].itertuples(index=False), start=2):
        _apply(
            tables,
            trail,
            {column: str(value) for column, value in zip(COLUMNS, one, strict=True)},
            f"{path}, line {number}",
        )
    return tables


def _apply(tables: dict[str, pd.DataFrame], trail: Trail, one: dict[str, str], place: str) -> None:
    if not one["who"] or not one["why"]:
        raise StudyError(f"{place}: a correction needs who and why; fill them in.")
    if not one["line"].isdigit():
        raise StudyError(f"{place}: line must be the line number of the audit workbook.")
    touched = False
    for table, frame in tables.items():
        if "line" not in frame.columns:
            continue
        here = (frame["line"] == int(one["line"])) & (frame["file"] == one["file"]) & (frame["sheet"] == one["sheet"])
        if table == "outcomes":
            touched |= _correct(frame, trail, table, here & (frame["column"] == one["column"]), "value", one, place)
            continue
        for column in frame.columns:
            if (
                column not in {"row", "file", "sheet", "line", "visit_row"}
                and trail.source(table, column) == one["column"]
            ):
                touched |= _correct(frame, trail, table, here, column, one, place)
    if not touched:
        raise StudyError(
            f"{place}: no cell of the export has this file, sheet, line and column; copy the four from the audit workbook."
        )


def _correct(
    frame: pd.DataFrame, trail: Trail, table: str, mask: pd.Series, column: str, one: dict[str, str], place: str
) -> bool:
    if not mask.any():
        return False
    now = plain_text(frame.loc[mask, column]).fillna("")
    if one["old"] not in {"", HIDDEN} and (now != one["old"]).any():
        raise StudyError(
            f"{place}: the cell no longer holds the old value; look at the export again and update the row."
        )
    hide = column in IDENTIFYING
    source = plain_text(frame.loc[mask, "column"]) if table == "outcomes" else trail.source(table, column)
    why = f"corrected by {one['who']}" + (f" on {one['when']}" if one["when"] else "") + f": {one['why']}"
    rows = frame.loc[mask, "row"]
    trail.note(
        "corrections", "corrected", table, rows, source, why, HIDDEN if hide else now, HIDDEN if hide else one["new"]
    )
    if frame[column].dtype == "category" and one["new"] not in {"", *frame[column].cat.categories}:
        frame[column] = frame[column].cat.add_categories(one["new"])
    frame.loc[mask, column] = one["new"] or None
    return True
