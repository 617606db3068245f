"""The first study file of an export: it loads, it reads the export, and it marks its guesses."""

import csv
import io
import re

import pytest
import xlsxwriter

from needling.cli import main
from needling.plan import load_study
from needling.read.canonical import to_canonical
from needling.read.export import read_export
from needling.read.guess import guess_study
from needling.read.look import number_in
from needling.study.keys import StudyError


def drafted(folder, name, export, dictionary=None, known=()):
    text = guess_study(name, export, dictionary, dict.fromkeys(known))
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    study = load_study(path)
    return text, study, to_canonical(read_export(study.export), study)


def test_demo_is_recognised(tmp_path, project):
    folder = project / "data" / "raw" / "demo"
    text, study, tables = drafted(tmp_path, "draft", folder / "records.csv", folder / "dictionary.csv", {"ndi", "nprs"})
    truth = load_study(project / "config" / "demo.yaml")
    assert study.export.format == "redcap"
    assert study.design == "randomised"
    for role in ("id", "clinic", "day_0", "rows"):
        assert getattr(study.patients, role) == getattr(truth.patients, role)
    assert study.patients.arm.codes == {word: truth.patients.arm.codes[word] for word in ("dry needling", "usual care")}
    assert study.patients.arm.reference == "usual_care"
    assert study.patients.cohort.codes == truth.patients.cohort.codes
    assert study.visits.date == truth.visits.date
    assert study.visits.therapist == truth.visits.therapist
    assert study.visits.planned.codes == truth.visits.planned.codes
    assert {name: visit.week for name, visit in study.visits.schedule.items()} == {
        name: visit.week for name, visit in truth.visits.schedule.items()
    }
    assert study.instruments["ndi"] == truth.instruments["ndi"]
    assert study.instruments["nprs"] == truth.instruments["nprs"]
    assert study.events.sessions.columns["date"].source == "session_date"
    assert study.events.adverse_events.columns.keys() >= {"date", "kind", "severity"}
    assert not {"session_note", "ae_note"} & {column.source for column in study.events.sessions.columns.values()}
    assert text.startswith("# yaml-language-server: $schema=study.schema.json\n")
    assert len(tables["visits"]) > 1000
    unmarked = [
        line for line in text.split("\n") if line and not line.endswith(("# review", ":")) and not line.startswith("#")
    ]
    assert all(re.match(r" *(study|seed|records|dictionary):", line) for line in unmarked)


@pytest.mark.parametrize(("lowest", "range_"), [(-6, "[0, 10]"), (-9, "[0, 10]"), (-4, "[-10, 10]")])
def test_codes_for_missing_are_no_values_below_zero(tmp_path, lowest, range_):
    path = tmp_path / "trial.csv"
    cells = [lowest if n % 12 == 0 else n % 11 for n in range(48)]
    rows = [f"P{n // 2},{n // 2 % 2},{('baseline', 'week 4')[n % 2]},{cell}\n" for n, cell in enumerate(cells)]
    path.write_text("id,group,visit,pain_score\n" + "".join(rows))
    assert f"total: pain_score, range: {range_}" in guess_study("trial", path)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1,083", 1083), ("-1,083", -1083), ("1.083", 1083), ("0.083", 0.083), ("-4,5", -4.5), ("12", 12)],
)
def test_a_draft_takes_three_digits_behind_a_mark_for_thousands_whatever_the_sign(text, number):
    assert number_in(text) == pytest.approx(number)


def test_one_row_per_patient_is_recognised(tmp_path):
    path = tmp_path / "trial.csv"
    path.write_text(
        "id,group,age,sex,pk1,pk2,pk5,note\n" + "".join(f"{n},{n % 2},4{n},1,{n},2,3,x\n" for n in range(9))
    )
    text, study, tables = drafted(tmp_path, "trial", path)
    assert study.export.shape == "patient"
    assert study.instruments["pk"].total == {"baseline": "pk1", "follow_up_1": "pk2", "follow_up_2": "pk5"}
    assert len(tables["visits"]) == 27
    assert "#   note" in text


def test_spanish_export_is_recognised(tmp_path, reference):
    _, study, tables = drafted(tmp_path, "fibromyalgia", reference / "fibromyalgia_rtms" / "raw.csv")
    assert study.design == "single_arm"
    assert study.patients.id == "Número de Historia Clínica (IP Paciente)"
    assert study.visits.date == "Marca temporal"
    assert study.instruments["fiq"].total == "FIQ_TOTAL"
    assert len(tables["patients"]) == 1674
    assert len(tables["visits"]) == 3568


