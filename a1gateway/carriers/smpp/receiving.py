"""What the other side delivers (deliver_sm, data_sm), until each has its answer (SMPP 3.4, 4.6 and 4.7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from ...errors import TryLater
from .pdu import CommandStatus, Pdu, encode

MOST_AT_ONCE = 500
"""Deliveries that may be on their way to disk; with more nothing is read until half of them have their answers."""

OnDelivery = Callable[[Pdu], Awaitable[int]]
"""Writes a delivery down and says with which command status it is answered."""


class Receiving:
    """Hands each delivery to `on_delivery` and answers it when that is through, in whatever order they finish.

    What raises is answered so that the other side tries again.
    """

    _log = Logger()

    def __init__(
        self, on_delivery: OnDelivery, write: Callable[[bytes], None], on_flood: Callable[[bool], None]
    ) -> None:
        """`on_flood` is told True when there are too many at once, and False when there are few again."""
        self._on_delivery = on_delivery
        self._write = write
        self._on_flood = on_flood
        self._under_way = 0
        self._answering = True
        self._idle: list[Deferred[None]] = []
        self._trouble = ""
        self.flooded = False
        """Whether there are too many at once."""

    def take(self, delivery: Pdu) -> None:
        """A deliver_sm or a data_sm has come."""
        self._under_way += 1
        if self._under_way > MOST_AT_ONCE and not self.flooded:
            self._flood(True)
        Deferred.fromCoroutine(self._answer(delivery))

    def stop(self) -> None:
        """From now on nothing is answered: the connection has ended, and the other side will deliver again."""
        self._answering = False

    def idle(self) -> Deferred[None]:
        """Fires when every delivery has its answer."""
        if not self._under_way:
            return succeed(None)
        self._idle.append(Deferred())
        return self._idle[-1]

    async def _answer(self, delivery: Pdu) -> None:
        status = await self._status(delivery)
        if self._answering:
            # Both responses have an empty message_id and nothing else (SMPP 3.4, 4.6.2 and 4.7.2).
            self._write(encode(f"{delivery.command}_resp", sequence=delivery.sequence, status=status))
        self._under_way -= 1
        if self.flooded and self._answering and self._under_way <= MOST_AT_ONCE // 2:
            self._flood(False)
        if not self._under_way:
            idle, self._idle = self._idle, []
            for each in idle:
                each.callback(None)

    async def _status(self, delivery: Pdu) -> int:
        try:
            status = await self._on_delivery(delivery)
        except TryLater as trouble:
            # Once for a trouble, however many deliveries it meets.
            if str(trouble) != self._trouble:
                self._trouble = str(trouble)
                self._log.warn(
                    "{command} has to come again: {trouble}", command=delivery.command, trouble=str(trouble)
                )
        except Exception:
            self._log.failure("{command} has to come again; this is a fault of the gateway", command=delivery.command)
        else:
            self._trouble = ""
            return status
        return CommandStatus.TEMPORARY

    def _flood(self, flooded: bool) -> None:
        self.flooded = flooded
        self._on_flood(flooded)
