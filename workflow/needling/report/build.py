"""From the report's Markdown to a page, a PDF and a document, the same bytes each time."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from needling.figures.fonts import FONTS
from needling.labels.sentences import MADE_UP
from needling.labels.words import Labels
from needling.report.checklists import checklist_tables
from needling.report.document import finish, reference_document
from needling.report.explained import row_words
from needling.report.page import finished, page_style
from needling.report.paged import well_paged
from needling.report.parted import write_parts
from needling.report.tagged import with_row_heads
from needling.report.text import report_text
from needling.schema.stored import write_table
from needling.study.keys import StudyError
from needling.tables.make import write_tables

TEMPLATES = Path(__file__).parents[2] / "report"
READER = "markdown-smart+pipe_tables+table_captions+implicit_figures"
# Every file's clock: a report knows its data and code, not the day it was built.
FIXED_TIME = 1_577_836_800
NEARLY_WHITE = 250  # of 255, in each of red, green and blue
DOCUMENT_WIDTH, DOCUMENT_HEIGHT = (
    170,
    200,
)  # mm: room for a picture on a page of the document, beside heading and caption


def build_report(
    labels: Labels,
    released: dict[str, pd.DataFrame],
    words: dict[str, dict[str, str]],
    figures: str | Path,
    folder: str | Path,
    software: list[str],
) -> list[Path]:
    """Build the report as HTML, PDF and DOCX from one text, and write each of its tables as CSV.

    Parameters
    ----------
    labels : the study's words.
    released : the released tables by name.
    words : figure -> caption and alternative text, of the figures that were drawn.
    figures : folder with each figure as SVG and PNG.
    folder : where report.html, report.pdf, report.docx and the folder tables go; what was in tables is removed.
    software : the packages that computed, with their versions.

    Returns
    -------
    The paths of the three reports.

    Raises
    ------
    LookupError : the text asks for a number that no table has.
    StudyError : the PDF could not be made accessible (an image without alternative text).
    """
    released = {name: _row_by_row(table) for name, table in released.items()}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "tables", ignore_errors=True)
    tables = write_tables(released, labels, folder / "tables")
    checked = checklist_tables(released, labels, tables, words)
    for name, table in checked.items():
        write_table(table.exact, folder / "tables" / f"{name}.csv")
    text = report_text(labels, released, tables, words, software=software, templates=TEMPLATES, checked=checked)
    with tempfile.TemporaryDirectory() as scratch, _fixed_surroundings():
        work = Path(scratch)
        shutil.copytree(figures, work / "figures")
        (work / "report.md").write_text(text, encoding="utf-8")
        metadata = _metadata(labels.title, labels)
        paths = [
            _page(work, metadata, labels, folder / "tables", row_words(released["results"], labels)),
            _pdf(work, metadata),
            _document(work, metadata, labels),
        ]
        return [Path(shutil.copyfile(path, folder / path.name)) for path in paths]


def _row_by_row(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose texts are kept as Python's: it is read row by row, where texts in columns of Arrow are slow."""
    texts = pd.StringDtype("python", na_value=np.nan)
    return table.astype({name: texts for name, kind in table.dtypes.items() if isinstance(kind, pd.StringDtype)})


def build_document(text: str, title: str, labels: Labels, pictures: str | Path, path: str | Path) -> Path:
    """Build one DOCX as the report's is built, without contents.

    Parameters
    ----------
    text : Markdown whose figures are named figures/<name>, without ending.
    title : of the document, and on every page.
    labels : the study's words.
    pictures : folder with each figure as PNG.
    path : of the DOCX.

    Returns
    -------
    The path.
    """
    with tempfile.TemporaryDirectory() as scratch, _fixed_surroundings():
        work = Path(scratch)
        shutil.copytree(pictures, work / "figures")
        (work / "report.md").write_text(text, encoding="utf-8")
        made = _document(work, _metadata(title, labels), labels, title, contents=False)
        return Path(shutil.copyfile(made, path))


def _metadata(title: str, labels: Labels) -> list[str]:
    """What every format tells of itself: title, language, authors, that the data are made up."""
    told = ["--metadata", f"title={title}", "--metadata", "lang=en-GB"]
    told += [piece for author in labels.plan.authors for piece in ("--metadata", f"author={author}")]
    return told + (["--metadata", f"madeup={MADE_UP}"] if labels.plan.made_up else [])


