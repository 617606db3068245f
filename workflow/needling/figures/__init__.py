"""Figures: each draws what a results or side table says and gives the table it drew; none computes a statistic."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from matplotlib.figure import Figure

    from needling.study.plan import Study

# Figure -> the tables it is drawn from (contracts of schema.py).
FIGURES: dict[str, tuple[str, ...]] = {
    "flow": ("flow",),
    "trajectories": ("results", "distribution", "missingness", "flow"),
    "forest": ("results", "flow"),
    "distributions": ("distribution", "missingness"),
    "missingness": ("missingness",),
    "diagnostics": ("fitted", "quantiles"),
}


def make_figure(name: str, inputs: "dict[str, pd.DataFrame]", plan: "Study") -> "tuple[Figure, pd.DataFrame, str, str]":
    """Draw one figure.

    Parameters
    ----------
    name : a key of `FIGURES`.
    inputs : table name -> table, as the analyses wrote them (small groups are hidden here); those that `FIGURES` names.
    plan : sections design, made_up, patients, visits, outcomes, cohorts, instruments, analyses, primary, disclosure,
        figures.

    Returns
    -------
    The figure, the numbers it shows (to be published beside it), its caption and its alternative text.

    Raises
    ------
    KeyError : an unknown name, or a table that is missing.
    """
    from needling.figures import diagnostics, distributions, flow, forest, missingness, trajectories
    from needling.figures.style import style
    from needling.tables.words import made_up

    room = {
        "flow": flow,
        "trajectories": trajectories,
        "forest": forest,
        "distributions": distributions,
        "missingness": missingness,
        "diagnostics": diagnostics,
    }[name]
    source = room.data({table: inputs[table] for table in FIGURES[name]}, plan)
    with style(plan.figures.profile) as profile:
        figure = room.draw(source, plan, profile)
    caption, alternative = room.words(source, plan)
    return figure, source, *(made_up(plan, text) if text else "" for text in (caption, alternative))


def write_figure(
    name: str, inputs: "dict[str, pd.DataFrame]", plan: "Study", numbers: str | Path, words: str | Path
) -> None:
    """Draw one figure and write it as PDF, SVG and PNG beside the numbers it shows.

    Parameters
    ----------
    name, inputs, plan : as in `make_figure`, with the section figures.
    numbers : path of the CSV of the numbers; the figure's files are named like it.
    words : path of the JSON with caption and alternative text, which the report prints.
    """
    from needling.figures.style import save
    from needling.schema import write_table

    figure, source, caption, alternative = make_figure(name, inputs, plan)
    save(figure, Path(numbers).with_suffix(""), plan.figures.profile)
    write_table(source, numbers)
    Path(words).write_text(json.dumps({"caption": caption, "alternative": alternative}) + "\n", encoding="utf-8")


def read_words(paths: "Iterable[str | Path]") -> dict[str, dict[str, str]]:
    """Read the words that `write_figure` wrote: figure -> caption and alternative text."""
    return {Path(path).stem: json.loads(Path(path).read_text(encoding="utf-8")) for path in paths}
