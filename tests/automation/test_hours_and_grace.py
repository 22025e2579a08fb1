"""Reminders at the edges of the hours and of the grace: each once, in time, or visibly not."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from twisted.internet.task import Clock

from a1gateway.bitrix24.contacts import bound_to
from a1gateway.bitrix24.item import DEAL, Item
from a1gateway.hours import MINSK, Hours

from ..conftest import START, run
from .world import AWAY, DAY, HOUR, VISIT, World, at

MIDNIGHT = datetime.fromtimestamp(START, MINSK).replace(hour=0, minute=0, second=0).timestamp()


def until(world: World, clock: str, day: int = 0) -> None:
    """Let time pass until the clock in Minsk says so."""
    hour, minute, second = (int(each) for each in clock.split(":"))
    world.wait(MIDNIGHT + day * DAY + hour * HOUR + minute * 60 + second - world.clock.seconds(), step=5)


def ends(world: World) -> list[tuple[float, str, str | None]]:
    return [(ahead / HOUR, state, reason) for ahead, state, reason in world.reminders()]


def sent_at(world: World) -> list[str]:
    """When messages were taken in, by Minsk's clock."""
    return [f"{datetime.fromtimestamp(row['received_at'], MINSK):%H:%M}" for row in world.messages()]


def test_what_misses_the_end_of_the_hours_goes_out_when_they_begin(worlds: Any) -> None:
    world = worlds(VISIT | {"ahead": ["1 day"]}, hours="09:00-21:00")
    until(world, "21:10:00")
    # Its time was at 20:45; the visit is tomorrow evening.
    world.deal(VISIT=at(MIDNIGHT + DAY + 20 * HOUR + 45 * 60))
    until(world, "09:30:00", day=1)
    assert (sent_at(world), ends(world)) == (["09:00"], [(24, "sent", None)])


def test_what_a_portal_has_held_up_over_the_end_of_the_hours_goes_out_when_they_begin(worlds: Any) -> None:
    world = worlds(VISIT | {"ahead": ["1 day"]}, hours="09:00-21:00")
    world.deal(VISIT=at(MIDNIGHT + DAY + 20 * HOUR + 59 * 60 + 50))
    until(world, "20:59:30")
    world.portal.trouble = AWAY
    until(world, "21:01:00")
    world.portal.trouble = None
    until(world, "23:00:00")
    assert world.messages() == []
    until(world, "09:30:00", day=1)
    assert (sent_at(world), ends(world)) == (["09:00"], [(24, "sent", None)])


def test_what_would_come_at_night_before_a_morning_visit_is_not_sent(worlds: Any) -> None:
    world = worlds(VISIT | {"ahead": ["1 hour", "12 hours"]}, hours="09:00-21:00")
    world.deal(VISIT=at(MIDNIGHT + DAY + 8 * HOUR + 30 * 60))
    until(world, "10:00:00", day=1)
    assert ends(world) == [(12, "sent", None), (1, "dropped", "past")]
    assert sent_at(world) == ["20:30"]


@pytest.mark.parametrize(
    ("aheads", "before", "hours", "expected"),
    [
        (["1 hour", "30 min"], 15 * 60.0, None, [(1, "dropped", "overtaken"), (0.5, "sent", None)]),
        (["3 hours", "1 hour"], 20 * HOUR, "09:00-21:00", [(3, "dropped", "overtaken"), (1, "sent", None)]),
    ],
)
def test_nobody_gets_two_reminders_of_a_visit_at_once(
    worlds: Any, clock: Clock, aheads: list[str], before: float, hours: str | None, expected: list[Any]
) -> None:
    section = {} if hours is None else {"hours": hours}
    world = worlds(VISIT | {"ahead": aheads, "repeat_after": 0}, **section)
    # With hours: tomorrow at ten, when these have just begun for both.
    visit = clock.seconds() + before if hours is None else MIDNIGHT + DAY + 10 * HOUR
    world.deal(VISIT=at(visit))
    world.wait(visit - clock.seconds(), step=5)
    assert ends(world) == expected


def test_a_daemon_that_comes_back_sends_the_nearest(worlds: Any, clock: Clock) -> None:
    scenario = VISIT | {"ahead": ["1 hour", "30 min"], "repeat_after": 0}
    world = worlds(scenario)
    visit = clock.seconds() + 2 * HOUR
    world.deal(VISIT=at(visit))
    world.wait(20)
    world.stop()
    clock.advance(visit - 10 * 60 - clock.seconds())
    again = worlds(scenario)
    again.wait(30)
    assert ends(again) == [(1, "dropped", "overtaken"), (0.5, "sent", None)]


def test_a_reminder_ends_at_the_visit_whoever_is_away(worlds: Any, clock: Clock) -> None:
    world = worlds(VISIT | {"ahead": ["10 min"]}, grace=DAY)
    visit = clock.seconds() + HOUR
    world.deal(VISIT=at(visit))
    world.wait(20)
    world.portal.trouble = AWAY
    world.wait(HOUR, step=5)
    world.portal.trouble = None
    world.wait(120)
    assert (world.messages(), [reason for _, _, reason in ends(world)]) == ([], ["portal"])


def test_an_sms_that_a1_does_not_take_before_the_hours_end_has_another_time(worlds: Any, clock: Clock) -> None:
    world = worlds(VISIT | {"ahead": ["1 day"]}, hours="09:00-21:00")
    world.deal(VISIT=at(MIDNIGHT + DAY + 20 * HOUR + 59 * 60))
    until(world, "20:59:30")
    assert len(world.messages()) == 1
    # A1 is back in the night.
    assert run(world.journal.claim(MIDNIGHT + 26 * HOUR, 10)).submissions == []
    assert len(run(world.journal.claim(MIDNIGHT + 33 * HOUR + 1, 10)).submissions) == 1


def test_marketing_keeps_its_own_hours_however_urgent(worlds: Any, clock: Clock) -> None:
    marketing = VISIT | {"ahead": ["3 hours"], "kind": "marketing", "urgent": True}
    world = worlds(marketing, marketing_hours=Hours.read("10:00-20:00"))
    deal = world.deal(VISIT=at(MIDNIGHT + DAY + 12 * HOUR))
    until(world, "09:50:00", day=1)
    assert world.messages() == []
    until(world, "10:10:00", day=1)
    (message,) = world.messages()
    # It may leave, once its consent is known, as late as the grace says, and not before its own hours.
    assert (message["kind"], message["status"]) == ("marketing", "queued")
    assert message["leave_by"] == MIDNIGHT + DAY + 11 * HOUR
    # The contact of its deal is to decide.
    assert bound_to(json.loads(message["origin"])) == Item(DEAL, deal.id)
