"""Codes of people and places that look alike: they are queried, never merged."""

import re
import string

import numpy as np
import pandas as pd

from needling.clean.trail import HIDDEN, Trail


def bare(code: str) -> str:
    """Reduce a code to what people keep when they type it: lower case, no marks, no leading zeros in a number."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\W_]+", "", code.casefold()))


def query_similar(trail: Trail, table: str, frame: pd.DataFrame, name: str) -> None:
    """Query rows whose code is written like another code of the same column apart from case, marks and zeros."""
    codes = frame[name].dropna()
    counts = codes.value_counts()
    twins = pd.Series(counts.index, index=counts.index).map(bare)
    same = twins[twins.duplicated(keep=False)]
    if not len(same):
        return
    # the spelling used most is taken for the usual one; the others are asked about
    usual = set(counts.loc[same.index].groupby(same).idxmax())
    hit = codes.isin(set(same.index) - usual)
    rows = frame["row"].loc[codes.index[hit]]
    reason = f"a {name}'s code written like another one"
    trail.note("similar_codes", "query", table, rows, trail.source(table, name), reason, HIDDEN)


def resembles(code: str, known: set[str], bare_known: set[str]) -> bool:
    """Whether a code is a known one but for its spelling, one character, or two neighbours exchanged."""
    if bare(code) in bare_known:
        return True
    alphabet = sorted(set(string.ascii_letters + string.digits + "-_ "))
    for place in range(len(code) + 1):
        left, right = code[:place], code[place:]
        if len(right) > 1 and left + right[1] + right[0] + right[2:] in known:
            return True
        if right and left + right[1:] in known:
            return True
        for letter in alphabet:
            if left + letter + right in known or (right and left + letter + right[1:] in known):
                return True
    return False


def among(codes: pd.Series, known: set[str]) -> pd.Series:
    """Which codes are known; each distinct code is looked up once."""
    places, distinct = pd.factorize(codes)
    found = np.array([*(code in known for code in distinct), False])
    return pd.Series(found[places], index=codes.index)


def take_out_unknown(
    trail: Trail, frame: pd.DataFrame, table: str, known: set[str], quarantined: set[str]
) -> pd.DataFrame:
    """Quarantine rows of patients that are unknown or were taken out; a mistyped code is queried as well."""
    blank = frame["patient"].isna()
    frame = trail.take_out("unknown_patients", frame, table, blank, "no patient code")
    gone = among(frame["patient"], quarantined)
    frame = trail.take_out("unknown_patients", frame, table, gone, "patient set aside")
    stranger = ~among(frame["patient"], known)
    if not stranger.any():
        return frame
    bare_known = {bare(code) for code in known}
    codes = frame.loc[stranger, "patient"]
    alike = {code for code in codes.unique() if resembles(str(code), known, bare_known)}
    rows = frame.loc[stranger & frame["patient"].isin(alike), "row"]
    trail.note(
        "unknown_patients",
        "query",
        table,
        rows,
        trail.source(table, "patient"),
        "no such patient, but a known code is written almost the same",
        HIDDEN,
    )
    return trail.take_out("unknown_patients", frame, table, stranger, "patient unknown")
