"""Every table of the report, by name."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from needling.labels.words import Labels
from needling.schema.stored import write_table
from needling.study.extensions import EXTENSIONS, loaded, part_files
from needling.tables.printed import without_empty_columns

if TYPE_CHECKING:
    import pandas as pd

    from needling.tables.printed import Printed

Make = Callable[["dict[str, pd.DataFrame]", Labels], "Printed | None"]


def tables(extensions: Path = EXTENSIONS) -> dict[str, Make]:
    """Find the tables: what the files of this folder, and every table_<name>.py of a study's own extensions, list as TABLES.

    TABLES has for each name what makes it from the released tables and the words; None where the study has nothing to put into it.
    """
    files = part_files("tables", r"TABLES\b", "table_", extensions)
    return {name: make for path in files.values() for name, make in loaded(path, ("TABLES",)).TABLES.items()}


def write_tables(
    released: "dict[str, pd.DataFrame]", labels: Labels, folder: str | Path, extensions: Path = EXTENSIONS
) -> "dict[str, Printed]":
    """Make every table that the released ones allow and write its exact numbers as CSV into a folder.

    Returns
    -------
    Table name -> table, without those that the study has nothing for.
    """
    made = {
        name: without_empty_columns(table)
        for name, make in tables(extensions).items()
        if (table := make(released, labels)) is not None
    }
    for name, table in made.items():
        write_table(table.exact, Path(folder) / f"{name}.csv")
    return made
