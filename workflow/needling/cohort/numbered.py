"""Codes of people and places numbered by the export's own order, so that no analysis depends on a code dealt at random."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from needling.study.plan import Study

if TYPE_CHECKING:
    import pandas as pd

DIGITS = 9


def numbered(given: "Mapping[str, pd.DataFrame]", study: Study) -> "dict[str, pd.DataFrame]":
    """Replace the random codes of patients, clinics, therapists and covariates of kind code by numbers.

    Parameters
    ----------
    given : tables by name. Their rows follow the export's.
    study : section patients.

    Returns
    -------
    The same tables. A code becomes the name of its column and the place at which it first stands in the tables, those of patients
    first (therapist_000000001); the same code is the same number in every table, and a missing one stays missing. With another
    key of the study the tables are the same to the byte.
    """
    import pandas as pd

    tables = dict(sorted(given.items(), key=lambda one: one[0] != "patients"))
    for column in study.code_columns:
        holding = [name for name, table in tables.items() if column in table.columns]
        if not holding:
            continue
        codes = pd.concat([tables[name][column].astype("str") for name in holding], ignore_index=True).dropna().unique()
        numbers = {code: f"{column}_{place:0{DIGITS}d}" for place, code in enumerate(codes, 1)}
        for name in holding:
            tables[name] = tables[name].assign(
                **{column: tables[name][column].astype("str").map(numbers).astype("str")}
            )
    return tables


def without_codes(table: "pd.DataFrame", study: Study) -> "pd.DataFrame":
    """Take out the rows that are about one person or place, such as a clinic's coefficient, and its number out of remarks.

    Parameters
    ----------
    table : results or a side table of an analysis that `numbered` tables were given to.
    study : section patients.
    """
    import pandas as pd

    number = rf"\b(?:{'|'.join(study.code_columns)})_\d{{{DIGITS}}}\b"
    texts = [name for name in table.columns if pd.api.types.is_string_dtype(table[name].dtype)]
    if "note" in texts:
        table = table.assign(note=table["note"].str.replace(rf" ?(?:\[T\.)?{number}\]?", "", regex=True))
    about = pd.DataFrame({name: table[name].str.contains(number, na=False) for name in texts}, index=table.index)
    return table[~about.any(axis=1)]
