"""One column of text at a time becomes a number, a category, a date or a stripped text."""

from typing import Literal

import numpy as np
import pandas as pd

from needling.clean import parse, thousands
from needling.clean.labels import ABSENT, NEAR, UNKNOWN, map_codes
from needling.clean.trail import BESIDE, HIDDEN, Trail, hidden_text
from needling.read import number as written
from needling.read.number import MISSING_CODES, MISSING_WORDS
from needling.schema.contract import is_date
from needling.study.keys import StudyError
from needling.study.sources import Column

Kind = Literal["number", "category", "date", "text", "code"]
DECADE = 3650.0
Limits = tuple[float, float]

# Possible and usual values of columns whose names the data guide fixes, for studies that state none. The ranges of
# needles and stimulation are common knowledge of the field, not read in a publication.
POSSIBLE: dict[str, Limits] = {
    "age": (0, 115),
    "height": (50, 250),
    "height_cm": (50, 250),
    "weight": (20, 400),
    "weight_kg": (20, 400),
    "expectation": (0, 10),
    "pain_before": (0, 10),
    "pain_after": (0, 10),
    "pain_during": (0, 10),
    "soreness": (0, 10),
    "session": (1, 200),
    "depth_mm": (0, 150),
    "gauge_mm": (0.05, 1),
    "length_mm": (5, 200),
    "needles": (0, 200),
    "insertions": (0, 500),
    "ltr_count": (0, 200),
    "retention_min": (0, 120),
    "stimulation_hz": (0, 300),
    "minutes": (0, 600),
}
USUAL: dict[str, Limits] = {
    "depth_mm": (3, 60),
    "gauge_mm": (0.16, 0.35),
    "length_mm": (13, 100),
    "retention_min": (0, 30),
    "stimulation_hz": (2, 100),
}


def blank_to_missing(values: pd.Series) -> pd.Series:
    """Strip text, kept as text or as categories; what is blank then is missing."""
    codes, distinct = pd.factorize(values)
    texts = [str(text) for text in distinct]
    stripped = [text.strip() for text in texts]
    if stripped == texts and "" not in texts and values.dtype in ("str", "category"):
        return values
    cells = pd.Series([*(text or None for text in stripped), None], dtype="str")
    if values.dtype == "category":
        return pd.Series(cells.astype("category").array.take(codes), index=values.index)
    return cells.take(codes).set_axis(values.index)


def kind_of(trail: Trail, table: str, name: str, column: Column, values: pd.Series) -> Kind:
    """Find out what a column holds: what the study file says, else the dictionary, else four fifths of its values."""
    if column.kind is not None:
        return column.kind
    if column.codes:
        return "category"
    if column.range or column.usual or name in POSSIBLE:
        return "number"
    if is_date(name):
        return "date"
    choices = trail.choices(table, name)
    if choices and not all(map(_is_number, choices.values())):
        return "category"
    return kind_by_values(blank_to_missing(values))


def kind_by_values(values: pd.Series) -> Kind:
    """Find out what stripped cells hold where nothing else says it: what four fifths of them are, else text."""
    present = values.dropna()
    present = present[~present.str.lower().isin(MISSING_WORDS)]
    if not len(present):
        return "text"
    if parse.numbers(present)["value"].notna().mean() >= 0.8:
        return "number"
    style = parse.dates(present)["style"]
    if (~style.isin(["text", "absent", "serial"])).mean() >= 0.8:
        return "date"
    return "text"


def _is_number(text: str) -> bool:
    return written.read_number(text)[1] == written.EXACT if text.strip() else False


