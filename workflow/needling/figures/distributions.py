"""What was observed: the spread of each outcome by visit and arm, from quantiles and never from single people."""

from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from needling.figures.panels import (
    PLACE,
    for_each_arm,
    named,
    numbers_below,
    of_the_primary,
    panel_grid,
    shown_visits,
    visit_axis,
)
from needling.figures.style import INK, Look, Profile, arm_key, light_grid, looks
from needling.labels.numbers import format_fixed
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.withheld import NOT_DRAWN, withheld_note


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the observed distributions of the outcomes of the primary analysis; the table of what was observed has all."""
    return of_the_primary(released["distribution"], released, labels)


def panel(ax: Axes, rows: pd.DataFrame, positions: dict[str, float], look: dict[str, Look]) -> Axes:
    """Draw a box per visit and arm: quartiles, median, 10th to 90th percentile, and a diamond at the mean."""
    width = 0.62 / len(look)
    for number, (arm, mine) in enumerate(look.items()):
        face = to_rgba(mine.colour, 0.28) if mine.face == mine.colour else "white"
        for row in rows[rows["arm"] == arm].to_dict("records"):
            x = positions[row["visit"]] + (number - (len(look) - 1) / 2) * (width + 0.06)
            ax.vlines(x, row["q10"], row["q90"], color=mine.colour, linewidth=1)
            if pd.notna(row["q25"]):
                box = Rectangle(
                    (x - width / 2, row["q25"]), width, row["q75"] - row["q25"], facecolor=face, edgecolor=mine.colour
                )
                ax.add_patch(box).set_zorder(2)
            ax.hlines(row["median"], x - width / 2, x + width / 2, color=mine.colour, linewidth=2, zorder=3)
            if pd.isna(row["q25"]):  # without a box that tells the arm
                ax.plot(x, row["mean"], **{**mine.kwargs, "linestyle": "none"}, zorder=4)  # type: ignore[arg-type]
            else:
                ax.plot(x, row["mean"], marker="D", color=INK, markersize=2.6, zorder=4)
    return light_grid(ax)


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw all cohorts and outcomes over the whole range of each scale."""
    look = looks(labels.plan.arms)
    figure, panels = panel_grid(source, labels, profile, 62)
    for ax, place, rows in panels:
        positions = {visit: float(i) for i, visit in enumerate(shown_visits(rows, labels))}
        panel(ax, rows, positions, look)
        visit_axis(ax, labels, positions, profile.small)
        ax.set_xlim(-0.6, len(positions) - 0.4)
        one = labels.measure(*place)
        if _fills(rows, one.low, one.high):
            ax.set_ylim(one.low - 0.03 * (one.high - one.low), one.high + 0.03 * (one.high - one.low))
        numbers_below(ax, rows, positions, look, "n", profile.small)
    if labels.plan.arms:
        has_boxes = bool(source["q25"].notna().any())
        arm_key(
            figure, [_sample(one, has_boxes) for one in look.values()], [labels.arm(arm) for arm in look], profile, 2
        )
    return figure


def _sample(look: Look, is_box: bool) -> Artist:
    """What the key shows of an arm: a box, or where none can be drawn the mark of its means."""
    if is_box:
        face = to_rgba(look.colour, 0.28) if look.face == look.colour else "white"
        return Patch(edgecolor=look.colour, facecolor=face)
    return Line2D([], [], **{**look.kwargs, "linestyle": "none"})  # type: ignore[arg-type]


def _fills(rows: pd.DataFrame, low: float, high: float) -> bool:
    """Tell whether the values take up enough of the scale to show all of it."""
    seen = rows[["q10", "q25", "median", "q75", "q90"]]
    return bool(seen.max().max() - seen.min().min() > 0.3 * (high - low))


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    box = "box from the first to the third quartile with the median, line from the 10th to the 90th percentile, diamond at the mean"
    boxes = source["q25"].notna()
    few = "; of few patients the mean alone, as the mark before n" if labels.plan.arms else "; of few the mean alone"
    what = box if boxes.all() else f"{box}{few}" if boxes.any() else "means"
    alone = ~boxes & source["median"].notna()
    what += f"; {'a bar' if alone.sum() == 1 else 'bars'} without a box: the median" if alone.any() else ""
    ends = ~boxes & source["q10"].notna() & source["q90"].notna()
    what += "; lines without a box: from the 10th to the 90th percentile" if ends.any() and not boxes.any() else ""
    caption = f"Observed values of {named(source, labels)}: {what}. n: patients measured."
    if withheld_note(source):
        caption += f" {NOT_DRAWN}"
    drawn = "Box plots" if boxes.any() else "Means"
    how = "Medians with quartiles in brackets. " if boxes.any() else ""
    seen = f"{how}{'; '.join(_seen(source, labels)) or 'No value can be shown'}."
    return caption, f"{drawn} of {named(source, labels)} by visit{for_each_arm(labels)}. {seen}"


def _seen(source: pd.DataFrame, labels: Labels) -> list[str]:
    """Median and quartiles, or the mean of few, of each arm at the first and the last visit that is drawn."""
    told = []
    for place, rows in source[source["mean"].notna()].groupby(PLACE, sort=False):
        cohort, outcome, site = (str(key) for key in place)
        visits = shown_visits(rows, labels)
        arms = []
        for arm, mine in rows.groupby("arm", sort=False):
            by_visit = {row["visit"]: row for row in mine.to_dict("records")}
            ends = [visit for visit in dict.fromkeys((visits[0], visits[-1])) if visit in by_visit]
            at = [f"{_middle(by_visit[visit])} at {in_sentence(labels.visit(visit))}" for visit in ends]
            arms.append(f"{in_sentence(labels.arm(str(arm)))} " * bool(arm) + " and ".join(at))
        told.append(f"{labels.outcome(outcome, site)}, {in_sentence(labels.cohort(cohort))}: {', '.join(arms)}")
    return told


def _middle(row: dict[Any, Any]) -> str:
    if pd.isna(row["q25"]):
        return f"mean {format_fixed(row['mean'], 1)}"
    median, low, high = (format_fixed(row[name], 1) for name in ("median", "q25", "q75"))
    return f"{median} ({low} to {high})"
