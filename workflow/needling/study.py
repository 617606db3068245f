"""The study file: one YAML document that is the analysis plan, typed and checked.

Every key carries its unit, its default and the reason for the default in its description; the generated
``config/study.schema.json`` gives the same words to an editor. Nothing here imports pandas, so that the
workflow can read the plan in a moment.
"""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Text = str


class StudyError(Exception):
    """A mistake in the input that one sentence can name: file, row, column and mend."""


class Section(BaseModel):
    """A section of the study file; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


# ---------------------------------------------------------------- the export and its columns


class Values(Section):
    """Where one row is one value: the columns that hold the value and the name of what was measured."""

    name: list[str] = Field(
        description="Column with the name that instruments list as item or total; several are joined by a space."
    )
    value: str = Field(description="Column with the value.")

    @field_validator("name", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


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
        None, description="Sheets of a workbook, read one below the other. Default: the first sheet only."
    )
    header_rows: int = Field(
        1, ge=1, le=2, description="Rows of column names above the data (1 or 2; two are joined by a space)."
    )
    delimiter: str | None = Field(None, description="Column separator of a CSV file. Default: found from the file.")
    encoding: str | None = Field(
        None,
        description="Text encoding of a CSV file. Default: UTF-8 (byte-order mark allowed), else Windows-1252.",
    )
    decimal: Literal[".", ","] | None = Field(
        None, description="Decimal mark. Default: found per column, and flagged where both occur."
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


Code = str | int | float | bool


class Column(Section):
    """Where one value comes from and what it means; the short form ``name: column`` stands for ``{from: column}``."""

    source: str = Field(alias="from", description="Name of the column in the export.")
    label: str | None = Field(
        None, description="Words for figures and tables. Default: the dictionary's label, else the name."
    )
    unit: str | None = Field(None, description="Unit as printed, e.g. years. Default: none.")
    codes: dict[Code, str] | None = Field(
        None,
        description="Meaning of each code, e.g. {1: female, 2: male}; makes a category. Default: the dictionary's "
        "choices, else a number where all values are numbers.",
    )
    kind: Literal["number", "category"] | None = Field(
        None, description="How the values are read where there are no codes. Default: numbers if all of them are."
    )
    range: tuple[float, float] | None = Field(
        None,
        description="Smallest and largest possible value (column's unit); outside becomes missing. Default: no limit.",
    )
    usual: tuple[float, float] | None = Field(
        None,
        description="Usual range (unit of the column); outside is flagged, never changed. Default: no limit.",
    )

    @field_validator("codes", mode="before")
    @classmethod
    def _codes_are_text(cls, value: Any) -> Any:
        return None if value is None else {_code(key): str(meaning) for key, meaning in value.items()}


def _code(key: Any) -> str:
    """Write a code as the export would: YAML reads 1 as a number and yes as a truth value."""
    if isinstance(key, bool):
        return "yes" if key else "no"
    return str(key)


def _short_form(value: Any) -> Any:
    return {"from": value} if isinstance(value, str) else value


class Arm(Column):
    """The arm that each patient was allocated to."""

    reference: str = Field(description="The arm that the others are compared with. No default: it decides every sign.")
    labels: dict[str, str] = Field(
        default_factory=dict, description="Words for each arm. Default: the name with spaces."
    )


Rows = Annotated[
    dict[str, list[str]],
    Field(description="Which rows of the export: column -> allowed values ('' is blank). Default: all rows."),
]


def _rows(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {k: [str(x) for x in v] if isinstance(v, list) else [str(v)] for k, v in value.items()}


class Patients(Section):
    """How rows become patients."""

    rows: Rows = Field(default_factory=dict)
    id: str = Field(description="Column with the patient's code.")
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

    _rows = field_validator("rows", mode="before")(_rows)
    _short = field_validator("cohort", "excluded", mode="before")(_short_form)

    @field_validator("covariates", mode="before")
    @classmethod
    def _covariates(cls, value: Any) -> Any:
        return {k: _short_form(v) for k, v in value.items()} if isinstance(value, dict) else value


class PlannedVisit(Section):
    """One visit of the schedule."""

    label: str = Field(description="Words for figures and tables, e.g. Week 4.")
    days: tuple[int, int] | None = Field(
        None,
        description="First and last day of the window (days from day 0). Default: none, the export names the visit.",
    )
    week: float | None = Field(
        None,
        description="Nominal time (weeks from day 0), for slopes and axes. Default: the middle of the window.",
    )

    @property
    def nominal_week(self) -> float | None:
        """Nominal time in weeks from day 0, or None where the plan does not say."""
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

    _rows = field_validator("rows", mode="before")(_rows)
    _short = field_validator("planned", mode="before")(_short_form)

    @property
    def baseline(self) -> str:
        """Name of the baseline visit: the first of the schedule."""
        return next(iter(self.schedule))

    @property
    def follow_up(self) -> list[str]:
        """Names of the visits after baseline, in order."""
        return list(self.schedule)[1:]


class Threshold(Section):
    """A published threshold of within-person change."""

    value: float = Field(description="Size of the change (in `scale`), positive.")
    scale: str = Field(
        description="Scale the value is on, e.g. '0-10 points' or '% of baseline'; it is refused on any other."
    )
    kind: Literal["MCID", "MDC", "SCB"] = Field("MCID", description="Kind of threshold. Default: MCID.")
    source: str = Field(description="Citation, or 'unverified'.")


class Ticked(Section):
    """An item that is one option of a column in which several may be ticked, written beside each other in one cell."""

    source: str = Field(alias="from", description="Name of the column in the export.")
    ticked: str = Field(
        min_length=1,
        description="The option as the cells write it. The item is 1 where the cell holds it and 0 where it does not; a "
        "blank cell is 0 where another cell of the instrument is filled in.",
    )


class Instrument(Section):
    """An outcome of this study: an instrument of the registry, or one described here, and its columns."""

    registry: str | None = Field(
        None, description="Name in the instrument registry. Default: the key itself, if known there."
    )
    items: list[str | Ticked] | str | dict[str, str | Ticked] | None = Field(
        None,
        description="Item columns in order: a list, 'ndi_1 .. ndi_10', or item -> column; instead of a column {from: column, "
        "ticked: option} where several options are ticked in one cell. Default: none (totals only).",
    )
    total: str | dict[str, str] | None = Field(
        None,
        description="Column of the total; where one row is one patient, visit -> column. Default: computed from items.",
    )
    unit: str | None = Field(
        None,
        description="Unit of the export's values where it is not the registry's. Default: the registry's.",
    )
    unit_column: str | None = Field(None, description="Column that states the unit in each row. Default: none.")
    label: str | None = Field(None, description="Words for figures. Default: the registry's.")
    range: tuple[float, float] | None = Field(
        None, description="Possible values (unit of the scale), where not in the registry."
    )
    better: Literal["lower", "higher"] | None = Field(
        None, description="Which direction is improvement, where not in the registry."
    )
    thresholds: list[Threshold] = Field(
        default_factory=list, description="Thresholds beside the registry's. Default: none."
    )
    missing_with: str | None = Field(
        None,
        description="Another instrument: where that one is missing, this one is too (for exports that write 0 for "
        "missing). Default: none.",
    )

    @field_validator("items", mode="before")
    @classmethod
    def _numbers_are_text(cls, value: Any) -> Any:
        return {str(key): column for key, column in value.items()} if isinstance(value, dict) else value

    @field_validator("items", mode="after")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        first, separator, last = value.partition(" .. ")
        stem = first.rstrip("0123456789")
        if not separator or not last.startswith(stem) or stem == first:
            raise ValueError(f"'{value}' should look like 'ndi_1 .. ndi_10'")
        return [f"{stem}{number}" for number in range(int(first[len(stem) :]), int(last[len(stem) :]) + 1)]

    @property
    def numbered_items(self) -> dict[str, str | Ticked]:
        """Number of each item -> its column, or the option that it is; empty where there are totals only."""
        if isinstance(self.items, dict):
            return self.items
        # a text is a span of columns, which validation has made a list
        return {str(number): column for number, column in enumerate(list(self.items or []), 1)}


class EventTable(Section):
    """A table of things that happen between visits: sessions, needling, co-interventions, adverse events, status."""

    rows: Rows = Field(default_factory=dict)
    columns: dict[Name, Column] = Field(description="Canonical column -> column of the export (see the data guide).")

    _rows = field_validator("rows", mode="before")(_rows)

    @field_validator("columns", mode="before")
    @classmethod
    def _columns(cls, value: Any) -> Any:
        return {k: _short_form(v) for k, v in value.items()} if isinstance(value, dict) else value


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
    status: EventTable | None = Field(None, description="Discontinuation: date, reason, whether still followed.")


# ---------------------------------------------------------------- the people and the questions


class Cohort(Section):
    """A cohort and the instrument that measures each outcome in it."""

    label: str = Field(description="Words for figures and tables.")
    outcomes: dict[Name, str | list[str]] = Field(
        description="Outcome (e.g. pain) -> instrument; a list means the one that each patient has, pooled as percent "
        "of maximum possible score (0-100, higher is better)."
    )


class Estimand(Section):
    """What is to be estimated (ICH E9(R1)), in words for the report."""

    population: Text = Field(description="Who.")
    treatment: Text = Field(description="Which treatment conditions are compared.")
    variable: Text = Field(description="The outcome and time.")
    intercurrent_events: dict[str, str] = Field(
        default_factory=dict, description="Event -> strategy. Default: none named."
    )
    summary: Text = Field(description="The population-level summary, e.g. difference in means.")


Residual = Literal[
    "unstructured",
    "toeplitz_het",
    "ar1_het",
    "compound_symmetry_het",
    "toeplitz",
    "ar1",
    "compound_symmetry",
    "antedependence",
    "antedependence_het",
]
DfMethod = Literal["kenward_roger", "satterthwaite", "residual", "between_within", "asymptotic"]


class _Analysis(Section):
    label: str = Field(description="Heading in the report.")
    outcomes: list[Name] = Field(description="Outcomes analysed, each in each cohort that has it.")
    estimand: str | None = Field(None, description="Name of the estimand. Default: none.")
    adjust: list[Name] = Field(default_factory=list, description="Baseline covariates of the model. Default: none.")
    where: dict[Name, list[str] | str] = Field(
        default_factory=dict,
        description="Covariate -> levels: the analysis is restricted to those patients. Default: all.",
    )
    observed_at: str | None = Field(
        None,
        description="Only patients whose outcome was measured at this visit. Default: everybody with any follow-up.",
    )
    report_as: Literal["difference", "improvement"] = Field(
        "difference",
        description="Sign of contrasts: as measured (default), or turned so that positive means more improvement.",
    )
    family: str | None = Field(
        None, description="Multiplicity family of the primary contrasts. Default: none, unadjusted."
    )
    level: float = Field(0.95, gt=0.5, lt=1, description="Confidence level. Default: 0.95, the field's convention.")


class RepeatedMeasures(_Analysis):
    """All follow-up visits at once, with a residual covariance over visits (MMRM)."""

    kind: Literal["repeated_measures"]
    baseline: Literal["covariate", "constrained", "response"] = Field(
        "covariate",
        description="Baseline as a covariate (default), as a response with a common mean in all arms (constrained; "
        "randomised designs only), or as a plain response (single arm: the course from baseline).",
    )
    residual: list[Residual] = Field(
        default=["unstructured", "toeplitz_het", "ar1_het", "compound_symmetry"],
        description="The ladder: structures tried in this order until one converges. Default: from general to simple.",
    )
    clusters: list[Literal["therapist", "clinic"]] = Field(
        default_factory=list, description="Random effects. Default: none."
    )
    df: DfMethod = Field(
        "kenward_roger", description="Degrees of freedom. Default: Kenward-Roger, right in small samples."
    )


class GrowthCurve(_Analysis):
    """A random intercept and slope per patient over the actual time of each visit."""

    kind: Literal["growth_curve"]
    clusters: list[Literal["therapist", "clinic"]] = Field(
        default_factory=list, description="Random effects. Default: none."
    )
    df: DfMethod = Field("satterthwaite", description="Degrees of freedom. Default: Satterthwaite.")


class Ancova(_Analysis):
    """One visit, least squares, baseline as covariate."""

    kind: Literal["ancova"]
    visits: list[Name] = Field(description="Visits analysed, one model each.")
    interaction: Name | None = Field(
        None,
        description="Test whether the effect depends on this: baseline or a covariate. Default: no interaction.",
    )


Analysis = Annotated[RepeatedMeasures | GrowthCurve | Ancova, Field(discriminator="kind")]


class Family(Section):
    """Contrasts that share one error rate."""

    method: Literal["holm", "hochberg", "bonferroni", "none"] = Field(
        "holm", description="Default: Holm, valid whatever the correlation."
    )
    level: float = Field(0.05, gt=0, lt=0.5, description="Family-wise error rate. Default: 0.05, two-sided.")


# ---------------------------------------------------------------- cleaning, privacy, output


class Cleaning(Section):
    """Which cleaning rules run, and how they are tuned."""

    off: list[str] = Field(default_factory=list, description="Ids of rules that do not run. Default: none, all run.")
    tune: dict[str, dict[str, float | int | str | bool]] = Field(
        default_factory=dict,
        description="Rule id -> its settings (see docs/cleaning.md). Default: the rules' own.",
    )
    corrections: str | None = Field(
        None, description="Path of a file of corrections that came back from the sites. Default: none."
    )


class Review(Section):
    """A column that somebody has looked at and found free of identifiers."""

    by: str = Field(description="Who looked (a role or initials).")
    date: str = Field(description="When (YYYY-MM-DD).")
    why: str = Field(description="What was seen, e.g. 'muscle names only'.")

    @field_validator("date", mode="before")
    @classmethod
    def _date_is_text(cls, value: Any) -> str:
        return str(value)


class Privacy(Section):
    """What the identifier gate lets through."""

    drop: list[str] = Field(default_factory=list, description="Columns never read, whatever they hold. Default: none.")
    reviewed: dict[str, Review] = Field(
        default_factory=dict,
        description="Columns that the gate would stop on, with who reviewed them. Default: none.",
    )


class Disclosure(Section):
    """What may be published."""

    min_cell: int = Field(
        11, ge=5, description="Smallest number of people in a published cell. Default: 11; never below 5."
    )


class Figures(Section):
    """How figures are drawn."""

    profile: Literal["default", "journal"] = Field(
        "default", description="Widths and type sizes. Default: for reading on screen."
    )


class Study(Section):
    """The whole study file."""

    study: Name = Field(description="Short name: the file's name without .yaml, and the folder under data and reports.")
    title: str = Field(description="Title of the report.")
    design: Literal["randomised", "cohort", "single_arm"] = Field(
        description="Decides the wording (effect, association, course) and which analyses are allowed. No default."
    )
    made_up: bool = Field(False, description="True for simulated data; every output then says so. Default: real data.")
    seed: int = Field(ge=0, description="Seed of every random step. No default: reproducibility must be chosen.")
    authors: list[str] = Field(default_factory=list, description="Authors on the report. Default: none.")
    notes: list[str] = Field(
        default_factory=list, description="Sentences printed in the report's data section. Default: none."
    )
    export: Export
    patients: Patients
    visits: Visits
    instruments: dict[Name, Instrument] = Field(description="The outcomes measured and their columns.")
    events: Events = Field(default_factory=Events)
    outcomes: dict[Name, str] = Field(
        default_factory=dict, description="Words for each outcome. Default: the name with spaces."
    )
    cohorts: dict[Name, Cohort] = Field(description="The cohorts, in the order of figures and tables.")
    estimands: dict[Name, Estimand] = Field(default_factory=dict, description="Estimands by name. Default: none.")
    analyses: dict[Name, Analysis] = Field(description="The analyses in the order of the report.")
    primary: str = Field(description="The analysis whose contrasts are the study's primary result.")
    families: dict[Name, Family] = Field(default_factory=dict, description="Multiplicity families. Default: none.")
    cleaning: Cleaning = Field(default_factory=Cleaning)
    privacy: Privacy = Field(default_factory=Privacy)
    disclosure: Disclosure = Field(default_factory=Disclosure)
    figures: Figures = Field(default_factory=Figures)

    def outcome_label(self, outcome: str) -> str:
        """Words for an outcome."""
        return self.outcomes.get(outcome, _words(outcome))

    def arm_label(self, arm: str) -> str:
        """Words for an arm."""
        return (self.patients.arm.labels.get(arm) if self.patients.arm else None) or _words(arm)

    @property
    def arms(self) -> list[str]:
        """The arms in the order of their codes with the reference first; empty for a single arm."""
        arm = self.patients.arm
        if arm is None:
            return []
        known = list(dict.fromkeys((arm.codes or {}).values())) or [arm.reference]
        return [arm.reference, *(a for a in known if a != arm.reference)]

    def visit_label(self, visit: str) -> str:
        """Words for a visit."""
        return self.visits.schedule[visit].label if visit in self.visits.schedule else _words(visit)

    @property
    def primary_label(self) -> str:
        """Words for the primary visit."""
        return self.visit_label(self.visits.primary)

    @model_validator(mode="after")
    def _references_exist(self) -> "Study":
        """Every name that the plan uses must be defined in it."""

        def known(what: str, name: str, names: Any) -> None:
            if name not in names:
                raise ValueError(f"{what} '{name}' is not defined{_nearest(name, names)}")

        known("visits.primary", self.visits.primary, self.visits.schedule)
        known("primary analysis", self.primary, self.analyses)
        if (self.patients.arm is None) != (self.design == "single_arm"):
            raise ValueError("design single_arm has no patients.arm, and every other design needs one")
        if self.patients.arm and self.patients.arm.codes:
            known("patients.arm.reference", self.patients.arm.reference, self.patients.arm.codes.values())
        if len(self.cohorts) > 1 and self.patients.cohort is None:
            raise ValueError("patients.cohort must name the column that tells the cohorts apart")
        offered = {outcome for cohort in self.cohorts.values() for outcome in cohort.outcomes}
        for name, cohort in self.cohorts.items():
            for instrument in cohort.outcomes.values():
                for one in [instrument] if isinstance(instrument, str) else instrument:
                    known(f"cohorts.{name}: instrument", one, self.instruments)
        for name, settings in self.instruments.items():
            if settings.missing_with:
                known(f"instruments.{name}.missing_with", settings.missing_with, self.instruments)
            if isinstance(settings.total, dict):
                for visit in settings.total:
                    known(f"instruments.{name}.total: visit", visit, self.visits.schedule)
        for name, analysis in self.analyses.items():
            self._check_analysis(name, analysis, offered, known)
        return self

    def _check_analysis(self, name: str, analysis: Any, offered: set[str], known: Any) -> None:
        for outcome in analysis.outcomes:
            known(f"analyses.{name}: outcome", outcome, offered)
        for covariate in [*analysis.adjust, *analysis.where]:
            known(f"analyses.{name}: covariate", covariate, self.patients.covariates)
        for visit in [
            *getattr(analysis, "visits", []),
            *([analysis.observed_at] if analysis.observed_at else []),
        ]:
            known(f"analyses.{name}: visit", visit, self.visits.schedule)
        if analysis.estimand:
            known(f"analyses.{name}: estimand", analysis.estimand, self.estimands)
        if analysis.family:
            known(f"analyses.{name}: family", analysis.family, self.families)
        if getattr(analysis, "baseline", None) == "constrained" and self.design != "randomised":
            raise ValueError(f"analyses.{name}: a constrained baseline is only right where arms were randomised")
        interaction = getattr(analysis, "interaction", None)
        if interaction and interaction != "baseline":
            known(f"analyses.{name}: interaction", interaction, self.patients.covariates)


def load_study(path: str | Path) -> Study:
    """Read and check a study file.

    Parameters
    ----------
    path : path of the YAML file; its name without .yaml must be the study's name.

    Returns
    -------
    The typed study file.

    Raises
    ------
    StudyError : one sentence that names the file, the line and the mend, where YAML, a key or a value is wrong.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        document = yaml.safe_load(text)
        node = yaml.compose(text)
    except FileNotFoundError:
        raise StudyError(f"{path}: there is no such study file{_studies_beside(path)}.") from None
    except UnicodeDecodeError:
        raise StudyError(f"{path}: the study file is not UTF-8 text; save it as UTF-8.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise StudyError(
            f"{path}{where}: not valid YAML ({getattr(error, 'problem', 'unreadable')}); check indents, quotes, colons."
        ) from None
    if not isinstance(document, dict):
        raise StudyError(f"{path}: the study file must be a mapping of keys such as study, title and export.")
    try:
        study = Study.model_validate(document)
    except ValidationError as error:
        raise StudyError("\n".join(_sentences(path, node, error))) from None
    if study.study != path.stem:
        raise StudyError(
            f"{path}: the key study says '{study.study}', but the file is called '{path.stem}'; make them the same."
        )
    return study


