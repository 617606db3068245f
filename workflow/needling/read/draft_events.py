"""What a draft says of events: tables of repeating forms, guesses of the arm, and what these are analysed by."""

import re

from needling.read.look import UNIT, Look, plain_words
from needling.read.spelling import plain
from needling.read.vocabulary import CONTROL, EVENTS, GUESS, UNSURE

MOST_GUESSES = 6  # most answers to the question which arm it was


def key_of(text: str) -> str:
    """Turn words into a name that a study file allows.

    Parameters
    ----------
    text : any words.

    Returns
    -------
    Small letters, digits and _, beginning with a letter.
    """
    signs = re.sub(r"(?<=[^\W\d_])[-−–]+\s*$", " minus", re.sub(r"\+\s*$", " plus", text))
    key = plain_words(signs).replace(" ", "_")
    return key if re.match(r"[a-z]", key) else f"x_{key}".rstrip("_")


def codes_of(look: Look, column: str) -> dict[str, str]:
    """Name the values of a column by the dictionary's words, else by the values themselves.

    Parameters
    ----------
    look : the export.
    column : of few values.

    Returns
    -------
    Value -> name, in the order of the values; no name comes twice. Of spellings that differ in case, spaces and marks alone the
    commonest stands for all, as in cleaning.
    """
    choices = look.variable(column).choices
    cells = look.frame[column].str.strip().value_counts(sort=False)
    often: dict[str, str] = {}
    for value in look.options(column):
        other = often.setdefault(plain(value), value)
        if cells.get(value, 0) > cells.get(other, 0):
            often[plain(value)] = value
    names: dict[str, str] = {}
    for value in sorted(often.values()):
        key = key_of(choices.get(value, value))
        key = f"code_{key.removeprefix('x_')}" if key.startswith("x_") else key
        names[value] = key if key not in names.values() else f"{key}_{len(names)}"
    return names


def events_of(look: Look) -> dict[str, dict[str, dict[str, object]]]:
    """Find the repeating forms whose names speak of sessions, needling, other treatment or adverse events, and guesses of the arm.

    Parameters
    ----------
    look : the export.

    Returns
    -------
    Table -> its section of the study file; guesses only where no form repeats.
    """
    repeating = "redcap_repeat_instrument"
    if repeating not in look.frame.columns:
        return _guesses(look)
    tables: dict[str, dict[str, dict[str, object]]] = {}
    full = look.frame.notna()
    for name in look.options(repeating):
        table = next(
            (table for table, words in EVENTS.items() if table not in tables and re.search(words, name.lower())), None
        )
        if table is None:
            continue
        rows = look.frame[repeating] == name
        inside, outside = full[rows].any(), full[~rows].any()
        own = [column for column in look.frame.columns if inside[column] and not outside[column]]
        own = [
            column for column in own if not re.search(r"_complete$|^Complete\?", column) and _is_closed(look, column)
        ]
        prefix = f"{own[0].split('_')[0]}_" if own else ""
        common = len(own) > 1 and all(column.startswith(prefix) and column != prefix for column in own)
        columns: dict[str, object] = {}
        for column in own:
            dated = look.variable(column).validation.startswith("date")
            role = "date" if dated else "therapist" if "therapist" in column else ""
            key = key_of(column.removeprefix(prefix) if common else column)
            columns[role if role and role not in columns else key] = column
        if columns:
            tables[table] = {"rows": {repeating: name}, "columns": columns}
    return tables


def _guesses(look: Look) -> dict[str, dict[str, dict[str, object]]]:
    """What patients guess of their arm: columns of few levels whose names say so, at several times where these lie side by side."""
    called = {
        column: re.sub(r"_?guess(?:ed|_of)?_?|_?blind\w*_?|_?believed?_?", "_", key_of(column)).strip("_")
        for column in look.frame.columns
        if GUESS.search(key_of(column)) and 1 < len(look.options(column)) <= MOST_GUESSES
    }
    if not called or look.measured:
        return {}
    first = next(iter(called))
    guess: dict[str, object] = {"from": first, "codes": codes_of(look, first)}
    columns: dict[str, object] = {"guess": guess}
    if look.repeats and "planned" in look.found:
        planned = look.found["planned"]
        columns["time"] = {"from": planned, "codes": codes_of(look, planned)}
    if look.repeats or len(called) == 1:
        return {"guesses": {"columns": columns}}
    guess["codes"] = {code: name for column in called for code, name in codes_of(look, column).items()}
    times: dict[str, object] = {}
    for number, (column, rest) in enumerate(called.items(), 1):
        told = re.search(
            rf"(?:(?:{UNIT}) ?\d+|\d+ ?(?:{UNIT})|end|final|first|last|post|baseline)$", rest.replace("_", " ")
        )
        time = key_of(told[0]) if told else f"time_{number}"
        times[time if time not in times else f"{time}_{number}"] = {"guess": column}
    return {"guesses": {"times": times, "columns": columns}}


def blinding_of(
    look: Look, events: dict[str, dict[str, dict[str, object]]], arm: dict[str, object] | None
) -> dict[str, dict[str, object]]:
    """Write the analysis of what patients guess, where there are two arms and each guess is one of them or none.

    Parameters
    ----------
    look : the export, which gets a note where guesses cannot be matched to the arms.
    events : what `events_of` found.
    arm : the drafted arm with its codes and reference; None where there is none.

    Returns
    -------
    Name of the analysis -> its settings, empty where there is none.
    """
    if "guesses" not in events or arm is None:
        return {}
    arms, control = list(arm["codes"].values()), arm["reference"]  # type: ignore[attr-defined]
    guess = events["guesses"]["columns"]["guess"]
    names = list(dict.fromkeys(guess["codes"].values()))  # type: ignore[index]
    unknown = [name for name in names if name not in arms and UNSURE.search(name)]
    other = next((one for one in arms if one != control), control)
    meant = {
        name: name if name in arms else control if CONTROL.search(name.replace("_", " ")) else other
        for name in names
        if name not in unknown
    }
    if len(arms) != 2 or {*meant.values()} != {*arms}:
        look.notes.append(
            "What patients guess of their arm is read; an analysis of the kind blinding says which arm each guess means."
        )
        return {}
    settings: dict[str, object] = {"kind": "blinding", "label": "Blinding", "guesses": meant}
    return {"blinding": settings | ({"unknown": unknown} if unknown else {})}


def _is_closed(look: Look, column: str) -> bool:
    """May the draft name the column? Text of which no dictionary lists the codes must be reviewed first."""
    variable = look.variable(column)
    dated = variable.validation.startswith("date") or look.is_dates(column)
    return bool(variable.choices) or dated or "therapist" in column or look.is_number(column)
