"""How the error rate of a family moves: a circle for each hypothesis with its weight, arrows for where it goes once rejected."""

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from needling.figures.style import COLOURS, INK, Profile, new_figure, panel_head
from needling.labels.sentences import listed, sentence, spaced
from needling.labels.words import FAMILIES, Labels


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
    figure = new_figure(profile.full, 12 + 92 * len(groups))
    for ax, (name, rows) in zip(figure.subplots(len(groups), 1, squeeze=False)[:, 0], groups, strict=True):
        family = labels.plan.families[str(name)]
        head = f"{sentence(FAMILIES[family.method])}, level {family.level:g}"
        panel(panel_head(ax, sentence(spaced(str(name))), head), rows, profile.small)
    return figure


def panel(ax: Axes, rows: pd.DataFrame, size: float) -> Axes:
    """Draw one family: hypotheses on a circle, or in a line where there are three or fewer."""
    names = list(rows.loc[rows["to"] == "", "hypothesis"])
    n = len(names)
    turn = [math.pi / 2 - 2 * math.pi * i / n for i in range(n)]
    places = {
        name: (1.7 * math.cos(t), math.sin(t)) if n > 3 else (1.3 * i, 0.0)
        for i, (name, t) in enumerate(zip(names, turn, strict=True))
    }
    for row in rows[rows["to"] != ""].to_dict("records"):
        start, end = places[row["hypothesis"]], places[row["to"]]
        arrow: Any = {
            "arrowstyle": "-|>",
            "mutation_scale": 9,
            "shrinkA": 21,
            "shrinkB": 21,
            "color": INK,
            "linewidth": 0.9,
        }
        ax.add_patch(FancyArrowPatch(start, end, connectionstyle="arc3,rad=0.12", **arrow))
        across = (end[1] - start[1], start[0] - end[0])
        x, y = (start[i] + 0.33 * (end[i] - start[i]) + 0.053 * across[i] for i in (0, 1))
        box: Any = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"}
        ax.text(x, y, f"{row['weight']:.2g}", ha="center", va="center", fontsize=size, bbox=box)
    for row in rows[rows["to"] == ""].to_dict("records"):
        x, y = places[row["hypothesis"]]
        ax.plot(x, y, marker="o", markersize=47, markerfacecolor="white", markeredgecolor=COLOURS[1], linestyle="")
        ax.text(
            x,
            y,
            f"{spaced(row['hypothesis']).replace(' ', chr(10))}\n{row['weight']:.2g}",
            ha="center",
            va="center",
            fontsize=0.8 * size,
        )
    ax.set(xlim=(-2.3, 2.3) if n > 3 else (-0.6, 1.3 * n - 0.7), ylim=(-1.35, 1.35) if n > 3 else (-0.7, 0.7))
    ax.set_aspect("equal")
    ax.set_axis_off()
    return ax


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    caption = (
        "How the error rate moves: in each circle the share with which a hypothesis starts; once it is rejected, its share goes "
        "along the arrows."
    )
    told = []
    for (_, name), rows in source.groupby(["family", "hypothesis"], sort=False):
        own = rows.loc[rows["to"] == "", "weight"].iloc[0]
        to = [f"{spaced(row['to'])} ({row['weight']:.2g})" for row in rows[rows["to"] != ""].to_dict("records")]
        told.append(f"{spaced(str(name))} starts with {own:.2g}" + (f" and passes to {listed(to)}" if to else ""))
    return caption, f"Graph of hypotheses. {'; '.join(told)}."
