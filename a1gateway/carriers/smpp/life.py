"""The states of one connection to the centre, and what each of them does.

    opening → binding → bound → draining → unbinding → closing → closed

From `binding` on, whatever ends the connection leads to `closing`, and a transport that is gone to `closed`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from automat import TypeMachineBuilder
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime, ITCPTransport
from twisted.logger import Logger
from twisted.python.failure import Failure

from .exchange import Exchange
from .pdu import CommandStatus, Pdu, encode, status_name
from .receiving import MOST_AT_ONCE, Receiving
from .settings import Bind, LinkSettings
from .timers import Silence
from .window import AnswerLate

# Seconds that a clean end leaves to what is under way, to the answer to unbind, and to the transport to close.
DRAINING = 10.0
UNBINDING = 5.0
CLOSING = 3.0

_SMPP_3_4 = 0x34


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a connection has ended, or has not come about."""

    reason: str
    """What the centre did, as a predicate: `has not answered enquire_link within 30 seconds`."""
    refusal: int | None = None
    """The command status with which it refused the bind; None when it did not."""
    wanted: bool = False
    """Whether the gateway wanted it so."""


class IWatcher(Protocol):
    """Whoever follows a connection's life. Each is called once at most, in this order, and must not raise."""

    def connected(self) -> None:
        """The connection is there, and the bind is on its way."""

    def bound(self) -> None:
        """The bind stands and requests may go out."""

    def ended(self, ending: Ending) -> None:
        """Nothing goes over the connection any more, and every request has had its end."""

    def gone(self) -> None:
        """The connection itself is gone, and every timer with it."""


class ILife(Protocol):
    """What happens to a connection. Nothing is returned, so whatever happens meanwhile waits its turn."""

    def connected(self) -> None:
        """The transport is there."""

    def bound(self) -> None:
        """The centre has taken the bind."""

    def delivered(self, delivery: Pdu) -> None:
        """A deliver_sm or a data_sm has come."""

    def close(self) -> None:
        """The gateway wants a clean end."""

    def unbind(self) -> None:
        """Nothing is under way any more, or it has been for too long."""

    def end(self, ending: Ending) -> None:
        """The connection is of no use any more."""

    def disconnected(self, ending: Ending) -> None:
        """The transport is gone."""


@dataclass
class Connection:
    """What the states work with."""

    clock: IReactorTime
    centre: str
    settings: LinkSettings
    bind: Bind
    watcher: IWatcher
    exchange: Exchange
    receiving: Receiving
    silence: Silence
    transport: ITCPTransport = field(init=False)
    """Set before the machine is told `connected`."""
    reading: IPushProducer = field(init=False)
    """The same, for pausing it."""
    bound_since: float | None = None
    """Kept after the end, for whoever wants to know how long it was."""
    ending: Ending | None = None
    closers: list[Deferred[None]] = field(default_factory=list)
    log = Logger()

    def end(self, ending: Ending) -> None:
        """Nothing goes out or is taken in any more."""
        self.ending = ending
        self._log_ending(ending)
        self.silence.stop()
        self.receiving.stop()
        self.exchange.lose(f"{self.centre} {ending.reason}")
        self.watcher.ended(ending)

    def go(self) -> None:
        """The transport is gone."""
        self.watcher.gone()
        self.release()

    def release(self) -> None:
        """Tell those that wait for the end."""
        closers, self.closers = self.closers, []
        for each in closers:
            each.callback(None)

    def _log_ending(self, ending: Ending) -> None:
        if ending.refusal is not None:
            tell = self.log.error
        elif ending.wanted:
            tell = self.log.info
        else:
            tell = self.log.warn
        tell("{centre} {reason}", centre=self.centre, reason=ending.reason)


def _ask_to_bind(life: ILife, connection: Connection) -> list[Pdu]:
    """Send the bind; collects what the centre delivers together with its answer, or before it."""
    settings = connection.settings
    connection.watcher.connected()

    def answered(answer: Pdu) -> None:
        if answer.command != "generic_nack" and answer.status == CommandStatus.OK:
            life.bound()
        else:
            refusal = answer.status or CommandStatus.BIND_FAILED
            life.end(Ending(f"refuses the bind: {status_name(refusal)}", refusal))

    def not_answered(why: Failure) -> None:
        if why.check(AnswerLate):
            life.end(Ending(f"has not answered the bind within {settings.response_timeout:g} seconds"))
        else:
            # Values that make no PDU; or the connection has ended, and then this says nothing new.
            life.end(Ending(f"could not be asked for a bind: {why.getErrorMessage()}"))

    connection.exchange.ask(
        connection.bind,
        system_id=settings.system_id,
        password=settings.password,
        system_type=settings.system_type,
        interface_version=_SMPP_3_4,
    ).addCallbacks(answered, not_answered)
    return []


def _drain(life: ILife, connection: Connection) -> IDelayedCall:
    """Take no more requests, and wait for what is under way."""
    connection.exchange.shut(f"the gateway is ending the bind to {connection.centre}")
    under_way = gatherResults([connection.exchange.idle(), connection.receiving.idle()])
    under_way.addCallback(lambda _: life.unbind())
    return connection.clock.callLater(DRAINING, life.unbind)


