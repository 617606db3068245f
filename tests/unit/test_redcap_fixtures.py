"""REDCap: export fixtures with their dictionaries are read without loss, raw and label exports alike.

The fixtures are those of OuhscBbmc/REDCapR (MIT), read where the reference data are and never copied here.
"""

import csv

import pytest
from made_exports import plan, rows

from needling.read.canonical import to_canonical
from needling.read.export import read_export
from needling.read.redcap import read_dictionary
from needling.study.keys import StudyError

DRINKS = [f"drink___{number}" for number in range(5)]
# Fixture -> how a study would map it: patients, visits, instruments and events of longitudinal and repeating projects.
PLANS = {
    "arm-single-longitudinal": {
        "patients": {"id": "record_id"},
        "visits": {"planned": "redcap_event_name", "date": "interview_date"},
        "instruments": {"weight": {"total": "weight"}},
    },
    "checkboxes-1": {
        "patients": {"id": "record_id"},
        "instruments": {
            "one": {"items": [f"check_one___{number}" for number in range(1, 5)]},
            "two": {"items": {letter: f"check_two___{letter}" for letter in "abcde"}, "total": "form_2_complete"},
        },
    },
    "decimal-comma": {
        "patients": {"id": "record_id", "covariates": {"height": "height", "weight": "weight"}},
        "instruments": {"bmi": {"total": "bmi"}},
    },
    "longitudinal": {
        "patients": {
            "rows": {"redcap_event_name": ["enrollment_arm_1", "enrollment_arm_2"]},
            "id": "study_id",
            "day_0": "date_enrolled",
            "covariates": {"age": "age", "sex": "sex", "race": "race", "mood": "specify_mood"},
        },
        "visits": {
            "rows": {"redcap_event_name": ["visit_1_arm_1", "visit_2_arm_1", "final_visit_arm_1", "first_visit_arm_2"]},
            "planned": "redcap_event_name",
        },
        "instruments": {
            "observed": {"items": "vob1 .. vob14"},
            "blood": {"items": "vbw1 .. vbw9"},
            "morale": {"items": "pmq1 .. pmq4"},
            "labs": {"items": "vld1 .. vld5", "total": "visit_lab_data_complete"},
            "habits": {"items": DRINKS},
        },
        "events": {
            "status": {
                "columns": {"date": "withdraw_date", "reason": "withdraw_reason", "completed": "complete_study"}
            },
            "adverse_events": {
                "rows": {"redcap_event_name": "final_visit_arm_1"},
                "columns": {"kind": "cpq1", "date": "date_visit_4"},
            },
        },
    },
    "repeating-instruments": {
        "patients": {
            "rows": {"redcap_repeat_instrument": ""},
            "id": "record_id",
            "day_0": "date_enrolled",
            "covariates": {"age": "age"},
        },
        "visits": {"rows": {"redcap_repeat_instrument": "bp"}, "date": "date_bp", "planned": "redcap_repeat_instance"},
        "instruments": {"bp": {"items": {"systolic": "bp_systolic", "diastolic": "bp_diastolic"}}},
    },
}


