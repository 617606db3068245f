"""Text tables: CSV of any delimiter, encoding and line end, with damage found before anything is parsed."""

import codecs
import csv
import io
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

from needling.read.raw import Sheet, column_names
from needling.study.keys import StudyError

DELIMITERS = (",", ";", "\t", "|")
NEWLINE, RETURN, QUOTE = 10, 13, 34
# A file of one of these is never a text table, whatever its name says.
SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook (or another zip archive)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"$FL2": "an SPSS file",
    b"$FL3": "a compressed SPSS file",
    b"<stata_dta>": "a Stata file",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip archive",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
}
# Encodings that are none of Unicode -> who wrote so; which one it is no file says.
ENCODINGS = {
    "cp1252": "Windows",
    "mac_roman": "old Macintosh",
    "cp850": "DOS",
    "cp1250": "Windows, central Europe",
    "cp1251": "Windows, Cyrillic",
}
# Letters and marks beyond ASCII that are usual in the languages of western Europe, the first ones to be thought of.
USUAL_LETTERS = set("äöüßÄÖÜéèêëàâçîïôùûœæñáíóúìòãõåøÉÈÁÍÓÚÑÇÀÅØ°²³µ±½×º€–’‘“”")
MOST_LETTERS = 8
# A number, a date or a time.
NUMBER = r"[-+]?[\d.,/:\s-]+"
SNIFFED_BYTES = 200_000
# Rows below the first one in which a header is looked for.
LOOKED_AT = 100
PIECE = 1 << 24
# From so many cells on, columns are kept as categories of text: most cells of a large export repeat or are blank.
MANY_CELLS = 50_000_000
CONTROL = bytes([*range(1, 9), *range(14, 32), 127])
# A workbook has 16,384 columns at most; a text table of more has lost the ends of its lines.
MOST_COLUMNS = 20_000


def read_delimited(
    path: Path, shown: str, delimiter: str | None = None, encoding: str | None = None, header_rows: int = 1
) -> Sheet:
    r"""Read a text table.

    Parameters
    ----------
    path : the file.
    shown : how messages name the file.
    delimiter : one character; None finds it among , ; tab and |.
    encoding : what the file is where it is not UTF-8 (byte-order mark allowed) or UTF-16 (known by its mark); None asks.
    header_rows : rows of column names above the data.

    Returns
    -------
    A sheet of text cells; rows in which every cell is empty are left out, a blank cell is missing.

    Raises
    ------
    StudyError : the file is missing, empty, not text, cut, ragged, without a header, or its delimiter is wrong; the
        sentence names file, line, column and mend.

    Notes
    -----
    Quotes follow RFC 4180; a quotation mark inside an unquoted cell is taken as it stands.
    """
    data = _utf8(_bytes(path, shown), shown, encoding)
    if not re.search(rb"\S", data):
        raise StudyError(f"{shown}: the file is empty; export it again.")
    skipped = 0
    hint = re.match(rb"sep=(.)\r?\n", data)
    if hint:
        data, skipped = data[hint.end() :], 1
        delimiter = delimiter or hint.group(1).decode()
    delimiter = _delimiter(data, shown, delimiter)
    first = re.match(rb"[^\r\n]*", data)
    columns = 1 + (first.group(0).count(delimiter.encode()) if first else 0)
    if columns > MOST_COLUMNS:
        raise StudyError(
            f"{shown}, line {skipped + 1}: there are {columns:,} columns, more than any export has; the ends of its lines may be "
            "lost: export it again."
        )
    records = _records(data, delimiter)
    form = _Form(header_rows, skipped)
    if records is None:
        header, frame, lines = _read_slowly(data, shown, delimiter, form)
    else:
        header, frame, lines = _read_fast(data, records, shown, delimiter, form)
    check_header(header, shown, frame, lines)
    frame.columns = pd.Index(header_names(header, shown, skipped + 1), dtype="str")
    keep = _filled(frame)
    if not keep.any():
        raise StudyError(f"{shown}: the file has column names but no row of data; export it again.")
    frame = _without_blank_unnamed(frame)
    if not keep.all():
        frame, lines = frame[keep].reset_index(drop=True), lines[keep]
    return Sheet(path.name, "", frame, lines)


