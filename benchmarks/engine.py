"""Time the mixed-model engine, with statsmodels and (where R is there) lme4, nlme and pbkrtest beside it.

    .venv/bin/python benchmarks/engine.py            the whole table, some minutes
    .venv/bin/python benchmarks/engine.py --quick    small sizes only

Processor seconds of one thread (on an idle machine the same as seconds on the clock), medians, formula and result table
included; everything in one run on one machine. Random lines of 300 and 3,000 patients are fitted in turns with lme4 and lmerTest,
four rounds of many fits each, because a busy machine slows all of them down and not always alike.
"""
# ruff: noqa: E402 - the number of threads must be set before numpy is imported

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import json
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from needling.mixed.fit import fit_mixed

WEEKS = np.array([0, 2, 4, 8, 12, 24, 36.0])
SLOPE, GROWTH = "random intercept and slope", "y ~ week * arm"
THERAPISTS = "the same, therapists and clinics"
MMRM, VISITS = "unstructured, 5 visits", "y ~ visit * arm"


def growth(patients, seed=1, own_days=False):
    """Seven visits, a random line per patient, a tenth of the visits missed; on schedule or on each patient's own days."""
    rng = np.random.default_rng(seed)
    patient, week = np.repeat(np.arange(patients), 7), np.tile(WEEKS, patients)
    if own_days:
        week = week + rng.integers(0, 1_000, len(week)) / 1_000
    line = rng.multivariate_normal([0, 0], [[2, 0.01], [0.01, 0.003]], patients)
    y = 5 + line[patient, 0] + (line[patient, 1] - 0.03 - 0.02 * (patient % 2)) * week + rng.normal(size=len(patient))
    data = pd.DataFrame({"id": patient, "week": week, "arm": np.where(patient % 2, "needling", "usual"), "y": y})
    return data[rng.random(len(data)) > 0.1].reset_index(drop=True)


