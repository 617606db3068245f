"""The identifier gate: only columns that the study file names are read on, and these only where they are closed or reviewed.

A column is closed where cleaning lets nothing through but numbers, days, new codes of people and places, and names that the
study file or the export's dictionary lists; a column of other text must be reviewed by name. What is read is searched for
identifiers as a second net.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from needling.clean.columns import POSSIBLE, blank_to_missing, kind_by_values
from needling.privacy.patterns import PATTERNS, Pattern, country_number
from needling.read.canonical import Use, mapped_columns, measured_names, uses
from needling.read.identifying import BORN, NAMES, VALIDATIONS, speaks_of
from needling.read.raw import RawExport, Sheet, Variable
from needling.study.keys import StudyError
from needling.study.plan import Study

FILE_PROPERTIES = "file properties"
UNNAMED = "(a column whose name may name a person)"
COLUMNS = ["file", "sheet", "line", "column", "kind", "why"]

PLAIN_NUMBER = r"^[-+]?\d{0,7}([.,]\d*)?$"
RECORD_NUMBER = r"[A-Za-z]{0,4}[-_/]?\d{6,}"
# What is looked for in codes of patients, whose digits and marks would look like phone numbers and dates.
# A day before 2000 in a code is likely one of birth.
BORN_THEN = (
    r"(?:^|[^\d])(?:(?:0?[1-9]|[12]\d|3[01])[-./](?:0?[1-9]|1[0-2])[-./]19\d{2}|19\d{2}[-./](?:0?[1-9]|1[0-2])[-./]"
    r"(?:0?[1-9]|[12]\d|3[01]))(?:[^\d]|$)"
)
IN_CODES = {"e-mail", "web address", "name", "card number", "bank account", "address"}
# Codes that are a telephone number with the country's or the place's prefix, and codes that are a place on the map.
TELEPHONE = r"(?:\+|00)[1-9](?:[ ()./-]?\d){7,13}|(?=(?:\D*\d){9,11}$)0\d{1,4}(?:[ /]\d{2,4}){2,4}"
COORDINATES = r"-?\d{1,2}\.\d{3,}\s*[,;/ ]\s*-?\d{1,3}\.\d{3,}"
# Initials with six digits, which of many codes are days of birth if all of them are days and spread as birthdays do.
INITIALED = r"[^\W\d_]{0,4}[-_ ]?(\d\d)[-. ]?(\d\d)[-. ]?(\d\d)"
BIRTHDAYS = 10  # codes from which it is no chance that all are days
LETTERS = r"[^\W\d_]"
# Two words or more without any digit ('Ngozi Okafor', 'Okafor, Ngozi').
WORDS_ALONE = rf"\s*{LETTERS}{{2,}}(?:['’-]{LETTERS}+)?(?:[\s,._-]{{1,3}}{LETTERS}(?:['’-]?{LETTERS}+)?)+[.\s]*"
# Different codes that are looked at to tell what most of them are.
MOST = 20_000
# Below this many texts, preparing a search in Arrow takes longer than searching in Python.
FEW = 500
# Words of a file's properties that name a program, not a person.
SOFTWARE = {
    "openpyxl",
    "xlsxwriter",
    "microsoft excel",
    "microsoft office user",
    "libreoffice",
    "r",
    "spss",
    "apache poi",
}
# Dates and long numbers in labels and properties describe the form, not a person.
IN_WORDS = {"e-mail", "web address", "phone number", "name", "social security number", "record number", "bank account"}


def stop_on_identifiers(raw: RawExport, study: Study) -> None:
    """Stop the run where the export could identify a person.

    Parameters
    ----------
    raw : the export as read.
    study : a study, or the part of one, with the sections privacy, export, patients, visits, instruments and events.

    Raises
    ------
    StudyError : lists file, sheet, lines, column and kind of each finding (never a value) and the two mends; or names a
        column that the study file both reads and drops, or drops though the export has none of that name.
    """
    dropped = sorted({column.strip() for column in study.privacy.drop} & set(mapped_columns(study)))
    if dropped:
        raise StudyError(
            f"privacy.drop: the column '{dropped[0]}' is dropped, but the study file reads it elsewhere; take it out of one "
            "of the two places."
        )
    _stop_on_unknown(raw, study)
    findings = scan(raw, study)
    if not len(findings):
        return
    places = []
    for (file, sheet, column, why), group in findings.groupby(["file", "sheet", "column", "why"], sort=False):
        where = f"{file}, sheet {sheet}" if sheet else str(file)
        places.append(f"  - {where}, {column}{_lines(group['line'])}: {why}")
    more = [f"  - and {len(places) - 40} more"] if len(places) > 40 else []
    raise StudyError(
        "The export may identify people, so nothing was read further:\n"
        + "\n".join(places[:40] + more)
        + "\nWhat does identify people is taken out of the export itself. Text is closed by listing its codes in the study file "
        "(codes: {...}). A column that the study does not need is not named in the study file: what it does not name is not read. "
        "Where somebody has looked and it identifies nobody, list the column with who looked, when and what was seen (study "
        f"file, privacy.reviewed; '{FILE_PROPERTIES}' for author and notes of a file)."
    )


def _stop_on_unknown(raw: RawExport, study: Study) -> None:
    """Stop on a column under `privacy.drop` that the export has not: it may be misspelt, and then the one that is meant stays."""
    names = [str(name) for name in raw.columns]
    there = {*names, *(name.partition("___")[0] for name in names)}
    unknown = sorted({column.strip() for column in study.privacy.drop} - there)
    if unknown:
        near = get_close_matches(unknown[0], names, n=1, cutoff=0.7)
        hint = f"did you mean '{near[0]}'? Mend it" if near else "take it out"
        files = ", ".join(dict.fromkeys(sheet.file for sheet in raw.sheets))
        raise StudyError(f"{files}: privacy.drop names the column '{unknown[0]}', which is not there; {hint}.")


def scan(raw: RawExport, study: Study) -> pd.DataFrame:
    """Look for open text and for identifiers in what the study file names, and in names and properties of the files.

    Parameters
    ----------
    raw : the export as read.
    study : a study, or the part of one, with the sections privacy, export, patients, visits, instruments and events.
        Columns in `privacy.drop` and `privacy.reviewed` are not looked at ('field' stands for every 'field___code'), nor are
        those that the study file does not name: nothing but their names gets past the reader.

    Returns
    -------
    One row per finding: file, sheet, line (missing where it is not one cell), column (its number where the name itself
    is the finding), kind, why. Never the value.
    """
    passed = {column.strip() for column in [*study.privacy.drop, *study.privacy.reviewed]}
    named: dict[str, list[Use]] = {}
    for use in uses(study):
        named.setdefault(use.column, []).append(use)
    roles = mapped_columns(study)
    found: list[_Finding] = []
    for place, given in enumerate(raw.sheets, 1):
        sheet, why = _with_harmless_names(given, place)
        found += why
        for number, name in enumerate(sheet.frame.columns, 1):
            if name not in named or name in passed or name.partition("___")[0] in passed:
                continue
            words = _in_words([name])
            shown = f"column {number}" if words else f"column '{name}'"
            found += [_finding(sheet, shown, kind, f"its name holds {held}") for kind, held in words]
            cells = _read_cells(sheet.frame, name, study)
            if roles[name] == "rows" or not cells.notna().any():
                continue
            variable = raw.variables.get(name, Variable())
            found += [
                _finding(sheet, shown, *pair) for pair in _by_description(name, variable, roles[name], named[name])
            ]
            found += _in_cells(sheet, shown, cells, roles[name], any(use.name == "patient" for use in named[name]))
            if any(_is_open(use, variable, cells) for use in named[name]):
                why_open = "it is text of which neither the study file nor a dictionary lists the codes"
                found.append(_finding(sheet, shown, "text", why_open))
    if FILE_PROPERTIES not in passed:
        found += _in_properties(raw)
    if not found:
        return pd.DataFrame({name: pd.Series(dtype="Int64" if name == "line" else "str") for name in COLUMNS})
    return pd.concat([finding.rows() for finding in found], ignore_index=True)[COLUMNS]


def _read_cells(frame: pd.DataFrame, name: str, study: Study) -> pd.Series:
    """Cells of a column that are read: where one row is one value, only values that an instrument names."""
    values = study.export.values
    if values is None or name not in {values.value.strip(), *(part.strip() for part in values.name)}:
        return frame[name]
    parts = [frame[part.strip()].astype("str").fillna("").str.strip() for part in values.name if part.strip() in frame]
    if len(parts) < len(values.name):
        return frame[name]
    names = parts[0] if len(parts) == 1 else pd.concat(parts, axis=1).agg(" ".join, axis=1).str.strip()
    return frame[name].where(names.isin(measured_names(study)))


def _is_open(use: Use, variable: Variable, cells: pd.Series) -> bool:
    """Does cleaning keep a column's text as it is, because nothing lists what it may hold?"""
    if use.closed or use.role != "value" or use.settings is None:
        return False
    settings = use.settings
    if settings.kind == "number" or settings.range or settings.usual or use.name in POSSIBLE:
        return False
    if variable.choices:
        return False
    return settings.kind == "category" or kind_by_values(blank_to_missing(cells.astype("str"))) == "text"


