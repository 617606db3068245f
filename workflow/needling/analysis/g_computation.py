"""Shares of responders by a logistic model, standardised over all patients, with their variances; numbers needed to treat."""

import math
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd

Variance = Literal["ye", "ge", "HC0"]


def g_computation(
    frame: "pd.DataFrame",
    outcome: str,
    arm: str,
    formula: str,
    variance: Variance = "ye",
    *,
    reference: str | None = None,
    strata: str | None = None,
    level: float = 0.95,
) -> "pd.DataFrame":
    """Estimate the share of responders had everybody been in each arm, and compare the arms, by a logistic model.

    A logistic regression with the arm is fitted; each patient's probability is predicted under each arm; mu_a is their mean.
    With a canonical link mu_a is consistent in a randomised trial even if the model is wrong. Variances:
    ye   (Ye et al. 2023; population from which the patients come): V_aa = (var_a(y - f_a) / pi_a + 2 cov_a(y, f_a) -
    var(f_a)) / n,
         V_ab = (cov_a(y, f_b) + cov_b(y, f_a) - cov(f_a, f_b)) / n, with f_a the predictions under arm a, subscripts at var and
         cov the patients of that arm, pi_a its share; with `strata` less (R (diag(pi) - pi pi') R averaged over
         strata) / n, R the
         diagonal of the stratum's mean residual over pi_a, for randomisation that balances arms within strata;
    ge   (Ge et al. 2011; these patients): the delta method with the model's covariance; HC0: the same with the sandwich.
    Ratios: delta method on the log scale.

    Parameters
    ----------
    frame : one row per patient. Rows with a missing value in a column that is used are left out.
    outcome : column of 0 and 1, 1 the responder.
    arm : column with the arm (two or more).
    formula : right side or whole formula of the model, with the arm in it, e.g. "response ~ arm + baseline".
    variance : ye (default), ge or HC0.
    reference : arm that the others are compared with. Default: the first in the column's order.
    strata : column with the strata of the randomisation (ye only).
    level : of the confidence intervals.

    Returns
    -------
    One row each: quantity (share, risk_difference, risk_ratio, odds_ratio), arm, reference ('' for a share),
    estimate, se (of the
    logarithm for a ratio), statistic, p (normal; missing for a share), low, high, n_patients and n_events (of the arm for
    a share, of both for a comparison). attrs: covariance of the shares (arms in attrs["arms"]), separated (names of
    coefficients that tend to infinity; the shares stay finite, ge and HC0 are then missing).

    Raises
    ------
    ValueError : the outcome is not 0 and 1, an arm has no patient, strata with another variance than ye.

    Sources: Ge et al. 2011, Drug Information Journal 45:481-493; Ye, Bannick, Yi, Shao 2023, Statistical Theory and
    Related Fields
    7:159-163. Checked against SAS's margins macro and the values of R's beeca and RobinCar on their example.

    Example
    -------
    >>> import numpy as np, pandas as pd
    >>> frame = pd.DataFrame({"arm": np.repeat(["usual_care", "needling"], 50), "better": np.repeat([1, 0, 1,
    ...     0], [10, 40, 25, 25])})
    >>> g_computation(frame, "better", "arm", "better ~ arm",
    ...     reference="usual_care").query("quantity == 'risk_difference'")["estimate"].round(6).tolist()
    [0.3]
    """
    data, arms, response = _prepared(frame, outcome, arm, formula, strata, reference)
    names, X, under = _designed(data, arms, arm, formula if "~" in formula else f"{outcome} ~ {formula}")
    group = data[arm].to_numpy()
    strata_of = None if strata is None else data[strata].to_numpy()
    shares, covariance, separated = standardised(response, X, under, names, group, arms, variance, strata_of)
    events = {a: (int((group == a).sum()), int(response[group == a].sum())) for a in arms}
    table = compared_shares(shares, covariance, arms, [(one, arms[0]) for one in arms[1:]], events, level)
    table.attrs |= {"covariance": covariance, "arms": arms, "separated": separated}
    return table


def number_needed(difference: float, low: float, high: float) -> dict[str, float | bool]:
    """Turn a risk difference and its interval into a number needed to treat, through infinity where the interval holds 0.

    Parameters
    ----------
    difference, low, high : risk difference (share, -1 to 1; positive is benefit) and its limits.

    Returns
    -------
    estimate, low, high: 1 / |...| of the difference and of its limits, low the one nearer to 1; negative for harm;
    and `through_infinity`:
    the interval runs from low, a number needed to benefit, over infinity to high, a number needed to harm (negative).

    Source: Altman 1998, BMJ 317:1309-1312.

    Examples
    --------
    >>> number_needed(0.10, -0.05, 0.25)
    {'estimate': 10.0, 'low': 4.0, 'high': -20.0, 'through_infinity': True}
    """

    def inverse(value: float) -> float:
        return float("inf") if value == 0 else 1 / value

    crossing = low < 0 < high
    nearer, farther = (high, low) if crossing or difference >= 0 else (low, high)
    return {
        "estimate": inverse(difference),
        "low": inverse(nearer),
        "high": inverse(farther),
        "through_infinity": crossing,
    }


