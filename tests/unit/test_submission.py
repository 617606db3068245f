"""What authors hand in: the folder, what may go out, and checklists; how files are checked is in test_figure_checks."""

import hashlib
import html
import json
import re
import shutil
import subprocess
import sys
import zipfile
from functools import partial

import pandas as pd
import pytest
import yaml
from made_results import plan, shown, single_arm_plan, three_arms_plan
from matplotlib.figure import Figure
from PIL import Image

from needling.figures.draw import figures
from needling.figures.style import REPORT, save
from needling.labels.numbers import MISSING
from needling.labels.words import Labels
from needling.privacy.patterns import PATTERNS
from needling.report.build import TEMPLATES, build_document
from needling.report.checklists import ABSENT, AUTHORS, AUTOMATIC, FILE, checklists, sources
from needling.report.methods import ITEMS, lacking, plan_items
from needling.report.software import software
from needling.report.text import report_text
from needling.study.keys import StudyError
from needling.submission.build import MANIFEST, build_submission, stop_on_changes_by_hand
from needling.submission.check import look
from needling.submission.documents import blocks
from needling.submission.journals import Journal, journal, journals
from needling.submission.outgoing import meant_to_go_out, stop_on_identifiers
from needling.submission.provenance import PROJECT, commit, dirty, provenance
from needling.tables.make import tables, write_tables
from needling.tables.printed import Printed
from needling.tables.withheld import HIDDEN


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory):
    """The submission of a made study, for a journal that takes all formats; small pictures, for speed."""
    released, labels = shown(plan, 60)
    rules = journal("bmj").model_copy(update={"dpi": (100, 150), "widths": {"single": 90.0, "double": 180.0}})
    folder = tmp_path_factory.mktemp("reports") / "submission"
    told = {"study": "demo", "profile": "bmj"}
    verdicts = build_submission(labels, released, rules, folder, told, {"plan.yaml": "study: demo\n"}, PATTERNS)
    return folder, verdicts, rules


# ---------------------------------------------------------------- profiles


def test_every_profile_says_where_its_rules_stand_and_what_was_not_read():
    for code, rules in journals().items():
        assert rules.source, code
        assert rules.remark, code
        assert set(rules.stated) <= set(Journal.model_fields), code
        if rules.read is None:
            assert "could not be read" in rules.remark, code


def test_the_documentation_says_which_profile_gets_which_formats():
    text = (PROJECT / "docs" / "submission.md").read_text("utf-8")
    rows = re.findall(r"^\| (`.*`) \| ((?:PDF|SVG|PNG|TIF)(?:, \w+)*) \|$", text, re.MULTILINE)
    told = {code: formats.lower().split(", ") for codes, formats in rows for code in re.findall(r"`(\w+)`", codes)}
    assert told == {code: list(rules.formats) for code, rules in journals().items()}


def test_an_unknown_profile_is_told_with_those_that_there_are():
    with pytest.raises(
        StudyError, match="no profile 'natur'; known are: elsevier, bmj, pain, jama, plos, jospt, slides"
    ):
        journal("natur")


def test_type_grows_where_a_journal_asks_for_more_and_never_shrinks():
    assert journal("elsevier").profile("single").small == REPORT.small
    assert journal("plos").profile("double").small == 8
    assert journal("plos").profile("double").width == 190
    assert journal("plos").raster == 600
    assert journal("slides").profile("slide").small == 14


# ---------------------------------------------------------------- the folder


def test_every_figure_of_the_submission_keeps_the_rules(handed_in):
    _, verdicts, _ = handed_in
    assert set(verdicts["verdict"]) == {"ok"}
    assert {"width", "height", "resolution", "fonts", "Type 3 fonts", "smallest type", "thinnest line"} <= set(
        verdicts["rule"]
    )
    assert {"single", "double"} == {file.split("/")[0] for file in verdicts["file"]}


def test_figures_are_drawn_at_the_width_of_the_column_and_not_scaled_down(handed_in):
    folder, _, _ = handed_in
    for width, wide in (("single", 90), ("double", 180)):
        seen = look(folder / "figures" / width / "forest.pdf")
        assert seen.width == pytest.approx(wide, abs=0.1)
        assert seen.type == pytest.approx(REPORT.small, abs=0.01)
    assert look(folder / "figures" / "single" / "forest.tif").alpha is False


def test_each_figure_comes_with_caption_description_and_numbers(handed_in):
    folder, _, _ = handed_in
    for name in ("forest", "flow", "trajectories"):
        assert (folder / "figures" / f"{name}.caption.txt").read_text("utf-8").startswith("Made-up data. ")
        assert (folder / "figures" / f"{name}.alt.txt").stat().st_size > 40
        assert (folder / "figures" / f"{name}.csv").exists()


