"""People with adverse events: numbers and shares by arm, and the differences between arms, cohorts below one another."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from needling.figures.style import (
    FAINT,
    HAIR,
    INK,
    LEADING,
    LINE,
    STRONG,
    Profile,
    Sheet,
    key_height,
    lines_below,
    looks,
    text_width,
    wrapped,
)
from needling.labels.numbers import format_fixed
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.select import asked_for, in_order
from needling.tables.withheld import HIDDEN, withheld_note

SECTION = "adverse_events"
COLUMNS = ["row_id", "cohort", "term", "quantity", "arm", "reference", "estimate", "low", "high", "level", "n_patients"]
COLUMNS += ["n_events", "hidden"]
ANY = '[["adverse_event",'
SERIOUS = '[["serious", "any"]]'
FACTORS = (ANY, '[["kind",', SERIOUS)
GAP, PLOTS = 3.0, 62.0  # mm: between columns, fewest for both plots side by side with their numbers
LETTERS = "abcdefghijklmnopqrstuvwxyz"  # of pairs of arms, where there are several


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the shares of people with any event, with each kind and with a serious one, and their differences."""
    results = released["results"]
    mine = results[results["analysis"].isin(asked_for(released, "figure", "events")[:1])]
    mine = mine[mine["quantity"].isin(["share", "risk_difference"]) & mine["term"].str.startswith(FACTORS)]
    mine = mine[mine["estimate"].notna() | mine["hidden"].ne("")]
    has_any = mine["estimate"].notna().any()  # of a figure in which everything is hidden the table says so
    return in_order(mine.loc[mine.index if has_any else [], COLUMNS], {"cohort": list(labels.plan.cohorts)})


def shares(ax: Axes, rows: pd.DataFrame, terms: list[str], labels: Labels, reach: float) -> Axes:
    """Draw a mark for the share of each arm, in percent, with a line from the lowest to the highest."""
    for number, term in enumerate(terms):
        mine = rows[(rows["quantity"] == "share") & (rows["term"] == term) & rows["estimate"].notna()]
        if len(mine):
            ax.hlines(number, 100 * mine["estimate"].min(), 100 * mine["estimate"].max(), color=FAINT, linewidth=LINE)
    for arm, look in looks(labels.plan.arms).items():
        mine = rows[(rows["quantity"] == "share") & (rows["arm"] == arm) & rows["estimate"].notna()]
        at = [terms.index(term) for term in mine["term"]]
        ax.plot(100 * mine["estimate"], at, **{**look.kwargs, "linestyle": "none"})  # type: ignore[arg-type]
    ax.set(xlim=(-0.02 * reach, reach), ylim=(len(terms) - 0.5, -0.5), yticks=[])
    return _plain(ax)


def differences(ax: Axes, rows: pd.DataFrame, terms: list[str], reach: tuple[float, float]) -> Axes:
    """Draw the difference of each pair of arms with its interval, in percentage points; pairs of one row lie below each other."""
    mine = rows[(rows["quantity"] == "risk_difference") & rows["estimate"].notna()]
    pairs = list(mine[["arm", "reference"]].drop_duplicates().itertuples(index=False, name=None))
    for place, (arm, reference) in enumerate(pairs):
        own = mine[(mine["arm"] == arm) & (mine["reference"] == reference)]
        at = [terms.index(term) + (place - (len(pairs) - 1) / 2) / (len(pairs) + 0.6) for term in own["term"]]
        ax.hlines(at, 100 * own["low"], 100 * own["high"], color=INK, linewidth=STRONG)
        ax.plot(100 * own["estimate"], at, marker="s", linestyle="none", color=INK, markersize=4.2)
    ax.axvline(0, color=INK, linewidth=0.7)
    ax.set(xlim=reach, ylim=(len(terms) - 0.5, -0.5), yticks=[])
    return _plain(ax)


