"""Excel workbooks: sheets, two header rows, dates of both systems, error values, and what their properties say."""

import datetime
import re
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import unescape

import numpy as np
import pandas as pd
import python_calamine

from needling.read.apart import Unreadable, apart
from needling.read.delimited import SIGNATURES, check_header, header_names
from needling.read.raw import NOT_CALCULATED, TURNED, RawExport, Sheet, number_text
from needling.study.keys import StudyError

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
# The words of a header or footer begin with &L, &C or &R and hold codes for font, size, colour, page and date.
HEADING = re.compile(rb"<(?:odd|even|first)(Header|Footer)>([^<]*)<")
HEADING_CODE = re.compile(r'&(?:"[^"]*"|\d+|K[0-9A-F]{6}|.)')
# What damage to an archive or to the XML in it raises.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    ElementTree.ParseError,
    RuntimeError,
    OSError,
    EOFError,
    LookupError,
    ValueError,
)
# Cells that a sheet may reach over; a stray cell in its last corner makes 17 thousand million of them.
MOST_CELLS = 50_000_000
LAST = (1_048_576, 16_384)  # rows and columns that a sheet can have
SMALL = 1000  # below this a number is no day of a spreadsheet's calendar
CELL = re.compile(rb"<c\b([^>]*?)(?:/>|>(.*?)</c>)", re.DOTALL)
Rows = list[list[Any]]
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def read_workbook(path: Path, shown: str, sheets: list[str] | None, header_rows: int) -> RawExport:
    """Read sheets of a workbook (.xlsx, .xlsm, .xlsb, .xls, .ods).

    Parameters
    ----------
    path : the file.
    shown : how messages name it.
    sheets : names of the sheets; None is the only one that holds data.
    header_rows : rows of column names above the data.

    Returns
    -------
    The sheets with text cells: numbers in their shortest form, dates as YYYY-MM-DD (with HH:MM:SS where there is a time),
    truth as TRUE or FALSE, error values such as #DIV/0! as written (.xlsx and .xlsm; empty in older formats). Rows without
    any value are left out; a row's line is its number in the spreadsheet.

    Raises
    ------
    StudyError : the file is missing, damaged, protected or another format, a sheet is not there or has no header, or
        several sheets hold data and none is named.
    """
    _stop_on_other_formats(path, shown)
    beside = _beside_cells(path, shown)
    names, rows = _contents(path, shown, sheets)
    wanted = sheets if sheets is not None else list(rows)
    if sheets is None and len(wanted) > 1:
        raise StudyError(
            f"{shown}: {len(wanted)} sheets hold data; state export.sheets: [{', '.join(wanted)}], or only those to be read."
        )
    for name in wanted:
        if name not in names:
            raise StudyError(
                f"{shown}: there is no sheet '{name}'; the sheets are {', '.join(names)}. Mend export.sheets."
            )
    found = [_sheet(rows[name], path, shown, name, header_rows, beside.cells.get(name, {})) for name in wanted]
    return RawExport(found, properties=beside.properties, date_1904=beside.date_1904)


def data_sheets(path: Path, shown: str) -> list[str]:
    """Name the visible sheets of a workbook that hold a table: two rows and two columns or more.

    Parameters
    ----------
    path : the file.
    shown : how messages name it.

    Returns
    -------
    Names in the order of the workbook; its first sheet where none holds a table.

    Raises
    ------
    StudyError : the file is missing, damaged, protected or another format.
    """
    _stop_on_other_formats(path, shown)
    _beside_cells(path, shown)
    return list(_contents(path, shown, None)[1])


def _stop_on_other_formats(path: Path, shown: str) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except FileNotFoundError:
        raise StudyError(f"{shown}: there is no such file; put the export there or mend export.records.") from None
    except OSError as error:
        raise StudyError(f"{shown}: the file cannot be read ({error.strerror}); check its permissions.") from None
    if not start:
        raise StudyError(f"{shown}: the file is empty; export it again.")
    other = [kind for signature, kind in SIGNATURES.items() if start.startswith(signature) and "Excel" not in kind]
    if other:
        raise StudyError(f"{shown}: this is {other[0]}, not a workbook; mend export.format.")


