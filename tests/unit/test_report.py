"""The report as page, PDF and document: the same bytes each time, every number looked up, any label as it is."""

import base64
import html
import itertools
import re
import subprocess
import zipfile
from urllib.parse import unquote_to_bytes

import numpy as np
import pandas as pd
import pytest
from made_reports import FIGURES, SAID, WORDS, plain, text_from
from made_results import (
    TRIAL,
    plan,
    shown,
    single_arm_plan,
    trial_plan,
    unreleased,
    worded_plan,
)
from matplotlib.figure import Figure
from PIL import Image
from printed_numbers import disagreements
from pypdf import PdfReader

from needling.figures.draw import figures, write_figure, write_figures
from needling.figures.style import save
from needling.labels.words import Labels
from needling.release.line import release
from needling.report.build import READER, TEMPLATES, build_report
from needling.report.page import VARIABLES, finished
from needling.report.shown import numbers_of_figure
from page_words import faults


def made_up_trial():
    return trial_plan().model_copy(update={"made_up": True})


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """One study built twice in different places."""
    folder = tmp_path_factory.mktemp("report")
    released, labels = shown(made_up_trial, 200)
    picture = Figure(figsize=(4, 1))
    picture.text(0.1, 0.5, "A picture")
    for name in FIGURES:
        save(picture, folder / "figures" / name)
    paths = {}
    for place in ("here", "there"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", "Asia/Tokyo" if place == "there" else "UTC")
            patch.chdir(folder if place == "there" else "/")
            paths[place] = build_report(labels, released, WORDS, folder / "figures", folder / place, SAID)
    return folder, paths


def test_three_formats_are_the_same_bytes_wherever_they_are_built(built):
    folder, paths = built
    assert [path.name for path in paths["here"]] == ["report.html", "report.pdf", "report.docx"]
    for one, other in zip(*paths.values(), strict=True):
        data = one.read_bytes()
        assert data == other.read_bytes()
        assert str(folder).encode() not in data
        assert b"/tmp/" not in data


def test_page_stands_alone_and_names_every_picture(built):
    page = built[1]["here"][0].read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)
    assert "<img" not in page
    pictures = re.findall(r'<svg role="img" aria-labelledby="(\w+)-title \1-told".*?</svg>', page, re.DOTALL)
    assert sorted(pictures) == sorted(FIGURES)
    numbers = re.findall(r'<figure id="figure-(\w+)">.*?<strong><a [^>]*>(Figure \d+\.)</a>', page, re.DOTALL)
    assert sorted(pictures) == sorted(name for name, _ in numbers)
    for name, number in numbers:
        assert (
            f'<title id="{name}-title">{number}</title>' in page
        )  # the subject is that of the file, and these tell none
        assert re.search(rf'<desc id="{name}-told">[^<]{{20,}}</desc>', page)
    identities = re.findall(r'\bid="([^"]+)"', page)
    assert len(identities) == len(set(identities))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(identities)
    assert 'class="flag"' in page


@pytest.fixture(scope="module")
def page_of_forest(tmp_path_factory):
    """A page of one drawing."""
    folder = tmp_path_factory.mktemp("forest")
    write_figure(figures()["forest"], *shown(made_up_trial, 200), folder / "forest")
    return finished('<head></head><img src="figures/forest.svg" alt="Forest plot." />', folder, Labels(plan()))


def test_drawings_of_the_page_are_words_in_the_colours_of_the_scheme(page_of_forest):
    page = page_of_forest
    assert ">Dry needling better</text>" in page
    assert "font-family" not in page  # the page's own typeface, which is that of the figures
    assert "var(--ink)" in page
    assert "var(--arm2)" in page
    assert not re.search("|".join(VARIABLES), page, re.IGNORECASE)


def test_a_drawing_is_titled_by_its_subject_and_described_once(page_of_forest):
    told = re.findall(r"<(title|desc) id=.*?>(.*?)</", page_of_forest)
    subject = "Made-up data. Effect at 12 months"
    assert told == [("title", subject), ("desc", "Forest plot.")] * 2  # as wide as the page, and as a phone


