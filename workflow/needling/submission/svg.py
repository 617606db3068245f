"""What an SVG draws: type, lines and colours of text, wherever the file says them (attributes, style, rules of a style sheet)."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from needling.submission.colours import Area, Colour, mixed, paper_at
from needling.submission.places import SAME, Matrix, Point, moved, stretch, times
from needling.submission.seen import MM, Seen

INHERITED = {
    "fill",
    "fill-opacity",
    "stroke",
    "stroke-opacity",
    "stroke-width",
    "font-size",
    "font-family",
    "text-anchor",
}
SAID = {*INHERITED, "font", "opacity", "display", "visibility"}
UNITS = {"pt": 96 / 72, "px": 1.0, "": 1.0, "mm": 96 / MM, "cm": 960 / MM, "in": 96.0, "pc": 16.0}
SHAPES = {"path", "line", "polyline", "polygon", "rect", "circle", "ellipse"}
# Drawn where something uses them, and not where they stand.
KEPT = {
    "defs",
    "symbol",
    "clipPath",
    "mask",
    "marker",
    "pattern",
    "metadata",
    "style",
    "linearGradient",
    "radialGradient",
}
LINK = "{http://www.w3.org/1999/xlink}href"
DEEPEST = 50  # a file in which things use each other in a circle is broken
EM = 100.0  # of letters as outlines in files of matplotlib
Rules = list[tuple[str, dict[str, str]]]


def look_at_svg(path: Path) -> Seen:
    """Read an SVG."""
    root = ElementTree.parse(path).getroot()
    found = Seen(length(root.get("width", "")), length(root.get("height", "")), type3=False)
    box = [float(one) for one in re.split(r"[\s,]+", root.get("viewBox", "").strip()) if one]
    scale = found.width / MM * 72 / box[2] if box else 72 / 96
    drawn = _Drawn(root)
    drawn.follow(root, {"font-size": "16px"}, SAME, 1.0)
    found.loose_fonts = sorted(drawn.fonts)
    found.type = min((size * scale for size in drawn.types), default=None)
    found.line = min((width * scale for width in drawn.lines), default=None)
    found.inks = drawn.inks
    return found


def length(words: str) -> float:
    """A length of SVG in mm."""
    value, unit = re.fullmatch(r"([\d.]+)\s*(pt|px|mm|cm|in|pc)?", words.strip()).groups()  # type: ignore[union-attr]
    return float(value) * UNITS[unit or ""] * MM / 96


class _Drawn:
    """What the elements of a drawing draw, in its own units."""

    def __init__(self, root: Any) -> None:
        self.named = {part.get("id"): part for part in root.iter() if part.get("id")}
        self.rules = _rules("\n".join(part.text or "" for part in root.iter() if _tag(part) == "style"))
        self.types: list[float] = []
        self.lines: list[float] = []
        self.fonts: set[str] = set()
        self.inks: set[tuple[Colour, Colour]] = set()
        self.areas: list[Area] = []

    def follow(
        self, part: Any, above: dict[str, str], matrix: Matrix, covers: float, text: bool = False, deep: int = 0
    ) -> None:
        """Follow an element and what is in it; `text` is true within letters drawn as outlines."""
        if deep > DEEPEST:
            raise ValueError("things use each other in a circle")
        tag = _tag(part)
        told = self._told(part, above)
        if told.get("display") == "none" or told.get("visibility") == "hidden":
            return
        covers *= _number(told.pop("opacity", "1"))
        matrix = times(_transform(part.get("transform", "")), matrix)
        # matplotlib names the group of a text; one in it with another name is the box behind the words.
        outlined = str(part.get("id", "")).startswith("text") or (text and (tag != "g" or not part.get("id")))
        if tag == "use":
            target = self.named.get(str(part.get(LINK, part.get("href", ""))).lstrip("#"))
            x, y = _number(part.get("x", "0")), _number(part.get("y", "0"))
            is_glyph = outlined or (target is not None and "glyph" in str(target.get("id", "")).lower())
            if is_glyph:
                self._ink(told, covers, (EM / 4, EM / 4), times((1, 0, 0, 1, x, y), matrix))
            elif target is not None:
                self.follow(target, told, times((1, 0, 0, 1, x, y), matrix), covers, deep=deep + 1)
            return
        if tag in ("text", "tspan") and (part.text or "").strip():
            self._letters(part, told, covers, matrix)
        elif tag in SHAPES and outlined:
            corners = [point for outline in _corners(part) for point in outline] or [(0.0, 0.0)]
            self._ink(told, covers, corners[0], matrix)
        elif tag in SHAPES:
            self._shape(part, told, covers, matrix)
        for inner in part:
            if _tag(inner) not in KEPT:
                self.follow(inner, told, matrix, covers, outlined and tag != "svg", deep + 1)

    def _told(self, part: Any, above: dict[str, str]) -> dict[str, str]:
        """What holds for an element: the inherited, its attributes, rules of style sheets, its own style, the last strongest."""
        told = {name: value for name, value in above.items() if name in INHERITED}
        told |= {name: value for name, value in part.attrib.items() if name in SAID}
        classes = str(part.get("class", "")).split()
        mine = {"*", _tag(part), f"#{part.get('id')}", *(f".{one}" for one in classes)}
        mine |= {f"{_tag(part)}.{one}" for one in classes}
        for selector, values in self.rules:
            told |= values if selector in mine else {}
        told |= _declared(str(part.get("style", "")))
        size = re.search(r"([\d.]+[a-z%]*)(?:/\S+)?\s+(.+)", told.pop("font", ""))
        told |= {"font-size": size[1], "font-family": size[2]} if size else {}
        if told.get("font-size", "").endswith(("em", "%")):
            told["font-size"] = f"{_number(told['font-size']) * _units(above.get('font-size', '16px'))}"
        return told

    def _letters(self, part: Any, told: dict[str, str], covers: float, matrix: Matrix) -> None:
        size = _units(told["font-size"])
        self.types.append(size * stretch(matrix))
        self.fonts.add(told.get("font-family", "unnamed").strip("'\" "))
        across = {"middle": 0.0, "end": -size / 4}.get(told.get("text-anchor", "start"), size / 4)
        x, y = (_number(part.get(name, "0").split()[0] if part.get(name) else "0") for name in ("x", "y"))
        self._ink(told, covers, (x + across, y - size / 4), matrix)

    def _ink(self, told: dict[str, str], covers: float, point: Point, matrix: Matrix) -> None:
        ink = _colour(told.get("fill", "black"))
        covers *= _number(told.get("fill-opacity", "1"))
        if ink is not None and covers > 0:
            paper = paper_at(moved(point, matrix), self.areas)
            self.inks.add((mixed(ink, paper, covers), paper))

    def _shape(self, part: Any, told: dict[str, str], covers: float, matrix: Matrix) -> None:
        width = _units(told.get("stroke-width", "1")) * stretch(matrix)
        is_drawn = (
            told.get("stroke", "none") not in ("none", "transparent") and _number(told.get("stroke-opacity", "1")) > 0
        )
        if is_drawn and width > 0 and covers > 0:
            self.lines.append(width)
        fill = _colour(told.get("fill", "black"))
        part_of = covers * _number(told.get("fill-opacity", "1"))
        if fill is not None and part_of > 0:
            outlines = tuple(tuple(moved(point, matrix) for point in outline) for outline in _corners(part))
            self.areas.append(Area(outlines, fill, part_of))


# ---------------------------------------------------------------- words of SVG


def _tag(part: Any) -> str:
    return str(part.tag).rpartition("}")[2]


def _declared(style: str) -> dict[str, str]:
    return {name.lower(): value.strip() for name, value in re.findall(r"([\w-]+)\s*:\s*([^;]+)", style)}


def _rules(sheet: str) -> Rules:
    """Rules of a style sheet by simple selectors: *, a tag, a class, an id."""
    plain = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    return [
        (selector.strip(), _declared(values))
        for selectors, values in re.findall(r"([^{}]+)\{([^{}]*)\}", plain)
        for selector in selectors.split(",")
    ]


def _number(words: str) -> float:
    found = re.match(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", words)
    if not found:
        return 0.0
    return float(found[0]) / (100 if words.strip().endswith("%") else 1)


def _units(words: str) -> float:
    """A length in the drawing's own units."""
    unit = re.search(r"[a-z]*$", words.strip())
    return _number(words) * UNITS.get(unit[0] if unit else "", 1.0)


