"""Times to an event: Kaplan-Meier, restricted means, proportional hazards with their check, and events known at visits."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

FEWEST_CLINICS = 20  # from as many, the sandwich is by clinic


def kaplan_meier(time: "np.ndarray", event: "np.ndarray", level: float = 0.95) -> "pd.DataFrame":
    """Estimate the share without the event at each time at which somebody had it.

    Parameters
    ----------
    time : time of the event, or until when the patient was observed without it. At least one.
    event : 1 for an event, 0 for the end of observation.
    level : of the limits, which are symmetric on log(-log share) (Greenwood), kept between 0 and 1.

    Returns
    -------
    Rows time, n_at_risk (just before), n_events (then), estimate, low, high, from time 0; without events only time 0. Limits are
    missing where the share is 0 or 1.

    Computed by statsmodels; checked against R's survfit(conf.type = "log-log").

    Examples
    --------
    >>> import numpy as np
    >>> kaplan_meier(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1, 0, 1, 0]))["estimate"].round(3).tolist()
    [1.0, 0.75, 0.375]
    """
    import numpy as np
    import pandas as pd
    from scipy.special import ndtri
    from statsmodels.duration.survfunc import SurvfuncRight

    start = pd.DataFrame({"time": [0.0], "n_at_risk": [len(time)], "n_events": [0], "estimate": [1.0], "se": [0.0]})
    if not np.asarray(event).any():
        return start.drop(columns="se").assign(low=np.nan, high=np.nan)
    fit = SurvfuncRight(np.asarray(time, float), np.asarray(event, int))
    numbers = {"time": fit.surv_times, "n_at_risk": fit.n_risk, "n_events": fit.n_events}
    found = pd.DataFrame(numbers | {"estimate": fit.surv_prob, "se": fit.surv_prob_se})
    found = pd.concat([start, found[found["n_events"] > 0]], ignore_index=True)
    share, z = (
        found["estimate"].where(found["estimate"].between(0, 1, inclusive="neither")),
        float(ndtri((1 + level) / 2)),
    )
    reach = z * found["se"] / (share * np.abs(np.log(share)))
    centre = np.log(-np.log(share))
    low, high = np.exp(-np.exp(centre + reach)), np.exp(-np.exp(centre - reach))
    return found.drop(columns="se").assign(low=low, high=high)


def restricted_mean(time: "np.ndarray", event: "np.ndarray", horizon: float) -> tuple[float, float]:
    """Mean time without the event up to a horizon, and its standard error.

    The area under the Kaplan-Meier curve up to the horizon; variance: the sum over events of A^2 d / (n (n - d)), with A the area
    from the event to the horizon, d events and n at risk.

    Parameters
    ----------
    time, event : as in `kaplan_meier`.
    horizon : in the unit of time; somebody must have been observed as long, or have had the event, for the mean to be known.

    Checked against R's survfit(rmean = horizon).

    Examples
    --------
    >>> import numpy as np
    >>> restricted_mean(np.array([1.0, 2.0, 3.0]), np.array([1, 1, 1]), 3.0)[0]
    2.0
    """
    import numpy as np

    curve = kaplan_meier(time, event)
    curve = curve[curve["time"] < horizon]
    ends = np.append(curve["time"].to_numpy(float), horizon)
    pieces = np.diff(ends) * curve["estimate"].to_numpy(float)
    after = pieces[::-1].cumsum()[::-1]  # area from each time to the horizon
    d, n = curve["n_events"].to_numpy(float), curve["n_at_risk"].to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(after > 0, after**2 * d / (n * (n - d)), 0.0)
    return float(pieces.sum()), float(np.sqrt(parts.sum()))


def known_until(time: "np.ndarray", event: "np.ndarray", horizon: float) -> bool:
    """Tell whether a curve is known up to a horizon: somebody was observed as long, or all had the event before.

    Parameters
    ----------
    time, event : as in `kaplan_meier`.
    horizon : in the unit of time.

    Examples
    --------
    >>> import numpy as np
    >>> [known_until(np.array([1.0, 2.0]), np.array([0, last]), 3.0) for last in (0, 1)]
    [False, True]
    """
    longest = time.max()
    return bool(longest >= horizon or event[time == longest].all())


def proportional_hazards(
    time: "np.ndarray", event: "np.ndarray", X: "pd.DataFrame", groups: "np.ndarray"
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Fit a Cox regression with a variance robust by group, and test each column for proportionality.

    Partial likelihood with Breslow's ties (for which the robust variance of statsmodels is that of Lin and Wei). The check is
    Grambsch and Therneau's: the scaled Schoenfeld residuals against the rank of time, chi-squared with one df.

    Parameters
    ----------
    time, event : as in `kaplan_meier`.
    X : numeric columns that are not constant, one row per patient.
    groups : a code for each patient: of the clinic, or the patient's own.

    Returns
    -------
    Coefficients (log hazard ratio, se), and checks (statistic, p), each with the columns of X as index.

    Sources: Lin, Wei 1989, JASA 84:1074-1078; Grambsch, Therneau 1994, Biometrika 81:515-526. Computed by statsmodels; checked
    against R's coxph(cluster = ...) and the formula of the check from R's residuals.

    Example
    -------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> needling = np.repeat([0.0, 1.0], 200)
    >>> time = rng.exponential(np.exp(-np.log(2) * needling))  # the hazard doubles
    >>> coefficients, checks = proportional_hazards(time, np.ones(400), pd.DataFrame({"needling": needling}),
    ...     np.arange(400))
    >>> coefficients.round(2).to_dict("index")
    {'needling': {'estimate': 0.84, 'se': 0.1}}
    """
    import numpy as np
    import pandas as pd
    from scipy.special import chdtrc
    from scipy.stats import rankdata
    from statsmodels.duration.hazard_regression import PHReg

    # Who was gone before the first event was at risk of none; statsmodels' robust variance would be missing for them.
    time, event = np.asarray(time, float), np.asarray(event)
    at_risk = time >= time[event == 1].min()
    time, event, X, groups = time[at_risk], event[at_risk], X[at_risk], np.asarray(groups)[at_risk]
    model = PHReg(time, X.to_numpy(float), status=event, ties="breslow")
    plain, robust = model.fit(), model.fit(groups=pd.factorize(groups)[0])
    coefficients = pd.DataFrame({"estimate": robust.params, "se": robust.bse}, index=X.columns)
    residuals = np.asarray(plain.schoenfeld_residuals, float)
    happened = ~np.isnan(residuals).any(axis=1) & (event == 1)
    rank = rankdata(time[happened])
    rank = rank - rank.mean()
    V, events = np.asarray(plain.cov_params()), int(happened.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = (rank @ residuals[happened] @ V * events) ** 2 / (np.diag(V) * events * (rank**2).sum())
    return coefficients, pd.DataFrame({"statistic": statistic, "p": chdtrc(1, statistic)}, index=X.columns)


def hazards_at_visits(periods: "pd.DataFrame", columns: list[str], groups: "np.ndarray") -> "pd.DataFrame":
    """Compare hazards of an event that is known only at visits: complementary log-log regression, robust by group.

    log(-log(1 - h)) = visit + columns, h the chance of the event between two visits without one before. Its coefficients are those
    of proportional hazards in between (Prentice and Gloeckler 1978, Biometrics 34:57-67).

    Parameters
    ----------
    periods : one row per patient and visit until the event or the last visit seen: visit (0, 1, ...), event (0 or 1), and
    `columns`. columns : numeric columns that are not constant.
    groups : a code for each row: of the clinic, or the patient's own.

    Returns
    -------
    Log hazard ratio (estimate) and se by column. Visits at which nobody, or everybody, had the event are left out, since they have
    no finite hazard and tell nothing of the ratio, or too much.

    Computed by statsmodels; checked against R's glm(binomial("cloglog")) and the sandwich by patient.

    Example
    -------
    >>> import numpy as np, pandas as pd
    >>> arms = pd.DataFrame({"visit": 0, "event": np.repeat([0, 1, 0, 1], [30, 20, 20, 30]),
    ...     "needling": np.repeat([0.0, 1.0], 50)})
    >>> found = hazards_at_visits(arms, ["needling"], np.arange(100))
    >>> round(float(found.loc["needling", "estimate"]), 4)  # log(-log(0.4)) - log(-log(0.6))
    0.5843
    """
    import numpy as np
    import pandas as pd
    import statsmodels.api as sm

    share = periods.groupby("visit")["event"].transform("mean")
    kept = ((share > 0) & (share < 1)).to_numpy()
    rows = periods[kept]
    visits = pd.get_dummies(rows["visit"], dtype=float)
    X = np.column_stack([visits.to_numpy(), rows[columns].to_numpy(float)])
    family = sm.families.Binomial(link=sm.families.links.CLogLog())
    codes = pd.factorize(np.asarray(groups)[kept])[0]
    fit = sm.GLM(rows["event"].to_numpy(float), X, family=family)
    fit = fit.fit(cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False}, tol=1e-10, maxiter=200)
    k = len(columns)
    return pd.DataFrame({"estimate": fit.params[-k:], "se": fit.bse[-k:]}, index=columns)
