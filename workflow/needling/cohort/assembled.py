"""From clean tables to all that the analyses read, and to what was observed before any of them."""

from typing import TYPE_CHECKING

from needling.clean.codebook import codebook
from needling.cohort.describe import baseline_characteristics, distributions, missingness
from needling.cohort.flow import participant_flow
from needling.cohort.frame import assemble
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
    study : sections patients, visits, instruments, events, cohorts.

    Returns
    -------
    visits (contract FRAME), patients (clean), scores; flow, distribution, missingness, baseline (contracts of these names) and
    reliability (see `needling.instruments.scoring.reliability`); and codebook (see `needling.clean.codebook.codebook`).
    """
    beside = {name: given[name] for name in ("exported", "quarantine", "sources")}
    tables = {name: table for name, table in given.items() if name not in beside}
    known = definitions(study.instruments)
    patients, visits, outcomes = (given[name] for name in ("patients", "visits", "outcomes"))
    scores = score(outcomes, known)
    frame = assemble(patients, visits, scores, study)
    at_baseline = visits.loc[visits["visit"] == study.visits.baseline, "row"]
    return {
        "visits": frame,
        "patients": patients,
        "scores": scores,
        "flow": participant_flow(
            beside["exported"], patients, beside["quarantine"], frame, study, given.get("sessions")
        ),
        "distribution": distributions(frame, study),
        "missingness": missingness(frame, patients, study),
        "baseline": baseline_characteristics(frame, patients, study),
        "reliability": reliability(outcomes, known, at_baseline),
        "codebook": codebook({**tables, "scores": scores, "frame": frame}, beside["sources"], study),
    }
