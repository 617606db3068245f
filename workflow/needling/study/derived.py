"""What the plan derives from the clean tables: covariates, intercurrent events, and the strategies that answer them."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from needling.study.keys import Name, Section, Words
from needling.study.sources import WrittenRows, _rows

EventTableName = Literal["sessions", "needling", "co_interventions", "adverse_events", "milestones", "status"]
Where = Annotated[dict[Name, list[str]], BeforeValidator(_rows, json_schema_input_type=WrittenRows)]


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
