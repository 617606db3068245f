"""The answer: what the primary comparisons say in plain words, whom it harmed and how many notice it."""

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd

from needling.labels.numbers import decimals, format_count, format_fixed, format_p, rounded
from needling.labels.sentences import in_sentence, listed, sentence, set_apart, spaced
from needling.labels.words import POOLED, WITHHELD, Labels
from needling.report.numbers import Number, primary_sentences
from needling.tables.adverse_events import counted_as_serious
from needling.tables.printed import Pieces, Told, joined
from needling.tables.select import RATIOS, asked_for, in_order
from needling.tables.withheld import not_shown

TURNED = {"lower": "higher", "higher": "lower"}
GOOD = {"better": " (better)", "worse": " (worse)", "": ""}
PARTS = {
    "design": "Design",
    "patients": "Patients",
    "primary": "Primary",
    "registration": "Registration",
}
ADD = "for the authors to add"


@dataclass(frozen=True)
class Said:
    """One primary comparison in plain words: what it says, then how precisely; each a list of pieces."""

    cohort: str
    headline: Pieces
    precision: Pieces


@dataclass(frozen=True)
class Amount:
    """A result in the words of its scale: how much lower or higher, and whether that is better; `fewest` decimals or more."""

    row: dict[str, Any]
    labels: Labels
    fewest: int = 0

    @property
    def is_ratio(self) -> bool:
        """True where no difference is 1."""
        return self.row["quantity"] in RATIOS

    @property
    def null(self) -> float:
        """The value of no difference."""
        return 1.0 if self.is_ratio else 0.0

    @property
    def scale(self) -> float:
        """What a number is multiplied with before it is printed: shares are told in percent."""
        return 100.0 if self.row["quantity"] in ("risk_difference", "share") else 1.0

    @property
    def digits(self) -> int:
        """One decimal fewer than a table where that has several; more where an end on one side would print as no difference."""
        ends = [self.scale * self.row[name] for name in ("low", "high")]
        exact = decimals(*ends)
        short = max(exact - 1 if exact > 1 or self.is_ratio else exact, self.fewest, 0)
        if ends[0] <= self.null <= ends[1]:
            return short
        kept = (
            more for more in range(short, short + 3) if self.null not in [float(rounded(end, more)) for end in ends]
        )
        return next(kept, short)

    def is_null(self, value: float) -> bool:
        """True where a value prints as no difference: it has neither a way nor a worth that a reader could see."""
        return float(rounded(self.scale * value, self.digits)) == self.null

    def size(self, column: str) -> str:
        """The number of a column without its sign; of a ratio as it is."""
        value = self.scale * float(self.row[column])
        return format_fixed(value if self.is_ratio else abs(value), self.digits)

    @property
    def unit(self) -> str:
        """What the number counts, as a sentence has it: of 10 points."""
        unit = self.row["unit"]
        if self.scale != 1:
            return " percentage points"
        if unit == "points" and self.row["quantity"] not in ("slope", "trend"):
            one = self.labels.measure(self.row["cohort"], self.row["outcome"], self.row["site"])
            if one.low == 0:
                return f" of {one.high:g} points"
        return f" {unit}" if unit else ""

    def good(self, value: float) -> str:
        """Whether a value speaks for the arm: better, worse, or nothing where neither direction is better."""
        if self.row["better"] not in TURNED or value == self.null:
            return ""
        return "better" if (value > self.null) == (self.row["better"] == "higher") else "worse"

    def way(self, value: float) -> str:
        """Where a value lies on the outcome's own scale, whatever sign the result has: lower or higher."""
        towards = "higher" if value > self.null else "lower"
        if self.scale == 1 and not self.is_ratio and self.row["better"] in TURNED:
            better = self.labels.measure(self.row["cohort"], self.row["outcome"], self.row["site"]).better
            good = self.good(value)
            return better if good == "better" else TURNED[better] if good else towards
        return towards

    def end(self, column: str) -> Pieces:
        """An end of an interval on both sides, with its way and worth; of one that prints as no difference where it lies."""
        value = float(self.row[column])
        number = Told(self.size(column), self.row["row_id"], column)
        if self.is_null(value):
            return [number, f" (barely {self.way(value)})" if value != self.null else ""]
        return [number, f"{'' if self.is_ratio else f' {self.way(value)}'}{GOOD[self.good(value)]}"]

    def told(self, column: str) -> Pieces:
        """A number with its way and worth: 1.0 of 10 points lower (better)."""
        value = float(self.row[column])
        number = Told(self.size(column), self.row["row_id"], column)
        way = "" if self.is_ratio else f" {self.way(value)}"
        return [number, f"{self.unit}{'' if self.is_null(value) else f'{way}{GOOD[self.good(value)]}'}"]


