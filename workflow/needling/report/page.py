"""The page as one file: typeface and style inside, figures as drawings with real text, links to every heading and table."""

import base64
import html
import re
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from needling.figures.fonts import FAMILY, WEIGHTS, font_files
from needling.figures.style import BAND, COLOURS, FAINT, HAIR, INK, MM, PAPER, PHONE, REPORT, RULE
from needling.labels.words import Labels
from needling.report.shown import numbers_of_figure

MOST_LINES = 30  # of a figure's numbers, on the page
LARGEST_PAGE = 2_900_000  # bytes: exact numbers are kept in the page, the smallest tables first, as long as it has room
SAFE = "-_.~!*'();:@,/?$=+"  # what may stand in an address as it is
FILE = "\x00{}\x00"  # the place of a file in a page that is not finished
SIDE_BY_SIDE = 44  # characters of a line of a table on a phone: more, and its rows stand as blocks
LABEL, HALF = 16, 24  # characters that a row's name needs, being broken; that fit beside another cell of a block

# Colours of the figures become those of the scheme, so that one drawing serves light, dark and print.
VARIABLES = {INK: "ink", FAINT: "soft", RULE: "rule", HAIR: "hair", PAPER: "paper", BAND: "band"}
VARIABLES |= {colour: f"arm{number}" for number, colour in enumerate(COLOURS, 1)}


def page_style(css: str) -> str:
    """The page's style element: the typeface as data, then the style sheet."""
    faces = []
    for style, file in font_files("woff2").items():
        data = base64.b64encode(file.read_bytes()).decode()
        slant = "italic" if style == "Italic" else "normal"
        faces.append(
            f"@font-face{{font-family:'{FAMILY}';font-weight:{WEIGHTS[style]};font-style:{slant};"
            f"src:url(data:font/woff2;base64,{data}) format('woff2')}}"
        )
    return f"<style>\n{chr(10).join(faces)}\n{css}</style>\n"


def finished(
    page: str, figures: Path, labels: Labels, tables: Path | None = None, rows: dict[str, str] | None = None
) -> str:
    """Put drawings for pictures, the numbers of figures and tables, and links into headings and captions.

    Parameters
    ----------
    page : the page as pandoc writes it, pictures named as files.
    figures : folder with each figure as SVG (as wide as a phone under phone/) and the numbers that it shows as CSV.
    labels : the study's words.
    tables : folder with the exact numbers of each table as CSV; without, tables are not offered as files.
    rows : row of the results -> what it is about, for those who point at a printed number.

    Returns
    -------
    A page that needs no other file. A wide table stands in a region that scrolls by itself and can be reached by keyboard; on a
    phone the rows of a table of results stand as blocks, each cell with the name of its column.
    """
    page = re.sub(r' id="toc-[^"]*"', "", page)  # the contents stand there twice: at the side, and folded at the head
    numbers = dict(re.findall(r'<figure id="figure-(\w+)">(?:(?!</figure>).)*?<strong>(.*?)</strong>', page, re.DOTALL))
    picture = r'<img[^>]*?src="figures/(\w+)\.svg"[^>]*?/?>'
    page = re.sub(picture, lambda found: _drawing(found, figures, numbers.get(found[1], "")), page)
    page = re.sub(
        r'<figure id="figure-(\w+)">.*?</figure>',
        lambda found: _with_numbers(found, figures, labels),
        page,
        flags=re.DOTALL,
    )
    region = r'<div id="table-(\w+)" class="table-of">\s*(<table\b.*?</table>)(.*?)\n</div>'
    page = re.sub(region, lambda found: _region(found, tables), page, flags=re.DOTALL)
    page = re.sub(r'(<section id="([^"]+)"[^>]*>\s*<h\d[^>]*>)(.*?)(</h\d>)', _linked, page)
    page = re.sub(
        r'(<figure id="([^"]+)">.*?<figcaption[^>]*><strong>)(.*?)(</strong>)', _linked, page, flags=re.DOTALL
    )
    if rows:
        page = re.sub(
            r'<span data-row="([\w ]+)"', lambda found: f'<span title="{_title(found[1], rows)}"{found[0][5:]}', page
        )
    return _with_files(_with_classes(page))


