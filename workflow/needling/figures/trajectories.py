"""Marginal means of each arm over the visits with their intervals; beneath them the difference, and who was measured."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from needling.figures.intervals import tinted
from needling.figures.panels import (
    PLACE,
    Place,
    for_each_arm,
    named,
    of_the_primary,
    outcome_axis,
    shown_visits,
    visit_positions,
)
from needling.figures.style import (
    BAND,
    FAINT,
    INK,
    LINE,
    STRONG,
    Look,
    Profile,
    Sheet,
    key_height,
    light_grid,
    lines_below,
    looks,
    text_width,
    wrapped,
)
from needling.labels.numbers import format_estimate, format_fixed, format_interval
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.select import asked_for

KEYS = ["cohort", "outcome", "site", "visit", "arm"]
COLUMNS = [*KEYS, "reference", "value", "low", "high", "source", "n", "better", "analysis"]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
COURSE, STRIP, LEFT, GAP = 31.0, 14.0, 11.0, 11.0  # mm: heights of both parts, room for the scale, between panels
VISITS = 4.0  # mm from line to line of visits and numbers


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Gather observed baseline means, modelled means after it and the differences from the first arm, of the primary analysis.

    Returns
    -------
    One row per cohort, outcome, site, visit and arm: value, low, high (empty where observed or not estimated), source (observed,
    modelled or difference), n (patients measured), analysis; of a difference also reference and the better direction.
    Visits without any mean are left out.
    """
    plan = labels.plan
    observed, results = of_the_primary(released["distribution"], released, labels), released["results"]
    if plan.primary not in asked_for(released, "figure", "trajectories"):
        return pd.DataFrame(columns=COLUMNS)
    mine = results[(results["analysis"] == plan.primary) & results["variant"].eq("")]
    means = mine.loc[mine["quantity"] == "mean", [*KEYS, "estimate", "low", "high"]]
    table = observed[[*KEYS, "mean", "n"]].merge(means, on=KEYS, how="left", validate="one_to_one")
    use_observed = (table["visit"] == plan.visits.baseline) & table["estimate"].isna()
    table["value"] = table["estimate"].where(~use_observed, table["mean"])
    table["source"] = use_observed.map({True: "observed", False: "modelled"})
    there = table.groupby(KEYS[:4])["value"].transform("count") > 0
    table = table[there].assign(reference="", better="")
    if len(plan.arms) > 1:
        compared = mine[(mine["quantity"] == "difference") & mine["reference"].ne("") & mine["visit"].ne("")]
        compared = compared[compared["reference"].eq(plan.arms[0])] if len(plan.arms) > 2 else compared
        compared = compared.rename(columns={"estimate": "value"}).assign(source="difference")
        table = pd.concat([table, compared.reindex(columns=table.columns).astype({"n": "Int64"})], ignore_index=True)
    return table.assign(analysis=plan.primary)[COLUMNS].reset_index(drop=True)


def panel(ax: Axes, rows: pd.DataFrame, positions: dict[str, float], look: dict[str, Look]) -> Axes:
    """Draw one cohort and outcome; arms stand a little apart so that intervals do not cover one another."""
    reach = max(positions.values()) - min(positions.values()) or 1.0
    for number, (arm, mine) in enumerate(look.items()):
        drawn = rows[(rows["arm"] == arm) & rows["value"].notna()].set_index("visit")
        drawn = drawn.reindex([visit for visit in positions if visit in drawn.index])
        x = [positions[visit] + (number - (len(look) - 1) / 2) * 0.02 * reach for visit in drawn.index]
        ax.vlines(x, drawn["low"], drawn["high"], color=mine.colour, linewidth=LINE)
        ax.plot(x, drawn["value"], clip_on=False, **mine.kwargs)  # type: ignore[arg-type]
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    ax.set_xticks([])
    return light_grid(ax)


