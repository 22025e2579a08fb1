"""What was there before a scenario, and what happens while it begins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from twisted.internet.task import Clock

from a1gateway.bitrix24.trouble import PortalTrouble
from a1gateway.hours import MINSK
from a1gateway.journal import look_ups

from ..conftest import run
from ..portal_in_memory import PortalInMemory
from .test_apart import BUSY
from .test_watching import NO_HISTORY
from .world import DAY, HOUR, NEW_DEAL, PAID, VISIT, at, paid_in, written


@pytest.mark.parametrize("has_history", [True, False])
def test_what_was_before_a_scenario_counts_for_nothing_also_where_another_was_at_work(
    worlds: Any, clock: Clock, has_history: bool
) -> None:
    """The sweep goes through it once more, for the other."""
    won = {"name": "won", "event": "stage", "of": "deal", "stage": ["WON"], "text": "Заказ #DEAL_ID# готов"}
    world = worlds(won)
    if not has_history:
        world.portal.fault = NO_HISTORY
    world.wait(10)
    before = world.deal()
    world.wait(30)
    world.move(before, "EXECUTING")
    world.wait(20)
    world.stop()
    # Nor does anything of the time when nobody listened.
    clock.advance(100)
    world.move(before, "FINAL_INVOICE")
    before_too = world.deal()
    world.changed.clear()
    clock.advance(100)
    more = won | {"stage": ["WON", "EXECUTING", "FINAL_INVOICE"]}
    again = worlds(more, NEW_DEAL)
    again.wait(700, step=5.0)
    assert again.said() == []
    after = again.deal()
    again.wait(10)
    again.move(before_too, "EXECUTING")
    again.move(after, "EXECUTING")
    again.wait(10)
    assert sorted(text for text, _ in again.said()) == [
        f"Заказ {before_too.id} готов",
        f"Заказ {after.id} готов",
        f"Заказ {after.id} принят",
    ]


def test_what_happened_while_the_gateway_was_away_counts(worlds: Any, clock: Clock) -> None:
    """The text of a scenario is not what makes it another."""
    world = worlds(NEW_DEAL)
    world.wait(10)
    world.stop()
    clock.advance(100)
    deal = world.deal()
    clock.advance(100)
    again = worlds(NEW_DEAL | {"text": "Приняли заказ #DEAL_ID#"})
    again.wait(700, step=5.0)
    assert again.said() == [(f"Приняли заказ {deal.id}", None)]


def test_a_journal_of_before_loses_nothing_that_happened_during_the_upgrade(worlds: Any, clock: Clock) -> None:
    """It knew how far a type had been read, and nothing of single scenarios."""
    world = worlds(NEW_DEAL)
    world.wait(10)
    world.stop()
    for name in run(world.journal.within(look_ups.positions_of)):
        if name.startswith(("new:", "beginnings")):
            run(world.journal.within(look_ups.forget_position, name))
    clock.advance(100)
    deal = world.deal()
    clock.advance(100)
    again = worlds(NEW_DEAL)
    again.wait(700, step=5.0)
    assert again.said() == [(f"Заказ {deal.id} принят", None)]


# Conditions and dates when a scenario begins.


def test_a_scenario_that_was_taken_out_and_put_back_tells_what_comes_to_hold_then(worlds: Any, clock: Clock) -> None:
    first = worlds(PAID)
    deal = paid_in(first)
    assert len(first.said()) == 1
    first.stop()
    without = worlds()
    without.wait(400)
    without.stop()
    clock.advance(DAY)
    world = worlds(PAID)
    world.wait(20)
    world.set(deal, LINK="нет")
    world.wait(20)
    world.set(deal, LINK="оплачено")
    world.wait(20)
    assert len(world.said()) == 2


@pytest.mark.parametrize(
    "scenario",
    [
        {"when": {"ASSIGNED_BY_ID": ["Ольга Администратор"]}, "text": "Ваш менеджер #ASSIGNED_NAME#"},
        {"when": {"ASSIGNED_BY_ID": ["Ольга Администратор"]}, "text": "Здравствуйте"},
        {"when": {"OPPORTUNITY": ["99 BYN"]}, "text": "Здравствуйте"},
    ],
)
def test_what_fulfilled_a_condition_before_does_not_come_to_it(worlds: Any, scenario: dict[str, Any]) -> None:
    """People by their names, amounts with their currency."""
    first = worlds()
    before, after = first.deal(), first.deal()
    before.sales.assigned, before.sales.opportunity = 1, "99"
    after.sales.assigned = 7
    first.wait(20)
    first.stop()
    world = worlds(PAID | scenario)
    world.wait(20)
    world.set(before, LINK="x")
    world.wait(20)
    assert world.said() == []
    after.sales.assigned, after.sales.opportunity = 1, "99"
    world.set(after, LINK="x")
    world.wait(20)
    assert len(world.said()) == 1


def test_a_reminder_may_depend_on_who_is_responsible(worlds: Any, clock: Clock) -> None:
    visit = clock.seconds() + 2 * HOUR
    world = worlds(VISIT | {"ahead": ["1 hour"], "when": {"ASSIGNED_BY_ID": ["Ольга Администратор"]}})
    world.deal(VISIT=at(visit)).sales.assigned = 1
    world.wait(HOUR + 60, step=5)
    assert world.said() == [(f"Анна, ждём Вас {written(visit)}.", None)]


def test_what_comes_to_hold_while_a_scenario_begins_is_told(worlds: Any) -> None:
    """However long the portal interrupts that."""
    first = worlds()
    deals = [first.deal() for _ in range(120)]
    first.wait(20)
    first.stop()

    def interrupted(method: str, parameters: Mapping[str, Any]) -> Exception | None:
        asked = parameters.get("filter", {})
        behind = method == "crm.item.list" and str(asked.get(">id", "0")) != "0"
        return BUSY if behind and "@id" not in asked else None

    first.portal.fault = interrupted
    world = worlds(PAID)
    world.wait(20)
    world.set(deals[0], LINK="оплачено")
    world.wait(20)
    world.portal.fault = lambda method, parameters: None
    world.wait(400)
    assert world.said() == [("Заказ 1", None)]


def test_what_held_before_is_not_told_because_it_is_edited_while_a_scenario_begins(
    worlds: Any, clock: Clock, portal: PortalInMemory
) -> None:
    first = worlds()
    deals = [first.deal(LINK="оплачено") for _ in range(60)]
    first.stop()
    clock.advance(30 * DAY)

    def exhausted(method: str, asked: Mapping[str, Any]) -> Exception | None:
        is_second = method == "crm.item.list" and asked.get("filter", {}).get(">id") == 50
        return PortalTrouble("spent", code="OPERATION_TIME_LIMIT", pause=600) if is_second else None

    portal.fault = exhausted
    world = worlds(PAID)
    world.wait(60)
    for deal in (deals[59], deals[3]):
        world.set(deal, VISIT=at(clock.seconds() + 5 * DAY))
    world.wait(60)
    portal.fault = lambda method, asked: None
    world.wait(1200, step=5)
    assert world.said() == []


def test_what_held_before_is_not_told_when_the_portals_clock_is_ahead(
    worlds: Any, clock: Clock, portal: PortalInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = portal.crm.now
    monkeypatch.setattr(portal.crm, "now", lambda: now() + 90)
    first = worlds()
    deal = first.deal(LINK="оплачено")
    first.stop()
    clock.advance(30 * DAY)
    first.set(deal, VISIT=at(clock.seconds() + 5 * DAY))
    clock.advance(60)
    world = worlds(PAID)
    world.wait(400)
    assert world.said() == []


def test_what_changes_is_told_when_the_portals_clock_is_behind(
    worlds: Any, clock: Clock, portal: PortalInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = portal.crm.now
    monkeypatch.setattr(portal.crm, "now", lambda: now() - 90)
    first = worlds()
    deal = first.deal()
    first.stop()
    clock.advance(DAY)
    world = worlds(PAID, PAID | {"name": "any", "when": {}, "text": "Изменено"})
    world.wait(30)
    world.set(deal, LINK="оплачено")
    world.wait(60)
    assert sorted(text for text, _ in world.said()) == ["Заказ 1", "Изменено"]


def test_a_date_of_today_that_was_there_before_is_reminded_of(worlds: Any, clock: Clock) -> None:
    first = worlds()
    first.deal(DAY=f"{datetime.fromtimestamp(clock.seconds(), MINSK):%Y-%m-%d}")
    first.wait(HOUR, step=5)
    first.stop()
    day = {"field": "UF_CRM_DAY", "text": "{NAME}, ждём", "ahead": ["1 hour"], "date_at": "23:00"}
    world = worlds(VISIT | day)
    world.wait(400)
    assert world.reminders() == [(HOUR, "planned", None)]
