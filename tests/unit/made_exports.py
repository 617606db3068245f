"""Small exports and plans that several tests of reading share."""

from needling.read.canonical import to_canonical
from needling.read.export import read_export
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
