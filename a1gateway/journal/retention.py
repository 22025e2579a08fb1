"""What has been kept for long enough: found beside the lane, and taken away in small pieces on it.

Each `Kind` says what of one table is old, and what is done with it. Looking for it never reads much at a time; what
was found is looked at once more in the transaction that takes it away.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, bindparam, delete, or_, select, text
from sqlalchemy.dialects.sqlite import insert

from ..message import RunState
from . import masking
from .schema import choices, incoming, messages, reminder_rules, reminders, retention, runs, unmatched
from .statements import Connection, Statement, among, listed
from .walks import Walk

AT_ONCE = 50
"""So many rows are taken away in one transaction: the journal's thread is busy with them for some milliseconds."""
_MOST = 2000


class After(enum.Enum):
    """Which of the periods a kind goes by."""

    MASK = "mask"
    DELETE = "delete"
    EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True)
class Place:
    """How far the looks have come."""

    at: float = 0.0
    id: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What a look has found, and where the next goes on; None when there is no more to look at."""

    rows: Sequence[int]
    place: Place | None


@dataclass(frozen=True, slots=True)
class Kind:
    """What of one table is taken away."""

    name: str
    """For the log and the metrics: what, and whether it is masked or deleted."""
    after: After
    find: Callable[[Connection, float, Place], Found] | None
    """What is older than a moment, behind a place; None: `take` finds some by itself, until it takes none."""
    take: Callable[[Connection, Sequence[int], float, float], int]
    """Take those of the rows away that are older than the first moment, and may go; `now` is the second. How many."""


# Messages, by indexes of their own


def _by_time(condition: Any) -> Callable[[Connection, float, Place], Found]:
    statement = Statement(
        select(messages.c.received_at, messages.c.id)
        .where(
            condition,
            messages.c.received_at < bindparam("before"),
            messages.c.received_at >= bindparam("at"),
            or_(messages.c.received_at > bindparam("at"), messages.c.id > bindparam("row")),
        )
        .order_by(messages.c.received_at, messages.c.id)
        .limit(bindparam("most"))
    )

    def find(connection: Connection, before: float, place: Place) -> Found:
        rows = connection.all(statement, {"before": before, "at": place.at, "row": place.id, "most": _MOST})
        return Found([row["id"] for row in rows], Place(*rows[-1]) if rows else None)

    return find


def _mask(connection: Connection, rows: Sequence[int], before: float, now: float) -> int:
    del before
    return masking.mask(connection, rows, now)


def _remove(connection: Connection, rows: Sequence[int], before: float, now: float) -> int:
    del now
    return masking.remove(connection, rows, before)


# As the indexes have it.
_unmasked = _by_time(text("masked_at IS NULL AND stage = 'over' AND tell_at IS NULL"))
_masked = _by_time(messages.c.masked_at.is_not(None))


# Tables that are walked through


def _walked(
    name: str, after: After, table: Table, is_old: ColumnElement[bool], in_order_of: str | None = None
) -> Kind:
    walk = Walk(table, is_old, in_order_of)

    def take(connection: Connection, rows: Sequence[int], before: float, now: float) -> int:
        del now
        return walk.delete(connection, rows, {"before": before})

    return Kind(name, after, _finding(walk), take)


def _finding(walk: Walk) -> Callable[[Connection, float, Place], Found]:
    def find(connection: Connection, before: float, place: Place) -> Found:
        rows, end = walk.look(connection, place.id, {"before": before})
        return Found(rows, None if end is None else Place(id=end))

    return find


_BEFORE: ColumnElement[float] = bindparam("before")
_REMINDERS_PAST = and_(reminders.c.due_at.is_(None), reminders.c.moment < _BEFORE)
# What a reminder says stands in its run: it is needed for as long as one may be planned.
_RUN_IS_DONE = and_(
    runs.c.state == RunState.OVER,
    runs.c.over_at < _BEFORE,
    runs.c.id.not_in(select(reminder_rules.c.run).where(reminder_rules.c.run.is_not(None))),
    ~select(reminders.c.id).where(reminders.c.run == runs.c.id, ~_REMINDERS_PAST).exists(),
)
_runs = Walk(runs, _RUN_IS_DONE, "received_at")
_REMINDERS_OF_RUNS = Statement(
    delete(reminders).where(
        reminders.c.run.in_(select(runs.c.id).where(runs.c.id.in_(among("rows")), _RUN_IS_DONE)), _REMINDERS_PAST
    )
)


def _take_runs(connection: Connection, rows: Sequence[int], before: float, now: float) -> int:
    del now
    connection.execute(_REMINDERS_OF_RUNS, {"rows": listed(rows), "before": before})
    return _runs.delete(connection, rows, {"before": before})


# What one statement finds and takes away, so many rows at a time: by an index, or in a table that is small


def _sweeping(name: str, after: After, sql: str) -> Kind:
    statement = Statement(text(sql))

    def take(connection: Connection, rows: Sequence[int], before: float, now: float) -> int:
        del rows, now
        return connection.execute(statement, {"before": before, "most": AT_ONCE}).rowcount

    return Kind(name, after, None, take)


MASKED = "messages_masked"
KINDS = (
    Kind(MASKED, After.MASK, _unmasked, _mask),
    _walked("subscribers_messages_deleted", After.MASK, incoming, incoming.c.received_at < _BEFORE, "received_at"),
    _sweeping(
        "subscribers_messages_deleted",
        After.MASK,
        "DELETE FROM incoming_parts WHERE id IN"
        " (SELECT id FROM incoming_parts WHERE received_at < :before LIMIT :most)",
    ),
    _walked("unmatched_statuses_deleted", After.MASK, unmatched, unmatched.c.at < _BEFORE, "at"),
    Kind("runs_deleted", After.MASK, _finding(_runs), _take_runs),
    _walked("reminders_deleted", After.MASK, reminders, and_(_REMINDERS_PAST, reminders.c.run.is_(None))),
    _sweeping(
        "said_deleted",
        After.MASK,
        "DELETE FROM said WHERE rowid IN (SELECT rowid FROM said WHERE at < :before LIMIT :most)",
    ),
    # Only its first message's words, with what was put in for the first subscriber; its figures stay.
    _sweeping(
        "campaign_texts_deleted",
        After.MASK,
        "UPDATE campaigns SET text = '' WHERE id IN"
        " (SELECT id FROM campaigns WHERE latest_at < :before AND text <> '' LIMIT :most)",
    ),
    # Those that are masked, and, where nothing is ever masked, the others.
    Kind("messages_deleted", After.DELETE, _masked, _remove),
    Kind("messages_deleted", After.DELETE, _unmasked, _remove),
    _sweeping(
        "evidence_deleted",
        After.EVIDENCE,
        "DELETE FROM consent_evidence WHERE id IN"
        " (SELECT id FROM consent_evidence WHERE asked_at < :before ORDER BY asked_at LIMIT :most)",
    ),
    _walked(
        "choices_deleted", After.EVIDENCE, choices, and_(choices.c.at < _BEFORE, choices.c.due_at.is_(None)), "at"
    ),
    # The number stays for as long as its owner does not want SMS.
    _sweeping(
        "stop_list_notes_deleted",
        After.EVIDENCE,
        "UPDATE stop_list SET note = '' WHERE msisdn IN"
        " (SELECT msisdn FROM stop_list WHERE since < :before AND note <> '' LIMIT :most)",
    ),
)
"""All that retention takes away, in this order."""


# When that is


_STATE = Statement(select(retention.c.begins_at, retention.c.passed_at))
_state = insert(retention)
_KEEP_STATE = Statement(
    _state.on_conflict_do_update(
        index_elements=["id"],
        set_={"begins_at": _state.excluded.begins_at, "passed_at": _state.excluded.passed_at},
    ),
    ("id", "begins_at", "passed_at"),
)


@dataclass(frozen=True, slots=True)
class State:
    """When retention may take the first away, and when it last went through everything."""

    begins_at: float
    passed_at: float


def state(connection: Connection) -> State | None:
    """None before the first start of a version that has it."""
    row = connection.first(_STATE)
    return None if row is None else State(*row)


def keep_state(connection: Connection, kept: State) -> None:
    """In place of the one before."""
    connection.execute(_KEEP_STATE, {"id": 1, "begins_at": kept.begins_at, "passed_at": kept.passed_at})


def any_is_old(connection: Connection, before: float) -> bool:
    """Whether there are messages to be masked, or deleted, that came before this moment."""
    return bool(_unmasked(connection, before, Place()).rows)
