"""A small export as the reader gives it, for the tests of cleaning: every test changes a cell or two."""

import json

import pandas as pd

from needling.clean.cleaning import Cleaned, clean
from needling.study.file import part

PATIENTS = 24
ARMS = {"1": "usual_care", "2": "dry_needling"}
PLAN = {
    "design": "randomised",
    "patients": {
        "id": "id",
        "clinic": "site",
        "day_0": "randomised_on",
        "arm": {"from": "arm", "codes": {1: "usual_care", 2: "dry_needling"}, "reference": "usual_care"},
        "cohort": {"from": "cohort", "codes": {1: "neck", 2: "back"}},
        "covariates": {
            "age": {"from": "age", "range": [18, 110], "usual": [18, 80]},
            "sex": {"from": "sex", "codes": {1: "female", 2: "male"}},
            "affected_side": {"from": "side", "codes": {1: "left", 2: "right"}},
        },
    },
    "visits": {
        "date": "visit_date",
        "therapist": "therapist",
        "planned": {"from": "event", "codes": {"v0": "baseline", "v1": "week_4"}},
        "schedule": {
            "baseline": {"label": "Baseline", "days": [-28, 0], "week": 0},
            "week_4": {"label": "Week 4", "days": [22, 42]},
        },
        "primary": "week_4",
    },
    "instruments": {
        "nprs": {"total": "nprs"},
        "ndi": {"items": "ndi_1 .. ndi_10", "total": "ndi_total"},
        "ppt": {"items": "ppt_1 .. ppt_3", "unit_column": "ppt_unit"},
    },
    "events": {
        "sessions": {
            "columns": {"session": "session", "date": "session_date", "pain_before": "pain_before"},
        },
        "needling": {
            "columns": {
                "session": "n_session",
                "muscle": "muscle",
                "side": {"from": "n_side", "codes": {1: "left", 2: "right"}},
            }
        },
        "status": {"columns": {"date": "stop_date", "reason": "stop_reason"}},
    },
    "cohorts": {
        "neck": {"label": "Neck", "outcomes": {"pain": "nprs", "function": "ndi"}},
        "back": {"label": "Back", "outcomes": {"pain": "nprs", "function": "ndi"}},
    },
    "cleaning": {},
}


def plan(**changes):
    """The study's sections, some of them changed."""
    return part({"export": {"format": "csv", "records": "export.csv"}, **PLAN, **changes})


class OwnCodes:
    """New codes that can be read: the kind's letter before the export's code."""

    def codes(self, kind: str, ids) -> dict[str, str]:
        return {one: f"{kind[0]}.{one}" for one in ids}


def _placed(rows: list[dict], first_line: int) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    table.insert(0, "row", range(len(table)))
    table.insert(1, "file", "export.csv")
    table.insert(2, "sheet", "")
    table.insert(3, "line", range(first_line, first_line + len(table)))
    texts = {name: "str" for name in table.columns if name not in {"row", "line", "visit_row"}}
    return table.astype(texts)


