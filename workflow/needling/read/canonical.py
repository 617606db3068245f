"""From the export to the canonical tables: patients, visits, outcomes and events, every cell still text with its place."""

import json
from dataclasses import dataclass, field
from difflib import get_close_matches

import numpy as np
import pandas as pd

from needling.read.raw import RawExport
from needling.schema import PLACE
from needling.study import EventTable, Instrument, StudyError

DATE_NAMES = ("date", "date_", "_date")
CODE_NAMES = {"patient", "therapist", "clinic"}
TEXT = "str"

Tables = dict[str, pd.DataFrame]


def to_canonical(raw: RawExport, study) -> Tables:  # type: ignore[no-untyped-def]
    """Map an export to the canonical tables as the study file says.

    Parameters
    ----------
    raw : the export; sheets are taken one below the other.
    study : a study, or the part of one, with the sections export, patients, visits, instruments and events.

    Returns
    -------
    Table -> frame, all cells text as exported, blank is missing; every table starts with row (from 0), file, sheet, line.

    - patients: patient, clinic, cohort, arm, day_0, and each covariate by its name in the study file. Where rows are not
      patients and `patients.rows` selects none, there is one row per patient at the patient's first line, with the first
      value that is not blank of each fact.
    - patient_conflicts: facts on later lines that differ from the one taken: patient, column, source, value, taken.
    - visits: patient, planned, date, therapist, clinic. Where one row is one patient: a row per patient and visit of the
      schedule that has a column, planned is the schedule's name; plain columns belong to the baseline visit.
    - outcomes: visit_row, column, instrument, item (number or 'total'), value, unit, missing_reason; sorted by
      instrument, visit, item. A visit in which every cell of an instrument is blank has no rows of that instrument.
    - sessions, needling, co_interventions, adverse_events, status (those of the study file): patient and the columns
      named there; rows in which all of these are blank are left out.
    - sources: table, column, source, label, choices (JSON); an outcome's column is written 'instrument:item'.
    - unread: source, cells, reason: how many filled cells of each column are in no table, and why.

    Raises
    ------
    StudyError : a column of the study file is not in the export (names key, column, file and the nearest column), or a
        selection of rows selects none.
    """
    rows = _Rows.of(raw)
    shape = study.export.shape
    tables: Tables = {}
    tables["patients"], tables["patient_conflicts"] = _patients(rows, study.patients, shape)
    if shape == "patient":
        tables |= _wide(rows, study)
    elif shape == "visit":
        tables |= _visit_rows(rows, study)
    else:
        tables |= _value_rows(rows, study)
    for name in type(study.events).model_fields:
        event = getattr(study.events, name)
        if event is not None:
            tables[name] = _events(rows, name, event, study.patients.id)
    tables["sources"] = rows.sources_table()
    tables["unread"] = rows.unread_table()
    return tables


def mapped_columns(study) -> dict[str, str]:  # type: ignore[no-untyped-def]
    """Say which columns of the export the study file names, and as what.

    Parameters
    ----------
    study : a study, or the part of one, with the sections export, patients, visits, instruments and events.

    Returns
    -------
    Column of the export -> 'code' (only patient, therapist or clinic: re-keyed by cleaning), 'date' (turned into study
    days), or 'value'.
    """
    patients, visits = study.patients, study.visits
    roles: dict[str, str] = {}
    chosen = [*patients.rows, *visits.rows]
    values = list(study.export.values.name) if study.export.values else []
    for column in [visits.planned, patients.arm, patients.cohort, *patients.covariates.values()]:
        values += [column.source] if column else []
    for instrument in study.instruments.values():
        values += [instrument.unit_column] if instrument.unit_column else []
        if study.export.values is None:
            values += [column for _, _, column in _instrument_columns("", instrument)]
    if study.export.values is not None:
        values.append(study.export.values.value)
    dates = [patients.day_0, visits.date]
    codes = [patients.id, patients.clinic, visits.therapist, visits.clinic]
    for name in type(study.events).model_fields:
        event = getattr(study.events, name)
        for canonical, column in event.columns.items() if event else ():
            (dates if is_date(canonical) else codes if canonical in CODE_NAMES else values).append(column.source)
        chosen += list(event.rows) if event else []
    # A code or date that is also an ordinary value reaches the clean tables as it is, so it counts as a value.
    for role, columns in (("value", chosen), ("code", codes), ("date", dates), ("value", values)):
        roles |= {column.strip(): role for column in columns if column}
    return roles


