"""Messages that could not leave in time, within one transaction of the journal.

They end as `late`, unless there is another time for them.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, exists, select

from ..message import Change, Refusal, Stage
from .rows import STATE, change, reject
from .schema import messages, parts
from .statements import Connection, Row, Statement, among, listed

# What A1 may have, in whole or in part, goes on: that it could not leave would not be true.
_NOTHING_HAS_LEFT = (
    messages.c.attempts == 0,
    ~exists(select(parts.c.id).where(parts.c.message == messages.c.id, parts.c.a1_id.is_not(None))),
)
_OF_THESE = Statement(select(*STATE).where(messages.c.id.in_(among("rows")), *_NOTHING_HAS_LEFT))
_LATE = Statement(
    select(*STATE)
    .where(
        messages.c.stage == bindparam("of"),
        messages.c.leave_by < bindparam("now"),
        messages.c.due_at.is_not(None),
        *_NOTHING_HAS_LEFT,
    )
    .limit(bindparam("most"))
)


def sift(connection: Connection, waiting: Sequence[Row], now: float) -> tuple[list[Row], list[Change]]:
    """Of messages about to go out, those for which it is not too late; and what has come to its end."""
    late = [row["id"] for row in waiting if row["leave_by"] is not None and row["leave_by"] < now]
    if not late:
        return list(waiting), []
    rows = connection.all(_OF_THESE, {"rows": listed(late)})
    ended = {row["id"] for row in rows}
    return [row for row in waiting if row["id"] not in ended], _end(connection, rows, now)


def end_late(connection: Connection, now: float, limit: int) -> list[Change]:
    """End up to `limit` messages for which it is too late, though nobody can submit anything now.

    There may be more, also when fewer have come to their end.
    """
    found: list[Row] = []
    for stage in (Stage.READY, Stage.CONSENT):
        if len(found) < limit:
            found += connection.all(_LATE, {"of": stage, "now": now, "most": limit - len(found)})
    return _end(connection, found, now)


def _end(connection: Connection, rows: Sequence[Row], now: float) -> list[Change]:
    changes = []
    for row in rows:
        if row["again_from"] is None or row["again_by"] < now:
            changes.append(reject(connection, row, Refusal.LATE, now))
            continue
        values = {"due_at": row["again_from"], "not_before": row["again_from"], "leave_by": row["again_by"]}
        change(connection, row, {**values, "again_from": None, "again_by": None})
    return changes
