"""Journals that are filled by the million, row by row, and kept for the next time."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

Cells = Mapping[str, Any]


def kept(cache: Path, name: str, count: int, made_of: bytes, make: Callable[[Path], None]) -> Path:
    """The file of this name for so many messages, made anew by `make` when what it is made of has changed."""
    file = cache / f"{name}-{count}-{hashlib.sha256(made_of).hexdigest()[:12]}.sqlite3"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        for outdated in cache.glob(f"{name}-{count}-*"):
            outdated.unlink()
        unfinished = file.with_suffix(".new")
        make(unfinished)
        unfinished.rename(file)
    return file


def schema_of(file: Path) -> bytes:
    """What the tables are, for `kept`."""
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    return "\n".join(sql for (sql,) in found if sql).encode()


@contextmanager
def filled(file: Path, *, emptied: Sequence[str] = ()) -> Iterator[sqlite3.Connection]:
    """One transaction on a connection for many rows, without indexes until its end; `emptied` are tables."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        indexes = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        indexes_again = {row["name"]: row["sql"] for row in indexes.fetchall()}
        connection.execute("BEGIN")
        for name in indexes_again:
            connection.execute(f'DROP INDEX "{name}"')
        for table in emptied:
            connection.execute(f"DELETE FROM {table}")  # noqa: S608  # a name from the benchmark
        yield connection
        for sql in indexes_again.values():
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=WAL").fetchall()


def insert(connection: sqlite3.Connection, table: str, rows: Sequence[Cells]) -> None:
    """Rows with the same columns."""
    if not rows:
        return
    # Names of columns that the schema has: one that it has no more is an error here.
    names = ", ".join(f'"{name}"' for name in rows[0])
    places = ", ".join("?" * len(rows[0]))
    connection.executemany(
        f"INSERT INTO {table} ({names}) VALUES ({places})",  # noqa: S608  # as above
        (tuple(row[name] for name in rows[0]) for row in rows),
    )
