"""From the export to the canonical tables: patients, visits, outcomes, events; each cell is text with its place."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from needling.read.raw import RawExport
from needling.read.redcap import MISSING_DATA
from needling.read.rows import EVENT_NAME, INSTANCE, TEXT, Rows, blank, different_values, repeated, some, stacked
from needling.schema.contract import Contract, check, is_date
from needling.schema.intake import ACCOUNT, PLACE, READ, TOTAL
from needling.study.keys import StudyError
from needling.study.plan import Study
from needling.study.sources import Column, EventTable, Instrument, Patients, Ticked

CODE_NAMES = {"patient", "therapist", "clinic"}

Tables = dict[str, pd.DataFrame]


def to_canonical(raw: RawExport, study: Study) -> Tables:
    """Map an export to the canonical tables as the study file says.

    Parameters
    ----------
    raw : the export; sheets are taken one below the other.
    study : a study, or the part of one, with the sections export, patients, visits, instruments and events.

    Returns
    -------
    Table -> frame of text cells as exported, blank is missing; every table starts with row (from 0), file, sheet, line.

    - patients: patient, clinic, cohort, arm, day_0, excluded (where the study file has it), and each covariate by its
      name in the study file. Where one row is not one patient and `patients.rows` selects none, there is one row per
      patient at the patient's first line, with the first value of each fact that is not blank.
    - visits: patient, planned, date, therapist, clinic. Where one row is one patient: a row per patient and visit of
      the schedule that has a column, planned is the schedule's name; plain columns belong to the baseline visit.
    - outcomes: visit_row, column, instrument, item (number or 'total'), value, unit, missing_reason; sorted by
      instrument, visit, item. A visit in which every cell of an instrument is blank has no rows of that instrument.
    - sessions, needling, co_interventions, adverse_events, milestones, status (those of the study file): patient and the columns
      named there; rows in which all of these are blank are left out.
    - patient_conflicts, declared_missing, sources, unread, alike: of the contracts ACCOUNT. In sources an outcome's column is
      written 'instrument:item'.

    Raises
    ------
    StudyError : a column of the study file is not in the export (names key, column, file and the nearest column), or a
        selection of rows selects none.
    """
    people = {column for column, role in mapped_columns(study).items() if role == "code"}
    missing = (MISSING_DATA if study.export.format == "redcap" else {}) | study.export.missing
    rows = Rows.of(raw, missing, people)
    shape = study.export.shape
    code = rows.codes(study.patients.id_columns, "patients.id")
    tables: Tables = {}
    tables["patients"], tables["patient_conflicts"] = _patients(rows, study.patients, shape, code)
    if shape == "patient":
        tables |= _wide(rows, study, code)
    elif shape == "visit":
        tables |= _visit_rows(rows, study, code)
    else:
        tables |= _value_rows(rows, study, code)
    for name in type(study.events).model_fields:
        event = getattr(study.events, name)
        if event is not None:
            tables[name] = _events(rows, name, event, code)
    rows.stop_on_spoiled()
    tables |= {
        "declared_missing": rows.declared_table(),
        "sources": rows.sources_table(),
        "unread": rows.unread_table(),
        "alike": rows.alike_table(),
    }
    return tables | {name: check(tables[name], contract, name) for name, contract in ACCOUNT.items()}


@dataclass(frozen=True)
class Use:
    """What the study file takes a column of the export for.

    `role` is 'code' (of a patient, therapist or clinic: re-keyed by cleaning), 'date' (turned into study days), 'rows' (only
    selects rows), or 'value'. `name` is the canonical column, `settings` what the study file says of it; `closed` says that
    cleaning lets nothing through but numbers, or names that the study file lists.
    """

    column: str
    role: str
    name: str
    settings: Column | None = None
    closed: bool = True


def uses(study: Study) -> list[Use]:
    """Say what the study file takes each column of the export for.

    Parameters
    ----------
    study : a study, or the part of one, with the sections export, patients, visits, instruments and events.

    Returns
    -------
    One entry per place in which the study file names a column; columns that it names nowhere get no further than the reader.
    """
    patients, visits, values = study.patients, study.visits, study.export.values
    selecting = [*patients.rows, *visits.rows, *(name for one in study.instruments.values() for name in one.rows)]
    found = [Use(name, "rows", "") for name in selecting]
    *within, code = patients.id_columns
    found += [Use(code, "code", "patient"), *(Use(column, "code", "clinic") for column in within)]
    places = [("clinic", patients.clinic), ("therapist", visits.therapist), ("clinic", visits.clinic)]
    found += [Use(column, "code", name) for name, column in places if column]
    found += [
        Use(column, "date", name) for name, column in (("day_0", patients.day_0), ("date", visits.date)) if column
    ]
    found += [Use(visits.planned.source, "value", "planned", visits.planned)] if visits.planned else []
    facts = {"arm": patients.arm, "cohort": patients.cohort, "excluded": patients.excluded}
    found += [_use(name, column) for name, column in facts.items() if column]
    for instrument in study.instruments.values():
        found += [Use(instrument.unit_column, "value", "unit")] if instrument.unit_column else []
        if values is None:
            found += [Use(column, "value", "value") for _, _, column in _instrument_columns("", instrument)]
    if values is not None:
        found += [Use(column, "value", "value") for column in [*values.name, values.value]]
    found += [_use(name, column) for name, column in patients.covariates.items()]
    for table in type(study.events).model_fields:
        event = getattr(study.events, table)
        found += [Use(name, "rows", "") for name in event.rows] if event else []
        for time in (event.times or [""]) if event else []:
            found += [
                _use(name, event.columns[name].model_copy(update={"source": source}))
                for name, source in event.sources_at(time).items()
            ]
    return [replace(use, column=use.column.strip()) for use in found]


def _use(name: str, column: Column) -> Use:
    """A fact of a patient, or a column of an event table."""
    if is_date(name):
        return Use(column.source, "date", name, column)
    if name in CODE_NAMES or column.kind == "code":
        return Use(column.source, "code", name, column)
    return Use(column.source, "value", name, column, closed=bool(column.codes))


def mapped_columns(study: Study) -> dict[str, str]:
    """Say which columns of the export the study file names, and as what.

    Parameters
    ----------
    study : as in `uses`.

    Returns
    -------
    Column of the export -> role, as in `Use`. A code or date that is also an ordinary value reaches the clean tables as it is,
    so it counts as a value.
    """
    named = uses(study)
    return {use.column: use.role for role in ("rows", "code", "date", "value") for use in named if use.role == role}


# ---------------------------------------------------------------- patients


def _patients(rows: Rows, patients: Patients, shape: str, code: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    facts: dict[str, tuple[str | None, str]] = {
        "clinic": (patients.clinic, "patients.clinic"),
        "cohort": (patients.cohort.source if patients.cohort else None, "patients.cohort"),
        "arm": (patients.arm.source if patients.arm else None, "patients.arm"),
        "day_0": (patients.day_0, "patients.day_0"),
    }
    if patients.excluded:
        facts["excluded"] = (patients.excluded.source, "patients.excluded")
    facts |= {name: (c.source, f"patients.covariates.{name}") for name, c in patients.covariates.items()}
    by_visit = shape != "patient" and not patients.rows
    positions = rows.selected(patients.rows, "patients")
    ids = rows.column(code, "patients.id").str.strip()
    _stop_on_rounded_codes(rows, ids, code)
    if shape == "patient":
        rows.tell_apart("patients", positions, [code])
    person = np.arange(len(positions))
    if by_visit:
        positions = np.flatnonzero(ids.notna().to_numpy() & (ids != "").to_numpy())
        person = pd.factorize(ids.take(positions))[0]
    first = np.unique(person, return_index=True)[1]
    table = rows.start(positions[first])
    table["patient"] = rows.cells("patients", "patient", code, "patients.id", positions).take(first).array
    conflicts = []
    for name, (source, key) in facts.items():
        if source is None:
            table[name] = blank(len(table))
            continue
        cells = rows.cells("patients", name, source, key, positions)
        if name == "day_0":
            cells = rows.dates(cells)
        taken = _first_filled(cells, person, len(first))
        if name == "arm" and by_visit:
            _stop_on_crossover(cells, person, source)
        table[name] = cells.take(taken).array
        rows.note_declared("patients", name, source, positions[taken])
        if by_visit:
            differs = np.flatnonzero(_differs(cells, cells.take(taken[person]).reset_index(drop=True)))
            conflict = rows.start(positions[differs])
            conflict["patient"] = ids.take(positions[differs]).array
            conflict["column"], conflict["source"] = name, source.strip()
            conflict["value"] = cells.take(differs).array
            conflict["taken"] = cells.take(taken[person[differs]]).array
            conflicts.append(conflict)
    columns = list(ACCOUNT["patient_conflicts"])
    later = pd.concat(conflicts, ignore_index=True) if conflicts else pd.DataFrame(columns=columns)
    return _typed(table, "patients"), later.assign(row=np.arange(len(later)))


def _stop_on_other_spellings(rows: Rows, names: pd.Series, known: list[str]) -> None:
    """Stop where rows name a measure of the study file in other letters or marks: they would not be read."""
    meant = {re.sub(r"[\W_]+", "", name.casefold()): name for name in known}
    for name in names.drop_duplicates():
        alike = meant.get(re.sub(r"[\W_]+", "", name.casefold()))
        if alike is not None and name not in known:
            raise StudyError(
                f"{rows.raw.sheets[0].file}: {int((names == name).sum())} rows name '{alike}' in other letters or marks and would "
                "not be read; write it alike in the export, or as most rows do in the study file."
            )


def _stop_on_rounded_codes(rows: Rows, ids: pd.Series, code: str) -> None:
    """Stop where a spreadsheet has shortened codes of patients to some digits, which several people then share."""
    shortened = int(ids.str.fullmatch(r"\d(?:[.,]\d+)?[eE]\+\d+").fillna(False).sum())
    if shortened:
        raise StudyError(
            f"{rows.raw.sheets[0].file}: {shortened} codes of patients in column '{code}' stand as powers of ten, as spreadsheets "
            "shorten long numbers, so that several people may share one; export the codes again as text."
        )


def _stop_on_crossover(arms: pd.Series, person: np.ndarray, source: str) -> None:
    """Refuse an export in which most patients are in more than one arm: no patient would be left."""
    table = pd.DataFrame({"person": person, "arm": arms.str.strip().str.casefold().to_numpy()}).dropna()
    several = table.groupby("person")["arm"].nunique() > 1
    if several.sum() > 1 and several.mean() > 0.5:
        raise StudyError(
            f"patients.arm: {several.sum()} of {len(several)} patients have more than one arm in the column '{source.strip()}'. "
            "A crossover, in which each patient has every treatment, is not supported, because patients are compared between "
            "arms; if the column is not the arm that each patient was allocated to, name that one; if codes of patients repeat "
            "between clinics, write patients.id: [column of the clinic, column of the code]."
        )


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


def _typed(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Hold a table to its contract; columns that only the study file names are text."""
    table = check(table, READ.get(name, PLACE), name)
    return table.astype(dict.fromkeys(table.columns[len(READ.get(name, PLACE)) :], TEXT))


