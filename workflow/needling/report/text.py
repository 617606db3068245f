"""From plan and tables to the report's Markdown: sections with something to say, numbered figures and tables."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from needling.labels.numbers import format_count
from needling.labels.sentences import MADE_UP, in_sentence, listed, plainly, sentence, spaced
from needling.labels.words import Labels
from needling.report.answer import ADD, answers, harms_line, heading, noticed, strip
from needling.report.checklists import checklist_tables
from needling.report.happened import clusters_sentences, delivered_sentences, guesses_sentences, harms_sentences
from needling.report.mechanisms import process_sentences, sessions_sentences
from needling.report.methods import lacking, legend, model_words, plan_items
from needling.report.numbers import people, primary_sentences
from needling.report.placed import Floats, section
from needling.report.sure import how_sure
from needling.report.whom import beside_sentences, rule_sentences, subgroup_sentences, whom_sentences
from needling.study.extensions import EXTENSIONS
from needling.tables.printed import Pieces, Printed, escape, marked
from needling.tables.reached import sentences as event_sentences
from needling.tables.select import RATIOS
from needling.tables.withheld import reasons_told


def report_text(
    labels: Labels,
    released: dict[str, pd.DataFrame],
    tables: dict[str, Printed],
    words: dict[str, dict[str, str]],
    *,
    software: list[str],
    templates: Path,
    extensions: Path = EXTENSIONS,
    checked: dict[str, Printed] | None = None,
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
    checked : the checklists, as `checklist_tables` fills them. Default: they are filled here.

    Returns
    -------
    Markdown whose figures are named without ending.

    Raises
    ------
    LookupError : the text asks for a number that no table has.
    StudyError : a figure or table asks for a section that the report has not.
    """
    plan = labels.plan
    checked = checklist_tables(released, labels, tables, words) if checked is None else checked
    tables = tables | checked
    sections = [path.name for path in sorted(extensions.glob("section_*.md"))]
    texts = [templates / "report.md", *(extensions / name for name in sections)]
    floats = Floats(labels, released, tables, words, "".join(path.read_text(encoding="utf-8") for path in texts))
    template = _environment([templates, extensions]).get_template("report.md")
    text = template.render(
        plan=plan,
        labels=labels,
        made_up=MADE_UP if plan.made_up else "",
        people=lambda stage: people(released, stage),
        software=software,
        section=section,
        sections=sections,
        own_sections=floats.own_sections,
        link=lambda section: f"[More]({section})",
        figure=floats.figure,
        table=floats.table,
        rest=floats.rest,
        has_figure=lambda name: name in words,
        has_table=lambda name: name in tables,
        checked=[f"{escape(table.caption)} {floats.link(name)}" for name, table in checked.items()],
        **_answer(released, labels),
        **_sentences(released, labels),
        **_methods(released, labels),
        **_went_otherwise(released, labels),
    )
    floats.check()
    return re.sub(r"\n{3,}", "\n\n", floats.linked(text))