def test_what_was_changed_by_hand_is_refused_and_the_way_is_told(handed_in, tmp_path):
    folder, _, _ = handed_in
    stop_on_changes_by_hand(folder)
    stop_on_changes_by_hand(tmp_path / "none")
    caption = folder / "figures" / "forest.caption.txt"
    before = caption.read_bytes()
    caption.write_text("better words", encoding="utf-8")
    with pytest.raises(
        StudyError, match=r"forest\.caption\.txt was changed by hand.*figure_<name>\.py into workflow/extensions"
    ):
        stop_on_changes_by_hand(folder)
    caption.write_bytes(before)
    (folder / "mine.png").write_bytes(b"a figure of my own")
    with pytest.raises(StudyError, match=r"mine\.png was put there by hand"):
        stop_on_changes_by_hand(folder)
    (folder / "mine.png").unlink()
    stop_on_changes_by_hand(folder)


def test_what_snakemake_writes_into_the_folder_is_no_change_by_hand(handed_in):
    """Its mark of when the folder was made comes after the manifest: every second submission was refused."""
    folder, _, _ = handed_in
    stamp = folder / ".snakemake_timestamp"
    stamp.touch()
    stop_on_changes_by_hand(folder)
    elsewhere = folder / "figures" / stamp.name
    elsewhere.touch()
    with pytest.raises(StudyError, match=r"figures/\.snakemake_timestamp was put there by hand"):
        stop_on_changes_by_hand(folder)
    elsewhere.unlink()
    stamp.unlink()


def test_a_refused_submission_leaves_the_last_good_one_and_the_table_that_it_names(handed_in, tmp_path):
    """The rules of a journal can become stricter between two submissions."""
    _, _, rules = handed_in
    released, labels = shown(plan, 60)
    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / "good.txt").write_text("as it was")
    with pytest.raises(StudyError, match=r"thinnest line is .* No submission was written") as told:
        build_submission(labels, released, rules.model_copy(update={"line": 3.0}), folder, {}, {}, PATTERNS)
    assert [path.name for path in folder.iterdir()] == ["good.txt"]
    table = tmp_path / "submission_figures_checked.csv"
    assert str(table) in str(told.value)
    assert set(pd.read_csv(table)["verdict"]) == {"ok", "breach"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["submission", table.name]
    build_submission(labels, released, rules, folder, {}, {}, PATTERNS)
    assert [path.name for path in tmp_path.iterdir()] == ["submission"]
    assert not (folder / "good.txt").exists()


def test_reproduce_verifies_digests_and_says_that_this_is_all(handed_in):
    folder, _, _ = handed_in
    run = [sys.executable, str(folder / "reproduce")]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    count = len((folder / MANIFEST).read_text("utf-8").splitlines())
    assert f"{count} of {count} files are as SHA256SUMS says. This is all that was done" in done.stdout
    plan_file = folder / "plan.yaml"
    before = plan_file.read_bytes()
    plan_file.write_bytes(before + b"# one more remark\n")
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    plan_file.write_bytes(before)
    assert done.returncode == 1
    assert "differs from its digest: plan.yaml" in done.stdout


def project_of(folder, made, said, code=0):
    """A project whose pipeline says something and puts a folder where submissions are; what it was asked is kept."""
    folder.mkdir()
    lines = [
        "#!/usr/bin/env python3",
        "import shutil, sys",
        f"open({str(folder / 'asked')!r}, 'w').write(' '.join(sys.argv[1:]))",
    ]
    lines += [f"print({said!r})", f"shutil.rmtree({str(folder / 'reports')!r}, ignore_errors=True)"]
    lines += [f"shutil.copytree({str(made)!r}, {str(folder / 'reports/demo/submission')!r})", f"sys.exit({code})"]
    (folder / "run").write_text("\n".join(lines))
    (folder / "run").chmod(0o755)
    return folder


def reproduced(folder, project):
    run = [sys.executable, str(folder / "reproduce"), str(project), str(project / "export.csv")]
    return subprocess.run(run, capture_output=True, text=True, check=False)


def test_reproduce_makes_every_step_again_and_says_how_many(handed_in, tmp_path):
    folder, _, _ = handed_in
    project = project_of(tmp_path / "project", folder, "1 of 2 steps: read\n2 of 2 steps: submission")
    done = reproduced(folder, project)
    assert done.returncode == 0, done.stdout
    asked = (project / "asked").read_text().split()
    assert asked[:5] == ["submission", "--study", "demo", "--journal", "bmj"]
    assert "--forceall" in asked
    count = len((folder / MANIFEST).read_text("utf-8").splitlines()) - 1
    assert "2 steps ran" in done.stdout
    assert f"{count} of {count} files were made again with the same bytes" in done.stdout


@pytest.mark.parametrize(("said", "code"), [("Nothing to do: everything is up to date.", 0), ("1 of 2 steps: read", 1)])
def test_reproduce_claims_nothing_where_nothing_was_made_again(handed_in, tmp_path, said, code):
    folder, _, _ = handed_in
    done = reproduced(folder, project_of(tmp_path / "project", folder, said, code))
    assert done.returncode == 1
    assert "same bytes" not in done.stdout
    assert ("0 steps ran" if code == 0 else "did not finish") in done.stdout


def test_reproduce_from_within_the_project_keeps_what_was_handed_in_where_it_differs(handed_in, tmp_path):
    folder, _, _ = handed_in
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "results.csv").write_text("other numbers")
    project = project_of(tmp_path / "project", other, "2 of 2 steps: submission")
    mine = project / "reports" / "demo" / "submission"
    shutil.copytree(folder, mine)
    done = reproduced(mine, project)
    assert done.returncode == 1
    assert "not the same bytes: results.csv" in done.stdout
    kept = mine.with_name("submission_before")
    assert str(kept) in done.stdout
    assert (kept / "results.csv").read_bytes() == (folder / "results.csv").read_bytes()
    assert (mine / "results.csv").read_text() == "other numbers"


