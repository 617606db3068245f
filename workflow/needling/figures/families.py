"""How the error rate of a family moves: a circle for each hypothesis with its weight, arrows for where it goes once rejected."""

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

from needling.figures.style import FAINT, INK, LEADING, LINE, MM, PAPER, Profile, Sheet, text_width, wrapped
from needling.labels.sentences import in_sentence, listed, sentence, spaced
from needling.labels.words import FAMILIES, Labels
from needling.study.families import Hypothesis

RADII = (10.0, 11.0, 12.0, 13.0, 14.0, 15.0)  # mm: of circles with words, the smallest in which all have room
NUMBERED = 6.0  # mm: of circles with a number in place of the words, which then stand below
APART, MOST = 11.0, 62.0  # mm: between two circles, from the middle to the furthest


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take weights and arrows of the families that name their hypotheses: a row per hypothesis, and one per arrow (`to`)."""
    rows = []
    for name, family in labels.plan.families.items():
        for label in family.hypotheses:
            rows.append({"family": name, "hypothesis": label, "to": "", "weight": family.starts[label]})
            rows += [
                {"family": name, "hypothesis": label, "to": to, "weight": g}
                for to, g in family.arrows[label].items()
                if g
            ]
    return pd.DataFrame(rows, columns=["family", "hypothesis", "to", "weight"])


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a graph for each family, and below it the words of hypotheses that have no room in their circles."""
    graphs = [_Graph(str(name), rows, labels, profile) for name, rows in source.groupby("family", sort=False)]
    sheet = Sheet(profile.width, sum(graph.height for graph in graphs))
    y = 0.0
    for graph in graphs:
        graph.drawn(sheet, y)
        y += graph.height
    return sheet.figure


class _Graph:
    """The graph of one family: how large its circles are, where they stand, what stands over and under them; all in mm."""

    def __init__(self, name: str, rows: pd.DataFrame, labels: Labels, profile: Profile) -> None:
        family = labels.plan.families[name]
        self.rows, self.profile = rows, profile
        self.title = wrapped(labels.family(name), profile.width, profile.head, 600)
        self.level = f"{sentence(FAMILIES[family.method])}, level {family.level:g}"
        own = rows[rows["to"] == ""]
        weights = dict(zip(own["hypothesis"], [f"{one:.2g}" for one in own["weight"]], strict=True))
        told = {one: hypothesis_words(one, family.hypotheses[one], labels) for one in weights}
        size = profile.small
        fitting = ((r, {one: _within(told[one], weights[one], r, size) for one in told}) for r in RADII)
        self.radius, self.inside = next(
            ((r, {one: str(words) for one, words in found.items()}) for r, found in fitting if all(found.values())),
            (NUMBERED, {one: f"{i}\n{weights[one]}" for i, one in enumerate(told, 1)}),
        )
        listed_below = told if self.radius == NUMBERED else {}
        self.below = [wrapped(f"{i}: {words}", profile.width, size) for i, words in enumerate(listed_below.values(), 1)]
        ends = {next(iter(told)), list(told)[-1]}
        is_row = not any({row["hypothesis"], row["to"]} == ends for row in rows.to_dict("records"))
        self.places = _places(list(told), self.radius, profile.width, len(told) < 3 or (len(told) == 3 and is_row))
        self.head = 4.0 + LEADING * (profile.head * (1 + self.title.count("\n")) + size)
        down = [y for _, y in self.places.values()]
        self.tall = max(down) - min(down) + 2 * self.radius + 4.0
        self.line = LEADING * size
        self.height = self.head + self.tall + sum(self.line * (1.2 + words.count("\n")) for words in self.below) + 4.0

    def drawn(self, sheet: Sheet, y: float) -> None:
        """Draw it from y on."""
        size, width = self.profile.small, self.profile.width
        title = y + 0.8 + LEADING * self.profile.head * (1 + self.title.count("\n"))
        sheet.write(0, title - 0.6, self.title, fontsize=self.profile.head, fontweight=600)
        sheet.write(0, title + self.line, self.level, fontsize=size, color=FAINT)
        top = min(y for _, y in self.places.values()) - self.radius - 2.0
        limits = {"xlim": (-width / 2, width / 2), "ylim": (top + self.tall, top)}
        ax = sheet.panel(0, y + self.head, width, self.tall, **limits)
        panel(ax, self.rows, self.places, self.inside, self.radius, size)
        y += self.head + self.tall
        for words in self.below:
            y += self.line * (1.2 + words.count("\n"))
            sheet.write(0, y, words, fontsize=size)


