"""The reference document from which pandoc takes the styles, header and page numbers of the DOCX."""

import re
import zipfile
from html import escape
from pathlib import Path

from needling.figures.fonts import FAMILY, font_files

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PARTS = "application/vnd.openxmlformats-officedocument.wordprocessingml"
MARGINS = (
    '<w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1360" w:right="1130" w:bottom="1130" w:left="1130" '
    'w:header="620" w:footer="560" w:gutter="0"/>'
)
FIXED = (2020, 1, 1, 0, 0, 0)
FONTS = {"Regular": "embedRegular", "SemiBold": "embedBold", "Italic": "embedItalic"}
KEY = "{6E656564-6C69-6E67-2D66-697261736E73}"  # with which an embedded font is obscured, as the format asks; no secret
BOOKMARKS = {"F": 9, "T": 8}  # with which numbers of bookmarks begin
LINK = (
    r'<w:hyperlink w:anchor="(?:table|figure)-[\w-]+">'
    r"(<w:r>(?:(?!</w:hyperlink>).)*?<w:t[^>]*>(\w+ S?\d+)</w:t></w:r>)</w:hyperlink>"
)
TABLE_WITH_NOTES = r'<w:tbl>.*?</w:tbl>(\s*(?:<w:bookmarkEnd [^>]*>\s*)?<w:p><w:pPr><w:pStyle w:val="TableNotes")?'
TABLE_OF_CONTENTS = ' TOC \\o "1-1" \\h \\n '


def reference_document(path: Path, title: str, label: str) -> Path:
    """Write pandoc's own reference document with this project's styles, a header and page numbers.

    Parameters
    ----------
    path : where it goes.
    title : of the report, on every page.
    label : beside the title on every page, e.g. that the data are made up; empty for none.

    Returns
    -------
    The path.
    """
    import subprocess

    import pypandoc

    command = [pypandoc.get_pandoc_path(), "--print-default-data-file", "reference.docx"]
    path.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["word/header1.xml"] = _of_every_script(_header(title, label)).encode()
    parts["word/footer1.xml"] = _of_every_script(_footer()).encode()
    parts["word/styles.xml"] = _of_every_script(_styles(parts["word/styles.xml"].decode())).encode()
    parts["word/document.xml"] = _with_section(parts["word/document.xml"].decode()).encode()
    parts["[Content_Types].xml"] = _with_types(parts["[Content_Types].xml"].decode()).encode()
    relations = "word/_rels/document.xml.rels"
    parts[relations] = _with_relations(parts[relations].decode()).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name, FIXED), data, zipfile.ZIP_DEFLATED)
    return path


def finish(path: Path, contents: bool = True) -> Path:
    """Number captions by fields, put contents after the answer, keep rows whole and take the typeface along.

    Parameters
    ----------
    path : the document as pandoc writes it; it is written anew.
    contents : whether its first section is an answer, after which contents stand.

    Returns
    -------
    The path.
    """
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    body = parts["word/document.xml"].decode()
    body = re.sub(r"<w:tr>(\s*)<w:trPr>", r"<w:tr>\1<w:trPr><w:cantSplit/>", body)
    body = re.sub(r"<w:tr>(\s*)<w:tc>", r"<w:tr>\1<w:trPr><w:cantSplit/></w:trPr><w:tc>", body)
    body = body.replace('w:firstColumn="0"', 'w:firstColumn="1"').replace(
        'w:noVBand="0" w:val="0020"', 'w:noVBand="0" w:val="00A0"'
    )
    body = re.sub(
        r'(<w:pStyle w:val="(?:Table|Image)Caption" ?/>.*?)<w:t xml:space="preserve">(\w+ S?)(\d+)\.</w:t></w:r>',
        _numbered,
        body,
    )
    captions = set(re.findall(r'w:name="(_Ref\w+)"', body))
    body = re.sub(LINK, lambda found: _referring(found) if _bookmark(found[2]) in captions else found[0], body)
    body = re.sub(TABLE_WITH_NOTES, _kept, body, flags=re.DOTALL)
    # Without a distance of its own a picture is given one by LibreOffice, and stands over the right margin.
    body = body.replace("<wp:inline>", '<wp:inline distT="0" distB="0" distL="0" distR="0">')
    parts["word/document.xml"] = (_with_contents(body) if contents else body).encode()
    for number, (style, role) in enumerate(FONTS.items(), 1):
        parts[f"word/fonts/font{number}.odttf"] = _obscured(font_files()[style].read_bytes())
        fonts = parts["word/fontTable.xml"].decode()
        if f'w:name="{FAMILY}"' not in fonts:
            fonts = fonts.replace("</w:fonts>", f'<w:font w:name="{FAMILY}"><w:charset w:val="00"/></w:font></w:fonts>')
        embedded = f'<w:{role} r:id="rIdFont{number}" w:fontKey="{KEY}"/></w:font></w:fonts>'
        parts["word/fontTable.xml"] = fonts.replace("</w:font></w:fonts>", embedded).encode()
    relations = "".join(
        f'<Relationship Id="rIdFont{number}" Type="{OFFICE}/font" Target="fonts/font{number}.odttf"/>'
        for number in range(1, len(FONTS) + 1)
    )
    namespace = "http://schemas.openxmlformats.org/package/2006/relationships"
    declared = '<?xml version="1.0" encoding="UTF-8"?>'
    parts["word/_rels/fontTable.xml.rels"] = (
        f'{declared}<Relationships xmlns="{namespace}">{relations}</Relationships>'.encode()
    )
    kind = '<Default Extension="odttf" ContentType="application/vnd.openxmlformats-officedocument.obfuscatedFont"/>'
    types = parts["[Content_Types].xml"].decode()
    parts["[Content_Types].xml"] = re.sub(r"(<Types[^>]*>)", rf"\1{kind}", types, count=1).encode()
    settings = parts["word/settings.xml"].decode()
    parts["word/settings.xml"] = settings.replace("<w:embedSystemFonts />", "<w:embedTrueTypeFonts/>").encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name, FIXED), data, zipfile.ZIP_DEFLATED)
    return path


