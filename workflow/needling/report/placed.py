"""Where figures and tables stand: numbered in the order of the text, linked, and each in the section that it or its kind names."""

import re
from collections.abc import Callable

import pandas as pd

from needling.labels.sentences import MADE_UP, titled
from needling.labels.words import Labels
from needling.study.keys import StudyError
from needling.tables.printed import Printed, escape, markdown_table, marked
from needling.tables.select import asked_for, section_of

LATER = {"figure": "\ue000", "table": "\ue001"}  # stands for a number until the whole text is known


class Floats:
    """Figures and tables in the order in which the text shows them; what it does not name stands at the end of its section."""

    def __init__(
        self,
        labels: Labels,
        released: dict[str, pd.DataFrame],
        tables: dict[str, Printed],
        words: dict[str, dict[str, str]],
        text: str,
    ) -> None:
        """Take what was made, and the text that places part of it."""
        self._front = f"{MADE_UP}. " if labels.plan.made_up else ""
        self._labels, self._released = labels, released
        self._tables, self._words = tables, words
        self._count = {"Figure": 0, "Table": 0, "Table S": 0}
        self._numbers: dict[tuple[str, str], str] = {}
        asked = {("table", name): table.section for name, table in tables.items()}
        asked |= {("figure", name): one.get("section", "others") for name, one in words.items()}
        self._asked = {key: self._section(*key, said_so) for key, said_so in asked.items()}
        for kind, name in re.findall(r'\b(figure|table)\("(\w+)"\)', text):
            self._asked.pop((kind, name), None)
        self._known = set(re.findall(r'rest\("(\w+)"\)', text))

    def _section(self, kind: str, name: str, given: str) -> str:
        """The section that a figure or table names; else what its kind says of itself; else by the role of its analyses."""
        if given not in ("", "others"):
            return given
        return section_of(self._released, self._labels.plan, asked_for(self._released, kind, name))

    def figure(self, name: str) -> str:
        """Markdown of a figure with its number, caption and alternative text."""
        told = self._words[name]
        alternative = told["alternative"].replace("\\", "\\\\").replace('"', '\\"')
        number = self._number("Figure", ("figure", name))
        return f'![**{number}** {escape(told["caption"])}](figures/{name}){{#figure-{name} alt="{alternative}"}}\n'

    def table(self, name: str) -> str:
        """Markdown of a table with its number, caption and notes; one that is folded is counted apart, as a supplement."""
        table = self._tables[name]
        number = self._number("Table S" if table.folded else "Table", ("table", name))
        caption = f"**{number}** {escape(self._front + table.caption)}"
        notes = self._with_links(" ".join(map(marked, table.notes)))
        below = f'\n::: {{.notes custom-style="Table Notes"}}\n{notes}\n:::\n' if table.notes else ""
        body = (
            f":::: {{.table-of #table-{name}}}\n{self._with_links(markdown_table(table))}\n: {caption}\n{below}\n::::\n"
        )
        if not table.folded:
            return body
        summary = f"{number} {escape(table.caption)}"
        return f"::::: {{.fold}}\n::: {{.summary}}\n{summary}\n:::\n\n{body}\n:::::\n"

    def _with_links(self, text: str) -> str:
        """Make links of the places that a text names in braces: table:baseline, figure:flow."""
        place = r"\\\{(table|figure):([\w\\]+?)\\\}"
        return re.sub(place, lambda found: self.link(found[2].replace("\\", ""), found[1]), text)

    def rest(self, section: str) -> str:
        """Markdown of what asks for a section and is not named by the text: figures, then tables."""
        mine = [one for one, asked in self._asked.items() if asked == section]
        for one in mine:
            del self._asked[one]
        shown = sorted(mine, key=lambda one: (one[0] != "figure", one[0] == "table" and self._tables[one[1]].folded))
        return "\n".join(self.table(name) if kind == "table" else self.figure(name) for kind, name in shown)

    def own_sections(self) -> str:
        """Markdown of the sections that kinds name for themselves and the text does not have, each with its heading."""
        names = dict.fromkeys(name for name in self._asked.values() if name not in self._known and self._is_kinds(name))
        return "\n".join(f"# {escape(titled(name))} {{#{name}}}\n\n{self.rest(name)}" for name in names)

    def _is_kinds(self, section: str) -> bool:
        methods = self._released["methods"]
        return bool((methods["item"].eq("section") & methods["text"].eq(section)).any())

    def link(self, name: str, kind: str = "table") -> str:
        """Markdown of a link to a table or figure by its number, which is put in when all are counted."""
        return f"[{LATER[kind]}{name}{LATER[kind]}](#{kind}-{name})"

    def linked(self, text: str) -> str:
        """Put the numbers into the links; a link to what is not there becomes its name."""
        for kind, mark in LATER.items():

            def number(found: re.Match[str], kind: str = kind) -> str:
                known = self._numbers.get((kind, found[1]))
                return f"[{known}](#{kind}-{found[1]})" if known else f"the {kind} of {found[1].replace('_', ' ')}"

            text = re.sub(rf"\[{mark}(\w+){mark}\]\([^)]*\)", number, text)
        places = set(re.findall(r"\{#([\w-]+)", text))
        return re.sub(r" \[More\]\(#([\w-]+)\)", lambda found: found[0] if found[1] in places else "", text)

    def check(self) -> None:
        """Stop where something that was made stands nowhere."""
        for (kind, name), section in self._asked.items():
            raise StudyError(
                f"{kind} '{name}': the report has no section '{section}' that shows it; see SECTION of its file."
            )

    def _number(self, kind: str, key: tuple[str, str]) -> str:
        self._count[kind] += 1
        number = f"{kind}{'' if kind.endswith('S') else ' '}{self._count[kind]}"
        self._numbers[key] = number
        return f"{number}."


def section(name: str, title: str, caller: Callable[[], str]) -> str:
    """A section of the report; one that has nothing to say is not there, with its heading."""
    body = caller().strip()
    return f"# {escape(title)} {{#{name}}}\n\n{body}\n" if body else ""
