"""Long diaries: pairs of neighbouring rows say what whole matrices say, to ten digits and in time linear in their length."""

import numpy as np
import pandas as pd
import pytest

from needling.mixed import series
from needling.mixed.errors import MixedModelError
from needling.mixed.fit import fit_mixed
from needling.mixed.information import information
from needling.mixed.reordered import Reordered


def diary(seed, patients=6, rows=30, days=None, effects=(0.6, -0.5, 0.7, -0.8)):
    """Patients with some 30 entries at irregular times (or on whole days), one with three; therapists that change."""
    rng = np.random.default_rng(seed)
    parts = []
    for patient in range(patients):
        count = rows + int(rng.integers(-4, 5)) if patient else 3
        day = rng.choice(np.arange(days), count, replace=False) if days else rng.uniform(0, 2 * rows, count)
        day = np.sort(day).astype(float)
        noise = np.empty(count)
        for at in range(count):
            near = np.exp(-(day[at] - day[at - 1]) / 3) if at else 0.0
            noise[at] = near * (noise[at - 1] if at else 0) + np.sqrt(1 - near**2) * rng.normal()
        y = 4 + 0.8 * rng.normal() - 0.02 * day + 1.3 * noise
        therapist = rng.integers(0, 4, count)
        parts.append(
            pd.DataFrame({"id": patient, "day": day, "arm": "ab"[patient % 2], "therapist": therapist, "y": y})
        )
    data = pd.concat(parts, ignore_index=True)
    data["y"] += np.array(effects)[data["therapist"]]
    return data.assign(weight=rng.uniform(0.5, 2, len(data)), therapist="t" + data["therapist"].astype(str))


CASES = [
    ("exponential(day)", {}, None),
    ("exponential(day | arm)", {"weights": "weight", "method": "ml"}, None),
    ("exponential(day)", {"cluster": {"therapist": "1"}}, None),
    ("exponential(day)", {"random": "1 + day"}, None),
    ("exponential(day)", {"random": "1 + day ||", "weights": "weight"}, None),
    ("ar1(day)", {}, 60),
    ("ar1(day | arm)", {"random": "1"}, 60),
    ("ar1_het(day)", {"cluster": {"therapist": "1"}}, 12),
    ("antedependence(day)", {}, 12),
]


def quantities(model, free):
    point = model.likelihood.at(free)
    found = information(point)
    assert found.R.any()
    numbers = {"value": point.value, "gradient": point.gradient, "average": point.average_information}
    return numbers | {"beta": point.beta} | {name: getattr(found, name) for name in found.__dataclass_fields__}


@pytest.mark.parametrize(("residual", "more", "days"), CASES, ids=str)
def test_pairs_equal_whole_matrices(residual, more, days, monkeypatch):
    data = diary(2, rows=8 if days == 12 else 30, days=days)
    fits = []
    for longest in (10**9, 4):
        monkeypatch.setattr(series, "LONG", longest)
        fits.append(fit_mixed("y ~ arm * day", data, subject="id", residual=residual, **more))
    whole, pairs = fits
    assert whole.model.likelihood.series is None
    assert pairs.model.likelihood.series is not None
    assert isinstance(pairs.model.likelihood, Reordered) == ("random" in more)
    assert whole.status == pairs.status
    assert pairs.log_likelihood == pytest.approx(whole.log_likelihood, abs=1e-9)
    free = whole._free * 1.05 + 0.1  # not at the maximum, where a gradient of zero would prove little
    want, found = quantities(whole.model, free), quantities(pairs.model, free)
    for name, value in want.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-10, atol=1e-10 * np.abs(value).max(), err_msg=name)
    for column in ("estimate", "se", "df"):
        np.testing.assert_allclose(pairs.terms()[column], whole.terms()[column], rtol=1e-6)
    np.testing.assert_allclose(pairs.residuals("scaled"), whole.residuals("scaled"), atol=1e-6)


def test_a_subject_without_others_of_its_length_is_left_out_exactly(monkeypatch):
    data = diary(3)
    fit = fit_mixed("y ~ arm * day", data, subject="id", residual="exponential(day)")
    assert fit.model.likelihood.series is not None
    again = fit_mixed("y ~ arm * day", data[data["id"] != 4], subject="id", residual="exponential(day)")
    assert fit.without("4").log_likelihood == pytest.approx(again.log_likelihood, abs=1e-7)


def test_a_long_diary_recovers_its_range():
    """Four hundred entries of each of thirty patients; a whole matrix of one patient would have 160,000 numbers."""
    data = diary(4, patients=30, rows=400, effects=np.zeros(4))
    fit = fit_mixed("y ~ arm + day", data, subject="id", residual="exponential(day)", random="1")
    assert fit.status == "converged"
    table = fit.variance_components().set_index(["component", "quantity"])
    for key, truth in ((("residual", "range"), 3.0), (("residual", "variance"), 1.3**2)):
        estimate, se = table.loc[key, ["estimate", "se"]]
        assert abs(estimate - truth) < 3 * se
        assert se < 0.15 * truth


def test_what_needs_a_whole_matrix_of_a_very_long_subject_says_so(monkeypatch):
    monkeypatch.setattr("needling.mixed.rows.LARGEST", 25)
    fit = fit_mixed("y ~ arm", diary(5), subject="id", residual="exponential(day)")
    assert fit.status == "converged"
    assert np.isfinite(fit.terms()["se"]).all()
    with pytest.raises(MixedModelError, match="rows of one id"):
        fit.residuals("scaled")
