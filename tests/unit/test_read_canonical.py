"""From exports of each shape to canonical tables: every cell keeps its place, nothing is lost."""

import json

import numpy as np
import pandas as pd
import pyreadstat
import pytest
import xlsxwriter
from made_exports import plan, rows, tables

from needling.read.canonical import mapped_columns, to_canonical
from needling.read.export import read_export
from needling.read.raw import RawExport, Variable
from needling.schema.contract import check
from needling.schema.intake import ACCOUNT, READ
from needling.study.keys import StudyError

VISITS = """id,visit,date,arm,age,by,pain,a1,a2,a_sum,ppt,unit
1,base,2024-01-01,DN,50,T1,7,1,,,2.5,kg
1,w4,2024-02-01,,,T2,3,,,,,
2,base,2024-01-03,UC,61,T1,,,,,30,N
2,w4,2024-02-03,UC ,62,T1,5,0,2,2,,
,w4,2024-02-09,DN,33,T1,4,,,,,
"""
PLAN = {
    "patients": {"arm": {"from": "arm", "reference": "UC"}, "covariates": {"age": "age"}},
    "visits": {"planned": "visit", "date": "date", "therapist": "by"},
    "instruments": {
        "nprs": {"total": "pain"},
        "ab": {"items": ["a1", "a2"], "total": "a_sum"},
        "ppt": {"total": "ppt", "unit_column": "unit"},
    },
}


def test_a_visit_per_row(tmp_path):
    found = tables(tmp_path, VISITS, plan(**PLAN))
    assert rows(found["patients"], "row", "line", "patient", "arm", "age") == [
        (0, 2, "1", "DN", "50"),
        (1, 4, "2", "UC", "61"),
    ]
    assert rows(found["patient_conflicts"], "line", "patient", "column", "source", "value", "taken") == [
        (5, "2", "age", "age", "62", "61")
    ]
    assert rows(found["visits"], "row", "line", "patient", "planned", "date", "therapist", "clinic") == [
        (0, 2, "1", "base", "2024-01-01", "T1", None),
        (1, 3, "1", "w4", "2024-02-01", "T2", None),
        (2, 4, "2", "base", "2024-01-03", "T1", None),
        (3, 5, "2", "w4", "2024-02-03", "T1", None),
        (4, 6, None, "w4", "2024-02-09", "T1", None),
    ]
    assert rows(found["outcomes"], "line", "visit_row", "column", "instrument", "item", "value", "unit") == [
        (2, 0, "pain", "nprs", "total", "7", None),
        (3, 1, "pain", "nprs", "total", "3", None),
        (5, 3, "pain", "nprs", "total", "5", None),
        (6, 4, "pain", "nprs", "total", "4", None),
        (2, 0, "a1", "ab", "1", "1", None),
        (2, 0, "a2", "ab", "2", None, None),
        (2, 0, "a_sum", "ab", "total", None, None),
        (5, 3, "a1", "ab", "1", "0", None),
        (5, 3, "a2", "ab", "2", "2", None),
        (5, 3, "a_sum", "ab", "total", "2", None),
        (2, 0, "ppt", "ppt", "total", "2.5", "kg"),
        (4, 2, "ppt", "ppt", "total", "30", "N"),
    ]
    assert rows(found["unread"], "source", "cells") == [("arm", 1), ("age", 1)]  # of the row without a patient


def test_tables_keep_their_contracts(tmp_path):
    found = tables(tmp_path, VISITS, plan(**PLAN))
    for name, contract in {**READ, **ACCOUNT}.items():
        checked = check(found[name], contract, name)
        pd.testing.assert_frame_equal(checked, found[name][list(checked.columns)])
    assert set(found["visits"]["file"]) == {"records.csv"}
    assert set(found["visits"]["sheet"]) == {""}


