"""An export that is being soiled: who plays which role in it, which cells were touched, and the log of it all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

LOG_COLUMNS = (
    "kind",
    "variant",
    "record",
    "event",
    "instrument",
    "instance",
    "column",
    "old",
    "new",
    "line",
    "of_line",
)
ROW_ADDED = "row added"
SERIAL_DAY_0 = np.datetime64("1899-12-30")
# Counts of single mistakes are per this many patients.
PER_PATIENTS = 480


@dataclass(frozen=True)
class Answers:
    """Columns of a questionnaire: items, their ends, the answers that all share, total = offset + sum(weight x item)."""

    items: tuple[str, ...]
    lows: tuple[int, ...]
    highs: tuple[int, ...]
    shared: tuple[int, ...]
    weights: tuple[float, ...]
    offset: float = 0.0
    total: str | None = None

    def score(self, answers: np.ndarray) -> np.ndarray:
        """Totals of complete answers, as the export writes them."""
        totals = np.round(self.offset + answers @ np.array(self.weights), 2)
        return written(totals)


@dataclass(frozen=True)
class Roles:
    """Which column of an export plays which role; a kind of dirt whose columns are not there does nothing.

    record, clinic, event, instrument, instance : columns that say what a row is.
    baseline : value of `event` in baseline rows.
    day_0, exit_date : per person, on any row; visit_date, session_date : on visits and sessions; session : its number.
    needling_date, needling_session : on rows of needling; loose_dates : further dates that nothing hangs on.
    pain, session_pain : ratings of 0-10. readings, reading_unit : pressure thresholds in kPa.
    questionnaires : name -> answers; raw_total : the one whose total is sometimes the plain sum of its items;
        reversible : the one that a clinic may enter upside down.
    numbers : column -> impossible values and unusual values. decimals : columns with fractions.
    side, affected_side : codes of left and right. arm, arm_spellings : arm -> other spellings. notes : free text.
    """

    record: str
    clinic: str | None = None
    event: str | None = None
    instrument: str | None = None
    instance: str | None = None
    baseline: str | None = None
    day_0: str | None = None
    exit_date: str | None = None
    visit_date: str | None = None
    session_date: str | None = None
    session: str | None = None
    needling_date: str | None = None
    needling_session: str | None = None
    loose_dates: tuple[str, ...] = ()
    pain: str | None = None
    session_pain: tuple[str, ...] = ()
    readings: tuple[str, ...] = ()
    reading_unit: str | None = None
    questionnaires: dict[str, Answers] = field(default_factory=dict)
    raw_total: str | None = None
    reversible: str | None = None
    numbers: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    decimals: tuple[str, ...] = ()
    side: str | None = None
    affected_side: str | None = None
    sides: tuple[str, str] = ("1", "2")
    arm: str | None = None
    arm_spellings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Soiled:
    """A copy of an export that is being soiled: its cells, which of them were touched, and the log."""

    def __init__(self, frame: pd.DataFrame, roles: Roles, clinics: Sequence[str]) -> None:
        """Copy the export; the order of the clinics decides which one makes which mistake."""
        self.frame = frame
        self.columns = list(frame.columns)
        self.source = np.arange(len(frame))
        self.changed: set[str] = set()
        self.cells = {column: frame[column].to_numpy(object, na_value="").copy() for column in self.columns}
        self.touched = {column: np.zeros(len(frame), dtype=bool) for column in self.columns}
        self.row_touched = np.zeros(len(frame), dtype=bool)
        self.place = np.arange(len(frame), dtype=float)
        self.roles = roles
        self.patients = len(set(self.cells[roles.record]))
        self.log: list[pd.DataFrame] = []
        self._clinics = list(clinics)

    def has(self, *columns: str | None) -> bool:
        """Whether all these roles are played by a column of the export."""
        return all(column is not None and column in self.cells for column in columns)

    def filled(self, *columns: str) -> np.ndarray:
        """Rows in which all these columns are filled and untouched."""
        here = np.ones(len(self.place), dtype=bool)
        for column in columns:
            here &= (self.cells[column] != "") & ~self.touched[column]
        return here

    def in_clinic(self, number: int) -> np.ndarray:
        """Rows of the clinic that has this number in the draw of clinics."""
        if not self._clinics or self.roles.clinic is None:
            return np.zeros(len(self.place), dtype=bool)
        return self.cells[self.roles.clinic] == self._clinics[number % len(self._clinics)]

    def per_record(self, column: str) -> np.ndarray:
        """For each row, the first value of this column in the rows of its record ('' where there is none)."""
        cells, records = self.cells[column], self.cells[self.roles.record]
        filled = np.flatnonzero(cells != "")[::-1]
        known = dict(zip(records[filled], cells[filled], strict=True))
        return np.array([known.get(record, "") for record in records], dtype=object)

    def some(self, where: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw rows: `count` per 480 patients, at least three where there are as many."""
        eligible = np.flatnonzero(where)
        wanted = min(len(eligible), max(3, round(count * self.patients / PER_PATIENTS)))
        return np.sort(rng.choice(eligible, wanted, replace=False)) if wanted else eligible

    def change(self, kind: int, variant: str, rows: np.ndarray, column: str, new: object) -> None:
        """Write new values into untouched cells; cells that stay what they were are not logged."""
        values = np.broadcast_to(np.asarray(new, dtype=object), rows.shape)
        old = self.cells[column][rows]
        keep = ~self.touched[column][rows] & (old != values)
        rows, old, values = rows[keep], old[keep], values[keep]
        self._note(kind, variant, rows, column, old, values)
        self.cells[column][rows] = values
        self.changed.add(column)
        self.touched[column][rows] = True
        self.row_touched[rows] = True

    def close(self, rows: np.ndarray) -> None:
        """Keep later dirt off these rows."""
        for column in self.columns:
            self.touched[column][rows] = True
        self.row_touched[rows] = True

    def add(self, kind: int, variant: str, rows: np.ndarray, changes: dict[str, np.ndarray]) -> None:
        """Add copies of rows below them, with some cells changed; both the rows and the copies are closed."""
        first = len(self.place)
        self.source = np.concatenate([self.source, self.source[rows]])
        self.changed |= set(changes)
        for column in self.columns:
            copied = changes.get(column, self.cells[column][rows])
            self.cells[column] = np.concatenate([self.cells[column], np.asarray(copied, dtype=object)])
            self.touched[column] = np.concatenate([self.touched[column], np.ones(len(rows), dtype=bool)])
        self.place = np.concatenate([self.place, self.place[rows] + 0.5])
        self.row_touched = np.concatenate([self.row_touched, np.ones(len(rows), dtype=bool)])
        self.close(rows)
        added = np.arange(first, first + len(rows))
        blank = np.full(len(rows), "", dtype=object)
        self._note(kind, variant, added, "", blank, np.full(len(rows), ROW_ADDED, dtype=object), of=rows)

    def _note(
        self,
        kind: int,
        variant: str,
        rows: np.ndarray,
        column: str,
        old: np.ndarray,
        new: np.ndarray,
        of: np.ndarray | None = None,
    ) -> None:
        roles = self.roles

        def says(name: str | None) -> np.ndarray:
            return self.cells[name][rows] if self.has(name) else np.full(len(rows), "", dtype=object)  # type: ignore[index]

        self.log.append(
            pd.DataFrame(
                {
                    "kind": kind,
                    "variant": variant,
                    "record": says(roles.record),
                    "event": says(roles.event),
                    "instrument": says(roles.instrument),
                    "instance": says(roles.instance),
                    "column": column,
                    "old": old,
                    "new": new,
                    "line": rows,
                    "of_line": -1 if of is None else of,
                }
            )
        )

    def finish(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The soiled export and the log, with lines as a text editor counts them (the header is line 1)."""
        order = np.argsort(self.place, kind="stable")
        line = np.empty(len(order), dtype=np.int64)
        line[order] = np.arange(len(order)) + 2
        frame = self.frame.take(self.source[order]).reset_index(drop=True)
        for column in self.columns:
            if column in self.changed:
                frame[column] = pd.Series(self.cells[column][order], dtype="str")
        if not self.log:
            return frame, pd.DataFrame(columns=list(LOG_COLUMNS))
        log = pd.concat(self.log, ignore_index=True)
        log["of_line"] = np.where(log["of_line"] < 0, 0, line[log["of_line"]])
        log["line"] = line[log["line"]]
        return frame, log.sort_values(["kind", "line", "column"], kind="stable", ignore_index=True)


# ---------------------------------------------------------------- writing cells


def written(numbers: np.ndarray) -> np.ndarray:
    """Numbers as an export writes them, with at most two decimals."""
    return np.array([f"{value:.2f}".rstrip("0").rstrip(".") for value in numbers], dtype=object)


def numbers_in(cells: np.ndarray) -> np.ndarray:
    """Numbers of cells, NaN where there is none."""
    return pd.to_numeric(pd.Series(cells), errors="coerce").to_numpy(float)


def dates_in(cells: np.ndarray) -> np.ndarray:
    """Dates of cells written year first, NaT where there is none."""
    return pd.to_datetime(pd.Series(cells), format="%Y-%m-%d", errors="coerce").to_numpy("datetime64[D]")


def iso(days: np.ndarray) -> np.ndarray:
    """Dates written year first."""
    return np.datetime_as_string(days, unit="D").astype(object)


def in_style(cells: np.ndarray, pattern: str) -> np.ndarray:
    """The same dates written in another style; 'serial' is the day number of spreadsheets."""
    days = pd.Series(dates_in(cells))
    if pattern == "serial":
        return ((days.to_numpy("datetime64[D]") - SERIAL_DAY_0) // np.timedelta64(1, "D")).astype(str).astype(object)
    return days.dt.strftime(pattern).to_numpy(object)


def among(cells: np.ndarray, wanted: Iterable[str]) -> np.ndarray:
    """Which cells hold one of these texts."""
    return pd.Series(cells).isin(list(wanted)).to_numpy()
