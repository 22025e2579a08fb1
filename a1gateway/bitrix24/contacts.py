"""Finding the contacts behind a message: by its bindings, or by its number. What is asked, and what answers mean.

Source: Bitrix24's documentation of `crm.item.*` and `crm.duplicate.findbycomm`, and corp's crm_rest.php.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..msisdn import Msisdn, read_number
from .crm_answers import id_of, ids, listed, phones_of
from .item import CONTACT, Item, item_named

MOST_NUMBERS = 6
"""`crm.duplicate.findbycomm` looks at 20 values at most, and each number stands in the CRM in one of three forms."""
_MOST_FOUND = 20
_TYPES = {"LEAD": 1, "DEAL": 2, "CONTACT": CONTACT, "COMPANY": 4, "QUOTE": 7, "SMART_INVOICE": 31}
_DOCUMENT = re.compile(r"(LEAD|DEAL|CONTACT|COMPANY|QUOTE|SMART_INVOICE)_(\d{1,18})|DYNAMIC_(\d{1,9})_(\d{1,18})")

Command = tuple[str, Mapping[str, Any]]
"""A method and its parameters."""


def items_of(origin: Mapping[str, Any]) -> list[Item]:
    """The items that a message was sent from, each once."""
    named = [
        *_bindings(origin.get("bindings")),
        *_documents(origin.get("document_id")),
        # Who called is known by the number alone.
        *_items(None if origin.get("call") else origin.get("document")),
    ]
    return list(dict.fromkeys(named))


def bound_to(origin: Mapping[str, Any]) -> Item | None:
    """The item that a message was sent from, a contact rather than anything else; None when it names none."""
    found = items_of(origin)
    return next((item for item in found if item.entity_type == CONTACT), found[0] if found else None)


def is_of_a_scenario(origin: Mapping[str, Any]) -> bool:
    """Whether nobody has chosen whom a message goes to."""
    return bool(origin.get("scenario"))


def bindings_of(origin: Mapping[str, Any]) -> list[Item]:
    """The items that a message from a card is bound to."""
    return list(dict.fromkeys(_bindings(origin.get("bindings"))))


def find(msisdns: Sequence[str]) -> Command:
    """Which contacts have these numbers, `MOST_NUMBERS` at most; the answer does not say who has which."""
    values = [form for msisdn in msisdns for form in _spellings(msisdn)]
    return "crm.duplicate.findbycomm", {"type": "PHONE", "entity_type": "CONTACT", "values": values}


def found(answer: Any) -> list[int]:
    """The ids of the contacts that were found."""
    return list(ids(answer.get("CONTACT"))) if isinstance(answer, Mapping) else []


def may_be_cut(contacts: Sequence[int]) -> bool:
    """Whether there may be more of them than the portal has told."""
    return len(contacts) >= _MOST_FOUND


def read_many(contacts: Sequence[int]) -> Command:
    """Contacts with their phones and fields, `ITEMS_IN_A_PAGE` at most."""
    # Phones are given only when everything is asked for.
    return "crm.item.list", {"entityTypeId": CONTACT, "filter": {"@id": list(contacts)}, "select": ["*"]}


def read_one(item: Item) -> Command:
    """One item."""
    return "crm.item.get", {"entityTypeId": item.entity_type, "id": item.id}


def items(answer: Any) -> dict[int, Mapping[str, Any]]:
    """The items of either answer, by id."""
    if not isinstance(answer, Mapping):
        return {}
    every: Sequence[Any] = listed(answer["items"]) if answer.get("items") is not None else [answer.get("item")]
    return {id_: each for each in every if (id_ := id_of(each)) is not None}


def contacts_of(item: Mapping[str, Any]) -> list[int]:
    """The contacts of a deal, a lead or another item, the primary one first."""
    return list(dict.fromkeys([*ids([item.get("contactId")]), *ids(item.get("contactIds"))]))


def has_number(contact: Mapping[str, Any], msisdn: str) -> bool | None:
    """Whether the contact has this number; None when one of its phones only looks like it."""
    alike = False
    for phone in phones_of(contact):
        read = read_number(phone.value)
        if isinstance(read, Msisdn):
            if read.number == msisdn:
                return True
        elif msisdn[-9:] in re.sub(r"\D", "", phone.value):
            alike = True
    return None if alike else False


def _spellings(msisdn: str) -> list[str]:
    """The forms in which the portal may keep a number: it compares digits, and corrects no 8 in front."""
    national = msisdn[-9:]
    return [f"375{national}", f"80{national}", national]


def _bindings(bindings: Any) -> Iterator[Item]:
    for each in listed(bindings):
        if isinstance(each, Mapping):
            for entity_type in ids([each.get("OWNER_TYPE_ID")]):
                for id_ in ids([each.get("OWNER_ID")]):
                    yield Item(entity_type, id_)


def _documents(document: Any) -> Iterator[Item]:
    for name in listed(document):
        form = _DOCUMENT.fullmatch(str(name))
        if form is not None:
            entity_type = _TYPES[form[1]] if form[1] else int(form[3])
            yield Item(entity_type, int(form[2] or form[4]))


def _items(name: Any) -> Iterator[Item]:
    """What a scenario of ours is about."""
    with suppress(ValueError):
        yield item_named(str(name or ""))
