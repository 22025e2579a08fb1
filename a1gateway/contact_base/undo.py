"""The undo of `a1gateway contacts clean`: all gets back what it held, but for what has been changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from .change_file import batches
from .changes import Change
from .writer import AT_ONCE, NotTaken, Standing, Why, Writer, of_standing, parts_of


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
    for entity, some in batches(changes, AT_ONCE):
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
