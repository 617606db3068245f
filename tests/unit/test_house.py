"""The rules of the house: who may import whom, how long things may be, and what every rule must say."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from needling.analysis.kinds import kinds
from needling.cli import main

PROJECT = Path(__file__).parents[2]
PACKAGE = PROJECT / "workflow" / "needling"
MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted((PROJECT / "workflow" / "scripts").glob("*.py"))
RULES = sorted((PROJECT / "workflow" / "rules").glob("*.smk"))

# Top floor last. What stands on no floor (the package's face, the command line) may import everything.
FLOORS = [
    {"study", "schema", "stage", "mixed"},
    {"read"},
    {"clean", "instruments", "privacy", "cohort", "simulate"},
    {"analysis", "plan"},
    {"release", "labels"},
    {"report", "figures", "tables", "submission"},
    {"cli", "check", "desk", "extension", "validation", "__init__"},
]
SHOWING = {"report", "figures", "tables", "submission"}
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def room(path):
    """Name the room that a file of the package belongs to."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(path):
    """Give (line, full module name) of every import of a file, those inside functions and of single names too."""
    parts = path.relative_to(PACKAGE.parent).parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = [*parts[: -node.level], node.module or ""] if node.level else [node.module]
            yield from ((node.lineno, ".".join([*start, name.name]).replace("..", ".")) for name in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from ((node.lineno, name.value) for name in node.args[:1] if isinstance(name, ast.Constant))


def calls(path):
    """Give (line, dotted name) of every call of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def found(paths, look, wrong):
    """Say where something wrong stands."""
    return [f"{p.relative_to(PROJECT)}:{line}: {what}" for p in paths for line, what in look(p) if wrong(p, what)]


# ---------------------------------------------------------------- who imports whom


def test_every_module_stands_on_a_floor():
    assert {room(path) for path in MODULES} <= set(FLOOR)


def test_imports_go_downwards():
    def upwards(path, name):
        here, parts = room(path), name.split(".")
        if here == "__init__" or parts[0] != "needling" or len(parts) < 2 or parts[1] not in FLOOR:
            return False
        return parts[1] != here and FLOOR[parts[1]] > FLOOR[here]

    assert found(MODULES, imports, upwards) == []


def test_two_rooms_of_a_floor_do_not_import_each_other():
    used = {}
    for path in MODULES:
        for _, name in imports(path):
            parts = name.split(".")
            if parts[0] == "needling" and len(parts) > 1 and parts[1] in FLOOR:
                used.setdefault(room(path), set()).add(parts[1])
    both = [(a, b) for a in used for b in used[a] if a < b and a in used.get(b, ())]
    assert both == []


def test_package_is_free_of_snakemake():
    assert found(MODULES, imports, lambda _, name: name.split(".")[0].startswith("snakemake")) == []


@pytest.mark.parametrize("where", sorted({room(path) for path in MODULES if path.parent != PACKAGE}))
def test_no_two_files_of_a_room_need_each_other(where):
    """Imports for the type checker and inside functions count: what computes does not know who asks."""
    files = {path.stem: path for path in MODULES if room(path) == where}
    used = {
        name: {
            one for _, full in imports(path) for one in full.split(".")[2:3] if full.startswith(f"needling.{where}.")
        }
        for name, path in files.items()
    }
    below: set[str] = set()
    while ready := {name for name, needs in used.items() if name not in below and needs <= below}:
        below |= ready
    assert sorted(files.keys() - below) == []


def test_engine_knows_nothing_of_studies():
    engine = [path for path in MODULES if room(path) == "mixed"]
    assert found(engine, imports, lambda _, name: name.startswith("needling.") and ".mixed" not in name) == []


def test_what_shows_results_neither_fits_nor_tests_nor_hides():
    """Above the release line nothing computes, and nothing below the line is known but words and contracts."""
    computing = ("statsmodels", "scipy.stats", "scipy.optimize", "pingouin", "formulaic", "sklearn")
    allowed = SHOWING | {"labels", "schema", "study", "stage"}

    def wrong(_, name):
        parts = name.split(".")
        return name.startswith(computing) or (parts[0] == "needling" and len(parts) > 1 and parts[1] not in allowed)

    assert found([path for path in MODULES if room(path) in SHOWING], imports, wrong) == []


def test_what_shows_results_reads_released_tables_only():
    rules = (PROJECT / "workflow/rules/report.smk").read_text()
    assert set(re.findall(r"\btables\(\"(\w+)\"", rules)) == {"release"}
    assert "analyses/" not in rules
    assert "clean/" not in rules


def test_no_kind_of_analysis_is_named_outside_its_file():
    """A kind is one file: neither the schema, the workflow, a table, a figure, nor the report knows one by name."""
    names = sorted(
        set(kinds()) - {"model", "dose", "blinding"}
    )  # common words (of terms of results, and of what a study says of itself); whoever asked for a kind would be found by that
    asks = re.compile(rf"""[\"'](?:{"|".join(names)})[\"']|(?:settings|analysis|plan)\.kind\b|\bkind\b.{0, 2} [!=]= """)
    rooms = SHOWING | {"release", "labels", "plan", "schema", "cohort"}
    where = [path for path in MODULES if room(path) in rooms]
    where += [PACKAGE / "analysis" / f"{name}.py" for name in ("run", "results", "fits")]
    where += [*SCRIPTS, *(PROJECT / "workflow/report").glob("*.md")]
    known = (
        "kind = (known or kinds())[settings.kind]",
        '"kind": settings.kind,',
    )  # the one look-up, and the column of the results
    hits = []
    for path in where:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() not in known]
        hits += [f"{path.relative_to(PROJECT)}: {line.strip()}" for line in lines if asks.search(line)]
    assert hits == []


