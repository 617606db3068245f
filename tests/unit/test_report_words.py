"""The words of the report: of every number its side, wording that fits the design, nothing of the program, a study's own parts."""

import ast
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_reports import FIGURES, SAID, WORDS, plain, text_from, text_of
from made_results import (
    TRIAL,
    long_plan,
    one_cohort,
    one_visit_plan,
    plan,
    scripts_plan,
    shown,
    single_arm_plan,
    three_arms_plan,
    trial_plan,
    unreleased,
)

from needling.clean.rules import rules
from needling.figures.draw import figures
from needling.labels.words import Labels
from needling.mixed import judge
from needling.mixed.fit import fit_mixed
from needling.release.line import release
from needling.report.build import TEMPLATES
from needling.report.numbers import Number
from needling.report.text import report_text
from needling.study.keys import StudyError
from needling.tables.make import tables as all_tables
from needling.tables.participants import reasons_left_out
from needling.tables.printed import escape


@pytest.mark.parametrize("study", [plan, trial_plan, single_arm_plan, three_arms_plan])
def test_text_has_no_raw_name_long_number_or_empty_section(study):
    text = text_of(study, per_arm=200)
    prose = plain(re.sub(r"\]\(figures.*?\}\n|custom-style.*|\{[.#][^}]*\}|\]\(#[^)]*\)", "", text))
    assert not re.search(r"\b[a-z]+_[a-z0-9]+", prose)
    assert not re.search(r"\d\.\d{5}|\bnan\b|None\b|Undefined|<NA>", prose)
    for section in re.split(r"^# ", text, flags=re.MULTILINE)[1:]:
        assert len(section.split("\n", 1)[1].strip()) > 20, section
    assert text.count("**Figure") == len(FIGURES)


@pytest.mark.parametrize(
    ("study", "per_arm"), [(one_cohort, 22), (one_visit_plan, 60), (long_plan, 60), (scripts_plan, 60)]
)
def test_small_and_oddly_named_studies_have_nothing_empty_and_nothing_contradictory(study, per_arm):
    """22 per arm where few are hidden, one visit, long labels, other scripts: each section says something, each link has an end."""
    released, labels = shown(study, per_arm)
    text = text_from(released, labels)
    for section in re.split(r"^# ", text, flags=re.MULTILINE)[1:]:
        assert len(section.split("\n", 1)[1].strip()) > 20, section
    assert set(re.findall(r"\]\(#([\w-]+)\)", text)) <= set(re.findall(r"\{[^}]*?#([\w-]+)", text))
    prose = plain(re.sub(r"\]\(figures.*?\}\n", "", text))
    assert not re.search(r"\bnan\b|None\b|Undefined|<NA>|\d\.\d{5}", prose)
    row = released["results"].query("quantity == 'difference' and visit == 'week_4' and analysis == 'primary'").iloc[0]
    better = prose.split("# Who took part")[0]
    assert ("no clear difference" in better.lower()) == bool(row["low"] <= 0 <= row["high"])
    for code in ("dry_needling", "usual_care"):
        assert labels.arm(code).lower() in prose.lower()
    for row in re.findall(r"^\| .*$", text, re.MULTILINE):
        assert row.strip("| *") != ""


def test_the_methods_say_nothing_of_what_a_study_has_not():
    """One arm has no arm and no covariates, one visit no course: no letter, covariance or note of theirs is in the methods."""
    single, alone, whole = (
        plain(text_of(make)).partition("# Methods")[2] for make in (single_arm_plan, one_visit_plan, plan)
    )
    for words in ("A is the arm", "x are the covariates", "with index 0", "and the covariates"):
        assert words not in single
        assert words in alone
    for words in ("covariance", "at visit j", "once for each visit", "every measurement"):
        assert words not in alone
        assert words in whole
    assert "random effects" not in single + alone + whole
    assert "Linear model of the only visit after baseline" in alone
    assert "patients in the model" not in plain(text_of(one_visit_plan))


