"""The two clocks of a connection: how long answers stay out, and how long the other side is silent."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Deadlines:
    """Calls `on_expired` with each sequence number whose answer has not come within `seconds`.

    All have the same time, so they expire in the order of their start, and one timer is enough for any number.
    """

    def __init__(self, clock: IReactorTime, seconds: float, on_expired: Callable[[int], None]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._on_expired = on_expired
        self._running: OrderedDict[int, float] = OrderedDict()
        self._timer: IDelayedCall | None = None

    def start(self, sequence: int) -> None:
        """Its request leaves now."""
        self._running[sequence] = self._clock.seconds() + self._seconds
        if self._timer is None:
            self._timer = self._clock.callLater(self._seconds, self._look)

    def stop(self, sequence: int) -> None:
        """Its answer is there, or came too late; either way nothing is called for it any more."""
        # The timer stays: looking in vain once in a while is cheaper than a timer for every request.
        self._running.pop(sequence, None)

    def stop_all(self) -> None:
        """The connection has ended. No timer is left."""
        self._running.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        while self._running:
            sequence, deadline = next(iter(self._running.items()))
            if deadline > now:
                break
            del self._running[sequence]
            self._on_expired(sequence)
        if self._running and self._timer is None:
            first = next(iter(self._running.values()))
            self._timer = self._clock.callLater(first - now, self._look)


class Silence:
    """Calls `on_silence` whenever nothing has been heard for `seconds`: once for a silence, however long it lasts."""

    def __init__(self, clock: IReactorTime, seconds: float, on_silence: Callable[[], None]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._on_silence = on_silence
        self._timer: IDelayedCall | None = None
        self._listening = False

    def listen(self) -> None:
        """From now on silence counts."""
        self._listening = True
        self.heard()

    def heard(self) -> None:
        """Something has come: the silence begins anew."""
        if self._timer is not None:
            self._timer.reset(self._seconds)
        elif self._listening:
            self._timer = self._clock.callLater(self._seconds, self._silent)

    def stop(self) -> None:
        """Silence counts no longer. No timer is left."""
        self._listening = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _silent(self) -> None:
        self._timer = None
        self._on_silence()
