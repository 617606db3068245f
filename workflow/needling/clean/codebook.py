"""The codebook: what every column of every processed table holds."""

import html
import re
from pathlib import Path
from typing import Any

import pandas as pd

from needling.clean.people import OLDEST
from needling.clean.workbook import CREATED, _table_sheet
from needling.instruments.definition import definitions
from needling.schema.contract import Contract, check
from needling.schema.frames import FRAME, SCORES
from needling.schema.intake import CLEAN, CODEBOOK
from needling.study.keys import words
from needling.study.plan import Study
from needling.study.sources import Column

CONTRACTS: dict[str, Contract] = {**CLEAN, "scores": SCORES, "frame": FRAME}
HEADS = {
    "table": "Table",
    "name": "Name",
    "label": "Label",
    "unit": "Unit",
    "levels": "Values",
    "instrument": "Instrument",
    "source": "Columns of the export",
    "missing": "Missing",
}
MOST_LEVELS = 30


def codebook(tables: dict[str, pd.DataFrame], sources: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Describe every column of every processed table.

    Parameters
    ----------
    tables : clean tables, scores and frame by name; outcomes and scores need visits beside them.
    sources : table of the contract ACCOUNT["sources"].
    study : sections patients, visits, instruments, events.

    Returns
    -------
    Table of the contract CODEBOOK: one row per column, and for values also one per instrument: table, name, label, unit, levels
    (names of a category with the export's codes, or the range that the plan or the instrument allows), instrument, source
    (columns of the export), rows and how many of them are missing (for an instrument of outcomes and scores: visits, and those
    without a usable value).
    """
    rows: list[tuple[object, ...]] = []
    for table, frame in tables.items():
        for name in frame.columns:
            rows.append(_column(table, str(name), frame[name], sources, study))
        if "instrument" in frame.columns and "value" in frame.columns:
            rows += _instruments(table, frame, tables.get("visits"), sources, study)
    return check(pd.DataFrame(rows, columns=list(CODEBOOK)), CODEBOOK, "codebook")


def _column(table: str, name: str, values: pd.Series, sources: pd.DataFrame, study: Study) -> tuple[object, ...]:
    known = CONTRACTS.get(table, CLEAN["sessions"]).get(name)
    settings = _settings(table, name, study)
    read = {"day": "date", "visit": "planned"}.get(name, name) if table != "frame" else name
    mine = sources[(sources["table"] == table) & (sources["column"] == read)]
    dictionary = str(mine["label"].iloc[0]) if len(mine) and isinstance(mine["label"].iloc[0], str) else ""
    label = (settings.label if settings else None) or (known.label if known else "") or dictionary or words(name)
    unit = (settings.unit if settings else None) or (known.unit if known else "") or ""
    levels = _levels(name, values, settings) or _planned(table, name, study) or _kind(name, values)
    return table, name, label, unit, levels, "", ", ".join(mine["source"]), len(values), int(values.isna().sum())


def _settings(table: str, name: str, study: Study) -> Column | None:
    """What the study file says about a column."""
    if table in {"patients", "frame"}:
        named = {"cohort": study.patients.cohort, "arm": study.patients.arm}
        return named.get(name) or study.patients.covariates.get(name)
    event = getattr(study.events, table, None)
    return event.typed_columns.get(name) if event else None


def _levels(name: str, values: pd.Series, settings: Column | None) -> str:
    """Names of a category as the plan has them (never as the data do: a free text must not come through here), or a range."""
    if settings is not None and settings.codes:
        return _first([_with_codes(level, settings.codes) for level in dict.fromkeys(settings.codes.values())])
    limits = settings.range if settings is not None else None
    is_age = bool(re.match(r"age($|_)", name)) and pd.api.types.is_numeric_dtype(values.dtype)
    if is_age and (limits is None or limits[1] >= OLDEST):
        return f"{f'{limits[0]:g}' if limits else 'up'} to {OLDEST} ({OLDEST} stands for {OLDEST} and over)"
    return f"{limits[0]:g} to {limits[1]:g}" if limits else ""


def _with_codes(level: str, codes: dict[Any, str]) -> str:
    """Name a level with the codes that the export has for it, where they are other words."""
    others = [str(code) for code, name in codes.items() if name == level and str(code) != level]
    return f"{level} ({', '.join(others)})" if others else level


def _planned(table: str, name: str, study: Study) -> str:
    """Values of the columns that the project makes itself."""
    if name == "visit" and table in {"visits", "frame"}:
        return _first([*study.visits.schedule, *(["unscheduled"] if table == "visits" else [])])
    if name == "instrument":
        return _first(list(study.instruments))
    return "item number or total" if name == "item" else ""


def _first(names: list[str]) -> str:
    return ", ".join(names[:MOST_LEVELS]) + (", ..." if len(names) > MOST_LEVELS else "")


def _kind(name: str, values: pd.Series) -> str:
    if name in {"patient", "clinic", "therapist"}:
        return "codes"
    if values.dtype == "boolean":
        return "true, false"
    return "numbers" if pd.api.types.is_numeric_dtype(values.dtype) else "text"


def _instruments(
    table: str, frame: pd.DataFrame, visits: pd.DataFrame | None, sources: pd.DataFrame, study: Study
) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for name, one in definitions(study.instruments).items():
        mine = frame[frame["instrument"] == name]
        if not len(mine):
            continue
        from_columns = sources[(sources["table"] == "outcomes") & sources["column"].str.match(rf"{name}:(\d+|total)$")]
        listed = list(dict.fromkeys(from_columns["source"]))
        source = ", ".join(listed) if len(listed) <= 3 else f"{listed[0]} ... {listed[-1]} ({len(listed)} columns)"
        levels = f"{one.low:g} to {one.high:g}, {one.better} is better"
        if one.bands:
            whence = one.bands.source or "unverified"
            levels += f"; bands up to {', '.join(f'{limit:g}' for limit in one.bands.limits)} ({whence})"
        levels += f"; unverified: {', '.join(one.unverified)}" if one.unverified else ""
        rows.append((table, "value", one.label, one.unit, levels, name, source, *_without_value(mine, visits)))
    return rows


def _without_value(mine: pd.DataFrame, visits: pd.DataFrame | None) -> tuple[int, int]:
    """Visits, and those without a usable value of an instrument: a questionnaire that is wholly blank has no rows."""
    if visits is None or "visit_row" not in mine.columns:
        return len(mine), int(mine["value"].isna().sum())
    there = visits["row"].isin(mine.loc[mine["value"].notna(), "visit_row"])
    return len(there), int((~there).sum())


def _missing(book: pd.DataFrame) -> list[str]:
    """Put the shares of missing values into words."""
    said = []
    for n, lost in zip(book["rows"], book["missing"], strict=True):
        percent = 100 * lost / n if n else 0.0
        few = "under 1 %" if 0 < percent < 1 else "over 99 %" if 99 < percent < 100 else f"{percent:.0f} %"
        said.append("no rows" if n == 0 else "no value" if lost == n else few)
    return said


def write_codebook(book: pd.DataFrame, page: str | Path, workbook: str | Path, study: Study) -> None:
    """Write the codebook as an HTML page without any link to elsewhere, and as a workbook.

    Parameters
    ----------
    book : what `codebook` gave.
    page, workbook : paths (.html, .xlsx).
    study : sections title and made_up.
    """
    import xlsxwriter

    title = f"Codebook of {study.title}"
    book = book.assign(missing=_missing(book)).drop(columns="rows")
    for path in map(Path, (page, workbook)):
        path.parent.mkdir(parents=True, exist_ok=True)
    Path(page).write_text(_page(book, title, study.made_up), encoding="utf-8", newline="\n")
    with xlsxwriter.Workbook(workbook, {"strings_to_formulas": False, "strings_to_urls": False}) as file:
        file.set_properties({"title": title, "created": CREATED})
        look = {
            "head": file.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
            "text": file.add_format({"text_wrap": True, "valign": "top"}),
        }
        _table_sheet(file, look, "Codebook", book.rename(columns=HEADS))


def _page(book: pd.DataFrame, title: str, made_up: bool) -> str:
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        f"<title>{html.escape(title)}</title>\n<style>\n",
        "body{font:16px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1a1a1a}\n",
        "table{border-collapse:collapse;width:100%;font-size:.9rem;margin-bottom:2rem}\n",
        "th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #ddd}\n",
        "th{border-bottom:2px solid #444}\ntd:first-child{font-family:ui-monospace,monospace;white-space:nowrap}\n",
        f"</style>\n</head>\n<body>\n<h1>{html.escape(title)}</h1>\n",
        "<p>Made-up data: no person is described.</p>\n" if made_up else "",
        "<p>Every column of the processed tables. Codes of people and clinics are random; days count from day 0.</p>\n",
    ]
    heads = [column for column in HEADS if column != "table"]
    for table, mine in book.groupby("table", sort=False):
        parts.append(f"<h2>{html.escape(str(table).replace('_', ' ').capitalize())}</h2>\n<table>\n<thead><tr>")
        parts += [f'<th scope="col">{html.escape(HEADS[column])}</th>' for column in heads]
        parts.append("</tr></thead>\n<tbody>\n")
        for row in mine[heads].itertuples(index=False):
            parts.append("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>\n")
        parts.append("</tbody>\n</table>\n")
    return "".join([*parts, "</body>\n</html>\n"])