def test_a_missing_covariate_is_told_of_where_one_is_missing():
    def without_ages(patients, frame):
        gone = patients["patient"].iloc[:3]
        return (
            patients.assign(age=patients["age"].mask(patients["patient"].isin(gone))),
            frame.assign(age=frame["age"].mask(frame["patient"].isin(gone))),
        )

    study, said = one_visit_plan(), "A missing covariate at baseline is replaced"
    for spoil, told in ((None, 0), (without_ages, 1)):
        released = release(unreleased(study, spoil=spoil), study)
        assert plain(text_from(released, Labels(study))).count(said) == told


def test_a_reason_why_models_are_not_as_planned_stands_once_with_where_it_holds():
    def fail(released):
        results = released["results"]
        rows = results["analysis"].isin(["primary", "week_12"]) & results["cohort"].eq("sports")
        results.loc[rows, ["status", "note"]] = "singular", "first reason; another reason"

    fit = plain(text_of(plan, fail)).split("# Do the models fit?")[1].split("# Methods")[0]
    where = "Primary analysis (sports injury, pain intensity; sports injury, function)"
    assert re.findall(r"^- (.*?): (.*?); Week 12", fit, re.MULTILINE) == [
        ("First reason", where),
        ("Another reason", where),
    ]


def test_what_to_do_instead_does_not_stand_alone():
    """The engine's own sentence of a model that fits every row: a report splits notes at semicolons."""
    data = pd.DataFrame({"y": [1.0, 3.0, 2.0, 5.0, 4.0, 4.5], "x": [0, 1, 0, 1, 0, 1], "who": list("aabbcc")})
    said = fit_mixed("y ~ x", data, subject="who", random="1 + x").message
    assert "leave random effects out" in said

    def fail(released):
        results = released["results"]
        rows = results["analysis"].eq("week_12") & results["cohort"].eq("sports")
        results.loc[rows, ["status", "note"]] = "failed", said.rstrip(".")

    fit = plain(text_of(plan, fail)).split("# Do the models fit?")[1].split("# Methods")[0]
    told = re.findall(r"^- (.*?): Week 12", fit, re.MULTILINE)
    assert len(told) == 1
    assert told[0].startswith("Fixed effects")
    assert told[0].endswith("(leave random effects out)")


