"""What becomes of a part after the simulated SMSC has accepted it: its statuses, and the receipts about them."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime

from a1gateway.sandbox.a1_books import ON_ITS_WAY, UNKNOWN_WORD, Code, Outcome
from a1gateway.sandbox.faults import A1Fault, Fault, SmppFault
from a1gateway.sandbox.settings import A1Settings, Adjustable, ReceiptsFor
from a1gateway.sandbox.smsc_books import AcceptedPart, SmppBooks, SmppMessage
from a1gateway.sandbox.smsc_deliveries import Kind, Outbox
from a1gateway.sandbox.smsc_receipts import receipt
from a1gateway.sandbox.smsc_states import state_of
from a1gateway.sandbox.tasks import Tasks

# The faults that concern a part's life rather than the answer to its submit.
LIFE_FAULTS = (
    A1Fault.NO_DELIVERY,
    SmppFault.PART_UNDELIVERED,
    SmppFault.RECEIPT_EARLY,
    SmppFault.RECEIPT_DOUBLE,
    SmppFault.RECEIPT_REORDER,
    SmppFault.RECEIPT_LATE,
    SmppFault.RECEIPT_FOREIGN,
    SmppFault.NO_RECEIPT,
)

# How long after the final receipt a reordered notification comes.
_REORDER_PAUSE = 1.0

# registered_delivery (SMPP 3.4, 5.2.17).
_WHICH_FINAL = 0x03
_FAILURES_ONLY = 0x02
_INTERMEDIATE = 0x10

LifeFaults = Mapping[str, Fault]


class SmppLives:
    """Leads accepted parts through their statuses."""

    def __init__(
        self,
        clock: IReactorTime,
        books: SmppBooks,
        outbox: Outbox,
        settings: Adjustable[A1Settings],
        tasks: Tasks,
    ) -> None:
        self._clock = clock
        self._books = books
        self._outbox = outbox
        self._settings = settings
        self._tasks = tasks

    def begin(self, part: AcceptedPart, message: SmppMessage, faults: LifeFaults) -> None:
        """Starts a part's life; with `RECEIPT_EARLY` it ends, final receipt sent, before this returns."""
        if A1Fault.NO_DELIVERY in faults:
            part.outcome = Outcome.NEVER_ENDS
        elif SmppFault.PART_UNDELIVERED in faults:
            part.outcome = Outcome.UNDELIVERABLE
        if SmppFault.RECEIPT_EARLY not in faults:
            self._tasks.start(self._live(part, message, faults))
            return
        for code in part.outcome.value:
            self._enter(part, message, code)
        self._final_receipt(part, message, faults)

    async def _live(self, part: AcceptedPart, message: SmppMessage, faults: LifeFaults) -> None:
        settings = self._settings.now
        first, *final = part.outcome.value
        await self._tasks.pause(settings.enroute_delay)
        self._enter(part, message, first)
        if not final or SmppFault.RECEIPT_REORDER not in faults:
            self._notification(part, message, first, faults)
        await self._tasks.pause(settings.final_delay - settings.enroute_delay)
        for code in final:
            self._enter(part, message, code)
            if SmppFault.RECEIPT_LATE in faults:
                await self._tasks.pause(faults[SmppFault.RECEIPT_LATE].seconds)
            self._final_receipt(part, message, faults)
        if final and SmppFault.RECEIPT_REORDER in faults:
            await self._tasks.pause(_REORDER_PAUSE)
            self._send(part, message, first, faults, kind=Kind.INTERMEDIATE)

    def put(self, part: AcceptedPart, message: SmppMessage, code: Code) -> None:
        """Gives a part any status, with its receipt; its life goes on all the same."""
        self._enter(part, message, code)
        on_its_way = state_of(code) == state_of(ON_ITS_WAY)
        self._send(part, message, code, {}, kind=Kind.INTERMEDIATE if on_its_way else Kind.RECEIPT)

    def _enter(self, part: AcceptedPart, message: SmppMessage, code: Code) -> None:
        message.enter(part, code, self._clock.seconds())

    def _notification(self, part: AcceptedPart, message: SmppMessage, code: Code, faults: LifeFaults) -> None:
        """Of a status that is not final: where it is wanted, and of the word that nobody knows with every receipt."""
        wanted = part.submitted.registered_delivery
        if code == UNKNOWN_WORD and wanted & _WHICH_FINAL:
            self._send(part, message, code, faults)
        elif self._settings.now.smpp_intermediate or wanted & _INTERMEDIATE:
            self._send(part, message, code, faults, kind=Kind.INTERMEDIATE)

    def _final_receipt(self, part: AcceptedPart, message: SmppMessage, faults: LifeFaults) -> None:
        wanted = part.submitted.registered_delivery & _WHICH_FINAL
        told = self._told(part, message)
        if told is None or not wanted or (wanted == _FAILURES_ONLY and state_of(told[1]).word == "DELIVRD"):
            return
        self._send(told[0], message, told[1], faults)
        if SmppFault.RECEIPT_FOREIGN in faults:
            self._send(told[0], message, told[1], {}, kind=Kind.FOREIGN)

    def _told(self, part: AcceptedPart, message: SmppMessage) -> tuple[AcceptedPart, Code] | None:
        """What the receipt names and says now that a status of `part` may be its last; None: there is to be none."""
        choice = self._settings.now.smpp_receipts_for
        if choice is ReceiptsFor.PARTS or message.total == 1:
            return (part, part.code) if part.final else None
        bearer = message.part(1 if choice is ReceiptsFor.FIRST else message.total)
        ends = {each.number for each in message.accepted if each.final}
        return (bearer, message.code) if bearer is not None and len(ends) == message.total else None

    def _send(
        self,
        part: AcceptedPart,
        message: SmppMessage,
        code: Code,
        faults: LifeFaults,
        *,
        kind: Kind = Kind.RECEIPT,
    ) -> None:
        if SmppFault.NO_RECEIPT in faults:
            return
        serial = self._books.new_id() if kind is Kind.FOREIGN else None
        for _ in range(2 if SmppFault.RECEIPT_DOUBLE in faults else 1):
            delivery = receipt(part, code, self._settings.now, self._clock.seconds(), kind=kind, serial=serial)
            message.receipts.append(delivery)
            if SmppFault.RECEIPT_EARLY in faults:
                self._outbox.put_at_once(delivery)
            else:
                self._outbox.put(delivery)
