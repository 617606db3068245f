"""How the error rate of a family moves: a circle for each hypothesis with its weight, arrows for where it goes once rejected."""

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from needling.figures.style import INK, PAPER, Profile, new_figure, panel_head, wrapped
from needling.labels.sentences import in_sentence, listed, sentence, spaced
from needling.labels.words import FAMILIES, Labels
from needling.study.families import Hypothesis

WIDE = 120.0  # mm: from here on an ellipse lies


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
    """Draw a panel for each family."""
    groups = list(source.groupby("family", sort=False))
    figure = new_figure(profile.width, 12 + (92 if profile.width >= WIDE else 128) * len(groups))
    for ax, (name, rows) in zip(figure.subplots(len(groups), 1, squeeze=False)[:, 0], groups, strict=True):
        family = labels.plan.families[str(name)]
        head = f"{sentence(FAMILIES[family.method])}, level {family.level:g}"
        told = {label: hypothesis_words(label, family.hypotheses[label], labels) for label in family.hypotheses}
        panel(panel_head(ax, labels.family(str(name)), head), rows, told, profile.small, profile.width < WIDE)
    return figure


def hypothesis_words(label: str, one: Hypothesis, labels: Labels) -> str:
    """Words for a hypothesis: the outcome, cohort and arms that tell it apart; its own name where it names none of them."""
    told = [labels.outcome(one.outcome)] if one.outcome else []
    told += [labels.cohort(one.cohort)] if one.cohort else []
    told += [labels.arm(one.arm)] if one.arm else []
    told += [f"against {in_sentence(labels.arm(one.reference))}"] if one.reference else []
    return ", ".join([*told[:1], *(in_sentence(word) for word in told[1:])]) or sentence(spaced(label))


def panel(ax: Axes, rows: pd.DataFrame, told: dict[str, str], size: float, tall: bool = False) -> Axes:
    """Draw one family: hypotheses on an ellipse, lying or standing, or in a line where there are three or fewer."""
    names = list(rows.loc[rows["to"] == "", "hypothesis"])
    n = len(names)
    turn = [math.pi / 2 - 2 * math.pi * i / n for i in range(n)]
    across, down = (1.0, 1.7) if tall else (1.7, 1.0)
    ring = {name: (across * math.cos(t), down * math.sin(t)) for name, t in zip(names, turn, strict=True)}
    line = {name: (0.0, -1.1 * i) if tall else (1.3 * i, 0.0) for i, name in enumerate(names)}
    places = ring if n > 3 else line
    for row in rows[rows["to"] != ""].to_dict("records"):
        start, end = places[row["hypothesis"]], places[row["to"]]
        arrow: Any = {
            "arrowstyle": "-|>",
            "mutation_scale": 9,
            "shrinkA": 31,
            "shrinkB": 31,
            "color": INK,
            "linewidth": 0.9,
        }
        ax.add_patch(FancyArrowPatch(start, end, connectionstyle="arc3,rad=0.12", **arrow))
        aside = (end[1] - start[1], start[0] - end[0])
        x, y = (start[i] + 0.5 * (end[i] - start[i]) + 0.06 * aside[i] for i in (0, 1))
        box: Any = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"}
        ax.text(x, y, f"{row['weight']:.2g}", ha="center", va="center", fontsize=size, bbox=box)
    for row in rows[rows["to"] == ""].to_dict("records"):
        x, y = places[row["hypothesis"]]
        ax.plot(x, y, marker="o", markersize=62, markerfacecolor=PAPER, markeredgecolor=INK, linestyle="")
        ax.text(
            x,
            y,
            f"{wrapped(told[row['hypothesis']], 18, size)}\n{row['weight']:.2g}",
            ha="center",
            va="center",
            fontsize=size,
        )
    x, y = zip(*places.values(), strict=True)
    ax.set(xlim=(min(x) - 0.6, max(x) + 0.6), ylim=(min(y) - 0.5, max(y) + 0.5))
    ax.set_aspect("equal")
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
