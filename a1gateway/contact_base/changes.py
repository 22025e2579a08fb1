"""What `a1gateway contacts clean` changes in an item.

**What is certain.** A stored number is rewritten when `msisdn.read_number` reads it without a warning and nothing
but the number stands there: digits, spaces, and signs that people put between them. A plus has to be followed by 375:
what a number with another one should say is for a person to decide, although it is right for sending. An extension,
a label, a second number and a spreadsheet's `.0` leave the number as it is.

**What is marked.** Items with a number that looks as if it were meant for a mobile phone and cannot be: `too_short`,
`too_many_digits`, `several_numbers`, `not_a_number`, `unknown_code`. Not an empty one, and neither fixed lines nor
numbers of other countries, which are right as they are, though no SMS goes there.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..bitrix24.crm_fields import field_named
from ..errors import GatewayError
from ..msisdn import Msisdn, NumberFault, read_number
from .items import Entity, Item

MARKED = frozenset(NumberFault) - {NumberFault.EMPTY_NUMBER, NumberFault.FIXED_LINE, NumberFault.FOREIGN}

_BARE = re.compile(r"\s*(?:\+[\s(]*375)?[0-9\s()\[\].\-\u2010-\u2015/]*")
_NOT_DIGITS = re.compile(r"[^0-9]+")
_KINDS = {"boolean": "boolean", "string": "string", "text": "string"}


class Unusable(GatewayError):
    """A file or a field cannot be used for what it was named for; the text says why."""


class NothingToMark(Unusable):
    """No type has the field that was to be marked."""


class FieldFault(enum.StrEnum):
    """Why a type has no field that could be marked."""

    NO_FIELD = "no_field"
    WRONG_TYPE = "wrong_type"
    """It is neither a yes/no field nor a text, or it has several values."""


class NoMarkField(Unusable):
    """Items of a type are not marked."""

    def __init__(self, entity: Entity, name: str, fault: FieldFault) -> None:
        """`name` is the field's, as the operator knows it."""
        words = {
            FieldFault.NO_FIELD: f"there is no field {name}",
            FieldFault.WRONG_TYPE: f"the field {name} is neither a yes/no field nor a text",
        }
        super().__init__(f"{entity.label}: {words[fault]}, none is marked")
        self.entity = entity
        self.fault = fault


@dataclass(frozen=True, slots=True)
class PhoneChange:
    """What a phone holds and what it is to hold."""

    id: str
    old: str
    new: str
    value_type: str


@dataclass(frozen=True, slots=True)
class MarkField:
    """The field of a type that says that a number is invalid."""

    name: str
    """As the operator knows it: `UF_CRM_BAD_PHONE`."""
    key: str
    """Under which `crm.item.*` has it."""
    kind: str
    """`boolean` or `string`."""

    def held(self, fields: Mapping[str, Any]) -> str:
        """What an item's field holds: `Y`, `N` or a text; empty for nothing."""
        value = fields.get(self.key)
        if value is None or value in ("", []):
            return ""
        if self.kind == "boolean":
            return "Y" if value in ("Y", "y", "1", 1, True) else "N"
        return str(value)

    def marking(self, fault: NumberFault) -> str:
        """What it is to hold for such a number."""
        return "Y" if self.kind == "boolean" else str(fault)

    def same(self, one: str, other: str) -> bool:
        """Whether two values mean the same: a box that nobody has ever touched is an empty one."""
        return one == other or (self.kind == "boolean" and {one, other} == {"", "N"})


@dataclass(frozen=True, slots=True)
class Mark:
    """What the field holds and what it is to hold."""

    field: MarkField
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Change:
    """All that changes in one item."""

    entity: Entity
    id: int
    phones: tuple[PhoneChange, ...]
    mark: Mark | None = None

    @property
    def size(self) -> int:
        """How many phones and marks it changes."""
        return len(self.phones) + (self.mark is not None)

    def reversed(self) -> Change:
        """What undoes it."""
        phones = tuple(replace(each, old=each.new, new=each.old) for each in self.phones)
        mark = None if self.mark is None else replace(self.mark, old=self.mark.new, new=self.mark.old)
        return replace(self, phones=phones, mark=mark)


def certain_form(stored: str) -> str | None:
    """The number as `+375XXXXXXXXX` when it is certain what a stored one means, else None."""
    read = read_number(stored)
    if not isinstance(read, Msisdn) or read.warning is not None or not _BARE.fullmatch(stored):
        return None
    return read.number if _NOT_DIGITS.sub("", stored).endswith(read.number[4:]) else None


def fault_to_mark(stored: str) -> NumberFault | None:
    """Why an item with this number is marked, or None."""
    read = read_number(stored)
    return read.fault if not isinstance(read, Msisdn) and read.fault in MARKED else None


def planned(item: Item, mark: MarkField | None) -> Change | None:
    """What is to change in an item, or None; phones that no request could name are left alone."""
    phones = tuple(
        PhoneChange(phone.id, phone.value, form, phone.value_type)
        for phone in item.phones
        if phone.id and (form := certain_form(phone.value)) is not None and form != phone.value
    )
    marking = None if mark is None else _marking(item, mark)
    return Change(item.entity, item.id, phones, marking) if phones or marking else None


def _marking(item: Item, field: MarkField) -> Mark | None:
    fault = next((fault for phone in item.phones if (fault := fault_to_mark(phone.value)) is not None), None)
    if fault is None:
        return None
    old, new = field.held(item.fields), field.marking(fault)
    return None if old == new else Mark(field, old, new)


def mark_field(answer: Any, entity: Entity, name: str) -> MarkField:
    """The field `name` of a type by the result of `crm.item.fields`; raises `NoMarkField`."""
    field = field_named(answer, name)
    if field is None:
        raise NoMarkField(entity, name, FieldFault.NO_FIELD)
    if field.kind not in _KINDS or field.is_multiple:
        raise NoMarkField(entity, name, FieldFault.WRONG_TYPE)
    return MarkField(field.name or name.upper(), field.key, _KINDS[field.kind])
