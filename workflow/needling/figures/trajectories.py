"""Marginal means of each arm over the visits, with their intervals, by cohort and outcome."""

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from needling.figures.style import FAINT, Look, Profile, light_grid, looks, new_figure, panel_head
from needling.privacy.disclosure import footnote
from needling.privacy.release import release_distribution, release_results
from needling.tables.words import listed, measure, places, visit_label

if TYPE_CHECKING:
    from needling.study import Study

KEYS = ["cohort", "outcome", "visit", "arm"]


def data(inputs: dict[str, pd.DataFrame], plan: "Study") -> pd.DataFrame:
    """Gather observed baseline means and modelled means after it.

    Returns
    -------
    One row per cohort, outcome, arm and visit: value, low, high (empty where observed or not estimated), source
    (observed or modelled), n_shown (patients measured), analysis.
    """
    minimum = plan.disclosure.min_cell
    observed = release_distribution(inputs["distribution"], inputs["missingness"], minimum)
    results = release_results(inputs["results"], inputs["flow"], minimum)
    means = results[(results["term"] == "mean") & (results["analysis"] == plan.primary)]
    means = means.assign(arm=means["contrast"].fillna("")).set_index(KEYS)
    means = means[~means.index.duplicated()]
    rows = []
    for row in observed.to_dict("records"):
        place = {key: row[key] for key in KEYS}
        at_baseline = row["visit"] == plan.visits.baseline
        key = tuple(place.values())
        found = means.loc[key] if key in means.index else None
        value = found["estimate"] if found is not None else row["mean"] if at_baseline else float("nan")
        limits = (found["low"], found["high"]) if found is not None else (float("nan"), float("nan"))
        source = "modelled" if found is not None else "observed" if at_baseline else "not analysed"
        rows.append(
            place
            | {"value": value, "low": limits[0], "high": limits[1], "source": source}
            | {"n_shown": row["n_shown"], "analysis": plan.primary}
        )
    table = pd.DataFrame(rows, columns=[*KEYS, "value", "low", "high", "source", "n_shown", "analysis"])
    shown = table.groupby(["cohort", "outcome", "visit"])["value"].transform(lambda v: v.notna().any())
    return table[shown].reset_index(drop=True)


def panel(ax: Axes, source: pd.DataFrame, plan: "Study", look: dict[str, Look]) -> Axes:
    """Draw one cohort and outcome; arms stand side by side so that intervals do not cover one another."""
    visits = [v for v in plan.visits.schedule if v in set(source["visit"])]
    positions = _positions(plan, visits)
    spread = 0.012 * (max(positions.values()) - min(positions.values()) or 1)
    for number, (arm, mine) in enumerate(look.items()):
        rows = source[source["arm"] == arm].set_index("visit").reindex(visits)
        shift = (number - (len(look) - 1) / 2) * 2 * spread
        x = [positions[v] + shift for v in visits]
        drawn = rows["value"].notna().to_numpy()
        x_drawn = [place for place, here in zip(x, drawn, strict=True) if here]
        kept = rows[drawn]
        ax.vlines(x_drawn, kept["low"], kept["high"], color=mine.colour, linewidth=1.1)
        ax.plot(x_drawn, kept["value"], label=plan.arm_label(arm) if arm else "All patients", **mine.kwargs)  # type: ignore[arg-type]
    return light_grid(ax)


def numbers_below(ax: Axes, source: pd.DataFrame, plan: "Study", look: dict[str, Look], size: float) -> Axes:
    """Write under the axis how many were measured at each visit, one line per arm."""
    visits = [v for v in plan.visits.schedule if v in set(source["visit"])]
    positions = _positions(plan, visits)
    ax.set_xticks([positions[v] for v in visits])
    ax.set_xticklabels([visit_label(plan, v).replace(" ", "\n", 1) for v in visits], fontsize=size)
    depth = -3.1
    for number, (arm, mine) in enumerate(look.items()):
        rows = source[source["arm"] == arm].set_index("visit").reindex(visits)
        for visit in visits:
            text = rows.loc[visit, "n_shown"]
            ax.annotate(
                str(text) if pd.notna(text) else "",
                (positions[visit], 0),
                (0, (depth - 1.35 * number) * size),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize=size,
                color=mine.colour,
            )
    ax.annotate(
        "n",
        (0, 0),
        (-6, depth * size),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=size,
        color=FAINT,
        style="italic",
    )
    return ax


