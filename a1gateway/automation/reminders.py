"""Reminders: each is looked at when it is due, by its document as it is then, and sent, moved or dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from twisted.logger import Logger

from ..bitrix24.item import Item, name_of
from ..bitrix24.trouble import PortalTrouble
from ..due_loop import until
from ..errors import TryLater
from ..hours import Hours, OpenHours, windows
from ..journal import portal_change, reminders, runs
from ..journal.portal_change import while_it_lasts
from ..journal.reminders import Followed, Reminder, Rule
from ..journal.runs import Run
from ..journal.statements import Connection
from ..message import Acceptance, Arrival, Change, Drop, Planned, Refusal, Teller, Window
from . import moments, robots
from .documents import Document, Reading
from .parts import Parts
from .portal_loop import IDLE, LONGEST_RETRY, PortalLoop
from .scenarios import Scenario
from .template import Placeholder
from .terms import Terms, compose, message_id, of_generation
from .values import event_values

_AT_ONCE = 500
# Reminders that are due one after another are looked at together every so many seconds: requests are what is scarce.
_TOGETHER = 4.0
_AFTER_A_FAULT = 60.0
# Of documents that are there no more, or ask for nothing any more.
_FOR_GOOD = (Drop.DELETED, Drop.NO_SCENARIO)


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

    def window(self, reminder: Reminder, now: float) -> Window | None:
        """When it may go out from `now` on; None when it is too late for that."""
        return moments.window_of(reminder.moment, reminder.ahead, now, grace=self.grace, hours=self.hours)

    @property
    def conditions(self) -> Sequence[Placeholder]:
        """What has to be known of a document to tell whether somebody is to be reminded of it."""
        return () if self.scenario is None else self.scenario.conditions

    @property
    def needs(self) -> Sequence[Placeholder]:
        """What has to be known of it to do that."""
        return () if self.scenario is None else self.scenario.needs

    def plan(self, moment: float, now: float) -> Sequence[Planned]:
        """The reminders of a moment."""
        return moments.plan(moment, self.aheads, now, grace=self.grace, hours=self.hours)

    def moment(self, document: Document, known: float) -> float | None:
        """The moment that the document has now, which was `known`."""
        return document.moment(self.field, self.date_at) if self.field else known

    def drop(self, document: Document | None) -> Drop | None:
        """Why nobody is to be reminded of this document any more; None: somebody is."""
        if document is None:
            return Drop.DELETED
        if self.field and not document.has_field(self.field):
            return Drop.NO_FIELD
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


def of_run(run: Run, *, grace: float, open_hours: OpenHours) -> Remindful:
    """By the run of an automation rule, which has been planned once and so can be read."""
    properties = run.call.properties
    terms, _ = robots.terms_of(properties)
    _, aheads = robots.moment_and_aheads(properties)
    hours = robots.hours_of(properties, open_hours)
    return Remindful(terms, properties.get("field", ""), aheads, moments.DATE_AT, grace, hours, run=run)


@dataclass
class _Decided:
    """What becomes of reminders, to be written down in one transaction."""

    sent: list[tuple[Reminder, Arrival, float]] = field(default_factory=list)
    """With the seconds in which the same text is no news to the same number."""
    dropped: list[tuple[Reminder, Drop]] = field(default_factory=list)
    dropped_all: dict[Rule, Drop] = field(default_factory=dict)
    planned: dict[Rule, tuple[float, Sequence[Planned]]] = field(default_factory=dict)
    put_off: list[tuple[Reminder, float, int]] = field(default_factory=list)
    """With the time to look again, and how often they have been tried then."""


_Written = tuple[list[tuple[Arrival, Acceptance]], list[Change]]


class Reminders(PortalLoop):
    """Sends what is due, up to 500 at a time: their documents are read together."""

    _log = Logger()

    def __init__(self, parts: Parts, *, on_answer: Callable[[], None]) -> None:
        super().__init__("reminders", parts, self._remind)
        self._intake = parts.intake
        self._receipts = parts.receipts
        self._a1_rests = parts.a1_rests
        self._admission = parts.admission
        self._grace = parts.grace
        self._hours = parts.hours
        self._on_answer = on_answer
        self._rests_until = 0.0
        self._is_away = False
        self._faulty: set[int] = set()
        """Reminders that no SMS could be made of: what stands in the way is not the portal."""

    async def replan(self, followed: Collection[Followed], reading: Reading, generation: int) -> None:
        """Documents that reminders follow have been read in this generation's portal: go by these now."""
        decided = _Decided()
        remindfuls = await self._remindfuls(each.rule for each in followed)
        for each in followed:
            item = Item(each.rule.entity_type, each.rule.item)
            remindful = remindfuls.get(each.rule)
            if remindful is None:
                decided.dropped_all[each.rule] = Drop.NO_SCENARIO
            elif reading.trouble(item, remindful.conditions) is None:
                try:
                    self._follow(each, remindful, reading.documents.get(item), decided)
                except Exception:
                    # It is read again when it is due.
                    self._log.failure("{rule}: a fault of the gateway", rule=each.rule.name)
        await self._write_down(decided, generation)
        self.wake()

    async def _remind(self) -> float:
        pause = max(self._rests_until - self._clock.seconds(), self._portal_pause)
        if pause > 0:
            return pause
        now = self._wall()
        generation = await self._journal.within(portal_change.generation)
        due, next_due = await self._journal.within(reminders.due, now, _AT_ONCE)
        if not due:
            return until(next_due, now, IDLE)
        decided = _Decided()
        remindfuls = await self._remindfuls(each.of for each in due)
        waiting: list[tuple[Reminder, Remindful]] = []
        for each in due:
            remindful = remindfuls.get(each.of)
            if remindful is None or each.ahead not in remindful.aheads:
                decided.dropped.append((each, Drop.NO_SCENARIO))
                continue
            window = remindful.window(each, now)
            if window is None:
                decided.dropped.append((each, self._why_late(each, now)))
            elif window.opens_at > now:
                decided.put_off.append((each, window.opens_at, each.tries))
            else:
                waiting.append((each, remindful))
        waiting = _nearest(waiting, decided)
        away = None
        # Their documents are looked at just before they leave.
        rest = self._a1_rests() if waiting else 0.0
        if waiting and not rest:
            try:
                await self._look_at(waiting, decided)
            except PortalTrouble as trouble:
                away = trouble
        self._is_away = away is not None
        await self._write_down(decided, generation)
        if away is not None:
            pause = self._backoff.failed(away)
            self._log.warn(
                "{count} reminders wait for their documents: {trouble}", count=len(waiting), trouble=str(away)
            )
            return pause
        if rest:
            return rest
        if len(due) < _AT_ONCE:
            self._rests_until = self._clock.seconds() + _TOGETHER
        return 0.0

    def _why_late(self, reminder: Reminder, now: float) -> Drop:
        if reminder.id in self._faulty:
            return Drop.FAULT
        if self._is_away or reminder.tries:
            return Drop.PORTAL
        return Drop.PAST if reminder.moment <= now else Drop.LATE

    async def _look_at(self, waiting: Sequence[tuple[Reminder, Remindful]], decided: _Decided) -> None:
        """Decide by their documents; raises `PortalTrouble`."""
        needs: dict[Item, list[Placeholder]] = {}
        for each, remindful in waiting:
            of_it = needs.setdefault(Item(each.entity_type, each.item), [])
            of_it.extend(remindful.needs)
        reading = await self._reader.read(needs, needs)
        self._backoff.succeeded()
        for each, remindful in waiting:
            item = Item(each.entity_type, each.item)
            trouble = reading.trouble(item, remindful.needs)
            try:
                if trouble is not None:
                    self._wait(each, str(trouble), decided)
                    continue
                document = reading.documents.get(item)
                known = Followed(each.of, each.moment, is_held=True)
                if self._follow(known, remindful, document, decided) and document is not None:
                    repeat_after = 0.0 if remindful.scenario is None else remindful.scenario.repeat_after
                    decided.sent.append((each, self._arrival(each, remindful, document), repeat_after))
            except Exception:
                self._log.failure("reminder {id}: a fault of the gateway", id=each.id)
                self._faulty.add(each.id)
                decided.put_off.append((each, self._wall() + _AFTER_A_FAULT, each.tries + 1))

    def _wait(self, reminder: Reminder, trouble: str, decided: _Decided) -> None:
        """Its document is not shown; that is no reason to keep others waiting."""
        if not reminder.tries:
            self._log.warn(
                "{rule}: a reminder of {document} waits: {trouble}",
                rule=reminder.rule,
                document=name_of(Item(reminder.entity_type, reminder.item)),
                trouble=trouble,
            )
        pause = min(LONGEST_RETRY, 2.0 ** min(reminder.tries, 6))
        decided.put_off.append((reminder, self._wall() + pause, reminder.tries + 1))

    def _follow(self, known: Followed, remindful: Remindful, document: Document | None, decided: _Decided) -> bool:
        """Whether the document still has the moment that is `known` of it; if not, what becomes of its reminders."""
        rule = known.rule
        why = remindful.drop(document)
        moment = None if document is None else remindful.moment(document, known.moment)
        if why is None and moment is None:
            why = Drop.CANCELLED
        if why is not None or moment is None:
            decided.dropped_all[rule] = why or Drop.CANCELLED
            return False
        if moment != known.moment or not known.is_held or rule in decided.planned:
            decided.planned[rule] = moment, remindful.plan(moment, self._wall())
            return False
        return True

    async def _remindfuls(self, rules: Iterable[Rule]) -> dict[Rule, Remindful]:
        """What reminds by these rules; those that nothing does any more are left out."""
        wanted = set(rules)
        of_rules = await self._journal.within(runs.by_ids, [rule.run for rule in wanted if rule.run is not None])
        found: dict[Rule, Remindful] = {}
        for rule in wanted:
            if rule.run is None:
                scenario = self._scenarios.get(rule.name)
                if scenario is not None:
                    found[rule] = of_scenario(scenario)
                continue
            run = of_rules.get(rule.run)
            try:
                if run is not None:
                    found[rule] = of_run(run, grace=self._grace, open_hours=self._hours)
            except Exception:
                self._log.failure("run {run}: its reminders cannot be read", run=rule.run)
        return found

    def _arrival(self, reminder: Reminder, remindful: Remindful, document: Document) -> Arrival:
        item, now = document.item, self._clock.seconds()
        # The journal's messages go by the steady clock.
        ahead_of_wall = now - self._wall()
        due_at = reminder.moment - reminder.ahead
        first, again = windows(due_at, remindful.grace, remindful.hours, end=reminder.moment)
        about = (reminder.rule, item.entity_type, item.id, reminder.moment, reminder.ahead)
        origin = {"document": name_of(item), "ahead": reminder.ahead}
        terms, refusal, note = remindful.terms, None, ""
        if remindful.run is not None:
            origin |= remindful.run.call.origin
            text, stale = robots.text_at(remindful.run.call.properties, reminder.moment)
            terms = replace(terms, text=text)
            if stale:
                refusal, note = Refusal.OUTDATED_TEXT, stale
        else:
            origin["scenario"] = reminder.rule
        document.event = event_values(reminder.moment)
        return compose(
            self._admission,
            message_id("reminder", *about),
            now,
            terms,
            document,
            origin=origin,
            teller=Teller.NOBODY if remindful.run is None else Teller.RUN,
            refusal=refusal,
            note=note,
            windows=(first.moved(ahead_of_wall), None if again is None else again.moved(ahead_of_wall)),
            deliver_by=reminder.moment + ahead_of_wall,
        )

    async def _write_down(self, decided: _Decided, generation: int) -> None:
        now = self._clock.seconds()
        decided.sent = [(each, of_generation(arrival, generation), after) for each, arrival, after in decided.sent]
        try:
            accepted, changes = await self._journal.within(while_it_lasts, generation, _write_down, decided, now)
        except TryLater:
            raise
        except Exception:
            self._log.failure("reminders are written down one by one: a fault of the gateway")
            accepted, changes = await self._write_down_singly(decided, generation, now)
        for arrival, acceptance in accepted:
            self._intake.taken(arrival, acceptance)
        self._receipts.announce(changes)
        self._tell(decided)
        self._on_answer()

    async def _write_down_singly(self, decided: _Decided, generation: int, now: float) -> _Written:
        """One that cannot be written down is put off, and keeps none of the others."""
        accepted: list[tuple[Arrival, Acceptance]] = []
        changes: list[Change] = []
        singly = [_Decided(sent=[each]) for each in decided.sent]
        singly += [_Decided(dropped=[each]) for each in decided.dropped]
        singly += [_Decided(put_off=[each]) for each in decided.put_off]
        singly += [_Decided(dropped_all={rule: why}) for rule, why in decided.dropped_all.items()]
        singly += [_Decided(planned={rule: planned}) for rule, planned in decided.planned.items()]
        for one in singly:
            try:
                of_one = await self._journal.within(while_it_lasts, generation, _write_down, one, now)
                accepted += of_one[0]
                changes += of_one[1]
            except TryLater:
                raise
            except Exception:
                self._log.failure("a reminder cannot be written down: a fault of the gateway")
                later = [(each, self._wall() + _AFTER_A_FAULT, each.tries + 1) for each, _, _ in one.sent]
                self._faulty.update(each.id for each, _, _ in one.sent)
                put_off = _Decided(put_off=later)
                await self._journal.within(while_it_lasts, generation, _write_down, put_off, now)
        return accepted, changes

    def _tell(self, decided: _Decided) -> None:
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
        self._faulty -= {each.id for each, _, _ in decided.sent} | {each.id for each, _ in decided.dropped}
        for reason, count in Counter(str(drop) for _, drop in decided.dropped).items():
            self._log.warn("{count} reminders are dropped ({reason})", count=count, reason=reason)


