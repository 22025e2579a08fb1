"""How long a portal that does not answer is waited for."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ..bitrix24.trouble import PortalTrouble
from ..pacing import growing_pause

T = TypeVar("T")

_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a portal that does not answer is being waited for; moments in seconds since the epoch."""

    trouble: PortalTrouble
    since: float
    """When it answered last, or was asked first."""
    until: float
    """When it is asked again."""


class Patience:
    """Waits after each trouble, until nothing has come of it for too long."""

    def __init__(
        self,
        clock: IReactorTime,
        seconds: float,
        *,
        on_wait: Callable[[PortalTrouble, float], None] = lambda trouble, pause: None,
        rand: Callable[[], float] = random.random,
    ) -> None:
        """`seconds` is how long troubles in a row may last; `on_wait` hears of each and of the pause, in seconds."""
        self._clock = clock
        self._seconds = seconds
        self._on_wait = on_wait
        self._rand = rand
        self._since: float | None = None
        self._attempts = 0
        self._pause: Deferred[None] | None = None
        self._stopped = False
        self.waiting: Waiting | None = None
        """What is the matter; None while the portal answers."""

    def progressed(self) -> None:
        """Something has come of a request; the patience is whole again."""
        self._since = None
        self._attempts = 0
        self.waiting = None

    def stop(self) -> None:
        """Wait for nothing any more: whoever waits, or would wait, gets a `CancelledError`."""
        self._stopped = True
        if self._pause is not None:
            self._pause.cancel()

    async def answer(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What comes of asking, as often as it takes; raises as `wait`."""
        while True:
            try:
                return await ask()
            except PortalTrouble as trouble:
                await self.wait(trouble)

    async def wait(self, trouble: PortalTrouble) -> None:
        """Wait until another attempt makes sense.

        Raises `trouble` when the patience would be over before, and when only a person can mend it; `CancelledError`
        when it has been stopped.
        """
        if self._stopped:
            raise CancelledError
        now = self._clock.seconds()
        if self._since is None:
            self._since = now
        self._attempts += 1
        pause = growing_pause(self._attempts, _FIRST_PAUSE, _LONGEST_PAUSE, self._rand)
        pause = max(pause, trouble.pause or 0.0)
        if trouble.operator or now + pause - self._since > self._seconds:
            raise trouble
        self.waiting = Waiting(trouble, self._since, now + pause)
        self._on_wait(trouble, pause)
        self._pause = deferLater(self._clock, pause)
        try:
            await self._pause
        finally:
            self._pause = None
