"""Two hundred awkward data sets of 25 kinds: no wrong and no false status; every question ends in an answer or a sentence."""

import contextlib
import warnings

import numpy as np
import pandas as pd
import pytest

from needling.mixed.errors import MixedModelError
from needling.mixed.fit import fit_mixed
from needling.mixed.optimise import maximise

ANY = frozenset({"converged", "singular", "rank_deficient", "failed"})
GOOD = frozenset({"converged", "singular"})
SEEDS = 8
SLOW = (
    "influence",
    "bootstrap",
    "refit",
    "contrast",
)  # asked of one data set of a kind, the others of four, all fitted


def trial(rng, subjects=16, visits=4, slope=0.3, noise=1.0):
    """An ordinary small trial, from which every kind departs in one respect."""
    subject, visit = np.repeat(np.arange(subjects), visits), np.tile(np.arange(visits), subjects)
    level = rng.normal(size=(subjects, 2)) * [1.5, slope]
    return pd.DataFrame(
        {
            "id": subject,
            "visit": visit,
            "time": visit.astype(float),
            "arm": np.where(subject % 2, "needling", "usual"),
            "therapist": [f"t{number}" for number in rng.integers(0, 4, len(subject))],
            "weight": 1.0,
            "age": np.repeat(rng.normal(45, 10, subjects), visits),
            "y": 5 + level[subject, 0] + level[subject, 1] * visit + noise * rng.normal(size=len(subject)),
        }
    )


def changed(data, **columns):
    return data.assign(**columns)


def nearly_one(rng):
    data = trial(rng)
    level = rng.normal(size=16)[data["id"]]
    return changed(data, y=3 * level + 1e-3 * rng.normal(size=len(data)))


def one_long(rng):
    data = trial(rng)
    time = np.sort(rng.uniform(0, 100, 1000))
    long = pd.DataFrame({"id": 99, "visit": np.arange(1000), "time": time, "arm": "usual", "therapist": "t0", "weight": 1.0,
                         "age": 50.0, "y": 5 + rng.normal(size=1000)})  # fmt: skip
    return pd.concat([data, long], ignore_index=True)


