"""The study file: mistakes are told in one sentence with file, line and mend; parts read back as they were."""

import datetime
import json
import os
from pathlib import Path

import jsonschema
import pytest
import yaml

from needling.analysis.kinds import settings_of_kinds
from needling.plan import load_study
from needling.plan import study_schema as schema
from needling.study import file
from needling.study.file import part, section, study_files
from needling.study.keys import StudyError

PROJECT = Path(__file__).parents[2]
STUDIES = sorted((PROJECT / "config").glob("*.yaml"))

PLAN = """\
study: small
title: A small study
design: randomised
seed: 1
export:
  format: csv
  records: data/raw/small/export.csv
patients:
  id: patient
  arm: {from: group, codes: {0: control, 1: needles}, reference: control}
  covariates:
    age: {from: age, unit: years}
visits:
  date: date
  schedule:
    baseline: {label: Baseline, days: [-14, 0]}
    week_4: {label: Week 4, days: [21, 42]}
  primary: week_4
instruments:
  nprs: {total: pain}
cohorts:
  all: {label: Everybody, outcomes: {pain: nprs}}
primary: main
analyses:
  main:
    kind: repeated_measures
    label: Main analysis
    outcomes: [pain]
    adjust: [age]
disclosure: {rule: cells}
"""


@pytest.fixture
def plan(tmp_path):
    """Write a plan as small.yaml, with one piece replaced by another; return its path."""

    def write(old="", new=""):
        assert old in PLAN
        path = tmp_path / "small.yaml"
        path.write_text(PLAN.replace(old, new, 1) if old else PLAN, encoding="utf-8")
        return path

    return write


def line_of(path, text):
    """Number of the first line of a file that has a text in it."""
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def refusal(path):
    """Give the one sentence with which a study file is refused."""
    with pytest.raises(StudyError) as error:
        load_study(path)
    sentence = str(error.value)
    assert sentence.startswith(str(path))
    assert "\n" not in sentence
    assert sentence.endswith((".", "?", "?."))
    return sentence


def test_a_right_plan_is_read(plan):
    study = load_study(plan())
    assert study.visits.baseline == "baseline"
    assert study.visits.follow_up == ["week_4"]
    assert study.arms == ["control", "needles"]
    assert study.analyses["main"].residual[0] == "unstructured"


@pytest.mark.parametrize(
    ("old", "new", "key", "nearest"),
    [
        ("seed: 1", "seed: 1\nvisit: 3", "visit", "visits"),
        ("  date: date", "  dates: date", "dates", "date"),
        ("    adjust: [age]", "    ajust: [age]", "ajust", "adjust"),
        ("unit: years", "units: years", "units", "unit"),
        ("label: Week 4, days", "label: Week 4, day", "day", "days"),
        ("codes: {0", "kodes: {0", "kodes", "codes"),
        ("{total: pain}", "{totals: pain}", "totals", "total"),
    ],
)
def test_unknown_key_is_refused_with_line_and_nearest_key(plan, old, new, key, nearest):
    path = plan(old, new)
    sentence = refusal(path)
    assert f"line {line_of(path, f'{key}: ')}: unknown key '{key}'" in sentence
    assert f"did you mean '{nearest}'?" in sentence


@pytest.mark.parametrize(
    ("removed", "key"),
    [
        ("seed: 1\n", "seed"),
        ("  primary: week_4\n", "visits.primary"),
        (", reference: control", "patients.arm.reference"),
        ("    outcomes: [pain]\n", "analyses.main.outcomes"),
        ("  id: patient\n", "patients.id"),
    ],
)
def test_missing_key_is_named(plan, removed, key):
    assert f"the key '{key}' is missing" in refusal(plan(removed, ""))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("reference: control", "reference: kontrol", "'kontrol' is not defined; did you mean 'control'?"),
        ("  primary: week_4", "  primary: week_5", "'week_5' is not defined; did you mean 'week_4'?"),
        ("primary: main", "primary: mian", "'mian' is not defined; did you mean 'main'?"),
        ("outcomes: [pain]", "outcomes: [pian]", "'pian' is not defined; did you mean 'pain'?"),
        ("adjust: [age]", "adjust: [agee]", "'agee' is not defined; did you mean 'age'?"),
        ("{pain: nprs}", "{pain: nrps}", "'nrps' is not defined; did you mean 'nprs'?"),
        ("adjust: [age]", "family: first", "'first' is not defined"),
        (
            "disclosure: {rule: cells}",
            "disclosure: {rule: cells, share: {a: {outcomes: [pain], visits: [week_5]}}}",
            "'week_5' is not",
        ),
        (
            "disclosure: {rule: cells}",
            "disclosure: {rule: cells, share: {a: {outcomes: [pian], visits: []}}}",
            "'pian' is not defined",
        ),
        ("adjust: [age]", "estimand: first", "'first' is not defined"),
        ("design: randomised", "design: single_arm", "single_arm"),
        ("study: small", "study: smaller", "'smaller'"),
    ],
)
def test_name_that_is_not_defined_is_refused(plan, old, new, told):
    assert told in refusal(plan(old, new))


