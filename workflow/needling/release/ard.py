"""The released results as analysis results data (CDISC's ARD): one row per statistic, in the long form of R's cards."""

from typing import TYPE_CHECKING

from needling.schema import COUNTS, NUMBERS

if TYPE_CHECKING:
    import pandas as pd

GROUPS = ("cohort", "arm", "visit")
STATISTICS = {
    "estimate": "Estimate",
    "se": "Standard error",
    "df": "Degrees of freedom",
    "statistic": "Statistic",
    "p": "P value",
    "low": "CI lower limit",
    "high": "CI upper limit",
    "level": "CI level",
    "p_adjusted": "Adjusted P value",
    "low_adjusted": "Adjusted CI lower limit",
    "high_adjusted": "Adjusted CI upper limit",
    "mcse": "Monte Carlo error",
    "margin": "Margin",
    "n_patients": "Patients",
    "n_observations": "Observations",
    "n_events": "Events",
    "n_clinics": "Clinics",
    "n_therapists": "Therapists",
}


def ard(results: "pd.DataFrame") -> "pd.DataFrame":
    """Write results in the long form.

    Parameters
    ----------
    results : released results (contract RESULTS with `hidden`).

    Returns
    -------
    One row per statistic that a result has: row_id, group1, group1_level, ... (cohort, arm, visit), variable (the outcome), context (the
    kind), quantity, reference, term, stat_name, stat_label, stat, warning (the fit's status where it did not converge), error
    (why there is no number).
    """
    import pandas as pd

    keys = [
        "row_id",
        "analysis",
        "kind",
        "outcome",
        "quantity",
        "reference",
        "term",
        "status",
        "note",
        "hidden",
        *GROUPS,
    ]
    names = [name for name in STATISTICS if name in {*NUMBERS, *COUNTS, "level", "margin"}]
    wide = results[keys].copy()
    for name in names:
        wide[name] = results[name].astype("Float64").astype(float)
    long = wide.reset_index().melt(["index", *keys], names, "stat_name", "stat")
    told = long["stat"].notna() | (
        (long["stat_name"] == "estimate") & long["hidden"].ne("") | long["status"].eq("not_estimated")
    )
    long = long[told & (long["stat"].notna() | (long["stat_name"] == "estimate"))]
    place = {name: i for i, name in enumerate(names)}
    long = long.assign(_at=long["stat_name"].map(place)).sort_values(["index", "_at"], kind="stable")
    is_odd = ~long["status"].isin(["converged", "not_estimated"])
    made = {"row_id": long["row_id"], "analysis": long["analysis"]}
    for i, group in enumerate(GROUPS, 1):
        made |= {f"group{i}": group, f"group{i}_level": long[group]}
    made |= {
        "variable": long["outcome"],
        "context": long["kind"],
        "quantity": long["quantity"],
        "reference": long["reference"],
        "term": long["term"],
        "stat_name": long["stat_name"],
        "stat_label": long["stat_name"].map(STATISTICS),
        "stat": long["stat"],
        "warning": long["status"].where(is_odd, ""),
        "error": long["hidden"].where(long["hidden"] != "", long["note"].where(long["status"] == "not_estimated", "")),
    }
    return pd.DataFrame(made).reset_index(drop=True)
