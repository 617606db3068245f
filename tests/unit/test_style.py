"""The checkers that everybody runs find nothing: style, types, and what Snakemake thinks of the workflow."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

CHECKS = {
    "ruff check": ["ruff", "check", "--no-cache", "--output-format", "concise", ".", "run"],
    "ruff format": ["ruff", "format", "--no-cache", "--check", ".", "run"],
    "snakefmt": ["snakefmt", "--check", "Snakefile", "workflow/rules"],
    "mypy": ["mypy"],
}


def say(*command):
    """Run a program of the environment in the project; return its exit code and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=PROJECT,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("name", CHECKS)
def test_checker_finds_nothing(name):
    code, said = say(*CHECKS[name])
    assert code == 0, said[-4000:]


def test_remarks_of_the_workflow_linter_are_answered():
    _, said = say("snakemake", "--lint", "--config", "study=demo")
    remarks = set(re.findall(r"^\s+\* (.*?):$", said, re.MULTILINE))
    assert "Traceback" not in said, said[-2000:]
    answers = (PROJECT / "docs/house.md").read_text(encoding="utf-8")
    assert [remark for remark in sorted(remarks) if f"**{remark}**" not in answers] == []
