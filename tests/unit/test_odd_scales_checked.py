"""Exports as people have them, drafted and checked: units and scales are read right, asked about, or told in a sentence."""

import zipfile

import pandas as pd
import pytest
from odd_export import NDI, PAIN, table

# ---------------------------------------------------------------- a thousand or a fraction

PPT = [152 + 54 * n % 1458 for n in range(48)]  # none of the codes for missing


@pytest.mark.parametrize("mark", [",", "."])
def test_three_digits_behind_a_mark_are_asked_about_and_the_answer_is_taken(checked, mark):
    written = table(ppt=[f"{value:,}".replace(",", mark) for value in PPT], nprs=None)
    said, _ = checked(written)
    assert "column 'ppt': " in said
    assert "all with three digits behind the mark" in said
    other = "." if mark == "," else ","
    stated = ("  format: csv", f'  format: csv\n  decimal: "{other}"')
    _, values = checked(written, stated, ("{total: ppt}", "{total: ppt, unit: kPa}"))
    assert values["ppt"] == PPT


def test_a_unit_of_the_study_file_is_no_answer_to_it(checked):
    said, _ = checked(table(ppt=[f"{v:,}" for v in PPT], nprs=None), ("{total: ppt}", "{total: ppt, unit: kPa}"))
    assert "export.decimal" in said


def test_marks_that_can_only_be_decimal_or_only_part_thousands_are_not_asked_about(checked):
    _, values = checked(table(ndi=[f"{value},125" for value in NDI]))
    assert values["ndi"] == [value + 0.125 for value in NDI], "a thousand would lie beyond the range"
    written = [f"{v:,}" for v in PPT[:-1]] + ["1,234.5"]
    _, values = checked(table(ppt=written, nprs=None), ("{total: ppt}", "{total: ppt, unit: kPa}"))
    assert values["ppt"] == [*PPT[:-1], 1234.5]


def test_one_such_cell_among_plain_ones_is_held_back(checked):
    written = ["1,083", *(str(300 + n) for n in range(47))]
    said, values = checked(table(ppt=written, nprs=None), ("{total: ppt}", "{total: ppt, unit: kPa}"))
    assert pd.isna(values["ppt"][0])
    assert values["ppt"][1:] == [300 + n for n in range(47)]
    assert "asked of the clinic  numbers" in said


# ---------------------------------------------------------------- units and scales in the cells


def test_numbers_in_other_words_are_drafted(checked):
    _, values = checked(table(nprs=[f"{v}/10" for v in PAIN], ndi=[f"{v} %" for v in NDI]))
    assert values == {"nprs": PAIN, "ndi": NDI}


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("cm", 10)])
def test_a_unit_beside_the_number_is_that_of_the_cell(checked, unit, factor):
    half = [f"{10 * v} mm" if n % 2 else f"{v} cm" for n, v in enumerate(PAIN)]
    _, values = checked(table(vas=half, nprs=None), ("{total: vas", f"{{unit: {unit}, total: vas"))
    assert values["vas"] == [10 * v for v in PAIN]


def test_kilograms_beside_pressures_are_converted(checked):
    _, values = checked(table(ppt=[f"{v / 2:.1f} kg" for v in PAIN], nprs=None))
    assert values["ppt"] == pytest.approx([v / 2 * 98.07 for v in PAIN])


def test_hundredths_are_no_raw_scale_that_a_draft_may_state(checked):
    said, _ = checked(table(ndi=[value / 100 for value in NDI]))
    assert "column 'ndi'" in said
    assert "instruments.ndi.factor: 100 if they are hundredths" in said
    _, values = checked(
        table(ndi=[value / 100 for value in NDI]), ("ndi: {total: ndi", "ndi: {factor: 100, total: ndi")
    )
    assert values["ndi"] == pytest.approx(NDI)


def test_percentages_of_an_open_document_are_read_as_shown(checked):
    def cell(value, name):
        kind = {"ndi": "percentage", "nprs": "float"}.get(name, "string")
        held = "" if kind == "string" else f' office:value="{value / 100 if kind == "percentage" else value}"'
        text = f"<text:p>{value}{'%' if kind == 'percentage' else ''}</text:p>"
        return f'<table:table-cell office:value-type="{kind}"{held}>{text}</table:table-cell>'

    data = table()
    rows = ["".join(cell(name, "") for name in data.columns)]
    rows += ["".join(cell(v, n) for n, v in row.items()) for row in data.to_dict("records")]
    body = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    body = f'<office:body><office:spreadsheet><table:table table:name="S">{body}</table:table></office:spreadsheet></office:body>'
    parts = ("office", "table", "text")
    space = "urn:oasis:names:tc:opendocument:xmlns"
    names = " ".join(f'xmlns:{part}="{space}:{part}:1.0"' for part in parts)
    entry = '<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
    with zipfile.ZipFile("x.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", f"<office:document-content {names}>{body}</office:document-content>")
        archive.writestr(
            "META-INF/manifest.xml",
            f'<manifest:manifest xmlns:manifest="{space}:manifest:1.0">{entry}</manifest:manifest>',
        )
    said, values = checked(data, name="x.ods")
    assert values.get("ndi") == NDI, said


