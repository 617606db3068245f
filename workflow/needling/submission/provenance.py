"""Where a submission comes from: digests of what went in, the code, the packages, the commit."""

import subprocess
from pathlib import Path
from typing import Any

from needling.report.software import software
from needling.stage import digest

PROJECT = Path(__file__).parents[3]
HANDED_ON = ("LICENSE", "CITATION.cff")
UNKNOWN = "unknown"


def provenance(study: str, profile: str, inputs: dict[str, str], released: dict[str, Any]) -> dict[str, Any]:
    """Sum up what a submission was made from.

    Parameters
    ----------
    study, profile : names of the study and of the journal's profile, as on the command line.
    inputs : what came from outside -> its SHA-256; empty for what the study does not have.
    released : released table -> its file; what is no table of the release line is left out.

    Returns
    -------
    study, profile, inputs, modules (file of the package or of the study's extensions -> SHA-256), released (table -> SHA-256),
    software (with versions), lock (SHA-256 of the locked packages), commit, dirty (whether files under version control differed
    from it; unknown where there is none).
    """
    return {
        "study": study,
        "profile": profile,
        "inputs": {name: one for name, one in inputs.items() if one},
        "modules": modules(PROJECT),
        "released": {
            name: digest(path)[0] for name, path in sorted(released.items()) if str(path).endswith(".parquet")
        },
        "software": software(),
        "lock": digest(PROJECT / "requirements.lock")[0],
        "commit": commit(PROJECT),
        "dirty": dirty(PROJECT),
    }


def modules(project: Path) -> dict[str, str]:
    """SHA-256 of every module of the package, and of a study's own, by its place in the project."""
    rooms = [project / "workflow" / name for name in ("needling", "extensions")]
    paths = sorted(path for room in rooms for path in room.rglob("*.py"))
    return dict(zip((path.relative_to(project).as_posix() for path in paths), digest(*paths), strict=True))


def dirty(project: Path) -> bool | str:
    """Tell whether files under version control differ from the commit; unknown without git."""
    told = _of_git(project, "status", "--porcelain", "--untracked-files=no")
    return UNKNOWN if told is None else bool(told)


def _of_git(project: Path, *ask: str) -> str | None:
    """What git says of a project that is a repository of its own, not a folder in somebody else's."""
    if not (project / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", "-C", str(project), *ask], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def commit(project: Path) -> str:
    """The commit that is checked out; says so where there is none."""
    head = project / ".git" / "HEAD"
    if not head.is_file():  # as in a further working tree, whose .git says where the repository is
        return _of_git(project, "rev-parse", "HEAD") or "not under version control"
    told = head.read_text(encoding="utf-8").strip()
    if not told.startswith("ref: "):
        return told
    name = told.removeprefix("ref: ")
    loose, packed = project / ".git" / name, project / ".git" / "packed-refs"
    if loose.is_file():
        return loose.read_text(encoding="utf-8").strip()
    lines = packed.read_text(encoding="utf-8").splitlines() if packed.is_file() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {name}")), "no commit yet")


def handed_on(files: dict[str, str]) -> dict[str, str]:
    """Text of files that are handed on as they are, with licence and citation of the program.

    Parameters
    ----------
    files : name in the submission -> path.

    Returns
    -------
    Name in the submission -> text.
    """
    paths = {name: Path(path) for name, path in files.items()}
    paths |= {name: PROJECT / name for name in HANDED_ON if (PROJECT / name).is_file()}
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
