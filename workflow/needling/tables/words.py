"""What things are called where people read them: no column name or code reaches a figure, a table or the report."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from needling.instruments.definition import definition

if TYPE_CHECKING:
    from needling.study.plan import Study

MADE_UP = "Made-up data"
POOLED = "Share of the maximum possible score"


@dataclass(frozen=True)
class Measure:
    """How an outcome is measured in a cohort: words, unit, ends of the scale, direction and thresholds."""

    label: str
    unit: str
    low: float
    high: float
    better: str
    thresholds: tuple[Any, ...]

    @property
    def axis(self) -> str:
        """Label and unit for an axis."""
        return f"{self.label}, {self.unit}" if self.unit and self.unit not in self.label else self.label

    @property
    def direction(self) -> str:
        """Which direction is better, in words."""
        return f"{self.better} is better"


def measure(plan: "Study", cohort: str, outcome: str) -> Measure:
    """Find out how a cohort measures an outcome.

    Parameters
    ----------
    plan : sections cohorts and instruments.
    cohort, outcome : their names.

    Returns
    -------
    The instrument's words and numbers; where a cohort has several instruments, those of the pooled percentage.
    """
    instruments = plan.cohorts[cohort].outcomes[outcome]
    if not isinstance(instruments, str):
        return Measure(POOLED, "%", 0.0, 100.0, "higher", ())
    one = definition(instruments, plan.instruments[instruments])
    return Measure(one.label, span(one.unit), one.low, one.high, one.better, tuple(one.thresholds))


def span(unit: str) -> str:
    """Write a unit with the dash of a span: 0–10 points."""
    return re.sub(r"(?<=\d)-(?=\d)", "–", unit)


def places(plan: "Study") -> list[tuple[str, str]]:
    """List cohort and outcome pairs in the order of the study file."""
    return [(cohort, outcome) for cohort, settings in plan.cohorts.items() for outcome in settings.outcomes]


def all_outcomes(plan: "Study") -> list[str]:
    """List the outcomes of all cohorts in the order of the study file."""
    return list(dict.fromkeys(outcome for _, outcome in places(plan)))


def visit_label(plan: "Study", visit: str) -> str:
    """Words for a visit."""
    return plan.visit_label(visit)


def contrast_label(plan: "Study", contrast: str) -> str:
    """Words for a contrast of arms or visits, e.g. Dry needling against usual care."""
    first, separator, second = contrast.partition(" - ")
    if not separator:
        return _arm_or_visit(plan, contrast)
    if first in plan.visits.schedule:
        return f"{visit_label(plan, first)} against {in_sentence(visit_label(plan, second))}"
    return f"{_arm_or_visit(plan, first)} against {in_sentence(_arm_or_visit(plan, second))}"


def positive_favours(plan: "Study", analysis: str, cohort: str, outcome: str) -> bool:
    """Tell whether a positive contrast of an analysis means that the first arm did better."""
    turned = plan.analyses[analysis].report_as == "improvement"
    return turned or measure(plan, cohort, outcome).better == "higher"


def made_up(plan: "Study", text: str) -> str:
    """Put the label of made-up data in front of a caption, where the data are."""
    return f"{MADE_UP}. {text}" if plan.made_up else text


def listed(words: list[str]) -> str:
    """Join words as a sentence does: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def effect_word(plan: "Study") -> str:
    """What a contrast may be called in this design: effect, adjusted difference, change from baseline."""
    return {"randomised": "effect", "cohort": "adjusted difference", "single_arm": "change from baseline"}[plan.design]


def _arm_or_visit(plan: "Study", name: str) -> str:
    if name in plan.visits.schedule:
        return visit_label(plan, name)
    return plan.arm_label(name) if name in plan.arms else name.replace("_", " ").capitalize()


def in_sentence(label: str) -> str:
    """Write a label inside a sentence: first letter small, unless the word is an abbreviation."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def unit_of_difference(unit: str) -> str:
    """Write the unit of a difference: points for a score of 0–10 points, percentage points for a percentage."""
    bare = re.sub(r"^[\d.]+–[\d.]+ ?", "", unit)
    return "percentage points" if bare == "%" else bare