def test_rows_of_patients_may_be_chosen(tmp_path):
    study = plan(
        **PLAN | {"patients": PLAN["patients"] | {"rows": {"visit": "base"}}, "visits": {"rows": {"visit": ["w4"]}}}
    )
    found = tables(tmp_path, VISITS, study)
    assert rows(found["patients"], "patient", "arm", "age") == [("1", "DN", "50"), ("2", "UC", "61")]
    assert list(found["visits"]["line"]) == [3, 5, 6]
    assert not len(found["patient_conflicts"])
    unread = dict(rows(found["unread"], "source", "cells"))
    assert unread == {"visit": 5, "date": 5, "by": 5, "arm": 2, "age": 2, "pain": 1, "a1": 1, "ppt": 2, "unit": 2}


def test_a_fact_that_is_blank_on_the_first_line_comes_from_a_later_one(tmp_path):
    study = plan(patients={"covariates": {"age": "age"}}, instruments={"nprs": {"total": "pain"}})
    found = tables(tmp_path, "id,age,pain\n1,,3\n2,40,4\n1,55,5\n1,55 ,6\n1,56,6\n", study)
    assert rows(found["patients"], "line", "patient", "age") == [(2, "1", "55"), (3, "2", "40")]
    assert rows(found["patient_conflicts"], "line", "value", "taken") == [(6, "56", "55")]


def test_a_patient_per_row(tmp_path):
    study = plan(
        export={"shape": "patient"},
        visits={"therapist": "by"},
        instruments={"score": {"total": {"baseline": "s0", "week_4": "s4"}}, "csi": {"items": ["c1", "c2"]}},
    )
    found = tables(tmp_path, "id,by,s0,s4,c1,c2\n1,T1,10,8,1,\n1,T1,11,,,\n,T2,,9,,\n", study)
    assert rows(found["patients"], "line", "patient") == [(2, "1"), (3, "1"), (4, None)]
    assert rows(found["visits"], "row", "line", "patient", "planned", "therapist") == [
        (0, 2, "1", "baseline", "T1"),
        (1, 2, "1", "week_4", "T1"),
        (2, 3, "1", "baseline", "T1"),
        (3, 3, "1", "week_4", "T1"),
        (4, 4, None, "baseline", "T2"),
        (5, 4, None, "week_4", "T2"),
    ]
    assert rows(found["outcomes"], "visit_row", "column", "instrument", "item", "value") == [
        (0, "s0", "score", "total", "10"),
        (1, "s4", "score", "total", "8"),
        (2, "s0", "score", "total", "11"),
        (5, "s4", "score", "total", "9"),
        (0, "c1", "csi", "1", "1"),
        (0, "c2", "csi", "2", None),
    ]
    assert not len(found["unread"])


def test_a_value_per_row(tmp_path):
    study = plan(
        export={"shape": "value", "values": {"name": ["what", "item"], "value": "value"}},
        patients={"covariates": {"age": "age"}},
        visits={"planned": "visit"},
        instruments={"csi": {"items": ["CSI 1", "CSI 2"]}, "nprs": {"total": "NPRS now", "unit_column": "unit"}},
    )
    text = "id,age,visit,what,item,value,unit\n1,50,w0,NPRS,now,7,points\n1,50,w0,CSI,1,3,\n1,50,w4,NPRS,now,4,points\n"
    text += "2,60,w0,CSI,2,,\n2,60,w0,mood,,good,\n1,50,w0,CSI,2,2,\n"
    found = tables(tmp_path, text, study)
    assert rows(found["patients"], "line", "patient", "age") == [(2, "1", "50"), (5, "2", "60")]
    assert rows(found["visits"], "line", "patient", "planned") == [(2, "1", "w0"), (4, "1", "w4"), (5, "2", "w0")]
    assert rows(found["outcomes"], "line", "visit_row", "instrument", "item", "value", "unit") == [
        (3, 0, "csi", "1", "3", None),
        (7, 0, "csi", "2", "2", None),
        (5, 2, "csi", "2", None, None),
        (2, 0, "nprs", "total", "7", "points"),
        (4, 1, "nprs", "total", "4", "points"),
    ]
    assert rows(found["unread"], "source", "cells") == [("what", 1), ("value", 1)]


