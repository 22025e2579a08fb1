"""Looking for messages in the journal, newest first, for people: within one look of a `reader`."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from ..bitrix24.item import Item
from ..message import Kind, Stage, Status
from ..msisdn import Msisdn, NumberFault, read_number
from . import search_statements
from .origins import items_of
from .schema import message_sources, messages
from .statements import Connection, Row, Statement, listed

FEWEST_DIGITS = 4
"""A part of a number has so many digits at least."""
MOST_DIGITS = 15
"""A whole number has no more (E.164)."""
WITHOUT_NAME = ""
"""As a Sender ID: those that went out from A1's own number."""
WITHOUT_REASON = ""
"""As a reason: those that have none, be it that nothing is wrong, or that A1 gives none."""
_TRUNK = re.compile(r"^(?:(?:00|810)?375)?(?:80?|0)?(?=(?:25|29|33|44|1[567]|2[123])\d)")


@dataclass(frozen=True, slots=True)
class Search:
    """Which messages are looked for; what is left out does not matter."""

    statuses: frozenset[Status] = frozenset()
    """Any of these."""
    kind: Kind | None = None
    since: float | None = None
    """Accepted at that time or later, in seconds since the epoch."""
    until: float | None = None
    """Accepted before that time."""
    msisdn: str | None = None
    """To this number, `+375XXXXXXXXX`."""
    number_part: str | None = None
    """To numbers in which these digits stand one after another, also those that were refused."""
    sender_id: str | None = None
    """Under this Sender ID, or `WITHOUT_NAME`."""
    sent_by: str | None = None
    """A word of `origins`; one that ends with a colon means all that begin so."""
    reason: str | None = None
    """With this reason, or `WITHOUT_REASON`."""
    item: Item | None = None
    """Sent from this item of the CRM."""
    numbers: tuple[str, ...] = ()
    """To one of these; with an item, messages that were sent from it are found besides."""
    campaign: int | None = None

    @staticmethod
    def number(typed: str) -> WholeNumber | NumberPart | NumberFault:
        """What a person means who has typed `typed` to find a number, in any spelling."""
        read = read_number(typed)
        if isinstance(read, Msisdn):
            return WholeNumber(read.number)
        return read.fault if read.fault is NumberFault.SEVERAL_NUMBERS else Search.part(typed)

    @staticmethod
    def part(typed: str) -> NumberPart | NumberFault:
        """The same of somebody who means a part of a number, and no whole one."""
        digits = "".join(str(unicodedata.decimal(each)) for each in typed if each.isdecimal())
        if len(digits) > MOST_DIGITS:
            return NumberFault.TOO_MANY_DIGITS
        # What is dialled before the code is not a part of every number that is meant.
        for part in (_TRUNK.sub("", digits, count=1), digits):
            if len(part) >= FEWEST_DIGITS:
                return NumberPart(part)
        return NumberFault.TOO_SHORT if digits else NumberFault.NOT_A_NUMBER


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """For `Search.msisdn`."""

    msisdn: str


