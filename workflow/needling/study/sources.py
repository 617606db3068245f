"""Where the data come from: the export, its columns, visits, instruments and event tables."""

import re
import stat
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from needling.study.keys import ForPeople, Name, Section, StudyError, Words, nearest
from needling.study.scoring import Scoring

# Items that a span of columns may stand for.
MOST_ITEMS = 1000


class Values(Section):
    """Where one row is one value: the columns that hold the value and the name of what was measured."""

    name: list[str] = Field(
        description="Column with the name that instruments list as item or total; several are joined by a space."
    )
    value: str = Field(description="Column with the value.")

    @field_validator("name", mode="before", json_schema_input_type=list[str] | str)
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


def regular_file(path: str | Path, root: str | Path | None, key: str) -> Path:
    """Check that a path is that of a file which the study may read.

    Parameters
    ----------
    path : the path as it was given.
    root : the folder that it starts from; None is the current one.
    key : where it was given, for the message.

    Returns
    -------
    The path, from the current folder.

    Raises
    ------
    StudyError : one sentence; a folder, device or named pipe is no file, and reading it may never end.
    """
    text = str(path)
    if "\0" in text or not text.strip() or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise StudyError(f"{key}: {text!a} cannot be the name of a file; rename the file in plain letters.")
    found = Path(text) if root is None else Path(root, text)
    try:
        mode = found.stat().st_mode
    except FileNotFoundError:
        other = "give --raw PATH" if key == "export.records" else f"mend {key}"
        raise StudyError(f"{text} is missing; put the file there (data/raw/README.md says how) or {other}.") from None
    except OSError as error:
        raise StudyError(f"{text}: {key} cannot be read ({error.strerror}); check name and permissions.") from None
    if stat.S_ISDIR(mode):
        raise StudyError(f"{text}: this is a folder; name the file in it that {key} means.")
    if not stat.S_ISREG(mode):
        raise StudyError(f"{text}: {key} is a device or a pipe, not a file; save the export as a file.")
    return found


class Export(Section):
    """The raw export as it came: where it is and how it is written."""

    format: Literal["redcap", "csv", "excel", "spss", "stata", "sas"] = Field(
        description="Kind of file. No default: guessing a format silently is how data get lost."
    )
    records: str = Field(description="Path of the export, from the project's root.")
    dictionary: str | None = Field(
        None, description="Path of the REDCap data dictionary, from the project's root. Default: none."
    )
    shape: Literal["visit", "patient", "value"] = Field(
        "visit",
        description="What one row is: a visit (default, the commonest), a patient (visits side by side in columns), "
        "or one value of one instrument.",
    )
    values: Values | None = Field(
        None, description="Columns of name and value where one row is one value (shape: value). Default: none."
    )
    sheets: list[str] | None = Field(
        None,
        description="Sheets of a workbook, read one below the other. Default: the only sheet that holds data; where several "
        "do, the key must be stated.",
    )
    header_rows: int = Field(
        1, ge=1, le=2, description="Rows of column names above the data (1 or 2; two are joined by a space)."
    )
    delimiter: str | None = Field(None, description="Column separator of a CSV file. Default: found from the file.")
    encoding: str | None = Field(
        None,
        description="Text encoding of a CSV file (and its dictionary) that is not UTF-8, e.g. cp1252 (Windows) or mac_roman. "
        "Default: UTF-8 or UTF-16; another one is asked for, because the file does not say it.",
    )
    decimal: Literal[".", ","] | None = Field(
        None,
        description="Decimal mark of numbers that are written as text; the other mark then parts thousands. Default: found by "
        "column, and asked where 1,083 may be a thousand or a fraction.",
    )
    labels: bool = Field(
        False,
        description="True where choices were exported as labels rather than codes. Default: codes (raw export).",
    )
    missing: dict[str, str] = Field(
        default_factory=dict,
        description="Codes that mean missing, with the reason, e.g. {'-99': refused}. Default: only blanks, NA and the "
        "format's own missing values.",
    )

    def files(self, raw: str | Path | None = None, root: str | Path = ".") -> tuple[Path, Path | None]:
        """Give the paths of the records and of the dictionary, once it is certain that both can be read.

        Parameters
        ----------
        raw : path that replaces `records`, from the current folder; a dictionary beside it is taken where the study's own
            is not there.
        root : folder that the study file's own paths start from.

        Returns
        -------
        Paths of the records and of the dictionary (None where there is none).

        Raises
        ------
        StudyError : a path holds characters that no text has, or is not that of a file.
        """
        records = (
            regular_file(self.records, root, "export.records") if raw is None else regular_file(raw, None, "--raw")
        )
        if self.dictionary is None:
            return records, None
        beside = records.parent / Path(self.dictionary).name
        if raw is not None and beside.exists() and not Path(root, self.dictionary).exists():
            return records, regular_file(beside, None, "export.dictionary")
        return records, regular_file(self.dictionary, root, "export.dictionary")


