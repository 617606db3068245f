"""What every figure keeps to: words that fit, keys, colours, and the same bytes each time."""

import io
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from made_figures import FIGURES, OF_VISITS, drawn, drawn_texts, words_that_do_not_fit
from made_results import (
    cohort_plan,
    long_arms_plan,
    long_plan,
    one_cohort,
    one_visit_plan,
    plan,
    scripts_plan,
    shown,
    single_arm_plan,
    three_arms_plan,
    trial_plan,
)
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from needling.figures.draw import subject, write_figures
from needling.figures.gallery import gallery
from needling.figures.style import (
    KEY_LINE,
    PHONE,
    REPORT,
    Profile,
    Sheet,
    key_height,
    looks,
    save,
    style,
    text_width,
    wrapped,
)
from needling.labels.sentences import set_apart
from needling.report.page import VARIABLES
from needling.tables.withheld import NOT_DRAWN

STUDIES = {
    "three cohorts": plan,
    "one trial": trial_plan,
    "single arm": single_arm_plan,
    "three arms": three_arms_plan,
    "22 per arm, few hidden": one_cohort,
    "one visit": one_visit_plan,
    "long labels": long_plan,
    "other scripts": scripts_plan,
    "long labels, three arms": long_arms_plan,
    "a cohort": cohort_plan,
}


PEOPLE = {"three cohorts": 60, "three arms": 60, "22 per arm, few hidden": 22, "long labels, three arms": 60}
# per arm; of the others 200


NARROW = [("three cohorts", Profile(140)), ("three arms", Profile(85)), *((study, PHONE) for study in STUDIES)]


@pytest.mark.parametrize(("study", "sizes"), [*((study, REPORT) for study in STUDIES), *NARROW])
@pytest.mark.parametrize("name", OF_VISITS)
def test_texts_are_words_inside_the_figure_that_do_not_cover_one_another(name, study, sizes):
    make = STUDIES[study]
    per_arm = PEOPLE.get(study, 200)
    figure, _, caption, alternative = drawn(name, make, per_arm=per_arm, sizes=sizes)
    assert caption
    assert alternative
    texts = drawn_texts(figure)
    for text in texts:
        assert not re.search(r"[a-z0-9]_[a-z0-9]|\d\.\d{5}|nan|None", text.get_text()), text.get_text()
    assert words_that_do_not_fit(figure) == ([], [])
    assert not figure.get_suptitle()
    assert figure.get_figwidth() * 25.4 <= sizes.width + 0.01
    assert min(t.get_fontsize() for t in texts) >= 7


@pytest.mark.parametrize("make", [plan, trial_plan])
@pytest.mark.parametrize("name", OF_VISITS)
def test_words_of_a_key_have_the_colour_of_their_mark_and_one_weight(name, make):
    figure, *_ = drawn(name, make)
    for key in figure.legends:
        for mark, words in zip(key.legend_handles, key.get_texts(), strict=True):
            own = mark.get_edgecolor() if isinstance(mark, Patch) else mark.get_color()
            assert to_hex(words.get_color()) == to_hex(own)
            assert words.get_fontweight() == 500


def test_every_key_is_made_in_one_way():
    for room in FIGURES.values():
        assert ".legend(" not in Path(str(room.__file__)).read_text("utf-8"), room.__name__


@pytest.mark.parametrize("make", [plan, trial_plan])
@pytest.mark.parametrize("name", OF_VISITS)
def test_colours_of_a_figure_are_those_that_a_dark_page_turns(name, make, tmp_path):
    figure, *_ = drawn(name, make)
    path = next(iter(save(figure, tmp_path / name, REPORT, ["svg"])))
    assert set(re.findall(r"#[0-9a-f]{6}\b", path.read_text("utf-8"))) <= {*VARIABLES}