@pytest.mark.parametrize(
    ("old", "new", "place", "key"),
    [
        ("format: csv", "format: exel", "exel", "export.format"),
        ("seed: 1", "seed: soon", "soon", "seed"),
        ("days: [21, 42]", "days: [21]", "week_4", "visits.schedule.week_4.days"),
        ("kind: repeated_measures", "kind: repeated", "kind", "analyses.main"),
        ("study: small", "study: Small!", "Small!", "study"),
    ],
)
def test_wrong_value_is_refused_with_its_place(plan, old, new, place, key):
    path = plan(old, new)
    sentence = refusal(path)
    assert key in sentence
    assert f"line {line_of(path, place)}" in sentence or f"line {line_of(path, 'main:')}" in sentence


def test_a_constrained_baseline_needs_randomisation(plan):
    path = plan("    adjust: [age]", "    baseline: constrained")
    assert load_study(path).analyses["main"].baseline == "constrained"
    path.write_text(path.read_text().replace("design: randomised", "design: cohort"))
    assert "only right where arms were randomised" in refusal(path)


def test_a_growth_curve_needs_to_know_when_its_lines_are_compared(plan):
    """From dates the actual weeks are known, but not the week that the primary visit stands for."""
    path = plan("kind: repeated_measures", "kind: growth_curve")
    assert load_study(path).visits.schedule["week_4"].nominal_week == 4.5
    named = path.read_text().replace(
        "  date: date", "  date: date\n  planned: {from: visit, codes: {0: baseline, 1: week_4}}"
    )
    path.write_text(named.replace(", days: [-14, 0]", ", week: 0").replace(", days: [21, 42]", ""))
    assert "give visits.schedule.week_4 days or a week" in refusal(path)
    path.write_text(path.read_text().replace("kind: growth_curve", "kind: repeated_measures"))
    assert load_study(path).visits.schedule["week_4"].nominal_week is None


def test_what_is_not_yaml_is_refused_with_its_line(plan):
    path = plan("title: A small study", "title: 'A small study")
    assert "not valid YAML" in refusal(path)
    path = plan("seed: 1", "seed: 1\n\tindent: 2")
    assert f"line {line_of(path, 'indent')}" in refusal(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("título: x".encode("latin-1"), "not UTF-8"),
        (bytes(range(256)), "not UTF-8"),
        (b"", "must be a mapping"),
        (b"- one\n- two\n", "must be a mapping"),
        (b"just words", "must be a mapping"),
        (b"\x00\x01\x02", "not valid YAML"),
    ],
)
def test_what_is_no_study_file_is_refused(tmp_path, content, told):
    path = tmp_path / "small.yaml"
    path.write_bytes(content)
    assert told in refusal(path)


def test_a_file_that_is_not_there_names_those_that_are(plan):
    there = plan()
    assert "there are: small" in refusal(there.with_name("smal.yaml"))


def test_several_mistakes_are_told_together(plan):
    path = plan("seed: 1", "sed: 1")
    with pytest.raises(StudyError) as error:
        load_study(path)
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert all(line.startswith(str(path)) for line in lines)


REVIEW = "privacy:\n  reviewed:\n    note: {by: JD, date: 2026-01-05, why: muscles only}\n"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("by: JD", "by: ''", "reviewed.note.by: '' is too short"),
        ("by: JD", "by: ' x '", "reviewed.note.by: ' x ' is too short"),
        ("why: muscles only", "why: '-'", "reviewed.note.why: '-' is too short"),
        ("2026-01-05", "yesterday", "reviewed.note.date: 'yesterday' is not a day of the calendar; write"),
        ("2026-01-05", "2026", "'2026' is not a day of the calendar"),
        ("2026-01-05", "2026-1-5", "'2026-1-5' is not a day of the calendar"),
        ("2026-01-05", "'2026-02-30'", "'2026-02-30' is not a day of the calendar"),
        ("2026-01-05", "'20260105'", "'20260105' is not a day of the calendar"),
        ("2026-01-05", "'2026-01-05 12:00'", "is not a day of the calendar"),
    ],
)
def test_a_review_says_who_looked_when_and_what_was_seen(plan, old, new, told):
    assert load_study(plan("primary: main", f"{REVIEW}primary: main")).privacy.reviewed["note"].by == "JD"
    assert told in refusal(plan("primary: main", f"{REVIEW.replace(old, new)}primary: main"))