def _prepared(
    frame: "pd.DataFrame", outcome: str, arm: str, formula: str, strata: str | None, reference: str | None
) -> "tuple[pd.DataFrame, list[object], np.ndarray]":
    from formulaic import Formula

    right = formula.partition("~")[2] or formula
    used = sorted({outcome, arm, *([strata] if strata else []), *map(str, Formula(right).required_variables)})
    data = frame[used].dropna().reset_index(drop=True)
    response = data[outcome].to_numpy(float)
    if not set(response) <= {0.0, 1.0}:
        raise ValueError(f"{outcome} holds other values than 0 and 1")
    column = data[arm]
    arms = list(column.cat.categories) if column.dtype == "category" else sorted(column.unique())
    if reference is not None:
        arms = [reference, *(one for one in arms if one != reference)]
    if len(arms) < 2:
        raise ValueError(f"an arm has no patients with all values: {arm}")
    return data, arms, response


def _designed(
    data: "pd.DataFrame", arms: list[object], arm: str, formula: str
) -> "tuple[list[str], np.ndarray, list[np.ndarray]]":
    """The columns' names of the design, the design of the patients, and that had all of them been in each arm."""
    import numpy as np
    import pandas as pd
    from formulaic import model_matrix

    right = model_matrix(formula, data.assign(**{arm: pd.Categorical(data[arm], arms)})).rhs
    everybody = pd.concat([data] * len(arms), ignore_index=True)
    everybody[arm] = pd.Categorical([one for one in arms for _ in range(len(data))], arms)
    under = right.model_spec.get_model_matrix(everybody).to_numpy(float)
    return list(right.columns), right.to_numpy(float), np.split(under, len(arms))


def standardised(
    response: "np.ndarray",
    X: "np.ndarray",
    under: "Sequence[np.ndarray]",
    names: list[str],
    group: "np.ndarray",
    arms: list[Any],
    variance: Variance,
    strata: "np.ndarray | None" = None,
) -> "tuple[np.ndarray, np.ndarray, list[str]]":
    """Standardise shares by a logistic model whose design is known; see `g_computation`.

    Parameters
    ----------
    response : (patients,) 1 or 0.
    X : (patients, coefficients) their design; `names` are the coefficients'.
    under : for each arm the design had everybody been in it.
    group, strata : (patients,) arm, and stratum of the randomisation; `arms` the arms in order.
    variance : as of `g_computation`.

    Returns
    -------
    Share of each arm; their covariance (missing for ge and HC0 if separated); names of coefficients that tend to infinity.

    Raises
    ------
    ValueError : an arm has no patient.

    Example
    -------
    >>> import numpy as np
    >>> y, needling = np.repeat([1.0, 0, 1, 0], [10, 40, 25, 25]), np.repeat([0, 1], 50)
    >>> one = np.ones(100)
    >>> X, under = np.column_stack([one, needling]), [np.column_stack([one, 0 * one]), np.column_stack([one, one])]
    >>> shares, covariance, separated = standardised(y, X, under, ["intercept", "arm"], needling, [0, 1], "ye")
    >>> shares.round(6).tolist()
    [0.2, 0.5]
    """
    import warnings

    import numpy as np
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    if empty := [str(one) for one in arms if not (group == one).any()]:
        raise ValueError(f"an arm has no patients with all values: {', '.join(empty)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = GLM(response, X, family=Binomial()).fit(maxiter=100, tol=1e-12)
    # A coefficient that tends to infinity takes fitted shares to 0 or 1; elsewhere the linear program need not be asked.
    near = np.minimum(fit.fittedvalues, 1 - fit.fittedvalues).min() < 1e-6
    separated = _separated(X, response, names) if near else []
    predicted = np.column_stack([fit.predict(Z) for Z in under])
    if variance == "ye":
        covariance = _ye(response, predicted, group, arms, strata)
    elif separated:
        covariance = np.full((len(arms), len(arms)), np.nan)
    else:
        each = zip((predicted * (1 - predicted)).T, under, strict=True)
        slopes = np.array([weight @ Z / len(Z) for weight, Z in each])  # of the shares in the coefficients
        covariance = slopes @ _parameter_covariance(fit, variance) @ slopes.T
    return predicted.mean(axis=0), covariance, separated


def _separated(X: "np.ndarray", y: "np.ndarray", names: list[str]) -> list[str]:
    """Name the coefficients that tend to infinity: a direction that no response speaks against (linear program, Konis 2007)."""
    import numpy as np
    from scipy.optimize import linprog

    signed = (2 * y - 1)[:, None] * X
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(y)), bounds=(-1, 1), method="highs")
    if found.status != 0 or -found.fun < 1e-9 * len(y):
        return []
    return [name for name, slope in zip(names, found.x, strict=True) if abs(slope) > 1e-9]


def _parameter_covariance(fit, variance: str) -> "np.ndarray":
    import numpy as np

    if variance == "ge":
        return np.asarray(fit.cov_params())
    X, residual = fit.model.exog, fit.resid_response
    bread = np.asarray(fit.normalized_cov_params)
    return bread @ (X.T * residual**2) @ X @ bread


