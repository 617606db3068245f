"""The report: every number looked up, wording that fits the design, the same bytes each time."""

import base64
import html
import json
import re
import subprocess
import zipfile

import numpy as np
import pandas as pd
import pytest
from made_results import (
    TRIAL,
    long_plan,
    one_cohort,
    one_visit_plan,
    plan,
    scripts_plan,
    shown,
    single_arm_plan,
    three_arms_plan,
    trial_plan,
    unreleased,
)
from matplotlib.figure import Figure
from printed_numbers import disagreements
from pypdf import PdfReader

from needling.clean.rules import rules
from needling.figures.draw import figures, write_figure, write_figures
from needling.figures.style import save
from needling.labels.words import Labels
from needling.release.line import release
from needling.report.build import TEMPLATES, build_report
from needling.report.numbers import Number
from needling.report.page import LARGEST_FILE, VARIABLES, finished
from needling.report.text import report_text
from needling.study.keys import StudyError
from needling.tables.make import tables as all_tables
from needling.tables.printed import escape

FIGURES = figures()
WORDS = {name: {"caption": f"What {name} shows.", "alternative": f"A picture of the {name}."} for name in FIGURES}
SAID = ["numpy 2.0.0"]


def text_of(make, change=None, per_arm=60):
    released, labels = shown(make, per_arm)
    if change:
        change(released)
    return text_from(released, labels)


def text_from(released, labels):
    tables = {name: table for name, build in all_tables().items() if (table := build(released, labels)) is not None}
    return report_text(labels, released, tables, WORDS, software=SAID, templates=TEMPLATES)


def plain(text):
    """The words of a text in Markdown: without escapes and without the rows that numbers come from."""
    return re.sub(r"\\(.)", r"\1", re.sub(r"(?<!\\)\[((?:[^\]\\]|\\.)*)\]\{data-row[^}]*\}", r"\1", text))


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
    pictures = re.findall(r'<svg role="img" aria-labelledby="(\w+)-told".*?</svg>', page, re.DOTALL)
    assert sorted(pictures) == sorted(FIGURES)
    for name in pictures:
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
    return finished('<head></head><img src="figures/forest.svg" alt="Forest plot." />', folder)


def test_drawings_of_the_page_are_words_in_the_colours_of_the_scheme(page_of_forest):
    page = page_of_forest
    assert ">Dry needling better</text>" in page
    assert "font-family" not in page  # the page's own typeface, which is that of the figures
    assert "var(--ink)" in page
    assert "var(--arm2)" in page
    assert not re.search("|".join(VARIABLES), page, re.IGNORECASE)


def test_each_look_of_the_drawings_is_written_once_and_means_what_it_meant(page_of_forest):
    head, drawing = page_of_forest.split("</head>")
    looks = dict(re.findall(r"\.(d\d+)\{([^}]*)\}", head))
    assert "style=" not in drawing
    assert set(re.findall(r'class="(d\d+)"', drawing)) == set(looks)
    assert len(set(looks.values())) == len(looks)
    word = re.search(r'<text class="(d\d+)"[^>]*>Dry needling better</text>', drawing)
    assert "var(--arm2)" in looks[word[1]]


def test_columns_that_were_not_read_are_told_in_a_sentence_of_their_own():
    """What follows the sentence begins a new paragraph: its marks once stood in the text of every format."""

    def change(released):
        released["unread"] = pd.DataFrame({"kind": ["not_named", "like_identifier"], "n": [11, 2]})

    text = text_of(plan, change)
    said = "11 columns of the export were not read, because the plan does not name them; 2 look like identifiers"
    line = next(line for line in plain(text).splitlines() if said in line)
    assert line.endswith("better delete them from the export.")


def test_nothing_of_the_marks_of_the_text_is_printed(built):
    page = built[1]["here"][0].read_text(encoding="utf-8")
    assert ":::" not in re.sub(r"<(style|script)\b.*?</\1>|base64,[^\"]*", "", page, flags=re.DOTALL)


