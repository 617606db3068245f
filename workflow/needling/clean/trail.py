"""The audit trail: every change, flag and query with its place in the export, and the rows taken out."""

import json
import re
from collections.abc import Iterable
from copy import copy
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from needling.read.number import MISSING_WORDS, read_number
from needling.schema.contract import check
from needling.schema.intake import AUDIT, QUARANTINE

if TYPE_CHECKING:
    from needling.clean.rules import Settings

HIDDEN = "(hidden)"
HIDDEN_TEXT = re.compile(r"\((?:text of \d+ characters?|number of \d+ digits)\)")
WHOLE_ROW = "(whole row)"
# The longest whole number that a measure has; a longer one may be a phone number or a number of a register.
DIGITS = 6
# Units that may stand beside a number; any other word there is a text.
BESIDE = frozenset(
    re.findall(
        r"\S+",
        "% ° °c c mm cm m kg g mg n kpa kgf lbf lb lbs kgf/cm kg/cm n/cm lbf/cm hz ms s sec min mins minute minutes h hr hrs "
        "hour hours d day days w wk wks week weeks mo mth month months y yr yrs year years pt pts point points x times deg",
    )
)
WHOSE = ["patient", "visit", "clinic"]
TAKEN_OUT = {"quarantined", "dropped"}


class Trail:
    """Collects what the rules did; knows the place of every row of the read tables.

    Parameters
    ----------
    tables : the read tables, with `sources`.
    settings : which rules run.
    coded : canonical columns that hold codes of people or places; their values are never shown.
    listed : codes, labels and names of the study file; other text of a cell is never shown.
    decimal : the decimal mark that the study file states, if it does.
    parting : marks that may part thousands in the export's format.
    """

    def __init__(
        self,
        tables: dict[str, pd.DataFrame],
        settings: "Settings",
        coded: Iterable[str] = (),
        listed: Iterable[str] = (),
        decimal: str | None = None,
        parting: str = ",.",
    ) -> None:
        """Begin an empty trail."""
        self.settings = settings
        self.decimal, self.parting = decimal, parting
        self.coded = frozenset(coded)
        self._places = {
            name: table[["row", "file", "sheet", "line"]].set_index("row")
            for name, table in tables.items()
            if "line" in table.columns
        }
        self._parts: list[pd.DataFrame] = []
        self._confirmed: dict[tuple[str, str], set[int]] = {}
        sources = tables.get(
            "sources", pd.DataFrame(columns=["table", "column", "source", "label", "choices", "lowest"])
        )
        self._sources = {(t, c): str(s) for t, c, s in sources[["table", "column", "source"]].itertuples(index=False)}
        self._choices = {
            (table, column): json.loads(text)
            for table, column, text in sources[["table", "column", "choices"]].itertuples(index=False)
            if isinstance(text, str) and text
        }
        self._differs: dict[str, pd.Series] = {}
        for table, rows in tables.get("alike", pd.DataFrame(columns=["table"])).groupby("table"):
            names = (
                rows["differs_in"].map(json.loads).set_axis(pd.MultiIndex.from_frame(rows[["file", "sheet", "line"]]))
            )
            self._differs[str(table)] = names[~names.index.duplicated()]
        self._lowest = {
            (table, column): str(text)
            for table, column, text in sources[["table", "column", "lowest"]].dropna().itertuples(index=False)
        }
        choices = [word for found in self._choices.values() for pair in found.items() for word in pair]
        self._listed = frozenset(_bare(word) for word in [*listed, *choices])
        # later lines of a patient give the facts from the same columns
        for known in (self._sources, self._choices):
            known |= {
                ("patient_conflicts", name): found for (table, name), found in known.items() if table == "patients"
            }

    @property
    def tables(self) -> frozenset[str]:
        """Tables whose rows have a place in the export."""
        return frozenset(self._places)

    def choices(self, table: str, column: str) -> dict[str, str]:
        """Choices of the export's dictionary for a canonical column: code -> label."""
        return self._choices.get((table, column), {})

    def lowest(self, table: str, column: str) -> float:
        """Lowest value that the export's dictionary accepts in a canonical column; not a number where it says none."""
        text = self._lowest.get((table, column), "")
        return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else float("nan")

    def source(self, table: str, column: str) -> str:
        """Name in the export of a canonical column."""
        return self._sources.get((table, column), column)

    def has_source(self, table: str, column: str) -> bool:
        """Whether the export has the column itself (a visit's clinic may be the patient's)."""
        return (table, column) in self._sources

    def differs_in(self, table: str, rows: "pd.Series | np.ndarray") -> dict[int, list[str]]:
        """Rows that differ from the first of the same visit, patient or event in columns that are not read, with their names."""
        names = self._differs.get(table)
        if names is None:
            return {}
        rows = np.asarray(rows)
        places = pd.MultiIndex.from_frame(self._places[table].reindex(rows).astype({"file": "str", "sheet": "str"}))
        at = names.index.get_indexer(places)
        return {int(row): names.iloc[place] for row, place in zip(rows[at >= 0], at[at >= 0], strict=True)}

    def repeated(
        self, frame: pd.DataFrame, table: str, again: "pd.Series | np.ndarray", reason: str, differ: str
    ) -> pd.DataFrame:
        """Take out rows that repeat another: dropped if all of the row does, quarantined and queried if unread columns differ.

        Parameters
        ----------
        frame : rows with `row`.
        again : which of them repeat another in what is read.
        reason : why those that repeat it wholly are dropped.
        differ : what the others are, e.g. 'a second row of the visit'.
        """
        again = np.asarray(again, dtype=bool)
        found = self.differs_in(table, frame["row"].to_numpy()[again])
        names = frame["row"].map({row: ", ".join(some[:3]) for row, some in found.items()})
        other = again & names.notna().to_numpy()
        why = f"{differ} that differs in a column that is not read (" + names.astype("str") + ")"
        self.note("duplicates", "query", table, frame["row"][other], WHOLE_ROW, why[other])
        kept = self.take_out("duplicates", frame, table, other, why)
        return self.take_out("duplicates", kept, table, again[~other], reason, "dropped")

    def note(
        self,
        rule: str,
        action: str,
        table: str,
        rows: "pd.Series | np.ndarray",
        column: "str | pd.Series | np.ndarray",
        reason: "str | pd.Series | np.ndarray",
        old: "str | pd.Series | np.ndarray | None" = None,
        new: "str | pd.Series | np.ndarray | None" = None,
    ) -> None:
        """Record what happened to cells; `rows` are values of the table's column `row`, the rest one value or one per row."""
        rows = np.asarray(rows)
        if not len(rows):
            return
        noted = pd.DataFrame(
            {
                "rule": rule,
                "action": action,
                "table": table,
                "row": rows.astype("int64"),
                "column": _texts(column, len(rows)),
                "old": self._shown(_texts(old, len(rows))),
                "new": self._shown(_texts(new, len(rows))),
                "reason": _texts(reason, len(rows)),
            }
        )
        if action == "query" and self._confirmed:
            cells = zip(noted["column"], noted["row"], strict=True)
            noted = noted[[row not in self.confirmed(table, source) for source, row in cells]]
        self._parts.append(noted)

    def _shown(self, texts: pd.Series) -> pd.Series:
        """Cells as they may be copied: numbers, words for missing and listed names; of other text its length alone."""
        shown = {text: shown_text(str(text), self._listed) for text in texts.dropna().unique()}
        return texts.map(shown).astype("str")

    def take_out(
        self,
        rule: str,
        frame: pd.DataFrame,
        table: str,
        mask: "pd.Series | np.ndarray",
        reason: "str | pd.Series | np.ndarray",
        action: str = "quarantined",
    ) -> pd.DataFrame:
        """Record rows as quarantined or dropped and return the frame without them."""
        mask = np.asarray(mask, dtype=bool)
        if not mask.any():
            return frame
        if not isinstance(reason, str):
            reason = np.asarray(reason, dtype=object)[mask]
        self.note(rule, action, table, frame["row"].to_numpy()[mask], WHOLE_ROW, reason)
        return frame[~mask]

    def taken_out(self, table: str) -> pd.DataFrame:
        """Rule, action (quarantined or dropped) and reason of the rows of a table that were taken out, by row."""
        parts = [part[(part["table"] == table) & part["action"].isin(TAKEN_OUT)] for part in self._parts]
        empty = pd.DataFrame({"row": pd.Series(dtype="int64"), "rule": [], "action": [], "reason": []})
        parts = [part for part in parts if len(part)]
        return (pd.concat(parts) if parts else empty).set_index("row")[["rule", "action", "reason"]]

    def quiet(self) -> "Trail":
        """Give a trail that knows what this one knows and whose notes are thrown away."""
        other = copy(self)
        other._parts = []
        return other

    def confirm(self, table: str, rows: pd.Series, source: str) -> None:
        """Take it that a site has confirmed the cells of a column of the export: they are not queried again."""
        self._confirmed.setdefault((table, source), set()).update(rows)

    def confirmed(self, table: str, source: str) -> set[int]:
        """Rows whose cell in a column of the export a site has confirmed."""
        return self._confirmed.get((table, source), set())

    def rows(self, table: str) -> np.ndarray:
        """Rows of a table that anything was noted of."""
        noted = [part.loc[part["table"] == table, "row"] for part in self._parts]
        return pd.concat(noted).unique() if noted else np.array([], dtype="int64")

    def audit(self, whose: dict[str, pd.DataFrame]) -> pd.DataFrame:
        """Return everything noted as a table of the contract AUDIT.

        Parameters
        ----------
        whose : table -> new codes of patient and clinic, and the visit, by row.
        """
        columns = [c for c in AUDIT if c not in {"file", "sheet", "line", *WHOSE}]
        notes = pd.concat(self._parts, ignore_index=True) if self._parts else pd.DataFrame(columns=columns)
        parts = []
        for table, mine in notes.groupby("table", sort=False):
            place = self._places[str(table)].reindex(mine["row"].to_numpy())
            people = whose.get(str(table), pd.DataFrame()).reindex(index=mine["row"].to_numpy(), columns=WHOSE)
            parts.append(
                mine.assign(
                    file=place["file"].astype("str").to_numpy(),
                    sheet=place["sheet"].astype("str").to_numpy(),
                    line=place["line"].to_numpy(),
                    **{name: people[name].to_numpy() for name in WHOSE},
                )
            )
        whole = pd.concat(parts) if parts else notes.assign(file="", sheet="", line=0, **dict.fromkeys(WHOSE))
        whole = whole.sort_values(["table", "row", "column", "rule"], kind="stable")
        return check(whole.reset_index(drop=True), AUDIT, "audit")

    def quarantine(self) -> pd.DataFrame:
        """Return the rows taken out as a table of the contract QUARANTINE, one row each."""
        taken = [part[part["action"].isin(TAKEN_OUT)] for part in self._parts]
        taken = [part for part in taken if len(part)]
        columns = list(QUARANTINE)
        rows = pd.concat(taken)[columns] if taken else pd.DataFrame(columns=columns)
        return check(rows.sort_values(["table", "row"]).reset_index(drop=True), QUARANTINE, "quarantine")


def shown_text(text: str, listed: Iterable[str] = frozenset()) -> str:
    """Write a cell as it may be copied.

    Parameters
    ----------
    text : the cell.
    listed : names that may be shown, in lower case without spaces and marks.

    Returns
    -------
    A number (with a usual unit beside it), a word for missing, a listed name and what is hidden already as they are; else
    '(text of 14 characters)', or '(number of 9 digits)' for one that no measure has.
    """
    if text in {"", HIDDEN} or text.lower() in MISSING_WORDS or HIDDEN_TEXT.fullmatch(text) or _bare(text) in listed:
        return text
    digits = re.sub(r"\D", "", text)
    if re.fullmatch(r"[-+]?\d+([.,]0*)?", text) and len(digits) > DIGITS:
        return f"(number of {len(digits)} digits)"
    if re.search(rf"(?<![.,\d])\d{{{DIGITS + 1},}}", text) or ("/" in text and len(digits) > DIGITS):
        return hidden_text(text)
    beside = re.findall(r"[^\W\d_][^\s\d]*|[%°]", text.lower())
    words = {word.rstrip(".²") for word in beside} - {"e", "to", "of", "out", "ca", "approx", "about"}
    if np.isfinite(read_number(text)[0]) and words <= BESIDE:
        return text
    return text if text.startswith("#") and len(text) < 12 and text.endswith(("!", "?", "A")) else hidden_text(text)


def hidden_text(text: str) -> str:
    """Say of a cell's text nothing but its length."""
    return f"(text of {len(text)} character{'' if len(text) == 1 else 's'})"


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", str(text).casefold())


def _texts(values: object, length: int) -> "pd.Series":
    """One text per row; numbers in their shortest form."""
    if values is None or isinstance(values, str):
        return pd.Series([values] * length, dtype="str")
    array = np.asarray(values)
    if array.dtype.kind in "if":
        return pd.Series([None if not np.isfinite(v) else f"{v:.10g}" for v in array], dtype="str")
    return pd.Series(array, dtype="object").astype("str").where(pd.notna(array))
