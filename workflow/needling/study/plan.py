"""What is asked of the data: cohorts, estimands, analyses, cleaning, privacy, output, and the whole study file."""

import datetime
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, SerializeAsAny, field_validator, model_validator

from needling.study.derived import (
    DerivedCovariate,
    IntercurrentEvent,
    Strategy,
    check_covariates,
    check_events,
    check_known_at_day_0,
    check_strategies,
    short_strategy,
)
from needling.study.itself import check_used_once, check_windows
from needling.study.keys import ForPeople, Name, Section, Words, nearest
from needling.study.sources import Events, Export, Instrument, Patients, Visits


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


Contrasts = Literal["reference", "pairwise", "trend"] | dict[str, float]


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

    def check_plan(self, name: str, study: "Study") -> None:
        """Refuse, in a sentence, what this kind cannot mean in this study; a kind overrides it where it has more to say.

        Raises
        ------
        ValueError : with the sentence.
        """


class KindSettings(Analysis):
    """Base of the settings of a kind of analysis: a key that the kind does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    # What an analysis `of` another takes from it, where it says nothing of its own: its key -> that of the other.
    taken: ClassVar[dict[str, str]] = {
        name: name
        for name in ("outcomes", "adjust", "where", "estimand", "report_as", "reference", "contrasts", "level")
    }

    per_protocol: list[Name] | None = Field(
        None,
        description="Intercurrent events that break the protocol: a non-inferiority analysis is also made without the patients who "
        "had one, as rows beside its own. Default: none, which only a study without intercurrent_events allows there.",
    )
    contrasts: Contrasts = Field(
        "reference",
        description="Which arms are compared: each with the reference (default), all pairs, a linear trend over "
        "patients.arm.dose, or weights by arm that add up to 0.",
    )


# Of kinds with normal errors: an outcome that is none is refused unless somebody says why it is to be taken as one.
Scale = dict[Literal["continuous"], Annotated[str, Field(min_length=10)]]
SCALE: Any = Field(
    default_factory=dict,
    description="continuous: the reason for which an outcome of two values, of few levels, or a count near zero is analysed by "
    "its mean all the same; the report prints it. Default: such an outcome is refused.",
)


class Hypothesis(Section):
    """One comparison of a family: what is named here must fit exactly one."""

    analysis: Name | None = Field(None, description="Analysis. Default: the only one of the family.")
    cohort: Name | None = Field(None, description="Cohort. Default: the only one.")
    outcome: Name | None = Field(None, description="Outcome. Default: the only one.")
    arm: str | None = Field(None, description="Arm that is compared. Default: the only one.")
    reference: str | None = Field(None, description="Arm that it is compared with. Default: the only one.")
    variant: str | None = Field(None, description="Response, or another method within the kind. Default: the only one.")


class Family(Section):
    """Contrasts that share one error rate."""

    method: Literal["holm", "hochberg", "bonferroni", "fixed_sequence", "fallback", "graph", "none"] = Field(
        "holm",
        description="Default: Holm, valid whatever the correlation; hochberg assumes that it is not negative. fixed_sequence: "
        "each at the full level once those before it are rejected; fallback: a sequence in which each starts with a weight; "
        "graph: weights, and where the weight of a rejected one goes (gatekeeping and others).",
    )
    level: float = Field(0.05, gt=0, lt=0.5, description="Family-wise error rate. Default: 0.05, two-sided.")
    hypotheses: dict[Name, Hypothesis] = Field(
        default_factory=dict,
        description="Name -> the comparison, in the order of the sequence. Needed by fixed_sequence, fallback and graph.",
    )
    weights: dict[Name, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict,
        description="Hypothesis -> share of the level it starts with; together at most 1. Default: 0.",
    )
    transitions: dict[Name, dict[Name, Annotated[float, Field(ge=0, le=1)]]] = Field(
        default_factory=dict,
        description="Hypothesis -> where its weight goes once it is rejected, in shares of at most 1 together. Default: nowhere.",
    )

    @model_validator(mode="after")
    def _graph_is_whole(self) -> "Family":
        ordered = self.method in ("fixed_sequence", "fallback", "graph")
        if ordered != bool(self.hypotheses):
            raise ValueError("hypotheses belong to fixed_sequence, fallback and graph, which need them")
        if (self.method in ("fallback", "graph")) != bool(self.weights):
            raise ValueError("weights belong to fallback and graph, which need them")
        if self.transitions and self.method != "graph":
            raise ValueError("transitions belong to the method graph")
        named = [*self.weights, *self.transitions, *(to for one in self.transitions.values() for to in one)]
        for name in named:
            if name not in self.hypotheses:
                raise ValueError(f"hypothesis '{name}' is not defined{nearest(name, self.hypotheses)}")
        if sum(self.weights.values()) > 1 + 1e-9:
            raise ValueError("weights add up to at most 1")
        for name, one in self.transitions.items():
            if name in one or sum(one.values()) > 1 + 1e-9:
                raise ValueError(f"transitions of '{name}' lead to others and add up to at most 1")
        return self

    @property
    def arrows(self) -> dict[str, dict[str, float]]:
        """Where the weight of each hypothesis goes once it is rejected; along a sequence to the next one."""
        names = list(self.hypotheses)
        if self.method == "graph":
            return {name: self.transitions.get(name, {}) for name in names}
        return {name: dict.fromkeys(names[i + 1 : i + 2], 1.0) for i, name in enumerate(names)}

    @property
    def starts(self) -> dict[str, float]:
        """Share of the level with which each hypothesis starts; of a fixed sequence all with the first."""
        first = next(iter(self.hypotheses), "")
        return {
            name: float(name == first) if self.method == "fixed_sequence" else self.weights.get(name, 0.0)
            for name in self.hypotheses
        }


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
    """What may be published, and who decided it."""

    rule: Literal["trial", "cells"] | None = Field(
        None,
        description="trial: aggregates are exact, as CONSORT asks; cells: counts of few people with a characteristic, reason, "
        "event or level are hidden. No default but for made-up data, of which everything may be shown.",
    )
    by: str | None = Field(None, description="Who decided it (a role or initials). Needed by the rule trial.")
    date: str | None = Field(None, description="When (YYYY-MM-DD). Needed by the rule trial.")
    why: str | None = Field(None, description="For which reason. Needed by the rule trial.")
    min_cell: int = Field(
        11, ge=5, description="Smallest number of people in a published cell (rule cells). Default: 11; never below 5."
    )
    share: dict[Name, Shared] = Field(
        default_factory=dict, description="Row-level files for others, by name (docs/cleaning.md). Default: none."
    )

    _date_is_text = field_validator("date", mode="before")(lambda value: None if value is None else str(value))


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

    def _check_hypotheses(self, known: Any) -> None:
        """What a hypothesis names must be defined, and its analysis be of the family."""
        for name, family in self.families.items():
            mine = [one for one, plan in self.analyses.items() if plan.family == name]
            for label, one in family.hypotheses.items():
                place = f"families.{name}.hypotheses.{label}"
                outcomes = {o for a in mine if one.analysis in (None, a) for o in self.analyses[a].outcomes}
                for what, given, names in (
                    ("analysis of the family", one.analysis, mine),
                    ("cohort", one.cohort, self.cohorts),
                    ("outcome of its analyses", one.outcome, outcomes),
                    ("arm", one.arm, self.arms),
                    ("reference", one.reference, self.arms),
                ):
                    if given is not None:
                        known(f"{place}: {what}", given, names)

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
        self._check_hypotheses(known)
        check_used_once(self)
        check_windows(self)
        check_covariates(self, known)
        check_events(self, known)
        offered = {outcome for cohort in self.cohorts.values() for outcome in cohort.outcomes}
        for name, cohort in self.cohorts.items():
            for instrument in cohort.outcomes.values():
                for one in [instrument] if isinstance(instrument, str) else instrument:
                    known(f"cohorts.{name}: instrument", one, self.instruments)
            self._check_sites(name, cohort)
        for name, settings in self.instruments.items():
            if settings.missing_with:
                known(f"instruments.{name}.missing_with", settings.missing_with, self.instruments)
                if settings.missing_with == name:
                    raise ValueError(f"instruments.{name}.missing_with names the instrument itself; name another one")
            for visit in [*settings.item_visits, *(settings.total if isinstance(settings.total, dict) else [])]:
                known(f"instruments.{name}: visit", visit, self.visits.schedule)
        for name, analysis in self.analyses.items():
            self._check_analysis(name, analysis, offered, known)
        self._check_hours()
        self._check_disclosure()
        for name, shared in self.disclosure.share.items():
            self._check_shared(name, shared, offered, known)
        return self

    def _check_disclosure(self) -> None:
        rule = self.disclosure.rule
        if rule is None and not self.made_up:
            raise ValueError(
                "disclosure.rule is missing; write 'cells' (counts of few people are hidden) or 'trial' (aggregates are exact; "
                "with by, date and why)"
            )
        if rule == "trial" and not (
            self.made_up or (self.disclosure.by and self.disclosure.date and self.disclosure.why)
        ):
            raise ValueError(
                "disclosure: the rule trial needs by, date and why: who decided that aggregates are exact, when, why"
            )

    def _check_shared(self, name: str, shared: Shared, offered: set[str], known: Any) -> None:
        for covariate in [*shared.covariates, *shared.spans]:
            known(f"disclosure.share.{name}: covariate", covariate, self.patients.covariates)
            if covariate in self.code_covariates:
                raise ValueError(
                    f"disclosure.share.{name}: '{covariate}' is a code of a person, which no file for others holds"
                )
        for covariate in shared.spans:
            if self.patients.covariates[covariate].codes or self.patients.covariates[covariate].kind == "category":
                raise ValueError(
                    f"disclosure.share.{name}.spans: '{covariate}' is a category, and only numbers have spans; take it out"
                )
        for outcome in shared.outcomes:
            known(f"disclosure.share.{name}: outcome", outcome, offered)
        for visit in shared.visits:
            known(f"disclosure.share.{name}: visit", visit, self.visits.schedule)

    def _check_codes(self, known: Any) -> None:
        for code, name in ((self.patients.cohort.codes if self.patients.cohort else None) or {}).items():
            known(f"patients.cohort.codes.{code}: cohort", name, self.cohorts)
        for code, name in ((self.visits.planned.codes if self.visits.planned else None) or {}).items():
            known(f"visits.planned.codes.{code}: visit", name, [*self.visits.schedule, "unscheduled"])

    def _check_analysis(self, name: str, analysis: Analysis, offered: set[str], known: Any) -> None:
        for outcome in analysis.outcomes:
            known(f"analyses.{name}: outcome", outcome, offered)
        self._check_covariates(name, analysis, known)
        if analysis.observed_at:
            known(f"analyses.{name}: visit", analysis.observed_at, self.visits.schedule)
        if analysis.estimand:
            known(f"analyses.{name}: estimand", analysis.estimand, self.estimands)
        if analysis.family:
            known(f"analyses.{name}: family", analysis.family, self.families)
        if analysis.reference:
            known(f"analyses.{name}: reference", analysis.reference, self.arms)
        if (analysis.framework == "superiority") != (analysis.margin is None):
            raise ValueError(f"analyses.{name}: a margin belongs to non_inferiority and equivalence, which need one")
        self._check_protocol(name, analysis, known)
        asked: Any = getattr(analysis, "contrasts", "reference")
        for one in asked if isinstance(asked, list) else [asked]:
            self._check_contrasts(name, getattr(one, "compare", one), known)
        check_strategies(name, analysis, self)
        check_known_at_day_0(name, analysis, self)
        analysis.check_plan(name, self)

    def _check_covariates(self, name: str, analysis: Analysis, known: Any) -> None:
        for covariate in [*analysis.adjust, *analysis.where]:
            known(f"analyses.{name}: covariate", covariate, self.covariate_names)
        for covariate, levels in analysis.where.items():
            if covariate in self.code_covariates:
                raise ValueError(
                    f"analyses.{name}.where: '{covariate}' is a code that the project deals at random; no level can be named"
                )
            listed = self.patients.covariates[covariate].codes if covariate in self.patients.covariates else None
            for level in [levels] if isinstance(levels, str) else levels:
                if listed:
                    known(f"analyses.{name}.where.{covariate}: level", level, [*dict.fromkeys(listed.values())])

    def _check_protocol(self, name: str, analysis: Any, known: Any) -> None:
        """Non-inferiority stands beside those who kept to the protocol, wherever the data tell who did."""
        broken = getattr(analysis, "per_protocol", None)
        if broken is None:
            if analysis.framework == "non_inferiority" and self.intercurrent_events:
                raise ValueError(
                    f"analyses.{name}: non-inferiority is also read in those who kept to the protocol; name in per_protocol the "
                    f"intercurrent events that break it ({', '.join(self.intercurrent_events)})"
                )
            return
        if analysis.framework != "non_inferiority" or not analysis.outcomes or not broken:
            raise ValueError(
                f"analyses.{name}: per_protocol belongs to non_inferiority, and names events that break the protocol"
            )
        for event in broken:
            known(f"analyses.{name}.per_protocol: event", event, self.intercurrent_events)

    def _check_contrasts(self, name: str, asked: Any, known: Any) -> None:
        """A trend needs the dose of every arm, weights are of arms that there are and add up to 0."""
        if isinstance(asked, dict):
            for arm in asked:
                known(f"analyses.{name}.contrasts: arm", arm, self.arms)
            if abs(sum(asked.values())) > 1e-9 or not any(asked.values()):
                raise ValueError(f"analyses.{name}.contrasts: weights of arms add up to 0 and are not all 0")
        dose = self.patients.arm.dose if self.patients.arm else {}
        if asked == "trend" and (set(dose) != set(self.arms) or len(set(dose.values())) < 2):
            raise ValueError(
                f"analyses.{name}: a trend needs patients.arm.dose, a number for every arm, and two that differ"
            )

    def _check_sites(self, name: str, cohort: Cohort) -> None:
        """Several instruments of an outcome are all of sites, each of another, or none is."""
        for outcome, instruments in cohort.outcomes.items():
            sites = [self.instruments[one].site for one in instruments] if isinstance(instruments, list) else []
            if any(sites) and (None in sites or len(set(sites)) < len(sites)):
                raise ValueError(
                    f"cohorts.{name}.outcomes.{outcome}: instruments of one outcome either have each a site of its own (they stay "
                    "apart), or none has one (each patient has one of them, and they are pooled)"
                )

    def _check_hours(self) -> None:
        """Visits told by their hour need a name in the export, since its dates tell days."""
        timed = [name for name, plan in self.visits.schedule.items() if plan.hours is not None]
        if timed and self.visits.planned is None and self.export.shape != "patient":
            raise ValueError(
                f"visits.schedule.{timed[0]} has hours, so that a date cannot tell it; name the column that does in visits.planned"
            )
