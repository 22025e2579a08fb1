"""Missed calls, from the portal's event or its statistics to a message in the journal."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from a1gateway.bitrix24.trouble import PortalError, PortalTrouble
from a1gateway.sandbox.crm import Item, Phone
from a1gateway.sandbox.telephony import EndedCall

from ..conftest import pass_time, run
from ..portal_in_memory import Fault
from .test_apart import of_method
from .world import CONTACT, HOUR, World

STATISTICS = "voximplant.statistic.get"
OUTGOING, INCOMING = 1, 2
ANSWERED = "200"
NUMBER = "+375291112233"
MISSED = {"name": "missed", "event": "missed_call", "text": "{NAME|Здравствуйте}, перезвоним. #CALL_LINE#"}
WITH_TIME = MISSED | {"text": "#CONTACT_NAME|Здравствуйте#! Вы звонили в #CALL_TIME#."}
TEXT = "Анна, перезвоним. +375172001122"
NOBODY = "Здравствуйте, перезвоним. +375172001122"
BUSY = PortalTrouble("Bitrix24 has spent its time on this method", code="OPERATION_TIME_LIMIT")
DENIED = PortalError("ACCESS_DENIED", "Access denied!")
NOTHING: Fault = lambda method, parameters: None  # noqa: E731


def ends(world: World, *, number: str = NUMBER, **more: Any) -> dict[str, str]:
    """A call has ended just now, missed unless more is said; what its event says, which nobody hears."""
    return world.portal.sandbox.telephony.end(EndedCall(number=number, **more))


def called(world: World, **more: Any) -> None:
    """A call has ended, and the portal tells of it."""
    world.tell_of(ends(world, **more))


def reasons(world: World) -> list[tuple[str, str | None]]:
    return [(str(row["msisdn"]), row["reason"]) for row in world.messages()]


def test_whoever_was_missed_gets_an_sms(worlds: Any) -> None:
    world = worlds(MISSED)
    world.contact(NUMBER)
    called(world)
    called(world, failedCode=ANSWERED)
    called(world, type=OUTGOING, number="+375331112233")
    world.wait(10)
    assert world.said() == [(TEXT, None)]
    (message,) = world.messages()
    assert message["number_received"] == NUMBER


def test_whoever_is_not_in_the_crm_gets_one_too(worlds: Any) -> None:
    world = worlds(MISSED)
    called(world, number="8 029 555-44-33")
    world.wait(10)
    assert world.said() == [(NOBODY, None)]


def test_an_event_that_comes_again_says_nothing_more(worlds: Any) -> None:
    world = worlds(MISSED | {"repeat_after": 0})
    call = ends(world)
    for _ in range(3):
        world.tell_of(call)
        world.wait(10)
    # Neither does the sweep, which finds it as well.
    world.wait(700)
    assert len(world.said()) == 1


@pytest.mark.parametrize(
    ("more", "spoken"),
    [
        ({"type": OUTGOING, "failedCode": ANSWERED}, True),
        ({"type": OUTGOING, "failedCode": ANSWERED, "number": "80291112233"}, True),
        # The subscriber has called once more, and somebody was there.
        ({"type": INCOMING, "failedCode": ANSWERED}, True),
        ({"type": OUTGOING, "failedCode": "304"}, False),
        ({"type": OUTGOING, "failedCode": "486"}, False),
        ({"type": OUTGOING, "failedCode": ANSWERED, "number": "+375331112233"}, False),
    ],
)
def test_whoever_has_been_spoken_with_meanwhile_gets_none(worlds: Any, more: dict[str, str], spoken: bool) -> None:
    world = worlds(MISSED | {"delay": 300})
    world.contact(NUMBER)
    called(world)
    world.wait(200)
    ends(world, **more)
    world.wait(90)
    assert world.said() == []
    world.wait(30)
    assert world.said() == ([] if spoken else [(TEXT, None)])


def test_a_scenario_without_a_delay_asks_nobody_whether_somebody_has_called_back(worlds: Any) -> None:
    world = worlds(MISSED)
    before = world.portal.requests["batch/voximplant.statistic.get"]
    called(world)
    world.wait(10)
    assert len(world.said()) == 1
    assert world.portal.requests["batch/voximplant.statistic.get"] == before


def test_each_scenario_goes_by_its_own_delay(worlds: Any) -> None:
    """What one of them comes to is nothing to the other."""
    at_once = MISSED | {"name": "at-once", "text": "Скоро перезвоним"}
    world = worlds(at_once, MISSED | {"delay": 300})
    world.contact(NUMBER)
    called(world)
    world.wait(10)
    assert world.said() == [("Скоро перезвоним", None)]
    world.wait(300)
    assert world.said() == [("Скоро перезвоним", None), (TEXT, None)]


def test_without_the_right_to_see_calls_nobody_counts_as_called_back(worlds: Any) -> None:
    world = worlds(MISSED | {"delay": 300})
    world.portal.fault = of_method(STATISTICS, DENIED)
    called(world)
    called(world, type=OUTGOING, failedCode=ANSWERED)
    world.wait(310)
    assert world.said() == [(NOBODY, None)]


def test_statistics_that_cannot_be_asked_for_now_are_waited_for(worlds: Any) -> None:
    world = worlds(MISSED | {"delay": 300})
    called(world)
    world.portal.fault = of_method(STATISTICS, BUSY)
    world.wait(360)
    assert world.said() == []
    world.portal.fault = NOTHING
    world.wait(120)
    assert world.said() == [(NOBODY, None)]


def test_a_request_about_calls_that_fails_keeps_neither_documents_nor_late_calls(
    worlds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = {"name": "won", "event": "stage", "of": "deal", "stage": ["WON"], "text": "Заказ готов."}
    world = worlds(MISSED, stage, grace=600.0)
    deal = world.deal()
    world.wait(10)
    batch = world.portal.batch

    async def refused(commands: Any, **more: Any) -> Any:
        if any(method == "crm.duplicate.findbycomm" for method, _ in commands.values()):
            raise BUSY
        return await batch(commands, **more)

    monkeypatch.setattr(world.portal, "batch", refused)
    late = ends(world, number="+375331112233")
    pass_time(world.clock, 620, step=10.0)
    world.tell_of(late)
    called(world)
    world.move(deal, "WON")
    world.wait(10)
    assert world.said() == [(MISSED["text"], "late"), ("Заказ готов.", None)]
    monkeypatch.undo()
    world.wait(60)
    assert world.said()[-1] == (TEXT, None)


def test_a_contact_that_is_not_shown_is_waited_for(worlds: Any) -> None:
    """It is to be called by its name."""
    world = worlds(MISSED)
    world.contact(NUMBER)
    refused = {"crm.item.list": {"items": []}, "crm.item.get": BUSY}
    world.portal.fault = lambda method, parameters: refused.get(method)
    called(world)
    world.wait(60)
    assert world.said() == []
    world.portal.fault = NOTHING
    world.wait(120)
    assert world.said() == [(TEXT, None)]


def test_a_delay_may_be_longer_than_the_patience_with_the_portal(worlds: Any) -> None:
    """What is tried for the first time after hours has not been tried for hours."""
    world = worlds(MISSED | {"delay": 2 * HOUR})
    world.contact(NUMBER)
    called(world)
    world.wait(2 * HOUR - 30, step=30.0)
    world.portal.fault = of_method(STATISTICS, BUSY)
    world.wait(60)
    assert world.said() == []
    world.portal.fault = NOTHING
    world.wait(120)
    assert world.said() == [(TEXT, None)]


def test_the_sweep_answers_no_call_before_its_delay(worlds: Any) -> None:
    """It finds what the event has told of already."""
    world = worlds(MISSED | {"delay": 300}, sweep=70.0)
    called(world)
    world.wait(295)
    assert world.said() == []
    world.wait(10)
    assert world.said() == [(NOBODY, None)]


def test_a_start_answers_no_call_before_its_delay(worlds: Any, clock: Clock) -> None:
    world = worlds(MISSED | {"delay": 3 * HOUR})
    called(world)
    world.wait(10)
    world.stop()
    run(world.journal.catch_up(clock.seconds(), ask_within=5.0, poll_within=60.0))
    again = worlds(MISSED | {"delay": 3 * HOUR})
    again.wait(3 * HOUR - 60, step=30.0)
    assert again.said() == []
    again.wait(90)
    assert again.said() == [(NOBODY, None)]


def test_a_call_is_not_answered_later_than_the_grace(worlds: Any, clock: Clock) -> None:
    world = worlds(MISSED, grace=600.0)
    call = ends(world)
    clock.advance(590)
    world.tell_of(call)
    world.wait(5)
    assert [reason for _, reason in world.said()] == [None]
    late = ends(world, number="+375331112233")
    clock.advance(610)
    world.tell_of(late)
    world.wait(5)
    assert [reason for _, reason in world.said()] == [None, "late"]


def test_calls_of_which_no_event_told_are_found(worlds: Any) -> None:
    world = worlds(MISSED)
    ends(world)
    ends(world, failedCode=ANSWERED, number="+375331112233")
    world.wait(290)
    assert world.said() == []
    world.wait(30)
    assert world.said() == [(NOBODY, None)]
    world.wait(700)
    assert len(world.said()) == 1


def test_what_was_before_the_scenario_is_answered_to_nobody(worlds: Any) -> None:
    first = worlds()
    ends(first)
    first.stop()
    world = worlds(MISSED)
    world.wait(700)
    assert world.said() == []
    ends(world, number="+375331112233")
    world.wait(400)
    assert [row["number_received"] for row in world.messages()] == ["+375331112233"]


def test_a_call_from_before_a_scenario_is_not_answered_by_it(worlds: Any, clock: Clock) -> None:
    """Though another one was there that answers it."""
    world = worlds(MISSED)
    called(world)
    world.wait(10)
    world.stop()
    clock.advance(30)
    again = worlds(MISSED, MISSED | {"name": "second", "text": "Мы перезвоним."})
    again.wait(700, step=5.0)
    assert again.said() == [(NOBODY, None)]
    called(again, number="+375331112233")
    again.wait(10)
    assert again.said() == [(NOBODY, None), (NOBODY, None), ("Мы перезвоним.", None)]


def test_calls_while_the_gateway_was_away_are_found(worlds: Any, clock: Clock) -> None:
    world = worlds(MISSED)
    world.wait(10)
    world.stop()
    ends(world)
    clock.advance(1200)
    again = worlds(MISSED, grace=3600.0)
    again.wait(30)
    assert again.said() == [(NOBODY, None)]


def test_a_call_that_is_found_late_has_had_its_delay(worlds: Any, clock: Clock) -> None:
    world = worlds(MISSED | {"delay": 600})
    ends(world)
    # Found after five minutes.
    world.wait(590)
    assert world.said() == []
    world.wait(30)
    assert world.said() == [(NOBODY, None)]


def test_many_calls_are_found_page_by_page(worlds: Any) -> None:
    world = worlds(MISSED)
    for number in range(130):
        ends(world, number=f"+37529{number:07}")
    world.wait(330)
    assert len({row["number_received"] for row in world.messages()}) == 130


def test_without_the_right_to_see_calls_their_events_are_answered(worlds: Any) -> None:
    world = worlds(MISSED)
    world.portal.fault = of_method(STATISTICS, DENIED)
    world.wait(700)
    called(world)
    world.wait(10)
    assert world.said() == [(NOBODY, None)]


def test_whoever_calls_five_times_gets_one_sms(worlds: Any) -> None:
    world = worlds(WITH_TIME)
    for _ in range(5):
        world.call("+375291112233")
        world.wait(70)
    assert reasons(world) == [("+375291112233", None)] + [("+375291112233", "repeated")] * 4
    # Not the text counts: each names another time.
    assert len({row["text"] for row in world.messages()}) == 5
    # Somebody else, and later again.
    world.call("+375291112234")
    world.wait(HOUR, step=5)
    world.call("+375291112233")
    world.wait(10)
    assert [reason for _, reason in reasons(world)][5:] == [None, None]


def test_a_delay_does_not_make_an_sms_late(worlds: Any) -> None:
    world = worlds(MISSED | {"delay": 7200})
    world.call("+375291112233")
    world.wait(7300, step=10)
    assert [row["reason"] for row in world.messages()] == [None]


def test_the_caller_is_called_by_name(worlds: Any) -> None:
    world = worlds(WITH_TIME)
    crm = world.portal.crm
    contact = Item(crm.next_item_id(CONTACT), name="Анна", phones=(Phone(crm.next_id(), "8 029 111-22-33"),))
    crm.items[CONTACT].put(crm.stamped(contact))
    world.call("+375291112233")
    world.call("+375291112234")
    world.wait(10)
    assert [row["text"].partition("!")[0] for row in world.messages()] == ["Анна", "Здравствуйте"]


def test_a_landline_is_a_defined_end(worlds: Any) -> None:
    world = worlds(WITH_TIME)
    world.call("+375172001122")
    world.call("anonymous")
    world.wait(10)
    assert [row["reason"] for row in world.messages()] == ["fixed_line", "not_a_number"]


def test_an_sms_that_nobody_got_was_not_said(worlds: Any) -> None:
    world = worlds(MISSED | {"grace": 600.0})
    called(world)
    # A1 is away for as long.
    world.wait(700)
    run(world.journal.end_late(world.clock.seconds()))
    assert [reason for _, reason in world.said()] == ["late"]
    called(world)
    world.wait(20)
    called(world)
    world.wait(20)
    assert [reason for _, reason in world.said()] == ["late", None, "repeated"]