@contextmanager
def _fixed_surroundings() -> Iterator[None]:
    """A clock that stands still, and a language in which any path can be written, for the programs that write the report."""
    fixed = {"SOURCE_DATE_EPOCH": str(FIXED_TIME), "LC_ALL": "C.UTF-8"}
    before = {name: os.environ.get(name) for name in fixed}
    os.environ.update(fixed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _pandoc(work: Path, to: str, out: str, *arguments: str) -> Path:
    import pypandoc

    fixed = [
        "--standalone",
        "--wrap=none",
        "--columns=1",
        f"--resource-path={work}",
        f"--lua-filter={TEMPLATES / 'tables.lua'}",
        f"--lua-filter={TEMPLATES / 'layout.lua'}",
        *arguments,
    ]
    pypandoc.convert_file(str(work / "report.md"), to, format=READER, extra_args=fixed, outputfile=str(work / out))
    return work / out


def _page(work: Path, metadata: list[str], labels: Labels, tables: Path, rows: dict[str, str]) -> Path:
    style = work / "style.html"
    style.write_text(page_style((TEMPLATES / "report.css").read_text(encoding="utf-8")), encoding="utf-8")
    page = _pandoc(
        work,
        "html5",
        "report.html",
        *metadata,
        "--default-image-extension=svg",
        f"--include-in-header={style}",
        "--toc",
        "--toc-depth=2",
        "--shift-heading-level-by=1",
        "--section-divs",
        "--variable",
        f"script=<script>{(TEMPLATES / 'copy.js').read_text(encoding='utf-8')}</script>",
        f"--template={TEMPLATES / 'report.html'}",
    )
    whole = finished(page.read_text(encoding="utf-8"), work / "figures", labels, tables, rows)
    page.write_text(whole, encoding="utf-8")
    return page


def _pdf(work: Path, metadata: list[str]) -> Path:
    import matplotlib
    import typst

    source = _pandoc(
        work,
        "typst",
        "report.typ",
        *metadata,
        "--default-image-extension=svg",
        f"--template={TEMPLATES / 'report.typ'}",
    )
    others = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[str(FONTS), str(others)])

    def measured(text: str) -> Any:
        source.write_text(text, encoding="utf-8")
        asked = typst.Compiler(source, root=work, font_paths=fonts).query("<measured>", field="value", one=True)
        return json.loads(asked)

    text = _kept_together(source.read_text(encoding="utf-8"))
    try:
        source.write_text(
            well_paged(text, measured, lambda path, words: write_parts(work / path, words)), encoding="utf-8"
        )
        typst.Compiler(source, root=work, font_paths=fonts).compile(
            output=work / "report.pdf", pdf_standards="ua-1", timestamp=FIXED_TIME
        )
    except RuntimeError as error:
        raise StudyError(f"report.pdf: {str(error).splitlines()[0]}.") from error
    return with_row_heads(work / "report.pdf")


def _kept_together(source: str) -> str:
    """Write what may not stand alone on a page as a header: typst keeps one on the page of what is below it.

    Heading rows are kept with the rows below them, and the last two rows with the notes, which become the last row;
    `tagged` makes rows and notes of them again for those who listen.
    """
    heading = r"(?m)^( *)(table\.cell\(align: left, colspan: \d+\)\[#strong\[.*\]\]),$"
    source = re.sub(heading, r"\1table.header(level: 2, repeat: false, \2),", source)
    rows = r"(?<=#table\(\n    )columns: \(([^)]*)\),((?:(?!\n  \)\]\n).)*?)((?:\n    \[[^\n]*,){1,2})"
    below = r"(\n  \)\]\n(?:(?!#figure\().)*?)#notes\[(.*?)\](?=\n\] <table-)"
    return re.sub(rows + below, _with_notes, source, flags=re.DOTALL)


def _with_notes(found: re.Match[str]) -> str:
    columns, before, last, after, notes = found.groups()
    kept = f"\n    table.header(level: 3, repeat: false,{last}),"
    told = f"\n    ..noted({len(columns.split(','))})[{notes}],"
    return f"columns: ({columns}),{before}{kept}{told}{after.rstrip()}\n"


def _fewer_colours(folder: Path) -> None:
    """Write the pictures of a document with a palette: flat colours look the same, and it is small enough to send.

    The palette is an octree's, quicker by far than one by median cut and nearer to every colour; what it takes for nearly white is
    the white of the page.
    """
    from PIL import Image

    for path in sorted(folder.glob("*.png")):
        with Image.open(path) as picture:
            dpi = picture.info.get("dpi", (200, 200))
            colours = Image.Quantize.FASTOCTREE
            flat = picture.convert("RGB").quantize(128, method=colours, dither=Image.Dither.NONE)
        palette = flat.getpalette() or []
        shades = [palette[place : place + 3] for place in range(0, len(palette), 3)]
        flat.putpalette([part for shade in shades for part in ([255] * 3 if min(shade) >= NEARLY_WHITE else shade)])
        flat.save(path, dpi=dpi)


def _within_page(work: Path) -> None:
    """Give a picture that is taller than a page with its caption a height that fits: it would stand on a page without them."""
    from PIL import Image

    text = (work / "report.md").read_text(encoding="utf-8")
    for path in sorted((work / "figures").glob("*.png")):
        with Image.open(path) as picture:
            across, down = (25.4 * size / dpi for size, dpi in zip(picture.size, picture.info["dpi"], strict=True))
        if down * min(1, DOCUMENT_WIDTH / across) > DOCUMENT_HEIGHT:
            place = f"](figures/{path.stem}){{#figure-{path.stem} "
            text = text.replace(place, f"{place}height={DOCUMENT_HEIGHT}mm ")
    (work / "report.md").write_text(text, encoding="utf-8")


def _document(work: Path, metadata: list[str], labels: Labels, title: str = "", contents: bool = True) -> Path:
    _fewer_colours(work / "figures")
    _within_page(work)
    label = MADE_UP if labels.plan.made_up else ""
    reference = reference_document(work / "reference.docx", title or labels.title, label)
    made = _pandoc(
        work,
        "docx",
        "report.docx",
        *metadata,
        "--default-image-extension=png",
        f"--reference-doc={reference}",
    )
    return finish(made, contents)
