"""Does an exported figure keep a journal's rules? Every file is read as bytes; nothing is taken from how it was made."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from needling.study.keys import StudyError
from needling.submission.journals import Journal

MM = 25.4
NEAR = 0.6  # mm: a width counts as the journal's within this
CONTRAST = 4.5  # of text on paper, as WCAG 2.2 asks for
SLACK = 0.02  # points: rounding of what programs write
# Vision without one kind of cone, in linear RGB (Machado, Oliveira and Fernandes 2009, severity 1).
BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
COLUMNS = ["file", "rule", "found", "asked", "verdict"]
Colour = tuple[float, float, float]


@dataclass
class Seen:
    """What one file holds; None where its format does not tell."""

    width: float
    height: float
    dpi: float | None = None
    alpha: bool | None = None
    compression: str | None = None
    fonts: list[str] = field(default_factory=list)
    loose_fonts: list[str] = field(default_factory=list)
    type3: bool | None = None
    type: float | None = None
    line: float | None = None
    inks: set[Colour] = field(default_factory=set)


def check_folder(folder: str | Path, rules: Journal) -> pd.DataFrame:
    """Check every PDF, SVG, PNG and TIFF below a folder.

    Parameters
    ----------
    folder : where the figures are.
    rules : of the journal.

    Returns
    -------
    One row per file and rule: file (relative to the folder), rule, found, asked (with the unit), verdict (ok or breach).

    Raises
    ------
    StudyError : the folder has no figure, or a file cannot be read as what its name says.

    Example
    -------
    >>> check_folder("reports/demo/submission", journal("plos")).query("verdict == 'breach'")
    """
    folder = Path(folder)
    endings = {".pdf", ".svg", ".png", ".tif", ".tiff"}
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings)
    if not files:
        raise StudyError(f"{folder}: there is no figure (PDF, SVG, PNG or TIFF) in it.")
    rows = []
    for path in files:
        seen = look(path)
        for rule, found, asked, is_kept in _judged(path, seen, rules):
            verdict = "ok" if is_kept else "breach"
            rows.append([path.relative_to(folder).as_posix(), rule, found, asked, verdict])
    return pd.DataFrame(rows, columns=COLUMNS)


def look(path: Path) -> Seen:
    """Read what a file holds, by its ending.

    Raises
    ------
    StudyError : it is not what its ending says.
    """
    readers = {".pdf": _pdf, ".svg": _svg, ".png": _picture, ".tif": _picture, ".tiff": _picture}
    try:
        return readers[path.suffix.lower()](path)
    except Exception as error:  # whatever a library says of a broken file, to the reader it is broken
        raise StudyError(f"{path}: it cannot be read as {path.suffix[1:].upper()}; export it again.") from error


def _judged(path: Path, seen: Seen, rules: Journal) -> Iterator[tuple[str, str, str, bool]]:
    ending = {"tiff": "tif"}.get(path.suffix[1:].lower(), path.suffix[1:].lower())
    widths = sorted(rules.widths.values())
    if rules.least_width and rules.most_width:
        fits = rules.least_width - NEAR <= seen.width <= rules.most_width + NEAR
        asked = f"{rules.least_width:g} to {rules.most_width:g} mm"
    else:
        fits = seen.width <= widths[-1] + NEAR
        asked = f"at most {widths[-1]:g} mm"
    yield "width", f"{seen.width:.1f} mm", asked, fits
    yield "height", f"{seen.height:.1f} mm", f"at most {rules.height:g} mm", seen.height <= rules.height + NEAR
    if seen.dpi is not None:
        low, high = rules.dpi
        yield "resolution", f"{seen.dpi:.0f} dpi", f"{low} to {high} dpi", low - 1 <= seen.dpi <= high + 1
    if seen.alpha is not None:
        yield "transparency", "yes" if seen.alpha else "none", "none", not (seen.alpha and ending == "tif")
    if seen.compression is not None:
        yield "compression", seen.compression, "LZW", seen.compression == "tiff_lzw"
    if seen.type3 is not None:
        loose = ", ".join(seen.loose_fonts)
        yield "fonts", loose or "embedded", "embedded or outlined", not seen.loose_fonts
        yield "Type 3 fonts", "yes" if seen.type3 else "none", "none", not seen.type3
    if seen.type is not None:
        yield "smallest type", f"{seen.type:.1f} pt", f"at least {rules.type:g} pt", seen.type >= rules.type - SLACK
    if seen.line is not None:
        yield "thinnest line", f"{seen.line:.2f} pt", f"at least {rules.line:g} pt", seen.line >= rules.line - SLACK
    if seen.inks:
        worst = min(contrast(seen_as(ink, vision)) for ink in seen.inks for vision in ("", *BLIND))
        asked = f"at least {CONTRAST:g} to 1, for every vision"
        yield "contrast of text", f"{worst:.1f} to 1", asked, worst >= CONTRAST
    if rules.megabytes:
        size = path.stat().st_size / 1e6
        yield "size of the file", f"{size:.1f} MB", f"at most {rules.megabytes:g} MB", size <= rules.megabytes


def linear(colour: Colour) -> np.ndarray:
    """Light of an sRGB colour (parts from 0 to 1), by IEC 61966-2-1."""
    parts = np.asarray(colour, dtype=float)
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def seen_as(colour: Colour, vision: str) -> np.ndarray:
    """Light of a colour as somebody sees it who lacks one kind of cone; as it is for ''."""
    light = linear(colour)
    return np.clip(np.array(BLIND[vision]) @ light, 0, 1) if vision else light


def contrast(light: np.ndarray) -> float:
    """Contrast of some light with white paper, by WCAG 2.2: 1 for white, 21 for black."""
    return float(1.05 / (light @ np.array([0.2126, 0.7152, 0.0722]) + 0.05))


# ---------------------------------------------------------------- pictures


def _picture(path: Path) -> Seen:
    from PIL import Image

    with Image.open(path) as image:
        dpi = image.info.get("dpi")
        if not dpi:
            raise ValueError("no resolution is written in it")
        across, down = (float(one) for one in dpi)
        width, height = image.size
        alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
        compression = str(image.info.get("compression", "none")) if image.format == "TIFF" else None
    return Seen(width / across * MM, height / down * MM, dpi=across, alpha=alpha, compression=compression)


# ---------------------------------------------------------------- drawings


def _svg(path: Path) -> Seen:
    root = ElementTree.parse(path).getroot()
    found = Seen(_length(root.get("width", "")), _length(root.get("height", "")))
    box = [float(one) for one in root.get("viewBox", "").split()]
    scale = found.width / MM * 72 / box[2] if box else 1.0
    types, lines = [], []
    for part in root.iter():
        style = dict(re.findall(r"([\w-]+)\s*:\s*([^;]+)", part.get("style", "")))
        tag = part.tag.rpartition("}")[2]
        if tag in ("text", "tspan") and (part.text or "").strip():
            font = str(style.get("font", "unnamed"))
            size = re.search(r"([\d.]+)px", str(style.get("font-size", font)))
            types += [float(size[1]) * scale] if size else []
            found.loose_fonts.append(str(style.get("font-family", font)))
        if style.get("stroke", "none") != "none" and tag not in ("g", "svg"):
            width = re.match(r"[\d.]+", style.get("stroke-width", "1"))
            lines.append(float(width[0]) * scale if width else scale)
    found.type3 = False
    found.loose_fonts = sorted(set(found.loose_fonts))
    found.type, found.line = min(types, default=None), min((one for one in lines if one > 0), default=None)
    return found


def _length(words: str) -> float:
    """A length of SVG in mm."""
    value, unit = re.fullmatch(r"([\d.]+)\s*(pt|px|mm|cm|in)?", words.strip()).groups()  # type: ignore[union-attr]
    return float(value) * {"pt": MM / 72, "px": MM / 96, None: MM / 96, "mm": 1.0, "cm": 10.0, "in": MM}[unit]


def _pdf(path: Path) -> Seen:
    from pypdf import PdfReader
    from pypdf.generic import ContentStream

    reader = PdfReader(path)
    page = reader.pages[0]
    found = Seen(float(page.mediabox.width) / 72 * MM, float(page.mediabox.height) / 72 * MM, type3=False)
    drawn = _Drawn()
    drawn.read(ContentStream(page.get_contents(), reader), page.get("/Resources", {}), reader)
    for name, is_embedded, is_type3 in drawn.fonts:
        found.fonts.append(name)
        found.loose_fonts += [] if is_embedded else [name]
        found.type3 = found.type3 or is_type3
    found.type, found.line = min(drawn.types, default=None), min(drawn.lines, default=None)
    found.inks = drawn.inks
    return found


class _Drawn:
    """What the operators of a page draw: sizes of type, widths of lines, colours of text, all as they end on paper."""

    def __init__(self) -> None:
        self.types: list[float] = []
        self.lines: list[float] = []
        self.inks: set[Colour] = set()
        self.fonts: set[tuple[str, bool, bool]] = set()

    def read(self, stream: Any, resources: Any, reader: Any, scale: float = 1.0) -> None:
        """Follow the operators; forms that are drawn are followed too."""
        fonts = resources.get("/Font", {})
        for name in fonts:
            self.fonts.add(_font(fonts[name].get_object()))
        state, kept = _State(scale), []
        for operands, operator in stream.operations:
            if operator == b"q":
                kept.append(replace(state))
            elif operator == b"Q":
                state = kept.pop()
            elif operator in SETTINGS:
                SETTINGS[operator](state, operands)
            elif operator in SHOWS_TEXT:
                self.types.append(state.size * state.text * state.scale)
                self.inks.add(state.fill)
            elif operator in STROKES and state.line > 0:
                self.lines.append(state.line * state.scale)
            elif operator == b"Do":
                self._form(resources.get("/XObject", {}).get(operands[0]), resources, reader, state.scale)

    def _form(self, form: Any, resources: Any, reader: Any, scale: float) -> None:
        from pypdf.generic import ContentStream

        drawn = form.get_object() if form is not None else {}
        if drawn.get("/Subtype") == "/Form":
            self.read(ContentStream(drawn, reader), drawn.get("/Resources", resources), reader, scale)


@dataclass
class _State:
    scale: float = 1.0
    line: float = 1.0
    size: float = 0.0
    text: float = 1.0
    fill: Colour = (0.0, 0.0, 0.0)

    def enlarge(self, operands: Any) -> None:
        self.scale *= _stretch(operands)

    def set_line(self, operands: Any) -> None:
        self.line = float(operands[0])

    def set_fill(self, operands: Any) -> None:
        parts = [float(one) for one in operands]
        self.fill = (parts[0],) * 3 if len(parts) == 1 else (parts[0], parts[1], parts[2])

    def set_font(self, operands: Any) -> None:
        self.size = float(operands[1])

    def set_text(self, operands: Any) -> None:
        self.text = _stretch(operands) if operands else 1.0


# Operators of PDF 1.7 that change how things are drawn, that show text, and that draw lines.
SETTINGS: dict[bytes, Callable[[_State, Any], None]] = {
    b"cm": _State.enlarge,
    b"w": _State.set_line,
    b"g": _State.set_fill,
    b"rg": _State.set_fill,
    b"Tf": _State.set_font,
    b"Tm": _State.set_text,
    b"BT": _State.set_text,
}
SHOWS_TEXT = {b"Tj", b"TJ", b"'", b'"'}
STROKES = {b"S", b"s", b"B", b"B*", b"b", b"b*"}


def _stretch(matrix: Any) -> float:
    """By how much a transformation enlarges lengths: the root of its determinant."""
    a, b, c, d = (float(one) for one in matrix[:4])
    return math.sqrt(abs(a * d - b * c))


def _font(font: Any) -> tuple[str, bool, bool]:
    """Name of a font, whether its glyphs are in the file, and whether it is of type 3."""
    kind = font.get("/Subtype")
    name = str(font.get("/BaseFont", font.get("/Name", "unnamed"))).lstrip("/")
    inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
    descriptor = inner.get("/FontDescriptor")
    files = ("/FontFile", "/FontFile2", "/FontFile3")
    is_embedded = kind == "/Type3" or (descriptor is not None and any(one in descriptor.get_object() for one in files))
    return name, is_embedded, kind == "/Type3"
