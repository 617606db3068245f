"""Why values are missing: who was lost, by reason, arm and visit; below it, apart, what else happened before each visit."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from needling.figures.style import (
    FAINT,
    INK,
    RULE,
    THIN,
    Profile,
    Sheet,
    key_height,
    light_grid,
    lines_below,
    looks,
    text_width,
    wrapped,
)
from needling.labels.numbers import rounded
from needling.labels.sentences import in_sentence, sentence, spaced
from needling.labels.words import Labels
from needling.tables.select import asked_for
from needling.tables.withheld import withheld_note

SECTION = "observed"
LOST, MISSED, EVENT = "lost", "missed", "event"
BLOCKS = {LOST: "Lost, by reason", EVENT: "Intercurrent events"}
WHOM = {
    "randomised": "of those allocated to each arm",
    "cohort": "of the patients of each group",
    "single_arm": "of all patients",
}
AXES = {"randomised": "% of the arm", "cohort": "% of the group", "single_arm": "% of patients"}
KEY = ["cohort", "outcome", "block", "reason", "visit", "arm"]
COLUMNS = [*KEY, "n", "allocated", "share", "hidden"]
STEP, HEAD, TITLE, AXIS, GUTTER, LEAST = 4.4, 5.2, 5.0, 5.5, 2.5, 13.0  # mm


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take of each cohort's first outcome who was lost until each visit, who missed it alone, and the events before it.

    Of an arm whose reasons tell of few people there is a row without a number for each visit and reason of the other arms.
    """
    dropout, found = released.get("dropout"), []
    if dropout is not None and len(dropout):
        mine = dropout[dropout["analysis"].isin(asked_for(released, "table", "dropout")[:1])]
        for cohort in labels.plan.cohorts:
            here = mine[mine["cohort"] == cohort]
            outcomes = [one for one in labels.outcomes if one in set(here["outcome"])]
            if outcomes:
                found += _of_outcome(here[here["outcome"] == outcomes[0]], released, labels)
    rows = pd.DataFrame(found, columns=COLUMNS)
    rows = rows if rows["n"].notna().any() else rows.head(0)
    return rows.astype({"n": "Int64", "allocated": "Int64", "share": "float64"})


def _of_outcome(lost: pd.DataFrame, released: dict[str, pd.DataFrame], labels: Labels) -> list[dict[str, Any]]:
    plan, place = labels.plan, {name: str(lost[name].iloc[0]) for name in ("cohort", "outcome")}
    seen: dict[tuple[str, str], dict[Any, Any]] = {}
    for row in _here(released["missingness"], place).to_dict("records"):
        seen.setdefault((row["visit"], row["arm"]), row)  # of several sites the first
    events = {
        (row["event"], row["visit"], row["arm"]): row
        for row in _here(released["intercurrent"], place).to_dict("records")
    }
    closed = {str(row["arm"]): str(row["hidden"]) for row in lost.to_dict("records") if row["hidden"]}
    known = lost[~lost["arm"].isin(closed)]
    reasons = known.groupby("reason")["n"].sum().sort_values(ascending=False, kind="stable").index
    order = list(plan.visits.schedule)
    rows = []
    for visit in plan.visits.follow_up:
        for arm in [one for one in plan.arms or [""] if (visit, one) in seen]:
            whole = seen[visit, arm]
            allocated, absent = int(whole["expected"]), int(whole["expected"] - whole["measured"])
            gone = known[known["arm"].eq(arm) & known["visit"].map(order.index).le(order.index(visit))]
            cells: list[tuple[str, str, Any, str]] = [
                (LOST, str(one), gone.loc[gone["reason"] == one, "n"].sum(), "") for one in reasons
            ]
            cells.append((MISSED, "", absent - gone["n"].sum(), ""))
            if arm in closed:
                cells = [(block, one, pd.NA, closed[arm]) for block, one, _, _ in cells]
            for event in plan.intercurrent_events:
                if (event, visit, arm) in events:
                    had = events[event, visit, arm]
                    cells.append((EVENT, event, had["n"], had["hidden"]))
            rows += [
                place | {"block": block, "reason": reason, "visit": visit, "arm": arm, "n": n, "allocated": allocated}
                | {"share": None if pd.isna(n) else n / allocated, "hidden": hidden}
                for block, reason, n, hidden in cells
            ]  # fmt: skip
    return rows


