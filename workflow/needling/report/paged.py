"""The order in which figures and tables of a section stand in the PDF, so that no page is left half empty."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

POINTS = 72 / 25.4  # of a millimetre
TOP = 16 * POINTS  # margin of report.typ
PAGE = (297 - 16 - 17) * POINTS  # height between its margins
SPACE = 14.0  # points between two blocks; the last of a page needs none
SPARE = 3.0  # points by which a page may turn out fuller than was reckoned
UNSURE = 9.0  # and by how much more where words or rows of a table went on to it, or where it begins with a table
LINE = 13.0  # points from line to line of the text
CONTENTS = 8 * POINTS  # above the contents, where they do not begin a page
LINES = 58.0  # points that a heading needs with the lines that go with it, also of scripts that are higher
SHARES = (1, 0.98, 0.96, 0.94)  # of the size at which a figure was drawn; type of 7 points stays above 6.5
FEWEST = 3  # rows of a table on either page
KEPT = 40  # layouts up to a place that are looked at further

# How much is disliked: half a page that is empty counts 50, a third 15, a fifth 3.
SWAPPED = 0.7  # a figure and a table that change places
SMALLER = 25.0  # times what a figure loses of its size
CUT = 3.0  # a short table on two pages
PARTED = 1.5  # less than the fewest rows on one of them

START = "\n#contents()\n"
NEXT = "#pagebreak(weak: true)\n"
SUPPLEMENT = "\n// supplement\n"
# The figure of the answer with what stands beside it, if it has one; and what many results in two columns are told by.
FIRST = r"#first-figure\(\n// told\n(.*?),\n// beside\n(.*?)\n// end\n\) <figure-forest>"
BELOW, BESIDE = "#let in-columns = false\n", "#let in-columns = true\n"
# The answer as it is, then all else on one page without end, with a mark at each piece; and where the marks are.
ANSWERED = "\n#block(above: 0pt, below: 0pt, height: 0pt)[#metadata(-1) <piece>]\n#set page(height: 100000mm)"
ASKED = """
#context [#metadata((
  pieces: query(<piece>).map(it => { let at = it.location().position(); (it.value, at.page, at.y.pt()) }),
  drawn: query(<drawn>).map(it => it.value.pt()),
)) <measured>]
"""


@dataclass
class Piece:
    """A part of the text: words, a heading, a figure or a table; its heights are in points."""

    kind: str
    source: str
    whole: bool = False  # not cut without need
    parts: list[float] = field(default_factory=list)  # rows, or all of it
    head: float = 0.0  # caption and heads of columns, above the first row
    again: float = 0.0  # heads of columns, above the first row of each further page
    drawn: float = 0.0  # the drawing of a figure
    lines: list[bool] = field(default_factory=list)  # of the parts of a text: may it be cut between lines

    @property
    def height(self) -> float:
        """All of it, with the space below."""
        return self.head + sum(self.parts)


@dataclass
class Layout:
    """Pieces placed so far: how much of it is disliked, where on its page it ends, and what was chosen."""

    disliked: float
    end: float
    placed: tuple[tuple[int, str], ...] = ()  # piece, and how it is changed
    unsure: float = 0.0  # by how much it may end lower


def well_paged(
    source: str, measured: Callable[[str], Any], parts: Callable[[str, int], list[str]] = lambda path, words: []
) -> str:
    """Put figures and tables into the order that fills the pages, where no words stand between them.

    Parameters
    ----------
    source : of the PDF; figures and tables are between marks (layout.lua).
    measured : a source -> what it says at its label `measured`.
    parts : path of a drawing and letters of its caption -> the parts in which it is drawn, where it is taller than a page.

    Returns
    -------
    The source. Figures stay in their order, and so do tables; none leaves its section. Where that does not fill a page a figure is
    made a little smaller, or a short table goes on to the next page.

    Heights are measured once, on one page without end: no choice is made while pages are made, so that none can undo another.
    """
    if START not in source:
        return source
    head, body = source.split(START, 1)
    body, supplement, tables = body.partition(SUPPLEMENT)
    head, body = _with_answer(head, body, measured)
    pieces = _pieces(_parted(body, parts))
    marked = "".join(f"{_mark(number)}\n{_parts_marked(piece, number)}" for number, piece in enumerate(pieces))
    named = "".join(f"#metadata(none) <{name}>\n" for name in re.findall(r"(?m)^(?:\] )?<([\w-]+)>$", tables))
    contents, begin = _measure(pieces, measured(f"{head}{ANSWERED}{START}{marked}{_mark(len(pieces))}\n{named}{ASKED}"))
    chosen = _chosen(pieces, begin)
    return head + contents + "".join(_changed(pieces[number], how) for number, how in chosen) + supplement + tables


def _with_answer(head: str, body: str, measured: Callable[[str], Any]) -> tuple[str, str]:
    """Put the answer on one page: its results in two columns if need be, else without its figure, which then begins the rest."""
    first = re.search(FIRST, head, re.DOTALL)
    if not first or _is_one_page(head, measured):
        return head, body
    beside = head.replace(BELOW, BESIDE, 1)
    if "#results(" in head and _is_one_page(beside, measured):
        return beside, body
    words = f"{head[: first.start()]}#{first[2]}\n{head[first.end() :]}"
    figure = f"// float figure-forest\n#drawn-figure({first[1]}) <figure-forest>\n// end\n"
    if "#results(" in head and not _is_one_page(words, measured):
        words = words.replace(BELOW, BESIDE, 1)
    return words, figure + body


def _parted(body: str, parts: Callable[[str, int], list[str]]) -> str:
    """Put the parts of a drawing below one another, each a figure; the first has the caption, the others say whose they are."""

    def cut(found: re.Match[str]) -> str:
        path, alternative, caption = found.groups()
        names = parts(path, len(caption))
        if not names:
            return found[0]
        number = re.match(r"#strong\[(.*?)\.?\]", caption)
        whole = found[0].replace(path, f"figures/{names[0]}", 1)
        for place, name in enumerate(names[1:], 2):
            told = f"{number[1] if number else 'The figure'}, part {place} of {len(names)}."
            whole += f'// float figure\n#drawn-figure("figures/{name}", "{told} {alternative}", [{told}])\n// end\n'
        return whole

    words = r'"((?:[^"\\]|\\.)*)"'
    call = rf"#drawn-figure\((?:\n// told\n)?{words}, {words}, \[(.*?)\]\) <figure-\w+>"
    drawn = rf"// float figure-\w+\n{call}\n// end\n"
    return re.sub(drawn, cut, body, flags=re.DOTALL)


def _is_one_page(head: str, measured: Callable[[str], Any]) -> bool:
    """Whether an answer ends on the page on which it begins."""
    elsewhere = sorted(set(re.findall(r"#link\(<([\w-]+)>\)", head)) - set(re.findall(r"(?<!#link\()<([\w-]+)>", head)))
    named = "".join(f"#metadata(none) <{name}>\n" for name in elsewhere)  # so that links lead somewhere
    told = measured(f"{head}{ANSWERED}{START}{_mark(0)}\n{named}{ASKED}")
    return next(int(page) for number, page, _ in told["pieces"] if number == -1) == 1


def _pieces(body: str) -> list[Piece]:
    """Cut the source at figures, tables, headings of sections, and headings right above one of these."""
    pieces: list[Piece] = []
    for part in re.split(r"(?ms)(^// float .*?^// end\n)", body):
        if part.startswith("// float figure"):
            pieces.append(Piece("figure", part, True))
        elif part.startswith("// float "):
            pieces.append(Piece("table", part, "#block(breakable: false)[" in part))
        else:
            for words in re.split(r"(?m)^(?== )", part):
                last = re.search(r"(?m)^=+ .*\n(?:<.*>\n)?\s*\Z", words)
                text, heading = (words[: last.start()], words[last.start() :]) if last else (words, "")
                pieces += [Piece("text", text)] if text.strip() else []
                pieces += [Piece("heading", heading, True)] if heading else []
    return pieces


def _mark(number: int) -> str:
    return f"#metadata({number}) <piece>"


def _parts_marked(piece: Piece, number: int) -> str:
    """A piece with a mark in each part that may begin a page: paragraphs of a text, rows of a table with its head.

    A row that is kept with the one above it has none.
    """
    if piece.kind == "text":
        blocks = piece.source.split("\n\n")
        piece.lines = [True]
        for place, block in enumerate(blocks[1:], 1):
            found = re.match(r"\s*([-/] )?(?=[\w“(])", block)
            if found:
                piece.lines.append(found[1] != "/ ")
                blocks[place] = f"{found[0]}{_mark(-2 - number)} {block[found.end() :]}"
        return "\n\n".join(blocks)
    if piece.kind != "table":
        return piece.source
    lines, kept = piece.source.split("\n"), False
    for place, line in enumerate(lines):
        last = line.startswith("    table.header(level: 3")
        at = place + 1 if last else place
        if last or re.match(r" {4}(table\.header\((level: 2.*)?)?\[|    table\.header\(level: 2", line):
            if not kept:
                lines[at] = re.sub(r"\[", f"[{_mark(-2 - number)} ", lines[at], count=1)
            kept = line.startswith("    table.header(level: 2")
        if last:
            break
    return "\n".join(lines)


def _measure(pieces: list[Piece], measured: dict[str, Any]) -> tuple[str, float]:
    """Give pieces the heights that were measured; returns the contents, and where on its page the first piece begins.

    Contents stand below an answer of less than a page where they fit, and the text begins a page; else they do.
    """
    places = [(int(number), int(page), y) for number, page, y in measured["pieces"]]
    starts = {number: y for number, _, y in places if number >= 0}
    drawn = iter(measured["drawn"])
    for number, piece in enumerate(pieces):
        piece.parts = [starts[number + 1] - starts[number]]
        if piece.kind == "figure":
            piece.drawn = next(drawn)
        rows = [y for one, _, y in places if one == -2 - number]
        if piece.kind == "text":
            if len(rows) + 1 != len(piece.lines):  # a mark within code is not laid out
                rows, piece.lines = [], [True]
            tops = [starts[number], *rows, starts[number + 1]]
            piece.parts = [below - above for above, below in itertools.pairwise(tops)]
        elif len(rows) > 2:
            piece.head, piece.again = rows[1] - starts[number], rows[1] - rows[0]
            piece.parts = [below - above for above, below in itertools.pairwise([*rows[1:], starts[number + 1]])]
    page, answered = next((page, y - TOP) for number, page, y in places if number == -1)
    contents = starts[0] - TOP
    below = answered + CONTENTS + contents
    if page > 1:
        return START, below % PAGE
    return (START + NEXT, 0.0) if below <= PAGE else (f"\n{NEXT}{START[1:]}", contents)


def _chosen(pieces: list[Piece], begin: float) -> tuple[tuple[int, str], ...]:
    """The order of all pieces that is disliked least, and how each is changed."""
    layouts = [Layout(0.0, begin)]
    for moved, numbers in itertools.groupby(range(len(pieces)), lambda one: pieces[one].kind in ("figure", "table")):
        here = list(numbers)
        if moved:
            kinds = ([one for one in here if pieces[one].kind == kind] for kind in ("figure", "table"))
            layouts = _merged(layouts, pieces, *kinds)
        else:
            for number in here:
                layouts = _fewest(below for one in layouts for below in _with(one, pieces, number))
    return layouts[0].placed


def _merged(layouts: list[Layout], pieces: list[Piece], figures: list[int], tables: list[int]) -> list[Layout]:
    """Place figures and tables in every order that leaves the figures in theirs and the tables in theirs."""
    known = {(0, 0): layouts}
    for i, j in itertools.product(range(len(figures) + 1), range(len(tables) + 1)):
        below: list[Layout] = []
        if i:
            figure = figures[i - 1]
            swaps = sum(one > figure for one in tables[:j]) + sum(one < figure for one in tables[j:])
            below += [new for one in known[i - 1, j] for new in _with(one, pieces, figure, SWAPPED * swaps)]
        if j:
            below += [new for one in known[i, j - 1] for new in _with(one, pieces, tables[j - 1])]
        known.setdefault((i, j), _fewest(below))
    return known[len(figures), len(tables)]


def _fewest(layouts: Iterable[Layout]) -> list[Layout]:
    """The best of those that end at about one place, and the best of these."""
    best: dict[int, Layout] = {}
    for one in sorted(layouts, key=lambda one: (one.disliked, one.end)):
        best.setdefault(round(one.end / 4), one)
    return list(itertools.islice(best.values(), KEPT))


def _with(above: Layout, pieces: list[Piece], number: int, disliked: float = 0.0) -> Iterator[Layout]:
    """The layouts that a piece below one makes: on this page if there is room, else smaller, cut, or on the next page."""
    piece, room = pieces[number], PAGE - above.end

    def placed(end: float, more: float = 0.0, how: str = "", on: str = "here") -> Layout:
        first = UNSURE if piece.kind == "table" else 0.0
        unsure = {"here": above.unsure, "on": above.unsure + UNSURE, "next": first}[on]
        return Layout(above.disliked + disliked + more, end, (*above.placed, (number, how)), unsure)

    if piece.kind == "heading":
        yield placed(above.end + piece.height)
    elif piece.kind == "text":
        end, more = _words(piece, above.end)
        yield placed(end, more, on="here" if piece.height < room else "on")
    elif not piece.whole:
        end, more, _ = _rows(piece, above, _held(above, pieces))
        yield placed(end, more, on="here" if piece.height < room else "on")
    else:
        held = _held(above, pieces)
        for share in SHARES if piece.kind == "figure" else SHARES[:1]:
            height, more = piece.height - (1 - share) * piece.drawn, SMALLER * (1 - share)
            how = f"{share:.2f}" if share < 1 else ""
            if height - SPACE + SPARE + above.unsure <= room:
                yield placed(above.end + height, more, how)
            else:
                yield placed(held + height, more + _empty(room + held), how, "next")
        end, empty, first = _rows(piece, above, held)
        if FEWEST <= first < len(piece.parts):  # the last part is two rows with their notes
            few = PARTED if first > len(piece.parts) + 1 - FEWEST else 0.0
            yield placed(end, empty + CUT + few, "cut", "on")


def _held(above: Layout, pieces: list[Piece]) -> float:
    """Height of the headings that go with what is placed next."""
    headings = itertools.takewhile(lambda one: pieces[one[0]].kind == "heading", reversed(above.placed))
    return sum(pieces[number].height for number, _ in headings)


def _words(piece: Piece, begin: float) -> tuple[float, float]:
    """Where a text ends, and how much is disliked of that: two lines of a paragraph stay together, and a heading with two."""
    end, disliked = begin, 0.0
    for place, (part, cut) in enumerate(zip(piece.parts, piece.lines, strict=True)):
        room = PAGE - end
        if part - SPACE <= room and not (place == 0 and room < LINES):
            end += part
            continue
        lines = round((part - SPACE) / LINE) + 1
        here = min(int(room / LINE), lines - 2) if cut and not (place == 0 and room < LINES) else 0
        here = here if here >= 2 else 0
        disliked += 0 if here else _empty(room)
        end = part - here * LINE
        end = end % PAGE if end > PAGE else end
    return end, disliked


def _rows(piece: Piece, above: Layout, held: float) -> tuple[float, float, int]:
    """Where the rows of a table end, how much is disliked of that, and how many parts of it the first page has."""
    end, disliked, first, room = above.end + piece.head, 0.0, 0, PAGE - above.unsure
    if end + piece.parts[0] > room:
        end, disliked, room = held + piece.head, _empty(PAGE - above.end + held), PAGE
    pages = 1
    for place, part in enumerate(piece.parts):
        if place and end + part - (SPACE if place == len(piece.parts) - 1 else 0) > room:
            disliked += _empty(PAGE - end) + (PARTED if pages == 1 and first < FEWEST else 0)
            end, pages, room = piece.again, pages + 1, PAGE
        end += part
        first += pages == 1
    return end, disliked, first


def _empty(height: float) -> float:
    return 400 * (max(0.0, height) / PAGE) ** 3


def _changed(piece: Piece, how: str) -> str:
    """The source of a piece as it was chosen: a table that may be cut, a figure of a share of its size."""
    if how == "cut":
        return piece.source.replace("#block(breakable: false)[", "#[", 1)
    return piece.source.replace("#drawn-figure(", f"#drawn-figure(share: {how}, ", 1) if how else piece.source
