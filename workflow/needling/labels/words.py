"""What things are called where people read them: no column name or code reaches a figure, a table or the report."""

import json
import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from needling.instruments.definition import Definition, definition
from needling.labels.sentences import in_sentence, listed, sentence, set_apart, spaced, span, titled
from needling.study.keys import of_groups
from needling.study.plan import Study

POOLED = "Share of the maximum possible score"
STRUCTURES = {
    "unstructured": "unstructured",
    "toeplitz_het": "heterogeneous Toeplitz",
    "ar1_het": "heterogeneous first-order autoregressive",
    "compound_symmetry_het": "heterogeneous compound symmetry",
    "toeplitz": "Toeplitz",
    "ar1": "first-order autoregressive",
    "compound_symmetry": "compound symmetry",
    "antedependence": "ante-dependence",
    "antedependence_het": "heterogeneous ante-dependence",
    "iid": "independent",
    "exponential": "exponential in time",
}
DF = {
    "kenward_roger": "Kenward-Roger",
    "satterthwaite": "Satterthwaite",
    "residual": "residual",
    "between_within": "between and within patients",
    "asymptotic": "none (normal distribution)",
    "clusters": "number of clusters less one",
}
VARIANCES = {
    "CR0": "sandwich variance by patient (CR0)",
    "CR1": "sandwich variance by patient (CR1)",
    "CR2": "bias-reduced sandwich variance by patient (CR2)",
    "frequentist": "frequentist (jackknife)",
    "information_anchored": "information-anchored (jackknife)",
}
VARIANTS = {
    "mar": "missing at random",
    "jump_to_reference": "jump to reference",
    "copy_reference": "copy reference",
    "copy_increments": "copy increments in reference",
    "last_mean_carried_forward": "last mean carried forward",
}
FAMILIES = {
    "holm": "Holm",
    "hochberg": "Hochberg (tests that do not depend negatively)",
    "bonferroni": "Bonferroni",
    "fixed_sequence": "fixed sequence",
    "fallback": "fallback",
    "graph": "a graph of weights",
}
NO_INTERVALS = "no two-sided intervals go with these adjusted P"
OWN_INTERVALS = (
    "intervals that go with the adjusted P are in the exact numbers of this table, as adjusted limits (empty: no limit)"
)
STEPWISE_INTERVALS = (
    "in a stepwise test the interval of a rejected hypothesis ends at no difference, unless all are rejected"
)
WITHHELD = {
    "few_people": "few people",
    "complement": "numbers from which a number of few people could be worked out",
    "few_events": "few events",
    "own_value": "a single person",
    "withheld": "few people",
}
COMPONENTS = {"residual": "Within patient", "patient": "Patient", "therapist": "Therapist", "clinic": "Clinic"}
COLUMNS = {
    "baseline": "Baseline value",
    "Intercept": "Intercept",
    "time": "Week",
    "dose": "Dose",
    "number": "Session",
}
# What was done: item of STRICTA 2010 ('' where it has none), code and words, in the order of the table.
DELIVERED = (
    ("", "needled", "Needled at least once"),
    ("", "crossed_over", "Crossed over"),
    ("2a", "muscles", "Muscles per session"),
    ("2a", "needles", "Needles per session"),
    ("2a", "insertions", "Insertions per session"),
    ("2b", "muscle", "Muscle"),
    ("2b", "trigger_point", "Trigger point"),
    ("2c", "technique", "Technique"),
    ("2c", "depth_mm", "Depth"),
    ("2c", "ultrasound_guided", "Guided by ultrasound"),
    ("2d", "response_sought", "Response sought"),
    ("2d", "ltr", "Local twitch response"),
    ("2d", "twitch_responses", "Twitch responses per session"),
    ("2e", "manipulation", "Manipulation"),
    ("2e", "stimulation", "Stimulation"),
    ("2e", "stimulation_hz", "Frequency of the stimulation"),
    ("2f", "retention_min", "Needles left in"),
    ("2g", "gauge_mm", "Needle diameter"),
    ("2g", "length_mm", "Needle length"),
    ("", "pain_during", "Pain during needling"),
    ("", "stopped_early", "Stopped early"),
    ("3a", "sessions", "Sessions"),
    ("3b", "days_treated", "First to last session"),
    ("4a", "co_intervention", "Other treatment"),
    ("4a", "co_interventions", "Other treatments"),
    ("4a", "co_minutes", "Time of other treatment"),
    ("4a", "co_intervention_adherence", "Adherence to other treatment"),
)
FACTORS = {
    "adverse_event": "Adverse events",
    "related": "Relation to treatment",
    "serious": "Serious events",
    "session": "Session of the event",
}
WORDS = {code: words for _, code, words in DELIVERED} | FACTORS
# Whom nobody allocated has nothing to cross over from.
NOT_ALLOCATED = {"crossed_over": "Treated otherwise than the group"}
LEVELS = {"any": "Any", "enough": "As many as planned, or more", "not_stated": "Not stated"}
NOUNS = {"randomised": "effect", "cohort": "adjusted difference", "single_arm": "change from baseline"}


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


