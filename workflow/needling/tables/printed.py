"""A table as it is printed: text in cells, headings between rows, notes below."""

from dataclasses import dataclass, field

import pandas as pd

Row = list[str]


@dataclass
class Printed:
    """One table in two forms.

    `exact` holds the numbers for the CSV. `head` and `rows` are text for people; a row with one cell is a heading over the
    rows below it. `widths` are the columns' shares of the page; the first column is flush left, the others flush right
    unless `left` names them.
    """

    caption: str
    exact: pd.DataFrame
    head: Row
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    left: tuple[int, ...] = (0,)


def headed(rows: list[tuple[str, Row]]) -> list[Row]:
    """Put a heading row wherever the heading of (heading, row) pairs changes; an empty heading stands for none."""
    out: list[Row] = []
    current = ""
    for heading, row in rows:
        if heading and heading != current:
            out.append([heading])
            current = heading
        out.append(row)
    return out
