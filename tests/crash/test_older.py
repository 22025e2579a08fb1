"""Journals that are taken back to an earlier version."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from a1gateway.journal import Store

from .older import OlderJournals

MESSAGE = (
    "INSERT INTO messages (id, message_id, custom_id, received_at, kind, origin, number_received, text, segments, "
    "status, stage, attempts, asked, tell_tries) "
    "VALUES (1, 'm1', 'c1', 5.0, 'transactional', '{}', '+375291112233', 'text', 1, 'sent', 'sent', 1, 0, 0)"
)
PART = "INSERT INTO parts (message, number, a1_id) VALUES (1, 1, '7001')"


def read(path: Path, table: str) -> list[tuple[Any, ...]]:
    """All rows of a table."""
    with closing(sqlite3.connect(path)) as raw:
        return raw.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608


def test_the_next_start_migrates_a_journal_that_was_taken_back_and_keeps_what_was_in_it(tmp_path: Path) -> None:
    older = OlderJournals(tmp_path / "older")
    path = tmp_path / "journal.sqlite3"
    Store(f"sqlite:///{path}").prepare()
    today = read(path, "alembic_version")
    for statement, earliest in ((MESSAGE, "0001"), (PART, "0002")):
        with closing(sqlite3.connect(path, isolation_level=None)) as raw:
            raw.execute(statement)
        before = [read(path, table) for table in ("messages", "parts")]
        # No version before the parts has a place for them.
        assert older.take_back(path) == earliest
        assert read(path, "alembic_version") == [(earliest,)]
        Store(f"sqlite:///{path}").prepare()
        assert read(path, "alembic_version") == today
        assert [read(path, table) for table in ("messages", "parts")] == before
