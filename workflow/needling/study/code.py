"""The code that a step of the workflow runs, found by following imports, and what it holds in one line."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from needling.study.extensions import EXTENSIONS, PACKAGE

SCRIPTS = PACKAGE.parent / "scripts"
OWN_RULES = "rule_*.py"  # a study's own, which the module of the cleaning rules looks for
REGISTRY = "registry.yaml"  # no code: what it says of the instruments that a job uses is among the job's parameters

BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # where a statement has others


def modules_of(script: str, *others: Path) -> list[Path]:
    """Name the files of the package that a script imports, directly or not.

    Parameters
    ----------
    script : its name, without ending.
    others : files that the script loads by their place; what they import counts too.

    Returns
    -------
    Sorted paths: the script, the others, modules, and the data files beside them.
    """
    found: set[Path] = set()
    waiting = [SCRIPTS / f"{script}.py", *others]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += imported(one) if one.suffix == ".py" else []
    return sorted(found)


@cache
def imported(path: Path) -> list[Path]:
    """Find the package's own modules (and the data files beside them) that one file imports when it runs."""
    here = ["needling", *path.relative_to(PACKAGE).parts[:-1]] if path.is_relative_to(PACKAGE) else []
    names: set[str] = set()
    for node in _statements(ast.parse(path.read_text(encoding="utf-8")).body):
        if isinstance(node, ast.ImportFrom):
            inside = here[: len(here) - node.level + 1] if node.level else []
            origin = ".".join([*inside, *([node.module] if node.module else [])])
            names |= {origin, *(f"{origin}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
    found = sorted(EXTENSIONS.glob(OWN_RULES)) if path == PACKAGE / "clean/rules.py" else []
    for name in sorted(n for n in names if n == "needling" or n.startswith("needling.")):
        parts = name.split(".")[1:]
        for depth in range(len(parts) + 1):
            place = PACKAGE.joinpath(*parts[:depth])
            if (place / "__init__.py").exists():
                found += [place / "__init__.py", *(data for data in place.glob("*.yaml") if data.name != REGISTRY)]
            elif place.with_suffix(".py").exists():
                found.append(place.with_suffix(".py"))
    return found


def _statements(block: list[ast.stmt]) -> Iterator[ast.stmt]:
    """All statements that run, within others too, without what is for type checkers. Their expressions import nothing."""
    for node in block:
        yield node
        is_for_types = isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for part in BLOCKS[1:] if is_for_types else BLOCKS:
            yield from _statements(getattr(node, part, []))


def digest(*paths: str | Path | None) -> str:
    """Sum up what files hold, and what all files of folders do, in one line.

    Parameters
    ----------
    paths : files and folders; None is left out.

    Returns
    -------
    SHA-256 in hexadecimal digits; a file that is not there counts as absent.
    """
    found = hashlib.sha256()
    for path in [Path(one) for one in paths if one]:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if not file.is_dir():
                found.update(f"{file.relative_to(path)}\0".encode(errors="surrogateescape"))
                found.update(content(file, file.stat().st_mtime_ns) if file.is_file() else b"absent")
    return found.hexdigest()


@cache
def content(file: Path, changed: int) -> bytes:
    """Sum up one file, looked up once for each time at which it was changed."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()
