"""A mark with three digits behind it: 1,083 is a thousand and more, or one and a fraction; where nothing tells, it is asked."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from needling.clean.parse import in_doubt
from needling.read.number import COMMA, EXACT, LOOSE, PARTED, THREE_DIGITS
from needling.study.keys import StudyError

SEVERAL = 3  # cells in doubt from which they are no slips
_GROUPS = re.compile(r"[+-]?\d{1,3}([.,])\d{3}(?:[.,]\d{3})*(?:[.,]\d+)?")


def three_digits(
    values: pd.Series,
    found: pd.DataFrame,
    column: pd.Series | None = None,
    highest: "np.ndarray | float | None" = None,
    decimal: str | None = None,
    marks: str = ",.",
) -> tuple[pd.DataFrame, pd.Series]:
    """Tell 1,083 (a thousand and more) from 1,083 (one and a fraction), which are wrong by a factor of a thousand.

    Parameters
    ----------
    values, column : as for `numbers`.
    found : what `numbers` made of them.
    highest : highest possible value of each cell, where there is one: a mark is decimal if a thousand would lie above it.
    decimal : the decimal mark, where the study file states it; the other one then parts thousands.
    marks : marks that may part thousands.

    Returns
    -------
    `found` with thousands read where the mark parts them, and True for the cells that remain in doubt: a mark with three
    digits behind it in every cell of its column, and nothing that says which it is.
    """
    codes, distinct = pd.factorize(values)
    texts = [str(text).strip() for text in distinct]

    def of_each(answer: Callable[[str], str | bool]) -> np.ndarray:
        return np.array([answer(text) for text in [*texts, ""]])[codes]

    three = of_each(lambda text: one[1] if (one := THREE_DIGITS.fullmatch(text)) else "")
    doubt = pd.Series(False, index=values.index)
    if not (three != "").any():
        return found, doubt
    parted = of_each(_parting_mark)
    whole = of_each(lambda text: bool(re.fullmatch(r"\d{3,}", text)))
    known = found["how"].isin([EXACT, COMMA]).to_numpy()
    which = np.zeros(len(values), dtype=int) if column is None else column.cat.codes.to_numpy()
    limit = np.broadcast_to(np.inf if highest is None else highest, len(values))
    beyond = found["value"].abs().to_numpy() * 1000 > limit
    times = np.zeros(len(values), dtype=bool)
    for mark in marks:
        other_fraction = known & (three != mark) & of_each(lambda text, mark=mark: text.count(mark) == 1)  # type: ignore[misc]
        for one in np.unique(which[three == mark]):
            here = which == one
            mine = here & (three == mark)
            if decimal == mark or (here & other_fraction).any() or (mine & beyond).any():
                continue
            if decimal is not None or (here & (parted == mark)).any():
                times |= mine
            elif mark == "," or np.isfinite(limit[mine]).all() or (here & whole).any():
                doubt |= mine
    if times.any():
        found = found.assign(why=found["why"].cat.set_categories(sorted({*found["why"].cat.categories, PARTED})))
        found.loc[times, "value"] *= 1000
        found.loc[times, "how"], found.loc[times, "why"] = LOOSE, PARTED
    return found, doubt


def _parting_mark(text: str) -> str:
    """The mark that parts thousands beyond doubt: in 1,234,567 and 1,234.5; else ''."""
    one = _GROUPS.fullmatch(text)
    others = {mark for mark in text if mark in ",."}
    return one[1] if one and (len(others) > 1 or text.count(one[1]) > 1) else ""


def hold_or_ask(found: pd.DataFrame, raw: pd.Series, doubt: pd.Series, place: str) -> pd.DataFrame:
    """Hold a few numbers back that may be a thousand times as large; ask where there are several.

    Parameters
    ----------
    found, raw : what `numbers` made of the texts.
    doubt : True for the cells in doubt.
    place : their column in words.

    Returns
    -------
    `found` without the numbers in doubt.

    Raises
    ------
    StudyError : three or more cells are in doubt.
    """
    if doubt.sum() >= SEVERAL:
        raise StudyError(_question(place, raw[doubt].astype("str")))
    return in_doubt(found, doubt, "its mark may part thousands or be the decimal one")


def _question(place: str, cells: pd.Series) -> str:
    """Word the question with the key that answers it."""
    text = str(cells.iloc[0]).strip()
    mark = "," if "," in text else "."
    other = "." if mark == "," else ","
    whole, _, rest = text.partition(mark)
    return (
        f"{place}: {len(cells)} cells such as {text}, all with three digits behind the mark: is that {whole}{rest} or a fraction "
        f'({whole}.{rest})? Write export.decimal: "{other}" if the mark parts thousands, or export.decimal: "{mark}" if it is '
        "the decimal mark."
    )
