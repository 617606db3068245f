"""The FEV trial against PROC MIXED: `expected_sas.csv` and `expected_sas_full_model.json` of the reference folder."""

import json

import numpy as np
import pandas as pd
import pytest

from needling.mixed.fit import fit_mixed
from needling.mixed.information import information

LEVELS = {
    "AVISIT": ["VIS1", "VIS2", "VIS3", "VIS4"],
    "ARMCD": ["PBO", "TRT"],
    "SEX": ["Male", "Female"],
    "RACE": ["Asian", "Black or African American", "White"],
}


@pytest.fixture(scope="module")
def trial(reference):
    return pd.read_csv(reference / "fev" / "fev_data.csv")


@pytest.fixture(scope="module")
def listing(reference):
    return pd.read_csv(reference / "fev" / "expected_sas.csv")


def fitted(trial, structure):
    return fit_mixed("FEV1 ~ ARMCD", trial, subject="USUBJID", residual=f"{structure}(AVISIT)", levels=LEVELS)


def expected_row(listing, structure, variance):
    row = listing[(listing["covariance"] == structure) & (listing["vcov"] == variance)]
    assert len(row) == 1
    return row.iloc[0]


@pytest.mark.parametrize("variance", ["kenward_roger", "kenward_roger_linear"])
@pytest.mark.parametrize("structure", ["compound_symmetry", "ar1"])
def test_kenward_roger_of_proc_mixed(trial, listing, structure, variance):
    expected = expected_row(listing, structure, variance)
    row = fitted(trial, structure).terms(df=variance).loc[1]
    assert row["estimate"] == pytest.approx(expected["estimate"], rel=1e-6)
    assert row["se"] == pytest.approx(expected["se"], rel=1e-5)
    assert row["df"] == pytest.approx(expected["df"], rel=1e-5)


@pytest.mark.parametrize("structure", ["unstructured", "compound_symmetry", "ar1"])
def test_empirical_variance_of_proc_mixed(trial, listing, structure):
    expected = expected_row(listing, structure, "sandwich_empirical")
    row = fitted(trial, structure).terms(variance="CR0").loc[1]
    assert row["estimate"] == pytest.approx(expected["estimate"], rel=1e-5)
    assert row["se"] == pytest.approx(expected["se"], rel=1e-5)


def sas_path(fit):
    """PROC MIXED's search: MIVQUE0, then Newton-Raphson until g'H^-1 g / |-2 log L| falls below 1e-8."""
    likelihood = fit.model.likelihood
    structure = fit.model.components.structure

    def at(theta):
        return likelihood.at(structure.free(np.linalg.cholesky(structure.matrix(theta))))

    identity = (structure.rows == structure.columns).astype(float)
    point = at(identity)
    theta = identity - point.local @ np.linalg.solve(information(point).expected, point.gradient)
    while True:
        point = at(theta)
        hessian = information(point).observed
        step = np.linalg.solve(hessian, point.gradient)
        yield point, point.gradient @ step / 2 / abs(point.value)
        theta = theta - point.local @ step


@pytest.mark.parametrize("variance", ["kenward_roger", "kenward_roger_linear"])
def test_unstructured_kenward_roger_where_proc_mixed_stopped(trial, listing, variance):
    """SAS stopped one Newton step early; at its stopping point the engine's Kenward-Roger has all of SAS's digits."""
    expected = expected_row(listing, "unstructured", variance)
    fit = fitted(trial, "unstructured")
    exact = fit.terms(df=variance).loc[1]
    assert exact["estimate"] == pytest.approx(expected["estimate"], rel=1e-4)
    assert exact["se"] == pytest.approx(expected["se"], rel=1e-4)
    point = next(point for point, criterion in sas_path(fit) if criterion < 1e-8)
    assert point.value > -2 * fit.log_likelihood + 1e-6  # not yet the maximum
    stopped = fitted(trial, "unstructured")
    stopped._point, stopped._free = point, point.free
    row = stopped.terms(df=variance).loc[1]
    assert row["estimate"] == pytest.approx(expected["estimate"], rel=1e-10)
    assert row["se"] == pytest.approx(expected["se"], rel=1e-10)
    assert row["df"] == pytest.approx(expected["df"], rel=1e-10)


@pytest.fixture(scope="module")
def full(trial):
    return fit_mixed(
        "FEV1 ~ RACE + SEX + ARMCD * AVISIT", trial, subject="USUBJID", residual="unstructured(AVISIT)", levels=LEVELS
    )


@pytest.fixture(scope="module")
def printed(reference):
    return json.loads((reference / "fev" / "expected_sas_full_model.json").read_text())


