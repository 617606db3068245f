"""What a single cell turns into: dates, numbers, units, labels, codes; what is in doubt is asked about."""

import numpy as np
import pandas as pd
import pytest
from small_export import PLAN, cleaned, notes, outcome, tables, value, with_choices

from needling.clean.labels import map_codes
from needling.clean.parse import dates, read_date
from needling.study.keys import StudyError

# ---------------------------------------------------------------- dates


def test_dates_in_other_styles_are_read():
    found = tables()
    texts = ["13/04/2024", "13.4.2024", "45395", "13 Apr 2024", "April 13, 2024", "20240413", "2024-04-13 10:30"]
    week_4 = found["visits"].index[1 : 2 * len(texts) : 2]
    found["visits"].loc[week_4, "date"] = texts
    result = cleaned(found)
    assert (result.tables["visits"]["day"].iloc[week_4] == 29).all()
    lines = [line for _, _, line, _ in notes(result, "dates")]
    assert lines == [101, 103, 105, 107, 109]  # ISO without marks or with a time is still ISO


def test_dates_in_doubt_are_settled_by_the_column_then_by_the_window_then_held_back():
    found = tables()
    found["visits"].loc[[1, 3], "date"] = ["04/10/2024", "04/13/2024"]  # the second shows that months come first
    assert cleaned(found).tables["visits"]["day"].iloc[1] == 26
    found["visits"].loc[[1, 3, 5], "date"] = [
        "10/04/2024",
        "04/13/2024",
        "13/04/2024",
    ]  # both styles: the window decides
    assert cleaned(found).tables["visits"]["day"].iloc[1] == 26
    found["visits"].loc[1, "date"] = "08/09/2024"  # neither reading is inside the window
    result = cleaned(found)
    assert np.isnan(result.tables["visits"]["day"].iloc[1])
    assert ("query", "visits", 101, "visit_date") in notes(result, "dates")


def test_a_session_whose_date_stays_in_doubt_is_quarantined():
    found = tables()
    found["sessions"].loc[[0, 1, 2, 4], "date"] = ["05/06/2024", "06/05/2024", "03/20/2024", "20/03/2024"]
    result = cleaned(found)
    reasons = result.quarantine.set_index(["table", "row"])["reason"]
    assert reasons[("sessions", 0)] == "day and month cannot be told apart"
    assert "old" not in {
        c for c in result.audit.loc[result.audit["rule"] == "dates", "old"].dropna() if c != "(hidden)"
    }


def test_dates_leave_no_trace_in_the_audit():
    found = tables()
    found["visits"].loc[1, "date"] = "13/04/2024"
    found["patients"].loc[0, "day_0"] = "15/03/2024"
    audit = cleaned(found).audit
    assert set(audit[["old", "new"]].stack()) == {"(hidden)"}


# ---------------------------------------------------------------- numbers, codes, ranges


def test_numbers_in_other_words_are_read_and_noted():
    found = tables()
    texts = {"6,0": 6, "7/10": 7, "6-7": 6.5, "<1": 1, "ca. 4": 4, "5 points": 5}
    for visit_row, text in enumerate(texts):
        found["outcomes"].loc[outcome(found, visit_row, "nprs"), "value"] = text
    result = cleaned(found)
    assert [value(result, found, visit_row, "nprs") for visit_row in range(6)] == list(texts.values())
    assert notes(result, "numbers") == [("corrected", "outcomes", 100 + row, "nprs") for row in range(6)]


def test_text_in_a_numeric_column_is_queried_and_not_shown():
    found = tables()
    found["outcomes"].loc[outcome(found, 0, "nprs"), "value"] = "Mrs Exampleman felt better"
    result = cleaned(found)
    assert np.isnan(value(result, found, 0, "nprs"))
    assert notes(result, "numbers") == [("query", "outcomes", 100, "nprs")]
    assert not result.audit.map(lambda cell: "Exampleman" in str(cell)).to_numpy().any()


