"""One thread for a store: whatever waits when it is free goes into one transaction, one sync for all."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from .statements import Connection
from .store import Store, type_of_operation

T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")

type_of_group = Callable[[Connection, Sequence[Item]], Sequence[Result]]

_AT_ONCE = 500
# Seconds from the beginning of a transaction to that of the next. A sync costs as much CPU time as several messages.
_BETWEEN_COMMITS = 0.008
_ALONE = object()


class ILane(Protocol):
    """Runs operations on a store, away from the reactor."""

    def run(self, operation: Callable[[Connection], T]) -> Deferred[T]:
        """Fires with the operation's result once that is on disk; fails with `JournalUnavailable` or its error."""

    def each(self, operation: type_of_group[Item, Result], item: Item) -> Deferred[Result]:
        """The same for an operation that takes all the items that wait for it at once, and gives a result for each.

        It is not in order with what else waits.
        """

    def close(self) -> Deferred[None]:
        """Finish what waits and close the store."""


@dataclass(eq=False, slots=True)
class _Work:
    """What is done as one operation, and who waits for it."""

    operation: type_of_operation
    waiting: list[Deferred[Any]]
    items: list[Any] | None = None
    """Of an operation that takes many at once."""

    def of_one(self) -> list[_Work]:
        """The same, one item at a time."""
        assert self.items is not None
        assert isinstance(self.operation, partial)
        group = self.operation.args[0]
        return [_of_group(group, [item], [done]) for item, done in zip(self.items, self.waiting, strict=True)]

    def settle(self, result: Any) -> None:
        """Tell who waits."""
        results = repeat(result) if self.items is None or isinstance(result, Failure) else result
        for done, each in zip(self.waiting, results, strict=False):
            # A Failure as the result makes the Deferred fail.
            done.callback(each)


class Lane:
    """The thread that writes. Operations keep their order, but for those that are done together."""

    def __init__(self, store: Store, reactor: IReactorFromThreads) -> None:
        self._store = store
        self._reactor = reactor
        self._waiting: deque[tuple[type_of_operation, Any, Deferred[Any]]] = deque()
        self._something = threading.Condition()
        self._closed: Deferred[None] | None = None
        # Started with the first operation: twistd forks between making the gateway and starting it.
        self._thread: threading.Thread | None = None

    def run(self, operation: Callable[[Connection], T]) -> Deferred[T]:
        """See `ILane`."""
        return self._add(operation, _ALONE)

    def each(self, operation: type_of_group[Item, Result], item: Item) -> Deferred[Result]:
        """See `ILane`."""
        return self._add(operation, item)

    def close(self) -> Deferred[None]:
        """See `ILane`."""
        with self._something:
            closed: Deferred[None] = Deferred()
            self._closed = closed
            self._something.notify()
        self._start()
        return closed

    def _add(self, operation: Callable[..., Any], item: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        with self._something:
            self._waiting.append((operation, item, done))
            if len(self._waiting) == 1:
                self._something.notify()
        self._start()
        return done

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        rested = 0.0
        while True:
            with self._something:
                self._something.wait_for(lambda: self._waiting or self._closed is not None)
                # One that comes alone goes at once; of many, those that come meanwhile share the sync.
                self._something.wait_for(lambda: self._closed is not None, timeout=rested - time.monotonic())
                rested = time.monotonic() + _BETWEEN_COMMITS
                taken = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
            if not taken:
                break
            self._do(_together(taken))
        self._store.close()
        assert self._closed is not None
        self._reactor.callFromThread(self._closed.callback, None)

    def _do(self, works: Sequence[_Work]) -> None:
        results: list[Any]
        try:
            results = self._store.transact([work.operation for work in works])
        except Exception:
            results = [Failure()] * len(works)
        else:
            for work, result in zip(works, results, strict=True):
                if isinstance(result, Failure) and work.items is not None and len(work.items) > 1:
                    # It was undone for one of the items: the others must not pay for it.
                    self._do(work.of_one())
                    work.waiting = []
        self._reactor.callFromThread(_settle, works, results)


def _together(taken: Sequence[tuple[type_of_operation, Any, Deferred[Any]]]) -> list[_Work]:
    """What is done as one operation each, in the order of the first of each."""
    works: list[_Work] = []
    groups: dict[Any, _Work] = {}
    for operation, item, done in taken:
        if item is _ALONE:
            works.append(_Work(operation, [done]))
        elif (group := groups.get(operation)) is not None:
            assert group.items is not None
            group.items.append(item)
            group.waiting.append(done)
        else:
            groups[operation] = group = _of_group(operation, [item], [done])
            works.append(group)
    return works


def _of_group(operation: Callable[..., Any], items: list[Any], waiting: list[Deferred[Any]]) -> _Work:
    return _Work(partial(_on_items, operation, items), waiting, items)


def _on_items(
    operation: type_of_group[Item, Result], items: Sequence[Item], connection: Connection
) -> Sequence[Result]:
    return operation(connection, items)


class InlineLane:
    """The same without a thread, for tests on a fake clock and for commands that have no reactor."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def run(self, operation: Callable[[Connection], T]) -> Deferred[T]:
        """See `ILane`."""
        done: Deferred[T] = Deferred()
        result: Any
        try:
            (result,) = self._store.transact([operation])
        except Exception:
            result = Failure()
        done.callback(result)
        return done

    def each(self, operation: type_of_group[Item, Result], item: Item) -> Deferred[Result]:
        """See `ILane`."""
        return self.run(lambda connection: operation(connection, [item])[0])

    def close(self) -> Deferred[None]:
        """See `ILane`."""
        return execute(self._store.close)


def _settle(works: Sequence[_Work], results: Sequence[Any]) -> None:
    for work, result in zip(works, results, strict=True):
        work.settle(result)
