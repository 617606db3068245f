"""What the columns of an export are likely to be, by their names and values."""

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from needling.read.delimited import NUMBER
from needling.read.identifying import BORN, speaks_of
from needling.read.left_out import form_of
from needling.read.number import BESIDE, LOOSE, SPAN, THREE_DIGITS, read_number
from needling.read.raw import Variable
from needling.read.rows import OWN_ROW
from needling.read.vocabulary import (
    ABSENT,
    CHANGE,
    CONTROL,
    COVARIATES,
    INSTRUMENTS,
    MEASURES,
    TOTAL,
    TREATMENTS,
    UNITS,
    VALUES,
    WORDS,
)

# Most values that a column of a few names may have.
FEW = {"arm": 6, "planned": 30, "cohort": 9}
MOST_COLUMNS = 12
MOST_ROWS = 20  # of a patient whose code no name tells; codes of clinics stand on more
CODE = r"[A-Za-z]{1,5}[-_ ]?\d+|0\d+"
# Days of each unit; visits and times are numbered only, and stand before what is called after the treatment.
DAYS = {"week": 7.0, "month": 91 / 3, "day": 1.0, "visit": 1.0}
UNIT_OF = {
    word: unit for unit, words in UNITS.items() if unit in DAYS for word in words.split("|") if word not in "jns"
}
UNIT = "|".join(sorted(UNIT_OF, key=len, reverse=True))
# The end of a column's name that tells its time, where visits lie side by side.
TIME = re.compile(
    r"(?P<stem>.+) (?:(?P<first>bl|base|baseline|basal|basale|pre|pretest|vorher|avant|antes|inclusion|start)|"
    r"(?P<word>post|posttest|end|eot|discharge|follow ?up|fup?|nachher|apres|despues) ?(?P<nth>\d*)|"
    rf"(?P<unit>{UNIT}|visit|visite|visita|time|t|v) ?(?P<n>\d+)|(?P<count>\d+) ?(?P<after>{UNIT}))"
)
WITH_UNIT = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?: +.*|%|°|mm|cm|kg|kgf|kpa|n|lb|lbf|pts?\.?|points?)", re.IGNORECASE)
SYSTEM_VISITS = ("redcap_event_name", "sheet")
# Days as spreadsheets count them, from 1985 on (31048).
DAY_NUMBER = re.compile(r"(?:3[1-9]|[45]\d)\d{3}(?:\.\d+)?")
DATE = re.compile(
    r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)|"
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/. ]+(?:\d{1,2}|[^\W\d_]{3,10})[-/. ]+\d{2,4}"
)


@dataclass(frozen=True)
class Measured:
    """Where one row is one value: the columns with the name of what was measured, the one with the value, and the names."""

    name: list[str]
    value: str
    names: pd.Series


