"""How many of each arm were measured at each visit."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from needling.figures.panels import (
    for_each_arm,
    named,
    numbers_below,
    of_the_primary,
    panel_grid,
    shown_visits,
    visit_axis,
    visit_positions,
)
from needling.figures.style import Look, Profile, arm_key, light_grid, looks
from needling.labels.numbers import rounded
from needling.labels.words import Labels


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the numbers measured of all in the arm, with their share (0-1), for the outcomes of the primary analysis."""
    table = of_the_primary(released["missingness"], released, labels)
    return table.assign(share=table["measured"] / table["expected"].where(table["expected"] > 0))


def panel(ax: Axes, rows: pd.DataFrame, labels: Labels, positions: dict[str, float], look: dict[str, Look]) -> Axes:
    """Draw the share measured."""
    apart = 0.018 * (max(positions.values()) - min(positions.values()) or 1.0)
    for number, (arm, mine) in enumerate(look.items()):
        shift = (number - (len(look) - 1) / 2) * apart
        own = rows[rows["arm"] == arm]
        ax.plot(own["visit"].map(positions) + shift, own["share"], label=labels.arm(arm), **mine.kwargs)  # type: ignore[arg-type]
    ax.set_ylim(0, 1.04)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return light_grid(ax)


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw all cohorts and outcomes."""
    look = looks(labels.plan.arms)
    figure, panels = panel_grid(source, labels, profile, 46, scale=False)
    for number, (ax, _, rows) in enumerate(panels):
        positions = visit_positions(labels, shown_visits(rows, labels))
        panel(ax, rows, labels, positions, look)
        visit_axis(ax, labels, positions, profile.small)
        numbers_below(ax, rows, positions, look, "measured", profile.small)
        if number == 0 or ax.get_subplotspec().is_first_col():  # type: ignore[union-attr]
            ax.set_ylabel("Share measured")
    if labels.plan.arms:
        handles, arms = panels[0][0].get_legend_handles_labels()
        arm_key(figure, handles, arms, profile)
    return figure


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    whom = "allocated patients" if labels.plan.design == "randomised" else "patients"
    caption = f"Share of {whom} measured at each visit: {named(source, labels)}. n: patients measured."
    known = source["share"].dropna()
    span = f" between {rounded(100 * known.min(), 0)}% and {rounded(100 * known.max(), 0)}%" if len(known) else ""
    return caption, f"Line charts of the share of patients measured by visit{for_each_arm(labels)}{span}."
