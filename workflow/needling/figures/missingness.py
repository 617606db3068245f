"""How many of those allocated were measured at each visit."""

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from needling.figures.panels import (
    for_each_arm,
    named,
    numbers_below,
    panel_grid,
    shown_visits,
    visit_axis,
    visit_positions,
)
from needling.figures.style import Look, Profile, light_grid, looks
from needling.privacy.disclosure import footnote, hides
from needling.privacy.release import release_missingness

if TYPE_CHECKING:
    from needling.study.plan import Study


def data(inputs: dict[str, pd.DataFrame], plan: "Study") -> pd.DataFrame:
    """Take the shares measured with small groups hidden.

    Returns
    -------
    The columns of MISSINGNESS with share (0-1, empty where hidden), share_at_least (the bound that can be told), and the
    texts measured_shown and expected_shown.
    """
    table = release_missingness(inputs["missingness"].fillna({"arm": ""}), plan.disclosure.min_cell)
    bound = pd.to_numeric(table["measured_shown"].str.extract(r"≥(\d+)")[0])
    return table.assign(share_at_least=bound / table["expected"].astype("Float64").astype(float))


def panel(ax: Axes, rows: pd.DataFrame, plan: "Study", positions: dict[str, float], look: dict[str, Look]) -> Axes:
    """Draw the share measured; where only a bound can be told, a bar from the bound to all."""
    apart = 0.018 * (max(positions.values()) - min(positions.values()) or 1.0)
    for number, (arm, mine) in enumerate(look.items()):
        shift = (number - (len(look) - 1) / 2) * apart
        own = rows[rows["arm"] == arm]
        x = own["visit"].map(positions) + shift
        ax.plot(x, own["share"], label=plan.arm_label(arm) if arm else "All patients", **mine.kwargs)  # type: ignore[arg-type]
        bounded = own["share_at_least"].notna()
        ax.vlines(x[bounded], own.loc[bounded, "share_at_least"], 1, color=mine.colour, linewidth=3.2, alpha=0.45)
    ax.set_ylim(0, 1.04)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return light_grid(ax)


def draw(source: pd.DataFrame, plan: "Study", profile: Profile) -> Figure:
    """Draw all cohorts and outcomes."""
    look = looks(plan.arms)
    figure, panels = panel_grid(source, plan, profile, 46, scale=False)
    for number, (ax, _, _, rows) in enumerate(panels):
        positions = visit_positions(plan, shown_visits(rows, plan))
        panel(ax, rows, plan, positions, look)
        visit_axis(ax, plan, positions, profile.small)
        numbers_below(ax, rows, positions, look, "measured_shown", profile.small)
        if number == 0 or ax.get_subplotspec().is_first_col():  # type: ignore[union-attr]
            ax.set_ylabel("Share measured")
    if plan.arms:
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=len(labels), handlelength=3)
    return figure


def words(source: pd.DataFrame, plan: "Study") -> tuple[str, str]:
    """Caption and alternative text."""
    whom = "allocated patients" if plan.arms else "patients"
    caption = f"Share of {whom} measured at each visit: {named(source, plan)}. n: patients measured."
    if source["share_at_least"].notna().any():
        caption += " A bar instead of a mark spans what a bound leaves open."
    if hides(source["measured_shown"]):
        caption += f" {footnote(plan.disclosure.min_cell)}"
    known = source["share"].dropna()
    span = f" between {100 * known.min():.0f}% and {100 * known.max():.0f}%" if len(known) else ""
    return caption, f"Line charts of the share of patients measured by visit{for_each_arm(plan)}{span}."
