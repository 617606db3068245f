"""What leaves the house is searched once more as it is written: nothing may identify a person but what authors mean to say."""

import csv
import html
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import yaml

from needling.study.keys import StudyError

TEXTS = {".csv", ".txt", ".yaml", ".html", ".svg", ".json", ".md", ".cff", ""}
DOCUMENTS = {".docx", ".xlsx"}
MARKED = {".html", ".svg"}
# Papers, rules of journals and licences have addresses on the web; none of them is a patient's.
NOT_HERE = {"web address", "web domain"}
STUDY_DAY = "2026-01-31"
DAYS = r"(?<![\d-])20\d\d-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])(?!\d)"
DIGESTS = r"\b(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{12})\b"  # of files, of commits, and of rows of results
CODE = 12
# Attributes that hold words; the others of a page or drawing are measures, and what points at a part of it is made by the program.
WORDED = r"\b(?:alt|title|aria-label|content|href(?!\s*=\s*[\"']#)|name|descr|Target)\s*=\s*(\"[^\"]*\"|'[^']*')"
NUMBER = r"[-+]?\d{0,7}(?:\.\d*)?(?:e[-+]?\d+)?"  # a result, as results are written


class Pattern(Protocol):
    """One kind of identifier (`needling.privacy.patterns`, which is below the release line and handed up)."""

    kind: str
    why: str

    def found(self, text: str) -> bool:
        """Tell whether a text holds it."""


def stop_on_identifiers(
    folder: Path, patterns: Sequence[Pattern], meant: Iterable[str] = (), codes: Iterable[str] = ()
) -> None:
    """Stop where a file that is handed in could identify somebody.

    Parameters
    ----------
    folder : of the submission; texts are read as they are, documents by the words in their XML. A figure's words are in its
        alternative text and in the tables beside it.
    patterns : what identifiers look like, as the gate has it for what comes in.
    meant : texts that go out on purpose and are not looked at: names of authors, what they say of the study, names of programs.
    codes : of rows of results, of which some are digits alone.

    Raises
    ------
    StudyError : names the first file and line and what is there, never the text itself.
    """
    search = _Search(patterns, set(meant), set(codes))
    found = []
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        name = path.relative_to(folder).as_posix()
        found += [(f"{name}{part}", line, why) for part, line, why in _in_file(path, search)]
    if found:
        file, line, why = found[0]
        more = f" ({len(found) - 1} more such places)" if len(found) > 1 else ""
        raise StudyError(
            f"{file}, line {line}: it holds {why}, and a submission goes to strangers{more}. No submission was written: take it "
            "out of the study file, or of what its words come from; what authors say of themselves is under authors and metadata."
        )


def _in_file(path: Path, search: "_Search") -> Iterator[tuple[str, int, str]]:
    """What a file holds: part of the file, line, why."""
    ending = path.suffix.lower()
    if ending in DOCUMENTS:
        for part, words in _parts_of_document(path):
            yield from ((f", {part}", line, why) for line, why in search.in_text(words))
    elif ending in TEXTS:
        text = path.read_text(encoding="utf-8", errors="replace")
        looked = (
            search.in_table(text)
            if ending == ".csv"
            else search.in_text(_words_of_marked(text) if ending in MARKED else text)
        )
        yield from (("", line, why) for line, why in looked)


def meant_to_go_out(plan: str) -> set[str]:
    """Texts of a study file that are for readers to know: authors, metadata, who decided or looked.

    Parameters
    ----------
    plan : the study file as text.

    Returns
    -------
    All of them that are words.
    """
    told = yaml.safe_load(plan) or {}
    meant = {*_strings(told.get("authors")), *_strings(told.get("metadata")), *_strings(_of_key(told, "by"))}
    return {text for text in meant if re.search(r"[^\W\d_]{2}", text)}


