"""Effects at values of moderators: for each cohort and outcome a plot between the moderators' names and the numbers."""

import json
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from needling.figures.intervals import (
    COLUMNS,
    GROUP,
    better_side,
    difference_axis,
    limits,
    name_sides,
    number,
    place_of_none,
    sides_fit,
    tinted,
)
from needling.figures.style import (
    FAINT,
    INK,
    LEADING,
    LINE,
    PAPER,
    STRONG,
    Profile,
    Sheet,
    lines_below,
    text_width,
    wrapped,
)
from needling.labels.numbers import format_p, shared_decimals
from needling.labels.sentences import in_sentence, sentence
from needling.labels.words import Labels
from needling.tables.for_whom import RISK, moderator, place_and_pair, place_words, shown, value_words
from needling.tables.withheld import withheld_note

STEP, APART, GAP, NARROW = 4.0, 2.2, 3.0, 120.0  # mm: value to value, between moderators, columns; narrow below


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the effects at values, and the tests of the moderators that have any."""
    both = shown(released, labels, ("figure", "whom"), ("effect_at", "predictive", "moderation"))
    known = both[both["quantity"].eq("effect_at") & both["estimate"].notna()]
    keys = [*GROUP, "term"]
    has = pd.MultiIndex.from_frame(both[keys]).isin(pd.MultiIndex.from_frame(known[keys]))
    return both[has & (both["quantity"].ne("effect_at") | both["estimate"].notna())][COLUMNS].reset_index(drop=True)


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a plot for each cohort, outcome and pair of arms, below one another; those of an outcome in a unit have one scale."""
    groups = [rows for _, rows in source.groupby(GROUP, sort=False)]
    return _Sheet(groups, source, labels, profile).drawn()


