"""How long a command waits for a portal that does not answer."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ..bitrix24.trouble import PortalTrouble
from ..pacing import growing_pause

T = TypeVar("T")

_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 60.0


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

    def progressed(self) -> None:
        """Something has come of a request; the patience is whole again."""
        self._since = None
        self._attempts = 0

    async def answer(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What comes of asking, as often as it takes; raises as `wait`."""
        while True:
            try:
                return await ask()
            except PortalTrouble as trouble:
                await self.wait(trouble)

    async def wait(self, trouble: PortalTrouble) -> None:
        """Wait until another attempt makes sense.

        Raises `trouble` when the patience would be over before, and when only a person can mend it.
        """
        now = self._clock.seconds()
        if self._since is None:
            self._since = now
        self._attempts += 1
        pause = growing_pause(self._attempts, _FIRST_PAUSE, _LONGEST_PAUSE, self._rand)
        pause = max(pause, trouble.pause or 0.0)
        if trouble.operator or now + pause - self._since > self._seconds:
            raise trouble
        self._on_wait(trouble, pause)
        await deferLater(self._clock, pause)
