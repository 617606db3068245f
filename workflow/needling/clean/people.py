"""Patients: codes, arm, cohort, day 0 and covariates."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from needling.clean import columns
from needling.clean.labels import ABSENT, UNKNOWN
from needling.clean.questions import told_apart
from needling.clean.trail import HIDDEN, Trail
from needling.study.keys import StudyError
from needling.study.plan import Study
from needling.study.sources import Column

OLDEST = 90
LIFE = 36_500.0  # days


@dataclass
class People:
    """Clean patients with the export's own codes, their day 0 (days from 1970-01-01), and which patients were taken out."""

    table: pd.DataFrame
    day_0: pd.Series
    """Index: the export's code of the patient."""
    quarantined: set[str]
    known: set[str]


def clean_patients(trail: Trail, tables: dict[str, pd.DataFrame], study: Study) -> People:
    """Make the clean table of patients, still with the export's codes and with day_0 as a date.

    Parameters
    ----------
    tables : read tables; `patient_conflicts` is used where it is there.
    study : sections patients, cohorts.

    Returns
    -------
    Patients, their day 0 and the codes that were taken out.

    Raises
    ------
    StudyError : no row has a known arm or a known cohort.
    """
    frame = tables["patients"].copy()
    frame["patient"] = code_column(trail, "patients", frame, "patient")
    frame["clinic"] = columns.blank_to_missing(frame["clinic"])
    frame = trail.take_out("unknown_patients", frame, "patients", frame["patient"].isna(), "no patient code")
    known = set(frame["patient"])
    typed, day_0_found = _typed(trail, frame, study)
    frame = _enrolled(trail, frame, typed, study)
    kinds = [name for name in frame.columns if name in {"cohort", "arm", *study.patients.covariates}]
    frame = _one_row_each(trail, frame, [*kinds, "clinic", "day_0"])
    frame = _conflicts(trail, frame, tables, study)
    frame = _unknown_groups(trail, frame, study)
    day_0 = _day_0(trail, frame, day_0_found.loc[frame.index], tables["visits"])
    for name, column in study.patients.covariates.items():
        if columns.kind_of(trail, "patients", name, column, tables["patients"][name]) == "date":
            frame[name] = columns.plausible(trail, "patients", frame, name, frame[name] - day_0, -LIFE, LIFE)
    day_0.index = pd.Index(frame["patient"])
    kept = frame.drop(columns=["day_0", "_arm_how", "_cohort_how"])
    return People(kept, day_0, known - set(frame["patient"]), known)


def code_column(trail: Trail, table: str, frame: pd.DataFrame, name: str) -> pd.Series:
    """Strip codes of people and places; a stripped one is noted, its value hidden."""
    stripped = columns.blank_to_missing(frame[name])
    changed = stripped.notna() & (stripped != frame[name])
    trail.note(
        "similar_codes",
        "mapped",
        table,
        frame["row"][changed],
        trail.source(table, name),
        "spaces around a code",
        HIDDEN,
        HIDDEN,
    )
    return stripped


