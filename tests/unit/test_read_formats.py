"""Workbooks and files of SPSS, Stata and SAS: values as text, labels, reasons for missing values, properties."""

import datetime
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest
import xlsxwriter

from needling.read.export import read_export
from needling.read.workbook import data_sheets
from needling.study.keys import StudyError
from needling.study.sources import Export


def cells(sheet):
    frame = sheet.frame.astype(object)
    return frame.where(frame.notna(), None).to_dict("list")


def reasons(sheet, column):
    return [None if pd.isna(reason) else reason for reason in sheet.missing[column]]


def test_workbook_with_two_header_rows_dates_errors_and_properties(tmp_path):
    path = tmp_path / "export.xlsx"
    book = xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"})
    book.set_properties({"author": "Jane Doe", "comments": "sent by the clinic"})
    sheet = book.add_worksheet("Week 4")
    sheet.merge_range(0, 1, 0, 2, "Pain")
    sheet.write_row(1, 0, ["id", "now", "worst", "date", "note"])
    sheet.write_row(2, 0, [1, 3.0, 0.1])
    sheet.write_datetime(2, 3, datetime.datetime(2024, 2, 29))
    sheet.write_formula(4, 1, "=1/0", None, "#DIV/0!")
    sheet.write_datetime(4, 3, datetime.datetime(2024, 2, 29, 8, 5))
    sheet.write_row(5, 0, ["x7", 15.33333, True, 45351, " 7/10 "])
    book.close()
    raw = read_export(Export(format="excel", records="export.xlsx", header_rows=2), tmp_path)
    (found,) = raw.sheets
    assert (found.file, found.name, list(found.lines)) == ("export.xlsx", "Week 4", [3, 5, 6])
    assert cells(found) == {
        "id": ["1", None, "x7"],
        "Pain now": ["3", "#DIV/0!", "15.33333"],
        "Pain worst": ["0.1", None, "TRUE"],
        "Pain date": ["2024-02-29", "2024-02-29 08:05:00", "45351"],
        "Pain note": [None, None, " 7/10 "],
    }
    assert raw.properties == {
        "creator": "Jane Doe",
        "description": "sent by the clinic",
        "last modified by": "Jane Doe",
    }
    assert not raw.date_1904


def test_sheets_are_chosen_by_name_and_a_missing_one_is_told(tmp_path):
    book = xlsxwriter.Workbook(tmp_path / "export.xlsx", {"date_1904": True})
    for name in ("Baseline", "Week 4"):
        book.add_worksheet(name).write_row(0, 0, ["id", "pain"])
        book.get_worksheet_by_name(name).write_row(1, 0, [name[0], 5])
    book.close()
    raw = read_export(Export(format="excel", records="export.xlsx", sheets=["Week 4", "Baseline"]), tmp_path)
    assert [sheet.name for sheet in raw.sheets] == ["Week 4", "Baseline"]
    assert raw.date_1904
    with pytest.raises(StudyError, match="there is no sheet 'Week 8'; the sheets are Baseline, Week 4"):
        read_export(Export(format="excel", records="export.xlsx", sheets=["Week 8"]), tmp_path)


def workbook_of(path, sheets, hidden=()):
    """Write a workbook: name of each sheet -> its rows."""
    book = xlsxwriter.Workbook(path)
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
        if name in hidden:
            sheet.hide()
    book.close()


def test_several_sheets_with_data_must_be_named(tmp_path):
    table = [["id", "pain"], ["a", 3]]
    workbook_of(tmp_path / "a.xlsx", {"Baseline": table, "Read me": [["Sent in May"]], "Week 4": table})
    with pytest.raises(StudyError, match=r"2 sheets hold data; state export.sheets: \[Baseline, Week 4\]"):
        read_export(Export(format="excel", records="a.xlsx"), tmp_path)
    assert data_sheets(tmp_path / "a.xlsx", "a.xlsx") == ["Baseline", "Week 4"]
    workbook_of(tmp_path / "b.xlsx", {"Read me": [["Sent in May"]], "Data": table, "Old": table}, hidden=["Old"])
    assert [sheet.name for sheet in read_export(Export(format="excel", records="b.xlsx"), tmp_path).sheets] == ["Data"]


