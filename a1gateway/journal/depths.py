"""How much waits where, and since when: within one transaction, or one look of a `reader`."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from ..message import Stage
from . import reminders, runs
from .schema import messages
from .statements import Connection, Statement

_QUEUES = {
    Stage.FIELDS: "fields",
    Stage.CONSENT: "consent",
    Stage.HELD: "held",
    Stage.READY: "submit",
    Stage.IN_FLIGHT: "submit",
    Stage.ASKING: "asking",
    Stage.SENT: "status",
}
QUEUES = (*dict.fromkeys(_QUEUES.values()), "portal", "robots", "reminders")
"""All there are in the journal, in the order of a message's way."""
# The oldest of a queue is the one with the smallest row id, which is in the index: no row has to be read.
_WAITING = Statement(
    select(messages.c.stage, func.count(), func.min(messages.c.id))
    .where(messages.c.due_at.is_not(None))
    .group_by(messages.c.stage)
)
_RECEIVED_AT = Statement(select(messages.c.received_at).where(messages.c.id == bindparam("row")))
_UNTOLD_DEPTH = Statement(select(func.count(), func.min(messages.c.final_at)).where(messages.c.tell_at.is_not(None)))


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages wait somewhere, and since when the oldest has (None: none waits)."""

    count: int
    oldest: float | None


def depths(connection: Connection) -> dict[str, Depth]:
    """How much waits: of messages, as `_QUEUES` names them; and `portal`, `robots`, `reminders`."""
    found = {name: Depth(0, None) for name in QUEUES}
    for stage, count, first in connection.all(_WAITING):
        queue = _QUEUES[stage]
        before = found[queue]
        oldest = connection.value(_RECEIVED_AT, {"row": first})
        found[queue] = Depth(
            before.count + count, min(oldest, before.oldest if before.oldest is not None else oldest)
        )
    ((count, oldest),) = connection.all(_UNTOLD_DEPTH)
    found["portal"] = Depth(count, oldest)
    found["robots"] = Depth(*runs.depth(connection))
    found["reminders"] = Depth(*reminders.depth(connection))
    return found
