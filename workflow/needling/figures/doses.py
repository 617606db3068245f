"""Mean outcome by the number of sessions: had everybody received so many, and as they came."""

import json

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from needling.figures.style import (
    FAINT,
    INK,
    LEADING,
    LINE,
    PAPER,
    STRONG,
    Look,
    Profile,
    Sheet,
    key_height,
    light_grid,
    wrapped,
)
from needling.labels.numbers import format_estimate, format_interval
from needling.labels.sentences import in_sentence, span
from needling.labels.words import Labels
from needling.tables.select import asked_for, in_order
from needling.tables.withheld import withheld_note

SECTION = "mechanism"
PLACE = ["cohort", "outcome", "site", "arm", "visit"]
COLUMNS = [*PLACE, "variant", "quantity", "at", "estimate", "low", "high", "level", "unit", "status", "note", "hidden"]
HEIGHT, LEFT, GAP, UNDER = 32.0, 10.0, 10.0, 12.0  # mm: of a panel, room for its scale, between panels, below them
VARIANTS = {  # look, width of its lines, its place beside the number of sessions
    "weighted": (Look(INK, "-", "o", INK), STRONG, -0.08),
    "unweighted": (Look(FAINT, "-", "s", PAPER), LINE, 0.08),
}
TOLD = {"weighted": "Had everybody received so many", "unweighted": "As they came (naive)"}


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the means at each number of sessions, also of places where they are refused."""
    results = released["results"]
    mine = results[results["analysis"].isin(asked_for(released, "figure", "doses")[:1])]
    mine = mine[mine["variant"].isin(list(VARIANTS)) & mine["quantity"].eq("mean")]
    shown = mine[COLUMNS].assign(k=pd.Series([float(json.loads(at)["sessions"]) for at in mine["at"]], mine.index))
    return in_order(shown, {"cohort": list(labels.plan.cohorts)}) if shown["estimate"].notna().any() else shown.head(0)


def panel(ax: Axes, rows: pd.DataFrame) -> Axes:
    """Draw the means of both estimates a little apart."""
    for variant, (look, width, shift) in VARIANTS.items():
        drawn = rows[rows["variant"].eq(variant) & rows["estimate"].notna()].sort_values("k")
        x = drawn["k"] + shift
        ax.vlines(x, drawn["low"], drawn["high"], color=look.colour, linewidth=width)
        ax.plot(x, drawn["estimate"], linewidth=width, **look.kwargs)  # type: ignore[arg-type]
    ax.set_xticks(sorted(rows["k"].unique()))
    ax.set_xlabel("Sessions")
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    ax.margins(x=0.12)
    return light_grid(ax)


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a panel for each cohort, outcome and arm."""
    groups = [rows for _, rows in source.groupby(PLACE, sort=False)]
    across = profile.across(min(3, len(groups)), 45)
    whole = profile.width_of(across)
    width = (whole - LEFT - GAP * (across - 1) - 2) / across
    lines = [groups[i : i + across] for i in range(0, len(groups), across)]
    heads = [[_head(rows, labels, width, profile) for rows in line] for line in lines]
    step = LEADING * profile.head + 0.4
    tall = [9.0 + step * max(title.count("\n") + below.count("\n") for title, below in line) for line in heads]
    key = {words_: VARIANTS[variant][0] for variant, words_ in TOLD.items()}
    y = 1.0 + key_height(key, LEFT, whole)
    sheet = Sheet(whole, y + sum(tall) + (HEIGHT + UNDER) * len(lines))
    sheet.key(LEFT, key)
    for line, told, head in zip(lines, heads, tall, strict=True):
        for column, (rows, (title, below)) in enumerate(zip(line, told, strict=True)):
            x = LEFT + column * (width + GAP)
            sheet.write(x, y + 3.4 + step * title.count("\n"), title, fontsize=profile.head, fontweight=600)
            sheet.write(x, y + head - 1.8, below, fontsize=profile.small, color=FAINT)
            panel(sheet.panel(x, y + head, width, HEIGHT), rows)
        y += head + HEIGHT + UNDER
    return sheet.figure


def _head(rows: pd.DataFrame, labels: Labels, width: float, profile: Profile) -> tuple[str, str]:
    first = rows.iloc[0]
    words = f"{labels.cohort(first['cohort'])}: {in_sentence(labels.outcome(first['outcome'], first['site']))}"
    told = f"{span(first['unit'])}, {in_sentence(labels.visit(first['visit']))}"
    told += f", {in_sentence(labels.arm(first['arm']))}" if first["arm"] else ""
    if rows.loc[rows["variant"] == "weighted", "estimate"].isna().all():
        told += "; weighted: not estimated"
    return wrapped(words, width - 2, profile.head, 600), wrapped(told, width, profile.small)


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    level = f"{100 * float(source['level'].iloc[0]):g}%"
    caption = (
        f"Mean outcome by the number of sessions with {level} confidence intervals: had everybody received so many (weighted for "
        "who came again), and as they came, which shows who comes again and not what a session does."
    )
    told = []
    for row in source[source["estimate"].notna()].to_dict("records"):
        low, high = row["low"], row["high"]
        number = f"{format_estimate(row['estimate'], low, high)} ({format_interval(low, high)})"
        whose = [labels.outcome(row["outcome"], row["site"]), *([labels.arm(row["arm"])] if row["arm"] else [])]
        place = ", ".join([labels.cohort(row["cohort"]), *map(in_sentence, [*whose, TOLD[row["variant"]]])])
        told.append(f"{place}, {row['k']:g} sessions: {number}")
    return " ".join([caption, *withheld_note(source)]), f"Line charts. {'; '.join(told)}."