def test_every_table_stands_in_a_named_region_that_the_keyboard_reaches(built):
    page = built[1]["here"][0].read_text(encoding="utf-8")
    regions = re.findall(r'<div class="scroll" role="region" tabindex="0" aria-label="([^"]+)">\s*<table\b', page)
    assert len(regions) == page.count("<table") > 3
    assert [words for words in regions if not words.startswith(("Table", "Numbers of figure"))] == []
    assert len(re.findall(r'<th scope="(?:col|row|colgroup)"', page)) == len(re.findall(r"<th\b(?!ead)", page))


def test_every_table_of_the_page_is_a_file_in_it(built):
    folder, paths = built
    page = paths["here"][0].read_text(encoding="utf-8")
    files = dict(re.findall(r'download="(\w+)\.csv" href="data:text/csv;base64,([^"]+)"', page))
    for name in re.findall(r'<div class="table" id="table-(\w+)"', page):
        exact = (folder / "here" / "tables" / f"{name}.csv").read_bytes()
        if len(exact) <= LARGEST_FILE:
            assert base64.b64decode(files[name]) == exact
        else:
            assert f"tables/{name}.csv, beside this page" in page


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


def parts(part):
    """Every structure element of a tagged PDF."""
    yield part
    kids = part.get("/K", [])
    for kid in (one.get_object() for one in listed_of(kids)):
        if isinstance(kid, dict) and "/S" in kid:
            yield from parts(kid)


def test_pdf_is_tagged_for_assistive_technology(built):
    """Tagged, with bookmarks; in the body of a table the first cell of each row is its head, and is said to be the row's."""
    pdf = PdfReader(built[1]["here"][1])
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
        assert any(one.get_object().get("/Scope") == "/Row" for one in listed_of(first["/A"]))
        assert {cell["/S"] for cell in others} == {"/TD"}
    formulas = [one for one in found if one["/S"] == "/Formula"]
    assert formulas
    assert all("is the sum of" in one["/Alt"] for one in formulas)


def listed_of(attributes):
    return attributes if isinstance(attributes, list) else [attributes]


def test_models_are_formulas_with_words_on_the_page_and_in_the_document(built):
    page = built[1]["here"][0].read_text(encoding="utf-8")
    formulas = re.findall(r'<div class="formula" role="img" tabindex="0" aria-label="([^"]+)">\s*<math\b', page)
    assert formulas
    assert all(words.startswith("The outcome of a patient") for words in formulas)
    assert page.count("In the formulas Y is the outcome") == 1
    with zipfile.ZipFile(built[1]["here"][2]) as archive:
        assert len(re.findall(r"<m:oMathPara>", archive.read("word/document.xml").decode())) == len(formulas)


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


@pytest.mark.parametrize("value", ["=1+1", "+cmd", "-2+3", "@sum", "\tx", "plain", -2.5])
def test_cells_that_a_spreadsheet_would_run_are_made_harmless(tmp_path, value):
    from needling.schema.stored import write_table

    write_table(pd.DataFrame({"a": [value]}), tmp_path / "t.csv")
    cell = (tmp_path / "t.csv").read_text().splitlines()[1].strip('"')
    assert cell == str(value) if value in ("plain", -2.5) else cell == f"'{value}"


# ---------------------------------------------------------------- words


@pytest.mark.parametrize("study", [plan, trial_plan, single_arm_plan, three_arms_plan])
def test_text_has_no_raw_name_long_number_or_empty_section(study):
    text = text_of(study, per_arm=200)
    prose = plain(re.sub(r"\]\(figures.*?\}\n|custom-style.*|\{[.#][^}]*\}|\]\(#[^)]*\)", "", text))
    assert not re.search(r"\b[a-z]+_[a-z0-9]+", prose)
    assert not re.search(r"\d\.\d{5}|\bnan\b|None\b|Undefined|<NA>", prose)
    for section in re.split(r"^# ", text, flags=re.MULTILINE)[1:]:
        assert len(section.split("\n", 1)[1].strip()) > 20, section
    assert text.count("**Figure") == len(FIGURES)


