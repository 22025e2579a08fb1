"""Messages that could not leave in time, within one transaction of the journal.

They end as `late`, unless there is another time for them; as `uncertain` when A1 may have them all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam, exists, select

from ..message import Change, Refusal, Stage
from .rows import STATE, change, reject
from .schema import messages, parts
from .statements import Connection, Row, Statement, among, listed

# What A1 has in part goes on: nobody can read half of it.
NOTHING_HAS_LEFT = ~exists(select(parts.c.id).where(parts.c.message == messages.c.id, parts.c.a1_id.is_not(None)))
"""Of a message that waits: A1 has no part of it."""
TAKEN_BACK = {"leave_by": 0.0, "again_from": None, "again_by": None}
"""Of a message that may be at A1: the columns of one that is not to leave any more, if it is not there."""
_OF_THESE = Statement(select(*STATE).where(messages.c.id.in_(among("rows")), NOTHING_HAS_LEFT))
_LATE = Statement(
    select(*STATE)
    .where(
        messages.c.stage == bindparam("of"),
        messages.c.leave_by < bindparam("now"),
        messages.c.due_at.is_not(None),
        NOTHING_HAS_LEFT,
    )
    .limit(bindparam("most"))
)


def sift(connection: Connection, waiting: Sequence[Row], now: float) -> tuple[list[Row], list[Change]]:
    """Of messages about to go out, those for which it is not too late; and what has come to its end."""
    late = [row["id"] for row in waiting if row["leave_by"] is not None and row["leave_by"] < now]
    if not late:
        return list(waiting), []
    rows = still_whole(connection, late)
    ended = {row["id"] for row in rows}
    return [row for row in waiting if row["id"] not in ended], _end(connection, rows, now)


def end_late(connection: Connection, now: float, limit: int) -> list[Change]:
    """End up to `limit` messages for which it is too late, though nobody can submit anything now.

    There may be more, also when fewer have come to their end.
    """
    found: list[Row] = []
    for stage in (Stage.READY, Stage.CONSENT, Stage.HELD):
        if len(found) < limit:
            found += connection.all(_LATE, {"of": stage, "now": now, "most": limit - len(found)})
    return _end(connection, found, now)


def still_whole(connection: Connection, rows: Iterable[int]) -> list[Row]:
    """Of messages those of which A1 has no part, each with its `STATE`."""
    return connection.all(_OF_THESE, {"rows": listed(rows)})


def nothing_has_left(connection: Connection, row: Row) -> bool:
    """Whether A1 has no part of a message."""
    return bool(still_whole(connection, [row["id"]]))


def another_time(row: Row, now: float) -> dict[str, Any] | None:
    """The columns of a message that is too late, if there is another time for it; None when there is none."""
    if row["again_from"] is None or row["again_by"] < now:
        return None
    again = {"due_at": row["again_from"], "not_before": row["again_from"], "leave_by": row["again_by"]}
    return {**again, "again_from": None, "again_by": None}


def _end(connection: Connection, rows: Sequence[Row], now: float) -> list[Change]:
    changes = []
    for row in rows:
        again = another_time(row, now)
        if again is None:
            why = Refusal.OUTDATED if row["leave_by"] == TAKEN_BACK["leave_by"] else Refusal.LATE
            changes.append(reject(connection, row, "uncertain" if row["resent"] or row["uncertain"] else why, now))
        else:
            change(connection, row, again)
    return changes
