"""What the numbers alone cannot tell, though a wrong guess is wrong by a factor: it is asked; a key of the study file answers."""

import numpy as np
import pandas as pd

from needling.clean.trail import Trail
from needling.instruments.definition import SUM, Definition
from needling.read.number import MISSING_CODES
from needling.schema.intake import TOTAL
from needling.study.keys import StudyError
from needling.study.plan import Study
from needling.study.sources import Instrument

FEWEST = 10  # values from which the level of a column says something
PART = 0.2  # share of values at another unit's level from which they are no slips
ANSWERS = 200  # answers among which the lowest one should occur
BEYOND = 0.02  # share of answers one beyond the highest, or of scores outside their range, from which they are no slips
SLACK = 0.05  # by which totals that were computed with rounded factors lie beyond the range
SECOND = 0.05  # share of second rows of a visit, patient or event from which they are no slips
SAME = {"visits": "a visit", "outcomes": "a value", "patients": "a patient"}
SPIKE = 5  # how many times as often as other values a code for missing stands out
ASKED = ["item", "column", "value", "unit_stated", "patient", "clinic", "visit"]  # of outcomes
FAR = 0.2  # of the range seen, by which a code lies above all other values
ALONE = 3  # how many times as often as all values near it together a code stands alone


def ask(trail: Trail, frame: pd.DataFrame, study: Study, definitions: dict[str, Definition]) -> None:
    """Stop where a column fits its instrument badly and the study file does not say how it is to be read.

    Parameters
    ----------
    frame : outcomes with instrument, item, column, value (in the unit of the study file) and unit_stated.
    study : section instruments; a key that answers a question silences it, also where it states the default.
    definitions : outcome -> definition.

    Raises
    ------
    StudyError : one sentence per question, each with the column, what was seen and the key that answers it.
    """
    questions = []
    for name, one in definitions.items():
        settings = study.instruments[name]
        mine = frame.loc[(frame["instrument"] == name) & frame["value"].notna(), ASKED]
        scores = mine[(mine["item"] == TOTAL) | one.measured]
        answers = mine[(mine["item"] != TOTAL) & (not one.measured)]
        if len(scores) >= FEWEST and settings.range is None:
            questions += _codes_asked(name, scores)
        if len(scores) >= FEWEST and not told(settings):
            questions += _unit_asked(name, one, scores[~scores["unit_stated"]], len(answers) > 0)
        if len(answers) and settings.items_from is None and settings.range is None:
            questions += _lowest_asked(name, one, answers, trail)
        if len(answers) and settings.range is None:
            questions += _points_asked(name, one, answers[~answers["item"].isin(list(settings.points))])
    if questions:
        raise StudyError("\n".join(questions))


def told_apart(trail: Trail, frame: pd.DataFrame, table: str) -> None:
    """Stop where many rows are the second of a visit, patient or event, and a column that is not read tells them apart.

    Raises
    ------
    StudyError : names the columns and the key that makes the rows different, or selects some of them.
    """
    found = trail.differs_in(table, frame["row"])
    names, rows = [name for some in found.values() for name in some], len(found)
    if rows < 3 or rows <= SECOND * len(frame):
        return
    counts = pd.Series(names).value_counts(sort=False)
    often = counts[counts > rows / 2].index.tolist() or counts.index.tolist()
    columns = ", ".join(f"'{name}'" for name in often[:5]) + (", ..." if len(often) > 5 else "")
    first = often[0]
    select = f"visits.rows: {{{first}: [value, ...]}}"
    answer = {
        "visits": f"instruments.NAME.rows: {{{first}: [value]}} for an outcome of each (side, muscle, rater), or {select} where "
        "only some rows count",
        "outcomes": f"export.values.name: [..., {first}] for an outcome of each, or {select} where only some rows count",
        "patients": f"patients.rows: {{{first}: [value, ...]}} with the rows that count, and "
        f"instruments.NAME.rows: {{{first}: [value]}} for an outcome of each",
    }.get(table, f"the column under events.{table}.columns, or events.{table}.rows: {{{first}: [value, ...]}}")
    raise StudyError(
        f"{rows} of {len(frame)} rows of {table} are the second of {SAME.get(table, 'an event')} and differ from the first in what "
        f"is not read: {columns}. What tells them apart? Write {answer}; patients.id: [{first}, the column of the code] if other "
        "people have the same code there."
    )


