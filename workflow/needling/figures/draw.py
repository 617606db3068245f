"""Every figure of a study: drawn, written in three formats beside the numbers it shows, with its words."""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from needling.figures.style import save, style
from needling.labels.sentences import MADE_UP
from needling.labels.words import Labels
from needling.schema import write_table

if TYPE_CHECKING:
    import pandas as pd

# Each is a module of this folder with data(released, labels), draw(source, labels, profile) and words(source, labels).
FIGURES = ("flow", "trajectories", "forest", "distributions", "missingness", "diagnostics")


def write_figures(released: "dict[str, pd.DataFrame]", labels: Labels, folder: str | Path) -> dict[str, dict[str, str]]:
    """Draw the figures for which a study has numbers, each as PDF, SVG and PNG beside a CSV of what it shows.

    Parameters
    ----------
    released : the released tables by name.
    labels : the study's words.
    folder : where the files go, named by figure.

    Returns
    -------
    Figure -> caption and alternative (its alternative text).
    """
    made = {}
    for name in FIGURES:
        found = write_figure(import_module(f"needling.figures.{name}"), released, labels, Path(folder) / name)
        if found:
            made[name] = found
    return made


def write_figure(
    room: ModuleType, released: "dict[str, pd.DataFrame]", labels: Labels, stem: Path
) -> dict[str, str] | None:
    """Draw one figure and write it; nothing where the study has no numbers for it.

    Parameters
    ----------
    room : module with data, draw and words.
    released, labels : as in `write_figures`.
    stem : path of the files without ending.

    Returns
    -------
    Its caption and alternative text.
    """
    source = room.data(released, labels)
    if source.empty:
        return None
    with style(labels.plan.figures.profile) as profile:
        figure = room.draw(source, labels, profile)
    save(figure, stem, labels.plan.figures.profile)
    write_table(source, stem.with_name(f"{stem.name}.csv"))
    caption, alternative = room.words(source, labels)
    front = f"{MADE_UP}. " if labels.plan.made_up else ""
    return {"caption": front + caption, "alternative": front + alternative}