def _numbered(found: re.Match[str]) -> str:
    """A caption's number as a field, so that what authors move or add is counted anew; a bookmark, for references to it."""
    series = "Supplement" if found[2].endswith("S") else found[2].strip()
    bold = "<w:rPr><w:b/></w:rPr>"
    field = f'<w:fldSimple w:instr=" SEQ {series} \\* ARABIC "><w:r>{bold}<w:t>{found[3]}</w:t></w:r></w:fldSimple>'
    name = _bookmark(f"{found[2]}{found[3]}")
    number = f"{BOOKMARKS[found[2][0]]}{len(series)}{found[3]}"  # of its own among all bookmarks
    above, run = found[1].rsplit("<w:r>", 1)
    words = f'<w:r>{run}<w:t xml:space="preserve">{found[2]}</w:t></w:r>'
    marked = f'<w:bookmarkStart w:id="{number}" w:name="{name}"/>{words}{field}<w:bookmarkEnd w:id="{number}"/>'
    return f"{above}{marked}<w:r>{bold}<w:t>.</w:t></w:r>"


def _bookmark(number: str) -> str:
    """The name of what a reference to a figure or table shows, as the format allows it."""
    return f"_Ref{number.replace(' ', '')}"


def _referring(found: re.Match[str]) -> str:
    """A link that shows the number of a figure or table, as a field that shows what that number is now."""
    mark = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'.format
    asked = (
        f'<w:r><w:instrText xml:space="preserve"> REF {_bookmark(found[2])} \\h \\* MERGEFORMAT </w:instrText></w:r>'
    )
    return f"{mark('begin')}{asked}{mark('separate')}{found[1]}{mark('end')}"


def _kept(found: re.Match[str]) -> str:
    """A table whose heads of columns and of groups stay with the row below them, and its last two rows with its notes."""
    rows = re.findall(r"<w:tr>.*?</w:tr>", found[0], re.DOTALL)
    heads = [place for place, row in enumerate(rows) if "<w:tblHeader" in row or "<w:gridSpan" in row]
    kept = {*heads, *(range(max(0, len(rows) - 2), len(rows)) if found[1] else ())}
    places = iter(range(len(rows)))

    def row(one: re.Match[str]) -> str:
        style = r'(<w:pPr><w:pStyle w:val="Compact" ?/>)'
        return re.sub(style, r"\1<w:keepNext/>", one[0]) if next(places) in kept else one[0]

    return re.sub(r"<w:tr>.*?</w:tr>", row, found[0], flags=re.DOTALL)


