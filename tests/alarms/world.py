"""The alarms with a real checklist and a real journal, and the simulated portal, on a clock of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.task import Clock

from a1gateway.alarms.alarm import Alarm
from a1gateway.alarms.standing import Patience
from a1gateway.alarms.telling import Letters
from a1gateway.alarms.watch import LOOK_EVERY, Alarms
from a1gateway.checklist.findings import Check
from a1gateway.journal import Journal, Store
from a1gateway.metrics import Metrics
from a1gateway.words.words import words

from ..conftest import run
from ..portal_in_memory import PortalInMemory
from ..test_checklist import Parts

PATIENCE = Patience(after=300.0, over_after=300.0)


class World:
    """What the checklist looks at, and what the portal's people are told."""

    def __init__(self, clock: Clock, journal: Journal, store: Store, folder: Path) -> None:
        self.clock, self.journal, self.store = clock, journal, store
        self.parts = Parts(clock, journal, store, folder)
        self.portal = PortalInMemory(clock)
        self.metrics = Metrics()
        self.polls = True
        self.service: Alarms | None = None

    async def checks(self, *, unhurried: bool) -> list[Check]:
        """What is found now."""
        return self.parts.checks(unhurried=unhurried)

    def configured_anew(self, **expected: Any) -> None:
        """The configuration is another one, and whatever looks has just started."""
        self.parts.expect(**expected)
        self.parts._whole = None

    def start(self, *, to: str | None = "1", language: str = "ru", without: tuple[str, ...] = ()) -> None:
        """The daemon starts."""
        self.service = Alarms(
            self.clock,
            self.journal,
            self,
            self.portal,
            self.metrics,
            to=to,
            letters=Letters(words(language), "sms.example.by"),
            patience=PATIENCE,
            without=without,
            random=lambda: 0.0,
        )
        self.service.startService()

    def stop(self) -> None:
        """The daemon stops."""
        assert self.service is not None
        run(self.service.stopService())

    def go_on(self, seconds: float) -> None:
        """Let time pass, look by look."""
        while seconds > 0:
            if self.polls:
                self.parts.polling.looked_at = self.clock.seconds()
            self.clock.pump([min(LOOK_EVERY, seconds), 0.0, 0.0])
            seconds -= LOOK_EVERY

    @property
    def told(self) -> list[str]:
        """What people were told, in order."""
        return [each.text for each in self.portal.sandbox.messenger.told]

    def gauge(self, alarm: Alarm) -> float | None:
        """`a1gateway_alarm` of an alarm."""
        return self.metrics.registry.get_sample_value("a1gateway_alarm", {"alarm": alarm.word})