def told(settings: Instrument) -> bool:
    """Whether the study file says on which scale an instrument's values are."""
    return settings.unit is not None or settings.range is not None or settings.factor is not None


def of_columns(rows: pd.DataFrame) -> str:
    """Name the column of some outcome rows, or the first and last of several."""
    names = [str(name) for name in rows["column"].astype("str").unique()]
    return f"column '{names[0]}'" if len(names) == 1 else f"columns '{names[0]}' to '{names[-1]}'"


def _seen(values: pd.Series) -> str:
    return f"{len(values)} values from {values.min():g} to {values.max():g}, median {values.median():g}"


def _unit_asked(name: str, one: Definition, scores: pd.DataFrame, items: bool) -> list[str]:
    """Ask for the unit where the values fit the scale badly."""
    if len(scores) < FEWEST or not scores["value"].any():
        return []
    why = _doubt(one, scores, items)
    if not why:
        return []
    value, place = scores["value"], f"instruments.{name}"
    units = [f'"{unit}"' for unit in (one.unit, *one.factors, *([SUM] if one.sums else []))]
    outside = _outside(one, value).any()
    keys = [f"{place}.unit (one of {', '.join(units)})"] if len(units) > 1 else []
    if len(units) > 1 and value.max() <= one.high / 100:
        keys.append(f"{place}.factor: 100 if they are hundredths")
    elif len(units) == 1 and not outside and one.low == 0:
        keys.append(f"{place}.factor (1, 10 or 100)")
    if one.low == 0 and one.high < 100 and one.high / 10 < value.max() <= 100:
        keys.append(f"{place}.factor: {one.high / 100:g} if they are 0-100")
    if one.low < 0 and not outside:
        keys.append(f"{place}.factor (what one of them is in {one.unit})")
    if outside:
        keys.append("export.missing if they are codes")
        keys.append("another name with range and better of its own if it is another version")
    if len(units) > 1:
        keys.append(f"{place}.unit_column where it differs from row to row")
    return [
        f"{of_columns(scores)}: {_seen(value)}; {why}. Which unit is it in? Write {', '.join(keys)}, or "
        f"{place}.range: [{one.low:g}, {one.high:g}] if it is right as it is."
    ]


def _outside(one: Definition, value: pd.Series) -> pd.Series:
    return (value < one.low - SLACK) | (value > one.high + SLACK)


def _doubt(one: Definition, scores: pd.DataFrame, items: bool) -> str:
    """Say why values may be on another scale: their level, else what sums and percentages look like; empty if they fit."""
    if items or one.measured:  # then the items tell the scale
        return _level(one, scores)
    return _level(one, scores) or _added_up(one, scores["value"]) or _odd_some(one, scores)


def _level(one: Definition, scores: pd.DataFrame) -> str:
    value, range_ = scores["value"], f"{one.low:g} to {one.high:g} {one.unit}"
    scale = f"the range of {one.label}, {one.unit if one.unit[:1].isdigit() else range_}"
    low, high = one.usual or (-np.inf, np.inf)
    below = (value < low).mean() if one.factors else 0
    some, of_them = _apart_some(one, scores) if one.low == 0 else ("", 0)
    outside = _outside(one, value)
    doubts = [
        (not low <= value.median() <= high, f"{one.label} is usually {low:g} to {high:g} {one.unit}"),
        (below >= PART, f"{below:.0%} of them are below {low:g} {one.unit}, as another unit would be"),
        (one.low == 0 and value.max() <= one.high / 10, f"all within a tenth of {scale}"),
        (one.low < 0 and value.abs().max() <= one.high / 100, f"all within a hundredth of {scale}"),
        (of_them > 0, f"the values of {some} ({of_them} of them) are 5 to 20 times below those of the others"),
        (outside.sum() >= 3 and outside.mean() >= BEYOND, f"{outside.sum()} of them are outside {scale}"),
    ]
    return next((why for holds, why in doubts if holds), "")