def test_files_are_the_same_bytes_each_time_with_embedded_fonts(tmp_path):
    released, labels = shown(trial_plan, 200)
    words = [write_figures(released, labels, tmp_path / folder) for folder in ("one", "two")]
    assert words[0] == words[1]
    assert set(words[0]) == set(OF_VISITS) - {"sessions", "along"}  # an analysis of visits alone
    for path in sorted(file for file in (tmp_path / "one").rglob("*") if file.is_file()):
        one = path.read_bytes()
        assert one == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()
        assert str(tmp_path).encode() not in one
    pdf = (tmp_path / "one" / "forest.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf


def test_a_file_says_what_it_is_about_and_what_is_seen(tmp_path):
    """To who opens the drawing by itself and cannot see it; in words of a label, marks of the language are words."""
    with style():
        figure = FIGURES["flow"].draw(*_flow_of(trial_plan), REPORT)
    for place in ("one", "two"):
        save(figure, tmp_path / place, endings=["svg"], told=("Flow <A & B>", "2 arms."))
    drawing = (tmp_path / "one.svg").read_text(encoding="utf-8")
    root = ElementTree.fromstring(drawing)
    assert [root[place].tag.partition("}")[2] for place in (0, 1)] == ["title", "desc"]
    assert [root[place].text for place in (0, 1)] == ["Flow <A & B>", "2 arms."]
    assert drawing == (tmp_path / "two.svg").read_text(encoding="utf-8")


def _flow_of(make):
    released, labels = shown(make, 60)
    return FIGURES["flow"].data(released, labels), labels


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("forest", "Effect at 12 months"),
        ("tipping", "Tipping map at 12 months"),
        ("trajectories", "Course of headache severity score and days with headache"),
        ("balance", "Differences between arms at baseline"),
    ],
)
def test_a_title_is_the_subject_without_how_it_is_shown(name, title):
    _, _, caption, _ = drawn(name, trial_plan, None, 200)
    assert subject(FIGURES[name], caption) == title
    assert subject(FIGURES[name], f"Made-up data. {caption}") == f"Made-up data. {title}"


def test_dollars_in_a_label_are_no_mathematics():
    with style():
        figure = Figure()
        text = figure.text(0, 0, r"$x$ of $\frac$")
        figure.savefig(io.BytesIO())  # as mathematics it could not even be read
    assert not text.get_parse_math()


@pytest.mark.parametrize(("room", "lines"), [(80, 1), (24, 2)])
def test_what_stands_behind_a_label_that_is_read_from_the_right_is_right_of_it(room, lines, tmp_path):
    """In one line, and where the label is broken and its second line begins with the rest of it."""
    with style():
        words = wrapped(f"{set_apart('ציפייה מהטיפול החדש')}, 0–10 points", room, 7.5)
        sheet = Sheet(100, 20)
        sheet.write(5, 15, words)
        path = next(iter(save(sheet.figure, tmp_path / "words", REPORT, ["pdf"])))
        assert text_width(set_apart("ציפייה"), 7.5) == text_width("ציפייה", 7.5)
    assert len(words.split("\n")) == lines
    boxes = subprocess.run(["pdftotext", "-bbox", str(path), "-"], capture_output=True, text=True, check=True).stdout
    found = [
        (float(x), float(y), word) for x, y, word in re.findall(r'xMin="([\d.]+)" yMin="([\d.]+)"[^>]*>([^<]+)<', boxes)
    ]
    last = max(y for _, y, word in found if re.search("[א-ת]", word))
    line = [word for _, y, word in sorted(found) if abs(y - last) < 3]
    assert re.search("[א-ת]", line[0])
    assert line.index("0–10") == line.index("points") - 1 > 0


def test_made_up_data_are_labelled_in_every_caption(tmp_path, monkeypatch):
    monkeypatch.setattr("needling.figures.draw.save", lambda *figure, **told: None)  # what counts here are the words
    for make in (plan, single_arm_plan):
        words = write_figures(*shown(make, 60), tmp_path)
        for said in words.values():
            assert {said[key].startswith("Made-up data. ") for key in ("caption", "alternative")} == {make().made_up}