def _with_files(page: str) -> str:
    """Keep exact numbers in the page, so that a page by itself has them; those of the longest tables are named, if need be."""
    paths = [Path(found) for found in re.findall(FILE.format("(.*?)"), page)]
    said = {path: f"All its numbers are in {path.parent.name}/{path.name}, beside this page." for path in paths}
    links = {
        path: f'<a class="tool" download="{path.name}" href="{_address(path.read_bytes())}">Download CSV</a>'
        for path in paths
    }
    without = re.sub(FILE.format("(.*?)"), lambda found: said[Path(found[1])], page)
    room = LARGEST_PAGE - len(without.encode())
    for path, link in sorted(links.items(), key=lambda one: (len(one[1]), str(one[0].name))):
        room -= len(link) - len(said[path])
        if room >= 0:
            said[path] = link
    return re.sub(FILE.format("(.*?)"), lambda found: said[Path(found[1])], page)


def _address(data: bytes) -> str:
    """A file as an address: as text, or in base64 where that is shorter."""
    return min(
        f"data:text/csv;charset=utf-8,{quote(data, safe=SAFE)}",
        f"data:text/csv;base64,{base64.b64encode(data).decode()}",
        key=len,
    )


def _with_classes(page: str) -> str:
    """Write each look of the drawings once, in the page's head: thousands of marks share a few hundred."""
    names: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        return f'class="{names.setdefault(found[1].strip(), f"d{len(names)}")}"'

    page = re.sub(
        r"<svg\b.*?</svg>", lambda drawing: re.sub(r'\bstyle="([^"]*)"', named, drawing[0]), page, flags=re.DOTALL
    )
    looks = "".join(f".{name}{{{look}}}\n" for look, name in names.items())
    return page.replace("</head>", f"<style>\n{looks}</style>\n</head>", 1)


def _title(row_ids: str, rows: dict[str, str]) -> str:
    """Name the row of the results behind a printed number."""
    told = [f"row {one}: {rows[one]}" for one in row_ids.split() if one in rows]
    return html.escape("; ".join(told[:1]) + (f" and {len(told) - 1} more" if len(told) > 1 else ""), True)


def _linked(found: re.Match[str]) -> str:
    return f'{found[1]}<a class="anchor" href="#{found[2]}">{found[3]}</a>{found[4]}'