def _contents(path: Path, shown: str, sheets: list[str] | None) -> tuple[list[str], dict[str, Rows]]:
    """Names of all sheets, and the rows of some: those named, else the visible ones that hold a table, else the first."""

    def read() -> tuple[list[str], dict[str, Rows]]:
        workbook = python_calamine.CalamineWorkbook.from_path(str(path))
        names = list(workbook.sheet_names)
        if sheets is not None:
            return names, {name: _rows(workbook, name) for name in sheets if name in names}
        visible = [
            sheet.name
            for sheet in workbook.sheets_metadata
            if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
            and sheet.visible == python_calamine.SheetVisibleEnum.Visible
        ]
        found = {name: _rows(workbook, name) for name in visible}
        if len(visible) > 1:
            found = {name: rows for name, rows in found.items() if len(rows) > 1 and len(rows[0]) > 1}
        return names, found or {name: _rows(workbook, name) for name in names[:1]}

    try:
        names, rows = apart(read, shown)
    except Unreadable as error:
        if error.name == "PasswordError":
            raise StudyError(f"{shown}: the workbook is protected by a password; save it without one.") from None
        raise StudyError(
            f"{shown}: this is not a readable workbook ({error.name}); open and save it again, or mend export.format."
        ) from None
    if not names:
        raise StudyError(f"{shown}: the workbook has no sheet; export it again.")
    return names, rows


def _rows(workbook: Any, name: str) -> Rows:
    sheet = workbook.get_sheet_by_name(name)
    if sheet.total_height * sheet.total_width > MOST_CELLS:
        raise MemoryError(f"{sheet.total_height} rows and {sheet.total_width} columns")
    rows: Rows = sheet.to_python(skip_empty_area=False)
    return rows


def _sheet(rows: Rows, path: Path, shown: str, name: str, header_rows: int, cells: dict[tuple[int, int], str]) -> Sheet:
    place = f"{shown}, sheet {name}"
    for (row, column), text in cells.items():
        if row < len(rows) and column < len(rows[row]):
            rows[row][column] = text
    if len(rows) <= header_rows:
        raise StudyError(
            f"{place}: there is no row of data below the column names; mend export.sheets or export it again."
        )
    header = [[_text(cell) or "" for cell in row] for row in rows[:header_rows]]
    columns = [_column([row[number] for row in rows[header_rows:]]) for number in range(len(header[0]))]
    lines = np.arange(header_rows + 1, len(rows) + 1)
    check_header(header, place, pd.concat(columns, axis=1), lines)
    names = header_names(header, place, 1)
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
    """Write a column's values as text; dates among small numbers are scores that a spreadsheet took for dates."""
    days = sum(isinstance(cell, datetime.date) for cell in cells)
    if days and days < sum(type(cell) in {float, int} and abs(cell) < SMALL for cell in cells):
        cells = [TURNED if isinstance(cell, datetime.date) else cell for cell in cells]
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


@dataclass
class _Beside:
    """What a workbook holds beside the values of its cells.

    `cells` holds by sheet and cell (row and column from 0) what the reader gives as blanks or otherwise than it is shown: error
    values, formulas that were never calculated, percentages; `properties` words by place, `date_1904` says whether days are
    counted from 1904.
    """

    cells: dict[str, dict[tuple[int, int], str]] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    date_1904: bool = False

    def say(self, place: str, words: str) -> None:
        """Note words that a person wrote, where they have letters."""
        known = self.properties.get(place)
        if re.search(r"[^\W\d_]", words) and words not in (known or ""):
            self.properties[place] = f"{known}; {words}" if known else words


def _beside_cells(path: Path, shown: str) -> _Beside:
    """Read what stands beside the cells, and stop where any part of the archive is damaged."""
    beside = _Beside()
    if not zipfile.is_zipfile(path):
        return beside
    try:
        with zipfile.ZipFile(path) as archive:
            if (damaged := archive.testzip()) is not None:
                raise zipfile.BadZipFile(damaged)
            percent = _percent_styles(archive)
            for name, part in _sheet_parts(archive).items():
                _read_sheet_part(archive.read(part), name, beside, percent, shown)
            if "content.xml" in archive.namelist():
                _read_open_document(archive.read("content.xml"), beside)
            _read_properties(archive, beside)
            if "xl/workbook.xml" in archive.namelist():
                book = archive.read("xl/workbook.xml")
                beside.date_1904 = bool(re.search(rb"date1904=\"(1|true)\"", book))
                for element in ElementTree.fromstring(book).iter():
                    if element.tag.endswith("}definedName") and not element.get("name", "").startswith("_xlnm."):
                        beside.say("defined name", element.get("name", "").replace("_", " "))
    except DAMAGE as error:
        raise StudyError(
            f"{shown}: the workbook is damaged ({type(error).__name__}); export it again, or take an intact copy."
        ) from None
    return beside


def _percent_styles(archive: zipfile.ZipFile) -> set[str]:
    """Numbers of the styles that show a number as a percentage."""
    if "xl/styles.xml" not in archive.namelist():
        return set()
    styles = ElementTree.fromstring(archive.read("xl/styles.xml"))
    codes = {one.get("numFmtId"): one.get("formatCode", "") for one in styles.iter() if one.tag.endswith("}numFmt")}
    formats = {"9", "10"} | {number for number, code in codes.items() if re.sub(r'"[^"]*"', "", code).count("%")}
    cells: Iterable[ElementTree.Element] = next((one for one in styles.iter() if one.tag.endswith("}cellXfs")), [])
    return {str(place) for place, one in enumerate(cells) if one.get("numFmtId") in formats}


