"""Automation from an event to a message in the journal, with a portal in memory and a clock that is turned."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from a1gateway.bitrix24.trouble import PortalTrouble
from a1gateway.carriers.outcome import LinkTrouble, Postponed, Trouble
from a1gateway.hours import MINSK
from a1gateway.journal import Store
from a1gateway.sandbox.crm_fields import CustomField

from ..conftest import START, run
from ..portal_in_memory import PortalInMemory
from .world import DAY, DEAL, HOUR, PAYMENT, VISIT, World, at, written

AWAY_A1 = LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached: refused")
AWAY = PortalTrouble("Bitrix24 cannot be reached: refused")


# Stages.


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


# Reminders.


def test_reminders_go_out_at_their_times(worlds: Any, clock: Clock) -> None:
    world = worlds(VISIT)
    visit = clock.seconds() + 3 * DAY
    world.deal(VISIT=at(visit))
    world.wait(10)
    assert world.reminders() == [(DAY, "planned", None), (HOUR, "planned", None)]
    world.wait(2 * DAY - 60, step=300.0)
    assert world.said() == []
    world.wait(120, step=5.0)
    assert world.said() == [(f"Анна, ждём Вас {written(visit)}.", None)]
    # The same words an hour before it: nobody hears them twice, but for a reminder a day is long enough.
    world.wait(DAY - HOUR, step=120.0)
    assert [reason for _, reason in world.said()] == [None, None]


def test_a_date_that_moves_takes_its_reminders_along_and_back(worlds: Any, clock: Clock) -> None:
    world = worlds(VISIT | {"ahead": ["1 hour"]})
    first, second = clock.seconds() + 5 * HOUR, clock.seconds() + 9 * HOUR
    deal = world.deal(VISIT=at(first))
    world.wait(10)
    for moment in (second, first, second):
        world.set(deal, VISIT=at(moment))
        world.wait(10)
    assert world.reminders() == [(HOUR, "moved", None), (HOUR, "planned", None)]
    world.wait(9 * HOUR, step=20.0)
    assert world.said() == [(f"Анна, ждём Вас {written(second)}.", None)]


def test_a_move_that_no_event_told_of_is_seen_before_the_sms_leaves(worlds: Any, clock: Clock) -> None:
    world = worlds(VISIT | {"ahead": ["1 hour"]}, sweep=1e6)
    deal = world.deal(VISIT=at(clock.seconds() + 2 * HOUR))
    world.wait(10)
    later = clock.seconds() + 5 * HOUR
    world.set(deal, VISIT=at(later))
    world.changed.clear()
    world.wait(3 * HOUR, step=20.0)
    assert world.said() == []
    world.wait(2 * HOUR, step=20.0)
    assert world.said() == [(f"Анна, ждём Вас {written(later)}.", None)]


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (lambda world, deal: world.portal.crm.removed(DEAL, deal.id), "deleted"),
        (lambda world, deal: world.move(deal, "LOSE"), "cancelled"),
        (lambda world, deal: world.move(deal, "EXECUTING"), "cancelled"),
        (lambda world, deal: world.set(deal, VISIT=""), "cancelled"),
        (lambda world, deal: world.set(deal, LINK="нет"), "condition"),
    ],
)
@pytest.mark.parametrize("heard", [True, False])
def test_what_nobody_is_to_be_reminded_of_is_dropped(
    worlds: Any, clock: Clock, what: Any, reason: str, *, heard: bool
) -> None:
    world = worlds(VISIT | {"ahead": ["1 hour"], "cancelled": ["В работе"], "when": {"UF_LINK": "да"}})
    deal = world.deal(VISIT=at(clock.seconds() + 2 * HOUR), LINK="да")
    world.wait(10)
    what(world, deal)
    if not heard:
        world.changed.clear()
    world.wait(2 * HOUR, step=20.0)
    assert (world.said(), world.reminders()) == ([], [(HOUR, "dropped", reason)])


def test_a_reminder_is_not_late_by_more_than_the_grace(worlds: Any, clock: Clock) -> None:
    scenario = VISIT | {"ahead": ["2 hours", "1 hour"]}
    world = worlds(scenario, grace=600.0)
    visit = clock.seconds() + 3 * HOUR
    world.deal(VISIT=at(visit))
    world.wait(10)
    world.stop()
    # The daemon is away for the first, and back soon after the time of the second.
    clock.advance(2 * HOUR + 300)
    again = worlds(scenario, grace=600.0)
    again.wait(30)
    assert again.reminders() == [(2 * HOUR, "dropped", "late"), (HOUR, "sent", None)]


def test_a_reminder_that_a1_does_not_take_is_not_sent_late(worlds: Any, clock: Clock) -> None:
    world = worlds(VISIT | {"ahead": ["1 hour", "5 min"]}, grace=600.0)
    visit = clock.seconds() + HOUR + 60
    world.deal(VISIT=at(visit))
    world.wait(80)
    assert [reason for _, reason in world.said()] == [None]
    # As far as the grace goes it may leave, and A1 may deliver it until the visit.
    (first,) = run(world.journal.claim(clock.seconds(), 1)).submissions
    assert first.ttl == pytest.approx(visit - clock.seconds())
    run(world.journal.record([(first, Postponed(AWAY_A1), clock.seconds())], clock.seconds()))
    assert run(world.journal.end_late(visit - HOUR + 599)) == []
    assert [change.reason for change in run(world.journal.end_late(visit - HOUR + 601))] == ["late"]
    world.wait(HOUR, step=5)
    # Of the one just before the visit, the visit itself is the end.
    assert len(world.said()) == 2
    assert run(world.journal.end_late(visit - 1)) == []
    assert len(run(world.journal.end_late(visit + 1))) == 1


def test_a_reminder_whose_document_cannot_be_read_waits_for_the_grace(worlds: Any, clock: Clock) -> None:
    world = worlds(VISIT | {"ahead": ["1 hour"]}, grace=600.0)
    world.deal(VISIT=at(clock.seconds() + 2 * HOUR))
    world.wait(10)
    world.portal.trouble = AWAY
    world.wait(HOUR + 590, step=10.0)
    assert world.reminders() == [(HOUR, "planned", None)]
    world.wait(120, step=10.0)
    assert world.reminders() == [(HOUR, "dropped", "portal")]


def test_a_scenario_that_is_gone_drops_its_reminders(worlds: Any, clock: Clock) -> None:
    world = worlds(VISIT | {"ahead": ["1 hour"]})
    world.deal(VISIT=at(clock.seconds() + 2 * HOUR))
    world.wait(10)
    world.stop()
    again = worlds()
    again.wait(2 * HOUR, step=20.0)
    assert again.reminders() == [(HOUR, "dropped", "no_scenario")]


def test_a_clock_that_is_set_decides_by_what_it_says_now(worlds: Any, clock: Clock) -> None:
    """Not the steady one, which follows it little by little: people's visits are by the time that people have."""
    world = worlds(VISIT | {"ahead": ["1 hour"]})
    world.deal(VISIT=at(clock.seconds() + 10 * HOUR))
    world.wait(10)
    world.ahead = 8.9 * HOUR
    world.wait(120)
    assert world.said() == []
    world.ahead = 9.1 * HOUR
    world.wait(120)
    assert len(world.said()) == 1