@pytest.mark.parametrize(
    "name", ["arm-single-longitudinal", "checkboxes-1", "decimal-comma", "longitudinal", "repeating-instruments"]
)
def test_any_redcap_export_gives_a_draft_that_loads(tmp_path, reference, name):
    """It reads whoever is in the export, and every cell that is filled in of the totals and items that it names."""
    folder = reference / "redcap" / name
    _, study, tables = drafted(tmp_path, "draft", folder / "data.csv", next(folder.glob("diction*.csv")))
    with (folder / "data.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    named = [column for one in study.instruments.values() for column in one.items or [one.total]]
    assert study.export.format == "redcap"
    assert list(study.cohorts) == ["everybody"]
    assert study.patients.id == next(iter(rows[0]))
    assert len(tables["patients"]) == len({row[study.patients.id] for row in rows})
    assert tables["outcomes"]["value"].count() == sum(row[column] != "" for row in rows for column in named) > 0


def written(path, header, rows):
    """Write a CSV file; return its path."""
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


@pytest.mark.parametrize(
    ("columns", "visits", "weeks"),
    [
        ("pain_w4 pain_w12 pain_bl", {"baseline": "pain_bl", "week_4": "pain_w4", "week_12": "pain_w12"}, [0, 4, 12]),
        (
            "pain_month3 pain_wk4 pain_base",
            {"baseline": "pain_base", "week_4": "pain_wk4", "month_3": "pain_month3"},
            0,
        ),
        ("PainPost PainPre PainFU", {"baseline": "PainPre", "post": "PainPost", "follow_up": "PainFU"}, [0, 4, 8]),
        ("pain_t1 pain_t0 pain_t2", {"baseline": "pain_t0", "visit_1": "pain_t1", "visit_2": "pain_t2"}, [0, 4, 8]),
        ("pain_v2 pain_v1", {"visit_1": "pain_v1", "visit_2": "pain_v2"}, [0, 4]),
        ("pain_3m pain pain_6w", {"baseline": "pain", "week_6": "pain_6w", "month_3": "pain_3m"}, [0, 6, 13]),
    ],
)
def test_visits_side_by_side_are_in_order_of_time(tmp_path, columns, visits, weeks):
    names = columns.split()
    rows = [(n, n % 2, *[n % 7] * len(names), "2024-01-02", "2024-02-02") for n in range(9)]
    header = ",".join(["id", "group", *names, "date_bl", "date_w4"])
    _, study, tables = drafted(tmp_path, "wide", written(tmp_path / "wide.csv", header, rows))
    assert study.export.shape == "patient"
    assert list(study.instruments) == ["pain"]
    assert list(study.instruments["pain"].total.items()) == list(visits.items())
    assert list(study.visits.schedule) == list(visits)
    assert not weeks or [visit.week for visit in study.visits.schedule.values()] == weeks
    assert len(tables["visits"]) == 9 * len(names)


@pytest.mark.parametrize(
    ("ends", "visits"),
    [
        (("base", "end", "fup"), ["baseline", "post", "follow_up"]),
        (("E1_C1", "E2_C1", "E3_C1"), ["e1_c1", "e2_c1", "e3_c1"]),
    ],
)
def test_a_measure_in_front_is_no_visit(tmp_path, ends, visits):
    names = [f"{measure}_{end}" for end in ends for measure in ("nprs", "ndi")]
    rows = [(f"P{n}", "ab"[n % 2], *[n % 7, 10 + n] * 3) for n in range(9)]
    path = written(tmp_path / "front.csv", ",".join(["id", "group", *names]), rows)
    _, study, _ = drafted(tmp_path, "front", path, known={"ndi", "nprs"})
    assert set(study.instruments) == {"nprs", "ndi"}
    assert list(study.visits.schedule) == visits
    assert list(study.instruments["ndi"].total.values()) == names[1::2]


def test_one_value_per_row_is_recognised(tmp_path):
    people = [(f"P{n}", visit) for n in range(9) for visit in ("baseline", "week 4")]
    rows = [(*person, name, 3) for person in people for name in ("nprs", "ndi", "vas")]
    path = written(tmp_path / "long.csv", "patient,visit,measure,value", rows)
    _, study, tables = drafted(tmp_path, "long", path, known={"ndi", "nprs"})
    assert (study.export.shape, study.export.values.name, study.export.values.value) == ("value", ["measure"], "value")
    assert {name: of.total for name, of in study.instruments.items()} == {"ndi": "ndi", "nprs": "nprs", "vas": "vas"}
    assert (len(tables["visits"]), len(tables["outcomes"])) == (18, 54)
    path = written(tmp_path / "named.csv", "patient,visit,what,how much", rows)
    assert drafted(tmp_path, "named", path, known={"ndi"})[1].export.values.name == ["what"]


def test_one_item_per_row_is_recognised(tmp_path):
    people = [(f"P{n}", visit) for n in range(9) for visit in ("a", "b")]
    items = [("ndi", item) for item in range(1, 11)] + [("nprs", "total")]
    path = written(
        tmp_path / "long.csv", "patient,visit,instrument,item,score", [(*p, *item, 3) for p in people for item in items]
    )
    _, study, tables = drafted(tmp_path, "long", path, known={"ndi", "nprs"})
    assert study.export.values.name == ["instrument", "item"]
    assert study.instruments["ndi"].items == [f"ndi {item}" for item in range(1, 11)]
    assert study.instruments["nprs"].total == "nprs total"
    assert len(tables["outcomes"]) == 18 * 11


def test_rows_of_visits_are_not_taken_for_values(tmp_path):
    rows = [(f"P{n}", visit, "left", n % 7) for n in range(9) for visit in ("a", "b")]
    assert drafted(tmp_path, "x", written(tmp_path / "x.csv", "id,visit,test,value", rows))[1].export.shape == "visit"


def test_sheets_of_visits_are_read_and_the_others_named(tmp_path):
    book = xlsxwriter.Workbook(tmp_path / "x.xlsx")
    for name in ("Baseline", "Week 4", "Legend"):
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, ["code", "meaning"] if name == "Legend" else ["id", "pain"])
        for number in range(1, 6):
            sheet.write_row(number, 0, [f"P{number}", number])
    book.close()
    text, study, tables = drafted(tmp_path, "draft", tmp_path / "x.xlsx")
    assert study.export.sheets == ["Baseline", "Week 4"]
    assert "  sheets: [Baseline, Week 4]  # review\n" in text
    assert text.endswith("# Sheets of the workbook that are not read, because their columns differ:\n#   Legend\n")
    assert study.visits.planned.codes == {"Baseline": "baseline", "Week 4": "week_4"}
    assert len(tables["visits"]) == 10


