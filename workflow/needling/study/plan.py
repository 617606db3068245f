"""What is asked of the data: cohorts, estimands, analyses, cleaning, privacy, output, and the whole study file."""

import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from needling.study.keys import Name, Section, nearest, words
from needling.study.sources import Events, Export, Instrument, Patients, Visits


class Cohort(Section):
    """A cohort and the instrument that measures each outcome in it."""

    label: str = Field(description="Words for figures and tables.")
    outcomes: dict[Name, str | list[str]] = Field(
        description="Outcome (e.g. pain) -> instrument; a list means the one that each patient has, pooled as percent "
        "of maximum possible score (0-100, higher is better)."
    )


class Estimand(Section):
    """What is to be estimated (ICH E9(R1)), in words for the report."""

    population: str = Field(description="Who.")
    treatment: str = Field(description="Which treatment conditions are compared.")
    variable: str = Field(description="The outcome and time.")
    intercurrent_events: dict[str, str] = Field(
        default_factory=dict, description="Event -> strategy. Default: none named."
    )
    summary: str = Field(description="The population-level summary, e.g. difference in means.")


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

    @field_validator("date")
    @classmethod
    def _date_exists(cls, value: str) -> str:
        try:
            known = datetime.date.fromisoformat(value).isoformat() == value
        except ValueError:
            known = False
        if not known:
            raise ValueError(f"'{value}' is not a day of the calendar; write the day of the review as YYYY-MM-DD")
        return value

    @field_validator("by", "why")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if len(value.strip()) < 2:
            raise ValueError(
                f"'{value}' is too short; say in words or initials who looked (by) and what was seen (why)"
            )
        return value


class Privacy(Section):
    """What the identifier gate lets through."""

    drop: list[str] = Field(default_factory=list, description="Columns never read, whatever they hold. Default: none.")
    reviewed: dict[str, Review] = Field(
        default_factory=dict,
        description="Columns that the gate would stop on, with who reviewed them. Default: none.",
    )


class Shared(Section):
    """A row-level file for others, one row per patient; it is refused unless everybody in it hides in a crowd.

    Cohort, arm and the covariates are taken for what somebody could know about a patient, the outcomes for what nobody
    may learn.
    """

    covariates: list[Name] = Field(default_factory=list, description="Covariates in the file. Default: none.")
    outcomes: list[Name] = Field(description="Outcomes in the file.")
    visits: list[Name] = Field(description="Visits at which the file has them.")
    spans: dict[Name, list[float]] = Field(
        default_factory=dict,
        description="Covariate -> numbers at which its spans begin, e.g. age: [40, 60]. Default: the values themselves.",
    )
    people: int = Field(
        11, ge=5, description="Fewest patients who share cohort, arm and all covariates. Default: 11; never below 5."
    )
    diversity: int = Field(
        2,
        ge=2,
        description="Fewest different values of each outcome among them. Default: 2, so that no group shares one.",
    )

    @field_validator("spans")
    @classmethod
    def _spans_rise(cls, spans: dict[str, list[float]]) -> dict[str, list[float]]:
        for covariate, cuts in spans.items():
            if not cuts or sorted(set(cuts)) != cuts:
                raise ValueError(f"the numbers of '{covariate}' must rise, e.g. [40, 60]")
        return spans


class Disclosure(Section):
    """What may be published."""

    min_cell: int = Field(
        11, ge=5, description="Smallest number of people in a published cell. Default: 11; never below 5."
    )
    share: dict[Name, Shared] = Field(
        default_factory=dict, description="Row-level files for others, by name (docs/cleaning.md). Default: none."
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
        return self.outcomes.get(outcome, words(outcome))

    def arm_label(self, arm: str) -> str:
        """Words for an arm."""
        return (self.patients.arm.labels.get(arm) if self.patients.arm else None) or words(arm)

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
        return self.visits.schedule[visit].label if visit in self.visits.schedule else words(visit)

    @property
    def primary_label(self) -> str:
        """Words for the primary visit."""
        return self.visit_label(self.visits.primary)

    @model_validator(mode="after")
    def _references_exist(self) -> "Study":
        """Every name that the plan uses must be defined in it."""

        def known(what: str, name: str, names: Any) -> None:
            if name not in names:
                raise ValueError(f"{what} '{name}' is not defined{nearest(name, names)}")

        known("visits.primary", self.visits.primary, self.visits.schedule)
        known("primary analysis", self.primary, self.analyses)
        if (self.patients.arm is None) != (self.design == "single_arm"):
            raise ValueError("design single_arm has no patients.arm, and every other design needs one")
        if self.patients.arm and self.patients.arm.codes:
            known("patients.arm.reference", self.patients.arm.reference, self.patients.arm.codes.values())
        if len(self.cohorts) > 1 and self.patients.cohort is None:
            raise ValueError("patients.cohort must name the column that tells the cohorts apart")
        self._check_codes(known)
        offered = {outcome for cohort in self.cohorts.values() for outcome in cohort.outcomes}
        for name, cohort in self.cohorts.items():
            for instrument in cohort.outcomes.values():
                for one in [instrument] if isinstance(instrument, str) else instrument:
                    known(f"cohorts.{name}: instrument", one, self.instruments)
        for name, settings in self.instruments.items():
            if settings.missing_with:
                known(f"instruments.{name}.missing_with", settings.missing_with, self.instruments)
            for visit in [*settings.item_visits, *(settings.total if isinstance(settings.total, dict) else [])]:
                known(f"instruments.{name}: visit", visit, self.visits.schedule)
        for name, analysis in self.analyses.items():
            self._check_analysis(name, analysis, offered, known)
        for name, shared in self.disclosure.share.items():
            self._check_shared(name, shared, offered, known)
        return self

    def _check_shared(self, name: str, shared: Shared, offered: set[str], known: Any) -> None:
        for covariate in [*shared.covariates, *shared.spans]:
            known(f"disclosure.share.{name}: covariate", covariate, self.patients.covariates)
        for outcome in shared.outcomes:
            known(f"disclosure.share.{name}: outcome", outcome, offered)
        for visit in shared.visits:
            known(f"disclosure.share.{name}: visit", visit, self.visits.schedule)

    def _check_codes(self, known: Any) -> None:
        for code, name in ((self.patients.cohort.codes if self.patients.cohort else None) or {}).items():
            known(f"patients.cohort.codes.{code}: cohort", name, self.cohorts)
        for code, name in ((self.visits.planned.codes if self.visits.planned else None) or {}).items():
            known(f"visits.planned.codes.{code}: visit", name, [*self.visits.schedule, "unscheduled"])

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
