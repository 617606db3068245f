"""The list of mutations is of lines that are there; running them takes too long for every change (tests/mutations/run.py)."""

import runpy
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LISTED = runpy.run_path(str(PROJECT / "tests/mutations/run.py"))["listed"]()


@pytest.mark.parametrize(("file", "old", "new", "tests"), LISTED)
def test_the_line_is_there_and_its_tests_too(file, old, new, tests):
    assert (PROJECT / "workflow/needling" / file).read_text(encoding="utf-8").count(old) == 1
    assert old != new
    for name in [word for word in tests.split() if word.endswith(".py")]:
        assert (PROJECT / name).exists()
