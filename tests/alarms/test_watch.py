"""Telling: across restarts, a portal that is away, answers that are lost, a recipient that is not there."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from twisted.internet.defer import fail
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs

from a1gateway.alarms.alarm import Alarm
from a1gateway.alarms.seen import seen
from a1gateway.alarms.standing import Standing
from a1gateway.alarms.watch import LOOK_EVERY
from a1gateway.bitrix24.budget import Budget
from a1gateway.bitrix24.portal import Portal
from a1gateway.bitrix24.tokens import Tokens
from a1gateway.bitrix24.trouble import PortalError, PortalTrouble
from a1gateway.carriers.outcome import LinkTrouble, Trouble
from a1gateway.checklist.findings import Check, Finding, State, Subject
from a1gateway.checklist.lines import OF_THE_PAGE
from a1gateway.errors import JournalUnavailable
from a1gateway.journal import Journal, Store, alarms
from a1gateway.journal.lane import InlineLane
from a1gateway.metrics import Metrics
from a1gateway.words.words import LANGUAGES

from ..conftest import START, arrival, run
from ..fakes import FakeHttp, answer
from ..test_checklist import FakeBalances
from ..test_portal import INSTALLATION
from .world import World


def a1_is_away(world: World) -> None:
    world.parts.gate.bad(LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached: refused"))


def a1_is_back(world: World) -> None:
    world.parts.gate.good(submitted=True)


def standings(world: World) -> dict[Alarm, Standing]:
    return run(world.journal.within(alarms.standings))


def test_what_is_told_says_what_has_happened_since_when_and_what_to_do(world: World) -> None:
    world.start()
    world.go_on(75)
    a1_is_away(world)
    world.go_on(345)
    a1_is_back(world)
    world.go_on(345)
    assert world.told == [
        "Тревога: A1 не принимает SMS.\n"
        "A1 недоступен с 22.11.2026 03:01. SMS ждут в очереди.\n"
        "Началось: 22.11.2026 03:01 (время минское).\n"
        "Что делать: Проверьте на сервере доступ в интернет и адрес в ключе a1.http.url. Если с ними всё в порядке, "
        "напишите в поддержку A1. Шлюз пробует сам.\n"
        "Словами лога: A1 cannot be reached: refused\n"
        "SMS-шлюз sms.example.by. Подробнее: страница «Настройка» приложения.",
        "Прошло: A1 не принимает SMS.\n"
        "Длилось 6 мин: с 22.11.2026 03:01 до 22.11.2026 03:07 (время минское).\n"
        "SMS-шлюз sms.example.by. Подробнее: страница «Настройка» приложения.",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_words_for_all_of_it(world: World, language: str) -> None:
    world.start(language=language)
    world.parts.lost.happened()
    world.go_on(30)
    world.portal.trouble = PortalTrouble("away")
    a1_is_away(world)
    world.go_on(4500)
    a1_is_back(world)
    world.go_on(600)
    world.portal.trouble = None
    world.go_on(120)
    begun, *later = world.told
    assert {"ru": "Тревога: SMS теряются", "be": "Трывога: SMS губляюцца", "en": "Alarm: SMS are being lost"}[
        language
    ] in begun
    assert len(later) == 2
    assert all("{" not in text and "sms.example.by" in text for text in world.told)


# Restarts


def test_a_restart_neither_repeats_a_message_nor_forgets_that_it_is_over(world: World) -> None:
    world.start()
    a1_is_away(world)
    world.go_on(345)
    assert len(world.told) == 1
    world.stop()
    world.go_on(3600)
    world.start()
    world.go_on(600)
    assert len(world.told) == 1
    world.stop()
    a1_is_back(world)
    world.start()
    world.go_on(345)
    assert [text.splitlines()[0] for text in world.told[1:]] == ["Прошло: A1 не принимает SMS."]
    world.stop()
    world.start()
    world.go_on(345)
    assert len(world.told) == 2


def test_a_restart_does_not_begin_the_waiting_anew(world: World) -> None:
    world.start()
    world.go_on(15)
    world.parts.registration.stands, world.parts.registration.trouble = False, "ACCESS_DENIED"
    world.go_on(240)
    world.stop()
    world.start()
    world.go_on(75)
    assert len(world.told) == 1


def test_what_is_unknown_after_a_start_is_not_over(world: World) -> None:
    """A balance that was low is not enough because A1 has not been asked for it yet."""
    assert world.parts.account is not None
    world.configured_anew(balance_below=Decimal(20))
    world.parts.account.balance = FakeBalances(Decimal(5))
    world.start()
    world.go_on(30)
    assert len(world.told) == 1
    world.stop()
    world.parts.account.balance = None
    world.start()
    world.go_on(1200)
    assert len(world.told) == 1
    world.parts.account.balance = FakeBalances(Decimal(500))
    world.go_on(600)
    assert [text.splitlines()[0] for text in world.told[1:]] == ["Прошло: денег у A1 мало."]


def test_every_subject_that_can_be_unclear_leaves_its_alarms_alone() -> None:
    # The tabs have no alarm, nor has what `a1gateway doctor` alone looks at.
    subjects = OF_THE_PAGE - {Subject.TABS}
    for finding in Finding:
        if finding.state is State.WAIT:
            found = seen([Check(finding)])
            assert found.troubles == {}
            assert bool(found.unclear) is (finding.subject in subjects), finding


def test_a_clock_that_was_set_back_leaves_no_alarm_in_the_future(world: World) -> None:
    late = START + 1e6
    run(world.journal.within(alarms.keep, {Alarm.A1_AWAY: Standing(late, late + 10, late + 5)}))
    world.start()
    world.go_on(345)
    assert [text.splitlines()[0] for text in world.told] == ["Прошло: A1 не принимает SMS."]


def test_the_journal_keeps_how_the_alarms_stand(world: World, store: Store) -> None:
    kept = {Alarm.A1_AWAY: Standing(1.5, 2.5, 3.5, 4.5, 2), Alarm.SMS_STAND: Standing(7.0)}
    run(world.journal.within(alarms.keep, kept))
    assert run(Journal(InlineLane(store)).within(alarms.standings)) == kept
    run(world.journal.within(alarms.keep, {}))
    assert standings(world) == {}


# The portal


def test_while_the_portal_is_away_messages_wait_and_go_together_when_it_is_back(world: World) -> None:
    world.start()
    world.go_on(30)
    world.portal.trouble = PortalTrouble("away")
    world.parts.portal.trouble = PortalTrouble("away")
    a1_is_away(world)
    world.parts.lost.happened()
    world.go_on(900)
    a1_is_back(world)
    world.go_on(900)
    assert world.told == []
    before = world.portal.requests["batch"]
    world.portal.trouble = world.parts.portal.trouble = None
    world.go_on(75)
    assert world.portal.requests["batch"] == before + 1
    assert [text.splitlines()[0] for text in world.told] == [
        "Тревога: SMS теряются.",
        "Было и прошло: A1 не принимает SMS. Раньше сообщить не удавалось.",
    ]
    world.go_on(600)
    assert [text.splitlines()[0] for text in world.told[2:]] == [
        "Было и прошло: портал не отвечает шлюзу. Раньше сообщить не удавалось."
    ]


def test_a_portal_that_is_away_is_asked_once_a_minute_at_most(world: World) -> None:
    world.start()
    world.go_on(30)
    world.portal.trouble = PortalTrouble("away")
    world.parts.lost.happened()
    world.go_on(1800)
    assert 25 <= world.portal.requests["batch"] <= 40


def test_an_installation_ends_the_waiting(world: World) -> None:
    world.start()
    world.go_on(30)
    world.portal.trouble = PortalTrouble("shut out", pause=300, operator=True)
    world.parts.lost.happened()
    world.go_on(60)
    assert world.portal.requests["batch"] == 1
    world.portal.trouble = None
    assert world.service is not None
    world.service.renew()
    world.go_on(1)
    assert len(world.told) == 1


def test_nothing_is_asked_of_the_portal_while_there_is_nothing_to_tell(world: World) -> None:
    world.start()
    world.go_on(3600)
    assert world.portal.requests["batch"] == 0


def lost_once(world: World) -> None:
    """The next batch is done, and its answer is lost."""
    batch = world.portal.batch

    async def lose(commands: Mapping[str, tuple[str, Mapping[str, Any]]], *, paid: bool = False) -> dict[str, Any]:
        await batch(commands, paid=paid)
        world.portal.batch = batch  # type: ignore[method-assign]
        raise PortalTrouble("Bitrix24 cannot be reached: the connection was lost")

    world.portal.batch = lose  # type: ignore[method-assign]


def test_of_an_answer_that_is_lost_a_user_sees_one_message(world: World) -> None:
    world.start()
    world.go_on(30)
    lost_once(world)
    world.parts.lost.happened()
    world.go_on(60)
    assert world.portal.requests["batch"] == 2
    assert len(world.told) == 1


def test_of_an_answer_that_is_lost_a_chat_sees_two_and_never_none(world: World) -> None:
    world.start(to="chat7")
    world.go_on(30)
    lost_once(world)
    world.parts.lost.happened()
    world.go_on(600)
    assert len(world.told) == 2
    assert {each.to for each in world.portal.sandbox.messenger.told} == {"chat7"}


@pytest.mark.parametrize(("to", "said"), [("12345", "false"), ("chat77", "ACCESS_ERROR")])
def test_a_recipient_that_is_not_there_is_said_in_the_log_and_tried_again_later(
    world: World, to: str, said: str
) -> None:
    world.start(to=to)
    world.go_on(30)
    world.parts.lost.happened()
    with capturedLogs() as logged:
        world.go_on(570)
    (error,) = [event for event in logged if event["log_level"] is LogLevel.error]
    assert (error["alarm"], error["to"]) == ("messages_lost", to)
    assert said in error["error"]
    assert world.portal.requests["batch"] == 1
    world.go_on(90)
    assert world.portal.requests["batch"] == 2


def test_a_missing_permission_is_no_portal_that_shuts_us_out(clock: Clock, journal: Journal, world: World) -> None:
    """Of the alarms' own batch, so that `/readyz` does not go by it."""

    def said(url: str, content: Any) -> Any:
        error = {"error": "insufficient_scope", "error_description": "more"}
        return answer({"result": {"result": {"scope": ["crm"]}, "result_error": {"messages_lost": error}}})

    tokens = Tokens(clock, journal, FakeHttp(), oauth_url="", client_id="", client_secret="")
    run(tokens.adopt(INSTALLATION))
    portal = Portal(clock, FakeHttp(by=said), tokens, Budget(clock, 2, 50), Metrics())
    world.portal = portal  # type: ignore[assignment]
    world.start()
    world.parts.lost.happened()
    with capturedLogs() as logged:
        world.go_on(30)
    assert "insufficient_scope" in str([event.get("error") for event in logged])
    assert portal.trouble is None


