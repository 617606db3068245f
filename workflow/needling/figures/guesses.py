"""Bang's index of each arm at each time of asking, with intervals, between the names and the numbers."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from needling.figures.style import (
    FAINT,
    INK,
    PAPER,
    RULE,
    STRONG,
    Profile,
    Sheet,
    lines_below,
    looks,
    text_width,
    wrapped,
)
from needling.labels.numbers import MISSING, format_fixed
from needling.labels.sentences import in_sentence, listed
from needling.labels.words import Labels
from needling.tables.guesses import PLACE, guessed, heading, index_text
from needling.tables.withheld import withheld_note

SECTION = "guesses"
COLUMNS = ["row_id", *PLACE, "variant", "arm", "estimate", "low", "high", "level", "n_patients", "hidden"]
STEP, HEAD, TOP, AXIS = 5.2, 6.4, 11.0, 8.0  # mm: a row, a heading over rows, what stands over the plot, its axis
BELOW = 1.0  # mm: clear below the words that stand above their row
FEWEST = 40.0  # mm: the plot beside its names; with less the names stand above
ENDS = {-1.0: "all wrong", 0.0: "as by chance", 1.0: "all right"}


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the indices; nothing where none was formed."""
    found = guessed(released, labels, "figure")[COLUMNS]
    return found if found["estimate"].notna().any() else found.head(0)


