"""A journal as an earlier version of the gateway would have written it, so that the next start migrates it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from alembic.script import ScriptDirectory

from a1gateway.journal import Store
from a1gateway.journal import store as store_module

# These the migrations write, from what stands elsewhere.
_MADE_ANEW = ("alembic_version", "documents_of", "message_items", "message_sources")
# And these the gateway counts anew.
_COUNTED_ANEW = "statistics_"


class OlderJournals:
    """Empty journals of all earlier versions."""

    def __init__(self, directory: Path) -> None:
        """They are made in `directory`."""
        self._directory = directory
        directory.mkdir()
        migrations = directory / "migrations"
        shutil.copytree(store_module._MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
        self._empty: dict[str, Path] = {}
        for number, (revision, file) in enumerate(list(_newest_first(migrations))):
            if number:
                self._empty[revision] = self._make(revision, migrations)
            file.unlink()

    def _make(self, revision: str, migrations: Path) -> Path:
        path = self._directory / f"{revision}.sqlite3"
        store = Store(f"sqlite:///{path}", migrations=migrations)
        store.prepare()
        store.close()
        return path

    def take_back(self, journal: Path) -> str:
        """Write the journal, which nobody has open, as the earliest version that has a place for all of its rows.

        Returns that version's revision. Raises `AssertionError` when there is none.
        """
        for revision in sorted(self._empty):
            older = journal.with_name("older.sqlite3")
            shutil.copyfile(self._empty[revision], older)
            if _copied(journal, older):
                # Nothing may be left of its log.
                with closing(sqlite3.connect(journal)) as raw:
                    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                assert not journal.with_name(journal.name + "-wal").exists()
                os.chmod(older, 0o600)
                os.replace(older, journal)
                return revision
            older.unlink()
        raise AssertionError("no earlier version has a place for all that is in the journal")


def _newest_first(migrations: Path) -> Iterator[tuple[str, Path]]:
    for script in ScriptDirectory(str(migrations)).walk_revisions():
        yield script.revision, Path(script.path)


def _copied(journal: Path, older: Path) -> bool:
    """Copy all rows into an older journal, but for columns that it does not have; False where a table is missing."""
    with closing(sqlite3.connect(older, isolation_level=None)) as raw:
        raw.execute("ATTACH ? AS newer", (str(journal),))
        raw.execute("BEGIN")
        for (table,) in raw.execute("SELECT name FROM newer.sqlite_schema WHERE type = 'table'").fetchall():
            columns = _columns(raw, "main", table)
            if table in _MADE_ANEW or table.startswith(_COUNTED_ANEW):
                continue
            if not columns:
                if raw.execute(f"SELECT 1 FROM newer.{table} LIMIT 1").fetchone():  # noqa: S608
                    return False
                continue
            both = ", ".join(name for name in _columns(raw, "newer", table) if name in columns)
            raw.execute(f"INSERT INTO main.{table} ({both}) SELECT {both} FROM newer.{table}")  # noqa: S608
        raw.execute("COMMIT")
    return True


def _columns(raw: sqlite3.Connection, schema: str, table: str) -> list[str]:
    return [row[1] for row in raw.execute(f"PRAGMA {schema}.table_info({table})")]
