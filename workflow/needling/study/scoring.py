"""How a score comes from the items of a questionnaire: the same keys for the registry and for an instrument of a study."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from needling.study.keys import Section, Words

Range = tuple[float, float]
Rule = Literal["sum", "mean", "percent", "range", "domains"]


def _text_keys(value: Any) -> Any:
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else value


def _numbers(span: str) -> range:
    first, _, last = span.partition("-")
    if not (first.isdigit() and (last or first).isdigit()):
        raise ValueError(f"'{span}' should be the number of an item, such as 8, or a span, such as 1-11")
    return range(int(first), int(last or first) + 1)


class Domain(Section):
    """Items that make up one part of a score before the parts are added up."""

    label: Words = Field("", description="What the part is about. Default: none.")
    first: int = Field(ge=1, description="Number of its first item.")
    last: int = Field(ge=1, description="Number of its last item.")
    points: float | None = Field(
        None, gt=0, description="Most points of the part: share of the items' range x points. Default: none."
    )
    times: float | None = Field(
        None, gt=0, description="Published factor on the mean of the answered items. Default: none."
    )
    one_of: bool = Field(
        False,
        description="true: of these items one is meant to be answered (the part of a question that applies), and its points are "
        "the part's; with points in two of them there is no score. Default: false.",
    )
    answered: int = Field(1, ge=1, description="Fewest answered items for a score of the part. Default: 1.")

    @model_validator(mode="after")
    def _one_way(self) -> "Domain":
        if (self.points is not None) + (self.times is not None) + self.one_of != 1:
            raise ValueError("a domain has one of points, times and one_of")
        if self.answered > self.last - self.first + 1:
            raise ValueError("a domain cannot need more answers than it has items")
        return self


class Scoring(Section):
    """From the answers to the score: how many items, their answers, the rule, and how many must be answered."""

    rule: Rule = Field(
        description="sum (items x mean), mean, percent (of the highest answers), range (0-100 between the lowest and the highest "
        "answers) or domains (parts that are added up), of the answered items."
    )
    count: int = Field(ge=2, description="How many items.")
    answers: Range = Field(description="Lowest and highest answer.")
    fewest: int | None = Field(
        None, description="Fewest items that a study may have, where patients choose them. Default: all."
    )
    ranges: Annotated[dict[str, Range], BeforeValidator(_text_keys)] = Field(
        default_factory=dict,
        description="Item ('8' or '1-11') -> lowest and highest answer, where they differ. Default: none.",
    )
    only: Annotated[dict[str, list[float]], BeforeValidator(_text_keys)] = Field(
        default_factory=dict,
        description="Item ('7' or '1-6') -> the only answers that exist; any other counts as missing. Default: every answer of "
        "the range.",
    )
    reversed: list[int] = Field(default_factory=list, description="Items scored in the other direction. Default: none.")
    banded: Annotated[dict[str, list[float]], BeforeValidator(_text_keys)] = Field(
        default_factory=dict,
        description="Item recorded as a count -> upper limits of its bands but the last; the number of the band, from 0, is what "
        "is scored. Default: none.",
    )
    answered: int | None = Field(
        None,
        ge=1,
        description="Fewest answered items for a score, in all. Default: every item; with domains, as each of them says.",
    )
    domains: list[Domain] = Field(default_factory=list, description="Parts of the score, in order. Default: none.")
    fewest_domains: int | None = Field(
        None,
        ge=1,
        description="Fewest parts for a score; those without one count as the mean of the others. Default: every part.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> "Scoring":
        if self.answered is not None and self.answered > self.count:
            raise ValueError("answered must lie between 1 and the number of items")
        if (self.rule == "domains") != bool(self.domains):
            raise ValueError("rule: domains needs domains, and no other rule has them")
        if self.fewest_domains is not None and self.fewest_domains > len(self.domains):
            raise ValueError("fewest_domains cannot be more than there are domains")
        for key in ("ranges", "only", "banded"):
            outside = [n for span in getattr(self, key) for n in _numbers(span) if not 1 <= n <= self.count]
            if outside:
                raise ValueError(f"{key} names item {outside[0]}; the items are 1 to {self.count}")
        if any(not 1 <= number <= self.count for number in self.reversed):
            raise ValueError(f"reversed names an item that is not among 1 to {self.count}")
        if any(limits != sorted(set(limits)) for limits in self.banded.values()):
            raise ValueError("the limits of the bands must rise")
        if any(low >= high for low, high in [self.answers, *self.ranges.values()]):
            raise ValueError("the lowest answer must be below the highest")
        covered = [number for domain in self.domains for number in range(domain.first, domain.last + 1)]
        if self.domains and covered != list(range(1, self.count + 1)):
            raise ValueError("the domains must cover every item once, in order")
        return self

    def range_of(self, number: int) -> Range:
        """Lowest and highest answer of one item."""
        return next((limits for span, limits in self.ranges.items() if number in _numbers(span)), self.answers)

    def only_of(self, number: int) -> list[float]:
        """The only answers that one item has, rising; empty where every answer of its range exists."""
        return next((sorted(values) for span, values in self.only.items() if number in _numbers(span)), [])

    @property
    def fewest_answered(self) -> int:
        """Fewest answered items with which a score is possible."""
        if self.answered is not None:
            return self.answered
        if not self.domains:
            return self.count
        return sum(sorted(domain.answered for domain in self.domains)[: self.fewest_domains or len(self.domains)])
