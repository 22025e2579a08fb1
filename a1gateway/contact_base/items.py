"""Contacts, leads and companies as `crm.item.list` gives them: who they are, and their phones."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class Entity(enum.Enum):
    """The types of items that have phones, in the order in which they are walked; values are `entityTypeId`s."""

    CONTACT = 3
    LEAD = 1
    COMPANY = 4

    @property
    def label(self) -> str:
        """The word for it in files and for people."""
        return self.name.lower()

    @classmethod
    def labelled(cls, label: str) -> Entity:
        """The type with this word; raises `ValueError`."""
        try:
            return cls[label.upper()]
        except KeyError:
            raise ValueError(f"{label!r} is neither contact, lead nor company") from None


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone of an item."""

    id: str
    value: str
    """As it is stored."""
    value_type: str
    """`WORK`, `MOBILE` and so on."""


@dataclass(frozen=True, slots=True)
class Item:
    """A contact, a lead or a company."""

    entity: Entity
    id: int
    name: str
    phones: tuple[Phone, ...]
    fields: Mapping[str, Any]
    """All that the portal gives of it."""

    @classmethod
    def read(cls, entity: Entity, fields: Any) -> Item:
        """An item of `crm.item.*`; raises `ValueError` when it is none."""
        number = fields.get("id") if isinstance(fields, Mapping) else None
        if isinstance(number, bool) or not str(number).isdecimal() or not int(str(number)):
            raise ValueError("an item without an id")
        return cls(entity, int(str(number)), _name(entity, fields), tuple(_phones(fields.get("fm"))), fields)


def _name(entity: Entity, fields: Mapping[str, Any]) -> str:
    person = _joined(fields, "name", "secondName", "lastName")
    title = _joined(fields, "title")
    return (person or title) if entity is Entity.CONTACT else (title or person)


def _joined(fields: Mapping[str, Any], *names: str) -> str:
    return " ".join(text for name in names if (text := _text(fields.get(name))))


def _phones(fm: Any) -> list[Phone]:
    """In the portal's order; PHP writes a list as an object when its numbers have holes."""
    entries = fm.values() if isinstance(fm, Mapping) else fm if isinstance(fm, list) else []
    return [
        Phone(_text(each.get("id")), _stored(each.get("value")), _text(each.get("valueType")))
        for each in entries
        if isinstance(each, Mapping) and _text(each.get("typeId")).upper() == "PHONE"
    ]


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, (bool, list, Mapping)) else str(value).strip()


def _stored(value: Any) -> str:
    return value if isinstance(value, str) else _text(value)
