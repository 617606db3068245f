"""The tipping map: what the primary comparison becomes when points are added to what was imputed in one arm, the other, or both."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from needling.figures.style import (
    COLOURS,
    FAINT,
    INK,
    LEADING,
    PAPER,
    Profile,
    arm_key,
    lines_below,
    new_figure,
    panel_head,
    taller,
    wrapped,
)
from needling.labels.numbers import format_fixed
from needling.labels.sentences import in_sentence, sentence
from needling.labels.words import Labels
from needling.tables.select import in_order
from needling.tables.withheld import withheld_note

PANEL = ["analysis", "cohort", "outcome", "arm", "reference"]
ACROSS = 3
LIGHT = 0.38  # of a region's colour: what lies below shows through, so that a dark page keeps its regions dark


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the surface of the first assumption, missing at random, at every pair of shifts."""
    table = released.get("tipping")
    if table is None:
        return pd.DataFrame()
    mine = table[table["method"] == "mar"]
    return in_order(mine, {"outcome": labels.outcomes, "cohort": list(labels.plan.cohorts)})


def panel(ax: Axes, rows: pd.DataFrame, colours: tuple[str, str]) -> Axes:
    """Draw regions in which the interval lies below 0 (first colour), holds 0 (white), or lies above it (second)."""
    grids = {name: rows.pivot(index="delta_arm", columns="delta_reference", values=name) for name in ("low", "high")}
    x, y = (grids["low"].columns.to_numpy(float), grids["low"].index.to_numpy(float))
    ends = max(float(np.max(abs(x))), float(np.max(abs(y))))
    for name, colour, sign in (("high", colours[0], -1.0), ("low", colours[1], 1.0)):
        beyond = sign * grids[name].to_numpy(float)
        if np.isfinite(beyond).all() and (beyond > 0).any():
            ax.contourf(x, y, beyond, levels=[0, np.inf], colors=[colour], alpha=LIGHT)
            if (beyond < 0).any():
                ax.contour(x, y, beyond, levels=[0], colors=[colour], linewidths=1.3)
    ax.axhline(0, color=FAINT, linewidth=0.6)
    ax.axvline(0, color=FAINT, linewidth=0.6)
    ax.plot(0, 0, marker="o", color=INK, markersize=4.5)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_locator(MaxNLocator(4, prune="lower"))
    ax.set(xlim=(-ends, ends), ylim=(-ends, ends), aspect="equal")
    return ax


def _regions(row: dict[Any, Any], labels: Labels) -> tuple[str, str]:
    """Colours of an interval below and above 0: the arm's own where that is better, else the reference's."""
    measure, turned = (
        labels.measure(row["cohort"], row["outcome"]).better,
        labels.plan.analyses[row["analysis"]].report_as,
    )
    below = measure == "lower" and turned != "improvement"
    return (COLOURS[1], COLOURS[0]) if below else (COLOURS[0], COLOURS[1])


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a panel for each cohort, outcome and pair of arms."""
    groups = [rows for _, rows in source.groupby(PANEL, sort=False)]
    several = len(source[["arm", "reference"]].drop_duplicates()) > 1
    across = profile.across(min(ACROSS, len(groups)), 58 if several else 42)
    lines = -(-len(groups) // across)
    width = profile.width_of(across)
    figure = new_figure(width, 6 + 1.1 * profile.type + (0.84 * width / across + 2.2 * profile.type) * lines)
    axes = figure.subplots(lines, across, squeeze=False)
    for ax, rows in zip(axes.flat, groups, strict=False):
        first = rows.iloc[0].to_dict()
        head = labels.outcome(first["outcome"])
        if several:
            head += f", {in_sentence(labels.arm(first['arm']))} against {in_sentence(labels.arm(first['reference']))}"
        cohort = labels.cohort(first["cohort"]) if len(labels.plan.cohorts) > 1 else ""
        panel_head(
            panel(ax, rows, _regions(first, labels)),
            head,
            ", ".join(one for one in (cohort, first["unit"]) if one),
            width / across - 26,
        )
        for name, label in (("reference", ax.set_xlabel), ("arm", ax.set_ylabel)):
            added = f"Added in {in_sentence(labels.arm(first[name]))}"
            label(wrapped(added, width / across - 22, profile.small), fontsize=profile.small)
    for row in axes:
        taller(figure, max(_further(ax, profile) for ax in row))
    for ax in list(axes.flat)[len(groups) :]:
        ax.set_axis_off()
    arm = "the first-named arm" if several else in_sentence(labels.arm(source["arm"].iloc[0]))
    reference = in_sentence(labels.arm(source["reference"].iloc[0])) if not several else "the second-named arm"
    handles = [
        Patch(facecolor=(COLOURS[1], LIGHT), edgecolor=COLOURS[1], label=f"Favours {arm}"),
        Patch(facecolor=PAPER, edgecolor=FAINT, label="Interval holds 0"),
        Patch(facecolor=(COLOURS[0], LIGHT), edgecolor=COLOURS[0], label=f"Favours {reference}"),
        Line2D([], [], marker="o", color=INK, linestyle="", label="As imputed"),
    ]
    arm_key(figure, handles, [str(one.get_label()) for one in handles], profile, 1.4)
    return figure


def _further(ax: Axes, profile: Profile) -> float:
    """Height in mm of the lines of a panel's head and label beyond the first, and of the label at its side."""
    small = sum(one.get_text().count("\n") for one in (*ax.texts, ax.xaxis.label, ax.yaxis.label))
    return lines_below(ax.get_title(loc="left"), profile.head) + LEADING * profile.small * small


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    at = in_sentence(labels.visit(source["visit"].iloc[0]))
    per_week = source["unit"].str.endswith("per week").any()
    number = "a number for each week since the last measured visit" if per_week else "a number"
    caption = (
        f"Tipping map at {at}: what the confidence interval says when {number} is added to every value imputed as missing at "
        "random in either arm (exact at each point; on the scale as measured)."
    )
    told = []
    several = len(source[["arm", "reference"]].drop_duplicates()) > 1
    for _, rows in source.groupby(PANEL, sort=False):
        first = rows.iloc[0].to_dict()
        place = f"{labels.outcome(first['outcome'])}, {in_sentence(labels.cohort(first['cohort']))}"
        place += f", {in_sentence(labels.compared(first))}" if several else ""
        same = _same_as_imputed(rows)
        told.append(f"{place}: {same}")
    return " ".join([caption, *withheld_note(source)]), sentence(f"maps of two shifts. {'; '.join(told)}.")


def _same_as_imputed(rows: pd.DataFrame) -> str:
    """Which share of the map keeps the conclusion of the middle."""
    if rows["low"].isna().any():
        return "not shown"
    says = (rows["low"] > 0).astype(int) - (rows["high"] < 0).astype(int)
    middle = says[(rows["delta_arm"] == 0) & (rows["delta_reference"] == 0)].iloc[0]
    return f"{format_fixed(100 * (says == middle).mean(), 0)}% of the map keeps the conclusion as imputed"
