"""What the command `restore` asks about SMS that are held since a backup was put back; and letting them go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime

from ..journal import Journal, restored
from ..receipts import Receipts
from .operations import Operation

# So many in a transaction: others want the journal too.
_AT_ONCE = 200


def restored_operations(
    clock: IReactorTime, journal: Journal, receipts: Receipts, *, on_due: Callable[[], None]
) -> dict[str, Operation]:
    """`on_due`: messages go on, in whatever stage they were."""

    async def held(given: dict[str, Any]) -> Any:
        del given
        return {"count": await journal.within(restored.held)}

    async def release(given: dict[str, Any]) -> Any:
        count, send = 0, bool(given["send"])
        while True:
            some = await journal.within(restored.release, clock.seconds(), _AT_ONCE, send=send)
            receipts.announce(some.changes)
            count += some.count
            if not some.count:
                break
        if send and count:
            on_due()
        return {"count": count}

    return {"restored.held": held, "restored.release": release}
