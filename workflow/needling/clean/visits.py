"""Visits: which visit of the schedule a row is, on which day, and whether it came before treatment."""

import numpy as np
import pandas as pd

from needling.clean import columns
from needling.clean.codes import take_out_unknown
from needling.clean.labels import NEAR, UNKNOWN, map_codes
from needling.clean.parse import clock
from needling.clean.people import People, code_column
from needling.clean.questions import told_apart
from needling.clean.trail import HIDDEN, Trail, hidden_text
from needling.study.keys import StudyError
from needling.study.plan import Study

UNSCHEDULED = "unscheduled"


def clean_visits(
    trail: Trail, tables: dict[str, pd.DataFrame], study: Study, people: People, first_session: pd.Series
) -> pd.DataFrame:
    """Make the clean table of visits, still with the export's codes.

    Parameters
    ----------
    tables : read tables.
    study : sections visits, patients.
    people : the clean patients.
    first_session : day of the first session by patient.

    Returns
    -------
    Table of the contract CLEAN['visits'] (codes not yet re-keyed).
    """
    frame = tables["visits"].copy()
    for name in ("patient", "therapist", "clinic"):
        frame[name] = code_column(trail, "visits", frame, name)
    frame = take_out_unknown(trail, frame, "visits", people.known, people.quarantined)
    day_0 = frame["patient"].map(people.day_0).astype(float)
    frame["visit"] = _named(trail, frame, study)
    frame = _with_day(trail, frame, study, day_0)
    home = people.table.set_index("patient")["clinic"]
    frame["clinic"] = frame["clinic"].fillna(frame["patient"].map(home))
    marks = content(tables["outcomes"], frame["row"])
    told_apart(trail, frame[(marks != 0).to_numpy()], "visits")
    frame = drop_repeated(trail, frame, marks)
    if study.visits.planned is None and study.visits.date is not None:
        frame["visit"] = _by_window(trail, frame, study)
    first = frame["patient"].map(first_session).astype(float)
    before = pd.Series(pd.NA, index=frame.index, dtype="boolean")
    both = first.notna() & frame["day"].notna()
    before[both] = (frame["day"] <= first)[both]
    frame["before_treatment"] = before
    frame["visit"] = _baseline_comes_first(trail, frame, study)
    frame = _one_of_each(trail, frame, marks.reindex(frame.index), study)
    _query_order(trail, frame, study)
    return frame[["row", "patient", "visit", "day", "therapist", "clinic", "before_treatment"]]


