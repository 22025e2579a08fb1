"""What can become of a submit: exactly one of these, for every message that was handed to a carrier."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import TryLater
from ..message import Price, Status


class Trouble(enum.StrEnum):
    """What keeps the carrier from A1, by what has to be done about it."""

    UNREACHABLE = "unreachable"
    """No connection, or no answer that can be understood: try again."""
    UNAVAILABLE = "unavailable"
    """A1 answers that it cannot at the moment: try again."""
    THROTTLED = "throttled"
    """Too many requests: slow down."""
    CREDENTIALS = "credentials"
    """A1 does not let this account in: the operator has to mend it; sending stops meanwhile."""
    LATER = "later"
    """A1 does not want this message now; others may go."""
    FAULT = "fault"
    """A1 does not accept the request as we form it: a fault of the gateway."""


class LinkTrouble(TryLater):
    """A request to A1 brought nothing; the text says what A1 or the network said."""

    def __init__(self, trouble: Trouble, text: str, *, code: str = "") -> None:
        super().__init__(text)
        self.trouble = trouble
        self.code = code


@dataclass(frozen=True, slots=True)
class Accepted:
    """A1 has the message."""

    a1_id: str | None
    """A1's identifier; None when its answer did not name one: the message is then asked for by `custom_id`."""
    segments: int | None = None
    price: Price = field(default_factory=Price)
    word: str = "accepted"
    parts: Mapping[int, str] = field(default_factory=dict)
    """Of a message that goes out in parts of its own: A1's identifiers by the parts' numbers; empty for unnamed."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A1 will not take this message, now or later."""

    reason: str
    """Short and stable, for the journal and the metrics."""
    word: str
    """A1's own code."""
    note: str = ""
    """A1's own description."""
    parts: Mapping[int, str] = field(default_factory=dict)
    """The parts that A1 had taken before, as in `Accepted`."""


@dataclass(frozen=True, slots=True)
class Postponed:
    """A1 certainly does not have the message; it can be submitted again."""

    trouble: LinkTrouble
    after: float | None = None
    """In how many seconds, when that is this message's own affair; None when it is the link's."""
    parts: Mapping[int, str] = field(default_factory=dict)
    """The parts that A1 has nevertheless, as in `Accepted`; they are not submitted again."""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """A1 may have the message: that has to be found out before the message is submitted again."""

    trouble: LinkTrouble
    parts: Mapping[int, str] = field(default_factory=dict)
    """The parts that A1 has for certain, as in `Accepted`."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A1 says that it has just had this message; it has to be asked for it."""

    word: str
    note: str = ""


Outcome = Accepted | Refused | Postponed | Uncertain | Duplicate


@dataclass(frozen=True, slots=True)
class Standing:
    """What A1 answers when it is asked about a message that it has."""

    word: str
    """A1's code or word for the status."""
    status: Status | None
    """What that means; None when nobody knows."""
    a1_id: str | None = None
    name: str = ""
    """A1's text for people."""