def test_each_look_of_the_drawings_is_written_once_and_means_what_it_meant(page_of_forest):
    head, drawing = page_of_forest.split("</head>")
    looks = dict(re.findall(r"\.(d\d+)\{([^}]*)\}", head))
    assert "style=" not in drawing
    assert set(re.findall(r'class="(d\d+)"', drawing)) == set(looks)
    assert len(set(looks.values())) == len(looks)
    word = re.search(r'<text class="(d\d+)"[^>]*>Dry needling better</text>', drawing)
    assert "var(--arm2)" in looks[word[1]]


@pytest.mark.parametrize(("width", "share"), [(180, ""), (120, "--share: 66%")])
def test_a_figure_of_less_than_the_page_is_drawn_to_the_scale_of_the_others(width, share, tmp_path):
    """Stretched to the whole width its words would be half as large again."""
    figure = Figure(figsize=(width / 25.4, 2))
    figure.savefig(tmp_path / "one.svg")
    page = finished('<head></head><img src="figures/one.svg" alt="One." />', tmp_path, Labels(plan()))
    assert (share in page) if share else ("--share" not in page)


def test_numbers_of_a_figure_are_told_in_words_and_not_in_codes(built):
    """Codes of the study file, columns for programs and JSON stay in the file."""
    one, columns = (
        Labels(plan()),
        ["cohort", "arm", "visit", "stage", "reason", "n", "why", "shown", "method", "term", "level"],
    )
    cohort = next(iter(one.plan.cohorts))
    rows = [
        [cohort, "usual_care", "week_4", "allocated", "", "12", "", "12", "mmrm_reml", '["baseline"]', "0.95"],
        [
            cohort,
            "dry_needling",
            "",
            "left_out",
            "no_baseline",
            "",
            "no baseline",
            "‡",
            "mmrm_reml",
            '[["kind", "bruise"]]',
            "0.95",
        ],
    ]
    heads, lines = numbers_of_figure(pd.DataFrame(rows, columns=columns), one, 30)
    assert heads == ["Cohort", "Arm", "Visit", "Stage", "Reason", "n", "What"]
    label = one.cohort(cohort)
    assert lines[0] == [label, "Usual care", "Week 4", "Allocated", "", "12", "Baseline value"]
    assert lines[1] == [label, "Dry needling", "", "Left out", "no baseline", "‡", "Kind: bruise"]
    assert len(numbers_of_figure(pd.DataFrame(rows, columns=columns), one, 1)[1]) == 1
    heads, lines = numbers_of_figure(pd.DataFrame(rows, columns=columns), Labels(single_arm_plan()), 30)
    assert (heads[1], lines[0][3]) == ("Group", "In the cohort")
    levels = pd.DataFrame({"variable": ["age", "sex"], "level": ["", "female"], "low": ["-0.123456", "2"]})
    assert numbers_of_figure(levels, one, 30) == (
        ["Characteristic", "Level", "Lower limit"], [["Age", "", "−0.1235"], ["Sex", "female", "2"]]
    )  # fmt: skip


def test_nothing_of_the_marks_of_the_text_is_printed(built):
    page = built[1]["here"][0].read_text(encoding="utf-8")
    assert ":::" not in re.sub(r"<(style|script)\b.*?</\1>|base64,[^\"]*", "", page, flags=re.DOTALL)


def test_every_table_stands_in_a_named_region_that_the_keyboard_reaches(built):
    page = built[1]["here"][0].read_text(encoding="utf-8")
    regions = re.findall(r'<div class="scroll" role="region" tabindex="0" aria-label="([^"]+)">\s*<table\b', page)
    assert len(regions) == page.count("<table") > 3
    assert [words for words in regions if not words.startswith(("Table", "Numbers of figure"))] == []
    assert len(re.findall(r'<th scope="(?:col|row|colgroup)"', page)) == len(re.findall(r"<th\b(?!ead)", page))


def region_of(heads, *rows, folder):
    """A table as pandoc writes it, as it stands in the finished page."""
    head = "".join(f"<th>{one}</th>" for one in heads)
    body = "".join(f"<tr><th>{first}</th>{''.join(f'<td>{one}</td>' for one in rest)}</tr>" for first, *rest in rows)
    table = f"<table><caption><strong>Table 1.</strong></caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return finished(f'<head></head><div id="table-one" class="table-of">\n{table}\n</div>', folder, Labels(plan()))


