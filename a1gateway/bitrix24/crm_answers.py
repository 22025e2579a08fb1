"""Reading what `crm.*` answers: lists, which PHP writes as objects when their numbers have holes, ids and phones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

ITEMS_IN_A_PAGE = 50
"""`crm.item.list` gives no more at once."""
_HIGHEST_ID = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone of a contact, a lead or a company."""

    id: str
    """Empty when the portal does not tell it."""
    value: str
    """As it is stored."""
    value_type: str
    """`WORK`, `MOBILE` and so on."""


def listed(value: Any) -> Sequence[Any]:
    """The entries of a list, however PHP has written it; none when it is no list."""
    return list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []


def ids(values: Any) -> Iterator[int]:
    """Those of a list that are ids: 1 to 2**63 - 1, as numbers or texts."""
    for value in listed(values):
        if isinstance(value, (int, str)) and not isinstance(value, bool):
            text = str(value)
            # Python reads no number of thousands of digits.
            if len(text) < 40 and text.isascii() and text.isdecimal() and 0 < int(text) <= _HIGHEST_ID:
                yield int(text)


def id_of(item: Any) -> int | None:
    """The id of an item of `crm.item.*`; None when it shows none."""
    return next(ids([item.get("id")]), None) if isinstance(item, Mapping) else None


def phones_of(item: Mapping[str, Any]) -> list[Phone]:
    """The phones of an item of `crm.item.*`, in the portal's order."""
    return [
        Phone(text_of(each.get("id")), _stored(each.get("value")), text_of(each.get("valueType")))
        for each in listed(item.get("fm"))
        if isinstance(each, Mapping) and str(each.get("typeId", "PHONE")).strip().upper() == "PHONE"
    ]


def text_of(value: Any) -> str:
    """A text or a number as text, whole ones without a point; empty for everything else."""
    if isinstance(value, (float, Decimal)) and math.isfinite(value) and -_HIGHEST_ID < value < _HIGHEST_ID:
        whole = int(value)
        value = whole if whole == value else value
    return "" if value is None or isinstance(value, (bool, list, Mapping)) else str(value).strip()


def _stored(value: Any) -> str:
    return value if isinstance(value, str) else text_of(value)
