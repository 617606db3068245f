"""Fits beside each other, as far as likelihoods of the same rows can be compared."""

from typing import TYPE_CHECKING

from needling.desk.printed import Table
from needling.mixed.errors import MixedModelError

if TYPE_CHECKING:
    from needling.desk.fit import Fit


def compare(*fits: "Fit") -> Table:
    """Put fits of the same rows beside each other, by AIC and BIC.

    Parameters
    ----------
    fits : two or more of the desk, of the same outcome and rows.

    Returns
    -------
    A row for each: fixed, random, cluster, residual, method, status, rows, patients, parameters (that the criteria count: under
    REML those of the covariance), log_likelihood, aic, bic and d_aic, the difference from the smallest. Under REML the fixed
    effects must be the same.

    Raises
    ------
    MixedModelError : the fits cannot be compared; the sentence says why, and what to do.

    Example
    -------
    >>> nd.compare(fit, fit.update(random="1 + week", residual=None))
    """
    if len(fits) < 2:
        raise MixedModelError("There is nothing to compare: give two fits or more.")
    first = fits[0]
    response = first.formula.partition("~")[0].strip()
    for fit in fits[1:]:
        own = fit.formula.partition("~")[0].strip()
        if own != response or not _same_rows(first, fit, response):
            counts = f"{first.engine.n_observations} of '{response}', {fit.engine.n_observations} of '{own}'"
            raise MixedModelError(
                f"The fits are of different rows ({counts}), and likelihoods of different data do not compare; fit all to the "
                "complete rows of the largest model."
            )
        if fit.engine.method != first.engine.method:
            raise MixedModelError("One fit is REML and another ML; update(method=...) makes them alike.")
        if first.engine.method == "reml" and not _same_fixed(first, fit):
            raise MixedModelError(
                "The fits differ in their fixed effects, of which restricted likelihoods are likelihoods of different data; "
                "update(method='ml') each, and compare those."
            )
    rows = [
        {
            "fixed": fit.formula,
            "random": fit.engine.recipe["random"] or "none",
            "cluster": ", ".join(fit.engine.recipe["cluster"]) or "none",
            "residual": fit.engine.covariance_structure,
            "method": fit.engine.method,
            "status": fit.status,
            "rows": fit.engine.n_observations,
            "patients": fit.engine.n_subjects,
            "parameters": fit.engine._counted,
            "log_likelihood": fit.engine.log_likelihood,
            "aic": fit.engine.aic,
            "bic": fit.engine.bic,
        }
        for fit in fits
    ]
    table = Table(rows)
    return Table(table.assign(d_aic=table["aic"] - table["aic"].min()))


def _same_rows(one: "Fit", other: "Fit", response: str) -> bool:
    columns = [name for name in ("patient", "visit", "number", response) if name in one.data and name in other.data]
    a, b = (fit.data[columns].astype("str").sort_values(columns).to_numpy() for fit in (one, other))
    return a.shape == b.shape and bool((a == b).all())


def _same_fixed(one: "Fit", other: "Fit") -> bool:
    return set(one.terms(df="asymptotic")["term"]) == set(other.terms(df="asymptotic")["term"])