def test_event_tables_leave_out_rows_that_carry_nothing(tmp_path):
    study = plan(
        visits={"rows": {"form": ""}},
        instruments={"nprs": {"total": "pain"}},
        events={
            "sessions": {"rows": {"form": "session"}, "columns": {"date": "day", "therapist": "by"}},
            "adverse_events": {"columns": {"kind": "event"}},
        },
    )
    found = tables(
        tmp_path, "id,form,pain,day,by,event\n1,,3,,,\n1,session,,d1,T,\n1,session,,,,faint\n2,session,,d2,,\n", study
    )
    assert rows(found["sessions"], "row", "line", "patient", "date", "therapist") == [
        (0, 3, "1", "d1", "T"),
        (1, 5, "2", "d2", None),
    ]
    assert rows(found["adverse_events"], "line", "patient", "kind") == [(4, "1", "faint")]
    assert list(found["visits"]["line"]) == [2]
    assert rows(found["unread"], "source", "cells", "reason") == [("form", 3, "this column only selects rows")]


def test_sheets_lie_one_below_the_other_and_can_name_the_visit(tmp_path):
    book = xlsxwriter.Workbook(tmp_path / "records.xlsx")
    for name, columns in (("Base", ["id", "pain", "sex"]), ("Week 4", ["pain", "id"])):
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, columns)
        sheet.write_row(1, 0, [7 if column == "pain" else 1 for column in columns])
    book.close()
    study = plan(
        export={"format": "excel", "records": "records.xlsx", "sheets": ["Base", "Week 4"]},
        patients={"covariates": {"sex": "sex"}},
        visits={"planned": "sheet"},
        instruments={"nprs": {"total": "pain"}},
    )
    found = to_canonical(read_export(study.export, tmp_path), study)
    assert rows(found["visits"], "sheet", "line", "patient", "planned") == [
        ("Base", 2, "1", "Base"),
        ("Week 4", 2, "1", "Week 4"),
    ]
    assert rows(found["outcomes"], "sheet", "value") == [("Base", "7"), ("Week 4", "7")]
    assert rows(found["patients"], "patient", "sex") == [("1", "1")]


def test_days_from_1904_become_dates_and_others_stay(tmp_path):
    for flag, expected in ((True, ["2024-02-29", "2024-03-01"]), (False, ["43889", "2024-03-01"])):
        book = xlsxwriter.Workbook(tmp_path / "records.xlsx", {"date_1904": flag})
        sheet = book.add_worksheet()
        for line, cells in enumerate([["id", "day", "pain"], [1, 43889, 43889], [2, "2024-03-01", 3]]):
            sheet.write_row(line, 0, cells)
        book.close()
        study = plan(
            export={"format": "excel", "records": "records.xlsx"},
            visits={"date": "day"},
            instruments={"nprs": {"total": "pain"}},
        )
        found = to_canonical(read_export(study.export, tmp_path), study)
        assert list(found["visits"]["date"]) == expected
        assert list(found["outcomes"]["value"]) == ["43889", "3"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"patients": {"id": "idd"}},
            "the column 'idd' that the study file names in patients.id is not there; .* 'id'",
        ),
        ({"instruments": {"nprs": {"total": "Pain"}}}, "'Pain' .* instruments.nprs.total .* nearest column is 'pain'"),
        ({"visits": {"date": "zzz"}}, "visits.date is not there; the file has 12 columns, none of a like name"),
        ({"events": {"status": {"columns": {"reason": "why"}}}}, "'why' .* events.status.columns.reason"),
        (
            {"visits": {"rows": {"visit": ["w8"]}}},
            "visits.rows selects no row, .* never holds 'w8' there; it holds 2 different values, .* Mend visits.rows",
        ),
        ({"instruments": {"nprs": {"total": {"baseline": "pain"}}}}, "set export.shape to patient"),
        ({"export": {"shape": "value"}}, "export.values is missing"),
        ({"export": {"shape": "patient"}, "visits": {"date": "date"}}, "visits lie side by side"),
    ],
)
def test_a_plan_that_does_not_fit_the_export_is_told(tmp_path, change, words):
    with pytest.raises(StudyError, match=words) as told:
        tables(tmp_path, VISITS, plan(**{"instruments": {"nprs": {"total": "pain"}}} | change))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "change",
    [
        {"patients": {"rows": {"id": ["999"]}}},
        {"patients": {"rows": {"by": ["Smith"]}}},
        {"visits": {"rows": {"by": ["Smith"]}}},
        {"events": {"status": {"rows": {"by": ["Smith"]}, "columns": {"reason": "arm"}}}},
        {"export": {"shape": "value", "values": {"name": "by", "value": "pain"}}, "visits": {"planned": "visit"}},
    ],
)
def test_no_value_of_the_export_is_printed(tmp_path, change):
    text = (
        VISITS.replace("T1", "Nowack").replace("T2", "Kowalczyk").replace("\n1,", "\n7301,").replace("\n2,", "\n7302,")
    )
    with pytest.raises(StudyError, match="it holds 2 different values") as told:
        tables(tmp_path, text, plan(**{"instruments": PLAN["instruments"]} | change))
    assert not [value for value in ("Nowack", "Kowalczyk", "7301", "7302") if value in str(told.value)]


