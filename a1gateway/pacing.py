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
        self._under_way = 0
        self._rest = 0.0
        self._counted_at = clock.seconds()
        self._waiting: deque[Deferred[None]] = deque()
        self._timer: IDelayedCall | None = None

    def take(self) -> Deferred[None]:
        """Fires when the caller may go. Cancelling gives the place up."""
        turn: Deferred[None] = Deferred(self._cancelled)
        self._waiting.append(turn)
        self._serve()
        return turn

    def take_more(self, most: int) -> int:
        """Take up to `most` turns that can be had without waiting; how many."""
        self._refill()
        taken = 0 if self._waiting or self._rest else max(0, min(most, int(self._tokens + 1e-9)))
        self._tokens -= taken
        return taken

    @property
    def left(self) -> float:
        """Which share of the depth is left, 0 to 1."""
        self._refill()
        return 0.0 if self._rest else max(0.0, self._tokens / self._depth)

    @property
    def wait(self) -> float:
        """How long until a turn could be had, in seconds, if nobody else took one."""
        self._refill()
        return self._rest + max(0.0, 1 - 1e-9 - self._tokens) / self._rate

    def give_back(self, turns: int = 1) -> None:
        """Turns were taken and not used."""
        self._tokens = min(self._depth, self._tokens + turns)
        self._serve()

    def change_rate(self, rate: float, depth: float) -> None:
        """From now on other limits hold, in the units of the constructor."""
        self._refill()
        self._rate = rate
        self._depth = max(1.0, depth)
        self._tokens = min(self._tokens, self._depth)
        self._stop_timer()
        self._serve()

    def begun(self) -> None:
        """A request goes that the other side may count later than now: until it has ended, it is not made up for."""
        self._refill()
        self._under_way += 1

    def ended(self) -> None:
        """Such a request has been answered, or will never be."""
        self._refill()
        self._under_way -= 1
        self._serve()

    def drain(self, seconds: float) -> None:
        """Nobody goes for `seconds`: the other side said that it has had too much."""
        self._refill()
        # Then one may go, and the others at the rate.
        self._tokens = min(self._tokens, 1.0)
        self._rest = max(self._rest, seconds)

    def release(self) -> None:
        """Everybody who waits goes now, whatever the limits. No timer is left."""
        self._stop_timer()
        waiting, self._waiting = self._waiting, deque()
        for turn in waiting:
            turn.callback(None)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cancelled(self, turn: Deferred[None]) -> None:
        if turn in self._waiting:
            self._waiting.remove(turn)

    def _refill(self) -> None:
        now = self._clock.seconds()
        # A clock set back must not take away what had been saved up, nor make a rest longer.
        passed, self._counted_at = max(0.0, now - self._counted_at), now
        resting = min(passed, self._rest)
        self._rest -= resting
        self._tokens = min(self._depth - self._under_way, self._tokens + (passed - resting) * self._rate)

    def _serve(self) -> None:
        self._refill()
        # The tolerance keeps rounding from arming a timer for nothing.
        while self._waiting and not self._rest and self._tokens >= 1 - 1e-9:
            self._tokens -= 1
            self._waiting.popleft().callback(None)
        if self._waiting and self._timer is None:
            wait = self._rest + max(0.0, 1 - self._tokens) / self._rate
            self._timer = self._clock.callLater(max(0.001, wait), self._timed)

    def _timed(self) -> None:
        self._timer = None
        self._serve()


class Gathering:
    """How long what comes waits for others to go with: not at all by itself, longer while more keeps coming."""

    def __init__(self, clock: IReactorTime, *, first: float = 0.5, longest: float = 5.0, few: int = 5) -> None:
        """`first` and `longest` are in seconds; so `few` need not wait longer than `first`."""
        self._clock = clock
        self._first = first
        self._longest = longest
        self._few = few
        self._gap = 0.0
        self._gone_at: float | None = None

    @property
    def wait(self) -> float:
        """Seconds until a request that is not full may go."""
        if self._gone_at is None:
            return 0.0
        passed = self._clock.seconds() - self._gone_at
        if not 0 <= passed < 2 * self._longest:
            self._gap = 0.0
        return max(0.0, self._gap - passed) if passed >= 0 else 0.0

    def gone(self, count: int, *, full: bool) -> None:
        """A request has gone with so many; `full`: with all that it could hold."""
        self._gone_at = self._clock.seconds()
        if count <= self._few:
            self._gap = self._first
        elif not full:
            self._gap = min(self._longest, max(self._first, self._gap * 2))


