"""The raw export of any format, read without changing or losing a cell."""

from dataclasses import replace
from pathlib import Path

from needling.read.delimited import check_unique, read_delimited
from needling.read.left_out import only_data
from needling.read.raw import RawExport
from needling.read.redcap import from_labels, read_dictionary, with_backslashes
from needling.study.sources import Export

ENDINGS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xlsb": "excel",
    ".xls": "excel",
    ".ods": "excel",
    ".sav": "spss",
    ".zsav": "spss",
    ".por": "spss",
    ".dta": "stata",
    ".sas7bdat": "sas",
    ".xpt": "sas",
}


def read_export(export: Export, root: str | Path = ".", raw: str | Path | None = None) -> RawExport:
    """Read a raw export with every cell as text.

    Parameters
    ----------
    export : the study file's section on the export.
    root : folder that the paths of `export` start from.
    raw : path of the records that replaces `export.records`; its format is known by its ending.

    Returns
    -------
    The sheets without rows that are no data, the dictionary and the files' properties. Numbers of formats that store
    numbers are written in the shortest form that reads back the same, dates as YYYY-MM-DD; a missing value that the format
    declares (SPSS user-missing, Stata .a-.z, SAS .A-.Z) is missing with its reason in `Sheet.missing`.

    Raises
    ------
    StudyError : one sentence that names the file, the line or sheet, the column and the mend.
    """
    shown = str(raw) if raw is not None else export.records
    path, beside = export.files(raw, root)
    kind = _format(export, path) if raw is not None else export.format
    dictionary = read_dictionary(beside, str(export.dictionary), export.encoding) if beside else None
    if kind in {"redcap", "csv"}:
        settings = (export.delimiter, export.encoding, export.header_rows)
        sheet = with_backslashes(path, lambda readable: read_delimited(readable, shown, *settings))
        if kind == "redcap" and export.labels:
            sheet = from_labels(sheet, dictionary or {}, shown)
        found = RawExport([sheet])
    elif kind == "excel":
        from needling.read.workbook import read_workbook

        found = read_workbook(path, shown, export.sheets, export.header_rows)
    else:
        from needling.read.statistical import read_statistical

        found = read_statistical(path, shown, kind)
    for number, given in enumerate(found.sheets if kind in {"redcap", "csv", "excel"} else ()):
        found.sheets[number], left_out = only_data(given)
        place = f"sheet {given.name}, line" if given.name and len(found.sheets) > 1 else "line"
        found.left_out.update({f"{place} {line}": told for line, told in left_out.items()})
    for sheet in found.sheets:
        place = f"{shown}, sheet {sheet.name}" if sheet.name else f"{shown}, line 1"
        check_unique([str(name) for name in sheet.frame.columns], place)
    if dictionary is not None:
        found = replace(found, variables=found.variables | dictionary)
    return found


def _format(export: Export, path: Path) -> str:
    known = ENDINGS.get(path.suffix.lower(), export.format)
    return "redcap" if known == "csv" and export.format == "redcap" else known