@pytest.mark.parametrize(
    ("study", "per_arm"), [(one_cohort, 22), (one_visit_plan, 60), (long_plan, 60), (scripts_plan, 60)]
)
def test_small_and_oddly_named_studies_have_nothing_empty_and_nothing_contradictory(study, per_arm):
    """22 per arm where few are hidden, one visit, long labels, other scripts: each section says something, each link has an end."""
    released, labels = shown(study, per_arm)
    text = text_from(released, labels)
    for section in re.split(r"^# ", text, flags=re.MULTILINE)[1:]:
        assert len(section.split("\n", 1)[1].strip()) > 20, section
    assert set(re.findall(r"\]\(#([\w-]+)\)", text)) <= set(re.findall(r"\{[^}]*?#([\w-]+)", text))
    prose = plain(re.sub(r"\]\(figures.*?\}\n", "", text))
    assert not re.search(r"\bnan\b|None\b|Undefined|<NA>|\d\.\d{5}", prose)
    row = released["results"].query("quantity == 'difference' and visit == 'week_4' and analysis == 'primary'").iloc[0]
    better = prose.split("# Who took part")[0]
    assert ("no clear difference" in better.lower()) == bool(row["low"] <= 0 <= row["high"])
    for code in ("dry_needling", "usual_care"):
        assert labels.arm(code).lower() in prose.lower()
    for row in re.findall(r"^\| .*$", text, re.MULTILINE):
        assert row.strip("| *") != ""


# What no clinician need know: words of the program, of tables of data, and of programs that fit models.
CODE_WORDS = [
    *(
        "quarantin",
        "queried",
        "flagged",
        "merged",
        "boundary",
        "singular",
        "rank.deficient",
        "not_estimated",
        "hessian",
    ),
    *(
        "NaN",
        "None",
        "null",
        "boolean",
        "kwargs",
        "traceback",
        "dataframe",
        "parquet",
        "schema",
        "row_id",
        "side table",
    ),
    *("missing_with", "baseline x", "x visit"),
]


def code_words(text):
    return [word for word in CODE_WORDS if re.search(rf"\b{word}", text, re.IGNORECASE if word.islower() else 0)]


@pytest.mark.parametrize("study", [plan, trial_plan, single_arm_plan, three_arms_plan])
def test_report_captions_and_descriptions_have_no_words_of_the_program(study):
    released, labels = shown(study, 60)
    words = {}
    for name, room in FIGURES.items():
        source = room.data(released, labels)
        if len(source):
            caption, alternative = room.words(source, labels)
            words[name] = {"caption": caption, "alternative": alternative}
    assert len(words) >= 4
    tables = {name: table for name, build in all_tables().items() if (table := build(released, labels)) is not None}
    text = plain(report_text(labels, released, tables, words, software=SAID, templates=TEMPLATES))
    prose = re.sub(r"\$\$.*?\$\$|\{[.#][^}]*\}|\]\([^)]*\)", "", text)
    assert code_words(prose) == []
    cells = [cell for table in tables.values() for row in [table.head, *table.rows] for cell in row]
    assert [cell for cell in cells if code_words(cell)] == []


def test_sentences_of_the_cleaning_rules_have_no_words_of_the_program():
    assert [rule.id for rule in rules().values() if code_words(rule.sentence)] == []
    assert code_words("It was quarantined and queried.") == ["quarantin", "queried"]


def test_wording_fits_the_design():
    summary = plain(text_of(plan)).split("# Methods")[0]
    assert "Randomised, 2 arms" in summary
    assert "Dry needling against usual care, at week 4" in summary
    observational = plain(text_of(lambda: plan(design="cohort"))).split("# Methods")[0]
    assert "Not randomised, 2 groups" in observational
    assert "associations" in observational
    assert "effect" not in observational
    course = plain(text_of(single_arm_plan, per_arm=200)).split("# Methods")[0]
    assert "One group, not compared" in course
    assert "regression to the mean" in course
    assert "Change from baseline to week 4" in course
    assert "better than" not in course
    assert not re.search(r"\beffect\b(?!\))", course.replace("not an effect", ""))


