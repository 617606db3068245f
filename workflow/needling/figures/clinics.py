"""Treatment by clinic: sessions, needles, twitch responses and depth, clinics without names and each measure in its own order."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from needling.figures.style import FAINT, HAIR, LINE, Look, Profile, Sheet, key_height, lines_below, looks, wrapped
from needling.labels.numbers import format_fixed
from needling.labels.sentences import in_sentence
from needling.labels.words import DELIVERED, Labels
from needling.tables.select import asked_for, in_order
from needling.tables.withheld import withheld_note

SECTION = "delivered"
MEASURES = {code: told for _, code, told in DELIVERED}
COLUMNS = ["cohort", "arm", "measure", "unit", "rank", "estimate", "low", "high", "level", "all_patients", "hidden"]
TITLE, HEAD, PANEL, AXIS, LABEL, GUTTER, EDGE, LEAST = 4.6, 6.4, 26.0, 3.4, 4.0, 4.0, 8.0, 40.0  # mm


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the means of clinics, beside the mean of all patients of the arm; nothing where fewer than two can be shown."""
    table = released.get("delivered_by_clinic")
    if table is None or table.empty:
        return pd.DataFrame(columns=COLUMNS)
    mine = table[table["analysis"].isin(asked_for(released, "figure", "clinics")[:1])]
    keys = ["analysis", "cohort", "arm", "measure"]
    whole = released["delivered"][[*keys, "mean"]].rename(columns={"mean": "all_patients"})
    mine = mine.merge(whole, on=keys, how="left")
    shown = mine.groupby(keys)["estimate"].transform("count")
    order = {
        "cohort": list(labels.plan.cohorts),
        "measure": list(dict.fromkeys(table["measure"])),
        "arm": labels.plan.arms or [""],
    }
    return in_order(mine.loc[shown > 1, COLUMNS], order)


def panel(ax: Axes, rows: pd.DataFrame, look: dict[str, Look]) -> Axes:
    """Draw the means of one measure by size, each with its interval, around the mean of all patients."""
    ax.grid(axis="y", color=HAIR, linewidth=0.5)
    for number, (arm, one) in enumerate(look.items()):
        mine = rows[(rows["arm"] == arm) & rows["estimate"].notna()]
        if mine.empty:
            continue
        x = mine["rank"].astype(float) + 0.2 * (number - (len(look) - 1) / 2)
        ax.axhline(
            float(mine["all_patients"].iloc[0]), color=one.colour, linewidth=0.7, linestyle=(0, (4, 2)), zorder=1
        )
        ax.vlines(x, mine["low"], mine["high"], color=one.colour, linewidth=LINE, zorder=2)
        ax.plot(x, mine["estimate"], **{**one.kwargs, "linestyle": "none", "markersize": 3.0}, zorder=3)  # type: ignore[arg-type]
    ax.set_xticks([])
    ax.set_xlim(0.3, float(rows.loc[rows["estimate"].notna(), "rank"].max()) + 0.7)
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    return ax


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a line of panels for each cohort, a panel for each measure; a measure has one scale in all cohorts."""
    arms = [arm for arm in labels.plan.arms or [""] if arm in set(source["arm"])]
    look = {arm: looks(labels.plan.arms)[arm] for arm in arms}
    key = {labels.arm(arm): one for arm, one in look.items() if arm}
    measures = list(dict.fromkeys(source["measure"]))
    across = profile.across(len(measures), LEAST)
    cohorts = [(str(cohort), rows) for cohort, rows in source.groupby("cohort", sort=False)]
    top = key_height(key, 0, profile.width) + 1
    lines = -(-len(measures) // across)
    names = {cohort: wrapped(labels.cohort(cohort), profile.width, profile.head, 600) for cohort, _ in cohorts}
    deepest = max(lines_below(name, profile.head) for name in names.values())
    title = TITLE + deepest if len(labels.plan.cohorts) > 1 else 0.0
    sheet = Sheet(profile.width, top + len(cohorts) * (title + lines * (HEAD + PANEL + AXIS)) + LABEL)
    sheet.key(0, key, line=False)
    wide = (profile.width - (across - 1) * GUTTER) / across
    for number, (cohort, rows) in enumerate(cohorts):
        start = top + number * (title + lines * (HEAD + PANEL + AXIS)) + title
        if title:
            sheet.write(0, start - 0.8, names[cohort], fontweight=600, fontsize=profile.head)
        for place, measure in enumerate(measures):
            mine = rows[rows["measure"] == measure]
            if mine.empty:
                continue
            x, y = (place % across) * (wide + GUTTER), start + (place // across) * (HEAD + PANEL + AXIS)
            head = wrapped(_name(mine.iloc[0].to_dict()), wide, profile.small, 500)
            sheet.write(x, y + HEAD - 2.2, head, fontsize=profile.small, fontweight=500)
            ax = panel(sheet.panel(x + EDGE, y + HEAD, wide - EDGE, PANEL), mine, look)
            ax.set_ylim(*_ends(source[source["measure"] == measure]))
            if number == len(cohorts) - 1 and place + across >= len(measures):
                ax.set_xlabel("Clinics, lowest first", color=FAINT)
    return sheet.figure


def _ends(rows: pd.DataFrame) -> tuple[float, float]:
    """Ends of the scale of a measure: all means and intervals, with room."""
    low, high = float(rows[["low", "estimate"]].min().min()), float(rows[["high", "estimate"]].max().max())
    room = 0.08 * (high - low) or 1.0
    return low - room, high + room


def _name(row: dict[Any, Any]) -> str:
    return f"{MEASURES[row['measure']]}{', ' + row['unit'] if row['unit'] else ''}"


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    level = f"{100 * float(source['level'].iloc[0]):g}%"
    caption = (
        f"Treatment by clinic: means over the patients of each clinic with {level} confidence intervals, clinics without names. "
        "Each measure has its own order, so that a place along one is not the same clinic along another. Dashes: mean of all "
        "patients. Who came to which clinic was not allocated: differences need not be the clinics’ doing."
    )
    told = []
    for (cohort, _, arm), rows in source.groupby(["cohort", "measure", "arm"], sort=False):
        ends = " to ".join(format_fixed(value, 1) for value in (rows["estimate"].min(), rows["estimate"].max()))
        place = [labels.cohort(str(cohort))] if len(labels.plan.cohorts) > 1 else []
        place += [in_sentence(labels.arm(str(arm)))] if source["arm"].nunique() > 1 else []
        place += [in_sentence(_name(rows.iloc[0].to_dict()))]
        known = int(rows["estimate"].count())
        told.append(
            f"{', '.join(place)}: {known} clinics, {ends} (all {format_fixed(rows['all_patients'].iloc[0], 1)})"
        )
    only = [in_sentence(labels.arm(arm)) for arm in dict.fromkeys(source["arm"]) if arm]
    whom = f" of {' and '.join(only)}" if only else ""
    alternative = f"Means of clinics{whom} in rising order with intervals. {'; '.join(told)}."
    return " ".join([caption, *withheld_note(source)]), alternative
