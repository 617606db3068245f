"""Share of each arm that had an event over time, with bands, and the patients still at risk under it."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from needling.figures.style import FAINT, Profile, Sheet, light_grid, lines_below, looks, text_width, wrapped
from needling.labels.numbers import format_fixed
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.reached import PLACE, heading
from needling.tables.select import asked_for, in_order
from needling.tables.withheld import loses_steps, withheld_note

SECTION = "reached"
APART, TITLE, PLOT, AXIS, LINE, FOOT = 8.0, 8.0, 48.0, 10.0, 4.2, 5.0  # mm
NAMES, TAIL = 0.34, 1.03  # share of a plot's width that names of arms have; the axis beside the last time


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the curves; nothing where there are none."""
    table = released.get("event_curve", pd.DataFrame(columns=[*PLACE, "estimate"]))
    mine = table[table["analysis"].isin(asked_for(released, "figure", "reached")) & table["estimate"].notna()]
    mine = mine.fillna({"outcome": "", "arm": ""})
    order = {"analysis": list(labels.plan.analyses), "cohort": list(labels.plan.cohorts), "outcome": labels.outcomes}
    mine = mine.assign(left_out=loses_steps(released, "event_curve"))
    return in_order(mine, order) if len(mine) else mine


def ticks(rows: pd.DataFrame) -> list[float]:
    """Whole weeks at which numbers at risk stand: at most seven."""
    last = float(rows["time"].max())
    step = next(one for one in (1, 2, 4, 8, 13, 26, 52, 104) if last / one <= 7)
    return [float(week) for week in range(0, int(last) + 1, step)]


def end_of(rows: pd.DataFrame) -> float:
    """Where the axis ends: beyond the last time, so that a step there is seen."""
    return TAIL * (float(rows["time"].max()) or 1.0)


def panel(ax: Axes, rows: pd.DataFrame, labels: Labels) -> Axes:
    """Draw the share of each arm that had the event, as steps, with its band."""
    end = end_of(rows)
    for arm, look in looks(labels.plan.arms).items():
        mine = rows[rows["arm"] == arm].sort_values("time")
        mine = pd.concat([mine, mine.tail(1).assign(time=end)])
        ax.step(mine["time"], 100 * mine["estimate"], where="post", color=look.colour, linestyle=look.line)
        band = mine.dropna(subset=["low", "high"])
        ends = (band["time"], 100 * band["low"], 100 * band["high"])
        ax.fill_between(*ends, step="post", color=look.colour, alpha=0.16, linewidth=0)
    ax.set(ylim=(0, 101), xlim=(0, end), xticks=ticks(rows))
    return light_grid(ax)


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a plot for each analysis, cohort and outcome, and under it the numbers at risk in the colour of each arm."""
    groups = list(source.groupby(PLACE, sort=False))
    look, size = looks(labels.plan.arms), profile.type
    across = profile.across(min(2, len(groups)), 85)
    width = (profile.width_of(across) - APART * (across - 1)) / across
    names = {arm: wrapped(labels.arm(arm), NAMES * width, size) for arm in look}
    left = 6 + max(text_width(name, size) for name in [*names.values(), "Had the event, %"])
    places = [dict(zip(PLACE, map(str, key), strict=True)) for key, _ in groups]
    titles = [wrapped(heading(place, labels), width, profile.head, 600) for place in places]
    title = TITLE + max(lines_below(words, profile.head) for words in titles)
    lines = 1 + sum(1 + name.count("\n") for name in names.values())
    step = title + PLOT + AXIS + LINE * lines + FOOT
    sheet = Sheet(profile.width_of(across), step * -(-len(groups) // across))
    for number, (_, rows) in enumerate(groups):
        top, start = number // across * step, number % across * (width + APART)
        sheet.write(start, top + title - 3.5, titles[number], fontweight=600, fontsize=profile.head)
        ax = panel(sheet.panel(start + left, top + title, width - left - 3, PLOT), rows, labels)
        ax.set_ylabel("Had the event, %")
        ax.set_xlabel("Weeks from day 0")
        level = top + title + PLOT + AXIS + LINE
        sheet.write(start, level, "At risk", color=FAINT, fontsize=profile.small)
        for arm, one in look.items():
            level += LINE * (1 + names[arm].count("\n"))
            sheet.write(start, level, names[arm], color=one.colour)
            at = rows[rows["arm"] == arm].set_index("time")["n_at_risk"]
            for week in ticks(rows):
                if week in at.index and pd.notna(at[week]):
                    x = start + left + (width - left - 3) * week / end_of(rows)
                    sheet.write(x, level, str(int(at[week])), ha="center", color=one.colour)
    return sheet.figure


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    level = f"{100 * float(source['level'].iloc[0]):g}%"
    caption = (
        f"Share of patients who had the event (one minus Kaplan-Meier), with {level} confidence bands at each time, and patients "
        "still observed without it (at risk) under the curves."
    )
    if source["left_out"].any():
        caption += (
            " Steps of few people are left out: what happened there shows at the next step, or the curve is not drawn."
        )
    told = []
    for key, rows in source.groupby([*PLACE, "arm"], sort=False):
        *place, arm = map(str, key)
        last = rows.sort_values("time").iloc[-1]
        name = heading(dict(zip(PLACE, place, strict=True)), labels)
        who = f", {in_sentence(labels.arm(arm))}" if arm else ""
        told.append(f"{name}{who}: {format_fixed(100 * last['estimate'], 0)}% by week {last['time']:g}")
    return " ".join([caption, *withheld_note(source)]), f"Rising steps. {'; '.join(told)}."