def test_the_same_study_gives_the_same_bytes(handed_in, tmp_path):
    folder, _, rules = handed_in
    released, labels = shown(plan, 60)
    told = {"study": "demo", "profile": "bmj"}
    build_submission(labels, released, rules, tmp_path / "again", told, {"plan.yaml": "study: demo\n"}, PATTERNS)
    assert (folder / MANIFEST).read_text("utf-8") == (tmp_path / "again" / MANIFEST).read_text("utf-8")


def test_a_figure_too_tall_for_the_page_is_left_out_and_said(handed_in):
    folder, _, rules = handed_in
    lines = (folder / "figures.csv").read_text("utf-8").splitlines()
    tall = [line.split(",") for line in lines if line.endswith("too tall for a page")]
    assert tall
    for name, width, _, height, _ in tall:
        assert float(height) > rules.height
        assert not (folder / "figures" / width / f"{name}.pdf").exists()


def test_a_figure_too_tall_at_every_width_comes_in_parts_that_fit_and_make_the_whole(tmp_path, capsys):
    released, labels = shown(plan, 60)
    rules = journal("bmj").model_copy(update={"dpi": (100, 150), "widths": {"double": 180.0}, "height": 60.0})
    folder = tmp_path / "submission"
    verdicts = build_submission(labels, released, rules, folder, {}, {}, PATTERNS)
    assert set(verdicts["verdict"]) == {"ok"}
    sizes = pd.read_csv(folder / "figures.csv", keep_default_na=False)
    parts = sizes[sizes["figure"].str.contains("-part-")]
    assert len(parts) >= 2
    for name, mine in parts.groupby(parts["figure"].str.partition("-part-")[0]):
        whole = sizes[sizes["figure"].eq(name)]
        assert whole["left_out"].eq("too tall for a page").all()
        assert (mine["height_mm"] <= 60).all()
        assert mine["height_mm"].sum() == pytest.approx(whole["height_mm"].iloc[0], abs=0.1 * (1 + len(mine)))
        assert not (folder / "figures" / "double" / f"{name}.pdf").exists()
        for which in mine["figure"]:
            assert (folder / "figures" / "double" / f"{which}.pdf").exists()
            assert f"of {len(mine)})" in (folder / "figures" / f"{which}.caption.txt").read_text("utf-8")
        said = capsys.readouterr().err
        assert not re.search(rf"figures? [^:]*\b{name}\b[^.]* taller", said)


@pytest.mark.parametrize(("height", "said"), [(75.0, "flow"), (2000.0, "")])
def test_a_figure_that_no_width_of_a_journal_has_room_for_is_said_at_once(height, said, tmp_path, capsys):
    """A primary result without a picture is no matter of a line in a table."""
    released, labels = shown(plan, 60)
    rules = journal("bmj").model_copy(update={"dpi": (100, 150), "widths": {"double": 180.0}, "height": height})
    build_submission(labels, released, rules, tmp_path / "submission", {}, {}, PATTERNS)
    told = capsys.readouterr().err
    assert ("needling: look at this first: figure" in told) == bool(said)
    assert said in told


def document(folder, name):
    with zipfile.ZipFile(folder / f"{name}.docx") as archive:
        return archive.read("word/document.xml").decode()


def words_of(xml):
    return html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"</w:p>", " ", xml)))


