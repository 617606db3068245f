"""An analysis beside what habits of the field would have printed in its place, and why they differ."""

from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, format_fixed, format_p, shared_decimals
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.printed import Printed, Row, Told, headed, told_interval
from needling.tables.select import asked_for, comparisons, said
from needling.tables.withheld import HIDDEN, withheld_note

HABITS = {
    "t_test": "t test of those measured",
    "last_value": "Last value carried forward, t test",
    "mixed_anova": "Mixed analysis of variance, arm × visit",
}


def beside(released: dict[str, pd.DataFrame], labels: Labels, item: str) -> pd.DataFrame:
    """Take the comparisons of each analysis that has a twin, and the twin's, in the study file's order.

    Returns
    -------
    Results rows with twin (the analysis that shows both) and habit ('' for the analysis itself).
    """
    results, parts = released["results"], []
    for twin in asked_for(released, item, "twin"):
        mine = results[results["analysis"] == twin].assign(twin=twin)
        theirs = comparisons(results[results["analysis"].isin(said(released, twin, "twin"))]).assign(twin=twin)
        places = set(mine[["cohort", "outcome"]].itertuples(index=False, name=None))
        kept = [place in places for place in theirs[["cohort", "outcome"]].itertuples(index=False, name=None)]
        both = pd.concat([theirs[kept].assign(habit=""), mine.assign(habit=mine["variant"])])
        order = {(c, o): i for i, (c, o, _) in enumerate(labels.places)}
        rank = [order[place] for place in both[["cohort", "outcome"]].itertuples(index=False, name=None)]
        parts.append(both.assign(_rank=rank).sort_values("_rank", kind="stable").drop(columns="_rank"))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*results.columns, "twin", "habit"])


def twin(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print at the primary visit the analysis and the habits, with the number of patients and the reason for each gap."""
    exact, plan = beside(released, labels, "table"), labels.plan
    if exact.empty:
        return None
    at_visit = exact["visit"].isin([plan.visits.primary, ""])
    mine = exact[at_visit & exact["quantity"].isin(["difference", "interaction"])]
    sizes = {key: rows.set_index("quantity")["estimate"] for key, rows in exact[exact["habit"] == "mixed_anova"].groupby(
        ["twin", "cohort", "outcome"])}  # fmt: skip
    digits = shared_decimals(mine)
    pairs: list[tuple[str, Row]] = []
    for row in mine.to_dict("records"):
        heading = f"{labels.cohort(row['cohort'])}, {in_sentence(labels.outcome(row['outcome']))}"
        name = labels.of_groups(HABITS.get(row["habit"], "")) or f"{labels.analysis(row['analysis'])} (as planned)"
        if len(plan.arms) > 2 and row["reference"]:
            name += f", {in_sentence(labels.compared(row))}"
        number = _number(row, sizes.get((row["twin"], row["cohort"], row["outcome"])), digits)
        n = Told(str(row["n_patients"]), row["row_id"], "n_patients") if pd.notna(row["n_patients"]) else MISSING
        pairs.append((heading, [name, number, Told(format_p(row["p"], name=False), row["row_id"], "p"), n]))
    name = exact["twin"].iloc[0]
    notes = []
    for habit, label in HABITS.items():
        notes += [f"{labels.of_groups(label)}: {in_sentence(text)}" for text in said(released, name, f"why_{habit}")]
    when = in_sentence(labels.visit(plan.visits.primary))
    caption = f"Not to be believed: what habits of the field would have printed, at {when}."
    head = ["Analysis", f"Difference ({100 * float(mine['level'].iloc[0]):g}% CI), or test", "P", "n"]
    return Printed(
        caption, exact, head, headed(pairs), notes + withheld_note(mine), [0.45, 0.37, 0.1, 0.08], section="sensitivity"
    )


def _number(row: dict[Any, Any], sizes: "pd.Series | None", digits: dict[str, int]) -> str:
    if row["hidden"]:
        return HIDDEN
    if row["quantity"] == "interaction" and pd.notna(row["p"]) and sizes is not None:
        eta = format_fixed(sizes["partial_eta_squared"], 3)
        text = f"F {format_fixed(row['statistic'], 2)}, ε {format_fixed(sizes['epsilon'], 2)}, partial η² {eta}"
        return Told(text, row["row_id"], "statistic")
    if pd.isna(row["estimate"]):
        return f"not estimated: {row['note']}" if row["note"] else "not estimated"
    return told_interval(row, digits[row["row_id"]])


TABLES = {"twin": twin}