ROW = {
    "quantity": "difference",
    "arm": "dry_needling",
    "reference": "usual_care",
    "status": "converged",
    "note": "",
    "hidden": "",
}
ROW |= {
    "estimate": -1.0,
    "low": -2.0,
    "high": -0.5,
    "level": 0.95,
    "p": 0.01,
    "p_adjusted": np.nan,
    "unit": "points",
    "margin": np.nan,
    "framework": "superiority",
    "row_id": "x",
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"better": "lower"}, "the whole interval favours dry needling"),
        ({"better": "higher"}, "the whole interval favours usual care"),
        ({"better": "lower", "low": 0.5, "high": 2.0}, "the whole interval favours usual care"),
        ({"better": "higher", "low": 0.5, "high": 2.0}, "the whole interval favours dry needling"),
        ({"better": "lower", "low": -1.0, "high": 0.2}, "the interval includes no difference"),
        ({"better": "lower", "low": -1.0, "high": 0.0}, "the interval includes no difference"),
        (
            {"better": "higher", "quantity": "risk_ratio", "low": 1.1, "high": 2.0},
            "the whole interval favours dry needling",
        ),
        (
            {"better": "higher", "quantity": "risk_ratio", "low": 0.5, "high": 0.9},
            "the whole interval favours usual care",
        ),
        (
            {"better": "higher", "quantity": "risk_ratio", "low": 0.5, "high": 1.2},
            "the interval includes no difference",
        ),
        ({"better": "lower", "arm": "", "reference": ""}, "the interval lies on the side of improvement"),
        ({"better": "higher", "arm": "", "reference": ""}, "the interval lies on the side of worsening"),
        ({"better": "lower", "arm": "", "reference": "", "high": 0.1}, "the interval includes no change"),
        ({"better": "lower", "estimate": np.nan}, ""),
        ({"better": "neither"}, "the whole interval lies below zero"),
        ({"better": "neither", "low": 0.5, "high": 2.0}, "the whole interval lies above zero"),
        ({"better": "neither", "low": -0.5, "high": 2.0}, "the interval includes zero"),
    ],
)
def test_every_side_is_said_in_words(change, said):
    assert Number({**ROW, **change}, Labels(plan())).said == said


@pytest.mark.parametrize(
    ("better", "low", "high", "excluded"),
    [
        ("lower", -3.0, 1.4, True),
        ("lower", -1.0, 1.6, False),
        ("higher", -1.4, 3.0, True),
        ("higher", -1.6, 1.0, False),
        ("lower", -1.6, 1.0, True),
        ("higher", -1.0, 1.6, True),
    ],
)
def test_a_margin_lies_on_the_side_of_worse(better, low, high, excluded):
    row = {**ROW, "better": better, "low": low, "high": high, "framework": "non_inferiority", "margin": 1.5}
    said = "excludes" if excluded else "does not exclude"
    assert Number(row, Labels(plan())).said == (
        f"the interval {said} that dry needling is worse by the margin of 1.5 points or more"
    )


@pytest.mark.parametrize(
    ("low", "high", "within"), [(-1.4, 1.4, "within"), (-1.6, 1.4, "not within"), (-1.4, 1.6, "not within")]
)
def test_equivalence_is_said_of_both_sides(low, high, within):
    row = {**ROW, "better": "lower", "low": low, "high": high, "framework": "equivalence", "margin": 1.5}
    assert Number(row, Labels(plan())).said == f"the interval lies {within} the margin of 1.5 points either way"


def test_a_number_says_why_it_is_not_there():
    labels, gone = Labels(plan()), {**ROW, "better": "lower", "estimate": np.nan}
    hidden = Number({**gone, "hidden": "few_events"}, labels)
    assert hidden.text == "not available (it would tell of few events)"
    failed = Number({**gone, "status": "failed", "note": "no convergence"}, labels)
    assert failed.text == "not available (the model could not be fitted: no convergence)"


