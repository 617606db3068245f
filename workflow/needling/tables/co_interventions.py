"""Treatment beside the one compared: what each arm had, and the difference of arms given it, one row per co-intervention."""

import json
from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, format_fixed, shared_decimals
from needling.labels.sentences import in_sentence, listed, sentence, spaced
from needling.labels.words import Labels
from needling.tables.for_whom import place_words
from needling.tables.printed import Printed, Row, Told, headed, told_interval
from needling.tables.select import asked_for, in_order
from needling.tables.withheld import HIDDEN, withheld_note

QUANTITIES = ("share", "mean", "risk_difference", "effect_given")
ASKED = ("table", "co_interventions")
PLACE = ["analysis", "cohort", "outcome", "site", "visit"]
AS_ALLOCATED = {"randomised": "None taken into account: as allocated", "cohort": "None taken into account"}
WARNING = (
    "What was given follows the arm: who had more of it may have needed it more, or improved and come less. A difference given a "
    "co-intervention is no effect of the arm."
)


def shown(released: dict[str, pd.DataFrame], labels: Labels, asked: tuple[str, str]) -> pd.DataFrame:
    """Take the rows about co-interventions of the analyses that ask for a table or figure, in the study file's order."""
    results, plan = released["results"], labels.plan
    mine = results[results["analysis"].isin(asked_for(released, *asked)) & results["quantity"].isin(QUANTITIES)]
    return in_order(mine, {"analysis": list(plan.analyses), "cohort": list(plan.cohorts), "outcome": labels.outcomes})


def names_of(term: str) -> list[str]:
    """The co-interventions that a term names; none for as allocated."""
    return [level for _, level in json.loads(term)] if term else []


def pick(rows: list[dict[Any, Any]], quantity: str, term: str, arm: str) -> dict[Any, Any] | None:
    """The row of a quantity, co-intervention and arm."""
    asked = (quantity, term, arm)
    return next((row for row in rows if (row["quantity"], row["term"], row["arm"]) == asked), None)


def co_interventions(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print for each co-intervention who had it and how often by arm, how far the arms are apart, and the difference given it."""
    exact = shown(released, labels, ASKED)
    if exact.empty:
        return None
    arms = labels.plan.arms or [""]
    digits = shared_decimals(exact)
    pairs: list[tuple[str, Row]] = []
    for _, mine in exact.groupby(PLACE, sort=False):
        heading = place_words(mine.iloc[0].to_dict(), labels, exact)
        for arm in arms[1:] or [""]:
            lines = _lines(mine.to_dict("records"), arm, labels, digits)
            pairs += [(heading + _of_arm(arm, labels), line) for line in lines]
    level = f"{100 * float(exact['level'].iloc[0]):g}% CI"
    head = ["Co-intervention", *(labels.arm(arm) for arm in arms)]
    head += [f"Difference, percentage points ({level})"] if labels.plan.design == "randomised" else []
    head += [f"Difference in the outcome given it ({level})"] if len(arms) > 1 else []
    notes = ["Patients who ever had it before the visit; mean number of sessions with it, over everybody."]
    notes += [labels.of_groups(WARNING)] if len(arms) > 1 else []
    first = 0.26
    widths = [first, *[(1 - first) / (len(head) - 1)] * (len(head) - 1)]
    return Printed(
        "Treatment beside the one compared.", exact, head, headed(pairs), notes + withheld_note(exact), widths
    )


def _of_arm(arm: str, labels: Labels) -> str:
    return f": {in_sentence(labels.arm(arm))}" if arm and len(labels.plan.arms) > 2 else ""


def _lines(mine: list[dict[Any, Any]], arm: str, labels: Labels, digits: dict[str, int]) -> list[Row]:
    """A row for each co-intervention, with those of the model without any before and with all after."""
    plan = labels.plan
    arms, apart = plan.arms or [""], plan.design == "randomised"
    described = list(dict.fromkeys(row["term"] for row in mine if row["quantity"] == "share"))
    lines: list[Row] = []
    blank = [""] * (len(arms) + apart)
    if arm:
        lines.append([AS_ALLOCATED[plan.design], *blank, _estimate(pick(mine, "effect_given", "", arm), digits)])
    for term in described:
        name = sentence(spaced(listed(names_of(term))))
        cells = [_had(pick(mine, "share", term, one), pick(mine, "mean", term, one)) for one in arms]
        cells += [_points(pick(mine, "risk_difference", term, arm), digits)] if apart else []
        lines.append([name, *cells, *([_estimate(pick(mine, "effect_given", term, arm), digits)] if arm else [])])
    given_all = [row for row in mine if (row["variant"], row["arm"]) == ("given_all", arm)]
    lines += [["All of them", *blank, _estimate(row, digits)] for row in given_all]
    return lines


def _had(share: dict[Any, Any] | None, mean: dict[Any, Any] | None) -> str:
    if share is None or pd.isna(share["estimate"]):
        return HIDDEN if share and share["hidden"] else MISSING
    often = f"; {format_fixed(mean['estimate'], 1)}" if mean and pd.notna(mean["estimate"]) else ""
    text = f"{share['n_events']}/{share['n_patients']} ({format_fixed(100 * share['estimate'], 0)}%){often}"
    return Told(text, share["row_id"], "n_events n_patients estimate")


def _points(row: dict[Any, Any] | None, digits: dict[str, int]) -> str:
    if row is None or pd.isna(row["estimate"]):
        return HIDDEN if row and row["hidden"] else MISSING
    return told_interval(row, digits[row["row_id"]], factor=100)


def _estimate(row: dict[Any, Any] | None, digits: dict[str, int]) -> str:
    if row is None or pd.isna(row["estimate"]):
        return HIDDEN if row and row["hidden"] else "not estimated" if row else MISSING
    return told_interval(row, digits[row["row_id"]])


TABLES = {"co_interventions": co_interventions}
