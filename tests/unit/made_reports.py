"""The text of the report of made-up results, and its plain words."""

import re

from made_results import shown

from needling.figures.draw import figures
from needling.report.build import TEMPLATES
from needling.report.text import report_text
from needling.tables.make import tables as all_tables

FIGURES = figures()
WORDS = {name: {"caption": f"What {name} shows.", "alternative": f"A picture of the {name}."} for name in FIGURES}
SAID = ["numpy 2.0.0"]


def text_of(make, change=None, per_arm=60):
    released, labels = shown(make, per_arm)
    if change:
        change(released)
    return text_from(released, labels)


def text_from(released, labels):
    tables = {name: table for name, build in all_tables().items() if (table := build(released, labels)) is not None}
    return report_text(labels, released, tables, WORDS, software=SAID, templates=TEMPLATES)


def plain(text):
    """The words of a text in Markdown: without escapes and without the rows that numbers come from."""
    return re.sub(r"\\(.)", r"\1", re.sub(r"(?<!\\)\[((?:[^\]\\]|\\.)*)\]\{data-row[^}]*\}", r"\1", text))
