"""Groups that chance did not make, weighted until they are alike in what was measured, and what could still hide."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import pandas as pd

Weights = Literal["inverse", "overlap", "treated"]


def weighted_difference(
    frame: "pd.DataFrame",
    outcome: str,
    treatment: str,
    formula: str,
    weights: Weights = "overlap",
    *,
    outcome_formula: str | None = None,
    reference: object = None,
    level: float = 0.95,
) -> "pd.DataFrame":
    """Compare two groups by propensity weights, with a variance that knows that the weights were estimated.

    The propensity e(x) of the treatment comes from a logistic regression. Weights of the treated and the others: inverse 1/e
    and 1/(1-e) (everybody), overlap 1-e and e (those in whom both were likely), treated 1 and e/(1-e) (the treated). Means
    are weighted means (Hajek). With an outcome model, fitted by least squares in each group, the augmented (doubly robust)
    means: sum h f_a / sum h plus the weighted mean of the group's residuals, h the weight's tilt (1, e(1-e), e).
    Variance: the empirical sandwich of all estimating equations stacked, those of the propensity and outcome models included.

    Parameters
    ----------
    frame : one row per patient. Rows with a missing value in a column that is used are left out.
    outcome : column of numbers.
    treatment : column with two values.
    formula : the propensity model's right side, or "treatment ~ ...".
    weights : overlap (default), inverse or treated: they decide whom the difference is about.
    outcome_formula : right side of the outcome models, or "outcome ~ ..."; default: none, not augmented.
    reference : value of the treatment column that the other is compared with. Default: the first in its order.
    level : of the confidence intervals (normal).

    Returns
    -------
    One row each: quantity (mean of both groups, difference), arm, reference ('' for a mean), estimate, se, statistic, p
    (missing for a mean), low, high, n_patients, effective_n (Kish: (sum w)^2 / sum w^2; of the smaller group for the difference).
    attrs: weights (of the rows used, by frame's index, mean 1 within a group), propensity.

    Raises
    ------
    ValueError : not two groups, or one propensity is 0 or 1 (no overlap).

    Sources: Li, Morgan, Zaslavsky 2018, JASA 113:390-400; Lunceford, Davidian 2004, Statistics in Medicine 23:2937-2960.
    Checked against PSweight's vignette (NCDS) and, inverse weights, against Hernan and Robins, What If, chapter 12.

    Example
    -------
    >>> import numpy as np, pandas as pd
    >>> sex, needled = np.repeat(["f", "m"], 50), np.tile([1, 1, 1, 0, 0, 0, 0, 1, 0, 0], 10)
    >>> frame = pd.DataFrame({"sex": sex, "needled": needled, "gain": 2.0 * needled + (sex == "m") + np.arange(100) % 2})
    >>> weighted_difference(frame, "gain", "needled", "sex")[["quantity", "arm", "estimate"]].round(3).values.tolist()
    [['mean', 0, 1.0], ['mean', 1, 3.0], ['difference', 1, 2.0]]
    """
    import numpy as np

    data, groups, z, X, Z = _prepared(frame, outcome, treatment, formula, outcome_formula, reference)
    y = data[outcome].to_numpy(float)
    beta, e = _propensity(X, z)
    members = [1 - z, z]
    models = [] if Z is None else [np.linalg.lstsq(Z[s == 1], y[s == 1], rcond=None)[0] for s in members]
    means = [_mean(y - (Z @ models[i] if models else 0), s * _weight(e, i, weights)) for i, s in enumerate(members)]
    tilted = [_mean(Z @ model, _tilt(e, weights)) for model in models]
    theta = np.concatenate([beta, *models, means, tilted])
    covariance = _sandwich(_estimating_equations(X, Z, y, z, weights), theta, len(y))
    pick = np.zeros((2, len(theta)))
    start = len(beta) + sum(map(len, models))
    for i in range(2):
        pick[i, [start + i, *([start + 2 + i] if tilted else [])]] = 1
    w = np.where(z == 1, _weight(e, 1, weights), _weight(e, 0, weights))
    table = _rows(pick @ theta, pick @ covariance @ pick.T, groups, [w[z == 0], w[z == 1]], level)
    scaled = w / np.where(z == 1, w[z == 1].mean(), w[z == 0].mean())
    table.attrs |= {"weights": _series(scaled, data), "propensity": _series(e, data)}
    return table


def weighted_regression(
    y: "np.ndarray", X: "np.ndarray", treated: "np.ndarray", confounders: "np.ndarray"
) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """Regress an outcome by least squares with overlap weights, with a variance that knows that the weights were estimated.

    e = logit^-1(C a) is the propensity; weights 1 - e of the treated and e of the others; X' W (y - X b) = 0. Variance: the
    sandwich of the equations of a and b stacked, times n / (n - columns of X), as HC1 has it.

    Parameters
    ----------
    y : outcome of each patient.
    X : the regression's columns, of full rank.
    treated : 1 or 0.
    confounders : C, columns of the propensity model with an intercept; those that others determine are left out.

    Returns
    -------
    Coefficients, their covariance, and the weights.

    Raises
    ------
    ValueError : one propensity is 0 or 1 (no overlap).

    Source: Lunceford, Davidian 2004, Statistics in Medicine 23:2937-2960. Checked against `weighted_difference`, whose
    difference it gives with X = (1, treated), and against the equations' slopes written out in R.

    Example
    -------
    >>> import numpy as np
    >>> one, treated = np.ones(8), np.tile([0.0, 1.0], 4)
    >>> age = np.array([30.0, 35, 40, 50, 35, 60, 45, 55])
    >>> y = 1 + 2 * treated + 0.1 * age
    >>> coefficients, covariance, weights = weighted_regression(y, np.column_stack([one, treated, age]),
    ...     treated, np.column_stack([one, age]))
    >>> coefficients.round(6).tolist()
    [1.0, 2.0, 0.1]
    """
    import numpy as np

    C = _full_rank(confounders)
    a, e = _propensity(C, treated)
    weights = np.where(treated == 1, _weight(e, 1, "overlap"), _weight(e, 0, "overlap"))
    b = np.linalg.lstsq(X * np.sqrt(weights)[:, None], y * np.sqrt(weights), rcond=None)[0]

    def equations(theta: "np.ndarray") -> "np.ndarray":
        p = 1 / (1 + np.exp(-(C @ theta[: len(a)])))
        w = treated * _weight(p, 1, "overlap") + (1 - treated) * _weight(p, 0, "overlap")
        residual = y - X @ theta[len(a) :]
        return np.hstack([C * (treated - p)[:, None], X * (w * residual)[:, None]])

    covariance = _sandwich(equations, np.concatenate([a, b]), len(y))[len(a) :, len(a) :]
    return b, covariance * len(y) / (len(y) - X.shape[1]), weights


def balance(
    frame: "pd.DataFrame", variables: "Sequence[str]", treatment: str, weights: "pd.Series", reference: object = None
) -> "pd.DataFrame":
    """Standardised differences of the groups before and after weighting, both in units of the *unweighted* standard deviation.

    (mean of the treated - mean of the others) / sqrt((s1^2 + s0^2) / 2), s1 and s0 unweighted. A category has a row
    per level, as shares
    of 0 and 1.

    Parameters
    ----------
    frame : one row per patient.
    variables : columns, numbers or categories.
    treatment : column with two values.
    weights : of each patient (index as the frame's); patients without one are left out.
    reference : as in `weighted_difference`.

    Returns
    -------
    One row per number or level: variable, level ('' for a number), before, after. A variable that does not vary has
    missing values.

    Example
    -------
    >>> import numpy as np, pandas as pd
    >>> frame = pd.DataFrame({"needled": [1, 1, 1, 0, 0, 0], "age": [40.0, 50, 60, 30, 40, 50]})
    >>> balance(frame, ["age"], "needled", pd.Series([1.0, 1, 0, 0, 1, 1]))[["before", "after"]].values.tolist()
    [[1.0, 0.0]]
    """
    import numpy as np
    import pandas as pd

    data = frame.loc[weights.index]
    groups = _groups(data[treatment], reference)
    z, w = (data[treatment] == groups[1]).to_numpy(), weights.to_numpy(float)
    rows = []
    for name in variables:
        if pd.api.types.is_numeric_dtype(data[name].dtype) and data[name].nunique() > 2:
            parts = {"": data[name].to_numpy(float)}
        else:
            levels = sorted(data[name].dropna().unique())
            parts = {
                str(one): (data[name] == one).to_numpy(float) for one in (levels[1:] if len(levels) == 2 else levels)
            }
        for one, values in parts.items():
            spread = np.sqrt((np.nanvar(values[z], ddof=1) + np.nanvar(values[~z], ddof=1)) / 2)
            known = ~np.isnan(values)
            gaps = [
                _mean(values[z & known], v[z & known]) - _mean(values[~z & known], v[~z & known])
                for v in (np.ones_like(w), w)
            ]
            before, after = (gap / spread if spread > 0 else np.nan for gap in gaps)
            rows.append({"variable": name, "level": one, "before": float(before), "after": float(after)})
    return pd.DataFrame(rows, columns=["variable", "level", "before", "after"])


def e_value(ratio: float, limit: float | None = None) -> tuple[float, float]:
    """Say how strongly something unmeasured would have to go with both treatment and outcome to explain a risk ratio away.

    Parameters
    ----------
    ratio : risk ratio; of a standardised mean difference d it is exp(0.91 d).
    limit : the limit of its interval that is nearer to 1.

    Returns
    -------
    E-value of the estimate and of the limit (1 where the interval holds 1; missing without a limit): r + sqrt(r (r - 1)), r the
    ratio or its inverse, whichever is above 1.

    Source: VanderWeele, Ding 2017, Annals of Internal Medicine 167:268-274.

    Examples
    --------
    >>> [round(one, 4) for one in e_value(3.9, 1.8)]
    [7.263, 3.0]
    """
    import math

    def of(r: float) -> float:
        above = max(r, 1 / r)
        return above + math.sqrt(above * (above - 1))

    if limit is None:
        return of(ratio), math.nan
    return of(ratio), 1.0 if (ratio > 1) != (limit > 1) or limit == 1 else of(limit)


def _prepared(frame, outcome, treatment, formula, outcome_formula, reference):
    """Complete rows, the two groups (reference first), who is treated, and the design matrices of propensity and outcome."""
    from formulaic import Formula, model_matrix

    rights = [text.partition("~")[2] or text for text in (formula, outcome_formula) if text]
    needed = {str(name) for right in rights for name in Formula(right).required_variables}
    data = frame.dropna(subset=sorted({outcome, treatment, *needed}))
    groups = _groups(data[treatment], reference)
    z = (data[treatment] == groups[1]).to_numpy(float)
    matrices = [model_matrix(right, data).to_numpy(float) for right in rights]
    X, Z = matrices[0], matrices[1] if outcome_formula else None
    return data, groups, z, _full_rank(X), None if Z is None else _full_rank(Z)


def _groups(column: "pd.Series", reference: object) -> list[object]:
    values = list(column.cat.categories) if column.dtype == "category" else sorted(column.dropna().unique())
    values = [one for one in values if (column == one).any()]
    if len(values) != 2:
        raise ValueError(f"{column.name} has {len(values)} groups with patients, and two are compared")
    return values if reference is None or values[0] == reference else values[::-1]


def _full_rank(X: "np.ndarray") -> "np.ndarray":
    """Leave out columns that those before them determine: the fitted values stay the same."""
    import numpy as np

    kept: list[int] = []
    for i in range(X.shape[1]):
        if np.linalg.matrix_rank(X[:, [*kept, i]] / np.maximum(np.abs(X[:, [*kept, i]]).max(axis=0), 1e-300)) > len(
            kept
        ):
            kept.append(i)
    return X[:, kept]


def _propensity(X: "np.ndarray", z: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Coefficients of the logistic regression of the treatment, and each patient's propensity; none may be 0 or 1."""
    import warnings

    import numpy as np
    import statsmodels.api as sm
    from scipy.special import expit

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        beta = np.asarray(sm.GLM(z, X, family=sm.families.Binomial()).fit(maxiter=100, tol=1e-13).params)
    e = expit(X @ beta)
    if e.min() < 1e-10 or e.max() > 1 - 1e-10:
        raise ValueError(
            "some patients could only be in one of the groups (a propensity of 0 or 1): there is nothing to compare them with"
        )
    return beta, e


def _estimating_equations(
    X: "np.ndarray", Z: "np.ndarray | None", y: "np.ndarray", z: "np.ndarray", weights: Weights
) -> "Callable[[np.ndarray], np.ndarray]":
    """The equations of each patient that all estimates solve together, patients x parameters.

    Parameters in this order: propensity model, the two outcome models (where there are any), the two groups' weighted means (of
    residuals, beside outcome models), the tilted means of the two outcome models.
    """
    import numpy as np

    def equations(theta: "np.ndarray") -> "np.ndarray":
        b, rest = theta[: X.shape[1]], theta[X.shape[1] :]
        p = 1 / (1 + np.exp(-(X @ b)))
        columns = [X * (z - p)[:, None]]
        fits = []
        if Z is not None:
            for s in (1 - z, z):
                a, rest = rest[: Z.shape[1]], rest[Z.shape[1] :]
                fits.append(Z @ a)
                columns.append(Z * (s * (y - fits[-1]))[:, None])
        for which, s in enumerate((1 - z, z)):
            residual = y - (fits[which] if fits else 0)
            columns.append((s * _weight(p, which, weights) * (residual - rest[which]))[:, None])
            if fits:
                columns.append((_tilt(p, weights) * (fits[which] - rest[2 + which]))[:, None])
        return np.hstack(columns)

    return equations


def _weight(p: "np.ndarray", treated: int, weights: str) -> "np.ndarray":
    if weights == "inverse":
        return 1 / p if treated else 1 / (1 - p)
    if weights == "overlap":
        return 1 - p if treated else p
    return p / p if treated else p / (1 - p)


def _tilt(p: "np.ndarray", weights: str) -> "np.ndarray":
    return {"inverse": p / p, "overlap": p * (1 - p), "treated": p}[weights]


def _mean(values: "np.ndarray", weights: "np.ndarray") -> float:
    return float((weights * values).sum() / weights.sum())


def _sandwich(equations: "Callable[[np.ndarray], np.ndarray]", theta: "np.ndarray", n: int) -> "np.ndarray":
    """Covariance of the solution of estimating equations; slopes by complex steps, which are exact to the last digits."""
    import numpy as np

    step = 1e-30
    slopes = np.column_stack(
        [equations(theta + 1j * step * unit).imag.mean(axis=0) / step for unit in np.eye(len(theta))]
    )
    psi = equations(theta)
    inverse = np.linalg.inv(slopes)
    return inverse @ (psi.T @ psi / n) @ inverse.T / n


def _rows(means: "np.ndarray", covariance: "np.ndarray", groups: list[object], weights, level: float) -> "pd.DataFrame":
    import numpy as np
    import pandas as pd
    from scipy.special import ndtr, ndtri

    z = float(ndtri((1 + level) / 2))
    effective = [float(w.sum() ** 2 / (w**2).sum()) for w in weights]
    contrast = np.array([-1.0, 1.0])
    found = [
        ("mean", groups[0], "", means[0], covariance[0, 0], len(weights[0]), effective[0]),
        ("mean", groups[1], "", means[1], covariance[1, 1], len(weights[1]), effective[1]),
        (
            "difference",
            groups[1],
            groups[0],
            contrast @ means,
            contrast @ covariance @ contrast,
            sum(map(len, weights)),
            min(effective),
        ),
    ]
    rows = []
    for quantity, arm, reference, estimate, variance, n, ess in found:
        se = float(np.sqrt(variance))
        statistic = float(estimate) / se if quantity == "difference" else np.nan
        numbers = {"estimate": float(estimate), "se": se, "statistic": statistic, "p": float(2 * ndtr(-abs(statistic)))}
        limits = {"low": float(estimate) - z * se, "high": float(estimate) + z * se}
        rows.append(
            {
                "quantity": quantity,
                "arm": arm,
                "reference": reference,
                **numbers,
                **limits,
                "n_patients": n,
                "effective_n": ess,
            }
        )
    return pd.DataFrame(rows)


def _series(values: "np.ndarray", data: "pd.DataFrame") -> "pd.Series":
    import pandas as pd

    return pd.Series(values, index=data.index)