# ---------------------------------------------------------------- visits and outcomes


def _instrument_columns(visit: str, instrument: Instrument) -> list[tuple[str, str, str]]:
    """Item, key and column of each cell of an instrument; for items and totals per visit only the visit's ('' is all)."""
    visits = instrument.item_visits
    places = [(v, f"items.{v}") for v in visits if visit in {"", v}] if visits else [("", "items")]
    cells = [
        (item, key, column.source if isinstance(column, Ticked) else column)
        for where, key in places
        for item, column in instrument.items_at(where).items()
    ]
    if isinstance(instrument.total, dict):
        cells += [(TOTAL, f"total.{v}", c) for v, c in instrument.total.items() if visit in {"", v}]
    elif instrument.total:
        cells.append((TOTAL, "total", instrument.total))
    return cells


@dataclass(frozen=True)
class _Block:
    """Cells of one instrument at some visits: export rows, visit rows, and one column per item."""

    name: str
    instrument: Instrument
    positions: np.ndarray
    visit_rows: np.ndarray
    columns: list[tuple[str, str, str]]


def _outcomes(rows: Rows, block: _Block) -> pd.DataFrame | None:
    """Set an instrument's cells one below the other, leaving out visits in which all are blank."""
    name = block.name
    carried = np.zeros(len(block.positions), dtype=bool)
    for _, key, column in block.columns:
        filled = rows.filled(column, f"instruments.{name}.{key}")
        if column.strip() in rows.reasons:
            filled = filled | rows.reasons[column.strip()].notna().to_numpy()
        carried |= filled[block.positions]
    positions, visit_rows = block.positions[carried], block.visit_rows[carried]
    k, m = len(block.columns), len(positions)
    order = np.arange(k * m).reshape(k, m).T.ravel()
    given = [rows.reasons.get(column.strip()) for *_, column in block.columns]
    values = [
        _ticked(
            rows.levels("outcomes", f"{name}:{item}", column, f"instruments.{name}.{key}", positions),
            block.instrument,
            item,
            None if reason is None else reason.take(positions).notna().to_numpy(),
        )
        for (item, key, column), reason in zip(block.columns, given, strict=True)
    ]
    if not m:
        return None
    table = rows.start(np.repeat(positions, k))
    table["visit_row"] = np.repeat(visit_rows, k).astype(np.int64)
    table["column"] = repeated([column.strip() for *_, column in block.columns], np.tile(np.arange(k), m))
    table["instrument"] = repeated([name], np.zeros(k * m, dtype=np.int64))
    table["item"] = repeated([item for item, *_ in block.columns], np.tile(np.arange(k), m))
    table["value"] = stacked(values).take(order).array
    unit = block.instrument.unit_column
    table["unit"] = blank(k * m)
    if unit:
        key = f"instruments.{name}.unit_column"
        table["unit"] = rows.levels("outcomes", f"{name}:unit", unit, key, positions).repeat(k).array
    table["missing_reason"] = blank(k * m)
    if any(reason is not None for reason in given):
        reasons = [blank(m) if reason is None else reason.take(positions) for reason in given]
        table["missing_reason"] = stacked(reasons).take(order).array
    return table


