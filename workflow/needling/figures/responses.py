"""Cumulative curves of improvement: the share of each arm that improved by at least so much, with simultaneous bands."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from needling.figures.style import (
    FAINT,
    Look,
    Profile,
    arm_key,
    light_grid,
    looks,
    new_figure,
    panel_head,
    room_for_heads,
)
from needling.labels.numbers import rounded
from needling.labels.sentences import in_sentence, span
from needling.labels.words import Labels
from needling.tables.select import asked_for, in_order
from needling.tables.withheld import loses_steps, withheld_note

PLACE = ["analysis", "cohort", "outcome", "visit"]
IMPORTANT: Any = {"color": FAINT, "linewidth": 1.0, "linestyle": (0, (1, 1.2))}


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the curves of the analyses that ask for this figure, in the study file's order."""
    table = released.get("response_curve", pd.DataFrame(columns=[*PLACE, "share"]))
    mine = table[table["analysis"].isin(asked_for(released, "figure", "responses")) & table["share"].notna()]
    if mine.empty:
        return mine
    drawn = mine.groupby([*PLACE, "arm"], dropna=False)["share"].transform("count") > 1  # a point is no curve
    mine = mine[drawn].assign(left_out=bool((~drawn).any()) or loses_steps(released, "response_curve"))
    plan = labels.plan
    order = {"analysis": list(plan.analyses), "cohort": list(plan.cohorts), "outcome": labels.outcomes}
    return in_order(mine, {**order, "visit": list(plan.visits.schedule)})


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a panel for each cohort, outcome and visit: improvement to the right, share upwards, a line and band for each arm."""
    groups = list(source.groupby(PLACE, sort=False))
    columns = profile.across(min(3, len(groups)), 50)
    lines = -(-len(groups) // columns)
    figure = new_figure(profile.width_of(columns), 12 + 58 * lines)
    axes = figure.subplots(lines, columns, squeeze=False, sharey=True)
    arms = labels.plan.arms or [""]
    look = looks(labels.plan.arms)
    for ax, (key, rows) in zip(axes.flat, groups, strict=False):
        analysis, cohort, outcome, visit = map(str, key)
        light_grid(ax)
        ax.axvline(0, color=FAINT, linewidth=0.7)
        important = labels.important_change(cohort, outcome)
        if important:
            ax.axvline(important.value, **IMPORTANT)
        for arm in arms:
            mine = rows[rows["arm"] == arm]
            ax.step(
                mine["improvement"], 100 * mine["share"], where="pre", color=look[arm].colour, linestyle=look[arm].line
            )
            band = mine.dropna(subset=["low", "high"])
            ends = (band["improvement"], 100 * band["low"], 100 * band["high"])
            ax.fill_between(*ends, step="pre", color=look[arm].colour, alpha=0.18, linewidth=0)
        front = _front(source, analysis, labels)
        head = f"{front}{in_sentence(labels.cohort(cohort)) if front else labels.cohort(cohort)}"
        panel_head(ax, head, f"{labels.outcome(outcome)}, {in_sentence(labels.visit(visit))}")
        ax.set_ylim(0, 101)
        ax.set_xlabel(f"Improvement of at least, {rows['unit'].iloc[0]}".rstrip(", "))
    room_for_heads(figure, axes)
    for ax in axes[:, 0]:
        ax.set_ylabel("Patients, %")
    for ax in list(axes.flat)[len(groups) :]:
        ax.set_axis_off()
    handles = [Line2D([], [], **_stroke(look[arm]), label=labels.arm(arm)) for arm in labels.plan.arms]
    if _important(source, labels):
        handles.append(Line2D([], [], **IMPORTANT, label="Smallest important change of one person"))
    if handles:
        arm_key(figure, handles, [str(one.get_label()) for one in handles], profile)
    return figure


def _front(source: pd.DataFrame, analysis: str, labels: Labels) -> str:
    """The name of an analysis, where there are several: they differ in how they take who was not measured, or in whom they take."""
    named = labels.analysis(analysis).rstrip(".")
    return f"{named}{'' if named.endswith('?') else ':'} " if source["analysis"].nunique() > 1 else ""


def _important(source: pd.DataFrame, labels: Labels) -> list[str]:
    """The smallest important changes that are drawn: how large, on which scale, whence."""
    told = []
    for cohort, outcome in source[["cohort", "outcome"]].drop_duplicates().itertuples(index=False, name=None):
        one = labels.important_change(cohort, outcome)
        if one:
            named = in_sentence(labels.measure(cohort, outcome).label)
            told.append(
                f"{named}, {one.value:g} on {span(one.scale)}: {one.source or 'not checked against a publication'}"
            )
    return list(dict.fromkeys(told))


def _stroke(look: Look) -> Any:
    return {"color": look.colour, "linestyle": look.line}


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    level = f"{100 * float(source['level'].iloc[0]):g}%"
    caption = (
        f"Share of patients who improved by at least so much; bands hold for all amounts at once ({level}) and are drawn where at "
        "least five patients reach an amount and five do not."
    )
    important = _important(source, labels)
    if important:
        other = f"difference between {in_sentence(labels.group)}s" if labels.plan.arms else "mean change"
        caption += (
            f" Dotted: the smallest important change of one person ({'; '.join(important)}); it does not say which {other} "
            "matters."
        )
    told = []
    for key, rows in source.groupby([*PLACE, "arm"], sort=False):
        analysis, cohort, outcome, visit, arm = map(str, key)
        any_gain = rows[rows["improvement"] > 0]
        if len(any_gain):
            first = any_gain.iloc[0]
            told.append(
                f"{_front(source, analysis, labels)}{labels.outcome(outcome)} in {in_sentence(labels.cohort(cohort))}, "
                f"{in_sentence(labels.visit(visit))}, "
                f"{in_sentence(labels.arm(arm))}: {rounded(100 * first['share'], 0)}% improved by at least {first['improvement']:g}"
            )
            one = labels.important_change(cohort, outcome)
            beyond = rows[rows["improvement"] >= one.value] if one else rows.head(0)
            told[-1] += (
                f", {rounded(100 * beyond.iloc[0]['share'], 0)}% by the smallest important change"
                if len(beyond)
                else ""
            )
    if source["left_out"].any():
        caption += (
            " Amounts that few reached, or did not reach, are left out; where nothing else is, no curve is drawn."
        )
    return " ".join([caption, *withheld_note(source)]), f"Curves falling from left to right. {'; '.join(told)}."
