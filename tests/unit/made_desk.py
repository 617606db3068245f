"""A small study on the desk, as a run leaves it: an effect of EFFECT, four visits, sessions with needles."""

import numpy as np
import pandas as pd

from needling.analysis.run import analyse
from needling.cohort.frame import in_plan_order
from needling.cohort.sessions import session_frame
from needling.extension import _trial
from needling.schema.stored import ESTIMATED_DIGITS, write_table

EFFECT = -1.5
FILE = """\
# A small trial, to be read with care.
study: small
design: randomised
made_up: true
seed: 7
export: {format: csv, records: data/raw/small.csv}
patients:
  id: id
  arm: {from: arm, codes: {0: usual_care, 1: dry_needling}, reference: usual_care}
  covariates: {age: age, sex: {from: sex, codes: {1: female, 2: male}}}
visits:
  date: date
  schedule: {baseline: {week: 0}, week_4: {week: 4}, week_8: {week: 8}, week_12: {week: 12}}
  primary: week_4
events:
  sessions: {rows: {form: session}, columns: {session: s, date: d}}
  needling: {rows: {form: needling}, columns: {session: s, date: d, muscle: m, needles: n}}
instruments: {nprs: {total: nprs}, csi: {total: csi}}
cohorts: {all: {outcomes: {pain: nprs}}}
covariates:
  csi: {instrument: csi, visit: baseline}
primary: main
analyses:
  main:                      # the one that counts
    kind: repeated_measures
    outcomes: [pain]
    adjust: [age]
  lines: {kind: growth_curve, outcomes: [pain]}   # over time
  ancova: {kind: ancova, outcomes: [pain], visits: [week_4]}
    # a remark that belongs to the last analysis

# what follows is another matter
families: {}
"""
INFERENCE = ["estimate", "se", "df", "p", "low", "high"]


def make(root, plan):
    """The tables of a run of a small study with an effect of EFFECT, its age unknown of two people, its csi of four."""
    rng = np.random.default_rng(1)
    frame = _trial(3, 80, effect=EFFECT)
    last = frame[frame["visit"] == "week_12"]
    last = last.assign(
        visit="week_8", week=8.0, day=56.0, hour=1344.0, value=last["value"] + rng.normal(0, 0.8, len(last))
    )
    frame = pd.concat([frame.assign(visit_number=frame["visit_number"].replace({2: 3})), last], ignore_index=True)
    frame = frame.sort_values(["patient", "visit_number"], ignore_index=True)
    frame = frame.assign(change=frame["value"] - frame["baseline"], improvement=frame["baseline"] - frame["value"])
    people = frame.drop_duplicates("patient")[["patient", "arm", "cohort", "clinic"]].reset_index(drop=True)
    n = len(people)
    age = pd.Series(rng.normal(45, 10, n)).mask(np.arange(n) < 2)
    csi = pd.Series(rng.normal(40, 12, n)).mask(np.arange(n) % 20 == 7)
    facts = people[["patient"]].assign(age=age, sex=rng.choice(["male", "female"], n), csi=csi)
    frame = frame.drop(columns=["age", "sex"], errors="ignore").merge(facts, on="patient")
    people = people.merge(facts, on="patient").assign(row=range(n))
    sessions = pd.DataFrame({"patient": np.repeat(people["patient"], 3), "session": np.tile([1.0, 2.0, 3.0], n)})
    sessions = sessions.assign(day=10 * sessions["session"], therapist="T1", clinic="C1", row=range(3 * n))
    needling = sessions.assign(muscle="trapezius", needles=np.tile([2.0, 3.0, 4.0], n))
    tables = {"sessions": sessions, "needling": needling}
    made = {
        "frames/visits": in_plan_order(frame, plan),
        "frames/patients": in_plan_order(people, plan),
        "frames/sessions": in_plan_order(session_frame(people, tables, plan), plan),
        "frames/events": pd.DataFrame({"patient": [], "event": [], "day": []}).astype(
            {"patient": "str", "event": "str"}
        ),
        "frames/scores": pd.DataFrame({"visit_row": range(n), "instrument": "csi", "value": csi}).dropna(),
        "clean/visits": pd.DataFrame({"row": range(n), "patient": people["patient"], "visit": "baseline"}),
    }
    for name, table in made.items():
        write_table(table, root / f"data/processed/small/{name}.parquet")
    run(root, plan, plan.analyses)


def run(root, plan, names):
    """What the jobs of some analyses write."""
    folder = root / "data/processed/small"
    given = {path.stem: pd.read_parquet(path) for path in (folder / "frames").glob("*.parquet")}
    for name in names:
        found = analyse(name, given, plan)
        write_table(found.results, folder / f"analyses/{name}/results.parquet", digits=ESTIMATED_DIGITS)
        write_table(found.results.assign(hidden=""), folder / "release/results.parquet")
