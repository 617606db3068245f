"""Repeatability of readings: published correlations and their formulas, planted errors, what cannot be told, and its words."""

import json

import numpy as np
import pandas as pd
import pytest
from made_process import measured
from test_process import study

from needling.analysis.process import methods
from needling.analysis.repeatability import repeatability
from needling.analysis.run import analyse
from needling.cohort.readings import readings
from needling.instruments.definition import definitions
from needling.schema.contract import check
from needling.schema.frames import READINGS


def long(values):
    n, k = np.shape(values)
    who, place = np.repeat(np.arange(n), k), np.tile(np.arange(1, k + 1), n)
    return pd.DataFrame(
        {"patient": [f"P{i:03d}" for i in who], "reading": place.astype(str), "value": np.ravel(values).astype(float)}
    )


def drawn(rng, n=60, k=3, people=40.0, reading=5.0, error=12.0):
    """kPa: variance between people, between the places of readings, and of error."""
    values = 220 + rng.normal(0, people, (n, 1)) + rng.normal(0, reading, (1, k)) + rng.normal(0, error, (n, k))
    return long(values)


def test_shrout_and_fleiss():
    """Table 2 and page 424 of Shrout and Fleiss 1979: ICC(2,1) .29, ICC(2,4) .62; six targets stand here twice, so that ten are."""
    table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    with pytest.raises(ValueError, match="fewer than 10 patients"):
        repeatability(long(table))
    import pingouin

    bare = pingouin.intraclass_corr(long(table), targets="patient", raters="reading", ratings="value").set_index("Type")
    assert bare.loc["ICC(A,1)", "ICC"] == pytest.approx(0.29, abs=0.005)
    assert bare.loc["ICC(A,k)", "ICC"] == pytest.approx(0.62, abs=0.005)
    twice = repeatability(long(table + table))
    values = np.array(table + table, float)
    n, k = values.shape
    msb = k * ((values.mean(axis=1) - values.mean()) ** 2).sum() / (n - 1)
    msj = n * ((values.mean(axis=0) - values.mean()) ** 2).sum() / (k - 1)
    mse = (((values - values.mean()) ** 2).sum() - (n - 1) * msb - (k - 1) * msj) / ((n - 1) * (k - 1))
    assert twice["single"]["estimate"] == pytest.approx((msb - mse) / (msb + (k - 1) * mse + k * (msj - mse) / n))
    assert twice["mean"]["estimate"] == pytest.approx((msb - mse) / (msb + (msj - mse) / n))
    assert twice["sem"] == pytest.approx(np.sqrt(((msj - mse) / n + mse) / k))
    assert twice["sdc"] == pytest.approx(2.7718 * twice["sem"], rel=1e-4)


def test_what_was_planted_comes_back_with_the_coverage_it_claims():
    """Variances 1600, 25 and 144: one reading .904, the mean of three .966; errors of the mean 7.5 kPa."""
    whole = 1600 + 25 + 144
    truth = {"single": 1600 / whole, "mean": 1600 / (1600 + 169 / 3)}
    inside, sems = {one: [] for one in truth}, []
    for seed in range(100):
        found = repeatability(drawn(np.random.default_rng(seed)))
        sems.append(found["sem"] ** 2)
        for one, share in truth.items():
            inside[one].append(found[one]["low"] <= share <= found[one]["high"])
    assert abs(np.mean(sems) - 169 / 3) < 4 * np.std(sems) / np.sqrt(100)
    for one in truth:
        assert abs(np.mean(inside[one]) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 100), one


