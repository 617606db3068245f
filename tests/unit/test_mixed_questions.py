"""What a fit is asked and what it refuses: predictions of missed visits, hypotheses in words, nested df, errors in one sentence."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from needling.mixed.errors import MixedModelError
from needling.mixed.fit import fit_ladder, fit_mixed, update

VISITS = ["v1", "v2", "v3", "v4"]


def made(seed=1, subjects=40, missing=0.15):
    rng = np.random.default_rng(seed)
    subject, visit = np.repeat(np.arange(subjects), 4), np.tile(np.arange(4), subjects)
    level = rng.normal(size=(subjects, 2)) * [1.5, 0.4]
    data = pd.DataFrame(
        {
            "id": [f"s{number:02d}" for number in subject],
            "visit": np.array(VISITS)[visit],
            "week": visit.astype(float),
            "arm": np.where(subject % 2, "needling", "usual"),
            "age": np.repeat(rng.normal(45, 10, subjects), 4),
            "clinic": [f"c{number % 5}" for number in subject],
            "therapist": [f"t{number}" for number in rng.integers(0, 4, len(subject))],
            "weight": rng.uniform(0.5, 2, len(subject)),
            "y": 5
            + level[subject, 0]
            + (level[subject, 1] - 0.3 * (subject % 2)) * visit
            + rng.normal(size=len(subject)),
        }
    )
    return data[rng.random(len(data)) > missing].reset_index(drop=True)


@pytest.fixture(scope="module")
def data():
    return made()


# ---------------------------------------------------------------- predictions


@pytest.mark.parametrize("residual", ["unstructured(visit)", "ar1_het(visit | arm)", "exponential(week)"])
@pytest.mark.parametrize("weights", [None, "weight"])
def test_a_missed_visit_is_predicted_as_whole_matrices_do(data, residual, weights):
    """Hide one row of each of five patients; covariances from a fit without them, algebra with one whole matrix."""
    hidden = data.groupby("id").nth(1).index[:5]
    seen = data.drop(hidden)
    arguments = {
        "subject": "id",
        "residual": residual,
        "weights": weights,
        "cluster": {"clinic": "1"},
        "levels": {"visit": VISITS},
    }
    fit = fit_mixed("y ~ arm * week", seen, **arguments)
    table = fit.predict(data.loc[hidden], random=True, df="asymptotic")
    both = pd.concat([seen, data.loc[hidden]])
    V = np.zeros((len(both), len(both)))
    arm, place = both["arm"].to_numpy(), both["week"].to_numpy(dtype=int)
    for group in ("needling", "usual"):
        if residual.startswith("exponential"):
            variance, reach = fit.variance_components().query("component == 'residual'")["estimate"]
            R = variance * np.exp(-np.abs(np.subtract.outer(np.arange(4), np.arange(4))) / reach)
        else:
            R = fit.residual_covariance(group if "|" in residual else "").to_numpy()
        mine = (arm[:, None] == group) & (arm[None, :] == group)
        V += np.where(mine, R[place[:, None], place[None, :]], 0)
    root = np.sqrt(both["weight"].to_numpy() if weights else np.ones(len(both)))
    V = V * np.equal.outer(both["id"].to_numpy(), both["id"].to_numpy()) / np.outer(root, root)
    clinic = fit.variance_components().query("component == 'clinic'")["estimate"].iloc[0]
    V += clinic * np.equal.outer(both["clinic"].to_numpy(), both["clinic"].to_numpy())
    n = len(seen)
    X = np.column_stack([np.ones(len(both)), arm == "usual", place, (arm == "usual") * place]).astype(float)
    Vi = np.linalg.inv(V[:n, :n])
    Phi = np.linalg.inv(X[:n].T @ Vi @ X[:n])
    beta = Phi @ X[:n].T @ Vi @ seen["y"]
    c = V[n:, :n]
    value = X[n:] @ beta + c @ Vi @ (seen["y"] - X[:n] @ beta)
    gap = X[n:] - c @ Vi @ X[:n]
    error = np.diag(V)[n:] - np.einsum("ij,jk,ik->i", c, Vi, c) + np.einsum("ij,jk,ik->i", gap, Phi, gap)
    np.testing.assert_allclose(table["estimate"], value, rtol=1e-6)
    np.testing.assert_allclose(table["se"], np.sqrt(error), rtol=1e-6)
    wider = fit.predict(data.loc[hidden], random=True, new=True, df="asymptotic")
    pd.testing.assert_frame_equal(wider, table)  # its own residual is in it already
    assert (fit.predict(data.loc[hidden], new=True, df="asymptotic")["se"] > table["se"]).all()


def test_a_seen_visit_of_an_mmrm_is_given_back(data):
    fit = fit_mixed("y ~ arm", data, subject="id", residual="unstructured(visit)")
    table = fit.predict(random=True)
    np.testing.assert_allclose(table["estimate"], data["y"], rtol=1e-8)
    np.testing.assert_allclose(table["se"], 0, atol=1e-5)


def test_intervals_for_missed_visits_cover():
    """Ninety per cent intervals hold hidden values nine times in ten, where covariances are well known (110 patients)."""
    held = []
    for seed in range(8):
        data = made(seed + 50, subjects=150, missing=0)
        hidden = data.index[data["visit"] == "v3"][:40]
        fit = fit_mixed("y ~ arm * visit", data.drop(hidden), subject="id", residual="unstructured(visit)")
        table = fit.predict(data.loc[hidden], random=True, level=0.9)
        held += list((table["low"] < data.loc[hidden, "y"]) & (data.loc[hidden, "y"] < table["high"]))
    assert abs(np.mean(held) - 0.9) < 3 * np.sqrt(0.09 / len(held))


def test_a_new_observation_needs_the_columns_of_the_random_part(data):
    fit = fit_mixed("y ~ arm", data, subject="id", random="1 + week", cluster={"clinic": "1 + age"})
    table = fit.predict(data.head(3), new=True, df="asymptotic")
    G, row = fit.random_covariance().to_numpy(), data.iloc[2]
    z = np.array([1, row["week"]])
    clinic = fit.variance_components().query("component == 'clinic'")["estimate"].to_numpy()
    residual = fit.variance_components().query("component == 'residual'")["estimate"].iloc[0]
    above = z @ G @ z + clinic[0] + 2 * clinic[1] * row["age"] + clinic[2] * row["age"] ** 2
    assert table["se"][2] ** 2 == pytest.approx(
        fit.predict(data.head(3), df="asymptotic")["se"][2] ** 2 + above + residual
    )
    with pytest.raises(MixedModelError, match="lack the column 'week'"):
        fit.predict(data[["arm", "age"]], new=True)


def test_standard_errors_of_predicted_effects_are_hendersons(data):
    fit = fit_mixed("y ~ arm", data, subject="id", random="1", cluster={"therapist": "1"})
    subject, therapist, residual = fit.variance_components()["estimate"][[0, 2, 1]]
    ids, own = sorted(data["id"].unique()), sorted(data["therapist"].unique())
    Z = np.column_stack([data["id"].eq(one) for one in ids] + [data["therapist"].eq(one) for one in own]).astype(float)
    D = np.diag([subject] * len(ids) + [therapist] * len(own))
    X = np.column_stack([np.ones(len(data)), data["arm"].eq("usual")]).astype(float)
    inverse = np.linalg.inv(  # Henderson's mixed model equations
        np.block([[X.T @ X, X.T @ Z], [Z.T @ X, Z.T @ Z + residual * np.linalg.inv(D)]]) / residual
    )
    table = fit.random_effects()
    np.testing.assert_allclose(table["se"], np.sqrt(np.diag(inverse)[2:]), rtol=1e-6)
    np.testing.assert_allclose(
        table["estimate"], (inverse @ np.r_[X.T @ data["y"], Z.T @ data["y"]] / residual)[2:], rtol=1e-6, atol=1e-10
    )


# ---------------------------------------------------------------- hypotheses


@pytest.mark.parametrize(
    ("formula", "kind", "words"),
    [
        ("y ~ arm * visit", "coefficients", "arm at visit = v1"),
        ("y ~ arm * week", "coefficients", "arm at week = 0"),
        ("y ~ arm * C(visit, contr.sum)", "coefficients", "arm averaged over C(visit, contr.sum)"),
        ("y ~ arm * visit", "III", "arm averaged over visit"),
        ("y ~ arm * visit", "II", "arm, adjusted for all terms that do not contain it"),
        ("y ~ arm + visit", "coefficients", "arm"),
    ],
)
def test_a_joint_test_says_which_effect_it_tests(data, formula, kind, words):
    table = fit_mixed(formula, data, subject="id", random="1").joint_test("arm", hypothesis=kind)
    assert table["hypothesis"].tolist() == [words]


def test_the_words_are_true(data):
    """Coefficients beside an interaction are the contrast at the reference; type III is the contrast of balanced means."""
    fit = fit_mixed("y ~ arm * visit", data, subject="id", random="1")
    first = fit.contrast("arm", by="visit").iloc[0]
    assert fit.joint_test("arm")["p"][0] == pytest.approx(first["p"])
    average = fit.contrast("arm").iloc[0]
    for formula in ("y ~ arm * visit", "y ~ C(arm, contr.sum) * C(visit, contr.sum)"):
        again = fit_mixed(formula, data, subject="id", random="1")
        term = again.anova("III")["term"].iloc[0]
        assert again.joint_test(term, hypothesis="III")["p"][0] == pytest.approx(average["p"], rel=1e-6)


def test_an_empty_cell_has_no_type_three(data):
    fit = fit_mixed("y ~ arm * visit", data.query("arm == 'usual' or visit != 'v4'"), subject="id", random="1")
    assert fit.anova("III").set_index("term")["status"]["arm"] == "not_estimable"


def test_the_covariance_matrix_is_that_of_the_tables(data):
    fit = fit_mixed("y ~ arm * week", data, subject="id", random="1")
    V = fit.vcov()
    np.testing.assert_allclose(np.sqrt(np.diag(V)), fit.terms()["se"])
    row = fit.contrast("arm", at={"week": 3}).iloc[0]
    L = np.array([0, 1, 0, 3.0])
    assert row["se"] == pytest.approx(np.sqrt(L @ V @ L))
    assert fit.linear({"at week 3": {"arm[T.usual]": 1, "arm[T.usual]:week": 3}})["se"][0] == pytest.approx(row["se"])


def test_one_sided_intervals_match_their_tests(data):
    """A one-sided limit is the null value whose p is alpha; equivalence holds where the 90 % interval lies inside."""
    fit = fit_mixed("y ~ arm", data, subject="id", random="1")
    rows = fit.contrast("arm")
    less = fit.linear(rows, alternative="less").iloc[0]
    assert fit.linear(rows, alternative="less", null=float(less["high"]))["p"][0] == pytest.approx(0.05)
    greater = fit.linear(rows, alternative="greater").iloc[0]
    assert fit.linear(rows, alternative="greater", null=float(greater["low"]))["p"][0] == pytest.approx(0.05)
    assert (less["high"], greater["low"]) == (
        pytest.approx(fit.contrast("arm", level=0.9)["high"][0]), pytest.approx(fit.contrast("arm", level=0.9)["low"][0])
    )  # fmt: skip
    margin = max(abs(less["high"]), abs(greater["low"]))
    edge = fit.linear(rows, alternative="equivalence", margin=float(margin)).iloc[0]
    assert edge["p"] == pytest.approx(0.05)
    assert (edge["low"], edge["high"]) == (pytest.approx(greater["low"]), pytest.approx(less["high"]))


# ---------------------------------------------------------------- profiles


def test_the_profile_of_one_variance_has_a_closed_form(data):
    """n log(s^2 / best^2) + n (best^2 / s^2 - 1) is the chi-squared quantile at both limits."""
    fit = fit_mixed("y ~ arm", data, subject="id", method="ml")
    row = fit.profile(level=0.9).iloc[0]
    for limit in (row["low"], row["high"]):
        ratio = limit / row["estimate"]
        assert len(data) * (2 * np.log(ratio) + ratio**-2 - 1) == pytest.approx(stats.chi2.ppf(0.9, 1), rel=1e-4)
    assert row["low"] < row["estimate"] < row["high"]


def test_only_the_components_that_are_asked_for_are_profiled(data):
    fit = fit_mixed("y ~ week", data, subject="id", random="1", method="ml")
    whole = fit.profile()
    for asked in (["id"], ["residual", "fixed"]):
        own = whole[whole["component"].isin(asked)].reset_index(drop=True)
        pd.testing.assert_frame_equal(fit.profile(components=asked), own)
    shares = fit.icc(0.95, ["id"])
    pd.testing.assert_frame_equal(shares, fit.icc(0.95))
    assert fit.icc(0.95, [])[["low", "high"]].isna().all(axis=None)
    with pytest.raises(MixedModelError, match=r"no component 'clinic' to profile; there are: id, residual, fixed\."):
        fit.profile(components=["clinic"])


def test_a_profile_knows_the_end_of_the_range(data):
    """A zero variance has the limit zero, and above it a value at which a likelihood-ratio test would reject."""
    shuffled = data.assign(y=data["y"].to_numpy()[np.random.default_rng(3).permutation(len(data))])
    fit = fit_mixed("y ~ arm", shuffled, subject="id", random="1", cluster={"clinic": "1"})
    assert fit.status == "singular"
    table = fit.profile().set_index("component")
    for component in ("id", "clinic"):
        assert table.loc[component, "low"] == 0
        assert 0.05 < table.loc[component, "high"] < table.loc["residual", "estimate"]
    ordered = fit_mixed("y ~ arm", data, subject="id", residual="ar1(visit)", levels={"visit": VISITS})
    row = ordered.profile().set_index("quantity").loc["correlation"]
    assert -1 < row["low"] < row["estimate"] < row["high"] < 1


# ---------------------------------------------------------------- degrees of freedom


def test_between_within_counts_clinics(data):
    fit = fit_mixed("y ~ arm * week + site", data.assign(site=data["clinic"].isin(["c1", "c2"])), subject="id", random="1",
                    cluster={"clinic": "1"})  # fmt: skip
    df = fit.terms(df="between_within").set_index("term")["df"]
    assert df["site[T.True]"] == 5 - 2  # clinics less intercept and site
    assert df["arm[T.usual]"] == 40 - 5 - 1
    assert df["week"] == df["arm[T.usual]:week"] == len(data) - 40 - 2
    crossed = fit_mixed("y ~ arm", data, subject="id", random="1", cluster={"therapist": "1"})
    with pytest.raises(MixedModelError, match="a level of 'id' meets several of 'therapist'"):
        crossed.terms(df="between_within")


# ---------------------------------------------------------------- visits


def test_unequal_spacing_is_said(data):
    weeks = data.assign(visit=data["week"].map({0: 2, 1: 4, 2: 8, 3: 12}))
    fit = fit_mixed("y ~ arm", weeks, subject="id", residual="ar1(visit)")
    assert "takes the visits 2, 4, 8, 12 for equally spaced" in fit.notes[0]
    assert fit.notes[0] in repr(fit)
    text = weeks.assign(visit="week_" + weeks["visit"].astype(str))
    order = {"visit": [f"week_{week}" for week in (2, 4, 8, 12)]}
    assert fit_mixed("y ~ arm", text, subject="id", residual="toeplitz(visit)", levels=order).notes
    for residual in ("ar1(week)", "unstructured(visit)", "antedependence(visit)", "exponential(visit)"):
        assert fit_mixed("y ~ arm", weeks, subject="id", residual=residual).notes == []


def test_a_visit_that_nobody_has_does_not_shift_lags(data):
    """Without the third visit the correlation of the second and fourth is the square: exponential with true time agrees."""
    left = data[data["visit"] != "v3"]
    fit = fit_mixed("y ~ arm", left, subject="id", residual="ar1(visit)", levels={"visit": VISITS})
    true_time = fit_mixed("y ~ arm", left, subject="id", residual="exponential(week)")
    assert fit.log_likelihood == pytest.approx(true_time.log_likelihood, abs=1e-8)
    assert fit.residual_covariance(correlation=True).index.tolist() == ["v1", "v2", "v4"]
    shifted = fit_mixed("y ~ arm", left, subject="id", residual="ar1(visit)", levels={"visit": ["v1", "v2", "v4"]})
    assert abs(shifted.log_likelihood - fit.log_likelihood) > 1e-4
    assert shifted.notes
    assert not fit.notes
    banded = fit_mixed("y ~ arm", left, subject="id", residual="toeplitz(visit)", levels={"visit": VISITS})
    names = banded.variance_components()["term"].tolist()
    assert names == ["all visits", "lag 1", "lag 2", "lag 3"]
    R = banded.residual_covariance().to_numpy()
    np.testing.assert_allclose([R[0, 1], R[1, 2], R[0, 2]], banded.variance_components()["estimate"][1:])


def test_distances_in_two_dimensions():
    """A known range comes back from places in the plane; where the second coordinate is constant, the plane is a line."""
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0, 10, (2, 120, 6))
    apart = np.sqrt((x[:, :, None] - x[:, None, :]) ** 2 + (y[:, :, None] - y[:, None, :]) ** 2)
    noise = np.linalg.cholesky(4 * np.exp(-apart / 3)) @ rng.normal(size=(120, 6, 1))
    data = pd.DataFrame({"id": np.repeat(np.arange(120), 6), "x": x.ravel(), "y": y.ravel(), "pain": 5 + noise.ravel()})
    fit = fit_mixed("pain ~ 1", data, subject="id", residual="exponential(x, y)")
    table = fit.variance_components().set_index("quantity")
    assert abs(table.loc["range", "estimate"] - 3) < 3 * table.loc["range", "se"] < 1.5
    assert abs(table.loc["variance", "estimate"] - 4) < 3 * table.loc["variance", "se"]
    flat = fit_mixed("pain ~ 1", data.assign(y=7.0), subject="id", residual="exponential(x, y)")
    line = fit_mixed("pain ~ 1", data, subject="id", residual="exponential(x)")
    pd.testing.assert_frame_equal(flat.terms(), line.terms())
    hidden = data.head(1)
    value = fit_mixed("pain ~ 1", data.iloc[1:], subject="id", residual="exponential(x, y)").predict(
        hidden, random=True
    )
    assert value["se"].iloc[0] < 2


# ---------------------------------------------------------------- refusals


def test_the_ladder_checks_every_rung_first(data, monkeypatch):
    from needling.mixed import fit as fitting

    monkeypatch.setattr(fitting, "solve", lambda model: pytest.fail("fitted before every rung was checked"))
    for bad, words in (("ar1(nothing)", "names column 'nothing'"), ("spiral(visit)", "not a residual structure")):
        with pytest.raises(MixedModelError, match=words):
            fit_ladder("y ~ arm", data, subject="id", residuals=["unstructured(visit)", bad])


def test_update_changes_what_is_named(data):
    fit = fit_mixed("y ~ arm", data, subject="id", random="1")
    again = update(fit, data, formula="y ~ arm * week", method="ml")
    direct = fit_mixed("y ~ arm * week", data, subject="id", random="1", method="ml")
    pd.testing.assert_frame_equal(again.terms(), direct.terms())
    assert "arm[T.usual]" in fit.summary()


def test_simulated_outcomes_have_the_fits_covariance_and_a_refit_is_a_fresh_fit(data):
    fit = fit_mixed("y ~ arm", data, subject="id", random="1")
    drawn = fit.simulate(np.random.default_rng(4), 400)
    off = drawn.sub(fit.fitted(), axis=0)
    variance = fit.icc().set_index("component")["variance"]
    assert off.to_numpy().mean() == pytest.approx(0, abs=5 * np.sqrt(variance["id"] / (400 * fit.n_subjects)))
    assert (off**2).to_numpy().mean() == pytest.approx(variance.sum(), rel=0.05)
    person = data.loc[off.index, "id"]
    first, last = (off.groupby(person).nth(place).to_numpy() for place in (0, -1))
    two = (person.value_counts(sort=False) > 1).reindex(person.unique()).to_numpy()
    assert (first * last)[two].mean() == pytest.approx(variance["id"], rel=0.1)
    again = fit.refit(drawn["y1"])
    fresh = fit_mixed("y1 ~ arm", data.loc[drawn.index].assign(y1=drawn["y1"]), subject="id", random="1")
    assert again.log_likelihood == pytest.approx(fresh.log_likelihood, abs=1e-9)
    np.testing.assert_allclose(again.terms()["estimate"], fresh.terms()["estimate"], rtol=1e-6)


REFUSALS = {
    "a spline outside its range": (lambda fit, data: fit.predict(data.assign(age=200.0)), "outside the range"),
    "lme4's formula": (
        lambda fit, data: fit_mixed("y ~ arm + (week|id)", data, subject="id"), "write random='week' with subject='id'"
    ),
    "a word for a number": (lambda fit, data: fit.contrast("arm", sd="baseline"), "standard deviation must be a number"),
    "a level in words": (lambda fit, data: fit.terms(level="95"), "level must be a number between 0 and 1"),
    "text as weights": (lambda fit, data: fit_mixed("y ~ arm", data, subject="id", weights="arm"), "column of numbers"),
    "a dictionary of rows": (lambda fit, data: fit.predict({"arm": ["usual"]}), "pandas DataFrame"),
    "a seed": (lambda fit, data: fit.bootstrap(3, 2), "SeedSequence"),
    "a seed to simulate": (lambda fit, data: fit.simulate(3), "numpy Generator"),
    "a number as a column": (lambda fit, data: fit.means(3), "named by text"),
    "two columns of one name": (
        lambda fit, data: fit_mixed("y ~ arm", pd.concat([data, data[["y"]]], axis=1), subject="id"), "more than once"
    ),
    "text at a number": (lambda fit, data: fit.means("arm", at={"age": "old"}), "numeric: `at` needs numbers"),
    "text in new rows": (lambda fit, data: fit.predict(data.assign(age="old")), "no numbers in 'age'"),
    "clusters as text": (lambda fit, data: fit_mixed("y ~ arm", data, subject="id", cluster="arm"), "must be a mapping"),
    "levels as text": (
        lambda fit, data: fit_mixed("y ~ arm", data, subject="id", levels={"arm": "usual"}), "must be a list"
    ),
    "levels of nothing": (
        lambda fit, data: fit_mixed("y ~ arm", data, subject="id", levels={"x": ["a"]}), "which the data do not have"
    ),
    "rows of another width": (lambda fit, data: fit.joint_test(np.ones((1, 3))), "finite numbers each"),
    "an unknown coefficient": (lambda fit, data: fit.linear({"a": {"sex": 1}}), "'sex' is not a coefficient"),
    "a margin without equivalence": (lambda fit, data: fit.linear(fit.terms(), margin=1.0), "margin goes with"),
    "an unknown type": (lambda fit, data: fit.anova("IV"), "not a kind of hypothesis"),
    "a shorter outcome": (lambda fit, data: fit.refit([1.0, 2.0]), "finite number for each"),
    "an unknown visit": (
        lambda fit, data: fit_mixed("y ~ arm", data, subject="id", residual="ar1(visit)", levels={"visit": VISITS}).predict(
            data.head(1).assign(visit="v9"), random=True
        ), "has not seen|knows no visit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_are_sentences(data, case):
    fit = fit_mixed("y ~ arm + bs(age, df=4)", data, subject="id", random="1")
    ask, words = REFUSALS[case]
    with pytest.raises(MixedModelError, match=words):
        ask(fit, data)


def test_slopes_at_the_end_of_a_spline(data):
    """One-sided differences at the edges, where no column exists beyond; they join those from inside."""
    fit = fit_mixed("y ~ bs(age, df=4)", data, subject="id", random="1")
    for edge, inside in ((data["age"].min(), 0.01), (data["age"].max(), -0.01)):
        here, beside = (fit.slopes("age", at={"age": at})["estimate"][0] for at in (edge, edge + inside))
        assert here == pytest.approx(beside, rel=1e-2)


def test_a_centred_spline_leaves_the_intercept_alone(data):
    fit = fit_mixed("y ~ arm + cr(age, df=3)", data, subject="id", random="1")
    assert fit.status == "converged"
    assert len(fit.coefficient_names) == 5
    curve = fit.predict(data.head(4))
    assert np.isfinite(curve["se"]).all()


def test_contrasts_across_factors_compare_cells(data):
    fit = fit_mixed("y ~ arm * visit", data, subject="id", residual="unstructured(visit)")
    means = fit.means(["arm", "visit"])
    names = [f"{arm}, {visit}" for arm, visit in zip(means["arm"], means["visit"], strict=True)]
    table = fit.contrast(["arm", "visit"], kind="pairwise", adjust="holm")
    assert len(table) == len(names) * (len(names) - 1) / 2
    want = {f"{a} - {b}": x - y for a, x in zip(names, means["estimate"], strict=True)
            for b, y in zip(names, means["estimate"], strict=True)}  # fmt: skip
    for label, estimate in zip(table["contrast"], table["estimate"], strict=True):
        assert estimate == pytest.approx(want[label], abs=1e-10)
    one = fit.contrast(["arm", "visit"], coefficients={"cells": {names[-1]: 1, names[1]: -1}})
    weights = pd.Series(one.attrs["coefficients"]["cells"])
    V = fit.vcov().loc[weights.index, weights.index]
    assert one["se"].iloc[0] == pytest.approx(np.sqrt(weights @ V @ weights))


@pytest.mark.parametrize(
    "ask",
    [
        lambda fit, data: fit.influence(None),
        lambda fit, data: fit.refit(["a"]),
        lambda fit, data: fit.linear([["a"]]),
        lambda fit, data: update(fit, data, colour="red"),
        lambda fit, data: fit.means("arm", at=3),
        lambda fit, data: fit.terms(colour="red"),
        lambda fit, data: fit.contrast([]),
        lambda fit, data: fit.bootstrap(np.random.default_rng(1), "many"),
    ],
)
def test_a_wrong_argument_is_answered_by_a_sentence(data, ask):
    fit = fit_mixed("y ~ arm", data, subject="id", random="1")
    with pytest.raises(MixedModelError):
        ask(fit, data)
