"""The portal as a long work inside the daemon asks it: in no hurry, and none but the one that it was begun with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..bitrix24.addresses import same_portal
from ..errors import GatewayError
from ..interfaces import IPortal

T = TypeVar("T")

# Which part of the time such a work has the portal busy. Bitrix24 blocks a method that takes more than 480 s in ten
# minutes, and a batch counts as one too: statuses and questions for consent would wait with it.
_SHARE = 0.5
# A request that took longer was waiting for something, and there is nothing to rest from.
_LONGEST_REST = 30.0


class AnotherPortal(GatewayError):
    """The application has been installed in another portal since."""


class JobPortal:
    """See `IPortal`; for one request at a time, after which it rests."""

    def __init__(
        self, clock: IReactorTime, portal: IPortal, expected: str, installed: Callable[[], str | None]
    ) -> None:
        """`expected` is the portal's host, `installed` the one that has the application now, None when none has."""
        self._clock = clock
        self._portal = portal
        self._expected = expected
        self._installed = installed
        self._rests_until = 0.0
        self._rest: Deferred[None] | None = None
        self._hurries = False

    async def call(self, method: str, parameters: Mapping[str, Any]) -> Any:
        """See `IPortal`; raises `AnotherPortal` too."""
        return await self._in_no_hurry(lambda: self._portal.call(method, parameters))

    async def batch(
        self, commands: Mapping[str, tuple[str, Mapping[str, Any]]], *, paid: bool = False
    ) -> dict[str, Any]:
        """See `IPortal`; raises `AnotherPortal` too."""
        return await self._in_no_hurry(lambda: self._portal.batch(commands, paid=paid))

    def hurry(self) -> None:
        """Rest no more: the work is to end soon."""
        self._hurries = True
        if self._rest is not None:
            self._rest.callback(None)

    async def _in_no_hurry(self, ask: Callable[[], Awaitable[T]]) -> T:
        await self._rested()
        installed = self._installed()
        if installed is not None and not same_portal(installed, self._expected):
            raise AnotherPortal(f"this was begun for {self._expected}, and the application is in {installed} now")
        begun = self._clock.seconds()
        try:
            return await ask()
        finally:
            now = self._clock.seconds()
            self._rests_until = now + min(_LONGEST_REST, (now - begun) * (1 / _SHARE - 1))

    async def _rested(self) -> None:
        left = self._rests_until - self._clock.seconds()
        if left <= 0 or self._hurries:
            return
        self._rest = Deferred()
        alarm = self._clock.callLater(left, self._rest.callback, None)
        try:
            await self._rest
        finally:
            self._rest = None
            if alarm.active():
                alarm.cancel()
