"""Colours on paper: how they contrast with what is below them, for every kind of colour vision."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.path import Path as Outline

from needling.submission.places import Point

# Vision without one kind of cone, in linear RGB (Machado, Oliveira and Fernandes 2009, severity 1).
BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
Colour = tuple[float, float, float]
WHITE, BLACK = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)


def linear(colour: Colour) -> np.ndarray:
    """Light of an sRGB colour (parts from 0 to 1), by IEC 61966-2-1."""
    parts = np.asarray(colour, dtype=float)
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def seen_as(colour: Colour, vision: str) -> np.ndarray:
    """Light of a colour as somebody sees it who lacks one kind of cone; as it is for ''."""
    light = linear(colour)
    return np.clip(np.array(BLIND[vision]) @ light, 0, 1) if vision else light


def contrast(light: np.ndarray, below: np.ndarray | None = None) -> float:
    """Contrast of some light with what is below it, else with white paper, by WCAG 2.2: 1 for the same, 21 for black on white."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    bright = [float(one @ weights) + 0.05 for one in (light, linear(WHITE) if below is None else below)]
    return max(bright) / min(bright)


def least_contrast(ink: Colour, paper: Colour) -> float:
    """The smallest contrast of two colours that any kind of colour vision has."""
    return min(contrast(seen_as(ink, vision), seen_as(paper, vision)) for vision in ("", *BLIND))


def mixed(ink: Colour, paper: Colour, part: float) -> Colour:
    """The colour of ink that covers paper in part only, as PDF and SVG mix them."""
    first, second, third = (part * above + (1 - part) * below for above, below in zip(ink, paper, strict=True))
    return first, second, third


@dataclass(frozen=True)
class Area:
    """What was painted: outlines by their corners, colour, how far it covers, and the box to which it was cut."""

    outlines: tuple[tuple[Point, ...], ...]
    colour: Colour
    part: float
    cut: tuple[float, float, float, float] | None = None

    def holds(self, point: Point) -> bool:
        """Tell whether a point lies on it: within an odd number of its outlines, as a letter's hole does not."""
        x, y = point
        if self.cut and not (self.cut[0] <= x <= self.cut[2] and self.cut[1] <= y <= self.cut[3]):
            return False
        return sum(_within(outline, point) for outline in self.outlines) % 2 == 1


def _within(outline: tuple[Point, ...], point: Point) -> bool:
    across, down = [x for x, _ in outline], [y for _, y in outline]
    is_near = len(outline) > 2 and min(across) <= point[0] <= max(across) and min(down) <= point[1] <= max(down)
    return is_near and bool(Outline(outline).contains_point(point))


def paper_at(point: Point, areas: Sequence[Area]) -> Colour:
    """The colour of what was painted at a point, the last uppermost; white where there is nothing."""
    colour: Colour = WHITE
    for area in areas:
        if area.holds(point):
            colour = mixed(area.colour, colour, area.part)
    return colour
