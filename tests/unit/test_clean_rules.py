"""Each cleaning rule on a small export: what it finds, what it does, and what it leaves alone."""

import numpy as np
import pandas as pd
import pytest
from small_export import PLAN, cleaned, notes, outcome, tables, value

from needling.clean.rules import RULES
from needling.study.keys import StudyError


def test_a_clean_export_is_left_alone():
    result = cleaned(tables())
    assert result.audit.empty, result.audit
    assert result.quarantine.empty
    patients, visits = result.tables["patients"], result.tables["visits"]
    assert patients["patient"].iloc[0] == "p.P-001"
    assert set(patients["cohort"]) == {"neck", "back"}
    assert patients["age"].dtype == float
    assert list(visits["visit"][:2]) == ["baseline", "week_4"]
    assert list(visits["day"][:2]) == [-5, 29]
    assert list(visits["before_treatment"][:2]) == [True, False]
    assert (visits["clinic"] == visits["patient"].map(patients.set_index("patient")["clinic"])).all()
    assert list(result.tables["sessions"]["day"][:2]) == [5, 12]


def test_empty_tables_are_cleaned_too():
    for name in ("visits", "sessions"):
        found = tables()
        found[name] = found[name].iloc[:0]
        assert len(cleaned(found).tables[name]) == 0
    found = {key: table if key == "sources" else table.iloc[:0] for key, table in tables().items()}
    assert all(len(table) == 0 for table in cleaned(found).tables.values())


def test_rules_have_an_id_a_version_and_a_sentence():
    for name, rule in RULES.items():
        assert name == rule.id
        assert rule.version >= 1
        assert rule.sentence.endswith(".")


# ---------------------------------------------------------------- rows: twice, unknown, outside


def again(table: pd.DataFrame, row: int, **changes) -> pd.DataFrame:
    copy = table[table["row"] == row].assign(row=len(table), line=900, **changes)
    return pd.concat([table, copy], ignore_index=True)


def test_a_visit_entered_twice_alike_is_dropped_with_its_values():
    found = tables()
    found["visits"] = again(found["visits"], 0)
    found["outcomes"] = copied_values(found)
    result = cleaned(found)
    assert set(result.audit["action"]) == {"dropped"}
    assert len(result.tables["visits"]) == 48


def copied_values(found):
    copied = found["outcomes"][found["outcomes"]["visit_row"] == 0].assign(visit_row=48)
    copied["row"] = range(len(found["outcomes"]), len(found["outcomes"]) + len(copied))
    return pd.concat([found["outcomes"], copied], ignore_index=True)


def test_a_visit_that_repeats_the_values_of_the_day_before_is_not_dropped_but_asked_about():
    found = tables()
    found["visits"] = again(found["visits"], 0, date="2024-03-11")
    found["outcomes"] = copied_values(found)
    result = cleaned(found)
    assert set(result.audit["action"]) == {"quarantined", "query"}
    assert ("query", "visits", 900, "visit_date") in notes(result, "duplicates")
    assert len(result.tables["visits"]) == 48


def test_a_row_that_differs_in_an_unread_column_is_not_dropped_but_asked_about_by_the_columns_name():
    found = tables()
    found["visits"] = again(found["visits"], 0)
    found["outcomes"] = copied_values(found)
    place = {"row": [0], "file": ["export.csv"], "sheet": [""], "line": [900]}
    found["alike"] = pd.DataFrame(place | {"table": ["visits"], "differs_in": ['["side", "rater"]']})
    result = cleaned(found)
    assert set(result.audit["action"]) == {"quarantined", "query"}
    assert (
        result.audit.loc[result.audit["table"] == "visits", "reason"]
        .str.contains("not read (side, rater)", regex=False)
        .all()
    )


def test_of_two_entries_that_differ_the_first_is_kept_and_both_are_queried():
    found = tables()
    found["visits"] = again(found["visits"], 0)
    copied = found["outcomes"][outcome(found, 0, "nprs")].assign(visit_row=48, value="9", row=len(found["outcomes"]))
    found["outcomes"] = pd.concat([found["outcomes"], copied], ignore_index=True)
    result = cleaned(found)
    assert ("query", "visits", 100, "event") in notes(result, "duplicates")
    assert ("query", "visits", 900, "event") in notes(result, "duplicates")
    assert 48 not in set(result.tables["visits"]["row"])
    assert value(result, found, 0, "nprs") == 5


