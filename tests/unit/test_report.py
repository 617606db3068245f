"""The report: every number looked up, wording that fits the design, the same bytes each time."""

import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from made_results import inputs, plan, single_arm_plan, trial_plan
from matplotlib.figure import Figure

from needling.figures import FIGURES
from needling.figures.style import save
from needling.report import build_report
from needling.report.build import TEMPLATES
from needling.report.numbers import Numbers
from needling.report.text import report_text
from needling.tables import TABLES, make_table

WORDS = {name: {"caption": f"What {name} shows.", "alternative": f"A picture of the {name}."} for name in FIGURES}


def text_of(made, tables):
    formatted = {name: make_table(name, tables, made) for name, needed in TABLES.items() if set(needed) <= set(tables)}
    formatted = {name: table for name, table in formatted.items() if table is not None}
    return report_text(made, tables, formatted, WORDS, templates=TEMPLATES)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """One study built twice in different places."""
    made, folder = trial_plan().model_copy(update={"made_up": True}), tmp_path_factory.mktemp("report")
    tables = inputs(made, 200)
    picture = Figure(figsize=(4, 1))
    picture.text(0.1, 0.5, "A picture")
    for name in FIGURES:
        save(picture, folder / "figures" / name)
    paths = {}
    for place in ("here", "there"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", "Asia/Tokyo" if place == "there" else "UTC")
            patch.chdir(folder if place == "there" else "/")
            paths[place] = build_report(made, tables, WORDS, folder / "figures", folder / place)
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
    pictures = re.findall(r"<img[^>]*>", page)
    assert len(pictures) == len(FIGURES)
    assert all(re.search(r'alt="[^"]{20,}"', picture) for picture in pictures)
    assert 'class="madeup"' in page
    assert "<script" not in page


def test_pdf_is_tagged_for_assistive_technology(built):
    pdf = built[1]["here"][1].read_bytes()
    assert b"/MarkInfo" in pdf
    assert b"pdfuaid" in pdf


def test_document_names_made_up_data_and_pictures_on_every_page(built):
    with zipfile.ZipFile(built[1]["here"][2]) as archive:
        names = archive.namelist()
        headers = [archive.read(name).decode() for name in names if "header" in name]
        document = archive.read("word/document.xml").decode()
    assert any("Made-up data" in header for header in headers)
    assert len(re.findall(r'<wp:docPr[^>]*descr="[^"]{20,}"', document)) == len(FIGURES)
    assert "headerReference" in document


@pytest.mark.parametrize("study", [plan, trial_plan, single_arm_plan])
def test_text_has_no_raw_name_long_number_or_empty_section(study):
    made = study()
    text = text_of(made, inputs(made, 200))
    prose = re.sub(r"\]\(figures.*?\}|custom-style.*", "", text).replace("\\", "")
    assert not re.search(r"\b[a-z]+_[a-z0-9]+", prose)
    assert not re.search(r"\d\.\d{5}|\bnan\b|None\b|Undefined", prose)
    for section in re.split(r"^# ", text, flags=re.MULTILINE)[1:]:
        assert len(section.split("\n", 1)[1].strip()) > 20, section
    assert text.count("**Figure") == len(FIGURES)


def test_wording_fits_the_design():
    made = plan()
    tables = inputs(made)
    summary = text_of(made, tables).split("# Data and cleaning")[0]
    assert "randomised comparison" in summary
    assert "effect −" in summary
    observational = text_of(plan(design="cohort"), tables).split("# Data and cleaning")[0]
    assert "associations" in observational
    assert "effect" not in observational
    single = single_arm_plan()
    course = text_of(single, inputs(single, 200)).split("# Other analyses")[0]
    assert "regression to the mean" in course
    assert "mean change from baseline" in course
    assert "favours" not in course
    assert not re.search(r"\beffect\b(?!\))", course.replace("not an effect", ""))


def test_intervals_are_said_to_be_unadjusted_where_p_values_are_adjusted():
    made = plan()
    tables = inputs(made)
    said = "Intervals, and what is said of them, are not adjusted for multiplicity."
    assert said not in text_of(made, tables)
    results = tables["results"]
    results["p_adjusted"] = results["p"].where((results["analysis"] == "primary") & (results["term"] == "effect"))
    text = text_of(made, tables)
    assert said in text
    assert "Adjusted P: Holm, over the primary contrasts; confidence intervals are not adjusted." in text


def test_a_failed_fit_is_said_in_words():
    made = trial_plan()
    tables = inputs(made, 200)
    results = tables["results"]
    rows = (results["term"] == "effect") & (results["outcome"] == "days") & (results["analysis"] == "primary")
    results.loc[rows, ["estimate", "se", "df", "statistic", "low", "high", "p"]] = float("nan")
    results.loc[rows, "status"], results.loc[rows, "note"] = "failed", "no convergence after 200 steps"
    text = text_of(made, tables)
    assert "not available (the model could not be fitted: no convergence after 200 steps)" in text
    fit = text.split("# Do the models fit?")[1].split("# Methods")[0]
    assert "Days with headache".lower() in fit.lower()
    assert "no convergence" in fit


def test_a_difference_beyond_all_trials_is_named():
    made = plan()
    tables = inputs(made)
    assert "outside what trials" not in text_of(made, tables)
    results = tables["results"]
    rows = (results["term"] == "effect") & (results["outcome"] == "pain") & (results["cohort"] == "sports")
    results.loc[rows & (results["visit"] == "week_8"), ["estimate", "low", "high"]] = [-3.4, -4.0, -2.8]
    text = text_of(made, tables)
    assert text.count("outside what trials") == 1
    assert "pain intensity in sports injury at week 8" in text


def test_a_number_that_no_table_has_stops_the_report():
    made = plan()
    tables = inputs(made)
    tables["flow"] = tables["flow"].assign(n_shown=tables["flow"]["n"].astype(str))
    numbers = Numbers(tables["results"], tables["flow"], made)
    assert numbers.result("primary", "sports", "pain", "week_4").estimated
    with pytest.raises(LookupError, match="week_9"):
        numbers.result("primary", "sports", "pain", "week_9")
    with pytest.raises(LookupError, match="0 rows"):
        numbers.people("randomised")


def test_numbers_in_the_summary_are_those_of_the_results():
    made = trial_plan()
    tables = inputs(made, 200)
    row = tables["results"].query("analysis=='primary' and outcome=='score' and visit=='month_12' and term=='effect'")
    row = row.iloc[0]
    expected = f"effect {row['estimate']:.1f} points (95% CI {row['low']:.1f} to {row['high']:.1f}"
    assert expected.replace("-", "−") in text_of(made, tables)


def test_rules_for_missing_items_that_nobody_checked_are_named():
    items = {"ndi": [f"ndi_{i}" for i in range(1, 11)], "lefs": [f"lefs_{i}" for i in range(1, 21)]}
    instruments = {name: {"total": "x"} for name in ("nprs", "fiqr", "visa_a")}
    made = plan(instruments=instruments | {name: {"items": columns} for name, columns in items.items()})
    tables = inputs(made)
    said = "has not been checked against its publication"
    assert said not in text_of(made, tables)
    row = {"instrument": "ndi", "label": "Neck disability (NDI)", "items": 10, "n": 120, "alpha": 0.8, "level": 0.95}
    tables["reliability"] = pd.DataFrame([row | {"low": 0.7, "high": 0.9}])
    assert f"allow it. The rule for neck disability (NDI) {said}." in text_of(made, tables).replace("\\", "")
    made = plan(instruments=instruments | {"ndi": {"total": "x"}, "lefs": {"items": items["lefs"]}})
    assert said not in text_of(made, tables)


def test_means_of_a_model_with_clusters_are_for_an_average_one():
    made = plan()
    assert "for an average" not in text_of(made, inputs(made))
    made.analyses["primary"].clusters.extend(["therapist", "clinic"])
    methods = text_of(made, inputs(made)).split("# Methods")[1]
    assert methods.count("and are for an average therapist and clinic.") == 1


def test_other_analyses_are_named_in_the_study_file_and_not_said_to_be_planned():
    made = plan()
    assert "The study file names these analyses beside the primary one" in text_of(made, inputs(made))
    assert "planned" not in text_of(made, inputs(made)) + text_of(single_arm_plan(), inputs(single_arm_plan(), 200))


def test_the_software_named_is_the_one_that_ran():
    made = single_arm_plan()
    assert f"numpy {np.__version__}" in text_of(made, inputs(made, 200))
