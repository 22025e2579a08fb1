"""Contacts, leads and companies as `crm.item.list` gives them: who they are, and their phones."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from ..bitrix24.crm_answers import Phone, id_of, listed, phones_of, text_of
from ..bitrix24.trouble import PortalTrouble


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


def _named(value: Any) -> Entity:
    return value if isinstance(value, Entity) else Entity.labelled(str(value))


NamedEntity = Annotated[Entity, PlainValidator(_named), PlainSerializer(lambda entity: entity.label)]
"""A type that stands by its word in files of JSON."""


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
        """An item of `crm.item.*`; raises `Strange` when it is none."""
        number = id_of(fields)
        if number is None:
            raise Strange("an item without an id")
        return cls(entity, number, _name(entity, fields), tuple(phones_of(fields)), fields)


class Strange(PortalTrouble):
    """An answer that cannot be the one to what was asked."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Bitrix24 answers with {what}")


def items_in(entity: Entity, answer: Any) -> list[Item]:
    """The items in the result of `crm.item.list`; raises `Strange` when it is something else."""
    entries = answer.get("items") if isinstance(answer, Mapping) else None
    if not isinstance(entries, (list, Mapping)):
        raise Strange("something else than a list of items")
    return [Item.read(entity, each) for each in listed(entries)]


def _name(entity: Entity, fields: Mapping[str, Any]) -> str:
    person = _joined(fields, "name", "secondName", "lastName")
    title = _joined(fields, "title")
    return (person or title) if entity is Entity.CONTACT else (title or person)


def _joined(fields: Mapping[str, Any], *names: str) -> str:
    return " ".join(text for name in names if (text := text_of(fields.get(name))))
