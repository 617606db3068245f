"""The participant flow: how many people stand at each stage, and why people left."""

import pandas as pd

from needling.schema.contract import check
from needling.schema.frames import FLOW
from needling.study.plan import Study


def participant_flow(
    exported: pd.DataFrame,
    patients: pd.DataFrame,
    quarantine: pd.DataFrame,
    frame: pd.DataFrame,
    study: Study,
    sessions: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Count people from the export to the measurement of each outcome.

    The counts add up: exported = excluded by reason + enrolled = excluded by reason + allocated in all cohorts and arms. Who of
    them is in an analysis, and why the others are not, the analysis' own job says (contract PEOPLE).

    Parameters
    ----------
    exported : read table of patients. A person is a code: one on several lines counts once, a line without a code is nobody.
    patients : clean patients.
    quarantine : quarantined rows (contract QUARANTINE).
    frame : analysis frame.
    study : sections visits, cohorts, patients.
    sessions : clean sessions, where the study has them.

    Returns
    -------
    Table of the contract FLOW: stages exported, excluded (by reason), enrolled, allocated, treated, followed (with
    visit) and measured (with visit and outcome).
    """
    rows: list[dict[str, object]] = []

    def add(stage: str, people: pd.DataFrame | int, **place: str) -> None:
        n = people if isinstance(people, int) else int(people["patient"].nunique())
        rows.append(
            {"cohort": "", "arm": "", "visit": "", "outcome": "", "reason": "", **place, "stage": stage, "n": n}
        )

    codes = exported.assign(patient=exported["patient"].str.strip().replace("", None)).dropna(subset="patient")
    add("exported", codes)
    enrolled = codes.loc[codes["row"].isin(patients["row"]), "patient"]
    reasons = quarantine[quarantine["table"] == "patients"].drop_duplicates("row").set_index("row")["reason"]
    others = codes[~codes["patient"].isin(enrolled) & codes["row"].isin(reasons.index)].drop_duplicates("patient")
    for reason, group in others.groupby(others["row"].map(reasons), sort=True):
        add("excluded", group, reason=str(reason))
    add("enrolled", len(patients))
    named = ["cohort", "arm"] if study.arms else ["cohort"]
    followed = frame.groupby([*named, "visit"])["patient"].nunique()
    measured = frame.groupby([*named, "visit", "outcome"])["patient"].nunique()
    came: set[str] = set() if sessions is None else set(sessions["patient"].unique())
    for cohort, arm in [(cohort, arm) for cohort in study.cohorts for arm in study.arms or [""]]:
        in_arm = (patients["cohort"] == cohort) & ((patients["arm"] == arm) if arm else True)
        group = patients[in_arm]
        place, key = {"cohort": cohort, "arm": arm}, (cohort, arm)[: len(named)]
        add("allocated", group, **place)
        if sessions is not None:
            add("treated", group[group["patient"].isin(came)], **place)
        for visit in study.visits.schedule:
            add("followed", int(followed.get((*key, visit), 0)), **place, visit=visit)
        for outcome in study.cohorts[cohort].outcomes:
            for visit in study.visits.schedule:
                add("measured", int(measured.get((*key, visit, outcome), 0)), **place, visit=visit, outcome=outcome)
    return check(pd.DataFrame(rows), FLOW, "flow")