def _added_up(one: Definition, value: pd.Series) -> str:
    raw = [one.high / factor for unit, factor in one.factors.items() if unit.endswith("points") and factor > 1]
    least, most = sorted(one.sums or (one.low, one.high))
    fractions = (value % 1 != 0).mean()
    within = (one.low < least or most < one.high) and value.between(least, most).all() and fractions < PART
    whole = one.scoring is not None and one.scoring.rule == "sum"
    doubts = [
        (
            bool(raw) and value.max() <= raw[0],
            f"none above {max(raw, default=0):g}, so it may be the raw scale of {one.label} or {one.unit}",
        ),
        (within, f"all are whole numbers from {least:g} to {most:g}, as the answers added up would be"),
        (
            whole and fractions >= PART,
            f"{fractions:.0%} of them have fractions, which {one.label}, a sum of whole answers, has not",
        ),
    ]
    return next((why for holds, why in doubts if holds), "")


def _apart_some(one: Definition, scores: pd.DataFrame) -> tuple[str, int]:
    """Whose values (a clinic's, a visit's, some patients') lie in a tenth of the range, far below all others; and how many."""
    value, low = scores["value"], scores["value"] <= one.high / 10
    by_patient = low.groupby(scores["patient"], observed=True).agg(["all", "size"])
    patients = by_patient.index[by_patient["all"] & (by_patient["size"] > 1)]
    parts = []
    for name in ("clinic", "visit"):
        by = value.groupby(scores[name], observed=True).agg(["size", "max"])
        lowest = {*by.index[(by["size"] >= FEWEST) & (by["max"] <= one.high / 10)]} - {""}
        parts += [(f"one {name}", scores[name] == one_of) for one_of in sorted(lowest)]
    some = scores["patient"].isin(patients)
    # they are chosen by their values, so that only a gap between these and the others' says something
    if some.mean() >= PART and value[~some].quantile(0.1) > 2 * value[some].quantile(0.9):
        parts.append(("some patients", some))
    for name, here in parts:
        if here.sum() >= FEWEST and 5 <= apart(value[here], value[~here]) <= 20:
            return name, int(here.sum())
    return "", 0


def _odd_some(one: Definition, scores: pd.DataFrame) -> str:
    """Say whose scores (a clinic's, a visit's) are likely raw: none beyond that scale, and not in the steps of the others.

    A score of which one raw point is 2 % has even numbers only, where all items are answered.
    """
    steps = [factor for unit, factor in one.factors.items() if unit.endswith("points") and factor in {2, 5, 10}]
    if not steps:
        return ""
    between, top = scores["value"] % steps[0] != 0, one.high / steps[0]
    for name in ("clinic", "visit"):
        by = scores.assign(between=between).groupby(scores[name].astype("str"))
        raw = (by.size() >= FEWEST) & (by["value"].max() <= top) & (by["between"].mean() >= PART)
        for one_of in sorted({*raw.index[raw]} - {""}):
            others = scores[name] != one_of
            beyond = scores["value"][others].max() > top
            if others.sum() >= FEWEST and beyond and between[others].mean() <= SECOND:
                return (
                    f"all values of one {name} ({(~others).sum()} of them) would be on the raw scale, and odd numbers are among "
                    f"them, which the others, in {one.unit}, have not"
                )
    return ""


def _lowest_asked(name: str, one: Definition, answers: pd.DataFrame, trail: Trail) -> list[str]:
    """Ask where the answers begin if the lowest one never occurs, or many are one beyond the highest.

    Not where the dictionary tells it, by the choices of an item or by the lowest value that it accepts.
    """

    def stated(item: str) -> bool:
        column = f"{name}:{item}"
        return bool(trail.choices("outcomes", column)) or trail.lowest("outcomes", column) == one.item_range(item)[0]

    numbered = answers[~answers["item"].isin([each for each in answers["item"].unique() if stated(each)])]
    if not len(numbered):
        return []
    item = numbered["item"].astype("str")
    low = item.map({each: one.item_range(each)[0] for each in item.unique()})
    high = item.map({each: one.item_range(each)[1] for each in item.unique()})
    within = numbered["value"].between(low, high + 1)
    beyond = (numbered["value"] == high + 1) & within
    never = within.sum() >= ANSWERS and not (numbered["value"] == low).any()
    many = beyond.sum() >= 3 and beyond.mean() >= BEYOND
    if not (never or many):
        return []
    first = one.item_range(str(item.iloc[0]))
    seen = (
        f"{int(beyond.sum())} of {len(numbered)} answers are one beyond the highest"
        if many
        else "the lowest is never used"
    )
    return [
        f"{of_columns(numbered)}: {len(numbered)} answers from {numbered['value'].min():g} to {numbered['value'].max():g}; "
        f"{one.label} is answered {first[0]:g} to {first[1]:g}, and {seen}. At which number do the answers begin? Write "
        f"instruments.{name}.items_from: {first[0] + 1:g} if the export numbers them from there, "
        f"or {first[0]:g} if it is right as it is."
    ]


