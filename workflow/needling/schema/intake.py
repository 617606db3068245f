"""Tables of what people bring: as read, as cleaned, and what was done to them."""

from needling.schema.contract import Contract, Field, level, number, text, whole

# `row` numbers the rows of a canonical table from 0; file, sheet and line say where each came from. A blank is missing.
# `place` columns are dropped by cleaning (another file format gives the same clean table); `row` stays.

TOTAL = "total"  # where `item` is a score and no item

PLACE: Contract = {
    "row": whole("Row of this table"),
    "file": level("File of the export"),
    "sheet": level("Sheet of the workbook"),
    "line": whole("Line or row in the file, as a text editor or spreadsheet counts"),
}

READ: dict[str, Contract] = {
    "patients": PLACE
    | {
        "patient": text("Patient's code in the export", True),
        "clinic": text("Clinic", True),
        "cohort": text("Cohort code", True),
        "arm": text("Arm code", True),
        "day_0": text("Date of day 0", True),
        # then `excluded`, where the study file says why some were screened and not enrolled, and one column per covariate
    },
    "visits": PLACE
    | {
        "patient": text("Patient's code in the export", True),
        "planned": text("Name of the visit in the export", True),
        "date": text("Date of the visit", True),
        "therapist": text("Therapist", True),
        "clinic": text("Clinic", True),
    },
    # One row per value. `visit_row` is the `row` of the visit it belongs to in the visits table.
    "outcomes": PLACE
    | {
        "visit_row": whole("Row of the visits table"),
        "column": level("Column of the export"),
        "instrument": level("Instrument"),
        "item": level("Item number, or 'total'"),
        "value": level("Value as exported", True),
        "unit": level("Unit as exported", True),
        "missing_reason": level("Reason given by the export for a missing value", True),
    },
    # sessions, needling, co_interventions, adverse_events, milestones, status, guesses: PLACE, patient, the study file's columns
}

# What the reader says about those tables: beside them in every study.
ACCOUNT: dict[str, Contract] = {
    # facts of a patient on later lines that differ from the one taken; `row` only numbers them
    "patient_conflicts": PLACE
    | {
        "patient": text("Patient's code in the export"),
        "column": text("Canonical column"),
        "source": text("Column of the export"),
        "value": text("Value on the later line"),
        "taken": text("Value taken", True),
    },
    # blank cells of all tables but outcomes (which have a column for it) that the export's format declares missing
    "declared_missing": {
        "table": text("Canonical table"),
        "column": text("Canonical column"),
        "row": whole("Row of that table"),
        "reason": text("Reason that the export gives"),
    },
    # where each canonical column came from, for audit and codebook
    "sources": {
        "table": text("Canonical table"),
        "column": text("Canonical column"),
        "source": text("Column of the export"),
        "label": text("Label in the export's dictionary", True),
        "choices": text("Choices in the dictionary, as JSON code -> label", True),
        "lowest": text("Lowest value that the dictionary accepts", True),
    },
    # filled cells that are in no table
    "unread": {
        "source": text("Column of the export"),
        "cells": whole("Filled cells"),
        "reason": text("Why they were not read"),
        "looks_like": text("Kind of identifier that name or dictionary make it look like", True),
    },
    # rows that are the same visit, patient or event as an earlier one but for columns that are not read; `row` only numbers them
    "alike": PLACE
    | {
        "table": text("Canonical table"),
        "differs_in": text("Columns that are not read and differ, as a JSON list"),
    },
}

# Clean tables: typed, re-keyed, days instead of dates.

CLEAN: dict[str, Contract] = {
    "patients": {
        "row": whole("Row of the read table"),
        "patient": text("Patient (new code)"),
        "clinic": text("Clinic (new code)", True),
        "cohort": text("Cohort", True),
        "arm": text("Allocated arm", True),
        # and one column per covariate: a number, or text for a category
    },
    "visits": {
        "row": whole("Row of the read table"),
        "patient": text("Patient (new code)"),
        "visit": text("Visit of the schedule, or 'unscheduled'"),
        "day": number("Day from day 0", "days"),
        "therapist": text("Therapist (new code)", True),
        "clinic": text("Clinic (new code)", True),
        "before_treatment": Field("boolean", "Before the first needling or on the same day", True),
    },
    "outcomes": {
        "row": whole("Row of the read table"),
        "visit_row": whole("Row of the visits table"),
        "instrument": level("Instrument"),
        "item": level("Item number, or 'total'"),
        "value": number("Value"),
        "unit": level("Unit"),
        "missing_reason": level("Reason for a missing value", True),
    },
    "sessions": {
        "row": whole("Row of the read table"),
        "patient": text("Patient (new code)"),
        "session": number("Number of the session"),
        "day": number("Day from day 0", "days"),
        "therapist": text("Therapist (new code)", True),
        "clinic": text("Clinic (new code)", True),
    },
}

# what happened, in the words of whoever reads it
ACTIONS = {
    "mapped": "read as meant",
    "corrected": "corrected",
    "missing": "set to missing",
    "flagged": "kept and marked",
    "query": "asked of the clinic",
    "quarantined": "lines set aside",
    "dropped": "lines taken out",
}

AUDIT: Contract = {
    "rule": text("Rule"),
    "action": text("What happened: a key of ACTIONS"),
    "table": text("Canonical table"),
    "row": whole("Row of the read table"),
    "file": text("File"),
    "sheet": text("Sheet"),
    "line": whole("Line in the file"),
    "column": text("Column of the export"),
    "old": text("Value before (hidden where it could identify a person)", True),
    "new": text("Value after", True),
    "reason": text("Why, in words"),
    "patient": text("Patient (new code)", True),
    "visit": text("Visit of the schedule, or 'unscheduled'", True),
    "clinic": text("Clinic (new code)", True),
}

# rows taken out of the clean tables: the audit rows with action quarantined or dropped, one per row
QUARANTINE: Contract = {
    "table": text("Canonical table"),
    "row": whole("Row of the read table"),
    "rule": text("Rule"),
    "reason": text("Why, in words"),
}

# Totals that the export states: the numbers of an instrument add up to `stated`.
TOTALS: Contract = {
    "instrument": text("Instrument"),
    "label": text("Label"),
    "stated": whole("Totals that the export states"),
    "finding": text("agreed, corrected, too_few_items, unreadable or set_aside"),
    "reason": text("Why a total was corrected or cannot be read", True),
    "n": whole("Totals"),
}

# What every column of every processed table holds; release makes a share of `rows` and `missing`.
CODEBOOK: Contract = {
    "table": text("Table"),
    "name": text("Name"),
    "label": text("Label", True),
    "unit": text("Unit", True),
    "levels": text("Values", True),
    "instrument": text("Instrument", True),
    "source": text("Columns of the export", True),
    "rows": whole("Rows; of an instrument: visits"),
    "missing": whole("Of them without a value"),
}
# What each rule of cleaning did; of lines taken out also in which table.
CLEANING: Contract = {
    "rule": text("Rule"),
    "version": whole("Version of the rule"),
    "sentence": text("What the rule does"),
    "action": text("What happened: a key of ACTIONS"),
    "table": text("Table, where lines were taken out", True),
    "n": whole("Cells; lines of the export where they were taken out"),
}
RELIABILITY: Contract = {
    "instrument": text("Instrument"),
    "items": whole("Items"),
    "n": whole("Patients who answered every item at baseline"),
    "alpha": number("Cronbach's alpha"),
    "low": number("Lower confidence limit"),
    "high": number("Upper confidence limit"),
    "level": number("Confidence level"),
}