def is_date(canonical: str) -> bool:
    """Tell whether a canonical column of an event table holds dates: date, date_..., or ..._date."""
    return canonical == "date" or canonical.startswith("date_") or canonical.endswith("_date")


# ---------------------------------------------------------------- the rows of the export


@dataclass
class _Rows:
    """All rows of the export one below the other, and an account of which cells went where."""

    frame: pd.DataFrame
    place: pd.DataFrame
    raw: RawExport
    reasons: dict[str, pd.Series]
    sources: list[tuple[str, str, str]] = field(default_factory=list)
    read: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, raw: RawExport) -> "_Rows":
        sheets = raw.sheets
        frame = sheets[0].frame if len(sheets) == 1 else pd.concat([s.frame for s in sheets], ignore_index=True)
        which = np.repeat(np.arange(len(sheets)), [len(sheet.frame) for sheet in sheets])
        place = pd.DataFrame(
            {
                "file": _repeat([sheet.file for sheet in sheets], which),
                "sheet": _repeat([sheet.name for sheet in sheets], which),
                "line": np.concatenate([sheet.lines for sheet in sheets]).astype(np.int64),
            }
        )
        if len(sheets) > 1 and "sheet" not in frame.columns:
            frame = frame.assign(sheet=place["sheet"])
        reasons = {}
        for column in {column for sheet in sheets for column in sheet.missing}:
            parts = [s.missing.get(column, pd.Series(np.nan, index=range(len(s.frame)), dtype=TEXT)) for s in sheets]
            reasons[column] = pd.concat(parts, ignore_index=True).astype(TEXT)
        return cls(frame, place, raw, reasons)

    def __len__(self) -> int:
        return len(self.frame)

    def column(self, name: str, key: str) -> pd.Series:
        """Return a column by its name in the study file, or say where it is missing."""
        stripped = name.strip()
        if stripped in self.frame.columns:
            return self.frame[stripped]
        files = ", ".join(dict.fromkeys(sheet.file for sheet in self.raw.sheets))
        names = [str(column) for column in self.frame.columns]
        near = get_close_matches(stripped, names, n=1, cutoff=0.5)
        mend = f"the nearest column is '{near[0]}'" if near else f"its columns are {_some(names)}"
        raise StudyError(
            f"{files}: the column '{stripped}' that the study file names in {key} is not there; {mend}. Mend {key} or export "
            "the column too."
        )

    def selected(self, rows: dict[str, list[str]], key: str) -> np.ndarray:
        """Positions of the rows that have the allowed values."""
        keep = np.ones(len(self), dtype=bool)
        for name, allowed in rows.items():
            cells = self.column(name, f"{key}.rows").fillna("").str.strip()
            keep &= cells.isin([value.strip() for value in allowed]).to_numpy()
            if not keep.any():
                distinct = sorted(set(cells.unique()))
                there = (
                    f"; the column holds {_some([repr(value) for value in distinct])}" if len(distinct) <= 30 else ""
                )
                raise StudyError(
                    f"{self.raw.sheets[0].file}: {key}.rows selects no row, because the column '{name}' never holds "
                    f"{_some([repr(value) for value in allowed])} there{there}. Mend {key}.rows in the study file."
                )
        return np.flatnonzero(keep)

    def cells(self, table: str, canonical: str, name: str, key: str, positions: np.ndarray) -> pd.Series:
        """Take a column's cells into a table, and note that they were taken."""
        column = self.column(name, key)
        name = name.strip()
        if (table, canonical, name) not in self.sources:
            self.sources.append((table, canonical, name))
        self.read.setdefault(name, np.zeros(len(self), dtype=bool))[positions] = True
        return column.take(positions).reset_index(drop=True)

    def start(self, positions: np.ndarray) -> pd.DataFrame:
        """Begin a table with the place of each of its rows."""
        table = self.place.take(positions).reset_index(drop=True)
        table.insert(0, "row", np.arange(len(table), dtype=np.int64))
        return table

    def dates(self, cells: pd.Series) -> pd.Series:
        """Write the day numbers of a workbook that counts from 1904 as dates, since no reader of text could tell."""
        if not self.raw.date_1904:
            return cells
        numbers = pd.to_numeric(cells, errors="coerce")
        days = pd.Timestamp("1904-01-01") + pd.to_timedelta(numbers.where(numbers.between(1, 60_000)), unit="D")
        return days.dt.strftime("%Y-%m-%d").astype(TEXT).fillna(cells)

    def sources_table(self) -> pd.DataFrame:
        """Where each canonical column came from."""
        variables = self.raw.variables
        rows = []
        for table, column, source in self.sources:
            variable = variables.get(source)
            choices = json.dumps(variable.choices, ensure_ascii=False) if variable and variable.choices else np.nan
            rows.append((table, column, source, (variable.label if variable else "") or np.nan, choices))
        return pd.DataFrame(rows, columns=["table", "column", "source", "label", "choices"]).astype(TEXT)

    def unread_table(self) -> pd.DataFrame:
        """Filled cells that went into no table, by column of the export."""
        rows = []
        for name in self.raw.columns:
            filled = self.frame[name].notna().to_numpy()
            if name not in self.read:
                rows.append((name, int(filled.sum()), "the study file does not name this column"))
            else:
                rest = int((filled & ~self.read[name]).sum())
                rows.append((name, rest, "these rows are not selected for any table that has this column"))
        table = pd.DataFrame([row for row in rows if row[1]], columns=["source", "cells", "reason"])
        return table.astype({"source": TEXT, "cells": np.int64, "reason": TEXT})


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def _repeat(texts: list[str], codes: np.ndarray) -> pd.Series:
    return pd.Series(texts, dtype=TEXT).take(codes).reset_index(drop=True)


