"""The primary contrasts at the primary visit: estimate, interval and threshold, one panel per scale."""

from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from needling.figures.style import COLOURS, FAINT, INK, Profile, new_figure, panel_head
from needling.privacy.disclosure import footnote, hides
from needling.privacy.release import release_results
from needling.tables.format import format_estimate, format_interval
from needling.tables.words import (
    Measure,
    contrast_label,
    in_sentence,
    measure,
    places,
    positive_favours,
    span,
    visit_label,
)

if TYPE_CHECKING:
    from needling.study.plan import Study

NOTE = "within-person threshold, not a criterion for a difference between group means"
NOUNS = {"randomised": "Effect", "cohort": "Difference", "single_arm": "Change"}
TEXT_COLUMNS = ((0.26, "right"), (0.32, "left"), (1.0, "right"))
COLUMNS = ["cohort", "outcome", "visit", "contrast", "estimate", "low", "high", "level", "p", "p_adjusted", "status"]


def data(inputs: dict[str, pd.DataFrame], plan: "Study") -> pd.DataFrame:
    """Take the contrasts of the primary analysis at the primary visit; of a single arm, its course at every visit.

    Returns
    -------
    The results rows in the study file's order with n_patients_shown, the label of the measure, the smallest important
    change on the same scale (empty where none is published for it) and whether positive favours the first arm.
    """
    results = release_results(inputs["results"], inputs["flow"], plan.disclosure.min_cell)
    mine = results[results["analysis"] == plan.primary]
    single = plan.design == "single_arm"
    mine = mine[mine["term"] == "course"] if single else mine[mine["term"].isin(["effect", "slope"])]
    if not single and (at_primary := mine["visit"] == plan.visits.primary).any():
        mine = mine[at_primary]
    order = {place: number for number, place in enumerate(places(plan))}
    mine = mine.assign(_place=[order[p] for p in zip(mine["cohort"], mine["outcome"], strict=True)])
    mine = mine.sort_values("_place", kind="stable")
    measures = [measure(plan, c, o) for c, o in zip(mine["cohort"], mine["outcome"], strict=True)]
    mine = mine[[*COLUMNS, "n_patients_shown", "scale"]].assign(
        measure=[one.label for one in measures],
        unit=[one.unit for one in measures],
        threshold=[_threshold(one) for one in measures],
        positive_favours=[
            positive_favours(plan, plan.primary, c, o) for c, o in zip(mine["cohort"], mine["outcome"], strict=True)
        ],
    )
    return mine.reset_index(drop=True)


def _threshold(one: Measure) -> float:
    for threshold in one.thresholds:
        if threshold.kind == "MCID" and span(threshold.scale) == one.unit and threshold.source != "unverified":
            return float(threshold.value)
    return float("nan")


def panel(ax: Axes, rows: pd.DataFrame, plan: "Study", size: float) -> Axes:
    """Draw contrasts that share a scale."""
    single = plan.design == "single_arm"
    sign = 1 if bool(rows["positive_favours"].iloc[0]) else -1
    threshold = sign * rows["threshold"].iloc[0]
    ax.axvline(0, color=INK, linewidth=0.8)
    if pd.notna(threshold):
        ax.axvline(threshold, color=COLOURS[2], linewidth=1, linestyle=(0, (4, 2)))
    for number, row in enumerate(rows.to_dict("records")):
        if pd.notna(row["estimate"]):
            ax.plot([row["low"], row["high"]], [number, number], color=COLOURS[1], linewidth=1.6, solid_capstyle="butt")
            ax.plot(row["estimate"], number, marker="s", color=COLOURS[1], markersize=5.5)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_yticks(range(len(rows)), [_row_label(row, rows, plan) for row in rows.to_dict("records")])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    _limits(ax, rows, threshold)
    if single:
        ax.set_xlabel(f"{'Improvement →' if sign > 0 else '← improvement'}", color=FAINT, fontsize=size)
    else:
        _favours(ax, rows["contrast"].iloc[0], plan, sign, size)
    return ax


def numbers(ax: Axes, rows: pd.DataFrame, size: float) -> Axes:
    """Write estimate, interval and patients of each contrast in columns."""
    ax.set(xlim=(0, 1), ylim=(len(rows) - 0.4, -0.6))
    ax.set_axis_off()
    for number, row in enumerate(rows.to_dict("records")):
        for (x, align), text in zip(TEXT_COLUMNS, _texts(row), strict=True):
            ax.text(x, number, text, ha=align, va="center", fontsize=size)
    return ax


