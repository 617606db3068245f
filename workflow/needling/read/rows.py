"""The rows of an export, all sheets one below the other, with an account of which cells went into which table."""

import json
import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from needling.read.identifying import looks_like
from needling.read.raw import NOT_CALCULATED, TURNED, RawExport, Variable
from needling.schema.contract import levels, plain_text
from needling.schema.intake import ACCOUNT
from needling.study.keys import StudyError

TEXT: Final = "str"
# What a study file names as the patient's code where the export has none and each row is another patient: the line.
OWN_ROW: Final = "(row)"
SPOILED: Final = {
    NOT_CALCULATED: "formulas were never calculated; open the workbook in a spreadsheet program, save it, and export it again",
    TURNED: "a spreadsheet has turned scores such as 3-4 into dates, and the scores are lost; take them from the source again",
}
NOT_NAMED: Final = "the study file does not name this column"
# Columns that REDCap adds to those of the forms; of what happened its event and, without a date, its number tell something.
ADDED = re.compile(r"^redcap_|_complete$|_timestamp$|^Complete\?")
EVENT_NAME, INSTANCE = "redcap_event_name", "redcap_repeat_instance"


@dataclass
class Rows:
    """All rows of the export one below the other, and an account of which cells went where."""

    frame: pd.DataFrame
    place: pd.DataFrame
    raw: RawExport
    reasons: dict[str, pd.Series]
    missing: dict[str, str] = field(default_factory=dict)
    sources: list[tuple[str, str, str]] = field(default_factory=list)
    read: dict[str, np.ndarray] = field(default_factory=dict)
    selecting: set[str] = field(default_factory=set)
    declared: list[pd.DataFrame] = field(default_factory=list)
    looked_at: set[str] = field(default_factory=set)
    joined: dict[str, list[str]] = field(default_factory=dict)
    told_apart: list[tuple[str, np.ndarray, list[str], set[str] | None]] = field(default_factory=list)

    @classmethod
    def of(cls, raw: RawExport, missing: dict[str, str] | None = None, people: set[str] | None = None) -> "Rows":
        """Put the sheets one below the other.

        `missing` holds the study file's codes for missing, with their reasons; in the columns `people`, which hold codes of
        patients, therapists and clinics, they are codes like others.
        """
        sheets = raw.sheets
        frame = sheets[0].frame if len(sheets) == 1 else pd.concat([s.frame for s in sheets], ignore_index=True)
        which = np.repeat(np.arange(len(sheets)), [len(sheet.frame) for sheet in sheets])
        place = pd.DataFrame(
            {
                "file": repeated([sheet.file for sheet in sheets], which),
                "sheet": repeated([sheet.name for sheet in sheets], which),
                "line": np.concatenate([sheet.lines for sheet in sheets]).astype(np.int64),
            }
        )
        if len(sheets) > 1 and "sheet" not in frame.columns:
            frame = frame.assign(sheet=place["sheet"])
        reasons = {}
        for column in {column for sheet in sheets for column in sheet.missing}:
            parts = [s.missing.get(column, pd.Series(np.nan, index=range(len(s.frame)), dtype=TEXT)) for s in sheets]
            reasons[column] = pd.concat(parts, ignore_index=True).astype(TEXT)
        return cls(frame, place, raw, reasons, missing or {}, looked_at=set(people or ()))

    def column(self, name: str, key: str) -> pd.Series:
        """Return a column by its name in the study file as text, or say where it is missing."""
        return plain_text(self._held(name, key))

    def codes(self, columns: list[str], key: str) -> str:
        """Name the column of codes; several columns, in which codes are unique only together, become one: '3/17'.

        A row in which one of them is blank has no code.
        """
        if len(columns) == 1:
            return columns[0]
        name = " + ".join(columns)
        if name not in self.joined:
            parts = [self.column(column, key).str.strip().replace("", None) for column in columns]
            together = parts[0]
            for part in parts[1:]:
                together = together + "/" + part
            self.frame = self.frame.assign(**{name: together.astype(TEXT)})
            self.joined[name] = columns
            self.looked_at.add(name)
        return name

    def filled(self, name: str, key: str) -> np.ndarray:
        """Where a column has a cell that is not empty."""
        return self._held(name, key).notna().to_numpy()

    def _held(self, name: str, key: str) -> pd.Series:
        stripped = name.strip()
        if stripped == OWN_ROW and stripped not in self.frame.columns:
            self.frame = self.frame.assign(**{OWN_ROW: (self.place["line"].astype("str")).to_numpy()})
        if stripped in self.frame.columns:
            self._set_missing(stripped)
            return self.frame[stripped]
        files = ", ".join(dict.fromkeys(sheet.file for sheet in self.raw.sheets))
        names = [str(column) for column in self.frame.columns]
        near = get_close_matches(stripped, names, n=1, cutoff=0.5)
        many = f"{len(names)} columns, none of a like name"
        mend = f"the nearest column is '{near[0]}'" if near else f"the file has {many}"
        raise StudyError(
            f"{files}: the column '{stripped}' that the study file names in {key} is not there; {mend}. Mend {key}, or "
            "export that column too."
        )

    def _set_missing(self, name: str) -> None:
        """Blank a column's cells that hold a code for missing of the study file, once, and keep the reason of each."""
        if not self.missing or name in self.looked_at:
            return
        self.looked_at.add(name)
        cells = self.frame[name]
        texts = cells.cat.categories if cells.dtype == "category" else cells.dropna().unique()
        choices = self.raw.variables.get(name, Variable()).choices
        missing = {code: why for code, why in self.missing.items() if code not in choices}
        given = {text: why for text in texts if (why := _reason(str(text), missing))}
        if not given:
            return
        reason = plain_text(cells.map({text: given.get(text) for text in texts}))
        earlier = self.reasons.get(name)
        self.reasons[name] = reason if earlier is None else earlier.fillna(reason)
        self.frame = self.frame.assign(**{name: cells.mask(reason.notna())})

    def selected(self, rows: dict[str, list[str]], key: str) -> np.ndarray:
        """Positions of the rows that have the allowed values."""
        keep = np.ones(len(self.frame), dtype=bool)
        for name, allowed in rows.items():
            self.selecting.add(name.strip())
            codes, texts = pd.factorize(self._held(name, f"{key}.rows"))
            stripped = [*(str(text).strip() for text in texts), ""]  # a blank has the code -1: the last
            keep &= np.isin(stripped, [value.strip() for value in allowed])[codes]
            if not keep.any():
                held = len({stripped[code] for code in np.unique(codes)} - {""})
                raise StudyError(
                    f"{self.raw.sheets[0].file}: {key}.rows selects no row, because the column '{name}' never holds "
                    f"{some([repr(value) for value in allowed])} there; it holds {different_values(held)}. Mend {key}.rows "
                    "in the study file."
                )
        return np.flatnonzero(keep)

    def cells(self, table: str, canonical: str, name: str, key: str, positions: np.ndarray) -> pd.Series:
        """Take a column's cells into a table as text, and note that they were taken."""
        return plain_text(self._taken(table, canonical, name, key, positions))

    def levels(self, table: str, canonical: str, name: str, key: str, positions: np.ndarray) -> pd.Series:
        """Take a column's cells into a table as `cells` does, but as categories."""
        return levels(self._taken(table, canonical, name, key, positions))

    def _taken(self, table: str, canonical: str, name: str, key: str, positions: np.ndarray) -> pd.Series:
        column = self._held(name, key)
        name = name.strip()
        if (table, canonical, name) not in self.sources:
            self.sources.append((table, canonical, name))
        for one in [name, *self.joined.get(name, [])]:
            self.read.setdefault(one, np.zeros(len(self.frame), dtype=bool))[positions] = True
        return column.take(positions).reset_index(drop=True)

    def note_declared(
        self, table: str, canonical: str, name: str | None, positions: np.ndarray, first: int = 0
    ) -> None:
        """Note which cells of these rows, which go into a table from its row `first` on, the format declares missing."""
        reasons = self.reasons.get(name.strip()) if name else None
        if reasons is None:
            return
        given = reasons.take(positions).reset_index(drop=True).dropna()
        self.declared.append(
            pd.DataFrame({"table": table, "column": canonical, "row": given.index + first, "reason": given.array})
        )

    def start(self, positions: np.ndarray) -> pd.DataFrame:
        """Begin a table with the place of each of its rows."""
        table = self.place.take(positions).reset_index(drop=True)
        table.insert(0, "row", np.arange(len(table), dtype=np.int64))
        return table

    def dates(self, cells: pd.Series) -> pd.Series:
        """Write the day numbers of a workbook that counts from 1904 as dates, since no reader of text could tell."""
        if not self.raw.date_1904:
            return cells
        numbers = pd.to_numeric(cells, errors="coerce")
        days = pd.Timestamp("1904-01-01") + pd.to_timedelta(numbers.where(numbers.between(1, 60_000)), unit="D")
        return days.dt.strftime("%Y-%m-%d").astype(TEXT).fillna(cells)

    def declared_table(self) -> pd.DataFrame:
        """Cells that the format declares missing, with its reason."""
        return pd.concat(
            [pd.DataFrame(columns=["table", "column", "row", "reason"]), *self.declared], ignore_index=True
        )

    def sources_table(self) -> pd.DataFrame:
        """Where each canonical column came from."""
        variables = self.raw.variables
        rows = []
        for table, column, source in self.sources:
            variable = variables.get(source)
            choices = json.dumps(variable.choices, ensure_ascii=False) if variable and variable.choices else np.nan
            label, lowest = (variable.label, variable.lowest) if variable else ("", "")
            rows.append((table, column, source, label or np.nan, choices, lowest or np.nan))
        return pd.DataFrame(rows, columns=["table", "column", "source", "label", "choices", "lowest"])

    def unread_table(self) -> pd.DataFrame:
        """Filled cells that went into no table, by column of the export, and what a column's description makes it look like."""
        rows = []
        for name in self.raw.columns:
            filled = self.frame[name].notna().to_numpy()
            kind = ""
            if name in self.selecting and name not in self.read:
                why = "this column only selects rows"
            elif name not in self.read:
                why, kind = NOT_NAMED, looks_like(name, self.raw.variables.get(name, Variable()))
            else:
                filled = filled & ~self.read[name]
                why = "these rows are not selected for any table that has this column"
            rows.append((name, int(filled.sum()), why, kind or np.nan))
        rows += [(place, cells, why, np.nan) for place, (cells, why) in self.raw.left_out.items()]
        return pd.DataFrame([row for row in rows if row[1]], columns=["source", "cells", "reason", "looks_like"])

    def stop_on_spoiled(self) -> None:
        """Stop where cells that are read hold what a spreadsheet left instead of a value."""
        said = []
        for text, what in SPOILED.items():
            counts = {name: int((self.frame[name].eq(text) & taken).sum()) for name, taken in self.read.items()}
            columns = [f"'{name}' ({n})" for name, n in counts.items() if n]
            if columns:
                said.append(f"{self.raw.sheets[0].file}: {what} (cells by column): {some(columns)}.")
        if said:
            raise StudyError("\n".join(said))

    def tell_apart(
        self, table: str, positions: np.ndarray, columns: list[str], telling: set[str] | None = None
    ) -> None:
        """Note which columns say which row of a table is which: rows alike in them are compared by `alike_table`.

        Of a table of events that is in all others, also in those that another table reads and in `telling` of REDCap's.
        """
        self.told_apart.append((table, positions, [name.strip() for name in columns], telling))

    def alike_table(self) -> pd.DataFrame:
        """Rows that are the same visit, patient or event as an earlier one, with the unread columns in which they differ from it.

        A column that numbers rows (no two rows alike), or that REDCap adds, tells nothing.
        """
        parts = [self._alike(*one) for one in self.told_apart]
        return pd.concat([pd.DataFrame(columns=list(ACCOUNT["alike"])), *parts], ignore_index=True)

    def _alike(self, table: str, positions: np.ndarray, columns: list[str], telling: set[str] | None) -> pd.DataFrame:
        part = self.frame.take(positions)
        part = part[part.duplicated(columns, keep=False) & part[columns].notna().any(axis=1)]
        if not len(part):
            return pd.DataFrame(columns=list(ACCOUNT["alike"]))
        group = part.groupby(columns, dropna=False, sort=False, observed=True).ngroup().to_numpy()
        first = np.unique(group, return_index=True)[1][group]
        found = pd.Series("", index=part.index, dtype=TEXT)
        for name in self.frame.columns:
            known = name in self.read or name in self.selecting if telling is None else name in columns
            added = ADDED.search(name) and name not in (telling or ())
            if known or added or self.frame[name].is_unique:
                continue
            mine = plain_text(part[name]).fillna("").str.strip().to_numpy()
            found = found.mask(mine != mine[first], found + "\n" + name)
        found = found[found != ""]
        names = found.str.removeprefix("\n").str.split("\n")
        told = [json.dumps(one, ensure_ascii=False) for one in names]
        return self.start(found.index.to_numpy()).assign(table=table, differs_in=told)


