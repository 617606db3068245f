"""REDCap: its data dictionary, and label exports brought back to variable names and codes."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from needling.read.delimited import read_delimited
from needling.read.raw import Sheet, Variable
from needling.study.keys import StudyError

# Dictionary columns as the web page exports them -> as the programming interface does.
COLUMNS = {
    "Variable / Field Name": "field_name",
    "Form Name": "form_name",
    "Field Type": "field_type",
    "Field Label": "field_label",
    "Choices, Calculations, OR Slider Labels": "select_choices_or_calculations",
    "Field Note": "field_note",
    "Text Validation Type OR Show Slider Number": "text_validation_type_or_show_slider_number",
    "Text Validation Min": "text_validation_min",
    "Identifier?": "identifier",
}
REQUIRED = ("field_name", "field_type", "field_label", "select_choices_or_calculations")
CHOICES = {"radio", "dropdown", "checkbox"}
YES_NO = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}
COMPLETE = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}
CHECKED = {"0": "Unchecked", "1": "Checked"}
# Codes that REDCap proposes for missing data, with their reasons; a code that is a choice of its field is an answer.
MISSING_DATA = {
    "NI": "no information",
    "INV": "invalid",
    "UNK": "unknown",
    "NASK": "not asked",
    "ASKU": "asked but unknown",
    "NAV": "temporarily unavailable",
    "NAVU": "not available",
    "NA": "not applicable",
    "MSK": "masked",
    "NP": "not present",
    "-999": "no information",
}
# Columns that REDCap adds by itself -> their heading in a label export.
SYSTEM = {
    "redcap_event_name": "Event Name",
    "redcap_repeat_instrument": "Repeat Instrument",
    "redcap_repeat_instance": "Repeat Instance",
    "redcap_data_access_group": "Data Access Group",
    "redcap_survey_identifier": "Survey Identifier",
}


def read_dictionary(path: Path, shown: str, encoding: str | None = None) -> dict[str, Variable]:
    """Read a REDCap data dictionary.

    Parameters
    ----------
    path : the dictionary as CSV, from the web page or the programming interface.
    shown : how messages name it.
    encoding : as of `read_delimited`.

    Returns
    -------
    Column of the export -> what the dictionary says: one entry per field, one per choice of a checkbox
    (`field___code`), and one `form_complete` per form, in the order of a raw export.

    Raises
    ------
    StudyError : the file is not a readable dictionary; names the file, the row and the mend.
    """
    sheet = with_backslashes(path, lambda readable: read_delimited(readable, shown, encoding=encoding))
    frame = sheet.frame.rename(columns=COLUMNS)
    missing = [column for column in REQUIRED if column not in frame.columns]
    if missing:
        words = next((k for k, v in COLUMNS.items() if v == missing[0]), missing[0])
        raise StudyError(
            f"{shown}: the column '{words}' is missing, so this is not a REDCap data dictionary; export it again."
        )
    frame = frame.reindex(columns=list(COLUMNS.values())).astype("str").fillna("")
    variables: dict[str, Variable] = {}
    form = ""
    for line, cells in zip(sheet.lines, frame.to_dict("records"), strict=True):
        row = {str(key): str(cell) for key, cell in cells.items()}
        name = row["field_name"].strip()
        if not name:
            raise StudyError(f"{shown}, line {line}: the field has no name; give it one or take the line out.")
        if name in variables:
            raise StudyError(f"{shown}, line {line}: the field '{name}' is listed twice; take one out.")
        if form and row["form_name"] != form:
            variables[f"{form}_complete"] = _complete(form)
        form = row["form_name"]
        variables |= _variables(name, row)
    if form:
        variables[f"{form}_complete"] = _complete(form)
    return variables


def with_backslashes(path: Path, read: Callable[[Path], Sheet]) -> Sheet:
    r"""Read a text table, once more with \" for a quotation mark where the file does not read with "" for one.

    Parameters
    ----------
    path : the file.
    read : reads a table from a path.

    Returns
    -------
    What `read` gives, cells without the backslashes.

    Raises
    ------
    StudyError : what `read` raises for the file as it is, where that is not the reason.
    """
    try:
        return read(path)
    except StudyError as error:
        data = path.read_bytes() if path.is_file() else b""
        if rb"\"" not in data:
            raise
        with TemporaryDirectory() as folder:
            mended = Path(folder) / path.name
            mended.write_bytes(data.replace(rb"\"", b'""'))
            try:
                return read(mended)
            except StudyError:
                raise error from None


def _complete(form: str) -> Variable:
    return Variable(label="Complete?", choices=COMPLETE, kind="dropdown", form=form)


def _variables(name: str, row: dict[str, str]) -> dict[str, Variable]:
    """One field of the dictionary as the columns that it becomes."""
    kind = row["field_type"].strip().lower()
    choices = _choices(row["select_choices_or_calculations"]) if kind in CHOICES else YES_NO.get(kind, {})
    variable = Variable(
        label=_plain(row["field_label"]),
        choices=choices,
        kind=kind,
        validation=row["text_validation_type_or_show_slider_number"].strip().lower(),
        lowest=row["text_validation_min"].strip(),
        identifier=row["identifier"].strip().lower() in {"y", "yes", "1", "true"},
        form=row["form_name"],
        note=_plain(row["field_note"]),
    )
    if kind == "descriptive":
        return {}
    if kind != "checkbox":
        return {name: variable}
    return {
        f"{name}___{re.sub(r'[^a-z0-9]', '_', code.lower())}": replace(
            variable, label=f"{variable.label} (choice={words})", choices=CHECKED
        )
        for code, words in choices.items()
    }


def _choices(text: str) -> dict[str, str]:
    """Read '1, Yes | 2, No' as code -> words; words may hold commas."""
    choices = {}
    for choice in text.split("|"):
        code, _, words = choice.partition(",")
        if code.strip():
            choices[code.strip()] = _plain(words) or code.strip()
    return choices


def _plain(text: str) -> str:
    """Words without the markup that REDCap allows in labels."""
    return " ".join(re.sub(r"<[^<>]+>", " ", text).split())


# ---------------------------------------------------------------- label exports


@dataclass(frozen=True)
class _Heading:
    column: str
    words: str


def is_label_export(sheet: Sheet, variables: dict[str, Variable]) -> bool:
    """Tell a label export from a raw one.

    Parameters
    ----------
    sheet : the export as read.
    variables : the dictionary; empty where there is none.

    Returns
    -------
    True where headings are those of a label export, or the cells of the dictionary's choices are mostly words.
    """
    names = [str(name) for name in sheet.frame.columns]
    labels = {"Complete?", "Event Name", "Repeat Instrument", *(variable.label for variable in variables.values())}
    own = {*variables, *SYSTEM}
    if sum(_plain(name) in labels - own for name in names) > sum(name in own for name in names):
        return True
    cells = {name: sheet.frame[name].dropna().astype("str").str.strip() for name in names if name in variables}
    choices = {name: variables[name].choices for name in cells if len(cells[name]) and variables[name].choices}
    worded = [name for name, of in choices.items() if cells[name].isin(set(of.values()) - set(of)).mean() > 0.5]
    return len(worded) > len(choices) / 2


def from_labels(sheet: Sheet, variables: dict[str, Variable], shown: str) -> Sheet:
    """Bring a label export back to variable names and codes, so that a study file reads either export.

    Parameters
    ----------
    sheet : the export as read; its headings may be labels or variable names, possibly with doubles.
    variables : the dictionary; empty where there is none.
    shown : how messages name the file.

    Returns
    -------
    The sheet with variable names as columns; a cell that holds exactly the words of one choice holds its code, every
    other cell is as exported. Event names and data access groups keep the words of the label export. Without a
    dictionary columns are named as they are headed, but for those that REDCap adds; a heading that comes again gets a
    number, as in 'Complete? (2)'.

    Raises
    ------
    StudyError : a heading stands for no field of the dictionary, or cannot be told from another one.
    """
    names = [str(name) for name in sheet.frame.columns]
    if not variables:
        names = _numbered_headings(names)
    elif not set(names) <= set(variables) | set(SYSTEM) or len(set(names)) < len(names):
        names = _names_of_headings(names, variables, shown)
    frame = sheet.text.set_axis(pd.Index(names, dtype="str"), axis=1)
    for name in frame.columns:
        words = list(variables[name].choices.values()) if name in variables else []
        codes = (
            {label: code for code, label in variables[name].choices.items() if words.count(label) == 1} if words else {}
        )
        if codes:
            frame[name] = frame[name].map(lambda cell, codes=codes: codes.get(cell.strip(), cell), na_action="ignore")
    return Sheet(sheet.file, sheet.name, frame.astype("str"), sheet.lines, sheet.missing)


def _names_of_headings(headings: list[str], variables: dict[str, Variable], shown: str) -> list[str]:
    """Walk headings and fields side by side: REDCap writes both in the order of the dictionary."""
    fields = list(_raw_order(variables))
    known = {field.words for field in fields} | {field.column for field in fields}
    names = []
    place = 0
    for number, heading in enumerate(headings, 1):
        words = _plain(heading)
        following = (i for i in range(place, len(fields)) if words in {fields[i].words, fields[i].column})
        found = next(following, None)
        if found is None:
            mend = "export the columns in the dictionary's order" if words in known else "export the raw data instead"
            raise StudyError(
                f"{shown}, line 1, column {number}: the heading is not the label of a field in the dictionary that "
                f"follows the one before{_nearest_label(words, known)}; {mend}."
            )
        names.append(fields[found].column)
        place = found + 1
    return names


def _numbered_headings(headings: list[str]) -> list[str]:
    own = {words: name for name, words in SYSTEM.items()}
    names: list[str] = []
    for heading in headings:
        name = own.get(heading, heading)
        again = sum(own.get(before, before) == name for before in headings[: len(names)])
        names.append(f"{name} ({again + 1})" if again else name)
    return names


def _raw_order(variables: dict[str, Variable]) -> Iterator[_Heading]:
    """Columns in the order of a raw export: the record's id, what REDCap adds, then form by form."""
    fields = list(variables.items())
    yield from (_Heading(name, variable.label) for name, variable in fields[:1])
    yield from (_Heading(name, words) for name, words in SYSTEM.items())
    form = None
    for name, variable in fields[1:]:
        if variable.form != form:
            form = variable.form
            yield _Heading(f"{form}_timestamp", "Survey Timestamp")
        yield _Heading(name, variable.label)


def _nearest_label(words: str, known: set[str]) -> str:
    best = max(known, key=lambda label: SequenceMatcher(None, words, label).ratio(), default="")
    near = SequenceMatcher(None, words, best).ratio() > 0.6 and best != words
    return f" (nearest: '{best}')" if near else ""
