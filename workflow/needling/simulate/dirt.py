"""Put the mistakes that real exports carry into an export, and log every cell.

Works on any frame of text with one row per visit, session or person, told which column plays which role. Kinds are
numbered as in the project's list of dirt. No cell is touched twice, and only kind 8 (arms) looks at the arm.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from needling.simulate.soiled import Answers, Roles, Soiled, among, dates_in, in_style, iso, numbers_in, written

KILOPASCAL = {"kgf/cm2": 98.07, "N/cm2": 10.0}


# ---------------------------------------------------------------- the kinds


def date_styles(soiled: Soiled, rng: np.random.Generator) -> None:
    """1: a clinic writes days first, another months first, single cells are serial numbers or mix both styles."""
    roles = soiled.roles
    if soiled.has(roles.visit_date):
        column = str(roles.visit_date)
        rows = np.flatnonzero(soiled.filled(column) & soiled.in_clinic(0))
        soiled.change(1, "day first in a clinic", rows, column, in_style(soiled.cells[column][rows], "%d/%m/%Y"))
        rows = soiled.some(soiled.filled(column), 6, rng)
        soiled.change(1, "serial number", rows, column, in_style(soiled.cells[column][rows], "serial"))
    for dated in filter(soiled.has, (roles.session_date, roles.needling_date)):
        rows = np.flatnonzero(soiled.filled(str(dated)) & soiled.in_clinic(1))
        texts = in_style(soiled.cells[str(dated)][rows], "%m/%d/%Y")
        soiled.change(1, "month first in a clinic", rows, str(dated), texts)
    for column in roles.loose_dates[:1]:
        for style in ("%d/%m/%Y", "%m/%d/%Y"):
            rows = soiled.some(soiled.filled(column), 10, rng)
            soiled.change(1, "both styles in a column", rows, column, in_style(soiled.cells[column][rows], style))


def hundred_point_pain(soiled: Soiled, rng: np.random.Generator) -> None:
    """2: a clinic rates pain in millimetres (0-100); another one does so in its sessions."""
    for number, columns in ((2, (soiled.roles.pain,)), (3, soiled.roles.session_pain)):
        for column in columns:
            if column in soiled.cells:
                rows = np.flatnonzero(soiled.filled(column) & soiled.in_clinic(number))
                soiled.change(
                    2, "0-100 in a clinic", rows, column, written(10 * numbers_in(soiled.cells[column][rows]))
                )


def pressure_units(soiled: Soiled, rng: np.random.Generator) -> None:
    """3: pressure thresholds in kgf or N, which the unit column says (a clinic, single visits) or does not say."""
    roles = soiled.roles
    if not roles.readings or not soiled.has(*roles.readings, roles.reading_unit):
        return
    unit_column = str(roles.reading_unit)
    columns = (*roles.readings, unit_column)
    plan = [("unit given, a clinic", "kgf/cm2", np.flatnonzero(soiled.filled(*columns) & soiled.in_clinic(4)))]
    elsewhere = soiled.filled(*columns) & ~soiled.in_clinic(4) & ~soiled.in_clinic(5)
    singles = soiled.some(elsewhere, 16, rng)
    plan += [("unit given", "N/cm2", singles[::2]), ("unit not given", "kgf/cm2", singles[1::2])]
    for variant, unit, rows in plan:
        for column in roles.readings:
            numbers = numbers_in(soiled.cells[column][rows]) / KILOPASCAL[unit]
            soiled.change(3, variant, rows, column, written(numbers))
        if variant != "unit not given":
            soiled.change(3, variant, rows, unit_column, unit)


def raw_totals(soiled: Soiled, rng: np.random.Generator) -> None:
    """4: a clinic enters a questionnaire's plain sum where the others enter per cent."""
    answers = soiled.roles.questionnaires.get(soiled.roles.raw_total or "")
    if answers is None or not soiled.has(answers.total, *answers.items):
        return
    column = str(answers.total)
    rows = np.flatnonzero(soiled.filled(column, *answers.items) & soiled.in_clinic(0))
    sums = np.sum([numbers_in(soiled.cells[item][rows]) for item in answers.items], axis=0)
    soiled.change(4, "plain sum in a clinic", rows, column, written(sums))


