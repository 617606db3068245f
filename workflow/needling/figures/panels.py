"""What the figures over visits share: a panel per cohort and outcome, visits along it, patients measured under it."""

import itertools

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from needling.figures.style import MM, Look, Profile, new_figure, panel_head, room_for_heads, text_width
from needling.labels.sentences import in_sentence, listed
from needling.labels.words import Labels

Place = tuple[str, str, str]
Panel = tuple[Axes, Place, pd.DataFrame]
PLACE = ["cohort", "outcome", "site"]


def panel_grid(
    source: pd.DataFrame, labels: Labels, profile: Profile, height: float, *, scale: bool = True
) -> tuple[Figure, list[Panel]]:
    """Lay out one panel per cohort, outcome and site: outcomes side by side, cohorts below one another.

    Parameters
    ----------
    source : what is drawn, with columns cohort, outcome and site.
    labels, profile : as in `draw`.
    height : of one row of panels, mm.
    scale : whether each panel says on which scale it is.

    Returns
    -------
    The figure and its panels (axes; cohort, outcome and site; rows of the source).
    """
    here = set(source[PLACE].itertuples(index=False, name=None))
    shown = [place for place in labels.places if place in here]
    widest = max(sum(place[0] == cohort for place in shown) for cohort in {place[0] for place in shown})
    lines = _lines(shown, profile.across(3, 55) if widest == 3 else profile.across(2, 70))
    columns = max(len(line) for line in lines)
    figure = new_figure(profile.width_of(columns), 12 + height * len(lines))
    axes = figure.subplots(len(lines), columns, squeeze=False)
    panels = []
    for row, line in zip(axes, lines, strict=True):
        for ax in row[len(line) :]:
            ax.set_axis_off()
        for ax, place in zip(row, line, strict=False):
            panel_head(ax, _head(shown, labels, place), outcome_axis(labels, place) if scale else "")
            panels.append((ax, place, source[(source[PLACE] == list(place)).all(axis=1)]))
    room_for_heads(figure, axes)
    return figure, panels


def _lines(shown: list[Place], across: int) -> list[list[Place]]:
    cohorts = dict.fromkeys(cohort for cohort, *_ in shown)
    mine = [[place for place in shown if place[0] == cohort] for cohort in cohorts]
    return [line[i : i + across] for line in mine for i in range(0, len(line), across)]


def _head(shown: list[Place], labels: Labels, place: Place) -> str:
    cohort, outcome, site = place
    if len({cohort for cohort, *_ in shown}) == 1:
        return labels.outcome(outcome, site)
    return f"{labels.cohort(cohort)}: {in_sentence(labels.outcome(outcome, site))}"


