"""Two groups before and after they were weighted: how far they differ at day 0, how weights spread, what could still hide."""

import json
from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, format_fixed
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.dose import spread
from needling.tables.for_whom import moderator
from needling.tables.printed import Printed, Row, headed
from needling.tables.select import asked_for, in_order
from needling.tables.withheld import HIDDEN, withheld_note

PLACE = ["analysis", "cohort", "outcome", "visit"]
UNWEIGHTED = "Unweighted: the groups as they came, which is what weighting is there to mend; it is not a result."


def shown(released: dict[str, pd.DataFrame], labels: Labels, item: str, name: str) -> pd.DataFrame:
    """Take the differences at day 0 of the analyses that ask for a table or figure, with the words of their characteristics."""
    table = released.get(
        "balance", pd.DataFrame(columns=[*PLACE, "variable", "level", "before", "after", "n", "hidden"])
    )
    mine = table[table["analysis"].isin(asked_for(released, item, name))].fillna({"level": ""})
    mine = in_order(mine, {"analysis": list(labels.plan.analyses), "cohort": list(labels.plan.cohorts)})
    terms = [json.dumps([[v, level] if level else v]) for v, level in zip(mine["variable"], mine["level"], strict=True)]
    return mine.assign(name=[moderator(term, labels) for term in terms])


def place_words(row: "pd.Series", labels: Labels, rows: pd.DataFrame) -> str:
    """Cohort, outcome and visit, as far as several are shown."""
    parts = [labels.analysis(row["analysis"])] if rows["analysis"].nunique() > 1 else []
    parts += [labels.cohort(row["cohort"])] if len(labels.plan.cohorts) > 1 else []
    parts.append(in_sentence(labels.outcome(row["outcome"])) if parts else labels.outcome(row["outcome"]))
    parts += [in_sentence(labels.visit(row["visit"]))] if rows["visit"].nunique() > 1 else []
    return ", ".join(parts)


def balance(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print each characteristic's standardised difference before and after weighting."""
    rows = shown(released, labels, "table", "weighted_balance")
    if rows.empty:
        return None
    pairs: list[tuple[str, Row]] = []
    for _, mine in rows.groupby(PLACE, sort=False):
        heading = f"{place_words(mine.iloc[0], labels, rows)} (n = {mine['n'].iloc[0]})"
        for row in mine.to_dict("records"):
            pairs.append((heading, [row["name"], *(_number(row, column) for column in ("before", "after"))]))
    first, second = (in_sentence(labels.arm(arm)) for arm in labels.plan.arms[:2])
    notes = [
        f"Standardised difference: {second} minus {first}, in standard deviations before weighting; below 0.1 is little."
    ]
    weights = released.get("weights")
    if weights is not None:
        notes += spread(weights[weights["analysis"].isin(rows["analysis"])], labels)
    return Printed(
        "What groups differ by at day 0, before and after weighting.",
        rows.drop(columns="name"),
        ["Characteristic", "Before", "After"],
        headed(pairs),
        [*notes, *_e_values(released, rows, labels), *withheld_note(rows)],
        [0.6, 0.2, 0.2],
    )


def _number(row: dict[Any, Any], column: str) -> str:
    if row["hidden"]:
        return HIDDEN
    return MISSING if pd.isna(row[column]) else format_fixed(row[column] + 0.0, 2)


def _e_values(released: dict[str, pd.DataFrame], rows: pd.DataFrame, labels: Labels) -> list[str]:
    """What it would take of something that was not measured."""
    results = released["results"]
    mine = results[
        results["quantity"].eq("e_value") & results["analysis"].isin(rows["analysis"]) & results["estimate"].notna()
    ]
    told = []
    for _, pair in mine.groupby(PLACE, sort=False):
        of = {row["variant"]: format_fixed(row["estimate"], 2) for row in pair.to_dict("records")}
        told.append(
            f"{in_sentence(place_words(pair.iloc[0], labels, rows))} {of['']} (of the limit nearer to 0: {of['limit']})"
        )
    if not told:
        return []
    return [
        "E-value, the risk ratio with which something not measured would have to go with both group and outcome to account for "
        f"all of the {labels.noun}: {'; '.join(told)}."
    ]


TABLES = {"weighted_balance": balance}
