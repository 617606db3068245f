"""The tipping map: what the primary comparison becomes when points are added to what was imputed in one arm, the other, or both."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from needling.figures.style import COLOURS, FAINT, INK, LEADING, PAPER, Look, Profile, Sheet, key_height, wrapped
from needling.labels.numbers import format_fixed
from needling.labels.sentences import in_sentence, listed, sentence
from needling.labels.words import Labels
from needling.tables.select import in_order
from needling.tables.withheld import withheld_note

PANEL = ["analysis", "cohort", "outcome", "arm", "reference"]
ACROSS = 3
GAP, TICKS, EDGE, UNDER, OVER, WIDEST = (
    5.0,
    8.5,
    2.5,
    8.5,
    2.6,
    60.0,
)  # mm: between maps, left of one, right, below, above; its widest side
SWATCH = 6.5  # points: of a region in the key
LIGHT = 0.38  # of a region's colour: what lies below shows through, so that a dark page keeps its regions dark


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the surface of the first assumption, missing at random, at every pair of shifts."""
    table = released.get("tipping")
    if table is None:
        return pd.DataFrame()
    mine = table[table["method"] == "mar"]
    return in_order(mine, {"outcome": labels.outcomes, "cohort": list(labels.plan.cohorts)})


def panel(ax: Axes, rows: pd.DataFrame, colours: tuple[str, str]) -> Axes:
    """Draw regions in which the interval lies below 0 (first colour), holds 0 (white), or lies above it (second)."""
    grids = {name: rows.pivot(index="delta_arm", columns="delta_reference", values=name) for name in ("low", "high")}
    x, y = (grids["low"].columns.to_numpy(float), grids["low"].index.to_numpy(float))
    ends = max(float(np.max(abs(x))), float(np.max(abs(y))))
    for name, colour, sign in (("high", colours[0], -1.0), ("low", colours[1], 1.0)):
        beyond = sign * grids[name].to_numpy(float)
        if np.isfinite(beyond).all() and (beyond > 0).any():
            ax.contourf(x, y, beyond, levels=[0, np.inf], colors=[colour], alpha=LIGHT)
            if (beyond < 0).any():
                ax.contour(x, y, beyond, levels=[0], colors=[colour], linewidths=1.3)
    ax.axhline(0, color=FAINT, linewidth=0.6)
    ax.axvline(0, color=FAINT, linewidth=0.6)
    ax.plot(0, 0, marker="o", color=INK, markersize=4.5)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_locator(MaxNLocator(4, prune="lower"))
    ax.set(xlim=(-ends, ends), ylim=(-ends, ends), aspect="equal")
    return ax


