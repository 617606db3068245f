"""Text tables: any delimiter and encoding is read, every kind of damage ends in one sentence."""

import contextlib
import csv
import io
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from needling.read.delimited import check_unique, read_delimited
from needling.study.keys import StudyError


def read(folder, data, **options):
    path = folder / "records.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_delimited(path, "records.csv", **options)


def cells(sheet):
    frame = sheet.frame.astype(object)
    return frame.where(frame.notna(), None).to_dict("list")


def test_cells_stay_as_exported(tmp_path):
    sheet = read(tmp_path, "id,pain,note\n007,3.0,NA\n008, 4 ,\n009,nan,#DIV/0!\n")
    assert cells(sheet) == {
        "id": ["007", "008", "009"],
        "pain": ["3.0", " 4 ", "nan"],
        "note": ["NA", None, "#DIV/0!"],
    }
    assert list(sheet.lines) == [2, 3, 4]


def test_lines_count_those_inside_quoted_cells(tmp_path):
    sheet = read(tmp_path, 'id,note\r\n1,"two\r\nlines, ""quoted"""\r\n\r\n2,x\r\n,\r\n3,y')
    assert cells(sheet) == {"id": ["1", "2", "3"], "note": ['two\r\nlines, "quoted"', "x", "y"]}
    assert list(sheet.lines) == [2, 5, 7]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiter_and_encoding_are_found(tmp_path, delimiter, encoding):
    text = f"id{delimiter}name of muscle\n1{delimiter}größer\n2{delimiter}à côté\n"
    assert cells(read(tmp_path, text.encode(encoding))) == {"id": ["1", "2"], "name of muscle": ["größer", "à côté"]}


LETTERS = "id,muscle\n1,größer\n2,à côté\n"


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "mac_roman", "cp850"])
def test_another_encoding_is_asked_about_with_what_it_would_mean_and_the_answer_is_taken(tmp_path, encoding):
    data = LETTERS.encode(encoding)
    first = "cp1252" if encoding == "latin-1" else encoding
    with pytest.raises(
        StudyError, match=rf"not UTF-8, .*: as {first} \([\w ]+\) ö ß à ô é; as .*Write export\.encoding"
    ):
        read(tmp_path, data)
    assert cells(read(tmp_path, data, encoding=encoding))["muscle"] == ["größer", "à côté"]
    assert cells(read(tmp_path, LETTERS, encoding=encoding))["muscle"] == ["größer", "à côté"], (
        "UTF-8 is known by itself"
    )


def test_decimal_commas_do_not_hide_the_semicolon(tmp_path):
    assert cells(read(tmp_path, "id;pain;ppt\n1;3,5;2,25\n2;4,0;1,5\n")) == {
        "id": ["1", "2"],
        "pain": ["3,5", "4,0"],
        "ppt": ["2,25", "1,5"],
    }


def test_hint_of_a_spreadsheet_names_the_delimiter(tmp_path):
    sheet = read(tmp_path, "sep=;\nid;pain\n1;3\n")
    assert cells(sheet) == {"id": ["1"], "pain": ["3"]}
    assert list(sheet.lines) == [3]


def test_two_header_rows_are_joined(tmp_path):
    sheet = read(tmp_path, ",Week 4,,Week 8\nid,pain,NDI,pain\n1,2,3,4\n", header_rows=2)
    assert cells(sheet) == {"id": ["1"], "Week 4 pain": ["2"], "Week 4 NDI": ["3"], "Week 8 pain": ["4"]}


def test_marks_inside_unquoted_cells_are_letters(tmp_path):
    sheet = read(tmp_path, 'id,note\n1,5" needle\n2,"a, b"\n3,6" and 7"\n')
    assert cells(sheet) == {"id": ["1", "2", "3"], "note": ['5" needle', "a, b", '6" and 7"']}
    assert list(sheet.lines) == [2, 3, 4]


@pytest.mark.parametrize("ends", ["\r", "\n", "\r\n"])
def test_line_ends(tmp_path, ends):
    sheet = read(tmp_path, ends.join(["id,pain", "1,2", "3,4", ""]))
    assert cells(sheet) == {"id": ["1", "3"], "pain": ["2", "4"]}
    assert list(sheet.lines) == [2, 3]


def test_empty_columns_without_a_name_are_left_out(tmp_path):
    assert cells(read(tmp_path, "id,pain,,\n1,2,,\n3,4,,9\n")) == {
        "id": ["1", "3"],
        "pain": ["2", "4"],
        "(column 4)": [None, "9"],
    }


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b" \n\n", "the file is empty"),
        (b"id,pain\n", "no row of data"),
        (b"id,visit,pain\n1,a,3\n2,b,4\n3,c", "line 4: the file ends in the middle of a row (after 2 of 3 columns)"),
        (b'id,visit,note\n1,a,"x\n2,b,y\n', "line 2: a quotation mark opened on this line is not closed"),
        (b'id,visit,note\n1,a,"x\n2,b,"y\n', "line 2: a quotation mark opened on this line is not closed"),
        (
            b"id,visit,pain\n1,a,3\n2,b,4,9\n3,c,5\n4,d,6\n",
            "line 3: this row has 4 cells where the header has 3 columns",
        ),
        (b"1,2,3\n4,5,6\n", "line 1: this line holds values, not column names"),
        (b"id\n1\n2\n", "no comma, semicolon, tab or bar"),
        (b"id,n\n1,\x00\n", "line 2: the file holds a null byte"),
        (b"id,n\n1,\x81\n", "as mac_roman (old Macintosh) Å; as cp850 (DOS) ü; "),
        ("id,n\n1,é\n2,".encode() + b"\xfc\n", "line 3, character 3: a byte (0xfc) that is not UTF-8 text"),
        (b"PK\x03\x04....", "an Excel workbook"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (bytes(range(1, 32)) * 99 + b"\n", "control characters"),
    ],
)
def test_damage_is_told_in_one_sentence(tmp_path, data, words):
    with pytest.raises(StudyError) as told:
        read(tmp_path, data)
    message = str(told.value)
    assert message.startswith("records.csv")
    assert words in message
    assert "\n" not in message


