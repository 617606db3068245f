"""Released results as analysis results data: one number per row, in the columns of R's cards."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

GROUPS = ["analysis", "variant", "cohort", "subset", "visit", "at", "arm", "reference"]
# column of the results -> name and label of the number, as cards and broom have them
STATISTICS = {
    "estimate": ("estimate", "Estimate"),
    "se": ("std.error", "Standard error"),
    "df": ("parameter", "Degrees of freedom"),
    "statistic": ("statistic", "Statistic"),
    "p": ("p.value", "p-value"),
    "low": ("conf.low", "CI lower bound"),
    "high": ("conf.high", "CI upper bound"),
    "level": ("conf.level", "CI confidence level"),
    "p_adjusted": ("p.value.adjusted", "Adjusted p-value"),
    "low_adjusted": ("conf.low.adjusted", "Adjusted CI lower bound"),
    "high_adjusted": ("conf.high.adjusted", "Adjusted CI upper bound"),
    "margin": ("margin", "Margin"),
    "mcse": ("mcse", "Monte Carlo standard error"),
    "n_patients": ("N", "Patients"),
    "n_observations": ("N_obs", "Observations"),
    "n_events": ("n", "Patients with the event"),
}
FAILED = ["failed", "not_estimated"]


def ard(results: "pd.DataFrame") -> "pd.DataFrame":
    """Write released results in the long form of CDISC's analysis results data.

    Parameters
    ----------
    results : released results (contract RELEASED['results']).

    Returns
    -------
    One row per number, in the order of the results: group1, group1_level ... (analysis, variant, cohort, subset, visit, at, arm,
    reference; the level is empty where a result has none), variable (outcome), variable_level (term), context (kind and quantity),
    stat_name, stat_label, stat, warning (the reason where a number is not shown, or a fit that is singular or not of full rank),
    error (the status of a fit that failed), row_id. A result without an estimate keeps an empty row for it.

    Example
    -------
    >>> ard(released["results"]).query("stat_name == 'estimate'")
    """
    import pandas as pd

    parts = []
    for column, (name, label) in STATISTICS.items():
        rows = results[results[column].notna() | (column == "estimate")]
        part: dict[str, Any] = {}
        for number, group in enumerate(GROUPS, start=1):
            part[f"group{number}"] = group
            part[f"group{number}_level"] = rows[group].fillna("")
        part |= {"variable": rows["outcome"], "variable_level": rows["term"].fillna("")}
        part |= {"context": rows["kind"] + ":" + rows["quantity"], "stat_name": name, "stat_label": label}
        part |= {"stat": rows[column].astype("float64"), "warning": _warning(rows), "error": _error(rows)}
        parts.append(pd.DataFrame(part | {"row_id": rows["row_id"]}, index=rows.index))
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)


def _warning(rows: "pd.DataFrame") -> "pd.Series":
    said = rows["status"].where(~rows["status"].isin(["converged", *FAILED]), "")
    return said.mask(rows["hidden"] != "", "not shown: " + rows["hidden"])


def _error(rows: "pd.DataFrame") -> "pd.Series":
    return rows["status"].where(rows["status"].isin(FAILED), "")
