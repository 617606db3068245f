"""Models as formulas: what is in the model is in the formula and in its words, and nothing else."""

import re

import pytest
from made_results import plan, single_arm_plan

from needling.analysis import ancova, growth_curve, model, repeated_measures
from needling.analysis.formulas import as_written
from needling.labels.words import Labels

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


def test_a_course_without_arms_has_no_arm_in_its_formula():
    for kind in (repeated_measures, growth_curve):
        latex, words = written(kind, single_arm_plan(), outcomes=["impact"], adjust=[])
        assert "A(i)" not in latex
        assert "arm" not in words


def test_the_course_of_arms_is_counted_from_the_primary_visit():
    assert "a slope of the arm times the weeks from week 4 on" in written(growth_curve, plan())[1]


def test_a_formula_of_the_study_file_has_words_for_codes_and_its_random_effects():
    ((_, latex), (_, words)) = as_written("pain_before ~ arm * day", "1 + day", ["therapist"])
    assert latex == (
        r"\text{pain before} \sim  \text{arm} \times  \text{day} + (1 + \text{day} \mid  \text{patient})"
        r" + (1 \mid  \text{therapist})"
    )
    assert words == "Pain before depends on arm times day + (1 + day for each patient) + (1 for each therapist)."
    said = dict(model.methods(model.Settings(kind="model", formula="pain_before ~ arm", frame="sessions"), plan()))
    assert "pain_before" not in said["model"]