def _blank(n: int) -> pd.Series:
    return _repeat([np.nan], np.zeros(n, dtype=np.int64))  # type: ignore[list-item]


# ---------------------------------------------------------------- patients


def _patients(rows: _Rows, patients, shape: str) -> tuple[pd.DataFrame, pd.DataFrame]:  # type: ignore[no-untyped-def]
    facts: dict[str, tuple[str | None, str]] = {
        "clinic": (patients.clinic, "patients.clinic"),
        "cohort": (patients.cohort and patients.cohort.source, "patients.cohort"),
        "arm": (patients.arm and patients.arm.source, "patients.arm"),
        "day_0": (patients.day_0, "patients.day_0"),
    }
    facts |= {name: (c.source, f"patients.covariates.{name}") for name, c in patients.covariates.items()}
    repeated = shape != "patient" and not patients.rows
    positions = rows.selected(patients.rows, "patients")
    ids = rows.column(patients.id, "patients.id").str.strip()
    person = np.arange(len(positions))
    if repeated:
        positions = np.flatnonzero(ids.notna().to_numpy() & (ids != "").to_numpy())
        person = pd.factorize(ids.take(positions))[0]
    first = np.unique(person, return_index=True)[1]
    table = rows.start(positions[first])
    table["patient"] = rows.cells("patients", "patient", patients.id, "patients.id", positions).take(first).to_numpy()
    conflicts = []
    for name, (source, key) in facts.items():
        if source is None:
            table[name] = _blank(len(table))
            continue
        cells = rows.cells("patients", name, source, key, positions)
        if name == "day_0":
            cells = rows.dates(cells)
        taken = _first_filled(cells, person, len(first))
        table[name] = cells.take(taken).to_numpy()
        if repeated:
            differs = np.flatnonzero(_differs(cells, cells.take(taken[person]).reset_index(drop=True)))
            conflict = rows.start(positions[differs])
            conflict["patient"] = ids.take(positions[differs]).to_numpy()
            conflict["column"], conflict["source"] = name, source.strip()
            conflict["value"] = cells.take(differs).to_numpy()
            conflict["taken"] = cells.take(taken[person[differs]]).to_numpy()
            conflicts.append(conflict)
    columns = [*PLACE, "patient", "column", "source", "value", "taken"]
    later = pd.concat(conflicts, ignore_index=True) if conflicts else pd.DataFrame(columns=columns)
    later["row"] = np.arange(len(later), dtype=np.int64)
    texts = dict.fromkeys(columns, TEXT) | {"row": np.int64, "line": np.int64}
    return _typed(table), later[columns].astype(texts)


