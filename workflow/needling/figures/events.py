"""People with adverse events by arm, and the differences between arms, one panel per cohort."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from needling.figures.style import COLOURS, INK, Profile, light_grid, looks, new_figure, panel_head
from needling.labels.numbers import format_fixed
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.select import asked_for, in_order
from needling.tables.withheld import withheld_note

SECTION = "adverse_events"
COLUMNS = ["row_id", "cohort", "term", "quantity", "arm", "reference", "estimate", "low", "high", "level", "n_patients"]
COLUMNS += ["n_events", "hidden"]
FACTORS = ('[["adverse_event",', '[["kind",')


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the shares of people with any event and with each kind, and their differences."""
    results = released["results"]
    mine = results[results["analysis"].isin(asked_for(released, "figure", "events")[:1])]
    mine = mine[mine["quantity"].isin(["share", "risk_difference"]) & mine["term"].str.startswith(FACTORS)]
    mine = mine[mine["estimate"].notna() | mine["hidden"].ne("")]
    return in_order(mine[COLUMNS], {"cohort": list(labels.plan.cohorts)})


def panel(ax: Axes, rows: pd.DataFrame, terms: list[str], labels: Labels) -> Axes:
    """Draw the shares of each arm with their intervals, in percent."""
    look = looks(labels.plan.arms)
    for place, (arm, one) in enumerate(look.items()):
        shift = 0.0 if len(look) == 1 else 0.36 * (place / (len(look) - 1) - 0.5)
        mine = rows[(rows["quantity"] == "share") & (rows["arm"] == arm) & rows["estimate"].notna()]
        at = [terms.index(term) + shift for term in mine["term"]]
        ax.hlines(at, 100 * mine["low"], 100 * mine["high"], color=one.colour, linewidth=1.4)
        ax.plot(100 * mine["estimate"], at, label=labels.arm(arm), **{**one.kwargs, "linestyle": "none"})  # type: ignore[arg-type]
    ax.set_ylim(len(terms) - 0.4, -0.6)
    ax.set_yticks(range(len(terms)), [labels.level_of(term)[1] or "Kinds: not shown" for term in terms])
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(-2, 102)
    return light_grid(ax, "x")


def compared(ax: Axes, rows: pd.DataFrame, terms: list[str], reach: float) -> Axes:
    """Draw the differences of each pair of arms with their intervals, in percentage points, as far as `reach` either way."""
    mine = rows[(rows["quantity"] == "risk_difference") & rows["estimate"].notna()]
    pairs = list(mine[["arm", "reference"]].drop_duplicates().itertuples(index=False, name=None))
    for place, (arm, reference) in enumerate(pairs):
        shift = 0.0 if len(pairs) == 1 else 0.36 * (place / (len(pairs) - 1) - 0.5)
        own = mine[(mine["arm"] == arm) & (mine["reference"] == reference)]
        at = [terms.index(term) + shift for term in own["term"]]
        colour = INK if len(pairs) == 1 else COLOURS[(place + 1) % len(COLOURS)]
        ax.hlines(at, 100 * own["low"], 100 * own["high"], color=colour, linewidth=1.4)
        ax.plot(100 * own["estimate"], at, marker="s", linestyle="none", color=colour, markersize=4.5)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set(ylim=(len(terms) - 0.4, -0.6), xlim=(-reach, reach), yticks=[])
    ax.spines["left"].set_visible(False)
    return light_grid(ax, "x")


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw one line of panels per cohort: shares to the left, differences to the right where arms are compared."""
    groups = {str(cohort): rows for cohort, rows in source.groupby("cohort", sort=False)}
    terms = {cohort: list(dict.fromkeys(rows["term"])) for cohort, rows in groups.items()}
    beside = bool((source["quantity"] == "risk_difference").any())
    apart = source.loc[source["quantity"] == "risk_difference", ["low", "high"]].abs().max().max()
    heights = [len(terms[cohort]) + 1 for cohort in groups]
    figure = new_figure(profile.full, 16 + 5.4 * sum(heights) + 14 * len(groups))
    grid: Any = {"height_ratios": heights, "width_ratios": [1.25, 1] if beside else [1]}
    axes = figure.subplots(len(groups), 2 if beside else 1, squeeze=False, gridspec_kw=grid)
    for line, (cohort, rows) in zip(axes, groups.items(), strict=True):
        panel(line[0], rows, terms[cohort], labels)
        panel_head(line[0], labels.cohort(cohort) if len(labels.plan.cohorts) > 1 else "Adverse events")
        if beside:
            compared(line[1], rows, terms[cohort], 108 * max(0.1, apart))
    axes[-1][0].set_xlabel("Patients, %")
    if beside:
        axes[-1][1].set_xlabel("Difference, percentage points")
    if labels.plan.arms:
        handles, arms = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, arms, loc="outside upper left", ncols=len(arms))
    return figure


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    level = f"{100 * float(source['level'].iloc[0]):g}%"
    what = f"Patients with adverse events, with exact {level} confidence intervals"
    pairs = (
        source.loc[source["quantity"] == "risk_difference", ["arm", "reference"]].drop_duplicates().to_dict("records")
    )
    told = [in_sentence(labels.compared({str(key): value for key, value in one.items()})) for one in pairs]
    if told:
        what += f"; right: differences ({'; '.join(told)}) with score intervals, to the right of zero where the arm has more events"
    lines = []
    shown = source[(source["quantity"] == "share") & source["estimate"].notna()]
    for row in shown[shown["term"].str.startswith(FACTORS[0])].to_dict("records"):
        arm = f", {in_sentence(labels.arm(row['arm']))}" if row["arm"] else ""
        lines.append(f"{labels.cohort(row['cohort'])}{arm}: {format_fixed(100 * row['estimate'], 0)}%")
    alternative = (
        f"Dot plot of the share of patients with adverse events by kind. Any event: {'; '.join(lines) or 'not shown'}."
    )
    return " ".join([f"{what}.", *withheld_note(source)]), alternative
