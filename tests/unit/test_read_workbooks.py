"""What spreadsheets do to exports: percentages, formulas without values, dates, stray cells, and files that end a reader."""

import os
import signal
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from small_export import OwnCodes

from needling.clean.cleaning import clean
from needling.read.apart import Unreadable, apart
from needling.read.canonical import to_canonical
from needling.read.export import read_export
from needling.read.workbook import read_workbook
from needling.study.file import part
from needling.study.keys import StudyError

CASES = Path(__file__).parent / "cases"


def study(case, total):
    sections = {
        "export": {"format": "excel", "records": str(CASES / f"{case}.xlsx")},
        "design": "randomised",
        "patients": {
            "id": "id",
            "arm": {"from": "arm", "codes": {"Dry needling": "dn", "Sham": "sham"}, "reference": "sham"},
        },
        "visits": {
            "date": "visit_date",
            "planned": {"from": "visit", "codes": {"Baseline": "baseline", "Week 4": "week_4"}},
            "schedule": {"baseline": {"week": 0}, "week_4": {"week": 4}},
            "primary": "week_4",
        },
        "instruments": {total: {"total": "ndi_total", "unit": "%"} if total == "ndi" else {"total": total}},
        "events": {},
        "cohorts": {"all": {"label": "All", "outcomes": {}}},
        "cleaning": {},
    }
    return part(sections)


def cleaned(case, total="nprs"):
    one = study(case, total)
    return clean(to_canonical(read_export(one.export), one), one, OwnCodes())


def test_a_cell_shown_as_a_percentage_is_the_percentage_and_audited():
    cells = read_workbook(CASES / "ndi_percent_cells.xlsx", "x", None, 1).sheets[0].frame["ndi_total"]
    assert cells[:2].tolist() == ["42%", "36%"]
    assert cells[10:12].tolist() == ["42", "36"]
    result = cleaned("ndi_percent_cells", "ndi")
    assert result.tables["outcomes"]["value"].min() == 34
    assert (result.audit["reason"] == "unit written beside the number: %").sum() == 10


def test_formulas_that_were_never_calculated_are_counted_and_named():
    with pytest.raises(StudyError, match=r"formulas were never calculated.*'ndi_total' \(48\)"):
        cleaned("formulas_not_calculated", "ndi")
    assert len(cleaned("formulas_not_calculated").tables["outcomes"]) == 48  # of a column that is not read


def test_scores_that_became_dates_are_called_so():
    with pytest.raises(StudyError, match=r"turned scores such as 3-4 into dates.*'nprs' \(2\)"):
        cleaned("scores_turned_into_dates")


def test_dates_that_a_spreadsheet_turned_round_are_turned_back_and_audited():
    result = cleaned("dates_swapped")
    visits = result.tables["visits"]
    assert set(visits.loc[visits["visit"] == "week_4", "day"]) == {30}
    assert (result.audit["rule"] == "dates").sum() >= 25
    assert not (result.audit["rule"] == "visit_order").any()


# ---------------------------------------------------------------- damage


def workbook(path, last=None):
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([["id", "visit", "pain"], [1, "a", 3], [2, "a", 4], [3, "b", 5]]):
            sheet.write_row(number, 0, row)
        if last:
            sheet.write(*last, 7)
    return path


def changed(path, old, new):
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert any(old in part for part in parts.values())
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text.replace(old, new))
    return path


def test_a_stray_cell_in_the_last_corner_is_told_before_anything_is_read(tmp_path):
    path = workbook(tmp_path / "stray.xlsx", (1_048_575, 16_383))
    with pytest.raises(StudyError, match=r"reaches over 1,048,576 rows and 16,384 columns.*delete the stray cells"):
        read_workbook(path, "stray.xlsx", None, 1)


@pytest.mark.parametrize("place", [b"AAAAAAAAAAAAAAAA1", b"XFE1", b"A99999999999999999999", b"A1048577"])
def test_a_cell_where_no_sheet_reaches(tmp_path, place):
    path = changed(workbook(tmp_path / "far.xlsx", (5, 5)), b'"F6"', b'"' + place + b'"')
    with pytest.raises(StudyError, match=f"said to stand at {place.decode()}, where no sheet reaches"):
        read_workbook(path, "far.xlsx", None, 1)


def test_a_reader_that_dies_costs_a_sentence():
    with pytest.raises(StudyError, match=r"made\.xls: reading this file ended the reader"):
        apart(lambda: os.kill(os.getpid(), signal.SIGKILL), "made.xls")
    with pytest.raises(Unreadable, match="ZeroDivisionError"):
        apart(lambda: 1 / 0, "made.xls")
    assert apart(lambda: ["a", 1.5], "made.xls") == ["a", 1.5]
    with pytest.raises(Unreadable, match="MemoryError"):
        apart(lambda: bytearray(1 << 43), "made.xls")
