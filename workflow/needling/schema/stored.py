"""How tables go to disk and come back: sorted as given, no clock, ten significant digits, of estimates eight."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SIGNIFICANT_DIGITS = 10
# Two processors differ in the last bits of what is estimated. Of ten digits one number in 15,000 lies so near a boundary of
# rounding that they would write it differently, of eight digits one in some million.
ESTIMATED_DIGITS = 8
# Numbers whose own size does not tell how many of their digits are right: the column of the same table that does (the first of
# those named that it has; `_scale` says what serves where it has none), or a number.
STANDARD_ERRORS = ("se", "se_frequentist")
RELATIVE_TO: dict[str, tuple[str, ...] | float] = {
    "estimate": STANDARD_ERRORS,
    "low": STANDARD_ERRORS,
    "high": STANDARD_ERRORS,
    "statistic": 1.0,
    "difference": 1.0,
    "standardised_difference": 1.0,
    "before": 1.0,
    "after": 1.0,
    "residual": 1.0,
}


def write_table(table: "pd.DataFrame", path: str | Path, digits: int = SIGNIFICANT_DIGITS) -> None:
    """Write a table as parquet or CSV by the path's ending, numbers rounded to significant digits.

    Parameters
    ----------
    table : the frame; its index is not written.
    path : ends in .parquet or .csv; its folder is made.
    digits : how many; of estimates ESTIMATED_DIGITS.
    """
    import pandas as pd

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    given = table.reset_index(drop=True)
    table = given.copy()
    for column in table.columns:
        if pd.api.types.is_float_dtype(table[column].dtype):
            table[column] = round_significant(given[column], _scale(given, str(column)), digits)
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        harmless(table).to_csv(path, index=False, lineterminator="\n", float_format=f"%.{SIGNIFICANT_DIGITS}g")


def _scale(table: "pd.DataFrame", column: str) -> "pd.Series | float":
    """On which scale a column's numbers are to be rounded; 0 where only their own size tells.

    Of estimates and limits it is their standard error, in a table without one the width from low to high.
    """
    scale = RELATIVE_TO.get(column, 0.0)
    if isinstance(scale, float):
        return scale
    known = [table[name].astype(float) for name in scale if name in table.columns]
    if not known and {"low", "high"} <= set(table.columns):
        return (table["high"] - table["low"]).astype(float).abs()
    return known[0] if known else 0.0


def harmless(table: "pd.DataFrame") -> "pd.DataFrame":
    """Put an apostrophe before texts that a spreadsheet would run as a formula: those that begin with = + - @ or a tab."""
    import pandas as pd

    texts = {name: table[name] for name in table.columns if pd.api.types.is_string_dtype(table[name].dtype)}
    risky = {name: cells.str.match(r"[=+\-@\t\r]", na=False) for name, cells in texts.items()}
    return table.assign(
        **{name: cells.mask(risky[name], "'" + cells) for name, cells in texts.items() if risky[name].any()}
    )


def round_significant(
    values: "pd.Series", scale: "pd.Series | float" = 0.0, digits: int = SIGNIFICANT_DIGITS
) -> "pd.Series":
    """Round to significant digits, so that another processor's last bits do not show.

    Parameters
    ----------
    values : numbers.
    scale : what their size is told by, one for all or one for each: where it is larger than the number itself, digits are
        counted from it, since a small difference of large numbers has fewer right digits. Missing: 0.
    digits : how many.

    Returns
    -------
    The rounded numbers, never a negative 0.
    """
    import numpy as np
    import pandas as pd

    array = values.to_numpy(dtype=float, na_value=np.nan)
    size = np.fmax(np.abs(array), np.abs(np.asarray(scale, dtype=float)) * np.ones_like(array))
    finite = np.isfinite(array) & np.isfinite(size) & (size > 0)
    rounded = array.copy()
    # powers of ten as they are read, since a computed power or logarithm has last bits of its own processor
    powers = np.array([float(f"1e{k}") for k in range(-307, 309)])
    magnitude = np.searchsorted(powers, size[finite], side="right") - 308
    power = powers[np.clip(digits - 1 - magnitude, -307, 308) + 307]
    rounded[finite] = np.round(array[finite] * power) / power
    return pd.Series(rounded + 0.0, index=values.index, name=values.name)


def read_table(path: str | Path) -> "pd.DataFrame":
    """Read a table that `write_table` wrote (or a CSV of results)."""
    import pandas as pd

    path = Path(path)
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, keep_default_na=True)


def read_tables(paths: "str | Path | Sequence[str | Path]") -> "pd.DataFrame":
    """Read a table, or the parts of one from several files, in their order."""
    import pandas as pd

    return read_table(paths) if isinstance(paths, str | Path) else pd.concat(map(read_table, paths), ignore_index=True)