def _ticked(cells: pd.Series, instrument: Instrument, item: str, excused: np.ndarray | None) -> pd.Series:
    """Where an item is one of several options that are ticked in one cell: 1 if it is there, 0 if it is not.

    A cell that holds anything else than the options of its column stays a text, so that cleaning asks about it; a cell
    that the file excuses as missing stays blank.
    """
    items = instrument.numbered_items
    mine = items.get(item)
    if not isinstance(mine, Ticked):
        return cells
    options = {
        each.ticked.strip() for each in items.values() if isinstance(each, Ticked) and each.source == mine.source
    }
    any_option = "|".join(re.escape(option) for option in sorted(options, key=len, reverse=True))
    several = re.compile(rf"\s*(?:{any_option})(?:\s*[,;|]\s*(?:{any_option}))*\s*")
    codes, distinct = pd.factorize(cells)
    texts = [_tick(str(text), mine.ticked.strip(), any_option, several) for text in distinct]
    ticked = pd.Series([*texts, "0"], dtype=TEXT).take(codes).reset_index(drop=True)
    return ticked if excused is None else ticked.mask(excused & cells.isna().to_numpy())


def _tick(text: str, option: str, any_option: str, several: "re.Pattern[str]") -> str:
    if not several.fullmatch(text):
        return "0" if not text.strip() else f"not an option: {text}"
    return "1" if option in re.findall(any_option, text) else "0"


