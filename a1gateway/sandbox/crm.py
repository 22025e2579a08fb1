"""The simulated portal's CRM: leads, deals, contacts and companies, their phones, custom fields and comments."""

from __future__ import annotations

import enum
import re
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime

from a1gateway.sandbox.crm_fields import CustomField, Value
from a1gateway.sandbox.crm_sales import (
    FIRST_SMART_PROCESS,
    Sales,
    SmartProcess,
    StageRecord,
    Status,
    first_stage,
    has_sales,
    stage_list,
    statuses,
)
from a1gateway.sandbox.phone import as_sent
from a1gateway.sandbox.users import EMPLOYEE_ID

# What there is at the start: the contact of the card with a deal, and a lead.
CONTACT_ID, DEAL_ID, LEAD_ID = 275, 4182, 456
_CONTACT_PHONE, _LEAD_PHONE = "+375291112233", "+375297000456"
# They are there for a month by then: nobody takes them for news.
_AGE = 30 * 86400.0


class EntityType(enum.IntEnum):
    """The types of items, by `entityTypeId`."""

    LEAD = 1
    DEAL = 2
    CONTACT = 3
    COMPANY = 4

    @classmethod
    def named(cls, name: str) -> EntityType | None:
        """The type of this name in small letters; None when there is none."""
        return next((each for each in cls if each.name.lower() == name), None)


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
    """One item of whatever type; times in Unix seconds, `custom` by upper-case name."""

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
    sales: Sales | None = None
    """Of leads, deals and smart processes."""


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
        self.items: dict[int, Items] = {}
        self.fields: dict[int, dict[str, CustomField]] = {}
        self.processes: dict[int, SmartProcess] = {}
        self.stage_records: list[StageRecord] = []
        self.on_change: Callable[[str, int, int], None] = lambda what, entity_type, item: None
        """Told what has become (`ADD`, `UPDATE`, `DELETE`) of an item of a type."""
        self.comments: list[Comment] = []
        self._last_id = self._last_record = 0
        self.reset()

    def reset(self) -> None:
        """Back to what a portal has at the start: the contact of the card, a deal, a lead, and no custom field."""
        self.empty()
        contacts = self.items[EntityType.CONTACT]
        phones = (Phone(self.next_id(), _CONTACT_PHONE, "MOBILE"),)
        contacts.put(self.stamped(Item(CONTACT_ID, name="Анна", last_name="Ковалёва", phones=phones)))
        since = self.now() - _AGE
        phones = (Phone(self.next_id(), _LEAD_PHONE, "MOBILE"),)
        deal = Item(DEAL_ID, title=f"Заказ № {DEAL_ID}", contact_ids=(CONTACT_ID,), created=since, updated=since)
        lead = Item(LEAD_ID, "Заявка с сайта", "Максим", "Шевчук", phones=phones, created=since, updated=since)
        deal.sales = Sales("EXECUTING", moved=since, opportunity="300", assigned=EMPLOYEE_ID)
        lead.sales = Sales("IN_PROCESS", moved=since, assigned=EMPLOYEE_ID, source="WEB")
        self.items[EntityType.DEAL].put(deal)
        self.items[EntityType.LEAD].put(lead)

    def empty(self) -> None:
        """Forgets everything, custom fields too."""
        self.items = {kind.value: Items() for kind in EntityType}
        self.fields = {kind.value: {} for kind in EntityType}
        self.processes = {}
        self.stage_records = []
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

    def has_stages(self, entity_type: int) -> bool:
        """Whether the items of a type move through stages."""
        process = self.processes.get(entity_type)
        return has_sales(entity_type) and (process is None or process.has_stages)

    def add_process(
        self, entity_type: int, title: str, *, has_client: bool = True, has_stages: bool = True
    ) -> SmartProcess:
        """Makes a smart process, or names the one with this number anew. Raises ValueError below 128."""
        if entity_type < FIRST_SMART_PROCESS:
            raise ValueError(f"a smart process has a number of {FIRST_SMART_PROCESS} or more")
        self.items.setdefault(entity_type, Items())
        self.fields.setdefault(entity_type, {})
        self.processes[entity_type] = SmartProcess(entity_type, title, has_client, has_stages)
        return self.processes[entity_type]

    def statuses(self) -> list[Status]:
        """The entries of all lists."""
        return statuses(self.processes)

    def semantics(self, stage: str, entity_type: int, category: int = 0) -> str | None:
        """What a stage means: `S`, `F`, or empty; None when there is no such stage."""
        of = stage_list(entity_type, category)
        return next(
            (each.semantics for each in self.statuses() if (each.entity_id, each.status_id) == (of, stage)), None
        )

    def added(self, entity_type: int, item: Item) -> None:
        """Takes in an item that is new, with its first stage."""
        if has_sales(entity_type):
            item.sales = item.sales or Sales(first_stage(entity_type))
            item.sales.moved = self.now()
        self.items[entity_type].put(self.stamped(item))
        if self.has_stages(entity_type):
            self._record(entity_type, item, made=True)
        self.on_change("ADD", entity_type, item.id)

    def updated(self, entity_type: int, item: Item, stage: str | None = None) -> None:
        """An item that is in here has been changed, and moved into `stage` if there is one named.

        Raises ValueError when its type has no such stage.
        """
        if stage is not None and item.sales is not None and stage != item.sales.stage:
            if self.semantics(stage, entity_type, item.sales.category) is None:
                raise ValueError(f"there is no stage {stage}")
            item.sales.previous_stage, item.sales.stage = item.sales.stage, stage
            item.sales.moved = self.now()
            self._record(entity_type, item, made=False)
        item.updated = self.now()
        self.on_change("UPDATE", entity_type, item.id)

    def removed(self, entity_type: int, item: int) -> bool:
        """Whether there was such an item; it is gone, and its history with it."""
        gone = self.items[entity_type].remove(item)
        if gone:
            self.stage_records = [
                each for each in self.stage_records if (each.entity_type, each.owner) != (entity_type, item)
            ]
            self.on_change("DELETE", entity_type, item)
        return gone

    def _record(self, entity_type: int, item: Item, *, made: bool) -> None:
        assert item.sales is not None
        sales = item.sales
        semantics = self.semantics(sales.stage, entity_type, sales.category) or ""
        kind = 3 if semantics else 1 if made else 2
        self._last_record += 1
        number = self._last_record
        record = StageRecord(number, entity_type, item.id, kind, self.now(), sales.category, sales.stage, semantics)
        self.stage_records.append(record)

    def next_item_id(self, kind: int) -> int:
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
