"""Results: contrasts with their intervals, by cohort and outcome; and every coefficient for the appendix."""

import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from needling.privacy.disclosure import HIDDEN, footnote, hides
from needling.privacy.release import release_results
from needling.tables.format import (
    MISSING,
    decimals,
    format_estimate,
    format_fixed,
    format_interval,
    format_p,
    format_power,
)
from needling.tables.printed import Printed, Row, headed
from needling.tables.words import (
    all_outcomes,
    contrast_label,
    in_sentence,
    listed,
    measure,
    positive_favours,
)

if TYPE_CHECKING:
    from needling.study.plan import Study

CONTRASTS = ["effect", "course", "slope", "interaction"]
NOUNS = {"randomised": "Effect", "cohort": "Adjusted difference", "single_arm": "Change from baseline"}
LONGITUDINAL = {"repeated_measures", "growth_curve"}
FAILED = {"failed": "the model could not be fitted", "not_estimated": "not estimated", "suppressed": "not shown"}


def primary(inputs: dict[str, pd.DataFrame], plan: "Study") -> Printed | None:
    """Print the primary contrasts: the primary analysis at the primary visit (every visit of a single arm)."""
    results = _released(inputs, plan)
    mine = results[results["analysis"] == plan.primary]
    if plan.design != "single_arm" and (mine["visit"] == plan.visits.primary).any():
        mine = mine[mine["visit"] == plan.visits.primary]
    return _contrasts(mine, plan, f"Primary result ({in_sentence(plan.analyses[plan.primary].label)}){_when(plan)}.")


def _when(plan: "Study") -> str:
    single = plan.design == "single_arm"
    return ": change from baseline at each visit" if single else f" at {in_sentence(plan.primary_label)}"


def visits(inputs: dict[str, pd.DataFrame], plan: "Study") -> Printed | None:
    """Print the primary analysis at the other visits."""
    results = _released(inputs, plan)
    mine = results[(results["analysis"] == plan.primary) & (results["visit"] != plan.visits.primary)]
    if plan.design == "single_arm" or not mine["term"].isin(CONTRASTS).any():
        return None
    others = mine.loc[mine["term"].isin(CONTRASTS), "visit"].dropna().unique()
    alone = len(others) == 1 and others[0] in plan.visits.schedule
    where = in_sentence(plan.visit_label(others[0])) if alone else "the other visits"
    return _contrasts(mine, plan, f"{plan.analyses[plan.primary].label} at {where}.")


def secondary(inputs: dict[str, pd.DataFrame], plan: "Study") -> Printed | None:
    """Print the contrasts of all other analyses."""
    results = _released(inputs, plan)
    mine = results[results["analysis"] != plan.primary]
    return _contrasts(mine, plan, "Results of the other analyses.", by_analysis=True)


def _released(inputs: dict[str, pd.DataFrame], plan: "Study") -> pd.DataFrame:
    return release_results(inputs["results"], inputs["flow"], plan.disclosure.min_cell)