def therapists(patients, levels, clinics, near=False, seed=3):
    """Growth with a therapist per patient and another one at a tenth of the visits: any, or one of the same clinic."""
    rng = np.random.default_rng(seed)
    data = growth(patients, seed)
    own = rng.integers(0, levels, patients)[data["id"]]
    clinic = own % clinics
    other = (
        rng.integers(0, levels // clinics, len(data)) * clinics + clinic if near else rng.integers(0, levels, len(data))
    )
    therapist = np.where(rng.random(len(data)) < 0.1, other, own)
    y = data["y"] + rng.normal(0, 0.5, levels)[therapist] + rng.normal(0, 0.4, clinics)[clinic]
    codes = {"therapist": np.char.add("t", therapist.astype(str)), "clinic": np.char.add("c", clinic.astype(str))}
    return data.assign(y=y, **codes)


def visits(patients, seed=2):
    """Five visits with any covariance, a fifth of the visits missed."""
    rng = np.random.default_rng(seed)
    root = np.tril(rng.uniform(0.2, 0.6, (5, 5))) + np.eye(5)
    patient, visit = np.repeat(np.arange(patients), 5), np.tile(np.arange(5), patients)
    noise = (rng.normal(size=(patients, 5)) @ root.T).ravel()
    names = np.array([f"v{number}" for number in range(1, 6)])[visit]
    arm = np.where(patient % 2, "needling", "usual")
    data = pd.DataFrame({"id": patient, "visit": names, "number": visit + 1, "arm": arm, "y": 6 - 0.5 * visit + noise})
    return data[rng.random(len(data)) > 0.2].reset_index(drop=True)


def seconds_of(action, repeats):
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        action()
        seconds.append(time.process_time() - start)
    return seconds


def median_seconds(action, repeats=3):
    return float(np.median(seconds_of(action, repeats)))


def in_turns(actions, tasks, data, fits, rounds=4):
    """Median seconds of each action in Python and each task in R, fitted in turns; None where R or the package is missing."""
    found = {name: [] for name in (*actions, *tasks)}
    for _ in range(rounds):
        for name, action in actions.items():
            found[name] += seconds_of(action, fits)
        for name in tasks:
            found[name] += r_all_seconds(name, data, max(fits // 3, 2))
    return {name: float(np.median(seconds)) if seconds else None for name, seconds in found.items()}


def engine_growth(data, df="kenward_roger"):
    fit = fit_mixed(GROWTH, data, subject="id", random="1 + week")
    assert fit.status == "converged", fit.message
    return fit.terms(df=df)


def engine_therapists(data):
    fit = fit_mixed(GROWTH, data, subject="id", random="1 + week", cluster={"therapist": "1", "clinic": "1"})
    assert fit.status == "converged", fit.message
    return fit.terms()


def engine_visits(data):
    fit = fit_mixed(VISITS, data, subject="id", residual="unstructured(visit)")
    assert fit.status == "converged", fit.message
    return fit.terms()


def statsmodels_growth(data):
    import statsmodels.formula.api as smf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return smf.mixedlm(GROWTH, data, groups="id", re_formula="~week").fit().summary()


R_SCRIPT = """
suppressMessages({library(lme4); library(nlme)})
arguments <- commandArgs(TRUE); task <- arguments[1]; data <- read.csv(arguments[2], stringsAsFactors = TRUE)
repeats <- as.integer(arguments[3])
actions <- list(
  lme4 = function() coef(summary(lmer(y ~ week * arm + (week | id), data))),
  lmerTest = function() coef(summary(lmerTest::lmer(y ~ week * arm + (week | id), data))),
  therapists = function() coef(summary(lmer(y ~ week * arm + (week | id) + (1 | therapist) + (1 | clinic), data))),
  gls = function() summary(gls(y ~ visit * arm, data, correlation = corSymm(form = ~ number | id),
                               weights = varIdent(form = ~ 1 | visit)))$tTable,
  pbkrtest = function() {
    fit <- lmer(y ~ week * arm + (week | id), data)
    L <- matrix(0, 1, 4); L[4] <- 1
    pbkrtest::KRmodcomp(fit, L)
  })
if (repeats > 1) invisible(actions[[task]]())  # the first call compiles
cat(sapply(seq_len(repeats), function(i) sum(system.time(actions[[task]]())[c("user.self", "sys.self")])))
"""


def r_seconds(task, data, repeats=3):
    """Median seconds of a task in R; None where R or the package is missing."""
    seconds = r_all_seconds(task, data, repeats)
    return float(np.median(seconds)) if seconds else None


def r_all_seconds(task, data, repeats):
    """Time a task in R; empty where R or the package is missing."""
    if shutil.which("Rscript") is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        table, script = Path(folder) / "data.csv", Path(folder) / "task.R"
        data.to_csv(table, index=False)
        script.write_text(R_SCRIPT)
        done = subprocess.run(
            ["Rscript", script, task, table, str(repeats)], capture_output=True, text=True, check=False
        )
    return [float(one) for one in done.stdout.split()] if done.returncode == 0 else []


def r_versions():
    if shutil.which("Rscript") is None:
        return {}
    code = 'cat(R.version$major, R.version$minor, sep = "."); '
    code += 'for (p in c("lme4", "lmerTest", "nlme", "pbkrtest")) cat("\\n", p, " ", '
    code += 'tryCatch(as.character(packageVersion(p)), error = function(e) "absent"), sep = "")'
    lines = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=False).stdout.splitlines()
    return {"R": lines[0], **dict(line.split() for line in lines[1:])} if lines else {}


def child(task):
    """Run one large task in its own process, for its peak memory."""
    done = subprocess.run([sys.executable, __file__, "--child", task], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def run_child(task):
    tasks = {
        "visits": (engine_visits, lambda: visits(30_000), 3),
        "growth": (engine_growth, lambda: growth(100_000), 3),
        "own days": (engine_growth, lambda: growth(100_000, own_days=True), 3),
        "near": (engine_therapists, lambda: therapists(100_000, 5_000, 300, near=True), 3),
        "anywhere": (engine_therapists, lambda: therapists(100_000, 5_000, 300), 1),
    }
    engine, make, repeats = tasks[task]
    data = make()
    seconds = median_seconds(lambda: engine(data), repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps({"seconds": seconds, "gigabytes": peak, "rows": len(data)}))


def table(quick):
    """Measure everything; rows of (task, patients, rows, seconds here, the other program, its seconds)."""
    rows = []
    parts = [slopes(quick), with_therapists(quick), over_visits(quick), *([] if quick else [large()])]
    for row in chain(*parts, inference_alone(quick), refits(quick)):
        rows.append(row)
        task, patients, _, mine, other, theirs = row
        print(f"{task} | {patients} | {mine:.4f} | {other} | {theirs}", file=sys.stderr, flush=True)
    return rows


def slopes(quick):
    """Random slopes, in turns with lme4 and lmerTest: with each df and without."""
    beside = {
        "kenward_roger": ("Kenward-Roger", "lme4", "lme4, neither df nor P"),
        "asymptotic": ("neither df nor P", "lme4", "lme4, neither df nor P"),
        "satterthwaite": ("Satterthwaite", "lmerTest", "lmerTest, Satterthwaite"),
    }
    for patients, own_days in ((300, False), (3_000, False), (3_000, True)):
        data = growth(patients, own_days=own_days)
        actions = {df: lambda data=data, df=df: engine_growth(data, df) for df in beside}
        found = in_turns(actions, ("lme4", "lmerTest"), data, 24 if patients == 300 else 9)
        task = SLOPE + ", own days" * own_days
        for df, (words, program, other) in beside.items():
            yield f"{task}; {words}", patients, len(data), found[df], other, found[program]
        if not own_days and not (quick and patients > 300):
            theirs = median_seconds(lambda data=data: statsmodels_growth(data), 3 if patients < 3_000 else 1)
            yield f"{task}; neither df nor P", patients, len(data), found["asymptotic"], "statsmodels", theirs
    if not quick:
        data = growth(30_000)
        mine, theirs = median_seconds(lambda: engine_growth(data)), r_seconds("lme4", data, 1)
        yield f"{SLOPE}; Kenward-Roger", 30_000, len(data), mine, "lme4, neither df nor P", theirs


def with_therapists(quick):
    """Random slopes with therapists and clinics, beside lme4."""
    for patients, levels, clinics in ((3_000, 150, 10), (3_000, 600, 30), (10_000, 2_000, 100))[: 2 if quick else 3]:
        data, repeats = therapists(patients, levels, clinics), 1 if levels > 1_000 else 3
        mine = median_seconds(lambda data=data: engine_therapists(data), repeats)
        name = f"{THERAPISTS} ({levels:,} and {clinics})"
        yield name, patients, len(data), mine, "lme4", r_seconds("therapists", data, repeats)


def over_visits(quick):
    """A mixed model for repeated measures, beside nlme."""
    for patients in (300,) if quick else (300, 3_000):
        data = visits(patients)
        mine = median_seconds(lambda data=data: engine_visits(data))
        yield MMRM, patients, len(data), mine, "nlme::gls", r_seconds("gls", data, 3 if patients < 3_000 else 1)


def large():
    """What no other program is waited for, each in a process of its own."""
    for task, name, patients in (
        ("visits", MMRM, 30_000),
        ("growth", SLOPE, 100_000),
        ("own days", f"{SLOPE}, own days", 100_000),
        ("near", f"{THERAPISTS} (5,000 and 300, others of the same clinic)", 100_000),
        ("anywhere", f"{THERAPISTS} (5,000 and 300, others anywhere)", 100_000),
    ):
        found = child(task)
        told = f"{name} ({found['gigabytes']:.2f} GiB at the peak)"
        yield told, patients, found["rows"], found["seconds"], "", None


def inference_alone(quick):
    """Kenward and Roger's table of a fit that is there, beside pbkrtest."""
    for patients in (300,) if quick else (300, 3_000, 30_000):
        data = growth(patients)
        fit = fit_mixed(GROWTH, data, subject="id", random="1 + week")

        def again(fit=fit):
            fit.__dict__.pop("information", None)
            fit.terms(df="kenward_roger")

        theirs = r_seconds("pbkrtest", data, 1) if patients <= 3_000 else None
        yield "Kenward-Roger table of a fit", patients, len(data), median_seconds(again), "lmer + pbkrtest", theirs


def refits(quick):
    """Refits without one patient each, and of drawn outcomes."""
    for name, formula, data, model in (
        (MMRM, VISITS, visits(172), {"residual": "unstructured(visit)"}),
        (SLOPE, GROWTH, growth(172), {"random": "1 + week"}),
    ):
        fit = fit_mixed(formula, data, subject="id", **model)
        ids = [str(one) for one in fit.model.design.subject_labels]
        mine = median_seconds(lambda fit=fit, ids=ids: [fit.without(one) for one in ids], 1 if quick else 3)
        yield f"172 refits, each without one patient: {name}", 172, len(data), mine, "", None
    data = growth(300)
    fit = fit_mixed(GROWTH, data, subject="id", random="1 + week")
    count = 100 if quick else 1_000
    mine = median_seconds(lambda: fit.bootstrap(np.random.default_rng(1), count), 1)
    yield f"{count} parametric bootstrap refits", 300, len(data), mine, "", None


def markdown(rows):
    lines = [
        "| task | patients | rows | needling (CPU s) | beside it | CPU s | ratio |",
        "|---|---:|---:|---:|---|---:|---:|",
    ]
    for task, patients, data_rows, mine, other, theirs in rows:
        ratio = f"{theirs / mine:,.0f}" if theirs else ""
        seconds = f"{theirs:.3g}" if theirs else ""
        lines.append(f"| {task} | {patients:,} | {data_rows:,} | {mine:.3g} | {other} | {seconds} | {ratio} |")
    packages = {name: version(name) for name in ("numpy", "scipy", "pandas", "formulaic", "statsmodels")}
    found = {"Python": platform.python_version(), **packages, **r_versions()}
    lines += ["", "Versions: " + ", ".join(f"{name} {number}" for name, number in found.items()) + "."]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes only")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        run_child(arguments.child)
    else:
        print(markdown(table(arguments.quick)))


if __name__ == "__main__":
    main()
