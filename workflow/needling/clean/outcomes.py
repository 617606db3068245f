"""Outcome values: numbers in the instrument's own unit, inside its range, totals that agree with their items."""

import numpy as np
import pandas as pd

from needling.clean import choices, columns, parse, questions, thousands
from needling.clean.trail import Trail
from needling.instruments.definition import SUM, Definition
from needling.read import number as written
from needling.schema.intake import TOTAL
from needling.study.plan import Study

OWN, ANOTHER, FOREIGN = "own", "another", "foreign"  # unit written into a cell, beside its column's
MANY_ITEMS = 3  # of more ratings of 0-10 the sum reaches what ratings of 0-100 do
SEVERAL = 2  # ratings above 10 from which a patient's 10 is in doubt
REASONS = [
    "written as missing",
    "spreadsheet error",
    "not a number",
    "code for missing",
    "labelled as missing by the export",
    "unit in doubt",
    "impossible value",
    "not measured",
]


def clean_outcomes(
    trail: Trail,
    tables: dict[str, pd.DataFrame],
    study: Study,
    definitions: dict[str, Definition],
    visits: pd.DataFrame,
) -> pd.DataFrame:
    """Make the clean table of outcomes.

    Parameters
    ----------
    tables : read tables.
    study : section instruments.
    definitions : outcome -> definition.
    visits : clean visits, still with the export's codes; rows of visits that were taken out go with them.

    Returns
    -------
    Table of the contract CLEAN['outcomes'] with the columns patient, clinic and column (of the export) behind it.
    """
    frame = _of_kept_visits(trail, _stripped(tables["outcomes"]), visits)
    frame["cell"], cells = _cells(frame, definitions)
    frame = _once(trail, frame, len(cells))
    place = visits.set_index("row")[["patient", "clinic", "visit"]]
    at = place.index.get_indexer(pd.Index(frame["visit_row"]))
    for name in place.columns:
        frame[name] = place[name].fillna("").astype("category").array[at]
    frame["unit"] = cells["unit"].array[frame["cell"]]
    frame = _numbers(trail, frame, cells, definitions)
    frame = _counted_from(trail, frame, cells, study, definitions)
    frame = _points(trail, frame, cells, study)
    frame = _exported_unit(trail, frame, study, definitions)
    by_arm = questions.arms_by_clinic(tables["patients"])
    frame = _scale_by_ten(trail, frame, study, definitions, cells)
    if not by_arm:
        frame = _tenth_of_others(trail, frame, study, definitions)
        frame = _other_units(trail, frame, study, definitions)
    questions.ask(trail, frame, study, definitions)
    frame = _strays(trail, frame, study, definitions)
    frame = _impossible(trail, frame, definitions, cells)
    frame = _missing_with(trail, frame, study)
    frame = _totals(trail, frame, definitions)
    return frame.drop(columns=["cell", "raw", "exported", "unit_stated", "out_of", "visit"])


def _stripped(read: pd.DataFrame) -> pd.DataFrame:
    """The read outcomes without spaces around their texts, which are categories: millions of cells share some thousand."""
    frame = read[["row", "visit_row", "column", "instrument", "item"]].copy()
    frame["raw"] = columns.blank_to_missing(read["value"])
    frame["exported"] = columns.blank_to_missing(read["unit"])
    given = columns.blank_to_missing(read["missing_reason"])
    others = sorted(set(given.cat.categories) - set(REASONS))
    frame["missing_reason"] = given.cat.set_categories([*REASONS, *others])
    return frame


