"""Runs of the gateway's automation rules, from the call to the answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from a1gateway.bitrix24.trouble import PortalError, PortalTrouble
from a1gateway.hours import MINSK
from a1gateway.journal.runs import RunCall
from a1gateway.sandbox.crm_fields import CustomField

from ..conftest import run
from ..portal_in_memory import PortalInMemory
from .test_apart import of_item, of_method
from .world import AWAY, DAY, DEAL, HOUR, World, at, written

SEND, REMIND = "a1_sms_send", "a1_sms_reminder"


def as_bitrix24(moment: float) -> str:
    """A moment as a property of a rule brings it."""
    return f"{datetime.fromtimestamp(moment, MINSK):%d.%m.%Y %H:%M:%S}"


def texts(world: World) -> list[str]:
    return [text for text, reason in world.said() if reason is None]


# Once for each document, date and time ahead.


def test_a_rule_that_runs_again_for_a_deal_reminds_once(worlds: Any, clock: Clock) -> None:
    """The deal has left its stage and come back; the text that the rule brings then names another date."""
    world = worlds()
    visit = clock.seconds() + 2 * DAY
    deal = world.deal(VISIT=at(visit))
    for number in range(3):
        given = {"text": f"Анна, ждём Вас {as_bitrix24(visit)}", "at": as_bitrix24(visit), "ahead": "1 hour"}
        world.rule(REMIND, deal, f"t{number}", wait="Y", **given)
        world.wait(5)
    assert [world.run_of(f"t{number}")["state"] for number in range(3)] == ["answer", "answer", "waiting"]
    assert world.run_of("t0")["answer"] == {"status": "not_sent", "error": "repeated", "planned": 0}
    visit += DAY
    world.set(deal, VISIT=at(visit))
    world.wait(10)
    world.rule(REMIND, deal, "t3", text=f"Анна, ждём Вас {as_bitrix24(visit)}", at=as_bitrix24(visit), ahead="1 hour")
    world.wait(3 * DAY, step=300)
    assert texts(world) == [f"Анна, ждём Вас {as_bitrix24(visit)}"]
    # What was sent is sent, though the rule runs once more.
    world.rule(REMIND, deal, "t4", text=f"Анна, ждём Вас {as_bitrix24(visit)}", at=as_bitrix24(visit), ahead="1 hour")
    world.wait(10)
    assert len(texts(world)) == 1


@pytest.mark.parametrize("other", [{"text": "Доктору: приём"}, {"phone": "+375291112299"}, {"ahead": "2 hours"}])
def test_rules_that_say_something_else_do_not_share_their_reminders(
    worlds: Any, clock: Clock, other: dict[str, str]
) -> None:
    world = worlds()
    visit = clock.seconds() + 5 * HOUR
    deal = world.deal(VISIT=at(visit))
    given = {"text": "Ждём Вас", "at": as_bitrix24(visit), "ahead": "1 hour"}
    world.rule(REMIND, deal, "t1", **given)
    world.rule(REMIND, deal, "t2", **given | other)
    world.wait(5 * HOUR, step=5)
    assert len(texts(world)) == 2


# Dates that move, go away and come back.


def test_a_text_moves_with_its_date(worlds: Any, clock: Clock) -> None:
    world = worlds()
    visit = clock.seconds() + 2 * DAY
    deal = world.deal(VISIT=at(visit))
    world.rule(REMIND, deal, text="Ждём Вас #EVENT_DATE# в #EVENT_TIME#", at=as_bitrix24(visit), ahead="1 hour")
    world.wait(10)
    visit += DAY + 1800
    world.set(deal, VISIT=at(visit))
    world.wait(3 * DAY + HOUR, step=300)
    assert texts(world) == [f"Ждём Вас {datetime.fromtimestamp(visit, MINSK):%d.%m.%Y в %H:%M}"]


def test_a_text_that_cannot_move_is_not_sent(worlds: Any, clock: Clock) -> None:
    world = worlds()
    visit = clock.seconds() + 2 * DAY
    deal = world.deal(VISIT=at(visit))
    time = f"{datetime.fromtimestamp(visit, MINSK):%H:%M}"
    world.rule(REMIND, deal, text=f"Завтра в {time}", at=as_bitrix24(visit), ahead="1 hour", wait="Y")
    world.wait(10)
    world.set(deal, VISIT=at(visit + DAY + 1800))
    world.wait(3 * DAY + HOUR, step=300)
    assert [(row["reason"], row["note"]) for row in world.messages()] == [("outdated_text", time)]
    assert world.run_of()["answer"]["error"] == "outdated_text"


@pytest.mark.parametrize("away", [{"VISIT": ""}, "APOLOGY"])
def test_a_date_that_goes_away_and_comes_back_is_reminded_of(worlds: Any, clock: Clock, away: Any) -> None:
    world = worlds()
    visit = clock.seconds() + 5 * HOUR
    deal = world.deal(VISIT=at(visit))
    world.rule(REMIND, deal, text="Ждём Вас", at=as_bitrix24(visit), ahead="1 hour")
    world.wait(10)
    if isinstance(away, str):
        world.move(deal, away)
    else:
        world.set(deal, **away)
    world.wait(20)
    assert [reason for _, _, reason in world.reminders()] == ["cancelled"]
    if isinstance(away, str):
        world.move(deal, "EXECUTING")
    else:
        world.set(deal, VISIT=at(visit))
    world.wait(5 * HOUR, step=5)
    assert texts(world) == ["Ждём Вас"]


def test_a_visit_that_is_put_off_when_all_has_been_sent_is_reminded_of_again(worlds: Any, clock: Clock) -> None:
    world = worlds()
    visit = clock.seconds() + HOUR + 60
    deal = world.deal(VISIT=at(visit))
    world.rule(REMIND, deal, text="Ждём Вас #EVENT_DAY#", at=as_bitrix24(visit), ahead="1 hour")
    world.wait(120)
    assert len(texts(world)) == 1
    world.deliver()
    # Nobody came; some days later there is another date.
    world.wait(2 * DAY, step=300)
    visit = clock.seconds() + 2 * HOUR
    world.set(deal, VISIT=at(visit))
    world.wait(2 * HOUR, step=5)
    assert len(texts(world)) == 2


def test_a_rule_that_runs_again_with_another_date_takes_back_what_waits(worlds: Any, clock: Clock) -> None:
    world = worlds()
    visit, later = clock.seconds() + HOUR + 60, clock.seconds() + 3 * HOUR
    deal = world.deal(VISIT=at(visit))
    given = {"text": "Ждём Вас #EVENT_TIME#", "ahead": "1 hour", "wait": "Y"}
    world.rule(REMIND, deal, "t1", at=as_bitrix24(visit), **given)
    world.wait(120)
    assert len(texts(world)) == 1
    world.set(deal, VISIT=at(later))
    world.rule(REMIND, deal, "t2", at=as_bitrix24(later), **given)
    world.wait(20)
    assert [row["reason"] for row in world.messages()] == ["outdated"]
    world.wait(2 * HOUR, step=5)
    world.deliver()
    world.wait(5)
    assert [row["reason"] for row in world.messages()] == ["outdated", None]
    assert world.run_of("t1")["answer"]["error"] == "repeated"
    assert world.run_of("t2")["answer"]["status"] == "delivered"


def test_a_workflow_waits_on_when_what_it_waits_for_is_taken_back(worlds: Any, clock: Clock) -> None:
    world = worlds()
    visit, later = clock.seconds() + HOUR + 60, clock.seconds() + 3 * HOUR
    deal = world.deal(VISIT=at(visit))
    world.rule(REMIND, deal, text="Ждём Вас #EVENT_TIME#", at=as_bitrix24(visit), ahead="1 hour", wait="Y")
    world.wait(120)
    assert len(texts(world)) == 1
    world.set(deal, VISIT=at(later))
    world.wait(20)
    assert (texts(world), world.run_of()["state"]) == ([], "waiting")
    world.wait(2 * HOUR, step=5)
    world.deliver()
    world.wait(5)
    answer = world.run_of()["answer"]
    assert (answer["status"], answer["planned"]) == ("delivered", 1)


def test_a_workflow_learns_that_what_it_waited_for_was_taken_back(worlds: Any, clock: Clock) -> None:
    world = worlds()
    visit = clock.seconds() + HOUR + 60
    deal = world.deal(VISIT=at(visit))
    world.rule(REMIND, deal, text="Ждём Вас", at=as_bitrix24(visit), ahead="1 hour", wait="Y")
    world.wait(120)
    world.move(deal, "LOSE")
    world.wait(20)
    assert world.run_of()["answer"] == {"status": "not_sent", "error": "cancelled", "planned": 0}


# The field with the date.


@pytest.fixture
def with_two_dates(portal: PortalInMemory) -> PortalInMemory:
    portal.crm.fields[DEAL]["UF_CRM_ASKED"] = CustomField(97, "UF_CRM_ASKED", "date")
    return portal


def test_of_two_fields_with_the_date_the_one_with_a_time_is_followed(
    with_two_dates: PortalInMemory, worlds: Any, clock: Clock
) -> None:
    world = worlds()
    visit = (clock.seconds() // DAY + 3) * DAY + 6 * HOUR
    deal = world.deal(VISIT=at(visit), ASKED=at(visit)[:10])
    world.rule(REMIND, deal, text="Ждём Вас #EVENT_DATE#", at=as_bitrix24(visit), ahead="1 hour")
    world.wait(10)
    visit += 2 * DAY
    world.set(deal, VISIT=at(visit))
    world.wait(6 * DAY, step=300)
    assert texts(world) == [f"Ждём Вас {datetime.fromtimestamp(visit, MINSK):%d.%m.%Y}"]


@pytest.mark.parametrize("field", ["UF_CRM_VISITE", "UF_CRM_LINK", "TITLE"])
def test_a_field_that_holds_no_date_is_a_fault_of_the_rule(worlds: Any, clock: Clock, field: str) -> None:
    world = worlds()
    deal = world.deal(VISIT=at(clock.seconds() + DAY))
    world.rule(REMIND, deal, text="Т", at=as_bitrix24(clock.seconds() + DAY), field=field, wait="Y")
    world.wait(5)
    assert [(row["reason"], row["note"]) for row in world.messages()] == [
        ("bad_reminder", f"field: {field} is no field with a date")
    ]
    assert world.run_of()["answer"]["status"] == "rejected"


# A portal that is slow, away or refuses.


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"text": " "}, "empty_text"),
        ({"text": "я" * 202}, "too_long"),
        ({"kind": "marketing"}, "marketing_disabled"),
        ({"phone": "12345"}, "too_short"),
        ({"phone": "+375172001122"}, "fixed_line"),
        ({"text": "#CONTACT_NAME#, ждём Вас #EVENT_DATE#"}, "unfilled_field"),
    ],
)
def test_a_reminder_that_could_never_go_out_is_refused_at_once(
    worlds: Any, clock: Clock, given: dict[str, str], error: str
) -> None:
    world = worlds(marketing=error != "marketing_disabled")
    visit = clock.seconds() + 2 * DAY
    deal = world.deal(VISIT=at(visit))
    world.rule(REMIND, deal, "t1", **{"text": "Ждём Вас", "at": as_bitrix24(visit), **given})
    world.wait(5)
    assert world.reminders() == []
    answer = world.run_of("t1")["answer"]
    assert (answer["status"], answer["error"]) == ("rejected", error)


@pytest.mark.parametrize("phone", ["", "+375291112233"])
@pytest.mark.parametrize("text", ["#CONTACT_NAME|Клиент#, заказ готов", "Ждём Вас #EVENT_DATE#"])
def test_no_fields_are_put_into_what_bitrix24_has_filled(worlds: Any, clock: Clock, text: str, phone: str) -> None:
    """A customer who calls himself #DEAL_COMMENTS# in a form is not to be told what stands there."""
    world = worlds()
    world.rule(SEND, world.deal(), text=text, phone=phone, wait="Y")
    world.wait(5)
    (message,) = world.messages()
    assert (message["text"], message["reason"]) == (text, "unfilled_field")
    assert message["note"] in text
    answer = world.run_of()["answer"]
    assert (answer["status"], answer["error"]) == ("rejected", "unfilled_field")


