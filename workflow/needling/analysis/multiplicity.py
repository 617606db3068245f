"""One error rate for the contrasts of a family."""

import pandas as pd

from needling.schema import RESULTS, check
from needling.study.plan import Study

STATSMODELS_NAME = {"holm": "holm", "hochberg": "simes-hochberg", "bonferroni": "bonferroni"}


def adjust(results: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Adjust the p values of the effects at the primary visit within each family.

    A family holds, over all analyses that name it, every effect at the primary visit (each cohort, outcome and arm).
    A contrast that could not be estimated counts in the family's size: it was planned, so it spends error. Intervals
    stay unadjusted, and the report says so.

    Parameters
    ----------
    results : rows of all analyses (contract RESULTS).
    study : sections analyses, families, visits.

    Returns
    -------
    The same rows with p_adjusted filled for the members of a family.

    Methods by statsmodels' multipletests: Holm, Hochberg (assumes non-negative dependence), Bonferroni.
    """
    from statsmodels.stats.multitest import multipletests

    results = results.reset_index(drop=True)
    family_of = results["analysis"].map({name: a.family for name, a in study.analyses.items()})
    planned = (results["term"] == "effect") & (results["visit"] == study.visits.primary)
    for name, family in study.families.items():
        members = results.index[planned & (family_of == name)]
        if family.method == "none" or len(members) == 0:
            continue
        p = results.loc[members, "p"]
        adjusted = multipletests(p.fillna(1.0), alpha=family.level, method=STATSMODELS_NAME[family.method])[1]
        results.loc[members, "p_adjusted"] = pd.Series(adjusted, index=members).where(p.notna())
    return check(results, RESULTS, "results")
