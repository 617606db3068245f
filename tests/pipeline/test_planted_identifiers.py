"""Identifiers planted in real files: none passes the gate, and none of a study's own is found in any byte that leaves.

What leaves: reports/<study>, and the tables of data/processed/<study> from the clean ones on. The tables as read stay, and
so does the key.
"""

import csv
import datetime
import runpy
import zipfile
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyreadstat
import pytest
import xlsxwriter

from needling.analysis.kinds import settings_of_kinds
from needling.check import dry_run
from needling.plan import load_study
from needling.privacy.gate import scan, stop_on_identifiers
from needling.read.canonical import to_canonical
from needling.read.export import read_export
from needling.read.raw import RawExport, Sheet
from needling.schema.intake import ACCOUNT
from needling.simulate.redcap import dictionary
from needling.simulate.scenario import Scenario
from needling.study.file import section, study_model
from needling.study.keys import StudyError

PROJECT = Path(__file__).parents[2]
SCRIPTS = PROJECT / "workflow/scripts"

PLANTED = {
    "name": "seen with Mrs Kowalczyk",
    "phone number": "call 0151/2345678",
    "e-mail": "j.k@practice.org",
    "date": "since 3 March 2024",
    "record number": "MRN 0012345",
    "web address": "https://practice.org/p/7",
}
# What could name a person, most of it unknown to any list of names.
OF_PEOPLE = [
    *(
        "Xochitl Quetzalcoyotl",
        "Ngozi Okonkwo-Bello",
        "Aoife Nig Uidhir",
        "Kowalczykowa",
        "siobhan o'flaherty",
        "Frau Dr. Brandstetter",
    ),
    *(
        "0151/2398765",
        "+254 712 998877",
        "8823764",
        "j.k@practice.org",
        "Hauptstraße 77",
        "14 Rosewood Close",
        "51.50742, -0.12781",
    ),
    *("third of March nineteen sixty-seven", "17 April 1958", "670403-1234", "MRN 0098123", "RSSMRA80A01H501U"),
]
PLACES = [
    "pain",
    "ndi_4",
    "side",
    "sex",
    "age",
    "visit_date",
    "event",
    "patient",
    "therapist",
    "clinic",
    "email",
    "comment",
]

# ---------------------------------------------------------------- the study

PEOPLE, CLINICS = 36, ["Northgate Surgery", "Southmere Surgery"]
THERAPISTS = ["Zebedee Quill", "Ottoline Brack", "Peregrine Foss"]
PATIENT = [f"QX-{7301 + 17 * number}" for number in range(PEOPLE)]
NAMES = [f"Thaddeus Umber{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(PEOPLE)]
HIDDEN_WORDS = ["Ballyferrit", "Clonsillagh"]  # places that no gate knows, where a number or a code should stand
STUDY = {
    "study": "planted",
    "title": "A small study",
    "design": "cohort",
    "seed": 1,
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
        "planned": {"from": "event", "codes": {"v0": "baseline", "v1": "week_4"}},
        "schedule": {
            "baseline": {"label": "Baseline", "days": [-7, 3]},
            "week_4": {"label": "Week 4", "days": [14, 42]},
        },
        "primary": "week_4",
    },
    "instruments": {"nprs": {"total": "pain"}, "ndi": {"items": "ndi_1 .. ndi_10", "total": "ndi_total"}},
    "events": {
        "needling": {"columns": {"date": "needled_on", "side": {"from": "side", "codes": {1: "left", 2: "right"}}}}
    },
    "cohorts": {"all": {"label": "All", "outcomes": {"pain": "nprs", "function": "ndi"}}},
    "primary": "main",
    "analyses": {"main": {"kind": "ancova", "label": "Main", "outcomes": ["pain", "function"], "visits": ["week_4"]}},
    "privacy": {
        "drop": ["full name", "mobile", "email"],
        "reviewed": {"remark": {"by": "data manager", "date": "2024-06-01", "why": "appointments only"}},
    },
    "disclosure": {"rule": "cells", "min_cell": 5},
}


def date_of(number, visit):
    return (datetime.date(2023, 2, 7) + datetime.timedelta(days=5 * number + 28 * visit)).isoformat()


