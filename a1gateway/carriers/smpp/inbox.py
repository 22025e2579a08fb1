"""What A1 delivers over the link: receipts and subscribers' messages, on disk before they are answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ...journal import Journal
from ...message import Received, Source, StatusReport
from ...metrics import Metrics
from ...msisdn import masked
from .deliveries import Receipt, SubscriberPart, read_delivery
from .pdu import CommandStatus, Pdu


class Inbox:
    """Takes every deliver_sm and data_sm, and says what to answer."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        metrics: Metrics,
        *,
        take_status: Callable[[StatusReport], Awaitable[None]],
        on_choice: Callable[[Received], None] = lambda received: None,
    ) -> None:
        """`take_status` puts a status on disk and applies it; raises `TryLater` when nothing can hold it.

        `on_choice` hears of messages that opt out of marketing, or in again.
        """
        self._clock = clock
        self._journal = journal
        self._metrics = metrics
        self._take_status = take_status
        self._on_choice = on_choice

    async def take(self, pdu: Pdu) -> CommandStatus:
        """OK once what came is on disk; raises `TryLater` when it cannot be kept now and has to come again."""
        delivery = read_delivery(pdu, self._clock.seconds())
        if isinstance(delivery, Receipt):
            await self._take_status(_report(delivery))
        else:
            await self._take_message(delivery)
        return CommandStatus.OK

    async def _take_message(self, part: SubscriberPart) -> None:
        received = await self._journal.take_incoming(part)
        if received is not None:
            self.announce(received)

    def announce(self, received: Received) -> None:
        """This message is in the journal now."""
        message = received.message
        self._metrics.incoming.inc()
        self._log.info(
            "a subscriber's message from {number} is kept ({received} of {parts} parts)",
            number=masked(message.source),
            received=message.parts_received,
            parts=message.parts,
        )
        if received.choice is not None:
            self._on_choice(received)


def _report(receipt: Receipt) -> StatusReport:
    return StatusReport(
        identifier=receipt.identifier or "",
        word=receipt.word,
        status=receipt.status,
        source=Source.RECEIPT,
        at=receipt.at,
        note=f"err:{receipt.error}" if receipt.error.strip("0") else "",
        number=receipt.number,
        reference=receipt.reference,
    )