def test_intervals_are_not_rounded_and_are_those_of_mcgraw_and_wong():
    """Their table 7, case of consistency replaced by absolute agreement, written out for three readings of sixty patients."""
    from scipy.stats import f

    table = drawn(np.random.default_rng(9))
    found = repeatability(table)
    values = table.pivot(index="patient", columns="reading", values="value").to_numpy()
    n, k = values.shape
    msr = k * values.mean(axis=1).var(ddof=1)
    msc = n * values.mean(axis=0).var(ddof=1)
    mse = (((values - values.mean()) ** 2).sum() - (n - 1) * msr - (k - 1) * msc) / ((n - 1) * (k - 1))
    icc = found["single"]["estimate"]
    a, b = k * icc / (n * (1 - icc)), 1 + k * icc * (n - 1) / (n * (1 - icc))
    v = (a * msc + b * mse) ** 2 / ((a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1)))
    upper = f.ppf(0.975, n - 1, v)
    low = n * (msr - upper * mse) / (upper * (k * msc + (k * n - k - n) * mse) + n * msr)
    assert found["single"]["low"] == pytest.approx(low, abs=1e-9)
    assert found["mean"]["low"] == pytest.approx(k * low / (1 + (k - 1) * low), abs=1e-9)
    assert found["single"]["low"] < icc < found["single"]["high"]


def test_incomplete_patients_are_left_out_and_readings_that_agree_have_no_error():
    table = drawn(np.random.default_rng(1), n=20)
    found = repeatability(table.drop(index=[0, 7]))
    assert (found["n_patients"], found["k"]) == (18, 3)
    same = table.assign(value=table.groupby("patient")["value"].transform("first"))
    agreed = repeatability(same)
    assert (agreed["sem"], agreed["single"]["estimate"]) == (pytest.approx(0, abs=1e-9), 1.0)
    with pytest.raises(ValueError, match="nobody's readings differ"):
        repeatability(table.assign(value=200.0))


# ---------------------------------------------------------------- from the clean tables to the kind


def test_readings_are_those_of_the_first_baseline_visit_of_instruments_that_are_read_several_times():
    plan = study()
    known = definitions(plan.instruments)
    patients = pd.DataFrame({"patient": ["b", "a"], "cohort": "all", "row": [1, 2]})
    visits = pd.DataFrame({"patient": ["a", "b", "b"], "row": [10, 11, 12]})
    rows = [
        (row, one, item, value)
        for row in (10, 11, 12, 99)
        for one in ("local", "csi")
        for item, value in (("1", 200.0), ("2", 210.0))
    ]
    outcomes = pd.DataFrame(rows, columns=["visit_row", "instrument", "item", "value"])
    outcomes.loc[len(outcomes)] = (10, "local", "total", 205.0)
    outcomes.loc[len(outcomes)] = (10, "local", "3", np.nan)
    made = check(readings(outcomes, patients, visits, known), READINGS, "readings")
    assert made["patient"].tolist() == ["b", "b", "a", "a"]
    assert made["reading"].tolist() == ["1", "2", "1", "2"]
    assert set(made["instrument"]) == {"local"}
    assert readings(outcomes[outcomes["instrument"] == "csi"], patients, visits, known).empty


def found_in(table, **settings):
    visits = measured(3, n=60)
    plan = study(**settings)
    patients = visits.drop_duplicates("patient")[["patient", "cohort", "arm", "age"]]
    visits = visits.assign(instrument=visits["instrument"].replace({"ppt_local": "local", "ppt_remote": "remote"}))
    given = {"visits": visits, "patients": patients, "readings": table.assign(cohort="all", instrument="local")}
    return analyse("process", given, plan).results, plan


def test_the_kind_reports_both_correlations_and_the_errors_of_the_mean():
    table = drawn(np.random.default_rng(5))
    results, plan = found_in(table)
    rows = results[results["term"] == '["readings"]'].set_index(["quantity", "variant"])
    found = repeatability(table)
    assert rows.loc[("icc", "single"), "estimate"] == pytest.approx(found["single"]["estimate"])
    assert rows.loc[("icc", "mean"), "high"] == pytest.approx(found["mean"]["high"])
    assert rows.loc[("smallest_detectable_change", "mean"), "estimate"] == pytest.approx(found["sdc"])
    assert rows["site"].unique().tolist() == ["local"]
    assert rows.loc[("standard_error_of_measurement", "mean"), "unit"] == "kPa"
    assert json.loads(rows["at"].iloc[0]) == {"readings": 3}
    assert set(rows["visit"]) == {"baseline"}
    assert "ICC(A,1)" in dict(methods(plan.analyses["process"], plan))["model"]
    few = found_in(table[table["patient"] < "P005"])[0]
    assert set(few.loc[few["term"] == '["readings"]', "status"]) == {"not_estimated"}