def strip(
    ax: Axes,
    rows: pd.DataFrame,
    positions: dict[str, float],
    primary: str,
    limits: tuple[float, float],
    look: dict[str, Look] | None = None,
) -> Axes:
    """Draw the difference at each visit; the tinted side is better with the first-named arm.

    With looks, of several arms, each has its own a little apart; a single difference is in ink, since colours are of arms.
    """
    ax.set_ylim(limits)
    better = rows["better"].iloc[0]
    if better in ("lower", "higher"):
        ax.axhspan(*((limits[0], 0) if better == "lower" else (0, limits[1])), color=BAND, linewidth=0)
    ax.axhline(0, color=INK, linewidth=0.7)
    reach = max(positions.values()) - min(positions.values()) or 1.0
    arms = list(look or [])
    for row in rows[rows["value"].notna() & rows["visit"].isin(list(positions))].to_dict("records"):
        first, x = row["visit"] == primary, positions[row["visit"]]
        colour = INK if first else FAINT
        mark: dict[str, object] = {"marker": "s", "color": colour}
        if look:
            x += (arms.index(row["arm"]) - (len(arms) - 1) / 2) * 0.02 * reach
            colour, mark = look[row["arm"]].colour, look[row["arm"]].kwargs
        ax.plot([x, x], [row["low"], row["high"]], color=colour, linewidth=STRONG if first else LINE)
        ax.plot(x, row["value"], **{**mark, "markersize": 4.2 if first else 3.4})  # type: ignore[arg-type]
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    ax.set_xticks([])
    return ax


def step_of(span: float, most: int = 4) -> float:
    """A round step of which a span holds at most so many."""
    raw = span / most or 1.0
    base = 10 ** math.floor(math.log10(raw))
    return base * next(times for times in (1, 2, 5, 10) if times * base >= raw * 0.999)


def limits_of(panels: list[pd.DataFrame]) -> tuple[list[tuple[float, float]], float]:
    """Ends of the scales of some panels, all of one width so that slopes compare, and the step of their grid."""
    ends = [(_lowest(rows), _highest(rows)) for rows in panels]
    step = step_of(max(high - low for low, high in ends))
    found = [(step * math.floor(low / step), step * math.ceil(high / step)) for low, high in ends]
    widest = max(high - low for low, high in found)
    return [(low, low + max(widest, step)) for low, _ in found], step


def _lowest(rows: pd.DataFrame) -> float:
    return float(np.nanmin(rows[["value", "low"]].to_numpy(dtype=float)))


