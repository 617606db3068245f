"""The identifier gate: what could name a person is found wherever it stands, and never printed."""

import pytest
import xlsxwriter
from made_exports import declared, export, kinds, plan

from needling.clean.corrections import answers
from needling.plan import load_study
from needling.privacy.answers import stop_on_identifying_answers
from needling.privacy.gate import FILE_PROPERTIES, scan, stop_on_identifiers
from needling.read.canonical import mapped_columns
from needling.read.export import read_export
from needling.read.identifying import looks_like
from needling.read.raw import Variable
from needling.study.keys import StudyError
from needling.study.plan import Cleaning

INSTRUMENTS = {"nprs": {"total": "pain"}}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("phone1", "phone number"), ("Telefonnummer", "phone number"), ("mobile", "phone number")),
        *(("mobile_no", "phone number"), ("homephone", "phone number"), ("zip5", "address"), ("post_code", "address")),
        *(("Straße", "address"), ("Hauptstrasse", "address"), ("emailaddress", "e-mail"), ("EMail2", "e-mail")),
        *(("NHSNo", "identity number"), ("nhsnumber", "identity number"), ("MRN1", "identity number")),
        *(("pt_name", "name"), ("ptname", "name"), ("PtName", "name"), ("name_2", "name"), ("NAME", "name")),
        *(("physio_name", "name"), ("Name of the patient", "name"), ("lname", "name"), ("Efternamn", "name")),
        *(("GebDat", "date"), ("geb_datum", "date"), ("dateofbirth", "date"), ("ptDOB", "date"), ("BRTHDTC", "date")),
        *(("F.Nac.", "date"), ("Fødselsdato", "date"), ("Födelsedatum", "date"), ("data di nascita", "date")),
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
    [
        *(
            "muscle_name",
            "event name",
            "given_birth",
            "telling",
            "addressed",
            "practice_id",
            "mobility",
            "mailed",
            "Edad",
        ),
        *(
            "mobile_joint",
            "street_drugs",
            "drug_name",
            "form_name",
            "birth_weight",
            "phoneme",
            "telemetry",
            "sex at birth",
        ),
        *(
            "nie_schmerzen",
            "Gebrauch",
            "gebeugt",
            "emailed_reminder",
            "date_enrolled",
            "postcondition",
            "shared_zipper",
        ),
    ],
)
def test_innocent_names_of_columns(name):
    assert kinds(export({name: ["7", "8"]})) == set()


@pytest.mark.parametrize("name", ["GebDat", "born", "Birth", "DOB_1", "naissance", "geboortedatum", "fecha_nac"])
def test_a_date_of_birth_is_no_date_of_the_study(name):
    raw = export({name: ["03.04.1967", "05.06.1971"]})
    found = (f"column '{name}'", "date")
    assert found in kinds(raw)
    assert kinds(raw, patients={"covariates": {"date_first": name}}) == {found}
    assert kinds(raw, patients={"day_0": name}) == kinds(raw, visits={"date": name}) == {found}
    assert kinds(raw, events={"status": {"columns": {"date": name}}}) == {found}


def test_a_date_of_birth_is_known_by_each_of_its_names():
    raw = export({"v17": ["1967-04-03", "1971-06-05"]})
    column = {"v17": Variable(label="Geburtsdatum")}
    assert kinds(raw, patients={"covariates": {"date_first": "v17"}}) == set()
    found = {("column 'v17'", "date")}
    assert kinds(raw, patients={"covariates": {"date_birth": "v17"}}) == found
    assert kinds(raw, patients={"covariates": {"date_1": {"from": "v17", "label": "Date of birth"}}}) == found
    assert kinds(export({"v17": ["1967-04-03"]}, column), patients={"covariates": {"date_1": "v17"}}) == found
    with pytest.raises(StudyError, match="column 'v17': it is a date of birth; put the age in whole years"):
        stop_on_identifiers(raw, plan(patients={"covariates": {"date_birth": "v17"}}))


def test_a_column_of_names_that_no_list_has_stops_by_its_name_alone():
    raw = export({"pt_name": ["Siobhan Murphy", "Nguyen Van An"]})
    found = {("column 'pt_name'", "name"), ("column 'pt_name'", "text")}
    assert kinds(raw, patients={"covariates": {"who": "pt_name"}}) == found