def test_a_date_alone_means_its_time_of_day(worlds: Any, clock: Clock) -> None:
    world = worlds(VISIT | {"field": "UF_CRM_DAY", "ahead": ["1 day"], "date_at": "10:30", "text": "Завтра"})
    day = datetime.fromtimestamp(clock.seconds() + 5 * DAY, MINSK).date()
    world.deal(DAY=day.isoformat())
    world.wait(5 * DAY, step=300.0)
    (message,) = world.messages()
    assert abs(message["received_at"] - (datetime.fromisoformat(f"{day}T10:30:00+03:00").timestamp() - DAY)) < 400


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(
    changes=st.lists(
        st.tuples(st.sampled_from(["move", "clear", "lose", "back", "restart"]), st.integers(1, 40)), max_size=8
    )
)
def test_a_visit_is_reminded_of_once_whatever_happens_to_it(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int]]
) -> None:
    """By the moment that it has in the end, if it still has one; and at no other that it had had by then."""
    clock = Clock()
    clock.advance(START)
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('visit')}/journal.sqlite3")
    store.prepare()
    portal = PortalInMemory(clock)
    portal.crm.empty()
    portal.crm.fields[DEAL]["UF_CRM_VISIT"] = CustomField(1, "UF_CRM_VISIT", "datetime")
    scenario = VISIT | {"ahead": ["1 hour"], "text": "Ждём #DEAL_UF_VISIT#", "repeat_after": 0}
    world = World(clock, store, scenario, portal=portal)
    moment: float | None = START + 100 * HOUR
    deal, lost = world.deal(VISIT=at(START + 100 * HOUR)), False
    for what, hours in changes:
        if what == "move":
            moment = START + (50 + hours) * HOUR
            world.set(deal, VISIT=at(moment))
        elif what == "clear":
            moment = None
            world.set(deal, VISIT="")
        elif what == "restart":
            world.stop()
            world = World(clock, store, scenario, portal=portal)
        else:
            lost = what == "lose"
            world.move(deal, "LOSE" if lost else "NEW")
        world.wait(10)
    world.wait(101 * HOUR, step=900.0)
    expected = [] if lost or moment is None else [(f"Ждём {written(moment)}", None)]
    assert world.said() == expected
    world.stop()
    store.close()


