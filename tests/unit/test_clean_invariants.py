"""What holds for every export: no row lost, no rule but the labels sees the arm, corrections are applied and audited."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from small_export import cleaned, notes, tables
from small_export import plan as changed

from needling.clean import parse
from needling.clean.cleaning import clean
from needling.clean.corrections import COLUMNS
from needling.clean.labels import map_codes
from needling.clean.patterns import exchanged
from needling.privacy.rekey import Keys
from needling.read.number import read_number
from needling.schema.contract import check
from needling.schema.intake import AUDIT, CLEAN, QUARANTINE
from needling.study.keys import StudyError


def soiled() -> dict[str, pd.DataFrame]:
    """An export with some dirt in every table."""
    rng = np.random.default_rng(7)
    found = tables()
    junk = ["-99", "999", "7/10", "6,5", "text", "#DIV/0!", "", " 3 ", "400", "05/06/2024", "DN"]
    for name, table in found.items():
        if name == "sources":
            continue
        columns = [c for c in table.columns if c not in {"row", "file", "sheet", "line", "visit_row", "column"}]
        columns = [c for c in columns if c not in {"instrument", "item", "missing_reason", "arm"}]
        for _ in range(max(3, len(table) // 20)):
            table.loc[rng.integers(len(table)), rng.choice(columns)] = rng.choice(junk)
    return found


def test_permuting_arms_changes_nothing_but_the_arm_column():
    """Only `labels` reads the arm, and `as_treated`, which compares it with needling and does no more than flag."""
    found, permuted = soiled(), soiled()
    order = np.random.default_rng(1).permutation(len(permuted["patients"]))
    permuted["patients"]["arm"] = permuted["patients"]["arm"].to_numpy()[order]
    one, other = cleaned(found), cleaned(permuted)
    for name, table in one.tables.items():
        columns = [column for column in table.columns if column != "arm"]
        pd.testing.assert_frame_equal(table[columns], other.tables[name][columns])
    pd.testing.assert_frame_equal(one.quarantine, other.quarantine)
    audits = [result.audit[result.audit["rule"] != "as_treated"].reset_index(drop=True) for result in (one, other)]
    pd.testing.assert_frame_equal(*audits)
    assert set(one.audit.loc[one.audit["rule"] == "as_treated", "action"]) <= {"flagged"}


def test_tables_keep_their_contracts_and_the_input_is_not_changed():
    found = soiled()
    before = {name: table.copy() for name, table in found.items()}
    result = cleaned(found)
    for name, contract in CLEAN.items():
        check(result.tables[name], contract, name)
    check(result.audit, AUDIT, "audit")
    check(result.quarantine, QUARANTINE, "quarantine")
    assert not result.quarantine.duplicated(["table", "row"]).any()
    for name, table in found.items():
        pd.testing.assert_frame_equal(table, before[name])


def test_every_change_of_a_value_has_an_audit_row():
    found = soiled()
    result = cleaned(found)
    outcomes = result.tables["outcomes"].merge(found["outcomes"][["row", "value"]], on="row", suffixes=("", "_read"))
    plain = pd.to_numeric(outcomes["value_read"].str.strip(), errors="coerce")
    blank = outcomes["value"].isna() & (outcomes["value_read"].fillna("").str.strip() == "")
    changed = outcomes[(outcomes["value"] != plain) & ~blank]
    noted = set(result.audit.loc[result.audit["table"] == "outcomes", "row"])
    assert len(changed) > 5
    assert set(changed["row"]) <= noted


CELL = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", " ", "-99", "NA", "1e400", "inf", "0x10", "31/02/2024", "٣", "1.2.3", "−5", "\x00", "99999999999"]
    ),
    st.floats().map(str),
    st.dates().map(str),
)


# a failing example is shown as it was drawn: shrinking would take minutes, because each trial is a whole cleaning
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.generate],
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_text_in_any_cell_ends_in_clean_tables_or_in_one_sentence(data):
    found = tables()
    for _ in range(data.draw(st.integers(1, 12))):
        name = data.draw(st.sampled_from([name for name in found if name != "sources"]))
        table = found[name]
        free = {"row", "file", "sheet", "line", "visit_row", "column", "instrument", "item"}
        column = data.draw(st.sampled_from([column for column in table.columns if column not in free]))
        table.loc[data.draw(st.integers(0, len(table) - 1)), column] = data.draw(CELL)
    try:
        result = cleaned(found)  # holds rows in = rows kept + rows quarantined
    except StudyError:
        return
    assert np.isfinite(result.tables["outcomes"]["value"].dropna()).all()


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=20))
def test_reading_a_cell_never_fails(text):
    value, how, _ = read_number(text)
    assert how in parse.HOW
    assert not np.isinf(value)
    style, first, second = parse.read_date(text)
    assert np.isnan(first) == np.isnan(second)
    assert isinstance(style, str)


@settings(deadline=None, derandomize=True)
@given(st.dates(min_value=pd.Timestamp("1950-01-01").date(), max_value=pd.Timestamp("2049-12-31").date()))
def test_a_date_survives_every_style(date):
    days = (date - pd.Timestamp("1970-01-01").date()).days
    for text in (str(date), f"{date:%d.%m.%Y}", f"{date:%d %b %Y}", f"{date:%Y/%m/%d}", f"{date:%Y%m%d}"):
        assert parse.read_date(text)[1] == days
    assert days in parse.read_date(f"{date:%d/%m/%Y}")[1:]
    assert days in parse.read_date(f"{date:%m/%d/%Y}")[1:]


def test_numbers_of_a_column():
    """Fractions decide the decimal mark; a lone comma among points is the odd one."""
    read = parse.numbers(pd.Series(["1,5", "2,5", "3,5", None]))
    assert list(read["value"][:3]) == [1.5, 2.5, 3.5]
    assert set(read["how"][:3]) == {"exact"}
    read = parse.numbers(pd.Series(["1,5", "2.5", "3.5", "4.5", "6.390.622", "1,234.5"]))
    assert list(read["value"]) == [1.5, 2.5, 3.5, 4.5, 6390622, 1234.5]
    assert list(read["how"][:2]) == ["comma", "exact"]


def test_a_number_too_large_to_hold_is_none():
    assert read_number("1e400")[1] == "text"
    assert read_number("9" * 400)[1] == "text"


def test_labels_close_to_two_names_are_not_guessed():
    found = map_codes(pd.Series(["arm x", "Arm_A", "b", None]), {"1": "arm_a", "2": "arm_b"})
    assert list(found["how"]) == ["unknown", "near", "unknown", ""]


def test_exchanged_digits():
    assert exchanged(np.array([56, 123, 7, 250])).tolist() == [[65, 65], [132, 213], [7, 7], [205, 520]]


# ---------------------------------------------------------------- corrections


def corrections(path, *rows: dict[str, str]) -> dict[str, str]:
    blank = dict.fromkeys(COLUMNS, "")
    base = {"file": "export.csv", "who": "site b", "when": "2024-07-01", "why": "source document"}
    pd.DataFrame([blank | base | row for row in rows]).to_csv(path, index=False)
    return {"corrections": str(path)}


def test_corrections_are_applied_first_and_audited(tmp_path):
    found = tables()
    cell = (found["outcomes"]["visit_row"] == 0) & (found["outcomes"]["column"] == "nprs")
    found["outcomes"].loc[cell, "value"] = "77x"
    plan = corrections(
        tmp_path / "answers.csv",
        {"line": "100", "column": "nprs", "old": "77x", "new": "7"},
        {"line": "2", "column": "age", "new": "41"},
        {"line": "101", "column": "visit_date", "old": "(hidden)", "new": "2024-04-20"},
    )
    result = cleaned(found, cleaning=plan)
    row = found["outcomes"].loc[cell, "row"].iloc[0]
    assert result.tables["outcomes"].set_index("row")["value"][row] == 7
    assert result.tables["patients"]["age"].iloc[0] == 41
    assert result.tables["visits"]["day"].iloc[1] == 36
    assert set(result.audit["rule"]) == {"corrections"}
    assert len(notes(result, "corrections")) == 3
    assert "2024-04-20" not in set(result.audit["new"])


def test_the_answers_of_a_site(tmp_path):
    """Rows without an answer are left out, a blank new value confirms, a word empties, numbers may be written otherwise."""
    plan = corrections(
        tmp_path / "answers.csv",
        {"line": "101", "column": "nprs", "who": "", "when": "", "why": ""},
        {"line": "100", "column": "nprs", "old": " 5,0", "new": ""},
        {"line": "100", "column": "ndi_1", "new": "missing"},
        {"line": "100", "column": "ppt_unit", "old": "kPa", "new": "kgf/cm2"},
    )
    found = tables()
    found["outcomes"].loc[found["outcomes"]["column"] == "ppt_1", "value"] = "2.5"
    result = cleaned(found, cleaning=plan)
    noted = result.audit[result.audit["rule"] == "corrections"].set_index("column")["reason"].to_dict()
    assert noted["nprs"] == "confirmed by site b on 2024-07-01: source document"
    assert noted["ndi_1"].startswith("corrected by")
    outcomes = result.tables["outcomes"].query("visit_row == 0").set_index(["instrument", "item"])["value"]
    assert np.isnan(outcomes["ndi", "1"])
    assert outcomes["nprs", "total"] == 5
    assert outcomes["ppt", "1"] == pytest.approx(2.5 * 98.07, rel=1e-3)  # the unit was corrected


def test_answers_in_a_file_with_semicolons(tmp_path):
    head, row = ";".join(COLUMNS), "P1;export.csv;;100;nprs;5;7;site b;2024-07-01;source document"
    (tmp_path / "answers.csv").write_text(f"{head}\n{row.replace('P1', '')}\n\n;;;;;;;;;\n")
    result = cleaned(tables(), cleaning={"corrections": str(tmp_path / "answers.csv")})
    assert notes(result, "corrections") == [("corrected", "outcomes", 100, "nprs")]


def test_an_answer_about_a_contradiction_settles_it(tmp_path):
    found = tables()
    conflict = {"row": [0], "file": ["export.csv"], "sheet": [""], "line": [3], "patient": ["P-001"], "column": ["age"]}
    found["patient_conflicts"] = pd.DataFrame(conflict | {"source": ["age"], "value": ["54"], "taken": ["30"]})
    for line, new, age in (("3", "30", 30), ("2", "54", 54)):
        plan = corrections(tmp_path / "answers.csv", {"line": line, "column": "age", "new": new})
        result = cleaned(found, cleaning=plan)
        assert result.tables["patients"]["age"].iloc[0] == age
        assert notes(result, "conflicting_facts") == []
        assert "54" not in set(result.audit["new"])


def test_an_answer_about_another_patient_is_refused(tmp_path):
    keys = Keys.open(tmp_path / "key.csv", seed=1)
    code = keys.codes("patient", ["P-001", "P-002"])
    for patient, line in ((code["P-001"], "100"), (code["P-002"], "100")):
        answers = corrections(
            tmp_path / "answers.csv", {"patient": patient, "line": line, "column": "nprs", "new": "7"}
        )
        study = changed(cleaning=answers)
        if patient == code["P-001"]:
            assert len(clean(tables(), study, keys).audit)
        else:
            with pytest.raises(StudyError, match=f"line 2: this line of the export is not about patient {patient}"):
                clean(tables(), study, keys)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"line": "100", "column": "nprs", "old": "3", "new": "7"}, "line 2: the cell no longer holds the old value"),
        ({"line": "9999", "column": "nprs", "new": "7"}, "line 2: no cell of the export has this file"),
        ({"line": "100", "column": "nprs", "new": "7", "why": ""}, "needs who and why"),
        ({"line": "B100", "column": "nprs", "new": "7"}, "line must be the line number"),
    ],
)
def test_corrections_that_do_not_fit_are_refused(tmp_path, row, sentence):
    with pytest.raises(StudyError, match=sentence):
        cleaned(tables(), cleaning=corrections(tmp_path / "answers.csv", row))


def test_a_file_of_corrections_that_is_none(tmp_path):
    with pytest.raises(StudyError, match="there is no file"):
        cleaned(tables(), cleaning={"corrections": str(tmp_path / "none.csv")})
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(StudyError, match=r"column\(s\) file, sheet"):
        cleaned(tables(), cleaning={"corrections": str(tmp_path / "other.csv")})


def test_a_confirmed_cell_is_not_asked_about_again(tmp_path):
    found = tables()
    found["outcomes"].loc[found["outcomes"]["column"] == "nprs", "value"] = ["66", *["4"] * 47]
    assert [action for action, *_ in notes(cleaned(found), "scale_by_ten")] == ["query"]
    plan = corrections(tmp_path / "answers.csv", {"line": "100", "column": "nprs", "old": "66", "new": ""})
    assert notes(cleaned(found, cleaning=plan), "scale_by_ten") == []


def test_answers_do_not_show_what_queries_hide(tmp_path):
    found = tables()
    found["patients"]["surgeon"] = "drWeiss"
    found["outcomes"].loc[0, "value"] = "husband Otto says bad"
    covariates = {"surgeon": {"from": "surgeon", "kind": "code"}}
    plan = corrections(
        tmp_path / "answers.csv",
        {"line": "2", "column": "surgeon", "new": "drKellner"},
        {"line": "100", "column": "nprs", "new": "7"},
    )
    result = cleaned(
        found, cleaning=plan, patients={**changed().patients.model_dump(by_alias=True), "covariates": covariates}
    )
    shown = result.audit.loc[result.audit["rule"] == "corrections", ["old", "new"]].stack().dropna()
    assert set(shown) == {"(hidden)", "7"}
