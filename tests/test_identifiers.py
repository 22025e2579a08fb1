"""What two identifiers have to do with each other, in memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.journal.identifiers import Form, forms, keys, likely, long, readable, telling

NUMBERS = st.integers(0, 2**64)
ZEROS = st.integers(0, 12).map("0".__mul__)


def written(number: int, base: int) -> str:
    return f"{number:x}" if base == 16 else f"{number}"


@given(NUMBERS, ZEROS, ZEROS, st.sampled_from([10, 16]), st.sampled_from([10, 16]), st.booleans())
def test_one_number_in_whatever_base_letter_case_and_length_is_the_same_identifier(
    number: int, before: str, after: str, submitted: int, receipt: int, capitals: bool
) -> None:
    in_answer = before + written(number, submitted)
    in_receipt = after + written(number, receipt)
    found = forms(keys(in_answer), keys(in_receipt.upper() if capitals else in_receipt))
    expected = {
        (10, 10): Form.SAME,
        (16, 16): Form.SAME,
        (16, 10): Form.HEXADECIMAL_THEN_DECIMAL,
        (10, 16): Form.DECIMAL_THEN_HEXADECIMAL,
    }[submitted, receipt]
    assert expected in found


@given(NUMBERS, NUMBERS)
def test_different_numbers_in_one_base_are_never_the_same(one: int, other: int) -> None:
    for base in (10, 16):
        same = Form.SAME in forms(keys(written(one, base)), keys(written(other, base)))
        assert same == (one == other)


@given(st.text(), st.text())
def test_a_form_is_found_only_where_the_receipt_can_be_read_so(submitted: str, receipt: str) -> None:
    assert forms(keys(submitted), keys(receipt)) <= readable(keys(receipt))


@given(st.text())
def test_an_identifier_is_itself_in_any_letter_case_and_behind_blanks(identifier: str) -> None:
    assert keys(f" {identifier}\t") == keys(identifier)
    assert Form.SAME in forms(keys(identifier), keys(identifier))
    if identifier.isascii():
        assert Form.SAME in forms(keys(identifier.upper()), keys(identifier.lower()))


@pytest.mark.parametrize(
    ("identifier", "text", "value"),
    [
        ("", "", None),
        ("  ", "", None),
        ("0", "0", "0"),
        ("000", "0", "0"),
        ("007", "7", "7"),
        ("10", "10", "16"),
        ("1A2B3C4D", "1a2b3c4d", "439041101"),
        ("00-11", "-11", None),
        ("4f1c0d9e-88aa-4c0e-9d5e-0123456789ab", "4f1c0d9e-88aa-4c0e-9d5e-0123456789ab", None),
        ("١٢", "١٢", None),
        ("0x1A", "1a", "26"),
        ("0xyz", "xyz", None),
    ],
)
def test_the_keys_of_an_identifier(identifier: str, text: str, value: str | None) -> None:
    assert (keys(identifier).text, keys(identifier).value) == (text, value)


def test_a_text_that_no_number_is_as_long_as_is_read_as_text_alone() -> None:
    # Python itself refuses to write numbers of thousands of digits.
    assert keys("f" * 60000).value is None
    assert Form.SAME in forms(keys("f" * 60000), keys("F" * 60000))


@pytest.mark.parametrize(
    ("receipt", "expected"),
    [
        ("10", set(Form)),
        ("1a", {Form.SAME, Form.DECIMAL_THEN_HEXADECIMAL}),
        ("1-0", {Form.SAME}),
    ],
)
def test_the_forms_that_a_receipt_may_have(receipt: str, expected: set[Form]) -> None:
    assert readable(keys(receipt)) == expected


@pytest.mark.parametrize(
    ("submitted", "receipt", "form", "expected"),
    [
        # Few digits: any two numbers may look so.
        ("10", "10", Form.SAME, False),
        ("a", "10", Form.HEXADECIMAL_THEN_DECIMAL, False),
        ("16", "10", Form.DECIMAL_THEN_HEXADECIMAL, False),
        # Many digits in either.
        ("12345678", "12345678", Form.SAME, True),
        ("1a2b3c4d", "439041101", Form.HEXADECIMAL_THEN_DECIMAL, True),
        ("10000000", "989680", Form.DECIMAL_THEN_HEXADECIMAL, True),
        # Zeros say nothing.
        ("00000010", "00000010", Form.SAME, False),
        # Letters in both: neither is decimal.
        ("1a", "1A", Form.SAME, True),
        ("m-7", "m-7", Form.SAME, True),
        ("10", "a", Form.DECIMAL_THEN_HEXADECIMAL, False),
    ],
)
def test_what_tells_of_itself_is_long_or_the_same_letters(
    submitted: str, receipt: str, form: Form, expected: bool
) -> None:
    assert form in forms(keys(submitted), keys(receipt))
    assert telling(keys(submitted), keys(receipt), form) is expected


def test_eight_characters_in_either_are_long() -> None:
    assert long(keys("10000000"), keys("989680"))
    assert not long(keys("1000000"), keys("f4240"))


def test_a_form_is_ruled_out_when_three_receipts_more_speak_against_it_than_against_another() -> None:
    assert likely({}) == set(Form)
    assert likely({Form.SAME: 2}) == set(Form)
    assert likely({Form.SAME: 3}) == set(Form) - {Form.SAME}
    foreign = dict.fromkeys(Form, 50)
    assert likely(foreign) == set(Form)
    assert likely(foreign | {Form.HEXADECIMAL_THEN_DECIMAL: 47}) == {Form.HEXADECIMAL_THEN_DECIMAL}
