"""The course of each measure of process by arm, with its correlation with pain within patients."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from needling.figures.panels import visit_positions
from needling.figures.style import FAINT, LINE, Look, Profile, Sheet, key_height, light_grid, looks, text_width, wrapped
from needling.labels.numbers import format_fixed
from needling.labels.sentences import in_sentence, span
from needling.labels.words import Labels
from needling.tables.process import PLACE
from needling.tables.select import asked_for, in_order
from needling.tables.withheld import withheld_note

SECTION = "mechanism"
COLUMNS = [*PLACE, "visit", "arm", "quantity", "estimate", "low", "high", "level", "unit", "hidden"]
COURSE, LEFT, GAP, UNDER = 24.0, 10.0, 10.0, 9.0  # mm: of a panel, room for its scale, between panels, below


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the means over the visits and the correlations with pain, in the study file's order."""
    results = released["results"]
    mine = results[results["analysis"].isin(asked_for(released, "figure", "measures")[:1])]
    means = mine["quantity"].eq("mean") & mine["estimate"].notna()
    related = mine["quantity"].eq("correlation") & mine["variant"].eq("within_patients")
    shown = mine.loc[means | related, COLUMNS]
    there = set(mine.loc[means, PLACE].itertuples(index=False, name=None))
    places = list(shown[PLACE].itertuples(index=False, name=None))
    shown = shown[pd.Series([place in there for place in places], shown.index, dtype=bool)]
    return in_order(shown, {"cohort": list(labels.plan.cohorts)})


def panel(ax: Axes, rows: pd.DataFrame, positions: dict[str, float], look: dict[str, Look]) -> Axes:
    """Draw the means of each arm over the visits; arms stand a little apart."""
    reach = max(positions.values()) - min(positions.values()) or 1.0
    for number, (arm, mine) in enumerate(look.items()):
        drawn = rows[rows["arm"] == arm].set_index("visit")
        drawn = drawn.reindex([visit for visit in positions if visit in drawn.index])
        x = [positions[visit] + (number - (len(look) - 1) / 2) * 0.03 * reach for visit in drawn.index]
        ax.vlines(x, drawn["low"], drawn["high"], color=mine.colour, linewidth=LINE)
        ax.plot(x, drawn["estimate"], clip_on=False, **mine.kwargs)  # type: ignore[arg-type]
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    return light_grid(ax)


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a line of panels for each measure and site, a panel for each cohort."""
    means = source[source["quantity"] == "mean"]
    cohorts = list(dict.fromkeys(means["cohort"]))
    measures = list(dict.fromkeys(means[["outcome", "site"]].itertuples(index=False, name=None)))
    cells = [[(cohort, *one) for cohort in cohorts] for one in measures]
    across = profile.across(len(cohorts), 45)
    lines = [line[i : i + across] for line in cells for i in range(0, len(line), across)]
    whole = profile.width_of(across)
    width = (whole - LEFT - GAP * (across - 1) - 2) / across
    look, line_height = looks(labels.plan.arms), 0.42 * profile.small + 0.6
    heads = {place: _head(source, labels, place, width, profile) for line in lines for place in line}
    tall = [4.4 + line_height * max(1 + heads[p][1].count("\n") for p in line) for line in lines]
    tall = [
        one + 0.45 * profile.head * max(heads[p][0].count("\n") for p in line)
        for one, line in zip(tall, lines, strict=True)
    ]
    key = {labels.arm(arm): look[arm] for arm in labels.plan.arms}
    top = 1.0 + key_height(key, LEFT, whole)
    sheet = Sheet(whole, top + sum(tall) + (COURSE + UNDER) * len(lines))
    sheet.key(LEFT, key)
    positions = visit_positions(labels, [v for v in labels.plan.visits.schedule if (means["visit"] == v).any()])
    y = top
    for line, head in zip(lines, tall, strict=True):
        for column, place in enumerate(line):
            x = LEFT + column * (width + GAP)
            title, below = heads[place]
            sheet.write(
                x, y + 3.4 + 0.42 * profile.head * title.count("\n"), title, fontsize=profile.head, fontweight=600
            )
            sheet.write(x, y + head - 1.6, below, fontsize=profile.small, color=FAINT)
            rows = _of(means, place)
            ax = panel(sheet.panel(x, y + head, width, COURSE), rows, positions, look)
            reach = max(positions.values()) - min(positions.values()) or 1.0
            ax.set_xlim(min(positions.values()) - 0.1 * reach, max(positions.values()) + 0.1 * reach)
            ax.set_xticks(
                list(positions.values()), visit_names(labels, positions, width / (1.2 * reach), profile.small)
            )
        y += head + COURSE + UNDER
    return sheet.figure


def visit_names(labels: Labels, positions: dict[str, float], scale: float, size: float) -> list[str]:
    """Names below an axis of so many mm a week; of visits too near each other the primary one, the last and the first are named."""
    names = {visit: labels.visit(visit).replace(" ", "\n", 1) for visit in positions}
    visits = list(positions)
    kept: list[str] = []
    for one in dict.fromkeys([*(v for v in visits if v == labels.plan.visits.primary), visits[-1], *visits]):
        needs = [1.5 + (text_width(names[one], size) + text_width(names[other], size)) / 2 for other in kept]
        apart = [scale * abs(positions[one] - positions[other]) for other in kept]
        kept += [one] if all(gap >= least for gap, least in zip(apart, needs, strict=True)) else []
    return [names[visit] if visit in kept else "" for visit in visits]


def _of(rows: pd.DataFrame, place: tuple[str, str, str]) -> pd.DataFrame:
    return rows[(rows[["cohort", "outcome", "site"]] == list(place)).all(axis=1)]


def _head(
    source: pd.DataFrame, labels: Labels, place: tuple[str, str, str], width: float, profile: Profile
) -> tuple[str, str]:
    """What a panel shows, and below in smaller type its unit and correlation with pain."""
    rows = _of(source, place)
    cohort, outcome, site = place
    words = labels.outcome(outcome, site)
    if len(labels.plan.cohorts) > 1:
        words = f"{labels.cohort(cohort)}: {in_sentence(words)}"
    unit = span(str(rows.loc[rows["quantity"] == "mean", "unit"].iloc[0]))
    return wrapped(words, width - 2, profile.head, 600), wrapped(f"{unit}; {_related(rows)}", width, profile.small)


def _related(rows: pd.DataFrame) -> str:
    found = rows[rows["quantity"].eq("correlation") & rows["estimate"].notna()].to_dict("records")
    if not found:
        return "r with pain not estimated"
    r, low, high = (format_fixed(found[0][name], 2) for name in ("estimate", "low", "high"))
    return f"r with pain {r} ({low} to {high})"


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    level = f"{100 * float(np.nanmax(source['level'].astype(float))):g}%"
    removed = f"{in_sentence(labels.group)} and visit" if labels.plan.arms else "each visit"
    caption = (
        f"Measures of process over the visits: marginal means with {level} confidence intervals. r: correlation with pain within "
        f"patients, means of {removed} removed, an association."
    )
    told = []
    for place in dict.fromkeys(source[["cohort", "outcome", "site"]].itertuples(index=False, name=None)):
        cohort, outcome, site = map(str, place)
        name = f"{labels.cohort(cohort)}, {in_sentence(labels.outcome(outcome, site))}"
        told.append(f"{name}: {_related(_of(source, (cohort, outcome, site)))}")
    return " ".join([caption, *withheld_note(source)]), f"Line charts. {'; '.join(told)}."
