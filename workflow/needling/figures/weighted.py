"""Two groups before and after weighting: a line for each characteristic, a ring where it was and a dot where it is."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from needling.figures.intervals import difference_axis
from needling.figures.style import FAINT, INK, LEADING, Profile, Sheet, text_width, wrapped
from needling.labels.numbers import format_fixed
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.weighted import PLACE, place_words, shown
from needling.tables.withheld import withheld_note

LITTLE = 0.1  # of a standard deviation (Austin 2009, Statistics in Medicine 28:3083)
STEP, HEAD, AXIS, KEY, GUTTER, LEAST, EDGE = 4.6, 7.5, 10.0, 6.0, 8.0, 34.0, 4.0
# mm; LEAST: narrowest panel; EDGE: right of the last one, for half of the last number below it


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the differences that are known, at the primary visit where it is asked about, else at the first one."""
    rows = shown(released, labels, "figure", "weighted")
    rows = rows[rows["before"].notna() & rows["after"].notna()]
    at = rows["visit"].eq(labels.plan.visits.primary)
    first = rows.groupby(PLACE[:3])["visit"].transform("first").eq(rows["visit"])
    has = at.groupby([rows[name] for name in PLACE[:3]]).transform("any")
    return rows[at | (~has & first)].reset_index(drop=True)


def panel(ax: Axes, rows: pd.DataFrame, step: float = STEP) -> Axes:
    """Draw the lines of one comparison, the first on top."""
    at = [step * (i + 0.5) for i in range(len(rows))]
    difference_axis(ax, ax.get_xlim(), 5, LITTLE)
    ax.hlines(at, rows["before"], rows["after"], color=FAINT, linewidth=0.8, zorder=2)
    ax.plot(rows["before"], at, linestyle="", marker="o", markersize=4.2, mfc="white", mec=INK, zorder=3)
    ax.plot(rows["after"], at, linestyle="", marker="o", markersize=4.2, color=INK, zorder=4)
    return ax


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw the comparisons on one scale: side by side where all have the same characteristics and there is room."""
    groups = [rows.reset_index(drop=True) for _, rows in source.groupby(PLACE, sort=False)]
    told = {name: wrapped(name, 0.42 * profile.width, profile.type) for name in source["name"].unique()}
    left = max(text_width(words, profile.type) for words in told.values()) + 3
    alike = all(list(one["name"]) == list(groups[0]["name"]) for one in groups)
    step = max(STEP, 1.4 + LEADING * profile.type * (1 + max(words.count("\n") for words in told.values())))
    room = int((profile.width - left - EDGE + GUTTER) // (LEAST + GUTTER))
    across = max(1, min(len(groups), room)) if alike else 1
    across = next(one for one in range(across, 0, -1) if len(groups) % one == 0)
    width = profile.width_of(across)
    wide = (width - left - EDGE - (across - 1) * GUTTER) / across
    reach = 1.12 * max(2 * LITTLE, float(source[["before", "after"]].abs().to_numpy().max()))
    blocks = [groups[i : i + across] for i in range(0, len(groups), across)]
    # alone in its line a title has the width of the sheet
    of_title = wide if across > 1 else width
    titles = [
        [wrapped(place_words(one.iloc[0], labels, source), of_title, profile.head, 600) for one in b] for b in blocks
    ]
    heads = [HEAD + LEADING * profile.head * max(words.count("\n") for words in block) for block in titles]
    sheet = Sheet(width, KEY + sum(h + step * len(b[0]) + AXIS for h, b in zip(heads, blocks, strict=True)))
    _key(sheet)
    y = KEY
    for block, head, named in zip(blocks, heads, titles, strict=True):
        height = step * len(block[0])
        for i, name in enumerate(block[0]["name"]):
            further = LEADING / 2 * profile.type * told[name].count("\n")
            sheet.write(0, y + head + step * (i + 0.5) + 0.16 * profile.type + further, told[name])
        for place, (rows, words) in enumerate(zip(block, named, strict=True)):
            x = left + place * (wide + GUTTER)
            sheet.write(x if across > 1 else 0, y + head - HEAD + 4.4, words, fontweight=600, fontsize=profile.head)
            ax = sheet.panel(x, y + head, wide, height, xlim=(-reach, reach), ylim=(height, 0))
            panel(ax, rows, step).set_xlabel(
                "Standardised difference, SD" if wide > 38 else "Difference, SD", color=FAINT
            )
        y += head + height + AXIS
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
        f"weighting. Grey: up to {format_fixed(LITTLE, 1)}, which is little. What is not shown, measured or not, may differ still."
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
