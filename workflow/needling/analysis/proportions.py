"""Shares of people and of sessions with an event, their differences and ratios, with intervals that hold for few events."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

Number = dict[str, float | str]

# A robust variance is a sum over the patients who make it: with fewer with an event, or without one, it is too small too often.
FEWEST_PATIENTS = 10


def exact_share(events: int, n: int, level: float = 0.95) -> Number:
    """Estimate a share with its exact interval (Clopper-Pearson); of no event at all, its one-sided upper limit.

    Two-sided: low and high are the shares at which as few, or as many, events would be seen with probability (1 - level) / 2.
    With no event there is nothing to be missed below, so that all of 1 - level goes above: high = 1 - (1 - level)^(1 / n);
    with nothing but events it goes below. So a limit that is one-sided fails in at most 1 - level, and the others in half
    of that on either side: over all outcomes the truth lies within in at least 1 - 1.5 (1 - level), 92.5 % of 95 %.

    Parameters
    ----------
    events : how many of n, 0 to n.
    n : people, or sessions that are taken as independent.
    level : of the interval.

    Returns
    -------
    estimate, low, high (shares, 0-1) and method: clopper_pearson, or clopper_pearson_one_sided; without anybody all are missing.

    Raises
    ------
    ValueError : fewer than 0 events, or more than n.

    Source: Clopper and Pearson 1934, Biometrika 26:404-413. Checked against R's binom.test and the published limits of Brady 2014
    and Boyce 2020.

    Examples
    --------
    >>> {name: round(100 * exact_share(20, 20494)[name], 4) for name in ("low", "high")}
    {'low': 0.0596, 'high': 0.1507}
    >>> round(100 * exact_share(0, 7629)["high"], 4)
    0.0393
    """
    import numpy as np
    from statsmodels.stats.proportion import proportion_confint

    if not 0 <= events <= n:
        raise ValueError(f"{events} of {n}: events are from 0 to the number of those who could have one")
    if n == 0:
        return {"estimate": np.nan, "low": np.nan, "high": np.nan, "method": "clopper_pearson"}
    one_sided = events in (0, n)
    low, high = proportion_confint(events, n, alpha=(1 - level) * (2 if one_sided else 1), method="beta")
    method = "clopper_pearson_one_sided" if one_sided else "clopper_pearson"
    return {"estimate": events / n, "low": float(low), "high": float(high), "method": method}


def score_share(shares: "Sequence[float] | np.ndarray", n: int, level: float = 0.95) -> Number:
    """Estimate a share from completed data sets, with Wilson's interval widened by how far they differ.

    With p the mean of the m shares, B their variance and U the mean of p_k (1 - p_k) / n, r = (1 + 1/m) B / U and
    t = Student's t with (m - 1) (1 + 1/r)^2 df, the limits are the roots of (p - x)^2 = t^2 (1 + r) x (1 - x) / n. Where nothing
    was imputed r is 0 and they are Wilson's.

    Parameters
    ----------
    shares : the share (0-1) in each of m completed data sets; one where nobody is missing.
    n : people in each of them, at least 1.
    level : of the interval.

    Returns
    -------
    estimate (the mean), low, high (0-1), df (infinite where the shares are the same) and method wilson_score.

    Source: Wilson 1927; Lott and Reiter 2020, American Statistician 74:109-115. Checked against the roots found by R's uniroot, the
    formula of R's package MIWilson 1.0 (at the same t), and how often it holds a known share.

    Examples
    --------
    >>> {name: round(value, 4) for name, value in score_share([0.2, 0.23, 0.25], 100).items() if name != "method"}
    {'estimate': 0.2267, 'low': 0.1386, 'high': 0.3481, 'df': 18.8595}
    """
    import numpy as np
    from scipy.stats import t

    p = np.asarray(shares, float)
    m, mean = len(p), float(p.mean())
    between, within = float(p.var(ddof=1)) if m > 1 else 0.0, float((p * (1 - p)).mean()) / n
    more = (1 + 1 / m) * between / within if between > 0 else 0.0
    df = (m - 1) * (1 + 1 / more) ** 2 if more else np.inf
    a = float(t.ppf((1 + level) / 2, df)) ** 2 * (1 + more) / n
    reach = float(np.sqrt(a * (mean * (1 - mean) + a / 4)))
    low, high = ((mean + a / 2 + side * reach) / (1 + a) for side in (-1, 1))
    # Nobody or everybody in all data sets: the limit is exactly 0 or 1, and not a rounding beside it.
    ends = {"low": low if mean > 0 else 0.0, "high": high if mean < 1 else 1.0}
    return {"estimate": mean, **ends, "df": float(df), "method": "wilson_score"}


def risk_difference(events: int, n: int, reference_events: int, reference_n: int, level: float = 0.95) -> Number:
    """Compare the shares of two arms: their difference with Newcombe's interval from the two score intervals.

    low = d - sqrt((p - l)^2 + (u0 - p0)^2), high = d + sqrt((u - p)^2 + (p0 - l0)^2), d = p - p0, with (l, u) Wilson's
    score interval of each arm. It never leaves -1 to 1 and has a width where no arm has an event.

    Parameters
    ----------
    events, n : people with an event and all of an arm.
    reference_events, reference_n : the same of the arm that it is compared with.
    level : of the interval.

    Returns
    -------
    estimate (arm minus reference, -1 to 1), low, high and method newcombe_score; without anybody in an arm all are missing.

    Source: Newcombe 1998, Statistics in Medicine 17:873-890, method 10. Checked against that paper's table II.

    Examples
    --------
    >>> {name: round(value, 4) for name, value in risk_difference(56, 70, 48, 80).items() if name != "method"}
    {'estimate': 0.2, 'low': 0.0524, 'high': 0.3339}
    """
    import warnings

    import numpy as np
    from statsmodels.stats.proportion import confint_proportions_2indep

    if n == 0 or reference_n == 0:
        return {"estimate": np.nan, "low": np.nan, "high": np.nan, "method": "newcombe_score"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a ratio that it makes too, 0 / 0 where there is no event
        low, high = confint_proportions_2indep(
            events, n, reference_events, reference_n, compare="diff", method="newcomb", alpha=1 - level
        )
    estimate = events / n - reference_events / reference_n
    return {"estimate": estimate, "low": float(low), "high": float(high), "method": "newcombe_score"}


def session_rate(events: "Sequence[int]", sessions: "Sequence[int]", level: float = 0.95) -> Number:
    """Estimate the share of sessions with an event, with an interval that allows for patients who have more of them than others.

    The rate is all sessions with an event over all sessions. Its variance is the sandwich by patient,
    G / (G - 1) sum((y_i - rate s_i)^2) / (sum s_i)^2; the interval is made on the logit with Student's t, G - 1 df. With fewer than
    `FEWEST_PATIENTS` patients with an event, or with a session without one, it is the exact one of `exact_share`, which takes
    sessions as independent.

    Parameters
    ----------
    events : sessions with the event, one number per patient (G patients).
    sessions : sessions of the same patients; those without a session say nothing and are left out.
    level : of the interval.

    Returns
    -------
    estimate (share of sessions, 0-1), se (missing where exact), df, low, high, method: robust_by_patient or that of `exact_share`.

    Source: Liang and Zeger 1986, Biometrika 73:13-22 (working independence). Checked against the formula above, and its coverage
    by simulation.

    Examples
    --------
    >>> session_rate([0, 0, 1], [6, 5, 6])["method"]
    'clopper_pearson'
    """
    import numpy as np
    import statsmodels.api as sm

    y, s = _counted(events, sessions)
    if min(int((y > 0).sum()), int((y < s).sum())) < FEWEST_PATIENTS:
        return exact_share(int(y.sum()), int(s.sum()), level) | {"se": np.nan, "df": np.nan}
    binomial = sm.GLM(np.column_stack([y, s - y]), np.ones((len(y), 1)), family=sm.families.Binomial())
    fit = binomial.fit(cov_type="cluster", cov_kwds={"groups": np.arange(len(y))}, use_t=True)
    low, high = 1 / (1 + np.exp(-fit.conf_int(1 - level)[0]))
    rate = float(y.sum() / s.sum())
    numbers = {"se": float(fit.bse[0]) * rate * (1 - rate), "df": float(len(y) - 1)}
    return {"estimate": rate, **numbers, "low": float(low), "high": float(high), "method": "robust_by_patient"}


def rate_ratio(
    events: "Sequence[int]",
    sessions: "Sequence[int]",
    reference_events: "Sequence[int]",
    reference_sessions: "Sequence[int]",
    level: float = 0.95,
) -> Number | None:
    """Compare the shares of sessions with an event in two arms: their ratio, robust by patient.

    Poisson regression of the sessions with an event on the arm with the logarithm of the sessions as offset, sandwich by patient,
    Student's t with G - 1 df on the logarithm (G patients of both arms).

    Parameters
    ----------
    events, sessions : sessions with the event and all sessions, one number per patient of an arm.
    reference_events, reference_sessions : the same of the arm that it is compared with.
    level : of the interval.

    Returns
    -------
    estimate (ratio, above 1 where the arm has more), df, low, high and method poisson_robust_by_patient; None where an arm has
    fewer than `FEWEST_PATIENTS` patients with an event, since the interval would be too short and the ratio may be without end.

    Source: Zou 2004, American Journal of Epidemiology 159:702-706; Liang and Zeger 1986. Checked against the closed form of the
    variance, and its coverage by simulation.

    Example
    -------
    >>> found = rate_ratio([1, 2] * 15, [6] * 30, [1, 0] * 15, [6] * 30)  # 45 of 180 sessions against 15
    >>> round(found["estimate"], 6), found["df"]
    (3.0, 59.0)
    """
    import numpy as np
    import statsmodels.api as sm

    (y, s), (y0, s0) = _counted(events, sessions), _counted(reference_events, reference_sessions)
    if min(int((y > 0).sum()), int((y0 > 0).sum())) < FEWEST_PATIENTS:
        return None
    arm = np.repeat([1.0, 0.0], [len(y), len(y0)])
    offset = np.log(np.concatenate([s, s0]))
    poisson = sm.GLM(np.concatenate([y, y0]), sm.add_constant(arm), family=sm.families.Poisson(), offset=offset)
    fit = poisson.fit(cov_type="cluster", cov_kwds={"groups": np.arange(len(arm))}, use_t=True)
    low, high = np.exp(fit.conf_int(1 - level)[1])
    numbers = {
        "estimate": float(np.exp(fit.params[1])),
        "df": float(len(arm) - 1),
        "low": float(low),
        "high": float(high),
    }
    return {**numbers, "method": "poisson_robust_by_patient"}


def _counted(events: "Sequence[int]", sessions: "Sequence[int]"):
    """The numbers of the patients who had a session, as arrays; refuse what cannot be."""
    import numpy as np

    y, s = np.asarray(events, float), np.asarray(sessions, float)
    if y.shape != s.shape or (y < 0).any() or (y > s).any():
        raise ValueError("each patient has from 0 sessions with an event to as many as there were sessions")
    return y[s > 0], s[s > 0]
