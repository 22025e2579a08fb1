"""A copy of the journal while the daemon writes to it, at a pace that leaves the disk to the daemon."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import GatewayError
from ..journal.store import revision
from .archive import Share

# Pages in a step, some megabytes. Each is on disk before the next, and the pause after it is as long as it took: so
# the daemon's syncs find a disk that has little else to write, and waits for one step at most.
_PAGES = 1024
_LONGEST_PAUSE = 2.0
# How long another program's lock on the whole file is waited for, in seconds.
_BUSY_TIMEOUT = 30.0


class BackupFailed(GatewayError):
    """There is no backup; what to do stands in the text."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy is of."""

    revision: str
    messages: int


def copy_journal(
    journal: Path, copy: Path, share: Share = lambda done: None, *, pause: Callable[[float], None] = time.sleep
) -> Copied:
    """Make `copy`, a whole journal in one file, of what has been committed when this begins; then look it through.

    Writers go on meanwhile: they are kept from nothing, but their log (`-wal`) is not used anew until this is done.
    `pause` rests for some seconds. Blocks. Raises `BackupFailed`, also for a journal that is damaged.
    """
    # Nobody else may read it.
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    try:
        with _pinned(journal) as source, closing(sqlite3.connect(copy, isolation_level=None)) as target:
            of = revision(source)
            if of is None:
                raise BackupFailed(f"{journal} is empty: there is nothing to keep")
            target.execute("PRAGMA journal_mode = OFF")
            target.execute("PRAGMA synchronous = OFF")
            source.backup(target, pages=_PAGES, progress=_Pace(copy, share, pause).step)
        return _looked_through(copy, of)
    except sqlite3.OperationalError as error:
        raise BackupFailed(f"{journal} cannot be copied: {error}") from None
    except sqlite3.DatabaseError as error:
        raise BackupFailed(
            f"{journal} is damaged, and no backup is made of it: {error}; "
            "put an earlier one back with: a1gateway restore"
        ) from None


@contextmanager
def _pinned(journal: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can only read, and sees what was committed when it was opened: so the copy ends in one go."""
    # As its owner: what SQLite makes beside the journal must not be root's, or the daemon could not open it any more.
    with as_owner_of(journal):
        source = sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True, timeout=_BUSY_TIMEOUT, isolation_level=None)
        try:
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            source.close()
            raise
    with closing(source):
        yield source


@contextmanager
def as_owner_of(path: Path) -> Iterator[None]:
    """Whatever root does meanwhile is done as the owner of `path`; who is not root stays who they are."""
    if os.geteuid() != 0:
        yield
        return
    owner = path.stat()
    group = os.getegid()
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)


class _Pace:
    """Rests after each step for as long as it took."""

    def __init__(self, copy: Path, share: Share, pause: Callable[[float], None]) -> None:
        self._copy = copy
        self._share = share
        self._pause = pause
        self._began = time.monotonic()

    def step(self, status: int, remaining: int, total: int) -> None:
        del status
        descriptor = os.open(self._copy, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        self._share(1 - remaining / max(total, 1))
        if remaining:
            self._pause(min(time.monotonic() - self._began, _LONGEST_PAUSE))
        self._began = time.monotonic()


def _looked_through(copy: Path, of: str) -> Copied:
    with closing(sqlite3.connect(copy, isolation_level=None)) as driver:
        # One file, which nothing belongs to.
        driver.execute("PRAGMA journal_mode = DELETE")
        found = [str(row[0]) for row in driver.execute("PRAGMA integrity_check(3)")]
        if found != ["ok"]:
            raise sqlite3.DatabaseError("; ".join(" ".join(each.split()) for each in found))
        (messages,) = driver.execute("SELECT count(*) FROM messages").fetchone()
    return Copied(of, int(messages))
