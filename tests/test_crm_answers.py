"""Reading what the CRM's methods answer: texts and numbers of whatever size, ids, phones."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.bitrix24.crm_answers import ids, text_of
from a1gateway.http_client import Answer

HIGHEST = 2**63 - 1
NUMBERS = st.floats() | st.integers() | st.decimals().filter(lambda number: not number.is_snan())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Дверь", "Дверь"),
        (" 5 ", "5"),
        (5, "5"),
        (-5, "-5"),
        (0, "0"),
        (5.0, "5"),
        (-0.0, "0"),
        (5.5, "5.5"),
        (Decimal("5.00"), "5"),
        (Decimal("5.50"), "5.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal(HIGHEST) - 1, str(HIGHEST - 1)),
        # As the portal wrote it, rather than thousands of digits.
        (1e30, "1e+30"),
        (Decimal("1e30"), "1E+30"),
        (Decimal("1e400"), "1E+400"),
        (Decimal("1e999999"), "1E+999999"),
        (Decimal("-1e999999"), "-1E+999999"),
        (Decimal("1e-999999"), "1E-999999"),
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
        (float("nan"), "nan"),
        (Decimal("Infinity"), "Infinity"),
        (Decimal("NaN"), "NaN"),
        (None, ""),
        (True, ""),
        (False, ""),
        ([5], ""),
        ({"value": 5}, ""),
    ],
)
def test_a_text_or_a_number_as_text(value: Any, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"1e30", "1E+30"),
        (b"1e400", "1E+400"),
        (b"1e999999", "1E+999999"),
        (b"-1e999999", "-1E+999999"),
        (b"1e-999999", "1E-999999"),
        (b"12.50", "12.50"),
        (b"12.0", "12"),
        (b"NaN", "nan"),
        (b"Infinity", "inf"),
        (b"-Infinity", "-inf"),
        (b"9" * 4000, "9" * 4000),
    ],
)
def test_whatever_number_an_answer_has_is_read_in_a_moment(body: bytes, text: str) -> None:
    value = Answer(200, body).json()
    assert text_of(value) == text
    assert list(ids([value])) == []


@given(NUMBERS)
def test_any_number_is_a_short_text(number: Any) -> None:
    text = text_of(number)
    assert text == text.strip() != ""
    assert len(text) < 60


@given(st.integers(-HIGHEST + 1, HIGHEST - 1))
def test_a_whole_number_has_no_point_however_it_came(number: int) -> None:
    assert text_of(number) == text_of(Decimal(number)) == text_of(f"{number}") == str(number)
    assert text_of(Decimal(f"{number}.000")) == str(number)
    assert text_of(float(number)) == (str(int(float(number))) if abs(float(number)) < HIGHEST else str(float(number)))


@given(st.decimals(-(10**15), 10**15, places=3).filter(lambda number: number % 1 != 0))
def test_a_fraction_keeps_its_digits(number: Decimal) -> None:
    assert Decimal(text_of(number)) == number


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_whatever_is_no_number_is_itself_or_nothing(value: Any) -> None:
    assert text_of(value) == (value.strip() if isinstance(value, str) else "")


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([5, "7", " 7", "", 0, -1, None, True, 5.0, "5.0", "9" * 30, 2**63, HIGHEST], [5, 7, HIGHEST]),
        ({"0": 5, "3": "7"}, [5, 7]),
        ("5", []),
        (5, []),
        (None, []),
    ],
)
def test_ids(values: Any, found: list[int]) -> None:
    assert list(ids(values)) == found