def reversed_scale(soiled: Soiled, rng: np.random.Generator) -> None:
    """5: a clinic enters a questionnaire upside down."""
    answers = soiled.roles.questionnaires.get(soiled.roles.reversible or "")
    if answers is None or not soiled.has(*answers.items):
        return
    rows = np.flatnonzero(soiled.filled(*answers.items) & soiled.in_clinic(6))
    turned = [
        low + high - numbers_in(soiled.cells[item][rows])
        for item, low, high in zip(answers.items, answers.lows, answers.highs, strict=True)
    ]
    for item, values in zip(answers.items, turned, strict=True):
        soiled.change(5, "reversed in a clinic", rows, item, written(values))
    if soiled.has(answers.total):
        column = str(answers.total)
        soiled.change(5, "reversed in a clinic", rows, column, answers.score(np.stack(turned, axis=1)))
        alone = np.flatnonzero(soiled.filled(column) & (soiled.cells[answers.items[0]] == "") & soiled.in_clinic(6))
        both_ends = numbers_in(answers.score(np.array([answers.lows, answers.highs]))).sum()
        new = written(both_ends - numbers_in(soiled.cells[column][alone]))
        soiled.change(5, "reversed in a clinic", alone, column, new)


def missing_codes(soiled: Soiled, rng: np.random.Generator) -> None:
    """6: codes and words for missing in columns of numbers."""
    roles = soiled.roles
    columns = [roles.pain, *roles.session_pain, *roles.readings[:1], *roles.numbers]
    columns += [answers.items[0] for answers in roles.questionnaires.values()]
    for column in dict.fromkeys(columns):
        if column in soiled.cells:
            rows = soiled.some(soiled.filled(column), 5, rng)
            codes = rng.choice(np.array(["-9", "-99", "999", "NA", "."], dtype=object), len(rows))
            soiled.change(6, "code for missing", rows, column, codes)


def duplicate_rows(soiled: Soiled, rng: np.random.Generator) -> None:
    """7: rows repeated exactly, sessions entered twice alike, and sessions entered twice that contradict each other."""
    roles = soiled.roles
    if soiled.has(roles.visit_date):
        rows = soiled.some(soiled.filled(str(roles.visit_date)) & ~soiled.row_touched, 4, rng)
        soiled.add(7, "exact", rows, {})
    if not soiled.has(roles.session_date):
        return
    column = str(roles.session_date)
    soiled.add(7, "exact", soiled.some(soiled.filled(column) & ~soiled.row_touched, 6, rng), {})
    rows = soiled.some(soiled.filled(column) & ~soiled.row_touched, 5, rng)
    soiled.add(7, "entered twice", rows, _next_instance(soiled, rows))
    rated = [name for name in roles.session_pain if name in soiled.cells][-1:]
    if rated:
        rows = soiled.some(soiled.filled(column, rated[0]) & ~soiled.row_touched, 5, rng)
        pain = numbers_in(soiled.cells[rated[0]][rows])
        changes = _next_instance(soiled, rows) | {rated[0]: written(np.where(pain > 5, pain - 2, pain + 2))}
        changes[column] = iso(dates_in(soiled.cells[column][rows]) + rng.integers(0, 2, len(rows)))
        soiled.add(7, "entered twice, in conflict", rows, changes)


def _next_instance(soiled: Soiled, rows: np.ndarray) -> dict[str, np.ndarray]:
    roles = soiled.roles
    if not soiled.has(roles.instance, roles.instrument):
        return {}
    keys = pd.DataFrame(
        {
            "record": soiled.cells[roles.record],
            "instrument": soiled.cells[str(roles.instrument)],
            "instance": numbers_in(soiled.cells[str(roles.instance)]),
        }
    )
    highest = keys.groupby(["record", "instrument"])["instance"].transform("max").to_numpy()[rows]
    # Two copies in one record get instances of their own.
    again = pd.Series(soiled.cells[roles.record][rows]).groupby(soiled.cells[roles.record][rows]).cumcount().to_numpy()
    return {str(roles.instance): written(highest + 1 + again)}


