"""One thread for a store: whatever waits when it is free goes into one transaction, one sync for all."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection
from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from .store import Store, type_of_operation

T = TypeVar("T")

_AT_ONCE = 500


class ILane(Protocol):
    """Runs operations on a store, away from the reactor."""

    def run(self, operation: Callable[[Connection], T]) -> Deferred[T]:
        """Fires with the operation's result once that is on disk; fails with `JournalUnavailable` or its error."""

    def close(self) -> Deferred[None]:
        """Finish what waits and close the store."""


class Lane:
    """The thread that writes. Operations keep their order."""

    def __init__(self, store: Store, reactor: IReactorFromThreads) -> None:
        self._store = store
        self._reactor = reactor
        self._waiting: deque[tuple[type_of_operation, Deferred[Any]]] = deque()
        self._something = threading.Condition()
        self._closed: Deferred[None] | None = None
        # Started with the first operation: twistd forks between making the gateway and starting it.
        self._thread: threading.Thread | None = None

    def run(self, operation: Callable[[Connection], T]) -> Deferred[T]:
        """See `ILane`."""
        done: Deferred[T] = Deferred()
        with self._something:
            self._waiting.append((operation, done))
            self._something.notify()
        self._start()
        return done

    def close(self) -> Deferred[None]:
        """See `ILane`."""
        with self._something:
            closed: Deferred[None] = Deferred()
            self._closed = closed
            self._something.notify()
        self._start()
        return closed

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            with self._something:
                self._something.wait_for(lambda: self._waiting or self._closed is not None)
                batch = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
            if not batch:
                break
            results: list[Any]
            try:
                results = self._store.transact([operation for operation, _ in batch])
            except Exception:
                results = [Failure()] * len(batch)
            self._reactor.callFromThread(_settle, [done for _, done in batch], results)
        self._store.close()
        assert self._closed is not None
        self._reactor.callFromThread(self._closed.callback, None)


class InlineLane:
    """The same without a thread, for tests on a fake clock and for commands that have no reactor."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def run(self, operation: Callable[[Connection], T]) -> Deferred[T]:
        """See `ILane`."""
        done: Deferred[T] = Deferred()
        try:
            results = self._store.transact([operation])
        except Exception:
            results = [Failure()]
        _settle([done], results)
        return done

    def close(self) -> Deferred[None]:
        """See `ILane`."""
        return execute(self._store.close)


def _settle(waiting: list[Deferred[Any]], results: list[Any]) -> None:
    for done, result in zip(waiting, results, strict=True):
        # A Failure as the result makes the Deferred fail.
        done.callback(result)