def what(row: dict[str, Any], labels: Labels) -> str:
    """What is measured, in the words of the instrument, whose direction they have; of several instruments the outcome."""
    if row["outcome"] not in labels.plan.cohorts[row["cohort"]].outcomes:
        return labels.outcome(row["outcome"], row["site"])
    one = labels.measure(row["cohort"], row["outcome"], row["site"])
    name = labels.outcome(row["outcome"], row["site"])
    return name if one.label == POOLED or row["site"] else set_apart(one.label.split(" (")[0])


def comparison(
    row: dict[str, Any], labels: Labels, *, pair: str = "", at: str = "", level: float = 0.05, digits: int = 0
) -> Said:
    """Say one comparison in plain words.

    Parameters
    ----------
    row : a results row that compares arms, or of a single arm its change.
    labels : the study's words.
    pair : who is compared, where there are several pairs; in front.
    at : the visit, where there are several; behind.
    level : error rate of the family, against which the adjusted P is held.
    digits : fewest decimals, so that numbers of one scale have as many.

    Returns
    -------
    The headline names size, way and worth, or says that there is no clear difference; a null result has both ends of its
    interval with their worth. An interval that excludes no difference while the adjusted P does not is said to do so.
    """
    number = Number(row, labels)
    front = f"{sentence(pair)}, {in_sentence(what(row, labels))}" if pair else what(row, labels)
    front += f", {in_sentence(at)}" if at else ""
    if not number.estimated:
        return Said(row["cohort"], [f"{front}: {number.text}"], [])
    told, ends = Amount(row, labels, digits), ["low", "high"]
    if pd.notna(row["margin"]):
        estimate = told.told("estimate")
        return Said(row["cohort"], [f"{front}: {number.said}"], [*estimate, "; between ", *_between(told, ends)])
    if number.side == "both":
        nothing = "no clear difference" if row["reference"] else "no clear change"
        middle = [*told.told("estimate"), "; "] if not told.is_null(float(row["estimate"])) else []
        return Said(row["cohort"], [f"{front}: {nothing}"], [*middle, "between ", *_between(told, ends)])
    if abs(row["low"] - told.null) > abs(row["high"] - told.null) and not told.is_ratio:
        ends.reverse()
    sizes = [Told(told.size(end), row["row_id"], end) for end in ends]
    way = "" if told.is_ratio else f" {told.way(row['estimate'])}"
    ratio = f"{row['quantity'].replace('_', ' ')} " if told.is_ratio else ""
    headline: Pieces = [f"{front}: {ratio}", *told.told("estimate")]
    doubt: Pieces = []
    if pd.notna(row["p_adjusted"]) and row["p_adjusted"] >= level:
        p = Told(format_p(row["p_adjusted"]), row["row_id"], "p_adjusted")
        headline.append("; not beyond chance once several questions are allowed for")
        doubt = ["; adjusted ", p]
    return Said(row["cohort"], headline, ["between ", sizes[0], " and ", sizes[1], way, *doubt])


def _between(told: Amount, ends: list[str]) -> Pieces:
    """Both ends of an interval, each with its way and worth."""
    return joined([told.end(end) for end in ends])