def test_intervals_are_said_to_be_unadjusted_where_p_values_are_adjusted():
    said = "is the 95% confidence interval, not adjusted for several questions."
    assert said in plain(text_of(plan))
    assert "Adjusted P: Holm, over the comparisons of a family; confidence intervals are not adjusted." in plain(
        text_of(plan)
    )
    assert said not in plain(text_of(trial_plan))


def test_a_failed_fit_is_said_in_words():
    def fail(released):
        results = released["results"]
        rows = (
            (results["quantity"] == "difference") & (results["outcome"] == "days") & (results["analysis"] == "primary")
        )
        results.loc[rows, ["estimate", "se", "df", "statistic", "low", "high", "p"]] = float("nan")
        results.loc[rows, ["status", "note"]] = "failed", "no convergence after 200 steps"

    text = plain(text_of(trial_plan, fail, 200))
    assert "not available (the model could not be fitted: no convergence after 200 steps)" in text
    fit = text.split("# Do the models fit?")[1].split("# Methods")[0]
    assert "days with headache" in fit.lower()
    assert "no convergence" in fit


def test_a_rung_of_the_ladder_is_said_with_those_before_it():
    def fall(released):
        results = released["results"]
        rows = (results["analysis"] == "primary") & (results["cohort"] == "sports")
        results.loc[rows, ["structures_tried", "structure"]] = json.dumps(["unstructured", "toeplitz_het"]), "ar1_het"

    fit = plain(text_of(plan, fall)).split("# Do the models fit?")[1].split("# Methods")[0]
    said = (
        "did not hold: unstructured and heterogeneous Toeplitz; used instead: heterogeneous first-order autoregressive"
    )
    assert fit.count(said) == 2
    assert "did not hold" not in plain(text_of(plan))


def test_a_difference_beyond_all_trials_is_named():
    def beyond(released):
        results = released["results"]
        rows = (results["quantity"] == "difference") & (results["outcome"] == "pain") & (results["cohort"] == "sports")
        results.loc[rows & (results["visit"] == "week_8"), ["estimate", "low", "high"]] = [-3.4, -4.0, -2.8]

    assert "outside what trials" not in plain(text_of(plan))
    text = plain(text_of(plan, beyond))
    assert text.count("outside what trials") == 1
    assert "pain intensity in sports injury at week 8" in text


def test_a_number_of_people_that_no_table_has_stops_the_report():
    def lose(released):
        released["flow"] = released["flow"][released["flow"]["stage"] != "enrolled"]

    with pytest.raises(LookupError, match="enrolled: 0 rows"):
        text_of(plan, lose)


def test_numbers_in_the_summary_are_those_of_the_results():
    row = shown(trial_plan, 200)[0]["results"].query(
        "analysis=='primary' and outcome=='score' and visit=='month_12' and quantity=='difference'"
    )
    row = row.iloc[0]
    text = plain(text_of(trial_plan, per_arm=200))
    assert f"**Headache severity score: {row['estimate']:.1f} of 140 points lower (better)**" in text
    assert f"between {row['low']:.1f} and {row['high']:.1f} lower" in text


def test_what_is_withheld_is_said_in_one_sentence_per_table():
    def withhold(released):
        released["withheld"] = pd.DataFrame(
            {
                "section": ["baseline", "baseline", "flow"],
                "reason": ["few_people", "complement", "few_people"],
                "n": [3, 2, 4],
            }
        )

    text = plain(text_of(plan, withhold))
    assert "Baseline: some numbers of 5 rows are not shown, because they would tell of few people or numbers" in text
    assert "Flow: some numbers of 4 rows are not shown" in text
    assert "rows are not shown" not in plain(text_of(plan))


