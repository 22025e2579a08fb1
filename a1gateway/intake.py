"""Taking in: what somebody hands over is on disk, in the journal or in the spool, before anything is answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from .due_loop import DueLoop
from .errors import JournalUnavailable, NothingCanHold
from .journal import Journal, Spool, runs
from .journal.runs import RunCall
from .journal.spool import Entry
from .message import Acceptance, Arrival, Kind, StatusReport
from .metrics import Metrics
from .receipts import Receipts

T = TypeVar("T")

# Bitrix24 is waiting for its answer: a journal that takes longer than this, in seconds, counts as away.
_PATIENCE = 2.5
_IDLE = 60.0
A_CROWD = 5
"""So many messages being taken in at the same time are a flood."""
# In seconds: they come, and are on disk, in groups.
_A_CROWD_LASTS = 0.25


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
        on_marketing: Callable[[], None] = lambda: None,
        on_unfilled: Callable[[], None] = lambda: None,
        on_run: Callable[[], None] = lambda: None,
        on_lost: Callable[[], None] = lambda: None,
        check_space: Callable[[], None] = lambda: None,
    ) -> None:
        """The callables wake whoever goes on with what was taken in; `on_lost` is called for what nothing could hold.

        `check_space` raises `NothingCanHold` when there is too little for messages. Statuses are taken all the same:
        they need little, and bring messages to their end.
        """
        self._clock = clock
        self._patience = _Patience(clock, _PATIENCE)
        self._journal = journal
        self._spool = spool
        self._receipts = receipts
        self._metrics = metrics
        self._on_message = on_message
        self._on_refusal = on_refusal
        self._on_spooled = on_spooled
        self._on_marketing = on_marketing
        self._on_unfilled = on_unfilled
        self._on_run = on_run
        self._on_lost = on_lost
        self._check_space = check_space
        self._taking = 0
        self._crowded_until = 0.0

    @property
    def crowded(self) -> bool:
        """Whether many messages are being taken in, or were a moment ago."""
        return self._clock.seconds() < self._crowded_until

    async def take_message(self, arrival: Arrival) -> Acceptance:
        """Put a message on disk and say what to answer; raises `NothingCanHold`, and then it is nowhere."""
        self._taking += 1
        if self._taking >= A_CROWD:
            self._crowded_until = self._clock.seconds() + _A_CROWD_LASTS
        try:
            return await self._take_message(arrival)
        finally:
            self._taking -= 1

    async def _take_message(self, arrival: Arrival) -> Acceptance:
        try:
            self._check_space()
        except NothingCanHold as full:
            self._turn_away(arrival, str(full))
            raise
        try:
            acceptance = await self._patience.within(self._journal.accept(arrival))
        except JournalUnavailable as trouble:
            self._log.error("the journal takes no message, the spool must: {trouble}", trouble=str(trouble))
            try:
                acceptance = await self._spool.keep_message(arrival)
            except NothingCanHold as nowhere:
                self._turn_away(arrival, f"{trouble}; {nowhere}")
                raise
            self._metrics.spooled.inc()
            self._on_spooled()
        self.taken(arrival, acceptance)
        return acceptance

    def taken(self, arrival: Arrival, acceptance: Acceptance) -> None:
        """A message is in the journal: it is counted, and whoever goes on with it is woken."""
        if not acceptance.repeated:
            self._count(arrival, acceptance.refusal)
        if acceptance.refusal is not None:
            self._on_refusal()
        elif arrival.unfilled:
            self._on_unfilled()
        elif arrival.kind is Kind.MARKETING:
            self._on_marketing()
        else:
            self._on_message()

    async def take_run(self, call: RunCall) -> None:
        """Put the run of an automation rule on disk, once; raises `NothingCanHold`, and then it is nowhere."""
        try:
            self._check_space()
            repeated = await self._patience.within(self._journal.within(runs.take, call))
        except NothingCanHold as full:
            self._run_is_lost(call, str(full))
            raise
        except JournalUnavailable as trouble:
            self._log.error("the journal takes no run, the spool must: {trouble}", trouble=str(trouble))
            try:
                await self._spool.keep_run(call)
            except NothingCanHold as nowhere:
                self._run_is_lost(call, f"{trouble}; {nowhere}")
                raise
            self._metrics.spooled.inc()
            self._on_spooled()
            return
        if not repeated:
            self._log.info("a run of {code} is taken in", code=call.code)
        self._on_run()

    async def take_status(self, report: StatusReport) -> None:
        """Put a status on disk and apply it; raises `NothingCanHold`."""
        try:
            await self._patience.within(Deferred.fromCoroutine(self._receipts.settle([report])))
        except JournalUnavailable:
            await self._spool.keep_status(report)
            self._metrics.spooled.inc()
            self._on_spooled()

    def _turn_away(self, arrival: Arrival, why: str) -> None:
        self._metrics.turned_away.inc()
        self._on_lost()
        self._log.critical(
            "message {message_id} is LOST: neither journal nor spool can hold it: {why}",
            message_id=arrival.message_id,
            why=why,
        )

    def _run_is_lost(self, call: RunCall, why: str) -> None:
        self._metrics.turned_away.inc()
        self._on_lost()
        self._log.critical(
            "a run of {code} is LOST, and its workflow waits in vain: neither journal nor spool can hold it: {why}",
            code=call.code,
            why=why,
        )

    def _count(self, arrival: Arrival, refusal: str | None) -> None:
        self._metrics.count(self._metrics.accepted, arrival.kind)
        if refusal is not None:
            self._metrics.count(self._metrics.rejected, refusal)
        self._log.info(
            "message {message_id}: taken in ({verdict}, {kind})",
            message_id=arrival.message_id,
            verdict=refusal or "queued",
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
        on_run: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__("spool", clock, self._drain)
        self._journal = journal
        self._spool = spool
        self._receipts = receipts
        self._on_message = on_message
        self._on_refusal = on_refusal
        self._on_run = on_run

    async def _drain(self) -> float:
        entries = await self._spool.entries()
        if not entries:
            return _IDLE
        now = self._clock.seconds()
        taken: list[Any] = await DeferredList([self._take(entry, now) for _, entry in entries], consumeErrors=True)
        # In the journal first: a crash between the two is a repetition, which changes nothing.
        await self._spool.remove([name for (name, _), (good, _) in zip(entries, taken, strict=True) if good])
        self._on_message()
        self._on_refusal()
        if any(isinstance(entry, RunCall) for _, entry in entries):
            self._on_run()
        for good, failure in taken:
            if not good:
                failure.raiseException()
        return 0.0

    def _take(self, entry: Entry, now: float) -> Deferred[Any]:
        # A clock that was set back since would let it wait until its time has come again.
        if isinstance(entry, Arrival):
            return self._journal.accept(replace(entry, received_at=min(entry.received_at, now)))
        if isinstance(entry, RunCall):
            return self._journal.within(runs.take, replace(entry, received_at=min(entry.received_at, now)))
        return Deferred.fromCoroutine(self._receipts.settle([replace(entry, at=min(entry.at, now))]))


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
