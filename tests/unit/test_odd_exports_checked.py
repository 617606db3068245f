"""Exports as people have them, drafted and checked: each is read right, asked about, or told in a sentence."""

import datetime
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from small_export import OwnCodes

from needling.clean.cleaning import clean
from needling.cli import main
from needling.plan import load_study
from needling.read.canonical import to_canonical
from needling.read.export import read_export

PAIN = [2 + (3 * n) % 7 for n in range(48)]
NDI = [10 + (7 * n) % 61 for n in range(48)]


def table(**columns) -> pd.DataFrame:
    """24 patients at two visits, some columns given otherwise."""
    rows = pd.DataFrame(
        {
            "id": [f"P{n // 2 + 1:03}" for n in range(48)],
            "visit": ["Baseline", "Week 4"] * 24,
            "date": [str(datetime.date(2024, 3, 1) + datetime.timedelta(28 * (n % 2))) for n in range(48)],
            "group": [["Needling", "Sham"][n // 2 % 2] for n in range(48)],
            "nprs": PAIN,
            "ndi": NDI,
        }
    )
    made = rows.assign(**columns)
    return made[[name for name in made.columns if made[name].notna().any()]]


@pytest.fixture
def checked(tmp_path, monkeypatch, capsys):
    """Draft and check an export in a folder of its own: (what check says, values by instrument)."""
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()

    def check(export, *edits, name="x.csv"):
        text = export.to_csv(index=False) if isinstance(export, pd.DataFrame) else export
        if isinstance(export, bytes):
            Path(name).write_bytes(export)
        elif name.endswith(".csv"):
            Path(name).write_text(text, encoding="utf-8")
        if main(["new", "s", "--from", name]):
            return capsys.readouterr().err, {}
        path = Path("config/s.yaml")
        words = path.read_text(encoding="utf-8")
        for old, new in edits:
            assert old in words, old
            words = words.replace(old, new, 1)
        path.write_text(words, encoding="utf-8")
        capsys.readouterr()
        code = main(["check", "s"])
        said = capsys.readouterr()
        path.unlink()
        if code:
            return said.err, {}
        path.write_text(words, encoding="utf-8")
        study = load_study(path)
        path.unlink()
        outcomes = clean(to_canonical(read_export(study.export), study), study, OwnCodes()).tables["outcomes"]
        return said.out, {
            str(n): one["value"].tolist() for n, one in outcomes.groupby(outcomes["instrument"].astype("str"))
        }

    return check


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


def test_facts_that_most_patients_lose_are_said_first(checked):
    said, _ = checked(table(height=[1.70 if n // 2 % 2 else 172 for n in range(48)]))
    assert "patients, column 'height': 12 of 24 filled cells give no value: impossible: outside 50 to 250 (12)." in said


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


# ---------------------------------------------------------------- dates and letters


def test_a_scale_the_other_way_round_in_everybody_is_said_first(checked):
    """A clinic alone was asked about; where all clinics had turned the scale round nothing was said."""
    with_pain = [min(100, 11 * v - n % 9) for n, v in enumerate(PAIN)]
    said, _ = checked(table(ndi=[100 - v for v in with_pain]))
    assert "Likely wrong\n  - instruments.ndi: it runs against nprs (correlation -0.9" in said
    assert "though lower is better in ndi and lower is better in nprs" in said
    assert "./run" in checked(table(ndi=with_pain))[0]
    few = table(ndi=[100 - v for v in with_pain]).iloc[:38]
    assert "runs against" not in checked(few)[0]


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
    assert main(["check", "s"]) == 0
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