def _points_asked(name: str, one: Definition, answers: pd.DataFrame) -> list[str]:
    """Ask which points an item's codes stand for if many are none of the answers that it has."""
    asked = []
    by_item = answers.groupby("item", observed=True)
    for item, mine in sorted(((str(item), mine) for item, mine in by_item), key=lambda pair: pair[0]):
        only = one.only_answers(item)
        strange = ~mine["value"].isin(only)
        # fewer are slips, which become missing and are asked of the clinic: codes of another kind are most of the answers
        if not only or strange.sum() < 3 or strange.mean() < PART:
            continue
        codes = sorted(mine["value"].unique())
        pairs = ", ".join(f"{code:g}: {points:g}" for code, points in zip(codes, only, strict=False))
        likely = f", e.g. {{{pairs}}} if they are in this order" if len(codes) <= len(only) else ""
        held = ", ".join(f"{code:g}" for code in sorted(mine["value"][strange].unique())[:5])
        asked.append(
            f"{of_columns(mine)}: {int(strange.sum())} of {len(mine)} answers (such as {held}) are none of the points of item "
            f"{item} of {one.label}, which are {', '.join(f'{points:g}' for points in only)}. What do the codes stand for? Write "
            f"instruments.{name}.points: {{{item}: {{code: points, ...}}}}{likely}."
        )
    return asked


def _codes_asked(name: str, scores: pd.DataFrame) -> list[str]:
    """Ask about codes for missing that the range of a score reaches and that stand out from its other values."""
    counts = scores["value"].value_counts()
    codes = counts[counts.index.isin(MISSING_CODES)]
    others = counts[~counts.index.isin(MISSING_CODES)]
    often = codes >= max(3.0, SPIKE * float(others.median()) if len(others) > 2 else 3.0)
    far = codes.index > (others.index.max() + FAR * np.ptp(scores["value"]) if len(others) else np.inf)
    stands_out = codes[often | (far & (codes >= 3))]
    alone = [code for code in stands_out.index if code < 0 or _stands_alone(float(code), scores["value"])]
    asked = stands_out[stands_out.index.isin(alone)]
    if not len(asked):
        return []
    held = ", ".join(f"{code:g} ({count} times)" for code, count in asked.sort_index().items())
    write = ", ".join(f'"{code:g}": reason' for code in sorted(asked.index))
    return [
        f"{of_columns(scores)}: holds {held}, usual codes for missing that are possible values here. Which are they? Write "
        f"export.missing: {{{write}}} if they are codes, or instruments.{name}.range with the range if they are values."
    ]


def _stands_alone(code: float, values: pd.Series) -> bool:
    """Whether a value is far more frequent than all others near it together: within a twentieth of the range seen."""
    near = (values - code).abs() <= max(1.0, float(np.ptp(values)) / 20)
    return bool((values == code).sum() > ALONE * (near & (values != code)).sum())


def arms_by_clinic(patients: pd.DataFrame) -> bool:
    """Whether every clinic has one arm only: then a difference between clinics may be one between arms."""
    known = patients.dropna(subset=["clinic", "arm"])
    arms = known.groupby(known["clinic"].str.strip())["arm"].nunique()
    return len(arms) > 1 and known["arm"].nunique() > 1 and bool((arms == 1).all())


def apart(values: pd.Series, others: pd.Series) -> float:
    """How many times as high the median of the others is, where the two hardly overlap; else not a number."""
    values, others = values[values > 0], others[others > 0]
    if not len(values) or not len(others) or values.quantile(0.9) > others.quantile(0.1):
        return np.nan
    return float(others.median() / values.median())


def stated_start(settings: Instrument, one: Definition, choices: dict[str, str], item: str) -> float:
    """Lowest answer as the export numbers it: what the study file says, else the dictionary's choices, else the instrument's."""
    low, high = one.item_range(item)
    if settings.items_from is not None:
        return low + settings.items_from - one.item_range("1")[0]
    try:
        codes = sorted(float(code) for code in choices)
    except ValueError:
        return low
    if len(codes) > 2 and codes[0] == low + 1 and codes[-1] == high + 1:
        return low + 1
    return low
