"""The clock that never jumps: rate, convergence, what the operator hears, and a reactor that runs on it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.base import ReactorBase
from twisted.internet.task import LoopingCall
from twisted.logger import LogEvent, LogLevel, capturedLogs

from a1gateway.clock import SteadyClock

from .conftest import START

HOUR, DAY = 3600.0, 86400.0
# What the fractions of seconds since the epoch are rounded to.
ROUNDED = 1e-5


class Server:
    """A server's two clocks, which the tests turn on."""

    def __init__(self) -> None:
        self.wall = START
        self.monotonic = 1000.0
        self.clock = SteadyClock(lambda: self.wall, lambda: self.monotonic)

    def passes(self, seconds: float, *, every: float = 0.05) -> list[float]:
        """Let time pass, a little more at most; the gateway's time before, and `every` so many seconds."""
        times = [self.clock.seconds()]
        for _ in range(math.ceil(round(seconds / every, 6))):
            self.wall += every
            self.monotonic += every
            times.append(self.clock.seconds())
        return times

    def is_set(self, by: float) -> None:
        """Somebody sets the wall clock."""
        self.wall += by

    @property
    def behind(self) -> float:
        """How far the gateway's time is behind the wall clock."""
        return self.wall - self.clock.seconds()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def logged() -> Iterator[Sequence[LogEvent]]:
    with capturedLogs() as events:
        yield events


def said(events: Sequence[LogEvent]) -> list[tuple[LogLevel, str]]:
    return [(event["log_level"], event["log_format"].format(**event)) for event in events]


def test_it_starts_at_the_wall_clocks_time_and_goes_on_with_it(server: Server) -> None:
    assert server.clock.seconds() == START
    assert server.passes(100)[-1] == pytest.approx(START + 100, abs=0.001)


steps = st.floats(min_value=0, max_value=2 * HOUR) | st.floats(min_value=0, max_value=1)
jumps = st.just(0.0) | st.sampled_from([HOUR, -HOUR]) | st.floats(min_value=-2 * DAY, max_value=2 * DAY)


@given(st.lists(st.tuples(steps, jumps), max_size=60))
def test_it_never_goes_back_and_keeps_to_its_bounds_whatever_the_wall_clock_does(
    way: list[tuple[float, float]],
) -> None:
    server = Server()
    before = server.clock.seconds()
    for passed, jump in way:
        server.monotonic += passed
        server.wall += passed + jump
        now = server.clock.seconds()
        assert now >= before
        assert 0.9 * passed - ROUNDED <= now - before <= 1.1 * passed + ROUNDED
        before = now


@given(st.lists(st.tuples(steps, jumps), max_size=5), st.sampled_from([0.03, 0.1, 0.7, 60.0]))
def test_it_agrees_with_the_wall_clock_after_ten_times_their_difference(
    way: list[tuple[float, float]], every: float
) -> None:
    """However often it is asked; and once it agrees, it stays so."""
    server = Server()
    for passed, jump in way:
        server.monotonic += passed
        server.wall += passed + jump / 1000
        server.clock.seconds()
    server.passes(10 * abs(server.behind) + 0.2 + every, every=every)
    assert server.behind == pytest.approx(0, abs=0.01)
    assert all(after > before for before, after in pairwise(server.passes(10 * every, every=every)))
    assert server.behind == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_jump_is_told_once_with_both_times_and_once_when_it_is_over(
    server: Server, logged: Sequence[LogEvent], jump: float
) -> None:
    server.passes(95)
    server.is_set(jump)
    server.passes(9.9 * HOUR, every=1)
    ((level, text),) = said(logged)
    assert level is LogLevel.warn
    theirs = "2026-11-22T01:01:3" if jump > 0 else "2026-11-21T23:01:3"
    assert text.startswith("the server's clock was set from 2026-11-22T00:01:3")
    assert f"+00:00 to {theirs}" in text
    assert text.endswith("+00:00; the gateway follows it little by little")
    server.passes(2 * HOUR, every=1)
    assert said(logged)[1:] == [(LogLevel.info, "the gateway has caught up with the server's clock")]


def test_a_jump_on_top_of_another_is_told_too_and_one_back_ends_both(
    server: Server, logged: Sequence[LogEvent]
) -> None:
    for jump in (HOUR, HOUR, -2 * HOUR):
        server.is_set(jump)
        server.passes(1)
    assert [level for level, _ in said(logged)] == [LogLevel.warn, LogLevel.warn, LogLevel.info]


def test_more_than_a_day_needs_a_restart_and_nothing_stops(server: Server, logged: Sequence[LogEvent]) -> None:
    """As on a server that started before its clock was set."""
    server.is_set(400 * DAY)
    times = server.passes(60)
    (event,) = said(logged)
    assert event[0] is LogLevel.critical
    assert event[1].endswith("by more than a day: restart the gateway")
    assert times[-1] - times[0] == pytest.approx(66, abs=0.1)


def test_what_a_time_service_corrects_little_by_little_is_followed_unnoticed(
    server: Server, logged: Sequence[LogEvent]
) -> None:
    """Slewing, by 0.05 s a second, and corrections by two seconds at a time."""
    for _ in range(600):
        server.is_set(0.05)
        server.passes(1)
    for correction in (2, -2, -2, 2):
        server.is_set(correction)
        server.passes(30)
    assert said(logged) == []
    assert server.behind == pytest.approx(0, abs=0.01)


class Reactor(ReactorBase):
    """Twisted's timers, and nothing else of a reactor."""

    def installWaker(self) -> None:  # noqa: N802  # the name is Twisted's
        """It waits for nothing."""


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_reactors_timers_run_steadily_on_it(server: Server, jump: float) -> None:
    reactor = Reactor()
    reactor.seconds = server.clock.seconds
    fired: list[str] = []
    every_ten = LoopingCall(fired.append, "loop")
    every_ten.clock = reactor
    every_ten.start(10, now=False)
    put_off = reactor.callLater(50, fired.append, "put off")
    reactor.callLater(50, fired.append, "before")
    server.is_set(jump)
    put_off.reset(70)
    reactor.callLater(50, fired.append, "after")

    def turns(seconds: float) -> list[str]:
        fired.clear()
        for _ in range(int(seconds * 20)):
            server.passes(0.05)
            sleep = reactor.timeout()
            # Never longer than until the next one of the loop, by its own time or a tenth more.
            assert sleep is not None
            assert 0 <= sleep <= 11.2
            reactor.runUntilCurrent()
        return sorted(set(fired))

    assert turns(45) == ["loop"]
    assert fired.count("loop") == 4
    assert turns(11) == ["after", "before", "loop"]
    assert turns(22) == ["loop", "put off"]
    every_ten.stop()
