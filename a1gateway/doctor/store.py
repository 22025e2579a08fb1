"""The journal's file, read beside the daemon or without it: nothing is created, upgraded or written.

All of it blocks.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..checklist.findings import Check, Finding
from ..config_sections import Config
from ..free_space import free_at
from ..journal.journal import Installation, read_installation
from ..journal.schema import REVISION
from ..journal.statements import Connection, Row
from ..journal.store import is_of_an_earlier_version, revision

_MB = 1_000_000
_BUSY_TIMEOUT = 5.0
_BETWEEN_LOOKS = 1_000_000
"""Of SQLite's steps, some tens of milliseconds."""
LONGEST = 600.0
"""Seconds that reading the whole file may take."""


# What goes wrong with whoever reads, and says nothing of the file.
_OF_THE_READER = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOMEM,
    )
)


@dataclass(frozen=True, slots=True)
class Kept:
    """How the file is, and which portal it knows."""

    checks: list[Check]
    installation: Installation | None = None
    is_known: bool = False
    """Whether the file says that; else nobody knows whether a portal has installed the application."""


class Unread(Exception):
    """The file cannot be read at the moment without changing something."""


@contextmanager
def reading(path: Path, is_over: Callable[[], bool] = lambda: False) -> Iterator[sqlite3.Connection]:
    """A connection that can only read, broken off when `is_over`; raises `sqlite3.Error`, `Unread`.

    A reader of SQLite makes a log beside a file that has none. So a file that nobody has open is read as one that
    does not change; the log of a daemon that was killed is read as it is.
    """
    query = "mode=ro"
    if not _log_of(path).exists():
        query += "&immutable=1"
    elif not path.with_name(path.name + "-shm").exists():
        raise Unread("the gateway was cut off: its next start puts the file in order")
    driver = sqlite3.connect(
        f"{path.as_uri()}?{query}", uri=True, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
    )
    with closing(driver):
        until = time.monotonic() + LONGEST
        driver.set_progress_handler(lambda: int(is_over() or time.monotonic() > until), _BETWEEN_LOOKS)
        yield driver


def look_at_store(path: Path) -> Kept:
    """How the file is while no daemon has it, and the portal that it knows."""
    facts: dict[str, object] = {"path": str(path)}
    try:
        if not path.exists():
            return Kept([Check(Finding.STORE_NOT_YET, facts), Check(Finding.INTEGRITY_UNKNOWN, facts)], None, True)
        with reading(path) as driver:
            found = revision(driver)
            if found is None:
                return Kept([Check(Finding.STORE_UNREADABLE, facts, "it is empty")])
            facts["revision"] = found
            if found == REVISION:
                return Kept([Check(Finding.STORE_READABLE, facts)], _installation(driver), True)
            older = is_of_an_earlier_version(found)
            return Kept([Check(Finding.STORE_OLDER if older else Finding.STORE_NEWER, facts)])
    except (sqlite3.Error, OSError) as error:
        return Kept([Check(Finding.STORE_UNREADABLE, facts, str(error))])
    except Unread as reason:
        return Kept([Check(Finding.STORE_CUT_OFF, facts, str(reason))])


def check_integrity(path: Path, is_over: Callable[[], bool] = lambda: False) -> list[Check]:
    """Whether every page of the file is what it should be: SQLite's quick check."""
    facts: dict[str, object] = {"path": str(path)}
    try:
        if not path.exists():
            return []
        quiet = not _log_of(path).exists()
        with reading(path, is_over) as driver:
            said = [str(row[0]) for row in driver.execute("PRAGMA quick_check(5)")]
            facts["size"] = path.stat().st_size
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF in _OF_THE_READER:
            return [Check(Finding.INTEGRITY_UNKNOWN, facts, str(error))]
        said = [str(error)]
    except (OSError, Unread) as error:
        return [Check(Finding.INTEGRITY_UNKNOWN, facts, str(error))]
    if said == ["ok"]:
        return [Check(Finding.INTEGRITY_WHOLE, facts)]
    if quiet and _log_of(path).exists():
        return [Check(Finding.INTEGRITY_UNKNOWN, facts, "the gateway was started meanwhile")]
    return [Check(Finding.INTEGRITY_DAMAGED, facts, "; ".join(" ".join(each.split()) for each in said))]


def look_at_places(config: Config, path: Path) -> list[Check]:
    """The free space for journal and spool, and what waits in the spool."""
    spool = Path(config.store.spool).absolute()
    free = []
    for place in (path.parent, spool):
        with suppress(OSError):
            free.append(free_at(_nearest(place)))
    checks = [Check(Finding.SPACE_UNKNOWN)]
    if free:
        least = config.store.min_free_mb * _MB
        low = max(config.store.alarm_free_mb * _MB, least)
        short = max(free) < least
        finding = Finding.SPACE_SHORT if short else Finding.SPACE_LOW if min(free) < low else Finding.SPACE_ENOUGH
        checks = [Check(finding, {"free": min(free)})]
    with suppress(OSError):
        waiting = [each.stat().st_mtime for each in spool.glob("*.json")]
        holds = {"count": len(waiting), "since": min(waiting, default=None)}
        checks.append(Check(Finding.SPOOL_HOLDS, holds) if waiting else Check(Finding.SPOOL_EMPTY))
    return checks


def is_held(path: Path) -> bool:
    """Whether a daemon has the journal at `path`, by the kernel's list of locks: nothing is locked for that."""
    lock = path.with_name(path.name + ".lock")
    try:
        inode = str(lock.stat().st_ino)
        held = Path("/proc/locks").read_text("ascii")
    except OSError:
        return False
    # "1: FLOCK  ADVISORY  WRITE 4242 fd:01:131090 0 EOF". Of stacked file systems the devices differ.
    return any(
        fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == inode
        for fields in map(str.split, held.splitlines())
        if len(fields) > 5
    )


def _installation(driver: sqlite3.Connection) -> Installation | None:
    driver.row_factory = Row
    return read_installation(Connection(driver))


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _nearest(place: Path) -> Path:
    """The folder, or what of it there is before the daemon's first start."""
    return next((each for each in (place, *place.parents) if each.exists()), place)