def test_identifiers_in_names_are_told_by_number():
    raw = export(
        {"pain": ["3", "4"], "jane.doe@clinic.org": ["5", "6"]}, sheet="Mrs Smith", file="export for John Smith.csv"
    )
    with pytest.raises(StudyError) as told:
        stop_on_identifiers(raw, declared(raw))
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
        "g": Variable(label="Pain now", choices={"1": "none"}),
    }
    found = kinds(export({name: ["1", "2"] for name in variables}, variables))
    assert found == {
        ("column 'a'", "identifier"),
        ("column 'b'", "phone number"),
        ("column 'c'", "file"),
        ("column 'd'", "name"),
        ("column 'e'", "name"),
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


def test_names_of_ranges_and_printed_headers_of_a_workbook(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "records.xlsx") as book:
        sheet = book.add_worksheet("Data")
        sheet.write_row(0, 0, ["id", "pain"])
        sheet.write_row(1, 0, [1, 2])
        book.define_name("Maria_Gonzalez", "=Data!$A$1:$B$2")
        book.define_name("pain_scores", "=Data!$B$2")
        sheet.set_header("&LPain study&RMrs Smith")
        sheet.set_footer("&Ccall 0151 2345678")
    study = plan(export={"format": "excel", "records": "records.xlsx"}, instruments=INSTRUMENTS)
    found = scan(read_export(study.export, tmp_path), study)
    assert set(found["column"]) == {FILE_PROPERTIES}
    places = set(found["why"].str.partition(":")[0])
    assert places == {"defined name", "print header", "print footer"}
    assert not found["why"].str.contains("Smith|Gonzalez|0151").any()


# ---------------------------------------------------------------- open and closed columns

VOCABULARY = ["upper trapezius", "soleus", "levator scapulae"] * 4


def event(**column):
    """A table of events with one column that comes from the export's column 'kind'."""
    return {"adverse_events": {"columns": {"kind": {"from": "kind"} | column}}}


@pytest.mark.parametrize("cells", [VOCABULARY, ["soreness"] * 3, ["fainted on the way home"], ["1", "two", "three"]])
def test_text_is_closed_or_reviewed_by_name(cells):
    raw, reviewed = export({"kind": cells}), {"by": "JD", "date": "2026-01-05", "why": "names of muscles"}
    stopped = plan(events=event())
    with pytest.raises(
        StudyError, match=r"column 'kind': it is text of which neither the study file nor a dictionary lists"
    ):
        stop_on_identifiers(raw, stopped)
    assert kinds(raw, events=event()) == {("column 'kind'", "text")}
    listed = {text: f"m{number}" for number, text in enumerate(dict.fromkeys(cells))}
    assert kinds(raw, events=event(codes=listed)) == set()
    assert kinds(raw, events=event(kind="number")) == kinds(raw, events=event(range=[0, 10])) == set()
    assert kinds(raw, events=event(kind="code")) == set()
    closed = export({"kind": cells}, {"kind": Variable(choices={"1": "soreness", "2": "bruising"})})
    assert kinds(closed, events=event()) == set()
    assert kinds(raw, events=event(), privacy={"reviewed": {"kind": reviewed}}) == set()


@pytest.mark.parametrize(
    "cells", [["1", "2", "3.5"], ["2024-03-05", "2024-04-06"], [None, None], ["3", "4", "5", "6", "?"]]
)
def test_numbers_and_days_are_closed(cells):
    assert ("column 'kind'", "text") not in kinds(export({"kind": cells}), events=event())


def test_a_column_without_codes_is_open_wherever_its_text_would_be_kept():
    raw = export({"group": ["needling", "sham"], "pain": ["3", "4"]})
    arm = {"from": "group", "reference": "sham"}
    assert kinds(raw, patients={"arm": arm}) == {("column 'group'", "text")}
    assert kinds(raw, patients={"arm": arm | {"codes": {"needling": "dn", "sham": "sham"}}}) == set()
    assert kinds(raw, patients={"covariates": {"g": "group"}}) == {("column 'group'", "text")}
    assert kinds(raw, patients={"covariates": {"g": {"from": "group", "kind": "category"}}}) == {
        ("column 'group'", "text")
    }
    # where cleaning keeps numbers and listed names only
    assert kinds(raw, visits={"planned": "group"}) == set()
    assert kinds(raw, instruments={"nprs": {"total": "pain", "unit_column": "group"}}) == set()
    assert kinds(raw, patients={"rows": {"group": ["needling"]}}) == set()


def test_columns_that_the_study_file_does_not_name_are_not_looked_at():
    raw = export(
        {"note": ["Mrs Smith, 0151/2345678"], "born on": ["3 March 1967"], "jane.doe@clinic.org": ["x"], "pain": ["3"]}
    )
    stop_on_identifiers(raw, plan(instruments=INSTRUMENTS))
    assert scan(raw, plan(instruments=INSTRUMENTS)).empty
    assert {column for column, _ in kinds(raw)} == {"column 'note'", "column 'born on'", "column 4"}


def test_the_name_of_a_field_stands_for_its_checkboxes():
    raw = export({"meds___1": ["by Dr Smith"], "meds___2": ["0"]})
    totals = {"a": {"total": "meds___1"}, "b": {"total": "meds___2"}}
    assert kinds(raw, instruments=totals) == {("column 'meds___1'", "name")}
    reviewed = {"meds": {"by": "JD", "date": "2026-01-05", "why": "seen"}}
    assert kinds(raw, instruments=totals, privacy={"reviewed": reviewed}) == set()


# ---------------------------------------------------------------- codes of patients


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (
            [f"{name} {n}" for n, name in enumerate(["John Smith", "Ann Brown", "Tom Ford", "Lucy Hill", "Ed Vale"])],
            "name",
        ),
        (["Okafor, Ngozi", "P-002", "P-003", "P-004", "P-005"], "name"),
        (["Siobhan", "Ngozi", "Xochitl", "Zbigniew", "Aoife"], "name"),
        ([f"943476591{n}" for n in range(9)], "identity number"),
        (["850101-1237", "121212-1212", "640823-3234", "811218-9876", "670919-9530"], "identity number"),
        (["jane@clinic.org", "P2", "P3", "P4", "P5"], "e-mail"),
        ([f"+4179400{n:04}" for n in range(9)], "phone number"),
        ([f"079 400 {n:02} 2{n}" for n in range(9)], "phone number"),
        ([f"47.37{n:02}, 8.54{n:02}" for n in range(9)], "address"),
        ([f"K{chr(65 + n)}{1 + 2 * n:02}{1 + n:02}{50 + 3 * n}" for n in range(12)], "date"),
        ([f"{50 + 3 * n}{1 + n:02}{1 + 2 * n:02}" for n in range(12)], "date"),
    ],
)
def test_patients_called_by_name_or_number_of_their_country_stop(codes, kind):
    raw = export({"who": codes})
    assert ("column 'who'", kind) in kinds(raw, patients={"id": "who"})
    with pytest.raises(StudyError) as told:
        stop_on_identifiers(raw, declared(raw, patients={"id": "who"}))
    assert not any(code in str(told.value) for code in codes)


