"""Everything that is known of one message, for its page: within one look of a `reader`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, func, literal_column, select

from ..bitrix24.item import Item
from ..message import RunState, Source, Status, Teller
from .origins import BY_PAGE
from .reminders import State
from .schema import consents, history, messages, parts, reminders, runs
from .search import LISTED, Listed, read_listed
from .statements import Connection, Row, Statement

_MORE = (
    "custom_id",
    "warning",
    "refusal",
    "word",
    "price",
    "due_at",
    "not_before",
    "leave_by",
    "deliver_by",
    "attempts",
    "uncertain",
    "resent",
    "consent_at",
    "teller",
    "told",
    "tell_at",
    "tell_tries",
    "confirmed_at",
)
_MESSAGE = Statement(
    select(
        *LISTED,
        *(messages.c[name] for name in _MORE),
        # What was counted here, and what A1 has counted.
        messages.c.segments.label("own_segments"),
    ).where(messages.c.message_id == bindparam("name"))
)
_HISTORY = Statement(select(history).where(history.c.message == bindparam("row")).order_by(history.c.id))
_PARTS = Statement(select(parts).where(parts.c.message == bindparam("row")).order_by(parts.c.number))
_CONSENTS = Statement(select(consents).where(consents.c.message == bindparam("row")).order_by(consents.c.id))
_RUN = Statement(select(runs).where(runs.c.message == bindparam("row")).order_by(runs.c.id.desc()).limit(1))
_REMINDER = Statement(select(reminders).where(reminders.c.message == bindparam("row")).limit(1))
_RUN_BY_ID = Statement(select(runs).where(runs.c.id == bindparam("row")))
_COPIES = Statement(
    select(*LISTED)
    .where(
        # As the index has it.
        messages.c.sent_by == literal_column(f"'{BY_PAGE}'"),
        messages.c.received_at >= bindparam("since"),
        func.json_extract(messages.c.origin, "$.of") == bindparam("name"),
    )
    .order_by(messages.c.received_at, messages.c.id)
)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was said of a message, or done with it."""

    id: int
    at: float
    source: Source
    status: Status | None
    """The status that it took; None when that changed nothing."""
    word: str
    """The other side's own word, or one of the gateway's."""
    note: str | None
    """What was added for people, in the other side's language."""


@dataclass(frozen=True, slots=True)
class PartOf:
    """A part that went out over SMPP."""

    number: int
    a1_id: str | None
    """A1's identifier; empty where A1 has the part and has named none, None where A1 is not known to have it."""
    receipt_id: str | None
    """The identifier as the receipt wrote it."""
    status: Status | None
    word: str | None


@dataclass(frozen=True, slots=True)
class Consent:
    """What the portal said of the consent to a marketing message."""

    asked_at: float
    field: str
    contact: int | None
    value: str | None
    """As the portal gave it, in JSON."""
    meaning: str
    granted: bool


@dataclass(frozen=True, slots=True)
class Telling:
    """What Bitrix24 has to be told of the message's end."""

    word: str
    confirmed_at: float | None
    next_try_at: float | None
    """None when Bitrix24 has confirmed it, or is not told any more."""
    tries: int


@dataclass(frozen=True, slots=True)
class RunBehind:
    """The run of an automation rule that a message came of."""

    id: int
    code: str
    received_at: float
    item: Item | None
    state: RunState
    over_at: float | None
    trouble: str | None
    """What stands in the way of answering its workflow, or has stood."""


@dataclass(frozen=True, slots=True)
class ReminderBehind:
    """The reminder that a message is."""

    id: int
    rule: str
    """The scenario, or what runs of an automation rule have in common that remind of the same."""
    item: Item
    moment: float
    """What is reminded of, in seconds since the epoch."""
    ahead: float
    """How many seconds before it."""
    state: State


