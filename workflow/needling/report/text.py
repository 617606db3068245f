"""From plan and tables to the report's Markdown: sections with something to say, numbered figures and tables."""

import json
import re
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from needling.labels.sentences import MADE_UP, in_sentence, listed, plainly, sentence, spaced
from needling.labels.words import DF, FAMILIES, POOLED, VARIANCES, WITHHELD, Labels
from needling.report.answer import ADD, answers, harms_line, heading, noticed, strip
from needling.report.checklists import checklist_tables
from needling.report.happened import clusters_sentences, delivered_sentences, guesses_sentences, harms_sentences
from needling.report.mechanisms import process_sentences, sessions_sentences
from needling.report.numbers import people, primary_sentences
from needling.report.placed import Floats, section
from needling.report.sure import how_sure
from needling.report.whom import beside_sentences, rule_sentences, subgroup_sentences, whom_sentences
from needling.study.extensions import EXTENSIONS
from needling.tables.printed import Pieces, Printed, escape, marked
from needling.tables.reached import sentences as event_sentences
from needling.tables.select import RATIOS, said


def report_text(
    labels: Labels,
    released: dict[str, pd.DataFrame],
    tables: dict[str, Printed],
    words: dict[str, dict[str, str]],
    *,
    software: list[str],
    templates: Path,
    extensions: Path = EXTENSIONS,
) -> str:
    """Write the report as Markdown.

    Parameters
    ----------
    labels : the study's words.
    released : the released tables by name.
    tables : table name -> formatted table, as `write_tables` gives them.
    words : figure -> its caption, alternative text and section, of those that were drawn.
    software : the packages that computed, with their versions.
    templates : folder with report.md.
    extensions : folder with a study's own sections (section_<name>.md, written like report.md).

    Returns
    -------
    Markdown whose figures are named without ending.

    Raises
    ------
    LookupError : the text asks for a number that no table has.
    StudyError : a figure or table asks for a section that the report has not.
    """
    plan, results = labels.plan, released["results"]
    checked = checklist_tables(labels, tables, words)
    tables = tables | checked
    sections = [path.name for path in sorted(extensions.glob("section_*.md"))]
    texts = [templates / "report.md", *(extensions / name for name in sections)]
    floats = Floats(labels, released, tables, words, "".join(path.read_text(encoding="utf-8") for path in texts))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([templates, extensions]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        keep_trailing_newline=True,
        comment_start_string="{##",  # braces with a hash name a place, in Markdown
        comment_end_string="##}",
    )
    environment.filters |= {"text": marked, "low": in_sentence, "listed": listed, "sentence": sentence}
    environment.filters["pieces"] = lambda pieces: "".join(marked(piece) for piece in pieces)
    told = primary_sentences(released, labels)
    models = [_model(name, released, labels) for name in plan.analyses]
    text = environment.get_template("report.md").render(
        plan=plan,
        labels=labels,
        made_up=MADE_UP if plan.made_up else "",
        people=lambda stage: people(released, stage),
        strip=strip(released, labels, int(people(released, "enrolled"))),
        heading=heading(labels),
        answers=answers(released, labels),
        foot=_foot(released, labels, told),
        asides=_asides(released, labels),
        **_sentences(released, labels),
        section=section,
        own_sections=floats.own_sections,
        link=lambda section: f"[More]({section})",
        figure=floats.figure,
        table=floats.table,
        rest=floats.rest,
        sections=sections,
        has_figure=lambda name: name in words,
        has_table=lambda name: name in tables,
        checked=[f"{escape(table.caption)} {floats.link(name)}" for name, table in checked.items()],
        models=models,
        legend=LEGEND if any(one["written"] for one in models) else "",
        items=_items(released, labels),
        lacking=_lacking(labels),
        problems=_problems(released, labels),
        surprises=_surprises(results, labels),
        software=software,
        taken_out=_taken_out(released["cleaning"]),
        unread=dict(released["unread"][["kind", "n"]].itertuples(index=False, name=None)),
        withheld=_withheld(released["withheld"]),
    )
    floats.check()
    return re.sub(r"\n{3,}", "\n\n", floats.linked(text))


def _sentences(released: dict[str, pd.DataFrame], labels: Labels) -> dict[str, list[Pieces]]:
    """What sections say before their figures and tables."""
    return dict(  # noqa: C408 - as keywords of the template
        delivered=delivered_sentences(released, labels),
        harms=harms_sentences(released, labels),
        clusters=clusters_sentences(released, labels),
        reached=event_sentences(released, labels),
        guesses=guesses_sentences(released, labels),
        mechanism=[*process_sentences(released, labels), *sessions_sentences(released, labels)],
        whom=whom_sentences(released, labels),
        subgroups=subgroup_sentences(released, labels),
        beside=beside_sentences(released, labels),
        rules=rule_sentences(released, labels),
    )


