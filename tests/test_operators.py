"""Which operator gave a number out, against the table of `phonenumbers`."""

from __future__ import annotations

import pytest
from phonenumbers import carrier, parse

from a1gateway.operators import Operator, operator_of

# As `phonenumbers` calls them: A1 was Velcom when the table was made.
NAMES = {
    "Velcom": Operator.A1,
    "A1": Operator.A1,
    "MTS": Operator.MTS,
    "life:)": Operator.LIFE,
    "Belcel": Operator.OTHER,
    "": Operator.OTHER,
}


@pytest.mark.parametrize("code", ["25", "29", "33", "44"])
def test_operators_are_those_of_phonenumbers(code: str) -> None:
    for digit in range(10):
        number = f"+375{code}{digit}123456"
        name = carrier.name_for_valid_number(parse(number), "en")
        assert operator_of(number) == NAMES[name], number


def test_a_number_of_another_country_is_of_no_operator_here() -> None:
    assert operator_of("+79291234567") is Operator.OTHER


def test_without_a_number_there_is_no_operator() -> None:
    assert operator_of(None) is Operator.NONE
    assert operator_of(None) == ""
