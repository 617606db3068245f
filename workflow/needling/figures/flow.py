"""The participant flow: from the export to each outcome's analysis."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from needling.figures.style import FAINT, INK, MM, Profile
from needling.labels.sentences import in_sentence, sentence
from needling.labels.words import Labels
from needling.tables.withheld import HIDDEN, withheld_note

Line = tuple[str, str]


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the participant flow; a number that is not shown has the mark of it."""
    flow = released["flow"]
    return flow.assign(shown=[HIDDEN if pd.isna(n) else f"{n}" for n in flow["n"]])


def stages(source: pd.DataFrame, labels: Labels, cohort: str, arm: str) -> list[tuple[str, list[Line]]]:
    """List the boxes of one arm of one cohort, from above: heading, and lines of words and number."""
    mine = source[(source["cohort"] == cohort) & (source["arm"] == arm)]

    def lines(stage: str, column: str) -> list[Line]:
        rows = mine[mine["stage"] == stage]
        name = {"visit": labels.visit, "outcome": labels.outcome}[column]
        return [(name(row[column]), row["shown"]) for row in rows.to_dict("records")]

    boxes: list[tuple[str, list[Line]]] = []
    for stage, heading in (("allocated", "Allocated"), ("treated", "Treated")):
        rows = mine[mine["stage"] == stage]
        if len(rows):
            single = "In the cohort" if stage == "allocated" and not arm else heading
            boxes.append((f"{single}: {rows['shown'].iloc[0]}", []))
    followed = lines("followed", "visit")
    if followed:
        boxes.append(("Followed", followed))
    analysed = lines("analysed", "outcome")
    if analysed:
        boxes.append(("Analysed", analysed))
    return boxes