def join_parts(trail: Trail, tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Join rows that hold different instruments of one visit: the same patient, name and date.

    Parameters
    ----------
    tables : read tables.

    Returns
    -------
    Tables in which the values belong to the first of such rows; the others are dropped with their reason.
    """
    visits, outcomes = tables["visits"], tables["outcomes"]
    if not trail.settings.on("duplicates"):
        return tables
    what = pd.DataFrame({name: visits[name].fillna("").str.strip() for name in ("patient", "planned", "date")})
    told = (what["patient"] != "") & ((what["planned"] != "") | (what["date"] != ""))
    again = what[told & what.duplicated(keep=False)]
    if not len(again):
        return tables
    visit = pd.Series(
        again.groupby(list(what), sort=False).ngroup().to_numpy(), index=visits.loc[again.index, "row"].to_numpy()
    )
    held = outcomes.loc[outcomes["visit_row"].isin(visit.index), ["visit_row", "instrument"]].drop_duplicates()
    held["visit"] = visit[held["visit_row"]].to_numpy()
    twice = held.loc[held.duplicated(["visit", "instrument"]), "visit"]
    held = held[~held["visit"].isin(twice)]
    first = held.groupby("visit")["visit_row"].transform("min")
    parts = (
        held.assign(first=first)[held["visit_row"] != first]
        .drop_duplicates("visit_row")
        .set_index("visit_row")["first"]
    )
    if not len(parts):
        return tables
    moved = outcomes["visit_row"].map(parts).fillna(outcomes["visit_row"]).astype("int64")
    gone = visits["row"].isin(parts.index)
    why = "a part of a visit that stands on another row; its values are kept there"
    kept = trail.take_out("duplicates", visits, "visits", gone, why, "dropped")
    return tables | {"visits": kept, "outcomes": outcomes.assign(visit_row=moved)}


def _named(trail: Trail, frame: pd.DataFrame, study: Study) -> pd.Series:
    """Names that the export gives, mapped to the schedule; missing where it gives none."""
    planned = study.visits.planned
    schedule = {name: name for name in study.visits.schedule}
    if planned is None:
        if study.visits.date is None and frame["planned"].isna().all():
            raise StudyError(
                "visits: neither visits.date nor visits.planned says which visit a row is; name the column of its date, or of its "
                "name, week or number (or set export.shape to patient where one row is one patient)."
            )
        # a wide export was read with the schedule's own names
        return frame["planned"].where(frame["planned"].isin(schedule))
    codes = schedule if planned.codes is None else {str(code): name for code, name in planned.codes.items()}
    values = columns.blank_to_missing(frame["planned"])
    found = map_codes(values, codes, trail.choices("visits", "planned"), trail.settings("labels", "closeness"))
    near = found["how"] == NEAR
    source = trail.source("visits", "planned")
    reason = "another spelling of a visit"
    trail.note("labels", "mapped", "visits", frame["row"][near], source, reason, values[near], found["value"][near])
    unknown = found["how"] == UNKNOWN
    if unknown.any() and found["value"].isna().all():
        raise StudyError(
            f"visits.planned: no row of the column '{source}' has a known visit; it holds {values.nunique()} different names, and "
            f"the study file knows {', '.join(repr(code) for code in codes)}; mend visits.planned.codes."
        )
    reason = "not a visit of the study file; the row is kept as unscheduled"
    cells = values[unknown].map(hidden_text)
    trail.note("labels", "query", "visits", frame["row"][unknown], source, reason, cells)
    return found["value"].where(found["value"].isin(schedule), UNSCHEDULED)


def _with_day(trail: Trail, frame: pd.DataFrame, study: Study, day_0: pd.Series) -> pd.DataFrame:
    """Add the study day; a date in doubt is settled by the window of the named visit, else held back or quarantined."""
    found = columns.date(trail, "visits", frame, "date")
    last = max((plan.days[1] for plan in study.visits.schedule.values() if plan.days), default=3650)
    first = min((plan.days[0] for plan in study.visits.schedule.values() if plan.days), default=-3650)
    windows = {name: plan.days for name, plan in study.visits.schedule.items() if plan.days}
    low = day_0 + frame["visit"].map({name: days[0] for name, days in windows.items()}).fillna(first).astype(float)
    high = day_0 + frame["visit"].map({name: days[1] for name, days in windows.items()}).fillna(last).astype(float)
    date = columns.settle(trail, "visits", frame, "date", found, low, high)
    slack = 366.0  # a slip of a year is outside, however late a visit may come
    earliest = frame["visit"].map({name: days[0] - slack for name, days in windows.items()}).astype(float)
    latest = frame["visit"].map({name: days[1] + slack for name, days in windows.items()}).astype(float)
    frame = frame.assign(day=columns.plausible(trail, "visits", frame, "date", date - day_0, earliest, latest))
    doubt = found["doubtful"] & date.isna()
    if not doubt.any():
        return frame
    source = trail.source("visits", "date")
    named = frame["visit"].isin(study.visits.schedule)
    reason = "day and month cannot be told apart; the date is held back"
    trail.note("dates", "query", "visits", frame["row"][doubt & named], source, reason, HIDDEN)
    return trail.take_out("dates", frame, "visits", doubt & ~named, "day and month of the visit cannot be told apart")


def _by_window(trail: Trail, frame: pd.DataFrame, study: Study) -> pd.Series:
    """Name visits by their day: within a window the one nearest to its middle, the earlier one of two as near."""
    visit = pd.Series(UNSCHEDULED, index=frame.index, dtype="str")
    for name, plan in study.visits.schedule.items():
        if plan.days is None:
            continue
        inside = frame["day"].between(*plan.days) & (visit == UNSCHEDULED)
        candidates = frame[inside]
        distance = (candidates["day"] - sum(plan.days) / 2).abs()
        order = pd.DataFrame({"patient": candidates["patient"], "distance": distance, "day": candidates["day"]})
        order = order.sort_values(["patient", "distance", "day"], kind="stable")
        chosen = order.index[~order["patient"].duplicated()]
        visit[chosen] = name
        other = candidates.index.difference(chosen)
        reason = f"another visit is nearer to the middle of the window of {name}"
        source = trail.source("visits", "date")
        trail.note("visit_windows", "flagged", "visits", frame.loc[other, "row"], source, reason, name, UNSCHEDULED)
    return visit


def _query_order(trail: Trail, frame: pd.DataFrame, study: Study) -> None:
    """Query visits that are not dated after every earlier visit of the schedule."""
    if not trail.settings.on("visit_order"):
        return
    place = {name: number for number, name in enumerate(study.visits.schedule)}
    windows = [(name, plan.days) for name, plan in study.visits.schedule.items() if plan.days]
    shared = {
        later
        for number, (later, days) in enumerate(windows)
        if any(other[0] <= days[1] and days[0] <= other[1] for _, other in windows[:number])
    }
    dated = frame[frame["visit"].isin(place) & frame["day"].notna()]
    order = dated.assign(_place=dated["visit"].map(place)).sort_values(["patient", "_place"], kind="stable")
    latest = order.groupby("patient")["day"].cummax()
    before = latest.groupby(order["patient"]).shift()
    source = trail.source("visits", "date")
    for wrong, reason in (
        (order["day"] < before, "dated before an earlier visit of the schedule"),
        (
            (order["day"] == before) & ~order["visit"].isin(shared),
            "on the same day as an earlier visit of the schedule",
        ),
    ):
        trail.note("visit_order", "query", "visits", order["row"][wrong], source, reason, HIDDEN)


def _baseline_comes_first(trail: Trail, frame: pd.DataFrame, study: Study) -> pd.Series:
    """A visit after the first session is no baseline."""
    late = (frame["visit"] == study.visits.baseline) & ~frame["before_treatment"].fillna(True).astype(bool)
    if not trail.settings.on("baseline_after_treatment") or not late.any():
        return frame["visit"]
    source = trail.source("visits", "date")
    trail.note(
        "baseline_after_treatment",
        "corrected",
        "visits",
        frame["row"][late],
        source,
        "dated after the first session: not a baseline",
        study.visits.baseline,
        UNSCHEDULED,
    )
    return frame["visit"].where(~late, UNSCHEDULED)


# ---------------------------------------------------------------- rows entered twice


def content(outcomes: pd.DataFrame, rows: pd.Series) -> pd.Series:
    """Fingerprint of everything measured at a visit, by row of the visits table; 0 where nothing was.

    Parameters
    ----------
    outcomes : read outcomes.
    rows : rows of the visits table.
    """
    filled = outcomes[outcomes["value"].notna() & outcomes["visit_row"].isin(rows)]
    mark = pd.util.hash_pandas_object(filled["column"], index=False, categorize=True).to_numpy()
    mark = mark * np.uint64(31) + pd.util.hash_pandas_object(filled["value"], index=False, categorize=True).to_numpy()
    # adding marks is blind to order; a multiplication first keeps two swapped values apart
    mark = (mark ^ (mark >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    total = pd.Series(mark, index=filled["visit_row"].to_numpy()).groupby(level=0).sum()
    return total.reindex(rows.to_numpy(), fill_value=np.uint64(0)).set_axis(rows.index)


def drop_repeated(trail: Trail, frame: pd.DataFrame, marks: pd.Series) -> pd.DataFrame:
    """Take out visits entered twice: the same patient, name, day and measurements.

    Dropped is only what repeats the whole row of the export. Where a column that is not read differs, or the date by no more
    than the tolerance (the export names the visit and the patient has just two of that name), the row is quarantined and
    queried; of several, or of visits without a name, each day is a measurement of its own, whatever it repeats.
    """
    if not trail.settings.on("duplicates"):
        return frame
    order = frame.assign(_mark=marks).sort_values(["patient", "visit", "_mark", "day", "row"], kind="stable")
    before = order.shift(1)
    same = (order["patient"] == before["patient"]) & (order["_mark"] == before["_mark"])
    same &= (order["visit"] == before["visit"]) | (order["visit"].isna() & before["visit"].isna())
    time = clock(order["date"])
    same &= time == time.shift(1)  # in the morning and in the evening are two measurements
    gap = (order["day"] - before["day"]).abs()
    named = order["visit"].notna() & (order["visit"] != UNSCHEDULED)
    pair = order.groupby(["patient", "visit"], dropna=False)["day"].transform("nunique") == 2
    near = gap <= (trail.settings("duplicates", "days") * (named & pair))
    # without a day 0 there is no study day: then the dates themselves must agree
    dated_alike = order["date"].fillna("").str.strip() == before["date"].fillna("").str.strip()
    near |= order["day"].isna() & before["day"].isna() & dated_alike
    again = (same & near).reindex(frame.index)
    beside = again & (gap.reindex(frame.index) > 0)
    why = "the same visit and values on a date beside it"
    trail.note("duplicates", "query", "visits", frame["row"][beside], trail.source("visits", "date"), why, HIDDEN)
    frame = trail.take_out("duplicates", frame, "visits", beside, why)
    again = (again & ~beside)[frame.index]
    return trail.repeated(frame, "visits", again, "the same visit entered twice", "a second row of the visit")


def _one_of_each(trail: Trail, frame: pd.DataFrame, marks: pd.Series, study: Study) -> pd.DataFrame:
    """Keep one row per patient and scheduled visit.

    That is the first entry with measurements, or the one nearest to the middle of the window where they are dated apart:
    the others are then unscheduled visits. Entries of one day that differ are quarantined but for the first.
    """
    twice = (frame["visit"] != UNSCHEDULED) & frame.duplicated(["patient", "visit"], keep=False)
    if not twice.any():
        return frame
    middles = {name: sum(plan.days) / 2 for name, plan in study.visits.schedule.items() if plan.days}
    several = frame[twice].assign(empty=(marks[twice] == 0).to_numpy())
    several["far"] = (several["day"] - several["visit"].map(middles).astype(float)).abs()
    several = several.sort_values(["patient", "visit", "empty", "far", "row"], kind="stable")
    by = several.groupby(["patient", "visit"], sort=False)
    later = by.cumcount() > 0
    apart = (several["day"] - by["day"].transform("first")).abs() > trail.settings("duplicates", "days")
    source = trail.source("visits", "planned" if trail.has_source("visits", "planned") else "date")
    other = several[later & apart]
    why = "another visit of this name is taken for it"
    trail.note("visit_windows", "flagged", "visits", other["row"], source, why, other["visit"], UNSCHEDULED)
    frame = frame.assign(visit=frame["visit"].mask(frame.index.isin(other.index), UNSCHEDULED))
    same_day = several[later & ~apart]
    keys = pd.MultiIndex.from_frame(same_day[["patient", "visit"]])
    asked = several[pd.MultiIndex.from_frame(several[["patient", "visit"]]).isin(keys) & ~(later & apart)]
    if trail.settings.on("duplicates"):
        reason = "a visit entered twice with different values; the first entry is kept until the site answers"
        trail.note("duplicates", "query", "visits", asked["row"], source, reason)
    out = frame.index.isin(same_day.index)
    return trail.take_out("duplicates", frame, "visits", out, "a second entry of the visit with other values")