def test_codes_for_missing_become_missing_with_a_reason():
    found = tables()
    texts = ["-99", "999", "NA", ".", "#DIV/0!", "#¡DIV/0!", "n/a"]
    for place, text in enumerate(texts):
        found["outcomes"].loc[outcome(found, place, "nprs"), "value"] = text
        found["patients"].loc[place, "age"] = text
    result = cleaned(found)
    table = result.tables["outcomes"]
    assert table["value"].isna().sum() == len(texts)
    assert table.loc[table["value"].isna(), "missing_reason"].notna().all()
    assert result.tables["patients"]["age"].isna().sum() == len(texts)
    assert len(notes(result, "missing_codes")) == 2 * len(texts)


def test_the_reason_that_the_export_gives_is_kept():
    found = tables()
    cell = outcome(found, 0, "nprs")
    found["outcomes"].loc[cell, ["value", "missing_reason"]] = [None, "refused"]
    table = cleaned(found).tables["outcomes"]
    assert table.loc[table["value"].isna(), "missing_reason"].tolist() == ["refused"]


def test_impossible_is_missing_and_unusual_is_flagged():
    found = tables()
    found["patients"].loc[[0, 1], "age"] = ["230", "85"]
    found["outcomes"].loc[outcome(found, 0, "ndi", "3"), "value"] = "7"
    result = cleaned(found)
    assert np.isnan(result.tables["patients"]["age"].iloc[0])
    assert result.tables["patients"]["age"].iloc[1] == 85
    assert np.isnan(value(result, found, 0, "ndi", "3"))
    assert notes(result, "ranges") == [
        ("missing", "outcomes", 100, "ndi_3"),
        ("missing", "patients", 2, "age"),
        ("flagged", "patients", 3, "age"),
    ]


def test_ages_over_89_become_90():
    found = tables()
    found["patients"].loc[[0, 1], "age"] = ["97", "89"]
    result = cleaned(found)
    assert list(result.tables["patients"]["age"][:2]) == [90, 89]
    assert notes(result, "age_90") == [("corrected", "patients", 2, "age")]
    assert "97" not in set(result.audit["old"])


def test_a_column_of_decimal_commas_is_not_dirt():
    found = tables()
    for visit_row in range(6):
        found["outcomes"].loc[outcome(found, visit_row, "nprs"), "value"] = f"{visit_row},5"
    result = cleaned(found)
    assert value(result, found, 3, "nprs") == 3.5
    assert result.audit.empty


# ---------------------------------------------------------------- labels


def test_spellings_of_an_arm_are_mapped():
    found = tables()
    texts = ["Dry needling", "dry-needling", "2 ", "2.0", "dry_needling"]
    found["patients"].loc[: len(texts) - 1, "arm"] = texts
    assert set(cleaned(found).tables["patients"]["arm"].iloc[: len(texts)]) == {"dry_needling"}


@pytest.mark.parametrize("text", ["DN", "drydneedling", "dry needlings", "dry needling +"])
def test_likeness_says_nothing_about_an_arm(text):
    found = tables()
    found["patients"].loc[0, "arm"] = text
    assert "unknown arm" in set(cleaned(found).quarantine["reason"])


@pytest.mark.parametrize(
    ("text", "label", "how"),
    [
        ("femalx", "female", "unknown"),  # another last letter
        ("feemale", "female", "near"),
        ("III", "II", "unknown"),
        ("grade IIa", "grade II", "unknown"),
        ("CA+", "CA-", "unknown"),
        ("15 mg", "1.5 mg", "unknown"),
        ("PRF", "PRP", "unknown"),
        ("Trapezius  ", "trapezius", "near"),
    ],
)
def test_a_slip_is_never_another_grade_sign_or_number(text, label, how):
    found = map_codes(pd.Series([label] * 30 + [text]), {label: "one"})
    assert found["how"].iloc[-1] == how


def test_a_spelling_that_is_not_rare_is_a_label_of_its_own():
    assert map_codes(pd.Series(["stretching"] * 30 + ["streching"] * 3), {"stretching": "a"})["how"].iloc[-1] == "near"
    assert (
        map_codes(pd.Series(["stretching"] * 30 + ["streching"] * 4), {"stretching": "a"})["how"].iloc[-1] == "unknown"
    )