def test_sources_carry_the_dictionary(tmp_path):
    (tmp_path / "dictionary.csv").write_text(
        "Variable / Field Name,Form Name,Field Type,Field Label,"
        '"Choices, Calculations, OR Slider Labels",Identifier?\n'
        'id,base,text,Study ID,,\nsex,base,radio,<b>Sex</b> at birth,"1, Female | 2, Male, or other",\n'
    )
    study = plan(
        export={"format": "redcap", "dictionary": "dictionary.csv"},
        patients={"covariates": {"gender": "sex"}},
        instruments={"nprs": {"total": "pain"}},
    )
    found = tables(tmp_path, "id,sex,pain,base_complete\n1,1,4,2\n", study)
    assert rows(found["sources"], "table", "column", "source", "label") == [
        ("patients", "patient", "id", "Study ID"),
        ("patients", "gender", "sex", "Sex at birth"),
        ("outcomes", "nprs:total", "pain", None),
        ("visits", "patient", "id", "Study ID"),
    ]
    assert json.loads(found["sources"]["choices"][1]) == {"1": "Female", "2": "Male, or other"}


def test_reasons_of_the_format_reach_every_table(tmp_path):
    columns = {"id": ["1", "1", "2"], "age": ["50", "", "refused"], "day": ["2024-01-01", "2024-02-01", "lost"]}
    frame = pd.DataFrame(
        columns | {"pain": ["4", "refused", "3"], "needles": ["refused", "", "6"], "session": list("121")}
    )
    told = {"age": ["refused"], "pain": ["refused"], "needles": ["refused"], "day": ["lost"]}
    pyreadstat.write_sav(frame, tmp_path / "records.sav", missing_ranges=told)
    study = plan(
        export={"format": "spss", "records": "records.sav"},
        patients={"covariates": {"age": "age"}},
        visits={"date": "day"},
        instruments={"nprs": {"total": "pain"}},
        events={"sessions": {"columns": {"session": "session", "needles": "needles"}}},
    )
    found = to_canonical(read_export(study.export, tmp_path), study)
    assert rows(found["declared_missing"], "table", "column", "row", "reason") == [
        ("patients", "age", 1, "refused"),
        ("visits", "date", 2, "lost"),
        ("sessions", "needles", 0, "refused"),
    ]
    assert rows(found["outcomes"], "value", "missing_reason") == [("4", None), (None, "refused"), ("3", None)]


