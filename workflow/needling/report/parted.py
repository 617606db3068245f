"""Drawings taller than a page of the PDF, cut where nothing is drawn: made smaller, nobody could read them."""

import math
import re
from itertools import pairwise
from pathlib import Path

MM = 72 / 25.4  # points
TALLEST, WITH_WORDS = 242.0, 258.0  # mm: of a drawing on a page, and with its caption (report.typ)
SMALLEST = 0.93  # of the size at which it was drawn: type of 7 points is 6.5
ACROSS, LINE = 125, 4.2  # letters of a line of a caption, mm from line to line
GAP, WIDE = 2.0, 8.0  # mm: least space in which to cut, and the width beyond which none is better
NEAR = 0.4  # of a part: how far from its place a cut may be
WHITE = 252  # of 255
MORE = 3  # numbers of parts that are tried


def write_parts(drawing: Path, caption: int) -> list[str]:
    """Cut a drawing that is much taller than a page into parts of about one height, each a file beside it.

    Parameters
    ----------
    drawing : an SVG with a PNG of it beside it.
    caption : letters of its caption.

    Returns
    -------
    The names of the parts; none where it fits a page, or where there is no space in which to cut it.
    """
    text = drawing.read_text(encoding="utf-8")
    size = re.search(r'<svg[^>]*? width="([\d.]+)pt" height="([\d.]+)pt" viewBox="0 0 [\d.]+ [\d.]+"', text)
    if not size:
        return []
    height = float(size[2]) / MM
    room = min(TALLEST, WITH_WORDS - LINE * math.ceil(caption / ACROSS))
    if room >= SMALLEST * height:
        return []
    cuts = cuts_of(drawing.with_suffix(".png"), height, room / SMALLEST)
    names = []
    for number, (top, bottom) in enumerate(pairwise([0.0, *cuts, height]), 1):
        part = drawing.with_name(f"{drawing.stem}-{number}.svg")
        first, tall = round(MM * top, 3), round(MM * (bottom - top), 3)
        ends = f'height="{tall}pt" viewBox="0 {first} {size[1]} {tall}"'
        part.write_text(text.replace(size[0], f"{size[0].split(' height=')[0]} {ends}", 1), encoding="utf-8")
        names.append(part.name)
    return names if cuts else []


def cuts_of(picture: Path, height: float, most: float) -> list[float]:
    """Find where to cut a drawing into as few parts as keep to a height, in wide empty spaces: what belongs together stays.

    Parameters
    ----------
    picture : a PNG of the drawing.
    height : of the drawing, in mm.
    most : that a part may be high, in mm. Where no cuts keep to it, those with the least high parts are given.

    Returns
    -------
    Places in mm from the top, one fewer than parts; none where there is no space for one of them.
    """
    import numpy as np
    from PIL import Image

    with Image.open(picture) as opened:
        grey = np.asarray(opened.convert("L"))
    inked = np.asarray((grey < WHITE).any(axis=1))
    edges = np.flatnonzero(np.diff(np.concatenate([[True], inked, [True]]).astype(int)))
    spaces = [(float(a), float(b)) for a, b in edges.reshape(-1, 2) * height / len(inked) if b - a >= GAP]
    fewest, best = math.ceil(height / most), list[float]()
    for parts in range(fewest, fewest + MORE):
        cuts = _cuts(spaces, height, parts)
        if cuts and (not best or _tallest(cuts, height) < _tallest(best, height)):
            best = cuts
        if best and _tallest(best, height) <= most:
            break
    return best


def _tallest(cuts: list[float], height: float) -> float:
    return max(bottom - top for top, bottom in pairwise([0.0, *cuts, height]))


def _cuts(spaces: list[tuple[float, float]], height: float, parts: int) -> list[float]:
    """For each cut the widest space near its place, and of spaces as wide the nearest; none where a place has none."""
    found = []
    for place in (height * part / parts for part in range(1, parts)):
        near = [(a, b) for a, b in spaces if abs((a + b) / 2 - place) < NEAR * height / parts]
        if not near:
            return []
        a, b = max(near, key=lambda space: min(space[1] - space[0], WIDE) - 20 * abs(sum(space) / 2 - place) / height)
        found.append(b - min(GAP, (b - a) / 2))
    return sorted(set(found))
