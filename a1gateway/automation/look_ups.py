"""Looking into what the portal's events tell of: which scenarios they set off, and what these send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from twisted.logger import Logger

from ..bitrix24.contacts import Command, Item, find, found
from ..bitrix24.crm_answers import ITEMS_IN_A_PAGE
from ..bitrix24.portal import MOST_IN_A_BATCH
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..due_loop import DueLoop, until
from ..hours import windows
from ..journal import look_ups, reminders
from ..journal.acceptance import accept_one
from ..journal.look_ups import LookUp
from ..journal.reminders import Rule
from ..journal.statements import Connection
from ..message import Acceptance, Arrival, Refusal, Teller
from ..msisdn import Msisdn, read_number
from . import calls, moments, stage_history
from .documents import CONTACT, Document, name_of
from .moments import Planned
from .parts import Parts
from .reminders import Reminders
from .scenarios import Happening, Scenario
from .stage_history import Entry
from .terms import compose, message_id

_IDLE = 60.0
_AT_ONCE = 500
_FIRST_RETRY = 1.0
_LONGEST_RETRY = 60.0
# Of a document that changes without a rest.
_LONGEST_UNREST = 60.0


@dataclass
class Decided:
    """What is to be done, in one transaction."""

    sent: list[tuple[Scenario, Arrival]] = field(default_factory=list)
    entries: list[tuple[Entry, list[tuple[Scenario, Arrival]]]] = field(default_factory=list)
    """Entries into stages, with what they set off: an entry that has been dealt with sets off nothing more."""
    conditions: list[tuple[Scenario, int, bool, Arrival]] = field(default_factory=list)
    """Whether changed items fulfil a scenario's condition, and what is sent when they had not before."""
    planned: list[tuple[Rule, float, Sequence[Planned]]] = field(default_factory=list)


