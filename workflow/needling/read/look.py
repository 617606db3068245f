"""What the columns of an export are likely to be, by their names and values."""

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import pandas as pd

from needling.read.delimited import NUMBER
from needling.read.headings import form_of
from needling.read.raw import Variable

# What a column is likely to be -> words of its name, the likeliest first.
WORDS = {
    "id": "record id|study id|patient id|subject id|participant id|id|patient|subject|participant|paciente|"
    "numero de historia clinica|usubjid|code",
    "clinic": "redcap data access group|clinic|site|centre|center|practice|hospital|centro|centro medico|practice id|clinic id|"
    "site id",
    "therapist": "therapist|physiotherapist|physio|acupuncturist|clinician|provider|fisioterapeuta|therapist id",
    "day_0": "date randomised|randomisation date|randomization date|date randomized|date of randomisation|rand date|"
    "date enrolled|enrolment date|enrollment date",
    "date": "visit date|date of visit|date|assessment date|fecha|marca temporal|interview date|timestamp",
    "planned": "redcap event name|visit|visit name|timepoint|time point|event|week|visita|numero de sesion|avisit|sheet",
    "arm": "arm|group|treatment|allocation|randomised to|treatment group|grupo|trt|armcd|therapy",
    "cohort": "cohort",
    "sex": "sex|gender|sexo",
    "age": "age|edad|age years",
}
COVARIATES = {
    "height": "height|height cm|talla",
    "weight": "weight|weight kg|peso",
    "bmi": "bmi|imc",
    "duration": "duration weeks|duration|chronicity|duration months",
    "expectation": "expectation",
}
# Most values that a column of a few names may have.
FEW = {"arm": 6, "planned": 30, "cohort": 9}
# Names of columns of a table in which one row is one value.
MEASURES = (
    "instrument|questionnaire|scale|measure|measurement|outcome|parameter|param|paramcd|test|variable|question|item|"
    "instrumento|cuestionario|escala|medida"
)
VALUES = "value|aval|score|result|response|answer|points|val|valor|puntuacion|resultado"
MOST_COLUMNS = 12
# The end of a column's name that tells its time, where visits lie side by side.
UNITS = {"w": "week", "s": "week", "m": "month", "d": "day", "t": "visit", "v": "visit", "f": "follow_up", "p": "post"}
UNIT = "weeks?|wk?|semana|months?|mth|mo|mes|m|days?|d"
TIME = re.compile(
    rf"(?P<stem>.+) (?:(?P<first>bl|base|baseline|basal|pre)|(?P<word>post|follow ?up|fu) ?(?P<nth>\d*)|"
    rf"(?P<unit>{UNIT}|visit|time|t|v) ?(?P<n>\d+)|(?P<count>\d+) ?(?P<after>{UNIT}))"
)
# Days of each unit; visits and times are numbered only, and stand before what is called after the treatment.
DAYS = {"week": 7.0, "month": 91 / 3, "day": 1.0, "visit": 1.0}


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

    def variable(self, column: str) -> Variable:
        """What the dictionary says about a column, if anything."""
        return self.variables.get(column, Variable())

    def options(self, column: str) -> list[str]:
        """Distinct values of a column in the order of the export, without misspellings (below a hundredth of the rows)."""
        counts = self.frame[column].str.strip().replace("", None).value_counts(sort=False)
        return [str(value) for value in counts[counts >= counts.sum() / 100].index]

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
            return [str(column) for column in self.frame.columns]
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
    plain = {str(column): plain_words(column) for column in frame.columns}
    found = look.found
    for role, phrases in (WORDS | COVARIATES).items():
        words = phrases.split("|")
        exact = [column for word in words for column in plain if plain[column] == word]
        near = [column for word in words if " " in word for column in plain if plain[column].startswith(f"{word} ")]
        free = [column for column in [*exact, *near] if column not in found.values()]
        if role in FEW:
            free = [column for column in free if 1 < len(look.options(column)) <= FEW[role]]
        if free:
            found[role] = free[0]
    if "id" not in found:
        found["id"] = next((column for column in plain if column not in found.values()), str(frame.columns[0]))
    look.measured = _one_value_per_row(look, plain, known)
    return look


def plain_words(text: str) -> str:
    """Write a name in small letters, its words apart."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    ascii_only = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    return " ".join(re.findall(r"[a-z0-9]+", ascii_only.lower()))


def _numbered(name: str) -> tuple[str, int]:
    """Sort names by their words, then by the number at their end."""
    words = name.rstrip("0123456789")
    return words, int(name[len(words) :] or 0)


def _are_numbers(cells: pd.Series) -> bool:
    return bool(len(cells)) and bool(cells.str.fullmatch(r"\s*-?\d+(?:[.,]\d+)?\s*").mean() > 0.8)


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
    ids = look.frame[look.found["id"]].dropna()
    if not ids.is_unique or "redcap_event_name" in look.frame.columns:
        return {}, []
    free = [name for name in look.measures if name not in look.found.values() and look.is_number(name)]
    times = _timed(free) or _numbered_visits(free)
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
        kind = UNITS[match["word"][0]]
        return (1e6 if kind == "post" else 2e6) + int(match["nth"] or 0), f"{kind}_{match['nth']}".rstrip("_")
    unit, number = UNITS[(match["unit"] or match["after"])[0]], int(match["n"] or match["count"])
    return (-1.0, "baseline") if number == 0 else (number * DAYS[unit], f"{unit}_{number}")


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
    if visit is None or len(plain) > MOST_COLUMNS or "redcap_event_name" in plain:
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
    if not columns or not values or (len(values) > 1 and plain[values[0]] not in VALUES.split("|")):
        return None
    parts = [look.frame[column].fillna("").str.strip() for column in columns]
    names = parts[0] if len(parts) == 1 else (parts[0] + " " + parts[1]).str.strip()
    rows = pd.DataFrame({"id": look.frame[look.found["id"]], "visit": look.frame[visit], "name": names})
    together = rows.groupby(["id", "visit"]).size()
    once = rows.duplicated().mean() < 0.05
    again = rows.groupby("name").size().median() > 1
    return Measured(columns, values[0], names) if once and again and (together > 1).mean() > 0.5 else None
