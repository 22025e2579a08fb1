"""What an audit has found so far, on disk: an interrupted one goes on from it, and the report is made of it.

A SQLite file beside the report, for its owner's eyes only. What a request brought is committed together with the
place to go on from, so it is there once and for all or not at all.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import GatewayError
from .items import Entity
from .walk import Walked

_FORMAT = "1"
_ORDER = {entity: place for place, entity in enumerate(Entity)}
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE walk (
    entity INTEGER PRIMARY KEY, highest INTEGER NOT NULL, last INTEGER NOT NULL, ended INTEGER NOT NULL
);
CREATE TABLE finding (
    entity INTEGER NOT NULL, item INTEGER NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL,
    number TEXT NOT NULL, normalized TEXT NOT NULL, reason TEXT NOT NULL, consent TEXT NOT NULL,
    PRIMARY KEY (entity, item, place)
) WITHOUT ROWID;
"""
_MOST_NAMED = 10


class CannotGoOn(GatewayError):
    """There is a work file that this audit cannot go on from, or none can be written; the text says why."""


class CannotKeep(CannotGoOn):
    """What was found cannot be put on disk; an audit can go on once it can."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One phone of an item, or that it has none."""

    entity: Entity
    item: int
    place: int
    """Among the item's phones, from 0."""
    name: str
    number: str
    """As it is stored."""
    normalized: str
    """Empty when it is invalid."""
    reason: str
    """Why it is invalid, or the warning; empty when there is nothing to say."""
    consent: str