@pytest.mark.parametrize(("name", "kind"), [("tables", "tbl"), ("figures", "drawing")])
def test_documents_have_one_object_on_a_page_with_a_heading_and_a_numbered_caption(handed_in, name, kind):
    xml = document(handed_in[0], name)
    objects = len(re.findall(rf"<w:{kind}>", xml))
    assert objects >= 4
    assert xml.count('<w:br w:type="page"/>') == objects - 1
    assert len(re.findall(r" SEQ (?:Table|Figure|Supplement) ", xml)) == objects
    assert xml.count('w:val="Heading1"') >= 3
    pages = xml.split('<w:br w:type="page"/>')
    assert [len(re.findall(rf"<w:{kind}>", page)) for page in pages] == [1] * objects
    targets = set(re.findall(r'<w:bookmarkStart [^>]*w:name="([^"]+)"', xml))
    assert set(re.findall(r'w:anchor="([^"]+)"', xml)) <= targets


def test_documents_number_tables_and_figures_as_the_report_does(handed_in, tmp_path):
    released, labels = shown(plan, 60)
    tables = write_tables(released, labels, tmp_path)
    words = {name: {"caption": name, "alternative": "A picture.", "section": room_section(name)} for name in figures()}
    words = {name: one for name, one in words.items() if (handed_in[0] / "figures" / f"{name}.csv").exists()}
    text = report_text(labels, released, tables, words, software=["numpy 2"], templates=TEMPLATES)
    for kind, known in (("table", tables), ("figure", words)):
        found = blocks(text, kind)
        lists = ["checklist_consort", "checklist_stricta", "checklist_tidier"] if kind == "table" else []
        assert sorted(block.name for block in found) == sorted([*known, *lists])
        numbers = [re.search(r"\*\*(\w+ ?S?\d+)\.\*\*", block.text)[1] for block in found]
        said = words_of(document(handed_in[0], f"{kind}s"))
        assert [number for number in numbers if f"{number}. Made-up data." not in said] == []


def room_section(name):
    return getattr(figures()[name], "SECTION", "others")


def test_every_drawing_of_a_submission_says_what_it_is_about_and_shows(handed_in):
    drawings = list((handed_in[0] / "figures").rglob("*.svg"))
    assert drawings
    for path in drawings:
        told = path.read_text(encoding="utf-8")
        seen = (path.parents[1] / f"{path.stem}.alt.txt").read_text(encoding="utf-8").strip()
        assert re.search(r"<title[^>]*>[^<]{5,}</title>", told), path.name
        assert html.unescape(re.search(r"<desc[^>]*>([^<]*)</desc>", told)[1]) == seen


def test_methods_say_what_is_estimated_each_model_and_what_is_left_to_the_authors(handed_in):
    said = words_of(document(handed_in[0], "methods"))
    assert "adults with one of three painful conditions" in said
    for told in ("Mixed model for repeated measures (REML)", "Analysis of covariance", "Computed with Python"):
        assert said.count(told) == 1, told
    assert "Registration" in said.split("For the authors to add")[1]
    assert "](#" not in said


def test_a_picture_taller_than_a_page_is_made_smaller(tmp_path):
    for name, tall in (("low", 900), ("tall", 2400)):
        Image.new("RGB", (1400, tall), "white").save(tmp_path / f"{name}.png", dpi=(200, 200))
    text = "\n\n".join(f'![**Figure 1.** A.](figures/{name}){{#figure-{name} alt="A"}}' for name in ("low", "tall"))
    xml = (
        zipfile.ZipFile(build_document(text, "Pictures", Labels(plan()), tmp_path, tmp_path / "made.docx"))
        .read("word/document.xml")
        .decode()
    )
    heights = [int(one) / 36000 for one in re.findall(r'<wp:extent cx="\d+" cy="(\d+)"', xml)]
    assert heights == [pytest.approx(900 / 1400 * 170, abs=7), pytest.approx(200, abs=0.5)]


# ---------------------------------------------------------------- what goes out


def held(tmp_path, name, text, **more):
    """The sentence with which one file is stopped; '' where it may go."""
    folder = tmp_path / "out"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    try:
        stop_on_identifiers(folder, PATTERNS, **more)
    except StudyError as error:
        return str(error)
    finally:
        (folder / name).unlink()
    return ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("notes: call Dr Jane Doe", "a title with a name"),
        ("notes: jane.doe@example.org", "an e-mail address"),
        ("notes: ask +44 20 7946 0018", "a phone number"),
        ("notes: MRN 4471123", "a record number"),
        ("notes: born 12/03/1961", "a date"),
        ("notes: DOB 1961-03-12", "a day or year of birth"),
        ("notes: NHS 9434765919", "check digit"),
        ("notes: 85.07.30-033.28", "a number of persons with its check digit"),
    ],
)
@pytest.mark.parametrize(
    "name", ["plan.yaml", "tables/one.csv", "one.txt", "one.html", "one.svg", "one.json", "one.md"]
)
def test_text_that_could_identify_somebody_goes_out_in_no_file_and_is_not_repeated(tmp_path, name, text, why):
    (tmp_path / "out" / "tables").mkdir(parents=True)
    words = text if name == "plan.yaml" else text.partition(": ")[2]
    around = {"csv": 'a,b\n1.5,"{}"\n', "html": "<p>\n<b>{}</b></p>", "svg": '<svg>\n<g d="1 2">{}</g></svg>'}
    told = held(tmp_path, name, around.get(name.rpartition(".")[2], "first\n{}\n").format(words))
    assert told.startswith(f"{name}, line 2: it holds ")
    assert why in told
    assert words.split()[-1] not in told


