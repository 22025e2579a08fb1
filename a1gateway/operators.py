"""Which mobile operator a Belarusian number was given out by.

By its first digits, as `phonenumbers` has them in its table of carriers; that table is of the whole world and would
take ten megabytes of memory. A subscriber may have taken the number to another operator since (mobile number
portability, from February 2012 on), which nobody but the operators can know. So this says where numbers come from,
and is good for seeing that one network does not deliver; it is no bill.
"""

from __future__ import annotations

import enum


class Operator(enum.StrEnum):
    """An operator's name, in a word that messages can be counted by."""

    A1 = "a1"
    """Velcom, before 2019."""
    MTS = "mts"
    LIFE = "life"
    OTHER = "other"
    """No operator of today has given out such a number."""
    NONE = ""
    """There is no valid number."""


# Of 29, the next digit decides; 294 was Belcel's, which is gone.
_BY_CODE = {
    "25": Operator.LIFE,
    "33": Operator.MTS,
    "44": Operator.A1,
    **{f"29{digit}": Operator.A1 for digit in "1369"},
    **{f"29{digit}": Operator.MTS for digit in "2578"},
}
_COUNTRY = "+375"
_CODE, _RANGE = slice(4, 6), slice(4, 7)


def operator_of(msisdn: str | None) -> Operator:
    """The operator of a number written as `+375XXXXXXXXX`; of None: `NONE`."""
    if msisdn is None:
        return Operator.NONE
    if not msisdn.startswith(_COUNTRY):
        return Operator.OTHER
    return _BY_CODE.get(msisdn[_RANGE]) or _BY_CODE.get(msisdn[_CODE], Operator.OTHER)