def category(
    trail: Trail, table: str, frame: pd.DataFrame, name: str, codes: dict[str, str] | None, similar: bool = True
) -> pd.DataFrame:
    """Map one column to names and note other spellings, words for missing and unknown codes.

    Parameters
    ----------
    frame : rows with `row` and the column `name` as text.
    codes : code -> name; None takes the dictionary's choices, and without those the text itself.
    similar : False for arms and cohorts, about which likeness decides nothing.

    Returns
    -------
    Frame with the index of `frame`: value (text, missing where unknown) and how, as in `labels.map_codes`.
    """
    values = blank_to_missing(frame[name])
    choices = trail.choices(table, name)
    codes = codes or choices or {text: text for text in values.dropna().unique() if text.lower() not in MISSING_WORDS}
    raw = frame[name].where(values.notna())
    found = map_codes(
        raw,
        {str(code): meaning for code, meaning in codes.items()},
        choices,
        trail.settings("labels", "closeness"),
        similar,
    )
    number = pd.to_numeric(values[found["how"] == UNKNOWN], errors="coerce")
    found.loc[number.index[number.isin(MISSING_CODES)], "how"] = ABSENT
    source = trail.source(table, name)
    rows = frame["row"]
    near, absent, unknown = (found["how"] == kind for kind in (NEAR, ABSENT, UNKNOWN))
    trail.note(
        "labels", "mapped", table, rows[near], source, "another spelling of a code", raw[near], found["value"][near]
    )
    trail.note("missing_codes", "missing", table, rows[absent], source, "code or word for missing", raw[absent])
    trail.note(
        "labels", "query", table, rows[unknown], source, "not a code of the study file", raw[unknown].map(hidden_text)
    )
    return found


def number(
    trail: Trail,
    table: str,
    frame: pd.DataFrame,
    name: str,
    possible: Limits | None,
    usual: Limits | None,
    places: list[pd.Series] | None = None,
    shown_below: float = np.inf,
    unit: str | None = None,
) -> pd.Series:
    """Read one column as numbers and note everything that was not plainly a possible number.

    Parameters
    ----------
    frame : rows with `row` and the column `name` as text.
    possible, usual : limits; outside the first a value becomes missing, outside the second it is flagged.
    places : clinic and patient of each row, for ratings of 0-100 in a 0-10 column.
    shown_below : possible values from here on are hidden in the audit (an age of 90 identifies).
    unit : the column's unit; a number with another one beside it is not used.

    Returns
    -------
    Numbers with the index of `frame`.
    """
    raw = blank_to_missing(frame[name])
    found = parse.numbers(raw)
    highest = None if possible is None else possible[1]
    found, doubt = thousands.three_digits(raw, found, None, highest, trail.decimal, trail.parting)
    found = thousands.hold_or_ask(found, raw, doubt, f"column '{trail.source(table, name)}'")
    if possible is not None:
        scale = parse.said(found, written.OUT_OF).astype(float)
        other = found.index.isin(scale.index[scale != possible[1]])
        found = parse.in_doubt(found, other, "written on another scale than the column's")
    beside = parse.said(found, written.BESIDE).map(plain_unit)
    known = sorted({word for word in beside.unique() if word in BESIDE})
    if not unit and len(known) > 1:
        raise StudyError(
            f"column '{trail.source(table, name)}': its numbers stand in several units ({', '.join(known)}). Which one is meant? "
            f"Write the column as {{from: ..., unit: {known[0]}}}; cells in another are then held back and asked about, unless "
            "the export is brought to one."
        )
    if unit and " " not in unit:
        other = found.index.isin(beside.index[beside != plain_unit(unit)])
        found = parse.in_doubt(found, other, "written in another unit than the column's")
    rows, source = frame["row"], trail.source(table, name)
    note_parsed(trail, table, rows, source, raw, found, shown_below)
    value = found["value"].copy()
    if possible == (0, 10) and places and trail.settings.on("scale_by_ten"):
        said = parse.said(found, written.OUT_OF)
        rescale = tenfold(value.mask(value.index.isin(said.index)), places, *scale_settings(trail))
        why = "rated 0-100 in a 0-10 column"
        trail.note("scale_by_ten", "corrected", table, rows[rescale], source, why, raw[rescale], value[rescale] / 10)
        value = value.mask(rescale, value / 10)
    code = missing_code(value, possible)
    trail.note("missing_codes", "missing", table, rows[code], source, "code for missing", raw[code])
    value[code] = np.nan
    if not trail.settings.on("ranges"):
        return value
    if possible is not None:
        out = (value < possible[0]) | (value > possible[1])
        why = f"impossible: outside {possible[0]:g} to {possible[1]:g}"
        trail.note("ranges", "missing", table, rows[out], source, why, raw[out])
        value[out] = np.nan
    if usual is not None:
        odd = (value < usual[0]) | (value > usual[1])
        why = f"unusual: outside {usual[0]:g} to {usual[1]:g}"
        shown = raw[odd].mask(value[odd] >= shown_below, HIDDEN)
        trail.note("ranges", "flagged", table, rows[odd], source, why, shown, shown)
    return value


