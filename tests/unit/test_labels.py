"""Words for codes: whatever a study calls its things is what is read, and a code that has no label is written for people."""

import json
import math

import pytest
from made_results import plan, single_arm_plan, three_arms_plan

from needling.labels.numbers import (
    column_decimals,
    format_estimate,
    format_fixed,
    format_interval,
    format_p,
    format_power,
)
from needling.labels.sentences import in_sentence, listed
from needling.labels.words import Labels
from needling.study.keys import braced

ODD = 'a: b - c|d\\e <f> "g" {h} =cmd *i* [j] $k$ @l /m'


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0000001, "P < .001"),
        (0.00095, "P < .001"),
        (0.001, "P = .001"),
        (0.0049, "P = .005"),
        (0.03, "P = .030"),
        (0.0499, "P = .050"),
        (0.0496, "P = .050"),
        (0.0491, "P = .049"),
        (0.0501, "P = .050"),
        (0.0994, "P = .099"),
        (0.0996, "P = .10"),
        (0.125, "P = .13"),
        (0.2, "P = .20"),
        (0.995, "P > .99"),
        (math.nan, "–"),
    ],
)
def test_p_values_follow_the_journals(p, text):
    assert format_p(p) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(2.5, 0, "3"), (-2.5, 0, "−3"), (0.125, 2, "0.13"), (90.5, 0, "91"), (-0.04, 1, "0.0"), (1.005, 2, "1.01")],
)
def test_halves_are_rounded_away_from_zero(value, digits, text):
    assert format_fixed(value, digits) == text


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((4.604, 2.16, 7.047), "4.6 (2.2 to 7.0)"),
        ((1.769, 0.682, 2.856), "1.8 (0.7 to 2.9)"),
        ((-0.9213, -1.3811, -0.4615), "−0.92 (−1.38 to −0.46)"),
        ((-6.8, -12.1, -1.4), "−6.8 (−12.1 to −1.4)"),
        ((151.2, 101.0, 201.4), "151 (101 to 201)"),
        ((0.0012, -0.0001, 0.0025), "0.001 (0.000 to 0.003)"),
    ],
)
def test_digits_follow_the_width_of_the_interval(numbers, text):
    estimate, low, high = numbers
    assert f"{format_estimate(estimate, low, high)} ({format_interval(low, high)})" == text


@pytest.mark.parametrize(
    ("intervals", "digits"),
    [
        ([(-1.38, -0.46), (-1.4, 0.15), (-2.3, 0.4)], 2),  # the middling one: half its width is 0.8
        ([(-12.1, -1.4), (-11.0, 0.2), (0.5, 0.7)], 1),  # a digit of the narrowest is kept
        ([(-12.1, -1.4), (-11.0, 0.2), (0.052, 0.054)], 2),
        ([(math.nan, 1.0)], 2),
    ],
)
def test_a_column_has_the_digits_that_a_middling_interval_can_bear(intervals, digits):
    assert column_decimals(intervals) == digits


def test_missing_numbers_and_rounded_zeros_have_no_sign():
    assert format_fixed(-0.001, 1) == "0.0"
    assert format_fixed(math.nan, 1) == format_interval(math.nan, 1.0) == "–"
    assert format_interval(1.0, 2.0, 0.95) == "95% CI 1.00 to 2.00"
    assert format_power(3.2e-7) == "3 × 10⁻⁷"


def test_codes_without_a_label_are_written_for_people():
    labels = Labels(three_arms_plan())
    assert labels.arm("dry_needling") == "Dry needling"
    assert labels.arm("") == "All patients"
    assert labels.arm(ODD) == ODD
    assert labels.level("sex", "tension_type") == "tension type"
    assert labels.level("sex", ODD) == ODD
    assert labels.covariate("sex") == "Sex"


