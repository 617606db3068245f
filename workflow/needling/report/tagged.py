"""The tags of the PDF that its writer does not set: heads of rows, notes apart from their table; and open bookmarks."""

import re
from pathlib import Path

ROW = b"<</O/Table/Scope/Row>>"


def with_row_heads(path: Path) -> Path:
    """Mark the first cell of each row in the body of a table as the row's head and put its notes after it; open with bookmarks.

    Parameters
    ----------
    path : the tagged PDF as typst writes it, each object on its own; it is written anew, with the same bytes each time.

    Returns
    -------
    The path.

    PDF/UA-1 (ISO 14289-1, 7.5) asks that heads of rows are TH with a scope; typst marks those of columns only. Its rows that were
    kept on the page of the notes look like heads of columns, and the notes like a row: neither is one.
    """
    data = path.read_bytes()
    objects, trailer = _objects(data)
    catalog = next(number for number, text in objects.items() if b"/Type/Catalog" in text)
    objects[catalog] = objects[catalog].replace(b"/Type/Catalog", b"/Type/Catalog/PageMode/UseOutlines", 1)
    parts = [number for number, text in objects.items() if b"/Type/StructElem" in text]
    for table in parts:
        if _kind(objects[table]) == b"Table":
            _notes_below(objects, table)
    for body in parts:
        if _kind(objects[body]) == b"TBody":
            for row in _kids(objects[body]):
                first, *others = [cell for cell in _kids(objects[row]) if _kind(objects[cell]) in (b"TH", b"TD")] or [0]
                if others:
                    objects[first] = _scoped(_named(objects[first], b"TH"))
                for cell in others:
                    objects[cell] = _named(objects[cell], b"TD").replace(b"/Scope/Column", b"")
    path.write_bytes(_written(data[: data.index(b"\n", 9) + 1], objects, trailer))
    return path


def _objects(data: bytes) -> tuple[dict[int, bytes], bytes]:
    """The objects of a PDF by their numbers, in the order of the file, and its trailer."""
    start = int(re.findall(rb"startxref\s+(\d+)", data)[-1])
    table = data[start : data.index(b"trailer", start)]
    places = [
        (int(line[:10]), number)
        for number, line in enumerate(re.findall(rb"\d{10} \d{5} [nf]", table))
        if line[-1:] == b"n"
    ]
    places.sort()
    ends = [*(place for place, _ in places[1:]), start]
    trailer = data[data.index(b"trailer", start) : data.rindex(b"startxref")]
    return {number: data[place:end] for (place, number), end in zip(places, ends, strict=True)}, trailer


def _written(head: bytes, objects: dict[int, bytes], trailer: bytes) -> bytes:
    """A PDF of objects, with the table of their places."""
    places, at = {}, len(head)
    for number, text in objects.items():
        places[number] = at
        at += len(text)
    lines = [
        b"%010d 00000 n\r\n" % places[n] if n in places else b"0000000000 65535 f\r\n" for n in range(max(places) + 1)
    ]
    table = b"xref\n0 %d\n%s" % (len(lines), b"".join(lines))
    return b"".join([head, *objects.values(), table, trailer, b"startxref\n%d\n%%%%EOF\n" % at])


def _kind(text: bytes) -> bytes:
    found = re.search(rb"/S/(\w+)", text)
    return found[1] if found else b""


def _kids(text: bytes) -> list[int]:
    """The numbers of the structure elements below one."""
    found = re.search(rb"/K\s*(\[[^\]]*\]|\d+ 0 R)", text)
    return [int(one) for one in re.findall(rb"(\d+) 0 R", found[1])] if found else []


def _named(text: bytes, kind: bytes) -> bytes:
    return re.sub(rb"/S/T[HD]\b", b"/S/" + kind, text, count=1)


def _scoped(text: bytes) -> bytes:
    """A cell that is the head of its row."""
    text = text.replace(b"/Scope/Column", b"")
    if b"/A[" in text:
        return text.replace(b"/A[", b"/A[" + ROW, 1)
    return text.replace(b"/K", b"/A[" + ROW + b"]/K", 1)


def _notes_below(objects: dict[int, bytes], table: int) -> None:
    """Put the last row of a table after it where it is its notes: one cell that is no heading."""
    bodies = _kids(objects[table])
    rows = _kids(objects[bodies[-1]]) if bodies else []
    cells = _kids(objects[rows[-1]]) if rows else []
    if len(cells) != 1 or _kind(objects[cells[0]]) != b"TD":
        return
    row, cell, body = rows[-1], cells[0], bodies[-1]
    objects[cell] = re.sub(rb"/A\[.*\](?=/K)", b"", objects[cell].replace(b"/S/TD", b"/S/Div", 1), count=1)
    around = int(re.findall(rb"/P (\d+) 0 R", objects[table])[0])
    objects[row] = objects[row].replace(b"/S/TR", b"/S/Div", 1).replace(b"/P %d 0 R" % body, b"/P %d 0 R" % around, 1)
    objects[body] = _without(objects[body], row)
    if len(rows) == 1:
        objects[table] = _without(objects[table], body)
    objects[around] = re.sub(
        rb"(?<!\d)%d 0 R(?=[^/]*\])" % table, b"%d 0 R %d 0 R" % (table, row), objects[around], count=1
    )


def _without(text: bytes, kid: int) -> bytes:
    return re.sub(rb"(/K\[[^\]]*?)(?<!\d)%d 0 R ?" % kid, rb"\1", text, count=1)
