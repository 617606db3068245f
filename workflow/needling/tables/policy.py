"""Whom to treat: the value of a rule beside treating everybody and nobody, and whether it is recommended."""

from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, column_decimals, format_fixed
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.for_whom import moderator, place_words
from needling.tables.printed import Printed, Row, Told, headed
from needling.tables.select import asked_for, in_order
from needling.tables.withheld import HIDDEN, withheld_note

ASKED = ("table", "policy_value")
PLACE = ["analysis", "cohort", "outcome", "site", "visit"]
QUANTITIES = ("policy_value", "policy_gain", "coefficient", "share")
GAINS = {
    "over_all": "Gain over treating everybody",
    "over_none": "Gain over treating nobody",
    "over_better": "Gain over the better",
}


def shown(released: dict[str, pd.DataFrame], labels: Labels, asked: tuple[str, str]) -> pd.DataFrame:
    """Take the rows of the analyses that ask for a table or figure, in the study file's order."""
    results, plan = released["results"], labels.plan
    mine = results[results["analysis"].isin(asked_for(released, *asked)) & results["quantity"].isin(QUANTITIES)]
    order = {"analysis": list(plan.analyses), "cohort": list(plan.cohorts), "outcome": labels.outcomes}
    return in_order(mine, order | {"visit": list(plan.visits.schedule)})


def verdict(row: dict[Any, Any]) -> str:
    """Whether the rule is recommended, in words."""
    if row["status"] == "not_estimated":
        return f"no rule: {row['note']}"
    return "recommended" if row["status"] == "converged" else "not recommended: the analysis abstains"


def policy_value(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print for each rule the mean outcomes, its gains with their lower limits, and the rule where it is recommended."""
    exact = shown(released, labels, ASKED)
    if exact.empty:
        return None
    # Gains have a lower limit only: what they can bear is told by their standard errors, as that of the means is.
    digits = {
        str(unit): column_decimals((-2 * se, 2 * se) for se in rows["se"]) for unit, rows in exact.groupby("unit")
    }
    pairs: list[tuple[str, Row]] = []
    for _, mine in exact.groupby(PLACE, sort=False):
        heading = place_words(mine.iloc[0].to_dict(), labels, exact)
        for row in mine.to_dict("records"):
            if line := _line(row, labels, digits[row["unit"]]):
                pairs.append((heading, line))
    level = f"{100 * float(exact['level'].iloc[0]):g}%"
    head = ["Quantity", "Estimate", f"One-sided {level} lower limit", "Verdict"]
    notes = [
        "Mean outcomes of the patients that judged the rules, had each policy been followed. A gain is positive where the rule is "
        "better; the rule is recommended where the lower limit of its gain over the better of both is above 0.",
        "A rule is about whom to offer treatment on average; it does not know what a single patient wants.",
        *withheld_note(exact),
    ]
    return Printed("Whom to treat: a rule beside treating everybody and nobody.", exact, head, headed(pairs), notes,
                   [0.4, 0.15, 0.2, 0.25], left=(0, 3), section="whom")  # fmt: skip


def _line(row: dict[Any, Any], labels: Labels, digits: int) -> Row | None:
    arms = labels.plan.arms
    if row["quantity"] == "policy_value":
        names = {"rule": "Mean outcome with the rule", "all": f"with {in_sentence(labels.arm(arms[1]))} for all"}
        names["none"] = f"with {in_sentence(labels.arm(arms[0]))} for all"
        return [names[row["variant"]], _number(row, "estimate", digits), "", ""]
    if row["quantity"] == "policy_gain":
        last = verdict(row) if row["variant"] == "over_better" else ""
        return [GAINS[row["variant"]], _number(row, "estimate", digits), _number(row, "low", digits), last]
    if row["quantity"] == "coefficient":
        is_first = row["term"] == '["Intercept"]'
        name = (
            "Predicted gain where all are 0" if is_first else f"per unit: {in_sentence(moderator(row['term'], labels))}"
        )
        return [name, _number(row, "estimate", 3), "", ""]
    name = "Treated by the rule" if row["variant"] == "rule" else "Treated by the rules that were judged"
    if row["hidden"] or pd.isna(row["estimate"]):
        return [name, HIDDEN if row["hidden"] else MISSING, "", ""]
    return [name, Told(f"{format_fixed(100 * row['estimate'], 0)}%", row["row_id"], "estimate"), "", ""]


def _number(row: dict[Any, Any], column: str, digits: int) -> str:
    if row["hidden"]:
        return HIDDEN
    if pd.isna(row[column]):
        return MISSING
    return Told(format_fixed(row[column], digits), row["row_id"], column)


TABLES = {"policy_value": policy_value}