def panel(ax: Axes, rows: pd.DataFrame, places: list[float], labels: Labels) -> Axes:
    """Draw the interval of each row of one arm at its place in millimetres from the top, in the look of its arm."""
    look = looks(labels.plan.arms)
    ax.axvline(0, color=INK, linewidth=0.7, zorder=1)
    for row, y in zip(rows.to_dict("records"), places, strict=True):
        if row["variant"] == "bang" and pd.notna(row["estimate"]):
            one = look[row["arm"]]
            ax.plot([row["low"], row["high"]], [y, y], color=one.colour, linewidth=STRONG, zorder=3)
            ax.plot(row["estimate"], y, **{**one.kwargs, "linestyle": "none"}, zorder=4)  # type: ignore[arg-type]
    ax.set(xlim=(-1, 1), yticks=[], xticks=[-1, -0.5, 0, 0.5, 1], xticklabels=["−1", "−0.5", "0", "0.5", "1"])
    ax.spines["left"].set_visible(False)
    return ax


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw one plot, a block of rows for each cohort and time of asking; on a narrow sheet names stand above their rows."""
    size = profile.type
    blocks = [(dict(zip(PLACE, map(str, key), strict=True)), rows) for key, rows in source.groupby(PLACE, sort=False)]
    arms = [labels.arm(arm) if arm else "Both arms (James)" for arm in source["arm"]]
    counts = [MISSING if pd.isna(n) else str(n) for n in source["n_patients"]]
    numbers = {row["row_id"]: index_text(row) for row in source.to_dict("records")}
    wide = 2.5 + max(text_width(text, size) for text in numbers.values())
    left = 3 + max(text_width(wrapped(arm, 44, size), size) for arm in arms)
    is_folded = profile.width - wide - left - 22 < FEWEST
    if is_folded:
        arms = [f"{arm}, n = {n}" for arm, n in zip(arms, counts, strict=True)]
    room = profile.width - 4 if is_folded else 44
    names = dict(zip(source.index, [wrapped(arm, room, size) for arm in arms], strict=True))
    n_of = dict(zip(source.index, counts, strict=True))
    deep = max(3.3 * size / 7.5 * (1 + name.count("\n")) for name in names.values())
    step = deep + STEP if is_folded else max(STEP, 2.0 + deep)
    heads = [wrapped(heading(place, labels), profile.width, size, 600) for place, _ in blocks]
    over = [HEAD + lines_below(head, size) if head else 0.0 for head in heads]
    tall = sum(over) + step * sum(len(rows) for _, rows in blocks)
    sheet = Sheet(profile.width, TOP + tall + AXIS)
    n_at = left + 12
    plot = (2.0 if is_folded else n_at + 6, profile.width - wide - 4)
    base = TOP - 2.5
    if not is_folded:
        sheet.write(n_at, base, "n", ha="right", fontweight=500)
    level = f"({100 * float(source['level'].iloc[0]):g}% CI)"
    sheet.write(profile.width - wide, base, f"Index {level}", fontweight=500)
    _over_the_plot(sheet, plot, base, profile)
    sheet.rule(0, profile.width, base + 1.4, INK, 0.8)
    y, places, worded = TOP, [], []  # worded: from where to where words stand over the plot of a narrow sheet
    for head, above, (_, rows) in zip(heads, over, blocks, strict=True):
        if head:
            sheet.write(0, y + above - 2.4, head, fontweight=600)
            worded.append((y, y + above))
            y += above
        for index, row in rows.iterrows():
            # a folded row has its name above the line on which interval and number stand
            place = y + (deep + STEP / 2 if is_folded else step / 2)
            further = 0.42 * size * names[index].count("\n")
            name_at = y + 0.42 * size + further if is_folded else place + 0.15 * size + further / 2
            sheet.write(3 if head and not is_folded else 0, name_at, names[index])
            if not is_folded:
                sheet.write(n_at, place + 0.15 * size, n_of[index], ha="right")
            sheet.write(profile.width - wide, place + 0.15 * size, numbers[row["row_id"]])
            places.append(place)
            worded.append((y, y + deep + BELOW))
            y += step
        if len(places) < len(source):
            sheet.rule(0, profile.width, y, RULE, 0.5)
    ax = sheet.panel(plot[0], TOP, plot[1] - plot[0], tall)
    for start, end in (
        worded if is_folded else ()
    ):  # no line runs through words, nor touches what hangs below their line
        ax.axhspan(start, end, color=PAPER, linewidth=0, zorder=1.5)
    ordered = pd.concat([rows for _, rows in blocks])
    panel(ax, ordered, places, labels).set_ylim(TOP + tall, TOP)
    return sheet.figure


def _over_the_plot(sheet: Sheet, plot: tuple[float, float], base: float, profile: Profile) -> None:
    """Say what the plot shows and what its ends mean, as far as there is room."""
    middle, room = sum(plot) / 2, plot[1] - plot[0]
    left, centre, right = (text_width(one, profile.small) for one in ENDS.values())
    has_room = max(left, right) + centre / 2 < room / 2 - 1
    title = "Right less wrong guesses (Bang’s index)"
    title = title if text_width(title, profile.type, 500) <= room else "Bang’s index"
    sheet.write(middle, base - (4.0 if has_room else 0.0), title, ha="center", fontweight=500)
    for x, ha in ((-1.0, "left"), (0.0, "center"), (1.0, "right")) if has_room else ():
        at = middle + x * room / 2
        sheet.write(at, base, ENDS[x], ha=ha, color=FAINT, fontsize=profile.small)


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    level = f"{100 * float(source['level'].iloc[0]):g}%"
    caption = (
        f"What patients guessed of their arm: Bang’s index of each arm with {level} score intervals (0 as by chance). James’s "
        "index of both arms (0 all right, 0.5 as by chance, 1 nobody knew) is on another scale and stands as a number. n: "
        "patients who answered."
    )
    told = []
    for key, rows in source.groupby(PLACE, sort=False):
        place = heading(dict(zip(PLACE, map(str, key), strict=True)), labels)
        parts = [
            f"{in_sentence(labels.arm(row['arm'])) if row['arm'] else 'both arms (James)'} "
            f"{format_fixed(row['estimate'], 2)} ({format_fixed(row['low'], 2)} to {format_fixed(row['high'], 2)})"
            for row in rows.to_dict("records")
            if pd.notna(row["estimate"])
        ]
        told.append(f"{place}: {listed(parts)}" if place else listed(parts))
    return " ".join([caption, *withheld_note(source)]), f"Intervals by arm. {'; '.join(told)}."
