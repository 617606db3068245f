"""Who was in the study: characteristics at baseline by arm within cohort."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from needling.privacy.disclosure import HIDDEN, footnote, hides
from needling.privacy.release import release_baseline
from needling.tables.format import MISSING, format_fixed
from needling.tables.printed import Printed, Row, headed
from needling.tables.words import span

if TYPE_CHECKING:
    from needling.study import Study

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
    allocated = inputs["flow"].fillna("").query("stage == 'allocated'").set_index(["cohort", "arm"])["n"]
    pairs: list[tuple[str, Row]] = []
    for (cohort, _), rows in exact.groupby(["cohort", "variable"], sort=False):
        heading = plan.cohorts[str(cohort)].label if len(plan.cohorts) > 1 else ""
        if not any(heading == done for done, _ in pairs):
            counts = [f"n = {allocated.get((cohort, arm), 0)}" for arm in arms]
            pairs.append((heading, ["Patients", *counts, *([""] if len(arms) > 1 else [])]))
        pairs += [(heading, row) for row in _variable(rows, arms)]
    differs = ["Standardised difference"] if len(arms) > 1 else []
    notes = ["Mean (SD); median (first to third quartile) where the distribution is skewed; number (percent)."]
    if len(arms) > 1:
        notes.append(
            "Differences from the first arm in units of the standard deviation; arms are not tested at baseline."
        )
    if hides(pd.Series([cell for _, row in pairs for cell in row])):
        notes.append(footnote(plan.disclosure.min_cell))
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


def _variable(rows: pd.DataFrame, arms: list[str]) -> list[Row]:
    first = rows.iloc[0]
    label = f"{first['label']}, {span(first['unit'])}" if first["unit"] else str(first["label"])
    difference = len(arms) > 1
    if first["level"] == "":
        by_arm = rows.set_index("arm")
        digits = _digits(rows["sd"])
        skewed = _skewed(rows)
        cells = [_number(by_arm.loc[arm], digits, skewed) if arm in by_arm.index else MISSING for arm in arms]
        return [[label, *cells, *([_differences(rows)] if difference else [])]]
    levels = list(dict.fromkeys(rows["level"]))
    blanks = [""] * (len(arms) + difference)
    if len(levels) > MOST_LEVELS:
        return [[f"{label}: {len(levels)} different", *blanks]]
    few = len(levels) <= 2
    lines = [] if few else [[label, *blanks]]
    for level in ["yes"] if few and "yes" in levels else levels[:1] if few else levels:
        mine = rows[rows["level"] == level].set_index("arm")
        cells = [_share(mine.loc[arm]) if arm in mine.index else MISSING for arm in arms]
        words = f"{label}: {level.replace('_', ' ')}" if few else f"   {level.replace('_', ' ')}"
        lines.append([words, *cells, *([_differences(mine)] if difference else [])])
    return lines


def _digits(sds: pd.Series) -> int:
    largest = sds.max()
    return 0 if largest >= 100 else 1 if largest >= 1 or pd.isna(largest) else 2


def _skewed(rows: pd.DataFrame) -> bool:
    """Tell whether mean and median lie so far apart that the mean describes few people (over a quarter of an SD)."""
    return bool(((rows["mean"] - rows["median"]).abs() > 0.25 * rows["sd"]).any())


def _number(row: Any, digits: int, skewed: bool) -> str:
    if pd.isna(row["mean"]):
        return HIDDEN
    if skewed:
        middle = format_fixed(row["median"], digits)
        if pd.isna(row["q25"]):
            return f"{middle}"
        return f"{middle} ({format_fixed(row['q25'], digits)} to {format_fixed(row['q75'], digits)})"
    return f"{format_fixed(row['mean'], digits)} ({format_fixed(row['sd'], digits)})"


def _share(row: Any) -> str:
    return HIDDEN if pd.isna(row["count"]) else f"{row['count']:.0f} ({row['percent']:.0f}%)"


def _differences(rows: pd.DataFrame) -> str:
    return ", ".join(format_fixed(value, 2) for value in rows["standardised_difference"].iloc[1:])
