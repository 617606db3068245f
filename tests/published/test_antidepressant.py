"""Missing data in the antidepressant trial of R's rbmi: 172 patients, four visits, a quarter lost.

Expected: rbmi's vignette on conditional-mean imputation (jump to reference, jackknife; 5e-4), CAMIS's comparison of R and SAS (five
macros, 5,000 imputations; .01 on estimates, their Monte Carlo error, and .025 on standard errors, since the jackknife's is not
Rubin's: the largest gap is .023, copy reference), and its tipping points. Digits
beyond those printed are this engine's own (1e-5), which other programs confirm as far as they print. Sign: drug minus placebo
throughout; the vignette has placebo minus drug.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from needling.analysis.imputation import METHODS, Trial, crossings, impute
from needling.mixed.fit import fit_mixed
from needling.mixed.means import fixed_matrix
from needling.plan import load_study
from stages import run_stages

VISITS = ["4", "5", "6", "7"]
DIFFERENCE = np.array([[-1.0, 1.0]])  # drug minus placebo


@pytest.fixture(scope="module")
def data(reference):
    path = reference / "antidepressant" / "antidepressant_data.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    return pd.read_csv(path, dtype={"PATIENT": str, "VISIT": str})


def trial(data, gender):
    people = data.drop_duplicates("PATIENT")[["PATIENT", "THERAPY", "BASVAL", "GENDER"]]
    grid = people.merge(pd.DataFrame({"VISIT": VISITS}), how="cross")
    grid = grid.merge(data[["PATIENT", "VISIT", "CHANGE"]], how="left", on=["PATIENT", "VISIT"])
    grid["THERAPY"] = pd.Categorical(grid["THERAPY"], ["PLACEBO", "DRUG"])
    formula = "CHANGE ~ BASVAL * VISIT + THERAPY * VISIT" + (" + GENDER" if gender else "")
    fit = fit_mixed(formula, grid.dropna(), subject="PATIENT", residual="unstructured(VISIT)")
    n = len(people)
    under = [grid.assign(THERAPY=pd.Categorical([arm] * len(grid), ["PLACEBO", "DRUG"])) for arm in ("PLACEBO", "DRUG")]
    columns = np.stack([fixed_matrix(fit.model.design, one).reshape(n, 4, -1) for one in under])
    covariates = people[["BASVAL"]].assign(female=people["GENDER"] == "F").to_numpy(float)
    made = Trial(
        grid["CHANGE"].to_numpy().reshape(n, 4),
        (people["THERAPY"] == "DRUG").to_numpy(int),
        people["PATIENT"].to_numpy(),
        columns,
        covariates if gender else covariates[:, :1],
        people["PATIENT"].to_numpy(),
    )
    return made, fit


@pytest.fixture(scope="module")
def vignette(data):
    return impute(*trial(data, gender=False), tuple(METHODS), DIFFERENCE)


@pytest.fixture(scope="module")
def camis(data):
    return impute(*trial(data, gender=True), tuple(METHODS), DIFFERENCE)


def found(made, method, visit="7", quantity=0, variance="frequentist"):
    numbers, covariance = made.triple(made.methods.index(method), VISITS.index(visit), quantity, variance)
    return numbers[0], np.sqrt(covariance[0, 0])


def normal(estimate, se):
    z = stats.norm.isf(0.025)
    return estimate - z * se, estimate + z * se, 2 * stats.norm.sf(abs(estimate / se))


@pytest.mark.parametrize(
    ("visit", "estimate", "se", "low", "high", "p", "se_anchored", "low_anchored", "high_anchored", "p_anchored"),
    [
        ("4", -0.092, 0.695, -1.453, 1.270, 0.895, 0.695, -1.453, 1.270, 0.895),
        ("5", 1.305, 0.878, -0.416, 3.027, 0.137, 0.944, -0.545, 3.156, 0.167),
        ("6", 1.929, 0.862, 0.239, 3.619, 0.025, 0.993, -0.018, 3.876, 0.052),
        ("7", 2.126, 0.858, 0.444, 3.807, 0.013, 1.123, -0.076, 4.327, 0.058),
    ],
)
def test_jump_to_reference_of_the_vignette(
    vignette, visit, estimate, se, low, high, p, se_anchored, low_anchored, high_anchored, p_anchored
):
    for variance, expected in {
        "frequentist": (se, low, high, p),
        "information_anchored": (se_anchored, low_anchored, high_anchored, p_anchored),
    }.items():
        value, error = found(vignette, "jump_to_reference", visit, variance=variance)
        np.testing.assert_allclose([-value, error, *normal(-value, error)], [estimate, *expected], atol=6e-4)


@pytest.mark.parametrize(
    ("visit", "estimate", "se", "anchored"),
    [("5", 1.305433, 0.878266, 0.944069), ("6", 1.928993, 0.862330, 0.993470), ("7", 2.125580, 0.858135, 1.123189)],
)
def test_all_digits_of_jump_to_reference(vignette, visit, estimate, se, anchored):
    value, error = found(vignette, "jump_to_reference", visit)
    other = found(vignette, "jump_to_reference", visit, variance="information_anchored")[1]
    np.testing.assert_allclose([-value, error, other], [estimate, se, anchored], atol=5e-6)


def test_the_two_variances_come_to_opposite_conclusions(vignette):
    p = {
        one: normal(*found(vignette, "jump_to_reference", variance=one))[2]
        for one in ("frequentist", "information_anchored")
    }
    assert p["frequentist"] < 0.05 < p["information_anchored"]


def test_means_of_the_vignette(vignette):
    for quantity, mean, se, anchored in ((2, -6.965, 0.685, 0.850), (1, -4.839, 0.762, 0.763)):  # drug, placebo
        value, error = found(vignette, "jump_to_reference", quantity=quantity)
        other = found(vignette, "jump_to_reference", quantity=quantity, variance="information_anchored")[1]
        np.testing.assert_allclose([value, error, other], [mean, se, anchored], atol=6e-4)


@pytest.mark.parametrize(
    ("method", "estimate", "se", "anchored"),
    [
        ("mar", -2.829849, 1.126003, 1.126003),
        ("jump_to_reference", -2.142440, 0.875568, 1.144975),
        ("copy_reference", -2.397448, 1.001295, 1.135340),
        ("copy_increments", -2.478683, 1.020564, 1.133533),
        ("last_mean_carried_forward", -2.554699, 1.048458, 1.162974),
    ],
)
def test_digits_with_gender_in_both_models(camis, method, estimate, se, anchored):
    value, error = found(camis, method)
    other = found(camis, method, variance="information_anchored")[1]
    np.testing.assert_allclose([value, error, other], [estimate, se, anchored], atol=5e-6)


@pytest.mark.parametrize(
    ("method", "r", "r_se", "r_p", "sas", "sas_se", "sas_p"),
    [
        ("mar", -2.830, 1.123, 0.0128, -2.825, 1.123, 0.0130),
        ("jump_to_reference", -2.148, 1.135, 0.0603, -2.144, 1.136, 0.0611),
        ("copy_reference", -2.394, 1.112, 0.0329, -2.400, 1.115, 0.0330),
        ("copy_increments", -2.479, 1.112, 0.0273, -2.481, 1.115, 0.0276),
    ],
)
def test_multiple_imputation_in_r_and_sas(camis, method, r, r_se, r_p, sas, sas_se, sas_p):
    value, error = found(camis, method, variance="information_anchored")
    p = normal(value, error)[2]
    for estimate, se, printed in ((r, r_se, r_p), (sas, sas_se, sas_p)):
        assert value == pytest.approx(estimate, abs=0.01)
        assert error == pytest.approx(se, abs=0.025)
        assert p == pytest.approx(printed, abs=0.002)


def test_bayesian_imputation_of_the_quickstart(vignette):
    """150 draws of jump to reference: 2.169 (1.120), P .055; the Monte Carlo error of the estimate is about .05."""
    value, error = found(vignette, "jump_to_reference", variance="information_anchored")
    assert -value == pytest.approx(2.169, abs=0.1)
    assert error == pytest.approx(1.120, abs=0.025)
    assert normal(value, error)[2] == pytest.approx(0.055, abs=0.005)


@pytest.mark.parametrize(
    ("method", "estimate", "se", "anchored"),
    [
        ("mar", -2.801834, 1.106719, 1.106719),
        ("copy_reference", -2.370748, 0.981077, 1.115505),
        ("copy_increments", -2.449177, 1.000802, 1.114139),
        ("last_mean_carried_forward", -2.513927, 1.029084, 1.143435),
    ],
)
def test_digits_without_gender(vignette, method, estimate, se, anchored):
    value, error = found(vignette, method)
    other = found(vignette, method, variance="information_anchored")[1]
    np.testing.assert_allclose([value, error, other], [estimate, se, anchored], atol=5e-6)


def test_missing_at_random_is_the_mixed_model(data, camis):
    """The direct MMRM of the same data: -2.829 (1.117; -5.035 to -0.622) in R, the same to .002 in SAS."""
    fit = trial(data, gender=True)[1]
    row = fit.contrast("THERAPY", by="VISIT", df="satterthwaite").iloc[3]
    expected = [-2.829, 1.117, -5.035, -0.622, 0.0123]
    np.testing.assert_allclose(row[["estimate", "se", "low", "high", "p"]].astype(float), expected, atol=2e-3)
    assert found(camis, "mar")[0] == pytest.approx(row["estimate"], abs=2e-3)


def at(made, method, drug, placebo=0.0, variance="information_anchored"):
    numbers, covariance = made.triple(made.methods.index(method), 3, 0, variance)
    deltas = np.array([1.0, placebo, drug])
    estimate, se = deltas @ numbers, np.sqrt(deltas @ covariance @ deltas)
    return estimate, se, normal(estimate, se)[2]


def test_delta_adjustment_and_exact_tipping_point(camis):
    estimate, se, p = at(camis, "mar", 3.0)
    np.testing.assert_allclose([estimate, se], [-2.100812, 1.146645], atol=5e-6)
    assert p == pytest.approx(0.06693, abs=5e-6)
    np.testing.assert_allclose(normal(estimate, se)[:2], [-4.354, 0.154], atol=0.015)  # R, 5,000 imputations
    numbers, covariance = camis.triple(0, 3, 0, "frequentist")
    np.testing.assert_allclose(numbers[[2, 1]], [0.2430125, -0.265598], atol=5e-7)
    chosen = np.ix_([0, 2], [0, 2])
    roots = crossings(numbers[[0, 2]], covariance[chosen], stats.norm.isf(0.025))
    assert min(roots, key=abs) == pytest.approx(2.4392, abs=5e-5)
    for root in roots:
        assert at(camis, "mar", root)[2] == pytest.approx(0.05, abs=1e-9)


@pytest.mark.parametrize(
    ("method", "delta", "r", "r_p", "sas", "sas_p"),
    [
        ("mar", 3, -2.100, 0.0675, -2.096, 0.0684),
        ("copy_reference", 1, -2.162, 0.0558, -2.157, 0.0566),
        ("copy_increments", 2, -1.994, 0.0796, -1.995, 0.0798),
        ("jump_to_reference", -1, -2.383, 0.0361, -2.387, 0.0361),
    ],
)
def test_tipping_points_of_r_and_sas(camis, method, delta, r, r_p, sas, sas_p):
    estimate, _, p = at(camis, method, float(delta))
    assert (estimate, p) == (pytest.approx(r, abs=0.01), pytest.approx(r_p, abs=0.005))
    assert (estimate, p) == (pytest.approx(sas, abs=0.01), pytest.approx(sas_p, abs=0.005))


def test_surface_is_what_imputing_and_analysing_again_gives(data, camis):
    """Delta is added to the values themselves, both arms at once, and everything is done again for each patient left out."""
    made, fit = trial(data, gender=True)
    drug, placebo = 2.5, -1.5
    added = np.where(made.seen, 0.0, np.where(made.arm == 1, drug, placebo)[:, None])
    numbers = []
    for who in [None, *made.patients[::20]]:
        kept = made.patients != who
        completed = made.imputed(fit if who is None else fit.without(who), ["copy_increments"])[0] + added
        numbers.append(made.analysed(kept, DIFFERENCE, completed)[0, 3])
    place = camis.methods.index("copy_increments")
    lines = np.column_stack([camis.frequentist[:, place, 3, 0], camis.slopes[:, 3, 0]])[::20]
    expected = lines @ [1.0, placebo, drug]
    assert numbers[0] == pytest.approx(at(camis, "copy_increments", drug, placebo)[0], abs=1e-9)
    np.testing.assert_allclose(numbers[1:], expected, atol=1e-9)


def test_intermittent_values_are_adjusted_only_if_asked(data):
    made, fit = trial(data, gender=False)
    after = impute(made, fit, ["mar"], DIFFERENCE, "after_event")
    everything = impute(made, fit, ["mar"], DIFFERENCE, "all_missing")
    intermittent = made.patients[(~made.seen & ~made.after).any(axis=1)]
    assert intermittent.tolist() == ["3618"]
    assert (everything.shifted - after.shifted).sum() == (~made.seen & ~made.after).sum() > 0
    assert (everything.slope != after.slope).any()


# ---------------------------------------------------------------- from the study file alone


@pytest.fixture(scope="module")
def study_results(data, project, tmp_path_factory):
    """The export as the data guide has it written, through every stage."""
    folder = tmp_path_factory.mktemp("antidepressant")
    first = data.drop_duplicates("PATIENT").assign(VISIT="0", HAMDTL17=lambda rows: rows["BASVAL"])
    columns = ["PATIENT", "POOLINV", "THERAPY", "GENDER", "VISIT", "HAMDTL17"]
    pd.concat([first, data])[columns].to_csv(folder / "antidepressant.csv", index=False)
    study = load_study(project / "config/antidepressant.yaml")
    results = run_stages(study, folder, folder / "antidepressant.csv").results()
    compared = results["quantity"].eq("difference") & results["arm"].eq("drug") & results["visit"].eq("visit_7")
    return results[compared].set_index(["analysis", "variant", "variance"])


@pytest.mark.parametrize(
    ("analysis", "method", "estimate", "frequentist", "anchored"),
    [
        ("under_loss", "mar", -2.801834, 1.106719, 1.106719),
        ("under_loss", "jump_to_reference", -2.125580, 0.858135, 1.123189),
        ("under_loss", "copy_reference", -2.370748, 0.981077, 1.115505),
        ("with_sex", "copy_increments", -2.478683, 1.020564, 1.133533),
        ("with_sex", "last_mean_carried_forward", -2.554699, 1.048458, 1.162974),
    ],
)
def test_the_study_file_gives_the_same_digits(study_results, analysis, method, estimate, frequentist, anchored):
    for variance, se in (("frequentist", frequentist), ("information_anchored", anchored)):
        row = study_results.loc[(analysis, method, variance)]
        np.testing.assert_allclose([row["estimate"], row["se"]], [estimate, se], atol=5e-6)
        np.testing.assert_allclose(
            row[["low", "high", "p"]].astype(float), normal(row["estimate"], row["se"]), atol=1e-6
        )
        assert row["favours"] == "drug"
        assert (row["role"] == "exploratory") == (
            variance != {"under_loss": "information_anchored"}.get(analysis, "frequentist")
        )