def test_of_two_visits_of_one_name_on_different_days_one_is_unscheduled():
    found = tables()
    found["visits"] = again(found["visits"], 1, date="2024-04-16")  # day 32, the middle of its window
    copied = found["outcomes"][outcome(found, 1, "nprs")].assign(visit_row=48, value="9", row=len(found["outcomes"]))
    found["outcomes"] = pd.concat([found["outcomes"], copied], ignore_index=True)
    result = cleaned(found)
    named = result.tables["visits"].set_index("row")["visit"]
    assert named[48] == "week_4"
    assert named[1] == "unscheduled"
    assert result.quarantine.empty


def test_sessions_twice():
    found = tables()
    found["sessions"] = again(found["sessions"], 0)
    found["sessions"] = again(found["sessions"], 2, date="2024-03-21")
    found["sessions"] = again(found["sessions"], 4, pain_before="9")
    result = cleaned(found)
    actions = result.audit[result.audit["table"] == "sessions"].groupby("action").size()
    assert actions.to_dict() == {"dropped": 1, "quarantined": 2, "query": 3}


def test_sessions_of_the_morning_and_of_the_evening_are_two():
    found = tables()
    rows = found["sessions"]
    twin = rows.iloc[[0]].assign(row=len(rows), line=999)
    for dated, kept in (("2024-03-20 17:30", 1), ("2024-03-20 00:00", 0)):
        both = pd.concat([rows, twin.assign(date=dated)], ignore_index=True)
        both.loc[[0, len(both) - 1], "session"] = None
        result = cleaned(found | {"sessions": both})
        assert len(result.tables["sessions"]) == len(rows) + kept


def test_a_value_twice_at_one_visit():
    found = tables()
    found["outcomes"] = again(found["outcomes"], 0)
    found["outcomes"] = again(found["outcomes"], 0, value="9")
    result = cleaned(found)
    assert sorted(result.audit["action"]) == ["dropped", "quarantined", "query", "query"]
    assert value(result, found, 0, "nprs") == 5


def test_a_patient_on_two_rows_is_one_and_a_fact_that_differs_is_missing():
    found = tables()
    found["patients"] = again(found["patients"], 0, sex="2", age="31")
    result = cleaned(found)
    first = result.tables["patients"].iloc[0]
    assert pd.isna(first["sex"])
    assert first["age"] == 30  # a birthday between two rows is no contradiction
    assert len(result.tables["visits"]) == 48
    assert {action for action, *_ in notes(result, "conflicting_facts")} == {"query"}


def test_a_patient_with_two_arms_is_quarantined():
    found = tables()
    found["patients"] = again(found["patients"], 0, arm="2")
    result = cleaned(found)
    assert "more than one arm" in set(result.quarantine["reason"])
    assert "p.P-001" not in set(result.tables["visits"]["patient"])


def test_conflicts_that_the_reader_found_count_as_well():
    found = tables()
    found["patient_conflicts"] = pd.DataFrame(
        {"row": [0], "file": ["export.csv"], "sheet": [""], "line": [3], "patient": ["P-001"], "column": ["sex"]}
        | {"source": ["sex"], "value": ["2"], "taken": ["1"]}
    ).astype({"file": "str", "patient": "str", "value": "str", "taken": "str"})
    result = cleaned(found)
    assert pd.isna(result.tables["patients"]["sex"].iloc[0])
    assert notes(result, "conflicting_facts") == [
        ("query", "patient_conflicts", 3, "sex"),
        ("query", "patients", 2, "sex"),
    ]


def later(found, column, *values):
    """What later lines give for the first patient; the reader took the patient's own cell."""
    rows = [{"line": 200 + place, "patient": "P-001", "column": column, "value": v} for place, v in enumerate(values)]
    taken = found["patients"][column][0]
    table = pd.DataFrame(rows).assign(file="export.csv", sheet="", source=column, taken=taken)
    return found | {"patient_conflicts": table.assign(row=range(len(rows)))}