def _limits(ax: Axes, rows: pd.DataFrame, threshold: float) -> None:
    ends = [0.0, *rows["low"].dropna(), *rows["high"].dropna(), *([threshold] if pd.notna(threshold) else [])]
    reach = max(abs(end) for end in ends) or 1.0
    ax.set_xlim(-1.12 * reach, 1.12 * reach)


def _favours(ax: Axes, contrast: str, plan: "Study", sign: int, size: float) -> None:
    first, _, second = contrast.partition(" - ")
    right, left = (first, second) if sign > 0 else (second, first)
    for x, align, text in (
        (0.49, "right", f"← favours {in_sentence(plan.arm_label(left))}"),
        (0.51, "left", f"favours {in_sentence(plan.arm_label(right))} →"),
    ):
        ax.annotate(
            text,
            (x, 0),
            (0, -2.4 * size),
            xycoords="axes fraction",
            textcoords="offset points",
            ha=align,
            va="top",
            fontsize=size,
            color=FAINT,
        )


def _texts(row: dict[Any, Any]) -> tuple[str, str, str]:
    estimate, low, high = (float(str(row[name])) for name in ("estimate", "low", "high"))
    if pd.isna(estimate):
        reason = "not shown" if row["status"] == "suppressed" else "not estimated"
        return "", reason, str(row["n_patients_shown"])
    return format_estimate(estimate, low, high), f"({format_interval(low, high)})", str(row["n_patients_shown"])


def _row_label(row: dict[Any, Any], rows: pd.DataFrame, plan: "Study") -> str:
    if plan.design == "single_arm":
        return visit_label(plan, str(row["contrast"]).partition(" - ")[0])
    label = plan.cohorts[str(row["cohort"])].label
    return label if rows["contrast"].nunique() == 1 else f"{label}:\n{contrast_label(plan, str(row['contrast']))}"


def draw(source: pd.DataFrame, plan: "Study", profile: Profile) -> Figure:
    """Draw a panel for each outcome and measure, one below the other, with the numbers beside it."""
    groups = [rows for _, rows in source.groupby(["outcome", "measure", "positive_favours"], sort=False)]
    heights = [len(rows) for rows in groups]
    figure = new_figure(profile.full, 9 + 6.2 * sum(heights) + 23 * len(groups))
    ratios = {"height_ratios": heights, "width_ratios": [1, 0.62]}
    axes = figure.subplots(len(groups), 2, squeeze=False, gridspec_kw=ratios)
    for (ax, beside), rows in zip(axes, groups, strict=True):
        panel(ax, rows, plan, profile.small)
        numbers(beside, rows, profile.small)
        first = rows.iloc[0]
        panel_head(ax, plan.outcome_label(first["outcome"]), measure(plan, first["cohort"], first["outcome"]).axis)
    level = 100 * float(source["level"].iloc[0])
    heads = (NOUNS[plan.design], f"({level:.0f}% CI)", "n")
    for (x, align), text in zip(TEXT_COLUMNS, heads, strict=True):
        axes[0][1].text(x, -0.75, text, ha=align, va="bottom", fontsize=profile.small, fontweight="bold")
    if source["threshold"].notna().any():
        figure.supxlabel(f"Dashed line: smallest important change ({NOTE})", fontsize=profile.small, color=COLOURS[2])
    return figure


def words(source: pd.DataFrame, plan: "Study") -> tuple[str, str]:
    """Caption and alternative text."""
    level = 100 * float(source["level"].iloc[0])
    if plan.design == "single_arm":
        what = f"Change from baseline at each visit with {level:.0f}% confidence intervals (course in one arm, not an effect)."
    else:
        noun = "Effect" if plan.design == "randomised" else "Adjusted difference (an association)"
        what = (
            f"{noun} at {in_sentence(visit_label(plan, plan.visits.primary))} with {level:.0f}% confidence intervals."
        )
    if source["threshold"].notna().any():
        what += f" The dashed line is the smallest important change of the instrument: a {NOTE}."
    if hides(source["n_patients_shown"]):
        what += f" {footnote(plan.disclosure.min_cell)}"
    lines = []
    for row in source.to_dict("records"):
        number, interval, _ = _texts(row)
        of = in_sentence(plan.cohorts[row["cohort"]].label)
        at = f", {in_sentence(_row_label(row, source, plan))}" if plan.design == "single_arm" else ""
        lines.append(f"{plan.outcome_label(row['outcome'])}, {of}{at}: {number} {interval}".replace(":  ", ": "))
    return what, f"Forest plot. {'; '.join(lines)}."
