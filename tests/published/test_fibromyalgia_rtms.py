"""A real record as messy as exports get: sessions of fibromyalgia at nine centres, taken by its study file alone.

The counts are those of the published file itself (repository nazariofelix-CTB/fibromyalgia-rTMS-trajectories), counted
here apart from the pipeline; the data guide in data/raw/fibromyalgia_rtms says what is untidy about it.
"""

import re

import pandas as pd
import pytest

from needling.clean.cleaning import clean
from needling.figures.draw import figures
from needling.labels.words import Labels
from needling.plan import load_study
from needling.report.text import report_text
from needling.tables.make import tables as all_tables
from stages import run_stages

ROWS = 3568
CODES = 1674
FIRST, INTERMEDIATE, FINAL, LATER = 1375, 1013, 691, 489
SECOND = 96  # planned sessions under a name that the code of the patient has had before
SET_ASIDE = 20  # those of the day of the one before or the next: entered twice
NO_ACTIVITY_ANSWERED = 60
PLACES = ("intermediate", "final")


@pytest.fixture(scope="module")
def export(reference):
    path = reference / "fibromyalgia_rtms" / "raw.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not here; data/raw/fibromyalgia_rtms/README.md says where it comes from")
    return path


@pytest.fixture(scope="module")
def raw(export):
    """The file as another program reads it: text and nothing else."""
    return pd.read_csv(export, sep=";", encoding="latin-1", dtype="str", keep_default_na=False)


@pytest.fixture(scope="module")
def study(project):
    return load_study(project / "config/fibromyalgia_rtms.yaml")


@pytest.fixture(scope="module")
def ran(study, export, tmp_path_factory):
    return run_stages(study, tmp_path_factory.mktemp("keys"), raw=export)


@pytest.fixture(scope="module")
def course(ran):
    return ran.results("course")


def day_of(raw):
    """Day of each row, read month first."""
    return pd.to_datetime(raw["Marca temporal"].str.split(" ").str[0], format="%m/%d/%Y")


def found(totals, instrument):
    """Finding and reason -> number of totals of an instrument."""
    mine = totals[totals["instrument"] == instrument]
    return {(f, r or ""): n for f, r, n in mine[["finding", "reason", "n"]].itertuples(index=False)}


def test_every_row_is_kept_or_set_aside(ran):
    read = {name: len(ran.read[name]) for name in ("patients", "visits", "outcomes")}
    assert read == {"patients": CODES, "visits": ROWS, "outcomes": ROWS * (20 + 19 + 4 + 3)}
    out = ran.cleaned.quarantine
    for name, rows in read.items():
        gone = out.loc[out["table"] == name, "row"]
        assert sorted([*ran.cleaned.tables[name]["row"], *gone]) == list(range(rows)), name
    assert set(out["rule"]) == {"duplicates"}


def test_a_second_session_of_one_name_is_never_taken_for_the_first(ran, raw):
    entry = pd.DataFrame({"code": raw.iloc[:, 1], "session": raw["Número de sesión"], "day": day_of(raw)})
    planned = entry[entry["session"] != "Sesión de recuerdo"]
    again = planned.duplicated(["code", "session"])
    gap = planned.groupby(["code", "session"])["day"].diff().dt.days
    assert int(again.sum()) == SECOND
    assert int((gap <= 1).sum()) == SET_ASIDE
    assert (ran.cleaned.quarantine["table"] == "visits").sum() == SET_ASIDE
    kept = ran.cleaned.tables["visits"]["visit"].value_counts()
    assert kept["unscheduled"] == LATER + SECOND - SET_ASIDE
    assert kept[["first", "intermediate", "final"]].sum() == FIRST + INTERMEDIATE + FINAL - SECOND
    assert FIRST + INTERMEDIATE + FINAL + LATER == ROWS


def test_dates_are_month_first_and_then_in_order(ran, raw):
    day = day_of(raw)
    assert day.is_monotonic_increasing
    first = day.groupby(raw.iloc[:, 1]).transform("min")
    visits = ran.cleaned.tables["visits"]
    assert visits["day"].tolist() == (day - first).dt.days.to_numpy()[visits["row"]].tolist()


