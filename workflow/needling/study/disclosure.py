"""What the identifier gate lets through, and what may be published."""

import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from needling.study.keys import Name, Section


def _of_the_calendar(value: str) -> str:
    try:
        known = datetime.date.fromisoformat(value).isoformat() == value
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"'{value}' is not a day of the calendar; write the day as YYYY-MM-DD")
    return value


# YAML reads 2026-01-05 as a date; it stays the text that it was.
Day = Annotated[str, BeforeValidator(str), AfterValidator(_of_the_calendar)]


class Review(Section):
    """A column that somebody has looked at and found free of identifiers."""

    by: str = Field(description="Who looked (a role or initials).")
    date: Day = Field(description="When (YYYY-MM-DD).")
    why: str = Field(description="What was seen, e.g. 'muscle names only'.")

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
    date: Day | None = Field(None, description="When (YYYY-MM-DD). Needed by the rule trial.")
    why: str | None = Field(None, description="For which reason. Needed by the rule trial.")
    min_cell: int = Field(
        11, ge=5, description="Smallest number of people in a published cell (rule cells). Default: 11; never below 5."
    )
    share: dict[Name, Shared] = Field(
        default_factory=dict, description="Row-level files for others, by name (docs/cleaning.md). Default: none."
    )
