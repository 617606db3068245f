"""The examples of docs/extending.md run: a kind, a figure, a table, a section, a cleaning rule and an instrument, one file each."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_export
from made_results import plan, shown
from scipy import stats
from small_export import OwnCodes, notes, tables

from needling.analysis.kinds import NEEDS, kinds
from needling.clean.cleaning import clean
from needling.clean.rules import rules
from needling.extension import _analysed, check_kind, frames
from needling.figures.draw import figures, write_figures
from needling.instruments.definition import definition
from needling.instruments.registry import registry
from needling.report.build import TEMPLATES
from needling.report.numbers import people
from needling.report.text import report_text
from needling.study.extensions import loaded
from needling.study.keys import StudyError
from needling.study.sources import Instrument
from needling.tables.make import tables as all_tables

EXAMPLES = Path(__file__).parents[2] / "docs/examples"
RULE = (EXAMPLES / "rule_pain_after.py").read_text(encoding="utf-8")


def test_every_example_is_led_through_and_tested():
    guide = (EXAMPLES.parent / "extending.md").read_text(encoding="utf-8")
    names = sorted(path.name for path in EXAMPLES.iterdir() if path.is_file())
    figures_and_text = ["figure_left_out.py", "section_follow_up.md", "table_followed_up.py"]
    assert names == sorted([*figures_and_text, "instrument_stiffness.yaml", "rule_pain_after.py", "trimmed_means.py"])
    assert [name for name in names if f"examples/{name}" not in guide] == []


def test_the_kind_is_yuens_test():
    assert "trimmed_means" in kinds(EXAMPLES)
    data = frames()["an ordinary trial"]
    found = _analysed(loaded(EXAMPLES / "trimmed_means.py", NEEDS), "trimmed_means", data).results
    row = found[found["quantity"] == "difference"].iloc[0]
    at_4 = data[data["visit"] == "week_4"].set_index("arm")["value"]
    test = stats.ttest_ind(at_4["dry_needling"], at_4["usual_care"], equal_var=False, trim=0.2)
    assert row[["statistic", "p", "df"]].tolist() == pytest.approx([test.statistic, test.pvalue, test.df], rel=1e-9)
    expected = stats.trim_mean(at_4["dry_needling"], 0.2) - stats.trim_mean(at_4["usual_care"], 0.2)
    assert row["estimate"] == pytest.approx(expected, rel=1e-9)
    assert [*check_kind(EXAMPLES / "trimmed_means.py", nulls=100)][-1].startswith("type I error at 5 %: ")


def test_the_figure_draws_the_numbers_left_out(tmp_path):
    released, labels = shown(plan)
    analysed = released["people"].query("stage == 'analysed' and analysis in ['primary', 'growth']")
    gone = analysed.assign(stage="left_out", reason="no_baseline", n=range(3, 3 + len(analysed)))
    released["people"] = pd.concat([released["people"], gone], ignore_index=True)
    words = write_figures(released, labels, tmp_path, EXAMPLES)
    assert words["left_out"]["section"] == "participants"
    source = figures(EXAMPLES)["left_out"].data(released, labels)
    people = released["people"].query("analysis == 'primary' and stage == 'left_out'")
    assert source["n"].sum() == people["n"].sum() > 0
    assert "not measured at baseline: " in words["left_out"]["alternative"]
    assert (tmp_path / "left_out.svg").exists()


def test_the_section_shows_the_table_and_the_figure_instead_of_where_they_would_stand():
    released, labels = shown(plan)
    made = {name: one for name, make in all_tables(EXAMPLES).items() if (one := make(released, labels)) is not None}
    known = released["missingness"].query("visit == @plan().visits.primary")
    assert len(known) > 0
    told = [row[2].split(" (")[0] for row in made["followed_up"].rows if len(row) > 1]
    assert told == [f"{row.measured} of {row.expected}" for row in known.itertuples()]
    words = {"left_out": {"caption": "Left out.", "alternative": "Bars.", "section": "participants"}}
    text = report_text(labels, released, made, words, software=["x"], templates=TEMPLATES, extensions=EXAMPLES)
    mine = text.split("# Follow-up {#follow_up}")[1].split("\n# ")[0]
    assert f"{people(released, 'enrolled')} people in {len(plan().cohorts)} cohorts were followed up to " in mine
    for place in ("{.table-of #table-followed_up}", "{#figure-left_out "):
        assert mine.count(place) == text.count(place) == 1


def sessions():
    """Sessions with pain after them; after the second it rose from 4 to 10."""
    found = tables()
    found["sessions"]["pain_after"] = found["sessions"]["pain_before"]
    found["sessions"].loc[1, ["pain_before", "pain_after"]] = ["4", "10"]
    columns = small_export.PLAN["events"]["sessions"]["columns"] | {"pain_after": "pain_after"}
    events = {**small_export.PLAN["events"], "sessions": {"columns": columns}}
    return found, events


def test_the_rule_asks_about_pain_that_rose_and_changes_nothing():
    found, events = sessions()
    result = clean(found, small_export.plan(events=events), OwnCodes(), EXAMPLES)
    assert notes(result, "pain_after") == [("query", "sessions", 301, "pain_after")]
    plain = clean(found, small_export.plan(events=events), OwnCodes())
    for name, table in plain.tables.items():
        pd.testing.assert_frame_equal(table, result.tables[name])
    assert list(rules(EXAMPLES))[-1] == "pain_after"
    off = clean(found, small_export.plan(events=events, cleaning={"off": ["pain_after"]}), OwnCodes(), EXAMPLES)
    assert notes(off, "pain_after") == []
    tuned = small_export.plan(events=events, cleaning={"tune": {"pain_after": {"points": 7}}})
    assert notes(clean(found, tuned, OwnCodes(), EXAMPLES), "pain_after") == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "    trail.note(",
            '    tables["sessions"].loc[0, "pain_after"] = 0.5\n    risen[:] = False\n    rows = rows[:0]\n    trail.note(',
            "that it does not note",
        ),
        ("    return tables\n", '    return tables | {"sessions": tables["sessions"].head(1)}\n', "loses or adds rows"),
        ('"pain_after",\n    1', '"pain",\n    1', "an id is the file's name"),
        ("def apply", "def run", "it lacks apply"),
    ],
)
def test_a_rule_keeps_rows_and_notes_what_it_changes(tmp_path, old, new, told):
    assert old in RULE
    at = RULE.rindex(old)
    (tmp_path / "rule_pain_after.py").write_text(RULE[:at] + new + RULE[at + len(old) :])
    found, events = sessions()
    with pytest.raises(StudyError, match=told):
        clean(found, small_export.plan(events=events), OwnCodes(), tmp_path)


def test_the_instrument_is_scored_by_its_own_rule(tmp_path, monkeypatch):
    monkeypatch.setattr("needling.instruments.definition.registry", lambda: registry(EXAMPLES))
    one = definition("stiffness", Instrument(items="st_1 .. st_5"))
    answers = pd.DataFrame([[4, 3, 2, 1, 0], [4, 3, 2, 1, np.nan], [4, 3, 2, np.nan, np.nan]], columns=list("12345"))
    assert one.score(answers.astype(float)).tolist()[:2] == [10.0, 12.5]  # four of five, made up to five
    assert np.isnan(one.score(answers.astype(float)).iloc[2])
    assert (one.low, one.high, one.better) == (0, 20, "lower")
    shutil.copy(EXAMPLES / "instrument_stiffness.yaml", tmp_path / "instrument_ndi.yaml")
    with pytest.raises(StudyError, match="the name 'ndi' is taken"):
        registry(tmp_path)
    (tmp_path / "instrument_ndi.yaml").unlink()
    text = (EXAMPLES / "instrument_stiffness.yaml").read_text().replace("answered: 4", "answered: 6")
    (tmp_path / "instrument_other.yaml").write_text(text)
    with pytest.raises(StudyError, match="answered must lie between 1 and the number of items"):
        registry(tmp_path)
