"""The cleaning rules as data: what each one does in a sentence, its version and what can be tuned."""

import difflib
import math
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType

from needling.study.extensions import EXTENSIONS, loaded, part_files
from needling.study.keys import StudyError
from needling.study.plan import Cleaning

Setting = float | int | str | bool
SHARES = ("closeness", "share", "correlation", "digits")


@dataclass(frozen=True)
class Rule:
    """A cleaning rule: id, version, sentence for the report, and its settings with their defaults.

    `needed` rules turn text into typed tables and cannot be switched off.
    """

    id: str
    version: int
    sentence: str
    settings: dict[str, Setting] = field(default_factory=dict)
    needed: bool = False


_ALL = [
    Rule("corrections", 1, "Corrections that came back from the sites were applied before anything else."),
    Rule(
        "numbers",
        1,
        "Numbers written in another way (decimal comma, '7/10', '6-7', '<1', a unit beside the number) were read and marked; "
        "text in a numeric column became missing, and the clinic was asked.",
        needed=True,
    ),
    Rule(
        "missing_codes",
        1,
        "Codes and words for missing (such as -99, 999, NA, or a spreadsheet's error) became missing, with their reason.",
        needed=True,
    ),
    Rule(
        "dates",
        2,
        "Dates in another style than their column's (day or month first, serial numbers) were read where the column or the "
        "schedule leaves no doubt; a date in doubt was held back or its row set aside.",
        needed=True,
    ),
    Rule(
        "labels",
        2,
        "Spellings of a label that mean one code of the study file were mapped to it; of unknown ones the clinic was asked.",
        {"closeness": 0.8},
        needed=True,
    ),
    Rule(
        "duplicates",
        4,
        "Rows that repeat another one wholly were dropped; where they differ, be it in a column that is not read or in a date a "
        "day beside it, the first entry was kept, the later one set aside, and the clinic asked; rows with different instruments "
        "of one visit were joined.",
        {"days": 1},
    ),
    Rule(
        "conflicting_facts",
        2,
        "A patient's fact that differs between rows of the export became missing, and the clinic was asked; a patient with two "
        "arms or cohorts was set aside; of several clinics the first was kept, and the clinic asked.",
        needed=True,
    ),
    Rule(
        "not_enrolled",
        1,
        "People who were screened and not enrolled are counted by reason and have no further rows.",
        needed=True,
    ),
    Rule(
        "unknown_patients",
        1,
        "Rows whose patient is unknown or set aside were set aside; codes that look like a mistyped or differently "
        "written known code were put to the clinic and never taken for the known one.",
        needed=True,
    ),
    Rule("age_90", 1, "Ages over 89 became 90, as de-identification asks.", needed=True),
    Rule("outside_study", 1, "Sessions dated before day 0 or after the patient's exit were set aside."),
    Rule("baseline_after_treatment", 1, "A baseline visit dated after the first session is not used as a baseline."),
    Rule(
        "visit_windows",
        1,
        "Where the export does not name visits, or gives one name to visits of several days, the visit nearest to the middle of "
        "its window (without windows the first) has the name; the others are unscheduled.",
        needed=True,
    ),
    Rule(
        "visit_order",
        1,
        "Visits of the schedule whose dates contradict their order, or that fall on one day, were put to the clinic; "
        "nothing was changed.",
    ),
    Rule(
        "scale_by_ten",
        3,
        "Ratings of 0-100 in a 0-10 column were divided by ten where the clinic or the patient used that scale throughout, and a "
        "clinic's 0-10 in a 0-100 column multiplied.",
        {"share": 0.5, "fewest": 5},
    ),
    Rule(
        "units",
        2,
        "Values in another unit were converted where the unit column or the cell says so, or the clinic hardly overlaps with the "
        "others; single values at another unit's level became missing, and the clinic was asked.",
        {"tolerance": 0.4, "fewest": 10},
    ),
    Rule(
        "ranges",
        1,
        "Impossible values became missing; unusual ones were marked and kept.",
    ),
    Rule(
        "totals",
        1,
        "Totals that differ from their items were replaced by the score of the items; a total on the raw scale of the "
        "instrument was recomputed, or put to the clinic where there are no items.",
        {"tolerance": 0.51},
    ),
    Rule(
        "reversed_scale",
        1,
        "Clinics whose scores run against pain were asked; nothing was changed.",
        {"correlation": 0.3, "fewest": 20},
    ),
    Rule(
        "missing_with",
        1,
        "Zeros that the export writes for missing became missing where the study file says which other value shows it.",
        needed=True,
    ),
    Rule(
        "as_treated",
        1,
        "Patients with needling on record in an arm without needling were marked; nobody was moved between arms.",
        {"share": 0.5},
    ),
    Rule("sides", 1, "Muscles needled on the other side than the affected one were put to the clinic."),
    Rule(
        "similar_codes",
        1,
        "Codes of patients, therapists or clinics that differ only in case, spaces, marks or leading zeros were put to the clinic, "
        "never taken for one another.",
    ),
    Rule(
        "answer_patterns",
        2,
        "Questionnaires with one answer throughout or copied from the visit before, and clinics that prefer round numbers, were "
        "marked; of lists in which nothing is ticked the clinic was asked.",
        {"items": 8, "digits": 0.4, "fewest": 40},
    ),
    Rule(
        "transposed_digits",
        1,
        "Values far from the patient's others that would fit with two digits exchanged were marked.",
        {"distance": 4},
    ),
]

