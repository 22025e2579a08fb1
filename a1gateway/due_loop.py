"""A service that does what is due: one step after another, sleeping until the next is due or somebody wakes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from .errors import TryLater

_AFTER_TROUBLE = 1.0
_AFTER_BUG = 5.0


def until(due_at: float | None, now: float, longest: float) -> float:
    """Seconds until something is due, `longest` at most; that, too, when nothing is (None)."""
    return longest if due_at is None else min(longest, max(0.0, due_at - now))


class DueLoop(Service):
    """Calls `step` over and over; it answers with the seconds until it wants to be called again.

    A step that raises is logged and called again a little later, so that no fault ends the loop. Stopping lets the
    step under way finish.
    """

    _log = Logger()

    def __init__(self, name: str, clock: IReactorTime, step: Callable[[], Awaitable[float]]) -> None:
        self.setName(name)
        self._clock = clock
        self._step = step
        self._woken = False
        self._sleep: Deferred[None] | None = None
        self._alarm: IDelayedCall | None = None
        self._ended: Deferred[None] = succeed(None)
        self._under_way: set[Deferred[None]] = set()

    def wake(self) -> None:
        """Something may be due now. During a step it means one more step at once after it."""
        self._woken = True
        if self._sleep is not None:
            sleep, self._sleep = self._sleep, None
            if self._alarm is not None and self._alarm.active():
                self._alarm.cancel()
            sleep.callback(None)

    def startService(self) -> None:
        super().startService()
        self._ended = Deferred.fromCoroutine(self._run())

    def stopService(self) -> Deferred[None]:
        """Fires when the step under way has ended, and then what has been begun beside it."""
        super().stopService()
        self.wake()
        return self._ended.addCallback(lambda _: DeferredList(self._under_way)).addCallback(lambda _: None)

    def begin(self, work: Coroutine[Any, Any, None], failed: Callable[[Failure], None]) -> None:
        """Do `work` beside the steps that follow. One more step is due when it ends, well or not."""
        working = Deferred.fromCoroutine(work)
        self._under_way.add(working)
        working.addErrback(failed)
        working.addCallback(lambda _: self._done(working))

    def _done(self, working: Deferred[None]) -> None:
        self._under_way.discard(working)
        self.wake()

    async def _run(self) -> None:
        trouble = ""
        while self.running:
            self._woken = False
            try:
                pause = await self._step()
                trouble = ""
            except TryLater as error:
                # Once for a trouble, however often the step is tried.
                if str(error) != trouble:
                    trouble = str(error)
                    self._log.warn("{loop}: {trouble}", loop=self.name, trouble=trouble)
                pause = _AFTER_TROUBLE
            except Exception:
                self._log.failure("{loop}: a step failed; this is a fault of the gateway", loop=self.name)
                pause = _AFTER_BUG
            if self.running and not self._woken:
                await self._rest(pause)

    def _rest(self, seconds: float) -> Deferred[None]:
        self._sleep = Deferred()
        self._alarm = self._clock.callLater(seconds, self.wake)
        return self._sleep
