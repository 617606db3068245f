"""Sessions, needling, other treatment, adverse events and the end of participation."""

import numpy as np
import pandas as pd

from needling.clean import columns
from needling.clean.codes import take_out_unknown
from needling.clean.parse import clock
from needling.clean.people import People, code_column, covariate
from needling.clean.questions import told_apart
from needling.clean.trail import HIDDEN, Trail
from needling.study.plan import Study
from needling.study.sources import EventTable

CODES = ("patient", "therapist", "clinic")
# what makes two rows of a table the same event; a table without its key columns is only searched for identical rows
KEYS = {
    "sessions": ["patient", "session"],
    "needling": ["patient", "session", "muscle", "side"],
    "status": ["patient"],
    "guesses": ["patient", "time"],
}


def clean_events(
    trail: Trail, tables: dict[str, pd.DataFrame], study: Study, people: People
) -> dict[str, pd.DataFrame]:
    """Make the clean event tables, still with the export's codes.

    Parameters
    ----------
    tables : read tables.
    study : sections events, visits.
    people : the clean patients.

    Returns
    -------
    Table name -> frame with row, patient and the columns of the study file: codes as text, `date` as `day` and every other
    date as days from day 0, categories as text, numbers as numbers. Sessions follow CLEAN['sessions'].
    """
    clean: dict[str, pd.DataFrame] = {}
    for name in ("status", "sessions", "needling", "co_interventions", "adverse_events", "milestones", "guesses"):
        settings: EventTable | None = getattr(study.events, name)
        if settings is None or name not in tables:
            continue
        frame = _typed(trail, tables[name], name, settings, people, study)
        clean[name] = _once(trail, frame, name, _dates_of(tables[name], frame))
    if "sessions" in clean:
        clean["sessions"] = _inside(trail, clean["sessions"], "sessions", clean.get("status"))
        if "needling" in clean:
            clean["needling"] = _of_sessions(trail, clean["needling"], clean["sessions"])
    if "needling" in clean:
        clean["needling"] = _inside(trail, clean["needling"], "needling", clean.get("status"))
    # as the study file has them
    return {name: clean[name] for name in type(study.events).model_fields if name in clean}


def first_sessions(clean: dict[str, pd.DataFrame]) -> pd.Series:
    """Day of the first session (or, without sessions, of the first needling) by patient."""
    table = clean.get("sessions", clean.get("needling"))
    if table is None or "day" not in table.columns:
        return pd.Series(dtype=float)
    return table.dropna(subset="day").groupby("patient")["day"].min()


def _typed(
    trail: Trail, table: pd.DataFrame, name: str, settings: EventTable, people: People, study: Study
) -> pd.DataFrame:
    frame = table.copy()
    for code in CODES:
        if code in frame.columns:
            frame[code] = code_column(trail, name, frame, code)
    frame = take_out_unknown(trail, frame, name, people.known, people.quarantined)
    patient = frame["patient"].astype("category")
    day_0 = patient.map(people.day_0).astype(float)
    home = patient.map(people.table.set_index("patient")["clinic"]).astype("category")
    typed = frame[["row", "patient"]].copy()
    out = np.zeros(len(frame), dtype=bool)
    for column, source in settings.typed_columns.items():
        if column in CODES:
            typed[column] = frame[column]
        elif columns.kind_of(trail, name, column, source, frame[column]) == "date":
            day, doubt = _day(trail, frame, name, column, day_0, study)
            typed["day" if column == "date" else column] = day
            out |= doubt.to_numpy() if column == "date" else False
        else:
            typed[column] = covariate(trail, name, frame, column, source, [home, patient])
    if name == "sessions":
        typed = _session_columns(typed, home.astype("str"))
    return trail.take_out("dates", typed, name, out, "day and month cannot be told apart")


def _session_columns(frame: pd.DataFrame, home: pd.Series) -> pd.DataFrame:
    for column in ("session", "day"):
        if column not in frame.columns:
            frame[column] = np.nan
    if "therapist" not in frame.columns:
        frame["therapist"] = pd.Series(pd.NA, index=frame.index, dtype="str")
    frame["clinic"] = frame["clinic"].fillna(home) if "clinic" in frame.columns else home
    first = ["row", "patient", "session", "day", "therapist", "clinic"]
    return frame[[*first, *(c for c in frame.columns if c not in first)]]


