"""The simulated SMSC's books: every part that was accepted, and the messages that the parts make up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from a1gateway.sandbox.a1_books import QUEUED, Code, Outcome, outcome_for, word
from a1gateway.sandbox.settings import Identifiers
from a1gateway.sandbox.smsc_deliveries import Delivery
from a1gateway.sandbox.smsc_identifiers import written
from a1gateway.sandbox.smsc_states import state_of
from a1gateway.sandbox.smsc_submits import SubmittedPart


@dataclass(slots=True)
class AcceptedPart:
    """An accepted submit_sm: the first of its part, or the same part once more."""

    serial: int
    identifier: str
    """As the answer had it."""
    submitted: SubmittedPart
    accepted_at: float
    outcome: Outcome
    code: Code = QUEUED
    entered_at: float = 0.0
    """When it got that status."""

    @property
    def number(self) -> int:
        """Which part of its message it is, from 1."""
        return self.submitted.place.number if self.submitted.place is not None else 1

    @property
    def final(self) -> bool:
        """Whether nothing more becomes of it."""
        return state_of(self.code).final

    def report(self) -> dict[str, Any]:
        """For the control route."""
        return {
            "part": self.number,
            "message_id": self.identifier,
            "user_message_reference": self.submitted.user_message_reference,
            "at": self.accepted_at,
            "code": self.code,
            "status": word(self.code),
        }


@dataclass(slots=True)
class SmppMessage:
    """What a subscriber gets as one SMS; `accepted` has a part again for every time that it was accepted."""

    accepted: list[AcceptedPart]
    history: list[tuple[float, Code]]
    receipts: list[Delivery] = field(default_factory=list)

    @property
    def first(self) -> SubmittedPart:
        """What came first of it."""
        return self.accepted[0].submitted

    @property
    def accepted_at(self) -> float:
        """When the first of it was accepted."""
        return self.accepted[0].accepted_at

    @property
    def total(self) -> int:
        """Of how many parts it is."""
        return self.first.place.total if self.first.place is not None else 1

    @property
    def complete(self) -> bool:
        """Whether all its parts are there."""
        return len({part.number for part in self.accepted}) == self.total

    @property
    def code(self) -> Code:
        """The status of the whole."""
        return self.history[-1][1]

    def part(self, number: int) -> AcceptedPart | None:
        """A part as it was accepted last."""
        return next((part for part in reversed(self.accepted) if part.number == number), None)

    def has(self, part: SubmittedPart) -> bool:
        """Whether this very part, and not another one with its number, is here already."""
        return any(
            (each.submitted.octets, each.submitted.user_message_reference)
            == (part.octets, part.user_message_reference)
            for each in self.accepted
            if each.submitted.place == part.place
        )

    def enter(self, part: AcceptedPart, code: Code, now: float) -> None:
        """Gives one part a status, and the whole its own when that changes with it."""
        part.code, part.entered_at = code, now
        whole = self._whole(code)
        if whole != self.code:
            self.history.append((now, whole))

    def _whole(self, newest: Code) -> Code:
        """Undelivered as soon as a part is, delivered once all are, else what was heard last of a part."""
        ends = [part for part in self.accepted if part.final]
        failed = [part.code for part in ends if state_of(part.code).word != "DELIVRD"]
        if failed:
            return failed[0]
        if {part.number for part in ends} == set(range(1, self.total + 1)):
            return ends[0].code
        if not state_of(newest).final:
            return newest
        return self.code

    def report(self) -> dict[str, Any]:
        """For the control route."""
        numbers = sorted({part.number for part in self.accepted})
        newest = [part for number in numbers if (part := self.part(number)) is not None]
        return {
            "transport": "smpp",
            "message_id": self.accepted[0].identifier,
            "message_ids": [part.identifier for part in newest],
            "method": "submit_sm",
            "msisdn": self.first.msisdn,
            "text": "".join(part.submitted.text for part in newest),
            "sender": self.first.sender,
            "parts": self.total,
            "complete": self.complete,
            "duplicates": len(self.accepted) - len(numbers),
            "accepted": [part.report() for part in self.accepted],
            "accepted_at": self.accepted_at,
            "code": self.code,
            "status": word(self.code),
            "history": [{"at": at, "code": code, "status": word(code)} for at, code in self.history],
            "receipts": [delivery.report() for delivery in self.receipts],
        }


class SmppBooks:
    """Every accepted part by its identifier, and the messages in the order of their first parts."""

    def __init__(self, new_id: Callable[[], int]) -> None:
        self.new_id = new_id
        self._messages: list[SmppMessage] = []
        self._by_identifier: dict[str, tuple[AcceptedPart, SmppMessage]] = {}
        self._latest: dict[object, SmppMessage] = {}

    def accept(self, submitted: SubmittedPart, form: Identifiers, now: float) -> tuple[AcceptedPart, SmppMessage]:
        """Enters a part, in the message that it belongs to."""
        serial = self.new_id()
        part = AcceptedPart(
            serial, written(form, serial), submitted, now, outcome_for(submitted.msisdn), entered_at=now
        )
        message = self._message_of(submitted)
        if message is None:
            message = SmppMessage([], [(now, QUEUED)])
            self._messages.append(message)
            self._latest[_key(submitted)] = message
        message.accepted.append(part)
        self._by_identifier[part.identifier] = part, message
        return part, message

    def _message_of(self, part: SubmittedPart) -> SmppMessage | None:
        """The message that lacks this part or has it already; None when it begins a new one."""
        message = self._latest.get(_key(part))
        if message is None:
            return None
        if part.place is None:
            # Without a reference of its own a text once more is a message once more.
            return message if part.user_message_reference is not None else None
        lacks = message.part(part.place.number) is None
        return message if lacks or message.has(part) else None

    def by_identifier(self, identifier: str) -> tuple[AcceptedPart, SmppMessage] | None:
        """The part that was accepted under an identifier, as the answer had it, and its message."""
        return self._by_identifier.get(identifier)

    def messages(self) -> Iterable[SmppMessage]:
        """All messages, oldest first."""
        return self._messages

    def charged(self) -> int:
        """Parts accepted so far."""
        return sum(len(message.accepted) for message in self._messages)

    def clear(self) -> None:
        """Forgets every message; numbers go on."""
        self._messages.clear()
        self._by_identifier.clear()
        self._latest.clear()


def _key(part: SubmittedPart) -> object:
    """The same for all parts of one message, and for all submits of a part."""
    if part.place is None:
        return part.msisdn, part.sender, part.octets, part.data_coding, part.user_message_reference
    return part.msisdn, part.sender, part.place.reference, part.place.total