def _ask_to_unbind(life: ILife, connection: Connection) -> IDelayedCall:
    """Send unbind."""
    connection.silence.stop()
    connection.exchange.ask("unbind").addCallbacks(
        lambda _: life.end(Ending("has answered unbind", wanted=True)),
        lambda why: None,
    )
    silent = Ending(f"has not answered unbind within {UNBINDING:g} seconds", wanted=True)
    return connection.clock.callLater(UNBINDING, life.end, silent)


def _leave(life: ILife, connection: Connection, ending: Ending) -> IDelayedCall:
    """Close the transport, however little the other side reads."""
    connection.end(ending)
    if connection.receiving.flooded:
        # A transport that does not read would not see the other side close.
        connection.reading.resumeProducing()
    connection.transport.loseConnection()
    return connection.clock.callLater(CLOSING, connection.transport.abortConnection)


def _cancel(timer: IDelayedCall) -> None:
    if timer.active():
        timer.cancel()


def _machine() -> Callable[[Connection], ILife]:
    machine = TypeMachineBuilder(ILife, Connection)

    opening = machine.state("opening")
    binding = machine.state("binding", _ask_to_bind)
    bound = machine.state("bound")
    draining = machine.state("draining", _drain)
    unbinding = machine.state("unbinding", _ask_to_unbind)
    closing = machine.state("closing", _leave)
    closed = machine.state("closed")

    opening.upon(ILife.connected).to(binding).returns(None)

    @binding.upon(ILife.delivered).loop()
    def keep(life: ILife, connection: Connection, kept: list[Pdu], delivery: Pdu) -> None:
        if len(kept) < MOST_AT_ONCE:
            kept.append(delivery)
        else:
            status = CommandStatus.INVALID_BIND_STATUS
            answer = encode(f"{delivery.command}_resp", sequence=delivery.sequence, status=status)
            connection.transport.write(answer)

    @binding.upon(ILife.bound).to(bound)
    def use(life: ILife, connection: Connection, kept: list[Pdu]) -> None:
        connection.bound_since = connection.clock.seconds()
        connection.log.info(
            "{centre} has taken the bind ({bind}) of {system_id}",
            centre=connection.centre,
            bind=connection.bind,
            system_id=connection.settings.system_id,
        )
        connection.exchange.open()
        connection.silence.listen()
        connection.watcher.bound()
        for delivery in kept:
            connection.receiving.take(delivery)

    @binding.upon(ILife.close, nodata=True).loop()
    def give_up(life: ILife, connection: Connection) -> None:
        life.end(Ending("has not answered the bind yet", wanted=True))

    bound.upon(ILife.close).to(draining).returns(None)

    @bound.upon(ILife.delivered).loop()
    @draining.upon(ILife.delivered, nodata=True).loop()
    @unbinding.upon(ILife.delivered, nodata=True).loop()
    def take(life: ILife, connection: Connection, delivery: Pdu) -> None:
        connection.receiving.take(delivery)

    @draining.upon(ILife.unbind).to(unbinding)
    def drained(life: ILife, connection: Connection, timer: IDelayedCall) -> None:
        _cancel(timer)

    binding.upon(ILife.end, nodata=True).to(closing).returns(None)
    bound.upon(ILife.end).to(closing).returns(None)

    @draining.upon(ILife.end).to(closing)
    @unbinding.upon(ILife.end).to(closing)
    def ended_meanwhile(life: ILife, connection: Connection, timer: IDelayedCall, ending: Ending) -> None:
        _cancel(timer)

    @bound.upon(ILife.disconnected).to(closed)
    def lost(life: ILife, connection: Connection, ending: Ending) -> None:
        connection.end(ending)
        connection.go()

    @binding.upon(ILife.disconnected).to(closed)
    def lost_before(life: ILife, connection: Connection, kept: list[Pdu], ending: Ending) -> None:
        lost(life, connection, ending)

    @draining.upon(ILife.disconnected).to(closed)
    @unbinding.upon(ILife.disconnected).to(closed)
    def lost_meanwhile(life: ILife, connection: Connection, timer: IDelayedCall, ending: Ending) -> None:
        _cancel(timer)
        lost(life, connection, ending)

    @closing.upon(ILife.disconnected).to(closed)
    def disconnected(life: ILife, connection: Connection, timer: IDelayedCall, ending: Ending) -> None:
        _cancel(timer)
        connection.go()

    @closed.upon(ILife.close).loop()
    def already_closed(life: ILife, connection: Connection) -> None:
        connection.release()

    # What had been begun when the connection ended, or had begun to end.
    for state in (draining, unbinding, closing):
        state.upon(ILife.close, nodata=True).loop().returns(None)
    unbinding.upon(ILife.unbind, nodata=True).loop().returns(None)
    closing.upon(ILife.unbind, nodata=True).loop().returns(None)
    closing.upon(ILife.end, nodata=True).loop().returns(None)
    closed.upon(ILife.unbind).loop().returns(None)
    closed.upon(ILife.end).loop().returns(None)

    return machine.build()


new_life = _machine()
"""A connection's machine, in its first state."""
