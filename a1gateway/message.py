"""A message and its statuses, as plain values: which status may follow which, and what each is called outside.

Times are seconds since the epoch, UTC, as `clock.SteadyClock` gives them.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


class Status(enum.StrEnum):
    """What the journal says of a message; the words are the operator's contract."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    EXPIRED = "expired"
    UNDELIVERABLE = "undeliverable"
    REJECTED = "rejected"

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return self not in (Status.QUEUED, Status.SENT)

    def may_become(self, new: Status) -> bool:
        """Whether a message of this status takes `new`: never backwards, and never after a final one."""
        return not self.final and new is not self and new is not Status.QUEUED

    @property
    def told(self) -> str | None:
        """The word for Bitrix24, or None when it need not hear of this status."""
        return _TOLD.get(self)


_TOLD = {
    Status.DELIVERED: "delivered",
    Status.EXPIRED: "undelivered",
    Status.UNDELIVERABLE: "undelivered",
    Status.REJECTED: "failed",
}


class Stage(enum.StrEnum):
    """Where a message is on its way: which service has to look at it next, when its `due_at` has come."""

    FIELDS = "fields"
    """Waits until the document has been read whose fields are left in its text."""
    CONSENT = "consent"
    """Waits until the portal has been asked whether the subscriber agreed to marketing SMS."""
    READY = "ready"
    """Waits to be submitted."""
    HELD = "held"
    """Waits for its campaign, which is paused, to go on."""
    IN_FLIGHT = "in_flight"
    """Handed to the carrier; the answer is not known yet. Found at a start, it means that the answer was lost."""
    ASKING = "asking"
    """The answer was lost: A1 must be asked whether it has the message before it may be submitted again."""
    SENT = "sent"
    """A1 has it; its final status is awaited."""
    OVER = "over"
    """Has its final status."""


class Source(enum.StrEnum):
    """Who said that a message has a status."""

    PORTAL = "portal"
    API = "api"
    CALLBACK = "callback"
    POLL = "poll"
    RECEIPT = "receipt"
    GATEWAY = "gateway"


class Kind(enum.StrEnum):
    """What a message is for; marketing needs the subscriber's consent."""

    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"


class Teller(enum.StrEnum):
    """Who has to be told what becomes of a message."""

    SENDER = "sender"
    """Bitrix24, under the sender's code."""
    RUN = "run"
    """The run of an automation rule that sent it, if it waits for that."""
    NOBODY = "nobody"


class RunState(enum.StrEnum):
    """What has to be done for a run of an automation rule next."""

    NEW = "new"
    """Its message is to be made, or its reminders are to be planned."""
    WAITING = "waiting"
    """Nothing: its message is on its way."""
    ANSWER = "answer"
    """The workflow is to be answered."""
    OVER = "over"


class Refusal(enum.StrEnum):
    """Why a message is refused at the door, besides the faults of its number (`msisdn.NumberFault`)."""

    EMPTY_TEXT = "empty_text"
    TOO_LONG = "too_long"
    MARKETING_DISABLED = "marketing_disabled"
    NOT_A_TEST_NUMBER = "not_a_test_number"
    """Marketing goes to the numbers of the test segment alone, for now."""
    STOP_LIST = "stop_list"
    """The subscriber wants no marketing SMS."""
    EMPTY_FIELD = "empty_field"
    """A field of the template is empty, and there is nothing to write instead."""
    BAD_SENDER_ID = "bad_sender_id"
    """An automation rule names a Sender ID that cannot be one."""
    BAD_REMINDER = "bad_reminder"
    """The date of a reminder, or the times ahead of it, cannot be understood."""
    UNFILLED_FIELD = "unfilled_field"
    """A field of a template is left in a text into which none is put."""
    OUTDATED_TEXT = "outdated_text"
    """The text of an automation rule names a time from which the date has moved."""
    OUTDATED = "outdated"
    """The date that it reminds of has moved or gone while it waited to leave."""
    GATEWAY_FAULT = "gateway_fault"
    """The gateway could make no SMS of it."""
    DOCUMENT_DELETED = "document_deleted"
    PORTAL_AWAY = "portal_away"
    """The portal could not be asked for the document within the grace."""
    LATE = "late"
    """What it was for is too long ago, or it could not leave in time."""
    REPEATED = "repeated"
    """The same scenario has sent the same text to the same number of late."""
    CANCELLED = "cancelled"
    """Its campaign has been cancelled."""


