"""The plan: a study file with every kind of analysis known, and one error rate for the tests of a family."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from needling.analysis.kinds import settings_of_kinds
from needling.schema.contract import check
from needling.schema.results import RESULTS
from needling.study.families import Family, Hypothesis
from needling.study.file import read_study, schema
from needling.study.keys import StudyError
from needling.study.plan import Study

if TYPE_CHECKING:
    import pandas as pd

# What a family adjusts: one test for each comparison, so that a ratio beside its difference does not count twice.
TESTED = ("difference", "change", "trend", "risk_difference", "rate_ratio", "hazard_ratio", "moderation")


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
    One that could not be estimated counts in the family's size: it was planned, so it spends error. Where a family has no
    comparison at the primary visit, those of its analyses at their only visit are its members.

    Parameters
    ----------
    results : rows of all analyses (contract RESULTS).
    study : sections analyses, families, visits.

    Returns
    -------
    The same rows with family and p_adjusted filled for the members of a family, and with low_adjusted and high_adjusted where
    intervals exist that exclude no difference just when the adjusted P is below the level: of Bonferroni (level 1 - level / m);
    of Holm, sequences, fallback and graphs (`needling.analysis.graph.intervals`) where all rejections favour the arm that is
    compared, or all its reference, and the frameworks are superiority. A limit that is missing beside another is none: infinite.

    Raises
    ------
    StudyError : a hypothesis of a graph fits no comparison or several, or a comparison no hypothesis.

    Holm, Hochberg (assumes non-negative dependence) and Bonferroni by `needling.analysis.graph.stepwise`; sequences, fallback
    and graphs by `needling.analysis.graph.test`.
    """
    results = results.reset_index(drop=True)
    family_of = results["analysis"].map({name: a.family or "" for name, a in study.analyses.items()})
    is_comparison = results["reference"].ne("") | results["quantity"].eq("trend")
    planned = (
        results["quantity"].isin(TESTED)
        & is_comparison
        & ~results["variant"].isin(["change_score", "per_protocol", "unweighted"])
    )
    at_primary = results["visit"].isin(["", study.visits.primary])
    for name, family in study.families.items():
        mine = planned & (family_of == name)
        where = mine & at_primary
        members = results.index[where if where.any() else mine & _only_visit(results, mine)]
        if family.method == "none" or len(members) == 0:
            continue
        rows = results.loc[members]
        results.loc[members, "p_adjusted"] = _adjusted(rows, family, name)
        results.loc[members, "family"] = name
        if family.method == "bonferroni":
            results.loc[members, ["low_adjusted", "high_adjusted"]] = _simultaneous(rows, family.level / len(rows))
        elif family.method != "hochberg" and rows["framework"].isin(["", "superiority"]).all():
            results.loc[members, ["low_adjusted", "high_adjusted"]] = _compatible(rows, family, name)
    return check(results, RESULTS, "results")


def _only_visit(results: "pd.DataFrame", mine: "pd.Series") -> "pd.Series":
    """Rows of analyses that compare arms at one visit."""
    visits = results[mine].groupby("analysis")["visit"].nunique()
    return results["analysis"].isin(visits.index[visits == 1])


def _adjusted(rows: "pd.DataFrame", family: Family, name: str) -> "pd.Series":
    """Adjusted P of the members of a family."""
    import pandas as pd

    from needling.analysis.graph import stepwise, test

    if not family.hypotheses:
        adjusted = stepwise(rows["p"].fillna(1.0).tolist(), family.method)
        return pd.Series(adjusted, index=rows.index).where(rows["p"].notna())
    members = _members(rows, family, name)
    left = rows.index.difference(list(members.values()))
    if len(left) or len(set(members.values())) < len(members):
        told = rows.loc[left, ["analysis", "cohort", "outcome", "arm", "variant"]].agg("/".join, axis=1).tolist()
        raise StudyError(
            f"families.{name}: each comparison is one hypothesis; "
            + (f"without one: {', '.join(told)}." if told else "two hypotheses name the same.")
        )
    p = rows["p"].reindex(list(members.values())).tolist()
    adjusted = test(p, *_graph(family), family.level)[1]
    return pd.Series(adjusted, index=list(members.values())).reindex(rows.index)


def _members(rows: "pd.DataFrame", family: Family, name: str) -> dict[str, Any]:
    """The row of each hypothesis, in their order."""
    return {
        label: _member(rows, one, f"families.{name}.hypotheses.{label}") for label, one in family.hypotheses.items()
    }


def _graph(family: Family) -> tuple[list[float], list[list[float]]]:
    """Weights and transitions of a family that names its hypotheses."""
    names = list(family.hypotheses)
    return [family.starts[a] for a in names], [[family.arrows[a].get(b, 0.0) for b in names] for a in names]


def _compatible(rows: "pd.DataFrame", family: Family, name: str) -> "pd.DataFrame":
    """Intervals that go with the adjusted P; missing where there are none, and a limit where it is infinite."""
    import numpy as np
    import pandas as pd

    from needling.analysis.graph import holm, intervals

    order = list(_members(rows, family, name).values()) if family.hypotheses else list(rows.index)
    weights, arrows = _graph(family) if family.hypotheses else (one.tolist() for one in holm(len(order)))
    mine = rows.loc[order]
    middle, is_ratio = _on_scale(mine)
    turned = np.where(mine["better"] == "lower", -1.0, 1.0)
    found = intervals(
        (turned * middle).tolist(), mine["se"].tolist(), mine["df"].tolist(), weights, arrows, family.level
    )
    ends = np.sort(turned[:, None] * np.column_stack(found), axis=1)
    ends = np.where(np.isfinite(ends), ends, np.nan)
    ends = np.where(is_ratio.to_numpy()[:, None], np.exp(ends), ends)
    return pd.DataFrame(ends, index=order, columns=["low_adjusted", "high_adjusted"]).reindex(rows.index)


def _on_scale(rows: "pd.DataFrame") -> "tuple[pd.Series, pd.Series]":
    """Estimates on the scale of their standard error, the logarithm for a ratio; and which are ratios."""
    import numpy as np

    is_ratio = rows["quantity"].str.endswith("_ratio")
    return np.log(rows["estimate"].where(is_ratio, 1.0)).where(is_ratio, rows["estimate"]), is_ratio


def _member(rows: "pd.DataFrame", one: Hypothesis, place: str) -> Any:
    """The row that a hypothesis names."""
    found = rows.index
    for column, value in one.model_dump(exclude_none=True).items():
        found = found[(rows.loc[found, column] == value).to_numpy()]
    if len(found) != 1:
        raise StudyError(
            f"{place}: it fits {len(found)} comparisons of the family, not one; name cohort, outcome, arm or analysis."
        )
    return found[0]


def _simultaneous(rows: "pd.DataFrame", alpha: float) -> "pd.DataFrame":
    """Limits of level 1 - alpha, from the standard error (of the logarithm for a ratio) and its degrees of freedom."""
    import numpy as np
    import pandas as pd
    from scipy.special import stdtrit

    middle, is_ratio = _on_scale(rows)
    reach = stdtrit(rows["df"].fillna(np.inf).clip(upper=1e9), 1 - alpha / 2) * rows["se"]
    limits = pd.DataFrame({"low_adjusted": middle - reach, "high_adjusted": middle + reach}, index=rows.index)
    limits.loc[is_ratio] = np.exp(limits[is_ratio])
    return limits.where(rows["framework"].isin(["", "superiority"]))
