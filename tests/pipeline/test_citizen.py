"""What a user of Snakemake may expect: the rules serve another workflow, and outputs may lie on any file system."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from test_run_launcher import STEP, WORKFLOW, order

from copied import Copy

PROJECT = Path(__file__).parents[2]
OTHER = f"""
module needling:
    snakefile:
        "{PROJECT}/workflow/Snakefile"
    config:
        {{"study": "demo", "studies": "plans"}}


use rule * from needling as needling_*


rule counted:
    default_target: True
    input:
        rules.needling_read.output.patients,
    output:
        "counted.txt",
    run:
        import pandas as pd
        with open(output[0], "w") as file:
            file.write(str(len(pd.read_parquet(input[0]))))
"""


@pytest.fixture
def other(tmp_path):
    """Another workflow in another folder, with its own study files and data."""
    folder = tmp_path / "another workflow"
    shutil.copytree(PROJECT / "data/raw/demo", folder / "data/raw/demo")
    (folder / "plans").mkdir()
    shutil.copy(PROJECT / "config/demo.yaml", folder / "plans")
    (folder / "Snakefile").write_text(OTHER)
    return Copy(folder)


def test_another_workflow_takes_the_rules_as_a_module(other):
    """In its own folder: there the rules read the plan and the export, and there they write."""
    package = {"first_on_path": [str(PROJECT / "workflow")]}
    profile = PROJECT / "workflow/profiles/default"
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--workflow-profile", profile]
    done = other.call(*command, **package)
    assert done.returncode == 0, done.stdout[-2000:]
    assert int((other.folder / "counted.txt").read_text()) > 400
    told = other.call(*command, "needling_all", "--dry-run", "--quiet", "rules", **package).stdout
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", told, re.MULTILINE))
    assert {"needling_clean", "needling_analyse_primary", "needling_figures", "needling_report"} <= jobs.keys(), told
    assert "needling_read" not in jobs


# ---------------------------------------------------------------- last good outputs, wherever they lie

WITHOUT_LINKS = """
import os

def refused(*arguments, **more):
    raise OSError({number}, "no hard link here")

os.link = refused
"""


@pytest.fixture
def steps(copy):
    """A copy of the project whose workflow is three short steps."""
    (copy.folder / "Snakefile").write_text(WORKFLOW)
    (copy.folder / "workflow/scripts/step.py").write_text(STEP)
    order(copy, "good")
    return copy


OUTPUTS = ("data/processed/demo/first.txt", "data/processed/demo/also.txt", "reports/demo/last.txt")
RECORD = "made_from.json"
# The input of each run, how the run ends, and what every output then holds.
RUNS = [("good", 0, b"good"), ("bad", 1, b"good"), ("bad", 1, b"good"), ("better", 0, b"better")]
KEPT = [(ending, dict.fromkeys(OUTPUTS, held)) for _, ending, held in RUNS]


def after_each_run(steps, **variables):
    """How each of RUNS ended, and the outputs that it left, beside the record of what the last finished one was made from."""
    found = []
    for number, (word, _, _) in enumerate(RUNS):
        order(steps, word)
        turn = ["--config", "turn=1"] if number else []
        ended = steps.run("all", *turn, **variables).returncode
        found.append((ended, {path: held for path, held in steps.outputs().items() if Path(path).name != RECORD}))
    return found


@pytest.mark.parametrize("number", [18, 1], ids=["another file system", "no links"])
def test_a_failed_run_keeps_the_last_outputs_without_hard_links(steps, tmp_path, number):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_LINKS.format(number=number))
    assert after_each_run(steps, first_on_path=[str(tmp_path)]) == KEPT


@pytest.mark.parametrize("where", ["reports", "data/processed"])
def test_a_failed_run_keeps_the_last_outputs_on_another_file_system(steps, where):
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == steps.folder.stat().st_dev:
        pytest.skip("there is no second file system here")
    place = memory / f"needling_{os.getpid()}_{where.replace('/', '_')}"
    place.mkdir()
    try:
        (steps.folder / where).parent.mkdir(parents=True, exist_ok=True)
        (steps.folder / where).symlink_to(place)
        assert after_each_run(steps) == KEPT
    finally:
        shutil.rmtree(place)
