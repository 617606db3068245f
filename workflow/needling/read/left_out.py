"""Rows that are no data: further headings, the same headings again, and at the end what is summed up or remarked."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from needling.read.delimited import NUMBER
from needling.read.raw import Sheet
from needling.schema.contract import plain_text

# Rows below the names of columns in which more headings are looked for, and at the end in which remarks and sums are.
MOST, MOST_BELOW = 3, 12
IMPORT = re.compile(r'\s*\{"ImportId":')
# Kinds of rows that are no data.
FURTHER, AGAIN = "a further row of headings, left out", "the names of the columns again, left out"
OTHER = "a row of another table below this one, left out"
SUMMARY, REMARK = "a row that sums up those above it, left out", "a remark below the table, left out"
# What the first cell of a row says that sums up the rows above it.
SUMS_UP = re.compile(
    r"(?:grand |sub ?)?totals?|sums?|means?(?: ?\(?(?:sd|±).*)?|averages?|medians?|min(?:imum)?|max(?:imum)?|sd|s\.d\.|"
    r"std(?:ev|\.? ?dev\.?)?|standard deviation|se|sem|iqr|range|counts?|n|number|variance|summen?|gesamt(?:summe)?|"
    r"mittelwerte?|mittel|durchschnitt|standardabweichung|anzahl|moyennes?|somme|[eé]cart[- ]type|effectif|m[eé]diane?|"
    r"mediana|promedio|suma|desviaci[oó]n.*|n[uú]mero|totales?|totali|somma|gemiddelde|som|totaal|aantal|"
    r"standaardafwijking|m[eé]dias?|soma",
    re.IGNORECASE,
)


def only_data(sheet: Sheet) -> tuple[Sheet, dict[int, tuple[int, str]]]:
    """Leave out rows that are no data.

    Parameters
    ----------
    sheet : as read.

    Returns
    -------
    The sheet without them, and line -> filled cells and kind of each row left out. They are rows right below the names of
    columns that are headings too (words in every column whose other cells are nearly all numbers or dates, of which there
    must be two or more, or an import code of a survey tool in each cell); the names of the columns again, wherever; and at
    the end rows that begin with the word of a sum and leave a cell blank, remarks of three words or more in one cell, and a
    few rows of another table behind a blank line.
    """
    left_out = dict.fromkeys(range(_headings(sheet)), FURTHER)
    left_out |= dict.fromkeys(_names_again(sheet.frame), AGAIN)
    for place in range(len(sheet.frame) - 1, max(len(sheet.frame) - MOST_BELOW, len(left_out)) - 1, -1):
        kind = _below_the_table(sheet.frame.iloc[place])
        if kind is None:
            break
        left_out[place] = kind
    left_out |= dict.fromkeys(_other_table(sheet), OTHER)
    if not left_out or len(left_out) >= len(sheet.frame):
        return sheet, {}
    told = {
        int(sheet.lines[place]): (int(sheet.frame.iloc[place].notna().sum()), left_out[place])
        for place in sorted(left_out)
    }
    kept = np.setdiff1d(np.arange(len(sheet.frame)), list(left_out))
    frame = sheet.frame.iloc[kept].reset_index(drop=True)
    missing = {name: reason.iloc[kept].reset_index(drop=True) for name, reason in sheet.missing.items()}
    return replace(sheet, frame=frame, lines=np.asarray(sheet.lines)[kept], missing=missing), told


def _headings(sheet: Sheet) -> int:
    """How many rows right below the names of columns are headings."""
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
    return found


def _names_again(frame: pd.DataFrame) -> list[int]:
    """Rows, from 0, in which each filled cell is the name of its column, as where exports were put one below the other."""
    names = [str(name).strip() for name in frame.columns]
    if len(names) < 2 or not len(frame):
        return []
    first = frame.iloc[:, 0].astype("str").str.strip()
    found = []
    for place in np.flatnonzero((first == names[0]).to_numpy()):
        pairs = [
            (str(cell).strip(), name) for cell, name in zip(frame.iloc[place], names, strict=True) if pd.notna(cell)
        ]
        if len(pairs) > len(names) / 2 and all(cell == name for cell, name in pairs):
            found.append(int(place))
    return found


def _below_the_table(row: pd.Series) -> str | None:
    """The kind of a row at the end that is no data, or None."""
    cells = [str(cell).strip() for cell in row.dropna()]
    if not cells:
        return None
    if len(cells) < len(row) and SUMS_UP.fullmatch(cells[0].rstrip(" :")) and isinstance(row.iloc[0], str):
        return SUMMARY
    if len(cells) == 1 and len(row) > 2 and len(re.findall(r"[^\W\d_]{2,}", cells[0])) > 2:
        return REMARK
    return None


def _other_table(sheet: Sheet) -> list[int]:
    """Rows, from 0, behind the last blank line that leave most columns blank, where those before it fill most of them."""
    gaps = np.flatnonzero(np.diff(np.asarray(sheet.lines)) > 1)
    if not gaps.size or len(sheet.frame) - 1 - gaps[-1] > min(MOST_BELOW, gaps[-1]):
        return []
    filled = sheet.frame.iloc[max(0, int(gaps[-1]) - 200) :].notna().mean(axis=1).to_numpy()
    below = len(sheet.frame) - 1 - int(gaps[-1])
    if not (filled[-below:] <= 0.5).all() or np.median(filled[:-below]) < 0.75:
        return []
    return list(range(int(gaps[-1]) + 1, len(sheet.frame)))


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