def _joined(outcomes: Sequence[pd.DataFrame | None]) -> pd.DataFrame:
    """All outcomes one below the other, rows numbered anew."""
    found = [table for table in outcomes if table is not None] or [pd.DataFrame(columns=list(READ["outcomes"]))]
    table = pd.DataFrame({name: _one_column([part[name] for part in found], READ["outcomes"]) for name in found[0]})
    table["row"] = np.arange(len(table), dtype=np.int64)
    return _typed(table, "outcomes")


def _one_column(parts: list[pd.Series], contract: Contract) -> pd.Series:
    few_texts = contract[str(parts[0].name)].kind == "level"
    return stacked(parts) if few_texts else pd.concat(parts, ignore_index=True)


def _visits(
    rows: Rows, study: Study, code: str, positions: np.ndarray, planned: pd.Series | None = None
) -> pd.DataFrame:
    visits = study.visits
    table = rows.start(positions)
    table["patient"] = rows.cells("visits", "patient", code, "patients.id", positions)
    named = {
        "planned": visits.planned.source if visits.planned and planned is None else None,
        "date": visits.date,
        "therapist": visits.therapist,
        "clinic": visits.clinic,
    }
    for name, source in named.items():
        cells = rows.cells("visits", name, source, f"visits.{name}", positions) if source else blank(len(table))
        table[name] = rows.dates(cells) if name == "date" else cells
        rows.note_declared("visits", name, source, positions)
    if planned is not None:
        table["planned"] = planned.array
    return _typed(table, "visits")