def _rising(limits: tuple[float, float] | None) -> tuple[float, float] | None:
    """Hold a range to its order."""
    if limits is not None and not limits[0] < limits[1]:
        raise ValueError(f"[{limits[0]:g}, {limits[1]:g}] is empty; write the smaller number first")
    return limits


def _filled(name: str) -> str:
    """Refuse a blank where the name of a column belongs."""
    if not name.strip():
        raise ValueError("the name of the column is blank; write it as the export does")
    return name


Code = str | int | float | bool


class Column(Section):
    """Where one value comes from and what it means; the short form ``name: column`` stands for ``{from: column}``."""

    source: str = Field(alias="from", description="Name of the column in the export.")
    label: Annotated[str | None, ForPeople()] = Field(
        None, description="Words for figures and tables. Default: the dictionary's label, else the name."
    )
    unit: str | None = Field(None, description="Unit as printed, e.g. years. Default: none.")
    codes: dict[Code, str] | None = Field(
        None,
        description="Meaning of each code, e.g. {1: female, 2: male}; makes a category. Default: the dictionary's "
        "choices, else a number where all values are numbers.",
    )
    kind: Literal["number", "category", "code"] | None = Field(
        None,
        description="How the values are read where there are no codes; a code is that of a person, such as a therapist, "
        "and is re-keyed. Default: numbers if all of them are.",
    )
    range: tuple[float, float] | None = Field(
        None,
        description="Smallest and largest possible value (column's unit); outside becomes missing. Default: no limit.",
    )
    usual: tuple[float, float] | None = Field(
        None,
        description="Usual range (unit of the column); outside is flagged, never changed. Default: no limit.",
    )

    _order = field_validator("range", "usual")(_rising)
    _named = field_validator("source")(_filled)

    @field_validator("codes")
    @classmethod
    def _codes_mean_something(cls, codes: dict[Code, str] | None) -> dict[Code, str] | None:
        if codes is not None and (not codes or not all(meaning.strip() for meaning in codes.values())):
            raise ValueError("every code needs a name, and codes without any are left out")
        return codes

    @field_validator("codes", mode="before", json_schema_input_type=dict[Code, Code] | None)
    @classmethod
    def _codes_are_text(cls, value: Any) -> Any:
        if value is not None and not isinstance(value, dict):
            raise ValueError("codes are a mapping from each code of the export to a name, e.g. {1: female, 2: male}")
        return None if value is None else {str(key): _written(meaning) for key, meaning in value.items()}


