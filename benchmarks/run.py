"""How long it takes: a fresh run of the demo, a second one, each rule, and the tests.

    .venv/bin/python benchmarks/run.py [--cores N] [--without-tests]

Works in a copy of the project that shares the packages installed here. What earlier runs made here is left alone.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

LIMITS = {"fresh run of the demo": 90, "second run": 5, "all tests and checks": 360}  # seconds, on 2 cores


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", default="2")
    parser.add_argument("--without-tests", action="store_true")
    options = parser.parse_args()

    from copied import copy_project, load_launcher

    with tempfile.TemporaryDirectory() as folder:
        copy = copy_project(Path(folder) / "project", load_launcher())
        command = [sys.executable, "run", "--cores", options.cores]
        times = {
            "fresh run of the demo": seconds(command, copy.folder),
            "second run": seconds(command, copy.folder),
        }
        rules = rule_times(copy.folder / "logs/demo")
    if not options.without_tests:
        times["all tests and checks"] = seconds([sys.executable, "run", "test"], PROJECT)

    print(f"Python {platform.python_version()}, {options.cores} of {os.cpu_count()} cores\n")
    print(table(["", "seconds", "limit"], [[what, f"{took:.1f}", str(LIMITS[what])] for what, took in times.items()]))
    print()
    print(table(["rule", "jobs", "seconds", "longest", "peak MB"], rules))


def seconds(command, folder):
    """Measure how long a command takes; stop if it fails."""
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=folder, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")
    return time.perf_counter() - begun


def rule_times(folder):
    """Sum up the benchmark files of the rules: jobs, seconds in all, the longest job, peak memory; longest rule first."""
    jobs = {}
    for path in sorted(folder.glob("*.benchmark")):
        head, values = (line.split("\t") for line in path.read_text().splitlines()[:2])
        measured = dict(zip(head, values, strict=True))
        memory = measured["max_rss"]
        jobs.setdefault(path.stem.split("_")[0], []).append(
            (float(measured["s"]), 0.0 if memory in {"NA", "-"} else float(memory))
        )
    rows = []
    for rule, measured in jobs.items():
        took, memory = zip(*measured, strict=True)
        rows.append([rule, str(len(took)), f"{sum(took):.1f}", f"{max(took):.1f}", f"{max(memory):.0f}"])
    return sorted(rows, key=lambda row: -float(row[2]))


def table(head, rows):
    """Lay out rows as a Markdown table with even columns."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]]
    return "\n".join(f"| {line} |" for line in [lines[0], " | ".join("-" * width for width in widths), *lines[1:]])


if __name__ == "__main__":
    main()