@pytest.mark.parametrize(
    "code",
    [
        "P-{:03}",
        "{:06}",
        "01-701-1{:03}",
        "1001{:03}",
        "C01-{:04}",
        "DN {}",
        "site 3 pt {}",
        "S{:05}A",
        "0000000{:02}",
        "2024-{:03}",
        "AB{:02}",
        "110000{:02}",
        "0101{:02}",
        "01 02 {:02}",
        "41-{:02}-7",
    ],
)
def test_codes_of_studies_pass(code):
    assert kinds(export({"who": [code.format(n) for n in range(1, 25)]}), patients={"id": "who"}) == set()


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


def test_demo_and_published_trial_pass(project, reference):
    demo = load_study(project / "config" / "demo.yaml")
    trial = load_study(project / "config" / "vickers2004.yaml")
    published = [read_export(trial.export, raw=reference / f"vickers2004/acupuncture.{end}") for end in ("csv", "sav")]
    for raw, study in [(read_export(demo.export, project), demo), *((raw, trial) for raw in published)]:
        stop_on_identifiers(raw, study)
        assert len(mapped_columns(study)) > 10
        assert set(mapped_columns(study)) & set(raw.columns)
        assert scan(raw, study).empty


def test_unread_identifiers_of_a_longitudinal_fixture_are_told_by_their_names(reference):
    study = plan(
        export={"format": "redcap", "records": "data.csv", "dictionary": "dictionary.csv"}, patients={"id": "study_id"}
    )
    raw = read_export(study.export, reference / "redcap/longitudinal")
    stop_on_identifiers(raw, study)
    likely = {name for name in raw.columns if looks_like(name, raw.variables.get(name, Variable()))}
    assert likely >= {"first_name", "last_name", "telephone_1", "email", "dob", "comments", "patient_document"}
    assert not likely & {"age", "sex", "race", "height", "weight", "bmi", "gym___0", "vob1", "pmq1"}
    found = scan(raw, declared(raw, patients={"id": "study_id"}))
    assert set(found["column"].str.extract("'(.+)'")[0]) >= {"first_name", "last_name", "telephone_1", "email", "dob"}


@pytest.mark.parametrize(
    ("column", "new", "why", "place"),
    [
        ("kind", "Jane Smith 07700 900123", "told by phone", "column new: it holds"),
        ("kind", "2", "ask jane.smith@example.org", "column why: it holds"),
    ],
)
def test_answers_of_a_site_may_not_bring_in_a_person(tmp_path, column, new, why, place):
    path = tmp_path / "answers.csv"
    path.write_text(f"file,sheet,line,column,old,new,who,when,why\nexport.csv,,2,{column},,{new},JS,,{why}\n")
    study = plan(patients={"covariates": {"kind": "kind"}})
    study = study.model_copy(update={"cleaning": Cleaning(corrections=str(path))})
    with pytest.raises(StudyError, match=f"line 2, {place}") as told:
        stop_on_identifying_answers(study)
    assert "Jane" not in str(told.value)
    assert "example" not in str(told.value)


def test_answers_about_codes_and_dates_pass(tmp_path):
    path = tmp_path / "answers.csv"
    rows = "export.csv,,2,day,,2024-03-05,JS,,source document\nexport.csv,,2,id,,P-0012,JS,,typing error\n"
    path.write_text(f"file,sheet,line,column,old,new,who,when,why\n{rows}")
    study = plan(visits={"date": "day"}).model_copy(update={"cleaning": Cleaning(corrections=str(path))})
    stop_on_identifying_answers(study)
    assert len(answers(path)) == 2