@pytest.mark.parametrize(("name", "least"), [("missingness", 12), ("distributions", 22)])
def test_long_words_take_no_height_from_the_panels_of_a_phone(name, least):
    figure, *_ = drawn(name, long_plan, sizes=PHONE)
    drawn_texts(figure)
    assert figure.axes[0].get_window_extent().height / figure.dpi * 25.4 > least
    assert "Four weeks after\nrandomisation" in [t.get_text() for t in figure.axes[0].get_xticklabels()]


def test_what_is_hidden_is_said_of_the_figure_that_lacks_it_and_of_no_other():
    """Under cells 22 per arm have no quantiles of residuals and no difference in sex; none of what is drawn bears a mark."""
    figure, _, caption, _ = drawn("diagnostics", one_cohort, per_arm=22)
    left, right = figure.axes
    assert [t.get_text() for t in left.texts if "Not shown" in t.get_text()] == ["Not shown:\nfew people"]
    assert not left.get_lines()
    assert right.get_lines()
    assert NOT_DRAWN in caption
    _, _, caption, _ = drawn("balance", one_cohort, per_arm=22)
    assert NOT_DRAWN in caption
    assert "‡" not in caption

    def shown_all(released):
        released["baseline"]["standardised_difference"] = released["baseline"]["standardised_difference"].where(
            released["baseline"]["arm"].ne("dry_needling"), 0.1
        )
        for name in ("residual_quantiles", "residual_bins"):
            released[name]["hidden"] = ""

    assert NOT_DRAWN not in drawn("balance", one_cohort, shown_all, per_arm=22)[2]
    assert NOT_DRAWN not in drawn("diagnostics", one_cohort, shown_all, per_arm=22)[2]


@pytest.mark.parametrize(("width", "lines"), [(200, 1), (60, 3)])
def test_a_key_goes_on_in_a_new_line_where_there_is_no_room(width, lines):
    entries = {
        f"{name} with supervised exercise": look for name, look in looks(["Usual care", "Sham", "Needling"]).items()
    }
    with style(REPORT):
        sheet = Sheet(width, 30)
        sheet.key(5, entries)
        assert key_height(entries, 5, width) == pytest.approx(lines * KEY_LINE)
    words = [text for text in sheet.figure.texts if text.get_text() in entries]
    assert len({round(text.get_position()[1], 6) for text in words}) == lines
    assert [text.get_color() for text in words] == [look.colour for look in entries.values()]
    with style(REPORT):
        broken = Sheet(40, 60)
        broken.key(5, entries)
        assert all(text_width(text.get_text(), REPORT.type, 500) <= 40 - 5 for text in broken.figure.texts)
        assert key_height(entries, 5, 40) > 3 * KEY_LINE
    samples = [one.get_marker() for one in sheet.figure.findobj(Line2D) if one.get_marker() != "None"]
    assert samples == [look.marker for look in entries.values()]


def test_the_gallery_is_current():
    """Else: python -m needling.figures.gallery > ../docs/gallery.md, in the folder workflow."""
    page = Path(__file__).parents[2] / "docs" / "gallery.md"
    assert page.read_text(encoding="utf-8") == gallery(Path("none"))
    assert page.read_text(encoding="utf-8").count("figures/forest.svg") == 1


def test_a_word_too_long_is_broken_behind_its_hyphen_and_else_anywhere():
    room = text_width("Second-na", 7)
    assert wrapped("Second-named arm", room, 7).split("\n") == ["Second-", "named", "arm"]
    assert wrapped("Secondnamed", room, 7).split("\n")[0].startswith("Secondn")
    broken = wrapped("Secondnamed", room, 7).split("\n")
    assert "".join(line.removesuffix("-") for line in broken) == "Secondnamed"
    assert all(line.endswith("-") for line in broken[:-1])
    assert all(text_width(line, 7) <= room for line in broken)
    assert "".join(wrapped("0.0000000001", room / 2, 7).split("\n")) == "0.0000000001"  # a number has no hyphen
    assert wrapped("Second-named arm", 200, 7) == "Second-named arm"
