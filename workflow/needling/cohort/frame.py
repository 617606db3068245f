"""The analysis frame: one row per patient, scheduled visit and outcome that was measured."""

import numpy as np
import pandas as pd

from needling.instruments.definition import Definition, definition
from needling.schema.contract import check
from needling.schema.frames import FRAME
from needling.study.plan import Study

POOLED_UNIT = "% of maximum possible score"


def assemble(patients: pd.DataFrame, visits: pd.DataFrame, scores: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Join clean patients, visits and scores into one row per patient, scheduled visit and outcome.

    An outcome that a cohort measures with several instruments (the one that each patient has) is put on percent of
    maximum possible score, 0-100 with higher better; every other one stays on its instrument's own scale. A patient
    who changes instrument between visits keeps the one of the baseline. Instruments with sites are one outcome at several
    sites of the body: each has its own rows and its own baseline.

    Parameters
    ----------
    patients, visits, scores : tables of the contracts CLEAN['patients'], CLEAN['visits'] and SCORES.
        Columns of patients that are covariates of the study file, derived ones too, go along.
    study : sections patients, visits, instruments, cohorts, covariates.

    Returns
    -------
    Table of the contract FRAME with one column per covariate, sorted by cohort, outcome, site, the patient's row in the export and
    visit: no code that a patient was given decides an order. Patients without a measured outcome have no row: the participant
    flow counts them. `week`, `day` and `hour` are the true time where a date is known; `week` and `hour` else the planned one.
    """
    schedule = list(study.visits.schedule)
    scheduled = visits[visits["visit"].isin(schedule)]
    measured = scores.merge(
        scheduled.rename(columns={"row": "visit_row"}).drop(columns=["clinic"]), on="visit_row", how="inner"
    )
    covariates = [name for name in study.covariate_names if name in patients.columns]
    measured = measured.merge(patients[["patient", "clinic", "cohort", "arm", *covariates]], on="patient", how="inner")

    parts = [
        _outcome(measured, cohort, outcome, instruments, study)
        for cohort, settings in study.cohorts.items()
        for outcome in settings.outcomes
        for instruments in sites(outcome, cohort, study).values()
    ]
    frame = pd.concat(parts, ignore_index=True)
    frame["visit_number"] = frame["visit"].map({name: number for number, name in enumerate(schedule)}).astype("int64")
    _add_times(frame, study)
    frame = add_baseline(frame, study.visits.baseline)
    frame["_cohort"] = frame["cohort"].map({name: number for number, name in enumerate(study.cohorts)})
    frame["_patient"] = frame["patient"].map(patients.set_index("patient")["row"])
    frame = frame.sort_values(["_cohort", "outcome", "site", "_patient", "visit_number"], kind="stable")
    columns = [*FRAME, *covariates]
    return check(frame[columns].reset_index(drop=True), FRAME, "frame")


def in_plan_order(table: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Hold arms and visits as categories in the order of the study file, the reference first, for whoever reads the file.

    Parquet keeps the order, so that a model in a notebook compares with the reference as the plan does and its visits lie in
    the order of time.
    """
    orders = {"arm": study.arms, "visit": list(study.visits.schedule)}
    columns = {name: order for name, order in orders.items() if order and name in table}
    return table.assign(**{name: pd.Categorical(table[name], order) for name, order in columns.items()})


def _add_times(frame: pd.DataFrame, study: Study) -> None:
    """Add week and hour: from the day of the visit, or the planned ones; of visits with hours, which no day tells, as planned."""
    schedule = study.visits.schedule
    nominal = frame["visit"].map({name: plan.nominal_week for name, plan in schedule.items()}).astype(float)
    hours = frame["visit"].map({name: plan.hours for name, plan in schedule.items()}).astype(float)
    frame["week"] = (frame["day"] / 7).fillna(nominal).mask(hours.notna(), nominal)
    frame["hour"] = hours.fillna(24 * frame["day"])


def sites(outcome: str, cohort: str, study: Study) -> dict[str, list[str]]:
    """Give the sites of an outcome in a cohort, each with its instruments; without sites there is one, which has no name.

    Parameters
    ----------
    outcome, cohort : names of the study file.
    study : sections instruments, cohorts.
    """
    named = study.cohorts[cohort].outcomes[outcome]
    found: dict[str, list[str]] = {}
    for name in [named] if isinstance(named, str) else named:
        found.setdefault(study.instruments[name].site or "", []).append(name)
    return found


def add_baseline(frame: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Add each patient's baseline value, the change from it and the change with positive meaning better."""
    keys = ["patient", "outcome", *(["site"] if "site" in frame else [])]
    at_baseline = frame.loc[frame["visit"] == baseline].set_index(keys)["value"].rename("baseline")
    frame = frame.drop(columns="baseline", errors="ignore").join(at_baseline, on=keys)
    frame["change"] = frame["value"] - frame["baseline"]
    frame["improvement"] = frame["change"] * np.where(frame["better"] == "lower", -1.0, 1.0)
    return frame


def _outcome(measured: pd.DataFrame, cohort: str, outcome: str, names: list[str], study: Study) -> pd.DataFrame:
    """Rows of one outcome in one cohort at one site: one instrument natively, several pooled."""
    rows = measured[(measured["cohort"] == cohort) & measured["instrument"].isin(names)].copy()
    rows["site"], rows["side"] = (getattr(study.instruments[names[0]], place) or "" for place in ("site", "side"))
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
