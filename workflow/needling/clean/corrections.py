"""Corrections that came back from the sites: a CSV file, each row one cell of the export."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from needling.clean.trail import HIDDEN, HIDDEN_TEXT, Trail
from needling.read.number import read_number
from needling.schema.contract import is_date, plain_text
from needling.study.keys import StudyError

COLUMNS = ["patient", "file", "sheet", "line", "column", "old", "new", "who", "when", "why"]
ANSWERS = ["new", "who", "when", "why"]
MISSING = "missing"
IDENTIFYING = {"patient", "clinic", "therapist", "day_0"}
PLACES = {"row", "file", "sheet", "line", "visit_row"}

Tables = dict[str, pd.DataFrame]
Codes = Callable[[str, Iterable[str]], dict[str, str]]


def apply_corrections(tables: Tables, trail: Trail, path: str | Path, codes: Codes) -> Tables:
    """Apply a file of corrections to the read tables and note each of them.

    Parameters
    ----------
    tables : read tables with `sources`.
    trail : where each correction is noted, and each confirmed cell kept from being queried again.
    path : CSV (comma or semicolon) with the columns file, sheet, line, column (of the export), old, new, who, when, why, and
        patient, the new code. `old` must be what the export holds, spaces and ways of writing a number apart; a blank
        one, or one that the audit workbook hides, fits any value. A blank `new` confirms the cell, the word 'missing'
        empties it. Rows without any answer are left out. Where `patient` is given, the line must be that patient's.
    codes : gives the new codes that the key holds: codes('patient', []); none where they are dealt anew from a seed.

    Returns
    -------
    The read tables with the corrected cells; a cell that feeds several tables is corrected in all.

    Raises
    ------
    StudyError : the file is missing or not as above, or a correction fits no cell, or another patient's.
    """
    answered = answers(path)
    tables = {name: table.copy() for name, table in tables.items()}
    known = codes("patient", [])
    for number, one in answered.iterrows():
        place = f"{path}, line {number}"
        _check(one, place)
        here = {name: _at(table, one) for name, table in tables.items() if "line" in table.columns}
        _same_patient(tables, here, one, known, place)
        touched = [_apply(tables[name], name, mask, trail, one, place) for name, mask in here.items()]
        if not any(touched):
            raise StudyError(
                f"{place}: no cell of the export has this file, sheet, line and column; copy the four from the audit workbook."
            )
    return tables


def answers(path: str | Path) -> pd.DataFrame:
    """Read a file of corrections.

    Returns
    -------
    The rows that have an answer (new, who, when or why), by their line (index); columns as in `apply_corrections`, text.

    Raises
    ------
    StudyError : the file is missing, or no such file.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise StudyError(
            f"cleaning.corrections: there is no file {path}; remove the key or put the file there."
        ) from None
    except (OSError, ValueError):
        raise StudyError(f"{path}: not a CSV file in UTF-8; save the corrections sheet as CSV (UTF-8).") from None
    head = text.partition("\n")[0]
    separator = ";" if head.count(";") > head.count(",") else ","
    try:
        table = pd.read_csv(
            path, sep=separator, dtype="str", keep_default_na=False, encoding="utf-8-sig", skip_blank_lines=False
        )
    except (ValueError, pd.errors.ParserError):
        raise StudyError(f"{path}: not a CSV file in UTF-8; save the corrections sheet as CSV (UTF-8).") from None
    missing = [column for column in COLUMNS[1:] if column not in table.columns]
    if missing:
        raise StudyError(f"{path}, line 1: column(s) {', '.join(missing)} missing; the header is {', '.join(COLUMNS)}.")
    table.index = pd.RangeIndex(2, len(table) + 2)
    table = table.reindex(columns=COLUMNS, fill_value="").apply(lambda column: column.str.strip())
    return table[(table[ANSWERS] != "").any(axis=1)]


def _check(one: pd.Series, place: str) -> None:
    if not one["who"] or not one["why"]:
        raise StudyError(f"{place}: a correction needs who and why; fill them in.")
    if not re.fullmatch(r"[0-9]+", one["line"]):
        raise StudyError(f"{place}: line must be the line number of the audit workbook.")


