"""How long a registry takes from its raw export to its three reports, rule by rule, and how much memory each rule needs.

    .venv/bin/python benchmarks/registry.py [--patients 100000] [--cores 2] [--folder FOLDER] [--analyses primary growth ...]

Makes a registry up (kept in FOLDER and used again by the next measurement of the same size), and runs the demo's study file on
it in a copy of the project: every rule in a process of its own, as in any run. `--patients 1000 10000 100000` shows how cost grows.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

PROJECT = Path(__file__).parents[1]
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "benchmarks")]
LIMIT_SECONDS, LIMIT_GIB, FULL = 300, 6, 100_000
STAGES = ("read", "clean", "assemble", "audit", "release", "figures", "report")


def main() -> int:
    """Measure and print; exit code 1 if the full size takes longer or more memory than it may."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, nargs="+", default=[FULL])
    parser.add_argument("--cores", default="2")
    parser.add_argument("--folder", type=Path, help="where made-up exports are kept; default: nowhere")
    parser.add_argument("--analyses", nargs="+", help="which of the study file's analyses; default: all")
    options = parser.parse_args()
    found = {}
    for patients in options.patients:
        found[patients] = measured(patients, options)
        report(found, options)
    seconds, rules = found.get(FULL, (0.0, {}))
    return int(seconds > LIMIT_SECONDS or any(rule["gib"] > LIMIT_GIB for rule in rules.values()))


def measured(patients, options):
    """Give the seconds on the clock of a whole run, and of each rule its seconds, processor seconds and peak memory."""
    from intake import make, measure

    from copied import copy_project, load_launcher

    with tempfile.TemporaryDirectory() as scratch:
        export = (options.folder or Path(scratch)) / f"registry_{patients}"
        if not (export / "records.csv").exists():
            measure(make, export, patients)
        folder = copy_project(Path(scratch) / "project", load_launcher()).folder
        write_study(folder, export, options.analyses)
        command = [str(folder / ".venv/bin/python"), "-m", "snakemake", "--cores", options.cores]
        command += ["--workflow-profile", "workflow/profiles/default", "--config", "study=registry"]
        begun = time.perf_counter()
        done = subprocess.run(
            command, cwd=folder, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        seconds = time.perf_counter() - begun
        if done.returncode:
            logs = [path.read_text()[-1500:] for path in sorted((folder / "logs/registry").glob("*.log"))]
            sys.exit(
                f"the run of {patients:,} patients failed:\n{done.stdout[-3000:]}\n" + "\n".join(filter(None, logs))
            )
        return seconds, rule_costs(folder / "logs/registry")


def write_study(folder, export, analyses):
    """Write the demo's study file for another export, with all or some of its analyses."""
    import yaml

    study = yaml.safe_load((PROJECT / "config/demo.yaml").read_text())
    study["study"], study["title"] = "registry", "A made-up registry"
    raw = folder / "data/raw/registry"
    raw.mkdir()
    for name in ("records", "dictionary"):
        shutil.copy(export / f"{name}.csv", raw)
        study["export"][name] = f"data/raw/registry/{name}.csv"
    if analyses:
        study["analyses"] = {name: one for name, one in study["analyses"].items() if name in analyses}
        families = {one.get("family") for one in study["analyses"].values()}
        study["families"] = {name: one for name, one in study.get("families", {}).items() if name in families}
    (folder / "config/registry.yaml").write_text(yaml.safe_dump(study, sort_keys=False, allow_unicode=True))


def rule_costs(folder):
    """Read the benchmark files of the rules."""
    costs = {}
    for path in sorted(folder.glob("*.benchmark")):
        head, values = (line.split("\t") for line in path.read_text().splitlines()[:2])
        one = dict(zip(head, values, strict=True))
        number = {name: 0.0 if one[name] in {"NA", "-"} else float(one[name]) for name in ("s", "cpu_time", "max_rss")}
        costs[path.stem] = {"seconds": number["s"], "cpu": number["cpu_time"], "gib": number["max_rss"] / 1024}
    return costs


def report(found, options):
    """Print a table with a row per rule and, for each size, seconds, processor seconds and peak memory."""
    sizes = list(found)
    print(f"Python {platform.python_version()}, {options.cores} of {os.cpu_count()} cores\n")
    print("| rule | " + " | ".join(f"{size:,} patients" for size in sizes) + " |")
    print("|---|" + "---:|" * len(sizes))
    rules = {rule: None for _, costs in found.values() for rule in costs}
    order = sorted(rules, key=lambda rule: (STAGES.index(rule) if rule in STAGES else 3.5, rule))
    for rule in order:
        cells = [costs.get(rule) for _, costs in found.values()]
        told = [f"{one['seconds']:.0f} s ({one['cpu']:.0f}), {one['gib']:.2f} GiB" if one else "" for one in cells]
        print(f"| {rule} | " + " | ".join(told) + " |")
    print("| whole run, on the clock | " + " | ".join(f"{seconds:.0f} s" for seconds, _ in found.values()) + " |")
    print(
        f"\nSeconds on the clock (of the processor), peak memory; limit for {FULL:,}: {LIMIT_SECONDS} s and {LIMIT_GIB} GiB."
    )


if __name__ == "__main__":
    sys.exit(main())