class LookUps(DueLoop):
    """Reads what has changed, many documents in a request, and sends what scenarios say.

    Fifty changes of a document are one look-up: it is looked at when it has been left alone for some seconds, and
    every stage that it has been in meanwhile stands in the portal's history.
    """

    _log = Logger()

    def __init__(self, parts: Parts, reminding: Reminders, *, quiet: float) -> None:
        """`quiet` is how long a document has to stay as it is before it is looked at, in seconds."""
        super().__init__("scenarios", parts.clock, self._look)
        self._wall = parts.wall
        self._journal = parts.journal
        self._portal = parts.portal
        self._reader = parts.reader
        self._tokens = parts.tokens
        self._intake = parts.intake
        self._admission = parts.admission
        self._scenarios = parts.scenarios
        self._reminding = reminding
        self._quiet = quiet
        self._backoff = parts.backoff(_FIRST_RETRY, _LONGEST_RETRY)

    def renew(self) -> None:
        """The application has been installed: what stood in the way may be over."""
        self._backoff.reset()
        self.wake()

    async def note(self, events: Iterable[look_ups.Event], *, quiet: float | None = None) -> None:
        """Look into these soon; on disk when this returns. Raises `JournalUnavailable`."""
        now = self._clock.seconds()
        wait = self._quiet if quiet is None else quiet
        longest = max(wait, _LONGEST_UNREST)
        await self._journal.within(_note_all, list(events), now, quiet=wait, longest=longest)
        self.wake()

    async def take_entries(self, entries: Sequence[Entry], decided: Decided | None = None) -> None:
        """Do what these entries into stages set off; those that have been dealt with set off nothing.

        Raises `PortalTrouble`, `PortalError`, and then they have not been dealt with.
        """
        decided = decided or Decided()
        by_item: dict[Item, list[tuple[Entry, list[Scenario]]]] = {}
        described = await self._reader.described({entry.entity_type for entry in entries}) if entries else None
        for entry in await self._not_done(entries):
            assert described is not None
            off = [
                each
                for each in (
                    *(self._scenarios.of(Happening.NEW, entry.entity_type) if entry.is_new else ()),
                    *self._scenarios.of(Happening.STAGE, entry.entity_type),
                )
                if each.happening is Happening.NEW or each.is_entered(entry.stage, described)
            ]
            if off:
                by_item.setdefault(Item(entry.entity_type, entry.item), []).append((entry, off))
        names = {scenario.name for of_it in by_item.values() for _, off in of_it for scenario in off}
        documents = await self._reader.read(by_item, self._scenarios.placeholders(names)) if by_item else {}
        for item, of_it in by_item.items():
            for entry, off in of_it:
                decided.entries.append((entry, self._set_off(entry, off, documents.get(item))))
        await self._write_down(decided)

    async def _look(self) -> float:
        if self._tokens.installation is None:
            return _IDLE
        if self._backoff.left > 0:
            return self._backoff.left
        now = self._clock.seconds()
        due, next_due = await self._journal.within(look_ups.due, now, _AT_ONCE)
        if not due:
            return until(next_due, now, _IDLE)
        try:
            await self._look_into(due)
        except PortalError as error:
            # Trying again would bring the same; what the sweep finds, it finds without them.
            self._log.error("{count} events come to nothing: {error}", count=len(due), error=str(error))
        except PortalTrouble as error:
            pause = self._backoff.failed(error)
            keys = [each.event.key for each in due]
            await self._journal.within(look_ups.put_off, keys, self._clock.seconds() + pause)
            self._log.warn("{count} events wait to be looked into: {trouble}", count=len(due), trouble=str(error))
            return pause
        self._backoff.succeeded()
        await self._journal.within(look_ups.done, due)
        return 0.0

    async def _look_into(self, due: Sequence[LookUp]) -> None:
        changed: dict[int, list[int]] = {}
        for each in due:
            if each.event.entity_type is not None and each.event.item is not None:
                changed.setdefault(each.event.entity_type, []).append(each.event.item)
        decided = Decided()
        for each in due:
            if each.event.payload is not None:
                await self._missed_call(each, decided)
        await self._documents(changed, decided)
        by_stages = {of: items for of, items in changed.items() if of in self._scenarios.by_stages}
        await self.take_entries(await self._history(by_stages), decided)

    async def _history(self, changed: Mapping[int, Sequence[int]]) -> list[Entry]:
        """What has happened to the stages of these since their type was gone through."""
        found: list[Entry] = []
        waiting: dict[str, tuple[int, Command]] = {}
        for of, items in changed.items():
            begun = await self._journal.within(look_ups.position, stage_history.position_of(of))
            if begun is None:
                # The sweep has yet to find out where the history stands: from there on it counts.
                raise PortalTrouble("the history of stages has not been read yet")
            for start in range(0, len(items), ITEMS_IN_A_PAGE):
                some = items[start : start + ITEMS_IN_A_PAGE]
                waiting[f"h{of}_{start}"] = of, stage_history.read_after(of, begun[0], some)
        while waiting:
            asked = dict(list(waiting.items())[:MOST_IN_A_BATCH])
            results = await self._portal.batch({name: command for name, (_, command) in asked.items()})
            for name, (of, command) in asked.items():
                result = results.get(name, PortalTrouble("Bitrix24 has not run a command"))
                if isinstance(result, (PortalTrouble, PortalError)):
                    raise result
                entries, more = stage_history.entries(of, result)
                found += entries
                del waiting[name]
                if more and entries:
                    owners = command[1]["filter"].get("@OWNER_ID", ())
                    waiting[name] = of, stage_history.read_after(of, entries[-1].record, owners)
        return found

    async def _documents(self, changed: Mapping[int, Sequence[int]], decided: Decided) -> None:
        """Those whose own fields matter: of scenarios for changes and dates, and with reminders to come."""
        rules: list[tuple[Rule, float]] = []
        wanted: list[Item] = []
        for of, items in changed.items():
            with_reminders = await self._journal.within(reminders.items_with_reminders, of, items)
            for id_ in items:
                if of in self._scenarios.by_documents or id_ in with_reminders:
                    wanted.append(Item(of, id_))
                if id_ in with_reminders:
                    rules += await self._journal.within(reminders.rules_of, of, id_)
        if not wanted:
            return
        # Only what scenarios for changes send, they send now.
        names = [each.name for of in changed for each in self._scenarios.of(Happening.CHANGED, of)]
        documents = await self._reader.read(wanted, self._scenarios.placeholders(names), alone=not names)
        # Reminders that wait follow their documents; what scenarios plan anew comes after.
        await self._reminding.replan(rules, documents)
        for item, document in documents.items():
            self._changed(item, document, decided)
            self._dated(item, document, decided)

    def _changed(self, item: Item, document: Document, decided: Decided) -> None:
        for scenario in self._scenarios.of(Happening.CHANGED, item.entity_type):
            # Its identifier is known when it is known how often that has happened.
            arrival = self._arrival(scenario, "", document, item)
            decided.conditions.append((scenario, item.id, scenario.is_for(document), arrival))

    def _dated(self, item: Item, document: Document, decided: Decided) -> None:
        now = self._wall()
        for scenario in self._scenarios.of(Happening.DATE, item.entity_type):
            moment = document.moment(scenario.field, scenario.date_at)
            if moment is None or moment <= now or scenario.is_over(document) or not scenario.is_for(document):
                continue
            planned = moments.plan(moment, scenario.aheads, now, grace=scenario.grace, hours=scenario.hours)
            decided.planned.append((Rule(scenario.name, None, item.entity_type, item.id), moment, planned))

    async def _missed_call(self, look_up: LookUp, decided: Decided) -> None:
        call = calls.read(look_up.event.payload or {})
        if call is None or not call.missed:
            return
        for scenario in self._scenarios.of(Happening.MISSED_CALL):
            if scenario.delay > 0:
                answered = await self._portal.call(*calls.calls_back(call))
                if calls.has_called_back(answered):
                    self._log.info("{scenario}: call {call} was called back", scenario=scenario.name, call=call.id)
                    continue
            document = await self._caller(call, scenario)
            scenario_of_call = replace(scenario, terms=replace(scenario.terms, to=scenario.terms.to or call.number))
            about = message_id("call", scenario.name, call.id)
            arrival = self._arrival(scenario_of_call, about, document, document.item, happened_at=call.ended_at)
            if scenario.is_for(document):
                decided.sent.append((scenario, arrival))

    async def _caller(self, call: calls.Call, scenario: Scenario) -> Document:
        """The contact with the caller's number, or a document with nothing but the call."""
        read = read_number(call.number)
        contacts = found(await self._portal.call(*find([read.number]))) if isinstance(read, Msisdn) else []
        known = calls.known(call)
        for contact in contacts[:1]:
            documents = await self._reader.read([Item(CONTACT, contact)], scenario.placeholders)
            for document in documents.values():
                document.call = known
                return document
        described = await self._reader.described({CONTACT})
        return Document(Item(CONTACT, 0), described, {}, call=known)

    def _set_off(
        self, entry: Entry, off: Sequence[Scenario], document: Document | None
    ) -> list[tuple[Scenario, Arrival]]:
        item = Item(entry.entity_type, entry.item)
        sent = []
        for scenario in off:
            if document is None or scenario.is_for(document):
                about = message_id("stage", scenario.name, entry.entity_type, entry.item, entry.record)
                arrival = self._arrival(scenario, about, document, item, happened_at=entry.at)
                sent.append((scenario, arrival))
        return sent

    def _arrival(
        self,
        scenario: Scenario,
        id_: str,
        document: Document | None,
        item: Item,
        *,
        happened_at: float | None = None,
    ) -> Arrival:
        now = self._clock.seconds()
        age = 0.0 if happened_at is None else max(0.0, self._wall() - happened_at)
        refusal = None
        if document is None:
            refusal = Refusal.DOCUMENT_DELETED
        elif age > scenario.grace:
            refusal = Refusal.LATE
        ahead_of_wall = now - self._wall()
        # What waits for the morning has its grace from then on.
        first, again = windows(now - ahead_of_wall - age, scenario.grace, scenario.hours)
        return compose(
            self._admission,
            id_,
            now,
            scenario.terms,
            document,
            origin={"scenario": scenario.name, "document": name_of(item)},
            teller=Teller.NOBODY,
            refusal=refusal,
            windows=(first.moved(ahead_of_wall), None if again is None else again.moved(ahead_of_wall)),
        )

    async def _not_done(self, entries: Sequence[Entry]) -> list[Entry]:
        left: list[Entry] = []
        for of in {entry.entity_type for entry in entries}:
            of_type = [entry for entry in entries if entry.entity_type == of]
            done = await self._journal.within(look_ups.records_done, of, [entry.record for entry in of_type])
            left += [entry for entry in of_type if entry.record not in done]
        return left

    async def _write_down(self, decided: Decided) -> None:
        for arrival, acceptance in await self._journal.within(_write_down, decided, self._clock.seconds()):
            self._intake.taken(arrival, acceptance)
        if decided.planned:
            self._reminding.wake()


def _write_down(connection: Connection, decided: Decided, now: float) -> list[tuple[Arrival, Acceptance]]:
    sent = list(decided.sent)
    for entry, of_it in decided.entries:
        if not look_ups.record_done(connection, entry.entity_type, entry.record):
            sent += of_it
    for scenario, item, holds, arrival in decided.conditions:
        times = look_ups.comes_to_hold(connection, scenario.name, item, holds=holds)
        if times is not None:
            id_ = message_id("changed", scenario.name, scenario.entity_type, item, times)
            sent.append((scenario, replace(arrival, message_id=id_)))
    for rule, moment, planned in decided.planned:
        reminders.plan(connection, rule, moment, planned, now)
    accepted = []
    for scenario, arrival in sent:
        if look_ups.was_said(
            connection, scenario.name, arrival, scenario.saying(arrival.text), scenario.repeat_after
        ):
            arrival = replace(arrival, refusal=Refusal.REPEATED)
        accepted.append((arrival, accept_one(connection, arrival)))
    return accepted


def _note_all(
    connection: Connection, events: Sequence[look_ups.Event], now: float, *, quiet: float, longest: float
) -> None:
    for event in events:
        look_ups.note(connection, event, now, quiet=quiet, longest=longest)