# ---------------------------------------------------------------- REDCap

DICTIONARY = """\
field_name,form_name,field_type,field_label,select_choices_or_calculations,field_note,\
text_validation_type_or_show_slider_number,identifier
record_id,enrolment,text,Record ID,,,,
age,enrolment,text,Age,,,integer,
arm,enrolment,radio,Arm,"0, Usual care | 1, Needling",,,
visit_date,visit,text,Date,,,date_ymd,
pain_nrs,visit,text,Pain now,,,integer,
session_date,treatment,text,Date,,,date_ymd,
session_note,treatment,text,Note,,,,
"""
EVENTS = {"enrolment_arm_1": "Enrolment", "week_4_arm_1": "Week 4"}


def redcap(folder, labels):
    """Write an export of nine patients with sessions repeated in the event of enrolment; return its path."""
    columns = ["record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", "age", "arm"]
    columns += ["enrolment_complete", "visit_date", "pain_nrs", "visit_complete", "session_date", "session_note"]
    columns += ["treatment_complete"]
    if labels:
        columns = ["Record ID", "Event Name", "Repeat Instrument", "Repeat Instance", "Age", "Arm", "Complete?", "Date"]
        columns += ["Pain now", "Complete?", "Date", "Note", "Complete?"]
    rows = []
    for n in range(1, 10):
        arm = ["Usual care", "Needling"][n % 2] if labels else n % 2
        first, last = EVENTS.values() if labels else EVENTS
        done, form = ("Complete", "Treatment") if labels else (2, "treatment")
        rows.append([n, first, "", "", 40 + n, arm, done, f"2024-01-{n:02}", n % 7, done, "", "", ""])
        rows += [[n, first, form, k, "", "", "", "", "", "", f"2024-01-1{k}", "", done] for k in range(1, 5)]
        rows.append([n, last, "", "", "", "", "", f"2024-02-{n:02}", n % 5, done, "", "", ""])
    file = io.StringIO()
    csv.writer(file).writerows([columns, *rows])
    (folder / "records.csv").write_text(file.getvalue())
    (folder / "dictionary.csv").write_text(DICTIONARY)
    return folder / "records.csv"


@pytest.mark.parametrize("labels", [False, True])
def test_repeated_rows_are_no_patients(tmp_path, labels):
    _, study, tables = drafted(tmp_path, "draft", redcap(tmp_path, labels), tmp_path / "dictionary.csv")
    assert study.export.labels == labels
    first = "Enrolment" if labels else "enrolment_arm_1"
    assert study.patients.rows == {"redcap_event_name": [first], "redcap_repeat_instrument": [""]}
    assert len(tables["patients"]) == 9
    assert study.patients.id == "record_id"
    assert study.patients.arm.codes == {"0": "usual_care", "1": "needling"}
    assert study.instruments["pain_nrs"].total == "pain_nrs"
    assert study.events.sessions.columns["date"].source == "session_date"
    assert (len(tables["visits"]), len(tables["sessions"])) == (18, 36)


