"""Tables of results that print as a journal would have them, and hold the exact numbers all the same."""

import re
from collections.abc import Callable
from typing import Any

import pandas as pd

from needling.labels.numbers import MINUS, MISSING, decimals, format_fixed, format_p

P_VALUES = re.compile(r"p(_\w+)?")
WITH_INTERVAL = ("estimate", "se", "low", "high")


class Table(pd.DataFrame):
    """A pandas table, exact, that shows estimates to the digits of their intervals and P values never as zero.

    Example
    -------
    >>> Table({"estimate": [-0.91234], "low": [-1.3812], "high": [-0.4435], "p": [0.00002]})
      estimate    low   high      p
    0    −0.91  −1.38  −0.44  <.001
    """

    @property
    def _constructor(self) -> Callable[..., "Table"]:
        return Table

    def __repr__(self) -> str:
        """Show the table as a journal prints it."""
        return printed(self).to_string()

    def _repr_html_(self) -> str:
        return str(printed(self).to_html(border=0))


def printed(table: pd.DataFrame) -> pd.DataFrame:
    """Write every number of a table as text.

    Parameters
    ----------
    table : any table; where it has low and high, they give the decimals of each row's estimate and standard error.

    Returns
    -------
    The table as text: P values as P, degrees of freedom with one decimal, other numbers with four significant digits or one
    decimal; a missing one as a dash.
    """
    shown = pd.DataFrame(table).copy()
    ends = {"low", "high"} <= set(shown.columns)
    digits = [decimals(*pair) for pair in zip(shown["low"], shown["high"], strict=True)] if ends else []
    for place, name in enumerate(map(str, shown.columns)):
        column = shown.iloc[:, place]
        if not pd.api.types.is_float_dtype(column.dtype):
            continue
        if P_VALUES.fullmatch(name):
            text = [format_p(value, name=False) for value in column]
        elif name in WITH_INTERVAL and digits:
            text = [format_fixed(value, n) for value, n in zip(column, digits, strict=True)]
        elif name == "df":
            text = [format_fixed(value, 1) for value in column]
        else:
            text = [_short(value) for value in column]
        shown = shown.assign(**{name: text})
    return shown


def _short(value: Any) -> str:
    if pd.isna(value):
        return MISSING
    return (f"{value:.1f}" if 100 <= abs(value) < 1e6 else f"{value:.4g}").replace("-", MINUS)
