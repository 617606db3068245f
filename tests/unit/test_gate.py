"""The identifier gate: what could name a person is found wherever it stands, and never printed."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import xlsxwriter
from made_exports import plan

from needling.privacy.gate import FILE_PROPERTIES, scan, stop_on_identifiers
from needling.privacy.patterns import PATTERNS
from needling.read import RawExport, Sheet, Variable, read_export
from needling.study import StudyError, load_study

INSTRUMENTS = {"nprs": {"total": "pain"}}


def export(columns, variables=None, properties=None, file="records.csv", sheet=""):
    frame = pd.DataFrame({"id": [str(n) for n in range(len(next(iter(columns.values()))))]} | columns, dtype="str")
    lines = np.arange(2, len(frame) + 2)
    return RawExport([Sheet(file, sheet, frame, lines)], variables or {}, properties or {})


def kinds(raw, **sections):
    found = scan(raw, plan(**{"instruments": {}} | sections))
    return set(zip(found["column"], found["kind"], strict=True))


IDENTIFIERS = [
    ("write to jane.doe@clinic.org", "e-mail"),
    ("jane(at)clinic.org", "e-mail"),
    ("see www.example.org/me", "web address"),
    ("https://x.y/z", "web address"),
    ("from 192.168.10.7", "IP address"),
    ("(415) 555-1212", "phone number"),
    ("+44 20 7946 0958", "phone number"),
    ("call 5550123", "phone number"),
    ("telephone no. 5550123", "phone number"),
    ("called on 5550123", "phone number"),
    ("0151/2345678", "phone number"),
    ("01 23 45 67 89", "phone number"),
    ("record id: 4567", "record number"),
    ("612 34 56 78 en casa", "phone number"),
    ("07700 900123", "phone number"),
    ("123-45-6789", "social security number"),
    ("4111 1111 1111 1111", "card number"),
    ("943 476 5919", "health service number"),
    ("9434765919", "health service number"),
    ("GB82 WEST 1234 5698 7654 32", "bank account"),
    ("12345678Z", "identity number"),
    ("MRN 0012345", "record number"),
    ("hospital number: 88123", "record number"),
    ("NHC 4567", "record number"),
    ("987654321", "long number"),
    ("seen on 2024-03-05", "date"),
    ("seen 05/03/2024 again", "date"),
    ("3 March", "date"),
    ("since Sept 3rd", "date"),
    ("el 3 de mayo", "date"),
    ("20240305", "date"),
    ("Mrs Smith was late", "name"),
    ("Dr. O'Leary", "name"),
    ("Maria Gonzalez cancelled", "name"),
    ("Seen Maria Gonzalez again", "name"),
    ("Gonzalez Maria", "name"),
    ("O'Leary, Neil", "name"),
    ("JOHN SMITH", "name"),
    ("patient Xochitl Quetzal", "name"),
    ("seen by Quentin Tarrant", "name"),
]


@pytest.mark.parametrize(("text", "kind"), IDENTIFIERS)
def test_identifiers_in_cells_are_found_and_not_printed(text, kind):
    raw = export({"pain": ["3", "4", "5"], "note": ["fine", text, None]})
    found = scan(raw, plan(instruments=INSTRUMENTS))
    assert kind in set(found["kind"])
    assert set(found["line"]) == {3}
    assert set(found["file"]) == {"records.csv"}
    with pytest.raises(StudyError) as told:
        stop_on_identifiers(raw, plan(instruments=INSTRUMENTS))
    message = str(told.value)
    assert "records.csv, column 'note', line 3" in message
    assert text not in message
    assert "privacy.drop" in message
    assert "privacy.reviewed" in message


@pytest.mark.parametrize(
    "text",
    [
        *(
            "7/10",
            "6-7",
            "<1",
            "15.33333",
            "9,081818182",
            "#¡DIV/0!",
            "-99",
            "100-200",
            "2.5 kg",
            "3 x 10",
            "1/2",
            "0.25 x 40 mm",
        ),
        *("upper trapezius", "Upper Trapezius", "Infraspinatus, Deltoid", "Final del tratamiento", "3-4-5"),
        *(
            "Derecha, Izquierda",
            "Dolor Muscular, Fatiga/Cansancio",
            "may 10 more",
            "2 decided",
            "marked 5",
            "session 3 of 8",
        ),
        *(
            "baseline_arm_1",
            "week 4",
            "Moderada, presente casi siempre",
            "T19",
            "clinic_01",
            "C01-0001",
            "v1.2.3",
            "Grade 2b",
        ),
        *("Achilles Tendon", "Rectus Femoris", "Sham Needling", "e.g. rest", "12:36", "1e-05", "2024", "6390622"),
    ],
)
def test_ordinary_cells_pass(text):
    assert kinds(export({"pain": ["3", "4"], "note": [text, None]})) == set()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("First Name", "name"),
        ("patientName", "name"),
        ("Número de Historia Clínica", "identity number"),
        ("e-mail", "e-mail"),
        ("mobile_phone", "phone number"),
        ("Home address", "address"),
        ("ZIP", "address"),
        ("dob", "date"),
        ("Fecha de nacimiento", "date"),
        ("passport", "identity number"),
        ("photo_1", "picture"),
    ],
)
def test_names_of_columns(name, kind):
    assert (f"column '{name}'", kind) in kinds(export({name: ["7", "8"]}))
    assert kinds(export({name: [None, None]})) == set()
    assert kinds(export({name: ["7", "8"]}), patients={"id": name}) == set()


@pytest.mark.parametrize(
    "name",
    ["muscle_name", "event name", "given_birth", "telling", "addressed", "practice_id", "mobility", "mailed", "Edad"],
)
def test_innocent_names_of_columns(name):
    assert kinds(export({name: ["7", "8"]})) == set()


def test_identifiers_in_names_are_told_by_number():
    raw = export(
        {"pain": ["3", "4"], "jane.doe@clinic.org": ["5", "6"]}, sheet="Mrs Smith", file="export for John Smith.csv"
    )
    with pytest.raises(StudyError) as told:
        stop_on_identifiers(raw, plan(instruments=INSTRUMENTS))
    message = str(told.value)
    assert "column 3: its name holds an e-mail address" in message
    assert "the sheet's name: it holds a title with a name" in message
    assert "the file's name: it holds" in message
    assert "jane" not in message
    assert "Smith" not in message


def test_dictionary_flags_validations_labels_and_choices():
    variables = {
        "a": Variable(identifier=True),
        "b": Variable(validation="phone"),
        "c": Variable(kind="file"),
        "d": Variable(label="Last name"),
        "e": Variable(choices={"1": "Dr Smith", "2": "somebody else"}),
        "f": Variable(kind="notes"),
        "g": Variable(label="Pain now", choices={"1": "none"}),
    }
    found = kinds(export({name: ["1", "2"] if name != "f" else ["some words", "1"] for name in variables}, variables))
    assert found == {
        ("column 'a'", "identifier"),
        ("column 'b'", "phone number"),
        ("column 'c'", "file"),
        ("column 'd'", "name"),
        ("column 'e'", "name"),
        ("column 'f'", "free text"),
    }


def test_properties_of_files(tmp_path):
    book = xlsxwriter.Workbook(tmp_path / "records.xlsx")
    book.set_properties({"author": "Jane Doe", "title": "Pain study"})
    sheet = book.add_worksheet("Data")
    sheet.write_row(0, 0, ["id", "pain"])
    sheet.write_row(1, 0, [1, 2])
    sheet.write_comment("B2", "call Mrs Smith", {"author": "JD"})
    book.close()
    study = plan(export={"format": "excel", "records": "records.xlsx"}, instruments=INSTRUMENTS)
    raw = read_export(study.export, tmp_path)
    found = scan(raw, study)
    assert set(found["column"]) == {FILE_PROPERTIES}
    assert any("comment" in why for why in found["why"])
    assert not any("Smith" in why or "Doe" in why for why in found["why"])
    reviewed = {"reviewed": {FILE_PROPERTIES: {"by": "data manager", "date": "2026-01-05", "why": "staff names only"}}}
    stop_on_identifiers(
        raw, plan(export={"format": "excel", "records": "r"}, instruments=INSTRUMENTS, privacy=reviewed)
    )


def test_free_text_is_told_from_vocabularies():
    said = [
        f"the pain came back after {n} days of {word} at home" for n, word in enumerate(["rest", "work", "walking"] * 6)
    ]
    picked = ["Dolor muscular en la espalda, Insomnio", "Insomnio, Fatiga y cansancio del cuerpo", "Insomnio"] * 6
    assert kinds(export({"note": said})) == {("column 'note'", "free text")}
    assert kinds(export({"note": picked})) == set()


def test_few_long_sentences_are_enough_where_a_table_takes_them():
    said = [f"fainted on the way home from place {n}" for n in range(3)] + ["soreness"] * 3
    raw = export({"kind": said})
    assert kinds(raw) == set()
    assert kinds(raw, events={"adverse_events": {"columns": {"kind": "kind"}}}) == {("column 'kind'", "free text")}


def test_columns_full_of_record_numbers():
    numbers = [f"H{n}" for n in range(3412345, 3412375)]
    assert kinds(export({"chart": numbers})) == {("column 'chart'", "record number")}
    assert kinds(export({"chart": [None] * 25 + numbers[:5]})) == {("column 'chart'", "record number")}
    assert kinds(export({"chart": [n.removeprefix("H") for n in numbers] * 3})) == {("column 'chart'", "record number")}
    assert kinds(export({"steps": [str(n) for n in range(8000, 8030)]})) == set()
    assert kinds(export({"age": ["40", "50", "60", "6390622"]})) == set()


def test_expected_codes_and_dates_pass_but_not_what_else_stands_there():
    raw = export(
        {"day": ["2024-01-05", "2024-02-07"], "by": ["Dr Smith", "Maria Gonzalez"], "site": ["north, 12345678Z", "x"]}
    )
    mapped = {"visits": {"date": "day", "therapist": "by", "clinic": "site"}}
    assert kinds(raw, **mapped) == set()
    assert kinds(raw) == {("column 'day'", "date"), ("column 'by'", "name"), ("column 'site'", "identity number")}
    raw = export({"day": ["2024-01-05", "call 0151 234 5678"], "by": ["Dr Smith", "x"]})
    assert kinds(raw, visits={"date": "day", "therapist": "by"}) == {("column 'day'", "phone number")}
    # A therapist who is also a covariate reaches the clean tables by name.
    both = {"visits": {"therapist": "by", "date": "day"}, "patients": {"covariates": {"physio": "by"}}}
    assert ("column 'by'", "name") in kinds(raw, **both)


def test_drop_and_review():
    raw = export({"email": ["a@b.org", "c@d.org"], "pain": ["1", "2"]})
    reviewed = {"email": {"by": "JD", "date": "2026-01-05", "why": "shared mailbox of the trial"}}
    stop_on_identifiers(raw, plan(instruments=INSTRUMENTS, privacy={"drop": ["email"]}))
    stop_on_identifiers(raw, plan(instruments=INSTRUMENTS, privacy={"reviewed": reviewed}))
    with pytest.raises(StudyError, match="the column 'pain' is dropped, but the study file reads it"):
        stop_on_identifiers(raw, plan(instruments=INSTRUMENTS, privacy={"drop": ["pain"]}))


def test_the_same_is_found_among_many_cells():
    """From some hundreds of texts on, another search goes first: it must let through all that the exact one finds."""
    many = [f"word {n}" for n in range(600)]
    texts = [
        "Mrs Smith",
        "el 3 de mayo",
        "jane(at)x.org",
        "call 5550123",
        "Müller, Jürgen",
        "Émile Zola, patient Émile Zola",
    ]
    for text in texts:
        assert kinds(export({"note": [text, *many]})) == kinds(export({"note": [text]})) != set()
    for text, _ in IDENTIFIERS:
        for pattern in PATTERNS:
            quick = pc.match_substring_regex(pa.array([text]), pattern.quick)[0].as_py()
            assert quick or not pattern.found(text), (pattern.why, text)


def test_demo_and_published_trial_pass(project, reference):
    demo = load_study(project / "config" / "demo.yaml")
    stop_on_identifiers(read_export(demo.export, project), demo)
    trial = load_study(project / "config" / "vickers2004.yaml")
    for ending in ("csv", "sav"):
        stop_on_identifiers(read_export(trial.export, raw=reference / f"vickers2004/acupuncture.{ending}"), trial)


def test_longitudinal_fixture_stops_on_each_of_its_identifiers(reference):
    study = plan(
        export={"format": "redcap", "records": "data.csv", "dictionary": "dictionary.csv"}, patients={"id": "study_id"}
    )
    found = scan(read_export(study.export, reference / "redcap/longitudinal"), study)
    columns = set(found["column"].str.extract("'(.+)'")[0])
    assert columns >= {
        "first_name",
        "last_name",
        "telephone_1",
        "email",
        "dob",
        "date_enrolled",
        "comments",
        "patient_document",
    }
    assert not columns & {"age", "sex", "race", "height", "weight", "bmi", "gym___0", "vob1", "pmq1"}
