"""What happens to the rows of a message within one transaction of the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, insert, select, update

from ..message import Change, Part, Source, Stage, Status, StatusReport, Submission
from .schema import history, messages

# What every step of a message needs: made once, a statement costs a fraction.
_BY_ID = select(messages).where(messages.c.id == bindparam("row"))
_CHANGE = update(messages).where(messages.c.id == bindparam("row"))
_HISTORY = insert(history)


def by_id(connection: Connection, row: int) -> RowMapping | None:
    """A message by its row id."""
    return connection.execute(_BY_ID, {"row": row}).mappings().first()


def find(connection: Connection, condition: Any) -> RowMapping | None:
    return connection.execute(select(messages).where(condition)).mappings().first()


def due(connection: Connection, stage: Stage, now: float, limit: int) -> Sequence[RowMapping]:
    return (
        connection.execute(
            select(messages)
            .where(messages.c.stage == stage, messages.c.due_at <= now)
            .order_by(messages.c.due_at)
            .limit(limit)
        )
        .mappings()
        .all()
    )


def next_due(connection: Connection, stage: Stage, after: float | None = None) -> float | None:
    query = select(func.min(messages.c.due_at)).where(messages.c.stage == stage, messages.c.due_at.is_not(None))
    if after is not None:
        query = query.where(messages.c.due_at > after)
    return connection.execute(query).scalar()


def submission(
    row: RowMapping, attempts: int, parts: tuple[Part, ...] = (), concatenation: int | None = None
) -> Submission:
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
    )


def reschedule(connection: Connection, stage: Stage, due: Mapping[int, float]) -> None:
    if due:
        connection.execute(
            update(messages)
            .where(messages.c.id == bindparam("row"), messages.c.stage == stage)
            .values(due_at=bindparam("at")),
            [{"row": row, "at": at} for row, at in due.items()],
        )


def ending(status: Status, at: float, reason: str | None) -> dict[str, Any]:
    """The columns of a message that has come to its end."""
    return {
        "stage": Stage.OVER,
        "due_at": None,
        "final_at": at,
        "reason": reason,
        "partly_at": None,
        "told": status.told,
        "tell_at": at,
    }


def write_history(
    connection: Connection,
    message: int,
    at: float,
    source: Source,
    status: Status | None,
    word: str,
    note: str = "",
) -> None:
    connection.execute(
        _HISTORY,
        {
            "message": message,
            "at": at,
            "source": source,
            "status": status,
            "word": word,
            "note": note or None,
        },
    )


def change(connection: Connection, row: RowMapping, values: Mapping[str, Any]) -> None:
    connection.execute(_CHANGE, {"row": row["id"], **values})


def take(
    connection: Connection,
    row: RowMapping,
    status: Status,
    source: Source,
    word: str,
    at: float,
    *,
    reason: str | None = None,
    note: str = "",
) -> Change:
    """Give the message the status; the caller has seen to it that it may follow."""
    values: dict[str, Any] = {"status": status, "word": word}
    values |= ending(status, at, reason) if status.final else {"stage": Stage.SENT}
    change(connection, row, values)
    write_history(connection, row["id"], at, source, status, word, note)
    return Change(row["message_id"], status, source, word, max(0.0, at - row["received_at"]), reason)


def settle(connection: Connection, report: StatusReport) -> list[Change] | None:
    """Apply one report; None when no message is known by its identifier."""
    # A1's identifiers are its own affair and may come round again: the newest message is meant.
    row = (
        connection.execute(
            select(messages).where(messages.c.a1_id == report.identifier).order_by(messages.c.id.desc()).limit(1)
        )
        .mappings()
        .first()
    ) or find(connection, messages.c.custom_id == report.identifier)
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