def _visit_rows(rows: Rows, study: Study, code: str) -> Tables:
    """One row is one visit."""
    positions = rows.selected(study.visits.rows, "visits")
    rows.tell_apart("visits", positions, _visit_columns(study, code))
    visit_rows = np.arange(len(positions))
    outcomes = []
    for name, instrument in study.instruments.items():
        if isinstance(instrument.total, dict) or instrument.item_visits:
            raise StudyError(
                f"instruments.{name}: a column per visit is only right where one row is one patient; name one "
                "column, or set export.shape to patient."
            )
        mine = _own_rows(rows, name, instrument, positions)
        block = _Block(name, instrument, positions[mine], visit_rows[mine], _instrument_columns("", instrument))
        outcomes.append(_outcomes(rows, block))
    return {"visits": _visits(rows, study, code, positions), "outcomes": _joined(outcomes)}


def _visit_columns(study: Study, code: str) -> list[str]:
    """Columns that say which visit a row is: the patient's code, and the visit's name and date where the export has them."""
    planned = study.visits.planned
    return [code, *([planned.source] if planned else []), *([study.visits.date] if study.visits.date else [])]


def _own_rows(rows: Rows, name: str, instrument: Instrument, positions: np.ndarray) -> np.ndarray:
    """Which of these rows of the export an instrument is read from."""
    return np.isin(positions, rows.selected(instrument.rows, f"instruments.{name}"))


def _wide(rows: Rows, study: Study, code: str) -> Tables:
    """One row is one patient: visits lie side by side."""
    if study.visits.date or study.visits.planned:
        raise StudyError(
            "visits.date and visits.planned name one column each, but where one row is one patient the visits lie side "
            "by side in columns; leave both out, or set export.shape to visit."
        )
    positions = rows.selected(study.visits.rows or study.patients.rows, "visits" if study.visits.rows else "patients")
    used = {visit for instrument in study.instruments.values() for visit in _visits_of(instrument, study)}
    schedule = [visit for visit in study.visits.schedule if visit in used]
    n, v = len(positions), len(schedule)
    planned = repeated(schedule, np.tile(np.arange(v), n))
    visits = _visits(rows, study, code, np.repeat(positions, v), planned)
    outcomes = []
    for name, instrument in study.instruments.items():
        parts, mine = [], _own_rows(rows, name, instrument, positions)
        for number, visit in enumerate(schedule):
            if visit in _visits_of(instrument, study):
                columns = _instrument_columns(visit, instrument)
                if visit != study.visits.baseline:
                    columns = [column for column in columns if "." in column[1]]
                visit_rows = (np.arange(n) * v + number)[mine]
                parts.append(_outcomes(rows, _Block(name, instrument, positions[mine], visit_rows, columns)))
        found = [part for part in parts if part is not None]
        outcomes += [_joined(found).sort_values("visit_row", kind="stable")] if found else []
    return {"visits": visits, "outcomes": _joined(outcomes)}


def _visits_of(instrument: Instrument, study: Study) -> list[str]:
    """Visits at which a wide export has columns for an instrument."""
    named = [*instrument.item_visits, *(instrument.total if isinstance(instrument.total, dict) else [])]
    plain = (bool(instrument.items) and not instrument.item_visits) or isinstance(instrument.total, str)
    return [*named, *([study.visits.baseline] if plain and study.visits.baseline not in named else [])]


