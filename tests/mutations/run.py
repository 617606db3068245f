"""Change one line of the project at a time, in a copy, and see that its tests notice: python tests/mutations/run.py [WORD ...].

Words choose the mutations whose file or text holds one of them; without, all run (about an hour). Ends with 1 where a test noticed
nothing, or where a line is no longer there. The other files of this folder hold the mutations, by subject: MUTATIONS of (file under
workflow/needling, what stands there once, what is put in its place, the tests that must notice).
"""

import os
import runpy
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def listed() -> list[tuple[str, str, str, str]]:
    """Give the mutations of all files beside this one, which are of the lines and tests of one subject each."""
    rooms = sorted(set(Path(__file__).parent.glob("*.py")) - {Path(__file__)})
    return [mutation for room in rooms for mutation in runpy.run_path(str(room))["MUTATIONS"]]


def noticed(copy: Path, mutation: tuple[str, str, str, str]) -> bool:
    """Whether the tests of a mutation fail with it."""
    file, old, new, tests = mutation
    path = copy / "workflow/needling" / file
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        sys.exit(f"{file}: '{old}' does not stand there once")
    path.write_text(text.replace(old, new), encoding="utf-8")
    paths = f"{copy / 'workflow'}{os.pathsep}{copy / 'tests'}"
    surroundings = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *shlex.split(tests)]
    done = subprocess.run(command, cwd=copy, env=surroundings, capture_output=True, text=True, check=False)
    path.write_text(text, encoding="utf-8")
    if done.returncode not in (0, 1):
        sys.exit(f"{file}: the tests {tests} do not run:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
    return done.returncode == 1


def main(words: list[str]) -> int:
    """Run the mutations that words choose; 1 where one survives."""
    chosen = [one for one in listed() if not words or any(word in " ".join(one[:2]) for word in words)]
    survived = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("workflow", "tests", "config", "docs", "data/raw"):
            shutil.copytree(PROJECT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "Snakefile", "README.md"):
            shutil.copy(PROJECT / name, copy / name)
        for mutation in chosen:
            file, old, new, _ = mutation
            killed = noticed(copy, mutation)
            survived += not killed
            print("dies    " if killed else "SURVIVES", file, "|", old.strip(), "->", new.strip(), flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} mutations are noticed")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
