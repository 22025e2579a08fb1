"""A daemon that starts after the clock was set back: nothing waits until a time comes again that has been already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from twisted.internet.defer import execute
from twisted.internet.task import Clock

from a1gateway.awaited import Grace, Reception
from a1gateway.bitrix24.budget import Budget
from a1gateway.bitrix24.reporter import Reporter
from a1gateway.bitrix24.tokens import Tokens
from a1gateway.carriers.outcome import Accepted, LinkTrouble, Outcome, Postponed, Standing, Trouble, Uncertain
from a1gateway.dispatcher import ASK_AGAIN_AFTER, Dispatcher, LookUp
from a1gateway.due_loop import DueLoop
from a1gateway.gate import Gate
from a1gateway.intake import SpoolDrain
from a1gateway.journal import Journal, Spool, Store, campaigns
from a1gateway.journal.campaigns import State
from a1gateway.message import Kind, Source, Status, StatusReport, Submission, custom_id
from a1gateway.metrics import Metrics
from a1gateway.polling import Polling
from a1gateway.receipts import Receipts

from .conftest import START, arrival, run
from .fakes import FakeCarrier, FakeHttp, FakePortal
from .journal_in_parts import NUMBER, Traffic, says
from .test_portal import INSTALLATION

HOUR = 3600.0
# What the clock said when the messages came, and what it says at the start.
WAS = START + HOUR
NOW = START
BUSY = LinkTrouble(Trouble.THROTTLED, "A1's error 7: too many requests", code="7")
LOST = LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached: gone")
HOLD = 60.0
POLLING = 60.0


def take(journal: Journal, *names: str) -> None:
    for index, name in enumerate(names):
        run(journal.accept(arrival(name, received_at=WAS + index)))


def became(journal: Journal, outcome: Outcome, after: float = 0.0, now: float = WAS) -> Submission:
    """The outcome of submitting the oldest message that is due."""
    [submission] = run(journal.claim(now, 1)).submissions
    run(journal.record([(submission, outcome, now + after)], now))
    return submission


def catch_up(journal: Journal, now: float = NOW, ask_within: float = ASK_AGAIN_AFTER) -> None:
    run(journal.catch_up(now, ask_within=ask_within, poll_within=POLLING))


def due_at(journal: Journal, name: str = "m1") -> object:
    message = run(journal.message(name))
    assert message is not None
    return message["due_at"]


def test_what_was_waiting_to_be_submitted_is_due_at_once_in_the_same_order(journal: Journal) -> None:
    take(journal, "m1", "m2", "m3")
    became(journal, Postponed(BUSY, 300.0), 300)
    assert run(journal.claim(NOW, 10)).submissions == []
    catch_up(journal)
    assert [each.message_id for each in run(journal.claim(NOW, 10)).submissions] == ["m1", "m2", "m3"]


def test_what_was_in_flight_is_asked_for_at_the_time_of_the_start(journal: Journal) -> None:
    take(journal, "m1")
    run(journal.claim(WAS, 1))
    run(journal.recover(NOW))
    catch_up(journal)
    assert [each.message_id for each in run(journal.uncertain(NOW, 10)).submissions] == ["m1"]


def test_a1_is_asked_a_second_time_no_sooner_than_it_would_have_been(journal: Journal) -> None:
    """A lost request may still be on its way inside A1."""
    take(journal, "m1")
    asked = became(journal, Uncertain(LOST))
    run(journal.record_standings([], [asked], WAS, poll_at=WAS, ask_at=WAS + ASK_AGAIN_AFTER))
    catch_up(journal)
    assert due_at(journal) == NOW + ASK_AGAIN_AFTER
    # And a start while the clock is right changes nothing.
    catch_up(journal, NOW + 2)
    assert due_at(journal) == NOW + ASK_AGAIN_AFTER


def test_a_hold_lasts_no_longer_than_it_does_at_the_most(journal: Journal) -> None:
    """It doubles with every time that the message was submitted again."""
    take(journal, "m1")
    for _ in range(3):
        became(journal, Uncertain(LOST), now=WAS + 10)
        run(journal.release(WAS + 10, 1, resend=True))
    became(journal, Uncertain(LOST), 8 * HOLD, now=WAS + 10)
    catch_up(journal, ask_within=HOLD)
    assert due_at(journal) == NOW + 8 * HOLD


def test_what_a1_has_is_asked_about_after_the_polling_interval(journal: Journal) -> None:
    take(journal, "m1")
    became(journal, Accepted("7001"), POLLING)
    catch_up(journal)
    assert due_at(journal) == NOW + POLLING


def test_a_final_status_is_told_at_once(journal: Journal) -> None:
    take(journal, "m1")
    run(journal.settle([StatusReport(custom_id("m1"), "DELIVERED", Status.DELIVERED, Source.CALLBACK, WAS)]))
    assert run(journal.untold(NOW, 50))[0] == []
    catch_up(journal)
    assert [each.message_id for each in run(journal.untold(NOW, 50))[0]] == ["m1"]


def test_a_status_that_came_before_its_message_was_known_is_told_at_once_when_it_is(journal: Journal) -> None:
    take(journal, "m1")
    run(journal.settle([StatusReport("7001", "DELIVERED", Status.DELIVERED, Source.CALLBACK, WAS)]))
    catch_up(journal)
    became(journal, Accepted("7001"), POLLING, now=NOW)
    assert [each.message_id for each in run(journal.untold(NOW, 50))[0]] == ["m1"]


@pytest.mark.parametrize("state", [State.PAUSED, State.CANCELLED])
def test_a_campaign_that_was_stopped_stays_so(journal: Journal, state: State) -> None:
    """However far ahead the clock was."""

    def take_of_a_mailing(name: str, now: float) -> None:
        run(journal.accept(arrival(name, kind=Kind.MARKETING, received_at=now, origin={"module_id": "sender"})))

    ahead = NOW + 50 * HOUR
    take_of_a_mailing("m1", ahead)
    run(journal.within(campaigns.change_state, 1, state, "", ahead))
    catch_up(journal)
    take_of_a_mailing("m2", NOW + 1)
    second = run(journal.message("m2"))
    assert second is not None
    assert (second["campaign"], second["stage"]) == (1, "held" if state is State.PAUSED else "over")


def test_a_campaign_that_was_begun_anew_takes_nothing_in(journal: Journal) -> None:
    values = {"kind": Kind.MARKETING, "origin": {"module_id": "sender"}}
    run(journal.accept(arrival("m1", received_at=WAS, **values)))
    run(journal.within(campaigns.change_state, 1, State.CANCELLED, "", WAS))
    run(journal.within(campaigns.begin_anew, 1, WAS))
    catch_up(journal)
    run(journal.accept(arrival("m2", received_at=NOW, **values)))
    second = run(journal.message("m2"))
    assert second is not None
    assert (second["campaign"], second["refusal"]) == (2, None)


def test_receipts_of_other_parts_are_awaited_from_the_start_on(store: Store) -> None:
    traffic = Traffic(store)
    traffic.now = WAS
    traffic.sent("m1", "7001", "7002")
    run(traffic.journal.settle([says("7001", "DELIVRD", WAS, NUMBER)]))
    catch_up(traffic.journal)
    clock = Clock()
    clock.advance(NOW)
    reception = Reception(clock)
    reception.changed(up=True)
    receipts = Receipts(traffic.journal, Metrics(), lambda: None)
    grace = Grace(clock, traffic.journal, reception, receipts, seconds=60, on_message=lambda message: None)
    grace.startService()
    for _ in range(70):
        clock.advance(1)
    run(grace.stopService())
    message = run(traffic.journal.message("m1"))
    assert message is not None
    assert message["status"] == Status.DELIVERED


def test_what_comes_from_the_spool_has_come_by_now(journal: Journal, tmp_path: Path, clock: Clock) -> None:
    """The journal was away when the clock was ahead."""
    spool = Spool(str(tmp_path / "spool"), execute)
    spool.prepare()
    run(spool.keep_message(arrival("m1", received_at=WAS)))
    run(spool.keep_message(arrival("m2", received_at=WAS)))
    run(spool.keep_status(StatusReport(custom_id("m2"), "D", Status.DELIVERED, Source.CALLBACK, WAS)))
    receipts = Receipts(journal, Metrics(), lambda: None)
    drain = SpoolDrain(clock, journal, spool, receipts, on_message=lambda: None, on_refusal=lambda: None)
    drain.startService()
    clock.pump([0.0] * 5)
    run(drain.stopService())
    assert [each.message_id for each in run(journal.claim(NOW, 10)).submissions] == ["m1"]
    assert [each.message_id for each in run(journal.untold(NOW, 10))[0]] == ["m2"]


def test_no_figure_is_negative(journal: Journal) -> None:
    """Neither the age of what waits nor how long a message took."""
    take(journal, "m1", "m2")
    metrics = Metrics()
    receipts = Receipts(journal, metrics, lambda: None)
    report = StatusReport(custom_id("m1"), "D", Status.DELIVERED, Source.CALLBACK, NOW)
    run(receipts.settle([report]))
    for name, depth in run(journal.depths()).items():
        metrics.queue(name, depth.count, NOW - (depth.oldest or NOW))
    values = [float(line.rpartition(" ")[2]) for line in metrics.text().decode().splitlines() if line[0] != "#"]
    assert len(values) > 20
    assert min(values) >= 0


@pytest.mark.parametrize("since", [0.0, 1.0, 59.0, HOUR])
def test_a_start_with_a_clock_that_is_right_brings_no_question_to_a1_forward(journal: Journal, since: float) -> None:
    """However old the messages are, and however often they were submitted again."""
    polling, dispatcher = _services(journal, Clock())[:2]
    assert isinstance(polling, Polling)
    assert isinstance(dispatcher, Dispatcher)
    due: dict[str, float] = {}
    for number, age in enumerate((0.0, 5.0, 601.0, HOUR, 10 * HOUR, 60 * HOUR)):
        name = f"sent {number}"
        run(journal.accept(arrival(name, received_at=WAS - age)))
        due[name] = WAS + polling.pause(age)
        became(journal, Accepted(name), polling.pause(age))
    for resent in range(9):
        name = f"asked {resent}"
        run(journal.accept(arrival(name, received_at=WAS - HOUR)))
        for _ in range(resent):
            became(journal, Uncertain(LOST))
            run(journal.release(WAS, 1, resend=True))
        [submission] = run(journal.claim(WAS, 1)).submissions
        due[name] = WAS + dispatcher._pause(submission, Uncertain(LOST))
        run(journal.record([(submission, Uncertain(LOST), due[name])], WAS))
    catch_up(journal, WAS + since, ask_within=HOLD)
    for name, at in due.items():
        assert due_at(journal, name) == pytest.approx(at, abs=1e-5)


def _services(journal: Journal, clock: Clock, portal: FakePortal | None = None) -> Sequence[DueLoop]:
    """All that works off the journal, towards an A1 that delivers everything."""
    carrier, gate = FakeCarrier(), Gate(clock, lambda: 0.0)
    for name in ("ready", "in flight", "lost", "sent"):
        carrier.known[name] = Standing("DELIVERED", Status.DELIVERED, a1_id=name)
    tokens = Tokens(clock, journal, FakeHttp(), oauth_url="", client_id="", client_secret="")
    run(tokens.adopt(INSTALLATION))
    reporter = Reporter(
        clock,
        journal,
        portal or FakePortal(),
        tokens,
        Budget(clock, 2, 50),
        sender_code="a1sms_by",
        random=lambda: 0.0,
    )
    receipts = Receipts(journal, Metrics(), reporter.wake)
    polling = Polling(clock, journal, carrier, gate, receipts, interval=POLLING, give_up_after=100 * HOUR)
    look_up = LookUp(clock, journal, carrier, gate, receipts, poll_after=POLLING, on_due=lambda: dispatcher.wake())
    dispatcher = Dispatcher(
        clock,
        journal,
        carrier,
        gate,
        receipts,
        poll_after=POLLING,
        on_uncertain=look_up.wake,
        uncertain_for=HOLD,
    )
    return [polling, dispatcher, look_up, reporter]


def test_whatever_its_stage_a_message_goes_on_and_is_told(journal: Journal, clock: Clock) -> None:
    take(journal, "told", "sent", "lost", "in flight", "ready")
    run(journal.settle([StatusReport(custom_id("told"), "D", Status.DELIVERED, Source.CALLBACK, WAS)]))
    became(journal, Accepted("sent"), POLLING, now=WAS + 1)
    became(journal, Uncertain(LOST), 2.0, now=WAS + 2)
    run(journal.claim(WAS + 3, 1))
    run(journal.recover(NOW))
    catch_up(journal)
    portal = FakePortal()
    services = _services(journal, clock, portal)
    for service in services:
        service.startService()
    for _ in range(200):
        clock.pump([1.0, 0.0, 0.0])
    for service in services:
        service.stopService()
    assert sorted(portal.told) == [(name, "delivered") for name in ("in flight", "lost", "ready", "sent", "told")]
