"""The table of licences in docs/licences.md, held against the lock and what the installed packages say of themselves."""

import re
from importlib import metadata
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
NAMED = re.compile(r"^([\w.-]+)==", re.MULTILINE)


def stated(package: str) -> str:
    """The licence in a package's metadata: the expression, else the classifiers, else the short text."""
    about = metadata.metadata(package)
    classifiers = [
        one.rpartition(" :: ")[2] for one in about.get_all("Classifier") or [] if one.startswith("License ::")
    ]
    text = (about.get("License") or "").strip().splitlines()
    short = text[0] if len(text) == 1 else ""
    return about.get("License-Expression") or "; ".join(classifiers) or short or "in its licence file"


def table() -> dict[str, str]:
    lines = (PROJECT / "docs" / "licences.md").read_text(encoding="utf-8").splitlines()
    return dict(
        re.fullmatch(r"\| (\S+) \| (.+) \|", line).groups()
        for line in lines
        if re.match(r"\| [a-z]", line)
        if "licence |" not in line
    )


def test_the_table_has_the_packages_of_the_lock():
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    assert list(table()) == list(dict.fromkeys(NAMED.findall(lock)))


@pytest.mark.parametrize("package", [name for name in table() if name != "pyreadline3"])  # which only Windows installs
def test_the_table_says_what_the_package_says(package):
    assert stated(package) in table()[package].split("; from Python 3.12 on ")
