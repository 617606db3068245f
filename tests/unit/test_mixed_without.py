"""A fit without a subject is the fit to the other subjects, whatever the model, and says so where nothing is left."""

import numpy as np
import pandas as pd
import pytest

from needling.mixed.errors import MixedModelError
from needling.mixed.fit import fit_mixed
from needling.mixed.resample import child

FORMULA = "y ~ visit * arm + x"


def frame(patients=45, seed=3, missing=0.25):
    rng = np.random.default_rng(seed)
    patient, visit = np.repeat(np.arange(patients), 4), np.tile(np.arange(4), patients)
    person = rng.normal(0, 1.5, patients)[patient]
    table = pd.DataFrame(
        {
            "id": [f"P{i:02d}" for i in patient],
            "visit": pd.Categorical([f"v{i}" for i in visit]),
            "week": visit * 2.0,
            "arm": np.where(patient % 2, "b", "a"),
            "clinic": [f"C{i % 5}" for i in patient],
            "x": rng.normal(size=patients)[patient],
            "weight": 1.0 + patient % 3,
            "y": 4 + person - 0.4 * visit + rng.normal(size=len(patient)),
        }
    )
    return table[rng.random(len(table)) > missing].reset_index(drop=True)


MODELS = {
    "unstructured": {"residual": "unstructured(visit)"},
    "by arm": {"residual": "ar1_het(visit | arm)"},
    "full likelihood": {"residual": "toeplitz(visit)", "method": "ml"},
    "random slope": {"random": "1 + week"},
    "random slope, full likelihood": {"random": "1 + week", "method": "ml"},
    "two random effects apart, weighted": {"random": "1 + week ||", "weights": "weight"},
    "more random effects than some have rows": {"random": "1 + week + I(week**2)"},
    "independent rows": {},
    "another residual variance in each arm": {"random": "1", "residual": "iid(| arm)"},
    "clinics": {"residual": "compound_symmetry(visit)", "cluster": {"clinic": "1"}},
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("gone", [["P07"], ["P00", "P01", "P30"]])
def test_it_is_the_fit_to_the_others(model, gone):
    data = frame()
    again = fit_mixed(FORMULA, data, subject="id", **model).without(gone)
    plain = fit_mixed(FORMULA, data[~data["id"].isin(gone)], subject="id", **model)
    assert (again.n_subjects, again.n_observations) == (plain.n_subjects, plain.n_observations)
    assert again.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-8)
    for mine, other in ((again.terms(), plain.terms()), (again.variance_components(), plain.variance_components())):
        np.testing.assert_allclose((mine["estimate"] - other["estimate"]) / other["se"].fillna(1), 0, atol=1e-5)
        np.testing.assert_allclose(mine["se"], other["se"], rtol=1e-5)
    np.testing.assert_allclose(again.terms()["df"], plain.terms()["df"], rtol=1e-4)
    np.testing.assert_allclose(again.residuals("scaled"), plain.residuals("scaled"), atol=1e-4)


@pytest.mark.parametrize("random", ["1", "1 + week", "1 + week ||"])
def test_only_the_subjects_left_out_are_cut_from_the_cross_products(random, monkeypatch):
    fit = fit_mixed(FORMULA, frame(), subject="id", random=random)
    expected = [
        fit_mixed(FORMULA, frame()[frame()["id"] != gone], subject="id", random=random) for gone in ("P07", "P20")
    ]
    fit.without("P00")
    monkeypatch.setattr("needling.mixed.model.subject_buckets", None)  # no row is cut again
    for gone, plain in zip(("P07", "P20"), expected, strict=True):
        assert fit.without(gone).log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-10)