def answers(released: dict[str, pd.DataFrame], labels: Labels) -> list[dict[str, Any]]:
    """Say the primary comparisons of every cohort; of a single arm, its change at the primary visit.

    Returns
    -------
    Per cohort: name, and for each comparison headline and precision as pieces of text.
    """
    plan = labels.plan
    numbers = [one["number"] for one in primary_sentences(released, labels)]
    rows = [number.row for number in numbers]
    at_primary = [row for row in rows if row["visit"] in (plan.visits.primary, "")]
    rows = at_primary if plan.design == "single_arm" and at_primary else rows
    several = len({(row["arm"], row["reference"]) for row in rows}) > 1
    visits = len({row["visit"] for row in rows}) > 1
    digits: dict[tuple[str, str], int] = {}  # alike in all comparisons of one scale
    for row in rows:
        if pd.notna(row["estimate"]):
            scale = what(row, labels), row["unit"]
            digits[scale] = max(digits.get(scale, 0), Amount(row, labels).digits)
    found: dict[str, list[Said]] = {}
    for row in rows:
        family = plan.families.get(plan.analyses[row["analysis"]].family or "")
        said_of = comparison(
            row,
            labels,
            pair=in_sentence(labels.compared(row)) if several else "",
            at=labels.visit(row["visit"]) if visits and row["visit"] else "",
            level=family.level if family else 0.05,
            digits=digits.get((what(row, labels), row["unit"]), 0),
        )
        found.setdefault(row["cohort"], []).append(said_of)
    return [{"cohort": labels.cohort(cohort), "said": said_of} for cohort, said_of in found.items()]


def heading(labels: Labels) -> str:
    """Who is compared and when, over the answer."""
    plan = labels.plan
    at = in_sentence(labels.visit(plan.visits.primary))
    if plan.design == "single_arm":
        return f"Change from {in_sentence(labels.visit(plan.visits.baseline))} to {at}"
    if len(plan.arms) == 2:
        first, second = labels.arm(plan.arms[1]), in_sentence(labels.arm(plan.arms[0]))
        return f"{first} against {second}, at {at}"
    return f"The arms compared, at {at}"


def strip(released: dict[str, pd.DataFrame], labels: Labels, people: int) -> list[tuple[str, str]]:
    """Design, patients, what is primary and the registration, each in a few words.

    That the data are real is said here, that they are made up above: nobody should have to conclude it from silence.
    """
    plan = labels.plan
    designs = {
        "randomised": f"Randomised, {len(plan.arms)} arms",
        "cohort": f"Not randomised, {len(plan.arms)} groups",
        "single_arm": "One group, not compared",
    }
    outcomes = dict.fromkeys(
        labels.outcome(outcome) for _, outcome, _ in labels.places if outcome in plan.analyses[plan.primary].outcomes
    )
    named = sentence(listed([in_sentence(one) for one in outcomes]))
    cohorts = f" in {len(plan.cohorts)} cohorts" if len(plan.cohorts) > 1 else ""
    return [
        (PARTS["design"], designs[plan.design]),
        (PARTS["patients"], f"{format_count(people)}{cohorts}{'' if plan.made_up else '; real data'}"),
        (PARTS["primary"], f"{named}, {in_sentence(labels.visit(plan.visits.primary))}"),
        (PARTS["registration"], plan.metadata.registration or sentence(ADD)),
    ]


