"""Tables: format what results and side tables say; the exact numbers go to a CSV, the printed ones to the report."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from needling.study.plan import Study
    from needling.tables.printed import Printed

# Table -> the tables that it is made from (contracts of schema.py).
TABLES: dict[str, tuple[str, ...]] = {
    "cleaning": ("audit",),
    "totals": ("totals",),
    "reliability": ("reliability",),
    "participants": ("flow",),
    "baseline": ("baseline", "flow"),
    "observed": ("distribution", "missingness"),
    "primary": ("results", "flow"),
    "visits": ("results", "flow"),
    "secondary": ("results", "flow"),
    "coefficients": ("results", "flow"),
    "cross_check": ("cross_check",),
}


def make_table(name: str, inputs: "dict[str, pd.DataFrame]", plan: "Study") -> "Printed | None":
    """Format one table.

    Parameters
    ----------
    name : a key of `TABLES`.
    inputs : table name -> table, as the analyses wrote them (small groups are hidden here); those that `TABLES` names.
    plan : sections design, made_up, patients, visits, outcomes, cohorts, instruments, analyses, primary, disclosure.

    Returns
    -------
    Exact and printed numbers with caption and notes, or None where the study has nothing to put into it.

    Raises
    ------
    KeyError : an unknown name, or a table that is missing.
    """
    from needling.tables import baseline, data, observed, participants, results

    make = {
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
    }[name]
    return make({table: inputs[table] for table in TABLES[name]}, plan)


def write_tables(inputs: "dict[str, pd.DataFrame]", plan: "Study", folder: str | Path) -> "dict[str, Printed]":
    """Make every table that the inputs allow and write its exact numbers as CSV into a folder.

    Returns
    -------
    Table name -> table, without those that the study has nothing for.
    """
    from needling.schema import write_table

    made = {}
    for name, needed in TABLES.items():
        table = make_table(name, inputs, plan) if all(one in inputs for one in needed) else None
        if table is not None:
            made[name] = table
            write_table(table.exact, Path(folder) / f"{name}.csv")
    return made
