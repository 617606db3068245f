"""What must not matter does not matter, and what must add up adds up, whatever the data."""

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from needling.mixed.fit import fit_mixed

MODELS = (
    {"random": "1 + week"},
    {"residual": "unstructured(visit)"},
    {"residual": "ar1_het(visit)", "cluster": {"clinic": "1"}},
    {"random": "1", "cluster": {"clinic": "1"}, "weights": "weight"},
)
FEW = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def made_data(seed, model):
    rng = np.random.default_rng(seed)
    subjects = 70
    subject = np.repeat(np.arange(subjects), 4)
    visit = np.tile(np.arange(4), subjects)
    clinic = np.where(rng.random(len(subject)) < 0.7, subject % 6, rng.integers(0, 6, len(subject)))
    arm = subject % 2
    level = rng.normal(0, [1.2, 0.4], (subjects, 2))
    y = 5 + level[subject, 0] + (level[subject, 1] - 0.3 * arm) * visit + rng.normal(0, 0.7, 6)[clinic]
    data = pd.DataFrame(
        {
            "id": subject,
            "visit": visit,
            "week": visit * 2.0,
            "arm": np.where(arm == 1, "needling", "usual"),
            "clinic": clinic,
            "age": np.repeat(rng.normal(45, 10, subjects), 4),
            "weight": rng.uniform(0.5, 2, len(subject)),
            "y": y + rng.normal(0, 1, len(subject)),
        }
    )
    data = data[rng.random(len(data)) > 0.2].reset_index(drop=True)
    return data, fit_mixed("y ~ arm * C(visit) + age", data, subject="id", **MODELS[model])


def again(data, model):
    return fit_mixed("y ~ arm * C(visit) + age", data, subject="id", **MODELS[model])


def assert_same(first, second, scale=1.0, rtol=1e-6):
    assert first.status == second.status
    a, b = (fit.contrast("arm", by="visit", at={"visit": [0, 1, 2, 3]}) for fit in (first, second))
    size = np.abs(a["se"]).max()
    np.testing.assert_allclose(b["estimate"] / scale, a["estimate"], atol=rtol * size, rtol=0)
    np.testing.assert_allclose(b["se"] / scale, a["se"], rtol=rtol)
    np.testing.assert_allclose(b["df"], a["df"], rtol=10 * rtol)


@FEW
@given(seed=st.integers(0, 10**6), model=st.integers(0, 3))
def test_the_order_of_rows_and_the_names_of_subjects_do_not_matter(seed, model):
    data, fit = made_data(seed, model)
    shuffled = data.sample(frac=1, random_state=seed % 1000)
    shuffled["id"] = ("name " + shuffled["id"].map(lambda number: str((number * 7919) % 1009))).astype(object)
    shuffled["clinic"] = "site " + shuffled["clinic"].astype(str)
    other = again(shuffled, model)
    assert_same(fit, other)
    np.testing.assert_allclose(other.log_likelihood, fit.log_likelihood, rtol=1e-10)
    np.testing.assert_allclose(other.fitted("conditional").loc[data.index], fit.fitted("conditional"), rtol=1e-5)


@FEW
@given(seed=st.integers(0, 10**6), model=st.integers(0, 3), power=st.integers(-8, 8), shift=st.integers(-1000, 1000))
def test_units_do_not_matter(seed, model, power, shift):
    data, fit = made_data(seed, model)
    factor = 10.0**power
    moved = data.assign(y=(data["y"] + shift) * factor, age=data["age"] * 365.25e3 + 1e4, week=data["week"] / 52)
    other = again(moved, model)
    assert_same(fit, other, factor, 1e-5)
    assert other.boundary == fit.boundary


@FEW
@given(seed=st.integers(0, 10**6), model=st.integers(0, 3))
def test_predictions_average_as_they_must(seed, model):
    data, fit = made_data(seed, model)
    rows = fit.rows
    scores = rows.XR[:, :-1].T @ rows.weighted[:, -1]  # X'V^-1 (y - X beta)
    np.testing.assert_allclose(scores, 0, atol=1e-7 * np.abs(rows.weighted).sum())
    effects = fit.random_effects()
    for _, one in effects[effects["term"] == "Intercept"].groupby("component"):
        size = one["estimate"].abs().max()
        if one["component"].iloc[0] == "clinic" or "weight" not in MODELS[model].values():
            assert abs(one["estimate"].mean()) <= 1e-6 * size + 1e-12
    np.testing.assert_allclose(fit.predict(data)["estimate"], fit.fitted(), rtol=1e-9)


@FEW
@given(seed=st.integers(0, 10**6))
def test_a_subject_met_in_two_clinics_is_not_two_subjects_nor_one_clinic(seed):
    data, fit = made_data(seed, 3)
    assert (data.groupby("id")["clinic"].nunique() > 1).any()
    first_only = data.assign(clinic=data.groupby("id")["clinic"].transform("first"))
    assert abs(again(first_only, 3).log_likelihood - fit.log_likelihood) > 1e-6
    assert fit.n_clusters == {"clinic": 6}
    assert fit.n_subjects == data["id"].nunique()
