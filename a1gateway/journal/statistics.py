"""Statistics: sums over the messages, made of the history as it grows.

A record of the history with a status says that a message took it; each message takes a status at most once. So every
record is counted once, in order, and `statistics_position` says how far that has come. It is read beside the lane and
added up, and the sums are written together with the new position, if that is still the one from which it was read:
whatever dies when, nothing is counted twice or left out. A message may go once its records are counted (`position`);
the sums stay.

A message is counted in the day and the hour in which it was accepted, whatever happens to it when, so that what was
delivered is a part of what was accepted. What it costs counts once, when A1 takes it, for that is what A1 charges
for, delivered or not. Over SMPP A1 names no price: only the segments count. A message whose end has come before A1's
answer was taken by its end, unless that is a refusal; its price follows with the answer (`rows.ANSWERED_LATE`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Table, bindparam, case, exists, func, or_, select, true
from sqlalchemy.dialects.sqlite import insert

from ..hours import MINSK_AHEAD
from ..message import Status
from ..operators import operator_of
from ..text import Alphabet, alphabet, fewer_characters
from .delivery_times import step_of
from .rows import ANSWERED_LATE, latest_record
from .schema import (
    history,
    messages,
    statistics_days,
    statistics_failures,
    statistics_groups,
    statistics_hours,
    statistics_position,
    statistics_times,
)
from .statements import Connection, Row, Statement

MILLIONTHS = 1_000_000
"""What amounts are kept in: so many are a BYN."""
FEW_CHARACTERS = 10
"""So many characters fewer are no loss to a text that they make a segment shorter."""
HOUR = 3600
"""In seconds."""
HOURS = 24
"""Of a day."""
AHEAD = int(MINSK_AHEAD) // HOUR
"""By how many hours the clock in Minsk is ahead of UTC."""

COUNTED = ("accepted", "taken", "delivered", "failed")
"""What is counted of messages, by day and by hour."""
COUNTED_BY_DAY = (*COUNTED, "segments", "amount", "priced", "unicode", "shortenable")
"""What is counted by day alone besides; see the table."""
# In BYN.
_NO_PRICE = 1_000_000
_ACCEPTED, _TAKEN, _DELIVERED, _FAILED, _SEGMENTS, _AMOUNT, _PRICED, _UNICODE, _SHORTENABLE = range(
    len(COUNTED_BY_DAY)
)

_POSITION = Statement(select(statistics_position.c.record))
_position = insert(statistics_position).values(id=1)
_ADVANCE = Statement(
    _position.on_conflict_do_update(index_elements=["id"], set_={"record": _position.excluded.record}), ("record",)
)
_next = select(history.c.id).where(history.c.id > bindparam("after")).order_by(history.c.id).limit(bindparam("most"))
_END = Statement(select(func.max(_next.subquery().c.id)))
# Whether a record adds nothing to what is known of A1's taking the message: it says nothing of that, or it was known.
_before = history.alias("before")
_WAS_SENT = exists().where(
    _before.c.message == history.c.message, _before.c.id < history.c.id, _before.c.status == Status.SENT
)
_NO_WORD_OF_A1 = or_(*(history.c.status == each for each in (Status.QUEUED, Status.SENT, Status.REJECTED)))
_NOTHING_NEW = case((_NO_WORD_OF_A1, true()), else_=_WAS_SENT)
_FAILURES = frozenset(map(str, (Status.EXPIRED, Status.UNDELIVERABLE, Status.REJECTED)))
# That it expired at the gateway has a reason.
_ENDS_AT_A1 = frozenset(map(str, (Status.DELIVERED, Status.EXPIRED, Status.UNDELIVERABLE)))
_RECORDS = Statement(
    select(
        history.c.status,
        history.c.at,
        _NOTHING_NEW,
        messages.c.received_at,
        messages.c.not_before,
        messages.c.kind,
        messages.c.msisdn,
        messages.c.sender_id,
        messages.c.sent_by,
        messages.c.refusal,
        messages.c.status,
        messages.c.reason,
        messages.c.segments,
        messages.c.a1_segments,
        messages.c.amount,
        messages.c.text,
    )
    .join_from(history, messages, messages.c.id == history.c.message)
    .where(history.c.id > bindparam("after"), history.c.id <= bindparam("end"))
    .where(or_(history.c.status.is_not(None), history.c.word == ANSWERED_LATE))
)


def _adding(table: Table, keys: Sequence[str], counts: Sequence[str]) -> Statement:
    new = insert(table)
    sums = {name: table.c[name] + new.excluded[name] for name in counts}
    return Statement(new.on_conflict_do_update(index_elements=keys, set_=sums), (*keys, *counts))


_ADD_DAYS = _adding(statistics_days, ("day", "group_id"), COUNTED_BY_DAY)
_ADD_HOURS = _adding(statistics_hours, ("hour", "group_id"), COUNTED)
_ADD_FAILURES = _adding(statistics_failures, ("day", "status", "reason", "group_id"), ("messages",))
_ADD_TIMES = _adding(statistics_times, ("day", "step", "group_id"), ("messages",))


class Group(NamedTuple):
    """What messages have in common that are counted together; what is not known is an empty text."""

    kind: str
    operator: str
    """See `operators`."""
    sender_id: str
    """Empty: A1's numeric sender."""
    sent_by: str
    """See `origins`."""


_NEW_GROUP = Statement(insert(statistics_groups), Group._fields)
_GROUP = Statement(
    select(statistics_groups.c.id).where(*(statistics_groups.c[name] == bindparam(name) for name in Group._fields))
)


