"""What happens while something else is under way: each once, and nothing lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from twisted.internet.task import Clock

from a1gateway.automation import reminders
from a1gateway.automation.robots import REMIND
from a1gateway.bitrix24.trouble import PortalError
from a1gateway.errors import TryLater
from a1gateway.journal import look_ups
from a1gateway.journal.statements import Connection

from ..portal_in_memory import PortalInMemory
from .test_rules import as_bitrix24
from .world import CONTACT, DAY, DEAL, HOUR, PAYMENT, VISIT, at

MISSING = PortalError("ERROR_METHOD_NOT_FOUND", "Method not found!")
STAGE = PAYMENT | {"text": "Оплатите", "repeat_after": 0}


def reads(of: int) -> Callable[[str, Mapping[str, Any]], bool]:
    """Commands that read items of a type by their ids."""
    return lambda method, asked: (
        method == "crm.item.list" and asked["entityTypeId"] == of and "@id" in asked["filter"]
    )


def late(seconds: float, wanted: Callable[[str, Mapping[str, Any]], bool], times: int = 1_000_000) -> Any:
    """So many of these commands are answered so late."""
    left = [times]

    def delay(method: str, asked: Mapping[str, Any]) -> float:
        if not wanted(method, asked) or not left[0]:
            return 0.0
        left[0] -= 1
        return seconds

    return delay


# Look-ups and the sweep.


@pytest.mark.parametrize("before", [4.5, 5.5, 6.5, 7.5])
def test_an_entry_that_is_seen_while_a_history_is_taken_up_counts_once(
    worlds: Any, clock: Clock, portal: PortalInMemory, before: float
) -> None:
    swept: list[float] = []
    missing = [True]

    def fault(method: str, asked: Mapping[str, Any]) -> Exception | None:
        if method != "crm.stagehistory.list":
            return None
        swept.append(clock.seconds())
        return MISSING if missing else None

    portal.fault = fault
    world = worlds(STAGE)
    world.wait(10)
    deal = world.deal()
    world.wait(700)
    portal.delay = late(3.0, reads(DEAL))
    world.wait(swept[-1] + 300 - before - clock.seconds())
    missing.clear()
    world.move(deal, "PREPAYMENT_INVOICE")
    world.wait(900, step=1)
    assert world.said() == [("Оплатите", None)]


def test_a_cut_while_the_history_goes_away_lets_nothing_be_sent_twice(
    worlds: Any, portal: PortalInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds(STAGE)
    world.wait(10)
    deal = world.deal()
    world.wait(400)
    forget = look_ups.forget_position
    cut: list[str] = []

    def forget_later(connection: Connection, name: str) -> None:
        if name == "stages:2" and not cut:
            cut.append(name)
            raise TryLater("the journal is away")
        forget(connection, name)

    monkeypatch.setattr(look_ups, "forget_position", forget_later)
    portal.fault = lambda method, asked: MISSING if method == "crm.stagehistory.list" else None
    world.wait(400)
    assert cut
    world.move(deal, "PREPAYMENT_INVOICE")
    world.wait(400)
    portal.fault = lambda method, asked: None
    world.wait(700)
    assert world.said() == [("Оплатите", None)]


# The application is installed while something is read.


@pytest.mark.parametrize("gap", [0.2, 0.6, 1.0, 1.4, 1.8, 2.2, 2.6, 3.0])
@pytest.mark.parametrize("early", [11.0, 10.5, 10.0, 9.0])
def test_an_installation_at_any_moment_costs_no_reminder(
    worlds: Any, clock: Clock, portal: PortalInMemory, gap: float, early: float
) -> None:
    """Bitrix24 tells of it twice: by the page, and by an event."""
    world = worlds(VISIT | {"ahead": ["1 hour"]})
    world.deal(VISIT=at(clock.seconds() + 3 * HOUR))
    world.wait(10)
    portal.delay = late(0.7, lambda method, asked: True)
    world.wait(2 * HOUR - early)
    world.install()
    world.wait(gap, step=0.1)
    world.install()
    world.wait(600)
    assert [reason for _, reason in world.said()] == [None]


@pytest.mark.parametrize("gap", [0.4, 0.9, 1.4, 1.9, 2.4, 2.9])
def test_an_installation_at_any_moment_costs_no_sms(
    worlds: Any, clock: Clock, portal: PortalInMemory, gap: float
) -> None:
    world = worlds(PAYMENT | {"text": "#CONTACT_NAME#, #DEAL_TITLE#"})
    deal = world.deal()
    world.wait(400)
    portal.delay = late(0.7, lambda method, asked: True)
    world.move(deal, "PREPAYMENT_INVOICE")
    world.wait(4.5)
    world.install()
    world.wait(gap, step=0.1)
    world.install()
    world.wait(600)
    assert world.said() == [("Анна, Шкаф", None)]


# A rule that runs again.


def test_a_run_whose_reminders_are_dropped_by_what_was_read_before_it_is_answered(
    worlds: Any, clock: Clock, portal: PortalInMemory
) -> None:
    world = worlds()
    visit = clock.seconds() + 5 * HOUR
    given = {"text": "Ждём Вас", "at": as_bitrix24(visit), "ahead": "1 hour", "wait": "Y"}
    deal = world.deal(VISIT=at(visit))
    world.rule(REMIND, deal, "t1", **given)
    world.wait(10)
    portal.delay = late(3.0, lambda method, asked: method == "crm.item.list" and asked["entityTypeId"] == DEAL, 1)
    world.move(deal, "LOSE")
    world.wait(5.5)
    world.rule(REMIND, deal, "t2", **given)
    world.wait(60)
    assert [reason for _, _, reason in world.reminders()] == ["cancelled"]
    assert world.run_of("t1")["answer"]["error"] == "repeated"
    assert world.run_of("t2")["answer"] == {"status": "not_sent", "error": "cancelled", "planned": 0}


def test_a_run_takes_over_the_reminders_whose_time_has_come(worlds: Any, clock: Clock) -> None:
    world = worlds(grace=600.0)
    visit = clock.seconds() + 3 * HOUR
    given = {"text": "Ждём Вас", "at": as_bitrix24(visit), "ahead": "2 hours", "wait": "Y"}
    deal = world.deal(VISIT=at(visit))
    world.rule(REMIND, deal, "t1", **given)
    world.wait(10)
    # The loop sleeps over the end of the time in which it could go out.
    world.a1_rests = 60.0
    while clock.seconds() <= visit - 2 * HOUR + 600.5:
        world.wait(1, step=1)
    world.rule(REMIND, deal, "t2", **given)
    world.wait(2 * HOUR, step=30)
    assert [reason for _, _, reason in world.reminders()] == ["late"]
    assert world.run_of("t1")["answer"]["error"] == "repeated"
    assert world.run_of("t2")["answer"]["status"] == "not_sent"


# Reminders.


def test_a_reminder_that_moves_while_it_is_decided_has_not_been_said(
    worlds: Any, clock: Clock, portal: PortalInMemory
) -> None:
    world = worlds(VISIT | {"ahead": ["1 hour"], "text": "{NAME}, скоро ждём Вас"}, repeat_after=DAY)
    visit = clock.seconds() + 3 * HOUR
    deal = world.deal(VISIT=at(visit))
    world.wait(10)
    portal.delay = late(5.0, reads(CONTACT))
    world.wait(2 * HOUR - 14.5)
    world.set(deal, LINK="x")
    world.wait(visit - HOUR + 0.2 - clock.seconds(), step=0.1)
    world.set(deal, VISIT=at(visit + 5 * HOUR), tell=False)
    world.wait(8 * HOUR, step=10)
    assert world.said() == [("Анна, скоро ждём Вас", None)]


def test_of_more_than_are_read_at_once_nobody_gets_two(
    worlds: Any, clock: Clock, portal: PortalInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "_AT_ONCE", 50)
    world = worlds(VISIT | {"ahead": ["90 min", "1 hour"]})
    visit = clock.seconds() + 3 * HOUR
    numbers = [f"+37529{number}" for number in range(1_000_000, 1_000_060)]
    for number in numbers:
        world.deal(world.contact(number), VISIT=at(visit))
    world.wait(30)
    world.wait(HOUR, step=30)
    portal.trouble = TryLater("away")
    world.wait(HOUR + 60, step=30)
    portal.trouble = None
    world.wait(120)
    assert sorted(row["msisdn"] for row in world.messages()) == numbers