def test_kinds_and_plan_are_light():
    """The workflow reads the plan in a moment: no kind imports a heavy library to be known."""
    asked = "import sys; import needling.plan; needling.plan.settings_of_kinds(); print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "numpy", "scipy", "statsmodels", "pingouin", "formulaic", "matplotlib"} & set(said)


def test_faces_of_rooms_re_export_nothing():
    faces = [path for path in MODULES if path.name == "__init__.py" and path.parent != PACKAGE]
    assert [str(p.relative_to(PROJECT)) for p in faces if list(imports(p))] == []


# ---------------------------------------------------------------- reproducible to the byte


def test_what_is_printed_is_rounded_by_one_rule():
    """Python's own formats round a half to the even digit: 2.5 % would be 2 %."""
    lengths = {
        "report/paged.py",
        "submission/check.py",
    }  # millimetres, points and megabytes, which are held against limits
    found = [
        f"{path.relative_to(PACKAGE)}:{number}"
        for path in MODULES
        if room(path) in {*SHOWING, "labels"} and str(path.relative_to(PACKAGE)) not in lengths
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r":[+,]?\.\d[f%]", line)
    ]
    assert found == []


def test_no_module_reads_a_clock_or_asks_who_and_where_it_runs():
    told = re.compile(
        r"(^|\.)(now|today|utcnow|time_ns|perf_counter|localtime|gethostname|getuser|getlogin|getpid|uuid1|uuid4|node)$"
        r"|^time\.time$|Path\.home$|expanduser$"
    )
    hits = found(MODULES, calls, lambda _, name: bool(told.search(name)))
    # a person's act, and no run: the day on which a model was written into the study file belongs into it
    assert [hit.split(":")[0] for hit in hits] == ["workflow/needling/desk/promotion.py"]
    assert hits[0].endswith("date.today")


def test_no_absolute_path():
    def texts(path):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.lineno, node.value

    rooted = re.compile(r"^(/(home|root|tmp|usr|var|opt|work|mnt|Users|etc)\b|[A-Z]:\\)")
    assert found(MODULES, texts, lambda _, text: bool(rooted.search(text))) == []
    assert found(MODULES, calls, lambda _, name: name.endswith(("abspath", ".absolute"))) == []


def test_chance_comes_from_generators_passed_in():
    allowed = {"default_rng", "Generator", "SeedSequence", "PCG64"}

    def global_chance(_, name):
        start, _, last = name.rpartition(".")
        return start in {"np.random", "numpy.random", "random"} and last not in allowed

    assert found(MODULES, calls, global_chance) == []


# ---------------------------------------------------------------- how long, and what must be said


def test_functions_can_be_read_at_once():
    def functions(path):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield node.lineno, node

    def long(_, node):
        said = node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) else 0
        return node.end_lineno - node.lineno + 1 - said > 70

    assert [hit.split(": <")[0] for hit in found(MODULES, functions, long)] == []