def _environment(folders: list[Path]) -> jinja2.Environment:
    """Templates of Markdown, with filters that escape texts; what is not there is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
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
    return environment


def _answer(released: dict[str, pd.DataFrame], labels: Labels) -> dict[str, Any]:
    """What the first page says: the strip above, the primary comparisons, what stands below and beside them."""
    return {
        "strip": strip(released, labels, int(people(released, "enrolled"))),
        "heading": heading(labels),
        "answers": answers(released, labels),
        "foot": _foot(labels, primary_sentences(released, labels)),
        "asides": _asides(released, labels),
    }


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


def _methods(released: dict[str, pd.DataFrame], labels: Labels) -> dict[str, Any]:
    """What the methods say, and what the authors have yet to say."""
    models = [model_words(name, released, labels) for name in labels.plan.analyses]
    return {
        "models": models,
        "legend": labels.of_groups(legend([latex for one in models for latex, _ in one["written"]])),
        "items": plan_items(released, labels),
        "lacking": lacking(released, labels),
    }


def _went_otherwise(released: dict[str, pd.DataFrame], labels: Labels) -> dict[str, Any]:
    """What was not fitted as planned, surprises, was taken out of the data, was not read, or is not shown."""
    secondary = released["results"][released["results"]["analysis"] != labels.plan.primary]
    return {
        "problems": _problems(released, labels),
        "surprises": _surprises(released["results"], labels),
        "others_adjusted": bool(secondary["p_adjusted"].notna().any()),
        "taken_out": _taken_out(released["cleaning"]),
        "unread": dict(released["unread"][["kind", "n"]].itertuples(index=False, name=None)),
        "withheld": _withheld(released["withheld"]),
    }


def _foot(labels: Labels, told: list[dict[str, Any]]) -> str:
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
    untested = [not one["number"].tested for one in told]
    asked = "changes" if labels.plan.design == "single_arm" else "comparisons"
    which = (f"these {asked}", "them") if all(untested) else (f"some of these {asked}", "those")
    explored = f" The plan sets no error rate over {which[0]}: read {which[1]} as exploratory." if any(untested) else ""
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


def _problems(released: dict[str, pd.DataFrame], labels: Labels) -> list[str]:
    """Say what was not fitted as the study file says: each reason once, with the analyses and places of which it holds."""
    results = released["results"]
    odd = results[~results["status"].isin(["converged", "abstains"]) | results["structures_tried"].ne("")]
    told = {
        "singular": "a variance component was estimated as zero",
        "rank_deficient": "terms were left out of the model",
        "failed": "the model could not be fitted",
        "not_estimated": "a comparison could not be estimated",
    }
    reasons: dict[str, dict[str, dict[str, None]]] = {}
    for row in odd.drop_duplicates(["analysis", "cohort", "outcome", "site", "status", "note"]).to_dict("records"):
        outcome = f", {in_sentence(labels.outcome(row['outcome'], row['site']))}" if row["outcome"] else ""
        place = f"{labels.cohort(row['cohort'])}{outcome}"
        parts = []
        if row["status"] != "converged":
            note = plainly(str(row["note"])).rstrip(".")
            parts = note.split("; ") if note else [told.get(row["status"], "")]
        if row["structures_tried"]:
            tried = listed([labels.structure(one) for one in json.loads(row["structures_tried"])])
            parts.append(
                f"planned covariance structures that did not hold: {tried}; used instead: {labels.structure(row['structure'])}"
            )
        for part in parts:
            reasons.setdefault(sentence(part), {}).setdefault(row["analysis"], {})[place] = None
    return [
        f"{reason}: {'; '.join(f'{labels.analysis(name)} ({_listed(where)})' for name, where in found.items())}."
        for reason, found in reasons.items()
    ]


def _listed(places: Iterable[str]) -> str:
    """Places between which commas would be read as theirs."""
    return "; ".join(map(in_sentence, places))


def _surprises(results: pd.DataFrame, labels: Labels) -> list[str]:
    """Name differences in pain that lie beyond what trials of dry needling have found.

    A pooled difference of -2.3 points (-3.6 to -1.0) on the NPRS is the largest published (28 trials of neck pain,
    Navarro-Santana 2020, against sham or waiting): a confidence interval that lies wholly beyond -3, or above 0.5, is more likely
    a mistake than a finding. The estimate alone would not do: of a small trial without any effect one in five lies above 0.5.
    Nothing is said of other arms, of needling against needling, nor where the study's reference is not the arm compared with.
    """
    plan = labels.plan
    mine = results[
        (results["analysis"] == plan.primary) & results["quantity"].eq("difference") & results["estimate"].notna()
    ]
    mine = mine[mine["variant"] == ""]  # nothing is said of means that stand beside the result
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
        low, high = (-row["high"], -row["low"]) if turned else (row["low"], row["high"])
        if high < -3 or low > 0.5:
            place = f"{in_sentence(labels.outcome(row['outcome'], row['site']))} in {in_sentence(labels.cohort(row['cohort']))}"
            found[
                f"The whole interval of the difference in {place} at {in_sentence(labels.visit(row['visit']))} lies outside what "
                "trials of dry needling have found (pooled −2.3 points in neck pain, Navarro-Santana 2020): check the data."
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
        told.append(f"{'some' if pd.isna(n) else format_count(n)} of {table}")
    return told


def _withheld(withheld: pd.DataFrame) -> list[str]:
    """Say of how many rows of the released tables something is not shown, and why."""
    if withheld.empty:
        return []
    n, tables = withheld["n"].sum(), withheld["section"].nunique()
    return [
        f"Of {n} {'row' if n == 1 else 'rows'} in {tables} released {'table' if tables == 1 else 'tables'} some numbers are not "
        f"shown, because they would tell of {reasons_told(withheld['reason'])}."
    ]
