"""Small exports of kinds that have gone wrong elsewhere: what is asked, what is read, and that no row is lost."""

import re
from pathlib import Path

import pandas as pd
import pytest
from made_exports import plan
from small_export import OwnCodes

from needling.clean.cleaning import clean
from needling.instruments.definition import definitions
from needling.instruments.scoring import score
from needling.read.canonical import to_canonical
from needling.read.export import read_export
from needling.study.file import part
from needling.study.itself import check_used_once
from needling.study.keys import StudyError
from needling.study.sources import Instrument

CASES = Path(__file__).parent / "cases"
CODES = {"Dry needling": "dn", "Sham": "sham", "DN": "dn", "sham": "sham", "a": "dn", "b": "sham", "PRP": "dn"}


def cleaned(case: str | Path, instruments: dict, covariates: dict | None = None, clinic: str | None = None, **keys):
    path = case if isinstance(case, Path) else CASES / f"{case}.csv"
    names = pd.read_csv(path, sep=None, engine="python", dtype=str)
    arms = list(dict.fromkeys(names["arm"]))[:2]
    visits = {
        "schedule": {
            "baseline": {"label": "Baseline", "days": [-3, 3]},
            "week_4": {"label": "Week 4", "days": [20, 40]},
        }
    }
    if "visit_date" in names.columns:
        visits["date"] = "visit_date"
    if "visit" in names.columns:
        known = {"Baseline": "baseline", "baseline": "baseline", "Week 4": "week_4", "week_4": "week_4"}
        visits["planned"] = {"from": "visit", "codes": {**known, "Week 12": "unscheduled"}}
    sections = {
        "export": {"format": "csv", "records": str(path), **keys.pop("export", {})},
        "design": "randomised",
        "patients": {
            "id": keys.pop("id", "id"),
            "clinic": clinic,
            "arm": {
                "from": "arm",
                "codes": keys.pop("arms", {arm: f"arm_{n}" for n, arm in enumerate(arms)}),
                "reference": "arm_0",
            },
            "covariates": covariates or {},
        },
        "visits": {**visits, "primary": "week_4"},
        "instruments": instruments,
        "events": {},
        "cohorts": {"all": {"label": "All", "outcomes": {}}},
        "cleaning": {},
    }
    study = part(sections)
    read = to_canonical(read_export(study.export), study)
    result = clean(read, study, OwnCodes())
    for name, table in result.tables.items():
        out = result.quarantine[result.quarantine["table"] == name]["row"]
        assert sorted([*table["row"], *out]) == sorted(read[name]["row"]), name
    return result


@pytest.mark.parametrize(
    ("case", "name", "settings", "said", "answers"),
    [
        ("ppt_kgf_one_clinic", "ppt", {"total": "ppt"}, "column 'ppt'.*unit", [{"unit": "kgf/cm2"}, {"unit": "kPa"}]),
        ("ppt_kgf_three_clinics", "ppt", {"total": "ppt"}, "column 'ppt'.*kgf/cm2", [{"unit": "kgf/cm2"}, {"factor": 98.07}]),
        ("vas_in_cm", "vas", {"total": "vas"}, "column 'vas'.*a tenth.*cm",
         [{"unit": "cm"}, {"range": [0, 100]}]),
        ("ndi_total_of_50", "ndi", {"total": "ndi_total"}, "column 'ndi_total'.*raw",
         [{"unit": "0-50 points"}, {"unit": "%"}]),
        ("ndi_items_1_to_6", "ndi", {"items": "ndi_1 .. ndi_10"}, "'ndi_1' to 'ndi_10'.*items_from: 1",
         [{"items_from": 1}, {"items_from": 0}]),
        ("odi_items_1_to_6", "odi", {"items": "odi_1 .. odi_10"}, "never used.*items_from: 1",
         [{"items_from": 1}, {"items_from": 0}]),
        ("cpm_missing_codes", "cpm", {"total": "cpm"}, r"column 'cpm': holds -99 \(6 times\)", [{"range": [-2000, 2000]}]),
    ],
)  # fmt: skip
def test_what_a_wrong_guess_would_change_by_a_factor_is_asked(case, name, settings, said, answers):
    with pytest.raises(StudyError, match=said):
        cleaned(case, {name: settings})
    for answer in answers:
        assert cleaned(case, {name: settings | answer}).tables["outcomes"]["value"].notna().any()


