"""Outcomes that no model with normal errors is for, and change scores beside an analysis of covariance."""

import numpy as np
import pandas as pd
import pytest
from test_naive import run

from needling.analysis.scale import why_not_normal
from needling.cohort.frame import add_baseline
from needling.extension import frames


@pytest.mark.parametrize(
    ("values", "unit", "told"),
    [
        ([0, 1, 1, 0], "", "0 or 1"),
        ([0, 0, 0], "", ""),  # constant: nothing to be told from
        ([1, 2, 5, 4], "1-5 points", "at most five levels"),
        ([0, 1, 5, 4], "0-5 points", ""),
        ([1, 7, 6, 5], "1-7 points", ""),
        ([4, 5, 5, 5], "days in 4 weeks", "a mean of 4.8"),
        ([5, 5, 5, 6], "days in 4 weeks", ""),
        ([0, 20, 20, 20, 20], "attacks", "20% zeros"),
        ([0, 20, 20, 20, 20, 20], "attacks", ""),
        ([0, 0, 1, 3], "0-10 points", ""),  # a rating is no count
        ([0.5, 1.5, 0, 0], "attacks", ""),
    ],
)
def test_which_outcomes_are_refused(values, unit, told):
    why = why_not_normal(pd.Series(values, dtype=float), unit)
    assert (told in why) if told else (why == "")


def two_valued():
    frame = frames()["an ordinary trial"]
    return add_baseline(frame.assign(value=(frame["value"] > 5) * 1.0, unit=""), "baseline")


@pytest.mark.parametrize(
    "settings", [{"kind": "ancova", "visits": ["week_4"]}, {"kind": "repeated_measures"}, {"kind": "growth_curve"}]
)
def test_kinds_with_normal_errors_refuse_and_name_the_kind_to_use(settings):
    found = run(two_valued(), **settings)
    assert set(found["status"]) == {"not_estimated"}
    assert found["note"].str.contains("use the kind responders").all()
    asked = run(two_valued(), scale={"continuous": "risk differences are wanted"}, **settings)
    assert not asked["note"].str.contains("use the kind").any()


def test_change_scores_stand_beside_covariance_where_arms_are_apart_at_baseline():
    """Only beyond a quarter of a standard deviation, and by hand: the difference of the arms' mean changes."""
    frame = frames()["an ordinary trial"]
    people = frame.drop_duplicates("patient")
    sd = np.sqrt(people.groupby("arm")["baseline"].var().mean())
    gap = (
        people.groupby("arm")["baseline"].mean()["dry_needling"]
        - people.groupby("arm")["baseline"].mean()["usual_care"]
    )

    def moved(by):
        shift = np.where((frame["arm"] == "dry_needling") & (frame["visit"] == "baseline"), by * sd - gap, 0.0)
        return add_baseline(frame.assign(value=frame["value"] + shift), "baseline")

    for by, there in ((0.2, False), (-0.2, False), (0.35, True), (-0.35, True)):
        found = run(moved(by), kind="ancova", visits=["week_4"])
        shown = found[found["variant"] == "change_score"]
        assert len(shown) == there
        if there:
            at_4 = moved(by).query("visit == 'week_4'")
            mean = at_4["change"].groupby(at_4["arm"]).mean()
            assert shown["estimate"].iloc[0] == pytest.approx(mean["dry_needling"] - mean["usual_care"])
            assert shown[["quantity", "role"]].iloc[0].tolist() == ["change", "sensitivity"]
            assert shown["statistic"].iloc[0] == pytest.approx(shown["estimate"].iloc[0] / shown["se"].iloc[0])