@dataclass
class Look:
    """The export as one frame, with what its columns are likely to be."""

    frame: pd.DataFrame
    variables: dict[str, Variable]
    found: dict[str, str] = field(default_factory=dict)
    measured: Measured | None = None
    notes: list[str] = field(default_factory=list)
    within: str | None = None

    def variable(self, column: str) -> Variable:
        """What the dictionary says about a column, if anything."""
        return self.variables.get(column, Variable())

    def options(self, column: str) -> list[str]:
        """Distinct values of a column in order, 1.0 being 1, without words for missing and slips (below a hundredth of rows)."""
        cells = self.frame[column].str.strip().replace("", None)
        counts = cells.str.replace(r"^(\d+)\.0+$", r"\1", regex=True).value_counts(sort=False)
        return [str(v) for v in counts[counts >= counts.sum() / 100].index if str(v).lower() not in ABSENT]

    def people(self) -> pd.Series:
        """The patient of each row, missing where there is none; `within` a clinic where codes repeat between clinics."""
        if self.found["id"] == OWN_ROW:
            return self.frame.index.to_series().astype("str")
        ids = self.frame[self.found["id"]].str.strip()
        return ids if self.within is None else self.frame[self.within].str.strip() + "/" + ids

    @property
    def repeats(self) -> bool:
        """Tell whether patients have several rows."""
        ids = self.people().dropna()
        return bool(ids.duplicated().mean() > 0.1)

    def varying(self, column: str, within: str | None = None) -> float:
        """Share of the patients with several filled rows in whom a column has more than one value.

        `within` is a column of clinics in which the same code is another patient.
        """
        ids = self.people() if within is None else self.frame[within].str.strip() + "/" + self.people()
        mine = pd.DataFrame({"id": ids, "value": self.frame[column].str.strip()}).replace("", None).dropna()
        groups = mine.groupby("id")["value"].agg(["size", "nunique"])
        several = groups[groups["size"] > 1]
        return float((several["nunique"] > 1).mean()) if len(several) else 0.0

    def is_dates(self, column: str, counted: bool = False) -> bool:
        """Tell whether nearly all cells of a column are dates, or days as a spreadsheet counts them where these are."""
        cells = self.frame[column].dropna().head(1000).str.strip()
        dates = cells.str.match(DATE) | (counted & cells.str.fullmatch(DAY_NUMBER))
        return bool(len(cells)) and bool(dates.mean() > 0.8)

    def day_numbers(self, column: str) -> float:
        """Share of the cells of a column that may be days as a spreadsheet counts them."""
        cells = self.frame[column].dropna().head(1000).str.strip()
        return float(cells.str.fullmatch(DAY_NUMBER).mean()) if len(cells) else 0.0

    def filled(self, column: str, where: pd.Series) -> float:
        """Share of rows with a value."""
        return float(self.frame.loc[where, column].notna().mean()) if where.any() else 0.0

    @property
    def once(self) -> pd.Series:
        """Rows of a REDCap export that do not repeat."""
        if "redcap_repeat_instrument" not in self.frame.columns:
            return pd.Series(True, index=self.frame.index)
        return self.frame["redcap_repeat_instrument"].isna()

    @property
    def measures(self) -> list[str]:
        """Names under which numbers may stand: of columns, or, where one row is one value, those that a column holds."""
        if self.measured is None:
            return [
                str(column) for column in self.frame.columns if not re.search(r"_complete$|^Complete\?", str(column))
            ]
        return sorted({name for name in self.measured.names if name}, key=_numbered)

    def cells(self, measure: str) -> pd.Series:
        """Filled cells of a measure."""
        if self.measured is None:
            return self.frame[measure].dropna()
        return self.frame.loc[self.measured.names == measure, self.measured.value].dropna()

    def is_number(self, measure: str) -> bool:
        """Tell whether nearly all cells of a measure are numbers."""
        return _are_numbers(self.cells(measure))


def look_at(frame: pd.DataFrame, variables: dict[str, Variable], known: Collection[str]) -> Look:
    """Say what each column of an export is likely to be.

    Parameters
    ----------
    frame : the export, text cells.
    variables : its dictionary, where there is one.
    known : names of the instrument registry.

    Returns
    -------
    The frame with its likely patient, visit, arm and other columns, and where one row is one value its measures.
    """
    look = Look(frame, variables)
    plain = {str(column): plain_words(column) for column in frame.columns if not frame[column].isna().all()}
    found = look.found
    for role, phrases in (WORDS | COVARIATES).items():
        free = [column for column in _called(plain, phrases.split("|"), role) if column not in found.values()]
        if "id" in found or role == "id":
            free = [column for column in free if _fits(look, column, role)]
        if role == "id":
            found["id"] = free[0] if free else _unnamed_id(look, plain)
        elif free:
            found[role] = free[0]
    look.notes += [
        f"'{found[role]}' holds days as a spreadsheet counts them (45123 is 2023-07-16), which are read as dates."
        for role in ("day_0", "date")
        if role in found and look.day_numbers(found[role])
    ]
    _by_values(look, plain)
    _note_no_arm(look, plain)
    look.measured = _one_value_per_row(look, plain, known)
    return look


