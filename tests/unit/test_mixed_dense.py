"""The engine against the textbook: every formula again with whole matrices, for every kind of covariance."""

import numpy as np
import pandas as pd
import pytest
from scipy import linalg

from needling.mixed.errors import MixedModelError
from needling.mixed.fit import fit_mixed
from needling.mixed.sandwich import sandwich

VISITS = ["v1", "v2", "v3", "v4"]


def made_trial(seed=1, subjects=30, missing=0.2):
    """Subjects x 4 visits with two arms, therapists that change within a subject, clinics, weights, jittered time."""
    rng = np.random.default_rng(seed)
    n = subjects * 4
    subject = np.repeat(np.arange(subjects), 4)
    visit = np.tile(np.arange(4), subjects)
    arm = np.repeat(rng.integers(0, 2, subjects), 4)
    clinic = np.repeat(rng.integers(0, 4, subjects), 4)
    therapist = np.where(rng.random(n) < 0.8, subject % 5, rng.integers(0, 5, n))
    day = visit * 7.0 + rng.integers(-1, 2, n)
    level = rng.multivariate_normal([0, 0], [[2.0, 0.2], [0.2, 0.3]], subjects)
    y = (
        10
        + 0.5 * visit
        + arm * (0.3 + 0.4 * visit)
        + level[subject, 0]
        + level[subject, 1] * visit
        + rng.normal(0, 0.8, 4)[clinic]
        + rng.normal(0, 0.8, 5)[therapist]
        + rng.normal(0, 1 + 0.3 * visit)
    )
    data = pd.DataFrame(
        {
            "id": [f"s{number:03d}" for number in subject],
            "visit": pd.Categorical(np.array(VISITS)[visit], categories=VISITS),
            "week": visit.astype(float),
            "day": day,
            "arm": np.where(arm == 1, "needling", "usual"),
            "clinic": [f"c{number}" for number in clinic],
            "therapist": [f"t{number}" for number in therapist],
            "age": np.repeat(rng.normal(45, 12, subjects), 4),
            "weight": rng.uniform(0.5, 2, n),
            "y": y,
        }
    )
    keep = rng.random(n) > missing
    return data[keep].sample(frac=1, random_state=seed).reset_index(drop=True)


def correlation(structure, rho, a, b):
    """One element of the correlation matrix, from the definition."""
    first, second = min(a, b), max(a, b)
    return {
        "compound_symmetry_het": lambda: rho[0] if a != b else 1.0,
        "ar1": lambda: rho[0] ** abs(a - b),
        "toeplitz_het": lambda: 1.0 if a == b else rho[abs(a - b) - 1],
        "antedependence": lambda: float(np.prod(rho[first:second])),
    }[structure if structure in ("compound_symmetry_het", "toeplitz_het") else structure.removesuffix("_het")]()


