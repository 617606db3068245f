"""A first study file, guessed from an export: every guess is marked for review, nothing is decided."""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from needling.read.export import ENDINGS, read_export
from needling.read.raw import RawExport, Variable
from needling.study import Export, StudyError

REVIEW = "# review"
SYSTEM = ("redcap_repeat_instrument", "redcap_repeat_instance", "redcap_event_name", "redcap_data_access_group")
# What a column is likely to be -> words of its name, the likeliest first.
WORDS = {
    "id": "record id|study id|patient id|subject id|participant id|id|patient|subject|participant|paciente|"
    "numero de historia clinica|usubjid|code",
    "clinic": "redcap data access group|clinic|site|centre|center|practice|hospital|centro|centro medico|practice id|clinic id|"
    "site id",
    "therapist": "therapist|physiotherapist|physio|acupuncturist|clinician|provider|fisioterapeuta|therapist id",
    "day_0": "date randomised|randomisation date|randomization date|date randomized|date of randomisation|rand date|"
    "date enrolled|enrolment date|enrollment date",
    "date": "visit date|date of visit|date|assessment date|fecha|marca temporal|interview date|timestamp",
    "planned": "redcap event name|visit|visit name|timepoint|time point|event|week|visita|sheet|numero de sesion|avisit",
    "arm": "arm|group|treatment|allocation|randomised to|treatment group|grupo|trt|armcd|therapy",
    "cohort": "cohort",
    "sex": "sex|gender|sexo",
    "age": "age|edad|age years",
}
COVARIATES = {
    "height": "height|height cm|talla",
    "weight": "weight|weight kg|peso",
    "bmi": "bmi|imc",
    "duration": "duration weeks|duration|chronicity|duration months",
    "expectation": "expectation",
}
EVENTS = {
    "sessions": "session|treatment|sesion",
    "needling": "needl|muscle|puncion",
    "co_interventions": "co_?int|exercise|cointervention",
    "adverse_events": "adverse|^ae",
}
CONTROL = re.compile(r"control|usual|sham|placebo|wait|standard|uc\b|no ", re.IGNORECASE)
TOTAL = re.compile(r"(?:_|\b)(?:total|sum|score)$", re.IGNORECASE)
PAIN = re.compile(r"(?:^|_)(?:nprs|nrs|vas|pain|dolor)(?:_|$|\d)", re.IGNORECASE)


@dataclass
class _Look:
    """The export as one frame, with what its columns are likely to be."""

    frame: pd.DataFrame
    variables: dict[str, Variable]
    found: dict[str, str]

    def variable(self, column: str) -> Variable:
        """What the dictionary says about a column, if anything."""
        return self.variables.get(column, Variable())

    def options(self, column: str) -> list[str]:
        """Distinct values of a column in the order of the export, without misspellings (below a hundredth of the rows)."""
        counts = self.frame[column].str.strip().replace("", None).value_counts(sort=False)
        return [str(value) for value in counts[counts >= counts.sum() / 100].index]

    def filled(self, column: str, where: pd.Series) -> float:
        """Share of rows with a value."""
        return float(self.frame.loc[where, column].notna().mean()) if where.any() else 0.0


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
    settings = _settings(Path(export), None if dictionary is None else Path(dictionary))
    raw = read_export(Export(**settings))
    frame = pd.concat([sheet.text for sheet in raw.sheets], ignore_index=True)
    if settings["format"] == "csv" and "redcap_event_name" in frame.columns:
        settings["format"] = "redcap"
    look = _look(raw, frame)
    document = _document(name, settings, look, known)
    return _text(name, document, look)


def _settings(export: Path, dictionary: Path | None) -> dict[str, str]:
    kind = ENDINGS.get(export.suffix.lower())
    if kind is None:
        raise StudyError(f"{export}: the ending does not say the format; known are {', '.join(sorted(ENDINGS))}.")
    settings = {"format": "redcap" if dictionary and kind == "csv" else kind, "records": export.as_posix()}
    return settings | ({"dictionary": dictionary.as_posix()} if dictionary else {})


def _plain(text: str) -> str:
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    ascii_only = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    return " ".join(re.findall(r"[a-z0-9]+", ascii_only.lower()))