# What many exports hold -> the unit that says so, and what the first values are on the instrument's own scale.
SUMS = {
    "quickdash": ([11 + n % 45 for n in range(48)], [100 * (n % 45) / 44 for n in range(48)]),
    "dash": ([30 + 2 * n for n in range(48)], [100 * 2 * n / 120 for n in range(48)]),
    "koos_pain": ([n % 37 for n in range(48)], [100 - 100 * (n % 37) / 36 for n in range(48)]),
    "faam_sport": ([n % 33 for n in range(48)], [100 * (n % 33) / 32 for n in range(48)]),
    "bpi_interference": ([n % 71 for n in range(24, 72)], [n % 71 / 7 for n in range(24, 72)]),
}


@pytest.mark.parametrize("name", SUMS)
def test_answers_added_up_are_asked_about_and_the_unit_turns_them_into_scores(checked, name):
    sums, scores = SUMS[name]
    export = table(nprs=None, ndi=None, **{name: sums})
    said, _ = checked(export)
    assert f"column '{name}': 48 values from {min(sums)} to {max(sums)}" in said
    assert '"sum of items"' in said
    total = f"{{total: {name}"
    _, values = checked(export, (total, f"{{unit: sum of items, total: {name}"))
    assert values[name] == pytest.approx(scores)


# Scores that are those of another version, or per cent of the most that is possible.
OTHERS = {
    "tsk17": [n % 52 for n in range(48)],
    "hads_anxiety": [n % 43 for n in range(48)],
    "rmdq": [100 * (n % 25) / 24 for n in range(48)],
    "spadi": [(7 * n) % 131 for n in range(48)],
    "womac": [100 * (n % 97) / 96 for n in range(48)],
    "nprs": [(7 * n) % 60 + 30 for n in range(48)],
}


@pytest.mark.parametrize("name", OTHERS)
def test_scores_of_another_version_are_asked_about(checked, name):
    said, _ = checked(table(**{"ndi": None, "nprs": None, name: OTHERS[name]}))
    assert f"column '{name}': 48 values from " in said
    assert "outside the range" in said or "have fractions, which" in said
    assert "Which unit is it in?" in said


