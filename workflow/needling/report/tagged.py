"""The tags of the PDF that its writer does not set: heads of rows, notes apart from their table; and open bookmarks."""

from pathlib import Path
from typing import Any


def with_row_heads(path: Path) -> Path:
    """Mark the first cell of each row in the body of a table as the row's head and put its notes after it; open with bookmarks.

    Parameters
    ----------
    path : the tagged PDF; it is written anew, with the same bytes each time.

    Returns
    -------
    The path.

    PDF/UA-1 (ISO 14289-1, 7.5) asks that heads of rows are TH with a scope; typst marks those of columns only. Its rows that were
    kept on the page of the notes look like heads of columns, and the notes like a row: neither is one.
    """
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import ArrayObject, DictionaryObject, NameObject

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
        if part.get("/S") == "/Table":
            _notes_below(part, kids)
        if part.get("/S") == "/TBody":
            for row in kids:
                cells = [cell for cell in _kids(row) if cell.get("/S") in ("/TH", "/TD")]
                if len(cells) > 1:
                    cells[0][NameObject("/S")] = NameObject("/TH")
                    cells[0][NameObject("/A")] = ArrayObject([*_without_scope(cells[0].get("/A")), scope])
                    for cell in cells[1:]:
                        cell[NameObject("/S")] = NameObject("/TD")
                        cell[NameObject("/A")] = _without_scope(cell.get("/A"))
        waiting += kids
    writer.page_mode = "/UseOutlines"
    writer.write(path)
    return path


def _notes_below(table: Any, kids: list[Any]) -> None:
    """Put the last row of a table after it where it is its notes: one cell that is no heading."""
    from pypdf.generic import ArrayObject, NameObject

    body = kids[-1] if kids else {}
    rows = _kids(body)
    cells = _kids(rows[-1]) if rows else []
    if len(cells) != 1 or cells[0].get("/S") != "/TD":
        return
    rows[-1][NameObject("/S")] = cells[0][NameObject("/S")] = NameObject("/Div")
    cells[0].pop("/A", None)
    _take_out(body, rows[-1])
    if not _kids(body):
        _take_out(table, body)
    around = table["/P"].get_object()
    beside = around["/K"] if isinstance(around["/K"], ArrayObject) else ArrayObject([around["/K"]])
    beside.insert(beside.index(table.indirect_reference) + 1, rows[-1].indirect_reference)
    around[NameObject("/K")] = beside
    rows[-1][NameObject("/P")] = around.indirect_reference


def _take_out(part: Any, kid: Any) -> None:
    from pypdf.generic import ArrayObject, NameObject

    old = part["/K"] if isinstance(part["/K"], ArrayObject) else [part["/K"]]
    part[NameObject("/K")] = ArrayObject(one for one in old if one != kid.indirect_reference)


def _kids(part: Any) -> list[Any]:
    """The structure elements below one, without the numbers of marked content."""
    from pypdf.generic import ArrayObject, DictionaryObject

    kids = part.get("/K", [])
    kids = kids.get_object() if hasattr(kids, "get_object") else kids
    kids = kids if isinstance(kids, ArrayObject) else [kids]
    found = [kid.get_object() for kid in kids if hasattr(kid, "get_object")]
    return [kid for kid in found if isinstance(kid, DictionaryObject)]


def _without_scope(before: Any) -> Any:
    """The attributes of a cell but its scope."""
    from pypdf.generic import ArrayObject, DictionaryObject

    old = before.get_object() if before is not None else []
    parts = [one.get_object() for one in (old if isinstance(old, list) else [old])]
    return ArrayObject(DictionaryObject({key: one[key] for key in one if key != "/Scope"}) for one in parts)
