"""How every figure looks, and how it is written: the same bytes wherever it is drawn."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Bbox

from needling.figures.fonts import FAMILY, font_files
from needling.labels.sentences import set_apart

# The second family has no weights 500 and 600; its nearest is taken, and need not be told for each word.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

INK, FAINT, RULE, HAIR, PAPER = "#1a1d21", "#5a6068", "#9aa1a9", "#e3e6ea", "#ffffff"
BAND = "#e9f1f9"  # the side on which the first-named arm is better: one tint, one meaning, in every figure
MM = 1 / 25.4
# Of arms only, reference first: at least 4.5:1 on white for every kind of colour vision, told apart without colour by marker, line
# and face as well.
COLOURS = ("#a65200", "#114b8b", "#007662", "#5b1147")
LINES = ((0, (3.2, 1.6)), "-", (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)))
MARKERS = ("s", "o", "^", "D")
FACES = (PAPER, None, None, PAPER)
THIN, LINE, STRONG, COURSE = 0.5, 0.8, 1.1, 1.3  # points: axes, intervals, primary intervals, courses


@dataclass(frozen=True)
class Profile:
    """Sizes of one way to publish: width in mm, type in points, resolution of pictures in dots per inch."""

    width: float
    type: float = 7.5
    small: float = 7
    head: float = 8
    dpi: int = 200
    outlined: bool = False  # letters of SVG as outlines, for who has not the typeface

    def across(self, panels: int, least: float) -> int:
        """How many of some panels stand side by side, where each needs at least so many mm."""
        return max(1, min(panels, int(self.width // least)))

    def width_of(self, across: int) -> float:
        """Width of a figure of so many panels side by side: a single one needs no whole page."""
        return self.width if across > 1 else min(self.width, LONE)


LONE = 120.0  # mm: widest figure of one panel
REPORT = Profile(180)
PHONE = Profile(95, type=9, small=8.4, head=9.6)


@contextmanager
def style(sizes: Profile = REPORT) -> Iterator[Profile]:
    """Draw within this: sets matplotlib's parameters for a profile and puts them back afterwards."""
    known = {font.fname for font in font_manager.fontManager.ttflist}
    for file in font_files().values():
        if str(file) not in known:
            font_manager.fontManager.addfont(file)
    parameters: Any = {
        "font.family": [FAMILY, "DejaVu Sans"],  # the second for scripts that the first has not
        "font.size": sizes.type,
        "axes.labelsize": sizes.small,
        "axes.titlesize": sizes.head,
        "legend.fontsize": sizes.type,
        "xtick.labelsize": sizes.small,
        "ytick.labelsize": sizes.small,
        "text.hinting": "none",  # widths are then those of the type, whatever the resolution
        "text.parse_math": False,  # a label may hold any character, $ too
        "text.color": INK,
        "axes.labelcolor": INK,
        "xtick.color": RULE,
        "ytick.color": RULE,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "axes.edgecolor": RULE,
        "axes.linewidth": THIN,
        "xtick.major.width": THIN,
        "ytick.major.width": THIN,
        "xtick.major.size": 2,
        "ytick.major.size": 2,
        "xtick.major.pad": 2,
        "ytick.major.pad": 2,
        "axes.labelpad": 2,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.unicode_minus": True,
        "lines.linewidth": COURSE,
        "lines.markersize": 3.8,
        "lines.solid_capstyle": "butt",
        "lines.dash_capstyle": "butt",
        "legend.frameon": False,
        "figure.dpi": 100,
        "savefig.dpi": sizes.dpi,
        "pdf.fonttype": 42,
        "ps.fonttype": 42,
        "svg.fonttype": "path" if sizes.outlined else "none",
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
            "markeredgewidth": 1.0,
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


class Sheet:
    """A figure on which everything has its place in millimetres from the top left corner.

    Columns of text and panels then share edges and baselines whatever the words are, which a layout engine cannot promise.
    """

    def __init__(self, width: float, height: float) -> None:
        """Begin with an empty sheet, mm."""
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width * MM, height * MM))

    def panel(self, x: float, y: float, width: float, height: float, **more: Any) -> Axes:
        """Axes with their top left corner at x, y."""
        place = (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        ax = self.figure.add_axes(place, **more)
        ax.set_facecolor("none")
        return ax

    def write(self, x: float, y: float, words: str, **more: Any) -> None:
        """Words with the baseline of their last line y below the top: heads of columns share baselines."""
        size = more.get("fontsize", matplotlib.rcParams["font.size"])
        for back, line in enumerate(reversed(words.split("\n"))):
            place = (x / self.width, 1 - (y - back * size * LEADING) / self.height)
            self.figure.text(*place, line, va="baseline", **more)

    def rule(self, x0: float, x1: float, y: float, colour: str = RULE, width: float = THIN, line: object = "-") -> None:
        """A line across, width in points."""
        ends = ([x0 / self.width, x1 / self.width], [1 - y / self.height] * 2)
        self.figure.add_artist(Line2D(*ends, color=colour, lw=width, ls=line, transform=self.figure.transFigure))

    def key(self, x: float, entries: Mapping[str, Look], line: bool = True, size: float = 0.0) -> None:
        """Samples of looks (a line with its mark, or the mark alone, of a size in points), each before its words, from x on."""
        sized = {"markersize": size} if size else {}
        for (x_, y, words), look in zip(_key_places(entries, x, self.width), entries.values(), strict=True):
            middle, level = (x_ + SAMPLE / 2) / self.width, 1 - (y + 2.3) / self.height
            if line:
                self.rule(x_, x_ + SAMPLE, y + 2.3, look.colour, matplotlib.rcParams["lines.linewidth"], look.line)
            self.figure.add_artist(Line2D([middle], [level], transform=self.figure.transFigure, **look.kwargs, **sized))  # type: ignore[arg-type]
            below = LEADING * matplotlib.rcParams["font.size"] * words.count("\n")
            self.write(x_ + SAMPLE + 1, y + 3.2 + below, words, color=look.colour, fontweight=500)


SAMPLE, KEY_GAP, KEY_LINE = 7.0, 6.0, 4.6  # mm: of a key its samples, between its entries, from line to line


def key_height(entries: Mapping[str, Look], x: float, width: float) -> float:
    """Height in mm of a key that begins at x on a sheet of a width."""
    further = LEADING * matplotlib.rcParams["font.size"]
    return max([0.0, *(y + KEY_LINE + further * words.count("\n") for _, y, words in _key_places(entries, x, width))])


def _key_places(entries: Mapping[str, Look], left: float, width: float) -> list[tuple[float, float, str]]:
    """Where entries begin in mm, and their words: side by side, in a new line where there is no room, broken where they must be."""
    size, places = matplotlib.rcParams["font.size"], []
    x, y, lines = left, 0.0, 0
    for name in entries:
        words = wrapped(name, width - left - SAMPLE - 1, size, 500)
        room = SAMPLE + 1 + text_width(words, size, 500)
        if x > left and x + room > width:
            x, y, lines = left, y + KEY_LINE + LEADING * size * lines, 0
        places.append((x, y, words))
        lines = max(lines, words.count("\n"))
        x += room + KEY_GAP
    return places


HOLDING = "\u00a0"  # a space at which no line ends
LEADING = 0.42  # mm from line to line for each point of type
ENTRY = 0.54  # the same, from entry to entry of a key


def lines_below(words: str, size: float) -> float:
    """Height in mm of the lines of some words beyond the first, at a size in points."""
    return LEADING * size * words.count("\n")


def text_width(words: str, size: float, weight: int = 400) -> float:
    """Width of the longest line of some words in mm, at a size in points."""
    return max([0.0, *(_line_width(line, size, weight) for line in words.split("\n") if line.strip())])


@lru_cache(maxsize=20_000)
def _line_width(line: str, size: float, weight: int) -> float:
    wide, _, _ = text_to_path.get_text_width_height_descent(line, _type_of(size, weight), ismath=False)
    return float(wide) / 72 / MM


@lru_cache(maxsize=200)
def _type_of(size: float, weight: int) -> FontProperties:
    return FontProperties(family=[FAMILY, "DejaVu Sans"], size=size, weight=weight)


def wrapped(words: str, room: float, size: float, weight: int = 400) -> str:
    """Words broken into lines that fit into a width in mm; a longer word is broken too, behind its hyphen or with one.

    At a space that holds together (U+00A0) no line ends.
    """
    lines = [""]
    for word in filter(None, re.split(r"[ \t\n]+", words)):
        rest, longer = word, f"{lines[-1]} {word}".strip()
        if text_width(longer, size, weight) <= room:
            lines[-1] = longer
            continue
        while text_width(rest, size, weight) > room and len(rest) > 1:
            fits = next(
                n for n in range(len(rest) - 1, 0, -1) if n == 1 or text_width(f"{rest[:n]}-", size, weight) <= room
            )
            fits = rest.rfind("-", 1, fits + 1) + 1 or fits
            is_word = rest[fits - 1].isalpha() and rest[fits].isalpha()
            lines.append(f"{rest[:fits]}-" if is_word else rest[:fits])
            rest = rest[fits:]
        lines.append(rest)
    # A line may begin within a label that is read from the right.
    return "\n".join(set_apart(line.replace(HOLDING, " ")) for line in lines if line)


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure of a size in mm, laid out so that nothing is cut or overlaps."""
    figure = Figure(figsize=(width * MM, height * MM))
    figure.set_layout_engine("constrained", w_pad=0.06, h_pad=0.05, wspace=0.04, hspace=0.04)
    return figure


def arm_key(figure: Figure, handles: Any, names: list[str], profile: Profile, handle: float = 3) -> None:
    """Say at the top left what each mark stands for: side by side where the words fit, else one a line; long ones are broken.

    Words have the colour of their mark and the weight that those of `Sheet.key` have. Of a figure that the layout engine lays
    out (`new_figure`), which then keeps room for it.
    """
    mark = (handle + 2.8) * profile.type / 72 / MM  # mm: a mark and the gaps about it
    wide = [text_width(name, profile.type, 500) + mark for name in names]
    room = figure.get_figwidth() / MM - 6
    told = [wrapped(name, room - mark, profile.type, 500) for name in names]
    ncols = len(names) if sum(wide) < room else 1
    further = sum(1 + words.count("\n") for words in told) - 1 if ncols == 1 else 0
    taller(figure, further * ENTRY * profile.type)
    key = figure.legend(handles, told, loc="outside upper left", ncols=ncols, handlelength=handle)
    for drawn, words in zip(key.legend_handles, key.get_texts(), strict=True):
        colour = drawn.get_edgecolor() if isinstance(drawn, Patch) else getattr(drawn, "get_color", lambda: INK)()
        words.set(color=colour, fontweight=500)


def taller(figure: Figure, more: float) -> Figure:
    """Add a height in mm, so that words of several lines take no room from the panels."""
    figure.set_figheight(figure.get_figheight() + more * MM)
    return figure


SCALE = 20.0  # mm of a panel's place that its scale and the label of that take, and the gap to the next one


def columns_for(heads: Iterable[str], profile: Profile, most: int, least: float) -> int:
    """How many panels stand side by side: as many as there is room for, fewer where a head would run over four lines or more."""
    heads, across = list(heads), profile.across(most, least)
    size = profile.head
    while across > 1 and any(
        wrapped(head, profile.width_of(across) / across - SCALE, size, 600).count("\n") > 2 for head in heads
    ):
        across -= 1
    return across


def panel_head(ax: Axes, text: str, below: str = "", room: float = 0.0) -> Axes:
    """Say above a panel, flush left, what it shows, and in smaller type below that on which scale; both within a room in mm.

    Without a room they take the width of the panel's place in its grid, beside its scale.
    """
    size = matplotlib.rcParams["ytick.labelsize"]
    figure, grid = ax.figure, ax.get_subplotspec()
    if not room and isinstance(figure, Figure):
        room = figure.get_figwidth() / MM / (grid.get_gridspec().ncols if grid else 1) - SCALE
    lines = wrapped(below, room, size).split("\n") if below else []
    head = matplotlib.rcParams["axes.titlesize"]
    ax.set_title(wrapped(text, room, head, 600), loc="left", fontweight=600, pad=6 + 1.35 * size * len(lines))
    under: Any = {"xycoords": "axes fraction", "textcoords": "offset points", "fontsize": size, "color": FAINT}
    ax.annotate("\n".join(lines), (0, 1), (0, 5), **under).set_in_layout(False)
    return ax


def room_for_heads(figure: Figure, lines: Iterable[Iterable[Axes]]) -> Figure:
    """Add the height of what heads of panels have beyond a line each, so that they take none from the panels."""
    head, small = (matplotlib.rcParams[name] for name in ("axes.titlesize", "ytick.labelsize"))
    more = 0.0
    for line in lines:
        more += max(
            lines_below(ax.get_title(loc="left"), head) + sum(lines_below(one.get_text(), small) for one in ax.texts)
            for ax in line
        )
    return taller(figure, more)


def light_grid(ax: Axes, axis: str = "y") -> Axes:
    """Draw faint lines behind the data."""
    ax.grid(True, axis=axis, color=HAIR, linewidth=THIN)  # type: ignore[arg-type]
    return ax


METADATA: dict[str, dict[str, str | None]] = {
    "pdf": {"Creator": "needling", "Producer": None, "CreationDate": None},
    "svg": {"Creator": "needling", "Date": None},
    "png": {"Software": None},
}


def save(
    figure: Figure,
    stem: str | Path,
    sizes: Profile = REPORT,
    endings: Iterable[str] = METADATA,
    told: tuple[str, str] = ("", ""),
    part: tuple[float, float] | None = None,
) -> list[Path]:
    """Write a figure as PDF, SVG and PNG without clock, host or program version in it.

    Parameters
    ----------
    figure : drawn within `style`.
    stem : path without ending; its folder is made.
    sizes : decides the resolution of the PNG.
    endings : the formats that are wanted.
    told : the subject and what is seen, for who opens the SVG and cannot see it.
    part : of a figure in parts, from where to where it goes, in mm from the top. Default: the whole.

    Returns
    -------
    The paths.
    """
    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.parent / f"{stem.name}.{ending}" for ending in endings]
    with style(sizes):
        # Laid out once: each format would do it again, and a little differently.
        figure.draw_without_rendering()
        figure.set_layout_engine(None)
        across, height = figure.get_size_inches()
        box = Bbox.from_extents(0, height - part[1] / 25.4, across, height - part[0] / 25.4) if part else None
        for path in paths:
            figure.savefig(path, metadata=METADATA[path.suffix[1:]], bbox_inches=box)
            if path.suffix == ".svg" and any(told):
                _tell(path, *told)
    return paths


def _tell(path: Path, title: str, description: str) -> None:
    """Put title and description where a browser and a screen reader look for them: first in the drawing."""
    drawing = path.read_text(encoding="utf-8")
    first = drawing.index(">", drawing.index("<svg")) + 1
    words = f"\n <title>{escape(title, False)}</title>\n <desc>{escape(description, False)}</desc>"
    path.write_text(f"{drawing[:first]}{words}{drawing[first:]}", encoding="utf-8")
