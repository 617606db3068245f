"""The audit workbook, the cleaning summary and the codebook."""

import numpy as np
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook
from small_export import PLAN, cleaned, outcome, tables

from needling.clean.codebook import codebook, write_codebook
from needling.clean.corrections import COLUMNS
from needling.clean.rules import RULES
from needling.clean.trail import shown_text
from needling.clean.workbook import cleaning_summary, write_audit_workbook
from needling.study.file import part

SECTIONS = {"title": "A <small> study", "made_up": True, "disclosure": {"min_cell": 11}} | {
    name: PLAN[name] for name in ("patients", "visits", "instruments", "events")
}
STUDY = part(SECTIONS)


@pytest.fixture(scope="module")
def found():
    read = tables()
    read["outcomes"].loc[0, "value"] = "6,5"
    read["outcomes"].loc[1, "value"] = "a sentence"
    read["patients"].loc[[0, 1], "age"] = ["230", "=1+1"]
    read["sessions"].loc[0, "date"] = "2023-01-01"
    read["needling"].loc[[0, 2], "side"] = "2"
    return read


@pytest.fixture(scope="module")
def result(found):
    return cleaned(found)


def test_summary_counts_each_rule_and_action(result):
    summary = cleaning_summary(result.audit)
    gone = result.audit["action"].isin(["quarantined", "dropped"])
    assert summary["n"].sum() == (~gone).sum() + result.audit.loc[gone, ["rule", "line"]].drop_duplicates().shape[0]
    assert summary["sentence"].notna().all()
    order = [list(RULES).index(rule) for rule in summary["rule"]]
    assert order == sorted(order)


def test_workbook_can_be_worked_through_and_has_the_same_bytes_again(result, tmp_path):
    for name in ("one.xlsx", "two.xlsx"):
        write_audit_workbook(tmp_path / name, result.audit, STUDY)
    assert (tmp_path / "one.xlsx").read_bytes() == (tmp_path / "two.xlsx").read_bytes()
    book = CalamineWorkbook.from_path(tmp_path / "one.xlsx")
    impossible = (result.audit["rule"] == "ranges") & (result.audit["action"] == "missing")
    queries = result.audit[(result.audit["action"] == "query") | impossible]
    sites = [f"Queries {clinic}" for clinic in sorted(queries["clinic"].unique())]
    assert book.sheet_names == ["Summary", "Rows taken out", *sites, "All changes", "Corrections"]
    assert book.get_sheet_by_name("Corrections").to_python() == [COLUMNS]
    asked = [book.get_sheet_by_name(site).to_python() for site in sites]
    assert sum(len(sheet) - 1 for sheet in asked) == len(queries)
    assert asked[0][0][: len(COLUMNS)] == COLUMNS  # an answered sheet saved as CSV is a file of corrections
    everything = str([book.get_sheet_by_name(name).to_python() for name in book.sheet_names])
    assert "P-001" not in everything.replace("p.P-001", "")  # the new code of these tests
    assert "2023-01-01" not in everything
    assert "a sentence" not in everything


def test_codebook_describes_every_column(found, result, tmp_path):
    book = codebook(result.tables, found["sources"], STUDY)
    for name, table in result.tables.items():
        assert set(book.loc[book["table"] == name, "name"]) == set(table.columns)
    patients = book[book["table"] == "patients"].set_index("name")
    assert patients.loc["sex", "levels"] == "female (1), male (2)"
    assert patients.loc["age", "levels"] == "18 to 90 (90 stands for 90 and over)"
    assert patients.loc["age", ["rows", "missing"]].tolist() == [24, 2]
    ndi = book[(book["table"] == "outcomes") & (book["instrument"] == "ndi")].iloc[0]
    assert ndi["unit"] == "%"
    assert ndi["levels"] == "0 to 100, lower is better; unverified: missing items"
    assert ndi["source"] == "ndi_1 ... ndi_total (11 columns)"


def test_codebook_is_written_as_a_page_and_a_workbook(found, result, tmp_path):
    book = codebook(result.tables, found["sources"], STUDY)
    for name in ("one", "two"):
        write_codebook(book, tmp_path / f"{name}.html", tmp_path / f"{name}.xlsx", STUDY)
    page = (tmp_path / "one.html").read_text(encoding="utf-8")
    assert "A &lt;small&gt; study" in page
    assert "http" not in page
    for ending in ("html", "xlsx"):
        assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"two.{ending}").read_bytes()
    rows = CalamineWorkbook.from_path(tmp_path / "one.xlsx").get_sheet_by_name("Codebook").to_python()
    assert len(rows) == len(book) + 1


