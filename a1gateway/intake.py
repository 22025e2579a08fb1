"""Taking in: what somebody hands over is on disk, in the journal or in the spool, before anything is answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
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
        self._patience = _Patience(clock, _PATIENCE)
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
            acceptance = await self._patience.within(self._journal.accept(arrival))
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
            await self._patience.within(Deferred.fromCoroutine(self._receipts.settle([report])))
        except JournalUnavailable:
            await self._spool.keep_status(report)
            self._metrics.spooled.inc()
            self._on_spooled()

    def _count(self, arrival: Arrival) -> None:
        self._metrics.count(self._metrics.accepted, arrival.kind)
        if arrival.refusal is not None:
            self._metrics.count(self._metrics.rejected, arrival.refusal)
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
        now = self._clock.seconds()
        for name, entry in entries:
            # A clock that was set back since would let it wait until its time has come again.
            if isinstance(entry, Arrival):
                await self._journal.accept(replace(entry, received_at=min(entry.received_at, now)))
            else:
                await self._receipts.settle([replace(entry, at=min(entry.at, now))])
            # In the journal first: a crash between the two is a repetition, which changes nothing.
            await self._spool.remove([name])
        self._on_message()
        self._on_refusal()
        return 0.0


class _Patience:
    """How long the journal is waited for. All wait equally long, so one timer does for all of them."""

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._waiting: deque[tuple[float, Deferred[Any]]] = deque()
        self._timer: IDelayedCall | None = None

    def within(self, working: Deferred[T]) -> Deferred[T]:
        """As `working`, but `JournalUnavailable` when that takes longer; it goes on all the same without harm."""
        if working.called:
            return working
        answer: Deferred[T] = Deferred()
        self._waiting.append((self._clock.seconds() + self._seconds, answer))
        if self._timer is None:
            self._timer = self._clock.callLater(self._seconds, self._look)

        def done(result: T | Failure) -> None:
            if not answer.called:
                answer.callback(result)

        working.addBoth(done)
        return answer

    def _look(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        while self._waiting and (self._waiting[0][1].called or self._waiting[0][0] <= now):
            _, answer = self._waiting.popleft()
            if not answer.called:
                answer.errback(JournalUnavailable(f"the journal has not answered within {self._seconds:g} seconds"))
        if self._waiting and self._timer is None:
            self._timer = self._clock.callLater(self._waiting[0][0] - now, self._look)
