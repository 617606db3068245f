"""The whole study file: its sections."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, model_validator

from needling.study.about import ForReading, Metadata, Published
from needling.study.analyses import Analysis, Cohort, Estimand
from needling.study.derived import DerivedCovariate, IntercurrentEvent, Strategy
from needling.study.disclosure import Disclosure, Privacy
from needling.study.families import Family
from needling.study.keys import ForPeople, Name, Section, Words, nearest
from needling.study.sources import Events, Export, Instrument, Patients, Visits


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


class Study(Section):
    """The whole study file."""

    study: Name = Field(description="Short name: the file's name without .yaml, and the folder under data and reports.")
    title: Words = Field("", description="Title of the report. Default: the study's name with spaces.")
    design: Literal["randomised", "cohort", "single_arm"] = Field(
        description="Decides the wording (effect, association, course) and which analyses are allowed. No default."
    )
    made_up: bool = Field(False, description="True for simulated data; every output then says so. Default: real data.")
    seed: int = Field(ge=0, description="Seed of every random step. No default: reproducibility must be chosen.")
    authors: Annotated[list[str], ForPeople()] = Field(
        default_factory=list, description="Authors on the report. Default: none."
    )
    notes: Annotated[list[str], ForPeople()] = Field(
        default_factory=list, description="Sentences printed in the report's data section. Default: none."
    )
    metadata: ForReading = Field(
        default_factory=Metadata,
        description="What the authors know of the study and no export holds. Default: for the authors to add.",
    )
    published: Annotated[list[Published], ForPeople()] = Field(
        default_factory=list, description="Published numbers, to stand beside those computed here. Default: none."
    )
    export: Export
    patients: Patients
    visits: Visits
    instruments: dict[Name, Instrument] = Field(description="The outcomes measured and their columns.")
    events: Events = Field(default_factory=Events)
    covariates: dict[Name, DerivedCovariate] = Field(
        default_factory=dict,
        description="Covariates from instruments and events, usable wherever those of patients.covariates are. Default: none.",
    )
    intercurrent_events: dict[Name, IntercurrentEvent] = Field(
        default_factory=dict, description="Intercurrent events, for estimands to answer. Default: none."
    )
    outcomes: Annotated[dict[Name, str], ForPeople()] = Field(
        default_factory=dict, description="Words for each outcome. Default: the name with spaces."
    )
    cohorts: dict[Name, Cohort] = Field(description="The cohorts, in the order of figures and tables.")
    estimands: dict[Name, Estimand] = Field(default_factory=dict, description="Estimands by name. Default: none.")
    analyses: dict[Name, SerializeAsAny[Analysis]] = Field(description="The analyses in the order of the report.")
    primary: str = Field(description="The analysis whose contrasts are the study's primary result.")
    families: dict[Name, Family] = Field(default_factory=dict, description="Multiplicity families. Default: none.")
    cleaning: Cleaning = Field(default_factory=Cleaning)
    privacy: Privacy = Field(default_factory=Privacy)
    disclosure: Disclosure = Field(default_factory=Disclosure)

    @property
    def arms(self) -> list[str]:
        """The arms in the order of their codes with the reference first; empty for a single arm."""
        arm = self.patients.arm
        if arm is None:
            return []
        known = list(dict.fromkeys((arm.codes or {}).values())) or [arm.reference]
        return [arm.reference, *(a for a in known if a != arm.reference)]

    def role(self, analysis: str) -> str:
        """What an analysis is for: as it says, else primary for the primary analysis and secondary for the others."""
        return self.analyses[analysis].role or ("primary" if analysis == self.primary else "secondary")

    @property
    def covariate_names(self) -> list[str]:
        """All covariates: columns of the export, then those derived from instruments and events."""
        return [*self.patients.covariates, *self.covariates]

    @property
    def code_columns(self) -> list[str]:
        """Columns that hold codes of people and places: those of every study, and the covariates of kind code."""
        return ["patient", "clinic", "therapist", *self.code_covariates]

    @property
    def code_covariates(self) -> list[str]:
        """Covariates that are codes of a person or place, such as who treated; their codes are dealt at random."""
        return [name for name, column in self.patients.covariates.items() if column.kind == "code"]

    def known_after_day_0(self, names: Iterable[str]) -> list[str]:
        """Give those of some covariates that are not known at day 0: of events, or of an instrument at a later visit."""
        baseline = self.visits.baseline
        return [name for name in names if name in self.covariates and self.covariates[name].visit != baseline]

    def strategies(self, analysis: str) -> dict[str, Strategy]:
        """How the estimand of an analysis answers each intercurrent event; an analysis without estimand answers none."""
        estimand = self.analyses[analysis].estimand
        answers = self.estimands[estimand].intercurrent_events if estimand else {}
        return {event: answer for event, answer in answers.items() if isinstance(answer, Strategy)}

    @model_validator(mode="after")
    def _analyses_of_others_take_over(self) -> "Study":
        """An analysis `of` another says what that says, but for what it says itself."""
        for name, analysis in self.analyses.items():
            of = getattr(analysis, "of", None)
            if of is None:
                continue
            others = {one: other for one, other in self.analyses.items() if not hasattr(other, "of")}
            if of not in others:
                raise ValueError(f"analyses.{name}.of: there is no such analysis '{of}'{nearest(of, others)}")
            asked: Any = analysis
            said = {own: getattr(others[of], key) for own, key in asked.taken.items() if hasattr(others[of], key)}
            unsaid = {own: value for own, value in said.items() if own not in analysis.model_fields_set}
            self.analyses[name] = analysis.model_copy(update=unsaid)
        return self
