"""Repeated readings of one measure at baseline, such as the three trials of a pressure pain threshold."""

import pandas as pd

from needling.instruments.definition import Definition
from needling.schema.contract import check, empty
from needling.schema.frames import READINGS


def readings(
    outcomes: pd.DataFrame, patients: pd.DataFrame, at_baseline: pd.DataFrame, definitions: dict[str, Definition]
) -> pd.DataFrame:
    """Lay out every reading that patients have at baseline of the instruments whose items are readings, not answers.

    Parameters
    ----------
    outcomes : table of the contract CLEAN['outcomes'].
    patients : clean patients.
    at_baseline : rows of CLEAN['visits'] at the baseline visit.
    definitions : outcome name -> definition.

    Returns
    -------
    Table of the contract READINGS, one row per patient, instrument and reading, in the order of the instruments and of the
    patients' rows; a patient with two baseline visits has the first. Readings that are missing have no row.
    """
    names = [name for name, one in definitions.items() if one.measured and len(one.items) > 1]
    visits = at_baseline.drop_duplicates("patient").set_index("row")["patient"]
    mine = outcomes[outcomes["instrument"].isin(names) & outcomes["visit_row"].isin(visits.index)]
    mine = mine[mine["item"].ne("total") & mine["value"].notna()]
    if mine.empty:
        return empty(READINGS)
    people = patients.set_index("patient")
    made = mine.assign(patient=mine["visit_row"].map(visits), reading=mine["item"])
    made = made[made["patient"].isin(people.index)]
    made = made.assign(cohort=made["patient"].map(people["cohort"]), _row=made["patient"].map(people["row"]))
    made["_place"] = made["instrument"].map({name: place for place, name in enumerate(names)})
    made = made.sort_values(["_place", "_row", "reading"], kind="stable")
    return check(made[list(READINGS)].reset_index(drop=True), READINGS, "readings")
