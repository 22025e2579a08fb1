"""SQL, written with SQLAlchemy and compiled once, and run by the driver itself.

Running a statement through SQLAlchemy costs ten times what SQLite takes for it, and a message needs some thirty.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ScalarSelect, Table, bindparam, func, insert, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import Update
from sqlalchemy.sql.elements import ClauseElement

Row = sqlite3.Row
"""A row of a result: its columns by name or position."""

_DIALECT = sqlite.dialect(paramstyle="named")
_NOTHING: Mapping[str, Any] = {}


class Statement:
    """A statement in SQLite's language, with the values that are the same at every run."""

    __slots__ = ("constants", "sql")

    def __init__(self, clause: ClauseElement, columns: Sequence[str] | None = None) -> None:
        """`columns` are those that an insert or update sets, where the clause does not say."""
        compiled = clause.compile(dialect=_DIALECT, column_keys=columns)
        assert isinstance(compiled, SQLCompiler)
        self.sql = str(compiled)
        # Values of the package's enumerations as plain text: the driver takes longer over its relatives.
        self.constants = {
            name: str(bound.value) if isinstance(bound.value, str) else bound.value
            for name, bound in compiled.binds.items()
            if not bound.required
        }


class Connection:
    """The driver's connection, for statements that are compiled."""

    __slots__ = ("_driver", "_later")

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver
        self._later: defaultdict[Statement, list[Mapping[str, Any]]] = defaultdict(list)

    def execute(self, statement: Statement, values: Mapping[str, Any] = _NOTHING) -> sqlite3.Cursor:
        """Run it with `values` by their parameters' names; raises `sqlite3.Error`."""
        return self._driver.execute(statement.sql, {**statement.constants, **values})

    def execute_many(self, statement: Statement, values: Iterable[Mapping[str, Any]]) -> None:
        """Run it once for each of `values`; raises `sqlite3.Error`."""
        constants = statement.constants
        self._driver.executemany(statement.sql, [{**constants, **each} for each in values] if constants else values)

    def execute_later(self, statement: Statement, values: Mapping[str, Any]) -> None:
        """Run it before the operation ends, with all others that are the same: for rows that nobody reads before."""
        self._later[statement].append(values)

    def write_later_ones(self) -> None:
        """Run what was put off; raises `sqlite3.Error`."""
        while self._later:
            self.execute_many(*self._later.popitem())

    def forget_later_ones(self) -> None:
        """The operation has failed."""
        self._later.clear()

    def first(self, statement: Statement, values: Mapping[str, Any] = _NOTHING) -> Row | None:
        """The first row of the result, if there is one."""
        row: Row | None = self.execute(statement, values).fetchone()
        return row

    def all(self, statement: Statement, values: Mapping[str, Any] = _NOTHING) -> list[Row]:
        """All rows of the result."""
        return self.execute(statement, values).fetchall()

    def value(self, statement: Statement, values: Mapping[str, Any] = _NOTHING) -> Any:
        """The first column of the first row; None when there is no row."""
        row = self.first(statement, values)
        return None if row is None else row[0]


def among(parameter: str) -> ScalarSelect[Any]:
    """For `column.in_(...)`: the values that the parameter gives as `listed` writes them."""
    return select(func.json_each(bindparam(parameter)).table_valued("value").c.value).scalar_subquery()


def listed(values: Iterable[int | str]) -> str:
    """Values for a parameter of `among`."""
    return json.dumps(list(values))


@cache
def insertion(table: Table, columns: tuple[str, ...]) -> Statement:
    """Insert a row with these columns."""
    return Statement(insert(table), columns)


@cache
def change_by_id(table: Table, columns: tuple[str, ...]) -> Statement:
    """Set these columns of the row whose id is the parameter `row`."""
    changed: Update = update(table).where(table.c.id == bindparam("row"))
    return Statement(changed, columns)
