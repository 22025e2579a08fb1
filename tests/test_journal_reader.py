"""Looking into the journal beside the lane: on a real file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import CTE, func, select
from twisted.internet.defer import execute

from a1gateway.errors import JournalUnavailable
from a1gateway.journal import Journal, Store
from a1gateway.journal.reader import Reader, reading
from a1gateway.journal.schema import messages, positions
from a1gateway.journal.statements import Connection, Statement, insertion

from .conftest import arrival, run

COUNT = Statement(select(func.count()).select_from(messages))
INSERT = insertion(positions, ("name", "record", "at"))


def count(connection: Connection, *, times: int = 1) -> int:
    return int(connection.value(COUNT)) * times


def test_what_was_committed_is_seen(journal: Journal, reader: Reader) -> None:
    assert run(reader.read(count)) == 0
    run(journal.accept(arrival()))
    assert run(reader.read(count, times=3)) == 3


def test_one_look_sees_one_moment_however_much_is_written_meanwhile(journal: Journal, reader: Reader) -> None:
    def twice(connection: Connection) -> tuple[int, int]:
        before = count(connection)
        run(journal.accept(arrival()))
        return before, count(connection)

    assert run(reader.read(twice)) == (0, 0)
    assert run(reader.read(count)) == 1


def test_a_reader_does_not_hold_up_who_writes_nor_the_other_way_round(
    journal: Journal, store: Store, reader: Reader
) -> None:
    run(journal.accept(arrival()))
    with closing(sqlite3.connect(store.path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM positions")
        assert run(reader.read(count)) == 1


def test_nothing_can_be_written(reader: Reader) -> None:
    with pytest.raises(JournalUnavailable, match="readonly"):
        run(reader.read(lambda connection: connection.execute(INSERT, {"name": "x", "record": 1, "at": 0.0})))


def test_a_look_that_takes_too_long_is_broken_off(store: Store) -> None:
    endless = Statement(select(func.count()).select_from(_numbers()))
    with (
        pytest.raises(JournalUnavailable, match="interrupted"),
        reading(store.path, longest=0.0) as connection,
    ):
        connection.value(endless)


def test_errors_of_the_work_are_its_own(reader: Reader) -> None:
    with pytest.raises(ZeroDivisionError):
        run(reader.read(lambda connection: 1 // 0))


def test_no_journal_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="unable to open"):
        run(Reader(tmp_path / "nowhere.sqlite3", execute).read(count))
    empty = tmp_path / "empty.sqlite3"
    empty.touch()
    with pytest.raises(JournalUnavailable, match="is empty; is it being restored"):
        run(Reader(empty, execute).read(count))


def _numbers() -> CTE:
    """Rows without an end."""
    first = select(func.abs(1).label("n")).cte("numbers", recursive=True)
    return first.union_all(select(first.c.n + 1))