@dataclass(frozen=True, slots=True)
class Sums:
    """What is to be added, by what the rows of the tables are found by."""

    hours: dict[tuple[int, Group], list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0] * len(COUNTED_BY_DAY))
    )
    failures: dict[tuple[int, Group, str, str], int] = field(default_factory=lambda: defaultdict(int))
    """By day, group, status and reason."""
    times: dict[tuple[int, Group, int], int] = field(default_factory=lambda: defaultdict(int))
    """By day, group and step."""

    def days(self) -> dict[tuple[int, Group], list[int]]:
        """Those of the hours."""
        days: dict[tuple[int, Group], list[int]] = {}
        for (hour, group), counts in self.hours.items():
            of_day = days.setdefault((day_of(hour), group), [0] * len(counts))
            for at, count in enumerate(counts):
                of_day[at] += count
        return days


@dataclass(frozen=True, slots=True)
class Batch:
    """A piece of the history, added up."""

    after: int
    """The position that it was read from."""
    end: int
    """Its last record."""
    more: bool
    """Whether there are records behind it."""
    sums: Sums


def position(connection: Connection) -> int:
    """The last record of the history that is counted; 0: none is."""
    record: int | None = connection.value(_POSITION)
    return record or 0


def uncounted(connection: Connection, most: int) -> Batch | None:
    """The next piece of the history, of up to `most` records, added up; None when all are counted."""
    after, latest = position(connection), latest_record(connection)
    if latest <= after:
        return None
    end: int = connection.value(_END, {"after": after, "most": most})
    sums = Sums()
    for record in connection.execute(_RECORDS, {"after": after, "end": end}):
        _count(sums, record)
    return Batch(after, end, end < latest, sums)


def add(connection: Connection, batch: Batch) -> bool:
    """Write a piece's sums; whether they were: not if it has been counted meanwhile."""
    if position(connection) != batch.after:
        return False
    sums = batch.sums
    ids = {group: _id(connection, group) for group in {group for _, group in sums.hours}}

    def cells(counts: dict[tuple[int, Group], list[int]], at: str, names: Sequence[str]) -> Iterator[dict[str, int]]:
        for (when, group), values in counts.items():
            yield {at: when, "group_id": ids[group], **dict(zip(names, values, strict=False))}

    connection.execute_many(_ADD_DAYS, cells(sums.days(), "day", COUNTED_BY_DAY))
    connection.execute_many(_ADD_HOURS, cells(sums.hours, "hour", COUNTED))
    connection.execute_many(
        _ADD_FAILURES,
        (
            {"day": day, "group_id": ids[group], "status": status, "reason": reason, "messages": count}
            for (day, group, status, reason), count in sums.failures.items()
        ),
    )
    connection.execute_many(
        _ADD_TIMES,
        (
            {"day": day, "group_id": ids[group], "step": step, "messages": count}
            for (day, group, step), count in sums.times.items()
        ),
    )
    connection.execute(_ADVANCE, {"record": batch.end})
    return True


def history_is_shorter(connection: Connection) -> None:
    """For whoever deletes records, in the same transaction: SQLite may give the numbers of the last to new ones."""
    latest = latest_record(connection)
    if latest < position(connection):
        connection.execute(_ADVANCE, {"record": latest})


def day_of(hour: int) -> int:
    """The day in Minsk that an hour since the epoch is in, numbered from 1970-01-01."""
    return (hour + AHEAD) // HOURS


def _id(connection: Connection, group: Group) -> int:
    values = group._asdict()
    found: int | None = connection.value(_GROUP, values)
    if found is None:
        found = connection.execute(_NEW_GROUP, values).lastrowid
        assert found is not None
    return found


def _count(sums: Sums, record: Row) -> None:
    (
        status,
        at,
        nothing_new,
        received_at,
        not_before,
        kind,
        msisdn,
        sender_id,
        sent_by,
        refusal,
        end,
        reason,
        segments,
        a1_segments,
        amount,
        text,
    ) = record
    group = Group(kind, operator_of(msisdn).value, sender_id or "", sent_by)
    hour = int(received_at // HOUR)
    counts = sums.hours[hour, group]
    if status == Status.QUEUED or refusal is not None:
        counts[_ACCEPTED] += 1
    if status == Status.DELIVERED:
        counts[_DELIVERED] += 1
        # Hours that it had to wait for are not the way to the subscriber.
        seconds = at - max(received_at, not_before or 0.0)
        sums.times[day_of(hour), group, step_of(seconds)] += 1
    elif status in _FAILURES:
        counts[_FAILED] += 1
        sums.failures[day_of(hour), group, status, reason or ""] += 1

    if status == Status.SENT:
        taken = answered = True
    elif nothing_new:
        return
    else:
        ended_at_a1 = end in _ENDS_AT_A1 and reason is None
        answered = status is None
        taken = ended_at_a1 != answered
    if taken:
        counts[_TAKEN] += 1
        counts[_SEGMENTS] += segments
        if alphabet(text) is Alphabet.UCS2:
            counts[_UNICODE] += 1
            counts[_SHORTENABLE] += segments > 1 and fewer_characters(text) <= FEW_CHARACTERS
    if answered:
        counts[_SEGMENTS] += (a1_segments or segments) - segments
        if (millionths := _millionths(amount)) is not None:
            counts[_AMOUNT] += millionths
            counts[_PRICED] += 1


@lru_cache(maxsize=256)
def _millionths(amount: str | None) -> int | None:
    """Of a price as A1 has named it; None where that can be none: a sum has to fit into its column."""
    byn = Decimal(-1 if amount is None else amount)
    return round(byn * MILLIONTHS) if 0 <= byn < _NO_PRICE else None