def residual_element(structure, theta, a, b):
    """One element of R in natural parameters."""
    if structure == "unstructured":
        row, column = max(a, b), min(a, b)
        return theta[row * (row + 1) // 2 + column]
    if structure == "compound_symmetry":
        return theta[0] if a == b else theta[1]
    if structure == "toeplitz":
        return theta[abs(a - b)]
    if structure.endswith("_het"):
        return np.sqrt(theta[a] * theta[b]) * correlation(structure, theta[4:], a, b)
    return theta[0] * correlation(structure, theta[1:], a, b)


class Dense:
    """A mixed model with whole matrices, parametrised by the rows of variance_components()."""

    def __init__(self, fit, data, structure, random, clusters, by=None, weight=None):
        self.data, self.structure, self.clusters = data, structure, clusters
        design = fit.model.design
        X = np.empty_like(design.X)
        X[design.order] = design.X
        self.X, self.y = X[:, fit.model.coordinates.kept], data["y"].to_numpy()
        week = data["week"].to_numpy()
        self.Z = {None: np.zeros((len(data), 0)), "1": np.ones((len(data), 1))}.get(
            random, np.column_stack([np.ones(len(data)), week])
        )
        self.visit = data["visit"].cat.codes.to_numpy()
        self.subject = data["id"].to_numpy()
        self.group = data[by].astype("category").cat.codes.to_numpy() if by else np.zeros(len(data), dtype=int)
        self.weight = data[weight].to_numpy() if weight else np.ones(len(data))
        self.theta = fit.variance_components()["estimate"].to_numpy()
        self.reml = fit.method == "reml"

    def V(self, theta):  # noqa: N802 - the name of the field
        n, q, at = len(self.y), self.Z.shape[1], q_params(self.Z.shape[1])
        G = np.zeros((q, q))
        G[np.tril_indices(q)] = theta[:at]
        G = np.tril(G) + np.tril(G, -1).T
        same = self.subject[:, None] == self.subject[None, :]
        V = same * (self.Z @ G @ self.Z.T)
        per_group = self.residual_parameters()
        groups = self.group.max() + 1
        day = self.data["day"].to_numpy()
        distance = np.abs(day[:, None] - day[None, :])
        R = np.zeros((n, n))
        for group in range(groups):
            own = theta[at + group * per_group : at + (group + 1) * per_group]
            if self.structure == "iid":
                block = own[0] * np.eye(n)
            elif self.structure == "exponential":
                block = own[0] * np.exp(-distance / own[1])
            else:
                small = np.array([[residual_element(self.structure, own, a, b) for b in range(4)] for a in range(4)])
                block = small[self.visit[:, None], self.visit[None, :]]
            R += block * same * (self.group == group)[:, None]
        V = V + R / np.sqrt(np.outer(self.weight, self.weight))
        at += groups * per_group
        for name in self.clusters:
            codes = self.data[name].to_numpy()
            V = V + (codes[:, None] == codes[None, :]) * theta[at]
            at += 1
        assert at == len(theta)
        return V

    def residual_parameters(self):
        counts = {"iid": 1, "unstructured": 10, "toeplitz": 4, "toeplitz_het": 7, "antedependence": 4}
        counts |= {"antedependence_het": 7, "compound_symmetry_het": 5, "ar1_het": 5}
        return counts.get(self.structure, 2)

    def deviance(self, theta):
        V = self.V(theta)
        n, p = self.X.shape
        inverse = np.linalg.inv(V)
        XVX = self.X.T @ inverse @ self.X
        beta = np.linalg.solve(XVX, self.X.T @ inverse @ self.y)
        r = self.y - self.X @ beta
        value = np.linalg.slogdet(V)[1] + r @ inverse @ r
        return value + ((n - p) * np.log(2 * np.pi) + np.linalg.slogdet(XVX)[1] if self.reml else n * np.log(2 * np.pi))

    def derivatives(self):
        t = len(self.theta)
        step = 2e-4 * np.maximum(np.abs(self.theta), 0.05)
        plus = [self.V(self.theta + step[i] * np.eye(t)[i]) for i in range(t)]
        minus = [self.V(self.theta - step[i] * np.eye(t)[i]) for i in range(t)]
        middle = self.V(self.theta)
        second = {}
        for i in range(t):
            second[i, i] = (plus[i] - 2 * middle + minus[i]) / step[i] ** 2
            for j in range(i):
                both = sum(
                    a * b * self.V(self.theta + a * step[i] * np.eye(t)[i] + b * step[j] * np.eye(t)[j])
                    for a in (1, -1)
                    for b in (1, -1)
                )
                second[i, j] = second[j, i] = both / (4 * step[i] * step[j])
        small = 1e-5 * np.maximum(np.abs(self.theta), 0.05)
        first = [
            (self.V(self.theta + small[i] * np.eye(t)[i]) - self.V(self.theta - small[i] * np.eye(t)[i]))
            / (2 * small[i])
            for i in range(t)
        ]
        return first, second

    def kenward_roger(self, information, linear):
        """Adjusted variance of beta and df of each coefficient (Kenward and Roger 1997)."""
        first, second = self.derivatives()
        t = len(self.theta)
        Vi = np.linalg.inv(self.V(self.theta))
        Phi = np.linalg.inv(self.X.T @ Vi @ self.X)
        P = Vi - Vi @ self.X @ Phi @ self.X.T @ Vi
        Py = P @ self.y
        hessian = np.zeros((t, t))
        for i in range(t):
            for j in range(t):
                trace = np.trace(P @ first[i] @ P @ first[j])
                if information == "expected":
                    hessian[i, j] = trace
                else:
                    hessian[i, j] = 2 * Py @ first[i] @ P @ first[j] @ Py - trace
                    hessian[i, j] += np.trace(P @ second[i, j]) - Py @ second[i, j] @ Py
        W = 2 * np.linalg.inv(hessian)
        half = Vi @ self.X
        Pi = [half.T @ one @ half for one in first]
        total = np.zeros_like(Phi)
        for i in range(t):
            for j in range(t):
                Q = half.T @ first[i] @ Vi @ first[j] @ half
                R = 0 if linear else half.T @ second[i, j] @ half
                total += W[i, j] * (Q - Pi[i] @ Phi @ Pi[j] - R / 4)
        adjusted = Phi + 2 * Phi @ total @ Phi
        slopes = np.array([np.diag(Phi @ one @ Phi) for one in Pi])
        df = 2 * np.diag(Phi) ** 2 / np.einsum("il,ij,jl->l", slopes, W, slopes)
        return np.sqrt(np.diag(adjusted)), df


def q_params(q):
    return q * (q + 1) // 2


CASES = [
    ("unstructured", None, (), None, None),
    ("compound_symmetry", None, (), None, None),
    ("compound_symmetry_het", None, (), None, None),
    ("ar1", None, (), None, None),
    ("ar1_het", None, (), None, None),
    ("toeplitz", None, (), None, None),
    ("toeplitz_het", None, (), None, None),
    ("antedependence", None, (), None, None),
    ("antedependence_het", None, (), None, None),
    ("exponential", None, (), None, None),
    ("iid", "1 + week", (), None, None),
    ("iid", "1", (), "arm", None),
    ("iid", "1", ("clinic", "therapist"), None, "weight"),
    ("iid", None, ("therapist",), None, None),
    ("ar1", "1", ("therapist",), None, None),
    ("compound_symmetry", None, (), "arm", "weight"),
    ("unstructured", None, ("clinic", "therapist"), None, None),
    ("exponential", "1", (), "arm", None),
]


@pytest.fixture(scope="module")
def trial():
    return made_trial()


def fitted(trial, case, method="reml"):
    structure, random, clusters, by, weight = case
    visit = "" if structure == "iid" else "day" if structure == "exponential" else "visit"
    residual = f"{structure}({visit} | {by})" if by else f"{structure}({visit})" if visit else structure
    fit = fit_mixed(
        "y ~ arm * week + age", trial, subject="id", random=random, residual=residual, weights=weight,
        cluster=dict.fromkeys(clusters, "1"), method=method,
    )  # fmt: skip
    return fit, Dense(fit, trial, structure, random, clusters, by, weight)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(str(part) for part in case if part))
