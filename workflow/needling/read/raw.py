"""What every reader gives: the sheets of an export with each cell as text, and what it says about its columns."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from needling.schema.contract import plain_text

# What stands in a cell for which a spreadsheet has no value that could be read.
NOT_CALCULATED = "#NOT CALCULATED!"
TURNED = "#DATE INSTEAD OF A SCORE!"

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Variable:
    """What the export's dictionary says about one column.

    `label` and `note` are its words, `choices` code -> label, `kind` REDCap's field type or the format's storage
    ('text', 'notes', 'radio', 'checkbox', 'file', 'number', ...), `validation` REDCap's text validation, `lowest` the lowest
    value that it accepts, `form` the instrument it belongs to.
    """

    label: str = ""
    choices: dict[str, str] = field(default_factory=dict)
    kind: str = ""
    validation: str = ""
    lowest: str = ""
    identifier: bool = False
    form: str = ""
    note: str = ""


@dataclass(frozen=True)
class Sheet:
    """One table of the export.

    `frame` holds every cell as text exactly as exported, or missing where the cell is empty (of a large file as categories
    of text; `text` gives a column as plain text); `lines` the line or row of
    each of its rows as a text editor or spreadsheet counts; `missing` column -> reason for the missing values that the
    file format itself declares (missing elsewhere).
    """

    file: str
    name: str
    frame: pd.DataFrame
    lines: np.ndarray
    missing: dict[str, pd.Series] = field(default_factory=dict)

    @property
    def text(self) -> pd.DataFrame:
        """The frame with every column as plain text."""
        return self.frame.apply(plain_text)


@dataclass(frozen=True)
class RawExport:
    """An export as it came: its sheets, its dictionary (column -> `Variable`), and the texts in the files' properties.

    `properties` maps a place such as 'author' or 'note 1' to its text; `date_1904` says that the workbook counts days
    from 1904; `left_out` maps the place of each row that is no data to its filled cells and why.
    """

    sheets: list[Sheet]
    variables: dict[str, Variable] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    date_1904: bool = False
    left_out: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Names of all columns, in the order of the export."""
        return list(dict.fromkeys(column for sheet in self.sheets for column in sheet.frame.columns))


def number_text(values: np.ndarray) -> pd.Series:
    """Write numbers in the shortest form that reads back the same, whole ones without a decimal point.

    Parameters
    ----------
    values : floats of single or double precision; each is written to its own precision.

    Returns
    -------
    Text, missing where the number is.
    """
    codes, unique = pd.factorize(values)
    texts = [_shortest(value) for value in unique]
    return pd.Series([*texts, None], dtype="str").take(codes).reset_index(drop=True)


def _shortest(value: np.floating) -> str:
    if np.isfinite(value) and abs(value) < 2**53 and value == int(value):
        return str(int(value))
    return str(value)


def column_names(rows: "Iterable[list[str]]") -> list[str]:
    """Join the rows of column names above the data; a blank name becomes '(column 3)'.

    Parameters
    ----------
    rows : one or two rows of names, all of one length; a group's name in the upper row stands for the columns to its
        right until the next one.

    Returns
    -------
    One stripped name per column, possibly with doubles.
    """
    names: list[list[str]] = []
    rows = [[str(cell or "").replace("\ufeff", "").strip() for cell in row] for row in rows]
    for upper in rows[:-1]:
        group = ""
        filled = []
        for cell in upper:
            group = cell or group
            filled.append(group)
        names.append(filled)
    names.append(rows[-1])
    joined = [" ".join(filter(None, cells)) for cells in zip(*names, strict=True)]
    return [name or f"(column {number})" for number, name in enumerate(joined, 1)]
