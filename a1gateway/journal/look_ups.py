"""What scenarios have to look into, and what they have looked into, within one transaction of the journal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, case, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from ..message import Arrival, Status
from .schema import conditions, look_ups, messages, moves, positions, said, stage_records
from .statements import Connection, Statement, among, listed

_LONGEST_TROUBLE = 500
_insert = insert(look_ups)
_NOTE = Statement(
    _insert.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "latest_at": _insert.excluded.latest_at,
            "payload": func.coalesce(look_ups.c.payload, _insert.excluded.payload),
            # A call happens once, however often it is heard of.
            "due_at": case(
                (look_ups.c.entity_type.is_(None), func.min(look_ups.c.due_at, _insert.excluded.due_at)),
                else_=func.min(_insert.excluded.due_at, look_ups.c.first_at + bindparam("longest")),
            ),
        },
    ),
    ("key", "entity_type", "item", "payload", "first_at", "latest_at", "due_at"),
)
_DUE = Statement(
    select(look_ups).where(look_ups.c.due_at <= bindparam("now")).order_by(look_ups.c.due_at).limit(bindparam("most"))
)
_NEXT_DUE = Statement(select(func.min(look_ups.c.due_at)))
_DONE = Statement(
    delete(look_ups).where(look_ups.c.key == bindparam("name"), look_ups.c.latest_at <= bindparam("latest"))
)
# An event came while it was looked into.
_ONCE_MORE = Statement(
    look_ups.update()
    .where(look_ups.c.key == bindparam("name"))
    .values(first_at=look_ups.c.latest_at, tries=0, trouble=None)
)
_PUT_OFF = Statement(
    look_ups.update()
    .where(look_ups.c.key == bindparam("name"))
    .values(due_at=bindparam("at"), tries=look_ups.c.tries + 1, trouble=bindparam("why"))
)
_WAIT = Statement(look_ups.update().where(look_ups.c.key == bindparam("name")).values(due_at=bindparam("at")))
_POSITION = Statement(select(positions).where(positions.c.name == bindparam("of")))
_position = insert(positions)
_ADVANCE = Statement(
    _position.on_conflict_do_update(
        index_elements=["name"], set_={"record": _position.excluded.record, "at": _position.excluded.at}
    ),
    ("name", "record", "at"),
)
_FORGET_POSITION = Statement(delete(positions).where(positions.c.name == bindparam("of")))
_POSITIONS_NAMED = Statement(select(positions).where(positions.c.name.in_(among("names"))))
_POSITIONS = Statement(select(positions.c.name))
_MOVED = Statement(
    select(moves.c.item, moves.c.at).where(moves.c.entity_type == bindparam("of"), moves.c.item.in_(among("items")))
)
_LAST_MOVE = Statement(
    select(moves.c.at).where(moves.c.entity_type == bindparam("of"), moves.c.item == bindparam("row"))
)
_move = insert(moves)
_MOVE = Statement(
    _move.on_conflict_do_update(index_elements=["entity_type", "item"], set_={"at": _move.excluded.at}),
    ("entity_type", "item", "at"),
)
_FORGET_MOVES = Statement(
    delete(moves).where(moves.c.entity_type == bindparam("of"), moves.c.at < bindparam("before"))
)
_RECORD = Statement(insert(stage_records).on_conflict_do_nothing(), ("entity_type", "record"))
_RECORDS = Statement(
    select(stage_records.c.record).where(
        stage_records.c.entity_type == bindparam("of"), stage_records.c.record.in_(among("records"))
    )
)
_FORGET_RECORDS = Statement(
    delete(stage_records).where(
        stage_records.c.entity_type == bindparam("of"), stage_records.c.record <= bindparam("record")
    )
)
_SAID = Statement(
    select(messages.c.status)
    .select_from(said.outerjoin(messages, messages.c.message_id == said.c.message))
    .where(
        said.c.scenario == bindparam("scenario"),
        said.c.msisdn == bindparam("msisdn"),
        said.c.digest == bindparam("digest"),
        said.c.at > bindparam("after"),
    )
)
_say = insert(said)
_SAY = Statement(
    _say.on_conflict_do_update(
        index_elements=["scenario", "msisdn", "digest"],
        set_={"at": _say.excluded.at, "message": _say.excluded.message},
    ),
    ("scenario", "msisdn", "digest", "at", "message"),
)
_FORGET_SAID = Statement(delete(said).where(said.c.at < bindparam("before")))
_KNOWN = Statement(select(messages.c.id).where(messages.c.message_id == bindparam("name")))
_FORGET_CONDITIONS = Statement(delete(conditions).where(conditions.c.scenario.not_in(among("known"))))
_FORGET_EVERYTHING = tuple(
    Statement(delete(table)) for table in (look_ups, positions, stage_records, moves, conditions)
)
_HELD = Statement(
    select(conditions).where(conditions.c.scenario == bindparam("of"), conditions.c.item == bindparam("row"))
)
_hold = insert(conditions)
_HOLD = Statement(
    _hold.on_conflict_do_update(
        index_elements=["scenario", "item"], set_={"held": _hold.excluded.held, "times": _hold.excluded.times}
    ),
    ("scenario", "item", "held", "times"),
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the portal says has happened."""

    key: str
    """What it is about: events with the same key are looked into together."""
    entity_type: int | None = None
    item: int | None = None
    payload: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class LookUp:
    """An event, or several of one key, to be looked into."""

    event: Event
    first_at: float
    latest_at: float
    tries: int = 0
    """How often that has come to nothing."""