def test_a_command_that_was_not_run_goes_again(world: World) -> None:
    world.start()
    world.go_on(30)
    world.portal.fault = lambda method, parameters: (
        PortalTrouble("spent", pause=30.0) if method.startswith("im.") else None
    )
    world.parts.lost.happened()
    world.go_on(60)
    assert world.told == []
    world.portal.fault = lambda method, parameters: None
    world.go_on(60)
    assert len(world.told) == 1


def test_what_outside_parties_say_cannot_refer_to_another_command(world: World) -> None:
    world.start()
    world.parts.gate.bad(LinkTrouble(Trouble.UNREACHABLE, "$result[scope][0]"))
    world.go_on(345)
    (text,) = world.told
    assert "$ result[scope][0]" in text


# The journal


def test_while_the_journal_is_away_alarms_are_told_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.start()
    world.go_on(30)
    with monkeypatch.context() as away:
        away.setattr(world.journal, "check", lambda: fail(JournalUnavailable("locked")))
        away.setattr(world.journal, "within", lambda *given: fail(JournalUnavailable("locked")))
        world.go_on(360)
        assert [text.splitlines()[0] for text in world.told] == ["Тревога: журнал не принимает сообщений."]
        world.go_on(360)
    world.go_on(30)
    assert standings(world)[Alarm.JOURNAL_AWAY].told_at is not None
    world.go_on(345)
    assert len(world.told) == 2