def arms_and_needling(soiled: Soiled, rng: np.random.Generator) -> None:
    """8: arms in other spellings, and needling on record of patients who were not allocated to it."""
    roles = soiled.roles
    if not soiled.has(roles.arm):
        return
    column = str(roles.arm)
    here = soiled.filled(column) & among(soiled.cells[column], list(roles.arm_spellings))
    rows = soiled.some(here, 14, rng)
    spelled = [
        roles.arm_spellings[arm][draw % len(roles.arm_spellings[arm])]
        for arm, draw in zip(soiled.cells[column][rows], rng.integers(0, 1000, len(rows)), strict=True)
    ]
    arms = soiled.per_record(column)
    soiled.change(8, "arm spelled otherwise", rows, column, np.array(spelled, dtype=object))
    if soiled.has(roles.needling_date, roles.needling_session, roles.session_date, roles.session, roles.instrument):
        _needling_without_allocation(soiled, arms, rng)


def _needling_without_allocation(soiled: Soiled, arms: np.ndarray, rng: np.random.Generator) -> None:
    roles = soiled.roles
    date, session = str(roles.needling_date), str(roles.session)
    needled = soiled.filled(date, str(roles.needling_session)) & ~soiled.row_touched
    needling_arms = set(arms[needled])
    other = soiled.filled(str(roles.session_date), session) & ~soiled.row_touched & ~among(arms, [*needling_arms, ""])
    candidates = np.flatnonzero(other)
    mask = np.zeros(len(other), dtype=bool)
    mask[candidates[np.unique(soiled.cells[roles.record][candidates], return_index=True)[1]]] = True
    rows = soiled.some(mask, 3, rng)
    donors = soiled.some(needled, len(rows), rng)[: len(rows)]
    rows = rows[: len(donors)]
    keys = [roles.record, roles.event, roles.clinic]
    changes = {name: soiled.cells[name][donors] for name in soiled.columns if name not in keys}
    changes[date] = soiled.cells[str(roles.session_date)][rows]
    changes[str(roles.needling_session)] = soiled.cells[session][rows]
    if soiled.has(roles.instance):
        changes[str(roles.instance)] = np.full(len(rows), "1", dtype=object)
    soiled.add(8, "needling in another arm", rows, changes)


def sessions_outside(soiled: Soiled, rng: np.random.Generator) -> None:
    """9: sessions dated before day 0 or after the patient has left."""
    roles = soiled.roles
    if not soiled.has(roles.session_date, roles.day_0):
        return
    column = str(roles.session_date)
    starts = dates_in(soiled.per_record(str(roles.day_0)))
    rows = soiled.some(soiled.filled(column) & ~soiled.row_touched & ~np.isnat(starts), 6, rng)
    soiled.change(9, "before day 0", rows, column, iso(starts[rows] - rng.integers(20, 60, len(rows))))
    soiled.close(rows)
    if soiled.has(roles.exit_date):
        ends = dates_in(soiled.per_record(str(roles.exit_date)))
        rows = soiled.some(soiled.filled(column) & ~soiled.row_touched & ~np.isnat(ends), 5, rng)
        soiled.change(9, "after exit", rows, column, iso(ends[rows] + rng.integers(10, 40, len(rows))))
        soiled.close(rows)


def late_baseline(soiled: Soiled, rng: np.random.Generator) -> None:
    """10: baseline visits dated after the first session (of patients whose sessions are as they were)."""
    roles = soiled.roles
    if not soiled.has(roles.visit_date, roles.session_date, roles.event) or roles.baseline is None:
        return
    records = soiled.cells[roles.record]
    sessions = soiled.cells[str(roles.session_date)]
    soiled_records = records[(sessions != "") & (soiled.row_touched | soiled.touched[str(roles.session_date)])]
    dates = pd.Series(dates_in(sessions), index=records).groupby(level=0).min()
    first = pd.Series(records).map(dates).to_numpy("datetime64[D]")
    baseline = soiled.cells[str(roles.event)] == roles.baseline
    here = baseline & soiled.filled(str(roles.visit_date)) & ~np.isnat(first)
    here &= ~among(records, soiled_records)
    rows = soiled.some(here, 6, rng)
    late = first[rows] + rng.integers(1, 4, len(rows))
    soiled.change(10, "after the first session", rows, str(roles.visit_date), iso(late))
    theirs = among(records, records[rows]) & (sessions != "")
    soiled.close(np.flatnonzero(theirs))