def _key(text: str) -> str:
    """Turn words into a name that a study file allows."""
    key = _plain(text).replace(" ", "_")
    return key if re.match(r"[a-z]", key) else f"x_{key}".rstrip("_")


def _look(raw: RawExport, frame: pd.DataFrame) -> _Look:
    plain = {column: _plain(column) for column in frame.columns}
    found: dict[str, str] = {}
    for role, phrases in (WORDS | COVARIATES).items():
        words = phrases.split("|")
        exact = [column for word in words for column in frame.columns if plain[column] == word]
        near = [
            column for word in words if " " in word for column in frame.columns if plain[column].startswith(f"{word} ")
        ]
        free = [column for column in [*exact, *near] if column not in found.values()]
        if free:
            found[role] = free[0]
    if "id" not in found:
        found["id"] = next((column for column in frame.columns if column not in found.values()), str(frame.columns[0]))
    look = _Look(frame, raw.variables, found)
    for role, most in (("arm", 6), ("planned", 30), ("cohort", 9)):
        if role in found and not 1 < len(look.options(found[role])) <= most:
            del found[role]
    return look


# ---------------------------------------------------------------- the parts of the study file


def _document(name: str, settings: dict[str, str], look: _Look, known: Collection[str]) -> dict[str, object]:
    ids = look.frame[look.found["id"]].dropna()
    wide = bool(ids.is_unique) and "redcap_event_name" not in look.frame.columns and _wide_totals(look) != {}
    events = _events(look)
    instruments = _instruments(look, known, events, wide)
    visits = _visits(look, instruments, wide)
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
        "export": settings | ({"shape": "patient"} if wide else {}),
        "patients": _patients(look, arm),
        "visits": visits,
        "instruments": instruments,
        **({"events": events} if events else {}),
        "cohorts": cohorts,
        "primary": "primary",
        "analyses": {"primary": analysis},
        "privacy": {"drop": _drop(look)},
    }


def _arm(look: _Look) -> dict[str, object] | None:
    if "arm" not in look.found:
        return None
    codes = _codes(look, look.found["arm"])
    names = list(codes.values())
    control = [name for name in names if CONTROL.search(name.replace("_", " "))]
    return {"from": look.found["arm"], "codes": codes, "reference": (control or names)[0]}


def _codes(look: _Look, column: str) -> dict[str, str]:
    """Values of a column with a name each: the dictionary's words, else the value itself."""
    choices = look.variable(column).choices
    names: dict[str, str] = {}
    for value in sorted(look.options(column)) if column != look.found.get("planned") else look.options(column):
        key = _key(choices.get(value, value))
        key = f"code_{key.removeprefix('x_')}" if key.startswith("x_") else key
        names[value] = key if key not in names.values() else f"{key}_{len(names)}"
    return names


def _patients(look: _Look, arm: dict[str, object] | None) -> dict[str, object]:
    found = look.found
    patients: dict[str, object] = {}
    if "redcap_event_name" in look.frame.columns and (rows := _enrolment(look)):
        patients["rows"] = {"redcap_event_name": rows}
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


def _enrolment(look: _Look) -> list[str]:
    """Events in which facts of patients are filled in."""
    facts = [look.found[role] for role in ("arm", "age", "sex", "day_0", "cohort") if role in look.found]
    events = look.frame["redcap_event_name"]
    return [
        event
        for event in look.options("redcap_event_name")
        if facts and all(look.filled(f, events == event) > 0.3 for f in facts)
    ]


def _wide_totals(look: _Look) -> dict[str, list[str]]:
    """Stem -> columns that differ only in the number at their end, where these are two to six."""
    groups: dict[str, list[str]] = {}
    for column in look.frame.columns:
        match = re.fullmatch(r"([A-Za-z][A-Za-z_]*?)_?(\d+)", column)
        if match:
            groups.setdefault(match.group(1), []).append(column)
    return {stem: columns for stem, columns in groups.items() if 2 <= len(columns) <= 6}


