"""The identifier gate: nothing that could name a person is read further unless somebody has reviewed it."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from needling.privacy.patterns import PATTERNS
from needling.read.canonical import mapped_columns
from needling.read.raw import RawExport, Sheet, Variable
from needling.study.keys import StudyError
from needling.study.plan import Study

FILE_PROPERTIES = "file properties"
COLUMNS = ["file", "sheet", "line", "column", "kind", "why"]

# Words in a column's name or label that speak of an identifier: searched in the plain words of the text (lower case,
# without accents, 'phone1' and 'NHSNo' cut into 'phone 1' and 'nhs no'). A phrase needs all its words beside each other.
PERSON = (
    "pt|pat|patients?|patienten|participant|subject|client|person|proband|therapist|physio|physician|doctor|dr|gp|nurse|"
    "clinician|practitioner|examiner|assessor|investigator|interviewer|contact|mother|father|parent|partner|spouse|child|carer|"
    "caregiver|next of kin|first|last|middle|maiden|given|full|family|birth|sur|fore|nick|user"
)
NUMBER = "(?:no|nr|num|number|nummer|id)"
BIRTH = (
    r"\w{0,3}dob|date ?(?:of)? ?birth|birth ?(?:date|dt|day|year)|bday|(?:day|month|year) of birth|yob|brth ?dtc?|"
    r"geb ?dat\w*|geburts ?(?:dat|datum|tag|jahr)|nacimiento|f(?:ec|echa)? ?nac|naissance|date naiss\w*|nascita|nascimento|"
    r"geboorte ?(?:datum|jaar|dag)?|fodelse\w*|fodsels\w*|syntyma\w*|urodzenia|narozeni|dogum tarihi"
)
NAMES: dict[str, str] = {
    "name": rf"(?:{PERSON}) ?names?|names? of (?:the )?(?:{PERSON})|^name (?:{PERSON})|[fl] ?name|^names?(?: \d+)?$|"
    r"^(?:nom|nome|naam|navn|namn|imie)$|nombres?|apellidos?|vorname|nachname|familienname|prenoms?|nom de famille|cognome|"
    "apelido|sobrenome|voornaam|achternaam|fornamn|efternamn|fornavn|etternavn|efternavn|nazwisko|initials|iniciales|initialen|"
    "next of kin|signature|firma|unterschrift",
    "e-mail": "e ?mail(?:s|address|adresse)?|mail|correo|courriel",
    "phone number": rf"(?:tele|cell|home|work|mobile)?phones?{NUMBER}?|telefon\w*|tel|tlf|movil|fax|handy(?:nummer)?|"
    rf"^mobile(?: \d+)?$|mobile ?(?:{NUMBER}|tel)|(?:patient|pt|home|private|contact) mobile|mobilnummer|rufnummer|whatsapp",
    "address": r"(?:street|home|mailing|postal)?address(?:es)?|street(?! drugs?\b)|direccion|domicilio|calle|(?:post)?adresse|"
    r"indirizzo|\w*strasse|post ?codes?|postal ?code|postleitzahl|zip ?(?:code)?|plz|city|town|ciudad|municipio|wohnort|county|"
    "codigo postal|code postal|place of birth|birth ?place|lugar de nacimiento|geburtsort",
    "identity number": rf"ssn|social ?security|nhs ?{NUMBER}|mrn|medical ?record|passport ?{NUMBER}?|pasaporte|dni|nif|"
    rf"^nie(?: \d+)?$|nie (?:{NUMBER}|numero)|driver licence|driver license|license plate|licence plate|vehicle|"
    rf"(?:insurance|policy|account|chart|hospital|cpr|ahv) ?{NUMBER}|national insurance|health card|iban|bank account|"
    r"historia clinica|nhc|versichertennummer|\w*versicherungs?nummer|bsn|national id|serial number|personnummer|personnr|"
    "fodselsnummer|codice fiscale|pesel|cpf|curp",
    "date": BIRTH + "|date of death|death date",
    "web address": "url|website|web site|facebook|twitter|instagram|ip ?address",
    "picture": "photo|photograph|foto|selfie|fingerprint|voice recording",
}
# A column that is mapped as a date is expected, but not a date of birth: its study day tells the exact age.
BORN = BIRTH + r"|births?|born|geb|geboren|geburts?|nac|nasc|naiss"
# Letters that do not come apart into a plain letter and an accent.
PLAIN = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
VALIDATIONS = {
    "email": "e-mail",
    "phone": "phone number",
    "phone_australia": "phone number",
    "phone_uk": "phone number",
    "ssn": "identity number",
    "mrn_10d": "identity number",
    "mrn_generic": "identity number",
    "zipcode": "address",
    "postalcode_australia": "address",
    "postalcode_canada": "address",
    "postalcode_french": "address",
    "postalcode_germany": "address",
    "postalcode_uk": "address",
}
PLAIN_NUMBER = r"^[-+]?\d{0,7}([.,]\d*)?$"
RECORD_NUMBER = r"^[A-Za-z]{0,4}[-_/]?\d{6,}$"
# Below this many texts, preparing a search in Arrow takes longer than searching in Python.
FEW = 500
# Texts that are looked at to tell sentences from a vocabulary.
SAMPLE = 20_000
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
        column that the study file both reads and drops.
    """
    dropped = sorted({column.strip() for column in study.privacy.drop} & set(mapped_columns(study)))
    if dropped:
        raise StudyError(
            f"privacy.drop: the column '{dropped[0]}' is dropped, but the study file reads it elsewhere; take it out of one "
            "of the two places."
        )
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
        + "\nA date that the study needs is named in the study file (visits.date, patients.day_0, a covariate date_...) and "
        "becomes days. Else mend it in one of two ways: drop a column that no analysis needs (study file, privacy.drop), or, "
        "where somebody has looked and it identifies nobody, list it with who looked, when and what was seen (study file, "
        "privacy.reviewed; "
        f"'{FILE_PROPERTIES}' for author and notes of a file). What does identify people is taken out of the export itself."
    )