def test_rows_that_are_too_long_for_a_line_of_a_phone_are_blocks_and_short_ones_are_none(tmp_path):
    interval, unit = "−1.00 (−1.46 to −0.55)", "−12.5 points (−21.6 to −3.5)"
    heads = ["Analysis", "Effect (95% CI)", "P", "n"]
    short = region_of(["Characteristic", "Usual care", "n"], ["Age, years", "46.1 (10.6)", "79"], folder=tmp_path)
    assert 'class="plain"' in short
    assert "data-label" not in short
    long = region_of(heads, ["Last value carried forward, t test", interval, "&lt;.001", "154"], folder=tmp_path)
    assert 'class="stack"' in long
    assert '<td data-label="Effect (95% CI)">' in long
    assert "data-wide" not in long
    wide = region_of(heads, ["Strain", unit, ".057", "48"], ["Joint", "−", "−", "−"], folder=tmp_path)
    assert (
        wide.count('<td data-label="Effect (95% CI)" data-wide>') == 2
    )  # in every row, so that labels stand below each other
    told = "Not significant, whatever they had on the scale."
    assert 'class="plain"' in region_of(["Arm", "Conclusion"], ["Dry needling", told], folder=tmp_path)


def test_every_table_of_the_page_is_a_file_in_it(built):
    folder, paths = built
    page = paths["here"][0].read_text(encoding="utf-8")
    files = dict(re.findall(r'download="(\w+)\.csv" href="([^"]+)"', page))
    for name in re.findall(r'<div class="table" id="table-(\w+)"', page):
        assert downloaded(files[name]) == (folder / "here" / "tables" / f"{name}.csv").read_bytes()
    assert "beside this page" not in page


def downloaded(address):
    """What a browser saves of an address that holds its data."""
    head, data = address.split(",", 1)
    assert head in ("data:text/csv;charset=utf-8", "data:text/csv;base64")
    assert re.fullmatch(r"[A-Za-z0-9%+/=_.~!*'();:@,?$-]*", data)
    return base64.b64decode(data) if head.endswith("base64") else unquote_to_bytes(data)


def test_a_page_keeps_exact_numbers_as_long_as_it_has_room_and_names_the_longest(tmp_path, monkeypatch):
    """The smallest first, each as text or in base64, whichever is shorter; never more than the page may hold."""
    tables = {"short": "a,b\n1,2\n", "middle": "name,é\n" + "x,1.25\n" * 40, "long": '[[""a"", ""b""]]\n' * 60}
    for name, text in tables.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    head = "<table><caption><strong>Table 1.</strong></caption><thead><tr><th>A</th></tr></thead></table>"
    page = "<head></head>" + "".join(f'<div id="table-{name}" class="table-of">\n{head}\n</div>' for name in tables)
    whole = finished(page, tmp_path, Labels(plan()), tmp_path)
    files = dict(re.findall(r'download="(\w+)\.csv" href="([^"]+)"', whole))
    assert {name: downloaded(address).decode() for name, address in files.items()} == tables
    assert ["base64" in files[name] for name in tables] == [True, False, True]
    for less, named in ((1, ["long"]), (1100, ["long"]), (len(whole), list(tables))):
        monkeypatch.setattr("needling.report.page.LARGEST_PAGE", len(whole.encode()) - less)
        fewer = finished(page, tmp_path, Labels(plan()), tmp_path)
        assert re.findall(r"/(\w+)\.csv, beside this page", fewer) == named
        assert less == len(whole) or len(fewer.encode()) <= len(whole.encode()) - less


def printed_results(page):
    """Row, columns and words of everything on the page that prints a result, and whether it stands in a table."""
    tables = [(found.start(), found.end()) for found in re.finditer(r"<table\b.*?</table>", page, re.DOTALL)]
    for found in re.finditer(r'<span [^>]*?data-row="([\w ]+)" data-column="([\w ]+)">(.*?)</span>', page, re.DOTALL):
        inside = any(start < found.start() < end for start, end in tables)
        yield found[1], found[2], html.unescape(re.sub(r"<[^>]+>", "", found[3])), inside


def test_every_printed_result_of_the_page_is_the_number_of_its_row(built):
    """Each names its row and columns; what is printed is the row's number. Sentences print sizes, and say the sign in words."""
    page = built[1]["here"][0].read_text(encoding="utf-8")
    results = shown(made_up_trial, 200)[0]["results"].set_index("row_id", drop=False)
    told = list(printed_results(page))
    assert len(told) > 60
    wrong = [
        (text, columns, found)
        for row_ids, columns, text, signed in told
        if (found := disagreements(text, results.loc[row_ids.split()], columns, signed))
    ]
    assert wrong == []
    primary = results[
        results["role"].eq("primary") & results["reference"].ne("") & results["quantity"].eq("difference")
    ]
    assert set(primary.index) <= {row_id for row_ids, *_ in told for row_id in row_ids.split()}
    assert all(f'title="row {row_id}: ' in page for row_id in primary.index)


