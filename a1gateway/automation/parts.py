"""What the services of automation are made with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from ..admission import Admission
from ..bitrix24.backoff import Backoff
from ..bitrix24.tokens import Tokens
from ..hours import OpenHours
from ..intake import Intake
from ..interfaces import IPortal
from ..journal import Journal
from ..receipts import Receipts
from .documents import DocumentReader
from .scenarios import Scenarios


@dataclass(frozen=True)
class Parts:
    """All of it; times in seconds."""

    clock: IReactorTime
    wall: Callable[[], float]
    """What the server's own clock says, in seconds since the epoch: for what happens at a time that people know."""
    random: Callable[[], float]
    journal: Journal
    portal: IPortal
    tokens: Tokens
    intake: Intake
    receipts: Receipts
    admission: Admission
    reader: DocumentReader
    scenarios: Scenarios
    grace: float
    """How late something of an automation rule may go out."""
    hours: OpenHours
    """When reminders of automation rules go out that are not urgent."""
    a1_rests: Callable[[], float] = lambda: 0.0
    """Seconds until A1 should be tried again; 0 when it may be now."""

    def backoff(self, first: float, longest: float) -> Backoff:
        """For a service that asks the portal; bounds of its pauses."""
        return Backoff(self.clock, first=first, longest=longest, random=self.random)
