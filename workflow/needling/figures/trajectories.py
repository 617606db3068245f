"""Marginal means of each arm over the visits, with their intervals, by cohort and outcome."""

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
from needling.privacy.release import release_distribution, release_results
from needling.tables.words import in_sentence

if TYPE_CHECKING:
    from needling.study.plan import Study

KEYS = ["cohort", "outcome", "visit", "arm"]


def data(inputs: dict[str, pd.DataFrame], plan: "Study") -> pd.DataFrame:
    """Gather observed baseline means and modelled means after it.

    Returns
    -------
    One row per cohort, outcome, visit and arm: value, low, high (empty where observed or not estimated), source (observed
    or modelled), n_shown (patients measured), analysis. Visits without any mean are left out.
    """
    minimum = plan.disclosure.min_cell
    observed = release_distribution(inputs["distribution"], inputs["missingness"], minimum)
    results = release_results(inputs["results"], inputs["flow"], minimum)
    means = results[(results["term"] == "mean") & (results["analysis"] == plan.primary)]
    means = means.assign(arm=means["contrast"].fillna(""))[[*KEYS, "estimate", "low", "high"]]
    table = observed[[*KEYS, "mean", "n_shown"]].merge(means, on=KEYS, how="left", validate="one_to_one")
    use_observed = (table["visit"] == plan.visits.baseline) & table["estimate"].isna()
    table["value"] = table["estimate"].where(~use_observed, table["mean"])
    table["source"] = use_observed.map({True: "observed", False: "modelled"})
    table["analysis"] = plan.primary
    there = table.groupby(KEYS[:3])["value"].transform("count") > 0
    columns = [*KEYS, "value", "low", "high", "source", "n_shown", "analysis"]
    return table.loc[there, columns].reset_index(drop=True)


def panel(ax: Axes, rows: pd.DataFrame, plan: "Study", positions: dict[str, float], look: dict[str, Look]) -> Axes:
    """Draw one cohort and outcome; arms stand a little apart so that intervals do not cover one another."""
    apart = 0.018 * (max(positions.values()) - min(positions.values()) or 1.0)
    for number, (arm, mine) in enumerate(look.items()):
        drawn = rows[(rows["arm"] == arm) & rows["value"].notna()].set_index("visit")
        drawn = drawn.reindex([visit for visit in positions if visit in drawn.index])
        x = [positions[visit] + (number - (len(look) - 1) / 2) * apart for visit in drawn.index]
        ax.vlines(x, drawn["low"], drawn["high"], color=mine.colour, linewidth=1.1)
        ax.plot(x, drawn["value"], label=plan.arm_label(arm) if arm else "All patients", **mine.kwargs)  # type: ignore[arg-type]
    ax.margins(y=0.1)
    return light_grid(ax)


def draw(source: pd.DataFrame, plan: "Study", profile: Profile) -> Figure:
    """Draw all cohorts and outcomes."""
    look = looks(plan.arms)
    figure, panels = panel_grid(source, plan, profile, 62)
    for ax, _, _, rows in panels:
        positions = visit_positions(plan, shown_visits(rows, plan))
        panel(ax, rows, plan, positions, look)
        visit_axis(ax, plan, positions, profile.small)
        numbers_below(ax, rows, positions, look, "n_shown", profile.small)
    if plan.arms:
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=len(labels), handlelength=3)
    return figure


def words(source: pd.DataFrame, plan: "Study") -> tuple[str, str]:
    """Caption and alternative text."""
    analysis = plan.analyses[plan.primary]
    caption = (
        f"Course of {named(source, plan)}: marginal means and {100 * analysis.level:.0f}% confidence intervals "
        f"({in_sentence(analysis.label)}). n: patients measured at the visit."
    )
    if (source["source"] == "observed").any():
        caption += " Means at baseline are observed."
    if hides(source["n_shown"]):
        caption += f" {footnote(plan.disclosure.min_cell)}"
    return caption, f"Line charts of {named(source, plan)} by visit{for_each_arm(plan)}; values in the source data."
