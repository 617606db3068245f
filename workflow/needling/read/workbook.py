"""Excel workbooks: sheets, two header rows, dates of both systems, error values, and what their properties say."""

import datetime
import re
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import python_calamine

from needling.read.delimited import SIGNATURES, header_names
from needling.read.raw import RawExport, Sheet, number_text
from needling.study import StudyError

# Parts of a workbook that hold words beside the cells -> how findings name them.
WORDS = {
    r"docProps/.*\.xml": "",
    r"xl/comments\d*\.xml|xl/comments/.*\.xml": "comment",
    r"xl/threadedComments/.*\.xml": "comment",
    r"xl/persons/.*\.xml": "person",
}
# Properties that name no person: times, programs, and the sheets, which are looked at by themselves.
IGNORED = re.compile(
    "created|modified|lastprinted|revision|application|appversion|totaltime|template|lpstr|scalecrop|linksuptodate|shareddoc|"
    "hyperlinkschanged",
    re.IGNORECASE,
)
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def read_workbook(path: Path, shown: str, sheets: list[str] | None, header_rows: int) -> RawExport:
    """Read sheets of a workbook (.xlsx, .xlsm, .xlsb, .xls, .ods).

    Parameters
    ----------
    path : the file.
    shown : how messages name it.
    sheets : names of the sheets; None is the first one.
    header_rows : rows of column names above the data.

    Returns
    -------
    The sheets with text cells: numbers in their shortest form, dates as YYYY-MM-DD (with HH:MM:SS where there is a time),
    truth as TRUE or FALSE, error values such as #DIV/0! as written (.xlsx and .xlsm; empty in older formats). Rows without
    any value are left out; a row's line is its number in the spreadsheet.

    Raises
    ------
    StudyError : the file is missing, damaged, protected or another format, a sheet is not there or has no header.
    """
    workbook = _opened(path, shown)
    wanted = sheets if sheets is not None else workbook.sheet_names[:1]
    for name in wanted:
        if name not in workbook.sheet_names:
            there = ", ".join(workbook.sheet_names)
            raise StudyError(f"{shown}: there is no sheet '{name}'; the sheets are {there}. Mend export.sheets.")
    errors = _error_cells(path)
    properties, date_1904 = _properties(path)
    found = [_sheet(workbook, path, shown, name, header_rows, errors.get(name, {})) for name in wanted]
    return RawExport(found, properties=properties, date_1904=date_1904)


def _opened(path: Path, shown: str) -> Any:
    try:
        start = path.read_bytes()[:16]
    except FileNotFoundError:
        raise StudyError(f"{shown}: there is no such file; put the export there or mend export.records.") from None
    except OSError as error:
        raise StudyError(f"{shown}: the file cannot be read ({error.strerror}); check its permissions.") from None
    if not start:
        raise StudyError(f"{shown}: the file is empty; export it again.")
    other = [kind for signature, kind in SIGNATURES.items() if start.startswith(signature) and "Excel" not in kind]
    if other:
        raise StudyError(f"{shown}: this is {other[0]}, not a workbook; mend export.format.")
    try:
        workbook = python_calamine.CalamineWorkbook.from_path(str(path))
        if not workbook.sheet_names:
            raise StudyError(f"{shown}: the workbook has no sheet; export it again.")
        return workbook
    except python_calamine.PasswordError:
        raise StudyError(f"{shown}: the workbook is protected by a password; save it without one.") from None
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise StudyError(
            f"{shown}: this is not a readable workbook ({type(error).__name__}); open and save it again, or mend export.format."
        ) from None


