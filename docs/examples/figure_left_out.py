"""A study's own figure: how many patients the primary analysis leaves out, and why."""

import pandas as pd
from matplotlib.figure import Figure

from needling.figures.style import COLOURS, Profile, light_grid, new_figure
from needling.labels.sentences import sentence
from needling.labels.words import Labels
from needling.tables.participants import reasons_left_out

SECTION = "participants"


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the numbers left out of the primary analysis, by reason in words; a number that is not shown stays empty."""
    people = released["people"]
    mine = people[(people["analysis"] == labels.plan.primary) & (people["stage"] == "left_out")]
    words = mine["reason"].map(reasons_left_out(released, labels)).fillna("reasons that would tell of few people")
    return mine.assign(reason=words).groupby("reason", sort=False, as_index=False)["n"].sum(min_count=1)


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw a bar for each reason."""
    figure = new_figure(profile.width_of(1), 20 + 8 * len(source))
    ax = figure.subplots()
    ax.barh([sentence(one) for one in source["reason"]], source["n"].astype(float), color=COLOURS[1])
    ax.set_xlabel("Patients, all cohorts and outcomes")
    ax.invert_yaxis()
    light_grid(ax, "x")
    return figure


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    told = "; ".join(f"{one.reason}: {one.n}" for one in source.itertuples())
    return "Patients whom the primary analysis leaves out, by the first reason that holds.", f"Bar chart. {told}."
