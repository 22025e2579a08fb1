"""The lasting bind: connected, bound anew after pauses that grow, refused, stopped at any moment; and as a pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError, DNSLookupError
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs

from a1gateway.carriers.outcome import LinkTrouble, Trouble
from a1gateway.carriers.smpp.life import CLOSING, DRAINING, UNBINDING
from a1gateway.carriers.smpp.link import Link, LinkSettings
from a1gateway.carriers.smpp.pdu import CommandStatus, Pdu, encode
from a1gateway.errors import AnswerLost, NotSent

from .conftest import START, run
from .smpp_wire import Journal, Line, Network, deliver

SETTINGS = LinkSettings(
    system_id="a1gateway", password="hush", window=2, enquire_link_interval=20, response_timeout=30
)
REFUSED = ConnectionRefusedError(111, "Connection refused")


@dataclass
class Bench:
    """A link with everything around it."""

    clock: Clock
    link: Link
    network: Network
    journal: Journal
    changes: list[tuple[bool, Trouble | None]]
    rooms: list[int]

    @property
    def trouble(self) -> LinkTrouble:
        assert self.link.trouble is not None
        return self.link.trouble

    def start(self) -> None:
        self.link.startService()

    def bind(self) -> Line:
        """The next attempt comes to a bind."""
        line = self.network.take()
        line.take_bind()
        return line

    def refuse(self, status: int) -> None:
        """The next attempt comes to a connection, and its bind is refused."""
        line = self.network.take()
        [pdu] = line.heard()
        line.answer(pdu, status)
        self.clock.advance(0)

    def pause(self) -> float:
        """Let time pass until the next attempt; how long that was."""
        assert self.network.trying == 0
        begun = self.clock.seconds()
        [timer] = self.clock.getDelayedCalls()
        self.clock.advance(timer.getTime() - begun)
        assert self.network.trying == 1
        return self.clock.seconds() - begun

    def stop(self) -> Deferred[None]:
        return self.link.stopService()

    def has_stopped(self, stopped: Deferred[None]) -> None:
        """It has, and for good."""
        run(stopped)
        assert self.clock.getDelayedCalls() == []
        assert (self.network.trying, self.link.bound, self.link.room) == (0, False, 0)


def bench(*, pair: bool = False, drawn: float = 0.0, on_change: Callable[[], None] | None = None) -> Bench:
    clock, journal, rooms = Clock(), Journal(), list[int]()
    clock.advance(START)
    changes: list[tuple[bool, Trouble | None]] = []
    network = Network(clock)

    def changed() -> None:
        changes.append((link.bound, None if link.trouble is None else link.trouble.trouble))

    link = Link(
        clock,
        network,
        replace(SETTINGS, pair=pair),
        label="smpp.example.by:2775",
        on_delivery=journal.take,
        on_change=on_change or changed,
        on_room=lambda: rooms.append(link.room),
        random=lambda: drawn,
    )
    return Bench(clock, link, network, journal, changes, rooms)


def kind_of(answer: Deferred[Pdu]) -> type[Any]:
    """The class of the answer, or of the error."""
    kinds: list[type[Any]] = []
    answer.addCallbacks(lambda pdu: kinds.append(type(pdu)), lambda why: kinds.append(why.type))
    [kind] = kinds
    return kind


# Bound.


def test_a_start_connects_and_binds_and_says_so() -> None:
    it = bench()
    assert it.network.trying == 0
    it.start()
    assert (it.link.bound, it.link.can_submit, it.link.room, it.changes) == (False, False, 0, [])
    assert str(it.trouble) == "A1's SMSC smpp.example.by:2775 has not been reached yet"
    it.clock.advance(1)
    it.bind()
    assert (it.link.bound, it.link.can_submit, it.link.room) == (True, True, 2)
    assert (it.link.trouble, it.link.bound_since, it.link.reconnections) == (None, START + 1, 0)
    assert it.changes == [(True, None)]


def test_requests_go_over_the_bind() -> None:
    it = bench()
    it.start()
    assert kind_of(it.link.request("submit_sm")) is NotSent
    line = it.bind()
    answer = it.link.request("submit_sm", tlvs={"user_message_reference": 5}, destination_addr="375291112233")
    pdu = line.hear("submit_sm")
    assert (pdu.tlv_number("user_message_reference"), it.link.in_flight, it.link.room) == (5, 1, 1)
    line.answer(pdu, message_id="x")
    assert run(answer).text("message_id") == "x"
    lost = it.link.request("submit_sm")
    line.cut()
    assert kind_of(lost) is AnswerLost
    assert kind_of(it.link.request("submit_sm")) is NotSent
    assert it.link.in_flight == 0


def test_a_free_place_in_a_full_window_is_told() -> None:
    it = bench()
    it.start()
    line = it.bind()
    it.link.request("submit_sm")
    it.link.request("submit_sm")
    for pdu in line.heard():
        line.answer(pdu)
    assert it.rooms == [1]


def test_deliveries_are_answered_with_what_the_journal_says() -> None:
    it = bench()
    it.start()
    line = it.bind()
    line.say(deliver(6))
    it.journal.written(6, CommandStatus.TEMPORARY)
    assert line.hear("deliver_sm_resp").status == CommandStatus.TEMPORARY


# Bound anew.


def test_pauses_between_attempts_in_vain_grow_up_to_half_a_minute() -> None:
    it = bench()
    it.start()
    pauses = []
    for _ in range(9):
        it.network.refuse(REFUSED)
        pauses.append(it.pause())
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_pauses_are_jittered_downwards() -> None:
    it = bench(drawn=1.0)
    it.start()
    pauses = []
    for _ in range(8):
        it.network.refuse(REFUSED)
        pauses.append(it.pause())
    assert pauses == [0.25, 0.5, 1, 2, 4, 8, 15, 15]


@pytest.mark.parametrize("good", [True, False])
def test_pauses_begin_anew_after_an_answer(good: bool) -> None:
    it = bench()
    it.start()
    for _ in range(4):
        it.network.refuse(REFUSED)
        it.pause()
    line = it.bind()
    if good:
        it.link.request("submit_sm")
        line.answer(line.hear("submit_sm"), CommandStatus.THROTTLED)
    line.cut()
    assert it.pause() == (0.5 if good else 8)


@pytest.mark.parametrize(("seconds", "pause"), [(9.9, 8), (10, 0.5)])
def test_pauses_begin_anew_after_ten_seconds(seconds: float, pause: float) -> None:
    it = bench()
    it.start()
    for _ in range(4):
        it.network.refuse(REFUSED)
        it.pause()
    line = it.bind()
    it.clock.advance(seconds)
    line.cut()
    assert it.pause() == pause


def test_a_lost_bind_is_made_anew_and_counted() -> None:
    it = bench()
    it.start()
    it.bind().cut()
    assert (it.link.bound, it.link.bound_since, it.trouble.trouble) == (False, None, Trouble.UNREACHABLE)
    assert str(it.trouble) == "A1's SMSC smpp.example.by:2775 has closed the connection"
    it.pause()
    it.bind()
    assert (it.link.bound, it.link.trouble, it.link.reconnections) == (True, None, 1)
    assert it.changes == [(True, None), (False, Trouble.UNREACHABLE), (True, None)]


def test_a_connection_that_is_lost_before_it_is_bound_is_made_anew() -> None:
    it = bench()
    it.start()
    it.network.take().cut()
    assert it.changes == [(False, Trouble.UNREACHABLE)]
    assert it.pause() == 0.5
    it.network.take().cut()
    assert it.pause() == 1
    it.bind()
    assert (it.link.bound, it.link.reconnections) == (True, 0)


def test_there_are_never_two_connections() -> None:
    it = bench()
    it.start()
    line = it.network.take(deaf=True)
    line.take_bind()
    line.say(encode("unbind", sequence=1))
    assert (it.link.bound, it.changes[-1]) == (False, (False, Trouble.UNREACHABLE))
    it.clock.advance(CLOSING - 0.1)
    assert (it.network.tried, line.transport.aborted) == (1, False)
    it.clock.advance(0.1)
    it.clock.advance(0)
    assert (it.network.tried, line.transport.open) == (1, False)
    assert it.pause() == 0.5


def test_what_was_seen_of_enquire_link_and_of_strange_answers_outlasts_a_connection() -> None:
    it = bench()
    it.start()
    line = it.bind()
    it.clock.advance(3)
    line.say(encode("enquire_link", sequence=1), encode("submit_sm_resp", sequence=77))
    line.cut()
    it.pause()
    assert (it.link.last_enquire_link, it.link.unexpected_responses) == (START + 3, 1)
    line = it.bind()
    assert it.link.last_enquire_link == START + 3
    line.say(encode("enquire_link", sequence=1), encode("submit_sm_resp", sequence=77))
    assert (it.link.last_enquire_link, it.link.unexpected_responses) == (it.clock.seconds(), 2)


# Refused, and out of reach.


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0x0E, "ESME_RINVPASWD; check a1.smpp.system_id and a1.smpp.password"),
        (0x0F, "ESME_RINVSYSID; check a1.smpp.system_id"),
        (0x53, "ESME_RINVSYSTYP; check a1.smpp.system_type"),
    ],
)
@pytest.mark.parametrize(("drawn", "pause"), [(0.0, 60), (1.0, 30)])
def test_what_only_the_operator_can_mend_is_tried_again_slowly(
    status: int, text: str, drawn: float, pause: float
) -> None:
    it = bench(drawn=drawn)
    it.start()
    for _ in range(3):
        it.refuse(status)
        assert str(it.trouble) == f"A1's SMSC smpp.example.by:2775 refuses the bind: {text}"
        assert (it.trouble.trouble, it.trouble.code) == (Trouble.CREDENTIALS, text.partition(";")[0])
        assert it.pause() == pause
    assert it.changes == [(False, Trouble.CREDENTIALS)] * 3
    it.bind()
    assert it.link.trouble is None


@pytest.mark.parametrize("status", [CommandStatus.ALREADY_BOUND, CommandStatus.BIND_FAILED, 0x400])
def test_any_other_refusal_is_tried_again_after_pauses_up_to_a_minute(status: int) -> None:
    it = bench()
    it.start()
    pauses = []
    for _ in range(9):
        it.refuse(status)
        assert it.trouble.trouble is Trouble.UNAVAILABLE
        pauses.append(it.pause())
    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_a_centre_that_cannot_be_reached_is_told_once_for_each_reason() -> None:
    it = bench()
    with capturedLogs() as events:
        it.start()
        for error in (REFUSED, REFUSED, DNSLookupError("no such name"), REFUSED):
            it.network.refuse(error)
            assert it.trouble.trouble is Trouble.UNREACHABLE
            it.pause()
    refused = (
        "A1's SMSC smpp.example.by:2775 cannot be reached: "
        "Connection was refused by other side: 111: Connection refused"
    )
    unknown = "A1's SMSC smpp.example.by:2775 cannot be reached: DNS lookup failed: no such name"
    assert [event["trouble"] for event in events] == [refused, unknown, refused]


def test_the_end_of_a_bind_is_told_once() -> None:
    it = bench()
    with capturedLogs() as events:
        it.start()
        it.bind().cut()
        it.pause()
        it.refuse(0x0D)
    assert [event["log_format"].format(**event) for event in events] == [
        "A1's SMSC smpp.example.by:2775 has taken the bind (bind_transceiver) of a1gateway",
        "A1's SMSC smpp.example.by:2775 has closed the connection",
        "A1's SMSC smpp.example.by:2775 refuses the bind: ESME_RBINDFAIL",
    ]


def test_a_bind_without_an_answer_means_that_nobody_is_there() -> None:
    it = bench()
    it.start()
    it.network.take()
    it.clock.advance(30)
    it.clock.advance(0)
    assert it.trouble.trouble is Trouble.UNREACHABLE
    assert str(it.trouble).endswith("has not answered the bind within 30 seconds")
    assert it.pause() == 0.5


def test_whoever_follows_the_link_may_fail_and_the_bind_goes_on() -> None:
    def fail() -> None:
        raise RuntimeError("a bug")

    it = bench(on_change=fail)
    with capturedLogs() as events:
        it.start()
        it.bind().cut()
        it.pause()
        it.bind()
    assert it.link.bound
    assert [event["log_level"] for event in events if "follows" in event["log_format"]] == [LogLevel.critical] * 3


def test_whoever_follows_the_link_may_stop_it_at_once() -> None:
    stopped: list[Deferred[None]] = []
    it = bench(on_change=lambda: stopped.append(it.stop()) if not stopped else None)
    it.start()
    line = it.bind()
    line.answer(line.hear("unbind"))
    it.clock.advance(0)
    it.has_stopped(stopped[0])


# Stopped.


def test_a_stop_before_the_start_and_a_second_one_have_nothing_to_do() -> None:
    it = bench()
    it.has_stopped(it.stop())
    it.has_stopped(it.stop())
    assert it.network.tried == 0


def test_a_stop_while_connecting_gives_the_attempt_up() -> None:
    it = bench()
    with capturedLogs() as events:
        it.start()
        it.has_stopped(it.stop())
    assert events == []


def test_a_stop_while_binding_leaves_the_connection() -> None:
    it = bench()
    it.start()
    line = it.network.take()
    stopped = it.stop()
    it.clock.advance(0)
    it.has_stopped(stopped)
    assert not line.transport.open


def test_a_stop_while_bound_finishes_what_is_in_flight_and_unbinds() -> None:
    it = bench()
    it.start()
    line = it.bind()
    answer = it.link.request("submit_sm")
    pdu = line.hear("submit_sm")
    first, second = it.stop(), it.stop()
    assert kind_of(it.link.request("submit_sm")) is NotSent
    assert str(it.trouble) == "the gateway has ended the bind to A1's SMSC smpp.example.by:2775"
    assert it.changes[-1] == (False, Trouble.UNREACHABLE)
    line.answer(pdu)
    run(answer)
    line.answer(line.hear("unbind"))
    assert not first.called
    it.clock.advance(0)
    it.has_stopped(first)
    it.has_stopped(second)


def test_a_stop_has_an_end_whatever_the_other_side_does() -> None:
    it = bench()
    it.start()
    line = it.network.take(deaf=True)
    line.take_bind()
    lost = it.link.request("submit_sm")
    stopped = it.stop()
    it.clock.pump([DRAINING, UNBINDING, CLOSING, 0])
    it.has_stopped(stopped)
    assert kind_of(lost) is AnswerLost


def test_a_stop_while_parting_waits_for_the_connection_to_be_gone() -> None:
    it = bench()
    it.start()
    line = it.network.take(deaf=True)
    line.take_bind()
    line.say(encode("unbind", sequence=1))
    stopped = it.stop()
    assert not stopped.called
    it.clock.pump([CLOSING, 0])
    it.has_stopped(stopped)


def test_a_stop_while_waiting_ends_the_wait() -> None:
    it = bench()
    it.start()
    it.network.refuse(REFUSED)
    it.has_stopped(it.stop())


def test_a_link_that_was_stopped_can_be_started_again() -> None:
    it = bench()
    it.start()
    it.has_stopped(it.stop())
    it.start()
    it.bind()
    assert it.link.bound


# A pair.


def test_a_pair_is_a_transmitter_and_a_receiver() -> None:
    it = bench(pair=True)
    it.start()
    transmitter, receiver = it.network.take(), it.network.take()
    pdus = [line.heard()[0] for line in (transmitter, receiver)]
    assert [pdu.command for pdu in pdus] == ["bind_transmitter", "bind_receiver"]
    transmitter.answer(pdus[0])
    assert (it.link.bound, it.link.can_submit, it.link.bound_since) == (False, True, None)
    assert str(it.trouble) == "A1's SMSC smpp.example.by:2775 (receiver) has not been reached yet"
    it.clock.advance(2)
    receiver.answer(pdus[1])
    assert (it.link.bound, it.link.trouble, it.link.bound_since) == (True, None, START + 2)
    it.link.request("submit_sm")
    transmitter.hear("submit_sm")
    assert (it.link.in_flight, it.link.room, receiver.heard()) == (1, 1, [])
    receiver.say(deliver(3))
    it.journal.written(3)
    receiver.hear("deliver_sm_resp")


def test_each_of_a_pair_is_bound_anew_by_itself() -> None:
    it = bench(pair=True)
    it.start()
    transmitter, receiver = it.bind(), it.bind()
    receiver.cut()
    assert (it.link.bound, it.link.can_submit, it.link.trouble is None) == (False, True, False)
    assert "(receiver) has closed the connection" in str(it.trouble)
    it.clock.advance(0.5)
    assert it.network.trying == 1
    transmitter.cut()
    assert (it.link.bound, it.link.can_submit) == (False, False)
    assert "(transmitter) has closed the connection" in str(it.trouble)
    it.bind()
    it.clock.advance(0.5)
    it.bind()
    assert (it.link.bound, it.link.can_submit, it.link.reconnections) == (True, True, 2)


def test_of_a_pair_the_earlier_enquire_link_is_told() -> None:
    it = bench(pair=True)
    it.start()
    lines = [it.bind(), it.bind()]
    for line in lines:
        it.clock.advance(1)
        line.say(encode("enquire_link", sequence=1))
    assert it.link.last_enquire_link == START + 1


def test_a_pair_has_stopped_when_both_have() -> None:
    it = bench(pair=True)
    it.start()
    lines = [it.bind(), it.bind()]
    stopped = it.stop()
    lines[0].answer(lines[0].hear("unbind"))
    it.clock.advance(0)
    assert not stopped.called
    lines[1].answer(lines[1].hear("unbind"))
    it.clock.advance(0)
    it.has_stopped(stopped)


# Whatever comes.


class Lasting(RuleBasedStateMachine):
    """Whatever the centre and the network do: one connection at most, and a stop that has an end."""

    def __init__(self) -> None:
        super().__init__()
        self.it = bench(drawn=0.5)
        self.it.start()

    @property
    def open(self) -> list[Line]:
        return [line for line in self.it.network.lines if line.transport.open]

    @rule(deaf=st.booleans())
    def connect(self, deaf: bool) -> None:
        if self.it.network.trying:
            self.it.network.take(deaf=deaf)

    @rule()
    def refuse_connection(self) -> None:
        if self.it.network.trying:
            self.it.network.refuse(REFUSED)

    @rule(status=st.sampled_from([0, 0, 0, 0x0E, 0x0D]))
    def answer(self, status: int) -> None:
        for line in self.open:
            for pdu in line.heard():
                if not pdu.response:
                    line.answer(pdu, status)

    @rule(octets=st.sampled_from([encode("unbind", sequence=3), bytes(16), encode("enquire_link", sequence=4)]))
    def say(self, octets: bytes) -> None:
        for line in self.open:
            line.say(octets)

    @rule()
    def cut(self) -> None:
        for line in self.open:
            line.cut()

    @rule()
    def submit(self) -> None:
        self.it.link.request("submit_sm").addErrback(lambda why: why.trap(NotSent, AnswerLost))

    @rule(seconds=st.sampled_from([0.0, 0.3, 3.0, 11.0, 30.0, 60.0]))
    def pass_time(self, seconds: float) -> None:
        self.it.clock.advance(seconds)

    @invariant()
    def one_connection_at_most(self) -> None:
        assert len(self.open) + self.it.network.trying <= 1

    @invariant()
    def trouble_is_told_unless_it_is_bound(self) -> None:
        assert self.it.link.bound is (self.it.link.trouble is None)
        assert self.it.link.bound is (self.it.link.bound_since is not None)

    def teardown(self) -> None:
        stopped = self.it.stop()
        self.it.clock.pump([0, DRAINING, UNBINDING, CLOSING, 0])
        self.it.has_stopped(stopped)


def test_whatever_happens_to_it_the_link_lasts() -> None:
    run_state_machine_as_test(Lasting, settings=settings(max_examples=100))
