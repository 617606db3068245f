"""Values of patients who were not measured, drawn from the mixed model of those who were: missing at random."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from needling.analysis.results import Question

STRUCTURES = ("unstructured", "toeplitz_het", "ar1_het", "compound_symmetry")


@dataclass(frozen=True)
class Imputed:
    """Completed values: `values` is draws x patients x visits, in the order of `patients` and `visits` (baseline first).

    `structure` is the covariance over visits that the data supported, `why` says why there are no values, where there are none.
    """

    values: "np.ndarray"
    patients: list[str]
    visits: list[str]
    structure: str = ""
    why: str = ""


def drawn(
    visits: "pd.DataFrame", people: "pd.DataFrame", question: "Question", draws: int, rng: "np.random.Generator"
) -> Imputed:
    """Draw what is missing, given what was seen, from a mixed model for repeated measures with the baseline as a response.

    y_i ~ N(X_i b, S) with a mean for each arm and visit and the covariates of the analysis; S over visits by restricted maximum
    likelihood (`needling.mixed`, the first structure that the data support). For each draw S* ~ inverse Wishart(v, v S), v the
    measurements per visit less the means per visit and covariates; b* ~ N(b(S*), (X' V*^-1 X)^-1); and the missing values of
    each patient from their normal distribution given the patient's own others. An outcome of whole numbers (nine in ten) is
    rounded; no value leaves the span of those that were measured.

    Parameters
    ----------
    visits : rows of one cohort and outcome at all visits (contract FRAME).
    people : a row per patient to be completed: patient, arm, and the covariates, none missing.
    question : arms, covariates and visits; its study has the schedule.
    draws : number of completed data sets.
    rng : the source of chance.

    Returns
    -------
    Imputed. Without values where an arm has no measurement at a visit, there are too few patients, or no structure holds.

    Sources: Rubin 1987; Schafer 1997, chapter 5 (normal model). Checked against: the engine's own means and standard errors
    under missing at random, which the draws reproduce for a normal outcome.
    """
    import numpy as np

    people = people.sort_values("patient", kind="stable").reset_index(drop=True)
    names = [one for one in (question.baseline_visit, *question.weeks) if (visits["visit"] == one).any()]
    names = list(dict.fromkeys(names))
    seen = visits[visits["patient"].isin(people["patient"])]
    wide = seen.pivot_table(index="patient", columns="visit", values="value", aggfunc="first")
    Y = wide.reindex(index=people["patient"], columns=names).to_numpy(float)
    nobody = Imputed(np.empty((0, len(people), len(names))), list(people["patient"]), names)
    if not np.isnan(Y).any():
        return Imputed(np.repeat(Y[None], 1, axis=0), nobody.patients, names)
    group = people["arm"].to_numpy() if question.arms else np.zeros(len(people), dtype=int)
    levels = list(question.arms) if question.arms else [0]
    counts = np.array([(~np.isnan(Y[group == one])).sum(axis=0) for one in levels])
    C = _covariates(people, question)
    v = int((~np.isnan(Y)).sum() // len(names)) - len(levels) - C.shape[1]
    if (counts < 2).any():
        return _without(
            nobody, "a visit has fewer than two measurements in an arm, so that nothing can be imputed from it"
        )
    if v <= len(names) + 1:
        return _without(nobody, "too few patients to impute from")
    S, structure = _covariance(seen, people, names, question)
    if S is None:
        return _without(nobody, f"the model to impute from could not be fitted: {structure}")
    X = _design(group, levels, C, len(names))
    values = np.array([_one(Y, X, S, v, rng) for _ in range(draws)])
    known = Y[~np.isnan(Y)]
    if (known == np.round(known)).mean() > 0.9:  # means of two ratings may stand among whole ones
        values = np.round(values)
    return Imputed(np.clip(values, known.min(), known.max()), nobody.patients, names, structure)


def _without(empty: Imputed, why: str) -> Imputed:
    from dataclasses import replace

    return replace(empty, why=why)


def _covariates(people: "pd.DataFrame", question: "Question") -> "np.ndarray":
    """Columns of the covariates that vary: a number centred, a category without its first level."""
    import numpy as np

    columns = []
    for name in question.settings.adjust:
        levels = question.categories.get(name)
        if levels is None:
            columns.append(people[name].to_numpy(float))
        else:
            columns += [(people[name] == level).to_numpy(float) for level in levels[1:]]
    varying = [column - column.mean() for column in columns if np.ptp(column) > 0]
    return np.column_stack(varying) if varying else np.empty((len(people), 0))


def _covariance(
    seen: "pd.DataFrame", people: "pd.DataFrame", names: list[str], question: "Question"
) -> "tuple[np.ndarray | None, str]":
    """Covariance over visits by REML, and the structure that held; without one, why."""
    import numpy as np
    import pandas as pd

    from needling.mixed.fit import fit_ladder

    codes = {name: f"v{i}" for i, name in enumerate(names)}
    arms = {arm: f"a{i}" for i, arm in enumerate(question.arms)}
    C = _covariates(people, question)
    beside = pd.DataFrame(C, columns=[f"x{i}" for i in range(C.shape[1])], index=people["patient"])
    data = pd.DataFrame({"patient": seen["patient"], "value": seen["value"].astype(float)})
    data["visit"] = pd.Categorical(seen["visit"].astype(str).map(codes), list(codes.values()))
    if arms:
        data["arm"] = pd.Categorical(seen["arm"].astype(str).map(arms), list(arms.values()))
    data = data.dropna().merge(beside, left_on="patient", right_index=True)
    means = "arm * visit" if arms else "visit"
    formula = " + ".join([f"value ~ {means}", *beside.columns])
    fit = fit_ladder(formula, data, residuals=[f"{one}(visit)" for one in STRUCTURES], subject="patient")
    if not fit.usable:
        return None, fit.message
    S = fit.residual_covariance().loc[list(codes.values()), list(codes.values())].to_numpy(float)
    if np.linalg.eigvalsh(S)[0] <= 1e-10 * S.trace():
        return None, "the visits determine one another"
    return S, fit.covariance_structure.partition("(")[0]


def _design(group: "np.ndarray", levels: "list", C: "np.ndarray", visits: int) -> "np.ndarray":
    """Patients x visits x columns: a mean for each arm and visit, then the covariates."""
    import numpy as np

    n, cells = len(group), len(levels) * visits
    X = np.zeros((n, visits, cells + C.shape[1]))
    place = np.array([levels.index(one) for one in group])
    for t in range(visits):
        X[np.arange(n), t, place * visits + t] = 1.0
    X[:, :, cells:] = C[:, None, :]
    return X


def _one(Y: "np.ndarray", X: "np.ndarray", S: "np.ndarray", v: int, rng: "np.random.Generator") -> "np.ndarray":
    """One completed data set: covariance, means, then each patient's missing values, all drawn."""
    import numpy as np
    from scipy.stats import invwishart

    S = np.atleast_2d(invwishart.rvs(df=v, scale=v * S, random_state=rng))
    missing = np.isnan(Y)
    patterns, of = np.unique(missing, axis=0, return_inverse=True)
    of = of.ravel()
    information, score = np.zeros((X.shape[2],) * 2), np.zeros(X.shape[2])
    for k, gone in enumerate(patterns):
        if gone.all():
            continue
        mine, here = of == k, ~gone
        weight = np.linalg.inv(S[np.ix_(here, here)])
        x, y = X[mine][:, here], Y[mine][:, here]
        weighted = np.einsum("st,ntp->nsp", weight, x)
        information += np.einsum("nsp,nsq->pq", x, weighted)
        score += np.einsum("nsp,ns->p", weighted, y)
    V = np.linalg.inv(information)
    b = V @ score + np.linalg.cholesky((V + V.T) / 2) @ rng.standard_normal(len(score))
    mean, out = X @ b, Y.copy()
    for k, gone in enumerate(patterns):
        if not gone.any():
            continue
        mine, here = np.flatnonzero(of == k), ~gone
        slope = (
            S[np.ix_(gone, here)] @ np.linalg.inv(S[np.ix_(here, here)]) if here.any() else np.empty((gone.sum(), 0))
        )
        spread = S[np.ix_(gone, gone)] - slope @ S[np.ix_(here, gone)]
        middle = mean[np.ix_(mine, gone)] + (Y[np.ix_(mine, here)] - mean[np.ix_(mine, here)]) @ slope.T
        noise = rng.standard_normal((len(mine), int(gone.sum()))) @ np.linalg.cholesky((spread + spread.T) / 2).T
        out[np.ix_(mine, gone)] = middle + noise
    return out
