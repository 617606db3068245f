"""Exports as people have them, drafted and checked: codes, dates, rows and visits are read right, asked about, or told."""

import datetime
from pathlib import Path

import pandas as pd
import pytest
from odd_export import NDI, PAIN, table
from small_export import OwnCodes

from needling.clean.cleaning import clean
from needling.cli import main
from needling.plan import load_study
from needling.read.canonical import to_canonical
from needling.read.export import read_export

# ---------------------------------------------------------------- dates and letters


def test_times_of_the_day_are_measurements_of_their_own(checked):
    """A diary of mornings and evenings lost each evening that repeated its morning."""
    days = [datetime.date(2024, 3, 1) + datetime.timedelta(n) for n in range(8)]
    rows = [
        (f"P{p:02}", f"{day} {hour}", 4, "ab"[p % 2]) for p in range(6) for day in days for hour in ("08:00", "20:00")
    ]
    said, values = checked(pd.DataFrame(rows, columns=["id", "date", "nprs", "arm"]))
    assert "visits      96    96          0" in said
    assert values["nprs"] == [4] * 96
    again = [(*row[:1], row[1].replace("20:00", "00:00:00Z").replace(" 08:00", ""), *row[2:]) for row in rows]
    said, _ = checked(pd.DataFrame(again, columns=["id", "date", "nprs", "arm"]))
    assert "48 of 96 rows of visits are taken out: the same visit entered twice (48)." in said, "midnight is no time"


def test_dates_without_marks_are_drafted(checked):
    said, values = checked(table(date=table()["date"].str.replace("-", "")))
    assert "No column of the export is left unread" in said
    assert values["nprs"] == PAIN


def test_dates_that_cannot_be_used_are_said_first(checked):
    said, _ = checked(table(date=table()["date"].str.replace("2024", "2567")))
    assert "Likely wrong\n  - visits.date: 48 of 48 filled cells give no date: not a date (48)." in said


def test_days_as_a_spreadsheet_counts_them_are_drafted_as_dates(checked):
    said, values = checked(table(date=[45123 + 28 * (n % 2) for n in range(48)]), ("  date: date", "  date: date"))
    assert "No column of the export is left unread" in said
    assert "dates" not in said
    assert values["nprs"] == PAIN


def test_dates_and_days_in_one_column_are_drafted_as_dates(checked):
    dates = list(table()["date"])
    _, values = checked(
        table(date=[45352 + 28 * (n % 2) if n > 20 else dates[n] for n in range(48)]), ("  date: date", "  date: date")
    )
    assert values["nprs"] == PAIN


def test_days_counted_from_1960_are_not_taken_for_dates(checked):
    """23208 is 2023-07-17 in SAS and Stata, and would be 1963 in a spreadsheet."""
    export = table(date=[23208 + 28 * (n % 2) for n in range(48)])
    said, _ = checked(export, ("visits:", "visits:\n  date: date"))
    assert "48  asked of the clinic  dates" in said


