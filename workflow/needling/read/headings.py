"""Further rows of headings below the first: the questions, import codes or units that survey tools write there."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from needling.read.delimited import NUMBER
from needling.read.raw import Sheet
from needling.schema.contract import plain_text

# Rows below the names of columns in which more headings are looked for.
MOST = 3
IMPORT = re.compile(r'\s*\{"ImportId":')


def without_headings(sheet: Sheet) -> tuple[Sheet, dict[int, int]]:
    """Leave out rows right below the names of columns that are headings too.

    Parameters
    ----------
    sheet : as read.

    Returns
    -------
    The sheet without them, and line -> filled cells of each row left out. A row is a heading where it has words in every
    column whose other cells are nearly all numbers or dates, of which there must be two or more; or where a survey tool
    marks it as one (an import code in each cell).
    """
    # by place, because two columns of an export can have one name
    head = sheet.frame.head(MOST + 200).set_axis(range(sheet.frame.shape[1]), axis=1).apply(plain_text)
    below = head.iloc[MOST:] if len(head) > 2 * MOST else head.iloc[1:]
    measured = [name for name in head.columns if _is_measured(below[name])]
    found = 0
    for place in range(min(MOST, len(head) - 1)):
        row = head.iloc[place]
        words = [
            name for name in measured if isinstance(row[name], str) and not re.fullmatch(NUMBER, row[name].strip())
        ]
        filled = row.dropna()
        marked = bool(len(filled)) and all(IMPORT.match(cell) for cell in filled)
        worded = len(measured) > 1 and len(words) == len(measured) and not _is_of_a_person(row, below)
        if marked or worded:
            found = place + 1
    if not found:
        return sheet, {}
    cells = sheet.frame.head(found).notna().sum(axis=1)
    told = {int(line): int(n) for line, n in zip(sheet.lines[:found], cells, strict=True)}
    frame = sheet.frame.iloc[found:].reset_index(drop=True)
    missing = {name: reason.iloc[found:].reset_index(drop=True) for name, reason in sheet.missing.items()}
    return replace(sheet, frame=frame, lines=np.asarray(sheet.lines)[found:], missing=missing), told


def _is_measured(cells: pd.Series) -> bool:
    filled = cells.dropna()
    return len(filled) > 1 and bool(filled.str.strip().map(lambda cell: bool(re.fullmatch(NUMBER, cell))).mean() > 0.9)


def _is_of_a_person(row: pd.Series, below: pd.DataFrame) -> bool:
    """Is a row data: a number, a code of the form of those below (P001 above P002), a word that comes again, one throughout?"""
    cells = {name: str(cell).strip() for name, cell in row.dropna().items()}
    if len({cell.lower() for cell in cells.values()}) == 1:
        return True
    return any(re.fullmatch(NUMBER, cell) or _stands_below(cell, below[name].dropna()) for name, cell in cells.items())


def _stands_below(cell: str, others: pd.Series) -> bool:
    if (others.str.strip().str.lower() == cell.lower()).any():
        return True
    return bool(re.search(r"\d", cell)) and bool((others.map(form_of) == form_of(cell)).mean() > 0.8)


def form_of(text: str) -> str:
    """Write a text with its letters as a and its runs of digits as 9."""
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]", "a", text.strip()))
