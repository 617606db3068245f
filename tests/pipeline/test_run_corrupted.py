"""An export that is broken ends in one sentence with file, row, column and mend; never in a traceback."""

import csv
import os
import re
import runpy
from pathlib import Path

import pandas as pd
import pytest

from needling.plan import load_study
from needling.study.file import section

PROJECT = Path(__file__).parents[2]
SCRIPTS = PROJECT / "workflow" / "scripts"
PATIENTS = 25


class Named(dict):
    """Files or settings of a rule, by name and by number, as Snakemake hands them to a script."""

    def __getattr__(self, name):
        return self[name]

    def __getitem__(self, key):
        return list(self.values())[key] if isinstance(key, int) else super().__getitem__(key)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The first patients of the demo's export in a folder of their own, and the demo's study file."""
    monkeypatch.chdir(tmp_path)
    study = load_study(PROJECT / "config/demo.yaml")
    with (PROJECT / study.export.records).open(encoding="utf-8-sig", newline="") as file:
        head, *rows = csv.reader(file)
    people = list(dict.fromkeys(row[0] for row in rows))[:PATIENTS]
    for name in (study.export.records, study.export.dictionary):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes((PROJECT / name).read_bytes())
    write(Path(study.export.records), [head, *(row for row in rows if row[0] in people)])
    return study


def write(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


class Stage:
    """Runs the real scripts of the first two rules on whatever stands in for the export."""

    def __init__(self, study):
        self.study = study
        self.log = Path("stage.log")

    def __call__(self, script, given, params):
        made = Path(script)
        made.mkdir(exist_ok=True)

        class Outputs(Named):
            def __missing__(self, name):
                return str(made / (f"{name}.json" if name == "key" else f"{name}.parquet"))

        settings = Named(study=params, raw=None, key=(f"data/keys/{self.study.study}.csv", ""))
        rule = Named(input=given, output=Outputs(), log=[str(self.log)], params=settings, threads=1)
        runpy.run_path(str(SCRIPTS / f"{script}.py"), {"snakemake": rule})
        return Named({path.stem: str(path) for path in sorted(made.glob("*.parquet"))})

    def read_and_clean(self):
        everything = section(self.study, *type(self.study).model_fields)
        records = Named(records=[self.study.export.records], dictionary=[self.study.export.dictionary])
        tables = self("read", records, everything)
        return self("clean", tables, everything)


def refusal(study):
    """Read and clean; give the one sentence with which that ends."""
    stage = Stage(study)
    with pytest.raises(SystemExit) as end:
        stage.read_and_clean()
    sentence = str(end.value.code)
    assert "Traceback" not in stage.log.read_text()
    assert stage.log.read_text() == sentence + "\n"
    assert len(sentence.splitlines()) == 1
    assert re.match(r"needling: .*\S[.?]$", sentence)
    assert "records.csv" in sentence
    return sentence


def test_the_small_export_itself_is_taken(small):
    made = Stage(small).read_and_clean()
    assert {"patients", "visits", "outcomes", "audit", "quarantine"} <= set(made)


def test_tables_with_codes_of_the_export_are_the_users_alone(small):
    before = os.umask(0o022)
    try:
        Stage(small).read_and_clean()
    finally:
        os.umask(before)
    for folder in (Path("read"), Path("clean")):
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_missing_column(small):
    path = Path(small.export.records)
    head, *rows = read(path)
    gone = head.index("date_randomised")
    write(path, [[cell for n, cell in enumerate(row) if n != gone] for row in [head, *rows]])
    assert "date_randomised" in refusal(small)


def test_unknown_code_in_one_row_becomes_a_query_and_quarantine(small):
    path = Path(small.export.records)
    rows = read(path)
    column = rows[0].index("arm")
    line = next(n for n, row in enumerate(rows) if n and row[column])
    rows[line][column] = "placebo"
    write(path, rows)
    made = Stage(small).read_and_clean()
    audit = pd.read_parquet(made["audit"]).query("table == 'patients' and column == 'arm' and action == 'query'")
    assert list(zip(audit["file"], audit["line"], strict=True)) == [("records.csv", line + 1)]
    before, quarantine = pd.read_parquet("read/patients.parquet"), pd.read_parquet(made["quarantine"])
    (row,) = before.loc[before["line"].astype(int) == line + 1, "row"]
    assert "arm" in quarantine.query(f"table == 'patients' and row == {row}")["reason"].item()


def test_codes_that_are_unknown_in_every_row(small):
    path = Path(small.export.records)
    rows = read(path)
    column = rows[0].index("arm")
    for row in rows[1:]:
        row[column] = row[column] and f"group {row[column][0]}"
    write(path, rows)
    sentence = refusal(small)
    assert "'arm'" in sentence
    assert "mend patients.arm.codes" in sentence


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf"], ids=["nothing", "a line end", "a byte-order mark"])
def test_empty_file(small, content):
    Path(small.export.records).write_bytes(content)
    assert "empty" in refusal(small)


def test_header_without_rows(small):
    path = Path(small.export.records)
    write(path, read(path)[:1])
    assert "no row of data" in refusal(small)


def test_binary_garbage(small):
    Path(small.export.records).write_bytes(bytes(range(256)) * 40)
    assert "line 1: the file holds a null byte" in refusal(small)


def test_a_picture_instead_of_the_export(small):
    Path(small.export.records).write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    assert "line 3: the file holds a null byte" in refusal(small)


def test_duplicated_column(small):
    path = Path(small.export.records)
    rows = read(path)
    column = rows[0].index("age")
    write(path, [[*row, row[column]] for row in rows])
    assert "'age'" in refusal(small)


def test_duplicated_patients(small):
    """The same enrolment twice is settled by cleaning, with an audit row; two that contradict each other stop nobody."""
    path = Path(small.export.records)
    rows = read(path)
    write(path, [*rows, *[row for row in rows[1:] if row[1] == "enrolment_arm_1"]])
    made = Stage(small).read_and_clean()
    patients = pd.read_parquet(made["patients"])
    assert not patients["patient"].duplicated().any()
    assert len(pd.read_parquet(made["audit"])) + len(pd.read_parquet(made["quarantine"])) > 0


def test_file_that_ends_in_the_middle_of_a_row(small):
    path = Path(small.export.records)
    content = path.read_bytes().rstrip()
    start = content.rfind(b"\n")
    path.write_bytes(content[: start + 60])
    lines = content[:start].count(b"\n") + 2
    sentence = refusal(small)
    assert re.search(rf"(row|line) {lines}\b", sentence)


def test_file_that_ends_inside_quotation_marks(small):
    path = Path(small.export.records)
    content = path.read_bytes()
    path.write_bytes(content + b'C99-0001,"baseline_arm')
    lines = content.count(b"\n") + 1
    assert f"line {lines}: a quotation mark opened on this line is not closed" in refusal(small)


def test_dictionary_that_is_not_one(small):
    Path(small.export.dictionary).write_text("this is not a dictionary\n")
    stage = Stage(small)
    with pytest.raises(SystemExit) as end:
        stage.read_and_clean()
    assert "dictionary.csv" in str(end.value.code)
    assert "Traceback" not in stage.log.read_text()
