"""A made-up base for the simulated CRM: people, and their numbers in the spellings that cards have."""

from __future__ import annotations

import random
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field

from a1gateway.sandbox.crm import Crm, EntityType, Item, Phone
from a1gateway.sandbox.crm_fields import BadValue, CustomField, full_name, taken
from a1gateway.sandbox.crm_item import moment
from a1gateway.sandbox.crm_sales import Sales

_NAMES = ("Анна", "Иван", "Ольга", "Пётр", "Алеся", "Максим", "Наталья", "Янка")
_LAST_NAMES = ("Ковалёва", "Новик", "Шевчук", "Мельник", "Богданович", "Зуёнок", "Ким", "О'Нил")
_COMPANIES = ("Лён", "Зубр", "Неман", "Свитязь", "Полесье")

# How mobile numbers begin.
_MOBILE = ("291", "292", "293", "295", "296", "297", "333", "336", "444", "445", "255", "257")

_WITHOUT_PHONE = 0.06
_SECOND_PHONE = 0.12
_SAME_NUMBER = 0.04  # as somebody before
_GAP = 0.1

# Of a subscriber's nine digits; how often each is drawn stands beside it.
_SPELLINGS: tuple[tuple[int, Callable[[str], str]], ...] = (
    (30, lambda d: f"+375 {d[:2]} {d[2:5]}-{d[5:7]}-{d[7:]}"),
    (20, lambda d: f"+375{d}"),
    (10, lambda d: f"375{d}"),
    (10, lambda d: f"80{d}"),
    (8, lambda d: f"8 0{d[:2]} {d[2:5]}-{d[5:7]}-{d[7:]}"),
    (5, lambda d: f"8 (0{d[:2]}) {d[2:5]} {d[5:7]} {d[7:]}"),
    (4, lambda d: f"{d[:2]} {d[2:]}"),
    (2, lambda d: d),
    (2, lambda d: f"+375 (0{d[:2]}) {d[2:]}"),
    (1, lambda d: f"00375{d}"),
    (1, lambda d: f"+375{d} доб. 12"),
    (1, lambda d: f"+375{d},12"),
    (1, lambda d: f"+375{d}, 80{d[:2]}{d[2:][::-1]}"),
    (1, lambda d: f"+375\u00a0{d[:2]}\u00a0{d[2:]}"),
    (1, lambda d: f"тел. +375{d}"),
)
_OTHERS: tuple[Callable[[str], str], ...] = (
    lambda d: f"+7 9{d[:2]} {d[2:5]}-{d[5:7]}-{d[7:]}",
    lambda d: f"+48 6{d[:8]}",
    lambda d: f"+375 17 2{d[3:5]}-{d[5:7]}-{d[7:]}",
    lambda d: f"8017 3{d[3:]}",
    lambda d: d[2:],
    lambda d: f"+375{d}1",
    lambda d: "нет телефона",
    lambda d: "уточнить",
)


class Filling(BaseModel):
    """What is to be made; `consent` is the share of contacts who have agreed, `field` where that stands."""

    model_config = ConfigDict(extra="forbid")

    contacts: int = Field(default=0, ge=0, le=200_000)
    leads: int = Field(default=0, ge=0, le=200_000)
    companies: int = Field(default=0, ge=0, le=200_000)
    seed: int = 0
    consent: float | None = Field(default=None, ge=0, le=1)  # None: the field is not written
    field: str = "UF_CRM_SMS_CONSENT"  # a boolean one; made when it is not there
    plain: bool = False  # every item has one mobile number of its own, as +375291112233
    visits: int = Field(default=0, ge=0, le=200_000)  # deals with a contact each, and a date in `visit_field`
    visit_field: str = "UF_CRM_VISIT"  # of the type datetime; made when it is not there
    visits_from: float = 0.0  # in Unix seconds; evenly up to `visits_to`
    visits_to: float = 0.0


