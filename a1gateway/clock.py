"""A clock that never jumps, whatever happens to the server's own."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from twisted.logger import Logger

_DAY = 86400.0
# How much faster or slower than the server's monotonic clock it may run: a share of 1.
_MOST = 0.1
# How often the wall clock is looked at, at most, in seconds: everybody asks for the time, all the time.
_STEP = 0.1
# From which difference on, in seconds, an operator hears of it, and at which it is over. What a time service
# corrects little by little stays below.
_JUMP = 3.0
_CAUGHT_UP = 0.5


class SteadyClock:
    """The time since the epoch, as timers and due times need it: it never stands still, goes back or leaps.

    It starts with the wall clock and goes on with the monotonic one. While the wall clock says something else it runs
    up to a tenth faster or slower, until both agree. For one thread.
    """

    _log = Logger()

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Both clocks are in seconds; `wall` since the epoch, `monotonic` since any moment, and never backwards."""
        self._wall = wall
        self._monotonic = monotonic
        # At the beginning of the step: our time, the two clocks, and how fast ours runs until its end.
        self._now = self._wall_then = wall()
        self._monotonic_then = monotonic()
        self._rate = 1.0
        self._following = False

    def seconds(self) -> float:
        """Seconds since the epoch, UTC; from one call to the next 0.9 to 1.1 times what has passed."""
        passed = self._monotonic() - self._monotonic_then
        if passed < _STEP:
            return self._now + passed * self._rate
        return self._next_step(passed)

    def _next_step(self, passed: float) -> float:
        wall = self._wall()
        # Whoever asked within the step was told by its rate; what came after it can still be corrected as a whole.
        late = passed - _STEP
        now = self._now + _STEP * self._rate + late
        now += _bounded(wall - now, _MOST * late)
        behind = wall - now
        self._watch(now, behind, wall - self._wall_then - passed)
        self._now, self._wall_then = now, wall
        self._monotonic_then += passed
        self._rate = 1 + _bounded(behind / _STEP, _MOST)
        return now

    def _watch(self, now: float, behind: float, jumped: float) -> None:
        """Tell the operator of a jump, once, and of its end; the figures are in seconds."""
        if abs(behind) > _JUMP and (abs(jumped) > _JUMP or not self._following):
            self._following = True
            ours, theirs = _shown(now), _shown(now + behind)
            if abs(behind) > _DAY:
                self._log.critical(
                    "the server's clock was set from {ours} to {theirs}, by more than a day: restart the gateway",
                    ours=ours,
                    theirs=theirs,
                )
            else:
                self._log.warn(
                    "the server's clock was set from {ours} to {theirs}; the gateway follows it little by little",
                    ours=ours,
                    theirs=theirs,
                )
        elif self._following and abs(behind) < _CAUGHT_UP:
            self._following = False
            self._log.info("the gateway has caught up with the server's clock")


def _bounded(value: float, most: float) -> float:
    return max(-most, min(most, value))


def _shown(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
