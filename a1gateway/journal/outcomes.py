"""What became of submits, written into the rows of their messages within one transaction of the journal."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, or_, select

from ..carriers.outcome import Accepted, Duplicate, Outcome, Postponed, Refused, Uncertain
from ..message import Change, Choice, ChoiceSource, Refusal, Source, Stage, Status
from .deadlines import another_time, nothing_has_left
from .parts import ANSWER_LOST, accept, any_unmatched, forget, load, read_unmatched, settle_doubt, settle_early
from .restored import goes_on_in
from .rows import ANSWERED_LATE, by_id, change, reject, settle, take, write_history
from .schema import messages, unmatched
from .statements import Connection, Row, Statement
from .stop_list import choose

# A message is submitted again only when A1 has said this often that it does not have it: the lost request may still
# be on its way inside A1 when it is first asked.
_SAYS_NO_TWICE = 2
# A message whose every submit breaks the link, or is never answered, must not reach its subscriber again and again.
_MOST_RESENDS = 10

# A status that was there long before its message is that of another with the same identifier: A1's may come round
# again. By how much the clock may have been set back between the two, in seconds.
_CLOCK_SET_BACK = 86400.0

_NUMBER = Statement(select(messages.c.msisdn).where(messages.c.id == bindparam("row")))
_EARLY = Statement(
    select(unmatched)
    .where(
        or_(unmatched.c.identifier == bindparam("custom_id"), unmatched.c.identifier == bindparam("a1_id")),
        unmatched.c.source != Source.RECEIPT,
        unmatched.c.at >= bindparam("since"),
    )
    .order_by(unmatched.c.id)
)


def record(connection: Connection, row: Row, outcome: Outcome, due_at: float, now: float) -> list[Change]:
    named = {} if isinstance(outcome, Duplicate) else outcome.parts
    accept(connection, row, named)
    if isinstance(outcome, Accepted):
        changes = _accepted(connection, row, outcome, due_at, now)
    else:
        changes = _not_accepted(connection, row, outcome, due_at, now)
    if any_unmatched(connection):
        if isinstance(outcome, Accepted):
            # The parts' identifiers are those of receipts; a callback may have named another message so.
            changes += _early(connection, row, None if outcome.parts else outcome.a1_id)
        changes += settle_early(connection, named.values(), now)
    return changes


def _not_accepted(connection: Connection, row: Row, outcome: Outcome, due_at: float, now: float) -> list[Change]:
    if row["stage"] == Stage.OVER:
        # A callback has been faster than the answer.
        return []
    if isinstance(outcome, Refused):
        refused = take(
            connection,
            row,
            Status.REJECTED,
            Source.API,
            outcome.word,
            now,
            reason=outcome.reason,
            note=outcome.note,
        )
        return [refused, *_stopped(connection, row, outcome, now)]
    if isinstance(outcome, Postponed):
        # It has not arrived anywhere: that was no attempt.
        put_off = row["postponed"] + (outcome.after is not None)
        attempts = row["attempts"] - 1
        change(connection, row, {"stage": Stage.READY, "due_at": due_at, "attempts": attempts, "postponed": put_off})
        word, note = outcome.trouble.code or outcome.trouble.trouble, str(outcome.trouble)
    elif isinstance(outcome, Uncertain):
        change(connection, row, {"stage": Stage.ASKING, "due_at": due_at, "asked": 0, "uncertain": ANSWER_LOST})
        word, note = ANSWER_LOST, str(outcome.trouble)
    else:
        assert isinstance(outcome, Duplicate)
        change(connection, row, {"stage": Stage.ASKING, "due_at": due_at, "asked": 0, "uncertain": "duplicate"})
        word, note = outcome.word, outcome.note
    if word != row["word"]:
        change(connection, row, {"word": word})
        write_history(connection, row["id"], now, Source.API, None, word, note)
    # Receipts may have been faster than the end of the link.
    return settle_doubt(connection, row, now) if isinstance(outcome, Uncertain) else []


def _stopped(connection: Connection, row: Row, outcome: Refused, now: float) -> list[Change]:
    """A1 has the number on a stop list: it is on ours from now on."""
    if outcome.reason != Refusal.STOP_LIST:
        return []
    msisdn = connection.value(_NUMBER, {"row": row["id"]})
    return choose(connection, msisdn, Choice.OUT, ChoiceSource.A1, outcome.note or outcome.word, now)


def _accepted(connection: Connection, row: Row, outcome: Accepted, due_at: float, now: float) -> list[Change]:
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
        if row["partly_at"] is not None:
            # The receipts of the parts that were the last to go out can only come now.
            known["partly_at"] = now
    changes: list[Change] = []
    if Status(row["status"]).may_become(Status.SENT):
        changes.append(take(connection, row, Status.SENT, Source.API, outcome.word, now, known=known))
    else:
        change(connection, row, known)
        says_more = outcome.price.amount is not None or outcome.segments not in (None, row["segments"])
        if says_more and Status(row["status"]).final:
            # Statistics go by the history.
            write_history(connection, row["id"], now, Source.API, None, ANSWERED_LATE, outcome.word)
    return changes


def _early(connection: Connection, row: Row, a1_id: str | None) -> list[Change]:
    """Apply the statuses that came before their message was known by these identifiers."""
    changes: list[Change] = []
    since = row["received_at"] - _CLOCK_SET_BACK
    for kept in connection.all(_EARLY, {"custom_id": row["custom_id"], "a1_id": a1_id, "since": since}):
        changes += settle(connection, read_unmatched(kept)) or []
        forget(connection, kept)
    return changes


def release(connection: Connection, row: Row, now: float, *, resend: bool) -> list[Change] | None:
    """Nobody has said what became of an uncertain message: it goes again in its time, and is marked, or has failed.

    None when it goes again.
    """
    settled = settle_doubt(connection, row, now)
    row = by_id(connection, row["id"]) or row
    if row["stage"] != Stage.ASKING:
        return settled
    again: dict[str, Any] | None = {"due_at": now}
    into = goes_on_in(row)
    if row["leave_by"] is not None and row["leave_by"] < now and nothing_has_left(connection, row):
        again = another_time(row, now)
    if not resend or row["resent"] >= _MOST_RESENDS or again is None:
        return [reject(connection, row, "uncertain", now)]
    change(connection, row, {"stage": into, "uncertain": None, "resent": row["resent"] + 1, **again})
    write_history(connection, row["id"], now, Source.GATEWAY, None, "resent")
    return None


def not_found(connection: Connection, row: Row, ask_at: float, now: float) -> list[Change]:
    asked = row["asked"] + 1
    write_history(connection, row["id"], now, Source.API, None, "not_found")
    if asked < _SAYS_NO_TWICE:
        change(connection, row, {"asked": asked, "due_at": ask_at})
        return []
    if row["uncertain"] == "duplicate":
        return [take(connection, row, Status.REJECTED, Source.API, row["word"] or "20", now, reason="duplicate")]
    again = {"stage": goes_on_in(row), "due_at": now, "asked": 0, "uncertain": None}
    if load(connection, [row["id"]]):
        # It went out over SMPP before the transport was changed: that A1 does not know it here says nothing.
        again["resent"] = row["resent"] + 1
        write_history(connection, row["id"], now, Source.GATEWAY, None, "resent")
    change(connection, row, again)
    return []