def _contrasts(results: pd.DataFrame, plan: "Study", caption: str, by_analysis: bool = False) -> Printed | None:
    exact = _in_order(results[results["term"].isin([*CONTRASTS, "mean"])], plan)
    rows = exact[exact["term"].isin(CONTRASTS)]
    if rows.empty:
        return None
    arms = (plan.arms or [""]) if len(plan.arms) <= 2 else []
    means = exact[exact["term"] == "mean"].set_index(["analysis", "cohort", "outcome", "visit", "contrast"])
    means = means[~means.index.duplicated()]
    adjusted = bool(rows["p_adjusted"].notna().any())
    several = len(plan.cohorts) > 1 or by_analysis
    pairs = []
    begun = set()
    for row in rows.to_dict("records"):
        heading = _heading(row, plan, by_analysis) if several else ""
        key = (row["analysis"], row["cohort"], row["outcome"], row["visit"])
        start = (*key[:3], plan.visits.baseline, "")
        if row["term"] == "course" and start not in begun and start in means.index:
            begun.add(start)
            label = f"{plan.outcome_label(row['outcome'])}, {in_sentence(plan.visit_label(plan.visits.baseline))}"
            pairs.append(
                (
                    heading,
                    [label, _mean(means, start, row), MISSING, *[MISSING] * (1 + adjusted), row["n_patients_shown"]],
                )
            )
        texts = [_mean(means, (*key, arm), row) for arm in arms]
        shown = _contrast(row)
        ps = [format_p(row["p"], name=False), *([format_p(row["p_adjusted"], name=False)] if adjusted else [])]
        pairs.append((heading, [_label(row, plan, rows), *texts, shown, *ps, row["n_patients_shown"]]))
    level = 100 * float(rows["level"].iloc[0])
    head = ["Outcome", *(_mean_head(plan, arm) for arm in arms), f"{NOUNS[plan.design]} ({level:.0f}% CI)", "P"]
    head += [*(["Adjusted P"] if adjusted else []), "n"]
    fixed = [0.12] * len(arms) + [0.25, 0.08] + [0.1] * adjusted + [0.08]
    notes = _notes(rows, plan, bool(arms and plan.arms))
    return Printed(caption, exact, head, headed(pairs), notes, [1 - sum(fixed), *fixed])


def _in_order(results: pd.DataFrame, plan: "Study") -> pd.DataFrame:
    ranks = {
        "analysis": list(plan.analyses),
        "cohort": list(plan.cohorts),
        "outcome": all_outcomes(plan),
        "visit": list(plan.visits.schedule),
        "term": CONTRASTS,
    }
    keys = pd.DataFrame(
        {name: results[name].map({v: i for i, v in enumerate(order)}).fillna(99) for name, order in ranks.items()}
    )
    return results.loc[keys.sort_values(list(ranks), kind="stable").index].reset_index(drop=True)


def _heading(row: dict[Any, Any], plan: "Study", by_analysis: bool) -> str:
    cohort = plan.cohorts[row["cohort"]].label
    if not by_analysis:
        return cohort
    analysis = plan.analyses[row["analysis"]].label
    return (
        f"{analysis.rstrip('.')}{'' if analysis.endswith('?') else ':'} {cohort}" if len(plan.cohorts) > 1 else analysis
    )


def _label(row: dict[Any, Any], plan: "Study", rows: pd.DataFrame) -> str:
    label = plan.outcome_label(row["outcome"])
    if row["term"] == "course":
        return f"{label}, {in_sentence(plan.visit_label(str(row['contrast']).partition(' - ')[0]))}"
    parts = [label]
    if row["visit"] and rows["visit"].nunique() > 1:
        parts.append(in_sentence(plan.visit_label(row["visit"])))
    if row["term"] == "slope":
        parts.append("per week")
    if row["term"] == "interaction":
        parts.append(f"effect by {_covariate(plan, row['contrast'])}")
    elif row["term"] == "effect" and rows.loc[rows["term"] == "effect", "contrast"].nunique() > 1:
        parts.append(in_sentence(contrast_label(plan, row["contrast"])))
    return ", ".join(parts)


def _covariate(plan: "Study", name: str) -> str:
    if name == "baseline":
        return "baseline value, per unit"
    column = plan.patients.covariates.get(name)
    return in_sentence(column.label) if column and column.label else name.replace("_", " ")


def _mean_head(plan: "Study", arm: str) -> str:
    return plan.arm_label(arm) if arm else "Mean"


def _mean(means: pd.DataFrame, key: Any, row: dict[Any, Any]) -> str:
    if row["term"] not in ("effect", "course") or key not in means.index:
        return MISSING
    mean = means.loc[key]
    if mean["status"] == "suppressed":
        return HIDDEN
    low, high = (row["low"], row["high"]) if pd.notna(row["estimate"]) else (mean["low"], mean["high"])
    digits = decimals(low, high)
    return format_fixed(mean["estimate"], digits)


