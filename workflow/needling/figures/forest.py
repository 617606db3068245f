"""The primary comparisons at the primary visit: means, estimate and interval, and which side is better with which arm."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from needling.figures.intervals import tinted
from needling.figures.style import (
    BAND,
    FAINT,
    HOLDING,
    INK,
    LEADING,
    STRONG,
    THIN,
    Look,
    Profile,
    Sheet,
    looks,
    text_width,
    wrapped,
)
from needling.labels.numbers import column_decimals, decimals, format_fixed, format_p
from needling.labels.sentences import in_sentence, listed, sentence
from needling.labels.words import POOLED, Labels
from needling.tables.select import RATIOS, asked_for, comparisons, in_order
from needling.tables.withheld import HIDDEN, withheld_note

KEYS = ["cohort", "outcome", "visit", "site"]
COLUMNS = [*KEYS, "row_id", "quantity", "arm", "reference", "estimate", "low", "high", "level", "p", "p_adjusted"]
COLUMNS += ["unit", "better", "n_patients", "status", "hidden", "role"]
SAME = ["cohort", "outcome", "site", "quantity", "arm", "reference", "unit"]  # of a comparison at several visits
MEANS = ["mean_reference", "mean_arm"]
ROW, GAP, PLOT = 6.0, 3.0, 40.0  # mm: from row to row, between columns, fewest for the plot
INSET = 3.0  # mm left of a plot at the edge, for half of the first number below it
UP, BELOW, APART, UNDER = (
    1.8,
    1.4,
    0.85,
    1.1,
)  # mm: from a row's edge to its interval, to those of other visits, to the next row
CLEAR = 2.2  # mm from an interval to the words above it and those of the next row below


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the comparisons of the primary analysis at the primary visit and the other visits; of a single arm, its course.

    Returns
    -------
    The results rows in the study file's order with the label of the measure and the marginal means of both arms (missing
    where the analysis has none, or where three arms or more are compared). Rows of other visits, where they can be shown, have
    another role.
    """
    plan, results = labels.plan, released["results"]
    if plan.primary not in asked_for(released, "figure", "forest"):
        return pd.DataFrame(columns=[*COLUMNS, "measure", "span", *MEANS])
    primary = results[results["analysis"] == plan.primary]
    mine = comparisons(primary)
    mine = mine[~mine["quantity"].isin(["interaction", "trend"]) & mine["variant"].eq("")]
    if plan.design != "single_arm":
        planned = mine["role"].eq(plan.role(plan.primary))
        same = pd.MultiIndex.from_frame(mine[SAME]).isin(pd.MultiIndex.from_frame(mine.loc[planned, SAME]))
        other = mine["visit"].isin(list(plan.visits.schedule)) & ~mine["visit"].isin(mine.loc[planned, "visit"])
        mine = mine[planned | (same & other & mine["estimate"].notna())]
    order = {"outcome": labels.outcomes, "cohort": list(plan.cohorts)}
    mine = in_order(mine[COLUMNS], order)
    places = mine[["cohort", "outcome", "site"]].itertuples(index=False, name=None)
    measures = [labels.measure(*place) for place in places]
    mine = mine.assign(measure=[one.label for one in measures], span=[one.high - one.low for one in measures])
    means = primary[(primary["quantity"] == "mean") & primary["variant"].eq("")].set_index([*KEYS, "arm"])["estimate"]
    for column, arm in zip(MEANS, ("reference", "arm"), strict=True):
        at = pd.MultiIndex.from_frame(mine[[*KEYS, arm]])
        mine[column] = means.reindex(at).to_numpy() if len(plan.arms) == 2 and means.index.is_unique else float("nan")
    return mine


