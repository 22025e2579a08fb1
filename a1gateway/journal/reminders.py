"""Reminders, within one transaction of the journal: one row for each time before each moment of a document.

Moments and due times are by the server's own clock; `now` of what ends something by the steady one.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Integer, bindparam, cast, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from ..message import Acceptance, Arrival, Change, Drop, Planned, Refusal, Stage
from .acceptance import accept_one, row_of
from .deadlines import NOTHING_HAS_LEFT, TAKEN_BACK
from .look_ups import was_said
from .rows import STATE, by_id, change, reject
from .schema import messages, reminder_rules, reminders
from .statements import Connection, Row, Statement, among, change_by_id, listed
from .waiting_runs import reminder_is_over

# A visit that nobody came to is often given another date afterwards.
_FOLLOWED_FOR = 30 * 86400.0


class State(enum.StrEnum):
    """What became of a reminder."""

    PLANNED = "planned"
    SENT = "sent"
    """Its message stands in the journal."""
    MOVED = "moved"
    """The document has another moment now."""
    DROPPED = "dropped"
    """It will not be sent; the reason says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Whose reminders they are, and of what."""

    name: str
    run: int | None
    entity_type: int
    item: int


@dataclass(frozen=True, slots=True)
class Followed:
    """A document that reminders follow."""

    rule: Rule
    moment: float
    """The last that is known of it."""
    is_held: bool
    """Whether it had it when it was last seen."""


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

    @property
    def of(self) -> Rule:
        """Whose it is."""
        return Rule(self.rule, self.run, self.entity_type, self.item)


_OF_RULE = (
    reminders.c.rule == bindparam("rule"),
    reminders.c.entity_type == bindparam("entity_type"),
    reminders.c.item == bindparam("item"),
)
_TO_COME = (*_OF_RULE, reminders.c.due_at.is_not(None))
_MOVE = Statement(
    update(reminders)
    .where(*_TO_COME, reminders.c.moment != bindparam("moment"))
    .values(state=State.MOVED, due_at=None)
)
_HOW_MANY = Statement(select(func.count()).where(*_TO_COME))
_RUNS_BEFORE = Statement(
    select(reminders.c.run)
    .where(*_TO_COME, reminders.c.run.is_not(None), reminders.c.run != bindparam("not"))
    .distinct()
)
_insert = insert(reminders)
_PLAN = Statement(
    _insert.on_conflict_do_update(
        index_elements=["rule", "entity_type", "item", "moment", "ahead"],
        set_={
            "run": _insert.excluded.run,
            "state": _insert.excluded.state,
            "due_at": _insert.excluded.due_at,
            "reason": _insert.excluded.reason,
            "tries": 0,
        },
        # What was sent stays sent, however often the date goes away and comes back; and what waits, waits.
        where=reminders.c.message.is_(None)
        & (_insert.excluded.due_at.is_not(None) | (reminders.c.state == State.MOVED)),
    ),
    ("rule", "run", "entity_type", "item", "moment", "ahead", "due_at", "state", "reason"),
)
_follow = insert(reminder_rules)
_FOLLOW = Statement(
    _follow.on_conflict_do_update(
        index_elements=["rule", "entity_type", "item"],
        set_={name: _follow.excluded[name] for name in ("run", "moment", "held", "until")},
    ),
    ("rule", "entity_type", "item", "run", "moment", "held", "until"),
)
_RULE = (
    reminder_rules.c.rule == bindparam("rule"),
    reminder_rules.c.entity_type == bindparam("entity_type"),
    reminder_rules.c.item == bindparam("item"),
)
_FORGET = Statement(delete(reminder_rules).where(*_RULE))
_LET_GO = Statement(update(reminder_rules).where(*_RULE).values(held=False))
_FORGET_OLD = Statement(delete(reminder_rules).where(reminder_rules.c.until < bindparam("now")))
_SENT_OF = Statement(
    select(reminders.c.id, reminders.c.message, reminders.c.moment, reminders.c.ahead).where(
        *_OF_RULE, reminders.c.state == State.SENT
    )
)
_NOT_SENT = Statement(
    select(*STATE).where(
        messages.c.id == bindparam("row"),
        messages.c.stage != Stage.SENT,
        messages.c.stage != Stage.OVER,
        NOTHING_HAS_LEFT,
    )
)
_TAKE_BACK = change_by_id(reminders, ("state", "message", "reason"))
_AGAIN = change_by_id(reminders, ("state", "due_at", "message"))
_KNOWN_AS = Statement(select(messages.c.reason).where(messages.c.message_id == bindparam("name")))
_DUE = Statement(
    select(reminders)
    .where(reminders.c.due_at <= bindparam("now"))
    .order_by(reminders.c.due_at)
    .limit(bindparam("most"))
)
_DUE_FOR = Statement(
    select(reminders).where(
        *_OF_RULE, reminders.c.moment == bindparam("moment"), reminders.c.due_at <= bindparam("now")
    )
)
_RUN_OF_IT = Statement(select(reminders.c.run).where(reminders.c.id == bindparam("row")))
_HAND_OVER = Statement(update(reminders).where(*_TO_COME).values(run=bindparam("run")))
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
    select(reminder_rules).where(
        reminder_rules.c.entity_type == bindparam("entity_type"), reminder_rules.c.item.in_(among("items"))
    )
)
_DROP_ALL = Statement(
    update(reminders).where(*_TO_COME).values(state=State.DROPPED, due_at=None, reason=bindparam("why"))
)
_DROP_EVERYTHING = Statement(
    update(reminders)
    .where(reminders.c.due_at.is_not(None))
    .values(state=State.DROPPED, due_at=None, reason=bindparam("why"))
)
_FORGET_EVERYTHING = Statement(delete(reminder_rules))
_OF_RUN = Statement(select(reminders).where(reminders.c.run == bindparam("row")).order_by(reminders.c.id))
_RUN_OF = Statement(select(reminder_rules.c.run).where(*_RULE))
_KNOWN_ITEMS = Statement(
    select(cast(reminder_rules.c.item, Integer))
    .where(reminder_rules.c.entity_type == bindparam("entity_type"), reminder_rules.c.item.in_(among("items")))
    .distinct()
)
_TYPES = Statement(select(reminder_rules.c.entity_type).distinct())
_DEPTH = Statement(select(func.count(), func.min(reminders.c.due_at)).where(reminders.c.due_at.is_not(None)))


def plan(
    connection: Connection,
    rule: Rule,
    moment: float,
    planned: Iterable[Planned],
    now: float,
    *,
    is_known: bool = False,
) -> int:
    """These are a rule's reminders of a document now, and others that have not been sent are not.

    Those that will not be sent are kept as dropped. How many are to be sent. `is_known`: the rule was there before; a
    later run that has taken it over since it was read keeps it.
    """
    of_rule = _of_rule(rule)
    latest = connection.first(_RUN_OF, of_rule) if is_known else None
    rule = rule if latest is None else replace(rule, run=latest["run"])
    before = connection.all(_RUNS_BEFORE, of_rule | {"not": -1 if rule.run is None else rule.run})
    connection.execute(_MOVE, of_rule | {"moment": moment})
    for each in planned:
        state = State.PLANNED if each.due_at is not None else State.DROPPED
        values = {
            "run": rule.run,
            "moment": moment,
            "ahead": each.ahead,
            "due_at": each.due_at,
            "state": str(state),
            "reason": None if each.why is None else str(each.why),
        }
        connection.execute(_PLAN, of_rule | values)
    connection.execute(
        _FOLLOW, of_rule | {"run": rule.run, "moment": moment, "held": True, "until": moment + _FOLLOWED_FOR}
    )
    # Those that wait already, and their times have come, are the latest run's too.
    connection.execute(_HAND_OVER, of_rule | {"run": rule.run})
    _are_over(connection, {rule.run, *(row["run"] for row in before)}, now)
    count: int = connection.value(_HOW_MANY, of_rule)
    return count


def due(connection: Connection, now: float, limit: int) -> tuple[list[Reminder], float | None]:
    """Up to `limit` that are due, oldest first, and when the next is due later (None: none waits).

    All that are due for one moment come together, for nobody gets two of them at once; so there may be more.
    """
    found = {row["id"]: row for row in connection.all(_DUE, {"now": now, "most": limit})}
    if len(found) == limit:
        for row in list(found.values()):
            of_it = {name: row[name] for name in ("rule", "entity_type", "item", "moment")}
            found |= {other["id"]: other for other in connection.all(_DUE_FOR, of_it | {"now": now})}
    return [_reminder(row) for row in found.values()], connection.value(_NEXT_DUE, {"after": now})


def send(
    connection: Connection, reminder: Reminder, arrival: Arrival, repeat_after: float = 0.0
) -> Acceptance | None:
    """Take in the message of a reminder; None when that has been moved or dropped meanwhile.

    `repeat_after`: the seconds in which its rule does not say the same to the same number twice.
    """
    if connection.first(_STILL_DUE, {"row": reminder.id}) is None:
        return None
    # The one an hour before the visit is no repetition of the one two hours before it.
    saying = f"{reminder.ahead:g}\0{arrival.text}"
    if was_said(connection, reminder.rule, arrival, saying, repeat_after):
        arrival = replace(arrival, refusal=Refusal.REPEATED)
    while connection.value(_KNOWN_AS, {"name": arrival.message_id}) == Refusal.OUTDATED:
        # It was taken back, and its date has come back.
        again = hashlib.sha256(arrival.message_id.encode()).hexdigest()[:32]
        arrival = replace(arrival, message_id=f"auto-{again}")
    acceptance = accept_one(connection, arrival)
    message = row_of(connection, arrival.message_id)
    connection.execute(_SENT, {"row": reminder.id, "state": str(State.SENT), "due_at": None, "message": message})
    if acceptance.refusal is not None:
        _are_over(connection, _runs_of(connection, reminder), arrival.received_at)
    return acceptance


def take_back(
    connection: Connection, rule: Rule, moment: float | None, now: float, why: Drop | None = None
) -> list[Change]:
    """Let no SMS of a rule leave that is about another moment of a document than this one.

    None: about none, for this reason. One that A1 may have does not go again, and ends by what A1 says of it.
    """
    changes = []
    for reminder in connection.all(_SENT_OF, _of_rule(rule)):
        if reminder["moment"] == moment:
            _give_back(connection, reminder)
            continue
        row = connection.first(_NOT_SENT, {"row": reminder["message"]})
        if row is None:
            continue
        if row["stage"] not in (Stage.READY, Stage.CONSENT) or row["resent"]:
            change(connection, row, TAKEN_BACK)
        else:
            changes.append(reject(connection, row, Refusal.OUTDATED, now))
            state = State.DROPPED if moment is None else State.MOVED
            values = {"state": str(state), "message": None, "reason": None if why is None else str(why)}
            connection.execute(_TAKE_BACK, {"row": reminder["id"], **values})
    return changes


def _give_back(connection: Connection, reminder: Row) -> None:
    """Its date has come back: an SMS that was not to leave any more if A1 has not got it may leave after all."""
    row = by_id(connection, reminder["message"])
    if row is None or row["leave_by"] != TAKEN_BACK["leave_by"]:
        return
    if row["stage"] != Stage.OVER:
        change(connection, row, {"leave_by": reminder["moment"]})
    elif connection.value(_KNOWN_AS, {"name": row["message_id"]}) == Refusal.OUTDATED:
        due_at = reminder["moment"] - reminder["ahead"]
        connection.execute(
            _AGAIN, {"row": reminder["id"], "state": str(State.PLANNED), "due_at": due_at, "message": None}
        )


def drop(connection: Connection, dropped: Reminder, why: Drop, now: float) -> None:
    """It will not be sent."""
    values = {"state": str(State.DROPPED), "due_at": None, "reason": str(why)}
    connection.execute(_DROP, {"row": dropped.id, **values})
    _are_over(connection, _runs_of(connection, dropped), now)


def _runs_of(connection: Connection, reminder: Reminder) -> set[int | None]:
    """Whose it was when it was read, and whose it is."""
    return {reminder.run, connection.value(_RUN_OF_IT, {"row": reminder.id})}


def _are_over(connection: Connection, ended: Iterable[int | None], now: float) -> None:
    for run in ended:
        if run is not None:
            reminder_is_over(connection, run, now)


def put_off(connection: Connection, reminder: Reminder, due_at: float, tries: int) -> None:
    """Look again at `due_at` at one that has been tried so often."""
    connection.execute(_PUT_OFF, {"row": reminder.id, "due_at": due_at, "tries": tries})


def rules_of(connection: Connection, entity_type: int, items: Collection[int]) -> list[Followed]:
    """Whose reminders follow these documents."""
    rows = connection.all(_RULES_OF, {"entity_type": entity_type, "items": listed(items)})
    return [
        Followed(Rule(row["rule"], row["run"], entity_type, row["item"]), row["moment"], bool(row["held"]))
        for row in rows
    ]


def drop_all(connection: Connection, rule: Rule, why: Drop, now: float, *, for_good: bool) -> int:
    """None of a rule's reminders of a document will be sent; how many that ends.

    Unless it is `for_good`, the document is followed on: it may be given a date again.
    """
    of_rule = _of_rule(rule)
    theirs = {rule.run, *(row["run"] for row in connection.all(_RUNS_BEFORE, of_rule | {"not": -1}))}
    dropped = connection.execute(_DROP_ALL, of_rule | {"why": str(why)}).rowcount
    connection.execute(_FORGET if for_good else _LET_GO, of_rule)
    _are_over(connection, theirs, now)
    return dropped


def drop_everything(connection: Connection, why: Drop) -> int:
    """No reminder that waits will be sent, and no document is followed; how many that ends."""
    connection.execute(_FORGET_EVERYTHING)
    return connection.execute(_DROP_EVERYTHING, {"why": str(why)}).rowcount


def forget_old(connection: Connection, now: float) -> None:
    """Follow no document whose moment is long past."""
    connection.execute(_FORGET_OLD, {"now": now})


def of_run(connection: Connection, run: int) -> list[Row]:
    """The reminders of a run of an automation rule as they were planned, without those that a later run has taken."""
    return connection.all(_OF_RUN, {"row": run})


def run_of(connection: Connection, reminder: Row) -> int | None:
    """The latest run that has planned reminders like this one; its own when the document is not followed any more."""
    values = {name: reminder[name] for name in ("rule", "entity_type", "item")}
    latest = connection.first(_RUN_OF, values)
    run: int | None = reminder["run"] if latest is None else latest["run"]
    return run


def followed(connection: Connection, entity_type: int, items: Collection[int]) -> set[int]:
    """Those of the items that reminders follow."""
    found = connection.all(_KNOWN_ITEMS, {"entity_type": entity_type, "items": listed(items)})
    return {row[0] for row in found}


def types(connection: Connection) -> list[int]:
    """The types of documents that reminders follow."""
    return [row[0] for row in connection.all(_TYPES)]


def depth(connection: Connection) -> tuple[int, float | None]:
    """How many are to come, and when the first is due."""
    ((count, first),) = connection.all(_DEPTH)
    return count, first


def _of_rule(rule: Rule) -> dict[str, Any]:
    return {"rule": rule.name, "entity_type": rule.entity_type, "item": rule.item}


def _reminder(row: Row) -> Reminder:
    values: dict[str, Any] = {name: row[name] for name in Reminder.__slots__}
    return Reminder(**values)