def _here(table: pd.DataFrame, place: dict[str, str]) -> pd.DataFrame:
    return table[(table[list(place)] == list(place.values())).all(axis=1)]


def _name(block: str, reason: str, labels: Labels) -> str:
    if block == EVENT:
        return labels.event(reason)
    return "Missed this visit only" if block == MISSED else sentence(spaced(reason)) or "No reason on record"


def panel(ax: Axes, rows: pd.DataFrame, places: dict[tuple[str, str], float], labels: Labels) -> Axes:
    """Draw the shares of the arms at one visit, a line for each reason; of what is not shown, dots across."""
    look = looks(labels.plan.arms)
    for number, (arm, one) in enumerate(look.items()):
        mine = rows[rows["arm"] == arm]
        y = pd.Series([places[key] for key in zip(mine["block"], mine["reason"], strict=True)], mine.index, dtype=float)
        y += (number - (len(look) - 1) / 2) * min(1.5, 2.4 / max(1, len(look) - 1))
        ax.plot(mine["share"], y, **{**one.kwargs, "linestyle": "none", "markersize": 3.0}, zorder=3, clip_on=False)  # type: ignore[arg-type]
        for level in y[mine["share"].isna()]:
            ax.axhline(level, color=one.colour, linewidth=THIN, linestyle=(0, (1, 2)))
    ax.set_yticks([])
    ax.spines["bottom"].set_color(RULE)
    ax.xaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    return light_grid(ax, "x")


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw the cohorts below one another, the visits side by side as far as there is room, all on one scale."""
    size = profile.type
    keys = dict.fromkeys(source[["block", "reason"]].itertuples(index=False, name=None))
    told = {
        (block, reason): wrapped(_name(block, reason, labels), 0.36 * profile.width, size) for block, reason in keys
    }
    heads = [text_width(BLOCKS[block], profile.small) for block, _ in keys if block in BLOCKS]
    left = max([*heads, *(text_width(words, size) for words in told.values())]) + 2.5
    key = {labels.arm(arm): one for arm, one in looks(labels.plan.arms).items() if arm}
    top = key_height(key, 0, profile.width) + 1
    across = max(1, int((profile.width - left + GUTTER) // (LEAST + GUTTER)))
    across = min(across, source["visit"].nunique())
    wide = (profile.width - left - (across - 1) * GUTTER) / across
    blocks = [
        (str(cohort), list(visits[i : i + across]), rows)
        for cohort, rows in source.groupby("cohort", sort=False)
        for visits in [list(dict.fromkeys(rows["visit"]))]
        for i in range(0, len(visits), across)
    ]
    placed = [_places(rows, told, size) for _, _, rows in blocks]
    heads_of = [_visit_heads(visits, labels, wide, profile) for _, visits, _ in blocks]
    head = [HEAD + max(lines_below(words, profile.small) for words in one.values()) for one in heads_of]
    titles = [wrapped(_title(cohort, rows, labels), profile.width, profile.head, 600) for cohort, _, rows in blocks]
    more = [lines_below(title, profile.head) for title in titles]
    sheet = Sheet(profile.width, top + sum(TITLE + height + AXIS for _, height in placed) + sum(head + more) + 3.5)
    sheet.key(0, key, line=False)
    y = top
    reach = 1.1 * max(0.04, float(source["share"].max()))
    for (_, visits, rows), (places, height), title, named, above in zip(
        blocks, placed, titles, heads_of, head, strict=True
    ):
        start = y + TITLE + above + lines_below(title, profile.head)
        y += lines_below(title, profile.head)
        sheet.write(0, y + TITLE - 0.6, title, fontweight=600, fontsize=profile.head)
        for one, middle in places.items():
            deep = told[one].count("\n")
            sheet.write(0, start + middle + 0.13 * size + 0.21 * size * deep, told[one])
        for block, line in _heads(places, told, size).items():
            sheet.write(0, start + line, BLOCKS[block], color=FAINT, fontsize=profile.small)
        for place, visit in enumerate(visits):
            x = left + place * (wide + GUTTER)
            heavy = 600 if visit == labels.plan.visits.primary else 500
            sheet.write(x, start - 1.6, named[visit], fontsize=profile.small, fontweight=heavy)
            ax = sheet.panel(x, start, wide, height, xlim=(0, reach), ylim=(height, 0))
            panel(ax, rows[rows["visit"] == visit], places, labels)
        y = start + height + AXIS
    sheet.write(left, y + 2, AXES[labels.plan.design], fontsize=profile.small, color=INK)
    return sheet.figure


def _visit_heads(visits: list[str], labels: Labels, wide: float, profile: Profile) -> dict[str, str]:
    """Names of visits over their panels, in the lines that they take."""
    heavy = {visit: 600 if visit == labels.plan.visits.primary else 500 for visit in visits}
    return {one: wrapped(labels.visit(one), wide + GUTTER - 1, profile.small, weight) for one, weight in heavy.items()}


def _title(cohort: str, rows: pd.DataFrame, labels: Labels) -> str:
    outcome = labels.outcome(str(rows["outcome"].iloc[0]))
    return f"{labels.cohort(cohort)}: {in_sentence(outcome)}" if len(labels.plan.cohorts) > 1 else outcome


def _places(
    rows: pd.DataFrame, told: dict[tuple[str, str], str], size: float
) -> tuple[dict[tuple[str, str], float], float]:
    """Middle of the line of each reason, below the head of its block, and the height of all."""
    places: dict[tuple[str, str], float] = {}
    down, before = 0.0, ""
    for key in dict.fromkeys(rows[["block", "reason"]].itertuples(index=False, name=None)):
        down += STEP if key[0] in BLOCKS and key[0] != before else 0
        before = key[0]
        deep = STEP + 0.42 * size * told[key].count("\n")
        places[key] = down + deep / 2
        down += deep
    return places, down


def _heads(places: dict[tuple[str, str], float], told: dict[tuple[str, str], str], size: float) -> dict[str, float]:
    """Baseline of the head of each block that there is, on a line of its own above the first reason."""
    first: dict[str, tuple[str, str]] = {}
    for key in places:
        first.setdefault(key[0], key)
    above = {block: places[key] - (STEP + 0.42 * size * told[key].count("\n")) / 2 for block, key in first.items()}
    return {block: edge - STEP / 2 + 0.13 * size for block, edge in above.items() if block in BLOCKS}


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    outcomes = dict.fromkeys(in_sentence(labels.outcome(one)) for one in source["outcome"])
    whom = WHOM[labels.plan.design]
    caption = (
        f"Why values of {' and '.join(outcomes)} are missing, in percent {whom}. Lost: nothing measured from a visit on, counted "
        "at that and all later visits, with the reason on record. Missed this visit only: measured later, or without a value at "
        "baseline."
    )
    if (source["block"] == EVENT).any():
        caption += " Apart: intercurrent events before the visit, whether it was measured or not."
    told = []
    for cohort, rows in source.groupby("cohort", sort=False):
        last = str(rows["visit"].iloc[-1])
        parts = []
        for (block, reason), mine in rows[rows["visit"] == last].groupby(["block", "reason"], sort=False):
            cells = " and ".join(_count(row) for row in mine.to_dict("records"))
            parts.append(f"{in_sentence(_name(str(block), str(reason), labels))} {cells}")
        front = f"{labels.cohort(str(cohort))}, " if len(labels.plan.cohorts) > 1 else ""
        told.append(sentence(f"{front}{in_sentence(labels.visit(last))}: {', '.join(parts)}."))
    arms = f" ({', then '.join(in_sentence(labels.arm(arm)) for arm in labels.plan.arms)})" if labels.plan.arms else ""
    alternative = f"Dot plot of the share missing by reason and visit. At the last visit{arms}: {' '.join(told)}"
    return " ".join([caption, *withheld_note(source)]), alternative


def _count(row: dict[Any, Any]) -> str:
    if pd.isna(row["n"]):
        return "not shown"
    return f"{row['n']} of {row['allocated']} ({rounded(100 * row['share'], 0)}%)"