def _within(words: str, weight: str, radius: float, size: float) -> str:
    """Words and weight in lines that lie within a circle with no word broken; empty where there are none."""
    for share in (1.75, 1.65, 1.55, 1.4, 1.25):
        width = share * radius
        if max(text_width(word, size) for word in words.split()) > width:
            return ""
        lines = [*wrapped(words, width, size).split("\n"), weight]
        tall = LEADING * size * len(lines)
        corners = [
            math.hypot(
                text_width(line, size) / 2, max(abs(i / len(lines) - 0.5), abs((i + 1) / len(lines) - 0.5)) * tall
            )
            for i, line in enumerate(lines)
        ]
        if max(corners) < radius - 0.6:
            return "\n".join(lines)
    return ""


def _places(names: list[str], radius: float, width: float, is_row: bool) -> dict[str, tuple[float, float]]:
    """Middles of the circles around 0: few of which no arrow passes another in a line, else on an ellipse that keeps them apart."""
    n, apart = len(names), 2 * radius + APART
    if is_row:
        lies = (n - 1) * apart + 2 * radius < width
        return {name: ((i - (n - 1) / 2) * apart, 0.0) if lies else (0.0, i * apart) for i, name in enumerate(names)}
    across = min(width / 2 - radius - 1, MOST)
    for down in range(10, 2000, 2):
        turn = [2 * math.pi * i / n - math.pi / 2 for i in range(n)]
        found = [(across * math.cos(t), down * math.sin(t)) for t in turn]
        if min(math.dist(a, b) for i, a in enumerate(found) for b in found[:i]) >= apart:
            break
    return dict(zip(names, found, strict=True))


def hypothesis_words(label: str, one: Hypothesis, labels: Labels) -> str:
    """Words for a hypothesis: the outcome, cohort and arms that tell it apart; its own name where it names none of them."""
    told = [labels.outcome(one.outcome)] if one.outcome else []
    told += [labels.cohort(one.cohort)] if one.cohort else []
    told += [labels.arm(one.arm)] if one.arm else []
    told += [f"against {in_sentence(labels.arm(one.reference))}"] if one.reference else []
    return ", ".join([*told[:1], *(in_sentence(word) for word in told[1:])]) or sentence(spaced(label))


def panel(
    ax: Axes,
    rows: pd.DataFrame,
    places: dict[str, tuple[float, float]],
    inside: dict[str, str],
    radius: float,
    size: float,
) -> Axes:
    """Draw the circles of one family at their places with words inside, and the arrows between them."""
    shrink = (radius + 0.4) * 72 * MM
    for row in rows[rows["to"] != ""].to_dict("records"):
        start, end = places[row["hypothesis"]], places[row["to"]]
        arrow: Any = {
            "arrowstyle": "-|>",
            "mutation_scale": 9,
            "shrinkA": shrink,
            "shrinkB": shrink,
            "color": INK,
            "linewidth": 0.9,
        }
        ax.add_patch(FancyArrowPatch(start, end, connectionstyle="arc3,rad=0.12", **arrow))
        aside = (start[1] - end[1], end[0] - start[0])  # the scale runs downwards
        x, y = (start[i] + 0.5 * (end[i] - start[i]) + 0.06 * aside[i] for i in (0, 1))
        box: Any = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"}
        ax.text(x, y, f"{row['weight']:.2g}", ha="center", va="center", fontsize=size, bbox=box)
    for name, (x, y) in places.items():
        ax.add_patch(Circle((x, y), radius, facecolor=PAPER, edgecolor=INK, linewidth=LINE, zorder=2))
        ax.text(x, y, inside[name], ha="center", va="center", fontsize=size)
    ax.set_axis_off()
    return ax


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    caption = (
        "How the error rate moves: in each circle the share with which a hypothesis starts; once it is rejected, its share goes "
        "along the arrows."
    )
    told, named = (
        [],
        {
            label: hypothesis_words(label, one, labels)
            for family in labels.plan.families.values()
            for label, one in family.hypotheses.items()
        },
    )
    for (_, name), rows in source.groupby(["family", "hypothesis"], sort=False):
        own = rows.loc[rows["to"] == "", "weight"].iloc[0]
        to = [
            f"{in_sentence(named[row['to']])} ({row['weight']:.2g})"
            for row in rows[rows["to"] != ""].to_dict("records")
        ]
        told.append(f"{named[str(name)]} starts with {own:.2g}" + (f" and passes to {listed(to)}" if to else ""))
    return caption, f"Graph of hypotheses. {'; '.join(told)}."
