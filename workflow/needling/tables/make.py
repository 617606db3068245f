"""Every table of the report, by name."""

from pathlib import Path
from typing import TYPE_CHECKING

from needling.labels.words import Labels
from needling.schema import write_table
from needling.tables import baseline, data, observed, participants, results

if TYPE_CHECKING:
    import pandas as pd

    from needling.tables.printed import Printed

# Name -> what makes it from the released tables; None where the study has nothing to put into it.
TABLES = {
    "cleaning": data.cleaning,
    "totals": data.totals,
    "reliability": data.reliability,
    "participants": participants.participants,
    "baseline": baseline.baseline,
    "observed": observed.observed,
    "primary": results.primary,
    "visits": results.visits,
    "secondary": results.secondary,
    "coefficients": results.coefficients,
    "cross_check": results.cross_check,
}


def write_tables(released: "dict[str, pd.DataFrame]", labels: Labels, folder: str | Path) -> "dict[str, Printed]":
    """Make every table that the released ones allow and write its exact numbers as CSV into a folder.

    Returns
    -------
    Table name -> table, without those that the study has nothing for.
    """
    made = {name: table for name, make in TABLES.items() if (table := make(released, labels)) is not None}
    for name, table in made.items():
        write_table(table.exact, Path(folder) / f"{name}.csv")
    return made
