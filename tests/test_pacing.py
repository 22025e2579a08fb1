"""The token bucket and the growing pauses, on a clock of their own."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from a1gateway.pacing import Gathering, TokenBucket, YieldingPace, growing_pause

from .conftest import START


def test_a_bucket_lets_its_depth_go_at_once_and_then_its_rate() -> None:
    clock = Clock()
    bucket = TokenBucket(clock, 10, 10)
    turns = [bucket.take() for _ in range(25)]
    assert sum(turn.called for turn in turns) == 10
    clock.pump([0.1] * 10 + [0.01])
    assert sum(turn.called for turn in turns) == 20
    clock.pump([0.1] * 5 + [0.01])
    assert all(turn.called for turn in turns)
    assert clock.getDelayedCalls() == []


def test_turns_come_in_the_order_of_asking() -> None:
    clock = Clock()
    bucket = TokenBucket(clock, 1, 1)
    order: list[int] = []
    for number in range(3):
        bucket.take().addCallback(lambda _, which: order.append(which), number)
    clock.pump([1.001] * 3)
    assert order == [0, 1, 2]


def test_a_turn_given_back_is_the_next_ones() -> None:
    clock = Clock()
    bucket = TokenBucket(clock, 1, 1)
    bucket.take()
    waiting = bucket.take()
    bucket.give_back()
    assert waiting.called


def test_a_cancelled_turn_costs_nobody_anything() -> None:
    clock = Clock()
    bucket = TokenBucket(clock, 1, 1)
    bucket.take()
    cancelled, waiting = bucket.take(), bucket.take()
    cancelled.addErrback(lambda why: why.trap(CancelledError))
    cancelled.cancel()
    clock.advance(1.001)
    assert waiting.called


def test_a_drained_bucket_lets_nobody_go_for_that_long() -> None:
    clock = Clock()
    bucket = TokenBucket(clock, 2, 50)
    bucket.drain(1.5)
    turn = bucket.take()
    clock.advance(1.4)
    assert not turn.called
    clock.advance(0.11)
    assert turn.called


def test_a_rest_is_cut_short_by_nothing() -> None:
    clock = Clock()
    bucket = TokenBucket(clock, 2, 50)
    bucket.drain(1.5)
    assert bucket.take_more(5) == 0
    turn = bucket.take()
    bucket.give_back(40)
    bucket.change_rate(1000, 100)
    bucket.drain(0.1)
    clock.advance(1.4)
    assert not turn.called
    assert bucket.take_more(5) == 0
    clock.advance(0.11)
    assert turn.called


def test_more_turns_are_taken_only_while_there_are_some_and_nobody_waits() -> None:
    clock = Clock()
    bucket = TokenBucket(clock, 1, 5)
    assert [bucket.take_more(3), bucket.take_more(3), bucket.take_more(3)] == [3, 2, 0]
    assert bucket.take_more(0) == 0
    waiting = bucket.take()
    bucket.give_back(1)
    assert waiting.called
    another = bucket.take()
    clock.advance(0.9)
    assert bucket.take_more(3) == 0
    clock.advance(0.2)
    assert another.called


def test_several_turns_given_back_are_the_next_ones() -> None:
    bucket = TokenBucket(Clock(), 1, 5)
    assert bucket.take_more(5) == 5
    waiting = [bucket.take() for _ in range(4)]
    bucket.give_back(3)
    assert [turn.called for turn in waiting] == [True, True, True, False]


def test_whoever_waits_goes_by_the_new_rate() -> None:
    clock = Clock()
    bucket = TokenBucket(clock, 0.01, 1)
    turns = [bucket.take() for _ in range(3)]
    bucket.change_rate(10, 1)
    clock.pump([0.101] * 2)
    assert all(turn.called for turn in turns)
    assert clock.getDelayedCalls() == []


def test_what_was_saved_up_does_not_outlast_a_smaller_depth() -> None:
    bucket = TokenBucket(Clock(), 100, 100)
    bucket.change_rate(10, 2)
    assert bucket.take_more(100) == 2


def test_release_lets_everybody_go_and_leaves_no_timer() -> None:
    clock = Clock()
    bucket = TokenBucket(clock, 1, 1)
    turns = [bucket.take() for _ in range(9)]
    bucket.drain(60)
    bucket.release()
    assert all(turn.called for turn in turns)
    assert clock.getDelayedCalls() == []


class Traffic:
    """A pace, and when turns were had."""

    def __init__(self, ceiling: float) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.pace = YieldingPace(self.clock, ceiling)
        self.gone: list[float] = []

    def ask(self, most: int = 1) -> Deferred[None]:
        def have(turns: int) -> None:
            assert 1 <= turns <= most
            self.gone += [self.clock.seconds()] * turns

        return Deferred.fromCoroutine(self.pace.take(most)).addCallback(have)

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.05)):
            self.clock.advance(0.05)

    def rush(self, seconds: float) -> int:
        """Somebody always waits; how many have gone."""
        before = len(self.gone)
        waiting = self.ask()
        for _ in range(round(seconds / 0.005)):
            while waiting.called:
                waiting = self.ask()
            self.clock.advance(0.005)
        return len(self.gone) - before


def test_a_pace_keeps_its_ceiling_by_the_second_whoever_counts() -> None:
    traffic = Traffic(50)
    assert 50 * 4 <= traffic.rush(4) <= 50 * 4 + 1
    assert not traffic.pace.slowed


def test_a_pace_gives_as_many_turns_as_there_are() -> None:
    traffic = Traffic(200)
    traffic.ask(50)
    assert len(traffic.gone) == 4


@pytest.mark.parametrize("ceiling", [4.0, 50.0, 1000.0])
def test_too_much_halves_the_rate_and_nothing_goes_for_a_second(ceiling: float) -> None:
    traffic = Traffic(ceiling)
    traffic.rush(2)
    traffic.pace.too_much()
    assert traffic.pace.rate == ceiling / 2
    assert traffic.pace.slowed
    traffic.pace.give_back(20)
    assert traffic.rush(0.98) == 0
    assert traffic.rush(1) >= ceiling / 2 * 0.9


def test_the_rate_is_halved_once_a_second_at_most() -> None:
    traffic = Traffic(80)
    for _ in range(9):
        traffic.pace.too_much()
        traffic.pass_time(0.1)
    assert traffic.pace.rate == 40
    traffic.pass_time(0.2)
    traffic.pace.too_much()
    assert 20 <= traffic.pace.rate < 22


def test_the_rate_never_falls_to_nothing() -> None:
    traffic = Traffic(50)
    for _ in range(20):
        traffic.pace.too_much()
        traffic.clock.advance(1)
    assert traffic.pace.rate >= 1
    assert traffic.rush(3) >= 2


@pytest.mark.parametrize("ceiling", [0.1, 1.0, 3.0, 50.0, 1000.0])
def test_a_rate_recovers_within_half_a_minute_however_low_it_was(ceiling: float) -> None:
    traffic = Traffic(ceiling)
    for _ in range(20):
        traffic.pace.too_much()
        traffic.clock.advance(1)
        assert traffic.pace.rate <= ceiling
    traffic.pass_time(31)
    assert traffic.pace.rate == ceiling
    assert not traffic.pace.slowed
    assert traffic.clock.getDelayedCalls() == []


def test_without_a_ceiling_there_is_no_limit_until_there_was_too_much() -> None:
    traffic = Traffic(0)
    assert traffic.pace.rate == 0
    assert not traffic.pace.slowed
    assert traffic.rush(1) >= 200
    for _ in range(500):
        traffic.ask()
    assert len(traffic.gone) >= 700


def test_without_a_ceiling_what_really_went_is_halved_and_the_limit_goes_by_itself() -> None:
    traffic = Traffic(0)
    for _ in range(40):
        traffic.ask()
        traffic.clock.advance(0.05)
    traffic.pace.too_much()
    assert 9 <= traffic.pace.rate <= 11
    assert traffic.pace.slowed
    assert traffic.rush(0.98) == 0
    traffic.pass_time(30)
    assert traffic.pace.rate > 100
    traffic.pass_time(60)
    assert traffic.pace.rate == 0
    assert traffic.clock.getDelayedCalls() == []


def test_that_nothing_went_for_a_while_is_no_measure_of_what_was_too_much() -> None:
    traffic = Traffic(0)
    traffic.ask(200)
    traffic.pace.too_much()
    assert traffic.pace.rate == 100
    traffic.pass_time(3.5)
    rate = traffic.pace.rate
    assert rate > 100
    traffic.pace.too_much()
    assert traffic.pace.rate == rate / 2


def test_without_a_ceiling_and_with_nothing_going_the_least_rate_remains() -> None:
    traffic = Traffic(0)
    traffic.pace.too_much()
    assert traffic.pace.rate == 1


def test_turns_given_back_are_not_counted_as_gone() -> None:
    traffic = Traffic(0)
    traffic.ask(64)
    traffic.pace.give_back(54)
    traffic.pace.too_much()
    assert traffic.pace.rate == 5


@pytest.mark.parametrize("ceiling", [0.0, 50.0])
def test_a_pace_that_was_stopped_leaves_no_timer_and_nobody_waiting(ceiling: float) -> None:
    traffic = Traffic(ceiling)
    traffic.rush(0.5)
    traffic.pace.too_much()
    waiting = [traffic.ask() for _ in range(9)]
    traffic.pace.stop()
    assert all(each.called for each in waiting)
    # Answers that come still change nothing.
    traffic.pace.too_much()
    assert traffic.ask().called
    traffic.pace.give_back(1)
    assert traffic.clock.getDelayedCalls() == []
    traffic.pace.stop()


def test_a_clock_set_back_makes_no_rest_longer() -> None:
    traffic = Traffic(50)
    traffic.rush(1)
    traffic.pace.too_much()
    traffic.clock.rightNow -= 3600
    traffic.pace.too_much()
    # The timers of a reactor are set by the same clock: those that run already fire when it has caught up.
    assert traffic.rush(0.98) == 0
    assert traffic.rush(2) >= 12
    traffic.pace.too_much()
    assert traffic.pace.rate < 25
    traffic.clock.rightNow += 3600
    traffic.pass_time(32)
    assert traffic.pace.rate == 50
    assert traffic.clock.getDelayedCalls() == []


STEPS = st.one_of(
    st.tuples(st.just("pass"), st.floats(0.05, 3)),
    st.tuples(st.just("ask"), st.integers(1, 40)),
    st.tuples(st.just("too much"), st.just(0.0)),
    st.tuples(st.just("set back"), st.floats(0, 10)),
)


@given(st.sampled_from([0.2, 1.0, 7.0, 50.0, 640.0]), st.lists(STEPS, max_size=40))
@example(50.0, [("ask", 40), ("too much", 0.0), ("pass", 1.0), ("ask", 40), ("pass", 0.05)])
def test_no_more_than_the_rate_goes_whatever_happens(ceiling: float, steps: list[tuple[str, float]]) -> None:
    """Within any time as many turns as its length times the ceiling, and the depth; none while it rests."""
    traffic = Traffic(ceiling)
    # The time that has really passed: the clock itself may be set back.
    passed, resting_until, times = 0.0, 0.0, list[float]()

    def note() -> None:
        new = len(traffic.gone) - len(times)
        assert not new or passed >= resting_until
        times.extend([passed] * new)

    for what, value in steps:
        if what == "ask":
            traffic.ask(int(value))
        elif what == "too much":
            before = traffic.pace.rate
            traffic.pace.too_much()
            if traffic.pace.rate < before:
                resting_until = passed + 0.999
        elif what == "set back":
            traffic.clock.rightNow -= value
        else:
            for _ in range(round(value / 0.05)):
                passed += 0.05
                traffic.clock.advance(0.05)
                note()
        note()
    depth = max(1.0, ceiling / 10)
    for first, began in enumerate(times):
        for count, ended in enumerate(times[first:], start=1):
            # A step of the test is 0.05 seconds long.
            assert count <= ceiling * (ended - began + 0.05) + depth + 1e-6
    traffic.pace.stop()
    assert traffic.clock.getDelayedCalls() == []


@given(st.lists(st.tuples(st.floats(0.01, 5), st.booleans()), max_size=30))
def test_whoever_waits_gets_a_turn_in_the_end(steps: list[tuple[float, bool]]) -> None:
    traffic = Traffic(5)
    for seconds, too_much in steps:
        traffic.ask(3)
        if too_much:
            traffic.pace.too_much()
        traffic.clock.advance(seconds)
    last = traffic.ask()
    traffic.pass_time(40)
    assert last.called


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_within_their_bounds(attempts: int, drawn: float) -> None:
    pause = growing_pause(attempts, 2, 60, lambda: drawn)
    assert 1 <= pause <= 60
    assert growing_pause(attempts + 1, 2, 60, lambda: drawn) >= pause


def gathered(clock: Clock, a_second: float, seconds: float) -> tuple[int, float]:
    """How many requests of up to 300 go while so many come each second, and how long the longest of them waits."""
    gathering = Gathering(clock)
    waiting, requests, longest = list[float](), 0, 0.0
    came = 0.0
    for _ in range(round(seconds / 0.05)):
        clock.advance(0.05)
        came += a_second * 0.05
        while came >= 1:
            came -= 1
            waiting.append(clock.seconds())
        if waiting and (len(waiting) >= 300 or gathering.wait <= 0):
            longest = max(longest, clock.seconds() - waiting[0])
            gathering.gone(min(300, len(waiting)), full=len(waiting) >= 300)
            del waiting[:300]
            requests += 1
    return requests, longest


def test_what_comes_alone_hardly_waits_and_a_stream_of_it_goes_in_few_requests() -> None:
    requests, longest = gathered(Clock(), 0.2, 100)
    assert (requests, longest) == (20, 0)
    requests, longest = gathered(Clock(), 2, 100)
    assert longest <= 0.6
    requests, longest = gathered(Clock(), 50, 200)
    assert requests <= 45
    assert longest <= 5.1
    requests, _ = gathered(Clock(), 500, 20)
    assert requests <= 36