UNITS = {
    "y": "year",
    "yr": "year",
    "mo": "month",
    "mth": "month",
    "w": "week",
    "wk": "week",
    "d": "day",
    "h": "hour",
    "hr": "hour",
    "hrs": "hour",
    "min": "minute",
    "mins": "minute",
    "pt": "point",
}


def plain_unit(text: str) -> str:
    """Reduce a unit to one word in the singular: 'wks' and 'weeks' are one, 'mm' and 'cm' are not."""
    word = text.strip().lower().rstrip(".").replace("²", "2")
    word = word[:-1] if len(word) > 2 and word.endswith("s") else word
    return UNITS.get(word, word)


def tenfold(values: pd.Series, places: list[pd.Series], share: float, fewest: float) -> pd.Series:
    """Find ratings of 0-100 in a 0-10 column: those of a clinic or patient most of whose ratings are above 10.

    Parameters
    ----------
    values : ratings; missing ones take no part.
    places : clinic and patient that each rating belongs to.
    share : smallest share (0-1) of a clinic's ratings above 10; zeros, which are the same on both scales, do not count.
        Of a patient, all of at least two ratings must be.
    fewest : ratings that a clinic must have; one or two say nothing about its scale.

    Returns
    -------
    True for the ratings to be divided by ten.
    """
    rated = values.between(0, 100, inclusive="right")
    over = rated & (values > 10)
    rescale = pd.Series(False, index=values.index)
    if over.any():
        clinic, patient = places
        known = rated & clinic.notna() & (clinic != "")
        shares = over[known].groupby(clinic[known], observed=True).agg(["mean", "size"])
        rescale |= known & clinic.isin(shares.index[(shares["mean"] >= share) & (shares["size"] >= fewest)])
        ratings = over[rated].groupby(patient[rated], observed=True).agg(["all", "size"])
        rescale |= rated & patient.isin(ratings.index[ratings["all"] & (ratings["size"] > 1)])
    return rescale


def scale_settings(trail: Trail) -> tuple[float, float]:
    """How large a share of ratings above 10, of how many ratings, it takes to say that a clinic rates 0-100."""
    return trail.settings("scale_by_ten", "share"), trail.settings("scale_by_ten", "fewest")


def note_parsed(
    trail: Trail,
    table: str,
    rows: pd.Series,
    source: "str | pd.Series",
    raw: pd.Series,
    found: pd.DataFrame,
    shown_below: float = np.inf,
) -> None:
    """Note the cells that `parse.numbers` did not find to be plain numbers; values from `shown_below` on are hidden."""

    def at(mask: pd.Series) -> "str | pd.Series":
        return source if isinstance(source, str) else source[mask]

    loose = found["how"].isin([written.COMMA, written.LOOSE])
    plain, hidden = loose & (found["value"] < shown_below), loose & (found["value"] >= shown_below)
    why = found["why"][loose].astype("str").map(_shown_reason)
    trail.note(
        "numbers", "corrected", table, rows[plain], at(plain), why[plain[loose]], raw[plain], found["value"][plain]
    )
    trail.note("numbers", "corrected", table, rows[hidden], at(hidden), why[hidden[loose]], HIDDEN, HIDDEN)
    absent = found["how"].isin([written.ABSENT, written.ERROR])
    trail.note("missing_codes", "missing", table, rows[absent], at(absent), found["why"][absent], raw[absent])
    text = found["how"] == written.TEXT
    trail.note("numbers", "query", table, rows[text], at(text), found["why"][text], raw[text].map(hidden_text))


