"""The instrument registry: `registry.yaml`, typed and checked."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from needling.study.extensions import EXTENSIONS
from needling.study.keys import StudyError
from needling.study.scoring import Range, Scoring
from needling.study.sources import Instrument

# What of an entry may be known to the field without having been read in a publication.
Part = Literal["range", "ranges of items", "reversed items", "scoring", "missing items", "direction"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Sourced(_Part):
    source: str | None = Field(None, description="Publication: authors, journal, year.")
    unverified: bool = Field(False, description="True where no publication was read for it.")

    @model_validator(mode="after")
    def _told(self) -> "_Sourced":
        if (self.source is None) != self.unverified or "unverified" in (self.source or ""):
            raise ValueError("either a source is named, or unverified: true")
        return self


class PublishedThreshold(_Sourced):
    """A within-person threshold with the scale it was published on."""

    value: float = Field(gt=0)
    scale: str
    kind: Literal["MCID", "MDC", "SCB"]
    percent: bool = Field(False, description="True for a percentage of the baseline value, False for points.")
    population: str | None = None
    horizon: str | None = None


class Bands(_Sourced):
    """Bands of severity of a score."""

    limits: list[float] = Field(min_length=1, description="Upper limits of the bands but the last.")

    @model_validator(mode="after")
    def _rising(self) -> "Bands":
        if self.limits != sorted(set(self.limits)):
            raise ValueError("the limits of the bands must rise")
        return self


class Entry(_Part):
    """One instrument of the registry."""

    label: str
    version: str
    role: Literal["outcome", "process", "harm", "anchor", "eligibility", "moderator"]
    unit: str
    units: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    range: Range
    usual: Range | None = None
    better: Literal["lower", "higher", "none"]
    scoring: Scoring | None = Field(None, description="From items to the score; none where it is scored elsewhere.")
    recall: str
    whole: bool = Field(False, description="True where only whole numbers are possible.")
    bands: Bands | None = None
    source: str | None = Field(description="Publication: authors, journal, year; none where nothing was read.")
    unverified: list[Part] = Field(
        default_factory=list, description="What was not read in a publication; shown wherever the instrument is used."
    )
    thresholds: list[PublishedThreshold] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> "Entry":
        if self.range[0] >= self.range[1]:
            raise ValueError("the lowest score must be below the highest")
        if (self.source is None and not self.unverified) or "unverified" in (self.source or ""):
            raise ValueError("an entry without a source says under unverified what was not read")
        if self.bands and not self.range[0] <= self.bands.limits[0] <= self.bands.limits[-1] < self.range[1]:
            raise ValueError("the bands must lie within the range")
        return self


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's takes a tenth of the time, where it is


@cache
def registry(extensions: Path = EXTENSIONS) -> dict[str, Entry]:
    """Read the instruments that the pipeline knows, by name: its own, then every instrument_<name>.yaml of a study.

    Parameters
    ----------
    extensions : folder with a study's own instruments.

    Returns
    -------
    Name -> entry, in the order of the file.

    Raises
    ------
    pydantic.ValidationError : an entry of the shipped file breaks the schema (a mistake of the package).
    StudyError : a study's own entry breaks it, or has a name that exists.
    """
    text = resources.files(__package__).joinpath("registry.yaml").read_text(encoding="utf-8")
    known = {name: Entry.model_validate(entry) for name, entry in yaml.load(text, Loader=LOADER).items()}
    for path in sorted(extensions.glob("instrument_*.yaml")):
        name = path.stem.removeprefix("instrument_")
        if name in known:
            raise StudyError(f"workflow/extensions/{path.name}: the name '{name}' is taken; rename the file.")
        try:
            known[name] = Entry.model_validate(yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER))
        except (ValidationError, yaml.YAMLError) as error:
            first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "not valid YAML"}
            place = ".".join(str(part) for part in first["loc"])
            raise StudyError(
                f"workflow/extensions/{path.name}: {place + ': ' if place else ''}{first['msg']}."
            ) from None
    return known


def entries(instruments: Mapping[str, Instrument]) -> dict[str, dict[str, Any]]:
    """Look up what the registry says of a study's outcomes, as plain data.

    Parameters
    ----------
    instruments : sections of the study file by name of the outcome.

    Returns
    -------
    Name -> its entry; an outcome that only the study file describes has none.
    """
    keys = {name: settings.registry or name for name, settings in instruments.items()}
    return {name: registry()[key].model_dump(mode="json") for name, key in keys.items() if key in registry()}


def raw_scales() -> dict[str, tuple[str, float] | None]:
    """Say of every instrument in which unit its totals are smaller numbers, and the highest of them there.

    Returns
    -------
    Name -> (unit, highest total), e.g. ndi -> ("0-50 points", 50); none where there is no such unit, or where the instrument is
    measured (in N, kPa, cm), so that its level tells nothing.
    """
    return {name: _raw_scale(entry) for name, entry in registry().items()}


def _raw_scale(entry: Entry) -> tuple[str, float] | None:
    smaller = {unit: entry.range[1] / factor for unit, factor in entry.units.items() if factor > 1}
    rated = entry.unit in {"%", "mm"} or entry.unit.endswith("points")
    if not smaller or not rated:
        return None
    return next(iter(smaller.items()))
