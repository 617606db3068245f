"""Intercurrent events: told from the clean tables, counted by arm and visit, and answered by the strategies of an estimand."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from needling.schema.contract import check, empty
from needling.schema.frames import EVENTS, INTERCURRENT
from needling.study.derived import Strategy
from needling.study.keys import StudyError
from needling.study.plan import Study
from needling.study.sources import Visits


def chosen(
    tables: Mapping[str, pd.DataFrame], table: str, where: Mapping[str, list[str]], place: str, study: Study
) -> pd.DataFrame:
    """Take the rows of a clean event table that the study file means.

    Parameters
    ----------
    tables : clean tables by name.
    table : name of an event table.
    where : column -> values, as text; a number is compared as a number.
    place : key of the study file, for the message.
    study : section events.

    Returns
    -------
    Those rows of the table, with the day of their session where they have no day of their own.

    Raises
    ------
    StudyError : a value that the column never holds, although the study file does not list its codes: it may be misspelt.
    """
    rows = tables[table]
    if "day" not in rows.columns:
        rows = rows.assign(day=_session_days(tables, rows))
    for column, values in where.items():
        cells = rows[column]
        wanted = pd.to_numeric(pd.Series(values)) if pd.api.types.is_numeric_dtype(cells.dtype) else values
        if not getattr(study.events, table).columns[column].codes and not cells.isin(wanted).any():
            raise StudyError(
                f"{place}: no row of {table} has {column} {' or '.join(values)}; mend the spelling, or list the codes of "
                f"events.{table}.columns.{column} where nobody had it."
            )
        rows = rows[cells.isin(wanted)]
    return rows


def _session_days(tables: Mapping[str, pd.DataFrame], rows: pd.DataFrame) -> pd.Series:
    """Days of the sessions that rows belong to; unknown where they name none."""
    if "session" not in rows.columns or "sessions" not in tables:
        return pd.Series(np.nan, index=rows.index)
    sessions = tables["sessions"].drop_duplicates(["patient", "session"])
    days = rows[["patient", "session"]].merge(sessions, on=["patient", "session"], how="left")["day"]
    return days.set_axis(rows.index)


def intercurrent_events(tables: Mapping[str, pd.DataFrame], patients: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Tell who had which intercurrent event, and when first.

    Parameters
    ----------
    tables : clean tables by name.
    patients : clean patients; events of others are left out.
    study : sections events, intercurrent_events.

    Returns
    -------
    Table of the contract EVENTS, one row per patient and event, in the order of the study file and the patients' rows. The day is
    that of the first one with a date; it is missing where none has a date.
    """
    parts = []
    for name, event in study.intercurrent_events.items():
        rows = chosen(tables, event.table, event.where, f"intercurrent_events.{name}", study)
        first = rows.groupby("patient")[event.day].min()
        mine = patients.loc[patients["patient"].isin(first.index)].sort_values("row")["patient"]
        parts.append(pd.DataFrame({"patient": mine, "event": name, "day": mine.map(first)}))
    return check(pd.concat(parts, ignore_index=True), EVENTS, "events") if parts else empty(EVENTS)


def intercurrent_counts(
    frame: pd.DataFrame, patients: pd.DataFrame, events: pd.DataFrame, study: Study
) -> pd.DataFrame:
    """Count intercurrent events by arm and visit, and who was measured all the same; missing values stand apart.

    Parameters
    ----------
    frame, patients, events : the visit frame, the clean patients, and the table of the contract EVENTS.
    study : sections patients, visits, cohorts, intercurrent_events.

    Returns
    -------
    Table of the contract INTERCURRENT. Of somebody who missed a visit, the planned day says whether an event came before it. A
    patient with two events counts in both; the row without an event counts those who had none.
    """
    people = pd.Index(patients["patient"])
    # by event: whoever never had it has it after all days, whoever had it on an unknown day before all
    since = {
        event: mine.set_index("patient")["day"].fillna(-np.inf).reindex(people, fill_value=np.inf).to_numpy()
        for event in study.intercurrent_events
        for mine in [events[events["event"] == event]]
    }
    named = {name for cohort in study.cohorts.values() for name in cohort.outcomes} if since else {}
    had = {
        (outcome, visit): _had_before(mine[mine["visit"] == visit], people, since, study.visits, visit)
        for outcome in sorted(named)
        for mine in [frame[frame["outcome"] == outcome]]
        for visit in study.visits.follow_up
    }
    rows = []
    for (cohort, arm), group in patients.assign(arm=patients["arm"].fillna("")).groupby(["cohort", "arm"]):
        who = people.get_indexer(pd.Index(group["patient"]))
        for outcome in study.cohorts[str(cohort)].outcomes if since else ():
            for visit in study.visits.follow_up:
                events_had, measured = had[outcome, visit]
                for event, has in events_had.items():
                    place = {"cohort": cohort, "arm": arm, "outcome": outcome, "visit": visit, "event": event}
                    rows.append({**place, "n": has[who].sum(), "n_measured": (has & measured)[who].sum()})
    table = pd.DataFrame(rows, columns=list(INTERCURRENT))
    ranks = {"cohort": list(study.cohorts), "arm": study.arms or [""]}
    table = table.sort_values(list(ranks), key=lambda c: c.map(ranks[str(c.name)].index), kind="stable")
    return check(table.reset_index(drop=True), INTERCURRENT, "intercurrent")