@pytest.mark.parametrize("name", ["judge", "model", "solving", "structures", "sandwich"])
def test_sentences_of_the_engine_that_become_notes_have_no_semicolon(name):
    """What an engine refuses or warns of, and not what a writer of Python is told of arguments."""
    path = Path(judge.__file__).with_name(f"{name}.py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    described = [one for one in ast.walk(tree) if isinstance(one, ast.Module | ast.ClassDef | ast.FunctionDef)]
    documents = {ast.get_docstring(one, clean=False) for one in described}
    written = [one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    told = [
        one for one in written if "; " in one and one not in documents and not re.search("; (write|known are)", one)
    ]
    assert told in ([], ["; "])


def test_a_visit_before_treatment_is_called_baseline_where_its_label_is_a_phrase():
    label = "Before the first treatment session at the clinic"

    def make():
        schedule = {"baseline": {"label": label, "week": 0}, "week_4": {"label": "Week 4", "week": 4}}
        schedule["week_12"] = {"label": "Week 12", "week": 12}
        return one_cohort(disclosure=TRIAL, visits={"schedule": schedule, "primary": "week_4"})

    text = plain(text_of(make))
    assert not re.search(r"(after|at) before", text)
    released, labels = shown(make)
    said = reasons_left_out(released, labels)
    assert said["no_baseline"] == "not measured at baseline"
    without = released | {"methods": released["methods"].query("item != 'visit'")}
    assert reasons_left_out(without, labels)["not_at_visits"] == "not measured after baseline"


def test_a_report_needs_no_description_of_the_treatment():
    released, labels = shown(one_cohort)
    assert text_from({name: one for name, one in released.items() if name != "delivered"}, labels)


def test_one_is_and_several_are_and_reasons_stand_in_one_order():
    """A number of few people comes before what would give it away, whichever row is first."""

    def change(released):
        told = [("flow", "few_people", 1), ("baseline", "complement", 2), ("baseline", "few_people", 3)]
        released["withheld"] = pd.DataFrame(told, columns=["section", "reason", "n"])

    text = plain(text_of(one_cohort, change, per_arm=22))
    assert (
        "Of 6 rows in 2 released tables some numbers are not shown, because they would tell of few people or numbers from which a "
        "number of few people could be worked out."
    ) in text
    assert "TIDieR: of 12 items 1 is answered here, 8 are for the authors and 3 are not in the data." in text


# What no clinician need know: words of the program, of tables of data, and of programs that fit models.
CODE_WORDS = [
    *(
        "quarantin",
        "queried",
        "flagged",
        "merged",
        "boundary",
        "singular",
        "rank.deficient",
        "not_estimated",
        "hessian",
    ),
    *(
        "NaN",
        "None",
        "null",
        "boolean",
        "kwargs",
        "traceback",
        "dataframe",
        "parquet",
        "schema",
        "row_id",
        "side table",
    ),
    *("missing_with", "baseline x", "x visit"),
]


def code_words(text):
    return [word for word in CODE_WORDS if re.search(rf"\b{word}", text, re.IGNORECASE if word.islower() else 0)]


@pytest.mark.parametrize("study", [plan, trial_plan, single_arm_plan, three_arms_plan])
def test_report_captions_and_descriptions_have_no_words_of_the_program(study):
    released, labels = shown(study, 60)
    words = {}
    for name, room in FIGURES.items():
        source = room.data(released, labels)
        if len(source):
            caption, alternative = room.words(source, labels)
            words[name] = {"caption": caption, "alternative": alternative}
    assert len(words) >= 4
    tables = {name: table for name, build in all_tables().items() if (table := build(released, labels)) is not None}
    text = plain(report_text(labels, released, tables, words, software=SAID, templates=TEMPLATES))
    prose = re.sub(r"\$\$.*?\$\$|\{[.#][^}]*\}|\]\([^)]*\)", "", text)
    assert code_words(prose) == []
    cells = [cell for table in tables.values() for row in [table.head, *table.rows] for cell in row]
    assert [cell for cell in cells if code_words(cell)] == []


def test_sentences_of_the_cleaning_rules_have_no_words_of_the_program():
    assert [rule.id for rule in rules().values() if code_words(rule.sentence)] == []
    assert code_words("It was quarantined and queried.") == ["quarantin", "queried"]


def test_columns_that_were_not_read_are_told_in_a_sentence_of_their_own():
    """What follows the sentence begins a new paragraph: its marks once stood in the text of every format."""

    def change(released):
        released["unread"] = pd.DataFrame({"kind": ["not_named", "like_identifier"], "n": [11, 2]})

    text = text_of(plan, change)
    said = "11 columns of the export were not read, because the plan does not name them; 2 look like identifiers"
    line = next(line for line in plain(text).splitlines() if said in line)
    assert line.endswith("better delete them from the export.")


def test_wording_fits_the_design():
    summary = plain(text_of(plan)).split("# Methods")[0]
    assert "Randomised, 2 arms" in summary
    assert "Dry needling against usual care, at week 4" in summary
    observational = plain(text_of(lambda: plan(design="cohort"))).split("# Methods")[0]
    assert "Not randomised, 2 groups" in observational
    assert "associations" in observational
    assert "effect" not in observational
    course = plain(text_of(single_arm_plan, per_arm=200)).split("# Methods")[0]
    assert "One group, not compared" in course
    assert "regression to the mean" in course
    assert "Change from baseline to week 4" in course
    assert "better than" not in course
    assert not re.search(r"\beffect\b(?!\))", course.replace("not an effect", ""))


ROW = {
    "quantity": "difference",
    "arm": "dry_needling",
    "reference": "usual_care",
    "status": "converged",
    "note": "",
    "hidden": "",
}
ROW |= {
    "estimate": -1.0,
    "low": -2.0,
    "high": -0.5,
    "level": 0.95,
    "p": 0.01,
    "p_adjusted": np.nan,
    "unit": "points",
    "margin": np.nan,
    "framework": "superiority",
    "row_id": "x",
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"better": "lower"}, "the whole interval favours dry needling"),
        ({"better": "higher"}, "the whole interval favours usual care"),
        ({"better": "lower", "low": 0.5, "high": 2.0}, "the whole interval favours usual care"),
        ({"better": "higher", "low": 0.5, "high": 2.0}, "the whole interval favours dry needling"),
        ({"better": "lower", "low": -1.0, "high": 0.2}, "the interval includes no difference"),
        ({"better": "lower", "low": -1.0, "high": 0.0}, "the interval includes no difference"),
        (
            {"better": "higher", "quantity": "risk_ratio", "low": 1.1, "high": 2.0},
            "the whole interval favours dry needling",
        ),
        (
            {"better": "higher", "quantity": "risk_ratio", "low": 0.5, "high": 0.9},
            "the whole interval favours usual care",
        ),
        (
            {"better": "higher", "quantity": "risk_ratio", "low": 0.5, "high": 1.2},
            "the interval includes no difference",
        ),
        ({"better": "lower", "arm": "", "reference": ""}, "the interval lies on the side of improvement"),
        ({"better": "higher", "arm": "", "reference": ""}, "the interval lies on the side of worsening"),
        ({"better": "lower", "arm": "", "reference": "", "high": 0.1}, "the interval includes no change"),
        ({"better": "lower", "estimate": np.nan}, ""),
        ({"better": "neither"}, "the whole interval lies below zero"),
        ({"better": "neither", "low": 0.5, "high": 2.0}, "the whole interval lies above zero"),
        ({"better": "neither", "low": -0.5, "high": 2.0}, "the interval includes zero"),
    ],
)
def test_every_side_is_said_in_words(change, said):
    assert Number({**ROW, **change}, Labels(plan())).said == said


