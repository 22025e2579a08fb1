"""What is awaited for a bounded time, on a fake clock and a real journal: a word on uncertain messages, receipts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.task import Clock

from a1gateway.awaited import Grace, Hold, Reception
from a1gateway.carriers.outcome import Accepted, LinkTrouble, Postponed, Trouble, Uncertain
from a1gateway.carriers.smpp.deliveries import SubscriberPart
from a1gateway.journal import Journal, Store
from a1gateway.journal.lane import InlineLane
from a1gateway.message import Received, Source, Status, StatusReport, Submission
from a1gateway.metrics import Metrics
from a1gateway.receipts import Receipts

from .conftest import START, arrival, pass_time, run

LOST = LinkTrouble(Trouble.UNREACHABLE, "A1's SMSC has closed the connection")
SECONDS = 60.0


@pytest.fixture
def journal(store: Store) -> Journal:
    return Journal(InlineLane(store), in_parts=True)


class Holding:
    """A hold and what it works with."""

    def __init__(self, clock: Clock, journal: Journal, *, resend: bool = True) -> None:
        self.clock = clock
        self.journal = journal
        self.metrics = Metrics()
        self.reception = Reception(clock)
        self.due: list[float] = []
        self.finals: list[None] = []
        receipts = Receipts(journal, self.metrics, lambda: self.finals.append(None))
        self.hold = Hold(
            clock,
            journal,
            self.reception,
            receipts,
            self.metrics,
            seconds=SECONDS,
            resend=resend,
            on_due=lambda: self.due.append(clock.seconds() - START),
        )
        self.hold.startService()

    def doubt(self, message_id: str = "m1", **more: Any) -> Submission:
        """A message whose submit nobody knows the end of, from now on."""
        now = self.clock.seconds()
        run(self.journal.accept(arrival(message_id, received_at=now, **more)))
        (submission,) = run(self.journal.claim(now, 1)).submissions
        run(self.journal.record([(submission, Uncertain(LOST), now + SECONDS)], now))
        self.hold.wake()
        return submission

    def link(self, up: bool) -> None:
        self.reception.changed(up=up)

    def pass_time(self, seconds: float) -> None:
        pass_time(self.clock, seconds)

    def message(self, message_id: str = "m1") -> dict[str, Any]:
        found = run(self.journal.message(message_id))
        assert found is not None
        return found

    def stage(self, message_id: str = "m1") -> str:
        return str(self.message(message_id)["stage"])


@pytest.fixture
def holding(clock: Clock, journal: Journal) -> Iterator[Holding]:
    holding = Holding(clock, journal)
    yield holding
    assert run(holding.hold.stopService()) is None
    assert clock.getDelayedCalls() == []


def test_what_no_receipt_settles_goes_again_and_is_marked(holding: Holding) -> None:
    holding.link(True)
    holding.doubt()
    holding.pass_time(SECONDS - 1)
    assert (holding.stage(), holding.due) == ("asking", [])
    holding.pass_time(2)
    message = holding.message()
    assert (message["stage"], message["status"], message["resent"]) == ("ready", "queued", 1)
    assert message["history"][-1]["word"] == "resent"
    assert len(holding.due) == 1
    assert holding.metrics.resent._value.get() == 1


def test_it_fails_where_that_is_wanted(clock: Clock, journal: Journal) -> None:
    holding = Holding(clock, journal, resend=False)
    holding.link(True)
    holding.doubt()
    holding.pass_time(SECONDS + 1)
    message = holding.message()
    assert (message["status"], message["reason"], message["resent"]) == ("rejected", "uncertain", 0)
    assert (holding.due, holding.finals) == ([], [None])
    assert holding.metrics.resent._value.get() == 0
    run(holding.hold.stopService())


def test_a_receipt_settles_what_is_held(holding: Holding) -> None:
    holding.link(True)
    submission = holding.doubt()
    report = StatusReport(
        "7001", "DELIVRD", Status.DELIVERED, Source.RECEIPT, START, reference=submission.parts[0].reference
    )
    run(holding.journal.settle([report]))
    holding.pass_time(SECONDS + 1)
    message = holding.message()
    assert (message["status"], message["resent"]) == ("delivered", 0)
    assert holding.due == []


def test_without_a_link_nothing_is_released(holding: Holding) -> None:
    holding.doubt()
    holding.pass_time(SECONDS + 1)
    assert holding.stage() == "asking"
    holding.link(False)
    holding.pass_time(600)
    assert (holding.stage(), holding.due) == ("asking", [])


def test_after_a_short_break_time_is_up_as_it_would_have_been(holding: Holding) -> None:
    holding.link(True)
    holding.doubt()
    holding.link(False)
    holding.pass_time(SECONDS / 2 - 2)
    holding.link(True)
    holding.pass_time(SECONDS / 2 + 3)
    assert holding.stage() == "ready"


def test_after_a_long_break_the_receipts_have_their_time(holding: Holding) -> None:
    holding.link(True)
    holding.doubt()
    holding.link(False)
    holding.pass_time(600)
    holding.link(True)
    holding.pass_time(SECONDS - 2)
    assert holding.stage() == "asking"
    holding.pass_time(3)
    assert holding.stage() == "ready"


def test_after_a_start_that_took_long_to_bind_the_receipts_have_their_time(holding: Holding) -> None:
    holding.doubt()
    holding.link(False)
    holding.pass_time(SECONDS + 5)
    holding.link(True)
    holding.pass_time(SECONDS - 2)
    assert holding.stage() == "asking"
    holding.pass_time(3)
    assert holding.stage() == "ready"


def test_after_a_start_the_receipts_have_their_time_however_fast_it_binds(clock: Clock, journal: Journal) -> None:
    """The daemon was stopped for longer than the hold; only now can the receipts come."""
    run(journal.accept(arrival()))
    (submission,) = run(journal.claim(START, 1)).submissions
    run(journal.record([(submission, Uncertain(LOST), START + SECONDS)], START))
    clock.advance(SECONDS + 10)
    holding = Holding(clock, journal)
    holding.pass_time(1)
    holding.link(True)
    holding.pass_time(SECONDS - 2)
    assert holding.stage() == "asking"
    holding.pass_time(3)
    assert holding.stage() == "ready"
    run(holding.hold.stopService())


def test_what_becomes_uncertain_after_the_break_is_not_held_for_longer(holding: Holding) -> None:
    holding.link(False)
    holding.pass_time(600)
    holding.link(True)
    holding.pass_time(30)
    holding.doubt()
    holding.pass_time(SECONDS + 1)
    assert holding.stage() == "ready"


def test_a_short_break_after_a_long_one_does_not_end_the_receipts_time(holding: Holding) -> None:
    holding.doubt()
    holding.link(False)
    holding.pass_time(600)
    holding.link(True)
    holding.pass_time(2)
    holding.link(False)
    holding.pass_time(1)
    holding.link(True)
    holding.pass_time(SECONDS - 5)
    assert holding.stage() == "asking"
    holding.pass_time(5)
    assert holding.stage() == "ready"


def test_a_break_long_ago_is_forgotten(holding: Holding) -> None:
    holding.pass_time(600)
    holding.link(True)
    holding.pass_time(2000)
    holding.doubt()
    holding.link(False)
    holding.pass_time(SECONDS / 2 - 2)
    holding.link(True)
    holding.pass_time(SECONDS / 2 + 3)
    assert holding.stage() == "ready"


def test_more_than_go_at_once_are_released_all_the_same(holding: Holding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("a1gateway.awaited._AT_ONCE", 2)
    holding.link(True)
    for number in range(5):
        holding.doubt(f"m{number}")
    holding.pass_time(SECONDS + 1)
    assert {holding.stage(f"m{number}") for number in range(5)} == {"ready"}


def test_what_is_doubtful_again_is_marked_again(holding: Holding) -> None:
    holding.link(True)
    holding.doubt()
    for times in (1, 2):
        holding.pass_time(SECONDS + 1)
        assert holding.message()["resent"] == times
        (submission,) = run(holding.journal.claim(holding.clock.seconds(), 1)).submissions
        doubt = (submission, Uncertain(LOST), holding.clock.seconds() + SECONDS)
        run(holding.journal.record([doubt], holding.clock.seconds()))
        holding.hold.wake()


def test_a_postponed_message_is_none_of_the_hold_s_business(holding: Holding) -> None:
    holding.link(True)
    run(holding.journal.accept(arrival()))
    (submission,) = run(holding.journal.claim(START, 1)).submissions
    run(holding.journal.record([(submission, Postponed(LOST, 600.0), START + 600)], START))
    holding.hold.wake()
    holding.pass_time(SECONDS + 1)
    message = holding.message()
    assert (message["stage"], message["due_at"], message["resent"]) == ("ready", START + 600, 0)


# Receipts of other parts, and parts of subscribers' messages.


class Waiting:
    """A grace, and messages of two parts that A1 has."""

    def __init__(self, clock: Clock, journal: Journal) -> None:
        self.clock = clock
        self.journal = journal
        self.finals: list[None] = []
        self.kept: list[Received] = []
        receipts = Receipts(journal, Metrics(), lambda: self.finals.append(None))
        self.receipts = receipts
        self.reception = Reception(clock)
        self.reception.changed(up=True)
        self.grace = Grace(clock, journal, self.reception, receipts, seconds=60, on_message=self.kept.append)
        self.grace.startService()

    def sent(self) -> Submission:
        run(self.journal.accept(arrival(text="я" * 100, segments=2)))
        (submission,) = run(self.journal.claim(START, 1)).submissions
        accepted = Accepted("7001", segments=2, parts={1: "7001", 2: "7002"})
        run(self.journal.record([(submission, accepted, START + 1e6)], START))
        return submission

    def receipt(self, identifier: str, status: Status = Status.DELIVERED) -> None:
        word = {Status.DELIVERED: "DELIVRD", Status.UNDELIVERABLE: "UNDELIV"}[status]
        report = StatusReport(identifier, word, status, Source.RECEIPT, self.clock.seconds(), number="375291112233")
        run(self.receipts.settle([report]))

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([0.5] * round(seconds / 0.5))

    def status(self, message_id: str = "m1") -> str:
        found = run(self.journal.message(message_id))
        assert found is not None
        return str(found["status"])


@pytest.fixture
def waiting(clock: Clock, journal: Journal) -> Iterator[Waiting]:
    waiting = Waiting(clock, journal)
    yield waiting
    run(waiting.grace.stopService())
    assert clock.getDelayedCalls() == []


def test_one_receipt_counts_for_the_whole_when_the_other_stays_out(waiting: Waiting) -> None:
    waiting.sent()
    waiting.pass_time(20)
    waiting.receipt("7001")
    waiting.pass_time(59)
    assert (waiting.status(), waiting.finals) == ("sent", [])
    waiting.pass_time(7)
    assert (waiting.status(), waiting.finals) == ("delivered", [None])


def test_while_no_receipt_can_come_nothing_is_decided_without_it(waiting: Waiting) -> None:
    waiting.sent()
    waiting.receipt("7001")
    waiting.reception.changed(up=False)
    waiting.pass_time(600)
    waiting.reception.changed(up=True)
    waiting.pass_time(55)
    assert waiting.status() == "sent"
    waiting.receipt("7002", Status.UNDELIVERABLE)
    assert waiting.status() == "undeliverable"


def test_what_other_receipts_tell_is_heard_also_while_some_have_yet_to_come(waiting: Waiting) -> None:
    """Right after a start: 10 could be 16 in the other base, until a hundred and more show that it is not."""
    identifiers = ["10", "16", *map(str, range(100, 106))]
    for identifier in identifiers:
        run(waiting.journal.accept(arrival(identifier)))
    claimed = run(waiting.journal.claim(START, 500)).submissions
    for submission in claimed:
        accepted = Accepted(submission.message_id, segments=1, parts={1: submission.message_id})
        run(waiting.journal.record([(submission, accepted, START + 1e6)], START))
    for identifier in identifiers:
        waiting.receipt(identifier)
    assert [waiting.status("10"), waiting.status("100")] == ["sent", "delivered"]
    waiting.pass_time(11)
    assert waiting.reception.remaining(60) > 0
    assert {waiting.status(each) for each in identifiers} == {"delivered"}


def test_the_other_receipt_in_time_decides(waiting: Waiting) -> None:
    waiting.sent()
    waiting.receipt("7001")
    waiting.pass_time(30)
    waiting.receipt("7002", Status.UNDELIVERABLE)
    assert waiting.status() == "undeliverable"
    waiting.pass_time(120)
    assert waiting.status() == "undeliverable"


def test_without_any_receipt_nothing_is_decided(waiting: Waiting) -> None:
    waiting.sent()
    waiting.pass_time(600)
    assert waiting.status() == "sent"


def subscriber_part(number: int) -> SubscriberPart:
    return SubscriberPart("375291112233", "MyShop", 0, b"part %d " % number, 5, 3, number, START)


def test_a_subscriber_s_message_is_kept_as_far_as_it_came(waiting: Waiting) -> None:
    assert run(waiting.journal.take_incoming(subscriber_part(1))) is None
    assert run(waiting.journal.take_incoming(replace(subscriber_part(3), at=START + 3600))) is None
    waiting.clock.pump([600.0] * 143)
    assert waiting.kept == []
    waiting.clock.pump([600.0] * 8)
    (received,) = waiting.kept
    message = received.message
    assert (message.text, message.parts, message.parts_received) == ("part 1 part 3 ", 3, 2)