def test_labels_of_the_dictionary_map_as_well():
    found = tables()
    with_choices(found, "patients", "sex", {"1": "Frau", "2": "Mann"})
    found["patients"].loc[0, "sex"] = "Mann"
    result = cleaned(found)
    assert result.tables["patients"]["sex"].iloc[0] == "male"
    assert result.audit.empty


def test_an_unknown_arm_takes_the_patient_and_everything_of_his_out():
    found = tables()
    found["patients"].loc[0, "arm"] = "7"
    result = cleaned(found)
    reasons = result.quarantine.groupby(["table", "reason"]).size()
    assert reasons[("patients", "unknown arm")] == 1
    assert reasons[("visits", "patient set aside")] == 2
    assert reasons[("outcomes", "patient set aside")] == 30
    assert reasons[("sessions", "patient set aside")] == 2
    assert reasons[("status", "patient set aside")] == 1
    assert ("query", "patients", 2, "arm") in notes(result, "labels")


def test_codes_that_fit_no_row_stop_the_run_in_one_sentence():
    found = tables()
    found["patients"]["arm"] = [f"secret {number}" for number in range(24)]
    with pytest.raises(
        StudyError, match=r"export\.csv: no row of the column 'arm' has a known arm: 24 filled rows hold 24"
    ) as told:
        cleaned(found)
    assert "secret" not in str(told.value)


def test_a_patient_without_an_arm_is_quarantined_and_queried():
    found = tables()
    found["patients"].loc[0, "arm"] = None
    result = cleaned(found)
    assert notes(result, "labels") == [("quarantined", "patients", 2, "(whole row)"), ("query", "patients", 2, "arm")]
    assert set(result.quarantine.loc[result.quarantine["table"] == "patients", "reason"]) == {"no arm on record"}


def test_codes_of_people_among_the_covariates_are_replaced():
    found = tables()
    found["patients"]["needler"] = ["Nowack ", "Berg"] * 12
    covariates = {"needler": {"from": "needler", "kind": "code"}}
    result = cleaned(found, patients={**PLAN["patients"], "covariates": covariates})
    assert result.tables["patients"]["needler"].tolist() == ["t.Nowack", "t.Berg"] * 12
    assert not result.audit[["old", "new"]].stack().str.contains("Nowack").any()


@pytest.mark.parametrize(
    "text", ["no usual care", "not usual care", "non-usual-care", "usual care 2", "sham usual care", "ex-usual care"]
)
def test_the_opposite_of_a_label_is_not_another_spelling_of_it(text):
    found = tables()
    found["patients"].loc[0, "arm"] = text
    result = cleaned(found)
    assert notes(result, "labels") == [("quarantined", "patients", 2, "(whole row)"), ("query", "patients", 2, "arm")]


def test_scores_among_which_one_is_no_code_of_the_dictionary_are_left_alone():
    found = tables()
    with_choices(found, "outcomes", "nprs:total", {str(code): str(code - 1) for code in range(1, 12)})
    mine = found["outcomes"]["instrument"] == "nprs"
    found["outcomes"].loc[mine.idxmax(), "value"] = "0"
    scores = found["outcomes"].loc[mine, "value"].astype(float).tolist()
    clean = cleaned(found).tables["outcomes"]
    assert clean.loc[clean["instrument"] == "nprs", "value"].tolist() == scores


def test_the_scores_that_a_dictionary_lists_stand_for_their_codes():
    found = tables()
    scores = {str(code): str(code - 1) for code in range(1, 12)}
    with_choices(found, "outcomes", "nprs:total", {**scores, "98": "Not assessed"})
    mine = found["outcomes"]["instrument"] == "nprs"
    found["outcomes"]["value"] = found["outcomes"]["value"].astype(object)
    codes = [str(1 + n % 11) for n in range(mine.sum())]
    found["outcomes"].loc[mine, "value"] = codes
    clean = cleaned(found).tables["outcomes"]
    assert clean.loc[clean["instrument"] == "nprs", "value"].tolist() == [float(code) - 1 for code in codes]


