"""What a PDF draws, by its operators: type, lines and colours of text as they end on paper."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from needling.submission.colours import BLACK, Area, Colour, mixed, paper_at
from needling.submission.places import SAME, Matrix, Point, moved, stretch, times
from needling.submission.seen import MM, Seen

INVISIBLE = 3  # text that is there to be found and copied only
OUTLINED = 1


def look_at_pdf(path: Path) -> Seen:
    """Read the first page of a PDF."""
    from pypdf import PdfReader
    from pypdf.generic import ContentStream

    reader = PdfReader(path)
    page = reader.pages[0]
    found = Seen(float(page.mediabox.width) / 72 * MM, float(page.mediabox.height) / 72 * MM, type3=False)
    drawn = _Drawn()
    drawn.read(ContentStream(page.get_contents(), reader), page.get("/Resources", {}), reader, _State())
    for name, is_embedded, is_type3 in sorted(drawn.fonts):
        found.fonts.append(name)
        found.loose_fonts += [] if is_embedded else [name]
        found.type3 = found.type3 or is_type3
    found.type, found.line = min(drawn.types, default=None), min(drawn.lines, default=None)
    found.inks = drawn.inks
    return found


@dataclass
class _State:
    """The graphics state, as far as it tells what is seen; a colour that cannot be told (a pattern's) is None."""

    matrix: Matrix = SAME
    line: float = 1.0
    size: float = 0.0
    text: Matrix = SAME
    start: Matrix = SAME
    leading: float = 0.0
    mode: int = 0
    fill: Colour | None = BLACK
    stroke: Colour | None = BLACK
    fill_space: Any = "/DeviceGray"
    stroke_space: Any = "/DeviceGray"
    covers: float = 1.0
    stroke_covers: float = 1.0
    cut: tuple[float, float, float, float] | None = None

    def set_line(self, operands: Any) -> None:
        self.line = float(operands[0])

    def enlarge(self, operands: Any) -> None:
        self.matrix = times(_matrix(operands), self.matrix)

    def set_font(self, operands: Any) -> None:
        self.size = float(operands[1])

    def set_mode(self, operands: Any) -> None:
        self.mode = int(operands[0])

    def set_leading(self, operands: Any) -> None:
        self.leading = float(operands[0])

    def set_text(self, operands: Any) -> None:
        self.text = self.start = _matrix(operands) if operands else SAME

    def move_text(self, operands: Any) -> None:
        self.text = self.start = times((1.0, 0.0, 0.0, 1.0, float(operands[0]), float(operands[1])), self.start)

    def move_text_and_lead(self, operands: Any) -> None:
        self.leading = -float(operands[1])
        self.move_text(operands)

    def next_line(self, _operands: Any) -> None:
        self.move_text((0.0, -self.leading))


# Operators of PDF 1.7 that change how things are drawn, that show text, and that paint a path.
SETTINGS: dict[bytes, Callable[[_State, Any], None]] = {
    b"cm": _State.enlarge,
    b"w": _State.set_line,
    b"Tf": _State.set_font,
    b"Tr": _State.set_mode,
    b"TL": _State.set_leading,
    b"Tm": _State.set_text,
    b"BT": _State.set_text,
    b"Td": _State.move_text,
    b"TD": _State.move_text_and_lead,
    b"T*": _State.next_line,
}
SHOWS_TEXT = {b"Tj", b"TJ", b"'", b'"'}
STROKES = {b"S", b"s", b"B", b"B*", b"b", b"b*"}
FILLS = {b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*"}
ENDS = {*STROKES, *FILLS, b"n"}
COLOURS = {b"g": "/DeviceGray", b"rg": "/DeviceRGB", b"k": "/DeviceCMYK"}
COLOURS |= {name.upper(): space for name, space in COLOURS.items()}
COLOURING = {*COLOURS, b"cs", b"CS", b"sc", b"SC", b"scn", b"SCN"}


class _Drawn:
    """What the operators of a page draw: sizes of type, widths of lines, colours of text, all as they end on paper."""

    def __init__(self) -> None:
        self.types: list[float] = []
        self.lines: list[float] = []
        self.inks: set[tuple[Colour, Colour]] = set()
        self.fonts: set[tuple[str, bool, bool]] = set()
        self.areas: list[Area] = []

    def read(self, stream: Any, resources: Any, reader: Any, state: _State) -> None:
        """Follow the operators; forms that are drawn are followed too."""
        fonts = resources.get("/Font", {})
        for name in fonts:
            self.fonts.add(_font(fonts[name].get_object()))
        kept: list[_State] = []
        path: list[list[Point]] = []
        cuts = False  # whether the path cuts what is drawn after it
        for operands, operator in stream.operations:
            if operator == b"q":
                kept.append(replace(state))
            elif operator == b"Q" and kept:
                state = kept.pop()
            elif operator in SETTINGS:
                SETTINGS[operator](state, operands)
            elif operator == b"gs":
                _set_cover(state, resources.get("/ExtGState", {}).get(operands[0]))
            elif operator in COLOURING:
                _set_colour(state, operator, operands, resources)
            elif operator in SHOWS_TEXT:
                self._show(state, operator)
            elif operator in (b"W", b"W*"):
                cuts = True
            elif operator in ENDS:
                self._paint(state, operator, path)
                state.cut = _both(state.cut, _box(path)) if cuts else state.cut
                path, cuts = [], False
            elif operator == b"Do":
                self._form(resources.get("/XObject", {}).get(operands[0]), resources, reader, state)
            else:
                _go_on(path, operator, operands, state.matrix)

    def _show(self, state: _State, operator: bytes) -> None:
        if operator in (b"'", b'"'):
            state.next_line(())
        if state.mode == INVISIBLE:
            return
        whole = times(state.text, state.matrix)
        self.types.append(state.size * stretch(whole))
        ink, covers = (state.stroke, state.stroke_covers) if state.mode == OUTLINED else (state.fill, state.covers)
        if ink is not None and covers > 0:
            # Within the first letter: its corner may lie on the edge of what is below it.
            paper = paper_at(moved((state.size / 4, state.size / 4), whole), self.areas)
            self.inks.add((mixed(ink, paper, covers), paper))

    def _paint(self, state: _State, operator: bytes, path: list[list[Point]]) -> None:
        if operator in STROKES and state.stroke_covers > 0:
            # A width of 0 is the thinnest line that a device has: none on paper.
            self.lines.append(state.line * stretch(state.matrix))
        if operator in FILLS and state.fill is not None and state.covers > 0:
            self.areas.append(Area(tuple(map(tuple, path)), state.fill, state.covers, state.cut))

    def _form(self, form: Any, resources: Any, reader: Any, state: _State) -> None:
        from pypdf.generic import ContentStream

        drawn = form.get_object() if form is not None else {}
        if drawn.get("/Subtype") == "/Form":
            inner = replace(state, matrix=times(_matrix(drawn.get("/Matrix", SAME)), state.matrix))
            self.read(ContentStream(drawn, reader), drawn.get("/Resources", resources), reader, inner)


def _go_on(path: list[list[Point]], operator: bytes, operands: Any, matrix: Matrix) -> None:
    """Add to a path where its operator ends; of curves only their ends count."""
    if operator == b"re":
        x, y, wide, high = map(float, operands)
        corners = [(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)]
        path.append([moved(corner, matrix) for corner in corners])
    elif operator == b"m" or (operator in (b"l", b"c", b"v", b"y") and not path):
        path.append([moved((float(operands[-2]), float(operands[-1])), matrix)])
    elif operator in (b"l", b"c", b"v", b"y"):
        path[-1].append(moved((float(operands[-2]), float(operands[-1])), matrix))


def _box(path: list[list[Point]]) -> tuple[float, float, float, float]:
    points = [point for outline in path for point in outline] or [(0.0, 0.0)]
    return (*(min(one[at] for one in points) for at in (0, 1)), *(max(one[at] for one in points) for at in (0, 1)))  # type: ignore[return-value]


def _both(
    one: tuple[float, float, float, float] | None, other: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    if one is None:
        return other
    return max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])


def _matrix(given: Any) -> Matrix:
    a, b, c, d, e, f = (float(one) for one in given)
    return a, b, c, d, e, f


# ---------------------------------------------------------------- colours


def _set_colour(state: _State, operator: bytes, operands: Any, resources: Any) -> None:
    """Take over a colour, or the space in which colours are told from now on; capitals are for lines."""
    name = operator.decode()
    which = "stroke" if name.isupper() else "fill"
    if name.lower() == "cs":
        space = resources.get("/ColorSpace", {}).get(operands[0], operands[0])
        setattr(state, f"{which}_space", space)
        setattr(state, which, BLACK)
        return
    space = COLOURS.get(operator, getattr(state, f"{which}_space"))
    setattr(state, which, _colour(space, operands))


def _set_cover(state: _State, settings: Any) -> None:
    given = settings.get_object() if settings is not None else {}
    state.covers = float(given.get("/ca", state.covers))
    state.stroke_covers = float(given.get("/CA", state.stroke_covers))
    state.line = float(given.get("/LW", state.line))


def _colour(space: Any, operands: Any) -> Colour | None:
    """The colour of some parts in a space of PDF 1.7 (8.6); None where it cannot be told."""
    space = space.get_object() if hasattr(space, "get_object") else space
    name = str(space if isinstance(space, str) else space[0])
    parts = [float(one) for one in operands if not isinstance(one, str)]
    if name == "/Pattern" or not parts:
        return None
    if name == "/ICCBased":
        name = {1: "/DeviceGray", 3: "/DeviceRGB", 4: "/DeviceCMYK"}[int(space[1].get_object()["/N"])]
    if name == "/Indexed":
        return _indexed(space, int(parts[0]))
    if name in ("/Separation", "/DeviceN"):
        return _tinted(space, parts)
    if name == "/Lab":
        level = ((parts[0] + 16) / 116) ** 3 if parts[0] > 8 else parts[0] / 903.3
        return _grey(1.055 * level ** (1 / 2.4) - 0.055 if level > 0.0031308 else 12.92 * level)
    return _plain(parts)


def _plain(parts: list[float]) -> Colour | None:
    """Grey, RGB or CMYK, by the number of parts."""
    if len(parts) == 4:
        cyan, magenta, yellow, black = parts
        return (1 - cyan) * (1 - black), (1 - magenta) * (1 - black), (1 - yellow) * (1 - black)
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else _grey(parts[0])


def _grey(level: float) -> Colour:
    return (level,) * 3


def _indexed(space: Any, place: int) -> Colour | None:
    table = space[3].get_object()
    held = table.get_data() if hasattr(table, "get_data") else table
    held = held if isinstance(held, bytes) else getattr(held, "original_bytes", b"")
    base = space[1].get_object()
    count = {"/DeviceGray": 1, "/DeviceCMYK": 4}.get(str(base), 3)
    if not isinstance(base, str) and str(base[0]) == "/ICCBased":
        count = int(base[1].get_object()["/N"])
    return _colour(base, [one / 255 for one in held[place * count : (place + 1) * count]])


def _tinted(space: Any, parts: list[float]) -> Colour | None:
    """A special ink: between the two colours of its function; one of another kind is taken for a grey of its tint."""
    how = space[3].get_object()
    if int(how.get("/FunctionType", 0)) != 2:
        return _grey(1 - max(parts))
    first, last = ([float(one) for one in how.get(key, [default])] for key, default in (("/C0", 0.0), ("/C1", 1.0)))
    tint = parts[0] ** float(how["/N"])
    return _colour(space[2], [low + tint * (high - low) for low, high in zip(first, last, strict=True)])


def _font(font: Any) -> tuple[str, bool, bool]:
    """Name of a font, whether its glyphs are in the file, and whether it is of type 3."""
    kind = font.get("/Subtype")
    name = str(font.get("/BaseFont", font.get("/Name", "unnamed"))).lstrip("/")
    inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
    descriptor = inner.get("/FontDescriptor")
    files = ("/FontFile", "/FontFile2", "/FontFile3")
    is_embedded = kind == "/Type3" or (descriptor is not None and any(one in descriptor.get_object() for one in files))
    return name, is_embedded, kind == "/Type3"
