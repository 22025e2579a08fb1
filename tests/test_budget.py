"""The portal's request budget: its limit holds whatever is asked for, and neither use starves the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from a1gateway.bitrix24.budget import Budget, Use
from a1gateway.sandbox.bucket import LeakyBucket


def asked(budget: Budget, use: Use, went: list[tuple[float, Use]], clock: Clock) -> Deferred[None]:
    def go(_: None) -> None:
        went.append((clock.seconds(), use))
        budget.answered()

    return budget.take(use).addCallback(go)


@given(st.lists(st.tuples(st.floats(0, 20), st.sampled_from(Use), st.integers(0, 40)), max_size=12))
def test_no_more_go_than_the_limit_allows_and_all_go_in_the_end(steps: list[tuple[float, Use, int]]) -> None:
    clock = Clock()
    budget = Budget(clock, 2, 10)
    went: list[tuple[float, Use]] = []
    count = 0
    for pause, use, many in steps:
        count += many
        for _ in range(many):
            asked(budget, use, went, clock)
        clock.advance(pause)
    for _ in range(1000):
        clock.advance(0.5)
    assert len(went) == count
    times = [at for at, _ in went]
    for first in range(count):
        for last in range(first, count):
            assert last - first + 1 <= 10 + 2 * (times[last] - times[first]) + 1e-6


@given(
    st.lists(st.tuples(st.floats(0, 6), st.integers(0, 12)), max_size=8),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 15)), min_size=100, max_size=100),
)
def test_a_portal_that_counts_requests_late_refuses_none(
    steps: list[tuple[float, int]], takes: list[tuple[float, float]]
) -> None:
    """It counts a request when it comes to it: at any moment between its leaving and its answer."""
    clock = Clock()
    budget = Budget(clock, 2, 10)
    bucket, refused = LeakyBucket(), list[float]()

    def go(_: None, counted: float, seconds: float) -> None:
        def count() -> None:
            if not bucket.admits(clock.seconds(), rate=2, depth=10 + 1e-6):
                refused.append(clock.seconds())

        clock.callLater(counted * seconds, count)
        clock.callLater(seconds, budget.answered)

    waiting = iter(takes)
    for pause, many in steps:
        for _ in range(many):
            budget.take(Use.LOOK_UPS).addCallback(go, *next(waiting))
        for _ in range(int(pause / 0.1)):
            clock.advance(0.1)
    for _ in range(800):
        clock.advance(0.1)
    assert refused == []


def test_both_uses_take_turns_while_both_wait() -> None:
    clock = Clock()
    budget = Budget(clock, 2, 1)
    went: list[tuple[float, Use]] = []
    for _ in range(100):
        asked(budget, Use.LOOK_UPS, went, clock)
    for _ in range(5):
        asked(budget, Use.STATUSES, went, clock)
    for _ in range(24):
        clock.advance(0.5)
    uses = [use for _, use in went]
    assert uses.count(Use.STATUSES) == 5
    assert Use.STATUSES in uses[:3]
    assert all(first is not second for first, second in zip(uses[1:10], uses[2:11], strict=True))
    # Whoever waits alone has it all.
    assert uses[11:] == [Use.LOOK_UPS] * len(uses[11:])
    assert len(uses) == 25


@pytest.mark.parametrize("use", Use)
def test_a_turn_that_is_given_up_is_nobodys(use: Use) -> None:
    clock = Clock()
    budget = Budget(clock, 1, 1)
    went: list[tuple[float, Use]] = []
    asked(budget, use, went, clock)
    given_up = budget.take(use)
    given_up.addErrback(lambda why: why.trap(CancelledError))
    given_up.cancel()
    clock.advance(5)
    assert budget.left == 1.0
    asked(budget, use, went, clock)
    assert [at for at, _ in went] == [0, 5]


def test_after_too_many_nobody_goes_for_a_while() -> None:
    clock = Clock()
    budget = Budget(clock, 2, 50)
    went: list[tuple[float, Use]] = []
    budget.drain(3)
    assert budget.left == 0.0
    for use in (*Use, *Use):
        asked(budget, use, went, clock)
    for _ in range(20):
        clock.advance(0.5)
    assert [at for at, _ in went] == [3.0, 3.5, 4.0, 4.5]


def test_what_was_not_used_is_there_again() -> None:
    clock = Clock()
    budget = Budget(clock, 1, 4)
    taken = budget.take(Use.STATUSES)
    assert taken.called
    assert budget.left == 0.75
    budget.give_back()
    assert budget.left == 1.0
