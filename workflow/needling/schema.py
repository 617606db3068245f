"""Column contracts of every table that passes from one stage to the next.

A contract is a dictionary column -> `Field`; `check` holds a table to it, so that a stage that breaks its promise stops
with the table and the column named. Tables go to disk with `write_table` and come back with `read_table`, the one place
that decides how a file is written: sorted as given, no clock, ten significant digits.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SIGNIFICANT_DIGITS = 10
KINDS: dict[str, Any] = {"text": "str", "level": "category", "number": "float64", "whole": "int64", "truth": "boolean"}


@dataclass(frozen=True)
class Field:
    """What one column holds: its kind, whether it may be empty, its label and unit.

    Kinds are text, level (text of which millions of rows share few, held as categories), number, whole and truth.
    """

    kind: str
    label: str
    empty: bool = False
    unit: str = ""


Contract = dict[str, Field]


def _text(label: str, empty: bool = False) -> Field:
    return Field("text", label, empty)


def _level(label: str, empty: bool = False) -> Field:
    return Field("level", label, empty)


def _number(label: str, unit: str = "", empty: bool = True) -> Field:
    return Field("number", label, empty, unit)


def _whole(label: str, unit: str = "", empty: bool = False) -> Field:
    return Field("whole", label, empty, unit)


# ---------------------------------------------------------------- canonical tables as read: everything is still text
# `row` numbers the rows of a canonical table from 0; file, sheet and line say where each came from. A blank is missing.
# `place` columns are dropped by cleaning (another file format gives the same clean table); `row` stays.

PLACE: Contract = {
    "row": _whole("Row of this table"),
    "file": _level("File of the export"),
    "sheet": _level("Sheet of the workbook"),
    "line": _whole("Line or row in the file, as a text editor or spreadsheet counts"),
}

READ: dict[str, Contract] = {
    "patients": PLACE
    | {
        "patient": _text("Patient's code in the export", True),
        "clinic": _text("Clinic", True),
        "cohort": _text("Cohort code", True),
        "arm": _text("Arm code", True),
        "day_0": _text("Date of day 0", True),
        # then `excluded`, where the study file says why some were screened and not enrolled, and one column per covariate
    },
    "visits": PLACE
    | {
        "patient": _text("Patient's code in the export", True),
        "planned": _text("Name of the visit in the export", True),
        "date": _text("Date of the visit", True),
        "therapist": _text("Therapist", True),
        "clinic": _text("Clinic", True),
    },
    # One row per value. `visit_row` is the `row` of the visit it belongs to in the visits table.
    "outcomes": PLACE
    | {
        "visit_row": _whole("Row of the visits table"),
        "column": _level("Column of the export"),
        "instrument": _level("Instrument"),
        "item": _level("Item number, or 'total'"),
        "value": _level("Value as exported", True),
        "unit": _level("Unit as exported", True),
        "missing_reason": _level("Reason given by the export for a missing value", True),
    },
    # sessions, needling, co_interventions, adverse_events, status: PLACE + patient + the study file's columns
}

# What the reader says about those tables: beside them in every study.
ACCOUNT: dict[str, Contract] = {
    # facts of a patient on later lines that differ from the one taken; `row` only numbers them
    "patient_conflicts": PLACE
    | {
        "patient": _text("Patient's code in the export"),
        "column": _text("Canonical column"),
        "source": _text("Column of the export"),
        "value": _text("Value on the later line"),
        "taken": _text("Value taken", True),
    },
    # blank cells of all tables but outcomes (which have a column for it) that the export's format declares missing
    "declared_missing": {
        "table": _text("Canonical table"),
        "column": _text("Canonical column"),
        "row": _whole("Row of that table"),
        "reason": _text("Reason that the export gives"),
    },
    # where each canonical column came from, for audit and codebook
    "sources": {
        "table": _text("Canonical table"),
        "column": _text("Canonical column"),
        "source": _text("Column of the export"),
        "label": _text("Label in the export's dictionary", True),
        "choices": _text("Choices in the dictionary, as JSON code -> label", True),
    },
    # filled cells that are in no table
    "unread": {
        "source": _text("Column of the export"),
        "cells": _whole("Filled cells"),
        "reason": _text("Why they were not read"),
        "looks_like": _text("Kind of identifier that name or dictionary make it look like", True),
    },
    # rows that hold the same as an earlier one in every column that is read, though not in all others
    "alike": PLACE | {"differs_in": _text("Columns that are not read and differ, as a JSON list")},
}

# ---------------------------------------------------------------- clean tables: typed, re-keyed, days instead of dates

CLEAN: dict[str, Contract] = {
    "patients": {
        "row": _whole("Row of the read table"),
        "patient": _text("Patient (new code)"),
        "clinic": _text("Clinic (new code)", True),
        "cohort": _text("Cohort", True),
        "arm": _text("Allocated arm", True),
        # and one column per covariate: a number, or text for a category
    },
    "visits": {
        "row": _whole("Row of the read table"),
        "patient": _text("Patient (new code)"),
        "visit": _text("Visit of the schedule, or 'unscheduled'"),
        "day": _number("Day from day 0", "days"),
        "therapist": _text("Therapist (new code)", True),
        "clinic": _text("Clinic (new code)", True),
        "before_treatment": Field("truth", "Before the first needling or on the same day", True),
    },
    "outcomes": {
        "row": _whole("Row of the read table"),
        "visit_row": _whole("Row of the visits table"),
        "instrument": _level("Instrument"),
        "item": _level("Item number, or 'total'"),
        "value": _number("Value"),
        "unit": _level("Unit"),
        "missing_reason": _level("Reason for a missing value", True),
    },
    "sessions": {
        "row": _whole("Row of the read table"),
        "patient": _text("Patient (new code)"),
        "session": _number("Number of the session"),
        "day": _number("Day from day 0", "days"),
        "therapist": _text("Therapist (new code)", True),
        "clinic": _text("Clinic (new code)", True),
    },
}

AUDIT: Contract = {
    "rule": _text("Rule"),
    "action": _text("What happened: corrected, missing, flagged, query, quarantined, dropped, mapped"),
    "table": _text("Canonical table"),
    "row": _whole("Row of the read table"),
    "file": _text("File"),
    "sheet": _text("Sheet"),
    "line": _whole("Line in the file"),
    "column": _text("Column of the export"),
    "old": _text("Value before (hidden where it could identify a person)", True),
    "new": _text("Value after", True),
    "reason": _text("Why, in words"),
    "patient": _text("Patient (new code)", True),
    "visit": _text("Visit of the schedule, or 'unscheduled'", True),
    "clinic": _text("Clinic (new code)", True),
}

# rows taken out of the clean tables: the audit rows with action quarantined or dropped, one per row
QUARANTINE: Contract = {
    "table": _text("Canonical table"),
    "row": _whole("Row of the read table"),
    "rule": _text("Rule"),
    "reason": _text("Why, in words"),
}

# Totals that the export states: the numbers of an instrument add up to `stated`.
TOTALS: Contract = {
    "instrument": _text("Instrument"),
    "label": _text("Label"),
    "stated": _whole("Totals that the export states"),
    "finding": _text("agreed, corrected, too_few_items, unreadable or set_aside"),
    "reason": _text("Why a total was corrected or cannot be read", True),
    "n": _whole("Totals"),
}

# ---------------------------------------------------------------- scored outcomes and the analysis frame

SCORES: Contract = {
    "visit_row": _whole("Row of the visits table"),
    "instrument": _text("Instrument"),
    "value": _number("Score", empty=False),
    "unit": _text("Unit of the score"),
    "answered": _number("Items answered"),
    "source": _text("items or total"),
}

# One row per patient x visit (of the schedule) x outcome that was measured.
FRAME: Contract = {
    "patient": _text("Patient"),
    "clinic": _text("Clinic", True),
    "therapist": _text("Therapist at the visit", True),
    "cohort": _text("Cohort"),
    "arm": _text("Arm", True),
    "outcome": _text("Outcome"),
    "instrument": _text("Instrument"),
    "unit": _text("Unit"),
    "better": _text("Direction of improvement: lower or higher"),
    "visit": _text("Visit"),
    "visit_number": _whole("Place of the visit in the schedule, baseline is 0"),
    "week": _number("Time from day 0", "weeks"),
    "value": _number("Value", empty=False),
    "baseline": _number("Value at baseline"),
    "change": _number("Change from baseline"),
    "improvement": _number("Change from baseline, positive is better"),
    # and one column per covariate
}

# Participant flow: counts of people, one row per stage and reason.
FLOW: Contract = {
    "cohort": _text("Cohort"),
    "arm": _text("Arm ('' before allocation)", True),
    "stage": _text("exported, excluded, enrolled, allocated, treated, followed, measured, analysed, left_out"),
    "visit": _text("Visit, where the stage has one", True),
    "outcome": _text("Outcome, where the stage has one", True),
    "reason": _text("Reason, where people leave", True),
    "n": _whole("People"),
}

# ---------------------------------------------------------------- results: every analysis writes this and only this
# term says what a row is:
#   effect       difference between an arm and the reference at a visit      contrast 'dry_needling - usual_care'
#   mean         marginal mean of an arm at a visit                          contrast: the arm ('' for a single arm)
#   course       single arm: change of the mean from baseline at a visit     contrast 'month_3 - baseline'
#   slope        difference in slope per week between arms (or the slope of a single arm)
#   interaction  does the effect depend on a covariate: per unit, or joint   contrast: the covariate
#   coefficient  a fixed effect, for the appendix                            contrast: its name in words
#   variance     a variance component, as a standard deviation or share      contrast: its name in words

RESULTS: Contract = {
    "analysis": _text("Analysis"),
    "estimand": _text("Estimand", True),
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "visit": _text("Visit", True),
    "term": _text("Term: effect, mean, interaction, slope, course, variance, coefficient"),
    "contrast": _text("What is compared, e.g. dry_needling - usual_care; for a mean the arm", True),
    "scale": _text("Scale of the estimate, in words"),
    "estimate": _number("Estimate"),
    "se": _number("Standard error"),
    "df": _number("Degrees of freedom"),
    "statistic": _number("Test statistic"),
    "p": _number("p"),
    "p_adjusted": _number("p adjusted within its family"),
    "low": _number("Lower confidence limit"),
    "high": _number("Upper confidence limit"),
    "level": _number("Confidence level"),
    "n_patients": _whole("Patients in the model"),
    "n_observations": _whole("Observations in the model"),
    "n_clusters": _number("Clusters in the model"),
    "method": _text("Model and estimation, in words"),
    "df_method": _text("Rule for the degrees of freedom", True),
    "weights": _text("Population averaged over", True),
    "status": _text("converged, singular, rank_deficient, failed, not_estimated"),
    "note": _text("Remark", True),
    "favours": _text("Arm that the estimate favours", True),
}

# Side tables of an analysis, already safe to publish: small groups are merged or left out.
FITTED: Contract = {
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "bin": _whole("Bin of the fitted value, from low to high"),
    "n": _whole("Residuals in the bin"),
    "fitted": _number("Mean fitted value in the bin"),
    "residual": _number("Mean scaled residual in the bin"),
    "low": _number("10th percentile of the scaled residuals in the bin"),
    "high": _number("90th percentile of the scaled residuals in the bin"),
}
QUANTILES: Contract = {
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "normal": _number("Quantile of the normal distribution"),
    "residual": _number("Quantile of the scaled residuals"),
    "n": _whole("Residuals"),
}
# Observed values per visit and arm, in bins of at least the smallest cell.
DISTRIBUTION: Contract = {
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "visit": _text("Visit"),
    "arm": _text("Arm", True),
    "n": _whole("Patients"),
    "mean": _number("Mean"),
    "sd": _number("Standard deviation"),
    "q10": _number("10th percentile"),
    "q25": _number("25th percentile"),
    "median": _number("Median"),
    "q75": _number("75th percentile"),
    "q90": _number("90th percentile"),
    "floor": _number("Share at the lowest possible score"),
    "ceiling": _number("Share at the highest possible score"),
}
# Baseline characteristics by cohort and arm: one row per number, or per level of a category.
BASELINE: Contract = {
    "cohort": _text("Cohort"),
    "arm": _text("Arm", True),
    "variable": _text("Covariate, or outcome at baseline"),
    "label": _text("Label"),
    "unit": _text("Unit", True),
    "level": _text("Level of a category", True),
    "n": _whole("Patients with a value"),
    "mean": _number("Mean"),
    "sd": _number("Standard deviation"),
    "median": _number("Median"),
    "q25": _number("25th percentile"),
    "q75": _number("75th percentile"),
    "count": _number("Patients at this level"),
    "percent": _number("Percent at this level", "%"),
    "standardised_difference": _number("Standardised difference from the reference arm"),
}
MISSINGNESS: Contract = {
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "visit": _text("Visit"),
    "arm": _text("Arm", True),
    "expected": _whole("Patients allocated"),
    "measured": _whole("Patients measured"),
}


def is_date(canonical: str) -> bool:
    """Tell by its name whether a covariate or event column holds dates: date, date_..., or ..._date."""
    return canonical == "date" or canonical.startswith("date_") or canonical.endswith("_date")


def check(table: "pd.DataFrame", contract: Contract, name: str) -> "pd.DataFrame":
    """Hold a table to its contract.

    Parameters
    ----------
    table : any frame.
    contract : the columns it must have; others may follow them.
    name : words for the message.

    Returns
    -------
    The table with the contract's columns first and typed (text as pandas' string dtype, levels as categories, numbers as
    float, whole numbers as 64-bit integers).

    Raises
    ------
    TypeError : a column is missing, of another kind, or empty where it may not be; the table and column are named.
    """
    missing = [column for column in contract if column not in table.columns]
    if missing:
        raise TypeError(f"table {name}: column(s) {', '.join(missing)} missing")
    typed = {}
    for column, field in contract.items():
        try:
            typed[column] = _of_kind(table[column], KINDS[field.kind])
        except (ValueError, TypeError) as error:
            raise TypeError(
                f"table {name}: column {column} does not hold {field.kind}s ({type(error).__name__})"
            ) from None
        if not field.empty and typed[column].isna().any():
            raise TypeError(f"table {name}: column {column} has empty cells, which its contract does not allow")
    others = [column for column in table.columns if column not in contract]
    return table[[*contract, *others]].assign(**typed)


def _of_kind(cells: "pd.Series", kind: Any) -> "pd.Series":
    return plain_text(cells) if kind == "str" else levels(cells) if kind == "category" else cells.astype(kind)


def plain_text(cells: "pd.Series") -> "pd.Series":
    """Give a column as plain text, without a detour over Python's objects where it holds categories, as there may be millions."""
    import pandas as pd

    if cells.dtype != "category":
        return cells.astype("str")
    texts = pd.Series([*cells.cat.categories, None], dtype="str")
    return texts.take(cells.cat.codes.to_numpy()).set_axis(cells.index)


