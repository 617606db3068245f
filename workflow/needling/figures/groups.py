"""Subgroups: intervals of each and of all together on one scale, a plot for each cohort and outcome, with the numbers beside it."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from needling.figures.style import BAND, FAINT, HAIR, INK, STRONG, Profile, Sheet, looks, text_width, wrapped
from needling.labels.numbers import decimals, format_estimate, format_fixed, format_interval, format_p
from needling.labels.sentences import in_sentence, sentence
from needling.labels.words import Labels
from needling.tables.by_subgroup import QUANTITIES, SD_UNIT, subgroup
from needling.tables.for_whom import PLACE, place_words, shown
from needling.tables.withheld import withheld_note

COLUMNS = [
    *PLACE,
    "row_id",
    "instrument",
    "quantity",
    "variant",
    "arm",
    "reference",
    "at",
    "term",
    "estimate",
    "low",
    "high",
]
COLUMNS += ["level", "p", "unit", "better", "n_patients", "status", "hidden"]
GROUP = [*PLACE, "arm", "reference"]
STEP, HEAD, BELOW, MORE, GAP = (
    4.6,
    11.0,
    9.5,
    3.4,
    3.0,
)  # mm: line to line, above and below a plot, a line more, columns
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
    """Draw a plot for each cohort, outcome and pair of arms, one below the other; those in one unit have one scale."""
    groups = [rows for _, rows in source.groupby(GROUP, sort=False)]
    effects = source[source["quantity"] == "effect_at"]
    rows = effects.to_dict("records")
    left = GAP + max(text_width(_name(row, labels), profile.type) for row in rows)
    right = profile.width - GAP - max(text_width(_number(row), profile.type) for row in rows)
    heights = [STEP * int((one["quantity"] == "effect_at").sum()) + LINE_OF_ALL for one in groups]
    below = [BELOW + MORE * _axis(one, labels, right - left, profile).count("\n") for one in groups]
    sheet = Sheet(profile.width, sum(HEAD + height + under for height, under in zip(heights, below, strict=True)))
    y = 0.0
    for one, height, under in zip(groups, heights, below, strict=True):
        _group(sheet, one, source, labels, profile, (left, right, y, height))
        y += HEAD + height + under
    return sheet.figure


def _axis(rows: pd.DataFrame, labels: Labels, width: float, profile: Profile) -> str:
    """What the axis of a plot is in, in as many lines as it takes."""
    unit = rows.loc[rows["quantity"] == "effect_at", "unit"].iloc[0]
    return wrapped(f"{sentence(labels.noun)}, {'SDs' if unit == SD_UNIT else unit}".rstrip(", "), width, profile.small)


def _name(row: dict[Any, Any], labels: Labels) -> str:
    """The subgroup and how many patients it is of."""
    return f"{subgroup(row, labels)} ({row['n_patients']})"


def _number(row: dict[Any, Any]) -> str:
    digits = decimals(row["low"], row["high"])
    low, high = (format_fixed(row[name], digits) for name in ("low", "high"))
    return f"{format_estimate(row['estimate'], row['low'], row['high'])} ({low} to {high})"


def _group(
    sheet: Sheet,
    rows: pd.DataFrame,
    source: pd.DataFrame,
    labels: Labels,
    profile: Profile,
    place: tuple[float, float, float, float],
) -> None:
    """Write the head of a plot, its names and numbers, and draw its intervals."""
    left, right, y, height = place
    first: dict[Any, Any] = rows.iloc[0].to_dict()
    name = place_words(first, labels, source)
    if len(labels.plan.arms) > 2:
        name += f": {in_sentence(labels.compared(first))}"
    told = [f"do subgroups differ: {format_p(one['p'])}" for one in rows[rows["p"].notna()].to_dict("records")]
    sheet.write(0, y + 4.4, wrapped(name, profile.width, profile.head, 600), fontweight=600, fontsize=profile.head)
    sheet.write(profile.width, y + HEAD - 2.1, "; ".join(told), ha="right", color=FAINT, fontsize=profile.small)
    effects = rows[rows["quantity"] == "effect_at"].reset_index(drop=True)
    at = [STEP * (i + 0.5) + LINE_OF_ALL * (one == "pooled") for i, one in enumerate(effects["variant"])]
    down = 0.36 * profile.type / 2.2
    for row, where in zip(effects.to_dict("records"), at, strict=True):
        weight = 500 if row["variant"] == "pooled" else 400
        sheet.write(0, y + HEAD + where + down, _name(row, labels), fontweight=weight)
        sheet.write(profile.width, y + HEAD + where + down, _number(row), ha="right", fontweight=weight)
    same = source[(source["quantity"] == "effect_at") & (source["unit"] == effects["unit"].iloc[0])]
    low, high = min(0.0, float(same["low"].min())), max(0.0, float(same["high"].max()))
    limits = (low - 0.06 * (high - low), high + 0.06 * (high - low))
    ax = sheet.panel(left, y + HEAD, right - left, height)
    _intervals(ax, effects, at, limits, height)
    ax.set_xlabel(_axis(rows, labels, right - left, profile), color=FAINT)
    _sides(sheet, effects.iloc[0].to_dict(), labels, profile, (left, right, y + HEAD - 2.1), limits)


def better_on_left(row: dict[Any, Any]) -> bool:
    """Whether the first-named arm is better where the estimate is negative."""
    return row["better"] == "lower"


def _intervals(ax: Axes, rows: pd.DataFrame, at: list[float], limits: tuple[float, float], height: float) -> None:
    """Squares for subgroups, a diamond for all together below a line."""
    for row, y in zip(rows.to_dict("records"), at, strict=True):
        is_all = row["variant"] == "pooled"
        if is_all:
            ax.axhline(y - STEP / 2 - LINE_OF_ALL / 2, color=HAIR, linewidth=0.7, zorder=0)
        ax.plot([row["low"], row["high"]], [y, y], color=INK, linewidth=STRONG, zorder=2)
        ax.plot(
            row["estimate"], y, marker="D" if is_all else "s", markersize=4.4 if is_all else 3.6, color=INK, zorder=3
        )
    ax.axvspan(
        *((limits[0], 0) if better_on_left(rows.iloc[0].to_dict()) else (0, limits[1])),
        color=BAND,
        linewidth=0,
        zorder=0,
    )
    ax.axvline(0, color=INK, linewidth=0.7, zorder=1)
    ax.set(xlim=limits, ylim=(height, 0), yticks=[])
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}".replace("-", "−")))
    ax.spines["left"].set_visible(False)


def _sides(
    sheet: Sheet,
    row: dict[Any, Any],
    labels: Labels,
    profile: Profile,
    place: tuple[float, float, float],
    limits: tuple[float, float],
) -> None:
    """Name, in the colour of its arm, who is better on which side of no difference."""
    start, end, y = place
    zero = start - limits[0] / (limits[1] - limits[0]) * (end - start)
    pair = (row["arm"], row["reference"]) if better_on_left(row) else (row["reference"], row["arm"])
    look = looks(labels.plan.arms)
    for arm, x, side, room in ((pair[0], zero - 1, "right", zero - start), (pair[1], zero + 1, "left", end - zero)):
        words_ = f"{in_sentence(labels.arm(arm))} better"
        if text_width(words_, profile.small) <= room:
            sheet.write(x, y, words_, ha=side, color=look[arm].colour, fontsize=profile.small)


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
    told = [
        f"{place_words(row, labels, source)}, {in_sentence(subgroup(row, labels))}: "
        f"{format_estimate(row['estimate'], row['low'], row['high'])} {row['unit']} ({format_interval(row['low'], row['high'])})"
        for row in source[source["quantity"] == "effect_at"].to_dict("records")
    ]
    return " ".join([caption, *withheld_note(source)]), f"Intervals of subgroups. {'; '.join(told)}."
