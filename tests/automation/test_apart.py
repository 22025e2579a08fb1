"""What one document, one type, one call or one number comes to is nobody else's affair."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from twisted.internet.task import Clock

from a1gateway.automation import calls
from a1gateway.automation.robots import SEND
from a1gateway.bitrix24.trouble import PortalError, PortalTrouble, judge
from a1gateway.journal.acceptance import accept_one
from a1gateway.journal.statements import Connection
from a1gateway.message import Acceptance, Arrival
from a1gateway.sandbox.crm_fields import CustomField

from ..portal_in_memory import Fault, PortalInMemory
from .world import AWAY, CONTACT, DAY, DEAL, HOUR, LEAD, NEW_DEAL, PAYMENT, PROCESS, VISIT, at, written

DENIED = PortalError("ACCESS_DENIED", "no right")
BROKEN = PortalError("ERROR_CORE", "SQL query error!")
BUSY = PortalTrouble("Bitrix24 answers INTERNAL_SERVER_ERROR", code="INTERNAL_SERVER_ERROR")
NEW_LEAD = {"name": "lead", "event": "new", "of": "lead", "text": "Лид #LEAD_ID# принят"}
CHANGED = {"name": "vip", "event": "changed", "of": "deal", "when": {"UF_CRM_LINK": "да"}, "text": "#DEAL_ID# готов"}
MISSED = {"name": "missed", "event": "missed_call", "text": "Перезвоним #CALL_NUMBER#"}


def of_item(of: int, id_: int, said: Exception = DENIED) -> Fault:
    """An item is not shown: lists leave it out, and whoever asks for it hears why."""

    def refuses(method: str, parameters: Mapping[str, Any]) -> Exception | None:
        if method == "crm.item.list" and parameters["entityTypeId"] == of and "@id" in parameters["filter"]:
            return said if id_ in parameters["filter"]["@id"] else None
        return (
            said
            if (method, parameters.get("entityTypeId"), parameters.get("id"))
            == (
                "crm.item.get",
                of,
                id_,
            )
            else None
        )

    return refuses


def of_method(name: str, said: Exception = DENIED, **wanted: Any) -> Fault:
    """A method is refused, with these parameters if any are named."""

    def refuses(method: str, parameters: Mapping[str, Any]) -> Exception | None:
        fits = all(parameters.get(key) == value for key, value in wanted.items())
        return said if method == name and fits else None

    return refuses


# Documents.


@pytest.mark.parametrize("said", [DENIED, BROKEN, PortalTrouble("Bitrix24 answers INTERNAL_SERVER_ERROR")])
def test_a_deal_that_is_not_shown_keeps_no_other_waiting(worlds: Any, said: Exception) -> None:
    world = worlds(PAYMENT, grace=600.0)
    deals = [world.deal(world.contact(f"+37529111223{n}"), LINK=f"https://pay/{n}") for n in range(3)]
    world.portal.fault = of_item(DEAL, deals[1].id, said)
    for each in deals:
        world.move(each, "PREPAYMENT_INVOICE")
    world.wait(20)
    assert [row["text"] for row in world.messages()] == [
        "Анна, оплатите: https://pay/0",
        "Анна, оплатите: https://pay/2",
    ]
    # The sweep goes on, too, and what cannot be had has its end.
    world.move(deals[0], "EXECUTING")
    world.move(deals[0], "PREPAYMENT_INVOICE")
    world.changed.clear()
    world.wait(1200, step=2)
    ends = [(row["reason"], row["note"]) for row in world.messages()]
    assert ends[2:] == [("repeated", None), ("portal_away", str(said))]


def test_a_deal_that_is_shown_again_in_time_sends(worlds: Any) -> None:
    world = worlds(PAYMENT)
    deal = world.deal(LINK="https://pay/1")
    world.portal.fault = of_item(DEAL, deal.id)
    world.move(deal, "PREPAYMENT_INVOICE")
    world.wait(120)
    assert world.said() == []
    world.portal.fault = lambda method, parameters: None
    world.wait(400)
    assert world.said() == [("Анна, оплатите: https://pay/1", None)]


def test_a_contact_that_is_not_shown_concerns_its_own_deals(worlds: Any) -> None:
    world = worlds(PAYMENT)
    anna, boris = world.contact(), world.contact("+375291112234", "Борис")
    deals = [world.deal(each, LINK="https://pay/1") for each in (anna, boris)]
    world.portal.fault = of_item(CONTACT, anna)
    for each in deals:
        world.move(each, "PREPAYMENT_INVOICE")
    world.wait(60)
    assert world.said() == [("Борис, оплатите: https://pay/1", None)]


def test_a_number_of_any_size_stops_nothing(worlds: Any, portal: PortalInMemory) -> None:
    portal.crm.fields[DEAL]["UF_CRM_SUM"] = CustomField(99, "UF_CRM_SUM", "double")
    world = worlds(PAYMENT | {"text": "#DEAL_UF_SUM|ничего#"})
    huge, ordinary = world.deal(), world.deal(world.contact("+375291112234"))
    huge.custom["UF_CRM_SUM"], ordinary.custom["UF_CRM_SUM"] = Decimal("1e30"), 5
    for each in (huge, ordinary):
        world.move(each, "PREPAYMENT_INVOICE")
    world.wait(20)
    assert "5" in [text for text, _ in world.said()]
    assert len(world.said()) == 2


# Types.


def test_a_type_without_a_history_of_stages_keeps_no_other_waiting(worlds: Any, portal: PortalInMemory) -> None:
    portal.crm.add_process(PROCESS, "Договоры")
    portal.fault = of_method("crm.stagehistory.list", PortalError("ERROR_METHOD_NOT_FOUND", ""), entityTypeId=PROCESS)
    of_items = {"name": "items", "event": "stage", "of": PROCESS, "stage": ["Успех"], "text": "#ITEM_TITLE#"}
    world = worlds(PAYMENT, CHANGED, of_items)
    world.wait(10)
    deal = world.deal(LINK="https://pay/1")
    item = world.item(stage=f"DT{PROCESS}_1:NEW")
    world.move(deal, "PREPAYMENT_INVOICE")
    portal.crm.updated(PROCESS, item, f"DT{PROCESS}_1:SUCCESS")
    world.wait(20)
    assert sorted(text for text, _ in world.said()) == ["Анна, оплатите: https://pay/1", "Договор"]


def test_a_type_that_was_deleted_takes_only_its_own_along(worlds: Any, portal: PortalInMemory, clock: Clock) -> None:
    portal.crm.add_process(PROCESS, "Договоры")
    portal.crm.fields[PROCESS]["UF_CRM_VISIT"] = CustomField(98, "UF_CRM_VISIT", "datetime")
    of_items = VISIT | {"name": "items", "of": PROCESS, "text": "#ITEM_TITLE#", "ahead": ["1 hour"]}
    world = worlds(VISIT | {"ahead": ["1 hour"]}, of_items)
    world.wait(10)
    visit = clock.seconds() + 2 * HOUR
    world.deal(VISIT=at(visit))
    item = world.item()
    item.custom["UF_CRM_VISIT"] = at(visit)
    portal.crm.updated(PROCESS, item)
    world.wait(20)
    assert [state for _, state, _ in world.reminders()] == ["planned", "planned"]
    del portal.crm.processes[PROCESS], portal.crm.items[PROCESS], portal.crm.fields[PROCESS]
    world.stop()
    # A daemon that knows nothing of fields yet.
    again = worlds(VISIT | {"ahead": ["1 hour"]}, of_items)
    again.wait(HOUR + 60, step=5)
    assert again.said() == [(f"Анна, ждём Вас {written(visit)}.", None)]
    assert sorted((state, reason) for _, state, reason in again.reminders()) == [
        ("dropped", "deleted"),
        ("sent", None),
    ]


def test_fields_that_cannot_be_asked_for_cancel_no_visit(worlds: Any, clock: Clock) -> None:
    scenario = VISIT | {"ahead": ["1 hour"]}
    world = worlds(scenario)
    visit = clock.seconds() + HOUR + 30
    world.deal(VISIT=at(visit))
    world.wait(20)
    world.stop()
    world.portal.fault = of_method("crm.item.fields", BROKEN, entityTypeId=DEAL)
    again = worlds(scenario)
    again.wait(60)
    assert [state for _, state, _ in again.reminders()] == ["planned"]
    world.portal.fault = lambda method, parameters: None
    again.wait(120)
    assert again.said() == [(f"Анна, ждём Вас {written(visit)}.", None)]


def test_stages_that_cannot_be_listed_are_no_reason_to_let_an_entry_go(worlds: Any) -> None:
    world = worlds(PAYMENT)
    world.automation.reader.renew()
    world.portal.fault = of_method("crm.status.list", BROKEN)
    world.move(world.deal(LINK="https://pay/1"), "PREPAYMENT_INVOICE")
    world.wait(60)
    assert world.said() == []
    world.portal.fault = lambda method, parameters: None
    world.wait(400)
    assert len(world.said()) == 1


# Reminders.


def test_a_visit_that_is_not_shown_keeps_no_other_from_being_reminded_of(worlds: Any, clock: Clock) -> None:
    world = worlds(VISIT | {"ahead": ["1 hour"]}, grace=600.0)
    visit = clock.seconds() + HOUR + 60
    deals = [world.deal(world.contact(f"+37529111223{n}"), VISIT=at(visit + n)) for n in range(5)]
    world.wait(20)
    world.portal.fault = of_item(DEAL, deals[2].id)
    world.wait(900, step=2)
    assert len(world.said()) == 4
    assert sorted((state, reason or "") for _, state, reason in world.reminders()) == [
        ("dropped", "portal"),
        *[("sent", "")] * 4,
    ]


def test_an_sms_that_cannot_be_made_is_one_sms(worlds: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    from a1gateway.automation import documents

    world = worlds(VISIT | {"ahead": ["1 hour"]}, grace=600.0)
    visit = clock.seconds() + HOUR + 60
    deals = [world.deal(world.contact(f"+37529111223{n}"), VISIT=at(visit + n)) for n in range(3)]
    world.wait(20)
    value_of = documents.Document.value_of

    def breaks(self: documents.Document, placeholder: Any) -> str:
        assert self.item.id != deals[1].id, "a fault of the gateway"
        return value_of(self, placeholder)

    monkeypatch.setattr(documents.Document, "value_of", breaks)
    world.wait(900, step=2)
    assert len(world.said()) == 2
    assert [state for _, state, _ in world.reminders()].count("dropped") == 1


def test_a_type_that_cannot_be_searched_keeps_the_sweep_from_no_other(worlds: Any) -> None:
    leads = {"name": "leads", "event": "changed", "of": "lead", "text": "Лид #LEAD_ID#"}
    deals = {"name": "deals", "event": "changed", "of": "deal", "text": "Заказ #DEAL_ID# изменён"}
    world = worlds(leads, deals, sweep=60.0)
    world.wait(30)
    # As the portal says it: to all that was asked for, unless something is asked beside it.
    world.portal.fault = of_method("crm.item.list", judge("ACCESS_DENIED", "no right"), entityTypeId=LEAD)
    deal = world.deal()
    world.wait(120, step=1)
    world.portal.crm.updated(DEAL, deal)
    # The event is lost.
    world.changed.clear()
    world.wait(300, step=1)
    assert world.said() == [(f"Заказ {deal.id} изменён", None)]
    assert "ACCESS_DENIED" in (world.automation.trouble or "")


@pytest.mark.parametrize("broken", [PortalTrouble("Bitrix24 answers ERROR_CORE"), ValueError("a fault")])
def test_a_run_whose_document_cannot_be_asked_for_leaves_the_portal_alone_and_ends(
    worlds: Any, broken: Exception
) -> None:
    world = worlds(grace=600.0)
    deal = world.deal()
    world.wait(20)
    world.portal.requests.clear()
    world.portal.trouble = broken
    world.rule(SEND, deal, text="Готово", wait="Y")
    world.wait(0.1, step=0.01)
    assert world.portal.requests["batch"] < 20
    world.wait(720, step=1)
    world.portal.trouble = None
    world.wait(60)
    answer = world.run_of()["answer"]
    assert (answer["status"], answer["error"]) == ("rejected", "portal_away")


# Calls.


@pytest.mark.parametrize("said", [DENIED, BROKEN])
def test_without_the_right_to_know_of_calls_they_are_answered_all_the_same(worlds: Any, said: Exception) -> None:
    world = worlds(MISSED | {"delay": 30}, PAYMENT)
    world.portal.fault = of_method("voximplant.statistic.get", said)
    world.call("+375291112233")
    world.move(world.deal(LINK="https://pay/1"), "PREPAYMENT_INVOICE")
    world.wait(60)
    assert sorted(text for text, _ in world.said()) == ["Анна, оплатите: https://pay/1", "Перезвоним +375291112233"]


def test_a_caller_who_cannot_be_looked_for_keeps_no_other_waiting(worlds: Any) -> None:
    world = worlds(MISSED)

    def refuses(method: str, parameters: Mapping[str, Any]) -> Exception | None:
        asked = method == "crm.duplicate.findbycomm" and "375291112230" in parameters["values"]
        return PortalTrouble("Bitrix24 answers INTERNAL_SERVER_ERROR") if asked else None

    world.portal.fault = refuses
    for n in range(3):
        world.call(f"+37529111223{n}")
    world.wait(20)
    assert sorted(text for text, _ in world.said()) == ["Перезвоним +375291112231", "Перезвоним +375291112232"]
    world.portal.fault = lambda method, parameters: None
    world.wait(60)
    assert len(world.said()) == 3


def test_many_calls_are_few_requests(worlds: Any) -> None:
    world = worlds(MISSED | {"delay": 5})
    before = world.portal.requests["batch"]
    for n in range(100):
        world.call(f"+3752911122{n:02}")
    world.wait(20)
    assert len(world.said()) == 100
    assert world.portal.requests["batch"] - before < 15
    assert world.portal.requests["voximplant.statistic.get"] + world.portal.requests["crm.duplicate.findbycomm"] == 0


def test_events_wait_for_a_portal_in_trouble_and_cost_no_more_than_its_pauses(worlds: Any) -> None:
    world = worlds(PAYMENT)
    deals = [world.deal(world.contact(f"+3752911122{n:02}"), LINK=f"https://pay/{n}") for n in range(20)]
    world.wait(10)
    world.portal.trouble = AWAY
    for each in deals:
        world.move(each, "PREPAYMENT_INVOICE")
    before = world.portal.requests["batch"]
    world.wait(600, step=2)
    assert world.portal.requests["batch"] - before < 60
    world.portal.trouble = None
    world.wait(120)
    assert len({text for text, reason in world.said() if reason is None}) == 20


# One command of several that Bitrix24 does nothing with.


@pytest.mark.parametrize("method", ["crm.stagehistory.list", "crm.item.fields"])
def test_a_type_in_trouble_keeps_no_other_from_beginning(worlds: Any, portal: PortalInMemory, method: str) -> None:
    portal.fault = of_method(method, BUSY, entityTypeId=LEAD)
    world = worlds(NEW_DEAL, NEW_LEAD)
    world.wait(20)
    world.deal()
    world.wait(30)
    assert world.said() == [("Заказ 1 принят", None)]
    assert portal.requests["event.bind"] == len(world.automation._scenarios.events)


def test_a_type_in_trouble_keeps_no_other_from_being_swept(worlds: Any, portal: PortalInMemory) -> None:
    world = worlds(NEW_DEAL, NEW_LEAD)
    world.wait(20)
    portal.fault = of_method("crm.stagehistory.list", BUSY, entityTypeId=LEAD)
    world.deal()
    # No event told of it.
    world.changed.clear()
    world.wait(400)
    assert world.said() == [("Заказ 1 принят", None)]


def test_users_in_trouble_concern_those_who_are_to_be_named(worlds: Any, clock: Clock) -> None:
    visit = clock.seconds() + 2 * HOUR
    named = VISIT | {"name": "named", "ahead": ["1 hour"], "text": "Ждёт #ASSIGNED_NAME#"}
    world = worlds(VISIT | {"ahead": ["1 hour"]}, named)
    world.deal(VISIT=at(visit))
    world.portal.fault = of_method("user.get", BUSY)
    world.wait(HOUR + 60, step=5)
    assert world.said() == [(f"Анна, ждём Вас {written(visit)}.", None)]
    world.portal.fault = lambda method, parameters: None
    world.wait(120)
    assert world.said()[1:] == [("Ждёт Ольга", None)]


def test_a_long_history_is_gone_through_though_the_portal_stumbles(worlds: Any, clock: Clock) -> None:
    world = worlds(NEW_DEAL | {"grace": DAY, "repeat_after": 0})
    contact = world.contact()
    world.wait(20)
    for _ in range(400):
        world.deal(contact)
    world.changed.clear()
    clock.advance(120)
    asked = 0

    def stumbles(method: str, parameters: Mapping[str, Any]) -> Exception | None:
        nonlocal asked
        asked += method == "crm.stagehistory.list"
        return BUSY if method == "crm.stagehistory.list" and asked % 4 == 0 else None

    world.portal.fault = stumbles
    world.wait(HOUR, step=5)
    assert len(world.said()) == 400


def test_a_call_with_a_fault_keeps_no_other_waiting(worlds: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known = calls.known

    def broken(call: calls.Call) -> dict[str, str]:
        if call.number.endswith("666"):
            raise RuntimeError("a fault")
        return known(call)

    monkeypatch.setattr(calls, "known", broken)
    world = worlds({"name": "missed", "event": "missed_call", "text": "Перезвоним"}, NEW_DEAL)
    world.wait(10)
    world.call("+375291112666")
    world.call("+375331112233")
    world.deal()
    world.wait(10)
    assert sorted(world.said()) == [("Заказ 1 принят", None), ("Перезвоним", None)]


def test_an_entry_that_cannot_be_written_down_is_given_up(worlds: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing behind it is kept for ever."""

    def broken(connection: Connection, arrival: Arrival) -> Acceptance:
        if arrival.origin.get("document") == "deal:1":
            raise RuntimeError("a fault")
        return accept_one(connection, arrival)

    monkeypatch.setattr("a1gateway.automation.deciding.accept_one", broken)
    world = worlds(NEW_DEAL)
    world.wait(10)
    contact = world.contact()
    for _ in range(60):
        world.deal(contact)
    world.wait(4 * HOUR, step=10)
    assert len(world.said()) == 59
    driver = world.store._driver
    assert driver.execute("SELECT count(*) FROM stage_records").fetchone()[0] == 0
    assert driver.execute("SELECT count(*) FROM moves").fetchone()[0] == 0