def test_what_points_at_a_part_of_a_drawing_is_a_program_s_and_what_points_elsewhere_is_searched(tmp_path):
    """Names of marks are digits by chance, of which one in a few hundred has a check digit."""
    assert held(tmp_path, "one.svg", '<svg>\n<use xlink:href="#m9434765919" x="0"/></svg>') == ""
    assert "one.svg, line 2" in held(tmp_path, "one.svg", '<svg>\n<a xlink:href="mailto:jane.doe@example.org"/></svg>')
    assert "one.html, line 2" in held(tmp_path, "one.html", "<p>\n<a href='tel:+44 20 7946 0018'>x</a></p>")
    assert "check digit" in held(tmp_path, "one.svg", '<svg>\n<g aria-label="#m 9434765919"/></svg>')


def test_words_in_documents_and_in_descriptions_of_pictures_are_searched_too(handed_in, tmp_path):
    folder, _, _ = handed_in
    codes = set(pd.read_csv(folder / "results.csv", dtype="str")["row_id"])
    stop_on_identifiers(folder, PATTERNS, set(software()), codes)
    for name, part, before, after in (
        (
            "methods.docx",
            "word/document.xml",
            "<w:t",
            "<w:t>jane.doe@</w:t></w:r><w:r><w:t>example.org </w:t></w:r><w:r><w:t",
        ),
        ("figures.docx", "word/document.xml", 'descr="', 'descr="jane.doe@example.org '),
        ("checklists.xlsx", "xl/sharedStrings.xml", "<si><t>", "<si><t>jane.doe@example.org "),
        ("methods.docx", "docProps/core.xml", "<dc:title>", "<dc:title>jane.doe@example.org "),
    ):
        out = tmp_path / part.replace("/", "_") / name
        out.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(folder / name) as given, zipfile.ZipFile(out, "w") as made:
            for one in given.namelist():
                text = given.read(one)
                made.writestr(one, text.replace(before.encode(), after.encode(), 1) if one == part else text)
        with pytest.raises(StudyError, match=rf"{name}, {part}, line \d+: it holds an e-mail address"):
            stop_on_identifiers(out.parent, PATTERNS)
        out.unlink()


STUDY_FILE = """
authors: [Dr Jane Doe]
metadata:
  registration: ISRCTN96537534, 25 April 2003
  funding: The Smith Foundation,
    ask jane.doe@example.org
disclosure: {rule: trial, by: Jane Doe, date: 2026-11-26}
seed: 20260101
"""


def test_what_authors_say_of_themselves_days_of_the_study_digests_and_results_go_out(tmp_path):
    meant = meant_to_go_out(STUDY_FILE)
    assert held(tmp_path, "plan.yaml", STUDY_FILE, meant=meant) == ""
    assert "line 2" in held(tmp_path, "plan.yaml", STUDY_FILE)
    assert held(tmp_path, "CITATION.cff", "- name: Dr Jane Doe\n", meant=meant) == ""
    assert "a title with a name" in held(tmp_path, "CITATION.cff", "- name: Dr Janet Dole\n", meant=meant)
    results = "row_id,p,estimate\n844571925901,0.0012345678912,-1234567.123456789\n095c203ffca2,1.2345678e-05,3\n"
    assert held(tmp_path, "results.csv", results, codes={"844571925901", "095c203ffca2"}) == ""
    assert "nine or more digits" in held(tmp_path, "results.csv", results)
    assert held(tmp_path, "SHA256SUMS", f"{'0123456789' * 6}abcd  plan.yaml\n") == ""


