"""Messages of every kind, sent through the portal before anybody looks at the pages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..daemon.campaign import FIELD
from ..daemon.processes import eventually
from ..daemon.stack import Sent, Stack, delivered_to

DEAL_ID, CONTACT_ID = 4182, 275
"""What the portal's CRM has at its start."""
LONG = (
    "Добрый день! Ваш заказ № 4182 собран и ждёт вас в пункте выдачи по адресу: Минск, пр-т Независимости, 58, "
    "ежедневно с 10:00 до 21:00. Срок хранения 3 дня. Возьмите с собой паспорт или водительское удостоверение. "
    "Спасибо, что вы с нами! Телефон для справок: +375 17 200-11-22."
)
UNBROKEN = "https://shop.example.by/" + "q" * 130
SCRIPT = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@dataclass(frozen=True, slots=True)
class Correspondence:
    """What has been sent, by what became of it; all of it has its final status."""

    delivered: Sent
    undeliverable: Sent
    expired: Sent
    stop_list: Sent
    """Refused by A1 at once."""
    foreign: Sent
    """A number that is none of Belarus's mobile ones."""
    of_deal: Sent
    """From the deal's card, to the number of nobody's contact."""
    of_contact: Sent
    agreed: Sent
    """Marketing, to somebody who has agreed to it."""
    not_agreed: Sent
    long: Sent
    unbroken: Sent
    script: Sent

    def all(self) -> list[Sent]:
        """Everything."""
        return [getattr(self, name) for name in self.__slots__]


def with_people(stack: Stack) -> None:
    """The portal's contacts have a field of consent; one of them has agreed, and one has not."""
    stack.portal.ask("POST", "crm/field", {"entityTypeId": 3, "name": FIELD, "type": "boolean"})
    for consent, number in (("Y", delivered_to(101)), ("N", delivered_to(102))):
        item = {"entityTypeId": 3, "phones": [number], "fields": {FIELD: consent}}
        stack.portal.ask("POST", "crm/item", item)


def send(stack: Stack, to: str, text: str, **more: Any) -> Sent:
    """Send an SMS from the portal; `more` as `/sandbox/send` takes it."""
    row = stack.portal.ask("POST", "send", {"to": to, "text": text, "module": "crm", **more})
    return Sent(row["message_id"], text, to)


def item(entity_type: int, id_: int) -> list[dict[str, int]]:
    """The bindings of an SMS that is sent from an item's card."""
    return [{"OWNER_TYPE_ID": entity_type, "OWNER_ID": id_}]


def correspond(stack: Stack) -> Correspondence:
    """Send them, oldest first, and wait until each has its final status."""
    nobodys = item(2, 9999)
    sent = Correspondence(
        long=send(stack, delivered_to(103), LONG, bindings=nobodys),
        unbroken=send(stack, delivered_to(104), UNBROKEN, bindings=nobodys),
        script=send(stack, delivered_to(105), SCRIPT, bindings=nobodys),
        not_agreed=send(stack, delivered_to(102), "Скидка 20 % до воскресенья, только для вас", module="sender"),
        agreed=send(stack, delivered_to(101), "Скидка 20 % до воскресенья", module="sender"),
        of_contact=send(stack, delivered_to(106), "Ваша карта клиента готова", bindings=item(3, CONTACT_ID)),
        of_deal=send(stack, delivered_to(107), "Заказ № 4182 передан курьеру", bindings=item(2, DEAL_ID)),
        foreign=send(stack, "+7 495 765-43-21", "Ваш заказ отправлен", bindings=nobodys),
        stop_list=send(stack, "+375291110004", "Код подтверждения: 4471", bindings=nobodys),
        expired=send(stack, "+375291110002", "Ждём вас завтра в 10:30", bindings=nobodys),
        undeliverable=send(stack, "+375291110001", "Оплата получена, спасибо!", bindings=nobodys),
        delivered=send(stack, "8 (029) 111-00-10", "Заказ готов, ждём вас до 21:00", module="bizproc"),
    )
    names = [each.message_id for each in sent.all()]
    confirmed = (
        "SELECT 1 FROM messages WHERE confirmed_at IS NOT NULL AND message_id IN (SELECT value FROM json_each(?))"
    )
    eventually(
        lambda: len(stack.gateway.rows(confirmed, json.dumps(names))) == len(names),
        30,
        "the portal knows of each what became of it",
    )
    return sent