def test_sixty_results_at_random_stand_in_the_pdf_and_the_document(built):
    page, pdf, document = (path for path in built[1]["here"])
    told = [
        text for _, _, text, inside in printed_results(page.read_text(encoding="utf-8")) if len(text) > 3 and inside
    ]
    chosen = np.random.default_rng(60).choice(told, 60)
    with zipfile.ZipFile(document) as archive:
        words = re.sub(r"<[^>]+>", "", re.sub(r"</w:p>", " ", archive.read("word/document.xml").decode()))
    for where in (squeezed(pdf_text(pdf)), squeezed(html.unescape(words))):
        assert [text for text in chosen if squeezed(text) not in where] == []


def test_the_contents_of_the_pdf_name_the_page_of_each_heading(built, odd):
    for path in (built[1]["here"][1], odd / "report.pdf"):
        pages = pdf_text(path).split("\f")[:-1]
        contents = re.findall(r"^(\w[^.\n]*?) (?:\. )+\W*(\d+)$", "\n".join(pages[:3]), re.MULTILINE)
        assert {"Who took part", "Methods", "Files and provenance"} <= {heading for heading, _ in contents}
        for heading, page in contents[1:]:
            assert re.search(rf"^\s*{re.escape(heading)}\s*$", pages[int(page) - 1], re.MULTILINE), heading


def parts(part):
    """Every structure element of a tagged PDF."""
    yield part
    kids = part.get("/K", [])
    for kid in (one.get_object() for one in listed_of(kids)):
        if isinstance(kid, dict) and "/S" in kid:
            yield from parts(kid)


def test_figures_of_the_pdf_stand_in_their_order_below_the_headings_of_their_sections(built):
    """What floats to a place above its heading reads as part of the section before."""
    lines = [line.strip() for line in pdf_text(built[1]["here"][1]).splitlines()]
    numbers = [int(found[1]) for line in lines if (found := re.match(r"Figure (\d+)\.", line))]
    assert numbers == list(range(1, len(numbers) + 1))
    for heading, caption in {"Who took part": "Figure 2.", "Missing data": WORDS["missingness"]["caption"]}.items():
        figure = next(i for i, line in enumerate(lines) if line.startswith("Figure ") and caption in line)
        assert heading in lines[:figure], heading


def test_no_page_of_the_pdf_is_left_half_empty(odd, tmp_path):
    """But the last: what does not fit changes places with what does; measured from the last ink above the foot."""
    subprocess.run(["pdftoppm", "-r", "25.4", "-gray", str(odd / "report.pdf"), str(tmp_path / "page")], check=True)
    pages = [np.asarray(Image.open(path))[:279] for path in sorted(tmp_path.iterdir())]  # a pixel is a millimetre
    empty = [1 - (np.flatnonzero((page < 250).any(axis=1)).max() - 16) / 264 for page in pages]
    assert len(pages) > 8
    assert max(empty[:-1]) < 0.34, [round(share, 2) for share in empty]


def test_every_page_of_the_pdf_says_which_it_is(built):
    """The number at its foot, by which contents and references are found, is its place; a layout that never rests numbers all 1."""
    pages = PdfReader(built[1]["here"][1]).pages
    told = [re.findall(r"(\d+) of (\d+)\s*$", page.extract_text())[-1] for page in pages]
    assert told == [(str(number), str(len(pages))) for number in range(1, len(pages) + 1)]


