"""Numbers and places of requests, how long answers stay out, and how long the other side is silent."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from a1gateway.carriers.smpp.pdu import Pdu
from a1gateway.carriers.smpp.timers import Deadlines, Silence
from a1gateway.carriers.smpp.window import LAST_SEQUENCE, Request, Window


def request(command: str = "submit_sm", *, counted: bool = True) -> Request:
    return Request(command, Deferred(), counted)


def add(window: Window, one: Request) -> int:
    sequence = window.number()
    window.add(sequence, one)
    return sequence


def answer(sequence: int, command: str = "submit_sm_resp") -> Pdu:
    return Pdu(command, 0, sequence)


def test_numbers_begin_with_1_and_after_the_last_with_1_again() -> None:
    window = Window(10)
    assert window.number() == 1
    window.last = 0x7FFFFFFD
    assert [window.number() for _ in range(4)] == [0x7FFFFFFE, 0x7FFFFFFF, 1, 2]


def test_a_number_in_use_or_given_up_is_skipped() -> None:
    window = Window(10)
    assert [add(window, request()) for _ in range(4)] == [1, 2, 3, 4]
    window.give_up(1)
    window.answered(answer(2))
    window.last = LAST_SEQUENCE
    assert [add(window, request()) for _ in range(2)] == [2, 5]


def test_an_answer_of_its_kind_or_a_generic_nack_takes_a_request_out_and_no_other() -> None:
    window = Window(10)
    first, second = request(), request()
    add(window, first)
    add(window, second)
    for stranger in (answer(1, "query_sm_resp"), answer(3), answer(0)):
        assert window.answered(stranger) is None
    assert window.answered(answer(1)) is first
    assert window.answered(answer(2, "generic_nack")) is second
    assert window.answered(answer(1)) is None
    assert window.in_flight == 0


def test_places_are_taken_by_what_counts_and_free_after_every_end() -> None:
    window = Window(2)
    add(window, request("enquire_link", counted=False))
    assert (window.in_flight, window.room) == (0, 2)
    add(window, request())
    add(window, request())
    assert (window.in_flight, window.room) == (2, 0)
    window.give_up(2)
    assert (window.in_flight, window.room) == (1, 1)
    window.answered(answer(3))
    assert (window.in_flight, window.room) == (0, 2)


def test_the_oldest_that_were_given_up_are_forgotten_when_there_are_thousands() -> None:
    window = Window(10_000)
    for sequence in range(1, 5001):
        add(window, request())
        window.give_up(sequence)
    answered = [window.answered(answer(sequence)) is not None for sequence in range(1, 5001)]
    assert answered == [False] * (5000 - 4096) + [True] * 4096


class EveryRequestEndsOnce(RuleBasedStateMachine):
    """In whatever order: a request is answered, or lost, or given up and then at most answered late."""

    def __init__(self) -> None:
        super().__init__()
        self.window = Window(1000)
        self.in_flight: dict[int, Request] = {}
        self.given_up: dict[int, Request] = {}

    @rule(counted=st.booleans())
    def add(self, counted: bool) -> None:
        one = request(counted=counted)
        sequence = add(self.window, one)
        assert 1 <= sequence <= LAST_SEQUENCE
        assert sequence not in self.in_flight | self.given_up
        self.in_flight[sequence] = one

    @rule(data=st.data(), nack=st.booleans(), late=st.booleans())
    def answer(self, data: st.DataObject, nack: bool, late: bool) -> None:
        where = self.given_up if late else self.in_flight
        if where:
            sequence = data.draw(st.sampled_from(sorted(where)))
            one = where.pop(sequence)
            assert self.window.answered(answer(sequence, "generic_nack" if nack else "submit_sm_resp")) is one

    @rule(sequence=st.integers(0, 20) | st.integers(LAST_SEQUENCE - 3, LAST_SEQUENCE))
    def answer_what_was_not_asked(self, sequence: int) -> None:
        if sequence not in self.in_flight | self.given_up:
            assert self.window.answered(answer(sequence)) is None

    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        if self.in_flight:
            sequence = data.draw(st.sampled_from(sorted(self.in_flight)))
            self.given_up[sequence] = self.in_flight.pop(sequence)
            assert self.window.give_up(sequence) is self.given_up[sequence]

    @rule(last=st.sampled_from([0, LAST_SEQUENCE - 3]))
    def go_round(self, last: int) -> None:
        self.window.last = last

    @rule()
    def lose(self) -> None:
        assert self.window.lose() == list(self.in_flight.values())
        assert self.window.lose() == []
        self.in_flight.clear()
        self.given_up.clear()

    @invariant()
    def places_add_up(self) -> None:
        assert self.window.in_flight == sum(one.counted for one in self.in_flight.values())
        assert self.window.room == 1000 - self.window.in_flight


def test_whatever_comes_every_request_ends_once() -> None:
    run_state_machine_as_test(EveryRequestEndsOnce, settings=settings(max_examples=50))


def test_each_deadline_passes_after_its_own_time_on_one_timer() -> None:
    clock, expired = Clock(), list[tuple[float, int]]()
    deadlines = Deadlines(clock, 30, lambda sequence: expired.append((clock.seconds(), sequence)))
    for sequence in range(1, 6):
        deadlines.start(sequence)
        clock.advance(1)
    assert len(clock.getDelayedCalls()) == 1
    deadlines.stop(2)
    clock.pump([1] * 40)
    assert expired == [(30, 1), (32, 3), (33, 4), (34, 5)]
    assert clock.getDelayedCalls() == []


def test_deadlines_that_are_stopped_together_leave_no_timer_and_never_pass() -> None:
    clock, expired = Clock(), list[int]()
    deadlines = Deadlines(clock, 30, expired.append)
    deadlines.start(1)
    deadlines.start(2)
    deadlines.stop_all()
    assert clock.getDelayedCalls() == []
    clock.advance(100)
    assert expired == []


def test_whoever_hears_of_an_expiry_may_stop_and_start_others() -> None:
    clock, expired = Clock(), list[int]()

    def on_expired(sequence: int) -> None:
        expired.append(sequence)
        deadlines.stop(2)
        if sequence < 10:
            deadlines.start(sequence + 10)

    deadlines = Deadlines(clock, 30, on_expired)
    for sequence in (1, 2, 3):
        deadlines.start(sequence)
    clock.advance(30)
    assert expired == [1, 3]
    clock.advance(30)
    assert expired == [1, 3, 11, 13]
    assert clock.getDelayedCalls() == []


def test_silence_is_told_once_until_something_is_heard() -> None:
    clock, told = Clock(), list[float]()
    silence = Silence(clock, 30, lambda: told.append(clock.seconds()))
    silence.listen()
    clock.advance(29)
    silence.heard()
    clock.pump([1] * 100)
    assert told == [59]
    silence.heard()
    clock.pump([1] * 100)
    assert told == [59, 159]


def test_nobody_listens_before_the_start_and_after_the_stop() -> None:
    clock, told = Clock(), list[float]()
    silence = Silence(clock, 30, lambda: told.append(clock.seconds()))
    silence.heard()
    assert clock.getDelayedCalls() == []
    silence.listen()
    silence.stop()
    silence.heard()
    assert clock.getDelayedCalls() == []
    clock.advance(100)
    assert told == []
