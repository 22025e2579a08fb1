"""What has waited for longer than it should: its turn has come, and nobody has taken it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select
from sqlalchemy.sql.elements import ColumnElement

from ..message import Kind, Stage
from .schema import messages, reminders, runs
from .statements import Connection, Statement

_TOO_LONG = 300.0  # seconds
MOST_COUNTED = 1000
"""A look must not grow with what waits."""
_QUEUES = {
    Stage.FIELDS: "fields",
    Stage.READY: "submit",
    Stage.IN_FLIGHT: "submit",
    Stage.ASKING: "asking",
}
QUEUES = ("fields", "submit", "asking", "portal", "robots", "reminders")
"""All there are, in the order of a message's way."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """What waits in a queue."""

    queue: str
    """One of `QUEUES`."""
    count: int
    """Up to `MOST_COUNTED`."""
    since: float
    """When the turn of the first had come."""


def _late(column: ColumnElement[float], *where: ColumnElement[bool]) -> Statement:
    first = select(column.label("due")).where(*where, column.is_not(None), column <= bindparam("limit"))
    few = first.order_by(column).limit(MOST_COUNTED).subquery()
    return Statement(select(func.count(), func.min(few.c.due)).select_from(few))


_AT_STAGE = _late(
    messages.c.due_at, messages.c.stage == bindparam("stage"), messages.c.kind == str(Kind.TRANSACTIONAL)
)
_TO_TELL = _late(messages.c.tell_at, messages.c.kind == bindparam("kind"))
_RUNS = _late(runs.c.due_at)
_REMINDERS = _late(reminders.c.due_at)


def overdue(connection: Connection, now: float) -> list[Overdue]:
    """The queues in which something has waited for too long by `now`.

    Marketing that waits to leave does not count: it is held to its hours and its pace, and campaigns can be paused.
    """
    found: dict[str, Overdue] = {}
    for queue, statement, values in _LOOKS:
        ((count, since),) = connection.all(statement, {**values, "limit": now - _TOO_LONG})
        if count:
            before = found.get(queue, Overdue(queue, 0, since))
            found[queue] = Overdue(queue, min(MOST_COUNTED, before.count + count), min(before.since, since))
    return [found[queue] for queue in QUEUES if queue in found]


_LOOKS: tuple[tuple[str, Statement, Mapping[str, str]], ...] = (
    *((queue, _AT_STAGE, {"stage": str(stage)}) for stage, queue in _QUEUES.items()),
    *(("portal", _TO_TELL, {"kind": str(kind)}) for kind in Kind),
    ("robots", _RUNS, {}),
    ("reminders", _REMINDERS, {}),
)
