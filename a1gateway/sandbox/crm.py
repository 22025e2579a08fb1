"""The simulated portal's CRM: leads, deals, contacts and companies, their phones, custom fields and comments."""

from __future__ import annotations

import enum
import re
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime

from a1gateway.sandbox.crm_fields import CustomField, Value
from a1gateway.sandbox.phone import as_sent

# The contact of the card.
CONTACT_ID = 275
_CONTACT_PHONE = "+375291112233"


class EntityType(enum.IntEnum):
    """The types of items, by `entityTypeId`."""

    LEAD = 1
    DEAL = 2
    CONTACT = 3
    COMPANY = 4


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone of an item: its own id, and the number as a person typed it."""

    id: int
    value: str
    value_type: str = "WORK"


@dataclass(frozen=True, slots=True)
class PhoneChange:
    """What is to become of a phone: of the one with this id, or of a new one.

    An empty value takes the phone away, None leaves its value as it is.
    """

    id: int
    value: str | None
    value_type: str | None = None


@dataclass(slots=True)
class Item:
    """One lead, deal, contact or company; times in Unix seconds, `custom` by upper-case name."""

    id: int
    title: str = ""
    name: str = ""
    last_name: str = ""
    phones: tuple[Phone, ...] = ()
    contact_ids: tuple[int, ...] = ()
    company_id: int = 0
    created: float = 0.0
    updated: float = 0.0
    custom: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment in an item's timeline; `entity_type` in lower case, as REST has it."""

    id: int
    entity_id: int
    entity_type: str
    text: str
    author: int
    created: float


def phone_digits(number: str) -> str:
    """What duplicates are compared by: the number as Bitrix24 sends it, digits only, without an extension."""
    return re.sub(r"\D", "", re.split(r"[,;#*]", as_sent(number), maxsplit=1)[0])


class Items:
    """The items of one type, with what is looked up in them."""

    def __init__(self) -> None:
        self._items: dict[int, Item] = {}
        self._by_digits: dict[str, list[int]] = {}
        self.ids: list[int] = []
        """In ascending order."""

    def __len__(self) -> int:
        return len(self._items)

    def get(self, item_id: int) -> Item | None:
        """The item with this id."""
        return self._items.get(item_id)

    def all(self) -> list[Item]:
        """Every item, by id."""
        return [self._items[item_id] for item_id in self.ids]

    def put(self, item: Item) -> None:
        """Takes `item` in, in the place of one with its id."""
        self.remove(item.id)
        self._items[item.id] = item
        if not self.ids or self.ids[-1] < item.id:
            self.ids.append(item.id)
        else:
            insort(self.ids, item.id)
        self._index(item)

    def remove(self, item_id: int) -> bool:
        """Whether there was such an item; it is gone."""
        item = self._items.pop(item_id, None)
        if item is None:
            return False
        del self.ids[bisect_left(self.ids, item_id)]
        self._forget(item)
        return True

    def set_phones(self, item: Item, phones: Iterable[Phone]) -> None:
        """Gives `item`, which is in here, other phones."""
        self._forget(item)
        item.phones = tuple(phones)
        self._index(item)

    def with_digits(self, digits: str) -> list[int]:
        """The ids of the items that have a phone with these digits, ascending."""
        return sorted(self._by_digits.get(digits, ()))

    def _index(self, item: Item) -> None:
        for digits in {phone_digits(phone.value) for phone in item.phones} - {""}:
            self._by_digits.setdefault(digits, []).append(item.id)

    def _forget(self, item: Item) -> None:
        for digits in {phone_digits(phone.value) for phone in item.phones} - {""}:
            found = self._by_digits[digits]
            found.remove(item.id)
            if not found:
                del self._by_digits[digits]


class Crm:
    """The whole base."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.items: dict[EntityType, Items] = {}
        self.fields: dict[EntityType, dict[str, CustomField]] = {}
        self.comments: list[Comment] = []
        self._last_id = 0
        self.reset()

    def reset(self) -> None:
        """Back to what a portal has at the start: the contact of the card, and no custom field."""
        self.empty()
        contacts = self.items[EntityType.CONTACT]
        phones = (Phone(self.next_id(), _CONTACT_PHONE, "MOBILE"),)
        contacts.put(self.stamped(Item(CONTACT_ID, name="Анна", last_name="Ковалёва", phones=phones)))

    def empty(self) -> None:
        """Forgets everything, custom fields too."""
        self.items = {kind: Items() for kind in EntityType}
        self.fields = {kind: {} for kind in EntityType}
        self.comments = []
        # Far from the items' own, so that a phone is never taken for one by its place in a list.
        self._last_id = 1000

    def now(self) -> float:
        """The time, in Unix seconds."""
        return self._clock.seconds()

    def stamped(self, item: Item) -> Item:
        """`item` as one that was made now."""
        item.created = item.updated = self.now()
        return item

    def next_id(self) -> int:
        """An id for a phone, a custom field, a value of a list or a comment."""
        self._last_id += 1
        return self._last_id

    def next_item_id(self, kind: EntityType) -> int:
        """The id that a new item gets."""
        ids = self.items[kind].ids
        return ids[-1] + 1 if ids else 1

    def changed(self, phones: Iterable[Phone], changes: Iterable[PhoneChange]) -> tuple[Phone, ...]:
        """`phones` after `changes`; those that are not named stay, an id that is not among them is a new phone."""
        after = {phone.id: phone for phone in phones}
        for change in changes:
            old = after.get(change.id)
            value = old.value if old is not None and change.value is None else change.value
            if value:
                number = old.id if old is not None else self.next_id()
                kind = change.value_type or (old.value_type if old is not None else "WORK")
                after[number] = Phone(number, value, kind)
            elif old is not None:
                del after[old.id]
        return tuple(after.values())

    def comment(self, *, entity_id: int, entity_type: str, text: str, author: int) -> Comment:
        """Writes into an item's timeline."""
        comment = Comment(self.next_id(), entity_id, entity_type, text, author, self.now())
        self.comments.append(comment)
        return comment