def _at(table: pd.DataFrame, one: pd.Series) -> pd.Series:
    return (table["line"] == int(one["line"])) & (table["file"] == one["file"]) & (table["sheet"] == one["sheet"])


def _same_patient(
    tables: Tables, here: dict[str, pd.Series], one: pd.Series, known: dict[str, str], place: str
) -> None:
    """Refuse an answer about a patient whose lines have moved in a newer export."""
    found = [tables[name].loc[mask, "patient"] for name, mask in here.items() if "patient" in tables[name].columns]
    ids = set(pd.concat(found).dropna().str.strip()) if found else set()
    if known and one["patient"] and one["patient"] not in {known.get(patient) for patient in ids}:
        raise StudyError(
            f"{place}: this line of the export is not about patient {one['patient']}; take file, sheet and line from the audit "
            "workbook of this export."
        )


def _apply(frame: pd.DataFrame, table: str, here: pd.Series, trail: Trail, one: pd.Series, place: str) -> bool:
    """Correct the cells of one table that come from the column; says whether there were any."""
    if not here.any():
        return False
    if table == "patient_conflicts":
        return _correct(frame, trail, table, here & (frame["source"] == one["column"]), "value", one, place)
    if table != "outcomes":
        columns = [column for column in frame.columns if column not in PLACES]
        from_it = [column for column in columns if trail.source(table, column) == one["column"]]
        touched = [_correct(frame, trail, table, here, column, one, place) for column in from_it]
        return any(touched)
    units = [
        name for name in frame["instrument"].cat.categories if trail.source(table, f"{name}:unit") == one["column"]
    ]
    corrected = _correct(frame, trail, table, here & (frame["column"] == one["column"]), "value", one, place)
    return _correct(frame, trail, table, here & frame["instrument"].isin(units), "unit", one, place) or corrected


def _correct(
    frame: pd.DataFrame, trail: Trail, table: str, mask: pd.Series, column: str, one: pd.Series, place: str
) -> bool:
    if not mask.any():
        return False
    now = plain_text(frame.loc[mask, column]).fillna("")
    if (
        one["old"] not in {"", HIDDEN}
        and not HIDDEN_TEXT.fullmatch(one["old"])
        and not all(_same(text, one["old"]) for text in now)
    ):
        raise StudyError(
            f"{place}: the cell no longer holds the old value; look at the export again and update the row."
        )
    said = f"by {one['who']}" + (f" on {one['when']}" if one["when"] else "") + f": {one['why']}"
    rows = frame.loc[mask, "row"]
    if not one["new"]:
        trail.note("corrections", "flagged", table, rows, one["column"], f"confirmed {said}")
        trail.confirm(table, rows, one["column"])
        return True
    fact = frame.loc[mask, "column"] if table == "patient_conflicts" else pd.Series(column, index=frame.index[mask])
    hide = fact.map(lambda name: _identifies(name) or name in trail.coded)
    new = None if one["new"].lower() == MISSING else one["new"]
    old_shown, new_shown = (
        text.mask(hide | ~text.map(_is_number), HIDDEN) for text in (now, pd.Series(one["new"], index=now.index))
    )
    trail.note("corrections", "corrected", table, rows, one["column"], f"corrected {said}", old_shown, new_shown)
    if frame[column].dtype == "category" and new is not None and new not in frame[column].cat.categories:
        frame[column] = frame[column].cat.add_categories(new)
    frame.loc[mask, column] = new
    return True


def _is_number(text: str) -> bool:
    """Whether a cell holds a number, a blank or the word that empties it: only those are shown, since words may say anything."""
    return text.strip().lower() in {"", MISSING} or bool(np.isfinite(read_number(text)[0]))


def _identifies(column: str) -> bool:
    """Whether a value of a canonical column could identify a person: codes, dates, ages."""
    return column in IDENTIFYING or is_date(column) or bool(re.match(r"age($|_)", column))


def _same(text: str, old: str) -> bool:
    """The same text but for spaces, or the same number written otherwise."""
    if text.strip() == old:
        return True
    one, other = read_number(text)[0] if text.strip() else np.nan, read_number(old)[0]
    return bool(one == other)
