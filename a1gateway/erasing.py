"""Erasing what the journal has of a number, for a person who asks: at once what is over, and the rest once it is."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from .counting import AT_ONCE
from .due_loop import DueLoop
from .journal import Journal, statistics
from .journal import erasures as in_journal
from .journal.erasures import DELETED, LOOKS, MENTIONS, MESSAGES, RUNS, Erasure
from .journal.reader import IReader
from .journal.spool import OffThread
from .metrics import Metrics

LOOK_EVERY = 60.0
"""Seconds between two looks at erasures of which something is left."""
_IDLE = 3600.0
# In one transaction.
_AT_ONCE = 50
# Records of the history; after an upgrade there may be millions.
_MOST_COUNTED = 20_000


class ISpool(Protocol):
    """Where what is not in the journal yet waits."""

    def depth(self) -> Deferred[tuple[int, float | None]]:
        """How many entries wait, and since when the oldest does."""


@dataclass(frozen=True, slots=True)
class Left:
    """What cannot be erased yet, and will be by itself."""

    messages: int
    """Under way, or Bitrix24 has not confirmed them, or the statistics have not counted them."""
    runs: int
    """Runs of automation rules that are not over."""
    choices: int
    """Choices that Bitrix24 has still to be told of."""
    spool: int
    """Entries of the spool, whosever they are."""

    def __bool__(self) -> bool:
        return bool(self.messages or self.runs or self.choices or self.spool)


@dataclass(frozen=True, slots=True)
class Held:
    """What the journal has of a number."""

    counts: Mapping[str, int]
    """By place, where there is anything."""
    under_way: int
    """How many of the messages are not over, or not told."""
    stopped: bool
    """Whether it is on the stop list."""
    choices: int
    evidence: int
    copies: Sequence[str]
    """Files beside the journal that may have it too: copies from before upgrades."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure has come to."""

    erasure: Erasure
    left: Left
    stopped: bool
    choices: int
    evidence: int
    copies: Sequence[str]
    is_tidy: bool
    """Whether nothing is left for certain in unused places of the file either."""


class Erasing(DueLoop):
    """Erases when somebody asks for it, and goes on with what could not be erased then."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        reader: IReader,
        spool: ISpool,
        off_thread: OffThread,
        metrics: Metrics,
        path: Path,
    ) -> None:
        """`path` is the journal's file; `off_thread` does what blocks."""
        super().__init__("erasing", clock, self._go_on)
        self._journal = journal
        self._reader = reader
        self._spool = spool
        self._off_thread = off_thread
        self._metrics = metrics
        self._path = path

    async def held(self, msisdn: str) -> Held:
        """What there is of a number; changes nothing."""
        values = in_journal.of_number(msisdn, self._clock.seconds())
        found = {place: await self._find(place, values) for place in LOOKS}
        rest = await self._reader.read(in_journal.rest, values)
        counts = {place: len(rows) for place, rows in found.items()}
        counts |= {"look_ups": rest.look_ups, "said": rest.said}
        return Held(
            {place: count for place, count in counts.items() if count},
            await self._reader.read(in_journal.under_way, found[MESSAGES]),
            rest.stopped,
            rest.choices,
            rest.evidence,
            await self._copies(),
        )

    async def erase(self, msisdn: str, by: str, *, with_evidence: bool) -> Erased:
        """Erase what there is, by the word of `by`; what is under way follows once it is over.

        Of what comes later nothing is erased. The evidence of consents and the choices stay, unless it is asked for
        `with_evidence`; the number's place on the stop list stays in any case.
        """
        now = self._clock.seconds()
        erasure = await self._journal.within(in_journal.begin, msisdn, by, now, with_evidence)
        values = in_journal.values_of(erasure)
        left = await self._erase(erasure)
        rest = await self._reader.read(in_journal.rest, values)
        is_tidy = await self._journal.tidy()
        self.wake()
        done = await self._reader.read(in_journal.one, erasure.id)
        self._tell(done, left)
        return Erased(done, left, rest.stopped, rest.choices, rest.evidence, await self._copies(), is_tidy)

    def latest(self, most: int = 50) -> Awaitable[list[Erasure]]:
        """The records of erasures, newest first."""
        return self._reader.read(in_journal.latest, most)

    async def _go_on(self) -> float:
        waiting = await self._reader.read(in_journal.pending)
        open_ones = len(waiting)
        for erasure in waiting:
            left = await self._erase(erasure)
            if not left:
                open_ones -= 1
                await self._journal.tidy()
                self._tell(await self._reader.read(in_journal.one, erasure.id), left)
        self._metrics.erasures_pending.set(open_ones)
        return LOOK_EVERY if open_ones else _IDLE

    async def _erase(self, erasure: Erasure) -> Left:
        """Take away what can be, piece by piece; what cannot be yet."""
        values, now = in_journal.values_of(erasure), self._clock.seconds()
        await self._count_the_latest()
        of_rows = {
            MESSAGES: in_journal.erase_messages,
            MENTIONS: in_journal.hide_mentions,
            RUNS: in_journal.erase_runs,
        }
        open_ones = {}
        # Before a run is emptied its reminders are cancelled, which may end it.
        for place, take in of_rows.items():
            rows = await self._find(place, values)
            for piece in _pieces(rows):
                await self._journal.within(take, erasure, piece, now)
            open_ones[place] = rows
        for place in DELETED:
            for piece in _pieces(await self._find(place, values)):
                await self._journal.within(in_journal.delete_rows, erasure, place, piece)
        await self._journal.within(in_journal.erase_rest, erasure)
        rest = await self._reader.read(in_journal.rest, values)
        spooled, _ = await self._spool.depth()
        left = Left(
            len(await self._find(MESSAGES, values)) + len(await self._find(MENTIONS, values)),
            await self._reader.read(in_journal.not_over, open_ones[RUNS]),
            rest.choices_to_tell if erasure.with_evidence else 0,
            spooled,
        )
        if not left:
            await self._journal.within(in_journal.end, erasure.id, now)
        return left

    async def _count_the_latest(self) -> None:
        """What is over is to be counted, or it could not be masked; `Counting` comes by later, or not at all."""
        for _ in range(_MOST_COUNTED // AT_ONCE):
            batch = await self._reader.read(statistics.uncounted, AT_ONCE)
            if batch is None:
                return
            await self._journal.within(statistics.add, batch)

    async def _find(self, place: str, values: Mapping[str, Any]) -> list[int]:
        found: list[int] = []
        after: int | None = 0
        while after is not None:
            rows, after = await self._reader.read(LOOKS[place], after, values)
            found += rows
        return found

    def _copies(self) -> Awaitable[list[str]]:
        def look() -> list[str]:
            return sorted(path.name for path in self._path.parent.glob(f"{self._path.name}.before-*"))

        return self._off_thread(look)

    def _tell(self, erasure: Erasure, left: Left) -> None:
        counts = ", ".join(f"{place} {count}" for place, count in sorted(erasure.counts.items())) or "nothing"
        waits = ", ".join(f"{name} {count}" for name, count in asdict(left).items() if count)
        self._log.info(
            "erasure {id}, asked for by {by}: {counts}{left}",
            id=erasure.id,
            by=erasure.asked_by,
            counts=counts,
            left=f"; still to be erased: {waits}" if waits else "; done",
        )


def _pieces(rows: Sequence[int]) -> list[Sequence[int]]:
    return [rows[first : first + _AT_ONCE] for first in range(0, len(rows), _AT_ONCE)]