def _enrolled(trail: Trail, frame: pd.DataFrame, typed: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Take out people who were screened and not enrolled, each with the export's reason."""
    column = study.patients.excluded
    if column is None or "excluded" not in frame.columns:
        return typed
    found = columns.category(trail, "patients", frame, "excluded", _text_codes(column))
    given = ~found["how"].isin(["", ABSENT])
    reason = "screened, not enrolled: " + found["value"].fillna("reason not known").str.replace("_", " ")
    return trail.take_out("not_enrolled", typed, "patients", given, reason, "dropped")


def _typed(trail: Trail, frame: pd.DataFrame, study: Study) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turn every fact into its kind; the group columns keep how each cell was mapped."""
    settings = study.patients
    typed = frame[["row", "patient", "clinic"]].copy()
    for name, column in (("cohort", settings.cohort), ("arm", settings.arm)):
        typed[name] = pd.Series(pd.NA, index=frame.index, dtype="str")
        typed[f"_{name}_how"] = ""
        if column is None:
            continue
        found = columns.category(trail, "patients", frame, name, _text_codes(column), similar=False)
        _some_mapped(trail, frame, name, found, column)
        typed[name], typed[f"_{name}_how"] = found["value"], found["how"].astype("str")
    if settings.cohort is None:
        typed["cohort"] = next(iter(study.cohorts))
    for name, column in settings.covariates.items():
        typed[name] = covariate(trail, "patients", frame, name, column)
    day_0 = columns.date(trail, "patients", frame, "day_0")
    typed["day_0"] = day_0["date"]
    return typed, day_0


def _text_codes(column: Column) -> dict[str, str] | None:
    return None if column.codes is None else {str(code): name for code, name in column.codes.items()}


def covariate(
    trail: Trail,
    table: str,
    frame: pd.DataFrame,
    name: str,
    column: Column,
    places: list[pd.Series] | None = None,
    kind: columns.Kind | None = None,
) -> pd.Series:
    """Turn one column of text into a number, a category, a date (days from 1970-01-01), a text or a code.

    It is of the kind given, or else of the one that the study file says or its values tell.
    """
    kind = kind or columns.kind_of(trail, table, name, column, frame[name])
    if kind == "category":
        return columns.category(trail, table, frame, name, _text_codes(column))["value"]
    if kind == "date":
        return columns.date(trail, table, frame, name)["date"]
    if kind == "code":
        return code_column(trail, table, frame, name)
    if kind == "text":
        return columns.blank_to_missing(frame[name])
    possible = column.range or columns.POSSIBLE.get(name)
    usual = column.usual or columns.USUAL.get(name)
    is_age = bool(re.match(r"age($|_)", name))
    hide = float(OLDEST) if is_age else np.inf
    values = columns.number(trail, table, frame, name, possible, usual, places, hide, column.unit)
    return _top_age(trail, table, frame, name, values) if is_age else values


def _top_age(trail: Trail, table: str, frame: pd.DataFrame, name: str, values: pd.Series) -> pd.Series:
    old = values >= OLDEST
    over = values > OLDEST
    trail.note("age_90", "corrected", table, frame["row"][over], trail.source(table, name), "age over 89", HIDDEN, "90")
    return values.where(~old, float(OLDEST))


def _some_mapped(trail: Trail, frame: pd.DataFrame, name: str, found: pd.DataFrame, column: Column) -> None:
    """Stop where the study file's codes fit nothing at all: that is a mistake in the plan, not dirt in the data."""
    present = frame[name].notna() & ~found["how"].isin(["", ABSENT])
    if not present.any() or found["value"].notna().any():
        return
    files = ", ".join(sorted(set(frame["file"].dropna())))
    codes = ", ".join(f"'{code}'" for code in (column.codes or trail.choices("patients", name) or {}))
    raise StudyError(
        f"{files}: no row of the column '{trail.source('patients', name)}' has a known {name}: "
        f"{int(present.sum())} filled rows hold {frame.loc[present, name].nunique()} different values, "
        f"none of them a code of the study file ({codes}); "
        f"mend patients.{name}.codes or the column's name."
    )


def _one_row_each(trail: Trail, frame: pd.DataFrame, facts: list[str]) -> pd.DataFrame:
    """Keep one row per patient; facts that differ between rows become missing and are queried."""
    repeated = frame["patient"].duplicated(keep=False)
    if not repeated.any():
        return frame
    several = frame[repeated]
    person = several["patient"]
    later = person.duplicated()
    differs_anywhere = pd.Series(False, index=several.index)
    frame = frame.copy()
    first = several[~later]
    for name in facts:
        by_person = several.groupby(person)[name]
        differs = by_person.nunique() > 1
        if re.match(r"age($|_)", name):
            differs &= (by_person.max() - by_person.min()) > 1
        filled = by_person.first()
        filled[differs] = None if filled.dtype == "str" else np.nan
        frame.loc[first.index, name] = first["patient"].map(filled).to_numpy()
        conflicted = person.map(differs).astype(bool)
        differs_anywhere |= conflicted
        if trail.settings.on("conflicting_facts"):
            rows = several["row"][conflicted]
            source = trail.source("patients", name)
            trail.note(
                "conflicting_facts", "query", "patients", rows, source, "differs between rows of one patient", HIDDEN
            )
        if name in {"arm", "cohort"}:
            frame.loc[first.index[conflicted[~later].to_numpy()], f"_{name}_how"] = "conflict"
    drop = frame.index.isin(several.index[later])
    again = pd.Series(differs_anywhere).reindex(frame.index, fill_value=False)
    told_apart(trail, frame, "patients")
    frame = trail.repeated(frame, "patients", drop & ~again, "patient on record twice", "a second row of the patient")
    drop = frame.index.isin(several.index[later])
    return trail.take_out("duplicates", frame, "patients", drop, "patient on record again with other facts")


def _conflicts(trail: Trail, frame: pd.DataFrame, tables: dict[str, pd.DataFrame], study: Study) -> pd.DataFrame:
    """Facts that later lines of the export contradict (found while reading): missing, and queried on every line.

    What a later line gives is read like the fact itself. An impossible or unreadable value contradicts nothing, and the
    first usable value stands in for such a one. A second clinic is queried only: people may move.
    """
    conflicts = tables.get("patient_conflicts")
    if conflicts is None or not len(conflicts):
        return frame
    frame = frame.copy()
    conflicts = conflicts.assign(patient=conflicts["patient"].str.strip())
    conflicts = conflicts[conflicts["patient"].isin(frame["patient"])]
    for fact, mine in conflicts.groupby("column"):
        name = str(fact)
        if name not in frame.columns:
            continue
        own = pd.Series(frame.index, index=frame["patient"]).reindex(mine["patient"]).to_numpy()
        given = _later_values(trail, mine, name, study, tables["patients"])
        source, cells = trail.source("patients", name), (mine["row"], frame["row"])
        unusable = given.isna() & columns.blank_to_missing(mine["value"]).notna()
        why = "a later line's value that cannot be used; it contradicts nothing"
        trail.note("conflicting_facts", "missing", "patient_conflicts", cells[0][unusable], source, why, HIDDEN)
        _stand_in(frame, name, pd.Series(given.to_numpy(), index=own).dropna())
        taken = frame[name].reindex(own).set_axis(mine.index)
        differs = given.notna() & taken.notna() & (given != taken)
        differs &= ~frame["row"].reindex(own).isin(trail.confirmed("patients", source)).to_numpy()
        if re.match(r"age($|_)", name) and given.dtype == float:
            differs &= (given - taken).abs() > 1 + _years_passed(mine, tables["visits"])
        hit = frame.index.isin(own[differs.to_numpy()])
        reason = f"differs between {'clinics' if name == 'clinic' else 'lines'} of one patient"
        for table, rows in (("patients", cells[1][hit]), ("patient_conflicts", cells[0][differs])):
            trail.note("conflicting_facts", "query", table, rows, source, reason, HIDDEN)
        if name in {"arm", "cohort"}:
            frame.loc[hit, f"_{name}_how"] = "conflict"
        if name != "clinic":
            frame.loc[hit, name] = None if frame[name].dtype == "str" else np.nan
    return frame


def _later_values(trail: Trail, mine: pd.DataFrame, name: str, study: Study, patients: pd.DataFrame) -> pd.Series:
    """Read what later lines give for a fact together with the patients' own cells, as one column of the export."""
    own = patients[["row", name]]
    both = pd.concat([own, mine[["row", "value"]].rename(columns={"value": name})], ignore_index=True)
    quiet, settings = trail.quiet(), study.patients
    group = {"cohort": settings.cohort, "arm": settings.arm}.get(name)
    if name == "clinic":
        values = columns.blank_to_missing(both[name])
    elif name == "day_0":
        values = columns.date(quiet, "patients", both, name)["date"]
    elif group is not None:
        values = columns.category(quiet, "patients", both, name, _text_codes(group), similar=False)["value"]
    else:
        column = settings.covariates[name]
        kind = columns.kind_of(trail, "patients", name, column, own[name])
        values = covariate(quiet, "patients", both, name, column, kind=kind)
    return values.iloc[len(own) :].set_axis(mine.index)


def _stand_in(frame: pd.DataFrame, name: str, given: pd.Series) -> None:
    """Where the first value of a fact was of no use, the first later one that is stands in (`given` by row of the frame).

    A label that nobody knows is not blank: it says something, and is asked about.
    """
    first = given[~given.index.duplicated()]
    blank = frame[name].reindex(first.index).isna()
    if f"_{name}_how" in frame.columns:
        blank &= frame[f"_{name}_how"].reindex(first.index).isin(["", ABSENT])
    frame.loc[first.index[blank], name] = first[blank]


def _years_passed(conflicts: pd.DataFrame, visits: pd.DataFrame) -> pd.Series:
    """Years between each patient's first visit and the visit on the line of a conflict: people grow older; 0 where not known."""
    day = columns.parse.dates(columns.blank_to_missing(visits["date"]))["date"]
    first = day.groupby(columns.blank_to_missing(visits["patient"])).min()
    place = ["file", "sheet", "line"]
    on_line = pd.Series(day.to_numpy(), index=pd.MultiIndex.from_frame(visits[place]))
    on_line = on_line[~on_line.index.duplicated()]
    then = on_line.reindex(pd.MultiIndex.from_frame(conflicts[place])).to_numpy()
    passed = (then - conflicts["patient"].str.strip().map(first)).clip(lower=0) / 365.25
    return passed.fillna(0.0)


def _unknown_groups(trail: Trail, frame: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Quarantine patients whose arm or cohort is not known or not one, or who have none in a study that has them."""
    for name, column in (("arm", study.patients.arm), ("cohort", study.patients.cohort)):
        how = frame[f"_{name}_how"]
        none = frame[name].isna() & ~how.isin([UNKNOWN, "conflict"]) & (column is not None)
        trail.note(
            "labels", "query", "patients", frame["row"][none], trail.source("patients", name), f"no {name} on record"
        )
        frame = trail.take_out("labels", frame, "patients", none, f"no {name} on record")
        how = frame[f"_{name}_how"]
        frame = trail.take_out("labels", frame, "patients", how == UNKNOWN, f"unknown {name}")
        how = frame[f"_{name}_how"]
        frame = trail.take_out("conflicting_facts", frame, "patients", how == "conflict", f"more than one {name}")
    return frame


def _day_0(trail: Trail, frame: pd.DataFrame, found: pd.DataFrame, visits: pd.DataFrame) -> pd.Series:
    """Day 0 of each patient: the column of the study file, else the first visit's date; doubts settled by the first visit."""
    dates = columns.parse.dates(columns.blank_to_missing(visits["date"]))
    by_patient = dates["date"].groupby(columns.blank_to_missing(visits["patient"]))
    first, middle = (
        pd.Series(days.reindex(frame["patient"]).to_numpy(), index=frame.index, dtype=float)
        for days in (by_patient.min(), by_patient.median())
    )
    if frame["day_0"].notna().any() or found["doubtful"].any():
        near = 60.0
        settled = columns.settle(trail, "patients", frame, "day_0", found, first - near, first + near)
        day_0 = frame["day_0"].fillna(settled)
        # held to the middle visit: one visit with a slip in its year must not cost the day
        apart = columns.plausible(trail, "patients", frame, "day_0", day_0 - middle)
        day_0 = day_0.where(apart.notna() | middle.isna())
        doubt = found["doubtful"] & settled.isna()
        source = trail.source("patients", "day_0")
        trail.note(
            "dates", "query", "patients", frame["row"][doubt], source, "day and month cannot be told apart", HIDDEN
        )
        return day_0
    # where an earlier visit's date is in doubt, the first one is not known
    person = columns.blank_to_missing(visits["patient"])
    earliest = dates[["first", "second"]].min(axis=1)[dates["doubtful"]].groupby(person).min()
    return first.mask(first > frame["patient"].map(earliest).astype(float))