def test_a_bootstrap_of_subjects_is_the_fit_to_their_copies():
    data = frame()
    fit = fit_mixed(FORMULA, data, subject="id", random="1 + week")
    mine = fit.bootstrap(np.random.default_rng(5), 2, kind="id")
    drawn = child(np.random.default_rng(5), 1).integers(45, size=45)
    copies = [data[data["id"] == f"P{one:02d}"].assign(id=f"copy {number:02d}") for number, one in enumerate(drawn)]
    plain = fit_mixed(FORMULA, pd.concat(copies), subject="id", random="1 + week")
    own = mine[(mine["replicate"] == 1) & (mine["component"] == "fixed")]
    off = (own["estimate"].to_numpy() - plain.terms()["estimate"]) / plain.terms()["se"]
    np.testing.assert_allclose(off, 0, atol=1e-5)


def test_large_groups_of_one_pattern_are_cut_anew():
    data = frame(120, missing=0)
    again = fit_mixed(FORMULA, data, subject="id", residual="unstructured(visit)").without("P50")
    plain = fit_mixed(FORMULA, data[data["id"] != "P50"], subject="id", residual="unstructured(visit)")
    assert again.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-8)


def test_a_pattern_and_a_size_that_nobody_else_has_go_with_their_subject():
    data = frame(30, missing=0)
    data = data[~((data["id"] == "P03") & (data["visit"] != "v1")) & ~((data["id"] == "P04") & (data["visit"] == "v2"))]
    data = data[~((data["id"] == "P05") & (data["visit"] == "v3"))]
    fit = fit_mixed(FORMULA, data, subject="id", residual="unstructured(visit)")
    for gone in ("P03", "P04", "P05"):
        plain = fit_mixed(FORMULA, data[data["id"] != gone], subject="id", residual="unstructured(visit)")
        assert fit.without(gone).log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-8)


def test_a_coefficient_that_rests_on_one_subject_is_left_out():
    data = frame()
    data["rare"] = (data["id"] == "P09").astype(float)
    again = fit_mixed(f"{FORMULA} + rare", data, subject="id", residual="unstructured(visit)").without("P09")
    assert again.status == "rank_deficient"
    assert np.isnan(again.coefficients()["rare"])
    plain = fit_mixed(FORMULA, data[data["id"] != "P09"], subject="id", residual="unstructured(visit)")
    np.testing.assert_allclose(again.coefficients().drop("rare"), plain.coefficients(), rtol=1e-5, atol=1e-6)


def test_others_that_the_model_explains_exactly_are_a_failure_that_says_so():
    data = frame(12, missing=0)
    data["y"] = data["week"] + (data["id"] == "P02") * np.random.default_rng(1).normal(size=len(data))
    again = fit_mixed("y ~ visit + arm", data, subject="id", residual="compound_symmetry(visit)").without("P02")
    assert again.status == "failed"
    assert "explain the outcome exactly" in again.message


def test_the_fit_itself_stays_as_it_was():
    fit = fit_mixed(FORMULA, frame(), subject="id", residual="unstructured(visit)")
    before = fit.log_likelihood, fit.terms()["se"].tolist()
    fit.without("P01")
    assert (fit.log_likelihood, fit.terms()["se"].tolist()) == before


def test_who_is_not_there_cannot_be_left_out_and_somebody_stays():
    fit = fit_mixed(FORMULA, frame(), subject="id", residual="unstructured(visit)")
    with pytest.raises(MixedModelError, match="no id of one of the names"):
        fit.without("P99")
    with pytest.raises(MixedModelError, match="Nobody is left"):
        fit.without([str(one) for one in fit.model.design.subject_labels])


def test_no_frame_is_made_for_a_fit_or_a_refit_and_its_rows_are_those_left():
    data = frame()
    fit = fit_mixed(FORMULA, data, subject="id", random="1 + week")
    again = fit.without("P07")
    fit.bootstrap(np.random.default_rng(5), 2, kind="id")
    assert "frame" not in vars(fit.model.design.used) | vars(again.model.design.used)
    left = data[data["id"] != "P07"]
    assert again.model.design.frame["y"].tolist() == left["y"].tolist()
    assert (
        again.means("arm")["estimate"].tolist() == again.means("arm", at={"x": left["x"].mean()})["estimate"].tolist()
    )