def _highest(rows: pd.DataFrame) -> float:
    return float(np.nanmax(rows[["value", "high"]].to_numpy(dtype=float)))


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a panel for each cohort and outcome: cohorts side by side, outcomes below one another."""
    return _Courses(source, labels, profile).drawn()


class _Courses:
    """The sheet: which panels there are, and where each stands."""

    def __init__(self, source: pd.DataFrame, labels: Labels, profile: Profile) -> None:
        self.labels, self.profile, self.look = labels, profile, looks(labels.plan.arms)
        self.means, self.compared = (source[(source["source"] == "difference") == wanted] for wanted in (False, True))
        here = set(self.means[PLACE].itertuples(index=False, name=None))
        places = [place for place in labels.places if place in here]
        outcomes = [one for one in labels.outcomes if any(place[1] == one for place in places)]
        cohorts = list(dict.fromkeys(place[0] for place in places))
        self.across = profile.across(min(3, len(cohorts) if len(cohorts) > 1 else len(places)), 50)
        rows = [outcomes] if len(cohorts) == 1 else [[one] for one in outcomes]
        grouped = [[place for place in places if place[1] in row] for row in rows]
        self.lines = [line[i : i + self.across] for line in grouped for i in range(0, len(line), self.across)]
        whole = profile.width_of(self.across)
        self.width = (whole - LEFT - GAP * (self.across - 1)) / self.across
        self.whole = whole
        self.scales = self._scales(outcomes)
        self.strip_heads = {place: self._strip_head(place) for line in self.lines for place in line}
        more = max(lines_below(words, profile.small) for words in self.strip_heads.values())
        self.over_strip = 5.0 + more
        self.strip = STRIP + self.over_strip if len(self.compared) else 0.0
        self.key = {labels.arm(arm): self.look[arm] for arm in labels.plan.arms}
        self.under = VISITS * profile.small / 7  # from line to line below a panel

    def _scales(self, outcomes: list[str]) -> dict[Place, tuple[tuple[float, float], float]]:
        """Ends and step of each panel's scale: one measure has one scale, all measures of an outcome one width."""
        found: dict[Place, tuple[tuple[float, float], float]] = {}
        for outcome in outcomes:
            mine = [place for line in self.lines for place in line if place[1] == outcome]
            measures = [self.labels.measure(*place) for place in mine]
            for span in dict.fromkeys(one.high - one.low for one in measures):
                alike = [
                    (place, one.label) for place, one in zip(mine, measures, strict=True) if one.high - one.low == span
                ]
                by_label: dict[str, list[pd.DataFrame]] = {}
                for place, label in alike:
                    by_label.setdefault(label, []).append(self._of(self.means, place))
                ends, step = limits_of([pd.concat(rows) for rows in by_label.values()])
                scale = dict(zip(by_label, ends, strict=True))
                found |= {place: (scale[label], step) for place, label in alike}
        return found

    def _strip_head(self, place: Place) -> str:
        """What a strip shows, which arm minus which, and which way is better, in the lines that it takes."""
        rows = self._of(self.compared, place)
        if rows.empty:
            return ""
        arm, reference = (in_sentence(self.labels.arm(rows[name].iloc[0])) for name in ("arm", "reference"))
        arm = f"each other {in_sentence(self.labels.group)}" if rows["arm"].nunique() > 1 else arm
        better = rows["better"].iloc[0]
        is_improvement = better not in ("", "neither", self.labels.measure(*place).better)
        # in words: between labels that are read from the right a sign would leave open which is subtracted
        words = f"{'Improvement' if is_improvement else 'Difference'}: {arm} minus {reference}"
        words += f"; {better} is better" if better in ("lower", "higher") else ""
        return wrapped(words, self.width, self.profile.small)

    @staticmethod
    def _of(rows: pd.DataFrame, place: Place) -> pd.DataFrame:
        return rows[(rows[PLACE] == list(place)).all(axis=1)]

    def drawn(self) -> Figure:
        """Draw everything."""
        heads = {place: self._head(place) for line in self.lines for place in line}
        under = 4.0 + self.under * (1 + len(self.look))
        tall = [
            4.2 * max(1 + heads[place][0].count("\n") for place in line)
            + 3.6 * max(1 + heads[place][1].count("\n") for place in line)
            + 1.5
            for line in self.lines
        ]
        block = COURSE + self.strip + under
        top = 1.0 + key_height(self.key, LEFT, self.whole)
        sheet = Sheet(self.whole, top + sum(tall) + block * len(tall) + 6.0 * (len(tall) - 1) + 1)
        sheet.key(LEFT, self.key)
        y, number = top, 0
        for line, head in zip(self.lines, tall, strict=True):
            for column, place in enumerate(line):
                self._panel(
                    sheet, place, heads[place], (LEFT + column * (self.width + GAP), y), head, number, column == 0
                )
                number += 1
            y += head + block + 6.0
        return sheet.figure

    def _head(self, place: Place) -> tuple[str, str]:
        cohort, outcome, site = place
        several = len({one[0] for line in self.lines for one in line}) > 1
        words = self.labels.outcome(outcome, site)
        words = f"{self.labels.cohort(cohort)}: {in_sentence(words)}" if several else words
        scale = outcome_axis(self.labels, place)
        return wrapped(words, self.width - 4, self.profile.head, 600), wrapped(scale, self.width, self.profile.small)

    def _panel(
        self,
        sheet: Sheet,
        place: Place,
        head: tuple[str, str],
        at: tuple[float, float],
        tall: float,
        number: int,
        is_first: bool,
    ) -> None:
        """One panel with its strip and the numbers below."""
        (x, y), profile = at, self.profile
        rows, compared = self._of(self.means, place), self._of(self.compared, place)
        positions = visit_positions(self.labels, shown_visits(rows, self.labels))
        if sum(len(line) for line in self.lines) > 1:
            sheet.write(x, y + 3.4, LETTERS[number % 26], fontsize=profile.head, fontweight=600)
        inset = 4.0 if sum(len(line) for line in self.lines) > 1 else 0.0
        sheet.write(
            x + inset,
            y + 3.4 + 0.42 * profile.head * head[0].count("\n"),
            head[0],
            fontsize=profile.head,
            fontweight=600,
        )
        sheet.write(x, y + tall - 1.5, head[1], fontsize=profile.small, color=FAINT)
        limits = self._limits(positions)
        ends, step = self.scales[place]
        ax = sheet.panel(x, y + tall, self.width, COURSE, xlim=limits, ylim=ends)
        ax.yaxis.set_major_locator(MultipleLocator(step))
        panel(ax, rows, positions, self.look)
        bottom = y + tall + COURSE
        if len(compared):
            several = self.compared["arm"].nunique() > 1
            words = self.strip_heads[place]
            sheet.write(x, bottom + self.over_strip - 1.2, words, fontsize=profile.small, color=FAINT)
            below = sheet.panel(x, bottom + self.over_strip, self.width, STRIP, xlim=limits)
            span = self._strip_limits(place)
            strip(below, compared, positions, self.labels.plan.visits.primary, span, self.look if several else None)
            below.yaxis.set_major_locator(MultipleLocator(step_of(span[1] - span[0], 3)))
            bottom += self.strip
        self._numbers(sheet, rows, positions, (x, bottom + 1.0), limits, is_first)

    def _strip_limits(self, place: Place) -> tuple[float, float]:
        """Ends of a strip: of one width for all cohorts of an outcome whose scales are equally wide."""
        spans = {one: self.labels.measure(*one) for line in self.lines for one in line if one[1] == place[1]}
        width = {one: measure.high - measure.low for one, measure in spans.items()}
        reach = [self._reach(one) for one in width if width[one] == width[place]]
        low, high = self._reach(place)
        spare = (1.1 * max(end - start for start, end in reach) or 1.0) - (high - low)
        return low - spare / 2, high + spare / 2

    def _reach(self, place: Place) -> tuple[float, float]:
        """Ends of the intervals of a panel's differences, zero among them."""
        rows = self._of(self.compared, place)
        known = rows[["low", "high"]].dropna().to_numpy(dtype=float)
        return (min(0.0, known.min()), max(0.0, known.max())) if known.size else (0.0, 0.0)

    def _numbers(
        self,
        sheet: Sheet,
        rows: pd.DataFrame,
        positions: dict[str, float],
        at: tuple[float, float],
        limits: tuple[float, float],
        is_first: bool,
    ) -> None:
        """Visits, and in the arms' colours how many were measured at each."""
        (x, y), size, labels = at, self.profile.small, self.labels
        sheet.rule(x, x + self.width, y)
        weeks = self._weeks(positions)
        first = "Week" if weeks else ""
        whole = self._have_room({visit: labels.visit(visit) for visit in positions}, positions)
        for visit, position in positions.items():
            place = x + self.width * (position - limits[0]) / (limits[1] - limits[0])
            words = labels.visit(visit) if whole else self._fitting(labels.visit(visit), positions)
            words = weeks.get(visit, words)
            weight = 600 if visit == labels.plan.visits.primary else 400
            middle = x + self._within(place - x, words)
            sheet.write(middle, y + 0.85 * self.under, words, ha="center", fontsize=size, fontweight=weight)
            for number, (arm, mine) in enumerate(self.look.items()):
                n = rows.loc[(rows["arm"] == arm) & (rows["visit"] == visit), "n"]
                shown = "" if n.empty or pd.isna(n.iloc[0]) else str(n.iloc[0])
                sheet.write(
                    place, y + self.under * (number + 1.85), shown, ha="center", fontsize=size, color=mine.colour
                )
        if is_first:
            sheet.write(x - 2, y + 0.85 * self.under, first, ha="right", fontsize=size, color=FAINT)
            for number, (arm, mine) in enumerate(self.look.items()):
                level = y + self.under * (number + 1.85)
                sheet.write(x - (5.0 if arm else 2.0), level, "n", ha="right", fontsize=size, color=mine.colour)
                if arm:
                    ax = sheet.panel(x - 4.4, level - 2.1, 2.4, 2.4, xlim=(0, 1), ylim=(0, 1))
                    ax.set_axis_off()
                    ax.plot(0.5, 0.5, **{**mine.kwargs, "markersize": 3.2})  # type: ignore[arg-type]

    def _weeks(self, positions: dict[str, float]) -> dict[str, str]:
        """Visits by their week, where their own names say no more or have no room."""
        known = {visit: self.labels.plan.visits.schedule[visit].nominal_week for visit in positions}
        if any(week is None for week in known.values()):
            return {}
        names = {visit: self.labels.visit(visit) for visit in known}
        say_more = any(names[visit] not in (f"Week {week:g}", "Baseline") for visit, week in known.items())
        if (say_more or list(known.values()) != list(positions.values())) and self._have_room(names, positions):
            return {}
        return {visit: f"{week:g}" for visit, week in known.items()}

    def _have_room(self, names: dict[str, str], positions: dict[str, float]) -> bool:
        """Tell whether names of visits stand beside one another below a panel."""
        low, high = self._limits(positions)
        half = {visit: text_width(name, self.profile.small, 600) / 2 for visit, name in names.items()}
        at = {
            visit: self._within(self.width * (position - low) / (high - low), names[visit])
            for visit, position in positions.items()
        }
        return all(
            at[later] - at[earlier] > half[earlier] + half[later] + 1.5 for earlier, later in pairwise(positions)
        )

    @staticmethod
    def _limits(positions: dict[str, float]) -> tuple[float, float]:
        """Ends of the axis of time."""
        reach = max(positions.values()) - min(positions.values()) or 1.0
        return min(positions.values()) - 0.06 * reach, max(positions.values()) + 0.06 * reach

    def _within(self, place: float, words: str) -> float:
        """Middle of words in mm from a panel's left edge, at a place or as near to it as they end with the panel."""
        half = text_width(words, self.profile.small, 600) / 2
        return max(half - 0.45 * GAP, min(place, self.width - half))

    def _fitting(self, words: str, positions: dict[str, float]) -> str:
        """A visit's name, or its beginning where its neighbours leave no room for it."""
        apart = min((b - a for a, b in pairwise(sorted(positions.values()))), default=1.0)
        reach = max(positions.values()) - min(positions.values()) or 1.0
        room = 0.95 * self.width * apart / (1.12 * reach)
        if text_width(words, self.profile.small) <= room:
            return words
        short = [n for n in range(1, len(words)) if text_width(words[:n] + ".", self.profile.small) <= room]
        return words[: short[-1]] + "." if short else words[:1]


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text: what is seen, with numbers."""
    plan = labels.plan
    analysis = plan.analyses[plan.primary]
    caption = (
        f"Course of {named(source, labels)}: marginal means and {100 * analysis.level:g}% confidence intervals "
        f"({in_sentence(labels.analysis(plan.primary))}). n: patients measured at the visit."
    )
    if (source["source"] == "observed").any():
        caption += " Means at baseline are observed."
    compared = source[source["source"] == "difference"]
    if len(compared):
        several = compared["arm"].nunique() > 1
        group, reference = in_sentence(labels.group), in_sentence(labels.arm(compared["reference"].iloc[0]))
        what = (
            f"differences of the other {group}s from {reference}" if several else f"the difference between the {group}s"
        )
        side = tinted(compared, labels)
        side = [f"The tinted side is better than with {reference}."] if side and several else side
        caption = " ".join([caption, f"Below each course: {what}.", *side])
    return caption, f"Line charts of {named(source, labels)} by visit{for_each_arm(labels)}. {_seen(source, labels)}"


def _seen(source: pd.DataFrame, labels: Labels) -> str:
    """The differences at the primary visit, or the first and last mean of each course."""
    told = []
    at = source[(source["source"] == "difference") & (source["visit"] == labels.plan.visits.primary)]
    for row in at[at["value"].notna()].to_dict("records"):
        number = (
            f"{format_estimate(row['value'], row['low'], row['high'])} ({format_interval(row['low'], row['high'])})"
        )
        pair = f", {in_sentence(labels.compared(row))}" if at["arm"].nunique() > 1 else ""
        told.append(
            f"{labels.outcome(row['outcome'], row['site'])}, {in_sentence(labels.cohort(row['cohort']))}{pair}: {number}"
        )
    if told:
        return f"Differences at {in_sentence(labels.visit(labels.plan.visits.primary))}: {'; '.join(told)}."
    for keys, rows in source[source["value"].notna()].groupby([*PLACE, "arm"], sort=False):
        cohort, outcome, site, arm = (str(key) for key in keys)
        whose = f", {in_sentence(labels.arm(arm))}" if arm else ""
        ends = [format_fixed(value, 1) for value in (rows["value"].iloc[0], rows["value"].iloc[-1])]
        told.append(
            f"{labels.outcome(outcome, site)}, {in_sentence(labels.cohort(cohort))}{whose}: from {ends[0]} to {ends[1]}"
        )
    return f"{'; '.join(told)}."