def harms_line(released: dict[str, pd.DataFrame], labels: Labels) -> Pieces:
    """How many of each arm had a harm, which were the most frequent, and how many were serious; empty without an analysis.

    Where that is not shown, the reason.
    """
    asked = asked_for(released, "table", "adverse_events")
    results = released["results"]
    rows = results[results["analysis"].isin(asked[:1]) & results["quantity"].eq("share")]
    whole = _of_arms(rows, "adverse_event", labels)
    if not whole:
        closed = rows.loc[rows["term"].str.startswith('[["adverse_event", "'), "hidden"]
        why = dict.fromkeys(WITHHELD[reason] for reason in closed if reason)
        return [f"How many had one is not shown, because it would tell of {listed(list(why), 'or')}."] if why else []
    pieces: Pieces = ["At least one harm in ", *joined(whole)]
    kinds = rows[rows["term"].str.startswith('[["adverse_event"') & ~rows["term"].str.contains('"any"')]
    if kinds["hidden"].eq("").all() and kinds["n_events"].notna().all() and len(kinds):
        most = kinds.groupby("term", sort=False)["n_events"].sum().sort_values(ascending=False, kind="stable")
        named = [
            in_sentence(labels.level_of(str(term))[1])
            for term, n in most.items()
            if n > 0 and labels.level_of(str(term))[1]
        ]
        pieces += [f", mostly {listed(named[:2])}" if len(named) > 2 else f": {listed(named)}"] if named else []
    serious = _of_arms(rows, "serious", labels)
    if serious:
        none = rows[rows["term"].eq(json.dumps([["serious", "any"]]))]["n_events"].eq(0).all()
        words = counted_as_serious(released) or "serious"
        what = "serious harm" if words == "serious" else f"harm {words}"
        pieces += [f"; no {what} was recorded"] if none else [f"; {what} in ", *joined(serious)]
    elif counted_as_serious(released) is None:
        pieces.append("; which were serious is for the authors to report")
    return [*pieces, "."]


def _of_arms(rows: pd.DataFrame, factor: str, labels: Labels) -> list[Pieces]:
    """Patients with an event of all, in each arm over the cohorts; none where a number is not shown."""
    mine = rows[rows["term"].eq(json.dumps([[factor, "any"]]))]
    if mine.empty or mine["n_events"].isna().any() or mine["hidden"].ne("").any():
        return []
    parts = []
    for arm in reversed(labels.plan.arms or [""]):
        own = mine[mine["arm"] == arm]
        if own.empty:
            continue
        n, of = int(own["n_events"].sum()), int(own["n_patients"].sum())
        text = f"{n} of {of} patients"
        whom = f" with {in_sentence(labels.arm(arm))}" if arm else ""
        parts.append([Told(text, " ".join(own["row_id"]), "n_events n_patients"), whom])
    return parts


def noticed(released: dict[str, pd.DataFrame], labels: Labels) -> Pieces:
    """What share of each arm responded, by the study file's first definition, in each cohort; empty without such an analysis."""
    plan, results = labels.plan, released["results"]
    mine = results[results["analysis"].isin(asked_for(released, "table", "response_shares")[:1])]
    mine = mine[mine["quantity"].eq("share") & mine["visit"].isin([plan.visits.primary, ""])]
    variants = list(dict.fromkeys(mine.loc[mine["estimate"].notna(), "variant"]))
    if not variants:
        return []
    closed = mine[mine["variant"].eq(variants[0]) & mine["estimate"].isna()]
    mine = mine[mine["estimate"].notna()]
    mine = in_order(mine[mine["variant"] == variants[0]], {"cohort": list(plan.cohorts), "outcome": labels.outcomes})
    outcome = mine["outcome"].iloc[0]
    parts: list[Pieces] = []
    for cohort, rows in mine[mine["outcome"] == outcome].groupby("cohort", sort=False):
        by_arm = {row["arm"]: row for row in rows.to_dict("records")}
        shares: list[Pieces] = []
        for arm in reversed(plan.arms or [""]):
            if arm in by_arm:
                text = f"{format_fixed(100 * by_arm[arm]['estimate'], 0)}%"
                whom = f" with {in_sentence(labels.arm(arm))}" if arm and not parts else ""
                shares.append([Told(text, by_arm[arm]["row_id"], "estimate"), whom])
        where = f" in {in_sentence(labels.cohort(str(cohort)))}" if len(plan.cohorts) > 1 else ""
        same = closed["outcome"].eq(outcome) & closed["cohort"].eq(cohort)
        parts.append([*joined(shares, " against "), where, not_shown(closed[same], labels)])
    at = in_sentence(labels.visit(plan.visits.primary))
    return [f"Better in {in_sentence(labels.outcome(outcome))} at {at} ({spaced(variants[0])}): ", *joined(parts), "."]