def test_an_impossible_value_contradicts_nothing():
    result = cleaned(later(tables(), "age", "5116", "31"))
    assert result.tables["patients"]["age"].iloc[0] == 30
    assert notes(result, "conflicting_facts") == [("missing", "patient_conflicts", 200, "age")]


def test_the_first_usable_value_stands_in_for_an_impossible_one():
    found = tables()
    found["patients"].loc[0, "age"] = "593"
    result = cleaned(later(found, "age", "41", "41"))
    assert result.tables["patients"]["age"].iloc[0] == 41
    assert notes(result, "ranges") == [("missing", "patients", 2, "age")]


@pytest.mark.parametrize("given", [["NA", "NA"], ["see chart"], ["999"]])
def test_what_cannot_be_used_contradicts_nothing_without_a_range_either(given):
    found = later(tables(), "age", *given)
    covariates = {"bmi": {"from": "age"}}
    found["patients"] = found["patients"].rename(columns={"age": "bmi"})
    found["patient_conflicts"]["column"] = "bmi"
    result = cleaned(found, patients={**PLAN["patients"], "covariates": covariates})
    assert result.tables["patients"]["bmi"].iloc[0] == 30
    assert {action for action, *_ in notes(result, "conflicting_facts")} == {"missing"}


def test_a_later_line_stands_in_for_an_arm_that_is_not_known_at_first():
    found = tables()
    arm = found["patients"]["arm"][0]
    found["patients"].loc[0, "arm"] = "NA"
    result = cleaned(later(found, "arm", arm))
    assert result.tables["patients"]["arm"].iloc[0] == {"1": "usual_care", "2": "dry_needling"}[arm]
    assert result.quarantine.empty


def test_spellings_of_one_code_are_no_conflict():
    result = cleaned(later(tables(), "sex", "female"))
    assert result.tables["patients"]["sex"].iloc[0] == "female"
    assert notes(result, "conflicting_facts") == []


def test_a_second_clinic_is_queried_and_the_first_stays():
    result = cleaned(later(tables(), "clinic", "b"))
    assert result.tables["patients"]["clinic"].iloc[0] == "c.a"
    assert notes(result, "conflicting_facts") == [
        ("query", "patient_conflicts", 200, "site"),
        ("query", "patients", 2, "site"),
    ]


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        ("2024-03-01", "dated before an earlier visit of the schedule"),
        ("2024-03-10", "on the same day as an earlier visit of the schedule"),
    ],
)
def test_visits_that_contradict_the_schedule_are_queried(date, reason):
    found = tables()
    found["visits"].loc[1, "date"] = date
    result = cleaned(found)
    assert notes(result, "visit_order") == [("query", "visits", 101, "visit_date")]
    assert set(result.audit.loc[result.audit["rule"] == "visit_order", "reason"]) == {reason}
    assert len(result.tables["visits"]) == len(found["visits"])


def test_reasons_that_the_format_gives_are_in_the_audit():
    found = tables()
    found["patients"].loc[1, "age"] = None
    found["declared_missing"] = pd.DataFrame(
        {"table": ["patients"], "column": ["age"], "row": [1], "reason": ["refused"]}
    )
    result = cleaned(found)
    assert notes(result, "missing_codes") == [("missing", "patients", int(found["patients"]["line"][1]), "age")]
    assert set(result.audit["reason"]) == {"declared missing: refused"}


@pytest.mark.parametrize("typed", ["P-0011", "p-001", "P_001", "P-010"])
def test_a_mistyped_code_is_queried_never_merged(typed):
    found = tables()
    keep = found["patients"]["patient"] != "P-010"  # so that P-010 is unknown and one exchange away from P-001
    gone = set(found["patients"].loc[~keep, "patient"])
    for name in ("patients", "visits", "sessions", "needling"):
        mine = ~found[name]["patient"].isin(gone)
        if name == "visits":
            lost = set(found[name].loc[~mine, "row"])
            found["outcomes"] = found["outcomes"][~found["outcomes"]["visit_row"].isin(lost)]
        found[name] = found[name][mine]
    found["sessions"].loc[0, "patient"] = typed
    result = cleaned(found)
    assert notes(result, "unknown_patients") == [
        ("quarantined", "sessions", 300, "(whole row)"),
        ("query", "sessions", 300, "id"),
    ]
    assert typed not in set(result.audit["old"].dropna())