def _first_filled(cells: pd.Series, person: np.ndarray, n: int) -> np.ndarray:
    """Position of each person's first cell that is not blank, or of the first cell where all are."""
    first = np.unique(person, return_index=True)[1]
    filled = np.flatnonzero(cells.notna().to_numpy())
    people, where = np.unique(person[filled], return_index=True)
    taken = first[:n].copy()
    taken[people] = filled[where]
    return taken


def _differs(cells: pd.Series, taken: pd.Series) -> np.ndarray:
    """Where a filled cell says something else than the one taken, spaces around it apart."""
    unequal = (cells != taken).to_numpy() & cells.notna().to_numpy()
    where = np.flatnonzero(unequal)
    unequal[where] = (cells.take(where).str.strip() != taken.take(where).str.strip()).to_numpy()
    return unequal


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    whole = {"row", "line", "visit_row"}
    return table.astype(
        {column: TEXT for column in table.columns if column not in whole and table[column].dtype != TEXT}
    )


# ---------------------------------------------------------------- visits and outcomes


def _instrument_columns(visit: str, instrument: Instrument) -> list[tuple[str, str, str]]:
    """Item, key and column of each cell of an instrument; for a total per visit only the visit's ('' is all)."""
    items = instrument.items or []
    named = items.items() if isinstance(items, dict) else ((str(n), c) for n, c in enumerate(items, 1))
    cells = [(str(item), "items", str(column)) for item, column in named]
    if isinstance(instrument.total, dict):
        cells += [("total", f"total.{v}", c) for v, c in instrument.total.items() if visit in {"", v}]
    elif instrument.total:
        cells.append(("total", "total", instrument.total))
    return cells


@dataclass(frozen=True)
class _Block:
    """Cells of one instrument at some visits: export rows, visit rows, and one column per item."""

    name: str
    instrument: Instrument
    positions: np.ndarray
    visit_rows: np.ndarray
    columns: list[tuple[str, str, str]]


def _outcomes(rows: _Rows, block: _Block) -> pd.DataFrame | None:
    """Set an instrument's cells one below the other, leaving out visits in which all are blank."""
    name = block.name
    carried = np.zeros(len(block.positions), dtype=bool)
    for _, key, column in block.columns:
        filled = rows.column(column, f"instruments.{name}.{key}").notna().to_numpy()
        if column.strip() in rows.reasons:
            filled = filled | rows.reasons[column.strip()].notna().to_numpy()
        carried |= filled[block.positions]
    positions, visit_rows = block.positions[carried], block.visit_rows[carried]
    k, m = len(block.columns), len(positions)
    order = np.arange(k * m).reshape(k, m).T.ravel()
    values, reasons = [], []
    for item, key, column in block.columns:
        values.append(rows.cells("outcomes", f"{name}:{item}", column, f"instruments.{name}.{key}", positions))
        given = rows.reasons.get(column.strip())
        reasons.append(_blank(m) if given is None else given.take(positions))
    if not m:
        return None
    table = rows.start(np.repeat(positions, k))
    table["visit_row"] = np.repeat(visit_rows, k).astype(np.int64)
    table["column"] = _repeat([column.strip() for *_, column in block.columns], np.tile(np.arange(k), m))
    table["instrument"] = _repeat([name], np.zeros(k * m, dtype=np.int64))
    table["item"] = _repeat([item for item, *_ in block.columns], np.tile(np.arange(k), m))
    table["value"] = pd.concat(values, ignore_index=True).take(order).to_numpy()
    unit = block.instrument.unit_column
    table["unit"] = _blank(k * m)
    if unit:
        key = f"instruments.{name}.unit_column"
        table["unit"] = rows.cells("outcomes", f"{name}:unit", unit, key, positions).repeat(k).to_numpy()
    table["missing_reason"] = pd.concat(reasons, ignore_index=True).take(order).to_numpy()
    return table