def test_the_answer_is_what_is_computed_with():
    kpa = cleaned("ppt_kgf_one_clinic", {"ppt": {"total": "ppt", "unit": "kgf/cm2"}}).tables["outcomes"]["value"]
    assert kpa.iloc[0] == pytest.approx(3.41 * 98.07)
    times = cleaned("ppt_kgf_one_clinic", {"ppt": {"total": "ppt", "factor": 98.07}}).tables["outcomes"]["value"]
    assert times.tolist() == kpa.tolist()
    mm = cleaned("vas_in_cm", {"vas": {"total": "vas", "unit": "cm"}}).tables["outcomes"]["value"]
    assert mm.iloc[0] == 61
    items = cleaned("ndi_items_1_to_6", {"ndi": {"items": "ndi_1 .. ndi_10", "items_from": 1}}).tables["outcomes"][
        "value"
    ]
    assert items.iloc[:6].tolist() == [0, 1, 2, 3, 4, 5]
    assert items.notna().all()


def test_clinics_are_no_evidence_where_arms_are_allocated_by_clinic():
    with pytest.raises(StudyError, match=r"one clinic \(24 of them\).*unit_column"):
        cleaned("vas_one_clinic_cm_one_mm", {"vas": {"total": "vas"}}, clinic="clinic")


