"""Every figure of a study: drawn, written in three formats beside the numbers it shows, with its words."""

import re
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from needling.figures.style import PHONE, REPORT, save, style
from needling.labels.sentences import MADE_UP
from needling.labels.words import Labels
from needling.schema.stored import write_table
from needling.study.extensions import EXTENSIONS, loaded, part_files

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("data", "draw", "words")


def figures(extensions: Path = EXTENSIONS) -> dict[str, ModuleType]:
    """Find the figures: every file of this folder that draws one, and every figure_<name>.py of a study's own extensions.

    Each has ``data(released, labels)``, the table that is shown (empty where the study has nothing for it), ``draw(source,
    labels, profile)`` and ``words(source, labels)``, caption and alternative text. SECTION says in which section of the report
    one stands that the report's text does not place; default others. SUBJECT names what is shown where its caption does not begin
    with that.
    """
    files = part_files("figures", r"def draw\(", "figure_", extensions)
    return {name: loaded(path, NEEDS) for name, path in files.items()}


def write_figures(
    released: "dict[str, pd.DataFrame]",
    labels: Labels,
    folder: str | Path,
    extensions: Path = EXTENSIONS,
    processes: int = 1,
) -> dict[str, dict[str, str]]:
    """Draw the figures for which a study has numbers, each as PDF, SVG and PNG beside a CSV of what it shows.

    Parameters
    ----------
    released : the released tables by name.
    labels : the study's words.
    folder : where the files go, named by figure.
    extensions : folder with a study's own figures.
    processes : how many draw at the same time; each figure is drawn by one of them, and is the same whichever.

    Returns
    -------
    Figure -> caption, alternative (its alternative text) and section.
    """
    names = list(figures(extensions))
    draw = partial(_named_figure, released=released, labels=labels, folder=Path(folder), extensions=extensions)
    if processes == 1:
        made = list(map(draw, names))
    else:
        with ProcessPoolExecutor(processes) as drawers:
            made = list(drawers.map(draw, names))
    return {name: words for name, words in zip(names, made, strict=True) if words}


def _named_figure(
    name: str, released: "dict[str, pd.DataFrame]", labels: Labels, folder: Path, extensions: Path
) -> dict[str, str] | None:
    return write_figure(figures(extensions)[name], released, labels, folder / name)


def write_figure(
    room: ModuleType, released: "dict[str, pd.DataFrame]", labels: Labels, stem: Path
) -> dict[str, str] | None:
    """Draw one figure and write it, and as wide as a phone (phone/<name>.svg); nothing where the study has no numbers for it.

    Parameters
    ----------
    room : module with data, draw and words.
    released, labels : as in `write_figures`.
    stem : path of the files without ending.

    Returns
    -------
    Its caption, alternative text and section of the report.
    """
    source = room.data(released, labels)
    if source.empty:
        return None
    words = words_of(room, source, labels)
    told = (subject(room, words["caption"]), words["alternative"])
    with style(REPORT):
        save(room.draw(source, labels, REPORT), stem, told=told)
    with style(PHONE):
        save(room.draw(source, labels, PHONE), stem.parent / "phone" / stem.name, PHONE, ["svg"], told)
    write_table(source, stem.with_name(f"{stem.name}.csv"))
    return words


def subject(room: ModuleType, caption: str) -> str:
    """What a figure is about, in a few words: its SUBJECT, or its caption up to how that is shown; what is made up stays so."""
    front, made_up, rest = caption.rpartition(f"{MADE_UP}. ")
    end = re.search(r"[:;.] | \(| with \d|, with|\.$", rest)
    return front + made_up + (getattr(room, "SUBJECT", "") or (rest[: end.start()] if end else rest))


def words_of(room: ModuleType, source: "pd.DataFrame", labels: Labels) -> dict[str, str]:
    """Say what a figure shows: its caption, alternative text and section of the report."""
    caption, alternative = room.words(source, labels)
    front = f"{MADE_UP}. " if labels.plan.made_up else ""
    return {
        "caption": front + caption,
        "alternative": front + alternative,
        "section": getattr(room, "SECTION", "others"),
    }
