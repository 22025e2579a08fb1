"""Looking into what the portal's events tell of: which scenarios they set off, and what these send."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from twisted.logger import Logger

from ..bitrix24.batches import run_all
from ..bitrix24.contacts import Command
from ..bitrix24.crm_answers import ITEMS_IN_A_PAGE
from ..bitrix24.item import Item, name_of
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..due_loop import until
from ..errors import TryLater
from ..journal import look_ups, portal_change, reminders
from ..journal.look_ups import LookUp
from ..journal.portal_change import while_it_lasts
from ..journal.reminders import Followed
from ..journal.statements import Connection
from ..message import Refusal
from . import stage_history
from .deciding import Decided, Deciding
from .documents import Described, Document, Reading
from .missed_calls import MissedCalls
from .parts import Parts
from .portal_loop import FIRST_RETRY, IDLE, PortalLoop
from .reminders import Reminders
from .scenarios import Happening, Scenario
from .stage_history import Entry
from .template import Placeholder
from .values import Known

_AT_ONCE = 500
# Events that come one after another are looked into together every so many seconds: others need requests, too.
_TOGETHER = 1.0
# Of a document that changes without a rest.
_LONGEST_UNREST = 60.0
# For one that the portal does not show: from a second to five minutes.
_LONGEST_WAIT = 300.0
_LEAST_PATIENCE = 3600.0
# Together these take a quarter of an hour.
_LEAST_TRIES = 10

# How long after its time, in seconds, a change may be followed by one of the same time; and how many are remembered.
_CHANGES_WITHIN = 2.0
_VERSIONS = 10_000

Error = PortalTrouble | PortalError


@dataclass
class _Outcome:
    """What came of looking into events."""

    generation: int
    """Of the portal that they came from."""
    settled: list[LookUp] = field(default_factory=list)
    failed: list[tuple[LookUp, Error | None]] = field(default_factory=list)
    """With what stood in the way; None: a fault of the gateway."""
    early: list[LookUp] = field(default_factory=list)
    """Of types whose history the sweep has not begun with: what else there is of them has been done."""


@dataclass(frozen=True)
class _Watched:
    """How far a type's entries into stages are known."""

    record: int | None
    """The last record of its history that has been read; None: it has none, and its documents are watched."""
    since: float
    """When, by the server's clock, in seconds since the epoch; of documents: since when."""
    begun: Mapping[str, tuple[int, float]]
    """Behind which record, and since when, entries count for scenarios, by their beginnings' names."""
    seen_until: float = -math.inf
    """Until when entries of the history may have been seen at the documents, in seconds since the epoch."""

    def has_begun(self, scenario: Scenario, entry: Entry) -> bool:
        """Whether a scenario was at work when this happened."""
        record, at = self.begun[scenario.beginning]
        return entry.at > at if entry.of_document else entry.record > record