def totals_and_items(soiled: Soiled, rng: np.random.Generator) -> None:
    """11: totals that differ from their items, and items above their highest value."""
    for answers in soiled.roles.questionnaires.values():
        if not soiled.has(*answers.items):
            continue
        if soiled.has(answers.total):
            column = str(answers.total)
            rows = soiled.some(soiled.filled(column, *answers.items), 3, rng)
            old = numbers_in(soiled.cells[column][rows])
            by = rng.integers(3, 9, len(rows)) * np.where(old > 20, -1, 1)
            soiled.change(11, "total differs from the items", rows, column, written(old + by))
            for item in answers.items:
                soiled.touched[item][rows] = True
        place = int(rng.integers(len(answers.items)))
        item = answers.items[place]
        others = [name for name in answers.items if name != item]
        rows = soiled.some(soiled.filled(item, *others), 3, rng)
        above = answers.highs[place] + rng.integers(1, 4, len(rows))
        soiled.change(11, "item above its range", rows, item, written(above.astype(float)))
        for other in (*others, *([answers.total] if soiled.has(answers.total) else [])):
            soiled.touched[str(other)][rows] = True


def impossible_values(soiled: Soiled, rng: np.random.Generator) -> None:
    """12: impossible and unusual values."""
    for column, (impossible, unusual) in soiled.roles.numbers.items():
        if column not in soiled.cells:
            continue
        for variant, values in (("impossible", impossible), ("unusual", unusual)):
            if values:
                rows = soiled.some(soiled.filled(column), 3, rng)
                soiled.change(12, variant, rows, column, rng.choice(np.array(values, dtype=object), len(rows)))


def sides_and_codes(soiled: Soiled, rng: np.random.Generator) -> None:
    """13: sides swapped, mistyped record codes, and record or clinic codes written in another way."""
    roles = soiled.roles
    if soiled.has(roles.side, roles.affected_side):
        column, (left, right) = str(roles.side), roles.sides
        one_sided = among(soiled.per_record(str(roles.affected_side)), roles.sides)
        rows = soiled.some(soiled.filled(column) & one_sided, 10, rng)
        soiled.change(13, "side swapped", rows, column, np.where(soiled.cells[column][rows] == left, right, left))
    known = set(soiled.cells[roles.record])
    if soiled.has(roles.session_date):
        here = soiled.filled(roles.record, str(roles.session_date)) & ~soiled.row_touched
        rows = soiled.some(here, 5, rng)
        _mistype(soiled, "record mistyped", rows, known, _one_digit_off, rng)
        rows = soiled.some(here & ~soiled.row_touched, 5, rng)
        _mistype(soiled, "record written otherwise", rows, known, _prefix_drift, rng)
    if soiled.has(roles.clinic, roles.day_0):
        column = str(roles.clinic)
        here = soiled.filled(column, str(roles.day_0)) & ~soiled.row_touched & soiled.in_clinic(8)
        rows = soiled.some(here, 3, rng)
        drifted = np.array(
            [name.replace("_0", "_", 1).capitalize() for name in soiled.cells[column][rows]], dtype=object
        )
        soiled.change(13, "clinic written otherwise", rows, column, drifted)


def _mistype(
    soiled: Soiled,
    variant: str,
    rows: np.ndarray,
    known: set[str],
    how: Callable[[str, np.random.Generator], str],
    rng: np.random.Generator,
) -> None:
    record = soiled.roles.record
    new = [how(code, rng) for code in soiled.cells[record][rows]]
    fresh = np.array([code not in known for code in new], dtype=bool)
    rows = rows[fresh]
    soiled.change(13, variant, rows, record, np.array(new, dtype=object)[fresh])
    soiled.close(rows)


def _one_digit_off(code: str, rng: np.random.Generator) -> str:
    """Double a digit of the code, which makes it longer than any real one."""
    places = [place for place, sign in enumerate(code) if sign.isdigit()]
    if not places:
        return code + code[-1:]
    place = places[int(rng.integers(len(places)))]
    return code[: place + 1] + code[place] + code[place + 1 :]