def records():
    """Two visits of each person, with everything that must not leave."""
    rng = np.random.default_rng(11)
    head = [
        "patient",
        "clinic",
        "therapist",
        "arm",
        "age",
        "sex",
        "visit_date",
        "event",
        "comment",
        "full name",
        "mobile",
        "email",
        "remark",
    ]
    head += ["pain", *(f"ndi_{n}" for n in range(1, 11)), "ndi_total", "needled_on", "side"]
    rows = []
    for number in range(PEOPLE):
        for visit in range(2):
            items = rng.integers(0, 6, 10)
            row = [
                PATIENT[number],
                CLINICS[number % 2],
                THERAPISTS[number % 3],
                number % 2,
                30 + number,
                1 + number % 2,
            ]
            row += [
                date_of(number, visit),
                f"v{visit}",
                "",
                NAMES[number],
                f"0151/88{4000 + number}",
                f"u{number}@umber.example",
            ]
            row += [
                f"came with {NAMES[number]}",
                rng.integers(0, 11),
                *items,
                2 * items.sum(),
                date_of(number, visit),
                1,
            ]
            rows.append([str(cell) for cell in row])
    column = {name: place for place, name in enumerate(head)}
    rows[1][column["pain"]], rows[3][column["sex"]] = HIDDEN_WORDS
    rows[5][column["side"]] = HIDDEN_WORDS[1]
    rows[7][column["patient"]] = PATIENT[3].lower() + " "  # looks like a known code
    rows[9][column["patient"]] = "QX-9999"
    rows[11][column["visit_date"]] = "03/04/2023"
    rows[12][column["age"]] = rows[13][column["age"]] = "97"
    rows.append(list(rows[15]))
    return [head, *rows]


def planted_in(rows, text, place, line=40):
    """Put a text into one cell of a column; return the rows."""
    rows[line][rows[0].index(place)] = text
    return rows


def secrets():
    """Every text of the export that names a person, a place or a day."""
    days = [date_of(number, visit) for number in range(PEOPLE) for visit in range(2)]
    phones = [f"0151/88{4000 + number}" for number in range(PEOPLE)]
    mails = [f"u{number}@umber.example" for number in range(PEOPLE)]
    more = [
        "QX-9999",
        "QX-73",
        "qx-73",
        "Umber",
        "Thaddeus",
        "Northgate",
        "Southmere",
        "Zebedee",
        "Ottoline",
        "Peregrine",
    ]
    planted = [text for text, _ in passing()]
    return [
        *planted,
        *PATIENT,
        *NAMES,
        *CLINICS,
        *THERAPISTS,
        *days,
        *phones,
        *mails,
        *HIDDEN_WORDS,
        *more,
        "03/04/2023",
    ]


@cache
def passing():
    """What the gate lets pass of the identifiers planted in each place; and it stops on the others without printing them."""
    study, found = study_model(settings_of_kinds()).model_validate(STUDY), []
    for text in OF_PEOPLE:
        for place in PLACES:
            said = gate_says(exported(planted_in(records(), text, place)), study)
            assert text not in said, place
            found += [] if said else [(text, place)]
    return found


def gate_says(raw, study):
    """What the gate says when it stops, or nothing."""
    try:
        stop_on_identifiers(raw, study)
    except StudyError as stopped:
        return str(stopped)
    return ""


def exported(rows):
    """Rows as an export that has been read, each cell a text."""
    frame = pd.DataFrame(rows[1:], columns=rows[0], dtype="str").replace("", np.nan)
    return RawExport([Sheet("records.csv", "", frame, np.arange(2, len(rows) + 1))])


class Named(dict):
    """Files or settings of a rule, by name, as Snakemake hands them to a script."""

    def __getattr__(self, name):
        return self[name]


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """The folders of a study after all its rules ran, without Snakemake."""
    folder = tmp_path_factory.mktemp("planted")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with Path("records.csv").open("w", encoding="utf-8", newline="") as file:
            rows = records()
            for text, place in passing():
                planted_in(rows, text, place, 20 + 2 * OF_PEOPLE.index(text))
            csv.writer(file).writerows(rows)
        study = study_model(settings_of_kinds()).model_validate(STUDY)
        _run_all(study)
        Path("reports/planted/check.txt").write_text(dry_run(study), encoding="utf-8")
        yield folder


