"""Leading an older journal to today's tables, with Alembic."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

# Alembic keeps what it is working on in its modules.
_ONE_AT_A_TIME = threading.Lock()


def known(migrations: Path) -> set[str]:
    """The revisions in a folder."""
    return {script.revision for script in ScriptDirectory(str(migrations)).walk_revisions()}


def latest(migrations: Path) -> str | None:
    """The revision that an upgrade leads to."""
    return ScriptDirectory(str(migrations)).get_current_head()


def upgrade(driver: sqlite3.Connection, migrations: Path) -> None:
    """Run the migrations that the file has not seen, all in one transaction; raises `sqlite3.Error`."""
    rows, driver.row_factory = driver.row_factory, None
    engine = create_engine("sqlite+pysqlite://", creator=lambda: driver, poolclass=StaticPool)

    # Python's own transaction control would begin late and commit before changes of the schema.
    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with _ONE_AT_A_TIME, engine.connect() as connection:
            settings = Config(attributes={"connection": connection})
            settings.set_main_option("script_location", str(migrations).replace("%", "%%"))
            command.upgrade(settings, "head")
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise error.orig from error
        raise
    finally:
        driver.row_factory = rows