def _prefix_drift(code: str, rng: np.random.Generator) -> str:
    lower = code.lower()
    return lower if lower != code else f" {code.upper()}".replace("-", "_")


def loose_numbers(soiled: Soiled, rng: np.random.Generator) -> None:
    """14: decimal commas, '7/10', '6-7', '<1'."""
    for column in soiled.roles.decimals:
        if column in soiled.cells:
            fractions = np.array(["." in str(cell) for cell in soiled.cells[column]])
            rows = soiled.some(soiled.filled(column) & fractions, 6, rng)
            commas = np.array([cell.replace(".", ",") for cell in soiled.cells[column][rows]], dtype=object)
            soiled.change(14, "decimal comma", rows, column, commas)
    for rated in filter(soiled.has, (soiled.roles.pain, *soiled.roles.session_pain)):
        column = str(rated)
        rows = soiled.some(soiled.filled(column), 6, rng)
        soiled.change(14, "out of ten", rows, column, soiled.cells[column][rows] + "/10")
        numbers = numbers_in(soiled.cells[column])
        rows = soiled.some(soiled.filled(column) & (numbers >= 1) & (numbers <= 9), 4, rng)
        spans = [f"{number:.0f}-{number + 1:.0f}" for number in numbers[rows]]
        soiled.change(14, "span", rows, column, np.array(spans, dtype=object))
        rows = soiled.some(soiled.filled(column) & (numbers == 1), 3, rng)
        soiled.change(14, "limit", rows, column, "<1")


def identifiers(soiled: Soiled, rng: np.random.Generator) -> None:
    """15: made-up phone numbers, addresses of mail, names and record numbers in free text (never in the demo)."""
    phrases = (
        "call 202-555-0143 before noon",
        "mail to a.example@example.org",
        "husband Mr Exampleman came along",
        "hospital number MRN 00123456",
        "born 03/05/1967, lives at 12 Example Street",
        "see https://example.org/p/12345",
    )
    for column in soiled.roles.notes:
        if column in soiled.cells:
            rows = soiled.some(~soiled.row_touched & ~soiled.touched[column], len(phrases), rng)
            texts = np.array([phrases[place % len(phrases)] for place in range(len(rows))], dtype=object)
            soiled.change(15, "identifier in free text", rows, column, texts)


def answer_patterns(soiled: Soiled, rng: np.random.Generator) -> None:
    """16: one answer throughout, answers copied from the visit before, and a clinic that prefers round numbers."""
    roles = soiled.roles
    for answers in roles.questionnaires.values():
        columns = (*answers.items, *([answers.total] if answers.total else []))
        if len(answers.items) >= 8 and soiled.has(*columns):
            _one_answer(soiled, answers, soiled.some(soiled.filled(*columns), 3, rng))
            _copied_forward(soiled, answers, rng)
    if roles.readings and soiled.has(*roles.readings):
        for column in roles.readings:
            rows = np.flatnonzero(soiled.filled(column) & soiled.in_clinic(5))
            round_numbers = np.maximum(50 * np.rint(numbers_in(soiled.cells[column][rows]) / 50), 50)
            soiled.change(16, "round numbers in a clinic", rows, column, written(round_numbers))


def _one_answer(soiled: Soiled, answers: Answers, rows: np.ndarray) -> None:
    table = np.stack([numbers_in(soiled.cells[item][rows]) for item in answers.items], axis=1)
    shared = np.array(answers.shared, float)
    same = shared[np.abs(np.rint(table.mean(axis=1))[:, None] - shared).argmin(axis=1)]
    _rewrite(soiled, "one answer throughout", answers, rows, np.repeat(same[:, None], len(answers.items), axis=1))


def _copied_forward(soiled: Soiled, answers: Answers, rng: np.random.Generator) -> None:
    columns = (*answers.items, *([answers.total] if answers.total else []))
    visits = np.flatnonzero(soiled.filled(*columns))
    records = soiled.cells[soiled.roles.record][visits]
    second = np.flatnonzero(records[1:] == records[:-1]) + 1
    if len(second) == 0:
        return
    mask = np.zeros(len(soiled.place), dtype=bool)
    mask[visits[second]] = True
    before = np.zeros(len(soiled.place), dtype=int)
    before[visits[second]] = visits[second - 1]
    rows = soiled.some(mask, 3, rng)
    # A visit that is itself rewritten cannot be the source of another.
    rows = rows[~np.isin(before[rows], rows)]
    copied = np.stack([numbers_in(soiled.cells[item][before[rows]]) for item in answers.items], axis=1)
    for column in columns:
        soiled.touched[column][before[rows]] = True
    _rewrite(soiled, "copied from the visit before", answers, rows, copied)