def test_pdf_is_tagged_for_assistive_technology(built):
    """Tagged, with bookmarks; in the body of a table the first cell of each row is its head, and is said to be the row's."""
    pdf = PdfReader(built[1]["here"][1])
    assert pdf.pdf_header == "%PDF-1.7"
    assert pdf.root_object["/MarkInfo"]["/Marked"]
    assert b"pdfuaid" in pdf.root_object["/Metadata"].get_data()
    assert pdf.page_mode == "/UseOutlines"
    assert {"Primary result", "Methods", "Files and provenance"} <= {
        one.title for one in pdf.outline if hasattr(one, "title")
    }
    found = list(parts(pdf.root_object["/StructTreeRoot"]["/K"][0].get_object()))
    bodies = [body for body in found if body["/S"] == "/TBody"]
    rows = [[cell.get_object() for cell in row["/K"]] for body in bodies for row in parts(body) if row["/S"] == "/TR"]
    rows = [row for row in rows if len(row) > 1]  # one cell is the heading of a group
    assert len(rows) > 60
    for first, *others in rows:
        assert first["/S"] == "/TH"
        assert [one.get_object()["/Scope"] for one in listed_of(first["/A"]) if "/Scope" in one.get_object()] == [
            "/Row"
        ]
        assert {cell["/S"] for cell in others} == {"/TD"}
        assert not any("/Scope" in one.get_object() for cell in others for one in listed_of(cell["/A"]))
    formulas = [one for one in found if one["/S"] == "/Formula"]
    assert formulas
    assert all("is the sum of" in one["/Alt"] for one in formulas)


def test_notes_stand_after_their_table_on_the_page_of_its_last_row(built):
    """Also where a table fills its page to the end: its last rows go with the notes; and no notes are read out as a row."""
    pdf = PdfReader(built[1]["here"][1])
    found = list(parts(pdf.root_object["/StructTreeRoot"]["/K"][0].get_object()))
    alone = [body for body in found if body["/S"] == "/TBody" and len(cells_of(last_of(body))) == 1]
    assert {cells_of(last_of(body))[0]["/S"] for body in alone} <= {"/TH"}, "the heading of a group"
    noted = 0
    for parent in found:
        kids = [kid for kid in kids_of(parent) if "/S" in kid]
        for table, below in itertools.pairwise(kids):
            if table["/S"] == "/Table" and below["/S"] == "/Div":
                assert page_of(last_of(last_of(table))) == page_of(below)
                assert below["/P"].get_object() == parent
                noted += 1
    text = " ".join(page.extract_text() for page in pdf.pages)
    assert noted > 10
    assert noted <= len(re.findall(r"Table S?\d+\. ", text))


def kids_of(part):
    return [kid.get_object() for kid in listed_of(part.get("/K", [])) if hasattr(kid.get_object(), "get")]


def last_of(part):
    return kids_of(part)[-1]


def cells_of(row):
    return [cell for cell in kids_of(row) if cell.get("/S") in ("/TH", "/TD")]


def page_of(part):
    """The page of the first marks of a structure element."""
    if "/Pg" in part:
        return part["/Pg"].indirect_reference.idnum
    return next((page for kid in kids_of(part) if (page := page_of(kid))), None)


def listed_of(attributes):
    return attributes if isinstance(attributes, list) else [attributes]


def test_models_are_formulas_with_words_on_the_page_and_in_the_document(built):
    page = built[1]["here"][0].read_text(encoding="utf-8")
    formulas = re.findall(r'<div class="formula" role="img" tabindex="0" aria-label="([^"]+)">\s*<math\b', page)
    assert formulas
    assert {re.match(r"The [a-z ]+? of a patient", words)[0] for words in formulas} == {
        "The outcome of a patient", "The missing values of a patient",
    }  # fmt: skip
    assert page.count("In the formulas Y is the outcome") == 1
    with zipfile.ZipFile(built[1]["here"][2]) as archive:
        document = archive.read("word/document.xml").decode()
    lines = re.findall(r"<m:oMathPara>", document)
    assert len(lines) == sum(words.count(". ") + 1 for words in formulas)  # each sentence says one line
    assert "<m:eqArr>" not in document  # in which the mark of alignment is printed as a question mark by LibreOffice
    assert not re.search(r"<m:t>[()]</m:t>", document)  # nor a bracket alone, such as the argument of a sum
    assert "\\left" not in document
    said = html.unescape(" ".join(re.findall(r"<w:t[^>]*>([^<]*)</w:t>", document)))
    assert [words for words in formulas if f"In words: {html.unescape(words)}" not in said] == []


def test_words_of_a_formula_are_written_as_html_writes_them(tmp_path):
    """Signs of a label that mean something to HTML come through to who hears the formula."""
    import pypandoc

    text = '::: {.formula alt="more & less < 5"}\n$$Y$$\n:::\n'
    made = pypandoc.convert_text(text, "html", format=READER, extra_args=[f"--lua-filter={TEMPLATES / 'layout.lua'}"])
    assert 'aria-label="more &amp; less &lt; 5"' in made


