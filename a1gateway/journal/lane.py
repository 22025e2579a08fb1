"""One thread for a store: whatever waits when it is free goes into one transaction, one sync for all."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.python.failure import Failure

from .statements import Connection
from .store import Store, type_of_operation

T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")

type_of_group = Callable[[Connection, Sequence[Item]], Sequence[Result]]

# So many that whoever waits for an answer does not wait long for what was there before.
_AT_ONCE = 40
# However many others go first.
_AT_LEAST = 10
# Seconds from the beginning of a transaction to that of the next. A sync costs as much CPU time as several messages.
_BETWEEN_COMMITS = 0.008
# How many are told of their results before others get their turn.
_TOLD_AT_ONCE = 20
_ALONE = object()
_APART = object()
_Waiting = tuple[Callable[..., Any], Any, Deferred[Any]]


class IReactor(IReactorFromThreads, IReactorTime):
    """What a lane needs of the reactor."""


class ILane(Protocol):
    """Runs operations on a store, away from the reactor."""

    def run(self, operation: Callable[[Connection], T]) -> Deferred[T]:
        """Fires with the operation's result once that is on disk; fails with `JournalUnavailable` or its error."""

    def each(self, operation: type_of_group[Item, Result], item: Item, *, awaited: bool = False) -> Deferred[Result]:
        """The same for an operation that takes all the items that wait for it at once, and gives a result for each.

        It is not in order with what else waits. `awaited`: somebody outside waits for it, and it goes first.
        """

    def apart(self, work: Callable[[Store], T]) -> Deferred[T]:
        """The same for what a store does outside its transactions; everything else waits meanwhile."""

    def close(self) -> Deferred[None]:
        """Finish what waits and close the store."""


@dataclass(eq=False, slots=True)
class _Work:
    """What is done as one operation, and who waits for it."""

    operation: type_of_operation
    waiting: list[Deferred[Any]]
    items: list[Any] | None = None
    """Of an operation that takes many at once."""
    awaited: bool = False
    """Whether somebody outside waits for it."""

    def of_one(self) -> list[_Work]:
        """The same, one item at a time."""
        assert self.items is not None
        assert isinstance(self.operation, partial)
        group = self.operation.args[0]
        return [
            _of_group(group, [item], [done], self.awaited)
            for item, done in zip(self.items, self.waiting, strict=True)
        ]

    def outcomes(self, result: Any) -> Iterable[tuple[Deferred[Any], Any]]:
        """Who waits, each with what is to be told."""
        results = repeat(result) if self.items is None or isinstance(result, Failure) else result
        return zip(self.waiting, results, strict=False)