@dataclass(frozen=True)
class Sizes:
    """Measures of the diagram: type in points; line, padding and gap in mm."""

    type: float
    line: float
    pad: float = 2.2
    gap: float = 5.5

    def depth(self, lines: int) -> float:
        """Height of a box of so many lines."""
        return lines * self.line + 2 * self.pad

    def level(self, line: int) -> float:
        """Middle of a line, from the box's upper edge."""
        return self.pad + (line + 0.5) * self.line


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw boxes from above: exported, excluded by reason, enrolled, then a column per cohort and arm."""
    columns = [(cohort, arm) for cohort in labels.plan.cohorts for arm in labels.plan.arms or [""]]
    width, size = profile.full, Sizes(profile.small, profile.small * 0.46)
    slot = min(width / len(columns), 60.0)
    fits = int((slot - 11) / (size.type * 0.185))
    boxes = {place: [(h, _broken(lines, fits)) for h, lines in stages(source, labels, *place)] for place in columns}
    deepest = max(len(b) for b in boxes.values())
    depths = [size.depth(1 + max(len(b[i][1]) for b in boxes.values() if i < len(b))) for i in range(deepest)]
    head = _top_boxes(source)
    figure = Figure()
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    y = _draw_head(ax, head, width, size)
    left = (width - slot * len(columns)) / 2
    centres = {place: left + slot * (i + 0.5) for i, place in enumerate(columns)}
    y = _draw_names(ax, labels, centres, y, width / 2, size)
    for place, x in centres.items():
        _draw_column(ax, boxes[place], depths, (x, y), slot - 2.5, size)
    height = y + sum(depths) + size.gap * (len(depths) - 1) + 1
    ax.set(xlim=(0, width), ylim=(height, 0))
    figure.set_size_inches(width * MM, height * MM)
    return figure


def _broken(lines: list[Line], fits: int) -> list[Line]:
    """Put the number on a line of its own where the words leave no room for it."""
    broken: list[Line] = []
    for words, n in lines:
        broken += [(words, n)] if len(words) <= fits else [(words, ""), ("", n)]
    return broken


def _top_boxes(source: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    """Text of the boxes above the cohorts, with the side box that leaves after each."""
    by_stage = dict(iter(source.groupby("stage")))
    head: list[tuple[list[str], list[str]]] = []
    if "exported" in by_stage:
        head.append(([f"In the export: {by_stage['exported']['shown'].iloc[0]}"], []))
    if "excluded" in by_stage:
        reasons = [
            f"{sentence(row['reason']) or 'Few people'}: {row['shown']}"
            for row in by_stage["excluded"].to_dict("records")
        ]
        if head:
            head[-1] = (head[-1][0], ["Excluded", *(wrapped for r in reasons for wrapped in _wrap(r))])
    if "enrolled" in by_stage:
        head.append(([f"Enrolled: {by_stage['enrolled']['shown'].iloc[0]}"], []))
    return head


def _wrap(text: str, width: int = 46) -> list[str]:
    from textwrap import wrap

    first, *rest = wrap(text, width)
    return [first, *(f"   {more}" for more in rest)]


def _draw_head(ax: Axes, head: list[tuple[list[str], list[str]]], width: float, size: Sizes) -> float:
    """Draw the boxes above the cohorts; returns the lower edge of the last one."""
    y, middle, box = 1.0, width / 2, 44.0
    for number, (text, side) in enumerate(head):
        depth = size.depth(len(text))
        _box(ax, middle - box / 2, y, box, depth)
        for i, words in enumerate(text):
            _write(ax, middle, y + size.level(i), words, size, bold=True)
        if number == len(head) - 1:
            return y + depth
        following = y + depth + size.gap
        if side:
            beside, deep = y + depth + 2, size.depth(len(side))
            following = beside + deep + 2
            _box(ax, middle + 12, beside, width - middle - 13, deep)
            for i, words in enumerate(side):
                _write(ax, middle + 14, beside + size.level(i), words, size, align="left", bold=i == 0)
            _arrow(ax, middle, beside + deep / 2, middle + 12, beside + deep / 2)
        _arrow(ax, middle, y + depth, middle, following)
        y = following
    return y


def _draw_names(
    ax: Axes, labels: Labels, centres: dict[tuple[str, str], float], y: float, trunk: float, size: Sizes
) -> float:
    """Draw the branches to cohorts and arms with their names; returns where the columns start."""
    by_cohort = {cohort: [x for (c, _), x in centres.items() if c == cohort] for cohort in labels.plan.cohorts}
    middles = {cohort: sum(xs) / len(xs) for cohort, xs in by_cohort.items()}
    if len(middles) > 1:
        y = _branch(ax, trunk, list(middles.values()), y)
        for cohort, x in middles.items():
            _write(ax, x, y + size.line / 2, labels.cohort(cohort), size, bold=True)
        y += size.line + 0.6
    if not labels.plan.arms:
        _arrow(ax, trunk, y, trunk, y + 4) if len(middles) == 1 else None
        return y + (4 if len(middles) == 1 else 0.6)
    ends = [_branch(ax, middles[cohort], xs, y) for cohort, xs in by_cohort.items()]
    for (_, arm), x in centres.items():
        _write(ax, x, ends[0] + 0.4 + size.line / 2, labels.arm(arm), size, colour=FAINT)
    return ends[0] + size.line + 1.2


def _branch(ax: Axes, trunk: float, tips: list[float], y: float) -> float:
    level = y + 2.2
    ax.plot([trunk, trunk], [y, level], color=FAINT, linewidth=0.8)
    ax.plot([min(*tips, trunk), max(*tips, trunk)], [level, level], color=FAINT, linewidth=0.8)
    for x in tips:
        ax.plot([x, x], [level, level + 1.4], color=FAINT, linewidth=0.8)
    return level + 1.6


def _draw_column(
    ax: Axes,
    boxes: list[tuple[str, list[Line]]],
    depths: list[float],
    top: tuple[float, float],
    width: float,
    size: Sizes,
) -> None:
    x, y = top
    for number, ((heading, lines), depth) in enumerate(zip(boxes, depths, strict=False)):
        _box(ax, x - width / 2, y, width, depth)
        _write(ax, x, y + size.level(0), heading, size, bold=True)
        for i, (words, n) in enumerate(lines):
            _write(ax, x - width / 2 + 1.6, y + size.level(i + 1), words, size, align="left")
            _write(ax, x + width / 2 - 1.6, y + size.level(i + 1), n, size, align="right")
        if number < len(boxes) - 1:
            _arrow(ax, x, y + depth, x, y + depth + size.gap)
        y += depth + size.gap


def _write(
    ax: Axes,
    x: float,
    y: float,
    words: str,
    size: Sizes,
    *,
    align: str = "center",
    bold: bool = False,
    colour: str = INK,
) -> None:
    weight = "bold" if bold else "normal"
    ax.text(x, y, words, ha=align, va="center", fontsize=size.type, fontweight=weight, color=colour)


def _box(ax: Axes, x: float, y: float, width: float, height: float) -> None:
    shape = FancyBboxPatch(
        (x, y),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=1",
        linewidth=0.8,
        edgecolor=FAINT,
        facecolor="#f7f8fa",
    )
    ax.add_patch(shape)


def _arrow(ax: Axes, x0: float, y0: float, x1: float, y1: float) -> None:
    look = {"arrowstyle": "-|>", "color": FAINT, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 7}
    ax.annotate("", (x1, y1), (x0, y0), arrowprops=look)


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    treated = "Treated: with a session on record. " if (source["stage"] == "treated").any() else ""
    caption = (
        f"Participant flow. {treated}Followed: measured for any outcome at the visit. "
        "Analysed: in the model of the primary analysis, by outcome."
    )
    caption += "".join(f" {note}" for note in withheld_note(source))
    totals = source[source["stage"].isin(["exported", "enrolled"])]
    named = {"exported": "in the export", "enrolled": "enrolled"}
    said = ", ".join(f"{row['shown']} {named[row['stage']]}" for row in totals.to_dict("records"))
    arms = []
    for row in source[source["stage"] == "allocated"].to_dict("records"):
        arm = f", {in_sentence(labels.arm(row['arm']))}" if row["arm"] else ""
        arms.append(f"{labels.cohort(row['cohort'])}{arm}: {row['shown']}")
    return caption, f"Flow diagram of participants: {said}. {'; '.join(arms)}."
