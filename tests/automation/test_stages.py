"""Entries into stages, from the event to a message in the journal, or to its defined end."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from .world import AWAY, DEAL, HOUR, PAYMENT, VISIT, at, written


def test_every_entry_into_a_stage_counts_once_however_briefly(worlds: Any) -> None:
    world = worlds(PAYMENT | {"repeat_after": 0})
    deal = world.deal(LINK="https://pay/1")
    for _ in range(10):
        world.move(deal, "EXECUTING")
        world.move(deal, "PREPAYMENT_INVOICE")
        world.wait(2)
    world.wait(70)
    assert world.said() == [("Анна, оплатите: https://pay/1", None)] * 10
    # Once more nothing, whatever comes again.
    world.changed += [("UPDATE", DEAL, deal.id)] * 5
    world.wait(700)
    assert len(world.said()) == 10


def test_fifty_changes_of_a_deal_in_a_minute_are_one_look_up(worlds: Any) -> None:
    world = worlds(PAYMENT)
    deal = world.deal(LINK="https://pay/1")
    world.wait(20)
    before = dict(world.portal.requests)
    world.move(deal, "PREPAYMENT_INVOICE")
    for _ in range(50):
        world.set(deal, LINK="https://pay/2")
        world.wait(1.1)
    world.wait(20)
    assert world.said() == [("Анна, оплатите: https://pay/2", None)]
    assert world.portal.requests["batch/crm.stagehistory.list"] - before.get("batch/crm.stagehistory.list", 0) == 1


def test_what_was_before_the_scenario_counts_for_nothing(worlds: Any) -> None:
    first = worlds()
    deal = first.deal(LINK="https://pay/1")
    first.move(deal, "PREPAYMENT_INVOICE")
    first.stop()
    world = worlds(PAYMENT)
    world.set(deal, LINK="https://pay/2")
    world.wait(400)
    assert world.said() == []
    world.move(deal, "EXECUTING")
    world.move(deal, "PREPAYMENT_INVOICE")
    world.wait(10)
    assert len(world.said()) == 1


def test_events_that_are_lost_are_made_up_for(worlds: Any) -> None:
    world = worlds(PAYMENT)
    world.move(world.deal(LINK="https://pay/1"), "PREPAYMENT_INVOICE")
    world.changed.clear()
    world.wait(290)
    assert world.said() == []
    world.wait(20)
    assert len(world.said()) == 1


def test_what_is_longer_ago_than_the_grace_is_not_sent_any_more(worlds: Any, clock: Clock) -> None:
    world = worlds(PAYMENT, grace=600.0)
    world.stop()
    world.move(world.deal(LINK="https://pay/1"), "PREPAYMENT_INVOICE")
    clock.advance(700)
    again = worlds(PAYMENT, grace=600.0)
    again.wait(10)
    assert again.said() == [("#CONTACT_NAME#, оплатите: #DEAL_UF_LINK#", "late")] or again.said() == [
        ("Анна, оплатите: https://pay/1", "late")
    ]


def test_the_same_text_to_the_same_number_waits_for_its_time(worlds: Any) -> None:
    world = worlds(PAYMENT | {"repeat_after": 100})
    deal = world.deal(LINK="https://pay/1")
    for _ in range(3):
        world.move(deal, "PREPAYMENT_INVOICE")
        world.wait(60)
        world.move(deal, "EXECUTING")
    assert [reason for _, reason in world.said()] == [None, "repeated", None]


def test_reminders_of_a_visit_at_two_times_are_no_repetition(worlds: Any, clock: Clock) -> None:
    """Though they say the same within an hour; two visits of somebody at one time are one."""
    world = worlds(VISIT | {"ahead": ["30 min", "10 min"]})
    visit, anna = clock.seconds() + HOUR, world.contact()
    for _ in range(2):
        world.deal(anna, VISIT=at(visit))
    world.wait(HOUR, step=2)
    text = f"Анна, ждём Вас {written(visit)}."
    assert world.said() == [(text, None), (text, "repeated")] * 2


def test_an_empty_field_stops_the_message_and_is_named(worlds: Any) -> None:
    world = worlds(PAYMENT)
    world.move(world.deal(), "PREPAYMENT_INVOICE")
    world.wait(10)
    (message,) = world.messages()
    assert (message["status"], message["reason"], message["note"]) == ("rejected", "empty_field", "#DEAL_UF_LINK#")
    # Nobody is told: no sender of Bitrix24 has handed it over.
    assert (message["told"], message["tell_at"]) == (None, None)


def test_a_document_that_is_gone_is_a_defined_end(worlds: Any) -> None:
    world = worlds(PAYMENT)
    deal = world.deal(LINK="https://pay/1")
    world.move(deal, "PREPAYMENT_INVOICE")
    world.tell()
    world.portal.crm.items[DEAL].remove(deal.id)
    world.wait(10)
    assert [reason for _, reason in world.said()] == ["document_deleted"]


def test_a_contact_without_a_phone_is_a_defined_end(worlds: Any) -> None:
    world = worlds(PAYMENT)
    world.move(world.deal(world.contact(number="нет"), LINK="https://pay/1"), "PREPAYMENT_INVOICE")
    world.wait(10)
    assert [reason for _, reason in world.said()] == ["not_a_number"]


def test_a_portal_that_is_away_is_waited_for(worlds: Any) -> None:
    world = worlds(PAYMENT)
    world.move(world.deal(LINK="https://pay/1"), "PREPAYMENT_INVOICE")
    world.tell()
    world.portal.trouble = AWAY
    world.wait(900)
    assert world.said() == []
    # It is left alone meanwhile: a minute between two tries at the most often.
    assert world.portal.requests["batch"] < 60
    world.portal.trouble = None
    world.wait(120)
    assert world.said() == [("Анна, оплатите: https://pay/1", None)]


def test_what_is_not_urgent_waits_for_its_hours(worlds: Any, clock: Clock) -> None:
    # START is a Sunday, 03:00 in Minsk.
    world = worlds(PAYMENT, PAYMENT | {"name": "now", "urgent": True}, hours="09:00-21:00")
    world.move(world.deal(LINK="https://pay/1"), "PREPAYMENT_INVOICE")
    world.wait(10)
    due = sorted(row["due_at"] - row["received_at"] for row in world.messages())
    assert due[0] == 0
    assert written(clock.seconds() + due[1]).endswith("09:00") or due[1] > HOUR


def test_a_condition_keeps_others_out(worlds: Any) -> None:
    world = worlds(PAYMENT | {"when": {"UF_LINK": ["https://pay/1", "x"]}})
    for link in ("https://pay/1", "https://pay/2"):
        world.move(world.deal(LINK=link), "PREPAYMENT_INVOICE")
    world.wait(10)
    assert world.said() == [("Анна, оплатите: https://pay/1", None)]