def test_a_note_that_names_somebody_stops_the_submission_and_leaves_the_last_good_one(tmp_path):
    released, labels = shown(plan, 60)
    rules = journal("bmj").model_copy(update={"dpi": (100, 150), "formats": ("png",), "widths": {"double": 180.0}})
    note = "study: demo\nnotes:\n  - Dr Jane Doe, jane.doe@x.org, +44 20 7946 0018, MRN 4471123\n"
    (tmp_path / "submission").mkdir()
    with pytest.raises(StudyError, match=r"^plan\.yaml, line 3: it holds .* \(\d more such places\)") as told:
        build_submission(labels, released, rules, tmp_path / "submission", {}, {"plan.yaml": note}, PATTERNS)
    assert not any(one in str(told.value) for one in ("Jane", "Doe", "7946", "4471123"))
    assert [path.name for path in tmp_path.iterdir()] == ["submission"]


# ---------------------------------------------------------------- checklists


def filled(make, tmp_path, metadata=None):
    released, labels = shown(make, 60)
    words = {
        "flow": {"caption": "Participant flow.", "alternative": ""},
        "forest": {"caption": "Effects.", "alternative": ""},
    }
    return checklists(released, labels, write_tables(released, labels, tmp_path), words)


def test_a_trial_gets_consort_and_a_single_arm_strobe(tmp_path):
    assert list(filled(plan, tmp_path)) == ["CONSORT 2025", "STRICTA 2010", "TIDieR"]
    lists = ["STROBE (cohort studies)", "RECORD (records of routine care)", "STRICTA 2010", "TIDieR"]
    assert list(filled(single_arm_plan, tmp_path)) == lists
    record = filled(single_arm_plan, tmp_path)["RECORD (records of routine care)"]
    assert len(record) == 13
    assert {item.number: item.status for item in record if item.status == AUTOMATIC} == {"13.1": AUTOMATIC}


def test_what_a_checklist_may_say_of_an_item():
    """A comma in an unquoted text would make keys of its parts."""
    given = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    known = {"asks", "methods", "table", "figure", "delivered", "needs", "says", "designs", "single_arm"}
    for guideline in given.values():
        for number, item in guideline["items"].items():
            assert set(item) <= known, (guideline["label"], number)


def test_what_answers_an_item_is_something_that_reports_have(tmp_path):
    """A title or name that nothing has would leave its item to the authors of every study."""
    told = dict.fromkeys(ITEMS, "told")
    titles = {title for title, _ in plan_items(*shown(partial(plan, metadata=told), 60))}
    known = {"methods": titles, "table": set(tables()), "figure": set(figures()), "needs": set(tables())}
    for guideline in yaml.safe_load(FILE.read_text(encoding="utf-8")).values():
        for number, item in guideline["items"].items():
            for kind, names in known.items():
                asked = item.get(kind, [])
                assert ({asked} if isinstance(asked, str) else set(asked)) <= names, (guideline["label"], number, kind)


def test_items_are_answered_by_what_there_is_left_to_authors_or_not_in_the_data(tmp_path):
    items = {item.number: item for item in filled(plan, tmp_path)["CONSORT 2025"]}
    assert items["22a"].status == AUTOMATIC
    assert items["22a"].answer == "Participant flow."
    assert items["22a"].where == "figures/flow"
    assert items["29"].status == AUTHORS
    assert items["27"].status == ABSENT  # no figure of harms was drawn
    assert len(items) == 42
    assert not any(item.answer for item in items.values() if item.status != AUTOMATIC)


def test_an_item_is_answered_by_what_the_methods_say_or_left_to_the_authors(tmp_path):
    consort = {item.number: item for item in filled(plan, tmp_path)["CONSORT 2025"]}
    assert consort["9"].status == AUTHORS  # design and framework are known, the allocation ratio is not
    assert consort["21c"].answer.startswith("Missing data: The primary analysis uses")
    assert {consort[number].status for number in ("2", "3", "5a", "13", "17a", "20a")} == {AUTHORS}
    assert consort["14"].answer.startswith("Outcomes: Primary: pain intensity and function at week 4.")
    drawn = {"protocol": "At the registry", "treatments": "Six sessions", "randomisation": "1:1, in blocks of 4"}
    protocol = {"metadata": drawn}
    told = {item.number: item for item in filled(partial(plan, **protocol), tmp_path)["CONSORT 2025"]}
    assert told["3"].answer == "Protocol and analysis plan: At the registry"
    assert told["13"].answer == "Treatments: Six sessions"
    assert told["9"].answer.startswith("Design: Randomised trial of two arms: dry needling and usual care.")
    assert told["9"].links == ("methods:Design", "methods:Randomisation", "figure:flow")
    drawn["randomisation"] = "By a computer, in blocks"
    assert {item.number: item for item in filled(partial(plan, **protocol), tmp_path)["CONSORT 2025"]}[
        "9"
    ].status == AUTHORS