def _transform(words: str) -> Matrix:
    """The transformations of an attribute, of which the last is nearest to what is drawn."""
    whole = SAME
    for name, given in re.findall(r"(\w+)\s*\(([^)]*)\)", words):
        parts = [float(one) for one in re.split(r"[\s,]+", given.strip()) if one]
        whole = times(_one_transform(name, parts), whole)
    return whole


def _one_transform(name: str, parts: list[float]) -> Matrix:
    if name == "matrix":
        return parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]
    if name == "scale":
        return parts[0], 0.0, 0.0, parts[-1], 0.0, 0.0
    if name == "translate":
        return 1.0, 0.0, 0.0, 1.0, parts[0], parts[1] if len(parts) > 1 else 0.0
    turn = math.radians(parts[0])
    if name == "rotate":
        about: Point = (parts[1], parts[2]) if len(parts) == 3 else (0.0, 0.0)
        turned = (math.cos(turn), math.sin(turn), -math.sin(turn), math.cos(turn), 0.0, 0.0)
        return times(times((1, 0, 0, 1, -about[0], -about[1]), turned), (1, 0, 0, 1, *about))
    slant = math.tan(turn)
    return {"skewX": (1.0, 0.0, slant, 1.0, 0.0, 0.0), "skewY": (1.0, slant, 0.0, 1.0, 0.0, 0.0)}[name]


