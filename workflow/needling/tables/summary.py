"""The few lines that a finished run prints: where the report is, and the primary contrasts."""

from pathlib import Path

import pandas as pd

from needling.schema import read_table
from needling.study.keys import StudyError
from needling.study.plan import Study
from needling.tables.format import format_estimate, format_interval, format_p
from needling.tables.words import contrast_label, effect_word, in_sentence, measure, unit_of_difference


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
    heading = f"{study.title}\n{effect_word(study).capitalize()} at {in_sentence(study.primary_label)}"
    made_up = [] if not study.made_up else ["The data are made up: the numbers say nothing about dry needling."]
    return [heading, *(_line(row, study) for _, row in rows.iterrows()), *made_up, f"Report: {folder / 'report.html'}"]


def _line(row: pd.Series, study: Study) -> str:
    place = f"{study.cohorts[row['cohort']].label}, {in_sentence(study.outcome_label(row['outcome']))}"
    compared = contrast_label(study, str(row["contrast"]))
    if pd.isna(row["estimate"]):
        return f"  {place} ({compared}): not shown ({row['note']})"
    number = format_estimate(row["estimate"], row["low"], row["high"])
    unit = unit_of_difference(measure(study, row["cohort"], row["outcome"]).unit)
    interval = format_interval(row["low"], row["high"], row["level"])
    adjusted = f", adjusted {format_p(row['p_adjusted'])}" if pd.notna(row["p_adjusted"]) else ""
    return f"  {place} ({compared}): {number} {unit} ({interval}), {format_p(row['p'])}{adjusted}"
