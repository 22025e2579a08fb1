"""A gateway's automation between a portal in memory and a journal, and a clock that is turned."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from a1gateway.admission import Admission, MarketingTerms
from a1gateway.automation.assembly import Automation
from a1gateway.automation.documents import DocumentReader
from a1gateway.automation.parts import Parts
from a1gateway.automation.scenarios import scenarios_of
from a1gateway.bitrix24.calls import read_message
from a1gateway.bitrix24.tokens import Tokens
from a1gateway.bitrix24.trouble import PortalTrouble
from a1gateway.config_sections import Automation as Section
from a1gateway.config_sections import Scenario
from a1gateway.hours import MINSK, Hours, OpenHours
from a1gateway.intake import Intake
from a1gateway.journal import Journal, Spool, Store, runs
from a1gateway.journal.lane import InlineLane
from a1gateway.journal.runs import RunCall
from a1gateway.message import Acceptance, Source, Status, StatusReport
from a1gateway.metrics import Metrics
from a1gateway.receipts import Receipts
from a1gateway.sandbox.crm import Item, Phone
from a1gateway.sandbox.crm_fields import taken
from a1gateway.sandbox.crm_sales import Sales
from a1gateway.sandbox.telephony import EndedCall

from ..conftest import pass_time, run
from ..fakes import FakeHttp
from ..portal_in_memory import Fault, PortalInMemory
from ..test_portal import INSTALLATION

HOUR, DAY = 3600.0, 86400.0
LEAD, DEAL, CONTACT, COMPANY, PROCESS = 1, 2, 3, 4, 177

AWAY = PortalTrouble("Bitrix24 cannot be reached: refused")


class World:
    """A gateway's automation between a portal and a journal; nothing is ever sent."""

    def __init__(
        self,
        clock: Clock,
        store: Store,
        *scenarios: dict[str, Any],
        portal: PortalInMemory | None = None,
        member: str = INSTALLATION.member_id,
        domain: str = INSTALLATION.domain,
        marketing: bool = True,
        marketing_hours: Hours | None = None,
        **section: Any,
    ) -> None:
        self.clock = clock
        self.ahead = 0.0
        self.a1_rests = 0.0
        self.store = store
        self.journal = Journal(InlineLane(store))
        self.portal = portal or PortalInMemory(clock)
        self.portal.crm.on_change = lambda what, of, item: self.changed.append((what, of, item))
        self.changed: list[tuple[str, int, int]] = []
        self.filled: list[float] = []
        tokens = Tokens(clock, self.journal, FakeHttp(), oauth_url="", client_id="", client_secret="")
        self.tokens = tokens
        self._installation = replace(INSTALLATION, member_id=member, domain=domain)
        run(tokens.adopt(self._installation))
        self.receipts = Receipts(self.journal, Metrics(), lambda: self.automation.message_is_final())
        intake = Intake(
            clock,
            self.journal,
            Spool("/nowhere", lambda call, *given: pytest.fail("nothing goes into the spool")),
            self.receipts,
            Metrics(),
            on_message=lambda: None,
            on_refusal=lambda: None,
            on_spooled=lambda: None,
            on_unfilled=lambda: self.automation.text_is_unfilled(),
            on_run=lambda: self.automation.run_is_due(),
        )
        self.intake = intake
        self.admission = Admission(3, "MyShop", MarketingTerms("MyShop") if marketing else None)
        automation = Section.model_validate(section)
        self.automation = Automation(
            Parts(
                clock,
                lambda: clock.seconds() + self.ahead,
                lambda: 0.0,
                self.journal,
                self.portal,
                tokens,
                intake,
                self.receipts,
                self.admission,
                DocumentReader(clock, self.portal),
                scenarios_of([Scenario.model_validate(each) for each in scenarios], automation, marketing_hours),
                automation.grace,
                OpenHours(automation.hours, marketing_hours),
                lambda: self.a1_rests,
            ),
            automation,
            robot_url="http://gateway.example/robot",
            on_filled=lambda: self.filled.append(self.clock.seconds()),
            event_url="http://gateway.example/event",
        )
        for service in self.automation.services:
            service.startService()
        self.wait(1)
        self.changed.clear()

    def install(self) -> None:
        """The portal installs the application, again."""
        run(self.tokens.adopt(self._installation))
        self.automation.renew()

    def stop(self) -> None:
        """As the daemon's process ends: what is not in the journal is gone."""
        for service in self.automation.services:
            service.stopService()

    def wait(self, seconds: float, *, step: float = 0.5) -> None:
        """Let time pass, and the portal tell of what has changed."""
        self.tell()
        pass_time(self.clock, seconds, step=step)

    def tell(self) -> None:
        """The portal calls for every change."""
        changed, self.changed[:] = list(self.changed), []
        for what, of, item in changed:
            name = {LEAD: "LEAD", DEAL: "DEAL", CONTACT: "CONTACT"}.get(of, "DYNAMICITEM")
            data = {"FIELDS": {"ID": str(item), "ENTITY_TYPE_ID": str(of)}}
            assert run(self.automation.take_event(f"ONCRM{name}{what}", data))

    def contact(self, number: str = "+375291112233", name: str = "Анна") -> int:
        """A contact; its id."""
        crm = self.portal.crm
        item = Item(crm.next_item_id(CONTACT), name=name, phones=(Phone(crm.next_id(), number),))
        crm.items[CONTACT].put(crm.stamped(item))
        return item.id

    def company(self, title: str) -> int:
        """A company; its id."""
        crm = self.portal.crm
        item = Item(crm.next_item_id(COMPANY), title=title)
        crm.items[COMPANY].put(crm.stamped(item))
        return item.id

    def deal(self, contact: int | None = None, **fields: Any) -> Item:
        """A deal of a contact, with custom fields."""
        return self.deal_in("NEW", contact, **fields)

    def deal_in(self, stage: str, contact: int | None = None, **fields: Any) -> Item:
        """The same, made in a stage."""
        crm = self.portal.crm
        contacts = (contact or self.contact(),)
        item = Item(crm.next_item_id(DEAL), title="Шкаф", contact_ids=contacts, sales=Sales(stage))
        self.set(item, tell=False, **fields)
        crm.added(DEAL, item)
        return item

    def set(self, item: Item, *, tell: bool = True, **fields: Any) -> None:
        """Write custom fields of a deal."""
        crm = self.portal.crm
        for name, value in fields.items():
            item.custom[f"UF_CRM_{name}"] = taken(crm.fields[DEAL][f"UF_CRM_{name}"], value)
        if tell:
            crm.updated(DEAL, item)

    def move(self, item: Item, stage: str) -> None:
        """Move a deal into a stage."""
        self.portal.crm.updated(DEAL, item, stage)

    def item(self, contact: int | None = None, *, stage: str | None = None, title: str = "Договор") -> Item:
        """An item of the smart process."""
        crm = self.portal.crm
        item = Item(
            crm.next_item_id(PROCESS), title=title, contact_ids=(contact or self.contact(),), sales=Sales(stage or "")
        )
        if stage is None:
            item.sales = None
        crm.added(PROCESS, item)
        return item

    def call(self, number: str, *, tell: bool = True, **more: Any) -> dict[str, str]:
        """A call that has ended: missed, unless more is said; what the portal tells of it."""
        row = self.portal.sandbox.telephony.end(EndedCall(number=number, **more))
        if tell:
            self.tell_of(row)
        return row

    def tell_of(self, call: dict[str, str]) -> None:
        """The portal calls for a call."""
        assert run(self.automation.take_event("ONVOXIMPLANTCALLEND", call))

    def write(
        self, text: str, *cards: tuple[int, int], to: str = "+375291112233", id_: str = "m1", **more: str
    ) -> Acceptance:
        """Somebody sends an SMS from a card, which Bitrix24 binds to these items, as type and id."""
        bindings = {
            str(place): {"OWNER_TYPE_ID": str(of), "OWNER_ID": str(item)} for place, (of, item) in enumerate(cards)
        }
        fields = {"module_id": "crm", "message_id": id_, "message_to": to, "message_body": text, "bindings": bindings}
        arrival = read_message(fields | more, self.clock.seconds(), self.admission, "a1sms_by")
        return run(Deferred.fromCoroutine(self.intake.take_message(arrival)))

    def messages(self) -> list[dict[str, Any]]:
        """All of the journal, in order, with the note of the first step."""
        query = (
            "SELECT m.*, (SELECT note FROM history h WHERE h.message = m.id ORDER BY h.id LIMIT 1) AS note "
            "FROM messages m ORDER BY m.id"
        )
        driver = self.store._driver
        assert driver is not None
        return [dict(row) for row in driver.execute(query)]

    def said(self) -> list[tuple[str, str | None]]:
        """What became of each: the text or the reason."""
        return [(row["text"], row["reason"]) for row in self.messages()]

    def reminders(self) -> list[tuple[float, str, str | None]]:
        """Times ahead, states, reasons."""
        driver = self.store._driver
        assert driver is not None
        rows = driver.execute("SELECT ahead, state, reason FROM reminders ORDER BY moment, ahead DESC, id")
        return [(row["ahead"], row["state"], row["reason"]) for row in rows]

    def deliver(self) -> None:
        """A1 has everything, and delivers it."""
        claim = run(self.journal.claim(self.clock.seconds(), 500))
        for each in claim.submissions:
            report = StatusReport(
                each.custom_id, "DELIVERED", Status.DELIVERED, Source.CALLBACK, self.clock.seconds()
            )
            run(self.receipts.settle([report]))

    def rule(self, code: str, item: Item | None = None, token: str = "t1", **properties: str) -> str:
        """A rule of the gateway's runs; its token."""
        call = RunCall(
            token,
            self.clock.seconds(),
            code,
            None if item is None else DEAL,
            None if item is None else item.id,
            properties,
            {},
        )
        run(self.intake.take_run(call))
        return token

    def run_of(self, token: str = "t1") -> dict[str, Any]:
        """A run as the journal has it, its answer read."""
        found = run(self.journal.within(runs.of_token, token))
        assert found is not None
        return found | {"answer": json.loads(found["answer"] or "null")}


