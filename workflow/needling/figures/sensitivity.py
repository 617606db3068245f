"""The primary comparisons under other assumptions and models: does the answer hang on one of them?"""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from needling.figures.intervals import tinted
from needling.figures.style import BAND, FAINT, INK, LINE, RULE, STRONG, Profile, Sheet, wrapped
from needling.labels.numbers import format_estimate, format_interval
from needling.labels.sentences import in_sentence, sentence
from needling.labels.words import Labels
from needling.tables.select import anew, comparisons, in_order, primary
from needling.tables.withheld import withheld_note

SECTION = "sensitivity"
PLACE = ["cohort", "outcome", "site", "arm", "reference", "quantity", "visit"]
COLUMNS = [
    "row_id",
    "analysis",
    "variant",
    "role",
    *PLACE,
    "estimate",
    "low",
    "high",
    "level",
    "unit",
    "better",
    "hidden",
]
ROLES = {"primary": "As planned", "sensitivity": "Sensitivity analyses", "secondary": "Other models"}
GAP = 7.0  # mm between panels


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take each primary comparison at the primary visit with what answers the same question in another way.

    Returns
    -------
    Results rows: of a primary comparison, and of every analysis that is not exploratory and compares the same arms in the same
    outcome, place and visit on the same scale. Comparisons that no other analysis answers are left out.
    """
    planned = primary(released)
    planned = planned[planned["visit"].eq(labels.plan.visits.primary) & planned["reference"].ne("")]
    planned = planned[planned["variant"].eq("")] if planned["variant"].eq("").any() else planned
    others = comparisons(released["results"])
    others = others[others["role"].isin(list(ROLES)) & others["subset"].eq("") & others["at"].eq("")]
    same = others.merge(planned[[*PLACE, "unit", "better"]].drop_duplicates(), on=[*PLACE, "unit", "better"])
    # what stands beside the planned comparison in its own analysis, such as groups as they came, is no other answer to it
    is_planned = same["role"].eq("primary") & same["row_id"].isin(planned["row_id"])
    is_other = same["role"].ne("primary") & ~same["analysis"].isin(planned["analysis"])
    is_other &= same["estimate"].notna() | same["hidden"].ne("")
    same = same[is_planned | (is_other & anew(same, planned, PLACE))]
    answered = same.groupby(PLACE)["row_id"].transform("count") > 1
    order = {"outcome": labels.outcomes, "cohort": list(labels.plan.cohorts), "role": list(ROLES)}
    return in_order(same.loc[answered, COLUMNS], order)


def name(row: dict[Any, Any], labels: Labels) -> str:
    """What an answer is called: the assumption that tells it from others of its analysis, else the analysis."""
    return labels.variant(row["variant"]) if row["variant"] else labels.analysis(row["analysis"])


def panel(ax: Axes, rows: list[dict[Any, Any] | None], reach: tuple[float, float]) -> Axes:
    """Draw the answers below one another, with a faint line down from the planned one; a line may be empty."""
    first = next(row for row in rows if row)
    if first["better"] in ("lower", "higher"):
        ax.axvspan(*((reach[0], 0) if first["better"] == "lower" else (0, reach[1])), color=BAND, linewidth=0)
    ax.axvline(0, color=INK, linewidth=0.7)
    if pd.notna(first["estimate"]):
        ax.axvline(first["estimate"], color=RULE, linewidth=LINE)
    for number, row in enumerate(rows):
        if row and pd.notna(row["estimate"]):
            planned = row["role"] == "primary"
            colour = INK if planned else FAINT
            ax.plot([row["low"], row["high"]], [number] * 2, color=colour, linewidth=STRONG if planned else LINE)
            ax.plot(row["estimate"], number, marker="s", color=colour, markersize=4.4 if planned else 3.6)
    ax.set(xlim=reach, ylim=(len(rows) - 0.5, -0.5), yticks=[])
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.spines["left"].set_visible(False)
    return ax


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a line of panels for each outcome, a panel for each cohort and pair of arms."""
    return _Variants(source, labels, profile).drawn()