@pytest.mark.parametrize(
    ("better", "low", "high", "excluded"),
    [
        ("lower", -3.0, 1.4, True),
        ("lower", -1.0, 1.6, False),
        ("higher", -1.4, 3.0, True),
        ("higher", -1.6, 1.0, False),
        ("lower", -1.6, 1.0, True),
        ("higher", -1.0, 1.6, True),
    ],
)
def test_a_margin_lies_on_the_side_of_worse(better, low, high, excluded):
    row = {**ROW, "better": better, "low": low, "high": high, "framework": "non_inferiority", "margin": 1.5}
    said = "excludes" if excluded else "does not exclude"
    assert Number(row, Labels(plan())).said == (
        f"the interval {said} that dry needling is worse by the margin of 1.5 points or more"
    )


@pytest.mark.parametrize(
    ("low", "high", "within"), [(-1.4, 1.4, "within"), (-1.6, 1.4, "not within"), (-1.4, 1.6, "not within")]
)
def test_equivalence_is_said_of_both_sides(low, high, within):
    row = {**ROW, "better": "lower", "low": low, "high": high, "framework": "equivalence", "margin": 1.5}
    assert Number(row, Labels(plan())).said == f"the interval lies {within} the margin of 1.5 points either way"


def test_a_number_says_why_it_is_not_there():
    labels, gone = Labels(plan()), {**ROW, "better": "lower", "estimate": np.nan}
    hidden = Number({**gone, "hidden": "few_events"}, labels)
    assert hidden.text == "not available (it would tell of few events)"
    failed = Number({**gone, "status": "failed", "note": "no convergence"}, labels)
    assert failed.text == "not available (the model could not be fitted: no convergence)"