def _run_all(study):
    everything = section(study, *type(study).model_fields, words=True)
    made, reports = Path("data/processed/planted"), Path("reports/planted")
    names = ["patients", "visits", "outcomes", "needling"]

    def rule(script, given, made_here, **params):
        for path in made_here.values():
            for one in path if isinstance(path, list) else [path]:
                Path(one).parent.mkdir(parents=True, exist_ok=True)
        facts = {"input": Named(given), "output": Named(made_here), "params": Named(study=everything, **params)}
        runpy.run_path(str(SCRIPTS / f"{script}.py"), {"snakemake": Named(facts, log=["log"], threads=1)})

    def tables(stage, *which):
        return {name: f"{made}/{stage}/{name}.parquet" for name in which}

    rule("read", {}, tables("read", *names, *ACCOUNT), raw=None)
    cleaned = tables("clean", *names, "audit", "quarantine", "totals") | {"key": f"{made}/clean/key.json"}
    rule("clean", tables("read", *names, *ACCOUNT), cleaned, key=(f"data/keys/{everything['study']}.csv", ""))
    beside = {"exported": f"{made}/read/patients.parquet", "sources": f"{made}/read/sources.parquet"}
    observed = ("flow", "intercurrent", "distribution", "missingness", "baseline", "reliability", "codebook")
    frames = tables("frames", "visits", "patients", "scores")
    rule("assemble", tables("clean", *names, "quarantine") | beside, frames | tables("observed", *observed))
    of_analysis = ("results", "methods", "people", "residual_bins", "residual_quantiles")
    rule("analyse", frames, tables("analyses/main", *of_analysis), analysis="main")
    book = {"workbook": "audit.xlsx", "codebook": "codebook.xlsx", "page": "codebook.html"}
    audited = {"sources": beside["sources"], "frame": frames["visits"], "scores": frames["scores"]}
    audit = {name: f"{reports}/audit/{file}" for name, file in book.items()}
    rule("audit", tables("clean", *names, "audit") | audited, audit)
    given = tables("observed", *observed) | tables("clean", "audit", "totals") | tables("analyses/main", *of_analysis)
    given |= tables("read", "unread")
    released = tables("release", *observed, "cleaning", "unread", "totals", "withheld", *of_analysis)
    results = {"files": [f"{reports}/results/main.csv"], "ard": f"{reports}/results/ard.csv"}
    rule("release", given, released | results)
    drawn = {"words": f"{made}/figures/words.json", "folder": f"{reports}/figures"}
    rule("figures", released, drawn)
    written = {ending: f"{reports}/report.{ending}" for ending in ("html", "pdf", "docx")}
    rule("report", released | {"words": drawn["words"], "figures": drawn["folder"]}, written)


# ---------------------------------------------------------------- nothing that names a person leaves


def contents(path):
    """The bytes of a file, and what is packed inside: parts of a zip, streams of a PDF, values of a parquet table."""
    content = path.read_bytes()
    yield content
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as pack:
            yield from (pack.read(name) for name in pack.namelist())
    elif path.suffix == ".pdf":
        for part in content.split(b"stream\n")[1:]:
            try:
                yield zlib.decompressobj().decompress(part.lstrip(b"\r\n"))
            except zlib.error:
                continue
    elif path.suffix == ".parquet":
        table = pq.read_table(path)
        yield str(table.schema).encode()
        for column in table.columns:
            yield "\n".join(map(str, column.to_pylist())).encode()


def test_nothing_that_names_a_person_leaves(left):
    stays = left / "data/processed/planted/read"
    files = [
        path for top in ("reports", "data/processed") for path in sorted((left / top).rglob("*")) if path.is_file()
    ]
    leaving = [path for path in files if stays not in path.parents]
    assert len(leaving) > 45
    assert {"report.html", "report.pdf", "report.docx", "audit.xlsx", "codebook.html", "main.csv"} <= {
        p.name for p in leaving
    }
    wanted = [
        (one, coded) for one in secrets() for coded in (one.encode(), one.encode("utf-16-le"), one.encode("latin-1"))
    ]
    found = {
        (str(path.relative_to(left)), one)
        for path in leaving
        for content in contents(path)
        for one, coded in wanted
        if coded in content
    }
    assert found == set()