class WorkFile:
    """The findings and the places to go on from. For one thread at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, resumed: bool) -> None:
        self.path = path
        self.resumed = resumed
        """Whether it goes on from an earlier run."""
        self._connection = connection

    @classmethod
    def open(cls, path: Path, settings: dict[str, str], *, now: str) -> WorkFile:
        """Go on from the file at `path`, or begin one at `now`, an ISO time.

        `settings` are what the findings depend on. Raises `CannotGoOn` when the file there was begun with others, is
        in use, or is something else.
        """
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        # The daemon's threads take turns at it.
        connection = sqlite3.connect(path, timeout=0.5, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            new = not connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
            if new:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.executemany(
                    "INSERT INTO meta VALUES (?, ?)",
                    {"format": _FORMAT, "begun": now, **_prefixed(settings)}.items(),
                )
            work = cls(path, connection, resumed=not new)
            work._check(settings)
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            connection.close()
            if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise CannotGoOn(f"{path} is in use by another audit") from None
            raise CannotKeep(f"{path} cannot be written: {error}") from None
        except sqlite3.DatabaseError as error:
            connection.close()
            raise CannotGoOn(f"{path} is no work file of an audit ({error}); move it away") from None
        except CannotGoOn:
            connection.close()
            raise
        return work

    def _check(self, settings: dict[str, str]) -> None:
        meta = dict(self._connection.execute("SELECT name, value FROM meta"))
        if meta.get("format") != _FORMAT:
            raise CannotGoOn(f"{self.path} was begun by another version of a1gateway; begin anew with --restart")
        for name, value in _prefixed(settings).items():
            if meta.get(name) != value:
                label = name.partition(":")[2]
                raise CannotGoOn(
                    f"{self.path} was begun with another {label} ({meta.get(name, '')!r}, and now {value!r});"
                    " go on with that one, or begin anew with --restart"
                )

    @property
    def begun(self) -> str:
        """When the audit began, an ISO time."""
        return str(self._connection.execute("SELECT value FROM meta WHERE name = 'begun'").fetchone()[0])

    def walked(self, entity: Entity) -> Walked | None:
        """How far it has got with a type; None when it has not begun."""
        row = self._connection.execute(
            "SELECT highest, last, ended FROM walk WHERE entity = ?", (_ORDER[entity],)
        ).fetchone()
        return None if row is None else Walked(row[0], row[1], bool(row[2]))

    def begin(self, entity: Entity, highest: int) -> Walked:
        """Begin with a type."""
        self._connection.execute("INSERT INTO walk VALUES (?, ?, 0, 0)", (_ORDER[entity], highest))
        return Walked(highest, 0, ended=False)

    def keep(self, entity: Entity, findings: Iterable[Finding], last: int, *, ended: bool) -> None:
        """Put findings on disk, and that the audit goes on behind the id `last`; raises `CannotGoOn`."""
        execute = self._connection.execute
        execute("BEGIN")
        try:
            self._connection.executemany(
                "INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(_row_of, findings)
            )
            execute("UPDATE walk SET last = ?, ended = ? WHERE entity = ?", (last, ended, _ORDER[entity]))
            execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise CannotKeep(f"{self.path} cannot be written: {error}") from None

    def count_duplicates(self) -> None:
        """Find out which numbers several contacts have; to be called once all findings are there."""
        execute = self._connection.execute
        execute("CREATE INDEX IF NOT EXISTS by_number ON finding (entity, normalized, item)")
        execute("DROP TABLE IF EXISTS temp.shared")
        execute("CREATE TEMP TABLE shared (normalized TEXT PRIMARY KEY, contacts INTEGER NOT NULL) WITHOUT ROWID")
        execute(
            "INSERT INTO shared SELECT normalized, COUNT(DISTINCT item) AS contacts FROM finding"
            " WHERE entity = ? AND normalized <> '' GROUP BY normalized HAVING contacts > 1",
            (_ORDER[Entity.CONTACT],),
        )

    def findings(self) -> Iterator[tuple[Finding, int, list[int]]]:
        """All by type, id and place; each with how many other contacts have its number, and the ids of some.

        Behind `count_duplicates`.
        """
        entities = list(Entity)
        rows = self._connection.execute(
            "SELECT finding.*, coalesce(contacts - 1, 0) FROM finding"
            " LEFT JOIN shared ON shared.normalized = finding.normalized AND finding.entity = ?"
            " ORDER BY entity, item, place",
            (_ORDER[Entity.CONTACT],),
        )
        for entity, *values, others in rows:
            finding = Finding(entities[entity], *values)
            yield finding, others, self._others(finding) if others else []

    def _others(self, finding: Finding) -> list[int]:
        rows = self._connection.execute(
            "SELECT DISTINCT item FROM finding WHERE entity = ? AND normalized = ? AND item <> ?"
            " ORDER BY item LIMIT ?",
            (_ORDER[finding.entity], finding.normalized, finding.item, _MOST_NAMED),
        )
        return [item for (item,) in rows]

    def items(self) -> dict[Entity, int]:
        """How many items of each type there are."""
        counted = dict(self._connection.execute("SELECT entity, COUNT(DISTINCT item) FROM finding GROUP BY entity"))
        return {entity: counted.get(place, 0) for entity, place in _ORDER.items()}

    def reasons(self) -> dict[tuple[bool, str], int]:
        """How many findings there are by whether they are valid and by reason."""
        rows = self._connection.execute("SELECT normalized <> '', reason, COUNT(*) FROM finding GROUP BY 1, 2")
        return {(bool(valid), reason): count for valid, reason, count in rows}

    def duplicates(self) -> tuple[int, int]:
        """How many numbers several contacts have, and how many contacts those are; behind `count_duplicates`."""
        numbers = self._connection.execute("SELECT COUNT(*) FROM shared").fetchone()[0]
        contacts = self._connection.execute(
            "SELECT COUNT(DISTINCT item) FROM finding JOIN shared USING (normalized) WHERE entity = ?",
            (_ORDER[Entity.CONTACT],),
        ).fetchone()[0]
        return numbers, contacts

    def consents(self) -> dict[str, int]:
        """How many contacts there are by their consent."""
        rows = self._connection.execute(
            "SELECT consent, COUNT(DISTINCT item) FROM finding WHERE entity = ? GROUP BY consent",
            (_ORDER[Entity.CONTACT],),
        )
        return dict(rows.fetchall())

    def close(self) -> None:
        """Leave the file for the next run."""
        self._connection.close()

    def remove(self) -> None:
        """The audit is over."""
        self.close()
        remove(self.path)


def remove(path: Path) -> None:
    """Delete the work file at `path`, if there is one."""
    for ending in ("-journal", ""):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _prefixed(settings: dict[str, str]) -> dict[str, str]:
    return {f"setting:{name}": value for name, value in settings.items()}


def _row_of(finding: Finding) -> tuple[object, ...]:
    return (
        _ORDER[finding.entity],
        finding.item,
        finding.place,
        _storable(finding.name),
        _storable(finding.number),
        finding.normalized,
        finding.reason,
        finding.consent,
    )


def _storable(text: str) -> str:
    """A text without the halves of characters that JSON can spell."""
    return text.encode("utf-8", "replace").decode()
