"""How many connections are let in at a time: a flood waits outside, and slows itself down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IProtocolFactory
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

MOST_CONNECTIONS = 500
"""Open at a time. Each has one request under way at the most, of which at most 100 kB are held in memory."""


class Door(WrappingFactory):
    """Accepts no more while so many are inside; the others stay in the kernel's queue, and none is refused."""

    noisy = False

    def __init__(
        self,
        factory: IProtocolFactory,
        most: int = MOST_CONNECTIONS,
        *,
        on_change: Callable[[bool], None] = lambda shut: None,
    ) -> None:
        """`on_change` is told whether it is shut, and so that somebody had better leave."""
        super().__init__(factory)
        self._most = most
        self._on_change = on_change
        self._port: Any = None
        self._shut = False

    def stands_at(self, port: Any) -> None:
        """The port that accepts, a reader of the reactor's; None: it accepts no longer, whatever leaves."""
        self._port = port

    def registerProtocol(self, p: ProtocolWrapper) -> None:
        """One comes in."""
        super().registerProtocol(p)
        self._look()

    def unregisterProtocol(self, p: ProtocolWrapper) -> None:
        """One leaves."""
        super().unregisterProtocol(p)
        self._look()

    def _look(self) -> None:
        shut = len(self.protocols) >= self._most
        if shut == self._shut or self._port is None:
            return
        self._shut = shut
        if shut:
            self._port.stopReading()
        else:
            self._port.startReading()
        self._on_change(shut)