def _filled(frame: pd.DataFrame) -> np.ndarray:
    """Rows that have any cell."""
    filled = np.zeros(len(frame), dtype=bool)
    for place in range(frame.shape[1]):
        if filled.all():
            break
        filled |= frame.iloc[:, place].notna().to_numpy()
    return filled


# ---------------------------------------------------------------- bytes and characters


def _bytes(path: Path, shown: str) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise StudyError(f"{shown}: there is no such file; put the export there or mend export.records.") from None
    except OSError as error:
        raise StudyError(f"{shown}: the file cannot be read ({error.strerror}); check its permissions.") from None
    for signature, kind in SIGNATURES.items():
        if data.startswith(signature):
            raise StudyError(f"{shown}: this is {kind}, not a text table; mend export.format or export it as CSV.")
    return data


def _utf8(data: bytes, shown: str, encoding: str | None) -> bytes:
    """Bring any encoding to UTF-8 bytes, refusing what is not text."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and (encoding or "utf-16").lower().startswith("utf-16"):
        text = _decoded(data, "utf-16", shown)
        data = text.encode()
    elif encoding is None and data.isascii():
        pass
    elif _is(data, "utf-8") and not data.isascii() and not (encoding or "").lower().startswith("utf"):
        _known(encoding or "utf-8", shown)  # text of another encoding is never UTF-8 by chance
    elif encoding is None:
        _stop_on_binary(data, shown)
        _ask_encoding(data, shown)
    else:
        data = _decoded(data, encoding, shown).encode()
    data = data.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\x1a")
    _stop_on_binary(data, shown)
    if data.count(b"\r") > 2 * data.count(
        b"\n"
    ):  # line ends of old Macintosh programs, perhaps with a last one of today
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data


def _stop_on_binary(data: bytes, shown: str) -> None:
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise StudyError(
            f"{shown}, line {line}: the file holds a null byte, so it is damaged or not text; export it again."
        )
    controls = len(data) - len(data.translate(None, CONTROL))
    if controls > 10 + len(data) / 1000:
        raise StudyError(
            f"{shown}: {controls} of {len(data)} bytes are control characters, so this is not a text table; "
            "mend export.format or export it again."
        )


def _is(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _ask_encoding(data: bytes, shown: str) -> None:
    """Ask which encoding a text is in that is not UTF-8; one that is with a few damaged bytes is refused at the first of them."""
    readings = _readings(data)
    if not readings:
        _decoded(data, "utf-8", shown)
    told = "; ".join(f"as {name} ({ENCODINGS[name]}) {letters}" for name, letters in readings.items())
    raise StudyError(
        f"{shown}: the file is not UTF-8, and which letters it holds depends on its encoding: {told}. Write export.encoding with "
        "the one that is right, or export the file again as UTF-8."
    )


def _readings(data: bytes) -> dict[str, str]:
    """Letters beyond ASCII that a text holds in each encoding, the likeliest first; none where it is UTF-8 with damage."""
    sound = len(re.findall(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}", data))
    damaged = data.decode("utf-8", errors="replace").count("\ufffd")
    if sound >= damaged:
        return {}
    beyond = bytes(byte for byte in data if byte > 127)
    read = {name: beyond.decode(name) for name in ENCODINGS if _is(beyond, name)}
    likely = sorted(read, key=lambda name: -sum(letter in USUAL_LETTERS for letter in read[name]))
    return {name: " ".join([*dict.fromkeys(read[name])][:MOST_LETTERS]) for name in likely}


def likely_encoding(path: Path, shown: str) -> tuple[str, str] | None:
    """Guess the encoding of a text table, for a draft.

    Parameters
    ----------
    path : the file.
    shown : how messages name it.

    Returns
    -------
    The likeliest encoding and the letters that the file then holds; None where nothing is to be guessed.

    Raises
    ------
    StudyError : the file is missing or is no text.
    """
    data = _bytes(path, shown)
    if data.isascii() or _is(data, "utf-8") or data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    return next(iter(_readings(data).items()), None)


def _known(encoding: str, shown: str) -> None:
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise StudyError(
            f"{shown}: export.encoding '{encoding}' is not known; use utf-8, {', '.join(ENCODINGS)} or latin-1."
        ) from None


def _decoded(data: bytes, encoding: str, shown: str) -> str:
    _known(encoding, shown)
    try:
        return data.decode(encoding)
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        line_start = data.rfind(b"\n", 0, start) + 1
        line = data.count(b"\n", 0, start) + 1
        names = {"utf-8": "UTF-8", "cp1252": "Windows-1252"}
        raise StudyError(
            f"{shown}, line {line}, character {start - line_start + 1}: a byte (0x{data[start]:02x}) that is not "
            f"{names.get(encoding, encoding)} text; state the file's encoding as export.encoding, or export it again "
            "as UTF-8."
        ) from None


# ---------------------------------------------------------------- where each record starts and how many cells it has


@dataclass(frozen=True)
class _Records:
    """Byte offset, first line and number of cells of each record that is not blank."""

    starts: np.ndarray
    lines: np.ndarray
    cells: np.ndarray
    quoted_newlines: bool


def _records(data: bytes, delimiter: str) -> _Records | None:
    """Find the records by counting quotation marks; None where the marks are not those of RFC 4180."""
    buffer = np.frombuffer(data, dtype=np.uint8)
    newlines = np.flatnonzero(buffer == NEWLINE)
    quotes = np.flatnonzero(buffer == QUOTE)
    if not _regular(buffer, quotes, ord(delimiter)) or re.search(rb"\r(?!\n)", data):
        return None
    ends = newlines
    if quotes.size:
        ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    starts = np.concatenate([[0], ends + 1])
    stops = np.concatenate([ends, [buffer.size]])
    blank = (stops - starts == 0) | ((stops - starts == 1) & (buffer[np.minimum(starts, buffer.size - 1)] == RETURN))
    cells = _cells(buffer, ord(delimiter), ends)
    lines = np.searchsorted(newlines, starts) + 1
    return _Records(starts[~blank], lines[~blank], cells[~blank], ends.size < newlines.size)


def _cells(buffer: np.ndarray, separator: int, ends: np.ndarray) -> np.ndarray:
    """Count the cells of each record, some megabytes at a time: a large file has more separators than memory has room for."""
    before = np.zeros(ends.size + 2, dtype=np.int64)
    total, quoted = 0, False
    for first in range(0, buffer.size, PIECE):
        piece = buffer[first : first + PIECE]
        apart = piece == separator
        marks = piece == QUOTE
        if quoted or marks.any():
            inside = np.bitwise_xor.accumulate(marks) ^ quoted
            apart &= ~inside
            quoted = bool(inside[-1])
        upto = np.cumsum(apart, dtype=np.int32)
        low, high = np.searchsorted(ends, [first, first + piece.size])
        before[low + 1 : high + 1] = total + upto[ends[low:high] - first]
        total += int(upto[-1])
    before[-1] = total
    return np.diff(before) + 1


def _regular(buffer: np.ndarray, quotes: np.ndarray, separator: int) -> bool:
    """Is every quoted cell enclosed by separators or line ends, with marks inside it doubled?"""
    if quotes.size % 2:
        return False
    edges = np.array([separator, NEWLINE, RETURN, QUOTE], dtype=np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    before = np.isin(buffer[np.maximum(opening - 1, 0)], edges) | (opening == 0)
    after = np.isin(buffer[np.minimum(closing + 1, buffer.size - 1)], edges) | (closing == buffer.size - 1)
    return bool(before.all() and after.all())


def _delimiter(data: bytes, shown: str, stated: str | None) -> str:
    fitting = _found_delimiter(data)
    if stated is None:
        if fitting is None and (line := _first_wide_line(data)):
            raise StudyError(
                f"{shown}: line 1 is no header, and line {line} looks like it; delete the lines above it, or state "
                "export.delimiter."
            )
        if fitting is None:
            raise StudyError(
                f"{shown}, line 1: no comma, semicolon, tab or bar separates column names; state export.delimiter, or "
                "export the table with a header row."
            )
        return fitting
    stated = {"tab": "\t", "\\t": "\t"}.get(stated, stated)
    if len(stated) != 1 or ord(stated) > 127 or stated in '"\r\n':
        raise StudyError(f"{shown}: export.delimiter must be one character such as ',' or ';'.")
    first = data.split(b"\n", 1)[0]
    if stated.encode() not in first:
        mend = f"the file seems to use {fitting!r}" if fitting else "no other separator fits either"
        raise StudyError(f"{shown}, line 1: export.delimiter {stated!r} does not occur among the column names; {mend}.")
    return stated


def _found_delimiter(data: bytes) -> str | None:
    """The separator that gives most records as many cells as the header, at least two."""
    sample = data[:SNIFFED_BYTES]
    if len(data) > SNIFFED_BYTES:
        sample = (
            sample[: sample.rfind(b"\n") + 1] or data
        )  # a header longer than the sample is looked at with all the rest
    best: tuple[float, int] = (0.0, 1)
    found = None
    for delimiter in DELIMITERS:
        records = _records(sample, delimiter)
        if records is not None:
            cells = records.cells
        else:
            cells = np.array([line.count(delimiter.encode()) + 1 for line in sample.splitlines() if line])
        if cells[0] > 1 and (score := (round(float(np.mean(cells == cells[0])), 2), int(cells[0]))) > best:
            best, found = score, delimiter
    return found


def _first_wide_line(data: bytes) -> int | None:
    """Line from which on most records have as many cells as each other, below lines without any separator."""
    for delimiter in DELIMITERS:
        records = _records(data[:SNIFFED_BYTES], delimiter)
        if records is None:
            continue
        usual = int(np.median(records.cells))
        alike = np.flatnonzero(records.cells == usual)
        if usual > 1 and alike.size > records.cells.size / 2:
            return int(records.lines[alike[0]])
    return None


# ---------------------------------------------------------------- the two ways of parsing


@dataclass(frozen=True)
class _Form:
    """Rows of column names, and lines before them."""

    header_rows: int
    skipped: int


Parsed = tuple[list[list[str]], pd.DataFrame, np.ndarray]


def _read_fast(data: bytes, records: _Records, shown: str, delimiter: str, form: _Form) -> Parsed:
    """Read records whose boundaries are known with Arrow's parser."""
    header_rows, skipped = form.header_rows, form.skipped
    _check_cells(records.cells, records.lines + skipped, shown, delimiter, header_rows)
    body = int(records.starts[header_rows]) if records.starts.size > header_rows else len(data)
    header = list(csv.reader(io.StringIO(data[:body].decode(), newline=""), delimiter=delimiter))
    header = [row for row in header if row][:header_rows]
    names = [str(number) for number in range(int(records.cells[0]))]
    if body == len(data):
        return header, pd.DataFrame({name: pd.Series(dtype="str") for name in names}), np.array([], dtype=np.int64)
    kind = pa.string()
    if records.starts.size * len(names) > MANY_CELLS:
        kind = pa.dictionary(pa.int32(), kind)
    try:
        table = pacsv.read_csv(
            pa.BufferReader(pa.py_buffer(data).slice(body)),
            read_options=pacsv.ReadOptions(column_names=names, block_size=1 << 24),
            parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=records.quoted_newlines),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, kind),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        return _read_slowly(data, shown, delimiter, form)
    lines = records.lines[header_rows:] + skipped
    if table.num_rows != lines.size:
        return _read_slowly(data, shown, delimiter, form)
    frame = table.to_pandas(split_blocks=True, self_destruct=True)
    return header, frame if pa.types.is_dictionary(kind) else frame.astype("str"), lines


