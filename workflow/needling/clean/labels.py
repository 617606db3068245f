"""From codes and labels as people write them to the names of the study file."""

import difflib
import math
import re

import numpy as np
import pandas as pd

from needling.clean.parse import MISSING_WORDS

EXACT, NEAR, ABSENT, UNKNOWN = "exact", "near", "absent", "unknown"
LONG = 16  # letters from which two slips may be in one label
NEGATIONS = (
    "no",
    "non",
    "not",
    "un",
    "in",
    "im",
    "ir",
    "dis",
    "without",
    "never",
    "kein",
    "nicht",
    "ohne",
    "sin",
    "sans",
    "pas",
)


def plain(text: str) -> str:
    """Reduce a label to its letters and digits, lower case: 'DN ' and 'dn', 'Usual care' and 'usual_care' are one."""
    return re.sub(r"[\W_]+", "", text.casefold())


def map_codes(
    values: pd.Series, codes: dict[str, str], choices: dict[str, str] | None = None, closeness: float = 0.8
) -> pd.DataFrame:
    """Map the cells of one column to names.

    Parameters
    ----------
    values : text; NaN for a blank.
    codes : code of the export -> name.
    choices : code -> label of the export's dictionary, so that an export of labels maps as well.
    closeness : smallest similarity (0-1) of spellings that count as the same label, if only one name is that close.

    Returns
    -------
    Frame with the index of `values`: value (NaN where unknown), how ('' for a blank; exact; near, another spelling; absent, a word
    for missing; unknown).
    """
    exact = {str(code): name for code, name in codes.items()}
    exact |= {str(name): str(name) for name in codes.values() if str(name) not in exact}
    for code, label in (choices or {}).items():
        if code in codes and label not in exact:
            exact[label] = codes[code]
    spellings = {plain(text): name for text, name in exact.items()}
    places, distinct = pd.factorize(values)
    found = [_one(str(text), exact, spellings, closeness) for text in distinct]
    name = np.array([one for one, _ in found] + [None], dtype=object)
    how = pd.Categorical([kind for _, kind in found] + [""], categories=["", EXACT, NEAR, ABSENT, UNKNOWN])
    mapped = pd.Series(name, dtype="str").take(places).set_axis(values.index)
    return pd.DataFrame({"value": mapped, "how": how[places]}, index=values.index)


def _one(text: str, exact: dict[str, str], spellings: dict[str, str], closeness: float) -> tuple[str | None, str]:
    if text in exact:
        return exact[text], EXACT
    stripped, short = text.strip(), plain(text)
    if (number := _number(stripped)) is not None:
        same = [name for code, name in exact.items() if _number(code) == number]
        return (same[0], EXACT if stripped == text else NEAR) if same else (None, UNKNOWN)
    if short in spellings:
        return spellings[short], NEAR
    if stripped.lower() in MISSING_WORDS or not short:
        return None, ABSENT
    name = _meant(stripped, exact, closeness)
    return (name, NEAR) if name else (None, UNKNOWN)


def _meant(text: str, exact: dict[str, str], closeness: float) -> str | None:
    """The one name of which this is the initials or a slip of the pen, if there is exactly one."""
    short = plain(text)
    if len(short) < 2:
        return None
    meant = {name for name in exact.values() if short == _initials(name)}
    if not meant and len(short) > 2:
        meant = {name for label, name in exact.items() if _is_slip(text, label, closeness)}
    return meant.pop() if len(meant) == 1 else None


def _is_slip(text: str, label: str, closeness: float) -> bool:
    """Whether a text is a label with a slip or two in it.

    A word more or less, another number and a negation are no slips: 'sham dry needling', 'week 24' and 'inactive' mean
    something else than 'dry needling', 'week 12' and 'active'.
    """
    one, other = plain(text), plain(label)
    if re.findall(r"\d+", one) != re.findall(r"\d+", other):
        return False
    if any(one.startswith(word) != other.startswith(word) for word in NEGATIONS):
        return False
    if difflib.SequenceMatcher(None, one, other).ratio() < closeness:
        return False
    two = len(other) >= LONG and len(_words(text)) == len(_words(label))
    return _slips(one, other) <= (2 if two else 1)


def _slips(one: str, other: str) -> int:
    """Letters to add, leave out, replace or exchange with their neighbour to make one text of the other."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", text.casefold()) if word]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _initials(name: str) -> str:
    return "".join(word[0] for word in _words(name))