def parted(source: pd.DataFrame, labels: Labels) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that are printed, and those of other visits, in the order of time, which are small marks below them."""
    plan = labels.plan
    printed = source["role"].eq(plan.role(plan.primary)) | (plan.design == "single_arm")
    return source[printed], in_order(source[~printed], {"visit": list(plan.visits.schedule)})


def is_turned(row: dict[Any, Any]) -> bool:
    """Tell whether a row is drawn with its sign exchanged, so that left is better with the first-named arm in every row."""
    return row["better"] == "higher" and bool(row["reference"]) and row["quantity"] not in RATIOS


def sides(row: dict[Any, Any]) -> tuple[str, str]:
    """The code of the arm that is better left and right of no difference; none where neither direction is better."""
    if row["better"] not in ("lower", "higher") or not row["reference"]:
        return "", ""
    left_is_better = row["better"] == "lower" or is_turned(row)
    return (row["arm"], row["reference"]) if left_is_better else (row["reference"], row["arm"])


@dataclass(frozen=True)
class Group:
    """Rows of one plot: one outcome, one unit; one pair of arms, or of a single cohort all pairs."""

    rows: list[dict[Any, Any]]
    null: float
    unit: str

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "Group":
        """Take the rows as they are; instruments of one width stand on one axis, named by that width."""
        records = rows.to_dict("records")
        units = {row["unit"] for row in records}
        unit = units.pop() if len(units) == 1 else f"points of {records[0]['span']:g}"
        return cls(records, 1.0 if records[0]["quantity"] in RATIOS else 0.0, unit)

    @property
    def first(self) -> dict[Any, Any]:
        """The first row, for what all have alike."""
        return self.rows[0]

    @property
    def digits(self) -> int:
        """Decimals of a column: those that a middling interval can bear."""
        return column_decimals((row["low"], row["high"]) for row in self.rows if pd.notna(row["estimate"]))

    @property
    def all_rows(self) -> list[dict[Any, Any]]:
        """The rows with those of other visits."""
        return [one for row in self.rows for one in (row, *row.get("others", []))]

    def drawn(self, row: dict[Any, Any]) -> tuple[float, float, float]:
        """Estimate and ends of the interval as they are drawn, from left to right."""
        sign = -1 if is_turned(row) else 1
        low, high = sorted((sign * row["low"], sign * row["high"]))
        return sign * row["estimate"], low, high

    @property
    def reach(self) -> tuple[float, float]:
        """How far the intervals reach to the left and to the right of no difference."""
        ends = [end for row in self.all_rows if pd.notna(row["estimate"]) for end in self.drawn(row)[1:]]
        return max([0.0, *(self.null - end for end in ends)]), max([0.0, *(end - self.null for end in ends)])


def panel(
    ax: Axes, group: Group, reach: float, share: float, below: tuple[float, float] = (BELOW / ROW, APART / ROW)
) -> Axes:
    """Draw the intervals of a group on an axis of width `reach`, of which `share` lies left of no difference.

    Those of other visits stand under that of their row: in rows, `below` says how far the first, and how far apart.
    """
    if group.null:
        ax.set_xscale("log")
        ax.xaxis.set_minor_formatter(NullFormatter())
        ends = [end for row in group.all_rows if pd.notna(row["estimate"]) for end in (row["low"], row["high"])]
        widest = 1.1 * max([1.5, *ends, *(1 / end for end in ends if end > 0)])
        ax.set_xlim(1 / widest, widest)
    else:
        ax.set_xlim(-share * reach, (1 - share) * reach)
        ax.xaxis.set_major_locator(MaxNLocator(5))
    better = _banded(group)
    if better:
        ax.axvspan(*better(ax), color=BAND, linewidth=0, zorder=0)
    ax.axvline(group.null, color=INK, linewidth=0.7, zorder=1)
    for number, row in enumerate(group.rows):
        if pd.notna(row["estimate"]):
            estimate, low, high = group.drawn(row)
            ax.plot([low, high], [number, number], color=INK, linewidth=STRONG, zorder=3)
            ax.plot(estimate, number, marker="s", color=INK, markersize=4.4, zorder=4)
        for place, other in enumerate(row.get("others", [])):
            estimate, low, high = group.drawn(other)
            y = number + below[0] + place * below[1]
            ax.plot([low, high], [y, y], color=FAINT, linewidth=THIN, zorder=2)
            ax.plot(estimate, y, marker="s", color=FAINT, markersize=1.9, markeredgewidth=0, zorder=2)
    ax.set(ylim=(len(group.rows) - 0.5, -0.5), yticks=[])
    ax.spines["left"].set_visible(False)
    if group.first["reference"] and group.first["better"] in ("lower", "higher") and not group.null:
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{abs(x):g}"))
    return ax


def _banded(group: Group) -> Any:
    """The side that is better with the first-named arm, as a function of the axes; none where neither is."""
    row = group.first
    if row["better"] not in ("lower", "higher"):
        return None
    on_left = row["better"] == "lower" or is_turned(row)
    return lambda ax: (ax.get_xlim()[0], group.null) if on_left else (group.null, ax.get_xlim()[1])


def texts(row: dict[Any, Any], digits: int) -> tuple[str, str, str]:
    """Estimate, interval and patients of a row as they are printed."""
    estimate, low, high = (float(str(row[name])) for name in ("estimate", "low", "high"))
    n = "" if pd.isna(row["n_patients"]) else str(row["n_patients"])
    if pd.isna(estimate):
        return "", HIDDEN if row["hidden"] else "not estimated", n
    return format_fixed(estimate, digits), f"({format_fixed(low, digits)} to {format_fixed(high, digits)})", n


def by_pair(source: pd.DataFrame) -> bool:
    """Tell whether rows are pairs of arms: of a single cohort, whose name would stand alone in a plot for each pair."""
    several = len(source[["arm", "reference"]].drop_duplicates()) > 1
    return several and source["cohort"].nunique() == 1 and source["visit"].nunique() == 1


def _row_label(row: dict[Any, Any], labels: Labels, pairs: bool) -> str:
    if pairs:
        return sentence(labels.compared(row))
    return labels.visit(row["visit"]) if labels.plan.design == "single_arm" else labels.cohort(row["cohort"])


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a plot for each outcome, unit and pair of arms (of a single cohort, all pairs in one), between the numbers."""
    source, others = parted(source, labels)
    signed = source["better"].where(source["reference"].eq("") | source["better"].eq("neither"), "")
    scale = source["unit"].where(
        source["span"].isna() | source["quantity"].ne("difference"), source["span"].astype(str)
    )
    pair = [] if by_pair(source) else ["arm", "reference"]
    keys = [*(source[name] for name in ("outcome", "site", "quantity", *pair)), signed, scale]
    groups = [Group.of(rows) for _, rows in source.groupby(keys, sort=False)]
    below = {key: rows.to_dict("records") for key, rows in others.groupby(SAME, sort=False)}
    for row in (row for group in groups for row in group.rows):
        row["others"] = below.get(tuple(row[name] for name in SAME), [])
    return _Forest(groups, source, labels, profile).drawn()