@dataclass(frozen=True)
class _Finding:
    """One kind of identifier in one place; `lines` where it stands in cells."""

    file: str
    sheet: str
    column: str
    kind: str
    why: str
    lines: np.ndarray | None = None

    def rows(self) -> pd.DataFrame:
        """One row per cell, or one without a line."""
        lines = pd.array([pd.NA] if self.lines is None else self.lines, dtype="Int64")
        return pd.DataFrame({"line": lines}).assign(
            file=self.file, sheet=self.sheet, column=self.column, kind=self.kind, why=self.why
        )


def _finding(sheet: Sheet, column: str, kind: str, why: str, lines: np.ndarray | None = None) -> _Finding:
    return _Finding(sheet.file, sheet.name, column, kind, why, lines)


def _lines(lines: pd.Series) -> str:
    known = sorted(set(lines.dropna().astype(int)))
    if not known:
        return ""
    more = f" and {len(known) - 3} more" if len(known) > 3 else ""
    return f", line{'s' if len(known) > 1 else ''} {', '.join(map(str, known[:3]))}{more}"


# ---------------------------------------------------------------- names, labels, properties


def _in_words(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Kinds of identifier inside words that describe: names of columns and sheets, labels, choices, properties."""
    return [
        (pattern.kind, pattern.why)
        for pattern in PATTERNS
        if pattern.kind in IN_WORDS and any(pattern.found(text) for text in texts if text)
    ]


def names_somebody(name: str) -> bool:
    """Tell whether the name of a column or sheet itself holds a person's name, address or number."""
    return bool(_in_words([name.replace("_", " ")]))


def hide_names(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Take names of people out of the names of unread columns, which the reader's account keeps.

    Parameters
    ----------
    tables : canonical tables with `unread` and `alike`.

    Returns
    -------
    The tables, in which a column whose name holds a person's name, address or number is called `UNNAMED`.
    """
    unread, alike = tables["unread"], tables["alike"]
    hidden = {name: UNNAMED for name in unread["source"].unique() if names_somebody(name)}
    told = [json.dumps([hidden.get(name, name) for name in json.loads(one)]) for one in alike["differs_in"]]
    return tables | {
        "unread": unread.assign(source=unread["source"].replace(hidden)),
        "alike": alike.assign(differs_in=pd.Series(told, index=alike.index, dtype="str")),
    }


def _with_harmless_names(sheet: Sheet, place: int) -> tuple[Sheet, list[_Finding]]:
    """Look at the names of file and sheet; one that is itself a finding is replaced by words, so that nothing prints it."""
    file = _in_words([sheet.file.rsplit(".", 1)[0].replace("_", " ")])
    name = _in_words([sheet.name.replace("_", " ")])
    shown = replace(sheet, file="the export" if file else sheet.file, name=f"number {place}" if name else sheet.name)
    found = [_finding(shown, "the file's name", kind, f"it holds {why}") for kind, why in file]
    return shown, found + [_finding(shown, "the sheet's name", kind, f"it holds {why}") for kind, why in name]


def _by_description(name: str, variable: Variable, role: str, named: list[Use]) -> list[tuple[str, str]]:
    """What the column's name, its label, the dictionary and the study file say it is."""
    found = []
    labels = [text for use in named for text in (use.name, (use.settings and use.settings.label) or "")]
    if role == "date" and any(speaks_of(text, BORN) for text in (name, variable.label, *labels)):
        found.append(("date", "it is a date of birth; put the age in whole years into the export instead"))
    if role == "value":
        if variable.identifier:
            found.append(("identifier", "the dictionary marks it as an identifier"))
        if variable.validation in VALIDATIONS:
            found.append((VALIDATIONS[variable.validation], f"the dictionary validates it as {variable.validation}"))
        if variable.kind in {"file", "signature"}:
            found.append(("file", "it holds uploaded files"))
    if role != "code":
        for text, place in ((name, "its name"), (variable.label, "its label")):
            for kind, phrases in NAMES.items():
                if (role != "date" or kind != "date") and speaks_of(text, phrases):
                    found.append((kind, f"{place} speaks of an identifier ({kind})"))
    described = [variable.label, variable.note, *variable.choices.values()]
    found += [(kind, f"its label or choices hold {words}") for kind, words in _in_words(described)]
    return found


def _in_properties(raw: RawExport) -> list[_Finding]:
    found: list[_Finding] = []
    for place, text in raw.properties.items():
        people = re.search(r"author|creator|modified by|manager|company|person", place)
        why = [("name", "it names an author")] if people and text.strip().lower() not in SOFTWARE else _in_words([text])
        for kind, words in why:
            found.append(_Finding(raw.sheets[0].file, "", FILE_PROPERTIES, kind, f"{place}: {words}"))
    return found


# ---------------------------------------------------------------- cells


def _in_cells(sheet: Sheet, shown: str, cells: pd.Series, role: str, patients: bool) -> list[_Finding]:
    """Identifiers in the distinct texts of a column, one finding per cell.

    Codes of therapists and clinics are replaced by new ones and may be names of staff and places; codes of patients too are
    replaced, but an export whose patients are called by name, or by a number of their country, is not de-identified.
    """
    if role == "code" and not patients:
        return []
    codes, distinct = pd.factorize(cells)
    texts = pa.array(pd.Series(distinct, dtype="str"), type=pa.large_string())
    found = []
    why = _of_most(texts, role)
    if why:
        found.append(_finding(sheet, shown, *why))
    special = np.flatnonzero(~pc.match_substring_regex(texts, PLAIN_NUMBER).to_numpy(zero_copy_only=False))
    if not special.size:
        return found
    texts = texts.take(pa.array(special))
    words = texts.to_pylist()
    for pattern in PATTERNS:
        if (role == "date" and pattern.kind == "date") or (role == "code" and pattern.kind not in IN_CODES):
            continue
        hits = _holding(pattern, texts, words)
        if hits:
            where = np.flatnonzero(np.isin(codes, special[hits]))
            found.append(_finding(sheet, shown, pattern.kind, f"cells hold {pattern.why}", sheet.lines[where]))
    if role == "code":
        hits = [place for place, text in enumerate(words) if re.fullmatch(WORDS_ALONE, text)]
        if hits:
            where = np.flatnonzero(np.isin(codes, special[hits]))
            found.append(_finding(sheet, shown, "name", "codes of words alone, like names", sheet.lines[where]))
        hits = [place for place, text in enumerate(words) if re.search(BORN_THEN, text)]
        if hits:
            where = np.flatnonzero(np.isin(codes, special[hits]))
            found.append(_finding(sheet, shown, "date", "codes with a day of birth in them", sheet.lines[where]))
    return found


def _holding(pattern: Pattern, texts: pa.Array, words: list[str]) -> list[int]:
    """Places of the texts that hold an identifier."""
    near: Iterable[int] = range(len(words))
    if len(words) >= FEW:
        near = np.flatnonzero(pc.match_substring_regex(texts, pattern.quick).to_numpy(zero_copy_only=False))
    return [place for place in near if pattern.found(words[place])]


def _of_most(texts: pa.Array, role: str) -> tuple[str, str] | None:
    """What most of a column's different texts are, where that names people."""
    distinct = [text.strip() for text in texts.to_pylist() if text is not None][:MOST]
    if len(distinct) < 5:
        return None

    def most(alike: Iterable[bool]) -> bool:
        return sum(alike) > 0.5 * len(distinct)

    if role == "code":
        return _of_most_codes(distinct, most)
    if role != "date" and most(bool(re.fullmatch(RECORD_NUMBER, text)) for text in distinct):
        return "record number", "most of its values look like numbers of records"
    if role == "value" and most(bool(re.fullmatch(r"19\d\d(\.0*)?", text)) for text in distinct):
        return "date", "most of its values look like years of birth; put the age in whole years into the export instead"
    return None


def _of_most_codes(distinct: list[str], most: Callable[[Iterable[bool]], bool]) -> tuple[str, str] | None:
    """What most codes of patients are, where that names people."""
    if most(map(_is_worded, distinct)) and len({_letters(text) for text in distinct}) >= 5:
        return "name", "most of its codes are words, like names"
    for kind, written, why in (
        ("phone number", TELEPHONE, "written like telephone numbers"),
        ("address", COORDINATES, "places on the map"),
        ("identity number", r"0*[1-9]\d{8,}", "numbers of nine or more digits, like those of a register"),
    ):
        if most(bool(re.fullmatch(written, text)) for text in distinct):
            return kind, f"most of its codes are {why}"
    if _are_birthdays(distinct):
        return "date", "its codes are initials with a day of birth"
    number = country_number(distinct)
    return ("identity number", f"most of its codes are {number}") if number else None


def _are_birthdays(codes: list[str]) -> bool:
    """Are the digits after the letters of all codes days, day or year first, of many days, months and years?"""
    found = [re.fullmatch(INITIALED, code) for code in codes]
    if len(codes) < BIRTHDAYS or not all(found):
        return False
    parts = [tuple(map(int, one.groups())) for one in found if one]
    for day, month, year in ((0, 1, 2), (2, 1, 0)):
        days, months, years = ([one[at] for one in parts] for at in (day, month, year))
        are_days = all(1 <= one <= 31 for one in days) and all(1 <= one <= 12 for one in months)
        if are_days and len(set(days)) > 3 and len(set(months)) > 6 and len(set(years)) > 6:
            return True
    return False


def _letters(code: str) -> str:
    return " ".join(re.findall(rf"{LETTERS}+", code.casefold()))


def _is_worded(code: str) -> bool:
    """Is a code a word longer than initials, or two words ('Smith', 'John Smith 7'), not letters before a number ('DN 12')?"""
    words = re.findall(rf"{LETTERS}+", code)
    return (
        sum(map(len, words)) >= 4
        and (len(words) > 1 or not re.search(r"\d", code))
        and bool(re.search(r"(?i)[aeiouyà-ÿ]", code))
    )


__all__ = ["FILE_PROPERTIES", "scan", "stop_on_identifiers"]