def _colour(words: str) -> Colour | None:
    """A colour of CSS; None for none and for what is no single colour (a gradient)."""
    from matplotlib.colors import is_color_like, to_rgb

    words = words.strip().lower()
    of_parts = re.fullmatch(r"rgba?\(\s*([\d.]+%?)[\s,]+([\d.]+%?)[\s,]+([\d.]+%?).*\)", words)
    if of_parts:
        red, green, blue = (_number(one) if one.endswith("%") else float(one) / 255 for one in of_parts.groups())
        return red, green, blue
    words = {"currentcolor": "black"}.get(words, words)
    return to_rgb(words) if words not in ("none", "transparent") and is_color_like(words) else None


def _corners(part: Any) -> list[list[Point]]:
    """The outlines of a shape by their corners; of curves only the ends."""
    tag = _tag(part)
    x, y, wide, high, cx, cy = (_number(part.get(name, "0")) for name in ("x", "y", "width", "height", "cx", "cy"))
    if tag == "rect":
        return [[(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)]]
    if tag in ("circle", "ellipse"):
        across, down = (_number(part.get(name, part.get("r", "0"))) for name in ("rx", "ry"))
        turns = [math.tau * step / 16 for step in range(16)]
        return [[(cx + across * math.cos(turn), cy + down * math.sin(turn)) for turn in turns]]
    if tag in ("polygon", "polyline"):
        numbers = [float(one) for one in re.findall(r"[-+]?[\d.]+(?:[eE][-+]?\d+)?", part.get("points", ""))]
        return [list(zip(numbers[::2], numbers[1::2], strict=False))]
    return list(_outlines(part.get("d", ""))) if tag == "path" else []


def _outlines(told: str) -> Iterator[list[Point]]:
    from fontTools.pens.recordingPen import RecordingPen
    from fontTools.svgLib.path import parse_path

    pen = RecordingPen()
    parse_path(told, pen)
    corners: list[Point] = []
    for operator, points in pen.value:
        if operator == "moveTo" and corners:
            yield corners
            corners = []
        if points:
            corners.append((float(points[-1][0]), float(points[-1][1])))
    if corners:
        yield corners