class YieldingPace:
    """A rate that falls when the other side has had too much, and recovers by itself.

    Said to be too much, the rate is halved, at most once a second, and nothing goes for a second; then it grows back
    to its ceiling within about half a minute. With no ceiling it is what really went that is halved, and the rate
    grows until it is no limit any more.
    """

    def __init__(self, clock: IReactorTime, ceiling: float) -> None:
        """`ceiling` is in turns a second; 0: no limit."""
        self._clock = clock
        self._ceiling = ceiling
        self._least = min(_SLOWEST, ceiling or _SLOWEST)
        self._rate = ceiling
        self._bucket = TokenBucket(clock, ceiling or _PLENTY, self._depth(ceiling or _PLENTY))
        self._second = clock.seconds()
        self._gone = self._gone_before = 0
        self._slowed_at: float | None = None
        self._growing: IDelayedCall | None = None
        self._stopped = False

    @property
    def rate(self) -> float:
        """Turns a second now; 0: no limit."""
        return self._rate

    @property
    def slowed(self) -> bool:
        """Whether the rate is below its ceiling because the other side had too much."""
        return self._rate != self._ceiling

    async def take(self, most: int = 1) -> int:
        """Wait for a turn; take up to `most` that can be had then, and say how many."""
        taken = 1
        if not self._stopped:
            await self._bucket.take()
            taken += self._bucket.take_more(most - 1)
        self._count(taken)
        return taken

    def give_back(self, turns: int) -> None:
        """Turns were taken and not used."""
        self._count(-turns)
        self._bucket.give_back(turns)

    def too_much(self) -> None:
        """The other side says that it has had too much."""
        now = self._clock.seconds()
        if self._stopped or (self._slowed_at is not None and 0 <= now - self._slowed_at < _REST):
            return
        self._slowed_at = now
        self._bucket.drain(_REST)
        self._change(max(self._least, self._borne() / 2))
        if self._growing is None:
            self._growing = self._clock.callLater(_REST, self._grow)
        else:
            self._growing.reset(_REST)

    def stop(self) -> None:
        """Nobody waits any longer, and no timer is left; for when nothing can go out any more."""
        self._stopped = True
        if self._growing is not None:
            self._growing.cancel()
            self._growing = None
        self._bucket.release()

    def _borne(self) -> float:
        """The rate that was too much."""
        if self._ceiling:
            return self._rate
        self._count(0)
        went = max(self._gone, self._gone_before)
        # Nothing has gone while it rested; then the rate itself has to do.
        return min(self._rate or went, went) if went > 0 else self._rate

    def _grow(self) -> None:
        self._growing = None
        if self._ceiling:
            rate = min(self._ceiling, self._rate + max(self._least, self._ceiling / _SECONDS_TO_RECOVER))
        else:
            rate = self._rate * _GROWTH + _SLOWEST
            rate = rate if rate < _PLENTY else 0.0
        self._change(rate)
        if self.slowed:
            self._growing = self._clock.callLater(1.0, self._grow)

    def _change(self, rate: float) -> None:
        self._rate = rate
        self._bucket.change_rate(rate or _PLENTY, self._depth(rate or _PLENTY))

    @staticmethod
    def _depth(rate: float) -> float:
        # What had been saved up for a whole second would be too much for whoever counts by the second.
        return rate / 50

    def _count(self, turns: int) -> None:
        now = self._clock.seconds()
        if not 0 <= now - self._second < 1:
            self._gone_before = self._gone if 0 <= now - self._second < 2 else 0
            self._second, self._gone = now, 0
        self._gone += turns


# Turns a second: what is never a limit, and what is the least.
_PLENTY = 10_000.0
_SLOWEST = 1.0
# How long nothing goes, in seconds, when there was too much.
_REST = 1.0
_SECONDS_TO_RECOVER = 30
_GROWTH = 1.1


def growing_pause(
    attempts: int, first: float, longest: float, random: Callable[[], float], jitter: float = 0.5
) -> float:
    """Seconds to wait after the `attempts`-th failure (from 1): doubling from `first` to `longest`, then jittered.

    The jitter takes away up to its share of the pause, so that `longest` is never exceeded.
    """
    pause = min(longest, first * 2.0 ** min(max(0, attempts - 1), 32))
    return pause * (1 - jitter * random())