class LookUps(PortalLoop):
    """Reads what has changed, many documents in a request, and sends what scenarios say.

    Fifty changes of a document are one look-up: it is looked at when it has been left alone for some seconds, and
    every stage that it has been in meanwhile stands in the portal's history. What cannot be looked into keeps nobody
    else waiting.
    """

    _log = Logger()

    def __init__(
        self, parts: Parts, reminding: Reminders, *, quiet: float, on_no_history: Callable[[], None]
    ) -> None:
        """`quiet` is how long a document has to stay as it is before it is looked at, in seconds.

        `on_no_history` is called when the portal has no history of a type's stages any more.
        """
        super().__init__("scenarios", parts, self._look)
        self._reminding = reminding
        self._quiet = quiet
        self._on_no_history = on_no_history
        self._deciding = Deciding(parts, on_planned=reminding.wake)
        self._calls = MissedCalls(parts, self._deciding)
        self._versions: OrderedDict[Item, float] = OrderedDict()
        """Of documents that have been looked into: when they had changed last, by the portal's clock."""
        self._patience = max(_LEAST_PATIENCE, parts.grace, parts.scenarios.longest_grace)
        self._rests_until = 0.0

    def renew(self) -> None:
        """As of all; the documents may be another portal's."""
        self._versions.clear()
        super().renew()

    async def note(self, events: Iterable[tuple[look_ups.Event, float | None]]) -> None:
        """Look into these soon; on disk when this returns. Raises `JournalUnavailable`.

        With each the seconds to wait for others like it; None: as long as documents have to be left alone.
        """
        now = self._clock.seconds()
        waits = [(event, self._quiet if wait is None else wait) for event, wait in events]
        await self._journal.within(_note_all, waits, now)
        self.wake()

    async def begin_with(
        self, scenario: Scenario, at: float, events: Sequence[look_ups.Event], generation: int
    ) -> None:
        """Be at work for a scenario since `at`, and look into these anew, which it may have to do with.

        On disk when this returns. Raises `JournalUnavailable` and `PortalChanged`.
        """
        now = self._clock.seconds()
        waits = [(event, self._quiet) for event in events]
        await self._journal.within(while_it_lasts, generation, _begin, scenario.beginning, at, waits, now)
        self.wake()

    def has_seen(self, item: Item, updated_at: float | None) -> bool:
        """Whether a document has been looked into since it changed at this time, by the portal's clock."""
        return updated_at is not None and self._versions.get(item) == updated_at

    async def take_entries(
        self, of: int, entries: Sequence[Entry], generation: int, *, are_seen: bool = False
    ) -> set[int]:
        """Do what these entries into stages of a type set off; those that have been dealt with set off nothing.

        `generation` is that of their portal. `are_seen`: those too have been dealt with that were seen at the
        documents. The records that could not be dealt with, for the documents are not to be had now. Raises
        `PortalTrouble` and `PortalChanged`.
        """
        described = await self._stages_described({of}, entries)
        watched = await self._watched(of)
        off = await self._set_off(entries, described, {of: watched})
        seen_until = math.inf if are_seen else -math.inf if watched is None else watched.seen_until
        reading = await self._read({Item(entry.entity_type, entry.item) for entry, _ in off}, off)
        every, left = [], set()
        for entry, scenarios in off:
            try:
                decided = self._decide_entry(entry, scenarios, reading)
            except Exception:
                about = name_of(Item(entry.entity_type, entry.item))
                self._log.failure("{event}: a fault of the gateway", event=about)
                # Whatever is wrong with it, it must not be gone through for ever.
                decided = Decided(about, entries=[(entry, [])]) if self._is_out_of_patience(entry) else None
            if decided is None:
                left.add(entry.record)
            else:
                decided.seen_until = seen_until
                every.append(decided)
        for each in await self._deciding.write_down(every, generation):
            for entry, _ in each.entries:
                if self._is_out_of_patience(entry):
                    await self._journal.within(while_it_lasts, generation, look_ups.record_done, of, entry.record)
                else:
                    left.add(entry.record)
        return left

    def _is_out_of_patience(self, entry: Entry) -> bool:
        return self._wall() - entry.at > self._patience

    # One look at all that is due.

    async def _look(self) -> float:
        now = self._clock.seconds()
        pause = max(self._rests_until - now, self._portal_pause)
        if pause > 0:
            return pause
        outcome = _Outcome(await self._journal.within(portal_change.generation))
        due, next_due = await self._journal.within(look_ups.due, now, _AT_ONCE)
        if not due:
            return until(next_due, now, IDLE)
        pause = 0.0
        try:
            await self._look_into(due, outcome)
            self._backoff.succeeded()
        except PortalTrouble as trouble:
            # What has not been settled stays due.
            pause = self._backoff.failed(trouble)
            self._log.warn("{count} events wait to be looked into: {trouble}", count=len(due), trouble=str(trouble))
        except TryLater:
            raise
        except Exception:
            self._log.failure("{count} events cannot be looked into: a fault of the gateway", count=len(due))
            known = {each.event.key for each in (*outcome.settled, *outcome.early)}
            known |= {each.event.key for each, _ in outcome.failed}
            outcome.failed += [(each, None) for each in due if each.event.key not in known]
        await self._end(outcome)
        if len(due) < _AT_ONCE:
            self._rests_until = self._clock.seconds() + _TOGETHER
        return pause

    async def _look_into(self, due: Sequence[LookUp], outcome: _Outcome) -> None:
        of_documents = [each for each in due if each.event.entity_type is not None and each.event.item is not None]
        await self._look_into_documents(of_documents, outcome)
        of_calls = [each for each in due if each.event.entity_type is None]
        if of_calls:
            found = await self._calls.look_into(of_calls)
            decided = [each.decided for each in found if each.decided is not None]
            failed = await self._deciding.write_down(decided, outcome.generation)
            for each in found:
                if each.error is not None or each.is_fault or each.decided in failed:
                    outcome.failed.append((each.look_up, each.error))
                else:
                    outcome.settled.append(each.look_up)

    async def _end(self, outcome: _Outcome) -> None:
        now = self._clock.seconds()
        settled, put_off = list(outcome.settled), []
        for each, error in outcome.failed:
            trouble = "a fault of the gateway" if error is None else str(error)
            # It may have been heard of long before it could be tried.
            if now - each.first_at > self._patience and each.tries >= _LEAST_TRIES:
                self._log.error("{event}: given up: {trouble}", event=each.event.key, trouble=trouble)
                settled.append(each)
                continue
            if not each.tries:
                self._log.warn("{event}: cannot be looked into: {trouble}", event=each.event.key, trouble=trouble)
            put_off.append((each.event.key, now + min(_LONGEST_WAIT, 2.0 ** min(each.tries, 9)), trouble))
        early = []
        for each in outcome.early:
            waited = now - each.first_at
            if waited > self._patience:
                trouble = "the history of its type is not known"
                self._log.error("{event}: given up: {trouble}", event=each.event.key, trouble=trouble)
                settled.append(each)
            else:
                early.append((each.event.key, now + min(_LONGEST_WAIT, max(FIRST_RETRY, waited / 10))))
        await self._journal.within(while_it_lasts, outcome.generation, _end_all, settled, put_off, early)

    # Documents.

    async def _look_into_documents(self, due: Sequence[LookUp], outcome: _Outcome) -> None:
        by_item = {_item(each): each for each in due}
        types = {item.entity_type for item in by_item}
        watched = {of: await self._watched(of) for of in types & self._scenarios.by_stages}
        early = {of for of, known in watched.items() if known is None}
        entries, without_history = await self._history(by_item, watched)
        described = await self._stages_described(types, entries)
        off = await self._set_off(entries, described, watched)
        rules = [rule for of in types for rule in await self._rules(of, by_item)]
        wanted = {Item(entry.entity_type, entry.item) for entry, _ in off}
        wanted |= {Item(each.rule.entity_type, each.rule.item) for each in rules}
        wanted |= {item for item in by_item if item.entity_type in self._scenarios.by_documents}
        by_themselves = {of for of, known in watched.items() if known is not None and known.record is None}
        wanted |= {item for item in by_item if item.entity_type in by_themselves}
        reading = await self._read(wanted, off, types, by_themselves)
        # Reminders that wait follow their documents; what scenarios plan anew comes after.
        if rules:
            await self._reminding.replan(rules, reading, outcome.generation)
        begun = await self._begun(types)
        seen = {Item(of, id_) for of in by_themselves for id_ in await self._seen(of, by_item)}
        off_of: dict[Item, list[tuple[Entry, list[Scenario]]]] = {}
        for entry, scenarios in off:
            off_of.setdefault(Item(entry.entity_type, entry.item), []).append((entry, scenarios))
        every: list[Decided] = []
        by_decided: dict[int, Item] = {}
        for item, each in by_item.items():
            decided = Decided(name_of(item))
            known = watched.get(item.entity_type)
            decided.seen_until = -math.inf if known is None else known.seen_until
            try:
                trouble = reading.unread.get(item) or reading.nameless.get(item)
                if not self._decide_entries(off_of.get(item, ()), reading, decided) or trouble is not None:
                    outcome.failed.append((each, trouble))
                    continue
                document = reading.documents.get(item)
                if document is not None and known is not None and known.record is None:
                    self._decide_watched(document, known, each, decided, is_seen=item in seen)
                if document is not None:
                    self._deciding.changed(document, begun, decided)
                    self._deciding.dated(document, decided)
            except Exception:
                self._log.failure("{event}: a fault of the gateway", event=each.event.key)
                outcome.failed.append((each, None))
                continue
            by_decided[id(decided)] = item
            every.append(decided)
        unwritten = await self._deciding.write_down(every, outcome.generation)
        failed = {by_decided[id(each)] for each in unwritten}
        for item in by_decided.values():
            if item in failed:
                outcome.failed.append((by_item[item], None))
            elif item in without_history:
                outcome.failed.append((by_item[item], without_history[item]))
            elif item.entity_type in early:
                outcome.early.append(by_item[item])
            else:
                outcome.settled.append(by_item[item])
                self._remember(item, reading.documents.get(item))

    def _remember(self, item: Item, document: Document | None) -> None:
        updated_at = None if document is None else document.updated_at
        # Within the second of its change it may have changed once more.
        if updated_at is not None and self._wall() - updated_at > _CHANGES_WITHIN:
            self._versions[item] = updated_at
            self._versions.move_to_end(item)
            if len(self._versions) > _VERSIONS:
                self._versions.popitem(last=False)

    def _decide_entries(
        self, off: Sequence[tuple[Entry, Sequence[Scenario]]], reading: Reading, decided: Decided
    ) -> bool:
        """Whether all that entries set off could be decided."""
        of_each = [self._decide_entry(entry, scenarios, reading) for entry, scenarios in off]
        for each in of_each:
            decided.entries += [] if each is None else each.entries
        return None not in of_each

    def _decide_watched(
        self, document: Document, watched: _Watched, look_up: LookUp, decided: Decided, *, is_seen: bool
    ) -> None:
        """What an entry sets off that the document itself tells of."""
        entry = _entry_of(document, watched.since, look_up, is_seen=is_seen)
        if entry is not None:
            self._deciding.entered(entry, self._off(entry, document.described, watched), document, decided)

    def _decide_entry(self, entry: Entry, off: Sequence[Scenario], reading: Reading) -> Decided | None:
        """What an entry sets off; None when its document is not to be had, and may be yet."""
        item = Item(entry.entity_type, entry.item)
        decided = Decided(name_of(item))
        error = reading.trouble(item, [placeholder for each in off for placeholder in each.needs])
        if error is None:
            self._deciding.entered(entry, off, reading.documents.get(item), decided)
            return decided
        if not all(each.is_late(entry.at, self._wall()) for each in off):
            return None
        self._deciding.refused(entry, off, Refusal.PORTAL_AWAY, str(error), decided)
        return decided

    async def _read(
        self,
        wanted: Iterable[Item],
        off: Sequence[tuple[Entry, Sequence[Scenario]]],
        changed: Collection[int] = (),
        by_themselves: Collection[int] = (),
    ) -> Reading:
        """These, with what the scenarios need that are set `off`, or that changes of these types may set off."""
        needs: dict[Item, list[Placeholder]] = {item: [] for item in wanted}
        if not needs:
            return Reading()
        sends = bool(off)
        for entry, scenarios in off:
            of_it = needs[Item(entry.entity_type, entry.item)]
            of_it.extend(placeholder for each in scenarios for placeholder in each.needs)
        for of in {item.entity_type for item in needs}:
            others = self._scenarios.of(Happening.CHANGED, of) if of in changed else []
            others += self._scenarios.of_entries(of) if of in by_themselves else []
            # Reminders are not sent now: they need no more than their dates, and to know whether there is one.
            dated = self._scenarios.of(Happening.DATE, of) if of in changed else []
            sends = sends or bool(others) or any(each.when for each in dated)
            of_type = [placeholder for each in others for placeholder in each.needs]
            of_type += [placeholder for each in dated for placeholder in each.conditions]
            for item, of_it in needs.items():
                if item.entity_type == of:
                    of_it.extend(of_type)
        return await self._reader.read(needs, needs, alone=not sends)

    async def _rules(self, of: int, items: Iterable[Item]) -> list[Followed]:
        return await self._journal.within(
            reminders.rules_of, of, [item.id for item in items if item.entity_type == of]
        )

    async def _seen(self, of: int, items: Iterable[Item]) -> Collection[int]:
        return await self._journal.within(look_ups.moved, of, [item.id for item in items if item.entity_type == of])

    async def _begun(self, types: Iterable[int]) -> dict[str, float]:
        """The scenarios for changes of these types that are at work, by their keys, and since when."""
        keys = [each.key for of in types for each in self._scenarios.of(Happening.CHANGED, of)]
        positions = await self._journal.within(look_ups.positions_named, [f"changed:{key}" for key in keys])
        return {name.removeprefix("changed:"): at for name, (_, at) in positions.items() if at > 0}

    # Entries into stages.

    async def _watched(self, of: int) -> _Watched | None:
        """None: the sweep has yet to find out where the history stands; from there on it counts."""
        history, documents = stage_history.position_of(of), stage_history.watch_of(of)
        beginnings = {each.beginning for each in self._scenarios.of_entries(of)}
        taken_up = stage_history.taken_up(of)
        known = await self._journal.within(look_ups.positions_named, [history, documents, taken_up, *beginnings])
        begun = {name: at for name, at in known.items() if name in beginnings}
        if len(begun) < len(beginnings):
            return None
        if documents in known:
            return _Watched(None, known[documents][1], begun)
        if history not in known:
            return None
        seen_until = known[taken_up][1] if taken_up in known else -math.inf
        return _Watched(*known[history], begun, seen_until)

    async def _history(
        self, items: Collection[Item], watched: Mapping[int, _Watched | None]
    ) -> tuple[list[Entry], dict[Item, Error]]:
        """What has happened to the stages of these since their type was gone through.

        And those whose history cannot be read, with what is said instead.
        """
        found: list[Entry] = []
        unread: dict[Item, Error] = {}
        commands: dict[str, tuple[int, Command]] = {}
        for of, known in watched.items():
            ids = [item.id for item in items if item.entity_type == of]
            if known is None or known.record is None:
                continue
            for start in range(0, len(ids), ITEMS_IN_A_PAGE):
                some = ids[start : start + ITEMS_IN_A_PAGE]
                commands[f"h{of}_{start}"] = of, stage_history.read_after(of, known.record, some)
        while commands:
            answers = await run_all(
                self._portal, {name: command for name, (_, command) in commands.items()}, apart=True
            )
            more: dict[str, tuple[int, Command]] = {}
            for name, (of, command) in commands.items():
                answer, owners = answers[name], command[1]["filter"]["OWNER_ID"]
                if isinstance(answer, (PortalTrouble, PortalError)):
                    unread |= {Item(of, owner): answer for owner in owners}
                    if isinstance(answer, PortalError) and stage_history.is_missing(answer):
                        self._on_no_history()
                    continue
                entries, goes_on = stage_history.entries(of, answer)
                found += entries
                if goes_on and entries:
                    more[name] = of, stage_history.read_after(of, entries[-1].record, owners)
            commands = more
        # Of a history that breaks off, nothing is done by halves: entries are dealt with in order.
        return [entry for entry in found if Item(entry.entity_type, entry.item) not in unread], unread

    async def _stages_described(self, types: Iterable[int], entries: Iterable[Entry]) -> Described:
        """What the portal says of its stages; anew when there is one that it has not told of."""
        if not self._scenarios.by_stages.intersection(types):
            return Described({}, Known())
        described = await self._reader.described(types)
        if all(described.has_stage(entry.entity_type, entry.stage) for entry in entries):
            return described
        return await self._reader.described(types, anew=True)

    def _off(self, entry: Entry, described: Described, watched: _Watched) -> list[Scenario]:
        """The scenarios that an entry may set off."""
        of = entry.entity_type
        off = self._scenarios.of(Happening.NEW, of) if entry.may_be_new else []
        off += [
            each for each in self._scenarios.of(Happening.STAGE, of) if each.is_entered(of, entry.stage, described)
        ]
        return [each for each in off if watched.has_begun(each, entry)]

    async def _set_off(
        self, entries: Sequence[Entry], described: Described, watched: Mapping[int, _Watched | None]
    ) -> list[tuple[Entry, list[Scenario]]]:
        """Of these, those that have not been dealt with and set something off."""
        by_type: dict[int, list[Entry]] = {}
        for entry in entries:
            by_type.setdefault(entry.entity_type, []).append(entry)
        found = []
        for of, of_type in by_type.items():
            known = watched[of]
            if known is None:
                continue
            done = await self._journal.within(look_ups.records_done, of, [entry.record for entry in of_type])
            found += [
                (entry, off)
                for entry in of_type
                if entry.record not in done and (off := self._off(entry, described, known))
            ]
        return found


