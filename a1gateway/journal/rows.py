"""What happens to the rows of a message within one transaction of the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import bindparam, func, insert, or_, select, update

from ..message import Change, Kind, Part, Source, Stage, Status, StatusReport, Submission, Teller
from .schema import history, messages
from .statements import Connection, Row, Statement, change_by_id
from .waiting_runs import message_is_over

_SUBMITTED = (
    "id",
    "message_id",
    "custom_id",
    "msisdn",
    "text",
    "sender_id",
    "segments",
    "attempts",
    "a1_id",
    "received_at",
    "postponed",
    "resent",
    "concatenation",
    "kind",
    "campaign",
    "consent_at",
    "teller",
    "leave_by",
    "deliver_by",
)
_STATE = (
    "id",
    "message_id",
    "custom_id",
    "received_at",
    "segments",
    "status",
    "stage",
    "word",
    "attempts",
    "uncertain",
    "asked",
    "resent",
    "postponed",
    "partly_at",
    "teller",
    "leave_by",
    "again_from",
    "again_by",
)
STATE = tuple(messages.c[name] for name in _STATE)
"""What a step of a message needs to know of it: the text and what else is long stay where they are."""
TO_BE_SUBMITTED = (Stage.CONSENT, Stage.HELD, Stage.READY)
"""Stages of messages that are to be submitted, for the first time or again: A1 may have had one of the latter."""
IS_STILL_HERE = or_(*(messages.c.stage == each for each in (Stage.FIELDS, *TO_BE_SUBMITTED)))
"""Of a message: it is not under way to A1."""
_BY_ID = Statement(select(*STATE).where(messages.c.id == bindparam("row")))
_OF_STAGE = (messages.c.stage == bindparam("of"), messages.c.kind == bindparam("kind"))
_DUE = Statement(
    select(*(messages.c[name] for name in _SUBMITTED))
    .where(*_OF_STAGE, messages.c.due_at <= bindparam("now"))
    .order_by(messages.c.due_at)
    .limit(bindparam("most"))
)
_NEXT_DUE = Statement(
    select(func.min(messages.c.due_at)).where(
        *_OF_STAGE, messages.c.due_at.is_not(None), messages.c.due_at > bindparam("after")
    )
)
_RESCHEDULE = Statement(
    update(messages)
    .where(messages.c.id == bindparam("row"), messages.c.stage == bindparam("of"))
    .values(due_at=bindparam("at"))
)
_BY_A1_ID = Statement(
    select(*STATE).where(messages.c.a1_id == bindparam("name")).order_by(messages.c.id.desc()).limit(1)
)
_BY_CUSTOM_ID = Statement(select(*STATE).where(messages.c.custom_id == bindparam("name")))
_LATEST_RECORD = Statement(select(func.max(history.c.id)))
_HISTORY = Statement(insert(history), ("message", "at", "source", "status", "word", "note"))
IN_ORDER = (Kind.TRANSACTIONAL, Kind.MARKETING)
"""The kinds of messages, those first that wait for no others."""
ANSWERED_LATE = "answered_late"
"""In the history: A1 has said what it takes for a message when that had its final status already."""


# Plain text: the driver takes longer over its relatives.
_SENT, _OVER = str(Stage.SENT), str(Stage.OVER)
_SENDER, _RUN = str(Teller.SENDER), str(Teller.RUN)
_NOTHING: Mapping[str, Any] = {}


def by_id(connection: Connection, row: int) -> Row | None:
    """A message by its row id."""
    return connection.first(_BY_ID, {"row": row})


def due(connection: Connection, stage: Stage, now: float, limit: int, kinds: Sequence[Kind] = IN_ORDER) -> list[Row]:
    """Up to `limit` messages that are due, oldest first, the transactional ones before any others."""
    found: list[Row] = []
    for kind in kinds:
        if len(found) < limit:
            values = {"of": stage, "kind": kind, "now": now, "most": limit - len(found)}
            found += connection.all(_DUE, values)
    return found


def next_due(
    connection: Connection, stage: Stage, after: float = 0.0, kinds: Sequence[Kind] = IN_ORDER
) -> float | None:
    """When the next message of a stage is due, later than `after`; None when none is."""
    times = [connection.value(_NEXT_DUE, {"of": stage, "kind": kind, "after": after}) for kind in kinds]
    return min((each for each in times if each is not None), default=None)


def submission(
    row: Row,
    attempts: int,
    parts: tuple[Part, ...] = (),
    concatenation: int | None = None,
    now: float | None = None,
) -> Submission:
    """What a carrier needs to know of a message; `now`: it is about to be submitted."""
    deliver_by = row["deliver_by"]
    return Submission(
        id=row["id"],
        message_id=row["message_id"],
        custom_id=row["custom_id"],
        msisdn=row["msisdn"],
        text=row["text"],
        sender_id=row["sender_id"],
        segments=row["segments"],
        attempts=attempts,
        a1_id=row["a1_id"],
        received_at=row["received_at"],
        postponed=row["postponed"],
        resent=row["resent"],
        concatenation=(row["concatenation"] or 0) if concatenation is None else concatenation,
        parts=parts,
        kind=Kind(row["kind"]),
        ttl=None if now is None or deliver_by is None else deliver_by - now,
    )


def reschedule(connection: Connection, stage: Stage, due: Mapping[int, float]) -> None:
    if due:
        connection.execute_many(_RESCHEDULE, [{"row": row, "at": at, "of": stage} for row, at in due.items()])


def ending(status: Status, at: float, reason: str | None, teller: str) -> dict[str, Any]:
    """The columns of a message that has come to its end; `teller` is as it was accepted with."""
    by_sender = teller == _SENDER
    return {
        "stage": _OVER,
        "due_at": None,
        "final_at": at,
        "reason": reason,
        "partly_at": None,
        "told": status.told if by_sender else None,
        "tell_at": at if by_sender else None,
    }


def latest_record(connection: Connection) -> int:
    """The last record of the history, which grows whenever anything happens to any message; 0: there is none."""
    return connection.value(_LATEST_RECORD) or 0


def write_history(
    connection: Connection,
    message: int,
    at: float,
    source: Source,
    status: Status | None,
    word: str,
    note: str = "",
) -> None:
    connection.execute_later(
        _HISTORY,
        {
            "message": message,
            "at": at,
            "source": str(source),
            "status": None if status is None else str(status),
            "word": word,
            "note": note or None,
        },
    )


def change(connection: Connection, row: Row, values: Mapping[str, Any]) -> None:
    connection.execute(change_by_id(messages, tuple(values)), {"row": row["id"], **values})


def take(
    connection: Connection,
    row: Row,
    status: Status,
    source: Source,
    word: str,
    at: float,
    *,
    reason: str | None = None,
    note: str = "",
    known: Mapping[str, Any] = _NOTHING,
) -> Change:
    """Give the message the status, and the columns of `known`; the caller has seen to it that it may follow."""
    values: dict[str, Any] = {**known, "status": str(status), "word": word}
    values |= ending(status, at, reason, row["teller"]) if status.final else {"stage": _SENT}
    change(connection, row, values)
    if status.final and row["teller"] == _RUN:
        message_is_over(connection, row["id"], at)
    write_history(connection, row["id"], at, source, status, word, note)
    return Change(row["message_id"], status, source, word, max(0.0, at - row["received_at"]), reason)


def reject(
    connection: Connection, row: Row, reason: str, at: float, source: Source = Source.GATEWAY, *, note: str = ""
) -> Change:
    """End a message that has not left, for a reason of the contract."""
    return take(connection, row, Status.REJECTED, source, reason, at, reason=reason, note=note)


def settle(connection: Connection, report: StatusReport) -> list[Change] | None:
    """Apply one report; None when no message is known by its identifier."""
    # A1's identifiers are its own affair and may come round again: the newest message is meant.
    name = {"name": report.identifier}
    row = connection.first(_BY_A1_ID, name) or connection.first(_BY_CUSTOM_ID, name)
    if row is None:
        return None
    current = Status(row["status"])
    if report.status is not None and current.may_become(report.status):
        if row["stage"] != Stage.SENT and report.status is Status.SENT:
            # The answer to the submit is still awaited, and with it A1's identifier.
            write_history(connection, row["id"], report.at, report.source, None, report.word, report.note)
            return []
        return [take(connection, row, report.status, report.source, report.word, report.at, note=report.note)]
    if report.word != row["word"]:
        # It changes nothing, but it is what the other side said.
        write_history(connection, row["id"], report.at, report.source, None, report.word, report.note)
        if not current.final:
            change(connection, row, {"word": report.word})
    return []


def report_values(report: StatusReport) -> dict[str, Any]:
    return {field.name: getattr(report, field.name) for field in fields(report)}
