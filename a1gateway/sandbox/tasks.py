"""What the sandbox has under way beside answering requests: lives of messages, callbacks, calls of handlers."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure


class Tasks:
    """Runs coroutines on the side and can stop them all; a failure of one is logged and touches no other."""

    log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self._running: set[Deferred[None]] = set()

    def start(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        """Runs `work` up to its first pause now and the rest when its time comes."""
        running = Deferred.fromCoroutine(work)
        self._running.add(running)

        def ended(result: Failure | None) -> None:
            self._running.discard(running)
            if result is not None and result.check(CancelledError) is None:
                self.log.failure("a task of the sandbox failed", failure=result)

        running.addBoth(ended)

    async def pause(self, seconds: float) -> None:
        """Returns `seconds` later by the clock, at once when they are not positive."""
        if seconds > 0:
            await deferLater(self.clock, seconds)

    def stop(self) -> None:
        """Cancels whatever is under way."""
        for running in list(self._running):
            running.cancel()
