"""The list of mutations is of lines that are there; running them takes too long for every change (tests/mutations/run.py)."""

import importlib.util
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


def listed():
    spec = importlib.util.spec_from_file_location("mutations", PROJECT / "tests/mutations/mutations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MUTATIONS


@pytest.mark.parametrize(("file", "old", "new", "tests"), listed())
def test_the_line_is_there_and_its_tests_too(file, old, new, tests):
    assert (PROJECT / "workflow/needling" / file).read_text(encoding="utf-8").count(old) == 1
    assert old != new
    for name in [word for word in tests.split() if word.endswith(".py")]:
        assert (PROJECT / name).exists()