def _rewrite(soiled: Soiled, variant: str, answers: Answers, rows: np.ndarray, table: np.ndarray) -> None:
    for place, item in enumerate(answers.items):
        soiled.change(16, variant, rows, item, written(table[:, place]))
        soiled.touched[item][rows] = True
    if answers.total:
        soiled.change(16, variant, rows, answers.total, answers.score(table))
        soiled.touched[answers.total][rows] = True


def transposed_digits(soiled: Soiled, rng: np.random.Generator) -> None:
    """17: a pressure reading with its first two digits exchanged, far from the two beside it."""
    readings = soiled.roles.readings
    if not readings or not soiled.has(*readings):
        return
    column = readings[len(readings) // 2]
    cells = soiled.cells[column]
    swapped = np.array(
        [f"{c[1]}{c[0]}{c[2:]}" if len(c) == 3 and c.isdigit() and c[1] != "0" else c for c in cells], object
    )
    far = np.abs(numbers_in(swapped) - numbers_in(cells)) >= 90
    rows = soiled.some(soiled.filled(*readings) & far, 10, rng)
    soiled.change(17, "digits exchanged", rows, column, swapped[rows])
    for other in readings:
        soiled.touched[other][rows] = True


KINDS: dict[int, Callable[[Soiled, np.random.Generator], None]] = {
    1: date_styles,
    2: hundred_point_pain,
    3: pressure_units,
    4: raw_totals,
    5: reversed_scale,
    6: missing_codes,
    7: duplicate_rows,
    8: arms_and_needling,
    9: sessions_outside,
    10: late_baseline,
    11: totals_and_items,
    12: impossible_values,
    13: sides_and_codes,
    14: loose_numbers,
    15: identifiers,
    16: answer_patterns,
    17: transposed_digits,
}
# Whole clinics first, then the patterns that need untouched neighbours, single cells, rows; arms last.
_ORDER = (1, 2, 3, 4, 5, 16, 17, 11, 12, 14, 6, 7, 9, 10, 13, 15, 8)
WITHOUT_IDENTIFIERS = tuple(kind for kind in KINDS if kind != 15)


def inject(
    frame: pd.DataFrame,
    roles: Roles,
    rng: np.random.Generator,
    kinds: Iterable[int] = WITHOUT_IDENTIFIERS,
    clinics: Sequence[str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Soil an export.

    Parameters
    ----------
    frame : the clean export, all text, blank is missing.
    roles : which column plays which role.
    rng : each kind draws from a stream of its own, so leaving one out does not change what the others draw first.
    kinds : numbers of `KINDS`. Default: all but 15, identifiers, which would stop every run.
    clinics : clinics in the order in which they are dealt the mistakes of whole clinics. Default: drawn.

    Returns
    -------
    The soiled export (rows may be added, never removed) and the log, one row per changed cell or added row: kind,
    variant, record, event, instrument, instance (of the row before it was changed), column ('' for an added row), old,
    new, line (in the CSV file, the header is line 1), of_line (of an added row: the line it was copied from; else 0).

    Raises
    ------
    ValueError : an unknown kind.
    """
    chosen = set(kinds)
    if unknown := chosen - set(KINDS):
        raise ValueError(f"there is no dirt of kind {sorted(unknown)}; kinds are 1 to {max(KINDS)}")
    deal, *streams = rng.spawn(1 + len(KINDS))
    if clinics is None:
        found = sorted(set(frame[roles.clinic]) - {""}) if roles.clinic in frame.columns else []
        clinics = [found[place] for place in deal.permutation(len(found))]
    soiled = Soiled(frame, roles, clinics)
    for kind in _ORDER:
        if kind in chosen:
            KINDS[kind](soiled, streams[kind - 1])
    return soiled.finish()
