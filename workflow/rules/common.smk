# What every rule shares: the study file, where things are, and what decides that a job runs again.
#
# What decides is content, never a time stamp: the digests of files from outside (the export, its dictionary, answers of the
# clinics, the key) and of the code that a script imports are parameters of its rule, beside the values of the study file and of
# the registry of instruments that it uses. Files of code are inputs too, marked ancient, so that Snakemake knows them and takes
# no notice of their clocks.
import os
from pathlib import Path

from snakemake.exceptions import WorkflowError

import needling
from needling.analysis.kinds import kinds
from needling.instruments.registry import entries
from needling.plan import load_study
from needling.privacy.known import key_content
from needling.schema.intake import ACCOUNT
from needling.stage import digest as content_of
from needling.study.code import digest, modules_of
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


def entries_of_one_analysis(analysis):
    """What the registry says of the instruments that one analysis uses."""
    return entries({name: STUDY.instruments[name] for name in of_one_analysis(analysis).get("instruments", ())})


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


def code(script, *others):
    """The files of the package that a script imports, directly or not, and others that it loads by their place."""
    return [os.path.relpath(module) for module in modules_of(script, *others)]


def first_sentence(path):
    """What a file of code says of itself in its first line."""
    return path.read_text(encoding="utf-8").partition("\n")[0].strip('"')
