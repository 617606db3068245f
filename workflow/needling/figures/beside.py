"""Treatment beside the one compared: who had it in each arm, and the difference of arms as allocated and given it."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from needling.figures.intervals import difference_axis, limits
from needling.figures.style import (
    FAINT,
    HAIR,
    INK,
    PAPER,
    STRONG,
    THIN,
    Profile,
    Sheet,
    key_height,
    looks,
    text_width,
    wrapped,
)
from needling.labels.numbers import format_estimate, format_fixed, format_interval
from needling.labels.sentences import in_sentence, sentence, spaced
from needling.labels.words import Labels
from needling.tables.co_interventions import AS_ALLOCATED, WARNING, names_of, shown
from needling.tables.for_whom import PLACE, place_words
from needling.tables.withheld import withheld_note

COLUMNS = [
    *PLACE,
    "row_id",
    "quantity",
    "variant",
    "arm",
    "reference",
    "term",
    "estimate",
    "low",
    "high",
    "level",
    "unit",
]
COLUMNS += ["better", "n_patients", "n_events", "status", "hidden"]
STEP, LINE = 5.0, 3.2  # mm: fewest from row to row, from line to line of a name


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the shares of the arms and the differences given each co-intervention that there are."""
    mine = shown(released, labels, ("figure", "beside"))
    known = mine["quantity"].isin(["share", "effect_given"]) & mine["estimate"].notna()
    return mine[known][COLUMNS].reset_index(drop=True)


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a band for each cohort and outcome: names, shares of the arms, and differences in the outcome."""
    groups = [rows for _, rows in source.groupby(PLACE, sort=False)]
    terms = [_terms(rows) for rows in groups]
    size = profile.type
    names = {term: wrapped(_name(term, labels), 0.3 * profile.width, size) for own in terms for term in own}
    step = max(STEP, 2.0 + LINE * max(1 + name.count("\n") for name in names.values()))
    left = max(text_width(name, size) for name in names.values()) + 4
    middle = left + 0.5 * (profile.width - left)
    ends = ((left, middle - 5), (middle + 5, profile.width - 2))
    look = looks(labels.plan.arms)
    key = {labels.arm(arm): look[arm] for arm in labels.plan.arms}
    head = 4.0 + key_height(key, left, profile.width)
    sheet = Sheet(profile.width, head + sum(7.5 + step * len(own) + 14.0 for own in terms))
    sheet.key(left, key, line=False)
    y = head
    for rows, own in zip(groups, terms, strict=True):
        sheet.write(
            0, y + 4, place_words(rows.iloc[0].to_dict(), labels, source), fontweight=600, fontsize=profile.head
        )
        for i, term in enumerate(own):
            lines = names[term].split("\n")
            for line, words_ in enumerate(lines):
                place = y + 7.5 + step * (i + 0.5) + 0.9 + LINE * (line - (len(lines) - 1) / 2)
                sheet.write(0, place, words_)
        _shares(sheet, rows, own, labels, (ends[0], y + 7.5, step))
        if rows["quantity"].eq("effect_given").any():
            _differences(sheet, rows, own, source, (ends[1], y + 7.5, step))
        y += 7.5 + step * len(own) + 14.0
    return sheet.figure


def _terms(rows: pd.DataFrame) -> list[str]:
    """Rows of a band: none, each co-intervention (also where its shares are not shown), all."""
    alone = dict.fromkeys(rows.loc[rows["quantity"] == "share", "term"])
    given = rows.loc[rows["quantity"] == "effect_given", "term"]
    first = [""] if given.eq("").any() else []
    return list(dict.fromkeys([*first, *alone, *given]))


def _name(term: str, labels: Labels) -> str:
    names = names_of(term)
    if not names:
        return AS_ALLOCATED[labels.plan.design]
    return sentence(spaced(names[0])) if len(names) == 1 else "All of them"


def _shares(sheet: Sheet, rows: pd.DataFrame, terms: list[str], labels: Labels, place: Any) -> None:
    (x0, x1), y, step = place
    ax = sheet.panel(x0, y, x1 - x0, step * len(terms))
    mine = rows[rows["quantity"] == "share"]
    for i in range(len(terms)):
        ax.axhline(i, color=HAIR, linewidth=THIN, zorder=0)
    look = looks(labels.plan.arms)
    for shift, (arm, one) in enumerate(look.items()):
        own = mine[mine["arm"] == arm]
        at = [terms.index(term) + 0.22 * (shift - (len(look) - 1) / 2) for term in own["term"]]
        ax.plot(100 * own["estimate"], at, **{**one.kwargs, "linestyle": "none"})  # type: ignore[arg-type]
    ax.set(xlim=(0, 100), ylim=(len(terms) - 0.5, -0.5), yticks=[])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(wrapped("Patients who ever had it, %", x1 - x0, 7), color=FAINT)


def _differences(sheet: Sheet, rows: pd.DataFrame, terms: list[str], source: pd.DataFrame, place: Any) -> None:
    """Intervals in ink; hollow where something that follows the arm was taken into account."""
    (x0, x1), y, step = place
    ax = sheet.panel(x0, y, x1 - x0, step * len(terms))
    mine = rows[rows["quantity"] == "effect_given"]
    arms = list(dict.fromkeys(mine["arm"]))
    for row in mine.to_dict("records"):
        at = terms.index(row["term"]) + 0.24 * (arms.index(row["arm"]) - (len(arms) - 1) / 2)
        ax.plot([row["low"], row["high"]], [at, at], color=INK, linewidth=STRONG, zorder=2)
        face = INK if not row["term"] else PAPER
        ax.plot(row["estimate"], at, marker="s", markersize=4, color=INK, markerfacecolor=face, zorder=3)
    ends = limits(source[source["quantity"] == "effect_given"], mine.iloc[0].to_dict())
    difference_axis(ax, ends, 4).set_ylim(len(terms) - 0.5, -0.5)
    told = f"Difference in the outcome, {mine['unit'].iloc[0]}".rstrip(", ")
    ax.set_xlabel(wrapped(told, x1 - x0, 7), color=FAINT)


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    caption = "Treatment beside the one compared: patients who ever had it before the visit"
    told = [
        f"{place_words(row, labels, source)}, {in_sentence(_name(row['term'], labels))}"
        + (f", {in_sentence(labels.arm(row['arm']))}" if row["arm"] else "")
        + f": {format_fixed(100 * row['estimate'], 0)}%"
        for row in source[source["quantity"] == "share"].to_dict("records")
    ]
    given = source[source["quantity"] == "effect_given"].to_dict("records")
    if given:
        level = f"{100 * float(source['level'].iloc[0]):g}%"
        caption += (
            f", and the difference of {in_sentence(labels.group)}s in the outcome with {level} confidence intervals: as it is "
            f"(filled), and given each (hollow). {labels.of_groups(WARNING)}"
        )
        told += [
            f"{place_words(row, labels, source)}, difference given {in_sentence(_name(row['term'], labels))}: "
            f"{format_estimate(row['estimate'], row['low'], row['high'])} ({format_interval(row['low'], row['high'])})"
            for row in given
        ]
    else:
        caption += "."
    return " ".join([caption, *withheld_note(source)]), f"Dots and intervals. {'; '.join(told)}."
