"""`a1gateway contacts clean`: certain numbers get their normal form in the CRM, wrong ones a mark.

What is certain and what is marked stands in `changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from twisted.internet.defer import execute

from ..interfaces import IPortal
from ..journal.spool import OffThread
from .change_file import UndoFile, batches
from .changes import Change, MarkField, NoMarkField, NothingToMark, mark_field, planned
from .items import Entity, Item, NamedEntity
from .pages import BaseReader
from .patience import Patience
from .walk import Follow, counts, walk
from .writer import AT_ONCE, NotTaken, Writer

MOST_PAGES = 5
"""How many pages a walk that writes reads at once: what is changed was read a moment ago."""
SHOWN = 20
"""So many of the changes that would be made are shown."""


@dataclass(slots=True)
class Tally:
    """What has been done, or would be."""

    items: dict[NamedEntity, int] = field(default_factory=dict)
    """How many have been looked at."""
    changed: int = 0
    """Items."""
    phones: int = 0
    marks: int = 0
    not_taken: int = 0
    """Numbers and marks that the portal did not take; not among those before."""

    def add(self, change: Change) -> None:
        """Count a change."""
        self.changed += 1
        self.phones += len(change.phones)
        self.marks += change.mark is not None


async def mark_fields(
    portal: IPortal, patience: Patience, name: str, unusable: Callable[[NoMarkField], None]
) -> dict[Entity, MarkField]:
    """The field `name` of each type that has it; `unusable` hears of those that have not.

    Raises `NothingToMark` when none has, and as `IPortal.call`.
    """
    fields: dict[Entity, MarkField] = {}
    for entity in Entity:
        asked = partial(portal.call, "crm.item.fields", {"entityTypeId": entity.value})
        answer = await patience.answer(asked)
        patience.progressed()
        try:
            fields[entity] = mark_field(answer, entity, name)
        except NoMarkField as why:
            unusable(why)
    if not fields:
        raise NothingToMark(f"neither contacts, leads nor companies have a field {name} that could be marked")
    return fields


class Clean:
    """One walk through the base that writes, or finds out what it would write."""

    def __init__(
        self,
        reader: BaseReader,
        follow: Follow,
        *,
        marks: Mapping[Entity, MarkField],
        writer: Writer | None = None,
        undo: UndoFile | None = None,
        listed: Callable[[Sequence[Change]], None] = lambda changes: None,
        not_taken: Callable[[Sequence[NotTaken]], None] = lambda parts: None,
        off_thread: OffThread = execute,
    ) -> None:
        """Without `writer` nothing is changed; with one, `undo` keeps what was there.

        `listed` gets every change, some at a time, and `not_taken` what has not come about of them. What may block,
        these two among it, is done by `off_thread`.
        """
        assert (writer is None) is (undo is None)
        self._reader = reader
        self._follow = follow
        self._marks = marks
        self._writer = writer
        self._undo = undo
        self._listed = listed
        self._heard_of = not_taken
        self._off_thread = off_thread
        self._tally = Tally()

    async def run(self) -> Tally:
        """Raises `PortalTrouble`, `PortalError` and `OSError`; what has left until then stands in the undo file."""
        self._tally.items = await walk(self._reader, tuple(Entity), self._follow, self._take)
        return self._tally

    async def _take(self, entity: Entity, items: Sequence[Item]) -> None:
        mark = self._marks.get(entity)

        def all_planned() -> list[Change]:
            return [change for item in items if (change := planned(item, mark)) is not None]

        for _, some in batches(await self._off_thread(all_planned), AT_ONCE):
            if self._writer is not None and self._undo is not None:
                await self._off_thread(self._undo.keep, some)
                await self._not_taken(await self._writer.write(entity, some))
            for change in some:
                self._tally.add(change)
            await self._off_thread(self._listed, some)

    async def _not_taken(self, parts: Sequence[NotTaken]) -> None:
        for part in parts:
            self._tally.not_taken += 1
            self._tally.marks -= part.is_mark
            self._tally.phones -= not part.is_mark
        if parts:
            await self._off_thread(self._heard_of, parts)


def described(change: Change) -> str:
    """A change, for people."""
    parts = [f"{phone.old!r} becomes {phone.new}" for phone in change.phones]
    if change.mark is not None:
        parts.append(f"{change.mark.field.name} becomes {change.mark.new}")
    return f"{change.entity.label} {change.id}: {', '.join(parts)}"


def not_changed(part: NotTaken) -> str:
    """What has not come about, for people."""
    return f"{part.entity.label} {part.id}: {part.what!r} is not changed: {part.reason}"


def summary(tally: Tally, *, applied: bool) -> Iterator[str]:
    """What became of it, line by line."""
    yield f"looked at: {counts(tally.items)}"
    if applied:
        yield f"changed: {tally.phones:,} numbers and {tally.marks:,} marks"
        yield f"not taken by the portal: {tally.not_taken:,}"
    else:
        yield f"would be changed: {tally.phones:,} numbers and {tally.marks:,} marks in {tally.changed:,} items"
        if tally.changed > SHOWN:
            yield f"the first {SHOWN} are shown; --output FILE writes them all"
        yield "nothing has been changed; --apply does it"