def test_a_label_export_without_a_dictionary_is_recognised(tmp_path):
    _, study, tables = drafted(tmp_path, "draft", redcap(tmp_path, True))
    assert (study.export.format, study.export.labels) == ("redcap", True)
    assert (study.patients.id, study.visits.date) == ("Record ID", "Date")
    assert study.patients.arm.codes == {"Needling": "needling", "Usual care": "usual_care"}
    assert {"Complete?", "Complete? (2)", "Complete? (3)", "Date (2)"} <= set(read_export(study.export).columns)
    assert (len(tables["patients"]), len(tables["visits"]), len(tables["sessions"])) == (9, 18, 36)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("name", ["my-study", "2024trial", "", "Trial", "../trial"])
def test_a_name_that_no_study_may_have_is_refused(tmp_path, name):
    with pytest.raises(StudyError, match="cannot be a study's name; use small letters"):
        guess_study(name, written(tmp_path / "x.csv", "id,pain", [(1, 2)]))


@pytest.mark.parametrize(
    "row",
    [
        lambda n: (f"P{n:03}", "F", 30 + n, "2024-01-03", "needling", n % 7),
        lambda n: (f"P-{n}", "MF"[n % 2], "Maria", 30 + n),
        lambda n: (f"site {n}", "yes", "left", "dull ache"),
    ],
)
def test_a_file_without_names_of_columns_is_refused_and_not_quoted(tmp_path, row):
    path = tmp_path / "x.csv"
    path.write_text("".join(",".join(map(str, row(n))) + "\n" for n in range(20)))
    with pytest.raises(StudyError, match="look like values, not like names of columns; add a header row") as told:
        guess_study("x", path)
    assert not re.search(r"Maria|P-?0|needling|left|\bF\b", str(told.value).removeprefix(str(path)))


@pytest.mark.parametrize(
    ("header", "group", "place"),
    [
        ("id,visit,pain seen by Dr Maria Garcia,group", "a", r"column 3 \(its name"),
        ("id,visit,pain,group", "Dr Maria Garcia", r"column 'group' \(cells"),
    ],
)
def test_names_of_people_do_not_get_into_the_study_file(tmp_path, monkeypatch, capsys, header, group, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    written(tmp_path / "x.csv", header, [(n, v, n % 7, group if n % 2 else "b") for n in range(9) for v in "uw"])
    assert main(["new", "x", "--from", "x.csv"]) == 1
    said = capsys.readouterr().err
    assert re.search(f"the study file would hold what may name a person, from {place}", said)
    assert "Garcia" not in said
    assert not list((tmp_path / "config").iterdir())
    written(
        tmp_path / "x.csv",
        "id,visit,pain,group",
        [(n, v, n % 7, "a" if n % 2 else "b") for n in range(9) for v in "uw"],
    )
    assert main(["new", "x", "--from", "x.csv"]) == 0
    assert load_study(tmp_path / "config" / "x.yaml").design == "randomised"


def test_names_of_sheets_that_are_not_read_are_looked_at_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    book = xlsxwriter.Workbook("x.xlsx")
    for name, header in (("Baseline", ["id", "pain"]), ("Dr Maria Garcia", ["day", "patients"])):
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, header)
        for number in range(1, 6):
            sheet.write_row(number, 0, [number, number])
    book.close()
    assert main(["new", "x", "--from", "x.xlsx"]) == 1
    said = capsys.readouterr().err
    assert "from the sheet's name (it holds" in said
    assert "Garcia" not in said
    assert not list((tmp_path / "config").iterdir())


@pytest.mark.parametrize(
    ("text", "totals", "values"),
    [
        ("a,b\n1,2\n", {"a": "a", "b": "b"}, "12"),
        ("id;x y;x y 2\n1;a;b\n1;c;d\n", {"id": "id"}, "11"),
        (
            "Ünder,,q1,q2,q3\n,,1,2,3\n,,4,5,6\n",
            {"q": {"baseline": "q1", "follow_up_1": "q2", "follow_up_2": "q3"}},
            "123456",
        ),
        (
            "id,pain .. now,q1 .. x,a\u2028b\n1,2,3,4\n",
            {"pain_now": "pain .. now", "q1_x": "q1 .. x", "ab": "a\u2028b"},
            "234",
        ),
        ('id,"two\nlines",y\n1,2,3\n', {"two_lines": "two\nlines", "y": "y"}, "23"),
    ],
)
def test_odd_exports_give_a_draft_that_loads(tmp_path, text, totals, values):
    (tmp_path / "odd.csv").write_text(text)
    _, study, tables = drafted(tmp_path, "odd", tmp_path / "odd.csv")
    assert list(study.cohorts) == ["everybody"]
    assert {name: one.total for name, one in study.instruments.items()} == totals
    assert tables["outcomes"]["value"].tolist() == list(values)


def test_unknown_ending_is_told(tmp_path):
    with pytest.raises(StudyError, match="the ending does not say the format"):
        guess_study("x", tmp_path / "export.json")
