"""Histories of stages that fail, go away and come back: nothing is lost, and nothing said twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.task import Clock

from a1gateway.bitrix24.trouble import PortalError, judge
from a1gateway.journal import look_ups
from a1gateway.sandbox.crm import Item

from ..conftest import run
from ..portal_in_memory import PortalInMemory
from .test_apart import DENIED, of_item, of_method
from .world import DEAL, HOUR, NEW_DEAL, PAYMENT, VISIT, World, at

ERROR = PortalError("ERROR_CORE", "SQL query error!")
NO_METHOD = PortalError("ERROR_METHOD_NOT_FOUND", "Method not found!")


def known_before_a_history_fails(world: World, *, for_seconds: float) -> Item:
    """A deal of before the portal could not read its history, which it can again."""
    deal = world.deal(LINK="https://pay/1")
    world.wait(10)
    world.portal.fault = of_method("crm.stagehistory.list", ERROR)
    world.wait(for_seconds)
    world.portal.fault = lambda method, parameters: None
    return deal


def test_a_history_that_fails_once_goes_on_being_read(worlds: Any) -> None:
    world = worlds(PAYMENT)
    deal = known_before_a_history_fails(world, for_seconds=320)
    world.wait(2 * HOUR, step=5)
    world.move(deal, "PREPAYMENT_INVOICE")
    world.wait(1)
    world.move(deal, "EXECUTING")
    world.wait(20)
    assert world.said() == [("Анна, оплатите: https://pay/1", None)]


def test_an_entry_while_nobody_listened_is_found_behind_a_history_that_failed(worlds: Any, clock: Clock) -> None:
    world = worlds(PAYMENT)
    deal = known_before_a_history_fails(world, for_seconds=400)
    world.wait(400)
    world.stop()
    world.move(deal, "PREPAYMENT_INVOICE")
    world.changed.clear()
    clock.advance(60)
    again = worlds(PAYMENT)
    again.wait(20)
    assert again.said() == [("Анна, оплатите: https://pay/1", None)]


@pytest.mark.parametrize("error", [ERROR, NO_METHOD])
def test_a_history_that_goes_away_sends_nothing_again(worlds: Any, error: PortalError) -> None:
    world = worlds(PAYMENT | {"repeat_after": 0})
    deal = world.deal(LINK="https://pay/1")
    world.wait(10)
    world.move(deal, "PREPAYMENT_INVOICE")
    world.wait(20)
    assert len(world.said()) == 1
    world.portal.fault = of_method("crm.stagehistory.list", error)
    world.wait(400)
    world.set(deal, LINK="https://pay/1")
    world.wait(20)
    assert len(world.said()) == 1


def test_a_history_that_comes_back_sends_nothing_again_and_misses_nothing(worlds: Any, clock: Clock) -> None:
    world = worlds(PAYMENT | {"repeat_after": 0})
    deal, other = world.deal(LINK="https://pay/1"), world.deal(LINK="https://pay/2")
    world.wait(10)
    world.stop()
    world.portal.fault = of_method("crm.stagehistory.list", NO_METHOD)
    again = worlds(PAYMENT | {"repeat_after": 0})
    again.wait(400)
    again.move(deal, "PREPAYMENT_INVOICE")
    again.wait(20)
    assert again.said() == [("Анна, оплатите: https://pay/1", None)]
    again.move(other, "PREPAYMENT_INVOICE")
    again.changed.clear()
    again.portal.fault = lambda method, parameters: None
    again.wait(400)
    again.set(deal, LINK="https://pay/1")
    again.wait(700)
    assert again.said() == [("Анна, оплатите: https://pay/1", None), ("Анна, оплатите: https://pay/2", None)]


def test_a_closed_deal_that_is_not_shown_is_not_new(worlds: Any) -> None:
    world = worlds(NEW_DEAL | {"grace": 600.0})
    world.wait(10)
    deal = world.deal()
    world.wait(HOUR, step=5)
    assert len(world.said()) == 1
    world.portal.fault = of_item(DEAL, deal.id)
    world.move(deal, "WON")
    world.wait(2 * HOUR, step=5)
    assert len(world.said()) == 1


# A history that is refused.


@pytest.mark.parametrize("hours", [2, 3])
def test_while_a_history_is_refused_dates_and_changes_are_followed(
    worlds: Any, clock: Clock, portal: PortalInMemory, hours: int
) -> None:
    changed = {"name": "vip", "event": "changed", "of": "deal", "when": {"UF_CRM_LINK": "да"}, "text": "Да"}
    world = worlds(PAYMENT, VISIT | {"ahead": ["1 hour"]}, changed)
    world.wait(10)
    portal.fault = of_method("crm.stagehistory.list", DENIED)
    world.deal(VISIT=at(clock.seconds() + 30 * HOUR), LINK="да")
    world.wait(60)
    assert (len(world.reminders()), world.said()) == (1, [("Да", None)])
    world.wait(hours * HOUR, step=5)
    portal.fault = lambda method, asked: None
    world.wait(31 * HOUR, step=60)
    assert len(world.said()) == 2


def test_a_new_scenario_that_cannot_begin_keeps_no_date_from_being_followed(
    worlds: Any, clock: Clock, portal: PortalInMemory
) -> None:
    first = worlds(PAYMENT, VISIT | {"ahead": ["1 hour"]})
    first.wait(400)
    first.stop()
    portal.fault = of_method("crm.stagehistory.list", DENIED)
    world = worlds(PAYMENT, VISIT | {"ahead": ["1 hour"]}, PAYMENT | {"name": "second", "stage": ["В работе"]})
    world.wait(60)
    before = portal.requests["batch"]
    world.deal(VISIT=at(clock.seconds() + 30 * HOUR))
    world.wait(10)
    assert len(world.reminders()) == 1
    world.wait(2 * HOUR, step=1)
    # It is tried less and less often, and not for ever.
    assert portal.requests["batch"] - before < 500
    assert run(world.journal.within(look_ups.due, clock.seconds() + HOUR, 10)) == ([], None)


@pytest.mark.parametrize("behind", [0, 60, 100])
@pytest.mark.parametrize("after", [5, 45, 90, 150])
def test_what_happens_just_before_a_history_goes_away_is_not_lost(
    worlds: Any, clock: Clock, portal: PortalInMemory, monkeypatch: pytest.MonkeyPatch, behind: int, after: int
) -> None:
    now = portal.crm.now
    monkeypatch.setattr(portal.crm, "now", lambda: now() - behind)
    swept: list[float] = []
    missing: list[bool] = []

    def fault(method: str, asked: Mapping[str, Any]) -> Exception | None:
        if method != "crm.stagehistory.list":
            return None
        swept.append(clock.seconds())
        return PortalError("ENTITY_TYPE_NOT_SUPPORTED", "no history") if missing else None

    portal.fault = fault
    world = worlds(PAYMENT | {"text": "Оплатите", "repeat_after": 0})
    deal = world.deal()
    world.wait(300)
    known = len(swept)
    while len(swept) == known:
        world.wait(0.5)
    world.wait(swept[-1] + after - clock.seconds())
    missing.append(True)
    world.move(deal, "PREPAYMENT_INVOICE")
    world.wait(700)
    assert world.said() == [("Оплатите", None)]


def test_a_method_that_is_spent_lets_the_sweep_go_on_as_often(
    worlds: Any, clock: Clock, portal: PortalInMemory
) -> None:
    world = worlds(PAYMENT, {"name": "missed", "event": "missed_call", "text": "Перезвоним"}, sweep=60.0)
    world.wait(300)
    portal.fault = of_method("voximplant.statistic.get", judge("OPERATION_TIME_LIMIT", ""))
    before = portal.requests["batch/crm.stagehistory.list"]
    world.wait(HOUR, step=1)
    assert portal.requests["batch/crm.stagehistory.list"] - before >= 59
