#!/usr/bin/env python3
"""Tell whether this submission can be made again.

./reproduce                  compare every file with its digest in SHA256SUMS; nothing is computed
./reproduce PROJECT EXPORT   run every step of the project's pipeline again on the export, and compare what it makes with this
                             folder, byte for byte; what the project has made of this study before is made anew
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
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
    again = project / "reports" / told["study"] / "submission"
    with tempfile.TemporaryDirectory() as scratch:
        kept = shutil.copytree(HERE, Path(scratch) / "kept") if again == HERE else HERE
        code, steps = run(project, export, told)
        if code:
            print("the pipeline did not finish, so nothing could be compared.")
            return 1
        if not steps:
            print("0 steps ran: nothing was made again, so nothing can be said.")
            return 1
        other = changed(again, {name: digest for name, digest in known.items() if name != "provenance.json"})
        for name in other:
            print(f"not the same bytes: {name}")
        if other and again == HERE:
            print(f"The folder as it was is kept: {shutil.copytree(kept, free(HERE.with_name('submission_before')))}")
    print(f"{steps} step{'s' if steps > 1 else ''} ran: every step of the pipeline, from the export on.")
    print(f"{len(known) - 1 - len(other)} of {len(known) - 1} files were made again with the same bytes.")
    print("provenance.json was not compared: it says which code made the folder.")
    return 1 if differing or other else 0


def run(project, export, told):
    """Run all steps of the pipeline, whatever is there already; its exit code and the number of steps that it finished."""
    command = [str(project / "run"), "submission", "--study", told["study"], "--journal", told["profile"]]
    command += ["--raw", str(export), "--forceall"]
    steps = 0
    with subprocess.Popen(
        command, cwd=project, encoding="utf-8", errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        for line in running.stdout or ():
            print(line, end="", flush=True)
            finished = re.match(r"(\d+) of \d+ steps", line)
            steps = int(finished.group(1)) if finished else steps
    return running.returncode, steps


def free(path):
    """A path at which nothing is yet."""
    number = 1
    while path.exists():
        number += 1
        path = path.with_name(f"submission_before_{number}")
    return path


def changed(folder, known):
    """Name the files that are missing or hold other bytes than their digest says."""

    def digest(path):
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""

    return sorted(name for name, sum_of in known.items() if digest(folder / name) != sum_of)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
