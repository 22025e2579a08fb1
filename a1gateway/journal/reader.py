"""Looking into the journal beside the lane: what people look at must not keep a message waiting.

Whoever reads sees what was committed before the look began (WAL), and holds up nobody who writes.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred

from ..errors import JournalUnavailable
from .schema import REVISION
from .spool import OffThread
from .statements import Connection, Row
from .store import revision

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_LOOK = 20.0
"""Seconds; a look that takes longer is broken off."""
# Steps of SQLite's machine, some milliseconds.
_BETWEEN_CHECKS = 100_000
# How long a reader waits while the file is locked against readers too, in seconds.
_BUSY_TIMEOUT = 1.0


class IReader(Protocol):
    """Does work on a connection that can only read."""

    def read(
        self, work: Callable[Concatenate[Connection, P], T], *arguments: P.args, **named: P.kwargs
    ) -> Deferred[T]:
        """Fires with the result of `work`; fails with `JournalUnavailable`, or with the work's own error."""


class Reader:
    """See `IReader`. Every look has a connection of its own: looks are rare, and the file may be replaced."""

    def __init__(self, path: Path, off_thread: OffThread) -> None:
        """`path` is the journal's file; `off_thread` does what blocks away from the reactor."""
        self._path = path
        self._off_thread = off_thread

    def read(
        self, work: Callable[Concatenate[Connection, P], T], *arguments: P.args, **named: P.kwargs
    ) -> Deferred[T]:
        """See `IReader`."""
        return self._off_thread(_look, self._path, partial(_do, work, arguments, named))


@contextmanager
def reading(path: Path, *, longest: float = LONGEST_LOOK) -> Iterator[Connection]:
    """A connection to the journal at `path` that can only read, and for so many seconds. Blocks.

    Raises `JournalUnavailable`, also for what goes wrong with the file while it is read.
    """
    try:
        driver = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_BUSY_TIMEOUT, isolation_level=None)
        with closing(driver):
            driver.row_factory = Row
            until = time.monotonic() + longest
            driver.set_progress_handler(lambda: int(time.monotonic() > until), _BETWEEN_CHECKS)
            if revision(driver) != REVISION:
                raise JournalUnavailable(f"{path} is empty; is it being restored?")
            # One view of it, however many statements follow.
            driver.execute("BEGIN")
            yield Connection(driver)
    except sqlite3.Error as error:
        raise JournalUnavailable(f"{path}: {error}") from error


def _look(path: Path, work: Callable[[Connection], T]) -> T:
    with reading(path) as connection:
        return work(connection)


def _do(work: Callable[..., T], arguments: Any, named: Any, connection: Connection) -> T:
    return work(connection, *arguments, **named)
