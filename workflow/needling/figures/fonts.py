"""The one typeface of figures, page, PDF and document: Fira Sans whose plain figures all have one width.

The files beside this module are made from the package fontpkg-fira-sans by ``python -m needling.figures.fonts``; a test
makes them again and compares. Nothing else is needed to draw: no font of the machine, no switch in any format.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont

FONTS = Path(__file__).parent / "fonts"
FAMILY = "Fira Sans Tabular"
WEIGHTS = {"Regular": 400, "Italic": 400, "Medium": 500, "SemiBold": 600}
# Latin, Greek, Cyrillic, punctuation, superscripts, the euro, arrows and signs of mathematics.
KEPT = [
    *range(0x20, 0x250), *range(0x370, 0x400), *range(0x400, 0x460), *range(0x1E00, 0x1F00), *range(0x2010, 0x2040),
    *range(0x2070, 0x20A0), 0x20AC, 0x2122, *range(0x2190, 0x2194), 0x2202, 0x2206, 0x2211, 0x2212, 0x2215, 0x221A, 0x221E,
    0x2248, 0x2260, 0x2264, 0x2265,
]  # fmt: skip
FEATURES = ["kern", "mark", "mkmk", "ccmp", "locl", "frac", "sups", "subs"]
NAMES = (1, 3, 4, 6, 16)  # records that name the family: renamed, so that an installed Fira Sans never takes its place


def font_files(ending: str = "ttf") -> dict[str, Path]:
    """Style -> file of the typeface, as ttf or woff2."""
    return {style: FONTS / f"FiraSansTabular-{style}.{ending}" for style in WEIGHTS}


def make_fonts(folder: Path) -> None:
    """Make the files of the typeface from the package: tabular figures in the plain places, a subset, another name.

    Parameters
    ----------
    folder : where the files go; each style as TTF and as WOFF2.

    Raises
    ------
    ModuleNotFoundError : fontpkg-fira-sans or brotli is not installed; both are among the packages for tests.
    """
    from importlib.metadata import files

    from fontTools import subset
    from fontTools.ttLib import TTFont

    sources = {Path(file).name: file.locate() for file in files("fontpkg-fira-sans") or ()}
    folder.mkdir(parents=True, exist_ok=True)
    for style in WEIGHTS:
        font = TTFont(sources[f"FiraSans-{style}.ttf"], recalcTimestamp=False)
        _set_tabular(font)
        for record in font["name"].names:
            if record.nameID in NAMES:
                words = record.toUnicode().replace("FiraSans", "FiraSansTabular").replace("Fira Sans", FAMILY)
                font["name"].setName(words, record.nameID, record.platformID, record.platEncID, record.langID)
        options = subset.Options(
            layout_features=FEATURES, name_IDs=["*"], hinting=False, notdef_outline=True, recalc_timestamp=False
        )
        tool = subset.Subsetter(options)
        tool.populate(unicodes=KEPT)
        tool.subset(font)
        font.save(folder / f"FiraSansTabular-{style}.ttf")
        font.flavor = "woff2"
        font.save(folder / f"FiraSansTabular-{style}.woff2")
    (folder / "OFL.txt").write_bytes(Path(str(sources["LICENSE"])).read_bytes())


def _set_tabular(font: "TTFont") -> None:
    """Put the figures of equal width where the plain ones are; matplotlib and Word know no such switch."""
    table = font["GSUB"].table
    feature = next(one.Feature for one in table.FeatureList.FeatureRecord if one.FeatureTag == "tnum")
    swapped: dict[str, str] = {}
    for index in feature.LookupListIndex:
        for part in table.LookupList.Lookup[index].SubTable:
            swapped.update(getattr(part, "ExtSubTable", part).mapping)
    for characters in font["cmap"].tables:
        for digit in range(0x30, 0x3A):
            if digit in characters.cmap:
                characters.cmap[digit] = swapped.get(characters.cmap[digit], characters.cmap[digit])


if __name__ == "__main__":
    make_fonts(FONTS)
