"""Times to an event against R's survival and glm: `r/survival.R` says how each frozen value of `r/survival.csv` came."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from needling.analysis.survival import hazards_at_visits, kaplan_meier, proportional_hazards, restricted_mean

HERE = Path(__file__).parent / "r"
EXPECTED = pd.read_csv(HERE / "survival.csv", dtype={"term": "str"}).set_index(["question", "term"])["value"]
BACK = pd.read_csv(HERE / "data" / "return.csv")


@pytest.mark.parametrize("arm", [0, 1])
def test_curves_and_restricted_means_are_those_of_survfit(arm):
    mine = BACK[BACK["arm"] == arm]
    curve = kaplan_meier(mine["day"].to_numpy(), mine["event"].to_numpy())
    for day in (20, 40, 60):
        row = curve[curve["time"] <= day].iloc[-1]
        found = [row["estimate"], row["low"], row["high"], (mine["day"] >= day).sum()]
        expected = [EXPECTED[what, f"{arm} {day}"] for what in ("share", "low", "high", "at risk")]
        assert found == pytest.approx(expected, rel=1e-8)
    mean = restricted_mean(mine["day"].to_numpy(), mine["event"].to_numpy(), 60)
    expected = [EXPECTED[what, str(arm)] for what in ("restricted mean", "restricted mean se")]
    assert mean == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("name", "column"), [("patient", "id"), ("clinic", "clinic")])
def test_hazard_ratios_robust_errors_and_the_check_are_those_of_coxph(name, column):
    made, checks = proportional_hazards(
        BACK["day"].to_numpy(), BACK["event"].to_numpy(), BACK[["arm", "age"]], BACK[column].to_numpy()
    )
    assert made.loc["arm", "estimate"] == pytest.approx(EXPECTED[f"cox {name}", "arm"], rel=1e-6)
    assert made.loc["arm", "se"] == pytest.approx(EXPECTED[f"cox {name}", "se"], rel=1e-6)
    for term in ("arm", "age"):
        assert checks.loc[term, "statistic"] == pytest.approx(EXPECTED["proportional", term], rel=1e-5)


def test_hazards_at_visits_are_those_of_glm():
    until = pd.read_csv(HERE / "data" / "visits_until.csv")
    made = hazards_at_visits(until, ["arm"], until["id"].to_numpy())
    assert made.loc["arm", "estimate"] == pytest.approx(EXPECTED["visits", "arm"], rel=1e-5)
    assert made.loc["arm", "se"] == pytest.approx(EXPECTED["visits", "se patient"], rel=1e-5)
    assert np.isfinite(made.to_numpy()).all()