def _nearest(waiting: Sequence[tuple[Reminder, Remindful]], decided: _Decided) -> list[tuple[Reminder, Remindful]]:
    """Of those that are due together for one moment, the nearest to it: nobody gets two at once."""
    nearest: dict[tuple[Rule, float], float] = {}
    for each, _ in waiting:
        of = each.of, each.moment
        nearest[of] = min(each.ahead, nearest.get(of, each.ahead))
    decided.dropped += [(each, Drop.OVERTAKEN) for each, _ in waiting if each.ahead != nearest[each.of, each.moment]]
    return [(each, by) for each, by in waiting if each.ahead == nearest[each.of, each.moment]]


def _write_down(connection: Connection, decided: _Decided, now: float) -> _Written:
    accepted = []
    changes: list[Change] = []
    for reminder, arrival, repeat_after in decided.sent:
        acceptance = reminders.send(connection, reminder, arrival, repeat_after)
        if acceptance is not None:
            accepted.append((arrival, acceptance))
    for reminder, why in decided.dropped:
        reminders.drop(connection, reminder, why, now)
    for rule, why in decided.dropped_all.items():
        reminders.drop_all(connection, rule, why, now, for_good=why in _FOR_GOOD)
        changes += reminders.take_back(connection, rule, None, now, why)
    for rule, (moment, planned) in decided.planned.items():
        reminders.plan(connection, rule, moment, planned, now, is_known=True)
        # By now the workflow that waits for it has others to wait for.
        changes += reminders.take_back(connection, rule, moment, now)
    for reminder, due_at, tries in decided.put_off:
        reminders.put_off(connection, reminder, due_at, tries)
    return accepted, changes