# kind: (the data, the model, statuses that are true of it)
KINDS = {
    "near-singular": (nearly_one, {"residual": "unstructured(visit)"}, ANY - {"rank_deficient"}),
    "tiny n": (lambda rng: trial(rng, 4, 3), {"residual": "compound_symmetry(visit)"}, GOOD),
    "three patients, unstructured": (lambda rng: trial(rng, 3, 3), {"residual": "unstructured(visit)"}, ANY - {"converged"}),
    "huge scale": (lambda rng: trial(rng).assign(y=lambda d: d["y"] * 1e12), {"random": "1 + time"}, GOOD),
    "tiny scale": (lambda rng: trial(rng).assign(y=lambda d: d["y"] * 1e-12), {"random": "1 + time"}, GOOD),
    "a large constant": (lambda rng: trial(rng).assign(y=lambda d: d["y"] + 1e9), {"random": "1"}, GOOD),
    "years": (lambda rng: trial(rng).assign(time=lambda d: d["time"] + 2020), {"random": "1 + time"}, GOOD),
    "epoch seconds": (lambda rng: trial(rng).assign(time=lambda d: d["time"] * 6e5 + 1.7e9), {"random": "1 + time"}, GOOD),
    "collinear": (
        lambda rng: trial(rng).assign(age=lambda d: 2 * (d["arm"] == "usual") + 1.0),
        {"random": "1"}, {"rank_deficient", "singular"},
    ),
    "nearly collinear": (
        lambda rng: trial(rng).assign(age=lambda d: (d["arm"] == "usual") + 1e-6 * rng.normal(size=len(d))), {"random": "1"}, GOOD
    ),
    "constant in an arm": (
        lambda rng: trial(rng).assign(y=lambda d: d["y"].where(d["arm"] == "usual", 7.0)),
        {"residual": "compound_symmetry(visit | arm)"}, {"singular", "failed"},
    ),
    "a constant outcome": (lambda rng: trial(rng).assign(y=3.0), {"random": "1"}, {"failed"}),
    "one patient per therapist": (
        lambda rng: trial(rng).assign(therapist=lambda d: "t" + d["id"].astype(str)),
        {"random": "1", "cluster": {"therapist": "1"}}, {"failed"},
    ),
    "two therapists": (
        lambda rng: trial(rng).assign(therapist=lambda d: "t" + (d["id"] // 2 % 2).astype(str)),
        {"random": "1", "cluster": {"therapist": "1"}}, GOOD,
    ),
    "ties": (lambda rng: trial(rng).assign(y=lambda d: d["y"].round()), {"residual": "ar1(visit)"}, GOOD),
    "floor": (lambda rng: trial(rng).assign(y=lambda d: (d["y"] - 5).clip(lower=0)), {"residual": "unstructured(visit)"}, GOOD),
    "a visit that nobody has": (
        lambda rng: trial(rng).query("visit != 2"), {"residual": "ar1(visit)", "levels": {"visit": [0, 1, 2, 3]}}, GOOD
    ),
    "a pair of visits that nobody has": (
        lambda rng: trial(rng).query("(id < 8 and visit != 2) or (id >= 8 and visit != 3)"),
        {"residual": "unstructured(visit)"}, {"failed"},
    ),
    "one patient with 1,000 rows": (one_long, {"random": "1 + time"}, GOOD),
    "one patient with a diary of 100 rows": (
        lambda rng: one_long(rng).iloc[:164], {"residual": "exponential(time)"}, GOOD
    ),
    "one row each": (lambda rng: trial(rng).groupby("id").head(1), {"random": "1"}, {"failed"}),
    "three arms": (
        lambda rng: trial(rng, 15).assign(arm=lambda d: "arm " + (d["id"] % 3).astype(str)), {"residual": "toeplitz(visit)"}, GOOD
    ),
    "weights over eight decades": (
        lambda rng: trial(rng).assign(weight=lambda d: 10.0 ** rng.integers(-4, 5, len(d))),
        {"random": "1", "weights": "weight"}, GOOD,
    ),
    "half of the rows missing": (
        lambda rng: trial(rng, 24).assign(y=lambda d: d["y"].where(rng.random(len(d)) > 0.5)), {"residual": "ar1_het(visit)"}, GOOD
    ),
    "no variance between patients": (
        lambda rng: trial(rng).assign(y=lambda d: d["y"].to_numpy()[rng.permutation(len(d))]), {"random": "1 + time"}, GOOD
    ),
}  # fmt: skip


def asked(fit, data, model):
    """Every question of a fit, by name; each gives an answer or a MixedModelError."""
    rng = np.random.default_rng(1)
    top = data["time"].max()
    return {
        "repr": lambda: repr(fit) + fit.summary() + fit._repr_html_(),
        "terms": fit.terms,
        "satterthwaite": lambda: fit.terms(df="satterthwaite"),
        "expected": lambda: fit.terms(information="expected"),
        "between_within": lambda: fit.terms(df="between_within"),
        "CR2": lambda: fit.terms(variance="CR2"),
        "CR0": lambda: fit.terms(variance="CR0"),
        "vcov": fit.vcov,
        "anova": fit.anova,
        "second": lambda: fit.anova("II", df="satterthwaite"),
        "means": lambda: fit.means("arm", at={"time": [0, top]}),
        "contrast": lambda: fit.contrast("arm", by="time", at={"time": [0, top]}, adjust="simultaneous", across=True),
        "slopes": lambda: fit.slopes("time", by="arm"),
        "linear": lambda: fit.linear(fit.terms(), alternative="equivalence", margin=1.0, exponentiate=True),
        "components": fit.variance_components,
        "residual": lambda: fit.residual_covariance(correlation=True),
        "random": lambda: fit.random_covariance(correlation=True),
        "effects": fit.random_effects,
        "icc": fit.icc,
        "r squared": fit.r_squared,
        "fitted": lambda: fit.fitted("conditional"),
        "scaled": lambda: fit.residuals("scaled"),
        "predict": lambda: fit.predict(random=True),
        "new": lambda: fit.predict(new=True),
        "stranger": lambda: fit.predict(data.head(2).assign(id=-1), random=True, new=True),
        "influence": lambda: fit.influence(fit.terms()),
        "bootstrap": lambda: fit.bootstrap(rng, 1),
        "simulate": lambda: fit.simulate(rng),
        "refit": lambda: fit.refit(fit.fitted()),
    }


def higher_elsewhere(fit, seed):
    """Give how much higher the log-likelihood is at the end of another search."""
    rng = np.random.default_rng(seed + 10**6)
    start = fit.model.start(rng.uniform(0.02, 0.95))
    found = maximise(fit.model.likelihood, start + rng.normal(0, 0.5, len(start)))
    return fit.log_likelihood * -1 - found.point.value / 2 if found else -np.inf


def test_there_are_two_hundred_data_sets_of_25_kinds():
    assert len(KINDS) == 25
    assert len(KINDS) * SEEDS == 200


@pytest.mark.parametrize("kind", KINDS)
def test_status_is_true_and_every_question_has_an_answer(kind):
    make, model, true = KINDS[kind]
    for number in range(SEEDS):
        data = make(np.random.default_rng([number, sorted(KINDS).index(kind)]))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fit = fit_mixed("y ~ arm * time" + (" + age" if "collinear" in kind else ""), data, subject="id", **model)
            assert fit.status in true, f"{number}: {fit.status} {fit.message}"
            assert (fit.status == "converged") == (not fit.message)
            for question, ask in asked(fit, data, model).items():
                if number > (0 if question in SLOW else 3) or (number and len(data) > 200):
                    continue
                with contextlib.suppress(MixedModelError):
                    ask()
        table = fit.terms()
        if not fit.usable:
            assert table[["estimate", "se", "p"]].isna().all(axis=None)
            continue
        if "residual" in fit.boundary:
            assert table[["se", "p"]].isna().all(axis=None)
        elif fit.status == "converged":
            assert np.isfinite(table[["estimate", "se", "p", "low", "high"]]).all(axis=None)
        if "residual" not in fit.boundary and fit.n_observations < 200:
            assert higher_elsewhere(fit, number) < 1e-3, f"{number}: {fit.status}"