def test_nothing_is_written_while_nothing_changes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.start()
    a1_is_away(world)
    world.go_on(345)
    written: list[object] = []
    monkeypatch.setattr(alarms, "keep", lambda connection, found: written.append(found))
    world.go_on(3600)
    assert written == []


# What is wanted


def test_without_a_recipient_there_are_figures_alone(world: World) -> None:
    world.start(to=None)
    a1_is_away(world)
    world.go_on(600)
    assert (world.told, standings(world)) == ([], {})
    assert world.gauge(Alarm.A1_AWAY) == 1
    assert world.metrics.registry.get_sample_value("a1gateway_alarms_looked_timestamp_seconds") == pytest.approx(
        world.clock.seconds(), abs=LOOK_EVERY
    )


def test_an_alarm_that_nobody_wants_is_not_told(world: World) -> None:
    run(world.journal.within(alarms.keep, {Alarm.A1_AWAY: Standing(START - 1000, None, START - 500)}))
    world.start(without=("a1_away",))
    a1_is_away(world)
    world.go_on(600)
    a1_is_back(world)
    world.go_on(600)
    assert world.told == []
    assert standings(world) == {}


def test_what_waits_for_too_long_is_counted_by_queue(world: World) -> None:
    run(world.journal.accept(arrival("m1")))
    world.start(to=None)
    world.go_on(330)

    def overdue(queue: str) -> float | None:
        return world.metrics.registry.get_sample_value("a1gateway_overdue_entries", {"queue": queue})

    assert (overdue("submit"), overdue("portal")) == (1, 0)


def test_a_message_says_how_often_it_was_told(world: World) -> None:
    world.start()
    world.parts.lost.happened()
    world.go_on(30)
    found = world.metrics.registry.get_sample_value("a1gateway_alarm_messages_total", {"result": "ok"})
    assert found == 1


def test_a_refusal_counts_as_one(world: World) -> None:
    world.portal.fault = lambda method, parameters: PortalError("MESSAGE_EMPTY", "") if "im." in method else None
    world.start()
    world.parts.lost.happened()
    world.go_on(30)
    found = world.metrics.registry.get_sample_value("a1gateway_alarm_messages_total", {"result": "refused"})
    assert found == 1