def test_likelihood_and_kenward_roger_equal_the_textbook(trial, case):
    fit, dense = fitted(trial, case)
    assert fit.status in ("converged", "singular"), fit.message
    assert -2 * fit.log_likelihood == pytest.approx(dense.deviance(dense.theta), abs=1e-7)
    if fit.status == "singular":
        se, df = dense.kenward_roger("expected", linear=False)
        assert fit.terms().attrs["information"] == "expected"
        np.testing.assert_allclose(fit.terms()["se"], se, rtol=2e-5)
        np.testing.assert_allclose(fit.terms()["df"], df, rtol=2e-5)
        return
    for information in ("observed", "expected"):
        se, df = dense.kenward_roger(information, linear=False)
        table = fit.terms(information=information)
        np.testing.assert_allclose(table["se"], se, rtol=2e-5)  # second derivatives of the textbook are differences
        np.testing.assert_allclose(table["df"], df, rtol=2e-5)
    se, _ = dense.kenward_roger("expected", linear=True)
    np.testing.assert_allclose(fit.terms(df="kenward_roger_linear", information="expected")["se"], se, rtol=1e-6)


def test_a_residual_on_its_boundary_gives_estimates_without_errors(trial):
    fit, _ = fitted(trial, ("ar1_het", "1", ("therapist",), None, None))
    assert fit.status == "singular"
    assert "no variance at visit" in fit.message
    table = fit.terms()
    assert np.isfinite(table["estimate"]).all()
    assert table[["se", "df", "p", "low", "high"]].isna().all(axis=None)
    assert np.isnan(fit.joint_test("arm")["p"][0])


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(str(part) for part in case if part))
@pytest.mark.parametrize("method", ["reml", "ml"])
def test_the_fit_is_a_maximum(trial, case, method):
    fit, dense = fitted(trial, case, method)
    here = dense.deviance(dense.theta)
    assert -2 * fit.log_likelihood == pytest.approx(here, abs=1e-7)
    for number, value in enumerate(dense.theta):
        for factor in (0.98, 1.02):
            moved = dense.theta.copy()
            moved[number] = value * factor if abs(value) > 1e-8 else 1e-3
            with np.errstate(all="ignore"):
                other = dense.deviance(moved) if linalg.eigvalsh(dense.V(moved))[0] > 0 else np.inf
            assert other > here - 1e-8


