"""The columns of an export: what stands in each for a message."""

from __future__ import annotations

import enum
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

Texts = Mapping[str, str]
"""The words of the file, by key."""
Value = str | int | float | Decimal | None

READ = (
    "id",
    "received_at",
    "msisdn",
    "number_received",
    "status",
    "reason",
    "kind",
    "sender_id",
    "sent_by",
    "text",
    "segments",
    "a1_segments",
    "amount",
    "final_at",
    "message_id",
    "a1_id",
)
"""The columns of the journal's table of messages that are read."""


class Holds(enum.Enum):
    """What the cells of a column hold."""

    TEXT = enum.auto()
    PHONE = enum.auto()
    """A text that is a number, or what was given for one."""
    MOMENT = enum.auto()
    """Seconds since the epoch, to be shown as Minsk's time."""
    WHOLE = enum.auto()
    MONEY = enum.auto()
    """BYN."""
    SECONDS = enum.auto()


@dataclass(frozen=True, slots=True)
class Column:
    """One of them; its header is the text `export.<name>`."""

    name: str
    holds: Holds
    width: int
    """In characters."""
    value: Callable[[sqlite3.Row, Texts], Value]


def _reason(row: sqlite3.Row, texts: Texts) -> Value:
    reason = row["reason"]
    return None if reason is None else texts.get(f"reason.{reason}", reason)


def _sent_by(row: sqlite3.Row, texts: Texts) -> Value:
    word: str = row["sent_by"]
    if (known := texts.get(f"sent_by.{word}")) is not None:
        return known
    of, _, name = word.partition(":")
    return f"{texts.get(f'sent_by.{of}', of)}: {name}"


def _seconds(row: sqlite3.Row, _texts: Texts) -> Value:
    # Set back, the clock may have been.
    return max(0.0, row["final_at"] - row["received_at"]) if row["status"] == "delivered" else None


COLUMNS = (
    Column("received", Holds.MOMENT, 19, lambda row, _: row["received_at"]),
    Column("number", Holds.PHONE, 15, lambda row, _: row["msisdn"] or row["number_received"]),
    Column("status", Holds.TEXT, 14, lambda row, texts: texts[f"status.{row['status']}"]),
    Column("reason", Holds.TEXT, 24, _reason),
    Column("kind", Holds.TEXT, 14, lambda row, texts: texts[f"kind.{row['kind']}"]),
    Column("sender_id", Holds.TEXT, 14, lambda row, texts: row["sender_id"] or texts["sender.none"]),
    Column("sent_by", Holds.TEXT, 26, _sent_by),
    Column("text", Holds.TEXT, 60, lambda row, _: row["text"]),
    Column("segments", Holds.WHOLE, 10, lambda row, _: row["a1_segments"] or row["segments"]),
    Column("amount", Holds.MONEY, 14, lambda row, _: None if row["amount"] is None else Decimal(row["amount"])),
    Column("final_at", Holds.MOMENT, 19, lambda row, _: row["final_at"]),
    Column("seconds", Holds.SECONDS, 14, _seconds),
    Column("message_id", Holds.TEXT, 34, lambda row, _: row["message_id"]),
    Column("a1_id", Holds.TEXT, 14, lambda row, _: row["a1_id"]),
)
"""All of them, in order."""
