"""Predicted differences of therapists and clinics from the average, without names and in order, with the share of variance."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from needling.figures.style import FAINT, HAIR, INK, LINE, Profile, Sheet, wrapped
from needling.labels.numbers import format_fixed
from needling.labels.words import Labels
from needling.tables.clusters import PLACE, heading, share_text, shares
from needling.tables.select import in_order
from needling.tables.withheld import withheld_note

SECTION = "clusters"
KEY = [*PLACE, "component"]
TITLE, HEAD, PANEL, AXIS, GUTTER, EDGE, LEAST = 4.5, 7.5, 24.0, 9.0, 8.0, 1.75, 70.0  # mm; EDGE mm per point of type


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the effects of those components whose variance is not zero; nothing where there are none to show."""
    table = released.get("cluster_effects")
    found = shares(released, labels, "figure")
    if table is None or found.empty:
        return pd.DataFrame(columns=[*KEY, "estimate"])
    found = found[found["quantity"].eq("icc") & found["estimate"].gt(0)]
    found = found.assign(component=found["term"].str.strip('[]"'))[
        [*KEY, "row_id", "estimate", "low", "high", "hidden"]
    ]
    named = {"estimate": "icc", "low": "icc_low", "high": "icc_high", "hidden": "icc_hidden"}
    mine = table.fillna({"site": ""}).merge(found.rename(columns=named), on=KEY)
    mine = mine[mine["estimate"].notna()]
    order = {"analysis": list(labels.plan.analyses), "cohort": list(labels.plan.cohorts), "outcome": labels.outcomes}
    return in_order(mine, {**order, "visit": list(labels.plan.visits.schedule), "component": ["therapist", "clinic"]})


def panel(ax: Axes, rows: pd.DataFrame) -> Axes:
    """Draw the effects from left to right by size, each with its limits, around the average."""
    x = rows["rank"].astype(float)
    ax.axhline(0, color=INK, linewidth=0.7, zorder=1)
    ax.grid(axis="y", color=HAIR, linewidth=0.5)
    ax.vlines(x, rows["low"], rows["high"], color=FAINT, linewidth=LINE, zorder=2)
    ax.plot(x, rows["estimate"], linestyle="none", marker="o", markersize=3.0, color=INK, zorder=3)
    ax.set_xticks([])
    ax.set_xlim(0, float(x.max()) + 1)
    ax.yaxis.set_major_locator(MaxNLocator(4))
    return ax


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw the panels of each cohort, outcome and visit: therapists left, clinics right (or below), on one scale."""
    lines = list(source.groupby(PLACE, sort=False))
    across = profile.across(2, LEAST)
    deep = 2 // across
    step = TITLE + deep * (HEAD + PANEL + AXIS)
    sheet = Sheet(profile.width, step * len(lines))
    width = (profile.width - (across - 1) * GUTTER) / across
    edge = EDGE * profile.type  # the name of an axis and its numbers
    for number, (key, rows) in enumerate(lines):
        place = dict(zip(PLACE, map(str, key), strict=True))
        bold = {"fontweight": 600, "fontsize": profile.head}
        sheet.write(0, number * step + TITLE, wrapped(heading(place, labels), profile.width, profile.head, 600), **bold)
        reach = 1.08 * max(abs(rows["low"].min()), abs(rows["high"].max()))
        for at, component in enumerate(("therapist", "clinic")):
            mine = rows[rows["component"] == component]
            if mine.empty:
                continue
            x = (at % across) * (width + GUTTER)
            y = number * step + TITLE + (at // across) * (HEAD + PANEL + AXIS)
            first: dict[Any, Any] = mine.iloc[0].to_dict()
            told = {"hidden": first["icc_hidden"], "row_id": first["row_id"], "estimate": first["icc"]}
            icc = share_text(told | {"low": first["icc_low"], "high": first["icc_high"]})
            sheet.write(x, y + HEAD - 2.4, f"{len(mine)} {component}s; ICC {icc}", fontsize=profile.small)
            ax = sheet.panel(x + edge, y + HEAD, width - edge, PANEL)
            panel(ax, mine).set_ylim(-reach, reach)
            ax.set_ylabel(f"From the average,\n{first['unit']}".rstrip(",\n"))
            ax.set_xlabel(f"{component.capitalize()}s from the lowest to the highest")
    return sheet.figure


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    level = f"{100 * float(source['level'].iloc[0]):g}%"
    caption = (
        f"Predicted differences of therapists and clinics from the average, without names and by size, with {level} limits of the "
        "prediction. Predictions are drawn towards the average, the more the fewer patients they rest on. ICC: intraclass "
        "correlation with its profile interval. What was estimated as not differing at all is not drawn."
    )
    told = []
    for key, rows in source.groupby(KEY, sort=False):
        place = dict(zip(KEY, map(str, key), strict=True))
        ends = " to ".join(format_fixed(value, 2) for value in (rows["estimate"].min(), rows["estimate"].max()))
        icc, number = format_fixed(rows["icc"].iloc[0], 2), len(rows)
        told.append(f"{heading(place, labels)}, {number} {place['component']}s: differences from {ends}, ICC {icc}")
    alternative = f"Points with limits in rising order. {'; '.join(told)}."
    return " ".join([caption, *withheld_note(source)]), alternative
