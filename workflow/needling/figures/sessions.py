"""The course over treatment sessions: marginal means of each arm along a day or a session's number, by cohort."""

import json

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from needling.figures.panels import for_each_arm
from needling.figures.style import (
    Look,
    Profile,
    arm_key,
    columns_for,
    light_grid,
    looks,
    new_figure,
    panel_head,
    room_for_heads,
)
from needling.labels.numbers import format_estimate
from needling.labels.sentences import in_sentence, listed, span
from needling.labels.words import COLUMNS as NAMES
from needling.labels.words import Labels
from needling.tables.select import asked_for

COLUMNS = ["analysis", "cohort", "outcome", "arm", "along", "x", "estimate", "low", "high", "level", "unit"]


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the marginal means that analyses of sessions read along one number.

    Returns
    -------
    One row per analysis, cohort, arm and place: along (column of the sessions), x (its value), estimate, low, high, level, unit.
    """
    results = released["results"]
    mine = results[
        results["analysis"].isin(asked_for(released, "figure", "sessions"))
        & results["quantity"].eq("mean")
        & results["at"].ne("")
    ]
    places = [next(iter(json.loads(at).items())) for at in mine["at"]]
    table = mine.assign(along=[name for name, _ in places], x=[float(value) for _, value in places])
    return table.reindex(columns=COLUMNS).reset_index(drop=True)


def panel(ax: Axes, rows: pd.DataFrame, labels: Labels, look: dict[str, Look]) -> Axes:
    """Draw the arms of one analysis in one cohort; they stand a little apart so that intervals do not cover one another."""
    apart = 0.012 * (rows["x"].max() - rows["x"].min() or 1.0)
    for number, (arm, mine) in enumerate(look.items()):
        drawn = rows[(rows["arm"] == arm) & rows["estimate"].notna()].sort_values("x")
        x = drawn["x"] + (number - (len(look) - 1) / 2) * apart
        ax.vlines(x, drawn["low"], drawn["high"], color=mine.colour, linewidth=1.1)
        ax.plot(x, drawn["estimate"], label=labels.arm(arm), **mine.kwargs)  # type: ignore[arg-type]
    ax.margins(y=0.1)
    return light_grid(ax)


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a line of panels for each analysis, a panel for each cohort."""
    look = looks(labels.plan.arms)
    lines = list(dict.fromkeys(source["analysis"]))
    cohorts = [one for one in labels.plan.cohorts if (source["cohort"] == one).any()]
    heads = list(map(labels.cohort, cohorts) if len(cohorts) > 1 else map(labels.analysis, lines))
    across = columns_for(heads, profile, len(cohorts), 50)
    deep = -(-len(cohorts) // across)
    figure = new_figure(profile.width_of(across), 12 + 58 * len(lines) * deep)
    axes = figure.subplots(len(lines) * deep, across, squeeze=False)
    for number, analysis in enumerate(lines):
        block = axes[number * deep : (number + 1) * deep].ravel()
        for ax in block:
            ax.sharey(block[0])
        for ax in block[len(cohorts) :]:
            ax.set_axis_off()
        for ax, cohort in zip(block, cohorts, strict=False):
            mine = source[(source["analysis"] == analysis) & (source["cohort"] == cohort)]
            if mine.empty:
                ax.set_axis_off()
                continue
            first = mine.iloc[0]
            panel(ax, mine, labels, look)
            panel_head(ax, labels.cohort(cohort) if len(cohorts) > 1 else labels.analysis(analysis))
            ax.set_xlabel(NAMES.get(first["along"]) or labels.covariate(first["along"]))
            if ax.get_subplotspec().is_first_col():
                ax.set_ylabel(f"{labels.outcome(first['outcome'])}\n({span(first['unit'])})")
    room_for_heads(figure, axes)
    if labels.plan.arms:
        handles, arms = axes[0][0].get_legend_handles_labels()
        arm_key(figure, handles, arms, profile)
    return figure


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    shown = listed([in_sentence(labels.analysis(one)) for one in dict.fromkeys(source["analysis"])])
    level = " or ".join(f"{100 * one:g}%" for one in sorted(set(source["level"])))
    caption = f"Course over the sessions ({shown}): marginal means and {level} confidence intervals."
    return caption, f"Line charts over the sessions: {shown}{for_each_arm(labels)}. {'; '.join(_seen(source, labels))}."


def _seen(source: pd.DataFrame, labels: Labels) -> list[str]:
    """Where the course of each arm begins and where it ends."""
    told = []
    for keys, rows in source[source["estimate"].notna()].groupby(["analysis", "cohort", "arm"], sort=False):
        analysis, cohort, arm = (str(key) for key in keys)
        ends = rows.sort_values("x").iloc[[0, -1]].to_dict("records")
        along = in_sentence(NAMES.get(ends[0]["along"]) or labels.covariate(ends[0]["along"]))
        first, last = (
            f"{format_estimate(end['estimate'], end['low'], end['high'])} at {along} {end['x']:g}" for end in ends
        )
        whose = ", ".join([labels.analysis(analysis), in_sentence(labels.cohort(cohort))])
        whose += f", {in_sentence(labels.arm(arm))}" if arm else ""
        told.append(f"{whose}: {first} and {last}")
    return told