def _called(plain: dict[str, str], words: list[str], role: str) -> list[str]:
    """Columns whose names are one of the words, or begin with one of several words; for sex and age also hold one."""
    exact = [column for word in words for column in plain if plain[column] == word]
    near = [column for word in words if " " in word for column in plain if plain[column].startswith(f"{word} ")]
    if role in {"sex", "age"}:
        near += [column for column, name in plain.items() if len(name.split()) < 4 and {*name.split()} & {*words}]
    return [*exact, *near]


def _fits(look: Look, column: str, role: str) -> bool:
    """Do the cells of a column fit what its name says that it is?"""
    if role == "id":
        cells = look.frame[column].dropna()
        return (
            bool(cells.nunique() > 1 or len(cells) < 2)
            and not cells.str.fullmatch(r"\s*-?\d+[.,]\d*[1-9]\s*").mean() > 0.2
        )
    if role in {"date", "day_0"}:
        return look.is_dates(column, counted=True) and not speaks_of(column, BORN)
    if role in COVARIATES or role == "age":
        return look.is_number(column)
    if role in FEW and not 1 < len(look.options(column)) <= FEW[role]:
        return False
    return role != "planned" or column in SYSTEM_VISITS or not look.repeats or look.varying(column) > 0.5


def _unnamed_id(look: Look, plain: dict[str, str]) -> str:
    """A column without a known name whose cells have the form of codes, or the rows themselves."""
    for column in plain:
        cells = look.frame[column].dropna().str.strip()
        coded = bool(len(cells) > 1) and cells.is_unique and len(cells) == len(look.frame)
        if coded and (cells.str.fullmatch(CODE).mean() > 0.9):
            return column
    if repeated := _repeated_codes(look, plain):
        look.notes.append(f"No column is called a patient's code; '{repeated}' holds codes and is taken for it.")
        return repeated
    look.notes.append(
        "No column holds codes of patients, so each row is taken for a patient of its own, id: (row); name it if there is one."
    )
    return OWN_ROW


def _repeated_codes(look: Look, plain: dict[str, str]) -> str | None:
    """The column of the form of codes with the most of them, where each stands on some rows, as the visits of a patient do."""
    counts = {}
    for column in plain:
        cells = look.frame[column].dropna().str.strip()
        several = len(cells) > 1 and MOST_ROWS * cells.nunique() >= len(cells) >= 2 * cells.nunique()
        if several and cells.str.fullmatch(CODE).mean() > 0.9:
            counts[column] = cells.nunique()
    return max(counts, key=lambda column: counts[column]) if max(counts.values(), default=0) >= 5 else None


def _by_values(look: Look, plain: dict[str, str]) -> None:
    """What names do not tell: a date among columns of dates, an arm among columns of few levels that never change."""
    found = look.found
    free = [column for column in plain if column not in found.values() and not speaks_of(column, BORN)]
    if "redcap_event_name" not in plain and look.repeats and "date" not in found:
        dated = [column for column in free if look.is_dates(column) and look.varying(column) > 0.5]
        found |= {"date": dated[0]} if dated else {}
    if "arm" in found:
        return
    for column in free:
        levels = look.options(column) if "___" not in column else []
        if not 1 < len(levels) <= FEW["arm"] or look.varying(column) > 0.1:
            continue
        worded = any(CONTROL.search(plain_words(look.variable(column).choices.get(level, level))) for level in levels)
        if TREATMENTS.search(plain[column]) or (worded and not look.is_number(column)):
            found["arm"] = column
            return


def _note_no_arm(look: Look, plain: dict[str, str]) -> None:
    """Note a column that is called an arm and holds one group and, often, a word for missing: a group without treatment?"""
    if "arm" in look.found:
        return
    for column in _called(plain, WORDS["arm"].split("|"), "arm"):
        cells = look.frame[column].str.strip().dropna()
        absent = cells[cells.str.lower().isin(ABSENT)]
        if len(look.options(column)) == 1 and len(absent) > 0.2 * len(cells):
            look.notes.append(
                f"'{column}' holds one group and '{absent.iloc[0]}', which is taken for missing; if that is an arm, write "
                f"patients.arm with both under codes (codes: {{{absent.iloc[0]}: control, ...}})."
            )


