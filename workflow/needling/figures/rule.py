"""Whom to treat: the gain of a rule over treating everybody and nobody, with one-sided lower limits."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from needling.figures.intervals import difference_axis
from needling.figures.style import BAND, FAINT, INK, STRONG, Profile, Sheet, text_width, wrapped
from needling.labels.numbers import format_fixed
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.for_whom import place_words
from needling.tables.policy import GAINS, PLACE, shown, verdict
from needling.tables.withheld import withheld_note

SECTION = "whom"
STEP = 5.0  # mm from row to row
COLUMNS = [*PLACE, "row_id", "quantity", "variant", "estimate", "low", "level", "unit", "status", "note", "hidden"]


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the gains that there are."""
    mine = shown(released, labels, ("figure", "rule"))
    return mine[mine["quantity"].eq("policy_gain") & mine["estimate"].notna()][COLUMNS].reset_index(drop=True)


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a plot for each rule: a mark for each gain, a line down to its lower limit; right of 0 the rule is better."""
    groups = [rows for _, rows in source.groupby(PLACE, sort=False)]
    names = {one: wrapped(words_, 0.36 * profile.width, profile.type) for one, words_ in GAINS.items()}
    left = max(text_width(one, profile.type) for one in names.values()) + 4
    right = profile.width - max(text_width(_numbers(row), profile.type) for row in source.to_dict("records")) - 3
    step = max(STEP, 2 + 3.2 * max(1 + one.count("\n") for one in names.values()))
    sheet = Sheet(profile.width, sum(11 + step * len(rows) + 10 for rows in groups))
    y = 0.0
    for rows in groups:
        first = rows.iloc[-1].to_dict()
        sheet.write(0, y + 4, place_words(first, labels, source), fontweight=600, fontsize=profile.head)
        sheet.write(0, y + 8.4, verdict(first), color=FAINT, fontsize=profile.small)
        ax = sheet.panel(left, y + 11, right - left, step * len(rows))
        for i, row in enumerate(rows.to_dict("records")):
            ax.plot([row["low"], row["estimate"]], [i, i], color=INK, linewidth=STRONG)
            ax.plot(row["estimate"], i, marker="s", markersize=4, color=INK)
            lines = names[row["variant"]].split("\n")
            for line, words_ in enumerate(lines):
                sheet.write(0, y + 11 + step * (i + 0.5) + 0.9 + 3.2 * (line - (len(lines) - 1) / 2), words_)
            sheet.write(profile.width, y + 11 + step * (i + 0.5) + 0.9, _numbers(row), ha="right")
        _axis(ax, rows, source)
        y += 11 + step * len(rows) + 10
    return sheet.figure


def _axis(ax: Any, rows: pd.DataFrame, source: pd.DataFrame) -> None:
    same = source[source["unit"] == rows["unit"].iloc[0]]
    low, high = min(0.0, float(same["low"].min())), max(0.0, float(same["estimate"].max()))
    room = 0.08 * (high - low) or 1.0
    ax.axvspan(0, high + room, color=BAND, linewidth=0, zorder=0)
    difference_axis(ax, (low - room, high + room), 5).set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel(f"Gain of the rule, {rows['unit'].iloc[0]}".rstrip(", "), color=FAINT)


def _numbers(row: dict[Any, Any]) -> str:
    return f"{format_fixed(row['estimate'], 2)} (from {format_fixed(row['low'], 2)})"


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    level = f"{100 * float(source['level'].iloc[0]):g}%"
    caption = (
        f"Whom to treat: gain of a rule over treating everybody and nobody, each with its one-sided {level} lower limit (to the "
        "right the rule is better). It is recommended only where the lower limit over the better of both is above 0."
    )
    told = [
        f"{place_words(row, labels, source)}, {in_sentence(GAINS[row['variant']])}: {_numbers(row)}"
        + (f", {verdict(row)}" if row["variant"] == "over_better" else "")
        for row in source.to_dict("records")
    ]
    return " ".join([caption, *withheld_note(source)]), f"Marks with lines. {'; '.join(told)}."
