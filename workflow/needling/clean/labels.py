"""From codes and labels as people write them to the names of the study file."""

import difflib
import re

import numpy as np
import pandas as pd

from needling.clean.parse import MISSING_WORDS

EXACT, NEAR, ABSENT, UNKNOWN = "exact", "near", "absent", "unknown"


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
    how = np.array([kind for _, kind in found] + [""], dtype=object)
    return pd.DataFrame({"value": pd.Series(name[places], index=values.index, dtype="str"), "how": how[places]})


def _one(text: str, exact: dict[str, str], spellings: dict[str, str], closeness: float) -> tuple[str | None, str]:
    if text in exact:
        return exact[text], EXACT
    stripped = text.strip()
    if (number := _number(stripped)) is not None:
        for code, name in exact.items():
            if _number(code) == number:
                return name, (EXACT if stripped == text else NEAR)
        return None, UNKNOWN
    short = plain(text)
    if short in spellings:
        return spellings[short], NEAR
    if text.strip().lower() in MISSING_WORDS or not short:
        return None, ABSENT
    initials = {name for name in exact.values() if short == _initials(name) and len(short) > 1}
    if len(initials) == 1:
        return initials.pop(), NEAR
    close = {spellings[near] for near in difflib.get_close_matches(short, spellings, n=3, cutoff=closeness)}
    return (close.pop(), NEAR) if len(close) == 1 and len(short) > 2 else (None, UNKNOWN)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _initials(name: str) -> str:
    return "".join(word[0] for word in re.split(r"[\W_]+", name.casefold()) if word)