def _sheet(
    workbook: Any, path: Path, shown: str, name: str, header_rows: int, errors: dict[tuple[int, int], str]
) -> Sheet:
    place = f"{shown}, sheet {name}"
    try:
        rows = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise StudyError(
            f"{place}: the sheet cannot be read ({type(error).__name__}); open and save it again."
        ) from None
    for (row, column), text in errors.items():
        if row < len(rows) and column < len(rows[row]):
            rows[row][column] = text
    if len(rows) <= header_rows:
        raise StudyError(
            f"{place}: there is no row of data below the column names; mend export.sheets or export it again."
        )
    header = [[_text(cell) or "" for cell in row] for row in rows[:header_rows]]
    names = header_names(header, place, 1)
    columns = [_column([row[number] for row in rows[header_rows:]]) for number in range(len(names))]
    lines = np.arange(header_rows + 1, len(rows) + 1)
    kept = [i for i, column in enumerate(columns) if column.notna().any() or not names[i].startswith("(column ")]
    frame = pd.concat([columns[i] for i in kept], axis=1)
    frame.columns = pd.Index([names[i] for i in kept], dtype="str")
    filled = frame.notna().any(axis=1).to_numpy()
    if not filled.any():
        raise StudyError(
            f"{place}: there is no row of data below the column names; mend export.sheets or export it again."
        )
    return Sheet(path.name, name, frame[filled].reset_index(drop=True), lines[filled])


def _column(cells: list[Any]) -> pd.Series:
    """Write a column's values as text."""
    numbers = [type(cell) in {float, int} for cell in cells]
    texts = pd.Series(
        [None if is_number else _text(cell) for cell, is_number in zip(cells, numbers, strict=True)], dtype="str"
    )
    if any(numbers):
        values = np.array(
            [float(cell) if is_number else np.nan for cell, is_number in zip(cells, numbers, strict=True)]
        )
        texts = texts.fillna(number_text(values))
    return texts


def _text(cell: Any) -> str | None:
    """Write one value as text; a blank cell is None."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float | int):
        return str(number_text(np.array([float(cell)]))[0])
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ").removesuffix(" 00:00:00")
    if isinstance(cell, datetime.timedelta):
        seconds = int(cell.total_seconds())
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return str(cell)


# ---------------------------------------------------------------- what the cell reader does not give


def _error_cells(path: Path) -> dict[str, dict[tuple[int, int], str]]:
    """Error values by sheet and cell (row and column from 0), which the cell reader gives as blanks."""
    if not zipfile.is_zipfile(path):
        return {}
    found: dict[str, dict[tuple[int, int], str]] = {}
    with zipfile.ZipFile(path) as archive:
        for name, part in _sheet_parts(archive).items():
            for match in re.finditer(rb"<c\b([^>]*\bt=\"e\"[^>]*)>(.*?)</c>", archive.read(part), re.DOTALL):
                place = re.search(rb"\br=\"([A-Z]+)(\d+)\"", match.group(1))
                value = re.search(rb"<v>([^<]*)</v>", match.group(2))
                if place and value:
                    cell = (int(place.group(2)) - 1, _column_number(place.group(1).decode()))
                    found.setdefault(name, {})[cell] = value.group(1).decode()
    return found


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Name of each sheet -> its part of the archive."""
    names = set(archive.namelist())
    if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= names:
        return {}
    relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
    parts = {}
    for sheet in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter():
        if sheet.tag.endswith("}sheet"):
            target = targets.get(sheet.get(RELATION), "")
            part = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
            if part in names:
                parts[sheet.get("name", "")] = part
    return parts


def _properties(path: Path) -> tuple[dict[str, str], bool]:
    """Words in the workbook's properties and comments, and whether it counts days from 1904."""
    if not zipfile.is_zipfile(path):
        return {}, False
    properties: dict[str, str] = {}
    with zipfile.ZipFile(path) as archive:
        for part in sorted(archive.namelist()):
            kind = next((kind for pattern, kind in WORDS.items() if re.fullmatch(pattern, part)), None)
            if kind is None:
                continue
            for element in ElementTree.fromstring(archive.read(part)).iter():
                tag = element.tag.rsplit("}", 1)[-1]
                words = (element.text or element.get("displayName") or "").strip()
                if words and not IGNORED.fullmatch(tag) and re.search(r"[^\W\d_]", words):
                    place = _spaced(f"{kind} {tag}" if kind else tag)
                    known = properties.get(place)
                    properties[place] = f"{known}; {words}" if known and words not in known else words
        book = archive.read("xl/workbook.xml") if "xl/workbook.xml" in archive.namelist() else b""
    return properties, bool(re.search(rb"date1904=\"(1|true)\"", book))


def _spaced(tag: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tag).lower()
