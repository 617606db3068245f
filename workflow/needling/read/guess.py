"""A first study file, guessed from an export: every guess is marked for review, nothing is decided."""

import re
from collections.abc import Collection
from pathlib import Path

import pandas as pd
import yaml

from needling.read.delimited import read_delimited
from needling.read.export import ENDINGS, read_export
from needling.read.look import COVARIATES, Look, look_at, names_that_are_cells, numbered_runs, plain_words, side_by_side
from needling.read.redcap import is_label_export, read_dictionary
from needling.study.keys import StudyError
from needling.study.sources import Export

REVIEW = "# review"
SYSTEM = ("redcap_repeat_instrument", "redcap_repeat_instance", "redcap_event_name", "redcap_data_access_group")
EVENTS = {
    "sessions": "session|treatment|sesion",
    "needling": "needl|muscle|puncion",
    "co_interventions": "co_?int|exercise|cointervention",
    "adverse_events": "adverse|^ae",
}
CONTROL = re.compile(r"control|usual|sham|placebo|wait|standard|uc\b|no ", re.IGNORECASE)
TOTAL = re.compile(r"(?:_|\b)(?:total|sum|score)$", re.IGNORECASE)
PAIN = re.compile(r"(?:^|_)(?:nprs|nrs|vas|pain|dolor)(?:_|$|\d)", re.IGNORECASE)


def guess_study(
    name: str, export: str | Path, dictionary: str | Path | None = None, known: Collection[str] = ()
) -> str:
    """Write a first study file by looking at an export.

    Parameters
    ----------
    name : name of the study.
    export : path of the records; its ending says the format (a CSV with a dictionary or REDCap's own columns is REDCap).
    dictionary : path of the REDCap data dictionary, where there is one.
    known : names of the instrument registry; any other instrument gets a range and a direction to review.

    Returns
    -------
    The text of the study file. Each guess ends in '# review'. It loads as it is, but what it says is only likely.

    Raises
    ------
    StudyError : the export cannot be read, or its ending is not known.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise StudyError(
            f"'{name}' cannot be a study's name; use small letters, digits and _, starting with a letter, such as my_study."
        )
    settings = _settings(Path(export), None if dictionary is None else Path(dictionary))
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
    return _text(name, _document(name, settings, look, known), look, left_out)


def _settings(export: Path, dictionary: Path | None) -> dict[str, object]:
    kind = ENDINGS.get(export.suffix.lower())
    if kind is None:
        raise StudyError(f"{export}: the ending does not say the format; known are {', '.join(sorted(ENDINGS))}.")
    settings: dict[str, object] = {"format": kind, "records": export.as_posix()}
    if dictionary:
        settings |= {"format": "redcap" if kind == "csv" else kind, "dictionary": dictionary.as_posix()}
    if kind == "csv":
        variables = read_dictionary(dictionary, dictionary.as_posix()) if dictionary else {}
        if is_label_export(read_delimited(export, export.as_posix()), variables):
            settings |= {"format": "redcap", "labels": True}
    return settings


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


def _key(text: str) -> str:
    """Turn words into a name that a study file allows."""
    key = plain_words(text).replace(" ", "_")
    return key if re.match(r"[a-z]", key) else f"x_{key}".rstrip("_")


# ---------------------------------------------------------------- the parts of the study file


def _document(name: str, settings: dict[str, object], look: Look, known: Collection[str]) -> dict[str, object]:
    wide, order = side_by_side(look)
    shape: dict[str, object] = {"shape": "patient"} if wide else {}
    if look.measured:
        shape = {"shape": "value", "values": {"name": look.measured.name, "value": look.measured.value}}
    events = _events(look)
    instruments = _instruments(look, known, events, wide)
    visits = _visits(look, instruments, order)
    arm = _arm(look)
    cohorts = _cohorts(look, instruments, known)
    outcomes = list(next(iter(cohorts.values()))["outcomes"])  # type: ignore[call-overload]
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
        "analyses": {"primary": analysis},
        "privacy": {"drop": _drop(look)},
    }


def _arm(look: Look) -> dict[str, object] | None:
    if "arm" not in look.found:
        return None
    codes = _codes(look, look.found["arm"])
    names = list(codes.values())
    control = [name for name in names if CONTROL.search(name.replace("_", " "))]
    return {"from": look.found["arm"], "codes": codes, "reference": (control or names)[0]}


def _codes(look: Look, column: str) -> dict[str, str]:
    """Values of a column with a name each: the dictionary's words, else the value itself."""
    choices = look.variable(column).choices
    names: dict[str, str] = {}
    for value in sorted(look.options(column)) if column != look.found.get("planned") else look.options(column):
        key = _key(choices.get(value, value))
        key = f"code_{key.removeprefix('x_')}" if key.startswith("x_") else key
        names[value] = key if key not in names.values() else f"{key}_{len(names)}"
    return names


