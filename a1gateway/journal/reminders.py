"""Reminders, within one transaction of the journal: one row for each time before each moment of a document."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, bindparam, cast, func, select, update
from sqlalchemy.dialects.sqlite import insert

from ..automation.moments import Planned
from ..message import Acceptance, Arrival
from .acceptance import accept_one, row_of
from .schema import reminders
from .statements import Connection, Row, Statement, among, change_by_id, listed
from .waiting_runs import reminder_is_over


class State(enum.StrEnum):
    """What became of a reminder."""

    PLANNED = "planned"
    SENT = "sent"
    """Its message stands in the journal."""
    MOVED = "moved"
    """The document has another moment now."""
    DROPPED = "dropped"
    """It will not be sent; the reason says why."""


class Drop(enum.StrEnum):
    """Why a reminder is not sent."""

    LATE = "late"
    """Its time had passed by more than the grace."""
    PAST = "past"
    """There was no time for it before the moment."""
    DELETED = "deleted"
    """The document is gone."""
    CANCELLED = "cancelled"
    """The document has no moment any more, or has failed."""
    CONDITION = "condition"
    """The document does not fulfil the scenario's condition any more."""
    NO_SCENARIO = "no_scenario"
    """The configuration does not have its scenario any more, or not this time ahead."""
    PORTAL = "portal"
    """The portal could not be asked within the grace."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """A reminder that is due."""

    id: int
    rule: str
    run: int | None
    entity_type: int
    item: int
    moment: float
    ahead: float
    due_at: float
    tries: int


@dataclass(frozen=True, slots=True)
class Rule:
    """Whose reminders they are, and of what."""

    name: str
    run: int | None
    entity_type: int
    item: int


_OF_RULE = (
    reminders.c.rule == bindparam("rule"),
    reminders.c.entity_type == bindparam("entity_type"),
    reminders.c.item == bindparam("item"),
)
_MOVE = Statement(
    update(reminders)
    .where(*_OF_RULE, reminders.c.due_at.is_not(None), reminders.c.moment != bindparam("moment"))
    .values(state=State.MOVED, due_at=None)
)
_TO_COME = Statement(select(func.count()).where(*_OF_RULE, reminders.c.due_at.is_not(None)))
_insert = insert(reminders)
_PLAN = Statement(
    _insert.on_conflict_do_update(
        index_elements=["rule", "entity_type", "item", "moment", "ahead"],
        set_={
            "state": _insert.excluded.state,
            "due_at": _insert.excluded.due_at,
            "reason": _insert.excluded.reason,
            "tries": 0,
        },
        # What was sent stays sent, however often the date goes away and comes back.
        where=reminders.c.message.is_(None)
        & (reminders.c.state != State.PLANNED)
        & _insert.excluded.due_at.is_not(None),
    ),
    ("rule", "run", "entity_type", "item", "moment", "ahead", "due_at", "state", "reason"),
)
_DUE = Statement(
    select(reminders)
    .where(reminders.c.due_at <= bindparam("now"))
    .order_by(reminders.c.due_at)
    .limit(bindparam("most"))
)
_NEXT_DUE = Statement(select(func.min(reminders.c.due_at)).where(reminders.c.due_at > bindparam("after")))
_SENT = change_by_id(reminders, ("state", "due_at", "message"))
# What has been moved or dropped meanwhile stays so.
_IF_STILL_DUE = update(reminders).where(reminders.c.id == bindparam("row"), reminders.c.due_at.is_not(None))
_DROP = Statement(_IF_STILL_DUE, ("state", "due_at", "reason"))
_PUT_OFF = Statement(_IF_STILL_DUE, ("due_at", "tries"))
_STILL_DUE = Statement(
    select(reminders.c.due_at).where(reminders.c.id == bindparam("row"), reminders.c.due_at.is_not(None))
)
_RULES_OF = Statement(
    select(reminders.c.rule, reminders.c.run, func.max(reminders.c.moment).label("moment"))
    .where(
        reminders.c.entity_type == bindparam("entity_type"),
        reminders.c.item == bindparam("item"),
        reminders.c.due_at.is_not(None),
    )
    .group_by(reminders.c.rule, reminders.c.run)
)
_DROP_ALL = Statement(
    update(reminders)
    .where(*_OF_RULE, reminders.c.due_at.is_not(None))
    .values(state=State.DROPPED, due_at=None, reason=bindparam("why"))
)
_OF_RUN = Statement(select(reminders).where(reminders.c.run == bindparam("row")).order_by(reminders.c.id))
_KNOWN_ITEMS = Statement(
    select(cast(reminders.c.item, Integer))
    .where(
        reminders.c.entity_type == bindparam("entity_type"),
        reminders.c.item.in_(among("items")),
        reminders.c.due_at.is_not(None),
    )
    .distinct()
)
_TYPES = Statement(select(reminders.c.entity_type).where(reminders.c.due_at.is_not(None)).distinct())
_DEPTH = Statement(select(func.count(), func.min(reminders.c.due_at)).where(reminders.c.due_at.is_not(None)))


def plan(connection: Connection, rule: Rule, moment: float, planned: Iterable[Planned], now: float) -> int:
    """These are a rule's reminders of a document now, and others that have not been sent are not.

    Those that there is no time for are kept as dropped. How many are to be sent.
    """
    values = {
        "rule": rule.name,
        "run": rule.run,
        "entity_type": rule.entity_type,
        "item": rule.item,
        "moment": moment,
    }
    of_rule = {"rule": rule.name, "entity_type": rule.entity_type, "item": rule.item}
    connection.execute(_MOVE, of_rule | {"moment": moment})
    for each in planned:
        there_is_time = each.due_at is not None
        state = State.PLANNED if there_is_time else State.DROPPED
        reason = None if there_is_time else str(Drop.PAST)
        connection.execute(
            _PLAN, values | {"ahead": each.ahead, "due_at": each.due_at, "state": str(state), "reason": reason}
        )
    if rule.run is not None:
        reminder_is_over(connection, rule.run, now)
    count: int = connection.value(_TO_COME, of_rule)
    return count


def due(connection: Connection, now: float, limit: int) -> tuple[list[Reminder], float | None]:
    """Up to `limit` that are due, oldest first, and when the next is due later (None: none waits)."""
    found = connection.all(_DUE, {"now": now, "most": limit})
    return [_reminder(row) for row in found], connection.value(_NEXT_DUE, {"after": now})


def send(connection: Connection, reminder: Reminder, arrival: Arrival) -> Acceptance | None:
    """Take in the message of a reminder; None when that has been moved or dropped meanwhile."""
    if connection.first(_STILL_DUE, {"row": reminder.id}) is None:
        return None
    acceptance = accept_one(connection, arrival)
    message = row_of(connection, arrival.message_id)
    connection.execute(_SENT, {"row": reminder.id, "state": str(State.SENT), "due_at": None, "message": message})
    if reminder.run is not None and acceptance.refusal is not None:
        reminder_is_over(connection, reminder.run, arrival.received_at)
    return acceptance


def drop(connection: Connection, dropped: Reminder, why: Drop, now: float) -> None:
    """It will not be sent."""
    values = {"state": str(State.DROPPED), "due_at": None, "reason": str(why)}
    connection.execute(_DROP, {"row": dropped.id, **values})
    if dropped.run is not None:
        reminder_is_over(connection, dropped.run, now)


def put_off(connection: Connection, tries_of: Iterable[tuple[int, int]], due_at: float) -> None:
    """Look again at `due_at` at these, which have been tried so often."""
    for row, tries in tries_of:
        connection.execute(_PUT_OFF, {"row": row, "due_at": due_at, "tries": tries})


def rules_of(connection: Connection, entity_type: int, item: int) -> list[tuple[Rule, float]]:
    """Whose reminders wait for a document, and of which moment."""
    rows = connection.all(_RULES_OF, {"entity_type": entity_type, "item": item})
    return [(Rule(row["rule"], row["run"], entity_type, item), row["moment"]) for row in rows]


def drop_all(connection: Connection, rule: Rule, why: Drop, now: float) -> int:
    """None of a rule's reminders of a document will be sent; how many that ends."""
    values = {"rule": rule.name, "entity_type": rule.entity_type, "item": rule.item, "why": str(why)}
    dropped = connection.execute(_DROP_ALL, values).rowcount
    if rule.run is not None:
        reminder_is_over(connection, rule.run, now)
    return dropped


def of_run(connection: Connection, run: int) -> list[Row]:
    """All reminders of a run of an automation rule, as they were planned."""
    return connection.all(_OF_RUN, {"row": run})


def items_with_reminders(connection: Connection, entity_type: int, items: Collection[int]) -> set[int]:
    """Those of the items that have reminders to come."""
    found = connection.all(_KNOWN_ITEMS, {"entity_type": entity_type, "items": listed(items)})
    return {row[0] for row in found}


def types(connection: Connection) -> list[int]:
    """The types of documents that have reminders to come."""
    return [row[0] for row in connection.all(_TYPES)]


def depth(connection: Connection) -> tuple[int, float | None]:
    """How many are to come, and when the first is due."""
    ((count, first),) = connection.all(_DEPTH)
    return count, first


def _reminder(row: Row) -> Reminder:
    values: dict[str, Any] = {name: row[name] for name in Reminder.__slots__}
    return Reminder(**values)
