"""Items of the CRM, and their names.

Source of the types: Bitrix24's documentation of `entityTypeId`.
"""

from __future__ import annotations

from dataclasses import dataclass

LEAD, DEAL, CONTACT, COMPANY, QUOTE, INVOICE = 1, 2, 3, 4, 7, 31
NAMES = {LEAD: "lead", DEAL: "deal", CONTACT: "contact", COMPANY: "company"}
"""What the types are called in the log, in the journal, in commands and in the addresses of the portal's cards."""


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the CRM."""

    entity_type: int
    """Bitrix24's `entityTypeId`."""
    id: int


def name_of(item: Item) -> str:
    """An item as the log, the journal and the commands name it: `deal:4182`, `177:12`."""
    return f"{NAMES.get(item.entity_type, item.entity_type)}:{item.id}"


def item_named(name: str) -> Item:
    """The item that is named so; raises `ValueError`."""
    of, _, id_ = name.strip().lower().partition(":")
    types = {word: number for number, word in NAMES.items()}
    number = types.get(of) or (int(of) if of.isascii() and of.isdecimal() else 0)
    if not number or not (id_.isascii() and id_.isdecimal() and 0 < int(id_) < 2**63):
        raise ValueError(f"{name[:40]!r} is no document; name one such as deal:123, lead:5, contact:7 or 177:12")
    return Item(number, int(id_))