def _with_contents(body: str) -> str:
    """Put the sections, as a field with links, after the answer."""
    heading = r'<w:bookmarkStart w:id="\d+" w:name="([^"]+)" ?/>\s*<w:p><w:pPr><w:pStyle w:val="Heading1" ?/></w:pPr>(.*?)</w:p>'
    found = list(re.finditer(heading, body, re.DOTALL))
    if len(found) < 2:
        return body
    field = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'.format
    asked = f'<w:r><w:instrText xml:space="preserve">{escape(TABLE_OF_CONTENTS, False)}</w:instrText></w:r>'
    lines = []
    for number, one in enumerate(found):
        words = "".join(re.findall(r"<w:t[^>]*>(.*?)</w:t>", one[2]))
        begin = f"{field('begin')}{asked}{field('separate')}" if not number else ""
        end = field("end") if number == len(found) - 1 else ""
        link = f'<w:hyperlink w:anchor="{one[1]}"><w:r><w:t>{words}</w:t></w:r></w:hyperlink>'
        lines.append(f'<w:p><w:pPr><w:spacing w:before="20" w:after="20"/></w:pPr>{begin}{link}{end}</w:p>')
    look = '<w:pPr><w:keepNext/><w:spacing w:before="400" w:after="80"/></w:pPr>'
    title = f"<w:p>{look}<w:r><w:rPr><w:b/></w:rPr><w:t>Contents</w:t></w:r></w:p>"
    at = found[1].start()
    return f"{body[:at]}{title}{''.join(lines)}{body[at:]}"


def _obscured(font: bytes) -> bytes:
    """A font as the format wants it embedded: its first 32 bytes mixed with the key, backwards."""
    key = bytes.fromhex(re.sub(r"[{}-]", "", KEY))[::-1]
    return bytes(byte ^ key[place % 16] for place, byte in enumerate(font[:32])) + font[32:]


def _header(title: str, label: str) -> str:
    red = '<w:rPr><w:b/><w:color w:val="5C4300"/><w:sz w:val="16"/></w:rPr>'
    grey = '<w:rPr><w:color w:val="5A5A5A"/><w:sz w:val="16"/></w:rPr>'
    runs = f'<w:r>{grey}<w:t xml:space="preserve">{escape(title)}</w:t></w:r>'
    if label:
        runs += f"<w:r>{red}<w:tab/><w:t>{escape(label)}</w:t></w:r>"
    rule = '<w:pBdr><w:bottom w:val="single" w:sz="4" w:space="3" w:color="B4B4B4"/></w:pBdr>'
    tabs = '<w:tabs><w:tab w:val="right" w:pos="9640"/></w:tabs>'
    return f'<?xml version="1.0" encoding="UTF-8"?><w:hdr {WORD}><w:p><w:pPr>{rule}{tabs}</w:pPr>{runs}</w:p></w:hdr>'


def _footer() -> str:
    look = '<w:rPr><w:color w:val="5A5A5A"/><w:sz w:val="16"/></w:rPr>'

    def field(name: str) -> str:
        return f'<w:fldSimple w:instr=" {name} "><w:r>{look}<w:t>1</w:t></w:r></w:fldSimple>'

    def words(text: str) -> str:
        return f'<w:r>{look}<w:t xml:space="preserve">{text}</w:t></w:r>'

    body = words("Page ") + field("PAGE") + words(" of ") + field("NUMPAGES")
    right = '<w:pPr><w:jc w:val="right"/></w:pPr>'
    return f'<?xml version="1.0" encoding="UTF-8"?><w:ftr {WORD}><w:p>{right}{body}</w:p></w:ftr>'


def _with_section(document: str) -> str:
    section = (
        f'<w:sectPr xmlns:r="{OFFICE}"><w:headerReference w:type="default" r:id="rIdHeader1"/>'
        f'<w:footerReference w:type="default" r:id="rIdFooter1"/>{MARGINS}</w:sectPr>'
    )
    document = re.sub(r"<w:sectPr.*?</w:sectPr>|<w:sectPr[^>]*/>", "", document, flags=re.DOTALL)
    return document.replace("</w:body>", f"{section}</w:body>")


def _with_types(types: str) -> str:
    added = "".join(
        f'<Override PartName="/word/{kind}1.xml" ContentType="{PARTS}.{kind}+xml"/>' for kind in ("header", "footer")
    )
    return types.replace("</Types>", f"{added}</Types>")


def _with_relations(relations: str) -> str:
    added = "".join(
        f'<Relationship Id="rId{kind.capitalize()}1" Type="{OFFICE}/{kind}" Target="{kind}1.xml"/>'
        for kind in ("header", "footer")
    )
    return relations.replace("</Relationships>", f"{added}</Relationships>")