def test_titles_above_the_header_are_told_with_their_row(tmp_path):
    table = [["id", "visit", "pain"], ["a", "baseline", 3], ["b", "baseline", 4]]
    workbook_of(tmp_path / "a.xlsx", {"Data": [["Pain trial"], [], *table]})
    with pytest.raises(StudyError, match=r"sheet Data: line 3 looks like the header, .* delete what stands above it"):
        read_export(Export(format="excel", records="a.xlsx"), tmp_path)


def test_damage_to_any_byte_ends_in_a_sentence_or_the_whole_table(tmp_path):
    rows = [["id", "pain", "note"], *([f"P-{n}", n % 11, "as before"] for n in range(40))]
    workbook_of(tmp_path / "a.xlsx", {"Baseline": rows})
    data = (tmp_path / "a.xlsx").read_bytes()
    whole = cells(read_export(Export(format="excel", records="a.xlsx"), tmp_path).sheets[0])
    told = 0
    for place in range(0, len(data), len(data) // 100):
        (tmp_path / "b.xlsx").write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        try:
            found = read_export(Export(format="excel", records="b.xlsx"), tmp_path)
        except StudyError as error:
            told += str(error).startswith("b.xlsx: ")
        else:
            told += cells(found.sheets[0]) == whole
    assert told == len(range(0, len(data), len(data) // 100))


def test_names_of_ranges_and_what_is_printed_around_pages_are_properties(tmp_path):
    book = xlsxwriter.Workbook(tmp_path / "a.xlsx")
    sheet = book.add_worksheet("Data")
    sheet.write_row(0, 0, ["id", "pain"])
    sheet.write_row(1, 0, ["a", 3])
    sheet.set_header('&L&"Arial,Bold"&12List of Jane Doe&RPage &P')
    sheet.set_footer("&C&D")
    sheet.print_area("A1:B2")
    book.define_name("Jane_Doe", "=Data!$A$1")
    book.close()
    found = read_export(Export(format="excel", records="a.xlsx"), tmp_path).properties
    assert found == {"print header": "List of Jane Doe Page", "defined name": "Jane Doe"}


def test_spss_labels_user_missing_ranges_and_notes(tmp_path):
    frame = pd.DataFrame(
        {
            "pain": [1.0, -99.0, 5.5, np.nan, -700.0],
            "word": ["a ", "refused", None, "", "b"],
            "date": [datetime.date(2020, 1, 2), None, datetime.date(2021, 1, 1), None, None],
        }
    )
    pyreadstat.write_sav(
        frame,
        tmp_path / "export.sav",
        missing_ranges={"pain": [-99, {"lo": -1000, "hi": -500}], "word": ["refused"]},
        variable_value_labels={"pain": {-99: "did not say", 1: "hardly any"}},
        column_labels={"pain": "Pain now"},
        note="typed in by Jane Doe",
        file_label="second export",
    )
    raw = read_export(Export(format="spss", records="export.sav"), tmp_path)
    (sheet,) = raw.sheets
    assert cells(sheet) == {
        "pain": ["1", None, "5.5", None],
        "word": ["a", None, None, "b"],
        "date": ["2020-01-02", None, "2021-01-01", None],
    }
    assert reasons(sheet, "pain") == [None, "did not say", None, "-700"]
    assert reasons(sheet, "word") == [None, "refused", None, None]
    assert list(sheet.lines) == [1, 2, 3, 5]
    assert raw.variables["pain"].label == "Pain now"
    assert raw.variables["pain"].choices == {"-99": "did not say", "1": "hardly any"}
    assert raw.properties == {"label": "second export", "note 1": "typed in by Jane Doe"}


def test_stata_letters_are_reasons(tmp_path):
    frame = pd.DataFrame({"pain": [1.0, "a", 5.5, "z", np.nan], "id": [1, 2, 3, 4, 5]})
    pyreadstat.write_dta(
        frame,
        tmp_path / "export.dta",
        missing_user_values={"pain": ["a", "z"]},
        variable_value_labels={"pain": {"a": "refused", 1: "hardly any"}},
    )
    (sheet,) = read_export(Export(format="stata", records="export.dta"), tmp_path).sheets
    assert cells(sheet) == {"pain": ["1", None, "5.5", None, None], "id": ["1", "2", "3", "4", "5"]}
    assert reasons(sheet, "pain") == [None, "refused", None, "z", None]


def test_single_precision_is_written_as_short_as_it_reads_back(tmp_path):
    frame = pd.DataFrame({"id": ["a", "b"], "pain": np.array([15.33333, 4.0], dtype=np.float32)})
    frame.to_stata(tmp_path / "export.dta", write_index=False)
    (sheet,) = read_export(Export(format="stata", records="export.dta"), tmp_path).sheets
    assert cells(sheet) == {"id": ["a", "b"], "pain": ["15.33333", "4"]}


def test_sas_transport_file(tmp_path):
    frame = pd.DataFrame({"ID": ["a", "b"], "PAIN": [3.25, np.nan], "DAY": [datetime.date(2020, 1, 2), None]})
    pyreadstat.write_xport(frame, tmp_path / "export.xpt", table_name="PAIN", column_labels=["", "Pain now", ""])
    raw = read_export(Export(format="sas", records="export.xpt"), tmp_path)
    assert cells(raw.sheets[0]) == {"ID": ["a", "b"], "PAIN": ["3.25", None], "DAY": ["2020-01-02", None]}
    assert raw.variables["PAIN"].label == "Pain now"


def test_sas_data_set_with_a_special_missing_value(tmp_path):
    # written by the R package haven: nothing in Python writes the format
    shutil.copy(Path(__file__).with_name("made.sas7bdat"), tmp_path / "export.sas7bdat")
    raw = read_export(Export(format="sas", records="export.sas7bdat"), tmp_path)
    assert cells(raw.sheets[0]) == {
        "ID": ["P-1", "P-2", "P-3"],
        "PAIN": ["3.25", None, "7"],
        "DAY": ["2020-01-02", None, "2021-12-31"],
        "SESSIONS": ["6", "0", None],
    }
    assert reasons(raw.sheets[0], "SESSIONS") == [None, None, "A"]
    assert raw.variables["PAIN"].label == "Pain now"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.xlsx", "excel"), ("a.sav", "spss"), ("a.dta", "stata"), ("a.sas7bdat", "sas"), ("a.xpt", "sas")],
)
@pytest.mark.parametrize("data", [b"", b"id,pain\n1,2\n", b"PK\x03\x04 cut", b"$FL2 cut", bytes(range(256)) * 40])
def test_garbage_of_any_format_ends_in_a_sentence(tmp_path, name, kind, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(StudyError) as told:
        read_export(Export(format=kind, records=name), tmp_path)
    assert str(told.value).startswith(f"{name}: ")
    with pytest.raises(StudyError, match="is missing; put the file there"):
        read_export(Export(format=kind, records=f"no_{name}"), tmp_path)


@pytest.mark.parametrize(("name", "kind"), [("a.sav", "spss"), ("a.dta", "stata"), ("a.xpt", "sas")])
def test_a_column_of_numbers_without_any_number_is_read_as_missing(tmp_path, name, kind):
    frame = pd.DataFrame({"id": [1.0, 2.5], "none": [np.nan, np.nan]})
    write = {"spss": pyreadstat.write_sav, "stata": pyreadstat.write_dta, "sas": pyreadstat.write_xport}[kind]
    write(frame, str(tmp_path / name))
    read = read_export(Export(format=kind, records=name), tmp_path).sheets[0].frame
    assert read["id"].tolist() == ["1", "2.5"]
    assert read["none"].isna().all()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_cut_files_end_in_a_sentence_or_whole_rows(tmp_path, share):
    frame = pd.DataFrame({"id": np.arange(300.0), "pain": np.linspace(0, 10, 300)})
    frame.to_excel(tmp_path / "a.xlsx", index=False, engine="xlsxwriter")
    pyreadstat.write_sav(frame, tmp_path / "a.sav")
    pyreadstat.write_dta(frame, tmp_path / "a.dta")
    for name, kind in (("a.xlsx", "excel"), ("a.sav", "spss"), ("a.dta", "stata")):
        data = (tmp_path / name).read_bytes()
        (tmp_path / f"cut_{name}").write_bytes(data[: int(len(data) * share)])
        with pytest.raises(StudyError, match=f"cut_{name}: "):
            read_export(Export(format=kind, records=f"cut_{name}"), tmp_path)


# ---------------------------------------------------------------- what survey tools write

QUESTIONS = 'Who?,Which visit?,Your age,"Pain, now"\n'
IMPORTS = ",".join(f'"{{""ImportId"":""QID{n}""}}"' for n in range(4)) + "\n"
UNITS = "code,,years,0-10 points\n"


@pytest.mark.parametrize(
    ("above", "left_out"),
    [("", {}), (QUESTIONS, {2: 4}), (QUESTIONS + IMPORTS, {2: 4, 3: 4}), (IMPORTS, {2: 4}), (UNITS, {2: 3})],
)
@pytest.mark.parametrize("rows", [2, 40])
def test_further_rows_of_headings_are_left_out_and_told(tmp_path, above, left_out, rows):
    data = "".join(f"P{n:02},{'ab'[n % 2]},{30 + n},{n % 11}\n" for n in range(rows))
    (tmp_path / "x.csv").write_text("id,visit,age,pain\n" + above + data)
    raw = read_export(Export(format="csv", records="x.csv"), tmp_path)
    assert {place: cells for place, (cells, _) in raw.left_out.items()} == {f"line {n}": c for n, c in left_out.items()}
    assert list(raw.sheets[0].frame["id"]) == [f"P{n:02}" for n in range(rows)]
    assert list(raw.sheets[0].lines) == list(range(2 + len(left_out), 2 + len(left_out) + rows))


@pytest.mark.parametrize(
    "first",
    ["P99,a,unknown,refused", "99,a,not asked,refused", "test,a,forty,refused,", "Ann,b,n/a,n/a", "P99,a,,", ",,x,"],
)
def test_no_row_of_a_person_is_taken_for_a_heading(tmp_path, first):
    ids = "P{:02}" if first[0] == "P" else "{}"
    data = "".join(f"{ids.format(n)},{'ab'[n % 2]},{30 + n},{n % 11}\n" for n in range(40))
    (tmp_path / "x.csv").write_text(
        "id,visit,age,pain\n" + first.rstrip(",") + "," * (3 - first.rstrip(",").count(",")) + "\n" + data
    )
    raw = read_export(Export(format="csv", records="x.csv"), tmp_path)
    assert (raw.left_out, len(raw.sheets[0].frame)) == ({}, 41)


def test_quotes_escaped_by_a_backslash_are_read(tmp_path):
    head = "field_name,form_name,field_type,field_label,select_choices_or_calculations\n"
    lines = ['a,f,notes,"words1\\"words2, words3\\"",', 'b,f,radio,"Say \\"x\\"","1, one \\"or\\" two | 2, three"']
    (tmp_path / "dictionary.csv").write_text(head + "\n".join(lines) + "\n")
    (tmp_path / "x.csv").write_text('a,b\n"he said \\"no\\", again",1\nplain,2\n')
    export = Export(format="redcap", records="x.csv", dictionary="dictionary.csv")
    raw = read_export(export, tmp_path)
    assert raw.variables["a"].label == 'words1"words2, words3"'
    assert raw.variables["b"].choices == {"1": 'one "or" two', "2": "three"}
    assert list(raw.sheets[0].frame["a"]) == ['he said "no", again', "plain"]
