"""Counting what has happened to messages into the statistics, beside the sending."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from .due_loop import DueLoop
from .journal import Journal, statistics
from .journal.reader import IReader

AT_ONCE = 2000
"""Records of the history that are counted together: the journal's thread is busy with them for some milliseconds."""
LOOK_EVERY = 15.0
"""Seconds between two looks when all is counted."""
# While there is more, as after an upgrade: the rest of the time is for messages.
_LEFT_TO_OTHERS = 3
_LEAST_PAUSE = 0.02


class Counting(DueLoop):
    """Counts piece by piece until all is counted, and then what has come since."""

    def __init__(self, clock: IReactorTime, journal: Journal, reader: IReader) -> None:
        super().__init__("statistics", clock, self._count)
        self._journal = journal
        self._reader = reader

    async def _count(self) -> float:
        begun = self._clock.seconds()
        batch = await self._reader.read(statistics.uncounted, AT_ONCE)
        if batch is None:
            return LOOK_EVERY
        await self._journal.within(statistics.add, batch)
        if not batch.more:
            return LOOK_EVERY
        return max(_LEAST_PAUSE, (self._clock.seconds() - begun) * _LEFT_TO_OTHERS)
