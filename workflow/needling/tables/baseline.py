"""Who was in the study: characteristics at baseline by arm within cohort."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from needling.privacy.disclosure import HIDDEN, ROUNDED, footnote, hides
from needling.privacy.release import release_baseline, release_flow
from needling.tables.format import MISSING, format_fixed, rounded_digits
from needling.tables.printed import Printed, Row, headed
from needling.tables.words import span

if TYPE_CHECKING:
    from needling.study.plan import Study

MOST_LEVELS = 8


def baseline(inputs: dict[str, pd.DataFrame], plan: "Study") -> Printed | None:
    """Print means and SDs, medians and quartiles where skewed, and counts, with standardised differences and no tests.

    Returns
    -------
    Exact: the publishable BASELINE table. Printed: one row per characteristic or level, one column per arm.
    """
    exact = release_baseline(inputs["baseline"], inputs["flow"], plan.disclosure.min_cell)
    if exact.empty:
        return None
    arms = plan.arms or [""]
    flow = release_flow(inputs["flow"], plan.disclosure.min_cell)
    allocated = flow[flow["stage"] == "allocated"].set_index(["cohort", "arm"])["n_shown"]
    pairs: list[tuple[str, Row]] = []
    everybody: list[str] = []
    skewed = _skewed(inputs["baseline"], plan.disclosure.min_cell)
    for (cohort, variable), rows in exact.groupby(["cohort", "variable"], sort=False):
        heading = plan.cohorts[str(cohort)].label if len(plan.cohorts) > 1 else ""
        if not any(heading == done for done, _ in pairs):
            everybody = [str(allocated.get((cohort, arm), "0")) for arm in arms]
            counts = [f"n = {n}".replace("= ≥", "≥ ") for n in everybody]
            pairs.append((heading, ["Patients", *counts, *([""] if len(arms) > 1 else [])]))
        pairs += [(heading, row) for row in _variable(rows, arms, everybody, (cohort, variable) in skewed)]
    differs = ["Standardised difference"] if len(arms) > 1 else []
    notes = ["Mean (SD); median (first to third quartile) where the distribution is skewed; number (percent)."]
    if len(arms) > 1:
        notes.append(
            "Differences from the first arm in units of the standard deviation; arms are not tested at baseline."
        )
    if hides(pd.Series([cell for _, row in pairs for cell in row])):
        notes.append(footnote(plan.disclosure.min_cell))
    if hides(exact["n_shown"]):
        notes.append(ROUNDED)
    share = 0.46 / len(arms) if len(arms) > 1 else 0.4
    return Printed(
        "Characteristics at baseline"
        + ("" if len(arms) == 1 else ", by arm" if len(plan.cohorts) == 1 else ", by arm within cohort")
        + ".",
        exact,
        ["Characteristic", *(plan.arm_label(arm) if arm else "All patients" for arm in arms), *differs],
        headed(pairs),
        notes,
        [1 - share * len(arms) - 0.17 * len(differs), *[share] * len(arms), *[0.17] * len(differs)],
    )


def _variable(rows: pd.DataFrame, arms: list[str], everybody: list[str], skewed: bool) -> list[Row]:
    first = rows.iloc[0]
    label = f"{first['label']}, {span(first['unit'])}" if first["unit"] else str(first["label"])
    known = _known(rows, arms, everybody)
    difference = len(arms) > 1
    if first["level"] == "":
        by_arm = rows.set_index("arm")
        digits = _digits(rows["sd"])
        cells = [_number(by_arm.loc[arm], digits, skewed) if arm in by_arm.index else MISSING for arm in arms]
        return [[f"{label}{known}", *cells, *([_differences(rows)] if difference else [])]]
    levels = list(dict.fromkeys(rows["level"]))
    blanks = [""] * (len(arms) + difference)
    if len(levels) > MOST_LEVELS:
        return [[f"{label}: {len(levels)} different{known}", *blanks]]
    few = len(levels) <= 2
    lines = [] if few else [[f"{label}{known}", *blanks]]
    for level in ["yes"] if few and "yes" in levels else levels[:1] if few else levels:
        mine = rows[rows["level"] == level].set_index("arm")
        cells = [_share(mine.loc[arm]) if arm in mine.index else MISSING for arm in arms]
        words = f"{label}: {level.replace('_', ' ')}{known}" if few else f"   {level.replace('_', ' ')}"
        lines.append([words, *cells, *([_differences(mine)] if difference else [])])
    return lines


def _known(rows: pd.DataFrame, arms: list[str], everybody: list[str]) -> str:
    """Say how many of each arm have a value, where somebody has none."""
    shown = rows.drop_duplicates("arm").set_index("arm")["n_shown"]
    counts = [str(shown.get(arm, "0")) for arm in arms]
    if counts == everybody:
        return ""
    return f" (n = {', '.join(counts)})".replace("n = ≥", "n ≥ ")


def _digits(sds: pd.Series) -> int:
    largest = sds.max()
    return 0 if largest >= 100 else 1 if largest >= 1 or pd.isna(largest) else 2


def _skewed(table: pd.DataFrame, minimum: int) -> "set[tuple[Any, Any]]":
    """Find what has a mean that describes few people of some arm: over a quarter of an SD from the median, unrounded."""
    apart = (table["mean"] - table["median"]).abs() > 0.25 * table["sd"]
    mine = table[apart & (table["n"] >= minimum)]
    return set(zip(mine["cohort"], mine["variable"], strict=True))


def _number(row: Any, digits: int, skewed: bool) -> str:
    numbers = row[["median", "q25", "q75"] if skewed else ["mean", "sd"]].dropna()
    if numbers.empty:
        return HIDDEN
    if pd.isna(row["n"]):
        digits = rounded_digits(numbers, digits)
    first, *others = (format_fixed(number, digits) for number in numbers)
    return f"{first} ({' to '.join(others)})" if others else first


def _share(row: Any) -> str:
    """Print a count with its percentage, alone where that would tell a hidden number of values."""
    if pd.isna(row["count"]):
        return HIDDEN
    return f"{row['count']:.0f}" if pd.isna(row["percent"]) else f"{row['count']:.0f} ({row['percent']:.0f}%)"


def _differences(rows: pd.DataFrame) -> str:
    return ", ".join(format_fixed(value, 2) for value in rows["standardised_difference"].iloc[1:])
