"""What is asked of the data: cohorts and their outcomes, estimands, and what every analysis says."""

from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, field_validator

from needling.study.derived import Strategy, short_strategy
from needling.study.keys import Name, Section, Words


class Cohort(Section):
    """A cohort and the instrument that measures each outcome in it."""

    label: Words = Field("", description="Words for figures and tables. Default: the name with spaces.")
    outcomes: dict[Name, str | list[str]] = Field(
        description="Outcome (e.g. pain) -> instrument; a list means the one that each patient has, pooled as percent "
        "of maximum possible score (0-100, higher is better)."
    )

    @field_validator("outcomes")
    @classmethod
    def _outcomes_have_instruments(cls, outcomes: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        for name, instruments in outcomes.items():
            if not instruments:
                raise ValueError(f"the outcome '{name}' has no instrument; name one, or leave the outcome out")
        return outcomes


class Estimand(Section):
    """What is to be estimated (ICH E9(R1)), in words for the report."""

    population: Words = Field("", description="Who.")
    treatment: Words = Field("", description="Which treatment conditions are compared.")
    variable: Words = Field("", description="The outcome and time.")
    intercurrent_events: dict[str, Strategy | str] = Field(
        default_factory=dict,
        description="Event -> strategy. Every event under the study's intercurrent_events has a strategy that acts on the values: "
        "its code, or {strategy: composite, value: 0}. An event that is not there is described in words, which only the report "
        "shows. Default: none named.",
    )
    summary: Words = Field("", description="The population-level summary, e.g. difference in means.")

    @field_validator("intercurrent_events", mode="before")
    @classmethod
    def _codes_are_strategies(cls, value: Any) -> Any:
        return {event: short_strategy(answer) for event, answer in value.items()} if isinstance(value, dict) else value


class Analysis(Section):
    """What every analysis says, whatever its kind: who, what, against whom, and in which role."""

    # What shows results reads only this much of an analysis; the settings of its kind are for the job that runs it.
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    kind: str = Field(
        description="Kind of analysis: the name of a file under workflow/needling/analysis or workflow/extensions."
    )
    label: Words = Field("", description="Heading in the report. Default: the analysis' name with spaces.")
    role: Literal["primary", "secondary", "sensitivity", "exploratory"] | None = Field(
        None, description="What the analysis is for. Default: primary for the study's primary analysis, else secondary."
    )
    outcomes: list[Name] = Field(
        default_factory=list, description="Outcomes analysed, each in each cohort that has it. Default: none."
    )
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
    reference: str | None = Field(
        None, description="Arm that the others are compared with. Default: the reference of patients.arm."
    )
    framework: Literal["superiority", "non_inferiority", "equivalence"] = Field(
        "superiority", description="What the test is about. Default: superiority, a difference of 0."
    )
    margin: float | None = Field(
        None,
        gt=0,
        description="Margin of non-inferiority or equivalence in the outcome's unit, positive. No default there.",
    )
    family: str | None = Field(
        None, description="Multiplicity family of the contrasts at the primary visit. Default: none, unadjusted."
    )
    level: float = Field(0.95, gt=0.5, lt=1, description="Confidence level. Default: 0.95, the field's convention.")

    # How this kind treats a missing value; which strategies for intercurrent events its numbers can follow; whether its outcomes
    # are two-valued.
    imputes: ClassVar[str] = (
        "no value is put in their place, and the estimate is right where, given what the model holds, they would have looked like "
        "those observed"
    )
    strategies: ClassVar[frozenset[str]] = frozenset({"treatment_policy", "hypothetical", "composite"})
    binary: ClassVar[bool] = False
