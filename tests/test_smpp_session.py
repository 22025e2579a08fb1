"""One connection to the centre, rule by rule: the bind, requests, deliveries, faults, the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.logger import LogLevel, capturedLogs
from twisted.python.failure import Failure

from a1gateway.carriers.smpp.life import CLOSING, DRAINING, UNBINDING, Ending
from a1gateway.carriers.smpp.pdu import CommandStatus, Pdu, encode
from a1gateway.carriers.smpp.receiving import MOST_AT_ONCE
from a1gateway.carriers.smpp.session import Session
from a1gateway.carriers.smpp.settings import Bind, LinkSettings
from a1gateway.carriers.smpp.window import AnswerLate
from a1gateway.errors import AnswerLost, JournalUnavailable, NotSent

from .smpp_wire import Journal, Line, Watcher, deliver, raw, response

SETTINGS = LinkSettings(
    system_id="a1gateway",
    password="hush",
    system_type="VMA",
    window=3,
    enquire_link_interval=20,
    response_timeout=30,
)
CENTRE = "A1's SMSC smpp.example.by:2775"


@dataclass
class Bench:
    """A session with everything around it."""

    clock: Clock
    session: Session
    line: Line
    watcher: Watcher
    journal: Journal
    rooms: list[int]

    def submit(self, text: bytes = b"text") -> Outcome:
        return Outcome(self.session.request("submit_sm", destination_addr="375291112233", short_message=text))

    @property
    def ending(self) -> Ending:
        assert self.watcher.ending is not None
        return self.watcher.ending

    def is_over(self) -> None:
        """The connection is closed, everybody was told, and no timer is left."""
        self.clock.advance(0)
        assert not self.line.transport.open
        assert self.watcher.told[-2:] == ["ended", "gone"]
        assert self.clock.getDelayedCalls() == []
        assert (self.session.bound, self.session.in_flight, self.session.room) == (False, 0, 0)


class Outcome:
    """What became of a request."""

    def __init__(self, answer: Deferred[Pdu]) -> None:
        self.results: list[Any] = []
        self.deferred = answer
        self.late: Outcome | None = None
        """What became of it after it was given up."""
        answer.addBoth(self._take)

    def _take(self, result: Any) -> None:
        self.results.append(result.value if isinstance(result, Failure) else result)
        if isinstance(self.results[0], AnswerLate):
            self.late = Outcome(self.results[0].late)

    @property
    def kind(self) -> type | None:
        """The class of the only result; None when there is none yet."""
        assert len(self.results) < 2
        return type(self.results[0]) if self.results else None

    @property
    def error(self) -> str:
        """The text of the error."""
        assert isinstance(self.results[0], Exception)
        return str(self.results[0])

    @property
    def answer(self) -> Pdu:
        assert self.kind is Pdu
        pdu: Pdu = self.results[0]
        return pdu


def done(waiting: Deferred[None]) -> bool:
    return bool(waiting.called)


def bench(
    *, bound: bool = True, deaf: bool = False, bind: Bind = Bind.TRANSCEIVER, settings: LinkSettings = SETTINGS
) -> Bench:
    clock, watcher, journal, rooms = Clock(), Watcher(), Journal(), list[int]()
    session = Session(
        clock,
        settings,
        bind,
        centre=CENTRE,
        watcher=watcher,
        on_delivery=journal.take,
        on_room=lambda: rooms.append(session.room),
    )
    line = Line(clock, session, deaf=deaf)
    if bound:
        line.take_bind()
    return Bench(clock, session, line, watcher, journal, rooms)


# The bind.


@pytest.mark.parametrize("bind", list(Bind))
def test_the_bind_goes_out_first_and_nothing_else_until_it_is_answered(bind: Bind) -> None:
    it = bench(bound=False, bind=bind)
    pdu = it.line.hear(bind.value)
    assert dict(pdu.fields) == {
        "system_id": "a1gateway",
        "password": "hush",
        "system_type": "VMA",
        "interface_version": 0x34,
        "addr_ton": 0,
        "addr_npi": 0,
        "address_range": "",
    }
    it.clock.advance(SETTINGS.response_timeout - 1)
    assert it.submit().kind is NotSent
    assert it.line.heard() == []
    assert (it.session.bound, it.session.room, it.session.bound_since) == (False, 0, None)
    assert it.watcher.told == ["connected"]


def test_a_bind_that_is_taken_lets_requests_out() -> None:
    it = bench()
    assert (it.session.bound, it.session.room, it.session.bound_since) == (True, 3, 0.0)
    assert it.watcher.told == ["connected", "bound"]
    it.submit()
    assert it.line.hear("submit_sm").sequence == 2


def test_a_bind_that_is_not_answered_in_time_ends_the_connection() -> None:
    it = bench(bound=False)
    it.clock.advance(30)
    assert it.ending == Ending("has not answered the bind within 30 seconds")
    it.is_over()
    assert it.watcher.told == ["connected", "ended", "gone"]


@pytest.mark.parametrize(
    ("status", "name"),
    [(0x0E, "ESME_RINVPASWD"), (0x0D, "ESME_RBINDFAIL"), (0x05, "ESME_RALYBND"), (0x999, "0x00000999")],
)
def test_a_refused_bind_ends_the_connection_and_says_with_which_status(status: int, name: str) -> None:
    it = bench(bound=False)
    it.line.answer(it.line.hear("bind_transceiver"), status)
    assert it.ending == Ending(f"refuses the bind: {name}", status)
    it.is_over()


@pytest.mark.parametrize(("status", "refusal"), [(0x03, 0x03), (0, CommandStatus.BIND_FAILED)])
def test_a_generic_nack_refuses_the_bind_too(status: int, refusal: int) -> None:
    it = bench(bound=False)
    it.line.say(encode("generic_nack", sequence=1, status=status))
    assert it.ending.refusal == refusal
    it.is_over()


def test_a_bind_that_makes_no_pdu_ends_the_connection() -> None:
    it = bench(bound=False, settings=replace(SETTINGS, system_id="а1"))
    assert it.ending.reason.startswith("could not be asked for a bind")
    it.is_over()


# Requests.


def test_answers_find_their_requests_in_any_order_and_whatever_their_status() -> None:
    it = bench()
    outcomes = [it.submit(text) for text in (b"a", b"b", b"c")]
    first, second, third = it.line.heard()
    it.line.answer(third, message_id="of c")
    it.line.answer(first, 0x58)
    it.line.say(encode("generic_nack", sequence=second.sequence, status=0x03))
    assert outcomes[2].answer.text("message_id") == "of c"
    assert outcomes[0].answer.status == CommandStatus.THROTTLED
    assert (outcomes[1].answer.command, outcomes[1].answer.status) == ("generic_nack", 3)
    assert it.session.answers == 3


def test_tlvs_go_out_with_a_request() -> None:
    it = bench()
    it.session.request("submit_sm", tlvs={"user_message_reference": 7}, destination_addr="1")
    assert it.line.hear("submit_sm").tlv_number("user_message_reference") == 7


def test_more_than_the_window_waits_in_order_for_free_places() -> None:
    it = bench()
    for text in (b"1", b"2", b"3", b"4", b"5"):
        it.submit(text)
    sent = it.line.heard()
    assert [pdu.octets("short_message") for pdu in sent] == [b"1", b"2", b"3"]
    assert (it.session.in_flight, it.session.room) == (3, 0)
    it.line.answer(sent[1])
    assert it.line.hear("submit_sm").octets("short_message") == b"4"
    it.line.answer(sent[0])
    assert it.line.hear("submit_sm").octets("short_message") == b"5"
    assert (it.session.in_flight, it.rooms) == (3, [])


def test_that_a_full_window_has_a_place_again_is_told_once() -> None:
    it = bench()
    for _ in range(3):
        it.submit()
    for pdu in it.line.heard():
        it.line.answer(pdu)
    assert it.rooms == [1]


def test_who_is_answered_may_ask_at_once_but_not_overtake() -> None:
    it = bench()
    answered = it.session.request("submit_sm", short_message=b"1")
    answered.addCallback(lambda _: it.submit(b"after the answer"))
    for text in (b"2", b"3", b"waiting"):
        it.submit(text)
    sent = it.line.heard()
    it.line.answer(sent[0])
    assert it.line.hear("submit_sm").octets("short_message") == b"waiting"
    it.line.answer(sent[1])
    assert it.line.hear("submit_sm").octets("short_message") == b"after the answer"


def test_what_waits_when_the_connection_ends_was_certainly_not_sent() -> None:
    it = bench()
    outcomes = [it.submit() for _ in range(5)]
    it.line.cut()
    assert [outcome.kind for outcome in outcomes] == [AnswerLost] * 3 + [NotSent] * 2
    assert it.submit().kind is NotSent
    it.is_over()


def test_cancelling_keeps_a_request_from_leaving_as_long_as_it_waits() -> None:
    it = bench()
    outcomes = [it.submit(text) for text in (b"1", b"2", b"3", b"4", b"5")]
    sent = it.line.heard()
    outcomes[3].deferred.cancel()
    outcomes[0].deferred.cancel()
    assert (outcomes[3].kind, outcomes[0].kind) == (CancelledError, CancelledError)
    assert it.session.in_flight == 3
    it.line.answer(sent[0])
    assert it.line.hear("submit_sm").octets("short_message") == b"5"
    it.line.cut()
    it.is_over()


def test_values_that_make_no_pdu_cost_no_place() -> None:
    it = bench()
    assert Outcome(it.session.request("submit_sm", destination_addr="1" * 22)).kind is ValueError
    assert Outcome(it.session.request("submit_sm", no_such_field=1)).kind is KeyError
    assert (it.session.in_flight, it.line.heard()) == (0, [])


def test_a_late_answer_is_told_and_its_place_was_free_meanwhile() -> None:
    it = bench()
    outcomes = [it.submit() for _ in range(4)]
    sent = it.line.heard()
    it.clock.advance(SETTINGS.enquire_link_interval)
    it.line.answer(it.line.hear("enquire_link"))
    it.clock.advance(10)
    assert [outcome.kind for outcome in outcomes] == [AnswerLate] * 3 + [None]
    assert outcomes[0].error == f"{CENTRE} has not answered submit_sm within 30 seconds"
    assert it.line.hear("submit_sm").sequence == 6
    assert (it.session.in_flight, it.session.room, it.rooms) == (1, 2, [1])
    first, second = outcomes[0].late, outcomes[1].late
    assert first is not None
    assert second is not None
    it.line.answer(sent[0], message_id="late")
    assert first.answer.text("message_id") == "late"
    # A second answer is one too many.
    it.line.answer(sent[0], message_id="again")
    assert it.session.unexpected == 1
    it.line.cut()
    assert second.kind is None
    it.is_over()


def test_an_answer_that_is_late_is_lost_as_any_other_is() -> None:
    assert issubclass(AnswerLate, AnswerLost)


def test_a_response_that_answers_nothing_is_counted_and_ignored() -> None:
    it = bench()
    outcome = it.submit()
    pdu = it.line.hear("submit_sm")
    strangers = [
        encode("query_sm_resp", sequence=pdu.sequence),
        encode("submit_sm_resp", sequence=99),
        encode("submit_sm_resp", sequence=0),
        encode("bind_transceiver_resp", sequence=1, status=0x0E),
        encode("unbind_resp", sequence=1),
        encode("generic_nack", sequence=99, status=3),
        raw(0x80000042, pdu.sequence),
    ]
    it.line.say(*strangers)
    assert (it.session.unexpected, it.session.answers, outcome.kind) == (len(strangers), 0, None)
    assert it.line.heard() == []
    it.line.answer(pdu)
    assert outcome.answer.status == 0


def test_a_generic_nack_without_a_number_means_that_the_stream_is_out_of_step() -> None:
    it = bench()
    outcome = it.submit()
    it.line.say(encode("generic_nack", sequence=0, status=CommandStatus.INVALID_LENGTH))
    assert outcome.kind is AnswerLost
    assert "generic_nack, ESME_RINVCMDLEN" in it.ending.reason
    it.is_over()


# Whether the other side is there.


@pytest.mark.parametrize("bound", [False, True])
def test_enquire_link_is_answered_at_once(bound: bool) -> None:
    it = bench(bound=bound)
    it.line.heard()
    it.clock.advance(5)
    it.line.say(encode("enquire_link", sequence=77))
    pdu = it.line.hear("enquire_link_resp")
    assert (pdu.sequence, pdu.status, it.session.last_enquire_link) == (77, 0, 5.0)


def test_silence_is_asked_about_and_an_answer_is_enough() -> None:
    it = bench()
    it.clock.advance(19)
    # Half a PDU breaks the silence too.
    it.line.say(encode("enquire_link", sequence=1)[:7])
    it.clock.advance(19)
    assert it.line.heard() == []
    it.clock.advance(1)
    enquiry = it.line.hear("enquire_link")
    it.clock.advance(29)
    it.line.say(encode("enquire_link", sequence=1)[7:])
    it.line.answer(enquiry)
    assert it.session.last_enquire_link == 68.0
    it.clock.advance(19)
    assert it.session.bound


def test_enquire_link_goes_out_even_when_the_window_is_full() -> None:
    it = bench()
    for _ in range(5):
        it.submit()
    assert len(it.line.heard()) == 3
    it.clock.advance(20)
    it.line.hear("enquire_link")
    assert it.session.in_flight == 3


def test_an_enquire_link_without_an_answer_ends_the_connection() -> None:
    it = bench()
    it.clock.advance(20)
    outcome = it.submit()
    it.clock.advance(29)
    assert it.session.bound
    it.clock.advance(1)
    assert it.ending == Ending("has not answered enquire_link within 30 seconds")
    # It went out at the same moment, and ends with the connection or by its own time: the answer is lost either way.
    assert isinstance(outcome.results[0], AnswerLost)
    it.is_over()


# The other side's requests.


def test_an_unbind_is_answered_and_ends_the_connection() -> None:
    it = bench()
    outcome = it.submit()
    it.line.heard()
    it.line.say(encode("unbind", sequence=5))
    assert it.line.hear("unbind_resp").sequence == 5
    assert outcome.kind is AnswerLost
    assert it.ending == Ending("has ended the bind by unbind")
    it.is_over()


@pytest.mark.parametrize("command", ["deliver_sm", "data_sm"])
def test_a_delivery_is_answered_once_it_is_written_down(command: str) -> None:
    it = bench()
    it.line.say(encode(command, sequence=9, source_addr="375291112233"))
    assert [pdu.command for pdu in it.journal.taken] == [command]
    assert it.line.heard() == []
    it.journal.written(9)
    pdu = it.line.hear(f"{command}_resp")
    assert (pdu.sequence, pdu.status, pdu.text("message_id")) == (9, 0, "")


def test_deliveries_are_answered_in_the_order_in_which_they_are_through_with_their_own_statuses() -> None:
    it = bench()
    it.line.say(deliver(1), deliver(2), deliver(3))
    it.journal.written(3)
    it.journal.written(1, CommandStatus.TEMPORARY)
    it.journal.written(2)
    assert [(pdu.sequence, pdu.status) for pdu in it.line.heard()] == [(3, 0), (1, 0x64), (2, 0)]


def test_a_delivery_that_cannot_be_written_down_has_to_come_again() -> None:
    it = bench()
    with capturedLogs() as events:
        for sequence, error in enumerate((RuntimeError("a bug"), JournalUnavailable("disk full"))):
            it.line.say(deliver(sequence))
            it.journal.written(sequence, error)
    assert [pdu.status for pdu in it.line.heard()] == [CommandStatus.TEMPORARY] * 2
    assert [event["log_level"] for event in events] == [LogLevel.critical, LogLevel.warn]


def test_what_keeps_deliveries_off_the_disk_is_told_once_until_one_is_written_down() -> None:
    it = bench()

    def away(times: int) -> list[tuple[str, str]]:
        def act() -> None:
            for _ in range(times):
                it.line.say(deliver(1))
                it.journal.written(1, JournalUnavailable("disk full"))

        return log_of(act)

    told = [("warn", "deliver_sm has to come again: disk full")]
    assert (away(3), away(1)) == (told, [])
    it.line.say(deliver(1))
    it.journal.written(1)
    assert away(2) == told


def test_a_delivery_whose_taking_fails_at_once_has_to_come_again() -> None:
    it = bench()

    def fail(_: Pdu) -> Any:
        raise RuntimeError("a bug")

    it.journal.by = fail
    with capturedLogs():
        it.line.say(deliver(1))
    assert it.line.hear("deliver_sm_resp").status == CommandStatus.TEMPORARY


def test_nothing_is_answered_after_the_end() -> None:
    it = bench(deaf=True)
    it.line.say(deliver(1), deliver(2))
    it.line.say(encode("unbind", sequence=3))
    it.line.hear("unbind_resp")
    it.journal.written(1)
    assert it.line.heard() == []
    it.clock.advance(CLOSING)
    it.is_over()
    it.journal.written(2)
    assert it.line.heard() == []


def test_reading_pauses_while_too_many_deliveries_are_under_way() -> None:
    it = bench()
    it.line.say(*(deliver(sequence) for sequence in range(MOST_AT_ONCE)))
    assert it.line.transport.producerState == "producing"
    it.line.say(deliver(MOST_AT_ONCE))
    assert it.line.transport.producerState == "paused"
    for sequence in range(MOST_AT_ONCE // 2):
        it.journal.written(sequence)
    assert it.line.transport.producerState == "paused"
    it.journal.written(MOST_AT_ONCE // 2)
    assert it.line.transport.producerState == "producing"


def flooded(*, deaf: bool = False) -> Bench:
    it = bench(deaf=deaf)
    it.line.say(*(deliver(sequence) for sequence in range(MOST_AT_ONCE + 1)))
    it.line.heard()
    return it


def test_what_is_not_read_is_no_silence() -> None:
    it = bench()
    it.clock.advance(20)
    it.line.hear("enquire_link")
    it.line.say(*(deliver(sequence) for sequence in range(MOST_AT_ONCE + 1)))
    it.clock.advance(1000)
    assert (it.session.bound, it.line.heard()) == (True, [])
    for sequence in range(MOST_AT_ONCE + 1):
        it.journal.written(sequence)
    assert len(it.line.heard()) == MOST_AT_ONCE + 1
    it.clock.advance(20)
    it.line.hear("enquire_link")
    it.clock.advance(30)
    it.is_over()


def test_a_flooded_connection_that_ends_reads_on_to_see_the_other_side_close() -> None:
    it = flooded(deaf=True)
    it.session.close()
    it.clock.advance(DRAINING)
    it.clock.advance(UNBINDING)
    assert it.line.transport.producerState == "producing"
    it.line.cut()
    it.is_over()
    for sequence in range(MOST_AT_ONCE + 1):
        it.journal.written(sequence)
    assert it.clock.getDelayedCalls() == []


def test_deliveries_before_the_bind_is_answered_are_kept_until_then() -> None:
    it = bench(bound=False)
    bind = it.line.hear("bind_transceiver")
    it.line.say(deliver(1))
    assert it.journal.taken == []
    it.line.say(deliver(2), response(bind, system_id="centre"), deliver(3))
    assert [pdu.sequence for pdu in it.journal.taken] == [1, 2, 3]
    it.journal.written(1)
    assert it.line.hear("deliver_sm_resp").sequence == 1


def test_too_many_deliveries_before_the_bind_is_answered_have_to_come_again() -> None:
    it = bench(bound=False)
    bind = it.line.hear("bind_transceiver")
    it.line.say(*(deliver(sequence) for sequence in range(MOST_AT_ONCE + 1)))
    pdu = it.line.hear("deliver_sm_resp")
    assert (pdu.sequence, pdu.status) == (MOST_AT_ONCE, CommandStatus.INVALID_BIND_STATUS)
    it.line.answer(bind)
    assert len(it.journal.taken) == MOST_AT_ONCE


def test_deliveries_before_a_refused_bind_are_not_taken() -> None:
    it = bench(bound=False)
    bind = it.line.hear("bind_transceiver")
    it.line.say(deliver(1), response(bind, CommandStatus.BIND_FAILED))
    assert (it.journal.taken, it.line.heard()) == ([], [])
    it.is_over()


ALERT = raw(0x102, 4, bytes(7))
OUTBIND = raw(0x0B, 4, b"centre\0secret\0")


@pytest.mark.parametrize("octets", [ALERT, OUTBIND])
def test_what_has_no_response_is_ignored(octets: bytes) -> None:
    it = bench()
    it.line.say(octets)
    assert (it.line.heard(), it.session.bound) == ([], True)


@pytest.mark.parametrize(
    "octets",
    [
        raw(0x42, 1234, b"whatever"),
        raw(0x21, 1234, b"submit_multi"),
        encode("submit_sm", sequence=1234),
        encode("query_sm", sequence=1234),
        encode("bind_receiver", sequence=1234),
    ],
)
def test_any_other_request_is_refused_with_its_number(octets: bytes) -> None:
    it = bench()
    it.line.say(octets)
    pdu = it.line.hear("generic_nack")
    assert (pdu.sequence, pdu.status) == (1234, CommandStatus.INVALID_COMMAND)
    assert it.session.bound


# Faults in the stream.


@pytest.mark.parametrize(
    ("octets", "sequence"),
    [
        (bytes(4), 0),
        ((15).to_bytes(4) + bytes(11), 0),
        ((0x7FFFFFFF).to_bytes(4) + bytes(12), 0),
        (b"HTTP/1.1 400 Bad Request\r\n", 0),
        (raw(0x05, 55, b"a deliver_sm that is none"), 55),
    ],
)
def test_what_is_no_pdu_ends_the_connection_after_what_came_before_it(octets: bytes, sequence: int) -> None:
    it = bench()
    outcomes = [it.submit(), it.submit()]
    first, _ = it.line.heard()
    it.line.say(response(first, message_id="known"), deliver(1), octets, deliver(2))
    assert outcomes[0].answer.text("message_id") == "known"
    assert outcomes[1].kind is AnswerLost
    assert [pdu.sequence for pdu in it.journal.taken] == [1]
    nack = it.line.hear("generic_nack")
    assert (nack.sequence, nack.status) == (sequence, CommandStatus.INVALID_LENGTH)
    assert it.ending.reason.startswith("has sent what is no PDU")
    it.line.say(deliver(3))
    it.is_over()
    assert len(it.journal.taken) == 1


def test_nothing_is_taken_after_the_pdu_that_ends_the_connection() -> None:
    it = bench()
    outcome = it.submit()
    pdu = it.line.hear("submit_sm")
    it.line.say(encode("unbind", sequence=1), deliver(2), response(pdu), encode("enquire_link", sequence=3), b"junk")
    it.line.hear("unbind_resp")
    assert (it.journal.taken, outcome.kind) == ([], AnswerLost)
    it.is_over()


# The end.


def test_a_connection_may_be_gone_before_it_is_bound() -> None:
    it = bench(bound=False)
    it.line.say(deliver(1))
    it.line.cut()
    assert it.ending == Ending("has closed the connection")
    it.is_over()
    assert it.watcher.told == ["connected", "ended", "gone"]


def test_a_connection_that_is_gone_ends_everything() -> None:
    it = bench()
    outcome = it.submit()
    it.line.cut(ConnectionLost("reset by peer"))
    assert outcome.kind is AnswerLost
    assert "reset by peer" in it.ending.reason
    it.is_over()


def test_a_clean_end_waits_for_what_is_under_way_and_then_unbinds() -> None:
    it = bench()
    outcomes = [it.submit() for _ in range(4)]
    sent = it.line.heard()
    it.line.say(deliver(1))
    closed = it.session.close()
    # What waited for a place does not go out any more, and nothing new does.
    assert outcomes[3].kind is NotSent
    assert it.submit().kind is NotSent
    assert (it.session.bound, it.session.room) == (False, 0)
    for pdu in sent:
        assert it.line.heard() == []
        it.line.answer(pdu)
    assert [outcome.kind for outcome in outcomes[:3]] == [Pdu] * 3
    # Deliveries are taken and answered meanwhile.
    it.line.say(deliver(2))
    it.journal.written(1)
    assert it.line.hear("deliver_sm_resp").sequence == 1
    it.journal.written(2)
    answer, unbind = it.line.heard()
    assert (answer.command, answer.sequence, unbind.command) == ("deliver_sm_resp", 2, "unbind")
    assert not done(closed)
    it.line.say(deliver(3))
    it.journal.written(3)
    it.line.hear("deliver_sm_resp")
    it.line.answer(unbind)
    assert it.line.transport.disconnecting
    assert it.ending == Ending("has answered unbind", wanted=True)
    it.is_over()
    assert done(closed)
    assert it.watcher.told == ["connected", "bound", "ended", "gone"]


def test_a_clean_end_with_nothing_under_way_unbinds_at_once() -> None:
    it = bench()
    it.session.close()
    it.line.answer(it.line.hear("unbind"))
    it.is_over()


def test_after_unbind_nothing_is_asked_any_more() -> None:
    it = bench(settings=replace(SETTINGS, enquire_link_interval=1))
    it.session.close()
    it.line.hear("unbind")
    it.clock.advance(UNBINDING - 1)
    assert it.line.heard() == []


def test_every_wait_of_a_clean_end_is_bounded() -> None:
    it = bench(deaf=True)
    outcome = it.submit()
    it.line.heard()
    it.line.say(deliver(1))
    closed = it.session.close()
    transport, seen = it.line.transport, []
    for seconds in (DRAINING, UNBINDING, CLOSING):
        seen.append((outcome.kind, transport.disconnecting, transport.aborted))
        it.clock.advance(seconds)
        seen.append((outcome.kind, transport.disconnecting, transport.aborted))
    it.line.hear("unbind")
    assert seen[0] == seen[1] == seen[2] == (None, False, False)
    assert seen[3] == seen[4] == (AnswerLost, True, False)
    assert seen[5] == (AnswerLost, True, True)
    it.is_over()
    assert done(closed)


def test_answers_are_taken_until_the_very_end() -> None:
    it = bench()
    outcome = it.submit()
    pdu = it.line.hear("submit_sm")
    it.session.close()
    it.clock.advance(DRAINING)
    unbind = it.line.hear("unbind")
    it.line.answer(pdu, message_id="just in time")
    assert outcome.answer.text("message_id") == "just in time"
    it.line.answer(unbind)
    it.is_over()


@pytest.mark.parametrize("pauses", [[], [DRAINING]])
def test_while_it_ends_the_other_side_may_end_it_too(pauses: list[float]) -> None:
    it = bench()
    outcome = it.submit()
    it.session.close()
    it.clock.pump(pauses)
    it.line.heard()
    it.line.say(encode("unbind", sequence=8))
    it.line.hear("unbind_resp")
    assert outcome.kind is AnswerLost
    it.is_over()


@pytest.mark.parametrize("pauses", [[], [DRAINING], [DRAINING, UNBINDING]])
def test_while_it_ends_the_connection_may_be_gone(pauses: list[float]) -> None:
    it = bench(deaf=True)
    outcome = it.submit()
    closed = it.session.close()
    it.clock.pump(pauses)
    it.line.cut()
    assert outcome.kind is AnswerLost
    assert done(closed)
    it.is_over()


def test_a_peer_that_does_not_read_is_dropped_all_the_same() -> None:
    it = bench(deaf=True)
    it.clock.pump([20, 30])
    assert (it.watcher.told, it.line.transport.aborted) == (["connected", "bound", "ended"], False)
    it.clock.advance(CLOSING)
    assert it.line.transport.aborted
    it.is_over()


def test_a_transport_that_closes_at_once_is_no_surprise() -> None:
    it = bench()
    transport = StringTransportWithDisconnection()
    session = Session(
        it.clock,
        SETTINGS,
        Bind.RECEIVER,
        centre=CENTRE,
        watcher=it.watcher,
        on_delivery=it.journal.take,
        on_room=lambda: None,
    )
    transport.protocol = session
    session.makeConnection(transport)
    session.dataReceived(encode("bind_receiver_resp", sequence=1) + bytes(16))
    assert it.watcher.told[-4:] == ["connected", "bound", "ended", "gone"]
    it.line.cut()
    it.is_over()


def test_a_connection_that_is_closed_before_it_is_bound_is_left_at_once() -> None:
    it = bench(bound=False)
    closed = it.session.close()
    assert it.ending.wanted
    it.is_over()
    assert done(closed)


def test_closing_twice_or_afterwards_waits_for_the_same_end() -> None:
    it = bench()
    first, second = it.session.close(), it.session.close()
    it.line.answer(it.line.hear("unbind"))
    third = it.session.close()
    assert [done(each) for each in (first, second, third)] == [False] * 3
    it.is_over()
    assert [done(each) for each in (first, second, third, it.session.close())] == [True] * 4


# The log.


def log_of(act: Callable[[], None]) -> list[tuple[str, str]]:
    with capturedLogs() as events:
        act()
    return [(event["log_level"].name, event["log_format"].format(**event)) for event in events]


def test_the_log_tells_the_life_of_a_bind_and_never_its_password() -> None:
    def refused() -> None:
        it = bench(bound=False)
        it.line.answer(it.line.hear("bind_transceiver"), 0x0E)

    def unbound() -> None:
        bench().line.say(encode("unbind", sequence=1))

    def malformed() -> None:
        bench().line.say(bytes(16))

    def dropped() -> None:
        bench().line.cut()

    taken = ("info", f"{CENTRE} has taken the bind (bind_transceiver) of a1gateway")
    assert log_of(refused) == [("error", f"{CENTRE} refuses the bind: ESME_RINVPASWD")]
    assert log_of(unbound) == [taken, ("warn", f"{CENTRE} has ended the bind by unbind")]
    assert log_of(malformed) == [
        taken,
        ("warn", f"{CENTRE} has sent what is no PDU: a PDU claims 0 octets, possible are 16 to 70000"),
    ]
    assert log_of(dropped) == [taken, ("warn", f"{CENTRE} has closed the connection")]
    assert "hush" not in repr(SETTINGS)


def test_a_message_leaves_nothing_in_the_log_and_unexpected_responses_ever_less() -> None:
    it = bench()

    def messages() -> None:
        for _ in range(20):
            it.submit()
            it.line.answer(it.line.hear("submit_sm"))
            it.line.say(deliver(1))
            it.journal.written(1)
            it.line.heard()

    def strangers() -> None:
        for _ in range(20):
            it.line.say(encode("submit_sm_resp", sequence=999_999))

    assert log_of(messages) == []
    assert [text.rsplit(" ", 3)[1] for _, text in log_of(strangers)] == ["1", "2", "4", "8", "16"]


# Whatever comes.


def cuts(octets: bytes, at: list[int]) -> list[bytes]:
    places = sorted({place % (len(octets) + 1) for place in at})
    return [octets[start:end] for start, end in zip([0, *places], [*places, len(octets)], strict=True)]


_PDUS = st.sampled_from(
    [
        encode("bind_transceiver_resp", sequence=1, system_id="c"),
        encode("bind_transceiver_resp", sequence=1, status=0x0E),
        deliver(3),
        encode("data_sm", sequence=4),
        encode("enquire_link", sequence=5),
        encode("enquire_link_resp", sequence=2),
        encode("unbind", sequence=6),
        encode("unbind_resp", sequence=2),
        encode("submit_sm_resp", sequence=2, message_id="x"),
        encode("submit_sm_resp", sequence=9, message_id="x"),
        encode("generic_nack", sequence=0, status=2),
        encode("generic_nack", sequence=2, status=2),
        encode("submit_sm", sequence=7),
        raw(0x42, 1),
        ALERT,
        OUTBIND,
    ]
)
_ODDS = st.binary(max_size=40) | st.builds(
    lambda length, rest: length.to_bytes(4) + rest, st.integers(0, 40), st.binary(max_size=40)
)
_STREAMS = st.lists(_PDUS | _PDUS | _PDUS | _ODDS, max_size=12).map(b"".join)


def outcome_of(pieces: list[bytes]) -> tuple[Any, ...]:
    """All that can be seen of a session that was fed `pieces`."""
    it = bench(bound=False)

    async def written(_: Pdu) -> int:
        return CommandStatus.OK

    it.journal.by = written
    for piece in pieces:
        if it.line.transport.open:
            it.line.protocol.dataReceived(piece)
    submitted = it.submit()
    it.clock.advance(0)
    seen = (it.journal.taken, it.line.heard(), it.watcher.told[:], it.watcher.ending, it.session.unexpected)
    assert it.line.transport.open or it.watcher.told[-1] == "gone"
    it.line.cut()
    it.is_over()
    assert submitted.kind in (NotSent, AnswerLost)
    return seen


@given(_STREAMS, st.lists(st.integers(0, 1000), max_size=10))
@settings(max_examples=300)
def test_the_same_octets_mean_the_same_however_they_are_cut(stream: bytes, at: list[int]) -> None:
    """And whatever they are, nothing raises: they are understood, or the connection ends."""
    with capturedLogs() as events:
        assert outcome_of(cuts(stream, at)) == outcome_of([stream])
    assert not any(event["log_level"] is LogLevel.critical for event in events)


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_no_octets_raise(pieces: list[bytes]) -> None:
    with capturedLogs():
        outcome_of(pieces)


class EveryRequestEndsOnce(RuleBasedStateMachine):
    """Requests, answers in any order, times that pass, cancellations, ends of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.it = bench()
        self.it.line.heard()
        self.outcomes: list[Outcome] = []
        self.sent: list[Pdu] = []

    def heard(self) -> None:
        pdus = self.it.line.heard()
        self.sent += [pdu for pdu in pdus if pdu.command == "submit_sm"]
        for pdu in pdus:
            if pdu.command == "enquire_link" and self.it.line.transport.open:
                self.it.line.answer(pdu)

    @rule(count=st.integers(1, 5))
    def submit(self, count: int) -> None:
        self.outcomes += [self.it.submit() for _ in range(count)]

    @rule(data=st.data(), nack=st.booleans(), twice=st.booleans())
    def answer(self, data: st.DataObject, nack: bool, twice: bool) -> None:
        if self.sent and self.it.line.transport.open:
            pdu = data.draw(st.sampled_from(self.sent))
            octets = encode("generic_nack", sequence=pdu.sequence, status=3) if nack else response(pdu)
            self.it.line.say(octets, *([octets] if twice else []))

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.outcomes:
            data.draw(st.sampled_from(self.outcomes)).deferred.cancel()

    @rule(seconds=st.floats(0.1, 40))
    def pass_time(self, seconds: float) -> None:
        self.it.clock.advance(seconds)

    @rule()
    def close(self) -> None:
        self.it.session.close()

    @rule(how=st.sampled_from(["cut", "unbind", "junk", "nack"]))
    def end(self, how: str) -> None:
        if not self.it.line.transport.open:
            return
        if how == "cut":
            self.it.line.cut()
        else:
            octets = {
                "unbind": encode("unbind", sequence=1),
                "junk": bytes(20),
                "nack": encode("generic_nack", sequence=0, status=2),
            }
            self.it.line.say(octets[how])

    @invariant()
    def each_has_ended_once_or_is_still_out(self) -> None:
        self.heard()
        for outcome in self.outcomes:
            assert len(outcome.results) <= 1
            if outcome.late is not None:
                assert outcome.late.kind in (None, Pdu)
        assert self.it.session.in_flight <= SETTINGS.window

    def teardown(self) -> None:
        if self.it.line.transport.open:
            self.it.line.cut()
        self.it.is_over()
        kinds = {outcome.kind for outcome in self.outcomes}
        assert kinds <= {Pdu, NotSent, AnswerLost, AnswerLate, CancelledError}


def test_whatever_comes_every_request_ends_once() -> None:
    run_state_machine_as_test(EveryRequestEndsOnce, settings=settings(max_examples=100))