def _foot(released: dict[str, pd.DataFrame], labels: Labels, told: list[dict[str, Any]]) -> str:
    """What the numbers of the answer are, in a line below them."""
    rows = [one["number"].row for one in told if one["number"].estimated]
    if not rows:
        return "No primary comparison could be estimated."
    levels = listed([f"{100 * level:g}%" for level in dict.fromkeys(row["level"] for row in rows)])
    what = "Mean changes" if labels.plan.design == "single_arm" else "Mean differences"
    what = "Ratios" if all(row["quantity"] in RATIOS for row in rows) else what
    parts = [f"{what}; “between … and …” is the {levels} confidence interval"]
    if any(pd.notna(row["p_adjusted"]) for row in rows):
        parts.append("not adjusted for several questions")
    unhappy = not all(one["number"].tested for one in told)
    explored = " Comparisons that share no family's error rate explore." if unhappy else ""
    return f"{', '.join(parts)}.{explored}"


def _asides(released: dict[str, pd.DataFrame], labels: Labels) -> list[dict[str, Any]]:
    """What stands beside the answer: harms, how many notice it, how sure it is; each with the section that has more."""
    harms: list[Pieces] = [line for line in [harms_line(released, labels)] if line]
    if not harms:
        harms = [[f"Not in the data of this report: {ADD}."]]
        more = ""
    else:
        more = "#adverse_events"
    found = [{"title": "Harms", "told": harms, "link": more}]
    share = noticed(released, labels)
    found += [{"title": "How many notice it", "told": [share], "link": "#individual"}] if share else []
    sure = how_sure(released, labels)
    found += [{"title": "How sure", "told": sure, "link": "#sensitivity" if len(sure) > 2 else "#fit"}] if sure else []
    return found


def _model(name: str, released: dict[str, pd.DataFrame], labels: Labels) -> dict[str, Any]:
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
    sentences += told("scale")
    if settings.family:
        family = plan.families[settings.family]
        how = f"{FAMILIES.get(family.method, 'not adjusted')}, two-sided level {family.level}"
        sentences.append(
            f"P values of the primary comparisons are adjusted within the family {spaced(settings.family)} ({how})."
        )
    written = [
        (latex, labels.fill(words))
        for latex, words in zip(*(said(released, name, one) for one in FORMULA), strict=True)
    ]
    return {
        "id": name.replace("_", "-"),
        "label": labels.analysis(name),
        "sentences": " ".join(sentences),
        "written": written,
    }


FORMULA = ("formula", "formula_words")
LEGEND = (
    "In the formulas Y is the outcome of patient i, at visit j where there are several; with index 0 it is the value at baseline. "
    "A is the arm, x are the covariates, t is time in weeks; Greek letters are estimated, u and b are random effects, and N is the "
    "normal distribution."
)
ITEMS = {
    "registration": "Registration",
    "protocol": "Protocol and analysis plan",
    "setting": "Setting",
    "dates": "Dates",
    "eligibility": "Who could take part",
    "randomisation": "Randomisation",
    "blinding": "Blinding",
    "sample_size": "Sample size",
    "ethics": "Ethics",
    "funding": "Funding",
    "interests": "Interests",
}
RANDOMISED = ("randomisation", "blinding")


def _items(released: dict[str, pd.DataFrame], labels: Labels) -> list[tuple[str, str]]:
    """The methods by the items of a statistical analysis plan: what the authors say, outcomes, missing data, tests."""
    plan, results = labels.plan, released["results"]
    told = [(title, getattr(plan.metadata, name)) for name, title in ITEMS.items()]
    before = [one for one in told[:8] if one[1]]
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
    tests += "; no interval is adjusted for multiplicity" if results["p_adjusted"].notna().any() else ""
    tests += (
        ". P values answer one question each; a large one is not evidence of no difference, for which the interval "
    )
    tests += "should be read."
    middle = [
        ("Outcomes", sentence(scales)),
        ("Missing data", (data + " ".join(missing)).strip()),
        ("Intervals and tests", tests),
    ]
    return [*before, *[one for one in middle if one[1]], *[one for one in told[8:] if one[1]]]


