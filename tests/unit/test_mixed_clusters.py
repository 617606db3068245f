"""Many therapists: what is kept only where effects meet, or per connected component, equals whole matrices."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from test_mixed_dense import Dense

from needling.mixed import crosscheck, judge
from needling.mixed.connected import SMALL, Connected, Squares
from needling.mixed.fit import fit_mixed


def met(rng, clusters, blocks, within):
    """Blocks that meet two levels of each factor, of one of `within` neighbourhoods; the second is sometimes missing."""
    effects, at = sum(levels * slopes for levels, slopes in clusters), 0
    parts = []
    place = rng.integers(0, within, blocks)
    for levels, slopes in clusters:
        pair = rng.integers(0, levels // within, (blocks, 2)) * within + place[:, None]
        own = at + pair[:, :, None] * slopes + np.arange(slopes)
        own[(pair[:, 0] == pair[:, 1]) | (rng.random(blocks) < 0.2), 1] = effects
        parts.append(own.reshape(blocks, -1))
        at += levels * slopes
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("clusters", [[(60, 1), (6, 1)], [(36, 2), (6, 1)], [(120, 1)]])
@pytest.mark.parametrize("within", [1, 6])
def test_products_and_the_inverse_equal_whole_matrices(clusters, within):
    rng = np.random.default_rng(1)
    columns = met(rng, clusters, 150, within)
    pattern = Connected([columns], clusters)
    effects = pattern.n_effects
    assert sum(len(one) for one in pattern.stacks) >= within
    local = rng.normal(size=(150, 3, columns.shape[1])) * (columns < effects)[:, None, :]
    pairs = np.swapaxes(local, 1, 2) @ local
    U = np.zeros((450, effects + 1))
    for number, (own, block) in enumerate(zip(columns, local, strict=True)):
        np.add.at(U[3 * number : 3 * number + 3].T, own, block.T)
    H = (U.T @ U)[:-1, :-1]
    values = np.bincount(pattern.slots(columns), pairs.ravel(), pattern.n_values + 1)[:-1]
    np.testing.assert_allclose(pattern.matrix(values).toarray(), H, atol=1e-12)

    factors = [np.tril(rng.normal(size=(slopes, slopes))) for _, slopes in clusters]
    factors[-1][:] = 0  # a variance of zero is no special case
    for tried in (factors, [np.tril(rng.normal(size=one.shape)) for one in factors]):
        K, logarithm = pattern.eliminate(values, tried)
        blocks = [np.kron(np.eye(levels), one) for one, (levels, _) in zip(tried, clusters, strict=True)]
        Lambda = np.zeros((effects, effects))
        at = 0
        for block in blocks:
            Lambda[at : at + len(block), at : at + len(block)] = block
            at += len(block)
        bracket = np.eye(effects) + Lambda.T @ H @ Lambda
        whole = Lambda @ np.linalg.inv(bracket) @ Lambda.T
        assert logarithm == pytest.approx(np.linalg.slogdet(bracket)[1], rel=1e-12)
        np.testing.assert_allclose(K @ np.eye(effects), whole, atol=1e-12)
        np.testing.assert_allclose(U[:5, :-1] @ K, U[:5, :-1] @ whole, atol=1e-12)
        np.testing.assert_allclose(K.values[:-1], whole[pattern.rows, pattern.columns], atol=1e-12)
        assert K.values[-1] == 0

        HK = [pattern.times(values, number, stack) for number, stack in enumerate(K.stacks)]
        np.testing.assert_allclose(Squares(pattern, HK) @ np.eye(effects), H @ whole, atol=1e-10)
        sums = pattern.product_level_sums(pattern.picked(HK), values)
        across = [pattern.whole_level_sums(number, one, one) for number, one in enumerate(HK)]
        at = 0
        for factor, (levels, slopes) in enumerate(clusters):
            own = [slice(at + level * slopes, at + (level + 1) * slopes) for level in range(levels)]
            at += levels * slopes
            np.testing.assert_allclose(sums[factor], sum((H @ whole @ H)[one, one] for one in own), atol=1e-9)
            square = H @ whole @ (H @ whole).T
            np.testing.assert_allclose(
                sum(one[factor] for one in across), sum(square[one, one] for one in own), atol=1e-9
            )


def test_one_level_per_subject_keeps_one_value_per_level():
    pattern = Connected([np.arange(500)[:, None] % 100], [(100, 1)])
    assert pattern.n_values == 100
    assert [one.shape for one in pattern.stacks] == [(100, 1)]


class WithSlopes(Dense):
    """Clusters with an intercept and a slope, or an intercept alone, beside independent residuals."""

    def V(self, theta):  # noqa: N802 - the name of the field
        same = self.subject[:, None] == self.subject[None, :]
        V = same * theta[0] + theta[1] * np.eye(len(same))
        line = np.column_stack([np.ones(len(same)), self.data["week"]])
        at = 2
        for name, slopes in self.clusters.items():
            size = slopes * (slopes + 1) // 2
            G = np.zeros((slopes, slopes))
            G[np.tril_indices(slopes)] = theta[at : at + size]
            G = np.tril(G) + np.tril(G, -1).T
            at += size
            codes = self.data[name].to_numpy()
            V = V + (codes[:, None] == codes[None, :]) * (line[:, :slopes] @ G @ line[:, :slopes].T)
        assert at == len(theta)
        return V


def many_therapists(neighbourhoods, seed=3, patients=90, levels=60):
    """Four visits of each patient, a third of them with another therapist of the same neighbourhood."""
    rng = np.random.default_rng(seed)
    patient, week = np.repeat(np.arange(patients), 4), np.tile(np.arange(4.0), patients)
    own = rng.integers(0, levels, patients)[patient]
    other = rng.integers(0, levels // neighbourhoods, len(patient)) * neighbourhoods + own % neighbourhoods
    therapist = np.where(rng.random(len(patient)) < 0.35, other, own)
    clinic = own % 6
    slope = rng.normal(0, 0.6, levels)
    y = 5 + 0.3 * week * (patient % 2) + rng.normal(0, 1, patients)[patient] + rng.normal(0, 1, levels)[therapist]
    y = y + slope[therapist] * week + rng.normal(0, 1, 6)[clinic] + rng.normal(0, 0.7, len(patient))
    data = pd.DataFrame({"id": patient, "week": week, "arm": patient % 2, "therapist": therapist, "clinic": clinic})
    visit = pd.Categorical(week.astype(int).astype(str))  # read by Dense, used by no model here
    return data.assign(y=y, visit=visit, day=week)[rng.random(len(data)) > 0.1].reset_index(drop=True)


@pytest.mark.parametrize("neighbourhoods", [1, 6])
@pytest.mark.parametrize("clusters", [{"therapist": 1, "clinic": 1}, {"therapist": 2, "clinic": 1}], ids=["1", "line"])
def test_many_therapists_equal_the_textbook(neighbourhoods, clusters):
    data = many_therapists(neighbourhoods)
    terms = {name: "1 + week" if slopes > 1 else "1" for name, slopes in clusters.items()}
    fit = fit_mixed("y ~ arm * week", data, subject="id", random="1", cluster=terms)
    assert fit.status == "converged", fit.message
    assert (fit.model.likelihood.connected.largest > SMALL) == (neighbourhoods == 1)
    dense = WithSlopes(fit, data, "iid", "1", clusters)
    assert -2 * fit.log_likelihood == pytest.approx(dense.deviance(dense.theta), abs=1e-7)
    for number, value in enumerate(dense.theta):
        for factor in (0.98, 1.02):
            moved = dense.theta.copy()
            moved[number] = value * factor
            assert dense.deviance(moved) > -2 * fit.log_likelihood - 1e-8
    for information in ("observed", "expected"):
        se, df = dense.kenward_roger(information, linear=False)
        table = fit.terms(information=information)
        np.testing.assert_allclose(table["se"], se, rtol=2e-5)
        np.testing.assert_allclose(table["df"], df, rtol=2e-5)


def test_what_is_too_large_is_said_before_it_begins(monkeypatch):
    monkeypatch.setattr(judge, "LARGEST", 50)
    fit = fit_mixed("y ~ arm * week", many_therapists(1), subject="id", cluster={"therapist": "1", "clinic": "1"})
    assert fit.status == "failed"
    assert "connect 64 effects of therapist, clinic, more than the 50" in fit.message
    apart = fit_mixed("y ~ arm * week", many_therapists(6), subject="id", cluster={"therapist": "1", "clinic": "1"})
    assert apart.status == "converged"


def test_many_subjects_are_cross_checked_by_a_sample(monkeypatch):
    data = many_therapists(1)
    fit = fit_mixed("y ~ arm * week", data, subject="id", random="1")
    everybody = fit.cross_check()
    assert everybody["note"].eq("").all()
    monkeypatch.setattr(crosscheck, "PATIENTS", 60)
    sample = fit.cross_check()
    assert sample["note"].str.startswith("Both on a random sample of 60 of 90 by id").all()
    assert sample.equals(fit.cross_check())
    assert sample["difference"].abs().max() < 1e-3
    assert sample["quantity"].tolist() == everybody["quantity"].tolist()
    assert (sample["needling"] != everybody["needling"]).all()


def test_predictions_of_many_rows_need_no_square_of_them_nor_of_the_clusters():
    """Twenty thousand rows and six hundred therapists: rows x rows would be 3.2 GB, rows x effects 96 MB."""
    rng = np.random.default_rng(6)
    patient = np.repeat(np.arange(5_000), 4)
    therapist = np.where(rng.random(20_000) < 0.9, patient % 600, rng.integers(0, 600, 20_000))
    y = rng.normal(size=5_000)[patient] + rng.normal(0, 0.5, 600)[therapist] + rng.normal(size=20_000)
    data = pd.DataFrame({"id": patient, "week": np.tile(np.arange(4.0), 5_000), "therapist": therapist, "y": y})
    fit = fit_mixed("y ~ week", data, subject="id", random="1", cluster={"therapist": "1"})
    tracemalloc.start()
    table = fit.predict(random=True, df="asymptotic")
    effects = fit.random_effects()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80e6
    assert len(table) == 20_000
    own = effects[effects["component"] == "therapist"]
    assert len(own) == 600
    assert np.isfinite(own["se"]).all()