def test_codes_for_missing_of_the_study_file_are_missing_with_their_reason(tmp_path):
    study = plan(
        export={"missing": {"-99": "refused", "11": "not asked"}},
        patients={"covariates": {"age": "age"}},
        visits={"date": "day"},
        instruments={"nprs": {"total": "pain"}},
    )
    found = tables(tmp_path, "id,day,age,pain\n1,2024-01-01,-99.0,4\n2,2024-01-01,50,11\n3,2024-01-01, 110 ,\n", study)
    assert rows(found["patients"], "age") == [(None,), ("50",), (" 110 ",)]
    assert rows(found["declared_missing"], "table", "column", "row", "reason") == [("patients", "age", 0, "refused")]
    assert rows(found["outcomes"], "line", "value", "missing_reason") == [(2, "4", None), (3, None, "not asked")]
    assert found["unread"].empty


def test_columns_are_mapped_as_code_date_or_value():
    study = plan(
        patients={
            "clinic": "site",
            "day_0": "start",
            "covariates": {"age": "age", "physio": "by", "onset_date": "onset"},
        },
        visits={"date": "day", "therapist": "by", "rows": {"form": ""}},
        instruments={"nprs": {"total": "pain", "unit_column": "unit"}},
        events={"sessions": {"columns": {"date": "when", "therapist": "who", "note": "note"}}},
    )
    assert mapped_columns(study) == {
        **dict.fromkeys(["id", "site", "who"], "code"),
        **dict.fromkeys(["start", "day", "onset", "when"], "date"),
        **dict.fromkeys(["age", "pain", "unit", "note", "by"], "value"),
        "form": "rows",
    }


def test_cells_are_neither_lost_nor_moved_at_random(tmp_path):
    """Random wide table of cells: what is read back through its place equals what was written."""
    rng = np.random.default_rng(7)
    items = [f"q{number}" for number in range(1, 9)]
    table = pd.DataFrame(rng.integers(0, 5, (60, 8)).astype(str), columns=items).where(rng.random((60, 8)) < 0.4, "")
    table.insert(0, "id", [str(number) for number in range(60)])
    study = plan(instruments={"odd": {"items": items[::2]}, "even": {"items": items[1::2]}})
    found = tables(tmp_path, table.to_csv(index=False), study)
    outcomes = found["outcomes"].dropna(subset="value")
    read = {(line, column): value for line, column, value in rows(outcomes, "line", "column", "value")}
    written = {(i + 2, c): table.loc[i, c] for i in table.index for c in items if table.loc[i, c]}
    assert read == written
    lines = found["visits"]["line"].to_numpy()[found["outcomes"]["visit_row"].to_numpy()]
    assert (lines == found["outcomes"]["line"]).all()


def test_what_is_not_named_leaves_its_name_and_what_it_looks_like(tmp_path):
    text = "id,visit,pain,phone,note\n1,a,3,1,x\n1,b,4,,y\n"
    found = tables(tmp_path, text, plan(instruments={"nprs": {"total": "pain"}}))
    told = rows(found["unread"], "source", "cells", "reason", "looks_like")
    why = "the study file does not name this column"
    assert told == [("visit", 2, why, None), ("phone", 1, why, "phone number"), ("note", 2, why, None)]


def test_rows_that_are_alike_in_all_that_is_read_name_the_columns_in_which_they_differ(tmp_path):
    text = (
        "id,visit,pain,side,eye,line\n1,a,3,left,l,1\n1,a,3,right,r,2\n1,a,3,left,l,3\n2,a,3,left,l,4\n1,b,3,left,l,5\n"
    )
    study = plan(instruments={"nprs": {"total": "pain"}}, visits={"planned": "visit"})
    found = tables(tmp_path, text, study)["alike"]
    # a column that numbers the rows tells nothing
    assert rows(found, "line", "differs_in") == [(3, '["side", "eye"]')]
    same = tables(tmp_path, text.replace("side", "redcap_repeat_instance").replace("eye", "form_complete"), study)[
        "alike"
    ]
    assert not len(same)


