"""The instrument registry: `registry.yaml`, typed and checked."""

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from needling.study.extensions import EXTENSIONS
from needling.study.keys import StudyError

Scoring = Literal["total", "sum", "mean", "percent", "range", "domains"]
Range = tuple[float, float]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Items(_Part):
    """The items of a questionnaire, numbered from 1."""

    count: int = Field(ge=2, description="How many items.")
    fewest: int | None = Field(None, description="Fewest items a study may have, where patients choose them.")
    range: Range = Field(description="Lowest and highest answer.")
    ranges: dict[str, Range] = Field(default_factory=dict, description="'8' or '1-11' -> range, where it differs.")
    reversed: list[int] = Field(default_factory=list, description="Items scored in the other direction.")
    banded: dict[str, list[float]] = Field(
        default_factory=dict,
        description="Item recorded as a count -> upper limits of the bands but the last; the number of its band, from 0, is "
        "what is scored.",
    )

    @field_validator("ranges", "banded", mode="before")
    @classmethod
    def _text_keys(cls, value: Any) -> Any:
        return {str(key): each for key, each in value.items()} if isinstance(value, dict) else value

    def range_of(self, number: int) -> Range:
        """Lowest and highest answer of one item."""
        for span, limits in self.ranges.items():
            first, _, last = span.partition("-")
            if int(first) <= number <= int(last or first):
                return limits
        return self.range


class Domain(_Part):
    """Items that are averaged together before the domains are added up."""

    label: str
    first: int = Field(ge=1, description="Number of the first item.")
    last: int = Field(ge=1, description="Number of the last item.")
    points: float | None = Field(None, description="Most points of the domain: share of the items' range x points.")
    times: float | None = Field(None, description="Published factor on the mean of the items.")
    answered: int = Field(1, ge=1, description="Fewest answered items for a score of the domain.")

    @model_validator(mode="after")
    def _one_of_two(self) -> "Domain":
        if (self.points is None) == (self.times is None):
            raise ValueError("a domain has either points or times")
        if self.answered > self.last - self.first + 1:
            raise ValueError("a domain cannot need more answers than it has items")
        return self


class PublishedThreshold(_Part):
    """A within-person threshold with the scale it was published on."""

    value: float = Field(gt=0)
    scale: str
    kind: Literal["MCID", "MDC", "SCB"]
    percent: bool = Field(False, description="True for a percentage of the baseline value, False for points.")
    population: str | None = None
    horizon: str | None = None
    source: str = Field(description="Publication, or 'unverified'.")


class Entry(_Part):
    """One instrument of the registry."""

    label: str
    version: str
    role: Literal["outcome", "process", "harm", "anchor", "eligibility", "moderator"]
    unit: str
    units: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    range: Range
    usual: Range | None = None
    better: Literal["lower", "higher", "none"]
    items: Items | None = None
    scoring: Scoring
    domains: list[Domain] = Field(default_factory=list)
    prorate_domains: bool = Field(False, description="True: a domain without an answer is made up from the others.")
    answered: int = Field(0, description="Fewest answered items for a score (in all).")
    recall: str
    whole: bool = Field(False, description="True where only whole numbers are possible.")
    bands: list[float] = Field(default_factory=list, description="Upper limits of the severity bands but the last.")
    source: str
    thresholds: list[PublishedThreshold]

    @model_validator(mode="after")
    def _consistent(self) -> "Entry":
        if (self.scoring == "total") != (self.items is None):
            raise ValueError("items and a scoring rule for them belong together")
        if self.items is None:
            return self
        if not 1 <= self.answered <= self.items.count:
            raise ValueError("answered must lie between 1 and the number of items")
        if (self.scoring == "domains") != bool(self.domains):
            raise ValueError("scoring: domains needs domains, and no other rule has them")
        covered = [number for domain in self.domains for number in range(domain.first, domain.last + 1)]
        if any(limits != sorted(set(limits)) for limits in self.items.banded.values()):
            raise ValueError("the limits of the bands must rise")
        if self.domains and covered != list(range(1, self.items.count + 1)):
            raise ValueError("the domains must cover every item once, in order")
        return self


@cache
def registry(extensions: Path = EXTENSIONS) -> dict[str, Entry]:
    """Read the instruments that the pipeline knows, by name: its own, then every instrument_<name>.yaml of a study.

    Parameters
    ----------
    extensions : folder with a study's own instruments.

    Returns
    -------
    Name -> entry, in the order of the file.

    Raises
    ------
    pydantic.ValidationError : an entry of the shipped file breaks the schema (a mistake of the package).
    StudyError : a study's own entry breaks it, or has a name that exists.
    """
    text = resources.files(__package__).joinpath("registry.yaml").read_text(encoding="utf-8")
    known = {name: Entry.model_validate(entry) for name, entry in yaml.safe_load(text).items()}
    for path in sorted(extensions.glob("instrument_*.yaml")):
        name = path.stem.removeprefix("instrument_")
        if name in known:
            raise StudyError(f"workflow/extensions/{path.name}: the name '{name}' is taken; rename the file.")
        try:
            known[name] = Entry.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (ValidationError, yaml.YAMLError) as error:
            first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "not valid YAML"}
            place = ".".join(str(part) for part in first["loc"])
            raise StudyError(
                f"workflow/extensions/{path.name}: {place + ': ' if place else ''}{first['msg']}."
            ) from None
    return known


def raw_scales() -> dict[str, tuple[str, float] | None]:
    """Say of every instrument in which unit its totals are smaller numbers, and the highest of them there.

    Returns
    -------
    Name -> (unit, highest total), e.g. ndi -> ("0-50 points", 50); none where there is no such unit, or where the unit is of a
    measurement, whose level tells nothing.
    """
    return {name: _raw_scale(entry) for name, entry in registry().items()}


def _raw_scale(entry: Entry) -> tuple[str, float] | None:
    smaller = {unit: entry.range[1] / factor for unit, factor in entry.units.items() if factor > 1}
    if not smaller or (entry.items is not None and entry.items.range == entry.range):
        return None
    return next(iter(smaller.items()))
