"""The few lines that a finished run prints: where the report is, and the primary comparisons."""

from pathlib import Path
from typing import Any

import pandas as pd

from needling.labels.numbers import format_estimate, format_interval, format_p
from needling.labels.sentences import in_sentence, sentence
from needling.labels.words import Labels
from needling.schema.stored import read_table
from needling.study.keys import StudyError
from needling.study.plan import Study
from needling.tables.select import primary


def primary_lines(study: Study, released: Path, report: Path) -> list[str]:
    """Say where the report is and give one line per primary comparison.

    Parameters
    ----------
    study : the study file.
    released : folder with the released tables.
    report : path of the report's page.

    Returns
    -------
    Lines of text; an estimate that failed is a line that says so.

    Raises
    ------
    StudyError : there are no results yet.
    """
    path = released / "results.parquet"
    if not path.exists():
        raise StudyError(f"{path}: there are no results yet; run ./run --study {study.study} first.")
    labels = Labels(study)
    rows = primary({"results": read_table(path)})
    heading = f"{labels.title}\n{sentence(labels.noun)} at {in_sentence(labels.visit(study.visits.primary))}"
    made_up = [] if not study.made_up else ["The data are made up: the numbers say nothing about dry needling."]
    lines = [_line(row, labels, len(rows) == 1) for row in rows.to_dict("records")]
    return [heading, *lines, *made_up, f"Report: {report}"]


def _line(row: dict[Any, Any], labels: Labels, alone: bool) -> str:
    """One comparison; one of several that is in no family explores, and has no P."""
    place = f"{labels.cohort(row['cohort'])}, {in_sentence(labels.outcome(row['outcome'], row['site']))}"
    compared = labels.compared(row) or labels.visit(row["visit"])
    if pd.isna(row["estimate"]):
        return f"  {place} ({compared}): not shown ({row['note'] or row['hidden']})"
    number = format_estimate(row["estimate"], row["low"], row["high"])
    interval = format_interval(row["low"], row["high"], row["level"])
    adjusted = pd.notna(row["p_adjusted"])
    ps = f", {format_p(row['p'])}" if alone or adjusted else ""
    ps += f", adjusted {format_p(row['p_adjusted'])}" if adjusted else ""
    return f"  {place} ({compared}): {number} {row['unit']} ({interval}){ps}"
