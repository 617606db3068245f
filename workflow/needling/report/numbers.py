"""Numbers in prose: each one is a released result; where it lies decides what the sentence says."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from needling.labels.numbers import format_estimate, format_interval, format_p
from needling.labels.sentences import in_sentence
from needling.labels.words import WITHHELD, Labels
from needling.tables.printed import Told
from needling.tables.select import RATIOS, primary

UNBROKEN = "\u00a0"
WHY = {"failed": "the model could not be fitted", "not_estimated": "it could not be estimated"}


@dataclass(frozen=True)
class Number:
    """One result as words: `text` with interval and P (none where not `tested`), and where its interval lies."""

    row: dict[str, Any]
    labels: Labels
    tested: bool = True

    @property
    def estimated(self) -> bool:
        """True where there is an estimate."""
        return bool(pd.notna(self.row["estimate"]))

    @property
    def text(self) -> str:
        """Estimate, interval and P; or why there is none."""
        row = self.row
        if not self.estimated:
            why = WITHHELD.get(row["hidden"], "")
            told = f"it would tell of {why}" if why else WHY.get(row["status"], row["status"])
            note = f": {row['note']}" if row["note"] else ""
            return f"not available ({told}{note})"
        number = f"{format_estimate(row['estimate'], row['low'], row['high'])} {row['unit']}".rstrip()
        p, adjusted = (format_p(row[name]).replace(" ", UNBROKEN) for name in ("p", "p_adjusted"))
        ps = p if pd.isna(row["p_adjusted"]) else f"{p}; adjusted for multiplicity {adjusted}"
        interval = format_interval(row["low"], row["high"], row["level"])
        if not self.tested:
            return Told(f"{number} ({interval})", row["row_id"], "estimate low high")
        return Told(f"{number} ({interval}; {ps})", row["row_id"], "estimate low high p")

    @property
    def side(self) -> str:
        """Where the interval lies: better, worse, or both."""
        null = 1.0 if self.row["quantity"] in RATIOS else 0.0
        low, high = self.row["low"], self.row["high"]
        if low <= null <= high:
            return "both"
        return "better" if (low > null) == (self.row["better"] == "higher") else "worse"

    @property
    def said(self) -> str:
        """What the interval says, in the words of the design."""
        if not self.estimated:
            return ""
        if pd.notna(self.row["margin"]):
            return self._against_margin
        if self.row["better"] not in ("lower", "higher"):
            where = "below" if self.row["high"] < 0 else "above"
            return "the interval includes zero" if self.side == "both" else f"the whole interval lies {where} zero"
        if not self.row["reference"]:
            return {
                "better": "the interval lies on the side of improvement",
                "worse": "the interval lies on the side of worsening",
                "both": "the interval includes no change",
            }[self.side]
        if self.side == "both":
            return "the interval includes no difference"
        arm = self.row["arm"] if self.side == "better" else self.row["reference"]
        return f"the whole interval favours {in_sentence(self.labels.arm(arm))}"

    @property
    def _against_margin(self) -> str:
        """What the interval says of a margin: of being worse by it, or of being apart by it either way."""
        row = self.row
        margin = f"the margin of {row['margin']:g} {row['unit']}".rstrip()
        if row["framework"] == "equivalence":
            within = -row["margin"] < row["low"] and row["high"] < row["margin"]
            return f"the interval lies {'within' if within else 'not within'} {margin} either way"
        excluded = row["high"] < row["margin"] if row["better"] == "lower" else row["low"] > -row["margin"]
        arm = in_sentence(self.labels.arm(row["arm"]))
        return f"the interval {'excludes' if excluded else 'does not exclude'} that {arm} is worse by {margin} or more"


def primary_sentences(released: dict[str, pd.DataFrame], labels: Labels) -> list[dict[str, Any]]:
    """The primary result in the study file's order: where (outcome, cohort, visit, who is compared), and the number.

    One of several comparisons that is in no family explores: it has an interval and no P here.
    """
    plan, rows = labels.plan, primary(released)
    if plan.design == "single_arm":
        results = released["results"]
        is_course = (results["analysis"] == plan.primary) & results["quantity"].isin(["change", "slope"])
        rows = results[is_course & (results["arm"] == "")]
    found = []
    for cohort, outcome, site in labels.places:
        here = (rows["cohort"] == cohort) & (rows["outcome"] == outcome) & (rows["site"] == site)
        for row in rows[here].to_dict("records"):
            where = f" in {in_sentence(labels.cohort(cohort))}" if len(plan.cohorts) > 1 else ""
            at = in_sentence(labels.visit(row["visit"])) if row["visit"] else ""
            pair = in_sentence(labels.compared(row)) if len(plan.arms) > 2 else ""
            tested = len(rows) == 1 or pd.notna(row["p_adjusted"])
            number = Number({str(k): v for k, v in row.items()}, labels, tested)
            found.append({"what": labels.outcome(outcome, site) + where, "visit": at, "pair": pair, "number": number})
    return found


def people(released: dict[str, pd.DataFrame], stage: str) -> str:
    """Look the number of people at a stage up in the participant flow, as text.

    Raises
    ------
    LookupError : there is no such row, or more than one.
    """
    rows = released["flow"][released["flow"]["stage"] == stage]
    if len(rows) != 1:
        raise LookupError(f"the report asks for people {stage}: {len(rows)} rows, not one")
    return str(rows["n"].iloc[0])
