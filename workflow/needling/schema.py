"""Column contracts of every table that passes from one stage to the next.

A contract is a dictionary column -> `Field`; `check` holds a table to it, so that a stage that breaks its promise stops
with the table and the column named. Tables go to disk with `write_table` and come back with `read_table`, the one place
that decides how a file is written: sorted as given, no clock, ten significant digits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SIGNIFICANT_DIGITS = 10
# Numbers whose own size does not tell how many of their digits are right: a column of the same table that does, or a number.
RELATIVE_TO: dict[str, str | float] = {
    "estimate": "se",
    "low": "se",
    "high": "se",
    "statistic": 1.0,
    "difference": 1.0,
    "standardised_difference": 1.0,
    "residual": 1.0,
}
KINDS: dict[str, Any] = {
    "text": "str",
    "level": "category",
    "number": "float64",
    "whole": "int64",
    "count": "Int64",
    "boolean": "boolean",
}


@dataclass(frozen=True)
class Field:
    """What one column holds: its kind, whether it may be empty, its label and unit.

    Kinds are text, level (text of which millions of rows share few, held as categories), number, whole (an integer),
    count (an integer that may be unknown or hidden) and boolean.
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


def _count(label: str) -> Field:
    return Field("count", label, True)


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
        "lowest": _text("Lowest value that the dictionary accepts", True),
    },
    # filled cells that are in no table
    "unread": {
        "source": _text("Column of the export"),
        "cells": _whole("Filled cells"),
        "reason": _text("Why they were not read"),
        "looks_like": _text("Kind of identifier that name or dictionary make it look like", True),
    },
    # rows that are the same visit, patient or event as an earlier one but for columns that are not read; `row` only numbers them
    "alike": PLACE
    | {
        "table": _text("Canonical table"),
        "differs_in": _text("Columns that are not read and differ, as a JSON list"),
    },
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
        "before_treatment": Field("boolean", "Before the first needling or on the same day", True),
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

# One row per patient x visit (of the schedule) x outcome (x site) that was measured, in the order of the study file and of the
# patients' rows in the export, which no new code changes.
FRAME: Contract = {
    "patient": _text("Patient"),
    "clinic": _text("Clinic", True),
    "therapist": _text("Therapist at the visit", True),
    "cohort": _text("Cohort"),
    "arm": _text("Arm", True),
    "outcome": _text("Outcome"),
    "instrument": _text("Instrument"),
    "site": _text("Site of the body, where the outcome is measured at several"),
    "side": _text("Side of the body, where the study file says it"),
    "unit": _text("Unit"),
    "better": _text("Direction of improvement: lower or higher"),
    "visit": _text("Visit"),
    "visit_number": _whole("Place of the visit in the schedule, baseline is 0"),
    "week": _number("Time from day 0; the planned one where no date is known", "weeks"),
    "day": _number("Day of the visit from day 0", "days"),
    "hour": _number("Time from day 0; the planned one of visits with hours", "hours"),
    "value": _number("Value", empty=False),
    "baseline": _number("Value at baseline"),
    "change": _number("Change from baseline"),
    "improvement": _number("Change from baseline, positive is better"),
    # and one column per covariate
}

# One row per patient x treatment session, in the order of the patients' rows in the export and of their sessions.
SESSIONS_FRAME: Contract = {
    "patient": _text("Patient"),
    "clinic": _text("Clinic", True),
    "therapist": _text("Therapist of the session", True),
    "cohort": _text("Cohort"),
    "arm": _text("Arm", True),
    "session": _number("Number of the session, as recorded"),
    "number": _whole("Place of the session among the patient's, from 1"),
    "day": _number("Day from day 0", "days"),
    "week": _number("Time from day 0", "weeks"),
    "pain_before": _number("Pain before the session"),
    "pain_after": _number("Pain after the session"),
    "pain_change": _number("Pain after minus before the session"),
    # then the exposures, the other columns of the study file's sessions (soreness_24h ...) and one column per covariate
}
# What was done at a session, from its rows of the needling table: none of them is 0 muscles. Empty where the study has no such
# table or column, or a row leaves it open. Each has a second column with `_before`: the sum over the patient's earlier sessions.
EXPOSURES: Contract = {
    "muscles": _number("Muscles needled"),
    "needles": _number("Needles"),
    "insertions": _number("Insertions"),
    "twitch_responses": _number("Local twitch responses"),
}
# Of each session alone.
MANNER: Contract = {
    "twitch": _number("A local twitch response in any muscle: 1, else 0"),
    "depth_mm": _number("Depth, mean over muscles", "mm"),
    "retention_min": _number("Needles left in, mean over muscles", "minutes"),
    "technique": _text("Technique; several are joined by +", True),
}