def _read_slowly(data: bytes, shown: str, delimiter: str, form: _Form) -> Parsed:
    """Read a file with stray quotation marks or mixed line ends, one record at a time."""
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    starts: list[int] = []
    before = 0
    try:
        for row in reader:
            if row:
                rows.append(row)
                starts.append(before + 1)
            before = reader.line_num
    except csv.Error:
        raise StudyError(
            f"{shown}, line {before + 1 + form.skipped}: a quotation mark opened on this line is not closed where its "
            "cell ends; close it, or double quotation marks inside a quoted cell, or export the file again."
        ) from None
    cells = np.array([len(row) for row in rows])
    lines = np.array(starts, dtype=np.int64) + form.skipped
    _check_cells(cells, lines, shown, delimiter, form.header_rows)
    columns = list(zip(*rows[form.header_rows :], strict=True)) or [()] * int(cells[0])
    frame = pd.DataFrame({str(n): pd.Series(list(column), dtype="str") for n, column in enumerate(columns)})
    return rows[: form.header_rows], frame.where(frame != ""), lines[form.header_rows :]


def _check_cells(cells: np.ndarray, lines: np.ndarray, shown: str, delimiter: str, header_rows: int) -> None:
    """Stop on the first record that has more or fewer cells than the header."""
    names = int(cells[0])
    wrong = np.flatnonzero(cells != names)
    if not wrong.size:
        return
    first = int(wrong[0])
    if wrong.size > 0.5 * (cells.size - header_rows) and cells.size > header_rows + 1:
        raise StudyError(
            f"{shown}, line {lines[first]}: {wrong.size} of {cells.size - header_rows} rows do not have the {names} "
            f"cells of the header when split at {delimiter!r}; state export.delimiter, mend the header, or delete lines "
            "above it."
        )
    if first == cells.size - 1 and cells[first] < names:
        raise StudyError(
            f"{shown}, line {lines[first]}: the file ends in the middle of a row (after {cells[first]} of {names} "
            "columns); export it again in full."
        )
    raise StudyError(
        f"{shown}, line {lines[first]}: this row has {cells[first]} cells where the header has {names} columns; put "
        f"cells that hold {delimiter!r} or a line break in quotation marks, or export the file again."
    )


