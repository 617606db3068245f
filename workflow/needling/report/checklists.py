"""Which items of the reporting guidelines the study answers, where, and which are left to the authors."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from needling.labels.numbers import MISSING
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.report.methods import plan_items
from needling.tables.printed import Printed
from needling.tables.withheld import HIDDEN

FILE = Path(__file__).with_name("checklists.yaml")
AUTOMATIC, AUTHORS, ABSENT = "automatic", "authors", "not in the data"
STRICTA_TABLE = "delivered"


@dataclass(frozen=True)
class Item:
    """One item of a checklist: what is asked, how it stands (automatic, authors, not in the data), the answer and where it is.

    `links` names tables and figures of the report, as table:baseline, and items of the methods, as methods:Outcomes.
    """

    number: str
    asks: str
    status: str
    answer: str
    where: str
    links: tuple[str, ...] = ()


@cache
def _guidelines() -> dict[str, Any]:
    given: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return given


def checklists(
    released: dict[str, pd.DataFrame], labels: Labels, tables: dict[str, Printed], words: dict[str, dict[str, str]]
) -> dict[str, list[Item]]:
    """Fill the checklists that belong to a study's design; STRICTA to a study in which patients are needled.

    Parameters
    ----------
    released : the released tables by name.
    labels : the study's words.
    tables : the report's tables by name.
    words : figure -> caption and alternative text, of the figures that were drawn.

    Returns
    -------
    Name of the guideline -> its items in order. An item is `automatic` where an item of the methods, a table or a figure answers
    it; `not in the data` where only a table or figure would, and the study has none; else for the `authors`, who also know what
    a table does not show.
    """
    methods = dict(plan_items(released, labels))
    return {
        one["label"]: [_item(str(number), item, methods, tables, words) for number, item in one["items"].items()]
        for one in _of_the_study(labels)
    }


def sources(labels: Labels) -> dict[str, str]:
    """Name of each guideline that belongs to a study's design -> where it is published."""
    return {one["label"]: one["source"] for one in _of_the_study(labels)}


def _of_the_study(labels: Labels) -> list[dict[str, Any]]:
    """The guidelines for a study's design; STRICTA is for needling."""
    plan = labels.plan
    known = [one for name, one in _guidelines().items() if name != "stricta" or plan.metadata.needling]
    return [one for one in known if plan.design in one["designs"]]


def _item(
    number: str,
    item: dict[str, Any],
    methods: dict[str, str],
    tables: dict[str, Printed],
    words: dict[str, dict[str, str]],
) -> Item:
    answers, places, links, asked = [], [], [], 0
    for title in _several(item, "methods"):
        if title in methods:
            answers.append(f"{title}: {methods[title]}")
            places.append("methods")
            links.append(f"methods:{title}")
    for kind, found in (("figure", {n: one["caption"] for n, one in words.items()}), ("table", _captions(tables))):
        for name in _several(item, kind):
            asked += 1
            if name in found:
                answers.append(found[name])
                places.append(f"{kind}s/{name}" + (".csv" if kind == "table" else ""))
                links.append(f"{kind}:{name}")
    if item.get("delivered"):
        lines = _delivered(str(item["delivered"]), tables)
        asked += not _is_withheld(str(item["delivered"]), tables)
        if lines:
            answers.append("; ".join(lines))
            places.append(f"tables/{STRICTA_TABLE}.csv")
            links.append(f"table:{STRICTA_TABLE}")
    unanswered = ABSENT if asked and "methods" not in item else AUTHORS
    status = AUTOMATIC if answers else unanswered
    places = list(dict.fromkeys(places))
    return Item(number, item["asks"], status, " ".join(answers), ", ".join(places), tuple(links))


def _several(item: dict[str, Any], kind: str) -> list[str]:
    """The one or several things of a kind that answer an item."""
    named = item.get(kind, [])
    return [named] if isinstance(named, str) else named


def _captions(tables: dict[str, Printed]) -> dict[str, str]:
    return {name: table.caption for name, table in tables.items()}