def _regions(row: dict[Any, Any], labels: Labels) -> tuple[str, str]:
    """Colours of an interval below and above 0: the arm's own where that is better, else the reference's."""
    measure, turned = (
        labels.measure(row["cohort"], row["outcome"]).better,
        labels.plan.analyses[row["analysis"]].report_as,
    )
    below = measure == "lower" and turned != "improvement"
    return (COLOURS[1], COLOURS[0]) if below else (COLOURS[0], COLOURS[1])


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a panel for each cohort, outcome and pair of arms of which the map says more than one thing; the others are a note."""
    return _Maps(source, labels, profile).drawn()


def _parted(source: pd.DataFrame) -> tuple[list[pd.DataFrame], list[pd.DataFrame]]:
    """Maps that are drawn, and those that say one thing throughout; where all do, the first is drawn as an example of them."""
    groups = [rows for _, rows in source.groupby(PANEL, sort=False)]
    drawn = [rows for rows in groups if not _says_one(rows)] or groups[:1]
    return drawn, [rows for rows in groups if not any(rows is one for one in drawn)]


def _says(rows: pd.DataFrame) -> "pd.Series[int]":
    """Whether the interval lies below 0 (-1), holds it, or lies above it, at each point."""
    return (rows["low"] > 0).astype(int) - (rows["high"] < 0).astype(int)


def _says_one(rows: pd.DataFrame) -> bool:
    return bool(rows["low"].isna().any() or _says(rows).nunique() == 1)


class _Maps:
    """The sheet: the maps with what stands over and beside them, and below all what is not drawn."""

    def __init__(self, source: pd.DataFrame, labels: Labels, profile: Profile) -> None:
        self.source, self.labels, self.profile = source, labels, profile
        self.groups, self.left_out = _parted(source)
        self.several = len(source[["arm", "reference"]].drop_duplicates()) > 1
        self.line = LEADING * profile.small
        most = profile.across(min(ACROSS, len(self.groups)), 58 if self.several else 42)
        for across in range(most, 0, -1):
            self._place(across)
            if not self.are_long:
                break
        self.note = wrapped(_note(self.left_out, labels), self.whole, profile.small) if self.left_out else ""

    def _place(self, across: int) -> None:
        """Sizes where so many maps stand side by side, and the words about each in the lines that they take then."""
        self.across, self.whole = across, self.profile.width_of(across)
        self.cell = (self.whole - GAP * (across - 1)) / across
        side = min(WIDEST, self.cell - TICKS - self.line * (2 if self.several else 1) - EDGE)
        # the words at the side may take more lines than that room was left for
        lines = max(1 + self._added(rows, "arm", side).count("\n") for rows in self.groups)
        self.left = TICKS + self.line * lines
        self.side = min(side, self.cell - self.left - EDGE)
        self.beside = [self._added(rows, "arm", self.side) for rows in self.groups]
        self.below = [self._added(rows, "reference", self.cell - self.left) for rows in self.groups]
        self.heads = [self._head(rows) for rows in self.groups]

    @property
    def are_long(self) -> bool:
        """Whether words about a map take so many lines that fewer maps should stand side by side."""
        return max(words.count("\n") for words in (*self.beside, *self.below, *(title for title, _ in self.heads))) > 3

    def _added(self, rows: pd.DataFrame, name: str, room: float) -> str:
        words = f"Added in {in_sentence(self.labels.arm(rows[name].iloc[0]))}"
        return wrapped(words, room, self.profile.small)

    def _head(self, rows: pd.DataFrame) -> tuple[str, str]:
        """Outcome and cohort, and below the unit; the arms stand along the axes."""
        first = rows.iloc[0].to_dict()
        title = wrapped(_place(first, self.labels), self.cell, self.profile.head, 600)
        return title, wrapped(sentence(first["unit"]), self.cell, self.profile.small)

    def _key(self) -> dict[str, Look]:
        """Marks of the regions and of the middle."""
        group = in_sentence(self.labels.group)
        first = (
            f"the {group} named at the side"
            if self.several
            else in_sentence(self.labels.arm(self.source["arm"].iloc[0]))
        )
        second = in_sentence(self.labels.arm(self.source["reference"].iloc[0]))
        second = f"the {group} named below" if self.several else second
        shades = [to_hex((colour, LIGHT), keep_alpha=True) for colour in COLOURS[:2]]
        return {
            f"Favours {first}": Look(COLOURS[1], "none", "s", shades[1]),
            "Interval holds 0": Look(FAINT, "none", "s", PAPER),
            f"Favours {second}": Look(COLOURS[0], "none", "s", shades[0]),
            "As imputed": Look(INK, "none", "o", INK),
        }

    def drawn(self) -> Figure:
        """Draw everything."""
        key, size, head = self._key(), self.profile.small, LEADING * self.profile.head
        top = key_height(key, 0, self.whole) + 2.0
        rows = [slice(i, i + self.across) for i in range(0, len(self.groups), self.across)]
        over = [
            OVER
            + max(
                head * (1 + title.count("\n")) + self.line * (1 + unit.count("\n")) for title, unit in self.heads[row]
            )
            for row in rows
        ]
        under = [UNDER + self.line * max(1 + words.count("\n") for words in self.below[row]) for row in rows]
        note = self.line * (2 + self.note.count("\n")) if self.note else 0.0
        sheet = Sheet(self.whole, top + sum(over) + sum(under) + self.side * len(rows) + note)
        sheet.key(0, key, line=False, size=SWATCH)
        y = top
        for row, above, below in zip(rows, over, under, strict=True):
            of_maps = zip(self.groups[row], self.heads[row], self.below[row], self.beside[row], strict=True)
            for column, (group, (title, unit), words, beside) in enumerate(of_maps):
                x = column * (self.cell + GAP)
                lines = self.line * (1 + unit.count("\n"))
                sheet.write(x, y + above - OVER - lines, title, fontsize=self.profile.head, fontweight=600)
                sheet.write(x, y + above - OVER, unit, fontsize=size, color=FAINT)
                ax = sheet.panel(x + self.left, y + above, self.side, self.side)
                panel(ax, group, _regions(group.iloc[0].to_dict(), self.labels))
                ax.set_xlabel(words, fontsize=size)
                ax.set_ylabel(beside, fontsize=size)
            y += above + self.side + below
        if self.note:
            sheet.write(0, sheet.height - 1.0, self.note, fontsize=size, color=FAINT)
        return sheet.figure


def _place(row: dict[Any, Any], labels: Labels) -> str:
    """Outcome, and where there are several the cohort."""
    named = labels.outcome(row["outcome"])
    return f"{named}, {in_sentence(labels.cohort(row['cohort']))}" if len(labels.plan.cohorts) > 1 else named


def _note(left_out: list[pd.DataFrame], labels: Labels) -> str:
    """Which maps are not drawn, and what each says throughout."""
    told: dict[str, dict[str, list[str]]] = {}
    for rows in left_out:
        first: dict[Any, Any] = rows.iloc[0].to_dict()
        says = "not shown" if rows["low"].isna().any() else _verdict(first, int(_says(rows).iloc[0]), labels)
        pair = in_sentence(labels.compared(first)) if len(labels.plan.arms) > 2 else ""
        told.setdefault(_place(first, labels), {}).setdefault(says, []).append(pair)
    parts = [
        f"{place}: "
        + ", and ".join(
            f"{says} {listed([f'({pair})' for pair in pairs if pair])}".strip() for says, pairs in by.items()
        )
        for place, by in told.items()
    ]
    return f"Not drawn, since the whole map says the same: {'; '.join(parts)}."


def _verdict(row: dict[Any, Any], says: int, labels: Labels) -> str:
    """What an interval says that lies below 0 (-1), holds it, or lies above it."""
    if not says:
        return "the interval holds 0"
    below, above = _regions(row, labels)
    arm = row["arm"] if (below if says < 0 else above) == COLOURS[1] else row["reference"]
    return f"favours {in_sentence(labels.arm(arm))}"


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    at = in_sentence(labels.visit(source["visit"].iloc[0]))
    per_week = source["unit"].str.endswith("per week").any()
    number = "a number for each week since the last measured visit" if per_week else "a number"
    caption = (
        f"Tipping map at {at}: what the confidence interval says when {number} is added to every value imputed as missing at "
        f"random in either {in_sentence(labels.group)} (exact at each point; on the scale as measured)."
    )
    drawn, left_out = _parted(source)
    if left_out:
        whole = len(drawn) + len(left_out)
        caption += (
            f" Drawn are {len(drawn)} of {whole} maps; the others say the same at every point and are told below."
        )
    told = []
    several = len(source[["arm", "reference"]].drop_duplicates()) > 1
    for _, rows in source.groupby(PANEL, sort=False):
        first = rows.iloc[0].to_dict()
        place = f"{labels.outcome(first['outcome'])}, {in_sentence(labels.cohort(first['cohort']))}"
        place += f", {in_sentence(labels.compared(first))}" if several else ""
        same = _same_as_imputed(rows)
        told.append(f"{place}: {same}")
    return " ".join([caption, *withheld_note(source)]), sentence(f"maps of two shifts. {'; '.join(told)}.")


def _same_as_imputed(rows: pd.DataFrame) -> str:
    """Which share of the map keeps the conclusion of the middle."""
    if rows["low"].isna().any():
        return "not shown"
    says = _says(rows)
    middle = says[(rows["delta_arm"] == 0) & (rows["delta_reference"] == 0)].iloc[0]
    return f"{format_fixed(100 * (says == middle).mean(), 0)}% of the map keeps the conclusion as imputed"