@pytest.mark.parametrize(
    ("columns", "differ"),
    [
        ({"kind": {"from": "ae"}}, [[], ["redcap_event_name"], ["redcap_repeat_instance"]]),
        ({"kind": {"from": "ae"}, "date": "day"}, [[], ["redcap_event_name"], []]),
    ],
)
def test_events_alike_are_told_apart_by_what_other_tables_read_and_without_a_date_by_their_number(
    tmp_path, columns, differ
):
    text = (
        "id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,pain,ae,day\n1,a,,,3,,\n"
        "1,a,ae,1,,bruise,2024-01-05\n1,b,ae,1,,bruise,2024-01-05\n1,a,ae,2,,bruise,2024-01-05\n"
    )
    study = plan(
        instruments={"nprs": {"total": "pain"}},
        visits={"planned": "redcap_event_name", "rows": {"redcap_repeat_instrument": ""}},
        events={"adverse_events": {"rows": {"redcap_repeat_instrument": "ae"}, "columns": columns}},
    )
    found = tables(tmp_path, text, study)["alike"]
    mine = found[found["table"] == "adverse_events"]
    told = dict(zip(mine["line"], map(json.loads, mine["differs_in"]), strict=True))
    assert [told.get(line, []) for line in (3, 4, 5)] == differ


@pytest.mark.parametrize(("name", "stops"), [("NPRS.", True), ("Nprs", True), ("nprs_2", False)])
def test_a_measure_in_another_spelling_is_not_left_out(tmp_path, name, stops):
    study = plan(
        {"shape": "value", "values": {"name": ["measure"], "value": "result"}},
        instruments={"nprs": {"total": "nprs"}},
        visits={"planned": "visit"},
    )
    text = f"id,visit,measure,result\n1,a,nprs,3\n1,b,{name},4\n"
    if stops:
        with pytest.raises(StudyError, match="1 rows name 'nprs' in other letters or marks"):
            tables(tmp_path, text, study)
    else:
        assert tables(tmp_path, text, study)["outcomes"]["value"].tolist() == ["3"]


def test_codes_of_patients_that_a_spreadsheet_has_shortened_stop(tmp_path):
    study = plan(instruments={"nprs": {"total": "pain"}}, visits={"planned": "visit"})
    with pytest.raises(StudyError, match="2 codes of patients in column 'id' stand as powers of ten"):
        tables(tmp_path, "id,visit,pain\n4.1E+11,a,3\n4.1E+11,b,4\n12E5,a,3\n", study)


def test_codes_for_missing_data_of_redcap_are_missing_with_their_reason(tmp_path):
    text = "id,visit,pain,sex,day\n1,a,UNK,NI,ASKU\n1,b,-999,1,2024-01-05\n2,a,3,2,2024-01-05\n"
    settings = {"instruments": {"nprs": {"total": "pain"}}, "visits": {"planned": "visit", "date": "day"}}
    settings |= {"patients": {"covariates": {"sex": "sex"}}}
    found = tables(tmp_path, text, plan(export={"format": "redcap"}, **settings))
    assert rows(found["outcomes"], "value", "missing_reason") == [
        (None, "unknown"),
        (None, "no information"),
        ("3", None),
    ]
    assert rows(found["patients"], "sex") == [("1",), ("2",)]
    declared = rows(found["declared_missing"], "table", "column", "row", "reason")
    assert ("visits", "date", 0, "asked but unknown") in declared
    assert list(tables(tmp_path, text, plan(**settings))["outcomes"]["value"]) == ["UNK", "-999", "3"]
    # a code that is a choice of its field is an answer
    own = {"-999": "no information", "UNK": "other"}
    raw = RawExport(read_export(plan().export, tmp_path).sheets, {"pain": Variable(choices=own)})
    assert list(to_canonical(raw, plan(export={"format": "redcap"}, **settings))["outcomes"]["value"]) == [
        "UNK",
        "-999",
        "3",
    ]


