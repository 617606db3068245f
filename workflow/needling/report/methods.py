"""The methods in words: each model as its job describes it, the items of an analysis plan, and what the authors have not said."""

import re
from typing import Any

import pandas as pd

from needling.labels.sentences import in_sentence, listed, sentence
from needling.labels.words import DF, FAMILIES, POOLED, VARIANCES, Labels
from needling.tables.select import asked_for, said

FORMULA = ("formula", "formula_words")
# What formulas have in common, told before the first: how it is written in LaTeX -> words.
LETTERS = {
    r"A\(i\)": "A is the arm",
    r"\\mathbf\{x\}": "x are the covariates",
    r"\\(alpha|beta|gamma|delta|lambda|mu|tau|sigma|Sigma)\b": "Greek letters are estimated",
    r"(?<!\w)[ub]_\{": "u and b are random effects",
    r"N\(": "N is the normal distribution",
}
# What else a formula may have, told beside it: a part of its LaTeX -> words.
SYMBOLS = {
    r"\,t_{ij}": "t is time in weeks",
    "R_{i}": "R is 1 for a responder",
    "(1 - e_{i})": "A is 1 in the group that is compared and 0 in the other, and e is the chance of it",
    r"\text{mis}": "mis and obs are a patient's missing and measured visits",
    r"\hat{\tau}_{(k)}": "an index in brackets is what is left out",
    "{d_{k}}": "d of n at risk had the event at a time",
    "B_{a}": "n are people",
    r"\mathbf{z}_{i}": "z are the variables on which a difference may depend",
    "G(i)": "G is the subgroup",
    "g_{ia}": "m is a predicted outcome and P a chance",
    "D_{ik}": "D is pain and T a twitch response at session k",
    r"\tilde{q}": "q and p are the measure and pain",
    "C_{ik}": "C is coming again after session k, M being measured, s the sessions and p the pain before one",
    r"\mathbf{c}_{i}": "c are the sessions with other treatment",
}
ITEMS = {
    "registration": "Registration",
    "protocol": "Protocol and analysis plan",
    "setting": "Setting",
    "dates": "Dates",
    "eligibility": "Who could take part",
    "treatments": "Treatments",
    "randomisation": "Randomisation",
    "blinding": "Blinding",
    "sample_size": "Sample size",
    "ethics": "Ethics",
    "funding": "Funding",
    "interests": "Interests",
}
RANDOMISED = ("randomisation", "blinding")
BEFORE_DESIGN, AT_THE_END = ("registration", "protocol"), ("ethics", "funding", "interests")
NUMBERS = {2: "two", 3: "three", 4: "four"}
ROLES = {
    "primary": "Primary analysis",
    "secondary": "Secondary",
    "sensitivity": "Sensitivity",
    "exploratory": "Exploratory",
}


def model_words(name: str, released: dict[str, pd.DataFrame], labels: Labels) -> dict[str, Any]:
    """Gather what the methods and the rows of an analysis say: sentences of its description."""
    plan, results = labels.plan, released["results"]
    rows = results[(results["analysis"] == name) & (results["quantity"] != "standardised_difference")]
    settings = plan.analyses[name]

    def unique(column: str) -> list[str]:
        return list(dict.fromkeys(one for one in rows[column] if one))

    def told(item: str) -> list[str]:
        return [labels.fill(text) for text in said(released, name, item)]

    sentences = told("model") or ["No result."]
    if settings.outcomes:
        sentences.append(f"Outcomes: {listed([in_sentence(labels.outcome(one)) for one in settings.outcomes])}.")
    if told("adjusted"):
        sentences.append(f"Adjusted for {listed(told('adjusted'))}.")
    if told("clusters"):
        sentences.append(f"Random intercepts of {listed(told('clusters'))}.")
    for where in unique("subset"):
        sentences.append(f"Restricted to {labels.subset(where)}.")
    if settings.observed_at:
        sentences.append(f"Only patients measured at {in_sentence(labels.visit(settings.observed_at))}.")
    rules = [
        _df(*pair) for pair in rows[rows["df_method"] != ""][["df_method", "information"]].drop_duplicates().values
    ]
    if rules:
        errors = " and standard errors" if any(rule.startswith("Kenward-Roger") for rule in rules) else ""
        sentences.append(f"Degrees of freedom{errors}: {listed(rules)}.")
    robust = [VARIANCES[one] for one in unique("variance") if one in VARIANCES]
    if robust:
        sentences.append(f"Variance: {listed(robust)}.")
    sentences += told("imputation")
    if told("averaged"):
        sentences.append(f"Marginal means average over {listed(told('averaged'))}.")
    sentences += [one for one in told("scale") if one not in said_of_several(released)]
    if settings.family:
        family = plan.families[settings.family]
        how = f"{FAMILIES.get(family.method, 'not adjusted')}, two-sided level {family.level}"
        sentences.append(
            f"P values of the comparisons planned here are adjusted over a family of tests, "
            f"“{labels.family(settings.family)}” ({how})."
        )
    written = [
        (_with_labels(latex, labels), sentence(labels.fill(words)))
        for latex, words in zip(*(said(released, name, one) for one in FORMULA), strict=True)
    ]
    return {
        "id": name.replace("_", "-"),
        "label": labels.analysis(name),
        "sentences": " ".join([*(one for one in map(letters, (latex for latex, _ in written)) if one), *sentences]),
        "written": written,
    }