def test_what_of_the_instruments_nobody_checked_is_named():
    items = {"ndi": [f"ndi_{i}" for i in range(1, 11)], "lefs": [f"lefs_{i}" for i in range(1, 21)]}
    totals = {name: {"total": name} for name in ("nprs", "fiqr", "visa_a")}
    made = plan(instruments=totals | {name: {"items": columns} for name, columns in items.items()})
    said = "not checked against a publication"
    released, _ = shown(plan)
    assert f"{said}: neck disability (NDI) (missing items)." in plain(text_from(released, Labels(made)))
    # no item is read of the NDI, and of the LEFS every item is needed
    checked = plan(instruments=totals | {"ndi": {"total": "ndi"}, "lefs": {"items": items["lefs"]}})
    assert said not in plain(text_from(released, Labels(checked)))


def test_other_analyses_are_named_in_the_study_file():
    assert "The study file names these analyses beside the primary one" in text_of(plan)


def test_software_is_what_ran():
    from importlib.metadata import version

    from needling.report.software import software

    assert f"numpy {version('numpy')}" in software()
    assert "numpy 2.0.0" in plain(text_of(single_arm_plan))


def test_escaped_text_is_printed_as_it_is():
    text = "1. a_b *c* [d](e) <f> & \\g #h | `i` ~j~ ^k^ $l$ @m -- ... 'n' {o} ![p]"
    assert plain(escape(text)) == text


FIGURE = """
SECTION = "{section}"

def data(released, labels):
    return released["flow"][["stage", "n"]]

def draw(source, labels, profile):
    from needling.figures.style import new_figure
    figure = new_figure(60, 30)
    figure.subplots().plot(source["n"])
    return figure

def words(source, labels):
    return "People at each stage.", "A line over the stages of the flow."
"""
TABLE = """
from needling.tables.printed import Printed

def stages(released, labels):
    flow = released["flow"]
    return Printed("Stages.", flow, ["Stage", "n"], [["Enrolled", "360"]], section="fit")

TABLES = {"stages": stages}
"""


def extended(folder, section="primary"):
    """The text of a study that brings a figure, a table and a section, each in one file."""
    (folder / "figure_people.py").write_text(FIGURE.format(section=section))
    (folder / "table_stages.py").write_text(TABLE)
    (folder / "section_why.md").write_text("# Why\n\nBecause {{ people('enrolled') }} people came.\n")
    released, labels = shown(plan)
    words = WORDS | {
        "people": {"caption": "People at each stage.", "alternative": "A line.", "section": section},
    }
    made = {name: table for name, make in all_tables(folder).items() if (table := make(released, labels)) is not None}
    return report_text(labels, released, made, words, software=SAID, templates=TEMPLATES, extensions=folder)


def test_a_study_brings_a_figure_a_table_and_a_section_in_one_file_each(tmp_path):
    text = extended(tmp_path)
    sections = dict(
        part.split("\n", 1)
        for part in re.split(r"^# ", re.sub(r" \{#[\w-]+\}$", "", plain(text), flags=re.MULTILINE), flags=re.MULTILINE)[
            1:
        ]
    )
    assert "People at each stage." in sections["Primary result"]
    assert "Stages." in sections["Do the models fit?"]
    assert "Because 360 people came." in sections["Why"]
    assert plain(text).count("People at each stage.") == 1
    assert set(figures(tmp_path)) == {*FIGURES, "people"}
    source = figures(tmp_path)["people"].data(*shown(plan))
    assert len(source)


def test_a_figure_for_a_section_that_is_not_there_stops_the_report(tmp_path):
    with pytest.raises(StudyError, match="figure 'people': the report has no section 'nowhere'"):
        extended(tmp_path, "nowhere")


def test_an_extension_lacks_nothing_and_takes_no_name(tmp_path):
    (tmp_path / "figure_people.py").write_text(FIGURE.replace("def words", "def text"))
    with pytest.raises(StudyError, match=r"figure_people.py: it lacks words"):
        figures(tmp_path)
    (tmp_path / "figure_people.py").rename(tmp_path / "figure_forest.py")
    with pytest.raises(StudyError, match="the name 'forest' is taken"):
        figures(tmp_path)
