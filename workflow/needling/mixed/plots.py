"""Pictures of a fit: quick looks for whoever works with it, on axes that are given or new.

Matplotlib is imported only here, and its backend is never chosen: without pyplot a figure is made that any backend can show.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from .errors import MixedModelError
from .inference import Asked

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "0.6"
NUMBERS = ("estimate", "se", "df", "statistic", "p", "low", "high", "status")


def axes(given: Any) -> Axes:
    """Give the axes to draw on: those given, pyplot's where someone already uses it, or a figure of its own."""
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    if given is not None:
        if not isinstance(given, Axes):
            raise MixedModelError(f"`ax` must be matplotlib's Axes, not {type(given).__name__}.")
        return given
    pyplot = sys.modules.get("matplotlib.pyplot")
    figure = pyplot.figure(layout="constrained") if pyplot else Figure(layout="constrained")
    return figure.subplots()


def means(table: pd.DataFrame, by: list[str], outcome: str, ax: Axes) -> None:
    """Draw marginal means with intervals: the first variable along the axis, a line for each combination of the others."""
    _lines(table, by[0], by[1:], ax)
    ax.set(xlabel=by[0], ylabel=f"Mean of {outcome}")


def contrast(table: pd.DataFrame, by: list[str], outcome: str, ax: Axes) -> None:
    """Draw contrasts with intervals: along the first variable of `by`, or below each other; a line at no difference."""
    along = by[0] if by else "contrast"
    _lines(table, along, [*by[1:], "contrast"] if by else [], ax)
    ax.axhline(0, color=GREY, linewidth=1, zorder=0)
    ax.set(xlabel=along, ylabel=f"Difference of {outcome}")


def _lines(table: pd.DataFrame, along: str, others: list[str], ax: Axes) -> None:
    """Draw estimates and intervals along a variable, one line per combination of the others, side by side."""
    numeric = pd.api.types.is_numeric_dtype(table[along])
    places = list(dict.fromkeys(table[along]))
    order = {value: number for number, value in enumerate(places)}
    at = np.array([float(value) if numeric else order[value] for value in table[along]])
    groups = list(table.groupby(others, observed=True, sort=False)) if others else [((), table)]
    step = 0.02 * (at.max() - at.min() or 1.0)
    for number, (label, part) in enumerate(groups):
        x = at[part.index] + (number - (len(groups) - 1) / 2) * step
        reach = [part["estimate"] - part["low"], part["high"] - part["estimate"]]
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        name = ", ".join(str(one) for one in label)
        line = "-" if len(part) > 1 and (numeric or along != "contrast") else "none"
        ax.errorbar(x, part["estimate"], yerr=reach, color=colour, marker=marker, linestyle=line, capsize=3, label=name)
    if not numeric:
        ax.set_xticks(range(len(places)), [str(value) for value in places])
    if len(groups) > 1 or (groups and groups[0][0]):
        ax.legend()


def residuals(fitted: pd.Series, scaled: pd.Series, outcome: str, ax: Axes) -> None:
    """Draw residuals, scaled to be uncorrelated with variance one, against fitted values; two SD are dashed."""
    ax.plot(fitted, scaled, ".", color=COLOURS[0], alpha=0.5, markersize=4)
    ax.axhline(0, color=GREY, linewidth=1)
    for height in (-2, 2):
        ax.axhline(height, color=GREY, linewidth=1, linestyle="--")
    ax.set(xlabel=f"Fitted {outcome}", ylabel="Scaled residual")


def influence(table: pd.DataFrame, unit: str, ax: Axes) -> None:
    """Draw, for each estimate, how far it moves without one unit, in standard errors; the farthest are named."""
    rows = list(dict.fromkeys(table["row"]))
    for place, row in enumerate(rows):
        own = table[table["row"] == row]
        change = own["change_in_se"].to_numpy(dtype=float)
        ax.plot(change, np.full(len(own), place), "|", color=COLOURS[0], markersize=10)
        if np.isfinite(change).any():
            far = int(np.nanargmax(np.abs(change)))
            ax.annotate(
                str(own["left_out"].iloc[far]),
                (change[far], place),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize="small",
            )
    ax.axvline(0, color=GREY, linewidth=1, zorder=0)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel(f"Change without one {unit}, in standard errors")


def effects_of(table: pd.DataFrame, component: str | None, term: str | None = None) -> pd.DataFrame:
    """Give the predicted effects of one component and one of its terms: those named, or the first there are."""
    known = list(dict.fromkeys(table["component"]))
    if not known:
        raise MixedModelError("The model has no random effects.")
    component = component or known[0]
    if component not in known:
        raise MixedModelError(
            f"'{component}' has no random effects in this model; those that have: {', '.join(known)}."
        )
    own = table[table["component"] == component]
    terms = list(dict.fromkeys(own["term"]))
    term = term or terms[0]
    if term not in terms:
        raise MixedModelError(f"'{term}' is not a random effect of {component}; its effects are: {', '.join(terms)}.")
    return own[own["term"] == term]