def _with_labels(latex: str, labels: Labels) -> str:
    """A formula with the labels of its columns, in which a sign of LaTeX is the sign itself."""

    def label(found: re.Match[str]) -> str:
        return re.sub(r"[&%$#_{}]", r"\\\g<0>", labels.fill(found[0]))

    return re.sub(r"\{column:[^{}]*\}", label, latex)


def legend(formulas: list[str]) -> str:
    """Say what the letters are that the formulas of a report have; of those that none has nothing."""
    whole = " ".join(formulas)
    told = []
    if re.search(r"(?<!\w)Y_", whole):
        visits = ", at visit j where there are several" if re.search(r"_\{ij", whole) else ""
        baseline = ", with index 0 the value at baseline" if re.search(r"Y_\{i0", whole) else ""
        told.append(f"Y is the outcome of patient i{visits}{baseline}")
    told += [words for written, words in LETTERS.items() if re.search(written, whole)]
    return f"In the formulas {'; '.join(told)}." if told else ""


def letters(latex: str) -> str:
    """Say what the letters of a formula are that not all formulas have."""
    told = [words for mark, words in SYMBOLS.items() if mark in latex]
    return f"Here {listed(told)}." if told else ""


def said_of_several(released: dict[str, pd.DataFrame]) -> list[str]:
    """What the methods of several analyses say in the same words of how values were prepared: the plan says it once."""
    found = released["methods"]
    texts = found.loc[found["item"] == "scale", ["analysis", "text"]].drop_duplicates()["text"]
    return list(texts[texts.duplicated()].drop_duplicates())


def plan_items(released: dict[str, pd.DataFrame], labels: Labels) -> list[tuple[str, str]]:
    """The methods by the items of a statistical analysis plan: what the authors say, outcomes, missing data, tests."""
    plan, results = labels.plan, released["results"]
    told = {name: (title, getattr(plan.metadata, name)) for name, title in ITEMS.items()}
    pooled = any(labels.measure(*place).label == POOLED for place in labels.places)
    measures = dict.fromkeys(f"{one.axis} ({one.direction})" for one in (labels.measure(*p) for p in labels.places))
    scales = f"{listed([in_sentence(one) for one in measures])}."
    if pooled:
        scales += (
            " Where a cohort has several instruments for one outcome, they are put on the share of the maximum possible "
            "score (0–100%, higher is better)."
        )
    if not released["reliability"].empty:
        scales += (
            " Questionnaires with a few unanswered items are scored from those answered, where their rules allow it."
        )
    unverified = listed([in_sentence(one) for one in labels.unverified])
    if unverified:
        scales += f" Known in the field but not checked against a publication: {unverified}."
    uses = [labels.fill(text) for text in said(released, plan.primary, "uses")]
    missing = [labels.fill(text) for text in said(released, plan.primary, "missing")]
    data = (
        f"The primary analysis uses {listed(uses)}; the others are left out, and n says how many are in. "
        if uses
        else ""
    )
    tests = "Confidence intervals and tests are two-sided"
    if results["framework"].isin(["non_inferiority", "equivalence"]).any():
        tests += ", unless a margin is named"
    adjusted = results["p_adjusted"].notna().any()
    tests += "; no interval printed here is adjusted for multiplicity" if adjusted else ""
    tests += ". P values answer one question each and are not adjusted for several"
    tests += ", but for those that are called adjusted" if adjusted else ""
    tests += "; a large one is not evidence of no difference, for which the interval should be read."
    whole = [
        *(told[name] for name in BEFORE_DESIGN),
        ("Design", _design(labels)),
        *(told[name] for name in ITEMS if name not in (*BEFORE_DESIGN, *AT_THE_END)),
        ("Outcomes", f"{_primary_outcomes(labels)} All outcomes, as measured: {scales}".strip()),
        ("Analyses", _analyses(labels)),
        ("Missing data", " ".join([*_missing_data(data, missing, released), *said_of_several(released)])),
        ("Intervals and tests", tests),
        *(told[name] for name in AT_THE_END),
    ]
    return [one for one in whole if one[1]]


