"""The whole demo study, run from nothing: what comes out, that it is true, and that it is the same anywhere."""

import json
import os
import re
import shutil
import sys
import zipfile
from pathlib import Path

import jupytext
import pandas as pd
import pytest
import yaml

from accessible import VISITS, needs_axe, told
from copied import copy_project
from needling.analysis.kinds import kinds
from needling.plan import load_study
from page_words import faults

PROJECT = Path(__file__).parents[2]
STUDY = load_study(PROJECT / "config/demo.yaml")
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.py"))

# Put before the project's own code, this makes each job write down which modules of the project it really imported.
RECORDER = """
import atexit, pathlib, sys

def record():
    script = pathlib.Path(sys.argv[0]).name.split(".", 1)[-1]
    if ".snakemake/scripts" in sys.argv[0]:
        own = [m.__file__ for n, m in sorted(sys.modules.items()) if n.startswith("needling") and getattr(m, "__file__", None)]
        with open("imported.txt", "a") as file:
            file.writelines(f"{script.removesuffix('.py')} {path}\\n" for path in own)

atexit.register(record)
"""


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory, launcher):
    """The demo once more under other circumstances: another path, processor, time zone, language and hash seed; one core."""
    copy = copy_project(tmp_path_factory.mktemp("elsewhere") / "an other" / "projéct", launcher)
    recorder = tmp_path_factory.mktemp("recorder")
    (recorder / "sitecustomize.py").write_text(RECORDER)
    done = copy.snakemake(
        "--quiet",
        "rules",
        cores=1,
        first_on_path=[str(recorder)],
        TZ="Pacific/Kiritimati",
        LC_ALL="C",
        PYTHONHASHSEED="11",
        OPENBLAS_CORETYPE="Nehalem",
        HOME="/proc/nowhere",
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return copy


# ---------------------------------------------------------------- what comes out


def test_report_figures_and_tables_are_there(demo):
    made = demo[0].outputs()
    wanted = [f"report.{ending}" for ending in ("html", "pdf", "docx")]
    wanted += [f"results/{analysis}.csv" for analysis in STUDY.analyses]
    wanted += ["audit/audit.xlsx", "audit/codebook.xlsx", "audit/codebook.html"]
    for name in wanted:
        assert len(made[f"reports/demo/{name}"]) > 200, name
    figures = {Path(name).stem for name in made if name.startswith("reports/demo/figures/") and "/." not in name}
    assert len(figures) >= 6
    for figure in figures:
        for ending in ("pdf", "svg", "png", "csv"):
            assert made[f"reports/demo/figures/{figure}.{ending}"], f"{figure}.{ending}"


def test_the_report_can_be_sent_by_mail(demo):
    for name in ("report.html", "report.pdf", "report.docx"):
        assert len(demo[0].outputs()[f"reports/demo/{name}"]) < 3_000_000, name


def test_the_page_says_nothing_of_the_program_nothing_empty_and_nothing_twice(demo):
    assert faults(demo[0].outputs()["reports/demo/report.html"].decode()) == []


@needs_axe
@pytest.mark.parametrize(("width", "scheme"), VISITS)
def test_the_whole_page_is_for_everybody_at_any_width(demo, width, scheme, tmp_path):
    page = demo[0].outputs()["reports/demo/report.html"].decode()
    assert told(page, width, scheme, tmp_path) == {"sideways": 0, "violations": []}


def test_the_run_ends_with_the_report_and_the_primary_contrasts(demo):
    copy, said = demo
    results = pd.read_csv(copy.folder / f"reports/demo/results/{STUDY.primary}.csv")
    primary = results[(results["role"] == "primary") & (results["quantity"] == "difference")]
    assert len(primary) == 6
    shown = said[said.index("steps: study") :].splitlines()
    assert len([line for line in shown if re.search(r"95\s?% CI .* to .*P [=<] ", line)]) == len(primary)
    assert "reports/demo/report.html" in shown[-1]


def test_progress_is_one_line_per_step(demo):
    steps = [line for line in demo[1].splitlines() if re.match(r"\d+ of \d+ steps: ", line)]
    total = int(steps[0].split()[2])
    assert [int(line.split()[0]) for line in steps] == list(range(1, total + 1))
    assert "Traceback" not in demo[1]
    assert "Warning" not in demo[1]


def test_a_second_run_finds_nothing_to_do(demo):
    copy, _ = demo
    before = copy.outputs()
    again = copy.run()
    assert again.returncode == 0, again.stdout
    assert again.stdout.startswith("Nothing to do")
    assert "reports/demo/report.html" in again.stdout
    assert copy.outputs() == before


def test_the_report_of_snakemake_shows_every_figure_and_table_with_its_caption(elsewhere):
    done = elsewhere.snakemake("--report", "shown.zip")
    assert done.returncode == 0, done.stdout[-1500:]
    with zipfile.ZipFile(elsewhere.folder / "shown.zip") as archive:
        names = {Path(name).name for name in archive.namelist()}
        page = archive.read("shown/report.html").decode()
    (elsewhere.folder / "shown.zip").unlink()
    folder = elsewhere.folder / "reports/demo"
    shown = [*folder.glob("figures/*.svg"), *folder.glob("tables/*.csv"), folder / "report.html"]
    assert len(shown) > 25
    assert {path.name for path in shown} <= names
    results, categories = (
        json.JSONDecoder().raw_decode("{" + page.split(f"{name} = {{", 1)[1])[0] for name in ("results", "categories")
    )
    assert categories.keys() == {"Figures", "Tables", "Report"}
    assert not [name for name in results if "/phone/" in name], "a figure is shown once, at its full width"
    captions = {Path(name).stem: one["caption"] for name, one in results.items()}
    assert all(len(re.sub("<[^>]+>", "", caption)) > 30 for caption in captions.values())
    assert len(set(captions.values())) == len(captions), "each figure and table has a caption of its own"
    words = json.loads((elsewhere.folder / "data/processed/demo/figures/words.json").read_text())
    assert words.keys() <= captions.keys()


def test_the_export_is_never_written_to(demo):
    for path in sorted((PROJECT / "data/raw/demo").iterdir()):
        assert (demo[0].folder / "data/raw/demo" / path.name).read_bytes() == path.read_bytes()


def test_logs_are_empty_after_success_and_each_rule_was_timed(demo):
    logs = demo[0].folder / "logs/demo"
    assert {path.stem for path in logs.glob("*.log")} == {path.stem for path in logs.glob("*.benchmark")}
    assert [path.name for path in logs.glob("*.log") if path.read_text()] == []


# ---------------------------------------------------------------- that it is true


def test_true_effects_lie_inside_the_intervals(demo):
    truth = json.loads((PROJECT / "tests/truth/truth.json").read_text())
    results = pd.read_csv(demo[0].folder / f"reports/demo/results/{STUDY.primary}.csv")
    found = results[(results["role"] == "primary") & (results["quantity"] == "difference")]
    inside = []
    for row in found.itertuples():
        outcome = truth["cohorts"][row.cohort]["outcomes"].get(row.outcome)
        if outcome:
            inside.append(row.low <= outcome["effect"][row.visit] <= row.high)
    assert len(inside) == 6
    # Of intervals at 95 %, one in twenty misses; more than one of so few would mean a fault.
    assert inside.count(False) <= 1, found


def test_every_row_is_kept_or_in_quarantine(demo):
    processed = demo[0].folder / "data/processed/demo"
    quarantine = pd.read_parquet(processed / "clean/quarantine.parquet")
    for table in ("patients", "visits", "outcomes"):
        before = pd.read_parquet(processed / f"read/{table}.parquet")["row"]
        after = pd.read_parquet(processed / f"clean/{table}.parquet")["row"]
        put_aside = quarantine.loc[quarantine["table"] == table, "row"]
        assert sorted([*after.astype(int), *put_aside.astype(int)]) == sorted(before.astype(int)), table


# ---------------------------------------------------------------- that it is the same anywhere


def test_results_are_the_same_bytes_elsewhere(demo, elsewhere):
    here, there = demo[0].outputs(), elsewhere.outputs()
    assert sorted(here) == sorted(there)
    assert [name for name in here if here[name] != there[name]] == []


def test_no_output_tells_where_or_when_it_was_made(elsewhere):
    told = [str(elsewhere.folder).encode(), b"Kiritimati", b"/home/", str(PROJECT).encode()]
    made = elsewhere.outputs()
    assert [(name, word) for name, content in made.items() for word in told if word in content] == []


def test_results_are_written_as_analysis_results_data(demo):
    ard = pd.read_csv(demo[0].folder / "reports/demo/results/ard.csv")
    results = pd.read_parquet(demo[0].folder / "data/processed/demo/release/results.parquet")
    estimates = ard[ard["stat_name"] == "estimate"].dropna(subset="stat")
    assert len(estimates) == results["estimate"].notna().sum()


# ---------------------------------------------------------------- that a change runs what it concerns


@pytest.fixture(scope="session")
def listed(elsewhere):
    """Modules of the package that each rule names as inputs, from Snakemake's own list of jobs."""
    said = elsewhere.snakemake("--dry-run", "--forceall").stdout
    listed = {}
    for name, inputs in re.findall(r"^rule (\w+):\n(?:.*\n)*?    input: (.*)$", said, re.MULTILINE):
        own = {path for path in inputs.split(", ") if path.startswith("workflow/needling/") and path.endswith(".py")}
        listed.setdefault(name, set()).update(own)
    return listed


def test_rules_name_the_modules_that_their_jobs_import(elsewhere, listed):
    imported = {}
    for line in (elsewhere.folder / "imported.txt").read_text().splitlines():
        script, path = line.split(" ", 1)
        imported.setdefault(script, set()).add(str(Path(path).relative_to(elsewhere.folder)))
    of_rules = {}
    for rule, modules in listed.items():
        of_rules.setdefault("analyse" if rule.startswith("analyse_") else rule, set()).update(modules)
    assert set(imported) == set(of_rules) - {"all", "study"}
    # Every job reads the files of all kinds, to know their names; of a kind that the study does not ask for nothing else is used.
    known = {f"workflow/needling/analysis/{Path(kind.__file__).name}" for kind in kinds().values()}
    for script, modules in imported.items():
        named = of_rules[script] | (known if script == "analyse" else set())
        assert modules <= named, f"{script} imports {sorted(modules - named)} but does not name them"


def test_rules_do_not_name_what_they_never_import(listed):
    never = {
        "read": "mixed analysis release figures report",
        "clean": "mixed analysis release figures",
        "assemble": "mixed analysis release figures",
        "figures": "mixed analysis read clean cohort release privacy",
        "report": "mixed analysis read clean cohort release privacy",
        "analyse_week_12": "release figures read clean",
    }
    for rule, rooms in never.items():
        for room in rooms.split():
            assert not [name for name in listed[rule] if name.startswith(f"workflow/needling/{room}/")], (rule, room)
    of_least_squares = {Path(name).name for name in listed["analyse_week_12"] if "/mixed/" in name}
    assert of_least_squares == {"__init__.py", "independent.py"}


def test_besides_its_analyses_a_study_has_at_most_ten_jobs(listed):
    assert len([rule for rule in listed if not rule.startswith("analyse_") and rule not in ("all", "study")]) <= 10


ANALYSES = {f"analyse_{name}" for name in STUDY.analyses}
SHOWING = {"figures", "report"}
ALL = {"read", "clean", "assemble", "audit", "share", "release", *ANALYSES, *SHOWING}
LATER = {"release", *SHOWING}
MIXED = {
    f"analyse_{name}"
    for name, plan in STUDY.analyses.items()
    if plan.kind
    not in ("ancova", "naive", "treatment_delivered", "moderators", "subgroups", "multimodal", "policy", "dose")
}
WEEK_16 = """  week_16:
    kind: ancova
    outcomes: [pain]
    visits: [week_12]
"""


def append(path, text):
    path.write_bytes(path.read_bytes() + text)


def edit(old, new):
    def change(copy):
        path = copy.folder / "config/demo.yaml"
        before = path.read_text()
        assert old in before
        path.write_text(before.replace(old, new, 1))

    return change


def touch_everything(copy):
    for path in [*copy.folder.glob("data/raw/demo/*"), *copy.folder.rglob("workflow/**/*.py")]:
        path.touch()


def older_export(copy):
    """Another export under the same name, dated before the last run, as `cp -p` or an unzip makes it."""
    path = copy.folder / "data/raw/demo/records.csv"
    append(path, b"\n")
    os.utime(path, (1, 1))


def code(module, text="\n# another line\n"):
    return lambda copy: append(copy.folder / "workflow/needling" / module, text.encode())


def bring(part):
    """A part of the study's own, as docs/extending.md has it."""
    return lambda copy: shutil.copy(PROJECT / "docs/examples" / part, copy.folder / "workflow/extensions")


def registered(instrument, old, new):
    """Another word in the registry's entry of one instrument."""

    def change(copy):
        path = copy.folder / "workflow/needling/instruments/registry.yaml"
        before, entry, after = re.split(rf"(?ms)^({instrument}:.*?)(?=^\w)", path.read_text(encoding="utf-8"))
        assert old in entry
        path.write_text(before + entry.replace(old, new, 1) + after, encoding="utf-8")

    return change


def delete(name):
    return lambda copy: (copy.folder / "data/processed/demo" / name).unlink()


EDITS = {
    "nothing": (lambda copy: None, set()),
    "a touch of the export and of all code": (touch_everything, set()),
    "another export with an older time stamp": (older_export, ALL),
    "the label of an arm": (
        edit("usual_care: Usual care, dry", "usual_care: Usual, dry"),
        {"audit", *SHOWING},
    ),
    "the label of a visit": (edit("label: Week 4,", "label: Four weeks,"), {"audit", *SHOWING}),
    "the label of an analysis": (edit("label: Week 4 alone", "label: Week 4, alone"), SHOWING),
    "the title": (edit("title: ", "title: Again, "), {"audit", *SHOWING}),
    "one more analysis": (
        edit("  week_12:\n    kind: ancova", WEEK_16 + "  week_12:\n    kind: ancova"),
        {"analyse_week_16", *LATER},
    ),
    "a setting of one analysis": (edit("df: kenward_roger", "df: satterthwaite"), {"analyse_primary", *LATER}),
    "a family": (edit("method: holm", "method: hochberg"), LATER),
    "a cleaning rule": (edit("cohorts:\n", "cleaning: {off: [answer_patterns]}\ncohorts:\n"), ALL - {"read"}),
    "another key": (lambda copy: append(copy.folder / "data/keys/demo.csv", b"\n"), ALL - {"read"}),
    "code of one kind": (code("analysis/growth_curve.py"), {"analyse_growth", *LATER}),
    "code of the engine": (code("mixed/fit.py"), {*MIXED, *LATER}),
    "code of a figure": (code("figures/forest.py"), SHOWING),
    "code of the release line": (code("release/cells.py"), LATER),
    "an instrument of the study's own that no outcome is of": (bring("instrument_stiffness.yaml"), set()),
    "an entry of the registry that no outcome is of": (registered("odi", "better: lower", "better: higher"), set()),
    "the entry of an outcome": (registered("ndi", "answered: 8", "answered: 9"), ALL - {"read"}),
    "a kind of the study's own that no analysis asks for": (bring("trimmed_means.py"), set()),
    "a figure of the study's own": (bring("figure_left_out.py"), SHOWING),
    "a cleaning rule of the study's own": (bring("rule_pain_after.py"), ALL - {"read"}),
    "a deleted side table": (delete("analyses/growth/cross_check.parquet"), {"analyse_growth", *LATER}),
    "a deleted released table": (delete("release/flow.parquet"), LATER),
}


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_runs_what_it_concerns_and_nothing_else(elsewhere, what):
    change, expected = EDITS[what]
    folders = [
        "config",
        "data/raw/demo",
        "data/keys",
        "workflow/needling",
        "workflow/extensions",
        "data/processed/demo",
    ]

    def there():
        found = [path for folder in folders for path in (elsewhere.folder / folder).rglob("*")]
        return [path for path in found if path.is_file() and "__pycache__" not in path.parts]

    kept = {path: (path.read_bytes(), path.stat()) for path in there()}
    change(elsewhere)
    try:
        said = elsewhere.snakemake("--dry-run", "--quiet", "rules").stdout
    finally:
        for path in set(there()) - kept.keys():
            path.unlink()
        for path, (content, status) in kept.items():
            if not path.exists() or path.stat().st_mtime_ns != status.st_mtime_ns:
                path.write_bytes(content)
                os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    counts = set(dict(re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE)))
    assert counts - {"total", "study", "all"} == expected, said[-1500:]


