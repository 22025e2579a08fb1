"""Asking the portal every few minutes for what no event has told of: Bitrix24 repeats none that was lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from twisted.logger import Logger

from ..bitrix24.contacts import Command, Item
from ..bitrix24.crm_answers import ITEMS_IN_A_PAGE, id_of, listed
from ..bitrix24.queries import Reference
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..due_loop import DueLoop
from ..hours import MINSK
from ..journal import look_ups, reminders
from ..journal.look_ups import Event
from . import stage_history
from .documents import name_of
from .look_ups import LookUps
from .parts import Parts
from .scenarios import Happening

_IDLE = 60.0
_FIRST_RETRY = 2.0
_LONGEST_RETRY = 300.0
# Records that are younger than this, in seconds, may have older neighbours that are not written yet.
_SETTLED_AFTER = 60.0
# How far the portal's clock and ours may be apart.
_CLOCKS_DIFFER = 120.0
_PAGES = 20
_SAID_FOR = 31 * 86400.0


class Sweep(DueLoop):
    """Goes through the history of stages behind where it was, and through what has changed since."""

    _log = Logger()

    def __init__(self, parts: Parts, looking: LookUps, *, every: float) -> None:
        """`every` is in seconds."""
        super().__init__("sweep", parts.clock, self._sweep)
        self._wall = parts.wall
        self._journal = parts.journal
        self._portal = parts.portal
        self._reader = parts.reader
        self._tokens = parts.tokens
        self._scenarios = parts.scenarios
        self._looking = looking
        self._every = every
        self._due_at = 0.0
        self._refused: set[int] = set()
        self._backoff = parts.backoff(_FIRST_RETRY, _LONGEST_RETRY)

    def renew(self) -> None:
        """The application has been installed: what stood in the way may be over."""
        self._backoff.reset()
        self._due_at = 0.0
        self.wake()

    async def _sweep(self) -> float:
        now = self._clock.seconds()
        if self._tokens.installation is None:
            return _IDLE
        wait = max(self._due_at - now, self._backoff.left)
        if wait > 0:
            return wait
        try:
            for of in sorted(self._scenarios.by_stages):
                await self._one(self._stages, of)
            with_reminders = await self._journal.within(reminders.types)
            for of in sorted(self._scenarios.by_documents | set(with_reminders)):
                await self._one(self._changes, of)
        except PortalTrouble as error:
            self._log.warn("the CRM cannot be searched for changes: {trouble}", trouble=str(error))
            return self._backoff.failed(error)
        self._backoff.succeeded()
        await self._journal.within(look_ups.forget_said, now - _SAID_FOR)
        self._due_at = now + self._every
        return self._every

    async def _one(self, sweep: Callable[[int], Awaitable[None]], of: int) -> None:
        """Of one type: that the portal refuses it is no reason to leave others alone."""
        try:
            await sweep(of)
        except PortalError as error:
            if of not in self._refused:
                self._log.error("type {of} of documents cannot be searched: {error}", of=of, error=str(error))
            self._refused.add(of)
        else:
            self._refused.discard(of)

    async def _stages(self, of: int) -> None:
        """All entries into stages of a type since the last time."""
        name = stage_history.position_of(of)
        position = await self._journal.within(look_ups.position, name)
        now = self._wall()
        if position is None:
            # What was before is nobody's business.
            latest = stage_history.latest(await self._call(stage_history.read_latest(of)))
            await self._journal.within(look_ups.advance, name, latest, now)
            self._looking.wake()
            return
        record = settled = position[0]
        while True:
            entries, more = stage_history.entries(of, await self._call(stage_history.read_after(of, record)))
            await self._looking.take_entries(entries)
            for entry in entries:
                record = entry.record
                if entry.at <= now - _SETTLED_AFTER:
                    settled = record
            if not more or not entries:
                break
        await self._journal.within(look_ups.advance, name, settled, now)
        await self._journal.within(look_ups.forget_records, of, settled)

    async def _changes(self, of: int) -> None:
        """Documents of a type that have changed since the last time, to be looked into."""
        now = self._wall()
        name = f"changes:{of}"
        position = await self._journal.within(look_ups.position, name)
        if position is not None:
            await self._look_into(of, {">=updatedTime": _written(position[1] - _CLOCKS_DIFFER)})
        await self._journal.within(look_ups.advance, name, 0, now)
        for key in await self._date_fields(of):
            # Dates that were there before the scenario was.
            begun = f"dates:{of}:{key}"
            if await self._journal.within(look_ups.position, begun) is None:
                await self._look_into(of, {f">={key}": _written(now)})
                await self._journal.within(look_ups.advance, begun, 0, now)

    async def _look_into(self, of: int, wanted: Mapping[str, Any]) -> None:
        async for page in self._pages(of, wanted):
            known: Sequence[int] = page
            if of not in self._scenarios.by_documents:
                known = sorted(await self._journal.within(reminders.items_with_reminders, of, page))
            await self._looking.note([Event(name_of(Item(of, id_)), of, id_) for id_ in known], quiet=0.0)

    async def _pages(self, of: int, wanted: Mapping[str, Any]) -> AsyncIterator[list[int]]:
        """The ids of documents, ascending: a page alone, and while pages are full, several in a request."""
        after, pages = 0, 1
        while True:
            found = await self._stretch(of, wanted, after, pages)
            if found:
                yield found
                after = found[-1]
            if len(found) < ITEMS_IN_A_PAGE:
                return
            pages = _PAGES

    async def _stretch(self, of: int, wanted: Mapping[str, Any], after: int, pages: int) -> list[int]:
        """What comes behind the id `after`, by pages that each ask for what is behind the last of the one before."""
        commands: dict[str, Command] = {}
        behind: int | Reference = after
        for number in range(pages):
            query = {
                "entityTypeId": of,
                "select": ["id"],
                "filter": {**wanted, ">id": behind},
                "order": {"id": "ASC"},
                "start": -1,
            }
            commands[f"p{number}"] = ("crm.item.list", query)
            behind = Reference(f"p{number}", "items", str(ITEMS_IN_A_PAGE - 1), "id")
        answers = await self._portal.batch(commands)
        found: list[int] = []
        for name in commands:
            answer = answers.get(name, PortalTrouble("Bitrix24 has not run a command"))
            if isinstance(answer, (PortalTrouble, PortalError)):
                if found:
                    break
                raise answer
            every = listed(answer.get("items")) if isinstance(answer, Mapping) else []
            page = sorted({id_ for each in every if (id_ := id_of(each)) is not None})
            # A reference that led nowhere is seen by what it brought.
            if not page or page[0] <= (found[-1] if found else after):
                break
            found += page
            if len(page) < ITEMS_IN_A_PAGE:
                break
        return found

    async def _date_fields(self, of: int) -> list[str]:
        """The keys of the fields that reminders of scenarios go by."""
        fields = (await self._reader.described({of})).fields[of]
        names = {each.field for each in self._scenarios.of(Happening.DATE, of)}
        return sorted({described.key for name in names if (described := fields.get(name)) is not None})

    async def _call(self, command: tuple[str, Mapping[str, Any]]) -> Any:
        return await self._portal.call(*command)


def _written(moment: float) -> str:
    return datetime.fromtimestamp(moment, MINSK).isoformat("T", "seconds")