def _written(value: Any) -> str:
    """Write a value as the study file does: YAML reads 1 as a number and true as a truth value."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _short_form(value: Any) -> Any:
    return {"from": value} if isinstance(value, str) else value


class Arm(Column):
    """The arm that each patient was allocated to."""

    reference: str = Field(description="The arm that the others are compared with. No default: it decides every sign.")
    labels: Annotated[dict[str, str], ForPeople()] = Field(
        default_factory=dict, description="Words for each arm. Default: the name with spaces."
    )
    dose: dict[str, float] = Field(
        default_factory=dict, description="Dose of each arm, any unit, for a trend over ordered arms. Default: none."
    )


Rows = Annotated[
    dict[str, list[str]],
    Field(description="Which rows of the export: column -> allowed values ('' is blank). Default: all rows."),
]


WrittenRows = dict[str, Code | list[Code]]


def _rows(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {k: [_written(x) for x in (v if isinstance(v, list) else [v])] for k, v in value.items()}


class Patients(Section):
    """How rows become patients."""

    rows: Rows = Field(default_factory=dict)
    id: str | Annotated[list[str], Field(min_length=2)] = Field(
        description="Column with the patient's code; where codes repeat between clinics, a list whose last column is the code and "
        "whose others say where it counts, e.g. [site, id]."
    )
    clinic: str | None = Field(None, description="Column with the clinic. Default: none.")
    day_0: str | None = Field(
        None,
        description="Column with the date that becomes day 0 (randomisation). Default: the first visit's date, if any.",
    )
    arm: Arm | None = Field(
        None, description="The allocated arm. Default: none, which only a single-arm design allows."
    )
    cohort: Column | None = Field(
        None, description="Column that tells the cohort. Default: none, where the study has one cohort."
    )
    excluded: Column | None = Field(
        None,
        description="Column with the reason why a person was screened and not enrolled (blank: enrolled). Default: none.",
    )
    covariates: dict[Name, Column] = Field(
        default_factory=dict,
        description="Facts known at baseline that analyses may adjust for. Default: none.",
    )

    @property
    def id_columns(self) -> list[str]:
        """Columns that together are the patient's code; the last one is the code itself."""
        return [column.strip() for column in ([self.id] if isinstance(self.id, str) else self.id)]

    _rows = field_validator("rows", mode="before", json_schema_input_type=WrittenRows)(_rows)
    _short = field_validator("cohort", "excluded", mode="before", json_schema_input_type=Column | str | None)(
        _short_form
    )

    @field_validator("covariates", mode="before", json_schema_input_type=dict[Name, Column | str])
    @classmethod
    def _covariates(cls, value: Any) -> Any:
        for name, one in value.items() if isinstance(value, dict) else ():
            if isinstance(one, dict) and "from" not in one and {"instrument", "table"} & set(one):
                raise ValueError(f"'{name}' is no column of the export; write it under the study's own key covariates")
        return {k: _short_form(v) for k, v in value.items()} if isinstance(value, dict) else value


class PlannedVisit(Section):
    """One visit of the schedule."""

    label: Words = Field("", description="Words for figures and tables, e.g. Week 4. Default: the name with spaces.")
    days: tuple[int, int] | None = Field(
        None,
        description="First and last day of the window (days from day 0). Default: none, the export names the visit.",
    )
    week: float | None = Field(
        None,
        description="Nominal time (weeks from day 0), for slopes and axes. Default: the middle of the window.",
    )
    hours: float | None = Field(
        None,
        description="Nominal time in hours from day 0, instead of days and week, for time points within a day or few days, e.g. 0, "
        "1, 24, 72; the export must name them, since its dates tell days. Default: none.",
    )

    @field_validator("days")
    @classmethod
    def _days_rise(cls, days: tuple[int, int] | None) -> tuple[int, int] | None:
        if days is not None and days[0] > days[1]:
            raise ValueError(f"the window [{days[0]}, {days[1]}] ends before it begins; write its first day first")
        return days

    @model_validator(mode="after")
    def _hours_stand_alone(self) -> "PlannedVisit":
        if self.hours is not None and (self.days is not None or self.week is not None):
            raise ValueError("a visit has hours, or days and week, not both")
        return self

    @property
    def nominal_week(self) -> float | None:
        """Nominal time in weeks from day 0, or None where the plan does not say."""
        if self.hours is not None:
            return self.hours / 168
        if self.week is not None:
            return self.week
        return None if self.days is None else sum(self.days) / 14