def test_full_model_fixed_effects(full, printed):
    names = {
        "Intercept": "Intercept",
        "ARMCD TRT": "ARMCD[T.TRT]",
        "RACE Black or African American": "RACE[T.Black or African American]",
        "RACE White": "RACE[T.White]",
        "SEX Female": "SEX[T.Female]",
        **{f"AVISIT VIS{k}": f"AVISIT[T.VIS{k}]" for k in (2, 3, 4)},
        **{f"VIS{k}:TRT": f"ARMCD[T.TRT]:AVISIT[T.VIS{k}]" for k in (2, 3, 4)},
    }
    table = full.terms(df="satterthwaite").set_index("term")
    expected = printed["fixed_effects_estimate_se_df"]
    assert -2 * full.log_likelihood == pytest.approx(printed["minus_2_restricted_loglik"], abs=0.051)
    assert set(expected) == set(names)
    for name, (estimate, se, df) in expected.items():
        row = table.loc[names[name]]
        # four printed decimals, less what SAS's early stop leaves open (see the test above)
        assert row["estimate"] == pytest.approx(estimate, abs=3e-4), name
        assert row["se"] == pytest.approx(se, abs=2e-4), name
        assert row["df"] == pytest.approx(df, abs=0.6), name


def test_full_model_marginal_means_and_differences(full, printed):
    means = full.means(["AVISIT", "ARMCD"], df="satterthwaite").set_index(["AVISIT", "ARMCD"])
    for name, (estimate, se, df, low, high) in printed[
        "marginal_means_balanced_weights_estimate_se_df_low_high"
    ].items():
        row = means.loc[tuple(name.split())]
        assert [row["estimate"], row["se"]] == pytest.approx([estimate, se], abs=3e-4), name
        assert row["df"] == pytest.approx(df, abs=0.6)
        assert [row["low"], row["high"]] == pytest.approx([low, high], abs=1e-3), name
    contrasts = full.contrast("ARMCD", by="AVISIT", df="satterthwaite").set_index("AVISIT")
    assert (contrasts["contrast"] == "TRT - PBO").all()
    for visit, (estimate, se, df, p, low, high) in printed[
        "differences_TRT_minus_PBO_estimate_se_df_p_low_high"
    ].items():
        row = contrasts.loc[visit]
        assert [row["estimate"], row["se"]] == pytest.approx([estimate, se], abs=3e-4), visit
        assert row["df"] == pytest.approx(df, abs=0.6)
        assert [row["low"], row["high"]] == pytest.approx([low, high], abs=1e-3), visit
        assert row["p"] < 1e-4 if p == "<.0001" else row["p"] == pytest.approx(p, abs=6e-5)


def test_full_model_joint_test(full, printed):
    expected = printed["joint_test_RACE"]
    row = full.joint_test("RACE", df="satterthwaite").iloc[0]
    assert row["statistic"] == pytest.approx(expected["F"], abs=0.0151)
    assert row["df_numerator"] == expected["num_df"]
    assert row["df_denominator"] == pytest.approx(expected["den_df"], abs=0.6)


def test_rows_dropped_are_counted(full):
    assert full.rows_dropped == {"FEV1 missing": 263}
    assert full.n_observations == 537


def test_exponential_never_below_independence(trial):
    plain = fit_mixed("FEV1 ~ ARMCD", trial, subject="USUBJID")
    fit = fit_mixed("FEV1 ~ ARMCD", trial, subject="USUBJID", residual="exponential(VISITN2)")
    assert plain.log_likelihood == pytest.approx(-1945.540, abs=5e-4)
    assert fit.log_likelihood == pytest.approx(-1945.540, abs=5e-4)
    assert fit.status == "singular"
    assert fit.terms()["estimate"].tolist() == pytest.approx(plain.terms()["estimate"].tolist(), rel=1e-6)


def test_kenward_roger_in_the_plane_differentiates_by_the_range(trial):
    """PROC MIXED's sp(exp)(visitn visitn2): its second derivatives are those of variance and range."""
    fit = fit_mixed("FEV1 ~ ARMCD", trial, subject="USUBJID", residual="exponential(VISITN, VISITN2)")
    row = fit.terms().set_index("term").filter(like="ARMCD", axis=0).iloc[0]
    assert row["se"] == pytest.approx(0.905278, abs=5e-7)
    linear = fit.terms(df="kenward_roger_linear").set_index("term").filter(like="ARMCD", axis=0).iloc[0]
    assert linear["se"] == pytest.approx(0.905531, abs=5e-7)


def test_exponential_at_equal_steps_is_ar1(trial):
    continuous = fit_mixed("FEV1 ~ ARMCD", trial, subject="USUBJID", residual="exponential(VISITN)")
    assert continuous.log_likelihood == pytest.approx(fitted(trial, "ar1").log_likelihood, abs=1e-6)