def tables() -> dict[str, pd.DataFrame]:
    """Read tables of 24 patients in two clinics and arms, two visits and two sessions each, without any dirt."""
    patients, visits, outcomes, sessions, needling = [], [], [], [], []
    for number in range(PATIENTS):
        code, arm = f"P-{number + 1:03d}", "12"[number // 2 % 2]
        patients.append(
            {
                "patient": code,
                "clinic": "ab"[number % 2],
                "cohort": "12"[number // 12],
                "arm": arm,
                "day_0": "2024-03-15",
                "age": str(30 + number),
                "sex": "12"[number // 3 % 2],
                "affected_side": "1",
            }
        )
        for place, (event, date) in enumerate((("v0", "2024-03-10"), ("v1", "2024-04-13"))):
            visits.append(
                {"patient": code, "planned": event, "date": date, "therapist": f"T{number % 4}", "clinic": None}
            )
            outcomes += _answers(len(visits) - 1, 5 + number % 4 - 2 * place)
        for session, date in enumerate(("2024-03-20", "2024-03-27"), start=1):
            sessions.append(
                {"patient": code, "session": str(session), "date": date, "pain_before": str(3 + number % 5)}
            )
            if arm == "2":
                needling.append({"patient": code, "session": str(session), "muscle": "trapezius", "side": "1"})
    status = [{"patient": "P-001", "date": "2024-06-01", "reason": "moved"}]
    found = {
        "patients": _placed(patients, 2),
        "visits": _placed(visits, 100),
        "outcomes": _placed(outcomes, 0),
        "sessions": _placed(sessions, 300),
        "needling": _placed(needling, 400),
        "status": _placed(status, 500),
    }
    found["outcomes"]["line"] = 100 + found["outcomes"]["visit_row"]
    return found | {"sources": _sources(found)}


def _answers(visit_row: int, severity: int) -> list[dict]:
    """One pain rating, ten items and their total, three trials with their unit."""
    items = [min(5, max(0, severity // 2 + (place + visit_row) % 3 - 1)) for place in range(10)]
    cells = [("nprs", "nprs", "total", str(severity), None)]
    cells += [(f"ndi_{n}", "ndi", str(n), str(value), None) for n, value in enumerate(items, 1)]
    cells.append(("ndi_total", "ndi", "total", str(2 * sum(items)), None))
    cells += [(f"ppt_{n}", "ppt", str(n), str(283 - 11 * severity + 3 * n), "kPa") for n in (1, 2, 3)]
    keys = ("column", "instrument", "item", "value", "unit")
    return [{"visit_row": visit_row, **dict(zip(keys, cell, strict=True)), "missing_reason": None} for cell in cells]


def _sources(found: dict[str, pd.DataFrame]) -> pd.DataFrame:
    own = {
        ("patients", "patient"): "id",
        ("patients", "clinic"): "site",
        ("patients", "day_0"): "randomised_on",
        ("patients", "affected_side"): "side",
        ("visits", "planned"): "event",
        ("visits", "date"): "visit_date",
        ("visits", "patient"): "id",
        ("sessions", "date"): "session_date",
        ("sessions", "patient"): "id",
        ("needling", "side"): "n_side",
        ("needling", "session"): "n_session",
    }
    place = {"row", "file", "sheet", "line", "visit_row"}
    rows = [
        (table, column, own.get((table, column), column), None, None)
        for table, frame in found.items()
        if table != "outcomes"
        for column in frame.columns
        if column not in place and frame[column].notna().any()
    ]
    kinds = found["outcomes"][["instrument", "item", "column"]].drop_duplicates()
    rows += [
        ("outcomes", f"{instrument}:{item}", column, None, None)
        for instrument, item, column in kinds.itertuples(index=False)
    ]
    rows.append(("outcomes", "ppt:unit", "ppt_unit", None, None))
    frame = pd.DataFrame(rows, columns=["table", "column", "source", "label", "choices"]).astype("str")
    return frame.assign(lowest=pd.Series(pd.NA, index=frame.index, dtype="str"))


def with_choices(found: dict[str, pd.DataFrame], table: str, column: str, choices: dict[str, str]) -> None:
    """Give a column a dictionary."""
    mine = (found["sources"]["table"] == table) & (found["sources"]["column"] == column)
    found["sources"].loc[mine, "choices"] = json.dumps(choices)


def cleaned(found: dict[str, pd.DataFrame], **changes) -> Cleaned:
    """Clean, and hold every table to: rows in = rows kept + rows quarantined."""
    result = clean(found, plan(**changes), OwnCodes())
    for name, table in result.tables.items():
        out = result.quarantine[result.quarantine["table"] == name]["row"]
        assert sorted([*table["row"], *out]) == sorted(found[name]["row"]), name
    return result


def notes(result: Cleaned, rule: str) -> list[tuple]:
    """What a rule noted: action, table, line, column."""
    mine = result.audit[result.audit["rule"] == rule]
    return [tuple(row) for row in mine[["action", "table", "line", "column"]].itertuples(index=False)]


def outcome(found: dict, visit_row: int, instrument: str, item: str = "total") -> pd.Series:
    """Where the read outcomes hold an item, or the total, of an instrument at a visit."""
    table = found["outcomes"]
    return (table["visit_row"] == visit_row) & (table["instrument"] == instrument) & (table["item"] == item)


def value(result, found: dict, visit_row: int, instrument: str, item: str = "total") -> float:
    """Clean value of that cell."""
    row = found["outcomes"].loc[outcome(found, visit_row, instrument, item), "row"].iloc[0]
    table = result.tables["outcomes"]
    return table.loc[table["row"] == row, "value"].iloc[0]