def test_codes_written_otherwise_are_queried():
    found = tables()
    found["patients"].loc[0, "clinic"] = "A"
    result = cleaned(found)
    assert notes(result, "similar_codes") == [("query", "patients", 2, "site")]
    assert result.tables["patients"]["clinic"].iloc[0] == "c.A"


def test_sessions_outside_the_study_are_quarantined():
    found = tables()
    found["sessions"].loc[[0, 1], "date"] = ["2024-02-01", "2024-07-01"]
    result = cleaned(found)
    reasons = result.quarantine.set_index(["table", "row"])["reason"]
    assert reasons[("sessions", 0)] == "dated before day 0"
    assert reasons[("sessions", 1)] == "dated after the patient's exit"


def test_a_baseline_after_the_first_session_is_none():
    found = tables()
    found["visits"].loc[0, "date"] = "2024-03-22"
    result = cleaned(found)
    assert result.tables["visits"]["visit"].iloc[0] == "unscheduled"
    assert notes(result, "baseline_after_treatment") == [("corrected", "visits", 100, "visit_date")]
    found["visits"].loc[0, "date"] = "2024-03-20"  # the same day is early enough
    assert cleaned(found).tables["visits"]["visit"].iloc[0] == "baseline"


def test_visits_without_names_are_named_by_their_windows():
    found = tables()
    found["visits"]["planned"] = None
    found["visits"] = again(found["visits"], 1, date="2024-04-16")  # day 32 is the middle; 29 is farther
    visits = {**PLAN["visits"], "planned": None}
    result = cleaned(found, visits=visits)
    named = result.tables["visits"].set_index("row")["visit"]
    assert named[48] == "week_4"
    assert named[1] == "unscheduled"
    assert notes(result, "visit_windows") == [("flagged", "visits", 101, "visit_date")]


def test_people_who_were_not_enrolled_are_counted_by_reason():
    found = tables()
    found["patients"]["excluded"] = [None] * 23 + ["2"]
    patients = {**PLAN["patients"], "excluded": {"from": "why_not", "codes": {1: "not eligible", 2: "declined"}}}
    result = cleaned(found, patients=patients)
    assert "screened, not enrolled: declined" in set(result.quarantine["reason"])


# ---------------------------------------------------------------- scales and units


def test_a_clinic_that_rates_0_to_100_is_divided_by_ten_and_a_stray_value_is_not():
    found = tables()
    in_b = found["visits"]["patient"].str[-1].isin(list("02468"))
    rows = set(found["visits"].loc[in_b, "row"])
    mine = found["outcomes"]["visit_row"].isin(rows) & (found["outcomes"]["instrument"] == "nprs")
    found["outcomes"].loc[mine, "value"] = found["outcomes"].loc[mine, "value"] + "0"
    found["outcomes"].loc[outcome(found, 0, "nprs"), "value"] = "55"
    result = cleaned(found)
    assert value(result, found, 2, "nprs") == 6
    assert np.isnan(value(result, found, 0, "nprs"))
    assert ("query", "outcomes", 100, "nprs") in notes(result, "scale_by_ten")


def test_a_patient_who_rates_0_to_100_in_the_sessions():
    found = tables()
    found["sessions"].loc[[0, 1], "pain_before"] = ["40", "30"]
    result = cleaned(found)
    assert list(result.tables["sessions"]["pain_before"][:2]) == [4, 3]


def test_stated_units_are_converted():
    found = tables()
    units = {"kgf/cm2": 98.07, "N/cm2": 10.0, "LBF/cm²": 44.48}
    for visit_row, unit in enumerate(units):
        found["outcomes"].loc[outcome(found, visit_row, "ppt", "1"), ["value", "unit"]] = ["2.5", unit]
    result = cleaned(found)
    for visit_row, factor in enumerate(units.values()):
        assert value(result, found, visit_row, "ppt", "1") == pytest.approx(2.5 * factor)
    assert notes(result, "units") == [("corrected", "outcomes", 100 + row, "ppt_1") for row in range(3)]


