"""Entries into stages, new documents and changes: what counts as one, and once."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from a1gateway.bitrix24.trouble import PortalError
from a1gateway.journal import Store
from a1gateway.sandbox.crm import Item, Phone
from a1gateway.sandbox.crm_fields import CustomField
from a1gateway.sandbox.crm_sales import Sales

from ..portal_in_memory import PortalInMemory
from .test_apart import of_method
from .world import CONTACT, DAY, DEAL, HOUR, NEW_DEAL, PAID, PAYMENT, PROCESS, VISIT, World, at, written

NO_HISTORY = of_method("crm.stagehistory.list", PortalError("ERROR_METHOD_NOT_FOUND", "Method not found!"))
NEW_ITEM = {"name": "new", "event": "new", "of": PROCESS, "text": "#ITEM_TITLE# создан"}
ANY_CHANGE = {"name": "any", "event": "changed", "of": "deal", "text": "#DEAL_UF_LINK|пусто#", "repeat_after": 0}

# Portals that have no history of stages.


@pytest.fixture
def without(worlds: Any, portal: PortalInMemory) -> Any:
    portal.fault = NO_HISTORY
    return worlds


def test_without_a_history_the_documents_tell_of_their_entries(without: Any) -> None:
    world = without(PAYMENT | {"repeat_after": 0})
    world.wait(10)
    deal = world.deal(LINK="https://pay/1")
    for _ in range(3):
        world.move(deal, "PREPAYMENT_INVOICE")
        world.wait(10)
        world.set(deal, LINK="https://pay/1")
        world.wait(10)
        world.move(deal, "EXECUTING")
        world.wait(10)
    assert world.said() == [("Анна, оплатите: https://pay/1", None)] * 3
    # Whatever comes again, comes to nothing; nor does the next daemon find anything new.
    world.changed += [("UPDATE", DEAL, deal.id)] * 5
    world.wait(700)
    world.stop()
    again = without(PAYMENT | {"repeat_after": 0})
    again.set(deal, LINK="https://pay/2")
    again.wait(700)
    assert len(again.said()) == 3


def test_without_a_history_what_was_before_counts_for_nothing(without: Any, clock: Clock) -> None:
    first = without()
    deal = first.deal(LINK="https://pay/1")
    first.move(deal, "PREPAYMENT_INVOICE")
    first.stop()
    clock.advance(60)
    world = without(PAYMENT)
    world.wait(10)
    world.set(deal, LINK="https://pay/2")
    world.wait(700)
    assert world.said() == []


def test_without_a_history_events_that_are_lost_are_made_up_for(without: Any) -> None:
    world = without(PAYMENT, NEW_DEAL)
    world.wait(10)
    deal = world.deal(LINK="https://pay/1")
    world.changed.clear()
    world.wait(400)
    world.move(deal, "PREPAYMENT_INVOICE")
    world.changed.clear()
    world.wait(400)
    assert [text for text, _ in world.said()] == [f"Заказ {deal.id} принят", "Анна, оплатите: https://pay/1"]


def test_a_history_that_goes_away_loses_no_entry(worlds: Any, portal: PortalInMemory) -> None:
    world = worlds(PAYMENT)
    deal = world.deal(LINK="https://pay/1")
    world.wait(10)
    portal.fault = NO_HISTORY
    world.move(deal, "PREPAYMENT_INVOICE")
    world.wait(120)
    assert world.said() == [("Анна, оплатите: https://pay/1", None)]
    world.wait(700)
    assert len(world.said()) == 1


# New documents.


def test_an_item_of_a_smart_process_without_stages_is_new_once(worlds: Any, portal: PortalInMemory) -> None:
    portal.crm.add_process(PROCESS, "Договоры", has_stages=False)
    world = worlds(NEW_ITEM)
    world.wait(10)
    item = world.item()
    world.wait(10)
    portal.crm.updated(PROCESS, item)
    world.wait(700)
    assert world.said() == [("Договор создан", None)]
    # One of whom no event told.
    world.item(title="Акт", contact=item.contact_ids[0])
    world.changed.clear()
    world.wait(400)
    assert [text for text, _ in world.said()] == ["Договор создан", "Акт создан"]


def test_a_document_that_is_made_in_its_last_stage_is_new(worlds: Any) -> None:
    world = worlds(NEW_DEAL)
    won = world.deal_in("WON")
    world.wait(10)
    assert world.said() == [(f"Заказ {won.id} принят", None)]


def test_a_document_that_is_closed_is_not_new(worlds: Any, clock: Clock) -> None:
    world = worlds(NEW_DEAL)
    deal = world.deal()
    world.wait(10)
    world.move(deal, "WON")
    world.wait(10)
    clock.advance(HOUR)
    world.move(deal, "EXECUTING")
    world.move(deal, "WON")
    world.wait(10)
    assert len(world.said()) == 1


def test_a_document_that_comes_back_from_the_bin_is_not_new(worlds: Any, clock: Clock) -> None:
    world = worlds(NEW_DEAL, PAYMENT)
    deal = world.deal_in("PREPAYMENT_INVOICE", LINK="https://pay/1")
    world.wait(10)
    assert len(world.said()) == 2
    made = deal.created
    world.portal.crm.removed(DEAL, deal.id)
    world.wait(2 * DAY, step=30)
    world.portal.crm.added(DEAL, deal)
    deal.created = made
    world.wait(20)
    assert len(world.said()) == 2


# Stages by their names.


def test_a_stage_is_one_of_its_own_type(worlds: Any, portal: PortalInMemory) -> None:
    """Deals begin in a stage with the id NEW; «Не обработан» is what leads' NEW is called."""
    world = worlds(PAYMENT | {"stage": ["Не обработан"]}, PAYMENT | {"name": "lead", "of": "lead", "text": "Лид"})
    assert world.automation.registration.trouble is not None
    world.deal(LINK="https://pay/1")
    world.wait(20)
    assert world.said() == []


