"""How long a large registry takes from its export to scores, and how much memory.

    .venv/bin/python benchmarks/intake.py [--patients 100000] [--folder FOLDER]

Makes a registry up (kept in FOLDER and used again by the next measurement of the same size), then reads, gates, cleans and
scores it, each stage in a process of its own as in the pipeline, tables passing between them as parquet files.
"""

import argparse
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

PROJECT = Path(__file__).parents[1]
LIMIT_SECONDS, LIMIT_GIB, FULL = 120, 6, 100_000
BLOCK = 5000
SESSIONS = (8, 13)  # planned per patient, so that 100,000 patients have a million


def main() -> int:
    """Measure and print; exit code 1 if the full size takes longer or more memory than it may."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=FULL)
    parser.add_argument("--folder", type=Path, help="where the made-up export is kept; default: nowhere")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        export = (options.folder or Path(scratch)) / f"registry_{options.patients}"
        made = measure(make, export, options.patients) if not (export / "records.csv").exists() else None
        work = Path(scratch) / "tables"
        work.mkdir()
        stages = {"read and gate": (read, export, work), "clean": (clean, export, work), "score": (score, export, work)}
        found = {name: measure(*call) for name, call in stages.items()}
    report(options.patients, made, found)
    seconds, peak = sum(one[0] for one in found.values()), max(one[1] for one in found.values())
    return int(options.patients >= FULL and (seconds > LIMIT_SECONDS or peak > LIMIT_GIB))


def report(patients, made, found):
    """Print a table of seconds and peak memory."""
    rows = next(iter(found.values()))[-1]
    sizes = f"{patients:,} patients, {rows['sessions']:,} sessions, {rows['lines']:,} rows of the export"
    print(f"{sizes}; Python {platform.python_version()}, {os.cpu_count()} cores")
    if made:
        print(f"  made up in {made[0]:.0f} s, {made[1]:.1f} GiB (not counted)")
    for name, (seconds, peak, busy, _) in found.items():
        print(f"  {name:<15} {seconds:7.1f} s  {peak:5.2f} GiB  (processor {busy:.1f} s)")
    seconds, peak = sum(one[0] for one in found.values()), max(one[1] for one in found.values())
    limit = f"limit for {FULL:,} patients: {LIMIT_SECONDS} s and {LIMIT_GIB} GiB"
    print(f"  {'in all':<15} {seconds:7.1f} s  {peak:5.2f} GiB  ({limit})")


def measure(stage, *arguments):
    """Run a stage in a process of its own; give seconds, peak memory in GiB, seconds of processor and what it gave back."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    start = time.perf_counter()
    process = context.Process(target=_run, args=(queue, stage, arguments))
    process.start()
    while True:
        try:
            said, peak, busy = queue.get(timeout=1)
            break
        except Exception:
            if not process.is_alive():
                sys.exit(f"{stage.__name__} ended without a result")
    process.join()
    return time.perf_counter() - start, peak, busy, said


def _run(queue, stage, arguments):
    said = stage(*arguments)
    used = resource.getrusage(resource.RUSAGE_SELF)
    queue.put((said, used.ru_maxrss / 2**20, used.ru_utime + used.ru_stime))


def study_of(export):
    """The demo's study file on a made-up export."""
    from needling.plan import load_study

    study = load_study(PROJECT / "config/demo.yaml")
    paths = {"records": str(export / "records.csv"), "dictionary": str(export / "dictionary.csv")}
    return study.model_copy(update={"export": study.export.model_copy(update=paths)})


# ---------------------------------------------------------------- the stages, as the pipeline's scripts call them


def make(export, patients):
    """Write a made-up registry as an export of REDCap."""
    import numpy as np

    from needling.simulate.made_up import simulate_study
    from needling.simulate.redcap import dictionary, redcap_blocks
    from needling.simulate.scenario import Scenario

    rng = np.random.default_rng(20260101)
    scenario = replace(Scenario.sized(patients=patients), sessions=SESSIONS)
    registry = simulate_study(scenario, rng)
    export.mkdir(parents=True, exist_ok=True)
    dictionary(scenario).to_csv(export / "dictionary.csv", index=False, lineterminator="\n")
    part = export / "records.part"
    with part.open("w", encoding="utf-8", newline="") as to:
        for number, block in enumerate(redcap_blocks(registry, rng, BLOCK)):
            block.to_csv(to, index=False, header=number == 0, lineterminator="\n")
    part.rename(export / "records.csv")


def read(export, work):
    """Read and gate."""
    from needling.privacy.gate import stop_on_identifiers
    from needling.read.canonical import to_canonical
    from needling.read.export import read_export
    from needling.schema.stored import write_table

    study = study_of(export)
    raw = read_export(study.export)
    stop_on_identifiers(raw, study)
    tables = to_canonical(raw, study)
    for name, table in tables.items():
        write_table(table, work / "read" / f"{name}.parquet")
    return {"sessions": len(tables["sessions"]), "lines": sum(len(sheet.frame) for sheet in raw.sheets)}


def clean(export, work):
    """Clean."""
    from needling.clean.cleaning import clean as clean_tables
    from needling.privacy.rekey import Keys
    from needling.schema.stored import read_table, write_table

    study = study_of(export)
    tables = {path.stem: read_table(path) for path in sorted((work / "read").glob("*.parquet"))}
    cleaned = clean_tables(tables, study, Keys.open(work / "key.csv", seed=study.seed))
    for name, table in {**cleaned.tables, **cleaned.beside}.items():
        write_table(table, work / "clean" / f"{name}.parquet")
        if name in tables:
            out = (cleaned.quarantine["table"] == name).sum()
            assert len(table) + out == len(tables[name]), name
    return {"rows": len(cleaned.audit)}


def score(export, work):
    """Score every outcome."""
    from needling.instruments.definition import definitions
    from needling.instruments.scoring import score as score_outcomes
    from needling.schema.stored import read_table, write_table

    scores = score_outcomes(read_table(work / "clean/outcomes.parquet"), definitions(study_of(export).instruments))
    write_table(scores, work / "scores.parquet")
    return {"rows": len(scores)}


if __name__ == "__main__":
    sys.exit(main())
