# What every rule shares: the study file, where things are, and what decides that a job runs again.
#
# What decides is content, never a time stamp: the digests of files from outside (the export, its dictionary, answers of the
# clinics, the key) and of the code that a script imports are parameters of its rule, beside the values of the study file that
# it uses. The files themselves are inputs too, marked ancient, so that Snakemake knows them and takes no notice of their clocks.
import ast
import hashlib
import os
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

import needling
from needling.analysis.kinds import kinds
from needling.plan import load_study
from needling.privacy.known import key_content
from needling.schema.intake import ACCOUNT
from needling.stage import digest as content_of
from needling.study.extensions import EXTENSIONS
from needling.study.file import section, study_files
from needling.study.keys import StudyError

try:
    STUDY = load_study(Path(config.get("studies", "config")) / f"{config.get('study', 'demo')}.yaml")
    # The path comes from the environment, where nothing parses it: --config would read YAML, and an input file wildcards.
    RAW = os.environ.get("NEEDLING_RAW")
    RECORDS, DICTIONARY, CORRECTIONS = study_files(STUDY, RAW)
except StudyError as error:
    raise WorkflowError(str(error)) from None

EVENTS = [name for name in type(STUDY.events).model_fields if getattr(STUDY.events, name)]
TABLES = ["patients", "visits", "outcomes", *EVENTS]
FRAMES = ["visits", "sessions", "events", "patients", "scores", "readings"]
OBSERVED = ["flow", "intercurrent", "distribution", "missingness", "baseline", "reliability", "codebook"]
PROCESSED = f"data/processed/{STUDY.study}"
REPORTS = f"reports/{STUDY.study}"
KEY = f"data/keys/{STUDY.study}.csv"
LOGS = f"logs/{STUDY.study}"
PACKAGE = Path(needling.__file__).parent
SCRIPTS = PACKAGE.parent / "scripts"


def tables(stage, names=TABLES):
    """Paths of some tables of a stage, by name."""
    return {name: f"{PROCESSED}/{stage}/{name}.parquet" for name in names}


def of_one_analysis(analysis):
    """The values of the study file that one analysis uses: no words, no other analysis, and what its kind asks for."""
    common = ["design", "patients", "visits", "cohorts", "covariates", "estimands", "analyses", "primary"]
    values = section(STUDY, *common, *getattr(kinds()[STUDY.analyses[analysis].kind], "USES", ()))
    mine = values["analyses"][analysis]
    estimands = {name: one for name, one in values["estimands"].items() if name == mine["estimand"]}
    if "instruments" in values:
        used = words_in(values["cohorts"]) | words_in(values["covariates"])
        used |= {values["instruments"][name].get("missing_with") for name in used & values["instruments"].keys()}
        values["instruments"] = {name: one for name, one in values["instruments"].items() if name in used}
    return {**values, "estimands": estimands, "analyses": {analysis: mine}}


def words_in(values):
    """All texts in values of the study file, names of instruments among them."""
    if isinstance(values, dict):
        return set().union(*map(words_in, values.values()))
    if isinstance(values, (list, tuple)):
        return set().union(*map(words_in, values))
    return {values} if isinstance(values, str) else set()


def memory(megabytes):
    """Twice the memory that a rule was measured to need on the demo; on a cluster a job that ran out gets as much again."""

    def of_attempt(wildcards, attempt):
        return megabytes * 2 ** (attempt - 1)

    return of_attempt


# Functions, because Snakemake takes braces in a text for wildcards, and so that only the jobs that need a digest make it.
def raw_path(wildcards):
    """Where the records are, if not where the study file says."""
    return RAW


def raw_content(wildcards):
    """What the export and its dictionary hold: another content is read again, another time stamp is not."""
    return content_of(RECORDS, DICTIONARY)


def corrections_content(wildcards):
    """What the corrections hold."""
    return content_of(CORRECTIONS)


def key_of_people(wildcards):
    """Where the key is, and what it held before it was last used, as long as nothing but that use has changed it."""
    return KEY, key_content(KEY, f"{PROCESSED}/clean/key.json")


def digest(*paths):
    """What some files or folders hold, in one line; 'absent' for what is not there."""
    found = hashlib.sha256()
    for path in [Path(one) for one in paths if one]:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if not file.is_dir():
                found.update(f"{file.relative_to(path)}\0".encode(errors="surrogateescape"))
                found.update(content(file, file.stat().st_mtime_ns) if file.is_file() else b"absent")
    return found.hexdigest()


@cache
def content(file, _):
    """The digest of one file, looked up once per run."""
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()


def code(script, *others):
    """The files of the package that a script imports, directly or not, and others that it loads by their place."""
    found, waiting = set(), [SCRIPTS / f"{script}.py", *others]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += imported(one) if one.suffix == ".py" else []
    return sorted(os.path.relpath(module) for module in found)


# Files of a study's own that a module of the package looks for.
OWN_PARTS = {"clean/rules.py": "rule_*.py", "instruments/registry.py": "instrument_*.yaml"}


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
    own = OWN_PARTS.get(path.relative_to(PACKAGE).as_posix()) if path.is_relative_to(PACKAGE) else None
    found = sorted(EXTENSIONS.glob(own)) if own else []
    for name in sorted(n for n in names if n == "needling" or n.startswith("needling.")):
        parts = name.split(".")[1:]
        for depth in range(len(parts) + 1):
            place = PACKAGE.joinpath(*parts[:depth])
            if (place / "__init__.py").exists():
                found += [place / "__init__.py", *place.glob("*.yaml")]
            elif place.with_suffix(".py").exists():
                found.append(place.with_suffix(".py"))
    return found
