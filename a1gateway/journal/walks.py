"""Looking through a table by its ids, so many rows at a time, for what no index finds; and deleting it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, bindparam, delete, func, select

from .statements import Connection, Statement, among, listed

WINDOW = 5000
"""So many rows are looked at in one look."""


class Walk:
    """Through one table, for rows of which a condition holds."""

    def __init__(self, table: Table, wanted: ColumnElement[bool], in_order_of: str | None = None) -> None:
        """`wanted` has parameters, for which every look is given values.

        `in_order_of`: a column of times that grows with the ids. Behind the first row that is not older than the
        value `before`, nothing is looked at.
        """
        behind = table.c.id > bindparam("after")
        window = select(table.c.id).where(behind).order_by(table.c.id).limit(bindparam("most")).subquery()
        self._end = Statement(select(func.max(window.c.id)))
        self._wanted = Statement(select(table.c.id).where(behind, table.c.id <= bindparam("end"), wanted))
        self._gone = Statement(delete(table).where(table.c.id.in_(among("rows")), wanted))
        self._first = None
        if in_order_of is not None:
            self._first = Statement(select(table.c[in_order_of]).where(behind).order_by(table.c.id).limit(1))

    def look(self, connection: Connection, after: int, values: Mapping[str, Any]) -> tuple[list[int], int | None]:
        """The ids of those wanted among the next rows behind `after`, and where to go on; None: that was all."""
        here = {**values, "after": after}
        if self._first is not None and (connection.value(self._first, here) or 0.0) >= values["before"]:
            return [], None
        end = connection.value(self._end, here | {"most": WINDOW})
        if end is None:
            return [], None
        return [row["id"] for row in connection.all(self._wanted, here | {"end": end})], end

    def delete(self, connection: Connection, rows: Sequence[int], values: Mapping[str, Any]) -> int:
        """Delete those of the rows that are wanted still; how many that were."""
        return connection.execute(self._gone, {**values, "rows": listed(rows)}).rowcount
