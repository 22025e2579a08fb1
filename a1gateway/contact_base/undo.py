"""The undo of `a1gateway contacts clean`: all gets back what it held, but for what has been changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from twisted.internet.defer import execute

from ..journal.spool import OffThread
from .change_file import go_through
from .changes import Change
from .items import Entity
from .walk import Follow
from .writer import NotTaken, Standing, Why, Writer, of_standing, parts_of


@dataclass(slots=True)
class Undone:
    """What an undo has done, or would do."""

    restored: int = 0
    as_before: int = 0
    """Held already what they held before `clean`."""
    changed_since: int = 0
    not_taken: int = 0


class Undo:
    """One undo; to repeat it does no harm."""

    def __init__(
        self,
        writer: Writer,
        *,
        apply: bool,
        not_taken: Callable[[Sequence[NotTaken]], None] = lambda parts: None,
        off_thread: OffThread = execute,
    ) -> None:
        """Put back what was there, wherever what `clean` wrote is still there; without `apply` only find out.

        `not_taken` hears of what is left alone, or has not come about. What may block is done by `off_thread`.
        """
        self._writer = writer
        self._apply = apply
        self._heard_of = not_taken
        self._off_thread = off_thread
        self.done = Undone()

    async def run(
        self,
        changes: Iterable[Change],
        totals: Mapping[Entity, int] | None = None,
        follow: Follow = lambda reached: None,
    ) -> Undone:
        """Raises as `Writer.write` and `kept_changes`; `totals` as for `go_through`."""
        await go_through(changes, self._undo, totals or {}, follow, self._off_thread)
        return self.done

    async def _undo(self, entity: Entity, changes: Sequence[Change]) -> None:
        items = await self._writer.read(entity, [change.id for change in changes])
        back: list[Change] = []
        left: list[NotTaken] = []
        for change in changes:
            item = items.get(change.id)
            still = of_standing(change, item, Standing.NEW)
            since = of_standing(change, item, Standing.ANOTHER)
            self.done.restored += still.size
            self.done.as_before += of_standing(change, item, Standing.OLD).size
            self.done.changed_since += since.size
            left += parts_of(since.reversed(), Why.CHANGED_SINCE)
            if still.size:
                back.append(still.reversed())
        if self._apply:
            not_taken = await self._writer.write(entity, back)
            self.done.restored -= len(not_taken)
            self.done.not_taken += len(not_taken)
            left += not_taken
        if left:
            await self._off_thread(self._heard_of, left)


def summary(done: Undone, *, applied: bool) -> Iterator[str]:
    """What became of it, line by line."""
    yield f"{'put back' if applied else 'would be put back'}: {done.restored:,}"
    yield f"as they were already: {done.as_before:,}"
    yield f"changed since and left alone: {done.changed_since:,}"
    if applied:
        yield f"not taken by the portal: {done.not_taken:,}"
    else:
        yield "nothing has been changed; --apply does it"


def not_put_back(part: NotTaken) -> str:
    """What an undo has not brought about, for people."""
    where = f"{part.entity.label} {part.id}"
    if part.why is Why.CHANGED_SINCE:
        return f"{where}: {part.what} has been changed since, and is left alone"
    return f"{where}: {part.what!r} is not put back: {part.reason}"
