"""Two groups before and after weighting: a line for each characteristic, a ring where it was and a dot where it is."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from needling.figures.style import FAINT, HAIR, INK, Profile, Sheet, text_width, wrapped
from needling.labels.numbers import format_fixed
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.weighted import PLACE, place_words, shown
from needling.tables.withheld import withheld_note

LITTLE = 0.1  # of a standard deviation (Austin 2009, Statistics in Medicine 28:3083)
STEP, HEAD, AXIS, KEY = 4.6, 7.5, 10.0, 6.0  # mm


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the differences that are known."""
    rows = shown(released, labels, "figure", "weighted")
    return rows[rows["before"].notna() & rows["after"].notna()].reset_index(drop=True)


def panel(ax: Axes, rows: pd.DataFrame) -> Axes:
    """Draw the lines of one comparison, the first on top."""
    at = [STEP * (i + 0.5) for i in range(len(rows))]
    ax.axvspan(-LITTLE, LITTLE, color=HAIR, alpha=0.55, linewidth=0, zorder=0)
    ax.axvline(0, color=INK, linewidth=0.7, zorder=1)
    ax.hlines(at, rows["before"], rows["after"], color=FAINT, linewidth=0.8, zorder=2)
    ax.plot(rows["before"], at, linestyle="", marker="o", markersize=4.2, mfc="white", mec=INK, zorder=3)
    ax.plot(rows["after"], at, linestyle="", marker="o", markersize=4.2, color=INK, zorder=4)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}".replace("-", "−")))
    return ax


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw the comparisons below one another, on one scale."""
    groups = [rows for _, rows in source.groupby(PLACE, sort=False)]
    told = {name: wrapped(name, 0.42 * profile.width, profile.type) for name in source["name"].unique()}
    left = max(text_width(words, profile.type) for words in told.values()) + 3
    width = profile.width_of(1)
    reach = 1.12 * max(2 * LITTLE, float(source[["before", "after"]].abs().to_numpy().max()))
    sheet = Sheet(width, KEY + sum(HEAD + STEP * len(rows) + AXIS for rows in groups))
    _key(sheet)
    y = KEY
    for rows in groups:
        height = STEP * len(rows)
        sheet.write(0, y + 4.4, place_words(rows.iloc[0], labels, source), fontweight=600, fontsize=profile.head)
        for i, name in enumerate(rows["name"]):
            sheet.write(0, y + HEAD + STEP * (i + 0.5) + 0.16 * profile.type, told[name])
        ax = sheet.panel(left, y + HEAD, width - left, height, xlim=(-reach, reach), ylim=(height, 0))
        panel(ax, rows.reset_index(drop=True)).set_xlabel("Standardised difference, SD", color=FAINT)
        y += HEAD + height + AXIS
    return sheet.figure


def _key(sheet: Sheet) -> None:
    """Say what ring and dot are."""
    ax = sheet.panel(0, 0, 60, KEY, xlim=(0, 60), ylim=(KEY, 0))
    ax.set_axis_off()
    for x, fill, words in ((1.5, "white", "as they came"), (30, INK, "weighted")):
        ax.plot(x, 2.4, marker="o", markersize=4.2, mfc=fill, mec=INK, clip_on=False)
        sheet.write(x + 2.5, 3.4, words)


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    first, second = (in_sentence(labels.arm(arm)) for arm in labels.plan.arms[:2])
    ends = [format_fixed(source[column].abs().max(), 2) for column in ("before", "after")]
    caption = (
        f"Before and after weighting: what the groups differ by at day 0, {second} minus {first}, in standard deviations before "
        f"weighting. Grey: up to {format_fixed(LITTLE, 1)}, which is little. What was not measured may differ still."
    )
    said = [
        f"{in_sentence(place_words(rows.iloc[0], labels, source))}: "
        + "; ".join(
            f"{in_sentence(row['name'])} {format_fixed(row['before'], 2)} before and {format_fixed(row['after'] + 0.0, 2)} after"
            for row in rows.to_dict("records")
        )
        for _, rows in source.groupby(PLACE, sort=False)
    ]
    alternative = f"Dot plot of {len(source)} standardised differences, at most {ends[0]} before and {ends[1]} after. "
    return " ".join([caption, *withheld_note(source)]), alternative + ". ".join(said) + "."