def test_totals_of_the_file_agree_with_its_items(ran, study, export):
    totals = ran.cleaned.totals
    assert found(totals, "wpi") == {("agreed", ""): ROWS - SET_ASIDE, ("set_aside", ""): SET_ASIDE}
    assert found(totals, "sss") == {("agreed", ""): ROWS - SET_ASIDE, ("set_aside", ""): SET_ASIDE}
    assert sum(found(totals, "fiq").values()) == ROWS
    # with no row set aside, every total of the file is held against its items
    names = dict.fromkeys(study.visits.planned.codes, "unscheduled")
    everything = study.visits.planned.model_copy(update={"codes": names})
    visits = study.visits.model_copy(update={"planned": everything})
    cleaning = study.cleaning.model_copy(update={"off": ["duplicates"]})
    unplanned = study.model_copy(update={"visits": visits, "cleaning": cleaning})
    cleaned = clean(ran.read, unplanned, SameCodes())
    fiq = {("agreed", ""): ROWS - NO_ACTIVITY_ANSWERED, ("unreadable", "spreadsheet error"): NO_ACTIVITY_ANSWERED}
    assert found(cleaned.totals, "fiq") == fiq
    assert found(cleaned.totals, "wpi") == found(cleaned.totals, "sss") == {("agreed", ""): ROWS}


class SameCodes:
    """Keeps every code as it is."""

    def codes(self, kind, ids):
        return {one: one for one in ids}


def test_sites_ticked_in_one_cell_are_counted(ran, raw):
    columns = [column for column in raw.columns if column.startswith("Puntos de dolor")]
    ticks = sum(
        raw[column].map(lambda cell: len([one for one in cell.split(",") if one.strip()])) for column in columns
    )
    scores = ran.scores[ran.scores["instrument"] == "wpi"].set_index("visit_row")["value"]
    assert scores.tolist() == ticks.to_numpy()[scores.index].tolist()


def test_impossible_ages_and_codes_of_several_people(ran, raw):
    ages, sexes = pd.to_numeric(raw["Edad"]), raw["Sexo"]
    assert ages.max() == 6390622
    people = ran.cleaned.tables["patients"]
    assert people["age"].max() <= 90
    two_sexes = int((sexes.groupby(raw.iloc[:, 1]).nunique() > 1).sum())
    assert people["sex"].isna().sum() == two_sexes == 20
    queried = ran.cleaned.audit[
        (ran.cleaned.audit["rule"] == "conflicting_facts") & (ran.cleaned.audit["column"] == "Sexo")
    ]
    assert queried["patient"].nunique() == two_sexes
    assert set(queried["old"]) <= {"(hidden)"} or queried["old"].isna().all()


def test_course_from_the_mixed_model(ran, course):
    """The change of the FIQ; no other program's figures are published for it, so it is held to the observed changes."""
    fiq = course[(course["outcome"] == "impact") & (course["quantity"] == "change")].set_index("visit")
    frame = ran.frame[ran.frame["outcome"] == "impact"]
    for visit in PLACES:
        row, paired = fiq.loc[visit], frame.loc[frame["visit"] == visit, "change"].dropna()
        assert row["status"] == "converged"
        assert row["low"] < row["estimate"] < row["high"] < 0
        assert abs(row["estimate"] - paired.mean()) < 2
        assert row["se"] < paired.std() / len(paired) ** 0.5 * 1.1
    assert set(course["quantity"]) <= {"change", "mean", "coefficient", "standard_deviation", "covariance"}
    assert set(course["reference"]) == {""}


def test_report_fits_a_single_arm(ran, course, study, project):
    """The flow, the totals and the course are there, and no word claims that the sessions caused it."""
    released, labels = ran.released(), Labels(study)
    tables = {name: table for name, make in all_tables().items() if (table := make(released, labels)) is not None}
    words = {name: {"caption": name, "alternative": name} for name in figures()}
    templates = project / "workflow/report"
    said = report_text(labels, released, tables, words, software=["x 1"], templates=templates).replace("\\", "")
    assert "1674 codes of patients" in said.replace(",", "")
    fiq = found(ran.cleaned.totals, "fiq")
    assert str(fiq["agreed", ""]) in said
    assert "not a number (spreadsheet error)" in said
    assert "regression to the mean" in said
    assert "# Change from first session to end of treatment" in said
    assert "Primary result (course over the sessions): change from baseline at each visit." in said
    assert "Mean changes; " in said
    claims = r"\b(effects?|effective\w*|efficacy|caus\w+|due to|thanks to|because of|benefits?|works?)\b"
    plain = re.sub("random effects?", "", said.lower())  # of the model's formula
    sentences = [one for one in re.split(r"[.\n]", plain) if re.search(claims, one)]
    assert all("nothing here is an effect of treatment" in one for one in sentences), sentences
