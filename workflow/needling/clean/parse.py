"""From the text of a cell to a number or a date; each distinct text is looked at once."""

import datetime
import re

import numpy as np
import pandas as pd

from needling.read.number import (
    ABSENT,
    COMMA,
    ERROR,
    EXACT,
    LOOSE,
    MISSING_WORDS,
    TEXT,
    read_number,
)

HOW = ["", EXACT, COMMA, LOOSE, ABSENT, ERROR, TEXT]


def numbers(values: pd.Series, column: pd.Series | None = None) -> pd.DataFrame:
    """Read the cells of one numeric column, or of several one below the other.

    Parameters
    ----------
    values : text; NaN for a blank.
    column : what tells the columns apart, as categories, where there are several; each has its own decimal mark.

    Returns
    -------
    Frame with the index of `values`: value (NaN where there is no number), how ('' for a blank, else as in `read_number`) and why.
    A decimal comma counts as exact where at least half of the column's fractions have one: it is then the column's mark.
    """
    codes, distinct = pd.factorize(values)
    read = [read_number(str(text)) for text in distinct]
    number = np.array([value for value, _, _ in read] + [np.nan])
    how = np.array([kind for _, kind, _ in read] + [""], dtype=object)
    why = pd.Categorical([reason for _, _, reason in read] + [""])
    point = np.array([kind == EXACT and "." in str(text) for (_, kind, _), text in zip(read, distinct, strict=True)])
    found = pd.DataFrame(
        {"value": number[codes], "how": pd.Categorical(how, categories=HOW)[codes], "why": why[codes]},
        index=values.index,
    )
    which = np.zeros(len(values), dtype=int) if column is None else column.cat.codes.to_numpy()
    found.loc[_comma_is_mark((how == COMMA)[codes], np.append(point, False).astype(bool)[codes], which), "how"] = EXACT
    return found


