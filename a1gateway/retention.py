"""Personal data is kept for a limited time: every night, what is old loses its text and number, or goes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from .due_loop import DueLoop
from .hours import MINSK_AHEAD, told_in_minsk
from .journal import Journal
from .journal import retention as in_journal
from .journal.reader import IReader
from .journal.retention import AT_ONCE, KINDS, After, Kind, Place, State
from .metrics import Metrics

DAY = 86400.0
NIGHT = 3 * 3600.0
"""When a pass begins, in seconds since midnight in Minsk: few SMS go out then."""
NOTICE = 7 * DAY
"""Without a section [retention], nothing is taken away before an operator could have read that it will be."""
# When nothing was done for so long, in seconds, the server's clock may have jumped: the next night is early enough.
_LONG_PAUSE = 7 * DAY
# By how much the server's clock may be away from the steady one, in seconds.
_CLOCKS_APART = 3600.0
_LONGEST_SLEEP = 600.0
_WHILE_BUSY = 1.0
# The rest of the time is for messages.
_LEFT_TO_OTHERS = 3
_LEAST_PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class Periods:
    """After how many seconds what is done; None: never."""

    mask: float | None
    delete: float | None
    evidence: float | None

    def horizons(self, now: float) -> Mapping[After, float]:
        """What came before these moments is old; periods that never end are left out."""
        periods = {After.MASK: self.mask, After.DELETE: self.delete, After.EVIDENCE: self.evidence}
        return {after: now - period for after, period in periods.items() if period is not None}


def next_night(moment: float) -> float:
    """When the night after `moment` has come, both in seconds since the epoch."""
    since_midnight = (moment + MINSK_AHEAD) % DAY
    night = moment - since_midnight + NIGHT
    return night if night > moment else night + DAY


class Retention(DueLoop):
    """Goes through everything once a night, in small pieces between which messages have their turn.

    A pass that is cut off by a stop is begun anew at the start, and finds what is left. After each the file is
    tidied, for old pages stand in its log.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        reader: IReader,
        metrics: Metrics,
        periods: Periods,
        *,
        is_chosen: bool,
        busy: Callable[[], bool] = lambda: False,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`is_chosen`: the operator has written the periods down. `busy`: others need the journal now.

        `wall` is the server's own clock, in seconds since the epoch.
        """
        super().__init__("retention", clock, self._go_on)
        self._journal = journal
        self._reader = reader
        self._metrics = metrics
        self._periods = periods
        self._is_chosen = is_chosen
        self._busy = busy
        self._wall = wall
        self._pass: AsyncIterator[None] | None = None
        self._counts: Counter[str] = Counter()
        self._told_of: str = ""

    async def _go_on(self) -> float:
        begun = self._clock.seconds()
        if self._pass is None:
            pause = await self._until_due(begun)
            if pause > 0:
                return min(pause, _LONGEST_SLEEP)
            self._counts.clear()
            self._pass = self._through_everything(begun)
        if self._busy():
            return _WHILE_BUSY
        try:
            await anext(self._pass)
        except StopAsyncIteration:
            self._pass = None
            await self._end(begun)
        except BaseException:
            self._pass = None
            raise
        return max(_LEAST_PAUSE, (self._clock.seconds() - begun) * _LEFT_TO_OTHERS)

    async def _until_due(self, now: float) -> float:
        """Seconds until the next pass."""
        if not self._periods.horizons(now):
            return _LONGEST_SLEEP
        if abs(self._wall() - now) > _CLOCKS_APART:
            # The steady clock says so itself. Who knows which of them is right?
            return _LONGEST_SLEEP
        known = await self._reader.read(in_journal.state)
        if known is None:
            known = await self._first_time(now)
        elif not now - _LONG_PAUSE < known.passed_at < now + DAY:
            self._log.warn(
                "retention was last done at {at}, by the clock of then: it goes on at {next}",
                at=told_in_minsk(known.passed_at),
                next=told_in_minsk(next_night(now)),
            )
            known = State(min(known.begins_at, now + NOTICE), now)
            await self._journal.within(in_journal.keep_state, known)
        begins_at = 0.0 if self._is_chosen else known.begins_at
        self._tell_of(begins_at, now)
        return max(next_night(known.passed_at), begins_at) - now

    async def _first_time(self, now: float) -> State:
        is_there = await self._reader.read(in_journal.any_is_old, max(self._periods.horizons(now).values()))
        known = State(now + NOTICE if is_there else now, now)
        await self._journal.within(in_journal.keep_state, known)
        return known

    def _tell_of(self, begins_at: float, now: float) -> None:
        """Of what is going to be taken away without anybody having asked for it: once a start."""
        said = told_in_minsk(begins_at)
        if begins_at <= now or said == self._told_of:
            return
        self._told_of = said
        self._log.warn(
            "the journal has SMS that are older than retention.mask_after: from {at} on their texts and numbers are "
            "removed; write a section [retention] to choose for how long they are kept",
            at=said,
        )

    async def _through_everything(self, now: float) -> AsyncIterator[None]:
        horizons = self._periods.horizons(now)
        for kind in KINDS:
            before = horizons.get(kind.after)
            if before is not None:
                async for _ in self._through(kind, before, now):
                    yield

    async def _through(self, kind: Kind, before: float, now: float) -> AsyncIterator[None]:
        if kind.find is None:
            while await self._take(kind, (), before, now):
                yield
            return
        place: Place | None = Place()
        while place is not None:
            found = await self._reader.read(kind.find, before, place)
            yield
            for first in range(0, len(found.rows), AT_ONCE):
                await self._take(kind, found.rows[first : first + AT_ONCE], before, now)
                yield
            place = found.place

    async def _take(self, kind: Kind, rows: Sequence[int], before: float, now: float) -> int:
        count = await self._journal.within(kind.take, rows, before, now)
        if count:
            self._counts[kind.name] += count
            self._metrics.retention.labels(kind.name).inc(count)
        return count

    async def _end(self, begun: float) -> None:
        known = await self._reader.read(in_journal.state)
        begins_at = begun if known is None else known.begins_at
        await self._journal.within(in_journal.keep_state, State(begins_at, begun))
        self._metrics.retention_passed.set(begun)
        if not self._counts:
            return
        self._log.info(
            "retention: {counts}", counts=", ".join(f"{name} {count}" for name, count in self._counts.items())
        )
        await self._journal.tidy()