def _value_rows(rows: Rows, study: Study, code: str) -> Tables:
    """One row is one value: the names of items and totals are values of a column."""
    values = study.export.values
    if values is None:
        raise StudyError(
            "export.values is missing: where one row is one value, it says which columns hold the value and its name."
        )
    positions = rows.selected(study.visits.rows, "visits")
    visit_of = _visit_numbers(rows, study, code, positions)
    first = np.unique(visit_of, return_index=True)[1]
    parts = [rows.column(name, "export.values.name").take(positions).fillna("").str.strip() for name in values.name]
    names = parts[0] if len(parts) == 1 else pd.concat(parts, axis=1).agg(" ".join, axis=1).str.strip()
    for name, settings in study.instruments.items():
        if any(isinstance(column, Ticked) for column in settings.numbered_items.values()):
            raise StudyError(
                f"instruments.{name}.items: options that are ticked in one cell cannot be read where one row is one value; "
                "name the items as the export does."
            )
        if settings.rows:
            raise StudyError(
                f"instruments.{name}.rows: where one row is one value, name the column in export.values.name too, and the items or "
                "totals as both together, e.g. 'nprs left'."
            )
    known = measured_names(study)
    _stop_on_other_spellings(rows, names, list(known))
    wanted = np.flatnonzero(names.isin(list(known)).to_numpy())
    rows.tell_apart("outcomes", positions[wanted], [*_visit_columns(study, code), *values.name])
    if not wanted.size:
        raise StudyError(
            f"{rows.raw.sheets[0].file}: no item or total of the instruments is in the column {' '.join(values.name)}; it "
            f"holds {different_values(names[names != ''].nunique())}. Mend instruments or export.values.name in the study file."
        )
    instrument = names.take(wanted).map({column: name for column, (name, _) in known.items()})
    rank = {name: number for number, name in enumerate(study.instruments)}
    wanted = wanted[np.lexsort([visit_of[wanted], instrument.map(rank).to_numpy()])]
    names, cells = names.take(wanted).reset_index(drop=True), positions[wanted]
    table = rows.start(cells)
    table["visit_row"] = visit_of[wanted].astype(np.int64)
    table["column"] = names
    table["instrument"] = names.map({column: name for column, (name, _) in known.items()})
    table["item"] = names.map({column: item for column, (_, item) in known.items()})
    for source in values.name:
        rows.cells("outcomes", "instrument", source, "export.values.name", cells)
    table["value"] = rows.cells("outcomes", "value", values.value, "export.values.value", cells)
    units = sorted({i.unit_column for i in study.instruments.values() if i.unit_column})
    if len(units) > 1:
        raise StudyError(f"instruments: where one row is one value, unit_column must be one column, not {some(units)}.")
    key = "instruments.unit_column"
    table["unit"] = rows.cells("outcomes", "unit", units[0], key, cells) if units else blank(len(table))
    reasons = rows.reasons.get(values.value.strip())
    table["missing_reason"] = blank(len(table)) if reasons is None else reasons.take(cells).array
    return {"visits": _visits(rows, study, code, positions[first]), "outcomes": _joined([table])}


def measured_names(study: Study) -> dict[str, tuple[str, str]]:
    """Where one row is one value: name of an item or total in the export -> its instrument and item."""
    return {
        column.strip(): (name, item)
        for name, instrument in study.instruments.items()
        for item, _, column in _instrument_columns("", instrument)
    }


def _visit_numbers(rows: Rows, study: Study, code: str, positions: np.ndarray) -> np.ndarray:
    """Number the visits of a table of values: a visit is what shares patient, name, date, therapist and clinic."""
    visits = study.visits
    if not visits.date and not visits.planned:
        raise StudyError("visits: where one row is one value, visits.date or visits.planned must tell its visit.")
    planned = visits.planned.source if visits.planned else None
    named = {"patient": code, "planned": planned, "date": visits.date}
    named |= {"therapist": visits.therapist, "clinic": visits.clinic}
    keys = {}
    for name, source in named.items():
        if source:
            key = "patients.id" if name == "patient" else f"visits.{name}"
            keys[name] = rows.cells("visits", name, source, key, positions).str.strip()
    return pd.DataFrame(keys).groupby(list(keys), dropna=False, sort=False).ngroup().to_numpy()


# ---------------------------------------------------------------- events


def _events(rows: Rows, name: str, event: EventTable, patient: str) -> pd.DataFrame:
    selected = rows.selected(event.rows, f"events.{name}")
    parts: list[pd.DataFrame] = []
    for time in event.times or [""]:
        sources = event.sources_at(time)
        key = f"events.{name}.times.{time}" if time else f"events.{name}.columns"
        filled = np.zeros(len(rows.frame), dtype=bool)
        for canonical in event.times.get(time, sources):
            filled |= rows.filled(sources[canonical], f"{key}.{canonical}")
        positions = selected[filled[selected]]
        if not time:
            telling = {EVENT_NAME} if "date" in sources else {EVENT_NAME, INSTANCE}
            rows.tell_apart(name, positions, [patient, *sources.values()], telling)
        table = rows.start(positions)
        first = sum(map(len, parts))
        table["row"] += first
        table["patient"] = rows.cells(name, "patient", patient, "patients.id", positions)
        for canonical, source in sources.items():
            cells = rows.cells(name, canonical, source, f"{key}.{canonical}", positions)
            table[canonical] = rows.dates(cells) if is_date(canonical) else cells
            rows.note_declared(name, canonical, source, positions, first)
        if time:
            table["time"] = pd.Series(time, index=table.index, dtype=TEXT)
        parts.append(table)
    return _typed(pd.concat(parts, ignore_index=True), name)