def test_checklists_say_where_each_item_is_answered(built):
    page = built[1]["here"][0].read_text(encoding="utf-8")
    section = re.search(r'<section id="checklist".*?</section>', page, re.DOTALL)[0]
    assert re.findall(r"<li>\s*<p>(CONSORT 2025|STRICTA 2010|TIDieR): of \d+ items", section) == [
        "CONSORT 2025", "STRICTA 2010", "TIDieR",
    ]  # fmt: skip
    row = re.search(r'<tr[^>]*>\s*<th scope="row"[^>]*>25</th>.*?</tr>', section, re.DOTALL)[0]
    assert 'href="#table-baseline"' in row
    assert "automatic" in row
    words = html.unescape(re.sub("<[^>]+>", " ", section))
    for status in ("authors", "not in the data", "automatic"):
        assert status in words


def test_document_names_made_up_data_and_pictures_on_every_page(built):
    with zipfile.ZipFile(built[1]["here"][2]) as archive:
        names = archive.namelist()
        headers = [archive.read(name).decode() for name in names if "header" in name]
        document = archive.read("word/document.xml").decode()
    assert any("Made-up data" in header for header in headers)
    assert len(re.findall(r'<wp:docPr[^>]*descr="[^"]{20,}"', document)) == len(FIGURES)
    assert "headerReference" in document
    # without a distance LibreOffice gives a picture one, and it stands over the right margin
    assert len(re.findall(r'<wp:inline distT="0" distB="0" distL="0" distR="0">', document)) == len(FIGURES)


def test_references_of_the_document_are_fields_that_follow_the_number_of_a_caption(built):
    with zipfile.ZipFile(built[1]["here"][2]) as archive:
        document = archive.read("word/document.xml").decode()
    shown = dict(
        re.findall(r'instrText xml:space="preserve"> REF (\w+) [^<]*</w:instrText>.*?<w:t[^>]*>(\w+ S?\d+)<', document)
    )
    captions = dict(
        re.findall(r'<w:bookmarkStart w:id="\d+" w:name="(_Ref\w+)"/>(.*?)<w:bookmarkEnd', document, re.DOTALL)
    )
    assert len(shown) > 4
    for name, words in shown.items():
        assert re.sub(r"<[^>]+>", "", captions[name]) == words
        assert "SEQ" in captions[name]
    assert not re.search(r'<w:hyperlink w:anchor="(?:table|figure)-', document)
    numbers = re.findall(r'<w:bookmarkStart w:id="(\d+)"', document)
    assert len(numbers) == len(set(numbers))


def test_heads_of_the_document_stay_with_their_rows_and_notes_with_the_last_two(built):
    with zipfile.ZipFile(built[1]["here"][2]) as archive:
        document = archive.read("word/document.xml").decode()
    tables = re.findall(r"<w:tbl>(.*?)</w:tbl>(.{0,120})", document, re.DOTALL)
    noted = 0
    for table, below in tables:
        rows = re.findall(r"<w:tr>.*?</w:tr>", table, re.DOTALL)
        assert all("<w:cantSplit/>" in row for row in rows)
        notes = "TableNotes" in below
        noted += notes
        for place, row in enumerate(rows):
            head = "<w:tblHeader" in row or "<w:gridSpan" in row
            assert ("<w:keepNext/>" in row) == (head or (notes and place >= len(rows) - 2))
    assert noted > 4
    assert any("<w:gridSpan" in table for table, _ in tables)


# ---------------------------------------------------------------- labels that hold anything

ODD = {
    "arm": 'Needles: "deep" - 5|6\\7 <b> {x} *a* $y$ @z',
    "reference": "=cmd|' /C calc'!A0",
    "visit": "Week 4: end - of [treatment] & after",
    "outcome": "Pain <now> `code` ~s~ ^t^ #1",
    "cohort": "Neck, shoulder: {both} - 'all' _x_",
    "covariate": "Age: years - at 'entry'|x",
    "level": 'fe"male: - {f}|\\ <i>',
}


