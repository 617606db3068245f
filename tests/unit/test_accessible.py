"""The page for everybody: axe-core finds nothing at three widths, light and dark, and no width scrolls sideways."""

import pytest
from made_results import plan, shown

from accessible import VISITS, needs_axe, told
from needling.figures.draw import write_figures
from needling.report.build import build_report

pytestmark = needs_axe


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The report of a made study."""
    folder = tmp_path_factory.mktemp("report")
    released, labels = shown(plan, 60)
    words = write_figures(released, labels, folder / "figures")
    return build_report(labels, released, words, folder / "figures", folder, ["numpy 2.0.0"])[0].read_text("utf-8")


@pytest.mark.parametrize(("width", "scheme"), VISITS)
def test_axe_finds_nothing_and_the_page_does_not_scroll_sideways(page, width, scheme, tmp_path):
    assert told(page, width, scheme, tmp_path) == {"sideways": 0, "violations": []}


def test_a_picture_without_words_and_a_page_too_wide_are_found(page, tmp_path):
    broken = page.replace("</main>", '<p style="width:900px"><img src="data:,"></p></main>', 1)
    assert broken != page
    found = told(broken, 390, "light", tmp_path)
    assert found["sideways"] > 200
    assert [one for one, _ in found["violations"]] == ["image-alt"]