def test_an_sms_about_a_stage_names_the_one_that_was_entered(worlds: Any) -> None:
    """However far the deal has gone before it is looked at."""
    stage = {"name": "stage", "event": "stage", "of": "deal", "text": "Заказ #DEAL_ID#: #DEAL_STAGE#"}
    held = {"name": "held", "event": "stage", "of": "deal", "when": {"STAGE_ID": "PREPAYMENT_INVOICE"}}
    stages = {"stage": ["PREPAYMENT_INVOICE", "WON"]}
    world = worlds(stage | stages, held | stages | {"text": "Ждём оплату #DEAL_ID#"})
    deal = world.deal()
    world.wait(10)
    for each in ("PREPAYMENT_INVOICE", "EXECUTING", "WON"):
        world.move(deal, each)
    world.wait(10)
    assert sorted(world.said()) == [
        (f"Ждём оплату {deal.id}", None),
        (f"Заказ {deal.id}: Ожидает оплаты", None),
        (f"Заказ {deal.id}: Сделка успешна", None),
    ]


# Changes.


def test_any_change_counts_once_and_being_made_is_none(worlds: Any) -> None:
    world = worlds(ANY_CHANGE)
    world.wait(10)
    deal = world.deal(LINK="1")
    world.wait(20)
    assert world.said() == []
    for link in ("2", "3"):
        world.set(deal, LINK=link)
        world.changed += [("UPDATE", DEAL, deal.id)] * 3
        world.wait(20)
    world.wait(700)
    assert [text for text, _ in world.said()] == ["2", "3"]


def test_a_change_before_the_scenario_counts_for_nothing(worlds: Any, clock: Clock) -> None:
    first = worlds()
    deal = first.deal(LINK="1")
    clock.advance(100)
    first.set(deal, LINK="2")
    first.stop()
    clock.advance(100)
    world = worlds(ANY_CHANGE)
    world.wait(700)
    assert world.said() == []
    world.set(deal, LINK="3")
    world.wait(20)
    assert [text for text, _ in world.said()] == ["3"]


def test_a_document_from_before_that_comes_to_fulfil_a_condition_is_told(worlds: Any) -> None:
    first = worlds()
    before, already = first.deal(LINK=""), first.deal(first.contact("+375291112234"), LINK="оплачено")
    first.stop()
    world = worlds(PAID)
    world.wait(10)
    for each in (before, already):
        world.set(each, LINK="оплачено")
    # Made after it, and at once as it has to be.
    after = world.deal(world.contact("+375291112235"), LINK="оплачено")
    world.wait(20)
    assert [text for text, _ in world.said()] == [f"Заказ {before.id}", f"Заказ {after.id}"]


def test_what_a_condition_becomes_is_another_scenario(worlds: Any) -> None:
    first = worlds(PAID)
    for n in range(5):
        first.deal(first.contact(f"+37529111223{n}"), LINK="частично")
    first.wait(20)
    first.stop()
    world = worlds(PAID | {"when": {"UF_LINK": ["оплачено", "частично"]}})
    world.wait(10)
    for each in world.portal.crm.items[DEAL].all():
        world.portal.crm.updated(DEAL, each)
    world.wait(20)
    assert world.said() == []


def test_a_change_from_long_ago_is_not_told(worlds: Any, clock: Clock) -> None:
    world = worlds(PAID, grace=600.0)
    deal = world.deal(LINK="")
    world.wait(20)
    world.stop()
    world.set(deal, LINK="оплачено")
    clock.advance(5 * DAY)
    again = worlds(PAID, grace=600.0)
    again.wait(60)
    assert [reason for _, reason in again.said()] == ["late"]


def test_thousands_that_fulfil_a_condition_already_are_few_requests(worlds: Any, portal: PortalInMemory) -> None:
    crm = portal.crm
    for id_ in range(1, 3001):
        item = Item(id_, custom={"UF_CRM_LINK": "оплачено" if id_ % 2 else ""}, sales=Sales("NEW"))
        crm.items[DEAL].put(crm.stamped(item))
    before = portal.requests["batch"]
    world = worlds(PAID)
    world.wait(20)
    assert portal.requests["batch"] - before <= 20
    known = run_query(world, "SELECT count(*) AS n FROM conditions")
    assert known == [{"n": 1500}]