def test_the_search_finds_what_is_there(left):
    """The same search in the tables as read finds the codes, so an empty result above says something."""
    held = b"\n".join(
        one for path in sorted((left / "data/processed/planted/read").glob("*")) for one in contents(path)
    )
    assert all(code.encode() in held for code in [*PATIENT, *THERAPISTS, *CLINICS, *HIDDEN_WORDS])
    # what was dropped or only reviewed is in no table at all
    assert not any(name.encode() in held for name in [*NAMES, "umber.example", "0151/88"])


def test_two_hundred_identifiers_in_twelve_places(left):
    """Of 216 planted ones those that the gate does not know are in the columns below, and in no byte that leaves."""
    assert len(OF_PEOPLE) * len(PLACES) > 200
    seen = pd.Series([place for _, place in passing()]).value_counts()
    # what is not read, and what gets a new code, is not stopped on
    assert set(seen[seen == len(OF_PEOPLE)].index) == {"therapist", "clinic", "email", "comment"}
    assert 0 < seen["pain"] < len(OF_PEOPLE) / 2
    audit = pd.read_parquet(left / "data/processed/planted/clean/audit.parquet")
    kept = audit.loc[(audit["column"] == "pain") & audit["old"].notna(), "old"]
    assert f"(text of {len('Kowalczykowa')} characters)" in set(kept)


def test_ages_over_89_leave_as_90(left):
    patients = pd.read_parquet(left / "data/processed/planted/clean/patients.parquet")
    assert patients["age"].max() == 90
    assert patients["patient"].nunique() == len(patients)


def test_the_key_is_for_its_owner_alone(left):
    (key,) = (left / "data/keys").glob("*.csv")
    assert key.stat().st_mode & 0o077 == 0
    assert PATIENT[0] in key.read_text()


# ---------------------------------------------------------------- nothing that names a person passes


def refused(raw, study, *never_printed):
    """What the gate says when it stops; never one of the values."""
    with pytest.raises(StudyError) as stopped:
        stop_on_identifiers(raw, study)
    said = str(stopped.value)
    assert not [value for value in never_printed if value in said]
    return said


@pytest.fixture
def plain():
    """The study, with nothing dropped or reviewed, and an export without identifiers."""
    rows = records()
    out = {rows[0].index(name) for name in ("full name", "mobile", "email", "remark", "comment")}
    kept = [[cell for place, cell in enumerate(row) if place not in out] for row in rows]
    return study_model(settings_of_kinds()).model_validate({**STUDY, "privacy": {}}), kept


def test_the_export_passes_without_what_was_planted(plain, tmp_path):
    study, rows = plain
    raw = saved(tmp_path, rows, study)
    assert scan(raw, study).empty
    assert gate_says(raw, study) == ""


