"""A company's particulars: what is typed is tidied, and every fault is named with its field."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from a1gateway.sender_id.particulars import (
    FIELDS,
    MOST,
    FieldFault,
    Particulars,
    Wrong,
    printable_line,
    read_particulars,
    read_purpose,
)

FORM = {
    "company": "Общество с ограниченной ответственностью «Мой магазин»",
    "unp": "200988541",
    "address": "220004, г. Минск, ул. Немига, д. 5, оф. 12",
    "signatory": "Иванов Иван Иванович",
    "position": "Директор",
    "ground": "Устав",
    "contact": "Петрова Анна Сергеевна",
    "phone": "+375 29 111-22-33",
    "email": "petrova@myshop.by",
    "contract": "№ 123/45 от 01.02.2026",
}
OURS = Particulars(**FORM)


def fault_of(field: str, typed: str) -> Wrong | None:
    """What is wrong with one field, the others being right."""
    read = read_particulars({**FORM, field: typed})
    if isinstance(read, Particulars):
        return None
    assert [each.field for each in read] == [field]
    return read[0].wrong


def kept(field: str, typed: str) -> str:
    """What is kept of one field, the others being right."""
    read = read_particulars({**FORM, field: typed})
    assert isinstance(read, Particulars), read
    return str(getattr(read, field))


def test_what_is_right_is_kept_as_it_is() -> None:
    assert read_particulars(FORM) == OURS


def test_every_fault_is_told_in_the_order_of_the_form() -> None:
    read = read_particulars({**FORM, "email": "nobody", "company": " ", "unp": "1"})
    assert read == [
        FieldFault("company", Wrong.MISSING),
        FieldFault("unp", Wrong.UNP_LENGTH),
        FieldFault("email", Wrong.NOT_AN_EMAIL),
    ]


def test_only_the_contract_may_be_left_out() -> None:
    assert read_particulars({}) == [FieldFault(name, Wrong.MISSING) for name in FIELDS if name != "contract"]
    assert read_particulars({**FORM, "contract": ""}) == replace(OURS, contract="")


@pytest.mark.parametrize(
    ("typed", "unp"),
    [
        ("101528843", "101528843"),
        ("УНП 101 528 843", "101528843"),
        ("MA1953684", "MA1953684"),
        ("ма1953684", "MA1953684"),
    ],
)
def test_a_unp_is_kept_in_one_form(typed: str, unp: str) -> None:
    assert kept("unp", typed) == unp


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("10152884", Wrong.UNP_LENGTH),
        ("1015288433", Wrong.UNP_LENGTH),
        ("101528844", Wrong.UNP_CHECK),
        ("110528843", Wrong.UNP_CHECK),
        ("MA1953685", Wrong.UNP_CHECK),
        ("001528843", Wrong.UNP_FORM),
        ("A12345678", Wrong.UNP_FORM),
        ("ДЖ1953684", Wrong.UNP_FORM),
        ("١٢٣٤٥٦٧٨٩", Wrong.UNP_FORM),
        ("101528843" * 3, Wrong.TOO_LONG),
    ],
)
def test_a_mistyped_unp_is_told_by_what_is_wrong(typed: str, wrong: Wrong) -> None:
    assert fault_of("unp", typed) is wrong


@given(st.integers(0, 7), st.integers(1, 9))
def test_one_mistyped_digit_of_a_unp_is_always_found(place: int, by: int) -> None:
    """Its weights and 11 have no common divisor."""
    digits = [int(digit) for digit in "101528843"]
    digits[place] = (digits[place] + by) % 10
    assert fault_of("unp", "".join(map(str, digits))) in (Wrong.UNP_CHECK, Wrong.UNP_FORM)


@pytest.mark.parametrize(
    ("typed", "phone"),
    [
        ("8 (017) 217-10-10", "+375 17 217-10-10"),
        ("80291112233", "+375 29 111-22-33"),
        ("375291112233", "+375 29 111-22-33"),
        ("+7 495 123 45 67", "+7 495 123-45-67"),
        ("8 017 217 10 10 доб. 5", "+375 17 217-10-10, доб. 5"),
    ],
)
def test_a_phone_is_kept_as_it_is_dialled_from_anywhere(typed: str, phone: str) -> None:
    assert kept("phone", typed) == phone


@pytest.mark.parametrize("typed", ["217-10-10", "150", "later", "+375"])
def test_what_cannot_be_called_is_no_phone(typed: str) -> None:
    assert fault_of("phone", typed) is Wrong.NOT_A_PHONE


@pytest.mark.parametrize(
    "typed", ["anna", "anna@", "@shop.by", "anna@shop", "anna@shop..by", "a b@shop.by", "a@b@c.by"]
)
def test_what_no_mail_server_takes_is_no_email(typed: str) -> None:
    assert fault_of("email", typed) is Wrong.NOT_AN_EMAIL


@pytest.mark.parametrize("typed", ["anna@shop.by", "a.b+c@mail.shop.by", "инфо@магазин.бел"])
def test_these_are_addresses(typed: str) -> None:
    assert kept("email", typed) == typed


@pytest.mark.parametrize("field", [name for name in FIELDS if name not in ("unp", "phone", "email")])
def test_every_field_has_its_longest(field: str) -> None:
    assert kept(field, "я" * MOST[field]) == "я" * MOST[field]
    assert fault_of(field, "я" * (MOST[field] + 1)) is Wrong.TOO_LONG


def test_a_text_is_one_line_that_can_be_printed() -> None:
    assert kept("company", " ООО\t«Мой\r\n магазин»\x00\u202e\u200b ") == "ООО «Мой магазин»"


def test_a_purpose_is_read_as_the_fields_are() -> None:
    assert read_purpose("  напоминания\nо записи ") == "напоминания о записи"
    assert read_purpose(" ") == FieldFault("purpose", Wrong.MISSING)
    assert read_purpose("я" * 601) == FieldFault("purpose", Wrong.TOO_LONG)


def test_they_come_back_from_the_journal() -> None:
    assert Particulars.from_json(OURS.as_json()) == OURS


def test_what_another_version_kept_can_be_read() -> None:
    kept = json.loads(OURS.as_json())
    del kept["contract"]
    assert Particulars.from_json(json.dumps(kept | {"fax": "1"})) == replace(OURS, contract="")


typed_texts = st.text(max_size=300)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, typed_texts)))
def test_anything_may_be_typed(form: dict[str, str]) -> None:
    read = read_particulars({**FORM, **form})
    if isinstance(read, Particulars):
        assert read_particulars(json.loads(read.as_json())) == read
    else:
        assert {each.field for each in read} <= set(form)


@given(st.text())
@example("0 \ud7fc\r0")
@example("e\u200b\u0301")
def test_a_printable_line_stays_as_it_is(text: str) -> None:
    line = printable_line(text)
    assert line.isprintable()
    assert "  " not in line
    assert printable_line(line) == line
