"""What a contract of a table is, and how a table is held to it.

A contract is a dictionary column -> `Field`; `check` holds a table to it, so that a stage that breaks its promise stops
with the table and the column named.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

KINDS: dict[str, Any] = {
    "text": "str",
    "level": "category",
    "number": "float64",
    "whole": "int64",
    "count": "Int64",
    "boolean": "boolean",
}


@dataclass(frozen=True)
class Field:
    """What one column holds: its kind, whether it may be empty, its label and unit.

    Kinds are text, level (text of which millions of rows share few, held as categories), number, whole (an integer),
    count (an integer that may be unknown or hidden) and boolean.
    """

    kind: str
    label: str
    empty: bool = False
    unit: str = ""


Contract = dict[str, Field]


def text(label: str, empty: bool = False) -> Field:
    """Text."""
    return Field("text", label, empty)


def level(label: str, empty: bool = False) -> Field:
    """Text of which millions of rows share few, held as categories."""
    return Field("level", label, empty)


def number(label: str, unit: str = "", empty: bool = True) -> Field:
    """A number; it may be missing unless said otherwise."""
    return Field("number", label, empty, unit)


def whole(label: str, unit: str = "", empty: bool = False) -> Field:
    """A whole number."""
    return Field("whole", label, empty, unit)


def count(label: str) -> Field:
    """A whole number that may be unknown or hidden."""
    return Field("count", label, True)


def is_date(canonical: str) -> bool:
    """Tell by its name whether a covariate or event column holds dates: date, date_..., or ..._date."""
    return canonical == "date" or canonical.startswith("date_") or canonical.endswith("_date")


def check(table: "pd.DataFrame", contract: Contract, name: str) -> "pd.DataFrame":
    """Hold a table to its contract.

    Parameters
    ----------
    table : any frame.
    contract : the columns it must have; others may follow them.
    name : words for the message.

    Returns
    -------
    The table with the contract's columns first and typed (text as pandas' string dtype, levels as categories, numbers as
    float, whole numbers as 64-bit integers).

    Raises
    ------
    TypeError : a column is missing, of another kind, or empty where it may not be; the table and column are named.
    """
    missing = [column for column in contract if column not in table.columns]
    if missing:
        raise TypeError(f"table {name}: column(s) {', '.join(missing)} missing")
    typed = {}
    for column, field in contract.items():
        try:
            typed[column] = _of_kind(table[column], KINDS[field.kind])
        except (ValueError, TypeError) as error:
            raise TypeError(
                f"table {name}: column {column} does not hold {field.kind}s ({type(error).__name__})"
            ) from None
        if not field.empty and typed[column].isna().any():
            raise TypeError(f"table {name}: column {column} has empty cells, which its contract does not allow")
    others = [column for column in table.columns if column not in contract]
    return table[[*contract, *others]].assign(**typed)


def empty(contract: Contract) -> "pd.DataFrame":
    """Give a table of a contract without rows."""
    import pandas as pd

    return check(pd.DataFrame(columns=list(contract)), contract, "empty")


def _of_kind(cells: "pd.Series", kind: Any) -> "pd.Series":
    return plain_text(cells) if kind == "str" else levels(cells) if kind == "category" else cells.astype(kind)


def plain_text(cells: "pd.Series") -> "pd.Series":
    """Give a column as plain text, without a detour over Python's objects where it holds categories, as there may be millions."""
    import pandas as pd

    if cells.dtype != "category":
        return cells.astype("str")
    texts = pd.Series([*cells.cat.categories, None], dtype="str")
    return texts.take(cells.cat.codes.to_numpy()).set_axis(cells.index)


def levels(cells: "pd.Series") -> "pd.Series":
    """Give a column of text as categories."""
    return cells if cells.dtype == "category" else cells.astype("str").astype("category")