def _runs(look: _Look) -> dict[str, list[str]]:
    """Stem -> columns numbered from 1 without a gap, where these are three or more."""
    groups: dict[str, dict[int, str]] = {}
    for column in look.frame.columns:
        match = re.fullmatch(r"(.*[^0-9])(\d+)", column)
        if match and "___" not in column:
            groups.setdefault(match.group(1), {})[int(match.group(2))] = column
    return {
        stem: [numbered[n] for n in sorted(numbered)]
        for stem, numbered in groups.items()
        if len(numbered) >= 3 and sorted(numbered) == list(range(1, len(numbered) + 1))
    }


def _instruments(
    look: _Look, known: Collection[str], events: dict[str, dict[str, dict[str, object]]], wide: bool
) -> dict[str, dict[str, object]]:
    if wide:
        found: dict[str, dict[str, object]] = {
            _key(stem): {"total": dict(zip(_wide_visits(len(columns)), columns, strict=False))}
            for stem, columns in _wide_totals(look).items()
        }
    else:
        found = _items_and_totals(look, events)
    if not found:
        taken = {*look.found.values(), *SYSTEM}
        numbers = [column for column in look.frame.columns if column not in taken and _is_number(look, column)]
        found = {_key(column): {"total": column} for column in numbers[:1] or [str(look.frame.columns[-1])]}
    for name, instrument in found.items():
        if name not in known:
            instrument |= {"range": [0, _highest(look, instrument)], "better": "lower"}
    return found


def _items_and_totals(look: _Look, events: dict[str, dict[str, dict[str, object]]]) -> dict[str, dict[str, object]]:
    """Runs of numbered columns, totals beside them, and single columns that speak of pain."""
    found: dict[str, dict[str, object]] = {}
    taken = {*look.found.values(), *_named(events)}
    for stem, columns in _runs(look).items():
        plain = re.fullmatch(r"[^\s.]+", stem) and columns[0] == f"{stem}1"
        found[_key(stem)] = {"items": f"{columns[0]} .. {columns[-1]}" if plain else columns}
        taken |= set(columns)
    free = [column for column in look.frame.columns if column not in taken]
    for column in free:
        if TOTAL.search(column):
            found.setdefault(_key(TOTAL.sub("", column)), {})["total"] = column
        elif PAIN.search(column) and _is_number(look, column):
            found.setdefault(_key(column), {"total": column})
    return found


def _is_number(look: _Look, column: str) -> bool:
    cells = look.frame[column].dropna()
    return bool(len(cells)) and bool(cells.str.fullmatch(r"\s*-?\d+(?:[.,]\d+)?\s*").mean() > 0.8)


def _highest(look: _Look, instrument: dict[str, object]) -> int:
    """A round upper limit of what was seen: 10, 50, 100 or more."""
    total = instrument.get("total")
    columns = list(total.values()) if isinstance(total, dict) else [total] if total else []
    seen = [
        pd.to_numeric(look.frame[column].str.replace(",", "."), errors="coerce").quantile(0.99) for column in columns
    ]
    top = max([value for value in seen if pd.notna(value)], default=100)
    return next((limit for limit in (10, 50, 100, 200, 500, 1000) if limit >= top), int(top) + 1)


def _wide_visits(n: int) -> list[str]:
    return ["baseline", *(f"follow_up_{number}" for number in range(1, n))]


def _visits(look: _Look, instruments: dict[str, dict[str, object]], wide: bool) -> dict[str, object]:
    found = look.found
    roles = ["therapist"] if wide else ["date", "therapist"]
    visits: dict[str, object] = {role: found[role] for role in roles if role in found}
    if wide:
        totals = [instrument["total"] for instrument in instruments.values()]
        codes = {name: name for name in _wide_visits(max(len(total) for total in totals if isinstance(total, dict)))}
    elif "planned" in found:
        codes = _codes(look, found["planned"])
        if found["planned"] == "redcap_event_name":
            kept = _measured(look, instruments) or list(codes)
            codes = {event: re.sub(r"_arm_\d+$", "", codes[event]) for event in kept}
            visits["rows"] = {"redcap_event_name": kept}
            if "redcap_repeat_instrument" in look.frame.columns:
                visits["rows"] = {"redcap_event_name": kept, "redcap_repeat_instrument": [""]}
        visits["planned"] = {"from": found["planned"], "codes": codes}
    else:
        codes = {"baseline": "baseline", "follow_up": "follow_up"}
    names: list[str] = list(dict.fromkeys(codes.values()))
    names = names if len(names) > 1 else [*names, "follow_up"]
    days = {"baseline": [-28, 0], "follow_up": [1, 90]} if "planned" not in found and not wide else {}
    schedule = {}
    for place, name in enumerate(names):
        entry: dict[str, object] = {"label": name.replace("_", " ").capitalize()}
        schedule[name] = entry | ({"days": days[name]} if name in days else {"week": _week(name, place)})
    return visits | {"schedule": schedule, "primary": names[-1]}