def _ye(
    y: "np.ndarray", f: "np.ndarray", group: "np.ndarray", arms: list[object], strata: "np.ndarray | None"
) -> "np.ndarray":
    import numpy as np

    n, k = f.shape
    of = [group == a for a in arms]
    share = np.array([mine.mean() for mine in of])
    V = np.empty((k, k))
    for a in range(k):
        for b in range(k):
            with_b = np.cov(y[of[a]], f[of[a], b])[0, 1]
            with_a = np.cov(y[of[b]], f[of[b], a])[0, 1]
            V[a, b] = with_b + with_a - np.cov(f[:, a], f[:, b])[0, 1]
        V[a, a] += np.var(y[of[a]] - f[of[a], a], ddof=1) / share[a]
    if strata is not None:
        spread = np.diag(share) - np.outer(share, share)
        for stratum in np.unique(strata):
            inside = strata == stratum
            R = np.diag(
                [(y - f[:, a])[inside & of[a]].mean() / share[a] if (inside & of[a]).any() else 0.0 for a in range(k)]
            )
            V -= inside.mean() * R @ spread @ R
    return V / n


def compared_shares(
    shares: "np.ndarray",
    covariance: "np.ndarray",
    arms: "Sequence[Any]",
    pairs: "Sequence[tuple[Any, Any]]",
    events: "Mapping[Any, tuple[int, int]]",
    level: float,
) -> "pd.DataFrame":
    """Tabulate shares of responders and their comparisons, from the shares and their covariance.

    Parameters
    ----------
    shares : share of each arm, in the order of `arms`.
    covariance : of the shares, arms x arms; missing where it is not known.
    arms : their codes.
    pairs : arm and its reference for each comparison.
    events : arm -> patients and responders.
    level : of the confidence intervals.

    Returns
    -------
    The rows that `g_computation` describes. A ratio of, or to, a share of 0 (an odds ratio also of 1) is missing.

    Example
    -------
    >>> import numpy as np
    >>> shares, covariance = np.array([0.2, 0.5]), np.diag([0.2 * 0.8, 0.5 * 0.5]) / 50
    >>> events = {"usual_care": (50, 10), "needling": (50, 25)}
    >>> table = compared_shares(shares, covariance, ["usual_care", "needling"], [("needling", "usual_care")],
    ...     events, 0.95)
    >>> table.query("quantity == 'risk_ratio'")["estimate"].tolist()
    [2.5]
    """
    import numpy as np
    import pandas as pd
    from scipy.special import ndtri

    z = float(ndtri((1 + level) / 2))
    rows = []
    for a, one in enumerate(arms):
        se = float(np.sqrt(covariance[a, a]))
        low, high = max(0.0, shares[a] - z * se), min(1.0, shares[a] + z * se)
        rows.append(_row("share", one, "", float(shares[a]), se, np.nan, low, high, *events[one]))
    for arm, reference in pairs:
        a, b = arms.index(arm), arms.index(reference)
        n, with_event = (x + y for x, y in zip(events[arm], events[reference], strict=True))
        mu, nu = float(shares[a]), float(shares[b])
        scales: dict[str, tuple[float, float, float]] = {"risk_difference": (mu - nu, 1.0, -1.0)}
        nothing = (np.nan, np.nan, np.nan)
        positive, inner = min(mu, nu) > 0, min(mu, nu) > 0 and max(mu, nu) < 1
        scales["risk_ratio"] = (np.log(mu / nu), 1 / mu, -1 / nu) if positive else nothing
        odds = (np.log(mu / (1 - mu) * (1 - nu) / nu), 1 / (mu * (1 - mu)), -1 / (nu * (1 - nu))) if inner else nothing
        for quantity, (value, slope_a, slope_b) in (scales | {"odds_ratio": odds}).items():
            slope = np.zeros(len(arms))
            slope[a], slope[b] = slope_a, slope_b
            spread = float(slope @ covariance @ slope)  # below 0 where a separated model tells none
            se = math.sqrt(spread) if spread >= 0 else math.nan
            ends = [value, value - z * se, value + z * se]
            estimate, low, high = (float(v if quantity == "risk_difference" else np.exp(v)) for v in ends)
            statistic = value / se if se > 0 else np.nan
            rows.append(_row(quantity, arm, reference, estimate, se, statistic, low, high, n, with_event))
    return pd.DataFrame(rows)


def _row(
    quantity: str,
    arm: object,
    reference: object,
    estimate: float,
    se: float,
    statistic: float,
    low: float,
    high: float,
    n: int,
    events: int,
) -> dict[str, object]:
    from scipy.special import ndtr

    p = float(2 * ndtr(-abs(statistic)))
    numbers = {
        "estimate": estimate,
        "se": se,
        "statistic": float(statistic),
        "p": p,
        "low": float(low),
        "high": float(high),
    }
    return {"quantity": quantity, "arm": arm, "reference": reference, **numbers, "n_patients": n, "n_events": events}
