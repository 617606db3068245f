"""Three hundred broken exports: each ends in clean tables that lost no row, or in one message that names the file."""

import csv
import io
import resource
import string
import time
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from needling.clean.cleaning import clean
from needling.plan import load_study
from needling.privacy.gate import stop_on_identifiers
from needling.read.canonical import to_canonical
from needling.read.export import read_export
from needling.simulate.made_up import simulate_study
from needling.simulate.redcap import dictionary, redcap_blocks
from needling.simulate.scenario import Scenario
from needling.study.keys import StudyError
from needling.study.plan import Study

PROJECT = Path(__file__).parents[2]
EXAMPLES = {"plain": 270, "records": 20, "dictionary": 10}
MANY = {"plain": 640, "records": 40, "dictionary": 20}  # with those above a thousand

PLAIN = {
    "study": "plain",
    "title": "A small study",
    "design": "cohort",
    "seed": 1,
    "disclosure": {"rule": "cells"},
    "export": {"format": "csv", "records": "records.csv"},
    "patients": {
        "id": "patient",
        "clinic": "clinic",
        "arm": {"from": "arm", "codes": {0: "usual_care", 1: "dry_needling"}, "reference": "usual_care"},
        "covariates": {"age": "age", "sex": {"from": "sex", "codes": {1: "female", 2: "male"}}},
    },
    "visits": {
        "date": "visit_date",
        "therapist": "therapist",
        "schedule": {
            "baseline": {"label": "Baseline", "days": [-7, 3]},
            "week_4": {"label": "Week 4", "days": [14, 42]},
        },
        "primary": "week_4",
    },
    "instruments": {
        "nprs": {"total": "pain"},
        "ndi": {"items": "ndi_1 .. ndi_10", "total": "ndi_total"},
    },
    "cohorts": {"all": {"label": "All", "outcomes": {"pain": "nprs", "function": "ndi"}}},
    "primary": "main",
    "analyses": {"main": {"kind": "repeated_measures", "label": "Main", "outcomes": ["pain", "function"]}},
}


