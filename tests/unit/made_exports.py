"""Small exports and plans that several tests of reading and of the gate share."""

import numpy as np
import pandas as pd

from needling.privacy.gate import scan
from needling.read.canonical import mapped_columns, to_canonical
from needling.read.export import read_export
from needling.read.raw import RawExport, Sheet
from needling.study.file import part
from needling.study.plan import Study

SCHEDULE = {"baseline": {"label": "Baseline", "week": 0}, "week_4": {"label": "Week 4", "week": 4}}


def plan(export=None, patients=None, visits=None, instruments=None, events=None, privacy=None) -> Study:
    """The sections of a study file that reading needs; what is not given is the shortest that is allowed."""
    return part(
        {
            "export": {"format": "csv", "records": "records.csv"} | (export or {}),
            "patients": {"id": "id"} | (patients or {}),
            "visits": {"schedule": SCHEDULE, "primary": "week_4"} | (visits or {}),
            "instruments": instruments or {},
            "events": events or {},
            "privacy": privacy or {},
        }
    )


def tables(folder, text, study):
    """Write a CSV export, read it, and map it."""
    (folder / "records.csv").write_text(text, encoding="utf-8")
    return to_canonical(read_export(study.export, folder), study)


def rows(table, *columns):
    """Rows of a table as tuples, None where a cell is missing."""
    picked = table[list(columns)].astype(object)
    return [tuple(row) for row in picked.where(picked.notna(), None).itertuples(index=False)]


def export(columns, variables=None, properties=None, file="records.csv", sheet=""):
    """An export that has been read: patients by number, and these columns."""
    frame = pd.DataFrame({"id": [str(n) for n in range(len(next(iter(columns.values()))))]} | columns, dtype="str")
    lines = np.arange(2, len(frame) + 2)
    return RawExport([Sheet(file, sheet, frame, lines)], variables or {}, properties or {})


def declared(raw, **sections):
    """A study that names every column of an export; those that `sections` leave out are totals of instruments."""
    named = mapped_columns(plan(**sections))
    rest = [column for column in raw.columns if column not in named]
    totals = {f"x{number}": {"total": column} for number, column in enumerate(rest)}
    return plan(**sections | {"instruments": sections.get("instruments", {}) | totals})


def kinds(raw, **sections):
    """What the gate finds in an export of which every column is named: (column, kind)."""
    found = scan(raw, declared(raw, **sections))
    return set(zip(found["column"], found["kind"], strict=True))
