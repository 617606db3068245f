"""Results: comparisons with their intervals, by cohort and outcome; and every coefficient for the appendix."""

from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from needling.labels.numbers import (
    MISSING,
    format_estimate,
    format_fixed,
    format_interval,
    format_p,
    format_power,
    shared_decimals,
)
from needling.labels.sentences import in_sentence, listed, plainly, sentence, spaced
from needling.labels.words import FAMILIES, NO_INTERVALS, OWN_INTERVALS, STEPWISE_INTERVALS, Labels
from needling.tables.printed import Printed, Row, Told, headed, told_interval
from needling.tables.select import COMPARED, asked_for, comparisons, in_order, said, section_of
from needling.tables.weighted import UNWEIGHTED
from needling.tables.withheld import HIDDEN, withheld_note

COMPONENTS = ("standard_deviation", "correlation", "covariance", "range", "icc")
PLACE = ["cohort", "outcome", "site"]
KEY = ["analysis", *PLACE, "visit", "at"]
STATUS = {"failed": "the model could not be fitted", "not_estimated": "not estimated", "abstains": "no recommendation"}
CHANGE_SCORES = {
    "randomised": "Change scores stand beside the analysis of covariance where arms differ by more than 0.25 SD at baseline: the "
    "arm that began worse improves more by itself (regression to the mean), which a change score takes for an effect and the "
    "analysis of covariance does not. Under randomisation the latter is to be believed.",
    "cohort": "Change scores stand beside the analysis of covariance where groups differ by more than 0.25 SD at baseline: without "
    "randomisation they answer different questions (Lord's paradox), and neither is right because it is larger.",
}
CAPTIONS = {
    "individual": "Results about individual change.",
    "sensitivity": "The same comparisons by other analyses.",
    "whom": "Results by what was known of patients before day 0.",
    "mechanism": "Results about process and dose.",
}
BETTER = {"lower": "a negative {} is better", "higher": "a positive {} is better", "neither": ""}