class _Forest:
    """The sheet: where each column stands, from the widths of its words."""

    def __init__(self, groups: list[Group], source: pd.DataFrame, labels: Labels, profile: Profile) -> None:
        self.groups, self.labels, self.profile = groups, labels, profile
        self.look: dict[str, Look] = looks(labels.plan.arms)
        self.pairs = by_pair(source)
        one_pair = len(source[["arm", "reference"]].drop_duplicates()) == 1
        self.several = not one_pair and not self.pairs
        self.means = bool(source[MEANS].notna().all(axis=None)) and one_pair
        self.tested = bool(source["p"].notna().any())
        self.adjusted = bool(source["p_adjusted"].notna().any())
        self.level = f"{100 * float(source['level'].iloc[0]):g}% CI"
        size = profile.type
        room = 0.26 * profile.width
        rows = [row for group in groups for row in group.rows]
        self.names = {id(row): wrapped(_row_label(row, labels, self.pairs), room, size) for row in rows}
        self.name_width = max(text_width(name, size) for name in self.names.values())
        self.measures = {
            id(row): _short(row["measure"]) if self._mixed(group) else "" for group in groups for row in group.rows
        }
        lines = [1 + name.count("\n") for name in (*self.names.values(), *self.measures.values())]
        self.step = max(ROW, 2.2 + 0.44 * size * max(lines))
        self.folded, self.middle = False, 0.5  # where in the height of a row its interval lies
        most = max(len(row.get("others", [])) for row in rows)
        self.others = (
            BELOW + APART * (most - 1) if most else 0.0
        )  # mm from a row's interval to the lowest of other visits
        if most:
            above = UP if max(lines) == 1 else self.step / 2
            self.step = above + max(self.step - above if max(lines) > 1 else 0.0, self.others + UNDER, ROW - above)
            self.middle = above / self.step
        self._columns()
        asked = (
            [self._head(arm) for arm in (groups[0].first["reference"], groups[0].first["arm"])] if self.means else []
        )
        asked += [] if self.several else [words for *_, words in self._sides_of(groups[0])]
        deep = LEADING * size * max([1, 2 + self.noun.count("\n"), *(1 + words.count("\n") for words in asked)])
        self.base = max(11.2 if self.means else 7.8, deep + (5.0 if self.means else 1.5))

    @staticmethod
    def _mixed(group: Group) -> bool:
        return len({row["measure"] for row in group.rows}) > 1

    def reach(self, group: Group) -> float:
        """Width of the axis: the same for all groups of an outcome and unit, so that their intervals compare."""
        alike = [
            g.reach
            for g in self.groups
            if (g.first["outcome"], g.unit, g.null) == (group.first["outcome"], group.unit, group.null)
        ]
        return 1.06 * max(max(left / self.share, right / (1 - self.share)) for left, right in alike) or 1.0

    def _columns(self) -> None:
        """Right edges of the columns of numbers; the plot takes what is left."""
        size, width = self.profile.type, self.profile.width
        printed = [texts(row, group.digits) for group in self.groups for row in group.rows]
        measure = max(text_width(one, self.profile.small) for one in self.measures.values())
        self.measure = self.name_width + (GAP + measure if any(self.measures.values()) else 0)
        self.n = self.measure + GAP + max(text_width(n or "n", size) for _, _, n in printed)
        at = self.n
        self.mean_at: list[float] = []
        if self.means:
            for arm in (self.groups[0].first["reference"], self.groups[0].first["arm"]):
                at += GAP + max(11.0, text_width(self._head(arm), size, 500))
                self.mean_at.append(at)
        right = width
        self.p_at: list[float] = []
        for wanted in (self.adjusted, self.tested):
            if wanted:
                self.p_at.insert(0, right)
                right -= 12.0
        interval = max(text_width(f"({self.level})", size, 500), *(text_width(one, size) for _, one, _ in printed))
        estimate = max(text_width(one, size, 600) for one, _, _ in printed)
        self.interval = right - (GAP if self.p_at else 0) - interval
        self.estimate = self.interval - 1.5
        self.plot = (at + 2 * GAP, self.estimate - estimate - GAP)
        if self.plot[1] - self.plot[0] < PLOT and self.means:
            self.means = False
            self._columns()
        elif self.plot[1] - self.plot[0] < PLOT:
            self._fold(estimate, interval)

    def _fold(self, estimate: float, interval: float) -> None:
        """On a narrow sheet the words of a row, with n, stand above its line, and P is left to the table."""
        self.folded, self.tested, self.adjusted, self.p_at = True, False, False, []
        size, width = self.profile.type, self.profile.width
        self.interval = width - interval - 0.5
        self.estimate = self.interval - 1.5
        self.plot = (INSET, self.estimate - estimate - GAP)
        for group in self.groups:
            # Words end before the line of no difference where there is room for them on its left.
            end = self._zero(group) if self.share >= 0.5 else self.plot[1]
            for row in group.rows:
                measure = self.measures[id(row)].replace("\n", " ")
                *_, n = texts(row, group.digits)
                words = _row_label(row, self.labels, self.pairs) + (f", {measure}" if measure else "")
                words += f" (n = {n})".replace(" = ", f"{HOLDING}={HOLDING}") if n else ""
                self.names[id(row)] = wrapped(words, end - self.plot[0] - 2, size)
        lines = max(1 + name.count("\n") for name in self.names.values())
        self.step = 2 * CLEAR + 0.6 + 0.44 * size * lines + self.others
        self.middle = 1 - (CLEAR + self.others) / self.step

    @property
    def noun(self) -> str:
        """What a row compares, in the lines that it takes over its numbers."""
        room = (
            self.profile.width - self.plot[1] - GAP - (self.profile.width - min(self.p_at) + 12.0 if self.p_at else 0.0)
        )
        return wrapped(sentence(self.labels.noun).split(" from")[0], room, self.profile.type, 500)

    def _head(self, arm: str) -> str:
        """The name of an arm over its column, a word a line where it is long."""
        name, size = self.labels.arm(arm), self.profile.type
        return wrapped(name, min(24.0, max(15.0, *(text_width(word, size, 500) for word in name.split()))), size, 500)

    @property
    def share(self) -> float:
        """Share of the plot left of no difference: the same for all, and so that words fit on either side."""
        asked = [left / (left + right) for left, right in (g.reach for g in self.groups if not g.null) if left + right]
        if any(group.null for group in self.groups) or len(asked) < len(self.groups):
            return 0.5
        return min(0.68, max(0.32, max(asked) if min(asked) > 0.5 else min(asked) if max(asked) < 0.5 else 0.5))

    def drawn(self) -> Figure:
        """Draw everything."""
        head = self.base + 1.8
        below = [9.5 if group.unit else 6.0 for group in self.groups]
        height = head + sum(
            7.0 + sum(self._extra(g)) + self.step * len(g.rows) + b for g, b in zip(self.groups, below, strict=True)
        )
        sheet = Sheet(self.profile.width, height)
        self._heads(sheet)
        y = head
        for group, under in zip(self.groups, below, strict=True):
            y = self._group(sheet, group, y) + under
        return sheet.figure

    def _heads(self, sheet: Sheet) -> None:
        size, bold = self.profile.type, {"fontweight": 500}
        if not self.folded:
            sheet.write(self.n, self.base, "n", ha="right", **bold)
        if self.means:
            first = self.groups[0].first
            visit = f"Mean at {in_sentence(self.labels.visit(first['visit']))}"
            middle = (self.n + GAP + self.mean_at[1]) / 2
            sheet.write(middle, 2.6, visit, ha="center", color=FAINT, fontsize=self.profile.small)
            sheet.rule(self.n + GAP + 1, self.mean_at[1], 3.8)
            for x, arm in zip(self.mean_at, (first["reference"], first["arm"]), strict=True):
                sheet.write(x, self.base, self._head(arm), ha="right", color=self.look[arm].colour, **bold)
        sheet.write(self.interval, self.base, f"({self.level})", **bold)
        # over the interval where it fits, else further left, over the estimate too
        right = min(self.p_at) - 12.0 if self.p_at else self.profile.width
        start = min(self.interval, right - text_width(self.noun, size, 500) - 0.5)
        sheet.write(start, self.base - 0.42 * size, self.noun, **bold)
        names = [("P", self.tested), ("Adjusted\nP", self.adjusted)]
        for x, words in zip(self.p_at, [word for word, wanted in names if wanted], strict=True):
            sheet.write(x, self.base, words, ha="right", **bold)
        if not self.several:
            self._sides(sheet, self.groups[0], self.base)
        sheet.rule(0, self.profile.width, self.base + 1.4, INK, 0.8)

    def _title(self, group: Group) -> str:
        """What a group is about, over its plot."""
        first = group.first
        pair = f": {in_sentence(self.labels.compared(first))}" if self.several else ""
        title = self.labels.outcome(first["outcome"], first["site"]) + pair
        return wrapped(title, self.profile.width, self.profile.head, 600)

    def _extra(self, group: Group) -> tuple[float, float]:
        """Room of a group beyond that for a title of one line: its other lines, and the names of its sides."""
        title = LEADING * self.profile.head * self._title(group).count("\n")
        sides = [words.count("\n") for *_, words in self._sides_of(group)] if self.several else []
        return title, 4.5 + LEADING * self.profile.type * max([0, *sides]) if self.several else 0.0

    def _sides_of(self, group: Group) -> list[tuple[str, float, str, str]]:
        """Who is better on which side: arm, place and alignment of its words, the words."""
        left_arm, right_arm = sides(group.first) if group.first["reference"] else ("", "")
        if not left_arm:
            return []
        zero = self._zero(group)
        # over a plot of its own they have the width of the sheet; in the head of all the words over the numbers stand there
        end = self.profile.width if self.several else self.plot[1] + GAP
        rooms = (
            (left_arm, zero - 1.2, "right", zero - self.plot[0]),
            (right_arm, zero + 1.2, "left", end - zero - 1.2),
        )
        size = self.profile.type
        return [
            (arm, x, align, wrapped(f"{self._side(arm, group)} better", room, size, 500))
            for arm, x, align, room in rooms
        ]

    def _side(self, arm: str, group: Group) -> str:
        if self.pairs:
            place = "First" if arm == group.first["arm"] else "Second"
            return f"{place}-named {in_sentence(self.labels.group)}"
        return self.labels.arm(arm)

    def _zero(self, group: Group) -> float:
        share = 0.5 if group.null else self.share
        return self.plot[0] + share * (self.plot[1] - self.plot[0])

    def _sides(self, sheet: Sheet, group: Group, y: float) -> None:
        """Name, in the colour of its arm, who is better on which side."""
        zero, row = self._zero(group), group.first
        if not row["reference"]:
            if row["better"] in ("lower", "higher"):
                left = row["better"] == "lower"
                place = {"x": zero - 1.2, "ha": "right"} if left else {"x": zero + 1.2, "ha": "left"}
                sheet.write(place["x"], y, "improvement", ha=place["ha"], color=FAINT, fontweight=500)  # type: ignore[arg-type]
            return
        for arm, x, align, words in self._sides_of(group):
            colour = INK if self.pairs else self.look[arm].colour
            sheet.write(x, y, words, ha=align, color=colour, fontweight=500)

    def _group(self, sheet: Sheet, group: Group, y: float) -> float:
        """Draw a group from y on; returns the lower edge of its plot."""
        labels, size, title = self.labels, self.profile.type, self._title(group)
        lower, extra = self._extra(group)
        y += lower
        sheet.write(0, y + 5.0, title, fontweight=600, fontsize=self.profile.head)
        measures = [labels.measure(row["cohort"], row["outcome"], row["site"]) for row in group.rows]
        scales = list(dict.fromkeys(f"{one.axis}; {one.direction}" for one in measures))
        x = text_width(title, self.profile.head, 600) + 3
        if len(scales) > 1:
            ways: dict[str, list[str]] = {}
            for one in measures:
                ways.setdefault(one.direction, []).append(_short(one.label).replace("\n", " "))
            scales = ["; ".join(f"{listed(list(dict.fromkeys(names)))}: {way}" for way, names in ways.items())]
        if x + text_width(scales[0], self.profile.small) <= self.profile.width:
            sheet.write(x, y + 5.0, scales[0], color=FAINT, fontsize=self.profile.small)
        top = y + 7.0 + extra
        if self.several:
            self._sides(sheet, group, top - 1.2)
        tall = self.step * len(group.rows)
        ax = sheet.panel(self.plot[0], top, self.plot[1] - self.plot[0], tall)
        share = 0.5 if group.null else self.share
        panel(ax, group, self.reach(group), share, (BELOW / self.step, APART / self.step))
        ax.set_ylim(len(group.rows) - self.middle, -self.middle)
        if group.unit:
            ax.set_xlabel(group.unit, color=FAINT)
        for number, row in enumerate(group.rows):
            base = top + (number + self.middle) * self.step + (-CLEAR if self.folded else 1.0)
            if self.folded:
                sheet.write(self.plot[0] + 1, base, self.names[id(row)])
            else:
                sheet.write(0, base + self.names[id(row)].count("\n") * 0.21 * size, self.names[id(row)])
            estimate, interval, n = texts(row, group.digits)
            if not self.folded:
                measure = self.measures[id(row)]
                sheet.write(self.measure, base, measure, ha="right", color=FAINT, fontsize=self.profile.small)
                sheet.write(self.n, base, n, ha="right")
            for x, name in zip(self.mean_at if self.means else (), MEANS, strict=False):
                sheet.write(x, base, format_fixed(float(row[name]), group.digits), ha="right")
            sheet.write(self.estimate, base, estimate, ha="right", fontweight=600)
            sheet.write(self.interval, base, interval)
            wanted = [name for name, one in (("p", self.tested), ("p_adjusted", self.adjusted)) if one]
            for x, name in zip(self.p_at, wanted, strict=True):
                sheet.write(x, base, format_p(float(row[name]), name=False), ha="right")
        return top + tall


