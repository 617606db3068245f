"""A first study file, guessed from an export: every guess is marked for review, nothing is decided."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from needling.read.delimited import likely_encoding, read_delimited
from needling.read.draft import SYSTEM, as_text, named_in, run_of
from needling.read.draft_events import blinding_of, codes_of, events_of, key_of
from needling.read.export import ENDINGS, read_export
from needling.read.look import (
    UNIT,
    Look,
    instrument_of,
    items_side_by_side,
    look_at,
    names_that_are_cells,
    number_in,
    numbered_runs,
    plain_words,
    side_by_side,
)
from needling.read.number import MISSING_CODES
from needling.read.raw import NOT_CALCULATED
from needling.read.redcap import is_label_export, read_dictionary
from needling.read.vocabulary import (
    BASELINE,
    CHANGE,
    CONTROL,
    COVARIATES,
    FUNCTION,
    PAIN,
    SCREENING,
    TOTAL,
    UNPLANNED,
    WITHIN_DAYS,
    weeks_of,
)
from needling.study.keys import StudyError
from needling.study.sources import Export

Scale = tuple[str, float]  # a unit and the highest total in it
NOTHING: Mapping[str, Scale | None] = {}
NO_ARM = {"9", "99", "999", "-1", "-9", "-99", "-999"}  # codes for missing, where two arms are there without them
# Instruments of the registry with values below 0.
BELOW_ZERO = {"rom", "cpm", "temporal_summation", "groc", "paindetect", "eq5d_index"}
MOST_OUTCOMES = 4
EVEN = 20  # totals that are all even by chance once in a million times


def guess_study(
    name: str,
    export: str | Path,
    dictionary: str | Path | None = None,
    known: Mapping[str, Scale | None] = NOTHING,
    undirected: Collection[str] = (),
) -> str:
    """Write a first study file by looking at an export.

    Parameters
    ----------
    name : name of the study.
    export : path of the records; its ending says the format (a CSV with a dictionary or REDCap's own columns is REDCap).
    dictionary : path of the REDCap data dictionary, where there is one.
    known : names of the instrument registry, each with the unit in which its totals are smaller numbers and the highest of
        them there, if it has one; any other instrument gets a range and a direction to review.
    undirected : those of them whose direction a study must say; the draft says one, to be reviewed.

    Returns
    -------
    The text of the study file. Each guess ends in '# review'. It loads as it is, but what it says is only likely.

    Raises
    ------
    StudyError : the export cannot be read, its ending is not known, or most patients are in several arms (a crossover).
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise StudyError(
            f"'{name}' cannot be a study's name; use small letters, digits and _, starting with a letter, such as my_study."
        )
    settings, notes = _settings(Path(export), None if dictionary is None else Path(dictionary))
    left_out = _sheets(settings) if settings["format"] == "excel" else []
    raw = read_export(Export.model_validate(settings))
    for sheet in raw.sheets:
        if cells := names_that_are_cells(sheet.text):
            raise StudyError(
                f"{settings['records']}: {cells} of the {sheet.frame.shape[1]} cells of the first line look like values, not "
                "like names of columns; add a header row to the export. Nothing has been written."
            )
    frames = [sheet.text.assign(**({} if len(raw.sheets) == 1 else {"sheet": sheet.name})) for sheet in raw.sheets]
    frame = pd.concat(frames, ignore_index=True)
    if settings["format"] == "csv" and "redcap_event_name" in frame.columns:
        settings["format"] = "redcap"
    look = look_at(frame, raw.variables, known)
    look.notes += notes
    look.notes += [
        f"'{column}' holds formulas that were never calculated; open the workbook in a spreadsheet program, save it, draft again."
        for column in frame.columns
        if frame[column].eq(NOT_CALCULATED).any()
    ]
    _stop_on_crossover(look, str(settings["records"]))
    return as_text(name, _document(name, settings, look, known, undirected), look, left_out)


def _stop_on_crossover(look: Look, records: str) -> None:
    arm = look.found.get("arm")
    clinic = look.found.get("clinic")
    if arm and clinic and look.repeats and look.varying(arm) > 0.05 and look.varying(arm, clinic) == 0:
        look.within = clinic
        look.notes.append(
            f"Codes in '{look.found['id']}' have another arm in each clinic of '{clinic}', so both together are taken for the code."
        )
    if arm and look.repeats and look.varying(arm) > 0.5:
        raise StudyError(
            f"{records}: most patients have more than one value in the column '{arm}'. A crossover, in which each patient has "
            "every treatment, is not supported, because patients are compared between arms; if the column is not the arm, "
            "rename it in a copy of the export. Nothing has been written."
        )


def _settings(export: Path, dictionary: Path | None) -> tuple[dict[str, object], list[str]]:
    """What the study file says of the export, and what is to be noted about it."""
    kind = ENDINGS.get(export.suffix.lower())
    if kind is None:
        raise StudyError(f"{export}: the ending does not say the format; known are {', '.join(sorted(ENDINGS))}.")
    settings: dict[str, object] = {"format": kind, "records": export.as_posix()}
    if dictionary:
        settings |= {"format": "redcap" if kind == "csv" else kind, "dictionary": dictionary.as_posix()}
    if kind != "csv":
        return settings, []
    texts = [export, *([dictionary] if dictionary else [])]
    encoding, letters = next(filter(None, (likely_encoding(one, one.as_posix()) for one in texts)), (None, ""))
    variables = read_dictionary(dictionary, dictionary.as_posix(), encoding) if dictionary else {}
    if is_label_export(read_delimited(export, export.as_posix(), encoding=encoding), variables):
        settings |= {"format": "redcap", "labels": True}
    if encoding is None:
        return settings, []
    note = f"The file does not say its encoding; as {encoding} its letters beyond ASCII are {letters}: if they are others, mend it."
    return settings | {"encoding": encoding}, [note]


def _sheets(settings: dict[str, object]) -> list[str]:
    """Name in the settings the sheets that have the columns of the first; return the others that hold data."""
    from needling.read.workbook import data_sheets

    records = str(settings["records"])
    names = data_sheets(Path(records), records)
    if len(names) == 1:
        return []
    columns = {}
    for name in names:
        try:
            columns[name] = set(read_export(Export.model_validate(settings | {"sheets": [name]})).columns)
        except StudyError:
            if name == names[0]:
                raise
    alike = [name for name in names if columns.get(name) == columns[names[0]]]
    settings["sheets"] = alike
    return [name for name in names if name not in alike]


# ---------------------------------------------------------------- the parts of the study file


def _document(
    name: str, settings: dict[str, object], look: Look, known: Mapping[str, Scale | None], undirected: Collection[str]
) -> dict[str, object]:
    wide, order = side_by_side(look)
    alone = not look.repeats and not {"planned", "date"} & {*look.found}
    shape: dict[str, object] = {"shape": "patient"} if wide or alone else {}
    if look.measured:
        shape = {"shape": "value", "values": {"name": look.measured.name, "value": look.measured.value}}
    events = events_of(look)
    instruments = _instruments(look, known, events, wide)
    for each, of_it in instruments.items():
        if of_it.get("registry", each) in undirected:
            of_it["better"] = "lower"
    visits = _visits(look, instruments, order)
    if look.repeats and not {"planned", "date"} & {*look.found}:
        look.notes.append(
            "No column tells which visit a row is: name its date (visits.date) or its name (visits.planned)."
        )
    arm = _arm(look)
    cohorts = _cohorts(look, instruments, known)
    outcomes = _with_baseline(look, cohorts, instruments, visits)[:2]
    analysis: dict[str, object] = {"kind": "repeated_measures", "label": "Primary analysis", "outcomes": outcomes}
    analysis |= {"adjust": [c for c in ("age", "sex") if c in look.found]} | ({} if arm else {"baseline": "response"})
    return {
        "study": name,
        "title": f"Title of {name}",
        "design": "randomised" if arm else "single_arm",
        "seed": 1,
        "export": settings | shape,
        "patients": _patients(look, arm),
        "visits": visits,
        "instruments": instruments,
        **({"events": events} if events else {}),
        "cohorts": cohorts,
        "primary": "primary",
        "analyses": {"primary": analysis, **blinding_of(look, events, arm)},
        "disclosure": {"rule": "cells"},
    }


def _arm(look: Look) -> dict[str, object] | None:
    if "arm" not in look.found:
        return None
    column = look.found["arm"]
    codes = codes_of(look, column)
    if absent := [
        code for code in codes if code in NO_ARM and len(codes) > 2 and code not in look.variable(column).choices
    ]:
        look.notes.append(
            f"'{column}' holds {', '.join(absent)}, which is taken for a code for missing and not for an arm."
        )
        codes = {code: name for code, name in codes.items() if code not in absent}
    names = list(codes.values())
    control = [name for name in names if CONTROL.search(name.replace("_", " "))]
    return {"from": look.found["arm"], "codes": codes, "reference": (control or names)[0]}


def _patients(look: Look, arm: dict[str, object] | None) -> dict[str, object]:
    found = look.found
    patients: dict[str, object] = {}
    if "redcap_event_name" in look.frame.columns and (rows := _enrolment(look)):
        patients["rows"] = {"redcap_event_name": rows}
        if not look.once[look.frame["redcap_event_name"].isin(rows)].all():
            patients["rows"] = {"redcap_event_name": rows, "redcap_repeat_instrument": [""]}
    patients["id"] = found["id"] if look.within is None else [look.within, found["id"]]
    patients |= {role: found[role] for role in ("clinic", "day_0") if role in found}
    patients |= {"arm": arm} if arm else {}
    if "cohort" in found:
        patients["cohort"] = {"from": found["cohort"], "codes": codes_of(look, found["cohort"])}
    covariates: dict[str, object] = {}
    for role in ("age", "sex", *COVARIATES):
        if role in found:
            codes = role == "sex" and 0 < len(look.options(found[role])) < 6
            covariates[role] = {"from": found[role], "codes": codes_of(look, found[role])} if codes else found[role]
    return patients | ({"covariates": covariates} if covariates else {})


def _enrolment(look: Look) -> list[str]:
    """Events in which facts of patients are filled in."""
    facts = [look.found[role] for role in ("arm", "age", "sex", "day_0", "cohort") if role in look.found]
    events = look.frame["redcap_event_name"]
    return [
        event
        for event in look.options("redcap_event_name")
        if facts and all(look.filled(f, (events == event) & look.once) > 0.3 for f in facts)
    ]


def _instruments(
    look: Look,
    known: Mapping[str, Scale | None],
    events: dict[str, dict[str, dict[str, object]]],
    wide: dict[str, dict[str, str]],
) -> dict[str, dict[str, object]]:
    if wide:
        found: dict[str, dict[str, object]] = {}
        items = items_side_by_side(wide)
        for stem, visits in items.items():
            found[key_of(stem)] = {"items": {visit: run_of(columns) for visit, columns in visits.items()}}
        taken = {column for visits in items.values() for columns in visits.values() for column in columns}
        for stem, columns in wide.items():
            if not taken & {*columns.values()}:
                found[key_of(TOTAL.sub("", stem)) if instrument_of(stem, known) else key_of(stem)] = {"total": columns}
    else:
        found = _items_and_totals(look, events, known)
    if not found:
        found = {key_of(column): {"total": column} for column in _other_measures(look)}
    for name in found:
        registered = name if name in known else instrument_of(name.replace("_", " "), known)
        if registered and _below_zero(look, found[name], different=2) and registered not in BELOW_ZERO:
            registered = None
        if registered is None:
            found[name] |= {"range": _range(look, found[name]), "better": "lower"}
        else:
            found[name] |= {"registry": registered} if registered != name else {}
            scale, alone = known[registered], "items" not in found[name]
            found[name] |= {"unit": scale[0]} if scale and alone and _fits(look, found[name], scale[1]) else {}
    return found


def _items_and_totals(
    look: Look, events: dict[str, dict[str, dict[str, object]]], known: Mapping[str, Scale | None]
) -> dict[str, dict[str, object]]:
    """Runs of numbered measures, totals beside them, and single measures: of columns those that speak of pain or the registry."""
    found: dict[str, dict[str, object]] = {}
    taken = set() if look.measured else {*look.found.values(), *named_in(events)}
    for stem, columns in numbered_runs(look.measures).items():
        if not taken & {*columns}:
            found[key_of(stem)] = {"items": run_of(columns)}
            taken |= set(columns)
    for name in look.measures:
        registered = instrument_of(name, known)
        measured = look.is_number(name) if registered else _may_be_an_outcome(look, name)
        if name in taken or "___" in name or CHANGE.search(name) or not measured:
            continue
        stem = key_of(TOTAL.sub("", name))
        if (
            registered
            and plain_words(TOTAL.sub("", name)).replace(" ", "_") in {registered, stem}
            and stem in {*known, *found}
        ):
            found.setdefault(stem, {})["total"] = name
        elif registered and registered not in found and len(plain_words(TOTAL.sub("", name)).split()) == 1:
            found[registered] = {"total": name}
        elif TOTAL.search(name) and stem != "x":
            found.setdefault(stem, {})["total"] = name
        elif look.measured or registered or PAIN.search(name):
            found.setdefault(key_of(name), {"total": name})
    for name in look.measures:
        if CHANGE.search(name) and PAIN.search(name) and name not in taken and _may_be_an_outcome(look, name):
            found.setdefault(key_of(name), {"total": name})
    return found


def _may_be_an_outcome(look: Look, name: str) -> bool:
    """Numbers, that but for what is called a pain are not always the same in a patient with several rows."""
    if not look.is_number(name):
        return False
    alone = look.measured is not None or not look.repeats or "redcap_event_name" in look.frame
    return alone or bool(PAIN.search(name)) or look.varying(name) > 0.05


def _other_measures(look: Look) -> list[str]:
    """Columns of numbers that nothing else was made of, where no name tells a measure."""
    taken = {*look.found.values(), *SYSTEM}
    times = re.compile(r"(?:^|_)(?:\w*days?|ady|dy|visitnum|line|row|year|site)(?:_|$)")
    numbers = [
        name for name in look.measures if name not in taken and "___" not in name and _may_be_an_outcome(look, name)
    ]
    likely = [name for name in numbers if not CHANGE.search(name) and not times.search(key_of(name))]
    return likely[:MOST_OUTCOMES] or numbers[:1] or look.measures[-1:]


def _cells(look: Look, instrument: dict[str, object]) -> pd.Series:
    """Numbers of the totals of an instrument."""
    total = instrument.get("total")
    columns = list(total.values()) if isinstance(total, dict) else [total] if total else []
    texts = [look.cells(str(column)).str.strip() for column in columns]
    if not texts:
        return pd.Series(dtype="float64")
    cells = pd.concat(texts)
    return cells.map({text: number_in(str(text)) for text in cells.unique()}).astype(float).dropna()


def _highest(look: Look, instrument: dict[str, object]) -> int:
    """A round upper limit of what was seen: 10, 50, 100 or more."""
    cells = _cells(look, instrument)
    top = float(cells.abs().quantile(0.99)) if len(cells) else 100.0
    return next((limit for limit in (10, 50, 100, 200, 500, 1000) if limit >= top), int(top) + 1)


def _fits(look: Look, instrument: dict[str, object], top: float) -> bool:
    """Do the totals fill a raw scale up to `top`? Where all lie in a tenth of it, or are even, they may be on yet another one."""
    cells = _cells(look, instrument)
    if len(cells) >= EVEN and (cells % 2 == 0).all():
        return False
    highest = float(cells.abs().quantile(0.99)) if len(cells) else 0.0
    return top / 10 < highest and _highest(look, instrument) <= top


def _below_zero(look: Look, instrument: dict[str, object], different: int = 1) -> bool:
    """Are there more values below zero than codes for missing would be, and as many different ones?"""
    cells = _cells(look, instrument)
    below = cells[(cells < 0) & ~cells.isin(MISSING_CODES)]
    return below.nunique() >= different and len(below) > 0.02 * len(cells)


def _range(look: Look, instrument: dict[str, object]) -> list[int]:
    top = _highest(look, instrument)
    return [-top if _below_zero(look, instrument) else 0, top]


def _visits(look: Look, instruments: dict[str, dict[str, object]], wide: list[str]) -> dict[str, object]:
    found = look.found
    roles = ["therapist"] if wide or not look.repeats else ["date", "therapist"]
    visits: dict[str, object] = {role: found[role] for role in roles if role in found}
    if "date" in found and not wide:
        visits = {"date": found["date"]} | visits
    if wide:
        schedule = _schedule([(visit, visit.replace("_", " "), None) for visit in wide])[0]
    elif "planned" in found:
        column = found["planned"]
        kept = look.options(column)
        again = _repeated_event(look, instruments) if column == "redcap_event_name" else []
        if again:
            column, kept = "redcap_repeat_instance", look.options("redcap_repeat_instance")
            visits["rows"] = {"redcap_event_name": again, "redcap_repeat_instrument": [""]}
        elif column == "redcap_event_name":
            kept = _measured(look, instruments) or kept
            visits["rows"] = {"redcap_event_name": kept}
            if "redcap_repeat_instrument" in look.frame.columns:
                visits["rows"] = {"redcap_event_name": kept, "redcap_repeat_instrument": [""]}
        schedule, codes = _schedule(_labelled(look, column, kept))
        visits["planned"] = {"from": column, "codes": {value: codes[value] for value in kept if value in codes}}
    else:
        schedule = {"baseline": {"label": "Baseline", "week": 0}, "follow_up": {"label": "Follow up", "week": 4}}
        if "date" in found:
            schedule = {
                "baseline": {"label": "Baseline", "days": [-28, 0]},
                "follow_up": {"label": "Follow up", "days": [1, 90]},
            }
    return visits | {"schedule": schedule, "primary": list(schedule)[-1]}


def _labelled(look: Look, column: str, values: list[str]) -> list[tuple[str, str, float | None]]:
    """Visits of a column: value, its plain words, and the weeks that it speaks of, where it does."""
    choices, heading = look.variable(column).choices, plain_words(column)
    told = []
    for value in values:
        label = re.sub(r"_arm_\d+(_.*)?$", "", choices.get(value, value))
        label = re.sub(r"(^|\s)[-−–](?=\d)", r"\1minus ", label).replace("-", " ")
        words = plain_words(re.sub(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])", " ", label))
        words = re.sub(r"^(\d+) 0+$", r"\1", words)
        weeks = weeks_of(words, heading)
        if re.fullmatch(r"(?:minus )?\d+", words):
            words = f"{heading} {words}"
        told.append((value, words, weeks))
    return told


def _schedule(told: list[tuple[str, str, float | None]]) -> tuple[dict[str, dict[str, object]], dict[str, str]]:
    """The planned visits in order, and the code of each value: by their weeks where these are told, a baseline first."""
    told = [(value, words, weeks_of(words) if weeks is None else weeks) for value, words, weeks in told]
    codes = {value: "unscheduled" for value, words, _ in told if UNPLANNED.fullmatch(words)}
    if any(BASELINE.fullmatch(words) for _, words, _ in told):
        codes |= {value: "unscheduled" for value, words, _ in told if SCREENING.fullmatch(words)}
    if any(weeks == 0 for *_, weeks in told):  # the first visit of the schedule is the baseline
        codes |= {value: "unscheduled" for value, _, weeks in told if weeks is not None and weeks < 0}
    told = [one for one in told if one[0] not in codes]
    if all(weeks is not None for *_, weeks in told):
        told.sort(key=lambda one: (one[2] or 0.0, not BASELINE.fullmatch(one[1])))
    elif all(re.search(r"\d+$", words) for _, words, _ in told):
        told.sort(key=lambda one: int(re.findall(r"\d+$", one[1])[0]))
    else:
        told.sort(key=lambda one: not (BASELINE.fullmatch(one[1]) or SCREENING.fullmatch(one[1])))
    schedule: dict[str, dict[str, object]] = {}
    by_week: dict[float | None, str] = {}  # 'Wk 4' is 'Week 4'
    by_words: dict[str, str] = {}  # a baseline of each arm of a REDCap project is one
    last = -4.0
    for place, (value, words, weeks) in enumerate(told):
        last = weeks if weeks is not None else max(4.0 * place, last + 4)
        plain = re.fullmatch(rf"(?:{UNIT}) \d+|\d+ (?:{UNIT})", words)
        if plain and (known := by_week.setdefault(weeks, key_of(words))) in schedule:
            codes[value] = known
            continue
        if words in by_words:
            codes[value] = by_words[words]
            continue
        name = key_of(words)
        name = name if name not in schedule else f"{name}_{place}"
        codes[value] = by_words[words] = name
        time = {"hours": _rounded(168 * last)} if WITHIN_DAYS.search(words) else {"week": _rounded(last)}
        # Nouns of German keep their capitals.
        spelt = value if value.lower() == words and not value.isupper() else words
        schedule[name] = {"label": spelt[:1].upper() + spelt[1:], **time}
    if len(schedule) < 2:
        schedule["follow_up"] = {"label": "Follow up", "week": _rounded(last + 4)}
    return schedule, codes


def _rounded(weeks: float) -> float:
    return int(weeks) if weeks == int(weeks) else round(weeks, 1)


def _measured(look: Look, instruments: dict[str, dict[str, object]]) -> list[str]:
    """Events in which an instrument is filled in."""
    columns: list[str] = []
    for instrument in instruments.values():
        items, total = instrument.get("items"), instrument.get("total")
        columns += [items.split(" .. ")[0]] if isinstance(items, str) else list(items or [])[:1]  # type: ignore[call-overload]
        columns += [total] if isinstance(total, str) else []
    events = look.frame["redcap_event_name"]
    return [
        event
        for event in look.options("redcap_event_name")
        if any(look.filled(column, (events == event) & look.once) > 0.1 for column in columns)
    ]


def _repeated_event(look: Look, instruments: dict[str, dict[str, object]]) -> list[str]:
    """The only event in which anything is measured, where it is repeated: its instances are the visits."""
    kept = _measured(look, instruments)
    if len(kept) != 1 or "redcap_repeat_instance" not in look.frame.columns:
        return []
    rows = look.frame[(look.frame["redcap_event_name"] == kept[0]) & look.once]
    instances = rows["redcap_repeat_instance"]
    return kept if instances.notna().mean() > 0.9 and instances.nunique() > 1 else []


def _cohorts(
    look: Look, instruments: dict[str, dict[str, object]], known: Mapping[str, Scale | None]
) -> dict[str, dict[str, object]]:
    names = [name for name in instruments if not CHANGE.search(name)] or list(instruments)
    pain = next(
        (name for name in names if instruments[name].get("registry", name) in {"nprs", "vas"} or PAIN.search(name)),
        None,
    )
    rest = sorted(
        (name for name in names if name != pain), key=lambda name: instruments[name].get("registry", name) not in known
    )
    outcomes = {"pain": pain} if pain else {}
    if pain and rest:
        outcomes["function"] = rest[0]
    for name in [] if pain else rest[:MOST_OUTCOMES]:
        outcomes["function" if instruments[name].get("registry", name) in FUNCTION and len(rest) == 1 else name] = name
    codes = codes_of(look, look.found["cohort"]) if "cohort" in look.found else {"": "everybody"}
    return {name: {"label": name.replace("_", " ").capitalize(), "outcomes": dict(outcomes)} for name in codes.values()}


def _with_baseline(
    look: Look,
    cohorts: dict[str, dict[str, object]],
    instruments: dict[str, dict[str, object]],
    visits: dict[str, object],
) -> list[str]:
    """Outcomes that the drafted analysis can adjust for their baseline; all of them where none can be."""
    named: dict[str, str] = next(iter(cohorts.values()))["outcomes"]  # type: ignore[assignment]
    first = next(iter(visits["schedule"]))  # type: ignore[call-overload]
    columns = {outcome: instruments[name].get("total") for outcome, name in named.items()}
    without = [outcome for outcome, column in columns.items() if isinstance(column, dict) and first not in column]
    kept = [outcome for outcome in named if outcome not in without]
    if not kept:
        return list(named)
    look.notes += [
        f"'{outcome}' is not measured at {first}, the first visit, so the drafted analysis, which adjusts for it, leaves it out."
        for outcome in without
    ]
    return kept