# ---------------------------------------------------------------- the header


def check_header(header: list[list[str]], place: str, below: pd.DataFrame, lines: np.ndarray) -> None:
    """Stop where the first row is a title or a row of groups, and a row further down looks like the header.

    Parameters
    ----------
    header : cells of each row of column names; two rows are as the study file says, and not looked at.
    place : file or sheet, for the message.
    below : the rows below, text cells.
    lines : line of each of these rows.

    Raises
    ------
    StudyError : the first row has a single name, or more blanks than names, and below it stands a row of words that has
        a cell in most of the columns, none of which comes again below it.
    """
    below = below.head(LOOKED_AT).astype("str")
    used = below.notna().to_numpy()
    columns = np.flatnonzero(used.any(axis=0))
    named = sum(bool(header[0][column].strip()) for column in columns)
    if len(header) > 1 or columns.size < 2 or (named > 1 and named >= columns.size / 2):
        return
    full = np.flatnonzero(used.sum(axis=1) > columns.size / 2)
    if full.size < 2:
        return
    row = int(full[0])
    cells = below.iloc[row].dropna()
    if cells.str.fullmatch(NUMBER).mean() > 0.3 or (below.iloc[row + 1 :] == below.iloc[row]).any(axis=None):
        return
    mend = "state export.header_rows: 2 where both rows name the columns, or delete" if row == 0 and named else "delete"
    raise StudyError(
        f"{place}: line {lines[row]} looks like the header, because the rows above it have few names; {mend} what "
        "stands above it."
    )