def _day(
    trail: Trail, frame: pd.DataFrame, name: str, column: str, day_0: pd.Series, study: Study
) -> tuple[pd.Series, pd.Series]:
    """Days from day 0; a date in doubt must lie within the study, a session's between its neighbours."""
    found = columns.date(trail, name, frame, column)
    last = max((plan.days[1] for plan in study.visits.schedule.values() if plan.days), default=3650)
    low, high = day_0, day_0 + last
    if name == "sessions" and "session" in frame.columns and found["doubtful"].any():
        before, after = _neighbours(frame, found["date"])
        low, high = before.fillna(low), after.fillna(high)
    date = columns.settle(trail, name, frame, column, found, low, high)
    doubt = found["doubtful"] & date.isna()
    source = trail.source(name, column)
    trail.note("dates", "query", name, frame["row"][doubt], source, "day and month cannot be told apart", HIDDEN)
    return columns.plausible(trail, name, frame, column, date - day_0), doubt


def _neighbours(frame: pd.DataFrame, date: pd.Series) -> tuple[pd.Series, pd.Series]:
    number = pd.to_numeric(frame["session"], errors="coerce")
    order = pd.DataFrame({"patient": frame["patient"], "number": number, "date": date})
    order = order.sort_values(["patient", "number"], kind="stable")
    by = order.groupby("patient")["date"]
    return by.ffill().reindex(frame.index), by.bfill().reindex(frame.index)


# ---------------------------------------------------------------- rules


def _dates_of(read: pd.DataFrame, frame: pd.DataFrame) -> pd.Series | None:
    """The dates of a table's rows as they are written, where it has any."""
    if "date" not in read.columns:
        return None
    return read.set_index("row")["date"].reindex(frame["row"]).set_axis(frame.index)


def _once(trail: Trail, frame: pd.DataFrame, name: str, dates: pd.Series | None) -> pd.DataFrame:
    """Drop rows entered twice; of rows of one event that differ keep the first, quarantine the others, query both."""
    if not trail.settings.on("duplicates") or not len(frame):
        return frame
    values = [column for column in frame.columns if column != "row"]
    time = clock(dates) if dates is not None else pd.Series("", index=frame.index)
    again = frame.assign(_time=time.reindex(frame.index)).duplicated([*values, "_time"])
    told_apart(trail, frame, name)
    frame = trail.repeated(frame, name, again, "the same row entered twice", "a second row of the event")
    if name == "sessions":
        frame = _near_twins(trail, frame, values)
    keys = KEYS.get(name)
    if keys is None or not set(keys) <= set(frame.columns):
        return frame
    known = frame[keys].notna().all(axis=1)
    twice = known & frame.duplicated(keys, keep=False)
    if not twice.any():
        return frame
    reason = "entered twice with different values; the first entry is kept until the site answers"
    trail.note("duplicates", "query", name, frame["row"][twice], trail.source(name, keys[-1]), reason)
    later = known & frame.duplicated(keys)
    return trail.take_out("duplicates", frame, name, later, "a second entry with other values")


def _near_twins(trail: Trail, frame: pd.DataFrame, values: list[str]) -> pd.DataFrame:
    """Quarantine and query sessions that repeat another one of the same number but for a date within the tolerance."""
    if "session" not in frame.columns:
        return frame
    order = frame.sort_values(["patient", "session", "day", "row"], kind="stable")
    before = order.shift(1)
    same = pd.Series(True, index=order.index)
    for column in (column for column in values if column != "day"):
        same &= (order[column] == before[column]) | (order[column].isna() & before[column].isna())
    same &= order["session"].notna() & ((order["day"] - before["day"]) <= trail.settings("duplicates", "days"))
    again = same.reindex(frame.index)
    why = "the same session and values on a date beside it"
    trail.note("duplicates", "query", "sessions", frame["row"][again], trail.source("sessions", "date"), why, HIDDEN)
    return trail.take_out("duplicates", frame, "sessions", again, why)


def _inside(trail: Trail, frame: pd.DataFrame, name: str, status: pd.DataFrame | None) -> pd.DataFrame:
    """Quarantine rows before day 0 or after the patient's exit."""
    if not trail.settings.on("outside_study") or "day" not in frame.columns:
        return frame
    frame = trail.take_out("outside_study", frame, name, frame["day"] < 0, "dated before day 0")
    if status is None or "day" not in status.columns:
        return frame
    exit_day = status.dropna(subset="day").groupby("patient")["day"].max()
    after = frame["day"] > frame["patient"].map(exit_day).astype(float)
    return trail.take_out("outside_study", frame, name, after, "dated after the patient's exit")


def _of_sessions(trail: Trail, needling: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    """Query needling rows whose session is not on record or was quarantined; they are kept."""
    if "session" not in needling.columns:
        return needling
    kept = pd.MultiIndex.from_frame(sessions[["patient", "session"]])
    mine = pd.MultiIndex.from_frame(needling[["patient", "session"]])
    orphan = needling["session"].notna().to_numpy() & ~mine.isin(kept)
    source = trail.source("needling", "session")
    reason = "its session is not on record or was set aside"
    trail.note("outside_study", "query", "needling", needling["row"][orphan], source, reason)
    return needling