def plain_words(text: str) -> str:
    """Write a name in small letters, its words apart."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    ascii_only = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    return " ".join(re.findall(r"[a-z0-9]+", ascii_only.lower()))


def instrument_of(name: str, known: Collection[str]) -> str | None:
    """Find the instrument of the registry that the name of a measure speaks of.

    Parameters
    ----------
    name : of the column, or of what was measured.
    known : names of the registry.

    Returns
    -------
    Its name in the registry, or None; a change of a score is not the score.
    """
    if CHANGE.search(name):
        return None
    whole = plain_words(name)
    words = " ".join(TOTAL.sub(" ", whole).split())
    for instrument, called in INSTRUMENTS.items():
        if instrument in known and any(
            re.search(rf"(?:^| ){re.escape(each)}(?: |$)", text)
            for each in called.split("|")
            for text in (words, whole)
        ):
            return instrument
    return next((key for text in (words, whole) if (key := text.replace(" ", "_")) in known), None)


def _numbered(name: str) -> tuple[str, int]:
    """Sort names by their words, then by the number at their end."""
    words = name.rstrip("0123456789")
    return words, int(name[len(words) :] or 0)


def _are_numbers(cells: pd.Series) -> bool:
    """Are nearly all cells numbers, also such as 7/10, 12 mm or 1,234.5? Codes such as 12a and 3-4 are none."""
    if not len(cells):
        return False
    counts = cells.str.strip().value_counts(sort=False)
    return bool(sum(n for text, n in counts.items() if np.isfinite(number_in(str(text)))) > 0.8 * len(cells))


def number_in(text: str) -> float:
    """Read a cell that may be a number in other words.

    Parameters
    ----------
    text : the cell, stripped.

    Returns
    -------
    The number, NaN where there is none. Digits with letters right behind them are a code unless these are a unit.
    """
    value, how, why = read_number(text) if text else (np.nan, "", "")
    if how == LOOSE and (why == SPAN or (why.startswith(BESIDE) and not WITH_UNIT.fullmatch(text))):
        return np.nan
    # a thousand, until cleaning has asked
    return value * 1000 if THREE_DIGITS.fullmatch(text) else value


# ---------------------------------------------------------------- names that are cells


def names_that_are_cells(frame: pd.DataFrame) -> int:
    """Count names that look like a row of data, where they are too many for a header.

    Parameters
    ----------
    frame : the export with its would-be column names, text cells.

    Returns
    -------
    Number of names that are a number or a date, come again below themselves, or have the form of the cells below them
    (P001 above P002); 0 where fewer than half are, or where they are only numbers, as names of items may be.
    """
    names = [str(name).strip() for name in frame.columns if not re.fullmatch(r"\(column \d+\)", str(name))]
    numbers = [name for name in names if re.fullmatch(NUMBER, name)]
    words = [name for name in names if name not in numbers and _stands_below(name, frame[name].dropna().head(1000))]
    return len(numbers) + len(words) if words and len(numbers) + len(words) >= len(names) / 2 else 0


def _stands_below(name: str, cells: pd.Series) -> bool:
    if not len(cells):
        return False
    alike = re.search(r"\d", name) and (cells.map(form_of) == form_of(name)).mean() > 0.8
    return bool(alike) or bool((cells.str.strip() == name).any())


# ---------------------------------------------------------------- the form of the table


def numbered_runs(names: Iterable[str]) -> dict[str, list[str]]:
    """Find names numbered from 1 without a gap, where these are three or more.

    Parameters
    ----------
    names : names of measures.

    Returns
    -------
    Stem -> its names in the order of their numbers.
    """
    groups: dict[str, dict[int, str]] = {}
    for name in names:
        match = re.fullmatch(r"(.*[^0-9])(\d+)", name)
        if match and "___" not in name:
            groups.setdefault(match.group(1), {})[int(match.group(2))] = name
    return {
        stem: [numbered[n] for n in sorted(numbered)]
        for stem, numbered in groups.items()
        if len(numbered) >= 3 and sorted(numbered) == list(range(1, len(numbered) + 1))
    }


def side_by_side(look: Look) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Find columns of one measure at several visits, where one row is one patient.

    Parameters
    ----------
    look : the export.

    Returns
    -------
    Measure -> visit -> column, and all visits in order of time; empty where patients have several rows or no names are
    alike. Visits are told by the end of a name (bl, w4, month 3, post); else two to six numbered columns are visits.
    """
    if not look.people().dropna().is_unique or "redcap_event_name" in look.frame.columns:
        return {}, []
    free = [name for name in look.measures if name not in look.found.values() and look.is_number(name)]
    free = [name for name in free if "___" not in name]
    times = (
        _timed(free)
        or _before_the_measure(free)
        or _numbered_visits([name for name in free if not _is_ticked(look, name)])
    )
    every = sorted({time for visits in times.values() for time in visits})
    named = {
        stem.replace(" ", "_"): {time[1]: visits[time] for time in every if time in visits}
        for stem, visits in times.items()
    }
    return named, [visit for _, visit in every]


