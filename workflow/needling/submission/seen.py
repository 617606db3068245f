"""What is known of one exported figure, whatever its format."""

from dataclasses import dataclass, field

from needling.submission.colours import Colour

MM = 25.4


@dataclass
class Seen:
    """What one file holds; None where its format does not tell. Lengths in mm, type and lines in points."""

    width: float
    height: float
    dpi: float | None = None
    alpha: bool | None = None
    colours: str | None = None
    compression: str | None = None
    fonts: list[str] = field(default_factory=list)
    loose_fonts: list[str] = field(default_factory=list)
    type3: bool | None = None
    type: float | None = None
    line: float | None = None
    inks: set[tuple[Colour, Colour]] = field(default_factory=set)  # of text, each with what is below it
