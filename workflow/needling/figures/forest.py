"""The primary comparisons at the primary visit: estimates and intervals, one panel per scale and pair of arms."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from needling.figures.style import COLOURS, FAINT, INK, Profile, new_figure, panel_head
from needling.labels.numbers import format_estimate, format_interval
from needling.labels.sentences import in_sentence, sentence
from needling.labels.words import Labels
from needling.tables.select import RATIOS, asked_for, comparisons, in_order
from needling.tables.withheld import HIDDEN, withheld_note

TEXT_COLUMNS = ((0.26, "right"), (0.32, "left"), (1.0, "right"))
COLUMNS = [
    "row_id",
    "cohort",
    "outcome",
    "site",
    "quantity",
    "visit",
    "arm",
    "reference",
    "estimate",
    "low",
    "high",
    "level",
    "p",
    "p_adjusted",
]
COLUMNS += ["unit", "better", "n_patients", "status", "hidden"]


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the comparisons of the primary analysis at the primary visit; of a single arm, its course at every visit.

    Returns
    -------
    The results rows in the study file's order with the label of the measure.
    """
    plan, results = labels.plan, released["results"]
    if plan.primary not in asked_for(released, "figure", "forest"):
        return pd.DataFrame(columns=[*COLUMNS, "measure"])
    mine = comparisons(results[results["analysis"] == plan.primary])
    mine = mine[~mine["quantity"].isin(["interaction", "trend"]) & mine["variant"].eq("")]
    if plan.design != "single_arm":
        mine = mine[mine["role"] == plan.role(plan.primary)]
    mine = in_order(mine[COLUMNS], {"outcome": labels.outcomes, "cohort": list(plan.cohorts)})
    places = mine[["cohort", "outcome", "site"]].itertuples(index=False, name=None)
    return mine.assign(measure=[labels.measure(*place).label for place in places])


def panel(ax: Axes, rows: pd.DataFrame, labels: Labels, size: float) -> Axes:
    """Draw comparisons that share a scale, a direction and a pair of arms."""
    first = rows.iloc[0].to_dict()
    null = 1.0 if first["quantity"] in RATIOS else 0.0
    ax.axvline(null, color=INK, linewidth=0.8)
    for number, row in enumerate(rows.to_dict("records")):
        if pd.notna(row["estimate"]):
            ax.plot([row["low"], row["high"]], [number, number], color=COLOURS[1], linewidth=1.6, solid_capstyle="butt")
            ax.plot(row["estimate"], number, marker="s", color=COLOURS[1], markersize=5.5)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_yticks(range(len(rows)), [_row_label(row, labels) for row in rows.to_dict("records")])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    if null:
        ax.set_xscale("log")
    else:
        reach = max(abs(end) for end in [0.0, *rows["low"].dropna(), *rows["high"].dropna()]) or 1.0
        ax.set_xlim(-1.12 * reach, 1.12 * reach)
    for (x, align), text in zip(((0.49, "right"), (0.51, "left")), sides(first, labels), strict=True):
        place: Any = {"xycoords": "axes fraction", "textcoords": "offset points", "fontsize": size, "color": FAINT}
        ax.annotate(text, (x, 0), (0, -2.4 * size), ha=align, va="top", **place)
    return ax


def sides(row: dict[Any, Any], labels: Labels) -> tuple[str, str]:
    """What lies left and right of no difference: the arm that is better there, improvement of a single arm, or nothing."""
    if row["better"] not in ("lower", "higher"):
        return "", ""
    right_is_better = row["better"] == "higher"
    if not row["reference"]:
        return ("", "improvement →") if right_is_better else ("← improvement", "")
    better, other = in_sentence(labels.arm(row["arm"])), in_sentence(labels.arm(row["reference"]))
    left, right = (other, better) if right_is_better else (better, other)
    return f"← favours {left}", f"favours {right} →"


def numbers(ax: Axes, rows: pd.DataFrame, size: float) -> Axes:
    """Write estimate, interval and patients of each comparison in columns."""
    ax.set(xlim=(0, 1), ylim=(len(rows) - 0.4, -0.6))
    ax.set_axis_off()
    for number, row in enumerate(rows.to_dict("records")):
        for (x, align), text in zip(TEXT_COLUMNS, _texts(row), strict=True):
            ax.text(x, number, text, ha=align, va="center", fontsize=size)
    return ax


def _texts(row: dict[Any, Any]) -> tuple[str, str, str]:
    estimate, low, high = (float(str(row[name])) for name in ("estimate", "low", "high"))
    n = "" if pd.isna(row["n_patients"]) else str(row["n_patients"])
    if pd.isna(estimate):
        return "", HIDDEN if row["hidden"] else "not estimated", n
    return format_estimate(estimate, low, high), f"({format_interval(low, high)})", n


def _row_label(row: dict[Any, Any], labels: Labels) -> str:
    return labels.visit(row["visit"]) if labels.plan.design == "single_arm" else labels.cohort(row["cohort"])


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a panel for each outcome, measure and pair of arms, one below the other, with the numbers beside it."""
    by = ["outcome", "site", "measure", "quantity", "unit", "better", "arm", "reference"]
    groups = [rows for _, rows in source.groupby(by, sort=False)]
    several = len(source[["arm", "reference"]].drop_duplicates()) > 1
    heights = [len(rows) for rows in groups]
    figure = new_figure(profile.full, 9 + 6.2 * sum(heights) + 23 * len(groups))
    ratios = {"height_ratios": heights, "width_ratios": [1, 0.62]}
    axes = figure.subplots(len(groups), 2, squeeze=False, gridspec_kw=ratios)
    for (ax, beside), rows in zip(axes, groups, strict=True):
        panel(ax, rows, labels, profile.small)
        numbers(beside, rows, profile.small)
        first = rows.iloc[0].to_dict()
        pair = f": {in_sentence(labels.compared(first))}" if several else ""
        panel_head(ax, labels.outcome(first["outcome"], first["site"]) + pair, labels.scale(first))
    heads = (sentence(labels.noun).split(" from")[0], f"({100 * float(source['level'].iloc[0]):g}% CI)", "n")
    for (x, align), text in zip(TEXT_COLUMNS, heads, strict=True):
        axes[0][1].text(x, -0.75, text, ha=align, va="bottom", fontsize=profile.small, fontweight="bold")
    return figure


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    plan = labels.plan
    level = f"{100 * float(source['level'].iloc[0]):g}% confidence intervals"
    if plan.design == "single_arm":
        what = f"Change from baseline at each visit with {level} (course in one arm, not an effect)."
    else:
        noun = "Effect" if plan.design == "randomised" else "Adjusted difference (an association)"
        what = f"{noun} at {in_sentence(labels.visit(plan.visits.primary))} with {level}."
    lines = []
    for row in source.to_dict("records"):
        number, interval, _ = _texts(row)
        of = in_sentence(labels.cohort(row["cohort"]))
        at = f", {in_sentence(labels.visit(row['visit']))}" if plan.design == "single_arm" else ""
        pair = f", {in_sentence(labels.compared(row))}" if row["reference"] else ""
        lines.append(
            f"{labels.outcome(row['outcome'], row['site'])}, {of}{at}{pair}: {number} {interval}".replace(":  ", ": ")
        )
    return " ".join([what, *withheld_note(source)]), f"Forest plot. {'; '.join(lines)}."