def _patients(look: Look, arm: dict[str, object] | None) -> dict[str, object]:
    found = look.found
    patients: dict[str, object] = {}
    if "redcap_event_name" in look.frame.columns and (rows := _enrolment(look)):
        patients["rows"] = {"redcap_event_name": rows}
        if not look.once[look.frame["redcap_event_name"].isin(rows)].all():
            patients["rows"] = {"redcap_event_name": rows, "redcap_repeat_instrument": [""]}
    patients["id"] = found["id"]
    patients |= {role: found[role] for role in ("clinic", "day_0") if role in found}
    patients |= {"arm": arm} if arm else {}
    if "cohort" in found:
        patients["cohort"] = {"from": found["cohort"], "codes": _codes(look, found["cohort"])}
    covariates: dict[str, object] = {}
    for role in ("age", "sex", *COVARIATES):
        if role in found:
            codes = role == "sex" and 1 < len(look.options(found[role])) < 6
            covariates[role] = {"from": found[role], "codes": _codes(look, found[role])} if codes else found[role]
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
    look: Look, known: Collection[str], events: dict[str, dict[str, dict[str, object]]], wide: dict[str, dict[str, str]]
) -> dict[str, dict[str, object]]:
    if wide:
        found: dict[str, dict[str, object]] = {_key(stem): {"total": columns} for stem, columns in wide.items()}
    else:
        found = _items_and_totals(look, events)
    if not found:
        taken = {*look.found.values(), *SYSTEM}
        numbers = [name for name in look.measures if name not in taken and look.is_number(name)]
        found = {_key(column): {"total": column} for column in numbers[:1] or look.measures[-1:]}
    for name, instrument in found.items():
        if name not in known:
            instrument |= {"range": [0, _highest(look, instrument)], "better": "lower"}
    return found


def _items_and_totals(look: Look, events: dict[str, dict[str, dict[str, object]]]) -> dict[str, dict[str, object]]:
    """Runs of numbered measures, totals beside them, and single measures: of columns only those that speak of pain."""
    found: dict[str, dict[str, object]] = {}
    taken = set() if look.measured else {*look.found.values(), *_named(events)}
    for stem, columns in numbered_runs(look.measures).items():
        plain = re.fullmatch(r"[^\s.]+", stem) and columns[0] == f"{stem}1"
        found[_key(stem)] = {"items": f"{columns[0]} .. {columns[-1]}" if plain else columns}
        taken |= set(columns)
    for name in look.measures:
        if name in taken:
            continue
        if TOTAL.search(name):
            found.setdefault(_key(TOTAL.sub("", name)), {})["total"] = name
        elif (look.measured or PAIN.search(name)) and look.is_number(name):
            found.setdefault(_key(name), {"total": name})
    return found


def _highest(look: Look, instrument: dict[str, object]) -> int:
    """A round upper limit of what was seen: 10, 50, 100 or more."""
    total = instrument.get("total")
    columns = list(total.values()) if isinstance(total, dict) else [total] if total else []
    cells = [look.cells(str(column)).str.replace(",", ".") for column in columns]
    seen = [pd.to_numeric(texts, errors="coerce").quantile(0.99) for texts in cells]
    top = max([value for value in seen if pd.notna(value)], default=100)
    return next((limit for limit in (10, 50, 100, 200, 500, 1000) if limit >= top), int(top) + 1)


def _visits(look: Look, instruments: dict[str, dict[str, object]], wide: list[str]) -> dict[str, object]:
    found = look.found
    roles = ["therapist"] if wide else ["date", "therapist"]
    visits: dict[str, object] = {role: found[role] for role in roles if role in found}
    if wide:
        codes = {visit: visit for visit in wide}
    elif "planned" in found:
        codes = _codes(look, found["planned"])
        if found["planned"] == "redcap_event_name":
            kept = _measured(look, instruments) or list(codes)
            codes = {event: re.sub(r"_arm_\d+(_.*)?$", "", codes[event]) for event in kept}
            visits["rows"] = {"redcap_event_name": kept}
            if "redcap_repeat_instrument" in look.frame.columns:
                visits["rows"] = {"redcap_event_name": kept, "redcap_repeat_instrument": [""]}
        visits["planned"] = {"from": found["planned"], "codes": codes}
    else:
        codes = {"baseline": "baseline", "follow_up": "follow_up"}
    names: list[str] = list(dict.fromkeys(codes.values()))
    names = names if len(names) > 1 else [*names, "follow_up"]
    days = {"baseline": [-28, 0], "follow_up": [1, 90]} if "planned" not in found and not wide else {}
    schedule: dict[str, dict[str, object]] = {}
    week = -4.0
    for place, name in enumerate(names):
        entry: dict[str, object] = {"label": name.replace("_", " ").capitalize()}
        week = _week(name, max(4 * place, week + 4))
        schedule[name] = entry | ({"days": days[name]} if name in days else {"week": week})
    return visits | {"schedule": schedule, "primary": names[-1]}


def _week(name: str, else_week: float) -> float:
    """Weeks that a name such as month_3 speaks of, else those given."""
    match = re.search(r"(?:^|_)(w|week|m|month|d|day)_?(\d+)", name)
    if not match:
        return int(else_week) if else_week == int(else_week) else else_week
    weeks = round(int(match.group(2)) * {"w": 1, "m": 13 / 3, "d": 1 / 7}[match.group(1)[0]], 1)
    return int(weeks) if weeks == int(weeks) else weeks


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


