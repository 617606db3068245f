"""The tags of the PDF that its writer does not set: the head of each row, and bookmarks that open with the file."""

from pathlib import Path
from typing import Any


def with_row_heads(path: Path) -> Path:
    """Mark the first cell of each row in the body of a table as the row's head, and open the file with its bookmarks.

    Parameters
    ----------
    path : the tagged PDF; it is written anew, with the same bytes each time.

    Returns
    -------
    The path.

    PDF/UA-1 (ISO 14289-1, 7.5) asks that heads of rows are TH with a scope; typst marks those of columns only.
    """
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import DictionaryObject, NameObject

    reader = PdfReader(path)
    writer = PdfWriter(clone_from=reader)
    writer.pdf_header = reader.pdf_header  # the writer would say 1.3, which knows no tags
    scope = DictionaryObject({NameObject("/O"): NameObject("/Table"), NameObject("/Scope"): NameObject("/Row")})
    waiting: list[Any] = [writer.root_object["/StructTreeRoot"]]
    while waiting:
        part = waiting.pop().get_object()
        if not isinstance(part, DictionaryObject):
            continue
        kids = _kids(part)
        if part.get("/S") == "/TBody":
            for row in kids:
                cells = [cell for cell in _kids(row) if cell.get("/S") in ("/TH", "/TD")]
                if cells and cells[0]["/S"] == "/TD" and len(cells) > 1:
                    cells[0][NameObject("/S")] = NameObject("/TH")
                    cells[0][NameObject("/A")] = _attributes(cells[0].get("/A"), scope)
        waiting += kids
    writer.page_mode = "/UseOutlines"
    writer.write(path)
    return path


def _kids(part: Any) -> list[Any]:
    """The structure elements below one, without the numbers of marked content."""
    from pypdf.generic import ArrayObject, DictionaryObject

    kids = part.get("/K", [])
    kids = kids.get_object() if hasattr(kids, "get_object") else kids
    kids = kids if isinstance(kids, ArrayObject) else [kids]
    found = [kid.get_object() for kid in kids if hasattr(kid, "get_object")]
    return [kid for kid in found if isinstance(kid, DictionaryObject)]


def _attributes(before: Any, scope: Any) -> Any:
    """The attributes of a cell with its scope among them."""
    from pypdf.generic import ArrayObject

    if before is None:
        return scope
    old = before.get_object()
    return ArrayObject([*(old if isinstance(old, ArrayObject) else [old]), scope])