def levels(cells: "pd.Series") -> "pd.Series":
    """Give a column of text as categories."""
    return cells if cells.dtype == "category" else cells.astype("str").astype("category")


def write_table(table: "pd.DataFrame", path: str | Path, contract: Contract | None = None) -> None:
    """Write a table as parquet or CSV by the path's ending, numbers rounded to ten significant digits.

    Parameters
    ----------
    table : the frame; its index is not written.
    path : ends in .parquet or .csv; its folder is made.
    contract : checked first, where given.
    """
    import pandas as pd

    path = Path(path)
    if contract is not None:
        table = check(table, contract, path.stem)
    path.parent.mkdir(parents=True, exist_ok=True)
    table = table.reset_index(drop=True).copy()
    for column in table.columns:
        if pd.api.types.is_float_dtype(table[column].dtype):
            table[column] = round_significant(table[column])
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False, lineterminator="\n", float_format=f"%.{SIGNIFICANT_DIGITS}g")


def round_significant(values: "pd.Series") -> "pd.Series":
    """Round to ten significant digits, so that another processor's last bits do not show."""
    import numpy as np
    import pandas as pd

    array = values.to_numpy(dtype=float, na_value=np.nan)
    finite = np.isfinite(array) & (array != 0)
    rounded = array.copy()
    magnitude = np.floor(np.log10(np.abs(array[finite])))
    scale = 10.0 ** (SIGNIFICANT_DIGITS - 1 - magnitude)
    rounded[finite] = np.round(array[finite] * scale) / scale
    return pd.Series(rounded, index=values.index, name=values.name)


def read_table(path: str | Path) -> "pd.DataFrame":
    """Read a table that `write_table` wrote (or a CSV of results)."""
    import pandas as pd

    path = Path(path)
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, keep_default_na=True)