def plain_rows():
    """A head and two visits of each of nine patients."""
    rng = np.random.default_rng(7)
    head = ["patient", "clinic", "arm", "age", "sex", "visit_date", "therapist", "pain"]
    head += [*(f"ndi_{n}" for n in range(1, 11)), "ndi_total"]
    rows = [head]
    for patient in range(9):
        for date in (f"2024-03-{10 + patient}", f"2024-04-{10 + patient}"):
            items = rng.integers(0, 6, 10)
            row = [f"P{patient:02d}", "AB"[patient % 2], patient % 2, 30 + patient, 1 + patient % 3 // 2, date]
            row += [f"T{patient % 3}", rng.integers(0, 11), *items, 2 * items.sum()]
            rows.append([str(cell) for cell in row])
    return rows


def redcap_rows():
    """The records of some made-up patients as an export of REDCap."""
    rng = np.random.default_rng(3)
    made = simulate_study(Scenario.sized(patients=48), rng)
    records = next(redcap_blocks(made, rng, 1000))
    few = records[records["record_id"].isin(sorted(set(records["record_id"]))[::9])]
    return [list(few.columns), *few.to_numpy().tolist()]


def written(rows, delimiter=","):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()


# ---------------------------------------------------------------- what breaks an export

TEXTS = st.one_of(
    st.text(max_size=12),
    st.text(string.printable, max_size=12),
    st.sampled_from(
        ["", " ", "NA", "#DIV/0!", "-99", "1e400", "-inf", "nan", "0x1F", "12,5", "7/10", "6-7", "<1", "٣", "½", "１２"]
    ),
    st.sampled_from(
        ["2024-02-30", "31/04/2024", "03/04/2024", "0000-00-00", "99999", "1/1/1", "2024-03-10T25:61", "9" * 30]
    ),
    st.sampled_from(
        ['"', "'", '"a', ";", "\n", "\r\n", "\x00", "\ufeff", "=1+1", "a@b.example", "\ud7ff", "\U0001f600"]
    ),
)
BYTE_SEQUENCES = [b"\x00", b"\xff\xfe", b"\r", b'"', b"\n\n", b"\x1a", b"\xc3", b",,,,"]
CODINGS = ["utf-8-sig", "latin-1", "utf-16", "utf-16-le", "utf-32", "cp1252", "cp037", "shift_jis", "utf-7"]


def drawn_cells(draw, rows):
    """Some cells become any text."""
    for _ in range(draw(st.integers(1, 6))):
        row = draw(st.integers(1, len(rows) - 1))
        rows[row][draw(st.integers(0, len(rows[row]) - 1))] = draw(TEXTS)


def drawn_column(draw, rows):
    """A column is dropped, renamed, given twice, moved, emptied or filled with one text."""
    width = min(len(row) for row in rows)
    place = draw(st.integers(0, width - 1))
    what = draw(st.sampled_from(["drop", "rename", "twice", "move", "empty", "fill", "shuffle"]))
    if what == "rename":
        rows[0][place] = draw(
            st.one_of(TEXTS, st.sampled_from([rows[0][place].upper(), rows[0][place] + " ", rows[0][0]]))
        )
    elif what in {"empty", "fill"}:
        text = draw(TEXTS) if what == "fill" else ""
        for row in rows[1:]:
            row[place] = text
    elif what == "shuffle":
        for row, cell in zip(rows[1:], [row[place] for row in rows[-1:0:-1]], strict=True):
            row[place] = cell
    else:
        for row in rows:
            cell = row.pop(place) if what in {"drop", "move"} else row[place]
            row.extend([cell] if what != "drop" else [])


def drawn_rows(draw, rows):
    """Rows are given twice, cut out, cut short, made longer, turned round, or all but a few are gone."""
    place = draw(st.integers(1, len(rows) - 1))
    what = draw(st.sampled_from(["twice", "cut", "short", "long", "blank", "reverse", "few", "none", "head again"]))
    if what == "twice":
        rows += [list(rows[place])] * draw(st.integers(1, 3))
    elif what == "cut":
        del rows[place : place + draw(st.integers(1, 5))]
    elif what == "short":
        del rows[place][draw(st.integers(0, len(rows[place]) - 1)) :]
    elif what == "long":
        rows[place] += draw(st.lists(TEXTS, min_size=1, max_size=3))
    elif what == "blank":
        rows[place] = [""] * len(rows[place])
    elif what == "reverse":
        rows[1:] = rows[:0:-1]
    elif what == "head again":
        rows.insert(place, list(rows[0]))
    else:
        del rows[1 if what == "none" else 3 :]


def drawn_bytes(draw, content):
    """Bytes are flipped or put in, the file is cut off, or nothing of it is left."""
    what = draw(st.sampled_from(["flip", "put", "cut", "cut", "nothing", "doubled"]))
    if what == "nothing":
        return draw(st.sampled_from([b"", b"\n", b"\xef\xbb\xbf", b" ", b"\x00" * 40, b"PK\x03\x04"]))
    if what == "doubled":
        return content + content
    if what == "cut":
        return content[: draw(st.integers(0, len(content)))]
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 8))):
        place = draw(st.integers(0, max(len(changed) - 1, 0)))
        if what == "put" or not changed:
            changed[place:place] = draw(st.sampled_from(BYTE_SEQUENCES))
        else:
            changed[place] ^= draw(st.integers(1, 255))
    return bytes(changed)


@st.composite
def mutated(draw, rows):
    """The bytes of an export after one to three mishaps."""
    rows = [list(row) for row in rows]
    for change in draw(st.lists(st.sampled_from([drawn_cells, drawn_column, drawn_rows]), min_size=0, max_size=3)):
        if len(rows) > 1 and all(rows):
            change(draw, rows)
    text = written(rows, draw(st.sampled_from([",", ",", ",", ";", "\t", "|", "^"])))
    if draw(st.booleans()):
        return text.encode(draw(st.sampled_from(CODINGS)), errors="replace")
    content = text.encode("utf-8", errors="replace")
    return drawn_bytes(draw, content) if draw(st.booleans()) else content


# ---------------------------------------------------------------- what must come of it


class OwnCodes:
    """Keeps every code as it is."""

    def codes(self, kind, ids):
        return {one: one for one in ids}


@contextmanager
def within_limits():
    """Hold what is done to 20 seconds of computing, whatever else the machine does, and to 2 GB more than before."""
    begun, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.process_time() - begun < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2_000_000  # kilobytes