class Visits(Section):
    """How rows become visits and which visit is which."""

    rows: Rows = Field(default_factory=dict)
    date: str | None = Field(
        None, description="Column with the visit's date. Default: none, visits are named by the export."
    )
    planned: Column | None = Field(
        None,
        description="Column that names the visit, with codes to the schedule's names. Default: by date and window.",
    )
    therapist: str | None = Field(None, description="Column with the therapist. Default: none.")
    clinic: str | None = Field(None, description="Column with the clinic of the visit. Default: the patient's clinic.")
    schedule: dict[Name, PlannedVisit] = Field(
        description="The planned visits in order; the first one is the baseline."
    )
    primary: str = Field(
        description="The visit at which the primary contrast is read. No default: it must be pre-specified."
    )

    _rows = field_validator("rows", mode="before", json_schema_input_type=WrittenRows)(_rows)
    _short = field_validator("planned", mode="before", json_schema_input_type=Column | str | None)(_short_form)

    @property
    def baseline(self) -> str:
        """Name of the baseline visit: the first of the schedule."""
        return next(iter(self.schedule))

    @property
    def follow_up(self) -> list[str]:
        """Names of the visits after baseline, in order."""
        return list(self.schedule)[1:]

    def check_follow_up(self, place: str, visits: list[str]) -> None:
        """Refuse visits of an analysis that are none after baseline; `place` is where the study file names them."""
        for visit in visits:
            if visit not in self.follow_up:
                raise ValueError(f"{place}: visit '{visit}' is none after baseline{nearest(visit, self.follow_up)}")


class Threshold(Section):
    """A published threshold of within-person change."""

    value: float = Field(gt=0, description="Size of the change (in `scale`), positive.")
    scale: str = Field(
        description="Scale the value is on, e.g. '0-10 points' or '% of baseline'; it is refused on any other."
    )
    kind: Literal["MCID", "MDC", "SCB"] = Field("MCID", description="Kind of threshold. Default: MCID.")
    source: str | None = Field(None, description="Citation: authors, journal, year. Default: none, it is unverified.")
    unverified: bool = Field(False, description="true where no publication was read for it. Default: false.")

    @model_validator(mode="after")
    def _told(self) -> "Threshold":
        if (self.source is None) != self.unverified or self.source == "unverified":
            raise ValueError("a threshold has either a source or unverified: true")
        return self


class Ticked(Section):
    """An item that is one option of a column in which several may be ticked, written beside each other in one cell."""

    source: str = Field(alias="from", description="Name of the column in the export.")
    ticked: str = Field(
        min_length=1,
        description="The option as the cells write it. The item is 1 where the cell holds it and 0 where it does not; a "
        "blank cell is 0 where another cell of the instrument is filled in.",
    )


def columns_of_span(value: str) -> list[str]:
    """Write out the columns of a span such as 'ndi_1 .. ndi_10'.

    Parameters
    ----------
    value : first and last column, whose names differ in one number, at the end or before it.

    Returns
    -------
    Their names in order.

    Raises
    ------
    ValueError : it is no such span, or one of more columns than any instrument has items.
    """
    first, _, last = value.partition(" .. ")
    for start in re.finditer(r"[0-9]{1,9}", first):
        end = re.fullmatch(rf"{re.escape(first[: start.start()])}([0-9]{{1,9}}){re.escape(first[start.end() :])}", last)
        if end and int(start[0]) <= int(end[1]):
            if int(end[1]) - int(start[0]) >= MOST_ITEMS:
                many = int(end[1]) - int(start[0]) + 1
                raise ValueError(f"'{value}' would be {many} columns; no instrument has more than {MOST_ITEMS} items")
            numbers = range(int(start[0]), int(end[1]) + 1)
            return [f"{first[: start.start()]}{number}{first[start.end() :]}" for number in numbers]
    raise ValueError(f"'{value}' should look like 'ndi_1 .. ndi_10'")


