"""Two groups before and after they were weighted: how far they differ at day 0, how many they weigh, what could still hide."""

import json
from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, format_fixed
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.for_whom import moderator
from needling.tables.printed import Printed, Row, Told, headed
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
    mine = _in_order(mine, labels)
    terms = [json.dumps([[v, level] if level else v]) for v, level in zip(mine["variable"], mine["level"], strict=True)]
    return mine.assign(name=[moderator(term, labels) for term in terms])


def _in_order(rows: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    return in_order(rows, {"analysis": list(labels.plan.analyses), "cohort": list(labels.plan.cohorts)})


def place_words(row: "pd.Series", labels: Labels, rows: pd.DataFrame) -> str:
    """Analysis, cohort, outcome and visit, as far as several are shown."""
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
    note = f"Standardised difference: {second} minus {first}, in standard deviations before weighting; below 0.1 is little."
    return Printed(
        "What groups differ by at day 0, before and after weighting.",
        rows.drop(columns="name"),
        ["Characteristic", "Before", "After"],
        headed(pairs),
        [note, *withheld_note(rows)],
        [0.6, 0.2, 0.2],
        folded=True,
    )


def _number(row: dict[Any, Any], column: str) -> str:
    if row["hidden"]:
        return HIDDEN
    return MISSING if pd.isna(row[column]) else format_fixed(row[column] + 0.0, 2)


def groups(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print how many patients the weighted groups tell as much as, and what it would take of something that was not measured."""
    results, asked = released["results"], asked_for(released, "table", "weighted_groups")
    exact = _in_order(results[results["quantity"].eq("e_value") & results["analysis"].isin(asked)], labels)
    if exact.empty:
        return None
    weighed = {tuple(row[k] for k in (*PLACE, "arm")): row for row in released["weights"].to_dict("records")}
    rows: list[Row] = []
    for place, pair in exact.groupby(PLACE, sort=False):
        cells = [_effective(weighed.get((*place, arm))) for arm in labels.plan.arms]
        of = {row["variant"]: row for row in pair.to_dict("records")}
        rows.append([place_words(pair.iloc[0], labels, exact), *cells, *(_e_value(of[one]) for one in ("", "limit"))])
    names = [f"{labels.arm(arm)}, effective n" for arm in labels.plan.arms]
    notes = [
        "Effective n: so many unweighted patients would tell as much. E-value: the risk ratio with which something not measured "
        f"would have to go with both group and outcome to account for all of the {labels.noun}; at the limit, for the end of its "
        "interval that is nearer to none (1 where the interval holds none)."
    ]
    return Printed(
        "Weighted groups: how many patients they amount to, and how strong something not measured would have to be.",
        exact,
        ["Comparison", *names, "E-value", "at the limit"],
        rows,
        [*notes, *withheld_note(exact)],
        [0.4, 0.18, 0.18, 0.12, 0.12],
    )


def _effective(row: dict[Any, Any] | None) -> str:
    if row is None or pd.isna(row["effective_n"]):
        return HIDDEN if row else MISSING
    return f"{format_fixed(row['effective_n'], 0)} of {row['n']}"


def _e_value(row: dict[Any, Any]) -> str:
    if row["hidden"]:
        return HIDDEN
    return MISSING if pd.isna(row["estimate"]) else Told(format_fixed(row["estimate"], 2), row["row_id"], "estimate")


TABLES = {"weighted_groups": groups, "weighted_balance": balance}