def _of_kept_visits(trail: Trail, frame: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    """Take out the values of visits that were taken out, by the same rule and for the same reason."""
    out = trail.taken_out("visits")
    for (rule, action), rows in out.groupby(["rule", "action"], sort=True):
        gone = frame["visit_row"].isin(rows.index)
        reason = frame["visit_row"].map(rows["reason"])
        frame = trail.take_out(str(rule), frame, "outcomes", gone, reason, str(action))
    unknown = ~frame["visit_row"].isin(visits["row"])
    return trail.take_out("unknown_patients", frame, "outcomes", unknown, "visit unknown")


def _once(trail: Trail, frame: pd.DataFrame, kinds: int) -> pd.DataFrame:
    """Keep one value of each item and visit: a repeated one is dropped, a contradicting one quarantined."""
    entry = frame["visit_row"] * kinds + frame["cell"]
    later = entry.duplicated()
    if not later.any():
        return frame
    same = pd.DataFrame({"entry": entry, "raw": frame["raw"].cat.codes}).duplicated()
    several = entry.duplicated(keep=False) & ~same
    rows, source = frame["row"][several], frame["column"][several]
    if trail.settings.on("duplicates") and (later & ~same).any():
        reason = "on record twice at one visit; the first entry is kept until the site answers"
        trail.note("duplicates", "query", "outcomes", rows, source, reason)
    questions.told_apart(trail, frame, "outcomes")
    frame = trail.repeated(frame, "outcomes", later & same, "the same value entered twice", "a second value")
    later = later[frame.index]
    return trail.take_out("duplicates", frame, "outcomes", later, "a second entry with another value")


def _cells(frame: pd.DataFrame, definitions: dict[str, Definition]) -> tuple[np.ndarray, pd.DataFrame]:
    """Tell the kinds of cell apart: which item, or total, of which outcome.

    Returns
    -------
    Number of each row's kind; and by number its instrument, item, possible range (low, high), the range beyond which a code
    for missing is taken for one (code_low, code_high), and its unit.
    """
    instruments, items = frame["instrument"].cat, frame["item"].cat
    number, kinds = pd.factorize(instruments.codes.astype("int64") * len(items.categories) + items.codes)
    rows = []
    for kind in kinds:
        instrument, item = (
            part.categories[at]
            for part, at in zip((instruments, items), divmod(kind, len(items.categories)), strict=True)
        )
        one = definitions[instrument]
        score = item == TOTAL or one.measured
        limits = (one.low, one.high) if item == TOTAL else one.item_range(item)
        # a code for missing may be a possible value of a wide scale, but never a usual one
        usual = one.usual if score and one.usual else limits
        rows.append((instrument, item, *map(float, (*limits, *usual)), one.unit if score else "points"))
    names = ["instrument", "item", "low", "high", "code_low", "code_high", "unit"]
    return number, pd.DataFrame(rows, columns=names).astype({"unit": "category"})


def _numbers(
    trail: Trail, frame: pd.DataFrame, cells: pd.DataFrame, definitions: dict[str, Definition]
) -> pd.DataFrame:
    """Read the cells as numbers; labels of the dictionary stand for their codes."""
    raw = choices.labels_to_codes(trail, frame, cells)
    found = parse.numbers(raw, frame["instrument"])
    highest = cells["high"].to_numpy()[frame["cell"]]
    found, doubt = thousands.three_digits(raw, found, frame["instrument"], highest, trail.decimal, trail.parting)
    for name in frame.loc[doubt, "instrument"].unique():
        mine = doubt & (frame["instrument"] == name)
        found = thousands.hold_or_ask(found, raw, mine, questions.of_columns(frame[mine]))
    scale = parse.said(found, written.OUT_OF).astype(float)
    other = scale.index[scale != cells["high"].to_numpy()[frame["cell"].loc[scale.index]]]
    found = parse.in_doubt(found, found.index.isin(other), "written on another scale than the instrument's")
    frame, foreign = _units_beside(frame, found, definitions)
    found = parse.in_doubt(found, foreign, "written in another unit than the instrument's")
    columns.note_parsed(trail, "outcomes", frame["row"], frame["column"], raw, found)
    reason = frame["missing_reason"].copy()
    reason[found["how"] == written.ABSENT] = "written as missing"
    reason[found["how"] == written.ERROR] = "spreadsheet error"
    reason[found["how"] == written.TEXT] = "not a number"
    value = found["value"]
    code = value.isin(written.MISSING_CODES)
    unusual, limits = value[code], cells.iloc[frame["cell"][code]].set_index(value.index[code])
    # what looks like a code may be a rating on the 0-100 scale in a 0-10 column: left to that rule
    tenfold = (limits["high"] == 10) & unusual.between(0, 100, inclusive="right")
    code[code] = ((unusual < limits["code_low"]) | (unusual > limits["code_high"])) & ~tenfold
    why = "code for missing"
    trail.note("missing_codes", "missing", "outcomes", frame["row"][code], frame["column"][code], why, raw[code])
    reason[code] = why
    labelled = ~code & choices.labelled_missing(trail, frame, cells, value)
    why = "labelled as missing by the export"
    trail.note(
        "missing_codes", "missing", "outcomes", frame["row"][labelled], frame["column"][labelled], why, raw[labelled]
    )
    reason[labelled] = why
    code |= labelled
    out_of = frame.index.isin(parse.said(found, written.OUT_OF).index)
    return frame.assign(value=value.mask(code), missing_reason=reason, out_of=out_of)


def _units_beside(
    frame: pd.DataFrame, found: pd.DataFrame, definitions: dict[str, Definition]
) -> tuple[pd.DataFrame, pd.Series]:
    """Take a unit that is written beside a number for the unit of that cell; True where the instrument does not know it."""
    words = parse.said(found, written.BESIDE)
    if not len(words):
        return frame, pd.Series(False, index=frame.index)
    names = frame["instrument"].astype("str")[words.index]
    pairs = [*zip(words, names, strict=True)]
    kinds = {(word, name): _kind_of_unit(word, definitions[name]) for word, name in {*pairs}}
    kind = pd.Series([kinds[pair] for pair in pairs], index=words.index, dtype="str")
    exported = frame["exported"][words.index].astype("str")
    stated = (kind == ANOTHER) & exported.isna()
    # a unit column that says another unit than the cell leaves both in doubt
    differ = exported.map(_unit, na_action="ignore") != words.map(_unit)
    foreign = (kind == FOREIGN) | ((kind == ANOTHER) & exported.notna() & differ)
    column = frame["exported"].cat.add_categories(sorted(set(words[stated]) - set(frame["exported"].cat.categories)))
    column[words.index[stated]] = words[stated]
    return frame.assign(exported=column), foreign.reindex(frame.index, fill_value=False)


def _counted_from(
    trail: Trail, frame: pd.DataFrame, cells: pd.DataFrame, study: Study, definitions: dict[str, Definition]
) -> pd.DataFrame:
    """Number answers as the instrument does, where the export begins at another number."""
    shift = pd.Series(0.0, index=cells.index)
    for cell, name, item in cells[["instrument", "item"]].itertuples():
        one = definitions[name]
        listed = trail.choices("outcomes", f"{name}:{item}")
        if item == TOTAL:
            seen = set(frame["value"][frame["cell"] == cell]) if listed else set()
            shift[cell] = choices.from_codes_to_scores(listed, one, seen)
        elif not one.measured and item not in study.instruments[name].points:
            start = questions.stated_start(study.instruments[name], one, listed, item)
            shift[cell] = one.item_range(item)[0] - start
    by = pd.Series(shift.to_numpy()[frame["cell"]], index=frame.index)
    moved = (by != 0) & frame["value"].notna()
    new = frame["value"] + by
    rows, source, old = frame["row"][moved], frame["column"][moved], frame["value"][moved]
    trail.note("numbers", "corrected", "outcomes", rows, source, "answers numbered from another start", old, new[moved])
    return frame.assign(value=frame["value"].mask(moved, new))


def _points(trail: Trail, frame: pd.DataFrame, cells: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Give answers the points that the study file says, where the export has codes of its own for them."""
    value = frame["value"].copy()
    for cell, name, item in cells[["instrument", "item"]].itertuples():
        points = study.instruments[name].points.get(item)
        if not points:
            continue
        mine = (frame["cell"] == cell) & value.notna()
        known = {float(code): each for code, each in points.items()}
        new = value[mine].map(known)
        strange, moved = new.index[new.isna()], new.index[new.notna() & (new != value[mine])]
        row, column = frame["row"], frame["column"]
        why = "answer coded otherwise by the export"
        trail.note("numbers", "corrected", "outcomes", row[moved], column[moved], why, value[moved], new[moved])
        why = "a code to which the study file gives no points"
        trail.note("numbers", "query", "outcomes", row[strange], column[strange], why, value[strange])
        value[mine] = new
    return frame.assign(value=value)


def _exported_unit(trail: Trail, frame: pd.DataFrame, study: Study, definitions: dict[str, Definition]) -> pd.DataFrame:
    """Convert values from the unit that the study file or the unit column states."""
    value = frame["value"].copy()
    stated = frame["exported"]
    known = pd.Series(False, index=frame.index)
    doubted = known.copy()
    for name, one in definitions.items():
        own = study.instruments[name].factor
        mine = (frame["instrument"] == name) & ((frame["item"] == TOTAL) | one.measured)
        added_up = one.exported == SUM != one.unit
        if not (one.factors or own or added_up or stated[mine].notna().any()):
            continue
        plan = own or one.factors.get(one.exported, 1.0)
        units = _units(one)
        spelled = stated[mine].map({text: units.get(_unit(str(text))) for text in stated.cat.categories}).astype(float)
        sums = stated[mine].map({text: _is_sum(str(text), one) for text in stated.cat.categories}).eq(True)
        unknown = stated[mine].notna() & spelled.isna() & ~sums
        sums = (sums | (stated[mine].isna() & added_up)).reindex(frame.index, fill_value=False)
        factor = spelled.fillna(plan).reindex(frame.index, fill_value=1.0)
        convert = mine & value.notna() & (sums | (factor != 1.0))
        new = (value * factor).mask(sums, one.from_sum(value)) if sums.any() else value * factor
        said = convert & stated.notna() if trail.settings.on("units") else convert & False
        rows, source = frame["row"][said], frame["column"][said]
        why = "converted by the unit that it states"
        trail.note("units", "corrected", "outcomes", rows, source, why, value[said], new[said])
        value = value.mask(convert, new)
        bad = unknown[unknown].index
        if trail.settings.on("units") and len(bad):
            unit = trail.source("outcomes", f"{name}:unit")
            why = "unit not known; its value is held back"
            trail.note("units", "query", "outcomes", frame["row"][bad], unit, why, stated[bad].astype("str"))
            value[bad] = np.nan
            doubted[bad] = True
        known |= mine & stated.notna() & (spelled.reindex(frame.index).notna() | sums)
    reason = _because(frame["missing_reason"], doubted, "unit in doubt")
    return frame.assign(value=value, missing_reason=reason, unit_stated=known)


def _units(one: Definition) -> dict[str, float]:
    """Every unit of an outcome, reduced, with what one of it is in the outcome's own."""
    return {_unit(unit): factor for unit, factor in one.factors.items()} | {_unit(one.unit): 1.0}


def _is_sum(unit: str, one: Definition) -> bool:
    """Whether a stated unit says that the answers were added up and not put on the instrument's scale."""
    return one.sums is not None and one.unit != SUM and _unit(unit) in {_unit(SUM), "sum"}


def _kind_of_unit(word: str, one: Definition) -> str:
    """Whether a unit written into a cell is the column's own, another one of the outcome, or none that it has."""
    if _unit(word) in _units(one) and _unit(word) != _unit(one.exported or one.unit):
        return ANOTHER
    return OWN if _is_own_unit(word, one) else FOREIGN


def _is_own_unit(word: str, one: Definition) -> bool:
    """Whether a unit written into a cell is the one that its column has: the exported unit, or points of a score."""
    own = {_unit(one.exported or one.unit), *(columns.plain_unit(part) for part in one.unit.split())}
    return _unit(word) in own or columns.plain_unit(word) in {*own, *(() if one.measured else ("point", "p"))}


def _unit(text: str) -> str:
    """Reduce a unit to what tells it from others: 'kgf/cm²' and 'KG/cm2' are one, 'N' is not 'n/a'."""
    return text.strip().lower().replace("²", "2").replace("^", "").replace(" ", "").replace("kgf", "kg")


def _scale_by_ten(
    trail: Trail, frame: pd.DataFrame, study: Study, definitions: dict[str, Definition], cells: pd.DataFrame
) -> pd.DataFrame:
    """Divide ratings of 0-100 in a 0-10 column where a clinic or a patient used that scale; a stated factor has its way."""
    free = {name for name in definitions if study.instruments[name].factor is None}
    tens = {name for name in free if (definitions[name].low, definitions[name].high) == (0.0, 10.0)}
    rated = cells.index[cells["instrument"].isin(tens) & (cells["high"] == 10)]
    mine = frame["cell"].isin(rated) & frame["value"].notna()
    over = mine & (frame["value"] > 10) & (frame["value"] <= 100)
    if not trail.settings.on("scale_by_ten") or not over.any():
        return frame
    rescale = pd.Series(False, index=frame.index)
    # a column that is above 10 in every clinic has nothing to be held against: that is asked
    asked = {name for name in tens if not questions.told(study.instruments[name])}
    totals = mine & frame["cell"].isin(cells.index[(cells["item"] == TOTAL) & cells["instrument"].isin(asked)])
    shares = over[totals].groupby([frame["cell"][totals], frame["clinic"][totals].astype("str")]).mean()
    least = shares.groupby(level=0).min()
    whole = {*least.index[least >= columns.scale_settings(trail)[0]]}
    # and a score from many items may be their sum as well
    many = {name for name in asked if (rule := definitions[name].scoring) is not None and rule.count > MANY_ITEMS}
    whole |= {*cells.index[(cells["item"] == TOTAL) & cells["instrument"].isin(many)]}
    mine &= ~frame["cell"].isin(whole)
    over &= mine
    for _, one in frame[mine & ~frame["out_of"]].groupby("cell"):
        rescale[one.index] = columns.tenfold(
            one["value"], [one["clinic"], one["patient"]], *columns.scale_settings(trail)
        )
    value = frame["value"]
    rows, source = frame["row"], frame["column"]
    why = "rated 0-100 in a 0-10 column"
    new = value / 10
    trail.note(
        "scale_by_ten", "corrected", "outcomes", rows[rescale], source[rescale], why, value[rescale], new[rescale]
    )
    lost = over & ~rescale
    why = "above 10, but the clinic rates 0-10"
    trail.note("scale_by_ten", "query", "outcomes", rows[lost], source[lost], why, frame["raw"][lost].astype("str"))
    often = lost.groupby([frame["cell"], frame["patient"]], observed=True).transform("sum") >= SEVERAL
    ten = mine & (value == 10) & often & ~rescale
    why = "10 of a patient whose other ratings are above 10: it may be 1"
    trail.note("scale_by_ten", "query", "outcomes", rows[ten], source[ten], why, frame["raw"][ten].astype("str"))
    reason = frame["missing_reason"].mask(ten, "unit in doubt")
    return frame.assign(value=frame["value"].mask(rescale, new).mask(ten), missing_reason=reason)


def _tenth_of_others(
    trail: Trail, frame: pd.DataFrame, study: Study, definitions: dict[str, Definition]
) -> pd.DataFrame:
    """Multiply by ten where a clinic rates 0-10 in a 0-100 column: all its values, five to twenty times below the others'."""
    value = frame["value"].copy()
    for name, one in definitions.items():
        told = questions.told(study.instruments[name])
        if told or one.measured or 10 not in one.factors.values() or not trail.settings.on("scale_by_ten"):
            continue
        mine = (frame["instrument"] == name) & (frame["item"] == TOTAL) & value.notna() & ~frame["unit_stated"]
        _, fewest = columns.scale_settings(trail)
        rated, clinics = value[mine], frame["clinic"][mine]
        by_clinic = rated.groupby(clinics, observed=True).agg(["size", "max"])
        enough = (by_clinic["size"] >= fewest) & (len(rated) - by_clinic["size"] >= fewest)
        for clinic in sorted({*by_clinic.index[enough & (by_clinic["max"] <= one.high / 10)]} - {""}):
            here = clinics == clinic
            if not 5 <= questions.apart(rated[here], rated[~here]) <= 20:
                continue
            why, old = "the clinic rates 0-10 in a 0-100 column", rated[here]
            rows, source = frame["row"][old.index], frame["column"][old.index]
            trail.note("scale_by_ten", "corrected", "outcomes", rows, source, why, old, old * 10)
            value[old.index] = old * 10
    return frame.assign(value=value)


def _other_units(trail: Trail, frame: pd.DataFrame, study: Study, definitions: dict[str, Definition]) -> pd.DataFrame:
    """Where no unit is stated: convert a clinic that hardly overlaps with the others and differs from them by one unit's factor."""
    if not trail.settings.on("units"):
        return frame
    tolerance, fewest = trail.settings("units", "tolerance"), trail.settings("units", "fewest")
    value = frame["value"].copy()
    for name, one in definitions.items():
        if not one.measured or questions.told(study.instruments[name]):
            continue
        mine = (frame["instrument"] == name) & (value > 0)
        factors = sorted({factor for factor in one.factors.values() if factor >= 5})
        unstated = mine & ~frame["unit_stated"]
        # a clinic may have written a part of its values in the usual unit
        below = unstated & (value < (one.usual[0] if one.usual else 0.0))
        by_clinic = below[unstated].groupby(frame["clinic"][unstated], observed=True).agg(["sum", "size"])
        many = (by_clinic["sum"] >= fewest) & (by_clinic["sum"] >= by_clinic["size"] / 2)
        level, clinics, below = value[mine], frame["clinic"][mine], below[mine]
        for clinic in sorted({*by_clinic.index[many]} - {""}):
            here = clinics == clinic
            low, others = level[below & here], level[~here]
            times = questions.apart(low, others)
            near = [factor for factor in factors if abs(np.log(times / factor)) < tolerance] if times > 0 else []
            if len(others) < fewest or len(near) != 1:
                continue
            why = "the clinic's level is that of another unit"
            rows, source = frame["row"][low.index], frame["column"][low.index]
            trail.note("units", "corrected", "outcomes", rows, source, why, low, low * near[0])
            level[low.index] = value[low.index] = low * near[0]
    return frame.assign(value=value)


def _strays(trail: Trail, frame: pd.DataFrame, study: Study, definitions: dict[str, Definition]) -> pd.DataFrame:
    """Hold single values back that are at another unit's level, where the study file states none."""
    if not trail.settings.on("units"):
        return frame
    value, reason = frame["value"].copy(), frame["missing_reason"].copy()
    for name, one in definitions.items():
        if one.measured and not questions.told(study.instruments[name]):
            mine = (frame["instrument"] == name) & (value > 0)
            value, reason = _stray_units(trail, frame, one, value, reason, mine)
    return frame.assign(value=value, missing_reason=reason)


def _stray_units(
    trail: Trail, frame: pd.DataFrame, one: Definition, value: pd.Series, reason: pd.Series, mine: pd.Series
) -> tuple[pd.Series, pd.Series]:
    """Single values far below all usual ones that another unit would explain: held back and queried."""
    if one.usual is None:
        return value, reason
    low = mine & (value < one.usual[0])
    explained = pd.Series(False, index=value.index)
    for factor in set(one.factors.values()):
        explained |= low & (value * factor).between(*one.usual)
    why = "too low for its unit; another unit would explain it"
    rows, source = frame["row"][explained], frame["column"][explained]
    trail.note("units", "query", "outcomes", rows, source, why, frame["raw"][explained].astype("str"))
    return value.mask(explained), _because(reason, explained, "unit in doubt")


def _impossible(
    trail: Trail, frame: pd.DataFrame, definitions: dict[str, Definition], cells: pd.DataFrame
) -> pd.DataFrame:
    """Outside the instrument's range is missing; outside the usual range is flagged."""
    if not trail.settings.on("ranges"):
        return frame
    value = frame["value"]
    slack = np.where(cells["item"] == TOTAL, questions.SLACK, 1e-9)
    low, high = (limit.to_numpy()[frame["cell"]] for limit in (cells["low"] - slack, cells["high"] + slack))
    out = (value < low) | (value > high)
    rows, source = frame["row"][out], frame["column"][out]
    trail.note(
        "ranges", "missing", "outcomes", rows, source, "impossible: outside the instrument's range", frame["raw"][out]
    )
    none_of_them = _none_of_its_answers(frame, definitions, cells) & ~out
    rows, source = frame["row"][none_of_them], frame["column"][none_of_them]
    why = "impossible: none of the answers that the item has"
    trail.note("ranges", "missing", "outcomes", rows, source, why, frame["raw"][none_of_them])
    out |= none_of_them
    for name, one in definitions.items():
        if one.usual is None:
            continue
        odd = (frame["instrument"] == name) & ~out & ((value < one.usual[0]) | (value > one.usual[1]))
        rows, source = frame["row"][odd], frame["column"][odd]
        trail.note("ranges", "flagged", "outcomes", rows, source, "unusual value", value[odd], value[odd])
    return frame.assign(
        value=value.mask(out), missing_reason=_because(frame["missing_reason"], out, "impossible value")
    )


def _because(reasons: pd.Series, where: pd.Series, reason: str) -> pd.Series:
    reasons = reasons.copy()
    reasons[where] = reason
    return reasons


def _none_of_its_answers(frame: pd.DataFrame, definitions: dict[str, Definition], cells: pd.DataFrame) -> pd.Series:
    """Which answers lie within the range of their item and are still none that it has, as 5 where only 0, 4, 7 and 10 exist."""
    strange = pd.Series(False, index=frame.index)
    for cell, name, item in cells[["instrument", "item"]].itertuples():
        only = [] if item == TOTAL else definitions[name].only_answers(item)
        if only:
            strange |= (frame["cell"] == cell) & frame["value"].notna() & ~frame["value"].isin(only)
    return strange


def _missing_with(trail: Trail, frame: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Make values missing where the instrument that shows it is missing at the same visit."""
    for name, settings in study.instruments.items():
        if settings.missing_with is None:
            continue
        there = frame.loc[(frame["instrument"] == settings.missing_with) & frame["value"].notna(), "visit_row"]
        lost = (frame["instrument"] == name) & frame["value"].notna() & ~frame["visit_row"].isin(there)
        why = f"{settings.missing_with} is missing at this visit"
        rows, source = frame["row"][lost], frame["column"][lost]
        trail.note("missing_with", "missing", "outcomes", rows, source, why, frame["raw"][lost])
        frame = frame.assign(
            value=frame["value"].mask(lost), missing_reason=_because(frame["missing_reason"], lost, "not measured")
        )
    return frame


def _totals(trail: Trail, frame: pd.DataFrame, definitions: dict[str, Definition]) -> pd.DataFrame:
    """Replace totals that differ from the score of their items; query raw-scale totals that have no items."""
    if not trail.settings.on("totals"):
        return frame
    from needling.instruments.scoring import wide

    value = frame["value"].copy()
    for name, one in definitions.items():
        if not one.items:
            continue
        mine = frame[(frame["instrument"] == name) & value.notna()]
        totals = mine[mine["item"] == TOTAL]
        if totals.empty:
            continue
        items = wide(mine, one)
        score = one.score(items) if len(items) else pd.Series(dtype=float)
        stated, right = totals["value"], totals["visit_row"].map(score)
        low, high = (totals["visit_row"].map(bound) for bound in _bounds(one, items))
        slack = trail.settings("totals", "tolerance")
        differs = right.notna() & ((stated < low - slack) | (stated > high + slack))
        raw_scale, factor = _on_raw_scale(one, stated, right, differs)
        why = np.where(raw_scale, "total on the raw scale", "total differs from its items")[differs]
        rows, source = totals["row"][differs], totals["column"][differs]
        trail.note("totals", "corrected", "outcomes", rows, source, why, stated[differs], right[differs])
        if factor:
            known = right.notna()
            raw_share = raw_scale[known].groupby(totals["clinic"][known], observed=True).mean()
            doubt = ~known & totals["clinic"].isin(raw_share.index[raw_share > 0.5])
            reason = "no items, and the clinic gives totals on the raw scale"
            trail.note(
                "totals", "query", "outcomes", totals["row"][doubt], totals["column"][doubt], reason, stated[doubt]
            )
        value[differs.index[differs]] = right[differs]
    return frame.assign(value=value)


def _bounds(one: Definition, items: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Lowest and highest score that the answered items allow, whatever the missing ones were."""
    ends = []
    for end in (0, 1):
        filled = items.copy()
        for item in filled.columns:
            filled[item] = filled[item].fillna(one.item_range(item)[end])
        ends.append(one.score(filled))
    both = pd.concat(ends, axis=1)
    return both.min(axis=1), both.max(axis=1)


def _on_raw_scale(
    one: Definition, value: pd.Series, right: pd.Series, differs: pd.Series
) -> tuple[pd.Series, float | None]:
    """Which differing totals are the raw sum of an instrument that is scored in percent."""
    factor = next((f for unit, f in one.factors.items() if unit.endswith("points")), None)
    if factor is None or one.measured:
        return differs & False, None
    return differs & ((value * factor - right).abs() <= 0.51 * factor), factor
