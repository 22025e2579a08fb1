"""Reminders of scenarios: at their times, moved with their dates, and once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from a1gateway.automation.reminders import Reminders
from a1gateway.carriers.outcome import LinkTrouble, Outcome, Postponed, Trouble, Uncertain
from a1gateway.hours import MINSK
from a1gateway.sandbox.crm_fields import CustomField

from ..conftest import START, fresh, run
from ..portal_in_memory import PortalInMemory
from .world import AWAY, DAY, DEAL, HOUR, VISIT, World, at, reminded_of, written

LOST = LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached: gone")

AWAY_A1 = LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached: refused")


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
        st.tuples(st.sampled_from(["move", "clear", "lose", "back", "restart"]), st.integers(1, 8)), max_size=8
    )
)
def test_a_visit_is_reminded_of_once_whatever_happens_to_it(
    empty_journal: Path, changes: list[tuple[str, int]]
) -> None:
    """By the moment that it has in the end, if it still has one; and at no other that it had had by then."""
    clock = Clock()
    clock.advance(START)
    with fresh(empty_journal) as store:
        portal = PortalInMemory(clock)
        portal.crm.empty()
        portal.crm.fields[DEAL]["UF_CRM_VISIT"] = CustomField(1, "UF_CRM_VISIT", "datetime")
        scenario = VISIT | {"ahead": ["1 hour"], "text": "Ждём #DEAL_UF_VISIT#", "repeat_after": 0}
        world = World(clock, store, scenario, portal=portal)
        moment: float | None = START + 20 * HOUR
        deal, lost = world.deal(VISIT=at(START + 20 * HOUR)), False
        for what, hours in changes:
            if what == "move":
                moment = START + (10 + hours) * HOUR
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
        world.wait(21 * HOUR, step=900.0)
        expected = [] if lost or moment is None else [(f"Ждём {written(moment)}", None)]
        assert world.said() == expected
        world.stop()


def test_a_reminder_that_no_sms_can_be_made_of_ends_as_a_fault(
    worlds: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any) -> None:
        raise RuntimeError("a fault")

    world = worlds(VISIT | {"ahead": ["1 hour"]})
    monkeypatch.setattr(Reminders, "_arrival", broken)
    world.deal(VISIT=at(clock.seconds() + 2 * HOUR))
    world.wait(3 * HOUR, step=10)
    assert world.reminders() == [(HOUR, "dropped", "gateway_fault")]


# While A1 takes nothing.


def test_while_a1_takes_nothing_reminders_wait_with_their_documents(worlds: Any, clock: Clock) -> None:
    """They are looked at just before they can leave: by then some visits have moved, and some are off."""
    world = worlds(VISIT | {"ahead": ["1 hour"]})
    visit, later = clock.seconds() + 2 * HOUR, clock.seconds() + 26 * HOUR
    moved, emptied, stays = (world.deal(world.contact(f"+37529111223{n}"), VISIT=at(visit)) for n in range(3))
    world.wait(HOUR - 10, step=10)
    world.a1_rests = 30.0
    world.wait(600, step=10)
    assert world.said() == []
    world.set(moved, VISIT=at(later))
    world.set(emptied, VISIT="")
    # No event tells of it.
    world.changed.clear()
    world.a1_rests = 0.0
    world.automation.a1_is_open()
    world.wait(20)
    assert [(row["text"], row["msisdn"]) for row in world.messages()] == [
        (f"Анна, ждём Вас {written(visit)}.", "+375291112232")
    ]
    assert world.reminders()[-1] == (HOUR, "planned", None)
    assert stays.custom


def test_while_a1_takes_nothing_reminders_get_too_late(worlds: Any, clock: Clock) -> None:
    world = worlds(VISIT | {"ahead": ["1 hour"]}, grace=600.0)
    world.deal(VISIT=at(clock.seconds() + 2 * HOUR))
    world.wait(10)
    world.a1_rests = 30.0
    world.wait(HOUR + 700, step=10)
    assert world.reminders() == [(HOUR, "dropped", "late")]


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_reminder_that_has_not_left_is_taken_back_with_its_date(
    worlds: Any, clock: Clock, comes_back: bool
) -> None:
    world = worlds(VISIT | {"ahead": ["1 hour"]})
    visit, later = clock.seconds() + 2 * HOUR, clock.seconds() + 2.5 * HOUR
    deal = reminded_of(world, visit)
    assert world.said() == [(f"Анна, ждём Вас {written(visit)}.", None)]
    world.set(deal, VISIT=at(later))
    world.wait(10)
    assert world.said() == [(f"Анна, ждём Вас {written(visit)}.", "outdated")]
    if comes_back:
        world.set(deal, VISIT=at(visit))
    world.wait(HOUR, step=5)
    assert world.said()[1:] == [(f"Анна, ждём Вас {written(visit if comes_back else later)}.", None)]


def test_a_reminder_that_has_not_left_is_taken_back_when_its_document_is_deleted(worlds: Any, clock: Clock) -> None:
    world = worlds(VISIT | {"ahead": ["1 hour"]})
    visit = clock.seconds() + 2 * HOUR
    deal = reminded_of(world, visit)
    assert world.portal.crm.removed(DEAL, deal.id)
    world.wait(20)
    assert world.said() == [(f"Анна, ждём Вас {written(visit)}.", "outdated")]
    assert [(state, reason) for _, state, reason in world.reminders()] == [("dropped", "deleted")]


def test_what_has_left_is_not_taken_back(worlds: Any, clock: Clock) -> None:
    world = worlds(VISIT | {"ahead": ["1 hour"]})
    deal = reminded_of(world, clock.seconds() + 2 * HOUR)
    world.deliver()
    world.move(deal, "LOSE")
    world.wait(20)
    (message,) = world.messages()
    assert (message["status"], message["reason"]) == ("delivered", None)


@pytest.mark.parametrize("outcome", [Postponed(LOST), Uncertain(LOST)])
def test_a_reminder_that_was_on_its_way_when_its_date_moved_does_not_leave_afterwards(
    worlds: Any, clock: Clock, outcome: Outcome
) -> None:
    world = worlds(VISIT | {"ahead": ["1 hour"]})
    visit, later = clock.seconds() + 2 * HOUR, clock.seconds() + 2.5 * HOUR
    deal = reminded_of(world, visit)
    (sent,) = run(world.journal.claim(clock.seconds(), 10)).submissions
    world.set(deal, VISIT=at(later))
    world.wait(10)
    run(world.journal.record([(sent, outcome, clock.seconds() + 1)], clock.seconds()))
    for _ in range(2):
        # A1 has not got it, as it says.
        now = clock.seconds()
        run(world.journal.record_standings([], [sent], now, poll_at=now + 60, ask_at=now + 5))
        world.wait(6)
    assert run(world.journal.claim(clock.seconds(), 10)).submissions == []
    world.wait(HOUR, step=5)
    (submission,) = run(world.journal.claim(clock.seconds(), 10)).submissions
    assert submission.text == f"Анна, ждём Вас {written(later)}."
    assert world.said() == [(f"Анна, ждём Вас {written(visit)}.", "outdated"), (submission.text, None)]


@pytest.mark.parametrize("ends_before", [True, False])
def test_a_reminder_that_was_on_its_way_when_its_date_moved_and_came_back_is_sent(
    worlds: Any, clock: Clock, ends_before: bool
) -> None:
    world = worlds(VISIT | {"ahead": ["1 hour"]})
    visit = clock.seconds() + 2 * HOUR
    deal = reminded_of(world, visit)
    (sent,) = run(world.journal.claim(clock.seconds(), 10)).submissions
    world.set(deal, VISIT=at(visit + HOUR))
    world.wait(10)
    if not ends_before:
        world.set(deal, VISIT=at(visit))
        world.wait(10)
    run(world.journal.record([(sent, Postponed(LOST), clock.seconds() + 1)], clock.seconds()))
    world.wait(10)
    if ends_before:
        assert run(world.journal.claim(clock.seconds(), 10)).submissions == []
        world.set(deal, VISIT=at(visit))
        world.wait(10)
    (submission,) = run(world.journal.claim(clock.seconds(), 10)).submissions
    assert submission.text == f"Анна, ждём Вас {written(visit)}."
    assert run(world.journal.claim(clock.seconds(), 10)).submissions == []