def test_a_clinic_in_centimetres_among_millimetres_is_converted_and_audited(tmp_path):
    table = pd.read_csv(CASES / "vas_one_clinic_cm_one_mm.csv", dtype=str)
    table["arm"] = (table["id"].astype(int) // 2 % 2).map({0: "DN", 1: "Sham"})
    table.to_csv(tmp_path / "mixed.csv", index=False)
    result = cleaned(tmp_path / "mixed.csv", {"vas": {"total": "vas"}}, clinic="clinic")
    noted = result.audit[result.audit["rule"] == "scale_by_ten"]
    assert (noted["new"].astype(float) == noted["old"].astype(float) * 10).all()
    assert len(noted) == 24
    assert result.tables["outcomes"]["value"].min() > 10


def test_no_day_of_a_series_is_lost_because_it_repeats_a_value():
    result = cleaned("daily_ratings", {"nprs": {"total": "nprs"}})
    assert len(result.tables["visits"]) == 384
    assert result.quarantine.empty


def test_an_arm_one_letter_away_is_not_the_listed_one():
    result = cleaned("arm_one_letter_away", {"nprs": {"total": "nprs"}}, arms={"PRP": "arm_0", "other": "arm_1"})
    assert set(result.tables["patients"]["arm"]) == {"arm_0"}
    assert (result.quarantine["reason"] == "unknown arm").sum() > 0


def test_grades_in_roman_numerals_are_kept_apart():
    grades = {"grade": {"from": "grade", "codes": {"I": "one", "II": "two"}}}
    result = cleaned("grade_roman_numerals", {"nprs": {"total": "nprs"}}, grades)
    read = pd.read_csv(CASES / "grade_roman_numerals.csv", dtype=str).drop_duplicates("id")["grade"]
    assert (result.tables["patients"]["grade"] == "two").sum() == (read.str.lower() == "ii").sum()


def test_codes_and_numbers_written_otherwise_are_the_same():
    assert len(cleaned("id_8_and_8.0", {"nprs": {"total": "nprs"}}).tables["patients"]) == 24
    ppt = cleaned("swiss_numbers", {"ppt": {"total": "ppt"}}, export={"delimiter": ";"}).tables["outcomes"]["value"]
    assert ppt.iloc[0] == 1234.5
    assert ppt.notna().all()
    below = cleaned("rom_negative", {"rom": {"total": "rom"}}).tables["outcomes"]["value"]
    assert below.iloc[0] == -5
    with_minus = (CASES / "unicode_minus.csv").read_text(encoding="utf-8")
    assert re.search("\N{MINUS SIGN}", with_minus)
    assert cleaned("unicode_minus", {"nprs": {"total": "nprs"}}).audit["reason"].eq("another sign for minus").any()


# ---------------------------------------------------------------- answers that are not their points


def visa_export(folder: Path, seventh: list[str]) -> Path:
    """Eight items of the VISA-A, all 10 and 30 but the seventh."""
    path = folder / "visa.csv"
    rows = [
        ",".join([f"P-{n}", "AB"[n % 2], f"2024-03-{1 + n:02d}", "Baseline", *["10"] * 6, code, "30"])
        for n, code in enumerate(seventh)
    ]
    head = ",".join(["id", "arm", "visit_date", "visit", *(f"v{number}" for number in range(1, 9))])
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def test_codes_that_are_no_points_of_an_item_are_asked_and_answered_by_points(tmp_path):
    """A survey tool numbers the answers of item 7 from 1; they stand for 0, 4, 7 and 10 points."""
    path = visa_export(tmp_path, ["1", "2", "3", "4"] * 3)
    with pytest.raises(StudyError, match=r"9 of 12 answers \(such as 1, 2, 3\).*points: \{7.*1: 0, 2: 4, 3: 7, 4: 10"):
        cleaned(path, {"visa_a": {"items": "v1 .. v8"}})
    points = {"7": {"1": 0, "2": 4, "3": 7, "4": 10}}
    found = cleaned(path, {"visa_a": {"items": "v1 .. v8", "points": points}})
    outcomes = found.tables["outcomes"]
    assert outcomes.loc[outcomes["item"] == "7", "value"].tolist() == [0, 4, 7, 10] * 3
    settings = Instrument.model_validate({"items": "v1 .. v8", "points": points})
    scores = score(outcomes, definitions({"visa_a": settings}))
    assert scores["value"].tolist() == [90, 94, 97, 100] * 3
    assert (found.audit["reason"] == "answer coded otherwise by the export").sum() == 12


def test_a_code_without_points_is_queried_and_missing(tmp_path):
    path = visa_export(tmp_path, ["1", "2", "3", "9"] * 3)
    points = {"7": {"1": 0, "2": 4, "3": 7}}
    found = cleaned(path, {"visa_a": {"items": "v1 .. v8", "points": points}})
    seventh = found.tables["outcomes"].query("item == '7'")["value"]
    assert seventh.isna().sum() == 3
    assert (found.audit["reason"] == "a code to which the study file gives no points").sum() == 3


def test_a_few_impossible_answers_are_slips_and_not_asked_about(tmp_path):
    path = visa_export(tmp_path, ["10", "7"] * 10 + ["6", "6"])
    outcomes = cleaned(path, {"visa_a": {"items": "v1 .. v8"}}).tables["outcomes"]
    scores = score(outcomes, definitions({"visa_a": Instrument(items="v1 .. v8")}))
    assert len(scores) == 20
    path = visa_export(tmp_path, ["10", "7"] * 10 + ["6", "5", "3"])
    found = cleaned(path, {"visa_a": {"items": "v1 .. v8"}})
    assert found.tables["outcomes"].query("item == '7'")["value"].isna().sum() == 3
    noted = found.audit[found.audit["reason"] == "impossible: none of the answers that the item has"]
    assert sorted(noted["old"]) == ["3", "5", "6"]
    assert {*noted["action"]} == {"missing"}


def test_codes_beyond_the_answers_of_an_item_are_given_no_order(tmp_path):
    path = visa_export(tmp_path, ["0", "4", "7", "10", "5", "6"] * 3)
    with pytest.raises(StudyError, match=r"6 of 18 answers \(such as 5, 6\).*code: points, \.\.\.\}\}\.$"):
        cleaned(path, {"visa_a": {"items": "v1 .. v8"}})


def test_parts_of_a_joined_code_are_the_same_number_also_with_a_fraction_of_nought(tmp_path):
    text = "site,id,visit,arm,nprs\n" + "".join(
        f"{site},{n}{'' if visit == 'baseline' else '.0'},{visit},{'ab'[n % 2]},{(n + site) % 9}\n"
        for site in (1, 2)
        for n in range(1, 7)
        for visit in ("baseline", "week_4")
    )
    (tmp_path / "sites.csv").write_text(text, encoding="utf-8")
    result = cleaned(tmp_path / "sites.csv", {"nprs": {"total": "nprs"}}, clinic="site", id=["site", "id"])
    assert sorted(result.tables["patients"]["patient"]) == sorted(
        f"p.{site}/{n}" for site in (1, 2) for n in range(1, 7)
    )
    assert len(result.tables["visits"]) == 24


# ---------------------------------------------------------------- rows that an unread column tells apart


def test_one_row_per_side_is_asked_about_and_becomes_an_outcome_of_each_side():
    with pytest.raises(StudyError, match=r"48 of 96 rows of visits.*'side'.*instruments.NAME.rows: \{side"):
        cleaned("left_right_rows", {"nprs": {"total": "nprs"}})
    sides = {
        f"nprs_{side}": {"registry": "nprs", "total": "nprs", "rows": {"side": [side]}, "side": side}
        for side in ("left", "right")
    }
    result = cleaned("left_right_rows", sides)
    outcomes = result.tables["outcomes"]
    assert outcomes.groupby("instrument").size().to_dict() == {"nprs_left": 48, "nprs_right": 48}
    assert outcomes["visit_row"].nunique() == 48
    read = pd.read_csv(CASES / "left_right_rows.csv")
    for side in ("left", "right"):
        mine = outcomes.loc[outcomes["instrument"] == f"nprs_{side}", "value"]
        assert mine.tolist() == read.loc[read["side"] == side, "nprs"].tolist()


def repeated_export(folder: Path, rows: int, **columns: list) -> Path:
    """Twelve patients at two visits, and beside each visit further rows of it."""
    path = folder / "repeated.csv"
    days = {"baseline": "2024-03-01", "week_4": "2024-03-29"}
    table = pd.DataFrame(
        {"id": n, "arm": "ab"[n % 2], "visit": visit, "visit_date": days[visit], "nprs": 2 + n % 5 + k}
        | {name: values[k] for name, values in columns.items()}
        for n in range(12)
        for visit in days
        for k in range(rows)
    )
    table.to_csv(path, index=False)
    return path


def test_three_readings_of_a_visit_are_asked_about_also_where_they_differ(tmp_path):
    path = repeated_export(tmp_path, 3, reading=[1, 2, 3], site=["knee"] * 3)
    with pytest.raises(StudyError, match=r"48 of 72 rows of visits are the second.*not read: 'reading'\."):
        cleaned(path, {"nprs": {"total": "nprs"}})
    first = cleaned(path, {"nprs": {"total": "nprs", "rows": {"reading": [1]}}})
    assert first.tables["outcomes"]["value"].tolist() == [2 + n % 5 for n in range(12) for _ in range(2)]


def test_two_outcomes_of_one_column_need_rows_of_their_own():
    sides = {name: {"registry": "nprs", "total": "nprs"} for name in ("nprs_left", "nprs_right")}
    with pytest.raises(ValueError, match="name the same column 'nprs'"):
        check_used_once(plan(instruments=sides))
    check_used_once(plan(instruments={name: one | {"rows": {"side": name}} for name, one in sides.items()}))


def test_a_column_of_row_numbers_tells_nothing_apart(tmp_path):
    path = repeated_export(tmp_path, 1, noted=["x"])
    table = pd.read_csv(path, dtype=str)
    twice = pd.concat([table, table.head(2)], ignore_index=True)
    twice.assign(entry=range(len(twice))).to_csv(path, index=False)
    result = cleaned(path, {"nprs": {"total": "nprs"}})
    assert set(result.audit["action"]) == {"dropped"}
    twice.assign(entry=range(len(twice)), noted=["x"] * 24 + ["y"] * 2).to_csv(path, index=False)
    result = cleaned(path, {"nprs": {"total": "nprs"}})
    assert set(result.audit["action"]) == {"quarantined", "query"}
    assert result.quarantine["reason"].str.contains("(noted)", regex=False).all()


@pytest.mark.parametrize(
    ("ratings", "kept"), [((53, 31, 10), [None, None, None]), ((5, 31, 10), [5, None, 10]), ((5, 3, 10), [5, 3, 10])]
)
def test_a_ten_beside_higher_ratings_of_the_patient_is_in_doubt(tmp_path, ratings, kept):
    days = {"Baseline": "2024-01-08", "Week 4": "2024-02-05", "Week 12": "2024-04-01"}
    lines = ["id,arm,visit,visit_date,nprs"]
    for person in range(24):
        values = ratings if not person else (7, 4 + person % 3, 3)
        rows = zip(days.items(), values, strict=True)
        lines += [f"P{person:02},{'ab'[person % 2]},{visit},{day},{value}" for (visit, day), value in rows]
    (tmp_path / "mixed.csv").write_text("\n".join(lines))
    result = cleaned(tmp_path / "mixed.csv", {"nprs": {"total": "nprs"}})
    mine = result.tables["outcomes"].sort_values("row")["value"].iloc[:3].astype(object)
    assert mine.where(mine.notna(), None).tolist() == kept
    why = "10 of a patient whose other ratings are above 10: it may be 1"
    assert result.audit["reason"].eq(why).sum() == (kept[0] is None)


def test_a_stated_factor_is_not_taken_back(tmp_path):
    lines = ["id,arm,visit,visit_date,nprs"]
    days = {"Baseline": "2024-01-08", "Week 4": "2024-02-05"}
    lines += [f"P{n:02},{'ab'[n % 2]},{visit},{day},{2 + n % 7}" for n in range(24) for visit, day in days.items()]
    (tmp_path / "factor.csv").write_text("\n".join(lines))
    result = cleaned(tmp_path / "factor.csv", {"nprs": {"total": "nprs", "factor": 10}})
    assert result.tables["outcomes"]["value"].isna().all()
    assert not result.audit["rule"].eq("scale_by_ten").any()