def _lacking(labels: Labels) -> list[str]:
    """What the study file leaves to the authors, once; randomisation and blinding only of a randomised study."""
    plan = labels.plan
    names = [name for name in ITEMS if plan.design == "randomised" or name not in RANDOMISED]
    lacking = [ITEMS[name] for name in names if not getattr(plan.metadata, name)]
    return lacking + ([] if plan.authors else ["Authors"])


def _df(rule: str, information: str) -> str:
    return f"{DF[rule]} ({information} information)" if information else DF[rule]


def _problems(released: dict[str, pd.DataFrame], labels: Labels) -> list[str]:
    """Say in a sentence each what was not fitted as the study file says."""
    results = released["results"]
    odd = results[~results["status"].isin(["converged", "abstains"]) | results["structures_tried"].ne("")]
    told = {
        "singular": "a variance component was estimated as zero",
        "rank_deficient": "terms were left out of the model",
        "failed": "the model could not be fitted",
        "not_estimated": "a comparison could not be estimated",
    }
    sentences: dict[str, None] = {}
    for row in odd.drop_duplicates(["analysis", "cohort", "outcome", "site", "status", "note"]).to_dict("records"):
        outcome = f", {in_sentence(labels.outcome(row['outcome'], row['site']))}" if row["outcome"] else ""
        place = f"{labels.cohort(row['cohort'])}{outcome}"
        parts = (
            [in_sentence(plainly(str(row["note"])).rstrip(".")) or told.get(row["status"], "")]
            if row["status"] != "converged"
            else []
        )
        if row["structures_tried"]:
            tried = listed([labels.structure(one) for one in json.loads(row["structures_tried"])])
            parts.append(
                f"planned covariance structures that did not hold: {tried}; used instead: {labels.structure(row['structure'])}"
            )
        sentences[f"{labels.analysis(row['analysis'])}: {place}: {'; '.join(parts)}."] = None
    return list(sentences)


def _surprises(results: pd.DataFrame, labels: Labels) -> list[str]:
    """Name differences in pain that lie beyond what trials of dry needling have found.

    A pooled difference of -2.3 points (-3.6 to -1.0) on the NPRS is the largest published (28 trials of neck pain,
    Navarro-Santana 2020, against sham or waiting): one beyond -3, or above 0.5, is more likely a mistake than a finding.
    Nothing is said of other arms, of needling against needling, nor where the study's reference is not the arm compared with.
    """
    plan = labels.plan
    mine = results[
        (results["analysis"] == plan.primary) & results["quantity"].eq("difference") & results["estimate"].notna()
    ]
    found: dict[str, None] = {}
    for row in mine.to_dict("records"):
        instrument = plan.instruments.get(row["instrument"])
        if instrument is None or (instrument.registry or row["instrument"]) != "nprs":
            continue
        if (
            not _is_needling(labels, row["arm"])
            or _is_needling(labels, row["reference"])
            or row["reference"] != plan.arms[0]
        ):
            continue
        turned = row["better"] == "higher"
        if not -3 <= row["estimate"] * (-1 if turned else 1) <= 0.5:
            place = f"{in_sentence(labels.outcome(row['outcome'], row['site']))} in {in_sentence(labels.cohort(row['cohort']))}"
            found[
                f"The difference in {place} at {in_sentence(labels.visit(row['visit']))} lies outside what trials "
                "of dry needling have found (pooled −2.3 points in neck pain, Navarro-Santana 2020): check the data."
            ] = None
    return list(found)


def _is_needling(labels: Labels, arm: str) -> bool:
    """Tell by its code and label whether an arm was needled, and not for show."""
    told = f"{arm} {labels.arm(arm)}".lower()
    return bool(re.search(r"needl", told)) and not re.search(r"sham|placebo|without|no[ _]needl", told)


def _taken_out(cleaning: pd.DataFrame) -> list[str]:
    """Numbers of lines of the export taken out, by table, in words; patients are counted in the participant flow only."""
    gone = cleaning[cleaning["table"].ne("") & cleaning["table"].ne("patients")]
    told = []
    for name, mine in gone.groupby("table", sort=True):
        n = mine["n"].sum(min_count=len(mine))
        table = spaced(str(name)).replace("co interventions", "co-interventions")
        told.append(f"{'some' if pd.isna(n) else f'{n:,}'} of {table}")
    return told


def _withheld(withheld: pd.DataFrame) -> list[str]:
    """One sentence for each released table of which something is not shown."""
    return [
        f"{sentence(spaced(str(table)))}: some numbers of {mine['n'].sum()} rows are not shown, because they would tell of "
        f"{listed(list(dict.fromkeys(WITHHELD[reason] for reason in mine['reason'])), 'or')}."
        for table, mine in withheld.groupby("section", sort=False)
    ]