def test_intervals_are_said_to_be_unadjusted_where_p_values_are_adjusted():
    said = "is the 95% confidence interval, not adjusted for several questions."
    assert said in plain(text_of(plan))
    assert "Adjusted P: Holm, over the comparisons of a family; confidence intervals are not adjusted." in plain(
        text_of(plan)
    )
    assert said not in plain(text_of(trial_plan))


def test_a_failed_fit_is_said_in_words():
    def fail(released):
        results = released["results"]
        rows = (
            (results["quantity"] == "difference") & (results["outcome"] == "days") & (results["analysis"] == "primary")
        )
        results.loc[rows, ["estimate", "se", "df", "statistic", "low", "high", "p"]] = float("nan")
        results.loc[rows, ["status", "note"]] = "failed", "no convergence after 200 steps"

    text = plain(text_of(trial_plan, fail, 200))
    assert "not available (the model could not be fitted: no convergence after 200 steps)" in text
    fit = text.split("# Do the models fit?")[1].split("# Methods")[0]
    assert "days with headache" in fit.lower()
    assert "no convergence" in fit.lower()


def test_a_rung_of_the_ladder_is_said_with_those_before_it():
    def fall(released):
        results = released["results"]
        rows = (results["analysis"] == "primary") & (results["cohort"] == "sports")
        results.loc[rows, ["structures_tried", "structure"]] = json.dumps(["unstructured", "toeplitz_het"]), "ar1_het"

    fit = plain(text_of(plan, fall)).split("# Do the models fit?")[1].split("# Methods")[0]
    said = (
        "did not hold: unstructured and heterogeneous Toeplitz; used instead: heterogeneous first-order autoregressive"
    )
    assert fit.count(said) == 1
    assert fit.count("sports injury") == 2
    assert "did not hold" not in plain(text_of(plan))


def test_a_difference_beyond_all_trials_is_named():
    def beyond(released):
        results = released["results"]
        rows = (results["quantity"] == "difference") & (results["outcome"] == "pain") & (results["cohort"] == "sports")
        results.loc[rows & (results["visit"] == "week_8"), ["estimate", "low", "high"]] = [-3.8, -4.4, -3.2]

    assert "outside what trials" not in plain(text_of(plan))
    text = plain(text_of(plan, beyond))
    assert text.count("outside what trials") == 1
    assert "pain intensity in sports injury at week 8" in text


def test_a_number_of_people_that_no_table_has_stops_the_report():
    def lose(released):
        released["flow"] = released["flow"][released["flow"]["stage"] != "enrolled"]

    with pytest.raises(LookupError, match="enrolled: 0 rows"):
        text_of(plan, lose)


def test_numbers_in_the_summary_are_those_of_the_results():
    row = shown(trial_plan, 200)[0]["results"].query(
        "analysis=='primary' and outcome=='score' and visit=='month_12' and quantity=='difference'"
    )
    row = row.iloc[0]
    text = plain(text_of(trial_plan, per_arm=200))
    assert f"**Headache severity score: {row['estimate']:.1f} of 140 points lower (better)**" in text
    assert f"between {row['low']:.1f} and {row['high']:.1f} lower" in text


def test_what_is_withheld_is_said_in_one_sentence():
    def withhold(released):
        released["withheld"] = pd.DataFrame(
            {
                "section": ["baseline", "baseline", "flow"],
                "reason": ["few_people", "complement", "few_people"],
                "n": [3, 2, 4],
            }
        )

    text = plain(text_of(plan, withhold))
    told = "Of 9 rows in 2 released tables some numbers are not shown, because they would tell of few people or numbers from"
    assert text.count("some numbers are not shown") == text.count(told) == 1
    assert "some numbers are not shown" not in plain(text_of(plan))