@dataclass(frozen=True, slots=True)
class NumberPart:
    """For `Search.number_part`."""

    digits: str


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a message stands in the order in which messages are shown."""

    received_at: float
    id: int

    def __str__(self) -> str:
        """As a page brings it back."""
        return f"{self.received_at}/{self.id}"


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list shows of a message. Times are in seconds since the epoch, money in BYN."""

    id: int
    message_id: str
    received_at: float
    msisdn: str | None
    number_received: str
    text: str
    status: Status
    stage: Stage
    reason: str | None
    kind: Kind
    sent_by: str
    sender_id: str | None
    segments: int
    """What A1 counts, once it has said so."""
    amount: Decimal | None
    final_at: float | None
    a1_id: str | None
    campaign: int | None
    items: tuple[Item, ...]
    """The items of the CRM that it was sent from."""
    masked_at: float | None
    """When its text and its number were removed."""

    @property
    def place(self) -> Place:
        return Place(self.received_at, self.id)


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the messages that were found."""

    rows: tuple[Listed, ...]
    has_more: bool

    @property
    def next(self) -> Place | None:
        """Before which the next page begins; None when there is none."""
        return self.rows[-1].place if self.has_more else None


_NEWEST = Place(sys.float_info.max, 2**63 - 1)
_LISTED = (
    "id",
    "message_id",
    "received_at",
    "msisdn",
    "number_received",
    "text",
    "status",
    "stage",
    "reason",
    "kind",
    "sent_by",
    "sender_id",
    "segments",
    "a1_segments",
    "amount",
    "final_at",
    "a1_id",
    "campaign",
    "origin",
    "masked_at",
)
LISTED = tuple(messages.c[name] for name in _LISTED)
"""The columns of a `Listed`."""
_SENDERS = Statement(select(message_sources.c.sender_id).distinct())
_SOURCES = Statement(select(message_sources.c.sent_by).distinct())


def found(connection: Connection, search: Search, limit: int = 50, before: Place | None = None) -> Page:
    """Up to `limit` messages, newest first, those that stand behind `before`."""
    shape, values = _asked(search, before)
    rows = connection.all(search_statements.page(shape, _LISTED), {**values, "most": limit + 1})
    return Page(tuple(read_listed(row) for row in rows[:limit]), len(rows) > limit)


def count(connection: Connection, search: Search, most: int = 10_000) -> int:
    """How many there are; `most` when there are more."""
    shape, values = _asked(search, None)
    return int(connection.value(search_statements.count(shape), {**values, "most": most}))


def query(search: Search, columns: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """The same in SQL, for a process that has nothing but the file: the newest of what is found.

    Its result has these columns of a message. Of its parameters `most` is to be given, and with `before_at` and
    `before_id` the `Place` behind which it goes on.
    """
    shape, values = _asked(search, _NEWEST)
    statement = search_statements.page(shape, columns)
    return statement.sql, {**statement.constants, **values}


def senders(connection: Connection) -> list[str]:
    """The Sender IDs that messages have gone out under, in order; `WITHOUT_NAME` is one of them."""
    return sorted(row[0] for row in connection.all(_SENDERS))


def sources(connection: Connection) -> list[str]:
    """Who has sent messages (`Search.sent_by`), in order."""
    return sorted(row[0] for row in connection.all(_SOURCES))


def read_listed(row: Row) -> Listed:
    """A row with the columns of `LISTED`."""
    return Listed(
        id=row["id"],
        message_id=row["message_id"],
        received_at=row["received_at"],
        msisdn=row["msisdn"],
        number_received=row["number_received"],
        text=row["text"],
        status=Status(row["status"]),
        stage=Stage(row["stage"]),
        reason=row["reason"],
        kind=Kind(row["kind"]),
        sent_by=row["sent_by"],
        sender_id=row["sender_id"],
        segments=row["a1_segments"] or row["segments"],
        amount=None if row["amount"] is None else Decimal(row["amount"]),
        final_at=row["final_at"],
        a1_id=row["a1_id"],
        campaign=row["campaign"],
        items=tuple(items_of(json.loads(row["origin"]))),
        masked_at=row["masked_at"],
    )


def _asked(search: Search, before: Place | None) -> tuple[search_statements.type_of_shape, Mapping[str, Any]]:
    shape = []
    values: dict[str, Any] = {}

    def ask(condition: str, **given: Any) -> None:
        shape.append(condition)
        values.update(given)

    if search.statuses:
        for number, status in enumerate(sorted(search.statuses)):
            values[f"status_{number}"] = str(status)
        shape.append(f"statuses:{len(search.statuses)}")
    for name in ("since", "until", "msisdn", "number_part", "campaign"):
        value = getattr(search, name)
        if value is not None:
            ask(name, **{name: value})
    if search.kind is not None:
        ask("kind", kind=str(search.kind))
    if search.reason == WITHOUT_REASON:
        ask("without_reason")
    elif search.reason is not None:
        ask("reason", reason=search.reason)
    if search.sender_id == WITHOUT_NAME:
        ask("without_name")
    elif search.sender_id is not None:
        ask("sender_id", sender_id=search.sender_id)
    if search.sent_by is not None and search.sent_by.endswith(":"):
        # A semicolon is what follows a colon.
        ask("sent_by_any", sent_by=search.sent_by, sent_by_end=search.sent_by[:-1] + ";")
    elif search.sent_by is not None:
        ask("sent_by", sent_by=search.sent_by)
    if search.item is not None:
        ask("item", entity_type=search.item.entity_type, item=search.item.id)
    if search.numbers:
        ask("numbers", numbers=listed(search.numbers))
    if before is not None:
        ask("before", before_at=before.received_at, before_id=before.id)
    return tuple(shape), values