class Instrument(Section):
    """An outcome of this study: an instrument of the registry, or one described here, and its columns."""

    registry: str | None = Field(
        None, description="Name in the instrument registry. Default: the key itself, if known there."
    )
    items: list[str | Ticked] | str | dict[str, str | Ticked | list[str]] | None = Field(
        None,
        description="Item columns in order: a list, 'ndi_1 .. ndi_10', or item -> column; instead of a column {from: column, "
        "ticked: option} where several options are ticked in one cell; where one row is one patient, visit -> list, or "
        "visit -> 'ndi1_t0 .. ndi10_t0'. Default: none (totals only).",
    )
    total: str | dict[str, str] | None = Field(
        None,
        description="Column of the total; where one row is one patient, visit -> column. Default: computed from items.",
    )
    unit: str | None = Field(
        None,
        description="Unit of the export's values where it is not the registry's; 'sum of items' where the answers were added up "
        "and not put on the instrument's scale. Default: the registry's.",
    )
    factor: float | None = Field(
        None,
        gt=0,
        description="What one of the export's totals (or readings) is in the instrument's unit, where no unit says it, e.g. 10. "
        "Default: 1, asked for where the values do not fit.",
    )
    items_from: float | None = Field(
        None,
        description="The number that the export gives to the lowest answer of item 1, e.g. 1 where a survey tool numbers answers "
        "of 0-5 from 1. Default: the instrument's own, asked for where the answers do not fit.",
    )
    unit_column: str | None = Field(None, description="Column that states the unit in each row. Default: none.")
    rows: Rows = Field(default_factory=dict)
    label: Annotated[str | None, ForPeople()] = Field(None, description="Words for figures. Default: the registry's.")
    range: tuple[float, float] | None = Field(
        None, description="Possible values (unit of the scale), where not in the registry."
    )
    better: Literal["lower", "higher"] | None = Field(
        None, description="Which direction is improvement, where not in the registry."
    )
    scoring: Scoring | None = Field(
        None,
        description="How the score comes from its items, where the registry does not know the instrument. Default: the registry's.",
    )
    points: dict[str, dict[str, float]] = Field(
        default_factory=dict,
        description="Item -> the export's code of an answer -> its points, where they are not the same, e.g. "
        "{7: {1: 0, 2: 4, 3: 7, 4: 10}}. Default: none.",
    )
    thresholds: list[Threshold] = Field(
        default_factory=list, description="Thresholds beside the registry's. Default: none."
    )
    missing_with: str | None = Field(
        None,
        description="Another instrument: where that one is missing, this one is too (for exports that write 0 for "
        "missing). Default: none.",
    )
    site: Name | None = Field(
        None,
        description="Site of the body where it is measured; instruments of one outcome at several sites stay apart. Default: none.",
    )
    side: Name | None = Field(
        None, description="Side of the body, e.g. left, right, affected, unaffected. Default: none."
    )

    _order = field_validator("range")(_rising)
    _rows = field_validator("rows", mode="before", json_schema_input_type=WrittenRows)(_rows)

    @field_validator("items", "points", mode="before")
    @classmethod
    def _numbers_are_text(cls, value: Any) -> Any:
        return {str(key): column for key, column in value.items()} if isinstance(value, dict) else value

    @field_validator("items", mode="after")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if isinstance(value, str):
            return columns_of_span(value)
        if isinstance(value, dict) and any(
            isinstance(v, list) or (isinstance(v, str) and " .. " in v) for v in value.values()
        ):
            spans = {
                visit: columns_of_span(columns) if isinstance(columns, str) else columns
                for visit, columns in value.items()
            }
            if not all(isinstance(columns, list) for columns in spans.values()):
                raise ValueError("either every visit has a list of its items, or every item has a column")
            if len({len(columns) for columns in spans.values()}) > 1:
                raise ValueError("every visit must have the same number of items, in the same order")
            return spans
        return value

    @property
    def numbered_items(self) -> dict[str, str | Ticked]:
        """Number of each item -> its column, or the option that it is; empty where there are totals only."""
        return self.items_at(next(iter(self.item_visits), ""))

    @property
    def item_visits(self) -> list[str]:
        """Visits that have item columns of their own, where one row is one patient; else none."""
        by_visit = isinstance(self.items, dict) and any(isinstance(columns, list) for columns in self.items.values())
        return list(self.items) if by_visit and isinstance(self.items, dict) else []

    def items_at(self, visit: str) -> dict[str, str | Ticked]:
        """Number of each item -> its column at a visit."""
        items: Any = self.items or []
        if self.item_visits:
            items = items.get(visit, [])
        # a text is a span of columns, which validation has made a list
        return items if isinstance(items, dict) else {str(number): column for number, column in enumerate(items, 1)}


