"""For whom it works and with what beside it, in sentences: each one is of released numbers."""

from typing import Any

import pandas as pd

from needling.labels.numbers import format_estimate, format_fixed, format_interval, format_p, shared_decimals
from needling.labels.sentences import in_sentence, spaced
from needling.labels.words import Labels
from needling.tables.by_subgroup import QUANTITIES, SD_UNIT, lines_of, subgroup, units
from needling.tables.co_interventions import WARNING, names_of, pick
from needling.tables.co_interventions import shown as shown_beside
from needling.tables.for_whom import OF_ONE, PLACE, TOGETHER, moderator, place_words, shown, value_words
from needling.tables.policy import shown as shown_rules
from needling.tables.policy import verdict
from needling.tables.printed import Pieces, Told

CLEAR = 0.05


def whom_sentences(released: dict[str, pd.DataFrame], labels: Labels) -> list[Pieces]:
    """Say per cohort and outcome whether the effect depends on anything looked at, the predicted outcome first.

    Returns
    -------
    Sentences as pieces of text; a `Told` where a piece prints a result. A P below the level of nothing but itself is called a
    hint; no interval that holds no change is called a proof that there is none.
    """
    rows = shown(released, labels, ("table", "for_whom"), (*OF_ONE, *TOGETHER))
    found = []
    for _, mine in rows.groupby(PLACE, sort=False):
        front = f"{place_words(mine.iloc[0].to_dict(), labels, rows)}: "
        tests = mine[mine["quantity"].eq("moderation") & mine["p"].notna()]
        clear = [row for row in tests.to_dict("records") if _p(row) < CLEAR]
        pieces: Pieces = []
        for row in clear:
            own = mine[(mine["term"] == row["term"]) & mine["arm"].isin([row["arm"], ""])]
            pieces += [". " if pieces else "", *_depends(row, own, labels)]
        if not clear and len(tests):
            pieces = [
                f"the {labels.noun} is not shown to depend on any of what was looked at, nor shown to be the same for all (",
                *_smallest(tests, labels),
                ")",
            ]
        pieces += _together(mine, bool(pieces), labels)
        if pieces:
            found.append([front, *pieces, "."])
    return found


def _p(row: dict[Any, Any]) -> float:
    return float(row["p"] if pd.isna(row["p_adjusted"]) else row["p_adjusted"])


def _smallest(tests: pd.DataFrame, labels: Labels) -> Pieces:
    """The test that comes nearest, by the P that decides."""
    row = min(tests.to_dict("records"), key=_p)
    column = "p" if pd.isna(row["p_adjusted"]) else "p_adjusted"
    adjusted = "adjusted " if column == "p_adjusted" else ""
    smallest = f"smallest {adjusted}" if len(tests) > 1 else adjusted
    told = Told(format_p(row[column]), row["row_id"], column)
    return [smallest, told, f", for {in_sentence(moderator(row['term'], labels))}"]


def _depends(row: dict[Any, Any], own: pd.DataFrame, labels: Labels) -> Pieces:
    """Say how the effect changes with one moderator."""
    name = in_sentence(moderator(row["term"], labels))
    column = "p" if pd.isna(row["p_adjusted"]) else "p_adjusted"
    p = Told(format_p(row[column]), row["row_id"], column)
    pair = f" of {in_sentence(labels.arm(row['arm']))}" if len(labels.plan.arms) > 2 else ""
    pieces: Pieces = [f"the {labels.noun}{pair} goes with {name} (", p, "): "]
    effects = own[own["quantity"].eq("effect_at") & own["estimate"].notna()].to_dict("records")
    for place, effect in enumerate([effects[0], effects[-1]] if len(effects) > 1 else effects):
        text = f"{format_estimate(effect['estimate'], effect['low'], effect['high'])}"
        text += f" ({format_interval(effect['low'], effect['high'], effect['level'])})"
        pieces += [", " if place else "", Told(text, effect["row_id"], "estimate low high")]
        pieces.append(f" at {value_words(effect['at'], labels)}")
    return pieces


def _together(mine: pd.DataFrame, second: bool, labels: Labels) -> Pieces:
    """Say what the joint test and the shrinkage are."""
    test = mine[mine["quantity"].eq("heterogeneity") & mine["p"].notna()].to_dict("records")
    share = mine[mine["quantity"].eq("shrinkage") & mine["estimate"].notna()].to_dict("records")
    if not test or not share:
        return []
    pulled = f"{format_fixed(100 * share[0]['estimate'], 0)}%"
    return [
        "; all moderators together: " if second else "all moderators together: ",
        Told(format_p(test[0]["p"]), test[0]["row_id"], "p"),
        ", estimates shrunken ",
        Told(pulled, share[0]["row_id"], "estimate"),
        " of the way to no change",
    ]


