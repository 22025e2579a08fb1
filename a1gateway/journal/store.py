"""The file of the journal: made, locked, upgraded, opened; and transactions of many operations on it."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import CannotStart, JournalDamaged, JournalTooNew, JournalUnavailable
from .schema import REVISION
from .statements import Connection, Row

type_of_operation = Callable[[Connection], Any]

_MIGRATIONS = Path(__file__).parent / "migrations"
# How long a statement waits for a lock that another process holds, in seconds. Short: a message that the journal
# cannot take goes into the spool, and Bitrix24 is waiting for its answer meanwhile.
_BUSY_TIMEOUT = 1.0
# The free space that an upgrade takes, in sizes of the journal: the copy, the log of the transaction that rewrites
# it, what SQLite sorts for new indexes, and the larger journal itself. 2.3 of them were measured.
_SIZES_FOR_UPGRADE = 3
# Seconds from an upgrade that could not be done to the next try: another one may copy the whole journal again.
_BETWEEN_UPGRADES = 60.0
# KiB that an upgrade may keep in memory: with less, pages are written and sorted several times.
_CACHE_OF_UPGRADE = 8_000
# How often there is a word of work that goes on: after so many of SQLite's steps, and pages of the copy.
_STEPS, _PAGES = 100_000, 5_000
_MB = 1_000_000
# The log may be so large, in octets, once what stands in it is in the journal: usually it has four megabytes, and
# while somebody reads for long it grows.
_LONGEST_LOG = 32 * _MB
# A journal of so many octets is written anew in some three seconds.
_SMALL = 50 * _MB
# The free space that compacting takes, in sizes of the journal: a copy without holes, and the log that brings it in.
_SIZES_FOR_COMPACTING = 2
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    # What is masked or deleted is written over, and with it whatever a row leaves behind that has grown.
    "secure_delete=ON",
    f"journal_size_limit={_LONGEST_LOG}",
)
# How a database begins, and what any of ours has in it: of one that is damaged something is left.
_SIGNS = (b"SQLite format 3\0", b"CREATE TABLE ")
_CHUNK = 1024 * 1024
# Octets of the smallest page of SQLite's.
_SMALLEST = 512
# Seconds until a damaged file is looked through again, the first time and at most: it may have been the disk's fault.
_LOOK_AGAIN, _LOOK_AGAIN_AT_MOST = 60.0, 3600.0
_OF_ONE_OPERATION = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)


class NoRoom(JournalUnavailable):
    """There is too little free space for that."""


class Store:
    """One SQLite file in WAL mode.

    `synchronous=FULL` makes every commit a sync of the log, so that what was acknowledged survives a power cut. All
    methods block: they are for one thread of their own (`lane`), or for a start before the reactor turns.
    """

    _log = Logger()

    def __init__(
        self,
        url: str,
        *,
        migrations: Path = _MIGRATIONS,
        working: Callable[[], None] = lambda: None,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`url` is `sqlite:///` and a path, absolute with a fourth slash; `migrations` holds Alembic's revisions.

        `working` is called often while an upgrade goes on, in the thread that does it. `free` tells the octets that
        may still be written where a folder is; `monotonic` seconds that nobody sets back.
        """
        self.path = Path(make_url(url).database or "").absolute()
        self._migrations = migrations
        self._driver: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._lock: int | None = None
        self._prepared = False
        self._working = working
        self.on_step: Callable[[], None] = lambda: None
        """Called now and then while a long operation goes on, in the thread that does it."""
        self._free = free
        self._monotonic = monotonic
        self._upgrade_at = monotonic()
        self._hindrance = ""
        self._damage: _Damage | None = None
        self.upgrading = False
        """Whether an upgrade goes on, for minutes perhaps: nobody had better wait for the thread that does it."""

    def lock(self) -> None:
        """Make this process the only daemon on the file, until it ends; raises `CannotStart` when another is.

        Two daemons on one journal would send messages twice. Other programs may read beside the daemon.
        """
        name = self.path.with_name(self.path.name + ".lock")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CannotStart(f"store.url: {name} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise CannotStart(f"store.url: another a1gateway is running on {self.path}") from error
        self._lock = descriptor

    def prepare(self, *, create: bool = True, largest: int | None = None) -> None:
        """Create the file, or upgrade it to this version, keeping a copy of what it was.

        One of more than `largest` octets is not upgraded yet: that is `JournalUnavailable`, and the first transaction
        does it.

        Raises `JournalTooNew` for a file of a later version, `CannotStart` for one that is no journal,
        `JournalDamaged` for one that was a journal once, and `JournalUnavailable` when it cannot be told at the
        moment, as while another program holds the file, or when an upgrade has not enough free space; it is tried
        again a minute later at the earliest.
        """
        self._raise_if_damaged()
        try:
            # Tokens and texts are in it: nobody else may read it, nor what SQLite makes beside it.
            os.close(os.open(self.path, os.O_RDWR | (os.O_CREAT if create else 0) | os.O_CLOEXEC, 0o600))
            os.chmod(self.path, 0o600)
        except OSError as error:
            raise CannotStart(f"store.url: {self.path} cannot be written: {error.strerror}") from error
        try:
            if 0 < _size(self.path) < _SMALLEST:
                # SQLite takes what is shorter than any database for an empty one, and would write over it.
                raise _no_database()
            self._upgrade(create=create, largest=largest)
        except sqlite3.Error as error:
            if _is_damage(error) == sqlite3.SQLITE_NOTADB and not _was_a_database(self.path):
                raise CannotStart(f"store.url: {self.path} is not a journal of a1gateway") from error
            raise self._unavailable(error) from error
        self._prepared = True

    def transact(self, operations: Sequence[type_of_operation]) -> list[Any]:
        """Run `operations` in one transaction, synced to disk, each with its result or its `Failure`.

        An operation that raises is undone alone. Raises `JournalUnavailable` when none of them was kept.
        """
        try:
            driver = self._connected()
            driver.execute("BEGIN IMMEDIATE")
            try:
                results = self._all(driver, operations)
                if driver.in_transaction or len(operations) > 1:
                    driver.execute("COMMIT")
            finally:
                if driver.in_transaction:
                    driver.execute("ROLLBACK")
            self._still_the_same_file()
        except sqlite3.Error as error:
            self.disconnect()
            raise self._unavailable(error) from error
        except JournalUnavailable:
            self.disconnect()
            raise
        except CannotStart as error:
            # Found while running: somebody is doing something to the file.
            self.disconnect()
            raise JournalUnavailable(str(error)) from error
        return results

    def tidy(self) -> bool:
        """After something was masked or deleted: leave as little of it in unused places of the file as is cheap.

        A small journal is compacted; of a larger one, or without room for that, the log alone is trimmed. Whether
        nothing is left for certain. Never raises: what is masked is masked.
        """
        with suppress(JournalUnavailable):
            if _size(self.path) <= _SMALL:
                self.compact()
                return True
        with suppress(JournalUnavailable):
            self.trim_log()
        return False

    def trim_log(self) -> bool:
        """Bring what stands in the log into the journal and cut the log off: old pages with texts are in it.

        Whether that could be done: not while somebody reads what was before. Raises `JournalUnavailable`.
        """
        try:
            busy = self._connected().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error as error:
            self.disconnect()
            raise self._unavailable(error) from error
        return not busy

    def compact(self) -> tuple[int, int]:
        """Write the journal anew without what is not used; its size with its log, in octets, before and after.

        SQLite moves rows about as they grow, and leaves copies of them in unused places, which are written over some
        time; after this, nothing that was deleted or masked is left anywhere. Readers go on meanwhile, writers wait.
        Raises `NoRoom`, or `JournalUnavailable` when it cannot be done for another reason; the journal is what it was
        then.
        """
        before = self._size_with_log()
        free, needed = self._free(self.path.parent), _SIZES_FOR_COMPACTING * before
        if free < needed:
            raise NoRoom(
                f"{self.path} cannot be compacted: that takes {-(-needed // _MB)} MB of free space, "
                f"and there are {free // _MB} MB; make room"
            )
        try:
            self._connected().execute("VACUUM")
        except sqlite3.Error as error:
            self.disconnect()
            raise self._unavailable(error) from error
        self.trim_log()
        return before, self._size_with_log()

    def disconnect(self) -> None:
        """Close the connection; the next transaction opens another, on whatever file is there then."""
        self._prepared = False
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def close(self) -> None:
        """Close the connection and let another daemon have the file."""
        self.disconnect()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _all(self, driver: sqlite3.Connection, operations: Sequence[type_of_operation]) -> list[Any]:
        connection = Connection(driver)
        if len(operations) > 1:
            return [self._one(driver, connection, operation) for operation in operations]
        try:
            return [_whole(connection, operation) for operation in operations]
        except Exception as error:
            if _concerns_all(error):
                raise
            failure = Failure()
            driver.execute("ROLLBACK")
            return [failure]

    def _one(self, driver: sqlite3.Connection, connection: Connection, operation: type_of_operation) -> Any:
        driver.execute("SAVEPOINT operation")
        try:
            result = _whole(connection, operation)
        except Exception as error:
            if _concerns_all(error):
                raise
            driver.execute("ROLLBACK TO operation")
            connection.forget_later_ones()
            result = Failure()
        driver.execute("RELEASE operation")
        return result

    def _connected(self) -> sqlite3.Connection:
        if self._driver is None:
            if not self._prepared:
                self.prepare(create=False)
            self._driver = self._open()
            self._file = self._on_disk()
        return self._driver

    def _size_with_log(self) -> int:
        return _size(self.path) + _size(self.path.with_name(self.path.name + "-wal"))

    def _on_disk(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return (found.st_dev, found.st_ino)

    def _still_the_same_file(self) -> None:
        # A file that was moved away or replaced under the daemon takes commits without a word and keeps nothing.
        if self._on_disk() != self._file:
            raise JournalUnavailable(f"{self.path} has been replaced or removed")

    def _unavailable(self, error: sqlite3.Error) -> JournalUnavailable:
        if _is_damage(error) is None:
            return JournalUnavailable(f"{self.path}: {error}")
        before, at = self._damage, self._monotonic()
        pause = _LOOK_AGAIN if before is None else min(before.pause * 2, _LOOK_AGAIN_AT_MOST)
        self._damage = _Damage(str(error), _state_of(self.path), at + pause, pause)
        trouble = self._damage.trouble(self.path)
        if before is None:
            self._log.critical("{trouble}", trouble=str(trouble))
        return trouble

    def _raise_if_damaged(self) -> None:
        """Leave a damaged file as it is: whatever is written to it may cost what could be saved of it.

        Raises `JournalDamaged` until there is another file, or this one turns out to be whole after all.
        """
        damage = self._damage
        if damage is None:
            return
        if damage.state == _state_of(self.path):
            if self._monotonic() < damage.look_again_at:
                raise damage.trouble(self.path)
            if not _is_whole(self.path):
                damage.put_off(self._monotonic())
                raise damage.trouble(self.path)
        self._damage = None
        self._log.info("journal {path}: whole again", path=str(self.path))

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode=rw",
            uri=True,
            timeout=_BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            connection.set_progress_handler(self._stepped, _STEPS)
        except sqlite3.Error:
            connection.close()
            raise
        connection.row_factory = Row
        return connection

    def _upgrade(self, *, create: bool, largest: int | None) -> None:
        with closing(self._open()) as driver:
            current = revision(driver)
            if current == REVISION and self._migrations == _MIGRATIONS:
                return
            if current is None and not create:
                # An empty file in the place of a journal: it is being copied back, perhaps.
                raise JournalUnavailable(f"{self.path} is empty; is it being restored?")
            if self._monotonic() < self._upgrade_at:
                raise JournalUnavailable(self._hindrance)
            # Only where there is something to upgrade: it takes as long to import as all the rest.
            from .upgrade import known, latest

            head = latest(self._migrations)
            if current == head:
                return
            if current is not None and current not in known(self._migrations):
                raise JournalTooNew(
                    f"store.url: {self.path} was written by a later version of a1gateway; "
                    "install that version again, or restore a copy from before the upgrade"
                )
            if largest is not None and current is not None and _size(self.path) > largest:
                raise self.is_upgraded_first()
            self.upgrading = current is not None
            try:
                self._lead(driver, current, str(head))
            except Exception as error:
                self._upgrade_at = self._monotonic() + _BETWEEN_UPGRADES
                self._hindrance = str(error) if isinstance(error, JournalUnavailable) else f"{self.path}: {error}"
                if isinstance(error, OSError):
                    raise JournalUnavailable(self._hindrance) from error
                raise
            finally:
                self.upgrading = False
            self._log.info("journal {path}: schema {head}", path=str(self.path), head=head, was=current)

    def is_upgraded_first(self) -> JournalUnavailable:
        """What is said of a journal of an older version, as long as it is one."""
        return JournalUnavailable(f"{self.path} is upgraded first; messages wait in the spool until that is done")

    def _lead(self, driver: sqlite3.Connection, current: str | None, head: str) -> None:
        """Upgrade from `current`; leaves nothing behind that takes space when that fails."""
        from .upgrade import upgrade

        copy = self.path.with_name(f"{self.path.name}.before-{head}")
        driver.set_progress_handler(self._upgrading, _STEPS)
        driver.execute(f"PRAGMA cache_size = -{_CACHE_OF_UPGRADE}")
        try:
            if current is not None:
                self._check_room(copy)
                self._keep_copy(driver, copy)
            upgrade(driver, self._migrations)
        except BaseException:
            # The journal is what it was, and the spool needs the room. Whatever else it may be, the copy stays.
            with suppress(sqlite3.Error, OSError):
                if revision(driver) == current:
                    copy.unlink(missing_ok=True)
            raise

    def _stepped(self) -> None:
        self.on_step()

    def _upgrading(self) -> None:
        self._working()
        self.on_step()

    def _check_room(self, copy: Path) -> None:
        size = self._size_with_log()
        # These are replaced.
        free = self._free(self.path.parent) + _size(copy) + _size(_unfinished(copy))
        needed = _SIZES_FOR_UPGRADE * size
        if free < needed:
            # Not `CannotStart`: systemd's socket holds calls for as long as Bitrix24 waits for an answer, and without
            # that socket they are turned away; Bitrix24 repeats none of them. The spool takes them, down to
            # `store.min_free_mb`, and the journal is upgraded without a restart once there is room.
            raise JournalUnavailable(
                f"{self.path} cannot be upgraded: that takes {-(-needed // _MB)} MB of free space, "
                f"and there are {free // _MB} MB; make room"
            )
        self._log.info(
            "journal {path}: an upgrade of {size} MB begins; it takes some minutes when the journal is large",
            path=str(self.path),
            size=size // _MB,
        )

    def _keep_copy(self, raw: sqlite3.Connection, copy: Path) -> None:
        unfinished = _unfinished(copy)
        # Nothing may be left that SQLite would take back into the new one. The copy goes too: it is of an upgrade
        # that was cut off or taken back, and the journal itself is whole.
        _remove(unfinished)
        copy.unlink(missing_ok=True)
        try:
            os.close(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            with closing(sqlite3.connect(unfinished)) as target:
                raw.backup(target, pages=_PAGES, progress=lambda *_: self._upgrading())
            unfinished.rename(copy)
        except BaseException:
            with suppress(OSError):
                _remove(unfinished)
            raise


@dataclass(slots=True)
class _Damage:
    """What is known of a file that is no whole database."""

    what: str
    state: tuple[int, ...] | None
    """Of the file: another one, or one that somebody has written to, is not this one."""
    look_again_at: float
    pause: float

    def trouble(self, path: Path) -> JournalDamaged:
        return JournalDamaged(
            f"{path} is damaged ({self.what}); nothing is written to it any more: stop the daemon, "
            "and put the newest backup back with: a1gateway restore"
        )

    def put_off(self, now: float) -> None:
        self.pause = min(self.pause * 2, _LOOK_AGAIN_AT_MOST)
        self.look_again_at = now + self.pause


def _no_database() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("file is not a database")
    error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
    return error


def _is_damage(error: Exception) -> int | None:
    """SQLite's code for a file that is none of its own, or a torn one; None for any other error."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) else None


def _was_a_database(path: Path) -> bool:
    """Whether something of a database is left in a file that does not begin like one."""
    before = b""
    try:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                if any(sign in before + chunk for sign in _SIGNS):
                    return True
                before = chunk[-max(map(len, _SIGNS)) :]
    except OSError:
        return True
    return False


def _is_whole(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_BUSY_TIMEOUT)) as driver:
            return bool(driver.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)])
    except sqlite3.Error:
        return False


def _state_of(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _unfinished(copy: Path) -> Path:
    return copy.with_name(copy.name + ".new")


def _remove(database: Path) -> None:
    for path in (database, database.with_name(database.name + "-journal")):
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def revision(driver: sqlite3.Connection) -> str | None:
    """The migration that the file is of; None for one that is empty."""
    if driver.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is None:
        return None
    row = driver.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def is_of_an_earlier_version(found: str) -> bool:
    """Whether a revision is one that `Store.prepare` upgrades from; the other ones are of later versions."""
    from .upgrade import known

    return found != REVISION and found in known(_MIGRATIONS)


def _whole(connection: Connection, operation: type_of_operation) -> Any:
    result = operation(connection)
    connection.write_later_ones()
    return result


def _concerns_all(error: Exception) -> bool:
    """Whether the database is not well; a constraint or a bad value is the operation's own fault."""
    return isinstance(error, sqlite3.Error) and not isinstance(error, _OF_ONE_OPERATION)