def _shown_reason(why: str) -> str:
    """Hide a word beside a number that is no unit: it may name somebody."""
    word = why.removeprefix(written.BESIDE)
    known = not why.startswith(written.BESIDE) or word.rstrip(".²") in BESIDE
    return why if known else written.BESIDE + hidden_text(word)


def missing_code(values: pd.Series, possible: Limits | None) -> pd.Series:
    """Find codes for missing: a usual code that is outside the possible values, or far from all others where no limit is known."""
    code = values.isin(MISSING_CODES)
    if not code.any():
        return code
    if possible is not None:
        return code & ((values < possible[0]) | (values > possible[1]))
    others = values[~code & values.notna()]
    if not len(others):
        return code & False
    negative = (values < 0) & bool((others >= 0).all())
    far = (values > 0) & (values > 3 * max(float(others.quantile(0.99)), 0.0) + 1)
    return code & (negative | far)


def date(trail: Trail, table: str, frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Read one column as dates; what is in doubt stays open for `settle`.

    Returns
    -------
    Frame as of `parse.dates`, with the index of `frame`.
    """
    found = parse.dates(blank_to_missing(frame[name]))
    rows, source = frame["row"], trail.source(table, name)
    odd = found["odd"] & found["date"].notna()
    trail.note(
        "dates", "corrected", table, rows[odd], source, "written in another style than its column", HIDDEN, HIDDEN
    )
    absent = found["style"] == "absent"
    trail.note("missing_codes", "missing", table, rows[absent], source, "word for missing", frame[name][absent])
    text = found["style"] == "text"
    trail.note("dates", "query", table, rows[text], source, "not a date", frame[name][text].map(hidden_text))
    return found


def plausible(
    trail: Trail,
    table: str,
    frame: pd.DataFrame,
    name: str,
    day: pd.Series,
    earliest: "pd.Series | float" = -DECADE,
    latest: "pd.Series | float" = DECADE,
) -> pd.Series:
    """Make days missing that cannot be right, and query their dates; ten years from day 0 where no limit is known."""
    low, high = (pd.Series(limit, index=day.index, dtype=float) for limit in (earliest, latest))
    wrong = (day < low.fillna(-DECADE)) | (day > high.fillna(DECADE))
    reason = "a date that cannot be right: too far from the schedule"
    trail.note("dates", "query", table, frame["row"][wrong], trail.source(table, name), reason, HIDDEN)
    return day.mask(wrong)


def settle(
    trail: Trail, table: str, frame: pd.DataFrame, name: str, found: pd.DataFrame, low: pd.Series, high: pd.Series
) -> pd.Series:
    """Decide dates in doubt by what the schedule allows: kept where exactly one of the two readings lies in [low, high].

    Returns
    -------
    Dates (days from 1970-01-01); still missing where both readings or neither are possible.
    """
    first = found["first"].between(low, high)
    second = found["second"].between(low, high)
    decided = found["doubtful"] & (first != second)
    date = found["date"].copy()
    date[decided] = np.where(first, found["first"], found["second"])[decided.to_numpy()]
    trail.note(
        "dates",
        "corrected",
        table,
        frame["row"][decided],
        trail.source(table, name),
        "day and month told apart by the schedule",
        HIDDEN,
        HIDDEN,
    )
    return date
