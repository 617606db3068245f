"""Do the residuals of the primary analysis look as its model says?"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from needling.figures.panels import named
from needling.figures.style import FAINT, INK, SCALE, Profile, light_grid, new_figure, panel_head, room_for_heads
from needling.labels.numbers import format_fixed
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.withheld import NOT_DRAWN, withheld_note

PLACE = ["cohort", "outcome", "site"]
COLUMNS = [*PLACE, "plot", "x", "residual", "low", "high", "hidden"]


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Put quantiles and bins of the scaled residuals of the primary analysis into one table.

    Returns
    -------
    One row per point: cohort, outcome, site, plot (quantiles or bins), x (normal quantile or mean fitted value), residual
    (scaled), low, high (10th and 90th percentile in a bin; empty for quantiles), hidden (why points of its panel are not there
    or have no percentiles; empty where all are shown).
    """
    found = []
    for plot, name, x in (("quantiles", "residual_quantiles", "normal"), ("bins", "residual_bins", "fitted")):
        rows = released.get(name, pd.DataFrame(columns=["analysis"]))
        rows = rows[rows["analysis"] == labels.plan.primary]
        if len(rows):
            hidden = rows.groupby(PLACE)["hidden"].transform("max")
            rows = rows.assign(plot=plot, hidden=hidden).rename(columns={x: "x"})
            found.append(rows[rows["residual"].notna()].reindex(columns=COLUMNS))
    if not found:
        return pd.DataFrame(columns=COLUMNS)
    order = {place: number for number, place in enumerate(labels.places)}
    points = pd.concat(found, ignore_index=True)
    points["_place"] = [order[place] for place in points[PLACE].itertuples(index=False, name=None)]
    return points.sort_values(["_place", "plot", "x"], ascending=[True, False, True], ignore_index=True)[COLUMNS]


def quantile_panel(ax: Axes, points: pd.DataFrame) -> Axes:
    """Draw residual quantiles against those of the normal distribution, with the line of equality; say where none may be shown."""
    if points.empty:
        ax.set_axis_off()
        ax.text(0.5, 0.5, "Not shown:\nfew people", transform=ax.transAxes, ha="center", va="center", color=FAINT)
        return ax
    ax.axline((0, 0), slope=1, color=FAINT, linewidth=0.9)
    ax.plot(points["x"], points["residual"], linestyle="none", marker="o", markersize=3, color=INK)
    reach = 1.1 * max(1.0, points[["x", "residual"]].abs().max().max())
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="Normal quantile", ylabel="Scaled residual")
    return light_grid(ax, "both")


def bin_panel(ax: Axes, bins: pd.DataFrame, unit: str) -> Axes:
    """Draw the mean residual in each bin of the fitted value, with its 10th to 90th percentile."""
    ax.axhline(0, color=FAINT, linewidth=0.9)
    ax.vlines(bins["x"], bins["low"], bins["high"], color=INK, linewidth=1, alpha=0.6)
    ax.plot(bins["x"], bins["residual"], linestyle="none", marker="o", markersize=3, color=INK)
    ax.set(xlabel=f"Fitted value\n({unit})" if unit else "Fitted value", ylabel="Scaled residual")
    return light_grid(ax, "both")


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a pair of panels for each cohort and outcome, two pairs side by side."""
    here = set(source[PLACE].itertuples(index=False, name=None))
    shown = [place for place in labels.places if place in here]
    pairs = profile.across(min(2, len(shown)), 85)
    rows = -(-len(shown) // pairs)
    figure = new_figure(profile.width_of(2 * pairs), 52 * rows + 4)
    axes = figure.subplots(rows, 2 * pairs, squeeze=False)
    for number, place in enumerate(shown):
        left, right = axes[number // pairs][2 * (number % pairs) :][:2]
        mine = source[(source[PLACE] == list(place)).all(axis=1)]
        quantile_panel(left, mine[mine["plot"] == "quantiles"])
        bin_panel(right, mine[mine["plot"] == "bins"], labels.measure(*place).unit)
        head = labels.outcome(*place[1:])
        title = f"{labels.cohort(place[0])}: {in_sentence(head)}" if len(labels.plan.cohorts) > 1 else head
        panel_head(left, title, room=profile.width_of(2 * pairs) / pairs - SCALE)
        right.set_ylabel("")
    room_for_heads(figure, axes)
    for ax in axes.ravel()[2 * len(shown) :]:
        ax.set_axis_off()
    return figure


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    caption = f"Residuals of the primary analysis, {named(source, labels)}."
    if source["plot"].eq("quantiles").any():
        caption += (
            " Left of each pair: quantiles of the scaled residuals against the normal distribution, with the line on which they "
            "would lie."
        )
    bins = source[source["plot"] == "bins"]
    if len(bins):
        all_have, some_have = bins["low"].notna().all(), bins["low"].notna().any()
        what = "mean and 10th to 90th percentile" if all_have else "mean"
        where = ", with their 10th to 90th percentile where it may be shown" if some_have and not all_have else ""
        caption += f" Right: {what} of the scaled residuals in bins of the fitted value{where}."
    if withheld_note(source):
        caption += f" {NOT_DRAWN}"
    told = []
    for place, points in source.groupby(PLACE, sort=False):
        cohort, outcome, site = map(str, place)
        name = f"{labels.cohort(cohort)}, {in_sentence(labels.outcome(outcome, site))}"
        told.append(f"{name}: {' and '.join(_seen(points))}")
    return caption, f"Pairs of residual plots. {'; '.join(told)}."


def _seen(points: pd.DataFrame) -> list[str]:
    """How far the residuals of one model are from what it says of them."""
    quantiles, bins = (points[points["plot"] == plot] for plot in ("quantiles", "bins"))
    apart = (quantiles["residual"] - quantiles["x"]).abs().max()
    ends = " to ".join(format_fixed(bins["residual"].agg(end), 1) for end in ("min", "max"))
    far = [f"quantiles at most {format_fixed(apart, 1)} from the line"] if len(quantiles) else []
    return [*far, *([f"means of bins from {ends}"] if len(bins) else [])]
