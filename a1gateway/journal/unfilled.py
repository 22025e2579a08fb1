"""Messages from cards with fields left in their texts, within one transaction of the journal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select

from ..message import Change, Kind, Refusal, Source, Stage
from .rows import STATE, change, reject, reschedule, write_history
from .schema import messages
from .statements import Connection, Row, Statement

_UNFILLED = messages.c.stage == Stage.FIELDS
_COLUMNS = ("id", "message_id", "received_at", "msisdn", "kind", "text", "origin")
_DUE = Statement(
    select(*(messages.c[name] for name in _COLUMNS))
    .where(_UNFILLED, messages.c.due_at <= bindparam("now"))
    .order_by(messages.c.due_at)
    .limit(bindparam("most"))
)
_NEXT_DUE = Statement(select(func.min(messages.c.due_at)).where(_UNFILLED, messages.c.due_at > bindparam("after")))
_ONE = Statement(
    select(*STATE, messages.c.kind, messages.c.not_before).where(_UNFILLED, messages.c.id == bindparam("row"))
)
_ALL = Statement(select(*STATE).where(_UNFILLED, messages.c.due_at.is_not(None)))


@dataclass(frozen=True, slots=True)
class Unfilled:
    """A message whose fields are to be put in."""

    id: int
    message_id: str
    received_at: float
    msisdn: str
    kind: Kind
    text: str
    """With the fields."""
    origin: Mapping[str, Any]


def due(connection: Connection, now: float, limit: int) -> tuple[list[Unfilled], float | None]:
    """Up to `limit` that are to be looked at now, and when the next is due later (None: none waits)."""
    rows = connection.all(_DUE, {"now": now, "most": limit})
    return [_unfilled(row) for row in rows], connection.value(_NEXT_DUE, {"after": now})


def fill(connection: Connection, id_: int, text: str, segments: int, now: float) -> bool:
    """This is its text, and it goes on its way; whether it was still waiting for that."""
    row = connection.first(_ONE, {"row": id_})
    if row is None:
        return False
    stage = Stage.CONSENT if row["kind"] == Kind.MARKETING else Stage.READY
    due_at = max(now, row["not_before"] or now)
    change(connection, row, {"text": text, "segments": segments, "stage": str(stage), "due_at": due_at})
    write_history(connection, id_, now, Source.GATEWAY, None, "filled")
    return True


def put_off(connection: Connection, id_: int, due_at: float) -> None:
    """Its document cannot be read; look again at `due_at`."""
    reschedule(connection, Stage.FIELDS, {id_: due_at})


def refuse(connection: Connection, id_: int, reason: str, note: str, now: float) -> Change | None:
    """It will not go out, for a reason that `note` explains; None when it was not waiting any more."""
    row = connection.first(_ONE, {"row": id_})
    if row is None:
        return None
    return reject(connection, row, reason, now, note=note)


def refuse_all(connection: Connection, now: float) -> None:
    """Their documents are another portal's, and cannot be read any more."""
    for row in connection.all(_ALL):
        reject(connection, row, Refusal.DOCUMENT_DELETED, now)


def _unfilled(row: Row) -> Unfilled:
    values = {name: row[name] for name in _COLUMNS}
    return Unfilled(**values | {"kind": Kind(row["kind"]), "origin": json.loads(row["origin"])})
