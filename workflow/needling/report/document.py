"""The reference document from which pandoc takes the styles, header and page numbers of the DOCX."""

import re
import zipfile
from html import escape
from pathlib import Path

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PARTS = "application/vnd.openxmlformats-officedocument.wordprocessingml"
MARGINS = (
    '<w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1360" w:right="1130" w:bottom="1130" w:left="1130" '
    'w:header="620" w:footer="560" w:gutter="0"/>'
)
FIXED = (2020, 1, 1, 0, 0, 0)


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
    parts["word/header1.xml"] = _header(title, label).encode()
    parts["word/footer1.xml"] = _footer().encode()
    parts["word/styles.xml"] = _styles(parts["word/styles.xml"].decode()).encode()
    parts["word/document.xml"] = _with_section(parts["word/document.xml"].decode()).encode()
    parts["[Content_Types].xml"] = _with_types(parts["[Content_Types].xml"].decode()).encode()
    relations = "word/_rels/document.xml.rels"
    parts[relations] = _with_relations(parts[relations].decode()).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name, FIXED), data, zipfile.ZIP_DEFLATED)
    return path


def _header(title: str, label: str) -> str:
    red = '<w:rPr><w:b/><w:color w:val="A33D00"/><w:sz w:val="16"/></w:rPr>'
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
    calibri = '<w:rFonts w:ascii="Calibri" w:hAnsi="Calibri" w:cs="Calibri" w:eastAsia="Calibri"/>'
    looks = {
        "Normal": ("", f'{calibri}<w:sz w:val="21"/><w:szCs w:val="21"/>'),
        "BodyText": ('<w:spacing w:before="80" w:after="120" w:line="271" w:lineRule="auto"/>', ""),
        "FirstParagraph": ('<w:spacing w:before="80" w:after="120" w:line="271" w:lineRule="auto"/>', ""),
        "Compact": ('<w:spacing w:before="20" w:after="20"/>', '<w:sz w:val="16"/><w:szCs w:val="16"/>'),
        "Title": (
            '<w:spacing w:before="0" w:after="160"/><w:jc w:val="left"/>',
            f'{calibri}<w:b/><w:color w:val="12395B"/><w:sz w:val="38"/>',
        ),
        "Heading1": (
            '<w:keepNext/><w:spacing w:before="400" w:after="120"/><w:outlineLvl w:val="0"/>',
            f'{calibri}<w:b/><w:color w:val="12395B"/><w:sz w:val="28"/>',
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
