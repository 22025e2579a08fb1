"""The file of the journal: made, locked, upgraded, opened; and transactions of many operations on it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import CannotStart, JournalTooNew, JournalUnavailable
from .schema import REVISION
from .statements import Connection, Row

type_of_operation = Callable[[Connection], Any]

_MIGRATIONS = Path(__file__).parent / "migrations"
# How long a statement waits for a lock that another process holds, in seconds. Short: a message that the journal
# cannot take goes into the spool, and Bitrix24 is waiting for its answer meanwhile.
_BUSY_TIMEOUT = 1.0
_OF_ONE_OPERATION = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)


class Store:
    """One SQLite file in WAL mode.

    `synchronous=FULL` makes every commit a sync of the log, so that what was acknowledged survives a power cut. All
    methods block: they are for one thread of their own (`lane`), or for a start before the reactor turns.
    """

    _log = Logger()

    def __init__(self, url: str, *, migrations: Path = _MIGRATIONS) -> None:
        """`url` is `sqlite:///` and a path, absolute with a fourth slash; `migrations` holds Alembic's revisions."""
        self.path = Path(make_url(url).database or "").absolute()
        self._migrations = migrations
        self._driver: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._lock: int | None = None
        self._prepared = False

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

    def prepare(self, *, create: bool = True) -> None:
        """Create the file, or upgrade it to this version, keeping a copy of what it was.

        Raises `JournalTooNew` for a file of a later version, `CannotStart` for one that is no journal, and
        `JournalUnavailable` when it cannot be told at the moment, as while another program holds the file.
        """
        try:
            # Tokens and texts are in it: nobody else may read it, nor what SQLite makes beside it.
            os.close(os.open(self.path, os.O_RDWR | (os.O_CREAT if create else 0) | os.O_CLOEXEC, 0o600))
            os.chmod(self.path, 0o600)
        except OSError as error:
            raise CannotStart(f"store.url: {self.path} cannot be written: {error.strerror}") from error
        try:
            self._upgrade(create=create)
        except sqlite3.Error as error:
            if "not a database" in str(error):
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
        return JournalUnavailable(f"{self.path}: {error}")

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode=rw",
            uri=True,
            timeout=_BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            connection.close()
            raise
        connection.row_factory = Row
        return connection

    def _upgrade(self, *, create: bool) -> None:
        with closing(self._open()) as driver:
            current = revision(driver)
            if current == REVISION and self._migrations == _MIGRATIONS:
                return
            if current is None and not create:
                # An empty file in the place of a journal: it is being copied back, perhaps.
                raise JournalUnavailable(f"{self.path} is empty; is it being restored?")
            # Only where there is something to upgrade: it takes as long to import as all the rest.
            from .upgrade import known, latest, upgrade

            head = latest(self._migrations)
            if current == head:
                return
            if current is not None and current not in known(self._migrations):
                raise JournalTooNew(
                    f"store.url: {self.path} was written by a later version of a1gateway; "
                    "install that version again, or restore a copy from before the upgrade"
                )
            if current is not None:
                self._keep_copy(driver, f"before-{head}")
            upgrade(driver, self._migrations)
            self._log.info("journal {path}: schema {head}", path=str(self.path), head=head, was=current)

    def _keep_copy(self, raw: sqlite3.Connection, name: str) -> None:
        copy = self.path.with_name(f"{self.path.name}.{name}")
        unfinished = copy.with_name(copy.name + ".new")
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        target = sqlite3.connect(unfinished)
        try:
            raw.backup(target)
        finally:
            target.close()
        unfinished.rename(copy)


def revision(driver: sqlite3.Connection) -> str | None:
    """The migration that the file is of; None for one that is empty."""
    if driver.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is None:
        return None
    row = driver.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _whole(connection: Connection, operation: type_of_operation) -> Any:
    result = operation(connection)
    connection.write_later_ones()
    return result


def _concerns_all(error: Exception) -> bool:
    """Whether the database is not well; a constraint or a bad value is the operation's own fault."""
    return isinstance(error, sqlite3.Error) and not isinstance(error, _OF_ONE_OPERATION)