def subgroup_sentences(released: dict[str, pd.DataFrame], labels: Labels) -> list[Pieces]:
    """Say per cohort and outcome whether subgroups are shown to differ, what the difference is in each, and in all together.

    Returns
    -------
    Sentences as pieces of text; a `Told` where a piece prints a result. No large P is called a proof that subgroups are the same.
    """
    rows = shown(released, labels, ("table", "by_subgroup"), QUANTITIES)
    digits, found = shared_decimals(rows), []
    for _, mine in rows.groupby([*PLACE, "arm"], sort=False):
        tests = mine[mine["quantity"].eq("moderation") & mine["p"].notna()].to_dict("records")
        if not tests:
            continue
        test = tests[0]
        column = "p" if pd.isna(test["p_adjusted"]) else "p_adjusted"
        clear = _p(test) < CLEAR
        pair = f" of {in_sentence(labels.arm(test['arm']))}" if len(labels.plan.arms) > 2 else ""
        pieces: Pieces = [f"{place_words(test, labels, rows)}: the {labels.noun}{pair} "]
        pieces += ["differs between" if clear else "is not shown to differ between", " subgroups ("]
        pieces += [Told(format_p(test[column]), test["row_id"], column), ")" if clear else "), nor to be the same"]
        for own, standard, is_first in lines_of(mine):
            row = own or standard or {}
            if pd.isna(row["estimate"]):
                continue
            name = in_sentence(subgroup(row, labels)) if is_first else in_sentence(labels.instrument(row["instrument"]))
            pieces += [f"; {name} ", units(row, digits), " standard deviations" if row["unit"] == SD_UNIT else ""]
        pieces.append(f"; {test['note']}" if test["note"] else "")
        found.append([*pieces, "."])
    return found


def beside_sentences(released: dict[str, pd.DataFrame], labels: Labels) -> list[Pieces]:
    """Say per cohort which co-interventions each arm had, and warn of what a difference given one is not.

    Returns
    -------
    Sentences as pieces of text; a `Told` where a piece prints a result.
    """
    rows = shown_beside(released, labels, ("table", "co_interventions"))
    found: list[Pieces] = []
    arms = labels.plan.arms or [""]
    for _, mine in rows.groupby(PLACE, sort=False):
        pieces: Pieces = []
        records = mine.to_dict("records")
        for term in dict.fromkeys(row["term"] for row in records if row["quantity"] == "share"):
            shares = [(arm, pick(records, "share", term, arm)) for arm in arms]
            told = [(arm, row) for arm, row in shares if row is not None and pd.notna(row["estimate"])]
            if told:
                pieces += ["; " if pieces else "", f"{spaced(names_of(term)[0])} "]
            for place, (arm, row) in enumerate(told):
                text = f"{row['n_events']} of {row['n_patients']} ({format_fixed(100 * row['estimate'], 0)}%)"
                pieces += [" and " if place else "", Told(text, row["row_id"], "n_events n_patients estimate")]
                pieces.append(f" with {in_sentence(labels.arm(arm))}" if arm else "")
        if pieces:
            found.append([f"{place_words(mine.iloc[0].to_dict(), labels, rows)}: ", *pieces, "."])
    if found and rows["quantity"].eq("effect_given").any():
        found.append([labels.of_groups(WARNING)])
    return found


def rule_sentences(released: dict[str, pd.DataFrame], labels: Labels) -> list[Pieces]:
    """Say of each treatment rule whether it is recommended, and its gain over the better of all and none.

    Returns
    -------
    Sentences as pieces of text; a `Told` where a piece prints a result.
    """
    rows = shown_rules(released, labels, ("table", "policy_value"))
    found: list[Pieces] = []
    for row in rows[rows["variant"] == "over_better"].to_dict("records"):
        pieces: Pieces = [f"{place_words(row, labels, rows)}, a rule for whom to treat: {verdict(row)}"]
        if pd.notna(row["estimate"]):
            text = f"{format_fixed(row['estimate'], 2)} {row['unit']}, from {format_fixed(row['low'], 2)}"
            pieces += [" (gain over the better of all and none ", Told(text, row["row_id"], "estimate low"), ")"]
        found.append([*pieces, "."])
    return found