def _styles(styles: str) -> str:
    """Give the named styles the report's type, colours and table rules."""
    face = f'<w:rFonts w:ascii="{FAMILY}" w:hAnsi="{FAMILY}" w:cs="{FAMILY}" w:eastAsia="{FAMILY}"/>'
    looks = {
        "Normal": ("", f'{face}<w:sz w:val="21"/><w:szCs w:val="21"/>'),
        "BodyText": ('<w:spacing w:before="80" w:after="120" w:line="271" w:lineRule="auto"/>', ""),
        "FirstParagraph": ('<w:spacing w:before="80" w:after="120" w:line="271" w:lineRule="auto"/>', ""),
        "Compact": ('<w:spacing w:before="20" w:after="20"/>', '<w:sz w:val="16"/><w:szCs w:val="16"/>'),
        "Title": (
            '<w:spacing w:before="0" w:after="160"/><w:jc w:val="left"/>',
            f'{face}<w:b/><w:color w:val="1A1D21"/><w:sz w:val="38"/>',
        ),
        "Heading2": (
            '<w:keepNext/><w:spacing w:before="280" w:after="80"/><w:outlineLvl w:val="1"/>',
            f'{face}<w:b/><w:color w:val="1A1D21"/><w:sz w:val="23"/>',
        ),
        "Heading3": (
            '<w:keepNext/><w:spacing w:before="200" w:after="60"/><w:outlineLvl w:val="2"/>',
            f'{face}<w:b/><w:color w:val="1A1D21"/><w:sz w:val="21"/>',
        ),
        "Heading1": (
            '<w:keepNext/><w:spacing w:before="400" w:after="120"/><w:outlineLvl w:val="0"/>',
            f'{face}<w:b/><w:color w:val="1A1D21"/><w:sz w:val="28"/>',
        ),
        "TableCaption": (
            '<w:keepNext/><w:spacing w:before="240" w:after="80"/>',
            '<w:i w:val="0"/><w:color w:val="404040"/><w:sz w:val="18"/>',
        ),
        "ImageCaption": (
            '<w:spacing w:before="60" w:after="240"/>',
            '<w:i w:val="0"/><w:color w:val="404040"/><w:sz w:val="18"/>',
        ),
    }
    for name, (paragraph, run) in looks.items():
        styles = _restyled(styles, name, paragraph, run)
    line = '<w:{} w:val="single" w:sz="{}" w:space="0" w:color="{}"/>'
    borders = line.format("top", 8, "404040") + line.format("bottom", 8, "404040") + line.format("insideH", 2, "D7D7D7")
    table = f"<w:tblPr><w:tblBorders>{borders}</w:tblBorders>"
    notes = (
        '<w:style w:type="paragraph" w:customStyle="1" w:styleId="TableNotes"><w:name w:val="Table Notes"/>'
        '<w:basedOn w:val="Normal"/><w:pPr><w:spacing w:before="60" w:after="240"/></w:pPr>'
        '<w:rPr><w:color w:val="505050"/><w:sz w:val="16"/></w:rPr></w:style>'
    )
    styles = styles.replace("</w:styles>", f"{notes}</w:styles>")
    styles = re.sub(r'(<w:style [^>]*w:styleId="Table".*?)<w:tblPr>', rf"\1{table}", styles, count=1, flags=re.DOTALL)
    return styles.replace('<w:tblStylePr w:type="firstRow">', '<w:tblStylePr w:type="firstRow"><w:rPr><w:b/></w:rPr>')


def _of_every_script(part: str) -> str:
    """Give bold, slant and size to Arabic and Hebrew as well, which have properties of their own."""
    part = re.sub(r"<w:(b|i)( w:val=\"\w+\")? ?/>(?!\s*<w:\1Cs)", r"<w:\1\2/><w:\1Cs\2/>", part)
    return re.sub(r"<w:sz( w:val=\"\d+\") ?/>(?!\s*<w:szCs)", r"<w:sz\1/><w:szCs\1/>", part)


def _restyled(styles: str, name: str, paragraph: str, run: str) -> str:
    """Replace the paragraph and run properties of one style."""
    found = re.search(rf'<w:style [^>]*w:styleId="{name}".*?</w:style>', styles, flags=re.DOTALL)
    if not found:
        return styles
    style = found.group(0)
    if paragraph:
        style = re.sub(r"<w:pPr>.*?</w:pPr>|<w:pPr\s*/>", "", style, flags=re.DOTALL)
    if run:
        style = re.sub(r"<w:rPr>.*?</w:rPr>|<w:rPr\s*/>", "", style, flags=re.DOTALL)
    added = (f"<w:pPr>{paragraph}</w:pPr>" if paragraph else "") + (f"<w:rPr>{run}</w:rPr>" if run else "")
    if paragraph or "<w:pPr>" not in style:
        style = style.replace("</w:style>", f"{added}</w:style>")
    else:
        style = style.replace("</w:pPr>", f"</w:pPr>{added}", 1)
    return styles.replace(found.group(0), style)
