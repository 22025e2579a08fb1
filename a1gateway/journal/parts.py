"""Messages that go out in parts of their own: each part's identifier and receipt, and what they make of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, literal_column, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from ..message import Change, Part, Source, Stage, Status, StatusReport
from .evidence import Evidence
from .identifiers import keys
from .matching import Unsettled, meant, reference
from .rows import STATE, TO_BE_SUBMITTED, by_id, change, take, write_history
from .schema import history, messages, parts, unmatched
from .statements import Connection, Row, Statement, among, change_by_id, insertion, listed

ANSWER_LOST = "answer_lost"
"""Why a message is uncertain whose latest request was not answered; what had been answered before is written down."""
_LOOK_AGAIN = 2.0
# The concatenation reference has one octet.
_CONCATENATIONS = 256

_PARTS = Statement(
    select(parts.c.id, parts.c.message, parts.c.number, parts.c.a1_id, parts.c.status)
    .where(parts.c.message.in_(among("rows")))
    .order_by(parts.c.message, parts.c.number)
)
_OF_MESSAGE = Statement(select(parts).where(parts.c.message == bindparam("row")).order_by(parts.c.number))
_NEW = Statement(insert(parts).on_conflict_do_nothing(index_elements=["message", "number"]), ("message", "number"))
_NUMBERED = update(parts).where(parts.c.message == bindparam("row"), parts.c.number == bindparam("which"))
_NAME = Statement(_NUMBERED, ("a1_id", "id_text", "id_value"))
_HAVE = Statement(_NUMBERED.where(parts.c.a1_id.is_(None)).values(a1_id=""))
_STATUSES = Statement(select(parts.c.status).where(parts.c.message == bindparam("row")))
_WORD = Statement(
    select(parts.c.word)
    .where(parts.c.message == bindparam("row"), parts.c.status == bindparam("of"))
    .order_by(parts.c.number)
    .limit(1)
)
_CONCATENATED = Statement(
    select(messages.c.concatenation)
    .where(messages.c.msisdn == bindparam("number"), messages.c.concatenation.is_not(None))
    .order_by(messages.c.id.desc())
    .limit(_CONCATENATIONS - 1)
)
_STANDS_THERE = Statement(
    select(history.c.id).where(
        history.c.message == bindparam("row"),
        history.c.source == Source.RECEIPT,
        history.c.word == bindparam("said"),
        history.c.note.is_not_distinct_from(bindparam("added")),
    )
)
_PARTLY = Statement(
    select(*STATE)
    .where(messages.c.partly_at <= bindparam("before"), messages.c.stage == Stage.SENT)
    .order_by(messages.c.partly_at)
    .limit(bindparam("most"))
)
_NEXT_PARTLY = Statement(
    select(func.min(messages.c.partly_at)).where(messages.c.partly_at.is_not(None), messages.c.stage == Stage.SENT)
)
_KEEP = insertion(
    unmatched,
    ("identifier", "word", "status", "source", "at", "note", "number", "reference", "id_text", "id_value", "due_at"),
)
_ANY_UNMATCHED = Statement(select(unmatched.c.id).limit(literal_column("1")))
_FORGET = Statement(delete(unmatched).where(unmatched.c.id == bindparam("row")))
_UNMATCHED_DUE = Statement(
    select(unmatched)
    .where(unmatched.c.due_at <= bindparam("now"))
    .order_by(unmatched.c.due_at)
    .limit(bindparam("most"))
)
_NEXT_UNMATCHED = Statement(select(func.min(unmatched.c.due_at)).where(unmatched.c.due_at.is_not(None)))
_EARLY = Statement(
    select(unmatched)
    .where(
        or_(
            unmatched.c.id_text == bindparam("text"),
            unmatched.c.id_value == bindparam("text"),
            unmatched.c.id_text == bindparam("value"),
        )
    )
    .order_by(unmatched.c.id)
)


# Submits.


def prepare(connection: Connection, waiting: Sequence[Row]) -> dict[int, tuple[int, tuple[Part, ...]]]:
    """For messages about to go out, by row id: their concatenation reference and parts, made the first time."""
    connection.execute_many(
        _NEW,
        [{"message": row["id"], "number": number} for row in waiting for number in range(1, row["segments"] + 1)],
    )
    known = load(connection, [row["id"] for row in waiting])
    return {row["id"]: (_concatenation(connection, row), known[row["id"]]) for row in waiting}


def load(connection: Connection, rows: Sequence[int]) -> dict[int, tuple[Part, ...]]:
    """The parts of messages by row id; a message without any is not there."""
    found: dict[int, list[Part]] = {}
    for part, message, number, a1_id, status in connection.execute(_PARTS, {"rows": listed(rows)}):
        known = Status(status) if status is not None else None
        found.setdefault(message, []).append(Part(number, reference(part), a1_id, known))
    return {message: tuple(each) for message, each in found.items()}


def _concatenation(connection: Connection, row: Row) -> int:
    if row["segments"] == 1:
        return 0
    if row["concatenation"] is not None:
        return int(row["concatenation"])
    latest = [each[0] for each in connection.all(_CONCATENATED, {"number": row["msisdn"]})]
    # The first to a number begins anywhere: another system of the same sender may begin at 0.
    first = latest[0] + 1 if latest else row["id"]
    # Messages do not always go out in the order in which they came.
    chosen = next(
        each % _CONCATENATIONS for each in range(first, first + 256) if each % _CONCATENATIONS not in latest
    )
    change(connection, row, {"concatenation": chosen})
    return int(chosen)


def accept(connection: Connection, row: Row, identifiers: Mapping[int, str]) -> None:
    """A1 has these parts of a message, by number, under these identifiers (empty: under none)."""
    for number, identifier in identifiers.items():
        this = {"row": row["id"], "which": number}
        if identifier:
            connection.execute(_NAME, {**this, **_identifier(identifier), "a1_id": identifier})
        else:
            # What a receipt has named is not forgotten for an answer that names nothing.
            connection.execute(_HAVE, this)


def _identifier(identifier: str) -> dict[str, Any]:
    """What an identifier is found by."""
    key = keys(identifier)
    return {"id_text": key.text or None, "id_value": key.value}


# Receipts.


def settle_receipt(
    connection: Connection, report: StatusReport, evidence: Evidence, now: float, *, at_last: bool = False
) -> list[Change] | Unsettled:
    """Apply a receipt; `at_last`: it has waited for long, decide with what is known."""
    part = meant(connection, report, evidence, at_last=at_last)
    return part if isinstance(part, Unsettled) else _apply(connection, part, report, now)


def _apply(connection: Connection, part: Row, report: StatusReport, now: float) -> list[Change]:
    row = by_id(connection, part["message"])
    assert row is not None
    which = f"part {part['number']} of {row['segments']}" if row["segments"] > 1 else ""
    note = " ".join(each for each in (which, report.note) if each)
    if part["status"] is not None:
        # Its receipt once more, or an earlier state after it.
        _write_once(connection, row, report, note)
        return []
    final = report.status if report.status is not None and report.status.final else None
    values: dict[str, Any] = {"word": report.word, "receipt_id": report.identifier or part["receipt_id"]}
    if final is not None:
        values["status"] = final
    if part["a1_id"] is None:
        # A1 has it, that is known now; under which identifier it would have answered is not.
        values["a1_id"] = ""
    if not part["a1_id"] and report.identifier:
        values |= _identifier(report.identifier)
    connection.execute(change_by_id(parts, tuple(values)), {"row": part["id"], **values})
    changes = settle_doubt(connection, row, report.at, named=part["number"]) if part["a1_id"] is None else []
    if final is not None and not Status(row["status"]).final:
        return changes + _whole(connection, row, report, final, note, now)
    _write_once(connection, row, report, note)
    if not Status(row["status"]).final:
        change(connection, row, {"word": report.word})
    return changes


def _write_once(connection: Connection, row: Row, report: StatusReport, note: str) -> None:
    """Write down a receipt that changes nothing, unless it stands there already."""
    connection.write_later_ones()
    if connection.first(_STANDS_THERE, {"row": row["id"], "said": report.word, "added": note or None}) is None:
        write_history(connection, row["id"], report.at, Source.RECEIPT, None, report.word, note)


def settle_doubt(connection: Connection, row: Row, now: float, *, named: int | None = None) -> list[Change]:
    """A message that was uncertain is sent once A1 is known to have all its parts; the change, if that is one.

    Parts leave one after another, so that only the first without an identifier can have been in flight: when it was
    that one that has just been `named`, the others have not left, and may. Not so after a crash, or when the outcome
    could not be written down: then several answers may be lost.
    """
    row = by_id(connection, row["id"]) or row
    if row["stage"] not in (Stage.ASKING, *TO_BE_SUBMITTED):
        return []
    of_it = connection.all(_OF_MESSAGE, {"row": row["id"]})
    missing = [part["number"] for part in of_it if part["a1_id"] is None]
    in_flight = row["stage"] == Stage.ASKING and row["uncertain"] == ANSWER_LOST
    if missing and in_flight and named is not None and named < missing[0]:
        change(connection, row, {"stage": Stage.READY, "due_at": now, "uncertain": None})
    if missing or not of_it:
        return []
    change(
        connection,
        row,
        {
            "stage": Stage.SENT,
            "due_at": now,
            "uncertain": None,
            "a1_id": of_it[0]["a1_id"] or of_it[0]["receipt_id"],
            "a1_segments": len(of_it),
            "partly_at": None if row["partly_at"] is None else now,
        },
    )
    if not Status(row["status"]).may_become(Status.SENT):
        return []
    return [take(connection, row, Status.SENT, Source.RECEIPT, "receipt", now)]


def _whole(
    connection: Connection, row: Row, report: StatusReport, status: Status, note: str, now: float
) -> list[Change]:
    """A part has its final status: undelivered is the whole then; delivered only when all parts are."""
    statuses = connection.all(_STATUSES, {"row": row["id"]})
    if status is not Status.DELIVERED or all(each["status"] == Status.DELIVERED for each in statuses):
        return [take(connection, row, status, Source.RECEIPT, report.word, report.at, note=note)]
    write_history(connection, row["id"], report.at, Source.RECEIPT, None, report.word, note)
    change(connection, row, {"partly_at": now, "word": report.word})
    return []


def any_unmatched(connection: Connection) -> bool:
    """Whether there is any status that came before its message was known by that identifier."""
    return connection.first(_ANY_UNMATCHED) is not None


def settle_early(connection: Connection, identifiers: Iterable[str], now: float) -> list[Change]:
    """Apply the receipts that came before the answers that named these identifiers."""
    changes: list[Change] = []
    evidence = Evidence(connection)
    for identifier in filter(None, identifiers):
        key = keys(identifier)
        for row in connection.all(_EARLY, {"text": key.text, "value": key.value}):
            changes += _again(connection, row, evidence, now, at_last=False)
    return changes


def settle_waiting(connection: Connection, now: float, grace: float, limit: int) -> list[Change]:
    """Look again at receipts that could mean two messages; after `grace` seconds, for the last time."""
    changes: list[Change] = []
    evidence = Evidence(connection)
    for row in connection.all(_UNMATCHED_DUE, {"now": now, "most": limit}):
        changes += _again(connection, row, evidence, now, at_last=now - row["at"] >= grace)
    return changes


def _again(connection: Connection, row: Row, evidence: Evidence, now: float, *, at_last: bool) -> list[Change]:
    settled = settle_receipt(connection, read_unmatched(row), evidence, now, at_last=at_last)
    if isinstance(settled, Unsettled):
        due_at = now + _LOOK_AGAIN if settled is Unsettled.WAITS else None
        connection.execute(change_by_id(unmatched, ("due_at",)), {"row": row["id"], "due_at": due_at})
        return []
    forget(connection, row)
    return settled


def forget(connection: Connection, row: Row) -> None:
    """A status that was kept has found its message."""
    connection.execute(_FORGET, {"row": row["id"]})


def keep_receipt(connection: Connection, report: StatusReport, unsettled: Unsettled) -> None:
    """Keep a receipt that nobody is known for, or not for certain."""
    key = keys(report.identifier)
    connection.execute(
        _KEEP,
        {
            "identifier": report.identifier,
            "word": report.word,
            "status": report.status,
            "source": report.source,
            "at": report.at,
            "note": report.note,
            "number": report.number,
            "reference": report.reference,
            "id_text": key.text or None,
            "id_value": key.value,
            "due_at": report.at + _LOOK_AGAIN if unsettled is Unsettled.WAITS else None,
        },
    )


def read_unmatched(row: Row) -> StatusReport:
    """A status as it was kept."""
    return StatusReport(
        row["identifier"],
        row["word"],
        Status(row["status"]) if row["status"] is not None else None,
        Source(row["source"]),
        row["at"],
        row["note"],
        row["number"],
        row["reference"],
    )


def end_partly(connection: Connection, before: float, now: float, limit: int) -> list[Change]:
    """Messages of which some parts are delivered, and the latest receipt came before `before`: delivered."""
    waiting = connection.all(_PARTLY, {"before": before, "most": limit})
    return [
        take(
            connection,
            row,
            Status.DELIVERED,
            Source.RECEIPT,
            _word(connection, row, Status.DELIVERED),
            now,
            note="receipts of other parts stay out",
        )
        for row in waiting
    ]


def _word(connection: Connection, row: Row, status: Status) -> str:
    """A1's word for the status of a part that has it."""
    return connection.value(_WORD, {"row": row["id"], "of": status}) or ""


def next_look(connection: Connection, grace: float) -> float | None:
    """When a receipt or a message has to be looked at again; None when none waits."""
    receipt = connection.value(_NEXT_UNMATCHED)
    partly = connection.value(_NEXT_PARTLY)
    times = (receipt, None if partly is None else partly + grace)
    return min((each for each in times if each is not None), default=None)