def _reason(text: str, missing: dict[str, str]) -> str | None:
    """Reason of a cell that is a code for missing: the same text, or the same number written otherwise."""
    if text.strip() in missing:
        return missing[text.strip()]
    number = _number(text)
    return next((reason for code, reason in missing.items() if number is not None and _number(code) == number), None)


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def some(names: list[str]) -> str:
    """Write a list for a message, cut after eight."""
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def different_values(n: int) -> str:
    """Say how many values a column holds; which ones is never said, since any of them may name a person."""
    return f"{n} different value{'' if n == 1 else 's'}, which are not shown since they may name people"


def repeated(texts: list[str], codes: np.ndarray) -> pd.Series:
    """Build a column of few texts, as categories, from their numbers."""
    numbers, distinct = pd.factorize(np.array(texts, dtype=object))
    return pd.Series(pd.Categorical.from_codes(numbers[codes], pd.Index(distinct, dtype=TEXT)))


def stacked(parts: list[pd.Series]) -> pd.Series:
    """Put columns of few texts one below the other, as categories."""
    return pd.Series(union_categoricals([levels(part) for part in parts]))


def blank(n: int) -> pd.Series:
    """Build a column of missing text."""
    return pd.Series([None], dtype=TEXT).take(np.zeros(n, dtype=np.int64)).reset_index(drop=True)
