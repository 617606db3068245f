"""From plan and tables to the report's Markdown: sections with something to say, numbered figures and tables."""

import json
import re
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from needling.labels.sentences import MADE_UP, in_sentence, listed, sentence, spaced
from needling.labels.words import DF, FAMILIES, POOLED, VARIANCES, WITHHELD, Labels
from needling.report.happened import delivered_sentences, harms_sentences
from needling.report.mechanisms import process_sentences
from needling.report.numbers import people, primary_sentences
from needling.study.extensions import EXTENSIONS
from needling.study.keys import StudyError
from needling.tables.printed import Printed, escape, markdown_table, marked
from needling.tables.select import comparisons, said


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
    sections = [path.name for path in sorted(extensions.glob("section_*.md"))]
    texts = [templates / "report.md", *(extensions / name for name in sections)]
    floats = _Floats(labels, tables, words, "".join(path.read_text(encoding="utf-8") for path in texts))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([templates, extensions]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        keep_trailing_newline=True,
    )
    environment.filters |= {"text": marked, "low": in_sentence, "listed": listed, "sentence": sentence}
    text = environment.get_template("report.md").render(
        plan=plan,
        labels=labels,
        made_up=MADE_UP if plan.made_up else "",
        people=lambda stage: people(released, stage),
        primary=(told := primary_sentences(released, labels)),
        explored=any(not one["number"].tested for one in told),
        delivered=delivered_sentences(released, labels),
        harms=harms_sentences(released, labels),
        process=process_sentences(released, labels),
        figure=floats.figure,
        table=floats.table,
        rest=floats.rest,
        sections=sections,
        has_figure=lambda name: name in words,
        has_table=lambda name: name in tables,
        models=[_model(name, released, labels) for name in plan.analyses],
        primary_uses=[labels.fill(text) for text in said(released, plan.primary, "uses")],
        primary_missing=[labels.fill(text) for text in said(released, plan.primary, "missing")],
        problems=_problems(released, labels),
        surprises=_surprises(results, labels),
        unverified=labels.unverified,
        software=software,
        taken_out=_taken_out(released["cleaning"]),
        pooled=any(labels.measure(*place).label == POOLED for place in labels.places),
        withheld=_withheld(released["withheld"]),
        adjusted=bool(results["p_adjusted"].notna().any()),
        improved=bool(comparisons(results[results["analysis"] == plan.primary])["better"].eq("higher").all()),
    )
    floats.check()
    return re.sub(r"\n{3,}", "\n\n", text)


class _Floats:
    """Figures and tables in the order in which the text shows them; what it does not name stands at the end of its section."""

    def __init__(self, labels: Labels, tables: dict[str, Printed], words: dict[str, dict[str, str]], text: str) -> None:
        self._front = f"{MADE_UP}. " if labels.plan.made_up else ""
        self._tables, self._words = tables, words
        self._count = {"Figure": 0, "Table": 0}
        self._asked: dict[tuple[str, str], str] = {("table", name): table.section for name, table in tables.items()}
        self._asked |= {("figure", name): one.get("section", "others") for name, one in words.items()}
        for kind, name in re.findall(r'\b(figure|table)\("(\w+)"\)', text):
            self._asked.pop((kind, name), None)

    def figure(self, name: str) -> str:
        """Markdown of a figure with its number, caption and alternative text."""
        told = self._words[name]
        alternative = told["alternative"].replace("\\", "\\\\").replace('"', '\\"')
        return f'![{self._number("Figure")} {escape(told["caption"])}](figures/{name}){{#figure-{name} alt="{alternative}"}}\n'

    def table(self, name: str) -> str:
        """Markdown of a table with its number, caption and notes."""
        table = self._tables[name]
        caption = f"{self._number('Table')} {escape(self._front + table.caption)}"
        notes = escape(" ".join(table.notes))
        below = f'\n::: {{.notes custom-style="Table Notes"}}\n{notes}\n:::\n' if table.notes else ""
        return f"{markdown_table(table)}\n: {caption}\n{below}"

    def rest(self, section: str) -> str:
        """Markdown of what asks for a section and is not named by the text: tables, then figures."""
        mine = [one for one, asked in self._asked.items() if asked == section]
        for one in mine:
            del self._asked[one]
        return "\n".join(self.table(name) if kind == "table" else self.figure(name) for kind, name in mine)

    def check(self) -> None:
        """Stop where something that was made stands nowhere."""
        for (kind, name), section in self._asked.items():
            raise StudyError(
                f"{kind} '{name}': the report has no section '{section}' that shows it; see SECTION of its file."
            )

    def _number(self, kind: str) -> str:
        self._count[kind] += 1
        return f"**{kind} {self._count[kind]}.**"


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
    return {"label": labels.analysis(name), "sentences": " ".join(sentences)}


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
            [in_sentence(str(row["note"]).rstrip(".")) or told.get(row["status"], "")]
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
