"""What was needled and how: muscles, technique and twitch response, one panel per cohort."""

import json

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from needling.figures.style import (
    Profile,
    arm_key,
    light_grid,
    looks,
    new_figure,
    panel_head,
    room_for_heads,
    text_width,
)
from needling.labels.numbers import format_fixed
from needling.labels.sentences import in_sentence
from needling.labels.words import DELIVERED, Labels
from needling.tables.select import asked_for, in_order
from needling.tables.withheld import withheld_note

SECTION = "delivered"
COLUMNS = ["row_id", "cohort", "arm", "term", "estimate", "n_patients", "n_observations", "n_events", "hidden"]
FACTORS = ("muscle", "technique", "ltr")
MOST = 0.5


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the shares of muscle, technique and twitch response, of arms in which most patients were needled."""
    results = released["results"]
    mine = results[results["analysis"].isin(asked_for(released, "figure", "delivered")[:1])]
    mine = mine[mine["quantity"].eq("share") & mine["estimate"].notna()]
    parts = pd.Series([json.loads(term)[0] for term in mine["term"]], mine.index, dtype=object)
    factor = parts.str[0] if len(mine) else pd.Series(dtype=object)
    needled = mine[(factor == "needled") & (mine["estimate"] >= MOST)]
    arms = set(zip(needled["cohort"], needled["arm"], strict=True))
    there = pd.Series([pair in arms for pair in zip(mine["cohort"], mine["arm"], strict=True)], mine.index, dtype=bool)
    order = {name: number for number, name in enumerate(FACTORS)}
    no = parts.str[1].eq("no") if len(mine) else there
    kept = mine[there & mine["variant"].eq("per_record") & factor.isin(FACTORS) & ~no][COLUMNS]
    kept = kept.assign(_factor=factor.reindex(kept.index).map(order)).sort_values("_factor", kind="stable")
    return in_order(kept.drop(columns="_factor"), {"cohort": list(labels.plan.cohorts)})


def panel(ax: Axes, rows: pd.DataFrame, labels: Labels, terms: list[str] | None = None) -> Axes:
    """Draw a dot per level and arm, in percent of the muscles needled, on the lines of its own levels or of those given."""
    terms = terms or list(dict.fromkeys(rows["term"]))
    for place, (arm, one) in enumerate(looks(labels.plan.arms).items()):
        mine = rows[rows["arm"] == arm]
        at = [terms.index(term) + 0.1 * place for term in mine["term"]]
        if len(mine):
            ax.hlines(at, 0, 100 * mine["estimate"], color=one.colour, linewidth=1.0, alpha=0.6)
            ax.plot(100 * mine["estimate"], at, label=labels.arm(arm), **{**one.kwargs, "linestyle": "none"})  # type: ignore[arg-type]
    ax.set_ylim(len(terms) - 0.4, -0.6)
    ax.set_yticks(range(len(terms)), [_label(term, labels) for term in terms])
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(0, 104)
    return light_grid(ax, "x")


def _label(term: str, labels: Labels) -> str:
    factor, level = labels.level_of(term)
    is_muscle = factor == {code: told for _, code, told in DELIVERED}["muscle"]
    return level if is_muscle else factor if level == "Yes" else f"{factor}: {in_sentence(level)}"


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw the cohorts beside one another on the same lines where there is room, else below one another."""
    groups = {str(cohort): rows for cohort, rows in source.groupby("cohort", sort=False)}
    terms = sorted(dict.fromkeys(source["term"]), key=lambda term: FACTORS.index(json.loads(term)[0][0]))
    is_beside = len(groups) > 1 and profile.across(len(groups), 55) == len(groups)
    if is_beside:
        figure = new_figure(profile.width, 12 + 4.5 * (len(terms) + 1) + 13)
        axes = figure.subplots(1, len(groups), squeeze=False, sharey=True)[0]
    else:
        heights = [rows["term"].nunique() + 1 for rows in groups.values()]
        figure = new_figure(profile.width, 12 + 4.5 * sum(heights) + 13 * len(groups))
        axes = figure.subplots(len(groups), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    names = max(text_width(_label(term, labels), profile.small) for term in terms)
    across = len(groups) if is_beside else 1
    room = (profile.width - names) / across - 6
    for ax, (cohort, rows) in zip(axes, groups.items(), strict=True):
        panel(ax, rows, labels, terms if is_beside else None)
        panel_head(ax, labels.cohort(cohort) if len(labels.plan.cohorts) > 1 else "Needling", room=room)
    room_for_heads(figure, [axes] if is_beside else [[ax] for ax in axes])
    for ax in axes if is_beside else axes[-1:]:
        ax.set_xlabel("Muscles needled, %")
    if labels.plan.arms:
        marks = {name: mark for ax in axes for mark, name in zip(*ax.get_legend_handles_labels(), strict=True)}
        shown = {name: marks[name] for name in map(labels.arm, labels.plan.arms) if name in marks}
        arm_key(figure, list(shown.values()), list(shown), profile, 2)
    return figure


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    lines = [
        f"{labels.cohort(row['cohort'])}, {in_sentence(_label(row['term'], labels))}"
        + (f", {in_sentence(labels.arm(row['arm']))}" if row["arm"] else "")
        + f": {format_fixed(100 * row['estimate'], 0)}%"
        for row in source.to_dict("records")
    ]
    caption = "What was needled and how: share of all muscles needled, counted once per muscle and session."
    return " ".join([caption, *withheld_note(source)]), f"Dot plot. {'; '.join(lines)}."