def odd_plan():
    document = plan(made_up=False, disclosure=TRIAL).model_dump(mode="json", by_alias=True)
    arms = {"dry_needling": ODD["arm"], "usual_care": ODD["reference"]}
    document["patients"]["arm"] |= {"labels": arms}
    document["patients"]["covariates"]["age"]["label"] = ODD["covariate"]
    document["visits"]["schedule"]["week_4"]["label"] = ODD["visit"]
    document["outcomes"] = {"pain": ODD["outcome"]}
    document["cohorts"] = {"neck": {"label": ODD["cohort"], "outcomes": {"pain": "nprs"}}}
    document["cohorts"] |= {"other": {"label": "Other", "outcomes": {"pain": "nprs"}}}
    document["analyses"] = {"primary": {**document["analyses"]["primary"], "outcomes": ["pain"]}}
    return plan(**document)


def spoil(patients, frame):
    return tuple(table.assign(sex=table["sex"].replace({"female": ODD["level"]})) for table in (patients, frame))


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A study whose every label holds what could be taken for a separator or for markup."""
    folder, study = tmp_path_factory.mktemp("odd"), odd_plan()
    released, labels = release(unreleased(study, spoil=spoil), study), Labels(study)
    words = write_figures(released, labels, folder / "figures")
    build_report(labels, released, words, folder / "figures", folder, SAID)
    return folder


def pdf_text(path):
    return subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True).stdout


def squeezed(text):
    """A text without spaces: lines break where they must."""
    return re.sub(r"\s+", "", text).lower()


@pytest.mark.parametrize("what", ODD)
def test_labels_come_through_to_the_page_and_the_document(odd, what):
    page = re.sub(
        r"<img[^>]*>|<style.*?</style>", "", (odd / "report.html").read_text(encoding="utf-8"), flags=re.DOTALL
    )
    assert squeezed(ODD[what]) in squeezed(html.unescape(re.sub(r"<[^>]+>", "", page)))
    with zipfile.ZipFile(odd / "report.docx") as archive:
        document = archive.read("word/document.xml").decode()
    paragraphs = re.sub(r"<[^>]+>", "", re.sub(r"</w:p>", " ", document))
    assert squeezed(ODD[what]) in squeezed(html.unescape(paragraphs))


def test_labels_come_through_to_the_source_of_the_pdf():
    """What typst gets is what was meant: the text between marks, each mark escaped."""
    study = odd_plan()
    released, labels = release(unreleased(study, spoil=spoil), study), Labels(study)
    text = plain(text_from(released, labels))
    for label in ODD.values():
        assert label.lower() in text.lower()


@pytest.mark.parametrize("what", ODD)
def test_labels_come_through_to_the_pdf(odd, what):
    said = squeezed(pdf_text(odd / "report.pdf")).replace("\u00ad", "")
    assert squeezed(ODD[what]) in said


def test_levels_come_through_to_tables_and_figures_for_spreadsheets(odd):
    """The exact tables hold codes as they are; a code that a spreadsheet would run gets an apostrophe in front."""
    baseline = pd.read_csv(odd / "tables" / "baseline.csv", keep_default_na=False)
    assert ODD["level"] in set(baseline["level"])
    for path in [*(odd / "tables").glob("*.csv"), *(odd / "figures").glob("*.csv")]:
        for column in pd.read_csv(path, dtype=str, keep_default_na=False):
            assert not column.startswith(("=", "+", "-", "@"))


@pytest.fixture(scope="module")
def from_the_right(tmp_path_factory):
    """A study whose every label but one is Arabic or Hebrew."""
    folder = tmp_path_factory.mktemp("right")
    study = worded_plan(("Soins usuels", "ניקור יבש"), "الأسبوع الرابع", "شدة الألم", "כאב צוואר")
    age = study.patients.covariates["age"].model_copy(update={"label": "العمر"})
    patients = study.patients.model_copy(update={"covariates": {"age": age}})
    study = study.model_copy(update={"patients": patients})
    released, labels = release(unreleased(study, per_arm=200), study), Labels(study)
    words = write_figures(released, labels, folder / "figures")
    build_report(labels, released, words, folder / "figures", folder, SAID)
    return folder


RIGHT = "[\u0590-\u06ff]"


def test_behind_words_that_are_read_from_the_right_the_sentence_goes_on(from_the_right):
    """A comma, a number or a bracket stands behind the mark that ends such words; a drawing's line begins with one too."""
    page = re.sub(
        r"<style.*?</style>|base64,[^\"]*",
        "",
        (from_the_right / "report.html").read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    with zipfile.ZipFile(from_the_right / "report.docx") as archive:
        document = re.sub("</w:p>", "\n", archive.read("word/document.xml").decode())
    for told in (page, document):
        text = html.unescape(re.sub(r"<[^>]+>", "", told))
        assert len(re.findall(f"{RIGHT}\u200e", text)) > 40
        assert re.findall(f"{RIGHT}[ ]*[^\\s\u0590-\u06ff\u200e][^\n]{{0,30}}", text) == []
    assert re.findall(f"<text[^>]*>({RIGHT}[^<\u200e]*\u200e[^<]+)", page) == []
    assert "العمر\u200e, years" in page


def test_page_numbers_of_contents_stand_at_the_right_whatever_the_heading_ends_in(from_the_right):
    boxes = subprocess.run(
        ["pdftotext", "-bbox", "-l", "2", str(from_the_right / "report.pdf"), "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.findall(
        r'xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)"[^>]*>([^<]+)<', boxes[boxes.index(">Contents<") :]
    )
    words = [(float(left), float(top), float(right), word) for left, top, right, word in found]
    first = next(
        top for _, top, _, word in words if re.search(RIGHT, word)
    )  # the answer, whose heading ends in a visit
    line = [(left, right, word.split("\u2060")[-1]) for left, top, right, word in words if abs(top - first) < 4]
    assert max(line)[2] == "1"
    assert max(line)[1] > (210 - 16) / 25.4 * 72


def test_styles_of_the_document_hold_for_every_script(from_the_right):
    """Arabic and Hebrew have a size and weight of their own; code has a style of its own, and no such letters."""
    with zipfile.ZipFile(from_the_right / "report.docx") as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".xml")}
    styles = re.findall(r'<w:style [^>]*?w:styleId="(\w+)".*?</w:style>', parts["word/styles.xml"], re.DOTALL)
    assert {"Title", "Heading1", "Heading2", "TableCaption", "TableNotes", "Table"} <= set(styles)
    whole = re.sub(
        r'<w:style [^>]*?w:styleId="\w+Tok".*?</w:style>', "", parts["word/styles.xml"], flags=re.DOTALL
    ) + "".join(part for name, part in parts.items() if re.search("header|footer", name))
    for name in ("b", "i", "sz"):
        plain_, complex_ = (re.findall(rf"<w:{one}( w:val=\"\w+\")? ?/>", whole) for one in (name, f"{name}Cs"))
        assert plain_ == complex_
        assert plain_
    first = re.search(r'<w:tblStylePr w:type="firstRow">.*?</w:tblStylePr>', whole, re.DOTALL)
    assert "<w:bCs" in first[0]


