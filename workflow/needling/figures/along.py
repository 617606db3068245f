"""Differences of arms along a number, such as a moderator at baseline: a panel for each cohort and outcome of a model."""

import json
from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from needling.figures.intervals import tinted
from needling.figures.style import (
    BAND,
    INK,
    STRONG,
    Look,
    Profile,
    arm_key,
    light_grid,
    looks,
    new_figure,
    panel_head,
    room_for_heads,
)
from needling.labels.numbers import format_estimate, format_interval
from needling.labels.sentences import in_sentence, listed, sentence
from needling.labels.words import COLUMNS as NAMES
from needling.labels.words import Labels
from needling.tables.select import asked_for
from needling.tables.withheld import withheld_note

PLACE = ["analysis", "cohort", "outcome", "site", "visit", "along", "held"]  # what tells panels apart
COLUMNS = [*PLACE, "arm", "reference", "x", "estimate", "low", "high", "level", "unit", "better", "hidden"]


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the differences that models give at several values of a number.

    Returns
    -------
    One row per analysis, place, pair of arms and value: along (the column), x (its value), held (what else the model was asked to
    hold, as JSON), estimate, low, high, level, unit, better, hidden.
    """
    results = released["results"]
    asked = results["analysis"].isin(asked_for(released, "figure", "along"))
    mine = results[asked & results["quantity"].eq("difference") & results["at"].ne("")]
    groups = ["analysis", "cohort", "outcome", "site", "visit", "arm", "reference"]
    found = [_along(rows) for _, rows in mine.groupby(groups, sort=False, observed=True)]
    return pd.concat(found, ignore_index=True)[COLUMNS] if found else pd.DataFrame(columns=COLUMNS)


def _along(rows: pd.DataFrame) -> pd.DataFrame:
    """Split the values at which one comparison was asked into the number that varies and what is held; nothing where none does."""
    values = [json.loads(at) for at in rows["at"]]
    varying = [name for name in values[0] if len({str(one.get(name)) for one in values}) > 1]
    if len(varying) != 1 or not all(isinstance(one.get(varying[0]), int | float) for one in values):
        return rows.head(0).reindex(columns=COLUMNS)
    name = varying[0]
    held = [json.dumps({key: one[key] for key in one if key != name}) for one in values]
    x = [float(one[name]) for one in values]
    return rows.assign(along=name, x=x, held=held).sort_values("x", kind="stable")


def limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Ends of a scale that holds the intervals of some rows, and no difference."""
    low, high = min(0.0, rows["low"].min()), max(0.0, rows["high"].max())
    return low - 0.06 * (high - low), high + 0.06 * (high - low)


def panel(ax: Axes, rows: pd.DataFrame, look: dict[tuple[str, str], Look], ends: tuple[float, float]) -> Axes:
    """Draw one place: the points that were estimated, their intervals, and the line between them; the better side is tinted."""
    known = rows[rows["estimate"].notna()]
    better = rows["better"].iloc[0]
    ax.set_ylim(ends)
    if better in ("lower", "higher"):
        ax.axhspan(*((ends[0], 0) if better == "lower" else (0, ends[1])), color=BAND, linewidth=0, zorder=0)
    ax.axhline(0, color=INK, linewidth=0.7, zorder=1)
    apart = 0.015 * (rows["x"].max() - rows["x"].min())
    for number, (pair, mine) in enumerate(look.items()):
        drawn = known[(known["arm"] == pair[0]) & (known["reference"] == pair[1])]
        x = drawn["x"] + (number - (len(look) - 1) / 2) * apart
        ax.vlines(x, drawn["low"], drawn["high"], color=mine.colour, linewidth=STRONG)
        ax.plot(x, drawn["estimate"], **mine.kwargs)  # type: ignore[arg-type]
    ax.set_xticks(sorted(rows["x"].unique()))
    ax.margins(x=0.08)
    return light_grid(ax)


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a panel for each cohort, outcome and visit of each analysis; panels of one analysis share their scale."""
    pairs = list(dict.fromkeys(source[["arm", "reference"]].itertuples(index=False, name=None)))
    known = looks([arm for arm, _ in pairs]) if len({arm for arm, _ in pairs}) == len(pairs) else {}
    others = looks([str(number) for number in range(len(pairs))])
    look = {pair: known.get(pair[0]) or others[str(number)] for number, pair in enumerate(pairs)}
    look = look if len(pairs) > 1 else {pairs[0]: Look(INK, "-", "s", INK)}
    groups = [rows for _, rows in source.groupby(PLACE, sort=False)]
    across = profile.across(min(3, len(groups)), 55)
    deep = -(-len(groups) // across)
    whole = replace(profile, width=profile.width_of(across))
    figure = new_figure(whole.width, 12 + 52 * deep)
    axes = figure.subplots(deep, across, squeeze=False).ravel()
    for ax in axes[len(groups) :]:
        ax.set_axis_off()
    for ax, rows in zip(axes, groups, strict=False):
        row = rows.iloc[0]
        alike = source[(source["analysis"] == row["analysis"]) & (source["unit"] == row["unit"])]
        panel(ax, rows, look, limits(alike))
        panel_head(ax, _head(row, labels), sentence(f"{labels.noun}, {row['unit']}".rstrip(", ")))
        ax.set_xlabel(_number(row, labels))
    room_for_heads(figure, axes.reshape(deep, across))
    told = [f"{labels.arm(arm)} minus {in_sentence(labels.arm(reference))}" for arm, reference in pairs]
    handles = [axes[0].plot([], [], **one.kwargs)[0] for one in look.values()]
    arm_key(figure, handles, told, profile)
    return figure


def _head(row: "pd.Series[str]", labels: Labels) -> str:
    named = labels.outcome(row["outcome"], row["site"])
    place = f"{labels.cohort(row['cohort'])}: {in_sentence(named)}" if row["cohort"] else named
    return f"{place}, {in_sentence(labels.visit(row['visit']))}" if row["visit"] else place


def _number(row: "pd.Series[str]", labels: Labels) -> str:
    """The number along the axis, and what is held beside it."""
    named = _named(row["along"], labels)
    return named if row["held"] == "{}" else f"{named}\n({labels.at(row['held'])})"


def _named(column: str, labels: Labels) -> str:
    return NAMES.get(column) or labels.covariate(column)


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    named = listed([labels.analysis(one).rstrip("?") for one in dict.fromkeys(source["analysis"])])
    numbers = listed([in_sentence(_named(one, labels)) for one in dict.fromkeys(source["along"])])
    level = " or ".join(f"{100 * one:g}%" for one in sorted(set(source["level"])))
    caption = (
        f"{named}: {labels.noun}s at values of {numbers}, with {level} confidence intervals. The line joins what one model "
        "says."
    )
    told = []
    for row in source[source["estimate"].notna()].to_dict("records"):
        number = (
            f"{format_estimate(row['estimate'], row['low'], row['high'])} ({format_interval(row['low'], row['high'])})"
        )
        pair = f"{in_sentence(labels.arm(row['arm']))} minus {in_sentence(labels.arm(row['reference']))}"
        place = _head(pd.Series(row), labels)
        told.append(f"{place}, {pair}, {in_sentence(_named(row['along'], labels))} {row['x']:g}: {number}")
    return " ".join(
        [caption, *tinted(source, labels), *withheld_note(source)]
    ), f"Intervals along a number. {'; '.join(told)}."
