"""From codes and labels as people write them to the names of the study file."""

import difflib
import math
import re

import numpy as np
import pandas as pd

from needling.clean.parse import MISSING_WORDS

EXACT, NEAR, ABSENT, UNKNOWN = "exact", "near", "absent", "unknown"
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
    name = _meant(short, exact, spellings, closeness)
    return (name, NEAR) if name else (None, UNKNOWN)


def _meant(short: str, exact: dict[str, str], spellings: dict[str, str], closeness: float) -> str | None:
    """The one name of which this is the initials or a close spelling, if there is exactly one."""
    if len(short) < 2:
        return None
    meant = {name for name in exact.values() if short == _initials(name)}
    if not meant and len(short) > 2:
        close = difflib.get_close_matches(short, spellings, n=3, cutoff=closeness)
        meant = {spellings[near] for near in close if not _contradicts(short, near)}
    return meant.pop() if len(meant) == 1 else None


def _contradicts(one: str, other: str) -> bool:
    """Whether two close spellings mean different things: other numbers (week 12, week 24), or one of them negated."""
    if re.findall(r"\d+", one) != re.findall(r"\d+", other):
        return True
    return any(one.startswith(word) != other.startswith(word) for word in NEGATIONS)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _initials(name: str) -> str:
    return "".join(word[0] for word in re.split(r"[\W_]+", name.casefold()) if word)