def scan(raw: RawExport, study: Study) -> pd.DataFrame:
    """Look for identifiers in names of columns, the dictionary, labels, cells, and properties of the files.

    Parameters
    ----------
    raw : the export as read.
    study : a study, or the part of one, with the sections privacy, export, patients, visits, instruments and events.
        Columns in `privacy.drop` and `privacy.reviewed` are not looked at; codes of patients, therapists and clinics
        and dates that the study file maps are expected, since cleaning re-keys and converts them, but no date of birth.

    Returns
    -------
    One row per finding: file, sheet, line (missing where it is not one cell), column (its number where the name itself
    is the finding), kind, why. Never the value.
    """
    roles, called = mapped_columns(study), _names_in_the_study(study)
    passed = {column.strip() for column in [*study.privacy.drop, *study.privacy.reviewed]}
    found: list[_Finding] = []
    for place, given in enumerate(raw.sheets, 1):
        sheet, why = _with_harmless_names(given, place)
        found += why
        for number, name in enumerate(sheet.frame.columns, 1):
            if name in passed:
                continue
            words = _in_words([name])
            shown = f"column {number}" if words else f"column '{name}'"
            found += [_finding(sheet, shown, kind, f"its name holds {held}") for kind, held in words]
            cells, role, mapped = sheet.frame[name], roles.get(name), called.get(name, [])
            if role == "code" or not cells.notna().any():
                continue
            variable = raw.variables.get(name, Variable())
            found += [_finding(sheet, shown, *pair) for pair in _by_description(name, variable, role, mapped)]
            found += _in_cells(sheet, shown, cells, variable, role)
    if FILE_PROPERTIES not in passed:
        found += _in_properties(raw)
    if not found:
        return pd.DataFrame({name: pd.Series(dtype="Int64" if name == "line" else "str") for name in COLUMNS})
    return pd.concat([finding.rows() for finding in found], ignore_index=True)[COLUMNS]


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


def _with_harmless_names(sheet: Sheet, place: int) -> tuple[Sheet, list[_Finding]]:
    """Look at the names of file and sheet; one that is itself a finding is replaced by words, so that nothing prints it."""
    file = _in_words([sheet.file.rsplit(".", 1)[0].replace("_", " ")])
    name = _in_words([sheet.name.replace("_", " ")])
    shown = replace(sheet, file="the export" if file else sheet.file, name=f"number {place}" if name else sheet.name)
    found = [_finding(shown, "the file's name", kind, f"it holds {why}") for kind, why in file]
    return shown, found + [_finding(shown, "the sheet's name", kind, f"it holds {why}") for kind, why in name]


def _names_in_the_study(study: Study) -> dict[str, list[str]]:
    """Column of the export -> names and labels that the study file gives to it as a covariate or in an event table."""
    events = [getattr(study.events, name) for name in type(study.events).model_fields]
    names: dict[str, list[str]] = {}
    for columns in [study.patients.covariates, *(event.columns for event in events if event)]:
        for canonical, column in columns.items():
            names.setdefault(column.source.strip(), []).extend([canonical, column.label or ""])
    return names