def test_what_of_the_instruments_nobody_checked_is_named():
    items = {"ndi": [f"ndi_{i}" for i in range(1, 11)], "lefs": [f"lefs_{i}" for i in range(1, 21)]}
    totals = {name: {"total": name} for name in ("nprs", "fiqr", "visa_a")}
    made = plan(instruments=totals | {name: {"items": columns} for name, columns in items.items()})
    said = "not checked against a publication"
    released, _ = shown(plan)
    assert f"{said}: neck disability (NDI) (missing items)." in plain(text_from(released, Labels(made)))
    # no item is read of the NDI, and of the LEFS every item is needed
    checked = plan(instruments=totals | {"ndi": {"total": "ndi"}, "lefs": {"items": items["lefs"]}})
    assert said not in plain(text_from(released, Labels(checked)))


def test_other_analyses_are_named_in_the_study_file():
    assert "The study file names these analyses beside the primary one" in text_of(plan)


def test_software_is_what_ran():
    from importlib.metadata import version

    from needling.report.software import software

    assert f"numpy {version('numpy')}" in software()
    assert "numpy 2.0.0" in plain(text_of(single_arm_plan))


def test_escaped_text_is_printed_as_it_is():
    text = "1. a_b *c* [d](e) <f> & \\g #h | `i` ~j~ ^k^ $l$ @m -- ... 'n' {o} ![p]"
    assert plain(escape(text)) == text


FIGURE = """
SECTION = "{section}"

def data(released, labels):
    return released["flow"][["stage", "n"]]

def draw(source, labels, profile):
    from needling.figures.style import new_figure
    figure = new_figure(60, 30)
    figure.subplots().plot(source["n"])
    return figure

def words(source, labels):
    return "People at each stage.", "A line over the stages of the flow."
"""
TABLE = """
from needling.tables.printed import Printed

def stages(released, labels):
    flow = released["flow"]
    return Printed("Stages.", flow, ["Stage", "n"], [["Enrolled", "360"]], section="fit")

TABLES = {"stages": stages}
"""


def extended(folder, section="primary"):
    """The text of a study that brings a figure, a table and a section, each in one file."""
    (folder / "figure_people.py").write_text(FIGURE.format(section=section))
    (folder / "table_stages.py").write_text(TABLE)
    (folder / "section_why.md").write_text("# Why\n\nBecause {{ people('enrolled') }} people came.\n")
    released, labels = shown(plan)
    words = WORDS | {
        "people": {"caption": "People at each stage.", "alternative": "A line.", "section": section},
    }
    made = {name: table for name, make in all_tables(folder).items() if (table := make(released, labels)) is not None}
    return report_text(labels, released, made, words, software=SAID, templates=TEMPLATES, extensions=folder)


def test_a_study_brings_a_figure_a_table_and_a_section_in_one_file_each(tmp_path):
    text = extended(tmp_path)
    sections = dict(
        part.split("\n", 1)
        for part in re.split(r"^# ", re.sub(r" \{#[\w-]+\}$", "", plain(text), flags=re.MULTILINE), flags=re.MULTILINE)[
            1:
        ]
    )
    assert "People at each stage." in sections["Primary result"]
    assert "Stages." in sections["Do the models fit?"]
    assert "Because 360 people came." in sections["Why"]
    assert plain(text).count("People at each stage.") == 1
    assert set(figures(tmp_path)) == {*FIGURES, "people"}
    source = figures(tmp_path)["people"].data(*shown(plan))
    assert len(source)


def test_a_figure_for_a_section_that_is_not_there_stops_the_report(tmp_path):
    with pytest.raises(StudyError, match="figure 'people': the report has no section 'nowhere'"):
        extended(tmp_path, "nowhere")


def test_an_extension_lacks_nothing_and_takes_no_name(tmp_path):
    (tmp_path / "figure_people.py").write_text(FIGURE.replace("def words", "def text"))
    with pytest.raises(StudyError, match=r"figure_people.py: it lacks words"):
        figures(tmp_path)
    (tmp_path / "figure_people.py").rename(tmp_path / "figure_forest.py")
    with pytest.raises(StudyError, match="the name 'forest' is taken"):
        figures(tmp_path)