class _Variants:
    """The sheet: names to the left, panels beside them."""

    def __init__(self, source: pd.DataFrame, labels: Labels, profile: Profile) -> None:
        self.labels, self.profile, self.size = labels, profile, profile.type
        self.step = 0.44 * self.size + 1.5
        self.names = 0.29 * profile.width if profile.width > 120 else 0.44 * profile.width
        groups = [rows for _, rows in source.groupby(PLACE, sort=False)]
        outcomes = dict.fromkeys(rows["outcome"].iloc[0] for rows in groups)
        across = Profile(profile.width - self.names).across(3, 36)
        self.blocks = []
        for outcome in outcomes:
            mine = [rows for rows in groups if rows["outcome"].iloc[0] == outcome]
            self.blocks += [mine[i : i + across] for i in range(0, len(mine), across)]
        most = max(len(block) for block in self.blocks)
        self.width = (profile.width - self.names - GAP * most) / most - 1.0
        self.several = len(source[["arm", "reference"]].drop_duplicates()) > 1

    def drawn(self) -> Figure:
        """Draw everything."""
        blocks = [(block, self._lines(block)) for block in self.blocks]
        heads = [max(head.count("\n") + 1 for head in map(self._head, block)) for block in self.blocks]
        tall = [
            0.46 * self.profile.head * head + 2.5 + self.step * sum(deep for _, _, deep in lines) + 11
            for (_, lines), head in zip(blocks, heads, strict=True)
        ]
        sheet = Sheet(self.profile.width, sum(tall))
        y = 0.0
        for (block, lines), deep, head in zip(blocks, tall, heads, strict=True):
            self._block(sheet, block, lines, y, 0.46 * self.profile.head * head + 2.5)
            y += deep
        return sheet.figure

    def _lines(self, block: list[pd.DataFrame]) -> list[tuple[str, str, int]]:
        """Heads and names of answers with their keys (a head has none), and over how many lines each runs."""
        lines: list[tuple[str, str, int]] = []
        rows = pd.concat(block).drop_duplicates(["analysis", "variant"])
        heads = [
            self.labels.analysis(row["analysis"]) if row["variant"] else ROLES[row["role"]]
            for row in rows.to_dict("records")
        ]
        for head, mine in rows.groupby(pd.Series(heads, rows.index), sort=False):
            told = wrapped(str(head), self.names, self.size)
            lines.append((told, "", told.count("\n") + 1))
            for row in mine.to_dict("records"):
                told = wrapped(sentence(name(row, self.labels)), self.names - 5, self.size)
                lines.append((told, f"{row['analysis']}:{row['variant']}", told.count("\n") + 1))
        return lines

    def _head(self, rows: pd.DataFrame) -> str:
        first = rows.iloc[0].to_dict()
        words = self.labels.outcome(first["outcome"], first["site"])
        if len(self.labels.plan.cohorts) > 1:
            words = f"{self.labels.cohort(first['cohort'])}: {in_sentence(words)}"
        if self.several:
            words += f", {in_sentence(self.labels.compared(first))}"
        # alone in its line a panel has the width of the sheet for its title
        alone = max(len(block) for block in self.blocks) == 1
        return wrapped(words, self.profile.width if alone else self.width, self.profile.head, 600)

    def _block(
        self, sheet: Sheet, block: list[pd.DataFrame], lines: list[tuple[str, str, int]], y: float, head: float
    ) -> None:
        places: list[tuple[str, float]] = []
        at = y + head
        for words, key, deep in lines:
            middle = at + deep * self.step / 2
            base = middle + 0.15 * self.size + 0.21 * self.size * (deep - 1)
            look = {"color": FAINT} if not key else {"fontweight": 600 if not places else 400}
            sheet.write(0 if not key else 3, base, words, **look)
            if key:
                places.append((key, middle))
            at += deep * self.step
        most = max(len(one) for one in self.blocks)
        for number, rows in enumerate(block):
            x = self.names + GAP + number * (self.width + GAP)
            title = self._head(rows)
            sheet.write(
                x if most > 1 else 0,
                y + 3.2 + 0.42 * self.profile.head * title.count("\n"),
                title,
                fontsize=self.profile.head,
                fontweight=600,
            )
            self._panel(sheet, rows, places, (x, y + head, at - y - head))

    def _panel(
        self, sheet: Sheet, rows: pd.DataFrame, places: list[tuple[str, float]], at: tuple[float, float, float]
    ) -> None:
        """Put each answer on the level of its name: the axis counts in lines of the sheet."""
        x, y, tall = at
        by_key = {f"{row['analysis']}:{row['variant']}": row for row in rows.to_dict("records")}
        count = round(tall / self.step)
        answers: list[dict[Any, Any] | None] = [None] * count
        ax = sheet.panel(x, y, self.width, tall)
        ends = rows[["low", "high"]].to_numpy(dtype=float)
        low, high = min(0.0, float(pd.Series(ends.ravel()).min())), max(0.0, float(pd.Series(ends.ravel()).max()))
        spare = 0.08 * (high - low or 1.0)
        for key, middle in places:
            answers[min(count - 1, int((middle - y) / self.step))] = by_key.get(key)
        panel(ax, answers, (low - spare, high + spare))
        ax.set_xlabel(rows["unit"].iloc[0], color=FAINT)


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    at = in_sentence(labels.visit(source["visit"].iloc[0]))
    caption = (
        f"The primary comparisons at {at} as planned and in other ways, with {100 * float(source['level'].iloc[0]):g}% confidence "
        "intervals; the line down is the planned estimate."
    )
    told = []
    several = len(source[["arm", "reference"]].drop_duplicates()) > 1
    for _, rows in source.groupby(PLACE, sort=False):
        first = rows.iloc[0].to_dict()
        known = rows[rows["estimate"].notna()]
        where = f"{labels.outcome(first['outcome'], first['site'])}, {in_sentence(labels.cohort(first['cohort']))}"
        where += f", {in_sentence(labels.compared(first))}" if several else ""
        if len(known):
            ends = known.sort_values("estimate").iloc[[0, -1]].to_dict("records")
            low, high = (format_estimate(row["estimate"], row["low"], row["high"]) for row in ends)
            told.append(
                f"{where}: planned {format_estimate(first['estimate'], first['low'], first['high'])} "
                f"({format_interval(first['low'], first['high'])}), others from {low} to {high}"
            )
    return " ".join(
        [caption, *tinted(source, labels), *withheld_note(source)]
    ), f"Forest plot of variants. {'; '.join(told)}."