def _missing_data(uses: str, missing: list[str], released: dict[str, pd.DataFrame]) -> list[str]:
    """What the primary analysis does about what was not measured; that others do otherwise is said, and what they do by each."""
    told = [uses.strip()] if uses else []
    told += [f"In the primary analysis: {in_sentence(' '.join(missing))}"] if missing else []
    otherwise = released["results"]["imputation"].ne("").any()
    told += ["Analyses that fill in or carry forward what was not measured say so below."] if otherwise else []
    return told


def _design(labels: Labels) -> str:
    """How patients came to their arms, which arms there were, and what the primary analysis asks for."""
    plan = labels.plan
    if plan.design == "single_arm":
        return "One group, followed over time; nobody is compared with it."
    arms = [labels.arm(arm) for arm in reversed(plan.arms)]
    named = listed([in_sentence(arm) for arm in arms])
    number = NUMBERS.get(len(arms), str(len(arms)))
    told = {
        "randomised": f"Randomised trial of {number} arms: {named}.",
        "cohort": f"Cohort study of {number} groups that were not allocated at random: {named}.",
    }[plan.design]
    settings = plan.analyses[plan.primary]
    margin = f"a margin of {settings.margin:g}" if settings.margin is not None else ""
    asks = {
        "superiority": "whether they differ (superiority)",
        "non_inferiority": f"whether one is not worse than another by {margin} or more (non-inferiority)",
        "equivalence": f"whether they are apart by less than {margin} either way (equivalence)",
    }[settings.framework]
    return f"{told} The primary analysis asks {asks}."


def _primary_outcomes(labels: Labels) -> str:
    """What is primary, and when."""
    plan = labels.plan
    outcomes = listed([in_sentence(labels.outcome(one)) for one in plan.analyses[plan.primary].outcomes])
    return f"Primary: {outcomes} at {in_sentence(labels.visit(plan.visits.primary))}." if outcomes else ""


def _analyses(labels: Labels) -> str:
    """The analyses by what the study file planned them for."""
    names: dict[str, list[str]] = {role: [] for role in ROLES}
    for name in labels.plan.analyses:
        names[labels.plan.role(name)].append(f"“{labels.analysis(name)}”")
    return " ".join(f"{ROLES[role]}: {listed(told)}." for role, told in names.items() if told)


def lacking(released: dict[str, pd.DataFrame], labels: Labels) -> list[str]:
    """What the study file and its analyses leave to the authors, once; randomisation and blinding only of a randomised study."""
    plan = labels.plan
    names = [name for name in ITEMS if plan.design == "randomised" or name not in RANDOMISED]
    left = [ITEMS[name] for name in names if not getattr(plan.metadata, name)]
    left += [] if asked_for(released, "table", "adverse_events") else ["Harms"]
    return left + ([] if plan.authors else ["Authors"])


def _df(rule: str, information: str) -> str:
    return f"{DF[rule]} ({information} information)" if information else DF[rule]