def test_a_number_that_the_deal_lacks_today_may_be_there_in_time(worlds: Any, clock: Clock) -> None:
    world = worlds()
    visit = clock.seconds() + 2 * HOUR
    deal = world.deal(VISIT=at(visit))
    given = {"text": "Ждём Вас", "at": as_bitrix24(visit), "ahead": "1 hour", "phone": "UF_CRM_LINK"}
    world.rule(REMIND, deal, "t1", **given)
    world.wait(5)
    world.set(deal, LINK="+375331112233")
    world.wait(2 * HOUR, step=10.0)
    assert [(row["msisdn"], row["reason"]) for row in world.messages()] == [("+375331112233", None)]


def test_a_portal_that_is_slow_holds_up_no_run_that_does_not_need_it(worlds: Any) -> None:
    world = worlds()
    deal = world.deal()
    world.wait(5)
    slow: Deferred[Any] = Deferred()
    batch = world.portal.batch

    async def hangs(commands: Mapping[str, Any], *, paid: bool = False) -> dict[str, Any]:
        await slow
        answer: dict[str, Any] = await batch(commands, paid=paid)
        return answer

    world.portal.batch = hangs
    world.rule(SEND, deal, "t1", text="Из карточки")
    world.wait(2)
    world.rule(SEND, deal, "t2", text="Сразу", phone="+375291112299")
    world.wait(2)
    assert texts(world) == ["Сразу"]
    world.portal.batch = batch
    slow.callback(None)
    world.wait(5)
    assert texts(world) == ["Сразу", "Из карточки"]