def test_cr2_and_its_degrees_of_freedom_equal_the_textbook(trial):
    fit, dense = fitted(trial, CASES[0])
    V = dense.V(dense.theta)
    Vi = np.linalg.inv(V)
    Phi = np.linalg.inv(dense.X.T @ Vi @ dense.X)
    beta = Phi @ dense.X.T @ Vi @ dense.y
    r = dense.y - dense.X @ beta
    hat = np.eye(len(V)) - dense.X @ Phi @ dense.X.T @ Vi
    meat = np.zeros_like(Phi)
    columns = []
    for subject in np.unique(dense.subject):
        own = np.flatnonzero(dense.subject == subject)
        D = linalg.cholesky(V[np.ix_(own, own)])
        B = D @ (hat[own] @ V @ hat[own].T) @ D.T
        values, vectors = np.linalg.eigh(B)
        power = np.where(values > 1e-10, 1 / np.sqrt(np.abs(values)), 0)
        A = D.T @ (vectors * power) @ vectors.T @ D
        weight = A @ np.linalg.inv(V[np.ix_(own, own)]) @ dense.X[own]
        score = weight.T @ r[own]
        meat += np.outer(score, score)
        columns.append(hat[own].T @ weight @ Phi)
    table = fit.terms(variance="CR2")
    np.testing.assert_allclose(table["se"], np.sqrt(np.diag(Phi @ meat @ Phi)), rtol=1e-7)
    for number in range(len(beta)):
        p = np.column_stack([one[:, number] for one in columns])
        gram = p.T @ V @ p
        assert table["df"][number] == pytest.approx(np.trace(gram) ** 2 / (gram**2).sum(), rel=1e-7)
    inner = np.eye(len(beta))
    robust = sandwich(fit, "CR2", None, "satterthwaite")
    scaling, denominator = robust.joint(inner[:1])
    assert scaling == pytest.approx(1)
    assert denominator == pytest.approx(robust.degrees_of_freedom(inner[:1])[0])


def test_cr2_by_clinic_works_where_clinics_hold_everything_and_is_refused_where_not(trial):
    fit, _ = fitted(trial, ("iid", "1", ("clinic",), None, None))
    with pytest.raises(MixedModelError, match="spans several"):
        fit.terms(variance="CR2")
    table = fit.terms(variance="CR2", groups="clinic")
    assert (table["df"] < 4).all()
    crossed, _ = fitted(trial, ("iid", "1", ("therapist",), None, None))
    with pytest.raises(MixedModelError, match="spans several"):
        crossed.terms(variance="CR1", groups="therapist")


def test_prediction_error_and_effects_equal_the_textbook(trial):
    fit, dense = fitted(trial, ("iid", "1", ("clinic", "therapist"), None, None))
    V, theta = dense.V(dense.theta), dense.theta
    Vi = np.linalg.inv(V)
    Phi = np.linalg.inv(dense.X.T @ Vi @ dense.X)
    r = dense.y - dense.X @ (Phi @ dense.X.T @ Vi @ dense.y)
    C = V - theta[1] * np.eye(len(V))  # covariance of outcomes with the true expectations of the rows
    value = dense.y - r + C @ Vi @ r
    gap = dense.X - C @ Vi @ dense.X
    error = np.diag(C) - np.einsum("ij,jk,ik->i", C, Vi, C) + np.einsum("ij,jk,ik->i", gap, Phi, gap)
    table = fit.predict(random=True, df="asymptotic")
    np.testing.assert_allclose(table["estimate"], value, rtol=1e-9)
    np.testing.assert_allclose(table["se"], np.sqrt(error), rtol=1e-7)
    np.testing.assert_allclose(fit.fitted("conditional"), value, rtol=1e-9)


def test_leaving_out_equals_fitting_without_at_the_same_covariance(trial):
    fit, dense = fitted(trial, ("compound_symmetry", None, ("clinic",), None, None))
    V = dense.V(dense.theta)
    watched = fit.terms()
    for by, codes in (("id", dense.subject), ("clinic", trial["clinic"].to_numpy())):
        table = fit.influence(watched, by)
        for level in np.unique(codes)[:3]:
            left = np.flatnonzero(codes != level)
            Vi = np.linalg.inv(V[np.ix_(left, left)])
            beta = np.linalg.solve(dense.X[left].T @ Vi @ dense.X[left], dense.X[left].T @ Vi @ dense.y[left])
            mine = table.loc[table["left_out"] == str(level), "estimate"]
            np.testing.assert_allclose(mine, beta, rtol=1e-8)
