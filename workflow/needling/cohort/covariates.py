"""Covariates that the plan derives: an instrument at a visit, or what a patient's events until a visit amount to."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from needling.cohort.events import chosen
from needling.study.derived import DerivedCovariate
from needling.study.plan import Study


def with_covariates(
    patients: pd.DataFrame,
    visits: pd.DataFrame,
    scores: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    study: Study,
) -> pd.DataFrame:
    """Add the study file's derived covariates to the clean patients.

    Parameters
    ----------
    patients, visits, scores : tables of the contracts CLEAN['patients'], CLEAN['visits'] and SCORES.
    tables : clean event tables by name.
    study : sections visits, events, covariates.

    Returns
    -------
    The patients with one number per derived covariate. Of an instrument it is the score at the visit, missing where there is none.
    Of events it counts rows dated before the patient's day of the visit (where that was missed, the planned day): count and
    sum are 0 without any, mean and share are missing, and all are missing where a row has no date or no number, or the
    visit has no day.
    """
    made = {}
    for name, one in study.covariates.items():
        if one.instrument is not None:
            at = visits.loc[visits["visit"] == one.visit].set_index("row")["patient"]
            mine = scores[(scores["instrument"] == one.instrument) & scores["visit_row"].isin(at.index)]
            values = mine.assign(patient=mine["visit_row"].map(at)).drop_duplicates("patient")
            made[name] = patients["patient"].map(values.set_index("patient")["value"]).astype(float)
        else:
            made[name] = _of_events(name, one, patients, visits, tables, study)
    return patients.assign(**made)


def _of_events(
    name: str,
    one: DerivedCovariate,
    patients: pd.DataFrame,
    visits: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    study: Study,
) -> pd.Series:
    week = study.visits.schedule[str(one.until)].nominal_week
    seen = visits[visits["visit"] == one.until].drop_duplicates("patient").set_index("patient")["day"]
    last = patients.set_index("patient").index.to_series().map(seen).fillna(np.nan if week is None else 7 * week)
    rows = _until(chosen(tables, str(one.table), one.where, f"covariates.{name}", study), last)
    people = patients["patient"]
    if one.take == "share_of_sessions":
        sessions = _until(tables["sessions"], last)
        with_one = pd.MultiIndex.from_frame(sessions[["patient", "day"]]).isin(
            pd.MultiIndex.from_frame(rows[["patient", "day"]])
        )
        values = people.map(
            pd.Series(with_one, index=sessions["patient"].to_numpy(), dtype=float).groupby(level=0).mean()
        )
        open_ones = pd.concat([rows, sessions])
    else:
        numbers = rows[one.column].astype(float) if one.column else pd.Series(1.0, index=rows.index)
        by = numbers.groupby(rows["patient"])
        values = people.map(by.mean()) if one.take == "mean" else people.map(by.sum()).fillna(0.0)
        open_ones = rows[rows["day"].isna() | numbers.isna()]
    unknown = open_ones.loc[open_ones["day"].isna() | (one.take != "share_of_sessions"), "patient"]
    return values.astype(float).mask(people.isin(unknown) | people.map(last).isna())


def _until(rows: pd.DataFrame, last: pd.Series) -> pd.DataFrame:
    """Rows dated before a day by patient; those without a date stay, since nobody knows."""
    return rows[rows["day"].isna() | (rows["day"] < rows["patient"].map(last))]