def _item(look_up: LookUp) -> Item:
    assert look_up.event.entity_type is not None
    assert look_up.event.item is not None
    return Item(look_up.event.entity_type, look_up.event.item)


def _entry_of(document: Document, since: float, look_up: LookUp, *, is_seen: bool) -> Entry | None:
    """The entry into a stage that a document itself tells of; None when there was none `since` it is watched.

    `is_seen`: one has been seen before.
    """
    created_at, moved_at = document.created_at, document.moved_at
    was_told = bool((look_up.event.payload or {}).get("ADDED"))
    is_new = not is_seen and (was_told if created_at is None else created_at > since)
    at = max(filter(None, (created_at, moved_at)), default=None)
    if at is None and is_new:
        # It does not say when.
        at = look_up.first_at
    if at is None or at <= since:
        return None
    item = document.item
    return Entry(0, item.entity_type, item.id, document.stage, at, is_new, of_document=True)


def _end_all(
    connection: Connection,
    settled: Sequence[LookUp],
    put_off: Sequence[tuple[str, float, str]],
    early: Sequence[tuple[str, float]],
) -> None:
    look_ups.done(connection, settled)
    for key, due_at, trouble in put_off:
        look_ups.put_off(connection, key, due_at, trouble)
    for key, due_at in early:
        look_ups.wait(connection, [key], due_at)


def _begin(
    connection: Connection, name: str, at: float, events: Sequence[tuple[look_ups.Event, float]], now: float
) -> None:
    look_ups.advance(connection, name, 0, at)
    _note_all(connection, events, now)


def _note_all(connection: Connection, events: Sequence[tuple[look_ups.Event, float]], now: float) -> None:
    for event, wait in events:
        look_ups.note(connection, event, now, quiet=wait, longest=max(wait, _LONGEST_UNREST))