def _timed(columns: list[str]) -> dict[str, dict[tuple[float, str], str]]:
    groups: dict[str, dict[tuple[float, str], str]] = {}
    for column in columns:
        match = TIME.fullmatch(plain_words(column))
        if match:
            groups.setdefault(match["stem"], {}).setdefault(_time(match), column)
    for stem, run in numbered_runs(columns).items():
        match = TIME.fullmatch(plain_words(stem))
        for number, column in enumerate(run if match else (), 1):
            assert match is not None
            groups.setdefault(f"{match['stem']}{number}", {}).setdefault(_time(match), column)
    for stem, visits in groups.items():
        plain = [column for column in columns if plain_words(column) == stem]
        if plain and (-1.0, "baseline") not in visits:
            visits[-1.0, "baseline"] = plain[0]
    return {stem: visits for stem, visits in groups.items() if len(visits) > 1}


def _time(match: re.Match[str]) -> tuple[float, str]:
    """Order in time (days, or the number of the visit) and name of the visit that the end of a name speaks of."""
    if match["first"]:
        return -1.0, "baseline"
    if match["word"]:
        kind = "follow_up" if match["word"][0] == "f" else "post"
        return (1e6 if kind == "post" else 2e6) + int(match["nth"] or 0), f"{kind}_{match['nth']}".rstrip("_")
    unit, number = UNIT_OF.get(match["unit"] or match["after"], "visit"), int(match["n"] or match["count"])
    return (-1.0, "baseline") if number == 0 else (number * DAYS[unit], f"{unit}_{number}")


def _is_ticked(look: Look, column: str) -> bool:
    """A checkbox holds 0 and 1 only."""
    return {cell.strip() for cell in look.cells(column).head(1000)} <= {"0", "1"}


def _before_the_measure(columns: list[str]) -> dict[str, dict[tuple[float, str], str]]:
    """Measures behind the name of their visit (pacu30_cough, day1_cough), where two measures share two visits."""
    groups: dict[str, dict[str, str]] = {}
    for column in columns:
        visit, mark, stem = column.partition("_")
        if mark and stem:
            groups.setdefault(stem, {})[visit] = column
    first = list(dict.fromkeys(visit for visits in groups.values() for visit in visits))
    if first and all(
        instrument_of(name, INSTRUMENTS) for name in first
    ):  # a measure is no visit: it stands in front of them
        order = list(groups)
        turned = {name: {stem: visits[name] for stem, visits in groups.items() if name in visits} for name in first}
        return {
            name: {(float(order.index(stem)), _visit_called(stem)): column for stem, column in visits.items()}
            for name, visits in turned.items()
            if len(visits) > 1
        }
    several = {stem: visits for stem, visits in groups.items() if len(visits) > 1}
    if not any(len({*one} & {*other}) > 1 for s, one in several.items() for o, other in several.items() if s != o):
        return {}
    order = list(dict.fromkeys(column.partition("_")[0] for column in columns))
    return {
        stem: {(float(order.index(v)), _visit_called(v)): column for v, column in visits.items()}
        for stem, visits in several.items()
    }


