"""What happens to the rows of a message within one transaction of the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, func, insert, select, update

from ..carriers.outcome import Accepted, Duplicate, Outcome, Postponed, Refused, Uncertain
from ..message import Change, Source, Stage, Status, StatusReport, Submission
from .schema import history, messages, unmatched

# A message is submitted again only when A1 has said this often that it does not have it: the lost request may still
# be on its way inside A1 when it is first asked.
_SAYS_NO_TWICE = 2


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


def submission(row: RowMapping, attempts: int) -> Submission:
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
        insert(history),
        {
            "message": message,
            "at": at,
            "source": source,
            "status": status,
            "word": word,
            "note": note or None,
        },
    )


def _set(connection: Connection, row: RowMapping, values: Mapping[str, Any]) -> None:
    connection.execute(update(messages).where(messages.c.id == row["id"]).values(**values))


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
    _set(connection, row, values)
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
            _set(connection, row, {"word": report.word})
    return []


def record(connection: Connection, row: RowMapping, outcome: Outcome, due_at: float, now: float) -> list[Change]:
    if isinstance(outcome, Accepted):
        return _accepted(connection, row, outcome, due_at, now)
    if row["stage"] == Stage.OVER:
        # A callback has been faster than the answer.
        return []
    if isinstance(outcome, Refused):
        return [
            take(
                connection,
                row,
                Status.REJECTED,
                Source.API,
                outcome.word,
                now,
                reason=outcome.reason,
                note=outcome.note,
            )
        ]
    if isinstance(outcome, Postponed):
        # It has not arrived anywhere: that was no attempt.
        _set(connection, row, {"stage": Stage.READY, "due_at": due_at, "attempts": row["attempts"] - 1})
        word, note = outcome.trouble.code or outcome.trouble.trouble, str(outcome.trouble)
    elif isinstance(outcome, Uncertain):
        _set(connection, row, {"stage": Stage.ASKING, "due_at": due_at, "asked": 0, "uncertain": "answer_lost"})
        word, note = "answer_lost", str(outcome.trouble)
    else:
        assert isinstance(outcome, Duplicate)
        _set(connection, row, {"stage": Stage.ASKING, "due_at": due_at, "asked": 0, "uncertain": "duplicate"})
        word, note = outcome.word, outcome.note
    if word != row["word"]:
        _set(connection, row, {"word": word})
        write_history(connection, row["id"], now, Source.API, None, word, note)
    return []


def _accepted(connection: Connection, row: RowMapping, outcome: Accepted, due_at: float, now: float) -> list[Change]:
    known: dict[str, Any] = {"uncertain": None}
    if outcome.a1_id is not None:
        known["a1_id"] = outcome.a1_id
    if outcome.segments is not None:
        known["a1_segments"] = outcome.segments
    for column, money in (("price", outcome.price.part), ("amount", outcome.price.amount)):
        if money is not None:
            known[column] = str(money)
    if row["stage"] != Stage.OVER:
        known |= {"stage": Stage.SENT, "due_at": due_at}
    _set(connection, row, known)
    changes: list[Change] = []
    if Status(row["status"]).may_become(Status.SENT):
        changes.append(take(connection, row, Status.SENT, Source.API, outcome.word, now))
    return changes + _early(connection, [row["custom_id"], outcome.a1_id])


def _early(connection: Connection, identifiers: Iterable[str | None]) -> list[Change]:
    """Apply the statuses that came before their message was known by these identifiers."""
    changes: list[Change] = []
    early = connection.execute(
        select(unmatched)
        .where(unmatched.c.identifier.in_([name for name in identifiers if name is not None]))
        .order_by(unmatched.c.id)
    ).mappings()
    for row in early.all():
        status = Status(row["status"]) if row["status"] is not None else None
        report = StatusReport(row["identifier"], row["word"], status, Source(row["source"]), row["at"], row["note"])
        changes += settle(connection, report) or []
        connection.execute(delete(unmatched).where(unmatched.c.id == row["id"]))
    return changes


def not_found(connection: Connection, row: RowMapping, ask_at: float, now: float) -> list[Change]:
    asked = row["asked"] + 1
    write_history(connection, row["id"], now, Source.API, None, "not_found")
    if asked < _SAYS_NO_TWICE:
        _set(connection, row, {"asked": asked, "due_at": ask_at})
        return []
    if row["uncertain"] == "duplicate":
        return [take(connection, row, Status.REJECTED, Source.API, row["word"] or "20", now, reason="duplicate")]
    _set(connection, row, {"stage": Stage.READY, "due_at": now, "asked": 0, "uncertain": None})
    return []


def report_values(report: StatusReport) -> dict[str, Any]:
    return {field.name: getattr(report, field.name) for field in fields(report)}