def test_items_of_each_visit_side_by_side(tmp_path):
    head = [f"ndi{n}_t{t}" for t in (0, 1) for n in range(1, 11)]
    text = (
        ",".join(["id", *head])
        + "\n"
        + "\n".join(f"{p}," + ",".join(str((p + n) % 5) for n in range(20)) for p in (1, 2))
    )
    items = {"baseline": "ndi1_t0 .. ndi10_t0", "week_4": [f"ndi{n}_t1" for n in range(1, 11)]}
    study = plan(export={"shape": "patient"}, instruments={"ndi": {"items": items}})
    found = tables(tmp_path, text, study)
    assert rows(found["visits"], "patient", "planned") == [(p, v) for p in "12" for v in ("baseline", "week_4")]
    outcomes = found["outcomes"].merge(
        found["visits"][["row", "patient", "planned"]], left_on="visit_row", right_on="row"
    )
    told = {
        (p, v, item): (column, value)
        for p, v, item, column, value in rows(outcomes, "patient", "planned", "item", "column", "value")
    }
    assert len(told) == 40
    assert told["2", "week_4", "10"] == ("ndi10_t1", str((2 + 19) % 5))
    assert told["1", "baseline", "1"] == ("ndi1_t0", "1")
    with pytest.raises(StudyError, match=r"set export\.shape to patient"):
        tables(tmp_path, text, plan(instruments={"ndi": {"items": items}}, visits={"planned": "id"}))


def test_a_crossover_is_refused_with_its_reason(tmp_path):
    text = "id,visit,arm,pain\n" + "".join(f"{p},{v},{'ab'[(p + v) % 2]},3\n" for p in range(6) for v in range(2))
    settings = {"visits": {"planned": "visit"}, "instruments": {"nprs": {"total": "pain"}}}
    arm = {"from": "arm", "codes": {"a": "a", "b": "b"}, "reference": "a"}
    with pytest.raises(
        StudyError,
        match=r"6 of 6 patients have more than one arm in the column 'arm'\. A crossover.* not supported, because",
    ):
        tables(tmp_path, text, plan(patients={"arm": arm}, **settings))
    # some slips are no crossover, nor is another spelling
    parallel = text.replace(",a,", ",b,").replace("0,0,b", "0,0,a").replace("1,0,b", "1,0, B ")
    assert len(tables(tmp_path, parallel, plan(patients={"arm": arm}, **settings))["patients"]) == 6


REPEATED = """site,id,visit,arm,pain
1,1,base,DN,7
1,1,w4,,3
2,1,base,UC,6
2,1,w4,,5
,2,base,UC,4
"""


def test_codes_that_repeat_between_clinics_are_told_apart_by_both_columns(tmp_path):
    settings = PLAN | {
        "patients": {"id": ["site", "id"], "arm": PLAN["patients"]["arm"]},
        "visits": {"planned": "visit"},
        "instruments": {"nprs": {"total": "pain"}},
    }
    study = plan(**settings)
    assert study.patients.id_columns == ["site", "id"]
    assert {name: role for name, role in mapped_columns(study).items() if role == "code"} == {
        "site": "code",
        "id": "code",
    }
    found = tables(tmp_path, REPEATED, study)
    assert rows(found["patients"], "line", "patient", "arm") == [(2, "1/1", "DN"), (4, "2/1", "UC")]
    assert rows(found["visits"], "patient") == [("1/1",), ("1/1",), ("2/1",), ("2/1",), (None,)]
    assert len(found["patient_conflicts"]) == 0
    assert rows(found["sources"], "table", "column", "source")[0] == ("patients", "patient", "site + id")
    alone = tables(
        tmp_path, REPEATED.replace("UC", "DN"), plan(**settings | {"patients": settings["patients"] | {"id": "id"}})
    )
    assert rows(alone["patients"], "line", "patient") == [(2, "1"), (6, "2")]
