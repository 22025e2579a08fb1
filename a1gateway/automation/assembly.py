"""Automation as a whole: its services, made and connected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.application.service import Service

from ..config_sections import Automation as Section
from . import calls
from .card_texts import CardTexts
from .events import read_event
from .look_ups import LookUps
from .missed_calls import events_of
from .parts import Parts
from .registration import AutomationRegistration
from .reminders import Reminders
from .robot_answers import RobotAnswers
from .robot_runs import RobotRuns
from .scenarios import CALL_END
from .sweep import Sweep


class Automation:
    """Automation rules, scenarios, reminders, and fields in the texts of cards."""

    def __init__(
        self, parts: Parts, section: Section, *, robot_url: str, event_url: str, on_filled: Callable[[], None]
    ) -> None:
        """`on_filled`: the text of a message is complete, and it may go on."""
        self.reader = parts.reader
        self.registration = AutomationRegistration(
            parts, robot_url=robot_url if section.robots else None, event_url=event_url
        )
        self._card_texts = CardTexts(parts, on_filled=on_filled)
        self._answers = RobotAnswers(parts)
        self._reminders = Reminders(parts, on_answer=self._answers.wake)
        self._runs = RobotRuns(parts, on_planned=self._planned, on_answer=self._answers.wake)
        self._look_ups = LookUps(
            parts, self._reminders, quiet=section.quiet, on_no_history=lambda: self._sweep.hurry()
        )
        self._sweep = Sweep(parts, self._look_ups, every=section.sweep)
        self._scenarios = parts.scenarios
        self._loops = (
            self.registration,
            self._card_texts,
            self._answers,
            self._runs,
            self._reminders,
            self._look_ups,
            self._sweep,
        )

    @property
    def trouble(self) -> str | None:
        """What automation lacks; None while nothing is known to be missing."""
        return "; ".join(filter(None, (self.registration.trouble, self._sweep.trouble))) or None

    @property
    def services(self) -> list[Service]:
        """All of them, in the order in which they start."""
        return list(self._loops)

    def text_is_unfilled(self) -> None:
        """A message has been taken in that has fields left in its text."""
        self._card_texts.wake()

    def run_is_due(self) -> None:
        """The run of an automation rule has been taken in."""
        self._runs.wake()

    def message_is_final(self) -> None:
        """A message has come to its end: a workflow may wait for that."""
        self._answers.wake()

    def a1_is_open(self) -> None:
        """A1 takes messages again."""
        self._reminders.wake()

    def renew(self) -> None:
        """The application has been installed, updated or uninstalled."""
        self.reader.renew()
        for each in self._loops:
            each.renew()

    async def take_event(self, name: str, data: Mapping[str, Any]) -> bool:
        """Put an event on disk, to be looked into; whether it is one that automation lives from.

        Raises `JournalUnavailable`.
        """
        if name == CALL_END:
            call = calls.read(data)
            if call is not None:
                await self._look_ups.note(events_of(call, self._scenarios.all))
            return call is not None
        event = read_event(name, data)
        if event is not None:
            await self._look_ups.note([(event, None)])
        return event is not None

    def _planned(self) -> None:
        self._reminders.wake()
        # From now on changes of these documents matter.
        self.registration.wake()