def _region(found: re.Match[str], tables: Path | None) -> str:
    name, table, notes = found[1], found[2], found[3].strip()
    caption = re.search(r"<caption>(.*?)</caption>", table, re.DOTALL)
    words = html.unescape(re.sub(r"<[^>]+>", "", caption[1] if caption else name)).strip()
    table = re.sub(
        r"(<caption><strong>)(.*?)(</strong>)", rf'\1<a class="anchor" href="#table-{name}">\2</a>\3', table, count=1
    )
    heads = [
        re.sub(r"<[^>]+>", "", one).strip()
        for one in re.findall(r"<th\b[^>]*>(.*?)</th>", table.partition("</thead>")[0], re.DOTALL)
    ]
    head, foot = table[: table.index("</thead>")], table[table.index("</thead>") :]
    head = re.sub(r"<th\b(?!ead)", '<th scope="col"', head)
    foot = re.sub(r'<tr class="heading">.*?</tr>', lambda row: _group(row, len(heads)), foot, flags=re.DOTALL)
    row = r"<tr(?! class=\"heading\")[^>]*>.*?</tr>"
    longest = _longest(
        [re.findall(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", one, re.DOTALL) for one in re.findall(row, foot, re.DOTALL)]
    )
    line = [max([long, *map(len, head.split())]) for head, long in zip(heads, longest, strict=False)]
    stacked = len(heads) > 2 and min(LABEL, line[0]) + sum(line[1:]) + 2 * (len(line) - 1) > SIDE_BY_SIDE
    named = list(zip(heads, (long > HALF for long in longest), strict=False)) if stacked else []
    foot = re.sub(row, lambda found: _cells(found[0], named), foot, flags=re.DOTALL)
    aligned = f"{head}{foot}".replace(' style="text-align: left;"', "").replace(
        ' style="text-align: right;"', ' class="n"'
    )
    table = aligned.replace("<table", f'<table class="{"stack" if stacked else "plain"}"', 1)
    file = _file(tables / f"{name}.csv") if tables else ""
    label = html.escape(words.split(". ", 1)[0].rstrip("."), True)
    scroll = f'<div class="scroll" role="region" tabindex="0" aria-label="{label}">\n{table}\n</div>'
    return f'<div class="table" id="table-{name}">\n{scroll}\n{notes}\n<p class="tools">{file}</p>\n</div>'


def _group(row: re.Match[str], columns: int) -> str:
    """The heading over rows of a table, as the head of their group."""
    cell = re.search(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", row[0], re.DOTALL)
    return f'<tr class="heading"><th scope="colgroup" colspan="{columns}">{cell[1] if cell else ""}</th></tr>'


def _longest(rows: list[list[str]]) -> list[int]:
    """Characters of the longest cell of each column."""
    texts = [[html.unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in row] for row in rows]
    return [max(map(len, column)) for column in zip(*texts, strict=True)] if texts else []


def _cells(row: str, heads: list[tuple[str, bool]]) -> str:
    """A row whose first cell is its head; for a phone others have the names of their columns, and whether they need a line."""
    row = re.sub(r"<th\b", '<th scope="row"', row)
    places = count(1)

    def named(found: re.Match[str]) -> str:
        place = next(places)
        head, is_wide = heads[place] if place < len(heads) else ("", False)
        wide = " data-wide" if is_wide else ""
        return f'<td data-label="{html.escape(html.unescape(head), True)}"{wide}' if heads else "<td"

    return re.sub(r"<td\b", named, row)


def _file(path: Path) -> str:
    """The place of a link that saves a table, or of the words that name it."""
    return FILE.format(path) if path.exists() else ""


def _with_numbers(found: re.Match[str], figures: Path, labels: Labels) -> str:
    """A figure that opens large, with the numbers that it shows as a folded table."""
    name, figure = found[1], found[0]
    path = figures / f"{name}.csv"
    if not path.exists():
        return figure
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    heads, rows = numbers_of_figure(table, labels, MOST_LINES)
    head = "".join(f'<th scope="col">{html.escape(one)}</th>' for one in heads)
    lines = []
    for row in rows:
        first, *others = map(html.escape, row)
        lines.append(f'<tr><th scope="row">{first}</th>{"".join(f"<td>{one}</td>" for one in others)}</tr>')
    more = f"<p>The first {MOST_LINES} of {len(table)} lines; the file has all.</p>" if len(table) > MOST_LINES else ""
    number = re.search(r"<figcaption[^>]*><strong>(.*?)\.?</strong>", figure)
    words = html.escape(html.unescape(f"Numbers of {(number[1] if number else name).lower()}"))
    data = (
        f'<details class="data"><summary>{words}</summary><div class="scroll" role="region" tabindex="0" aria-label="{words}">'
        f'<table class="plain"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>{more}'
        f'<p class="tools">{_file(path)}</p></details>'
    )
    return figure.replace("</figure>", f"{data}\n</figure>")


def _drawing(found: re.Match[str], figures: Path, number: str) -> str:
    """A figure inside the page, as wide as the page and, where it is drawn for it, as wide as a phone; it opens large."""
    name = found[1]
    alternative = re.search(r'alt="([^"]*)"', found[0])
    told = (number, alternative[1] if alternative else "")
    narrow = figures / "phone" / f"{name}.svg"
    wide = _inline(figures / f"{name}.svg", name, told, REPORT.width)
    both = f'<div class="at-wide">{wide}</div>' if narrow.exists() else wide
    both += (
        f'<div class="at-narrow">{_inline(narrow, f"{name}-phone", told, PHONE.width)}</div>' if narrow.exists() else ""
    )
    whole = ' class="drawing"' if narrow.exists() else ' class="drawing alone"'
    return (
        f'<div{whole} id="large-{name}" tabindex="0" role="group" aria-label="Figure">{both}'
        f'<a class="close" href="#figure-{name}">Close</a></div><a class="enlarge" href="#large-{name}">Enlarge</a>'
    )


def _inline(path: Path, name: str, told: tuple[str, str], whole: float) -> str:
    """A drawing as SVG inside the page: its ids are its own, text is text; `whole`: mm of the page.

    Its title is its number and what the file says it is about, its description what is `told` beside the number.
    """
    drawing = path.read_text(encoding="utf-8")
    drawing = drawing[drawing.index("<svg") :]
    about = re.search(r"<title>(.*?)</title>", drawing, re.DOTALL)
    drawing = re.sub(r"<(title|desc)>.*?</\1>", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r' transform="rotate\(-?0 [^"]*"', "", drawing)
    drawing = re.sub(r"font-family: [^;\"]*; ?", "", drawing)  # the page's own typeface is that of the figures
    drawing = re.sub(r'<g id="[^"]*"', "<g", drawing)  # names that nothing points at
    drawing = _without_bare_groups(drawing.replace("<g/>", ""))
    drawing = _own_names(drawing, name)
    for colour, variable in VARIABLES.items():
        drawing = re.sub(re.escape(colour), f"var(--{variable})", drawing, flags=re.IGNORECASE)
    width = re.search(r'<svg[^>]*? width="([\d.]+)pt"', drawing)
    share = float(width[1]) / 72 / MM / whole if width else 1.0
    size = r'(<svg[^>]*?) (?:width|height)="[\d.]+pt"'
    drawing = re.sub(size, r"\1", re.sub(size, r"\1", drawing, count=1), count=1)
    if share < 0.99:
        drawing = drawing.replace("<svg", f'<svg style="--share: {int(100 * share)}%"', 1)
    # A tenth of a point: no eye tells it from more.
    drawing = re.sub(r'\b(?:d|x|y|transform)="[^"]*"', lambda one: re.sub(r"(\d\.\d)\d+|\n", r"\1", one[0]), drawing)
    drawing = re.sub(r"\n\s*", "\n", drawing)
    title = " ".join(part for part in (told[0], about[1] if about else "") if part)
    described = f'<title id="{name}-title">{title}</title><desc id="{name}-told">{told[1]}</desc>'
    named = rf'<svg role="img" aria-labelledby="{name}-title {name}-told"\1>'
    drawing = re.sub(r"<svg([^>]*)>", named, drawing, count=1)
    first = drawing.index(">") + 1
    return f"{drawing[:first]}{described}{drawing[first:].strip()}"


def _without_bare_groups(drawing: str) -> str:
    """Leave out groups that say nothing of what is in them."""
    kept: list[bool] = []

    def mark(found: re.Match[str]) -> str:
        if found[0] == "</g>":
            return found[0] if kept.pop() else ""
        kept.append(found[0] != "<g>")
        return found[0] if kept[-1] else ""

    return re.sub(r"<g\b[^>]*>|</g>", mark, drawing)


def _own_names(drawing: str, name: str) -> str:
    """Number the ids of a drawing under its name, so that they are its own and short: marks point at them thousands of times."""
    numbers: dict[str, str] = {}

    def short(one: str) -> str:
        return numbers.setdefault(one, f"{name}-{len(numbers)}")

    drawing = re.sub(r'\bid="([^"]*)"', lambda found: f'id="{short(found[1])}"', drawing)
    drawing = re.sub(r"url\(#([^)]*)\)", lambda found: f"url(#{short(found[1])})", drawing)
    return re.sub(r'xlink:href="#([^"]*)"', lambda found: f'href="#{short(found[1])}"', drawing)
