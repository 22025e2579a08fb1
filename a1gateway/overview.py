"""How the daemon is and what it is doing, for `a1gateway status`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as WaitedTooLong
from twisted.internet.interfaces import IReactorTime

from . import __version__
from .checklist.findings import Check
from .control.checklist import written_checks
from .errors import JournalUnavailable
from .journal.overview import Overview, overview
from .journal.reader import IReader
from .recent_log import RecentLog

_PATIENCE = 10.0


class IChecklist(Protocol):
    """Whoever looks at everything."""

    async def checks(self) -> list[Check]:
        """Everything, each subject once."""


class ISpool(Protocol):
    """Where messages wait while the journal takes none."""

    def depth(self) -> Deferred[tuple[int, float | None]]:
        """How many entries wait, and the time of the oldest (None: none waits)."""


class ISpace(Protocol):
    """The free space where messages are kept."""

    @property
    def free(self) -> Mapping[str, int]:
        """Octets, by what is kept there; empty until the first look."""


class DaemonOverview:
    """Knows of the whole daemon."""

    def __init__(
        self,
        clock: IReactorTime,
        reader: IReader,
        spool: ISpool,
        space: ISpace,
        checklist: IChecklist,
        recent_log: RecentLog,
        *,
        transport: str,
        link: Callable[[], dict[str, Any]] | None,
    ) -> None:
        """`link` says how the lasting link to A1 is, where there is one. The daemon has begun now."""
        self._clock = clock
        self._reader = reader
        self._spool = spool
        self._space = space
        self._checklist = checklist
        self._recent_log = recent_log
        self._transport = transport
        self._link = link
        self._began_at = clock.seconds()

    async def told(self, given: dict[str, Any]) -> Any:
        """Everything, as JSON; an operation of the control socket. Times are in seconds since the epoch."""
        del given
        now = self._clock.seconds()
        count, oldest = await self._spool.depth()
        return {
            "version": __version__,
            "process": os.getpid(),
            "began_at": self._began_at,
            "now": now,
            "transport": self._transport,
            "link": None if self._link is None else self._link(),
            "checks": written_checks(await self._checklist.checks()),
            "journal": await self._journal(now),
            "spool": {"count": count, "oldest": oldest},
            "free": dict(self._space.free),
            "log": [asdict(each) for each in self._recent_log.warnings],
        }

    async def _journal(self, now: float) -> dict[str, Any] | None:
        try:
            return written_overview(await self._reader.read(overview, now).addTimeout(_PATIENCE, self._clock))
        except (JournalUnavailable, WaitedTooLong):
            return None


def written_overview(found: Overview) -> dict[str, Any]:
    """What the journal knows, as JSON."""
    today = asdict(found.today) | {"under_way": found.today.under_way, "complete": found.is_complete}
    queues = {name: asdict(depth) for name, depth in found.queues.items()}
    return {"today": today, "queues": queues, "paused": [asdict(each) for each in found.paused]}
