"""The few lines that a finished run prints: where the report is, and the primary contrasts."""

from pathlib import Path

import pandas as pd

from needling.schema import read_table
from needling.study import Study, StudyError
from needling.tables.format import format_estimate, format_interval, format_p

WORDING = {"randomised": "effect", "cohort": "association", "single_arm": "course"}


def primary_lines(study: Study, folder: Path) -> list[str]:
    """Say where the report is and give one line per primary contrast.

    Parameters
    ----------
    study : the study file.
    folder : the study's folder under reports.

    Returns
    -------
    Lines of text; an estimate that failed is a line that says so.

    Raises
    ------
    StudyError : there are no results yet.
    """
    path = folder / "results" / f"{study.primary}.csv"
    if not path.exists():
        raise StudyError(f"{path}: there are no results yet; run ./run --study {study.study} first.")
    results = read_table(path)
    term = "course" if study.design == "single_arm" else "effect"
    rows = results[(results["term"] == term) & (results["visit"] == study.visits.primary)]
    heading = f"{study.title}: {WORDING[study.design]} at {study.primary_label}"
    made_up = [] if not study.made_up else ["(made-up data: the numbers say nothing about dry needling)"]
    return [heading, *made_up, *(_line(row, study) for _, row in rows.iterrows()), f"Report: {folder / 'report.html'}"]


def _line(row: pd.Series, study: Study) -> str:
    place = f"{study.cohorts[row['cohort']].label}, {study.outcome_label(row['outcome']).lower()}"
    compared = _compared(str(row["contrast"]), study)
    if pd.isna(row["estimate"]):
        return f"  {place}, {compared}: not estimated ({row['note']})"
    digits = {"estimate": row["estimate"], "low": row["low"], "high": row["high"]}
    number = format_estimate(digits["estimate"], digits["low"], digits["high"])
    adjusted = f", {format_p(row['p_adjusted'])} adjusted" if pd.notna(row["p_adjusted"]) else ""
    interval = format_interval(digits["low"], digits["high"], row["level"])
    return f"  {place}, {compared}: {number} {row['scale']} ({interval}), {format_p(row['p'])}{adjusted}"


def _compared(contrast: str, study: Study) -> str:
    first, separator, second = contrast.partition(" - ")
    label = study.visit_label if study.design == "single_arm" else study.arm_label
    return f"{label(first)} minus {label(second).lower()}" if separator else label(first)
