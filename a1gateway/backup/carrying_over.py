"""What the journal that was there still tells of the time after the backup, taken into the one that is put back.

It may be damaged, so every row is read for itself where many cannot be read together, and believed only when it is
what the gateway writes. A message that it knows is not in doubt: it is where it was when the daemon ended.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ..journal.schema import REVISION
from ..journal.store import revision
from ..message import Stage, Status, custom_id

_AT_ONCE = 200
# So many ids in a row of which none can be read: there are no more.
_NOTHING_MORE = 20_000
# What belongs to a message, by its row.
_CHILDREN = ("history", "parts", "consents", "message_items")
# What is a row for itself, and what is known as a whole.
_WITH_IDS = ("runs", "reminders", "choices", "incoming", "campaigns", "erasures")
_WHOLE = ("stop_list", "reminder_rules", "said", "message_sources")
_STAGES, _STATUSES = {str(each) for each in Stage}, {str(each) for each in Status}


@dataclass(slots=True)
class CarriedOver:
    """What has been taken from the journal that was there."""

    rows: set[int] = field(default_factory=set)
    """Of all messages that it knows more of than the backup."""
    newer: int = 0
    """Messages that the backup has not."""
    known: int = 0
    """Messages that the backup has as not over, and of which it is known now how far they came."""
    complete: bool = True
    """Whether all of it could be read: then nothing is in doubt."""


def same_journal(old: sqlite3.Connection, new: sqlite3.Connection) -> bool:
    """Whether `new` is an earlier state of `old`, and both are of this version; raises `sqlite3.Error`."""
    if revision(old) != REVISION:
        return False
    latest = new.execute("SELECT id, message_id, received_at FROM messages ORDER BY id DESC LIMIT 1").fetchone()
    if latest is None:
        return True
    found = old.execute("SELECT id, message_id, received_at FROM messages WHERE id = ?", (latest["id"],)).fetchone()
    return found is not None and tuple(found) == tuple(latest)


def carry_over(old: sqlite3.Connection, new: sqlite3.Connection) -> CarriedOver:
    """Take it over, within a transaction of `new`, whose rows are still those of the backup."""
    done = CarriedOver()
    for table in _WITH_IDS:
        done.complete &= _copy(new, table, _rows(old, table, _ids(old, table)))
    for table in _WHOLE:
        try:
            every = old.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608  # a name of ours
        except sqlite3.DatabaseError:
            done.complete = False
            continue
        new.execute(f"DELETE FROM {table}")  # noqa: S608
        done.complete &= _copy(new, table, every)
    (latest,) = new.execute("SELECT coalesce(max(id), 0) FROM messages").fetchone()
    open_ones = [
        row["id"]
        for row in new.execute("SELECT id FROM messages WHERE due_at IS NOT NULL OR tell_at IS NOT NULL").fetchall()
    ]
    newer = _ids(old, "messages", latest)
    for ids, is_newer in ((open_ones, False), (newer, True)):
        for row in _rows(old, "messages", ids):
            if row is None or not _is_a_message(row):
                done.complete = False
            elif _copy(new, "messages", [row]):
                done.complete &= _children(old, new, row["id"])
                done.rows.add(row["id"])
                done.newer += is_newer
                done.known += not is_newer
            else:
                done.complete = False
    return done


def _ids(old: sqlite3.Connection, table: str, after: int = 0) -> Sequence[int]:
    try:
        (last,) = old.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()  # noqa: S608
    except sqlite3.DatabaseError:
        last = after + _NOTHING_MORE
    return range(after + 1, last + 1)


def _rows(old: sqlite3.Connection, table: str, ids: Sequence[int]) -> Iterator[sqlite3.Row | None]:
    """The rows with these ids that there are; None for one that cannot be read."""
    one = f"SELECT * FROM {table} WHERE id = ?"  # noqa: S608
    many = f"SELECT * FROM {table} WHERE id BETWEEN ? AND ?"  # noqa: S608
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        try:
            wanted = set(some)
            yield from [row for row in old.execute(many, (some[0], some[-1])) if row["id"] in wanted]
        except sqlite3.DatabaseError:
            for each in some:
                try:
                    yield from old.execute(one, (each,)).fetchall()
                except sqlite3.DatabaseError:
                    yield None


def _copy(new: sqlite3.Connection, table: str, rows: Iterable[sqlite3.Row | None]) -> bool:
    """Put them in the place of those with the same key; whether that went well with all of them."""
    well = True
    for row in rows:
        if row is None:
            well = False
            continue
        names = row.keys()
        places = ", ".join("?" * len(names))
        try:
            new.execute(f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) VALUES ({places})", tuple(row))  # noqa: S608
        except sqlite3.IntegrityError:
            well = False
    return well


def _children(old: sqlite3.Connection, new: sqlite3.Connection, message: int) -> bool:
    well = True
    for table in _CHILDREN:
        try:
            rows = old.execute(f"SELECT * FROM {table} WHERE message = ?", (message,)).fetchall()  # noqa: S608
        except sqlite3.DatabaseError:
            well = False
            continue
        well &= _copy(new, table, rows)
    return well


def _is_a_message(row: sqlite3.Row) -> bool:
    """Whether this is what the gateway writes, and not what is left of it."""
    name = row["message_id"]
    return (
        isinstance(name, str)
        and row["custom_id"] == custom_id(name)
        and row["stage"] in _STAGES
        and row["status"] in _STATUSES
        and (row["stage"] == Stage.OVER) == Status(row["status"]).final
        and isinstance(row["received_at"], float)
    )
