"""Reminders: each is looked at when it is due, by its document as it is then, and sent, moved or dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from twisted.logger import Logger

from ..bitrix24.contacts import Item
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..due_loop import DueLoop, until
from ..hours import Hours, windows
from ..journal import look_ups, reminders, runs
from ..journal.reminders import Drop, Reminder, Rule
from ..journal.runs import Run
from ..journal.statements import Connection
from ..message import Acceptance, Arrival, Refusal, Teller
from . import moments, robots
from .documents import Document, name_of
from .moments import Planned
from .parts import Parts
from .scenarios import Scenario
from .terms import Terms, compose, message_id

_IDLE = 60.0
_AT_ONCE = 500
# Reminders that are due one after another are looked at together every so many seconds: requests are what is scarce.
_TOGETHER = 2.0
_FIRST_RETRY = 1.0
_LONGEST_RETRY = 60.0


@dataclass(frozen=True, slots=True)
class Remindful:
    """What a reminder is sent by: a scenario, or the run of an automation rule."""

    terms: Terms
    field: str
    """The field with the moment; empty: it is not known, and only the document itself is looked at."""
    aheads: Sequence[float]
    date_at: float
    grace: float
    hours: Hours | None
    scenario: Scenario | None = None
    run: Run | None = None

    def due_at(self, reminder: Reminder) -> float:
        """When it is to go out, however often it has been put off since."""
        at = reminder.moment - reminder.ahead
        return at if self.hours is None else self.hours.opening(at)

    def moment(self, document: Document, known: float) -> float | None:
        """The moment that the document has now, which was `known`."""
        return document.moment(self.field, self.date_at) if self.field else known

    def drop(self, document: Document | None) -> Drop | None:
        """Why nobody is to be reminded of this document any more; None: somebody is."""
        if document is None:
            return Drop.DELETED
        if self.scenario is None:
            return Drop.CANCELLED if document.failed else None
        if self.scenario.is_over(document):
            return Drop.CANCELLED
        return None if self.scenario.is_for(document) else Drop.CONDITION


def of_scenario(scenario: Scenario) -> Remindful:
    """By a scenario."""
    return Remindful(
        scenario.terms,
        scenario.field,
        scenario.aheads,
        scenario.date_at,
        scenario.grace,
        scenario.hours,
        scenario=scenario,
    )


def of_run(run: Run, *, grace: float, hours: Hours | None) -> Remindful:
    """By the run of an automation rule, which has been planned once and so can be read."""
    properties = run.call.properties
    terms, _ = robots.terms_of(properties)
    _, aheads = robots.moment_and_aheads(properties)
    urgent = robots.says_yes(properties.get("urgent", ""))
    field_name = properties.get("field", "")
    return Remindful(terms, field_name, aheads, moments.DATE_AT, grace, None if urgent else hours, run=run)


@dataclass
class _Decided:
    """What becomes of reminders, to be written down in one transaction."""

    sent: list[tuple[Reminder, Arrival, float]] = field(default_factory=list)
    """With the seconds in which the same text is no news to the same number."""
    dropped: list[tuple[Reminder, Drop]] = field(default_factory=list)
    dropped_all: dict[Rule, Drop] = field(default_factory=dict)
    planned: dict[Rule, tuple[float, Sequence[Planned]]] = field(default_factory=dict)
    put_off: list[tuple[Reminder, float]] = field(default_factory=list)


class Reminders(DueLoop):
    """Sends what is due, up to 500 at a time: their documents are read together."""

    _log = Logger()

    def __init__(self, parts: Parts, *, on_answer: Callable[[], None]) -> None:
        super().__init__("reminders", parts.clock, self._remind)
        self._wall = parts.wall
        self._journal = parts.journal
        self._reader = parts.reader
        self._tokens = parts.tokens
        self._intake = parts.intake
        self._admission = parts.admission
        self._scenarios = parts.scenarios
        self._grace = parts.grace
        self._hours = parts.hours
        self._on_answer = on_answer
        self._rests_until = 0.0
        self._backoff = parts.backoff(_FIRST_RETRY, _LONGEST_RETRY)

    def renew(self) -> None:
        """The application has been installed: what stood in the way may be over."""
        self._backoff.reset()
        self.wake()

    async def replan(self, rules: Collection[tuple[Rule, float]], documents: Mapping[Item, Document]) -> None:
        """Documents that there are reminders of, with the moments known of them, have been read: follow these."""
        decided = _Decided()
        for rule, known in rules:
            remindful = await self._remindful(rule)
            if remindful is not None:
                item = Item(rule.entity_type, rule.item)
                self._follow(rule, remindful, documents.get(item), decided, known)
        await self._write_down(decided)
        self.wake()

    async def _remind(self) -> float:
        pause = self._rests_until - self._clock.seconds()
        if pause > 0:
            return pause
        now = self._wall()
        due, next_due = await self._journal.within(reminders.due, now, _AT_ONCE)
        if not due:
            return until(next_due, now, _IDLE)
        decided = _Decided()
        known: dict[str, Remindful | None] = {}
        waiting: list[tuple[Reminder, Remindful]] = []
        for each in due:
            if each.rule not in known:
                known[each.rule] = await self._remindful(_rule(each))
            remindful = known[each.rule]
            if remindful is None or each.ahead not in remindful.aheads:
                decided.dropped.append((each, Drop.NO_SCENARIO))
            elif each.moment <= now:
                decided.dropped.append((each, Drop.PAST))
            elif now - remindful.due_at(each) > remindful.grace:
                decided.dropped.append((each, Drop.PORTAL if each.tries else Drop.LATE))
            elif remindful.hours is not None and remindful.hours.opening(now) > now:
                decided.put_off.append((each, remindful.hours.opening(now)))
            else:
                waiting.append((each, remindful))
        if waiting:
            await self._look_at(waiting, decided)
        await self._write_down(decided)
        if len(due) < _AT_ONCE:
            self._rests_until = self._clock.seconds() + _TOGETHER
        return 0.0

    async def _look_at(self, waiting: Sequence[tuple[Reminder, Remindful]], decided: _Decided) -> None:
        now = self._wall()
        try:
            documents = await self._read(waiting)
        except (PortalTrouble, PortalError) as error:
            again_at = now + max(_FIRST_RETRY, self._backoff.left)
            await self._journal.within(
                reminders.put_off, [(each.id, each.tries + 1) for each, _ in waiting], again_at
            )
            self._log.warn(
                "{count} reminders wait for their documents: {trouble}", count=len(waiting), trouble=str(error)
            )
            return
        for each, remindful in waiting:
            document = documents.get(Item(each.entity_type, each.item))
            if self._follow(_rule(each), remindful, document, decided, each.moment) and document is not None:
                repeat_after = 0.0 if remindful.scenario is None else remindful.scenario.repeat_after
                decided.sent.append((each, self._arrival(each, remindful, document), repeat_after))

    async def _read(self, waiting: Sequence[tuple[Reminder, Remindful]]) -> Mapping[Item, Document]:
        if self._tokens.installation is None:
            raise PortalTrouble("the application is not installed in Bitrix24")
        if self._backoff.left > 0:
            raise PortalTrouble("Bitrix24 is left alone for a moment")
        items = {Item(each.entity_type, each.item) for each, _ in waiting}
        scenarios = {remindful.scenario.name for _, remindful in waiting if remindful.scenario is not None}
        try:
            documents = await self._reader.read(items, self._scenarios.placeholders(scenarios))
        except (PortalTrouble, PortalError) as error:
            self._backoff.failed(error)
            raise
        self._backoff.succeeded()
        return documents

    def _follow(
        self,
        rule: Rule,
        remindful: Remindful,
        document: Document | None,
        decided: _Decided,
        known: float,
    ) -> bool:
        """Whether the document still has the moment that is `known` of it; if not, what becomes of its reminders."""
        why = remindful.drop(document)
        moment = None if document is None else remindful.moment(document, known)
        if why is None and moment is None:
            why = Drop.CANCELLED
        if why is not None or moment is None:
            decided.dropped_all[rule] = why or Drop.CANCELLED
            return False
        if moment == known:
            return True
        now = self._wall()
        decided.planned[rule] = (
            moment,
            moments.plan(moment, remindful.aheads, now, grace=remindful.grace, hours=remindful.hours),
        )
        return False

    async def _remindful(self, rule: Rule) -> Remindful | None:
        if rule.run is None:
            scenario = self._scenarios.get(rule.name)
            return None if scenario is None else of_scenario(scenario)
        run = await self._journal.within(runs.by_id, rule.run)
        return None if run is None else of_run(run, grace=self._grace, hours=self._hours)

    def _arrival(self, reminder: Reminder, remindful: Remindful, document: Document) -> Arrival:
        item, now = document.item, self._clock.seconds()
        # The journal's messages go by the steady clock.
        ahead_of_wall = now - self._wall()
        due_at = reminder.moment - reminder.ahead
        first, again = windows(due_at, remindful.grace, remindful.hours, end=reminder.moment)
        about = (reminder.rule, item.entity_type, item.id, reminder.moment, reminder.ahead)
        origin = {"document": name_of(item), "ahead": reminder.ahead}
        if remindful.run is not None:
            origin |= remindful.run.call.origin
        else:
            origin["scenario"] = reminder.rule
        return compose(
            self._admission,
            message_id("reminder", *about),
            now,
            remindful.terms,
            document,
            origin=origin,
            teller=Teller.NOBODY if remindful.run is None else Teller.RUN,
            windows=(first.moved(ahead_of_wall), None if again is None else again.moved(ahead_of_wall)),
            deliver_by=reminder.moment + ahead_of_wall,
        )

    async def _write_down(self, decided: _Decided) -> None:
        now = self._clock.seconds()
        accepted = await self._journal.within(_write_down, decided, now)
        for arrival, acceptance in accepted:
            self._intake.taken(arrival, acceptance)
        why = Counter(str(drop) for _, drop in decided.dropped)
        for rule, drop in decided.dropped_all.items():
            self._log.info(
                "{rule}: the reminders of {document} are dropped ({reason})",
                rule=rule.name,
                document=name_of(Item(rule.entity_type, rule.item)),
                reason=str(drop),
            )
        for rule in decided.planned:
            self._log.info(
                "{rule}: the reminders of {document} have moved with its date",
                rule=rule.name,
                document=name_of(Item(rule.entity_type, rule.item)),
            )
        for reason, count in why.items():
            self._log.warn("{count} reminders are dropped ({reason})", count=count, reason=reason)
        self._on_answer()


def _write_down(connection: Connection, decided: _Decided, now: float) -> list[tuple[Arrival, Acceptance]]:
    accepted = []
    for reminder, arrival, repeat_after in decided.sent:
        # The one an hour before the visit is no repetition of the one two hours before it.
        saying = f"{reminder.ahead:g}\0{arrival.text}"
        if look_ups.was_said(connection, reminder.rule, arrival, saying, repeat_after):
            arrival = replace(arrival, refusal=Refusal.REPEATED)
        acceptance = reminders.send(connection, reminder, arrival)
        if acceptance is not None:
            accepted.append((arrival, acceptance))
    for reminder, why in decided.dropped:
        reminders.drop(connection, reminder, why, now)
    for rule, why in decided.dropped_all.items():
        reminders.drop_all(connection, rule, why, now)
    for rule, (moment, planned) in decided.planned.items():
        reminders.plan(connection, rule, moment, planned, now)
    for reminder, due_at in decided.put_off:
        reminders.put_off(connection, [(reminder.id, reminder.tries)], due_at)
    return accepted


def _rule(reminder: Reminder) -> Rule:
    return Rule(reminder.rule, reminder.run, reminder.entity_type, reminder.item)
