"""The warning against published differences: only of needling against the study's own control, in pain as it was measured."""

import pandas as pd
import pytest
from made_results import ARM, plan

from needling.labels.words import Labels
from needling.report.text import _surprises

ARMS = {
    "usual_care": "Usual care",
    "sham": "Sham needling",
    "dry_needling": "Dry needling",
    "therapy": "Cognitive therapy",
}


def said(arm="dry_needling", reference="usual_care", control="usual_care", estimate=-3.5, labels=ARMS, **row):
    """What is said of one difference in a trial with these arms."""
    codes = dict(enumerate([control, *(one for one in ARMS if one != control)]))
    column = {**ARM, "codes": codes, "reference": control, "labels": labels}
    made = plan(
        patients={
            "id": "id",
            "cohort": {"from": "c"},
            "covariates": {"age": {"from": "age"}, "sex": "sex"},
            "arm": column,
        }
    )
    cohort = next(iter(made.cohorts))
    instrument = made.cohorts[cohort].outcomes["pain"]
    told = {
        "analysis": made.primary,
        "variant": "",
        "quantity": "difference",
        "estimate": estimate,
        "instrument": instrument,
        "arm": arm,
    }
    told |= {
        "reference": reference,
        "better": "lower",
        "outcome": "pain",
        "site": "",
        "cohort": cohort,
        "visit": "week_4",
    } | row
    return _surprises(pd.DataFrame([told]), Labels(made))


@pytest.mark.parametrize("estimate", [-3.01, 0.51, -7.0, 4.0])
def test_a_difference_beyond_the_band_is_said(estimate):
    (told,) = said(estimate=estimate)
    assert "outside what trials of dry needling have found" in told
    assert "Navarro-Santana 2020" in told


def test_nothing_is_said_of_means_beside_the_result():
    assert said(estimate=4.0, variant="unweighted") == []


@pytest.mark.parametrize("estimate", [-3.0, 0.5, -2.3, 0.0])
def test_a_difference_within_the_band_is_not(estimate):
    assert said(estimate=estimate) == []


def test_improvement_is_turned_back():
    assert said(estimate=3.5, better="higher")
    assert said(estimate=-0.6, better="higher")
    assert said(estimate=2.3, better="higher") == []


@pytest.mark.parametrize(
    "row",
    [
        {"arm": "therapy"},  # a psychological trial is not told to check its data
        {"arm": "sham"},
        {"arm": "dry_needling", "reference": "sham"},  # not the study's control
        {"arm": "dry_needling", "reference": "therapy"},
        {"arm": "usual_care", "reference": "dry_needling", "control": "dry_needling"},
        {"instrument": "ndi"},
        {"quantity": "mean"},
        {"analysis": "another"},
    ],
    ids=[
        "other treatment",
        "sham",
        "against sham",
        "against a treatment",
        "needling is the control",
        "function",
        "mean",
        "other analysis",
    ],
)
def test_nothing_is_said_of_what_the_band_is_not_about(row):
    assert said(**row) == []


def test_needling_against_a_control_that_is_a_sham_is_the_bands_comparison():
    assert said(reference="sham", control="sham")
