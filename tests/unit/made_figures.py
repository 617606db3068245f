"""Figures of made studies, and what a reader sees of them."""

import pandas as pd
import pytest
from made_results import (
    shown,
)
from matplotlib.colors import to_hex
from matplotlib.text import Text

from needling.figures.draw import figures
from needling.figures.style import (
    BAND,
    REPORT,
    style,
)

FIGURES = figures()


# Of kinds and tables that the made studies do not ask for; their own tests draw them.
ELSEWHERE = {"events", "delivered", "soreness", "responses", "twin", "families", "whom", "beside", "rule"}


ELSEWHERE |= {"guesses", "clusters", "reached", "measures", "doses", "groups", "weighted", "clinics"}


OF_VISITS = sorted(set(FIGURES) - ELSEWHERE)


def with_sessions(released, labels):
    """Means along the day of a session, as an analysis of sessions gives them."""
    place = {
        "analysis": labels.plan.primary,
        "quantity": "mean",
        "unit": "0-10 points",
        "level": 0.95,
        "outcome": "pain_before",
    }
    rows = [
        {
            **place,
            "cohort": cohort,
            "arm": arm,
            "at": f'{{"day": {day}}}',
            "estimate": e,
            "low": e - 0.4,
            "high": e + 0.4,
        }
        for cohort in labels.plan.cohorts
        for i, arm in enumerate(labels.plan.arms or [""])
        for day in (0, 10, 30)
        for e in [6 - 0.05 * day * (1 + i)]
    ]
    released["results"] = pd.concat([released["results"], pd.DataFrame(rows)], ignore_index=True)
    released["methods"].loc[len(released["methods"])] = [labels.plan.primary, "figure", "sessions"]


def with_moderator(released, labels, better="lower"):
    """Differences along a number at baseline, as a model of the study file gives them."""
    plan = labels.plan
    place = {
        "analysis": plan.primary,
        "quantity": "difference",
        "unit": "points",
        "level": 0.95,
        "better": better,
        "visit": "week_4",
    }
    rows = [
        {
            **place,
            "cohort": cohort,
            "outcome": outcome,
            "site": site,
            "arm": arm,
            "reference": plan.arms[0],
            "at": f'{{"age": {x}}}',
        }
        | {"estimate": e, "low": e - 0.7, "high": e + 0.7}
        for cohort, outcome, site in labels.places
        for i, arm in enumerate(plan.arms[1:])
        for x in (60, 20, 40)
        for e in [-0.02 * x * (1 + i)]
    ]
    released["results"] = pd.concat([released["results"], pd.DataFrame(rows)], ignore_index=True).fillna(
        {"hidden": "", "site": ""}
    )
    released["methods"].loc[len(released["methods"])] = [plan.primary, "figure", "along"]


def drawn(name, make, change=None, per_arm=60, sizes=REPORT):
    """Draw a figure of a study: figure, source, caption and alternative."""
    released, labels = shown(make, per_arm)
    if name == "sessions":
        with_sessions(released, labels)
    if name == "along" and labels.plan.arms:
        with_moderator(released, labels)
    if change:
        change(released)
    room = FIGURES[name]
    source = room.data(released, labels)
    if source.empty:
        pytest.skip("no analysis of this study asks for it; another study here does")
    with style(sizes):
        figure = room.draw(source, labels, sizes)
    return figure, source, *room.words(source, labels)


def drawn_texts(figure):
    """Texts that a reader sees: ticks beyond the axis' ends exist too, but are not drawn."""
    with style():
        figure.draw_without_rendering()
    texts = {t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()}
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            seen = {tick.label1 for tick in axis._update_ticks()} | {axis.label} if ax.axison else set()
            texts -= set(axis.findobj(Text)) - seen
    return sorted(texts, key=lambda t: t.get_window_extent().bounds)


def words_that_do_not_fit(figure):
    """What a reader would see of words: those cut at the edge of a figure, and those that lie on others."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in drawn_texts(figure)]
    width, height = figure.bbox.size
    cut = [words for words, box in boxes if min(box.x0, box.y0) <= -2 or box.x1 >= width + 2 or box.y1 >= height + 2]
    upon = [
        (one, other)
        for i, (one, a) in enumerate(boxes)
        for other, b in boxes[i + 1 :]
        if min(a.x1, b.x1) - max(a.x0, b.x0) >= 2 and min(a.y1, b.y1) - max(a.y0, b.y0) >= 2
    ]
    return cut, upon


def place_of(figure, words):
    """Middle of a text above the plots, as a share of the figure's width."""
    with style():
        figure.draw_without_rendering()
    edge = figure.axes[0].get_position().x0
    boxes = [t.get_window_extent() for t in figure.texts if t.get_text().startswith(words)]
    middles = [(box.x0 + box.x1) / 2 / figure.bbox.width for box in boxes]
    return [x for x in middles if x > edge]


def plots(figure):
    """The axes with their zero, as a share of the figure's width, and the estimates that are drawn."""
    found = []
    for ax in figure.axes:
        zero = figure.transFigure.inverted().transform(ax.transData.transform((0, 0)))[0]
        found.append((zero, [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "s"]))
    return found


def bands(figure):
    """Left and right end of the shaded side of each plot."""
    found = [patch for ax in figure.axes for patch in ax.patches if to_hex(patch.get_facecolor()) == BAND]
    return [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in found]