def _short(measure: str) -> str:
    """The abbreviation of an instrument, where its label has one in brackets; else the label."""
    if measure == POOLED:
        return "% of maximum"
    return measure[measure.rindex("(") + 1 : -1] if measure.endswith(")") else wrapped(measure, 24, 7)


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    plan = labels.plan
    level = f"{100 * float(source['level'].iloc[0]):g}% confidence intervals"
    source, others = parted(source, labels)
    rows = source.to_dict("records")
    if plan.design == "single_arm":
        what = f"Change from baseline at each visit with {level} (course of one group, not an effect)."
    else:
        noun = "Effect" if plan.design == "randomised" else "Adjusted difference (an association)"
        what = f"{noun} at {in_sentence(labels.visit(plan.visits.primary))} with {level}."
    told = [f"{what} n: patients in the model.", *withheld_note(source)]
    side = tinted(source, labels)
    told += side
    if len(others):
        visits = [in_sentence(labels.visit(visit)) for visit in dict.fromkeys(others["visit"])]
        told.append(f"Small marks below each: the same at {listed(visits)}{', from above' if len(visits) > 1 else ''}.")
    if any(is_turned(row) for row in rows):
        told.append("A positive number that is better is drawn to the left; the numbers keep their sign.")
    lines = []
    for row in rows:
        number, interval, _ = texts(row, decimals(row["low"], row["high"]))
        of = in_sentence(labels.cohort(row["cohort"]))
        at = f", {in_sentence(labels.visit(row['visit']))}" if plan.design == "single_arm" else ""
        pair = f", {in_sentence(labels.compared(row))}" if row["reference"] else ""
        same = others[(others[SAME] == [row[name] for name in SAME]).all(axis=1)].to_dict("records")
        beside = [
            f"{in_sentence(labels.visit(one['visit']))} {texts(one, decimals(one['low'], one['high']))[0]}"
            for one in same
        ]
        words_of_row = f"{labels.outcome(row['outcome'], row['site'])}, {of}{at}{pair}: {number} {interval}"
        lines.append(words_of_row.replace(":  ", ": ") + (f", {listed(beside)}" if beside else ""))
    return " ".join(told), f"Forest plot. {'; '.join(lines)}."