@pytest.mark.parametrize("label", ["refused", "Not assessed", "questionnaire lost", "Don't know"])
def test_a_possible_score_that_the_dictionary_calls_missing_is_missing(label):
    found = tables()
    with_choices(found, "outcomes", "nprs:total", {"7": label})
    other = tables()
    with_choices(other, "outcomes", "nprs:total", {"7": "bad pain"})
    visit = found["visits"]["row"].iloc[0]
    for one in (found, other):
        one["outcomes"].loc[outcome(one, visit, "nprs"), "value"] = "7"
    result = cleaned(found)
    assert np.isnan(value(result, found, visit, "nprs"))
    assert result.audit["reason"].eq("labelled as missing by the export").any()
    assert value(cleaned(other), other, visit, "nprs") == 7


def test_an_unknown_visit_is_queried_and_a_study_without_known_visits_is_refused():
    found = tables()
    found["visits"].loc[1, "planned"] = "final"
    result = cleaned(found)
    assert notes(result, "labels") == [("query", "visits", 101, "event")]
    found["visits"]["planned"] = "final"
    with pytest.raises(StudyError, match="no row of the column 'event' has a known visit"):
        cleaned(found)


@pytest.mark.parametrize(
    ("table", "column", "line"), [("visits", "visit_date", 101), ("sessions", "session_date", 301)]
)
def test_a_date_that_cannot_be_right_is_missing_and_queried(table, column, line):
    found = tables()
    found[table].loc[1, "date"] = "2042-04-13"
    result = cleaned(found)
    assert ("query", table, line, column) in notes(result, "dates")
    assert result.tables[table]["day"].isna().sum() == 1


def test_a_year_of_the_romans_is_no_date():
    found = tables()
    found["visits"].loc[1, "date"] = "0204-04-03"
    assert notes(cleaned(found), "dates") == [("query", "visits", 101, "visit_date")]


@pytest.mark.parametrize(
    ("text", "why"),
    [("3/5", "written on another scale than the instrument's"), ("8/5", "more than it is out of")],
)
def test_another_scale_in_the_cell_is_not_the_number(text, why):
    found = tables()
    found["outcomes"].loc[found["outcomes"]["instrument"] == "nprs", "value"] = ["7/10", text, *["4"] * 46]
    result = cleaned(found)
    queried = result.audit[(result.audit["rule"] == "numbers") & (result.audit["action"] == "query")]
    assert queried["reason"].tolist() == [why]
    values = result.tables["outcomes"].query("instrument == 'nprs'")["value"]
    assert values.iloc[0] == 7
    assert np.isnan(values.iloc[1])


@pytest.mark.parametrize(("text", "kept"), [("250 kPa", 250), ("35 N", None), ("2.5 kg", None), ("36 psi", None)])
def test_a_unit_beside_a_measurement_that_contradicts_the_unit_column_is_no_number(text, kept):
    found = tables()
    found["outcomes"].loc[outcome(found, 0, "ppt", "1"), "value"] = text
    read = value(cleaned(found), found, 0, "ppt", "1")
    assert read == kept or (kept is None and np.isnan(read))


@pytest.mark.parametrize(("text", "kept"), [("250 kPa", 250), ("35 N", 350), ("2.5 kg", 245.175), ("36 psi", None)])
def test_a_unit_beside_a_measurement_is_that_of_its_cell_where_no_unit_column_tells(text, kept):
    found = tables()
    found["outcomes"]["unit"] = None
    found["outcomes"].loc[outcome(found, 0, "ppt", "1"), "value"] = text
    read = value(cleaned(found), found, 0, "ppt", "1")
    assert (kept is None and np.isnan(read)) or read == pytest.approx(kept, abs=0.03)


def test_another_unit_in_the_cell_is_not_the_number():
    changes = {"covariates": {"duration": {"from": "age", "unit": "weeks"}}}
    found = tables()
    found["patients"] = found["patients"].rename(columns={"age": "duration"})
    found["patients"].loc[[0, 1], "duration"] = ["6 years", "7 wks"]
    result = cleaned(found, patients={**PLAN["patients"], **changes})
    assert result.tables["patients"]["duration"].iloc[1] == 7
    assert np.isnan(result.tables["patients"]["duration"].iloc[0])
    assert "written in another unit than the column's" in set(result.audit["reason"])


