"""The letter as a DOCX file, for whoever has a letterhead in Word. Blocks for some tens of milliseconds."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from .letter import ADDRESSEE, ANSWER_TO, ATTACHMENTS, OUTGOING, PARTICULARS, SIGNATURE, STAMP, SUBJECT, Letter

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import Table, _Cell
    from docx.text.paragraph import Paragraph

_FONT = "Times New Roman"
_SIZE, _NAME_SIZE, _SMALL = 12, 20, 9
# Millimetres: the page's margins as letters have them, and where a letterhead is.
_LEFT, _RIGHT, _ABOVE, _BELOW = 30, 15, 15, 15
_LETTERHEAD = 40
# Of the file's properties, in characters (OPC).
_LONGEST_PROPERTY = 255


def as_docx(letter: Letter, made_at: datetime) -> bytes:
    """The file's content; `made_at` goes into its properties."""
    # Thirteen megabytes, for a file that is made once in a company's life.
    import docx

    document = docx.Document()
    _set_up(document, letter, made_at)
    _letterhead(document)
    _subject(document)
    _request(document, letter)
    _particulars(document, letter)
    _attachments(document, letter)
    _signature(document, letter)
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def _set_up(document: Document, letter: Letter, made_at: datetime) -> None:
    from docx.oxml.ns import qn
    from docx.shared import Mm, Pt

    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin, section.right_margin = Mm(_LEFT), Mm(_RIGHT)
    section.top_margin, section.bottom_margin = Mm(_ABOVE), Mm(_BELOW)
    normal: Any = document.styles["Normal"]
    normal.font.name, normal.font.size = _FONT, Pt(_SIZE)
    normal.paragraph_format.space_after = Pt(0)
    fonts = normal.element.get_or_add_rPr().get_or_add_rFonts()
    for script in ("w:cs", "w:eastAsia"):
        fonts.set(qn(script), _FONT)
    for language in document.styles.element.iter(qn("w:lang")):
        language.set(qn("w:val"), "ru-RU")
    properties = document.core_properties
    properties.title = letter.title[:_LONGEST_PROPERTY]
    properties.author = properties.last_modified_by = letter.company[:_LONGEST_PROPERTY]
    properties.comments = ""
    properties.language = "ru-RU"
    properties.created = properties.modified = made_at


def _letterhead(document: Document) -> None:
    from docx.shared import Mm

    _paragraph(document).paragraph_format.space_after = Mm(_LETTERHEAD - _ABOVE)
    table = _borderless(document, Mm(85), Mm(80))
    left, right = table.rows[0].cells
    _lines(left, (OUTGOING, ANSWER_TO))
    _lines(right, ADDRESSEE)


def _subject(document: Document) -> None:
    from docx.shared import Pt

    paragraph = _paragraph(document, SUBJECT, bold=True)
    paragraph.paragraph_format.space_before = paragraph.paragraph_format.space_after = Pt(14)


def _request(document: Document, letter: Letter) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Mm, Pt

    texts = [_paragraph(document, letter.before_name)]
    name = _paragraph(document, letter.name, bold=True, size=_NAME_SIZE)
    spelled = _paragraph(document, letter.spelled_out, size=_SMALL)
    for each in (name, spelled):
        each.alignment = WD_ALIGN_PARAGRAPH.CENTER
    name.paragraph_format.space_before = Pt(6)
    spelled.paragraph_format.space_after = Pt(8)
    texts += [_paragraph(document, text) for text in letter.paragraphs]
    for each in texts:
        each.alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
        each.paragraph_format.first_line_indent = Mm(12.5)
        each.paragraph_format.space_after = Pt(3)


def _particulars(document: Document, letter: Letter) -> None:
    from docx.shared import Mm, Pt

    heading = _paragraph(document, PARTICULARS, bold=True)
    heading.paragraph_format.space_before, heading.paragraph_format.space_after = Pt(8), Pt(4)
    heading.paragraph_format.keep_with_next = True
    table = document.add_table(rows=0, cols=2, style="Table Grid")
    for label, value in letter.rows:
        cells = table.add_row().cells
        _lines(cells[0], (label,))
        _lines(cells[1], (value,))
    _widths(table, Mm(50), Mm(115))


def _attachments(document: Document, letter: Letter) -> None:
    from docx.shared import Pt

    if not letter.papers:
        return
    heading = _paragraph(document, ATTACHMENTS)
    heading.paragraph_format.space_before = Pt(8)
    heading.paragraph_format.keep_with_next = True
    for paper in letter.papers:
        _paragraph(document, paper)


def _signature(document: Document, letter: Letter) -> None:
    from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT
    from docx.shared import Mm, Pt

    gap = _paragraph(document)
    gap.paragraph_format.space_after = Pt(6)
    gap.paragraph_format.keep_with_next = True
    table = _borderless(document, Mm(65), Mm(45), Mm(55))
    position, signatory = letter.signature
    for cell, text in zip(table.rows[0].cells, (position, SIGNATURE, signatory), strict=True):
        _lines(cell, (text,))
        cell.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.BOTTOM
        for paragraph in cell.paragraphs:
            paragraph.paragraph_format.keep_with_next = True
    stamp = _paragraph(document, STAMP, size=_SMALL)
    stamp.paragraph_format.space_before, stamp.paragraph_format.space_after = Pt(6), Pt(12)
    stamp.paragraph_format.keep_with_next = True
    _paragraph(document, letter.drafted_by, size=_SMALL)


def _paragraph(document: Document, text: str = "", *, bold: bool = False, size: int | None = None) -> Paragraph:
    from docx.shared import Pt

    paragraph = document.add_paragraph()
    run = paragraph.add_run(text)
    run.bold = bold or None
    run.font.size = None if size is None else Pt(size)
    return paragraph


def _borderless(document: Document, *widths: int) -> Table:
    table: Table = document.add_table(rows=1, cols=len(widths))
    _widths(table, *widths)
    return table


def _widths(table: Table, *widths: int) -> None:
    table.autofit = False
    # Word goes by the cells, others by the columns.
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width
    for row in table.rows:
        for cell, width in zip(row.cells, widths, strict=True):
            cell.width = width


def _lines(cell: _Cell, lines: tuple[str, ...]) -> None:
    cell.paragraphs[0].add_run(lines[0])
    for line in lines[1:]:
        cell.add_paragraph(line)