def test_an_unused_instrument_refits_nothing(elsewhere):
    """It is read, scored and described; the frames that models read keep their content, so that no model is fitted again."""
    path = elsewhere.folder / "config/demo.yaml"
    before = path.read_bytes()
    edit("  tsk11: {items: tsk11_1 .. tsk11_11, total: tsk11_total}\n", "")(elsewhere)
    try:
        done = elsewhere.snakemake("--until", "assemble", "--quiet", "rules")
        assert done.returncode == 0, done.stdout[-1500:]
        said = elsewhere.snakemake("--dry-run", "--quiet", "rules").stdout
    finally:
        path.write_bytes(before)
        elsewhere.snakemake("--until", "assemble", "--quiet", "rules")
    jobs = set(dict(re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE)))
    assert {"release", "figures", "report"} <= jobs
    # responders read how reliable the instruments are, a table that an instrument changes
    assert {job for job in jobs if job.startswith("analyse_")} <= {"analyse_responders"}, said[-1500:]


def test_an_instrument_of_the_studys_own_runs_again_what_uses_it(elsewhere):
    """Once data are made anew, only analyses follow whose values hold its definition; frames that models read are the same."""
    own = elsewhere.folder / "workflow/extensions/instrument_neck.yaml"
    registry = yaml.safe_load((elsewhere.folder / "workflow/needling/instruments/registry.yaml").read_text())
    plan = elsewhere.folder / "config/demo.yaml"
    before = plan.read_bytes()
    edit("  ndi: {items:", "  ndi: {registry: neck, items:")(elsewhere)
    try:
        own.write_text(yaml.safe_dump(registry["ndi"]))
        assert elsewhere.snakemake("--until", "assemble", "--quiet", "rules").returncode == 0
        own.write_text(yaml.safe_dump(registry["ndi"] | {"recall": "last month"}))
        done = elsewhere.snakemake("--until", "assemble", "--quiet", "rules")
        assert done.returncode == 0, done.stdout[-1500:]
        assert re.search(r"^clean +1$", done.stdout, re.MULTILINE), done.stdout
        said = elsewhere.snakemake("--dry-run", "--quiet", "rules").stdout
    finally:
        plan.write_bytes(before)
        own.unlink()
        elsewhere.snakemake("--until", "assemble", "--quiet", "rules")
    asking = {n for n, one in STUDY.analyses.items() if "instruments" in getattr(kinds()[one.kind], "USES", ())}
    jobs = set(dict(re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE)))
    assert {job for job in jobs if job.startswith("analyse_")} == {f"analyse_{name}" for name in asking}, said[-1500:]