def section(study: Study, *names: str) -> dict[str, Any]:
    """Take some sections of the study as plain data, for a rule that needs only those.

    Parameters
    ----------
    study : the study file.
    names : names of top-level keys.

    Returns
    -------
    Top-level key -> plain data (JSON types), to be read again by `part`.
    """
    return study.model_dump(mode="json", by_alias=True, include=set(names))


def part(sections: dict[str, Any]) -> Study:
    """Read some sections of a study back from plain data.

    Parameters
    ----------
    sections : what `section` gave.

    Returns
    -------
    A study that has those sections and no others: to ask it for another one is an AttributeError, so a stage cannot
    depend on what its rule does not name.
    """
    study = Study.model_construct(**{name: _reader(name).validate_python(data) for name, data in sections.items()})
    for name in Study.model_fields:
        if name not in sections:
            study.__dict__.pop(name, None)
    return study


def _reader(name: str) -> TypeAdapter[Any]:
    annotation: Any = Study.model_fields[name].annotation
    return TypeAdapter(annotation)


def schema() -> dict[str, Any]:
    """Return the JSON schema of the study file, for editors."""
    generated = Study.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **generated}


def _sentences(path: Path, node: yaml.Node | None, error: ValidationError) -> list[str]:
    sentences = []
    for problem in error.errors():
        place = [str(part) for part in problem["loc"]]
        line = _line(node, place)
        keys = ".".join(part for part in place if part not in {"repeated_measures", "growth_curve", "ancova"})
        where = f"{path}, line {line}" if line else str(path)
        if problem["type"] == "extra_forbidden":
            section_keys = _keys_beside(problem["loc"])
            sentences.append(f"{where}: unknown key '{place[-1]}' ({keys}){_nearest(place[-1], section_keys)}.")
        elif problem["type"] == "missing":
            sentences.append(f"{where}: the key '{keys}' is missing; add it.")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            sentences.append(f"{where}: {keys + ': ' if keys else ''}{message[:1].lower() + message[1:]}.")
    return sentences


