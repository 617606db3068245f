"""From plan and tables to the report's Markdown: sections with something to say, numbered figures and tables."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import pandas as pd

from needling.instruments import definitions
from needling.privacy.release import release_flow, release_results
from needling.report.numbers import Numbers, arms_compared
from needling.stage import versions
from needling.tables.printed import Printed
from needling.tables.results import tidy
from needling.tables.words import (
    MADE_UP,
    POOLED,
    in_sentence,
    listed,
    made_up,
    measure,
    places,
    visit_label,
)

if TYPE_CHECKING:
    from needling.study import Study

SOFTWARE = (
    "numpy",
    "scipy",
    "pandas",
    "statsmodels",
    "pingouin",
    "matplotlib",
    "snakemake",
    "pypandoc-binary",
    "typst",
)
# How the source of an instrument says that its rule for missing items was not read in a publication.
UNCHECKED = re.compile(r"(^|; *)(unverified|[^;]*\b(missing items|items needed|scoring rule)\b[^;]*\bunverified)")
DF = {
    "kenward_roger": "Kenward-Roger",
    "satterthwaite": "Satterthwaite",
    "between_within": "between and within patients",
    "asymptotic": "none (normal distribution)",
}
RESIDUALS = {
    "unstructured": "unstructured",
    "toeplitz_het": "heterogeneous Toeplitz",
    "ar1_het": "heterogeneous first-order autoregressive",
    "compound_symmetry_het": "heterogeneous compound symmetry",
    "toeplitz": "Toeplitz",
    "ar1": "first-order autoregressive",
    "compound_symmetry": "compound symmetry",
    "antedependence": "ante-dependence",
    "antedependence_het": "heterogeneous ante-dependence",
}


def report_text(
    plan: "Study",
    inputs: dict[str, pd.DataFrame],
    tables: dict[str, Printed],
    words: dict[str, dict[str, str]],
    *,
    templates: Path,
) -> str:
    """Write the report as Markdown.

    Parameters
    ----------
    plan : the sections that `build_report` names.
    inputs : table name -> table as the analyses wrote them.
    tables : table name -> formatted table, as `write_tables` gives them.
    words : figure -> its caption and alternative text; those without a caption have nothing to show.
    templates : folder with report.md.

    Returns
    -------
    Markdown whose figures are named without ending.

    Raises
    ------
    LookupError : the text asks for a number that no table has.
    """
    minimum = plan.disclosure.min_cell
    results = release_results(inputs["results"], inputs["flow"], minimum)
    flow = release_flow(inputs["flow"], minimum)
    numbers = Numbers(results, flow, plan)
    floats = _Floats(plan, tables, words)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        keep_trailing_newline=True,
    )
    environment.filters |= {"text": escape, "low": in_sentence, "listed": listed, "sentence": _sentence}
    text = environment.get_template("report.md").render(
        plan=plan,
        made_up=MADE_UP if plan.made_up else "",
        numbers=numbers,
        primary=numbers.primary(),
        arms=lambda contrast: arms_compared(plan, contrast),
        visit=lambda name: visit_label(plan, name),
        figure=floats.figure,
        table=floats.table,
        has_figure=lambda name: bool(words.get(name, {}).get("caption")),
        has_table=floats.has_table,
        models=_models(results, plan),
        problems=_problems(results, plan),
        surprises=_surprises(results, plan),
        unchecked=_unchecked_rules(plan),
        covariates=lambda names: _covariates(plan, names),
        residuals=RESIDUALS,
        software=versions(*SOFTWARE),
        taken_out=_taken_out(inputs, plan),
        outcome_labels=lambda names: listed([in_sentence(plan.outcome_label(name)) for name in names]),
        pooled=any(measure(plan, *place).label == POOLED for place in places(plan)),
        minimum=minimum,
        adjusted=bool(results["p_adjusted"].notna().any()),
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def escape(text: object) -> str:
    """Make a text safe inside Markdown: what it says is what is printed."""
    return re.sub(r"([\\`*_{}\[\]<>#|~^$@\"'+!])", r"\\\1", str(text))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


class _Floats:
    """Figures and tables in the order in which the text shows them."""

    def __init__(self, plan: "Study", tables: dict[str, Printed], words: dict[str, dict[str, str]]) -> None:
        self._plan, self._tables, self._words = plan, tables, words
        self._count = {"Figure": 0, "Table": 0}

    def has_table(self, name: str) -> bool:
        """Tell whether the study has anything for a table."""
        return name in self._tables

    def figure(self, name: str) -> str:
        """Markdown of a figure with its number, caption and alternative text."""
        said = self._words[name]
        alternative = said["alternative"].replace('"', "'")
        return f'![{self._number("Figure")} {escape(said["caption"])}](figures/{name}){{#figure-{name} alt="{alternative}"}}\n'

    def table(self, name: str) -> str:
        """Markdown of a table with its number, caption and notes."""
        table = self._tables[name]
        caption = f"{self._number('Table')} {escape(made_up(self._plan, table.caption))}"
        notes = (
            f'\n::: {{.notes custom-style="Table Notes"}}\n{escape(" ".join(table.notes))}\n:::\n'
            if table.notes
            else ""
        )
        return f"{markdown_table(table)}\n: {caption}\n{notes}"

    def _number(self, kind: str) -> str:
        self._count[kind] += 1
        return f"**{kind} {self._count[kind]}.**"


def markdown_table(table: Printed) -> str:
    """Write a table as a pipe table whose dashes carry the widths; a heading row is bold with the other cells empty."""
    size = len(table.head)
    rules = [
        f":{'-' * max(1, round(100 * width))}" if i in table.left else f"{'-' * max(1, round(100 * width))}:"
        for i, width in enumerate(table.widths or [1 / size] * size)
    ]
    lines = [_line(table.head), f"|{'|'.join(rules)}|"]
    for row in table.rows:
        if len(row) == 1:
            lines.append(f"| **{escape(row[0])}** |{' |' * (size - 1)}")
        else:
            lines.append(_line(row))
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    stripped = text.lstrip(" ")
    return " " * (len(text) - len(stripped)) + escape(stripped)


def _models(results: pd.DataFrame, plan: "Study") -> list[dict[str, Any]]:
    """Gather for each analysis what its rows say about model, degrees of freedom, population and outcome of the fit."""
    gathered = []
    for name, settings in plan.analyses.items():
        rows = results[results["analysis"] == name]

        def unique(column: str, rows: pd.DataFrame = rows) -> list[str]:
            return list(dict.fromkeys(text for text in rows[column].fillna("") if text))

        gathered.append(
            {"name": name, "settings": settings}
            | {"method": unique("method"), "weights": unique("weights")}
            | {"df_method": [DF.get(rule, rule.replace("_", " ")) for rule in unique("df_method")]}
        )
    return gathered


def _problems(results: pd.DataFrame, plan: "Study") -> list[str]:
    """Say in a sentence each what was not fitted as the study file says."""
    odd = results[results["status"].isin(["singular", "rank_deficient", "failed", "not_estimated", "suppressed"])]
    fallen = results["note"].fillna("").str.startswith("planned structures that did not hold")
    odd = pd.concat([odd, results[fallen]]).drop_duplicates(["analysis", "cohort", "outcome", "status", "note"])
    said = {
        "singular": "a variance component was estimated as zero",
        "rank_deficient": "terms were left out of the model",
        "failed": "the model could not be fitted",
        "not_estimated": "a contrast could not be estimated",
        "suppressed": "a result is not shown",
    }
    sentences: dict[str, None] = {}
    for row in odd.to_dict("records"):
        place = f"{plan.cohorts[row['cohort']].label}, {in_sentence(plan.outcome_label(row['outcome']))}"
        note = str(row["note"]) if isinstance(row["note"], str) else ""
        label = plan.analyses[row["analysis"]].label
        sentences[f"{label}: {place}: {in_sentence(tidy(note)) or said[row['status']]}."] = None
    return list(sentences)


def _surprises(results: pd.DataFrame, plan: "Study") -> list[str]:
    """Name differences in pain that lie beyond what trials of dry needling have found.

    A pooled difference of -2.3 points (-3.6 to -1.0) on the NPRS is the largest published (28 trials of neck pain,
    Navarro-Santana 2020): one beyond -3, or above 0.5, is more likely a mistake than a finding.
    """
    rows = results[(results["analysis"] == plan.primary) & (results["term"] == "effect") & results["estimate"].notna()]
    found: dict[str, None] = {}
    for row in rows.to_dict("records"):
        instrument = plan.cohorts[row["cohort"]].outcomes[row["outcome"]]
        if not isinstance(instrument, str) or (plan.instruments[instrument].registry or instrument) != "nprs":
            continue
        against = not str(row["contrast"]).endswith(f" - {plan.arms[0]}")
        turned = plan.analyses[plan.primary].report_as == "improvement"
        difference = row["estimate"] * (-1 if turned != against else 1)
        if not -3 <= difference <= 0.5:
            place = (
                f"{in_sentence(plan.outcome_label(row['outcome']))} in {in_sentence(plan.cohorts[row['cohort']].label)}"
            )
            found[
                f"The difference in {place} at {in_sentence(visit_label(plan, row['visit']))} lies outside what trials "
                "of dry needling have found (pooled −2.3 points in neck pain, Navarro-Santana 2020): check the data."
            ] = None
    return list(found)


def _unchecked_rules(plan: "Study") -> list[str]:
    """Name the instruments that are scored in spite of missing items by a rule that nobody checked."""
    return [
        one.label
        for one in definitions(plan.instruments).values()
        if one.entry and one.fewest_items < len(one.items) and UNCHECKED.search(one.entry.source)
    ]


def _covariates(plan: "Study", names: list[str]) -> str:
    labels = []
    for name in names:
        column = plan.patients.covariates.get(name)
        labels.append(in_sentence(column.label) if column and column.label else name.replace("_", " "))
    return listed(labels)


def _taken_out(inputs: dict[str, pd.DataFrame], plan: "Study") -> list[tuple[str, str]]:
    """Count the lines of the export taken out, by table; patients are counted in the participant flow only.

    A line whose visit was taken out with its values counts as one of the visits.
    """
    if "audit" not in inputs:
        return []
    gone = inputs["audit"][inputs["audit"]["action"].isin(["quarantined", "dropped"])]
    place = ["file", "sheet", "line"]
    gone = (
        gone[gone["table"] != "patients"].assign(value=gone["table"] == "outcomes").sort_values("value", kind="stable")
    )
    counts = gone.drop_duplicates([*place, "table"]).drop_duplicates(place)["table"].value_counts()
    few = plan.disclosure.min_cell
    return [
        (str(name).replace("co_", "co-").replace("_", " "), f"{n:,}" if n >= few else f"fewer than {few}")
        for name, n in sorted(counts.items())
    ]