def test_two_ratings_do_not_tell_a_clinics_scale():
    found = tables()
    pains = found["outcomes"]["instrument"] == "nprs"
    found["outcomes"].loc[pains, "value"] = None
    where = found["outcomes"].index[pains]
    found["outcomes"].loc[[where[0], where[5]], "value"] = ["66", "3"]
    values = cleaned(found).tables["outcomes"].query("instrument == 'nprs'")["value"].dropna()
    assert values.tolist() == [3]


@pytest.mark.parametrize("old", ["95 years", "93,0", "~91"])
def test_no_age_over_89_is_shown(old):
    found = tables()
    found["patients"].loc[0, "age"] = old
    result = cleaned(found)
    assert result.tables["patients"]["age"].iloc[0] == 90
    shown = result.audit.loc[result.audit["column"] == "age", ["old", "new"]].stack().dropna()
    assert set(shown) <= {"(hidden)", "90"}


def test_dates_among_the_covariates_count_from_the_first_visit_without_a_day_0():
    found = tables()
    found["patients"]["date_onset"] = "2024-03-01"
    patients = {key: value for key, value in PLAN["patients"].items() if key != "day_0"}
    patients["covariates"] = {"date_onset": "onset"}
    found["patients"]["day_0"] = None
    assert set(cleaned(found, patients=patients).tables["patients"]["date_onset"]) == {-9.0}


@pytest.mark.parametrize(
    "text", ["5. März 2024", "5 mars 2024", "5 de marzo de 2024", "5 maart 2024", "5th March 2024"]
)
def test_months_have_names_in_several_languages(text):
    assert read_date(text)[:2] == ("named", read_date("2024-03-05")[1])


def test_dates_with_dots_have_the_day_first_unless_one_of_them_cannot():
    day = read_date("2024-04-03")[1]
    german = dates(pd.Series(["03.04.2024", "05.04.2024"]))
    assert german["date"].tolist() == [day, day + 2]
    american = dates(pd.Series(["04.03.2024", "04.20.2024"]))
    assert american["date"].tolist() == [day, day + 17]
    both = dates(pd.Series(["20.04.2024", "04.20.2024", "04.03.2024"]))
    assert both["date"].tolist()[:2] == [day + 17, day + 17]
    assert both["doubtful"].tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (["24-03-01", "24-03-31", "24-04-12"], "2024-03-01"),
        (["01-03-24", "31-03-24", "12-04-24"], "2024-03-01"),
        (["03/01/24", "03/31/24", "04/12/24"], "2024-03-01"),
    ],
)
def test_two_digit_years_may_come_first(texts, first):
    assert dates(pd.Series(texts))["date"].iloc[0] == read_date(first)[1]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("dry needeling", "dry needling"),
        ("Dry-Needling ", "dry needling"),
        ("DN", "dry needling"),
        ("sham dry needling", None),
        ("ex-smoker", None),
        ("takes no opioids", None),
        ("hypotension", None),
        ("post-treatment", None),
        ("with exercise", "with exercise"),
        ("without exercise", None),
    ],
)
def test_only_slips_are_other_spellings(text, meant):
    labels = ["dry needling", "sham", "smoker", "takes opioids", "hypertension", "pre-treatment", "with exercise"]
    found = map_codes(pd.Series([text]), {label: label for label in labels})["value"].iloc[0]
    assert found == meant or (meant is None and pd.isna(found))


def test_visits_without_a_study_day_are_one_only_on_one_date():
    """Day 0 of one patient is not known, and no name tells the visits apart: their dates do."""
    found = tables()
    found["patients"].loc[0, "day_0"] = "NA"
    mine = found["visits"]["patient"] == "P-001"
    found["visits"].loc[mine, "planned"] = None
    same = found["outcomes"]["visit_row"].isin([0, 1])
    first = found["outcomes"].loc[found["outcomes"]["visit_row"] == 0, "value"].tolist()
    found["outcomes"].loc[same, "value"] = [*first, *first]
    result = cleaned(found)
    assert (result.tables["visits"]["patient"] == "p.P-001").sum() == 2