def saved(folder, rows, study):
    with (folder / "records.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return read_export(study.export, folder)


@pytest.mark.parametrize(("kind", "text"), PLANTED.items())
@pytest.mark.parametrize("column", ["pain", "ndi_4", "side", "age"])
def test_cells_of_any_column_that_is_read(plain, tmp_path, kind, text, column):
    study, rows = plain
    rows[20][rows[0].index(column)] = text
    raw = saved(tmp_path, rows, study)
    assert kind in set(scan(raw, study)["kind"])
    said = refused(raw, study, text)
    assert f"column '{column}', line 21" in said


@pytest.mark.parametrize("name", ["last name", "mobile", "email", "date of birth", "www.practice.org", "remark"])
def test_columns_that_are_not_named_are_not_read_and_their_names_are_judged(plain, tmp_path, name):
    study, rows = plain
    rows = [[*row, name if place == 0 else "Bronwen Kowalczyk"] for place, row in enumerate(rows)]
    raw = saved(tmp_path, rows, study)
    stop_on_identifiers(raw, study)
    tables = to_canonical(raw, study)
    unread = tables["unread"].set_index("source")["looks_like"]
    assert list(unread.index) == [name]
    assert (unread[name] == unread[name]) == (name not in {"www.practice.org", "remark"})
    assert not any("Kowalczyk" in table.to_csv() for table in tables.values())


@pytest.mark.parametrize("kind", sorted(set(PLANTED) - {"date"}))  # a date in a label describes the form
def test_labels_of_a_dictionary(tmp_path, kind):
    study = load_study(PROJECT / "config/demo.yaml")
    words = dictionary(Scenario("default")).fillna("").astype(str)
    label = "Field Label"
    field = words["Variable / Field Name"] == "nprs"
    words.loc[field, label] = words.loc[field, label] + f" ({PLANTED[kind]})"
    words.to_csv(tmp_path / "dictionary.csv", index=False)
    with (PROJECT / study.export.records).open(encoding="utf-8") as file:
        (tmp_path / "records.csv").write_text("".join(file.readlines()[:40]))
    paths = {"records": "records.csv", "dictionary": "dictionary.csv"}
    raw = read_export(study.export.model_copy(update=paths), tmp_path)
    assert "nprs" in refused(raw, study, PLANTED[kind])


def test_a_dictionary_that_names_identifiers(tmp_path):
    study = load_study(PROJECT / "config/demo.yaml")
    words = dictionary(Scenario("default")).fillna("").astype(str)
    words.loc[words["Variable / Field Name"] == "weight_kg", "Identifier?"] = "y"
    words.to_csv(tmp_path / "dictionary.csv", index=False)
    with (PROJECT / study.export.records).open(encoding="utf-8") as file:
        (tmp_path / "records.csv").write_text("".join(file.readlines()[:40]))
    paths = {"records": "records.csv", "dictionary": "dictionary.csv"}
    assert "weight_kg" in refused(read_export(study.export.model_copy(update=paths), tmp_path), study)


PLACES_OF_A_WORKBOOK = {
    "author": "file properties: creator: it names an author",
    "manager": "file properties: manager: it names an author",
    "company": "file properties: company: it names an author",
    "comments": "file properties: description: an e-mail address",
    "sheet name": "sheet number 1, the sheet's name: it holds a title with a name",
}


@pytest.mark.parametrize(("place", "told"), PLACES_OF_A_WORKBOOK.items())
def test_properties_and_sheets_of_a_workbook(plain, tmp_path, place, told):
    study, rows = plain
    with xlsxwriter.Workbook(tmp_path / "records.xlsx") as book:
        sheet = book.add_worksheet("Mrs Kowalczyk" if place == "sheet name" else "records")
        if place != "sheet name":
            book.set_properties({place: "j.k@practice.org" if place == "comments" else "Bronwen Kowalczyk"})
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    export = study.export.model_copy(update={"format": "excel", "records": "records.xlsx"})
    assert f"- records.xlsx, {told}\n" in refused(read_export(export, tmp_path), study, "Kowalczyk", "j.k@practice.org")


PLACES_OF_AN_SPSS_FILE = {
    "note": "file properties: note 1: an e-mail address",
    "column label": "column 'pain': its label or choices hold an e-mail address",
    "value label": "column 'side': its label or choices hold an e-mail address",
}


@pytest.mark.parametrize(("place", "told"), PLACES_OF_AN_SPSS_FILE.items())
def test_notes_and_labels_of_an_spss_file(plain, tmp_path, place, told):
    study, rows = plain
    frame = pd.DataFrame(rows[1:], columns=rows[0]).astype(object)
    frame["side"] = 1.0
    said = "write to j.k@practice.org"
    pyreadstat.write_sav(
        frame,
        tmp_path / "records.sav",
        note=[said] if place == "note" else None,
        column_labels={"pain": said} if place == "column label" else None,
        variable_value_labels={"side": {1.0: said}} if place == "value label" else None,
    )
    export = study.export.model_copy(update={"format": "spss", "records": "records.sav"})
    assert f"- records.sav, {told}\n" in refused(read_export(export, tmp_path), study, said, "j.k@practice.org")