RULES: dict[str, Rule] = {rule.id: rule for rule in _ALL}


@cache
def own_rules(extensions: Path = EXTENSIONS) -> dict[str, ModuleType]:
    """Find a study's own rules: every rule_<id>.py with RULE, a `Rule`, and ``apply(trail, tables, study) -> tables``.

    `tables` are the clean tables before people get their new codes, as the project's own rules leave them. What a rule changes it
    writes into the trail; rows stay.

    Raises
    ------
    StudyError : a file lacks a part, or its rule has another id than the file or that of a rule that exists.
    """
    found = {
        name: loaded(path, ("RULE", "apply"))
        for name, path in part_files("clean", r"RULE\b", "rule_", extensions).items()
    }
    for name, module in found.items():
        if module.RULE.id != name or name in RULES:
            raise StudyError(
                f"workflow/extensions/rule_{name}.py: its rule has the id '{module.RULE.id}'; an id is the file's name, "
                "and no other rule has it."
            )
    return found


def rules(extensions: Path = EXTENSIONS) -> dict[str, Rule]:
    """All rules by id, in the order in which they are told: the project's, then a study's own."""
    return RULES | {name: module.RULE for name, module in own_rules(extensions).items()}


@dataclass(frozen=True)
class Settings:
    """Which rules run in a study, and with which settings."""

    off: frozenset[str]
    tuned: dict[str, dict[str, Setting]]
    rules: dict[str, Rule] = field(default_factory=lambda: RULES)

    def on(self, rule: str) -> bool:
        """Whether a rule runs."""
        return rule not in self.off

    def __call__(self, rule: str, name: str) -> float:
        """A numeric setting of a rule."""
        return float(self.tuned.get(rule, {}).get(name, self.rules[rule].settings[name]))


def settings(cleaning: Cleaning, extensions: Path = EXTENSIONS) -> Settings:
    """Check what the study file says about the rules.

    Parameters
    ----------
    cleaning : section cleaning of the study file.
    extensions : folder with a study's own rules.

    Returns
    -------
    The settings of all rules.

    Raises
    ------
    StudyError : unknown rule or setting, a setting that is not a number, or a rule that cannot be switched off.
    """
    known = rules(extensions)
    for rule in [*cleaning.off, *cleaning.tune]:
        if rule not in known:
            near = difflib.get_close_matches(rule, known, n=1)
            hint = f"did you mean '{near[0]}'" if near else "known are: " + ", ".join(known)
            raise StudyError(f"cleaning: there is no rule '{rule}'; {hint}.")
    for rule in cleaning.off:
        if known[rule].needed:
            raise StudyError(f"cleaning.off: the rule '{rule}' cannot be switched off; the tables need it. Remove it.")
    for rule, changes in cleaning.tune.items():
        for name, value in changes.items():
            if name not in known[rule].settings:
                there = ", ".join(known[rule].settings) or "none"
                raise StudyError(f"cleaning.tune.{rule}: there is no setting '{name}'; known are: {there}.")
            if isinstance(value, str) or not math.isfinite(value):
                raise StudyError(f"cleaning.tune.{rule}.{name}: '{value}' is not a number; give a number.")
            if value < 0 or (name in SHARES and value > 1):
                most = "from 0 to 1" if name in SHARES else "not below 0"
                raise StudyError(f"cleaning.tune.{rule}.{name}: {value:g} is out of range; give a number {most}.")
    return Settings(frozenset(cleaning.off), dict(cleaning.tune), known)
