"""Conditional-mean imputation of what was not measured, analysis of covariance of what it completes, and the jackknife of both.

Draw, impute, analyse, pool without any draw: a mixed model for repeated measures is fitted once, each missing value is replaced by
its expectation given the patient's measured ones under an assumption, and every visit is analysed by least squares. What
varies from sample to sample is seen by leaving out one patient (or one cluster) after the other and doing all of it again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from needling.mixed.errors import MixedModelError
from needling.mixed.independent import independent_columns
from needling.mixed.inference import estimable, values

if TYPE_CHECKING:
    from needling.mixed.fitted import MixedFit

Array = np.ndarray
Variance = Literal["frequentist", "information_anchored"]
DeltaOn = Literal["all_missing", "after_event"]


@dataclass(frozen=True)
class Profiles:
    """Mean courses by which a patient's missing values are imputed: patients x visits each.

    `own` and `reference` are the expected course in the patient's own arm and in the reference arm; `after` marks visits after the
    last measured one; `last` is that visit's place, -1 where nothing was measured.
    """

    own: Array
    reference: Array
    after: Array
    last: Array

    @property
    def _at_last(self) -> tuple[Array, Array]:
        place = np.maximum(self.last, 0)[:, None]
        return tuple(np.take_along_axis(one, place, axis=1) for one in (self.own, self.reference))  # type: ignore[return-value]


def _jump(one: Profiles) -> Array:
    return np.where(one.after, one.reference, one.own)


def _copy(one: Profiles) -> Array:
    return np.where(one.after.any(axis=1, keepdims=True), one.reference, one.own)


def _increments(one: Profiles) -> Array:
    own, reference = one._at_last
    shifted = np.where(one.last[:, None] < 0, one.reference, own + one.reference - reference)
    return np.where(one.after, shifted, one.own)


def _carried(one: Profiles) -> Array:
    own, _ = one._at_last
    return np.where(one.after & (one.last[:, None] >= 0), own, one.own)


# Mean course of the joint distribution from which a patient's missing values are imputed (Carpenter, Roger and Kenward 2013).
METHODS: dict[str, Callable[[Profiles], Array]] = {
    "mar": lambda one: one.own,
    "jump_to_reference": _jump,
    "copy_reference": _copy,
    "copy_increments": _increments,
    "last_mean_carried_forward": _carried,
}


def accumulated(seen: Array, delta: Array, lag: Array) -> Array:
    """Add a shift up over the visits since a patient's last measured one, as R's rbmi does with its delta and dlag.

    At visit v of a patient of whom nothing was measured from visit e to v it is the sum over k from e to v of delta_k lag_(k - e);
    0 where something was measured. A delta of ones with the lag 1, 0, 0, ... is the same shift at every visit; the weeks between
    visits with the lag 1, 1, 1, ... are the weeks since the last measured visit.

    Parameters
    ----------
    seen : (n, T) where something was measured.
    delta : (T,) step of each visit.
    lag : (T,) by what a step counts at the first, second, ... visit that was missed in a row.

    Returns
    -------
    (n, T) in the unit of delta. Checked against the tables that rbmi prints of its delta template.

    Examples
    --------
    >>> accumulated(np.array([[True, False, False, False]]), np.array([5.0, 6, 7, 8]), np.array([1.0, 2, 3, 4])).tolist()
    [[0.0, 6.0, 20.0, 44.0]]
    """
    shift, missed = np.zeros(seen.shape), np.zeros(len(seen), dtype=int)
    for v in range(seen.shape[1]):
        missed = np.where(seen[:, v], 0, missed + 1)
        for run in range(1, v + 2):
            shift[missed == run, v] = delta[v + 1 - run : v + 1] @ lag[:run]
    return shift


@dataclass(frozen=True)
class Trial:
    """Patients and visits of one question as arrays: n patients, T visits, A arms, the reference first.

    Parameters
    ----------
    values : (n, T), missing where nothing was measured; every visit has a measured value.
    arm : (n,) place of each patient's arm.
    patients : (n,) names as the model's subject column has them.
    columns : (A, n, T, p) columns of the imputation model, had each patient been in each arm.
    covariates : (n, c) covariates of the analysis of each visit, baseline among them, without intercept and arms.
    units : (n,) what is left out whole: the patients themselves, or clusters.
    """

    values: Array
    arm: Array
    patients: Array
    columns: Array
    covariates: Array
    units: Array

    @cached_property
    def seen(self) -> Array:
        """Where something was measured."""
        return ~np.isnan(self.values)

    @cached_property
    def last(self) -> Array:
        """Place of each patient's last measured visit; -1 where there is none."""
        visits = self.values.shape[1]
        return np.where(self.seen.any(axis=1), visits - 1 - np.argmax(self.seen[:, ::-1], axis=1), -1)

    @cached_property
    def after(self) -> Array:
        """Visits after the last measured one."""
        return np.arange(self.values.shape[1])[None, :] > self.last[:, None]

    @cached_property
    def patterns(self) -> list[tuple[Array, Array, Array]]:
        """Patients, measured and missing visits of each pattern that misses something."""
        found, which = np.unique(self.seen, axis=0, return_inverse=True)
        which = which.ravel()
        rows = [(np.flatnonzero(which == i), np.flatnonzero(one), np.flatnonzero(~one)) for i, one in enumerate(found)]
        return [(mine, there, missing) for mine, there, missing in rows if len(missing)]

    @cached_property
    def design(self) -> Array:
        """Columns of the analysis: intercept, the arms but the reference, covariates that are not determined by those before."""
        arms = (self.arm[:, None] == np.arange(1, len(self.columns))[None, :]).astype(float)
        everything = np.column_stack([np.ones(len(self.arm)), arms, self.covariates])
        return everything[:, independent_columns(everything)[0]]

    def imputed(self, fit: "MixedFit", methods: Sequence[str]) -> Array:
        """Complete the values by each method: (methods, n, T)."""
        arms, n, visits, p = self.columns.shape
        mean = values(fit, self.columns.reshape(-1, p)).reshape(arms, n, visits)
        covariance = fit.residual_covariance().to_numpy()
        profiles = Profiles(mean[self.arm, np.arange(n)], mean[0], self.after, self.last)
        result = np.repeat(self.values[None], len(methods), axis=0)
        for number, method in enumerate(methods):
            course = METHODS[method](profiles)
            for mine, there, missing in self.patterns:
                slope = np.linalg.solve(covariance[np.ix_(there, there)], covariance[np.ix_(there, missing)])
                expected = course[np.ix_(mine, missing)]
                expected = expected + (self.values[np.ix_(mine, there)] - course[np.ix_(mine, there)]) @ slope
                result[number][np.ix_(mine, missing)] = expected
        return result

    def determined(self, fit: "MixedFit", kept: Array) -> bool:
        """Say whether a fit knows the mean course of everybody kept, in their own arm and in the reference."""
        p = self.columns.shape[-1]
        rows = np.concatenate([self.columns[self.arm, np.arange(len(self.arm))][kept], self.columns[0][kept]])
        return fit.usable and "residual" not in fit.boundary and bool(estimable(fit, rows.reshape(-1, p)).all())

    def analysed(self, kept: Array, weights: Array, outcomes: Array) -> Array:
        """Comparisons and means of arms by least squares: (C + A, outcomes) from outcomes of all patients (n, outcomes).

        `weights` (C, A) are those of the comparisons; a mean averages over the covariates of the patients kept.
        """
        D, arms = self.design[kept], len(self.columns)
        beta = np.linalg.lstsq(D, outcomes[kept], rcond=None)[0]
        rows = np.zeros((len(weights) + arms, D.shape[1]))
        rows[: len(weights), 1:arms] = weights[:, 1:]
        rows[len(weights) :] = D.mean(axis=0)
        rows[len(weights) :, 1:arms] = np.eye(arms)[:, 1:]
        return rows @ beta