def _delivered(number: str, tables: dict[str, Printed]) -> list[str]:
    """What the table of the treatment as delivered says under an item of STRICTA, cohorts told apart, without what it withholds."""
    table = tables.get(STRICTA_TABLE)
    if table is None:
        return []
    arms, heading, lines = table.head[2:], "", []
    for row in table.rows:
        if len(row) == 1:
            heading = row[0]
        elif row[0] == number and not {*row[2:]} <= {HIDDEN, MISSING}:
            cells = ", ".join(f"{arm} {cell}" for arm, cell in zip(arms, row[2:], strict=True))
            lines.append(f"{heading + ': ' if heading else ''}{row[1]} ({cells})")
    return lines


def _is_withheld(number: str, tables: dict[str, Printed]) -> bool:
    """Tell whether the table of the treatment as delivered has an item of STRICTA and shows nothing of it: the authors know it."""
    table = tables.get(STRICTA_TABLE)
    rows = [row for row in table.rows if len(row) > 1 and row[0] == number] if table else []
    return bool(rows) and not _delivered(number, tables)


def checklist_tables(
    released: dict[str, pd.DataFrame], labels: Labels, tables: dict[str, Printed], words: dict[str, dict[str, str]]
) -> dict[str, Printed]:
    """The checklists as folded tables of the report: item, what is asked, how it stands, and where the answer is.

    Parameters and items are those of `checklists`; a place in braces becomes a link by its number.
    """
    where, made = sources(labels), {}
    for name, items in checklists(released, labels, tables, words).items():
        rows = [[item.number, item.asks, item.status, _place(item)] for item in items]
        counts = {status: sum(item.status == status for item in items) for status in (AUTOMATIC, AUTHORS, ABSENT)}
        told = {status: f"{n} {'is' if n == 1 else 'are'}" for status, n in counts.items()}
        caption = f"{name}: of {len(items)} items {told[AUTOMATIC]} answered here, {told[AUTHORS]} for the authors"
        caption += f" and {told[ABSENT]} not in the data." if counts[ABSENT] else "."
        exact = pd.DataFrame([vars(item) for item in items]).drop(columns="links")
        made[f"checklist_{name.split()[0].lower()}"] = Printed(
            caption, exact, ["Item", "What is asked", "How it stands", "Where"], rows, [f"The guideline: {where[name]}"],
            [0.08, 0.5, 0.16, 0.26], left=(0, 1, 2, 3), section="checklist", folded=True,
        )  # fmt: skip
    return made


def _place(item: Item) -> str:
    """Where an item's answer is."""
    titles = [in_sentence(one.removeprefix("methods:")) for one in item.links if one.startswith("methods:")]
    told = [f"{{{one}}}" for one in dict.fromkeys(item.links) if not one.startswith("methods:")]
    return ", ".join([*([f"Methods ({', '.join(titles)})"] if titles else []), *told])


def write_checklists(lists: dict[str, list[Item]], where: dict[str, str], path: Path) -> None:
    """Write the checklists as a workbook, a sheet each; the same bytes each time.

    Parameters
    ----------
    lists : as `checklists` gives them.
    where : as `sources` gives them.
    path : of the XLSX.
    """
    from datetime import datetime

    import xlsxwriter

    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        book.set_properties({"created": datetime(2000, 1, 1)})  # instead of the clock: the same bytes each time
        bold, wrap = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
        for name, items in lists.items():
            sheet = book.add_worksheet(name[:31])
            sheet.set_landscape()
            sheet.fit_to_pages(1, 0)
            sheet.repeat_rows(0, 1)
            for column, width in enumerate((7, 48, 14, 70, 28)):
                sheet.set_column(column, column, width)
            sheet.write_string(0, 0, f"{name}, in our words; the guideline itself: {where[name]}", bold)
            for column, head in enumerate(("Item", "What is asked", "Status", "Answer", "Where")):
                sheet.write_string(1, column, head, bold)
            for line, item in enumerate(items, 2):
                cells = (item.number, item.asks, item.status, item.answer, item.where)
                for column, cell in enumerate(cells):
                    sheet.write_string(line, column, cell, wrap)
            sheet.freeze_panes(2, 0)
