"""Who was in the study: characteristics at baseline by arm within cohort."""

from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, format_fixed, rounded
from needling.labels.sentences import in_sentence, sentence, span
from needling.labels.words import Labels
from needling.tables.printed import Printed, Row, headed
from needling.tables.withheld import HIDDEN, withheld_note

MOST_LEVELS = 8


def baseline(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print means and SDs, medians and quartiles where skewed, and counts, with standardised differences and no tests.

    Returns
    -------
    Exact: the released baseline table. Printed: one row per characteristic or level, one column per arm.
    """
    exact, plan = released["baseline"], labels.plan
    if exact.empty:
        return None
    arms = plan.arms or [""]
    flow = released["flow"]
    allocated = flow[flow["stage"] == "allocated"].set_index(["cohort", "arm"])["n"]
    pairs: list[tuple[str, Row]] = []
    everybody: list[str] = []
    for (cohort, *_), rows in exact.fillna({"site": ""}).groupby(["cohort", "variable", "site"], sort=False):
        heading = labels.cohort(str(cohort)) if len(plan.cohorts) > 1 else ""
        if not any(heading == done for done, _ in pairs):
            everybody = [str(allocated.get((cohort, arm), "0")) for arm in arms]
            pairs.append((heading, ["Patients", *(f"n = {n}" for n in everybody), *([""] if len(arms) > 1 else [])]))
        pairs += [(heading, row) for row in _variable(rows, arms, everybody, labels)]
    differs = ["Standardised difference"] if len(arms) > 1 else []
    notes = [f"{sentence('; '.join(_kinds_of_numbers(exact)))}."]
    if len(arms) > 1:
        first = in_sentence(labels.arm(arms[0]))
        groups = f"{in_sentence(labels.group)}s"
        notes.append(
            f"Differences from {first} in units of the standard deviation; {groups} are not tested at baseline."
        )
    share = 0.46 / len(arms) if len(arms) > 1 else 0.4
    by = (
        f", by {in_sentence(labels.group)}{'' if len(plan.cohorts) == 1 else ' within cohort'}" if len(arms) > 1 else ""
    )
    return Printed(
        f"Characteristics at baseline{by}.",
        exact,
        ["Characteristic", *(labels.arm(arm) for arm in arms), *differs],
        headed(pairs),
        notes + withheld_note(exact),
        [1 - share * len(arms) - 0.17 * len(differs), *[share] * len(arms), *[0.17] * len(differs)],
    )


def characteristic(row: Any, labels: Labels, level: str = "") -> str:
    """Name a characteristic, e.g. 'Sex: female' or 'Pain intensity at baseline'; `row` has its variable, visit and site."""
    if row["visit"]:
        return f"{labels.outcome(row['variable'], row['site'])} at baseline"
    name = labels.covariate(row["variable"])
    return f"{name}: {labels.level(row['variable'], level)}" if level else name


def shown_levels(levels: list[str]) -> list[str]:
    """The levels of a category that are shown: one of two, since the other says the same; none of very many."""
    if len(levels) <= 2:
        return ["yes"] if "yes" in levels else levels[:1]
    return levels if len(levels) <= MOST_LEVELS else []


def _variable(rows: pd.DataFrame, arms: list[str], everybody: list[str], labels: Labels) -> list[Row]:
    first = rows.iloc[0]
    name = characteristic(first, labels)
    label = f"{name}, {span(first['unit'])}" if first["unit"] else name
    known = _known(rows, arms, everybody)
    difference = len(arms) > 1
    if first["level"] == "":
        by_arm = rows.set_index("arm")
        digits, skewed = _digits(rows["sd"]), _skewed(rows)
        cells = [_number(by_arm.loc[arm], digits, skewed) if arm in by_arm.index else MISSING for arm in arms]
        return [[f"{label}{known}", *cells, *([_differences(rows)] if difference else [])]]
    levels = list(dict.fromkeys(rows["level"]))
    blanks = [""] * (len(arms) + difference)
    if not shown_levels(levels):
        return [[f"{label}: {len(levels)} different{known}", *blanks]]
    few = len(levels) <= 2
    lines = [] if few else [[f"{label}{known}", *blanks]]
    for level in shown_levels(levels):
        mine = rows[rows["level"] == level].set_index("arm")
        cells = [_share(mine.loc[arm]) if arm in mine.index else MISSING for arm in arms]
        named = labels.level(first["variable"], level)
        words = f"{label}: {named}{known}" if few else f"   {named}"
        lines.append([words, *cells, *([_differences(mine)] if difference else [])])
    return lines


def _known(rows: pd.DataFrame, arms: list[str], everybody: list[str]) -> str:
    """Say how many of each arm have a value, where somebody has none."""
    shown = rows.drop_duplicates("arm").set_index("arm")["n"]
    counts = [str(shown.get(arm, "0")) for arm in arms]
    told = f"(n = {', '.join(counts)})".replace(" ", "\u00a0")  # in one piece, where the label is broken
    return "" if counts == everybody else f" {told}"


def _digits(sds: pd.Series) -> int:
    largest = sds.max()
    return 0 if largest >= 100 else 1 if largest >= 1 or pd.isna(largest) else 2


def _kinds_of_numbers(exact: pd.DataFrame) -> list[str]:
    """What the cells hold, as far as there are such."""
    numbers = exact[exact["level"] == ""]
    skewed = [
        _skewed(rows) for _, rows in numbers.groupby(["cohort", "variable", numbers["site"].fillna("")], sort=False)
    ]
    told = [
        (not all(skewed), "mean (SD)"),
        (
            any(skewed),
            f"median (first to third quartile){' where the distribution is skewed' if not all(skewed) else ''}",
        ),
        (len(numbers) < len(exact), "number (percent)"),
    ]
    return [words for there, words in told if there]


def _skewed(rows: pd.DataFrame) -> bool:
    """Tell whether in some arm the mean lies over a quarter of an SD from the median."""
    return bool(((rows["mean"] - rows["median"]).abs() > 0.25 * rows["sd"]).any())


def _number(row: Any, digits: int, skewed: bool) -> str:
    numbers = row[["median", "q25", "q75"] if skewed else ["mean", "sd"]].dropna()
    if numbers.empty:
        return HIDDEN if row["hidden"] else MISSING
    first, *others = (format_fixed(number, digits) for number in numbers)
    return f"{first} ({' to '.join(others) or (HIDDEN if row['hidden'] else MISSING)})"


def _share(row: Any) -> str:
    return HIDDEN if pd.isna(row["count"]) else f"{rounded(row['count'], 0)} ({rounded(row['percent'], 0)}%)"


def _differences(rows: pd.DataFrame) -> str:
    return ", ".join(format_fixed(value, 2) for value in rows["standardised_difference"].iloc[1:])


TABLES = {"baseline": baseline}
