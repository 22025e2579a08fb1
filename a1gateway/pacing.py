"""Keeping to other people's limits: a token bucket, and pauses that grow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime


class TokenBucket:
    """At most `depth` requests at once and `rate` a second on the average, in the order of asking."""

    def __init__(self, clock: IReactorTime, rate: float, depth: float) -> None:
        """`rate` is in requests a second, above 0; `depth` in requests, at least 1."""
        self._clock = clock
        self._rate = rate
        self._depth = max(1.0, depth)
        self._tokens = self._depth
        self._counted_at = clock.seconds()
        self._waiting: deque[Deferred[None]] = deque()
        self._timer: IDelayedCall | None = None

    def take(self) -> Deferred[None]:
        """Fires when the caller may go. Cancelling gives the place up."""
        turn: Deferred[None] = Deferred(self._cancelled)
        self._waiting.append(turn)
        self._serve()
        return turn

    def give_back(self) -> None:
        """A turn was taken and not used."""
        self._tokens = min(self._depth, self._tokens + 1)
        self._serve()

    def drain(self, seconds: float) -> None:
        """Nobody goes for `seconds`: the other side said that it has had too much."""
        self._refill()
        self._tokens = min(self._tokens, 1 - seconds * self._rate)

    def _cancelled(self, turn: Deferred[None]) -> None:
        if turn in self._waiting:
            self._waiting.remove(turn)

    def _refill(self) -> None:
        now = self._clock.seconds()
        # A clock set back must not take away what had been saved up.
        self._tokens = min(self._depth, self._tokens + max(0.0, now - self._counted_at) * self._rate)
        self._counted_at = now

    def _serve(self) -> None:
        self._refill()
        # The tolerance keeps rounding from arming a timer for nothing.
        while self._waiting and self._tokens >= 1 - 1e-9:
            self._tokens -= 1
            self._waiting.popleft().callback(None)
        if self._waiting and self._timer is None:
            self._timer = self._clock.callLater(max(0.001, (1 - self._tokens) / self._rate), self._timed)

    def _timed(self) -> None:
        self._timer = None
        self._serve()


def growing_pause(
    attempts: int, first: float, longest: float, random: Callable[[], float], jitter: float = 0.5
) -> float:
    """Seconds to wait after the `attempts`-th failure (from 1): doubling from `first` to `longest`, then jittered.

    The jitter takes away up to its share of the pause, so that `longest` is never exceeded.
    """
    pause = min(longest, first * 2.0 ** min(max(0, attempts - 1), 32))
    return pause * (1 - jitter * random())