def fill(crm: Crm, filling: Filling) -> dict[str, int]:
    """Adds it all behind what is there; how many of each, and how many contacts agreed. Raises BadValue."""
    dice = random.Random(filling.seed)  # noqa: S311 - made-up data, the same for the same seed
    numbers = _Numbers(dice, plain=filling.plain)
    consent = None if filling.consent is None else _consent_field(crm, filling.field)
    agreed = 0
    for kind, count in (
        (EntityType.CONTACT, filling.contacts),
        (EntityType.LEAD, filling.leads),
        (EntityType.COMPANY, filling.companies),
    ):
        items, item_id = crm.items[kind], crm.next_item_id(kind)
        for _ in range(count):
            item = crm.stamped(Item(item_id, phones=tuple(_phones(crm, numbers))))
            _name(item, kind, dice)
            if consent is not None and kind is EntityType.CONTACT:
                drawn = dice.random()
                if drawn < (filling.consent or 0):
                    item.custom[consent.name] = True
                    agreed += 1
                elif dice.random() < 0.5:
                    item.custom[consent.name] = False
            items.put(item)
            item_id += 1 if dice.random() >= _GAP else dice.randint(2, 9)
    _visits(crm, filling)
    return {
        "contacts": filling.contacts,
        "leads": filling.leads,
        "companies": filling.companies,
        "visits": filling.visits,
        "agreed": agreed,
    }


def _visits(crm: Crm, filling: Filling) -> None:
    """Deals of people who have numbers that the simulated A1 delivers to; nobody is told of them."""
    if not filling.visits:
        return
    fields, full = crm.fields[EntityType.DEAL], full_name(filling.visit_field)
    visit = fields.setdefault(full, CustomField(crm.next_id(), full, "datetime"))
    step = (filling.visits_to - filling.visits_from) / filling.visits
    contact_id, deal_id = crm.next_item_id(EntityType.CONTACT), crm.next_item_id(EntityType.DEAL)
    for index in range(filling.visits):
        number = f"+37529{index // 80:05}{index % 80 + 10:02}"
        contact = Item(contact_id + index, name=f"Имя{index}", phones=(Phone(crm.next_id(), number, "MOBILE"),))
        crm.items[EntityType.CONTACT].put(crm.stamped(contact))
        deal = Item(deal_id + index, title="Приём", contact_ids=(contact.id,), sales=Sales("NEW", crm.now()))
        deal.custom[visit.name] = taken(visit, moment(filling.visits_from + index * step))
        crm.items[EntityType.DEAL].put(crm.stamped(deal))


def _consent_field(crm: Crm, name: str) -> CustomField:
    fields, full = crm.fields[EntityType.CONTACT], full_name(name)
    consent = fields.setdefault(full, CustomField(crm.next_id(), full, "boolean"))
    if consent.type != "boolean":
        raise BadValue(f"{full} is no boolean field")
    return consent


def _name(item: Item, kind: EntityType, dice: random.Random) -> None:
    if kind is EntityType.COMPANY:
        item.title = f"ООО «{dice.choice(_COMPANIES)}»"
        return
    item.name, item.last_name = dice.choice(_NAMES), dice.choice(_LAST_NAMES)
    if kind is EntityType.LEAD:
        item.title = f"Заявка {item.id}"


def _phones(crm: Crm, numbers: _Numbers) -> list[Phone]:
    return [
        Phone(crm.next_id(), value, kind) for value, kind in zip(numbers.drawn(), ("MOBILE", "WORK"), strict=False)
    ]


class _Numbers:
    """Draws the numbers of one item after the other."""

    def __init__(self, dice: random.Random, *, plain: bool) -> None:
        self._dice = dice
        self._plain = plain
        self._seen: list[str] = []
        self._known: set[str] = set()
        self._weights = [weight for weight, _ in _SPELLINGS]
        self._spellings = [spelling for _, spelling in _SPELLINGS]

    def drawn(self) -> list[str]:
        """The numbers of the next item as a person typed them."""
        dice = self._dice
        if self._plain:
            return ["+375" + self._new()]
        if dice.random() < _WITHOUT_PHONE:
            return []
        return [self._one() for _ in range(2 if dice.random() < _SECOND_PHONE else 1)]

    def _one(self) -> str:
        dice = self._dice
        same = self._seen and dice.random() < _SAME_NUMBER
        digits = dice.choice(self._seen) if same else self._new()
        if dice.random() < 0.1:
            return dice.choice(_OTHERS)(digits)
        return dice.choices(self._spellings, self._weights)[0](digits)

    def _new(self) -> str:
        """Nine digits that nobody has had."""
        while True:
            digits = f"{self._dice.choice(_MOBILE)}{self._dice.randrange(1_000_000):06}"
            if digits not in self._known:
                self._known.add(digits)
                self._seen.append(digits)
                return digits