class Lane:
    """The thread that writes. Operations keep their order, but for those that are done together."""

    def __init__(self, store: Store, reactor: IReactor, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`monotonic` tells seconds that nobody sets back."""
        self._store = store
        self._reactor = reactor
        self._monotonic = monotonic
        self._sign = monotonic()
        self._busy = False
        store.on_step = self._give_sign
        self._waiting: deque[_Waiting] = deque()
        self._awaited: deque[_Waiting] = deque()
        self._something = threading.Condition()
        self._closed: Deferred[None] | None = None
        self._settled: deque[tuple[Deferred[Any], Any]] = deque()
        # Started with the first operation: twistd forks between making the gateway and starting it.
        self._thread: threading.Thread | None = None

    def run(self, operation: Callable[[Connection], T]) -> Deferred[T]:
        """See `ILane`."""
        return self._add(self._waiting, operation, _ALONE)

    def each(self, operation: type_of_group[Item, Result], item: Item, *, awaited: bool = False) -> Deferred[Result]:
        """See `ILane`."""
        return self._add(self._awaited if awaited else self._waiting, operation, item)

    def apart(self, work: Callable[[Store], T]) -> Deferred[T]:
        """See `ILane`."""
        return self._add(self._waiting, work, _APART)

    def silent_for(self) -> float:
        """Seconds since the thread has last shown that it works; 0 while there is nothing to do.

        It shows that by beginning what waits, and within a long operation by SQLite's steps.
        """
        return self._monotonic() - self._sign if self._busy or self._length() else 0.0

    def _give_sign(self) -> None:
        self._sign = self._monotonic()

    def close(self) -> Deferred[None]:
        """See `ILane`."""
        with self._something:
            closed: Deferred[None] = Deferred()
            self._closed = closed
            self._something.notify()
        self._start()
        return closed

    def _add(self, queue: deque[_Waiting], operation: Callable[..., Any], item: Any) -> Deferred[Any]:
        if self._store.upgrading:
            # What waited for minutes would fill the memory, and be in the spool by then.
            return fail(self._store.is_upgraded_first())
        done: Deferred[Any] = Deferred()
        with self._something:
            if not self._busy and not self._length():
                self._give_sign()
            queue.append((operation, item, done))
            if self._length() in (1, _AT_ONCE):
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
                self._something.wait_for(lambda: self._length() or self._closed is not None)
                # One that comes alone goes at once; of many, those that come meanwhile share the sync.
                self._something.wait_for(
                    lambda: self._length() >= _AT_ONCE or self._closed is not None, timeout=rested - time.monotonic()
                )
                rested = time.monotonic() + _BETWEEN_COMMITS
                awaited = _taken(self._awaited, _AT_ONCE)
                others = _taken(self._waiting, max(_AT_LEAST, _AT_ONCE - len(awaited)))
            if not awaited and not others:
                break
            apart = [waiting for waiting in others if waiting[1] is _APART]
            in_transaction = [waiting for waiting in others if waiting[1] is not _APART]
            self._give_sign()
            self._busy = True
            self._do([*_together(awaited, awaited=True), *_together(in_transaction)])
            for work, _, done in apart:
                self._give_sign()
                self._do_apart(work, done)
            self._busy = False
        self._store.close()
        self._reactor.callFromThread(self._end)

    def _length(self) -> int:
        return len(self._waiting) + len(self._awaited)

    def _do_apart(self, work: Callable[[Store], Any], done: Deferred[Any]) -> None:
        try:
            result = work(self._store)
        except Exception:
            result = Failure()
        self._reactor.callFromThread(_tell, [(done, result)])

    def _do(self, works: Sequence[_Work]) -> None:
        if not works:
            return
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
        self._reactor.callFromThread(self._settle, works, results)

    # In the reactor's thread.

    def _settle(self, works: Sequence[_Work], results: Sequence[Any]) -> None:
        tells = not self._settled
        for work, result in zip(works, results, strict=True):
            if work.awaited:
                _tell(work.outcomes(result))
            else:
                self._settled.extend(work.outcomes(result))
        if tells:
            self._tell_some()

    def _tell_some(self) -> None:
        # Others get their turn in between: what is awaited has to be written, and read.
        _tell(self._settled.popleft() for _ in range(min(_TOLD_AT_ONCE, len(self._settled))))
        if self._settled:
            self._reactor.callLater(0, self._tell_some)

    def _end(self) -> None:
        _tell(self._settled.popleft() for _ in range(len(self._settled)))
        assert self._closed is not None
        self._closed.callback(None)


def _taken(queue: deque[_Waiting], most: int) -> list[_Waiting]:
    return [queue.popleft() for _ in range(min(most, len(queue)))]


def _together(taken: Sequence[_Waiting], *, awaited: bool = False) -> list[_Work]:
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
            groups[operation] = group = _of_group(operation, [item], [done], awaited)
            works.append(group)
    return works


def _of_group(operation: Callable[..., Any], items: list[Any], waiting: list[Deferred[Any]], awaited: bool) -> _Work:
    return _Work(partial(_on_items, operation, items), waiting, items, awaited)


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

    def each(self, operation: type_of_group[Item, Result], item: Item, *, awaited: bool = False) -> Deferred[Result]:
        """See `ILane`."""
        return self.run(lambda connection: operation(connection, [item])[0])

    def apart(self, work: Callable[[Store], T]) -> Deferred[T]:
        """See `ILane`."""
        return execute(work, self._store)

    def close(self) -> Deferred[None]:
        """See `ILane`."""
        return execute(self._store.close)


def _tell(outcomes: Iterable[tuple[Deferred[Any], Any]]) -> None:
    for done, result in outcomes:
        # A Failure as the result makes the Deferred fail.
        done.callback(result)