def random_effects(table: pd.DataFrame, level: float, ax: Axes) -> None:
    """Draw predicted effects of one component and term with intervals, sorted."""
    own = table.sort_values("estimate", kind="stable").reset_index(drop=True)
    half = -ndtri((1 - level) / 2) * own["se"].fillna(0)
    ax.errorbar(own["estimate"], own.index, xerr=half, fmt=".", color=COLOURS[0], ecolor=GREY, elinewidth=1)
    ax.axvline(0, color=GREY, linewidth=1, zorder=0)
    few = len(own) <= 40
    ax.set_yticks(own.index if few else [], own["level"].astype(str) if few else [])
    ax.set(xlabel=f"Predicted effect ({own['term'].iloc[0]})", ylabel=own["component"].iloc[0])


def draw(fit: Any, kind: str, variable: Any, ax: Any, asked: dict[str, Any]) -> Axes:
    """Draw a picture of a fit; see `MixedFit.plot`."""
    kinds: dict[str, Callable[[], Axes]] = {
        "means": lambda: _means(fit, variable, ax, asked),
        "contrast": lambda: _contrast(fit, variable, ax, asked),
        "residuals": lambda: _residuals(fit, ax, asked),
        "influence": lambda: _influence(fit, variable, ax, asked),
        "random_effects": lambda: _random_effects(fit, variable, ax, asked),
    }
    if kind not in kinds:
        raise MixedModelError(f"'{kind}' is not a kind of plot; known are: {', '.join(kinds)}.")
    if not fit.usable:
        raise MixedModelError(f"The fit failed, so there is nothing to draw: {fit.message}")
    return kinds[kind]()


def _means(fit: Any, variable: Any, ax: Any, asked: dict[str, Any]) -> Axes:
    if not variable:
        raise MixedModelError("Means need the variables that tell them apart: fit.plot('means', ['visit', 'arm']).")
    _known("means", asked, fit.means, "by")
    table = fit.means(variable, **asked)
    ax = axes(ax)
    means(table, [name for name in table.columns if name not in NUMBERS], fit.model.design.outcome, ax)
    return ax


def _contrast(fit: Any, variable: Any, ax: Any, asked: dict[str, Any]) -> Axes:
    if variable is None:
        raise MixedModelError(
            "A contrast needs the variable that is compared: fit.plot('contrast', 'arm', by='visit')."
        )
    _known("a contrast", asked, fit.contrast, "variable")
    table = fit.contrast(variable, **asked)
    by = asked.get("by", ())
    ax = axes(ax)
    contrast(table, [by] if isinstance(by, str) else list(by), fit.model.design.outcome, ax)
    return ax


def _residuals(fit: Any, ax: Any, asked: dict[str, Any]) -> Axes:
    _nothing_else("residuals", asked)
    fitted, scaled = fit.fitted(), fit.residuals("scaled")
    ax = axes(ax)
    residuals(fitted, scaled, fit.model.design.outcome, ax)
    return ax


def _influence(fit: Any, variable: Any, ax: Any, asked: dict[str, Any]) -> Axes:
    _known("influence", asked, fit.influence, "of")
    table = fit.influence(fit.terms() if variable is None else variable, **asked)
    ax = axes(ax)
    influence(table, asked.get("by") or fit.model.design.subject_name, ax)
    return ax


def _random_effects(fit: Any, variable: Any, ax: Any, asked: dict[str, Any]) -> Axes:
    term, level = asked.pop("term", None), asked.pop("level", 0.95)
    _nothing_else("random_effects", asked)
    table = effects_of(fit.random_effects(), variable, term)
    ax = axes(ax)
    random_effects(table, level, ax)
    return ax


def _known(kind: str, asked: dict[str, Any], question: Callable[..., Any], given: str) -> None:
    """Refuse what the question behind a plot does not know, and what the plot's own `variable` already says."""
    names = set(inspect.signature(question).parameters) - {given}
    names |= Asked.__annotations__.keys() if "asked" in names else set()
    unknown = [name for name in asked if name not in names]
    if unknown == ["by"]:
        raise MixedModelError("A plot of means takes all variables as one list: fit.plot('means', ['visit', 'arm']).")
    if unknown:
        raise MixedModelError(f"A plot of {kind} knows no '{unknown[0]}'.")


def _nothing_else(kind: str, asked: dict[str, Any]) -> None:
    if asked:
        raise MixedModelError(f"A plot of {kind} knows no '{next(iter(asked))}'.")