def test_methods_of_harms_are_told_only_with_an_analysis_of_harms(tmp_path):
    released, labels = shown(plan, 60)
    tables = write_tables(released, labels, tmp_path)
    tables.pop("adverse_events", None)
    without = {item.number: item for item in checklists(released, labels, tables, {})["CONSORT 2025"]}
    assert without["21a"].status == AUTHORS
    tables["adverse_events"] = tables["primary"]
    there = {item.number: item for item in checklists(released, labels, tables, {})["CONSORT 2025"]}
    assert there["21a"].status == AUTOMATIC


def test_one_group_names_its_treatment_only_where_the_authors_do_and_has_no_comparator(tmp_path):
    lists = filled(single_arm_plan, tmp_path)
    assert lists["TIDieR"][0].status == AUTHORS
    assert {"6a", "6b"}.isdisjoint(item.number for item in lists["STRICTA 2010"])
    assert {"6a", "6b"} <= {item.number for item in filled(plan, tmp_path)["STRICTA 2010"]}
    released, labels = shown(single_arm_plan, 60)
    object.__setattr__(labels.plan.metadata, "treatments", "Dry needling")
    told = checklists(released, labels, {}, {})
    assert told["TIDieR"][0].answer == "Treatments: Dry needling"
    strobe = {item.number: item for item in lists["STROBE (cohort studies)"]}
    assert strobe["15"].status == AUTOMATIC  # no figure was drawn, and the table of observed values is there
    assert strobe["15"].links == ("table:observed",)


def test_answers_quote_numbers_of_figures_and_of_the_only_table(tmp_path):
    released, labels = shown(plan, 60)
    words = {"flow": {"caption": "Participant flow.", "alternative": "Flow diagram: 480 randomised."}}
    tables = write_tables(released, labels, tmp_path)
    head = ["From", "Reason", "Usual care", "Dry needling"]
    rows = [
        ["Pain"],
        ["Week 2", "lost", "1", "0"],
        ["Week 4", "moved", HIDDEN, HIDDEN],
        ["Week 8", "lost", "2", MISSING],
    ]
    tables["dropout"] = Printed("Patients lost.", pd.DataFrame(), head, rows, [])
    told = {item.number: item for item in checklists(released, labels, tables, words)["CONSORT 2025"]}
    assert told["22a"].answer == "Flow diagram: 480 randomised."
    quoted = "Patients lost. Pain: Week 2 (Reason lost, Usual care 1, Dry needling 0); Pain: Week 8 (Reason lost, Usual care 2)."
    assert told["22b"].answer.startswith(quoted[:60])
    assert "Week 8 (Reason lost, Usual care 2)." in told["22b"].answer
    assert "Pain intensity (Usual care 4.48, Dry needling 3.93, Effect (95% CI) " in told["26"].answer
    assert "Patients (Usual care n = 60, Dry needling n = 60)" in told["25"].answer
    assert re.search(r"; and \d+ more rows\.$", told["25"].answer)


def test_places_of_the_checklists_lead_to_files_that_are_there(handed_in):
    folder, _, _ = handed_in
    with zipfile.ZipFile(folder / "checklists.xlsx") as book:
        rels = "".join(book.read(name).decode() for name in book.namelist() if name.endswith(".rels"))
    led = {html.unescape(one) for one in re.findall(r'Target="([^"]+)" TargetMode="External"', rels)}
    page = (folder / "checklists.html").read_text("utf-8")
    shown_ = {html.unescape(one) for one in re.findall(r'href="([^"#][^"]*)"', page) if not one.startswith("https:")}
    assert led == shown_
    assert {"figures/single/forest.pdf", "tables/primary.csv", "methods.docx"} <= led
    assert [place for place in sorted(led) if not (folder / place).is_file()] == []
    assert not re.search(r'(?:src|href)="https?://[^"]*\.(?:css|js|woff2?)', page)
    for name in ("CONSORT 2025", "STRICTA 2010", "TIDieR"):
        assert f"{name}</h2>" in page


def test_other_analyses_are_answered_by_any_table_of_them(tmp_path):
    """A study without a table of secondary analyses can have others."""
    released, labels = shown(plan, 60)
    tables = write_tables(released, labels, tmp_path)
    tables.pop("secondary", None)
    without = {item.number: item for item in checklists(released, labels, tables, {})["CONSORT 2025"]}
    assert without["28"].status == ABSENT
    tables["twin"] = tables["primary"]
    assert {item.number: item for item in checklists(released, labels, tables, {})["CONSORT 2025"]}["28"].links == (
        "table:twin",
    )


