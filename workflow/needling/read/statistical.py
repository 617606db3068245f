"""SPSS, Stata and SAS: values as text, labels, and the reasons that these formats give for missing values."""

import datetime
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat

from needling.read.apart import Unreadable, apart
from needling.read.raw import RawExport, Sheet, Variable, number_text
from needling.study.keys import StudyError

READERS: dict[str, Any] = {
    ".sav": pyreadstat.read_sav,
    ".zsav": pyreadstat.read_sav,
    ".por": pyreadstat.read_por,
    ".dta": pyreadstat.read_dta,
    ".sas7bdat": pyreadstat.read_sas7bdat,
    ".xpt": pyreadstat.read_xport,
}
FORMATS = {"spss": (".sav", ".zsav", ".por"), "stata": (".dta",), "sas": (".sas7bdat", ".xpt")}
WITHOUT_USER_MISSING = {".por", ".xpt"}


def read_statistical(path: Path, shown: str, kind: str) -> RawExport:
    """Read a file of a statistics program.

    Parameters
    ----------
    path : the file.
    shown : how messages name it.
    kind : spss, stata or sas.

    Returns
    -------
    One sheet of text cells (numbers in the shortest form that reads back the same, dates as YYYY-MM-DD), the dictionary
    from variable and value labels, and the file's label and notes as properties. User-missing values are missing, with
    the value's label, or else the value, as their reason. A row's line is its number in the program's data view.

    Raises
    ------
    StudyError : the file is missing, empty, damaged or another format.
    """
    ending = path.suffix.lower() if path.suffix.lower() in FORMATS[kind] else FORMATS[kind][0]
    if not path.exists():
        raise StudyError(f"{shown}: there is no such file; put the export there or mend export.records.")
    if not path.stat().st_size:
        raise StudyError(f"{shown}: the file is empty; export it again.")
    options = {} if ending in WITHOUT_USER_MISSING else {"user_missing": True}
    try:
        frame, meta = apart(lambda: READERS[ending](str(path), **options), shown)
    except Unreadable as error:
        raise StudyError(
            f"{shown}: this is not a readable {kind.upper() if kind != 'stata' else 'Stata'} file ({error.name}); "
            "save it again in that program, or mend export.format."
        ) from None
    if not len(frame.columns) or not len(frame):
        raise StudyError(f"{shown}: the file holds no row of data; export it again.")
    columns, reasons = {}, {}
    for name in frame.columns:
        labels = {_value(key): str(label) for key, label in meta.variable_value_labels.get(name, {}).items()}
        single = meta.readstat_variable_types.get(name) == "float"
        text, declared = _column(frame[name], single, meta, name)
        if declared.any():
            codes = text.where(declared)
            reasons[name.strip()] = codes.map(
                lambda code, labels=labels: labels.get(code, code), na_action="ignore"
            ).astype("str")
            text = text.where(~declared)
        columns[name.strip()] = text
    variables = {str(name).strip(): _variable(meta, str(name)) for name in frame.columns}
    lines = np.arange(1, len(frame) + 1)
    table = pd.DataFrame(columns)
    filled = table.notna().any(axis=1).to_numpy()
    for reason in reasons.values():
        filled = filled | reason.notna().to_numpy()
    missing = {name: reason[filled].reset_index(drop=True) for name, reason in reasons.items()}
    sheet = Sheet(path.name, "", table[filled].reset_index(drop=True), lines[filled], missing)
    return RawExport([sheet], variables, _properties(meta))


def _column(cells: pd.Series, single: bool, meta: Any, name: str) -> tuple[pd.Series, pd.Series]:
    """Write a column as text, and say which of its values are declared missing."""
    if pd.api.types.is_numeric_dtype(cells.dtype):
        values = cells.to_numpy(dtype=float)
        text = number_text(values.astype(np.float32) if single else values)
    else:
        text = _texts(cells, single)
    declared = pd.Series(False, index=text.index)
    for span in meta.missing_ranges.get(name, []):
        low, high = span["lo"], span["hi"]
        if isinstance(low, str):
            declared |= text == low.strip()
        else:
            declared |= pd.to_numeric(cells, errors="coerce").reset_index(drop=True).between(low, high)
    letters = set(meta.missing_user_values.get(name) or [])
    if letters:
        # A letter is a missing value of Stata (.a to .z) or SAS (.A to .Z, ._) among numbers.
        letter = cells.reset_index(drop=True).map(lambda cell: isinstance(cell, str) and cell in letters).astype(bool)
        declared |= letter
    return text, declared


def _texts(cells: pd.Series, single: bool) -> pd.Series:
    codes, distinct = pd.factorize(cells.astype(object))
    texts = pd.Series([_value(value, single) or None for value in distinct] + [None], dtype="str")
    return texts.take(codes).reset_index(drop=True)


def _value(value: Any, single: bool = False) -> str:
    """Write one value as text; blank is the empty text."""
    if value is None or value is pd.NaT:
        return ""
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ").removesuffix(" 00:00:00")
    if isinstance(value, float | int | np.number) and not isinstance(value, bool):
        number = np.float32(value) if single else np.float64(value)
        return "" if np.isnan(number) else str(number_text(np.array([number]))[0])
    return str(value).rstrip(" ")


def _variable(meta: Any, name: str) -> Variable:
    labels = meta.variable_value_labels.get(name, {})
    return Variable(
        label=meta.column_names_to_labels.get(name) or "",
        choices={_value(key): str(label) for key, label in labels.items()},
        kind=meta.readstat_variable_types.get(name, ""),
    )


def _properties(meta: Any) -> dict[str, str]:
    words = {"label": meta.file_label or "", "table": meta.table_name or ""}
    words |= {f"note {number}": str(note) for number, note in enumerate(meta.notes or [], 1)}
    return {place: text for place, text in words.items() if re.search(r"[^\W\d_]", text)}
