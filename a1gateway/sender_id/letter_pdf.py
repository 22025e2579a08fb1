"""The letter as a PDF file, for whoever prints it on a letterhead. Blocks for some tens of milliseconds.

The font is PT Serif by ParaType (SIL Open Font License), which has all letters of Russian and Belarusian; it comes
from the package `fontpkg-pt-serif`, so that nothing but `pip install` is needed.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from .letter import ADDRESSEE, ANSWER_TO, ATTACHMENTS, OUTGOING, PARTICULARS, SIGNATURE, STAMP, SUBJECT, Letter

if TYPE_CHECKING:
    from reportlab.platypus import Paragraph
    from reportlab.platypus.flowables import Flowable

_REGULAR, _BOLD = "a1gateway PT Serif", "a1gateway PT Serif Bold"
_SIZE, _NAME_SIZE, _SMALL = 11.5, 20.0, 8.5
_LEADING = 1.25
_LEFT, _RIGHT, _ABOVE, _BELOW = 30.0, 15.0, 15.0, 15.0
_LETTERHEAD = 40.0
_MM = 72 / 25.4
# What reportlab leaves free within the margins, in points.
_PADDING = 6.0
# Reportlab's registry of fonts is one for the process.
_one_at_a_time = Lock()


def as_pdf(letter: Letter) -> bytes:
    """The file's content. Characters that its font does not have are shown as empty boxes: see `missing_from_pdf`."""
    # Some megabytes, for a file that is made once in a company's life.
    from reportlab.platypus import SimpleDocTemplate

    with _one_at_a_time:
        _font()
        out = BytesIO()
        document = SimpleDocTemplate(
            out,
            pagesize=(210 * _MM, 297 * _MM),
            leftMargin=_LEFT * _MM - _PADDING,
            rightMargin=_RIGHT * _MM - _PADDING,
            topMargin=_ABOVE * _MM - _PADDING,
            bottomMargin=_BELOW * _MM - _PADDING,
            title=letter.title,
            author=letter.company,
            lang="ru-RU",
        )
        document.build(_story(letter))
    return out.getvalue()


def missing_from_pdf(letter: Letter) -> str:
    """The characters of a letter that the PDF cannot show, each once; the DOCX has them."""
    texts = [letter.name, *letter.paragraphs, *(value for _, value in letter.rows)]
    with _one_at_a_time:
        known = _font()
    return "".join(each for each in dict.fromkeys("".join(texts)) if ord(each) not in known)


@cache
def _font() -> frozenset[int]:
    """Make the font known to reportlab; the code points that it has."""
    import fontpkg
    from reportlab.pdfbase.pdfmetrics import registerFont, registerFontFamily
    from reportlab.pdfbase.ttfonts import TTFont

    regular = TTFont(_REGULAR, str(fontpkg.path("PT Serif")))
    registerFont(regular)
    registerFont(TTFont(_BOLD, str(fontpkg.path("PT Serif", weight=700))))
    registerFontFamily(_REGULAR, normal=_REGULAR, bold=_BOLD, italic=_REGULAR, boldItalic=_BOLD)
    return frozenset(regular.face.charToGlyph)


def _story(letter: Letter) -> list[Flowable]:
    from reportlab.platypus import KeepTogether, Spacer

    return [
        Spacer(0, (_LETTERHEAD - _ABOVE) * _MM),
        _table([[_lines(OUTGOING, ANSWER_TO), _lines(*ADDRESSEE)]], 95, 70),
        _paragraph(SUBJECT, bold=True, before=14, after=10),
        _paragraph(letter.before_name, justified=True),
        _paragraph(letter.name, bold=True, size=_NAME_SIZE, centred=True, before=4),
        _paragraph(letter.spelled_out, size=_SMALL, centred=True, before=3, after=8),
        *(_paragraph(text, justified=True, after=3) for text in letter.paragraphs),
        _paragraph(PARTICULARS, bold=True, before=6, after=5, with_next=True),
        _table([[_lines(label), _lines(value)] for label, value in letter.rows], 50, 115, grid=True),
        *_attachments(letter),
        KeepTogether(_signature(letter)),
    ]


def _attachments(letter: Letter) -> list[Flowable]:
    if not letter.papers:
        return []
    heading = _paragraph(ATTACHMENTS, before=9, with_next=True)
    return [heading, *(_paragraph(paper) for paper in letter.papers)]


def _signature(letter: Letter) -> list[Flowable]:
    from reportlab.platypus import Spacer

    position, signatory = letter.signature
    return [
        Spacer(0, 8 * _MM),
        _table([[_lines(position), _lines(SIGNATURE), _lines(signatory)]], 65, 40, 60),
        _paragraph(STAMP, size=_SMALL, before=6, after=12),
        _paragraph(letter.drafted_by, size=_SMALL),
    ]


def _lines(*lines: str) -> list[Paragraph]:
    return [_paragraph(line) for line in lines]


def _table(rows: list[list[list[Paragraph]]], *widths: float, grid: bool = False) -> Flowable:
    from reportlab.lib.colors import black
    from reportlab.platypus import Table

    aside = 4 if grid else 0
    style: list[Any] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP" if grid or len(widths) == 2 else "BOTTOM"),
        ("LEFTPADDING", (0, 0), (-1, -1), aside),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), 1),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ]
    if grid:
        style.append(("GRID", (0, 0), (-1, -1), 0.5, black))
    return Table(rows, colWidths=[width * _MM for width in widths], style=style, hAlign="LEFT")


def _paragraph(
    text: str,
    *,
    bold: bool = False,
    size: float = _SIZE,
    centred: bool = False,
    justified: bool = False,
    before: float = 0,
    after: float = 0,
    with_next: bool = False,
) -> Paragraph:
    from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY, TA_LEFT
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    style = ParagraphStyle(
        "",
        fontName=_BOLD if bold else _REGULAR,
        fontSize=size,
        leading=size * _LEADING,
        alignment=TA_CENTER if centred else TA_JUSTIFY if justified else TA_LEFT,
        firstLineIndent=12.5 * _MM if justified else 0,
        spaceBefore=before,
        spaceAfter=after,
        keepWithNext=with_next,
        splitLongWords=True,
    )
    # Its text is a markup language: everything that came from people is text there, too.
    return Paragraph(escape(text), style)