# ---------------------------------------------------------------- notebooks: here, because they need a finished demo


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_cells_of_python_without_outputs(path) -> None:
    notebook = jupytext.read(path)
    assert {cell.cell_type for cell in notebook.cells} == {"code", "markdown"}
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert not path.with_suffix(".ipynb").exists()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_on_the_demo(path, demo) -> None:
    """As a plain script, so that Jupyter is not needed: every cell, in order, in a fresh process."""
    copy, _ = demo
    folder = copy.folder / "notebooks"
    folder.mkdir(exist_ok=True)
    shutil.copy(path, folder)
    done = copy.call(sys.executable, f"notebooks/{path.name}", MPLBACKEND="agg")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "demo: its results are current." in done.stdout


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_the_notebook_goes_on_where_r_is_not(demo) -> None:
    """Where the last test of this notebook met R, this one hides it."""
    copy, _ = demo
    program = (
        (PROJECT / "notebooks/2_own_models.py")
        .read_text()
        .replace("import shutil\n", "import shutil\nshutil.which = lambda _: None\n")
    )
    done = copy.call(sys.executable, "-c", program, MPLBACKEND="agg")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "R with the package lmerTest is not installed here, so its column is left out.\n" in done.stdout


def test_pages_of_notebooks_hold_no_path_no_clock_and_no_chance(demo) -> None:
    """The launcher's command on one notebook of the demo that shows tables and pictures, and on one of a study that none opens."""
    copy, _ = demo
    folder = copy.folder / "notebooks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(PROJECT / "notebooks/4_moderators.py", folder)
    cells = [
        "import needling as nd",
        'study = nd.open("demo")\nobject()',
        'import warnings\nwarnings.warn("mind this")',
    ]
    cells += ["study.root", 'study.figure("forest")']
    (folder / "0_short.py").write_text("".join(f"# %%\n{cell}\n" for cell in cells))
    pages = []
    for _ in range(2):
        done = copy.run("notebooks")
        assert done.stdout.splitlines() == [
            f"data/processed/demo/notebooks/{n}.html" for n in ("0_short", "4_moderators")
        ]
        pages.append(
            {path.name: path.read_bytes() for path in (copy.folder / "data/processed/demo/notebooks").iterdir()}
        )
    assert pages[0] == pages[1]
    assert len(pages[0]) == 2
    for page in pages[0].values():
        assert str(copy.folder).encode() not in page
        assert b" at 0x" not in page
        assert b"ipykernel" not in page
        assert b'src="data:image/png;base64' in page
        assert b"demo: its results are current." in page
    assert b"<title>For whom, and how much: moderators and dose</title>" in pages[0]["4_moderators.html"]
    assert b"cell:2: UserWarning: mind this" in pages[0]["0_short.html"]
    (folder / "0_short.py").write_text('# %%\nimport needling as nd\n# %%\nnd.open("demo").frame("vists")\n')
    wrong = copy.run("notebooks")
    assert wrong.returncode == 1
    assert wrong.stdout.splitlines()[-1].startswith(
        "needling: notebooks/0_short.py, code cell 2: StudyError: there is no frame 'vists'"
    )
    assert "no notebook opens 'demo_sham'" in copy.run("notebooks", "--study", "demo_sham").stdout


def test_the_examples_of_the_desk_run_on_the_demo(demo) -> None:
    copy, _ = demo
    file = copy.folder / "config/demo.yaml"
    before = file.read_bytes()
    try:
        done = copy.call(sys.executable, PROJECT / "tests/documented.py", MPLBACKEND="agg")
    finally:
        file.write_bytes(before)
    assert re.search(r"^2[6-9] examples ran$", done.stdout, re.M), done.stdout[-3000:]


@pytest.mark.parametrize("page", ["README.md", "docs/api.md"])
def test_code_of_a_page_runs_on_the_demo_as_it_stands(page, demo) -> None:
    copy, _ = demo
    blocks = re.findall(r"^```python\n(.*?)^```", (PROJECT / page).read_text(encoding="utf-8"), re.M | re.S)
    assert blocks
    file = copy.folder / "config/demo.yaml"
    before = file.read_bytes()
    try:
        done = copy.call(sys.executable, "-c", "\n".join(blocks), MPLBACKEND="agg")
    finally:
        file.write_bytes(before)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Traceback" not in done.stdout