def test_wrong_delimiter_names_the_right_one(tmp_path):
    with pytest.raises(StudyError, match=r"export.delimiter ';' does not occur .* the file seems to use ','"):
        read(tmp_path, "id,pain\n1,2\n", delimiter=";")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("Pain trial,,,\n,,,\nid,visit,pain,note\n1,a,3,\n2,b,4,x\n", "line 3 looks like the header"),
        ("Pain trial\nsent in May\n\nid,visit,pain\n1,a,3\n2,b,4\n3,c,4\n", "line 4 looks like it"),
        (",,\n\nid,visit,pain\n1,a,3\n2,b,4\n", "line 3 looks like the header"),
        ("Baseline,,,Week 4,,\nid,pain,ndi,id,pain,ndi\n1,2,3,1,4,5\n", "line 2 looks like the header"),
        ("Pain trial;\nid;pain\n1;2\n2;4\n", "line 2 looks like the header"),
    ],
)
def test_titles_above_the_header_are_told(tmp_path, data, words):
    with pytest.raises(StudyError) as told:
        read(tmp_path, data)
    assert words in str(told.value)
    assert "delete" in str(told.value)
    assert ("export.header_rows: 2" in str(told.value)) == ("line 2" in words)


@pytest.mark.parametrize("data", ["id,,\nA,x,y\nB,x,z\n", "id,,\n1,2,3\n2,3,4\n", "id,,,\n1,,,\n2,,,\n"])
def test_columns_without_a_name_are_not_taken_for_titles(tmp_path, data):
    assert next(iter(cells(read(tmp_path, data)))) == "id"


def test_missing_file_and_unknown_encoding(tmp_path):
    with pytest.raises(StudyError, match="there is no such file"):
        read_delimited(tmp_path / "none.csv", "none.csv")
    with pytest.raises(StudyError, match=r"export\.encoding 'klingon' is not known"):
        read(tmp_path, "id,pain\n1,2\n", encoding="klingon")


def test_double_names_are_told_with_their_columns():
    with pytest.raises(StudyError, match="columns 2 and 4 have the same name 'pain'"):
        check_unique(["id", "pain", "x", "pain"], "records.csv, line 1")


TEXT = st.text(alphabet=string.ascii_letters + string.digits + " ,;\"\n'é.-", max_size=8)


@settings(max_examples=50, deadline=None)
@given(
    table=st.lists(st.tuples(*[TEXT] * 3), min_size=1, max_size=8),
    delimiter=st.sampled_from([",", ";", "\t"]),
    ends=st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_a_csv_writer_wrote_comes_back(tmp_path_factory, table, delimiter, ends):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=ends)
    writer.writerow(["first", "second", "third"])
    writer.writerows(table)
    expected = [tuple(cell or None for cell in row) for row in table if any(row)]
    folder = tmp_path_factory.getbasetemp()
    if not expected:
        with pytest.raises(StudyError, match="no row of data"):
            read(folder, file.getvalue(), delimiter=delimiter)
        return
    sheet = read(folder, file.getvalue(), delimiter=delimiter)
    assert list(zip(*cells(sheet).values(), strict=True)) == expected


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes_end_in_a_table_or_a_sentence(tmp_path_factory, data):
    with contextlib.suppress(StudyError):
        sheet = read(tmp_path_factory.getbasetemp(), data)
        assert len(sheet.frame) == len(sheet.lines) > 0


def test_a_first_line_longer_than_the_sample_ends_in_a_sentence(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a,b;" * 75_000)
    with pytest.raises(StudyError, match=r"a\.csv"):
        read_delimited(tmp_path / "a.csv", "a.csv")


@pytest.mark.parametrize("last", [b"", b"\n", b"\r", b"\r\n"])
def test_returns_alone_end_lines_also_where_the_last_end_is_another(tmp_path, last):
    (tmp_path / "a.csv").write_bytes(b"a,b\r" + b"\r".join([b"1,2"] * 75_000) + last)
    sheet = read_delimited(tmp_path / "a.csv", "a.csv")
    assert sheet.frame.shape == (75_000, 2)
    assert sheet.lines[-1] == 75_001


def test_a_table_that_lost_the_ends_of_its_lines_is_told(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("a,b;" * 75_000)
    with pytest.raises(StudyError, match=r"long\.csv, line 1: there are 75,001 columns.*ends of its lines"):
        read_delimited(path, "long.csv")
    path.write_bytes(b"id,pain\r" + b"".join(b"%d,3\r" % n for n in range(60_000)) + b"\n")
    assert len(read_delimited(path, "long.csv").frame) == 60_000
