"""The participant flow: from the export to each outcome's analysis."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from needling.figures.style import FAINT, LINE, MM, PAPER, RULE, THIN, Profile, looks, text_width, wrapped
from needling.labels.sentences import in_sentence, sentence, set_apart, spaced
from needling.labels.words import Labels
from needling.tables.participants import WHOLE, reasons_left_out
from needling.tables.withheld import HIDDEN, withheld_note

Line = tuple[str, str]


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the participant flow and who was lost; a number that is not shown has the mark of it, who was left out the reason."""
    lost = _lost(released, labels)
    flow = pd.concat([released["flow"], lost], ignore_index=True) if len(lost) else released["flow"]
    reasons = reasons_left_out(released, labels)
    why = flow["reason"].map(reasons).where(flow["stage"].eq("left_out"), flow["reason"]).fillna("")
    return flow.assign(why=why, shown=[HIDDEN if pd.isna(n) else f"{n}" for n in flow["n"]])


def _lost(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Count of each arm who was not measured at the primary visit, of the first outcome of the primary analysis, and by reason.

    How many were measured is no secret. Who was lost before has the reason on record, the others missed this visit only; both stand
    where every cohort tells of those lost, and where they are no more than were not measured.
    """
    plan, flow = labels.plan, released["flow"]
    visit = plan.visits.primary
    outcome = next((str(one) for one in flow.loc[flow["stage"] == "analysed", "outcome"]), "")
    seen = flow[(flow["stage"] == "measured") & (flow["outcome"] == outcome) & (flow["visit"] == visit)]
    if visit not in plan.visits.follow_up or not (seen["n"] > 0).any() or set(seen["cohort"]) != set(plan.cohorts):
        return flow.iloc[:0]
    dropout = released.get(
        "dropout", pd.DataFrame(columns=["analysis", "outcome", "arm", "visit", "reason", "n", "hidden"])
    )
    until = plan.visits.follow_up[: plan.visits.follow_up.index(visit) + 1]
    rows = []
    for arm in plan.arms or [""]:
        allocated = flow[(flow["stage"] == "allocated") & (flow["arm"] == arm)]
        absent = int(allocated["n"].sum() - seen.loc[seen["arm"] == arm, "n"].sum())
        place = {"cohort": "", "arm": arm, "visit": visit, "outcome": outcome, "hidden": ""}
        rows.append(place | {"stage": "absent", "reason": "", "n": absent})
        told = dropout[(dropout["outcome"] == outcome) & (dropout["arm"] == arm)]
        told = told[told["analysis"] == told["analysis"].iloc[0]] if len(told) else told
        lost = told[told["visit"].isin(until)]
        if len(told) and told["hidden"].eq("").all() and 0 < absent >= lost["n"].sum():
            reasons = lost.groupby("reason")["n"].sum().sort_values(ascending=False, kind="stable")
            rows += [place | {"stage": "lost", "reason": str(one), "n": n} for one, n in reasons.items()]
            rows.append(place | {"stage": "missed", "reason": "", "n": absent - lost["n"].sum()})
    return pd.DataFrame(rows).astype({"n": "Int64"})


@dataclass(frozen=True)
class Box:
    """A box: the lines of its head, and lines of words and number below."""

    head: list[Line]
    lines: list[Line]
    stage: str = ""  # boxes of one stage stand on one level in all arms

    @property
    def depth(self) -> int:
        """How many lines it has."""
        return len(self.head) + len(self.lines)


def boxes(source: pd.DataFrame, labels: Labels, arm: str) -> list[Box]:
    """List the boxes of one arm from above.

    The numbers of several cohorts are added; who is in the arm stands by cohort too.
    """
    mine = source[source["arm"] == arm]

    def of(stage: str, column: str, name: Callable[[str], str]) -> list[Line]:
        rows = mine[mine["stage"] == stage]
        return [(name(str(key)), _added(rows[rows[column] == key])) for key in dict.fromkeys(rows[column])]

    cohorts = of("allocated", "cohort", labels.cohort) if len(labels.plan.cohorts) > 1 else []
    head = WHOLE[labels.plan.design] if arm else "In the study"
    found = [Box([(head, _added(mine[mine["stage"] == "allocated"]))], cohorts, "allocated")]
    if not arm and not cohorts and found[0].head[0][1] == _added(source[source["stage"] == "enrolled"]):
        found = []  # of one group the box above says so
    if (mine["stage"] == "treated").any():
        found.append(Box([("Treated", _added(mine[mine["stage"] == "treated"]))], [], "treated"))
    visits = of("followed", "visit", labels.visit)
    found += [Box([("Followed", "")], visits, "followed")] if visits else []
    absent = mine[mine["stage"] == "absent"]
    if len(absent):
        head = f"Not measured at {in_sentence(labels.visit(str(absent['visit'].iloc[0])))}"
        reasons = of("lost", "reason", lambda reason: sentence(spaced(reason)) or "Lost, no reason on record")
        missed = [line for line in of("missed", "reason", lambda _: "Missed this visit only") if line[1] != "0"]
        found.append(Box([(head, _added(absent))], [*reasons, *missed], "absent"))
    found += _left_out(mine, labels)
    outcomes = of("analysed", "outcome", labels.outcome)
    return [*found, *([Box([("Analysed", "")], outcomes, "analysed")] if outcomes else [])]


def _left_out(mine: pd.DataFrame, labels: Labels) -> list[Box]:
    """Who of an arm is not in the primary analysis, and why: once where it is so for all outcomes, else for each."""
    out = mine[mine["stage"] == "left_out"]
    by_outcome: dict[str, list[Line]] = {}
    for outcome in dict.fromkeys(mine.loc[mine["stage"] == "analysed", "outcome"]):
        here = out[out["outcome"] == outcome]
        reasons = [(sentence(str(why)), _added(same)) for why, same in here.groupby("why", sort=False)]
        by_outcome[str(outcome)] = [("Reasons of few people", HIDDEN)] if here["n"].isna().any() else reasons
    parts = list(by_outcome.values())
    if not any(parts):
        return []
    head: list[Line] = [("Left out of the analysis", "")]
    if all(part == parts[0] for part in parts):
        return [Box(head, parts[0], "left_out")]
    each = [(labels.outcome(outcome), *line) for outcome, part in by_outcome.items() for line in part]
    return [Box(head, [(f"{name}: {in_sentence(why)}", n) for name, why, n in each], "left_out")]


def _added(rows: pd.DataFrame) -> str:
    """The sum over cohorts; not shown where one of them is not."""
    return HIDDEN if rows["n"].isna().any() else str(rows["n"].sum())


GAP, PAD, INDENT, BETWEEN = 4.0, 1.4, 2.5, 6.0  # mm: from box to box, within a box, of lines below a head, between arms
WIDEST = 74.0  # mm of one arm's column
CLOSE = 33.0  # mm: where columns are narrower, they stand half as far apart
STAGES = ("allocated", "treated", "followed", "absent", "left_out", "analysed")  # from above


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw boxes from above: exported, excluded by reason, enrolled, then a column for each arm."""
    return _Flow(source, labels, profile).drawn()


class _Flow:
    """The sheet: columns for the arms, boxes of one stage on one level."""

    def __init__(self, source: pd.DataFrame, labels: Labels, profile: Profile) -> None:
        self.labels, self.profile = labels, profile
        self.size = profile.small
        self.line = 0.47 * profile.small
        self.arms = labels.plan.arms or [""]
        self.look = looks(labels.plan.arms)
        count = len(self.arms)
        between = BETWEEN if profile.width / count > CLOSE else BETWEEN / 2
        self.column = min(WIDEST, (profile.width - 1 - between * (count - 1)) / count)
        spread = (profile.width - self.column) / (count - 1) if count > 1 else 0.0
        self.spread = min(spread, self.column + 30)
        self.left = (profile.width - self.column - self.spread * (count - 1)) / 2
        self.boxes = {arm: [self._wrapped(box, self.column) for box in boxes(source, labels, arm)] for arm in self.arms}
        self.head = _head(source, labels)
        names = {arm: wrapped(labels.arm(arm), self.column, self.size, 500).split("\n") for arm in labels.plan.arms}
        self.names = names
        self.named = max((len(lines) for lines in names.values()), default=0)

    def _wrapped(self, box: Box, width: float) -> Box:
        """Break words that would run over the edge, the last line before the number that stands in it."""

        def broken(lines: list[Line], indent: float, weight: int) -> list[Line]:
            found: list[Line] = []
            for words, n in lines:
                room = width - 2 * PAD - indent
                beside = room - text_width(n, self.size, weight) - 1.5 * bool(n)
                *first, last = wrapped(words, room, self.size, weight).split("\n")
                if text_width(last, self.size, weight) > beside:
                    *front, end = last.split(" ")
                    fits = text_width(end, self.size, weight) <= beside
                    first += ([set_apart(" ".join(front))] if front else []) if fits else [last]
                    last = set_apart(end) if fits else ""
                found += [*((part, "") for part in first), (last, n)]
            return found

        return Box(broken(box.head, 0.0, 600), broken(box.lines, INDENT, 400), box.stage)

    def drawn(self) -> Figure:
        """Draw everything."""
        here = [box for stack in self.boxes.values() for box in stack]
        depths = {
            stage: max(self._depth(box) for box in here if box.stage == stage)
            for stage in STAGES
            if any(box.stage == stage for box in here)
        }
        figure = Figure()
        self.ax = figure.add_axes((0, 0, 1, 1))
        self.ax.set_axis_off()
        y = self._top()
        middles = [self.left + self.spread * number + self.column / 2 for number in range(len(self.arms))]
        if self.head:
            y = self._branch(middles, y)
        for arm, x in zip(self.arms, middles, strict=True):
            self._stack(arm, x - self.column / 2, y, depths)
        names = self.named * self.line + 1.5 if self.named else 0.0
        height = y + names + sum(depths.values()) + GAP * (len(depths) - 1) + 1
        self.ax.set(xlim=(0, self.profile.width), ylim=(height, 0))
        figure.set_size_inches(self.profile.width * MM, height * MM)
        return figure

    def _depth(self, box: Box) -> float:
        return box.depth * self.line + 2 * PAD

    def _top(self) -> float:
        """The boxes above the arms: the whole in the middle, who was excluded to the right; returns the lower edge."""
        y, middle, width = 0.5, self.profile.width / 2, min(WIDEST, 0.44 * self.profile.width)
        for number, (box, side) in enumerate(self.head):
            depth = self._depth(box)
            self._box(middle - width / 2, y, width, box)
            y += depth
            if number == len(self.head) - 1:
                return y
            beside = middle + 6
            room = self.profile.width - beside - 0.5
            aside = self._wrapped(side, room) if side else None
            deep = self._depth(aside) if aside else 0.0
            end = y + GAP + (deep + 2.0 if aside else 0.0)
            self._arrow(middle, y, middle, end)
            if aside:
                self._box(beside, y + 2.5, room, aside)
                self._arrow(middle, y + 2.5 + deep / 2, beside, y + 2.5 + deep / 2)
            y = end
        return y

    def _branch(self, middles: list[float], y: float) -> float:
        """Lines from the whole to each arm; returns where the arms begin."""
        trunk, level = self.profile.width / 2, y + 3.0
        self.ax.plot([trunk, trunk], [y, level], color=RULE, linewidth=LINE)
        self.ax.plot([min(*middles, trunk), max(*middles, trunk)], [level, level], color=RULE, linewidth=LINE)
        for x in middles:
            self._arrow(x, level, x, level + 3.5)
        return level + 3.5

    def _stack(self, arm: str, x: float, y: float, depths: dict[str, float]) -> None:
        """The boxes of one arm below its name, with an edge in its colour; past a stage that it has not its arrow goes on."""
        stack = {box.stage: box for box in self.boxes[arm]}
        if self.labels.plan.arms:
            y += self.named * self.line + 1.5
            for back, words in enumerate(reversed(self.names[arm])):
                look: Any = {"fontsize": self.size, "fontweight": 500, "color": self.look[arm].colour, "va": "baseline"}
                self.ax.text(x, y - 1.2 - back * self.line, words, **look)
        middle, left = x + self.column / 2, None
        for stage, depth in depths.items():
            if stage in stack:
                if left is not None:
                    self._arrow(middle, left, middle, y)
                colour = self.look[arm].colour if self.labels.plan.arms else RULE
                self._box(x, y, self.column, stack[stage], depth, colour)
                left = y + depth
            y += depth + GAP

    def _box(self, x: float, y: float, width: float, box: Box, depth: float | None = None, edge: str = RULE) -> None:
        deep = depth or self._depth(box)
        self.ax.add_patch(Rectangle((x, y), width, deep, linewidth=THIN, edgecolor=RULE, facecolor=PAPER))
        if edge != RULE:
            self.ax.plot([x, x], [y, y + deep], color=edge, linewidth=2.0, solid_capstyle="butt")
        for number, (words, n) in enumerate([*box.head, *box.lines]):
            level = y + PAD + (number + 0.78) * self.line
            weight, inset = (600, 0.0) if number < len(box.head) else (400, INDENT)
            self.ax.text(x + PAD + inset, level, words, fontsize=self.size, fontweight=weight, va="baseline")
            self.ax.text(x + width - PAD, level, n, fontsize=self.size, fontweight=weight, va="baseline", ha="right")

    def _arrow(self, x0: float, y0: float, x1: float, y1: float) -> None:
        look = {"arrowstyle": "-|>", "color": FAINT, "linewidth": LINE, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 6}
        self.ax.annotate("", (x1, y1), (x0, y0), arrowprops=look)


def _head(source: pd.DataFrame, labels: Labels) -> list[tuple[Box, Box | None]]:
    """Boxes above the arms, each with the box of those who left after it."""
    named = _stages(labels)
    by_stage = dict(iter(source.groupby("stage")))
    head: list[tuple[Box, Box | None]] = []
    rows = by_stage.get("excluded", source.iloc[:0])
    whole = [_added(by_stage[stage]) for stage in ("exported", "enrolled") if stage in by_stage]
    is_same = len(whole) == 2 and whole[0] == whole[1] and rows.empty and not labels.plan.patients.excluded
    if "exported" in by_stage and not is_same:
        reasons = [(sentence(row["reason"]) or "Few people", row["shown"]) for row in rows.to_dict("records")]
        side = Box([("Excluded", _added(rows))], reasons) if reasons else None
        head.append((Box([(named["exported"], _added(by_stage["exported"]))], []), side))
    if "enrolled" in by_stage:
        head.append((Box([(named["enrolled"], _added(by_stage["enrolled"]))], []), None))
    return head


def _stages(labels: Labels) -> dict[str, str]:
    """What the whole is called: an export that tells of people screened has all who were assessed."""
    exported = "Assessed" if labels.plan.patients.excluded else "In the export"
    return {"exported": exported, "enrolled": "Randomised" if labels.plan.design == "randomised" else "Enrolled"}


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    treated = "Treated: with a session on record. " if (source["stage"] == "treated").any() else ""
    caption = f"Participant flow. {treated}Followed: measured for any outcome at the visit. "
    absent = source[source["stage"] == "absent"]
    if len(absent):
        outcome, visit = (
            in_sentence(name(str(absent[key].iloc[0])))
            for name, key in ((labels.outcome, "outcome"), (labels.visit, "visit"))
        )
        reasons = ", with the reason on record of those lost by then" if (source["stage"] == "lost").any() else ""
        caption += f"Not measured at {visit}: for {outcome}{reasons}. "
    caption += "Analysed: in the model of the primary analysis, by outcome."
    if labels.plan.design == "randomised" and source["reason"].isin(["unknown arm", "no arm on record"]).any():
        caption += " Who is set aside because no arm can be read may have been randomised."
    caption += "".join(f" {note}" for note in withheld_note(source))
    totals = source[source["stage"].isin(["exported", "enrolled"])]
    named = _stages(labels)
    said = ", ".join(f"{row['shown']} {in_sentence(named[row['stage']])}" for row in totals.to_dict("records"))
    arms = []
    for row in source[source["stage"] == "allocated"].to_dict("records"):
        arm = f", {in_sentence(labels.arm(row['arm']))}" if row["arm"] else ""
        arms.append(f"{labels.cohort(row['cohort'])}{arm}: {row['shown']}")
    for row in absent.to_dict("records"):
        arm = f", {in_sentence(labels.arm(row['arm']))}" if row["arm"] else ""
        arms.append(f"Not measured at {in_sentence(labels.visit(row['visit']))}{arm}: {row['shown']}")
    return caption, f"Flow diagram of participants: {said}. {'; '.join(arms)}."