# Automation rules.


def test_a_run_without_a_recipient_waits_for_the_portal_and_then_ends(worlds: Any) -> None:
    world = worlds(grace=600.0)
    world.portal.trouble = AWAY
    world.rule("a1_sms_send", world.deal(), text="Готово", wait="Y")
    world.wait(590, step=5.0)
    assert (world.said(), world.run_of()["state"]) == ([], "new")
    world.wait(120, step=5.0)
    assert [reason for _, reason in world.said()] == ["portal_away"]
    assert world.run_of()["state"] == "answer"


def test_a_run_with_a_recipient_needs_no_portal(worlds: Any) -> None:
    world = worlds()
    world.portal.trouble = AWAY
    world.rule("a1_sms_send", world.deal(), phone="8 029 111-22-33", text="Готово", wait="Y")
    world.wait(1)
    assert world.said() == [("Готово", None)]


def test_reminders_of_a_rule_follow_the_field_that_held_their_date(worlds: Any, clock: Clock) -> None:
    world = worlds()
    first, second = clock.seconds() + 3 * DAY, clock.seconds() + 5 * HOUR
    deal = world.deal(VISIT=at(first))
    # As Bitrix24 hands a date over: as people in the portal write it.
    world.rule("a1_sms_reminder", deal, text="Ждём Вас", at=f"{written(first)}:00", ahead="1 день, 2 часа", wait="Y")
    world.wait(10)
    assert world.run_of()["state"] == "waiting"
    assert world.reminders() == [(DAY, "planned", None), (2 * HOUR, "planned", None)]
    world.set(deal, VISIT=at(second))
    world.wait(10)
    assert world.reminders()[:2] == [(DAY, "dropped", "past"), (2 * HOUR, "planned", None)]
    world.wait(3 * HOUR, step=20.0)
    assert world.said() == [("Ждём Вас", None)]
    assert world.run_of()["state"] == "waiting"
    world.deliver()
    world.wait(1)
    assert (world.run_of()["answer"]["status"], world.run_of()["answer"]["planned"]) == ("delivered", 1)


def test_a_rules_reminders_that_come_to_nothing_let_its_workflow_go_on(worlds: Any, clock: Clock) -> None:
    world = worlds()
    deal = world.deal(VISIT=at(clock.seconds() + 3 * DAY))
    world.rule("a1_sms_reminder", deal, text="Ждём Вас", at=at(clock.seconds() + 3 * DAY), wait="Y")
    world.wait(10)
    world.move(deal, "LOSE")
    world.wait(10)
    answer = world.run_of()["answer"]
    assert (answer["status"], answer["error"], answer["planned"]) == ("not_sent", "cancelled", 0)


def test_a_rule_that_does_not_wait_learns_how_many_are_planned(worlds: Any, clock: Clock) -> None:
    world = worlds()
    deal = world.deal()
    world.rule("a1_sms_reminder", deal, text="Ждём Вас", at=at(clock.seconds() + 5 * HOUR))
    world.wait(10)
    answer = world.run_of()["answer"]
    assert (answer["status"], answer["planned"]) == ("planned", 1)


@pytest.mark.parametrize(
    ("properties", "note"),
    [
        ({"at": "скоро"}, "'скоро' is no date"),
        ({"at": "24.11.2030 10:00", "ahead": "утром"}, "утром is no time ahead"),
    ],
)
def test_a_reminder_that_cannot_be_understood_says_so(worlds: Any, properties: dict[str, str], note: str) -> None:
    world = worlds()
    world.rule("a1_sms_reminder", world.deal(), text="Ждём Вас", **properties)
    world.wait(1)
    (message,) = world.messages()
    assert message["reason"] == "bad_reminder"
    assert message["note"].startswith(note)
    assert world.run_of()["answer"]["error"] == "bad_reminder"