def _joined(outcomes: list[pd.DataFrame | None]) -> pd.DataFrame:
    """All outcomes one below the other, rows numbered anew."""
    found = [table for table in outcomes if table is not None]
    columns = ["visit_row", "column", "instrument", "item", "value", "unit", "missing_reason"]
    if not found:
        return _typed(pd.DataFrame({c: pd.Series(dtype=TEXT) for c in [*PLACE, *columns]})).astype(
            {"row": np.int64, "line": np.int64, "visit_row": np.int64}
        )
    table = found[0] if len(found) == 1 else pd.concat(found, ignore_index=True)
    table["row"] = np.arange(len(table), dtype=np.int64)
    return _typed(table)


def _visits(rows: _Rows, study, positions: np.ndarray, planned: pd.Series | None = None) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    visits = study.visits
    table = rows.start(positions)
    table["patient"] = rows.cells("visits", "patient", study.patients.id, "patients.id", positions)
    named = {
        "planned": visits.planned.source if visits.planned and planned is None else None,
        "date": visits.date,
        "therapist": visits.therapist,
        "clinic": visits.clinic,
    }
    for name, source in named.items():
        cells = rows.cells("visits", name, source, f"visits.{name}", positions) if source else _blank(len(table))
        table[name] = rows.dates(cells) if name == "date" else cells
    if planned is not None:
        table["planned"] = planned.to_numpy()
    return _typed(table)


def _visit_rows(rows: _Rows, study) -> Tables:  # type: ignore[no-untyped-def]
    """One row is one visit."""
    positions = rows.selected(study.visits.rows, "visits")
    visit_rows = np.arange(len(positions))
    outcomes = []
    for name, instrument in study.instruments.items():
        if isinstance(instrument.total, dict):
            raise StudyError(
                f"instruments.{name}.total: a column per visit is only right where one row is one patient; name one column, or "
                "set export.shape to patient."
            )
        columns = _instrument_columns("", instrument)
        outcomes.append(_outcomes(rows, _Block(name, instrument, positions, visit_rows, columns)))
    return {"visits": _visits(rows, study, positions), "outcomes": _joined(outcomes)}


def _wide(rows: _Rows, study) -> Tables:  # type: ignore[no-untyped-def]
    """One row is one patient: visits lie side by side."""
    if study.visits.date or study.visits.planned:
        raise StudyError(
            "visits.date and visits.planned name one column each, but where one row is one patient the visits lie side by "
            "side in columns; leave both out, or set export.shape to visit."
        )
    positions = rows.selected(study.visits.rows or study.patients.rows, "visits" if study.visits.rows else "patients")
    used = {visit for instrument in study.instruments.values() for visit in _visits_of(instrument, study)}
    schedule = [visit for visit in study.visits.schedule if visit in used]
    n, v = len(positions), len(schedule)
    planned = _repeat(schedule, np.tile(np.arange(v), n))
    visits = _visits(rows, study, np.repeat(positions, v), planned)
    outcomes = []
    for name, instrument in study.instruments.items():
        parts = []
        for number, visit in enumerate(schedule):
            if visit in _visits_of(instrument, study):
                columns = _instrument_columns(visit, instrument)
                if visit != study.visits.baseline:
                    columns = [column for column in columns if column[1].startswith("total.")]
                parts.append(_outcomes(rows, _Block(name, instrument, positions, np.arange(n) * v + number, columns)))
        found = [part for part in parts if part is not None]
        outcomes += [pd.concat(found).sort_values("visit_row", kind="stable")] if found else []
    return {"visits": visits, "outcomes": _joined(outcomes).reset_index(drop=True)}


def _visits_of(instrument: Instrument, study) -> list[str]:  # type: ignore[no-untyped-def]
    """Visits at which a wide export has columns for an instrument."""
    named = list(instrument.total) if isinstance(instrument.total, dict) else []
    plain = bool(instrument.items) or isinstance(instrument.total, str)
    return [*named, *([study.visits.baseline] if plain and study.visits.baseline not in named else [])]


