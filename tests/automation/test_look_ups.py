"""Looking into changes of documents, some of which the portal does not show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from twisted.internet.task import Clock

from a1gateway.bitrix24.item import DEAL, Item
from a1gateway.bitrix24.trouble import PortalError, PortalTrouble
from a1gateway.journal import Store, look_ups

from ..conftest import run
from ..portal_in_memory import Fault, PortalInMemory
from .test_apart import DENIED
from .test_calls import BUSY
from .world import AWAY, DAY, HOUR, PAYMENT, VISIT, World, at


@pytest.fixture
def world(clock: Clock, store: Store, portal: PortalInMemory) -> Iterator[World]:
    """With reminders of visits; nothing is found by the sweep."""
    world = World(clock, store, VISIT, portal=portal, sweep=1e6)
    yield world
    world.stop()


def hidden(item: Item, error: PortalTrouble | PortalError) -> Fault:
    """The portal shows this one not at all, and says this of it."""

    def fault(method: str, parameters: Mapping[str, Any]) -> Any:
        if method == "crm.item.list" and item.id in parameters["filter"].get("@id", ()):
            return error if parameters["entityTypeId"] == item.entity_type else None
        if method == "crm.item.get" and Item(parameters["entityTypeId"], parameters["id"]) == item:
            return error
        return None

    return fault


def waiting(world: World) -> list[str]:
    """What is to be looked into."""
    found, _ = run(world.journal.within(look_ups.due, world.clock.seconds() + 1e9, 100))
    return [each.event.key for each in found]


def visit(world: World, clock: Clock) -> Item:
    """A deal with a visit in ten days, of which the portal has told."""
    return Item(DEAL, world.deal(VISIT=at(clock.seconds() + 10 * DAY)).id)


@pytest.mark.parametrize("error", [BUSY, DENIED])
def test_a_document_that_is_not_shown_keeps_nobody_waiting(
    world: World, portal: PortalInMemory, clock: Clock, error: PortalTrouble | PortalError
) -> None:
    refused = visit(world, clock)
    portal.fault = hidden(refused, error)
    for _ in range(3):
        visit(world, clock)
    world.wait(10)
    assert len(world.reminders()) == 6
    assert waiting(world) == [f"deal:{refused.id}"]
    # And is itself looked at later on.
    world.wait(120)
    portal.fault = lambda method, parameters: None
    world.wait(200)
    assert len(world.reminders()) == 8
    assert waiting(world) == []


def test_what_is_never_shown_is_given_up(world: World, portal: PortalInMemory, clock: Clock) -> None:
    portal.fault = hidden(visit(world, clock), DENIED)
    world.wait(3000, step=5.0)
    assert len(waiting(world)) == 1
    world.wait(1200, step=5.0)
    assert waiting(world) == []
    # The portal has been asked for it every five minutes at the most.
    assert portal.requests["batch"] < 80


def test_what_could_not_be_tried_for_long_is_not_given_up_at_its_first_refusal(
    world: World, portal: PortalInMemory, clock: Clock
) -> None:
    """The portal was away for hours, and stumbles when it comes back."""
    portal.fault = hidden(visit(world, clock), BUSY)
    portal.trouble = AWAY
    world.wait(3 * HOUR, step=30.0)
    portal.trouble = None
    world.wait(120)
    assert world.reminders() == []
    portal.fault = lambda method, parameters: None
    world.wait(200)
    assert len(world.reminders()) == 2


# At night.


@pytest.mark.parametrize(
    ("away", "reason"), [(0.0, None), (5 * HOUR, None), (6.9 * HOUR, None), (7.1 * HOUR, "late"), (DAY, "late")]
)
def test_what_happens_at_night_is_late_when_the_time_for_it_in_the_morning_is_over(
    clock: Clock, store: Store, portal: PortalInMemory, away: float, reason: str | None
) -> None:
    """Whether the gateway, or the portal, was away in between or not."""
    # START is 03:00 in Minsk, and the grace an hour.
    hours: dict[str, Any] = {"hours": "09:00-21:00", "grace": HOUR}
    before = World(clock, store, PAYMENT, portal=portal, **hours)
    before.stop()
    before.move(before.deal(LINK="https://pay/1"), "PREPAYMENT_INVOICE")
    clock.advance(away)
    world = World(clock, store, PAYMENT, portal=portal, **hours)
    world.wait(10)
    assert [each for _, each in world.said()] == [reason]
    world.stop()


@pytest.mark.parametrize(("away", "reasons"), [(6.9 * HOUR, [None]), (7.1 * HOUR, ["portal_away"])])
def test_a_document_is_waited_for_as_long_as_there_is_a_time_for_it(
    clock: Clock, store: Store, portal: PortalInMemory, away: float, reasons: list[str | None]
) -> None:
    world = World(clock, store, PAYMENT, portal=portal, hours="09:00-21:00", grace=HOUR)
    deal = world.deal(LINK="https://pay/1")
    portal.fault = hidden(Item(DEAL, deal.id), BUSY)
    world.move(deal, "PREPAYMENT_INVOICE")
    world.wait(away, step=30.0)
    portal.fault = lambda method, parameters: None
    world.wait(400)
    assert [reason for _, reason in world.said()] == reasons
    world.stop()


def test_the_sweep_looks_at_nothing_again_that_events_have_told_of(
    clock: Clock, store: Store, portal: PortalInMemory
) -> None:
    world = World(clock, store, VISIT, portal=portal)
    world.wait(10)
    deals = [world.deal(VISIT=at(clock.seconds() + 10 * DAY)) for _ in range(20)]
    world.wait(20)
    looked_at = world.portal.requests["batch/crm.item.list"]
    world.wait(1000)
    # The sweep's own question, each time.
    assert world.portal.requests["batch/crm.item.list"] - looked_at <= 4
    # What has changed since is another matter.
    world.set(deals[0], VISIT=at(clock.seconds() + 5 * DAY))
    world.changed.clear()
    world.wait(400)
    assert [state for _, state, _ in world.reminders()].count("moved") == 2
    world.stop()