PAYMENT = {
    "name": "payment",
    "event": "stage",
    "of": "deal",
    "stage": ["Ожидает оплаты"],
    "text": "#CONTACT_NAME#, оплатите: #DEAL_UF_LINK#",
}
NEW_DEAL = {"name": "new", "event": "new", "of": "deal", "text": "Заказ #DEAL_ID# принят"}
PAID = {"name": "paid", "event": "changed", "of": "deal", "when": {"UF_LINK": "оплачено"}, "text": "Заказ #DEAL_ID#"}
VISIT = {
    "name": "visit",
    "event": "date",
    "of": "deal",
    "field": "UF_CRM_VISIT",
    "text": "{NAME}, ждём Вас #DEAL_UF_VISIT#.",
}


def paid_in(world: World, contact: int | None = None) -> Item:
    """A deal of a contact that has just come to be paid for, as `PAID` tells."""
    world.wait(10)
    deal = world.deal(contact)
    world.wait(10)
    world.set(deal, LINK="оплачено")
    world.wait(20)
    return deal


def reminded_of(world: World, visit: float) -> Item:
    """A deal with a visit, of which a reminder an hour before it has just been taken in; none has left."""
    deal = world.deal(VISIT=at(visit))
    world.wait(visit - world.clock.seconds() - HOUR + 10, step=5)
    return deal


def when_first_called(method: str, happens: Callable[[], None]) -> Fault:
    """Something happens just before the portal answers this method for the first time."""
    happened = False

    def fault(called: str, parameters: Mapping[str, Any]) -> None:
        nonlocal happened
        if called == method and not happened:
            happened = True
            happens()

    return fault


def at(moment: float) -> str:
    """A moment as the portal writes it."""
    return datetime.fromtimestamp(moment, MINSK).isoformat()


def written(moment: float) -> str:
    """A moment as people read it."""
    return f"{datetime.fromtimestamp(moment, MINSK):%d.%m.%Y %H:%M}"
