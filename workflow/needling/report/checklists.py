"""Which items of the reporting guidelines the study answers, where, and which are left to the authors."""

import re
from collections.abc import Sequence
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
QUOTED = 12  # rows of a table in an answer: more are read in the table


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
    a table does not show. A figure answers with the numbers of its alternative text, a table that is the only one with its rows.
    """
    methods, design = dict(plan_items(released, labels)), labels.plan.design
    made = {}
    for one in _of_the_study(labels):
        mine = {number: item | item.get(design, {}) for number, item in one["items"].items()}
        mine = {number: item for number, item in mine.items() if design in item.get("designs", [design])}
        made[one["label"]] = [_item(str(number), item, methods, tables, words) for number, item in mine.items()]
    return made


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
    found = [
        (f"{one}: {methods[one]}", "methods", f"methods:{one}") for one in _several(item, "methods") if one in methods
    ]
    figures, printed, lines = (_several(item, kind) for kind in ("figure", "table", "delivered"))
    found += [(_of_figure(words[one]), f"figures/{one}", f"figure:{one}") for one in figures if one in words]
    told = {one: _of_table(one, tables[one], alone=len(printed) == 1) for one in printed if one in tables}
    found += [(answer, f"tables/{one}.csv", f"table:{one}") for one, answer in told.items()]
    delivered = [line for one in lines for line in _delivered(one, tables)]
    found += [("; ".join(delivered), f"tables/{STRICTA_TABLE}.csv", f"table:{STRICTA_TABLE}")] if delivered else []
    asked = len(figures) + len(printed) + sum(not _is_withheld(one, tables) for one in lines)
    # What is only part of the answer is none: the authors would take the item for done.
    is_whole = all(one in tables for one in _several(item, "needs"))
    is_whole = is_whole and any(re.search(item.get("says", ""), answer) for answer, _, _ in found)
    if not is_whole:
        return Item(number, item["asks"], ABSENT if asked and "methods" not in item else AUTHORS, "", "")
    answers, places, links = zip(*found, strict=True)
    where = ", ".join(dict.fromkeys(places))
    return Item(number, item["asks"], AUTOMATIC, _joined(answers), where, tuple(dict.fromkeys(links)))


def _of_figure(words: dict[str, str]) -> str:
    """What a figure shows, with its numbers where its alternative text has them."""
    return words["alternative"] or words["caption"]


def _of_table(name: str, table: Printed, alone: bool) -> str:
    """A table's caption, and where it alone answers an item its first rows, without those that it withholds or has nothing in."""
    first = 1 if name == STRICTA_TABLE else 0  # before what is counted stands its item of STRICTA
    heading, lines = "", []
    for row in table.rows if alone else ():
        if len(row) == 1:
            heading = row[0]
            continue
        pairs = zip(table.head[first + 1 :], row[first + 1 :], strict=True)
        cells = [f"{head} {cell}".strip() for head, cell in pairs if cell not in ("", MISSING)]
        if cells and not {*row[first + 1 :]} <= {HIDDEN, MISSING, ""}:
            lines.append(f"{heading + ': ' if heading else ''}{row[first]} ({', '.join(cells)})")
    more = f"; and {len(lines) - QUOTED} more rows" if len(lines) > QUOTED else ""
    return f"{table.caption} {'; '.join(lines[:QUOTED])}{more}".strip() + ("." if lines else "")


def _joined(answers: Sequence[str]) -> str:
    """Answers as sentences one after the other: what a study file says may lack its full stop."""
    return " ".join([*(f"{one.rstrip('.')}." for one in answers[:-1]), *answers[-1:]])


def _several(item: dict[str, Any], kind: str) -> list[str]:
    """The one or several things of a kind that answer an item."""
    named = item.get(kind, [])
    return [str(one) for one in (named if isinstance(named, list) else [named])]


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


def write_checklists(
    lists: dict[str, list[Item]], where: dict[str, str], path: Path, files: dict[str, str] | None = None
) -> None:
    """Write the checklists as a workbook, a sheet each; the same bytes each time.

    Parameters
    ----------
    lists : as `checklists` gives them.
    where : as `sources` gives them.
    path : of the XLSX.
    files : link of an item (table:baseline) -> the file beside the workbook where its answer is, to which the cell leads. Default:
        places are told in words alone.
    """
    from datetime import datetime

    import xlsxwriter

    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        book.set_properties({"created": datetime(2000, 1, 1)})  # instead of the clock: the same bytes each time
        bold, wrap = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
        linked = book.add_format({"font_color": "#114b8b", "underline": 1, "text_wrap": True, "valign": "top"})
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
                places = places_of(item, files or {})
                cells = (item.number, item.asks, item.status, item.answer, *([] if places else [item.where]))
                for column, cell in enumerate(cells):
                    sheet.write_string(line, column, cell, wrap)
                for column, place in enumerate(places, len(cells)):  # a cell leads to one file only
                    sheet.write_url(line, column, f"external:{place}", linked, place)
            sheet.set_column(5, 5 + max((len(item.links) for item in items), default=0), 28)
            sheet.freeze_panes(2, 0)
    _with_paths_of_everywhere(path)


def _with_paths_of_everywhere(path: Path) -> None:
    """Write the links of a workbook as addresses: xlsxwriter separates folders as Windows does, which others cannot follow."""
    import zipfile

    with zipfile.ZipFile(path) as book:
        parts = [(one, book.read(one)) for one in book.infolist()]
    with zipfile.ZipFile(path, "w") as book:
        for one, held in parts:
            is_led = one.filename.endswith(".rels")
            link = rb'(?<=Target=")[^"]*'
            book.writestr(one, re.sub(link, lambda found: found[0].replace(b"\\", b"/"), held) if is_led else held)


def places_of(item: Item, files: dict[str, str]) -> list[str]:
    """The files in which an item's answer is, each once."""
    return list(dict.fromkeys(files[link] for link in item.links if link in files))