def _by_description(name: str, variable: Variable, role: str | None, mapped: list[str]) -> list[tuple[str, str]]:
    """What the column's name, its label, the dictionary and the study file say it is."""
    found = []
    if role == "date" and any(_speaks_of(text, BORN) for text in (name, variable.label, *mapped)):
        found.append(("date", "it is a date of birth; put the age in whole years into the export instead"))
    if variable.identifier and role != "date":
        found.append(("identifier", "the dictionary marks it as an identifier"))
    if variable.validation in VALIDATIONS:
        found.append((VALIDATIONS[variable.validation], f"the dictionary validates it as {variable.validation}"))
    if variable.kind in {"file", "signature"}:
        found.append(("file", "it holds uploaded files"))
    for text, place in ((name, "its name"), (variable.label, "its label")):
        for kind, phrases in NAMES.items():
            if (role != "date" or kind != "date") and _speaks_of(text, phrases):
                found.append((kind, f"{place} speaks of an identifier ({kind})"))
    described = [variable.label, variable.note, *variable.choices.values()]
    found += [(kind, f"its label or choices hold {words}") for kind, words in _in_words(described)]
    return found


def _speaks_of(text: str, phrases: str) -> bool:
    return bool(re.search(rf"\b(?:{phrases})\b", _plain_words(text)))


@cache
def _plain_words(text: str) -> str:
    cut = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", " ", text)
    plain = unicodedata.normalize("NFKD", cut.casefold().translate(PLAIN)).encode("ascii", "ignore").decode()
    return " ".join(re.findall(r"[a-z0-9]+", plain))


def _in_properties(raw: RawExport) -> list[_Finding]:
    found: list[_Finding] = []
    for place, text in raw.properties.items():
        people = re.search(r"author|creator|modified by|manager|company|person", place)
        why = [("name", "it names an author")] if people and text.strip().lower() not in SOFTWARE else _in_words([text])
        for kind, words in why:
            found.append(_Finding(raw.sheets[0].file, "", FILE_PROPERTIES, kind, f"{place}: {words}"))
    return found


# ---------------------------------------------------------------- cells


def _in_cells(sheet: Sheet, shown: str, cells: pd.Series, variable: Variable, role: str | None) -> list[_Finding]:
    """Identifiers in the distinct texts of a column, one finding per cell."""
    codes, distinct = pd.factorize(cells)
    texts = pa.array(pd.Series(distinct, dtype="str"), type=pa.large_string())
    found = []
    if role != "date" and _are_record_numbers(texts):
        why = "most of its values look like numbers of records"
        found.append(_finding(sheet, shown, "record number", why))
    special = np.flatnonzero(~pc.match_substring_regex(texts, PLAIN_NUMBER).to_numpy(zero_copy_only=False))
    if not special.size:
        return found
    texts = texts.take(pa.array(special))
    words = texts.to_pylist()
    for pattern in PATTERNS:
        if role == "date" and pattern.kind == "date":
            continue
        if len(words) < FEW:
            near: Iterable[int] = range(len(words))
        else:
            near = np.flatnonzero(pc.match_substring_regex(texts, pattern.quick).to_numpy(zero_copy_only=False))
        hits = [place for place in near if pattern.found(words[place])]
        if hits:
            where = np.flatnonzero(np.isin(codes, special[hits]))
            found.append(_finding(sheet, shown, pattern.kind, f"cells hold {pattern.why}", sheet.lines[where]))
    if _is_free_text(words, variable, role):
        found.append(_finding(sheet, shown, "free text", "it is free text that nobody has reviewed"))
    return found


def _is_free_text(texts: list[str], variable: Variable, role: str | None) -> bool:
    """Tell sentences from a vocabulary: in lists of answers the same parts come again, in sentences they do not.

    A few long sentences are enough where the study file reads the column into its tables.
    """
    if variable.kind == "notes" and any(len(text.split()) > 1 for text in texts):
        return True
    texts = texts[:: max(1, len(texts) // SAMPLE)]
    parts = Counter(part.strip().lower() for text in texts for part in re.split(r"[,;|/]", text))
    sentences = {part: n for part, n in parts.items() if len(part.split()) >= 4}
    once = [part for part, n in sentences.items() if n == 1 and part not in variable.choices.values()]
    if role == "value" and sum(len(part.split()) >= 6 for part in once) >= 3:
        return True
    said = sum(sentences.values())
    return said >= 10 and len(sentences) > 0.5 * said and len(sentences) > 0.2 * len(texts)


def _are_record_numbers(texts: pa.Array) -> bool:
    alike = pc.sum(pc.match_substring_regex(texts, RECORD_NUMBER)).as_py() or 0
    return alike >= 5 and alike > 0.5 * len(texts)


__all__ = ["FILE_PROPERTIES", "scan", "stop_on_identifiers"]
