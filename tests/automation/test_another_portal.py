"""Another portal installs the application: with the same numbers it has other documents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from a1gateway.http_client import Answer
from a1gateway.journal import Store
from a1gateway.sandbox.crm_fields import CustomField

from ..conftest import run
from ..portal_in_memory import PortalInMemory
from .world import DEAL, HOUR, NEW_DEAL, PAID, World, paid_in, when_first_called

STRANGER = "+375297654321"


def another(clock: Clock) -> PortalInMemory:
    portal = PortalInMemory(clock)
    portal.crm.empty()
    portal.crm.fields[DEAL]["UF_CRM_LINK"] = CustomField(portal.crm.next_id(), "UF_CRM_LINK", "string")
    return portal


def world_of_another(clock: Clock, store: Store, *scenarios: dict[str, Any]) -> World:
    return World(clock, store, *scenarios, portal=another(clock), member="another", domain="other.example")


def move_to_another(world: World) -> None:
    """From now on it is another portal that answers, and it has installed the application."""
    other = another(world.clock)
    world._installation = replace(world._installation, member_id="another", domain="other.example")
    world.portal.sandbox, world.portal.crm = other.sandbox, other.crm
    other.crm.on_change = lambda what, of, item: world.changed.append((what, of, item))
    world.install()


def has_moved(world: World) -> bool:
    return world.tokens.current().member_id == "another"


def test_its_documents_are_others(worlds: Any, clock: Clock, store: Store) -> None:
    first = worlds(NEW_DEAL)
    first.wait(10)
    first.deal()
    first.wait(20)
    assert first.said() == [("Заказ 1 принят", None)]
    first.stop()
    clock.advance(2 * HOUR)
    world = world_of_another(clock, store, NEW_DEAL)
    world.wait(10)
    world.deal(world.contact(STRANGER, "Пётр"))
    world.wait(20)
    world.stop()
    assert [(row["text"], row["msisdn"]) for row in world.messages()][1:] == [("Заказ 1 принят", STRANGER)]


def test_what_they_come_to_fulfil_is_told(worlds: Any, clock: Clock, store: Store) -> None:
    first = worlds(PAID)
    paid_in(first)
    assert len(first.said()) == 1
    first.stop()
    clock.advance(2 * HOUR)
    world = world_of_another(clock, store, PAID)
    paid_in(world, world.contact(STRANGER, "Пётр"))
    world.stop()
    assert [(row["text"], row["msisdn"]) for row in world.messages()][1:] == [("Заказ 1", STRANGER)]


def test_a_sweep_under_way_does_not_say_how_far_its_history_has_been_read(worlds: Any) -> None:
    world = worlds(NEW_DEAL)
    contact = world.contact()
    for _ in range(60):
        world.deal(contact)
    world.wait(400)
    world.portal.fault = when_first_called("crm.stagehistory.list", lambda: move_to_another(world))
    world.changed.clear()
    world.wait(400)
    assert has_moved(world)
    before = len(world.said())
    world.deal(world.contact(STRANGER))
    world.wait(20)
    assert [row["msisdn"] for row in world.messages()][before:] == [STRANGER]


@pytest.mark.parametrize("by_a_rule", [True, False])
def test_nothing_goes_to_whom_its_documents_are_about(worlds: Any, by_a_rule: bool) -> None:
    """The deal is read when the other portal answers already; there its number is somebody else's."""
    world = worlds(*([] if by_a_rule else [NEW_DEAL]))
    world.wait(10)
    deal = world.deal()

    def moves() -> None:
        move_to_another(world)
        world.deal(world.contact(STRANGER))
        world.changed.clear()

    world.portal.fault = when_first_called("crm.item.list", moves)
    if by_a_rule:
        world.rule("a1_sms_send", deal, text="Ваш заказ готов", wait="Y")
    world.wait(60)
    assert has_moved(world)
    assert world.said() == []
    if by_a_rule:
        assert (world.run_of()["state"], world.run_of()["trouble"]) == ("over", "portal_changed")


class _Http:
    """An OAuth server that takes its time."""

    def __init__(self) -> None:
        self.waiting: Deferred[Answer] = Deferred()

    def post_form(self, url: str, fields: Any, *, timeout: float) -> Deferred[Answer]:
        return self.waiting


def test_tokens_of_the_old_one_that_come_late_take_nothing_from_it(worlds: Any) -> None:
    world = worlds(NEW_DEAL)
    http = _Http()
    world.tokens._client = http
    refreshed = world.tokens.refresh(world.tokens.current().access_token)
    new = replace(world._installation, member_id="another", domain="other.example", access_token="o")
    run(world.tokens.adopt(replace(new, refresh_token="or")))
    world.rule("a1_sms_send", None, text="Готово", phone="+375291112233", wait="Y")
    world.wait(5)
    http.waiting.callback(Answer(200, b'{"access_token": "n", "refresh_token": "nr"}', None))
    world.wait(5)
    assert run(refreshed).access_token == "o"
    assert world.tokens.current().access_token == "o"
    kept = run(world.journal.installation())
    assert kept is not None
    assert kept.access_token == "o"
    assert world.run_of()["state"] == "waiting"
