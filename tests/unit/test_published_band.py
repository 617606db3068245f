"""The warning against published differences: only of needling against the study's own control, in pain as it was measured."""

import numpy as np
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


def said(arm="dry_needling", reference="usual_care", control="usual_care", interval=(-4.5, -3.5), labels=ARMS, **row):
    """What is said of one difference, with this interval, in a trial with these arms."""
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
        "estimate": sum(interval) / 2,
        "low": interval[0],
        "high": interval[1],
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


@pytest.mark.parametrize("interval", [(-4.0, -3.01), (0.51, 1.5), (-9.0, -7.0), (4.0, 6.0)])
def test_an_interval_beyond_the_band_is_said(interval):
    (told,) = said(interval=interval)
    assert "outside what trials of dry needling have found" in told
    assert "Navarro-Santana 2020" in told


def test_nothing_is_said_of_means_beside_the_result():
    assert said(interval=(3.0, 5.0), variant="unweighted") == []


@pytest.mark.parametrize("interval", [(-4.0, -3.0), (0.5, 1.5), (-2.9, 0.4), (-6.0, -2.0), (-0.6, 2.4), (-5.0, 3.0)])
def test_an_interval_that_holds_some_of_the_band_is_not_though_its_estimate_lies_beyond(interval):
    assert said(interval=interval) == []


def test_most_trials_without_any_effect_are_not_told_to_check_their_data():
    """Of 30 a group with a standard error of 0.6 one estimate in five lies above 0.5; of their intervals hardly any does."""
    estimates = np.random.default_rng(3).normal(0, 0.6, 400)
    told = [bool(said(interval=(one - 1.96 * 0.6, one + 1.96 * 0.6))) for one in estimates]
    assert np.mean(estimates > 0.5) > 0.15
    assert np.mean(told) < 0.02


def test_improvement_is_turned_back():
    assert said(interval=(3.1, 4.0), better="higher")
    assert said(interval=(-1.5, -0.6), better="higher")
    assert said(interval=(-0.4, 2.9), better="higher") == []
    assert said(interval=(-4.0, -3.1), better="higher")
    assert said(interval=(-0.7, 0.4), better="higher") == []


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