@pytest.mark.parametrize("value", ["=1+1", "+cmd", "-2+3", "@sum", "\tx", "plain", -2.5])
def test_cells_that_a_spreadsheet_would_run_are_made_harmless(tmp_path, value):
    from needling.schema.stored import write_table

    write_table(pd.DataFrame({"a": [value]}), tmp_path / "t.csv")
    cell = (tmp_path / "t.csv").read_text().splitlines()[1].strip('"')
    assert cell == str(value) if value in ("plain", -2.5) else cell == f"'{value}"


# ---------------------------------------------------------------- words of the page as it is built


def test_the_built_page_says_nothing_of_the_program_nothing_empty_and_nothing_twice(built):
    assert faults(built[1]["here"][0].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("inside", "fault"),
    [
        ("<p></p>", "empty"),
        ("<p>Estimated at the boundary.</p>", "boundary"),
        ("<td>NaN</td>", "NaN"),
        ("<p>It was None of the arms.</p>", "None"),
        ("<p>The column pain_before.</p>", "pain_before"),
        ("<figcaption>At visit week_4.</figcaption>", "visit week_4"),
        ("<svg><desc>Arm[T.dry]: 2</desc></svg>", "Arm[T.dry]"),
        ('<div aria-label="n_patients of all"></div>', "n_patients"),
        (2 * f"<p>{'The same words again. ' * 4}</p>", "twice"),
    ],
)
def test_what_a_page_must_not_say_is_found(inside, fault):
    good = "<h2>None of these</h2><p>All numbers are in results/primary.csv.</p><td>None recorded</td>"
    assert faults(good) == []
    assert [one for one in faults(good + inside) if one.startswith(fault)]
