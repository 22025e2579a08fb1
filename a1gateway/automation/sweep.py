"""Asking the portal every few minutes for what no event has told of: Bitrix24 repeats none that was lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from twisted.logger import Logger

from ..bitrix24.batches import result_of, run_all, run_one
from ..bitrix24.contacts import Command
from ..bitrix24.crm_answers import ITEMS_IN_A_PAGE, id_of, listed, text_of
from ..bitrix24.item import Item, name_of
from ..bitrix24.queries import Reference
from ..bitrix24.trouble import CommandTrouble, PortalError, PortalTrouble
from ..hours import in_minsk
from ..journal import look_ups, portal_change, reminders, restored
from ..journal.look_ups import Event
from ..journal.portal_change import while_it_lasts
from ..journal.statements import Connection
from . import calls, stage_history
from .documents import Document, Fields
from .look_ups import LookUps
from .missed_calls import events_of
from .moments import read_moment
from .parts import Parts
from .portal_loop import PortalLoop
from .scenarios import Happening, Scenario

P = ParamSpec("P")
T = TypeVar("T")

_FIRST_RETRY = 2.0
_LONGEST_RETRY = 300.0
# How far the portal's clock and ours may be apart.
_CLOCKS_DIFFER = 120.0
# Records that are younger than this, in seconds, may have older neighbours that are not written yet.
_SETTLED_AFTER = 60.0 + _CLOCKS_DIFFER
_DAY = 86400.0
_PAGES = 20
_LEAST_MEMORY = 31 * 86400.0
_CALLS = "calls"
_NO_SEARCH = "type {of} of documents cannot be searched: {trouble}"
# That the journal keeps since when each scenario is at work.
_BEGINNINGS = "beginnings"
_CALLS_IN_A_PAGE = 50


class Sweep(PortalLoop):
    """Goes through the history of stages, and through what has changed and who has called, behind where it was."""

    _log = Logger()

    def __init__(self, parts: Parts, looking: LookUps, *, every: float) -> None:
        """`every` is in seconds."""
        super().__init__("sweep", parts, self._sweep, first_retry=_FIRST_RETRY, longest_retry=_LONGEST_RETRY)
        self._looking = looking
        self._every = every
        self._due_at = 0.0
        self._troubles: dict[str, str] = {}
        self._without_history: set[int] = set()
        """The types of which that has been said."""
        self._stumbles = parts.backoff(_FIRST_RETRY, _LONGEST_RETRY)
        self._stumbled: list[CommandTrouble] = []
        self._generation = 0

    @property
    def trouble(self) -> str | None:
        """What cannot be searched, and why; None while nothing is known to be."""
        return "; ".join(self._troubles.values()) or None

    def renew(self) -> None:
        """As of all; and there is something new to search."""
        self._due_at = 0.0
        super().renew()

    def hurry(self) -> None:
        """There is something that cannot wait for the next time."""
        self._due_at = 0.0
        self.wake()

    async def _sweep(self) -> float:
        now = self._clock.seconds()
        wait = max(self._due_at - now, self._portal_pause)
        if wait > 0:
            return wait
        self._stumbled.clear()
        self._generation = await self._journal.within(portal_change.generation)
        try:
            await self._forget_what_nobody_waits_for()
            for of in sorted(self._scenarios.by_stages):
                await self._one(stage_history.position_of(of), _NO_SEARCH, self._stages(of), of=of)
            with_reminders = await self._journal.within(reminders.types)
            watched = await self._watched()
            for of in sorted(self._scenarios.by_documents | set(with_reminders) | set(watched)):
                await self._one(_changes_of(of), _NO_SEARCH, self._changes(of), of=of)
            for each in self._scenarios.all:
                await self._one(
                    each.beginning, "scenario {name} cannot begin: {trouble}", self._begin(each), name=each.name
                )
            if self._scenarios.of(Happening.MISSED_CALL):
                # It is a right of its own; without it there are the events.
                await self._one(_CALLS, "calls cannot be searched: {trouble}", self._calls())
        except PortalTrouble as error:
            self._log.warn("the CRM cannot be searched for changes: {trouble}", trouble=str(error))
            return self._backoff.failed(error)
        memory = max(_LEAST_MEMORY, self._scenarios.longest_repeat)
        await self._journal.within(look_ups.forget_said, now - memory)
        await self._journal.within(reminders.forget_old, self._wall())
        await self._write(look_ups.advance, _BEGINNINGS, 0, self._wall())
        self._backoff.succeeded()
        pause = self._every
        if self._stumbled:
            # Sooner than otherwise, but no more often.
            pause = min(pause, self._stumbles.failed(self._stumbled[0]))
        else:
            self._stumbles.succeeded()
        self._due_at = now + pause
        return pause

    async def _write(self, work: Callable[Concatenate[Connection, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """Write something down that is known of this portal; raises `PortalChanged` when it is another one by now."""
        return await self._journal.within(while_it_lasts, self._generation, work, *arguments, **named)

    async def _one(self, what: str, text: str, sweep: Coroutine[Any, Any, None], **about: object) -> None:
        """Of one type, scenario or method: that the portal refuses it is no reason to leave others alone.

        `what` names it; `text` is what is said then, `about` what is put into it besides the trouble.
        """
        try:
            await sweep
        except CommandTrouble as trouble:
            self._stumbled.append(trouble)
            self._tell(what, text.format(trouble=trouble, **about))
        except PortalError as error:
            self._tell(what, text.format(trouble=error, **about))
        else:
            self._troubles.pop(what, None)

    def _tell(self, what: str, trouble: str) -> None:
        """Once, as long as it lasts."""
        if self._troubles.get(what) != trouble:
            self._troubles[what] = trouble
            self._log.error("{trouble}", trouble=trouble)

    async def _forget_what_nobody_waits_for(self) -> None:
        """What was read for scenarios that are not in the configuration any more: back there, they begin anew."""
        needed = {stage_history.position_of(of) for of in self._scenarios.by_stages}
        needed |= {stage_history.watch_of(of) for of in self._scenarios.by_stages}
        needed |= {stage_history.taken_up(of) for of in self._scenarios.by_stages}
        needed |= {_BEGINNINGS, restored.MARK, *(each.beginning for each in self._scenarios.all)}
        needed |= {_CALLS} if self._scenarios.of(Happening.MISSED_CALL) else set()
        types = self._scenarios.by_stages | self._scenarios.by_documents
        types |= set(await self._journal.within(reminders.types))
        needed |= {_changes_of(of) for of in types}
        for name in await self._journal.within(look_ups.positions_of):
            if name not in needed:
                await self._write(look_ups.forget_position, name)
        known = {each.key for each in self._scenarios.of_any(Happening.CHANGED)}
        await self._write(look_ups.forget_conditions, known)

    # Entries into stages.

    async def _watched(self) -> list[int]:
        """The types whose documents themselves are watched for entries into stages."""
        names = {stage_history.watch_of(of): of for of in self._scenarios.by_stages}
        known = await self._journal.within(look_ups.positions_named, list(names))
        return [names[name] for name in known]

    async def _stages(self, of: int) -> None:
        """All entries into stages of a type since the last time."""
        history, documents = stage_history.position_of(of), stage_history.watch_of(of)
        known = await self._journal.within(look_ups.positions_named, [history, documents])
        scenarios = self._scenarios.of_entries(of)
        if await self._has_stages(of):
            try:
                await self._begin_behind(scenarios, lambda: self._latest_entry(of), is_known=bool(known))
                if documents in known:
                    await self._take_up_history(of, known[documents][1])
                else:
                    await self._history(of, known.get(history))
            except PortalError as error:
                # One that was there is there still, unless the portal says that it has none.
                if history in known and not stage_history.is_missing(error):
                    raise
                self._tell_of_history(of, error)
            else:
                return
        await self._begin_behind(scenarios, _no_record, is_known=bool(known))
        if documents not in known:
            # What has happened since the history was read last counts; what was in it is known by `moves`.
            since = known[history][1] - _CLOCKS_DIFFER if history in known else self._wall()
            await self._write(_watch_documents, of, since)
            self._looking.wake()

    def _tell_of_history(self, of: int, error: PortalError) -> None:
        if of not in self._without_history:
            self._without_history.add(of)
            self._log.warn(
                "type {of} of documents has no history of stages: {error}; the documents are watched",
                of=of,
                error=str(error),
            )

    async def _has_stages(self, of: int) -> bool:
        described = await self._reader.described({of})
        return result_of(described.refused.get(of)) is None and described.fields[of].get("stageId") is not None

    async def _take_up_history(self, of: int, since: float) -> None:
        """The portal has a history now, and had none: of what is in it, some has been seen at the documents."""
        changes = await self._journal.within(look_ups.position, _changes_of(of))
        if changes is not None:
            since = max(since, changes[1] - _CLOCKS_DIFFER)
        entries, _ = stage_history.entries(of, await self._call(stage_history.read_since(of, in_minsk(since))))
        before = entries[0].record - 1 if entries else await self._latest_entry(of)
        await self._history(of, (before, since), is_taken_up=True)

    async def _history(self, of: int, position: tuple[int, float] | None, *, is_taken_up: bool = False) -> None:
        """Take what comes behind this position of a type's history; None: nothing has been read of it.

        `is_taken_up`: until now the documents themselves were watched.
        """
        name, now = stage_history.position_of(of), self._wall()
        if position is None:
            # What was before is nobody's business.
            await self._write(look_ups.advance, name, await self._latest_entry(of), now)
            self._looking.wake()
            return
        record = settled = position[0]
        waits = False
        while True:
            answer = await self._call(stage_history.read_after(of, record))
            entries, more = stage_history.entries(of, answer)
            left = await self._looking.take_entries(of, entries, self._generation, are_seen=is_taken_up)
            for entry in entries:
                waits = waits or entry.record in left or entry.at > now - _SETTLED_AFTER
                settled = settled if waits else entry.record
            # Behind records that cannot be read there may be others.
            last = stage_history.latest(answer)
            if not more or last <= record:
                break
            record = last
            settled = settled if waits else last
            if not is_taken_up:
                # Whatever happens on the next page, this one has been gone through.
                await self._write(look_ups.advance, name, settled, position[1])
        if is_taken_up:
            # What look-ups have seen at the documents meanwhile may come to stand in it.
            await self._write(_read_history, of, settled, now, self._wall() + _CLOCKS_DIFFER)
        else:
            await self._write(look_ups.advance, name, settled, now)
        await self._write(look_ups.forget_records, of, settled)
        # When the history goes away one day, what has been read until now is known.
        await self._write(look_ups.forget_moves, of, now - _CLOCKS_DIFFER)

    async def _latest_entry(self, of: int) -> int:
        return stage_history.latest(await self._call(stage_history.read_latest(of)))

    async def _begin_behind(
        self, scenarios: Sequence[Scenario], latest: Callable[[], Awaitable[int]], *, is_known: bool
    ) -> None:
        """For scenarios that are new, only what comes behind the `latest` record counts, and from now on.

        `is_known`: it has been read for others before. Raises `PortalTrouble` and `PortalError`.
        """
        names = [each.beginning for each in scenarios]
        begun = await self._journal.within(look_ups.positions_named, [_BEGINNINGS, *names])
        new = [name for name in names if name not in begun]
        if not new:
            return
        record, at = 0, self._wall()
        if is_known and _BEGINNINGS not in begun:
            # They were at work before the journal kept since when.
            at = 0.0
        elif is_known:
            record = await latest()
        for name in new:
            await self._write(look_ups.advance, name, record, at)
        self._looking.wake()

    # Documents.

    async def _changes(self, of: int) -> None:
        """Documents of a type that have changed since the last time, to be looked into."""
        now = self._wall()
        name = _changes_of(of)
        position = await self._journal.within(look_ups.position, name)
        if position is not None:
            watched = of in self._scenarios.by_documents or of in await self._watched()
            await self._look_into(of, {">=updatedTime": in_minsk(position[1] - _CLOCKS_DIFFER)}, every=watched)
        await self._write(look_ups.advance, name, 0, now)

    async def _begin(self, scenario: Scenario) -> None:
        """Find out what was before there was a scenario: dates that are to come still, conditions that hold."""
        of = scenario.entity_type
        begin = scenario.beginning
        if of is None or scenario.happening not in (Happening.DATE, Happening.CHANGED):
            return
        position = await self._journal.within(look_ups.position, begin)
        if position is not None and position[1] > 0:
            return
        if scenario.happening is Happening.DATE:
            now = self._wall()
            await self._dates(scenario, of, now)
            await self._write(look_ups.advance, begin, 0, now)
            self._looking.wake()
            return
        # By the portal's clock, as changes are.
        newest = await self._newest_change(of)
        if scenario.when:
            # As long as it is under way, its time is kept below 0.
            after, began = (0, newest) if position is None else (position[0], -position[1] or newest)
            await self._begin_with_conditions(scenario, of, after, began, newest)
            return
        await self._write(look_ups.advance, begin, 0, newest)
        self._looking.wake()

    async def _newest_change(self, of: int) -> float:
        """When a document of the type has changed last, by the portal's clock, in seconds since the epoch."""
        query = {"entityTypeId": of, "select": ["id", "updatedTime"], "order": {"updatedTime": "DESC"}, "start": -1}
        try:
            answer = await self._call(("crm.item.list", query))
        except PortalError as error:
            self._log.warn("what has changed last is not known: {error}", error=str(error))
            return self._wall()
        every = listed(answer.get("items")) if isinstance(answer, Mapping) else []
        times = [read_moment(text_of(each.get("updatedTime"))) for each in every if isinstance(each, Mapping)]
        known = [each for each in times if each is not None]
        # There are none, or they do not say when they have changed.
        return max(known) if known else self._wall() - (0.0 if every else _CLOCKS_DIFFER)

    async def _dates(self, scenario: Scenario, of: int, now: float) -> None:
        described = (await self._described(of)).get(scenario.field)
        if described is not None:
            # A date of today may be to come still.
            since = now - _DAY if described.kind == "date" else now
            await self._look_into(of, {f">={described.key}": in_minsk(since)}, every=True, anew=True)

    async def _begin_with_conditions(
        self, scenario: Scenario, of: int, after: int, began: float, newest: float
    ) -> None:
        """Find out which documents have fulfilled a condition since before there was the scenario.

        It `began` then, and was interrupted behind the id `after`; what has changed since was looked into in vain,
        perhaps. `newest` is the latest change of all now: of those that are read only now, how they stood before that
        nobody knows.
        """
        fields = await self._described(of)
        keys = {described.key for name in scenario.when if (described := fields.get(name)) is not None}
        keys |= {"updatedTime", *(["currencyId"] if "opportunity" in keys else [])}
        known = await self._reader.described({of})
        async for page in self._pages(of, {}, after=after, fields=sorted(keys)):
            documents = {Item(of, id_): Document(Item(of, id_), known, {of: each}) for id_, each in page.items()}
            unknown = await self._reader.name_people(documents, dict.fromkeys(documents, scenario.conditions))
            for trouble in unknown.values():
                raise CommandTrouble.of(trouble)
            holding = [
                item.id
                for item, each in documents.items()
                if scenario.is_for(each) and (each.updated_at is None or each.updated_at <= newest)
            ]
            await self._write(look_ups.holds_already, scenario.key, holding)
            await self._write(look_ups.advance, scenario.beginning, max(page), -began)
        changed = [
            id_
            async for page in self._pages(of, {">=updatedTime": in_minsk(began)}, fields=["updatedTime"])
            for id_ in page
        ]
        events = [Event(name_of(Item(of, id_)), of, id_) for id_ in changed]
        await self._looking.begin_with(scenario, began, events, self._generation)

    async def _described(self, of: int) -> Fields:
        described = await self._reader.described({of})
        result_of(described.refused.get(of))
        return described.fields[of]

    async def _look_into(self, of: int, wanted: Mapping[str, Any], *, every: bool, anew: bool = False) -> None:
        """Look into these, or if not `every` one, into those that reminders follow.

        `anew`: also if they have been looked into since they changed.
        """
        async for page in self._pages(of, wanted, fields=["updatedTime"]):
            known: Sequence[int] = [
                id_
                for id_, each in page.items()
                if anew or not self._looking.has_seen(Item(of, id_), read_moment(text_of(each.get("updatedTime"))))
            ]
            if not every:
                known = sorted(await self._journal.within(reminders.followed, of, known))
            await self._looking.note([(Event(name_of(Item(of, id_)), of, id_), None) for id_ in known])

    async def _pages(
        self, of: int, wanted: Mapping[str, Any], *, after: int = 0, fields: Sequence[str] = ()
    ) -> AsyncIterator[dict[int, Mapping[str, Any]]]:
        """Documents by their ids, ascending: a page alone, and while pages are full, several in a request."""
        pages = 1
        while True:
            found = await self._stretch(of, wanted, after, pages, fields)
            if found:
                yield found
                after = max(found)
            if len(found) < ITEMS_IN_A_PAGE:
                return
            pages = _PAGES

    async def _stretch(
        self, of: int, wanted: Mapping[str, Any], after: int, pages: int, fields: Sequence[str]
    ) -> dict[int, Mapping[str, Any]]:
        """What comes behind the id `after`, by pages that each ask for what is behind the last of the one before."""
        commands: dict[str, Command] = {}
        behind: int | Reference = after
        for number in range(pages):
            query = {
                "entityTypeId": of,
                "select": ["id", *fields],
                "filter": {**wanted, ">id": behind},
                "order": {"id": "ASC"},
                "start": -1,
            }
            commands[f"p{number}"] = ("crm.item.list", query)
            behind = Reference(f"p{number}", "items", str(ITEMS_IN_A_PAGE - 1), "id")
        answers = await run_all(self._portal, commands, apart=True)
        found: dict[int, Mapping[str, Any]] = {}
        last = after
        for name in commands:
            answer = answers.get(name, PortalTrouble("Bitrix24 has not run a command"))
            if isinstance(answer, (PortalTrouble, PortalError)):
                if found:
                    break
                result_of(answer)
            every = listed(answer.get("items")) if isinstance(answer, Mapping) else []
            page = {id_: each for each in every if (id_ := id_of(each)) is not None}
            # A reference that led nowhere is seen by what it brought.
            if not page or min(page) <= last:
                break
            found |= {id_: page[id_] for id_ in sorted(page)}
            last = max(page)
            if len(page) < ITEMS_IN_A_PAGE:
                break
        return found

    # Calls.

    async def _calls(self) -> None:
        """Calls since the last time: of those that came while nobody listened no event tells any more."""
        position = await self._journal.within(look_ups.position, _CALLS)
        scenarios = self._scenarios.of(Happening.MISSED_CALL)
        await self._begin_behind(scenarios, self._latest_call, is_known=position is not None)
        if position is None:
            await self._write(look_ups.advance, _CALLS, await self._latest_call(), self._wall())
        else:
            await self._calls_after(position[0])

    async def _latest_call(self) -> int:
        return max((record for record, _ in calls.records(await self._call(calls.read_latest()))), default=0)

    async def _calls_after(self, record: int) -> None:
        settled, now, waits = record, self._wall(), False
        scenarios = self._scenarios.of(Happening.MISSED_CALL)
        begun = await self._journal.within(look_ups.positions_named, [each.beginning for each in scenarios])
        while True:
            found = [each for each in calls.records(await self._call(calls.read_after(record))) if each[0] > record]
            for record, call in found:
                at = None if call is None else call.at
                waits = waits or (at is not None and at > now - _SETTLED_AFTER)
                settled = settled if waits else record
                if call is not None and at is not None:
                    at_work = [each for each in scenarios if record > begun[each.beginning][0]]
                    # Whoever may call back has had some of the time for it.
                    events = [(event, max(0.0, at + wait - now)) for event, wait in events_of(call, at_work)]
                    await self._looking.note(events)
            if len(found) < _CALLS_IN_A_PAGE:
                break
            await self._write(look_ups.advance, _CALLS, settled, now)
        await self._write(look_ups.advance, _CALLS, settled, now)

    async def _call(self, command: Command) -> Any:
        return await run_one(self._portal, command)


def _watch_documents(connection: Connection, of: int, since: float) -> None:
    """A type has no history any more: its documents are watched, and what is older than this is known."""
    look_ups.advance(connection, stage_history.watch_of(of), 0, since)
    look_ups.forget_position(connection, stage_history.position_of(of))


def _read_history(connection: Connection, of: int, record: int, now: float, seen_until: float) -> None:
    """A type has a history now, that has been read up to this record."""
    look_ups.advance(connection, stage_history.position_of(of), record, now)
    look_ups.advance(connection, stage_history.taken_up(of), 0, seen_until)
    look_ups.forget_position(connection, stage_history.watch_of(of))


async def _no_record() -> int:
    """Documents that are watched themselves have no records."""
    return 0


def _changes_of(of: int) -> str:
    """The name under which it keeps until when changes of a type's documents are known."""
    return f"changes:{of}"
