"""From clean tables to all that the analyses read, and to what was observed before any of them."""

from typing import TYPE_CHECKING

from needling.clean.codebook import codebook
from needling.cohort.covariates import with_covariates
from needling.cohort.describe import baseline_characteristics, distributions, missingness
from needling.cohort.events import intercurrent_counts, intercurrent_events
from needling.cohort.flow import participant_flow
from needling.cohort.frame import assemble, in_plan_order
from needling.cohort.readings import readings
from needling.cohort.sessions import session_frame
from needling.instruments.definition import definitions
from needling.instruments.scoring import reliability, score
from needling.study.plan import Study

if TYPE_CHECKING:
    import pandas as pd


def assembled(given: "dict[str, pd.DataFrame]", study: Study) -> "dict[str, pd.DataFrame]":
    """Score the items, assemble the frames and describe them.

    Parameters
    ----------
    given : clean tables by name, quarantine, exported (the read patients) and sources.
    study : sections patients, visits, instruments, events, cohorts, covariates, intercurrent_events.

    Returns
    -------
    visits (contract FRAME), sessions (SESSIONS_FRAME), events (EVENTS), patients (clean, with derived covariates), scores, readings
    (READINGS); arms and visits of the first two and of patients as categories in the order of the study file;
    intercurrent (INTERCURRENT), flow, distribution, missingness, baseline (contracts of these names) and
    reliability (see `needling.instruments.scoring.reliability`); and codebook (see `needling.clean.codebook.codebook`).
    """
    beside = {name: given[name] for name in ("exported", "quarantine", "sources")}
    tables = {name: table for name, table in given.items() if name not in beside}
    known = definitions(study.instruments)
    patients, visits, outcomes = (given[name] for name in ("patients", "visits", "outcomes"))
    scores = score(outcomes, known)
    patients = with_covariates(patients, visits, scores, tables, study)
    frame = assemble(patients, visits, scores, study)
    events = intercurrent_events(tables, patients, study)
    at_baseline = visits[visits["visit"] == study.visits.baseline]
    return {
        "visits": in_plan_order(frame, study),
        "sessions": in_plan_order(session_frame(patients, tables, study), study),
        "events": events,
        "patients": in_plan_order(patients, study),
        "scores": scores,
        "readings": readings(outcomes, patients, at_baseline, known),
        "flow": participant_flow(
            beside["exported"], patients, beside["quarantine"], frame, study, given.get("sessions")
        ),
        "distribution": distributions(frame, study),
        "missingness": missingness(frame, patients, study),
        "baseline": baseline_characteristics(frame, patients, study),
        "intercurrent": intercurrent_counts(frame, patients, events, study),
        "reliability": reliability(outcomes, known, at_baseline["row"]),
        "codebook": codebook({**tables, "scores": scores, "frame": frame}, beside["sources"], study),
    }