def test_an_old_encoding_is_drafted_with_the_letters_it_gives(checked):
    group = [["Übung", "Schröpfen"][n // 2 % 2] for n in range(48)]
    for encoding in ("mac_roman", "cp1252"):
        export = table(group=group).to_csv(index=False).encode(encoding)
        said, values = checked(export, (f"  encoding: {encoding}  # review", f"  encoding: {encoding}"))
        assert values.get("nprs") == PAIN, said


# ---------------------------------------------------------------- codes


def test_a_code_for_missing_is_no_arm(checked):
    said, values = checked(
        table(group=[9 if n // 2 == 5 else 1 + n // 2 % 2 for n in range(48)]),
        ("{'1': code_1, '2': code_2}", "{1: a, 2: b}"),
        ("reference: code_1", "reference: a"),
    )
    assert "patients    24    23          1" in said
    assert len(values["nprs"]) == 46


def test_spellings_of_an_arm_are_drafted_as_one_and_signs_as_two(checked):
    spelled = [["Needling", "Sham", "SHAM ", "sham"][n // 2 % 4] for n in range(48)]
    said, values = checked(table(group=spelled))
    assert "patients    24    24          0" in said
    assert len(values["nprs"]) == 48
    signs = table(group=[["DN+", "DN-"][n // 2 % 2] for n in range(48)])
    said, _ = checked(signs, ("{DN+: dn_plus, DN-: dn_minus}", "{DN+: dn_plus, DN-: dn_minus}"))
    assert "./run" in said


def test_a_group_called_none_is_noted_and_can_be_listed(checked):
    export = table(group=[["Needling", "none"][n // 2 % 2] for n in range(48)])
    note = "'group' holds one group and 'none', which is taken for missing; if that is an arm, write patients.arm"
    listed = "  arm: {from: group, codes: {Needling: needling, none: control}, reference: control}\n"
    said, _ = checked(
        export, (note, note), ("design: single_arm", "design: randomised"), ("  id: id", f"{listed}  id: id")
    )
    assert "patients    24    24          0" in said


def test_an_arm_that_nobody_is_of_at_the_primary_visit_is_said_first(checked):
    export = table()
    said, _ = checked(export[(export["group"] != "Sham") | (export["visit"] == "Baseline")])
    assert "Likely wrong\n  - visits.primary: nobody of the arm 'sham' was seen at the visit 'week_4'" in said
    assert "./run" not in said


def test_a_code_for_missing_far_above_the_others_is_asked_about_though_it_is_rare(checked):
    said, _ = checked(table(ndi=[99 if n % 9 == 0 else 2 + 4 * (n % 16) for n in range(48)]))
    assert "holds 99 (6 times), usual codes for missing" in said
    said, _ = checked(table(ndi=[99 if n % 9 == 0 else 66 + 2 * (n % 16) for n in range(48)]))
    assert "./run" in said, "others are near it"


def test_a_single_number_below_zero_is_a_code_and_no_range_of_its_own(checked):
    """A draft with a range of its own for an instrument of the registry did not pass check."""
    said, _ = checked(table(pcs=[-1 if n % 9 == 0 else 2 + n for n in range(48)]))
    assert "column 'pcs': 48 values from -1 to 49" in said
    assert "6 of them are outside the range of" in said
    assert "export.missing if they are codes" in said


def test_a_code_for_missing_within_the_range_is_asked_about(checked):
    with_codes = [99 if n % 4 == 0 else value for n, value in enumerate(NDI)]
    assert "column 'ndi': holds 99 (12 times), usual codes for missing" in checked(table(ndi=with_codes))[0]
    assert checked(table(ndi=[99, *NDI[1:]]))[1]["ndi"][0] == 99


def test_arms_and_levels_written_as_1_and_1_0_are_one(checked):
    group = [f"{n // 2 % 2}{'.0' if n > 20 else ''}" for n in range(48)]
    _, values = checked(table(group=group), ("codes: {'0': code_0, '1': code_1}", "codes: {'0': code_0, '1': code_1}"))
    assert values["nprs"] == PAIN


def test_codes_that_lost_their_noughts_are_said_first(checked):
    ids = [f"{n // 2 + 1:03}" if n % 2 == 0 else str(n // 2 + 1) for n in range(48)]
    said, _ = checked(table(id=ids))
    assert (
        "Likely wrong\n  - patients.id: 48 of 48 codes of patients differ from another one by case, marks or noughts in front"
        in said
    )
    assert "./run" not in said


@pytest.mark.parametrize(("old", "new"), [("P", "p"), ("P", "P-"), ("P0", "P 0")])
def test_codes_written_otherwise_at_another_visit_are_said_first(checked, old, new):
    ids = [code.replace(old, new) if n % 2 else code for n, code in enumerate(table()["id"])]
    assert "48 of 48 codes of patients differ" in checked(table(id=ids))[0]


def test_numbers_of_clinic_and_patient_are_not_run_together(checked):
    parts = [(site, n) for site in (1, 11, 111) for n in (1, 11, 111, 2, 12, 112, 3, 13)]
    said, _ = checked(table(id=[f"{parts[n // 2][0]}-{parts[n // 2][1]}" for n in range(48)]))
    assert "./run" in said


def test_a_level_without_anybody_a_future_date_and_a_visit_of_noughts_are_said(checked):
    sex = ["fm"[n // 2 % 2] for n in range(48)]
    dates = [*table()["date"][:-1], "2093-03-01"]
    said, _ = checked(
        table(sex=sex, ndi=[0 if n % 2 else v for n, v in enumerate(NDI)], date=dates),
        ("{f: f, m: m}", "{f: f, m: m, x: other}"),
    )
    assert "patients.covariates.sex: nobody is 'other'" in said
    assert "visits.date: 1 row of the export hold a date after the day on which it was written" in said
    assert "instruments.ndi: all 24 values at the visit 'week_4' are 0" in said


def test_cells_of_an_outcome_that_give_no_value_are_said_first(checked):
    said, _ = checked(
        table(ndi=[f"({v})" if n % 3 == 0 else str(v) for n, v in enumerate(NDI)]), ("instruments:", "instruments:")
    )
    written = table(nprs=[f"{v}" if n % 3 else "low" for n, v in enumerate(PAIN)])
    said, _ = checked(written, ("  ndi: {total: ndi}", "  ndi: {total: ndi}\n  nprs: {total: nprs}"))
    assert "instruments.nprs: 16 of 48 filled cells give no value: not a number (16)." in said


def test_facts_that_most_patients_lose_are_said_first(checked):
    said, _ = checked(table(height=[1.70 if n // 2 % 2 else 172 for n in range(48)]))
    assert "patients, column 'height': 12 of 24 filled cells give no value: impossible: outside 50 to 250 (12)." in said


# ---------------------------------------------------------------- rows that are no data


def test_names_again_sums_and_remarks_are_left_out_and_told(checked):
    lines = table().to_csv(index=False).splitlines()
    text = [
        *lines[:20],
        lines[0],
        *lines[20:],
        "Mean,,,,5.1,40",
        "SD,,,,2.2,12",
        "Printed by the system on Monday,,,,,",
    ]
    said, values = checked("\n".join(text) + "\n")
    assert values == {"nprs": PAIN, "ndi": NDI}
    assert "line 21 (6 cells): the names of the columns again, left out" in said
    assert "line 51 (3 cells): a row that sums up those above it, left out" in said
    assert "line 52 (3 cells): a row that sums up those above it, left out" in said
    assert "line 53 (1 cells): a remark below the table, left out" in said


def test_a_table_below_the_table_is_left_out_and_told(checked):
    text = table().to_csv(index=False) + ",,,,,\ngroup,n,mean,,,\nNeedling,12,4.5,,,\nSham,12,5.5,,,\n"
    said, values = checked(text)
    assert values == {"nprs": PAIN, "ndi": NDI}
    assert said.count("a row of another table below this one, left out") == 3


def test_the_last_rows_of_people_are_data(checked):
    text = (
        table().to_csv(index=False)
        + "P025,Baseline,2024-03-01,Sham,,\nP025,Week 4,,,,\nn,Baseline,2024-03-01,Sham,4,20\n"
    )
    said, values = checked(text)
    assert "left out" not in said
    assert values["nprs"] == [*PAIN, 4]


# ---------------------------------------------------------------- visits


def test_spellings_of_one_week_are_one_visit(checked):
    visits = list(table()["visit"])
    visits[1], visits[5] = "Wk 4", "week4"
    said, _ = checked(table(visit=visits))
    assert "Pain            24    24" in said


def test_events_of_the_arms_of_a_project_are_the_same_visits(checked):
    events = [f"{visit}_arm_{n // 2 % 2 + 1}" for n in range(48) for visit in [["baseline", "week_4"][n % 2]]]
    export = table(visit=None, date=None, record_id=table()["id"], id=None, redcap_event_name=events, pain_complete=2)
    said, values = checked(export)
    assert "24      24" in said
    assert "complete (48" in said
    assert {*values} == {"nprs", "ndi"}


def test_derived_rows_of_an_analysis_data_set_are_asked_about(checked):
    rows = [
        {
            "USUBJID": f"X-{n:03}",
            "TRT01P": ["Needling", "Sham"][n % 2],
            "AVISIT": visit,
            "PARAMCD": name,
            "AVAL": 3 + n % 6,
            "DTYPE": kind,
        }
        for n in range(24)
        for visit in ("Baseline", "Week 4")
        for name in ("NPRS", "PSFS")
        for kind in (["", "LOCF"] if visit == "Week 4" and n % 4 == 0 else [""])
    ]
    said, _ = checked(pd.DataFrame(rows))
    assert (
        "12 of 108 rows of outcomes are the second of a value and differ from the first in what is not read: 'DTYPE'"
        in said
    )


def test_weeks_before_day_0_keep_their_sign(checked):
    weeks = [[-2, 0, 2][n % 3] for n in range(48)]
    ids = [f"P{n // 3 + 1:03}" for n in range(48)]
    arms = ["ab"[n // 3 % 2] for n in range(48)]
    for visits in ({"week": weeks, "visit": None}, {"visit": [f"Week {week}" for week in weeks]}):
        said, _ = checked(
            table(id=ids, group=arms, date=None, **visits),
            ("week_2: {label: Week 2, week: 2}", "week_2: {label: Week 2, week: 2}"),
        )
        assert "Week 0  Week 2" in said
        assert "16      16" in said


def test_hours_and_minutes_of_visits_are_drafted_as_such(checked):
    visits = [["Baseline", "30 min", "24 h", "Day 3"][n % 4] for n in range(48)]
    export = table(
        visit=visits,
        id=[f"P{n // 4 + 1:03}" for n in range(48)],
        date=None,
        group=["ab"[n // 4 % 2] for n in range(48)],
    )
    told = (
        ("label: 24 h, hours: 24}", "label: 24 h, hours: 24}"),
        ("label: 30 min, hours: 0.5}", "label: 30 min, hours: 0.5}"),
    )
    assert "12      12    12     12" in checked(export, *told)[0]


def test_instances_of_the_only_repeated_event_are_visits(checked):
    head = "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,arm,nprs\n"
    text = head + "".join(
        f"{p},enrolment_arm_1,,,{p % 2},\n" + "".join(f"{p},visit_arm_1,,{k},,{(p + k) % 9}\n" for k in (1, 2, 3))
        for p in range(1, 25)
    )
    said, values = checked(text)
    assert "If this is as it should be" in said
    assert values["nprs"] == [(p + k) % 9 for p in range(1, 25) for k in (1, 2, 3)]


def test_a_column_to_be_dropped_that_is_not_there_is_told(checked):
    said, _ = checked(table(notes="x"), ("disclosure:", "privacy: {drop: [note]}\ndisclosure:"))
    assert "x.csv: privacy.drop names the column 'note', which is not there; did you mean 'notes'? Mend it." in said


# ---------------------------------------------------------------- guesses of the arm side by side

GUESSED = pd.DataFrame(
    {
        "id": [f"A{n}" for n in range(12)],
        "arm": ["dn", "sham"] * 6,
        **{f"nprs_{time}": [(n + len(time)) % 9 for n in range(12)] for time in ("baseline", "w4", "w12")},
        "guess_w4": ["dn", "sham", "unsure"] * 4,
        "guess_w12": ["dn", None, "sham", None] * 3,
    }
)


def test_guesses_at_several_times_are_drafted_and_become_a_row_each(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()
    GUESSED.to_csv("x.csv", index=False)
    assert main(["new", "s", "--from", "x.csv"]) == 0
    study = load_study(Path("config/s.yaml"))
    assert study.events.guesses.times == {"w4": {"guess": "guess_w4"}, "w12": {"guess": "guess_w12"}}
    blinding = study.analyses["blinding"]
    assert (blinding.kind, blinding.guesses, blinding.unknown) == ("blinding", {"dn": "dn", "sham": "sham"}, ["unsure"])
    found = clean(to_canonical(read_export(study.export), study), study, OwnCodes()).tables["guesses"]
    told = found.set_index(["patient", "time"])["guess"].to_dict()
    expected = {(f"p.A{n}", "w4"): ["dn", "sham", "unsure"][n % 3] for n in range(12)}
    assert told == expected | {(f"p.A{n}", "w12"): ["dn", "sham"][n // 2 % 2] for n in range(0, 12, 2)}
    for name in ("s", "config/s.yaml"):  # the path of the file is taken for the study's name
        assert main(["check", name]) == 0
        assert "guesses     18    18" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ("{w4: {belief: guess_w4}}", "times.w4: 'belief' is not among its columns"),
        ("{w4: {}}", "times.w4: it names no column"),
        (
            "{w4: {guess: guess_w3}}",
            "the column 'guess_w3' that the study file names in events.guesses.times.w4.guess is not there",
        ),
    ],
)
def test_times_that_cannot_be_meant_are_told(tmp_path, monkeypatch, capsys, times, said):
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()
    GUESSED.to_csv("x.csv", index=False)
    main(["new", "s", "--from", "x.csv"])
    path = Path("config/s.yaml")
    words = path.read_text(encoding="utf-8")
    start, end = words.index("    times:"), words.index("    columns:\n      guess:")
    path.write_text(f"{words[:start]}    times: {times}\n{words[end:]}", encoding="utf-8")
    assert main(["check", "s"]) == 1
    assert said in capsys.readouterr().err