def _contrast(row: dict[Any, Any]) -> str:
    if pd.isna(row["estimate"]):
        return FAILED.get(row["status"], MISSING) if pd.isna(row["p"]) else "test only"
    return f"{format_estimate(row['estimate'], row['low'], row['high'])} ({format_interval(row['low'], row['high'])})"


def _notes(rows: pd.DataFrame, plan: "Study", means: bool) -> list[str]:
    notes = ["Under each arm: its marginal mean."] if means else []
    if (rows["term"] == "course").any():
        notes.append("Mean: marginal mean at the visit.")
    notes += _model_patients(rows, plan)
    if rows["p_adjusted"].notna().any():
        families = dict.fromkeys(
            str(plan.analyses[one].family) for one in rows.loc[rows["p_adjusted"].notna(), "analysis"]
        )
        methods = listed([plan.families[family].method.capitalize() for family in families])
        notes.append(f"Adjusted P: {methods}, over the primary contrasts; confidence intervals are not adjusted.")
    notes += [f"{scale}." for scale in _scales(rows, plan)]
    odd = rows[rows["note"].fillna("").ne("") & ~rows["status"].isin(["converged"])]
    for note, where in odd.groupby("note", sort=False):
        names = [
            f"{in_sentence(plan.outcome_label(o))} ({in_sentence(plan.cohorts[c].label)})" for c, o in _pairs(where)
        ]
        notes.append(f"{listed(names)[:1].upper()}{listed(names)[1:]}: {in_sentence(tidy(note))}.")
    if hides(rows["n_patients_shown"]):
        notes.append(footnote(plan.disclosure.min_cell))
    return notes


def _model_patients(rows: pd.DataFrame, plan: "Study") -> list[str]:
    """Say what n is where a model has every visit of a patient."""
    kinds = {plan.analyses[analysis].kind for analysis in rows["analysis"]}
    if not kinds & LONGITUDINAL:
        return []
    where = "" if kinds <= LONGITUDINAL else " over all visits"
    return [
        f"n: patients in the model{where}, each measured at least once; the numbers measured at each visit are in the "
        "table of observed values."
    ]


def tidy(note: object) -> str:
    """Write a remark so that it can stand at the end of a sentence."""
    words = re.sub(r"variance of Intercept between", "variance between", str(note))
    return words.replace(".;", ";").rstrip(".")


def _pairs(rows: pd.DataFrame) -> list[tuple[str, str]]:
    return list(dict.fromkeys(zip(rows["cohort"], rows["outcome"], strict=True)))


def _scales(rows: pd.DataFrame, plan: "Study") -> list[str]:
    """Say for each outcome on which scale it is, and the sign of which arm's advantage a contrast has."""
    said: dict[str, None] = {}
    for row in rows.drop_duplicates(["analysis", "cohort", "outcome"]).to_dict("records"):
        one = measure(plan, row["cohort"], row["outcome"])
        label = plan.outcome_label(row["outcome"])
        where = f" in {in_sentence(plan.cohorts[row['cohort']].label)}" if _differs(plan, row["outcome"]) else ""
        scale = one.axis if one.label.startswith(label) else f"{label}{where}: {one.axis}"
        better = "positive" if positive_favours(plan, row["analysis"], row["cohort"], row["outcome"]) else "negative"
        subject = "change" if plan.design == "single_arm" else "difference"
        said[f"{scale}; a {better} {subject} is better"] = None
    return list(said)


def _differs(plan: "Study", outcome: str) -> bool:
    used = {str(cohort.outcomes[outcome]) for cohort in plan.cohorts.values() if outcome in cohort.outcomes}
    return len(used) > 1


