"""The order in which the cleaning rules run."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd

from needling.clean.agreement import totals_agreement
from needling.clean.corrections import apply_corrections
from needling.clean.events import clean_events, first_sessions
from needling.clean.outcomes import clean_outcomes
from needling.clean.patterns import as_treated, look_for_patterns
from needling.clean.people import clean_patients
from needling.clean.rules import own_rules, settings
from needling.clean.trail import HIDDEN, Trail
from needling.clean.visits import clean_visits, join_parts
from needling.instruments.definition import definitions
from needling.schema.contract import check, levels
from needling.schema.intake import CLEAN, READ
from needling.study.extensions import EXTENSIONS
from needling.study.keys import StudyError
from needling.study.plan import Study

KINDS = ("patient", "therapist", "clinic")
# A whole number written with a fraction, as a code or as a part of a code such as 3/17.
WHOLE = re.compile(r"(?<![^/])\s*(\d+)\.0+\s*(?![^/])")


class Key(Protocol):
    """What gives people and clinics their new codes."""

    def codes(self, kind: str, ids: Iterable[str]) -> dict[str, str]:
        """Code of the export -> new code, for patients, therapists or clinics."""


@dataclass(frozen=True)
class Cleaned:
    """Clean tables by name, and the contracts AUDIT, QUARANTINE (rows taken out) and TOTALS (do they agree with their items)."""

    tables: dict[str, pd.DataFrame]
    audit: pd.DataFrame
    quarantine: pd.DataFrame
    totals: pd.DataFrame

    @property
    def beside(self) -> dict[str, pd.DataFrame]:
        """What was done, beside the clean tables, by name."""
        return {"audit": self.audit, "quarantine": self.quarantine, "totals": self.totals}


def clean(tables: dict[str, pd.DataFrame], study: Study, keys: Key, extensions: Path = EXTENSIONS) -> Cleaned:
    """Clean the tables of an export.

    Parameters
    ----------
    tables : tables of the contracts READ (patients, visits, outcomes and the events of the study file), all text, with
        `sources` and, where the reader found some, `patient_conflicts` and `declared_missing` (contracts ACCOUNT).
    study : a study or a part of one with the sections export, patients, visits, instruments, events, cohorts, cleaning and
        design.
    keys : gives new codes: `keys.codes(kind, ids)`.
    extensions : folder with a study's own rules.

    Returns
    -------
    Clean tables of the contracts CLEAN (event tables with the study file's columns), the audit and the quarantine. For every
    table, rows read = rows kept + rows quarantined or dropped. Values that cannot be used are missing, with a reason.

    Raises
    ------
    StudyError : an arm, cohort or visit of which no row is known, unknown rules or settings, or corrections that fit no cell.

    The allocated arm is mapped like any label; beyond that only `as_treated` reads it, which flags and changes nothing.
    """
    tables = tables | {name: check(tables[name], contract, name) for name, contract in READ.items()}
    kinds = _code_columns(study)
    # a format that stores numbers writes no point between thousands
    parting = ",." if study.export.format in {"csv", "redcap"} else ","
    rules = settings(study.cleaning, extensions)
    trail = Trail(tables, rules, kinds, _listed(study), study.export.decimal, parting)
    if study.cleaning.corrections:
        tables = apply_corrections(tables, trail, study.cleaning.corrections, keys.codes)
    tables = _whole_codes(trail, tables, kinds)
    _note_declared(trail, tables)
    known = definitions(study.instruments)
    people = clean_patients(trail, tables, study)
    events = clean_events(trail, tables, study, people)
    read, tables = tables, join_parts(trail, tables)
    visits = clean_visits(trail, tables, study, people, first_sessions(events))
    outcomes = clean_outcomes(trail, tables, study, known, visits)
    look_for_patterns(trail, outcomes, visits, events, people, study, known)
    if "needling" in events:
        as_treated(trail, events["needling"], people)
    made = {"patients": people.table, "visits": visits, "outcomes": outcomes[list(CLEAN["outcomes"])], **events}
    made = _own_rules(trail, made, study, extensions)
    codes = _new_codes([tables["patients"][["clinic"]], *made.values()], kinds, keys)
    made = {name: _rekeyed(table, name, kinds, codes) for name, table in made.items()}
    audit = trail.audit(_whose(trail, read, codes, visits))
    totals = totals_agreement(tables["outcomes"], made["outcomes"], audit, known)
    return Cleaned(made, audit, trail.quarantine(), totals)


def _own_rules(trail: Trail, made: dict[str, pd.DataFrame], study: Study, extensions: Path) -> dict[str, pd.DataFrame]:
    """Run a study's own rules; stop where one loses a row, or changes one that it says nothing of."""
    for name, rule in own_rules(extensions).items():
        if not trail.settings.on(name):
            continue
        before, made = made, rule.apply(trail, {table: rows.copy() for table, rows in made.items()}, study)
        for table, rows in before.items():
            after = made.get(table)
            if after is None or list(after["row"]) != list(rows["row"]) or list(after.columns) != list(rows.columns):
                raise StudyError(
                    f"workflow/extensions/rule_{name}.py: it loses or adds rows or columns of {table}; a rule changes cells."
                )
            changed = rows["row"][~((after == rows) | (after.isna() & rows.isna())).all(axis=1).to_numpy()]
            if not set(changed) <= set(trail.rows(table)):
                raise StudyError(
                    f"workflow/extensions/rule_{name}.py: it changes cells of {table} that it does not note; call trail.note."
                )
    return made


def _note_declared(trail: Trail, tables: dict[str, pd.DataFrame]) -> None:
    """Account for the blank cells that the export's own format, or the study file, declares missing."""
    said = "declared missing: "
    outcomes = tables["outcomes"]
    mine = outcomes[outcomes["missing_reason"].notna()]
    why = said + mine["missing_reason"].astype("str")
    trail.note("missing_codes", "missing", "outcomes", mine["row"], mine["column"].astype("str"), why)
    if "declared_missing" in tables:
        for (table, column), rows in tables["declared_missing"].groupby(["table", "column"], sort=False):
            source = trail.source(str(table), str(column))
            trail.note("missing_codes", "missing", str(table), rows["row"], source, said + rows["reason"])


def _listed(study: Study) -> set[str]:
    """Codes, names and visits that the study file itself writes."""
    columns = [study.patients.arm, study.patients.cohort, study.patients.excluded, study.visits.planned]
    columns += study.patients.covariates.values()
    for event in type(study.events).model_fields:
        settings = getattr(study.events, event)
        columns += settings.typed_columns.values() if settings else []
    pairs = [pair for column in columns if column and column.codes for pair in column.codes.items()]
    return {str(word) for pair in pairs for word in pair} | {*study.visits.schedule, "unscheduled"}


def _whole_codes(trail: Trail, tables: dict[str, pd.DataFrame], kinds: dict[str, str]) -> dict[str, pd.DataFrame]:
    """Write codes such as 8.0 as 8, which they are (a spreadsheet's numbers), unless other codes of that kind have fractions."""
    made = dict(tables)
    for kind in KINDS:
        mine = [
            (name, column)
            for name, table in tables.items()
            for column in table.columns
            if kinds.get(str(column)) == kind and name in trail.tables
        ]
        codes = {code.strip() for name, column in mine for code in tables[name][column].dropna().unique()}
        if any(re.search(r"(?<![^/])\d+\.\d*[1-9]\d*(?![^/])", code) for code in codes):
            continue
        for name, column in mine:
            code = made[name][column]
            whole = {
                each: WHOLE.sub(r"\1", each.strip())
                for each in code.dropna().unique()
                if WHOLE.sub(r"\1", each) != each
            }
            if not whole:
                continue
            hit = code.isin(list(whole))
            why = "a number as code, written with a fraction of nought"
            trail.note(
                "similar_codes",
                "mapped",
                name,
                made[name]["row"][hit],
                trail.source(name, str(column)),
                why,
                HIDDEN,
                HIDDEN,
            )
            made[name] = made[name].assign(**{str(column): code.mask(hit, code.map(whole))})
    return made


def _code_columns(study: Study) -> dict[str, str]:
    """Canonical columns that hold codes, with whose they are; people whom a study file marks by `kind: code` are therapists."""
    named = [*study.patients.covariates.items()]
    for event in type(study.events).model_fields:
        settings = getattr(study.events, event)
        named += settings.columns.items() if settings else []
    marked = {name: "therapist" for name, column in named if column.kind == "code"}
    return marked | {kind: kind for kind in KINDS}


def _new_codes(tables: list[pd.DataFrame], kinds: dict[str, str], keys: Key) -> dict[str, dict[str, str]]:
    """New codes of all patients, therapists and clinics, by the export's code; dealt in one go."""
    codes = {}
    for kind in KINDS:
        columns = [name for name, whose in kinds.items() if whose == kind]
        used = [table[name].dropna().str.strip() for table in tables for name in columns if name in table.columns]
        ids = sorted({one for column in used for one in column.unique() if one})
        codes[kind] = keys.codes(kind, ids)
    return codes


def _rekeyed(table: pd.DataFrame, name: str, kinds: dict[str, str], codes: dict[str, dict[str, str]]) -> pd.DataFrame:
    """Give people and clinics their new codes and hold the table to its contract."""
    table = table.copy()
    for column, kind in kinds.items():
        if column in table.columns:
            table[column] = table[column].map(codes[kind]).astype("str")
    if not table["row"].is_monotonic_increasing:
        table = table.sort_values("row", kind="stable")
    table = table.reset_index(drop=True)
    return check(table, CLEAN[name], name) if name in CLEAN else table


def _whose(
    trail: Trail, tables: dict[str, pd.DataFrame], codes: dict[str, dict[str, str]], visits: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """New codes of patient and clinic, and the visit, of the rows of every table: what queries are sent back by."""
    patients = tables["patients"]
    home = pd.Series(
        patients["clinic"].str.strip().map(codes["clinic"]).to_numpy(), index=patients["patient"].str.strip()
    )
    home = home[home.index.notna() & ~home.index.duplicated()]
    whose = {}
    for name, table in tables.items():
        if "patient" in table.columns:
            patient = levels(table["patient"].str.strip())
            people = {"patient": patient.map(codes["patient"]), "clinic": patient.map(home)}
            whose[name] = pd.DataFrame(people).astype("str").set_axis(table["row"])
    whose["visits"]["visit"] = visits.set_index("row")["visit"].reindex(whose["visits"].index)
    noted = tables["outcomes"]["row"].isin(trail.rows("outcomes"))
    outcomes = tables["outcomes"].loc[noted, ["row", "visit_row"]]
    whose["outcomes"] = whose["visits"].reindex(outcomes["visit_row"].to_numpy()).set_axis(outcomes["row"])
    return whose
