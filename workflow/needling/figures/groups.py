"""Subgroups: intervals of each and of all together on one scale, a plot for each cohort and outcome, with the numbers beside it."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from needling.figures.intervals import (
    COLUMNS,
    GROUP,
    better_side,
    difference_axis,
    limits,
    name_sides,
    number,
    place_of_none,
    tinted,
)
from needling.figures.style import FAINT, HAIR, INK, LEADING, STRONG, Profile, Sheet, lines_below, text_width, wrapped
from needling.labels.numbers import format_p, shared_decimals
from needling.labels.sentences import in_sentence, sentence
from needling.labels.words import Labels
from needling.tables.by_subgroup import QUANTITIES, SD_UNIT, subgroup
from needling.tables.for_whom import place_and_pair, place_words, shown
from needling.tables.withheld import withheld_note

STEP, HEAD, BELOW = 4.6, 11.0, 9.5  # mm: from line to line, above and below a plot
MORE, GAP = 3.4, 3.0  # mm: a line more of words below, between columns
ASKED = "Do subgroups differ?"
LINE_OF_ALL = 1.5  # mm more before all together


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the differences that are on the scale of all together, and the tests; nothing where no two subgroups are."""
    both = shown(released, labels, ("figure", "groups"), QUANTITIES)
    pooled = both[both["variant"].eq("pooled") & both["estimate"].notna()]
    keys = pd.MultiIndex.from_frame(both[GROUP])
    has = keys.isin(pd.MultiIndex.from_frame(pooled[GROUP]))
    standard = keys.isin(pd.MultiIndex.from_frame(both.loc[both["variant"] == "standardised", GROUP]))
    mine = both[has & ~(both["variant"].eq("own") & standard)]
    return mine[mine["quantity"].ne("effect_at") | mine["estimate"].notna()][COLUMNS].reset_index(drop=True)


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a plot for each cohort, outcome and pair of arms, below one another; those of an outcome in a unit have one scale."""
    groups = [rows for _, rows in source.groupby(GROUP, sort=False)]
    effects = source[source["quantity"] == "effect_at"]
    rows, digits = effects.to_dict("records"), shared_decimals(source)
    told = [_name(row, labels, profile) for row in rows]
    left = GAP + max(text_width(name, profile.type) for name in told)
    step = max(STEP, 1.2 + LEADING * profile.type * max(1 + name.count("\n") for name in told))
    numbers = max(text_width(number(row, digits), profile.type) for row in rows)
    right = profile.width - GAP - max(numbers, text_width(ASKED, profile.small))
    heights = [step * int((one["quantity"] == "effect_at").sum()) + LINE_OF_ALL for one in groups]
    below = [BELOW + MORE * _axis(one, labels, right - left, profile).count("\n") for one in groups]
    over = [lines_below(_title(one, source, labels, profile), profile.head) for one in groups]
    sheet = Sheet(profile.width, HEAD * len(groups) + sum(heights) + sum(below) + sum(over))
    y = 0.0
    for one, height, under, more in zip(groups, heights, below, over, strict=True):
        y += more
        _group(sheet, one, source, labels, profile, (left, right, y, height, step))
        y += HEAD + height + under
    return sheet.figure


def _axis(rows: pd.DataFrame, labels: Labels, width: float, profile: Profile) -> str:
    """What the axis of a plot is in, in as many lines as it takes."""
    unit = rows.loc[rows["quantity"] == "effect_at", "unit"].iloc[0]
    return wrapped(f"{sentence(labels.noun)}, {'SDs' if unit == SD_UNIT else unit}".rstrip(", "), width, profile.small)


def _title(rows: pd.DataFrame, source: pd.DataFrame, labels: Labels, profile: Profile) -> str:
    """What a plot is about, in the lines that it takes."""
    return wrapped(place_and_pair(rows.iloc[0].to_dict(), labels, source), profile.width, profile.head, 600)


def _name(row: dict[Any, Any], labels: Labels, profile: Profile) -> str:
    """The subgroup and how many patients it is of, in the lines that it takes."""
    return wrapped(f"{subgroup(row, labels)} ({row['n_patients']})", 0.33 * profile.width, profile.type)


def _group(
    sheet: Sheet,
    rows: pd.DataFrame,
    source: pd.DataFrame,
    labels: Labels,
    profile: Profile,
    place: tuple[float, float, float, float, float],
) -> None:
    """Write the head of a plot, its names and numbers, and draw its intervals."""
    left, right, y, height, step = place
    digits = shared_decimals(source)
    sheet.write(0, y + 4.4, _title(rows, source, labels, profile), fontweight=600, fontsize=profile.head)
    for p in rows["p"].dropna():
        under = y + HEAD + height + 1.2 + 2 * LEADING * profile.small
        sheet.write(profile.width, under, f"{ASKED}\n{format_p(p)}", ha="right", color=FAINT, fontsize=profile.small)
    effects = rows[rows["quantity"] == "effect_at"].reset_index(drop=True)
    at = [step * (i + 0.5) + LINE_OF_ALL * (one == "pooled") for i, one in enumerate(effects["variant"])]
    down = 0.36 * profile.type / 2.2
    for row, where in zip(effects.to_dict("records"), at, strict=True):
        weight = 500 if row["variant"] == "pooled" else 400
        name = _name(row, labels, profile)
        further = LEADING / 2 * profile.type * name.count("\n")
        sheet.write(0, y + HEAD + where + down + further, name, fontweight=weight)
        sheet.write(profile.width, y + HEAD + where + down, number(row, digits), ha="right", fontweight=weight)
    shown_first = effects.iloc[0].to_dict()
    ends = limits(source[source["quantity"] == "effect_at"], shown_first)
    ax = difference_axis(sheet.panel(left, y + HEAD, right - left, height, ylim=(height, 0)), ends, 5)
    better_side(ax, shown_first, ends)
    _intervals(ax, effects, at, step)
    ax.set_xlabel(_axis(rows, labels, right - left, profile), color=FAINT)
    sides = (0.0, place_of_none(left, right, ends), profile.width)
    name_sides(sheet, shown_first, labels, profile, sides, y + HEAD - 2.1)


def _intervals(ax: Axes, rows: pd.DataFrame, at: list[float], step: float) -> None:
    """Squares for subgroups, a diamond for all together below a line."""
    for row, y in zip(rows.to_dict("records"), at, strict=True):
        is_all = row["variant"] == "pooled"
        if is_all:
            ax.axhline(y - step / 2 - LINE_OF_ALL / 2, color=HAIR, linewidth=0.7, zorder=0)
        ax.plot([row["low"], row["high"]], [y, y], color=INK, linewidth=STRONG, zorder=2)
        ax.plot(
            row["estimate"], y, marker="D" if is_all else "s", markersize=4.4 if is_all else 3.6, color=INK, zorder=3
        )


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    level = f"{100 * float(source['level'].iloc[0]):g}%"
    caption = (
        f"Subgroups: {labels.noun}s in each and in all together with {level} confidence intervals (patients in brackets), and the "
        "test that it is the same in all. One that differs from 0 and another that does not do not show that they differ."
    )
    if source["variant"].eq("standardised").any():
        caption += (
            " In standard deviations at baseline, higher better, where subgroups are measured by different instruments; each one's "
            "own unit is in the table."
        )
    side = tinted(source[source["quantity"] == "effect_at"], labels)
    digits = shared_decimals(source)
    told = [
        f"{place_words(row, labels, source)}, {in_sentence(subgroup(row, labels))}: {number(row, digits)} {row['unit']}".rstrip()
        for row in source[source["quantity"] == "effect_at"].to_dict("records")
    ]
    return " ".join([caption, *side, *withheld_note(source)]), f"Intervals of subgroups. {'; '.join(told)}."