class Labels:
    """Turns the codes of a study into its words."""

    def __init__(self, plan: Study) -> None:
        """Take the study file with its words: sections design, patients, visits, outcomes, cohorts, instruments, analyses."""
        self.plan = plan

    @property
    def group(self) -> str:
        """What those are called who are compared: arms of a trial; where nobody was allocated, groups."""
        return "Arm" if self.plan.design == "randomised" else "Group"

    def arm(self, code: str) -> str:
        """Words for an arm; for no arm, everybody."""
        if not code:
            return "All patients"
        return _named(self.plan.patients.arm.labels.get(code) if self.plan.patients.arm else None, code)

    def visit(self, code: str) -> str:
        """Words for a visit."""
        planned = self.plan.visits.schedule.get(code)
        return _named(planned.label if planned else None, code)

    def outcome(self, code: str, site: str = "") -> str:
        """Words for an outcome, and for the site of the body and the side where it is measured."""
        named = _named(self.plan.outcomes.get(code), code)
        if not site:
            return named
        sides = [one.side for one in self.plan.instruments.values() if one.site == site and one.side]
        return ", ".join([named, spaced(site), *(spaced(side) for side in sides[:1])])

    def cohort(self, code: str) -> str:
        """Words for a cohort."""
        return _named(self.plan.cohorts[code].label, code)

    def analysis(self, code: str) -> str:
        """Words for an analysis."""
        return _named(self.plan.analyses[code].label, code)

    def family(self, code: str) -> str:
        """Words for a family of tests; where the study file gives none, the analyses whose tests it holds."""
        holds = [name for name, one in self.plan.analyses.items() if one.family == code]
        named = [self.analysis(name) for name in holds] or [titled(code)]
        told = listed([named[0], *(in_sentence(one) for one in named[1:])])
        return set_apart(self.plan.families[code].label or told)

    def covariate(self, code: str) -> str:
        """Words for a covariate."""
        column: Any = self.plan.patients.covariates.get(code) or self.plan.covariates.get(code)
        return _named(column.label if column else None, code)

    def column(self, code: str) -> str:
        """Words for a column of a formula, or for what a term tells apart."""
        known = code in self.plan.patients.covariates or code in self.plan.covariates
        return COLUMNS.get(code) or (not known and WORDS.get(code)) or self.covariate(code)

    def event(self, code: str) -> str:
        """Words for an intercurrent event; for none, that there was none."""
        if not code:
            return "None of these"
        return _named(self.plan.intercurrent_events[code].label, code)

    def level(self, covariate: str, code: str) -> str:
        """Words for a level of a category."""
        return spaced(code)

    def instrument(self, code: str) -> str:
        """Words for an instrument."""
        return self._definition(code).label

    def is_reading(self, code: str) -> bool:
        """Tell whether an instrument's items are repeated readings of one measure."""
        return bool(self._definition(code).measured)

    def structure(self, code: str) -> str:
        """Words for a covariance structure."""
        return STRUCTURES.get(code, spaced(code))

    def variant(self, code: str) -> str:
        """Words for a method within a kind of analysis, such as an assumption about missing values."""
        return VARIANTS.get(code, spaced(code))

    @property
    def unverified(self) -> list[str]:
        """What of the instruments used was not read in a publication: instrument and the parts that matter in this study."""
        said = []
        for code in self.plan.instruments:
            one = self._definition(code)
            parts = [part for part in one.unverified if one.items or part in {"range", "direction"}]
            if "missing items" in parts and one.fewest_items >= len(one.items):
                parts.remove("missing items")
            if parts:
                said.append(f"{one.label} ({listed(parts)})")
        return list(dict.fromkeys(said))  # one instrument at two sites is told once

    @property
    def title(self) -> str:
        """The report's title."""
        return self.plan.title or titled(self.plan.study)

    @property
    def noun(self) -> str:
        """What a comparison may be called in this design: effect, adjusted difference, change from baseline."""
        return NOUNS[self.plan.design]

    def _definition(self, code: str) -> Definition:
        one = definition(code, self.plan.instruments[code])
        return replace(one, label=set_apart(one.label))

    def measure(self, cohort: str, outcome: str, site: str = "") -> Measure:
        """How a cohort measures an outcome at a site; where it has several instruments for it there, as the pooled percentage."""
        instruments = self._instruments(cohort, outcome)[site]
        if len(instruments) > 1:
            return Measure(POOLED, "%", 0.0, 100.0, "higher", ())
        one = self._definition(instruments[0])
        return Measure(one.label, span(one.unit), one.low, one.high, one.better, tuple(one.thresholds))

    def important_change(self, cohort: str, outcome: str) -> Any:
        """The smallest important change of one person, published on the outcome's own scale; None where none is known."""
        instruments = self.plan.cohorts[cohort].outcomes.get(outcome)
        if not isinstance(instruments, str):
            return None
        one = self._definition(instruments)
        return next((known for known in one.thresholds if known.kind == "MCID" and known.scale == one.unit), None)

    def scale(self, row: dict[Any, Any]) -> str:
        """On which scale a results row is: instrument and its unit, and the estimate's own unit where that is another."""
        axis, unit = self.measure(row["cohort"], row["outcome"], row["site"]).axis, set_apart(row["unit"])
        return axis if not unit or axis.endswith(unit) else f"{axis}; estimates in {unit}"

    @property
    def places(self) -> list[tuple[str, str, str]]:
        """Cohort, outcome and site of the body (empty where an outcome has none) in the order of the study file."""
        pairs = [(cohort, outcome) for cohort, settings in self.plan.cohorts.items() for outcome in settings.outcomes]
        return [(*pair, site) for pair in pairs for site in self._instruments(*pair)]

    def _instruments(self, cohort: str, outcome: str) -> dict[str, list[str]]:
        """Instruments of an outcome by site of the body; without sites there is one, which has no name."""
        named = self.plan.cohorts[cohort].outcomes[outcome]
        if isinstance(named, str):
            return {self.plan.instruments[named].site or "": [named]}
        found: dict[str, list[str]] = {}
        for name in named:
            found.setdefault(self.plan.instruments[name].site or "", []).append(name)
        return found

    @property
    def outcomes(self) -> list[str]:
        """The outcomes of all cohorts in the order of the study file."""
        return list(dict.fromkeys(outcome for _, outcome, _ in self.places))

    def compared(self, row: dict[Any, Any]) -> str:
        """Who is compared in a results row, e.g. Dry needling against usual care; of a single arm nobody."""
        if row["reference"]:
            return f"{self.arm(row['arm'])} against {in_sentence(self.arm(row['reference']))}"
        return self.arm(row["arm"]) if row["arm"] else ""

    def term(self, term: str) -> str:
        """Words for a structured term: a coefficient ('Arm: dry needling, visit: week 4') or a component ('Residual, week 2')."""
        parts = json.loads(term)
        if parts and isinstance(parts[0], list):
            return " × ".join(self._factor(*part) for part in parts)
        first, *others = parts
        if first not in COMPONENTS:
            return ", ".join([self._factor(first), *(in_sentence(self._factor(one)) for one in others)])
        named = [self.visit(one) if one in self.plan.visits.schedule else one.lower() for one in others]
        return ", ".join([COMPONENTS[first], *(in_sentence(one) for one in named)])

    def _factor(self, name: str, level: str = "") -> str:
        if name == "arm":
            return f"{self.group}: {in_sentence(self.arm(level))}" if level else self.group
        if name == "visit":
            return f"Visit: {in_sentence(self.visit(level))}" if level else "Visit"
        label = self.column(name)
        return f"{label}: {self.level(name, level)}" if level else label

    def level_of(self, term: str) -> tuple[str, str]:
        """Words for what a term [[what, which]] tells apart and for the level: ('Kind', 'Soreness'); a closed level has none."""
        factor, level = json.loads(term)[0]
        words = WORDS if self.plan.design == "randomised" else WORDS | NOT_ALLOCATED
        return words.get(factor) or sentence(spaced(factor)), LEVELS.get(level) or sentence(spaced(level))

    def subset(self, where: str) -> str:
        """Who an analysis is restricted to, e.g. 'type of headache: migraine'."""
        chosen = json.loads(where) if where else {}
        parts = [
            f"{in_sentence(self.covariate(k))}: {listed([self.level(k, one) for one in v])}" for k, v in chosen.items()
        ]
        return "; ".join(parts)

    def at(self, values: str) -> str:
        """Where an estimate is read, e.g. 'day 14' or 'sex: female'."""
        parts = [
            in_sentence(self.column(name)) + self._value(name, one)
            for name, one in (json.loads(values) if values else {}).items()
        ]
        return ", ".join(parts)

    def _value(self, name: str, value: Any) -> str:
        """A level or a number behind the name of its column; of several levels all, of two numbers from where to where."""
        if isinstance(value, list) and isinstance(value[0], str):
            return f": {listed([self.level(name, one) for one in value])}"
        if isinstance(value, list):
            return f" {' to '.join(f'{one:g}' for one in value)}"
        return f": {self.level(name, value)}" if isinstance(value, str) else f" {value:g}"

    def fill(self, text: str) -> str:
        """Put words in the place of the codes in braces that a kind of analysis wrote into a text."""

        def label(found: re.Match[str]) -> str:
            kind, codes = found[1], [unquote(code) for code in found[2].split("/")]
            known = getattr(self, kind, None)
            return in_sentence(known(*codes)) if callable(known) else spaced(codes[-1])

        return re.sub(r"\{(\w+):([^{}]*)\}", label, text)

    def of_groups(self, text: str) -> str:
        """Call arms groups in a sentence of a table, figure or report where nobody was allocated."""
        return of_groups(text, self.plan.design)


def _named(label: str | None, code: str) -> str:
    """A label of the study file, else the code as a label; no label comes to people by another way."""
    return set_apart(label) if label else titled(code)