@dataclass(frozen=True)
class Imputed:
    """Estimates under each assumption, and what they become without each unit: S methods, T visits, K quantities, A arms.

    The quantities are the comparisons asked for, then the mean of each arm. Adding delta to what was imputed in an arm changes
    every one of them by delta times its slope, in the whole sample as without any unit.
    """

    methods: tuple[str, ...]
    estimate: Array  # (S, T, K)
    slope: Array  # (T, K, A)
    frequentist: Array  # (units, S, T, K)
    information_anchored: Array  # (units, S, T, K)
    slopes: Array  # (units, T, K, A)
    shifted: Array  # (T, A) patients whose value delta is added to
    shifted_by: Array  # (T, A) mean shift of these patients for a delta of 1
    shifted_mean: Array  # (S, T, A) mean of their imputed values
    parameters: int  # columns of the analysis
    patients: int

    def triple(self, method: int, visit: int, quantity: int, variance: str) -> tuple[Array, Array]:
        """Estimate and slope per arm, and their jackknife covariance: (1 + A,), (1 + A, 1 + A)."""
        numbers = np.append(self.estimate[method, visit, quantity], self.slope[visit, quantity])
        replicates = getattr(self, variance)[:, method, visit, quantity]
        return numbers, jackknife(np.column_stack([replicates, self.slopes[:, visit, quantity]]))


