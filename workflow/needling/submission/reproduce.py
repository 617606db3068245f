#!/usr/bin/env python3
"""Tell whether this submission can be made again.

./reproduce                  compare every file with its digest in SHA256SUMS; nothing is computed
./reproduce PROJECT EXPORT   run the project's pipeline on the export, and compare what it makes with this folder, byte for byte
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(arguments):
    """Verify, or run and compare; the exit code is 1 where something differs."""
    lines = [line.split("  ", 1) for line in (HERE / "SHA256SUMS").read_text("utf-8").splitlines()]
    known = {name: digest for digest, name in lines}
    differing = changed(HERE, known)
    for name in differing:
        print(f"differs from its digest: {name}")
    if not arguments:
        print(f"{len(known) - len(differing)} of {len(known)} files are as SHA256SUMS says. This is all that was done:")
        print("nothing was computed again; ./reproduce PROJECT EXPORT does that.")
        return 1 if differing else 0
    if len(arguments) != 2:
        print(__doc__)
        return 2
    project, export = Path(arguments[0]).resolve(), Path(arguments[1]).resolve()
    told = json.loads((HERE / "provenance.json").read_text("utf-8"))
    study, journal = told["study"], told["profile"]
    run = [str(project / "run"), "submission", "--study", study, "--journal", journal, "--raw", str(export)]
    done = subprocess.run(run, cwd=project, check=False)
    if done.returncode:
        print("the pipeline did not finish, so nothing could be compared.")
        return 1
    again = project / "reports" / study / "submission"
    other = changed(again, {name: digest for name, digest in known.items() if name != "provenance.json"})
    for name in other:
        print(f"not the same bytes: {name}")
    print(f"{len(known) - 1 - len(other)} of {len(known) - 1} files were made again with the same bytes.")
    return 1 if differing or other else 0


def changed(folder, known):
    """Name the files that are missing or hold other bytes than their digest says."""

    def digest(path):
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""

    return sorted(name for name, sum_of in known.items() if digest(folder / name) != sum_of)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
