"""The rule of disclosure as limits, and the two ways of hiding: some columns of some rows, and small parts of known totals."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from needling.release.cells import suppress

if TYPE_CHECKING:
    import pandas as pd

    from needling.study.plan import Study


@dataclass(frozen=True)
class Limits:
    """Fewest people: in a cell, beyond a quantile, behind a mean, behind a standard deviation. 1 (or 0) hides nothing."""

    cell: int
    beyond: int
    mean: int
    sd: int


def limits(study: "Study") -> Limits:
    """Say what the rule of a study file asks for."""
    rule, minimum = study.disclosure.rule, study.disclosure.min_cell
    if rule is None:
        return Limits(1, 0, 1, 1)
    return Limits(minimum, minimum, 2, 3) if rule == "cells" else Limits(1, 2, 2, 3)


def few(n: Any, fewest: int) -> Any:
    """Tell where a number of people is above zero and below what is asked for; an unknown number is not."""
    return ((n > 0) & (n < fewest)).fillna(False).astype(bool)


def hide(table: "pd.DataFrame", rows: "pd.Series", columns: list[str], reason: str) -> None:
    """Empty some columns of some rows; the first reason for which a row lost anything is the one that it keeps."""
    columns = [column for column in columns if column in table.columns]
    touched = rows & table[columns].notna().any(axis=1)
    for column in columns:
        table[column] = table[column].mask(rows)
    table["hidden"] = table["hidden"].mask(touched & (table["hidden"] == ""), reason)


def release_parts(
    table: "pd.DataFrame",
    by: list[str],
    total: str,
    part: str,
    names: list[str],
    limit: Limits,
    subtotals: Any = None,
) -> "pd.DataFrame":
    """Hide small parts of known totals, with complements; the names too where a total is small.

    Parameters
    ----------
    table : one row per part.
    by : columns within whose levels the parts add up.
    total, part : columns with the total and the part.
    names : columns that name the part.
    limit : `Limits`.
    subtotals : function from the rows of one total to further known sums of them (`cells.Sum`). Default: none.
    """
    import pandas as pd

    table = table.assign(hidden="", **{part: table[part].astype("Int64")})
    dropped: list[Any] = []
    for _, mine in table.groupby(by, sort=False, dropna=False):
        sums = [(range(len(mine)), float(mine[total].iloc[0])), *(subtotals(mine) if subtotals else [])]
        reasons = pd.Series(suppress(mine[part].tolist(), limit.cell, sums), index=mine.index)
        closed = (reasons == "withheld").any()
        dropped += list(mine.index[1:]) if closed else []
        for name in names if closed else []:
            table.loc[mine.index[0], name] = ""
        table.loc[mine.index, "hidden"] = reasons
    table[part] = table[part].mask(table["hidden"] != "")
    return table.drop(index=dropped).reset_index(drop=True)
