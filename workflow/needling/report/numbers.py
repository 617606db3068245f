"""Numbers in prose: each one is looked up in a results or side table; one that is not there stops the report."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from needling.tables.format import format_estimate, format_interval, format_p
from needling.tables.words import in_sentence, measure, positive_favours, unit_of_difference

if TYPE_CHECKING:
    from needling.study.plan import Study

KEYS = ("analysis", "cohort", "outcome", "visit", "term")
UNBROKEN = "\u00a0"
WHY = {
    "failed": "the model could not be fitted",
    "not_estimated": "it could not be estimated",
    "suppressed": "too few patients to be shown",
}


@dataclass(frozen=True)
class Number:
    """One result as words: `text` with interval and p, `estimate` alone, and whether it was estimated at all."""

    row: dict[str, Any]
    unit: str
    better_if_positive: bool

    @property
    def estimated(self) -> bool:
        """True where there is an estimate."""
        return bool(pd.notna(self.row["estimate"]))

    @property
    def estimate(self) -> str:
        """The estimate with its unit."""
        number = format_estimate(self.row["estimate"], self.row["low"], self.row["high"])
        return f"{number} {self.unit}".rstrip()

    @property
    def interval(self) -> str:
        """The interval with its level."""
        return format_interval(self.row["low"], self.row["high"], self.row["level"])

    @property
    def p(self) -> str:
        """The p value, with the adjusted one where there is one."""
        p, adjusted = (format_p(self.row[name]).replace(" ", UNBROKEN) for name in ("p", "p_adjusted"))
        return p if pd.isna(self.row["p_adjusted"]) else f"{p}; adjusted for multiplicity {adjusted}"

    @property
    def text(self) -> str:
        """Estimate, interval and p; or why there is none."""
        if not self.estimated:
            note = self.row["note"]
            return f"not available ({WHY.get(self.row['status'], self.row['status'])}{f': {note}' if note else ''})"
        return f"{self.estimate} ({self.interval}; {self.p})"

    @property
    def side(self) -> str:
        """Where the interval lies: better, worse, or both."""
        low, high = self.row["low"], self.row["high"]
        if low <= 0 <= high:
            return "both"
        return "better" if (low > 0) == self.better_if_positive else "worse"


class Numbers:
    """Looks numbers up for the report's text."""

    def __init__(self, results: pd.DataFrame, flow: pd.DataFrame, plan: "Study") -> None:
        """Take publishable results and flow (`release_results`, `release_flow`) and the plan."""
        self._results, self._flow, self._plan = results.fillna({"visit": "", "contrast": "", "note": ""}), flow, plan

    def result(
        self, analysis: str, cohort: str, outcome: str, visit: str = "", *, contrast: str = "", term: str = ""
    ) -> Number:
        """Look one result up.

        Parameters
        ----------
        analysis, cohort, outcome, visit : as in the results table.
        contrast : needed where a row is not alone without it.
        term : default: effect, or course in a single arm.

        Raises
        ------
        LookupError : there is no such row, or more than one.
        """
        wanted = (
            analysis,
            cohort,
            outcome,
            visit,
            term or ("course" if self._plan.design == "single_arm" else "effect"),
        )
        rows = self._results
        for column, value in zip(KEYS, wanted, strict=True):
            rows = rows[rows[column] == value]
        if contrast:
            rows = rows[rows["contrast"] == contrast]
        if len(rows) != 1:
            raise LookupError(
                f"the report asks for the result {', '.join(wanted)} {contrast}: {len(rows)} rows, not one"
            )
        turned = positive_favours(self._plan, analysis, cohort, outcome)
        unit = unit_of_difference(measure(self._plan, cohort, outcome).unit)
        row = {str(name): value for name, value in rows.iloc[0].to_dict().items()}
        return Number(row, unit, turned)

    def people(self, stage: str, **place: str) -> str:
        """Look a number of people up in the participant flow, as text.

        Raises
        ------
        LookupError : there is no such row, or more than one.
        """
        rows = self._flow[self._flow["stage"] == stage]
        for column, value in place.items():
            rows = rows[rows[column] == value]
        if len(rows) != 1:
            raise LookupError(f"the report asks for people {stage} {place}: {len(rows)} rows, not one")
        return str(rows["n_shown"].iloc[0]).replace("≥", "at least ")

    def primary(self) -> list[dict[str, Any]]:
        """List the primary contrasts in the study file's order: cohort, outcome, visit, contrast and number."""
        rows = self._results[self._results["analysis"] == self._plan.primary]
        single = self._plan.design == "single_arm"
        rows = rows[rows["term"].isin(["course"] if single else ["effect", "slope"])]
        if not single and (rows["visit"] == self._plan.visits.primary).any():
            rows = rows[rows["visit"] == self._plan.visits.primary]
        found = []
        for cohort, settings in self._plan.cohorts.items():
            for outcome in settings.outcomes:
                for row in rows[(rows["cohort"] == cohort) & (rows["outcome"] == outcome)].to_dict("records"):
                    place = {name: str(row[name]) for name in ("cohort", "outcome", "visit", "contrast", "term")}
                    number = self.result(
                        self._plan.primary,
                        cohort,
                        outcome,
                        place["visit"],
                        contrast=place["contrast"],
                        term=place["term"],
                    )
                    found.append(place | {"number": number})
        return found


def arms_compared(plan: "Study", contrast: str) -> tuple[str, str]:
    """Name the two arms of a contrast inside a sentence."""
    first, _, second = contrast.partition(" - ")
    return in_sentence(plan.arm_label(first)), in_sentence(plan.arm_label(second))
