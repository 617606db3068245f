"""From the text of one cell to a number: plain, with a decimal comma, or in other words; nothing is known of its column."""

import re

import numpy as np

MISSING_WORDS = frozenset(
    [
        "na",
        "n/a",
        "n.a.",
        "n.a",
        "nan",
        "null",
        "none",
        ".",
        "..",
        "-",
        "--",
        "---",
        "?",
        "??",
        "missing",
        "unknown",
        "nd",
        "n.d.",
        "nr",
        "n.r.",
        "ns",
        "x",
        "refused",
        "declined",
        "not done",
        "not known",
        "not available",
        "not applicable",
        "not recorded",
        "not asked",
        "no data",
    ]
)
# Written into a numeric column where there is no number; they count only outside the column's possible values.
MISSING_CODES = frozenset(
    float(sign * code)
    for sign, codes in {
        -1: (6, 7, 8, 9, 66, 77, 88, 98, 99, 777, 888, 998, 999, 9999),
        1: (77, 88, 99, 666, 777, 888, 998, 999, 9998, 9999, 99999),
    }.items()
    for code in codes
)
_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d*,\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3}){2,}(\.\d+)?|[+-]?\d{1,3}(\.\d{3}){2,}(,\d+)?|[+-]?\d{1,3},\d{3}\.\d+")
_GROUPED = re.compile(r"[+-]?\d{1,3}(['\u2019\u00a0\u202f\u2009]\d{3})+([.,]\d+)?")
_MINUS = re.compile(r"^[\u2212\u2012\u2013\ufe63\uff0d](?=[\d.,])")
_OUT_OF = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:/|of|out of)\s*(\d+)")
_SPAN = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:-|–|to)\s*(\d+(?:[.,]\d+)?)")
_LIMIT = re.compile(r"([<>≤≥]=?)\s*(\d+(?:[.,]\d+)?)")
_ABOUT = re.compile(r"(?:~|≈|ca\.?|approx\.?|about)\s*(\d+(?:[.,]\d+)?)|(\d+(?:[.,]\d+)?)\s*\?")
_WITH_WORD = re.compile(r"([+-]?\d+(?:[.,]\d+)?)\s*([a-zA-Z%°²/]{1,10}2?\.?)")
_SPREADSHEET = re.compile(r"#.*[!?]|#n/?[ad]", re.IGNORECASE)

# what a cell turned out to be
EXACT, COMMA, LOOSE, ABSENT, ERROR, TEXT = "exact", "comma", "loose", "absent", "error", "text"
# how a reason begins that names a scale or a unit written into the cell
OUT_OF, BESIDE = "written as out of ", "unit written beside the number: "
SPAN, PARTED = "a span: its middle", "thousands separators"
# a thousand and more, or one and a fraction: no cell tells by itself
THREE_DIGITS = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}")


def read_number(text: str) -> tuple[float, str, str]:
    """Read one cell of a numeric column.

    Parameters
    ----------
    text : the cell, not blank.

    Returns
    -------
    The number (NaN where there is none), how it was found (exact; comma, a decimal comma; loose, a number in other
    words; absent, a word for missing; error, a spreadsheet's error; text) and why, in words, for loose and error.
    """
    cell = text.strip()
    plain = _MINUS.sub("-", cell)
    value, how, why = _read(plain)
    if np.isinf(value):
        return np.nan, TEXT, "not a number"
    return (value, LOOSE, "another sign for minus") if plain != cell and how in {EXACT, COMMA} else (value, how, why)


def _read(cell: str) -> tuple[float, str, str]:
    lower = cell.lower()
    if _PLAIN.fullmatch(cell):
        return float(cell), EXACT, ""
    if lower in MISSING_WORDS:
        return np.nan, ABSENT, "word for missing"
    if _SPREADSHEET.fullmatch(cell):
        return np.nan, ERROR, "spreadsheet error"
    if _COMMA.fullmatch(cell):
        return _decimal(cell), COMMA, "decimal comma"
    if _THOUSANDS.fullmatch(cell) or _GROUPED.fullmatch(cell):
        return _without_thousands(re.sub(r"['\u2019\u00a0\u202f\u2009]", "", cell)), LOOSE, PARTED
    return _loose(lower)


def _loose(cell: str) -> tuple[float, str, str]:
    if match := _OUT_OF.fullmatch(cell):
        value, scale = _decimal(match[1]), int(match[2])
        return (value, LOOSE, f"{OUT_OF}{scale}") if value <= scale else (np.nan, TEXT, "more than it is out of")
    if match := _SPAN.fullmatch(cell):
        low, high = _decimal(match[1]), _decimal(match[2])
        if low < high:
            return (low + high) / 2, LOOSE, SPAN
    if match := _LIMIT.fullmatch(cell):
        return _decimal(match[2]), LOOSE, "a limit: taken as the value"
    if match := _ABOUT.fullmatch(cell):
        return _decimal(match[1] or match[2]), LOOSE, "marked as approximate"
    if match := _WITH_WORD.fullmatch(cell):
        return _decimal(match[1]), LOOSE, f"{BESIDE}{match[2]}"
    return np.nan, TEXT, "not a number"


def _decimal(text: str) -> float:
    return float(text.replace(",", "."))


def _without_thousands(text: str) -> float:
    mark = max(text.rfind("."), text.rfind(","))
    if mark < 0:
        return float(text)
    if text.count(text[mark]) > 1:
        return float(re.sub(r"[.,]", "", text))
    return float(re.sub(r"[.,]", "", text[:mark]) + "." + text[mark + 1 :])
