"""Taking in: what somebody hands over is on disk, in the journal or in the spool, before anything is answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from .due_loop import DueLoop
from .errors import JournalUnavailable, NothingCanHold
from .journal import Journal, Spool
from .message import Acceptance, Arrival, StatusReport
from .metrics import Metrics
from .receipts import Receipts

T = TypeVar("T")

# Bitrix24 is waiting for its answer: a journal that takes longer than this, in seconds, counts as away.
_PATIENCE = 2.5
_IDLE = 60.0


class Intake:
    """The door for messages and for statuses from outside."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        spool: Spool,
        receipts: Receipts,
        metrics: Metrics,
        *,
        on_message: Callable[[], None],
        on_refusal: Callable[[], None],
        on_spooled: Callable[[], None],
    ) -> None:
        """The callables wake whoever goes on with what was taken in."""
        self._clock = clock
        self._journal = journal
        self._spool = spool
        self._receipts = receipts
        self._metrics = metrics
        self._on_message = on_message
        self._on_refusal = on_refusal
        self._on_spooled = on_spooled

    async def take_message(self, arrival: Arrival) -> Acceptance:
        """Put a message on disk and say what to answer; raises `NothingCanHold`, and then it is nowhere."""
        try:
            acceptance = await _within(_PATIENCE, self._clock, self._journal.accept(arrival))
        except JournalUnavailable as trouble:
            self._log.error("the journal takes no message, the spool must: {trouble}", trouble=str(trouble))
            try:
                acceptance = await self._spool.keep_message(arrival)
            except NothingCanHold as nowhere:
                self._metrics.turned_away.inc()
                self._log.critical(
                    "message {message_id} is LOST: neither journal nor spool can hold it: {trouble}; {nowhere}",
                    message_id=arrival.message_id,
                    trouble=str(trouble),
                    nowhere=str(nowhere),
                )
                raise
            self._metrics.spooled.inc()
            self._on_spooled()
        if not acceptance.repeated:
            self._count(arrival)
        if acceptance.refusal is None:
            self._on_message()
        else:
            self._on_refusal()
        return acceptance

    async def take_status(self, report: StatusReport) -> None:
        """Put a status on disk and apply it; raises `NothingCanHold`."""
        try:
            await _within(_PATIENCE, self._clock, Deferred.fromCoroutine(self._receipts.settle([report])))
        except JournalUnavailable:
            await self._spool.keep_status(report)
            self._metrics.spooled.inc()
            self._on_spooled()

    def _count(self, arrival: Arrival) -> None:
        self._metrics.accepted.labels(str(arrival.kind)).inc()
        if arrival.refusal is not None:
            self._metrics.rejected.labels(arrival.refusal).inc()
        self._log.info(
            "message {message_id}: taken in ({verdict})",
            message_id=arrival.message_id,
            verdict=arrival.refusal or "queued",
            kind=str(arrival.kind),
            segments=arrival.segments,
            warning=arrival.warning,
        )


class SpoolDrain(DueLoop):
    """Takes what waits in the spool into the journal once that is back."""

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        spool: Spool,
        receipts: Receipts,
        *,
        on_message: Callable[[], None],
        on_refusal: Callable[[], None],
    ) -> None:
        super().__init__("spool", clock, self._drain)
        self._journal = journal
        self._spool = spool
        self._receipts = receipts
        self._on_message = on_message
        self._on_refusal = on_refusal

    async def _drain(self) -> float:
        entries = await self._spool.entries()
        if not entries:
            return _IDLE
        for name, entry in entries:
            if isinstance(entry, Arrival):
                await self._journal.accept(entry)
            else:
                await self._receipts.settle([entry])
            # In the journal first: a crash between the two is a repetition, which changes nothing.
            await self._spool.remove([name])
        self._on_message()
        self._on_refusal()
        return 0.0


def _within(seconds: float, clock: IReactorTime, working: Deferred[T]) -> Deferred[T]:
    """As `working`, but `JournalUnavailable` when that takes longer; it goes on all the same, which does no harm."""
    answer: Deferred[T] = Deferred()

    def late() -> None:
        answer.errback(JournalUnavailable(f"the journal has not answered within {seconds:g} seconds"))

    def done(result: T | Failure) -> None:
        if timer.active():
            timer.cancel()
            answer.callback(result)

    timer = clock.callLater(seconds, late)
    working.addBoth(done)
    return answer
