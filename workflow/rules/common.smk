# What every rule shares: the study file, where things are, and which modules a script needs.
import ast
import os
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from needling.schema import ACCOUNT
from needling.stage import digest
from needling.study import StudyError, load_study, section, study_files

try:
    STUDY = load_study(Path("config") / f"{config.get('study', 'demo')}.yaml")
    # The path comes from the environment, where nothing parses it: --config would read YAML, and an input file wildcards.
    RAW = os.environ.get("NEEDLING_RAW")
    RECORDS, DICTIONARY, CORRECTIONS = study_files(STUDY, RAW)
except StudyError as error:
    raise WorkflowError(str(error)) from None

EVENTS = [name for name in type(STUDY.events).model_fields if getattr(STUDY.events, name)]
TABLES = ["patients", "visits", "outcomes", *EVENTS]
PROCESSED = "data/processed/{study}"
REPORTS = "reports/{study}"
FOLDERS = [f"data/processed/{STUDY.study}", f"reports/{STUDY.study}"]
SCRIPTS = Path(workflow.basedir) / "workflow/scripts"
PACKAGE = Path(workflow.basedir) / "workflow/needling"

# What figures and the report need of the study file: the words, not the data.
PLAN = section(
    STUDY,
    "study",
    "title",
    "design",
    "made_up",
    "authors",
    "notes",
    "patients",
    "visits",
    "instruments",
    "outcomes",
    "cohorts",
    "estimands",
    "analyses",
    "primary",
    "families",
    "disclosure",
    "figures",
)

# One job, one thread: the sums of a threaded BLAS depend on how many threads there are.
for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[variable] = "1"

# Snakemake puts this path into shell commands as it is, also where the name of a folder has a space.
sys.executable = shlex.quote(sys.executable)

# Nothing may depend on the language of the terminal, nor on a home directory that can be written to.
os.environ.update(LC_ALL="C.UTF-8")
os.environ.setdefault("MPLCONFIGDIR", str(Path(".snakemake/cache/matplotlib").resolve()))


wildcard_constraints:
    study=STUDY.study,
    analysis="|".join(STUDY.analyses),
    file="|".join(STUDY.disclosure.share) or "none",


def tables(stage, names=TABLES):
    """Paths of some tables of a stage, by name."""
    return {name: f"{PROCESSED}/{stage}/{name}.parquet" for name in names}


# Functions, because Snakemake takes braces in a text for wildcards, and so that only the jobs that need a digest make it.
def raw_path(wildcards):
    """Where the records are, if not where the study file says."""
    return RAW


def raw_content(wildcards):
    """What the export and its dictionary hold: another content is read again, another time stamp is not."""
    return digest(RECORDS, DICTIONARY)


def corrections_content(wildcards):
    """What the corrections hold."""
    return digest(CORRECTIONS)


def code(script):
    """The files of the package that a script imports, directly or not: a change in one of them runs the rule again."""
    found, waiting = set(), [SCRIPTS / f"{script}.py"]
    while waiting:
        for one in imported(waiting.pop()):
            if one not in found:
                found.add(one)
                waiting += [one] if one.suffix == ".py" else []
    return sorted(os.path.relpath(module) for module in found)


@cache
def imported(path):
    """The package's own modules (and the data files beside them) that one file imports when it runs."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []
    here = ["needling", *path.relative_to(PACKAGE).parts[:-1]] if path.is_relative_to(PACKAGE) else []
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            inside = here[: len(here) - node.level + 1] if node.level else []
            origin = ".".join([*inside, *([node.module] if node.module else [])])
            names |= {origin, *(f"{origin}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
    found = []
    for name in sorted(n for n in names if n == "needling" or n.startswith("needling.")):
        parts = name.split(".")[1:]
        for depth in range(len(parts) + 1):
            place = PACKAGE.joinpath(*parts[:depth])
            if (place / "__init__.py").exists():
                found += [place / "__init__.py", *place.glob("*.yaml")]
            elif place.with_suffix(".py").exists():
                found.append(place.with_suffix(".py"))
    return found