def _strings(given: Any) -> Iterator[str]:
    """All texts in values of a study file."""
    if isinstance(given, dict):
        given = list(given.values())
    if isinstance(given, list):
        for one in given:
            yield from _strings(one)
    elif given is not None:
        yield str(given)


def _of_key(given: Any, key: str) -> list[Any]:
    """The values of a key wherever it stands."""
    if isinstance(given, list):
        return [found for one in given for found in _of_key(one, key)]
    if not isinstance(given, dict):
        return []
    mine = [given[key]] if isinstance(given.get(key), str) else []
    return mine + [found for one in given.values() for found in _of_key(one, key)]


class _Search:
    """Looks for identifiers in texts; the same text is looked at once."""

    def __init__(self, patterns: Sequence[Pattern], meant: set[str], codes: set[str]) -> None:
        self.codes = codes
        kept = [one for one in patterns if one.kind not in NOT_HERE]
        self.with_days = [one for one in kept if not one.found(STUDY_DAY)]
        self.without = [one for one in kept if one.found(STUDY_DAY)]
        words = sorted(
            {re.escape(" ".join(one.split())).replace(r"\ ", r"\s+") for one in meant}, key=len, reverse=True
        )
        self.meant = re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)") if words else None
        self.known: dict[str, list[str]] = {}

    def blanked(self, text: str) -> str:
        """A text without what is meant to go out; its lines stay where they are."""
        if self.meant is None:
            return text
        return self.meant.sub(lambda one: " … " + "\n" * one[0].count("\n"), text)

    def found(self, text: str) -> list[str]:
        """Say what a text holds; digests and days of the study, which are in this century, are nobody's."""
        if text not in self.known:
            plain = re.sub(DIGESTS, lambda one: " " if len(one[0]) > CODE or one[0] in self.codes else one[0], text)
            dayless = re.sub(DAYS, " ", plain)
            why = [one.why for one in self.with_days if one.found(plain)]
            self.known[text] = list(dict.fromkeys(why + [one.why for one in self.without if one.found(dayless)]))
        return self.known[text]

    def in_text(self, text: str) -> Iterator[tuple[int, str]]:
        """What each line of a text holds."""
        for number, line in enumerate(self.blanked(text).split("\n"), 1):
            yield from ((number, why) for why in self.found(line))

    def in_table(self, text: str) -> Iterator[tuple[int, str]]:
        """What each cell of a table holds: a number by itself is a result."""
        reader = csv.reader(io.StringIO(self.blanked(text)))
        for row in reader:
            for cell in row:
                if not re.fullmatch(NUMBER, cell):
                    yield from ((reader.line_num, why) for why in self.found(cell))


def _words_of_marked(text: str) -> str:
    """Words of a page or drawing, with its remarks and attributes that hold words; lines stay where they are."""

    def worded(tag: re.Match[str]) -> str:
        told = " ".join(one[1:-1] for one in re.findall(WORDED, tag[0]))
        return f" {told} " + "\n" * (tag[0].count("\n") - told.count("\n"))

    without = re.sub(r"(?s)<(style|script)\b.*?</\1>", lambda one: "\n" * one[0].count("\n"), text)
    open_remarks = without.replace("<!--", " ").replace("-->", " ")
    return html.unescape(re.sub(r"<[^>]*>", worded, open_remarks))


def _parts_of_document(path: Path) -> Iterator[tuple[str, str]]:
    """Each part of a DOCX or XLSX with its words, a paragraph or cell a line."""
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith((".xml", ".rels")):
                continue
            xml = archive.read(name).decode("utf-8", "replace")
            if name.startswith("docProps/"):
                lines = re.findall(r">([^<]+)<", xml)
            else:
                pieces = re.split(r"</(?:w:p|si|is)>", xml)
                lines = ["".join(re.findall(r"<(?:w:|m:)?t(?: [^>]*)?>([^<]*)<", piece)) for piece in pieces]
                lines += [one[1:-1] for one in re.findall(WORDED, xml)]
            yield name, html.unescape("\n".join(lines))