def test_shares_of_missing_values_are_told_in_words(found, tmp_path):
    lost = {"none": 0, "few": 3, "some": 2000, "most": 9997, "all": 10_000}
    values = {name: [np.nan] * n + [1.0] * (10_000 - n) for name, n in lost.items()}
    book = codebook({"frame": pd.DataFrame(values), "empty": pd.DataFrame({"x": []})}, found["sources"], STUDY)
    assert book.set_index("name")["missing"].to_dict() == {**lost, "x": 0}
    write_codebook(book, tmp_path / "book.html", tmp_path / "book.xlsx", STUDY)
    rows = CalamineWorkbook.from_path(tmp_path / "book.xlsx").get_sheet_by_name("Codebook").to_python()
    assert [row[-1] for row in rows[1:]] == ["0 %", "under 1 %", "20 %", "over 99 %", "no value", "no rows"]


def test_codebook_counts_visits_without_a_usable_value(found, result):
    visits = pd.DataFrame({"row": range(60)})
    blank = pd.DataFrame({"visit_row": [0, 0, 1, 2], "instrument": "ndi", "value": [1.0, np.nan, np.nan, 2.0]})
    there = pd.DataFrame({"visit_row": range(3, 40), "instrument": "ndi", "value": 2.0})
    given = {"visits": visits, "outcomes": pd.concat([blank, there])}
    book = codebook(given, found["sources"], STUDY)
    assert book.loc[book["instrument"] == "ndi", ["rows", "missing"]].to_numpy().tolist() == [[60, 21]]
    given["outcomes"] = given["outcomes"].assign(value=np.nan)
    book = codebook(given, found["sources"], STUDY)
    assert book.loc[book["instrument"] == "ndi", ["rows", "missing"]].to_numpy().tolist() == [[60, 60]]


def test_codebook_names_what_the_project_puts_into_a_column(found, result):
    book = codebook(result.tables, found["sources"], STUDY)
    levels = book[book["instrument"] == ""].set_index(["table", "name"])["levels"]
    assert levels["visits", "visit"] == ", ".join([*PLAN["visits"]["schedule"], "unscheduled"])
    assert levels["outcomes", "instrument"] == ", ".join(PLAN["instruments"])
    assert levels["outcomes", "item"] == "item number or total"
    assert levels["patients", "patient"] == "codes"
    codes = {"Mujer": "female", "F": "female", "male": "male"}
    patients = PLAN["patients"] | {"covariates": {"sex": {"from": "sex", "codes": codes}, "age": {"from": "age"}}}
    other = part(SECTIONS | {"patients": patients})
    book = codebook({"patients": result.tables["patients"]}, found["sources"], other).set_index("name")
    assert book.loc["sex", "levels"] == "female (Mujer, F), male"
    assert book.loc["age", "levels"] == "up to 90 (90 stands for 90 and over)"


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        *[
            (text, text)
            for text in (
                "7",
                "-0.5",
                "7/10",
                "6-7",
                "<1",
                "5 mm",
                "7,5",
                "NA",
                "",
                "#N/A",
                "34 %",
                "123456",
                "15.33333333",
                "35/100",
            )
        ],
        *[("Sham", "Sham"), ("(hidden)", "(hidden)"), ("dry  NEEDLING", "dry  NEEDLING")],
        *[
            ("Ballyferrit", "(text of 11 characters)"),
            ("x Umber", "(text of 7 characters)"),
            ("Ö", "(text of 1 character)"),
        ],
        *[("5 Smith", "(text of 7 characters)"), ("dry needlng", "(text of 11 characters)")],
        *[("8823764", "(number of 7 digits)"), ("0151/2345678", "(text of 12 characters)")],
    ],
)
def test_of_other_text_than_numbers_and_listed_names_the_length_alone_is_shown(cell, shown):
    assert shown_text(cell, {"sham", "dryneedling"}) == shown


def test_the_audit_holds_no_text_that_nobody_listed():
    found = tables()
    found["outcomes"]["value"] = found["outcomes"]["value"].astype("str")
    found["outcomes"].loc[outcome(found, 0, "nprs"), "value"] = "Ballyferrit"
    found["outcomes"].loc[outcome(found, 1, "nprs"), "value"] = "5 Clonsilla"
    found["patients"].loc[0, "sex"] = "Umberto"
    found["visits"].loc[3, "planned"] = "Quillfeather"
    result = cleaned(found)
    said = result.audit.to_csv()
    assert not [word for word in ("Ballyferrit", "Clonsilla", "clonsilla", "Umberto", "Quillfeather") if word in said]
    kept = set(result.audit["old"].dropna())
    assert {"(text of 11 characters)", "(text of 7 characters)", "(text of 12 characters)"} <= kept