# ---------------------------------------------------------------- sections, for rules that need only some


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_sections_read_back_as_they_were(path):
    study = load_study(path)
    names = list(type(study).model_fields)
    data = section(study, *names, words=True)
    assert json.loads(json.dumps(data)) == data, "a section must survive being stored as a rule's parameter"
    again = part(data, settings_of_kinds())
    for name in names:
        assert getattr(again, name) == getattr(study, name), name


def test_a_label_changes_nothing_that_computes(plan):
    names = ["patients", "visits", "cohorts", "analyses", "title"]
    before = section(load_study(plan()), *names)
    for old, new in [
        ("label: Week 4", "label: Four weeks"),
        ("label: Everybody", "label: All"),
        ("label: Main analysis", "label: The analysis"),
        ("title: A small study", "title: Another"),
        ("unit: years}", "unit: years, label: Age at entry}"),
        ("reference: control}", "reference: control, labels: {needles: Dry needling}}"),
    ]:
        assert section(load_study(plan(old, new)), *names) == before, old
        assert section(load_study(plan(old, new)), *names, words=True) != section(
            load_study(plan()), *names, words=True
        ), old
    assert section(load_study(plan("unit: years}", "unit: months}")), *names) != before


@pytest.mark.parametrize(
    ("disclosure", "told"),
    [
        ("{}", "disclosure.rule is missing"),
        ("{rule: trial}", "needs by, date and why"),
        ("{rule: trial, by: JD, date: 2026-01-05}", "needs by, date and why"),
        ("{rule: all}", "disclosure.rule"),
        (
            "{rule: trial, by: JD, date: soon, why: as CONSORT asks}",
            "disclosure.date: 'soon' is not a day of the calendar",
        ),
        ("{rule: cells, date: 2026-02-30}", "'2026-02-30' is not a day of the calendar"),
    ],
)
def test_who_decides_what_is_shown_has_no_default(plan, disclosure, told):
    assert told in refusal(plan("disclosure: {rule: cells}", f"disclosure: {disclosure}"))


def test_made_up_data_need_no_rule(plan):
    assert load_study(plan("disclosure: {rule: cells}", "made_up: true")).disclosure.rule is None
    trial = "disclosure: {rule: trial, by: JD, date: 2026-01-05, why: as CONSORT asks}"
    assert load_study(plan("disclosure: {rule: cells}", trial)).disclosure.date == "2026-01-05"


def test_a_part_has_no_other_sections(plan):
    study = load_study(plan())
    few = part(section(study, "patients", "visits"))
    assert few.patients == study.patients
    assert few.visits.follow_up == ["week_4"]
    for other in ("cohorts", "export", "seed"):
        with pytest.raises(AttributeError):
            getattr(few, other)


def test_a_section_does_not_change_with_another(plan):
    before = section(load_study(plan()), "visits", "analyses")
    after = section(load_study(plan("seed: 1", "seed: 2")), "visits", "analyses")
    assert before == after


def test_codes_are_text_whatever_yaml_makes_of_them(plan):
    study = load_study(plan("codes: {0: control, 1: needles}", "codes: {yes: needles, no: control}"))
    assert set(study.patients.arm.codes) == {"yes", "no"}


def test_on_off_yes_and_no_are_words_and_codes_stay_as_written(plan):
    path = plan("seed: 1", "seed: 1\ncleaning:\n  off: [answer_patterns]")
    assert load_study(path).cleaning.off == ["answer_patterns"]
    path = plan("age: {from: age, unit: years}", "sex: {from: sex, codes: {01: no, TRUE: on, 1e3: true}}")
    path.write_text(path.read_text().replace("adjust: [age]", "adjust: [sex]"))
    assert load_study(path).patients.covariates["sex"].codes == {"01": "no", "TRUE": "on", "1e3": "true"}
    path = plan("  id: patient", "  rows: {consent: [yes, TRUE, true], done: no}\n  id: patient")
    assert load_study(path).patients.rows == {"consent": ["yes", "TRUE", "true"], "done": ["no"]}
    path = plan("records: data", "missing: {-99: no answer}\n  labels: true\n  records: data")
    assert load_study(path).export.labels
    assert load_study(path).export.missing == {"-99": "no answer"}