class EventTable(Section):
    """A table of things that happen between visits: sessions, needling, co-interventions, adverse events, milestones, status."""

    rows: Rows = Field(default_factory=dict)
    columns: dict[Name, Column] = Field(description="Canonical column -> column of the export (see the data guide).")
    times: dict[Name, dict[Name, str]] = Field(
        default_factory=dict,
        description="Where one row of the export holds several times side by side: time -> canonical column -> its column at that "
        "time, e.g. {week_4: {guess: guess_w4}, end: {guess: guess_w12}}; makes the canonical column time. Default: none.",
    )

    _rows = field_validator("rows", mode="before", json_schema_input_type=WrittenRows)(_rows)

    @field_validator("columns", mode="before", json_schema_input_type=dict[Name, Column | str])
    @classmethod
    def _columns(cls, value: Any) -> Any:
        return {k: _short_form(v) for k, v in value.items()} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _times_are_of_its_columns(self) -> "EventTable":
        if self.times and "time" in self.columns:
            raise ValueError("times and a column time both say when; keep one of them")
        for time, replaced in self.times.items():
            unknown = [name for name in replaced if name not in self.columns]
            if unknown or not replaced:
                what = f"'{unknown[0]}' is not among its columns" if unknown else "it names no column"
                raise ValueError(f"times.{time}: {what}; name the columns that the export has for that time")
        return self

    @property
    def typed_columns(self) -> dict[str, Column]:
        """Canonical columns with the time, where the times lie side by side."""
        if not self.times:
            return self.columns
        return {**self.columns, "time": Column(source="(time)", codes={time: time for time in self.times})}

    def sources_at(self, time: str) -> dict[str, str]:
        """Canonical column -> column of the export at one of the times."""
        return {name: self.times.get(time, {}).get(name, column.source) for name, column in self.columns.items()}


class Events(Section):
    """The tables beside visits and outcomes; each is optional."""

    sessions: EventTable | None = Field(
        None, description="Treatment sessions: session, date, therapist, pain_before, pain_after."
    )
    needling: EventTable | None = Field(
        None, description="Muscles needled, one row per muscle per session (STRICTA 2a-2g)."
    )
    co_interventions: EventTable | None = Field(None, description="Exercise, manual therapy, education and others.")
    adverse_events: EventTable | None = Field(
        None, description="Adverse events with date, session, severity, relatedness."
    )
    milestones: EventTable | None = Field(
        None, description="What patients reached, and when: date, kind, e.g. return to sport or relapse."
    )
    status: EventTable | None = Field(None, description="Discontinuation: date, reason, whether still followed.")
    guesses: EventTable | None = Field(
        None,
        description="What patients guess of their arm: guess (with codes), and time where they were asked more than once.",
    )
