"""What patients guessed of their arm, with Bang's index of each arm and James's of both."""

from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, format_fixed
from needling.labels.sentences import in_sentence, sentence
from needling.labels.words import Labels
from needling.tables.printed import Printed, Row, Told, headed, told_interval
from needling.tables.select import asked_for, in_order, said
from needling.tables.withheld import HIDDEN, withheld_note

PLACE = ["analysis", "cohort", "visit"]
UNKNOWN = "unknown"


def guessed(released: dict[str, pd.DataFrame], labels: Labels, item: str) -> pd.DataFrame:
    """Take the indices of the analyses that ask for a table, figure or sentence of guesses, in the study file's order."""
    results = released["results"]
    mine = results[results["analysis"].isin(asked_for(released, item, "guesses")) & results["variant"].ne("")]
    return in_order(mine, {"analysis": list(labels.plan.analyses), "cohort": list(labels.plan.cohorts)})


def heading(place: dict[Any, Any], labels: Labels) -> str:
    """Name the cohort, where there are several, and the time of asking, where it has a name."""
    parts = [labels.cohort(place["cohort"])] if len(labels.plan.cohorts) > 1 else []
    parts += [labels.visit(place["visit"])] if place["visit"] else []
    return sentence(", ".join([*parts[:1], *(in_sentence(one) for one in parts[1:])]))


def index_text(row: dict[Any, Any]) -> str:
    """An index with its interval as it is printed, two decimals; what there is none of as a dash."""
    if row["hidden"]:
        return HIDDEN
    if pd.isna(row["estimate"]):
        return MISSING
    if pd.isna(row["low"]):
        return Told(format_fixed(row["estimate"], 2), row["row_id"], "estimate")
    return told_interval(row, 2)


def table(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print for each time of asking the guesses of each arm and the indices.

    Returns
    -------
    Exact: the released indices. Printed: a row for each arm, and one for both.
    """
    exact = guessed(released, labels, "table")
    if exact.empty:
        return None
    counts = released["guesses"]
    arms = [arm for arm in labels.plan.arms if arm in set(exact["arm"])]
    pairs: list[tuple[str, Row]] = []
    for key, rows in exact.groupby(PLACE, sort=False):
        place = dict(zip(PLACE, map(str, key), strict=True))
        of_arm = {row["arm"]: row for row in rows.to_dict("records")}
        here = counts[(counts[PLACE] == pd.Series(place)).all(axis=1)]
        for arm in arms:
            cells = _counts(here[here["arm"] == arm], [*arms, UNKNOWN])
            pairs.append((heading(place, labels), [labels.arm(arm), *cells, index_text(of_arm[arm])]))
        both = [MISSING] * (len(arms) + 2)
        pairs.append((heading(place, labels), ["Both arms (James)", *both, index_text(of_arm[""])]))
    level = f"{100 * float(exact['level'].iloc[0]):g}% CI"
    head = [
        "Arm",
        "Answered",
        *(f"Guessed {in_sentence(labels.arm(arm))}" for arm in arms),
        "Did not know",
        f"Index ({level})",
    ]
    notes = [
        "Bang's index of an arm: share of right less share of wrong guesses; 0 as by chance, 1 all right, −1 all wrong. James's "
        "index of both arms: 0 all right, 0.5 as by chance, 1 nobody knew. Nothing is tested.",
        *dict.fromkeys(text for one in exact["analysis"].unique() for text in said(released, one, "missing")),
        *_why(exact, labels),
    ]
    widths = [0.2, 0.12, 0.16, 0.16, 0.14, 0.22]
    return Printed(
        "What patients guessed of their arm.", exact, head, headed(pairs), notes + withheld_note(exact), widths
    )


def _counts(mine: pd.DataFrame, guesses: list[str]) -> list[str]:
    """How many answered of how many, and how many guessed what."""
    if mine.empty:
        return [MISSING] * (1 + len(guesses))
    answered, n = mine["n_answered"].iloc[0], mine.set_index("guess")["n"]
    cells = [f"{answered} of {mine['n_arm'].iloc[0]}"]
    for guess in guesses:
        known = n.get(guess)
        if known is None or pd.isna(known):
            cells.append(HIDDEN)
        else:
            cells.append(f"{known} ({format_fixed(100 * known / answered, 0)}%)" if answered else MISSING)
    return cells


def _why(exact: pd.DataFrame, labels: Labels) -> list[str]:
    """Say of what index there is none, or no interval, and why."""
    told: dict[str, None] = {}
    for row in exact[exact["note"].ne("")].to_dict("records"):
        name = in_sentence(labels.arm(row["arm"])) if row["arm"] else "both arms"
        told[
            f"{sentence(', '.join(one for one in (in_sentence(heading(row, labels)), name) if one))}: {row['note']}."
        ] = None
    return list(told)


TABLES = {"guesses": table}
