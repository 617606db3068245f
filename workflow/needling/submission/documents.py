"""Tables, figures and methods as documents for authors: what the report says, one table or figure on a page."""

import re
import tempfile
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from needling.labels.sentences import MADE_UP
from needling.labels.words import Labels
from needling.report.build import READER, TEMPLATES, build_document
from needling.report.checklists import Item, places_of
from needling.report.page import page_style
from needling.report.software import software
from needling.report.text import report_text
from needling.tables.printed import Printed

BLOCKS = {
    "table": r"^:::: \{\.table-of #table-(?P<name>\w+)\}\n.*?^::::$",
    "figure": r"^!\[[^\n]*\]\(figures/(?P<name>\w+)\)\{[^\n]*\}$",
}
SUPPLEMENT = "Supplementary tables"
NEXT_PAGE = '```{=openxml}\n<w:p><w:r><w:br w:type="page"/></w:r></w:p>\n```\n'


@dataclass(frozen=True)
class Block:
    """A table or figure of the report: its name, the section in which it stands, its Markdown."""

    name: str
    section: str
    text: str


def blocks(text: str, kind: str) -> list[Block]:
    """Find the tables or figures of the report's text, in their order; folded tables come last, as supplements."""
    found = []
    for one in re.finditer(BLOCKS[kind], text, re.MULTILINE | re.DOTALL):
        before = re.findall(r"^# (.*?) \{#[\w-]+\}$", text[: one.start()], re.MULTILINE)
        folded = ": **Table S" in one[0]
        found.append(Block(one["name"], SUPPLEMENT if folded else before[-1], one[0]))
    return sorted(found, key=lambda block: block.section == SUPPLEMENT)


def one_each(found: list[Block], kind: str) -> str:
    """Markdown with a page for each block, under the headings of the report's sections."""
    known = {f"{kind}-{block.name}" for block in found}
    parts, section = [], ""
    for block in found:
        head = f"# {block.section}\n\n" if block.section != section else ""
        section = block.section
        parts.append(head + unlinked(block.text, known) + "\n")
    return f"\n{NEXT_PAGE}\n".join(parts)


def unlinked(text: str, known: set[str]) -> str:
    """Leave of a link to what is not in this document its words."""
    return re.sub(r"\[([^\[\]]+)\]\(#([\w-]+)\)", lambda one: one[0] if one[2] in known else one[1], text)


def methods_text(text: str) -> str:
    """Markdown of the methods: what is estimated, the items of an analysis plan, the models, what computed it, what is missing."""
    estimand = re.search(r"^What is estimated\n:.*?$", text, re.MULTILINE)
    methods = _section(text, "methods")
    computed = re.search(r"^The exact numbers are .*? (Computed with .*)$", text, re.MULTILINE)
    lacking = _section(text, "lacking")
    parts = ["# Methods\n"]
    parts += [f"{estimand[0]}\n"] if estimand else []
    parts += [methods]
    parts += [f"## Software\n\n{computed[1]}\n"] if computed else []
    parts += [f"# For the authors to add\n\n{lacking}"] if lacking else []
    return unlinked("\n".join(parts), set())


def _section(text: str, name: str) -> str:
    """What stands under one heading of the report, up to the next of its level."""
    found = re.search(rf"^# [^\n]* \{{#{name}\}}\n(.*?)(?=^# |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1].strip() + "\n" if found else ""


def write_documents(
    labels: Labels,
    released: dict[str, pd.DataFrame],
    tables: dict[str, Printed],
    words: dict[str, dict[str, str]],
    pictures: Path,
    folder: Path,
) -> list[Path]:
    """Write tables.docx, figures.docx and methods.docx: numbers, captions and words are those of the report.

    Parameters
    ----------
    labels, released, tables, words : as `report_text` takes them.
    pictures : folder with each figure as PNG.
    folder : where the documents go.

    Returns
    -------
    The paths; a document for which the study has nothing is not written.
    """
    text = report_text(labels, released, tables, words, software=software(), templates=TEMPLATES)
    told = {
        "tables": one_each(blocks(text, "table"), "table"),
        "figures": one_each(blocks(text, "figure"), "figure"),
        "methods": methods_text(text),
    }
    paths = []
    with tempfile.TemporaryDirectory() as nothing:
        for name, markdown in told.items():
            if markdown:
                of = pictures if name == "figures" else Path(nothing)
                title = f"{labels.title}: {name}"
                paths.append(build_document(markdown, title, labels, of, folder / f"{name}.docx"))
    return paths


def write_checklist_page(
    lists: dict[str, list[Item]], where: dict[str, str], labels: Labels, files: dict[str, str], path: Path
) -> None:
    """Write the checklists as one page that looks like the report's.

    Parameters
    ----------
    lists, where : as `checklists` and `sources` of the report give them.
    labels : the study's words.
    files : link of an item -> the file beside the page where its answer is.
    path : of the HTML.
    """
    import pypandoc

    parts = [MADE_UP + "." if labels.plan.made_up else ""]
    for name, items in lists.items():
        parts += [
            f"# {name}",
            f"In our words; the guideline itself is at <{where[name]}>.",
            _as_table(name, items, files),
        ]
    metadata = ["--metadata", f"title={labels.title}: checklists", "--metadata", "lang=en-GB"]
    with tempfile.TemporaryDirectory() as scratch:
        style = Path(scratch) / "style.html"
        style.write_text(page_style((TEMPLATES / "report.css").read_text(encoding="utf-8")), encoding="utf-8")
        extra = ["--standalone", "--wrap=none", "--toc", "--shift-heading-level-by=1", "--section-divs"]
        extra += [f"--include-in-header={style}", f"--template={TEMPLATES / 'report.html'}", *metadata]
        made = pypandoc.convert_text("\n\n".join(parts), "html5", format=READER, extra_args=extra)
    path.write_text(made.replace("Skip to the report", "Skip to the checklists") + "\n", encoding="utf-8")


def _as_table(name: str, items: list[Item], files: dict[str, str]) -> str:
    """A checklist as a table of HTML within Markdown: answers are of several lines."""
    columns = "".join(f'<col style="width: {share}%">' for share in (6, 26, 13, 37, 18))
    heads = "".join(
        f'<th scope="col">{head}</th>' for head in ("Item", "What is asked", "How it stands", "Answer", "Where")
    )
    rows = []
    for item in items:
        links = ", ".join(f'<a href="{escape(place)}">{escape(place)}</a>' for place in places_of(item, files))
        cells = "".join(f"<td>{cell}</td>" for cell in (escape(item.asks), item.status, escape(item.answer), links))
        rows.append(f'<tr><th scope="row">{item.number}</th>{cells}</tr>')
    return "\n".join(
        [
            "```{=html}",
            f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(name)}">',
            f'<table style="table-layout: fixed; overflow-wrap: anywhere"><colgroup>{columns}</colgroup>',
            f"<thead><tr>{heads}</tr></thead><tbody>",
            *rows,
            "</tbody></table></div>",
            "```",
        ]
    )
