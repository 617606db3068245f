"""Marginal means of each arm over the visits, with their intervals, by cohort and outcome."""

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
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.select import asked_for

KEYS = ["cohort", "outcome", "site", "visit", "arm"]
COLUMNS = [*KEYS, "value", "low", "high", "source", "n", "analysis"]


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Gather observed baseline means and modelled means after it, of the primary analysis.

    Returns
    -------
    One row per cohort, outcome, site, visit and arm: value, low, high (empty where observed or not estimated), source (observed
    or modelled), n (patients measured), analysis. Visits without any mean are left out.
    """
    plan = labels.plan
    observed, results = released["distribution"], released["results"]
    if plan.primary not in asked_for(released, "figure", "trajectories"):
        return pd.DataFrame(columns=COLUMNS)
    means = results[(results["quantity"] == "mean") & (results["analysis"] == plan.primary)]
    means = means[[*KEYS, "estimate", "low", "high"]]
    table = observed[[*KEYS, "mean", "n"]].merge(means, on=KEYS, how="left", validate="one_to_one")
    use_observed = (table["visit"] == plan.visits.baseline) & table["estimate"].isna()
    table["value"] = table["estimate"].where(~use_observed, table["mean"])
    table["source"] = use_observed.map({True: "observed", False: "modelled"})
    table["analysis"] = plan.primary
    there = table.groupby(KEYS[:4])["value"].transform("count") > 0
    return table.loc[there, COLUMNS].reset_index(drop=True)


def panel(ax: Axes, rows: pd.DataFrame, labels: Labels, positions: dict[str, float], look: dict[str, Look]) -> Axes:
    """Draw one cohort and outcome; arms stand a little apart so that intervals do not cover one another."""
    apart = 0.018 * (max(positions.values()) - min(positions.values()) or 1.0)
    for number, (arm, mine) in enumerate(look.items()):
        drawn = rows[(rows["arm"] == arm) & rows["value"].notna()].set_index("visit")
        drawn = drawn.reindex([visit for visit in positions if visit in drawn.index])
        x = [positions[visit] + (number - (len(look) - 1) / 2) * apart for visit in drawn.index]
        ax.vlines(x, drawn["low"], drawn["high"], color=mine.colour, linewidth=1.1)
        ax.plot(x, drawn["value"], label=labels.arm(arm), **mine.kwargs)  # type: ignore[arg-type]
    ax.margins(y=0.1)
    return light_grid(ax)


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw all cohorts and outcomes."""
    look = looks(labels.plan.arms)
    figure, panels = panel_grid(source, labels, profile, 62)
    for ax, _, rows in panels:
        positions = visit_positions(labels, shown_visits(rows, labels))
        panel(ax, rows, labels, positions, look)
        visit_axis(ax, labels, positions, profile.small)
        numbers_below(ax, rows, positions, look, "n", profile.small)
    if labels.plan.arms:
        handles, arms = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, arms, loc="outside upper left", ncols=len(arms), handlelength=3)
    return figure


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    plan = labels.plan
    analysis = plan.analyses[plan.primary]
    caption = (
        f"Course of {named(source, labels)}: marginal means and {100 * analysis.level:.0f}% confidence intervals "
        f"({in_sentence(labels.analysis(plan.primary))}). n: patients measured at the visit."
    )
    if (source["source"] == "observed").any():
        caption += " Means at baseline are observed."
    return caption, f"Line charts of {named(source, labels)} by visit{for_each_arm(labels)}; values in the source data."