# One row per patient and intercurrent event that happened: the first time.
EVENTS: Contract = {
    "patient": _text("Patient"),
    "event": _text("Intercurrent event"),
    "day": _number("Day from day 0; unknown where the export has no date", "days"),
}
# Per cohort, arm, outcome and follow-up visit: how many had each intercurrent event before it ('' is none of them), how many of
# those were measured; the others' values are missing.
INTERCURRENT: Contract = {
    "cohort": _text("Cohort"),
    "arm": _text("Arm", True),
    "outcome": _text("Outcome"),
    "visit": _text("Visit"),
    "event": _text("Intercurrent event; empty for people without any", True),
    "n": _whole("People with the event before the visit"),
    "n_measured": _whole("Of them, measured at the visit"),
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
# One row per estimate, codes and no words. What a row is, its columns say together:
#   arm, reference     an estimate of one arm has no reference; with one it compares the two (arm minus reference)
#   quantity           difference        of two means              change   of a mean from the baseline visit (compared, where
#                      mean              of one arm at a visit              there is a reference, between arms)
#                      slope             per week                  interaction  does a difference depend on `term`: per unit, or
#                      coefficient       a fixed effect                     a joint test of a category, which has no estimate
#                      standard_deviation, correlation, icc       of the random part, named by `term`
#                      session_rate      share of sessions (those with an event)
#                      share, risk_difference, risk_ratio, odds_ratio, rate_ratio, hazard_ratio, standardised_difference ...
#   term               what a coefficient or a component belongs to, as JSON: [["visit", "week_4"], ["arm", "x"]] (a factor and
#                      its level, or a number's name alone: ["age"]); or the kind of an event, an exposure, a moderator
#   at                 values at which an estimate is read, as JSON: {"csi": 40}
#   subset             who, where not everybody, as JSON: {"headache_type": ["migraine"]}
# `unit`, `better` and `favours` belong to the estimate. `note` is for eyes only: nothing reads it.

KEYS = (
    "analysis",
    "kind",
    "role",
    "variant",
    "estimand",
    "cohort",
    "outcome",
    "instrument",
    "site",
    "subset",
    "quantity",
    "arm",
    "reference",
    "visit",
    "at",
    "term",
)
NUMBERS = (
    "estimate",
    "se",
    "df",
    "statistic",
    "p",
    "low",
    "high",
    "p_adjusted",
    "low_adjusted",
    "high_adjusted",
    "mcse",
)
COUNTS = ("n_patients", "n_observations", "n_events", "n_clinics", "n_therapists")

RESULTS: Contract = {
    "row_id": _text("Number of the row: the same in every run"),
    "analysis": _text("Analysis"),
    "kind": _text("Kind of analysis"),
    "role": _text("primary, secondary, sensitivity or exploratory"),
    "variant": _text("Method within the kind", True),
    "estimand": _text("Estimand", True),
    "cohort": _text("Cohort", True),
    "outcome": _text("Outcome", True),
    "instrument": _text("Instrument; empty where several are pooled", True),
    "site": _text("Site of the body", True),
    "subset": _text("Who, where not everybody (JSON)", True),
    "quantity": _text("What is estimated"),
    "arm": _text("Arm", True),
    "reference": _text("Arm that it is compared with", True),
    "visit": _text("Visit", True),
    "at": _text("Values at which it is read (JSON)", True),
    "term": _text("Coefficient, component, moderator, kind of event or exposure", True),
    "estimate": _number("Estimate"),
    "se": _number("Standard error"),
    "df": _number("Degrees of freedom"),
    "statistic": _number("Test statistic"),
    "p": _number("P"),
    "low": _number("Lower confidence limit"),
    "high": _number("Upper confidence limit"),
    "level": _number("Confidence level"),
    "family": _text("Family of tests that share one error rate", True),
    "p_adjusted": _number("P adjusted within its family"),
    "low_adjusted": _number("Lower limit compatible with the adjusted test"),
    "high_adjusted": _number("Upper limit compatible with the adjusted test"),
    "framework": _text("superiority, non_inferiority or equivalence", True),
    "margin": _number("Margin of non-inferiority or equivalence, positive"),
    "mcse": _number("Monte Carlo error of the estimate"),
    "unit": _text("Unit of the estimate", True),
    "better": _text("Which direction of the estimate is better: lower, higher or neither"),
    "favours": _text("Arm that the estimate speaks for", True),
    "n_patients": _count("Patients in the model"),
    "n_observations": _count("Observations in the model"),
    "n_events": _count("Patients with the event, where there is one"),
    "n_clinics": _count("Clinics with an effect in the model"),
    "n_therapists": _count("Therapists with an effect in the model"),
    "method": _text("Code of the model and estimation"),
    "df_method": _text("Rule for the degrees of freedom", True),
    "variance": _text("Variance of the estimate: model, CR2, frequentist, information_anchored, ye, ge ...", True),
    "information": _text("Information that the degrees of freedom rest on: observed or expected", True),
    "weights": _text("Population averaged over", True),
    "imputation": _text("How missing values were imputed; empty where none was", True),
    "structure": _text("Covariance structure of the residuals", True),
    "structures_tried": _text("Structures that were planned before it and did not hold (JSON)", True),
    "status": _text("converged, singular, rank_deficient, failed, not_estimated, abstains"),
    "note": _text("Remark, for eyes only", True),
}

# What a job says about its analysis, and which of the standard tables and figures show it. Codes stand in braces: {arm:usual_care}.
METHODS: Contract = {
    "analysis": _text("Analysis"),
    "item": _text(
        "What the text is about: model, missing, adjusted, df, averaged, limits ...; or table, figure, section"
    ),
    "text": _text("Text with codes in braces; for table, figure and section the name of one"),
}

# Side tables of an analysis.
RESIDUAL_BINS: Contract = {
    "analysis": _text("Analysis"),
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "site": _text("Site of the body", True),
    "bin": _whole("Bin of the fitted value, from low to high"),
    "n": _whole("Residuals in the bin"),
    "fitted": _number("Mean fitted value in the bin"),
    "residual": _number("Mean scaled residual in the bin"),
    "low": _number("10th percentile of the scaled residuals in the bin"),
    "high": _number("90th percentile of the scaled residuals in the bin"),
}
RESIDUAL_QUANTILES: Contract = {
    "analysis": _text("Analysis"),
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "site": _text("Site of the body", True),
    "normal": _number("Quantile of the normal distribution"),
    "residual": _number("Quantile of the scaled residuals"),
    "n": _whole("Residuals"),
}
CROSS_CHECK: Contract = {
    "analysis": _text("Analysis"),
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "site": _text("Site of the body", True),
    "quantity": _text("What is compared"),
    "needling": _number("Here"),
    "statsmodels": _number("By statsmodels' MixedLM"),
    "difference": _number("Difference, relative to the standard error"),
    "note": _text("Remark, for eyes only", True),
}
# A comparison when a number of points is added to what was imputed in its arm and in its reference.
TIPPING: Contract = {
    "analysis": _text("Analysis"),
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "visit": _text("Visit"),
    "method": _text("Assumption about missing values"),
    "arm": _text("Arm"),
    "reference": _text("Arm that it is compared with"),
    "delta_arm": _number("Added to the values imputed in the arm", empty=False),
    "delta_reference": _number("Added to the values imputed in the reference", empty=False),
    "estimate": _number("Estimate"),
    "se_frequentist": _number("Standard error over repeated trials"),
    "se_information": _number("Standard error by which an assumption adds no information"),
    "p": _number("P, by the variance that counts"),
    "low": _number("Lower confidence limit, by the variance that counts"),
    "high": _number("Upper confidence limit, by the variance that counts"),
    "unit": _text("Unit of the deltas", True),
}
# Where on the axes of that surface its conclusion changes.
TIPPING_POINTS: Contract = {
    "analysis": _text("Analysis"),
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "visit": _text("Visit"),
    "method": _text("Assumption about missing values"),
    "arm": _text("Arm"),
    "reference": _text("Arm that it is compared with"),
    "shifted": _text("Arm to whose imputed values delta is added"),
    "side": _text("Side of 0 on which delta is: below or above"),
    "at_zero": _text("Without delta: significant or not_significant"),
    "better": _text("Direction of improvement of the outcome: lower or higher"),
    "unit": _text("Unit of delta", True),
    "delta": _number("Delta at which this changes; empty where none does"),
    "n": _whole("Patients whose value is shifted"),
    "mean": _number("Mean of their imputed values"),
    "mean_then": _number("Mean of these values with delta"),
}
# Who was lost: nothing measured from a visit on.
DROPOUT: Contract = {
    "analysis": _text("Analysis"),
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "arm": _text("Arm"),
    "visit": _text("First visit from which nothing more was measured", True),
    "reason": _text("Reason on record; empty where there is none", True),
    "n_patients": _whole("Patients of the arm with a baseline"),
    "n": _whole("Patients lost"),
}
LOST: Contract = {
    "analysis": _text("Analysis"),
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "arm": _text("Arm"),
    "variable": _text("Covariate; baseline is the outcome's value there"),
    "level": _text("Level of a category", True),
    "unit": _text("Unit", True),
    "n_lost": _whole("Patients lost"),
    "n_kept": _whole("Patients kept"),
    "lost": _number("Mean, or share of a level, of the lost"),
    "lost_sd": _number("Standard deviation of the lost"),
    "kept": _number("Mean, or share of a level, of the kept"),
    "kept_sd": _number("Standard deviation of the kept"),
    "standardised_difference": _number("Standardised difference, lost minus kept"),
}
# Who is in an analysis and who is not, by the first reason that holds: rows of FLOW with the analysis before them.
PEOPLE: Contract = {"analysis": _text("Analysis"), **FLOW}

# Treatment as delivered, one value per patient behind each number.
DELIVERED: Contract = {
    "analysis": _text("Analysis"),
    "cohort": _text("Cohort"),
    "arm": _text("Arm", True),
    "measure": _text("What was delivered"),
    "unit": _text("Unit", True),
    "n": _whole("Patients with a value"),
    "mean": _number("Mean"),
    "sd": _number("Standard deviation"),
    "q25": _number("25th percentile"),
    "median": _number("Median"),
    "q75": _number("75th percentile"),
    "fewest": _count("Patients with the rarest value, where there are at most three values; never released"),
}
# Numbers needed to treat, from risk differences of responders; negative for harm.
NUMBER_NEEDED: Contract = {
    "analysis": _text("Analysis"),
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "visit": _text("Visit"),
    "response": _text("Response"),
    "arm": _text("Arm"),
    "reference": _text("Arm that it is compared with"),
    "estimate": _number("Number needed to treat"),
    "low": _number("Limit nearer to one; through infinity the one to benefit"),
    "high": _number("Limit farther from one; through infinity the one to harm"),
    "through_infinity": _whole("1 where the interval runs from benefit over infinity to harm, else 0"),
    "n": _whole("Patients in the smaller arm"),
    "n_events": _whole("Responders in the arm that has fewer"),
    "n_none": _whole("Others in the arm that has fewer of them"),
}
# Share of each arm that improved by at least so much, with a band that holds for all amounts at once.
RESPONSE_CURVE: Contract = {
    "analysis": _text("Analysis"),
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "visit": _text("Visit"),
    "arm": _text("Arm", True),
    "unit": _text("Unit of the improvement", True),
    "improvement": _number("Improvement from baseline of at least"),
    "share": _number("Share of patients"),
    "low": _number("Lower limit of the band"),
    "high": _number("Upper limit of the band"),
    "level": _number("Confidence level of the whole band"),
    "n": _whole("Patients"),
    "n_events": _whole("Of them with that improvement"),
}
# Patients measured twice whose change is more than error of measurement, by arm.
RELIABLE_CHANGE: Contract = {
    "analysis": _text("Analysis"),
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "visit": _text("Visit"),
    "arm": _text("Arm", True),
    "unit": _text("Unit", True),
    "reliability": _number("Cronbach's alpha at baseline"),
    "beyond": _number("Change beyond which it is reliable"),
    "n": _whole("Patients measured at baseline and at the visit"),
    "n_improved": _whole("Of them reliably better"),
    "n_worse": _whole("Of them reliably worse"),
    "n_unchanged": _whole("Of them neither"),
}

# Side tables that analyses may write, by name; each has its own contract, and passes the release line by it.
SIDE: dict[str, Contract] = {
    "residual_bins": RESIDUAL_BINS,
    "residual_quantiles": RESIDUAL_QUANTILES,
    "cross_check": CROSS_CHECK,
    "tipping": TIPPING,
    "tipping_points": TIPPING_POINTS,
    "dropout": DROPOUT,
    "lost": LOST,
    "delivered": DELIVERED,
    "number_needed": NUMBER_NEEDED,
    "response_curve": RESPONSE_CURVE,
    "reliable_change": RELIABLE_CHANGE,
}

# Observed values per visit and arm, in bins of at least the smallest cell.
DISTRIBUTION: Contract = {
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "site": _text("Site of the body", True),
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
    "fewest": _count("Patients with the rarest value, where there are at most three values; never released"),
}
# Baseline characteristics by cohort and arm: one row per number, or per level of a category.
BASELINE: Contract = {
    "cohort": _text("Cohort"),
    "arm": _text("Arm", True),
    "variable": _text("Covariate, or outcome at baseline"),
    "visit": _text("Baseline visit, for an outcome", True),
    "site": _text("Site of the body, for an outcome", True),
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
    "fewest": _count("Patients with the rarest value, where there are at most three values; never released"),
}
MISSINGNESS: Contract = {
    "cohort": _text("Cohort"),
    "outcome": _text("Outcome"),
    "site": _text("Site of the body", True),
    "visit": _text("Visit"),
    "arm": _text("Arm", True),
    "expected": _whole("Patients allocated"),
    "measured": _whole("Patients measured"),
}

# What every column of every processed table holds; release makes a share of `rows` and `missing`.
CODEBOOK: Contract = {
    "table": _text("Table"),
    "name": _text("Name"),
    "label": _text("Label", True),
    "unit": _text("Unit", True),
    "levels": _text("Values", True),
    "instrument": _text("Instrument", True),
    "source": _text("Columns of the export", True),
    "rows": _whole("Rows; of an instrument: visits"),
    "missing": _whole("Of them without a value"),
}
# What each rule of cleaning did; of lines taken out also in which table.
CLEANING: Contract = {
    "rule": _text("Rule"),
    "version": _whole("Version of the rule"),
    "sentence": _text("What the rule does"),
    "action": _text("What happened: corrected, missing, flagged, query, quarantined, dropped, mapped"),
    "table": _text("Table, where lines were taken out", True),
    "n": _whole("Cells; lines of the export where they were taken out"),
}
RELIABILITY: Contract = {
    "instrument": _text("Instrument"),
    "items": _whole("Items"),
    "n": _whole("Patients who answered every item at baseline"),
    "alpha": _number("Cronbach's alpha"),
    "low": _number("Lower confidence limit"),
    "high": _number("Upper confidence limit"),
    "level": _number("Confidence level"),
}

# ---------------------------------------------------------------- released tables: what may be shown, and nothing else is read

_NEVER_HIDDEN = ("bin", "items", "version")
_NEVER_RELEASED = ("fewest", "rows")


def released(contract: Contract) -> Contract:
    """Give the contract of a table after release: counts and numbers may be empty, and `hidden` says why they are."""
    shown = {}
    for name, field in contract.items():
        if name not in _NEVER_RELEASED:
            counts = field.kind in ("whole", "count") and name not in _NEVER_HIDDEN
            shown[name] = Field("count" if counts else field.kind, field.label, field.empty or counts, field.unit)
    return shown | {
        "hidden": _text("Why numbers are not shown: few_people, few_events, complement, own_value, withheld", True)
    }


RELEASED: dict[str, Contract] = {
    "results": released(RESULTS),
    "methods": METHODS,
    "people": released(PEOPLE),
    "flow": released(FLOW),
    "intercurrent": released(INTERCURRENT),
    "baseline": released({**BASELINE, "count": _whole("Patients at this level")}),
    "distribution": released(DISTRIBUTION),
    "missingness": released(MISSINGNESS),
    "codebook": released({**CODEBOOK, "missing": _number("Missing", "%")}),
    "cleaning": released(CLEANING),
    "unread": released({"kind": _text("not_named, or like_identifier for some of them"), "n": _whole("Columns")}),
    "totals": released(TOTALS),
    "reliability": released(RELIABILITY),
    **{name: released(contract) for name, contract in SIDE.items()},
    # what is not shown, by section: one row per table and reason
    "withheld": {"section": _text("Released table"), "reason": _text("Reason"), "n": _whole("Rows")},
    # the results as analysis results data
    "ard": {
        **{f"group{i}{part}": _text("Grouping, and its level", True) for i in range(1, 9) for part in ("", "_level")},
        "variable": _text("Outcome", True),
        "variable_level": _text("Term", True),
        "context": _text("Kind of analysis and quantity"),
        "stat_name": _text("Name of the number"),
        "stat_label": _text("Label of the number"),
        "stat": _number("The number"),
        "warning": _text("Why it is not shown, or a remark on the fit", True),
        "error": _text("Status of a fit that failed", True),
        "row_id": _text("Row of the results"),
    },
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


def empty(contract: Contract) -> "pd.DataFrame":
    """Give a table of a contract without rows."""
    import pandas as pd

    return check(pd.DataFrame(columns=list(contract)), contract, "empty")


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
    given = table.reset_index(drop=True)
    table = given.copy()
    for column in table.columns:
        if pd.api.types.is_float_dtype(table[column].dtype):
            table[column] = round_significant(given[column], _scale(given, str(column)))
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        harmless(table).to_csv(path, index=False, lineterminator="\n", float_format=f"%.{SIGNIFICANT_DIGITS}g")


def _scale(table: "pd.DataFrame", column: str) -> "pd.Series | float":
    """On which scale a column's numbers are to be rounded; 0 where only their own size tells."""
    scale = RELATIVE_TO.get(column, 0.0)
    return scale if isinstance(scale, float) else table[scale].astype(float) if scale in table.columns else 0.0


def harmless(table: "pd.DataFrame") -> "pd.DataFrame":
    """Put an apostrophe before texts that a spreadsheet would run as a formula: those that begin with = + - @ or a tab."""
    import pandas as pd

    texts = {name: table[name] for name in table.columns if pd.api.types.is_string_dtype(table[name].dtype)}
    risky = {name: cells.str.match(r"[=+\-@\t\r]", na=False) for name, cells in texts.items()}
    return table.assign(
        **{name: cells.mask(risky[name], "'" + cells) for name, cells in texts.items() if risky[name].any()}
    )


def round_significant(values: "pd.Series", scale: "pd.Series | float" = 0.0) -> "pd.Series":
    """Round to ten significant digits, so that another processor's last bits do not show.

    Parameters
    ----------
    values : numbers.
    scale : what their size is told by, one for all or one for each: where it is larger than the number itself, digits are
        counted from it, since a small difference of large numbers has fewer right digits. Missing: 0.

    Returns
    -------
    The rounded numbers, never a negative 0.
    """
    import numpy as np
    import pandas as pd

    array = values.to_numpy(dtype=float, na_value=np.nan)
    size = np.fmax(np.abs(array), np.abs(np.asarray(scale, dtype=float)) * np.ones_like(array))
    finite = np.isfinite(array) & np.isfinite(size) & (size > 0)
    rounded = array.copy()
    magnitude = np.floor(np.log10(size[finite]))
    power = 10.0 ** (SIGNIFICANT_DIGITS - 1 - magnitude)
    rounded[finite] = np.round(array[finite] * power) / power
    return pd.Series(rounded + 0.0, index=values.index, name=values.name)


def read_table(path: str | Path) -> "pd.DataFrame":
    """Read a table that `write_table` wrote (or a CSV of results)."""
    import pandas as pd

    path = Path(path)
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, keep_default_na=True)


def read_tables(paths: "str | Path | Sequence[str | Path]") -> "pd.DataFrame":
    """Read a table, or the parts of one from several files, in their order."""
    import pandas as pd

    return read_table(paths) if isinstance(paths, str | Path) else pd.concat(map(read_table, paths), ignore_index=True)