def run_query(world: World, query: str) -> list[dict[str, Any]]:
    driver = world.store._driver
    assert driver is not None
    return [dict(row) for row in driver.execute(query)]


# Dates that were there before.


@pytest.mark.parametrize("change", [{"name": "other"}, {"ahead": ["3 hours"]}, {"when": {"UF_LINK": "да"}}])
def test_a_scenario_that_becomes_another_reminds_of_the_dates_that_there_are(
    worlds: Any, clock: Clock, change: dict[str, Any]
) -> None:
    visit = clock.seconds() + 5 * HOUR
    scenario = VISIT | {"ahead": ["1 hour"]}
    first = worlds(scenario)
    first.deal(VISIT=at(visit), LINK="да")
    first.wait(20)
    first.stop()
    world = worlds(scenario | change)
    world.wait(5 * HOUR, step=5)
    assert world.said() == [(f"Анна, ждём Вас {written(visit)}.", None)]


# Whom it goes to.


@pytest.mark.parametrize(
    ("phones", "number"),
    [
        ([("+375172001122", "WORK"), ("+375291112233", "WORK")], "+375291112233"),
        ([("+375291112233", "WORK"), ("+375331112233", "MOBILE")], "+375331112233"),
        ([("+375172001122", "MOBILE"), ("8 029 111-22-33", "HOME")], "+375291112233"),
    ],
)
def test_of_several_numbers_it_is_one_that_an_sms_can_go_to(
    worlds: Any, phones: list[tuple[str, str]], number: str
) -> None:
    world = worlds(PAYMENT)
    crm = world.portal.crm
    contact = Item(
        crm.next_item_id(CONTACT), name="Анна", phones=tuple(Phone(crm.next_id(), *each) for each in phones)
    )
    crm.items[CONTACT].put(crm.stamped(contact))
    world.move(world.deal(contact.id, LINK="https://pay/1"), "PREPAYMENT_INVOICE")
    world.wait(20)
    assert [(row["msisdn"], row["reason"]) for row in world.messages()] == [(number, None)]


def test_a_contact_without_a_usable_number_leaves_it_to_the_next(worlds: Any) -> None:
    world = worlds(PAYMENT)
    landline, mobile = world.contact("+375172001122"), world.contact("+375291112233", "Борис")
    deal = world.deal(landline, LINK="https://pay/1")
    deal.contact_ids = (landline, mobile)
    world.move(deal, "PREPAYMENT_INVOICE")
    world.wait(20)
    # And it calls the one by name whom it goes to.
    assert world.said() == [("Борис, оплатите: https://pay/1", None)]


# Another portal.


def test_another_portal_begins_anew(clock: Clock, store: Store, worlds: Any) -> None:
    visit = clock.seconds() + 2 * HOUR
    first = worlds(VISIT | {"ahead": ["1 hour"]}, PAYMENT)
    for n in range(30):
        first.deal(first.contact(f"+3752911122{n:02}"), VISIT=at(visit))
    first.rule("a1_sms_send", first.portal.crm.items[DEAL].all()[0], text="Т", wait="Y", phone="+375291112233")
    first.wait(20)
    first.stop()
    other = PortalInMemory(clock)
    other.crm.empty()
    for name, kind in (("LINK", "string"), ("VISIT", "datetime")):
        other.crm.fields[DEAL][f"UF_CRM_{name}"] = CustomField(other.crm.next_id(), f"UF_CRM_{name}", kind)
    world = World(
        clock, store, VISIT | {"ahead": ["1 hour"]}, PAYMENT, portal=other, member="another", domain="other.example"
    )
    deal = world.deal(LINK="https://pay/1")
    world.move(deal, "PREPAYMENT_INVOICE")
    world.wait(HOUR + 60, step=5)
    assert [text for text, _ in world.said()][1:] == ["Анна, оплатите: https://pay/1"]
    assert {(state, reason) for _, state, reason in world.reminders()} == {("dropped", "portal_changed")}
    assert (world.run_of()["state"], world.run_of()["trouble"]) == ("over", "portal_changed")
    world.stop()


def test_the_same_portal_keeps_what_was_planned(worlds: Any, clock: Clock, store: Store) -> None:
    visit = clock.seconds() + 2 * HOUR
    first = worlds(VISIT | {"ahead": ["1 hour"]})
    first.deal(VISIT=at(visit))
    first.wait(20)
    first.stop()
    again = World(clock, store, VISIT | {"ahead": ["1 hour"]}, portal=first.portal, domain="renamed.example")
    again.wait(HOUR + 60, step=5)
    assert again.said() == [(f"Анна, ждём Вас {written(visit)}.", None)]
    again.stop()
