"""The file of the journal: made, locked, upgraded, opened; and transactions of many operations on it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import NullPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import CannotStart, JournalTooNew, JournalUnavailable

type_of_operation = Callable[[Connection], Any]

_MIGRATIONS = Path(__file__).parent / "migrations"
# How long a statement waits for a lock that another process holds, in seconds. Short: a message that the journal
# cannot take goes into the spool, and Bitrix24 is waiting for its answer meanwhile.
_BUSY_TIMEOUT = 1.0


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
        self._scripts = ScriptDirectory(str(migrations))
        self._engine: Engine | None = None
        self._connection: Connection | None = None
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
        except DBAPIError as error:
            if "not a database" in str(error.orig):
                raise CannotStart(f"store.url: {self.path} is not a journal of a1gateway") from error
            raise self._unavailable(error) from error
        self._prepared = True

    def transact(self, operations: Sequence[type_of_operation]) -> list[Any]:
        """Run `operations` in one transaction, synced to disk, each with its result or its `Failure`.

        An operation that raises is undone alone. Raises `JournalUnavailable` when none of them was kept.
        """
        try:
            connection = self._connected()
            with connection.begin():
                results = [self._one(connection, operation) for operation in operations]
            self._still_the_same_file()
        except DBAPIError as error:
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
        connection, self._connection = self._connection, None
        engine, self._engine = self._engine, None
        if connection is not None:
            connection.close()
        if engine is not None:
            engine.dispose()

    def close(self) -> None:
        """Close the connection and let another daemon have the file."""
        self.disconnect()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _one(self, connection: Connection, operation: type_of_operation) -> Any:
        savepoint = connection.begin_nested()
        try:
            result = operation(connection)
        except DBAPIError as error:
            # A constraint is the operation's own fault; anything else of the database's concerns all of them.
            if not isinstance(error, IntegrityError):
                raise
            savepoint.rollback()
            return Failure()
        except Exception:
            savepoint.rollback()
            return Failure()
        savepoint.commit()
        return result

    def _connected(self) -> Connection:
        if self._connection is None:
            if not self._prepared:
                self.prepare(create=False)
            self._engine = self._new_engine()
            connection = self._engine.connect()
            self._connection = connection
            self._file = self._on_disk()
        return self._connection

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

    def _unavailable(self, error: DBAPIError) -> JournalUnavailable:
        return JournalUnavailable(f"{self.path}: {error.orig}")

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
        return connection

    def _new_engine(self) -> Engine:
        engine = create_engine("sqlite+pysqlite://", creator=self._open, poolclass=NullPool)

        # Python's own transaction control would begin late and commit before changes of the schema.
        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        return engine

    def _upgrade(self, *, create: bool) -> None:
        engine = self._new_engine()
        try:
            with engine.connect() as connection:
                raw: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
                current = MigrationContext.configure(connection).get_current_revision()
                connection.rollback()
                head = self._scripts.get_current_head()
                if current == head:
                    return
                if current is None and not create:
                    # An empty file in the place of a journal: it is being copied back, perhaps.
                    raise JournalUnavailable(f"{self.path} is empty; is it being restored?")
                if current is not None and current not in {s.revision for s in self._scripts.walk_revisions()}:
                    raise JournalTooNew(
                        f"store.url: {self.path} was written by a later version of a1gateway; "
                        "install that version again, or restore a copy from before the upgrade"
                    )
                if current is not None:
                    self._keep_copy(raw, f"before-{head}")
                settings = AlembicConfig(attributes={"connection": connection})
                settings.set_main_option("script_location", str(self._migrations).replace("%", "%%"))
                command.upgrade(settings, "head")
                self._log.info("journal {path}: schema {head}", path=str(self.path), head=head, was=current)
        finally:
            engine.dispose()

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
