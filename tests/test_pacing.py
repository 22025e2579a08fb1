"""The token bucket and the growing pauses, on a clock of their own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock

from a1gateway.pacing import TokenBucket, growing_pause


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


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_within_their_bounds(attempts: int, drawn: float) -> None:
    pause = growing_pause(attempts, 2, 60, lambda: drawn)
    assert 1 <= pause <= 60
    assert growing_pause(attempts + 1, 2, 60, lambda: drawn) >= pause