@pytest.mark.parametrize(
    ("old", "new", "key", "first"),
    [
        ("seed: 1\n", "seed: 1\nprimary: main\n", "primary", "primary: main"),
        ("  nprs: {total: pain}", "  nprs: {total: pain}\n  'nprs': {total: worst}", "nprs", "  nprs: "),
        ("{0: control, 1: needles}", "{0: control, 0: needles}", "0", "{0: control"),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_both_lines(plan, old, new, key, first):
    path = plan(old, new)
    sentence = refusal(path)
    assert f"the key '{key}' stands twice, first on line {line_of(path, first)}; keep one of the two." in sentence


def test_a_mapping_taken_over_from_another_may_be_changed(plan):
    text = "arm: &arm {from: group, codes: {0: control, 1: needles}, reference: control}\n  cohort: {<<: *arm, from: x}"
    path = plan("arm: {from: group, codes: {0: control, 1: needles}, reference: control}", text)
    assert "reference" in refusal(path)


@pytest.mark.parametrize("codes", ["[f, m]", "1", "female"])
def test_codes_that_are_no_mapping_are_refused(plan, codes):
    path = plan("age: {from: age, unit: years}", f"sex: {{from: sex, codes: {codes}}}")
    sentence = refusal(path)
    assert "patients.covariates.sex.codes: codes are a mapping from each code of the export to a name" in sentence


def test_items_can_be_given_as_a_range(plan):
    study = load_study(plan("{total: pain}", "{items: pain_1 .. pain_3}"))
    assert study.instruments["nprs"].items == ["pain_1", "pain_2", "pain_3"]
    assert "pain_1 .. ndi_3" in refusal(plan("{total: pain}", "{items: pain_1 .. ndi_3}"))
    assert "'pain_1 .. pain_x' should look like" in refusal(plan("{total: pain}", "{items: pain_1 .. pain_x}"))


# ---------------------------------------------------------------- the schema that editors read


def test_schema_file_is_what_the_code_says():
    path = PROJECT / "config" / "study.schema.json"
    now = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    assert path.read_text(encoding="utf-8") == now, "run: .venv/bin/needling schema > config/study.schema.json"


def as_json(part):
    """A YAML document as an editor sees it: dates are texts."""
    if isinstance(part, dict):
        return {key: as_json(value) for key, value in part.items()}
    if isinstance(part, list):
        return [as_json(value) for value in part]
    return part.isoformat() if isinstance(part, datetime.date) else part


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_studies_have_only_keys_of_the_schema(path):
    known = schema()["properties"]
    assert set(yaml.safe_load(path.read_text(encoding="utf-8"))) <= set(known)


@pytest.mark.parametrize("path", ["../outside.csv", "/dev/zero", "data/../../outside.csv"])
def test_the_study_file_names_no_file_outside_the_project_but_a_person_may(tmp_path, monkeypatch, path):
    (tmp_path / "project").mkdir()
    (tmp_path / "outside.csv").write_text("a,b")
    monkeypatch.chdir(tmp_path / "project")
    study = load_study(PROJECT / "config/demo.yaml")
    export = study.export.model_copy(update={"records": path, "dictionary": None})
    with pytest.raises(StudyError, match="leads out of the project"):
        study_files(study.model_copy(update={"export": export}))
    assert study_files(study.model_copy(update={"export": export}), "../outside.csv")[0] == Path("../outside.csv")


def test_what_is_no_file_is_refused_wherever_it_was_named(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    export = load_study(PROJECT / "config/demo.yaml").export.model_copy(update={"dictionary": None})
    for name, why in [("pipe.csv", "a device or a pipe"), ("folder.csv", "a folder"), ("no.csv", "is missing")]:
        for given in [(tmp_path / name, "."), (None, tmp_path)]:
            with pytest.raises(StudyError, match=why):
                export.model_copy(update={"records": name}).files(*given)
    for name in ["a\0.csv", "a\udcff.csv", "", " "]:
        with pytest.raises(StudyError, match="cannot be the name of a file"):
            export.files(name)
    with pytest.raises(StudyError, match="a device or a pipe"):
        export.files("/dev/zero")


def mistakes(text):
    """What the schema finds wrong in the text of a study file."""
    checker = jsonschema.Draft202012Validator(schema())
    return [error.message for error in checker.iter_errors(as_json(yaml.load(text, Loader=file._Words)))]


@pytest.mark.parametrize("path", sorted((PROJECT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_schema_accepts_every_study_file(path):
    assert mistakes(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  id: record_id", "  idd: record_id"),
        ("design: randomised", "design: random"),
        ("  id: record_id", "  id: [record_id]"),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(tmp_path, old, new):
    text = (PROJECT / "config/demo.yaml").read_text(encoding="utf-8")
    assert old in text
    changed = text.replace(old, new, 1)
    assert mistakes(changed)
    (tmp_path / "demo.yaml").write_text(changed, encoding="utf-8")
    with pytest.raises(StudyError):
        load_study(tmp_path / "demo.yaml")


def test_every_key_is_described_and_has_a_default_unless_it_is_required():
    whole = schema()
    sections = {"Study": whole, **whole["$defs"]}
    keys = [(name, key, held, of) for name, of in sections.items() for key, held in of.get("properties", {}).items()]
    assert len(keys) > 100
    assert [(name, key) for name, key, held, _ in keys if not held.get("description")] == []
    required = [
        (name, key) for name, key, held, of in keys if "default" not in held and key not in of.get("required", [])
    ]
    assert required == []


def test_a_number_with_leading_noughts_is_no_octal_one(plan):
    assert load_study(plan("seed: 1", "seed: 012")).seed == 12


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{total: pain}", "{items: pk1 .. pk100000000}", "would be 100000000 columns; no instrument has more than 1000"),
        ("{total: pain}", "{total: pain, range: [10, 0]}", "nprs.range: [10, 0] is empty; write the smaller number first"),
        ("{total: pain}", "{total: pain, range: [0, .nan]}", "no number that anything can be"),
        ("{total: pain}", "{total: pain, missing_with: nprs}", "missing_with names the instrument itself"),
        ("{total: pain}", "{total: pain, thresholds: [{value: -5, scale: x, source: y}]}", "it must be above 0"),
        ("{total: pain}", "{total: pain, thresholds: [{value: -5, scale: x, sauce: y}]}", "unknown key 'sauce'"),
        ("{total: pain}", "{items: [a, b, a]}", "the column 'a' is named twice"),
        ("{total: pain}", "{items: 5}", "instruments.nprs.items: '5' is not what the key takes; it is: Item columns"),
        ("nprs: {total: pain}", "nprs: {total: pain}\n  vas: {total: pain}", "name the same column 'pain'"),
        ("outcomes: {pain: nprs}", "outcomes: {pain: []}", "the outcome 'pain' has no instrument"),
        ("days: [21, 42]", "days: [42, 21]", "ends before it begins"),
        ("days: [21, 42]", "days: [0, 42]", "share day 0, and only the date tells the visits apart"),
        ("days: [21, 42]", "days: [-60, -30]", "lies before that of baseline"),
        ("[-14, 0]}\n    week_4: {", "[-14, 0], week: 5}\n    week_4: {week: 4, ", "week 4 of week_4 lies before week 5"),
        ("label: Week 4", "label: Baseline", "baseline and week_4 have the same label"),
        ("1: needles}", "1: control}", "patients.arm.codes has one arm only"),
        ("{from: group,", "{from: patient,", "name the same column 'patient'"),
        ("{from: age, unit", "{from: group, unit", "name the same column 'group'"),
        ("{from: age, unit", "{from: ' ', unit", "the name of the column is blank"),
        ("seed: 1", "seed: 12:30", "seed: '12:30' is no whole number"),
        ("seed: 1", "seed: -1", "it must be 0 or more"),
        ("seed: 1", "seed: [1]", "seed: this is no whole number; it is: Seed of every random step"),
        ("title: A small study", 'title: "a \\0 b"', "a character that is no text"),
        ("title: A small study", 'title: "a \\ud800 b"', "a character that is no text"),
        ("title: A small study", "title: &t [*t]", "a part of the file stands within itself"),
        ("title: A small study", "title: " + 3000 * "[", "nested too deeply"),
        ("adjust: [age]", "where: {sex: femal}", "'sex' is not defined"),
        ("disclosure: {rule: cells}", "disclosure: {rule: cells, date: 2026-02-30, by: 5}", "by: '5' is no text"),
        ("visits:\n", "visits: nothing\nvisit:\n", "visits: 'nothing' is no group of keys"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told_in_a_sentence_for_researchers(plan, old, new, told):
    with pytest.raises(StudyError) as error:
        load_study(plan(old, new))
    said = str(error.value)
    assert told in said
    for internal in (
        "pydantic",
        "Input should",
        "input_type",
        "valid string",
        "valid list",
        "union",
        "function-",
        "__",
    ):
        assert internal not in said


def test_a_word_that_is_near_a_known_one_is_asked_about_and_nothing_more(plan):
    with pytest.raises(StudyError, match=r"design: 'randomized' is not known here; did you mean 'randomised'\?$"):
        load_study(plan("design: randomised", "design: randomized"))
