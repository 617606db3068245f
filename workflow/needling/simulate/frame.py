"""A made-up study as an analysis frame, for tests and benchmarks of the models alone."""

import numpy as np
import pandas as pd

from needling.schema.contract import check
from needling.schema.frames import FRAME
from needling.simulate.made_up import SimulatedStudy
from needling.simulate.scenario import COHORTS, SCALES

COVARIATES = ("age", "sex", "duration_weeks", "expectation", "prior_needling")
POOLED_UNIT = "% of maximum possible score"


def to_frame(study: SimulatedStudy, observed_only: bool = True) -> pd.DataFrame:
    """Lay a made-up study out as the analysis frame, without an export, dirt or cleaning in between.

    Parameters
    ----------
    study : clean tables.
    observed_only : leave out visits that the patient missed (default). Otherwise everybody is there at every visit,
        which no real study is, and differences in means estimate the truth without bias.

    Returns
    -------
    Table of the contract FRAME for pain and function with the covariates age, sex, duration_weeks, expectation and
    prior_needling, sorted by cohort, outcome, patient and visit. Function in sports is pooled as percent of maximum
    possible score, 0-100, higher is better.
    """
    parts = []
    for cohort, plan in ((name, COHORTS[name]) for name in study.scenario.cohorts):
        parts.append(_outcome(study, cohort, "pain", ("nprs",)))
        parts.append(_outcome(study, cohort, "function", plan.function))
    frame = pd.concat(parts, ignore_index=True)
    frame = frame.merge(study.visits, on=["patient", "visit_number"]).merge(
        study.patients[["patient", "clinic", "arm", *COVARIATES]], on="patient"
    )
    frame["week"], frame["hour"] = frame["day"] / 7, 24 * frame["day"]
    frame["site"], frame["side"] = "", ""
    start = frame[frame["visit_number"] == 0].set_index(["patient", "outcome"])["value"].rename("baseline")
    frame = frame.join(start, on=["patient", "outcome"])
    frame["change"] = frame["value"] - frame["baseline"]
    frame["improvement"] = frame["change"] * np.where(frame["better"] == "lower", -1.0, 1.0)
    frame["prior_needling"] = np.where(frame["prior_needling"], "yes", "no")
    if observed_only:
        frame = frame[frame["observed"]]
    order = frame["cohort"].map({name: place for place, name in enumerate(COHORTS)})
    frame = frame.assign(place=order).sort_values(["place", "outcome", "patient", "visit_number"])
    for column, letter in (("patient", "P"), ("clinic", "C"), ("therapist", "T")):
        width = len(str(frame[column].max()))
        frame[column] = letter + frame[column].astype("str").str.zfill(width)
    return check(frame[[*FRAME, *COVARIATES]].reset_index(drop=True), FRAME, "frame")


def _outcome(study: SimulatedStudy, cohort: str, outcome: str, instruments: tuple[str, ...]) -> pd.DataFrame:
    members = study.patients.loc[study.patients["cohort"] == cohort, "patient"]
    parts = []
    for instrument in instruments:
        scale, table = SCALES[instrument], study.answers[instrument]
        mine = table.loc[table["patient"].isin(members), ["patient", "visit_number", "total", "observed"]]
        value, unit, better = mine["total"].astype(float), scale.unit, str(scale.better)
        if len(instruments) > 1:
            low, high = scale.bounds
            share = (value - low) / (high - low) * 100
            value, unit, better = share if scale.better == "higher" else 100 - share, POOLED_UNIT, "higher"
        parts.append(
            mine[["patient", "visit_number", "observed"]].assign(
                cohort=cohort, outcome=outcome, instrument=instrument, value=value, unit=unit, better=better
            )
        )
    return pd.concat(parts, ignore_index=True)
