"""Soreness at hours after a session: mean and interval, one panel per cohort."""

import json

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from needling.figures.style import (
    Profile,
    arm_key,
    columns_for,
    light_grid,
    looks,
    new_figure,
    panel_head,
    room_for_heads,
)
from needling.labels.numbers import format_fixed
from needling.labels.sentences import in_sentence, span
from needling.labels.words import Labels
from needling.tables.select import asked_for, in_order

SECTION = "adverse_events"
COLUMNS = [
    "row_id",
    "cohort",
    "arm",
    "estimate",
    "low",
    "high",
    "level",
    "unit",
    "n_patients",
    "n_observations",
    "hidden",
]


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the means at each hour; nothing where none was estimated."""
    results = released["results"]
    mine = results[results["analysis"].isin(asked_for(released, "figure", "soreness")[:1])]
    mine = mine[(mine["quantity"] == "mean") & (mine["variant"] == "course") & mine["estimate"].notna()]
    hours = [float(json.loads(at)["hour"]) for at in mine["at"]]
    shown = mine[COLUMNS].assign(hour=pd.Series(hours, mine.index, dtype=float))
    return in_order(shown, {"cohort": list(labels.plan.cohorts), "arm": labels.plan.arms or [""]})


def panel(ax: Axes, rows: pd.DataFrame, labels: Labels) -> Axes:
    """Draw the course of each arm that has one."""
    look = looks(labels.plan.arms)
    for place, (arm, one) in enumerate(look.items()):
        mine = rows[rows["arm"] == arm]
        if len(mine):
            x = mine["hour"] + (place - (len(look) - 1) / 2)
            ax.vlines(x, mine["low"], mine["high"], color=one.colour, linewidth=1.2)
            ax.plot(x, mine["estimate"], label=labels.arm(arm), **one.kwargs)  # type: ignore[arg-type]
    ax.set_xticks(sorted(rows["hour"].unique()))
    ax.set_xlim(min(0.0, rows["hour"].min()) - 2, rows["hour"].max() + 6)
    return light_grid(ax)


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw the cohorts side by side on one scale."""
    cohorts = list(dict.fromkeys(source["cohort"]))
    heads = [labels.cohort(one) if len(labels.plan.cohorts) > 1 else "Soreness" for one in cohorts]
    across = columns_for(heads, profile, len(cohorts), 45)
    lines = -(-len(cohorts) // across)
    figure = new_figure(profile.width_of(across), 14 + 56 * lines)
    grid = figure.subplots(lines, across, squeeze=False, sharey=True)
    axes = grid.ravel()
    for ax in axes[len(cohorts) :]:
        ax.set_axis_off()
    for ax, cohort, head in zip(axes, cohorts, heads, strict=False):
        panel(ax, source[source["cohort"] == cohort], labels)
        panel_head(ax, head)
        ax.set_xlabel("Hours after the session")
    room_for_heads(figure, grid)
    for ax in grid[:, 0]:
        ax.set_ylabel(f"Mean soreness, {span(source['unit'].iloc[0])}")
    axes[0].set_ylim(0, 1.12 * source["high"].max())
    if labels.plan.arms:
        handles, arms = axes[0].get_legend_handles_labels()
        arm_key(figure, handles, arms, profile)
    return figure


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    level = f"{100 * float(source['level'].iloc[0]):g}%"
    missing = [in_sentence(labels.arm(arm)) for arm in labels.plan.arms if arm not in set(source["arm"])]
    none = f" Nothing is recorded for {', '.join(missing)}." if missing else ""
    caption = f"Soreness after a session: means of a mixed model with {level} confidence intervals.{none}"
    lines = []
    for row in source.to_dict("records"):
        arm = f", {in_sentence(labels.arm(row['arm']))}" if row["arm"] else ""
        lines.append(f"{labels.cohort(row['cohort'])}{arm}, {row['hour']:g} hours: {format_fixed(row['estimate'], 1)}")
    return caption, f"Line chart of mean soreness. {'; '.join(lines)}."