def test_a_clinic_at_another_units_level_is_converted_and_a_stray_value_held_back():
    found = tables()
    found["outcomes"]["unit"] = None
    clinics = list("abcd")
    found["patients"]["clinic"] = [clinics[number // 6] for number in range(24)]  # both arms in each
    patient = found["visits"]["patient"].reindex(found["outcomes"]["visit_row"]).to_numpy()
    in_d = pd.Series(patient).map(found["patients"].set_index("patient")["clinic"]).to_numpy() == "d"
    mine = in_d & (found["outcomes"]["instrument"] == "ppt").to_numpy()
    kilograms = found["outcomes"].loc[mine, "value"].astype(float) / 98.07
    found["outcomes"].loc[mine, "value"] = kilograms.round(2).astype("str")
    found["outcomes"].loc[outcome(found, 0, "ppt", "2"), "value"] = "2.4"
    result = cleaned(found)
    restored = result.tables["outcomes"].set_index("row")["value"][found["outcomes"].loc[mine, "row"]]
    assert np.allclose(restored, kilograms * 98.07, atol=0.6)
    assert np.isnan(value(result, found, 0, "ppt", "2"))
    assert ("query", "outcomes", 100, "ppt_2") in notes(result, "units")


def test_items_win_over_totals():
    found = tables()
    right = value(cleaned(found), found, 0, "ndi")
    found["outcomes"].loc[outcome(found, 0, "ndi"), "value"] = str(right + 8)
    found["outcomes"].loc[outcome(found, 1, "ndi"), "value"] = str(value(cleaned(found), found, 1, "ndi") / 2)
    result = cleaned(found)
    assert value(result, found, 0, "ndi") == right
    reasons = result.audit[result.audit["rule"] == "totals"].set_index("line")["reason"]
    assert reasons.to_dict() == {100: "total differs from its items", 101: "total on the raw scale"}


@pytest.mark.parametrize(("off", "kept"), [(0.5, True), (-0.5, True), (0.6, False), (-0.6, False)])
def test_a_total_may_be_off_by_a_rounding_and_no_more(off, kept):
    found = tables()
    right = value(cleaned(found), found, 0, "ndi")
    found["outcomes"].loc[outcome(found, 0, "ndi"), "value"] = str(right + off)
    result = cleaned(found)
    assert value(result, found, 0, "ndi") == (right + off if kept else right)
    assert len(notes(result, "totals")) == (0 if kept else 1)


def test_a_total_that_missing_items_allow_is_left_alone():
    found = tables()
    found["outcomes"].loc[outcome(found, 0, "ndi", "1"), "value"] = None
    assert cleaned(found).audit.empty
    found["outcomes"].loc[outcome(found, 0, "ndi"), "value"] = "99"
    assert notes(cleaned(found), "totals") == [("corrected", "outcomes", 100, "ndi_total")]


def test_missing_with_another_instrument():
    found = tables()
    found["outcomes"] = found["outcomes"][~outcome(found, 0, "ndi", "total")]
    cells = (found["outcomes"]["instrument"] == "nprs") & (found["outcomes"]["visit_row"] == 0)
    found["outcomes"].loc[cells, "value"] = None
    instruments = {**PLAN["instruments"], "ndi": {**PLAN["instruments"]["ndi"], "missing_with": "nprs"}}
    result = cleaned(found, instruments=instruments)
    assert len(notes(result, "missing_with")) == 10
    assert np.isnan(value(result, found, 0, "ndi", "1"))


# ---------------------------------------------------------------- patterns: they only ask


def test_needling_in_an_arm_without_needling_is_flagged_and_nobody_is_moved():
    found = tables()
    found["needling"] = again(found["needling"], 0, patient="P-001")
    result = cleaned(found)
    assert notes(result, "as_treated") == [("flagged", "needling", 900, "muscle")]
    assert result.tables["patients"]["arm"].iloc[0] == "usual_care"


def test_the_other_side_is_queried():
    found = tables()
    found["needling"].loc[0, "side"] = "2"
    assert notes(cleaned(found), "sides") == [("query", "needling", 400, "n_side")]


def test_straight_lines_and_copies_are_flagged():
    found = tables()
    table = found["outcomes"]
    items = (table["instrument"] == "ndi") & (table["item"] != "total")
    table.loc[items & (table["visit_row"] == 0), "value"] = "3"
    table.loc[outcome(found, 0, "ndi"), "value"] = "60"
    table.loc[items & (table["visit_row"] == 3), "value"] = table.loc[
        items & (table["visit_row"] == 2), "value"
    ].to_numpy()
    table.loc[outcome(found, 3, "ndi"), "value"] = table.loc[outcome(found, 2, "ndi"), "value"].to_numpy()
    assert notes(cleaned(found), "answer_patterns") == [
        ("flagged", "outcomes", 100, "ndi_1"),
        ("flagged", "outcomes", 103, "ndi_1"),
    ]


def test_exchanged_digits_are_flagged():
    found = tables()
    before = float(found["outcomes"].loc[outcome(found, 0, "ppt", "2"), "value"].iloc[0])
    text = f"{before:.0f}"
    found["outcomes"].loc[outcome(found, 0, "ppt", "2"), "value"] = text[1] + text[0] + text[2]
    assert notes(cleaned(found), "transposed_digits") == [("flagged", "outcomes", 100, "ppt_2")]


def test_a_reversed_scale_in_a_clinic_is_queried():
    found = tables()
    table = found["outcomes"]
    in_b = found["visits"]["patient"].str[-1].isin(list("02468"))
    rows = set(found["visits"].loc[in_b, "row"])
    mine = table["visit_row"].isin(rows) & (table["instrument"] == "ndi") & (table["item"] != "total")
    table.loc[mine, "value"] = (5 - table.loc[mine, "value"].astype(int)).astype("str")
    found["outcomes"] = table[(table["instrument"] != "ndi") | (table["item"] != "total")]
    result = cleaned(found)
    assert [action for action, *_ in notes(result, "reversed_scale")] == ["query"]
    assert result.audit.set_index("rule").loc["reversed_scale", "clinic"] == "c.b"


# ---------------------------------------------------------------- switching and tuning


def test_rules_can_be_switched_off_and_tuned():
    found = tables()
    found["outcomes"].loc[outcome(found, 0, "ndi"), "value"] = "99"
    assert notes(cleaned(found), "totals") != []
    assert notes(cleaned(found, cleaning={"off": ["totals"]}), "totals") == []
    assert notes(cleaned(found, cleaning={"tune": {"totals": {"tolerance": 100}}}), "totals") == []


@pytest.mark.parametrize(
    ("cleaning", "sentence"),
    [
        ({"off": ["total"]}, "there is no rule 'total'; did you mean 'totals'"),
        ({"off": ["dates"]}, "cannot be switched off"),
        ({"tune": {"totals": {"tol": 1}}}, "there is no setting 'tol'; known are: tolerance"),
        ({"tune": {"totals": {"tolerance": "much"}}}, "is not a number"),
    ],
)
def test_mistakes_in_the_cleaning_section_are_one_sentence(cleaning, sentence):
    with pytest.raises(StudyError, match=sentence):
        cleaned(tables(), cleaning=cleaning)


def test_instruments_of_one_visit_on_several_rows_are_joined():
    """The disability questionnaire of the first visit came on a row of its own."""
    found = tables()
    found["visits"] = again(found["visits"], 0)
    moved = (found["outcomes"]["visit_row"] == 0) & (found["outcomes"]["instrument"] == "ndi")
    new = int(found["visits"]["row"].iloc[-1])
    found["outcomes"].loc[moved, "visit_row"] = new
    result = cleaned(found)
    assert notes(result, "duplicates") == [("dropped", "visits", 900, "(whole row)")]
    assert result.audit["patient"].tolist() == ["p.P-001"]
    whole = cleaned(tables())
    pd.testing.assert_frame_equal(result.tables["outcomes"], whole.tables["outcomes"])
    pd.testing.assert_frame_equal(result.tables["visits"], whole.tables["visits"])
