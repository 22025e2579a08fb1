"""The service that looks at the checklist, and tells the operator through Bitrix24."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..bitrix24.backoff import Backoff
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..checklist.findings import Check, Finding
from ..due_loop import DueLoop
from ..errors import JournalUnavailable
from ..interfaces import IPortal
from ..journal import Journal, alarms
from ..journal.overdue import QUEUES, Overdue
from ..metrics import Metrics
from .alarm import Alarm
from .seen import Seen, seen
from .standing import Patience, Standing, Word, due, is_past, looked, told
from .telling import Letters, tag_of, told_to

LOOK_EVERY = 15.0
"""Seconds between two looks, at the most."""
_LOOK_AT_LEAST = 1.0
_FIRST_RETRY = 5.0
_LONGEST_RETRY = 60.0
# A recipient that is not there will hardly be so in a minute.
_REFUSED_PAUSE = 600.0


class IChecklist(Protocol):
    """Whoever looks at everything."""

    async def checks(self, *, unhurried: bool) -> list[Check]:
        """Everything, each subject once; `unhurried`: nobody outside is to be asked more often for it."""


class Alarms(DueLoop):
    """Tells each trouble once, and once that it is over, in one request whatever there is to tell.

    How the alarms stand is in the journal before anybody is told. That somebody was told is written down afterwards:
    a crash or an answer that is lost between makes a message twice, never none. While the portal is away what is to
    be told waits, and what is over by then is told in one message.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        checklist: IChecklist,
        portal: IPortal,
        metrics: Metrics,
        *,
        to: str | None,
        letters: Letters,
        patience: Patience,
        without: Collection[str],
        random: Callable[[], float],
    ) -> None:
        """`to` is a user's id or a chat's, None: nobody is told; `without` are words of alarms that nobody wants."""
        super().__init__("alarms", clock, self._look)
        self._journal = journal
        self._checklist = checklist
        self._portal = portal
        self._metrics = metrics
        self._to = to
        self._letters = letters
        self._patience = patience
        self._without = frozenset(alarm for alarm in Alarm if alarm.word in without)
        self._backoff = Backoff(clock, first=_FIRST_RETRY, longest=_LONGEST_RETRY, random=random)
        self._every = max(_LOOK_AT_LEAST, min(LOOK_EVERY, patience.after / 4, patience.over_after / 4))
        self._standings: dict[Alarm, Standing] | None = None
        self._written: dict[Alarm, Standing] = {}
        for alarm in Alarm:
            metrics.alarm.labels(alarm.word).set(0)

    def renew(self) -> None:
        """The application has been installed: what stood in the way may be over."""
        self._backoff.reset()
        self.wake()

    async def _look(self) -> float:
        checks = await self._checklist.checks(unhurried=True)
        found = seen(checks)
        self._measure(checks, found)
        if self._to is None:
            return self._every
        now = self._clock.seconds()
        if self._standings is None:
            self._written = await self._journal.within(alarms.standings)
            self._standings = _not_after(self._written, now)
        wanted = Seen(
            {alarm: check for alarm, check in found.troubles.items() if alarm not in self._without}, found.unclear
        )
        standings = looked(self._standings, wanted, now)
        self._standings = {
            alarm: each
            for alarm, each in standings.items()
            if alarm not in self._without and not self._has_passed(alarm, each, now)
        }
        await self._keep()
        if self._backoff.left <= 0:
            await self._tell(self._to, wanted.troubles)
            await self._keep()
        return self._every

    def _has_passed(self, alarm: Alarm, standing: Standing, now: float) -> bool:
        return is_past(standing, self._patience, now) and due(alarm, standing, self._patience, now) is None

    async def _keep(self) -> None:
        """Write down what has changed; while the journal is away, that the operator hears of it is worth more."""
        assert self._standings is not None
        if self._standings == self._written:
            return
        standings = dict(self._standings)
        try:
            await self._journal.within(alarms.keep, standings)
        except JournalUnavailable:
            return
        self._written = standings

    async def _tell(self, to: str, troubles: Mapping[Alarm, Check]) -> None:
        assert self._standings is not None
        now = self._clock.seconds()
        words = {alarm: due(alarm, each, self._patience, now) for alarm, each in self._standings.items()}
        wanted: dict[str, tuple[Alarm, Word]] = {
            alarm.word: (alarm, word)
            for alarm, word in words.items()
            # Nobody can say in words what is just unclear; it can wait until it is not.
            if word is not None and (word is not Word.BEGUN or alarm in troubles)
        }
        if not wanted:
            return
        commands = {
            name: told_to(
                to,
                self._letters.text(alarm, self._standings[alarm], word, troubles.get(alarm)),
                tag_of(alarm, self._standings[alarm], word),
            )
            for name, (alarm, word) in wanted.items()
        }
        try:
            # With a command that everybody may give, so that it is not the portal that seems to shut us out when it
            # is the recipient or the permission that is wrong.
            results = await self._portal.batch({**commands, "scope": ("scope", {})})
        except (PortalTrouble, PortalError) as error:
            self._backoff.failed(error)
            self._metrics.count(self._metrics.alarm_messages, "unreachable")
            return
        self._backoff.succeeded()
        for name, (alarm, word) in wanted.items():
            self._note(alarm, word, results.get(name))

    def _note(self, alarm: Alarm, word: Word, result: object) -> None:
        assert self._standings is not None
        if isinstance(result, PortalTrouble):
            self._backoff.failed(result)
            self._metrics.count(self._metrics.alarm_messages, "unreachable")
        elif isinstance(result, PortalError) or result is False:
            self._backoff.hold(_REFUSED_PAUSE)
            self._metrics.count(self._metrics.alarm_messages, "refused")
            self._log.error(
                "the alarm {alarm} cannot be told to {to}: Bitrix24 answers {error}",
                alarm=alarm.word,
                to=self._to,
                error=str(result).lower() if result is False else str(result),
            )
        elif result is not None:
            self._standings[alarm] = told(self._standings[alarm], word, self._clock.seconds())
            self._metrics.count(self._metrics.alarm_messages, "ok")
            self._log.info("the alarm {alarm} is told: {word}", alarm=alarm.word, word=word.value)

    def _measure(self, checks: Collection[Check], found: Seen) -> None:
        for alarm in Alarm:
            if alarm not in found.unclear:
                self._metrics.alarm.labels(alarm.word).set(alarm in found.troubles)
        for queue, count in _overdue(checks).items():
            self._metrics.overdue.labels(queue).set(count)
        self._metrics.alarms_looked.set(self._clock.seconds())


def _overdue(checks: Collection[Check]) -> dict[str, int]:
    """How many wait for too long, by queue; empty while nobody knows."""
    for check in checks:
        if check.finding is Finding.QUEUES_UNKNOWN:
            return {}
    counts = dict.fromkeys(QUEUES, 0)
    for check in checks:
        queues = check.facts.get("queues")
        if isinstance(queues, (list, tuple)):
            counts |= {each.queue: each.count for each in queues if isinstance(each, Overdue)}
    return counts


def _not_after(standings: Mapping[Alarm, Standing], now: float) -> dict[Alarm, Standing]:
    """The same, when the clock has been set back meanwhile."""

    def past(moment: float | None) -> float | None:
        return None if moment is None else min(moment, now)

    return {
        alarm: Standing(min(each.since, now), past(each.gone_at), past(each.told_at), past(each.over_at), each.times)
        for alarm, each in standings.items()
    }
