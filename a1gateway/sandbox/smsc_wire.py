"""How the simulated SMSC's octets go out: whole PDUs, octet by octet, or several PDUs at once."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from a1gateway.sandbox.settings import A1Settings, Adjustable, Cuts

_TOGETHER = 0.05  # seconds


class Transport(Protocol):
    """What is used of Twisted's transports."""

    def write(self, data: bytes) -> object: ...

    def loseConnection(self) -> object: ...

    def abortConnection(self) -> object: ...


class Wire:
    """Writes to a transport in the cuts of the setting; pauses between writes make them segments of their own."""

    def __init__(self, clock: IReactorTime, transport: Transport, settings: Adjustable[A1Settings]) -> None:
        self._clock = clock
        self._transport = transport
        self._settings = settings
        self._held = bytearray()
        self._next: IDelayedCall | None = None

    def write(self, octets: bytes) -> None:
        """Sends `octets`, behind what is held."""
        self._held += octets
        if self._next is not None:
            return
        if self._settings.now.smpp_cuts is Cuts.TOGETHER:
            self._next = self._clock.callLater(_TOGETHER, self._go_on)
        else:
            self._go_on()

    def close(self) -> None:
        """Ends the connection once everything has gone out."""
        self.stop()
        self._send(len(self._held))
        self._transport.loseConnection()

    def cut(self) -> None:
        """Ends the connection; what is held is lost."""
        self.stop()
        self._transport.abortConnection()

    def stop(self) -> None:
        """Sends nothing more by itself."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _go_on(self) -> None:
        self._next = None
        self._send(1 if self._settings.now.smpp_cuts is Cuts.OCTETS else len(self._held))
        if self._held:
            self._next = self._clock.callLater(0, self._go_on)

    def _send(self, length: int) -> None:
        self._transport.write(bytes(self._held[:length]))
        del self._held[:length]