def primary(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print the primary comparisons: the primary analysis at the primary visit (every visit of a single arm)."""
    plan = labels.plan
    results = released["results"]
    mine = results[results["analysis"] == plan.primary]
    single = plan.design == "single_arm"
    if not single and (mine["visit"] == plan.visits.primary).any():
        mine = mine[mine["visit"] == plan.visits.primary]
    when = ": change from baseline at each visit" if single else f" at {in_sentence(labels.visit(plan.visits.primary))}"
    return _comparisons(mine, released, labels, f"Primary result ({in_sentence(labels.analysis(plan.primary))}){when}.")


def visits(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print the primary analysis at the other visits."""
    plan = labels.plan
    results = released["results"]
    mine = results[(results["analysis"] == plan.primary) & (results["visit"] != plan.visits.primary)]
    others = comparisons(mine)["visit"].unique()
    if plan.design == "single_arm" or not len(others):
        return None
    alone = len(others) == 1 and others[0] in plan.visits.schedule
    where = in_sentence(labels.visit(others[0])) if alone else "the other visits"
    made = _comparisons(mine, released, labels, f"{labels.analysis(plan.primary)} at {where}.")
    return made and replace(_beside_primary(made, released, labels), folded=True)


OWN_MEANS = ("change_score", "unweighted")  # differences of other means than the model's
PLACED = ("individual", "sensitivity", "whom", "mechanism")


def secondary(released: dict[str, pd.DataFrame], labels: Labels, section: str = "others") -> Printed | None:
    """Print the comparisons of the other analyses that stand in a section of the report."""
    plan, results = labels.plan, released["results"]
    asked = [name for name in asked_for(released, "table", "contrasts") if name != plan.primary]
    places = {name: section_of(released, plan, [name]) for name in asked}
    shown = [name for name, place in places.items() if (place if place in PLACED else "others") == section]
    mine = results[results["analysis"].isin(shown)]
    made = _comparisons(mine, released, labels, "Results of the other analyses.", by_analysis=True)
    if made is None:
        return None
    return replace(
        _beside_primary(made, released, labels), section=section, caption=CAPTIONS.get(section, made.caption)
    )


def _beside_primary(made: Printed, released: dict[str, pd.DataFrame], labels: Labels) -> Printed:
    """Refer to the notes of the primary result where all of them hold of another table too, so that none is printed twice."""
    first = primary(released, labels)
    if first is None or not first.notes or not set(first.notes) <= set(made.notes):
        return made
    own = [note for note in made.notes if note not in first.notes]
    return replace(made, notes=["The notes of {table:primary} hold here too.", *own])


def _comparisons(
    results: pd.DataFrame, released: dict[str, pd.DataFrame], labels: Labels, caption: str, by_analysis: bool = False
) -> Printed | None:
    plan = labels.plan
    shown = pd.concat([comparisons(results), results[results["quantity"] == "mean"]])
    exact = _in_order(shown, labels)
    rows = exact[exact["quantity"] != "mean"]
    if rows.empty:
        return None
    arms = (plan.arms or [""]) if len(plan.arms) <= 2 else []
    means = {tuple(row[k] for k in [*KEY, "arm"]): row for row in exact[exact["quantity"] == "mean"].to_dict("records")}
    adjusted = bool(rows["p_adjusted"].notna().any())
    several = len(plan.cohorts) > 1 or by_analysis
    pairs: list[tuple[str, Row]] = []
    begun = set()
    digits = shared_decimals(rows)
    for row in rows.to_dict("records"):
        heading = _heading(row, labels, by_analysis) if several else ""
        start = (*(row[k] for k in KEY[:4]), plan.visits.baseline, "", "")
        if row["quantity"] == "change" and not row["reference"] and start[:4] not in begun and start in means:
            begun.add(start[:4])
            label = f"{labels.outcome(row['outcome'], row['site'])}, {in_sentence(labels.visit(plan.visits.baseline))}"
            gaps = [MISSING] * (2 + adjusted)
            pairs.append((heading, [label, _mean(means, start, row, digits), *gaps, _people(means[start])]))
        texts = [_mean(means, (*(row[k] for k in KEY), arm), row, digits) for arm in arms]
        ps = [_p(row, "p"), *([_p(row, "p_adjusted")] if adjusted else [])]
        pairs.append((heading, [_label(row, labels, rows), *texts, _contrast(row, digits), *ps, _people(row)]))
    levels = [f"{100 * level:g}%" for level in sorted(rows["level"].unique(), reverse=True)]
    head = [
        "Outcome",
        *(labels.arm(arm) if arm else "Mean" for arm in arms),
        f"{sentence(labels.noun)} ({' or '.join(levels)} CI)",
    ]
    head += ["P", *(["Adjusted P"] if adjusted else []), "n"]
    fixed = [0.12] * len(arms) + [0.25, 0.08] + [0.1] * adjusted + [0.08]
    notes = _notes(rows, released, labels, bool(arms and plan.arms))
    return Printed(caption, exact, head, headed(pairs), notes, [1 - sum(fixed), *fixed])


def _in_order(results: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    plan = labels.plan
    order = {
        "analysis": list(plan.analyses),
        "cohort": list(plan.cohorts),
        "outcome": labels.outcomes,
        "visit": list(plan.visits.schedule),
        "quantity": list(COMPARED),
    }
    return in_order(results, order)


def _heading(row: dict[Any, Any], labels: Labels, by_analysis: bool) -> str:
    cohort = labels.cohort(row["cohort"])
    if not by_analysis:
        return cohort
    analysis = labels.analysis(row["analysis"])
    colon = "" if analysis.endswith("?") else ":"
    return f"{analysis.rstrip('.')}{colon} {cohort}" if len(labels.plan.cohorts) > 1 else analysis


def _label(row: dict[Any, Any], labels: Labels, rows: pd.DataFrame) -> str:
    parts = [labels.outcome(row["outcome"], row["site"])]
    if row["visit"] and (rows["visit"].nunique() > 1 or row["quantity"] == "change"):
        parts.append(in_sentence(labels.visit(row["visit"])))
    parts += [labels.at(row["at"])] if row["at"] else []
    parts += ["change scores" if row["variant"] == "change_score" else spaced(row["variant"])] if row["variant"] else []
    if row["quantity"] in ("slope", "trend"):
        parts.append(row["unit"])
    if row["quantity"] == "interaction":
        parts += [f"effect by {in_sentence(labels.term(row['term']))}", *([row["unit"]] if row["unit"] else [])]
    same = rows[(rows["analysis"] == row["analysis"]) & (rows["quantity"] == row["quantity"])]
    if len(same[["arm", "reference"]].drop_duplicates()) > 1 and row["reference"]:
        parts.append(in_sentence(labels.compared(row)))
    return ", ".join(parts)


def _mean(means: dict[Any, Any], key: Any, row: dict[Any, Any], digits: dict[str, int]) -> str:
    if row["quantity"] not in ("difference", "change") or row["variant"] in OWN_MEANS or key not in means:
        return MISSING
    mean = means[key]
    if mean["hidden"]:
        return HIDDEN
    return Told(format_fixed(mean["estimate"], digits[row["row_id"]]), mean["row_id"], "estimate")


def _contrast(row: dict[Any, Any], digits: dict[str, int]) -> str:
    if row["hidden"]:
        return HIDDEN
    if pd.isna(row["estimate"]):
        return STATUS.get(row["status"], MISSING) if pd.isna(row["p"]) else "test only"
    return told_interval(row, digits[row["row_id"]])


def _p(row: dict[Any, Any], column: str) -> str:
    return Told(format_p(row[column], name=False), row["row_id"], column)


def _people(row: dict[Any, Any]) -> str:
    return Told(str(row["n_patients"]), row["row_id"], "n_patients") if pd.notna(row["n_patients"]) else MISSING


def _notes(rows: pd.DataFrame, released: dict[str, pd.DataFrame], labels: Labels, means: bool) -> list[str]:
    plan = labels.plan
    notes = [labels.of_groups("Under each arm: its marginal mean.")] if means else []
    if (rows["quantity"].eq("change") & rows["reference"].eq("")).any():
        notes.append("Mean: marginal mean at the visit.")
    notes += _model_patients(rows, released, labels)
    if rows["p_adjusted"].notna().any():
        used = [plan.families[name] for name in dict.fromkeys(rows["family"]) if name]
        methods = listed(list(dict.fromkeys(FAMILIES[one.method] for one in used)))
        notes.append(f"Adjusted P: {methods}, over the comparisons of a family; confidence intervals are not adjusted.")
        if rows[["low_adjusted", "high_adjusted"]].isna().all(axis=None):
            notes.append(f"{sentence(NO_INTERVALS)}.")
        else:
            notes.append(f"{sentence(OWN_INTERVALS)}.")
            if any(one.method != "bonferroni" for one in used):
                notes.append(f"{sentence(STEPWISE_INTERVALS)}.")
    if rows["variant"].eq("change_score").any():
        notes.append(CHANGE_SCORES[plan.design])
    if rows["variant"].eq("unweighted").any():
        notes.append(UNWEIGHTED)
    notes += _frameworks(rows, labels)
    notes += [f"{scale}." for scale in _scales(rows, labels)]
    odd = rows[rows["note"].ne("") & ~rows["status"].isin(["converged"])]
    for note, where in odd.groupby("note", sort=False):
        named = dict.fromkeys(where[PLACE].itertuples(index=False, name=None))
        names = [f"{in_sentence(labels.outcome(o, s))} ({in_sentence(labels.cohort(c))})" for c, o, s in named]
        notes.append(f"{sentence(listed(names))}: {in_sentence(plainly(str(note))).rstrip('.')}.")
    return notes + withheld_note(rows)


def _frameworks(rows: pd.DataFrame, labels: Labels) -> list[str]:
    """Say what P tests and which level the interval has where the question is not superiority."""
    found = rows[rows["framework"].isin(["non_inferiority", "equivalence"])]
    said_of = {
        "non_inferiority": "{}: non-inferiority with a margin of {} {}; P is one-sided, against being worse by the margin or "
        "more.",
        "equivalence": "{}: equivalence within {} {} either way; P is the larger of two one-sided tests, and the interval has "
        "the level that goes with them.",
    }
    unique = found.drop_duplicates(["analysis", "framework", "margin"])
    return [
        said_of[row["framework"]].format(labels.analysis(row["analysis"]), f"{row['margin']:g}", row["unit"])
        for row in unique.to_dict("records")
    ]


def _model_patients(rows: pd.DataFrame, released: dict[str, pd.DataFrame], labels: Labels) -> list[str]:
    """Say what n is where a model has every visit of a patient."""
    names = rows["analysis"].unique()
    over = [name for name in names if said(released, name, "people") == ["over_visits"]]
    if not over:
        return []
    whose = "" if len(over) == len(names) else f" of {listed([f'“{labels.analysis(name)}”' for name in over])}"
    return [
        f"n{whose}: patients in the model, each measured at least once; the numbers measured at each visit are in "
        "{table:observed}."
    ]


def _scales(rows: pd.DataFrame, labels: Labels) -> list[str]:
    """Say for each outcome on which scale it is, and the sign of which arm's advantage a comparison has."""
    told: dict[str, None] = {}
    plan = labels.plan
    ratios = rows["quantity"].str.endswith("_ratio")
    for row in rows[~ratios & rows["better"].ne("neither")].drop_duplicates(KEY[:4]).to_dict("records"):
        if not row["outcome"]:
            continue
        better = BETTER[row["better"]].format("change" if plan.design == "single_arm" else "difference")
        if row["outcome"] not in plan.cohorts[row["cohort"]].outcomes:  # of sessions
            told[f"{labels.outcome(row['outcome'])}: {row['unit']}; {better}"] = None
            continue
        one = labels.measure(row["cohort"], row["outcome"], row["site"])
        label = labels.outcome(row["outcome"], row["site"])
        used = {str(c.outcomes[row["outcome"]]) for c in plan.cohorts.values() if row["outcome"] in c.outcomes}
        where = f" in {in_sentence(labels.cohort(row['cohort']))}" if len(used) > 1 else ""
        scale = one.axis if one.label.startswith(label) else f"{label}{where}: {one.axis}"
        turned = "reported as improvement, so that " if row["better"] != one.better else ""
        told[f"{scale}; {turned}{better}"] = None
    return list(told)


def standardised(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print the primary analysis' differences between arms in standard deviations at baseline: Hedges' g and its interval."""
    results = released["results"]
    mine = (results["analysis"] == labels.plan.primary) & (results["quantity"] == "standardised_difference")
    exact = _in_order(results[mine], labels)
    if exact.empty:
        return None
    several = len(labels.plan.cohorts) > 1
    pairs: list[tuple[str, Row]] = []
    for row in exact.to_dict("records"):
        cells: list[str] = [HIDDEN, HIDDEN]
        if not row["hidden"]:
            cells = [told_interval(row, 2)]
            cells += [Told(format_fixed(row["df"], 0), row["row_id"], "df")]
        heading = labels.cohort(row["cohort"]) if several else ""
        pairs.append((heading, [_label(row, labels, exact), *cells, _people(row)]))
    levels = [f"{100 * level:g}%" for level in sorted(exact["level"].unique(), reverse=True)]
    notes = [
        f"Hedges' g: the difference over the standard deviation at baseline pooled within {in_sentence(labels.group)}s, made "
        "smaller by the factor for the degrees of freedom (df) of that standard deviation, whose error the interval counts. It has "
        "no test of its own."
    ]
    for better, sign in (("lower", "negative"), ("higher", "positive")):
        places = exact[exact["better"] == better][PLACE].drop_duplicates().itertuples(index=False, name=None)
        names = [_place(cohort, outcome, site, labels) for cohort, outcome, site in places]
        notes += [f"A {sign} g is better: {listed(names)}."] if names else []
    return Printed(
        "Standardised differences of the primary analysis.",
        exact,
        ["Outcome", f"Hedges' g ({' or '.join(levels)} CI)", "df", "n"],
        headed(pairs),
        notes + withheld_note(exact),
        [0.46, 0.32, 0.11, 0.11],
        section="primary",
        folded=True,
    )


def marginal_means(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print each arm's marginal mean at the primary visit, of three arms or more: with two they stand beside their difference."""
    plan, results = labels.plan, released["results"]
    mine = results[(results["analysis"] == plan.primary) & results["quantity"].eq("mean")]
    mine = mine[mine["variant"].eq("") & mine["at"].eq("") & mine["visit"].eq(plan.visits.primary)]
    exact = in_order(mine, {"cohort": list(plan.cohorts), "outcome": labels.outcomes, "arm": plan.arms})
    if len(plan.arms) < 3 or exact.empty:
        return None
    keys = [*PLACE, "visit", "arm"]
    counted = exact[keys].merge(released["distribution"], on=keys, how="left")
    closed = pd.concat([exact[["hidden"]], counted[["hidden"]].fillna("")])
    unknown = counted["hidden"].fillna("").map(lambda reason: HIDDEN if reason else MISSING)
    shown = dict(zip(exact["row_id"], counted["n"].astype("string").fillna(unknown), strict=True))
    exact = exact.assign(measured=counted["n"].to_numpy())
    pairs: list[tuple[str, Row]] = []
    for (cohort, outcome, site), rows in exact.groupby(PLACE, sort=False):
        place = labels.outcome(str(outcome), str(site))
        heading = f"{labels.cohort(str(cohort))}: {in_sentence(place)}" if len(plan.cohorts) > 1 else place
        digits = max(shared_decimals(rows).values())
        for row in rows.to_dict("records"):
            mean = HIDDEN if row["hidden"] else told_interval(row, digits) if pd.notna(row["estimate"]) else MISSING
            pairs.append((heading, [labels.arm(row["arm"]), mean, shown[row["row_id"]]]))
    levels = [f"{100 * level:g}%" for level in sorted(exact["level"].unique(), reverse=True)]
    at = in_sentence(labels.visit(plan.visits.primary))
    return Printed(
        f"Means by arm at {at} ({in_sentence(labels.analysis(plan.primary))}).",
        exact,
        ["Arm", f"Marginal mean ({' or '.join(levels)} CI)", "n"],
        headed(pairs),
        [f"n: patients measured at {at}.", *withheld_note(closed)],
        [0.52, 0.36, 0.12],
        section="primary",
        folded=True,
    )


def _place(cohort: str, outcome: str, site: str, labels: Labels) -> str:
    named = in_sentence(labels.outcome(outcome, site))
    return f"{named} ({in_sentence(labels.cohort(cohort))})" if len(labels.plan.cohorts) > 1 else named


def coefficients(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print the coefficients and variance components of the primary analysis; the CSV has those of every analysis."""
    results = released["results"]
    exact = _in_order(results[results["quantity"].isin(["coefficient", *COMPONENTS])], labels)
    mine = exact[(exact["analysis"] == labels.plan.primary) & exact["hidden"].eq("")]
    if mine.empty:
        return None
    pairs = []
    for row in mine.to_dict("records"):
        place = ", ".join(
            [labels.outcome(row["outcome"], row["site"]), *([labels.visit(row["visit"])] if row["visit"] else [])]
        )
        heading = f"{labels.cohort(row['cohort'])}: {place}" if len(labels.plan.cohorts) > 1 else place
        numbers = [format_fixed(row["se"], 3), format_fixed(row["df"], 1), format_p(row["p"], name=False)]
        cells = [Told(text, row["row_id"], column) for text, column in zip(numbers, ("se", "df", "p"), strict=True)]
        heading += f" ({', '.join(_sizes(row))})"
        pairs.append((heading, [_term(row, labels), *_coefficient(row), *cells]))
    settings, notes = labels.plan.analyses[labels.plan.primary], list[str]()
    codes = [in_sentence(labels.covariate(one)) for one in settings.adjust if one in labels.plan.code_covariates]
    if codes:
        notes.append(f"Of {listed(codes)}, whose levels are people or places, no coefficient is printed.")
    if settings.report_as == "improvement":
        notes.append(
            "Coefficients are of values as measured; only comparisons have their sign turned to that of improvement."
        )
    if len(exact) > len(mine):
        notes.append("Those of the other analyses are in tables/coefficients.csv, beside this report.")
    return Printed(
        "Coefficients and variance components of the primary analysis.",
        exact,
        ["Term", "Estimate", "95% CI" if (exact["level"] == 0.95).all() else "CI", "SE", "df", "P"],
        headed(pairs),
        notes + withheld_note(exact[exact["analysis"] == labels.plan.primary]),
        [0.48, 0.11, 0.17, 0.08, 0.09, 0.07],
        folded=True,
    )


def _term(row: dict[Any, Any], labels: Labels) -> str:
    name = labels.term(row["term"])
    return name if row["quantity"] == "coefficient" else f"{name}: {row['quantity'].replace('_', ' ')}"


def _sizes(row: dict[Any, Any]) -> Row:
    """Say how many patients, measurements and clusters are in a model."""
    sizes = [f"{row['n_patients']} patients"]
    if row["n_observations"] != row["n_patients"]:
        sizes.append(f"{row['n_observations']} measurements")
    for name in ("therapist", "clinic"):
        n = row[f"n_{name}s"]
        sizes += [f"{n} {name}{'s' * (n != 1)}"] if pd.notna(n) else []
    return sizes


def _coefficient(row: dict[Any, Any]) -> Row:
    if pd.isna(row["low"]):
        digits = 3 if pd.notna(row["estimate"]) and abs(row["estimate"]) < 0.1 else 2
        return [Told(format_fixed(row["estimate"], digits), row["row_id"], "estimate"), MISSING]
    number = format_estimate(row["estimate"], row["low"], row["high"])
    interval = format_interval(row["low"], row["high"])
    return [Told(number, row["row_id"], "estimate"), Told(interval, row["row_id"], "low high")]


def cross_check(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print for each model how far another program's estimates are from these, or why it has no such model."""
    exact = released.get("cross_check")
    if exact is None or exact.empty:
        return None
    pairs = []
    places: Any = exact.groupby(["analysis", *PLACE], sort=False)
    for (analysis, cohort, outcome, site), rows in places:
        place = f"{labels.cohort(cohort)}, {in_sentence(labels.outcome(outcome, site))}"
        apart = float(rows["difference"].abs().max())
        note = "; ".join(dict.fromkeys(text for text in rows["note"].fillna("") if text))
        compared = str(rows["needling"].notna().sum())
        pairs.append((labels.analysis(analysis), [place, compared, format_power(apart), note or "None"]))
    return Printed(
        "Comparison with statsmodels' MixedLM, which fits part of these models.",
        exact,
        ["Model", "Quantities", "Largest difference", "Remark"],
        headed(pairs),
        [],
        [0.34, 0.13, 0.2, 0.33],
        (0, 3),
        folded=True,
    )


TABLES = {
    "primary": primary,
    "marginal_means": marginal_means,
    "visits": visits,
    "secondary": secondary,
    **{f"contrasts_{name}": partial(secondary, section=name) for name in PLACED},
    "standardised": standardised,
    "coefficients": coefficients,
    "cross_check": cross_check,
}