def _value_rows(rows: _Rows, study) -> Tables:  # type: ignore[no-untyped-def]
    """One row is one value: names of items and totals are values of a column."""
    values = study.export.values
    if values is None:
        raise StudyError(
            "export.values is missing: where one row is one value, it says which columns hold the value and its name."
        )
    positions = rows.selected(study.visits.rows, "visits")
    sources = [study.patients.id, study.visits.date, study.visits.therapist, study.visits.clinic]
    sources.append(study.visits.planned.source if study.visits.planned else None)
    if not study.visits.date and not study.visits.planned:
        raise StudyError("visits: where one row is one value, visits.date or visits.planned must tell its visit.")
    keys = [rows.column(source, "visits").take(positions).str.strip() for source in sources if source]
    visit = (
        pd.concat(keys, axis=1, keys=range(len(keys)))
        .groupby(list(range(len(keys))), dropna=False, sort=False)
        .ngroup()
    )
    visit_of = visit.to_numpy()
    first = np.unique(visit_of, return_index=True)[1]
    for source in filter(None, sources):
        rows.read.setdefault(source.strip(), np.zeros(len(rows), dtype=bool))[positions] = True
    parts = [rows.cells("outcomes", "name", source, "export.values.name", positions[:0]) for source in values.name]
    parts = [rows.column(source, "export.values.name").take(positions).fillna("").str.strip() for source in values.name]
    names = parts[0].str.cat(parts[1:], sep=" ") if len(parts) > 1 else parts[0]
    known = {
        column.strip(): (name, item)
        for name, instrument in study.instruments.items()
        for item, _, column in _instrument_columns("", instrument)
    }
    unknown = set(known) - set(names.unique())
    if len(unknown) == len(known):
        there = sorted(set(names.unique()))
        raise StudyError(
            f"{rows.raw.sheets[0].file}: none of the names that instruments list is in the column "
            f"'{' '.join(values.name)}'; it holds {_some([repr(name) for name in there])}."
        )
    wanted = np.flatnonzero(names.isin(list(known)).to_numpy())
    table = rows.start(positions[wanted])
    table["visit_row"] = visit_of[wanted].astype(np.int64)
    wanted_names = names.take(wanted).reset_index(drop=True)
    table["column"] = wanted_names
    table["instrument"] = wanted_names.map({column: name for column, (name, _) in known.items()})
    table["item"] = wanted_names.map({column: item for column, (_, item) in known.items()})
    for source in values.name:
        rows.cells("outcomes", "name", source, "export.values.name", positions[wanted])
    table["value"] = rows.cells("outcomes", "value", values.value, "export.values.value", positions[wanted])
    units = {i.unit_column for i in study.instruments.values() if i.unit_column}
    table["unit"] = _blank(len(table))
    for unit in sorted(units):
        table["unit"] = rows.cells("outcomes", "unit", unit, "instruments.unit_column", positions[wanted])
    reasons = rows.reasons.get(values.value.strip())
    table["missing_reason"] = _blank(len(table)) if reasons is None else reasons.take(positions[wanted]).to_numpy()
    rank = pd.Series({name: number for number, name in enumerate(study.instruments)})
    order = np.lexsort([table["visit_row"], table["instrument"].map(rank)])
    return {
        "visits": _visits(rows, study, positions[first]),
        "outcomes": _joined([table.take(order).reset_index(drop=True)]),
    }


# ---------------------------------------------------------------- events


def _events(rows: _Rows, name: str, event: EventTable, patient: str) -> pd.DataFrame:
    positions = rows.selected(event.rows, f"events.{name}")
    key = f"events.{name}.columns"
    filled = np.zeros(len(rows), dtype=bool)
    for canonical, column in event.columns.items():
        filled |= rows.column(column.source, f"{key}.{canonical}").notna().to_numpy()
    positions = positions[filled[positions]]
    table = rows.start(positions)
    table["patient"] = rows.cells(name, "patient", patient, "patients.id", positions)
    for canonical, column in event.columns.items():
        cells = rows.cells(name, canonical, column.source, f"{key}.{canonical}", positions)
        table[canonical] = rows.dates(cells) if is_date(canonical) else cells
    return _typed(table)