def header_names(header: list[list[str]], place: str, line: int) -> list[str]:
    """Check that a header holds names, not values, and join its rows.

    Parameters
    ----------
    header : cells of each row of column names.
    place : file or sheet, for the message.
    line : line of the first of these rows.

    Returns
    -------
    One name per column, possibly with doubles.

    Raises
    ------
    StudyError : there are no names, or most of them are numbers.
    """
    first = [cell.strip() for cell in header[0]]
    filled = [cell for cell in first if cell]
    if not filled:
        raise StudyError(f"{place}, line {line}: the header row has no column names; add them.")
    if sum(bool(re.fullmatch(NUMBER, cell)) for cell in filled) > len(filled) / 2:
        raise StudyError(
            f"{place}, line {line}: this line holds values, not column names; add a header row with the columns' names."
        )
    return column_names(header)


def check_unique(names: list[str], place: str) -> None:
    """Stop where two columns have one name.

    Parameters
    ----------
    names : column names in the order of the file.
    place : file, and sheet or line, for the message.

    Raises
    ------
    StudyError : names the first double, its two columns, and the mend.
    """
    seen: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if name in seen:
            raise StudyError(
                f"{place}: columns {seen[name]} and {number} have the same name '{name}'; give each its own name."
            )
        seen[name] = number


def _without_blank_unnamed(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out columns that have neither a name nor a value, which spreadsheets add at the right."""
    unnamed = [i for i, name in enumerate(frame.columns) if re.fullmatch(r"\(column \d+\)", name)]
    empty = {i for i in unnamed if frame.iloc[:, i].isna().all()}
    return frame.iloc[:, [i for i in range(frame.shape[1]) if i not in empty]] if empty else frame