def written(path):
    """Filled cells by line and column, as Python's own reader gives them."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        names = next(reader)
        found, before = {}, reader.line_num
        for row in reader:
            found |= {(before + 1, name): cell for name, cell in zip(names, row, strict=True) if cell}
            before = reader.line_num
    return found


def read_back(tables):
    """Filled cells by line and column of the export, put together again from the canonical tables."""
    found = {}
    sources = rows(tables["sources"], "table", "column", "source")
    for table, column, source in sources:
        frame = tables[table]
        if table == "outcomes":
            frame = frame[frame["column"] == source]
        for line, value in rows(frame, "line", "value" if table == "outcomes" else column):
            if value is not None:
                found.setdefault((line, source), set()).add(value)
    return found


@pytest.mark.parametrize("name", PLANS)
def test_every_filled_cell_is_in_a_table_or_a_named_exclusion(reference, name):
    folder = reference / "redcap" / name
    dictionary = "dictionay.csv" if name == "decimal-comma" else "dictionary.csv"
    export = {"format": "redcap", "records": "data.csv", "dictionary": dictionary}
    study = plan(export=export, **PLANS[name])
    tables = to_canonical(read_export(study.export, folder), study)
    cells, read = written(folder / "data.csv"), read_back(tables)
    assert all(read[place] == {cells[place]} for place in read)
    excluded = {
        source: (count, reason) for source, count, reason in rows(tables["unread"], "source", "cells", "reason")
    }
    by_column = {column: {place for place in cells if place[1] == column} for _, column in cells}
    for column, places in by_column.items():
        left = len(places - read.keys())
        # A patient's later rows repeat the code, which the patients table holds once: the visits table has them all.
        assert excluded.pop(column, (0, ""))[0] == left, column
    assert not excluded
    assert len(read) > 0.2 * len(cells)


@pytest.mark.parametrize("name", PLANS)
def test_dictionaries_describe_every_column(reference, name):
    folder = reference / "redcap" / name
    path = next(folder.glob("diction*.csv"))
    variables = read_dictionary(path, path.name)
    columns = {column for _, column in written(folder / "data.csv")} - {
        "redcap_event_name",
        "redcap_repeat_instrument",
        "redcap_repeat_instance",
    }
    assert columns <= variables.keys()


def test_choices_identifiers_and_validations(reference):
    variables = read_dictionary(reference / "redcap/longitudinal/dictionary.csv", "dictionary.csv")
    assert variables["race"].choices["5"] == "More Than One Race"
    assert variables["given_birth"].choices == {"1": "Yes", "0": "No"}
    assert variables["gym___0"].choices == {"0": "Unchecked", "1": "Checked"}
    assert {name for name, variable in variables.items() if variable.identifier} >= {
        "first_name",
        "last_name",
        "email",
        "dob",
    }
    assert variables["telephone_1"].validation == "phone"
    assert variables["patient_document"].kind == "file"
    assert variables["bmi"].choices == {}


DICTIONARY = """Variable / Field Name,Form Name,Field Type,Field Label,"Choices, Calculations, OR Slider Labels"
record_id,s,text,Record ID,
sex,s,radio,Sex,"1, Female | 2, Male"
side,s,checkbox,Side,"l, L | r, R"
needled,s,yesno,Before?,
pain,v,text,Pain,
better,v,radio,Better?,"1, Yes | 2, No | 3, Yes"
"""
RAW = """record_id,redcap_event_name,redcap_data_access_group,sex,side___l,side___r,needled,s_complete,pain,better,v_complete
1,Baseline,North,2,1,0,1,2,,,
1,Week 4,North,,,,,,5,2,0
2,Baseline,South,1,0,1,0,1,,,
2,Week 4,South,,,,,,,Yes,
"""
LABELS = """Record ID,Event Name,Data Access Group,Sex,Side (choice=L),Side (choice=R),Before?,Complete?,Pain,Better?,Complete?
1,Baseline,North,Male,Checked,Unchecked,Yes,Complete,,,
1,Week 4,North,,,,,,5,No,Incomplete
2,Baseline,South,Female,Unchecked,Checked,No,Unverified,,,
2,Week 4,South,,,,,,,Yes,
"""


def read_text(folder, text, labels):
    (folder / "dictionary.csv").write_text(DICTIONARY)
    (folder / "data.csv").write_text(text)
    export = plan(
        export={"format": "redcap", "records": "data.csv", "dictionary": "dictionary.csv", "labels": labels}
    ).export
    return read_export(export, folder)


def test_a_label_export_reads_as_the_raw_export(tmp_path):
    raw, labels = read_text(tmp_path, RAW, False), read_text(tmp_path, LABELS, True)
    # Two choices share the words Yes, so those cells stay as exported.
    assert labels.sheets[0].frame.equals(raw.sheets[0].frame)


def test_raw_headings_with_label_cells(tmp_path):
    text = RAW.split("\n", 1)[0] + "\n" + LABELS.split("\n", 1)[1]
    assert read_text(tmp_path, text, True).sheets[0].frame.equals(read_text(tmp_path, RAW, False).sheets[0].frame)


def test_headings_that_no_field_has_are_told(tmp_path):
    with pytest.raises(StudyError, match="column 9: the heading is not the label of a field"):
        read_text(tmp_path, LABELS.replace("Pain,", "Agony,"), True)


def test_a_dictionary_in_an_old_encoding_is_asked_about_and_the_key_of_the_export_answers(tmp_path):
    path = tmp_path / "d.csv"
    path.write_bytes(DICTIONARY.replace("Pain", "Dolor sí", 1).encode("mac_roman"))
    with pytest.raises(StudyError, match=r"as mac_roman \(old Macintosh\) í; .*Write export.encoding"):
        read_dictionary(path, "d.csv")
    assert "Dolor sí" in {one.label for one in read_dictionary(path, "d.csv", "mac_roman").values()}
    assert read_dictionary(path, "d.csv", "cp1252") != read_dictionary(path, "d.csv", "mac_roman")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("Field Label", "Lbl"), "the column 'Field Label' is missing, so this is not a REDCap data dictionary"),
        (("sex,s,", "record_id,s,"), "line 3: the field 'record_id' is listed twice"),
        (("sex,s,", ",s,"), "line 3: the field has no name"),
    ],
)
def test_a_damaged_dictionary_is_told(tmp_path, change, words):
    (tmp_path / "d.csv").write_text(DICTIONARY.replace(*change))
    with pytest.raises(StudyError, match=words):
        read_dictionary(tmp_path / "d.csv", "d.csv")