def _week(name: str, place: int) -> float:
    """Weeks that a name such as month_3 speaks of, else four weeks from visit to visit."""
    match = re.search(r"(?:^|_)(w|week|m|month|d|day)_?(\d+)", name)
    if not match:
        return 4 * place
    weeks = round(int(match.group(2)) * {"w": 1, "m": 13 / 3, "d": 1 / 7}[match.group(1)[0]], 1)
    return int(weeks) if weeks == int(weeks) else weeks


def _measured(look: _Look, instruments: dict[str, dict[str, object]]) -> list[str]:
    """Events in which an instrument is filled in."""
    columns: list[str] = []
    for instrument in instruments.values():
        items, total = instrument.get("items"), instrument.get("total")
        columns += [items.split(" .. ")[0]] if isinstance(items, str) else list(items or [])[:1]  # type: ignore[call-overload]
        columns += [total] if isinstance(total, str) else []
    events = look.frame["redcap_event_name"]
    once = (
        look.frame["redcap_repeat_instrument"].isna()
        if "redcap_repeat_instrument" in look.frame.columns
        else events.notna()
    )
    return [
        event
        for event in look.options("redcap_event_name")
        if any(look.filled(column, (events == event) & once) > 0.1 for column in columns)
    ]


def _events(look: _Look) -> dict[str, dict[str, dict[str, object]]]:
    """Tables of repeating instruments whose names speak of sessions, needling, co-interventions or adverse events."""
    repeating = "redcap_repeat_instrument"
    if repeating not in look.frame.columns:
        return {}
    tables: dict[str, dict[str, dict[str, object]]] = {}
    full = look.frame.notna()
    for name in look.options(repeating):
        table = next((table for table, words in EVENTS.items() if table not in tables and re.search(words, name)), None)
        if table is None:
            continue
        rows = look.frame[repeating] == name
        inside, outside = full[rows].any(), full[~rows].any()
        own = [column for column in look.frame.columns if inside[column] and not outside[column]]
        own = [column for column in own if not column.endswith("_complete") and look.variable(column).kind != "notes"]
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
    look: _Look, instruments: dict[str, dict[str, object]], known: Collection[str]
) -> dict[str, dict[str, object]]:
    names = list(instruments)
    pain = next((name for name in names if PAIN.search(name)), names[0])
    rest = sorted((name for name in names if name != pain), key=lambda name: name not in known)
    outcomes = {"pain": pain} | ({"function": rest[0]} if rest else {})
    codes = _codes(look, look.found["cohort"]) if "cohort" in look.found else {"": "everybody"}
    return {name: {"label": name.replace("_", " ").capitalize(), "outcomes": dict(outcomes)} for name in codes.values()}


def _drop(look: _Look) -> list[str]:
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


def _text(name: str, document: dict[str, object], look: _Look) -> str:
    head = [
        f"# Study file of {name}: a first draft, guessed from the export. Go through every line marked 'review', mend what is",
        f"# wrong, and take the mark away. `needling check {name}` says what the file would do with the export.",
    ]
    lines: list[str] = []
    for key, value in document.items():
        lines += _lines(key, value, 0) + ([""] if isinstance(value, dict) else [])
    named = _named(document)
    rest = [column for column in look.frame.columns if column not in named and column not in SYSTEM]
    tail = (
        ["", "# Columns of the export that nothing above names:", *(f"#   {column}" for column in rest)] if rest else []
    )
    return "\n".join([*head, "", *lines, *tail]).replace("\n\n\n", "\n\n").rstrip("\n") + "\n"


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
    first, run, last = str(part).partition(" .. ")
    if not run:
        return {first}
    stem = first.rstrip("0123456789")
    return {f"{stem}{number}" for number in range(int(first[len(stem) :]), int(last[len(stem) :]) + 1)}