def test_files_can_be_read_at_once():
    lines = {str(path.relative_to(PROJECT)): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: n for name, n in lines.items() if n > 600} == {}


def test_scripts_only_unpack_and_call():
    assert SCRIPTS
    for path in SCRIPTS:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 15, f"{path.name} is longer than 15 lines"
        computing = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.While, ast.AugAssign)
        assert not [n for n in ast.walk(ast.parse(text)) if isinstance(n, computing)], f"{path.name} computes"


def test_snakefile_is_short():
    assert len((PROJECT / "Snakefile").read_text().splitlines()) <= 60


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_have_log_benchmark_and_script(path):
    text = path.read_text()
    assert "lambda" not in text
    for block in re.split(r"^(?=rule |checkpoint )", text, flags=re.MULTILINE)[1:]:
        name = block.split(":")[0]
        for key in ("log:", "benchmark:", "script:"):
            assert f"\n    {key}" in block, f"{path.name}: {name} has no {key}"
        assert f'"../scripts/{name.split()[1]}.py"' in block, f"{path.name}: {name} runs a script of another name"
        assert f'code("{name.split()[1]}"' in block, f"{path.name}: {name} does not name its modules"
        assert "digest(" in block, f"{path.name}: {name} does not say by content when it runs again"


def test_every_rule_file_is_included_and_every_script_used():
    snakefile = (PROJECT / "workflow/Snakefile").read_text()
    assert [path.name for path in RULES if f"rules/{path.name}" not in snakefile] == []
    rules = "".join(path.read_text() for path in RULES)
    assert [path.name for path in SCRIPTS if f"../scripts/{path.name}" not in rules] == []


# ---------------------------------------------------------------- what the project promises to others


def names(text):
    """Give the normalised names of the packages that a requirements file asks for."""
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", " ", "-"))]
    return {re.match(r"[\w.-]+", line)[0].lower().replace("_", "-").replace(".", "-") for line in lines}


def asked_for(lock, source):
    """Give the packages of a lock file that stand in it because the source asks for them."""
    blocks = re.split(r"\n(?=\S)", lock)
    return names("\n".join(block.splitlines()[0] for block in blocks if f"-r {source}\n" in block + "\n"))


def test_lock_is_what_the_requirements_ask_for():
    lock = (PROJECT / "requirements.lock").read_text()
    assert asked_for(lock, "requirements.in") == names((PROJECT / "requirements.in").read_text())
    build = (PROJECT / "requirements-build.lock").read_text()
    assert asked_for(build, "requirements-build.in") == names(build) == {"setuptools"}