def _plain(ax: Axes) -> Axes:
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.grid(True, axis="x", color=HAIR, linewidth=0.5)
    ax.tick_params(axis="x", length=0)
    return ax


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw the cohorts below one another: numbers, shares and differences in columns."""
    return _Harms(source, labels, profile).drawn()


class _Harms:
    """The sheet: columns of words and numbers, and the two plots between them."""

    def __init__(self, source: pd.DataFrame, labels: Labels, profile: Profile) -> None:
        self.labels, self.profile, self.look = labels, profile, looks(labels.plan.arms)
        self.key = {labels.arm(arm) if arm else "Patients": look for arm, look in self.look.items()}
        self.groups = {str(cohort): rows for cohort, rows in source.groupby("cohort", sort=False)}
        self.terms = {cohort: list(dict.fromkeys(rows["term"])) for cohort, rows in self.groups.items()}
        compared = source[source["quantity"] == "risk_difference"]
        self.pairs = list(compared[["arm", "reference"]].drop_duplicates().itertuples(index=False, name=None))
        known = compared.dropna(subset=["estimate"])
        self.level = f"{100 * float(source['level'].iloc[0]):g}% CI"
        self.reach = (
            (min(-5.0, 106 * known["low"].min()), max(5.0, 106 * known["high"].max())) if len(known) else (-5.0, 5.0)
        )
        seen = source.loc[source["quantity"] == "share", "estimate"].max()
        self.top = 100.0 if pd.isna(seen) or seen > 0.5 else max(10.0, 115 * float(seen))
        size = profile.type
        self.names = {term: self._name(term) for terms in self.terms.values() for term in terms}
        self.counts = {
            (cohort, term, arm): _count(rows, term, arm)
            for cohort, rows in self.groups.items()
            for term in self.terms[cohort]
            for arm in self.look
        }
        self.told = {
            (cohort, term, pair): _told(rows, term, pair)
            for cohort, rows in self.groups.items()
            for term in self.terms[cohort]
            for pair in self.pairs
        }
        self.arm_width = {
            arm: max(
                text_width(self._arm(arm), size, 500),
                *(text_width(count, size) for (_, _, one), count in self.counts.items() if one == arm),
            )
            for arm in self.look
        }
        told = max([0.0, *(text_width(words, size) for words in self.told.values())])
        self.told_at = profile.width
        self.several = len(self.pairs) > 1
        letter = text_width("m", size, 500) + 1.0 if self.several else 0.0
        names = max(text_width(name, size) for name in self.names.values())
        at = names
        self.arm_at = {}
        for arm, width in self.arm_width.items():
            at += GAP + width
            self.arm_at[arm] = at
        room = profile.width - at - 2 * GAP - (told + GAP if self.pairs else 0) - letter
        self.folded = room < PLOTS
        if self.folded:
            # numbers of one pair stand above its interval, those of several beside theirs
            at, room = 0.0, profile.width - 2.0 - GAP - (told + GAP + letter if self.several else 0.0)
        self.share_plot = (at + 2 * GAP if not self.folded else 1.0, room * (0.55 if self.pairs else 1.0))
        start = self.share_plot[0] + self.share_plot[1] + 2 * GAP + letter
        self.difference_plot = (start, room - self.share_plot[1] - 2 * GAP)
        self.titles = {one: wrapped(labels.cohort(one), profile.width, profile.head, 600) for one in self.groups}
        named = [
            f"{one}: {labels.compared({'arm': arm, 'reference': reference})}"
            for one, (arm, reference) in self._lettered()
        ]
        self.keyed = [wrapped(one, profile.width, profile.small) for one in named if self.several]
        lines = max(1, len(self.pairs))
        self.step = (0.44 * size + 2.0) * (1.0 if lines == 1 else 0.72 * lines) + (0.44 * size if self.folded else 0.0)

    def _lettered(self) -> list[tuple[str, tuple[str, str]]]:
        """The pairs of arms with a letter each."""
        return list(zip(LETTERS, self.pairs, strict=False))

    def _name(self, term: str) -> str:
        factor, level = self.labels.level_of(term)
        if term.startswith(ANY):
            return "Any adverse event"
        if term.startswith(SERIOUS):
            return "Any serious event"
        return level or f"{factor}: not shown"

    def _arm(self, arm: str) -> str:
        return wrapped(self.labels.arm(arm) if arm else "Patients", 20, self.profile.type, 500)

    def drawn(self) -> Figure:
        """Draw everything."""
        size = self.profile.type
        if self.folded:
            head = 0.88 * size + 2.0 + key_height(self.key, 0.0, self.profile.width)
        else:
            head = 0.44 * size * (2 + max(self._arm(arm).count("\n") for arm in self.look)) + 2.0
        tall = {cohort: self.step * len(terms) for cohort, terms in self.terms.items()}
        several = len(self.labels.plan.cohorts) > 1
        over = {
            one: 6.0 + lines_below(words, self.profile.head) if several else 1.5 for one, words in self.titles.items()
        }
        small = LEADING * self.profile.small
        keyed = sum(small * (1.15 + words.count("\n")) for words in self.keyed)
        sheet = Sheet(
            self.profile.width, head + sum(over[cohort] + one + 6.5 for cohort, one in tall.items()) + 4.0 + keyed
        )
        self._heads(sheet, head)
        y = head + 1.0
        for cohort, rows in self.groups.items():
            if several:
                sheet.write(0, y + over[cohort] - 1.5, self.titles[cohort], fontsize=self.profile.head, fontweight=600)
            y += over[cohort]
            self._rows(sheet, cohort, rows, y, tall[cohort])
            y += tall[cohort] + 6.5
        for words in self.keyed:
            y += small * (1.15 + words.count("\n"))
            sheet.write(0, y + 1.0, words, fontsize=self.profile.small, color=FAINT)
        return sheet.figure

    def _heads(self, sheet: Sheet, base: float) -> None:
        """Heads of the columns; on a narrow sheet the arms are a key in one line."""
        bold: Any = {"fontweight": 500}
        level = base - 1.8
        if self.folded:
            sheet.key(0.0, self.key, line=False)
        else:
            for arm, look in self.look.items():
                sheet.write(self.arm_at[arm], level, f"{self._arm(arm)}\nn (%)", ha="right", color=look.colour, **bold)
        sheet.write(self.share_plot[0], level, "Patients, %", **bold)
        if self.pairs:
            words = f"Risk difference,\npercentage points ({self.level})"
            room = self.profile.width - self.difference_plot[0]
            words = words if text_width(words, self.profile.type, 500) <= room else f"Risk difference\n({self.level})"
            sheet.write(self.difference_plot[0], level, words, **bold)
        sheet.rule(0, self.profile.width, base, INK, 0.8)

    def _rows(self, sheet: Sheet, cohort: str, rows: pd.DataFrame, y: float, tall: float) -> None:
        """The rows of one cohort."""
        terms, size = self.terms[cohort], self.profile.type
        shares(sheet.panel(self.share_plot[0], y, self.share_plot[1], tall), rows, terms, self.labels, self.top)
        if self.pairs:
            ax = sheet.panel(self.difference_plot[0], y, self.difference_plot[1], tall)
            differences(ax, rows, terms, self.reach)
        for number, term in enumerate(terms):
            middle = y + (number + 0.5) * self.step
            base = middle + 0.15 * size if not self.folded else middle - 0.22 * size
            weight = 600 if term.startswith(ANY) else 400
            sheet.write(0, base, self.names[term], fontweight=weight)
            if not self.folded:
                for arm, x in self.arm_at.items():
                    sheet.write(x, base, self.counts[cohort, term, arm], ha="right", fontweight=weight)
            for place, pair in enumerate(self.pairs):
                apart = (place - (len(self.pairs) - 1) / 2) * self.step / (len(self.pairs) + 0.6)
                level = middle + 0.15 * size + apart if self.several else base
                sheet.write(self.told_at, level, self.told[cohort, term, pair], ha="right", fontweight=weight)
                if self.several:
                    sheet.write(self.difference_plot[0] - 1.0, level, LETTERS[place], ha="right", color=FAINT)


def _count(rows: pd.DataFrame, term: str, arm: str) -> str:
    """Patients with the event and their share."""
    mine = rows[(rows["quantity"] == "share") & (rows["term"] == term) & (rows["arm"] == arm)]
    if mine.empty:
        return ""
    row = mine.iloc[0]
    if pd.isna(row["n_events"]) or pd.isna(row["estimate"]):
        return HIDDEN
    return f"{row['n_events']} ({format_fixed(100 * row['estimate'], 0)}%)"


def _told(rows: pd.DataFrame, term: str, pair: tuple[str, str]) -> str:
    """The difference of a pair of arms with its interval."""
    mine = rows[(rows["quantity"] == "risk_difference") & (rows["term"] == term)]
    mine = mine[(mine["arm"] == pair[0]) & (mine["reference"] == pair[1])]
    if mine.empty:
        return ""
    row = mine.iloc[0]
    if pd.isna(row["estimate"]):
        return HIDDEN if row["hidden"] else "not estimated"
    estimate, low, high = (format_fixed(100 * row[name], 0) for name in ("estimate", "low", "high"))
    return f"{estimate} ({low} to {high})"


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    level = f"{100 * float(source['level'].iloc[0]):g}%"
    of_each = f" of those in each {in_sentence(labels.group)}" if labels.plan.arms else ""
    what = f"Patients with adverse events, in percent{of_each}"
    pairs = (
        source.loc[source["quantity"] == "risk_difference", ["arm", "reference"]].drop_duplicates().to_dict("records")
    )
    told = [in_sentence(labels.compared({str(key): value for key, value in one.items()})) for one in pairs]
    if told:
        group = in_sentence(labels.group)
        first = f"the {group} named first" if len(told) > 1 else in_sentence(labels.arm(pairs[0]["arm"]))
        pair = f"of two {group}s, with a letter each" if len(told) > 1 else told[0]
        what += f"; right: differences ({pair}) with {level} score intervals, right of 0 where {first} has more"
        what += " events"
    lines = []
    shown = source[(source["quantity"] == "share") & source["estimate"].notna()]
    for row in shown[shown["term"].str.startswith(FACTORS[0])].to_dict("records"):
        arm = f", {in_sentence(labels.arm(row['arm']))}" if row["arm"] else ""
        lines.append(f"{labels.cohort(row['cohort'])}{arm}: {format_fixed(100 * row['estimate'], 0)}%")
    alternative = (
        f"Dot plot of the share of patients with adverse events by kind. Any event: {'; '.join(lines) or 'not shown'}."
    )
    return " ".join([f"{what}.", *withheld_note(source)]), alternative