@dataclass(frozen=True, slots=True)
class Whole:
    """A message with its whole way."""

    listed: Listed
    custom_id: str
    """The identifier under which A1 was given it."""
    warning: str | None
    refusal: str | None
    """The verdict at the door."""
    word: str | None
    """A1's latest word."""
    counted_segments: int
    """What was counted here; `listed.segments` is what A1 says, once it has."""
    price: Decimal | None
    """Of one segment, in BYN."""
    due_at: float | None
    """When it is looked at next; None when it is over."""
    not_before: float | None
    leave_by: float | None
    deliver_by: float | None
    attempts: int
    uncertain: str | None
    """Why A1 has to be asked whether it has the message."""
    resent: int
    """How often it was submitted again although A1 may have had it."""
    consent_at: float | None
    teller: Teller
    telling: Telling | None
    """None when there is nothing to tell Bitrix24, or not yet."""
    origin: Mapping[str, Any]
    history: tuple[Step, ...]
    parts: tuple[PartOf, ...]
    consents: tuple[Consent, ...]
    run: RunBehind | None
    reminder: ReminderBehind | None
    scenario: str | None
    original: str | None
    """The `message_id` of the message that this one repeats, at a person's wish."""
    copies: tuple[Listed, ...]
    """The messages that repeat this one."""

    @property
    def last_step(self) -> int:
        """The latest step that is known of it, as the journal numbers them; 0 before there is one."""
        return self.history[-1].id if self.history else 0


def whole(connection: Connection, message_id: str) -> Whole | None:
    """All of a message; None when it is unknown."""
    row = connection.first(_MESSAGE, {"name": message_id})
    if row is None:
        return None
    of_it = {"row": row["id"]}
    origin = json.loads(row["origin"])
    reminder = connection.first(_REMINDER, of_it)
    run = connection.first(_RUN, of_it)
    if run is None and reminder is not None:
        run = connection.first(_RUN_BY_ID, {"row": reminder["run"]})
    again = connection.all(_COPIES, {"since": row["received_at"], "name": message_id})
    return Whole(
        listed=read_listed(row),
        custom_id=row["custom_id"],
        warning=row["warning"],
        refusal=row["refusal"],
        word=row["word"],
        counted_segments=row["own_segments"],
        price=None if row["price"] is None else Decimal(row["price"]),
        due_at=row["due_at"],
        not_before=row["not_before"],
        leave_by=row["leave_by"],
        deliver_by=row["deliver_by"],
        attempts=row["attempts"],
        uncertain=row["uncertain"],
        resent=row["resent"],
        consent_at=row["consent_at"],
        teller=Teller(row["teller"]),
        telling=_telling(row),
        origin=origin,
        history=tuple(_step(each) for each in connection.all(_HISTORY, of_it)),
        parts=tuple(_part(each) for each in connection.all(_PARTS, of_it)),
        consents=tuple(_consent(each) for each in connection.all(_CONSENTS, of_it)),
        run=None if run is None else _run(run),
        reminder=None if reminder is None else _reminder(reminder),
        scenario=origin.get("scenario"),
        original=origin.get("of") if row["sent_by"] == BY_PAGE else None,
        copies=tuple(read_listed(each) for each in again),
    )


def _step(row: Row) -> Step:
    return Step(row["id"], row["at"], Source(row["source"]), _status(row), row["word"], row["note"])


def _part(row: Row) -> PartOf:
    return PartOf(row["number"], row["a1_id"], row["receipt_id"], _status(row), row["word"])


def _consent(row: Row) -> Consent:
    granted = bool(row["granted"])
    return Consent(row["asked_at"], row["field"], row["contact"], row["value"], row["meaning"], granted)


def _status(row: Row) -> Status | None:
    return None if row["status"] is None else Status(row["status"])


def _telling(row: Row) -> Telling | None:
    if row["told"] is None:
        return None
    return Telling(row["told"], row["confirmed_at"], row["tell_at"], row["tell_tries"])


def _run(row: Row) -> RunBehind:
    item = None if row["entity_type"] is None or row["item"] is None else Item(row["entity_type"], row["item"])
    state = RunState(row["state"])
    return RunBehind(row["id"], row["code"], row["received_at"], item, state, row["over_at"], row["trouble"])


def _reminder(row: Row) -> ReminderBehind:
    item = Item(row["entity_type"], row["item"])
    return ReminderBehind(row["id"], row["rule"], item, row["moment"], row["ahead"], State(row["state"]))
