"""The SMPP link as the carrier sees it, answering as it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred, fail

from a1gateway.carriers.outcome import LinkTrouble
from a1gateway.carriers.smpp.pdu import Pdu, decode, encode
from a1gateway.carriers.smpp.window import AnswerLate
from a1gateway.errors import AnswerLost, NotSent


@dataclass(eq=False)
class Asked:
    """A request that went over the link."""

    pdu: Pdu
    answer: Deferred[Pdu] = field(default_factory=Deferred)

    @property
    def part(self) -> int:
        """Which part it is, by its concatenation header."""
        octets = self.pdu.octets("short_message")
        return octets[5] if self.pdu.number("esm_class") & 0x40 else 1

    def takes(self, message_id: str = "7001") -> None:
        self.answer.callback(Pdu("submit_sm_resp", 0, 1, {"message_id": message_id}))

    def says(self, status: int, command: str = "submit_sm_resp") -> None:
        self.answer.callback(Pdu(command, status, 1))

    def breaks(self) -> None:
        self.answer.errback(AnswerLost("submit_sm went out and A1's SMSC has closed the connection"))

    def stays_out(self) -> Asked:
        """No answer in time; what is given may be answered late."""
        late = Asked(self.pdu)
        self.answer.errback(AnswerLate("A1's SMSC has not answered submit_sm within 30 seconds", late.answer))
        return late


class FakeLink:
    """Keeps what is asked, and encodes it as the real one would."""

    def __init__(self, places: int, by: Callable[[Asked], None] = lambda asked: None) -> None:
        """`places` is the size of the window; `by` is called with every request that leaves."""
        self.can_submit = True
        self.trouble: LinkTrouble | None = None
        self.places = places
        self.asked: list[Asked] = []
        self.by = by

    @property
    def in_flight(self) -> list[Asked]:
        return [each for each in self.asked if not each.answer.called]

    @property
    def room(self) -> int:
        return max(0, self.places - len(self.in_flight))

    def request(self, command: str, *, tlvs: dict[str, Any] | None = None, **fields: Any) -> Deferred[Pdu]:
        if not self.can_submit:
            return fail(NotSent("A1's SMSC is not connected"))
        try:
            asked = Asked(decode(encode(command, sequence=1, tlvs=tlvs, **fields)))
        except (KeyError, ValueError) as fault:
            return fail(fault)
        self.asked.append(asked)
        self.by(asked)
        return asked.answer
