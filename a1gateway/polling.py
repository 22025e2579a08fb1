"""Asking A1 about the silent ones: the backup for callbacks that never come, and the end of waiting."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from .carriers.outcome import Accepted, LinkTrouble
from .due_loop import DueLoop
from .gate import Gate
from .interfaces import ICarrier
from .journal import Journal
from .message import Source, StatusReport, Submission
from .receipts import Receipts

_AT_LEAST_EVERY = 3600.0
_EXPIRE_AT_ONCE = 500
# While there is more to ask for, asking takes a tenth of the time, and A1's limits are left to submits for the rest.
_LEFT_TO_OTHERS = 9
_LEAST_PAUSE = 1.0


class Polling(DueLoop):
    """Asks for the status of what has no final one, less often as a message gets old, until it gives up."""

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        carrier: ICarrier,
        gate: Gate,
        receipts: Receipts,
        *,
        interval: float,
        give_up_after: float,
        asks: bool = True,
    ) -> None:
        """Both times are in seconds; `asks`: whether A1 may be asked at all, or only waited for."""
        super().__init__("polling", clock, self._look)
        self._journal = journal
        self._carrier = carrier
        self._gate = gate
        self._receipts = receipts
        self._interval = interval
        self._give_up_after = give_up_after
        self._asks = asks
        self.looked_at: float | None = None
        """When it last looked whether there is anything to ask A1, in seconds since the epoch; None: not yet."""
        self.answered_at: float | None = None
        """When A1 last answered; None: not since the start."""

    async def _look(self) -> float:
        await self._expire()
        self.looked_at = self._clock.seconds()
        if self._gate.closed or not self._asks:
            return self._interval
        now = self._clock.seconds()
        claim = await self._journal.sent(now, self._carrier.batch_size)
        answered = bool(claim.submissions) and await self._ask(claim.submissions)
        if answered and len(claim.submissions) == self._carrier.batch_size:
            took = self._clock.seconds() - now
            return min(self._interval / 4, max(_LEAST_PAUSE, took * _LEFT_TO_OTHERS))
        if claim.next_due is None:
            return self._interval
        # Whoever becomes due meanwhile is asked for together: at most four requests in an interval, unless they are
        # full.
        return min(self._interval, max(self._interval / 4, claim.next_due - now))

    async def _ask(self, submissions: list[Submission]) -> bool:
        """Whether A1 answered."""
        answered = True
        try:
            standings = await self._carrier.statuses(submissions)
        except LinkTrouble as trouble:
            self._gate.doubtful(trouble)
            standings = {}
            answered = False
        else:
            self._gate.good()
            self.answered_at = self._clock.seconds()
        now = self._clock.seconds()
        reports = []
        for each in submissions:
            standing = standings.get(each.id)
            if standing is None:
                continue
            # The parts' identifiers are those of receipts.
            name = each.custom_id if each.parts else each.a1_id or each.custom_id
            reports.append(StatusReport(name, standing.word, standing.status, Source.POLL, now, standing.name))
            if each.a1_id is None and standing.a1_id is not None:
                # The answer to the submit did not name it; callbacks will.
                learnt = [(each, Accepted(standing.a1_id), now)]
                self._receipts.announce(await self._journal.record(learnt, now))
        again = {each.id: now + self.pause(now - each.received_at) for each in submissions}
        await self._receipts.settle(reports, again)
        return answered

    async def _expire(self) -> None:
        while True:
            now = self._clock.seconds()
            late = await self._journal.end_late(now, _EXPIRE_AT_ONCE)
            expired = await self._journal.expire(now - self._give_up_after, now, _EXPIRE_AT_ONCE)
            self._receipts.announce([*late, *expired])
            if max(len(late), len(expired)) < _EXPIRE_AT_ONCE:
                return

    def pause(self, age: float) -> float:
        """Seconds until a message of this age, in seconds, is asked for again."""
        return max(self._interval, min(age / 10, _AT_LEAST_EVERY))
