"""`a1gateway contacts clean`: certain numbers get their normal form in the CRM, wrong ones a mark; and its undo.

What is certain and what is marked stands in `changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby, islice

from ..interfaces import IPortal
from .changes import Change, MarkField, UndoFile, Unusable, mark_field, planned
from .items import Entity, Item
from .pages import BaseReader
from .patience import Patience
from .progress import Progress
from .walk import counts, walk
from .writer import AT_ONCE, NotTaken, Standing, Writer, standing_of_mark, standing_of_phone

MOST_PAGES = 5
"""How many pages a walk that writes reads at once: what is changed was read a moment ago."""
_SHOWN = 20

Tell = Callable[[str], None]
"""Takes a line for people."""


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


async def mark_fields(portal: IPortal, patience: Patience, name: str, tell: Tell) -> dict[Entity, MarkField]:
    """The field `name` of each type that has it; says which have not.

    Raises `Unusable` when none has, and as `IPortal.call`.
    """
    fields: dict[Entity, MarkField] = {}
    for entity in Entity:
        asked = partial(portal.call, "crm.item.fields", {"entityTypeId": entity.value})
        answer = await patience.answer(asked)
        patience.progressed()
        try:
            fields[entity] = mark_field(answer, entity, name)
        except Unusable as unusable:
            tell(str(unusable))
    if not fields:
        raise Unusable(f"neither contacts, leads nor companies have a field {name} that could be marked")
    return fields


class Clean:
    """One walk through the base that writes, or says what it would write."""

    def __init__(
        self,
        reader: BaseReader,
        progress: Progress,
        tell: Tell,
        *,
        marks: dict[Entity, MarkField],
        writer: Writer | None = None,
        undo: UndoFile | None = None,
        listed: Callable[[Change], None] = lambda change: None,
    ) -> None:
        """Without `writer` nothing is changed; with one, `undo` keeps what was there. `listed` gets every change."""
        assert (writer is None) is (undo is None)
        self._reader = reader
        self._progress = progress
        self._tell = tell
        self._marks = marks
        self._writer = writer
        self._undo = undo
        self._listed = listed
        self._tally = Tally()

    async def run(self) -> Tally:
        """Raises `PortalTrouble`, `PortalError` and `OSError`; what has left until then stands in the undo file."""
        self._tally.items = await walk(self._reader, tuple(Entity), self._progress.walked, self._take)
        self._progress.clear()
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
                self._listed(change)
                if self._writer is None and self._tally.changed <= _SHOWN:
                    self._say(described(change))

    def _not_taken(self, part: NotTaken) -> None:
        self._tally.not_taken += 1
        self._tally.marks -= part.is_mark
        self._tally.phones -= not part.is_mark
        self._say(f"{part.entity.label} {part.id}: {part.what!r} is not changed: {part.why}")

    def _say(self, line: str) -> None:
        self._progress.clear()
        self._tell(line)


def described(change: Change) -> str:
    """A change, for people."""
    parts = [f"{phone.old!r} becomes {phone.new}" for phone in change.phones]
    if change.mark is not None:
        parts.append(f"{change.mark.field.name} becomes {change.mark.new}")
    return f"{change.entity.label} {change.id}: {', '.join(parts)}"


def summary(tally: Tally, *, applied: bool) -> Iterator[str]:
    """What became of it, line by line."""
    yield f"looked at: {counts(tally.items)}"
    if applied:
        yield f"changed: {tally.phones:,} numbers and {tally.marks:,} marks"
        yield f"not taken by the portal: {tally.not_taken:,}"
    else:
        yield f"would be changed: {tally.phones:,} numbers and {tally.marks:,} marks in {tally.changed:,} items"
        if tally.changed > _SHOWN:
            yield f"the first {_SHOWN} are shown; --output FILE writes them all"
        yield "nothing has been changed; --apply does it"


@dataclass(slots=True)
class Undone:
    """What an undo has done, or would do."""

    restored: int = 0
    as_before: int = 0
    """Held already what they held before `clean`."""
    changed_since: int = 0
    not_taken: int = 0


async def undo(changes: Iterable[Change], writer: Writer, tell: Tell, *, apply: bool) -> Undone:
    """Put back what was there, wherever what `clean` wrote is still there; without `apply` only say so.

    Raises as `Writer.write` and `kept_changes`; to repeat it does no harm.
    """
    done = Undone()
    for entity, of_one_type in groupby(changes, key=lambda change: change.entity):
        for some in _by(AT_ONCE, of_one_type):
            items = await writer.read(entity, [change.id for change in some])
            back = [
                each for change in some if (each := _to_undo(change, items.get(change.id), done, tell)) is not None
            ]
            for change in back:
                done.restored += len(change.phones) + (change.mark is not None)
            if not apply:
                continue
            for part in await writer.write(entity, back):
                done.restored -= 1
                done.not_taken += 1
                tell(f"{part.entity.label} {part.id}: {part.what!r} is not put back: {part.why}")
    return done


def _to_undo(change: Change, item: Item | None, done: Undone, tell: Tell) -> Change | None:
    """What has to be written to undo what is left of a change, or None."""
    where = f"{change.entity.label} {change.id}"

    def wanted(standing: Standing, what: str) -> bool:
        if standing is Standing.OLD:
            done.as_before += 1
        elif standing is Standing.ANOTHER:
            done.changed_since += 1
            tell(f"{where}: {what} has been changed since, and is left alone")
        return standing is Standing.NEW

    phones = tuple(each for each in change.phones if wanted(standing_of_phone(item, each), each.new))
    mark = change.mark
    if mark is not None and not wanted(standing_of_mark(item, mark), mark.field.name):
        mark = None
    return replace(change, phones=phones, mark=mark).reversed() if phones or mark is not None else None


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