def _comma_is_mark(comma: np.ndarray, point: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Which cells with a decimal comma are of a column in which at least half of the fractions have one."""
    if comma.sum() <= 2:
        return np.zeros(len(comma), dtype=bool)
    counts = pd.DataFrame({"comma": comma, "point": point}).groupby(column).sum()
    marks = counts.index[(counts["comma"] > 2) & (counts["comma"] >= counts["point"])]
    return comma & np.isin(column, marks)


def said(found: pd.DataFrame, beginning: str) -> pd.Series:
    """What cells say of themselves, the scale after `OUT_OF` or the unit after `BESIDE`: those alone that say something."""
    loose = found["why"][found["how"] == LOOSE].astype("str")
    return loose[loose.str.startswith(beginning)].str.removeprefix(beginning)


def in_doubt(found: pd.DataFrame, cells: "pd.Series | np.ndarray", why: str) -> pd.DataFrame:
    """Take back the numbers of some cells, with a reason: they are then texts to be asked about."""
    if not cells.any():
        return found
    found = found.assign(
        value=found["value"].mask(cells), why=found["why"].cat.set_categories([*found["why"].cat.categories, why])
    )
    found.loc[cells, "how"], found.loc[cells, "why"] = TEXT, why
    return found


# ---------------------------------------------------------------- dates

_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_COMPACT = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})")
_SLASHED = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})")
_NAMED = re.compile(
    r"(\d{1,2})\.?(?:st|nd|rd|th)?[-/. ]*(?:de )?([^\W\d_]{3,10})\.?[-/., ]*(?:de )?(\d{4}|\d{2})"
    r"|([^\W\d_]{3,10})\.? (\d{1,2}),? (\d{4})"
)
_PAIRS = re.compile(r"(\d{2})([-/.])(\d{2})\2(\d{2})")
# from 1985 on; SAS and Stata count from 1960, so that their days of today would be dates of the 1960s here
_SERIAL = re.compile(r"((?:3[1-9]|[45]\d)\d{3})(\.\d+)?")
_CLOCK = re.compile(r"[ T]\d{1,2}[:.]\d{2}.*$")
_ZONE = re.compile(r"(?:z|[+-]\d{2}:?\d{2})$", re.IGNORECASE)
# beginnings of the names of months in languages of western Europe, the longest one that fits counts
_MONTHS = {
    beginning: number
    for number, names in enumerate(
        [
            "jan ene gen",
            "feb fév fev",
            "mar mär mrz maa mrt",
            "apr abr avr",
            "may mai maj mei mag",
            "jun juin giu",
            "jul juil lug",
            "aug ago aoû aou",
            "sep set",
            "oct okt ott out",
            "nov",
            "dec dez déc dic des",
        ],
        1,
    )
    for beginning in names.split()
}
_SERIAL_START = datetime.date(1899, 12, 30).toordinal()
FEWEST_TURNED = 3  # dates from which it is no chance that none is beyond the 12th
_EPOCH = datetime.date(1970, 1, 1).toordinal()


def read_date(text: str) -> tuple[str, float, float]:
    """Read one cell of a date column.

    Parameters
    ----------
    text : the cell, not blank; a time of day is left out.

    Returns
    -------
    Style (iso, named, serial, dmy, mdy, either where day and month cannot be told apart, dotted where only dots say that the day
    comes first, absent, text), the day read day first, and the day read month first; both in days from 1970-01-01 and equal where
    there is no doubt, NaN where there is none.
    """
    cell = _CLOCK.sub("", text.strip()).lower()
    if cell in MISSING_WORDS:
        return "absent", np.nan, np.nan
    if match := _ISO.fullmatch(cell) or _COMPACT.fullmatch(cell):
        day = _day(int(match[1]), int(match[2]), int(match[3]))
        return ("iso" if np.isfinite(day) else "text"), day, day
    if match := _SLASHED.fullmatch(cell):
        return _slashed(int(match[1]), int(match[3]), _year(match[4]), match[2])
    if match := _NAMED.fullmatch(cell):
        name, number, year = (match[2], match[1], match[3]) if match[2] else (match[4], match[5], match[6])
        day = _day(_year(year), _month(name), int(number))
        return ("named" if np.isfinite(day) else "text"), day, day
    if match := _SERIAL.fullmatch(cell):
        day = float(int(match[1]) + _SERIAL_START - _EPOCH)
        return "serial", day, day
    return "text", np.nan, np.nan


def clock(values: pd.Series) -> pd.Series:
    """The time of day behind the dates of a column, as it is written; empty where there is none, or midnight.

    Parameters
    ----------
    values : text; NaN for a blank.
    """
    codes, distinct = pd.factorize(values)
    found = [_CLOCK.search(_ZONE.sub("", str(text).strip())) for text in distinct]
    times = ["" if one is None or not re.search(r"[1-9]", one[0]) else one[0].strip("T ") for one in found]
    return pd.Series(np.array([*times, ""], dtype=object)[codes], index=values.index, dtype="str")


def _slashed(first: int, second: int, year: int, mark: str) -> tuple[str, float, float]:
    day_first, month_first = _day(year, second, first), _day(year, first, second)
    if np.isnan(day_first) and np.isnan(month_first):
        return "text", np.nan, np.nan
    if np.isnan(month_first):
        return "dmy", day_first, day_first
    if np.isnan(day_first):
        return "mdy", month_first, month_first
    if day_first == month_first:
        return "same", day_first, day_first
    return "dotted" if mark == "." else "either", day_first, month_first


def _month(name: str) -> int:
    return _MONTHS.get(name[:4], _MONTHS.get(name[:3], 0))


def _year(text: str) -> int:
    year = int(text)
    return year if year > 99 else year + (2000 if year < 70 else 1900)


def _day(year: int, month: int, day: int) -> float:
    if not 1900 <= year <= 2100:
        return np.nan
    try:
        return float(datetime.date(year, month, day).toordinal() - _EPOCH)
    except ValueError:
        return np.nan


def dates(values: pd.Series) -> pd.DataFrame:
    """Read the cells of one date column; day first or month first is inferred from the whole column.

    Parameters
    ----------
    values : text; NaN for a blank.

    Returns
    -------
    Frame with the index of `values`: date (days from 1970-01-01, NaN where there is none or where it is in doubt), first and
    second (the two readings, different only in doubt), style ('' for a blank), doubtful, and odd: True where the style is not the
    column's commonest. A column is in doubt where cells can be read both ways and the others do not all go one way.
    """
    codes, distinct = pd.factorize(values)
    read = _dotted([read_date(str(text)) for text in distinct])
    read = _year_first([str(text) for text in distinct], read)
    written, read = read, _turned_round([str(text) for text in distinct], read)
    style = np.array([kind for kind, _, _ in read] + [""], dtype=object)
    first = np.array([day for _, day, _ in read] + [np.nan])
    second = np.array([day for _, _, day in read] + [np.nan])
    counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
    seen = {kind: int(counts[style[:-1] == kind].sum()) for kind in ("dmy", "mdy")}
    either = style == "either"
    if bool(seen["dmy"]) != bool(seen["mdy"]):
        day_first = bool(seen["dmy"])
        second[either] = first[either] = (first if day_first else second)[either]
        style[either] = "dmy" if day_first else "mdy"
        either = style == "either"
    by_style = pd.Series(counts).groupby(style[:-1]).sum()
    usual = by_style.drop(["absent", "text", "same", "either"], errors="ignore")
    commonest = str(usual.idxmax()) if len(usual) else ""
    slashed = {"dmy", "mdy", "same", "either"}
    odd = np.array([_odd(kind, commonest, slashed) for kind in style])
    odd[:-1] |= np.array([one != other for one, other in zip(read, written, strict=True)], dtype=bool)
    return pd.DataFrame(
        {
            "date": np.where(either, np.nan, first)[codes],
            "first": first[codes],
            "second": second[codes],
            "style": style[codes],
            "doubtful": either[codes],
            "odd": odd[codes],
        },
        index=values.index,
    )


Read = tuple[str, float, float]


def _dotted(read: list[Read]) -> list[Read]:
    """Take the day of dates with dots to come first, unless a date of the column has its month first."""
    doubted = any(style == "mdy" for style, _, _ in read)
    found: list[Read] = []
    for style, day, month in read:
        as_dots_say = ("either", day, month) if doubted else ("dmy", day, day)
        found.append(as_dots_say if style == "dotted" else (style, day, month))
    return found


def _year_first(texts: list[str], read: list[Read]) -> list[Read]:
    """Read dates of three pairs of digits year first, where day first they would not be dates or lie far more apart."""
    short = {place: match for place, text in enumerate(texts) if (match := _PAIRS.fullmatch(text.strip()))}
    days = {place: _day(_year(one[1]), int(one[3]), int(one[4])) for place, one in short.items()}
    if not days or not np.isfinite(list(days.values())).all():
        return read
    otherwise = [read[place][1] for place in days]
    if np.isfinite(otherwise).all() and np.ptp(otherwise) <= 3 * np.ptp(list(days.values())):
        return read
    return [("iso", days[place], days[place]) if place in days else one for place, one in enumerate(read)]


def _turned_round(texts: list[str], read: list[Read]) -> list[Read]:
    """Doubt the ISO dates of a column that a spreadsheet has converted as far as it could.

    It reads 03/02/2024 in its own order and leaves 13/02/2024, which is no date to it, as text: then every ISO date has a day up
    to 12 and every text none, and what was converted may have day and month exchanged.
    """
    styles = [style for style, _, _ in read]
    left, iso = {"dmy", "mdy"} & {*styles}, [place for place, style in enumerate(styles) if style == "iso"]
    if len(left) != 1 or {"either", "same"} & {*styles} or len(iso) < FEWEST_TURNED:
        return read
    parts = {place: _ISO.fullmatch(_CLOCK.sub("", texts[place].strip())) for place in iso}
    if not all(one and int(one[3]) <= 12 for one in parts.values()):
        return read
    turned = {place: _day(int(one[1]), int(one[3]), int(one[2])) for place, one in parts.items() if one}
    return [
        ("either", turned[place], one[1]) if place in turned and turned[place] != one[1] else one
        for place, one in enumerate(read)
    ]


def _odd(style: str, commonest: str, slashed: set[str]) -> bool:
    if style in {"", "absent", "text", commonest}:
        return False
    return not (style in {"same", "either"} and commonest in slashed)
