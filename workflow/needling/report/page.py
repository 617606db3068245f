"""The page as one file: typeface and style inside, figures as drawings with real text, links to every heading and table."""

import base64
import html
import re
from itertools import count
from pathlib import Path

from needling.figures.fonts import FAMILY, WEIGHTS, font_files
from needling.figures.style import BAND, COLOURS, FAINT, HAIR, INK, PAPER, RULE

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


def finished(page: str, figures: Path) -> str:
    """Put drawings for pictures, regions around tables and links into headings and captions.

    Parameters
    ----------
    page : the page as pandoc writes it, pictures named as files.
    figures : folder with each figure as SVG.

    Returns
    -------
    A page that needs no other file. A table stands in a region that scrolls by itself and can be reached by keyboard.
    """
    page = re.sub(r' id="toc-[^"]*"', "", page)  # the contents stand there twice: at the side, and folded at the head
    page = re.sub(r'<img[^>]*?src="figures/(\w+)\.svg"[^>]*?/?>', lambda found: _drawing(found, figures), page)
    numbers = count(1)
    page = re.sub(r"<table\b.*?</table>", lambda found: _region(found[0], next(numbers)), page, flags=re.DOTALL)
    page = re.sub(r'(<section id="([^"]+)"[^>]*>\s*<h\d[^>]*>)(.*?)(</h\d>)', _heading, page)
    return re.sub(r'(<figure id="([^"]+)">.*?<figcaption><strong>)(.*?)(</strong>)', _caption, page, flags=re.DOTALL)


def _heading(found: re.Match[str]) -> str:
    return f'{found[1]}<a class="anchor" href="#{found[2]}">{found[3]}</a>{found[4]}'


def _caption(found: re.Match[str]) -> str:
    return f'{found[1]}<a class="anchor" href="#{found[2]}">{found[3]}</a>{found[4]}'


def _region(table: str, number: int) -> str:
    caption = re.search(r"<caption>(.*?)</caption>", table, re.DOTALL)
    words = html.escape(
        html.unescape(re.sub(r"<[^>]+>", "", caption[1] if caption else f"Table {number}")).strip(), True
    )
    linked = re.sub(
        r"(<caption><strong>)(.*?)(</strong>)", rf'\1<a class="anchor" href="#table-{number}">\2</a>\3', table, count=1
    )
    linked = re.sub(r"<th\b(?!ead)", '<th scope="col"', linked)
    label = words.split(". ", 1)[0].rstrip(".")
    return f'<div class="table" id="table-{number}" role="region" tabindex="0" aria-label="{label}">\n{linked}\n</div>'


def _drawing(found: re.Match[str], figures: Path) -> str:
    """A figure as SVG inside the page: its ids are its own, its words are text, its description is told."""
    name = found[1]
    alternative = re.search(r'alt="([^"]*)"', found[0])
    drawing = (figures / f"{name}.svg").read_text(encoding="utf-8")
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r'\bid="', f'id="{name}-', drawing)
    drawing = drawing.replace("url(#", f"url(#{name}-").replace('xlink:href="#', f'xlink:href="#{name}-')
    for colour, variable in VARIABLES.items():
        drawing = re.sub(re.escape(colour), f"var(--{variable})", drawing, flags=re.IGNORECASE)
    size = r'(<svg[^>]*?) (?:width|height)="[\d.]+pt"'
    drawing = re.sub(size, r"\1", re.sub(size, r"\1", drawing, count=1), count=1)
    told = f'<desc id="{name}-told">{alternative[1] if alternative else ""}</desc>'
    drawing = re.sub(r"<svg([^>]*)>", rf'<svg role="img" aria-labelledby="{name}-told"\1>', drawing, count=1)
    first = drawing.index(">") + 1
    return f'<div class="drawing" tabindex="0" role="group">{drawing[:first]}{told}{drawing[first:].strip()}</div>'
