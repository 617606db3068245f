"""An analysis beside what habits of the field would have printed, at every visit."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from needling.figures.style import (
    FAINT,
    INK,
    LINE,
    PAPER,
    SCALE,
    STRONG,
    Profile,
    arm_key,
    light_grid,
    lines_below,
    new_figure,
    panel_head,
    room_for_heads,
    taller,
    wrapped,
)
from needling.labels.numbers import format_estimate
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.twin import HABITS, beside
from needling.tables.withheld import withheld_note

SUBJECT = "Differences that habits of the field would have printed"
# Ink and marks, because colours are of arms: line, marker and its face.
LOOKS = {"": (INK, "s", INK), "t_test": (FAINT, "o", PAPER), "last_value": (FAINT, "D", FAINT)}
PLACE = ["twin", "cohort", "outcome", "arm", "reference"]


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the differences of both at the visits of the schedule."""
    both = beside(released, labels, "figure")
    known = (
        both["quantity"].eq("difference") & both["visit"].isin(labels.plan.visits.schedule) & both["estimate"].notna()
    )
    return both[known].reset_index(drop=True)


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a panel for each cohort, outcome and pair of arms: visits to the right, differences with intervals upwards."""
    groups = list(source.groupby(PLACE, sort=False))
    columns = profile.across(min(2, len(groups)), 80)
    lines = -(-len(groups) // columns)
    figure = new_figure(profile.width_of(columns), 14 + 56 * lines)
    axes = figure.subplots(lines, columns, squeeze=False)
    visits = [one for one in labels.plan.visits.schedule if (source["visit"] == one).any()]
    room = (profile.width_of(columns) / columns - SCALE) / len(visits) - 1
    told = [wrapped(labels.visit(one), room, profile.small) for one in visits]
    for ax, (_, rows) in zip(axes.flat, groups, strict=False):
        first = rows.iloc[0].to_dict()
        light_grid(ax)
        ax.axhline(0, color=INK, linewidth=0.8)
        for place, (habit, (colour, marker, face)) in enumerate(LOOKS.items()):
            mine = rows[rows["habit"] == habit]
            x = [visits.index(one) + 0.22 * (place - 1) for one in mine["visit"]]
            ax.vlines(x, mine["low"], mine["high"], color=colour, linewidth=STRONG if not habit else LINE)
            ax.plot(x, mine["estimate"], linestyle="", marker=marker, color=colour, markerfacecolor=face)
        ax.set_xticks(range(len(visits)), told)
        ax.set_xlim(-0.5, len(visits) - 0.5)
        pair = f", {in_sentence(labels.compared(first))}" if len(labels.plan.arms) > 2 else ""
        panel_head(ax, labels.cohort(first["cohort"]), f"{labels.outcome(first['outcome'])}, {first['unit']}{pair}")
    room_for_heads(figure, axes)
    taller(figure, lines * max(lines_below(one, profile.small) for one in told))
    for ax in axes[:, 0]:
        ax.set_ylabel("Difference")
    for ax in list(axes.flat)[len(groups) :]:
        ax.set_axis_off()
    names = {
        "": labels.analysis(str(source.loc[source["habit"] == "", "analysis"].iloc[0]))
        if (source["habit"] == "").any()
        else ""
    }
    handles = [
        Line2D(
            [],
            [],
            color=colour,
            marker=marker,
            markerfacecolor=face,
            label=names.get(habit) or labels.of_groups(HABITS.get(habit, "")),
        )
        for habit, (colour, marker, face) in LOOKS.items()
    ]
    arm_key(figure, handles, [str(one.get_label()) for one in handles], profile, 1.4)
    return figure


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    caption = (
        f"Not to be believed: differences that habits of the field would have printed, beside the analysis, with "
        f"{100 * float(source['level'].iloc[0]):g}% confidence intervals."
    )
    primary = source[source["visit"] == labels.plan.visits.primary]
    several = len(source[["arm", "reference"]].drop_duplicates()) > 1
    told = [
        f"{labels.outcome(row['outcome'])} in {in_sentence(labels.cohort(row['cohort']))}, "
        f"{in_sentence(labels.compared(row)) + ', ' if several else ''}"
        f"{in_sentence(labels.of_groups(HABITS.get(row['habit'], '')) or labels.analysis(row['analysis']))}: "
        f"{format_estimate(row['estimate'], row['low'], row['high'])}"
        for row in primary.to_dict("records")
    ]
    return " ".join([caption, *withheld_note(source)]), f"Points with intervals. {'; '.join(told)}."