def draw(source: pd.DataFrame, plan: "Study", profile: Profile) -> Figure:
    """Draw all cohorts and outcomes, one column per cohort."""
    look = looks(plan.arms)
    shown = [place for place in places(plan) if ((source[["cohort", "outcome"]] == place).all(axis=1)).any()]
    cohorts = list(dict.fromkeys(cohort for cohort, _ in shown))
    across = _grid(shown, cohorts)
    rows, columns = len(across), max(len(line) for line in across)
    figure = new_figure(profile.full if columns > 1 else profile.single, 14 + 62 * rows)
    axes = figure.subplots(rows, columns, squeeze=False)
    for line, places_in_line in zip(axes, across, strict=True):
        for ax, place in zip(line, places_in_line + [None] * (columns - len(places_in_line)), strict=True):
            if place is None:
                ax.set_axis_off()
                continue
            cohort, outcome = place
            mine = source[(source["cohort"] == cohort) & (source["outcome"] == outcome)]
            panel(ax, mine, plan, look)
            numbers_below(ax, mine, plan, look, profile.small)
            one = measure(plan, cohort, outcome)
            head = plan.cohorts[cohort].label if len(cohorts) > 1 else plan.outcome_label(outcome)
            panel_head(ax, head)
            ax.set_ylabel(f"{_wrapped(one.axis)}\n{one.direction}")
            ax.margins(x=0.08, y=0.12)
    if plan.arms:
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=len(labels), handlelength=3)
    return figure


def words(source: pd.DataFrame, plan: "Study") -> tuple[str, str]:
    """Caption and alternative text."""
    analysis = plan.analyses[plan.primary]
    hidden = f" {footnote(plan.disclosure.min_cell)}" if source["n_shown"].str.contains("[‡≥]").any() else ""
    start = " The mean at baseline is the observed one." if (source["source"] == "observed").any() else ""
    caption = (
        f"Course of {_outcomes(source, plan)}: marginal means and {100 * analysis.level:.0f}% confidence intervals from "
        f"the primary analysis ({analysis.label[:1].lower() + analysis.label[1:]}).{start} n: patients measured at the visit.{hidden}"
    )
    alternative = f"Line charts of {_outcomes(source, plan)} by visit" + (
        f", one line for each of {listed([plan.arm_label(a).lower() for a in plan.arms])}" if plan.arms else ""
    )
    return caption, f"{alternative}; the numbers are in the source data of the figure."


def _outcomes(source: pd.DataFrame, plan: "Study") -> str:
    named = [plan.outcome_label(outcome).lower() for outcome in dict.fromkeys(source["outcome"])]
    cohorts = [plan.cohorts[cohort].label.lower() for cohort in dict.fromkeys(source["cohort"])]
    return f"{listed(named)} in {listed(cohorts)}" if len(cohorts) > 1 else listed(named)


def _positions(plan: "Study", visits: list[str]) -> dict[str, float]:
    """Place visits by their nominal week where the plan knows all of them and none would touch, else evenly."""
    weeks = [plan.visits.schedule[v].nominal_week for v in visits]
    known = [week for week in weeks if week is not None]
    if len(known) == len(weeks) and len(known) > 1:
        gaps = [later - earlier for earlier, later in zip(known[:-1], known[1:], strict=True)]
        if min(gaps) >= 0.14 * (known[-1] - known[0]):
            return dict(zip(visits, known, strict=True))
    return {visit: float(number) for number, visit in enumerate(visits)}


def _grid(shown: list[tuple[str, str]], cohorts: list[str]) -> list[list[tuple[str, str]]]:
    """Outcomes below one another and cohorts side by side; a single cohort puts its outcomes side by side."""
    if len(cohorts) == 1:
        return [shown[i : i + 3] for i in range(0, len(shown), 3)]
    outcomes = dict.fromkeys(outcome for _, outcome in shown)
    return [[place for place in shown if place[1] == outcome] for outcome in outcomes]


def _wrapped(label: str, width: int = 32) -> str:
    from textwrap import fill

    return fill(label, width)