def _events(look: Look) -> dict[str, dict[str, dict[str, object]]]:
    """Tables of repeating instruments whose names speak of sessions, needling, co-interventions or adverse events."""
    repeating = "redcap_repeat_instrument"
    if repeating not in look.frame.columns:
        return {}
    tables: dict[str, dict[str, dict[str, object]]] = {}
    full = look.frame.notna()
    for name in look.options(repeating):
        table = next(
            (table for table, words in EVENTS.items() if table not in tables and re.search(words, name.lower())), None
        )
        if table is None:
            continue
        rows = look.frame[repeating] == name
        inside, outside = full[rows].any(), full[~rows].any()
        own = [column for column in look.frame.columns if inside[column] and not outside[column]]
        own = [
            column
            for column in own
            if not re.search(r"_complete$|^Complete\?", column) and look.variable(column).kind != "notes"
        ]
        prefix = f"{own[0].split('_')[0]}_" if own else ""
        common = len(own) > 1 and all(column.startswith(prefix) and column != prefix for column in own)
        columns: dict[str, object] = {}
        for column in own:
            dated = look.variable(column).validation.startswith("date")
            role = "date" if dated else "therapist" if "therapist" in column else ""
            key = _key(column.removeprefix(prefix) if common else column)
            columns[role if role and role not in columns else key] = column
        if columns:
            tables[table] = {"rows": {repeating: name}, "columns": columns}
    return tables


def _cohorts(
    look: Look, instruments: dict[str, dict[str, object]], known: Collection[str]
) -> dict[str, dict[str, object]]:
    names = list(instruments)
    pain = next((name for name in names if PAIN.search(name)), names[0])
    rest = sorted((name for name in names if name != pain), key=lambda name: name not in known)
    outcomes = {"pain": pain} | ({"function": rest[0]} if rest else {})
    codes = _codes(look, look.found["cohort"]) if "cohort" in look.found else {"": "everybody"}
    return {name: {"label": name.replace("_", " ").capitalize(), "outcomes": dict(outcomes)} for name in codes.values()}


def _drop(look: Look) -> list[str]:
    """Columns that the dictionary marks as identifiers, free text or files, and that nothing above uses."""
    used = set(look.found.values())
    doubtful = {"email", "phone", "zipcode", "ssn"}
    return [
        name
        for name in look.frame.columns
        if name not in used and (variable := look.variables.get(name)) is not None
        if variable.identifier or variable.kind in {"notes", "file"} or variable.validation in doubtful
    ]


# ---------------------------------------------------------------- the text


def _text(name: str, document: dict[str, object], look: Look, left_out: list[str]) -> str:
    head = [
        f"# Study file of {name}: a first draft, guessed from the export. Go through every line marked 'review', mend what is",
        f"# wrong, and take the mark away. `.venv/bin/needling check {name}` says what the file would do with the export.",
    ]
    lines: list[str] = []
    for key, value in document.items():
        lines += _lines(key, value, 0) + ([""] if isinstance(value, dict) else [])
    named = {*_named(document), *SYSTEM, "sheet"}
    rest = [column for column in look.frame.columns if column not in named]
    tail = _comment("Sheets of the workbook that are not read, because their columns differ", left_out)
    tail += _comment("Columns of the export that nothing above names", rest)
    return "\n".join([*head, "", *lines, *tail]).replace("\n\n\n", "\n\n").rstrip("\n") + "\n"


def _comment(words: str, names: list[str]) -> list[str]:
    return ["", f"# {words}:", *(f"#   {' '.join(name.split())}" for name in names)] if names else []


def _lines(key: str, value: object, depth: int) -> list[str]:
    """Write one key as YAML: short mappings on one line, longer ones as a block; every guess with its mark."""
    indent = "  " * depth
    flow = f"{indent}{_flow(key)}: {_flow(value)}"
    if (
        isinstance(value, dict)
        and value
        and (depth == 0 or len(flow) > 100 or any(isinstance(v, dict) for v in value.values()))
    ):
        return [f"{indent}{_flow(key)}:", *(line for k, v in value.items() for line in _lines(k, v, depth + 1))]
    sure = key in {"study", "seed", "records", "dictionary"} or (key == "drop" and not value)
    return [flow if sure else f"{flow}  {REVIEW}"]


def _flow(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=100_000)
    return text.removesuffix("\n").removesuffix("\n...")


def _named(part: object) -> set[str]:
    """Columns that a document names, with those between the first and last of a run."""
    if isinstance(part, dict):
        return set().union(*map(_named, part.values()), *map(_named, part))
    if isinstance(part, list):
        return set().union(*map(_named, part))
    run = re.fullmatch(r"(.*?)([0-9]+) \.\. (.*?)([0-9]+)", str(part))
    if run is None:
        return {str(part)}
    return {f"{run[1]}{number}" for number in range(int(run[2]), int(run[4]) + 1)}