def pins(lock):
    """Give the packages of a lock file, each with its version."""
    return set(re.findall(r"^([\w.-]+==[\w.+!-]+)", (PROJECT / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize("of", ["test", "notebook"])
def test_other_locks_add_to_the_lock(of):
    lock = (PROJECT / f"requirements-{of}.lock").read_text()
    assert pins("requirements.lock") <= pins(f"requirements-{of}.lock")
    assert asked_for(lock, f"requirements-{of}.in") == names((PROJECT / f"requirements-{of}.in").read_text())


def test_locks_that_share_an_environment_agree_on_every_version():
    """Otherwise ./run test and ./run notebook would take turns in replacing what the other installed."""
    test, notebook = ({}, {})
    for lock, found in (("requirements-test.lock", test), ("requirements-notebook.lock", notebook)):
        for pin in pins(lock):
            found.setdefault(pin.partition("==")[0], set()).add(pin)
    assert {name: (test[name], notebook[name]) for name in test.keys() & notebook if test[name] != notebook[name]} == {}


LOCKS = [f"requirements{of}.lock" for of in ("", "-build", "-test", "-notebook")]


@pytest.mark.parametrize("name", LOCKS)
def test_locks_pin_hashes_and_name_no_registry(name):
    text = (PROJECT / name).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--(extra-)?index-url|--find-links)\b", text, re.MULTILINE)
    for block in re.split(r"\n(?=[\w])", text)[1:]:
        assert re.match(r"[\w.-]+==\S+", block), block.splitlines()[0]
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_environment_for_conda_has_python_alone_and_leaves_packages_to_the_lock():
    """A list of packages for pip in it could neither be held to hashes beside the project nor be built without isolation."""
    assert yaml.safe_load((PROJECT / "environment.yml").read_text())["dependencies"] == ["python=3.11"]


def test_nothing_imports_from_a_conftest_of_which_there_are_several():
    """Which of them is meant depends on the folders whose tests are run together."""
    files = [path for folder in ("tests", "benchmarks") for path in sorted((PROJECT / folder).rglob("*.py"))]
    froms = {
        (path.name, node.module)
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    }
    assert ("conftest.py", "copied") in froms
    assert [name for name, module in froms if module == "conftest"] == []


def test_launcher_can_be_read_by_old_pythons(launcher):
    ast.parse((PROJECT / "run").read_text(), feature_version=(3, 6))
    assert (PROJECT / "run").stat().st_mode & 0o111
    assert len(launcher.__doc__.strip().splitlines()) <= 15


def shown_commands():
    """Give every command that the README shows in code, without its comment."""
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    fences = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for fence in fences for line in fence.splitlines()] + re.findall(r"`([^`\n]+)`", text)
    return [line.split("#")[0].strip() for line in lines if re.match(r"(\./run|\.venv/bin/|snakemake )", line)]


@pytest.mark.parametrize("command", shown_commands())
def test_readme_shows_commands_that_exist(command, launcher):
    first, *words = command.split()
    options = {word for word in words if word.startswith("-")}
    if first == "./run":
        assert options <= set(re.findall(r"(?<!\S)--?[a-z]+", launcher.__doc__))
    elif first == "snakemake":
        assert options <= {"--workflow-profile", "--cores", "--config"}
    else:
        from needling import cli

        program = first.rpartition("/")[2]
        assert f'{program} = "needling.cli:main"' in (PROJECT / "pyproject.toml").read_text()
        parser = next(a for a in cli._parser()._actions if a.choices).choices[words[0]]
        assert options <= {option for action in parser._actions for option in action.option_strings}


def test_readme_names_files_that_exist():
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([^):#]+)\)", text)
    assert [name for name in linked if not (PROJECT / name).exists()] == []


def test_index_of_the_docs_names_every_page_once_and_none_that_is_not_there():
    docs = PROJECT / "docs"
    linked = re.findall(r"\]\(([^):#]+)\)", (docs / "README.md").read_text(encoding="utf-8"))
    assert [name for name in linked if not (docs / name).exists()] == []
    assert len(linked) == len(set(linked)) > 20
    written = [path for path in docs.rglob("*.md") if path.parent.name != "examples"]  # an example's section is no page
    pages = {path.relative_to(docs).as_posix() for path in written} - {"README.md"}
    assert pages - set(linked) == set()


def test_page_of_the_study_files_keys_is_current(monkeypatch, capsys):
    """Else: .venv/bin/needling schema --page > docs/study_file.md"""
    monkeypatch.chdir(PROJECT)
    assert main(["schema", "--page"]) == 0
    assert capsys.readouterr().out == (PROJECT / "docs/study_file.md").read_text(encoding="utf-8"), (
        "write it anew: .venv/bin/needling schema --page > docs/study_file.md"
    )


PRIVATE = [
    "data/raw/other/patients.csv",
    "data/raw/other/deep/er/patients.xlsx",
    "data/raw/patients.csv",
    "data/raw/vickers2004/acupuncture.csv",
    "data/processed/other/clean/patients.parquet",
    "data/keys/other.csv",
    "reports/other/report.html",
    "reports/other/results/primary.csv",
    "logs/other/read.log",
    ".snakemake/log/x.log",
]
PUBLIC = [
    "data/raw/README.md",
    "data/raw/vickers2004/README.md",
    "data/raw/demo/records.csv",
    "data/raw/demo_sham/records.csv",
    "config/other.yaml",
    "requirements.lock",
]


@pytest.mark.parametrize("path", PRIVATE + PUBLIC)
def test_git_ignores_what_could_hold_a_patient(path):
    if not (PROJECT / ".git").exists():
        pytest.skip("not a git checkout")
    ignored = subprocess.run(["git", "check-ignore", "--quiet", path], cwd=PROJECT, check=False)
    assert (ignored.returncode == 0) == (path in PRIVATE)