def test_sums_of_one_clinic_are_not_divided_by_ten(checked):
    sites = {"site": [["a", "b"][n // 2 % 2] for n in range(48)], "ndi": None}
    said, _ = checked(table(bpi_interference=[[v, 7 * v][n // 2 % 2] for n, v in enumerate(PAIN)], **sites))
    assert "column 'bpi_interference': 48 values from 2 to 56" in said
    _, values = checked(table(nprs=[[v, 10 * v][n // 2 % 2] for n, v in enumerate(PAIN)], **sites))
    assert values["nprs"] == PAIN, "of a single rating it is clear"


def test_radians_are_asked_about(checked):
    said, _ = checked(table(rom=[0.5 + n / 50 for n in range(48)], ndi=None))
    assert "all within a hundredth of the range of Range of motion, -90 to 360 degrees" in said
    assert "instruments.rom.factor (what one of them is in degrees)" in said


def test_an_index_is_known_by_its_whole_name(checked):
    _, values = checked(table(eq5d_index=[0.4 + n / 100 for n in range(48)], ndi=None))
    assert {*values} == {"nprs", "eq5d_index"}


def test_per_cent_of_the_most_and_ratings_of_0_to_100_have_a_factor(checked):
    for name, factor in [("rmdq", 0.24), ("nprs", 0.1)]:
        export = table(**{"ndi": None, "nprs": None, name: OTHERS[name]})
        assert f"instruments.{name}.factor: {factor} if they are 0-100" in checked(export)[0]
        _, values = checked(export, (f"{{total: {name}", f"{{factor: {factor}, total: {name}"))
        assert values[name] == pytest.approx([factor * value for value in OTHERS[name]])


def test_what_fits_its_scale_is_not_asked_about(checked):
    export = table(quickdash=[round(100 * (n % 45) / 44, 1) for n in range(48)], nprs=None, ndi=None)
    assert "./run" in checked(export)[0]
    assert "./run" in checked(table(lefs=[20 + n for n in range(48)], ndi=None))[0]


@pytest.mark.parametrize(
    ("vas", "whose"),
    [
        ([(4 + n % 5) * (1 if n // 2 % 4 == 0 else 10) for n in range(48)], "some patients (12 of them)"),
        ([40 + n % 40 if n % 2 == 0 else 3 + n % 4 for n in range(48)], "one visit (24 of them)"),
    ],
)
def test_centimetres_of_some_patients_or_of_a_visit_are_asked_about(checked, vas, whose):
    said, _ = checked(table(vas=vas, nprs=None))
    assert f"the values of {whose} are 5 to 20 times below those of the others. Which unit" in said
    assert "./run" in checked(table(vas=vas, nprs=None), ("{total: vas", "{range: [0, 100], total: vas"))[0]
    spread = [(4 + n % 5) * (1 if n // 2 % 4 == 0 else 10) // (1 + n % 3 * 4) for n in range(48)]
    assert "./run" in checked(table(vas=spread, nprs=None))[0], "low values that others have too are no other unit"


def test_percentages_that_are_all_even_are_no_raw_scale_that_a_draft_may_state(checked):
    """One raw point of the NDI is 2 %: read as 0-50 points they were doubled."""
    even = [2 * (n % 24) for n in range(48)]
    said, _ = checked(table(ndi=even))
    assert "none above 50, so it may be the raw scale" in said
    _, values = checked(table(ndi=even), ("{total: ndi}", "{unit: '%', total: ndi}"))
    assert values["ndi"] == even


@pytest.mark.parametrize("column", ["site", "visit"])
def test_raw_points_of_one_clinic_or_visit_among_percentages_are_asked_about(checked, column):
    half = [n // 2 % 2 if column == "site" else n % 2 for n in range(48)]
    percent = [2 * (7 * n % 41) for n in range(48)]
    raw = [value // 2 if here else value for value, here in zip(percent, half, strict=True)]
    site = ["ab"[here] for here in half] if column == "site" else None
    said, _ = checked(table(ndi=raw, site=site))
    whose = "one clinic" if column == "site" else "one visit"
    assert f"all values of {whose} (24 of them) would be on the raw scale, and odd numbers are among them" in said
    assert "./run" in checked(table(ndi=percent, site=site))[0]
    items = {f"ndi_{n}": [(value // 2 + 10 - n) // 10 for value in percent] for n in range(1, 11)}
    said, _ = checked(table(ndi=None, site=site, **items, ndi_total=raw))
    assert "./run" in said, "items tell the scale"


def test_a_column_may_say_row_by_row_that_answers_were_added_up(checked):
    """The unit column of an instrument without other units was not read."""
    sums = [11 + n % 45 for n in range(48)]
    scores = [100 * (n % 45) / 44 for n in range(48)]
    written = table(
        quickdash=[sums[n] if n % 2 else scores[n] for n in range(48)],
        unit=["sum of items" if n % 2 else "0-100 points" for n in range(48)],
        nprs=None,
        ndi=None,
    )
    said, values = checked(written, ("{total: quickdash", "{unit_column: unit, total: quickdash"))
    assert values["quickdash"] == pytest.approx(scores)
    assert "24  corrected      units" in said
    written["unit"] = [None if n % 2 else "0-100 points" for n in range(48)]
    stated = "{unit: sum of items, unit_column: unit, total: quickdash"
    _, values = checked(written, ("{total: quickdash", stated))
    assert values["quickdash"] == pytest.approx(scores), "rows that state none are in the unit of the study file"


def test_an_instrument_of_one_unit_is_not_told_to_have_a_column_of_units(checked):
    said, _ = checked(table(lefs=[100 - n for n in range(48)], nprs=None, ndi=None))
    assert "instruments.lefs.factor: 0.8 if they are 0-100" in said
    assert "unit_column" not in said


def test_a_draft_states_no_unit_of_what_is_measured(checked):
    """Newtons of one clinic and kilograms of the other were drafted as kilograms."""
    strength = [[25 + n % 9, 250 + n % 90][n // 2 % 2] for n in range(48)]
    said, _ = checked(table(strength=strength, nprs=None, ndi=None))
    assert "column 'strength'" in said
    assert 'instruments.strength.unit (one of "N", "kgf", "kg", "lbf", "lb")' in said


def test_several_units_beside_the_numbers_of_a_fact_are_asked_about(checked):
    export = table(duration=[f"{3 + n // 2} months" if n // 2 % 2 else f"{8 + n // 2} weeks" for n in range(48)])
    said, _ = checked(export)
    assert "column 'duration': its numbers stand in several units (month, week). Which one is meant?" in said
    said, _ = checked(export, ("duration: duration", "duration: {from: duration, unit: weeks}"))
    assert "patients, column 'duration': 12 of 24 filled cells give no value: written in another unit than" in said


def test_a_scale_the_other_way_round_in_everybody_is_said_first(checked):
    """A clinic alone was asked about; where all clinics had turned the scale round nothing was said."""
    with_pain = [min(100, 11 * v - n % 9) for n, v in enumerate(PAIN)]
    said, _ = checked(table(ndi=[100 - v for v in with_pain]))
    assert "Likely wrong\n  - instruments.ndi: it runs against nprs (correlation -0.9" in said
    assert "though lower is better in ndi and lower is better in nprs" in said
    assert "./run" in checked(table(ndi=with_pain))[0]
    few = table(ndi=[100 - v for v in with_pain]).iloc[:38]
    assert "runs against" not in checked(few)[0]
