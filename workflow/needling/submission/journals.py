"""What journals ask of figures: sizes, type, lines, resolution and formats, each with its source."""

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from needling.figures.style import REPORT, Profile
from needling.study.keys import StudyError

FILE = Path(__file__).with_name("journals.yaml")
FORMATS = ("pdf", "svg", "png", "tif")


class Journal(BaseModel):
    """The rules of one journal: widths and height in mm, type and lines in points, resolution in dots per inch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str
    source: str
    read: object
    stated: list[str]
    widths: dict[str, float]
    least_width: float | None = None
    most_width: float | None = None
    height: float
    type: float
    line: float
    dpi: tuple[int, int]
    formats: tuple[str, ...] = FORMATS
    colours: tuple[str, ...] = ()  # of pictures; none where any will do
    megabytes: float | None = None
    remark: str

    def profile(self, width: str) -> Profile:
        """How a figure is drawn for one of the widths: the house's type, or larger where the journal's smallest is."""
        scale = max(1.0, self.type / REPORT.small)
        sizes = {name: round(scale * getattr(REPORT, name), 2) for name in ("type", "small", "head")}
        return Profile(self.widths[width], **sizes, dpi=self.raster, outlined=True)

    @property
    def raster(self) -> int:
        """Resolution in which pictures are made: 600, or what the journal takes that is next to it."""
        return min(max(600, self.dpi[0]), self.dpi[1]) if "slide" not in self.widths else self.dpi[0]


@cache
def journals() -> dict[str, Journal]:
    """All profiles by their code, in the order of the file."""
    given = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {code: Journal(**rules) for code, rules in given.items()}


def journal(code: str) -> Journal:
    """One profile.

    Raises
    ------
    StudyError : there is no profile of that name.

    Example
    -------
    >>> journal("plos").widths["double"]
    190.0
    """
    if code not in journals():
        raise StudyError(f"--journal: there is no profile '{code}'; known are: {', '.join(journals())}.")
    return journals()[code]
