"""What two identifiers of a centre have to do with each other (reference: receipts, 1 to 3).

Centres answer a submit with an identifier in one base and name it in the receipt in another, with zeros before it or
in another letter case. Each identifier therefore has two keys; a receipt's and a submit's that are equal in one of
three forms may mean the same. Short numbers may be equal by chance: 10 is another message's 16.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

_HEXADECIMAL = frozenset("0123456789abcdef")
# Two identifiers of so many characters that mean the same in some form do so for that reason and not by chance.
_LONG = 8
# No number is longer; what a centre has made of a text that is longer need not be read as one.
_LONGEST = 64
# By how many receipts a form has to be behind another until it is ruled out: some are of messages that others have
# sent, and fit by chance.
_ENOUGH = 3


class Form(enum.StrEnum):
    """How the identifier in a receipt is written, seen from the one in the answer to the submit."""

    SAME = "same"
    HEXADECIMAL_THEN_DECIMAL = "hexadecimal_then_decimal"
    DECIMAL_THEN_HEXADECIMAL = "decimal_then_hexadecimal"


@dataclass(frozen=True, slots=True)
class Keys:
    """What an identifier is compared by."""

    text: str
    """Without zeros before it, in small letters."""
    value: str | None
    """Read as hexadecimal digits, written in decimal ones; None when it cannot be read so."""

    @property
    def decimal(self) -> bool:
        """Whether it can be read as a decimal number."""
        return self.value is not None and self.text.isdecimal()


def keys(identifier: str) -> Keys:
    """The keys of an identifier as a centre wrote it; that of nothing is empty."""
    text = identifier.strip().casefold()
    if text.startswith("0x") and _HEXADECIMAL.issuperset(text[2:]):
        text = text[2:]
    text = text.lstrip("0") or text[:1]
    number = 0 < len(text) <= _LONGEST and _HEXADECIMAL.issuperset(text)
    return Keys(text, str(int(text, 16)) if number else None)


def forms(submitted: Keys, receipt: Keys) -> set[Form]:
    """The forms in which the two mean the same."""
    found = set()
    if submitted.text == receipt.text:
        found.add(Form.SAME)
    if submitted.value == receipt.text and receipt.decimal:
        found.add(Form.HEXADECIMAL_THEN_DECIMAL)
    if submitted.text == receipt.value and submitted.decimal:
        found.add(Form.DECIMAL_THEN_HEXADECIMAL)
    return found


def readable(receipt: Keys) -> set[Form]:
    """The forms that the identifier of a receipt may have."""
    found = {Form.SAME}
    if receipt.decimal:
        found.add(Form.HEXADECIMAL_THEN_DECIMAL)
    if receipt.value is not None:
        found.add(Form.DECIMAL_THEN_HEXADECIMAL)
    return found


def long(submitted: Keys, receipt: Keys) -> bool:
    """Whether two that mean the same in some form are too long to do so by chance."""
    return max(len(submitted.text), len(receipt.text)) >= _LONG


def telling(submitted: Keys, receipt: Keys, form: Form) -> bool:
    """Whether two that mean the same in this form do so whatever form the centre uses otherwise."""
    # Of a centre that writes one of the two in decimal digits, both cannot show the same letters.
    return long(submitted, receipt) or (form is Form.SAME and not receipt.decimal)


def likely(against: Mapping[Form, int]) -> set[Form]:
    """The forms that a centre may use, by the number of receipts that speak against each."""
    least = min(against.get(form, 0) for form in Form)
    return {form for form in Form if against.get(form, 0) - least < _ENOUGH}
