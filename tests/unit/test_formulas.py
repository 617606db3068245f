"""Models as formulas: what is in the model is in the formula and in its words, and nothing else."""

import re

import pandas as pd
import pytest
from made_results import plan, single_arm_plan

from needling.analysis import ancova, growth_curve, model, repeated_measures
from needling.analysis.formulas import as_written
from needling.analysis.kinds import kinds
from needling.labels.words import Labels
from needling.report.methods import SYMBOLS, letters, model_words

ARM, BASELINE, COVARIATES = r"\tau_{A(i)", r"Y_{i0}", r"\mathbf{x}_{i}"


def written(kind, study, **changes):
    """Formula and words of an analysis of a kind."""
    settings = {"kind": kind.__name__.rpartition(".")[2], "outcomes": ["pain"], "adjust": ["age"], **changes}
    said = kind.methods(kind.Settings.model_validate(settings), study)
    (latex,), (words,) = ([text for item, text in said if item == one] for one in ("formula", "formula_words"))
    return latex, Labels(study).fill(words)


@pytest.mark.parametrize(
    ("kind", "changes", "there", "absent"),
    [
        (ancova, {"visits": ["week_4"]}, [ARM, BASELINE, COVARIATES], ["_{ij}", "Sigma"]),
        (ancova, {"visits": ["week_4"], "adjust": []}, [ARM, BASELINE], [COVARIATES]),
        (repeated_measures, {}, [ARM, BASELINE, COVARIATES, r"\boldsymbol{\Sigma}"], [r"u_{\text"]),
        (repeated_measures, {"baseline": "constrained"}, [ARM], [BASELINE]),
        (repeated_measures, {"baseline": "response", "adjust": []}, [ARM], [BASELINE, COVARIATES]),
        (repeated_measures, {"clusters": ["clinic"]}, [r"u_{\text{clinic}(ij)}", r"\sigma_{\text{clinic}}"], ["therapist"]),
        (growth_curve, {}, [r"\delta_{A(i)}\,t_{ij}", BASELINE, r"b_{1i}\,t_{ij}"], [r"u_{\text"]),
    ],
)  # fmt: skip
def test_what_is_in_the_model_is_in_its_formula(kind, changes, there, absent):
    latex, words = written(kind, plan(), **changes)
    assert [part for part in there if part not in latex] == []
    assert [part for part in absent if part in latex] == []
    told = {ARM: "what the arm adds", BASELINE: "the value at baseline", COVARIATES: "covariates"}
    for part, said in told.items():
        assert (part in latex) == (said in words)
    assert not re.search(r"[\\_${}]", words)


# Of each kind settings that are valid anywhere, and what its formula must have: else a statistician would have to guess it.
SHOWN = {
    "responders": ({"visits": ["week_4"]}, [ARM, BASELINE, r"\pi_{a} = \frac{1}{n}"]),
    "missing_data": (
        {"of": "primary", "variance": "frequentist"},
        [r"^{-1} (\mathbf{Y}_{i,\text{obs}} - ", r"\frac{n - 1}{n}"],
    ),
    "clustering": (
        {"clusters": ["clinic"]},
        [r"\frac{\sigma_{\text{clinic}}^{2}}{\sigma_{\text{clinic}}^{2} + \sigma^{2}}"],
    ),
    "blinding": (
        {"guesses": {"a": "sham", "b": "dry_needling"}},
        [r"n_{a,\text{right}} - n_{a,\text{wrong}}", r"(1 - d)^{2}"],
    ),
    "time_to_event": (
        {"event": {"table": "milestones"}, "horizon": 12, "better": "later"},
        [r"1 - \frac{d_{k}}{n_{k}}", r"\exp(\tau_{A(i)}"],
    ),
    "moderators": (
        {"visits": ["week_4"], "moderators": {"age": {}}},
        [ARM, BASELINE, r"\boldsymbol{\delta}_{A(i)}^{\top}"],
    ),
    "subgroups": ({"visits": ["week_4"], "by": "sex"}, [ARM, BASELINE, r"\delta_{A(i)G(i)}"]),
    "policy": (
        {"visits": ["week_4"], "moderators": ["age"]},
        [r"\{A(i) = a\}}{P(A = a)}", r"(d_{i} - 1)(g_{i1} - g_{i0})"],
    ),
    "process": ({"measures": ["function"], "pain": "pain"}, [r"\tilde{q}_{ij}\,\tilde{p}_{ij}"]),
    "overlap_weights": (
        {"visits": ["week_4"], "adjust": ["age"]},
        [BASELINE, COVARIATES, r"A(i)(1 - e_{i}) + (1 - A(i))\,e_{i}"],
    ),
    "dose": ({"dose": "allocated", "visits": ["week_4"]}, [ARM, BASELINE]),
    "multimodal": ({"visits": ["week_4"], "co_interventions": {"exercise": "exercise"}}, [ARM, r"\mathbf{c}_{i}"]),
}


