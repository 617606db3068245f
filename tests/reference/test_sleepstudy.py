"""Sleep deprivation (Belenky 2003, in lme4) against lme4's, lmerTest's and pbkrtest's printed values."""

import numpy as np
import pandas as pd
import pytest

from needling.mixed.fit import fit_mixed


@pytest.fixture(scope="module")
def fit(reference):
    data = pd.read_csv(reference / "sleepstudy" / "sleepstudy.csv", dtype={"Subject": str})
    return fit_mixed("Reaction ~ Days", data, subject="Subject", random="1 + Days")


def test_likelihood_and_estimates_of_lme4(fit):
    assert fit.status == "converged"
    assert -2 * fit.log_likelihood == pytest.approx(1743.628, abs=5e-4)
    table = fit.terms().set_index("term")
    assert table.loc["Intercept", "estimate"] == pytest.approx(251.405, abs=5e-4)
    assert table.loc["Intercept", "se"] == pytest.approx(6.8246, abs=5e-5)
    assert table.loc["Days", "estimate"] == pytest.approx(10.4673, abs=5e-5)
    assert table.loc["Days", "se"] == pytest.approx(1.5458, abs=5e-5)


def test_standard_deviations_of_lme4(fit):
    components = fit.variance_components().set_index(["component", "term"])["estimate"]
    # lme4's default search stops within 1e-5 of its theta, which leaves the last printed digit of this one open
    assert components["Subject", "Intercept"] ** 0.5 == pytest.approx(24.741, abs=1e-3)
    assert components["Subject", "Days"] ** 0.5 == pytest.approx(5.922, abs=5e-4)
    assert components["residual", "all visits"] ** 0.5 == pytest.approx(25.592, abs=5e-4)
    assert fit.random_covariance(correlation=True).iloc[0, 1] == pytest.approx(0.066, abs=5e-4)


@pytest.mark.parametrize("df", ["satterthwaite", "kenward_roger"])
@pytest.mark.parametrize("information", ["observed", "expected"])
def test_seventeen_degrees_of_freedom(fit, df, information):
    assert fit.terms(df=df, information=information)["df"].tolist() == pytest.approx([17, 17], abs=1e-3)


def test_statsmodels_agrees(fit):
    table = fit.cross_check().set_index("quantity")
    assert table.loc["log-likelihood", "difference"] == pytest.approx(0, abs=1e-6)
    fixed = table[table.index.str.startswith(("estimate", "se"))]
    assert (fixed["difference"].abs() < 1e-4 * fixed["needling"].abs()).all()


@pytest.mark.parametrize("shift", [100, 2020, 44_000, 1_700_000_000 / 86400])
def test_the_same_likelihood_wherever_time_is_zero(reference, shift):
    data = pd.read_csv(reference / "sleepstudy" / "sleepstudy.csv", dtype={"Subject": str})
    moved = data.assign(Days=data["Days"] + shift)
    fit = fit_mixed("Reaction ~ Days", moved, subject="Subject", random="1 + Days")
    assert fit.status == "converged"
    assert fit.log_likelihood == pytest.approx(-871.8141, abs=5e-5)
    components = fit.variance_components().set_index(["component", "term"])["estimate"]
    assert components["Subject", "Days"] ** 0.5 == pytest.approx(5.922, abs=5e-4)
    # epoch seconds: the restricted likelihood contains the unit of the covariate once
    seconds = moved.assign(Days=moved["Days"] * 86400)
    fit = fit_mixed("Reaction ~ Days", seconds, subject="Subject", random="1 + Days")
    assert fit.status == "converged"
    assert fit.log_likelihood + np.log(86400) == pytest.approx(-871.8141, abs=5e-5)
