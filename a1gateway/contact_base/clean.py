"""`a1gateway contacts clean`: certain numbers get their normal form in the CRM, wrong ones a mark; and its undo.

What is certain and what is marked stands in `changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice

from ..interfaces import IPortal
from .changes import Change, MarkField, UndoFile, Unusable, mark_field, planned
from .items import Entity, Item
from .pages import BaseReader
from .patience import Patience
from .walk import Follow, counts, walk
from .writer import AT_ONCE, NotTaken, Standing, Why, Writer, of_standing, parts_of

MOST_PAGES = 5
"""How many pages a walk that writes reads at once: what is changed was read a moment ago."""
SHOWN = 20
"""So many of the changes that would be made are shown."""

_REASONS = {
    Why.CHANGED_MEANWHILE: "somebody else has changed it",
    Why.KEPT: "the portal has kept what was there",
}


@dataclass(slots=True)
class Tally:
    """What has been done, or would be."""

    items: dict[Entity, int] = field(default_factory=dict)
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
    portal: IPortal, patience: Patience, name: str, unusable: Callable[[Unusable], None]
) -> dict[Entity, MarkField]:
    """The field `name` of each type that has it; `unusable` hears of those that have not.

    Raises `Unusable` when none has, and as `IPortal.call`.
    """
    fields: dict[Entity, MarkField] = {}
    for entity in Entity:
        asked = partial(portal.call, "crm.item.fields", {"entityTypeId": entity.value})
        answer = await patience.answer(asked)
        patience.progressed()
        try:
            fields[entity] = mark_field(answer, entity, name)
        except Unusable as why:
            unusable(why)
    if not fields:
        raise Unusable(f"neither contacts, leads nor companies have a field {name} that could be marked")
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
        not_taken: Callable[[NotTaken], None] = lambda part: None,
    ) -> None:
        """Without `writer` nothing is changed; with one, `undo` keeps what was there.

        `listed` gets every change, some at a time, and `not_taken` what has not come about of them.
        """
        assert (writer is None) is (undo is None)
        self._reader = reader
        self._follow = follow
        self._marks = marks
        self._writer = writer
        self._undo = undo
        self._listed = listed
        self._heard_of = not_taken
        self._tally = Tally()

    async def run(self) -> Tally:
        """Raises `PortalTrouble`, `PortalError` and `OSError`; what has left until then stands in the undo file."""
        self._tally.items = await walk(self._reader, tuple(Entity), self._follow, self._take)
        return self._tally

    async def _take(self, entity: Entity, items: Sequence[Item]) -> None:
        mark = self._marks.get(entity)
        changes = (change for item in items if (change := planned(item, mark)) is not None)
        for some in _by(AT_ONCE, changes):
            if self._writer is not None and self._undo is not None:
                self._undo.keep(some)
                for each in await self._writer.write(entity, some):
                    self._not_taken(each)
            for change in some:
                self._tally.add(change)
            self._listed(some)

    def _not_taken(self, part: NotTaken) -> None:
        self._tally.not_taken += 1
        self._tally.marks -= part.is_mark
        self._tally.phones -= not part.is_mark
        self._heard_of(part)


def described(change: Change) -> str:
    """A change, for people."""
    parts = [f"{phone.old!r} becomes {phone.new}" for phone in change.phones]
    if change.mark is not None:
        parts.append(f"{change.mark.field.name} becomes {change.mark.new}")
    return f"{change.entity.label} {change.id}: {', '.join(parts)}"


def not_changed(part: NotTaken) -> str:
    """What has not come about, for people."""
    return f"{part.entity.label} {part.id}: {part.what!r} is not changed: {part.said or _REASONS[part.why]}"


def not_put_back(part: NotTaken) -> str:
    """What an undo has not brought about, for people."""
    where = f"{part.entity.label} {part.id}"
    if part.why is Why.CHANGED_SINCE:
        return f"{where}: {part.what} has been changed since, and is left alone"
    return f"{where}: {part.what!r} is not put back: {part.said or _REASONS[part.why]}"


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


@dataclass(slots=True)
class Undone:
    """What an undo has done, or would do."""

    restored: int = 0
    as_before: int = 0
    """Held already what they held before `clean`."""
    changed_since: int = 0
    not_taken: int = 0


async def undo(
    changes: Iterable[Change], writer: Writer, not_taken: Callable[[NotTaken], None], *, apply: bool
) -> Undone:
    """Put back what was there, wherever what `clean` wrote is still there; without `apply` only find out.

    `not_taken` hears of what has been left alone, or has not come about. Raises as `Writer.write` and `kept_changes`;
    to repeat it does no harm.
    """
    done = Undone()
    for entity, of_one_type in groupby(changes, key=lambda change: change.entity):
        for some in _by(AT_ONCE, of_one_type):
            items = await writer.read(entity, [change.id for change in some])
            back: list[Change] = []
            for change in some:
                item = items.get(change.id)
                still = of_standing(change, item, Standing.NEW)
                since = of_standing(change, item, Standing.ANOTHER)
                done.restored += still.size
                done.as_before += of_standing(change, item, Standing.OLD).size
                done.changed_since += since.size
                for part in parts_of(since.reversed(), Why.CHANGED_SINCE):
                    not_taken(part)
                if still.size:
                    back.append(still.reversed())
            if not apply:
                continue
            for part in await writer.write(entity, back):
                done.restored -= 1
                done.not_taken += 1
                not_taken(part)
    return done


def undo_summary(done: Undone, *, applied: bool) -> Iterator[str]:
    """What became of it, line by line."""
    yield f"{'put back' if applied else 'would be put back'}: {done.restored:,}"
    yield f"as they were already: {done.as_before:,}"
    yield f"changed since and left alone: {done.changed_since:,}"
    if applied:
        yield f"not taken by the portal: {done.not_taken:,}"
    else:
        yield "nothing has been changed; --apply does it"


def _by(size: int, changes: Iterable[Change]) -> Iterator[list[Change]]:
    remaining = iter(changes)
    while some := list(islice(remaining, size)):
        yield some
