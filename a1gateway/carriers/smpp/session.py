"""One connection to the centre: the protocol that moves its bytes, and what each PDU means (SMPP 3.4, 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, IReactorTime, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...errors import AnswerLost
from .endpoint import why_disconnected
from .exchange import Exchange, Values
from .framer import Framer
from .life import Connection, Ending, IWatcher, new_life
from .pdu import HEADER, CommandStatus, MalformedPdu, Pdu, decode, encode, status_name
from .receiving import OnDelivery, Receiving
from .settings import Bind, LinkSettings
from .timers import Silence
from .window import AnswerLate

# Octets: some twenty receipts.
_READ_AT_ONCE = 4096


class Session(Protocol):
    """A connection that binds as soon as it is made, and lives until `close`, a fault or the other side ends it.

    No octets that come raise anything: what is no PDU ends the connection.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        settings: LinkSettings,
        bind: Bind,
        *,
        centre: str,
        watcher: IWatcher,
        on_delivery: OnDelivery,
        on_room: Callable[[], None],
    ) -> None:
        """`centre` names the other side to people; `on_room` is called when a full window has a free place again."""
        self._clock = clock
        self._centre = centre
        self._timeout = settings.response_timeout
        self._framer = Framer()
        self._exchange = Exchange(
            clock,
            centre,
            window=settings.window,
            response_timeout=settings.response_timeout,
            write=self._write,
            on_room=on_room,
        )
        self._receiving = Receiving(on_delivery, self._write, self._flooded)
        self._silence = Silence(clock, settings.enquire_link_interval, self._enquire)
        self._connection = Connection(
            clock, centre, settings, bind, watcher, self._exchange, self._receiving, self._silence
        )
        self._life = new_life(self._connection)
        self.answers = 0
        """How many of our requests the other side has answered since the bind."""
        self.unexpected = 0
        """How many responses came that answer nothing."""
        self.last_enquire_link: float | None = None
        """When an enquire_link was last answered, theirs or ours; None when none was."""

    # What a link needs.

    def request(self, command: str, *, tlvs: Values | None = None, **fields: int | str | bytes) -> Deferred[Pdu]:
        """Send a request once it has a place in the window, in the order of asking.

        Fires with the response, whatever its status; a generic_nack is one. Fails with `NotSent` when the request
        certainly did not leave, with `AnswerLost` when the connection ended before the answer came, and with
        `AnswerLate` when `response_timeout` passed. Fails with `ValueError` or `KeyError` when it makes no PDU.
        Cancelling it keeps it from leaving as long as it waits for its place.
        """
        return self._exchange.request(command, tlvs=tlvs, **fields)

    def close(self) -> Deferred[None]:
        """End the bind cleanly; fires when the connection is gone, which takes `DRAINING`, `UNBINDING` and `CLOSING`
        seconds together at the most. Only of a session that is connected, or was.
        """
        closed: Deferred[None] = Deferred()
        self._connection.closers.append(closed)
        self._life.close()
        return closed

    @property
    def bound(self) -> bool:
        """Whether the bind stands and requests are taken."""
        return self._exchange.taking

    @property
    def bound_since(self) -> float | None:
        """When the bind was taken; None before."""
        return self._connection.bound_since

    @property
    def in_flight(self) -> int:
        """How many requests have left and have no answer, not counting those that were given up."""
        return self._exchange.in_flight

    @property
    def room(self) -> int:
        """How many requests would leave at once."""
        return self._exchange.room

    # What Twisted calls.

    def connectionMade(self) -> None:
        """Bind."""
        tcp = ITCPTransport(self.transport, None)
        if tcp is not None:
            # Nothing is won by holding a PDU back: the next one often waits for its answer.
            tcp.setTcpNoDelay(True)
            # Other connections get their turn between reads, however many receipts have come.
            tcp.bufferSize = _READ_AT_ONCE  # type: ignore[attr-defined]  # of every transport of Twisted
        self._connection.transport = cast(ITCPTransport, self.transport)
        self._connection.reading = cast(IPushProducer, self.transport)
        self._life.connected()

    def dataReceived(self, data: bytes) -> None:
        """Take in what came, PDU by PDU, up to the one that ends the connection."""
        if self._is_over():
            return
        self._silence.heard()
        malformed: MalformedPdu | None = None
        try:
            frames = self._framer.feed(data)
        except MalformedPdu as fault:
            frames, malformed = fault.before, fault
        for frame in frames:
            self._take_frame(frame)
            if self._is_over():
                return
        if malformed is not None:
            # Its sequence number cannot be known (SMPP 3.4, 4.3.1).
            self._refuse_malformed(malformed, sequence=0)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The transport is gone, whoever closed it."""
        self._life.disconnected(Ending(why_disconnected(reason)))

    # What a PDU means.

    def _take_frame(self, frame: bytes) -> None:
        try:
            pdu = decode(frame)
        except MalformedPdu as fault:
            self._refuse_malformed(fault, sequence=int.from_bytes(frame[12:HEADER]))
            return
        if pdu.response:
            self._take_response(pdu)
        else:
            self._take_request(pdu)

    def _take_request(self, request: Pdu) -> None:
        match request.command:
            case "deliver_sm" | "data_sm":
                self._life.delivered(request)
            case "enquire_link":
                self._write(encode("enquire_link_resp", sequence=request.sequence))
                self.last_enquire_link = self._clock.seconds()
            case "unbind":
                self._write(encode("unbind_resp", sequence=request.sequence))
                self._life.end(Ending("has ended the bind by unbind"))
            case "alert_notification" | "outbind":
                # Neither has a response (SMPP 3.4, 4.1.7 and 4.12).
                self._log.info("{centre} has sent {command}, ignored", centre=self._centre, command=request.command)
            case _:
                self._log.warn("{centre} has sent {command}, refused", centre=self._centre, command=request.command)
                self._nack(CommandStatus.INVALID_COMMAND, request.sequence)

    def _take_response(self, response: Pdu) -> None:
        bound = self.bound_since is not None
        if self._exchange.take(response):
            self.answers += bound
        elif response.command == "generic_nack" and response.sequence == 0:
            name = status_name(response.status)
            self._life.end(Ending(f"could not make out what it received (generic_nack, {name}): out of step"))
        else:
            self._unexpected(response)

    def _unexpected(self, response: Pdu) -> None:
        self.unexpected += 1
        if self.unexpected.bit_count() == 1:
            # The first, second, fourth, eighth: a centre that does so always must not fill the log.
            self._log.warn(
                "{centre} has sent {command} number {sequence}, which answers nothing, as {count} so far",
                centre=self._centre,
                command=response.command,
                sequence=response.sequence,
                count=self.unexpected,
            )

    def _refuse_malformed(self, fault: MalformedPdu, *, sequence: int) -> None:
        self._nack(CommandStatus.INVALID_LENGTH, sequence)
        self._life.end(Ending(f"has sent what is no PDU: {fault}"))

    def _nack(self, status: CommandStatus, sequence: int) -> None:
        self._write(encode("generic_nack", sequence=sequence, status=status))

    # Whether the other side is there.

    def _enquire(self) -> None:
        self._exchange.ask("enquire_link").addCallbacks(self._is_there, self._is_silent)

    def _is_there(self, _: Pdu) -> None:
        self.last_enquire_link = self._clock.seconds()

    def _is_silent(self, why: Failure) -> None:
        why.trap(AnswerLost)
        # While we do not read, the answer may well be there.
        if why.check(AnswerLate) and not self._receiving.flooded:
            self._life.end(Ending(f"has not answered enquire_link within {self._timeout:g} seconds"))

    def _flooded(self, flooded: bool) -> None:
        if flooded:
            self._silence.stop()
            self._connection.reading.pauseProducing()
        else:
            self._silence.listen()
            self._connection.reading.resumeProducing()

    # The transport.

    def _is_over(self) -> bool:
        return self._connection.ending is not None

    def _write(self, octets: bytes) -> None:
        self._connection.transport.write(octets)
