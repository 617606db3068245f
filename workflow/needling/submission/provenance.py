"""Where a submission comes from: digests of what went in, the code, the packages, the commit."""

from pathlib import Path
from typing import Any

from needling.report.software import software
from needling.stage import digest

PROJECT = Path(__file__).parents[3]
HANDED_ON = ("LICENSE", "CITATION.cff")


def provenance(study: str, profile: str, inputs: dict[str, str], code: str, released: dict[str, Any]) -> dict[str, Any]:
    """Sum up what a submission was made from.

    Parameters
    ----------
    study, profile : names of the study and of the journal's profile, as on the command line.
    inputs : what came from outside -> its SHA-256; empty for what the study does not have.
    code : digest of the modules that drew and wrote it.
    released : released table -> its file; what is no table of the release line is left out.

    Returns
    -------
    study, profile, inputs, code, released (table -> SHA-256), software (with versions), lock (SHA-256 of the locked packages),
    commit.
    """
    return {
        "study": study,
        "profile": profile,
        "inputs": {name: one for name, one in inputs.items() if one},
        "code": code,
        "released": {
            name: digest(path)[0] for name, path in sorted(released.items()) if str(path).endswith(".parquet")
        },
        "software": software(),
        "lock": digest(PROJECT / "requirements.lock")[0],
        "commit": commit(PROJECT),
    }


def commit(project: Path) -> str:
    """The commit that is checked out; says so where there is none."""
    head = project / ".git" / "HEAD"
    if not head.is_file():
        return "not under version control"
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