def test_a_deal_that_is_not_shown_keeps_no_other_run_waiting(worlds: Any) -> None:
    world = worlds(grace=600.0)
    deals = [world.deal(world.contact(f"+37529111223{n}")) for n in range(3)]
    world.portal.fault = of_item(DEAL, deals[1].id)
    for n, deal in enumerate(deals):
        world.rule(SEND, deal, f"t{n}", text=f"Текст {n}", wait="Y")
    world.wait(30)
    assert texts(world) == ["Текст 0", "Текст 2"]
    world.wait(700, step=2)
    assert world.run_of("t1")["answer"]["error"] == "portal_away"


def test_a_reminder_waits_for_the_portal_as_long_as_there_is_time(worlds: Any, clock: Clock) -> None:
    world = worlds(grace=600.0)
    visit = clock.seconds() + 3 * DAY
    deal = world.deal(VISIT=at(visit))
    world.portal.trouble = AWAY
    world.rule(REMIND, deal, text="Ждём Вас", at=as_bitrix24(visit), ahead="1 hour")
    world.wait(2 * HOUR, step=10)
    assert world.said() == []
    world.portal.trouble = None
    world.wait(3 * DAY, step=300)
    assert texts(world) == ["Ждём Вас"]


def test_a_run_that_cannot_be_done_is_answered_in_the_end(worlds: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from a1gateway.automation import robot_runs

    def breaks(*given: Any) -> None:
        raise RuntimeError("a fault of the gateway")

    world = worlds(grace=600.0)
    monkeypatch.setattr(robot_runs, "_field_of", breaks)
    deal = world.deal()
    world.rule(REMIND, deal, "t1", text="Т", at="24.11.2030 10:30", wait="Y")
    world.wait(30)
    assert world.run_of("t1")["state"] == "new"
    world.wait(700, step=2)
    assert world.run_of("t1")["answer"] == {"status": "rejected", "error": "gateway_fault"}


@pytest.mark.parametrize("code", ["insufficient_scope", "ERROR_METHOD_NOT_FOUND", "PAYMENT_REQUIRED"])
def test_an_answer_waits_for_as_long_as_the_application_is_shut_out(worlds: Any, code: str) -> None:
    world = worlds()
    world.portal.fault = of_method("bizproc.event.send", PortalError(code, "no"))
    world.rule(SEND, None, text="Т", phone="+375291112233")
    world.wait(5 * HOUR, step=30)
    assert world.run_of()["state"] == "answer"
    assert world.portal.requests["batch/bizproc.event.send"] < 100
    world.portal.fault = lambda method, parameters: None
    world.wait(700, step=5)
    # The workflow is long gone in this portal; but it was asked again, and its refusals are counted now.
    assert world.run_of()["refusals"] > 0


def test_an_answer_that_is_refused_is_given_up_and_troubles_do_not_count(worlds: Any) -> None:
    world = worlds()
    world.portal.fault = of_method("bizproc.event.send", PortalTrouble("Bitrix24 answers INTERNAL_SERVER_ERROR: x"))
    world.rule(SEND, None, text="Т", phone="+375291112233")
    world.wait(2 * HOUR, step=30)
    assert (world.run_of()["state"], world.run_of()["refusals"]) == ("answer", 0)
    world.portal.fault = of_method("bizproc.event.send", PortalError("ACCESS_DENIED", "no such workflow"))
    world.wait(5 * HOUR, step=30)
    assert world.run_of()["state"] == "over"
    assert "ACCESS_DENIED" in world.run_of()["trouble"]


# Clocks, and an application that is not installed.


def test_an_answer_goes_by_the_clock_that_does_not_jump(worlds: Any, clock: Clock) -> None:
    world = worlds()
    world.ahead = 6 * HOUR
    visit = clock.seconds() + world.ahead + DAY
    world.rule(REMIND, world.deal(VISIT=at(visit)), text="Т", at=as_bitrix24(visit))
    world.wait(5)
    assert world.run_of()["answer"]["planned"] == 2


def test_without_an_installation_nothing_is_rewritten_over_and_over(worlds: Any, clock: Clock) -> None:
    world = worlds()
    visit = clock.seconds() + HOUR + 30
    deal = world.deal(VISIT=at(visit))
    world.rule(REMIND, deal, "t1", text="Ждём Вас", at=as_bitrix24(visit), ahead="1 hour")
    world.wait(10)
    run(world.tokens.forget())
    world.rule(SEND, deal, "t2", text="Т")
    changes = world.store._driver.total_changes
    world.wait(300)
    assert world.store._driver.total_changes - changes < 10
    world.install()
    world.wait(60)
    assert sorted(texts(world)) == ["Ждём Вас", "Т"]


def test_a_run_with_the_same_token_is_one_run(worlds: Any) -> None:
    world = worlds()
    for _ in range(3):
        call = RunCall("t1", world.clock.seconds(), SEND, None, None, {"text": "Т", "phone": "+375291112233"}, {})
        run(world.intake.take_run(call))
    world.wait(5)
    assert texts(world) == ["Т"]


# Where each of them ends.


def test_a_run_without_a_recipient_waits_for_the_portal_and_then_ends(worlds: Any) -> None:
    world = worlds(grace=600.0)
    world.portal.trouble = AWAY
    world.rule(SEND, world.deal(), text="Готово", wait="Y")
    world.wait(590, step=5.0)
    assert (world.said(), world.run_of()["state"]) == ([], "new")
    world.wait(120, step=5.0)
    assert [reason for _, reason in world.said()] == ["portal_away"]
    assert world.run_of()["state"] == "answer"


def test_a_run_with_a_recipient_needs_no_portal(worlds: Any) -> None:
    world = worlds()
    world.portal.trouble = AWAY
    world.rule(SEND, world.deal(), phone="8 029 111-22-33", text="Готово", wait="Y")
    world.wait(1)
    assert world.said() == [("Готово", None)]


def test_reminders_of_a_rule_follow_the_field_that_held_their_date(worlds: Any, clock: Clock) -> None:
    world = worlds()
    first, second = clock.seconds() + 3 * DAY, clock.seconds() + 5 * HOUR
    deal = world.deal(VISIT=at(first))
    # As Bitrix24 hands a date over: as people in the portal write it.
    world.rule(REMIND, deal, text="Ждём Вас", at=f"{written(first)}:00", ahead="1 день, 2 часа", wait="Y")
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
    world.rule(REMIND, deal, text="Ждём Вас", at=at(clock.seconds() + 3 * DAY), wait="Y")
    world.wait(10)
    world.move(deal, "LOSE")
    world.wait(10)
    answer = world.run_of()["answer"]
    assert (answer["status"], answer["error"], answer["planned"]) == ("not_sent", "cancelled", 0)


def test_a_rule_that_does_not_wait_learns_how_many_are_planned(worlds: Any, clock: Clock) -> None:
    world = worlds()
    deal = world.deal()
    world.rule(REMIND, deal, text="Ждём Вас", at=at(clock.seconds() + 5 * HOUR))
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
    world.rule(REMIND, world.deal(), text="Ждём Вас", **properties)
    world.wait(1)
    (message,) = world.messages()
    assert message["reason"] == "bad_reminder"
    assert message["note"].startswith(note)
    assert world.run_of()["answer"]["error"] == "bad_reminder"


# Which date, and of which field.


def test_two_rules_with_one_text_remind_of_two_dates(worlds: Any, portal: PortalInMemory, clock: Clock) -> None:
    portal.crm.fields[DEAL]["UF_CRM_SECOND"] = CustomField(portal.crm.next_id(), "UF_CRM_SECOND", "datetime")
    world = worlds()
    first, second = clock.seconds() + 3 * HOUR, clock.seconds() + 6 * HOUR
    deal = world.deal(VISIT=at(first), SECOND=at(second))
    given = {"text": "Ждём #EVENT_DATE# в #EVENT_TIME#", "ahead": "1 hour"}
    world.rule(REMIND, deal, "t1", at=as_bitrix24(first), **given)
    world.wait(5)
    world.rule(REMIND, deal, "t2", at=as_bitrix24(second), **given)
    world.wait(6 * HOUR, step=10)
    assert texts(world) == [f"Ждём {written(each).replace(' ', ' в ')}" for each in (first, second)]


def test_a_date_that_has_moved_on_the_way_here_is_the_one_that_counts(worlds: Any, clock: Clock) -> None:
    world = worlds()
    said, held = clock.seconds() + 5 * DAY, clock.seconds() + DAY
    deal = world.deal(VISIT=at(held))
    given = {"text": "Ждём #EVENT_DATE#", "ahead": "1 hour", "field": "UF_CRM_VISIT"}
    world.rule(REMIND, deal, at=as_bitrix24(said), **given)
    world.wait(DAY, step=300)
    assert texts(world) == [f"Ждём {datetime.fromtimestamp(held, MINSK):%d.%m.%Y}"]


@pytest.mark.parametrize("has_field", [True, False])
@pytest.mark.parametrize("form", ["%d.%m.%Y", "%d.%m.%Y 00:00:00", "%d.%m.%Y 00:00:00 [10800]"])
def test_a_date_without_a_time_means_a_time_of_the_day(worlds: Any, clock: Clock, form: str, has_field: bool) -> None:
    """A property that has one makes it a midnight."""
    world = worlds()
    day = datetime.fromtimestamp(clock.seconds() + 3 * DAY, MINSK)
    deal = world.deal(**({"DAY": f"{day:%Y-%m-%d}"} if has_field else {}))
    given = {"at": day.strftime(form), "text": "#EVENT_DATE# #EVENT_TIME#", "ahead": "1 hour"}
    world.rule(REMIND, deal, **given)
    world.wait(day.replace(hour=7, minute=30).timestamp() - clock.seconds(), step=900)
    assert texts(world) == []
    world.wait(HOUR, step=20)
    assert texts(world) == [f"{day:%d.%m.%Y} 09:00"]
    (message,) = world.messages()
    assert f"{datetime.fromtimestamp(message['received_at'], MINSK):%d %H:%M}" == f"{day:%d} 08:00"


# What the portal does not take.


def test_an_answer_in_trouble_is_told_less_and_less_often(worlds: Any) -> None:
    world = worlds()
    world.portal.fault = of_method("bizproc.event.send", PortalTrouble("Bitrix24 answers INTERNAL_SERVER_ERROR"))
    world.rule(SEND, world.deal(), text="Готово", phone="+375291112233")
    world.wait(6 * HOUR, step=5)
    assert world.portal.requests["batch/bizproc.event.send"] < 60
    world.portal.fault = lambda method, parameters: True if method == "bizproc.event.send" else None
    world.wait(620, step=5)
    assert world.run_of()["state"] == "over"


def test_an_event_that_cannot_be_bound_later_is_bound_when_it_can(worlds: Any, clock: Clock) -> None:
    world = worlds()
    world.wait(20)
    world.portal.fault = of_method("event.bind", PortalError("ERROR_CORE", "SQL query error!"))
    visit = clock.seconds() + DAY
    world.rule(REMIND, world.deal(VISIT=at(visit)), at=as_bitrix24(visit), text="Ждём", ahead="1 hour")
    world.wait(20)
    assert "ONCRMDEALUPDATE cannot be bound" in str(world.automation.registration.trouble)
    world.portal.fault = lambda method, parameters: None
    world.wait(310, step=5)
    assert world.automation.registration.trouble is None
    # That of changes and that of deletions, twice each.
    assert world.portal.requests["event.bind"] == 4