def jackknife(replicates: Array) -> Array:
    """Covariance of estimates from their values without each unit: (R - 1) / R times the sum of squares about their mean.

    Parameters
    ----------
    replicates : (R, numbers).

    Source: Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, chapter 3.

    Example
    -------
    >>> import numpy as np
    >>> values = np.array([1.0, 2.0, 4.0, 7.0])
    >>> without_each = (values.sum() - values) / 3
    >>> jackknife(without_each[:, None]).round(6).tolist()  # s^2 / n of a mean
    [[1.75]]
    """
    count = len(replicates)
    gap = replicates - replicates.mean(axis=0)
    return (count - 1) / count * gap.T @ gap


def impute(
    trial: Trial,
    fit: "MixedFit",
    methods: Sequence[str],
    weights: Array,
    delta_on: DeltaOn = "all_missing",
    amount: Array | None = None,
) -> Imputed:
    """Estimate comparisons under each assumption by conditional-mean imputation, with both variances by the jackknife.

    Missing values y_m of a patient are replaced by mu_m + S_mo S_oo^-1 (y_o - mu_o), S the residual covariance of the model and mu
    the mean course of the method; intermittent ones are always imputed from the patient's own arm (missing at random).
    Frequentist: everything is done again without each unit. Information-anchored: by how much a method's imputed values differ
    from those under missing at random is kept from the whole sample, so that an assumption about what nobody saw brings
    no information; under missing at random the two are the same.

    Parameters
    ----------
    trial : the data.
    fit : imputation model, fitted to the measured values, with residuals correlated over the visits.
    methods : of METHODS; mar is among them.
    weights : (C, A) comparisons of arms, each adding up to 0.
    delta_on : which values delta is added to: all that are missing, or only those after the last measured visit.
    amount : (n, T) shift of each missing value for a delta of 1, e.g. from `accumulated`. Default: 1 everywhere.

    Returns
    -------
    Imputed. A unit without which the model cannot be fitted has missing replicates.

    Sources: Wolbers, Noci, Delmar, Gower-Page, Yiu, Bartlett 2022, Pharmaceutical Statistics 21:1246-1257 (conditional means and
    the jackknife); Carpenter, Roger, Kenward 2013, Journal of Biopharmaceutical Statistics 23:1352-1371 (the methods); Cro,
    Carpenter, Kenward 2019, Journal of the Royal Statistical Society A 182:623-645 (information anchoring). Checked against R's
    rbmi (antidepressant trial) and the five macros in SAS.
    """
    everybody = np.ones(len(trial.arm), dtype=bool)
    n, visits = trial.values.shape
    shifted = _marked(trial, delta_on)
    indicators = shifted if amount is None else shifted * amount[:, :, None]
    whole = trial.imputed(fit, methods)
    mar = list(methods).index("mar")
    fixed = whole - whole[mar]

    def analysed(kept: Array, *completed: Array) -> list[Array]:
        """Analyse values (S, n, T) and the indicators of delta at once: (S, T, K) each, and (T, K, A)."""
        outcomes = np.concatenate(
            [np.moveaxis(one, 0, 2) for one in (*completed, indicators.transpose(2, 0, 1))], axis=2
        )
        found = trial.analysed(kept, weights, outcomes.reshape(n, -1)).reshape(-1, visits, outcomes.shape[2])
        ends = np.cumsum([len(one) for one in completed])
        *parts, slope = np.split(found, ends, axis=2)
        return [*(one.transpose(2, 1, 0) for one in parts), slope.transpose(1, 0, 2)]

    estimate, slope = analysed(everybody, whole)
    units = list(dict.fromkeys(trial.units.tolist()))
    replicates = []
    for unit in units:
        gone = trial.units == unit
        again = _without(fit, [str(one) for one in trial.patients[gone & trial.seen.any(axis=1)]])
        fitted = again is not None and trial.determined(again, ~gone)
        completed = trial.imputed(again, methods) if again is not None and fitted else np.full_like(whole, np.nan)
        present = np.where(gone[None, :, None], 0.0, completed)
        replicates.append(analysed(~gone, present, present[mar] + fixed))
    frequentist, anchored, slopes = (np.stack(part) for part in zip(*replicates, strict=True))
    count = shifted.sum(axis=0)
    total = np.einsum("snt,nta->sta", whole, shifted)
    with np.errstate(invalid="ignore", divide="ignore"):
        shifted_mean, shifted_by = total / count, indicators.sum(axis=0) / count
    return Imputed(
        tuple(methods), estimate, slope, frequentist, anchored, slopes, count, shifted_by, shifted_mean, trial.design.shape[1], n
    )  # fmt: skip