def test_labels_come_back_whatever_they_hold():
    base = plan()
    arm = base.patients.arm.model_copy(update={"labels": {"dry_needling": ODD}})
    labels = Labels(base.model_copy(update={"patients": base.patients.model_copy(update={"arm": arm})}))
    text = f"Two of {braced('arm', 'dry_needling')} and {braced('level', 'sex', ODD)} at {braced('visit', 'week_4')}."
    assert labels.fill(text) == f"Two of {in_sentence(ODD)} and {ODD} at week 4."
    row = {"arm": "dry_needling", "reference": "usual_care"}
    assert labels.compared(row) == f"{ODD} against usual care"
    assert labels.term(json.dumps([["arm", "dry_needling"], ["visit", "week_4"]])) == f"Arm: {ODD} × Visit: week 4"
    assert labels.term(json.dumps([["sex", ODD]])) == f"Sex: {ODD}"
    assert labels.subset(json.dumps({"sex": [ODD, "male"]})) == f"sex: {ODD} and male"


def test_a_family_of_tests_has_words_and_without_a_label_those_of_its_analyses():
    study = three_arms_plan()
    analysis = {"kind": "ancova", "outcomes": ["pain"], "visits": ["week_4"], "family": "later"}
    analyses = {"first": {**analysis, "label": "Week 4 alone"}, "second": {**analysis, "label": "Week 12 alone"}}
    for label, told in (("", "Week 4 alone and week 12 alone"), ("Pain, then function", "Pain, then function")):
        families = {"later": {"method": "holm", "label": label}, "nobodys": {}}
        study = plan(analyses=analyses, primary="first", families=families, estimands={})
        assert Labels(study).family("later") == told
    assert Labels(study).family("nobodys") == "Nobodys"


def test_terms_and_components_are_words():
    labels = Labels(plan())
    said = {
        '[["Intercept"]]': "Intercept",
        '[["baseline"], ["visit", "week_4"]]': "Baseline value × Visit: week 4",
        '["residual", "week_2", "week_4"]': "Within patient, week 2, week 4",
        '["therapist", "Intercept"]': "Therapist, intercept",
        '["baseline"]': "Baseline value",
        '["age"]': "Age",
    }
    assert {term: labels.term(term) for term in said} == said


def test_the_word_for_a_comparison_fits_the_design():
    assert [Labels(plan(design=design)).noun for design in ("randomised", "cohort")] == [
        "effect",
        "adjusted difference",
    ]
    assert Labels(single_arm_plan()).noun == "change from baseline"


@pytest.mark.parametrize(
    ("label", "inside"),
    [
        ("Pain intensity", "pain intensity"),
        ("Dry needling", "dry needling"),
        ("Pain intensity (NPRS), 0–10 points", "pain intensity (NPRS), 0–10 points"),
        ("Usual GP care", "usual GP care"),
        ("Pain NRS", "pain NRS"),
        ("Week 4", "week 4"),
        ("Arm: Dry Needling", "arm: Dry Needling"),
        ("Standard Swedish massage", "standard Swedish massage"),
        ("Neck Disability Index", "Neck Disability Index"),
        ("Neck Disability Index, % of points", "Neck Disability Index, % of points"),
        ("Disabilities of the Arm, Shoulder and Hand", "Disabilities of the Arm, Shoulder and Hand"),
        ("Headache Impact Test-6", "Headache Impact Test-6"),
        ("Hebrew School", "Hebrew School"),
        ("ODI", "ODI"),
        ("Ödem am Hals", "ödem am Hals"),
        ("", ""),
    ],
)
def test_a_label_inside_a_sentence_begins_small_unless_it_is_a_name(label, inside):
    assert in_sentence(label) == inside


def test_lists_read_as_sentences():
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert listed(["a", "b"], "or") == "a or b"


@pytest.mark.parametrize(
    ("outcome", "unit", "said"),
    [
        ("pain", "points", "Pain intensity (NPRS), 0–10 points"),
        ("pain", "points per week", "Pain intensity (NPRS), 0–10 points; estimates in points per week"),
        ("function", "percentage points", "Neck disability (NDI), %; estimates in percentage points"),
    ],
)
def test_an_estimate_has_its_own_unit(outcome, unit, said):
    assert Labels(plan()).scale({"cohort": "myofascial", "outcome": outcome, "site": "", "unit": unit}) == said
