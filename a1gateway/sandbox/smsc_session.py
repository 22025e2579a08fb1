"""One connection to the simulated SMSC: PDUs in and out, whether it is bound, and who answers what."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Protocol

from twisted.internet import protocol
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as WaitedTooLong
from twisted.internet.interfaces import IReactorTime, ITCPTransport
from twisted.python.failure import Failure

from a1gateway.carriers.smpp.framer import Framer
from a1gateway.carriers.smpp.pdu import CommandStatus, MalformedPdu, Pdu, decode, encode
from a1gateway.sandbox.settings import A1Settings, Adjustable
from a1gateway.sandbox.smsc_wire import Wire
from a1gateway.sandbox.tasks import Tasks

Values = Mapping[str, int | str | bytes]

_LAST_SEQUENCE = 0x7FFFFFFF
_SEQUENCE_AT = slice(12, 16)


class Bind(enum.StrEnum):
    """What an ESME is bound as."""

    TRANSMITTER = "transmitter"
    RECEIVER = "receiver"
    TRANSCEIVER = "transceiver"

    @property
    def sends(self) -> bool:
        """Whether it may submit."""
        return self is not Bind.RECEIVER

    @property
    def receives(self) -> bool:
        """Whether it gets receipts and messages."""
        return self is not Bind.TRANSMITTER


class Centre(Protocol):
    """What decides how requests are answered."""

    def requested(self, session: Session, request: Pdu) -> None:
        """A request has come."""

    def ended(self, session: Session) -> None:
        """Nothing more comes from a session or gets to it; once."""


class Session(protocol.Protocol):
    """Moves PDUs; what they mean is the centre's affair."""

    def __init__(self, clock: IReactorTime, centre: Centre, settings: Adjustable[A1Settings]) -> None:
        self._clock = clock
        self._centre = centre
        self._settings = settings
        self._framer = Framer()
        self._wire: Wire | None = None
        self._sequence = 0
        self._asked: dict[int, Deferred[int | None]] = {}
        self.tasks = Tasks(clock)
        """What ends with the connection."""
        self.connected_at = clock.seconds()
        self.ended = False
        """Whether nothing more goes in or out."""
        self.bind: Bind | None = None
        self.bound_since: float | None = None
        self.system_id = ""
        self.submits = 0
        """How many submit_sm have come."""
        self.unanswered = 0
        """How many of them are to be answered later."""
        self.enquired_at: float | None = None
        """When the ESME's last enquire_link came."""

    # Called by Twisted

    def connectionMade(self) -> None:
        """Called by Twisted."""
        transport: Any = self.transport
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        self._wire = Wire(self._clock, transport, self._settings)

    def dataReceived(self, data: bytes) -> None:
        """Called by Twisted."""
        if self.ended:
            return
        try:
            frames = self._framer.feed(data)
        except MalformedPdu as error:
            self._take(error.before)
            self.answer("generic_nack", 0, CommandStatus.INVALID_LENGTH)
            self.close()
        else:
            self._take(frames)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """Called by Twisted."""
        self._end()
        if self._wire is not None:
            self._wire.stop()
        self.tasks.stop()
        for asked in list(self._asked.values()):
            asked.callback(None)

    # Called by the centre

    def answer(
        self, command: str, sequence: int, status: int = 0, *, tlvs: Values | None = None, **fields: int | str | bytes
    ) -> None:
        """Sends a response."""
        self.write(encode(command, sequence=sequence, status=status, tlvs=tlvs, **fields))

    async def ask(self, command: str, fields: Values | None = None, tlvs: Values | None = None) -> int | None:
        """Sends a request; the answer's command_status, or None when there is none in time or the link has ended."""
        if self.ended:
            return None
        sequence = self.next_sequence()
        answered: Deferred[int | None] = Deferred()
        self._asked[sequence] = answered
        answered.addTimeout(self._settings.now.smpp_response_timeout, self._clock)
        self.write(encode(command, sequence=sequence, status=0, tlvs=tlvs, **(fields or {})))
        try:
            return await answered
        except WaitedTooLong:
            return None
        finally:
            del self._asked[sequence]

    def next_sequence(self) -> int:
        """The sequence_number for a request of the SMSC's own."""
        self._sequence = self._sequence % _LAST_SEQUENCE + 1
        return self._sequence

    def write(self, octets: bytes) -> None:
        """Sends octets, PDUs or not, as the settings cut them; nothing once the connection has ended."""
        if self._wire is not None and not self.ended:
            self._wire.write(octets)

    def close(self) -> None:
        """Ends the connection once what was written has gone out."""
        if self._wire is not None and not self.ended:
            self._end()
            self._wire.close()

    def cut(self) -> None:
        """Ends the connection at once, with what has not gone out."""
        if self._wire is not None and not self.ended:
            self._end()
            self._wire.cut()

    def _end(self) -> None:
        if not self.ended:
            self.ended = True
            self._centre.ended(self)

    def report(self) -> dict[str, Any]:
        """For the control route."""
        return {
            "bind": self.bind,
            "system_id": self.system_id,
            "connected_at": self.connected_at,
            "bound_since": self.bound_since,
            "submits": self.submits,
            "submits_unanswered": self.unanswered,
            "last_enquire_link": self.enquired_at,
        }

    # Reading

    def _take(self, frames: list[bytes]) -> None:
        for frame in frames:
            if self.ended:
                return
            try:
                pdu = decode(frame)
            except MalformedPdu:
                self.answer("generic_nack", int.from_bytes(frame[_SEQUENCE_AT]), CommandStatus.INVALID_LENGTH)
                continue
            if pdu.response:
                self._answered(pdu)
            else:
                self._centre.requested(self, pdu)

    def _answered(self, response: Pdu) -> None:
        asked = self._asked.get(response.sequence)
        if asked is not None:
            asked.callback(response.status)
