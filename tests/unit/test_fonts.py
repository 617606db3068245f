"""The typeface in the package is the one that its own recipe makes, and its figures all have one width."""

import pytest
from fontTools.ttLib import TTFont

from needling.figures.fonts import FONTS, WEIGHTS, font_files, make_fonts


def test_the_files_are_those_that_the_recipe_makes(tmp_path):
    make_fonts(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in FONTS.iterdir())
    for path in sorted(tmp_path.glob("*.ttf")):
        assert path.read_bytes() == (FONTS / path.name).read_bytes(), path.name


@pytest.mark.parametrize("style", WEIGHTS)
def test_figures_have_one_width_and_signs_are_there(style):
    font = TTFont(font_files()[style])
    names = font.getBestCmap()
    assert len({font["hmtx"][names[ord(digit)]][0] for digit in "0123456789"}) == 1
    assert all(ord(sign) in names for sign in "−–≥≤≈×±→←‡äéøßłćŞαβσμД€½²")


def test_the_page_has_the_same_letters_as_the_figures():
    for style in WEIGHTS:
        page, drawn = (TTFont(font_files(ending)[style]).getBestCmap() for ending in ("woff2", "ttf"))
        assert page == drawn
