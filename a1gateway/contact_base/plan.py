"""A clean in two steps: what it would change is looked at first, and then done as far as it still holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..journal.spool import OffThread
from .change_file import UndoFile, go_through
from .changes import Change, planned
from .items import Entity, Item
from .walk import Follow
from .writer import NotTaken, Standing, Why, Writer, of_standing, parts_of


@dataclass(slots=True)
class Applied:
    """What the application of a plan has done."""

    phones: int = 0
    marks: int = 0
    as_planned: int = 0
    """Numbers and marks that were already as they were to become."""
    changed_since: int = 0
    """Numbers and marks that are not what the plan has found, or are not to be changed any more; left alone."""
    not_taken: int = 0
    """Numbers and marks that the portal did not take; not among those before."""


def still_wanted(change: Change, item: Item | None) -> Change:
    """What of a planned change is to be made in the item as it is now: what cleaning would change in it all the same.

    Whatever else cleaning would change now, nobody has looked at.
    """
    field = None if change.mark is None else change.mark.field
    now = None if item is None else planned(item, field)
    if now is None:
        return replace(change, phones=(), mark=None)
    looked_at = {(phone.id, phone.old, phone.new) for phone in change.phones}
    phones = tuple(phone for phone in now.phones if (phone.id, phone.old, phone.new) in looked_at)
    return replace(change, phones=phones, mark=now.mark if now.mark == change.mark else None)


def _without(change: Change, other: Change) -> Change:
    """What of a change is not in another one of the same item."""
    others = {phone.id for phone in other.phones}
    phones = tuple(phone for phone in change.phones if phone.id not in others)
    return replace(change, phones=phones, mark=change.mark if other.mark is None else None)


class Application:
    """One application of a plan."""

    def __init__(
        self,
        writer: Writer,
        undo: UndoFile,
        *,
        not_taken: Callable[[Sequence[NotTaken]], None],
        off_thread: OffThread,
    ) -> None:
        """`undo` keeps what was there; `not_taken` hears of what is left alone, or has not come about.

        What may block is done by `off_thread`.
        """
        self._writer = writer
        self._undo = undo
        self._heard_of = not_taken
        self._off_thread = off_thread
        self.done = Applied()

    async def run(self, changes: Iterable[Change], totals: Mapping[Entity, int], follow: Follow) -> Applied:
        """Raises as `Writer.write` and `kept_changes`, and `OSError`; what has left is in the undo file."""
        await go_through(changes, self._apply, totals, follow, self._off_thread)
        return self.done

    async def _apply(self, entity: Entity, changes: Sequence[Change]) -> None:
        items = await self._writer.read(entity, [change.id for change in changes])

        wanted: list[Change] = []
        left: list[NotTaken] = []
        for change in changes:
            item = items.get(change.id)
            still = still_wanted(change, item)
            others = _without(change, still)
            there = of_standing(others, item, Standing.NEW)
            since = _without(others, there)
            self.done.as_planned += there.size
            self.done.changed_since += since.size
            left += parts_of(since, Why.CHANGED_SINCE)
            if still.size:
                wanted.append(still)
        if wanted:
            await self._off_thread(self._undo.keep, wanted)
            not_taken = await self._writer.write(entity, wanted)
            self.done.phones += sum(len(each.phones) for each in wanted)
            self.done.phones -= sum(not each.is_mark for each in not_taken)
            self.done.marks += sum(each.mark is not None for each in wanted)
            self.done.marks -= sum(each.is_mark for each in not_taken)
            self.done.not_taken += len(not_taken)
            left += not_taken
        if left:
            await self._off_thread(self._heard_of, left)
