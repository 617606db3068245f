"""What the choices that an export's dictionary lists say of the cells of outcomes."""

import re

import numpy as np
import pandas as pd

from needling.clean.trail import Trail
from needling.instruments.definition import Definition
from needling.schema.intake import TOTAL

_MISSING_LABEL = re.compile(
    r"\b(?:refus\w*|declined to|not (?:assessed|applicable|done|answered|known|recorded|available|asked|performed|completed)|"
    r"(?:questionnaire|form|data|value) (?:lost|missing)|missing|unknown|no (?:answer|response|data)|(?:do|does) not know|"
    r"don['\u2019]t know|skipped|illegible|keine angabe|verweigert|nicht (?:erhoben|beantwortet)|sin respuesta)\b",
    re.IGNORECASE,
)


def labels_to_codes(trail: Trail, frame: pd.DataFrame, cells: pd.DataFrame) -> pd.Series:
    """Put the code for each label of the dictionary in cells that hold the label, kinds of cell as in `outcomes`."""
    raw = frame["raw"]
    for cell, instrument, item in cells[["instrument", "item"]].itertuples():
        choices = trail.choices("outcomes", f"{instrument}:{item}")
        back = {label: code for code, label in choices.items() if label not in choices}
        if item == TOTAL:  # a number among the labels of a score is the score
            back = {label: code for label, code in back.items() if np.isnan(_as_number(label))}
        if not back or not set(back) & set(raw.cat.categories):
            continue
        mine = (frame["cell"] == cell) & raw.isin(back)
        raw = raw.cat.add_categories(sorted(set(back.values()) - set(raw.cat.categories)))
        raw[mine] = raw[mine].astype("str").map(back)
    return raw


def labelled_missing(trail: Trail, frame: pd.DataFrame, cells: pd.DataFrame, value: pd.Series) -> pd.Series:
    """Which numbers the export's dictionary calls missing, such as 97 for refused, though they would be possible answers."""
    found = pd.Series(False, index=frame.index)
    for cell, instrument, item in cells[["instrument", "item"]].itertuples():
        choices = trail.choices("outcomes", f"{instrument}:{item}")
        codes = [_as_number(code) for code, label in choices.items() if _MISSING_LABEL.search(label)]
        if codes:
            found |= (frame["cell"] == cell) & value.isin(codes)
    return found


def from_codes_to_scores(choices: dict[str, str], one: Definition, seen: set[float]) -> float:
    """How far the scores that a dictionary lists lie from their codes, such as 1 for 0, 2 for 1 ... 11 for 10; 0 where they do not.

    An export with a score that is no code, and no code that is no score, holds the scores themselves.
    """
    listed = {code: label for code, label in choices.items() if not _MISSING_LABEL.search(label)}
    codes, scores = ([_as_number(text) for text in texts] for texts in (listed, listed.values()))
    if len(codes) < 3 or not np.isfinite([*codes, *scores]).all() or min(scores) < one.low or max(scores) > one.high:
        return 0.0
    by = {score - code for score, code in zip(scores, codes, strict=True)}
    if len(by) > 1 or (seen & {*scores} - {*codes} and not seen & {*codes} - {*scores}):
        return 0.0
    return by.pop()


def _as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan
