"""The audit trail: every change, flag and query with its place in the export, and the rows taken out."""

import json
from collections.abc import Iterable
from copy import copy

import numpy as np
import pandas as pd

from needling.clean.rules import Settings
from needling.schema import AUDIT, QUARANTINE, check

HIDDEN = "(hidden)"
WHOLE_ROW = "(whole row)"
WHOSE = ["patient", "visit", "clinic"]
TAKEN_OUT = {"quarantined", "dropped"}


class Trail:
    """Collects what the rules did; knows the place of every row of the read tables.

    Parameters
    ----------
    tables : the read tables, with `sources`.
    settings : which rules run.
    coded : canonical columns that hold codes of people or places; their values are never shown.
    """

    def __init__(self, tables: dict[str, pd.DataFrame], settings: Settings, coded: Iterable[str] = ()) -> None:
        """Begin an empty trail."""
        self.settings = settings
        self.coded = frozenset(coded)
        self._places = {
            name: table[["row", "file", "sheet", "line"]].set_index("row")
            for name, table in tables.items()
            if "line" in table.columns
        }
        self._parts: list[pd.DataFrame] = []
        self._confirmed: dict[tuple[str, str], set[int]] = {}
        sources = tables.get("sources", pd.DataFrame(columns=["table", "column", "source", "label", "choices"]))
        self._sources = {(t, c): str(s) for t, c, s in sources[["table", "column", "source"]].itertuples(index=False)}
        self._choices = {
            (table, column): json.loads(text)
            for table, column, text in sources[["table", "column", "choices"]].itertuples(index=False)
            if isinstance(text, str) and text
        }
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

    def source(self, table: str, column: str) -> str:
        """Name in the export of a canonical column."""
        return self._sources.get((table, column), column)

    def has_source(self, table: str, column: str) -> bool:
        """Whether the export has the column itself (a visit's clinic may be the patient's)."""
        return (table, column) in self._sources

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
                "old": _texts(old, len(rows)),
                "new": _texts(new, len(rows)),
                "reason": _texts(reason, len(rows)),
            }
        )
        if action == "query" and self._confirmed:
            cells = zip(noted["column"], noted["row"], strict=True)
            noted = noted[[row not in self.confirmed(table, source) for source, row in cells]]
        self._parts.append(noted)

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


def _texts(values: object, length: int) -> "pd.Series":
    """One text per row; numbers in their shortest form."""
    if values is None or isinstance(values, str):
        return pd.Series([values] * length, dtype="str")
    array = np.asarray(values)
    if array.dtype.kind in "if":
        return pd.Series([None if not np.isfinite(v) else f"{v:.10g}" for v in array], dtype="str")
    return pd.Series(array, dtype="object").astype("str").where(pd.notna(array))