def _visit_called(words: str) -> str:
    """Name a visit by the words before a measure: pacu30, week_12 of '12w' and of 'week12'."""
    told = re.fullmatch(rf"(?P<n>\d+) ?(?P<unit>{UNIT})|(?P<before>{UNIT}) ?(?P<count>\d+)", plain_words(words))
    name = plain_words(words).replace(" ", "_")
    if told:
        name = f"{UNIT_OF[told['unit'] or told['before']]}_{told['n'] or told['count']}"
    return name if name[:1].isalpha() else f"x_{name}"


def items_side_by_side(wide: dict[str, dict[str, str]]) -> dict[str, dict[str, list[str]]]:
    """Gather numbered measures that have the same visits into one with items: ndi1 .. ndi10, each at t0 and t1.

    Parameters
    ----------
    wide : measure -> visit -> column.

    Returns
    -------
    Stem -> visit -> columns of its items in order.
    """
    runs = numbered_runs(wide)
    return {
        stem.rstrip("_"): {visit: [wide[name][visit] for name in names] for visit in wide[names[0]]}
        for stem, names in runs.items()
        if all(list(wide[name]) == list(wide[names[0]]) for name in names)
    }


def _numbered_visits(columns: list[str]) -> dict[str, dict[tuple[float, str], str]]:
    groups: dict[str, list[str]] = {}
    for column in columns:
        match = re.fullmatch(r"([A-Za-z][A-Za-z_]*?)_?(\d+)", column)
        if match:
            groups.setdefault(match.group(1), []).append(column)
    visits = [(-1.0, "baseline"), *((float(number), f"follow_up_{number}") for number in range(1, 6))]
    return {
        stem: dict(zip(visits, group, strict=False)) for stem, group in groups.items() if 2 <= len(group) <= len(visits)
    }


def _one_value_per_row(look: Look, plain: dict[str, str], known: Collection[str]) -> Measured | None:
    """Find the columns of name and value, where a patient's visit has several rows that differ in the name."""
    visit = look.found.get("planned", look.found.get("date"))
    analysed = {"paramcd", "aval"} <= {*plain.values()}
    if visit is None or (len(plain) > MOST_COLUMNS and not analysed) or "redcap_event_name" in plain:
        return None
    free = [column for column in plain if column not in look.found.values()]
    worded = [column for word in MEASURES.split("|") for column in free if plain[column] == word]
    numbers = [column for column in free if look.is_number(column)]
    values = [column for word in VALUES.split("|") for column in numbers if plain[column] == word]
    values = values or [column for column in numbers if column not in worded]
    registered = [
        column
        for column in free
        if column not in numbers and {plain_words(text).split(" ")[0] for text in look.options(column)} & {*known}
    ]
    columns = [column for column in worded if column not in values[:1]][:2] or registered[:1]
    if {plain[column] for column in columns} == {"paramcd", "param"}:
        columns = [column for column in columns if plain[column] == "paramcd"]
    if not columns or not values or (len(values) > 1 and plain[values[0]] not in VALUES.split("|")):
        return None
    parts = [look.frame[column].fillna("").str.strip() for column in columns]
    names = parts[0] if len(parts) == 1 else (parts[0] + " " + parts[1]).str.strip()
    rows = pd.DataFrame({"id": look.people(), "visit": look.frame[visit], "name": names})
    together = rows.groupby(["id", "visit"]).size()
    once = rows.duplicated().mean() < 0.05
    again = rows.groupby("name").size().median() > 1
    several = analysed or (once and again)  # an analysis data set may have derived rows beside those that were observed
    return Measured(columns, values[0], names) if several and (together > 1).mean() > 0.5 else None