def note(connection: Connection, event: Event, now: float, *, quiet: float, longest: float) -> None:
    """Look into it when there has been no other for `quiet` seconds, and at the latest `longest` after the first.

    Something that is of no document: `quiet` seconds after the first, or earlier.
    """
    values = {
        "key": event.key,
        "entity_type": event.entity_type,
        "item": event.item,
        "payload": None if event.payload is None else json.dumps(dict(event.payload), ensure_ascii=False),
        "first_at": now,
        "latest_at": now,
        "due_at": now + min(quiet, longest),
    }
    connection.execute(_NOTE, values | {"longest": longest})


def due(connection: Connection, now: float, limit: int) -> tuple[list[LookUp], float | None]:
    """Up to `limit` that are due, and when the next of all is (None: there are none)."""
    found = [
        LookUp(
            Event(
                row["key"],
                row["entity_type"],
                row["item"],
                None if row["payload"] is None else json.loads(row["payload"]),
            ),
            row["first_at"],
            row["latest_at"],
            row["tries"],
        )
        for row in connection.all(_DUE, {"now": now, "most": limit})
    ]
    return found, connection.value(_NEXT_DUE)


def done(connection: Connection, looked_into: Collection[LookUp]) -> None:
    """These have been looked into; those that were heard of again meanwhile will be once more."""
    for each in looked_into:
        if not connection.execute(_DONE, {"name": each.event.key, "latest": each.latest_at}).rowcount:
            connection.execute(_ONCE_MORE, {"name": each.event.key})


def put_off(connection: Connection, key: str, due_at: float, trouble: str) -> None:
    """Looking into it has come to nothing; once more at `due_at`."""
    connection.execute(_PUT_OFF, {"name": key, "at": due_at, "why": trouble[:_LONGEST_TROUBLE]})


def wait(connection: Connection, keys: Collection[str], due_at: float) -> None:
    """Look into these at `due_at`: it is too early."""
    for key in keys:
        connection.execute(_WAIT, {"name": key, "at": due_at})


def position(connection: Connection, name: str) -> tuple[int, float] | None:
    """How far something has been read: up to which record, and when; None: never."""
    row = connection.first(_POSITION, {"of": name})
    return None if row is None else (row["record"], row["at"])


def positions_named(connection: Connection, names: Collection[str]) -> dict[str, tuple[int, float]]:
    """The same of several, by their names; those that have never been read are left out."""
    rows = connection.all(_POSITIONS_NAMED, {"names": listed(names)})
    return {row["name"]: (row["record"], row["at"]) for row in rows}


def advance(connection: Connection, name: str, record: int, at: float) -> None:
    """It has been read up to this record, at this time."""
    connection.execute(_ADVANCE, {"name": name, "record": record, "at": at})