def _read_sheet_part(xml: bytes, name: str, beside: _Beside, percent: set[str], shown: str) -> None:
    """Find cells that the cell reader gives otherwise than they are, and what is printed above and below the pages."""
    furthest = [0, 0]
    for match in CELL.finditer(xml):
        place = re.search(rb"\br=\"([A-Za-z]+)(\d+)\"", match.group(1))
        if not place:
            continue
        cell = (int(place.group(2)[:8]) - 1, _column_number(place.group(1)[:4].decode().upper()))
        if cell[0] >= LAST[0] or cell[1] >= LAST[1]:
            raise StudyError(
                f"{shown}, sheet {name}: a cell is said to stand at {place.group(0)[3:-1].decode()[:40]}, where no sheet "
                "reaches; open the workbook in a spreadsheet program and save it again."
            )
        furthest = [max(pair) for pair in zip(furthest, cell, strict=True)]
        if text := _beside_value(match.group(1), match.group(2) or b"", percent):
            beside.cells.setdefault(name, {})[cell] = text
    if (furthest[0] + 1) * (furthest[1] + 1) > MOST_CELLS:
        raise StudyError(
            f"{shown}, sheet {name}: the sheet reaches over {furthest[0] + 1:,} rows and {furthest[1] + 1:,} columns, most of them "
            "empty; delete the stray cells at its end (rows and columns behind the table) and save it again."
        )
    for match in HEADING.finditer(xml):
        words = HEADING_CODE.sub(" ", unescape(match.group(2).decode(), {"&quot;": '"'}))
        beside.say(f"print {match.group(1).decode().lower()}", " ".join(words.split()))


def _read_open_document(xml: bytes, beside: _Beside) -> None:
    """Find the percentages of an .ods, whose cells and rows may stand for several."""
    if b'value-type="percentage"' not in xml:
        return
    name, row, column = "", 0, 0
    for event, element in ElementTree.iterparse(BytesIO(xml), ("start", "end")):
        tag, given = element.tag.rsplit("}", 1)[-1], {key.rsplit("}", 1)[-1]: value for key, value in element.items()}
        if tag == "table" and event == "start":
            name, row = given.get("name", ""), 0
        elif tag == "table-row" and event == "start":
            column = 0
        elif tag == "table-row":
            row += int(given.get("number-rows-repeated", "1"))
            element.clear()
        elif tag in {"table-cell", "covered-table-cell"} and event == "end":
            times = int(given.get("number-columns-repeated", "1"))
            if given.get("value-type") == "percentage":
                text = _percentage(float(given.get("value", "nan")))
                places = beside.cells.setdefault(name, {})
                places.update({(row, column + n): text for n in range(min(times, LAST[1] - column))})
            column += times


def _percentage(share: float) -> str:
    """Write a share as the percentage that is shown for it."""
    return f"{number_text(np.array([round(100 * share, 10)]))[0]}%"


def _beside_value(attributes: bytes, inside: bytes, percent: set[str]) -> str:
    """An error value, a formula without a value, or a percentage as it is shown; '' for any other cell."""
    kind = re.search(rb"\bt=\"(\w+)\"", attributes)
    value = re.search(rb"<v>([^<]*)</v>", inside)
    if kind and kind.group(1) == b"e":
        return value.group(1).decode() if value else ""
    if b"<f" in inside and not (value and value.group(1)) and not (kind and kind.group(1) == b"str"):
        return NOT_CALCULATED
    style = re.search(rb"\bs=\"(\d+)\"", attributes)
    if value and style and style.group(1).decode() in percent and (kind is None or kind.group(1) == b"n"):
        return _percentage(float(value.group(1)))
    return ""


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


def _read_properties(archive: zipfile.ZipFile, beside: _Beside) -> None:
    """Words in the workbook's properties and comments."""
    for part in sorted(archive.namelist()):
        kind = next((kind for pattern, kind in WORDS.items() if re.fullmatch(pattern, part)), None)
        if kind is None:
            continue
        for element in ElementTree.fromstring(archive.read(part)).iter():
            tag = element.tag.rsplit("}", 1)[-1]
            words = (element.text or element.get("displayName") or "").strip()
            if not IGNORED.fullmatch(tag):
                beside.say(_spaced(f"{kind} {tag}" if kind else tag), words)


def _spaced(tag: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tag).lower()