def of_the_primary(rows: pd.DataFrame, released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Keep the outcomes that the primary analysis is about: a figure of all that was measured shows none of it well."""
    results = released["results"]
    mine = set(results.loc[results["analysis"] == labels.plan.primary, "outcome"])
    return rows[rows["outcome"].isin(mine)].reset_index(drop=True) if mine & set(rows["outcome"]) else rows


def outcome_axis(labels: Labels, place: Place) -> str:
    """Say how an outcome is measured: instrument, unit and direction."""
    one = labels.measure(*place)
    return f"{one.axis}; {one.direction}"


def visit_positions(labels: Labels, visits: list[str]) -> dict[str, float]:
    """Place visits by their nominal week where the plan knows all of them and none would touch, else evenly."""
    weeks = [labels.plan.visits.schedule[visit].nominal_week for visit in visits]
    known = [week for week in weeks if week is not None]
    if len(known) == len(weeks) > 1:
        gaps = [later - earlier for earlier, later in itertools.pairwise(known)]
        if min(gaps) >= 0.14 * (known[-1] - known[0]):
            return dict(zip(visits, known, strict=True))
    return {visit: float(number) for number, visit in enumerate(visits)}


def shown_visits(source: pd.DataFrame, labels: Labels) -> list[str]:
    """The visits that a source has, in the order of the schedule."""
    here = set(source["visit"])
    return [visit for visit in labels.plan.visits.schedule if visit in here]


def numbers_below(
    ax: Axes, rows: pd.DataFrame, positions: dict[str, float], look: dict[str, Look], counts: str, size: float
) -> Axes:
    """Write the numbers of a column under the visits, a line per arm in the arm's colour; in front n with the arm's mark."""
    for number, (arm, mine) in enumerate(look.items()):
        by_visit = rows[rows["arm"] == arm].set_index("visit")[counts]
        drop = -4 - (3.1 + 1.4 * number) * size
        _under(ax, "n", ("axes fraction", "axes fraction"), (0, 0), (-17 if arm else -10, drop), mine.colour, size)
        if arm:
            _mark_below(ax, mine, (-8.5, drop - 0.58 * size))
        for visit, x in positions.items():
            _under(ax, str(by_visit.get(visit, "")), ("data", "axes fraction"), (x, 0), (0, drop), mine.colour, size)
    return ax


def _mark_below(ax: Axes, look: Look, shift: tuple[float, float]) -> None:
    """Draw the mark of an arm some points from the lower left corner of a panel, outside it."""
    place = ax.transAxes + ScaledTranslation(shift[0] / 72, shift[1] / 72, ax.figure.dpi_scale_trans)
    own = look.kwargs | {"linestyle": "none", "markersize": 3.2, "transform": place, "clip_on": False}
    ax.figure.add_artist(Line2D([0], [0], **own)).set_in_layout(False)  # type: ignore[arg-type]


def _under(
    ax: Axes,
    text: str,
    coordinates: tuple[str, str],
    at: tuple[float, float],
    shift: tuple[float, float],
    colour: str,
    size: float,
) -> None:
    ax.annotate(
        text,
        at,
        shift,
        xycoords=coordinates,
        textcoords="offset points",
        ha="center",
        va="top",
        color=colour,
        fontsize=size,
    )


def visit_axis(ax: Axes, labels: Labels, positions: dict[str, float], size: float) -> Axes:
    """Name the visits along the horizontal axis, number below word; by their weeks where the names would run into each other."""
    names = [_two_lines(labels.visit(visit)) for visit in positions]
    reach = max(positions.values()) - min(positions.values()) or 1.0
    weeks = [labels.plan.visits.schedule[visit].nominal_week for visit in positions]
    if _too_long(ax, names, list(positions.values()), size) and None not in weeks:
        names = [f"Week\n{week:g}" for week in weeks]
    ax.set_xticks(list(positions.values()), names)
    ax.tick_params(axis="x", labelsize=size)
    ax.set_xlim(min(positions.values()) - 0.09 * reach, max(positions.values()) + 0.09 * reach)
    return ax


def _too_long(ax: Axes, names: list[str], places: list[float], size: float) -> bool:
    """Tell whether two neighbours would touch, in a panel of a grid without its scale."""
    grid = ax.get_subplotspec()
    columns = grid.get_gridspec().ncols if grid else 1
    width = ax.figure.get_figwidth() / MM / columns - 18  # type: ignore[union-attr]
    scale = width / (1.18 * (max(places) - min(places) or 1.0))
    half = [text_width(name, size) / 2 for name in names]
    pairs = itertools.pairwise(zip(places, half, strict=True))
    return any(scale * (second[0] - first[0]) < first[1] + second[1] + 1 for first, second in pairs)


def _two_lines(label: str) -> str:
    """Break a label at the space nearest its middle."""
    gaps = [place for place, letter in enumerate(label) if letter == " "]
    if not gaps:
        return "Base-\nline" if label == "Baseline" else label
    gap = min(gaps, key=lambda place: abs(2 * place + 1 - len(label)))
    return f"{label[:gap]}\n{label[gap + 1 :]}"


def named(source: pd.DataFrame, labels: Labels) -> str:
    """Name outcomes and cohorts of a source in a sentence: pain and function in fibromyalgia and sports injury."""
    outcomes = listed([in_sentence(labels.outcome(outcome)) for outcome in dict.fromkeys(source["outcome"])])
    cohorts = [in_sentence(labels.cohort(cohort)) for cohort in dict.fromkeys(source["cohort"])]
    return f"{outcomes} in {listed(cohorts)}" if len(cohorts) > 1 else outcomes


def for_each_arm(labels: Labels) -> str:
    """Say that there is one mark for each arm, where there are arms."""
    return f", for {listed([in_sentence(labels.arm(arm)) for arm in labels.plan.arms])}" if labels.plan.arms else ""
