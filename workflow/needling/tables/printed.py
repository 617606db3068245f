"""A table as it is printed: text in cells, headings between rows, notes below."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, format_fixed


class Told(str):
    """Text that prints a result: it knows the results row and the column that it comes from."""

    row_id: str
    column: str

    def __new__(cls, text: str, row_id: str, column: str) -> "Told":
        """Make it from the text and its origin."""
        made = super().__new__(cls, text)
        made.row_id, made.column = row_id, column
        return made


def told_interval(row: dict[Any, Any], digits: int, unit: str = "", factor: float = 1.0) -> Told:
    """Print a result and its interval to one number of decimals: −0.92 points (−1.38 to −0.46)."""
    estimate, low, high = (format_fixed(factor * row[name], digits) for name in ("estimate", "low", "high"))
    return Told(f"{estimate}{unit} ({low} to {high})", row["row_id"], "estimate low high")


# Shares of the 170 mm of the document's page: the space beside the words of a cell, and a letter of a head in 8 points.
BESIDE, LETTER = 0.024, 0.0088

Row = list[str]
Pieces = list[str]


def joined(parts: list[Pieces], last: str = " and ") -> Pieces:
    """Join pieces of a sentence as a list does."""
    out: Pieces = []
    for number, part in enumerate(parts):
        out += ([] if not number else [last if number == len(parts) - 1 else ", "]) + part
    return out


@dataclass
class Printed:
    """One table in two forms.

    `exact` holds the numbers for the CSV. `head` and `rows` are text for people (a `Told` where it prints a result); a row with
    one cell is a heading over the rows below it. `widths` are the columns' shares of the page; the first column is flush left, the
    others flush right unless `left` names them. `section` is where in the report it stands, unless the text places it. A `folded`
    table opens on the page by a click, and is a supplement of the PDF and the document.
    """

    caption: str
    exact: pd.DataFrame
    head: Row
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    left: tuple[int, ...] = (0,)
    section: str = "others"
    folded: bool = False


def without_empty_columns(table: Printed) -> Printed:
    """Leave out the columns in which no row has anything; the first, which names the rows, stays."""
    rows = [row for row in table.rows if len(row) > 1]
    empty = {i for i in range(1, len(table.head)) if all(row[i] in ("", MISSING) for row in rows)}
    if not rows or not empty:
        return table
    kept = [i for i in range(len(table.head)) if i not in empty]
    whole = sum(table.widths[i] for i in kept) if table.widths else 1.0
    return replace(
        table,
        head=[table.head[i] for i in kept],
        rows=[row if len(row) == 1 else [row[i] for i in kept] for row in table.rows],
        widths=[table.widths[i] / whole for i in kept] if table.widths else [],
        left=tuple(place for place, i in enumerate(kept) if i in table.left),
    )


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


def escape(text: object) -> str:
    """Make a text safe inside Markdown: what it says is what is printed."""
    return re.sub(r"([\\`*_{}\[\]<>#|~^$@\"'+!&=.-])", r"\\\1", str(text))


def marked(text: str) -> str:
    """Write a text in Markdown; one that prints a result carries its row and column into the page."""
    if isinstance(text, Told) and text:
        return f'[{escape(text)}]{{data-row="{text.row_id}" data-column="{text.column}"}}'
    return escape(text)


def markdown_table(table: Printed) -> str:
    """Write a table as a pipe table whose dashes carry the widths; a heading row is bold with the other cells empty."""
    size = len(table.head)
    rules = [
        f":{'-' * max(1, round(100 * width))}" if i in table.left else f"{'-' * max(1, round(100 * width))}:"
        for i, width in enumerate(_widths(table.head, table.widths or [1 / size] * size))
    ]
    lines = [_line(table.head), f"|{'|'.join(rules)}|"]
    for row in table.rows:
        if len(row) == 1:
            lines.append(f"| **{escape(row[0])}** |{' |' * (size - 1)}")
        else:
            lines.append(_line(row))
    return "\n".join(lines) + "\n"


def _widths(head: Row, given: list[float]) -> list[float]:
    """The shares of the page, none so small that a word of its head is cut; columns with room to spare give it."""
    whole = sum(given)
    longest = [max(len(word) for word in re.split(r"[ -]", words)) for words in head]
    needed = [whole * (BESIDE + LETTER * letters) for letters in longest]
    spare = [max(0.0, width - need) for width, need in zip(given, needed, strict=True)]
    lacking = sum(max(0.0, need - width) for width, need in zip(given, needed, strict=True))
    if not lacking or lacking > sum(spare):
        return given
    part = lacking / sum(spare)
    return [max(width, need) - part * more for width, need, more in zip(given, needed, spare, strict=True)]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    if isinstance(text, Told):
        return marked(text)
    stripped = text.lstrip(" ")
    # Markdown drops spaces in front of a cell's words: what cannot be broken it keeps, and the indent with it.
    return "\u00a0" * (len(text) - len(stripped)) + escape(stripped)
