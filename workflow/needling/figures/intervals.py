"""What figures of differences at a subgroup or at a value share: their columns, one axis, the better side, and the numbers."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from needling.figures.style import BAND, HAIR, INK, Profile, Sheet, looks, text_width
from needling.labels.numbers import format_fixed
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.for_whom import PLACE

GROUP = [*PLACE, "arm", "reference"]  # what tells plots apart
COLUMNS = [*GROUP, "row_id", "quantity", "variant", "at", "term", "instrument", "estimate", "low", "high", "level", "p"]
COLUMNS += ["unit", "better", "n_patients", "status", "hidden"]

Limits = tuple[float, float]


def limits(effects: pd.DataFrame, row: dict[Any, Any]) -> Limits:
    """Ends of the axis that all differences in an outcome and unit share, with room for them and for no difference."""
    same = effects[effects["outcome"].eq(row["outcome"]) & effects["unit"].eq(row["unit"])]
    low, high = min(0.0, float(same["low"].min())), max(0.0, float(same["high"].max()))
    room = 0.06 * (high - low)
    return low - room, high + room


def better_on_left(row: dict[Any, Any]) -> bool:
    """Whether the first-named arm is better where the estimate is negative."""
    return row["better"] == "lower"


def difference_axis(ax: Axes, ends: Limits, ticks: int, guide: float = 0.0) -> Axes:
    """Make an axis of differences with a line at none, grey as far as a guide on either side; what lies across has no ticks."""
    if guide:
        ax.axvspan(-guide, guide, color=HAIR, alpha=0.55, linewidth=0, zorder=0)
    ax.axvline(0, color=INK, linewidth=0.7, zorder=1)
    ax.set(xlim=ends, yticks=[])
    ax.xaxis.set_major_locator(MaxNLocator(ticks, symmetric=guide > 0))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}".replace("-", "−")))
    ax.spines["left"].set_visible(False)
    return ax


def better_side(ax: Axes, row: dict[Any, Any], ends: Limits) -> None:
    """Tint the side on which the first-named arm is better."""
    ax.axvspan(*((ends[0], 0) if better_on_left(row) else (0, ends[1])), color=BAND, linewidth=0, zorder=0)


def tinted(source: pd.DataFrame, labels: Labels) -> list[str]:
    """Say in one sentence with which arm the tinted side is better; nothing where no side is tinted."""
    sided = source[source["better"].isin(["lower", "higher"]) & source["reference"].ne("")]
    pairs = sided[["arm", "reference"]].drop_duplicates().to_dict("records")
    if not pairs:
        return []
    arms = list(dict.fromkeys(in_sentence(labels.arm(one["arm"])) for one in pairs))
    # Whoever is named first in one comparison can be the reference of the next.
    named = arms[0] if len(arms) == 1 else f"the {in_sentence(labels.group)} that is named first"
    return [f"The tinted side is better with {named}."]


def place_of_none(start: float, end: float, ends: Limits) -> float:
    """Where no difference is on an axis that stands between two places."""
    return start - ends[0] / (ends[1] - ends[0]) * (end - start)


def name_sides(
    sheet: Sheet, row: dict[Any, Any], labels: Labels, profile: Profile, places: tuple[float, float, float], y: float
) -> None:
    """Name, in the colour of its arm, who is better on which side, where there is room; places: start, no difference, end, mm."""
    _, zero, _ = places
    look = looks(labels.plan.arms)
    for arm, words, side in sides_fit(row, labels, profile, places):
        x = zero - 1 if side == "right" else zero + 1
        sheet.write(x, y, words, ha=side, color=look[arm].colour, fontsize=profile.small)


def sides_fit(
    row: dict[Any, Any], labels: Labels, profile: Profile, places: tuple[float, float, float]
) -> list[tuple[str, str, str]]:
    """Arm, words and alignment of each side for whose words there is room."""
    start, zero, end = places
    left, right = (row["arm"], row["reference"]) if better_on_left(row) else (row["reference"], row["arm"])
    asked = ((left, "right", zero - start), (right, "left", end - zero))
    told = [(arm, f"{in_sentence(labels.arm(arm))} better", side, room) for arm, side, room in asked]
    return [(arm, words, side) for arm, words, side, room in told if text_width(words, profile.small) <= room]


def number(row: dict[Any, Any], digits: dict[str, int]) -> str:
    """An estimate with its interval to the decimals of its column (`shared_decimals`), or nothing."""
    if pd.isna(row["estimate"]):
        return ""
    estimate, low, high = (format_fixed(row[name], digits[row["row_id"]]) for name in ("estimate", "low", "high"))
    return f"{estimate} ({low} to {high})"