def said_by(name):
    """What a kind says of itself."""
    kind = kinds()[name]
    return kind.methods(kind.Settings.model_validate({"kind": name, "outcomes": ["pain"], **SHOWN[name][0]}), plan())


@pytest.mark.parametrize("name", SHOWN)
def test_kinds_that_estimate_show_how(name):
    said, there = said_by(name), SHOWN[name][1]
    (latex,), (words,) = ([text for item, text in said if item == one] for one in ("formula", "formula_words"))
    assert [part for part in there if part not in latex] == []
    assert latex.count("{") == latex.count("}")
    assert re.fullmatch(r"([A-Z][^\\_${}]+\. ?)+", words), words
    assert words.count(". ") + 1 >= latex.count(r" \\ &") + 1  # a sentence for each line


def test_only_descriptions_and_habits_have_no_formula():
    known = {"ancova", "repeated_measures", "growth_curve", "model", *SHOWN}
    assert set(kinds()) - known == {"harms", "naive", "treatment_delivered"}


def test_letters_are_told_where_a_formula_has_them():
    assert letters(r"Y_{i} = \alpha") == ""
    assert letters(r"P(R_{i} = 1)") == "Here R is 1 for a responder."
    assert (
        letters(r"\prod_{k} \frac{P(C_{ik})}{P(C_{ik})}").count("at risk") == 0
    )  # a product is no number with the event
    for mark in SYMBOLS:
        assert SYMBOLS[mark] in letters(mark)
    written = " ".join(text for name in SHOWN for item, text in said_by(name) if item == "formula")
    assert {mark for mark in SYMBOLS if mark not in written} == {r"\,t_{ij}", "D_{ik}", "C_{ik}"}  # of other settings


def test_a_course_without_arms_has_no_arm_in_its_formula():
    for kind in (repeated_measures, growth_curve):
        latex, words = written(kind, single_arm_plan(), outcomes=["impact"], adjust=[])
        assert "A(i)" not in latex
        assert "arm" not in words


def test_the_course_of_arms_is_counted_from_the_primary_visit():
    assert "a slope of the arm times the weeks from week 4 on" in written(growth_curve, plan())[1]


def test_a_formula_of_the_study_file_has_its_columns_in_braces_and_its_random_effects():
    ((_, latex), (_, words)) = as_written("pain_before ~ arm * bs(day, df=3) + arm:day", "1 + day", ["therapist"])
    assert latex == (
        r"\text{{column:pain_before}} \sim  \text{{column:arm}} \times  bs(\text{{column:day}}, df=3)"
        r" + \text{{column:arm}}{:}\text{{column:day}}"
        r" + (1 + \text{{column:day}} \mid  \text{{column:patient}}) + (1 \mid  \text{{column:therapist}})"
    )
    assert Labels(plan()).fill(words) == (
        "pain before depends on arm times bs(day, df=3) + arm:day + (1 + day for each patient) + (1 for each therapist)."
    )


def test_columns_of_a_promoted_model_have_the_labels_of_the_study_file():
    """As the notebook's `promote` writes it: the study file's label, and never the column's name."""
    covariates = {"csi": {"from": "csi", "label": "Central sensitisation & 5%", "unit": "points"}}
    one = plan(
        patients={**plan().patients.model_dump(by_alias=True, exclude_none=True), "covariates": covariates},
        analyses={
            "primary": {"kind": "ancova", "outcomes": ["pain"], "visits": ["week_4"]},
            "promoted": {"kind": "model", "formula": "value ~ arm * csi", "outcomes": ["pain"], "contrasts": []},
        },
    )
    labels = Labels(one)
    said = model.methods(one.analyses["promoted"], one)
    table = pd.DataFrame([("promoted", item, text) for item, text in said], columns=["analysis", "item", "text"])
    columns = ["analysis", "quantity", "subset", "df_method", "information", "variance"]
    found = model_words("promoted", {"methods": table, "results": pd.DataFrame(columns=columns)}, labels)
    ((latex, words),) = found["written"]
    assert r"\text{central sensitisation \& 5\%}" in latex
    assert "central sensitisation & 5%" in words
    assert "csi" not in latex + words
    assert words[:1].isupper()


def test_a_model_of_sessions_says_nothing_in_codes():
    said = dict(model.methods(model.Settings(kind="model", formula="pain_before ~ arm", frame="sessions"), plan()))
    assert "pain_before" not in said["model"]
