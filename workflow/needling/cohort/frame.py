"""The analysis frame: one row per patient, scheduled visit and outcome that was measured."""

import numpy as np
import pandas as pd

from needling.instruments.definition import Definition, definition
from needling.schema import FRAME, check
from needling.study.plan import Study

POOLED_UNIT = "% of maximum possible score"


def assemble(
    patients: pd.DataFrame, visits: pd.DataFrame, scores: pd.DataFrame, study: Study, *, at_baseline: bool = True
) -> pd.DataFrame:
    """Join clean patients, visits and scores into one row per patient, scheduled visit and outcome.

    An outcome that a cohort measures with several instruments (the one that each patient has) is put on percent of
    maximum possible score, 0-100 with higher better; every other one stays on its instrument's own scale. A patient
    who changes instrument between visits keeps the one of the baseline.

    Parameters
    ----------
    patients, visits, scores : tables of the contracts CLEAN['patients'], CLEAN['visits'] and SCORES.
    study : sections patients, visits, instruments, cohorts.
    at_baseline : also add the columns baseline, change and improvement (from the visit named baseline).

    Returns
    -------
    Table of the contract FRAME with one column per covariate, sorted by cohort, outcome, patient and visit. Patients
    without a measured outcome have no row: the participant flow counts them.
    """
    schedule = list(study.visits.schedule)
    scheduled = visits[visits["visit"].isin(schedule)]
    measured = scores.merge(
        scheduled.rename(columns={"row": "visit_row"}).drop(columns=["clinic"]), on="visit_row", how="inner"
    )
    covariates = [name for name in study.patients.covariates if name in patients.columns]
    measured = measured.merge(patients[["patient", "clinic", "cohort", "arm", *covariates]], on="patient", how="inner")

    parts = [
        _outcome(measured, cohort, outcome, instruments, study)
        for cohort, settings in study.cohorts.items()
        for outcome, instruments in settings.outcomes.items()
    ]
    frame = pd.concat(parts, ignore_index=True)
    frame["visit_number"] = frame["visit"].map({name: number for number, name in enumerate(schedule)}).astype("int64")
    nominal = frame["visit"].map({name: plan.nominal_week for name, plan in study.visits.schedule.items()})
    frame["week"] = (frame["day"] / 7).where(frame["day"].notna(), pd.to_numeric(nominal))
    frame["hour"] = 24 * frame["day"]
    frame["site"], frame["side"] = "", ""
    if at_baseline:
        frame = add_baseline(frame, study.visits.baseline)
    else:
        frame[["baseline", "change", "improvement"]] = np.nan
    order = {name: number for number, name in enumerate(study.cohorts)}
    frame = frame.sort_values(
        ["cohort", "outcome", "patient", "visit_number"],
        key=lambda column: column.map(order) if column.name == "cohort" else column,
        kind="stable",
    )
    columns = [*FRAME, *covariates]
    return check(frame[columns].reset_index(drop=True), FRAME, "frame")


def add_baseline(frame: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Add each patient's baseline value, the change from it and the change with positive meaning better."""
    keys = ["patient", "outcome"]
    at_baseline = frame.loc[frame["visit"] == baseline].set_index(keys)["value"].rename("baseline")
    frame = frame.drop(columns="baseline", errors="ignore").join(at_baseline, on=keys)
    frame["change"] = frame["value"] - frame["baseline"]
    frame["improvement"] = frame["change"] * np.where(frame["better"] == "lower", -1.0, 1.0)
    return frame


def _outcome(
    measured: pd.DataFrame, cohort: str, outcome: str, instruments: str | list[str], study: Study
) -> pd.DataFrame:
    """Rows of one outcome in one cohort: one instrument natively, several pooled."""
    names = [instruments] if isinstance(instruments, str) else instruments
    rows = measured[(measured["cohort"] == cohort) & measured["instrument"].isin(names)].copy()
    rows["outcome"] = outcome
    definitions = {name: definition(name, study.instruments[name]) for name in names}
    if len(names) > 1:
        rows = _keep_own_instrument(rows, study.visits.baseline)
        rows["value"] = _pooled(rows, definitions)
        rows["unit"], rows["better"] = POOLED_UNIT, "higher"
    else:
        rows["better"] = definitions[names[0]].better
    return rows.drop_duplicates(["patient", "visit"], keep="first")


def _keep_own_instrument(rows: pd.DataFrame, baseline: str) -> pd.DataFrame:
    own = rows[rows["visit"] == baseline].drop_duplicates("patient").set_index("patient")["instrument"]
    first = rows.sort_values("visit_row").drop_duplicates("patient").set_index("patient")["instrument"]
    chosen = rows["patient"].map(own).fillna(rows["patient"].map(first))
    return rows[rows["instrument"] == chosen].copy()


def _pooled(rows: pd.DataFrame, definitions: dict[str, Definition]) -> pd.Series:
    values = pd.Series(np.nan, index=rows.index)
    for name, one in definitions.items():
        mine = rows["instrument"] == name
        values[mine] = one.pomp(rows.loc[mine, "value"])
    return values
