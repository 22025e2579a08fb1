"""What the commands ask about campaigns: how far they are, and pausing, resuming, cancelling, beginning anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from ..campaigns import Campaigns
from ..journal.campaign_progress import Progress
from .operations import Operation

_BY = "the command line"


def campaign_operations(campaigns: Campaigns) -> dict[str, Operation]:
    """The latest campaigns; and changing the one with the `id`, which answers with how far it is."""

    async def latest(given: dict[str, Any]) -> Any:
        return [_written(each) for each in await campaigns.recent(int(given.get("limit", 10)))]

    def changing(change: Callable[[int, str], Awaitable[Progress]]) -> Operation:
        async def operation(given: dict[str, Any]) -> Any:
            return _written(await change(int(given["id"]), _BY))

        return operation

    return {
        "campaigns.list": latest,
        "campaigns.pause": changing(campaigns.pause),
        "campaigns.resume": changing(campaigns.resume),
        "campaigns.cancel": changing(campaigns.cancel),
        "campaigns.anew": changing(campaigns.begin_anew),
    }


def _written(found: Progress) -> dict[str, Any]:
    waiting = asdict(found.waiting) | {"total": found.waiting.total}
    return asdict(found) | {"waiting": waiting, "amount": str(found.amount), "done": found.done}
