"""Does an exported figure keep a journal's rules? Every file is read as bytes; nothing is taken from how it was made."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from needling.study.keys import StudyError
from needling.submission.colours import least_contrast
from needling.submission.journals import FORMATS, Journal
from needling.submission.pdf import look_at_pdf
from needling.submission.seen import MM, Seen
from needling.submission.svg import look_at_svg

NEAR = 0.6  # mm: a width counts as the journal's within this
CONTRAST = 4.5  # of text on paper, as WCAG 2.2 asks for
SLACK = 0.02  # points: rounding of what programs write
TINY = 1e-6  # what a number in binary may be beside the decimal one that it stands for
# Pictures that no profile takes, and whose bytes nothing here can read.
OTHERS = {".bmp", ".emf", ".eps", ".gif", ".jpeg", ".jpg", ".ps", ".webp", ".wmf"}
MODES = {"1": "grey", "L": "grey", "LA": "grey", "I;16": "grey", "I": "grey", "RGBA": "RGB", "P": "a palette"}
COLUMNS = ["file", "rule", "found", "asked", "verdict"]


def check_folder(folder: str | Path, rules: Journal, drawings: str | Path | None = None) -> pd.DataFrame:
    """Check every picture and drawing below a folder.

    Parameters
    ----------
    folder : where the figures are.
    rules : of the journal.
    drawings : where the PDF is from which each picture (PNG, TIFF) was made, under the picture's name: type, lines and colours of
        text, which dots do not tell, are then those of the PDF.

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
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {*READERS, *OTHERS})
    if not files:
        raise StudyError(f"{folder}: there is no figure (PDF, SVG, PNG or TIFF) in it.")
    rows = []
    for path in files:
        name = path.relative_to(folder)
        judged = [_format(path, rules)]
        if path.suffix.lower() in READERS:
            seen = look(path)
            drawing = Path(drawings or folder, name).with_suffix(".pdf")
            if drawings and seen.dpi is not None and drawing.is_file():
                seen = _with_drawing(seen, look(drawing))
            judged += _judged(path, seen, rules)
        for rule, found, asked, is_kept in judged:
            rows.append([name.as_posix(), rule, found, asked, "ok" if is_kept else "breach"])
    return pd.DataFrame(rows, columns=COLUMNS)


def _with_drawing(picture: Seen, drawing: Seen) -> Seen:
    """A picture with what only its drawing tells."""
    told = {name: getattr(drawing, name) for name in ("fonts", "loose_fonts", "type3", "type", "line", "inks")}
    return replace(picture, **told)


def look(path: Path) -> Seen:
    """Read what a file holds, by its ending.

    Raises
    ------
    StudyError : it is not what its ending says.
    """
    try:
        return READERS[path.suffix.lower()](path)
    except Exception as error:  # whatever a library says of a broken file, to the reader it is broken
        raise StudyError(f"{path}: it cannot be read as {path.suffix[1:].upper()}; export it again.") from error


def _ending(path: Path) -> str:
    """The format of a file by its name, in the one word that profiles have for it."""
    ending = path.suffix[1:].lower()
    return {"tiff": "tif"}.get(ending, ending)


def _format(path: Path, rules: Journal) -> tuple[str, str, str, bool]:
    ending = _ending(path)
    asked = " or ".join(one.upper() for one in FORMATS if one in rules.formats)
    return "format", ending.upper(), asked, ending in rules.formats


def _judged(path: Path, seen: Seen, rules: Journal) -> Iterator[tuple[str, str, str, bool]]:
    widths = sorted(rules.widths.values())
    ends = (rules.least_width, rules.most_width) if rules.least_width and rules.most_width else (0.0, widths[-1])
    asked = f"{ends[0]:g} to {ends[1]:g} mm" if ends[0] else f"at most {ends[1]:g} mm"
    yield _measured("width", seen.width, " mm", asked, (ends[0] - NEAR, ends[1] + NEAR))
    yield _measured("height", seen.height, " mm", f"at most {rules.height:g} mm", (0, rules.height + NEAR))
    if seen.dpi is not None:
        low, high = rules.dpi
        yield _measured("resolution", seen.dpi, " dpi", f"{low} to {high} dpi", (low - 1, high + 1), digits=0)
    if seen.alpha is not None:
        yield "transparency", "yes" if seen.alpha else "none", "none", not seen.alpha
    if seen.colours is not None and rules.colours:
        yield "colours", seen.colours, " or ".join(rules.colours), seen.colours in rules.colours
    if seen.compression is not None:
        yield "compression", seen.compression, "LZW", seen.compression == "tiff_lzw"
    if seen.type3 is not None:
        loose = ", ".join(seen.loose_fonts)
        yield "fonts", loose or "embedded", "embedded or outlined", not seen.loose_fonts
        yield "Type 3 fonts", "yes" if seen.type3 else "none", "none", not seen.type3
    if seen.type is not None:
        asked, limits = f"at least {rules.type:g} pt", (rules.type - SLACK, math.inf)
        yield _measured("smallest type", seen.type, " pt", asked, limits)
    if seen.line is not None:
        asked, limits = f"at least {rules.line:g} pt", (rules.line - SLACK, math.inf)
        yield _measured("thinnest line", seen.line, " pt", asked, limits, digits=2)
    if seen.inks:
        worst = min(least_contrast(ink, paper) for ink, paper in seen.inks)
        asked = f"at least {CONTRAST:g} to 1, for every vision"
        yield _measured("contrast of text", worst, " to 1", asked, (CONTRAST, math.inf))
    if rules.megabytes:
        size = path.stat().st_size / 1e6
        yield _measured("size of the file", size, " MB", f"at most {rules.megabytes:g} MB", (0, rules.megabytes))


def _measured(
    rule: str, value: float, unit: str, asked: str, limits: tuple[float, float], digits: int = 1
) -> tuple[str, str, str, bool]:
    """One rule about a number: one that breaks it is never rounded to the limit that it misses."""
    if limits[0] <= value <= limits[1]:
        return rule, f"{value:.{digits}f}{unit}", asked, True
    power = 10 ** (digits + 1)
    rounded = math.floor(value * power + TINY) if value < limits[0] else math.ceil(value * power - TINY)
    return rule, f"{rounded / power:.{digits + 1}f}{unit}", asked, False


# ---------------------------------------------------------------- pictures


def _picture(path: Path) -> Seen:
    from PIL import Image

    with Image.open(path) as image:
        if image.format != {"tif": "TIFF"}.get(_ending(path), _ending(path).upper()):
            raise ValueError("it is another format")
        dpi = image.info.get("dpi")
        if not dpi:
            raise ValueError("no resolution is written in it")
        across, down = (float(one) for one in dpi)
        width, height = image.size
        alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
        compression = str(image.info.get("compression", "none")) if image.format == "TIFF" else None
        colours = MODES.get(image.mode, image.mode)
    return Seen(
        width / across * MM, height / down * MM, dpi=across, alpha=alpha, colours=colours, compression=compression
    )


READERS = {".pdf": look_at_pdf, ".svg": look_at_svg, ".png": _picture, ".tif": _picture, ".tiff": _picture}