def _marked(trial: Trial, delta_on: DeltaOn) -> Array:
    """Mark with 1 the values that delta is added to: (n, T, A), each in its patient's arm."""
    marked = trial.after if delta_on == "after_event" else ~trial.seen
    return np.stack([marked & (trial.arm == arm)[:, None] for arm in range(len(trial.columns))], axis=2).astype(float)


def _without(fit: "MixedFit", patients: list[str]) -> "MixedFit | None":
    """The model without some patients; None where too little is left to fit it."""
    try:
        return fit.without(patients) if patients else fit
    except MixedModelError:
        return None


def crossings(numbers: Array, covariance: Array, critical: float) -> list[float]:
    """Find the deltas at which an estimate is just as far from 0 as its critical value times its standard error.

    With e + s d the estimate at delta d and c_ee + 2 c_es d + c_ss d^2 its variance, the roots of
    (e + s d)^2 = critical^2 (c_ee + 2 c_es d + c_ss d^2): exact, without any search.

    Parameters
    ----------
    numbers : (2,) estimate and slope.
    covariance : (2, 2) of the two.
    critical : quantile of the test's distribution, e.g. 1.96.

    Returns
    -------
    The real roots from low to high: none, one or two.

    Example
    -------
    >>> import numpy as np
    >>> numbers, covariance = np.array([1.0, 0.5]), np.diag([0.04, 0.0])
    >>> [round(one, 2) for one in crossings(numbers, covariance, 1.96)]  # (0.392 - 1) / 0.5 and (-0.392 - 1) / 0.5
    [-2.78, -1.22]
    """
    (e, s), square = numbers, critical**2 * covariance
    a, b, c = s**2 - square[1, 1], e * s - square[0, 1], e**2 - square[0, 0]
    inside = b**2 - a * c
    if not inside >= 0 or (a == 0 and b == 0):
        return []
    far = -(
        b + np.copysign(np.sqrt(inside), b)
    )  # the other root by division: a difference of like numbers loses digits
    roots = [far / a] if a else []
    return sorted(float(root) for root in [*roots, *([c / far] if far else [])])