def _keys_beside(location: tuple[Any, ...]) -> list[str]:
    """Known keys of the section that a location points into, found by walking the generated schema."""
    root = Study.model_json_schema(by_alias=True)
    here: Any = root
    for part in location[:-1]:
        options = [_resolve(root, option) for option in here.get("anyOf", here.get("oneOf", [here]))]
        following = None
        for option in options:
            if str(part) in option.get("properties", {}):
                following = option["properties"][str(part)]
            elif option.get("properties", {}).get("kind", {}).get("const") == part:
                following = option
            elif isinstance(option.get("additionalProperties"), dict):
                following = option["additionalProperties"]
            elif "patternProperties" in option:
                following = next(iter(option["patternProperties"].values()))
            elif isinstance(part, int) and "items" in option:
                following = option["items"]
        here = _resolve(root, following or {})
    options = [_resolve(root, option) for option in here.get("anyOf", here.get("oneOf", [here]))]
    return [key for option in options for key in option.get("properties", {})]


def _resolve(root: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    return root["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node


def _line(node: yaml.Node | None, place: list[str]) -> int | None:
    line = None
    for part in place:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    line, node = key.start_mark.line + 1, value
                    break
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
    return line


def _nearest(name: str, names: Any) -> str:
    close = difflib.get_close_matches(str(name), [str(n) for n in names], n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{close[0]}'?"
    known = ", ".join(sorted(str(n) for n in names))
    return f"; known are: {known}" if known else ""


def _studies_beside(path: Path) -> str:
    names = sorted(p.stem for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
    return f"; there are: {', '.join(names)}" if names else ""


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