def outcome_of(study, folder):
    """Read, gate and clean within limits; 'refused' for a message that names the file, else check that no row was lost."""
    with within_limits():
        return ending_of(study, folder)


def ending_of(study, folder):
    """Read, gate and clean; 'refused' or 'cleaned'."""
    try:
        raw = read_export(study.export, folder)
        stop_on_identifiers(raw, study)
        tables = to_canonical(raw, study)
        cleaned = clean(tables, study, OwnCodes())
    except StudyError as error:
        refusal = error
    else:
        for name, table in cleaned.tables.items():
            taken_out = cleaned.quarantine.loc[cleaned.quarantine["table"] == name, "row"]
            assert sorted([*table["row"], *taken_out]) == list(range(len(tables[name]))), name
        return "cleaned"
    assert any(name in str(refusal) for name in ("records.csv", "dictionary.csv")), refusal
    assert "Traceback" not in str(refusal)
    assert refusal.__cause__ is None
    return "refused"


def try_all(study, rows, name, examples, folder, seed=None):
    """Put so many mutations of one file through reading, gate and cleaning; give how often each ending came.

    A `seed` chooses other mutations than those of every run.
    """
    endings = {"refused": 0, "cleaned": 0}

    @hypothesis.settings(
        max_examples=examples,
        derandomize=seed is None,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @(hypothesis.seed(seed) if seed else lambda test: test)
    @hypothesis.given(mutated(rows))
    def one(content):
        (folder / name).write_bytes(content)
        endings[outcome_of(study, folder)] += 1

    one()
    return endings


def test_plain_exports(tmp_path):
    study = Study.model_validate(PLAIN)
    (tmp_path / "records.csv").write_text(written(plain_rows()))
    assert outcome_of(study, tmp_path) == "cleaned"
    endings = try_all(study, plain_rows(), "records.csv", EXAMPLES["plain"], tmp_path)
    assert min(endings["cleaned"], endings["refused"]) >= 40
    assert sum(endings.values()) == EXAMPLES["plain"]


@pytest.fixture(scope="module")
def redcap_study():
    """The demo's study file, cut down to what is quick to clean."""
    study = load_study(PROJECT / "config/demo.yaml")
    few = {name: study.instruments[name] for name in ("nprs", "ppt", "ndi")}
    paths = {"records": "records.csv", "dictionary": "dictionary.csv"}
    changes = {
        "instruments": few,
        "events": study.events.model_copy(update={"co_interventions": None, "adverse_events": None}),
        "export": study.export.model_copy(update=paths),
        "privacy": study.privacy.model_copy(update={"drop": [*study.privacy.drop, "co_date", "ae_date"]}),
    }
    return study.model_copy(update=changes)


def test_redcap_exports(redcap_study, tmp_path):
    rows = redcap_rows()
    words = [list(dictionary(Scenario()).columns), *dictionary(Scenario()).fillna("").astype(str).to_numpy().tolist()]
    (tmp_path / "records.csv").write_text(written(rows))
    (tmp_path / "dictionary.csv").write_text(written(words))
    assert outcome_of(redcap_study, tmp_path) == "cleaned"
    records = try_all(redcap_study, rows, "records.csv", EXAMPLES["records"], tmp_path)
    (tmp_path / "records.csv").write_text(written(rows))
    words = try_all(redcap_study, words, "dictionary.csv", EXAMPLES["dictionary"], tmp_path)
    assert min(records["cleaned"], records["refused"]) >= 3
    assert sum(records.values()) + sum(words.values()) == EXAMPLES["records"] + EXAMPLES["dictionary"]


@pytest.mark.slow
def test_seven_hundred_more_exports(redcap_study, tmp_path):
    study = Study.model_validate(PLAIN)
    words = [list(dictionary(Scenario()).columns), *dictionary(Scenario()).fillna("").astype(str).to_numpy().tolist()]
    (tmp_path / "dictionary.csv").write_text(written(words))
    endings = try_all(study, plain_rows(), "records.csv", MANY["plain"], tmp_path, 2)
    assert min(endings["cleaned"], endings["refused"]) >= 90
    try_all(redcap_study, redcap_rows(), "records.csv", MANY["records"], tmp_path, 2)
    (tmp_path / "records.csv").write_text(written(redcap_rows()))
    try_all(redcap_study, words, "dictionary.csv", MANY["dictionary"], tmp_path, 2)