def coefficients(inputs: dict[str, pd.DataFrame], plan: "Study") -> Printed | None:
    """Print the coefficients and variance components of the primary analysis; the CSV has those of every analysis."""
    results = _released(inputs, plan)
    exact = _in_order(results[results["term"].isin(["coefficient", "variance"])], plan)
    mine = exact[exact["analysis"] == plan.primary]
    if mine.empty:
        return None
    pairs = []
    few = mine["status"] == "suppressed"
    for row in mine[~few].to_dict("records"):
        heading = ": ".join(
            part
            for part in (
                plan.cohorts[row["cohort"]].label if len(plan.cohorts) > 1 else "",
                ", ".join(
                    [plan.outcome_label(row["outcome"]), *([plan.visit_label(row["visit"])] if row["visit"] else [])]
                ),
            )
            if part
        )
        heading += f" ({', '.join(_sizes(row, plan))})"
        name = _term(plan, str(row["contrast"]))
        se = format_fixed(row["se"], 3)
        pairs.append(
            (heading, [name, *_coefficient(row), se, format_fixed(row["df"], 1), format_p(row["p"], name=False)])
        )
    notes = ["Those of the other analyses are in tables/coefficients.csv."] if len(exact) > len(mine) else []
    if few.any():
        why = "; ".join(dict.fromkeys(mine.loc[few, "note"]))
        notes.append(f"Left out are the intercept and coefficients that would tell about a few people: {why}.")
    return Printed(
        "Coefficients and variance components of the primary analysis.",
        exact,
        ["Term", "Estimate", "95% CI" if (exact["level"] == 0.95).all() else "CI", "SE", "df", "P"],
        headed(pairs),
        notes,
        [0.38, 0.13, 0.2, 0.11, 0.09, 0.09],
    )


def _sizes(row: dict[Any, Any], plan: "Study") -> Row:
    """Say how many patients, measurements and clusters are in a model."""
    sizes = [f"{row['n_patients_shown']} patients"]
    if row["n_observations_shown"] != row["n_patients_shown"]:
        sizes.append(f"{row['n_observations_shown']} measurements")
    names: Row = getattr(plan.analyses[row["analysis"]], "clusters", [])
    for name in names:
        said = re.search(rf"\b(\d+) {name}s\b", str(row["note"]))
        if said:
            number = int(said[1])
        elif len(names) == 1 and pd.notna(row["n_clusters"]):
            number = int(row["n_clusters"])
        else:  # the only number given is that of the cluster with most levels
            continue
        sizes.append(f"{number} {name}{'s' * (number != 1)}")
    return sizes


def _term(plan: "Study", contrast: str) -> str:
    """Write a coefficient with the labels of the study file."""
    name = re.sub(r"\[(.*?)\]", r": \1", contrast).replace("_", " ").replace(" Intercept:", ", intercept:")
    for covariate in plan.patients.covariates:
        name = re.sub(rf"(^| x ){covariate.replace('_', ' ')}\b", rf"\g<1>{_covariate(plan, covariate)}", name)
    return name


def _coefficient(row: dict[Any, Any]) -> Row:
    if pd.isna(row["low"]):
        digits = 3 if pd.notna(row["estimate"]) and abs(row["estimate"]) < 10 else 2
        return [format_fixed(row["estimate"], digits), MISSING]
    return [format_estimate(row["estimate"], row["low"], row["high"]), format_interval(row["low"], row["high"])]


def cross_check(inputs: dict[str, pd.DataFrame], plan: "Study") -> Printed | None:
    """Print for each model how far another program's estimates are from these, or why it has no such model."""
    exact = inputs["cross_check"]
    if exact.empty:
        return None
    exact = exact.reset_index(drop=True)
    pairs = []
    places: Any = exact.groupby(["analysis", "cohort", "outcome"], sort=False)
    for (analysis, cohort, outcome), rows in places:
        place = f"{plan.cohorts[cohort].label}, {in_sentence(plan.outcome_label(outcome))}"
        apart = float(rows["difference"].abs().max())
        note = "; ".join(dict.fromkeys(text for text in rows["note"].fillna("") if text))
        compared = str(rows["needling"].notna().sum())
        pairs.append((plan.analyses[analysis].label, [place, compared, format_power(apart), note or "None"]))
    return Printed(
        "Comparison with statsmodels' MixedLM, which fits part of these models.",
        exact,
        ["Model", "Quantities", "Largest difference", "Remark"],
        headed(pairs),
        [],
        [0.34, 0.13, 0.2, 0.33],
        (0, 3),
    )
