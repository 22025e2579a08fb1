"""The whole checklist."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.interfaces import IReactorTime

from ..errors import JournalUnavailable
from ..journal.heard import Heard, heard
from ..journal.overdue import Overdue, overdue
from ..journal.reader import IReader
from ..message import Source
from .a1_checks import A1Checks
from .findings import Check
from .portal_checks import PortalChecks
from .server_checks import ServerChecks


class Checklist:
    """Looks at everything when somebody wants to know."""

    def __init__(
        self,
        clock: IReactorTime,
        reader: IReader,
        portal: PortalChecks,
        a1: A1Checks,
        server: ServerChecks,
        *,
        heard_since_start: Callable[[], Mapping[Source, Heard]],
    ) -> None:
        """`heard_since_start` says when A1 was heard from since the daemon's start; the journal knows of before."""
        self._clock = clock
        self._reader = reader
        self._portal = portal
        self._a1 = a1
        self._server = server
        self._heard_since_start = heard_since_start
        self._heard_before: Mapping[Source, Heard] | None = None

    async def checks(self, *, ask: bool = False, unhurried: bool = False) -> list[Check]:
        """Everything, in the order of `findings.Subject`; `ask` the portal first, and wait for its answer.

        `unhurried`: nobody waits for it to become good, and so nobody outside is asked more often for it.
        """
        portal = await self._portal.asked() if ask else list(self._portal.checks(unhurried=unhurried))
        late = await self._overdue()
        return [
            *portal,
            *self._a1.checks(self._heard(), unhurried=unhurried),
            *await self._server.checks(late),
        ]

    async def _overdue(self) -> list[Overdue] | None:
        try:
            if self._heard_before is None:
                self._heard_before = await self._reader.read(heard)
            return await self._reader.read(overdue, self._clock.seconds())
        except JournalUnavailable:
            return None

    def _heard(self) -> dict[Source, Heard]:
        since, before = self._heard_since_start(), self._heard_before or {}
        return {
            source: before.get(source, Heard()).and_then(since.get(source, Heard())) for source in {*since, *before}
        }
