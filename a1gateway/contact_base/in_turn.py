"""Blocking calls that must not meet: of one job, whose files they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock

from ..journal.spool import OffThread

T = TypeVar("T")


class InTurn:
    """Does them away from the reactor, in their order, each when the one before it has ended.

    Whoever gives up waiting for one does not end it: what comes next waits for it all the same.
    """

    def __init__(self, off_thread: OffThread) -> None:
        self._off_thread = off_thread
        self._turn = DeferredLock()

    def __call__(self, call: Callable[..., T], /, *arguments: Any) -> Deferred[T]:
        """See `OffThread`."""
        answer: Deferred[T] = Deferred()

        async def alone() -> T:
            async with self._turn:
                return await self._off_thread(call, *arguments)

        # Twisted drops what comes for an answer that has been given up.
        Deferred.fromCoroutine(alone()).chainDeferred(answer)
        return answer