class _Sheet:
    """Where each column stands, from the widths of its words."""

    def __init__(self, groups: list[pd.DataFrame], source: pd.DataFrame, labels: Labels, profile: Profile) -> None:
        self.groups, self.source, self.labels, self.profile = groups, source, labels, profile
        size = profile.type
        self.digits = shared_decimals(source)
        effects = source[source["quantity"] == "effect_at"]
        numbers = max(text_width(number(row, self.digits), size) for row in effects.to_dict("records"))
        ps = max(text_width("P", size, 500), *(text_width(format_p(p, name=False), size) for p in source["p"]))
        self.narrow = profile.width < NARROW  # then names stand over their values, changes and P below them
        self.line = LEADING * size  # from line to line of a moderator's name
        room = profile.width if self.narrow else 0.24 * profile.width
        self.names = {term: wrapped(moderator(str(term), labels), room, size) for term in source["term"].unique()}
        values = max(text_width(value_words(at, labels), size) for at in effects["at"])
        names = 0 if self.narrow else max(text_width(name, size) for name in self.names.values()) + GAP
        self.value = names + max(values, 6)
        self.p = profile.width
        self.effect = self.change = self.p - (0 if self.narrow else ps + GAP)
        if not self.narrow:
            changes = source[source["quantity"] == "predictive"].to_dict("records")
            width = max(
                [text_width("(95% CI)", size, 500), *(text_width(number(row, self.digits), size) for row in changes)]
            )
            self.effect = self.change - width - GAP
        self.plot = (self.value + 2 * GAP, self.effect - numbers - GAP)
        # room over a plot for the names of its sides, where they fit
        has_sides = any(sides_fit(rows.iloc[0].to_dict(), labels, profile, self._sides(rows)) for rows in groups)
        self.top = 6.5 + (LEADING * profile.small if has_sides and self.narrow else 0.0)

    def _sides(self, rows: pd.DataFrame) -> tuple[float, float, float]:
        """Where words over a plot may begin, where no difference is, and where they end."""
        ends = limits(self.source[self.source["quantity"] == "effect_at"], rows.iloc[0].to_dict())
        return (self.plot[0], place_of_none(*self.plot, ends), self.profile.width)

    def _change(self, rows: pd.DataFrame) -> tuple[str, str]:
        """How the effect changes from the first to the last value, and P."""
        others = {row["quantity"]: row for row in rows.to_dict("records")}
        change = number(others["predictive"], self.digits) if "predictive" in others else ""
        return change, format_p(others["moderation"]["p"], name=False) if "moderation" in others else ""

    def drawn(self) -> Figure:
        """Draw everything."""
        head, below = 9.5, 9.5
        heights = [self._height(rows) for rows in self.groups]
        titles = [self._title(rows) for rows in self.groups]
        over = [lines_below(title, self.profile.head) for title in titles]
        sheet = Sheet(self.profile.width, head + sum(self.top + height + below for height in heights) + sum(over))
        self._heads(sheet, head - 1.8)
        y = head
        for rows, height, title in zip(self.groups, heights, titles, strict=True):
            y += lines_below(title, self.profile.head)
            sheet.write(0, y + 4.4, title, fontweight=600, fontsize=self.profile.head)
            self._group(sheet, rows, y, height)
            y += self.top + height + below
        return sheet.figure

    def _title(self, rows: pd.DataFrame) -> str:
        """What a plot is about, in the lines that it takes."""
        name = place_and_pair(rows.iloc[0].to_dict(), self.labels, self.source)
        return wrapped(name, self.profile.width, self.profile.head, 600)

    def _height(self, rows: pd.DataFrame) -> float:
        effects = rows[rows["quantity"] == "effect_at"]
        return sum(self._deep(str(term), n) + APART for term, n in effects["term"].value_counts(sort=False).items())

    def _name(self, term: str) -> float:
        """Height of the name of a moderator."""
        return max(STEP, 0.4 + self.line * (1 + self.names[term].count("\n")))

    def _deep(self, term: str, values: int) -> float:
        """Height of a moderator: of its values, name above and change below, or of the taller of name and values side by side."""
        return STEP * (values + 1) + self._name(term) if self.narrow else max(STEP * values, self._name(term))

    def _heads(self, sheet: Sheet, y: float) -> None:
        level = f"({100 * float(self.source['level'].iloc[0]):g}% CI)"
        noun = self.labels.noun
        bold: Any = {"fontweight": 500}
        sheet.write(self.effect, y, f"{sentence(noun)}\n{level}", ha="right", **bold)
        sheet.write(0, y, "Moderator", **bold)
        if not self.narrow:
            sheet.write(self.value, y, "at", ha="right", **bold)
            sheet.write(self.change, y, f"Change\n{level}", ha="right", **bold)
            sheet.write(self.p, y, "P", ha="right", **bold)
        sheet.rule(0, self.profile.width, y + 1.4, INK, 0.8)

    def _group(self, sheet: Sheet, rows: pd.DataFrame, y: float, height: float) -> None:
        first: dict[Any, Any] = rows.iloc[0].to_dict()
        ends = limits(self.source[self.source["quantity"] == "effect_at"], first)
        name_sides(sheet, first, self.labels, self.profile, self._sides(rows), y + self.top - 2.1)
        effects = rows[rows["quantity"] == "effect_at"]
        panel = sheet.panel(self.plot[0], y + self.top, self.plot[1] - self.plot[0], height, ylim=(height, 0))
        ax = difference_axis(panel, ends, 5)
        better_side(ax, first, ends)
        ax.set_xlabel(f"{sentence(self.labels.noun)}, {first['unit']}".rstrip(", "), color=FAINT)
        at = APART / 2
        for term, mine in effects.groupby("term", sort=False):
            name = self._name(str(term))
            places = [at + self.narrow * name + STEP * (i + 0.5) for i in range(len(mine))]
            starts = y + self.top + at + STEP / 2
            self._moderator(sheet, str(term), mine, rows, [y + self.top + one for one in places], starts)
            if self.narrow:  # the name stands over the plot, and no line runs through its words
                ax.axhspan(at - APART / 2, at + name + 0.1 * STEP, color=PAPER, linewidth=0, zorder=1.5)
                end = at + self._deep(str(term), len(mine))
                ax.axhspan(end - STEP, end + APART / 2, color=PAPER, linewidth=0, zorder=1.5)
            _interval(ax, mine, places)
            at += self._deep(str(term), len(mine)) + APART

    def _moderator(
        self, sheet: Sheet, term: str, mine: pd.DataFrame, rows: pd.DataFrame, places: list[float], starts: float
    ) -> None:
        """Write the name, which starts at a level, the values and the numbers of one moderator."""
        down = 0.36 * self.profile.type / 2.2
        lines = self.names[term].split("\n")
        for line, words in enumerate(lines):
            sheet.write(0, starts + down + self.line * line, words)
        for row, y in zip(mine.to_dict("records"), places, strict=True):
            sheet.write(self.value, y + down, value_words(row["at"], self.labels), ha="right", color=FAINT)
            sheet.write(self.effect, y + down, number(row, self.digits), ha="right")
        change, p = self._change(rows[rows["term"] == term])
        middle = places[len(places) // 2] + down
        if self.narrow:
            told = [*([f"Change {change}"] if change else []), *([f"P {p}"] if p else [])]
            sheet.write(self.effect, places[-1] + STEP + down, "; ".join(told), ha="right", color=FAINT)
            return
        sheet.write(self.change, middle, change, ha="right")
        sheet.write(self.p, middle, p, ha="right")


def _interval(ax: Axes, rows: pd.DataFrame, places: list[float]) -> None:
    """Draw the intervals of one moderator, joined, since they are of one line."""
    ax.plot(rows["estimate"], places, color=FAINT, linewidth=LINE, zorder=2)
    ax.hlines(places, rows["low"], rows["high"], color=INK, linewidth=STRONG, zorder=3)
    ax.plot(rows["estimate"], places, linestyle="", marker="s", color=INK, markersize=3.6, zorder=4)


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    level = f"{100 * float(source['level'].iloc[0]):g}%"
    risk = in_sentence(moderator(json.dumps([RISK]), labels))
    first = f" First the {risk}." if source["variant"].eq("risk").any() else ""
    caption = (
        f"For whom: {labels.noun}s at values of what was known before day 0, with {level} confidence intervals.{first} "
        f"Change: from the first to the last value; P: of the test that the {labels.noun} does not depend on the moderator. The "
        "line joins what one model says; a moderator need not be a cause."
    )
    side = tinted(source[source["quantity"] == "effect_at"], labels)
    digits = shared_decimals(source)
    told = [
        f"{place_words(row, labels, source)}, {in_sentence(moderator(row['term'], labels))} {value_words(row['at'], labels)}: "
        f"{number(row, digits)}"
        for row in source[source["quantity"] == "effect_at"].to_dict("records")
    ]
    return " ".join([caption, *side, *withheld_note(source)]), f"Intervals at values of moderators. {'; '.join(told)}."