def _had_before(
    rows: pd.DataFrame, people: pd.Index, since: Mapping[str, np.ndarray], visits: Visits, visit: str
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Who had each event before a visit ('' none of them), and who was measured at it, in the order of the people.

    The day of the visit is the true one, else the planned one.
    """
    measured = rows.drop_duplicates("patient")
    place = pd.Index(measured["patient"]).get_indexer(people)
    week = visits.schedule[visit].nominal_week
    planned = np.nan if week is None else 7 * week
    day = np.append(measured["day"].to_numpy(dtype=float), np.nan)[place]
    day = np.where(np.isnan(day), planned, day)
    had = {event: first < day for event, first in since.items()}
    return {**had, "": ~np.any(list(had.values()), axis=0)}, place >= 0


def apply_strategies(
    frame: pd.DataFrame, events: pd.DataFrame, strategies: Mapping[str, Strategy], visits: Visits
) -> pd.DataFrame:
    """Make the values that an estimand asks for: what comes after an intercurrent event is kept, set missing or replaced.

    A visit comes after an event if its day is later; on the day itself it is taken to come first. An event without a date is
    before every visit after the baseline. Where several events came before a visit, composite goes before hypothetical, and
    the earliest composite one gives the value.

    Parameters
    ----------
    frame : visit frame (contract FRAME), any cohorts and outcomes.
    events : table of the contract EVENTS.
    strategies : event -> strategy (`Study.strategies`); without any, the frame comes back as it is.
    visits : the study file's section.

    Returns
    -------
    The frame in its order. treatment_policy keeps rows; hypothetical and while_on_treatment drop those after the event, so that
    they are missing as any unmeasured value is; composite gives them its value, and adds rows with it for visits that were
    missed after the event (of patients with any measurement of the outcome), since the event is known and so is the value.
    For two-valued outcomes composite states no value: the boolean column `failed` marks those rows, and their value is missing.
    """
    acting = {event: one for event, one in strategies.items() if one.strategy != "treatment_policy"}
    mine = events[events["event"].isin(acting)]
    if not len(mine):
        return frame
    composite = {event for event, one in acting.items() if one.strategy == "composite"}
    first = {
        replaced: mine[mine["event"].isin(composite) == replaced].assign(day=lambda rows: rows["day"].fillna(-np.inf))
        for replaced in (True, False)
    }
    full = _with_missed(frame, first[True], visits) if len(first[True]) else frame.assign(_missed=False)
    planned = full["visit"].map({name: plan.nominal_week for name, plan in visits.schedule.items()}).astype(float)
    day, follows = full["day"].fillna(7 * planned), full["visit"] != visits.baseline
    earliest = first[True].sort_values("day", kind="stable").drop_duplicates("patient").set_index("patient")
    failed = follows & (full["patient"].map(earliest["day"]) < day)
    gone = follows & ~failed & (full["patient"].map(first[False].groupby("patient")["day"].min()) < day)
    by = full["patient"].map(earliest["event"])
    values = [
        acting[event].value_of(outcome) if hit else np.nan
        for event, outcome, hit in zip(by, full["outcome"], failed, strict=True)
    ]
    full["value"] = full["value"].mask(failed, pd.Series(values, index=full.index, dtype=float))
    full["change"] = full["value"] - full["baseline"]
    full["improvement"] = full["change"] * np.where(full["better"] == "lower", -1.0, 1.0)
    if composite and any(acting[event].value is None for event in composite):
        full["failed"] = failed
    kept = full[~gone & (~full["_missed"] | failed)]
    return kept.drop(columns="_missed").reset_index(drop=True)


def _with_missed(frame: pd.DataFrame, events: pd.DataFrame, visits: Visits) -> pd.DataFrame:
    """Add a row for every follow-up visit that a patient with an event missed: facts of the patient, no value."""
    keys = ["patient", "outcome", "site"]
    known = frame[frame["patient"].isin(events["patient"])].drop_duplicates(keys)
    schedule = pd.DataFrame({"visit": visits.follow_up, "visit_number": range(1, len(visits.follow_up) + 1)})
    every = known.drop(columns=["visit", "visit_number"]).merge(schedule, how="cross")[frame.columns]
    there = pd.MultiIndex.from_frame(frame[[*keys, "visit"]])
    missed = every[~pd.MultiIndex.from_frame(every[[*keys, "visit"]]).isin(there)]
    week = missed["visit"].map({name: plan.nominal_week for name, plan in visits.schedule.items()}).astype(float)
    blank = dict.fromkeys(["value", "day"], np.nan) | {"week": week, "hour": 168 * week, "therapist": None}
    both = pd.concat([frame.assign(_missed=False), missed.assign(**blank, _missed=True)], ignore_index=True)
    both["therapist"] = both["therapist"].astype("str")
    place = both.groupby(["cohort", *keys], sort=False).ngroup()
    order = pd.DataFrame({"place": place, "visit": both["visit_number"]}).sort_values(["place", "visit"], kind="stable")
    return both.loc[order.index].reset_index(drop=True)