def forget_position(connection: Connection, name: str) -> None:
    """It is not read any more, or from the beginning the next time."""
    connection.execute(_FORGET_POSITION, {"of": name})


def positions_of(connection: Connection) -> list[str]:
    """The names of all that has been read."""
    return [row["name"] for row in connection.all(_POSITIONS)]


def moved(connection: Connection, entity_type: int, items: Collection[int]) -> dict[int, float]:
    """Those of the documents of which an entry into a stage is known, and when the latest was in epoch seconds."""
    rows = connection.all(_MOVED, {"of": entity_type, "items": listed(items)})
    return {row["item"]: row["at"] for row in rows}


def move(connection: Connection, entity_type: int, item: int, at: float) -> bool:
    """A document's entry into a stage is being dealt with; whether it, or a later one, had been before."""
    before = connection.value(_LAST_MOVE, {"of": entity_type, "row": item})
    if before is not None and before >= at:
        return True
    connection.execute(_MOVE, {"entity_type": entity_type, "item": item, "at": at})
    return False


def forget_moves(connection: Connection, entity_type: int, before: float) -> None:
    """Nobody will ask for a type's entries before this again."""
    connection.execute(_FORGET_MOVES, {"of": entity_type, "before": before})


def forget_records(connection: Connection, entity_type: int, record: int) -> None:
    """Nobody will ask for a type's records up to this one again."""
    connection.execute(_FORGET_RECORDS, {"of": entity_type, "record": record})


def records_done(connection: Connection, entity_type: int, records: Sequence[int]) -> set[int]:
    """Those of a type's records that have been dealt with."""
    return {row[0] for row in connection.all(_RECORDS, {"of": entity_type, "records": listed(records)})}


def record_done(connection: Connection, entity_type: int, record: int) -> bool:
    """A record is being dealt with; whether it had been before."""
    return not connection.execute(_RECORD, {"entity_type": entity_type, "record": record}).rowcount


def was_said(connection: Connection, scenario: str, arrival: Arrival, saying: str, repeat_after: float) -> bool:
    """Whether a scenario has said the same to the same number within `repeat_after` seconds; if not, it has now.

    `saying`: what is the same when it is said again. What was rejected in the end, nobody has heard.
    """
    if arrival.refusal is not None or repeat_after <= 0 or connection.first(_KNOWN, {"name": arrival.message_id}):
        return False
    digest = hashlib.sha256(saying.encode()).hexdigest()[:32]
    whom = {"scenario": scenario, "msisdn": arrival.msisdn, "digest": digest}
    before = connection.first(_SAID, whom | {"after": arrival.received_at - repeat_after})
    if before is not None and before["status"] != Status.REJECTED:
        return True
    connection.execute(_SAY, whom | {"at": arrival.received_at, "message": arrival.message_id})
    return False


def forget_said(connection: Connection, before: float) -> None:
    """What was said before can be said again."""
    connection.execute(_FORGET_SAID, {"before": before})


def comes_to_hold(connection: Connection, scenario: str, item: int, *, holds: bool) -> int | None:
    """Write down whether an item fulfils a scenario's condition; what is not known of has not fulfilled it yet.

    The how-manieth time it has come to that, from 1; None when it has not now.
    """
    row = connection.first(_HELD, {"of": scenario, "row": item})
    if not holds and row is None:
        return None
    new = holds and (row is None or not row["held"])
    times = (0 if row is None else row["times"]) + new
    connection.execute(_HOLD, {"scenario": scenario, "item": item, "held": holds, "times": times})
    return times if new else None


def holds_already(connection: Connection, scenario: str, items: Collection[int]) -> None:
    """These fulfil a scenario's condition from before there was that scenario."""
    for item in items:
        connection.execute(_HOLD, {"scenario": scenario, "item": item, "held": True, "times": 0})


def forget_conditions(connection: Connection, known: Collection[str]) -> None:
    """No others than these scenarios have conditions."""
    connection.execute(_FORGET_CONDITIONS, {"known": listed(known)})


def forget_everything(connection: Connection) -> None:
    """Of another portal nothing of this holds."""
    for statement in _FORGET_EVERYTHING:
        connection.execute(statement)
