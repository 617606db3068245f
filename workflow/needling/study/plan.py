"""The whole study file: its sections, and what they must agree on."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, model_validator

from needling.study.about import ForReading, Metadata, Published
from needling.study.analyses import Analysis, Cohort, Estimand
from needling.study.derived import (
    DerivedCovariate,
    IntercurrentEvent,
    Strategy,
    check_covariates,
    check_events,
    check_known_at_day_0,
    check_strategies,
)
from needling.study.disclosure import Disclosure, Privacy, Shared
from needling.study.families import Family
from needling.study.itself import check_used_once, check_windows
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
    def _published_is_of_the_plan(self) -> "Study":
        """What a published number is about must be defined in the plan."""
        offered = {outcome for cohort in self.cohorts.values() for outcome in cohort.outcomes}
        for number, one in enumerate(self.published, 1):
            for what, given, names in (
                ("analysis", one.analysis, self.analyses),
                ("cohort", one.cohort, self.cohorts),
                ("outcome", one.outcome, offered),
                ("visit", one.visit, self.visits.schedule),
                ("arm", one.arm, self.arms),
                ("reference", one.reference, self.arms),
            ):
                if given is not None and given not in names:
                    raise ValueError(
                        f"published, entry {number}: {what} '{given}' is not defined{nearest(given, names)}"
                    )
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
