"""The letter to A1: one content in two files that open, print and say what was typed, whatever that was."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import docx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from a1gateway.sender_id.conflicts import Conflict
from a1gateway.sender_id.letter import ADDRESSEE, SUBJECT, Attachment, Letter, usual_attachments
from a1gateway.sender_id.letter_docx import as_docx
from a1gateway.sender_id.letter_pdf import as_pdf, missing_from_pdf
from a1gateway.sender_id.particulars import MOST, Particulars, printable_line

from .test_particulars import OURS

AT = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
ORDINARY = Letter("MyShop", "уведомления о заказах", OURS, tuple(Attachment))
NASTY = 'ООО "Ромашка & <b>Ко</b>" <script>alert(1)</script> &amp; {{x}} \\u0416 %s'


def docx_texts(content: bytes) -> list[str]:
    """Every paragraph, in tables too."""
    document = docx.Document(BytesIO(content))
    cells = [cell for table in document.tables for row in table.rows for cell in row.cells]
    paragraphs = [*document.paragraphs, *(each for cell in cells for each in cell.paragraphs)]
    return [each.text for each in paragraphs if each.text]


def pdf_text(content: bytes) -> str:
    """All that can be copied out of it; where its lines end says nothing."""
    return squeezed("\n".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages))


def squeezed(text: str) -> str:
    """Without white space."""
    return re.sub(r"\s+", "", text)


def said(letter: Letter) -> list[str]:
    """What both files have to say."""
    return [
        *ADDRESSEE,
        SUBJECT,
        letter.before_name,
        letter.name,
        letter.spelled_out,
        *letter.paragraphs,
        *(text for row in letter.rows for text in row),
        *letter.papers,
        *letter.signature,
        letter.drafted_by,
    ]


def test_both_files_say_all_of_it() -> None:
    assert set(said(ORDINARY)) <= set(docx_texts(as_docx(ORDINARY, AT)))
    text = pdf_text(as_pdf(ORDINARY))
    assert [each for each in said(ORDINARY) if squeezed(each) not in text] == []


def test_an_ordinary_letter_is_one_page_of_a4() -> None:
    (page,) = PdfReader(BytesIO(as_pdf(ORDINARY))).pages
    assert (round(page.mediabox.width / 72 * 25.4), round(page.mediabox.height / 72 * 25.4)) == (210, 297)
    section = docx.Document(BytesIO(as_docx(ORDINARY, AT))).sections[0]
    assert section.page_width is not None
    assert section.page_height is not None
    assert (round(section.page_width.mm), round(section.page_height.mm)) == (210, 297)


def test_there_is_room_for_a_letterhead() -> None:
    """Nothing is written on the uppermost 35 millimetres."""
    heights: list[float] = []

    def visit(text: str, _cm: object, matrix: list[float], _font: object, _size: object) -> None:
        if text.strip():
            heights.append(matrix[5])

    page = PdfReader(BytesIO(as_pdf(ORDINARY))).pages[0]
    page.extract_text(visitor_text=visit)
    assert (float(page.mediabox.height) - max(heights)) / 72 * 25.4 > 35


def test_what_was_typed_is_text_and_no_markup() -> None:
    letter = replace(ORDINARY, purpose=NASTY, particulars=replace(OURS, company=NASTY, position=NASTY))
    assert docx_texts(as_docx(letter, AT)).count(NASTY) == 3
    assert pdf_text(as_pdf(letter)).count(squeezed(NASTY)) == 4


def test_the_name_is_spelled_out() -> None:
    assert replace(ORDINARY, name="M&S 0l-24").spelled_out == (
        "Посимвольно: латинская буква M, знак &, латинская буква S, пробел, цифра 0, латинская буква l, "
        "знак -, цифры 2 4."
    )


def test_a_contract_that_there_is_not_is_not_mentioned() -> None:
    assert "Договор с А1" in dict(ORDINARY.rows)
    assert "Договор с А1" not in dict(replace(ORDINARY, particulars=replace(OURS, contract="")).rows)


@pytest.mark.parametrize(
    ("conflicts", "proves"),
    [
        ([], False),
        ([Conflict.GENERIC, Conflict.SHORT], False),
        ([Conflict.NOT_THE_COMPANY], True),
        ([Conflict.WELL_KNOWN], True),
    ],
)
def test_the_right_to_a_name_is_proved_where_it_is_not_obvious(conflicts: list[Conflict], proves: bool) -> None:
    papers = usual_attachments(conflicts)
    assert (Attachment.RIGHT_TO_NAME in papers) == proves
    assert set(Attachment) - set(papers) <= {Attachment.RIGHT_TO_NAME}


def test_papers_are_numbered_and_may_be_left_out() -> None:
    papers = replace(ORDINARY, attachments={Attachment.SAMPLES, Attachment.REGISTRATION}).papers
    assert [each[:9] for each in papers] == ["1. Копия ", "2. Образц"]
    without = replace(ORDINARY, attachments=())
    assert "Приложения" not in pdf_text(as_pdf(without))
    assert not [each for each in docx_texts(as_docx(without, AT)) if "Приложения" in each]


def test_letters_that_the_pdf_cannot_show_are_named_and_break_nothing() -> None:
    letter = replace(ORDINARY, particulars=replace(OURS, company="ООО «Ўзлёт ґ» 😀 中"))
    assert missing_from_pdf(letter) == "😀中"
    assert squeezed("ООО «Ўзлёт ґ»") in pdf_text(as_pdf(letter))
    assert "ООО «Ўзлёт ґ» 😀 中" in docx_texts(as_docx(letter, AT))
    assert missing_from_pdf(ORDINARY) == ""


def test_neither_file_reaches_out_or_runs_anything() -> None:
    with zipfile.ZipFile(BytesIO(as_docx(ORDINARY, AT))) as package:
        names = package.namelist()
        relations = b"".join(package.read(name) for name in names if name.endswith(".rels"))
    assert not [name for name in names if "vba" in name.lower() or name.endswith(".bin")]
    assert b"External" not in relations
    reader = PdfReader(BytesIO(as_pdf(ORDINARY)))
    assert not reader.attachments
    assert not [page for page in reader.pages if "/Annots" in page or "/AA" in page]
    assert not {"/OpenAction", "/AA", "/AcroForm"} & set(reader.root_object)


def test_the_fonts_that_it_is_written_in_are_in_the_pdf() -> None:
    (page,) = PdfReader(BytesIO(as_pdf(ORDINARY))).pages
    drawn: set[str] = set()

    def visit(text: str, _cm: object, _matrix: object, font: dict[str, str] | None, _size: object) -> None:
        if text.strip() and font is not None:
            drawn.add(str(font["/BaseFont"]))

    page.extract_text(visitor_text=visit)
    assert drawn
    assert all("+PTSerif" in name for name in drawn), drawn


def test_the_files_name_their_author_and_date() -> None:
    properties = docx.Document(BytesIO(as_docx(ORDINARY, AT))).core_properties
    assert (properties.author, properties.title) == (OURS.company, f"{SUBJECT}: MyShop")
    assert properties.created is not None
    assert properties.created.replace(tzinfo=UTC) == AT
    metadata = PdfReader(BytesIO(as_pdf(ORDINARY))).metadata
    assert metadata is not None
    assert (metadata.author, metadata.title) == (OURS.company, f"{SUBJECT}: MyShop")


def test_letters_can_be_made_in_several_threads() -> None:
    letters = [replace(ORDINARY, name=f"Shop{number}") for number in range(8)]
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(as_pdf, letters))
    for letter, content in zip(letters, made, strict=True):
        assert squeezed(letter.spelled_out) in pdf_text(content)


@pytest.mark.parametrize("text", ["W", "Ж Ж ", "слово "])
def test_the_longest_particulars_fit(text: str) -> None:
    longest = {name: (text * most)[:most].strip() for name, most in MOST.items()}
    purpose = longest.pop("purpose")
    letter = Letter("WWWWWWWWWWW", purpose, Particulars(**longest), tuple(Attachment))
    assert len(PdfReader(BytesIO(as_pdf(letter))).pages) <= 3
    assert purpose in "".join(docx_texts(as_docx(letter, AT)))


typed = st.text(max_size=80)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(typed, typed, typed, typed)
def test_any_text_may_stand_in_a_letter(purpose: str, company: str, signatory: str, address: str) -> None:
    particulars = replace(OURS, company=company, signatory=signatory, address=address)
    letter = replace(ORDINARY, purpose=purpose, particulars=particulars)
    texts = docx_texts(as_docx(letter, AT))
    assert not {printable_line(each) for each in (company, signatory, address)} - {"", *texts}
    assert PdfReader(BytesIO(as_pdf(letter))).pages
    assert set(missing_from_pdf(letter)) <= set(printable_line(purpose + company + signatory + address))


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    """A daemon on a small server carries none of it until somebody applies."""
    heavy = {"docx", "lxml", "reportlab", "PIL", "holidays", "stdnum", "fontpkg"}
    modules = ("letter_docx", "letter_pdf", "particulars", "business_days", "conflicts")
    lines = ["import sys", "import a1gateway.tap", *(f"import a1gateway.sender_id.{name}" for name in modules)]
    lines.append(f"print(sorted({heavy} & set(sys.modules)))")
    ran = subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]"
