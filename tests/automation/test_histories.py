"""Histories of stages that fail, go away and come back: nothing is lost, and nothing said twice."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from a1gateway.bitrix24.trouble import PortalError

from .test_apart import NEW_DEAL, of_item, of_method
from .world import DEAL, HOUR, PAYMENT

ERROR = PortalError("ERROR_CORE", "SQL query error!")
NO_METHOD = PortalError("ERROR_METHOD_NOT_FOUND", "Method not found!")


def test_a_history_that_fails_once_goes_on_being_read(worlds: Any) -> None:
    world = worlds(PAYMENT)
    deal = world.deal(LINK="https://pay/1")
    world.wait(10)
    world.portal.fault = of_method("crm.stagehistory.list", ERROR)
    world.wait(320)
    world.portal.fault = lambda method, parameters: None
    world.wait(2 * HOUR, step=5)
    world.move(deal, "PREPAYMENT_INVOICE")
    world.wait(1)
    world.move(deal, "EXECUTING")
    world.wait(20)
    assert world.said() == [("Анна, оплатите: https://pay/1", None)]


def test_an_entry_while_nobody_listened_is_found_behind_a_history_that_failed(worlds: Any, clock: Clock) -> None:
    world = worlds(PAYMENT)
    deal = world.deal(LINK="https://pay/1")
    world.wait(10)
    world.portal.fault = of_method("crm.stagehistory.list", ERROR)
    world.wait(400)
    world.portal.fault = lambda method, parameters: None
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