def test_what_a_table_withholds_answers_no_item_and_is_left_to_the_authors():
    released, labels = shown(plan, 60)
    head = ["STRICTA", "What", "Usual care", "Dry needling"]
    rows = [["Neck"], ["2b", "Muscle: trapezius", HIDDEN, HIDDEN], ["2c", "Depth, mm", MISSING, HIDDEN]]
    rows += [["2d", "Local twitch response", HIDDEN, "40/60 (67%)"]]
    table = Printed("Treatment as delivered.", pd.DataFrame(), head, rows, [])
    items = {item.number: item for item in checklists(released, labels, {"delivered": table}, {})["STRICTA 2010"]}
    assert [items[one].status for one in ("2b", "2c", "2d", "2e")] == [AUTHORS, AUTHORS, AUTOMATIC, ABSENT]
    assert items["2b"].answer == items["2b"].where == ""
    assert items["2d"].answer == "Neck: Local twitch response (Usual care ‡, Dry needling 40/60 (67%))"


def test_a_study_without_needling_has_no_stricta(tmp_path):
    without = partial(plan, metadata={"needling": False})
    assert list(filled(without, tmp_path)) == ["CONSORT 2025", "TIDieR"]
    assert list(sources(Labels(without()))) == ["CONSORT 2025", "TIDieR"]


@pytest.mark.parametrize(
    ("make", "changes", "told"),
    [
        (plan, {}, "The primary analysis asks whether they differ (superiority)."),
        (
            plan, {"framework": "non_inferiority", "margin": 1.5},
            "The primary analysis asks whether one is not worse than another by a margin of 1.5 or more (non-inferiority).",
        ),
        (
            plan, {"framework": "equivalence", "margin": 2},
            "The primary analysis asks whether they are apart by less than a margin of 2 either way (equivalence).",
        ),
        (three_arms_plan, {}, "Randomised trial of three arms: dry needling, sham and usual care."),
        (single_arm_plan, {}, "One group, followed over time; nobody is compared with it."),
    ],
)  # fmt: skip
def test_the_design_is_told_with_what_the_primary_analysis_asks(make, changes, told):
    released, labels = shown(make, 60)
    settings = labels.plan.analyses[labels.plan.primary]
    for name, value in changes.items():
        object.__setattr__(settings, name, value)
    assert told in dict(plan_items(released, labels))["Design"]


def test_harms_are_left_to_the_authors_where_no_analysis_has_them():
    released, labels = shown(plan, 60)
    assert "Harms" in lacking(released, labels)
    row = pd.DataFrame([{"analysis": "harms", "item": "table", "text": "adverse_events"}])
    with_harms = released | {"methods": pd.concat([released["methods"], row])}
    assert "Harms" not in lacking(with_harms, labels)


def test_the_commit_is_read_where_there_is_one(tmp_path):
    assert commit(tmp_path) == "not under version control"
    (tmp_path / ".git" / "refs").mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/main\n")
    assert commit(tmp_path) == "no commit yet"
    (tmp_path / ".git" / "packed-refs").write_text("# pack\n" + "a" * 40 + " refs/main\n")
    assert commit(tmp_path) == "a" * 40
    (tmp_path / ".git" / "refs" / "main").write_text("b" * 40 + "\n")
    assert commit(tmp_path) == "b" * 40


def test_provenance_lists_every_module_and_whether_files_differed_from_the_commit(tmp_path):
    (tmp_path / "results.parquet").write_bytes(b"")
    told = provenance(
        "demo", "bmj", {"records": "a" * 64, "corrections": ""}, {"results": tmp_path / "results.parquet"}
    )
    assert "code" not in told
    assert list(told["modules"]) == sorted(told["modules"])
    package = PROJECT / "workflow" / "needling"
    names = {path.relative_to(PROJECT).as_posix() for path in package.rglob("*.py")}
    assert names <= set(told["modules"])
    for name in ("workflow/needling/mixed/fit.py", "workflow/needling/submission/check.py"):
        assert told["modules"][name] == hashlib.sha256((PROJECT / name).read_bytes()).hexdigest()
    assert told["dirty"] in (True, False, "unknown")


def test_a_changed_file_under_version_control_is_dirty_and_a_new_one_is_not(tmp_path):
    assert dirty(tmp_path) == "unknown"

    def git(*arguments):
        who = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True, capture_output=True)

    git("init")
    (tmp_path / "one.py").write_text("1\n")
    git("add", "one.py")
    git("commit", "-m", "one")
    (tmp_path / "new.csv").write_text("2\n")
    assert dirty(tmp_path) is False
    (tmp_path / "one.py").write_text("2\n")
    assert dirty(tmp_path) is True


def test_figures_that_only_phones_need_are_drawings(tmp_path):
    figure = Figure(figsize=(2, 2))
    assert [path.name for path in save(figure, tmp_path / "one", endings=["svg"])] == ["one.svg"]
    assert json.dumps(sorted(path.name for path in tmp_path.iterdir())) == '["one.svg"]'
