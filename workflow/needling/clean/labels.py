"""From codes and labels as people write them to the names of the study file."""

import difflib
import math
import re

import numpy as np
import pandas as pd

from needling.read.number import MISSING_WORDS
from needling.read.spelling import plain

EXACT, NEAR, ABSENT, UNKNOWN = "exact", "near", "absent", "unknown"
SLIP = "slip"  # near, if it is rare
SHORTEST = 5  # letters of a label from which another spelling can be a slip
RARE = 0.1  # a slip is at most this often beside the label that it stands for
_ROMAN = re.compile(r"(?<![^\W_])[ivx]+(?:[a-c])?(?![^\W_])")
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


def map_codes(
    values: pd.Series,
    codes: dict[str, str],
    choices: dict[str, str] | None = None,
    closeness: float = 0.8,
    similar: bool = True,
) -> pd.DataFrame:
    """Map the cells of one column to names.

    Parameters
    ----------
    values : text; NaN for a blank.
    codes : code of the export -> name.
    choices : code -> label of the export's dictionary, so that an export of labels maps as well.
    closeness : smallest similarity (0-1) of spellings that count as the same label, if only one name is that close.
    similar : False where likeness decides nothing (arms, cohorts): then only case, spaces and marks may differ.

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
    spellings: dict[str, set[str]] = {}
    for text, meaning in exact.items():
        spellings.setdefault(plain(text), set()).add(meaning)
    places, distinct = pd.factorize(values)
    found = [_one(str(text), exact, spellings, closeness if similar else None) for text in distinct]
    counts = np.bincount(places[places >= 0], minlength=len(distinct))
    found = _rare_slips(found, counts)
    name = np.array([one for one, _ in found] + [None], dtype=object)
    how = pd.Categorical([kind for _, kind in found] + [""], categories=["", EXACT, NEAR, ABSENT, UNKNOWN])
    mapped = pd.Series(name, dtype="str").take(places).set_axis(values.index)
    return pd.DataFrame({"value": mapped, "how": how[places]}, index=values.index)


def _rare_slips(found: list[tuple[str | None, str]], counts: np.ndarray) -> list[tuple[str | None, str]]:
    """Take back what was taken for a slip and is not rare beside the label itself: it is a label of its own."""
    usual: dict[str | None, int] = {}
    for (name, how), count in zip(found, counts, strict=True):
        if how != SLIP:
            usual[name] = usual.get(name, 0) + int(count)
    settled: list[tuple[str | None, str]] = []
    for (name, how), count in zip(found, counts, strict=True):
        if how != SLIP:
            settled.append((name, how))
        elif count <= max(1, RARE * usual.get(name, 0)):
            settled.append((name, NEAR))
        else:
            settled.append((None, UNKNOWN))
    return settled


def _one(
    text: str, exact: dict[str, str], spellings: dict[str, set[str]], closeness: float | None
) -> tuple[str | None, str]:
    if text in exact:
        return exact[text], EXACT
    stripped, short = text.strip(), plain(text)
    if (number := _number(stripped)) is not None:
        same = [name for code, name in exact.items() if _number(code) == number]
        return (same[0], EXACT if stripped == text else NEAR) if same else (None, UNKNOWN)
    if len(spellings.get(short, ())) == 1:
        return next(iter(spellings[short])), NEAR
    if stripped.lower() in MISSING_WORDS or not short:
        return None, ABSENT
    return (None, UNKNOWN) if closeness is None else _alike(stripped, exact, closeness)


def _alike(stripped: str, exact: dict[str, str], closeness: float) -> tuple[str | None, str]:
    """The one name of which this is the initials or a slip of the pen, if there is exactly one."""
    short = plain(stripped)
    initials = {name for name in exact.values() if len(short) > 1 and short == _initials(name)}
    if len(initials) == 1:
        return initials.pop(), NEAR
    slips = {name for label, name in exact.items() if not initials and _is_slip(stripped, label, closeness)}
    return (slips.pop(), SLIP) if len(slips) == 1 else (None, UNKNOWN)


def _is_slip(text: str, label: str, closeness: float) -> bool:
    """Whether a text is a label with a slip or two in it.

    A word more or less, another number (also a roman one), a sign, another last letter and a negation are no slips: 'sham dry
    needling', 'week 24', 'grade II', 'type A' and 'inactive' mean something else than 'dry needling', 'week 12', 'grade III',
    'type B' and 'active'; nor can a few letters be told from others.
    """
    one, other = plain(text), plain(label)
    if min(len(one), len(other)) < SHORTEST or _tells_apart(text, label, one, other):
        return False
    if any(one.startswith(word) != other.startswith(word) for word in NEGATIONS):
        return False
    if difflib.SequenceMatcher(None, one, other).ratio() < closeness:
        return False
    two = len(other) >= LONG and len(_words(text)) == len(_words(label))
    return _slips(one, other) <= (2 if two else 1)


def _tells_apart(text: str, label: str, one: str, other: str) -> bool:
    """Whether two texts differ in a number, a roman numeral, a sign or the last letter."""
    marks = (r"[\d./,]+", r"[+<>≤≥-]")
    if any(re.findall(mark, one) != re.findall(mark, other) for mark in marks):
        return True
    roman = _ROMAN.findall(text.casefold()) != _ROMAN.findall(label.casefold())
    return roman or one[:-1] == other[:-1] or _last_word_differs(text, label)


def _last_word_differs(text: str, label: str) -> bool:
    """Whether the last words are single letters that differ: 'group A' and 'group B'."""
    one, other = _words(text), _words(label)
    ends = one[-1:] + other[-1:]
    return one[-1:] != other[-1:] and any(len(word) == 1 for word in ends)


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
