"""How every figure looks, and how it is written: the same bytes wherever it is drawn."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, FAINT, RULE = "#1a1a1a", "#6b6b6b", "#d5d5d5"
MM = 1 / 25.4
# Okabe and Ito's colours, ordered so that neighbours differ in lightness too; line and marker tell them apart in grey.
COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
LINES = ("--", "-", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("s", "o", "^", "D", "v", "P")
FACES = ("white", None, None, "white", None, "white")


@dataclass(frozen=True)
class Profile:
    """Sizes of one way to publish: widths in mm, type in points, resolution of PNG in dots per inch."""

    full: float
    single: float
    type: float
    small: float
    dpi: int


PROFILES = {"default": Profile(180, 120, 9, 8, 200), "journal": Profile(174, 85, 7.5, 7, 600)}


@contextmanager
def style(profile: str) -> Iterator[Profile]:
    """Draw within this: sets matplotlib's parameters for a profile and puts them back afterwards."""
    sizes = PROFILES[profile]
    parameters: Any = {
        "font.family": "DejaVu Sans",
        "font.size": sizes.type,
        "axes.labelsize": sizes.type,
        "axes.titlesize": sizes.type,
        "legend.fontsize": sizes.type,
        "xtick.labelsize": sizes.small,
        "ytick.labelsize": sizes.small,
        "text.color": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.edgecolor": "#8a8a8a",
        "axes.linewidth": 0.7,
        "xtick.major.width": 0.7,
        "ytick.major.width": 0.7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.unicode_minus": True,
        "lines.linewidth": 1.4,
        "lines.markersize": 4.5,
        "legend.frameon": False,
        "figure.dpi": 100,
        "savefig.dpi": sizes.dpi,
        "pdf.fonttype": 42,
        "ps.fonttype": 42,
        "svg.fonttype": "path",
        "svg.hashsalt": "needling",
        "svg.image_inline": True,
        "path.simplify": False,
    }
    with matplotlib.rc_context(parameters):
        yield sizes


@dataclass(frozen=True)
class Look:
    """Colour, line and marker of an arm."""

    colour: str
    line: object
    marker: str
    face: str

    @property
    def kwargs(self) -> dict[str, object]:
        """Arguments for matplotlib's line functions."""
        return {
            "color": self.colour,
            "linestyle": self.line,
            "marker": self.marker,
            "markerfacecolor": self.face,
            "markeredgecolor": self.colour,
            "markeredgewidth": 1.1,
        }


def looks(arms: list[str]) -> dict[str, Look]:
    """Give each arm its look, by its place; a single arm ('') takes the second one."""
    if arms in ([], [""]):
        return {"": Look(COLOURS[1], LINES[1], MARKERS[1], COLOURS[1])}
    size = len(arms)
    parts = [islice(cycle(options), size) for options in (COLOURS, LINES, MARKERS, FACES)]
    return {
        arm: Look(colour, line, marker, face or colour)
        for arm, colour, line, marker, face in zip(arms, *parts, strict=True)
    }


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure of a size in mm, laid out so that nothing is cut or overlaps."""
    figure = Figure(figsize=(width * MM, height * MM))
    figure.set_layout_engine("constrained", w_pad=0.06, h_pad=0.05, wspace=0.04, hspace=0.04)
    return figure


def panel_head(ax: Axes, text: str, below: str = "") -> Axes:
    """Say above a panel, flush left, what it shows, and in smaller type below that on which scale."""
    size = matplotlib.rcParams["ytick.labelsize"]
    lines = textwrap.wrap(below, 57)
    ax.set_title(text, loc="left", fontweight="bold", pad=6 + 1.35 * size * len(lines))
    under: Any = {"xycoords": "axes fraction", "textcoords": "offset points", "fontsize": 0.91 * size, "color": FAINT}
    ax.annotate("\n".join(lines), (0, 1), (0, 5), **under).set_in_layout(False)
    return ax


def light_grid(ax: Axes, axis: str = "y") -> Axes:
    """Draw faint lines behind the data."""
    ax.grid(True, axis=axis, color="#ebebeb", linewidth=0.6)  # type: ignore[arg-type]
    return ax


def save(figure: Figure, stem: str | Path, profile: str = "default") -> list[Path]:
    """Write a figure as PDF, SVG and PNG without clock, host or program version in it.

    Parameters
    ----------
    figure : drawn within `style`.
    stem : path without ending; its folder is made.
    profile : decides the resolution of the PNG.

    Returns
    -------
    The three paths.
    """
    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    metadata = {
        "pdf": {"Creator": "needling", "Producer": None, "CreationDate": None},
        "svg": {"Creator": "needling", "Date": None},
        "png": {"Software": None},
    }
    paths = [stem.parent / f"{stem.name}.{ending}" for ending in metadata]
    with style(profile):
        # Laid out once: each format would do it again, and a little differently.
        figure.draw_without_rendering()
        figure.set_layout_engine(None)
        for path, facts in zip(paths, metadata.values(), strict=True):
            figure.savefig(path, metadata=facts)
    return paths
