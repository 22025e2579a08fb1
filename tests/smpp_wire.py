"""The centre's end of connections in memory: it hears what the gateway sends, and says what a test wants said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from a1gateway.carriers.smpp.framer import Framer
from a1gateway.carriers.smpp.life import Ending
from a1gateway.carriers.smpp.pdu import CommandStatus, Pdu, decode, encode

NOWHERE: IAddress = None  # type: ignore[assignment]


class Transport(StringTransport):
    """Tells its protocol of the end in the reactor's next turn, as sockets do; a deaf one only when it is aborted."""

    def __init__(self, clock: Clock, protocol: IProtocol, *, deaf: bool = False) -> None:
        super().__init__()
        self._clock = clock
        self._protocol = protocol
        self.deaf = deaf
        self.aborted = False
        self.open = True

    def loseConnection(self) -> None:  # Twisted's name
        self.disconnecting = True
        if not self.deaf:
            self._clock.callLater(0, self.lose, ConnectionDone())

    def abortConnection(self) -> None:  # Twisted's name
        self.aborted = self.disconnecting = True
        self._clock.callLater(0, self.lose, ConnectionAborted())

    def lose(self, error: Exception) -> None:
        """The connection is gone."""
        if self.open:
            self.open = False
            self._protocol.connectionLost(Failure(error))


class Line:
    """One connection, from the centre's side."""

    def __init__(self, clock: Clock, protocol: IProtocol, *, deaf: bool = False) -> None:
        self.protocol = protocol
        self.transport = Transport(clock, protocol, deaf=deaf)
        self._framer = Framer()
        protocol.makeConnection(self.transport)

    def heard(self) -> list[Pdu]:
        """What has come since the last time."""
        octets = self.transport.value()
        self.transport.clear()
        return [decode(frame) for frame in self._framer.feed(octets)]

    def hear(self, command: str) -> Pdu:
        """The one PDU that has come since the last time."""
        [pdu] = self.heard()
        assert pdu.command == command
        return pdu

    def say(self, *octets: bytes) -> None:
        """All in one segment."""
        self.protocol.dataReceived(b"".join(octets))

    def answer(self, request: Pdu, status: int = CommandStatus.OK, **fields: Any) -> None:
        """Send the response to `request`."""
        self.say(response(request, status, **fields))

    def take_bind(self) -> None:
        """Answer the bind."""
        [bind] = self.heard()
        assert bind.command.startswith("bind_")
        self.answer(bind, system_id="centre")

    def cut(self, error: Exception | None = None) -> None:
        """Close the connection."""
        self.transport.lose(error or ConnectionDone())


def response(request: Pdu, status: int = CommandStatus.OK, **fields: Any) -> bytes:
    """The response to `request`."""
    return encode(f"{request.command}_resp", sequence=request.sequence, status=status, **fields)


def deliver(sequence: int, text: bytes = b"") -> bytes:
    """A deliver_sm."""
    return encode("deliver_sm", sequence=sequence, source_addr="375291112233", short_message=text)


def raw(code: int, sequence: int, body: bytes = b"") -> bytes:
    """Any PDU, by its command_id."""
    return b"".join(number.to_bytes(4) for number in (16 + len(body), code, 0, sequence)) + body


class Watcher:
    """Keeps what it is told of a connection's life, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.ending: Ending | None = None

    def connected(self) -> None:
        self.told.append("connected")

    def bound(self) -> None:
        self.told.append("bound")

    def ended(self, ending: Ending) -> None:
        self.told.append("ended")
        self.ending = ending

    def gone(self) -> None:
        self.told.append("gone")


class Journal:
    """Takes deliveries, each of which is on disk when the test says so."""

    def __init__(self) -> None:
        self.taken: list[Pdu] = []
        self._waiting: dict[int, Deferred[int]] = {}
        self.by: Callable[[Pdu], Awaitable[int]] | None = None
        """Takes them instead."""

    async def take(self, delivery: Pdu) -> int:
        self.taken.append(delivery)
        if self.by is not None:
            return await self.by(delivery)
        self._waiting[delivery.sequence] = Deferred()
        return await self._waiting[delivery.sequence]

    def written(self, sequence: int, status: int | Exception = CommandStatus.OK) -> None:
        """This one is on disk, or has failed."""
        waiting = self._waiting.pop(sequence)
        if isinstance(status, Exception):
            waiting.errback(status)
        else:
            waiting.callback(status)


@implementer(IStreamClientEndpoint)
class Network:
    """Where the link connects to: every attempt waits until the test takes it or refuses it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._attempts: list[tuple[IProtocolFactory, Deferred[IProtocol]]] = []
        self.tried = 0
        self.lines: list[Line] = []

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:  # Twisted's name
        attempt: Deferred[IProtocol] = Deferred(lambda _: self._attempts.clear())
        self._attempts.append((protocolFactory, attempt))
        self.tried += 1
        return attempt

    @property
    def trying(self) -> int:
        """How many attempts wait."""
        return len(self._attempts)

    def take(self, *, deaf: bool = False) -> Line:
        """The oldest attempt comes to a connection."""
        factory, attempt = self._attempts.pop(0)
        protocol = factory.buildProtocol(NOWHERE)
        assert protocol is not None
        line = Line(self._clock, protocol, deaf=deaf)
        self.lines.append(line)
        attempt.callback(protocol)
        return line

    def refuse(self, error: Exception) -> None:
        """The oldest attempt comes to nothing."""
        _, attempt = self._attempts.pop(0)
        attempt.errback(error)
