"""The plan: a study file with every kind of analysis known, and one error rate for the tests of a family."""

from pathlib import Path
from typing import TYPE_CHECKING

from needling.analysis.kinds import settings_of_kinds
from needling.schema import RESULTS, check
from needling.study.file import read_study, schema
from needling.study.plan import Study

if TYPE_CHECKING:
    import pandas as pd

STATSMODELS_NAME = {"holm": "holm", "hochberg": "simes-hochberg", "bonferroni": "bonferroni"}
# What a family adjusts: one test for each comparison, so that a ratio beside its difference does not count twice.
TESTED = ("difference", "change", "trend", "risk_difference", "rate_ratio", "hazard_ratio")


def load_study(path: str | Path) -> Study:
    """Read and check a study file, the settings of its analyses included.

    Parameters
    ----------
    path : path of the YAML file; its name without .yaml must be the study's name.

    Raises
    ------
    StudyError : one sentence that names the file, the line and the mend, where YAML, a key or a value is wrong.
    """
    return read_study(path, settings_of_kinds())


def study_schema() -> dict[str, object]:
    """Return the JSON schema of the study file, for editors."""
    return schema(settings_of_kinds())


def adjust(results: "pd.DataFrame", study: Study) -> "pd.DataFrame":
    """Adjust the P values of the comparisons at the primary visit within each family.

    A family holds, over all analyses that name it, every comparison of arms at the primary visit (each cohort and outcome).
    One that could not be estimated counts in the family's size: it was planned, so it spends error. Intervals
    stay unadjusted, and the report says so.

    Parameters
    ----------
    results : rows of all analyses (contract RESULTS).
    study : sections analyses, families, visits.

    Returns
    -------
    The same rows with family and p_adjusted filled for the members of a family.

    Methods by statsmodels' multipletests: Holm, Hochberg (assumes non-negative dependence), Bonferroni.
    """
    import pandas as pd

    results = results.reset_index(drop=True)
    family_of = results["analysis"].map({name: a.family or "" for name, a in study.analyses.items()})
    is_comparison = results["reference"].ne("") | results["quantity"].eq("trend")
    planned = (
        results["variant"].ne("per_protocol")
        & results["quantity"].isin(TESTED)
        & is_comparison
        & results["visit"].isin(["", study.visits.primary])
    )
    for name, family in study.families.items():
        members = results.index[planned & (family_of == name)]
        if family.method == "none" or len(members) == 0:
            continue
        from statsmodels.stats.multitest import multipletests

        p = results.loc[members, "p"]
        adjusted = multipletests(p.fillna(1.0), alpha=family.level, method=STATSMODELS_NAME[family.method])[1]
        results.loc[members, "p_adjusted"] = pd.Series(adjusted, index=members).where(p.notna())
        results.loc[members, "family"] = name
    return check(results, RESULTS, "results")
