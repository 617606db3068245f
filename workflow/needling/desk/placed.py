"""A figure of the report on axes of somebody's own: the same strokes and letters, so that it stays a drawing in PDF and SVG."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.backend_bases import RendererBase
from matplotlib.transforms import Affine2D, Bbox, TransformedBbox, TransformedPath

from needling.figures.style import PHONE, REPORT, Profile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 72  # to the inch: in them a figure is drawn before it is put into its place


def on_axes(ax: "Axes", drawn: "Callable[[Profile], Figure]") -> "Axes":
    """Show a figure of the report on axes: drawn for their width, so that its type keeps its size.

    Parameters
    ----------
    ax : the axes, which lose their frame. Where they are narrower or lower than the figure can be, it is shown smaller.
    drawn : draws the figure for a profile.
    """
    width = ax.get_window_extent().width / ax.get_figure(root=True).dpi * 25.4  # type: ignore[union-attr]
    figure = drawn(replace(REPORT, width=min(max(width, PHONE.width), REPORT.width)))
    figure.set_dpi(POINTS)
    figure.draw_without_rendering()
    figure.set_layout_engine(None)
    figure.patch.set_visible(False)  # the sheet below is the author's
    ax.add_artist(Placed(figure))
    ax.set_axis_off()
    return ax


class Placed(Artist):
    """A figure as one thing on axes, in their top left corner wherever they go.

    A figure has axes, legends and words by the dozen that cannot leave it, so it draws itself, through `Moved`.
    """

    def __init__(self, drawn: "Figure") -> None:
        """Take a figure that is laid out."""
        super().__init__()
        self.drawn = drawn
        self.set_clip_on(False)

    def draw(self, renderer: RendererBase) -> None:
        """Draw the figure in its place."""
        if self.get_visible():
            with rc_context({"text.hinting": "none"}):  # words as wide as those that the figure was laid out for
                self.drawn.draw(Moved(renderer, *self._place()))
            self.stale = False

    def get_window_extent(self, renderer: RendererBase | None = None) -> Bbox:
        """Where the figure stands on the page, pixels."""
        place, _ = self._place()
        return Bbox(place.transform(Bbox.from_bounds(0, 0, *self._size())))

    def _size(self) -> tuple[float, float]:
        width, height = self.drawn.get_size_inches()
        return float(width) * POINTS, float(height) * POINTS

    def _place(self) -> tuple[Affine2D, float]:
        """The way from the figure's points to pixels of the page, and how much smaller than itself it becomes."""
        room, (width, height) = self.axes.bbox, self._size()  # type: ignore[union-attr]
        pixels = self.get_figure(root=True).dpi / POINTS  # type: ignore[union-attr]
        scale = min(room.width / (width * pixels), room.height / (height * pixels), 1.0)
        corner = (room.x0, room.y1 - height * pixels * scale)
        return Affine2D().scale(pixels * scale).translate(*corner), scale


class Moved(RendererBase):
    """Draws on a page what is drawn for a place of its own: moved, and lines and letters made smaller with it."""

    def __init__(self, page: RendererBase, place: Affine2D, scale: float) -> None:
        """Take the page's renderer, and the place and scale on it."""
        super().__init__()
        self.page, self.place, self.scale = page, place, scale

    def flipy(self) -> bool:
        """Heights are counted from below."""
        return False

    def draw_path(self, gc: Any, path: Any, transform: Any, rgbFace: Any = None) -> None:
        """Draw a line or an area; all else that is no letter is drawn by this."""
        moved = self._moved(gc)
        self.page.draw_path(moved, path, transform + self.place, rgbFace)
        moved.restore()

    def draw_text(
        self, gc: Any, x: float, y: float, s: str, prop: Any, angle: float, ismath: Any = False, mtext: Any = None
    ) -> None:
        """Draw words as words."""
        x, y = self.place.transform((x, y))
        if self.page.flipy():
            y = self.page.get_canvas_width_height()[1] - y
        smaller = prop.copy()
        smaller.set_size(prop.get_size_in_points() * self.scale)
        moved = self._moved(gc)
        self.page.draw_text(moved, x, y, s, smaller, angle, ismath)
        moved.restore()

    def _moved(self, gc: Any) -> Any:
        """The same pen on the page."""
        moved: Any = self.page.new_gc()
        moved.copy_properties(gc)
        moved.set_linewidth(gc.get_linewidth() * self.scale)
        start, dashes = gc.get_dashes()
        if dashes is not None:
            moved.set_dashes(start * self.scale, [length * self.scale for length in dashes])
        if (box := gc.get_clip_rectangle()) is not None:
            moved.set_clip_rectangle(TransformedBbox(box, self.place))
        path, way = gc.get_clip_path()
        if path is not None:
            moved.set_clip_path(TransformedPath(path, way + self.place))
        return moved
