"""What the plan derives from the clean tables: covariates, intercurrent events, and the strategies that answer them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from needling.schema.contract import is_date
from needling.study.keys import Name, Section, Words, nearest
from needling.study.sources import WrittenRows, _rows

if TYPE_CHECKING:
    from needling.study.analyses import Analysis
    from needling.study.plan import Study

EventTableName = Literal["sessions", "needling", "co_interventions", "adverse_events", "milestones", "status"]
Where = Annotated[dict[Name, list[str]], BeforeValidator(_rows, json_schema_input_type=WrittenRows)]
Known = Callable[[str, str, Any], None]


class DerivedCovariate(Section):
    """A number per patient: an instrument at a visit, or what the patient's events until a visit amount to."""

    label: Words = Field("", description="Words for figures and tables. Default: the name with spaces.")
    unit: str | None = Field(
        None,
        description="Unit as printed. Default: the instrument's, or that of the column taken; none for counts and shares.",
    )
    instrument: str | None = Field(None, description="Instrument measured at `visit`. Default: none, it is of events.")
    visit: str | None = Field(None, description="Visit of the instrument. No default: it decides what is known when.")
    table: EventTableName | None = Field(None, description="Table of events. Default: none, it is of an instrument.")
    take: Literal["count", "sum", "mean", "share_of_sessions"] | None = Field(
        None,
        description="What the events amount to: how many rows, sum or mean of `column`, or the share (0-1) of the patient's "
        "sessions with such a row. No default.",
    )
    column: Name | None = Field(None, description="Column that sum and mean take. Default: none.")
    where: Where = Field(
        default_factory=dict, description="Which rows of the table: column -> values. Default: all rows."
    )
    until: str | None = Field(
        None,
        description="Visit before whose day events count: the patient's own day or, where it was missed, the planned one. "
        "No default: it decides what is known when.",
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> "DerivedCovariate":
        of_events = self.take or self.column or self.where or self.until
        if (self.instrument is None) == (self.table is None):
            raise ValueError(
                "a covariate is of an instrument (with visit) or of a table of events (with take and until)"
            )
        if self.instrument is not None and (self.visit is None or of_events):
            raise ValueError("a covariate of an instrument needs visit, and has no take, column, where or until")
        if self.table is not None and (self.take is None or self.until is None or self.visit):
            raise ValueError("a covariate of a table of events needs take and until, and has no visit")
        if (self.take in {"sum", "mean"}) != (self.column is not None):
            raise ValueError("take: sum and take: mean need the column that they take; the others have none")
        return self


class IntercurrentEvent(Section):
    """Something after day 0 that changes what a later value means, or whether there is one (ICH E9(R1))."""

    label: Words = Field("", description="Words for the report. Default: the name with spaces.")
    table: EventTableName = Field(description="Table of events that it is told from.")
    where: Where = Field(
        default_factory=dict, description="Which rows of the table are it: column -> values. Default: all rows."
    )
    day: Name = Field(
        "day", description="Column with its day. Default: the table's `date`, which is `day` once it is cleaned."
    )


Code = Literal["treatment_policy", "hypothetical", "composite", "while_on_treatment", "principal_stratum"]
CODES = Code.__args__  # type: ignore[attr-defined]


class Strategy(Section):
    """How an estimand answers an intercurrent event; the short form is its code alone."""

    strategy: Code = Field(
        description="treatment_policy: later values are kept; hypothetical: they are set missing, and treated as the analysis "
        "treats missing values; composite: the event is itself an outcome, so that `value` stands for them; "
        "while_on_treatment and principal_stratum: where the kind of analysis says that it can."
    )
    value: float | dict[Name, float] | None = Field(
        None,
        description="Value that the outcome has after the event (composite), in the outcome's unit; by outcome where the "
        "analysis has several. Default: none, which only a two-valued outcome allows.",
    )

    @model_validator(mode="after")
    def _value_belongs_to_composite(self) -> "Strategy":
        if self.value is not None and self.strategy != "composite":
            raise ValueError(f"the strategy {self.strategy} has no value; only composite has one")
        return self

    def __str__(self) -> str:
        """Write the strategy for the report."""
        return self.strategy.replace("_", " ") + ("" if self.value is None else f": {self.value}")

    def value_of(self, outcome: str) -> float | None:
        """Give the value that an outcome has after the event, where the strategy states one."""
        return self.value.get(outcome) if isinstance(self.value, dict) else self.value


def short_strategy(value: Any) -> Any:
    """Take the code of a strategy for the strategy; other texts are words for the report."""
    return {"strategy": value} if isinstance(value, str) and value in CODES else value


# ---------------------------------------------------------------- what must be defined


def check_covariates(study: "Study", known: Known) -> None:
    """Refuse derived covariates that name what the study does not have."""
    for name, one in study.covariates.items():
        place = f"covariates.{name}"
        if name in study.patients.covariates:
            raise ValueError(f"{place}: patients.covariates has one of this name; rename one of the two")
        if one.instrument is not None:
            known(f"{place}: instrument", one.instrument, study.instruments)
            known(f"{place}: visit", str(one.visit), study.visits.schedule)
            continue
        known(f"{place}: visit", str(one.until), study.visits.schedule)
        _check_rows(study, place, str(one.table), one.where, known)
        if one.column:
            known(f"{place}: column", one.column, getattr(study.events, str(one.table)).columns)
        if one.take == "share_of_sessions" and study.events.sessions is None:
            raise ValueError(f"{place}: a share of sessions needs the table events.sessions")


def check_events(study: "Study", known: Known) -> None:
    """Refuse intercurrent events that name what the study does not have, and estimands that leave one out."""
    for name, event in study.intercurrent_events.items():
        place = f"intercurrent_events.{name}"
        _check_rows(study, place, event.table, event.where, known)
        columns = getattr(study.events, event.table).columns
        known(f"{place}: column of the day", "date" if event.day == "day" else event.day, columns)
        if event.day != "day" and not is_date(event.day):
            raise ValueError(
                f"{place}: the column '{event.day}' holds no dates; those are called date_..., or ..._date"
            )
    for name, estimand in study.estimands.items():
        for part in ("population", "treatment", "variable", "summary"):
            if not getattr(estimand, part):
                raise ValueError(f"the key 'estimands.{name}.{part}' is missing; add it")
        place = f"estimands.{name}.intercurrent_events"
        for named, strategy in estimand.intercurrent_events.items():
            if named in study.intercurrent_events and not isinstance(strategy, Strategy):
                raise ValueError(f"{place}.{named}: there is no strategy '{strategy}'{nearest(strategy, CODES)}")
            if named not in study.intercurrent_events and isinstance(strategy, Strategy):
                raise ValueError(
                    f"{place}: the event '{named}' is not under intercurrent_events"
                    f"{nearest(named, study.intercurrent_events)}; define it there, or write its strategy in words"
                )
        for known_event in study.intercurrent_events:
            if known_event not in estimand.intercurrent_events:
                raise ValueError(
                    f"{place}: no strategy is named for the event '{known_event}'; name one ({', '.join(CODES)})"
                )


def _check_rows(study: "Study", place: str, table: str, where: dict[str, list[str]], known: Known) -> None:
    settings = getattr(study.events, table)
    if settings is None:
        raise ValueError(f"{place}: the study has no table events.{table}")
    for column, values in where.items():
        known(f"{place}: column", column, settings.typed_columns)
        codes = settings.typed_columns[column].codes
        for value in values if codes else []:
            known(f"{place}: value of {column}", value, codes.values())


def check_strategies(name: str, analysis: "Analysis", study: "Study") -> None:
    """Refuse strategies that an analysis of this kind cannot follow."""
    for event, strategy in study.strategies(name).items():
        place = f"analyses.{name}: the estimand {analysis.estimand} answers {event} by {strategy.strategy}"
        if strategy.strategy not in analysis.strategies:
            raise ValueError(
                f"{place}, which the kind {analysis.kind} cannot follow; it can {' or '.join(sorted(analysis.strategies))}"
            )
        if strategy.strategy != "composite":
            continue
        if analysis.binary and strategy.value is not None:
            raise ValueError(
                f"{place} with a value, but the kind {analysis.kind} has two-valued outcomes; leave it out"
            )
        if not analysis.binary and any(strategy.value_of(outcome) is None for outcome in analysis.outcomes):
            raise ValueError(f"{place}, which needs the value of every outcome after the event; add value")
        if isinstance(strategy.value, float) and len(analysis.outcomes) > 1:
            raise ValueError(f"{place} with one value for several outcomes; give a value for each")


def check_known_at_day_0(name: str, analysis: "Analysis", study: "Study") -> None:
    """Refuse covariates from after day 0 in analyses that are not exploratory: what the arms did may show in them."""
    asked = getattr(analysis, "interaction", None)
    later = study.known_after_day_0([*analysis.adjust, *analysis.where, *([asked] if asked else [])])
    if later and study.role(name) != "exploratory":
        raise ValueError(
            f"analyses.{name}: the covariate '{later[0]}' is from after day 0, so that no effect can be adjusted for it; leave it "
            "out, or write role: exploratory, and the report says association"
        )