class Drop(enum.StrEnum):
    """Why a reminder is not sent."""

    LATE = "late"
    """Its time had passed by more than the grace."""
    PAST = "past"
    """There was no time for it before the moment."""
    OVERTAKEN = "overtaken"
    """A later one of the same moment was due at the same time."""
    DELETED = "deleted"
    """The document is gone."""
    CANCELLED = "cancelled"
    """The document has no moment any more, or has failed."""
    CONDITION = "condition"
    """The document does not fulfil the scenario's condition any more."""
    NO_SCENARIO = "no_scenario"
    """The configuration does not have its scenario any more, or not this time ahead."""
    NO_FIELD = "no_field"
    """The portal has no such field any more."""
    PORTAL = "portal"
    """The portal could not be asked within the grace, or does not show the document."""
    PORTAL_CHANGED = "portal_changed"
    """Another portal has installed the application."""
    FAULT = "gateway_fault"
    """The gateway could not make an SMS of it."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A reminder as it is planned."""

    ahead: float
    """Seconds before the moment."""
    due_at: float | None
    """None when it will not be sent."""
    why: Drop | None = None
    """Why not."""


def custom_id(message_id: str) -> str:
    """The identifier under which A1 knows the message: 20 characters (A1's limit), the same for ever for one message.

    It is derived and not drawn, so that a message accepted once more after the journal was restored from an older
    copy is recognised by A1 and not sent twice.
    """
    return hashlib.sha256(message_id.encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Window:
    """When a message may leave, in seconds since the epoch."""

    opens_at: float
    closes_at: float

    def moved(self, seconds: float) -> Window:
        """The same by a clock that is so many seconds ahead."""
        return Window(self.opens_at + seconds, self.closes_at + seconds)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it was taken in, with the verdict of the door."""

    message_id: str
    received_at: float
    number_received: str
    text: str
    kind: Kind = Kind.TRANSACTIONAL
    msisdn: str | None = None
    """`+375XXXXXXXXX`; None when the number was refused."""
    warning: str | None = None
    refusal: str | None = None
    """Why the message is refused, a word of the contract; None when it is to be sent."""
    segments: int = 1
    sender_id: str | None = None
    origin: dict[str, Any] = field(default_factory=dict)
    """What Bitrix24 said of the message's origin: `module_id`, bindings, workflow, document."""
    not_before: float = 0.0
    """When it may leave, or marketing begin to be looked at, by its hours; earlier than `received_at`: at once."""
    leave_by: float | None = None
    """When it is too late for it to leave: it ends as `late` then. None: it may leave whenever it can."""
    again: Window | None = None
    """Another time for it, before it is called late: quiet hours have come between."""
    deliver_by: float | None = None
    """When it is of no use to the subscriber any more, and A1 is to give up. None: A1 tries as long as it does."""
    teller: Teller = Teller.SENDER
    note: str = ""
    """What people should know of a refusal besides its word."""
    unfilled: bool = False
    """Whether fields are left in its text, to be filled before it leaves."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What is answered to whoever handed a message over; the same for every repetition."""

    message_id: str
    refusal: str | None
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of one part of a message that goes out in parts of its own."""

    number: int
    """From 1."""
    reference: int
    """The `user_message_reference` that it is submitted with, 1 to 65535; the same when it is submitted again."""
    a1_id: str | None = None
    """A1's identifier; None while A1 has not named one."""
    status: Status | None = None
    """Its own final status; None while there is none."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a carrier needs to know of a message."""

    id: int
    message_id: str
    custom_id: str
    msisdn: str
    text: str
    sender_id: str | None
    segments: int
    attempts: int = 1
    """How often it may have reached A1, this time included."""
    a1_id: str | None = None
    received_at: float = 0.0
    postponed: int = 0
    """How often A1 has put this very message off."""
    resent: int = 0
    """How often it was submitted again although A1 may have had it."""
    concatenation: int = 0
    """The reference that joins its parts, 0 to 255, distinct between messages to one number."""
    parts: tuple[Part, ...] = ()
    """Its parts in order, when it goes out in parts of its own."""
    kind: Kind = Kind.TRANSACTIONAL
    ttl: float | None = None
    """For how many seconds A1 is to try to deliver it; None: as long as A1 does."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """An outside party's word on the status of one message."""

    identifier: str
    """A1's id of the message, or the `custom_id` that it was submitted with."""
    word: str
    """The party's own word or code, kept as it came."""
    status: Status | None
    """What the word means; None for a word that nobody knows."""
    source: Source
    at: float
    note: str = ""
    """What the party added for people."""
    number: str | None = None
    """The subscriber's number, digits alone, where a receipt names it."""
    reference: int | None = None
    """The `user_message_reference`, where a receipt gives it back."""


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A subscriber's message as it is kept."""

    received_at: float
    source: str
    destination: str
    msisdn: str | None
    """The source where it is a mobile number, as `+375XXXXXXXXX`."""
    text: str
    parts: int
    parts_received: int
    """Fewer than `parts` when the others did not come in time."""


@dataclass(frozen=True, slots=True)
class Change:
    """A status that a message has taken, for the log, the metrics and whoever waits for it."""

    message_id: str
    status: Status
    source: Source
    word: str
    seconds: float
    """How long after its acceptance."""
    reason: str | None = None


class Choice(enum.StrEnum):
    """What a subscriber wants of marketing SMS, said in so many words."""

    OUT = "out"
    IN = "in"


class ChoiceSource(enum.StrEnum):
    """Who told the gateway of a choice."""

    OPERATOR = "operator"
    A1 = "a1"
    SUBSCRIBER = "subscriber"


@dataclass(frozen=True, slots=True)
class Received:
    """A subscriber's message that has been kept, and the choice that it makes."""

    message: IncomingMessage
    choice: Choice | None = None
    changes: tuple[Change, ...] = ()
    """What has come to its end by that choice."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a contact's field held when the portal was asked for it."""

    contact: int | None
    """The contact's id in the portal; None when there is none with the number."""
    value: str | None
    """The field's value as the portal gave it, in JSON; None when there was none."""
    meaning: str
    """The same for people: the name of a list's value; empty where there is nothing to say."""
    granted: bool


@dataclass(frozen=True, slots=True)
class Unasked:
    """A marketing message whose subscriber's consent is not known."""

    id: int
    message_id: str
    msisdn: str
    origin: dict[str, Any]
    received_at: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a marketing message may go out, and what was found."""

    id: int
    granted: bool
    asked_at: float
    field: str
    """The contact's field that was read."""
    found: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class PendingChoice:
    """A choice that has not been written into the CRM yet."""

    id: int
    msisdn: str
    choice: Choice
    source: ChoiceSource
    at: float
    note: str
    tries: int


@dataclass(frozen=True, slots=True)
class Price:
    """What A1 says a message costs, in BYN."""

    part: Decimal | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PortalUpdate:
    """A final status that Bitrix24 has not confirmed yet."""

    id: int
    message_id: str
    told: str
    tries: int
    final_at: float
    sender_code: str | None = None
    """The sender that Bitrix24 named when it handed the message over."""
    kind: Kind = Kind.TRANSACTIONAL
